/* SPDX-License-Identifier: BSD-2-Clause */
/* More interrupts than list registers. hostile-guest.md rows A10, 51. */
#include "vgic_fixture.h"

/* ---- more interrupts than list registers: A10, row 51 ---- */

static void every_spi_at_once_is_taken_in_order_of_priority(void **state)
{
    struct world *w = *state;
    bool taken[1020] = { false };
    unsigned int last = 0;

    for (uint32_t intid = 32; intid < 1020; intid++)
        set_prio(w, intid, (uint8_t)(intid * 37 % 30 * 8));
    for (unsigned int word = 1; word < 32; word++)
        world_write(w, 0, GICD(0x200 + 4 * word), 0xffffffff);
    world_settle(w, 0);
    for (unsigned int n = 0; n < 988; n++) {
        uint32_t intid = world_ack(w, 0);

        assert_true(intid < 1020 && !taken[intid]);
        assert_true(intid * 37 % 30 * 8 >= last);
        last = intid * 37 % 30 * 8;
        taken[intid] = true;
        world_eoi(w, 0, intid);
    }
    assert_int_equal(world_ack(w, 0), NONE);
    assert_int_equal(world_gich(w, 0)->hcr, ICH_HCR_EN); /* and maintenance is off again */
}

static void a_newcomer_of_higher_priority_goes_first(void **state)
{
    struct world *w = *state;

    for (uint32_t intid = 32; intid < 40; intid++)
        inject(w, 0, intid);
    set_prio(w, 50, 0x20);
    inject(w, 0, 50);
    assert_int_equal(world_ack(w, 0), 50);
    world_eoi(w, 0, 50);
    for (uint32_t intid = 32; intid < 40; intid++) {
        uint32_t got = world_ack(w, 0);

        assert_in_range(got, 32, 39);
        world_eoi(w, 0, got);
    }
    assert_int_equal(world_ack(w, 0), NONE);
}

static void nested_interrupts_may_be_more_than_list_registers(void **state)
{
    struct world *w = *state;

    for (uint32_t i = 0; i < 10; i++) {
        set_prio(w, 40 + i, (uint8_t)(0xa0 - 0x10 * i));
        inject(w, 0, 40 + i);
        assert_int_equal(world_ack(w, 0), 40 + i);
        world_settle(w, 0);
    }
    for (uint32_t i = 10; i-- > 0;) {
        assert_int_equal(world_ack(w, 0), NONE);
        world_eoi(w, 0, 40 + i);
    }
    world_settle(w, 0);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0);
    assert_int_equal(world_vgic(w, 0)->active_out, 0);
    /* All can come again. */
    for (uint32_t i = 0; i < 10; i++)
        inject(w, 0, 40 + i);
    assert_int_equal(world_ack(w, 0), 49);
}

/* Ten, of which the last is 49. */
static void nest(struct world *w)
{
    for (uint32_t i = 0; i < 10; i++) {
        set_prio(w, 40 + i, (uint8_t)(0xa0 - 0x10 * i));
        inject(w, 0, 40 + i);
        assert_int_equal(world_ack(w, 0), 40 + i);
        world_settle(w, 0);
    }
}

static void nested_interrupts_survive_switches(void **state)
{
    struct world *w = *state;

    for (unsigned int resident = 0; resident < 2; resident++) {
        nest(w);
        for (uint32_t i = 10; i-- > 0;) {
            world_put(w, 0);
            world_load(w, 0, resident);
            gich_fake_eoi(world_gich(w, 0), 1, 40 + i);
        }
        world_put(w, 0);
        assert_int_equal(world_read(w, 0, GICD(0x304)), 0);
        world_load(w, 0, resident);
    }
}

static void what_was_ended_before_a_switch_is_over(void **state)
{
    struct world *w = *state;

    nest(w);
    /* The last of them is in no list register; the maintenance interrupt has not been taken yet. */
    for (uint32_t i = 10; i-- > 5;)
        gich_fake_eoi(world_gich(w, 0), 1, 40 + i);
    assert_true(gich_fake_maintenance(world_gich(w, 0)));
    world_put(w, 0);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0x1f << 8);
}

static void a_deactivation_while_eois_deactivate_does_nothing(void **state)
{
    struct world *w = *state;

    nest(w);
    world_be(w, 0);
    for (uint32_t i = 0; i < 10; i++) {
        if (!gich_fake_dir(gich_here, 40 + i))
            axvm_vgic_dir(w->vcpu[0], 40 + i);
    }
    world_settle(w, 0);
    assert_int_equal(world_read(w, 0, GICD(0x304)), 0x3ff << 8);
}

static void what_the_guest_has_taken_since_is_not_taken_for_pending(void **state)
{
    struct world *w = *state;

    for (uint32_t intid = 64; intid < 72; intid++)
        set_prio(w, intid, 0x20);
    inject(w, 0, 33);
    assert_int_equal(world_ack(w, 0), 33);
    world_write(w, 0, GICD(0x208), 0xff);
    for (unsigned int n = 0; n < 8; n++) {
        uint32_t intid = world_ack(w, 0);

        assert_in_range(intid, 64, 71);
        world_eoi(w, 0, intid);
    }
    world_eoi(w, 0, 33);
    assert_int_equal(world_ack(w, 0), NONE);
}

/* EOI of what is not active, twice, in the wrong order: whatever it does to the guest, no list register is lost. */
static void a_confused_guest_loses_no_list_registers(void **state)
{
    struct world *w = *state;

    for (unsigned int round = 0; round < 50; round++) {
        uint32_t a, b;

        inject(w, 0, 33);
        set_prio(w, 34, 0x40);
        a = world_ack(w, 0);
        inject(w, 0, 34);
        b = world_ack(w, 0);
        world_eoi(w, 0, a);
        world_eoi(w, 0, 900);
        world_eoi(w, 0, b);
        world_eoi(w, 0, b);
        world_write(w, 0, GICD(0x380 + 4), 0xffffffff);
        world_settle(w, 0);
        memset(world_gich(w, 0)->ap1r, 0, sizeof(world_gich(w, 0)->ap1r));
    }
    for (uint32_t intid = 100; intid < 104; intid++)
        inject(w, 0, intid);
    for (uint32_t n = 0; n < 4; n++) {
        uint32_t intid = world_ack(w, 0);

        assert_in_range(intid, 100, 103);
        world_eoi(w, 0, intid);
    }
}

/* Interrupts of a group that the guest's CPU interface has off must not keep the others from list registers. */
static void a_disabled_group_does_not_block_the_other(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0x84), 0xffff0000); /* 32..47: group 0 */
    gich_fake_set_group(world_gich(w, 0), 0, false);
    for (uint32_t intid = 32; intid < 40; intid++) {
        set_prio(w, intid, 0x10);
        inject(w, 0, intid);
    }
    inject(w, 0, 60);
    assert_int_equal(world_ack(w, 0), 60);
    world_eoi(w, 0, 60);
    gich_fake_set_group(world_gich(w, 0), 0, true);
    world_settle(w, 0);
    assert_in_range(world_ack(w, 0), 32, 39);
}

/* H8: the timer fires when all list registers are in use; what the guest is done with is given up, and is another vCPU's now.
 */
static void what_the_timer_takes_the_place_of_may_wake_another_vcpu(void **state)
{
    struct world *w = *state;
    uint32_t intid = 40;

    for (; world_vgic(w, 0)->used != world_vgic(w, 0)->lr_mask; intid++) {
        set_prio(w, intid, (uint8_t)(0xa0 - 8 * (intid - 40)));
        set_spi(w, intid, true);
        assert_int_equal(world_ack(w, 0), intid);
        if (intid != 40)
            set_spi(w, intid, false);
    }
    route(w, 40, 1);
    world_settle_all(w);
    while (intid-- > 40)
        gich_fake_eoi(world_gich(w, 0), 1, intid);
    world_put(w, 1);
    atomic_store(&w->vm.wake_trap, AXVM_TRAP_RESUME);
    assert_false(pending_at(w, 1));
    world_be(w, 0);
    assert_int_equal(axvm_vgic_forward_ppi(w->vcpu[0], 27, 27), AXVM_TRAP_REQUEST);
    assert_true(pending_at(w, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_spi_at_once_is_taken_in_order_of_priority, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_newcomer_of_higher_priority_goes_first, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(nested_interrupts_may_be_more_than_list_registers, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(nested_interrupts_survive_switches, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(what_was_ended_before_a_switch_is_over, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_deactivation_while_eois_deactivate_does_nothing, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(what_the_guest_has_taken_since_is_not_taken_for_pending, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_confused_guest_loses_no_list_registers, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(a_disabled_group_does_not_block_the_other, one_vcpu, teardown),
        cmocka_unit_test_setup_teardown(what_the_timer_takes_the_place_of_may_wake_another_vcpu, two_vcpus, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
