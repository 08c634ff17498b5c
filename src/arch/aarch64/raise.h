/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving the guest an exception, in the fast tier ("live": its EL1 registers are in the CPU) or in the host tier (in memory). */
#ifndef AXVM_AARCH64_RAISE_H
#define AXVM_AARCH64_RAISE_H

#include "esr.h"
#include "vm_priv.h"

void axvm_raise_undef_live(struct axvm_vcpu *vcpu);
/* @esr: the syndrome at EL2, which tells data from instruction aborts and reads from writes. */
void axvm_raise_abort_live(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, enum axvm_fsc fsc);

void axvm_raise_undef(struct axvm_vcpu *vcpu);
void axvm_raise_abort(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, enum axvm_fsc fsc);

#endif
