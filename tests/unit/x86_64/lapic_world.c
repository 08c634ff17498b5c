/* SPDX-License-Identifier: BSD-2-Clause */
#include "lapic_world.h"

#include <string.h>

struct lapic_world world;

static void notify(struct axvm_lapic *apic)
{
    world.notified[apic->id]++;
}

static void event(struct axvm_lapic *apic, enum axvm_lapic_delivery what, uint32_t vector)
{
    if (world.event_count < 64) {
        world.events[world.event_count].apic = apic->id;
        world.events[world.event_count].what = what;
        world.events[world.event_count].vector = what == AXVM_LAPIC_SIPI ? vector : 0;
    }
    world.event_count++;
}

static void eoi(struct axvm_lapic *apic, uint32_t vector)
{
    if (world.eoi_count < 64) {
        world.eois[world.eoi_count].apic = apic->id;
        world.eois[world.eoi_count].vector = vector;
    }
    world.eoi_count++;
}

static void accepts(struct axvm_lapic *apic)
{
    (void)apic;
    world.accepts++;
}

static uint64_t now(struct axvm_lapic *apic)
{
    (void)apic;
    return world.now;
}

/* The guest's TSC runs at 1 GHz from where the clock does. */
static uint64_t tsc_time(struct axvm_lapic *apic, uint64_t tsc)
{
    (void)apic;
    return tsc;
}

static const struct axvm_lapic_ops ops = {
    .notify = notify, .event = event, .eoi = eoi, .accepts = accepts, .now = now, .tsc_time = tsc_time
};

void lapic_world_init(uint32_t count)
{
    memset(&world, 0, sizeof(world));
    world.now = 1000;
    world.set.ops = &ops;
    world.set.phys_bits = 40;
    world.set.x2apic = true;
    world.set.tsc_deadline = true;
    for (uint32_t i = 0; i < count; i++)
        axvm_lapics_add(&world.set, &world.apic[i]);
}
