/* SPDX-License-Identifier: BSD-2-Clause */
#include "s2.h"

#include <axvm/err.h>

#include "arch.h"
#include "assert.h"
#include "bits.h"
#include "s2_walk.h"

int axvm_s2_init(struct axvm *vm)
{
    struct axvm_aspace *as = &vm->as;
    axvm_hpa_t hpa;

    if (!vm->hal.page_alloc(vm->hal.ctx, as->geo.root_order, &hpa))
        return AXVM_ERR_NOMEM;
    as->root_hpa = hpa;
    as->root = axvm_s2_table_at(vm, hpa.v);
    return AXVM_OK;
}

void axvm_s2_fini(struct axvm *vm)
{
    struct axvm_aspace *as = &vm->as;

    if (!as->root)
        return;
    vm->hal.page_free(vm->hal.ctx, as->root_hpa, as->geo.root_order);
    as->root = NULL;
}

bool axvm_s2_walk(const struct axvm *vm, uint64_t gpa, struct axvm_s2_leaf *leaf)
{
    const struct axvm_s2_geometry *geo = &vm->as.geo;
    struct axvm_s2_path path;
    uint64_t e, off;
    int level;

    if (gpa >> geo->gpa_bits != 0)
        return false;
    level = axvm_s2_descend(vm, gpa, &path);
    e = axvm_s2_get(*axvm_s2_path_at(&path, level));
    if (!axvm_s2f_valid(e, geo->format))
        return false;
    off = gpa & (axvm_s2_span(level) - 1);
    leaf->hpa = axvm_s2f_hpa(e, level, geo->format) + off;
    leaf->left = axvm_s2_span(level) - off;
    leaf->prot = axvm_s2f_prot(e, geo->format);
    leaf->level = level;
    return true;
}

/* ---- making ---- */

/* Level of the largest page that may map @gpa to @hpa, @len bytes from there on being to be mapped. */
static int best_level(const struct axvm_s2_geometry *geo, uint64_t gpa, uint64_t hpa, uint64_t len)
{
    int level = geo->max_block_level;

    while (level < 3 && (!axvm_is_aligned(gpa | hpa, axvm_s2_span(level)) || len < axvm_s2_span(level)))
        level++;
    return level;
}

/* Put an empty table into the empty entry @entry of @level, and return the entry for @gpa in it. */
static axvm_s2_entry *add_table(struct axvm *vm, struct axvm_page_cache *cache, axvm_s2_entry *entry, uint64_t gpa, int level)
{
    axvm_hpa_t hpa = axvm_page_cache_pop(cache);

    axvm_s2_set(entry, axvm_s2f_table(hpa.v, vm->as.geo.format));
    vm->as.table_pages++;
    return axvm_s2_table_at(vm, hpa.v) + axvm_s2_index(&vm->as.geo, gpa, level + 1);
}

uint64_t axvm_s2_map(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t end, uint64_t hpa, uint32_t prot)
{
    const struct axvm_s2_geometry *geo = &vm->as.geo;
    struct axvm_s2_path path;
    int level = axvm_s2_descend(vm, gpa, &path), want = best_level(geo, gpa, hpa, end - gpa);
    axvm_s2_entry *entry = *axvm_s2_path_at(&path, level);
    uint64_t stop, span;

    for (; level < want; level++)
        entry = add_table(vm, cache, entry, gpa, level);
    stop = axvm_min(end, axvm_s2_table_end(geo, gpa, level));
    span = axvm_s2_span(level);
    for (unsigned int n = 0; n < TABLE_ENTRIES && gpa < stop && stop - gpa >= span; n++, entry++) {
        AXVM_ASSERT(axvm_s2_get(entry) == 0);
        axvm_s2_set(entry, axvm_s2f_leaf(hpa, prot, level, geo->format));
        gpa += span;
        hpa += span;
    }
    axvm_arch_s2_sync();
    return gpa;
}

int axvm_s2_touch_slow(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint32_t prot)
{
    struct axvm_s2_path path;
    int level = axvm_s2_descend(vm, gpa, &path);
    axvm_s2_entry *entry = *axvm_s2_path_at(&path, level);

    if (axvm_s2f_valid(axvm_s2_get(entry), vm->as.geo.format))
        return AXVM_OK;
    if (cache->count < (uint32_t)(4 - level))
        return AXVM_ERR_AGAIN;
    for (; level < 3; level++)
        entry = add_table(vm, cache, entry, gpa, level);
    vm->as.touched = entry - gpa / AXVM_PAGE_SIZE % TABLE_ENTRIES;
    vm->as.touched_gpa = axvm_align_down(gpa, axvm_s2_span(2));
    axvm_s2_set(entry, axvm_s2f_leaf(axvm_page_cache_pop(cache).v, prot, 3, vm->as.geo.format));
    axvm_arch_s2_sync();
    return AXVM_OK;
}
