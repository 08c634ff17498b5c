/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the VMX half offer each other. */
#ifndef AXVM_X86_64_VMX_H
#define AXVM_X86_64_VMX_H

#include "exit.h"
#include "s2_hw.h"
#include "vmcs.h"
#include "vmx_caps.h"

#define VMX_HOST_SEGS 4u /* ES, DS, FS, GS */

/* As SGDT and SIDT store them. */
struct axvm_vmx_table {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/* The host's registers that VM exits load, as the VMCS has them; and what VM exits destroy. */
struct axvm_vmx_host {
    struct axvm_vmx_table gdtr, idtr;
    uint64_t gdtr_base, idtr_base; /* in the VMCS */
    uint64_t cr0, cr3, cr4;
    uint64_t fs_base, gs_base, tr_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint16_t tr, ldtr, cs, ss;
    uint16_t seg[VMX_HOST_SEGS];
    bool odd_seg; /* one of these cannot be in the VMCS */
    bool long_tr; /* its limit is not the one that VM exits leave */
    uint64_t debugctl;
};

/* MSRs that no field of the VMCS holds: exchanged with each host-tier entry; the first four if the guest has SYSCALL enabled.
 */
enum axvm_vmx_msr { VMX_STAR, VMX_LSTAR, VMX_CSTAR, VMX_SFMASK, VMX_SYSCALL_MSRS, VMX_KERNEL_GS = VMX_SYSCALL_MSRS, VMX_MSRS };

/* What the way a local APIC is served was chosen for: it stays as long as these. */
struct axvm_vmx_choice {
    const struct axvm_vmx_caps *caps;
    uint32_t changes; /* of the local APIC */
    bool page;        /* APIC-access page */
};

/* Of a vCPU; vcpu->arch.vmx, with the page after it for the virtual APIC. The VMCS is active only while the vCPU is loaded. */
struct axvm_vmx {
    void *vmcs;
    uint64_t vmcs_pa, own_pa;
    const struct axvm_vmx_caps *caps; /* of the CPU where it is loaded */
    uint64_t eptp;
    uint32_t cpu, entry, exceptions; /* controls, as the VMCS has them */
    uint32_t cpu2, apicv;            /* secondary ones: those that stay, and those of vmx_apicv.c */
    uint16_t virtual_irqs;           /* as it was when the local APIC was returned last */
    uint64_t eoi_exits[AXVM_LAPIC_WORDS];
    struct axvm_vmx_choice chosen_for;
    bool vectors_shown; /* ISR and IRR of the page are copies */
    uint32_t shown;     /* .changes of the local APIC, as its registers on the virtual-APIC page are */
    uint8_t tpr;        /* there, as we know it */
    uint16_t vpid;
    uint8_t tpr_threshold;
    bool made;           /* the VMCS has been filled in */
    uint64_t refused_at; /* vmx_fail.c */
    uint64_t efer, dr6, tsc_offset;
    uint64_t timer_ns; /* deadline of the preemption timer in hal->time_ns(); AXVM_TIME_NEVER */
    uint64_t look_tsc; /* .deaf: when to look for the host's interrupts; 0: not set */
    bool syscall;      /* EFER.SCE: the MSRs of SYSCALL are in the CPU, or will be */
    uint64_t msr[VMX_MSRS], host_msr[VMX_MSRS];
    const struct axvm_cpu *host_cpu; /* whose PAT and EFER are in it */
    struct axvm_vmx_host host;
};

/* Of a CPU; cpu->arch.vmx. */
struct axvm_vmx_cpu {
    struct axvm_vmx_caps caps;
    void *region;
    uint64_t region_pa;
    uint64_t old_cr0, old_cr4;
};

#define VMX_PAGE_ORDER 0

static inline struct axvm_vmx *axvm_vmx_of(const struct axvm_vcpu *vcpu)
{
    return vcpu->arch.vmx;
}

/* The virtual-APIC page: "Virtual APIC State". Offsets on it. */
#define VMX_VAPIC_TPR 0x80u
#define VMX_VAPIC_PPR 0xa0u
#define VMX_VAPIC_EOI 0xb0u
#define VMX_VAPIC_SVR 0xf0u
#define VMX_VAPIC_ICR_LOW 0x300u
#define VMX_VAPIC_SELF_IPI 0x3f0u
static inline void *axvm_vmx_vapic(struct axvm_vmx *vmx)
{
    return (uint8_t *)vmx + AXVM_PAGE_SIZE;
}

/* The CPU writes there while the guest runs. */
static inline uint32_t axvm_vmx_vapic_read(struct axvm_vmx *vmx, uint32_t off)
{
    return *(const volatile uint32_t *)((const uint8_t *)axvm_vmx_vapic(vmx) + off);
}

static inline uint8_t axvm_vmx_tpr(struct axvm_vmx *vmx)
{
    return (uint8_t)axvm_vmx_vapic_read(vmx, VMX_VAPIC_TPR);
}

/* ---- the current VMCS. Fields exist, so these do not fail ---- */

static inline uint64_t axvm_vmread(uint64_t field)
{
    uint64_t val;

    __asm__ volatile("vmread %1, %0" : "=r"(val) : "r"(field) : "cc");
    return val;
}

static inline void axvm_vmwrite(uint64_t field, uint64_t val)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(val) : "cc", "memory");
}

/* "INVEPT—Invalidate Translations Derived from EPT", "INVVPID—Invalidate Translations Based on VPID": all of them. */
static inline void axvm_invept(uint64_t type, uint64_t eptp)
{
    const uint64_t desc[2] = { eptp, 0 };

    __asm__ volatile("invept %0, %1" : : "m"(desc), "r"(type) : "cc", "memory");
}

static inline void axvm_invvpid_all(void)
{
    const uint64_t desc[2] = { 0, 0 };

    __asm__ volatile("invvpid %0, %1" : : "m"(desc), "r"((uint64_t)2) : "cc", "memory");
}

static inline const struct axvm_vmx_cpu *axvm_vmx_cpu_of(const struct axvm_cpu *cpu)
{
    return cpu->arch.vmx;
}

/* vmx_vmcs.c: the VMCS is current */
/* All fields but those of registers. */
void axvm_vmx_vmcs_init(struct axvm_vcpu *vcpu);
/* vcpu->arch.sys, to and from. */
void axvm_vmx_vmcs_set_sys(struct axvm_vcpu *vcpu);
void axvm_vmx_vmcs_get_sys(struct axvm_vcpu *vcpu);

/* vmx_host.c: what of the host VM exits change */
void axvm_vmx_host_take(struct axvm_cpu *cpu, struct axvm_vmx *vmx);
void axvm_vmx_host_give_back(struct axvm_vmx *vmx);
/* EFER.SCE of the loaded guest changes. */
void axvm_vmx_set_syscall(struct axvm_vmx *vmx, bool on);

/* vmx_switch.c */
void axvm_vmx_relaunch(struct axvm_vcpu *vcpu);

/* vmx_timer.c */
void axvm_vmx_wind_up(struct axvm_vcpu *vcpu);
/* The last thing before an entry. */
static inline void axvm_vmx_mode_in(struct axvm_vcpu *vcpu)
{
    axvm_x86_mode_in(vcpu);
    if (vcpu->arch.timer_tsc != AXVM_TIME_NEVER)
        axvm_vmx_wind_up(vcpu);
}

/* vmx_apicv.c */
void axvm_vmx_apicv_init(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_vmx_exit_eoi(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_vmx_exit_apic_write(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_vmx_exit_apic_access(struct axvm_vcpu *vcpu);
void axvm_vmx_tpr_changed(struct axvm_vcpu *vcpu, uint8_t tpr);

/* vmx_apic_page.c */
int axvm_vmx_apic_page_init(struct axvm *vm);
void axvm_vmx_apic_page_fini(struct axvm *vm);
/* No vCPU runs. It may fail: they do without. */
void axvm_vmx_apic_page_map(struct axvm *vm);
/* For good: a vCPU is about to run that could access it as memory. Interrupts are off, no lock is held; not in a guest. */
void axvm_vmx_apic_page_unmap(struct axvm *vm);
static inline bool axvm_vmx_apic_page_is_mapped(struct axvm *vm)
{
    return atomic_load_explicit(&vm->arch.apic_page_mapped, memory_order_relaxed) != 0;
}

/* vmx_fail.c */
int axvm_vmx_exit_failed(struct axvm_vcpu *vcpu, uint32_t reason);

/* vmx_exit.c: the event whose delivery the exit interrupted comes again. */
void axvm_vmx_redeliver(struct axvm_vcpu *vcpu);

/* vmx_task.c */
enum axvm_trap_kind axvm_vmx_exit_task_switch(struct axvm_vcpu *vcpu);

/* vmx_entry.S */
int axvm_vmx_enter(struct axvm_vcpu *vcpu);
extern const char axvm_vmx_exit_rip[]; /* where VM exits go */
/* vmx_exit.c, vmx_fail.c; called by it: enum axvm_trap_kind, or one of these. The last: VMLAUNCH or VMRESUME came back. */
#define VMX_ALL_REGISTERS 0x100
#define VMX_RELAUNCH 0x101 /* out, and in again: the VMCS has been cleared */
int axvm_vmx_exit(struct axvm_vcpu *vcpu);
int axvm_vmx_exit_all(struct axvm_vcpu *vcpu);
int axvm_vmx_not_entered(struct axvm_vcpu *vcpu);

#endif
