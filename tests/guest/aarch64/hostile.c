/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does what hostile-guest.md lists and looks at what it gets: each line is "hostile: NAME ok" or "... FAIL got=...".
 * It ends with "hostile: done FAILURES". The rows of that list are named at each check.
 */
#include "report.h"


/* Run @insn, which may fault; the syndrome, or 0. */
#define TRY(insn_and_operands)                                     \
    __extension__({                                                \
        struct guest_cpu *c_ = this_cpu();                         \
        c_->esr = 0;                                               \
        c_->expect = true;                                         \
        insn_and_operands;                                         \
        isb();                                                     \
        c_->expect = false;                                        \
        c_->esr;                                                   \
    })

static uint64_t ec(uint64_t esr)
{
    return esr >> 26;
}

#define EC_UNDEF 0u
#define EC_IABT_SAME 0x21u
#define EC_DABT_SAME 0x25u
#define FSC_SEA 0x10u

static bool is_sea(uint64_t esr)
{
    return ec(esr) == EC_DABT_SAME && (esr & 0x3f) == FSC_SEA;
}

/* esr 0 with a fault count: an UNDEF has EC 0 but IL set, so ESR is not 0. */
static bool is_undef(uint64_t esr)
{
    return esr != 0 && ec(esr) == EC_UNDEF;
}

#define HOLE 0x0b000000ul /* nothing there in the default machine */

/* ---- rows 1, 2, 13, A1, A3: holes and odd accesses ---- */

static void holes(void)
{
    /* The third and fourth: the real machine's clock, which this guest has not been given, where it is and where the system tests
     * put it for the guest that has. */
    static const uint64_t where[] = { HOLE, 0x3ffffff8ul, 0x09010000ul, 0x0a010000ul, 0x0ffffffffful & ~7ul };
    uint64_t esr, v = 0;

    for (unsigned int i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        esr = TRY(__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(where[i]) : "memory"));
        result("1/A1 load from a hole", is_sea(esr), esr);
        result("1 FAR of a load from a hole", this_cpu()->far == where[i], this_cpu()->far);
        esr = TRY(__asm__ volatile("str %0, [%1]" : : "r"(v), "r"(where[i]) : "memory"));
        result("1/A1 store to a hole", is_sea(esr) && (esr & 1 << 6), esr);
    }
    esr = TRY(__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(0xffffffffff000ul) : "memory"));
    result("2 load above the IPA size", esr != 0 && ec(esr) == EC_DABT_SAME, esr);
}

static void every_width(uint64_t base, const char *name)
{
    uint64_t v, faults = 0;

    for (uint64_t off = 0; off < 0x1000; off += 4) {
        faults += TRY(__asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(base + off) : "memory")) != 0;
        faults += TRY(__asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(base + off) : "memory")) != 0;
        faults += TRY(__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(base + off) : "memory")) != 0;
        if (off % 8 == 0)
            faults += TRY(__asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(base + off) : "memory")) != 0;
    }
    /* What counts is that we are still here; refused widths are the device's business. */
    result(name, faults <= 4096, faults);
}

/* ---- rows 3, A2: accesses without a syndrome ---- */

static void no_syndrome(void)
{
    uint64_t esr, a = UART + 0xfe0, b = 0, c = 0, base;

    esr = TRY(__asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(b), "=&r"(c) : "r"(a) : "memory"));
    result("3/A2 LDP", esr == 0 && b == 0x11 && c == 0x10, b << 32 | c);
    base = a;
    esr = TRY(__asm__ volatile("ldr %w0, [%1], #4" : "=&r"(b), "+r"(base) : : "memory"));
    result("3/A2 LDR post-index", esr == 0 && b == 0x11 && base == a + 4, base);
    base = a;
    esr = TRY(__asm__ volatile("ldr %w0, [%1, #4]!" : "=&r"(b), "+r"(base) : : "memory"));
    result("3/A2 LDR pre-index", esr == 0 && b == 0x10 && base == a + 4, base);
    esr = TRY(__asm__ volatile("ldxr %w0, [%1]" : "=&r"(b) : "r"(a) : "memory"));
    result("3/A2 LDXR", (esr == 0 && b == 0x11) || ec(esr) == EC_DABT_SAME, esr);
    esr = TRY(__asm__ volatile("ldar %w0, [%1]" : "=&r"(b) : "r"(a) : "memory"));
    result("3 LDAR", esr == 0 && b == 0x11, b);
    esr = TRY(__asm__ volatile(".inst 0x3dc00020" : : "r"(a) : "memory")); /* ldr q0, [x1]: x1 is whatever it is */
    result("3 LDR Q of anything", true, esr);
    esr = TRY(__asm__ volatile("ldrsb %w0, [%1]" : "=&r"(b) : "r"(UART + 0xfe0) : "memory"));
    result("3 LDRSB", esr == 0 && b == 0x11, b);
}

/* ---- row A4: a jump to where nothing is ---- */

/* The handler steps over instructions by 4; this one it has to leave through x30: guest.c does so for a prefetch abort. */
static void jump(void)
{
    uint64_t esr = TRY(__asm__ volatile("blr %0" : : "r"(HOLE) : "x30", "memory"));

    result("A4 jump into a hole", ec(esr) == EC_IABT_SAME && (esr & 0x3f) == FSC_SEA, esr);
}

/* ---- rows 43..47: GIC ---- */

static void gic_registers(void)
{
    uint64_t v, faults = 0;

    for (uint64_t off = 0; off < 0x10000; off += 4) {
        faults += TRY(v = read32(GICD + off)) != 0;
        /* Everything but CTLR gets everything. */
        if (off != 0)
            faults += TRY(write32(GICD + off, 0xffffffff)) != 0;
    }
    result("43 all of GICD, words", true, faults);
    for (uint64_t off = 0; off < 0x20000; off += 4) {
        faults += TRY(v = read32(GICR + off)) != 0;
        if (off != 0x14)
            faults += TRY(write32(GICR + off, 0)) != 0;
    }
    result("47 all of GICR, words", true, faults);
    v = read32(GICD + 0x8);
    result("43 still answers", read32(GICD + 0xffe8) >> 4 == 3, v);
    TRY(write32(GICD + 0x6100 + 8 * 100, 0xffffffff)); /* IROUTER to nobody */
    result("45 IROUTER to nobody", true, 0);
}

/* ---- row 50: SGIs to nobody ---- */

static void sgis(void)
{
    static const uint64_t odd[] = { 0xffffffffffffffffull, 0, 1ull << 40 | 0xffff, 0xff00000000ffffull, 0xff0000ul, 0xfull << 44 | 1 };

    for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        TRY(__asm__ volatile("msr S3_0_C12_C11_5, %0" : : "r"(odd[i])));
        TRY(__asm__ volatile("msr S3_0_C12_C11_6, %0" : : "r"(odd[i])));
        TRY(__asm__ volatile("msr S3_0_C12_C11_7, %0" : : "r"(odd[i])));
    }
    result("50 SGIs to nobody", true, 0);
}

/* EOI and deactivation of what is not active; 200 pending at once: rows 51, A10. */
static void storm(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint32_t before = (uint32_t)cpu->irqs;

    for (uint32_t id = 0; id < 1020; id += 7) {
        write_sysreg("S3_0_C12_C12_1", id);
        write_sysreg("S3_0_C12_C11_1", id);
    }
    result("51 EOI of nothing", true, 0);
    /* SPIs 64..263 pending, enabled, to us, group 1, each with a priority of its own */
    for (uint32_t id = 64; id < 264; id++) {
        *(volatile uint8_t *)(GICD + 0x400 + id) = (uint8_t)(id % 16 * 8);
        *(volatile uint64_t *)(GICD + 0x6000 + 8ul * id) = 0;
    }
    for (uint32_t w = 2; w < 9; w++) {
        uint32_t bits = w == 8 ? 0xff : 0xffffffff;

        write32(GICD + 0x80 + 4 * w, 0xffffffff);
        write32(GICD + 0x180 + 4 * w, 0xffffffff);
        write32(GICD + 0xc00 + 8 * w, 0xaaaaaaaa);
        write32(GICD + 0xc04 + 8 * w, 0xaaaaaaaa);
        write32(GICD + 0x100 + 4 * w, bits);
        write32(GICD + 0x200 + 4 * w, bits);
    }
    irqs_on();
    while (cpu->irqs - before < 200)
        isb();
    irqs_off();
    result("51/A10 200 pending all delivered", cpu->irqs - before == 200, cpu->irqs - before);
    for (uint32_t w = 2; w < 9; w++)
        write32(GICD + 0x180 + 4 * w, 0xffffffff);
}

/* ---- rows 53, 57, 54: registers and calls ---- */

/* Patch an MRS/MSR into memory and run it; x0 in and out. */
static uint32_t code[4] __attribute__((aligned(64)));

static uint64_t run_insn(uint32_t insn, uint64_t x0)
{
    register uint64_t r0 __asm__("x0") = x0;
    uint64_t esr;

    code[0] = insn;
    code[1] = 0xd65f03c0; /* ret */
    __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" : : "r"(code) : "memory");
    esr = TRY(__asm__ volatile("blr %1" : "+r"(r0) : "r"(code) : "x30", "memory", "cc"));
    return esr;
}

static void all_sysregs(void)
{
    uint64_t read_ok = 0, undef = 0, other = 0;

    /* MRS x0 of op0 = 2 and 3; reading is harmless to ourselves. */
    for (uint32_t enc = 0; enc < 0x8000; enc++) {
        uint32_t insn = 0xd5300000u | (enc & 0x7fff) << 5;
        uint64_t esr;

        /* ICC_IAR*, ICC_RPR...: acknowledging is not harmless, but nothing is pending. */
        esr = run_insn(insn, 0);
        if (esr == 0)
            read_ok++;
        else if (is_undef(esr) || ec(esr) == 0x18 || ec(esr) == 0x19 || ec(esr) == 0x1d)
            undef++; /* by EL2, or by this guest's own CPACR_EL1, which knows SVE and SME even where EL2 hides them */
        else
            other++;
    }
    result("53 MRS of everything", other == 0 && undef > 1000 && read_ok > 50, other << 32 | undef);
}

static void calls(void)
{
    static const uint64_t fns[] = { 0x84000005, 0x8400ffff, 0xc400ffff, 0x82000000, 0xc2000000, 0xbf00ff01, 0xffffffff, 1, 0x50000000 };
    register uint64_t x17 __asm__("x17") = 0x1717171717171717ul;
    uint64_t r;

    for (unsigned int i = 0; i < sizeof(fns) / sizeof(fns[0]); i++) {
        r = hvc(fns[i], 1, 2, 3);
        result("54/57 unknown HVC", (int32_t)r == -1, r);
        r = smc(fns[i], 1, 2, 3);
        result("54/57/I1 unknown SMC", (int32_t)r == -1, r);
    }
    __asm__ volatile("" : "+r"(x17));
    r = hvc(PSCI_VERSION | 0xffffffff00000000ul, 0, 0, 0);
    result("54 high half of a function id ignored", r == 0x10001, r);
    {
        register uint64_t x0 __asm__("x0") = PSCI_VERSION;

        __asm__ volatile("hvc #7" : "+r"(x0) : : "memory");
        result("54 HVC with an immediate", (int64_t)x0 == -1, x0);
    }
}

static void psci_calls(void)
{
    static const struct {
        char name[36]; /* no pointer: the image may not be where it was linked */
        uint64_t fn, a, b;
        int32_t r;
    } t[] = {
        { "55/A11 CPU_ON of nobody", PSCI_CPU_ON, 0x0000ff00, 0x40200000, -2 },
        { "55/A11 CPU_ON with a wild MPIDR", PSCI_CPU_ON, 0xffffffffff, 0x40200000, -2 },
        { "55 CPU_ON of oneself", PSCI_CPU_ON, 0, 0x40200000, -4 },
        { "55 CPU_ON into a hole", PSCI_CPU_ON, 1, HOLE, -9 },
        { "55 CPU_ON unaligned", PSCI_CPU_ON, 1, 0x40200002, -9 },
        { "56 AFFINITY_INFO of nobody", PSCI_AFFINITY_INFO, 5000, 0, -2 },
        { "56 AFFINITY_INFO level 7", PSCI_AFFINITY_INFO, 0, 7, -2 },
        { "56 CPU_SUSPEND with a wild state", 0xc4000001, 0xffffffff, 0, -2 },
        { "56 SYSTEM_RESET2 of a vendor type", 0xc4000012, 0x80000000, 0, -2 },
    };

    for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        uint64_t r = hvc(t[i].fn, t[i].a, t[i].b, 0);

        result(t[i].name, (int32_t)r == t[i].r, r);
    }
}

/* ---- row 58: timers ---- */

/* Neither can be read before the other and be later. */
static void one_clock(void)
{
    uint64_t before = counter(), physical, after;

    physical = read_sysreg("cntpct_el0");
    after = counter();
    result("58 CNTPCT and CNTVCT are one clock", before <= physical && physical <= after, physical - before);
}

static void timers(void)
{
    static const uint64_t cvals[] = { 0, 1, 0xffffffffffffffffull, 0x8000000000000000ull };
    struct guest_cpu *cpu = this_cpu();
    uint64_t v;

    for (unsigned int i = 0; i < 4; i++) {
        uint32_t seen27 = cpu->count[27], seen30 = cpu->count[30];
        bool past = cvals[i] < 2;

        /* QEMU before 9.0 adds the offset to the hardware's CVAL without minding the carry, and then hangs for good. */
        write_sysreg("cntv_cval_el0", cvals[i] == ~0ull ? ~0ull >> 1 : cvals[i]);
        write_sysreg("cntv_ctl_el0", 1);
        write_sysreg("cntp_cval_el0", cvals[i]);
        write_sysreg("cntp_ctl_el0", 1);
        irqs_on();
        for (unsigned int k = 0; k < 2000 || (past && (cpu->count[27] == seen27 || cpu->count[30] == seen30)); k++)
            isb();
        irqs_off();
        v = (uint64_t)(cpu->count[27] - seen27) << 32 | (cpu->count[30] - seen30);
        result("58 CVAL far off or past", past == (v != 0), v);
        write_sysreg("cntv_ctl_el0", 0);
        write_sysreg("cntp_ctl_el0", 0);
    }
    write_sysreg("cntp_tval_el0", 0xffffff00);
    v = read_sysreg("cntp_tval_el0");
    result("A7/58 CNTP_TVAL negative", (int32_t)v < 0, v);
    one_clock();
}

void guest_irq(uint32_t intid)
{
    if (intid == 27)
        write_sysreg("cntv_ctl_el0", 0);
    if (intid == 30)
        write_sysreg("cntp_ctl_el0", 0);
}

/* ---- a second CPU: rows 55, A4, 56 ---- */

static volatile uint64_t second;

void guest_secondary_main(uint64_t cpu)
{
    gic_init_cpu((unsigned int)cpu);
    second = cpu;
    hvc(PSCI_CPU_OFF, 0, 0, 0);
}

/* For as long as it takes: a start that is lost is a guest that hangs here. */
static void wait_for_second(void)
{
    while (second == 0)
        __asm__ volatile("yield");
    while (hvc(PSCI_AFFINITY_INFO, 1, 0, 0) != 1)
        __asm__ volatile("yield");
}

static void second_cpu(void)
{
    int64_t first = start_cpu(1), again = start_cpu(1);

    result("55 CPU_ON", first == 0, (uint64_t)first);
    result("55 CPU_ON twice", again == -4 || again == -5 || again == 0, (uint64_t)again);
    wait_for_second();
    result("55, 56 it runs, and is off again", second == 1, second);
    second = 0;
    result("56 and on again", start_cpu(1) == 0, 0);
    wait_for_second();
    result("56 it runs again", second == 1, second);
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    gic_init_distributor();
    gic_init_cpu(0);
    holes();
    jump();
    no_syndrome();
    every_width(UART, "1/83 UART at all widths");
    calls();
    psci_calls();
    timers();
    storm();
    sgis();
    all_sysregs();
    second_cpu();
    every_width(GICD, "43 GICD at all widths");
    every_width(GICR, "47 GICR at all widths");
    gic_registers();
    report_done();
    power_off();
}
