/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage-2 tables, built once for each table format: hostile-guest.md rows 12-14, I5-I7. The fixture's TLBs watch every change.
 */
#include "mem_fixture.h"

#include "bits.h"
#include "s2_walk.h"

#define RW (AXVM_PROT_READ | AXVM_PROT_WRITE)
#define RX (AXVM_PROT_READ | AXVM_PROT_EXEC)
#define RWX ((uint32_t)AXVM_PROT_RWX)

/* Level of the page that maps @gpa; checks where to, and what is allowed. */
static int level_at(struct mem_fixture *f, uint64_t gpa, uint64_t hpa, uint32_t prot)
{
    struct axvm_s2_leaf leaf;

    assert_true(axvm_s2_walk(&f->vm, gpa, &leaf));
    assert_int_equal(leaf.hpa, hpa);
    assert_int_equal(leaf.prot, prot);
    return leaf.level;
}

static bool is_mapped(struct mem_fixture *f, uint64_t gpa)
{
    struct axvm_s2_leaf leaf;

    return axvm_s2_walk(&f->vm, gpa, &leaf);
}

static void linear(struct mem_fixture *f, uint64_t gpa, uint64_t len, uint64_t hpa)
{
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, gpa, len, hpa, 0), AXVM_OK);
    mem_check(f);
}

/* ---- the format ---- */

static void entries_give_back_what_was_put_in(void **state)
{
    static const uint32_t prots[] = { AXVM_PROT_READ, RW, RX, RWX, RW | AXVM_PROT_DEVICE, AXVM_PROT_READ | AXVM_PROT_DEVICE };

    (void)state;
    for (unsigned int format = 0; format < 2; format++) {
        for (int level = 1; level <= 3; level++) {
            for (unsigned int i = 0; i < AXVM_ARRAY_LEN(prots); i++) {
                uint64_t hpa = 5 * axvm_s2_span(level) + (UINT64_C(1) << 46);
                uint64_t e = axvm_s2f_leaf(hpa, prots[i], level, format);

                assert_true(axvm_s2f_valid(e, format));
                assert_true(level == 3 || !axvm_s2f_is_table(e, level, format));
                assert_int_equal(axvm_s2f_hpa(e, level, format), hpa);
                assert_int_equal(axvm_s2f_prot(e, format), prots[i]);
                assert_false(axvm_s2f_valid(axvm_s2f_retire(e, format), format));
                assert_int_equal(axvm_s2f_hpa(axvm_s2f_retire(e, format), level, format), hpa);
            }
        }
        assert_false(axvm_s2f_valid(0, format));
        assert_true(axvm_s2f_is_table(axvm_s2f_table(0x7000, format), 2, format));
        assert_int_equal(axvm_s2f_hpa(axvm_s2f_table(0x7000, format), 2, format), 0x7000);
    }
}

static void retired_entries_are_not_zero_even_at_address_zero(void **state)
{
    (void)state;
    for (unsigned int format = 0; format < 2; format++) {
        assert_int_not_equal(axvm_s2f_retire(axvm_s2f_table(0, format), format), 0);
        assert_int_not_equal(axvm_s2f_retire(axvm_s2f_leaf(0, AXVM_PROT_READ, 3, format), format), 0);
    }
}

/* ---- page sizes ---- */

static void largest_page_that_fits_is_used(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, GIB, 4 * GIB);
    assert_int_equal(level_at(f, GIB + 12345, 4 * GIB + 12345, RWX), 1);
    linear(f, 4 * GIB, 6 * MIB + 12 * KIB, 8 * GIB);
    assert_int_equal(level_at(f, 4 * GIB + 5 * MIB, 8 * GIB + 5 * MIB, RWX), 2);
    assert_int_equal(level_at(f, 4 * GIB + 6 * MIB, 8 * GIB + 6 * MIB, RWX), 3);
    assert_false(is_mapped(f, 4 * GIB + 6 * MIB + 12 * KIB));
    assert_false(is_mapped(f, 4 * GIB - 1));
}

static void pages_grow_and_shrink_around_aligned_addresses(void **state)
{
    struct mem_fixture *f = *state;
    const uint64_t gpa = GIB - 2 * MIB - PAGE, len = GIB + 4 * MIB + 2 * PAGE;

    linear(f, gpa, len, gpa + 8 * GIB);
    assert_int_equal(level_at(f, gpa, gpa + 8 * GIB, RWX), 3);
    assert_int_equal(level_at(f, GIB - 1, 9 * GIB - 1, RWX), 2);
    assert_int_equal(level_at(f, GIB, 9 * GIB, RWX), 1);
    assert_int_equal(level_at(f, 2 * GIB, 10 * GIB, RWX), 2);
    assert_int_equal(level_at(f, 2 * GIB + 2 * MIB, 10 * GIB + 2 * MIB, RWX), 3);
    assert_false(is_mapped(f, gpa + len));
}

static void addresses_that_differ_in_low_bits_get_small_pages(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, 4 * MIB, 4 * GIB + PAGE);
    assert_int_equal(level_at(f, GIB + 2 * MIB, 4 * GIB + 2 * MIB + PAGE, RWX), 3);
    linear(f, 2 * GIB, GIB, 4 * GIB + 2 * MIB);
    assert_int_equal(level_at(f, 2 * GIB + 100 * MIB, 4 * GIB + 102 * MIB, RWX), 2);
}

static void no_gib_pages_where_the_format_has_none(void **state)
{
    struct mem_fixture *f = *state;
    struct axvm_s2_geometry geo = f->geo;

    geo.max_block_level = 2;
    mem_set_geometry(f, &geo);
    linear(f, GIB, 2 * GIB, 4 * GIB);
    assert_int_equal(level_at(f, GIB, 4 * GIB, RWX), 2);
    assert_int_equal(level_at(f, 3 * GIB - 1, 6 * GIB - 1, RWX), 2);
    assert_int_equal(f->vm.as.table_pages, 2);
}

/* ---- split and join ---- */

static void hole_in_a_gib_page_splits_it_and_filling_it_joins_it(void **state)
{
    struct mem_fixture *f = *state;
    const uint64_t hole = GIB + 37 * MIB + 5 * PAGE;

    linear(f, GIB, GIB, 4 * GIB);
    assert_int_equal(f->vm.as.table_pages, 0);
    assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(hole), PAGE), AXVM_OK);
    mem_check(f);
    assert_int_equal(f->vm.as.table_pages, 2);
    assert_false(is_mapped(f, hole));
    assert_int_equal(level_at(f, hole - 1, hole - 1 + 3 * GIB, RWX), 3);
    assert_int_equal(level_at(f, GIB, 4 * GIB, RWX), 2);
    linear(f, hole, PAGE, hole + 3 * GIB);
    assert_int_equal(level_at(f, hole, hole + 3 * GIB, RWX), 1);
    assert_int_equal(f->vm.as.table_pages, 0);
    assert_int_equal(f->vm.as.region_count, 1);
}

static void other_memory_in_a_hole_does_not_join(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, 2 * MIB, 4 * GIB);
    assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB + PAGE), PAGE), AXVM_OK);
    linear(f, GIB + PAGE, PAGE, 5 * GIB);
    assert_int_equal(level_at(f, GIB, 4 * GIB, RWX), 3);
    assert_int_equal(level_at(f, GIB + PAGE, 5 * GIB, RWX), 3);
}

static void permissions_of_a_part_split_and_join(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, GIB, 4 * GIB);
    assert_int_equal(axvm_protect(&f->vm, axvm_gpa(GIB + 2 * MIB), 2 * MIB, AXVM_PROT_READ), AXVM_OK);
    mem_check(f);
    assert_int_equal(level_at(f, GIB + 2 * MIB, 4 * GIB + 2 * MIB, AXVM_PROT_READ), 2);
    assert_int_equal(axvm_protect(&f->vm, axvm_gpa(GIB + 3 * MIB), PAGE, RX), AXVM_OK);
    mem_check(f);
    assert_int_equal(level_at(f, GIB + 3 * MIB, 4 * GIB + 3 * MIB, RX), 3);
    assert_int_equal(level_at(f, GIB + 2 * MIB, 4 * GIB + 2 * MIB, AXVM_PROT_READ), 3);
    assert_int_equal(axvm_protect(&f->vm, axvm_gpa(GIB + PAGE), 8 * MIB, RWX), AXVM_OK);
    mem_check(f);
    assert_int_equal(level_at(f, GIB, 4 * GIB, RWX), 1);
    assert_int_equal(f->vm.as.table_pages, 0);
    assert_int_equal(f->vm.as.region_count, 1);
}

static void unmapping_frees_the_tables(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before = f->live_pages;

    linear(f, GIB - 5 * PAGE, 10 * PAGE, 4 * GIB);
    assert_int_equal(f->vm.as.table_pages, 4);
    for (unsigned int i = 0; i < 10; i++) {
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB - 5 * PAGE + i * PAGE), PAGE), AXVM_OK);
        mem_check(f);
    }
    assert_int_equal(f->vm.as.table_pages, 0);
    assert_int_equal(f->live_pages, before);
}

/* ---- invalidation: I7 ---- */

static void invalidation_covers_the_range_and_no_more_than_a_block_of_it(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, 2 * MIB, 4 * GIB);
    linear(f, GIB + 4 * MIB, 2 * MIB, 5 * GIB);
    assert_int_equal(axvm_protect(&f->vm, axvm_gpa(GIB), 2 * MIB, AXVM_PROT_READ), AXVM_OK);
    /* What a CPU has cached of the other region it may keep. */
    f->flushes = 0;
    assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB), 2 * MIB), AXVM_OK);
    assert_int_equal(f->flushes, 1);
    for (size_t i = 0; i < f->tlb.count; i++)
        assert_true(f->tlb.at[i].level < 2 || f->tlb.at[i].gpa == GIB + 4 * MIB);
}

static void mapping_needs_no_invalidation(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB + PAGE, 4 * MIB, 4 * GIB);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, 4 * GIB, 4 * MIB, 0, 0), AXVM_OK);
    assert_int_equal(mem_touch(f, 4 * GIB, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(f->flushes, 0);
    mem_check(f);
}

static void permissions_that_stay_cost_no_invalidation(void **state)
{
    struct mem_fixture *f = *state;

    linear(f, GIB, 2 * MIB, 4 * GIB);
    assert_int_equal(axvm_protect(&f->vm, axvm_gpa(GIB), 2 * MIB, RWX), AXVM_OK);
    assert_int_equal(f->flushes, 0);
}

/* ---- geometry ---- */

static void roots_of_every_shape_reach_their_last_page(void **state)
{
    static const struct axvm_s2_geometry shapes[] = {
        { .gpa_bits = 32, .hpa_bits = 48, .root_level = 1, .root_order = 0, .max_block_level = 1 },
        { .gpa_bits = 40, .hpa_bits = 48, .root_level = 1, .root_order = 1, .max_block_level = 1 },
        { .gpa_bits = 43, .hpa_bits = 48, .root_level = 1, .root_order = 4, .max_block_level = 1 },
        { .gpa_bits = 48, .hpa_bits = 48, .root_level = 0, .root_order = 0, .max_block_level = 1 },
        { .gpa_bits = 41, .hpa_bits = 48, .root_level = 1, .root_order = 2, .max_block_level = 1 },  /* Sv39x4 */
        { .gpa_bits = 50, .hpa_bits = 48, .root_level = 0, .root_order = 2, .max_block_level = 1 },  /* Sv48x4 */
        { .gpa_bits = 59, .hpa_bits = 48, .root_level = -1, .root_order = 2, .max_block_level = 1 }, /* Sv57x4 */
        { .gpa_bits = 57, .hpa_bits = 48, .root_level = -1, .root_order = 0, .max_block_level = 1, .format = 1 },
        { .gpa_bits = 34, .hpa_bits = 48, .root_level = 2, .root_order = 4, .max_block_level = 2 },
    };
    struct mem_fixture *f = *state;

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(shapes); i++) {
        uint64_t end = UINT64_C(1) << shapes[i].gpa_bits;

        mem_set_geometry(f, &shapes[i]);
        linear(f, 0, 2 * MIB, 4 * GIB);
        linear(f, end - 2 * MIB - PAGE, 2 * MIB + PAGE, 6 * GIB - PAGE);
        assert_int_equal(level_at(f, end - 1, 6 * GIB + 2 * MIB - 1, RWX), 2);
        assert_int_equal(level_at(f, end - 2 * MIB - PAGE, 6 * GIB - PAGE, RWX), 3);
        assert_false(is_mapped(f, end));
        assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, end / 2, 2 * MIB, 0, 0), AXVM_OK);
        assert_int_equal(mem_touch(f, end / 2 + PAGE, AXVM_PROT_WRITE), AXVM_OK);
        mem_check(f);
        assert_int_equal(axvm_protect(&f->vm, axvm_gpa(end - PAGE), PAGE, AXVM_PROT_READ), AXVM_OK);
        mem_check(f);
        assert_int_equal(axvm_protect(&f->vm, axvm_gpa(end - PAGE), PAGE, RWX), AXVM_OK);
        mem_check(f);
        assert_int_equal(level_at(f, end - 1, 6 * GIB + 2 * MIB - 1, RWX), 2);
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(end - 2 * MIB - PAGE), 2 * MIB + PAGE), AXVM_OK);
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(0), 2 * MIB), AXVM_OK);
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(end / 2), 2 * MIB), AXVM_OK);
        mem_check(f);
        assert_int_equal(f->vm.as.table_pages, 0);
    }
}

static void huge_empty_space_is_unmapped_at_once(void **state)
{
    /* Row 12: 512 GiB of which nothing was touched, and then three pages far apart. */
    struct mem_fixture *f = *state;

    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, 512 * GIB, 0, 0), AXVM_OK);
        if (i == 1) {
            assert_int_equal(mem_touch(f, GIB, AXVM_PROT_READ), AXVM_OK);
            assert_int_equal(mem_touch(f, 200 * GIB + 3 * MIB, AXVM_PROT_READ), AXVM_OK);
            assert_int_equal(mem_touch(f, 513 * GIB - 1, AXVM_PROT_READ), AXVM_OK);
            mem_check(f);
        }
        f->syncs = 0;
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB), 512 * GIB), AXVM_OK);
        assert_int_equal(f->vm.as.table_pages, 0);
        assert_true(f->syncs < 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_give_back_what_was_put_in),
        cmocka_unit_test(retired_entries_are_not_zero_even_at_address_zero),
        cmocka_unit_test_setup_teardown(largest_page_that_fits_is_used, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(pages_grow_and_shrink_around_aligned_addresses, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(addresses_that_differ_in_low_bits_get_small_pages, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(no_gib_pages_where_the_format_has_none, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(hole_in_a_gib_page_splits_it_and_filling_it_joins_it, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(other_memory_in_a_hole_does_not_join, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(permissions_of_a_part_split_and_join, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(unmapping_frees_the_tables, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(invalidation_covers_the_range_and_no_more_than_a_block_of_it, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(mapping_needs_no_invalidation, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(permissions_that_stay_cost_no_invalidation, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(roots_of_every_shape_reach_their_last_page, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(huge_empty_space_is_unmapped_at_once, mem_setup, mem_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
