/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: MSRs, CPUID, control and debug registers, instructions it must not have. hostile-guest.md rows 77 to 82.
 */
#include "hostile.h"

/* ---- row 77 ---- */

/* Those that the code here stands on, or that move the local APIC. */
static bool is_dear(uint32_t msr)
{
    return msr == 0x1b || (msr >= 0x174 && msr <= 0x176) || (msr >= 0x800 && msr < 0x900) ||
           (msr >= 0xc0000080 && msr <= 0xc0000084) || (msr >= 0xc0000100 && msr <= 0xc0000103) || msr == 0x10 || msr == 0x3b ||
           msr == 0x277 || (msr >= 0x200 && msr < 0x300) || msr == 0x6e0;
}

struct sweep {
    uint64_t fine, refused, other;
};

static void sweep_range(struct sweep *s, uint32_t from, uint32_t count, bool write)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t msr = from + i;
        unsigned int vector;
        uint64_t v;

        if (write && is_dear(msr))
            continue;
        vector = write ? try_wrmsr(msr, UINT64_MAX) : try_rdmsr(msr, &v);
        s->fine += vector == NO_FAULT;
        s->refused += vector == GP;
        s->other += vector != NO_FAULT && vector != GP;
    }
}

static void sweep(const char *name, bool write)
{
    struct sweep s = { 0, 0, 0 };

    sweep_range(&s, 0, 0x2100, write);
    sweep_range(&s, 0xbffffff0, 16, write);
    sweep_range(&s, 0xc0000000, 0x2100, write);
    sweep_range(&s, 0xc0010000, 0x2100, write);
    sweep_range(&s, 0x40000000, 0x120, write);
    sweep_range(&s, 0x4b564d00, 16, write);
    sweep_range(&s, 0x7ffffff0, 32, write);
    sweep_range(&s, 0xfffffff0, 16, write);
    for (uint32_t msr = 0x12345; msr < 0xff000000; msr += 0x1234567)
        sweep_range(&s, msr, 1, write);
    result(name, s.other == 0 && s.refused > 20000, s.fine << 32 | s.other);
}

static void canonical(void)
{
    static const uint32_t msrs[] = { 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000082, 0x175, 0x176 };

    for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        uint64_t was;
        unsigned int vector = try_rdmsr(msrs[i], &was);

        vector = try_wrmsr(msrs[i], UINT64_C(0x800000000000));
        result("77 an address that is not canonical", vector == GP || !strict, vector);
        vector = try_wrmsr(msrs[i], was);
        result("77 and its own value", vector == NO_FAULT, vector);
    }
}

void hostile_msrs(void)
{
    unsigned int vector;
    uint64_t v;

    sweep("77 RDMSR of everything", false);
    sweep("77 WRMSR of all ones to nearly everything", true);
    canonical();
    vector = try_wrmsr(0xc0000080, rdmsr(0xc0000080) | UINT64_C(1) << 12);
    result("77 EFER.SVME", vector == GP, vector);
    vector = try_wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x200);
    result("77 EFER, a reserved bit", vector == GP, vector);
    vector = try_wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x100ul);
    result("77 EFER.LME cleared while paging", vector == GP, vector);
    vector = try_wrmsr(0x277, UINT64_C(0x0202020202020202));
    result("77 PAT with a reserved type", vector == GP, vector);
    vector = try_wrmsr(0x277, 0x0007040600070406);
    result("77 PAT", vector == NO_FAULT, vector);
    vector = try_wrmsr(0x200, 2);
    result("77 MTRR with a reserved type", vector == GP || vector == NO_FAULT, vector);
    result("77 MSR just before and after the map", try_rdmsr(0x1fff, &v) == GP && try_rdmsr(0x2000, &v) == GP, 0);
}

/* ---- row 78 ---- */

void hostile_cpuid(void)
{
    struct cpuid one = cpuid(1, 0);
    uint64_t sum = 0;

    for (uint32_t leaf = 0; leaf < 0x40; leaf++) {
        for (uint32_t sub = 0; sub < 4; sub++)
            sum += cpuid(leaf, sub).a;
        sum += cpuid(leaf, UINT32_MAX).b;
        sum += cpuid(0x40000000 + leaf, 0).c + cpuid(0x80000000 + leaf, 0).d + cpuid(0xc0000000 + leaf, 0).a;
    }
    for (uint64_t leaf = 0; leaf < UINT64_C(0x100000000); leaf += 0x3fffff1)
        sum += cpuid((uint32_t)leaf, (uint32_t)~leaf).a;
    result("78 CPUID of everything", sum != 0, sum);
    result("78 no VMX", (one.c >> 5 & 1) == 0, one.c);
    result("78 no SVM", (cpuid(0x80000001, 0).c >> 2 & 1) == 0, cpuid(0x80000001, 0).c);
    result("78 a hypervisor is there", (one.c >> 31) == 1, one.c);
    result("78 no MONITOR", (one.c >> 3 & 1) == 0, one.c);
    result("78 OSXSAVE follows CR4", ((one.c >> 27 & 1) != 0) == ((READ_REG("cr4") >> 18 & 1) != 0), one.c);
}

/* ---- rows 79, X1 ---- */

#define TRY_WRITE(reg, val)                                                                                                    \
    __extension__({                                                                                                            \
        __asm__ volatile(TRY_FROM "mov %1, %%" reg TRY_TO                                                                      \
                         : [fixup] "=m"(this_cpu()->fixup)                                                                     \
                         : "r"((uint64_t)(val))                                                                                \
                         : "memory");                                                                                          \
        tried();                                                                                                               \
    })

static void refused(const char *name, unsigned int vector, unsigned int expected)
{
    result(name, vector == expected, vector);
}

static void control_registers(void)
{
    uint64_t cr0 = READ_REG("cr0"), cr4 = READ_REG("cr4"), cr3 = READ_REG("cr3");

    refused("79 CR0.PE off while paging", TRY_WRITE("cr0", cr0 & ~1ul), GP);
    refused("79 CR0.NW without CD", TRY_WRITE("cr0", (cr0 | 1ul << 29) & ~(1ul << 30)), GP);
    refused("79 CR0.PG off in 64-bit mode", TRY_WRITE("cr0", cr0 & ~(1ul << 31)), GP);
    refused("79 CR0, high bits", TRY_WRITE("cr0", cr0 | 1ul << 40), GP);
    refused("79 CR0.TS", TRY_WRITE("cr0", cr0 | 8), NO_FAULT);
    result("79 CR0.TS is seen", (READ_REG("cr0") & 8) != 0, READ_REG("cr0"));
    __asm__ volatile("clts");
    result("79 CLTS", READ_REG("cr0") == cr0, READ_REG("cr0"));
    refused("79 CR0.CD", TRY_WRITE("cr0", cr0 | 1ul << 30), NO_FAULT);
    TRY_WRITE("cr0", cr0);
    refused("79 CR4.PAE off in long mode", TRY_WRITE("cr4", cr4 & ~0x20ul), GP);
    refused("79 CR4.VMXE", TRY_WRITE("cr4", cr4 | 1ul << 13), GP);
    refused("79 CR4, a reserved bit", TRY_WRITE("cr4", cr4 | 1ul << 31), GP);
    refused("79 CR4.LA57 in long mode", TRY_WRITE("cr4", cr4 | 1ul << 12), GP);
    refused("79 CR4.PCIDE with a PCID in CR3", TRY_WRITE("cr3", cr3 | 1) == NO_FAULT ? TRY_WRITE("cr4", cr4 | 1ul << 17) : GP,
            GP);
    TRY_WRITE("cr3", cr3);
    if (strict) {
        refused("79 CR3 beyond the physical addresses", TRY_WRITE("cr3", cr3 | 1ul << 60), GP);
        refused("79 CR8 of 16", TRY_WRITE("cr8", 16), GP);
    }
    refused("79 CR8 of 3", TRY_WRITE("cr8", 3), NO_FAULT);
    result("79 CR8 reads back", READ_REG("cr8") == 3, READ_REG("cr8"));
    TRY_WRITE("cr8", 0);
    refused("79 CR1", TRY_INSN(".byte 0x0f, 0x22, 0xc8"), UD);
    refused("79 CR5", TRY_INSN(".byte 0x0f, 0x22, 0xe8"), UD);
    result("79 all as it was", READ_REG("cr0") == cr0 && READ_REG("cr4") == cr4 && READ_REG("cr3") == cr3, READ_REG("cr0"));
}

static void debug_registers(void)
{
    uint64_t cr4 = READ_REG("cr4");

    WRITE_REG("dr0", 0x1234567);
    WRITE_REG("dr3", 0x7654321);
    result("60 DR0 and DR3 keep", READ_REG("dr0") == 0x1234567 && READ_REG("dr3") == 0x7654321, READ_REG("dr0"));
    refused("79 DR7, high bits", TRY_WRITE("dr7", 1ul << 32), GP);
    refused("79 DR6, high bits", TRY_WRITE("dr6", 1ul << 32), GP);
    WRITE_REG("cr4", cr4 | 8); /* DE */
    refused("79 DR4 with CR4.DE", TRY_INSN(".byte 0x0f, 0x23, 0xe0"), UD);
    WRITE_REG("cr4", cr4);
    if (strict) {
        refused("79 DR7.GD", TRY_WRITE("dr7", 0x2400), NO_FAULT);
        refused("79 a debug register with GD", TRY_INSN("mov %%dr0, %%rax"), DB);
        result("79 DR6.BD", (READ_REG("dr6") & 0x2000) != 0, READ_REG("dr6"));
    }
    WRITE_REG("dr7", 0x400);
    WRITE_REG("dr6", 0xffff0ff0);
}

static volatile uint32_t watched;

static void breakpoints(void)
{
    unsigned int vector;

    WRITE_REG("dr1", &watched);
    WRITE_REG("dr7", 0x400 | 1 << 2 | 0xdul << 20); /* L1: 4 bytes, writes */
    __asm__ volatile(TRY_FROM "movl $1, %1\n\tnop" TRY_TO : [fixup] "=m"(this_cpu()->fixup), "=m"(watched) : : "memory");
    vector = tried();
    result("79 a data breakpoint", vector == DB && (READ_REG("dr6") & 2) != 0, vector);
    WRITE_REG("dr7", 0x400);
    WRITE_REG("dr6", 0xffff0ff0);
}

static volatile uint64_t steps, step_rip;

static bool count_step(struct frame *f)
{
    if (f->vector != DB)
        return false;
    steps++;
    step_rip = f->rip;
    f->rflags &= ~0x100ul;
    return true;
}

/* Over an instruction that exits: the trap comes after it, not before, and once. */
static void single_step(void)
{
    uint64_t after;

    guest_trap_hook = count_step;
    __asm__ volatile("xor %%ecx, %%ecx\n\tlea 1f(%%rip), %0\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tcpuid\n1:\tnop\n\tnop"
                     : "=&r"(after)
                     :
                     : "rax", "rbx", "rcx", "rdx", "memory", "cc");
    guest_trap_hook = NULL;
    result("79 a single step over CPUID", steps == 1 && step_rip == after && (READ_REG("dr6") & 0x4000) != 0, step_rip - after);
    WRITE_REG("dr6", 0xffff0ff0);
}

static unsigned int try_xsetbv(uint32_t index, uint64_t v)
{
    __asm__ volatile(TRY_FROM ".byte 0x0f, 0x01, 0xd1" TRY_TO
                     : [fixup] "=m"(this_cpu()->fixup)
                     : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(index)
                     : "memory");
    return tried();
}

static void xsetbv(void)
{
    if ((cpuid(1, 0).c >> 26 & 1) == 0)
        return;
    refused("X1 XSETBV without OSXSAVE", try_xsetbv(0, 1), UD);
    WRITE_REG("cr4", READ_REG("cr4") | 1ul << 18);
    refused("X1 XSETBV of 0", try_xsetbv(0, 0), GP);
    refused("X1 XSETBV of AVX without SSE", try_xsetbv(0, 5), GP);
    refused("X1 XSETBV of all ones", try_xsetbv(0, UINT64_MAX), GP);
    refused("X1 XSETBV of bit 63", try_xsetbv(0, UINT64_C(1) << 63 | 1), GP);
    refused("X1 XSETBV of XCR1", try_xsetbv(1, 1), GP);
    refused("X1 XSETBV of XCR2^31", try_xsetbv(0x80000000, 1), GP);
    refused("X1 XSETBV of x87", try_xsetbv(0, 1), NO_FAULT);
    refused("X1 XSETBV of x87 and SSE", try_xsetbv(0, 3), NO_FAULT);
    result("78 OSXSAVE is seen", (cpuid(1, 0).c >> 27 & 1) == 1, 0);
    WRITE_REG("cr4", READ_REG("cr4") & ~(1ul << 18));
}

/* Either vendor's are answered, in ring 0: with -1, as the host wants none. What is no instruction stays #UD. */
static void hypercalls(void)
{
    static const char *const names[2] = { "79 VMCALL", "79 VMMCALL" };
    uint64_t a[2] = { 0x7fff, 0x7fff };
    unsigned int vector[2];

    __asm__ volatile(TRY_FROM "vmcall" TRY_TO : "+a"(a[0]), [fixup] "=m"(this_cpu()->fixup) : : "memory");
    vector[0] = tried();
    __asm__ volatile(TRY_FROM "vmmcall" TRY_TO : "+a"(a[1]), [fixup] "=m"(this_cpu()->fixup) : : "memory");
    vector[1] = tried();
    for (unsigned int i = 0; i < 2; i++)
        result(names[i], vector[i] == NO_FAULT && a[i] == UINT64_MAX, a[i] ^ vector[i]);
    refused("79 UD2", TRY_INSN("ud2"), UD);
    refused("79 VMLAUNCH", TRY_INSN(".byte 0x0f, 0x01, 0xc2"), UD);
}

/* With caches off CR0 is not what it is in hardware: all accesses are ours. Of the status word's bits LMSW sets TS here. */
static void status_word(void)
{
    static uint16_t word;
    uint64_t cr0 = READ_REG("cr0"), in_register;

    for (unsigned int off = 0; off < 2; off++) {
        WRITE_REG("cr0", cr0 | (uint64_t)off << 30);
        word = 0;
        __asm__ volatile("smsw %0" : "=m"(word));
        result("79 SMSW to memory", word == (uint16_t)cr0, word);
        __asm__ volatile("smsw %0" : "=r"(in_register));
        result("79 SMSW to a register", (uint32_t)in_register == (uint32_t)READ_REG("cr0"), in_register);
        word = (uint16_t)(cr0 & ~1ul) | 8;
        __asm__ volatile("lmsw %0" : : "m"(word) : "memory");
        result("79 LMSW from memory", READ_REG("cr0") == (cr0 | 8 | (uint64_t)off << 30), READ_REG("cr0"));
        word = (uint16_t)cr0;
        __asm__ volatile("lmsw %0" : : "r"(word) : "memory");
        result("79 LMSW from a register", READ_REG("cr0") == (cr0 | (uint64_t)off << 30), READ_REG("cr0"));
    }
    refused("79 LMSW from nowhere", TRY_INSN("movabs $0x800000000000, %%rax\n\tlmsw (%%rax)"), GP);
    WRITE_REG("cr0", cr0);
}

void hostile_registers(void)
{
    control_registers();
    hypercalls();
    status_word();
    debug_registers();
    breakpoints();
    single_step();
    xsetbv();
}

/* ---- row 80 ---- */

void hostile_instructions(void)
{
    refused("80 VMRUN", TRY_INSN("mov $0x1000, %%eax\n\t.byte 0x0f, 0x01, 0xd8"), UD);
    refused("80 VMLOAD", TRY_INSN("mov $0x1000, %%eax\n\t.byte 0x0f, 0x01, 0xda"), UD);
    refused("80 VMSAVE", TRY_INSN("mov $0x1000, %%eax\n\t.byte 0x0f, 0x01, 0xdb"), UD);
    refused("80 STGI", TRY_INSN(".byte 0x0f, 0x01, 0xdc"), UD);
    refused("80 CLGI", TRY_INSN(".byte 0x0f, 0x01, 0xdd"), UD);
    refused("80 SKINIT", TRY_INSN("xor %%eax, %%eax\n\t.byte 0x0f, 0x01, 0xde"), UD);
    refused("80 INVLPGA", TRY_INSN(".byte 0x0f, 0x01, 0xdf"), UD);
    refused("80 VMXON", TRY_INSN("lea -64(%%rsp), %%rax\n\tvmxon (%%rax)"), UD);
    refused("80 VMCLEAR", TRY_INSN("lea -64(%%rsp), %%rax\n\tvmclear (%%rax)"), UD);
    refused("80 VMPTRLD", TRY_INSN("lea -64(%%rsp), %%rax\n\tvmptrld (%%rax)"), UD);
    refused("80 VMREAD", TRY_INSN("vmread %%rax, %%rcx"), UD);
    refused("80 VMLAUNCH", TRY_INSN("vmlaunch"), UD);
    refused("80 VMXOFF", TRY_INSN("vmxoff"), UD);
    refused("80/81 INVEPT", TRY_INSN("mov $1, %%eax\n\tinvept (%%rsp), %%rax"), UD);
    refused("80/81 INVVPID", TRY_INSN("mov $1, %%eax\n\tinvvpid (%%rsp), %%rax"), UD);
    refused("80 MONITOR", TRY_INSN("xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\tlea (%%rsp), %%rax\n\tmonitor"), UD);
    refused("80 MWAIT", TRY_INSN("xor %%ecx, %%ecx\n\txor %%eax, %%eax\n\tmwait"), UD);
    refused("80 GETSEC", TRY_INSN("xor %%eax, %%eax\n\t.byte 0x0f, 0x37"), UD);
    refused("80 RSM", TRY_INSN(".byte 0x0f, 0xaa"), UD);
    refused("80 RDPMC", TRY_INSN("mov $0x12345, %%ecx\n\trdpmc"), GP);
    refused("80 WBINVD", TRY_INSN("wbinvd"), NO_FAULT);
    refused("80 INVD", TRY_INSN("invd"), NO_FAULT);
    refused("81 INVLPG of an address that is not canonical", TRY_INSN("mov $1, %%eax\n\tshl $63, %%rax\n\tinvlpg (%%rax)"),
            NO_FAULT);
    refused("80 UD2", TRY_INSN("ud2"), UD);
    if (strict)
        refused("80 INT1", TRY_INSN(".byte 0xf1"), DB);
    refused("80 INT3", TRY_INSN("int3"), 3);
}

/* ---- row 82: from ring 3 ---- */

static volatile uint64_t user_vector, user_rax;
uint64_t hostile_user_return;

/* Whatever user code does ends it: HLT at the latest. */
static bool back_from_user(struct frame *f)
{
    if ((f->cs & 3) == 0)
        return false;
    user_vector = f->vector;
    user_rax = f->rax;
    f->cs = SEL_CODE64;
    f->ss = SEL_DATA;
    f->rip = hostile_user_return;
    f->rsp = f->rbx; /* where the kernel's stack was */
    return true;
}

static uint8_t user_stack[4096] __attribute__((aligned(16)));

static void call_user(const void *code)
{
    guest_trap_hook = back_from_user;
    __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, hostile_user_return(%%rip)\n\tpush %%rbp\n\tmov %%rsp, %%rbx\n\t"
                     "pushq %[ss]\n\tpushq %[sp]\n\tpushq $2\n\tpushq %[cs]\n\tpushq %[ip]\n\tmov $0x1111, %%eax\n\tiretq\n"
                     "1:\tpop %%rbp"
                     :
                     : [ss] "i"(SEL_USER_DATA), [cs] "i"(SEL_USER_CODE64), [sp] "r"((uint64_t)user_stack + sizeof(user_stack)),
                       [ip] "r"(code)
                     : "rax", "rbx", "rcx", "rdx", "memory", "cc");
    guest_trap_hook = NULL;
}

extern const char user_hlt[], user_vmmcall[], user_vmcall[], user_cpuid[], user_rdmsr[], user_in[], user_cr0[], user_xsetbv[],
    user_wbinvd[], user_vmrun[];
__asm__(".text\n"
        "user_hlt: hlt\n"
        "user_vmmcall: vmmcall\n\thlt\n"
        "user_vmcall: vmcall\n\thlt\n"
        "user_cpuid: xor %eax, %eax\n\tpush %rbx\n\tcpuid\n\tpop %rbx\n\tmov $0x2222, %eax\n\thlt\n"
        "user_rdmsr: mov $0x1b, %ecx\n\trdmsr\n\thlt\n"
        "user_in: mov $0x3ff, %edx\n\tinb %dx, %al\n\thlt\n"
        "user_cr0: mov %cr0, %rax\n\thlt\n"
        "user_xsetbv: xor %ecx, %ecx\n\t.byte 0x0f, 0x01, 0xd1\n\thlt\n"
        "user_wbinvd: wbinvd\n\thlt\n"
        "user_vmrun: .byte 0x0f, 0x01, 0xd8\n\thlt\n");

static void user_gets(const char *name, const void *code, uint64_t vector)
{
    call_user(code);
    result(name, user_vector == vector, user_vector);
}

void hostile_user(void)
{
    user_gets("82 HLT in ring 3", user_hlt, GP);
    user_gets("82 RDMSR in ring 3", user_rdmsr, GP);
    user_gets("82 IN in ring 3", user_in, GP);
    user_gets("82 MOV from CR0 in ring 3", user_cr0, GP);
    call_user(user_xsetbv);
    result("82 XSETBV in ring 3", user_vector == UD || user_vector == GP, user_vector);
    user_gets("82 WBINVD in ring 3", user_wbinvd, GP);
    call_user(user_vmrun); /* EFER.SVME is set while a guest runs, whatever it sees */
    result("82 VMRUN in ring 3", user_vector == UD || user_vector == GP, user_vector);
    call_user(user_cpuid);
    result("82 CPUID in ring 3", user_vector == GP && user_rax == 0x2222, user_rax);
    /* #GP or #UD, or not done: and then HLT. */
    call_user(user_vmmcall);
    result("82 VMMCALL in ring 3", user_vector == GP || user_vector == UD, user_vector);
    call_user(user_vmcall);
    result("82 VMCALL in ring 3", user_vector == GP || user_vector == UD, user_vector);
}
