/* SPDX-License-Identifier: BSD-2-Clause */
#include "region.h"

#include <axvm/err.h>

#include "bits.h"

uint32_t axvm_region_after(const struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t lo = 0, hi = as->region_count;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (axvm_region_end(&as->regions[mid]) > gpa)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

uint32_t axvm_region_search(struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = axvm_region_after(as, gpa);

    if (i >= as->region_count || !axvm_region_holds(&as->regions[i], gpa) || as->tags[i].state != AXVM_REGION_LIVE)
        return AXVM_NO_REGION;
    as->hint = i;
    return i;
}

bool axvm_region_covers(struct axvm_aspace *as, uint64_t gpa, uint64_t len)
{
    while (len != 0) {
        uint32_t i = axvm_region_at(as, gpa);
        uint64_t part;

        if (i == AXVM_NO_REGION)
            return false;
        part = axvm_min(len, axvm_region_end(&as->regions[i]) - gpa);
        gpa += part;
        len -= part;
    }
    return true;
}

/* Make room at @index. */
static void open_slot(struct axvm_aspace *as, uint32_t index)
{
    for (uint32_t i = as->region_count; i > index; i--) {
        as->regions[i] = as->regions[i - 1];
        as->tags[i] = as->tags[i - 1];
    }
    as->region_count++;
}

int axvm_region_insert(struct axvm_aspace *as, const struct axvm_region *region, struct axvm_region_tag tag)
{
    uint32_t i = axvm_region_after(as, region->gpa.v);

    if (i < as->region_count && axvm_overlap(as->regions[i].gpa.v, as->regions[i].len, region->gpa.v, region->len))
        return AXVM_ERR_EXIST;
    if (as->region_count == AXVM_MAX_REGIONS)
        return AXVM_ERR_NOSPC;
    open_slot(as, i);
    as->regions[i] = *region;
    as->tags[i] = tag;
    return AXVM_OK;
}

void axvm_region_remove(struct axvm_aspace *as, uint32_t index)
{
    as->region_count--;
    for (uint32_t i = index; i < as->region_count; i++) {
        as->regions[i] = as->regions[i + 1];
        as->tags[i] = as->tags[i + 1];
    }
}

/* Does a region lie across @gpa? */
static bool is_inside(const struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = axvm_region_after(as, gpa);

    return i < as->region_count && as->regions[i].gpa.v < gpa;
}

static void cut_at(struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = axvm_region_after(as, gpa);
    uint64_t left;

    if (!is_inside(as, gpa))
        return;
    left = gpa - as->regions[i].gpa.v;
    open_slot(as, i);
    as->regions[i].len = left;
    as->regions[i + 1].gpa.v += left;
    as->regions[i + 1].len -= left;
    if (axvm_region_is_linear(&as->regions[i]))
        as->regions[i + 1].hpa.v += left;
}

int axvm_region_cut(struct axvm_aspace *as, uint64_t gpa, uint64_t end)
{
    uint32_t more = (is_inside(as, gpa) ? 1u : 0u) + (is_inside(as, end) ? 1u : 0u);

    if (more > AXVM_MAX_REGIONS - as->region_count)
        return AXVM_ERR_NOSPC;
    cut_at(as, gpa);
    cut_at(as, end);
    return AXVM_OK;
}

static bool can_merge(const struct axvm_aspace *as, uint32_t i)
{
    const struct axvm_region *a = &as->regions[i], *b = &as->regions[i + 1];

    if (as->tags[i].state != AXVM_REGION_LIVE || as->tags[i + 1].state != AXVM_REGION_LIVE)
        return false;
    if (a->kind != b->kind || a->prot != b->prot || axvm_region_end(a) != b->gpa.v)
        return false;
    /* What was claimed from the host in two calls is given back in two. */
    if (a->kind == AXVM_REGION_RESERVED && as->tags[i].id != as->tags[i + 1].id)
        return false;
    return !axvm_region_is_linear(a) || a->hpa.v + a->len == b->hpa.v;
}

void axvm_region_merge(struct axvm_aspace *as, uint64_t gpa)
{
    uint32_t i = axvm_region_after(as, gpa);

    if (i == 0 || i >= as->region_count || as->regions[i].gpa.v != gpa || !can_merge(as, i - 1))
        return;
    as->regions[i - 1].len += as->regions[i].len;
    axvm_region_remove(as, i);
}
