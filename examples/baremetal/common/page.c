/* SPDX-License-Identifier: BSD-2-Clause */
#include "page.h"

#include "lib.h"
#include "machine.h"

/*
 * One byte for each page between the lowest and the highest RAM address: for the first page of a free block FREE | order,
 * 0 for all others. Free blocks of an order are on a list; the links are in the block itself.
 */
#define FREE 0x80u

#define STASH_SIZE 256u
#define STASH_REFILL_ORDER 6u

struct block {
    struct block *next, *prev;
};

static struct {
    struct spinlock lock;
    struct block *lists[PAGE_ORDERS];
    uint32_t nonempty; /* bit n: lists[n] */
    uint8_t *map;
    uint64_t first, count; /* page numbers that map[] covers */
    uint64_t free_pages;
    /* Single pages at hand, as most calls are for one: free, but not joined with their buddies. */
    uint64_t stash[STASH_SIZE];
    unsigned int stashed;
} pages;

extern const char image_start[], image_end[]; /* link.ld */

static void list_add(uint64_t page, unsigned int order)
{
    struct block *b = (struct block *)(page * PAGE_SIZE), *head = pages.lists[order];

    b->next = head;
    b->prev = NULL;
    if (head)
        head->prev = b;
    pages.lists[order] = b;
    pages.nonempty |= 1u << order;
    pages.map[page - pages.first] = (uint8_t)(FREE | order);
}

static void list_remove(uint64_t page, unsigned int order)
{
    struct block *b = (struct block *)(page * PAGE_SIZE);

    if (b->prev)
        b->prev->next = b->next;
    else
        pages.lists[order] = b->next;
    if (b->next)
        b->next->prev = b->prev;
    if (!pages.lists[order])
        pages.nonempty &= ~(1u << order);
    pages.map[page - pages.first] = 0;
}

static bool is_free_block(uint64_t page, unsigned int order)
{
    return page >= pages.first && page - pages.first < pages.count && pages.map[page - pages.first] == (FREE | order);
}

/* Lock held. Joins with its buddy as long as that is free, too. */
static void join(uint64_t page, unsigned int order)
{
    for (; order + 1 < PAGE_ORDERS; order++) {
        uint64_t buddy = page ^ UINT64_C(1) << order;

        if (!is_free_block(buddy, order))
            break;
        list_remove(buddy, order);
        page &= ~(UINT64_C(1) << order);
    }
    list_add(page, order);
}

/* Lock held. Take the free block @page of order @have and put back all of it but the @order block that holds @keep. */
static void split(uint64_t page, unsigned int have, uint64_t keep, unsigned int order)
{
    list_remove(page, have);
    while (have > order) {
        have--;
        if (keep & UINT64_C(1) << have) {
            list_add(page, have);
            page |= UINT64_C(1) << have;
        } else {
            list_add(page | UINT64_C(1) << have, have);
        }
    }
}

/* Lock held. The first page of a block, or 0. */
static uint64_t take(unsigned int order)
{
    uint32_t orders = pages.nonempty >> order << order;
    unsigned int have;
    uint64_t page;

    if (orders == 0)
        return 0;
    have = (unsigned int)__builtin_ctz(orders);
    page = (uint64_t)pages.lists[have] / PAGE_SIZE;
    split(page, have, page, order);
    return page;
}

/* Lock held. */
static void empty_stash(void)
{
    while (pages.stashed != 0)
        join(pages.stash[--pages.stashed], 0);
}

/* Lock held. */
static uint64_t take_one(void)
{
    if (pages.stashed == 0) {
        uint64_t page = take(STASH_REFILL_ORDER);

        if (page == 0)
            return take(0);
        for (unsigned int i = 1u << STASH_REFILL_ORDER; i-- > 0;)
            pages.stash[pages.stashed++] = page + i;
    }
    return pages.stash[--pages.stashed];
}

static uint64_t take_many(unsigned int order)
{
    uint64_t page = take(order);

    if (page == 0) {
        empty_stash();
        page = take(order);
    }
    return page;
}

uint64_t page_alloc(unsigned int order)
{
    unsigned long irqs;
    uint64_t page;

    if (order >= PAGE_ORDERS)
        return 0;
    irqs = spin_lock(&pages.lock);
    page = order == 0 ? take_one() : take_many(order);
    if (page != 0)
        pages.free_pages -= UINT64_C(1) << order;
    spin_unlock(&pages.lock, irqs);
    if (page == 0)
        return 0;
    board_zero_pages((void *)(page * PAGE_SIZE), (size_t)PAGE_SIZE << order);
    return page * PAGE_SIZE;
}

void page_free(uint64_t pa, unsigned int order)
{
    unsigned long irqs = spin_lock(&pages.lock);

    pages.free_pages += UINT64_C(1) << order;
    if (order == 0 && pages.stashed < STASH_SIZE)
        pages.stash[pages.stashed++] = pa / PAGE_SIZE;
    else
        join(pa / PAGE_SIZE, order);
    spin_unlock(&pages.lock, irqs);
}

/* Lock held. The order of the free block that @page is in, or PAGE_ORDERS. */
static unsigned int free_order(uint64_t page)
{
    unsigned int order = 0;

    while (order < PAGE_ORDERS && !is_free_block(page & ~((UINT64_C(1) << order) - 1), order))
        order++;
    return order;
}

bool page_alloc_at(uint64_t pa, uint64_t len)
{
    uint64_t page = pa / PAGE_SIZE, count = len / PAGE_SIZE, n = 0;
    unsigned long irqs = spin_lock(&pages.lock);

    empty_stash();
    for (; n < count; n++) {
        unsigned int have = free_order(page + n);

        if (have == PAGE_ORDERS)
            break;
        split((page + n) & ~((UINT64_C(1) << have) - 1), have, page + n, 0);
    }
    if (n < count) {
        while (n-- > 0)
            join(page + n, 0);
        spin_unlock(&pages.lock, irqs);
        return false;
    }
    pages.free_pages -= count;
    spin_unlock(&pages.lock, irqs);
    board_zero_pages((void *)pa, len);
    return true;
}

void page_free_at(uint64_t pa, uint64_t len)
{
    for (uint64_t done = 0; done < len; done += PAGE_SIZE)
        page_free(pa + done, 0);
}

uint64_t page_free_count(void)
{
    unsigned long irqs = spin_lock(&pages.lock);
    uint64_t n = pages.free_pages;

    spin_unlock(&pages.lock, irqs);
    return n;
}

/* ---- boot ---- */

/* What of RAM is in use from the start, in pages. */
static struct range taken[MAX_RAM_RANGES * 8];
static unsigned int taken_count;

static void take_away(const struct range *r)
{
    uint64_t first = r->base / PAGE_SIZE, end = (r->base + r->size + PAGE_SIZE - 1) / PAGE_SIZE;

    if (taken_count == ARRAY_LEN(taken))
        host_fail("too many modules");
    taken[taken_count++] = (struct range){ first, end - first };
}

/* The first page from @page on that is not taken; *end: where the next taken one is, at most. */
static uint64_t next_untaken(uint64_t page, uint64_t *end)
{
    for (unsigned int i = 0; i < taken_count; i++) {
        if (page >= taken[i].base && page - taken[i].base < taken[i].size) {
            page = taken[i].base + taken[i].size;
            i = UINT32_MAX; /* and once more from the start */
        }
    }
    for (unsigned int i = 0; i < taken_count; i++) {
        if (taken[i].base > page && taken[i].base < *end)
            *end = taken[i].base;
    }
    return page;
}

/* Call @fn for every piece of RAM that is not taken, until it returns true. */
static bool for_each_free(bool (*fn)(uint64_t page, uint64_t count))
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        uint64_t page = (machine.ram[i].base + PAGE_SIZE - 1) / PAGE_SIZE;
        uint64_t limit = (machine.ram[i].base + machine.ram[i].size) / PAGE_SIZE;

        while (page < limit) {
            uint64_t end = limit;

            page = next_untaken(page, &end);
            if (page < end && fn(page, end - page))
                return true;
            page = end;
        }
    }
    return false;
}

static bool place_map(uint64_t page, uint64_t count)
{
    if (count * PAGE_SIZE < pages.count)
        return false;
    pages.map = (uint8_t *)(page * PAGE_SIZE);
    return true;
}

static bool give(uint64_t page, uint64_t count)
{
    while (count > 0) {
        unsigned int order = PAGE_ORDERS - 1;

        while (page & ((UINT64_C(1) << order) - 1) || UINT64_C(1) << order > count)
            order--;
        page_free(page * PAGE_SIZE, order);
        page += UINT64_C(1) << order;
        count -= UINT64_C(1) << order;
    }
    return false;
}

bool page_init(void)
{
    uint64_t limit = 0;

    pages.first = UINT64_MAX;
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        uint64_t first = machine.ram[i].base / PAGE_SIZE, end = (machine.ram[i].base + machine.ram[i].size) / PAGE_SIZE;

        board_map_ram(machine.ram[i].base, machine.ram[i].size);
        pages.first = first < pages.first ? first : pages.first;
        limit = end > limit ? end : limit;
    }
    pages.count = limit - pages.first;
    take_away(&(struct range){ (uint64_t)image_start, (uint64_t)(image_end - image_start) });
    take_away(&(struct range){ (uint64_t)machine.fdt, machine.fdt_size });
    take_away(&(struct range){ 0, PAGE_SIZE }); /* 0 is "none" */
    machine_for_each_reserved(take_away);
    machine_for_each_module(take_away);
    if (!for_each_free(place_map))
        return false;
    board_zero_pages(pages.map, (pages.count + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE);
    take_away(&(struct range){ (uint64_t)pages.map, pages.count });
    for_each_free(give);
    return pages.free_pages != 0;
}
