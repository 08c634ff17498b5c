/* SPDX-License-Identifier: BSD-2-Clause */
/* System registers as the host sets them. Shared with assembly. */
#ifndef SYSREG_H
#define SYSREG_H

#ifdef __ASSEMBLER__
#define FIELD(value, shift) ((value) << (shift))
#else
#include <stdint.h>
#define FIELD(value, shift) ((uint64_t)(value) << (shift))
#endif
#define BIT(n) FIELD(1, n)

/* HCR_EL2. Arm ARM (DDI 0487): "HCR_EL2". Interrupts go to EL2 also while no guest runs; EL1 is AArch64. */
#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_TGE BIT(27)
#define HCR_RW BIT(31)
#define HCR_E2H BIT(34)
#define HCR_HOST (HCR_FMO | HCR_IMO | HCR_AMO | HCR_RW)
#define HCR_HOST_VHE (HCR_HOST | HCR_TGE | HCR_E2H)

/* SCTLR_EL2: what is RES1 in one of the two modes and harmless in the other, and M C SA I. */
#define SCTLR_HOST 0x30c5183d
#define SCTLR_M_C 0x5

/* Attribute 0: normal, write-back; 1: Device-nGnRE. */
#define MAIR_HOST 0x04ff

/* 39 bits of virtual address from level 1, tables in write-back inner-shareable memory, 40 bits of physical address. The
 * layout is TCR_EL1's when E2H is set: then EPD1, T1SZ, TG1, IPS. */
#define TCR_T0SZ (64 - 39)
#define TCR_WALKS (BIT(8) | BIT(10) | FIELD(3, 12))
#define TCR_HOST (BIT(31) | BIT(23) | FIELD(2, 16) | TCR_WALKS | TCR_T0SZ)
#define TCR_HOST_VHE (FIELD(2, 32) | FIELD(2, 30) | BIT(23) | FIELD(TCR_T0SZ, 16) | TCR_WALKS | TCR_T0SZ)

/* CPTR_EL2: FP is on (for guests; we do not use it), SVE and SME stay trapped. The layout is CPACR_EL1's when E2H is set. */
#define CPTR_HOST 0x33ff
#define CPTR_HOST_VHE FIELD(3, 20)

/* CNTHCTL_EL2: EL1 may read the physical counter and use the physical timer, as there is nobody. By layout. */
#define CNTHCTL_HOST 0x3
#define CNTHCTL_HOST_VHE 0xc03

/* Blocks of level 1: 1 GiB. With E2H set, AP[1] means access from EL0, and there are two execute-never bits. */
#define BLOCK_NORMAL (1 | BIT(6) | FIELD(3, 8) | BIT(10))
#define BLOCK_NORMAL_VHE (1 | FIELD(3, 8) | BIT(10) | BIT(54))
#define BLOCK_DEVICE (1 | BIT(2) | BIT(6) | BIT(10) | BIT(54))
#define BLOCK_DEVICE_VHE (1 | BIT(2) | BIT(10) | BIT(53) | BIT(54))

#ifndef __ASSEMBLER__

#define READ_SYSREG(name)                                                                                                      \
    ({                                                                                                                         \
        uint64_t value_;                                                                                                       \
        __asm__ volatile("mrs %0, " name : "=r"(value_) : : "memory");                                                         \
        value_;                                                                                                                \
    })
#define WRITE_SYSREG(name, v) __asm__ volatile("msr " name ", %x0" : : "rZ"((uint64_t)(v)) : "memory")
#define ISB() __asm__ volatile("isb" : : : "memory")
#define DSB(type) __asm__ volatile("dsb " #type : : : "memory")

#endif
#endif
