/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory may run out for, on any backend: attempts for native_each_failing(). hostile-guest.md rows H1, H2, 12, 84. */
#ifndef NATIVE_FAULTS_H
#define NATIVE_FAULTS_H

#include "native_fixture.h"

/* Enable CPU 1, and disable it again. */
int native_enable_second(struct fake_hal *hal, void *unused);
/* Make a VM of the struct axvm_config, and destroy it again. */
int native_create(struct fake_hal *hal, void *cfg);

struct native_load {
    struct axvm_config cfg;
    void (*check)(struct axvm *vm); /* what has been loaded; or NULL */
};
/* Of a struct native_load. The VM is made before anything fails; if it cannot be loaded, it is afterwards. */
int native_load(struct fake_hal *hal, void *load);

/*
 * Run the guest of a VM that has been booted until it is off, with @n allocations that succeed and one that then fails: how
 * often it could not go on for want of memory. @calls: how many allocations there were.
 */
unsigned int native_run_failing(struct fake_hal *hal, struct axvm *vm, unsigned int n, uint64_t *calls);

#endif
