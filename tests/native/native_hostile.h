/* SPDX-License-Identifier: BSD-2-Clause */
/* What is tried on each backend in the same way, by guests of its own: hostile-guest.md. */
#ifndef NATIVE_HOSTILE_H
#define NATIVE_HOSTILE_H

#include <stdatomic.h>

#include <axvm/device.h>

#include "native_fixture.h"

/* ---- a device that looks at what it is asked ---- */

struct native_probe {
    struct axvm_device dev;
    uint64_t accesses;
    bool aligned;                                               /* is each access */
    void (*on_write)(struct axvm *vm, struct axvm_access *acc); /* in the host tier */
};
extern struct native_probe probe;

void native_probe_attach(struct axvm *vm, const struct axvm_window *windows, uint32_t count);

/* ---- row 12 ---- */

/* A guest that touches @left places. */
struct native_touch {
    uint64_t next, step, left;
};
/* The guest of @vm, which does so with @t, costs its RAM, the tables for that, and nothing for what it touches elsewhere. */
void native_touch_everything(struct fake_hal *hal, struct axvm *vm, struct native_touch *t, struct native_touch in_ram);

/* ---- row 85 ---- */

/* In a device's callback, which is on the way of an exit: the guest does nothing but write to the probe. */
void native_end_in_callback(struct axvm *vm);

/* vCPUs on threads, each on the CPU of its number. */
struct native_smp {
    struct fake_hal *hal;
    struct axvm *vm;
    _Atomic bool stop;
    _Atomic uint64_t exits; /* the guest counts them */
};
/* From elsewhere, while vCPUs run, wait, start and stop each other: pause, go on, stop, reset, start, in all orders; each ends,
 * and none is missed by a vCPU. Destroys the VM. */
void native_stop_and_reset(struct native_smp *smp, unsigned int vcpus, unsigned int rounds);

/* ---- row 88 ---- */

/* A device's register, by vCPU 0. */
void native_write_device(struct axvm *vm, uint64_t gpa, uint32_t val);
/* Line 5, level-sensitive, is enabled by @enable, raised, and never handled by the guest: the host has as much to do as for a
 * line that is quiet, and can have its CPU back. Destroys the VM. */
void native_line_is_stuck(struct fake_hal *hal, struct axvm *vm, void (*enable)(struct axvm *vm));
/* The same for one of the host's, which is completed at most @at_once times until a reset gives it back, once. */
void native_passthrough_is_stuck(struct fake_hal *hal, struct axvm_config cfg, void (*enable)(struct axvm *vm),
                                 uint64_t at_once);

/* ---- anything, for long ---- */

/* Less than @n. */
uint64_t any(uint64_t n);
#define ANY_OF(table) (table)[any(sizeof(table) / sizeof((table)[0]))]
/* One of @nasty, most often, or something near it. */
uint64_t any_near(const uint64_t *nasty, size_t count);

bool native_all_are_off(struct axvm *vm);
/* Run vCPUs in any order until the guest has made *left 0. @take_exit: what the host does then. */
void native_storm(struct fake_hal *hal, struct axvm *vm, const uint64_t *left, uint64_t most_pages,
                  void (*take_exit)(struct axvm *vm, unsigned int id, const struct axvm_exit *exit));

#endif
