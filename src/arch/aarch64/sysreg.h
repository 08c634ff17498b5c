/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System registers of the hardware: one macro reads, one writes; and the barriers. Registers that assemblers know only with newer
 * -march settings are named by their encoding. Only for code that runs on an AArch64 CPU.
 */
#ifndef AXVM_AARCH64_SYSREG_H
#define AXVM_AARCH64_SYSREG_H

#include <stdint.h>

#define AXVM_STRINGIFY_(x) #x
#define AXVM_STRINGIFY(x) AXVM_STRINGIFY_(x)

#define axvm_sysreg_read(reg)                                                      \
    __extension__({                                                                \
        uint64_t axvm_v_;                                                          \
        __asm__ volatile("mrs %0, " AXVM_STRINGIFY(reg) : "=r"(axvm_v_) : : "memory"); \
        axvm_v_;                                                                   \
    })
#define axvm_sysreg_write(reg, val) \
    __asm__ volatile("msr " AXVM_STRINGIFY(reg) ", %x0" : : "rZ"((uint64_t)(val)) : "memory")

static inline void axvm_isb(void)
{
    __asm__ volatile("isb" : : : "memory");
}

#define axvm_dsb(scope) __asm__ volatile("dsb " #scope : : : "memory")

/* The EL1 registers as a host with HCR_EL2.E2H = 1 reaches them: Arm ARM, "System and Special-purpose register aliasing". */
#define SCTLR_EL12 S3_5_C1_C0_0
#define CPACR_EL12 S3_5_C1_C0_2
#define TTBR0_EL12 S3_5_C2_C0_0
#define TTBR1_EL12 S3_5_C2_C0_1
#define TCR_EL12 S3_5_C2_C0_2
#define SPSR_EL12 S3_5_C4_C0_0
#define ELR_EL12 S3_5_C4_C0_1
#define AFSR0_EL12 S3_5_C5_C1_0
#define AFSR1_EL12 S3_5_C5_C1_1
#define ESR_EL12 S3_5_C5_C2_0
#define FAR_EL12 S3_5_C6_C0_0
#define MAIR_EL12 S3_5_C10_C2_0
#define AMAIR_EL12 S3_5_C10_C3_0
#define VBAR_EL12 S3_5_C12_C0_0
#define CONTEXTIDR_EL12 S3_5_C13_C0_1
#define CNTKCTL_EL12 S3_5_C14_C1_0
#define CNTV_CTL_EL02 S3_5_C14_C3_1
#define CNTV_CVAL_EL02 S3_5_C14_C3_2

/* PSTATE fields, where the CPU has them. */
#define PSTATE_PAN S3_0_C4_C2_3
#define PSTATE_UAO S3_0_C4_C2_4
#define PSTATE_DIT S3_3_C4_C2_5
#define PSTATE_SSBS S3_3_C4_C2_6
#define PSTATE_TCO S3_3_C4_C2_7

#define HCRX_EL2 S3_4_C1_C2_2
#define ZCR_EL2 S3_4_C1_C2_0
#define HFGRTR_EL2 S3_4_C1_C1_4
#define HFGWTR_EL2 S3_4_C1_C1_5
#define HFGITR_EL2 S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5
#define VSESR_EL2 S3_4_C5_C2_3
#define VDISR_EL2 S3_4_C12_C1_1
#define TPIDR2_EL0 S3_3_C13_C0_5

/* The physical GIC CPU interface: GIC architecture specification (IHI 0069), "AArch64 System register descriptions". */
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_HPPIR1_EL1 S3_0_C12_C12_2
#define ICC_CTLR_EL1 S3_0_C12_C12_4
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_DIR_EL1 S3_0_C12_C11_1
#define ICC_SRE_EL2 S3_4_C12_C9_5

#endif
