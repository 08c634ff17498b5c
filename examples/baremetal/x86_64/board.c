/* SPDX-License-Identifier: BSD-2-Clause */
/* The rest of common/board.h: boot, CPUs, memory. */
#include "board.h"

#include <axvm/config.h>
#include <axvm/vcpu.h>
#include <axvm/x86_64.h>

#include "apic.h"
#include "canary.h"
#include "clock.h"
#include "cpu.h"
#include "ioapic.h"
#include "lib.h"
#include "machine.h"
#include "pc.h"
#include "rtc.h"
#include "sched.h"
#include "tree.h"
#include "uart.h"
#include "x86.h"

#define GIB (UINT64_C(1) << 30)
/* Present, writable, not executable; and large */
#define PAGE_4K_RW_NX (UINT64_C(1) << 63 | 3)
#define PAGE_RW_NX (PAGE_4K_RW_NX | 0x80)
#define CPUID_1_GIB_PAGES (1u << 26) /* 0x80000001.edx */
#define CPUID1_C_RDRAND (1u << 30)

/* start.S */
extern uint64_t boot_pdpt[512], boot_pd[4 * 512];
extern const char ap_trampoline[], ap_trampoline_end[];
extern void *volatile ap_stack;
_Noreturn void board_start(uint32_t magic, const struct multiboot_info *info);
_Noreturn void secondary_main(struct cpu *cpu);

static bool rdrand;

/* ---- boot ---- */

/* From start.S. */
void board_start(uint32_t magic, const struct multiboot_info *info)
{
    const char *why;
    const void *fdt;

    board_set_self(&cpus[0]);
    cpu_setup(0);
    uart_init();
    pc_init();
    fdt = tree_make(magic, info, &why);
    if (!fdt)
        host_fail(why);
    host_main(fdt);
}

static void setup_cpu(void)
{
    apic_cpu_init();
    clock_cpu_init();
    canary_cpu_init();
}

void board_early_init(void)
{
    rdrand = (cpuid(1, 0).c & CPUID1_C_RDRAND) != 0;
    apic_init(pc.lapic);
    apic_cpu_init();
    clock_init();
    rtc_init();
}

/* Page 0 has been read for the last time: from now on a null pointer is a page fault. */
static void unmap_null(void)
{
    static uint64_t table[512] __attribute__((aligned(4096)));

    for (unsigned int i = 1; i < 512; i++)
        table[i] = (uint64_t)i << 12 | PAGE_4K_RW_NX;
    boot_pd[0] = (uint64_t)table | 3;
    WRITE_REG("cr3", READ_REG("cr3"));
}

void board_init(void)
{
    unmap_null();
    cpus[0].hwid = pc.cpu_ids[0];
    ioapic_init();
    setup_cpu();
    ioapic_enable(ioapic_isa_input(UART_IRQ), true);
}

void board_cpu_init(void)
{
    setup_cpu();
}

const char *board_description(void)
{
    return clock_description();
}

/* A table of 2 MiB pages for each GiB, where the CPU has no larger ones. */
static uint64_t small_entry(uint64_t gib)
{
    static uint64_t tables[16][512] __attribute__((aligned(4096)));
    static unsigned int used;
    uint64_t *table = tables[used];

    if (used == ARRAY_LEN(tables))
        host_fail("too much RAM for a CPU without pages of 1 GiB");
    used++;
    for (unsigned int i = 0; i < 512; i++)
        table[i] = (gib + ((uint64_t)i << 21)) | PAGE_RW_NX;
    return (uint64_t)table | 3;
}

/* A new entry needs no invalidation where there was none. */
void board_map_ram(uint64_t base, uint64_t size)
{
    bool large = (cpuid_if(0x80000001).d & CPUID_1_GIB_PAGES) != 0;

    for (uint64_t gib = base & -GIB; gib < base + size; gib += GIB) {
        if (boot_pdpt[gib / GIB] == 0)
            boot_pdpt[gib / GIB] = large ? gib | PAGE_RW_NX : small_entry(gib);
    }
}

void secondary_main(struct cpu *cpu)
{
    board_set_self(cpu);
    cpu_setup(cpu->id);
    setup_cpu();
    cpu_main(cpu);
}

/* ---- CPUs ---- */

#define START_TIMEOUT_NS UINT64_C(2000000000)

bool board_cpu_start(uint64_t hwid, struct cpu *cpu, void *stack_top)
{
    uint64_t start = board_time_ns();

    *(struct cpu **)((char *)stack_top - 16) = cpu;
    ap_stack = stack_top;
    for (long i = 0; i < ap_trampoline_end - ap_trampoline; i++)
        ((volatile char *)AP_PAGE)[i] = ap_trampoline[i];
    apic_start_cpu((uint32_t)hwid);
    while (!atomic_load(&cpu->online)) {
        if (board_time_ns() - start > START_TIMEOUT_NS)
            return false;
        cpu_relax();
    }
    return true;
}

/* STI lets no interrupt in before the next instruction has been executed: none is missed. */
void board_wait_irq(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

/* ---- threads ---- */

uintptr_t board_context_new(void *stack_top)
{
    uint64_t *frame = (uint64_t *)stack_top - 8; /* r15..r12, rbx, rbp, and where board_context_switch() returns to */

    for (unsigned int i = 0; i < 8; i++)
        frame[i] = 0;
    frame[6] = (uint64_t)thread_main; /* entered with rsp as after a call */
    return (uintptr_t)frame;
}

/* ---- the rest ---- */

static bool random_word(uint64_t *word)
{
    for (unsigned int attempt = 0; attempt < 10; attempt++) {
        bool ok;

        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
        if (ok)
            return true;
    }
    return false;
}

bool board_entropy(void *buf, size_t len)
{
    char *out = buf;

    for (size_t i = 0; i < len; i++) {
        uint64_t word;

        if (!rdrand || !random_word(&word))
            return false;
        out[i] = (char)word;
    }
    return true;
}

const struct axvm_cpu_config *board_cpu_config(bool host_uses_guest_regs)
{
    static struct axvm_x86_cpu_config x86;
    static const struct axvm_cpu_config plain = { .x86_64 = &x86 };
    static const struct axvm_cpu_config careful = { .flags = AXVM_CPU_HOST_USES_GUEST_REGS, .x86_64 = &x86 };

    x86 = (struct axvm_x86_cpu_config){
        .tsc_hz = clock_tsc_hz(),
        .flags = AXVM_X86_INVARIANT_TSC | (options.no_apicv ? AXVM_X86_NO_APICV : 0) |
                 (options.trust_apicv ? AXVM_X86_TRUST_APICV : 0),
        .take_irq = apic_take_irq,
    };
    return host_uses_guest_regs ? &careful : &plain;
}
