/* SPDX-License-Identifier: BSD-2-Clause */
/* The device bus: which device answers an address. Filled before boot, then read-only, so look-ups take no lock. */
#ifndef AXVM_CORE_BUS_H
#define AXVM_CORE_BUS_H

#include <axvm/device.h>

#define AXVM_BUS_MAX_WINDOWS 96

struct axvm_bus_slot {
    uint64_t base;
    uint64_t len;
    struct axvm_device *dev;
    uint32_t window; /* index into dev->windows */
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

/* Add a window; the caller has checked that it is free and that there is room. Invalidates pointers to slots. */
void axvm_bus_insert(struct axvm_bus *bus, const struct axvm_bus_slot *slot);

void axvm_bus_reset_devices(struct axvm *vm);
void axvm_bus_destroy_devices(struct axvm *vm);

#endif
