/* SPDX-License-Identifier: BSD-2-Clause */
/* The rest of common/board.h: boot, firmware, time. */
#include "board.h"

#include <axvm/config.h>
#include <axvm/riscv64.h>
#include <axvm/vcpu.h>
#include <libfdt.h>

#include "console.h"
#include "irqchip.h"
#include "lib.h"
#include "machine.h"
#include "riscv.h"
#include "sched.h"
#include "uart.h"

#define UART_IRQ_DEFAULT 10u

/* start.S */
uint64_t boot_hart __attribute__((section(".data")));
extern const char secondary_start[];
_Noreturn void secondary_main(struct cpu *cpu);

static uint64_t ticks_per_s, ns_per_tick_32, ticks_per_ns_32; /* the latter two: times 2^32 */
static const char *isa;
static bool sstc;

/* ---- boot ---- */

void board_set_self(struct cpu *cpu)
{
    __asm__ volatile("mv tp, %0" : : "r"(cpu));
}

/* Is @name among the extensions of an ISA string? */
static bool isa_has(const char *string, const char *name)
{
    for (; *string != '\0'; string++) {
        const char *after = *string == '_' ? str_after(string + 1, name) : NULL;

        if (after && (*after == '_' || *after == '\0'))
            return true;
    }
    return false;
}

/* The letters stand before the first longer name, after "rv64". */
bool board_has_vectors(void)
{
    const char *at = isa ? str_after(isa, "rv64") : NULL;

    for (; at && *at != '\0' && *at != '_'; at++) {
        if (*at == 'v')
            return true;
    }
    return false;
}

/* The firmware starts us on any hart: it is our CPU 0. */
static void put_boot_hart_first(void)
{
    for (unsigned int i = 1; i < machine.cpu_count; i++) {
        if (machine.cpu_hwid[i] == boot_hart) {
            machine.cpu_hwid[i] = machine.cpu_hwid[0];
            machine.cpu_hwid[0] = boot_hart;
        }
    }
}

static void read_cpu_node(void)
{
    int cpus_node = fdt_path_offset(machine.fdt, "/cpus"), cpu = fdt_first_subnode(machine.fdt, cpus_node), len;
    const fdt32_t *hz = fdt_getprop(machine.fdt, cpus_node, "timebase-frequency", &len);

    ticks_per_s = hz && len == 4 ? fdt32_ld(hz) : 10000000;
    isa = fdt_getprop(machine.fdt, cpu, "riscv,isa", NULL);
    sstc = isa && isa_has(isa, "sstc");
}

void board_early_init(void)
{
    put_boot_hart_first();
    read_cpu_node();
    if (!uart_init())
        board_power_off();
    ns_per_tick_32 = (UINT64_C(1000000000) << 32) / ticks_per_s;
    ticks_per_ns_32 = (ticks_per_s << 32) / UINT64_C(1000000000);
}

static void setup_cpu(void)
{
    board_timer_set(TIME_NEVER);
    SET_CSR("sstatus", 3u << 13); /* FS: the canary's threads move between CPUs */
    irqchip_cpu_init();
    if (options.canary)
        canary_cpu_init(options.guest_regs);
    WRITE_CSR("sie", SIE_SOFTWARE | SIE_TIMER | SIE_EXTERNAL | SIE_GUEST_EXTERNAL);
}

static uint32_t uart_irq(void)
{
    int len, node = fdt_node_offset_by_compatible(machine.fdt, -1, "ns16550a");
    const fdt32_t *cells = fdt_getprop(machine.fdt, node, "interrupts", &len);

    return cells && len >= 4 ? fdt32_ld(cells) : UART_IRQ_DEFAULT;
}

void board_init(void)
{
    cpus[0].hwid = boot_hart;
    irqchip_init(uart_irq());
    setup_cpu();
    irqchip_enable(uart_irq(), false);
}

void board_cpu_init(void)
{
    setup_cpu();
}

const char *board_description(void)
{
    static char text[32];

    format(text, sizeof(text), "%s, %s", sstc ? "Sstc" : "no Sstc", irqchip_name());
    return text;
}

/* Without translation all of it is. */
void board_map_ram(uint64_t base, uint64_t size)
{
    (void)base;
    (void)size;
}

void secondary_main(struct cpu *cpu)
{
    setup_cpu();
    cpu_main(cpu);
}

/* ---- firmware ---- */

/* Asleep, as one that spins keeps the emulated machine's other CPUs from running. Interrupts are off. */
static void pause_briefly(void)
{
    board_timer_set(board_time_ns() + 100000);
    __asm__ volatile("wfi" : : : "memory");
    board_timer_set(TIME_NEVER);
}

/* What the hart that is being started gets for a stack, for one that strays: start.S. */
void *starting_stack;

bool board_cpu_start(uint64_t hwid, struct cpu *cpu, void *stack_top)
{
    unsigned long irqs = irq_save();
    int64_t error;

    *(struct cpu **)((char *)stack_top - 16) = cpu;
    starting_stack = stack_top;
    __asm__ volatile("fence rw, rw" : : : "memory");
    error = sbi(SBI_HSM, 0, hwid, (uint64_t)secondary_start, (uint64_t)stack_top);
    while (error == 0 && !atomic_load(&cpu->online))
        pause_briefly();
    irq_restore(irqs);
    if (error != 0)
        host_log("axvm-host: hart %lu: hart_start: error %ld", (unsigned long)hwid, (long)error);
    return error == 0;
}

void board_power_off(void)
{
    sbi(SBI_SRST, 0, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}

/* ---- time ---- */

/* a * b / 2^32, without the 128-bit arithmetic of a compiler's library. */
static uint64_t scale(uint64_t a, uint64_t b_32)
{
    uint64_t low, high;

    __asm__("mul %0, %2, %3\n\tmulhu %1, %2, %3" : "=&r"(low), "=&r"(high) : "r"(a), "r"(b_32));
    return high << 32 | low >> 32;
}

uint64_t board_time_ns(void)
{
    return scale(READ_CSR("time"), ns_per_tick_32);
}

void board_timer_set(uint64_t ns)
{
    /* Both factors are rounded down, so this can be early; then the caller sets it again. */
    uint64_t ticks = ns == TIME_NEVER ? UINT64_MAX : scale(ns, ticks_per_ns_32) + 1;

    if (sstc)
        WRITE_CSR("0x14d", ticks); /* stimecmp */
    else
        sbi(SBI_TIME, 0, ticks, 0, 0);
}

/* ---- interrupts ---- */

/* A CPU has one software interrupt: what it is for is in memory. */
static _Atomic uint32_t poked[MAX_CPUS];

static void send_software(unsigned int cpu)
{
    sbi(SBI_IPI, 0, 1, cpus[cpu].hwid, 0);
}

void board_send_kick(unsigned int cpu)
{
    send_software(cpu);
}

void board_send_poke(unsigned int cpu)
{
    atomic_store(&poked[cpu], 1);
    send_software(cpu);
}

void board_software_irq(void)
{
    CLEAR_CSR("sip", SIE_SOFTWARE);
    if (atomic_exchange(&poked[cpu_self()->id], 0))
        host_poke_irq();
}

/* For the library, while a guest is loaded: a kick, and nothing that we would have to do? */
static bool take_kick(void *ctx)
{
    (void)ctx;
    CLEAR_CSR("sip", SIE_SOFTWARE);
    if (!atomic_load(&poked[cpu_self()->id]))
        return true;
    SET_CSR("sip", SIE_SOFTWARE);
    return false;
}

bool board_device_irq_enable(const struct axvm_passthrough *dev)
{
    return irqchip_enable(dev->host_irq, dev->edge);
}

void board_device_irq_disable(uint32_t irq)
{
    irqchip_disable(irq);
}

void board_device_irq_complete(uint32_t irq)
{
    irqchip_complete(irq);
}

void board_wait_irq(void)
{
    __asm__ volatile("wfi" : : : "memory");
    irq_restore(IRQS_ENABLED);
    (void)irq_save();
}

/* ---- threads ---- */

uintptr_t board_context_new(void *stack_top)
{
    uint64_t *frame = (uint64_t *)stack_top - 14; /* ra, s0..s11, as board_context_switch() stores them */

    for (unsigned int i = 0; i < 14; i++)
        frame[i] = 0;
    frame[0] = (uint64_t)thread_main;
    return (uintptr_t)frame;
}

/* ---- the rest ---- */

/* One for each CPU, as each has its own number. */
const struct axvm_cpu_config *board_cpu_config(bool host_uses_guest_regs)
{
    static struct axvm_riscv64_cpu_config riscv[MAX_CPUS];
    static struct axvm_cpu_config config[MAX_CPUS];
    unsigned int id = cpu_self()->id;

    riscv[id] = (struct axvm_riscv64_cpu_config){
        .hartid = cpu_self()->hwid,
        .timebase_hz = ticks_per_s,
        .isa = isa,
        .take_kick = take_kick,
        .flags = options.no_sstc ? AXVM_RISCV64_NO_SSTC : 0,
        .imsic = (volatile void *)irqchip_imsic(),
        .imsic_hpa = irqchip_imsic(),
        .imsic_ids = irqchip_imsic_ids(),
    };
    config[id] =
        (struct axvm_cpu_config){ .flags = host_uses_guest_regs ? AXVM_CPU_HOST_USES_GUEST_REGS : 0, .riscv64 = &riscv[id] };
    return &config[id];
}
