/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the SVM half offer each other. */
#ifndef AXVM_X86_64_SVM_H
#define AXVM_X86_64_SVM_H

#include "exit.h"

/* CPUID 0x8000000a EDX: APM vol. 3, "Function 8000_000Ah—SVM Features". */
#define SVM_FEATURE_NP AXVM_BIT(0)
#define SVM_FEATURE_NRIPS AXVM_BIT(3)
#define SVM_FEATURE_CLEAN AXVM_BIT(5)
#define SVM_FEATURE_FLUSH_BY_ASID AXVM_BIT(6)
#define SVM_FEATURE_DECODE_ASSISTS AXVM_BIT(7)
#define SVM_FEATURE_PAUSE_FILTER AXVM_BIT(10)
#define SVM_FEATURE_PAUSE_THRESHOLD AXVM_BIT(12)
#define SVM_FEATURE_VNMI AXVM_BIT(25)

/* svm_entry.S */
enum axvm_trap_kind axvm_svm_enter(struct axvm_vcpu *vcpu);
/* svm_exit.c; called by it */
#define SVM_ALL_REGISTERS 0x100
int axvm_svm_exit(struct axvm_vcpu *vcpu, struct axvm_vmcb *b);
int axvm_svm_exit_all(struct axvm_vcpu *vcpu);
int axvm_svm_enter_again(struct axvm_vcpu *vcpu);

/* svm_vmcb.c: pure */
/* A VMCB that lets a guest do nothing but what it may. @features: SVM_FEATURE_* */
void axvm_svm_vmcb_init(struct axvm_vmcb *b, uint32_t features, bool yield_on_pause);
/* Registers in and out. */
void axvm_svm_vmcb_set_sys(struct axvm_vmcb *b, const struct axvm_x86_sys *sys);
void axvm_svm_vmcb_get_sys(const struct axvm_vmcb *b, struct axvm_x86_sys *sys);
/* The bit pair of @msr in a permission map of 8 KiB: read, then write; -1: it has none, and always exits. */
int axvm_svm_msrpm_bit(uint32_t msr);
/* What of EXITINTINFO has to be delivered again: 0 if the instruction does it by being run again. */
uint64_t axvm_svm_redelivery(uint64_t exitintinfo);

/* svm_nmi.c */
#define DR6_BS AXVM_BIT(14)
#define DR6_HITS (AXVM_BITS(3, 0) | AXVM_BIT(13))
enum axvm_trap_kind axvm_svm_exit_iret(struct axvm_vcpu *vcpu);
void axvm_svm_nmi_injected(struct axvm_vcpu *vcpu);
void axvm_svm_step_over(struct axvm_vcpu *vcpu);
bool axvm_svm_stepped(struct axvm_vcpu *vcpu);

/* svm_df.c */
void axvm_svm_df_injected(struct axvm_vcpu *vcpu);
void axvm_svm_df_over(struct axvm_vcpu *vcpu);

static inline bool axvm_svm_has(const struct axvm_vcpu *vcpu, uint32_t feature)
{
    return (vcpu->arch.cpu->arch.svm_features & feature) != 0;
}

#endif
