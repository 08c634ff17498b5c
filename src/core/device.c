/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices of a VM: put on its buses, listed, reset, taken down. */
#include <axvm/device.h>
#include <axvm/err.h>

#include "bits.h"
#include "device_lock.h"
#include "vm_priv.h"

void *axvm_device_alloc(struct axvm *vm, size_t size)
{
    return axvm_arena_alloc(&vm->arena, &vm->hal, size);
}

unsigned long axvm_device_lock(struct axvm_device *dev)
{
    return axvm_lock_irqsave(axvm_device_lock_of(dev));
}

void axvm_device_unlock(struct axvm_device *dev, unsigned long flags)
{
    axvm_unlock_irqrestore(axvm_device_lock_of(dev), flags);
}

/* First address that is no longer in the space. */
static uint64_t space_end(const struct axvm *vm, enum axvm_bus_space space)
{
    switch (space) {
    case AXVM_BUS_MMIO:
        return UINT64_C(1) << vm->as.geo.gpa_bits;
    case AXVM_BUS_PORT:
        return UINT64_C(1) << 16;
    default: /* encodings of system registers, CSRs, MSRs */
        return UINT64_C(1) << 32;
    }
}

static int check_window(struct axvm *vm, const struct axvm_window *w)
{
    uint64_t end;

    if ((unsigned int)w->space >= AXVM_BUS_SPACES)
        return AXVM_ERR_INVAL;
    end = space_end(vm, w->space);
    if (w->len == 0 || w->base >= end || w->len > end - w->base)
        return AXVM_ERR_INVAL;
    if (axvm_bus_overlaps(&vm->bus[w->space], w->base, w->len))
        return AXVM_ERR_EXIST;
    if (w->space == AXVM_BUS_MMIO && axvm_aspace_overlaps(vm, w->base, w->len))
        return AXVM_ERR_EXIST;
    return AXVM_OK;
}

static bool windows_overlap(const struct axvm_window *a, const struct axvm_window *b)
{
    return a->space == b->space && axvm_overlap(a->base, a->len, b->base, b->len);
}

static int check_windows(struct axvm *vm, const struct axvm_device *dev)
{
    uint32_t wanted[AXVM_BUS_SPACES] = { 0 };

    for (uint32_t i = 0; i < dev->window_count; i++) {
        const struct axvm_window *w = &dev->windows[i];
        int rc = check_window(vm, w);

        for (uint32_t j = 0; rc == AXVM_OK && j < i; j++) {
            if (windows_overlap(w, &dev->windows[j]))
                rc = AXVM_ERR_EXIST;
        }
        if (rc != AXVM_OK)
            return rc;
        if (++wanted[w->space] > AXVM_BUS_MAX_WINDOWS - vm->bus[w->space].count)
            return AXVM_ERR_NOSPC;
    }
    return AXVM_OK;
}

static int check_device(struct axvm *vm, const struct axvm_device *dev)
{
    enum axvm_state state = axvm_get_state(vm);

    if (state != AXVM_LOADING && state != AXVM_LOADED)
        return AXVM_ERR_STATE;
    if (dev->vm)
        return AXVM_ERR_EXIST;
    return check_windows(vm, dev);
}

static void insert(struct axvm *vm, struct axvm_device *dev)
{
    const uint32_t fast = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;

    for (uint32_t i = 0; i < dev->window_count; i++) {
        const struct axvm_window *w = &dev->windows[i];
        const struct axvm_bus_slot slot = {
            .base = w->base,
            .len = w->len,
            .dev = dev,
            .window = i,
            .quick_len = (dev->flags & fast) == fast ? w->len : 0,
            .fast_len = (dev->flags & fast) == fast && w->len >= 8 ? w->len - 7 : 0,
            .aligned_len = (dev->flags & fast) == fast && ((w->base | w->len) & 7) == 0 ? w->len : 0,
        };

        axvm_bus_insert(&vm->bus[w->space], &slot);
    }
    /* The vCPUs' shortcuts may now name another slot of the same array: they are hints, checked at each use. */
    dev->vm = vm;
    dev->next = NULL;
    dev->deadline = AXVM_TIME_NEVER;
    if (vm->last_device)
        vm->last_device->next = dev;
    else
        vm->devices = dev;
    vm->last_device = dev;
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    unsigned long flags;
    int rc;

    if (!vm || !dev || !dev->ops || !dev->ops->name || dev->window_count > AXVM_DEVICE_MAX_WINDOWS)
        return AXVM_ERR_INVAL;
    if (dev->window_count != 0 && (!dev->ops->read || !dev->ops->write))
        return AXVM_ERR_INVAL;
    flags = axvm_lock_irqsave(&vm->lock);
    rc = check_device(vm, dev);
    if (rc == AXVM_OK)
        insert(vm, dev);
    axvm_unlock_irqrestore(&vm->lock, flags);
    return rc;
}

int axvm_device_end_vm(struct axvm_access *acc, enum axvm_exit_reason reason)
{
    struct axvm_vcpu *vcpu = acc->vcpu;

    if (!acc->may_call_host)
        return AXVM_ERR_AGAIN;
    vcpu->end_reason = reason;
    /* Of the vCPU itself, in the host tier: run.c looks at its requests before it enters again. */
    atomic_fetch_or(&vcpu->requests, AXVM_REQ_END);
    return AXVM_OK;
}

struct axvm_device *axvm_device_next(const struct axvm *vm, const struct axvm_device *prev)
{
    return prev ? prev->next : vm->devices;
}

void axvm_bus_reset_devices(struct axvm *vm)
{
    for (struct axvm_device *dev = vm->devices; dev; dev = dev->next) {
        if (dev->ops->reset)
            dev->ops->reset(dev);
    }
}

void axvm_bus_destroy_devices(struct axvm *vm)
{
    struct axvm_device *dev = vm->devices;

    vm->devices = NULL;
    vm->last_device = NULL;
    vm->console = NULL;
    while (dev) {
        struct axvm_device *next = dev->next;

        /* Free to be attached elsewhere, and after destroy() perhaps no longer there. */
        dev->vm = NULL;
        dev->next = NULL;
        if (dev->ops->destroy)
            dev->ops->destroy(dev);
        dev = next;
    }
}
