/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of one VM that lives as long as the VM does, carved out of page_alloc() chunks. Nothing is freed singly. */
#ifndef AXVM_CORE_ARENA_H
#define AXVM_CORE_ARENA_H

#include <axvm/hal.h>

struct axvm_arena_chunk;

struct axvm_arena {
    struct axvm_arena_chunk *chunks; /* newest first */
};

/* @size zeroed bytes, aligned to 16; NULL when the HAL is out of memory. More than a page is contiguous, too. */
void *axvm_arena_alloc(struct axvm_arena *arena, const struct axvm_hal *hal, size_t size);
void axvm_arena_free_all(struct axvm_arena *arena, const struct axvm_hal *hal);

#endif
