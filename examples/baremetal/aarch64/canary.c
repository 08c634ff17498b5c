/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does libaxvm leave this host's CPU state alone? The values are the same on all CPUs and in all threads that check, so it
 * does not matter when a thread is preempted meanwhile, or comes back on another CPU.
 */
#include "canary.h"

#include "board.h"
#include "lib.h"
#include "sysreg.h"

uint64_t canary_call(int (*fn)(void *arg), void *arg, int *result);

/* Registers below EL2 that a host may use for itself; TPIDR_EL1 stands for all of EL1's, which belong to guests unless the
 * host has said that it uses them. */
#define SP_EL0_PATTERN UINT64_C(0x5e105e105e105e10)
#define TPIDR_EL0_PATTERN UINT64_C(0x7bd207bd207bd207)
#define TPIDRRO_EL0_PATTERN UINT64_C(0x7bd2207bd2207bd2)
#define TPIDR_EL1_PATTERN UINT64_C(0x7bd217bd217bd217)

/* What must not change, by the assembler's name and ours. */
#define STATE_REGS(X)                                                                                                          \
    X("vbar_el2", "VBAR_EL2")                                                                                                  \
    X("hcr_el2", "HCR_EL2")                                                                                                    \
    X("sctlr_el2", "SCTLR_EL2")                                                                                                \
    X("tcr_el2", "TCR_EL2")                                                                                                    \
    X("ttbr0_el2", "TTBR0_EL2")                                                                                                \
    X("mair_el2", "MAIR_EL2")                                                                                                  \
    X("cptr_el2", "CPTR_EL2")                                                                                                  \
    X("mdcr_el2", "MDCR_EL2")                                                                                                  \
    X("cnthctl_el2", "CNTHCTL_EL2")                                                                                            \
    X("hstr_el2", "HSTR_EL2")                                                                                                  \
    X("daif", "DAIF")                                                                                                          \
    X("spsel", "SPSel")                                                                                                        \
    X("s3_0_c12_c12_4", "ICC_CTLR_EL1")                                                                                        \
    X("s3_0_c4_c6_0", "ICC_PMR_EL1")                                                                                           \
    X("s3_0_c12_c12_7", "ICC_IGRPEN1_EL1")                                                                                     \
    X("s3_4_c12_c9_5", "ICC_SRE_EL2")                                                                                          \
    X("s3_3_c4_c4_0", "FPCR")                                                                                                  \
    X("sp_el0", "SP_EL0")                                                                                                      \
    X("tpidr_el0", "TPIDR_EL0")                                                                                                \
    X("tpidrro_el0", "TPIDRRO_EL0")

struct state {
    uint64_t value[32];
    unsigned int count;
};

static void read_state(struct state *s, bool host_uses_guest_regs)
{
    s->count = 0;
#define READ(reg, name) s->value[s->count++] = READ_SYSREG(reg);
    STATE_REGS(READ)
#undef READ
    if (host_uses_guest_regs)
        s->value[s->count++] = READ_SYSREG("tpidr_el1");
}

static const char *state_name(unsigned int index)
{
#define NAME(reg, name) name,
    static const char *const names[] = { STATE_REGS(NAME) "TPIDR_EL1" };
#undef NAME
    return names[index];
}

/* The lowest bit of what canary_call() returns. */
static const char *general_name(uint64_t changed)
{
    static char name[8];
    unsigned int bit = (unsigned int)__builtin_ctzll(changed);

    if (bit == 16)
        return "sp";
    if (bit >= 32)
        format(name, sizeof(name), "v%u", bit - 32);
    else
        format(name, sizeof(name), "x%u", bit + 19);
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

    WRITE_SYSREG("sp_el0", SP_EL0_PATTERN);
    WRITE_SYSREG("tpidr_el0", TPIDR_EL0_PATTERN);
    WRITE_SYSREG("tpidrro_el0", TPIDRRO_EL0_PATTERN);
    WRITE_SYSREG("tpidr_el1", TPIDR_EL1_PATTERN);
    canary_call(nothing, NULL, &result); /* leaves its values in v0..v31 */
}

const char *board_canary_call(int (*fn)(void *arg), void *arg, bool host_uses_guest_regs, int *result)
{
    struct state before, after;
    uint64_t changed;

    read_state(&before, host_uses_guest_regs);
    changed = canary_call(fn, arg, result);
    read_state(&after, host_uses_guest_regs);
    for (unsigned int i = 0; i < after.count; i++) {
        if (after.value[i] != before.value[i])
            return state_name(i);
    }
    return changed ? general_name(changed) : NULL;
}
