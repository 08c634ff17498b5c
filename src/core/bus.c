/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the device that answers an address, and calling it. */
#include "bus.h"

#include <axvm/err.h>

#include "bits.h"
#include "device_lock.h"
#include "mem.h"
#include "vm_priv.h"

const struct axvm_bus_slot axvm_bus_no_slot = { .base = 0 };

/* How many slots begin at or below @addr. */
static uint32_t slots_up_to(const struct axvm_bus *bus, uint64_t addr)
{
    uint32_t lo = 0, hi = bus->count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (bus->slots[mid].base <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static inline bool holds(const struct axvm_bus_slot *slot, uint64_t addr, unsigned int size)
{
    uint64_t off = addr - slot->base;

    return off < slot->len && size <= slot->len - off;
}

const struct axvm_bus_slot *axvm_bus_find(const struct axvm_bus *bus, uint64_t addr, unsigned int size)
{
    uint32_t n = slots_up_to(bus, addr);

    return n != 0 && holds(&bus->slots[n - 1], addr, size) ? &bus->slots[n - 1] : NULL;
}

bool axvm_bus_overlaps(const struct axvm_bus *bus, uint64_t base, uint64_t len)
{
    /* The last slot that begins before the end of the range is the only one to look at. */
    uint32_t n = len != 0 ? slots_up_to(bus, base + (len - 1)) : 0;

    return n != 0 && axvm_overlap(bus->slots[n - 1].base, bus->slots[n - 1].len, base, len);
}

void axvm_bus_insert(struct axvm_bus *bus, const struct axvm_bus_slot *slot)
{
    uint32_t at = slots_up_to(bus, slot->base);

    memmove(&bus->slots[at + 1], &bus->slots[at], (bus->count - at) * sizeof(*slot));
    bus->slots[at] = *slot;
    bus->count++;
}

/*
 * Outside every window, or across the end of one: hardware would answer the latter with an error, too. Of the windows that
 * begin before the end of the access the last is the only one to look at.
 */
static int find_slot(const struct axvm_bus *bus, const struct axvm_access *acc, const struct axvm_bus_slot **slot)
{
    uint64_t last = acc->off + (acc->size - 1u);
    uint32_t n;

    if (last < acc->off)
        return AXVM_ERR_GUEST;
    n = slots_up_to(bus, last);
    if (n == 0)
        return AXVM_ERR_NOENT;
    *slot = &bus->slots[n - 1];
    if (holds(*slot, acc->off, acc->size))
        return AXVM_OK;
    return axvm_overlap((*slot)->base, (*slot)->len, acc->off, acc->size) ? AXVM_ERR_GUEST : AXVM_ERR_NOENT;
}

/* The ops of a device that relies on us run one at a time. A vCPU that is in them already has come back through the device's
 * own DMA. */
static int call_locked(const struct axvm_bus_slot *slot, struct axvm_access *acc, bool write)
{
    struct axvm_device *dev = slot->dev;
    uint32_t self = acc->vcpu->id + 1;
    unsigned long flags;
    int rc;

    if (atomic_load_explicit(axvm_device_busy(dev), memory_order_relaxed) == self)
        return AXVM_ERR_GUEST;
    flags = axvm_device_lock(dev);
    atomic_store_explicit(axvm_device_busy(dev), self, memory_order_relaxed);
    rc = axvm_bus_call(slot, acc, write);
    atomic_store_explicit(axvm_device_busy(dev), 0, memory_order_relaxed);
    axvm_device_unlock(dev, flags);
    return rc;
}

int axvm_bus_access(const struct axvm_bus *bus, const struct axvm_bus_slot **hit, struct axvm_access *acc, bool write)
{
    const struct axvm_bus_slot *slot = *hit;
    struct axvm_device *dev;
    int rc;

    if (!holds(slot, acc->off, acc->size)) {
        rc = find_slot(bus, acc, &slot);
        if (rc != AXVM_OK)
            return rc;
        *hit = slot;
    }
    dev = slot->dev;
    if (!acc->may_call_host && !(dev->flags & AXVM_DEVICE_FAST))
        return AXVM_ERR_AGAIN;
    /* Devices use it as an index. */
    acc->off = axvm_nospec(acc->off - slot->base, slot->len);
    rc = dev->flags & AXVM_DEVICE_SELF_LOCKED ? axvm_bus_call(slot, acc, write) : call_locked(slot, acc, write);
    if (rc == AXVM_OK)
        return AXVM_OK;
    return rc == AXVM_ERR_AGAIN && !acc->may_call_host ? AXVM_ERR_AGAIN : AXVM_ERR_GUEST;
}
