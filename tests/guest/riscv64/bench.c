/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What exits cost: instructions per operation, from the TIME counter under -icount shift=0, where an instruction is a
 * nanosecond of virtual time and every run is the same. One line per operation: bench: NAME INSTRUCTIONS scripts/bench reads
 * them. Loops are long, as a tick of the counter is 100 instructions, and a loop of NOPs is subtracted.
 */
#include "intc.h"
#include "report.h"
#include "touch.h"

#define ROUNDS 2000u
#define TICK 100u /* instructions: the machine's counter runs at 10 MHz */
#define SIE_SOFT (1ul << 1)
#define SIE_TIMER (1ul << 5)
#define SBI_FIRMWARE 0x0a000000ul /* the first of "Firmware Specific SBI Extension Space": the host's own calls */

static void report_milli(const char *name, uint64_t milli)
{
    report_number(name, (milli + 500) / 1000);
}

static void report(const char *name, uint64_t ticks, uint64_t base_ticks, uint64_t n)
{
    report_milli(name, ticks > base_ticks ? (ticks - base_ticks) * TICK * 1000 / n : 0);
}

/* What one round of a loop has in a0, a1, a6, a7. */
struct call {
    uint64_t a0, a1, a6, a7;
};

/* A loop of ROUNDS times one instruction, all of a0..a7 and t0..t6 free for it; s2 is its operand. */
#define LOOP(name, op)                                                                                                         \
    static __attribute__((noinline)) uint64_t name(uint64_t operand, const struct call *call)                                  \
    {                                                                                                                          \
        uint64_t start = counter();                                                                                            \
        register uint64_t n __asm__("s1") = ROUNDS, b __asm__("s2") = operand, a0 __asm__("s3") = call->a0;                    \
        register uint64_t a1 __asm__("s4") = call->a1, a6 __asm__("s5") = call->a6, a7 __asm__("s6") = call->a7;               \
        __asm__ volatile(".option push\n\t.balign 4\n\t.option norvc\n"                                                        \
                         "1: mv a0, s3\n\tmv a1, s4\n\tli a2, 0\n\tli a3, 0\n\tmv a6, s5\n\tmv a7, s6\n\t" op                  \
                         "\n\taddi s1, s1, -1\n\tbnez s1, 1b\n\t.option pop"                                                   \
                         : "+r"(n)                                                                                             \
                         : "r"(b), "r"(a0), "r"(a1), "r"(a6), "r"(a7)                                                          \
                         : "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2", "t3", "t4", "t5", "t6",           \
                           "memory");                                                                                          \
        return counter() - start;                                                                                              \
    }

LOOP(loop_nop, "nop")
LOOP(loop_ecall, "ecall")
LOOP(loop_lw, "lw a0, (s2)")
LOOP(loop_lbu, "lbu a0, (s2)")
LOOP(loop_sb, "sb a0, (s2)")
LOOP(loop_sw, "mv t0, s2\n\tsw a0, (t0)") /* as compilers choose registers */
LOOP(loop_enable_disable, "sw a0, (s2)\n\tsw zero, (s2)")
LOOP(loop_cycle, "csrr a0, cycle")
LOOP(loop_wfi, "wfi")
LOOP(loop_stopei, "csrr a0, 0x15c")
LOOP(loop_sireg, "csrw 0x151, zero")
LOOP(loop_fld, ".4byte 0x00093007") /* fld f0, 0(s2) */

static const struct call none;
static enum intc intc;

static void run(const char *name, uint64_t (*loop)(uint64_t, const struct call *), uint64_t operand, uint64_t a0)
{
    struct call call = { .a0 = a0 };
    uint64_t base;

    loop(operand, &call); /* warm */
    base = loop_nop(0, &none);
    report(name, loop(operand, &call), base, ROUNDS);
}

static void run_sbi(const char *name, const struct call *call)
{
    uint64_t base;

    loop_ecall(0, call);
    base = loop_nop(0, call);
    report(name, loop_ecall(0, call), base, ROUNDS);
}

static void calls(void)
{
    run_sbi("sbi_base_spec_version", &(struct call){ .a7 = SBI_BASE });
    run_sbi("sbi_base_probe", &(struct call){ .a7 = SBI_BASE, .a6 = 3, .a0 = SBI_TIME });
    run_sbi("sbi_set_timer_far", &(struct call){ .a7 = SBI_TIME, .a0 = UINT64_MAX });
    run_sbi("rfence_sfence_self", &(struct call){ .a7 = SBI_RFENCE, .a6 = 1, .a0 = 1 });
    run_sbi("rfence_fence_i_self", &(struct call){ .a7 = SBI_RFENCE, .a0 = 1 });
    run_sbi("exit_to_host_and_back", &(struct call){ .a7 = SBI_FIRMWARE });
}

/* ---- the AIA, where it is what the guest has ---- */

#define IDENTITY 3u

static void aplic(void)
{
    write32(APLIC, 0x100);
    write32(APLIC + 4 * IDENTITY, 1);
    write32(APLIC + 0x3000 + 4 * IDENTITY, 1);
    run("aplic_sourcecfg_read", loop_lw, APLIC + 4 * IDENTITY, 0);
    run("aplic_setie_read", loop_lw, APLIC + 0x1e00, 0);
    run("aplic_setie_write", loop_sw, APLIC + 0x1e00, 1u << IDENTITY);
    run("aplic_clrie_write", loop_sw, APLIC + 0x1f00, 1u << IDENTITY);
    run("aplic_claimi_read", loop_lw, APLIC + 0x401c, 0);
}

static void imsic(void)
{
    imsic_write(0x72, 0);
    imsic_write(0xc0, 0);
    run("imsic_seteipnum_write", loop_sw, IMSIC, IDENTITY);
    run("imsic_stopei_read", loop_stopei, 0, 0);
    imsic_write(0xc0, 0);
    run("imsic_eie_write", loop_sireg, 0, 0);
    run("imsic_aplic_setie_write", loop_sw, APLIC + 0x1e00, 1u << IDENTITY);
}

/* A store, the interrupt, stopi and stopei as Linux reads them, the vector and C handler of start.S. */
static void imsic_ipi_to_self(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start;

    imsic_write(0x80, 0);
    imsic_write(0xc0, 1u << IDENTITY);
    imsic_write(0x70, 1);
    set_csr(sie, 1ul << 9);
    irqs_on();
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t seen = cpu->irqs;

        write32(IMSIC, IDENTITY);
        while (cpu->irqs == seen)
            ;
    }
    report("imsic_ipi_self_with_handler", counter() - start, 0, ROUNDS);
    irqs_off();
    clear_csr(sie, 1ul << 9);
}

static void aia(void)
{
    if (intc == INTC_IMSIC) {
        imsic();
        imsic_ipi_to_self();
    } else {
        aplic();
    }
}

static void devices(void)
{
    run("plic_priority_read", loop_lw, PLIC + 4, 0);
    run("plic_enable_read", loop_lw, PLIC + 0x2080, 0);
    run("plic_enable_write_same", loop_sw, PLIC + 0x2080, 8);
    run("plic_enable_disable_write", loop_enable_disable, PLIC + 0x2080, 8);
    run("plic_claim_read", loop_lw, PLIC + 0x201004, 0);
    run("plic_threshold_write", loop_sw, PLIC + 0x201000, 0);
    run("uart_lsr_read", loop_lbu, UART + 5, 0);
    run("uart_scr_write", loop_sb, UART + 7, 0);
    set_csr(sstatus, 1ul << 13);
    run("uart_fld", loop_fld, UART, 0);
}

static void registers(void)
{
    run("csr_cycle_read", loop_cycle, 0, 0);
    /* With an interrupt that is pending and masked, it goes on at once. */
    set_csr(sie, SIE_SOFT);
    set_csr(sip, SIE_SOFT);
    run("wfi_pending", loop_wfi, 0, 0);
    clear_csr(sip, SIE_SOFT);
    clear_csr(sie, SIE_SOFT);
}

/* ---- interrupts ---- */

void guest_irq(uint64_t cause)
{
    if (cause == 1)
        clear_csr(sip, SIE_SOFT);
    else if (cause == 9)
        imsic_claim();
    else
        clear_csr(sie, SIE_TIMER);
}

static void ipi(uint64_t target)
{
    sbi(SBI_IPI, 0, 1, target, 0, 0, 0);
}

/* The same instructions, but for one that does nothing in place of ECALL. */
static void no_ipi(uint64_t target)
{
    register uint64_t a0 __asm__("a0") = 1, a1 __asm__("a1") = target, a2 __asm__("a2") = 0, a3 __asm__("a3") = 0;
    register uint64_t a4 __asm__("a4") = 0, a6 __asm__("a6") = 0, a7 __asm__("a7") = SBI_IPI;

    __asm__ volatile("nop" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
}

/* The whole of it: the call, the interrupt, the vector and C handler of start.S, the way back. The handler alone is subtracted.
 */
static void ipi_to_self(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start, handler, base, both;

    set_csr(sie, SIE_SOFT);
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++)
        no_ipi(hart());
    base = counter() - start;
    irqs_on();
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++)
        set_csr(sip, SIE_SOFT); /* no exit: vsip is the guest's own */
    handler = counter() - start;
    start = counter();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t seen = cpu->irqs;

        ipi(hart());
        while (cpu->irqs == seen)
            ;
    }
    both = counter() - start;
    irqs_off();
    clear_csr(sie, SIE_SOFT);
    report("ipi_self_with_handler", both, base, ROUNDS);
    report("ipi_self", both, base + handler, ROUNDS);
}

/* Ticks and instructions of a moment: wait for the next tick, three instructions a round. */
static uint64_t now_in_instructions(void)
{
    uint64_t first, tick, rounds;

    __asm__ volatile(".option push\n\t.option norvc\n\trdtime %0\n\tli %2, 0\n"
                     "1: rdtime %1\n\taddi %2, %2, 1\n\tbeq %1, %0, 1b\n\t.option pop"
                     : "=&r"(first), "=&r"(tick), "=&r"(rounds));
    return tick * TICK - 3 * rounds;
}

/*
 * From the deadline until the interrupted loop goes on, less what the guest's handler takes. The moment of programming is
 * spread over a tick, as an emulator may carry it into the deadline.
 */
static void timer_latency(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t sum = 0, handler = 0;

    for (uint64_t i = 0; i < 400; i++) {
        uint64_t seen = cpu->irqs, deadline, before;

        for (uint64_t spin = i % 50 + 1; spin != 0; spin--)
            __asm__ volatile("");
        deadline = counter() + 1000;
        sbi(SBI_TIME, 0, deadline, 0, 0, 0, 0);
        set_csr(sie, SIE_TIMER);
        irqs_on();
        while (cpu->irqs == seen)
            ;
        sum += now_in_instructions() - deadline * TICK;
        irqs_off();
        /* The same interrupt once more: it is pending already. */
        seen = cpu->irqs;
        before = now_in_instructions();
        set_csr(sie, SIE_TIMER);
        irqs_on();
        while (cpu->irqs == seen)
            ;
        handler += now_in_instructions() - before;
        irqs_off();
    }
    sbi(SBI_TIME, 0, UINT64_MAX, 0, 0, 0, 0);
    report_milli("timer_latency", sum > handler ? (sum - handler) * 1000 / 400 : 0);
    report_milli("timer_to_resume", sum * 1000 / 400);
}

static volatile uint64_t partner_up;

/* Both sleep: an emulator that counts instructions runs one CPU at a time, and goes on to the next when that one waits. */
static void await_ipi(struct guest_cpu *cpu, uint64_t seen)
{
    while (cpu->irqs == seen) {
        __asm__ volatile("wfi");
        irqs_on();
        irqs_off();
    }
}

/* The IPIs of guests with an IMSIC are MSIs. */
static void send_ipi(uint64_t target)
{
    if (intc == INTC_IMSIC)
        write32(IMSIC + 0x1000 * target, IDENTITY);
    else
        ipi(target);
}

static void take_ipis(void)
{
    if (intc == INTC_IMSIC) {
        imsic_write(0xc0, 1u << IDENTITY);
        imsic_write(0x72, 0);
        imsic_write(0x70, 1);
    }
    set_csr(sie, intc == INTC_IMSIC ? 1ul << 9 : SIE_SOFT);
}

void guest_secondary_main(uint64_t n, uint64_t opaque)
{
    struct guest_cpu *cpu = this_cpu();

    (void)n;
    (void)opaque;
    take_ipis();
    partner_up = 1;
    for (uint64_t seen = 0;; seen = cpu->irqs) {
        await_ipi(cpu, seen);
        send_ipi(0);
    }
}

static void ping_pong(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t start = 0;

    take_ipis();
    for (unsigned int i = 0; i < 220; i++) {
        uint64_t seen = cpu->irqs;

        if (i == 20)
            start = counter();
        send_ipi(1);
        await_ipi(cpu, seen);
    }
    report(intc == INTC_IMSIC ? "imsic_ipi_ping_pong_wfi" : "ipi_ping_pong_wfi", counter() - start, 0, 200);
}

/* Hart 1 comes up while we sleep for a while. */
static void with_partner(void)
{
    if (start_cpu(1, 0) != 0)
        return;
    while (!partner_up) {
        sbi(SBI_TIME, 0, counter() + 1000, 0, 0, 0, 0);
        set_csr(sie, SIE_TIMER);
        __asm__ volatile("wfi");
        irqs_on();
        irqs_off();
    }
    ping_pong();
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
    intc = intc_find();
    if (intc != INTC_PLIC) {
        aia();
        if (intc == INTC_IMSIC)
            with_partner();
        put_str("bench: done\n");
        power_off();
    }
    calls();
    devices();
    registers();
    ipi_to_self();
    timer_latency();
    first_touch();
    with_partner();
    put_str("bench: done\n");
    power_off();
}
