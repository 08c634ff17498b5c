/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a VM: what each state allows, and that nothing is lost when something fails on the way (H1, H14, H17, H20, row 85). */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "arch.h"
#include "fake_guest.h"

static const struct axvm_config two_vcpus = { .vcpu_count = 2, .ram_size = 4u << 20 };

static void vm_create_gives_back_everything_when_an_allocation_fails(void **state)
{
    struct fake_hal *hal = *state;
    uint64_t before = hal->live_pages;
    struct axvm *vm = NULL;
    unsigned int failures = 0;

    for (unsigned int n = 0;; n++, failures++) {
        int rc;

        fake_hal_fail_alloc(hal, n);
        rc = axvm_new(&hal->ops, &two_vcpus, &vm);
        fake_hal_fail_nothing(hal);
        if (rc == AXVM_OK)
            break;
        assert_int_equal(rc, AXVM_ERR_NOMEM);
        assert_null(vm);
        assert_int_equal(hal->live_pages, before);
    }
    assert_true(failures > 3);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
    assert_int_equal(hal->live_pages, before);
}

static void vm_create_takes_down_what_the_backend_refused(void **state)
{
    struct fake_hal *hal = *state;
    uint64_t before = hal->live_pages;
    struct axvm *vm = NULL;

    fake_arch.vm_init_error = AXVM_ERR_NOSUP;
    assert_int_equal(axvm_new(&hal->ops, &two_vcpus, &vm), AXVM_ERR_NOSUP);
    fake_arch.vm_init_error = AXVM_OK;
    fake_arch.vcpu_init_error = AXVM_ERR_NOMEM;
    assert_int_equal(axvm_new(&hal->ops, &two_vcpus, &vm), AXVM_ERR_NOMEM);
    fake_arch.vcpu_init_error = AXVM_OK;
    assert_null(vm);
    assert_int_equal(hal->live_pages, before);
}

static void loading_survives_each_failing_allocation_and_can_be_repeated(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 1);
    unsigned int n = 0;
    int rc;

    do {
        uint64_t before = hal->live_pages;

        fake_hal_fail_alloc(hal, n++);
        rc = axvm_load(vm);
        fake_hal_fail_nothing(hal);
        assert_true(rc == AXVM_OK || rc == AXVM_ERR_NOMEM);
        assert_int_equal(axvm_get_state(vm), rc == AXVM_OK ? AXVM_LOADED : AXVM_LOADING);
        if (rc != AXVM_OK)
            assert_int_equal(hal->live_pages, before);
    } while (rc != AXVM_OK);
    assert_true(n > 1);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void wrong_configs_and_hals_are_named_in_the_log(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_config cfg = two_vcpus;
    struct axvm *vm = NULL;

    cfg.vcpu_count = AXVM_MAX_VCPUS + 1;
    assert_int_equal(axvm_new(&hal->ops, &cfg, &vm), AXVM_ERR_INVAL);
    assert_true(fake_hal_logged(hal, "vcpu_count"));
    hal->ops.time_ns = NULL;
    assert_int_equal(axvm_new(&hal->ops, &two_vcpus, &vm), AXVM_ERR_INVAL);
    assert_true(fake_hal_logged(hal, "time_ns"));
    assert_int_equal(axvm_new(NULL, &two_vcpus, &vm), AXVM_ERR_INVAL);
    assert_null(vm);
}

/* Only these may succeed in a state; all others say so and change nothing. */
static void check_calls(struct axvm *vm, bool load, bool boot, bool suspend, bool resume, bool shutdown, bool reset)
{
    enum axvm_state state = axvm_get_state(vm);

    if (!load)
        assert_int_equal(axvm_load(vm), AXVM_ERR_STATE);
    if (!boot)
        assert_int_equal(axvm_boot(vm), AXVM_ERR_STATE);
    if (!suspend)
        assert_int_equal(axvm_suspend(vm), AXVM_ERR_STATE);
    if (!resume)
        assert_int_equal(axvm_resume(vm), AXVM_ERR_STATE);
    if (!shutdown)
        assert_int_equal(axvm_shutdown(vm), AXVM_ERR_STATE);
    if (!reset)
        assert_int_equal(axvm_reset(vm), AXVM_ERR_STATE);
    assert_int_equal(axvm_get_state(vm), state);
}

static void each_state_allows_what_it_should_and_nothing_else(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);

    check_calls(vm, true, true, false, false, false, false);
    assert_int_equal(axvm_load(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_LOADED);
    check_calls(vm, false, true, false, false, false, true);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_RUNNING);
    check_calls(vm, false, false, true, false, true, false);
    assert_int_equal(axvm_destroy(vm), AXVM_ERR_BUSY);
    assert_int_equal(axvm_suspend(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_SUSPENDED);
    check_calls(vm, false, false, false, true, true, false);
    assert_int_equal(axvm_resume(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_RUNNING);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK); /* twice is fine */
    check_calls(vm, false, false, false, false, true, true);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vm), AXVM_LOADED);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void the_guests_clock_stands_while_it_is_suspended(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_true(vm->arch.clock_runs);
    assert_int_equal(axvm_suspend(vm), AXVM_OK);
    assert_false(vm->arch.clock_runs);
    assert_int_equal(axvm_resume(vm), AXVM_OK);
    assert_true(vm->arch.clock_runs);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void a_referenced_vcpu_keeps_its_vm(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct axvm_vcpu *vcpu = axvm_vcpu_get(vm, 1);

    assert_non_null(vcpu);
    assert_null(axvm_vcpu_get(vm, 2));
    assert_ptr_equal(axvm_vcpu_vm(vcpu), vm);
    assert_int_equal(axvm_vcpu_id(vcpu), 1);
    assert_int_equal(axvm_destroy(vm), AXVM_ERR_BUSY);
    axvm_vcpu_put(vcpu);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void reset_zeroes_ram_and_resets_vcpus(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    axvm_gpa_t gpa = axvm_gpa(axvm_arch_machine.ram_base + 0x3000);
    uint32_t word = 0x12345678;

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(axvm_write_guest(vm, gpa, &word, sizeof(word)), AXVM_OK);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_read_guest(vm, gpa, &word, sizeof(word)), AXVM_OK);
    assert_int_equal(word, 0);
    assert_int_equal(axvm_vcpu_get_state(vm->vcpus[0]), AXVM_VCPU_CREATED);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void a_vm_can_be_booted_and_reset_for_ever_without_losing_a_page(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 2);
    uint64_t before;

    assert_int_equal(axvm_load(vm), AXVM_OK);
    before = hal->live_pages;
    for (unsigned int i = 0; i < 200; i++) {
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        assert_int_equal(axvm_shutdown(vm), AXVM_OK);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(hal->live_pages, before);
    }
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void interrupts_go_to_vcpus_that_are_there(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct axvm_vcpu_set set = { { 3 } }, none = { { 4 } };

    assert_int_equal(axvm_inject(vm, &none, 5), AXVM_ERR_INVAL);
    assert_int_equal(axvm_inject(vm, &set, 100000), AXVM_ERR_INVAL);
    assert_int_equal(axvm_inject(vm, &set, 5), AXVM_OK);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 5);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[1]), 5);
    assert_int_equal(axvm_forward_irq(vm, 77), AXVM_ERR_NOENT);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(vm_create_gives_back_everything_when_an_allocation_fails),
        FAKE_TEST(vm_create_takes_down_what_the_backend_refused),
        FAKE_TEST(loading_survives_each_failing_allocation_and_can_be_repeated),
        FAKE_TEST(wrong_configs_and_hals_are_named_in_the_log),
        FAKE_TEST(each_state_allows_what_it_should_and_nothing_else),
        FAKE_TEST(the_guests_clock_stands_while_it_is_suspended),
        FAKE_TEST(a_referenced_vcpu_keeps_its_vm),
        FAKE_TEST(reset_zeroes_ram_and_resets_vcpus),
        FAKE_TEST(a_vm_can_be_booted_and_reset_for_ever_without_losing_a_page),
        FAKE_TEST(interrupts_go_to_vcpus_that_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
