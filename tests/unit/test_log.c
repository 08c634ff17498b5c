/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines about guests: what they look like, and that a guest cannot flood the log. Row 89. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "vm_priv.h"

#define SECOND UINT64_C(1000000000)

static struct axvm *named(struct fake_hal *hal, const char *name)
{
    const struct axvm_config cfg = { .name = name, .flags = AXVM_VM_NO_DEFAULT_DEVICES, .ram_kind = AXVM_REGION_TOUCH };

    return fake_vm_of(hal, &cfg);
}

static void a_line_says_which_vm_and_what_value(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = named(hal, "web");

    axvm_log_guest(vm, AXVM_LOG_WARN, "odd register", UINT64_C(0x12ab));
    assert_string_equal(hal->last_line, "vm web: odd register 0x12ab");
    axvm_log_guest(vm, AXVM_LOG_WARN, "zero", 0);
    assert_string_equal(hal->last_line, "vm web: zero 0x0");
    axvm_log_guest(vm, AXVM_LOG_WARN, "all", UINT64_MAX);
    assert_string_equal(hal->last_line, "vm web: all 0xffffffffffffffff");
    assert_int_equal(axvm_destroy(vm), 0);
}

static void the_longest_names_and_messages_fit(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = named(hal, "a name that is a good deal longer than thirty-one characters");
    char msg[500];

    memset(msg, 'm', sizeof(msg) - 1);
    msg[sizeof(msg) - 1] = '\0';
    vm->log_suppressed = UINT32_MAX;
    axvm_log_guest(vm, AXVM_LOG_WARN, msg, UINT64_MAX);
    assert_non_null(strstr(hal->last_line, "a name that is a good deal long:"));
    assert_non_null(strstr(hal->last_line, "0xffffffffffffffff"));
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_vm_without_a_name_is_called_vm(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = named(hal, NULL);

    assert_string_equal(axvm_name(vm), "vm");
    assert_int_equal(axvm_destroy(vm), 0);
    vm = named(hal, "");
    assert_string_equal(axvm_name(vm), "vm");
    assert_int_equal(axvm_destroy(vm), 0);
}

static uint64_t lines_of(struct fake_hal *hal, struct axvm *vm, unsigned int tries)
{
    uint64_t before = hal->log_lines;

    for (unsigned int i = 0; i < tries; i++)
        axvm_log_guest(vm, AXVM_LOG_WARN, "again", i);
    return hal->log_lines - before;
}

static void a_guest_that_is_odd_in_a_loop_is_logged_now_and_then(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = named(hal, "loop");

    assert_int_equal(lines_of(hal, vm, 10000), 8);
    hal->now_ns += SECOND / 2;
    assert_int_equal(lines_of(hal, vm, 100), 0);
    hal->now_ns += SECOND / 2;
    assert_int_equal(lines_of(hal, vm, 100), 1);
    assert_non_null(strstr(hal->last_line, "lines suppressed"));
    hal->now_ns += 3 * SECOND;
    assert_int_equal(lines_of(hal, vm, 100), 3);
    hal->now_ns += 1000 * SECOND;
    assert_int_equal(lines_of(hal, vm, 100), 8);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void one_loud_guest_does_not_silence_another(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *loud = named(hal, "loud"), *quiet = named(hal, "quiet");

    lines_of(hal, loud, 1000);
    assert_int_equal(lines_of(hal, quiet, 1), 1);
    assert_int_equal(axvm_destroy(loud), 0);
    assert_int_equal(axvm_destroy(quiet), 0);
}

/* H6 */
static void a_clock_that_jumps_back_does_not_silence_a_vm_for_ever(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = named(hal, "jump");

    hal->now_ns = UINT64_C(1) << 62;
    lines_of(hal, vm, 100);
    hal->now_ns = SECOND;
    assert_int_equal(lines_of(hal, vm, 100), 8);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_host_without_a_log_is_not_called(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm;

    hal->ops.log = NULL;
    vm = named(hal, "mute");
    axvm_log_guest(vm, AXVM_LOG_ERROR, "nobody hears this", 1);
    axvm_log(&vm->hal, AXVM_LOG_ERROR, "nor this");
    assert_int_equal(hal->log_lines, 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void every_code_has_a_name_and_no_other_number_has(void **state)
{
    (void)state;
    assert_string_equal(axvm_err_name(AXVM_OK), "OK");
    assert_string_equal(axvm_err_name(AXVM_ERR_NOMEM), "NOMEM");
    assert_string_equal(axvm_err_name(AXVM_ERR_AGAIN), "AGAIN");
    assert_string_equal(axvm_err_name(-9), "?");
    assert_string_equal(axvm_err_name(-34), "?");
    assert_string_equal(axvm_err_name(1), "?");
    assert_string_equal(axvm_err_name(INT32_MIN), "?");
    for (unsigned int i = 0; i < AXVM_EXIT_REASONS; i++)
        assert_string_not_equal(axvm_exit_name((enum axvm_exit_reason)i), "?");
    assert_string_equal(axvm_exit_name(AXVM_EXIT_REASONS), "?");
    for (unsigned int i = 0; i < AXVM_STATS; i++)
        assert_string_not_equal(axvm_stat_name((enum axvm_stat)i), "?");
    assert_string_equal(axvm_stat_name(AXVM_STATS), "?");
    assert_string_equal(axvm_state_name(AXVM_STOPPED), "STOPPED");
    assert_string_equal(axvm_state_name((enum axvm_state)6), "?");
    assert_string_equal(axvm_vcpu_state_name(AXVM_VCPU_BLOCKED), "BLOCKED");
    assert_string_equal(axvm_vcpu_state_name((enum axvm_vcpu_state) - 1), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_line_says_which_vm_and_what_value),     FAKE_TEST(the_longest_names_and_messages_fit),
        FAKE_TEST(a_vm_without_a_name_is_called_vm),        FAKE_TEST(a_guest_that_is_odd_in_a_loop_is_logged_now_and_then),
        FAKE_TEST(one_loud_guest_does_not_silence_another), FAKE_TEST(a_clock_that_jumps_back_does_not_silence_a_vm_for_ever),
        FAKE_TEST(a_host_without_a_log_is_not_called),      FAKE_TEST(every_code_has_a_name_and_no_other_number_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
