/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage-2 tables: radix trees of 512 entries of 8 bytes, each of which is empty, names a table of the next level, or maps a
 * page or block. What the bits of an entry mean is the backend's s2_format.h:
 *
 *   bool     axvm_s2f_valid(uint64_t e, unsigned int format)             the hardware would use it
 *   bool     axvm_s2f_is_table(uint64_t e, int level, unsigned int format)   for a valid entry; false: it maps memory
 *   uint64_t axvm_s2f_table(uint64_t hpa, unsigned int format)           an entry that names a table
 *   uint64_t axvm_s2f_leaf(uint64_t hpa, uint32_t prot, int level, unsigned int format)   one that maps; READ is set in prot
 *   uint64_t axvm_s2f_hpa(uint64_t e, int level, unsigned int format)    the address in either, also after axvm_s2f_retire()
 *   uint32_t axvm_s2f_prot(uint64_t e, unsigned int format)              prot of a leaf, with DEVICE
 *   uint64_t axvm_s2f_retire(uint64_t e, unsigned int format)            the same, not valid, but not 0 and with its address
 *
 * 0 is not valid in any of them. @format is struct axvm_s2_geometry.format.
 *
 * CPUs walk the tables while they change, so every change is one of: an entry that was not valid becomes valid; a leaf gets
 * other permissions; or break before make: the entry is made invalid, no CPU has it cached any more, then the new one is
 * written. A page or table is given back only when no CPU can have it cached. A CPU that faults on an entry in between waits
 * for as.lock and then finds it valid.
 *
 * Everywhere: as.lock is held, and the invariant of aspace.h holds that a block lies within one region.
 */
#ifndef AXVM_CORE_S2_H
#define AXVM_CORE_S2_H

#include "vm_priv.h"

/* Most tables that mapping the first page somewhere needs. */
#define AXVM_S2_MAP_TABLES 4u
/* Most tables that axvm_s2_split() needs. */
#define AXVM_S2_SPLIT_TABLES 2u

struct axvm_s2_leaf {
    uint64_t hpa;  /* of the byte asked for */
    uint64_t left; /* bytes from there to the end of the page or block */
    uint32_t prot;
    int level;
};

/* Bytes that an entry of @level covers. */
static inline uint64_t axvm_s2_span(int level)
{
    return UINT64_C(1) << (AXVM_PAGE_SHIFT + 9 * (3 - level));
}

int axvm_s2_init(struct axvm *vm);
/* Frees the root; the tables below must be gone. */
void axvm_s2_fini(struct axvm *vm);

/* What maps @gpa; false when nothing does. */
bool axvm_s2_walk(const struct axvm *vm, uint64_t gpa, struct axvm_s2_leaf *leaf);

/*
 * Map from @gpa on to @hpa on in the largest pages that fit, up to @end or the end of a table. Nothing is mapped there.
 * Returns where it stopped. @cache has AXVM_S2_MAP_TABLES pages.
 */
uint64_t axvm_s2_map(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint64_t end, uint64_t hpa, uint32_t prot);

/* Unless it is mapped, put a page of @cache there. AXVM_ERR_AGAIN: @cache has not enough for it and the tables, and nothing was
 * changed. axvm_s2_touch() in s2_walk.h has a shortcut. */
int axvm_s2_touch_slow(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint32_t prot);

/*
 * Unmap from @gpa on up to @end or the end of a table, which no block may cross. Tables that become empty, and with @pages also
 * the 4 KiB pages that were mapped, are put on @list. Returns where it stopped.
 */
uint64_t axvm_s2_unmap(struct axvm *vm, uint64_t gpa, uint64_t end, bool pages, struct axvm_page_list *list);

/* Set the permissions of what is mapped from @gpa on up to @end or the end of a table. Returns where it stopped. */
uint64_t axvm_s2_protect(struct axvm *vm, uint64_t gpa, uint64_t end, uint32_t prot);

/* How many tables the next needs. */
unsigned int axvm_s2_split_tables(const struct axvm *vm, uint64_t gpa);
/* See to it that no block crosses @gpa. @cache has the pages for it. */
void axvm_s2_split(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa);

/* Turn tables around @gpa that map what one block could into that block, as long as it lies within [lo, hi). */
void axvm_s2_join(struct axvm *vm, uint64_t gpa, uint64_t lo, uint64_t hi, struct axvm_page_list *list);

#endif
