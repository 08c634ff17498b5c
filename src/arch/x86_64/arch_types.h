/* SPDX-License-Identifier: BSD-2-Clause */
/* The x86-64 part of struct axvm, axvm_vcpu and axvm_cpu. The head of struct axvm_arch_vcpu is shared with the entry code. */
#ifndef AXVM_X86_64_ARCH_TYPES_H
#define AXVM_X86_64_ARCH_TYPES_H

/* Offsets into struct axvm_arch_vcpu, which is the first member of struct axvm_vcpu. */
#define VCPU_GPR 0 /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
#define VCPU_RIP 128
#define VCPU_RFLAGS 136
#define VCPU_CR2 144
#define VCPU_VMCB 152
#define VCPU_VMCB_PA 160
#define VCPU_HOST_PA 168
#define VCPU_HOST_SP 176

#ifndef __ASSEMBLER__

#include <axvm/x86_64.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../devices/lapic.h"
#include "boot.h"
#include "cpuid.h"
#include "emul.h"
#include "msr.h"
#include "pvclock.h"
#include "seg.h"

/* HAL: pcpu_id() is below this. */
#define AXVM_MAX_PCPUS 1024

/* src/core/count.h. TSan would not understand it. */
#if !__STDC_HOSTED__
#define AXVM_ARCH_COUNT(n) __asm__("addq $1, %0" : "+m"(*(n)) : : "cc")
#endif

struct axvm_cpu;
struct axvm_exit;
struct axvm_free_page;
struct axvm_vmcb;

enum axvm_x86_gpr {
    AXVM_RAX,
    AXVM_RCX,
    AXVM_RDX,
    AXVM_RBX,
    AXVM_RSP,
    AXVM_RBP,
    AXVM_RSI,
    AXVM_RDI,
    AXVM_R8,
    AXVM_R9,
    AXVM_R10,
    AXVM_R11,
    AXVM_R12,
    AXVM_R13,
    AXVM_R14,
    AXVM_R15
};

enum axvm_x86_vendor { AXVM_X86_NONE, AXVM_X86_SVM, AXVM_X86_VMX };

/*
 * The rest of a vCPU's registers while they are in no VMCB or VMCS that could be reached: written by a reset, fetched for a
 * dump. With sys_dirty in struct axvm_arch_vcpu they are carried into it by the next load.
 */
struct axvm_x86_sys {
    struct axvm_x86_seg seg[AXVM_X86_SEGS];
    struct axvm_x86_seg gdtr, idtr; /* base and limit only */
    uint64_t cr0, cr3, cr4, efer;
    uint64_t dr6, dr7;
    uint64_t pat;
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
};

/*
 * What has to be looked at before the guest goes on: bits of axvm_arch_vcpu.work. Its own thread's, no other's: others set
 * AXVM_REQ_IRQ and what that leads to.
 */
#define AXVM_WORK_EVENT (1u << 0)   /* .event waits to be delivered */
#define AXVM_WORK_IRQ (1u << 1)     /* look at the local APIC: something it depends on may have changed */
#define AXVM_WORK_NMI (1u << 2)     /* .nmi may be set, or NMIs may have been unblocked */
#define AXVM_WORK_TIMER (1u << 3)   /* the local APIC's timer may be due, or its deadline have changed */
#define AXVM_WORK_WINDOW (1u << 4)  /* an interrupt or NMI window is open at the moment: close it when there is nothing left */
#define AXVM_WORK_DF (1u << 10)     /* SVM: the last entry injected #DF */
#define AXVM_WORK_PV (1u << 9)      /* .pv.stale: something of the paravirtual clock is to be written */
#define AXVM_WORK_FLUSHED (1u << 8) /* SVM: the last entry flushed translations */
#define AXVM_WORK_CR2 (1u << 7)     /* .cr2 goes into the hardware with .event */
#define AXVM_WORK_DONE (1u << 6)    /* the host tier has finished an instruction: see axvm_x86_instruction_done() */
#define AXVM_WORK_STEP (1u << 5)    /* RFLAGS.TF is ours: see nmi.c */

/*
 * An event on its way into the guest, in the format of SVM's EVENTINJ and EXITINTINFO (APM vol. 2, "Event Injection"), which
 * VMX's is but for the error code.
 */
#define EVENT_VECTOR AXVM_BITS(7, 0)
#define EVENT_TYPE AXVM_BITS(10, 8)
#define EVENT_HAS_ERROR AXVM_BIT(11)
#define EVENT_VALID AXVM_BIT(31)
#define EVENT_ERROR AXVM_BITS(63, 32)
enum axvm_event_type {
    EVENT_INTR = 0,
    EVENT_NMI = 2,
    EVENT_EXCEPTION = 3,
    EVENT_SOFT_INT = 4,       /* INT n. Never injected: the instruction is run again */
    EVENT_PRIV_SOFT = 5,      /* VMX: INT1 */
    EVENT_SOFT_EXCEPTION = 6, /* VMX: INT3, INTO */
    EVENT_SHUTDOWN = 7,       /* ours: there is no way on after a triple fault */
};

/* x87, SSE and beyond: an XSAVE area in pages of the HAL, large enough for all that this CPU has. */
struct axvm_x86_fpu {
    void *area;
    uint8_t order;
};

#define AXVM_NMI_MAX 2u

/* NMIs towards the guest, where the CPU does not keep count. */
enum axvm_nmi_state {
    AXVM_NMI_OPEN,
    AXVM_NMI_BLOCKED, /* one is being handled: until IRET */
    AXVM_NMI_AT_IRET, /* about to execute that IRET */
};

/* Instructions that exit and those after them, where the CPU does not tell how long they are: insn_len.c. By columns, as an
 * index into one is scaled by the CPU. */
#define AXVM_INSN_SITES 64u
struct axvm_insn_sites {
    uint64_t key[AXVM_INSN_SITES], cr3[AXVM_INSN_SITES], next[AXVM_INSN_SITES];
};

/* VMX, of a loaded vCPU: TPR, PPR, ISR and IRR of its local APIC are in the CPU's hands. */
#define AXVM_LAPIC_LENT 1u
/* In xAPIC mode the guest reads and writes a page with its registers; the CPU tells us of the writes. */
#define AXVM_LAPIC_SHOWN 2u

/* I/O APIC, PIC and the lines into them: vlapic.h. */
struct axvm_vintc;

struct axvm_arch_vcpu {
    uint64_t gpr[16];
    uint64_t rip, rflags;
    uint64_t cr2; /* VMX: in the CPU while loaded. SVM has it in the VMCB: axvm_x86_get_cr2() */
    struct axvm_vmcb *vmcb;
    uint64_t vmcb_pa;
    uint64_t host_pa; /* of the page that VMSAVE put this CPU's registers in */
    uint64_t host_sp;

    uint32_t work; /* AXVM_WORK_* */
    uint64_t event;
    struct axvm_cpu *cpu;   /* where it is loaded, NULL: nowhere */
    struct axvm_exit *exit; /* of the run that is going on */
    /* Odd while the guest may be executing, counted up on each way in and out: s2_hw.c. */
    _Atomic uint64_t mode;
    uint64_t tlb_seen; /* vm->arch.tlb_gen that its CPU has been flushed for */
    uint8_t vendor;    /* enum axvm_x86_vendor */
    uint8_t cr8;       /* what the hardware was given; AXVM_CR8_UNKNOWN */
    bool nrips;        /* SVM: the CPU says where the next instruction is */
    bool fp_loaded, dr_loaded;
    uint8_t lapic_cpu; /* AXVM_LAPIC_*: what the CPU does for .lapic: vmx_apicv.c */
    bool lapic_plain;  /* that is nothing, as long as .lapic.changes is the next */
    uint32_t lapic_plain_for;
    bool halted;         /* HLT: until an interrupt comes */
    bool nmi_held;       /* .nmi waits for the IRET of another: it wakes nobody */
    uint64_t shadow_rip; /* where the host's interrupt was taken in the shadow of STI last: event.c */
    bool osxsave;        /* CR4.OSXSAVE: XCR0 is exchanged with the host's */

    struct axvm_x86_sys sys;
    bool sys_dirty;
    bool stepped;       /* the exit that is being handled ended a step of ours */
    uint8_t nmi_state;  /* enum axvm_nmi_state */
    uint16_t port_hole; /* ports that no device has: those around the one that was found so last */
    uint32_t port_hole_len;
    uint64_t nmi_iret_rip;
    uint64_t nmi_flags; /* RFLAGS.TF as the guest has it, while AXVM_WORK_STEP */
    uint64_t cr0;       /* as the guest sees it: TS differs in the VMCB or VMCS while !fp_loaded */
    uint32_t tsc_aux;
    uint64_t xcr0;
    uint64_t tsc_moved; /* the guest has moved this vCPU's TSC by so much */
    uint64_t dr[4];
    uint64_t host_dr[4];
    uint64_t lapic_deadline; /* of the local APIC's timer, as the timer was last armed for */
    struct axvm_x86_fpu fpu;
    struct axvm_msrs msrs;
    struct axvm_pv pv;
    struct axvm_insn_sites sites;

    struct axvm_cpu *last_cpu; /* where its translations may be cached, and under which VMID */
    uint64_t last_vmid;

    _Atomic uint32_t nmi;     /* how many are pending: up to AXVM_NMI_MAX */
    _Atomic uint32_t startup; /* AXVM_STARTUP_*; INIT and SIPIs on their way: event.c */
    void *vmx;                /* the VMX part's own state, in pages of the HAL */
    uint64_t timer_tsc;       /* VMX: when the preemption timer is to fire, of the host's TSC; AXVM_TIME_NEVER: not */

    struct axvm_lapic lapic;
    struct axvm_emul emul; /* an instruction in the middle of being emulated */
};
#define AXVM_STARTUP_ON 0x400u   /* it does not wait for a SIPI */
#define AXVM_STARTUP_INIT 0x200u /* an INIT has come, which its thread is to take */
#define AXVM_STARTUP_SIPI 0x100u /* and a SIPI after that, with the vector in [7:0] */
#define AXVM_CR8_UNKNOWN 0xffu
/* The argument of axvm_arch_vcpu_reset() that means: entered by a SIPI. Otherwise it is the image's: boot.c. */
#define AXVM_X86_START_SIPI UINT64_MAX

struct axvm_arch_vm {
    struct axvm_vintc *vintc;
    struct axvm_x86_boot boot;
    struct axvm_cpuid *cpuid;
    uint64_t tsc_offset; /* one for the VM: guest's TSC = host's + it */
    uint64_t paused_at;  /* the guest's TSC while it stands */
    uint64_t tsc_hz;
    _Atomic uint64_t tlb_gen; /* s2_hw.c */
    uint8_t vendor;
    /* SVM: permission maps; all ones but for what is passed through. VMX: its bitmaps. */
    uint8_t *iopm, *msrpm;
    uint64_t iopm_pa, msrpm_pa;
    /* VMX: a page that stands for the registers of local APICs in xAPIC mode, while it is mapped: vmx_apic_page.c */
    void *apic_page;
    uint64_t apic_page_pa;
    _Atomic uint32_t apic_page_mapped;
    struct axvm_free_page *apic_page_tables; /* that mapped it: to be freed */
};

struct axvm_arch_cpu {
    uint8_t vendor; /* enum axvm_x86_vendor */
    uint32_t flags; /* AXVM_X86_* of its config */
    bool flush_all; /* before the next entry */
    bool has_xsave; /* CR4.OSXSAVE of the host is set: it may be used */
    bool has_rdtscp;
    uint64_t tsc_hz;
    uint64_t host_xcr0;
    uint32_t fpu_size;
    struct axvm_x86_fpu host_fpu;
    uint64_t timer_tsc; /* that in TSC; UINT64_MAX: none */
    uint64_t timer_ns;  /* what hal->timer_set() was last called with here; 0: unknown */
    enum axvm_x86_taken (*take_irq)(void *ctx);
    uint32_t host_tsc_aux;
    uint64_t host_dr6, host_dr7;

    /* SVM */
    void *hsave, *host_vmcb; /* for VM_HSAVE_PA; for VMSAVE */
    uint64_t hsave_pa, host_vmcb_pa;
    uint64_t old_hsave;
    bool old_svme;
    uint64_t host_xss;     /* IA32_XSS, as it was when the CPU was enabled */
    uint32_t svm_features; /* CPUID 0x8000000a EDX */
    /* VMX */
    void *vmx;
};

/* How the answer to an access gets into the guest. */
enum axvm_x86_mmio_kind { AXVM_X86_MMIO_PORT, AXVM_X86_MMIO_EMUL, AXVM_X86_MMIO_MSR };
struct axvm_arch_mmio {
    uint8_t kind;  /* enum axvm_x86_mmio_kind */
    uint64_t next; /* PORT, MSR: RIP after the instruction */
};

#define VCPU_AT(member, offset) _Static_assert(offsetof(struct axvm_arch_vcpu, member) == (offset), "entry code: " #member)
VCPU_AT(gpr, VCPU_GPR);
VCPU_AT(rip, VCPU_RIP);
VCPU_AT(rflags, VCPU_RFLAGS);
VCPU_AT(cr2, VCPU_CR2);
VCPU_AT(vmcb, VCPU_VMCB);
VCPU_AT(vmcb_pa, VCPU_VMCB_PA);
VCPU_AT(host_pa, VCPU_HOST_PA);
VCPU_AT(host_sp, VCPU_HOST_SP);

#endif /* __ASSEMBLER__ */
#endif
