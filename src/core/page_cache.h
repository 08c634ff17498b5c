/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages fetched from the HAL ahead of time, for where it must not be called: with a lock held, and in the fast tier. */
#ifndef AXVM_CORE_PAGE_CACHE_H
#define AXVM_CORE_PAGE_CACHE_H

#include <axvm/hal.h>

#define AXVM_PAGE_CACHE_MAX 20u

/* A stack of zeroed pages, by address: nothing is written into them, as they become tables or RAM of a guest as they are.
 * Whoever owns it serialises its use. */
struct axvm_page_cache {
    uint64_t pages[AXVM_PAGE_CACHE_MAX];
    uint32_t count;
};

/* Zeroed memory of the HAL becomes RAM of a guest, which must not see what was there before, also with its caches off. No lock
 * is held. */
void axvm_ram_publish(const struct axvm_hal *hal, void *va, uint64_t len);

/* Top up to @want (at most AXVM_PAGE_CACHE_MAX) pages through the HAL. AXVM_ERR_NOMEM leaves what there is. */
int axvm_page_cache_fill(struct axvm_page_cache *cache, const struct axvm_hal *hal, uint32_t want);
void axvm_page_cache_drain(struct axvm_page_cache *cache, const struct axvm_hal *hal);

/* The caller has checked the count. */
static inline axvm_hpa_t axvm_page_cache_pop(struct axvm_page_cache *cache)
{
    return axvm_hpa(cache->pages[--cache->count]);
}

/* Pages on their way back to the HAL, collected with a lock held and freed without it. Linked through themselves: only pages
 * that no guest can reach any more. */
struct axvm_page_list {
    struct axvm_free_page *top;
};

void axvm_page_list_add(struct axvm_page_list *list, const struct axvm_hal *hal, axvm_hpa_t pa, unsigned int order);
void axvm_page_list_free(struct axvm_page_list *list, const struct axvm_hal *hal);

#endif
