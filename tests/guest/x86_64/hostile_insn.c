/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: every form of instruction on a device's registers, and strings. hostile-guest.md rows 3 to 7. */
#include "hostile.h"

#define TPR ((volatile uint32_t *)(LAPIC + APIC_TPR)) /* keeps its low 8 bits */

/* @insn has the register's address in rbx and a value in eax (rax); afterwards rax is @want_a and the register @want_r. */
#define FORM(name, before, a, want_a, want_r, insn)                                                                            \
    do {                                                                                                                       \
        uint64_t a_ = (a);                                                                                                     \
        unsigned int vector_;                                                                                                  \
        *TPR = (before);                                                                                                       \
        __asm__ volatile(TRY_FROM insn TRY_TO                                                                                  \
                         : "+a"(a_), [fixup] "=m"(this_cpu()->fixup)                                                           \
                         : "b"(TPR)                                                                                            \
                         : "rcx", "rdx", "rsi", "rdi", "memory", "cc");                                                        \
        vector_ = tried();                                                                                                     \
        result(name, vector_ == NO_FAULT && a_ == (uint64_t)(want_a) && *TPR == (uint32_t)(want_r),                            \
               (uint64_t)vector_ << 56 ^ a_ ^ (uint64_t)*TPR << 32);                                                           \
    } while (0)

static void moves(void)
{
    FORM("3 MOV load", 0x21, ~0ul, 0x21, 0x21, "movl (%%rbx), %%eax");
    FORM("3 MOV store", 0, 0x31, 0x31, 0x31, "movl %%eax, (%%rbx)");
    FORM("3 MOV immediate", 0, 7, 7, 0x41, "movl $0x41, (%%rbx)");
    FORM("3 MOV by disp8 and SIB", 0x22, 0, 0x22, 0x22, "xor %%ecx, %%ecx\n\tmovl 0(%%rbx, %%rcx, 4), %%eax");
    FORM("3 MOV through FS", 0x23, 0, 0x23, 0x23, "movl %%fs:(%%rbx), %%eax");
    FORM("3 MOV, 32-bit address", 0x24, 0, 0x24, 0x24, "movl (%%ebx), %%eax");
    FORM("3 MOV moffs", 0x25, 0, 0x25, 0x25, "movabsl 0xfee00080, %%eax");
    FORM("3 MOV moffs store", 0, 0x26, 0x26, 0x26, "movabsl %%eax, 0xfee00080");
    FORM("3 MOV R8D", 0x27, 0, 0x27, 0x27, "movl (%%rbx), %%r8d\n\tmov %%r8, %%rax");
    FORM("3 MOVSXD", 0x28, 0, 0x28, 0x28, "movslq (%%rbx), %%rax");
    FORM("3 MOVNTI", 0, 0x29, 0x29, 0x29, "movnti %%eax, (%%rbx)");
    FORM("3 XCHG", 0x31, 0x42, 0x31, 0x42, "xchgl %%eax, (%%rbx)");
    FORM("3 redundant prefixes", 0x33, 0, 0x33, 0x33, ".byte 0x3e, 0x65, 0x2e\n\tmovl (%%rbx), %%eax");
}

static void arithmetic(void)
{
    FORM("3 ADD to memory", 0x10, 5, 5, 0x15, "addl %%eax, (%%rbx)");
    FORM("3 ADD from memory", 0x10, 5, 0x15, 0x10, "addl (%%rbx), %%eax");
    FORM("3 ADD immediate", 0x10, 0, 0, 0x13, "addl $3, (%%rbx)");
    FORM("3 OR", 0x10, 5, 5, 0x15, "orl %%eax, (%%rbx)");
    FORM("3 AND", 0x37, 0xf0, 0xf0, 0x30, "andl %%eax, (%%rbx)");
    FORM("3 SUB", 0x37, 7, 7, 0x30, "subl %%eax, (%%rbx)");
    FORM("3 XOR", 0x37, 0xf, 0xf, 0x38, "xorl %%eax, (%%rbx)");
    FORM("3 ADC", 0x10, 5, 5, 0x16, "stc\n\tadcl %%eax, (%%rbx)");
    FORM("3 SBB", 0x10, 5, 5, 0x0a, "stc\n\tsbbl %%eax, (%%rbx)");
    FORM("3 INC", 0x10, 1, 1, 0x11, "incl (%%rbx)");
    FORM("3 DEC", 0x10, 1, 1, 0x0f, "decl (%%rbx)");
    FORM("3 NOT", 0x10, 1, 1, 0xef, "notl (%%rbx)");
    FORM("3 NEG", 0x10, 1, 1, 0xf0, "negl (%%rbx)");
    FORM("3 LOCK ADD", 0x10, 5, 5, 0x15, "lock addl %%eax, (%%rbx)");
    FORM("3 XADD", 0x10, 5, 0x10, 0x15, "lock xaddl %%eax, (%%rbx)");
    FORM("3 CMP, equal", 0x44, 0x44, 1, 0x44, "cmpl %%eax, (%%rbx)\n\tsete %%al\n\tmovzbl %%al, %%eax");
    FORM("3 CMP, below", 0x43, 0x44, 1, 0x43, "cmpl %%eax, (%%rbx)\n\tsetb %%al\n\tmovzbl %%al, %%eax");
    FORM("3 TEST", 0x43, 0x40, 0, 0x43, "testl %%eax, (%%rbx)\n\tsetz %%al\n\tmovzbl %%al, %%eax");
}

static void bits(void)
{
    FORM("3 BT", 0x10, 4, 1, 0x10, "btl %%eax, (%%rbx)\n\tsetc %%al\n\tmovzbl %%al, %%eax");
    FORM("3 BTS", 0x10, 0, 0, 0x18, "lock btsl $3, (%%rbx)");
    FORM("3 BTR", 0x18, 0, 0, 0x10, "btrl $3, (%%rbx)");
    FORM("3 BTC", 0x18, 0, 0, 0x08, "btcl $4, (%%rbx)");
    FORM("3 CMPXCHG, equal", 0x20, 0x20, 0x20, 0x31, "mov $0x31, %%ecx\n\tlock cmpxchgl %%ecx, (%%rbx)");
    FORM("3 CMPXCHG, different", 0x20, 0x21, 0x20, 0x20, "mov $0x31, %%ecx\n\tlock cmpxchgl %%ecx, (%%rbx)");
}

static volatile uint32_t ram[4];

static void string_forms(void)
{
    FORM("3 STOS", 0, 0x51, 0x51, 0x51, "mov %%rbx, %%rdi\n\tstosl");
    FORM("3 LODS", 0x52, 0, 0x52, 0x52, "mov %%rbx, %%rsi\n\tlodsl");
    ram[0] = 0x53;
    FORM("3 MOVS to a device", 0, 0, 0, 0x53, "lea ram(%%rip), %%rsi\n\tmov %%rbx, %%rdi\n\tmovsl");
    ram[1] = 0;
    FORM("3 MOVS from a device", 0x54, 0, 0, 0x54, "lea ram + 4(%%rip), %%rdi\n\tmov %%rbx, %%rsi\n\tmovsl");
    result("3 MOVS, what came", ram[1] == 0x54, ram[1]);
    *TPR = 0;
}

/* LOCK where the manual forbids it: #UD, device or not. */
static void locks(void)
{
    unsigned int vector;

    __asm__ volatile(TRY_FROM ".byte 0xf0\n\tmovl %%eax, (%1)" TRY_TO : [fixup] "=m"(this_cpu()->fixup) : "b"(TPR) : "memory");
    vector = tried();
    result("3 LOCK MOV", vector == UD, vector);
    __asm__ volatile(TRY_FROM ".byte 0xf0\n\tcmpl %%eax, (%1)" TRY_TO
                     : [fixup] "=m"(this_cpu()->fixup)
                     : "b"(TPR)
                     : "memory", "cc");
    vector = tried();
    result("3 LOCK CMP", vector == UD, vector);
}

/* Registers of the local APIC are 4 bytes, so these have nothing as their operand. */
static void stack(void)
{
    uint64_t v = 0;

    __asm__ volatile(TRY_FROM "pushq (%2)\n\tpop %1" TRY_TO : [fixup] "=m"(this_cpu()->fixup), "=&r"(v) : "r"(HOLE) : "memory");
    result("3 PUSH of nothing", tried() == NO_FAULT && v == UINT64_MAX, v);
    __asm__ volatile(TRY_FROM "push %1\n\tpopq (%2)" TRY_TO : [fixup] "=m"(this_cpu()->fixup) : "r"(v), "r"(HOLE) : "memory");
    result("3 POP to nothing", tried() == NO_FAULT, 0);
}

void hostile_forms(void)
{
    apic_enable(false);
    moves();
    arithmetic();
    bits();
    string_forms();
    locks();
    stack();
}

/* ---- row 6: strings to and from ports, and over devices ---- */

extern uint64_t boot_pd[];
static volatile uint8_t buffer[8192] __attribute__((aligned(4096)));

/* REP with more than there is memory: it stops with a page fault, and the registers say where. */
static void runs_into_nothing(void)
{
    uint64_t was = boot_pd[300], end = 300ul << 21, count = UINT64_MAX, di = end - 16;
    unsigned int vector;

    boot_pd[300] = 0;
    WRITE_REG("cr3", READ_REG("cr3"));
    __asm__ volatile(TRY_FROM "rep insb" TRY_TO
                     : "+c"(count), "+D"(di), [fixup] "=m"(this_cpu()->fixup)
                     : "d"(DEAD_PORT)
                     : "memory");
    vector = tried();
    result("6 REP INSB of 2^64-1 bytes", vector == PF && di == end && count == UINT64_MAX - 16 && this_cpu()->cr2 == end,
           (uint64_t)vector << 56 ^ di);
    count = UINT64_MAX;
    di = end - 8;
    __asm__ volatile(TRY_FROM "rep outsb" TRY_TO
                     : "+c"(count), "+S"(di), [fixup] "=m"(this_cpu()->fixup)
                     : "d"(DEAD_PORT)
                     : "memory");
    vector = tried();
    result("6 REP OUTSB of 2^64-1 bytes", vector == PF && di == end && count == UINT64_MAX - 8, (uint64_t)vector << 56 ^ di);
    boot_pd[300] = was;
    WRITE_REG("cr3", READ_REG("cr3"));
}

static void port_strings(void)
{
    uint64_t count = 6000, di = (uint64_t)buffer, bad = 0;

    __asm__ volatile("rep insb" : "+c"(count), "+D"(di) : "d"(DEAD_PORT) : "memory");
    for (unsigned int i = 0; i < 6000; i++)
        bad += buffer[i] != 0xff;
    result("6 REP INSB", count == 0 && di == (uint64_t)buffer + 6000 && bad == 0 && buffer[6000] == 0, bad);
    count = 100;
    di = (uint64_t)buffer + 7000;
    __asm__ volatile("std\n\trep insl\n\tcld" : "+c"(count), "+D"(di) : "d"(DEAD_PORT) : "memory", "cc");
    result("6 REP INSL, downwards", count == 0 && di == (uint64_t)buffer + 6600 && buffer[6604] == 0xff && buffer[6603] == 0,
           di);
    count = 100000;
    di = (uint64_t)buffer;
    __asm__ volatile("rep outsb" : "+c"(count), "+S"(di) : "d"(0x80) : "memory");
    result("6 REP OUTSB of 100000 bytes, reading on", count == 0 && di == (uint64_t)buffer + 100000, di);
    count = 0;
    di = 1;
    __asm__ volatile("rep insb" : "+c"(count), "+D"(di) : "d"(DEAD_PORT) : "memory");
    result("6 REP INSB of nothing", count == 0 && di == 1, di);
    count = 3;
    di = (uint64_t)buffer;
    __asm__ volatile("rep outsl" : "+c"(count), "+S"(di) : "d"(0xffff) : "memory");
    result("6 REP OUTSL at the last port", count == 0, di);
    /* With 32-bit addresses and counts. */
    count = UINT64_C(0xffffffff00000002);
    di = (uint64_t)buffer;
    __asm__ volatile("addr32 rep insb" : "+c"(count), "+D"(di) : "d"(DEAD_PORT) : "memory");
    result("6 REP INSB, ECX", count == 0, count);
}

/* REP STOS and MOVS over a hole and out of it. */
static void memory_strings(void)
{
    uint64_t count = 1000, di = HOLE, si;

    __asm__ volatile("rep stosl" : "+c"(count), "+D"(di) : "a"(0) : "memory");
    result("6 REP STOSL over nothing", count == 0 && di == HOLE + 4000, di);
    count = 64;
    si = HOLE;
    di = (uint64_t)buffer;
    __asm__ volatile("rep movsb" : "+c"(count), "+D"(di), "+S"(si) : : "memory");
    result("6 REP MOVSB out of nothing", count == 0 && buffer[63] == 0xff && si == HOLE + 64, si);
    count = 64;
    si = HOLE;
    di = HOLE + 4096;
    __asm__ volatile("rep movsl" : "+c"(count), "+D"(di), "+S"(si) : : "memory");
    result("6 REP MOVSL from nothing to nothing", count == 0 && di == HOLE + 4096 + 256, di);
}

void hostile_strings(void)
{
    port_strings();
    memory_strings();
    runs_into_nothing();
}
