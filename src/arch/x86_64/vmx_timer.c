/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's timer in the VMX-preemption timer: it counts down with the TSC while the guest runs, and exits at 0, so that
 * neither the host's timer nor a host interrupt is needed. It has to be set with each entry, as it stands still in between.
 * Intel SDM vol. 3C, "VMX-Preemption Timer".
 *
 * Bochs 2.7 masks the host's interrupts when a guest is entered with RFLAGS.IF clear, until the guest changes that: it could
 * keep a CPU for itself. There the timer exits often enough for the host, and what it interrupts with is looked for then.
 */
#include "cpu.h"
#include "vmx.h"

#define NS_PER_S UINT64_C(1000000000)
/* Deadlines further away are looked at again by then. */
#define FARTHEST_NS (100 * NS_PER_S)
#define DEAF_HZ 1000u

/* Rounded up: it must not come before its time. */
static uint64_t ns_to_ticks(uint64_t ns, uint64_t hz)
{
    return ns / NS_PER_S * hz + (ns % NS_PER_S * hz + NS_PER_S - 1) / NS_PER_S;
}

bool axvm_vmx_set_timer(struct axvm_vcpu *vcpu, uint64_t deadline_ns)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint64_t now;

    if (!vmx->caps->timer)
        return false;
    if (deadline_ns == vmx->timer_ns)
        return true;
    vmx->timer_ns = deadline_ns;
    if (deadline_ns == AXVM_TIME_NEVER && !vmx->caps->deaf) {
        vcpu->arch.timer_tsc = AXVM_TIME_NEVER;
        axvm_vmwrite(VMCS_TIMER, UINT32_MAX);
        return true;
    }
    now = hal->time_ns(hal->ctx);
    vcpu->arch.timer_tsc = axvm_rdtsc();
    if (deadline_ns > now)
        vcpu->arch.timer_tsc += ns_to_ticks(axvm_min(deadline_ns - now, FARTHEST_NS), vcpu->vm->arch.tsc_hz);
    return true;
}

/* From the first entry with RFLAGS.IF clear on, however often the guest exits before: that is no look at the host's interrupts.
 */
static uint64_t until_look(struct axvm_vcpu *vcpu, uint64_t now)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (vmx->look_tsc == 0)
        vmx->look_tsc = now + vcpu->vm->arch.tsc_hz / DEAF_HZ;
    return vmx->look_tsc > now ? vmx->look_tsc - now : 0;
}

void axvm_vmx_wind_up(struct axvm_vcpu *vcpu)
{
    const struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint64_t now = axvm_rdtsc(), left = 0;

    if (vcpu->arch.timer_tsc > now)
        left = ((vcpu->arch.timer_tsc - now) >> vmx->caps->timer_shift) + 1;
    if (__builtin_expect(vmx->caps->deaf, 0) && (vcpu->arch.rflags & RFLAGS_IF) == 0)
        left = axvm_min(left, until_look(vcpu, now) >> vmx->caps->timer_shift);
    axvm_vmwrite(VMCS_TIMER, axvm_min(left, UINT32_MAX));
}
