/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake CPU's part of struct axvm, axvm_vcpu and axvm_cpu. What tests may do with it is in fake_arch.h and fake_guest.h. */
#ifndef FAKE_ARCH_TYPES_H
#define FAKE_ARCH_TYPES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

struct axvm_vcpu;
struct axvm_exit;

/*
 * The guest: called on every entry with interrupts off, returns an enum axvm_trap_kind, for AXVM_TRAP_EXIT with @exit filled
 * in.
 */
typedef int (*fake_guest_fn)(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg);

#define FAKE_IRQS 256u /* inputs of the interrupt controller, 0..31 are private to each vCPU */
#define FAKE_PRIVATE_IRQS 32u
#define FAKE_GPRS 8u

struct axvm_arch_vcpu {
    fake_guest_fn guest;
    void *arg;
    uint64_t gpr[FAKE_GPRS];
    uint64_t entry, boot_arg;     /* of the last reset */
    _Atomic uint64_t deadline_ns; /* its timer; 0: off */
    _Atomic uint64_t pending[FAKE_IRQS / 64];
    uint64_t loaded[8]; /* what its last load got */
    /* how often */
    unsigned int resets, entries, mmio_finished, mmio_refused, faults_refused, errors_delivered;
};

struct fake_irq {
    bool claimed, edge, level, bound;
    uint32_t host_irq;
};

struct axvm_arch_vm {
    struct axvm_lock irq_lock;
    struct fake_irq irqs[FAKE_IRQS];
    bool clock_runs;
    unsigned int clock_stops;
    unsigned int resets;
};

struct axvm_arch_cpu {
    bool enabled;
    unsigned int tlb_flushes;
};

struct axvm_arch_mmio {
    bool sign_extend;
    uint8_t more; /* further accesses that the instruction needs, each behind the one before; at the end of a load what it got
                   * is the sum */
    uint64_t sum;
};

#endif
