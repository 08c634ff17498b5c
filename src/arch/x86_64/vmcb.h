/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual machine control block. AMD APM vol. 2 (24593), appendix B "VMCB Layout", and "Secure Virtual Machine". */
#ifndef AXVM_X86_64_VMCB_H
#define AXVM_X86_64_VMCB_H

#include "bits.h"

/* Offsets that svm_entry.S uses. */
#define VMCB_EXITINTINFO 0x88
#define VMCB_RFLAGS 0x570
#define VMCB_RIP 0x578
#define VMCB_RSP 0x5d8
#define VMCB_RAX 0x5f8

/* int_ctl */
#define VMCB_V_TPR AXVM_BITS(7, 0)
#define VMCB_V_IRQ AXVM_BIT(8)
#define VMCB_V_NMI AXVM_BIT(11)      /* with V_NMI_ENABLE: one is pending */
#define VMCB_V_NMI_MASK AXVM_BIT(12) /* and: they are blocked until IRET */
#define VMCB_V_INTR_PRIO AXVM_BITS(19, 16)
#define VMCB_V_IGN_TPR AXVM_BIT(20)
#define VMCB_V_INTR_MASKING AXVM_BIT(24)
#define VMCB_V_NMI_ENABLE AXVM_BIT(26)
#define VMCB_V_INTR_VECTOR AXVM_BITS(39, 32)

#define VMCB_INT_SHADOW AXVM_BIT(0) /* int_state */

#ifndef __ASSEMBLER__
enum vmcb_tlb_control { TLB_KEEP = 0, TLB_FLUSH_ALL = 1, TLB_FLUSH_ASID = 3 };
#endif

/* exceptions, and numbers of intercepts beyond: misc1 is 0x60.., misc2 0x80.., misc3 0xa0.. of the exit codes */
#define VMCB_I1_INTR AXVM_BIT(0)
#define VMCB_I1_NMI AXVM_BIT(1)
#define VMCB_I1_SMI AXVM_BIT(2)
#define VMCB_I1_INIT AXVM_BIT(3)
#define VMCB_I1_VINTR AXVM_BIT(4)
#define VMCB_I1_CR0_SEL_WRITE AXVM_BIT(5)
#define VMCB_I1_RDPMC AXVM_BIT(15)
#define VMCB_I1_CPUID AXVM_BIT(18)
#define VMCB_I1_IRET AXVM_BIT(20)
#define VMCB_I1_INVD AXVM_BIT(22)
#define VMCB_I1_PAUSE AXVM_BIT(23)
#define VMCB_I1_HLT AXVM_BIT(24)
#define VMCB_I1_INVLPGA AXVM_BIT(26)
#define VMCB_I1_IOIO AXVM_BIT(27)
#define VMCB_I1_MSR AXVM_BIT(28)
#define VMCB_I1_FERR_FREEZE AXVM_BIT(30)
#define VMCB_I1_SHUTDOWN AXVM_BIT(31)
#define VMCB_I2_VMRUN AXVM_BIT(0)
#define VMCB_I2_VMMCALL AXVM_BIT(1)
#define VMCB_I2_VMLOAD AXVM_BIT(2)
#define VMCB_I2_VMSAVE AXVM_BIT(3)
#define VMCB_I2_STGI AXVM_BIT(4)
#define VMCB_I2_CLGI AXVM_BIT(5)
#define VMCB_I2_SKINIT AXVM_BIT(6)
#define VMCB_I2_RDTSCP AXVM_BIT(7)
#define VMCB_I2_ICEBP AXVM_BIT(8)
#define VMCB_I2_WBINVD AXVM_BIT(9)
#define VMCB_I2_MONITOR AXVM_BIT(10)
#define VMCB_I2_MWAIT AXVM_BIT(11)
#define VMCB_I2_MWAIT_ARMED AXVM_BIT(12)
#define VMCB_I2_XSETBV AXVM_BIT(13)
#define VMCB_I2_RDPRU AXVM_BIT(14)
#define VMCB_I3_INVLPGB AXVM_BIT(0)
#define VMCB_I3_ILLEGAL_INVLPGB AXVM_BIT(1)
#define VMCB_I3_MCOMMIT AXVM_BIT(3)
#define VMCB_I3_TLBSYNC AXVM_BIT(4)

#ifndef __ASSEMBLER__
enum svm_exit_code {
    SVM_CR_READ = 0x00,   /* + n */
    SVM_CR_WRITE = 0x10,  /* + n */
    SVM_DR_READ = 0x20,   /* + n */
    SVM_DR_WRITE = 0x30,  /* + n */
    SVM_EXCEPTION = 0x40, /* + vector */
    SVM_INTR = 0x60,
    SVM_NMI = 0x61,
    SVM_SMI = 0x62,
    SVM_INIT = 0x63,
    SVM_VINTR = 0x64,
    SVM_CR0_SEL_WRITE = 0x65,
    SVM_RDPMC = 0x6f,
    SVM_CPUID = 0x72,
    SVM_IRET = 0x74,
    SVM_INVD = 0x76,
    SVM_PAUSE = 0x77,
    SVM_HLT = 0x78,
    SVM_INVLPGA = 0x7a,
    SVM_IOIO = 0x7b,
    SVM_MSR = 0x7c,
    SVM_FERR_FREEZE = 0x7e,
    SVM_SHUTDOWN = 0x7f,
    SVM_VMRUN = 0x80,
    SVM_VMMCALL = 0x81,
    SVM_VMLOAD = 0x82,
    SVM_VMSAVE = 0x83,
    SVM_STGI = 0x84,
    SVM_CLGI = 0x85,
    SVM_SKINIT = 0x86,
    SVM_RDTSCP = 0x87,
    SVM_ICEBP = 0x88,
    SVM_WBINVD = 0x89,
    SVM_MONITOR = 0x8a,
    SVM_MWAIT = 0x8b,
    SVM_MWAIT_ARMED = 0x8c,
    SVM_XSETBV = 0x8d,
    SVM_RDPRU = 0x8e,
    SVM_INVLPGB = 0xa0,
    SVM_ILLEGAL_INVLPGB = 0xa1,
    SVM_MCOMMIT = 0xa3,
    SVM_TLBSYNC = 0xa4,
    SVM_NPF = 0x400,
};
#endif
#define SVM_INVALID 0xffffffffu /* the CPU refused to enter; the upper half is ones, too, or not (QEMU) */

/* exitinfo1 of SVM_IOIO: "IN/OUT Intercept Information". exitinfo2 is the next instruction's rIP. */
#define IOIO_IN AXVM_BIT(0)
#define IOIO_STR AXVM_BIT(2)
#define IOIO_REP AXVM_BIT(3)
#define IOIO_SIZE AXVM_BITS(6, 4) /* the size in bytes: 1, 2, 4 */
#define IOIO_PORT AXVM_BITS(31, 16)

/* exitinfo1 of SVM_NPF: "Nested versus Guest Page Faults, Fault Ordering". exitinfo2 is the guest-physical address. */
#define NPF_PRESENT AXVM_BIT(0)
#define NPF_WRITE AXVM_BIT(1)
#define NPF_FETCH AXVM_BIT(4)
#define NPF_WALK AXVM_BIT(33) /* on an access to the guest's own page tables */

/* clean: what the CPU may still have from the last VMRUN of this VMCB here. "VMCB Clean Bits". */
#define CLEAN_INTERCEPTS AXVM_BIT(0) /* also TSC offset and pause filter */
#define CLEAN_IOPM AXVM_BIT(1)
#define CLEAN_ASID AXVM_BIT(2)
#define CLEAN_TPR AXVM_BIT(3)
#define CLEAN_NP AXVM_BIT(4) /* nCR3, gPAT */
#define CLEAN_CR AXVM_BIT(5) /* CR0, CR3, CR4, EFER */
#define CLEAN_DR AXVM_BIT(6)
#define CLEAN_DT AXVM_BIT(7)
#define CLEAN_SEG AXVM_BIT(8) /* and CPL */
#define CLEAN_CR2 AXVM_BIT(9)
#define CLEAN_LBR AXVM_BIT(10)
#define CLEAN_ALL AXVM_BITS(10, 0)

#ifndef __ASSEMBLER__

#include <stddef.h>

#include "cr.h"
#include "seg.h"

struct axvm_vmcb {
    uint16_t cr_read, cr_write; /* intercepts, by register */
    uint16_t dr_read, dr_write;
    uint32_t exceptions, misc1, misc2, misc3;
    uint8_t reserved_018[0x3c - 0x18];
    uint16_t pause_threshold, pause_count;
    uint64_t iopm, msrpm, tsc_offset;
    uint32_t asid;
    uint32_t tlb_control;
    uint64_t int_ctl;
    uint64_t int_state;
    uint64_t exitcode, exitinfo1, exitinfo2, exitintinfo;
    uint64_t np_enable;
    uint64_t reserved_098[2];
    uint64_t eventinj;
    uint64_t ncr3;
    uint64_t lbr;
    uint64_t clean;
    uint64_t nrip;
    uint8_t insn_bytes; /* DecodeAssists */
    uint8_t insn[15];
    uint8_t reserved_0e0[0x3e0 - 0xe0];
    uint64_t guest_efer; /* "Reserved for Host": EFER as the guest sees it; axvm_vmcb_set_efer() */
    uint64_t reserved_3e8[3];

    struct axvm_x86_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved_4a0[0x4cb - 0x4a0];
    uint8_t cpl;
    uint32_t reserved_4cc;
    uint64_t efer;
    uint8_t reserved_4d8[0x548 - 0x4d8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved_580[0x5d8 - 0x580];
    uint64_t rsp, s_cet, ssp, isst_addr, rax;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t cr2;
    uint8_t reserved_648[0x668 - 0x648];
    uint64_t g_pat, dbgctl, br_from, br_to, last_excp_from, last_excp_to;
    uint8_t reserved_698[0x1000 - 0x698];
};

#define VMCB_AT(member, offset) _Static_assert(offsetof(struct axvm_vmcb, member) == (offset), "VMCB layout: " #member)
VMCB_AT(pause_threshold, 0x3c);
VMCB_AT(iopm, 0x40);
VMCB_AT(asid, 0x58);
VMCB_AT(int_ctl, 0x60);
VMCB_AT(exitcode, 0x70);
VMCB_AT(exitintinfo, VMCB_EXITINTINFO);
VMCB_AT(np_enable, 0x90);
VMCB_AT(eventinj, 0xa8);
VMCB_AT(ncr3, 0xb0);
VMCB_AT(clean, 0xc0);
VMCB_AT(nrip, 0xc8);
VMCB_AT(insn, 0xd1);
VMCB_AT(guest_efer, 0x3e0);
VMCB_AT(es, 0x400);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(dr7, 0x560);
VMCB_AT(rflags, VMCB_RFLAGS);
VMCB_AT(rip, VMCB_RIP);
VMCB_AT(rsp, VMCB_RSP);
VMCB_AT(rax, VMCB_RAX);
VMCB_AT(star, 0x600);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
_Static_assert(sizeof(struct axvm_vmcb) == 4096, "VMCB layout");

/*
 * EFER as the guest is to see it. The CPU gets it without LME until that does something, which is when LMA is set, too. SVME is
 * to be set in a VMCB. A guest with LME and neither paging nor PAE is one that QEMU (7.2: cpu_x86_update_cr0(), called by
 * #VMEXIT) does not come back from: the host would go on without paging, and VMRUN without nested paging.
 */
static inline void axvm_vmcb_set_efer(struct axvm_vmcb *b, uint64_t val)
{
    b->guest_efer = val;
    b->efer = (val & EFER_LMA ? val : val & ~EFER_LME) | EFER_SVME;
}

#endif
#endif
