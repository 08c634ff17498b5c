/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake CPU's knobs, and what tests see of it. For hosts that test their integration: AXVM_ARCH=fake. */
#ifndef FAKE_ARCH_H
#define FAKE_ARCH_H

#include <stdatomic.h>
#include <stdint.h>

#include "vm_priv.h"

/* What kind of CPU it is; set before axvm_cpu_enable(). Zero is the default in brackets. */
struct fake_arch {
    unsigned int gpa_bits;  /* most there are [40] */
    unsigned int vmid_bits; /* [8] */
    bool no_vmids;          /* there are none at all */
    int cpu_enable_error;   /* what the next calls return instead of working */
    int vm_init_error;
    int vcpu_init_error;
    fake_guest_fn guest; /* of vCPUs that have none of their own */
    void *guest_arg;
    void (*reading)(struct axvm_vcpu *vcpu); /* called while its registers are read */
    void (*waiting)(struct axvm_vcpu *vcpu); /* called when it is asked when its timers fire: it is about to sleep */
    /* what was seen */
    _Atomic unsigned int s2_flushes, s2_syncs, tlb_flushes, cache_syncs, publishes;
    _Atomic uint64_t last_flush_gpa, last_flush_len;
};
extern struct fake_arch fake_arch;

/* Back to the defaults; between tests. */
void fake_arch_reset(void);

#endif
