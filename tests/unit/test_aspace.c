/* SPDX-License-Identifier: BSD-2-Clause */
/* Regions of guest memory: kinds, parts of them, and running out of everything. hostile-guest.md rows 12-14, I5, I6, H1-H3. */
#include "mem_fixture.h"

#include "bits.h"
#include "region.h"
#include "s2.h"

#define RW (AXVM_PROT_READ | AXVM_PROT_WRITE)
#define RWX ((uint32_t)AXVM_PROT_RWX)

static int unmap(struct mem_fixture *f, uint64_t gpa, uint64_t len)
{
    int rc = axvm_unmap(&f->vm, axvm_gpa(gpa), len);

    mem_check(f);
    return rc;
}

static int protect(struct mem_fixture *f, uint64_t gpa, uint64_t len, uint32_t prot)
{
    int rc = axvm_protect(&f->vm, axvm_gpa(gpa), len, prot);

    mem_check(f);
    return rc;
}

static uint64_t translate(struct mem_fixture *f, uint64_t gpa)
{
    axvm_hpa_t hpa;

    return axvm_translate(&f->vm, axvm_gpa(gpa), &hpa, NULL) == AXVM_OK ? hpa.v : UINT64_MAX;
}

/* ---- kinds ---- */

static void new_space_maps_nothing(void **state)
{
    /* I5: in the Rust family every VM has the first 2 MiB of the host. */
    struct mem_fixture *f = *state;
    struct tlb_list list = { 0 };

    mem_dump(f, &list);
    assert_int_equal(list.count, 0);
    assert_int_equal(translate(f, 0), UINT64_MAX);
    assert_int_equal(mem_touch(f, 0, AXVM_PROT_READ), AXVM_ERR_NOENT);
    mem_list_free(&list);
}

static void device_goes_to_its_own_address_as_device_memory(void **state)
{
    /* I6 */
    struct mem_fixture *f = *state;
    struct axvm_s2_leaf leaf;

    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, 0x09010000, 3 * PAGE, 0x3f201000, 0), AXVM_OK);
    assert_true(axvm_s2_walk(&f->vm, 0x09011008, &leaf));
    assert_int_equal(leaf.hpa, 0x3f202008);
    assert_int_equal(leaf.prot, RW | AXVM_PROT_DEVICE);
    assert_false(axvm_s2_walk(&f->vm, 0x0900ffff, &leaf));
    assert_false(axvm_s2_walk(&f->vm, 0x09013000, &leaf));
    assert_int_equal(mem_touch(f, 0x09010000, AXVM_PROT_EXEC), AXVM_ERR_GUEST);
    assert_int_equal(mem_touch(f, 0x09010000, AXVM_PROT_WRITE), AXVM_OK);
}

static void allocated_memory_comes_in_large_pieces(void **state)
{
    struct mem_fixture *f = *state;
    axvm_hpa_t hpa;
    uint64_t len;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, GIB + 100 * MIB, 0, 0), AXVM_OK);
    mem_check(f);
    assert_int_equal(axvm_translate(&f->vm, axvm_gpa(GIB), &hpa, &len), AXVM_OK);
    assert_true(len >= GIB);
    assert_true(axvm_is_aligned(hpa.v, GIB));
    assert_int_equal(f->vm.as.table_pages, 1);
    assert_int_equal(unmap(f, GIB, GIB + 100 * MIB), AXVM_OK);
}

static void allocated_memory_comes_in_whatever_pieces_there_are(void **state)
{
    struct mem_fixture *f = *state;

    for (f->max_order = 0; f->max_order < 12; f->max_order += 3) {
        uint64_t before = f->live_pages;

        assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB + 3 * PAGE, 9 * MIB, 0, 0), AXVM_OK);
        mem_check(f);
        assert_in_range(f->live_pages - before, 9 * MIB / PAGE, 9 * MIB / PAGE + 30);
        assert_int_equal(unmap(f, GIB + 3 * PAGE, 9 * MIB), AXVM_OK);
        assert_in_range(f->live_pages - before, 0, 20); /* the list of pieces keeps its pages */
    }
}

static void parts_of_a_piece_go_back_with_the_last_of_them(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before = f->live_pages;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 2 * MIB, 0, 0), AXVM_OK);
    assert_int_equal(unmap(f, GIB + 64 * KIB, 64 * KIB), AXVM_OK);
    /* The hole is filled with other memory, and emptied again. */
    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB + 64 * KIB, 8 * KIB, 0, 0), AXVM_OK);
    assert_int_equal(unmap(f, GIB + 64 * KIB, 8 * KIB), AXVM_OK);
    assert_int_equal(unmap(f, GIB, 64 * KIB), AXVM_OK);
    assert_true(f->live_pages >= before + 512);
    assert_int_equal(unmap(f, GIB + 128 * KIB, 2 * MIB - 128 * KIB), AXVM_OK);
    assert_int_equal(f->live_pages, before + 1); /* the list of pieces keeps its page */
}

static void piece_under_three_regions_survives_the_middle_one(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before = f->live_pages, word = 0x1122334455667788;

    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 2 * MIB, 0, 0), AXVM_OK);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(GIB + MIB), &word, sizeof(word)), AXVM_OK);
    assert_int_equal(protect(f, GIB + 16 * KIB, 16 * KIB, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(f->vm.as.region_count, 3);
    assert_int_equal(unmap(f, GIB + 16 * KIB, 16 * KIB), AXVM_OK);
    word = 0;
    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(GIB + MIB), &word, sizeof(word)), AXVM_OK);
    assert_int_equal(word, 0x1122334455667788);
    assert_int_equal(unmap(f, GIB, 16 * KIB), AXVM_OK);
    assert_int_equal(unmap(f, GIB + 32 * KIB, 2 * MIB - 32 * KIB), AXVM_OK);
    assert_int_equal(f->live_pages, before + 1); /* the list of pieces keeps its page */
}

static void reserved_memory_is_claimed_and_given_back(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_RESERVED, 6 * GIB, 4 * MIB, 0, 0), AXVM_OK);
    assert_int_equal(f->claimed, 1024);
    assert_int_equal(translate(f, 6 * GIB + 5), 6 * GIB + 5);
    assert_int_equal(mem_map(f, AXVM_REGION_RESERVED, 6 * GIB + 4 * MIB, 4 * MIB, 0, 0), AXVM_OK);
    assert_int_equal(f->vm.as.region_count, 2); /* claimed in two calls, so given back in two */
    assert_int_equal(unmap(f, 6 * GIB + MIB, 5 * MIB), AXVM_OK);
    assert_int_equal(f->claimed, 256 + 512);
    assert_int_equal(unmap(f, 6 * GIB, MIB), AXVM_OK);
    assert_int_equal(f->claimed, 512);
}

static void reserved_memory_that_is_taken_is_refused(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_RESERVED, 6 * GIB, MIB, 0, 0), AXVM_OK);
    assert_int_equal(unmap(f, 6 * GIB, MIB), AXVM_OK);
    f->page_state[(6 * GIB - PHYS_BASE) / PAGE + 3] = 0x40;
    assert_int_equal(mem_map(f, AXVM_REGION_RESERVED, 6 * GIB, MIB, 0, 0), AXVM_ERR_NOMEM);
    assert_int_equal(f->vm.as.region_count, 0);
    f->vm.hal.region_alloc_at = NULL;
    assert_int_equal(mem_map(f, AXVM_REGION_RESERVED, 6 * GIB, MIB, 0, 0), AXVM_ERR_NOSUP);
}

/* ---- faults: rows 12-14 ---- */

static void touched_pages_come_one_by_one(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before = f->live_pages;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, GIB, 0, 0), AXVM_OK);
    assert_int_equal(f->live_pages, before);
    assert_int_equal(translate(f, GIB), UINT64_MAX);
    assert_int_equal(mem_touch(f, GIB + 100 * MIB + 7, AXVM_PROT_WRITE), AXVM_OK);
    assert_int_equal(f->live_pages, before + 3);
    assert_int_equal(mem_touch(f, GIB + 100 * MIB + PAGE, AXVM_PROT_EXEC), AXVM_OK);
    assert_int_equal(f->live_pages, before + 4);
    /* Another vCPU was faster. */
    assert_int_equal(mem_touch(f, GIB + 100 * MIB + PAGE, AXVM_PROT_EXEC), AXVM_OK);
    assert_int_equal(f->live_pages, before + 4);
    mem_check(f);
}

static void forbidden_accesses_are_the_guests_fault(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, MIB, 0, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB + MIB, MIB, 0, RW), AXVM_OK);
    assert_int_equal(mem_touch(f, GIB, AXVM_PROT_WRITE), AXVM_ERR_GUEST);
    assert_int_equal(mem_touch(f, GIB, AXVM_PROT_EXEC), AXVM_ERR_GUEST);
    assert_int_equal(mem_touch(f, GIB, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(mem_touch(f, GIB + MIB, AXVM_PROT_EXEC), AXVM_ERR_GUEST);
    assert_int_equal(mem_touch(f, GIB + 2 * MIB, AXVM_PROT_READ), AXVM_ERR_NOENT);
    assert_int_equal(mem_touch(f, UINT64_MAX, AXVM_PROT_READ), AXVM_ERR_NOENT);
    assert_int_equal(mem_touch(f, UINT64_C(1) << 40, AXVM_PROT_READ), AXVM_ERR_NOENT);
}

static void fault_storm_ends_when_the_host_has_no_more(void **state)
{
    struct mem_fixture *f = *state;
    struct axvm_page_cache cache = { .count = 0 };
    uint64_t gpa = GIB;

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, 512 * GIB, 0, 0), AXVM_OK);
    mem_fail_alloc(f, 1000, true);
    for (;; gpa += 600 * MIB) {
        if (axvm_aspace_fault(&f->vm, &cache, axvm_gpa(gpa), AXVM_PROT_WRITE) == AXVM_OK)
            continue;
        if (axvm_page_cache_fill(&cache, &f->vm.hal, 17) != AXVM_OK && cache.count < AXVM_FAULT_PAGES)
            break;
        assert_int_equal(axvm_aspace_fault(&f->vm, &cache, axvm_gpa(gpa), AXVM_PROT_WRITE), AXVM_OK);
    }
    mem_check(f);
    assert_in_range(f->live_pages, 900, 1010);
    /* What it had it still has, and the host can take the memory back without any. */
    assert_int_equal(mem_touch(f, GIB, AXVM_PROT_READ), AXVM_OK);
    axvm_page_cache_drain(&cache, &f->vm.hal);
    assert_int_equal(unmap(f, GIB, 512 * GIB), AXVM_OK);
    assert_int_equal(f->live_pages, 2);
}

static void small_cache_changes_nothing(void **state)
{
    struct mem_fixture *f = *state;
    struct axvm_page_cache cache = { .count = 0 };

    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, MIB, 0, 0), AXVM_OK);
    for (uint32_t n = 0; n < 3; n++) {
        assert_int_equal(axvm_page_cache_fill(&cache, &f->vm.hal, n), AXVM_OK);
        assert_int_equal(axvm_aspace_fault(&f->vm, &cache, axvm_gpa(GIB), AXVM_PROT_READ), AXVM_ERR_AGAIN);
        assert_int_equal(cache.count, n);
        assert_int_equal(f->vm.as.table_pages, 0);
    }
    assert_int_equal(axvm_page_cache_fill(&cache, &f->vm.hal, 3), AXVM_OK);
    assert_int_equal(axvm_aspace_fault(&f->vm, &cache, axvm_gpa(GIB), AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(cache.count, 0);
}

/* ---- arguments ---- */

static void wrong_arguments_are_refused(void **state)
{
    struct mem_fixture *f = *state;
    const uint64_t top = UINT64_C(1) << 40;

    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + 1, PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, PAGE - 1, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, 0, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, PAGE, 12, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, top, PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, top - PAGE, 2 * PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, UINT64_MAX - PAGE + 1, 2 * PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, UINT64_MAX - PAGE + 1, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, 2 * PAGE, (UINT64_C(1) << 48) - PAGE, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, PAGE, 0, AXVM_PROT_WRITE), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, PAGE, 0, 16 | RWX), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB, PAGE, 0, RW | AXVM_PROT_DEVICE), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, GIB, PAGE, 0, RWX), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, (enum axvm_region_kind)6, GIB, PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(mem_map(f, (enum axvm_region_kind) - 1, GIB, PAGE, 0, 0), AXVM_ERR_INVAL);
    assert_int_equal(axvm_map(&f->vm, NULL), AXVM_ERR_INVAL);
    assert_int_equal(f->vm.as.region_count, 0);
    assert_int_equal(mem_map(f, AXVM_REGION_DEVICE, GIB, PAGE, 0, 0), AXVM_OK);
    assert_int_equal(protect(f, GIB, PAGE, RWX), AXVM_ERR_INVAL);
    assert_int_equal(protect(f, GIB, PAGE, 0), AXVM_ERR_INVAL);
    assert_int_equal(protect(f, GIB, 0, RW), AXVM_ERR_INVAL);
    assert_int_equal(protect(f, GIB, UINT64_MAX & ~(PAGE - 1), RW), AXVM_ERR_INVAL);
    assert_int_equal(unmap(f, GIB + 8, PAGE), AXVM_ERR_INVAL);
    assert_int_equal(unmap(f, GIB, 2 * PAGE), AXVM_ERR_NOENT);
    assert_int_equal(unmap(f, GIB - PAGE, 2 * PAGE), AXVM_ERR_NOENT);
    assert_int_equal(unmap(f, GIB, PAGE), AXVM_OK);
    assert_int_equal(unmap(f, GIB, PAGE), AXVM_ERR_NOENT);
}

static void overlaps_are_refused(void **state)
{
    struct mem_fixture *f = *state;
    struct axvm_bus *bus = &f->vm.bus[AXVM_BUS_MMIO];

    bus->slots[bus->count++] = (struct axvm_bus_slot){ .base = 2 * GIB + 100, .len = 8 };
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, GIB, 4 * PAGE, 0, 0), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + 3 * PAGE, 4 * PAGE, 0, 0), AXVM_ERR_EXIST);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB - PAGE, 2 * PAGE, 0, 0), AXVM_ERR_EXIST);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB - PAGE, 20 * PAGE, 0, 0), AXVM_ERR_EXIST);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, 2 * GIB, PAGE, 0, 0), AXVM_ERR_EXIST);
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, 2 * GIB + PAGE, PAGE, 0, 0), AXVM_OK);
    assert_true(axvm_aspace_overlaps(&f->vm, GIB + 4 * PAGE - 1, 1));
    assert_false(axvm_aspace_overlaps(&f->vm, GIB + 4 * PAGE, PAGE));
    assert_false(axvm_aspace_overlaps(&f->vm, GIB, 0));
    assert_true(axvm_aspace_overlaps(&f->vm, 3 * GIB, UINT64_MAX));
}

static void full_region_table_is_refused_before_anything_changes(void **state)
{
    struct mem_fixture *f = *state;

    for (unsigned int i = 0; i < AXVM_MAX_REGIONS - 2; i++)
        assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, GIB + 4 * MIB * i, 3 * PAGE, 2 * PAGE * i, 0), AXVM_OK);
    assert_int_equal(protect(f, GIB + PAGE, PAGE, AXVM_PROT_READ), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, 10 * GIB, PAGE, 0, 0), AXVM_ERR_NOSPC);
    assert_int_equal(unmap(f, GIB + 4 * MIB + PAGE, PAGE), AXVM_ERR_NOSPC);
    assert_int_equal(protect(f, GIB + 4 * MIB, PAGE, AXVM_PROT_READ), AXVM_ERR_NOSPC);
    assert_int_equal(f->vm.as.region_count, AXVM_MAX_REGIONS);
    assert_int_equal(unmap(f, GIB + 4 * MIB, 3 * PAGE), AXVM_OK);
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, 10 * GIB, PAGE, 0, 0), AXVM_OK);
}

static void space_is_as_large_as_the_config_needs(void **state)
{
    struct mem_fixture *f = *state;
    struct axvm_region far = { .gpa = { UINT64_C(1) << 40 }, .len = PAGE };

    axvm_aspace_fini(&f->vm);
    f->vm.cfg.regions = &far;
    f->vm.cfg.region_count = 1;
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_ERR_NOSUP);
    f->geo.gpa_bits = 36;
    far.gpa = axvm_gpa((UINT64_C(1) << 36) - PAGE);
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_OK);
    assert_int_equal(axvm_gpa_bits(&f->vm), 36);
    assert_int_equal(axvm_stage2_root(&f->vm).v, f->vm.as.root_hpa.v);
    axvm_aspace_fini(&f->vm);
    f->vm.cfg.gpa_bits = 40;
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_ERR_NOSUP);
}

/* ---- reset ---- */

static void reset_zeroes_what_the_vm_owns_and_drops_what_it_touched(void **state)
{
    struct mem_fixture *f = *state;
    static const enum axvm_region_kind kinds[] = { AXVM_REGION_ALLOC, AXVM_REGION_RESERVED, AXVM_REGION_TOUCH,
                                                   AXVM_REGION_LINEAR };
    uint64_t word, before, hpa = PHYS_BASE + 5 * GIB;

    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(mem_map(f, kinds[i], 6 * GIB + i * 4 * MIB, 2 * MIB + PAGE, hpa, 0), AXVM_OK);
    assert_int_equal(protect(f, 6 * GIB, PAGE, AXVM_PROT_READ), AXVM_OK);
    before = f->live_pages;
    for (unsigned int i = 0; i < 4; i++) {
        word = 0x77;
        assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(6 * GIB + i * 4 * MIB + 2 * MIB + 8), &word, 8), AXVM_OK);
    }
    assert_int_equal(axvm_aspace_reset(&f->vm), AXVM_OK);
    mem_check(f);
    assert_int_equal(f->live_pages, before);
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(6 * GIB + i * 4 * MIB + 2 * MIB + 8), &word, 8), AXVM_OK);
        assert_int_equal(word, kinds[i] == AXVM_REGION_LINEAR ? 0x77 : 0);
    }
}

/* ---- failing allocations: H1-H3 ---- */

struct snapshot {
    struct tlb_list tables;
    struct axvm_region regions[AXVM_MAX_REGIONS];
    uint32_t region_count;
    uint64_t live_pages, claimed;
};

static void take(struct mem_fixture *f, struct snapshot *s)
{
    *s = (struct snapshot){ .region_count = f->vm.as.region_count, .live_pages = f->live_pages, .claimed = f->claimed };
    mem_dump(f, &s->tables);
    memcpy(s->regions, f->vm.as.regions, sizeof(s->regions[0]) * s->region_count);
}

/* @slack: pages that the list of pieces may have taken for good. */
static void assert_unchanged(struct mem_fixture *f, struct snapshot *s, uint64_t slack)
{
    struct snapshot now;

    take(f, &now);
    mem_check(f);
    assert_int_equal(now.region_count, s->region_count);
    assert_memory_equal(now.regions, s->regions, sizeof(s->regions[0]) * s->region_count);
    assert_int_equal(now.tables.count, s->tables.count);
    for (size_t i = 0; i < now.tables.count; i++) {
        assert_int_equal(now.tables.at[i].gpa, s->tables.at[i].gpa);
        assert_int_equal(now.tables.at[i].value, s->tables.at[i].value);
    }
    assert_in_range(now.live_pages, s->live_pages, s->live_pages + slack);
    assert_int_equal(now.claimed, s->claimed);
    mem_list_free(&now.tables);
    mem_list_free(&s->tables);
}

typedef int (*operation)(struct mem_fixture *f);

/* Run @op with every allocation failing in turn; when it succeeds nevertheless, @undo it. */
static void fail_everywhere(struct mem_fixture *f, operation op, operation undo)
{
    for (unsigned int for_good = 0; for_good < 2; for_good++) {
        for (long n = 0;; n++) {
            struct snapshot before;
            bool reached;
            int rc;

            take(f, &before);
            mem_fail_alloc(f, n, for_good);
            rc = op(f);
            reached = f->allocs_until_failure == (for_good ? 0 : -1);
            mem_fail_alloc(f, -1, false);
            if (rc != AXVM_OK) {
                assert_int_equal(rc, AXVM_ERR_NOMEM);
                assert_unchanged(f, &before, 1);
                continue;
            }
            mem_check(f);
            mem_list_free(&before.tables);
            assert_int_equal(undo(f), AXVM_OK);
            mem_check(f);
            if (!reached)
                break;
        }
    }
}

static int map_linear_odd(struct mem_fixture *f)
{
    return mem_map(f, AXVM_REGION_LINEAR, 3 * GIB - 3 * MIB - PAGE, 6 * MIB, 100 * GIB, 0);
}

static int unmap_linear_odd(struct mem_fixture *f)
{
    return axvm_unmap(&f->vm, axvm_gpa(3 * GIB - 3 * MIB - PAGE), 6 * MIB);
}

static int map_alloc_odd(struct mem_fixture *f)
{
    return mem_map(f, AXVM_REGION_ALLOC, 3 * GIB - 3 * MIB - PAGE, 6 * MIB, 0, 0);
}

static int map_reserved(struct mem_fixture *f)
{
    return mem_map(f, AXVM_REGION_RESERVED, 6 * GIB - 3 * MIB - PAGE, 6 * MIB, 0, 0);
}

static int unmap_reserved(struct mem_fixture *f)
{
    return axvm_unmap(&f->vm, axvm_gpa(6 * GIB - 3 * MIB - PAGE), 6 * MIB);
}

static int punch_hole(struct mem_fixture *f)
{
    return axvm_unmap(&f->vm, axvm_gpa(9 * GIB + 300 * MIB + 3 * PAGE), 500 * MIB + PAGE);
}

static int fill_hole(struct mem_fixture *f)
{
    return mem_map(f, AXVM_REGION_LINEAR, 9 * GIB + 300 * MIB + 3 * PAGE, 500 * MIB + PAGE, 109 * GIB + 300 * MIB + 3 * PAGE,
                   0);
}

static int forbid_part(struct mem_fixture *f)
{
    return axvm_protect(&f->vm, axvm_gpa(9 * GIB + 300 * MIB + 3 * PAGE), 500 * MIB + PAGE, AXVM_PROT_READ);
}

static int allow_part(struct mem_fixture *f)
{
    return axvm_protect(&f->vm, axvm_gpa(9 * GIB + 300 * MIB + 3 * PAGE), 500 * MIB + PAGE, RWX);
}

static void failed_map_leaves_the_map_as_it_was(void **state)
{
    struct mem_fixture *f = *state;

    f->max_order = 8;
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, 3 * GIB + 4 * MIB, MIB, 200 * GIB, 0), AXVM_OK);
    fail_everywhere(f, map_linear_odd, unmap_linear_odd);
    fail_everywhere(f, map_alloc_odd, unmap_linear_odd);
    fail_everywhere(f, map_reserved, unmap_reserved);
}

static void failed_cut_leaves_the_map_as_it_was(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, 9 * GIB, GIB, 109 * GIB, 0), AXVM_OK);
    fail_everywhere(f, punch_hole, fill_hole);
    fail_everywhere(f, forbid_part, allow_part);
}

static void no_memory_at_init_leaks_nothing(void **state)
{
    struct mem_fixture *f = *state;

    axvm_aspace_fini(&f->vm);
    mem_fail_alloc(f, 0, true);
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_ERR_NOMEM);
    assert_int_equal(f->live_pages, 0);
    axvm_aspace_fini(&f->vm);
}

static void building_and_taking_down_a_thousand_times_loses_no_page(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t before = 0;

    f->model_tlb = false;
    for (unsigned int i = 0; i < 1000; i++) {
        assert_int_equal(mem_map(f, AXVM_REGION_ALLOC, GIB, 2 * MIB + 3 * PAGE, 0, 0), AXVM_OK);
        assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, 2 * GIB, MIB, 0, 0), AXVM_OK);
        assert_int_equal(mem_touch(f, 2 * GIB, AXVM_PROT_READ), AXVM_OK);
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(GIB), 2 * MIB + 3 * PAGE), AXVM_OK);
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(2 * GIB), MIB), AXVM_OK);
        if (i == 0)
            before = f->live_pages;
        assert_int_equal(f->live_pages, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_space_maps_nothing, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(device_goes_to_its_own_address_as_device_memory, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(allocated_memory_comes_in_large_pieces, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(allocated_memory_comes_in_whatever_pieces_there_are, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(parts_of_a_piece_go_back_with_the_last_of_them, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(piece_under_three_regions_survives_the_middle_one, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(reserved_memory_is_claimed_and_given_back, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(reserved_memory_that_is_taken_is_refused, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(touched_pages_come_one_by_one, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(forbidden_accesses_are_the_guests_fault, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(fault_storm_ends_when_the_host_has_no_more, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(small_cache_changes_nothing, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(overlaps_are_refused, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(full_region_table_is_refused_before_anything_changes, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(space_is_as_large_as_the_config_needs, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(reset_zeroes_what_the_vm_owns_and_drops_what_it_touched, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(failed_map_leaves_the_map_as_it_was, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(failed_cut_leaves_the_map_as_it_was, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(no_memory_at_init_leaks_nothing, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(building_and_taking_down_a_thousand_times_loses_no_page, mem_setup, mem_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
