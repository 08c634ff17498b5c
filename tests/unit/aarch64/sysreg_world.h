/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU for the tests of trapped registers, and what they reach beyond it: timer, interrupt controller, bus, hardware. */
#ifndef AXVM_TEST_SYSREG_WORLD_H
#define AXVM_TEST_SYSREG_WORLD_H

#include "timer.h"
#include "vgic.h"
#include "vm_priv.h"

struct sysreg_world {
    struct axvm vm;
    struct axvm_vcpu vcpu;
    uint64_t timer[AXVM_PTIMER_COUNT + 1]; /* what reads give, what was written */
    unsigned int timer_reads, timer_writes;
    unsigned int sgis, dirs;
    uint64_t dir_val;
    enum axvm_sgi_reg sgi_reg; /* the last one */
    uint64_t sgi_val;
    uint64_t bus_base, bus_len; /* the device on AXVM_BUS_SYSREG; none with len 0 */
    unsigned int debug_loads, debug_puts;
};
extern struct sysreg_world world;

/* For cmocka: everything as after a reset of a VM with 6 breakpoints and 4 watchpoints. */
int sysreg_world_setup(void **state);

#endif
