/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Double faults of a guest. Whose handler for #DF cannot be called ends by SVM_SHUTDOWN: "Shutdown Intercept". But Bochs' CPUs
 * have no such intercept, and the machine would end instead. So #DF exits, too, and while one is delivered so does what comes
 * of a handler that is not there, which axvm_x86_merge_events() makes a triple fault of.
 */
#include "svm.h"

#define OF_DELIVERY (1u << X86_TS | 1u << X86_NP | 1u << X86_SS | 1u << X86_GP | 1u << X86_PF)

void axvm_svm_df_injected(struct axvm_vcpu *vcpu)
{
    vcpu->arch.vmcb->exceptions |= OF_DELIVERY;
    vcpu->arch.vmcb->clean &= ~CLEAN_INTERCEPTS;
    vcpu->arch.work |= AXVM_WORK_DF;
}

/* With the next exit; its handler may have begun. */
void axvm_svm_df_over(struct axvm_vcpu *vcpu)
{
    vcpu->arch.vmcb->exceptions &= ~OF_DELIVERY;
    vcpu->arch.vmcb->clean &= ~CLEAN_INTERCEPTS;
    vcpu->arch.work &= ~AXVM_WORK_DF;
}
