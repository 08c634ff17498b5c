/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions on memory that is not RAM: each is executed on RAM by the CPU, and by the library on the test device's memory,
 * with the same registers, flags and contents. All of them have to be the same afterwards. hostile-guest.md row 3. Needs the
 * host's test device. It ends with "insn: done FAILURES".
 */
#include "report.h"

#define IO_MEMORY 0xff000000ul
/* RFLAGS that an instruction leaves undefined */
#define CF 0x001ul
#define PF 0x004ul
#define AF 0x010ul
#define ZF 0x040ul
#define SF 0x080ul
#define OF 0x800ul
#define ALL (CF | PF | AF | ZF | SF | OF)

struct state {
    uint64_t rax, rcx, rdx, rbx, rflags, memory[4];
};

/* name, code with its operand at (%rdi), undefined flags */
#define CASES(X)                                                                                                               \
    X(add8, "add %al, (%rdi)", 0)                                                                                              \
    X(add16, "lock add %ax, (%rdi)", 0)                                                                                        \
    X(adc32, "adc (%rdi), %ecx", 0)                                                                                            \
    X(sbb64, "sbb %rax, (%rdi)", 0)                                                                                            \
    X(or8, "or $0x55, %ch; orb $0x70, (%rdi)", AF)                                                                             \
    X(and16, "andw $0x1234, (%rdi)", AF)                                                                                       \
    X(xor64, "xorq $-77, (%rdi)", AF)                                                                                          \
    X(cmp8, "cmp (%rdi), %dh", 0)                                                                                              \
    X(cmp64, "cmpq $-1, (%rdi)", 0)                                                                                            \
    X(test8, "testb $0x81, (%rdi)", AF)                                                                                        \
    X(test64, "testq $-8, (%rdi)", AF)                                                                                         \
    X(test32, "test %ecx, (%rdi)", AF)                                                                                         \
    X(not16, "notw (%rdi)", 0)                                                                                                 \
    X(neg64, "negq (%rdi)", 0)                                                                                                 \
    X(inc8, "incb (%rdi)", 0)                                                                                                  \
    X(dec32, "lock decl (%rdi)", 0)                                                                                            \
    X(mov, "mov %rax, (%rdi); mov 1(%rdi), %cx", 0)                                                                            \
    X(movzx, "movzwl 1(%rdi), %eax", 0)                                                                                        \
    X(movsx, "movsbq (%rdi), %rax; movslq 4(%rdi), %rcx", 0)                                                                   \
    X(movbe, "movbe (%rdi), %eax; movbe %rcx, 8(%rdi)", 0)                                                                     \
    X(movnti, "movnti %rax, (%rdi)", 0)                                                                                        \
    X(xchg, "xchg %ah, (%rdi); xchg %rcx, 8(%rdi)", 0)                                                                         \
    X(xadd, "xadd %al, (%rdi); lock xadd %rcx, 8(%rdi)", 0)                                                                    \
    X(cmpxchg, "lock cmpxchg %cl, (%rdi); cmpxchg %rcx, 8(%rdi)", 0)                                                           \
    X(cmpxchg8b, "lock cmpxchg8b (%rdi)", 0)                                                                                   \
    X(cmpxchg16b, "lock cmpxchg16b (%rdi)", 0)                                                                                 \
    X(bt, "bt %rcx, (%rdi)", ALL & ~CF & ~ZF)                                                                                  \
    X(bts, "btsl $37, (%rdi)", ALL & ~CF & ~ZF)                                                                                \
    X(btr, "and $63, %ecx; lock btr %ecx, (%rdi)", ALL & ~CF & ~ZF)                                                            \
    X(btc, "btcw $3, 2(%rdi)", ALL & ~CF & ~ZF)                                                                                \
    X(setcc, "setg (%rdi); setbe 1(%rdi); setpe 2(%rdi)", 0)                                                                   \
    X(cmov, "cmovl (%rdi), %rax; cmovae 4(%rdi), %ecx", 0)                                                                     \
    X(push, "push (%rdi); pop %rax; push %rcx; pop 8(%rdi)", 0)                                                                \
    X(push16, "pushw (%rdi); pop %cx", 0)                                                                                      \
    X(rol8, "rolb $3, (%rdi)", OF)                                                                                             \
    X(ror16, "rorw %cl, (%rdi)", OF)                                                                                           \
    X(ror64, "rorq $1, (%rdi)", 0)                                                                                             \
    X(rcl32, "rcll $7, (%rdi)", OF)                                                                                            \
    X(rcl8, "rclb %cl, (%rdi)", OF)                                                                                            \
    X(rcr16, "rcrw $1, (%rdi)", 0)                                                                                             \
    X(rcr64, "rcrq %cl, (%rdi)", OF)                                                                                           \
    X(shl8, "shlb $1, (%rdi)", AF)                                                                                             \
    X(shl32, "shll %cl, (%rdi)", AF | OF | CF)                                                                                 \
    X(shr64, "shrq $11, (%rdi)", AF | OF)                                                                                      \
    X(shr16, "shrw $1, (%rdi)", AF)                                                                                            \
    X(sar8, "sarb %cl, (%rdi)", AF | OF)                                                                                       \
    X(sar64, "sarq $63, (%rdi)", AF | OF)                                                                                      \
    X(sar32, "sarl $1, (%rdi)", AF)                                                                                            \
    X(shift_by_0, "xor %ecx, %ecx; shll %cl, (%rdi); rcrw %cl, 8(%rdi)", AF)                                                   \
    X(shld32, "shld $5, %eax, (%rdi)", AF | OF)                                                                                \
    X(shld64, "shld %cl, %rax, (%rdi)", AF | OF)                                                                               \
    X(shrd16, "shrd $9, %ax, (%rdi)", AF | OF)                                                                                 \
    X(shrd64, "shrd $1, %rax, (%rdi)", AF)                                                                                     \
    X(mul8, "mulb (%rdi)", ALL & ~CF & ~OF)                                                                                    \
    X(mul16, "mulw (%rdi)", ALL & ~CF & ~OF)                                                                                   \
    X(mul32, "mull (%rdi)", ALL & ~CF & ~OF)                                                                                   \
    X(mul64, "mulq (%rdi)", ALL & ~CF & ~OF)                                                                                   \
    X(imul8, "imulb (%rdi)", ALL & ~CF & ~OF)                                                                                  \
    X(imul16, "imulw (%rdi)", ALL & ~CF & ~OF)                                                                                 \
    X(imul32, "imull (%rdi)", ALL & ~CF & ~OF)                                                                                 \
    X(imul64, "imulq (%rdi)", ALL & ~CF & ~OF)                                                                                 \
    X(imul_r16, "imul (%rdi), %cx", ALL & ~CF & ~OF)                                                                           \
    X(imul_r64, "imul (%rdi), %rcx", ALL & ~CF & ~OF)                                                                          \
    X(imul_imm8, "imul $-7, (%rdi), %eax", ALL & ~CF & ~OF)                                                                    \
    X(imul_imm, "imul $0x12345, (%rdi), %rax", ALL & ~CF & ~OF)                                                                \
    X(imul_imm16, "imul $0x1234, (%rdi), %ax", ALL & ~CF & ~OF)                                                                \
    X(div8, "mov $0x33, %ax; divb (%rdi)", ALL)                                                                                \
    X(div16, "xor %edx, %edx; divw (%rdi)", ALL)                                                                               \
    X(div32, "mov $3, %edx; orl $-256, (%rdi); divl (%rdi)", ALL)                                                              \
    X(div64, "shr $5, %rdx; orq $-256, (%rdi); divq (%rdi)", ALL)                                                              \
    X(idiv8, "movsbw %al, %ax; idivb 1(%rdi)", ALL)                                                                            \
    X(idiv32, "cdq; idivl (%rdi)", ALL)                                                                                        \
    X(idiv64, "cqo; idivq (%rdi)", ALL)                                                                                        \
    X(div_by_0, "movq $0, (%rdi); divl (%rdi)", ALL)                                                                           \
    X(div_overflow, "mov $-1, %rdx; shrq $1, (%rdi); divq (%rdi)", ALL)                                                        \
    X(idiv_overflow, "movb $-1, (%rdi); mov $0x80, %eax; shl $8, %eax; idivb (%rdi)", ALL)                                     \
    X(bsf16, "bsf (%rdi), %cx", ALL & ~ZF)                                                                                     \
    X(bsf64, "bsf 8(%rdi), %rcx", ALL & ~ZF)                                                                                   \
    X(bsr32, "bsr (%rdi), %eax", ALL & ~ZF)                                                                                    \
    X(bsr64, "bsr (%rdi), %rax", ALL & ~ZF)                                                                                    \
    X(bsf_0, "movq $0, (%rdi); bsf (%rdi), %rax", ALL & ~ZF)                                                                   \
    X(popcnt16, "popcnt (%rdi), %ax", 0)                                                                                       \
    X(popcnt64, "popcnt (%rdi), %rax", 0)                                                                                      \
    X(movs, "mov %rdi, %rsi; lea 8(%rdi), %rdi; mov $5, %ecx; rep movsb", 0)                                                   \
    X(stos, "mov $3, %ecx; rep stosl", 0)                                                                                      \
    X(scas, "mov $16, %ecx; repne scasb; mov %rdi, %rbx", 0)                                                                   \
    X(lods, "mov %rdi, %rsi; lodsw; lodsb; mov %rsi, %rbx", 0)

#define CODE(name, text, undefined) __asm__(".text\ninsn_" #name ": " text "\n\tret\n");
#define EXTERN(name, text, undefined) extern const char insn_##name[];
#define ROW(name, text, undefined) { #name, insn_##name, undefined },
CASES(CODE)
CASES(EXTERN)

static const struct {
    const char *name, *code;
    uint64_t undefined;
} cases[] = { CASES(ROW) };

static const struct state starts[] = {
    { 0x1122334455667788, 0x99aabbccddeeff05, 3, 0x0123456789abcdef, 0, { 0x1122334455667788, 0x8000000000000001, 0, 0 } },
    { 0xfffffffffffffffe, 33, 0x7fffffffffffffff, 5, CF, { 0x8877665544332211, 0xffffffffffffffff, 7, 0 } },
    { 0x80, 0x7f, 0, 0, ALL, { 0x80, 0, 1, 0 } },
    { 0x8000000080008080,
      1,
      0x8000000080008000,
      0x0404040404040404,
      SF | OF,
      { 0x7fffffff7fff7f7f, 0x55aa55aa55aa55aa, 9, 0 } },
};

/* Code that leaves its registers, flags and exception in *s; whatever it did to the stack. */
static unsigned int execute(const char *code, struct state *s, uint64_t mem)
{
    __asm__ volatile("push %%rbx\n\tmov %%rsp, %%r14\n\t" TRY_FROM
                     "mov (%[s]), %%rax\n\tmov 8(%[s]), %%rcx\n\tmov 16(%[s]), %%rdx\n\tmov 24(%[s]), %%rbx\n\t"
                     "pushq 32(%[s])\n\tpopfq\n\t"
                     "call *%[code]\n\t"
                     "pushfq\n\tpopq 32(%[s])\n"
                     "771:\tmov %%r14, %%rsp\n\tmovq $0, %[fixup]\n\t"
                     "mov %%rax, (%[s])\n\tmov %%rcx, 8(%[s])\n\tmov %%rdx, 16(%[s])\n\tmov %%rbx, 24(%[s])\n\tpop %%rbx"
                     : "+D"(mem), [fixup] "=m"(this_cpu()->fixup)
                     : [s] "r"(s), [code] "r"(code)
                     : "rax", "rcx", "rdx", "rsi", "r14", "memory", "cc");
    return tried();
}

static unsigned int run(const char *code, const struct state *start, struct state *s, uint64_t mem)
{
    volatile uint64_t *m = (volatile uint64_t *)mem;
    unsigned int vector;

    *s = *start;
    for (unsigned int i = 0; i < 4; i++)
        m[i] = start->memory[i];
    vector = execute(code, s, mem);
    for (unsigned int i = 0; i < 4; i++)
        s->memory[i] = m[i];
    return vector;
}

static void put_state(const char *what, const struct state *s, unsigned int vector)
{
    const uint64_t *word = &s->rax;

    put_str(what);
    for (unsigned int i = 0; i < 7; i++) {
        put_char(' ');
        put_hex(word[i]);
    }
    put_str(" vector ");
    put_dec(vector);
    put_char('\n');
}

/* Where code is that leaves an address behind it does so in both. */
static void compare(unsigned int n, const struct state *start)
{
    static uint64_t ram[512] __attribute__((aligned(4096)));
    struct state cpu, own;
    unsigned int cpu_vector = run(cases[n].code, start, &cpu, (uint64_t)ram);
    unsigned int own_vector = run(cases[n].code, start, &own, IO_MEMORY);
    uint64_t flags = ALL & ~cases[n].undefined;
    bool same = cpu_vector == own_vector;

    if (cpu_vector == NO_FAULT)
        same = same && ((cpu.rflags ^ own.rflags) & flags) == 0;
    /* An address that a string instruction has left in RBX is of another place. */
    if (cpu.rbx - (uint64_t)ram < sizeof(ram))
        cpu.rbx += IO_MEMORY - (uint64_t)ram;
    for (unsigned int i = 0; i < 4; i++)
        same = same && (&cpu.rax)[i] == (&own.rax)[i] && cpu.memory[i] == own.memory[i];
    result_if_wrong(cases[n].name, same, own_vector);
    if (same)
        return;
    put_state("  from", start, NO_FAULT);
    put_state("  CPU ", &cpu, cpu_vector);
    put_state("  here", &own, own_vector);
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    (void)cmdline;
    for (unsigned int n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        for (unsigned int i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
            compare(n, &starts[i]);
    }
    report_number("compared", sizeof(cases) / sizeof(cases[0]) * (sizeof(starts) / sizeof(starts[0])));
    report_done();
    outb(0xe0, 0xa5);
    if (inb(0xe0) != 0xa5)
        put_str("insn: no test device\n");
    outl(0xf4, report_failures);
    power_off();
}
