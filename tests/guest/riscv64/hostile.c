/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does what hostile-guest.md lists and looks at what it gets: each line is "hostile: NAME ok" or "... FAIL
 * got=...". It ends with "hostile: done FAILURES". The rows of that list are named at each check.
 */
#include "report.h"

enum { FETCH_ACCESS = 1, ILLEGAL = 2, LOAD_ACCESS = 5, STORE_ACCESS = 7 };
enum { NOT_SUPPORTED = -2, INVALID_PARAM = -3, DENIED = -4, INVALID_ADDRESS = -5, ALREADY = -6 };

#define HOLE 0x0b000000ul /* nothing there in the default machine */

/* ---- rows 1, 2: holes and odd accesses ---- */

static void holes(void)
{
    static const uint64_t odd[] = { HOLE, 0, UART + 8, UART + 0x100, PLIC - 8, 1ul << 40, 1ul << 50, 1ul << 55 };
    uint64_t v, cause;

    for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        cause = TRY(__asm__ volatile("lw %0, (%1)" : "=r"(v) : "r"(odd[i]) : "memory"));
        result("1 load of nothing", cause == LOAD_ACCESS && this_cpu()->tval == odd[i], cause);
        cause = TRY(__asm__ volatile("sd zero, (%0)" : : "r"(odd[i]) : "memory"));
        result("1 store to nothing", cause == STORE_ACCESS, cause);
    }
    cause = TRY(__asm__ volatile("ld %0, (%1)" : "=r"(v) : "r"(UART + 4) : "memory"));
    result("1 load across the end of the UART", cause == LOAD_ACCESS, cause);
    cause = TRY(__asm__ volatile("jalr ra, %0" : : "r"(HOLE) : "ra", "memory"));
    result("A4 jump into a hole", cause == FETCH_ACCESS, cause);
    cause = TRY(__asm__ volatile("jalr ra, %0" : : "r"(UART) : "ra", "memory"));
    result("A4 jump into a device", cause == FETCH_ACCESS, cause);
}

/* ---- row 13: page tables where there is no memory ---- */

#define PTE_LEAF 0xcful /* V, R, W, X, A, D */
#define PTE_TABLE 1ul
#define SATP_SV39 (8ul << 60)
#define GIB (1ul << 30)

static uint64_t root[512] __attribute__((aligned(4096)));

static void try_tables(const char *name, uint64_t table)
{
    uint64_t v, cause, at = 3 * GIB + 0x1238;

    root[3] = table >> 2 | PTE_TABLE;
    __asm__ volatile("sfence.vma" : : : "memory");
    cause = TRY(__asm__ volatile("ld %0, (%1)" : "=r"(v) : "r"(at) : "memory"));
    result(name, cause == LOAD_ACCESS && this_cpu()->tval == at, cause);
    /* QEMU tells of the walk's own access, which is a load; so fetches, after which one cannot go on then, are left out. */
    cause = TRY(__asm__ volatile("sd zero, (%0)" : : "r"(at) : "memory"));
    result(name, (cause == STORE_ACCESS || cause == LOAD_ACCESS) && this_cpu()->tval == at, cause);
}

/* RAM and devices are where they are; the fourth GiB has tables that are no memory. */
static void tables(void)
{
    root[0] = PTE_LEAF;
    root[RAM / GIB] = RAM >> 2 | PTE_LEAF;
    __asm__ volatile("csrw satp, %0\n\tsfence.vma" : : "r"(SATP_SV39 | (uint64_t)root >> 12) : "memory");
    try_tables("13 tables in a device", UART);
    try_tables("13 tables in a device that is fast", PLIC + 0x200000);
    try_tables("13 tables in a hole", HOLE);
    try_tables("13 tables beyond all memory", 1ul << 49);
    __asm__ volatile("csrw satp, zero\n\tsfence.vma" : : : "memory");
}

/* ---- row 3: every form of load and store on a device; SCR, at offset 7, keeps what it is given ---- */

static void forms(void)
{
    uint64_t v = 0, cause, sp_was;

    TRY(write8(UART + 7, 0xa5));
    cause = TRY(__asm__ volatile("lb %0, 7(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LB", cause == NO_FAULT && v == 0xffffffffffffffa5ul, v);
    cause = TRY(__asm__ volatile("lbu %0, 7(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LBU", cause == NO_FAULT && v == 0xa5, v);
    cause = TRY(__asm__ volatile("lh %0, 6(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LH", cause == NO_FAULT && v >> 8 == 0xffffffffffffa5ul, v);
    cause = TRY(__asm__ volatile("lhu %0, 6(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LHU", cause == NO_FAULT && v >> 8 == 0xa5, v);
    cause = TRY(__asm__ volatile("lw %0, 4(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LW", cause == NO_FAULT && v >> 24 == 0xffffffffa5ul, v);
    cause = TRY(__asm__ volatile("lwu %0, 4(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LWU", cause == NO_FAULT && v >> 24 == 0xa5, v);
    cause = TRY(__asm__ volatile("ld %0, 0(%1)" : "=r"(v) : "r"(UART) : "memory"));
    result("3 LD", cause == NO_FAULT && v >> 56 == 0xa5, v);
    cause = TRY(__asm__ volatile("lw zero, 4(%0)" : : "r"(UART) : "memory"));
    result("3 LW to x0", cause == NO_FAULT, cause);
    cause = TRY(__asm__ volatile("mv a5, %1\n\tc.lw a4, 4(a5)\n\tmv %0, a4" : "=r"(v) : "r"(UART) : "a4", "a5", "memory"));
    result("3 C.LW", cause == NO_FAULT && v >> 24 == 0xffffffffa5ul, v);
    cause = TRY(__asm__ volatile("mv a5, %1\n\tc.ld a4, 0(a5)\n\tmv %0, a4" : "=r"(v) : "r"(UART) : "a4", "a5", "memory"));
    result("3 C.LD", cause == NO_FAULT && v >> 56 == 0xa5, v);
    cause = TRY(__asm__ volatile("mv %1, sp\n\tmv sp, %2\n\tc.lwsp %0, 4(sp)\n\tmv sp, %1"
                                 : "=&r"(v), "=&r"(sp_was)
                                 : "r"(UART)
                                 : "memory"));
    result("3 C.LWSP", cause == NO_FAULT && v >> 24 == 0xffffffffa5ul, v);
    TRY(write32(UART + 4, 0x5a000000));
    result("3 SW", read8(UART + 7) == 0x5a, read8(UART + 7));
}

/* f8 is nobody's here: the C code has no FP. By number, as assemblers differ in how they are told of F and D. */
static void fp_forms(void)
{
    uint64_t v = 0, cause;

    set_csr(sstatus, 1ul << 13);
    TRY(write8(UART + 7, 0xa5));
    cause = TRY(__asm__ volatile(".insn i 0x07, 3, x8, 0(%1)\n\t.insn r 0x53, 0, 0x71, %0, x8, x0"
                                 : "=r"(v)
                                 : "r"(UART)
                                 : "memory"));
    result("3 FLD", cause == NO_FAULT && v >> 56 == 0xa5, v);
    cause = TRY(__asm__ volatile(".insn i 0x07, 2, x8, 4(%1)\n\t.insn r 0x53, 0, 0x71, %0, x8, x0"
                                 : "=r"(v)
                                 : "r"(UART)
                                 : "memory"));
    result("3 FLW is boxed", cause == NO_FAULT && v >> 24 == 0xffffffffa5ul, v);
    v = 0x77ul << 24;
    cause = TRY(__asm__ volatile(".insn r 0x53, 0, 0x78, x8, %0, x0\n\t.insn s 0x27, 2, x8, 4(%1)"
                                 :
                                 : "r"(v), "r"(UART)
                                 : "memory"));
    result("3 FSW", cause == NO_FAULT && read8(UART + 7) == 0x77, read8(UART + 7));
    clear_csr(sstatus, 3ul << 13);
    cause = TRY(__asm__ volatile(".insn i 0x07, 3, x8, 0(%0)" : : "r"(UART) : "memory"));
    result("60 FP while it is off", cause == ILLEGAL, cause);
}

/* By number, as assemblers differ in whether they know vectors. */
static void vector_forms(void)
{
    static uint8_t memory[512];
    uint64_t cause, vl = 0;

    clear_csr(sstatus, 3ul << 9);
    cause = TRY(__asm__ volatile(".4byte 0x0c0072d7" : : : "t0", "memory")); /* vsetvli t0, x0, e8, m1, ta, ma */
    result("60 vectors while they are off", cause == ILLEGAL, cause);
    set_csr(sstatus, 3ul << 9);
    cause = TRY(__asm__ volatile(".4byte 0x0c0072d7\n\tmv %0, t0" : "=r"(vl) : : "t0", "memory"));
    if (cause == ILLEGAL)
        return; /* there are none */
    result("60 vectors", cause == NO_FAULT && vl >= 16, vl);
    cause = TRY(__asm__ volatile("mv a0, %0\n\t.4byte 0x02050007" : : "r"(UART) : "a0", "memory")); /* vle8.v v0, (a0) */
    result("3 VLE8.V of a device", cause == LOAD_ACCESS, cause);
    cause = TRY(__asm__ volatile("mv a0, %0\n\t.4byte 0x02050027" : : "r"(UART) : "a0", "memory")); /* vse8.v v0, (a0) */
    result("3 VSE8.V to a device", cause == STORE_ACCESS, cause);
    write_csr(0x008, 0); /* the trap has left its element in vstart */
    cause = TRY(__asm__ volatile("mv a0, %0\n\t.4byte 0x02050007" : : "r"(memory) : "a0", "memory"));
    result("3 VLE8.V of memory", cause == NO_FAULT, cause);
    clear_csr(sstatus, 3ul << 9);
}

/* I/O memory has no atomics: "Physical Memory Attributes". */
static void atomics(void)
{
    uint64_t v, cause;

    cause = TRY(__asm__ volatile("lr.w %0, (%1)" : "=r"(v) : "r"(PLIC + 4) : "memory"));
    result("3 LR on a device", cause == LOAD_ACCESS, cause);
    cause = TRY(__asm__ volatile("amoadd.w %0, %0, (%1)" : "=r"(v) : "r"(PLIC + 4) : "memory"));
    result("3 AMO on a device", cause == STORE_ACCESS, cause);
    cause = TRY(__asm__ volatile("amoswap.d %0, %0, (%1)" : "=r"(v) : "r"(HOLE) : "memory"));
    result("3 AMO on nothing", cause == STORE_ACCESS, cause);
    cause = TRY(__asm__ volatile("lw %0, (%1)" : "=r"(v) : "r"(PLIC + 6) : "memory"));
    result("3 misaligned load of a device", cause == LOAD_ACCESS || cause == 4, cause);
}

static void every_width(uint64_t base, uint64_t len, const char *name)
{
    struct guest_cpu *cpu = this_cpu();
    uint32_t before = cpu->faults;
    uint64_t v;

    for (uint64_t a = base; a < base + len; a++) {
        TRY(__asm__ volatile("lbu %0, (%1)" : "=r"(v) : "r"(a) : "memory"));
        TRY(__asm__ volatile("lhu %0, (%1)" : "=r"(v) : "r"(a) : "memory"));
        TRY(__asm__ volatile("lwu %0, (%1)" : "=r"(v) : "r"(a) : "memory"));
        TRY(__asm__ volatile("ld %0, (%1)" : "=r"(v) : "r"(a) : "memory"));
    }
    result(name, true, cpu->faults - before);
}

/* ---- rows 61..66: SBI ---- */

static void expect(const char *name, struct sbi_ret r, int64_t error)
{
    result(name, r.error == error, (uint64_t)r.error);
}

static void sbi_unknown(void)
{
    static const uint64_t eids[] = { 0,           1,          2,          3,          4,         5,
                                     6,           7,          8,          15,         0x11,      0xffffffffffffffff,
                                     0x100000010, 0x0a000000, 0x09000000, 0x4e41434c, 0x44425452 };

    for (unsigned int i = 0; i < sizeof(eids) / sizeof(eids[0]); i++)
        expect("61 unknown extension", sbi(eids[i], 0, 1, 2, 3, 4, 5), NOT_SUPPORTED);
    expect("61 unknown function of BASE", sbi(SBI_BASE, 99, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    expect("61 unknown function of TIME", sbi(SBI_TIME, 1, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    expect("61 unknown function of HSM", sbi(SBI_HSM, UINT64_MAX, 0, 0, 0, 0, 0), NOT_SUPPORTED);
    result("61 version", sbi(SBI_BASE, 0, 0, 0, 0, 0, 0).value == 0x3000000, sbi(SBI_BASE, 0, 0, 0, 0, 0, 0).value);
    result("61 probe of nothing", sbi(SBI_BASE, 3, 0x12345, 0, 0, 0, 0).value == 0, 0);
}

/* Only a0 and a1 may change. */
static void sbi_registers(void)
{
    register uint64_t a0 __asm__("a0") = 0, a1 __asm__("a1") = 0, a2 __asm__("a2") = 0x22, a3 __asm__("a3") = 0x33,
                         a4 __asm__("a4") = 0x44, a5 __asm__("a5") = 0x55, a6 __asm__("a6") = 0, a7 __asm__("a7") = SBI_BASE,
                         t0 __asm__("t0") = 0x77, t6 __asm__("t6") = 0x99;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(a7), "+r"(t0), "+r"(t6)
                     :
                     : "memory");
    result("61 other registers stay",
           a2 == 0x22 && a3 == 0x33 && a4 == 0x44 && a5 == 0x55 && a6 == 0 && a7 == SBI_BASE && t0 == 0x77 && t6 == 0x99, 0);
}

static void sbi_masks(void)
{
    expect("62 IPI to nobody", sbi(SBI_IPI, 0, 0, 0, 0, 0, 0), 0);
    expect("62 IPI to nobody, base beyond", sbi(SBI_IPI, 0, 0, 100, 0, 0, 0), 0);
    expect("62 IPI, base beyond", sbi(SBI_IPI, 0, 1, 100, 0, 0, 0), INVALID_PARAM);
    expect("62 IPI, base -2", sbi(SBI_IPI, 0, 1, -2ul, 0, 0, 0), INVALID_PARAM);
    expect("62 IPI, bit beyond", sbi(SBI_IPI, 0, 1ul << 63, 0, 0, 0, 0), INVALID_PARAM);
    expect("62 RFENCE, base beyond", sbi(SBI_RFENCE, 1, 1, 64, 0, 4096, 0), INVALID_PARAM);
    expect("63 RFENCE of everything", sbi(SBI_RFENCE, 1, 0, -1ul, 0, -1ul, 0), 0);
    expect("63 RFENCE that wraps", sbi(SBI_RFENCE, 1, 1, 0, -4096ul, 0x100000, 0), 0);
    expect("63 RFENCE of 2^60 pages", sbi(SBI_RFENCE, 2, 1, 0, 0, 1ul << 62, 7), 0);
    expect("63 RFENCE, unaligned", sbi(SBI_RFENCE, 1, 3, 0, 0x12345, 0x777, 0), 0);
    for (unsigned int fid = 3; fid < 8; fid++)
        expect("63 hypervisor RFENCE", sbi(SBI_RFENCE, fid, 1, 0, 0, 4096, 0), NOT_SUPPORTED);
    for (unsigned int i = 0; i < 20000; i++)
        sbi(SBI_RFENCE, 1, 3, 0, 0, -1ul, 0);
    result("63 20000 of them", true, 0);
}

static void sbi_console(void)
{
    static const char text[] = "hostile: this is DBCN\r\n";
    struct sbi_ret r = sbi(SBI_DBCN, 0, sizeof(text) - 1, (uint64_t)text, 0, 0, 0);

    result("64 DBCN", r.error == 0 && r.value == sizeof(text) - 1, r.value);
    expect("64 DBCN byte", sbi(SBI_DBCN, 2, '.', 0, 0, 0, 0), 0);
    expect("64/R1 DBCN of a hole", sbi(SBI_DBCN, 0, 16, HOLE, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN of a device", sbi(SBI_DBCN, 0, 16, UART, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN, high address", sbi(SBI_DBCN, 0, 16, (uint64_t)text, 1, 0, 0), INVALID_PARAM);
    expect("64 DBCN that wraps", sbi(SBI_DBCN, 0, -1ul, (uint64_t)text, 0, 0, 0), INVALID_PARAM);
    expect("64/R1 DBCN, huge", sbi(SBI_DBCN, 0, 1ul << 40, (uint64_t)text, 0, 0, 0), INVALID_PARAM);
    expect("64 DBCN, nothing", sbi(SBI_DBCN, 0, 0, (uint64_t)text, 0, 0, 0), 0);
    expect("64 DBCN read of a hole", sbi(SBI_DBCN, 1, 16, HOLE, 0, 0, 0), INVALID_PARAM);
}

static void sbi_harts(void)
{
    expect("65 start of nobody", sbi(SBI_HSM, 0, 77, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 start of hart -1", sbi(SBI_HSM, 0, -1ul, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 start of oneself", sbi(SBI_HSM, 0, 0, RAM, 0, 0, 0), ALREADY);
    expect("65 start in a hole", sbi(SBI_HSM, 0, 1, HOLE, 0, 0, 0), INVALID_ADDRESS);
    expect("65 start at an odd address", sbi(SBI_HSM, 0, 1, RAM + 1, 0, 0, 0), INVALID_ADDRESS);
    expect("65 status of nobody", sbi(SBI_HSM, 2, 77, 0, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend, reserved type", sbi(SBI_HSM, 3, 5, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend, platform type", sbi(SBI_HSM, 3, 0x90000000, RAM, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend into a hole", sbi(SBI_HSM, 3, 0x80000000, HOLE, 0, 0, 0), INVALID_ADDRESS);
    expect("65 SUSP, reserved type", sbi(SBI_SUSP, 0, 1, RAM, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, reserved type", sbi(SBI_SRST, 0, 3, 0, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, reserved reason", sbi(SBI_SRST, 0, 0, 2, 0, 0, 0), INVALID_PARAM);
    expect("R2 SRST, vendor's type", sbi(SBI_SRST, 0, 0xf0000000, 0, 0, 0, 0), INVALID_PARAM);
}

/* ---- row 71: every CSR ---- */

static uint32_t code[2] __attribute__((aligned(8)));

static uint64_t run_insn(uint32_t insn)
{
    code[0] = insn;
    code[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    return TRY(__asm__ volatile("jalr ra, %0" : : "r"(code) : "ra", "a0", "memory"));
}

static void all_csrs(void)
{
    uint64_t fine = 0, illegal = 0, other = 0;

    for (uint32_t csr = 0; csr < 4096; csr++) {
        uint64_t cause = run_insn(csr << 20 | 0x2573); /* csrr a0, csr */

        fine += cause == NO_FAULT;
        illegal += cause == ILLEGAL;
        other += cause != NO_FAULT && cause != ILLEGAL;
    }
    result("71 CSRR of everything", other == 0 && fine >= 10 && illegal > 3000, fine << 32 | other);
    for (uint32_t csr = 0; csr < 4096; csr++) {
        /* Not the ones that this code stands on, nor FP's and satp. */
        if ((csr >= 0x100 && csr < 0x200) || csr < 4)
            continue;
        other += run_insn(csr << 20 | 0x51073) != ILLEGAL && csr < 0xc00; /* csrw csr, a0 */
    }
    result("71 CSRW of what is not ours", other == 0, other);
    result("71 HFENCE.GVMA", run_insn(0x62000073) == ILLEGAL, 0);
    result("71 HLV.W", run_insn(0x68054573) == ILLEGAL, 0);
    result("71 WRS, MRET", run_insn(0x30200073) == ILLEGAL, 0);
    result("71 all zeros", run_insn(0) == ILLEGAL, 0);
    result("71 all ones", run_insn(0xffffffff) == ILLEGAL, 0);
    result("71 SFENCE.VMA is ours", run_insn(0x12000073) == NO_FAULT, 0);
}

/* ---- rows 58, 59: timer and WFI ---- */

static void timers(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[5], t, n;

    set_csr(sie, 1ul << 5);
    sbi(SBI_TIME, 0, 0, 0, 0, 0, 0);
    irqs_on();
    for (unsigned int i = 0; i < 1000 && cpu->count[5] == seen; i++)
        read_csr(time);
    irqs_off();
    result("58 a deadline in the past", cpu->count[5] != seen, 0);
    seen = cpu->count[5];
    sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    irqs_on();
    for (unsigned int i = 0; i < 10000; i++)
        read_csr(time);
    irqs_off();
    result("58 a deadline that never comes", cpu->count[5] == seen, 0);
    t = read_csr(time);
    sbi(SBI_TIME, 0, t + 20000, 0, 0, 0, 0);
    /* It may end early, but not always. (sip does not tell: QEMU 7.2 shows no STIP of Sstc there.) */
    for (n = 0; read_csr(time) - t < 20000 && n < 100; n++)
        __asm__ volatile("wfi");
    result("59 WFI ends with the timer, masked by SIE", read_csr(time) - t >= 20000 && n < 100, n);
    t = read_csr(time);
    for (unsigned int i = 0; i < 1000; i++)
        __asm__ volatile("wfi");
    result("59 WFI with an interrupt pending", true, 0);
    t = read_csr(time);
    sbi(SBI_TIME, 0, t + 20000, 0, 0, 0, 0);
    expect("65 suspend, retentive", sbi(SBI_HSM, 3, 0, 0, 0, 0, 0), 0);
    result("65 and it ends with the timer", read_csr(time) - t >= 19000, read_csr(time) - t);
    sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    clear_csr(sie, 1ul << 5);
}

/* ---- rows 68, R3: PLIC ---- */

static void plic(void)
{
    uint64_t faults = 0;

    for (uint64_t off = 0; off < 0x4000; off += 4)
        faults += TRY(write32(PLIC + off, 0xffffffff)) != NO_FAULT;
    for (uint64_t ctx = 0; ctx < 64; ctx++) {
        faults += TRY(write32(PLIC + 0x200000 + 0x1000 * ctx, 0xffffffff)) != NO_FAULT;
        faults += TRY(write32(PLIC + 0x200004 + 0x1000 * ctx, 0xffffffff)) != NO_FAULT;
        faults += TRY(read32(PLIC + 0x200004 + 0x1000 * ctx)) != NO_FAULT;
    }
    result("68 wild writes", faults == 0, faults);
    result("68 threshold is 3 bits", read32(PLIC + 0x201000) == 7, read32(PLIC + 0x201000));
    result("68 priority is 3 bits", read32(PLIC + 4 * UART_IRQ) == 7, read32(PLIC + 4 * UART_IRQ));
    result("68 source 0", read32(PLIC) == 0 && (read32(PLIC + 0x2080) & 1) == 0, read32(PLIC));
    result("68/R3 bytes", TRY(read8(PLIC + 4)) == LOAD_ACCESS, 0);
    write32(PLIC + 0x201000, 0);
}

/* The transmitter's interrupt, through the PLIC. */
static void uart_irq(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[9];

    set_csr(sie, 1ul << 9);
    write32(PLIC + 4 * UART_IRQ, 1);
    write32(PLIC + 0x2080, 1u << UART_IRQ);
    irqs_on();
    write8(UART + 1, 2); /* IER: transmitter empty */
    for (unsigned int i = 0; i < 100000 && cpu->count[9] == seen; i++)
        __asm__ volatile("");
    irqs_off();
    write8(UART + 1, 0);
    result("83 the transmitter's interrupt", cpu->count[9] == seen + 1, cpu->count[9] - seen);
    clear_csr(sie, 1ul << 9);
}

/* ---- row 88: a line that is stuck ---- */

#define IGNORED 20000u
static volatile uint32_t ignored;
static volatile bool ignores;

/* The handler does nothing about it; so it comes again at once. */
static void stuck_line(void)
{
    set_csr(sie, 1ul << 9);
    write32(PLIC + 4 * UART_IRQ, 1);
    write32(PLIC + 0x2080, 1u << UART_IRQ);
    ignored = 0;
    ignores = true;
    irqs_on();
    write8(UART + 1, 2); /* IER: transmitter empty */
    while (ignored < IGNORED)
        __asm__ volatile("wfi");
    irqs_off();
    ignores = false;
    write8(UART + 1, 0);
    write32(PLIC + 0x2080, 0);
    /* What was pending still is, and is nobody's. */
    write32(PLIC + 0x201004, read32(PLIC + 0x201004));
    result("88 a line that is stuck", ignored == IGNORED, ignored);
}

void guest_irq(uint64_t cause)
{
    if (cause == 9 && ignores) {
        if (++ignored == IGNORED)
            clear_csr(sie, 1ul << 9);
        return;
    }
    if (cause == 1)
        clear_csr(sip, 2);
    if (cause == 5)
        sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    if (cause == 9) {
        uint32_t source = read32(PLIC + 0x201004);

        read8(UART + 2); /* IIR ends it */
        write32(PLIC + 0x201004, source);
    }
}

/* ---- row 65: a second hart ---- */

static volatile uint64_t second, second_opaque;

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    second_opaque = opaque;
    second = cpu;
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
}

static void wait_for_second(void)
{
    for (uint64_t spins = 0; second == 0 && spins < 100000000; spins++)
        __asm__ volatile("nop");
    for (uint64_t spins = 0; sbi(SBI_HSM, 2, 1, 0, 0, 0, 0).value != 1 && spins < 1000000; spins++)
        __asm__ volatile("nop");
}

static void second_hart(void)
{
    for (unsigned int round = 1; round < 20; round++) {
        int64_t again;

        second = 0;
        result("65 start", start_cpu(1, round * 77) == 0, 0);
        again = start_cpu(1, 0);
        result("65 start twice", again == ALREADY || again == 0, (uint64_t)again);
        wait_for_second();
        result("65 it ran and stopped", second == 1 && (second_opaque == round * 77 || again == 0), second);
        if (again == 0) {
            second = 0;
            wait_for_second();
        }
    }
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    holes();
    tables();
    forms();
    fp_forms();
    vector_forms();
    atomics();
    sbi_unknown();
    sbi_registers();
    sbi_masks();
    sbi_console();
    sbi_harts();
    uart_irq();
    stuck_line();
    plic();
    timers();
    all_csrs();
    second_hart();
    every_width(UART, 16, "1/83 UART at all widths");
    every_width(PLIC, 0x1100, "1/68 PLIC at all widths");
    report_done();
    power_off();
}
