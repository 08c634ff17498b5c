/* SPDX-License-Identifier: BSD-2-Clause */
#include "native_fixture.h"

#include "arch_irq.h"

_Thread_local bool fake_irqs_masked;

int native_setup_changed(void **state, void (*change)(void))
{
    native_reset_world();
    if (change)
        change();
    *state = fake_hal_new();
    return native_enable_cpu(*state, 0);
}

int native_setup(void **state)
{
    return native_setup_changed(state, NULL);
}

int native_teardown(void **state)
{
    return fake_hal_free(*state) == 0 && !fake_irqs_masked ? 0 : -1;
}

void native_enable_cpus(struct fake_hal *hal, unsigned int count)
{
    for (unsigned int i = 1; i < count; i++)
        assert_int_equal(native_enable_cpu(hal, i), AXVM_OK);
    fake_hal_set_cpu(0);
}

struct axvm *native_vm(struct fake_hal *hal, const struct axvm_config *cfg)
{
    struct axvm *vm = NULL;

    assert_int_equal(axvm_new(&hal->ops, cfg, &vm), AXVM_OK);
    return vm;
}

void native_destroy(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm) == AXVM_OK || axvm_get_state(vm) <= AXVM_LOADED, 1);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

void native_run_until_kicked(struct axvm *vm, unsigned int id)
{
    struct axvm_exit exit;

    do
        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_MMIO || exit.reason == AXVM_EXIT_IO || exit.reason == AXVM_EXIT_IDLE);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
}

unsigned int native_each_failing(struct fake_hal *hal, enum fake_callback which, bool for_good, native_attempt attempt,
                                 void *arg, int error)
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
