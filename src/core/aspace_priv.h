/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the address space share among themselves. */
#ifndef AXVM_CORE_ASPACE_PRIV_H
#define AXVM_CORE_ASPACE_PRIV_H

#include "bits.h"
#include "region.h"
#include "vm_priv.h"

/* Is [gpa, gpa + len) within the guest-physical space? */
static inline bool axvm_aspace_fits(const struct axvm *vm, uint64_t gpa, uint64_t len)
{
    uint64_t limit = UINT64_C(1) << vm->as.geo.gpa_bits;

    return gpa <= limit && len <= limit - gpa;
}

/* Arguments of axvm_unmap() and axvm_protect(). */
static inline bool axvm_aspace_is_range(const struct axvm *vm, uint64_t gpa, uint64_t len)
{
    return len != 0 && axvm_is_aligned(gpa | len, AXVM_PAGE_SIZE) && axvm_aspace_fits(vm, gpa, len);
}

/* The calls for a region that is COMING. Take a RESERVED one from the host; false when it is taken. */
bool axvm_aspace_claim(struct axvm *vm, const struct axvm_region *region);
/* Map its pages. On failure some may be; axvm_aspace_empty() takes them back. */
int axvm_aspace_fill(struct axvm *vm, const struct axvm_region *region);
/* It has no pages: remove it. */
void axvm_aspace_forget(struct axvm *vm, const struct axvm_region *region);

/* Unmap all of a region that is not LIVE, give back its memory and remove it. @cache: see axvm_pieces_drop(). */
void axvm_aspace_empty(struct axvm *vm, const struct axvm_region *region, struct axvm_page_cache *cache);
/* Unmap the pages of a region; those of TOUCH regions are freed. */
void axvm_aspace_unmap_pages(struct axvm *vm, const struct axvm_region *region);

#endif
