/* SPDX-License-Identifier: BSD-2-Clause */
/* axvm_map(), axvm_unmap(), axvm_protect(). */
#include <axvm/err.h>

#include "arch.h"
#include "aspace_priv.h"
#include "s2.h"

/* ---- arguments ---- */

static int check_kind(const struct axvm *vm, const struct axvm_region *r)
{
    bool is_device = r->kind == AXVM_REGION_DEVICE;

    if ((unsigned int)r->kind > AXVM_REGION_DEVICE)
        return AXVM_ERR_INVAL;
    /* No table format can say "write only" or "nothing"; and device registers are not code. */
    if ((r->prot & AXVM_PROT_READ) == 0 || (r->prot & ~(is_device ? 3u : 7u)) != 0)
        return AXVM_ERR_INVAL;
    if (r->kind == AXVM_REGION_RESERVED && (!vm->hal.region_alloc_at || !vm->hal.region_free_at))
        return AXVM_ERR_NOSUP;
    return AXVM_OK;
}

/* Check @in and fill in what it leaves to its kind. */
static int normalise(const struct axvm *vm, const struct axvm_region *in, struct axvm_region *out)
{
    uint64_t hpa_limit = UINT64_C(1) << vm->as.geo.hpa_bits;

    *out = *in;
    if (out->prot == 0)
        out->prot = out->kind == AXVM_REGION_DEVICE ? AXVM_PROT_READ | AXVM_PROT_WRITE : AXVM_PROT_RWX;
    if (out->kind == AXVM_REGION_DEVICE)
        out->prot &= ~(uint32_t)AXVM_PROT_DEVICE;
    if (out->kind == AXVM_REGION_IDENTITY || out->kind == AXVM_REGION_RESERVED)
        out->hpa.v = out->gpa.v;
    if (!axvm_region_is_linear(out))
        out->hpa.v = 0;
    if (!axvm_aspace_is_range(vm, out->gpa.v, out->len))
        return AXVM_ERR_INVAL;
    if (!axvm_is_aligned(out->hpa.v, AXVM_PAGE_SIZE) || out->hpa.v > hpa_limit || out->len > hpa_limit - out->hpa.v)
        return AXVM_ERR_INVAL;
    return check_kind(vm, out);
}

/* ---- mapping ---- */

static int reserve_range(struct axvm *vm, const struct axvm_region *region, bool over_device)
{
    struct axvm_aspace *as = &vm->as;
    unsigned long irqs;
    int rc;

    if (!over_device && axvm_bus_overlaps(&vm->bus[AXVM_BUS_MMIO], region->gpa.v, region->len))
        return AXVM_ERR_EXIST;
    irqs = axvm_lock_irqsave(&as->lock);
    rc = axvm_region_insert(as, region, (struct axvm_region_tag){ ++as->last_id, AXVM_REGION_COMING });
    axvm_unlock_irqrestore(&as->lock, irqs);
    return rc;
}

/* Regions may have come to meet at @gpa: merge them, and their pages, if possible. */
static void mend(struct axvm *vm, uint64_t gpa, struct axvm_page_list *list)
{
    struct axvm_aspace *as = &vm->as;
    const struct axvm_region *r;
    uint32_t i;

    axvm_region_merge(as, gpa);
    i = axvm_region_at(as, gpa);
    if (i == AXVM_NO_REGION)
        return;
    r = &as->regions[i];
    /* Touched pages are freed one by one, so they stay pages. */
    if (r->gpa.v < gpa && r->kind != AXVM_REGION_TOUCH)
        axvm_s2_join(vm, gpa, r->gpa.v, axvm_region_end(r), list);
}

/* Its pages are there: from COMING to LIVE. */
static void go_live(struct axvm *vm, const struct axvm_region *region)
{
    struct axvm_page_list list = { NULL };
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    vm->as.tags[axvm_region_after(&vm->as, region->gpa.v)].state = AXVM_REGION_LIVE;
    mend(vm, region->gpa.v, &list);
    mend(vm, axvm_region_end(region), &list);
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    axvm_page_list_free(&list, &vm->hal);
}

static int map(struct axvm *vm, const struct axvm_region *region, bool over_device)
{
    struct axvm_region r;
    int rc = normalise(vm, region, &r);

    if (rc == AXVM_OK)
        rc = reserve_range(vm, &r, over_device);
    if (rc != AXVM_OK)
        return rc;
    if (!axvm_aspace_claim(vm, &r)) {
        axvm_aspace_forget(vm, &r);
        return AXVM_ERR_NOMEM;
    }
    rc = axvm_aspace_fill(vm, &r);
    if (rc == AXVM_OK)
        go_live(vm, &r);
    else
        axvm_aspace_empty(vm, &r, NULL);
    return rc;
}

int axvm_map(struct axvm *vm, const struct axvm_region *region)
{
    return vm && region ? map(vm, region, false) : AXVM_ERR_INVAL;
}

int axvm_aspace_map_over_device(struct axvm *vm, const struct axvm_region *region)
{
    return map(vm, region, true);
}

/* ---- parts of what is mapped ---- */

/* Pages that isolate() and axvm_pieces_drop() may need: tables at both ends, and a list of pieces for a hole in one. */
#define CUT_PAGES (2 * AXVM_S2_SPLIT_TABLES + 1)

static bool is_allocated(const struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = axvm_region_after(as, gpa);

    return i < as->region_count && as->regions[i].gpa.v <= gpa && as->regions[i].kind == AXVM_REGION_ALLOC;
}

static uint32_t cut_pages(const struct axvm *vm, uint64_t gpa, uint64_t end)
{
    uint32_t pages = axvm_s2_split_tables(vm, gpa) + axvm_s2_split_tables(vm, end);

    /* One piece may reach beyond both ends; also when there are bounds of regions, as axvm_protect() makes them anywhere. */
    return pages + (gpa != 0 && is_allocated(&vm->as, gpa - 1) && is_allocated(&vm->as, end) ? 1 : 0);
}

/*
 * Make [gpa, gpa + len) begin and end at bounds of regions and of pages. AXVM_ERR_AGAIN: that needs more pages than @cache has,
 * but never more than CUT_PAGES. Nothing is changed unless it succeeds, and what follows it cannot fail.
 */
static int isolate(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t len)
{
    int rc;

    if (!axvm_region_covers(&vm->as, gpa, len))
        return AXVM_ERR_NOENT;
    if (cache->count < cut_pages(vm, gpa, gpa + len))
        return AXVM_ERR_AGAIN;
    rc = axvm_region_cut(&vm->as, gpa, gpa + len);
    if (rc != AXVM_OK)
        return rc;
    axvm_s2_split(vm, cache, gpa);
    axvm_s2_split(vm, cache, gpa + len);
    return AXVM_OK;
}

static int begin_unmap(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t len)
{
    struct axvm_aspace *as = &vm->as;
    unsigned long irqs = axvm_lock_irqsave(&as->lock);
    int rc = isolate(vm, cache, gpa, len);

    if (rc == AXVM_OK) {
        for (uint32_t i = axvm_region_after(as, gpa); i < as->region_count && as->regions[i].gpa.v < gpa + len; i++)
            as->tags[i].state = AXVM_REGION_GOING;
    }
    axvm_unlock_irqrestore(&as->lock, irqs);
    return rc;
}

/* The region that begins at @gpa and is ours, as it is GOING. */
static void going_region(struct axvm *vm, uint64_t gpa, struct axvm_region *out)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    *out = vm->as.regions[axvm_region_after(&vm->as, gpa)];
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
}

static void finish_unmap(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t end)
{
    struct axvm_region r;

    for (; gpa < end; gpa = axvm_region_end(&r)) {
        going_region(vm, gpa, &r);
        axvm_aspace_empty(vm, &r, cache);
    }
}

int axvm_unmap(struct axvm *vm, axvm_gpa_t gpa, uint64_t len)
{
    struct axvm_page_cache cache;
    int rc;

    if (!vm || !axvm_aspace_is_range(vm, gpa.v, len))
        return AXVM_ERR_INVAL;
    cache.count = 0;
    rc = begin_unmap(vm, &cache, gpa.v, len);
    if (rc == AXVM_ERR_AGAIN) {
        rc = axvm_page_cache_fill(&cache, &vm->hal, CUT_PAGES);
        if (rc == AXVM_OK)
            rc = begin_unmap(vm, &cache, gpa.v, len);
    }
    if (rc == AXVM_OK)
        finish_unmap(vm, &cache, gpa.v, gpa.v + len);
    axvm_page_cache_drain(&cache, &vm->hal);
    return rc;
}

/* Is there a device in [gpa, gpa + len)? */
static bool has_device(const struct axvm_aspace *as, uint64_t gpa, uint64_t len)
{
    for (uint32_t i = axvm_region_after(as, gpa); i < as->region_count && as->regions[i].gpa.v < gpa + len; i++) {
        if (as->regions[i].kind == AXVM_REGION_DEVICE)
            return true;
    }
    return false;
}

/* The regions of [gpa, end) have new permissions: where neighbours are alike now, they are one. */
static void merge_all(struct axvm_aspace *as, uint64_t gpa, uint64_t end)
{
    while (gpa <= end) {
        uint32_t i;

        axvm_region_merge(as, gpa);
        i = axvm_region_after(as, gpa);
        if (i == as->region_count)
            return;
        gpa = axvm_region_end(&as->regions[i]);
    }
}

static int begin_protect(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t len, uint32_t prot)
{
    struct axvm_aspace *as = &vm->as;
    unsigned long irqs = axvm_lock_irqsave(&as->lock);
    int rc = AXVM_ERR_INVAL;

    if ((prot & AXVM_PROT_EXEC) == 0 || !has_device(as, gpa, len))
        rc = isolate(vm, cache, gpa, len);
    if (rc == AXVM_OK) {
        for (uint32_t i = axvm_region_after(as, gpa); i < as->region_count && as->regions[i].gpa.v < gpa + len; i++)
            as->regions[i].prot = prot;
        merge_all(as, gpa, gpa + len);
    }
    axvm_unlock_irqrestore(&as->lock, irqs);
    return rc;
}

/*
 * Make the tables say what the region around @gpa says, up to @end or some 512 entries; returns where it stopped. The region is
 * looked at anew each time, as others may change it in between: the last one to do so puts its permissions in place.
 */
static uint64_t protect_some(struct axvm *vm, uint64_t gpa, uint64_t end, struct axvm_page_list *list)
{
    struct axvm_aspace *as = &vm->as;
    uint32_t i = axvm_region_at(as, gpa);
    const struct axvm_region *r;
    uint64_t stop;

    if (i == AXVM_NO_REGION) {
        /* Somebody is taking it away. */
        i = axvm_region_after(as, gpa);
        if (i >= as->region_count)
            return end;
        return axvm_min(end, as->regions[i].gpa.v > gpa ? as->regions[i].gpa.v : axvm_region_end(&as->regions[i]));
    }
    r = &as->regions[i];
    stop = axvm_s2_protect(vm, gpa, axvm_min(end, axvm_region_end(r)), axvm_region_prot(r));
    if (r->kind != AXVM_REGION_TOUCH)
        axvm_s2_join(vm, gpa, r->gpa.v, axvm_region_end(r), list);
    return stop;
}

static void finish_protect(struct axvm *vm, uint64_t gpa, uint64_t end)
{
    for (uint64_t at = gpa; at < end;) {
        struct axvm_page_list list = { NULL };
        unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

        at = protect_some(vm, at, end, &list);
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
        axvm_page_list_free(&list, &vm->hal);
    }
}

int axvm_protect(struct axvm *vm, axvm_gpa_t gpa, uint64_t len, uint32_t prot)
{
    struct axvm_page_cache cache;
    int rc;

    if (!vm || !axvm_aspace_is_range(vm, gpa.v, len))
        return AXVM_ERR_INVAL;
    if ((prot & AXVM_PROT_READ) == 0 || (prot & ~(uint32_t)AXVM_PROT_RWX) != 0)
        return AXVM_ERR_INVAL;
    cache.count = 0;
    rc = begin_protect(vm, &cache, gpa.v, len, prot);
    if (rc == AXVM_ERR_AGAIN) {
        rc = axvm_page_cache_fill(&cache, &vm->hal, CUT_PAGES);
        if (rc == AXVM_OK)
            rc = begin_protect(vm, &cache, gpa.v, len, prot);
    }
    if (rc == AXVM_OK)
        finish_protect(vm, gpa.v, gpa.v + len);
    axvm_page_cache_drain(&cache, &vm->hal);
    return rc;
}
