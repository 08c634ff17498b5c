/* SPDX-License-Identifier: BSD-2-Clause */
/* ESR_EL2: what brought a guest to EL2. Arm ARM (DDI 0487), "ESR_EL2, Exception Syndrome Register", headings in quotes. */
#ifndef AXVM_AARCH64_ESR_H
#define AXVM_AARCH64_ESR_H

#include "bits.h"
#include "vm_priv.h"

#define ESR_EC AXVM_BITS(31, 26)
#define ESR_IL AXVM_BIT(25) /* the instruction has 4 bytes */
#define ESR_ISS AXVM_BITS(24, 0)

enum axvm_esr_ec {
    ESR_EC_UNKNOWN = 0x00,
    ESR_EC_WFX = 0x01,
    ESR_EC_CP15_32 = 0x03, /* AArch32 MCR, MRC */
    ESR_EC_CP15_64 = 0x04, /* AArch32 MCRR, MRRC */
    ESR_EC_CP14_32 = 0x05,
    ESR_EC_CP14_LDST = 0x06,
    ESR_EC_FP_ASIMD = 0x07,
    ESR_EC_VMRS = 0x08,
    ESR_EC_PAC = 0x09,
    ESR_EC_LS64 = 0x0a, /* and other instructions that HCRX_EL2 traps */
    ESR_EC_CP14_64 = 0x0c,
    ESR_EC_BTI = 0x0d,
    ESR_EC_ILLEGAL_STATE = 0x0e,
    ESR_EC_SVC32 = 0x11,
    ESR_EC_HVC32 = 0x12,
    ESR_EC_SMC32 = 0x13,
    ESR_EC_SYSREG128 = 0x14,
    ESR_EC_SVC64 = 0x15,
    ESR_EC_HVC64 = 0x16,
    ESR_EC_SMC64 = 0x17,
    ESR_EC_SYSREG = 0x18,
    ESR_EC_SVE = 0x19,
    ESR_EC_ERET = 0x1a,
    ESR_EC_TME = 0x1b,
    ESR_EC_PAC_FAIL = 0x1c,
    ESR_EC_SME = 0x1d,
    ESR_EC_GPC = 0x1e,
    ESR_EC_IABT_LOWER = 0x20,
    ESR_EC_IABT_SAME = 0x21,
    ESR_EC_PC_ALIGN = 0x22,
    ESR_EC_DABT_LOWER = 0x24,
    ESR_EC_DABT_SAME = 0x25,
    ESR_EC_SP_ALIGN = 0x26,
    ESR_EC_MOPS = 0x27,
    ESR_EC_FP32 = 0x28,
    ESR_EC_FP64 = 0x2c,
    ESR_EC_GCS = 0x2d,
    ESR_EC_SERROR = 0x2f,
    ESR_EC_BREAKPOINT_LOWER = 0x30,
    ESR_EC_BREAKPOINT_SAME = 0x31,
    ESR_EC_STEP_LOWER = 0x32,
    ESR_EC_STEP_SAME = 0x33,
    ESR_EC_WATCHPOINT_LOWER = 0x34,
    ESR_EC_WATCHPOINT_SAME = 0x35,
    ESR_EC_BKPT32 = 0x38,
    ESR_EC_VECTOR32 = 0x3a,
    ESR_EC_BRK64 = 0x3c,
    ESR_EC_PMU = 0x3d,
};

/* "ISS encoding for an exception from a WF* instruction" */
#define ESR_WFX_WFE AXVM_BIT(0)
#define ESR_WFX_TIMEOUT AXVM_BIT(1)

/* "ISS encoding for an exception from HVC or SVC instruction execution", and of SMC in AArch64 state */
#define ESR_IMM16 AXVM_BITS(15, 0)

/* Of trapped AArch32 instructions: the condition they have passed or failed. In T32 code it is in ITSTATE unless CV is set. */
#define ESR_CV AXVM_BIT(24)
#define ESR_COND AXVM_BITS(23, 20)

/* "ISS encoding for an exception from MSR, MRS, or System instruction execution in AArch64 state" */
#define ESR_SYS_OP0 AXVM_BITS(21, 20)
#define ESR_SYS_OP2 AXVM_BITS(19, 17)
#define ESR_SYS_OP1 AXVM_BITS(16, 14)
#define ESR_SYS_CRN AXVM_BITS(13, 10)
#define ESR_SYS_RT AXVM_BITS(9, 5) /* 31 is XZR */
#define ESR_SYS_CRM AXVM_BITS(4, 1)
#define ESR_SYS_READ AXVM_BIT(0)

/* "ISS encoding for an exception from MCR or MRC access" */
#define ESR_CP_OPC2 AXVM_BITS(19, 17)
#define ESR_CP_OPC1 AXVM_BITS(16, 14)
#define ESR_CP_CRN AXVM_BITS(13, 10)
#define ESR_CP_RT AXVM_BITS(9, 5) /* by its AArch64 number */
#define ESR_CP_CRM AXVM_BITS(4, 1)
#define ESR_CP_READ AXVM_BIT(0)
/* "ISS encoding for an exception from MCRR or MRRC access" */
#define ESR_CP64_OPC1 AXVM_BITS(19, 16)
#define ESR_CP64_RT2 AXVM_BITS(14, 10)

/* "ISS encoding for an exception from a Data Abort"; an Instruction Abort has EA, S1PTW and FSC of these. */
#define ESR_ABT_ISV AXVM_BIT(24)      /* set: SAS to AR describe the access; clear: decode the instruction */
#define ESR_ABT_SAS AXVM_BITS(23, 22) /* log2 of the size in bytes */
#define ESR_ABT_SSE AXVM_BIT(21)      /* sign-extend */
#define ESR_ABT_SRT AXVM_BITS(20, 16) /* register; 31 is XZR: reads as zero, writes vanish */
#define ESR_ABT_SF AXVM_BIT(15)       /* the register is X<n>, not W<n> */
#define ESR_ABT_AR AXVM_BIT(14)       /* acquire or release */
#define ESR_ABT_FNV AXVM_BIT(10)      /* FAR_EL2 is not valid */
#define ESR_ABT_EA AXVM_BIT(9)
#define ESR_ABT_CM AXVM_BIT(8)        /* cache maintenance or address translation instruction */
#define ESR_ABT_S1PTW AXVM_BIT(7)     /* on a walk of the guest's own tables */
#define ESR_ABT_WNR AXVM_BIT(6)       /* the guest was writing */
#define ESR_ABT_FSC AXVM_BITS(5, 0)

/* Fault status codes, of data and instruction aborts. Those up to FSC_PERMISSION have the level of the walk added. */
enum axvm_fsc {
    FSC_ADDRESS_SIZE = 0x00,
    FSC_TRANSLATION = 0x04,
    FSC_ACCESS_FLAG = 0x08,
    FSC_PERMISSION = 0x0c,
    FSC_SEA = 0x10,       /* synchronous external abort, not on a walk */
    FSC_TAG_CHECK = 0x11,
    FSC_SEA_WALK0 = 0x14, /* the same on a translation table walk, level 0; + level */
    FSC_PARITY = 0x18,
    FSC_PARITY_WALK0 = 0x1c,
    FSC_ALIGNMENT = 0x21,
    FSC_ADDRESS_SIZE_M1 = 0x29, /* level -1 */
    FSC_TRANSLATION_M1 = 0x2b,
    FSC_TLB_CONFLICT = 0x30,
    FSC_HAFDBS = 0x31,
    FSC_LOCKDOWN = 0x34,
    FSC_EXCLUSIVE = 0x35, /* unsupported exclusive or atomic */
};

/* Only faults that stage 2 can cause come with these codes: those of stage 1 go to EL1. */
static inline bool axvm_esr_is_stage2(uint64_t esr)
{
    uint64_t fsc = axvm_field(esr, ESR_ABT_FSC);

    return fsc < FSC_SEA || fsc == FSC_ADDRESS_SIZE_M1 || fsc == FSC_TRANSLATION_M1;
}

static inline bool axvm_esr_is_permission(uint64_t esr)
{
    return (axvm_field(esr, ESR_ABT_FSC) & ~UINT64_C(3)) == FSC_PERMISSION;
}

/* The register of a trapped MSR, MRS or system instruction: AXVM_AARCH64_SYSREG(). Op1 and CRn are neighbours in both. */
static inline uint64_t axvm_esr_to_sysreg(uint64_t esr)
{
    return axvm_field(esr, ESR_SYS_OP0) << 14 | axvm_field(esr, ESR_SYS_OP1 | ESR_SYS_CRN) << 7 |
           axvm_field(esr, ESR_SYS_CRM) << 3 | axvm_field(esr, ESR_SYS_OP2);
}

/* What a load that @esr describes (ISV) puts into its register when the device answers @val. */
static inline uint64_t axvm_esr_load_value(uint64_t esr, uint64_t val)
{
    uint64_t v = axvm_extend(val, 1u << axvm_field(esr, ESR_ABT_SAS), (esr & ESR_ABT_SSE) != 0);

    return esr & ESR_ABT_SF ? v : (uint32_t)v;
}

/* The access that @esr describes (ISV), but for the address. */
static inline void axvm_esr_to_mmio(uint64_t esr, const uint64_t *gpr, struct axvm_mmio *mmio)
{
    uint8_t reg = (uint8_t)axvm_field(esr, ESR_ABT_SRT);

    mmio->space = AXVM_BUS_MMIO;
    mmio->size = (uint8_t)(1u << axvm_field(esr, ESR_ABT_SAS));
    mmio->count = 1;
    mmio->write = (esr & ESR_ABT_WNR) != 0;
    mmio->val[0] = mmio->write && reg != 31 ? axvm_extend(gpr[reg], mmio->size, false) : 0;
    mmio->arch = (struct axvm_arch_mmio){
        .reg = { reg },
        .reg_bytes = esr & ESR_ABT_SF ? 8 : 4,
        .elems_per_reg = 1,
        .sign_extend = (esr & ESR_ABT_SSE) != 0,
    };
}

#endif
