/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting a guest's state into the CPU and the host's back. Interrupts are off throughout. */
#ifndef AXVM_AARCH64_SWITCH_H
#define AXVM_AARCH64_SWITCH_H

#include "vm_priv.h"

void axvm_switch_to_guest(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
void axvm_switch_to_host(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);

/* entry.S */
uint64_t axvm_guest_enter(struct axvm_vcpu *vcpu);
extern const char axvm_vectors[];
void axvm_at_s1e1r(uint64_t va);

/* EL1 registers to and from memory; el1_regs.c. @vhe: reach them by their _EL12 names. */
void axvm_el1_save(struct axvm_el1_regs *r, bool vhe);
void axvm_el1_load(const struct axvm_el1_regs *r, bool vhe);

/* FP/SIMD; fp.c. The first use after an entry traps to EL2, and then the host's registers make room. */
void axvm_fp_load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
void axvm_fp_put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);
/* fp_regs.S; FP is not trapped. */
void axvm_fp_save_regs(struct axvm_fp_regs *fp);
void axvm_fp_load_regs(const struct axvm_fp_regs *fp);
/* Room for the host's SVE state, if the CPU has SVE. */
int axvm_fp_cpu_init(struct axvm_cpu *cpu);
void axvm_fp_cpu_fini(struct axvm_cpu *cpu);

#endif
