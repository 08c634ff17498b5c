/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APICs of src/devices with an owner that writes down what it is told. */
#ifndef LAPIC_WORLD_H
#define LAPIC_WORLD_H

#include "lapic.h"

#define WORLD_MAX 20u

struct lapic_world {
    struct axvm_lapics set;
    struct axvm_lapic apic[WORLD_MAX];
    uint64_t now;
    unsigned int notified[WORLD_MAX];
    unsigned int event_count, eoi_count, accepts;
    struct {
        uint32_t apic, what, vector;
    } events[64];
    struct {
        uint32_t apic, vector;
    } eois[64];
};

/* One at a time. */
extern struct lapic_world world;

void lapic_world_init(uint32_t count);

#endif
