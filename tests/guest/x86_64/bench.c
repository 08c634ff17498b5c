/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits cost: instructions per operation, from the TSC, which under QEMU's -icount shift=0 and in Bochs counts
 * instructions, so that every run is the same. One line per operation: bench: NAME INSTRUCTIONS scripts/bench reads them. A
 * loop of NOPs is subtracted.
 */
#include "report.h"
#include "touch.h"

#define ROUNDS 2000u
#define IPI_VECTOR 0x60u
#define PING_VECTOR 0x61u
#define TIMER_VECTOR 0x62u
#define DEAD_PORT 0x2e0 /* nobody answers there */

static volatile uint64_t taken_at;

static void report(const char *name, uint64_t ticks, uint64_t base, uint64_t n)
{
    report_number(name, ticks > base ? (ticks - base + n / 2) / n : 0);
}

/* ROUNDS times @op, with @setup before each; RBX is its operand, r12 counts. Only the time of @op counts, as the same loop with
 * a NOP in its place is subtracted. */
#define LOOP(name, setup, op)                                                                                                  \
    static __attribute__((noinline)) uint64_t name(uint64_t operand)                                                           \
    {                                                                                                                          \
        uint64_t start = rdtsc();                                                                                              \
        __asm__ volatile("mov %0, %%r13\n\tmov %1, %%r12d\n\t1: mov %%r13, %%rbx\n\t" setup "\n\t" op                          \
                         "\n\tdec %%r12d\n\tjnz 1b"                                                                            \
                         :                                                                                                     \
                         : "r"(operand), "i"(ROUNDS)                                                                           \
                         : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "cc", "memory");  \
        return rdtsc() - start;                                                                                                \
    }
#define OPERATION(name, setup, op)                                                                                             \
    LOOP(bench_##name, setup, op)                                                                                              \
    LOOP(base_##name, setup, "nop")

#define REGISTER_MSR(n) "mov $" n ", %%ecx"
#define ZERO_VALUE "\n\txor %%eax, %%eax\n\txor %%edx, %%edx"

OPERATION(vmmcall, "mov $0x7fff, %%eax", "vmmcall")
OPERATION(vmcall, "mov $0x7fff, %%eax", "vmcall")
OPERATION(cpuid, "xor %%eax, %%eax\n\txor %%ecx, %%ecx", "cpuid")
OPERATION(rdmsr_apic_base, REGISTER_MSR("0x1b"), "rdmsr")
OPERATION(rdmsr_patch_level, REGISTER_MSR("0x8b"), "rdmsr")
OPERATION(wrmsr_patch_level, REGISTER_MSR("0x8b") ZERO_VALUE, "wrmsr")
OPERATION(mov_to_cr0_same, "mov %%cr0, %%rax", "mov %%rax, %%cr0")
OPERATION(mov_to_cr3_same, "mov %%cr3, %%rax", "mov %%rax, %%cr3")
OPERATION(mov_to_cr4_same, "mov %%cr4, %%rax", "mov %%rax, %%cr4")
OPERATION(mov_to_cr8_zero, "xor %%eax, %%eax", "mov %%rax, %%cr8")
OPERATION(wbinvd, "", "wbinvd")
OPERATION(in_byte, "mov %%ebx, %%edx", "inb %%dx, %%al")
OPERATION(out_byte, "mov %%ebx, %%edx\n\tmov $0xff, %%eax", "outb %%al, %%dx")
OPERATION(load, "", "movl (%%rbx), %%eax")
OPERATION(store_zero, "xor %%eax, %%eax", "movl %%eax, (%%rbx)")
OPERATION(add_to_memory, "xor %%eax, %%eax", "addl %%eax, (%%rbx)")
OPERATION(x2apic_read, REGISTER_MSR("0x803"), "rdmsr")
OPERATION(x2apic_tpr_write, REGISTER_MSR("0x808") ZERO_VALUE, "wrmsr")
OPERATION(x2apic_eoi, REGISTER_MSR("0x80b") ZERO_VALUE, "wrmsr")

static void run(const char *name, uint64_t (*loop)(uint64_t), uint64_t (*base)(uint64_t), uint64_t operand)
{
    loop(operand); /* warm */
    report(name, loop(operand), base(operand), ROUNDS);
}
#define RUN(name, operation, operand) run(name, bench_##operation, base_##operation, operand)

void guest_irq(unsigned int vector)
{
    taken_at = rdtsc();
    (void)vector;
    apic_eoi();
}

/* ---- interrupts: with the payload runtime's whole C handler ---- */

static void self_ipi(const char *name)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start, base;

    irqs_on();
    start = rdtsc();
    for (unsigned int i = 0; i < ROUNDS; i++)
        __asm__ volatile("nop" : : : "memory");
    base = rdtsc() - start;
    start = rdtsc();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t seen = cpu->count[IPI_VECTOR];

        apic_send(apic_id(), 0x4000 | IPI_VECTOR);
        while (cpu->count[IPI_VECTOR] == seen)
            pause_cpu();
    }
    report(name, rdtsc() - start, base, ROUNDS);
    irqs_off();
}

/* From the deadline to the first instruction of the handler that looks at the clock. */
static void timer_latency(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t sum = 0;

    if ((cpuid(1, 0).c >> 24 & 1) == 0) {
        put_str("bench: no TSC deadline\n");
        return;
    }
    apic_write(APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR);
    for (unsigned int i = 0; i < 200; i++) {
        uint64_t seen = cpu->count[TIMER_VECTOR];
        uint64_t deadline = rdtsc() + 50000;

        wrmsr(MSR_TSC_DEADLINE, deadline);
        irqs_on();
        while (cpu->count[TIMER_VECTOR] == seen)
            ;
        irqs_off();
        sum += taken_at - deadline;
    }
    report("tsc_deadline_to_handler", sum, 0, 200);
}

static volatile uint64_t partner_up, partner_halts;

void guest_secondary_main(unsigned int n)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = 0;

    apic_enable((rdmsr(MSR_APIC_BASE) & 0x400) != 0);
    guest_cpus[n].apic_id = apic_id();
    partner_up = 1;
    for (;;) {
        irqs_on();
        while (cpu->count[PING_VECTOR] == seen && !partner_halts)
            pause_cpu();
        irqs_off();
        if (cpu->count[PING_VECTOR] == seen)
            wait_irq();
        if (cpu->count[PING_VECTOR] != seen) {
            seen = cpu->count[PING_VECTOR];
            apic_send(guest_cpus[0].apic_id, 0x4000 | PING_VECTOR);
        }
    }
}

static void ping_pong(const char *name, uint64_t halts)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start = 0;

    partner_halts = halts;
    for (unsigned int i = 0; i < 220; i++) {
        uint64_t seen = cpu->count[PING_VECTOR];

        if (i == 20)
            start = rdtsc();
        apic_send(guest_cpus[1].apic_id, 0x4000 | PING_VECTOR);
        irqs_on();
        while (cpu->count[PING_VECTOR] == seen)
            pause_cpu();
        irqs_off();
    }
    report(name, rdtsc() - start, 0, 200);
}

/* ---- memory ---- */

extern char _end[];

static void first_touch(void)
{
    struct touch t = touch_pages((uint64_t)_end);

    report("first_touch_4k", t.first, t.again, TOUCHED_PAGES);
}

static void exits(void)
{
    if (cpuid(0, 0).c == 0x444d4163) /* AuthenticAMD */
        RUN("hypercall_to_host_and_back", vmmcall, 0);
    else
        RUN("hypercall_to_host_and_back", vmcall, 0);
    RUN("port_to_host_and_back", in_byte, DEAD_PORT);
    RUN("cpuid", cpuid, 0);
    RUN("rdmsr_apic_base", rdmsr_apic_base, 0);
    RUN("rdmsr_patch_level", rdmsr_patch_level, 0);
    RUN("wrmsr_patch_level", wrmsr_patch_level, 0);
    RUN("mov_to_cr0_same", mov_to_cr0_same, 0);
    RUN("mov_to_cr3_same", mov_to_cr3_same, 0);
    RUN("mov_to_cr4_same", mov_to_cr4_same, 0);
    RUN("mov_to_cr8_zero", mov_to_cr8_zero, 0);
    RUN("wbinvd", wbinvd, 0);
    RUN("in_com1_scratch", in_byte, COM1 + 7);
    RUN("out_com1_scratch", out_byte, COM1 + 7);
    RUN("in_pic_mask", in_byte, 0x21);
    RUN("out_pic_mask", out_byte, 0x21);
}

static void memory_mapped(void)
{
    RUN("xapic_version_read", load, LAPIC + APIC_VERSION);
    RUN("xapic_tpr_write", store_zero, LAPIC + APIC_TPR);
    RUN("xapic_eoi_write", store_zero, LAPIC + APIC_EOI);
    RUN("xapic_tpr_add", add_to_memory, LAPIC + APIC_TPR);
    write32(IOAPIC, 1);
    RUN("ioapic_window_read", load, IOAPIC + 0x10);
    RUN("ioapic_select_write", store_zero, IOAPIC);
    RUN("mmio_to_host_and_back", load, 0xd0000000);
}

static void x2apic(void)
{
    apic_enable(true);
    RUN("x2apic_version_read", x2apic_read, 0);
    RUN("x2apic_tpr_write", x2apic_tpr_write, 0);
    RUN("x2apic_eoi", x2apic_eoi, 0);
    self_ipi("x2apic_self_ipi");
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    (void)cmdline;
    exits();
    apic_enable(false);
    memory_mapped();
    self_ipi("xapic_self_ipi");
    if ((cpuid(1, 0).c >> 21 & 1) != 0)
        x2apic();
    timer_latency();
    first_touch();
    guest_cpus[0].apic_id = apic_id();
    start_cpu(1);
    while (!partner_up)
        pause_cpu();
    ping_pong("ipi_ping_pong", 0);
    ping_pong("ipi_ping_pong_hlt", 1);
    put_str("bench: done\n");
}
