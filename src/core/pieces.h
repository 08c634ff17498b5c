/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which memory of the HAL backs AXVM_REGION_ALLOC, as page_free() wants the order of page_alloc() again. Each page_alloc() is a
 * piece; unmapping part of a piece leaves one or more parts of it, and it is given back when there is none left. as.lock is
 * held everywhere.
 */
#ifndef AXVM_CORE_PIECES_H
#define AXVM_CORE_PIECES_H

#include "vm_priv.h"

/* A piece, or part of one. */
struct axvm_piece {
    uint64_t gpa;
    uint64_t hpa;   /* of the whole piece */
    uint32_t order; /* of the whole piece */
    uint32_t pages; /* that are mapped from gpa on; 0: the entry is free */
};

/* They come from the HAL, and stay until axvm_pieces_fini(). */
struct axvm_piece_page {
    struct axvm_piece_page *next;
    uint64_t used;
    struct axvm_piece pieces[170];
};
_Static_assert(sizeof(struct axvm_piece_page) == AXVM_PAGE_SIZE, "struct axvm_piece_page is a page");

/* @cache has a page, in case it is needed. */
void axvm_pieces_add(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, axvm_hpa_t hpa, uint32_t order);

/*
 * Of the pieces on @page, [gpa, end) is unmapped: put those on @list that nothing is left of. Returns the next page. @cache has
 * a page, in case a piece reaches beyond both @gpa and @end.
 */
struct axvm_piece_page *axvm_pieces_drop(struct axvm *vm, struct axvm_page_cache *cache, struct axvm_piece_page *page,
                                         uint64_t gpa, uint64_t end, struct axvm_page_list *list);

/* Without the lock: gives back the pages of the list. There are no pieces any more. */
void axvm_pieces_fini(struct axvm *vm);

#endif
