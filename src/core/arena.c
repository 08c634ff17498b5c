/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks of pages, each opened by a header; small objects are cut off the newest chunk. */
#include "arena.h"

#define ARENA_ALIGN 16u

struct axvm_arena_chunk {
    struct axvm_arena_chunk *next;
    axvm_hpa_t pa;
    size_t used; /* bytes, this header included */
    uint32_t order;
    uint32_t reserved; /* keeps the header a multiple of ARENA_ALIGN */
};
_Static_assert(sizeof(struct axvm_arena_chunk) % ARENA_ALIGN == 0, "the first object in a chunk has to be aligned");

static size_t chunk_size(const struct axvm_arena_chunk *chunk)
{
    return (size_t)AXVM_PAGE_SIZE << chunk->order;
}

/* A chunk with room for @need bytes. One page is the usual; what is left over of a bigger one serves small objects. */
static struct axvm_arena_chunk *new_chunk(const struct axvm_hal *hal, size_t need)
{
    struct axvm_arena_chunk *chunk;
    unsigned int order = 0;
    axvm_hpa_t pa;

    while (((size_t)AXVM_PAGE_SIZE << order) - sizeof(*chunk) < need)
        order++;
    if (!hal->page_alloc(hal->ctx, order, &pa))
        return NULL;
    chunk = hal->phys_to_virt(hal->ctx, pa);
    chunk->pa = pa;
    chunk->order = order;
    chunk->used = sizeof(*chunk);
    return chunk;
}

/* The chunk with more room stays in front: an odd big object does not waste the rest of the page before it. */
static void insert(struct axvm_arena *arena, struct axvm_arena_chunk *chunk, size_t need)
{
    struct axvm_arena_chunk *first = arena->chunks;

    if (first && chunk_size(first) - first->used > chunk_size(chunk) - chunk->used - need) {
        chunk->next = first->next;
        first->next = chunk;
    } else {
        chunk->next = first;
        arena->chunks = chunk;
    }
}

void *axvm_arena_alloc(struct axvm_arena *arena, const struct axvm_hal *hal, size_t size)
{
    struct axvm_arena_chunk *chunk = arena->chunks;
    size_t need = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    void *object;

    /* Keeps the sum above from wrapping, and the search for an order from shifting out its bits. */
    if (size == 0 || size > SIZE_MAX / 4)
        return NULL;
    if (!chunk || need > chunk_size(chunk) - chunk->used) {
        chunk = new_chunk(hal, need);
        if (!chunk)
            return NULL;
        insert(arena, chunk, need);
    }
    object = (char *)chunk + chunk->used;
    chunk->used += need;
    return object;
}

void axvm_arena_free_all(struct axvm_arena *arena, const struct axvm_hal *hal)
{
    struct axvm_arena_chunk *chunk = arena->chunks;

    arena->chunks = NULL;
    while (chunk) {
        struct axvm_arena_chunk *next = chunk->next;

        hal->page_free(hal->ctx, chunk->pa, chunk->order);
        chunk = next;
    }
}
