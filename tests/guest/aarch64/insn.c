/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that reaches a device with instructions that the CPU does not describe to the hypervisor: hostile-guest.md rows 3 and
 * A2. The device is the distributor: IPRIORITYR are bytes of memory, IROUTER doublewords. "insn: NAME ok" or "... FAIL got=",
 * then "insn: done FAILURES".
 */
#include "report.h"

#define PRIORITIES (GICD + 0x420) /* of SPI 32 and up */
#define ROUTES (GICD + 0x6100)

/* The compiler is kept from these registers, and clang then from the instructions too. */
#define FP ".arch_extension fp\n\t.arch_extension simd\n\t"


static uint64_t read64(uint64_t a)
{
    uint64_t v;

    __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static void pairs(void)
{
    uint64_t a = 0x80a0c0e0, b = 0x10203040, c, d;

    __asm__ volatile("stp %w0, %w1, [%2]" : : "r"(a), "r"(b), "r"(PRIORITIES) : "memory");
    result("STP W, first", read32(PRIORITIES) == a, read32(PRIORITIES));
    result("STP W, second", read32(PRIORITIES + 4) == b, read32(PRIORITIES + 4));
    __asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(c), "=&r"(d) : "r"(PRIORITIES) : "memory");
    result("LDP W", c == a && d == b, c << 32 | d);
    __asm__ volatile("ldpsw %0, %1, [%2]" : "=&r"(c), "=&r"(d) : "r"(PRIORITIES) : "memory");
    result("LDPSW", c == 0xffffffff80a0c0e0 && d == b, c);
    a = 0x030201; /* no Aff3 */
    b = 0x010203;
    __asm__ volatile("stp %0, %1, [%2]" : : "r"(a), "r"(b), "r"(ROUTES) : "memory");
    result("STP X", read64(ROUTES) == a && read64(ROUTES + 8) == b, read64(ROUTES));
    __asm__ volatile("ldnp %0, %1, [%2]" : "=&r"(c), "=&r"(d) : "r"(ROUTES) : "memory");
    result("LDNP X", c == a && d == b, c);
}

static void simd(void)
{
    uint64_t a = 0x80a0c0e0, b = 0x10203040, c, d, e;

    __asm__ volatile(FP "fmov s4, %w0\n\tfmov s5, %w1\n\tstp s4, s5, [%2]"
                     : : "r"(b), "r"(a), "r"(PRIORITIES) : "v4", "v5", "memory");
    result("STP S", read32(PRIORITIES) == b && read32(PRIORITIES + 4) == a, read32(PRIORITIES));
    __asm__ volatile(FP "movi v4.2d, #-1\n\tldr s4, [%3]\n\tumov %0, v4.d[0]\n\tumov %1, v4.d[1]\n\t"
                     "ldr b5, [%3]\n\tumov %2, v5.d[0]"
                     : "=&r"(c), "=&r"(d), "=&r"(e) : "r"(PRIORITIES) : "v4", "v5", "memory");
    result("LDR S zeroes the rest", c == b && d == 0, c);
    result("LDR B", e == 0x40, e);
    a = 0x060504;
    b = 0x040506;
    __asm__ volatile(FP "fmov d4, %0\n\tfmov v4.d[1], %1\n\tstr q4, [%2]" : : "r"(a), "r"(b), "r"(ROUTES) : "v4", "memory");
    result("STR Q", read64(ROUTES) == a && read64(ROUTES + 8) == b, read64(ROUTES));
    __asm__ volatile(FP "ldp q4, q5, [%2]\n\tumov %0, v4.d[0]\n\tumov %1, v4.d[1]"
                     : "=&r"(c), "=&r"(d) : "r"(ROUTES) : "v4", "v5", "memory");
    result("LDP Q", c == a && d == b, c);
    /* What was in the other registers is still there. */
    __asm__ volatile(FP "movi v6.2d, #-1\n\tldr q4, [%1]\n\tumov %0, v6.d[1]" : "=&r"(c) : "r"(ROUTES) : "v4", "v6", "memory");
    result("LDR Q leaves the others", c == UINT64_MAX, c);
}

static void writeback(void)
{
    uint64_t at = PRIORITIES, v;

    write32(PRIORITIES, 0x10203000);
    write32(PRIORITIES + 8, 0x50607000);
    __asm__ volatile("ldr %w0, [%1], #8" : "=&r"(v), "+r"(at) : : "memory");
    result("LDR post-index", v == (read32(PRIORITIES)) && at == PRIORITIES + 8, at);
    __asm__ volatile("str %w2, [%0, #-8]!" : "+r"(at), "=m"(*(char *)&v) : "r"(0x40404040) : "memory");
    result("STR pre-index", read32(PRIORITIES) == 0x40404040 && at == PRIORITIES, at);
    __asm__ volatile("mov x9, sp\n\tmov sp, %1\n\tldr w10, [sp], #16\n\tmov %0, sp\n\tmov sp, x9"
                     : "=&r"(at) : "r"(PRIORITIES) : "x9", "x10", "memory");
    result("LDR post-index of SP_EL1", at == PRIORITIES + 16, at);
    __asm__ volatile("msr spsel, #0\n\tmov x9, sp\n\tmov sp, %1\n\tldr w10, [sp, #16]!\n\tmov %0, sp\n\tmov sp, x9\n\t"
                     "msr spsel, #1"
                     : "=&r"(at) : "r"(PRIORITIES) : "x9", "x10", "memory");
    result("LDR pre-index of SP_EL0", at == PRIORITIES + 16, at);
}

static void ordered(void)
{
    uint64_t v;

    __asm__ volatile("stlr %w0, [%1]" : : "r"(0x20406080), "r"(PRIORITIES) : "memory");
    __asm__ volatile("ldar %w0, [%1]" : "=r"(v) : "r"(PRIORITIES) : "memory");
    result("STLR and LDAR", v == 0x20406080, v);
    __asm__ volatile("ldaxrb %w0, [%1]\n\tclrex" : "=r"(v) : "r"(PRIORITIES + 1) : "memory");
    result("LDAXRB", v == 0x60, v);
}

/* Not loads and stores of registers: an abort, and nothing is changed. */
static void refused(void)
{
    struct guest_cpu *cpu = this_cpu();

    write32(PRIORITIES, 0x20406080);
    cpu->esr = 0;
    cpu->expect = true;
    __asm__ volatile(FP "movi v0.2d, #-1\n\tst1 {v0.4s}, [%0]" : : "r"(PRIORITIES) : "v0", "memory");
    cpu->expect = false;
    result("ST1 is refused", cpu->esr >> 26 == 0x25 && (cpu->esr & 0x3f) == 0x10 && cpu->far == PRIORITIES, cpu->esr);
    result("ST1 has not stored", read32(PRIORITIES) == 0x20406080, read32(PRIORITIES));
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    write32(GICD, 0x10); /* affinity routing, or there are no routes */
    pairs();
    simd();
    writeback();
    ordered();
    refused();
    report_done();
    power_off();
}
