/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer of guests: the hardware's, where there is Sstc (vstimecmp, with htimedelta as the VM's one offset), else VSTIP is
 * ours to set, and the host's timer to be armed while the guest runs.
 */
#include "bits.h"
#include "hs.h"
#include "ticks.h"

uint64_t axvm_guest_time(const struct axvm *vm)
{
    return axvm_csr_read(CSR_TIME) + vm->arch.htimedelta;
}

/* A deadline of the guest in hal->time_ns(). */
static uint64_t deadline_ns(const struct axvm *vm, uint64_t now, uint64_t deadline)
{
    const struct axvm_hal *hal = &vm->hal;
    uint64_t host_now = hal->time_ns(hal->ctx), ns;

    if (now >= deadline)
        return host_now;
    /* One tick more: rounding must not wake it before its time. */
    ns = axvm_ticks_to_ns(deadline - now, vm->arch.timebase_hz);
    ns = ns == AXVM_TIME_NEVER ? ns : ns + 1;
    return ns > AXVM_TIME_NEVER - host_now ? AXVM_TIME_NEVER : host_now + ns;
}

void axvm_timer_update(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t now;

    if (!vcpu->arch.timer_armed)
        return;
    now = axvm_guest_time(vcpu->vm);
    if (now >= vcpu->arch.vs.vstimecmp)
        axvm_csr_set(CSR_HVIP, IRQ_VST);
    else if (hal->timer_set)
        hal->timer_set(hal->ctx, deadline_ns(vcpu->vm, now, vcpu->arch.vs.vstimecmp));
}

bool axvm_timer_fired(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;

    /* If the guest has it already, it was for the host, or for both. */
    if (!vcpu->arch.timer_armed || !hal->timer_set || (axvm_csr_read(CSR_HVIP) & IRQ_VST) ||
        axvm_guest_time(vcpu->vm) < vcpu->arch.vs.vstimecmp)
        return false;
    axvm_csr_set(CSR_HVIP, IRQ_VST);
    hal->timer_set(hal->ctx, AXVM_TIME_NEVER);
    return true;
}

void axvm_timer_set(struct axvm_vcpu *vcpu, uint64_t deadline)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    v->vs.vstimecmp = deadline;
    if (vcpu->vm->arch.sstc) {
        axvm_csr_write(CSR_VSTIMECMP, deadline);
        return;
    }
    axvm_csr_clear(CSR_HVIP, IRQ_VST);
    v->timer_armed = deadline != UINT64_MAX;
    axvm_timer_update(vcpu);
}

static bool armed(const struct axvm_vcpu *vcpu)
{
    return vcpu->vm->arch.sstc || vcpu->arch.timer_armed;
}

bool axvm_timer_due(struct axvm_vcpu *vcpu)
{
    return armed(vcpu) && axvm_guest_time(vcpu->vm) >= vcpu->arch.vs.vstimecmp;
}

uint64_t axvm_timer_deadline(struct axvm_vcpu *vcpu)
{
    if (!armed(vcpu) || (vcpu->arch.vs.hie & IRQ_VST) == 0 || vcpu->arch.vs.vstimecmp == UINT64_MAX)
        return AXVM_TIME_NEVER;
    return deadline_ns(vcpu->vm, axvm_guest_time(vcpu->vm), vcpu->arch.vs.vstimecmp);
}
