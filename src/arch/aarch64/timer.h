/* SPDX-License-Identifier: BSD-2-Clause */
/* The generic timer of guests: the EL1 virtual timer is the hardware's, with one offset per VM; the EL1 physical timer is
 * emulated, and counts as the virtual one does, so that a guest sees one clock. */
#ifndef AXVM_AARCH64_TIMER_H
#define AXVM_AARCH64_TIMER_H

#include "vm_priv.h"

#define AXVM_VTIMER_PPI 27u
#define AXVM_PTIMER_PPI 30u

void axvm_timer_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
/* The virtual timer cannot fire on this CPU any more. */
void axvm_timer_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
void axvm_timer_reset(struct axvm_vcpu *vcpu);

/* Loaded: the host's clock may have passed the emulated timer's deadline. */
void axvm_ptimer_update(struct axvm_vcpu *vcpu);

/* Trapped registers of the emulated timer. Loaded. */
enum axvm_ptimer_reg { AXVM_PTIMER_CTL, AXVM_PTIMER_CVAL, AXVM_PTIMER_TVAL, AXVM_PTIMER_COUNT };
uint64_t axvm_ptimer_read(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg);
void axvm_ptimer_write(struct axvm_vcpu *vcpu, enum axvm_ptimer_reg reg, uint64_t val);

/* Not loaded: is one of its timers due, and would its interrupt be signalled? When does the next one fire? */
bool axvm_timer_due(struct axvm_vcpu *vcpu);
uint64_t axvm_timer_deadline(struct axvm_vcpu *vcpu);

#endif
