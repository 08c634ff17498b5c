/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers of what brings a guest to EL2; entry.S calls them. They run on the host's stack with the guest's state loaded. */
#ifndef AXVM_AARCH64_EXIT_H
#define AXVM_AARCH64_EXIT_H

#include "vm_priv.h"

/* All return an enum axvm_trap_kind: AXVM_TRAP_RESUME lets the guest go on. */
uint64_t axvm_exit_sync(struct axvm_vcpu *vcpu, uint64_t esr);
uint64_t axvm_exit_irq(struct axvm_vcpu *vcpu, uint64_t esr);
uint64_t axvm_exit_fiq(struct axvm_vcpu *vcpu, uint64_t esr);
uint64_t axvm_exit_serror(struct axvm_vcpu *vcpu, uint64_t esr);

/* Data aborts: the device that was accessed last, if it is one of the fast tier, in mmio_fast.c; everything else in abort.c. */
uint64_t axvm_exit_dabt(struct axvm_vcpu *vcpu, uint64_t esr);
uint64_t axvm_exit_dabt_slow(struct axvm_vcpu *vcpu, uint64_t esr);
/* Instruction aborts. */
uint64_t axvm_exit_iabt(struct axvm_vcpu *vcpu, uint64_t esr);

#endif
