/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control and status registers by number, and their fields. The RISC-V Instruction Set Manual, Volume II: Privileged Architecture,
 * "CSR Listing", "Supervisor-Level ISA", "Hypervisor Extension". Numbers, as assemblers differ in which names they know.
 */
#ifndef AXVM_RISCV64_CSR_H
#define AXVM_RISCV64_CSR_H

#include "bits.h"

#define CSR_FCSR 0x003
#define CSR_CYCLE 0xc00
#define CSR_TIME 0xc01
#define CSR_INSTRET 0xc02
#define CSR_SSTATUS 0x100
#define CSR_SIE 0x104
#define CSR_STVEC 0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG 0x10a
#define CSR_SSCRATCH 0x140
#define CSR_SEPC 0x141
#define CSR_SCAUSE 0x142
#define CSR_STVAL 0x143
#define CSR_SIP 0x144
#define CSR_STIMECMP 0x14d
#define CSR_SISELECT 0x150
#define CSR_SIREG 0x151
#define CSR_STOPEI 0x15c
#define CSR_VSSTATUS 0x200
#define CSR_VSIE 0x204
#define CSR_VSTVEC 0x205
#define CSR_VSSCRATCH 0x240
#define CSR_VSEPC 0x241
#define CSR_VSCAUSE 0x242
#define CSR_VSTVAL 0x243
#define CSR_VSIP 0x244
#define CSR_VSTIMECMP 0x24d
#define CSR_VSISELECT 0x250
#define CSR_VSIREG 0x251
#define CSR_VSATP 0x280
#define CSR_HSTATUS 0x600
#define CSR_HEDELEG 0x602
#define CSR_HIDELEG 0x603
#define CSR_HIE 0x604
#define CSR_HTIMEDELTA 0x605
#define CSR_HCOUNTEREN 0x606
#define CSR_HGEIE 0x607
#define CSR_HVIEN 0x608
#define CSR_HVICTL 0x609
#define CSR_HENVCFG 0x60a
#define CSR_HSTATEEN0 0x60c
#define CSR_HTVAL 0x643
#define CSR_HVIP 0x645
#define CSR_HVIPRIO1 0x646
#define CSR_HVIPRIO2 0x647
#define CSR_HTINST 0x64a
#define CSR_HGATP 0x680
#define CSR_STOPI 0xdb0
#define CSR_HGEIP 0xe12

/* sstatus, vsstatus */
#define SSTATUS_SIE AXVM_BIT(1)
#define SSTATUS_SPIE AXVM_BIT(5)
#define SSTATUS_SPP AXVM_BIT(8)
#define SSTATUS_VS AXVM_BITS(10, 9)  /* as FS */
#define SSTATUS_FS AXVM_BITS(14, 13) /* 0 off, 1 initial, 2 clean, 3 dirty */
#define SSTATUS_UXL AXVM_BITS(33, 32)
#define FS_INITIAL AXVM_U64(1)
#define FS_CLEAN AXVM_U64(2)
#define FS_DIRTY AXVM_U64(3)
#define XL_64 AXVM_U64(2)

#define HSTATUS_SPV AXVM_BIT(7)
#define HSTATUS_SPVP AXVM_BIT(8)
#define HSTATUS_VGEIN AXVM_BITS(17, 12) /* which guest interrupt file; 0: none */
#define HSTATUS_VTW AXVM_BIT(21)
#define HSTATUS_VSXL AXVM_BITS(33, 32)

/* Interrupts of VS-mode as hie, hip and hvip number them; vsie and vsip have them one lower. */
#define IRQ_VSS AXVM_BIT(2)
#define IRQ_VST AXVM_BIT(6)
#define IRQ_VSE AXVM_BIT(10)
#define IRQ_VS_ALL (IRQ_VSS | IRQ_VST | IRQ_VSE)
#define IRQ_SGE AXVM_BIT(12) /* a guest interrupt file that hgeie names: an interrupt of HS-mode */

/* hvictl: an external interrupt of a priority; with priority 0, none. "Virtual interrupts for VS level". */
#define HVICTL_IID_EXTERNAL (AXVM_U64(9) << 16)
#define HVICTL_IPRIO_1 AXVM_U64(1)

#define HCOUNTEREN_TM AXVM_BIT(1)

#define HENVCFG_CBIE AXVM_BITS(5, 4)
#define HENVCFG_CBCFE AXVM_BIT(6)
#define HENVCFG_CBZE AXVM_BIT(7)
#define HENVCFG_ADUE AXVM_BIT(61)
#define HENVCFG_PBMTE AXVM_BIT(62)
#define HENVCFG_STCE AXVM_BIT(63)

/* Bits of it that let guests have state of the AIA: guest interrupt files; stopi; siselect and sireg. */
#define HSTATEEN0_IMSIC AXVM_BIT(58)
#define HSTATEEN0_AIA AXVM_BIT(59)
#define HSTATEEN0_CSRIND AXVM_BIT(60)
#define HSTATEEN0_ENVCFG AXVM_BIT(62)

#define HGATP_MODE AXVM_BITS(63, 60)
#define HGATP_VMID AXVM_BITS(57, 44)
#define HGATP_PPN AXVM_BITS(43, 0)
enum hgatp_mode { HGATP_BARE = 0, HGATP_SV39X4 = 8, HGATP_SV48X4 = 9, HGATP_SV57X4 = 10 };

/* scause, without the interrupt bit */
#define CAUSE_INTERRUPT AXVM_BIT(63)
enum cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_VS = 10,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_FETCH_GUEST_PAGE = 20,
    CAUSE_LOAD_GUEST_PAGE = 21,
    CAUSE_VIRTUAL_INSN = 22,
    CAUSE_STORE_GUEST_PAGE = 23,
};

#ifdef __riscv

#define axvm_csr_read(csr)                                                                                                     \
    __extension__({                                                                                                            \
        uint64_t csr_val;                                                                                                      \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_val) : "i"(csr) : "memory");                                                 \
        csr_val;                                                                                                               \
    })

#define axvm_csr_write(csr, val)                                                                                               \
    do {                                                                                                                       \
        __asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"((uint64_t)(val)) : "memory");                                        \
    } while (0)

#define axvm_csr_swap(csr, val)                                                                                                \
    __extension__({                                                                                                            \
        uint64_t csr_val;                                                                                                      \
        __asm__ volatile("csrrw %0, %1, %2" : "=r"(csr_val) : "i"(csr), "rK"((uint64_t)(val)) : "memory");                     \
        csr_val;                                                                                                               \
    })

#define axvm_csr_set(csr, val)                                                                                                 \
    do {                                                                                                                       \
        __asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"((uint64_t)(val)) : "memory");                                        \
    } while (0)

#define axvm_csr_clear(csr, val)                                                                                               \
    do {                                                                                                                       \
        __asm__ volatile("csrc %0, %1" : : "i"(csr), "rK"((uint64_t)(val)) : "memory");                                        \
    } while (0)

#else

/* Native unit tests have registers of their own. */
uint64_t axvm_test_csr_read(unsigned int csr);
void axvm_test_csr_write(unsigned int csr, uint64_t val);
#define axvm_csr_read(csr) axvm_test_csr_read(csr)
#define axvm_csr_write(csr, val) axvm_test_csr_write(csr, val)
#define axvm_csr_swap(csr, val)                                                                                                \
    __extension__({                                                                                                            \
        uint64_t csr_val = axvm_test_csr_read(csr);                                                                            \
        axvm_test_csr_write(csr, val);                                                                                         \
        csr_val;                                                                                                               \
    })
#define axvm_csr_set(csr, val) axvm_test_csr_write(csr, axvm_test_csr_read(csr) | (val))
#define axvm_csr_clear(csr, val) axvm_test_csr_write(csr, axvm_test_csr_read(csr) & ~(val))

#endif
#endif
