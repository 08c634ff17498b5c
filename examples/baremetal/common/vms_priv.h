/* SPDX-License-Identifier: BSD-2-Clause */
/* vms.c makes VMs, vcpu.c runs them, vm_end.c ends them. */
#ifndef VMS_PRIV_H
#define VMS_PRIV_H

#include <axvm/axvm.h>

#include "console.h"
#include "lib.h"
#include "sched.h"

/* Why a VM has ended. */
enum outcome { OUTCOME_NONE, OUTCOME_OFF, OUTCOME_RESET, OUTCOME_FAILED };

struct vcpu {
    struct thread thread;
    struct vm *vm;
    struct axvm_vcpu *axvm; /* a reference */
    unsigned int id;
    uint32_t unclaimed; /* accesses that nobody answered */
};

struct vm {
    struct axvm *axvm;
    unsigned int index;
    struct vcpu *vcpus;
    unsigned int vcpu_count;
    struct spinlock lock; /* guards what follows */
    enum outcome outcome;
    char reason[80];
    unsigned int left; /* vCPUs that were told that the VM has ended */
    _Atomic uint32_t boots;
};

extern struct vm vms[MAX_VMS];
extern unsigned int vm_count;
/* VMs that have not ended for good. */
extern _Atomic uint32_t vms_alive;
/* Free pages before the first VM was made, without the stacks of vCPU threads. */
extern uint64_t pages_at_start;

/* vcpu.c: what a vCPU's thread does, for ever. */
void vcpu_main(void *arg);

/* vm_end.c */
/* Note why @vm ends; the first reason counts. */
void vm_ends(struct vm *vm, enum outcome outcome, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The calling vCPU was told that its VM stops. Comes back when it runs again, if ever. */
void vm_leave(struct vcpu *vcpu);
/* The board's testdev.c: an access that nobody has answered. True: it is one to a test device, and done. */
bool test_device(struct vcpu *vcpu, const struct axvm_exit *exit);
/* vms.c */
void vms_release_irqs(const struct vm *vm);

#endif
