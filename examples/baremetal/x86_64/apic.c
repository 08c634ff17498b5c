/* SPDX-License-Identifier: BSD-2-Clause */
#include "apic.h"

#include "board.h"
#include "cpu.h"
#include "sched.h"
#include "x86.h"

#define APIC_BASE_X2 (1u << 10)
#define APIC_BASE_ENABLED (1u << 11)
#define SVR_ENABLED (1u << 8)
#define ICR_PENDING (1u << 12)
#define ICR_ASSERT (1u << 14)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define CPUID1_C_X2APIC (1u << 21)

#define INIT_WAIT_NS UINT64_C(10000000)
#define SIPI_WAIT_NS UINT64_C(200000)

static volatile uint32_t *xapic;
static bool x2apic;

void apic_init(uint64_t base)
{
    xapic = (volatile uint32_t *)base;
    x2apic = (cpuid(1, 0).c & CPUID1_C_X2APIC) != 0;
}

bool apic_is_x2(void)
{
    return x2apic;
}

uint32_t apic_read(uint32_t reg)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC + reg / 16) : xapic[reg / 4];
}

void apic_write(uint32_t reg, uint32_t v)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + reg / 16, v);
    else
        xapic[reg / 4] = v;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

/* Task priority n lets vectors of the classes above through, and nobody else uses those of the timer and above. */
static void let_in(uint64_t above)
{
    __asm__ volatile("mov %0, %%cr8\n\tsti\n\tnop\n\tcli\n\tmov %1, %%cr8" : : "r"(above), "r"(UINT64_C(0)) : "memory");
}

bool apic_is_taking(void)
{
    return percpu_self()->taking_timer;
}

static enum axvm_x86_taken take_kick(void)
{
    let_in((VECTOR_KICK >> 4) - 1);
    return AXVM_X86_TAKEN_KICK;
}

static enum axvm_x86_taken take_timer(void)
{
    struct percpu *p = percpu_self();

    p->taking_timer = true;
    let_in((VECTOR_TIMER >> 4) - 1);
    p->taking_timer = false;
    sched_library_timer_taken();
    return AXVM_X86_TAKEN_TIMER;
}

#define IRR_BIT(vector) (1u << (vector) % 32)
_Static_assert(VECTOR_KICK / 32 == VECTOR_TIMER / 32, "both are in one register");

enum axvm_x86_taken apic_take_irq(void *ctx)
{
    uint32_t pending = apic_read(APIC_IRR + VECTOR_KICK / 32 * 16);

    (void)ctx;
    if (pending & IRR_BIT(VECTOR_KICK))
        return take_kick();
    return (pending & IRR_BIT(VECTOR_TIMER)) && sched_library_timer_due() ? take_timer() : AXVM_X86_TAKEN_NONE;
}

uint32_t apic_id(void)
{
    return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_cpu_init(void)
{
    static const uint32_t unused[] = { APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR };

    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLED);
    if (x2apic)
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2);
    apic_write(APIC_SVR, SVR_ENABLED | VECTOR_SPURIOUS);
    for (unsigned int i = 0; i < sizeof(unused) / sizeof(unused[0]); i++)
        apic_write(unused[i], APIC_LVT_MASKED);
    apic_write(APIC_TPR, 0);
}

/* To the CPU with this number; @low is the lower half of the register. */
static void send(uint32_t id, uint32_t low)
{
    unsigned long irqs = irq_save(); /* whose handler might send as well */

    if (x2apic) {
        /* What we wrote for that CPU is to be seen before the interrupt; this write to an MSR does not wait for it. */
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        wrmsr(MSR_X2APIC + APIC_ICR / 16, (uint64_t)id << 32 | low);
    } else {
        while (xapic[APIC_ICR / 4] & ICR_PENDING)
            cpu_relax();
        xapic[APIC_ICR_HIGH / 4] = id << 24;
        xapic[APIC_ICR / 4] = low;
    }
    irq_restore(irqs);
}

void board_send_kick(unsigned int cpu)
{
    send((uint32_t)cpus[cpu].hwid, ICR_ASSERT | VECTOR_KICK);
}

void board_send_poke(unsigned int cpu)
{
    send((uint32_t)cpus[cpu].hwid, ICR_ASSERT | VECTOR_POKE);
}

static void wait_ns(uint64_t ns)
{
    uint64_t start = board_time_ns();

    while (board_time_ns() - start < ns)
        cpu_relax();
}

/* "MP Initialization Protocol": INIT, 10 ms, SIPI; the second SIPI is for those that have missed the first. */
void apic_start_cpu(uint32_t id)
{
    send(id, ICR_ASSERT | ICR_INIT);
    wait_ns(INIT_WAIT_NS);
    for (unsigned int i = 0; i < 2; i++) {
        send(id, ICR_ASSERT | ICR_STARTUP | AP_PAGE >> 12);
        wait_ns(SIPI_WAIT_NS);
    }
}
