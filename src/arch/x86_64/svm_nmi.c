/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs of a guest. With vNMI the CPU keeps count of them; without, we do: from the injection on they are blocked until the
 * guest has executed an IRET, which is intercepted. The intercept comes before the instruction; whether it has been executed is
 * seen by RIP. If another NMI waits at that point, or one waits in the shadow of MOV SS, the guest makes one step with
 * RFLAGS.TF set. (A guest that pushes its flags in that step, or whose IRET faults then, sees TF.) If one waits because
 * something else is being injected, which would push TF, an interrupt of the host's own brings us back before the first
 * instruction of that.
 */
#include "arch.h"
#include "svm.h"

static void intercept_iret(struct axvm_vmcb *b, bool on)
{
    b->misc1 = on ? b->misc1 | VMCB_I1_IRET : b->misc1 & ~VMCB_I1_IRET;
    b->clean &= ~CLEAN_INTERCEPTS;
}

void axvm_svm_nmi_injected(struct axvm_vcpu *vcpu)
{
    if (axvm_svm_has(vcpu, SVM_FEATURE_VNMI))
        return;
    vcpu->arch.nmi_state = AXVM_NMI_BLOCKED;
    intercept_iret(vcpu->arch.vmcb, true);
}

bool axvm_svm_nmi_blocked(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (axvm_svm_has(vcpu, SVM_FEATURE_VNMI))
        return (v->vmcb->int_ctl & VMCB_V_NMI_MASK) != 0;
    if (v->nmi_state == AXVM_NMI_AT_IRET && v->rip != v->nmi_iret_rip)
        v->nmi_state = AXVM_NMI_OPEN;
    return v->nmi_state != AXVM_NMI_OPEN;
}

bool axvm_svm_nmi_allowed(struct axvm_vcpu *vcpu)
{
    if (axvm_svm_has(vcpu, SVM_FEATURE_VNMI) && (vcpu->arch.vmcb->int_ctl & VMCB_V_NMI))
        return false;
    return !axvm_svm_nmi_blocked(vcpu) && !axvm_svm_int_shadow(vcpu);
}

static void exit_soon(const struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;

    hal->kick_cpu(hal->ctx, hal->pcpu_id(hal->ctx));
}

static void step(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->work & AXVM_WORK_STEP)
        return;
    v->nmi_flags = v->rflags & RFLAGS_TF;
    axvm_x86_set_rflags(vcpu, v->rflags | RFLAGS_TF);
    v->work |= AXVM_WORK_STEP;
}

/* vNMI: the CPU delivers it as soon as it may. */
void axvm_svm_nmi_window(struct axvm_vcpu *vcpu, bool on)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (!on)
        return;
    if (axvm_svm_has(vcpu, SVM_FEATURE_VNMI)) {
        if (atomic_exchange(&v->nmi, 0))
            v->vmcb->int_ctl |= VMCB_V_NMI;
        v->vmcb->clean &= ~CLEAN_TPR;
    } else if (v->nmi_state != AXVM_NMI_BLOCKED) {
        if (v->vmcb->eventinj & EVENT_VALID)
            exit_soon(vcpu);
        else
            step(vcpu);
    }
}

enum axvm_trap_kind axvm_svm_exit_iret(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    intercept_iret(v->vmcb, false);
    v->nmi_state = AXVM_NMI_AT_IRET;
    v->nmi_iret_rip = v->rip;
    v->work |= AXVM_WORK_NMI;
    return AXVM_TRAP_RESUME;
}

static bool iret_done(const struct axvm_arch_vcpu *v)
{
    return v->nmi_state == AXVM_NMI_AT_IRET && v->rip != v->nmi_iret_rip;
}

/* An exit during our step. IRET has brought the guest's own flags along; other instructions have kept ours; an exception or an
 * interrupt has cleared them. */
void axvm_svm_step_over(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (!iret_done(v) && v->nmi_flags == 0)
        axvm_x86_set_rflags(vcpu, v->rflags & ~RFLAGS_TF);
    v->work = (v->work & ~AXVM_WORK_STEP) | AXVM_WORK_NMI;
    v->stepped = v->vmcb->exitcode == SVM_EXCEPTION + X86_DB;
}

/* #DB: because of our step, and of nothing the guest has asked for? Bochs exits before it has set DR6.BS; after an IRET there
 * is nothing else that it could be. */
bool axvm_svm_stepped(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;
    bool step = (b->dr6 & DR6_BS) != 0 || (iret_done(v) && (b->dr6 & DR6_HITS) == 0);
    bool ours = v->stepped && v->nmi_flags == 0 && step;

    v->stepped = false;
    if (!ours)
        return false;
    b->dr6 &= ~DR6_BS;
    b->clean &= ~CLEAN_DR;
    return (b->dr6 & DR6_HITS) == 0;
}
