/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that debugs itself: breakpoints, watchpoints, software step, which the library loads only while a guest has enabled
 * them. One line each, "debug: NAME ok" or "... FAIL got=", the syndrome or how far ELR is off, then "debug: done FAILURES".
 */
#include "report.h"

#define EC_BREAKPOINT 0x31u
#define EC_STEP 0x33u
#define EC_WATCHPOINT 0x35u

#define MDSCR_SS 1ul
#define MDSCR_KDE_MDE 0xa000ul
#define BCR_EL1 0x1e3ul   /* enabled, EL1, all four bytes */
#define WCR_LOAD 0x1febul /* enabled, EL1, loads, all eight bytes */

/*
 * Every exception ends debugging and goes on at x12, with debug exceptions masked: x9 = ESR, x10 = ELR, x11 = FAR.
 * x13 is clobbered.
 */
__asm__(".section .text.debug_vectors, \"ax\"\n"
        ".balign 2048\n"
        "debug_vectors:\n"
        ".rept 16\n"
        ".balign 128\n"
        "mrs x9, esr_el1\n"
        "mrs x10, elr_el1\n"
        "mrs x11, far_el1\n"
        "msr mdscr_el1, xzr\n"
        "mrs x13, spsr_el1\n"
        "orr x13, x13, #0x200\n"
        "bic x13, x13, #0x200000\n"
        "msr spsr_el1, x13\n"
        "msr elr_el1, x12\n"
        "eret\n"
        ".endr\n"
        ".previous\n");

struct taken {
    uint64_t esr, elr, far, marker;
};

/* Run @code with debug exceptions on; label 1 is the instruction that is watched, label 3 where it goes on. */
#define UNDER_DEBUG(t, mdscr, before, code, in)                                                    \
    __asm__ volatile("mrs x14, vbar_el1\n\t"                                                       \
                     "adrp x9, debug_vectors\n\tadd x9, x9, :lo12:debug_vectors\n\t"               \
                     "msr vbar_el1, x9\n\tadr x12, 3f\n\tadr %3, 1f\n\t"                           \
                     "mov x9, #0\n\tmov x10, #0\n\tmov x11, #0\n\t" before                         \
                     "\n\tmsr mdscr_el1, %5\n\tisb\n\t" code                                       \
                     "\n3:\tmsr daifset, #8\n\tmsr mdscr_el1, xzr\n\tmsr vbar_el1, x14\n\tisb\n\t" \
                     "mov %0, x9\n\tmov %1, x10\n\tmov %2, x11"                                    \
                     : "=&r"((t).esr), "=&r"((t).elr), "=&r"((t).far), "=&r"((t).marker)           \
                     : "r"(in), "r"((uint64_t)(mdscr))                                             \
                     : "x9", "x10", "x11", "x12", "x13", "x14", "x15", "memory", "cc")


static void taken(const char *name, const struct taken *t, uint64_t ec, uint64_t elr)
{
    result(name, t->esr >> 26 == ec && t->elr == elr, t->esr >> 26 != ec ? t->esr : t->elr - elr);
}

static void breakpoint(void)
{
    struct taken t;

    UNDER_DEBUG(t, MDSCR_KDE_MDE, "msr dbgbvr0_el1, %3\n\tmsr dbgbcr0_el1, %4\n\tisb", "msr daifclr, #8\n\tisb\n1:\tnop\n\tnop",
                BCR_EL1);
    taken("breakpoint", &t, EC_BREAKPOINT, t.marker);
    UNDER_DEBUG(t, MDSCR_KDE_MDE, "msr dbgbvr1_el1, %3\n\tmsr dbgbcr1_el1, %4\n\tisb", "1:\tnop\n\tnop", BCR_EL1);
    taken("no breakpoint while masked", &t, 0, 0);
    UNDER_DEBUG(t, 0, "msr dbgbvr1_el1, %3\n\tmsr dbgbcr1_el1, %4\n\tisb", "msr daifclr, #8\n\tisb\n1:\tnop\n\tnop", BCR_EL1);
    taken("no breakpoint while disabled", &t, 0, 0);
    write_sysreg("dbgbcr0_el1", 0);
    write_sysreg("dbgbcr1_el1", 0);
}

/* The console's back end is the host: on the way there and back the registers change hands. */
static void breakpoint_across_an_exit(void)
{
    struct taken t;

    UNDER_DEBUG(t, MDSCR_KDE_MDE, "msr dbgbvr0_el1, %3\n\tmsr dbgbcr0_el1, %4\n\tisb",
                "movz x15, #0x0900, lsl #16\n\tmov w13, #'.'\n\tstr w13, [x15]\n\tmsr daifclr, #8\n\tisb\n1:\tnop\n\tnop",
                BCR_EL1);
    put_char('\n');
    taken("breakpoint after an exit to the host", &t, EC_BREAKPOINT, t.marker);
    write_sysreg("dbgbcr0_el1", 0);
}

static void watchpoint(void)
{
    static uint64_t watched[2] __attribute__((aligned(16)));
    struct taken t;

    write_sysreg("dbgwvr0_el1", (uint64_t)&watched[1]);
    write_sysreg("dbgwcr0_el1", WCR_LOAD);
    isb();
    UNDER_DEBUG(t, MDSCR_KDE_MDE, "", "msr daifclr, #8\n\tisb\n\tstr xzr, [%4]\n\tldr x15, [%4, #-8]\n1:\tldr x15, [%4]",
                &watched[1]);
    taken("watchpoint", &t, EC_WATCHPOINT, t.marker);
    result("FAR of a watchpoint", t.far == (uint64_t)&watched[1], t.far);
    write_sysreg("dbgwcr0_el1", 0);
}

/* An exception return with SPSR.SS: one instruction is executed, and the next one is not. */
#define STEP(insn)                                                                                             \
    "adr x9, 2f\n\tmsr elr_el1, x9\n\tmov x9, #0x05\n\tmovk x9, #0x20, lsl #16\n\tmsr spsr_el1, x9\n\tmov x9, #0\n\t" \
    "eret\n2:\t" insn "\n1:\tmov x15, #1\n\tnop"

static void step(void)
{
    struct taken t;

    UNDER_DEBUG(t, MDSCR_KDE_MDE | MDSCR_SS, "", STEP("nop"), 0ul);
    taken("software step", &t, EC_STEP, t.marker);
    UNDER_DEBUG(t, MDSCR_KDE_MDE | MDSCR_SS, "", STEP("mrs x15, cntp_ctl_el0"), 0ul);
    taken("software step over an emulated register", &t, EC_STEP, t.marker);
    UNDER_DEBUG(t, MDSCR_KDE_MDE | MDSCR_SS, "", STEP("ldr w15, [%4]"), UART + 0xfe0);
    taken("software step over an emulated load", &t, EC_STEP, t.marker);
    UNDER_DEBUG(t, MDSCR_KDE_MDE | MDSCR_SS, "", STEP("ldp w15, w13, [%4]"), UART + 0xfe0);
    taken("software step over an emulated pair", &t, EC_STEP, t.marker);
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    write_sysreg("oslar_el1", 0);
    write_sysreg("osdlr_el1", 0);
    isb();
    breakpoint();
    breakpoint_across_an_exit();
    watchpoint();
    step();
    report_done();
    power_off();
}
