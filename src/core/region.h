/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of regions of an address space: look-up, cutting and merging. as.lock is held everywhere. */
#ifndef AXVM_CORE_REGION_H
#define AXVM_CORE_REGION_H

#include "aspace.h"

#define AXVM_NO_REGION UINT32_MAX

static inline uint64_t axvm_region_end(const struct axvm_region *region)
{
    return region->gpa.v + region->len;
}

/* What the tables say for its pages. */
static inline uint32_t axvm_region_prot(const struct axvm_region *region)
{
    return region->prot | (region->kind == AXVM_REGION_DEVICE ? AXVM_PROT_DEVICE : 0);
}

/* Is every page at region->hpa and on? */
static inline bool axvm_region_is_linear(const struct axvm_region *region)
{
    return region->kind != AXVM_REGION_ALLOC && region->kind != AXVM_REGION_TOUCH;
}

/* The first region that ends after @gpa, whatever its state; region_count when there is none. */
uint32_t axvm_region_after(const struct axvm_aspace *as, uint64_t gpa);
/* As axvm_region_at(), when it is not the one found last. */
uint32_t axvm_region_search(struct axvm_aspace *as, uint64_t gpa);

static inline bool axvm_region_holds(const struct axvm_region *region, uint64_t gpa)
{
    return gpa >= region->gpa.v && gpa - region->gpa.v < region->len;
}

/* The live region that holds @gpa, or AXVM_NO_REGION. */
static inline uint32_t axvm_region_at(struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = as->hint;

    if (i < as->region_count && axvm_region_holds(&as->regions[i], gpa) && as->tags[i].state == AXVM_REGION_LIVE)
        return i;
    return axvm_region_search(as, gpa);
}

/* Is every byte of [gpa, gpa + len) in a live region? */
bool axvm_region_covers(struct axvm_aspace *as, uint64_t gpa, uint64_t len);

/* AXVM_ERR_EXIST: the range is taken. AXVM_ERR_NOSPC: the table is full. */
int axvm_region_insert(struct axvm_aspace *as, const struct axvm_region *region, struct axvm_region_tag tag);
void axvm_region_remove(struct axvm_aspace *as, uint32_t index);

/* Make @gpa and @end the bounds of regions. AXVM_ERR_NOSPC: nothing was changed. */
int axvm_region_cut(struct axvm_aspace *as, uint64_t gpa, uint64_t end);
/* Make the regions that meet at @gpa one, if they could be one. */
void axvm_region_merge(struct axvm_aspace *as, uint64_t gpa);

#endif
