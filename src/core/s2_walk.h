/* SPDX-License-Identifier: BSD-2-Clause */
/* How s2.c, s2_block.c and aspace_fault.c get at table entries. */
#ifndef AXVM_CORE_S2_WALK_H
#define AXVM_CORE_S2_WALK_H

#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "s2.h"
#include "s2_format.h" /* from the backend */

/* Most entries that are worked on between one call and the next that lets go of as.lock: a concatenated root has more. */
#define TABLE_ENTRIES 512u

typedef _Atomic uint64_t axvm_s2_entry;

/* The entries that a walk passes, root first. */
struct axvm_s2_path {
    axvm_s2_entry *entry[5];
};

/* Levels start at -1. */
static inline axvm_s2_entry **axvm_s2_path_at(struct axvm_s2_path *path, int level)
{
    return &path->entry[level + 1];
}

static inline uint64_t axvm_s2_get(axvm_s2_entry *entry)
{
    return atomic_load_explicit(entry, memory_order_relaxed);
}

/* What was written before is there for a CPU that walks through the entry. */
static inline void axvm_s2_set(axvm_s2_entry *entry, uint64_t e)
{
    atomic_store_explicit(entry, e, memory_order_release);
}

static inline axvm_s2_entry *axvm_s2_table_at(const struct axvm *vm, uint64_t hpa)
{
    return vm->hal.phys_to_virt(vm->hal.ctx, axvm_hpa(hpa));
}

static inline uint64_t axvm_s2_index(const struct axvm_s2_geometry *geo, uint64_t gpa, int level)
{
    uint64_t index = gpa / axvm_s2_span(level);

    return level == geo->root_level ? index : index % 512;
}

/* First address after those that the table of @level around @gpa covers. */
static inline uint64_t axvm_s2_table_end(const struct axvm_s2_geometry *geo, uint64_t gpa, int level)
{
    uint64_t span = level == geo->root_level ? UINT64_C(1) << geo->gpa_bits : axvm_s2_span(level - 1);

    return axvm_align_down(gpa, span) + span;
}

/* Follow tables to the entry that maps @gpa or is empty; returns its level. */
static inline int axvm_s2_descend(const struct axvm *vm, uint64_t gpa, struct axvm_s2_path *path)
{
    const struct axvm_s2_geometry *geo = &vm->as.geo;
    int level = geo->root_level;
    axvm_s2_entry *entry = vm->as.root + axvm_s2_index(geo, gpa, level);

    for (;;) {
        uint64_t e = axvm_s2_get(entry);

        *axvm_s2_path_at(path, level) = entry;
        if (level == 3 || !axvm_s2f_valid(e, geo->format) || !axvm_s2f_is_table(e, level, geo->format))
            return level;
        entry = axvm_s2_table_at(vm, axvm_s2f_hpa(e, level, geo->format)) + gpa / axvm_s2_span(level + 1) % 512;
        level++;
    }
}

/* axvm_s2_touch_slow(), and a short way for the next page of a table: guests touch most of their memory in order. */
static inline int axvm_s2_touch(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint32_t prot)
{
    struct axvm_aspace *as = &vm->as;
    uint64_t page = (gpa - as->touched_gpa) / AXVM_PAGE_SIZE;

    if (!as->touched || page >= 512 || cache->count == 0 || axvm_s2_get(&as->touched[page]) != 0)
        return axvm_s2_touch_slow(vm, cache, gpa, prot);
    axvm_s2_set(&as->touched[page], axvm_s2f_leaf(axvm_page_cache_pop(cache).v, prot, 3, as->geo.format));
    axvm_arch_s2_sync();
    return AXVM_OK;
}

#endif
