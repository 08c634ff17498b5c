/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_cache.h"

#include <axvm/err.h>

#include "arch.h"

/* Written over the start of a freed page. */
struct axvm_free_page {
    struct axvm_free_page *next;
    uint64_t pa;
    uint64_t order;
};

void axvm_ram_publish(const struct axvm_hal *hal, void *va, uint64_t len)
{
    if (hal->cache_sync)
        hal->cache_sync(hal->ctx, va, len);
    else
        axvm_arch_ram_publish(va, (size_t)len);
}

int axvm_page_cache_fill(struct axvm_page_cache *cache, const struct axvm_hal *hal, uint32_t want)
{
    axvm_hpa_t pa;

    if (want > AXVM_PAGE_CACHE_MAX)
        want = AXVM_PAGE_CACHE_MAX;
    while (cache->count < want) {
        if (!hal->page_alloc(hal->ctx, 0, &pa))
            return AXVM_ERR_NOMEM;
        axvm_ram_publish(hal, hal->phys_to_virt(hal->ctx, pa), AXVM_PAGE_SIZE);
        cache->pages[cache->count++] = pa.v;
    }
    return AXVM_OK;
}

void axvm_page_cache_drain(struct axvm_page_cache *cache, const struct axvm_hal *hal)
{
    while (cache->count != 0)
        hal->page_free(hal->ctx, axvm_page_cache_pop(cache), 0);
}

void axvm_page_list_add(struct axvm_page_list *list, const struct axvm_hal *hal, axvm_hpa_t pa, unsigned int order)
{
    struct axvm_free_page *page = hal->phys_to_virt(hal->ctx, pa);

    page->next = list->top;
    page->pa = pa.v;
    page->order = order;
    list->top = page;
}

void axvm_page_list_free(struct axvm_page_list *list, const struct axvm_hal *hal)
{
    while (list->top) {
        struct axvm_free_page *page = list->top;

        list->top = page->next;
        hal->page_free(hal->ctx, axvm_hpa(page->pa), (unsigned int)page->order);
    }
}
