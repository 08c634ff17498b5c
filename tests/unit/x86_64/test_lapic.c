/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APICs, case by case. hostile-guest.md rows 72, 75, X2. */
#include "lapic_fixture.h"

/* ---- 72: registers ---- */

static void reserved_registers_set_esr_and_have_no_effect(void **state)
{
    static const uint16_t there[] = { 0x20,  0x30,  0x80,  0x90,  0xa0,  0xb0,  0xd0,  0xe0,  0xf0,  0x280, 0x300,
                                      0x310, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x380, 0x390, 0x3e0 };

    (void)state;
    for (uint32_t off = 0; off < 0x1000; off += 16) {
        bool exists = off >= 0x100 && off < 0x280;

        for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
            exists = exists || there[i] == off;
        load(0, off);
        assert_int_equal(errors_of(0), exists || off >= 0x400 ? 0 : ESR_ILLEGAL_REGISTER);
        if (exists)
            continue;
        store(0, off, UINT32_MAX);
        assert_int_equal(errors_of(0), off >= 0x400 ? 0 : ESR_ILLEGAL_REGISTER);
        assert_int_equal(load(0, off), 0);
        errors_of(0);
    }
}

/* Every offset, every width: nothing but the aligned words do anything. */
static void unaligned_and_odd_sized_accesses_are_harmless(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x80, 0x30);
    for (uint32_t off = 0; off < 0x1000; off++) {
        for (unsigned int size = 1; size <= 8; size *= 2) {
            if (off + size > 0x1000 || (size == 4 && off % 16 == 0))
                continue;
            axvm_lapic_mmio_write(&world.apic[0], off, size, UINT64_MAX);
            axvm_lapic_mmio_read(&world.apic[0], off, size);
        }
    }
    assert_int_equal(load(0, 0x80), 0x30);
    assert_int_equal(load(0, 0xf0), 0x1ff);
    assert_int_equal(axvm_lapic_mmio_read(&world.apic[0], 0x80, 1), 0x30);
    assert_int_equal(axvm_lapic_mmio_read(&world.apic[0], 0x31, 2), 0x0500);
    assert_int_equal(axvm_lapic_mmio_read(&world.apic[0], 0x32, 1), 0x05);
    assert_int_equal(axvm_lapic_mmio_read(&world.apic[0], 0x30, 8), 0x01050014);
    assert_int_equal(axvm_lapic_pending(&world.apic[0]), AXVM_LAPIC_NONE);
}

static void read_only_registers_stay(void **state)
{
    static const uint16_t offs[] = { 0x20, 0x30, 0x90, 0xa0, 0x100, 0x170, 0x180, 0x1f0, 0x200, 0x270, 0x390 };

    (void)state;
    for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
        uint32_t was = load(2, offs[i]);

        store(2, offs[i], UINT32_MAX);
        assert_int_equal(load(2, offs[i]), was);
    }
    assert_int_equal(load(2, 0x20), 2u << 24);
    assert_int_equal(errors_of(2), 0);
}

/* XSA-462: an illegal vector in the error entry itself. */
static void an_illegal_error_vector_sets_a_bit_and_ends_there(void **state)
{
    (void)state;
    enable(0);
    for (uint32_t vector = 0; vector < 16; vector++) {
        store(0, 0x370, vector);
        store(0, 0x300, 0x40000 | vector); /* self IPI with an illegal vector */
        assert_int_equal(errors_of(0), ESR_SEND_ILLEGAL | ESR_RECEIVE_ILLEGAL);
        store(0, 0x000, 0);
        assert_int_equal(errors_of(0), ESR_ILLEGAL_REGISTER | ESR_RECEIVE_ILLEGAL);
    }
    assert_int_equal(axvm_lapic_pending(&world.apic[0]), AXVM_LAPIC_NONE);
}

static void an_error_interrupts_once_until_esr_is_written(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x370, 0x41);
    for (int i = 0; i < 3; i++) {
        store(0, 0x300, 0x40000);
        assert_int_equal(take(0), i == 0 ? 0x41 : AXVM_LAPIC_NONE);
    }
    store(0, 0xb0, 0);
    assert_int_equal(load(0, 0x280), 0); /* as of the last write */
    assert_int_equal(errors_of(0), ESR_SEND_ILLEGAL);
    assert_int_equal(errors_of(0), 0);
    store(0, 0x300, 0x40000);
    assert_int_equal(take(0), 0x41);
}

static void software_disabled_masks_the_table_for_good_and_keeps_what_is_pending(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, 0x40);
    store(0, 0x300, 0x40050);
    store(0, 0xf0, 0xff);
    for (uint32_t off = 0x320; off <= 0x370; off += 16) {
        assert_int_equal(load(0, off) & MASKED, MASKED);
        store(0, off, 0x33);
        assert_int_equal(load(0, off), 0x33 | MASKED);
    }
    store(0, 0x300, 0x40051); /* not accepted */
    assert_int_equal(take(0), 0x50);
    store(0, 0xb0, 0);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
}

/* ---- X2: x2APIC MSRs ---- */

static const uint8_t x2_readable[] = { 0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32,
                                       0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e };
static const uint8_t x2_writable[] = { 0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x3e };

static bool is_in(const uint8_t *list, size_t count, uint32_t reg)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == reg)
            return true;
    }
    return false;
}

static void x2apic_msrs_fault_outside_of_x2apic_mode(void **state)
{
    uint64_t val;

    (void)state;
    for (uint32_t msr = 0x800; msr < 0x900; msr++) {
        assert_int_equal(rdmsr(0, msr, &val), AXVM_ERR_GUEST);
        assert_int_equal(wrmsr(0, msr, 0), AXVM_ERR_GUEST);
    }
}

static void x2apic_msrs_fault_where_nothing_is_and_in_the_wrong_direction(void **state)
{
    (void)state;
    enter_x2apic(0);
    for (uint32_t reg = 0; reg < 0x100; reg++) {
        bool readable = is_in(x2_readable, sizeof(x2_readable), reg) || (reg >= 0x10 && reg < 0x28);
        uint64_t val;

        assert_int_equal(rdmsr(0, 0x800 + reg, &val), readable ? AXVM_OK : AXVM_ERR_GUEST);
        if (reg != 0x3f && !is_in(x2_writable, sizeof(x2_writable), reg))
            assert_int_equal(wrmsr(0, 0x800 + reg, 0), AXVM_ERR_GUEST);
    }
    assert_int_equal(wrmsr(0, 0x80f, 0x1ff), AXVM_OK);
    assert_int_equal(wrmsr(0, 0x83f, 0x40), AXVM_OK);
    assert_int_equal(msr_of(0, 0x828), 0);
}

static void x2apic_reserved_bits_fault_and_change_nothing(void **state)
{
    static const struct {
        uint8_t reg;
        uint64_t allowed;
    } table[] = {
        { 0x08, 0xff },    { 0x0b, 0 },          { 0x0f, 0x13ff },  { 0x28, 0 },       { 0x30, 0xffffffff000cdfff },
        { 0x32, 0x710ff }, { 0x33, 0x117ff },    { 0x34, 0x117ff }, { 0x35, 0x1f7ff }, { 0x36, 0x1f7ff },
        { 0x37, 0x110ff }, { 0x38, UINT32_MAX }, { 0x3e, 0xb },     { 0x3f, 0xff },
    };

    (void)state;
    enter_x2apic(0);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint64_t before = table[i].reg == 0x0b || table[i].reg == 0x3f ? 0 : msr_of(0, 0x800 + table[i].reg);

        for (unsigned int bit = 0; bit < 64; bit++) {
            if (!(table[i].allowed >> bit & 1))
                assert_int_equal(wrmsr(0, 0x800 + table[i].reg, 1ull << bit), AXVM_ERR_GUEST);
        }
        if (table[i].reg != 0x0b && table[i].reg != 0x3f)
            assert_int_equal(msr_of(0, 0x800 + table[i].reg), before);
    }
    assert_int_equal(world.event_count, 0);
}

/* ---- 75: IA32_APIC_BASE ---- */

static void apic_base_takes_only_the_transitions_there_are(void **state)
{
    static const uint64_t modes[] = { 0, 0x800, 0xc00, 0x400 };
    static const bool legal[3][4] = { { true, true, false, false }, { true, true, true, false }, { true, false, true, false } };
    static const uint8_t path[3][2] = { { 0, 0 }, { 1, 1 }, { 1, 2 } }; /* to get there from a reset */

    (void)state;
    for (unsigned int from = 0; from < 3; from++) {
        for (unsigned int to = 0; to < 4; to++) {
            axvm_lapic_reset(&world.apic[1]);
            assert_int_equal(wrmsr(1, 0x1b, 0xfee00000 | modes[path[from][0]]), AXVM_OK);
            assert_int_equal(wrmsr(1, 0x1b, 0xfee00000 | modes[path[from][1]]), AXVM_OK);
            assert_int_equal(wrmsr(1, 0x1b, 0xfee00000 | modes[to]), legal[from][to] ? AXVM_OK : AXVM_ERR_GUEST);
            assert_int_equal(msr_of(1, 0x1b), 0xfee00000 | modes[legal[from][to] ? to : from]);
        }
    }
}

static void apic_base_refuses_reserved_bits(void **state)
{
    (void)state;
    for (unsigned int bit = 0; bit < 64; bit++) {
        bool reserved = bit < 8 || bit == 9 || bit >= 40;

        if (bit != 10 && bit != 11)
            assert_int_equal(wrmsr(0, 0x1b, 0xfee00800 ^ 1ull << bit), reserved ? AXVM_ERR_GUEST : AXVM_OK);
    }
    world.set.x2apic = false;
    assert_int_equal(wrmsr(0, 0x1b, 0xfee00c00), AXVM_ERR_GUEST);
}

static void the_page_moves_and_goes_with_apic_base(void **state)
{
    (void)state;
    assert_true(axvm_lapic_is_mmio(&world.apic[0], 0xfee00fff));
    assert_false(axvm_lapic_is_mmio(&world.apic[0], 0xfee01000));
    assert_int_equal(wrmsr(0, 0x1b, 0x42000800), AXVM_OK);
    assert_true(axvm_lapic_is_mmio(&world.apic[0], 0x42000030));
    assert_false(axvm_lapic_is_mmio(&world.apic[0], 0xfee00030));
    assert_int_equal(wrmsr(0, 0x1b, 0x42000c00), AXVM_OK);
    assert_false(axvm_lapic_is_mmio(&world.apic[0], 0x42000030));
    assert_int_equal(wrmsr(0, 0x1b, 0x42000000), AXVM_OK);
    assert_false(axvm_lapic_is_mmio(&world.apic[0], 0x42000030));
}

static void a_disabled_apic_passes_on_the_8259_and_nothing_else(void **state)
{
    const struct axvm_lapic_msg nmi = { .dest = 1, .delivery = AXVM_LAPIC_NMI };

    (void)state;
    enable(1);
    assert_int_equal(wrmsr(1, 0x1b, 0xfee00000), AXVM_OK);
    assert_false(axvm_lapics_deliver(&world.set, &nmi, NULL));
    assert_int_equal(world.event_count, 0);
    assert_int_equal(take(1), AXVM_LAPIC_NONE);
    axvm_lapic_lint(&world.apic[1], 0, true, NULL);
    assert_int_equal(axvm_lapic_pending(&world.apic[1]), AXVM_LAPIC_EXTINT);
    axvm_lapic_lint(&world.apic[1], 0, false, NULL);
    assert_int_equal(axvm_lapic_pending(&world.apic[1]), AXVM_LAPIC_NONE);
    axvm_lapic_set_tpr(&world.apic[1], 0x50); /* CR8 works without an APIC */
    assert_int_equal(axvm_lapic_cr8(&world.apic[1]), 5);
}

static void what_a_disabled_apic_had_is_lost(void **state)
{
    (void)state;
    enable(0);
    store(0, 0x320, 0x20040);
    store(0, 0x380, 1000000);
    store(0, 0x300, 0x40050);
    assert_int_equal(wrmsr(0, 0x1b, 0xfee00100), AXVM_OK);
    assert_int_equal(axvm_lapic_deadline(&world.apic[0]), AXVM_TIME_NEVER);
    assert_int_equal(wrmsr(0, 0x1b, 0xfee00900), AXVM_OK);
    assert_int_equal(take(0), AXVM_LAPIC_NONE);
    assert_int_equal(load(0, 0xf0), 0xff);
    for (uint32_t off = 0x320; off <= 0x370; off += 16)
        assert_int_equal(load(0, off), MASKED);
}

/* ---- level-triggered ---- */

static void the_eoi_of_a_level_goes_to_the_io_apic_and_that_of_an_edge_does_not(void **state)
{
    struct axvm_lapic_msg msg = { .dest = 0, .vector = 0x51, .level = true };

    (void)state;
    enable(0);
    assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
    assert_int_equal(load(0, 0x1a0), 1u << 17);
    assert_int_equal(take(0), 0x51);
    store(0, 0xb0, 0);
    assert_int_equal(world.eoi_count, 1);
    assert_int_equal(world.eois[0].vector, 0x51);
    msg.level = false;
    assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
    assert_int_equal(load(0, 0x1a0), 0);
    assert_int_equal(take(0), 0x51);
    store(0, 0xb0, 0);
    assert_int_equal(world.eoi_count, 1);
    msg.watch = true;
    assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
    assert_int_equal(load(0, 0x1a0), 0);
    assert_int_equal(take(0), 0x51);
    store(0, 0xb0, 0);
    assert_int_equal(world.eoi_count, 2);
    store(0, 0xb0, 0); /* of nothing */
    assert_int_equal(world.eoi_count, 2);
}

/* What is watched though it is an edge is the host's to know, not the guest's to suppress. */
static void with_suppression_only_the_eoi_of_a_level_is_not_broadcast(void **state)
{
    struct axvm_lapic_msg msg = { .dest = 0, .vector = 0x51, .level = true };

    (void)state;
    enable(0);
    store(0, 0xf0, load(0, 0xf0) | 0x1000);
    assert_int_equal(load(0, 0xf0) & 0x1000, 0x1000);
    assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
    assert_int_equal(take(0), 0x51);
    store(0, 0xb0, 0);
    assert_int_equal(world.eoi_count, 0);
    assert_int_equal(load(0, 0x120), 0); /* out of service all the same */
    msg.level = false;
    msg.watch = true;
    assert_true(axvm_lapics_deliver(&world.set, &msg, NULL));
    assert_int_equal(take(0), 0x51);
    store(0, 0xb0, 0);
    assert_int_equal(world.eoi_count, 1);
}

static void virtual_wire_mode_is_what_the_first_cpu_begins_with(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 2; id++)
        axvm_lapic_lint(&world.apic[id], 0, true, NULL);
    assert_int_equal(axvm_lapic_pending(&world.apic[0]), AXVM_LAPIC_EXTINT);
    assert_int_equal(axvm_lapic_pending(&world.apic[1]), AXVM_LAPIC_NONE);
    axvm_lapic_init_reset(&world.apic[0]);
    assert_int_equal(axvm_lapic_pending(&world.apic[0]), AXVM_LAPIC_NONE);
}

/* ---- messages of devices ---- */

static void an_msi_is_a_message(void **state)
{
    (void)state;
    enable(1);
    store(1, 0xd0, 2u << 24);
    assert_true(axvm_lapics_msi(&world.set, 0xfee01000, 0x0045, NULL));
    assert_int_equal(take(1), 0x45);
    store(1, 0xb0, 0);
    assert_true(axvm_lapics_msi(&world.set, 0xfee0200c, 0x0145, NULL)); /* logical, lowest priority */
    assert_int_equal(take(1), 0x45);
    store(1, 0xb0, 0);
    assert_false(axvm_lapics_msi(&world.set, 0xfed01000, 0x0045, NULL));
    assert_false(axvm_lapics_msi(&world.set, 0x1fee01000, 0x0045, NULL));
    assert_false(axvm_lapics_msi(&world.set, 0xfee09000, 0x0045, NULL));
    assert_false(axvm_lapics_msi(&world.set, 0xfee01000, 0x0604, NULL)); /* a device starts no CPU */
    assert_false(axvm_lapics_msi(&world.set, 0xfee01000, 0x0005, NULL));
    assert_int_equal(errors_of(1), ESR_RECEIVE_ILLEGAL);
    assert_int_equal(world.event_count, 0);
}

/* ---- priorities, all of them ---- */

static void only_a_higher_class_than_ppr_gets_through(void **state)
{
    (void)state;
    enable(0);
    for (uint32_t tpr = 0; tpr < 256; tpr += 5) {
        for (uint32_t vector = 16; vector < 256; vector += 3) {
            store(0, 0x80, tpr);
            store(0, 0x300, 0x40000 | vector);
            if (vector >> 4 > tpr >> 4) {
                assert_int_equal(take(0), vector);
                assert_int_equal(load(0, 0xa0), vector & 0xf0);
                assert_int_equal(load(0, 0x100 + (vector >> 5) * 16), 1u << (vector & 31));
            } else {
                assert_int_equal(take(0), AXVM_LAPIC_NONE);
                assert_int_equal(load(0, 0xa0), tpr);
                assert_int_equal(load(0, 0x200 + (vector >> 5) * 16), 1u << (vector & 31));
                store(0, 0x80, 0);
                assert_int_equal(take(0), vector);
            }
            store(0, 0xb0, 0);
        }
    }
}

static void all_classes_nest_and_unwind(void **state)
{
    (void)state;
    enable(0);
    for (uint32_t class = 1; class < 16; class ++) {
        store(0, 0x300, 0x40000 | class << 4 | 3);
        assert_int_equal(take(0), class << 4 | 3);
        store(0, 0x300, 0x40000 | class << 4 | 9); /* of the same class: has to wait */
        assert_int_equal(take(0), AXVM_LAPIC_NONE);
    }
    for (uint32_t class = 15; class >= 1; class --) {
        assert_int_equal(load(0, 0xa0), class << 4);
        store(0, 0xb0, 0);
        assert_int_equal(take(0), class << 4 | 9);
        store(0, 0xb0, 0);
    }
    assert_int_equal(load(0, 0xa0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reserved_registers_set_esr_and_have_no_effect, setup),
        cmocka_unit_test_setup(unaligned_and_odd_sized_accesses_are_harmless, setup),
        cmocka_unit_test_setup(read_only_registers_stay, setup),
        cmocka_unit_test_setup(an_illegal_error_vector_sets_a_bit_and_ends_there, setup),
        cmocka_unit_test_setup(an_error_interrupts_once_until_esr_is_written, setup),
        cmocka_unit_test_setup(software_disabled_masks_the_table_for_good_and_keeps_what_is_pending, setup),
        cmocka_unit_test_setup(x2apic_msrs_fault_outside_of_x2apic_mode, setup),
        cmocka_unit_test_setup(x2apic_msrs_fault_where_nothing_is_and_in_the_wrong_direction, setup),
        cmocka_unit_test_setup(x2apic_reserved_bits_fault_and_change_nothing, setup),
        cmocka_unit_test_setup(apic_base_takes_only_the_transitions_there_are, setup),
        cmocka_unit_test_setup(apic_base_refuses_reserved_bits, setup),
        cmocka_unit_test_setup(the_page_moves_and_goes_with_apic_base, setup),
        cmocka_unit_test_setup(a_disabled_apic_passes_on_the_8259_and_nothing_else, setup),
        cmocka_unit_test_setup(what_a_disabled_apic_had_is_lost, setup),
        cmocka_unit_test_setup(the_eoi_of_a_level_goes_to_the_io_apic_and_that_of_an_edge_does_not, setup),
        cmocka_unit_test_setup(with_suppression_only_the_eoi_of_a_level_is_not_broadcast, setup),
        cmocka_unit_test_setup(virtual_wire_mode_is_what_the_first_cpu_begins_with, setup),
        cmocka_unit_test_setup(an_msi_is_a_message, setup),
        cmocka_unit_test_setup(only_a_higher_class_than_ppr_gets_through, setup),
        cmocka_unit_test_setup(all_classes_nest_and_unwind, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
