/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory behind regions: where it comes from, how it gets into the tables, and back. */
#include <axvm/err.h>

#include "aspace_priv.h"
#include "assert.h"
#include "pieces.h"
#include "s2.h"

/* Largest pieces asked of page_alloc(): 1 GiB. */
#define MAX_ORDER 18u

/* ---- memory at a given address ---- */

static int map_linear(struct axvm *vm, const struct axvm_region *region)
{
    uint64_t gpa = region->gpa.v, end = axvm_region_end(region), delta = region->hpa.v - gpa;
    struct axvm_page_cache cache;
    int rc = AXVM_OK;

    cache.count = 0;
    while (gpa < end) {
        unsigned long irqs;

        rc = axvm_page_cache_fill(&cache, &vm->hal, AXVM_S2_MAP_TABLES);
        if (rc != AXVM_OK)
            break;
        irqs = axvm_lock_irqsave(&vm->as.lock);
        gpa = axvm_s2_map(vm, &cache, gpa, end, gpa + delta, axvm_region_prot(region));
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
    }
    axvm_page_cache_drain(&cache, &vm->hal);
    return rc;
}

static void publish_reserved(struct axvm *vm, const struct axvm_region *region)
{
    for (uint64_t off = 0; off < region->len; off += AXVM_PAGE_SIZE)
        axvm_ram_publish(&vm->hal, vm->hal.phys_to_virt(vm->hal.ctx, axvm_hpa(region->hpa.v + off)), AXVM_PAGE_SIZE);
}

bool axvm_aspace_claim(struct axvm *vm, const struct axvm_region *region)
{
    if (region->kind != AXVM_REGION_RESERVED)
        return true;
    if (!vm->hal.region_alloc_at(vm->hal.ctx, region->hpa, region->len))
        return false;
    publish_reserved(vm, region);
    return true;
}

/* ---- allocated memory ---- */

/* The order of the piece to ask for at @gpa, with @len bytes wanted: aligned like its address, so that blocks fit. */
static unsigned int piece_order(uint64_t gpa, uint64_t len, unsigned int max)
{
    unsigned int order = 0;

    while (order < max && len >> AXVM_PAGE_SHIFT >> (order + 1) != 0 &&
           axvm_is_aligned(gpa, (uint64_t)AXVM_PAGE_SIZE << (order + 1)))
        order++;
    return order;
}

static void map_piece(struct axvm *vm, struct axvm_page_cache *cache, const struct axvm_region *region, uint64_t gpa,
                      axvm_hpa_t hpa, unsigned int order)
{
    uint64_t len = (uint64_t)AXVM_PAGE_SIZE << order, stop;
    unsigned long irqs;

    axvm_ram_publish(&vm->hal, vm->hal.phys_to_virt(vm->hal.ctx, hpa), len);
    irqs = axvm_lock_irqsave(&vm->as.lock);
    axvm_pieces_add(vm, cache, gpa, hpa, order);
    stop = axvm_s2_map(vm, cache, gpa, gpa + len, hpa.v, axvm_region_prot(region));
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    /* Aligned to its size, it is within one table, and a power of two of the largest pages that fit. */
    AXVM_ASSERT(stop == gpa + len);
}

static int map_alloc(struct axvm *vm, const struct axvm_region *region)
{
    uint64_t gpa = region->gpa.v, end = axvm_region_end(region);
    unsigned int max = MAX_ORDER;
    struct axvm_page_cache cache;
    int rc = AXVM_OK;

    cache.count = 0;
    while (rc == AXVM_OK && gpa < end) {
        unsigned int order = piece_order(gpa, end - gpa, max);
        axvm_hpa_t hpa;

        /* First what the piece needs, so that nothing can fail once it is there; one more page for axvm_pieces_add(). */
        rc = axvm_page_cache_fill(&cache, &vm->hal, AXVM_S2_MAP_TABLES + 1);
        if (rc != AXVM_OK)
            break;
        if (vm->hal.page_alloc(vm->hal.ctx, order, &hpa)) {
            map_piece(vm, &cache, region, gpa, hpa, order);
            gpa += (uint64_t)AXVM_PAGE_SIZE << order;
        } else if (order == 0) {
            rc = AXVM_ERR_NOMEM;
        } else {
            max = order - 1; /* what could not be had once is not asked for again */
        }
    }
    axvm_page_cache_drain(&cache, &vm->hal);
    return rc;
}

int axvm_aspace_fill(struct axvm *vm, const struct axvm_region *region)
{
    switch (region->kind) {
    case AXVM_REGION_TOUCH:
        return AXVM_OK;
    case AXVM_REGION_ALLOC:
        return map_alloc(vm, region);
    default:
        return map_linear(vm, region);
    }
}

/* ---- and back ---- */

void axvm_aspace_unmap_pages(struct axvm *vm, const struct axvm_region *region)
{
    const uint64_t end = axvm_region_end(region);
    uint64_t gpa = region->gpa.v;

    while (gpa < end) {
        struct axvm_page_list list = { NULL };
        unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

        gpa = axvm_s2_unmap(vm, gpa, end, region->kind == AXVM_REGION_TOUCH, &list);
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
        axvm_page_list_free(&list, &vm->hal);
    }
}

static void free_pieces(struct axvm *vm, const struct axvm_region *region, struct axvm_page_cache *cache)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);
    struct axvm_piece_page *page = vm->as.pieces;

    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    while (page) {
        struct axvm_page_list list = { NULL };

        irqs = axvm_lock_irqsave(&vm->as.lock);
        page = axvm_pieces_drop(vm, cache, page, region->gpa.v, axvm_region_end(region), &list);
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
        axvm_page_list_free(&list, &vm->hal);
    }
}

void axvm_aspace_forget(struct axvm *vm, const struct axvm_region *region)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    axvm_region_remove(&vm->as, axvm_region_after(&vm->as, region->gpa.v));
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
}

void axvm_aspace_empty(struct axvm *vm, const struct axvm_region *region, struct axvm_page_cache *cache)
{
    axvm_aspace_unmap_pages(vm, region);
    if (region->kind == AXVM_REGION_ALLOC)
        free_pieces(vm, region, cache);
    if (region->kind == AXVM_REGION_RESERVED)
        vm->hal.region_free_at(vm->hal.ctx, region->hpa, region->len);
    axvm_aspace_forget(vm, region);
}
