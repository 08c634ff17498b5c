/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware, the keyboard controller, and the ways in which a guest ends its machine. hostile-guest.md rows 1, 85. */
#include "pc_fixture.h"

#include "../../../src/devices/acpi_pm.h"
#include "../../../src/devices/i8042.h"

#define SCI 40u
#define BASE 0x600u

static int setup(void **state)
{
    const struct axvm_acpi_pm_config cfg = { .base = BASE, .sci = SCI, .has_sci = true, .slp_typ_s5 = 5 };
    struct pc *b;

    if (pc_setup(state) != 0)
        return -1;
    b = *state;
    return axvm_acpi_pm_create(b->vm, &cfg) != AXVM_OK || axvm_i8042_create(b->vm) != AXVM_OK;
}

static void the_timer_counts_3579545_in_a_second(void **state)
{
    struct pc *b = *state;
    uint32_t was = (uint32_t)pc_in(b, BASE + 8, 4);

    for (unsigned int i = 0; i < 5000; i++) {
        uint32_t is;

        b->hal->now_ns += NS_PER_S;
        is = (uint32_t)pc_in(b, BASE + 8, 4);
        assert_int_equal((uint32_t)(is - was), 3579545); /* across its end, too */
        was = is;
    }
    b->hal->now_ns += 1000000;
    assert_in_range((uint32_t)pc_in(b, BASE + 8, 4) - was, 3579, 3580);
}

static void its_bytes_can_be_read_one_by_one(void **state)
{
    struct pc *b = *state;
    uint64_t v;

    b->hal->now_ns += 123456789012;
    v = pc_in(b, BASE + 8, 4);
    assert_int_equal(pc_in(b, BASE + 8, 2), v & 0xffff);
    assert_int_equal(pc_in(b, BASE + 10, 2), v >> 16);
    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(pc_in(b, (uint16_t)(BASE + 8 + i), 1), v >> 8 * i & 0xff);
    pc_out(b, BASE + 8, 4, 0); /* read-only */
    assert_int_equal(pc_in(b, BASE + 8, 4), v);
}

static void a_change_of_the_timers_highest_bit_interrupts(void **state)
{
    const uint64_t half = (UINT64_C(1) << 31) * NS_PER_S / 3579545;
    struct pc *b = *state;

    pc_out(b, BASE, 2, 0xffff);
    pc_out(b, BASE + 2, 2, 1);
    pc_run_to(b, half - 1000000);
    assert_false(pc_irq(b, SCI));
    for (unsigned int i = 1; i < 10; i++) {
        pc_run_to(b, half * i + 1000000);
        assert_true(pc_irq(b, SCI));
        assert_int_equal(pc_in(b, BASE, 2), 1);
        assert_int_equal(axvm_timers_deadline(b->vm), AXVM_TIME_NEVER); /* until it is taken */
        pc_out(b, BASE, 2, 1);
        assert_false(pc_irq(b, SCI));
        assert_int_equal(pc_in(b, BASE, 2), 0);
    }
    pc_out(b, BASE + 2, 2, 0);
    pc_run_to(b, half * 11);
    assert_false(pc_irq(b, SCI));
    assert_int_equal(pc_in(b, BASE, 2), 1); /* the status is there all the same */
    pc_out(b, BASE + 2, 2, 1);
    assert_true(pc_irq(b, SCI));
}

static void the_machine_is_in_acpi_mode_always(void **state)
{
    struct pc *b = *state;

    assert_int_equal(pc_in(b, BASE + 4, 2), 1);
    pc_out(b, BASE + 4, 2, 0);
    assert_int_equal(pc_in(b, BASE + 4, 2), 1);
    pc_out(b, BASE + 4, 2, 0x1403);
    assert_int_equal(pc_in(b, BASE + 4, 2), 0x1403);
}

static void registers_can_be_accessed_in_parts(void **state)
{
    struct pc *b = *state;

    pc_out(b, BASE + 2, 2, 0x0721);
    assert_int_equal(pc_in(b, BASE, 4), 0x07210000);
    pc_out(b, BASE + 3, 1, 0);
    assert_int_equal(pc_in(b, BASE + 2, 2), 0x0021);
    pc_out(b, BASE, 4, 0x01000000); /* status and enable at once */
    assert_int_equal(pc_in(b, BASE + 2, 2), 0x0100);
    assert_int_equal(pc_in(b, BASE + 6, 4), 0xffffffff); /* over the end of the block */
    assert_int_equal(pc_in(b, BASE + 12, 4), 0);
}

static void soft_off_powers_the_machine_off(void **state)
{
    struct pc *b = *state;

    pc_assert_ends(b, BASE + 4, 2, 0x2000 | 5 << 10, AXVM_EXIT_SYSTEM_OFF);
    pc_assert_ends(b, BASE + 4, 4, 0x2000 | 5 << 10, AXVM_EXIT_SYSTEM_OFF);
    pc_assert_ends(b, BASE + 5, 1, 0x20 | 5 << 2, AXVM_EXIT_SYSTEM_OFF);
    /* As Linux does it: first the type, then with SLP_EN. */
    pc_out(b, BASE + 4, 2, 5 << 10);
    pc_assert_ends(b, BASE + 4, 2, 0x2000 | 5 << 10, AXVM_EXIT_SYSTEM_OFF);
    for (unsigned int typ = 0; typ < 8; typ++) {
        if (typ != 5)
            pc_out(b, BASE + 4, 2, 0x2000 | typ << 10); /* no such sleep: nothing happens */
    }
    assert_int_equal(pc_in(b, BASE + 4, 2) & 0x2000, 0);
}

static void the_reset_register_resets(void **state)
{
    struct pc *b = *state;

    pc_assert_ends(b, 0xcf9, 1, 0x06, AXVM_EXIT_SYSTEM_RESET);
    axvm_bus_reset_devices(b->vm);
    pc_out(b, 0xcf9, 1, 0x02);
    assert_int_equal(pc_in(b, 0xcf9, 1), 0x02);
    pc_assert_ends(b, 0xcf9, 1, 0x0e, AXVM_EXIT_SYSTEM_RESET);
}

static void there_is_no_pci(void **state)
{
    struct pc *b = *state;

    pc_out(b, 0xcf8, 4, 0x80000006); /* no write of 0xcf9 */
    assert_int_equal(pc_in(b, 0xcf8, 4), 0xffffffff);
    assert_int_equal(pc_in(b, 0xcfc, 4), 0xffffffff);
    assert_int_equal(pc_in(b, 0xcfe, 2), 0xffff);
    assert_int_equal(pc_in(b, 0xcfb, 1), 0xff);
}

static void the_keyboard_controller_resets(void **state)
{
    struct pc *b = *state;

    pc_assert_ends(b, 0x64, 1, 0xfe, AXVM_EXIT_SYSTEM_RESET);
    pc_assert_ends(b, 0x64, 1, 0xf0, AXVM_EXIT_SYSTEM_RESET);
    pc_out(b, 0x64, 1, 0xff); /* pulses nothing */
    pc_out(b, 0x64, 1, 0xd1);
    pc_assert_ends(b, 0x60, 1, 0xde, AXVM_EXIT_SYSTEM_RESET);
    pc_assert_ends(b, 0x92, 1, 0x01, AXVM_EXIT_SYSTEM_RESET);
}

static void the_a20_gate_reads_as_it_is_set(void **state)
{
    struct pc *b = *state;

    assert_int_equal(pc_in(b, 0x92, 1) & 2, 2);
    pc_out(b, 0x92, 1, 0);
    assert_int_equal(pc_in(b, 0x92, 1) & 2, 0);
    pc_out(b, 0x64, 1, 0xd1);
    pc_out(b, 0x60, 1, 0xdf);
    pc_out(b, 0x64, 1, 0xd0);
    assert_int_equal(pc_in(b, 0x64, 1) & 1, 1);
    assert_int_equal(pc_in(b, 0x60, 1), 0xdf);
    assert_int_equal(pc_in(b, 0x64, 1) & 1, 0);
}

static void the_keyboard_controller_passes_its_tests_and_has_no_keyboard(void **state)
{
    struct pc *b = *state;

    assert_int_equal(pc_in(b, 0x64, 1) & 3, 0); /* nothing to read, ready for commands */
    pc_out(b, 0x64, 1, 0xaa);
    assert_int_equal(pc_in(b, 0x64, 1) & 5, 5);
    assert_int_equal(pc_in(b, 0x60, 1), 0x55);
    pc_out(b, 0x64, 1, 0xab);
    assert_int_equal(pc_in(b, 0x60, 1), 0);
    pc_out(b, 0x64, 1, 0x60);
    pc_out(b, 0x60, 1, 0x47);
    pc_out(b, 0x64, 1, 0x20);
    assert_int_equal(pc_in(b, 0x60, 1), 0x47);
    pc_out(b, 0x60, 1, 0xff); /* reset the keyboard */
    assert_int_equal(pc_in(b, 0x64, 1) & 0x41, 0x41);
    assert_int_equal(pc_in(b, 0x60, 1), 0xfe);
    pc_out(b, 0x64, 1, 0xd3);
    pc_out(b, 0x60, 1, 0x5a);
    assert_int_equal(pc_in(b, 0x64, 1) & 0x21, 0x21);
    assert_int_equal(pc_in(b, 0x60, 1), 0x5a);
}

static void port_80_takes_what_is_written(void **state)
{
    struct pc *b = *state;

    pc_out(b, 0x80, 1, 0x5a);
    assert_int_equal(pc_in(b, 0x80, 1), 0x5a);
}

static int off_guest(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    const uint64_t val = *(const uint64_t *)arg;
    const uint64_t vals[1] = { val };

    (void)exit;
    assert_int_equal(vcpu->arch.entries, 1); /* it is never entered again */
    return fake_guest_access(vcpu, AXVM_BUS_PORT, val == 6 ? 0xcf9 : BASE + 4, val == 6 ? 1 : 2, 1, true, vals);
}

static void ends_with(struct pc *b, uint64_t val, enum axvm_exit_reason reason)
{
    struct axvm_exit exit;

    fake_guest_set(b->vm, 0, off_guest, &val);
    assert_int_equal(axvm_boot(b->vm), AXVM_OK);
    assert_int_equal(axvm_run_vcpu(b->vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, reason);
    assert_int_equal(axvm_get_state(b->vm), AXVM_STOPPED);
    assert_int_equal(axvm_run_vcpu(b->vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_SHUTDOWN);
}

static void the_vcpu_that_turns_the_machine_off_comes_back_with_that(void **state)
{
    ends_with(*state, 0x2000 | 5 << 10, AXVM_EXIT_SYSTEM_OFF);
}

static void a_guest_that_resets_can_be_booted_again(void **state)
{
    struct pc *b = *state;

    for (unsigned int i = 0; i < 3; i++) {
        ends_with(b, 6, AXVM_EXIT_SYSTEM_RESET);
        assert_int_equal(axvm_reset(b->vm), AXVM_OK);
        b->vm->vcpus[0]->arch.entries = 0;
    }
}

static void anything_written_anywhere_is_survived(void **state)
{
    static const uint16_t ports[] = { 0x60, 0x64, 0x92, 0xcf8, 0xcf9, 0xcfc };
    struct pc *b = *state;

    srand(11);
    for (unsigned int i = 0; i < 300000; i++) {
        uint64_t val = (uint64_t)rand();
        uint16_t at = rand() % 2 ? ports[(unsigned int)rand() % 6] : (uint16_t)(BASE - 4 + rand() % 24);

        pc_port(b, at, 1u << rand() % 3, rand() % 2, rand() % 2, &val);
        if (rand() % 64 == 0)
            pc_run_for(b, (uint64_t)rand() << rand() % 16);
    }
}

static void say(struct pc *b, const char *word, size_t letters)
{
    for (size_t i = 0; i < letters; i++)
        pc_out(b, 0x8900, 1, (uint8_t)word[i]);
}

static void bochs_word_for_turning_off_turns_it_off(void **state)
{
    struct pc *b = *state;

    say(b, "SShutdow", 8);
    pc_assert_ends(b, 0x8900, 1, 'n', AXVM_EXIT_SYSTEM_OFF);
    assert_int_equal(pc_in(b, 0x8900, 1), 0xff);
    say(b, "Shutdow", 7); /* and again */
    pc_assert_ends(b, 0x8900, 1, 'n', AXVM_EXIT_SYSTEM_OFF);
}

/* Row 1: whatever a sweep of all ports writes there. */
static void other_words_do_not_turn_it_off(void **state)
{
    struct pc *b = *state;
    struct axvm_device *dev = axvm_device_next(b->vm, NULL);

    while (strcmp(dev->ops->name, "acpi-pm") != 0)
        dev = axvm_device_next(b->vm, dev);
    say(b, "shutdown", 8);
    say(b, "Shutdowm", 8);
    say(b, "n", 1);
    say(b, "Shutdow", 7);
    dev->ops->reset(dev);
    say(b, "n", 1);
    for (unsigned int i = 0; i < 256; i++)
        pc_out(b, 0x8900, 1, i);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pc_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_timer_counts_3579545_in_a_second),
        TEST(its_bytes_can_be_read_one_by_one),
        TEST(a_change_of_the_timers_highest_bit_interrupts),
        TEST(the_machine_is_in_acpi_mode_always),
        TEST(registers_can_be_accessed_in_parts),
        TEST(soft_off_powers_the_machine_off),
        TEST(the_reset_register_resets),
        TEST(there_is_no_pci),
        TEST(the_keyboard_controller_resets),
        TEST(the_a20_gate_reads_as_it_is_set),
        TEST(the_keyboard_controller_passes_its_tests_and_has_no_keyboard),
        TEST(port_80_takes_what_is_written),
        TEST(the_vcpu_that_turns_the_machine_off_comes_back_with_that),
        TEST(a_guest_that_resets_can_be_booted_again),
        TEST(bochs_word_for_turning_off_turns_it_off),
        TEST(other_words_do_not_turn_it_off),
        TEST(anything_written_anywhere_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
