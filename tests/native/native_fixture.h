/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of whole VMs on a real backend share. */
#ifndef NATIVE_FIXTURE_H
#define NATIVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <axvm/axvm.h>

#include "fake_hal.h"

#define MIB (UINT64_C(1) << 20)

/* ---- the machine beneath, of hs_world.c or x86_world.c ---- */

/* CPUs with all there is, and no guest. */
void native_reset_world(void);
/* Enable CPU @pcpu for the calling thread. */
int native_enable_cpu(struct fake_hal *hal, unsigned int pcpu);

/* ---- each test ---- */

int native_setup(void **state);
/* The same on CPUs that @change makes what they are. */
int native_setup_changed(void **state, void (*change)(void));
/* Every page has come back, and the library has kept to its contracts. */
int native_teardown(void **state);

#define NATIVE_TEST_AFTER(setup, fn) cmocka_unit_test_setup_teardown(fn, setup, native_teardown)
#define NATIVE_TEST(fn) NATIVE_TEST_AFTER(native_setup, fn)

/* CPUs 0 to @count - 1, of which 0 is so already; the calling thread stays on it. */
void native_enable_cpus(struct fake_hal *hal, unsigned int count);

struct axvm *native_vm(struct fake_hal *hal, const struct axvm_config *cfg);
void native_destroy(struct axvm *vm);
/* As a host that has nothing to say to what its guest asks. */
void native_run_until_kicked(struct axvm *vm, unsigned int id);

/* ---- callbacks that fail, one after the other (H1, H2) ---- */

/* Something that a HAL that fails may make fail: AXVM_OK, or an error, and then its pages have come back. */
typedef int (*native_attempt)(struct fake_hal *hal, void *arg);

/*
 * Have @n calls of @which succeed and then one, or all, fail; for each @n, until @attempt does not call it so often. A failure
 * that it can do without is no error. How often it had one.
 */
unsigned int native_each_failing(struct fake_hal *hal, enum fake_callback which, bool for_good, native_attempt attempt,
                                 void *arg, int error);

#endif
