/* SPDX-License-Identifier: BSD-2-Clause */
#include "native_faults.h"

#include <axvm/err.h>

int native_enable_second(struct fake_hal *hal, void *unused)
{
    int rc = native_enable_cpu(hal, 1);

    (void)unused;
    if (rc == AXVM_OK) {
        assert_int_equal(axvm_cpu_disable(hal->cpus[1]), AXVM_OK);
        hal->cpus[1] = NULL;
    }
    fake_hal_set_cpu(0);
    return rc;
}

int native_create(struct fake_hal *hal, void *cfg)
{
    struct axvm *vm = NULL;
    int rc = axvm_new(&hal->ops, cfg, &vm);

    if (rc == AXVM_OK)
        assert_int_equal(axvm_destroy(vm), AXVM_OK);
    else
        assert_null(vm);
    return rc;
}

int native_load(struct fake_hal *hal, void *load)
{
    uint64_t n = hal->fail_after[FAKE_PAGE_ALLOC], calls;
    bool for_good = hal->fail_for_good[FAKE_PAGE_ALLOC];
    const struct native_load *l = load;
    struct axvm *vm;
    int rc;

    fake_hal_fail_nothing(hal);
    vm = native_vm(hal, &l->cfg);
    calls = hal->calls[FAKE_PAGE_ALLOC];
    fake_hal_fail(hal, FAKE_PAGE_ALLOC, n, for_good);
    rc = axvm_load(vm);
    fake_hal_fail_nothing(hal);
    calls = hal->calls[FAKE_PAGE_ALLOC] - calls;
    assert_int_equal(axvm_get_state(vm), rc == AXVM_OK ? AXVM_LOADED : AXVM_LOADING);
    if (rc != AXVM_OK)
        assert_int_equal(axvm_load(vm), AXVM_OK);
    if (l->check)
        l->check(vm);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    native_destroy(vm);
    hal->calls[FAKE_PAGE_ALLOC] = calls; /* those that could have failed */
    return rc;
}

static unsigned int run_to_the_end(struct axvm *vm)
{
    unsigned int nomem = 0;
    struct axvm_exit exit;
    int rc;

    do {
        rc = axvm_run_vcpu(vm, 0, &exit);
        assert_true(rc == AXVM_OK || rc == AXVM_ERR_NOMEM);
        nomem += rc == AXVM_ERR_NOMEM;
        assert_true(nomem < 3);
    } while (rc != AXVM_OK || exit.reason == AXVM_EXIT_CPU_UP);
    assert_int_equal(exit.reason, AXVM_EXIT_SYSTEM_OFF);
    return nomem;
}

unsigned int native_run_failing(struct fake_hal *hal, struct axvm *vm, unsigned int n, uint64_t *calls)
{
    uint64_t before = hal->calls[FAKE_PAGE_ALLOC];
    unsigned int nomem;

    fake_hal_fail_alloc(hal, n);
    nomem = run_to_the_end(vm);
    *calls = hal->calls[FAKE_PAGE_ALLOC] - before;
    fake_hal_fail_nothing(hal);
    return nomem;
}
