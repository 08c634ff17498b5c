/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers of devices: the VM keeps the earliest deadline, one vCPU looks after it. */
#include <axvm/device.h>

#include "device_lock.h"
#include "vm_priv.h"

/* 2000-01-01 00:00 UTC */
#define EPOCH_2000 UINT64_C(946684800)

uint64_t axvm_device_time_ns(const struct axvm_device *dev)
{
    const struct axvm *vm = dev->vm;

    return vm->hal.time_ns(vm->hal.ctx) - vm->suspended_ns;
}

uint64_t axvm_vm_wall_time_s(const struct axvm *vm)
{
    const struct axvm_hal *hal = &vm->hal;

    /* Suspended or not: this is the time of day. */
    return hal->wall_time_s ? hal->wall_time_s(hal->ctx) : EPOCH_2000 + hal->time_ns(hal->ctx) / 1000000000u;
}

uint64_t axvm_device_wall_time_s(const struct axvm_device *dev)
{
    return axvm_vm_wall_time_s(dev->vm);
}

/* Make vm->next_deadline @deadline if it is later. True: it was. */
static bool advance(struct axvm *vm, uint64_t deadline)
{
    uint64_t was = atomic_load(&vm->next_deadline);

    while (deadline < was) {
        if (atomic_compare_exchange_weak(&vm->next_deadline, &was, deadline))
            return true;
    }
    return false;
}

void axvm_device_set_deadline(struct axvm_device *dev, uint64_t deadline_ns)
{
    struct axvm *vm = dev->vm;

    atomic_store(axvm_device_deadline(dev), deadline_ns);
    /* Later than before: next_deadline stays early, and is set right when it has come. */
    if (advance(vm, deadline_ns) && vm->vcpu_count != 0)
        axvm_vcpu_request(vm->vcpus[0], AXVM_REQ_IRQ);
}

/* A device that sets its timer meanwhile either finds next_deadline at NEVER and advances it, or is seen by our look at its
 * own. */
void axvm_timers_expire(struct axvm *vm, uint64_t host_ns)
{
    uint64_t now_ns = host_ns - vm->suspended_ns, next = AXVM_TIME_NEVER;

    atomic_store(&vm->next_deadline, AXVM_TIME_NEVER);
    for (struct axvm_device *dev = vm->devices; dev; dev = dev->next) {
        uint64_t deadline;

        if (!dev->ops->expire)
            continue;
        if (atomic_load(axvm_device_deadline(dev)) <= now_ns)
            dev->ops->expire(dev, now_ns);
        deadline = atomic_load(axvm_device_deadline(dev));
        next = deadline < next ? deadline : next;
    }
    advance(vm, next);
}
