/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts between local APICs, case by case. hostile-guest.md rows 73, X5, X6. */
#include "lapic_fixture.h"

/* ---- 73, X5, X6: ICR ---- */

static void every_destination_without_an_apic_is_ignored(void **state)
{
    (void)state;
    for (uint32_t dest = 4; dest < 255; dest++) {
        for (uint32_t delivery = 0; delivery < 8; delivery++)
            send(0, dest, 0x4000 | delivery << 8 | 0x55);
    }
    assert_int_equal(errors_of(0), 0);
    enter_x2apic(0);
    for (unsigned int bit = 2; bit < 32; bit++) {
        assert_int_equal(wrmsr(0, 0x830, 1ull << (32 + bit) | 0x4055), AXVM_OK);
        assert_int_equal(wrmsr(0, 0x830, 1ull << (32 + bit) | 0x4455), AXVM_OK);
    }
    assert_int_equal(world.event_count, 0);
    for (uint32_t id = 0; id < 4; id++)
        assert_int_equal(take(id), AXVM_LAPIC_NONE);
}

static void illegal_vectors_are_not_sent(void **state)
{
    (void)state;
    enable(1);
    for (uint32_t vector = 0; vector < 16; vector++) {
        send(0, 1, 0x4000 | vector);
        assert_int_equal(errors_of(0), ESR_SEND_ILLEGAL);
        send(0, 1, 0x4100 | vector);
        assert_int_equal(errors_of(0), ESR_SEND_ILLEGAL);
        send(0, 1, 0x4400 | vector); /* an NMI has none */
        assert_int_equal(errors_of(0), 0);
    }
    assert_int_equal(errors_of(1), 0);
    assert_int_equal(world.event_count, 16);
    assert_int_equal(take(1), AXVM_LAPIC_NONE);
}

static void shorthands_are_for_fixed_interrupts_only_if_they_include_self(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 4; id++)
        enable(id);
    for (uint32_t delivery = 1; delivery < 8; delivery++) {
        store(0, 0x300, 0x40000 | delivery << 8 | 0x60);
        store(0, 0x300, 0x80000 | delivery << 8 | 0x60);
    }
    assert_int_equal(world.event_count, 0);
    for (uint32_t id = 0; id < 4; id++)
        assert_int_equal(take(id), AXVM_LAPIC_NONE);
    store(0, 0x300, 0x80000 | 0x61);
    for (uint32_t id = 0; id < 4; id++)
        assert_int_equal(take(id), 0x61);
    store(0, 0x300, 0xc0000 | 0x72);
    for (uint32_t id = 0; id < 4; id++)
        assert_int_equal(take(id), id == 0 ? AXVM_LAPIC_NONE : 0x72);
}

static void init_and_sipi_reach_the_cpu_and_a_deassert_nobody(void **state)
{
    (void)state;
    send(0, 2, 0xc500);
    send(0, 2, 0x8500);
    send(0, 2, 0x4612);
    assert_int_equal(world.event_count, 2);
    assert_int_equal(world.events[0].apic, 2);
    assert_int_equal(world.events[0].what, AXVM_LAPIC_INIT);
    assert_int_equal(world.events[1].what, AXVM_LAPIC_SIPI);
    assert_int_equal(world.events[1].vector, 0x12);
}

static void logical_destinations_in_the_flat_and_the_cluster_model(void **state)
{
    static const struct {
        uint32_t dfr, ldr[4], dest, reached;
    } table[] = {
        { UINT32_MAX, { 1, 2, 4, 8 }, 0x05, 0x5 },
        { UINT32_MAX, { 1, 2, 4, 8 }, 0xff, 0xf },
        { UINT32_MAX, { 1, 1, 0, 0 }, 0x01, 0x3 },
        { UINT32_MAX, { 0, 0, 0, 0 }, 0x0f, 0x0 },
        { UINT32_MAX, { 0, 0, 0, 0 }, 0xff, 0xf }, /* broadcast, whatever LDR is */
        { 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x13, 0x3 },
        { 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x22, 0x8 },
        { 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x20, 0x0 },
        { 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x31, 0x0 },
        { 0x0fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0xff, 0xf },
        { 0x5fffffff, { 0x11, 0x12, 0x21, 0x22 }, 0x11, 0x0 }, /* there is no such model */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (uint32_t id = 0; id < 4; id++) {
            enable(id);
            store(id, 0xe0, table[i].dfr);
            store(id, 0xd0, table[i].ldr[id] << 24);
        }
        send(3, table[i].dest, 0x4800 | 0x80);
        for (uint32_t id = 0; id < 4; id++) {
            assert_int_equal(take(id), table[i].reached >> id & 1 ? 0x80 : AXVM_LAPIC_NONE);
            store(id, 0xb0, 0);
        }
    }
}

static void x2apic_logical_ids_follow_from_the_id(void **state)
{
    (void)state;
    lapic_world_init(20);
    for (uint32_t id = 0; id < 20; id++) {
        enter_x2apic(id);
        assert_int_equal(msr_of(id, 0x80d), (id / 16) << 16 | 1u << id % 16);
    }
    assert_int_equal(wrmsr(0, 0x830, (0x00010005ull << 32) | 0x4890), AXVM_OK); /* 16, 18 */
    for (uint32_t id = 0; id < 20; id++)
        assert_int_equal(take(id), id == 16 || id == 18 ? 0x90 : AXVM_LAPIC_NONE);
    assert_int_equal(wrmsr(0, 0x830, (0xffffffffull << 32) | 0x48a0), AXVM_OK);
    for (uint32_t id = 0; id < 20; id++)
        assert_int_equal(take(id), 0xa0);
}

static void lowest_priority_goes_to_the_lowest_task_priority_and_in_turns(void **state)
{
    struct axvm_lapic_msg msg = { .dest = 0x0f, .logical = true, .delivery = AXVM_LAPIC_LOWEST, .vector = 0x81 };

    (void)state;
    for (uint32_t id = 0; id < 4; id++) {
        enable(id);
        store(id, 0xd0, 1u << (24 + id));
        store(id, 0x80, id == 2 ? 0x10 : 0x2f);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
        assert_int_equal(take(2), 0x81);
        store(2, 0xb0, 0);
    }
    store(2, 0x80, 0x20);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
        assert_int_equal(take((3 + i) % 4), 0x81);
        store((3 + i) % 4, 0xb0, 0);
    }
    for (uint32_t id = 0; id < 4; id++)
        store(id, 0xf0, 0xff);
    assert_false(axvm_lapics_deliver(&world.set, &msg, NULL));
}

/* ---- who is told ---- */

static void a_self_ipi_tells_nobody(void **state)
{
    (void)state;
    enter_x2apic(0);
    axvm_lapic_pending(&world.apic[0]);
    assert_int_equal(wrmsr(0, 0x83f, 0x40), AXVM_OK);
    assert_int_equal(wrmsr(0, 0x830, 0x40041), AXVM_OK);
    assert_int_equal(wrmsr(0, 0x830, 0x4042), AXVM_OK); /* physical, itself */
    assert_int_equal(world.notified[0], 0);
    assert_int_equal(take(0), 0x42);
}

static void an_ipi_tells_its_target_once_until_that_has_looked(void **state)
{
    (void)state;
    enable(1);
    axvm_lapic_pending(&world.apic[1]);
    send(0, 1, 0x4040);
    send(0, 1, 0x4040);
    send(2, 1, 0x4041);
    assert_int_equal(world.notified[1], 1);
    assert_int_equal(take(1), 0x41);
    send(0, 1, 0x4041); /* of no higher class than what is in service: it still has to look */
    assert_int_equal(world.notified[1], 2);
    send(0, 1, 0x4040); /* has been there all the time */
    assert_int_equal(world.notified[1], 2);
}

static void it_does_not_sleep_while_others_think_it_has_been_told(void **state)
{
    (void)state;
    enable(1);
    store(1, 0x80, 0xf0); /* nothing gets through */
    send(0, 1, 0x4040);
    assert_true(axvm_lapic_wakes(&world.apic[1]));
    assert_int_equal(axvm_lapic_pending(&world.apic[1]), AXVM_LAPIC_NONE);
    assert_false(axvm_lapic_wakes(&world.apic[1]));
    assert_int_equal(axvm_lapic_highest(&world.apic[1]), 0x40);
    store(1, 0x80, 0);
    assert_true(axvm_lapic_wakes(&world.apic[1]));
    assert_int_equal(take(1), 0x40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_destination_without_an_apic_is_ignored, setup),
        cmocka_unit_test_setup(illegal_vectors_are_not_sent, setup),
        cmocka_unit_test_setup(shorthands_are_for_fixed_interrupts_only_if_they_include_self, setup),
        cmocka_unit_test_setup(init_and_sipi_reach_the_cpu_and_a_deassert_nobody, setup),
        cmocka_unit_test_setup(logical_destinations_in_the_flat_and_the_cluster_model, setup),
        cmocka_unit_test_setup(x2apic_logical_ids_follow_from_the_id, setup),
        cmocka_unit_test_setup(lowest_priority_goes_to_the_lowest_task_priority_and_in_turns, setup),
        cmocka_unit_test_setup(a_self_ipi_tells_nobody, setup),
        cmocka_unit_test_setup(an_ipi_tells_its_target_once_until_that_has_looked, setup),
        cmocka_unit_test_setup(it_does_not_sleep_while_others_think_it_has_been_told, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
