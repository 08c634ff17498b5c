/* SPDX-License-Identifier: BSD-2-Clause */
/* The device bus: which device answers an address. Filled before boot, then read-only, so look-ups take no lock. */
#ifndef AXVM_CORE_BUS_H
#define AXVM_CORE_BUS_H

#include <axvm/device.h>

#include "bits.h"

#define AXVM_BUS_MAX_WINDOWS 96

struct axvm_bus_slot {
    uint64_t base;
    uint64_t len;
    struct axvm_device *dev;
    uint32_t window; /* index into dev->windows */
    /* An access that ends at or below this is good in the fast tier, without a lock of ours: len or 0, for the same reason. */
    uint64_t quick_len;
    /* Offsets below this are good for an access of any size, in the fast tier, without a lock of ours: len - 7 if the device is
     * AXVM_DEVICE_FAST and AXVM_DEVICE_SELF_LOCKED, otherwise 0. */
    uint64_t fast_len;
    /* The same for naturally aligned accesses: all of it, if base and len are multiples of 8, otherwise 0. */
    uint64_t aligned_len;
};

/* Sorted by base, no overlaps. */
struct axvm_bus {
    struct axvm_bus_slot slots[AXVM_BUS_MAX_WINDOWS];
    uint32_t count;
};

/* The slot that holds all of [addr, addr + size), or NULL. O(log n). */
const struct axvm_bus_slot *axvm_bus_find(const struct axvm_bus *bus, uint64_t addr, unsigned int size);
/* Is any byte of [base, base + len) taken? Neither wraps. */
bool axvm_bus_overlaps(const struct axvm_bus *bus, uint64_t base, uint64_t len);

/*
 * Carry out one access on the bus of vcpu's VM. @hit is the vCPU's shortcut for this space. In the fast tier
 * (!acc->may_call_host) AXVM_ERR_AGAIN means: come again with host callbacks allowed.
 * acc->off is the bus address on entry. AXVM_ERR_NOENT when nobody answers; AXVM_ERR_GUEST when the device refuses.
 */
int axvm_bus_access(const struct axvm_bus *bus, const struct axvm_bus_slot **hit, struct axvm_access *acc, bool write);

/* Call the device of a slot; acc->off is in the window. */
static inline int axvm_bus_call(const struct axvm_bus_slot *slot, struct axvm_access *acc, bool write)
{
    struct axvm_device *dev = slot->dev;

    acc->window = (uint8_t)slot->window;
    return write ? dev->ops->write(dev, acc) : dev->ops->read(dev, acc);
}

/* A slot that holds nothing: what a vCPU's short cut begins as. */
extern const struct axvm_bus_slot axvm_bus_no_slot;

/* Add a window; the caller has checked that it is free and that there is room. Invalidates pointers to slots. */
void axvm_bus_insert(struct axvm_bus *bus, const struct axvm_bus_slot *slot);

void axvm_bus_reset_devices(struct axvm *vm);
void axvm_bus_destroy_devices(struct axvm *vm);

#endif
