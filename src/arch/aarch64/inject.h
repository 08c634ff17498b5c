/* SPDX-License-Identifier: BSD-2-Clause */
/* What a CPU does when it takes an exception to EL1, on a guest's saved registers. Pure logic. */
#ifndef AXVM_AARCH64_INJECT_H
#define AXVM_AARCH64_INJECT_H

#include "esr.h"
#include "vm_priv.h"

struct axvm_inject_ctx {
    uint64_t esr; /* for ESR_EL1. Of an abort, the EC for a lower EL: it is put right if the exception comes from EL1 */
    uint64_t far;
    bool has_far;
    bool has_pan, has_ssbs; /* FEAT_PAN, FEAT_SSBS: PSTATE has these bits */
};

/*
 * Uses v->pc, v->pstate, and of v->el1 vbar and sctlr; sets v->pc and v->pstate to the handler, and in v->el1 elr, spsr, esr
 * and (with has_far) far.
 */
void axvm_inject_exception(struct axvm_arch_vcpu *v, const struct axvm_inject_ctx *ctx);

/* Undefined instruction, on a CPU with the ID registers of @vm. */
void axvm_inject_undef(struct axvm_arch_vcpu *v, const struct axvm_arch_vm *vm);
/* An abort. @esr: the syndrome at EL2, which tells data from instruction aborts and reads from writes. */
void axvm_inject_abort(struct axvm_arch_vcpu *v, const struct axvm_arch_vm *vm, uint64_t esr, uint64_t far, enum axvm_fsc fsc);

#endif
