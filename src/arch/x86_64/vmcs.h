/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and numbers of the virtual-machine control structure. Intel SDM vol. 3D, appendix B "Field Encoding in VMCS"; vol. 3C,
 * "Virtual-Machine Control Structures", whose headings are cited below. */
#ifndef AXVM_X86_64_VMCS_H
#define AXVM_X86_64_VMCS_H

#include "bits.h"

/* Fields. Those of segment n, in the order of instruction encodings, are + 2 * n. */
#define VMCS_VPID 0x0000
#define VMCS_GUEST_ES 0x0800
#define VMCS_GUEST_VIRTUAL_IRQS 0x0810
#define VMCS_HOST_ES 0x0c00
#define VMCS_HOST_CS 0x0c02
#define VMCS_HOST_SS 0x0c04
#define VMCS_HOST_DS 0x0c06
#define VMCS_HOST_FS 0x0c08
#define VMCS_HOST_GS 0x0c0a
#define VMCS_HOST_TR 0x0c0c
#define VMCS_IO_BITMAP_A 0x2000
#define VMCS_IO_BITMAP_B 0x2002
#define VMCS_MSR_BITMAP 0x2004
#define VMCS_TSC_OFFSET 0x2010
#define VMCS_VIRTUAL_APIC 0x2012
#define VMCS_APIC_ACCESS 0x2014
#define VMCS_EPTP 0x201a
#define VMCS_EOI_EXITS 0x201c /* four of them, + 2 each */
#define VMCS_ENCLS_BITMAP 0x202e
#define VMCS_GPA 0x2400
#define VMCS_LINK 0x2800
#define VMCS_GUEST_DEBUGCTL 0x2802
#define VMCS_GUEST_PAT 0x2804
#define VMCS_GUEST_EFER 0x2806
#define VMCS_GUEST_PDPTE0 0x280a
#define VMCS_HOST_PAT 0x2c00
#define VMCS_HOST_EFER 0x2c02
#define VMCS_PIN_CONTROLS 0x4000
#define VMCS_CPU_CONTROLS 0x4002
#define VMCS_EXCEPTIONS 0x4004
#define VMCS_PF_ERROR_MASK 0x4006
#define VMCS_PF_ERROR_MATCH 0x4008
#define VMCS_CR3_TARGETS 0x400a
#define VMCS_EXIT_CONTROLS 0x400c
#define VMCS_EXIT_MSR_STORE_COUNT 0x400e
#define VMCS_EXIT_MSR_LOAD_COUNT 0x4010
#define VMCS_ENTRY_CONTROLS 0x4012
#define VMCS_ENTRY_MSR_LOAD_COUNT 0x4014
#define VMCS_ENTRY_EVENT 0x4016
#define VMCS_ENTRY_ERROR 0x4018
#define VMCS_ENTRY_INSN_LEN 0x401a
#define VMCS_TPR_THRESHOLD 0x401c
#define VMCS_CPU_CONTROLS2 0x401e
#define VMCS_PLE_GAP 0x4020
#define VMCS_PLE_WINDOW 0x4022
#define VMCS_INSN_ERROR 0x4400
#define VMCS_EXIT_REASON 0x4402
#define VMCS_EXIT_EVENT 0x4404
#define VMCS_EXIT_EVENT_ERROR 0x4406
#define VMCS_IDT_EVENT 0x4408
#define VMCS_IDT_EVENT_ERROR 0x440a
#define VMCS_EXIT_INSN_LEN 0x440c
#define VMCS_GUEST_ES_LIMIT 0x4800
#define VMCS_GUEST_GDTR_LIMIT 0x4810
#define VMCS_GUEST_IDTR_LIMIT 0x4812
#define VMCS_GUEST_ES_ATTR 0x4814
#define VMCS_GUEST_CS_ATTR 0x4816
#define VMCS_GUEST_SS_ATTR 0x4818
#define VMCS_BLOCKING 0x4824 /* "Guest Non-Register State": interruptibility */
#define VMCS_ACTIVITY 0x4826
#define VMCS_GUEST_SYSENTER_CS 0x482a
#define VMCS_TIMER 0x482e /* "VMX-preemption timer" */
#define VMCS_HOST_SYSENTER_CS 0x4c00
#define VMCS_CR0_MASK 0x6000
#define VMCS_CR4_MASK 0x6002
#define VMCS_CR0_SHADOW 0x6004
#define VMCS_CR4_SHADOW 0x6006
#define VMCS_QUALIFICATION 0x6400
#define VMCS_GUEST_CR0 0x6800
#define VMCS_GUEST_CR3 0x6802
#define VMCS_GUEST_CR4 0x6804
#define VMCS_GUEST_ES_BASE 0x6806
#define VMCS_GUEST_GDTR_BASE 0x6816
#define VMCS_GUEST_IDTR_BASE 0x6818
#define VMCS_GUEST_DR7 0x681a
#define VMCS_GUEST_RSP 0x681c
#define VMCS_GUEST_RIP 0x681e
#define VMCS_GUEST_RFLAGS 0x6820
#define VMCS_GUEST_PENDING_DB 0x6822
#define VMCS_GUEST_SYSENTER_ESP 0x6824
#define VMCS_GUEST_SYSENTER_EIP 0x6826
#define VMCS_HOST_CR0 0x6c00
#define VMCS_HOST_CR3 0x6c02
#define VMCS_HOST_CR4 0x6c04
#define VMCS_HOST_FS_BASE 0x6c06
#define VMCS_HOST_GS_BASE 0x6c08
#define VMCS_HOST_TR_BASE 0x6c0a
#define VMCS_HOST_GDTR_BASE 0x6c0c
#define VMCS_HOST_IDTR_BASE 0x6c0e
#define VMCS_HOST_SYSENTER_ESP 0x6c10
#define VMCS_HOST_SYSENTER_EIP 0x6c12
#define VMCS_HOST_RSP 0x6c14
#define VMCS_HOST_RIP 0x6c16

/* "Pin-Based VM-Execution Controls" */
#define PIN_EXTERNAL AXVM_BIT(0)
#define PIN_NMI AXVM_BIT(3)
#define PIN_VIRTUAL_NMI AXVM_BIT(5)
#define PIN_TIMER AXVM_BIT(6)
/* "Processor-Based VM-Execution Controls" */
#define CPU_IRQ_WINDOW AXVM_BIT(2)
#define CPU_TSC_OFFSET AXVM_BIT(3)
#define CPU_HLT AXVM_BIT(7)
#define CPU_INVLPG AXVM_BIT(9)
#define CPU_MWAIT AXVM_BIT(10)
#define CPU_RDPMC AXVM_BIT(11)
#define CPU_RDTSC AXVM_BIT(12)
#define CPU_CR3_LOAD AXVM_BIT(15)
#define CPU_CR3_STORE AXVM_BIT(16)
#define CPU_CR8_LOAD AXVM_BIT(19)
#define CPU_CR8_STORE AXVM_BIT(20)
#define CPU_TPR_SHADOW AXVM_BIT(21)
#define CPU_NMI_WINDOW AXVM_BIT(22)
#define CPU_MOV_DR AXVM_BIT(23)
#define CPU_IO_BITMAPS AXVM_BIT(25)
#define CPU_MSR_BITMAPS AXVM_BIT(28)
#define CPU_MONITOR AXVM_BIT(29)
#define CPU_PAUSE AXVM_BIT(30)
#define CPU_SECONDARY AXVM_BIT(31)
/* "Secondary": the second half of them */
#define CPU2_APIC_ACCESSES AXVM_BIT(0) /* "Virtualize APIC accesses" */
#define CPU2_EPT AXVM_BIT(1)
#define CPU2_RDTSCP AXVM_BIT(3)
#define CPU2_X2APIC AXVM_BIT(4) /* "Virtualize x2APIC mode" */
#define CPU2_VPID AXVM_BIT(5)
#define CPU2_WBINVD AXVM_BIT(6)
#define CPU2_UNRESTRICTED AXVM_BIT(7)
#define CPU2_APIC_REGISTERS AXVM_BIT(8)  /* "APIC-register virtualization" */
#define CPU2_VIRTUAL_IRQS AXVM_BIT(9)    /* "Virtual-interrupt delivery" */
#define CPU2_PAUSE_LOOP AXVM_BIT(10)
#define CPU2_INVPCID AXVM_BIT(12)
#define CPU2_ENCLS AXVM_BIT(15)
/* "VM-Exit Controls" */
#define EXIT_SAVE_DEBUG AXVM_BIT(2)
#define EXIT_HOST_64 AXVM_BIT(9)
#define EXIT_LOAD_PAT AXVM_BIT(19)
#define EXIT_LOAD_EFER AXVM_BIT(21)
/* "VM-Entry Controls" */
#define ENTRY_LOAD_DEBUG AXVM_BIT(2)
#define ENTRY_LONG_MODE AXVM_BIT(9)
#define ENTRY_LOAD_PAT AXVM_BIT(14)
#define ENTRY_LOAD_EFER AXVM_BIT(15)

/* VMCS_GUEST_VIRTUAL_IRQS: "Guest Interrupt Status" */
#define VIRTUAL_IRQ_PENDING AXVM_BITS(7, 0) /* RVI: the highest in IRR */
#define VIRTUAL_IRQ_SERVED AXVM_BITS(15, 8) /* SVI: the highest in ISR */

/* VMCS_BLOCKING */
#define BLOCKING_STI AXVM_BIT(0)
#define BLOCKING_MOV_SS AXVM_BIT(1)
#define BLOCKING_NMI AXVM_BIT(3)

/* VMCS_GUEST_PENDING_DB */
#define PENDING_DB_HITS AXVM_BITS(3, 0)
#define PENDING_DB_ENABLED AXVM_BIT(12) /* of a breakpoint that is */
#define PENDING_DB_BS AXVM_BIT(14)

/* Access rights of a segment: "Guest Register State" */
#define ATTR_LOW AXVM_BITS(7, 0)
#define ATTR_HIGH AXVM_BITS(15, 12) /* AVL, L, D/B, G */
#define ATTR_UNUSABLE AXVM_BIT(16)

/* VMCS_ENTRY_EVENT, VMCS_EXIT_EVENT, VMCS_IDT_EVENT; the types are enum axvm_event_type */
#define EVENT_INFO AXVM_BITS(11, 0)      /* vector, type, error code is valid */
#define EVENT_NMI_UNBLOCKED AXVM_BIT(12) /* of an exit: an IRET that had unblocked NMIs faulted */

#ifndef __ASSEMBLER__
/* Appendix C "VMX Basic Exit Reasons" */
enum vmx_exit_reason {
    VMX_EXCEPTION_NMI = 0,
    VMX_EXTERNAL = 1,
    VMX_TRIPLE_FAULT = 2,
    VMX_INIT = 3,
    VMX_SIPI = 4,
    VMX_IRQ_WINDOW = 7,
    VMX_NMI_WINDOW = 8,
    VMX_TASK_SWITCH = 9,
    VMX_CPUID = 10,
    VMX_GETSEC = 11,
    VMX_HLT = 12,
    VMX_INVD = 13,
    VMX_RDPMC = 15,
    VMX_VMCALL = 18,
    VMX_VMCLEAR = 19,
    VMX_VMXON = 27,
    VMX_CR = 28,
    VMX_DR = 29,
    VMX_IO = 30,
    VMX_RDMSR = 31,
    VMX_WRMSR = 32,
    VMX_BAD_GUEST_STATE = 33,
    VMX_BAD_MSR_LOAD = 34,
    VMX_MWAIT = 36,
    VMX_MONITOR = 39,
    VMX_PAUSE = 40,
    VMX_BAD_MACHINE_CHECK = 41,
    VMX_TPR_BELOW = 43,
    VMX_APIC_ACCESS = 44,
    VMX_EOI = 45,
    VMX_EPT_VIOLATION = 48,
    VMX_EPT_MISCONFIG = 49,
    VMX_INVEPT = 50,
    VMX_RDTSCP = 51,
    VMX_TIMER = 52,
    VMX_INVVPID = 53,
    VMX_WBINVD = 54,
    VMX_XSETBV = 55,
    VMX_APIC_WRITE = 56,
    VMX_INVPCID = 58,
    VMX_VMFUNC = 59,
    VMX_XSAVES = 63,
    VMX_XRSTORS = 64,
};
#endif
#define EXIT_REASON_BASIC AXVM_BITS(15, 0)
#define EXIT_REASON_FAILED AXVM_BIT(31) /* the guest was not entered */

/* VMCS_QUALIFICATION. "Exit Qualification for I/O Instructions" */
#define QUAL_IO_SIZE AXVM_BITS(2, 0) /* less one */
#define QUAL_IO_IN AXVM_BIT(3)
#define QUAL_IO_STRING AXVM_BIT(4)
#define QUAL_IO_REP AXVM_BIT(5)
#define QUAL_IO_PORT AXVM_BITS(31, 16)
/* "... for Control-Register Accesses" */
#define QUAL_CR_NUMBER AXVM_BITS(3, 0)
#define QUAL_CR_TYPE AXVM_BITS(5, 4)
#define QUAL_CR_GPR AXVM_BITS(11, 8)
#define QUAL_CR_MSW AXVM_BITS(31, 16)
#ifndef __ASSEMBLER__
enum { QUAL_CR_WRITE, QUAL_CR_READ, QUAL_CR_CLTS, QUAL_CR_LMSW };
#endif
/* "... for EPT Violations" */
#define QUAL_EPT_READ AXVM_BIT(0)
#define QUAL_EPT_WRITE AXVM_BIT(1)
#define QUAL_EPT_FETCH AXVM_BIT(2)
#define QUAL_EPT_LINEAR AXVM_BIT(7)     /* there is a linear address: the next bit means something */
#define QUAL_EPT_TRANSLATED AXVM_BIT(8) /* of the access itself, not of the walk to it */
#define QUAL_EPT_NMI_UNBLOCKED AXVM_BIT(12)
/* "... for APIC-Access VM Exits", "... APIC-Write VM Exits", "EOI Virtualization" */
#define QUAL_APIC_OFFSET AXVM_BITS(11, 0)
#define QUAL_APIC_TYPE AXVM_BITS(15, 12)
#define QUAL_EOI_VECTOR AXVM_BITS(7, 0)
#ifndef __ASSEMBLER__
enum { QUAL_APIC_FETCH = 2 };
#endif
/* "... for Debug Exceptions": as DR6 has them */
#define QUAL_DB AXVM_BITS(15, 0)

/* EPTP, "Extended-Page-Table Pointer" */
#define EPTP_WB 6u
#define EPTP_LEVELS(n) (((n)-1u) << 3)

#endif
