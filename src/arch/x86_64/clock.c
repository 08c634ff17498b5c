/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's TSC: the host's, with one offset for the VM, and what a vCPU has moved its own by. */
#include "cpu.h"
#include "exit.h"
#include "ticks.h"
#include "vlapic.h"

static uint64_t vm_tsc(const struct axvm *vm)
{
    return axvm_rdtsc() + vm->arch.tsc_offset;
}

uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu)
{
    return vm_tsc(vcpu->vm) + vcpu->arch.tsc_moved;
}

/* Rounded up: an interrupt must not come before its time. */
uint64_t axvm_x86_tsc_to_ns(struct axvm *vm, uint64_t tsc)
{
    const struct axvm_hal *hal = &vm->hal;
    uint64_t now = hal->time_ns(hal->ctx);
    int64_t left = (int64_t)(tsc - vm_tsc(vm));
    uint64_t ns;

    if (left <= 0) {
        ns = axvm_ticks_to_ns((uint64_t)0 - (uint64_t)left, vm->arch.tsc_hz);
        return ns > now ? 0 : now - ns;
    }
    ns = axvm_ticks_to_ns((uint64_t)left, vm->arch.tsc_hz);
    return ns >= AXVM_TIME_NEVER - now - 1 ? AXVM_TIME_NEVER : now + ns + 1;
}

void axvm_x86_tsc_move(struct axvm_vcpu *vcpu, uint64_t delta)
{
    vcpu->arch.tsc_moved += delta;
    axvm_x86_hw(vcpu, set_tsc_offset, vcpu->vm->arch.tsc_offset + vcpu->arch.tsc_moved);
    axvm_vlapic_tsc_moved(vcpu);
    axvm_x86_pv_tsc_moved(vcpu);
}

void axvm_arch_clock_stop(struct axvm *vm)
{
    vm->arch.paused_at = vm_tsc(vm);
    if (vm->arch.vintc)
        axvm_vintc_clock_stop(vm);
}

/* The offset is loaded with the vCPU. */
void axvm_arch_clock_start(struct axvm *vm)
{
    vm->arch.tsc_offset = vm->arch.paused_at - axvm_rdtsc();
    if (vm->arch.vintc)
        axvm_vintc_clock_start(vm);
}
