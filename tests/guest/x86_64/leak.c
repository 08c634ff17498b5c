/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that fills every register it reaches with values of its own and watches that they stay so, while a second one with
 * other values ("second" on its command line) takes turns with it on the same CPU: hostile-guest.md, "No state leaks", rows 60,
 * 77, 86, I8, I9. Each finds a CPU as after a reset at its start. It ends with "leak: done FAILURES".
 */
#include "report.h"

#define ROUNDS 400u
#define SPINS 20000u
#define TIMER_VECTOR 0x62u
#define PATTERN_A UINT64_C(0x5aa5c33c0ff01248)
#define PATTERN_B UINT64_C(0xa55a3cc3f00fedb0)

static bool has_avx;

/* ---- MSRs ---- */

/* How a value must look that the register takes: an address, or these bits. */
#define CANONICAL 0
static const struct {
    const char *name;
    uint32_t msr;
    uint64_t bits;  /* of the pattern; CANONICAL: sign-extended from bit 47 */
    uint64_t reset; /* what a guest finds */
} msrs[] = {
    { "FS_BASE", 0xc0000100, CANONICAL, 0 },
    { "GS_BASE", 0xc0000101, CANONICAL, 0 },
    { "KERNEL_GS_BASE", 0xc0000102, CANONICAL, 0 },
    { "STAR", 0xc0000081, UINT64_C(0xffffffff00000000), 0 },
    { "LSTAR", 0xc0000082, CANONICAL, 0 },
    { "CSTAR", 0xc0000083, CANONICAL, 0 },
    { "SFMASK", 0xc0000084, 0x3f7fd5, 0 },
    { "SYSENTER_CS", 0x174, 0xfff8, 0 },
    { "SYSENTER_ESP", 0x175, CANONICAL, 0 },
    { "SYSENTER_EIP", 0x176, CANONICAL, 0 },
    { "TSC_AUX", 0xc0000103, 0xffffffff, 0 },
    { "PAT", 0x277, UINT64_C(0x0404040404040404), UINT64_C(0x0007040600070406) },
    { "XSS", 0xda0, 0, 0 },
    { "SPEC_CTRL", 0x48, 0, 0 },
    { "DEBUGCTL", 0x1d9, 0, 0 },
    { "VIRT_SPEC_CTRL", 0xc001011f, 0, 0 },
    { "S_CET", 0x6a2, 0, 0 },
    { "U_CET", 0x6a0, 0, 0 },
    { "PL0_SSP", 0x6a4, 0, 0 },
    { "PERFEVTSEL0", 0x186, 0, 0 },
    { "PERF_GLOBAL_CTRL", 0x38f, 0, 0 },
    { "AMD_PERF_CTL0", 0xc0010000, 0, 0 },
    { "UMWAIT_CONTROL", 0xe1, 0, 0 },
    { "XFD", 0x1c4, 0, 0 },
    { "BNDCFGS", 0xd90, 0, 0 },
};
#define MSRS (sizeof(msrs) / sizeof(msrs[0]))

static uint64_t shaped(unsigned int n, uint64_t pattern)
{
    pattern += n * UINT64_C(0x0101010101);
    if (msrs[n].bits == CANONICAL && n < 12)
        return (uint64_t)((int64_t)(pattern << 16) >> 16);
    return pattern & msrs[n].bits;
}

static void fill_msrs(uint64_t pattern, bool *have, uint64_t *own)
{
    for (unsigned int n = 0; n < MSRS; n++) {
        uint64_t v = 0;

        have[n] = try_rdmsr(msrs[n].msr, &v) == NO_FAULT;
        if (have[n] && v != msrs[n].reset)
            report_wrong(msrs[n].name, v, msrs[n].reset);
        if (have[n] && try_wrmsr(msrs[n].msr, shaped(n, pattern)) == NO_FAULT)
            try_rdmsr(msrs[n].msr, &v);
        own[n] = v;
    }
}

static void check_msrs(const bool *have, const uint64_t *own)
{
    for (unsigned int n = 0; n < MSRS; n++) {
        uint64_t v = 0;

        if (have[n] && (try_rdmsr(msrs[n].msr, &v) != NO_FAULT || v != own[n]))
            report_wrong(msrs[n].name, v, own[n]);
    }
    if (have[10]) { /* RDTSCP and RDPID read what is in the CPU */
        uint32_t aux;

        __asm__ volatile("rdtscp" : "=c"(aux) : : "rax", "rdx");
        if (aux != (uint32_t)own[10])
            report_wrong("TSC_AUX by RDTSCP", aux, own[10]);
    }
}

/* ---- XMM, YMM, MXCSR, x87 ---- */

struct vectors {
    uint8_t xmm[16][16], high[16][16];
} __attribute__((aligned(32)));

#define EACH_16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"

static void load_vectors(const struct vectors *v)
{
    __asm__ volatile(".irp n, " EACH_16 "\n\tmovups \\n * 16(%0), %%xmm\\n\n\t.endr" : : "r"(v->xmm) : "memory");
    if (has_avx)
        __asm__ volatile(".irp n, " EACH_16 "\n\tvinsertf128 $1, \\n * 16(%0), %%ymm\\n, %%ymm\\n\n\t.endr"
                         :
                         : "r"(v->high)
                         : "memory");
}

static void store_vectors(struct vectors *v)
{
    __asm__ volatile(".irp n, " EACH_16 "\n\tmovups %%xmm\\n, \\n * 16(%0)\n\t.endr" : : "r"(v->xmm) : "memory");
    if (has_avx)
        __asm__ volatile(".irp n, " EACH_16 "\n\tvextractf128 $1, %%ymm\\n, \\n * 16(%0)\n\t.endr" : : "r"(v->high) : "memory");
}

static void make_vectors(struct vectors *v, uint64_t pattern)
{
    uint64_t *words = (uint64_t *)v;

    for (unsigned int i = 0; i < sizeof(*v) / 8; i++)
        words[i] = pattern + i * UINT64_C(0x9e3779b97f4a7c15);
}

static void compare_vectors(const char *what, const struct vectors *expected)
{
    static struct vectors now;
    const uint64_t *a = (const uint64_t *)&now, *b = (const uint64_t *)expected;
    unsigned int words = (has_avx ? sizeof(now) : sizeof(now.xmm)) / 8;

    store_vectors(&now);
    for (unsigned int i = 0; i < words; i++) {
        if (a[i] != b[i]) {
            report_wrong(what, a[i], b[i]);
            return;
        }
    }
}

static uint32_t get_mxcsr(void)
{
    uint32_t v;

    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v;
}

static uint16_t get_fcw(void)
{
    uint16_t v;

    __asm__ volatile("fnstcw %0" : "=m"(v));
    return v;
}

/* One number on the x87 stack, and looked at without taking it off. */
static uint64_t get_st0(void)
{
    uint64_t v;

    __asm__ volatile("fld %%st(0)\n\tfistpll %0" : "=m"(v));
    return v;
}

static void enable_vectors(void)
{
    WRITE_REG("cr0", (READ_REG("cr0") & ~4ul) | 2); /* not EM, but MP */
    WRITE_REG("cr4", READ_REG("cr4") | 0x600);
    if ((cpuid(1, 0).c >> 26 & 5) != 5) /* XSAVE, AVX */
        return;
    WRITE_REG("cr4", READ_REG("cr4") | 1ul << 18);
    __asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
    has_avx = true;
}

static uint64_t get_xcr0(void)
{
    uint32_t a, d;

    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

/* ---- general, control and debug registers ---- */

/* Fill all but RSP, wait, spin; the bits in which one of them has changed. */
uint64_t leak_gprs(uint64_t pattern, uint64_t spins);
__asm__(".text\n"
        "leak_gprs:\n"
        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rdi\n"
        ".set i, 1\n"
        ".irp r, rax,rdx,rbx,rbp,rdi,r8,r9,r10,r11,r12,r13,r14,r15\n"
        "mov (%rsp), %\\r\n\tadd $i, %\\r\n\t.set i, i + 1\n"
        ".endr\n"
        "sti\n\thlt\n"
        "1: dec %rsi\n\tjnz 1b\n"
        "cli\n"
        ".set i, 1\n"
        "xor %ecx, %ecx\n"
        ".irp r, rax,rdx,rbx,rbp,rdi,r8,r9,r10,r11,r12,r13,r14,r15\n"
        "sub $i, %\\r\n\txor (%rsp), %\\r\n\tor %\\r, %rcx\n\t.set i, i + 1\n"
        ".endr\n"
        "mov %rcx, %rax\n"
        "pop %rdi\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n"
        "ret\n");

static void fill_registers(uint64_t pattern)
{
    WRITE_REG("dr0", pattern & 0x7fffffffffff);
    WRITE_REG("dr1", (pattern + 1) & 0x7fffffffffff);
    WRITE_REG("dr2", (pattern + 2) & 0x7fffffffffff);
    WRITE_REG("dr3", (pattern + 3) & 0x7fffffffffff);
    WRITE_REG("dr6", 0xffff0ff0 | (pattern & 0xf));
    WRITE_REG("cr2", pattern);
}

static void check_registers(uint64_t pattern)
{
    expect_same("DR0", READ_REG("dr0"), pattern & 0x7fffffffffff);
    expect_same("DR1", READ_REG("dr1"), (pattern + 1) & 0x7fffffffffff);
    expect_same("DR2", READ_REG("dr2"), (pattern + 2) & 0x7fffffffffff);
    expect_same("DR3", READ_REG("dr3"), (pattern + 3) & 0x7fffffffffff);
    expect_same("DR6", READ_REG("dr6"), 0xffff0ff0 | (pattern & 0xf));
    expect_same("CR2", READ_REG("cr2"), pattern);
}

static void check_start(void)
{
    static const struct vectors zero;

    expect_same("DR0 at the start", READ_REG("dr0"), 0);
    expect_same("DR3 at the start", READ_REG("dr3"), 0);
    expect_same("DR6 at the start", READ_REG("dr6"), 0xffff0ff0);
    expect_same("DR7 at the start", READ_REG("dr7"), 0x400);
    expect_same("CR2 at the start", READ_REG("cr2"), 0);
    expect_same("CR8 at the start", READ_REG("cr8"), 0);
    expect_same("MXCSR at the start", get_mxcsr(), 0x1f80);
    if (get_fcw() != 0x40 && get_fcw() != 0x37f) /* of RESET, or of FNINIT */
        report_wrong("x87 control word at the start", get_fcw(), 0x40);
    compare_vectors("vector registers at the start", &zero);
}

/* ---- */

/* Wait a moment in the host, where the other one runs meanwhile; then be interrupted while it computes. */
static void take_turns(uint64_t pattern, unsigned int round)
{
    uint64_t seen = this_cpu()->count[TIMER_VECTOR], diff;

    apic_write(APIC_TIMER_COUNT, 50000);
    diff = leak_gprs(pattern + round, SPINS);
    expect_same("general registers", diff, 0);
    if (this_cpu()->count[TIMER_VECTOR] == seen)
        report_wrong("the timer has not ended HLT", 0, 1);
}

static void set_fpu(uint32_t mxcsr, uint16_t fcw, uint64_t st0)
{
    __asm__ volatile("ldmxcsr %0\n\tfninit\n\tfldcw %1\n\tfildll %2" : : "m"(mxcsr), "m"(fcw), "m"(st0));
}

void guest_main(uint32_t magic, const char *cmdline)
{
    static bool have[MSRS];
    static uint64_t own[MSRS];
    static struct vectors vectors;
    bool second = find_word(cmdline, "second") != NULL;
    uint64_t pattern = second ? PATTERN_B : PATTERN_A, st0 = second ? 0x123456789 : 0x987654321;
    uint32_t mxcsr = second ? 0x3f80 : 0x5f80;
    uint16_t fcw = second ? 0x077f : 0x0b7f;

    (void)magic;
    report_part(second ? "second " : NULL);
    enable_vectors();
    check_start();
    apic_enable(false);
    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    make_vectors(&vectors, pattern);
    load_vectors(&vectors);
    set_fpu(mxcsr, fcw, st0);
    fill_msrs(pattern, have, own);
    fill_registers(pattern);
    for (unsigned int round = 0; round < ROUNDS && report_failures < 10; round++) {
        take_turns(pattern, round);
        check_registers(pattern);
        check_msrs(have, own);
        compare_vectors("vector registers", &vectors);
        expect_same("MXCSR", get_mxcsr(), mxcsr);
        expect_same("x87 control word", get_fcw(), fcw);
        expect_same("x87 stack", get_st0(), st0);
        if (has_avx)
            expect_same("XCR0", get_xcr0(), 7);
    }
    report_done();
}
