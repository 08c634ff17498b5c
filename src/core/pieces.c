/* SPDX-License-Identifier: BSD-2-Clause */
#include "pieces.h"

#include "bits.h"

static uint64_t end_of(const struct axvm_piece *piece)
{
    return piece->gpa + (uint64_t)piece->pages * AXVM_PAGE_SIZE;
}

static struct axvm_piece *find_free(struct axvm_piece_page *page)
{
    for (; page; page = page->next) {
        if (page->used == AXVM_ARRAY_LEN(page->pieces))
            continue;
        for (uint32_t i = 0; i < AXVM_ARRAY_LEN(page->pieces); i++) {
            if (page->pieces[i].pages == 0) {
                page->used++;
                return &page->pieces[i];
            }
        }
    }
    return NULL;
}

static struct axvm_piece *new_entry(struct axvm *vm, struct axvm_page_cache *cache)
{
    struct axvm_piece *piece = find_free(vm->as.pieces);
    struct axvm_piece_page *page;

    if (piece)
        return piece;
    page = vm->hal.phys_to_virt(vm->hal.ctx, axvm_page_cache_pop(cache));
    page->next = vm->as.pieces;
    page->used = 1;
    vm->as.pieces = page;
    return &page->pieces[0];
}

void axvm_pieces_add(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, axvm_hpa_t hpa, uint32_t order)
{
    struct axvm_piece *piece = new_entry(vm, cache);

    piece->gpa = gpa;
    piece->hpa = hpa.v;
    piece->order = order;
    piece->pages = 1u << order;
}

/* Is there another part of the piece at @hpa? */
static bool has_parts(const struct axvm_piece_page *page, uint64_t hpa)
{
    for (; page; page = page->next) {
        for (uint32_t i = 0; i < AXVM_ARRAY_LEN(page->pieces); i++) {
            if (page->pieces[i].pages != 0 && page->pieces[i].hpa == hpa)
                return true;
        }
    }
    return false;
}

static void drop_entry(struct axvm *vm, struct axvm_piece_page *page, struct axvm_piece *piece, struct axvm_page_list *list)
{
    bool is_part = piece->pages != 1u << piece->order;

    piece->pages = 0;
    page->used--;
    if (!is_part || !has_parts(vm->as.pieces, piece->hpa))
        axvm_page_list_add(list, &vm->hal, axvm_hpa(piece->hpa), piece->order);
}

/* Take [gpa, end), which is not all of it, out of @piece. */
static void cut_entry(struct axvm *vm, struct axvm_page_cache *cache, struct axvm_piece *piece, uint64_t gpa, uint64_t end)
{
    uint64_t last = end_of(piece);

    if (piece->gpa < gpa) {
        piece->pages = (uint32_t)((gpa - piece->gpa) / AXVM_PAGE_SIZE);
        if (end < last) {
            struct axvm_piece *rest = new_entry(vm, cache);

            rest->gpa = end;
            rest->hpa = piece->hpa;
            rest->order = piece->order;
            rest->pages = (uint32_t)((last - end) / AXVM_PAGE_SIZE);
        }
    } else {
        piece->gpa = end;
        piece->pages = (uint32_t)((last - end) / AXVM_PAGE_SIZE);
    }
}

struct axvm_piece_page *axvm_pieces_drop(struct axvm *vm, struct axvm_page_cache *cache, struct axvm_piece_page *page,
                                         uint64_t gpa, uint64_t end, struct axvm_page_list *list)
{
    for (uint32_t i = 0; i < AXVM_ARRAY_LEN(page->pieces); i++) {
        struct axvm_piece *piece = &page->pieces[i];

        if (piece->pages == 0 || piece->gpa >= end || end_of(piece) <= gpa)
            continue;
        if (piece->gpa >= gpa && end_of(piece) <= end)
            drop_entry(vm, page, piece, list);
        else
            cut_entry(vm, cache, piece, gpa, end);
    }
    return page->next;
}

void axvm_pieces_fini(struct axvm *vm)
{
    while (vm->as.pieces) {
        struct axvm_piece_page *page = vm->as.pieces;

        vm->as.pieces = page->next;
        vm->hal.page_free(vm->hal.ctx, vm->hal.virt_to_phys(vm->hal.ctx, page), 0);
    }
}
