/* SPDX-License-Identifier: BSD-2-Clause */
/* Other rights for what is mapped, and mapping it no more. */
#include <axvm/err.h>

#include "arch.h"
#include "assert.h"
#include "bits.h"
#include "s2.h"
#include "s2_walk.h"

/* ---- changing ---- */

uint64_t axvm_s2_protect(struct axvm *vm, uint64_t gpa, uint64_t end, uint32_t prot)
{
    const struct axvm_s2_geometry *geo = &vm->as.geo;
    struct axvm_s2_path path;
    int level = axvm_s2_descend(vm, gpa, &path);
    axvm_s2_entry *entry = *axvm_s2_path_at(&path, level);
    uint64_t stop = axvm_min(end, axvm_s2_table_end(geo, gpa, level)), span = axvm_s2_span(level);
    bool changed = false;
    uint64_t at = gpa;

    for (unsigned int n = 0; n < TABLE_ENTRIES && at < stop; n++, at = axvm_align_down(at, span) + span, entry++) {
        uint64_t e = axvm_s2_get(entry), new;

        if (!axvm_s2f_valid(e, geo->format))
            continue;
        if (level < 3 && axvm_s2f_is_table(e, level, geo->format))
            break;
        new = axvm_s2f_leaf(axvm_s2f_hpa(e, level, geo->format), prot, level, geo->format);
        if (new != e) {
            axvm_s2_set(entry, new);
            changed = true;
        }
    }
    if (changed) {
        vm->as.gen++;
        axvm_arch_s2_sync();
        axvm_arch_s2_flush(vm, gpa, axvm_min(at, stop) - gpa);
    }
    return axvm_min(at, stop);
}

/* ---- unmaking ---- */

/* Is no entry of the table around @entry valid? */
static bool table_is_empty(const struct axvm *vm, axvm_s2_entry *entry, uint64_t gpa, int level)
{
    axvm_s2_entry *first = entry - axvm_s2_index(&vm->as.geo, gpa, level);

    for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
        if (axvm_s2f_valid(axvm_s2_get(first + i), vm->as.geo.format))
            return false;
    }
    return true;
}

/* Make the leaves from @gpa on invalid, up to @stop or a table; returns where that is. */
static uint64_t retire_leaves(struct axvm *vm, axvm_s2_entry *entry, uint64_t gpa, uint64_t stop, int level, bool *any)
{
    const unsigned int format = vm->as.geo.format;
    const uint64_t span = axvm_s2_span(level);

    for (unsigned int n = 0; n < TABLE_ENTRIES && gpa < stop; n++, gpa = axvm_align_down(gpa, span) + span, entry++) {
        uint64_t e = axvm_s2_get(entry);

        if (!axvm_s2f_valid(e, format))
            continue;
        if (level < 3 && axvm_s2f_is_table(e, level, format))
            break;
        AXVM_ASSERT(axvm_is_aligned(gpa, span) && stop - gpa >= span);
        axvm_s2_set(entry, axvm_s2f_retire(e, format));
        *any = true;
    }
    return axvm_min(gpa, stop);
}

/* Make the entries that name empty tables invalid, from @level up; returns the level of the lowest table that stays. */
static int retire_tables(struct axvm *vm, struct axvm_s2_path *path, uint64_t gpa, int level)
{
    while (level > vm->as.geo.root_level && table_is_empty(vm, *axvm_s2_path_at(path, level), gpa, level)) {
        axvm_s2_entry *parent = *axvm_s2_path_at(path, level - 1);

        axvm_s2_set(parent, axvm_s2f_retire(axvm_s2_get(parent), vm->as.geo.format));
        level--;
    }
    return level;
}

/* No CPU knows the entries of [gpa, stop) any more: clear them. */
static void collect_leaves(struct axvm *vm, axvm_s2_entry *entry, uint64_t gpa, uint64_t stop, int level,
                           struct axvm_page_list *pages)
{
    const uint64_t span = axvm_s2_span(level);

    for (; gpa < stop; gpa = axvm_align_down(gpa, span) + span, entry++) {
        uint64_t e = axvm_s2_get(entry);

        if (e == 0)
            continue;
        axvm_s2_set(entry, 0);
        if (pages)
            axvm_page_list_add(pages, &vm->hal, axvm_hpa(axvm_s2f_hpa(e, level, vm->as.geo.format)), 0);
    }
}

/* Nor the tables of the levels above @keep up to @level. */
static void collect_tables(struct axvm *vm, struct axvm_s2_path *path, int keep, int level, struct axvm_page_list *list)
{
    for (; level > keep; level--) {
        axvm_s2_entry *parent = *axvm_s2_path_at(path, level - 1);
        uint64_t e = axvm_s2_get(parent);

        axvm_s2_set(parent, 0);
        vm->as.touched = NULL;
        axvm_page_list_add(list, &vm->hal, axvm_hpa(axvm_s2f_hpa(e, level - 1, vm->as.geo.format)), 0);
        vm->as.table_pages--;
    }
}

uint64_t axvm_s2_unmap(struct axvm *vm, uint64_t gpa, uint64_t end, bool pages, struct axvm_page_list *list)
{
    struct axvm_s2_path path;
    int level = axvm_s2_descend(vm, gpa, &path), keep;
    axvm_s2_entry *entry = *axvm_s2_path_at(&path, level);
    uint64_t stop = axvm_min(end, axvm_s2_table_end(&vm->as.geo, gpa, level));
    bool any = false;

    stop = retire_leaves(vm, entry, gpa, stop, level, &any);
    if (!any)
        return stop;
    keep = retire_tables(vm, &path, gpa, level);
    vm->as.gen++;
    axvm_arch_s2_sync();
    axvm_arch_s2_flush(vm, gpa, stop - gpa);
    collect_leaves(vm, entry, gpa, stop, level, pages ? list : NULL);
    collect_tables(vm, &path, keep, level, list);
    return stop;
}
