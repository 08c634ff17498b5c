/* SPDX-License-Identifier: BSD-2-Clause */
/* The accessors of guest memory: hostile-guest.md rows 2, 8-10, 15, M1, I10. */
#include "mem_fixture.h"

#include "bits.h"

static uint8_t buf[3 * MIB], back[3 * MIB];

static void fill_pattern(uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(i * 7 + (i >> 8) + 1);
}

static int read_now(struct mem_fixture *f, uint64_t gpa, size_t len)
{
    return axvm_aspace_read(&f->vm, axvm_gpa(gpa), back, len);
}

static int write_now(struct mem_fixture *f, uint64_t gpa, size_t len)
{
    return axvm_aspace_write(&f->vm, axvm_gpa(gpa), buf, len);
}

static int setup(void **state)
{
    mem_setup(state);
    fill_pattern(buf, sizeof(buf));
    memset(back, 0xee, sizeof(back));
    return 0;
}

static void assert_untouched(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(at[i], 0xee);
}

static void what_is_written_is_read_across_pages_and_regions(void **state)
{
    struct mem_fixture *f = *state;
    /* Three kinds side by side, the last one backwards in host memory. */
    const uint64_t start = GIB + MIB - 5, len = 2 * MIB + 10;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, MIB, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + MIB, MIB, 5 * GIB + 3 * PAGE, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB + 2 * MIB, MIB, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + 3 * MIB, MIB, 4 * GIB, 0), AXVM_OK);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(start), buf, len), AXVM_OK);
    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(start), back, len), AXVM_OK);
    assert_memory_equal(back, buf, len);
    assert_memory_equal(mem_virt(f, 5 * GIB + 3 * PAGE), buf + 5, PAGE);
    assert_memory_equal(mem_virt(f, 4 * GIB), buf + 2 * MIB + 5, 5);
    mem_check(f);
}

static void zero_bytes_are_fine_anywhere(void **state)
{
    struct mem_fixture *f = *state;
    static const uint64_t where[] = { 0, 1, GIB, UINT64_C(1) << 40, UINT64_MAX };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(where); i++) {
        assert_int_equal(read_now(f, where[i], 0), AXVM_OK);
        assert_int_equal(write_now(f, where[i], 0), AXVM_OK);
        assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(where[i]), back, 0), AXVM_OK);
        assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(where[i]), buf, 0), AXVM_OK);
        assert_true(axvm_aspace_is_ram(&f->vm, where[i], 0));
    }
    assert_untouched(back, 64);
}

static void range_that_leaves_ram_is_refused_before_a_byte_is_copied(void **state)
{
    /* Rows 9 and M1: the length is compared with what is left of the region, not with all of it. */
    struct mem_fixture *f = *state;
    uint64_t last = 0x1234567890abcdef;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 4 * PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, GIB + 4 * PAGE, PAGE, 0x9000000, 0), AXVM_OK);
    assert_int_equal(axvm_aspace_write(&f->vm, axvm_gpa(GIB + 4 * PAGE - 8), &last, 8), AXVM_OK);
    for (unsigned int over = 1; over < 20; over++) {
        uint64_t gpa = GIB + 4 * PAGE - 8 - 3 * over;
        size_t len = 8 + 4 * over;

        assert_int_equal(write_now(f, gpa, len), AXVM_ERR_RANGE);
        assert_int_equal(read_now(f, gpa, len), AXVM_ERR_RANGE);
        assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(gpa), buf, len), AXVM_ERR_RANGE);
        assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(gpa), back, len), AXVM_ERR_RANGE);
        assert_false(axvm_aspace_is_ram(&f->vm, gpa, len));
    }
    assert_untouched(back, 256);
    assert_int_equal(read_now(f, GIB + 4 * PAGE - 8, 8), AXVM_OK);
    assert_memory_equal(back, &last, 8);
    assert_int_equal(read_now(f, GIB + 4 * PAGE - 100, 92), AXVM_OK);
    for (unsigned int i = 0; i < 92; i++)
        assert_int_equal(back[i], 0);
    assert_int_equal(read_now(f, GIB - 1, 2), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, GIB, 5 * PAGE), AXVM_ERR_RANGE);
}

static void device_memory_is_never_touched(void **state)
{
    /* Row 8: no DMA into registers. */
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, GIB, PAGE, 0x9000000, 0), AXVM_OK);
    assert_int_equal(read_now(f, GIB, 4), AXVM_ERR_RANGE);
    assert_int_equal(write_now(f, GIB, 4), AXVM_ERR_RANGE);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB), buf, 4), AXVM_ERR_RANGE);
    assert_false(axvm_aspace_is_ram(&f->vm, GIB, 1));
}

static void ranges_that_wrap_are_refused(void **state)
{
    /* Row 2 */
    struct mem_fixture *f = *state;
    const uint64_t top = UINT64_C(1) << 40;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, 0, PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, top - PAGE, PAGE, 0, 0), AXVM_OK);
    assert_int_equal(write_now(f, top - 4, 4), AXVM_OK);
    assert_int_equal(write_now(f, top - 4, 8), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, UINT64_MAX - 3, 8), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, UINT64_MAX, 1), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, 1, SIZE_MAX), AXVM_ERR_RANGE);
    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(8), back, SIZE_MAX - 4), AXVM_ERR_RANGE);
    assert_false(axvm_aspace_is_ram(&f->vm, 8, UINT64_MAX - 4));
}

static void any_context_accessor_brings_in_no_pages(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, MIB, 0, 0), AXVM_OK);
    before = f->live_pages;
    assert_int_equal(read_now(f, GIB, 8), AXVM_ERR_RANGE);
    assert_int_equal(mem_touch(f, GIB, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(write_now(f, GIB + PAGE - 4, 8), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, GIB + PAGE - 4, 4), AXVM_OK);
    assert_memory_equal(back, "\0\0\0\0", 4); /* nothing was written before the refusal */
    assert_int_equal(f->live_pages, before + 3);
    assert_true(axvm_aspace_is_ram(&f->vm, GIB, MIB));
}

static void host_accessor_brings_in_the_pages_it_needs(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB - MIB, 4 * MIB, 0, 0), AXVM_OK);
    before = f->live_pages;
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB - MIB + 1), buf, 3 * MIB), AXVM_OK);
    assert_int_equal(f->live_pages, before + 3 * MIB / PAGE + 1 + f->vm.as.table_pages);
    assert_int_equal(read_now(f, GIB - MIB + 1, 3 * MIB), AXVM_OK);
    assert_memory_equal(back, buf, 3 * MIB);
    mem_check(f);
}

static void host_accessor_without_memory_says_so(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, 4 * MIB, 0, 0), AXVM_OK);
    mem_fail_alloc(f, 50, true);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB), buf, MIB), AXVM_ERR_NOMEM);
    mem_check(f);
    mem_fail_alloc(f, -1, false);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB), buf, MIB), AXVM_OK);
}

static void read_only_memory_can_be_written_by_the_host_but_not_for_the_guest(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, PAGE, 0, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB + PAGE, PAGE, 0, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB), buf, 2 * PAGE), AXVM_OK);
    assert_int_equal(read_now(f, GIB, 2 * PAGE), AXVM_OK);
    assert_memory_equal(back, buf, 2 * PAGE);
    assert_int_equal(mem_touch(f, GIB + PAGE, AXVM_PROT_WRITE), AXVM_ERR_GUEST);
    assert_int_equal(write_now(f, GIB, 8), AXVM_ERR_RANGE);
    assert_int_equal(write_now(f, GIB + PAGE - 4, 8), AXVM_ERR_RANGE);
    assert_true(axvm_aspace_allows(&f->vm, GIB, 2 * PAGE, AXVM_PROT_READ));
    assert_false(axvm_aspace_allows(&f->vm, GIB + PAGE - 4, 8, AXVM_PROT_WRITE));
}

static void memory_taken_away_is_out_of_reach_at_once(void **state)
{
    /* Row 15 */
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 16 * PAGE, 0, 0), AXVM_OK);
    assert_int_equal(write_now(f, GIB, 16 * PAGE), AXVM_OK);
    assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB + 8 * PAGE), PAGE), AXVM_OK);
    assert_int_equal(read_now(f, GIB + 8 * PAGE, 1), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, GIB, 16 * PAGE), AXVM_ERR_RANGE);
    assert_int_equal(read_now(f, GIB + 9 * PAGE, 7 * PAGE), AXVM_OK);
    assert_memory_equal(back, buf + 9 * PAGE, 7 * PAGE);
}

static void a_page_is_the_guests_with_its_permissions_only(void **state)
{
    struct mem_fixture *f = *state;
    uint8_t *va = NULL;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, PAGE, 0, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB + PAGE, PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, GIB + 2 * PAGE, PAGE, 0x9000000, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + 3 * PAGE, 2 * PAGE, 5 * GIB, 0), AXVM_OK);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB + 8, AXVM_PROT_WRITE, &va), AXVM_ERR_NOENT);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB + PAGE, AXVM_PROT_READ, &va), AXVM_ERR_AGAIN);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB + 2 * PAGE, AXVM_PROT_READ, &va), AXVM_ERR_NOENT);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB - 1, AXVM_PROT_READ, &va), AXVM_ERR_NOENT);
    assert_int_equal(axvm_aspace_page(&f->vm, UINT64_MAX, AXVM_PROT_READ, &va), AXVM_ERR_NOENT);
    assert_null(va);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB + 4 * PAGE + 123, AXVM_PROT_RWX, &va), AXVM_OK);
    assert_ptr_equal(va, mem_virt(f, 5 * GIB + PAGE));
    assert_int_equal(mem_touch(f, GIB + PAGE, AXVM_PROT_WRITE), AXVM_OK);
    assert_int_equal(axvm_aspace_page(&f->vm, GIB + PAGE, AXVM_PROT_WRITE, &va), AXVM_OK);
    mem_check(f);
}

static void whatever_makes_a_page_something_else_changes_the_generation(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t gen;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 4 * PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, 2 * GIB, 4 * PAGE, 5 * GIB, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, 3 * GIB, 4 * PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_touch(f, 3 * GIB, AXVM_PROT_WRITE), AXVM_OK);
    for (unsigned int i = 1; i <= 3; i++) {
        gen = f->vm.as.gen;
        assert_int_equal(axvm_protect(&f->vm, axvm_gpa(i * GIB), PAGE, AXVM_PROT_READ), AXVM_OK);
        assert_int_not_equal(f->vm.as.gen, gen);
        gen = f->vm.as.gen;
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(i * GIB), PAGE), AXVM_OK);
        assert_int_not_equal(f->vm.as.gen, gen);
    }
    assert_int_equal(mem_touch(f, 3 * GIB + PAGE, AXVM_PROT_WRITE), AXVM_OK);
    gen = f->vm.as.gen;
    assert_int_equal(axvm_aspace_reset(&f->vm), AXVM_OK);
    assert_int_not_equal(f->vm.as.gen, gen);
}

static void translation_says_how_far_memory_is_contiguous(void **state)
{
    struct mem_fixture *f = *state;
    axvm_hpa_t hpa = axvm_hpa(77);
    uint64_t len = 77;

    assert_int_equal(axvm_translate(&f->vm, axvm_gpa(GIB), &hpa, &len), AXVM_ERR_RANGE);
    assert_int_equal(hpa.v, 77);
    assert_int_equal(len, 77);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, 5 * PAGE, 4 * GIB, 0), AXVM_OK);
    assert_int_equal(axvm_translate(&f->vm, axvm_gpa(GIB + 3), &hpa, &len), AXVM_OK);
    assert_int_equal(hpa.v, 4 * GIB + 3);
    assert_int_equal(len, 5 * PAGE - 3);
    f->max_order = 2;
    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, 2 * GIB, MIB, 0, 0), AXVM_OK);
    for (uint64_t at = 0; at < MIB; at += len) {
        assert_int_equal(axvm_translate(&f->vm, axvm_gpa(2 * GIB + at), &hpa, &len), AXVM_OK);
        assert_in_range(len, 4 * PAGE, MIB - at);
        memset(mem_virt(f, hpa.v), 1, len);
    }
    assert_int_equal(read_now(f, 2 * GIB, MIB), AXVM_OK);
    assert_int_equal(back[MIB - 1], 1);
    assert_int_equal(axvm_translate(&f->vm, axvm_gpa(UINT64_MAX), &hpa, &len), AXVM_ERR_RANGE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, mem_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_written_is_read_across_pages_and_regions),
        T(zero_bytes_are_fine_anywhere),
        T(range_that_leaves_ram_is_refused_before_a_byte_is_copied),
        T(device_memory_is_never_touched),
        T(ranges_that_wrap_are_refused),
        T(any_context_accessor_brings_in_no_pages),
        T(host_accessor_brings_in_the_pages_it_needs),
        T(host_accessor_without_memory_says_so),
        T(read_only_memory_can_be_written_by_the_host_but_not_for_the_guest),
        T(memory_taken_away_is_out_of_reach_at_once),
        T(a_page_is_the_guests_with_its_permissions_only),
        T(whatever_makes_a_page_something_else_changes_the_generation),
        T(translation_says_how_far_memory_is_contiguous),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
