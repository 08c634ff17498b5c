/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that fills every register it reaches with values of its own and watches that they stay so, while a second one with
 * other values ("leak.b" on its command line) takes turns with it on the same CPU: hostile-guest.md rows 60, 86, "state of
 * others". Each finds zeroes at its start. It ends with "leak: done FAILURES"; "leak: vectors" says how long they are.
 */
#include "report.h"

#define ROUNDS 400u
#define SPINS 20000u
#define PATTERN_A 0x5aa5c33c0ff01248ul
#define PATTERN_B 0xa55a3cc3f00fedb0ul
#define STATUS_FS (3ul << 13)
#define STATUS_VS (3ul << 9)
#define SIE_TIMER (1ul << 5)

/* CSRs that keep what they are given, or part of it, and that code in S-mode does not stand on: sscratch, sepc, scause, stval,
 * scounteren, senvcfg, stimecmp, siselect; then what guests are refused here: scontext, sstateen0, vsscratch, hstatus,
 * htimedelta. */
#define EACH_REGISTER(X)                                                                                                       \
    X(0x140) X(0x141) X(0x142) X(0x143) X(0x106) X(0x10a) X(0x14d) X(0x150) X(0x5a8) X(0x10c) X(0x240) X(0x600) X(0x605)
#define NUMBER(csr) csr,
static const uint16_t numbers[] = { EACH_REGISTER(NUMBER) };
#undef NUMBER
#define CSRS (sizeof(numbers) / sizeof(numbers[0]))
#define STIMECMP 0x14d

static uint64_t vlenb; /* 0: no vectors */
static uint64_t vectors[32 * 512 / 8] __attribute__((aligned(16)));

#define READ_REGISTER(csr) read_csr(csr)
#define WRITE_REGISTER(csr, v) write_csr(csr, v)
#include "each_register.h"

static void fail_csr(unsigned int n, uint64_t got, uint64_t expected)
{
    put_str("leak: CSR ");
    put_hex(numbers[n]);
    put_char('\n');
    report_wrong("it", got, expected);
}

/* ---- f0..f31: FMV.D.X and FMV.X.D by number ---- */

#define EACH_32 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"

static void fill_fp(uint64_t pattern)
{
    __asm__ volatile(".irp n, " EACH_32 "\n\taddi t0, %0, \\n\n\t.insn r 0x53, 0, 0x79, x\\n, t0, x0\n\t.endr"
                     :
                     : "r"(pattern)
                     : "t0");
}

/* The bits in which one of them differs from @pattern, plus @step times its number. */
static uint64_t check_fp(uint64_t pattern, uint64_t step)
{
    uint64_t diff = 0;

    __asm__ volatile("mv t1, %1\n\t.irp n, " EACH_32
                     "\n\t.insn r 0x53, 0, 0x71, t0, x\\n, x0\n\txor t0, t0, t1\n\tor %0, %0, t0\n\t"
                     "add t1, t1, %2\n\t.endr"
                     : "+&r"(diff)
                     : "r"(pattern), "r"(step)
                     : "t0", "t1");
    return diff;
}

/* ---- v0..v31, by number ---- */

static bool have_vectors(void)
{
    struct guest_cpu *c = this_cpu();
    uint32_t before = c->faults;

    set_csr(sstatus, STATUS_VS);
    c->expect = true;
    __asm__ volatile(".4byte 0x0d807357" : : : "t1", "memory"); /* vsetvli t1, x0, e64, m1, ta, ma */
    c->expect = false;
    return c->faults == before;
}

/* VMV.V.X v\n, t0 */
static void fill_vectors(uint64_t pattern)
{
    __asm__ volatile(".4byte 0x0d807357\n\t.irp n, " EACH_32 "\n\taddi t0, %0, \\n\n\t.4byte 0x5e02c057 | \\n << 7\n\t.endr"
                     :
                     : "r"(pattern)
                     : "t0", "t1");
}

/* VS8R.V of all of them: needs no vtype, and changes nothing but vstart, which is 0. */
static void store_vectors(void)
{
    __asm__ volatile("mv a0, %0\n\tslli t0, %1, 3\n\t"
                     ".4byte 0xe2850027\n\tadd a0, a0, t0\n\t.4byte 0xe2850427\n\tadd a0, a0, t0\n\t"
                     ".4byte 0xe2850827\n\tadd a0, a0, t0\n\t.4byte 0xe2850c27"
                     :
                     : "r"(vectors), "r"(vlenb)
                     : "a0", "t0", "memory");
}

static uint64_t check_vectors(uint64_t pattern, uint64_t step)
{
    uint64_t diff = 0;

    store_vectors();
    for (uint64_t n = 0; n < 32; n++) {
        for (uint64_t i = 0; i < vlenb / 8; i++)
            diff |= vectors[n * vlenb / 8 + i] ^ (pattern + n * step);
    }
    return diff;
}

/* ---- x1..x31, but for sp and tp, which the vector stands on ---- */

/* Fill them, wait, spin; the bits in which one of them has changed. */
uint64_t leak_gprs(uint64_t pattern, uint64_t spins);
__asm__(
    ".text\n"
    "leak_gprs:\n"
    "addi sp, sp, -128\n"
    "sd ra, 0(sp)\n\tsd gp, 8(sp)\n\tsd s0, 16(sp)\n\tsd s1, 24(sp)\n\tsd s2, 32(sp)\n\tsd s3, 40(sp)\n\tsd s4, 48(sp)\n"
    "sd s5, 56(sp)\n\tsd s6, 64(sp)\n\tsd s7, 72(sp)\n\tsd s8, 80(sp)\n\tsd s9, 88(sp)\n\tsd s10, 96(sp)\n\tsd s11, 104(sp)\n"
    "sd a0, 112(sp)\n"
    ".irp n, 1,3,5,6,7,8,9,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "addi x\\n, a0, \\n\n"
    ".endr\n"
    "wfi\n"
    "1: addi a1, a1, -1\n"
    "bnez a1, 1b\n"
    ".irp n, 1,3,5,6,7,8,9,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
    "addi x\\n, x\\n, -\\n\n\txor x\\n, x\\n, a0\n\tor a1, a1, x\\n\n"
    ".endr\n"
    "ld a2, 112(sp)\n\txor a0, a0, a2\n\tor a0, a0, a1\n"
    "ld ra, 0(sp)\n\tld gp, 8(sp)\n\tld s0, 16(sp)\n\tld s1, 24(sp)\n\tld s2, 32(sp)\n\tld s3, 40(sp)\n\tld s4, 48(sp)\n"
    "ld s5, 56(sp)\n\tld s6, 64(sp)\n\tld s7, 72(sp)\n\tld s8, 80(sp)\n\tld s9, 88(sp)\n\tld s10, 96(sp)\n\tld s11, 104(sp)\n"
    "addi sp, sp, 128\n"
    "ret\n");

/* ---- */

/* Which of them this CPU gives its guests, by trying; all are zero at the start, but for the last exception and a timer that is
 * off. */
static void probe(bool *have)
{
    struct guest_cpu *c = this_cpu();

    for (unsigned int n = 0; n < CSRS; n++) {
        uint32_t before = c->faults;
        uint64_t v;

        c->expect = true;
        v = get(n);
        c->expect = false;
        have[n] = c->faults == before;
        if (have[n] && v != 0 && (numbers[n] < 0x141 || numbers[n] > 0x143) && !(numbers[n] == STIMECMP && v == UINT64_MAX))
            fail_csr(n, v, 0);
    }
}

static void fill(const bool *have, uint64_t *own, uint64_t pattern)
{
    for (unsigned int n = 0; n < CSRS; n++) {
        if (!have[n])
            continue;
        if (numbers[n] != STIMECMP)
            set(n, pattern + 4 * n);
        own[n] = get(n);
    }
}

static void check(const bool *have, const uint64_t *own)
{
    for (unsigned int n = 0; n < CSRS; n++) {
        uint64_t v = have[n] ? get(n) : 0;

        if (have[n] && numbers[n] != STIMECMP && v != own[n])
            fail_csr(n, v, own[n]);
    }
}

/* Wait a millisecond or so in the host, where the other one runs meanwhile; then be interrupted while it computes. */
static void take_turns(uint64_t pattern, unsigned int round)
{
    uint64_t diff;

    sbi(SBI_TIME, 0, read_csr(time) + 10000, 0, 0, 0, 0);
    set_csr(sie, SIE_TIMER);
    diff = leak_gprs(pattern + round, SPINS);
    expect_same("x1..x31", diff, 0);
    clear_csr(sie, SIE_TIMER);
    sbi(SBI_TIME, 0, UINT64_MAX, 0, 0, 0, 0);
}

static void check_start(void)
{
    if (read_csr(sepc) != 0 || read_csr(scause) != 0 || read_csr(stval) != 0)
        report_wrong("sepc, scause, stval at the start", read_csr(sepc), 0);
    expect_same("satp at the start", read_csr(satp), 0);
    set_csr(sstatus, STATUS_FS);
    expect_same("f0..f31 at the start", check_fp(0, 0), 0);
    expect_same("fcsr at the start", read_csr(0x003), 0);
    if (!have_vectors())
        return;
    vlenb = read_csr(0xc22);
    expect_same("v0..v31 at the start", check_vectors(0, 0), 0);
    expect_same("vcsr at the start", read_csr(0x00f), 0);
}

/* vl = 1, vcsr and fcsr of its own. */
static void fill_others(bool second)
{
    write_csr(0x003, second ? 0x21 : 0x4e);
    if (vlenb == 0)
        return;
    write_csr(0x00f, second ? 0x3 : 0x4);
    __asm__ volatile(".4byte 0xcd80f357" : : : "t1"); /* vsetivli t1, 1, e64, m1, ta, ma */
}

static void check_others(bool second)
{
    if (read_csr(0x003) != (second ? 0x21 : 0x4e))
        report_wrong("fcsr", read_csr(0x003), 0);
    if (vlenb == 0)
        return;
    if (read_csr(0x00f) != (second ? 0x3 : 0x4))
        report_wrong("vcsr", read_csr(0x00f), 0);
    if (read_csr(0xc20) != 1 || read_csr(0xc21) != 0xd8)
        report_wrong("vl, vtype", read_csr(0xc20), read_csr(0xc21));
}

void guest_main(uint64_t fdt)
{
    static bool have[CSRS];
    static uint64_t own[CSRS];
    bool second = fdt_has_word(fdt, "leak.b");
    uint64_t pattern = second ? PATTERN_B : PATTERN_A;

    report_part(second ? "second " : NULL);
    check_start();
    report_number("vectors", 8 * vlenb);
    probe(have);
    fill_fp(pattern);
    if (vlenb != 0)
        fill_vectors(pattern);
    fill_others(second);
    fill(have, own, pattern);
    for (unsigned int round = 0; round < ROUNDS && report_failures < 10; round++) {
        take_turns(pattern, round);
        check(have, own);
        check_others(second);
        expect_same("f0..f31", check_fp(pattern, 1), 0);
        if (vlenb != 0 && check_vectors(pattern, 1) != 0)
            report_wrong("v0..v31", check_vectors(pattern, 1), 0);
    }
    report_done();
    power_off();
}
