/* SPDX-License-Identifier: BSD-2-Clause */
#include "pvclock.h"

#include <axvm/err.h>

#include "aspace.h"
#include "exit.h"
#include "ticks.h"

#define ENABLED 1u
#define CLOCK_TSC_STABLE 1u
#define S_IN_NS UINT64_C(1000000000)

/* struct pvclock_vcpu_time_info, pvclock_wall_clock and kvm_steal_time, without the version that comes at its own time */
struct clock {
    uint32_t pad0;
    uint64_t tsc_timestamp, system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags, pad[2];
} __attribute__((packed));
_Static_assert(sizeof(struct clock) == 28, "of 32");

struct wall {
    uint32_t sec, nsec;
};

/* struct kvm_steal_time, as far as it is written at once; the version in it is that of a change that is not complete. */
struct steal {
    uint64_t ns;
    uint32_t version, flags;
    uint8_t preempted, pad[3];
};
#define STEAL_SIZE (offsetof(struct steal, preempted) + 1)
#define KVM_VCPU_PREEMPTED 1u
_Static_assert(offsetof(struct steal, version) == 8 && offsetof(struct steal, preempted) == 16, "as Linux has it");

void axvm_pv_scale(uint64_t hz, uint32_t *mul, int8_t *shift)
{
    /* 2^34 * 10^9 fits into 64 bits; what it is too large by goes into the shift. */
    uint64_t m = hz != 0 ? (S_IN_NS << 34) / hz : 0;
    int8_t s = -2;

    for (; m >> 32 != 0; s++)
        m >>= 1;
    *mul = (uint32_t)m;
    *shift = s;
}

/*
 * @len bytes from @gpa + @data on, guarded by the version at @gpa + @version: odd while they change. False when the guest's
 * memory is not there (yet): it is tried again before the next entry.
 */
static bool write_guarded(struct axvm_vcpu *vcpu, uint64_t gpa, unsigned int version, unsigned int data, const void *buf,
                          size_t len)
{
    struct axvm_pv *pv = &vcpu->arch.pv;
    uint32_t odd = pv->version + 1, even = pv->version + 2;
    struct axvm *vm = vcpu->vm;

    if (axvm_aspace_write(vm, axvm_gpa(gpa + version), &odd, sizeof(odd)) != AXVM_OK ||
        axvm_aspace_write(vm, axvm_gpa(gpa + data), buf, len) != AXVM_OK ||
        axvm_aspace_write(vm, axvm_gpa(gpa + version), &even, sizeof(even)) != AXVM_OK)
        return false;
    pv->version = even;
    return true;
}

/* All vCPUs' clocks are the VM's TSC in other units: so they agree, as the flag promises. */
static bool write_clock(struct axvm_vcpu *vcpu)
{
    struct clock c = { .tsc_timestamp = vcpu->arch.tsc_moved, .flags = CLOCK_TSC_STABLE };
    uint32_t mul;
    int8_t shift;

    axvm_pv_scale(vcpu->vm->arch.tsc_hz, &mul, &shift);
    c.tsc_to_system_mul = mul;
    c.tsc_shift = shift;
    return write_guarded(vcpu, vcpu->arch.msrs.system_time & ~(uint64_t)ENABLED, 0, 4, &c, sizeof(c));
}

/* When the VM's TSC was 0. */
static bool write_wall(struct axvm_vcpu *vcpu)
{
    uint64_t up = axvm_ticks_to_ns(axvm_x86_guest_tsc(vcpu) - vcpu->arch.tsc_moved, vcpu->vm->arch.tsc_hz);
    uint64_t ns = axvm_vm_wall_time_s(vcpu->vm) * S_IN_NS - up;
    struct wall w = { (uint32_t)(ns / S_IN_NS), (uint32_t)(ns % S_IN_NS) };

    return write_guarded(vcpu, vcpu->arch.msrs.wall_clock, 0, 4, &w, sizeof(w));
}

static uint64_t steal_gpa(const struct axvm_vcpu *vcpu)
{
    return vcpu->arch.msrs.steal_time & ~(uint64_t)ENABLED;
}

/* It is about to run: others need not wait for it any more. */
static bool write_steal(struct axvm_vcpu *vcpu)
{
    const struct steal s = { .ns = vcpu->arch.pv.steal_ns, .version = vcpu->arch.pv.version + 1 };

    return write_guarded(vcpu, steal_gpa(vcpu), offsetof(struct steal, version), 0, &s, STEAL_SIZE);
}

static void mark(struct axvm_vcpu *vcpu, uint32_t what)
{
    vcpu->arch.pv.stale |= what;
    vcpu->arch.work |= AXVM_WORK_PV;
}

void axvm_x86_pv_written(struct axvm_vcpu *vcpu, uint32_t msr)
{
    const struct axvm_msrs *m = &vcpu->arch.msrs;

    if (msr == MSR_KVM_WALL_CLOCK_NEW)
        mark(vcpu, AXVM_PV_WALL);
    else if (msr == MSR_KVM_SYSTEM_TIME_NEW && (m->system_time & ENABLED) != 0)
        mark(vcpu, AXVM_PV_CLOCK);
    else if (msr == MSR_KVM_STEAL_TIME && (m->steal_time & ENABLED) != 0)
        mark(vcpu, AXVM_PV_STEAL);
}

void axvm_x86_pv_tsc_moved(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.msrs.system_time & ENABLED)
        mark(vcpu, AXVM_PV_CLOCK);
}

void axvm_x86_pv_update(struct axvm_vcpu *vcpu)
{
    const struct axvm_msrs *m = &vcpu->arch.msrs;
    struct axvm_pv *pv = &vcpu->arch.pv;

    if ((pv->stale & AXVM_PV_CLOCK) && ((m->system_time & ENABLED) == 0 || write_clock(vcpu)))
        pv->stale &= ~AXVM_PV_CLOCK;
    if ((pv->stale & AXVM_PV_WALL) && write_wall(vcpu))
        pv->stale &= ~AXVM_PV_WALL;
    if ((pv->stale & AXVM_PV_STEAL) && ((m->steal_time & ENABLED) == 0 || write_steal(vcpu)))
        pv->stale &= ~AXVM_PV_STEAL;
    if (pv->stale == 0)
        vcpu->arch.work &= ~AXVM_WORK_PV;
}

void axvm_x86_pv_enter(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    struct axvm_pv *pv = &vcpu->arch.pv;

    if (!pv->preempted)
        return;
    pv->steal_ns += hal->time_ns(hal->ctx) - pv->left_ns;
    pv->preempted = false;
    mark(vcpu, AXVM_PV_STEAL);
}

/* Only a host interrupt makes way for others while the guest has something to do; what else it leaves for is done for itself.
 */
void axvm_x86_pv_leave(struct axvm_vcpu *vcpu, bool host_irq)
{
    static const uint8_t preempted = KVM_VCPU_PREEMPTED;
    const struct axvm_hal *hal = &vcpu->vm->hal;

    if (!host_irq)
        return;
    vcpu->arch.pv.left_ns = hal->time_ns(hal->ctx);
    vcpu->arch.pv.preempted = true;
    if (vcpu->arch.msrs.steal_time & ENABLED)
        axvm_aspace_write(vcpu->vm, axvm_gpa(steal_gpa(vcpu) + offsetof(struct steal, preempted)), &preempted, 1);
}
