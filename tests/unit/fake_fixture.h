/* SPDX-License-Identifier: BSD-2-Clause */
/* Set-up and tear-down of tests that run on the fake host. */
#ifndef FAKE_FIXTURE_H
#define FAKE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_arch.h"
#include "fake_hal.h"

/* *state is a struct fake_hal, CPU 0 enabled for this thread. */
static inline int fake_setup(void **state)
{
    fake_arch_reset();
    *state = fake_hal_new();
    return fake_hal_enable_cpu(*state, 0);
}

/* Every page has come back, and the library has kept to its contracts. */
static inline int fake_teardown(void **state)
{
    uint64_t left = fake_hal_free(*state);

    return left == 0 && !fake_irqs_masked ? 0 : -1;
}

#define FAKE_TEST(fn) cmocka_unit_test_setup_teardown(fn, fake_setup, fake_teardown)

/* A VM without devices of its own and with little memory. */
static inline struct axvm *fake_vm_of(struct fake_hal *hal, const struct axvm_config *cfg)
{
    struct axvm *vm = NULL;

    assert_int_equal(axvm_new(&hal->ops, cfg, &vm), 0);
    return vm;
}

static inline struct axvm *fake_vm(struct fake_hal *hal, uint32_t vcpu_count)
{
    const struct axvm_config cfg = {
        .vcpu_count = vcpu_count,
        .flags = AXVM_VM_NO_DEFAULT_DEVICES,
        .ram_size = 4 << 20,
        .ram_kind = AXVM_REGION_TOUCH,
    };

    return fake_vm_of(hal, &cfg);
}

#endif
