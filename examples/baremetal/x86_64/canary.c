/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does libaxvm leave this host's CPU state alone? The values are the same on all CPUs and in all threads that check, so it does
 * not matter when a thread is preempted meanwhile, or comes back on another CPU. What is each CPU's own is compared with what
 * it should be there.
 */
#include "canary.h"

#include "board.h"
#include "cpu.h"
#include "lib.h"
#include "sched.h"
#include "x86.h"

uint64_t canary_call(int (*fn)(void *arg), void *arg, int *result, bool avx);

#define XCR0_AVX 4u
#define CPUID1_D_PAT (1u << 16)
#define CPUID81_D_RDTSCP (1u << 27)
#define CPUID1_D_SYSENTER (1u << 11)

/* A host's system call entries and the like: addresses that nothing is at. */
#define ADDRESS(n) (UINT64_C(0xffff800000000000) | (n))

/* MSRs that must not change, and what this host puts there first. CPUs without one of them have the bit @c feature clear. */
enum feature { ALWAYS, SYSENTER, PAT, RDTSCP };
static const struct {
    const char *name;
    uint32_t msr;
    enum feature feature;
    uint64_t value;
} msrs[] = {
    { "FS.base", MSR_FS_BASE, ALWAYS, ADDRESS(0xf5ba5e) },
    { "KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, ALWAYS, ADDRESS(0x65ba5e) },
    { "STAR", MSR_STAR, ALWAYS, UINT64_C(0x0023000812345678) },
    { "LSTAR", MSR_LSTAR, ALWAYS, ADDRESS(0x157a4) },
    { "CSTAR", MSR_CSTAR, ALWAYS, ADDRESS(0xc57a4) },
    { "SFMASK", MSR_SFMASK, ALWAYS, 0x47700 },
    { "SYSENTER_CS", MSR_SYSENTER_CS, SYSENTER, SEL_CODE64 },
    { "SYSENTER_ESP", MSR_SYSENTER_ESP, SYSENTER, ADDRESS(0x5e5e5) },
    { "SYSENTER_EIP", MSR_SYSENTER_EIP, SYSENTER, ADDRESS(0x5e5e1) },
    { "PAT", MSR_PAT, PAT, UINT64_C(0x0007010600070406) },
    { "TSC_AUX", MSR_TSC_AUX, RDTSCP, 0x7a57a },
};

static bool has(enum feature feature)
{
    switch (feature) {
    case SYSENTER:
        return (cpuid(1, 0).d & CPUID1_D_SYSENTER) != 0;
    case PAT:
        return (cpuid(1, 0).d & CPUID1_D_PAT) != 0;
    case RDTSCP:
        return (cpuid_if(0x80000001).d & CPUID81_D_RDTSCP) != 0;
    default:
        return true;
    }
}

/* Of the rest: name, and an expression. Only with interrupts masked do they belong together. */
#define READ_SEL(reg)                                                                                                          \
    __extension__({                                                                                                            \
        uint32_t v_;                                                                                                           \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(v_));                                                                      \
        (uint64_t) v_;                                                                                                         \
    })
#define OTHERS(X)                                                                                                              \
    X("EFER", rdmsr(MSR_EFER))                                                                                                 \
    X("GS.base", rdmsr(MSR_GS_BASE) - (uint64_t)&percpus[number()])                                                            \
    X("CR0", READ_REG("cr0"))                                                                                                  \
    X("CR3", READ_REG("cr3"))                                                                                                  \
    X("CR4", READ_REG("cr4"))                                                                                                  \
    X("CR8", READ_REG("cr8"))                                                                                                  \
    X("XCR0", cpu_xcr0 ? read_xcr0() : 0)                                                                                      \
    X("DR0", READ_REG("db0"))                                                                                                  \
    X("DR1", READ_REG("db1"))                                                                                                  \
    X("DR2", READ_REG("db2"))                                                                                                  \
    X("DR3", READ_REG("db3"))                                                                                                  \
    X("DR6", READ_REG("db6"))                                                                                                  \
    X("DR7", READ_REG("db7"))                                                                                                  \
    X("CS", READ_SEL("cs"))                                                                                                    \
    X("SS", READ_SEL("ss"))                                                                                                    \
    X("DS", READ_SEL("ds"))                                                                                                    \
    X("ES", READ_SEL("es"))                                                                                                    \
    X("FS", READ_SEL("fs"))                                                                                                    \
    X("GS", READ_SEL("gs"))                                                                                                    \
    X("TR", read_tr() - 16 * number())                                                                                         \
    X("LDTR", read_ldtr())                                                                                                     \
    X("GDTR limit", read_gdtr().limit)                                                                                         \
    X("GDTR base", read_gdtr().base)                                                                                           \
    X("IDTR limit", read_idtr().limit)                                                                                         \
    X("IDTR base", read_idtr().base)

struct __attribute__((packed)) table {
    uint16_t limit;
    uint64_t base;
};

static struct table read_gdtr(void)
{
    struct table t;

    __asm__ volatile("sgdt %0" : "=m"(t));
    return t;
}

static struct table read_idtr(void)
{
    struct table t;

    __asm__ volatile("sidt %0" : "=m"(t));
    return t;
}

static uint64_t read_tr(void)
{
    uint32_t v;

    __asm__ volatile("str %0" : "=r"(v));
    return v;
}

static uint64_t read_ldtr(void)
{
    uint32_t v;

    __asm__ volatile("sldt %0" : "=r"(v));
    return v;
}

static uint64_t read_xcr0(void)
{
    uint32_t a, d;

    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

/* Of this CPU, by what nobody can have changed: its APIC's number. */
static unsigned int number(void)
{
    uint32_t id = cpuid(1, 0).b >> 24;

    for (unsigned int i = 0; i < cpu_count; i++) {
        if (cpus[i].hwid == id)
            return i;
    }
    return 0;
}

struct state {
    uint64_t msr[ARRAY_LEN(msrs)], other[32];
};

static void read_state(struct state *s)
{
    unsigned long irqs = irq_save();
    unsigned int n = 0;

    for (unsigned int i = 0; i < ARRAY_LEN(msrs); i++)
        s->msr[i] = has(msrs[i].feature) ? rdmsr(msrs[i].msr) : 0;
#define READ(name, value) s->other[n++] = (value);
    OTHERS(READ)
#undef READ
    irq_restore(irqs);
}

static const char *difference(const struct state *a, const struct state *b)
{
#define NAME(name, value) name,
    static const char *const names[] = { OTHERS(NAME) };
#undef NAME

    for (unsigned int i = 0; i < ARRAY_LEN(msrs); i++) {
        if (a->msr[i] != b->msr[i])
            return msrs[i].name;
    }
    for (unsigned int i = 0; i < ARRAY_LEN(names); i++) {
        if (a->other[i] != b->other[i])
            return names[i];
    }
    return NULL;
}

/* The lowest bit of what canary_call() returns. */
static const char *general_name(uint64_t changed)
{
    static const char *const names[] = { "rbx",      "rbp", "r12",   "r13",   "r14",
                                         "r15",      "rsp", "flags", "MXCSR", "x87 control word",
                                         "x87 stack" };
    static char name[8];
    unsigned int bit = (unsigned int)__builtin_ctzll(changed);

    if (bit < ARRAY_LEN(names))
        return names[bit];
    format(name, sizeof(name), "%cmm%u", cpu_xcr0 & XCR0_AVX ? 'y' : 'x', bit - 16);
    return name;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

void canary_cpu_init(void)
{
    int result;

    for (unsigned int i = 0; i < ARRAY_LEN(msrs); i++) {
        if (has(msrs[i].feature))
            wrmsr(msrs[i].msr, msrs[i].value);
    }
    WRITE_REG("db0", ADDRESS(0xdb0));
    WRITE_REG("db1", ADDRESS(0xdb1));
    WRITE_REG("db2", ADDRESS(0xdb2));
    WRITE_REG("db3", ADDRESS(0xdb3));
    WRITE_REG("db6", 0xffff0ff0);
    WRITE_REG("db7", 0x400);
    canary_call(nothing, NULL, &result, (cpu_xcr0 & XCR0_AVX) != 0); /* leaves its values in the vector registers */
}

const char *board_canary_call(int (*fn)(void *arg), void *arg, bool host_uses_guest_regs, int *result)
{
    struct state before, after;
    uint64_t changed;
    const char *name;

    (void)host_uses_guest_regs; /* on this CPU there are none that would be the guests' alone */
    read_state(&before);
    changed = canary_call(fn, arg, result, (cpu_xcr0 & XCR0_AVX) != 0);
    read_state(&after);
    name = difference(&before, &after);
    return name || !changed ? name : general_name(changed);
}
