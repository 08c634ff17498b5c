/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that fills every register it reaches with values of its own and watches that they stay so, while a second one with
 * other values ("leak.b" on its command line) takes turns with it on the same CPU: hostile-guest.md, "state of others". Each finds
 * zeroes at its start. It ends with "leak: done FAILURES".
 */
#include "report.h"

#define ROUNDS 400u
#define SPINS 20000u
#define PATTERN_A 0x5aa5c33c0ff01248ul
#define PATTERN_B 0xa55a3cc3f00fedb0ul

/* What every CPU has, and then what only some have and a guest may be refused. Not what code at EL1 stands on. */
#define EACH_REGISTER(X)                                                                                               \
    X("ttbr0_el1") X("ttbr1_el1") X("tcr_el1") X("mair_el1") X("amair_el1") X("afsr0_el1") X("afsr1_el1")              \
    X("contextidr_el1") X("far_el1") X("par_el1") X("tpidr_el0") X("tpidrro_el0") X("sp_el0") X("cntkctl_el1")         \
    X("csselr_el1") X("dbgbvr0_el1") X("dbgbvr1_el1") X("dbgwvr0_el1") X("dbgwvr1_el1") X("fpsr")                      \
    /* DISR_EL1, TPIDR2_EL0, SCXTNUM_EL0, SCXTNUM_EL1, RGSR_EL1, GCR_EL1, TFSR_EL1, TFSRE0_EL1 */                      \
    X("s3_0_c12_c1_1") X("s3_3_c13_c0_5") X("s3_3_c13_c0_7") X("s3_0_c13_c0_7") X("s3_0_c1_c0_5") X("s3_0_c1_c0_6")    \
    X("s3_0_c5_c6_0") X("s3_0_c5_c6_1")                                                                                \
    /* ZCR_EL1, SMPRI_EL1, SMCR_EL1, TRFCR_EL1, TCR2_EL1, PIR_EL1, LORN_EL1, LORC_EL1 */                               \
    X("s3_0_c1_c2_0") X("s3_0_c1_c2_4") X("s3_0_c1_c2_6") X("s3_0_c1_c2_1") X("s3_0_c2_c0_3") X("s3_0_c10_c2_3")       \
    X("s3_0_c10_c4_2") X("s3_0_c10_c4_3")                                                                              \
    /* APIAKeyLo_EL1, PMUSERENR_EL0, PMCCNTR_EL0, PMSELR_EL0, AMUSERENR_EL0, MPAM1_EL1, ERRSELR_EL1, PMSCR_EL1 */      \
    X("s3_0_c2_c1_0") X("s3_3_c9_c14_0") X("s3_3_c9_c13_0") X("s3_3_c9_c12_5") X("s3_3_c13_c2_3") X("s3_0_c10_c5_0")   \
    X("s3_0_c5_c3_1") X("s3_0_c9_c9_0")

#define NAME(reg) reg,
static const char names[][16] = { EACH_REGISTER(NAME) };
#undef NAME
#define REGISTERS (sizeof(names) / sizeof(names[0]))


#define READ_REGISTER(reg) read_sysreg(reg)
#define WRITE_REGISTER(reg, v) write_sysreg(reg, v)
#include "each_register.h"

/* ---- SIMD&FP ---- */

#define EACH_V "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"

static void fill_vectors(uint64_t pattern)
{
    __asm__ volatile(".arch_extension simd\n\t.irp n, " EACH_V "\n\tadd x9, %0, #\\n\n\tdup v\\n\\().2d, x9\n\t.endr" : : "r"(pattern) : "x9");
}

/* The bits in which one of them differs from @pattern, plus @step times its number. */
static uint64_t check_vectors(uint64_t pattern, uint64_t step)
{
    uint64_t diff = 0;

    __asm__ volatile(".arch_extension simd\n\tmov x11, %1\n\t.irp n, " EACH_V "\n\t"
                     "mov x9, v\\n\\().d[0]\n\tmov x10, v\\n\\().d[1]\n\t"
                     "eor x9, x9, x11\n\teor x10, x10, x11\n\torr %0, %0, x9\n\torr %0, %0, x10\n\tadd x11, x11, %2\n\t.endr"
                     : "+&r"(diff)
                     : "r"(pattern), "r"(step)
                     : "x9", "x10", "x11");
    return diff;
}

/* ---- x0..x30 ---- */

/* Fill them, wait, spin; the bits in which one of them has changed. */
uint64_t leak_gprs(uint64_t pattern, uint64_t spins);
__asm__(".text\n"
        "leak_gprs:\n"
        "sub sp, sp, #112\n"
        "stp x19, x20, [sp]\n\tstp x21, x22, [sp, #16]\n\tstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\n\tstp x27, x28, [sp, #64]\n\tstp x29, x30, [sp, #80]\n\tstr x0, [sp, #96]\n"
        ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "add x\\n, x0, #\\n\n"
        ".endr\n"
        "wfi\n"
        "1: subs x1, x1, #1\n"
        "b.ne 1b\n"
        ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "sub x\\n, x\\n, #\\n\n\teor x\\n, x\\n, x0\n\torr x1, x1, x\\n\n"
        ".endr\n"
        "ldr x2, [sp, #96]\n\teor x0, x0, x2\n\torr x0, x0, x1\n"
        "ldp x19, x20, [sp]\n\tldp x21, x22, [sp, #16]\n\tldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\n\tldp x27, x28, [sp, #64]\n\tldp x29, x30, [sp, #80]\n"
        "add sp, sp, #112\n"
        "ret\n");

/* ---- */

/* Which of them this CPU gives its guests, by trying; all are zero at the start. */
static void probe(bool *have)
{
    struct guest_cpu *c = this_cpu();

    for (unsigned int n = 0; n < REGISTERS; n++) {
        uint32_t before = c->faults;
        uint64_t v;

        c->expect = true;
        v = get(n);
        c->expect = false;
        have[n] = c->faults == before;
        /* Exceptions taken in the probe itself leave FAR_EL1 alone: no abort was among them. */
        if (have[n] && v != 0)
            report_wrong(names[n], v, 0);
    }
}

static void fill(const bool *have, uint64_t *own, uint64_t pattern)
{
    for (unsigned int n = 0; n < REGISTERS; n++) {
        if (!have[n])
            continue;
        set(n, pattern + n);
        isb();
        own[n] = get(n);
    }
}

static void check(const bool *have, const uint64_t *own)
{
    for (unsigned int n = 0; n < REGISTERS; n++) {
        uint64_t v = have[n] ? get(n) : 0;

        if (have[n] && v != own[n])
            report_wrong(names[n], v, own[n]);
    }
}

/* Wait a millisecond or so in the host, where the other one runs meanwhile; then be interrupted while it computes. */
static void take_turns(uint64_t pattern, unsigned int round)
{
    uint64_t cval = counter() + read_sysreg("cntfrq_el0") / 1000, diff;

    write_sysreg("cntv_cval_el0", cval);
    write_sysreg("cntv_ctl_el0", 1);
    isb();
    diff = leak_gprs(pattern + round, SPINS);
    expect_same("x0..x30", diff, 0);
    if (read_sysreg("cntv_cval_el0") != cval || (read_sysreg("cntv_ctl_el0") & 3) != 1)
        report_wrong("the virtual timer", read_sysreg("cntv_cval_el0"), cval);
    write_sysreg("cntv_ctl_el0", 0);
    isb();
}

static void check_start(void)
{
    expect_same("v0..v31 at the start", check_vectors(0, 0), 0);
    expect_same("FPCR at the start", read_sysreg("fpcr"), 0);
    if (read_sysreg("elr_el1") != 0 || read_sysreg("spsr_el1") != 0 || read_sysreg("esr_el1") != 0)
        report_wrong("ELR_EL1, SPSR_EL1, ESR_EL1 at the start", read_sysreg("elr_el1"), 0);
    if (read_sysreg("cntv_cval_el0") != 0 || read_sysreg("cntv_ctl_el0") != 0)
        report_wrong("the virtual timer at the start", read_sysreg("cntv_cval_el0"), 0);
}

void guest_main(uint64_t fdt)
{
    static bool have[REGISTERS];
    static uint64_t own[REGISTERS];
    bool second = fdt_has_word(fdt, "leak.b");
    uint64_t pattern = second ? PATTERN_B : PATTERN_A, fpcr = second ? 0x01800000 : 0x02400000;

    report_part(second ? "second " : NULL);
    check_start();
    probe(have);
    gic_init_distributor();
    gic_init_cpu(0);
    fill_vectors(pattern);
    write_sysreg("fpcr", fpcr);
    fill(have, own, pattern);
    for (unsigned int round = 0; round < ROUNDS && report_failures < 10; round++) {
        take_turns(pattern, round);
        check(have, own);
        expect_same("v0..v31", check_vectors(pattern, 1), 0);
        expect_same("FPCR", read_sysreg("fpcr"), fpcr);
    }
    report_done();
    power_off();
}
