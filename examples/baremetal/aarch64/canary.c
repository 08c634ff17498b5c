/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does libaxvm leave this host's CPU state alone? The values are the same on all CPUs and in all threads that check, so it
 * does not matter when a thread is preempted meanwhile, or comes back on another CPU.
 */
#include "board.h"
#include "lib.h"
#include "sysreg.h"

uint64_t canary_call(int (*fn)(void *arg), void *arg, int *result);

struct state_reg {
    const char *name;
    uint64_t before, after;
};

/* Registers of EL0 and EL1 that a host may use for itself at EL2. */
#define SP_EL0_PATTERN UINT64_C(0x5e105e105e105e10)
#define TPIDR_EL0_PATTERN UINT64_C(0x7bd207bd207bd207)
#define TPIDRRO_EL0_PATTERN UINT64_C(0x7bd2207bd2207bd2)
#define TPIDR_EL1_PATTERN UINT64_C(0x7bd217bd217bd217)

/* FEAT_FP's registers belong to the host as well; it has left them as after reset, or as a guest of ours did not change. */
static const char *const names[] = {
    "VBAR_EL2", "HCR_EL2",   "SCTLR_EL2", "TCR_EL2",   "TTBR0_EL2", "MAIR_EL2",     "CPTR_EL2",       "MDCR_EL2",
    "CNTHCTL_EL2", "HSTR_EL2", "DAIF",    "SPSel",     "ICC_CTLR_EL1", "ICC_PMR_EL1", "ICC_IGRPEN1_EL1", "ICC_SRE_EL2",
    "FPCR",     "SP_EL0",    "TPIDR_EL0", "TPIDRRO_EL0", "TPIDR_EL1",
};

#define STATE_REGS ARRAY_LEN(names)
#define TPIDR_EL1_INDEX (STATE_REGS - 1)

static void read_state(uint64_t state[STATE_REGS])
{
    uint64_t *s = state;

    *s++ = READ_SYSREG("vbar_el2");
    *s++ = READ_SYSREG("hcr_el2");
    *s++ = READ_SYSREG("sctlr_el2");
    *s++ = READ_SYSREG("tcr_el2");
    *s++ = READ_SYSREG("ttbr0_el2");
    *s++ = READ_SYSREG("mair_el2");
    *s++ = READ_SYSREG("cptr_el2");
    *s++ = READ_SYSREG("mdcr_el2");
    *s++ = READ_SYSREG("cnthctl_el2");
    *s++ = READ_SYSREG("hstr_el2");
    *s++ = READ_SYSREG("daif");
    *s++ = READ_SYSREG("spsel");
    *s++ = READ_SYSREG("s3_0_c12_c12_4");
    *s++ = READ_SYSREG("s3_0_c4_c6_0");
    *s++ = READ_SYSREG("s3_0_c12_c12_7");
    *s++ = READ_SYSREG("s3_4_c12_c9_5");
    *s++ = READ_SYSREG("s3_3_c4_c4_0"); /* FPCR */
    *s++ = READ_SYSREG("sp_el0");
    *s++ = READ_SYSREG("tpidr_el0");
    *s++ = READ_SYSREG("tpidrro_el0");
    *s++ = READ_SYSREG("tpidr_el1");
}

static void write_patterns(bool host_uses_guest_regs)
{
    WRITE_SYSREG("sp_el0", SP_EL0_PATTERN);
    WRITE_SYSREG("tpidr_el0", TPIDR_EL0_PATTERN);
    WRITE_SYSREG("tpidrro_el0", TPIDRRO_EL0_PATTERN);
    if (host_uses_guest_regs)
        WRITE_SYSREG("tpidr_el1", TPIDR_EL1_PATTERN);
}

/* The pattern of a register that canary_call() has set, from the mask it returns. */
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

const char *board_canary_call(int (*fn)(void *arg), void *arg, bool host_uses_guest_regs, int *result)
{
    uint64_t before[STATE_REGS], after[STATE_REGS], changed;
    unsigned long irqs = irq_save();

    /* No other thread may run between these two. */
    write_patterns(host_uses_guest_regs);
    read_state(before);
    before[10] = irqs;
    irq_restore(irqs);
    changed = canary_call(fn, arg, result);
    read_state(after);
    for (unsigned int i = 0; i < STATE_REGS; i++) {
        if (after[i] != before[i] && (i != TPIDR_EL1_INDEX || host_uses_guest_regs))
            return names[i];
    }
    return changed ? general_name(changed) : NULL;
}
