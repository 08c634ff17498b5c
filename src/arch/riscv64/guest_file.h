/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest interrupt files of the hardware's IMSICs. */
#ifndef AXVM_RISCV64_GUEST_FILE_H
#define AXVM_RISCV64_GUEST_FILE_H

#include "vm_priv.h"

struct axvm_riscv64_cpu_config;

/* On the CPU, interrupts off. */
void axvm_guest_files_enable(struct axvm_arch_cpu *h, const struct axvm_riscv64_cpu_config *r);
void axvm_guest_files_disable(struct axvm_arch_cpu *h);
/* The supervisor guest external interrupt of this CPU: always ours. */
bool axvm_guest_files_irq(struct axvm_cpu *cpu);

/* Give @vcpu one, if it can have one: vcpu->arch.file. Its VM's IMSICs are there. Host context. */
void axvm_guest_file_get(struct axvm_vcpu *vcpu);
void axvm_guest_file_put(struct axvm_vcpu *vcpu);

/* @vcpu has one. */
void axvm_guest_file_send(struct axvm_vcpu *vcpu, uint32_t id); /* any context */
void axvm_guest_file_load(struct axvm_vcpu *vcpu);              /* it is being loaded */
/* Is anything signalled? Also sees to it that the host's thread is woken when something will be. Not loaded; any CPU. */
bool axvm_guest_file_pending(struct axvm_vcpu *vcpu);

#endif
