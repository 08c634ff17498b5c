/* SPDX-License-Identifier: BSD-2-Clause */
/* Timer ticks in nanoseconds, at frequencies that real counters have and at those that a wild host reports (H6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <axvm/types.h>

#include "ticks.h"

#define NS_PER_S UINT64_C(1000000000)

static void whole_seconds_are_exact(void **state)
{
    static const uint64_t freqs[] = { 1, 10000000, 24000000, 62500000, 1000000000, UINT64_C(1) << 33 };

    (void)state;
    for (unsigned int i = 0; i < sizeof(freqs) / sizeof(freqs[0]); i++) {
        assert_int_equal(axvm_ticks_to_ns(0, freqs[i]), 0);
        assert_int_equal(axvm_ticks_to_ns(freqs[i], freqs[i]), NS_PER_S);
        assert_int_equal(axvm_ticks_to_ns(3600 * freqs[i], freqs[i]), 3600 * NS_PER_S);
    }
}

static void parts_of_a_second_are_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(axvm_ticks_to_ns(1, 62500000), 16);
    assert_int_equal(axvm_ticks_to_ns(1, 3), 333333333);
    assert_int_equal(axvm_ticks_to_ns(5, 3), NS_PER_S + 666666666);
}

static void what_does_not_fit_is_never(void **state)
{
    (void)state;
    assert_int_equal(axvm_ticks_to_ns(UINT64_MAX, 1), AXVM_TIME_NEVER);
    assert_int_equal(axvm_ticks_to_ns(UINT64_MAX, 62500000), AXVM_TIME_NEVER);
    assert_true(axvm_ticks_to_ns(UINT64_MAX, NS_PER_S) >= UINT64_MAX - NS_PER_S);
}

static void no_frequency_divides_by_zero(void **state)
{
    (void)state;
    assert_int_equal(axvm_ticks_to_ns(5, 0), AXVM_TIME_NEVER);
    assert_int_equal(axvm_ticks_to_ns(UINT64_C(1) << 41, UINT64_C(1) << 40), 2 * NS_PER_S);
    for (unsigned int bit = 0; bit < 64; bit++)
        (void)axvm_ticks_to_ns(UINT64_MAX, UINT64_C(1) << bit);
}

static void nanoseconds_become_ticks_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(axvm_ns_to_ticks(16, 62500000), 1);
    assert_int_equal(axvm_ns_to_ticks(15, 62500000), 0);
    assert_int_equal(axvm_ns_to_ticks(3 * NS_PER_S + 1, NS_PER_S), 3 * NS_PER_S + 1);
    assert_int_equal(axvm_ns_to_ticks(5, 0), 0);
    assert_int_equal(axvm_ns_to_ticks(UINT64_MAX, UINT64_C(1) << 33), UINT64_MAX);
    assert_int_equal(axvm_ns_to_ticks(1, UINT64_MAX), UINT64_MAX);
    for (unsigned int bit = 0; bit < 64; bit++)
        (void)axvm_ns_to_ticks(UINT64_MAX, UINT64_C(1) << bit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_seconds_are_exact),
        cmocka_unit_test(parts_of_a_second_are_rounded_down),
        cmocka_unit_test(what_does_not_fit_is_never),
        cmocka_unit_test(no_frequency_divides_by_zero),
        cmocka_unit_test(nanoseconds_become_ticks_rounded_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
