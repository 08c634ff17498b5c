/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of whole VMs on a real backend share. Each says NATIVE_ENABLE_CPU(hal, pcpu) and NATIVE_RESET() before it. */
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

static int native_setup(void **state)
{
    NATIVE_RESET();
    *state = fake_hal_new();
    return NATIVE_ENABLE_CPU(*state, 0);
}

/* Every page has come back, and the library has kept to its contracts. */
static int native_teardown(void **state)
{
    return fake_hal_free(*state) == 0 && !fake_irqs_masked ? 0 : -1;
}

#define NATIVE_TEST(fn) cmocka_unit_test_setup_teardown(fn, native_setup, native_teardown)

static inline struct axvm *native_vm(struct fake_hal *hal, const struct axvm_config *cfg)
{
    struct axvm *vm = NULL;

    assert_int_equal(axvm_new(&hal->ops, cfg, &vm), AXVM_OK);
    return vm;
}

static inline void native_destroy(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm) == AXVM_OK || axvm_get_state(vm) <= AXVM_LOADED, 1);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

/* ---- callbacks that fail, one after the other (H1, H2) ---- */

/* Something that a HAL that fails may make fail: AXVM_OK, or an error, and then its pages have come back. */
typedef int (*native_attempt)(struct fake_hal *hal, void *arg);

/*
 * Have @n calls of @which succeed and then one, or all, fail; for each @n, until @attempt does not call it so often. A failure
 * that it can do without is no error. How often it had one.
 */
static inline unsigned int native_each_failing(struct fake_hal *hal, enum fake_callback which, bool for_good,
                                               native_attempt attempt, void *arg, int error)
{
    unsigned int failures = 0;

    for (unsigned int n = 0;; n++) {
        uint64_t before = hal->live_pages;
        int rc;

        hal->calls[which] = 0;
        fake_hal_fail(hal, which, n, for_good);
        rc = attempt(hal, arg);
        fake_hal_fail_nothing(hal);
        if (rc != AXVM_OK) {
            assert_int_equal(rc, error);
            assert_true(hal->live_pages <= before);
            failures++;
        }
        if (hal->calls[which] <= n) {
            assert_int_equal(rc, AXVM_OK);
            return failures;
        }
    }
}

#endif
