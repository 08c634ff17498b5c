/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMSR and WRMSR of guests, table-driven. Pure logic: registers that live in the VMCB or VMCS, the APIC and the clock are
 * validated here and left to the caller (msr_access.c). Default deny. Intel SDM vol. 4; AMD APM vol. 2, "Model-Specific
 * Registers (MSRs)".
 */
#ifndef AXVM_X86_64_MSR_H
#define AXVM_X86_64_MSR_H

#include "bits.h"
#include "cpuid.h"

#define MSR_IA32_TSC 0x10u
#define MSR_IA32_PLATFORM_ID 0x17u
#define MSR_IA32_APIC_BASE 0x1bu
#define MSR_IA32_FEATURE_CONTROL 0x3au
#define MSR_IA32_TSC_ADJUST 0x3bu
#define MSR_IA32_BIOS_UPDT_TRIG 0x79u
#define MSR_IA32_BIOS_SIGN_ID 0x8bu /* AMD: PATCH_LEVEL */
#define MSR_PLATFORM_INFO 0xceu
#define MSR_IA32_MTRRCAP 0xfeu
#define MSR_IA32_SYSENTER_CS 0x174u
#define MSR_IA32_SYSENTER_ESP 0x175u
#define MSR_IA32_SYSENTER_EIP 0x176u
#define MSR_IA32_MCG_CAP 0x179u
#define MSR_IA32_MCG_STATUS 0x17au
#define MSR_IA32_MISC_ENABLE 0x1a0u
#define MSR_IA32_DEBUGCTL 0x1d9u
#define MSR_IA32_MTRR_PHYSBASE0 0x200u
#define MSR_IA32_MTRR_FIX64K 0x250u
#define MSR_IA32_MTRR_FIX16K 0x258u
#define MSR_IA32_MTRR_FIX4K 0x268u
#define MSR_IA32_PAT 0x277u
#define MSR_IA32_MTRR_DEF_TYPE 0x2ffu
#define MSR_IA32_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u /* .. 0x8ff */
#define MSR_X2APIC_TPR 0x808u
#define MSR_X2APIC_PPR 0x80au
#define MSR_X2APIC_EOI 0x80bu
#define MSR_X2APIC_ISR 0x810u /* eight of them */
#define MSR_X2APIC_IRR 0x820u /* as well */
#define MSR_X2APIC_SELF_IPI 0x83fu
#define MSR_KVM_WALL_CLOCK_NEW 0x4b564d00u
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01u
#define MSR_KVM_STEAL_TIME 0x4b564d03u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_IA32_XSS 0xda0u
#define MSR_TSC_AUX 0xc0000103u
#define MSR_AMD_PERFEVTSEL0 0xc0010000u
#define MSR_AMD_SYSCFG 0xc0010010u
#define MSR_AMD_HWCR 0xc0010015u
#define MSR_AMD_TOP_MEM 0xc001001au
#define MSR_AMD_TOP_MEM2 0xc001001du
#define MSR_AMD_NB_CFG 0xc001001fu
#define MSR_AMD_PATCH_LOADER 0xc0010020u
#define MSR_AMD_INT_PENDING 0xc0010055u
#define MSR_AMD_MMIO_CFG_BASE 0xc0010058u
#define MSR_AMD_SMM_ADDR 0xc0010112u
#define MSR_AMD_VM_CR 0xc0010114u
#define MSR_AMD_DC_CFG 0xc0011022u
#define MSR_AMD_DE_CFG 0xc0011029u
#define MSR_AMD_BU_CFG2 0xc001102au

#define PAT_RESET UINT64_C(0x0007040600070406)

#define AXVM_MTRR_VARIABLE 8u /* pairs */
#define AXVM_MTRR_FIXED 11u

/* MSRs of a vCPU that neither VMCB nor VMCS hold. */
struct axvm_msrs {
    uint64_t tsc_adjust;
    uint64_t misc_enable;
    uint64_t mcg_status;
    uint64_t mtrr_def_type;
    uint64_t mtrr_fixed[AXVM_MTRR_FIXED];           /* 64K, 16K, 16K, 4K x 8 */
    uint64_t mtrr_variable[2 * AXVM_MTRR_VARIABLE]; /* base, mask, base, ... */
    uint64_t hwcr;
    uint64_t patch_level;                         /* MSR_IA32_BIOS_SIGN_ID: differs by vendor; writes vanish */
    uint64_t wall_clock, system_time, steal_time; /* kvmclock ABI */
};

/* Who goes on. */
enum axvm_msr_result {
    AXVM_MSR_DONE,    /* *val is filled in, or the value is stored */
    AXVM_MSR_GP,      /* #GP(0) */
    AXVM_MSR_UNKNOWN, /* not in the table: a device of AXVM_BUS_SYSREG, or #GP(0) */
    AXVM_MSR_APIC,    /* axvm_vlapic_msr_read(), _write() */
    /* In the VMCB or VMCS, where it is not passed through: EFER (axvm_efer_write() checks), STAR, LSTAR, CSTAR, SFMASK, FS, GS
     * and kernel GS base, SYSENTER_*, PAT, TSC_AUX. The value is one that the register can hold. */
    AXVM_MSR_HW,
    AXVM_MSR_TSC,        /* the counter itself. A write also changes TSC_ADJUST: axvm_msr_tsc_moved() */
    AXVM_MSR_TSC_ADJUST, /* write only: m->tsc_adjust is set, the counter has to move by *val */
    AXVM_MSR_PV,         /* write only: stored; pvclock.c has to look at it */
};

/* After a reset; INIT leaves them alone. */
void axvm_msrs_reset(struct axvm_msrs *m, const struct axvm_x86_limits *lim);
enum axvm_msr_result axvm_msr_read(const struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr, uint64_t *val);
/* *val: the value; bits that the register ignores are dropped. For AXVM_MSR_TSC_ADJUST it becomes by how much the TSC moves. */
enum axvm_msr_result axvm_msr_write(struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr, uint64_t *val);

/* By number: the row of msr.c's table, and above bit 8 one more than the member, counted by 8 bytes, that is all there is to
 * reading it; or 0. */
#define AXVM_MSR_LOW_END 0x300u
extern const uint16_t axvm_msr_low[AXVM_MSR_LOW_END];

/* The value of a register that is only kept, as the most are; NULL: it takes axvm_msr_read(). */
static inline const uint64_t *axvm_msr_kept(const struct axvm_msrs *m, uint32_t msr)
{
    unsigned int member = msr < AXVM_MSR_LOW_END ? axvm_msr_low[axvm_nospec(msr, AXVM_MSR_LOW_END)] >> 8 : 0;

    return member != 0 ? (const uint64_t *)(const void *)m + (member - 1) : NULL;
}

/* The guest has written IA32_TSC: it moved by @delta. */
static inline void axvm_msr_tsc_moved(struct axvm_msrs *m, uint64_t delta)
{
    m->tsc_adjust += delta;
}

#endif
