/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of 2 MiB and 1 GiB: split when part of one is to change, joined when a table maps what one could. */
#include "arch.h"
#include "bits.h"
#include "s2_walk.h"

/* Break before make: replace the valid entry for [base, base + span(level)). */
static void replace(struct axvm *vm, axvm_s2_entry *entry, uint64_t new, uint64_t base, int level)
{
    axvm_s2_set(entry, axvm_s2f_retire(axvm_s2_get(entry), vm->as.geo.format));
    axvm_arch_s2_sync();
    axvm_arch_s2_flush(vm, base, axvm_s2_span(level));
    axvm_s2_set(entry, new);
    axvm_arch_s2_sync();
}

static void split_block(struct axvm *vm, struct axvm_page_cache *cache, axvm_s2_entry *entry, uint64_t gpa, int level)
{
    const unsigned int format = vm->as.geo.format;
    uint64_t e = axvm_s2_get(entry), hpa = axvm_s2f_hpa(e, level, format);
    uint32_t prot = axvm_s2f_prot(e, format);
    axvm_hpa_t table_hpa = axvm_page_cache_pop(cache);
    axvm_s2_entry *table = axvm_s2_table_at(vm, table_hpa.v);

    for (unsigned int i = 0; i < 512; i++)
        atomic_store_explicit(&table[i], axvm_s2f_leaf(hpa + i * axvm_s2_span(level + 1), prot, level + 1, format),
                              memory_order_relaxed);
    vm->as.table_pages++;
    replace(vm, entry, axvm_s2f_table(table_hpa.v, format), axvm_align_down(gpa, axvm_s2_span(level)), level);
}

unsigned int axvm_s2_split_tables(const struct axvm *vm, uint64_t gpa)
{
    struct axvm_s2_leaf leaf;
    unsigned int count = 0;

    if (axvm_s2_walk(vm, gpa, &leaf)) {
        for (int level = leaf.level; !axvm_is_aligned(gpa, axvm_s2_span(level)); level++)
            count++;
    }
    return count;
}

void axvm_s2_split(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa)
{
    if (gpa >> vm->as.geo.gpa_bits != 0)
        return; /* the end of the address space */
    for (;;) {
        struct axvm_s2_path path;
        int level = axvm_s2_descend(vm, gpa, &path);
        axvm_s2_entry *entry = *axvm_s2_path_at(&path, level);

        if (!axvm_s2f_valid(axvm_s2_get(entry), vm->as.geo.format) || axvm_is_aligned(gpa, axvm_s2_span(level)))
            return;
        split_block(vm, cache, entry, gpa, level);
    }
}

/* Do the 512 entries from @first on map what one block of the level above could? */
static bool is_whole(axvm_s2_entry *first, int level, unsigned int format)
{
    uint64_t e = axvm_s2_get(first), hpa;
    uint32_t prot;

    if (!axvm_s2f_valid(e, format) || (level < 3 && axvm_s2f_is_table(e, level, format)))
        return false;
    hpa = axvm_s2f_hpa(e, level, format);
    prot = axvm_s2f_prot(e, format);
    if (!axvm_is_aligned(hpa, axvm_s2_span(level - 1)))
        return false;
    for (unsigned int i = 1; i < 512; i++) {
        if (axvm_s2_get(first + i) != axvm_s2f_leaf(hpa + i * axvm_s2_span(level), prot, level, format))
            return false;
    }
    return true;
}

void axvm_s2_join(struct axvm *vm, uint64_t gpa, uint64_t lo, uint64_t hi, struct axvm_page_list *list)
{
    const struct axvm_s2_geometry *geo = &vm->as.geo;
    struct axvm_s2_path path;
    int level = axvm_s2_descend(vm, gpa, &path);

    for (; level > geo->max_block_level && level > geo->root_level; level--) {
        uint64_t base = axvm_align_down(gpa, axvm_s2_span(level - 1)), table, first;
        axvm_s2_entry *entries = *axvm_s2_path_at(&path, level) - axvm_s2_index(geo, gpa, level);
        axvm_s2_entry *parent = *axvm_s2_path_at(&path, level - 1);

        if (base < lo || hi < base || hi - base < axvm_s2_span(level - 1) || !is_whole(entries, level, geo->format))
            return;
        table = axvm_s2f_hpa(axvm_s2_get(parent), level - 1, geo->format);
        first = axvm_s2_get(entries);
        replace(
            vm, parent,
            axvm_s2f_leaf(axvm_s2f_hpa(first, level, geo->format), axvm_s2f_prot(first, geo->format), level - 1, geo->format),
            base, level - 1);
        vm->as.table_pages--;
        vm->as.touched = NULL;
        axvm_page_list_add(list, &vm->hal, axvm_hpa(table), 0);
    }
}
