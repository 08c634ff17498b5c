/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake host's memory. Pages that are free are filled with junk and, under ASan, cannot be touched; so the library is found
 * out when it uses what it has given back, or takes for zero what is not.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_hal_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define FAKE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_ASAN 1
#endif
#endif
#ifdef FAKE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define JUNK 0xa5

/* page_state: who has it, and in what block. */
enum { FREE_FRESH, FREE_USED, TAIL, FIXED, HEAD /* + order */ };

/* Bigger blocks are zeroed by the kernel, not filled with junk. */
#define JUNK_MAX_ORDER 4

static bool is_free(const struct fake_hal *hal, uint64_t page, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (hal->page_state[page + i] > FREE_USED)
            return false;
    }
    return true;
}

/* Zero and give out. */
static void take(struct fake_hal *hal, uint64_t page, uint64_t count, uint8_t head, uint8_t tail)
{
    uint8_t *va = hal->mem + page * AXVM_PAGE_SIZE;

    ASAN_UNPOISON_MEMORY_REGION(va, count * AXVM_PAGE_SIZE);
    for (uint64_t i = 0; i < count; i++) {
        if (hal->page_state[page + i] == FREE_USED)
            memset(va + i * AXVM_PAGE_SIZE, 0, AXVM_PAGE_SIZE);
        hal->page_state[page + i] = i == 0 ? head : tail;
    }
    hal->live_pages += count;
}

static void give_back(struct fake_hal *hal, uint64_t page, uint64_t count)
{
    uint8_t *va = hal->mem + page * AXVM_PAGE_SIZE;
    bool small = count <= 1u << JUNK_MAX_ORDER;

    if (small)
        memset(va, JUNK, count * AXVM_PAGE_SIZE);
    else
        madvise(va, count * AXVM_PAGE_SIZE, MADV_DONTNEED);
    memset(hal->page_state + page, small ? FREE_USED : FREE_FRESH, count);
    ASAN_POISON_MEMORY_REGION(va, count * AXVM_PAGE_SIZE);
    hal->live_pages -= count;
}

/* Next fit, aligned to its size. */
static bool find(struct fake_hal *hal, uint64_t count, uint64_t *page)
{
    uint64_t slots = hal->page_limit / count;
    uint64_t first = hal->next_page / count;

    for (uint64_t i = 0; i < slots; i++) {
        uint64_t at = (first + i) % slots * count;

        if (is_free(hal, at, count)) {
            *page = at;
            hal->next_page = at + count;
            return true;
        }
    }
    return false;
}

static bool page_alloc(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    struct fake_hal *hal = ctx;
    uint64_t page;
    bool found;

    fake_enter_sleeping(hal, FAKE_PAGE_ALLOC, "page_alloc");
    if (fake_fails(hal, FAKE_PAGE_ALLOC) || order > 18)
        return false;
    pthread_mutex_lock(&hal->lock);
    found = find(hal, UINT64_C(1) << order, &page);
    if (found)
        take(hal, page, UINT64_C(1) << order, (uint8_t)(HEAD + order), TAIL);
    pthread_mutex_unlock(&hal->lock);
    if (found)
        *out = axvm_hpa(FAKE_MEM_BASE + page * AXVM_PAGE_SIZE);
    return found;
}

static void page_free(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    struct fake_hal *hal = ctx;
    uint64_t page = (pa.v - FAKE_MEM_BASE) / AXVM_PAGE_SIZE;

    fake_enter_sleeping(hal, FAKE_PAGE_FREE, "page_free");
    pthread_mutex_lock(&hal->lock);
    if (pa.v < FAKE_MEM_BASE || page >= FAKE_MEM_PAGES || hal->page_state[page] != HEAD + order)
        fake_violation(hal, "page_free", "not what page_alloc() gave, or not with that order");
    else
        give_back(hal, page, UINT64_C(1) << order);
    pthread_mutex_unlock(&hal->lock);
}

static void *phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    struct fake_hal *hal = ctx;

    fake_enter(hal, FAKE_PHYS_TO_VIRT);
    if (pa.v < FAKE_MEM_BASE || pa.v - FAKE_MEM_BASE >= FAKE_MEM_SIZE) {
        fake_violation(hal, "phys_to_virt", "not memory of this host");
        return NULL;
    }
    return hal->mem + (pa.v - FAKE_MEM_BASE);
}

static axvm_hpa_t virt_to_phys(void *ctx, const void *va)
{
    struct fake_hal *hal = ctx;
    uint64_t off = (uint64_t)((uintptr_t)va - (uintptr_t)hal->mem);

    fake_enter(hal, FAKE_VIRT_TO_PHYS);
    if (off >= FAKE_MEM_SIZE) {
        fake_violation(hal, "virt_to_phys", "not memory of this host");
        return axvm_hpa(0);
    }
    return axvm_hpa(FAKE_MEM_BASE + off);
}

static bool is_range(axvm_hpa_t pa, uint64_t len)
{
    uint64_t off = pa.v - FAKE_MEM_BASE;

    return ((pa.v | len) & (AXVM_PAGE_SIZE - 1)) == 0 && len != 0 && off < FAKE_MEM_SIZE && len <= FAKE_MEM_SIZE - off;
}

static bool region_alloc_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    struct fake_hal *hal = ctx;
    bool ok;

    fake_enter_sleeping(hal, FAKE_REGION_ALLOC_AT, "region_alloc_at");
    if (fake_fails(hal, FAKE_REGION_ALLOC_AT) || !is_range(pa, len))
        return false;
    pthread_mutex_lock(&hal->lock);
    ok = is_free(hal, (pa.v - FAKE_MEM_BASE) / AXVM_PAGE_SIZE, len / AXVM_PAGE_SIZE);
    if (ok)
        take(hal, (pa.v - FAKE_MEM_BASE) / AXVM_PAGE_SIZE, len / AXVM_PAGE_SIZE, FIXED, FIXED);
    pthread_mutex_unlock(&hal->lock);
    return ok;
}

static bool is_fixed(const struct fake_hal *hal, uint64_t page, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (hal->page_state[page + i] != FIXED)
            return false;
    }
    return true;
}

static void region_free_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    struct fake_hal *hal = ctx;
    uint64_t page = (pa.v - FAKE_MEM_BASE) / AXVM_PAGE_SIZE;

    fake_enter_sleeping(hal, FAKE_REGION_FREE_AT, "region_free_at");
    pthread_mutex_lock(&hal->lock);
    if (!is_range(pa, len) || !is_fixed(hal, page, len / AXVM_PAGE_SIZE))
        fake_violation(hal, "region_free_at", "not what region_alloc_at() gave");
    else
        give_back(hal, page, len / AXVM_PAGE_SIZE);
    pthread_mutex_unlock(&hal->lock);
}

static void cache_sync(void *ctx, void *va, uint64_t len)
{
    struct fake_hal *hal = ctx;
    uint64_t off = (uint64_t)((uintptr_t)va - (uintptr_t)hal->mem);

    fake_enter(hal, FAKE_CACHE_SYNC);
    if (off >= FAKE_MEM_SIZE || len > FAKE_MEM_SIZE - off)
        fake_violation(hal, "cache_sync", "not memory of this host");
}

void fake_mem_init(struct fake_hal *hal)
{
    hal->mem = mmap(NULL, FAKE_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    hal->page_state = calloc(1, FAKE_MEM_PAGES);
    if (hal->mem == MAP_FAILED || !hal->page_state)
        abort();
    hal->page_limit = FAKE_MEM_PAGES;
    hal->ops.page_alloc = page_alloc;
    hal->ops.page_free = page_free;
    hal->ops.phys_to_virt = phys_to_virt;
    hal->ops.virt_to_phys = virt_to_phys;
    hal->ops.region_alloc_at = region_alloc_at;
    hal->ops.region_free_at = region_free_at;
    hal->ops.cache_sync = cache_sync;
    /* Page 0 is nobody's, and blocks of one page do not begin with addresses that suit bigger ones. */
    hal->next_page = 3;
    ASAN_POISON_MEMORY_REGION(hal->mem, FAKE_MEM_SIZE);
}

void fake_mem_fini(struct fake_hal *hal)
{
    ASAN_UNPOISON_MEMORY_REGION(hal->mem, FAKE_MEM_SIZE);
    munmap(hal->mem, FAKE_MEM_SIZE);
    free(hal->page_state);
}
