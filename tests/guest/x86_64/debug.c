/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that debugs itself: single steps and breakpoints over what exits, INT1, NMIs and faulting IRETs among them,
 * exceptions without end on one CPU while another goes on. hostile-guest.md rows 79 and 80. Each line is "debug: NAME ok" or
 * "... FAIL got="; the last is "debug: done FAILURES". This file: one CPU alone.
 */
#include "debug.h"

bool strict, bochs_svm;
volatile struct debug_trace trace;

/* ---- what every exception leaves ---- */

volatile uint64_t debug_stop;

/* While something is traced: #DB goes on stepping until RIP is at debug_stop; what faults goes on there, and no further. */
static bool trace_it(struct frame *f)
{
    unsigned int n = trace.count;

    if (this_cpu_number() != 0 || f->vector >= 32 || f->vector == NMI)
        return false;
    if (n < TRACE_MAX) {
        trace.rip[n] = f->rip;
        trace.dr6[n] = READ_REG("dr6");
        trace.vector[n] = (uint8_t)f->vector;
    }
    trace.count++;
    WRITE_REG("dr6", DR6_CLEAR);
    if (f->vector == DB && f->rip != debug_stop && trace.count < TRACE_MAX) {
        f->rflags |= RFLAGS_RF;
        return true;
    }
    f->rip = debug_stop;
    f->rflags &= ~RFLAGS_TF;
    return true;
}

void trace_begin(void)
{
    trace.count = 0;
    WRITE_REG("dr6", DR6_CLEAR);
    guest_trap_hook = trace_it;
}

void trace_end(void)
{
    guest_trap_hook = NULL;
}

/* @count single-step traps, the last of them at the end; the first after @first bytes, if that is known. */
void stepped(const char *name, unsigned int count)
{
    unsigned int n = trace.count;
    bool ok = n == count;

    for (unsigned int i = 0; ok && i < n; i++)
        ok = trace.vector[i] == DB && (bochs_svm || (trace.dr6[i] & (DR6_BS | 15)) == DR6_BS);
    ok = ok && trace.rip[n - 1] == debug_stop;
    result(name, ok, (uint64_t)n << 32 | trace.vector[0] << 16 | (uint16_t)trace.dr6[0]);
}

/* ---- single steps ---- */

#define TEST_STEP(name, count, text, ...)                                                                                      \
    do {                                                                                                                       \
        struct debug_regs r_ = { __VA_ARGS__ };                                                                                \
        RUN(RFLAGS_TF, text, r_);                                                                                              \
        stepped(name, count);                                                                                                  \
    } while (0)

static volatile uint8_t buffer[64];
static uint16_t word;

static void step_over_plain(void)
{
    TEST_STEP("a step over NOP", 1, "nop", .a = 0);
    TEST_STEP("a step over CPUID", 1, "cpuid", .a = 0);
    TEST_STEP("a step over RDMSR", 1, "rdmsr", .c = MSR_APIC_BASE);
    TEST_STEP("a step over WRMSR", 1, "wrmsr", .a = 0x00070406, .d = 0x00070406, .c = 0x277);
    TEST_STEP("a step over WRMSR of GS.base", 1, "wrmsr", .a = 0, .d = 0, .c = 0xc0000101);
    TEST_STEP("a step over IN", 1, "inb %%dx, %%al", .d = DEAD_PORT);
    TEST_STEP("a step over OUT", 1, "outb %%al, %%dx", .d = DEAD_PORT);
    TEST_STEP("a step over IN of a device", 1, "inb %%dx, %%al", .d = COM1 + 5);
    TEST_STEP("a step over HLT", 1, "hlt", .a = 0);
    TEST_STEP("a step over WBINVD", 1, "wbinvd", .a = 0);
    if (strict) /* there is none in QEMU */
        TEST_STEP("a step over PAUSE", 1, "pause", .a = 0);
    TEST_STEP("a step over RDTSC", 1, "rdtsc", .a = 0);
    TEST_STEP("a step over INVLPG", 1, "invlpg (%%rbx)", .b = (uint64_t)buffer);
    if (cpuid(0, 0).c == 0x444d4163) /* cAMD */
        TEST_STEP("a step over VMMCALL", 1, "vmmcall", .a = 12345);
    else
        TEST_STEP("a step over VMCALL", 1, "vmcall", .a = 12345);
}

static void step_over_registers(void)
{
    uint64_t cr0 = READ_REG("cr0");

    TEST_STEP("a step over MOV from CR0", 1, "mov %%cr0, %%rax", .a = 0);
    TEST_STEP("a step over MOV to CR0", 1, "mov %%rax, %%cr0", .a = cr0 | 8);
    TEST_STEP("a step over CLTS", 1, "clts", .a = 0);
    TEST_STEP("a step over LMSW", 1, "lmsw %%ax", .a = cr0 & 0xffff);
    word = (uint16_t)cr0;
    TEST_STEP("a step over LMSW from memory", 1, "lmsw (%%rbx)", .b = (uint64_t)&word);
    TEST_STEP("a step over SMSW", 1, "smsw (%%rbx)", .b = (uint64_t)&word);
    TEST_STEP("a step over MOV to CR3", 1, "mov %%rax, %%cr3", .a = READ_REG("cr3"));
    TEST_STEP("a step over MOV to CR4", 1, "mov %%rax, %%cr4", .a = READ_REG("cr4"));
    TEST_STEP("a step over MOV to CR8", 1, "mov %%rax, %%cr8", .a = 0);
    TEST_STEP("a step over MOV to DR0", 1, "mov %%rax, %%dr0", .a = 0x1234);
    TEST_STEP("a step over MOV to DR7", 1, "mov %%rax, %%dr7", .a = 0x400);
    TEST_STEP("a step over MOV from DR3", 1, "mov %%dr3, %%rax", .a = 0);
    if ((cpuid(1, 0).c >> 26 & 1) == 0)
        return;
    WRITE_REG("cr4", READ_REG("cr4") | 1ul << 18);
    TEST_STEP("a step over XSETBV", 1, "xsetbv", .a = 3);
    WRITE_REG("cr4", READ_REG("cr4") & ~(1ul << 18));
}

static void step_over_memory(void)
{
    TEST_STEP("a step over a load from a device", 1, "mov (%%rbx), %%eax", .b = LAPIC + APIC_TPR);
    TEST_STEP("a step over a store to a device", 1, "mov %%eax, (%%rbx)", .b = LAPIC + APIC_TPR);
    TEST_STEP("a step over XCHG with a device", 1, "xchg %%eax, (%%rbx)", .b = LAPIC + APIC_TPR);
    TEST_STEP("a step over a load from nothing", 1, "mov (%%rbx), %%eax", .b = HOLE);
    TEST_STEP("a step over a store to nothing", 1, "mov %%eax, (%%rbx)", .b = HOLE);
    TEST_STEP("steps over REP OUTSB", 5, "rep outsb", .c = 5, .d = DEAD_PORT, .S = (uint64_t)buffer);
    TEST_STEP("steps over REP INSB", 4, "rep insb", .c = 4, .d = DEAD_PORT, .D = (uint64_t)buffer);
    TEST_STEP("a step over REP INSB of nothing", 1, "rep insb", .c = 0, .d = DEAD_PORT, .D = (uint64_t)buffer);
    TEST_STEP("steps over REP STOSL on a device", 3, "rep stosl", .c = 3, .D = HOLE);
    TEST_STEP("steps over REP MOVSB from a device", 3, "rep movsb", .c = 3, .D = (uint64_t)buffer, .S = HOLE);
    TEST_STEP("a step over OUTSB", 1, "outsb", .d = DEAD_PORT, .S = (uint64_t)buffer);
    TEST_STEP("steps over many", 6, "cpuid\n\tmov %%cr0, %%rax\n\tmov (%%r9), %%eax\n\tin $0x80, %%al\n\tinvd\n\tcpuid",
              .b = HOLE);
}

/* After MOV SS there is no trap, nor after STI in QEMU. */
static void step_in_shadows(void)
{
    unsigned int n = strict ? 3 : 2;

    TEST_STEP("a step over MOV SS and CPUID", 1, "mov %%cx, %%ss\n\tcpuid", .c = SEL_DATA);
    TEST_STEP("a step over MOV SS and IN", 1, "mov %%cx, %%ss\n\tinb %%dx, %%al", .c = SEL_DATA, .d = DEAD_PORT);
    TEST_STEP("a step over MOV SS and a device", 1, "mov %%cx, %%ss\n\tmov (%%rbx), %%eax", .c = SEL_DATA,
              .b = LAPIC + APIC_TPR);
    TEST_STEP("a step over MOV SS and HLT", 1, "mov %%cx, %%ss\n\thlt", .c = SEL_DATA);
    TEST_STEP("steps over STI and CPUID", n, "sti\n\tcpuid\n\tcli", .a = 0);
    TEST_STEP("steps over STI and a device", n, "sti\n\tmov (%%rbx), %%eax\n\tcli", .b = LAPIC + APIC_TPR);
}

/* What faults is no step: one exception, at the instruction. */
static void step_into_faults(void)
{
    struct debug_regs r = { .c = 0x12345 };

    RUN(RFLAGS_TF, "rdpmc", r);
    result("no step over what faults, RDPMC", trace.count == 1 && trace.vector[0] == GP, trace.count);
    r.a = r.c = 0xffffffff;
    RUN(RFLAGS_TF, "wrmsr", r);
    result("no step over what faults, WRMSR", trace.count == 1 && trace.vector[0] == GP, trace.count);
    RUN(RFLAGS_TF, "ud2", r);
    result("no step over what faults, UD2", trace.count == 1 && trace.vector[0] == UD, trace.count);
}

/* ---- INT1, INT n ---- */

static void software(void)
{
    struct debug_regs r = { .a = 0 };

    RUN(0, "int $1", r);
    result("INT 1", trace.count == 1 && trace.vector[0] == DB && trace.rip[0] == debug_stop, trace.count);
    RUN(RFLAGS_TF, "int $3", r);
    result("INT 3 while stepping", trace.count == 1 && trace.vector[0] == 3, trace.count);
    r = (struct debug_regs){ .c = SEL_DATA };
    RUN(RFLAGS_TF, "mov %%cx, %%ss\n\tint $3", r);
    result("MOV SS and INT 3 while stepping", trace.count >= 1, trace.count);
    RUN(0, "int $18", r);
    result("INT 18", trace.count == 1 && trace.vector[0] == 18, trace.count);
}

/* QEMU has none. */
static void int1(void)
{
    struct debug_regs r = { .a = 0 };

    if (!strict)
        return;
    RUN(0, ".byte 0xf1", r);
    result("INT1", trace.count == 1 && trace.vector[0] == DB && trace.rip[0] == debug_stop, trace.count);
    result("INT1 says nothing in DR6", (trace.dr6[0] & 0xe00f) == 0, trace.dr6[0]);
    RUN(RFLAGS_TF, ".byte 0xf1", r);
    result("INT1 while stepping", trace.count >= 1 && trace.vector[0] == DB, trace.count);
    r = (struct debug_regs){ .c = SEL_DATA };
    RUN(RFLAGS_TF, "mov %%cx, %%ss\n\t.byte 0xf1", r);
    result("MOV SS and INT1 while stepping", trace.count >= 1 && trace.vector[0] == DB, trace.count);
}

/* ---- breakpoints ---- */

#define DR7_WRITE4 (0x401ul | 0xdul << 16)
#define DR7_ACCESS4 (0x401ul | 0xful << 16)
#define DR7_PORT1 (0x401ul | 2ul << 16)

/* On an instruction that exits: before it, each time it is come to, and only then. */
static void execute_breakpoints(void)
{
    struct debug_regs r = { .S = 3 };

    RUN_TO_1("3:\tcpuid\n\tdec %%esi\n\tjnz 3b", r);
    result("a breakpoint on CPUID in a loop", trace.count == 3 && trace.rip[2] == trace.rip[0] && trace.vector[2] == DB,
           trace.count);
    result("it is in DR6", bochs_svm || (trace.dr6[0] & 15) == 1, trace.dr6[0]);
    r = (struct debug_regs){ .S = 3, .b = LAPIC + APIC_TPR };
    RUN_TO_1("3:\tmov (%%rbx), %%eax\n\tdec %%esi\n\tjnz 3b", r);
    result("a breakpoint on a load from a device in a loop", trace.count == 3, trace.count);
    r = (struct debug_regs){ .c = 3, .d = DEAD_PORT, .S = (uint64_t)buffer };
    RUN_TO_1("3:\trep outsb", r);
    result("a breakpoint on REP OUTSB", trace.count >= 1, trace.count);
}

/* On what an emulated instruction touches there is none: docs/x86_64.md. CPUs have a trap after it. */
static void data_breakpoints(void)
{
    struct debug_regs r = { .b = LAPIC + APIC_TPR };

    WRITE_REG("dr0", LAPIC + APIC_TPR);
    RUN_WATCHING(DR7_ACCESS4, 0, "mov %%eax, (%%rbx)\n\tnop", r);
    result("a breakpoint on a device's register", trace.count <= 1, trace.count);
    WRITE_REG("dr0", buffer);
    r = (struct debug_regs){ .c = 4, .d = DEAD_PORT, .D = (uint64_t)buffer };
    RUN_WATCHING(DR7_ACCESS4, 0, "rep insb", r);
    result("a breakpoint on what REP INSB writes", trace.count <= 4, trace.count);
    r = (struct debug_regs){ .c = 4, .D = (uint64_t)buffer, .S = HOLE };
    RUN_WATCHING(DR7_ACCESS4, 0, "rep movsb", r);
    result("a breakpoint on what REP MOVSB writes", trace.count <= 4, trace.count);
    r = (struct debug_regs){ .b = (uint64_t)buffer };
    RUN_WATCHING(DR7_WRITE4, 0, "movl $1, (%%rbx)\n\tcpuid", r);
    result("a breakpoint on what is written before CPUID", trace.count == 1 && trace.vector[0] == DB, trace.count);
}

/* It waits for the end of the shadow: and there is something else, then. */
static void data_breakpoints_in_shadows(void)
{
    struct debug_regs r = { .b = (uint64_t)buffer };

    buffer[0] = SEL_DATA;
    buffer[1] = 0;
    RUN_WATCHING(DR7_ACCESS4, 0, "movw (%%rbx), %%ss\n\tcpuid\n\tnop", r);
    result("a breakpoint on what MOV SS reads, and CPUID", trace.count <= 1, trace.count);
    r = (struct debug_regs){ .b = (uint64_t)buffer };
    RUN_WATCHING(DR7_ACCESS4, 0, "movw (%%rbx), %%ss\n\tint $3", r);
    result("a breakpoint on what MOV SS reads, and INT 3", trace.count >= 1 && trace.count <= 3, trace.count);
    r = (struct debug_regs){ .b = (uint64_t)buffer };
    RUN_WATCHING(DR7_ACCESS4, RFLAGS_TF, "movw (%%rbx), %%ss\n\tvmcall", r);
    result("a breakpoint on what MOV SS reads, and VMCALL, while stepping", trace.count >= 1 && trace.count <= 4, trace.count);
    WRITE_REG("cr4", READ_REG("cr4") | 8); /* DE */
    WRITE_REG("dr0", DEAD_PORT);
    r = (struct debug_regs){ .d = DEAD_PORT };
    RUN_WATCHING(DR7_PORT1, 0, "inb %%dx, %%al\n\tnop", r);
    result("a breakpoint on a port", trace.count <= 1, trace.count);
    WRITE_REG("cr4", READ_REG("cr4") & ~8ul);
}

/* Whatever stands in DR7, and wherever the breakpoints are. */
static void wild_registers(void)
{
    static const uint64_t where[] = { 0, 0x200000, 0x7fffffffffff, 0x800000000000, ~7ul, LAPIC, HOLE };
    struct debug_regs r;

    for (unsigned int i = 0; i < 256; i++) {
        WRITE_REG("cr4", (READ_REG("cr4") & ~8ul) | (i & 1) << 3);
        WRITE_REG("dr0", where[i % 7]);
        WRITE_REG("dr1", where[(i + 1) % 7]);
        WRITE_REG("dr2", where[(i + 2) % 7]);
        WRITE_REG("dr3", where[(i + 3) % 7]);
        r = (struct debug_regs){ .b = where[5 + (i & 1)], .d = DEAD_PORT };
        r.S = 0x7ff | (uint64_t)i << 24 | (uint64_t)(uint8_t)~i << 16;
        RUN(0, "mov %%rsi, %%dr7\n\tmov (%%rbx), %%eax\n\tcpuid\n\tinb %%dx, %%al", r);
    }
    WRITE_REG("cr4", READ_REG("cr4") & ~8ul);
    result("all kinds of breakpoints, everywhere", true, 0);
    for (uint64_t v = 1; v != 0 && v <= UINT32_MAX; v <<= 1) {
        r = (struct debug_regs){ .a = v, .b = v & ~0x2000ul }; /* all but GD */
        RUN(0, "mov %%rax, %%dr6\n\tmov %%rbx, %%dr7\n\tcpuid", r);
    }
    result("all bits of DR6 and DR7", true, 0);
    WRITE_REG("dr6", DR6_CLEAR);
}

static void general_detect(void)
{
    struct debug_regs r = { .a = 0x2400 };

    if (!strict)
        return;
    RUN(RFLAGS_TF, "mov %%rax, %%dr7\n\tmov %%dr0, %%rcx", r);
    result("DR7.GD while stepping", trace.count == 2 || trace.count == 3, trace.count);
    WRITE_REG("dr7", 0x400);
}

/* ---- ring 3 ---- */

static volatile uint64_t user_steps, user_end;
uint64_t debug_user_return;

static bool step_user(struct frame *f)
{
    if ((f->cs & 3) == 0)
        return false;
    if (f->vector == DB && user_steps < 1000) {
        user_steps++;
        return true;
    }
    user_end = f->vector;
    f->cs = SEL_CODE64;
    f->ss = SEL_DATA;
    f->rip = debug_user_return;
    f->rsp = f->rbx;
    f->rflags = 2;
    return true;
}

static uint8_t user_stack[4096] __attribute__((aligned(16)));

static void call_user(const void *code, uint64_t flags)
{
    user_steps = 0;
    guest_trap_hook = step_user;
    __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, debug_user_return(%%rip)\n\tpush %%rbp\n\tmov %%rsp, %%rbx\n\t"
                     "pushq %[ss]\n\tpushq %[sp]\n\tpushq %[flags]\n\tpushq %[cs]\n\tpushq %[ip]\n\tiretq\n"
                     "1:\tpop %%rbp"
                     :
                     : [ss] "i"(SEL_USER_DATA), [cs] "i"(SEL_USER_CODE64), [sp] "r"((uint64_t)user_stack + sizeof(user_stack)),
                       [ip] "r"(code), [flags] "r"(flags)
                     : "rax", "rbx", "rcx", "rdx", "r8", "memory", "cc");
    guest_trap_hook = NULL;
}

extern const char user_cpuid[], user_unaligned[];
__asm__(".text\n"
        "user_cpuid: push %rbx\n\txor %eax, %eax\n\tcpuid\n\tmov $1, %eax\n\tcpuid\n\tpop %rbx\n\tnop\n\tnop\n\thlt\n"
        "user_unaligned: mov 1(%rsp), %eax\n\thlt\n");

static void user(void)
{
    uint64_t cr0 = READ_REG("cr0");

    call_user(user_cpuid, RFLAGS_TF | 2);
    result("steps in ring 3", user_steps == 8 && user_end == GP, user_steps << 32 | user_end);
    WRITE_REG("cr0", cr0 | 1ul << 18); /* AM */
    for (unsigned int i = 0; i < 100; i++) {
        call_user(user_unaligned - 0, 1ul << 18 | 2);
        if (user_end != AC && strict)
            break;
    }
    result("alignment checks", user_end == AC || !strict, user_end);
    call_user(user_unaligned, 1ul << 18 | RFLAGS_TF | 2);
    result("an alignment check while stepping", (user_end == AC && user_steps == 0) || !strict, user_steps << 32 | user_end);
    WRITE_REG("cr0", cr0);
}

/* ---- many steps, while timers go ---- */

static void long_walk(void)
{
    static volatile uint64_t steps;
    struct debug_regs r;

    steps = 0;
    for (unsigned int i = 0; i < 200; i++) {
        r = (struct debug_regs){ .S = 20 };
        RUN(RFLAGS_TF, "3:\tcpuid\n\tdec %%esi\n\tjnz 3b", r);
        steps += trace.count;
    }
    result("many steps", steps == 200 * (TRACE_MAX < 60 ? TRACE_MAX : 60), steps);
}

void guest_irq(unsigned int vector)
{
    if (vector != NMI)
        apic_eoi();
}

/* The end, of this guest alone. */
static void triple_fault(void)
{
    static const uint8_t nothing[10];

    __asm__ volatile("lidt %0\n\tud2" : : "m"(nothing));
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    strict = find_word(cmdline, "strict") != NULL;
    bochs_svm = find_word(cmdline, "bochs-svm") != NULL;
    apic_enable(false);
    if (find_word(cmdline, "triple"))
        triple_fault();
    step_over_plain();
    step_over_registers();
    step_over_memory();
    step_in_shadows();
    step_into_faults();
    software();
    int1();
    execute_breakpoints();
    data_breakpoints();
    data_breakpoints_in_shadows();
    wild_registers();
    general_detect();
    user();
    debug_nmis();
    long_walk();
    debug_cpus();
    report_done();
}
