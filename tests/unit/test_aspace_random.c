/* SPDX-License-Identifier: BSD-2-Clause */
/* Random calls against a map that is an array of pages; then from several threads at once. hostile-guest.md rows 10, 12-15. */
#include "mem_fixture.h"

#include <stdio.h>

#include "bits.h"
#include "region.h"
#include "s2.h"

#define RW (AXVM_PROT_READ | AXVM_PROT_WRITE)
#define RWX ((uint32_t)AXVM_PROT_RWX)

/* Around a GiB boundary, and where the fixture has memory, for RESERVED. */
#define BASE (6 * GIB - 3 * MIB)
#define PAGES ((unsigned int)(6 * MIB / PAGE))

struct page {
    bool mapped, touched;
    enum axvm_region_kind kind;
    uint32_t prot;
    uint64_t hpa; /* of linear kinds */
    uint64_t tag; /* what is in its first word */
};

struct model {
    struct mem_fixture *f;
    struct page pages[PAGES];
    uint64_t seed, tags;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint64_t below(struct model *m, uint64_t n)
{
    return next_random(&m->seed) % n;
}

static uint64_t gpa_of(unsigned int page)
{
    return BASE + page * PAGE;
}

static bool is_linear(enum axvm_region_kind kind)
{
    return kind != AXVM_REGION_ALLOC && kind != AXVM_REGION_TOUCH;
}

/* Does the fixture have memory behind it? */
static bool has_data(const struct page *p)
{
    return p->kind == AXVM_REGION_ALLOC || p->kind == AXVM_REGION_RESERVED || p->kind == AXVM_REGION_TOUCH;
}

static void put_tags(struct model *m, unsigned int first, unsigned int count)
{
    for (unsigned int i = first; i < first + count; i++) {
        struct page *p = &m->pages[i];

        p->tag = ++m->tags;
        assert_int_equal(axvm_write_guest(&m->f->vm, axvm_gpa(gpa_of(i)), &p->tag, sizeof(p->tag)), AXVM_OK);
    }
}

/* Mostly small, often whole MiBs, so that there are blocks. */
static void pick_range(struct model *m, unsigned int *first, unsigned int *count)
{
    if (below(m, 3) == 0) {
        *first = 256 * (unsigned int)below(m, PAGES / 256);
        *count = 256 * (unsigned int)(1 + below(m, 4));
    } else {
        *first = (unsigned int)below(m, PAGES);
        *count = (unsigned int)(1 + below(m, below(m, 2) ? 8 : 700));
    }
    if (*count > PAGES - *first)
        *count = PAGES - *first;
}

static bool all(const struct model *m, unsigned int first, unsigned int count, bool mapped)
{
    for (unsigned int i = first; i < first + count; i++) {
        if (m->pages[i].mapped != mapped)
            return false;
    }
    return true;
}

static uint64_t linear_hpa(struct model *m, enum axvm_region_kind kind, unsigned int first)
{
    if (kind == AXVM_REGION_IDENTITY || kind == AXVM_REGION_RESERVED)
        return gpa_of(first);
    return gpa_of(first) + 100 * GIB + (below(m, 10) == 0 ? PAGE * below(m, 4) : 0);
}

static void do_map(struct model *m, unsigned int first, unsigned int count)
{
    /* Much of one kind, so that parts can come together again. */
    enum axvm_region_kind kind = below(m, 2) ? AXVM_REGION_LINEAR : (enum axvm_region_kind)below(m, 6);
    uint64_t hpa = linear_hpa(m, kind, first);
    uint32_t prot = AXVM_PROT_READ | (below(m, 4) ? AXVM_PROT_WRITE : 0);
    bool was_free = all(m, first, count, false);
    int rc = mem_map(m->f, kind, gpa_of(first), count * PAGE, hpa, prot);

    if (rc == AXVM_ERR_NOSPC && m->f->vm.as.region_count == AXVM_MAX_REGIONS)
        return;
    if (rc == AXVM_ERR_NOMEM && (kind == AXVM_REGION_RESERVED || m->f->fails_for_good))
        return;
    assert_int_equal(rc, was_free ? AXVM_OK : AXVM_ERR_EXIST);
    if (rc != AXVM_OK)
        return;
    for (unsigned int i = first; i < first + count; i++)
        m->pages[i] = (struct page){ .mapped = true, .kind = kind, .prot = prot, .hpa = hpa + (i - first) * PAGE };
    if (kind == AXVM_REGION_ALLOC || kind == AXVM_REGION_RESERVED)
        put_tags(m, first, count);
}

static void do_unmap(struct model *m, unsigned int first, unsigned int count)
{
    bool were_mapped = all(m, first, count, true);
    int rc = axvm_unmap(&m->f->vm, axvm_gpa(gpa_of(first)), count * PAGE);

    if (rc == AXVM_ERR_NOSPC && m->f->vm.as.region_count >= AXVM_MAX_REGIONS - 1)
        return;
    assert_int_equal(rc, were_mapped ? AXVM_OK : AXVM_ERR_NOENT);
    for (unsigned int i = first; rc == AXVM_OK && i < first + count; i++)
        m->pages[i].mapped = false;
}

static void do_protect(struct model *m, unsigned int first, unsigned int count)
{
    uint32_t prot = AXVM_PROT_READ | (below(m, 4) ? AXVM_PROT_WRITE : 0);
    bool were_mapped = all(m, first, count, true);
    int rc = axvm_protect(&m->f->vm, axvm_gpa(gpa_of(first)), count * PAGE, prot);

    if (rc == AXVM_ERR_NOSPC && m->f->vm.as.region_count >= AXVM_MAX_REGIONS - 1)
        return;
    assert_int_equal(rc, were_mapped ? AXVM_OK : AXVM_ERR_NOENT);
    for (unsigned int i = first; rc == AXVM_OK && i < first + count; i++)
        m->pages[i].prot = prot;
}

static void do_touch(struct model *m, unsigned int first)
{
    struct page *p = &m->pages[first];
    uint32_t prot = below(m, 2) ? AXVM_PROT_READ : AXVM_PROT_WRITE;
    int rc = mem_touch(m->f, gpa_of(first) + below(m, PAGE), prot);

    assert_int_equal(rc, !p->mapped ? AXVM_ERR_NOENT : (prot & ~p->prot) != 0 ? AXVM_ERR_GUEST : AXVM_OK);
    if (rc == AXVM_OK && p->kind == AXVM_REGION_TOUCH && !p->touched) {
        p->touched = true;
        put_tags(m, first, 1);
    }
}

static void check_page(struct model *m, unsigned int i)
{
    const struct page *p = &m->pages[i];
    bool there = p->mapped && (p->kind != AXVM_REGION_TOUCH || p->touched);
    struct axvm_s2_leaf leaf;
    uint64_t word = 0;

    assert_int_equal(axvm_s2_walk(&m->f->vm, gpa_of(i), &leaf), there);
    if (!there)
        return;
    assert_int_equal(leaf.prot, p->prot | (p->kind == AXVM_REGION_DEVICE ? AXVM_PROT_DEVICE : 0));
    if (is_linear(p->kind))
        assert_int_equal(leaf.hpa, p->hpa);
    if (has_data(p)) {
        assert_int_equal(axvm_aspace_read(&m->f->vm, axvm_gpa(gpa_of(i)), &word, sizeof(word)), AXVM_OK);
        assert_int_equal(word, p->tag);
    }
}

/* 2 MiB that one block can map are mapped by one. */
static void check_joined(struct model *m, unsigned int first)
{
    const struct page *p = &m->pages[first];
    struct axvm_s2_leaf leaf;

    if (!p->mapped || !is_linear(p->kind) || p->kind == AXVM_REGION_RESERVED || !axvm_is_aligned(p->hpa, 2 * MIB))
        return;
    for (unsigned int i = 0; i < 512; i++) {
        const struct page *q = &m->pages[first + i];

        if (!q->mapped || q->kind != p->kind || q->prot != p->prot || q->hpa != p->hpa + i * PAGE)
            return;
    }
    assert_true(axvm_s2_walk(&m->f->vm, gpa_of(first), &leaf));
    assert_int_equal(leaf.level, 2);
}

static void check_all(struct model *m)
{
    mem_check(m->f);
    for (unsigned int i = 0; i < PAGES; i++)
        check_page(m, i);
    for (unsigned int i = 0; i + 512 <= PAGES; i++) {
        if (axvm_is_aligned(gpa_of(i), 2 * MIB))
            check_joined(m, i);
    }
}

static void step(struct model *m)
{
    unsigned int first, count;

    pick_range(m, &first, &count);
    /* Mostly ranges that are all free, or all mapped. */
    while (below(m, 8) != 0 && count > 1 && !all(m, first, count, m->pages[first].mapped))
        count /= 2;
    switch (below(m, 8)) {
    case 0:
    case 1:
    case 2:
        do_map(m, first, count);
        break;
    case 3:
    case 4:
        do_unmap(m, first, count);
        break;
    case 5:
    case 6:
        do_protect(m, first, count);
        break;
    default:
        for (unsigned int i = 0; i < 8; i++)
            do_touch(m, (unsigned int)below(m, PAGES));
        break;
    }
}

static void run_model(struct mem_fixture *f, uint64_t seed, unsigned int steps)
{
    struct model *m = calloc(1, sizeof(*m));

    m->f = f;
    m->seed = seed;
    for (unsigned int n = 0; n < steps; n++) {
        step(m);
        check_all(m);
    }
    free(m);
}

/* Holes and permissions come and go in one linear region, and in the end all is as it was. */
static void run_mending(struct model *m)
{
    const uint64_t hpa = gpa_of(0) + 100 * GIB;
    unsigned int first, count;

    for (unsigned int n = 0; n < 12; n++) {
        pick_range(m, &first, &count);
        if (below(m, 2) == 0 && all(m, first, count, true))
            do_unmap(m, first, count);
        else if (all(m, first, count, true))
            do_protect(m, first, count);
        check_all(m);
    }
    for (unsigned int i = 0; i < PAGES; i++) {
        if (!m->pages[i].mapped) {
            assert_int_equal(mem_map(m->f, AXVM_REGION_LINEAR, gpa_of(i), PAGE, hpa + i * PAGE, RW), AXVM_OK);
            m->pages[i] = (struct page){ .mapped = true, .kind = AXVM_REGION_LINEAR, .prot = RW, .hpa = hpa + i * PAGE };
        }
    }
    assert_int_equal(axvm_protect(&m->f->vm, axvm_gpa(gpa_of(0)), PAGES * PAGE, RW), AXVM_OK);
    for (unsigned int i = 0; i < PAGES; i++)
        m->pages[i].prot = RW;
    check_all(m);
    assert_int_equal(m->f->vm.as.region_count, 1);
}

static void mended_memory_is_in_blocks_again(void **state)
{
    struct model *m = calloc(1, sizeof(*m));

    m->f = *state;
    m->seed = 0x2545f4914f6cdd1d;
    assert_int_equal(mem_map(m->f, AXVM_REGION_LINEAR, gpa_of(0), PAGES * PAGE, gpa_of(0) + 100 * GIB, RW), AXVM_OK);
    for (unsigned int i = 0; i < PAGES; i++)
        m->pages[i] = (struct page){ .mapped = true, .kind = AXVM_REGION_LINEAR, .prot = RW, .hpa = gpa_of(i) + 100 * GIB };
    for (unsigned int n = 0; n < 40; n++)
        run_mending(m);
    free(m);
}

static void random_calls_do_what_an_array_of_pages_would(void **state)
{
    run_model(*state, 0x9e3779b97f4a7c15, 600);
}

static void random_calls_with_small_pieces_of_memory_do_too(void **state)
{
    struct mem_fixture *f = *state;

    f->max_order = 4;
    run_model(f, 0xbf58476d1ce4e5b9, 300);
}

static void random_calls_under_random_failures_leave_a_sound_map(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t seed = 0x94d049bb133111eb;

    for (unsigned int n = 0; n < 1500; n++) {
        uint64_t gpa = BASE + PAGE * (next_random(&seed) % PAGES), len = PAGE * (1 + next_random(&seed) % 600);

        mem_fail_alloc(f, (long)(next_random(&seed) % 12), next_random(&seed) % 2);
        switch (next_random(&seed) % 4) {
        case 0:
        case 1:
            mem_map(f, (enum axvm_region_kind)(next_random(&seed) % 6), gpa, len, gpa + 100 * GIB, 0);
            break;
        case 2:
            axvm_unmap(&f->vm, axvm_gpa(gpa), len);
            break;
        default:
            axvm_protect(&f->vm, axvm_gpa(gpa), len, AXVM_PROT_READ);
            break;
        }
        mem_check(f);
    }
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 150u

struct worker {
    struct mem_fixture *f;
    unsigned int index;
    pthread_t thread;
};

/* Rows 10 and 15: what it reads is what was written there, or nothing: never what lies in memory that was given back. */
static void *maps_and_unmaps(void *arg)
{
    struct worker *w = arg;
    struct mem_fixture *f = w->f;
    /* Neighbours share tables. */
    uint64_t gpa = BASE + w->index * 300 * PAGE, seed = 77 + w->index;

    for (unsigned int n = 0; n < ROUNDS; n++) {
        enum axvm_region_kind kind = n % 2 ? AXVM_REGION_ALLOC : AXVM_REGION_TOUCH;
        uint64_t hole = PAGE * (1 + next_random(&seed) % 290);

        if (mem_map(f, kind, gpa, 300 * PAGE, 0, 0) != AXVM_OK)
            abort();
        for (uint64_t off = 0; off < 300 * PAGE; off += 50 * PAGE) {
            uint64_t value = 0x42;

            if (axvm_write_guest(&f->vm, axvm_gpa(gpa + off), &value, sizeof(value)) != AXVM_OK)
                abort();
        }
        if (axvm_protect(&f->vm, axvm_gpa(gpa + hole), 5 * PAGE, AXVM_PROT_READ) != AXVM_OK)
            abort();
        if (axvm_unmap(&f->vm, axvm_gpa(gpa + hole), 5 * PAGE) != AXVM_OK)
            abort();
        if (axvm_unmap(&f->vm, axvm_gpa(gpa), hole) != AXVM_OK)
            abort();
        if (axvm_unmap(&f->vm, axvm_gpa(gpa + hole + 5 * PAGE), 295 * PAGE - hole) != AXVM_OK)
            abort();
    }
    return NULL;
}

static void *reads_everywhere(void *arg)
{
    struct worker *w = arg;
    uint64_t seed = 99 + w->index;

    for (unsigned int n = 0; n < 40 * ROUNDS; n++) {
        uint64_t gpa = BASE + PAGE * (next_random(&seed) % (THREADS * 300)), value = 0;
        struct axvm_page_cache cache = { .count = 0 };
        int rc = axvm_aspace_read(&w->f->vm, axvm_gpa(gpa), &value, sizeof(value));

        if (rc != AXVM_ERR_RANGE && (rc != AXVM_OK || (value != 0 && value != 0x42)))
            abort();
        axvm_aspace_fault(&w->f->vm, &cache, axvm_gpa(gpa), AXVM_PROT_READ);
    }
    return NULL;
}

static void threads_on_neighbouring_memory_do_not_disturb_each_other(void **state)
{
    struct mem_fixture *f = *state;
    struct worker workers[THREADS + 1];

    f->model_tlb = false;
    for (unsigned int i = 0; i <= THREADS; i++) {
        workers[i] = (struct worker){ .f = f, .index = i };
        pthread_create(&workers[i].thread, NULL, i < THREADS ? maps_and_unmaps : reads_everywhere, &workers[i]);
    }
    for (unsigned int i = 0; i <= THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    mem_check(f);
    assert_int_equal(f->vm.as.region_count, 0);
    assert_int_equal(f->vm.as.table_pages, 0);
}

static void *touches_all(void *arg)
{
    struct worker *w = arg;
    struct axvm_page_cache cache = { .count = 0 };

    for (unsigned int i = 0; i < 2000; i++) {
        uint64_t gpa = BASE + PAGE * i;

        while (axvm_aspace_fault(&w->f->vm, &cache, axvm_gpa(gpa), AXVM_PROT_WRITE) == AXVM_ERR_AGAIN)
            axvm_page_cache_fill(&cache, &w->f->vm.hal, 17);
    }
    axvm_page_cache_drain(&cache, &w->f->vm.hal);
    return NULL;
}

static void one_of_many_faults_on_a_page_wins(void **state)
{
    /* Row 14 */
    struct mem_fixture *f = *state;
    struct worker workers[THREADS];
    uint64_t before = f->live_pages;

    f->model_tlb = false;
    assert_int_equal(mem_map(f, AXVM_REGION_TOUCH, BASE, 2000 * PAGE, 0, 0), AXVM_OK);
    for (unsigned int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .f = f, .index = i };
        pthread_create(&workers[i].thread, NULL, touches_all, &workers[i]);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    mem_check(f);
    assert_int_equal(f->live_pages, before + 2000 + f->vm.as.table_pages);
}

/* Protects its part again and again, while others unmap and map theirs around it. */
static void *protects(void *arg)
{
    struct worker *w = arg;

    for (unsigned int n = 0; n < 4 * ROUNDS; n++)
        axvm_protect(&w->f->vm, axvm_gpa(BASE + 100 * PAGE * w->index), 1000 * PAGE, n % 2 ? RW : AXVM_PROT_READ);
    return NULL;
}

static void permissions_changed_from_all_sides_end_up_as_the_regions_say(void **state)
{
    struct mem_fixture *f = *state;
    struct worker workers[THREADS];

    f->model_tlb = false;
    assert_int_equal(mem_map(f, AXVM_REGION_LINEAR, BASE, 6 * MIB, 100 * GIB + MIB, 0), AXVM_OK);
    for (unsigned int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .f = f, .index = i };
        pthread_create(&workers[i].thread, NULL, protects, &workers[i]);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    mem_check(f); /* compares them */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mended_memory_is_in_blocks_again, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(random_calls_do_what_an_array_of_pages_would, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(random_calls_with_small_pieces_of_memory_do_too, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(random_calls_under_random_failures_leave_a_sound_map, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(threads_on_neighbouring_memory_do_not_disturb_each_other, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(one_of_many_faults_on_a_page_wins, mem_setup, mem_teardown),
        cmocka_unit_test_setup_teardown(permissions_changed_from_all_sides_end_up_as_the_regions_say, mem_setup, mem_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
