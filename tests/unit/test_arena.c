/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that lives as long as a VM. */
#include "fake_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"

static bool is_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    struct fake_hal *hal = *state;
    uint64_t before = hal->live_pages;
    struct axvm_arena arena = { 0 };
    uint8_t *objects[300];

    for (unsigned int i = 0; i < 300; i++) {
        size_t size = 1 + i * 37 % 5000;

        objects[i] = axvm_arena_alloc(&arena, &hal->ops, size);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % 16, 0);
        assert_true(is_zero(objects[i], size));
        memset(objects[i], (int)(i | 1), size);
    }
    for (unsigned int i = 0; i < 300; i++) {
        size_t size = 1 + i * 37 % 5000;

        assert_int_equal(objects[i][0], (uint8_t)(i | 1));
        assert_int_equal(objects[i][size - 1], (uint8_t)(i | 1));
    }
    axvm_arena_free_all(&arena, &hal->ops);
    assert_int_equal(hal->live_pages, before);
}

static void small_objects_share_pages_that_big_ones_leave_room_in(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_arena arena = { 0 };
    uint64_t before = hal->live_pages;

    for (unsigned int i = 0; i < 100; i++) {
        assert_non_null(axvm_arena_alloc(&arena, &hal->ops, 32));
        if (i == 50)
            assert_non_null(axvm_arena_alloc(&arena, &hal->ops, 4096 - 64));
    }
    assert_int_equal(hal->live_pages - before, 2);
    axvm_arena_free_all(&arena, &hal->ops);
}

static void an_impossible_size_gets_nothing(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_arena arena = { 0 };
    uint64_t before = hal->live_pages;

    assert_null(axvm_arena_alloc(&arena, &hal->ops, 0));
    assert_null(axvm_arena_alloc(&arena, &hal->ops, SIZE_MAX));
    assert_null(axvm_arena_alloc(&arena, &hal->ops, SIZE_MAX - 8));
    assert_null(axvm_arena_alloc(&arena, &hal->ops, SIZE_MAX / 4));
    assert_int_equal(hal->live_pages, before);
    axvm_arena_free_all(&arena, &hal->ops);
}

/* H1 */
static void a_failed_allocation_changes_nothing_and_can_be_retried(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_arena arena = { 0 }, was;
    uint8_t *object;

    assert_non_null(axvm_arena_alloc(&arena, &hal->ops, 100));
    was = arena;
    fake_hal_fail_alloc(hal, 0);
    assert_null(axvm_arena_alloc(&arena, &hal->ops, 8000));
    assert_memory_equal(&arena, &was, sizeof(arena));
    object = axvm_arena_alloc(&arena, &hal->ops, 8000);
    assert_non_null(object);
    assert_true(is_zero(object, 8000));
    axvm_arena_free_all(&arena, &hal->ops);
    axvm_arena_free_all(&arena, &hal->ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(objects_are_zeroed_aligned_and_apart),
        FAKE_TEST(small_objects_share_pages_that_big_ones_leave_room_in),
        FAKE_TEST(an_impossible_size_gets_nothing),
        FAKE_TEST(a_failed_allocation_changes_nothing_and_can_be_retried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
