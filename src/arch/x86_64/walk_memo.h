/* SPDX-License-Identifier: BSD-2-Clause */
/* Translations of before: walk.c fills them in. */
#ifndef AXVM_X86_64_WALK_MEMO_H
#define AXVM_X86_64_WALK_MEMO_H

#include <axvm/memory.h>
#include <stdatomic.h>

#include "walk.h"

static inline uint64_t axvm_x86_load_entry(const uint8_t *at)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)at, memory_order_relaxed);
}

static inline uint32_t axvm_x86_memo_who(const struct axvm_x86_paging *p, unsigned int access)
{
    /* AC is for data. */
    return access | (uint32_t)p->cpl << 16 | (access & AXVM_X86_FETCH ? 0 : (uint32_t)p->ac << 24);
}

static inline struct axvm_x86_walk_memo *axvm_x86_memo_of(struct axvm_x86_walk_cache *cache, uint64_t linear,
                                                          unsigned int access)
{
    return &cache->memo[(linear >> AXVM_PAGE_SHIFT ^ access) % AXVM_X86_WALK_MEMOS];
}

/* Is everything as it was when this page was translated before? Then so is the result. The generation is the cache's. */
static inline bool axvm_x86_recall(const struct axvm_x86_walk_memo *m, const struct axvm_x86_paging *p, uint64_t linear,
                                   unsigned int access)
{
    if (m->linear != axvm_align_down(linear, AXVM_PAGE_SIZE) || m->cr3 != p->cr3 || m->who != axvm_x86_memo_who(p, access))
        return false;
    if (m->depth == 0 || m->cr0 != p->cr0 || m->cr4 != p->cr4 || m->efer != p->efer)
        return false;
    for (unsigned int i = 0; i < m->depth; i++) {
        if (axvm_x86_load_entry(m->entry[i].at) != m->entry[i].val)
            return false;
    }
    return true;
}

#endif
