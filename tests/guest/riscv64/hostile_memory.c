/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: memory, where there is none, and devices. */
#include "hostile.h"

/* ---- rows 1, 2: holes and odd accesses ---- */

void holes(void)
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
void tables(void)
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

void forms(void)
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
void fp_forms(void)
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
void vector_forms(void)
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
void atomics(void)
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

void every_width(uint64_t base, uint64_t len, const char *name)
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
