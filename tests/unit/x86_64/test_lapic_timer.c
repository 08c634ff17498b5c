/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers of local APICs, case by case. hostile-guest.md rows 58, 74, X3. */
#include "lapic_fixture.h"

/* ---- 58, 74, X3: the timer ---- */

static void pass(uint64_t ns)
{
    world.now += ns;
    for (uint32_t id = 0; id < world.set.count; id++)
        axvm_lapic_timer_poll(&world.apic[id], world.now);
}

static void one_shot_counts_down_fires_once_and_stays_at_zero(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, 0x40);
    store(0, 0x3e0, 0xb);
    store(0, 0x380, 1000);
    pass(999);
    assert_int_equal(load(0, 0x390), 1);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    pass(1);
    assert_int_equal(load(0, 0x390), 0);
    assert_int_equal(take(0), 0x40);
    store(0, 0xb0, 0);
    store(0, 0x320, PERIODIC | 0x40); /* too late */
    pass(1000000);
    assert_int_equal(load(0, 0x390), 0);
    assert_int_equal(load(0, 0x380), 1000);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
}

static void each_divider_divides(void **state)
{
    static const struct {
        uint32_t reg, by;
    } table[] = { { 0x0, 2 }, { 0x1, 4 }, { 0x2, 8 }, { 0x3, 16 }, { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 } };

    (void)state;
    enable(0);
    store(0, 0x320, 0x40);
    for (size_t i = 0; i < 8; i++) {
        store(0, 0x3e0, table[i].reg | 0xfffffff4);
        assert_int_equal(load(0, 0x3e0), table[i].reg);
        store(0, 0x380, 100);
        assert_int_equal(axvm_lapic_deadline(&world.apic[0]), world.now + 100 * table[i].by);
        pass(table[i].by);
        assert_int_equal(load(0, 0x390), 99);
    }
}

static void a_periodic_timer_has_a_floor(void **state)
{
    uint32_t fired = 0;

    (void)state;
    enable(0);
    store(0, 0x320, PERIODIC | 0x40);
    store(0, 0x3e0, 0xb);
    store(0, 0x380, 1);
    for (int i = 0; i < 100000; i++) {
        pass(10);
        assert_in_range(load(0, 0x390), 0, 1);
        if (take(0) == 0x40) {
            fired++;
            store(0, 0xb0, 0);
        }
    }
    assert_int_equal(fired, 1000000 / AXVM_LAPIC_MIN_PERIOD_NS);
}

static void periods_that_nobody_saw_are_one_interrupt_and_the_phase_stays(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, PERIODIC | 0x40);
    store(0, 0x3e0, 0xb);
    store(0, 0x380, 100000);
    pass(1050000);
    assert_int_equal(take(0), 0x40);
    store(0, 0xb0, 0);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    assert_int_equal(load(0, 0x390), 50000);
}

static void an_initial_count_of_zero_stops(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, PERIODIC | 0x40);
    store(0, 0x380, 100000);
    store(0, 0x380, 0);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), AXVM_TIME_NEVER);
    pass(10000000);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
}

static void a_masked_timer_runs_but_wakes_nobody(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, MASKED | PERIODIC | 0x40);
    store(0, 0x3e0, 0xb);
    store(0, 0x380, 100000);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), AXVM_TIME_NEVER);
    world.now += 250000;
    assert_int_equal(load(0, 0x390), 50000);
    store(0, 0x320, PERIODIC | 0x40);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), world.now + 50000);
}

static void the_fourth_timer_mode_is_stored_and_does_nothing(void **state) /* X3 */
{
    (void)state;
    enable(0);
    store(0, 0x320, 0x60040);
    assert_int_equal(load(0, 0x320), 0x60040);
    store(0, 0x380, 1000);
    assert_int_equal(load(0, 0x390), 0);
    assert_int_equal(load(0, 0x380), 0);
    assert_int_equal(wrmsr(0, 0x6e0, 5000), AXVM_OK);
    assert_int_equal(msr_of(0, 0x6e0), 0);
    pass(100000);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
}

static void a_timer_with_an_illegal_vector_is_an_error(void **state) /* X3 */
{
    (void)state;
    enable(0);
    store(0, 0x320, 0);
    store(0, 0x380, 1000);
    pass(10000);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    assert_int_equal(errors_of(0), ESR_RECEIVE_ILLEGAL);
}

static void a_deadline_fires_once_and_reads_as_zero_then(void **state)
{
    (void)state;
    enable(0);
    assert_int_equal(wrmsr(0, 0x6e0, world.now), AXVM_OK); /* not in this mode */
    assert_int_equal(msr_of(0, 0x6e0), 0);
    store(0, 0x320, TSC_DEADLINE | 0x40);
    assert_int_equal(wrmsr(0, 0x6e0, world.now + 500), AXVM_OK);
    assert_int_equal(msr_of(0, 0x6e0), world.now + 500);
    pass(499);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    pass(1);
    assert_int_equal(take(0), 0x40);
    store(0, 0xb0, 0);
    assert_int_equal(msr_of(0, 0x6e0), 0);
    assert_int_equal(wrmsr(0, 0x6e0, 1), AXVM_OK); /* long ago */
    pass(0);
    assert_int_equal(take(0), 0x40);
    store(0, 0xb0, 0);
    assert_int_equal(wrmsr(0, 0x6e0, UINT64_MAX), AXVM_OK);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), AXVM_TIME_NEVER);
    assert_int_equal(wrmsr(0, 0x6e0, 0), AXVM_OK);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), AXVM_TIME_NEVER);
}

static void to_and_from_deadline_mode_disarms(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, TSC_DEADLINE | 0x40);
    assert_int_equal(wrmsr(0, 0x6e0, world.now + 500), AXVM_OK);
    store(0, 0x320, TSC_DEADLINE | 0x41); /* not a change of mode */
    assert_int_equal(msr_of(0, 0x6e0), world.now + 500);
    store(0, 0x320, 0x40);
    store(0, 0x320, TSC_DEADLINE | 0x40);
    assert_int_equal(msr_of(0, 0x6e0), 0);
    store(0, 0x320, PERIODIC | 0x40);
    store(0, 0x380, 100000);
    store(0, 0x320, TSC_DEADLINE | 0x40);
    pass(1000000);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
}

static void without_deadline_mode_there_is_no_deadline(void **state)
{
    uint64_t val;

    (void)state;
    world.set.tsc_deadline = false;
    enable(0);
    store(0, 0x320, TSC_DEADLINE | 0x40);
    assert_int_equal(load(0, 0x320), 0x40);
    assert_int_equal(rdmsr(0, 0x6e0, &val), AXVM_ERR_GUEST);
    assert_int_equal(wrmsr(0, 0x6e0, 1), AXVM_ERR_GUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_shot_counts_down_fires_once_and_stays_at_zero, setup),
        cmocka_unit_test_setup(each_divider_divides, setup),
        cmocka_unit_test_setup(a_periodic_timer_has_a_floor, setup),
        cmocka_unit_test_setup(periods_that_nobody_saw_are_one_interrupt_and_the_phase_stays, setup),
        cmocka_unit_test_setup(an_initial_count_of_zero_stops, setup),
        cmocka_unit_test_setup(a_masked_timer_runs_but_wakes_nobody, setup),
        cmocka_unit_test_setup(the_fourth_timer_mode_is_stored_and_does_nothing, setup),
        cmocka_unit_test_setup(a_timer_with_an_illegal_vector_is_an_error, setup),
        cmocka_unit_test_setup(a_deadline_fires_once_and_reads_as_zero_then, setup),
        cmocka_unit_test_setup(to_and_from_deadline_mode_disarms, setup),
        cmocka_unit_test_setup(without_deadline_mode_there_is_no_deadline, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
