/* SPDX-License-Identifier: BSD-2-Clause */
#include "mem_fixture.h"

#include <stdio.h>
#include <sys/mman.h>

#include "arch.h"
#include "bits.h"
#include "region.h"
#include "s2_walk.h"

struct mem_fixture *mem_fx;
_Thread_local bool fake_irqs_masked; /* of the fake CPU's arch_irq.h */

/* For what is called with locks held: cmocka's asserts would jump out of them. */
#define must(cond) ((cond) ? (void)0 : must_failed(#cond, __LINE__))

static void must_failed(const char *cond, int line)
{
    fprintf(stderr, "mem_fixture.c:%d: %s\n", line, cond);
    abort();
}

/* ---- the HAL ---- */

void *mem_virt(struct mem_fixture *f, uint64_t pa)
{
    must(pa >= PHYS_BASE && pa - PHYS_BASE < PHYS_PAGES * PAGE);
    return f->phys + (pa - PHYS_BASE);
}

static void *phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    return mem_virt(ctx, pa.v);
}

static axvm_hpa_t virt_to_phys(void *ctx, const void *va)
{
    struct mem_fixture *f = ctx;

    return axvm_hpa(PHYS_BASE + (uint64_t)((const uint8_t *)va - f->phys));
}

static bool is_free(const struct mem_fixture *f, uint64_t page, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (f->page_state[page + i] != 0)
            return false;
    }
    return true;
}

static bool fails_now(struct mem_fixture *f)
{
    if (f->allocs_until_failure < 0)
        return false;
    if (f->allocs_until_failure > 0) {
        f->allocs_until_failure--;
        return false;
    }
    if (!f->fails_for_good)
        f->allocs_until_failure = -1;
    return true;
}

static bool find_pages(struct mem_fixture *f, uint64_t count, uint64_t *out)
{
    uint64_t start = count == 1 ? f->next : 0;

    for (uint64_t n = 0; n < PHYS_PAGES; n += count) {
        uint64_t page = (start + n) % PHYS_PAGES;

        if (page + count <= PHYS_PAGES && is_free(f, page, count)) {
            *out = page;
            return true;
        }
    }
    return false;
}

/* No lock is held: those mask interrupts. */
static void must_be_unlocked(void)
{
    unsigned long irqs = axvm_irq_save();

    must(axvm_irqs_enabled(irqs));
    axvm_irq_restore(irqs);
}

static bool page_alloc(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    struct mem_fixture *f = ctx;
    uint64_t page, count = UINT64_C(1) << order;
    bool ok;

    must_be_unlocked();
    pthread_mutex_lock(&f->mutex);
    ok = order <= f->max_order && !fails_now(f) && find_pages(f, count, &page);
    if (ok) {
        f->page_state[page] = (uint8_t)(1 + order);
        memset(&f->page_state[page + 1], 0xff, count - 1);
        f->live_pages += count;
        f->next = page + count;
        if (count >= 512)
            madvise(f->phys + page * PAGE, count * PAGE, MADV_DONTNEED);
        else
            memset(f->phys + page * PAGE, 0, count * PAGE);
        *out = axvm_hpa(PHYS_BASE + page * PAGE);
    }
    pthread_mutex_unlock(&f->mutex);
    return ok;
}

/* Nobody may still reach [pa, pa + len). */
static void assert_unreachable(struct mem_fixture *f, uint64_t pa, uint64_t len)
{
    unsigned int format = f->vm.as.geo.format;

    for (size_t i = 0; f->model_tlb && i < f->tlb.count; i++) {
        const struct tlb_entry *e = &f->tlb.at[i];
        bool table = e->level < 3 && axvm_s2f_is_table(e->value, e->level, format);

        must(!(axvm_overlap(axvm_s2f_hpa(e->value, e->level, format), table ? PAGE : axvm_s2_span(e->level), pa, len)));
    }
}

static void page_free(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    struct mem_fixture *f = ctx;
    uint64_t page = (pa.v - PHYS_BASE) / PAGE, count = UINT64_C(1) << order;

    must_be_unlocked();
    pthread_mutex_lock(&f->mutex);
    must(f->page_state[page] == 1 + order);
    assert_unreachable(f, pa.v, count * PAGE);
    memset(&f->page_state[page], 0, count);
    f->live_pages -= count;
    if (count < 512)
        memset(f->phys + page * PAGE, 0xa5, count * PAGE);
    pthread_mutex_unlock(&f->mutex);
}

static bool region_alloc_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    struct mem_fixture *f = ctx;
    uint64_t page = (pa.v - PHYS_BASE) / PAGE;

    if (pa.v < PHYS_BASE || page + len / PAGE > PHYS_PAGES || fails_now(f) || !is_free(f, page, len / PAGE))
        return false;
    memset(&f->page_state[page], 0xfe, len / PAGE);
    memset(f->phys + page * PAGE, 0, len);
    f->claimed += len / PAGE;
    return true;
}

static void region_free_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    struct mem_fixture *f = ctx;
    uint64_t page = (pa.v - PHYS_BASE) / PAGE;

    assert_unreachable(f, pa.v, len);
    for (uint64_t i = 0; i < len / PAGE; i++)
        must(f->page_state[page + i] == 0xfe);
    memset(&f->page_state[page], 0, len / PAGE);
    f->claimed -= len / PAGE;
}

static unsigned int pcpu_id(void *ctx)
{
    (void)ctx;
    return 0;
}

/* ---- the TLBs ---- */

static void list_add(struct tlb_list *list, struct tlb_entry e)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 1024;
        list->at = realloc(list->at, list->room * sizeof(e));
    }
    list->at[list->count++] = e;
}

void mem_list_free(struct tlb_list *list)
{
    free(list->at);
    *list = (struct tlb_list){ 0 };
}

static void dump_table(struct mem_fixture *f, axvm_s2_entry *table, unsigned int entries, uint64_t gpa, int level,
                       struct tlb_list *list)
{
    unsigned int format = f->vm.as.geo.format;

    for (unsigned int i = 0; i < entries; i++, gpa += axvm_s2_span(level)) {
        uint64_t e = atomic_load(&table[i]);

        if (!axvm_s2f_valid(e, format))
            continue;
        list_add(list, (struct tlb_entry){ .gpa = gpa, .value = e, .level = level });
        if (level < 3 && axvm_s2f_is_table(e, level, format))
            dump_table(f, mem_virt(f, axvm_s2f_hpa(e, level, format)), 512, gpa, level + 1, list);
    }
}

void mem_dump(struct mem_fixture *f, struct tlb_list *list)
{
    const struct axvm_s2_geometry *geo = &f->vm.as.geo;
    uint64_t entries =
        axvm_min(UINT64_C(512) << geo->root_order, UINT64_C(1) << geo->gpa_bits >> (12 + 9 * (3 - geo->root_level)));

    list->count = 0;
    dump_table(f, f->vm.as.root, (unsigned int)entries, 0, geo->root_level, list);
}

/* Both are in the order of dump_table(): by gpa, and a table before what is in it. */
static int compare(const struct tlb_entry *a, const struct tlb_entry *b)
{
    if (a->gpa != b->gpa)
        return a->gpa < b->gpa ? -1 : 1;
    return a->level - b->level;
}

/* May the table say @new where a CPU has cached @old? Only when nothing but permissions differ. */
static bool may_follow(const struct tlb_entry *old, uint64_t new, unsigned int format)
{
    if (old->value == new)
        return true;
    if (old->level < 3 && (axvm_s2f_is_table(old->value, old->level, format) || axvm_s2f_is_table(new, old->level, format)))
        return false;
    return axvm_s2f_hpa(old->value, old->level, format) == axvm_s2f_hpa(new, old->level, format) &&
           ((axvm_s2f_prot(old->value, format) ^ axvm_s2f_prot(new, format)) & AXVM_PROT_DEVICE) == 0;
}

/* No two leaves that CPUs know map the same address. */
static void assert_no_conflict(const struct tlb_list *list, unsigned int format)
{
    uint64_t end = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct tlb_entry *e = &list->at[i];

        if (e->level < 3 && axvm_s2f_is_table(e->value, e->level, format))
            continue;
        must(e->gpa >= end);
        end = e->gpa + axvm_s2_span(e->level);
    }
}

/* CPUs may cache all that is valid now, besides what they have. */
static void cache_all(struct mem_fixture *f)
{
    struct tlb_list now = { 0 }, all = { 0 };
    unsigned int format = f->vm.as.geo.format;
    size_t i = 0, j = 0;

    mem_dump(f, &now);
    while (i < f->tlb.count || j < now.count) {
        int order = i == f->tlb.count ? 1 : j == now.count ? -1 : compare(&f->tlb.at[i], &now.at[j]);

        if (order < 0) {
            f->tlb.at[i].stale = true;
            list_add(&all, f->tlb.at[i++]);
        } else if (order > 0) {
            list_add(&all, now.at[j++]);
        } else {
            must(may_follow(&f->tlb.at[i], now.at[j].value, format));
            f->tlb.at[i].stale = f->tlb.at[i].value != now.at[j].value;
            list_add(&all, f->tlb.at[i++]);
            j++;
        }
    }
    assert_no_conflict(&all, format);
    mem_list_free(&now);
    mem_list_free(&f->tlb);
    f->tlb = all;
}

/* ---- the backend ---- */

#ifndef MEM_WITHOUT_MACHINE
const struct axvm_machine axvm_arch_machine = { .ram_base = GIB };
#endif

int axvm_arch_s2_geometry(unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    if (gpa_bits > mem_fx->geo.gpa_bits)
        return AXVM_ERR_NOSUP;
    *geo = mem_fx->geo;
    return AXVM_OK;
}

void axvm_arch_s2_sync(void)
{
    mem_fx->syncs++;
    if (mem_fx->model_tlb)
        cache_all(mem_fx);
}

void axvm_arch_s2_flush(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    struct tlb_list *tlb = &mem_fx->tlb;
    size_t kept = 0;

    (void)vm;
    must(len != 0 && axvm_is_aligned(gpa | len, PAGE));
    mem_fx->flushes++;
    if (!mem_fx->model_tlb)
        return;
    cache_all(mem_fx);
    for (size_t i = 0; i < tlb->count; i++) {
        if (!axvm_overlap(tlb->at[i].gpa, axvm_s2_span(tlb->at[i].level), gpa, len))
            tlb->at[kept++] = tlb->at[i];
    }
    tlb->count = kept;
    cache_all(mem_fx);
}

void axvm_arch_ram_publish(void *va, size_t len)
{
    for (size_t i = 0; i < len && len <= PAGE; i++)
        must(((uint8_t *)va)[i] == 0);
    __atomic_fetch_add(&mem_fx->publishes, 1, __ATOMIC_RELAXED);
}

unsigned int axvm_arch_vmid_bits(void)
{
    return mem_fx->vmid_bits;
}

void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    (void)cpu;
    mem_fx->cpu_flushes++;
}

bool axvm_bus_overlaps(const struct axvm_bus *bus, uint64_t base, uint64_t len)
{
    for (uint32_t i = 0; i < bus->count; i++) {
        if (axvm_overlap(bus->slots[i].base, bus->slots[i].len, base, len))
            return true;
    }
    return false;
}

/* ---- for tests ---- */

/* Stage-2 table geometry of the format under test, with 40 bits where the CPU has a choice. */
static struct axvm_s2_geometry default_geometry(void)
{
    struct axvm_s2_geometry geo = { .gpa_bits = 40, .hpa_bits = 48, .root_level = 1, .root_order = 1, .max_block_level = 1 };

#ifdef MEM_FORMAT
    geo.format = MEM_FORMAT;
#endif
    return geo;
}

static void make_phys(struct mem_fixture *f)
{
    f->phys = mmap(NULL, PHYS_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(f->phys != MAP_FAILED);
    f->page_state = calloc(PHYS_PAGES, 1);
    f->max_order = 18;
    f->allocs_until_failure = -1;
}

int mem_setup(void **state)
{
    struct mem_fixture *f = calloc(1, sizeof(*f));

    mem_fx = f;
    pthread_mutex_init(&f->mutex, NULL);
    make_phys(f);
    f->geo = default_geometry();
    f->model_tlb = true;
    f->vmid_bits = 8;
    f->vm.hal = (struct axvm_hal){
        .size = sizeof(f->vm.hal),
        .ctx = f,
        .host = &f->host,
        .page_alloc = page_alloc,
        .page_free = page_free,
        .phys_to_virt = phys_to_virt,
        .virt_to_phys = virt_to_phys,
        .region_alloc_at = region_alloc_at,
        .region_free_at = region_free_at,
        .pcpu_id = pcpu_id,
    };
    f->vm.cfg.ram_size = MIB;
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_OK);
    *state = f;
    return 0;
}

int mem_teardown(void **state)
{
    struct mem_fixture *f = *state;

    mem_fail_alloc(f, -1, false);
    axvm_aspace_fini(&f->vm);
    assert_int_equal(f->live_pages, 0);
    assert_int_equal(f->claimed, 0);
    mem_list_free(&f->tlb);
    munmap(f->phys, PHYS_PAGES * PAGE);
    free(f->page_state);
    free(f);
    return 0;
}

void mem_set_geometry(struct mem_fixture *f, const struct axvm_s2_geometry *geo)
{
    axvm_aspace_fini(&f->vm);
    assert_int_equal(f->live_pages, 0);
    memset(&f->vm.as, 0, sizeof(f->vm.as));
    f->tlb.count = 0;
    f->geo = *geo;
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_OK);
}

static void check_leaf(struct mem_fixture *f, const struct tlb_entry *e)
{
    struct axvm_aspace *as = &f->vm.as;
    uint32_t i = axvm_region_at(as, e->gpa);
    const struct axvm_region *r = &as->regions[i];

    assert_int_not_equal(i, AXVM_NO_REGION);
    assert_true(axvm_region_end(r) - e->gpa >= axvm_s2_span(e->level));
    assert_int_equal(axvm_s2f_prot(e->value, as->geo.format), axvm_region_prot(r));
    if (axvm_region_is_linear(r))
        assert_int_equal(axvm_s2f_hpa(e->value, e->level, as->geo.format), r->hpa.v + (e->gpa - r->gpa.v));
    if (r->kind == AXVM_REGION_TOUCH)
        assert_int_equal(e->level, 3);
}

void mem_check(struct mem_fixture *f)
{
    struct tlb_list now = { 0 };
    uint64_t tables = 0;

    mem_dump(f, &now);
    for (size_t i = 0; i < now.count; i++) {
        const struct tlb_entry *e = &now.at[i];

        if (e->level == 3 || !axvm_s2f_is_table(e->value, e->level, f->vm.as.geo.format)) {
            check_leaf(f, e);
            continue;
        }
        tables++;
        /* A table is followed by what is in it. */
        assert_true(i + 1 < now.count && now.at[i + 1].level == e->level + 1);
    }
    assert_int_equal(tables, f->vm.as.table_pages);
    if (f->model_tlb) {
        cache_all(f);
        for (size_t i = 0; i < f->tlb.count; i++)
            assert_false(f->tlb.at[i].stale);
    }
    for (uint32_t i = 0; i < f->vm.as.region_count; i++) {
        assert_int_equal(f->vm.as.tags[i].state, AXVM_REGION_LIVE);
        assert_true(i == 0 || axvm_region_end(&f->vm.as.regions[i - 1]) <= f->vm.as.regions[i].gpa.v);
    }
    mem_list_free(&now);
}

void mem_fail_alloc(struct mem_fixture *f, long n, bool for_good)
{
    f->allocs_until_failure = n;
    f->fails_for_good = for_good;
}

int mem_map(struct mem_fixture *f, enum axvm_region_kind kind, uint64_t gpa, uint64_t len, uint64_t hpa, uint32_t prot)
{
    const struct axvm_region region = { .gpa = { gpa }, .len = len, .hpa = { hpa }, .kind = kind, .prot = prot };

    return axvm_map(&f->vm, &region);
}

int mem_touch(struct mem_fixture *f, uint64_t gpa, uint32_t prot)
{
    struct axvm_page_cache cache = { .count = 0 };
    int rc = axvm_aspace_fault(&f->vm, &cache, axvm_gpa(gpa), prot);

    if (rc == AXVM_ERR_AGAIN) {
        rc = axvm_page_cache_fill(&cache, &f->vm.hal, AXVM_FAULT_PAGES);
        if (rc == AXVM_OK)
            rc = axvm_aspace_fault(&f->vm, &cache, axvm_gpa(gpa), prot);
    }
    axvm_page_cache_drain(&cache, &f->vm.hal);
    return rc;
}
