/* SPDX-License-Identifier: BSD-2-Clause */
/* The ID register policy. Fields as in the Arm ARM (DDI 0487) under each register's name. */
#include "idregs.h"

/* How values of a field compare. Signed: 0xf is "not implemented", and less than 0. */
enum order { UNSIGNED, SIGNED };

/* The guest sees what the hardware has, but no more than max. */
struct rule {
    uint8_t reg, shift, order, max;
};

/*
 * Not here, and so hidden:
 *  - what has registers that are neither switched nor emulated: SVE, SME, MTE, RAS, AMU, MPAM, PMU, SPE, trace, BRBE,
 *    LORegions, SCXTNUM_ELx (CSV2_2), TCR2/SCTLR2/PIE/POE, GCS, THE, FPMR, ALLINT;
 *  - what is trapped or off at EL2 (HCR_EL2, HCRX_EL2, CPTR_EL2): PAC, LS64, MOPS, WFxT, XS, TME, ...;
 *  - EL2 and EL3, with all that only they see: VHE, nested virtualization, FGT, stage-2 features, secure world;
 *  - self-synchronised counters (ECV);
 *  - big-endian data (MMFR0.BigEnd): accesses to emulated devices are little-endian;
 *  - 52-bit addresses: guest-physical ones have at most 48 bits.
 */
static const struct rule rules[] = {
    /* ID_PFR0_EL1: State0-2, CSV2, DIT */
    { IDREG(1, 0), 0, UNSIGNED, 1 },
    { IDREG(1, 0), 4, UNSIGNED, 3 },
    { IDREG(1, 0), 8, UNSIGNED, 1 },
    { IDREG(1, 0), 16, UNSIGNED, 1 },
    { IDREG(1, 0), 24, UNSIGNED, 1 },
    /* ID_PFR1_EL1: GenTimer. The others describe AArch32 at EL1 and above. */
    { IDREG(1, 1), 16, UNSIGNED, 1 },
    /* ID_DFR0_EL1: CopDbg */
    { IDREG(1, 2), 0, UNSIGNED, 8 },
    /* ID_MMFR0_EL1 .. ID_MMFR3_EL1: final since Armv7, but for MMFR3.PAN */
    { IDREG(1, 4), 0, UNSIGNED, 5 },
    { IDREG(1, 4), 8, UNSIGNED, 15 },
    { IDREG(1, 4), 12, UNSIGNED, 15 },
    { IDREG(1, 4), 20, UNSIGNED, 15 },
    { IDREG(1, 4), 28, UNSIGNED, 15 },
    { IDREG(1, 5), 28, UNSIGNED, 15 },
    { IDREG(1, 6), 12, UNSIGNED, 15 },
    { IDREG(1, 6), 16, UNSIGNED, 15 },
    { IDREG(1, 6), 20, UNSIGNED, 15 },
    { IDREG(1, 6), 24, UNSIGNED, 15 },
    { IDREG(1, 7), 0, UNSIGNED, 15 },
    { IDREG(1, 7), 4, UNSIGNED, 15 },
    { IDREG(1, 7), 8, UNSIGNED, 15 },
    { IDREG(1, 7), 12, UNSIGNED, 15 },
    { IDREG(1, 7), 16, UNSIGNED, 2 },
    { IDREG(1, 7), 20, UNSIGNED, 15 },
    { IDREG(1, 7), 24, UNSIGNED, 15 },
    { IDREG(1, 7), 28, UNSIGNED, 15 },
    /* ID_ISAR5_EL1: SEVL, AES, SHA1, SHA2, CRC32, RDM, VCMA. Those before it: whole[]. */
    { IDREG(2, 5), 0, UNSIGNED, 1 },
    { IDREG(2, 5), 4, UNSIGNED, 2 },
    { IDREG(2, 5), 8, UNSIGNED, 1 },
    { IDREG(2, 5), 12, UNSIGNED, 1 },
    { IDREG(2, 5), 16, UNSIGNED, 1 },
    { IDREG(2, 5), 24, UNSIGNED, 1 },
    { IDREG(2, 5), 28, UNSIGNED, 1 },
    /* ID_MMFR4_EL1: CnP, HPDS, LSM, CCIDX */
    { IDREG(2, 6), 12, UNSIGNED, 1 },
    { IDREG(2, 6), 16, UNSIGNED, 2 },
    { IDREG(2, 6), 20, UNSIGNED, 1 },
    { IDREG(2, 6), 24, UNSIGNED, 1 },
    /* ID_ISAR6_EL1: JSCVT, DP, FHM, SB, SPECRES, BF16, I8MM */
    { IDREG(2, 7), 0, UNSIGNED, 1 },
    { IDREG(2, 7), 4, UNSIGNED, 1 },
    { IDREG(2, 7), 8, UNSIGNED, 1 },
    { IDREG(2, 7), 12, UNSIGNED, 1 },
    { IDREG(2, 7), 16, UNSIGNED, 1 },
    { IDREG(2, 7), 20, UNSIGNED, 1 },
    { IDREG(2, 7), 24, UNSIGNED, 1 },
    /* MVFR2_EL1: SIMDMisc, FPMisc. MVFR0 and MVFR1: whole[]. */
    { IDREG(3, 2), 0, UNSIGNED, 3 },
    { IDREG(3, 2), 4, UNSIGNED, 4 },
    /* ID_PFR2_EL1: CSV3, SSBS */
    { IDREG(3, 4), 0, UNSIGNED, 1 },
    { IDREG(3, 4), 4, UNSIGNED, 1 },
    /* ID_MMFR5_EL1: ETS, nTLBPA */
    { IDREG(3, 6), 0, UNSIGNED, 2 },
    { IDREG(3, 6), 4, UNSIGNED, 1 },

    /* ID_AA64PFR0_EL1: EL0 (2: AArch32 too), EL1 (AArch64 only), FP, AdvSIMD, GIC, DIT, CSV2, CSV3 */
    { IDREG_PFR0, 0, UNSIGNED, 2 },
    { IDREG_PFR0, 4, UNSIGNED, 1 },
    { IDREG_PFR0, 16, SIGNED, 1 },
    { IDREG_PFR0, 20, SIGNED, 1 },
    { IDREG_PFR0, 24, UNSIGNED, 1 },
    { IDREG_PFR0, 48, UNSIGNED, 1 },
    { IDREG_PFR0, 56, UNSIGNED, 1 },
    { IDREG_PFR0, 60, UNSIGNED, 1 },
    /* ID_AA64PFR1_EL1: BT, SSBS, CSV2_frac */
    { IDREG_PFR1, 0, UNSIGNED, 1 },
    { IDREG_PFR1, 4, UNSIGNED, 2 },
    { IDREG_PFR1, 32, UNSIGNED, 1 },
    /* ID_AA64DFR0_EL1: DebugVer (to Armv8.2), BRPs, WRPs, CTX_CMPs, DoubleLock */
    { IDREG_DFR0, 0, UNSIGNED, 8 },
    { IDREG_DFR0, 12, UNSIGNED, 15 },
    { IDREG_DFR0, 20, UNSIGNED, 15 },
    { IDREG_DFR0, 28, UNSIGNED, 15 },
    { IDREG_DFR0, 36, SIGNED, 0 },
    /* ID_AA64ISAR0_EL1: AES, SHA1, SHA2, CRC32, Atomic, RDM, SHA3, SM3, SM4, DP, FHM, TS, TLB, RNDR */
    { IDREG(6, 0), 4, UNSIGNED, 2 },
    { IDREG(6, 0), 8, UNSIGNED, 1 },
    { IDREG(6, 0), 12, UNSIGNED, 2 },
    { IDREG(6, 0), 16, UNSIGNED, 1 },
    { IDREG(6, 0), 20, UNSIGNED, 2 },
    { IDREG(6, 0), 28, UNSIGNED, 1 },
    { IDREG(6, 0), 32, UNSIGNED, 1 },
    { IDREG(6, 0), 36, UNSIGNED, 1 },
    { IDREG(6, 0), 40, UNSIGNED, 1 },
    { IDREG(6, 0), 44, UNSIGNED, 1 },
    { IDREG(6, 0), 48, UNSIGNED, 1 },
    { IDREG(6, 0), 52, UNSIGNED, 2 },
    { IDREG(6, 0), 56, UNSIGNED, 2 },
    { IDREG(6, 0), 60, UNSIGNED, 1 },
    /* ID_AA64ISAR1_EL1: DPB, JSCVT, FCMA, LRCPC, FRINTTS, SB, SPECRES, BF16, DGH, I8MM */
    { IDREG(6, 1), 0, UNSIGNED, 2 },
    { IDREG(6, 1), 12, UNSIGNED, 1 },
    { IDREG(6, 1), 16, UNSIGNED, 1 },
    { IDREG(6, 1), 20, UNSIGNED, 2 },
    { IDREG(6, 1), 32, UNSIGNED, 1 },
    { IDREG(6, 1), 36, UNSIGNED, 1 },
    { IDREG(6, 1), 40, UNSIGNED, 1 },
    { IDREG(6, 1), 44, UNSIGNED, 2 },
    { IDREG(6, 1), 48, UNSIGNED, 1 },
    { IDREG(6, 1), 52, UNSIGNED, 1 },
    /* ID_AA64ISAR2_EL1: RPRES, BC, CLRBHB, CSSC */
    { IDREG(6, 2), 4, UNSIGNED, 1 },
    { IDREG(6, 2), 20, UNSIGNED, 1 },
    { IDREG(6, 2), 28, UNSIGNED, 1 },
    { IDREG(6, 2), 52, UNSIGNED, 1 },
    /* ID_AA64MMFR0_EL1: PARange (to 48 bits), ASIDBits, TGran16, TGran64, TGran4, ExS */
    { IDREG_MMFR0, 0, UNSIGNED, 5 },
    { IDREG_MMFR0, 4, UNSIGNED, 2 },
    { IDREG_MMFR0, 20, UNSIGNED, 1 },
    { IDREG_MMFR0, 24, SIGNED, 0 },
    { IDREG_MMFR0, 28, SIGNED, 0 },
    { IDREG_MMFR0, 44, UNSIGNED, 1 },
    /* ID_AA64MMFR1_EL1: HAFDBS, HPDS, PAN, ETS, AFP, nTLBPA, ECBHB */
    { IDREG_MMFR1, 0, UNSIGNED, 2 },
    { IDREG_MMFR1, 12, UNSIGNED, 2 },
    { IDREG_MMFR1, 20, UNSIGNED, 3 },
    { IDREG_MMFR1, 36, UNSIGNED, 2 },
    { IDREG_MMFR1, 44, UNSIGNED, 1 },
    { IDREG_MMFR1, 48, UNSIGNED, 1 },
    { IDREG_MMFR1, 60, UNSIGNED, 1 },
    /* ID_AA64MMFR2_EL1: CnP, UAO, LSM, CCIDX, ST, AT, IDS, TTL, BBM, E0PD */
    { IDREG(7, 2), 0, UNSIGNED, 1 },
    { IDREG(7, 2), 4, UNSIGNED, 1 },
    { IDREG(7, 2), 8, UNSIGNED, 1 },
    { IDREG(7, 2), 20, UNSIGNED, 1 },
    { IDREG(7, 2), 28, UNSIGNED, 1 },
    { IDREG(7, 2), 32, UNSIGNED, 1 },
    { IDREG(7, 2), 36, UNSIGNED, 1 },
    { IDREG(7, 2), 48, UNSIGNED, 1 },
    { IDREG(7, 2), 52, UNSIGNED, 2 },
    { IDREG(7, 2), 60, UNSIGNED, 1 },
};

/* What describes AArch32 at EL0 and has not changed since Armv8.0: ID_ISAR0_EL1 .. ID_ISAR4_EL1, MVFR0_EL1, MVFR1_EL1 */
static const uint8_t whole[] = {
    IDREG(2, 0), IDREG(2, 1), IDREG(2, 2), IDREG(2, 3), IDREG(2, 4), IDREG(3, 0), IDREG(3, 1),
};

static uint64_t limit_field(const struct rule *rule, uint64_t reg)
{
    uint64_t hw = reg >> rule->shift & 15;
    bool absent = rule->order == SIGNED && (hw & 8);

    return (absent || hw <= rule->max ? hw : rule->max) << rule->shift;
}

static uint64_t limit_reg(unsigned int reg, uint64_t hw)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(whole); i++)
        if (whole[i] == reg)
            return (uint32_t)hw;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(rules); i++)
        if (rules[i].reg == reg)
            v |= limit_field(&rules[i], hw);
    return v;
}

/* The least PARange that has all of the VM's guest-physical addresses: what is above them faults in stage 2. */
static uint64_t parange(unsigned int gpa_bits)
{
    static const uint8_t bits[] = { 32, 36, 40, 42, 44, 48 };
    unsigned int i = 0;

    while (i < AXVM_ARRAY_LEN(bits) - 1 && bits[i] < gpa_bits)
        i++;
    return i;
}

void axvm_idregs_limit(uint64_t regs[AXVM_ID_REGS], const struct axvm_idreg_params *params)
{
    uint64_t *mmfr0 = &regs[IDREG_MMFR0];
    bool aarch32 = axvm_field(regs[IDREG_PFR0], PFR0_EL0) >= 2;

    for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
        regs[i] = i >= IDREG(4, 0) || aarch32 ? limit_reg(i, regs[i]) : 0;
    if (!params->gic)
        regs[IDREG_PFR0] &= ~PFR0_GIC;
    *mmfr0 = (*mmfr0 & ~MMFR0_PARANGE) | axvm_min(*mmfr0 & MMFR0_PARANGE, parange(params->gpa_bits));
}
