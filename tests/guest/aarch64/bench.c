/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits cost: instructions per operation, from CNTVCT_EL0 under -icount shift=0, where an instruction is a nanosecond of
 * virtual time and every run is the same. One line per operation:
 *     bench: NAME INSTRUCTIONS
 * scripts/bench reads them. Loops are long, as the counter's granule is 16 ns, and a loop of NOPs is subtracted.
 */
#include "report.h"
#include "touch.h"

#define ROUNDS 2000u

static uint64_t freq;

/* Thousandths of an instruction in @ticks. */
static uint64_t milli(uint64_t ticks)
{
    return ticks * (1000000000000ull / freq);
}

static void report(const char *name, uint64_t ticks, uint64_t base_ticks, uint64_t n)
{
    uint64_t m = ticks > base_ticks ? (milli(ticks) - milli(base_ticks)) / n : 0;

    report_number(name, (m + 500) / 1000);
}

/* A loop of ROUNDS times one instruction, all of x0..x17 free for it; b (x20) is its operand. */
#define LOOP(name, op)                                                                                                       \
    static __attribute__((noinline)) uint64_t name(uint64_t operand)                                                         \
    {                                                                                                                        \
        uint64_t start = counter();                                                                                          \
        register uint64_t n __asm__("x19") = ROUNDS, b __asm__("x20") = operand;                                             \
        __asm__ volatile("1: movz x0, #0x8400, lsl #16\n\tmov x1, #0\n\tmov w2, #2\n\tmov x3, #0\n\t" op                     \
                         "\n\tsubs x19, x19, #1\n\tb.ne 1b"                                                                  \
                         : "+r"(n)                                                                                           \
                         : "r"(b)                                                                                            \
                         : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",    \
                           "x15", "x16", "x17", "cc", "memory");                                                             \
        return counter() - start;                                                                                            \
    }

LOOP(loop_nop, "nop")
LOOP(loop_hvc, "hvc #0")
LOOP(loop_smc, "smc #0")
LOOP(loop_host_call, "movk x0, #0xc600, lsl #16\n\thvc #0")
LOOP(loop_ldr, "ldr w0, [x20]")
LOOP(loop_str_zero, "str w1, [x20]")
LOOP(loop_str_two, "str w2, [x20]")
LOOP(loop_enable_disable, "str w2, [x20]\n\tstr w2, [x20, #0x80]")
LOOP(loop_mrs_id, "mrs x0, id_aa64mmfr0_el1")
LOOP(loop_msr_oslar, "msr oslar_el1, x3")
LOOP(loop_mrs_cntp, "mrs x0, cntp_ctl_el0")
LOOP(loop_dc_cisw, "dc cisw, x3")
LOOP(loop_ldp, "ldp w0, w1, [x20]")

static void run(const char *name, uint64_t (*loop)(uint64_t), uint64_t operand)
{
    uint64_t base;

    loop(operand); /* warm */
    base = loop_nop(0);
    report(name, loop(operand), base, ROUNDS);
}

void guest_irq(uint32_t intid)
{
    if (intid == 27)
        write_sysreg("cntv_ctl_el0", 2);
}

/* ---- interrupts ---- */

static void sgi_to_self(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start, base;

    irqs_on();
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t seen = cpu->irqs;

        __asm__ volatile("dsb ish\n\tisb" : : : "memory");
        if (cpu->irqs != seen)
            break;
    }
    base = counter() - start;
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t seen = cpu->irqs;

        gic_sgi(1, 0);
        while (cpu->irqs == seen)
            ;
    }
    report("sgi_self_eoi", counter() - start, base, ROUNDS);
    irqs_off();
}

/* From the deadline until the interrupted loop goes on: delivery, the vector, the handler and EOI, the way back. */

static void timer_latency(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t sum = 0;

    for (unsigned int i = 0; i < 200; i++) {
        uint32_t seen = cpu->count[27];
        uint64_t deadline = counter() + freq / 20000;

        write_sysreg("cntv_cval_el0", deadline);
        write_sysreg("cntv_ctl_el0", 1);
        irqs_on();
        while (cpu->count[27] == seen)
            ;
        irqs_off();
        sum += counter() - deadline;
    }
    report("vtimer_to_resume", sum, 0, 200);
}

static volatile uint64_t partner_up, partner_mode;

void guest_secondary_main(uint64_t n)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = 0;

    gic_init_cpu((unsigned int)n);
    partner_up = 1;
    for (;;) {
        if (cpu->irqs == seen)
            __asm__ volatile("yield");
        if (partner_mode == 1 && cpu->irqs == seen)
            __asm__ volatile("wfi");
        irqs_on();
        irqs_off();
        if (cpu->irqs != seen) {
            seen = cpu->irqs;
            gic_sgi(3, 0);
        }
    }
}

static void ping_pong(const char *name, uint64_t mode)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start = 0;

    partner_mode = mode;
    for (unsigned int i = 0; i < 220; i++) {
        uint64_t seen = cpu->irqs;

        if (i == 20)
            start = counter();
        gic_sgi(2, 1);
        irqs_on();
        while (cpu->irqs == seen)
            __asm__ volatile("yield");
        irqs_off();
    }
    report(name, counter() - start, 0, 200);
}

/* ---- memory ---- */

extern char _image_end[];

static void first_touch(void)
{
    struct touch t = touch_pages((uint64_t)_image_end);

    report("first_touch_4k", t.first, t.again, TOUCHED_PAGES);
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    freq = read_sysreg("cntfrq_el0");
    gic_init_distributor();
    gic_init_cpu(0);
    run("hvc_psci_version", loop_hvc, 0);
    run("smc_psci_version", loop_smc, 0);
    run("exit_to_host_and_back", loop_host_call, 0);
    run("gicd_typer_read", loop_ldr, GICD + 4);
    run("gicd_isenabler_write_same", loop_str_zero, GICD + 0x104);
    run("gicd_isenabler_icenabler_write", loop_enable_disable, GICD + 0x104);
    run("gicd_isenabler_write_set", loop_str_two, GICD + 0x104);
    run("gicr_typer_read", loop_ldr, GICR + 8);
    run("uart_fr_read", loop_ldr, UART + 0x18);
    run("uart_pair_load", loop_ldp, UART + 0xfe0);
    run("mrs_id_aa64mmfr0", loop_mrs_id, 0);
    run("msr_oslar", loop_msr_oslar, 0);
    run("mrs_cntp_ctl", loop_mrs_cntp, 0);
    run("dc_cisw", loop_dc_cisw, 0);
    sgi_to_self();
    timer_latency();
    first_touch();
    if (start_cpu(1) == 0) {
        while (!partner_up)
            __asm__ volatile("yield");
        ping_pong("sgi_ping_pong", 0);
        ping_pong("sgi_ping_pong_wfi", 1);
    }
    put_str("bench: done\n");
    power_off();
}
