/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-hosted debug of guests. All accesses to debug registers trap and work on struct axvm_debug_regs; the hardware has the
 * guest's values only while the guest has debugging enabled, and the host's otherwise.
 */
#ifndef AXVM_AARCH64_DEBUG_H
#define AXVM_AARCH64_DEBUG_H

#include "bits.h"
#include "vm_priv.h"

#define MDSCR_SS AXVM_BIT(0)
#define MDSCR_TDCC AXVM_BIT(12)
#define MDSCR_KDE AXVM_BIT(13)
#define MDSCR_MDE AXVM_BIT(15)
/* What guests have of MDSCR_EL1: HDE is for debuggers outside, the rest for saving what this CPU has not. */
#define MDSCR_GUEST (MDSCR_SS | MDSCR_TDCC | MDSCR_KDE | MDSCR_MDE)

/* Can the guest get a debug exception other than that of a breakpoint instruction? */
static inline bool axvm_debug_wanted(const struct axvm_debug_regs *d)
{
    return (d->mdscr & (MDSCR_MDE | MDSCR_SS)) != 0 && d->os_unlocked != 0 && d->osdlr == 0;
}

/* Put the guest's values into the hardware, keeping the host's; once loaded, those that have changed. Interrupts off. */
void axvm_debug_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
/* Loaded: put the host's back. */
void axvm_debug_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);

#endif
