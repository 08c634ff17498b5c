/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's paravirtual clock and its account of stolen time, for VMs with AXVM_VM_PV_CLOCK: structures in guest memory whose
 * addresses the guest has put into MSRs. Linux documentation, "KVM-specific MSRs".
 */
#ifndef AXVM_X86_PVCLOCK_H
#define AXVM_X86_PVCLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct axvm_vcpu;

/* What is to be written into guest memory: struct axvm_pv.stale. */
#define AXVM_PV_CLOCK (1u << 0)
#define AXVM_PV_WALL (1u << 1)
#define AXVM_PV_STEAL (1u << 2)

struct axvm_pv {
    uint32_t stale;    /* AXVM_PV_*; AXVM_WORK_PV while not 0 */
    uint32_t version;  /* of whatever is written; even */
    uint64_t steal_ns; /* it could have run, and did not */
    uint64_t left_ns;  /* it stands since */
    bool preempted;    /* because of a host interrupt */
};

/* ns = ((ticks << shift) * mul) >> 32, for negative @shift shifted right. @hz: 250 MHz to 8 GHz to within 1 in 2^31, others
 * less. */
void axvm_pv_scale(uint64_t hz, uint32_t *mul, int8_t *shift);

/* The guest has written one of the MSRs, or its TSC has been moved. */
void axvm_x86_pv_written(struct axvm_vcpu *vcpu, uint32_t msr);
void axvm_x86_pv_tsc_moved(struct axvm_vcpu *vcpu);
/* Before an entry with AXVM_WORK_PV; interrupts are off. */
void axvm_x86_pv_update(struct axvm_vcpu *vcpu);
/* Around each stay in the host tier, if the guest wants to know. */
void axvm_x86_pv_enter(struct axvm_vcpu *vcpu);
void axvm_x86_pv_leave(struct axvm_vcpu *vcpu, bool host_irq);

#endif
