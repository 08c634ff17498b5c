/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controllers of a VM, with what is around them: a host, a bus, a backend, that note down what they are asked. */
#ifndef VINTC_WORLD_H
#define VINTC_WORLD_H

#include "vintc.h"
#include "vlapic.h"

#define VINTC_WORLD_VCPUS 3u

struct vintc_world {
    struct axvm vm;
    struct axvm_vcpu vcpus[VINTC_WORLD_VCPUS];
    struct axvm_cpu this_cpu;
    uint64_t time_ns;
    unsigned int requests[VINTC_WORLD_VCPUS], nmis, inits, completed[256];
    unsigned int violations; /* of what is promised to those around */
    uint32_t last_sipi;
    struct axvm_device *devices[8];
    unsigned int device_count;
    void *memory;
};

/* One at a time. */
extern struct vintc_world vw;

/* Forget the last one, make a new one. @can_complete: the host has irq_complete(). */
void vintc_world_start(enum axvm_irq_mode mode, bool can_complete);

/* A guest's access, as the bus would make it. AXVM_ERR_NOENT when nobody is there. */
int vintc_world_access(uint32_t id, enum axvm_bus_space space, uint64_t addr, unsigned int size, bool write, uint64_t *val);

#endif
