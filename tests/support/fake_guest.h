/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest on the fake CPU can do. A guest is a fake_guest_fn: it is called on each entry, calls some of these, and returns
 * what the last one returned. A fast tier is in each, as in a real backend: what it could answer there comes back as
 * AXVM_TRAP_RESUME, and the guest is just entered again.
 *
 *     static int guest(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
 *     {
 *         int *step = arg;
 *         switch ((*step)++) {
 *         case 0: return fake_guest_write(vcpu, UART_DR, 4, 'A');
 *         case 1: return fake_guest_off(vcpu, exit);
 *         }
 *         return AXVM_TRAP_IDLE;
 *     }
 *     fake_guest_set(vm, 0, guest, &step);
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include "arch.h"
#include "fake_arch.h"

/* What vCPU @id runs, from its next entry on. */
void fake_guest_set(struct axvm *vm, unsigned int id, fake_guest_fn guest, void *arg);

/* A load or store of @size bytes; @count elements for the _many ones. What a load gets is in vcpu->arch.loaded[] on the next
 * entry, or vcpu->arch.mmio_refused has gone up. */
int fake_guest_read(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size);
int fake_guest_write(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size, uint64_t val);
int fake_guest_access(struct axvm_vcpu *vcpu, enum axvm_bus_space space, uint64_t addr, unsigned int size, unsigned int count,
                      bool write, const uint64_t *vals);
/* A load by an instruction that needs @more accesses after the first, each behind the one before; it gets their sum. */
int fake_guest_read_more(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size, uint8_t more);

/* Touch RAM: a stage-2 fault, unless it is mapped. */
int fake_guest_touch(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot);

/* Run until this CPU gets an interrupt (a kick). */
int fake_guest_spin(struct axvm_vcpu *vcpu);

/* The pending interrupt with the lowest number, which is now taken and done with; UINT32_MAX: none. */
uint32_t fake_guest_take_irq(struct axvm_vcpu *vcpu);

/* Firmware calls. */
int fake_guest_off(struct axvm_vcpu *vcpu, struct axvm_exit *exit); /* the machine */
int fake_guest_reset(struct axvm_vcpu *vcpu, struct axvm_exit *exit);
int fake_guest_cpu_off(struct axvm_vcpu *vcpu);
/* The result is in @rc. */
int fake_guest_cpu_on(struct axvm_vcpu *vcpu, struct axvm_exit *exit, unsigned int target, uint64_t entry, int *rc);
/* The answer is in vcpu->arch.gpr[0] on the next entry. */
int fake_guest_hypercall(struct axvm_vcpu *vcpu, struct axvm_exit *exit, uint64_t nr);

#endif
