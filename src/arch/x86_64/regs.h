/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's registers beyond the general ones. Only while the vCPU is loaded (in the fast tier): for SVM they are in memory,
 * for VMX in the current VMCS. axvm_arch_vcpu.gpr, rip and rflags are valid at all times.
 */
#ifndef AXVM_X86_64_REGS_H
#define AXVM_X86_64_REGS_H

#include "hw.h"
#include "rflags.h"
#include "vmcb.h"

/* VMX's part: vmx_regs.c */
enum axvm_vmx_reg {
    AXVM_VMX_CR0,
    AXVM_VMX_CR2,
    AXVM_VMX_CR3,
    AXVM_VMX_CR4,
    AXVM_VMX_EFER,
    AXVM_VMX_DR6,
    AXVM_VMX_DR7,
    AXVM_VMX_PAT,
    AXVM_VMX_CPL
};
uint64_t axvm_vmx_get_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg);
void axvm_vmx_set_reg(struct axvm_vcpu *vcpu, enum axvm_vmx_reg reg, uint64_t val);
void axvm_vmx_clear_int_shadow(struct axvm_vcpu *vcpu); /* an instruction was stepped over */
void axvm_vmx_set_cr0(struct axvm_vcpu *vcpu);          /* .cr0 has changed */
/* SVM's: .cr0 has changed */
void axvm_svm_set_cr0(struct axvm_vcpu *vcpu);
struct axvm_x86_seg axvm_vmx_get_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg);
void axvm_vmx_set_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg, struct axvm_x86_seg seg);
/* Base and limit only. */
struct axvm_x86_seg axvm_vmx_get_table(struct axvm_vcpu *vcpu, bool idt);
void axvm_vmx_set_table(struct axvm_vcpu *vcpu, bool idt, struct axvm_x86_seg seg);

static inline struct axvm_x86_seg *axvm_svm_seg(struct axvm_vmcb *b, enum axvm_x86_segreg reg)
{
    struct axvm_x86_seg *const seg[AXVM_X86_SEGS] = { &b->es, &b->cs, &b->ss, &b->ds, &b->fs, &b->gs, &b->ldtr, &b->tr };

    return seg[reg];
}

static inline struct axvm_x86_seg axvm_x86_get_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg)
{
    return axvm_x86_is_svm(vcpu) ? *axvm_svm_seg(vcpu->arch.vmcb, reg) : axvm_vmx_get_seg(vcpu, reg);
}

static inline void axvm_x86_set_seg(struct axvm_vcpu *vcpu, enum axvm_x86_segreg reg, struct axvm_x86_seg seg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    if (!axvm_x86_is_svm(vcpu)) {
        axvm_vmx_set_seg(vcpu, reg, seg);
        return;
    }
    *axvm_svm_seg(b, reg) = seg;
    b->clean &= ~CLEAN_SEG;
}

static inline struct axvm_x86_seg axvm_x86_get_gdtr(struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->gdtr : axvm_vmx_get_table(vcpu, false);
}

static inline struct axvm_x86_seg axvm_x86_get_idtr(struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->idtr : axvm_vmx_get_table(vcpu, true);
}

/* RFLAGS are changed by this alone: the entry code of SVM relies on the VMCB, that of VMX writes them with each entry. Any
 * tier. */
static inline void axvm_x86_set_rflags(struct axvm_vcpu *vcpu, uint64_t val)
{
    vcpu->arch.rflags = val;
    if (axvm_x86_is_svm(vcpu))
        vcpu->arch.vmcb->rflags = val;
}

/* Bits of CR0 that change without an exit while the guest's FP registers are loaded. SVM: "CR0 Write Intercept", selective. */
#define CR0_LAZY (CR0_TS | CR0_MP)
/* And those that stay clear in hardware whatever the guest thinks: an uncached guest is slow, and of no use to it. */
#define CR0_HIDDEN (CR0_CD | CR0_NW)

/* As the guest sees it. */
static inline uint64_t axvm_x86_get_cr0(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    if (!v->fp_loaded)
        return v->cr0;
    return (v->cr0 & ~CR0_LAZY) | ((axvm_x86_is_svm(vcpu) ? v->vmcb->cr0 : axvm_vmx_get_reg(vcpu, AXVM_VMX_CR0)) & CR0_LAZY);
}

static inline void axvm_x86_set_cr0(struct axvm_vcpu *vcpu, uint64_t val)
{
    vcpu->arch.cr0 = val;
    if (axvm_x86_is_svm(vcpu))
        axvm_svm_set_cr0(vcpu);
    else
        axvm_vmx_set_cr0(vcpu);
}

#define AXVM_X86_REG(name, member, clean_bit, vmx)                                                                             \
    static inline uint64_t axvm_x86_get_##name(struct axvm_vcpu *vcpu)                                                         \
    {                                                                                                                          \
        return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->member : axvm_vmx_get_reg(vcpu, vmx);                                  \
    }                                                                                                                          \
    static inline void axvm_x86_set_##name(struct axvm_vcpu *vcpu, uint64_t val)                                               \
    {                                                                                                                          \
        if (!axvm_x86_is_svm(vcpu)) {                                                                                          \
            axvm_vmx_set_reg(vcpu, vmx, val);                                                                                  \
            return;                                                                                                            \
        }                                                                                                                      \
        vcpu->arch.vmcb->member = val;                                                                                         \
        vcpu->arch.vmcb->clean &= ~(clean_bit);                                                                                \
    }
AXVM_X86_REG(cr3, cr3, CLEAN_CR, AXVM_VMX_CR3)
AXVM_X86_REG(cr4, cr4, CLEAN_CR, AXVM_VMX_CR4)
AXVM_X86_REG(dr6, dr6, CLEAN_DR, AXVM_VMX_DR6)
AXVM_X86_REG(dr7, dr7, CLEAN_DR, AXVM_VMX_DR7)
AXVM_X86_REG(pat, g_pat, CLEAN_NP, AXVM_VMX_PAT)

/* As the guest sees it. */
static inline uint64_t axvm_x86_get_efer(struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->guest_efer : axvm_vmx_get_reg(vcpu, AXVM_VMX_EFER);
}

static inline void axvm_x86_set_efer(struct axvm_vcpu *vcpu, uint64_t val)
{
    if (!axvm_x86_is_svm(vcpu)) {
        axvm_vmx_set_reg(vcpu, AXVM_VMX_EFER, val);
        return;
    }
    axvm_vmcb_set_efer(vcpu->arch.vmcb, val);
    vcpu->arch.vmcb->clean &= ~CLEAN_CR;
}

static inline unsigned int axvm_x86_get_cpl(struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->cpl : (unsigned int)axvm_vmx_get_reg(vcpu, AXVM_VMX_CPL);
}

static inline uint64_t axvm_x86_get_cr2(struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? vcpu->arch.vmcb->cr2 : axvm_vmx_get_reg(vcpu, AXVM_VMX_CR2);
}

static inline void axvm_x86_set_cr2(struct axvm_vcpu *vcpu, uint64_t val)
{
    if (!axvm_x86_is_svm(vcpu)) {
        axvm_vmx_set_reg(vcpu, AXVM_VMX_CR2, val);
        return;
    }
    vcpu->arch.vmcb->cr2 = val;
    vcpu->arch.vmcb->clean &= ~CLEAN_CR2;
}

/* ---- events: of the vendors' functions those that come most, and are a few stores into a VMCB ---- */

/* Is there a shadow of STI or MOV SS in which no interrupt is taken? */
bool axvm_vmx_int_shadow(struct axvm_vcpu *vcpu);
static inline bool axvm_svm_int_shadow(struct axvm_vcpu *vcpu)
{
    return (vcpu->arch.vmcb->int_state & VMCB_INT_SHADOW) != 0;
}

/* Deliver @event with the next entry. RIP is where the guest shall continue, or the faulting instruction. */
void axvm_vmx_inject(struct axvm_vcpu *vcpu, uint64_t event);
void axvm_svm_injected(struct axvm_vcpu *vcpu, uint64_t event);
static inline void axvm_svm_inject(struct axvm_vcpu *vcpu, uint64_t event)
{
    vcpu->arch.vmcb->eventinj = event;
    vcpu->arch.vmcb->int_state = 0;
    if (axvm_field(event, EVENT_TYPE) != EVENT_INTR)
        axvm_svm_injected(vcpu, event);
}

/* In 64-bit mode? CS.L means it only with EFER.LMA. */
static inline bool axvm_x86_is_64bit(struct axvm_vcpu *vcpu)
{
    return (axvm_x86_get_efer(vcpu) & EFER_LMA) != 0 && (axvm_x86_get_seg(vcpu, AXVM_X86_CS).attr & SEG_L) != 0;
}

#endif
