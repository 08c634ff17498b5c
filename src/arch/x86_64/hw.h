/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SVM and VMX each provide, and the branch between them. All of it on the CPU where the vCPU is loaded, interrupts off,
 * unless said otherwise. regs.h has the register accessors.
 */
#ifndef AXVM_X86_64_HW_H
#define AXVM_X86_64_HW_H

#include "arch.h"
#include "cr.h"

struct axvm_x86_cpu_config;

/* Every vendor function V is axvm_svm_V and axvm_vmx_V. */
#define AXVM_X86_VENDOR_API(v)                                                                                                 \
    /* ---- a physical CPU ---- */                                                                                             \
    /* Has it SVM (VMX), with all that this library needs of it, and has nobody else switched it on? CPUID and MSRs only. */   \
    bool axvm_##v##_present(void);                                                                                             \
    unsigned int axvm_##v##_vmid_bits(void);                                                                                   \
    void axvm_##v##_geometry(struct axvm_s2_geometry *geo); /* format, hpa_bits, max_block_level */                            \
    int axvm_##v##_cpu_enable(struct axvm_cpu *cpu, const struct axvm_x86_cpu_config *cfg);                                    \
    void axvm_##v##_cpu_disable(struct axvm_cpu *cpu);                                                                         \
    /* ---- a VM, a vCPU; host context ---- */                                                                                 \
    int axvm_##v##_vm_init(struct axvm *vm);                                                                                   \
    void axvm_##v##_vm_fini(struct axvm *vm);                                                                                  \
    int axvm_##v##_vcpu_init(struct axvm_vcpu *vcpu);                                                                          \
    void axvm_##v##_vcpu_fini(struct axvm_vcpu *vcpu);                                                                         \
    /* ---- the world switch: from the host tier, into the guest, and back when the fast tier cannot go on. In between the     \
     * vCPU is loaded; its RIP etc. are in struct axvm_arch_vcpu ---- */                                                                  \
    enum axvm_trap_kind axvm_##v##_visit(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);                                        \
    /* The registers of a vCPU that is not loaded, into .sys: for dumps. Host context; for VMX as of when it came out with     \
     * AXVM_TRAP_EXIT. */                                                                                                      \
    void axvm_##v##_fetch_sys(struct axvm_vcpu *vcpu);                                                                         \
    /* ---- events; loaded. And those in regs.h ---- */                                                                        \
    /* Exit as soon as the guest could take a maskable interrupt: RFLAGS.IF and no shadow. */                                  \
    void axvm_##v##_irq_window(struct axvm_vcpu *vcpu, bool on);                                                               \
    /* NMIs: is one being handled? May one be injected now? If not, exit as soon as it may. */                                 \
    bool axvm_##v##_nmi_blocked(struct axvm_vcpu *vcpu);                                                                       \
    bool axvm_##v##_nmi_allowed(struct axvm_vcpu *vcpu);                                                                       \
    void axvm_##v##_nmi_window(struct axvm_vcpu *vcpu, bool on);                                                               \
    /* CR8 as the guest sees it without an exit, which exits when it falls below @threshold (0: none). */                      \
    void axvm_##v##_set_cr8(struct axvm_vcpu *vcpu, uint8_t cr8, uint8_t threshold);                                           \
    /* ---- interception; loaded ---- */                                                                                       \
    /* The guest's FP registers are (not) in the CPU: without them CR0.TS is set in hardware and #NM exits. */                 \
    void axvm_##v##_fp_access(struct axvm_vcpu *vcpu, bool on);                                                                \
    /* The same for debug registers. */                                                                                        \
    void axvm_##v##_dr_access(struct axvm_vcpu *vcpu, bool on);                                                                \
    void axvm_##v##_set_tsc_offset(struct axvm_vcpu *vcpu, uint64_t offset);                                                   \
    /* An MSR that is a register of the guest's CPU and exits all the same; @val is one it can hold. AXVM_ERR_GUEST: not       \
     * known. */                                                                                                               \
    int axvm_##v##_read_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val);                                              \
    int axvm_##v##_write_msr(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val);                                              \
    /* CR3 was loaded with PAE paging on: what the CPU keeps of it in registers, if it does. */                                \
    void axvm_##v##_set_pdptes(struct axvm_vcpu *vcpu, const uint64_t pdpte[4]);                                               \
    /* All that this CPU has cached of the guest's translations, linear or guest-physical, goes before it is entered again. */ \
    void axvm_##v##_flush(struct axvm_vcpu *vcpu)

AXVM_X86_VENDOR_API(svm);
AXVM_X86_VENDOR_API(vmx);

/* VMX only: exit at @deadline_ns of hal->time_ns(), AXVM_TIME_NEVER: not. False: this CPU has no timer for it, the host's is to
 * be used, as with SVM. */
bool axvm_vmx_set_timer(struct axvm_vcpu *vcpu, uint64_t deadline_ns);
/* VMX only, vmx_apicv.c: what the CPU does for the local APIC, which is .lapic_cpu. True: it delivers interrupts. Loaded. */
bool axvm_vmx_choose_lapic(struct axvm_vcpu *vcpu);
static inline bool axvm_vmx_lend_lapic(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    return !(v->lapic_plain && v->lapic_plain_for == v->lapic.changes) && axvm_vmx_choose_lapic(vcpu);
}
void axvm_vmx_take_lapic_back(struct axvm_vcpu *vcpu);
static inline void axvm_vmx_return_lapic(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.lapic_cpu != 0)
        axvm_vmx_take_lapic_back(vcpu);
}
/* Lent: what has been posted goes on to the CPU. As axvm_vlapic_pending(); but only an ExtINT has to be injected. */
int axvm_vmx_refresh_lapic(struct axvm_vcpu *vcpu);
/* Shown: how it is now. */
void axvm_vmx_show_lapic(struct axvm_vcpu *vcpu);
/* No vCPU runs. */
void axvm_vmx_vm_reset(struct axvm *vm);

static inline bool axvm_x86_is_svm(const struct axvm_vcpu *vcpu)
{
    return vcpu->arch.vendor == AXVM_X86_SVM;
}

/* axvm_x86_hw(vcpu, inject, event) */
#define axvm_x86_hw0(vcpu, f) (axvm_x86_is_svm(vcpu) ? axvm_svm_##f(vcpu) : axvm_vmx_##f(vcpu))
#define axvm_x86_hw(vcpu, f, ...) (axvm_x86_is_svm(vcpu) ? axvm_svm_##f(vcpu, __VA_ARGS__) : axvm_vmx_##f(vcpu, __VA_ARGS__))

#endif
