/* SPDX-License-Identifier: BSD-2-Clause */
/* What kernels ask QEMU's firmware configuration device. hostile-guest.md rows 1, 86. */
#include "pc_fixture.h"

#include "../../../src/devices/fw_cfg.h"

#define SELECT 0x510u
#define DATA 0x511u

static int setup(void **state)
{
    const struct axvm_fw_cfg_config cfg = { .ram_size = UINT64_C(0x123456789a000000), .cpus = 0x1234 };
    struct pc *b;

    if (pc_setup(state) != 0)
        return -1;
    b = *state;
    return axvm_fw_cfg_create(b->vm, &cfg) != AXVM_OK;
}

static uint64_t read_bytes(struct pc *b, unsigned int bytes)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < bytes; i++)
        v |= pc_in(b, DATA, 1) << 8 * i;
    return v;
}

static uint64_t item(struct pc *b, uint16_t key, unsigned int bytes)
{
    pc_out(b, SELECT, 2, key);
    return read_bytes(b, bytes);
}

static void it_says_who_it_is(void **state)
{
    struct pc *b = *state;

    assert_int_equal(read_bytes(b, 4), 0x554d4551); /* selected from the start: "QEMU" */
    assert_int_equal(item(b, 0, 4), 0x554d4551);
    assert_int_equal(item(b, 1, 4), 1); /* no DMA */
}

static void it_counts_cpus_and_memory(void **state)
{
    struct pc *b = *state;

    assert_int_equal(item(b, 5, 2), 0x1234);
    assert_int_equal(item(b, 0x0f, 2), 0x1234);
    assert_true(item(b, 3, 8) == UINT64_C(0x123456789a000000));
}

static void it_has_no_files(void **state)
{
    assert_int_equal(item(*state, 0x19, 4), 0); /* the number of them */
}

static void selecting_begins_an_item_anew(void **state)
{
    struct pc *b = *state;

    assert_int_equal(item(b, 5, 1), 0x34);
    assert_int_equal(item(b, 5, 2), 0x1234);
    assert_int_equal(item(b, 0x4005, 2), 0x1234); /* to be written */
    assert_int_equal(item(b, 0x8005, 2), 0);      /* another one */
}

static void past_the_end_are_zeros_for_ever(void **state)
{
    struct pc *b = *state;

    item(b, 3, 8);
    for (unsigned int i = 0; i < 1000; i++)
        assert_int_equal(pc_in(b, DATA, 1), 0);
}

static void what_no_item_is_reads_as_zeros(void **state)
{
    for (uint32_t key = 0x10; key < 0x10000; key++) {
        if ((key & ~0x4000u) >= 0x10)
            assert_true(item(*state, (uint16_t)key, 8) == 0);
    }
}

static void nothing_can_be_written(void **state)
{
    struct pc *b = *state;

    pc_out(b, SELECT, 2, 5);
    pc_out(b, DATA, 1, 0xff);
    pc_out(b, SELECT, 1, 3); /* half a number selects nothing */
    assert_int_equal(read_bytes(b, 2), 0x1234);
    assert_int_equal(pc_in(b, SELECT, 1), 0xff);
    assert_int_equal(pc_in(b, SELECT, 2), 0xffff);
}

static void reset_selects_the_signature(void **state)
{
    struct pc *b = *state;
    struct axvm_device *dev = axvm_device_next(b->vm, NULL);

    while (strcmp(dev->ops->name, "fw-cfg") != 0)
        dev = axvm_device_next(b->vm, dev);
    item(b, 5, 1);
    dev->ops->reset(dev);
    assert_int_equal(read_bytes(b, 4), 0x554d4551);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_says_who_it_is, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(it_counts_cpus_and_memory, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(it_has_no_files, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(selecting_begins_an_item_anew, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(past_the_end_are_zeros_for_ever, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(what_no_item_is_reads_as_zeros, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(nothing_can_be_written, setup, pc_teardown),
        cmocka_unit_test_setup_teardown(reset_selects_the_signature, setup, pc_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
