/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory as the library and its host read and write it. A piece of at most a page at a time is looked up and copied with
 * as.lock held, so the memory cannot go away in between: axvm_unmap() gives it back only after it had the lock.
 */
#include <axvm/err.h>

#include "aspace_priv.h"
#include "mem.h"
#include "s2.h"

/* ON_BEHALF: a guest asks for it, and may do no more than it could do itself. */
enum direction { FROM_GUEST, TO_GUEST, TO_GUEST_ON_BEHALF };

int axvm_aspace_page(struct axvm *vm, uint64_t gpa, uint32_t prot, uint8_t **va)
{
    uint64_t page = axvm_align_down(gpa, AXVM_PAGE_SIZE);
    uint32_t i = axvm_region_at(&vm->as, page);
    const struct axvm_region *r;
    struct axvm_s2_leaf leaf;

    if (i == AXVM_NO_REGION)
        return AXVM_ERR_NOENT;
    r = &vm->as.regions[i];
    if (r->kind == AXVM_REGION_DEVICE || (r->prot & prot) != prot)
        return AXVM_ERR_NOENT;
    if (axvm_region_is_linear(r))
        leaf.hpa = r->hpa.v + (page - r->gpa.v);
    else if (!axvm_s2_walk(vm, page, &leaf))
        return AXVM_ERR_AGAIN;
    *va = vm->hal.phys_to_virt(vm->hal.ctx, axvm_hpa(leaf.hpa));
    return AXVM_OK;
}

/* Where the host sees the RAM at @gpa, and in *left the bytes from there to the end of the page; NULL: no RAM, or not there
 * yet. */
static uint8_t *ram_at(struct axvm *vm, uint64_t gpa, enum direction dir, uint64_t *left)
{
    uint32_t prot = dir == TO_GUEST_ON_BEHALF ? AXVM_PROT_READ | AXVM_PROT_WRITE : AXVM_PROT_READ;
    uint8_t *page;

    if (axvm_aspace_page(vm, gpa, prot, &page) != AXVM_OK)
        return NULL;
    *left = AXVM_PAGE_SIZE - gpa % AXVM_PAGE_SIZE;
    return page + gpa % AXVM_PAGE_SIZE;
}

/* Copy up to the end of the page; returns the number of bytes, 0 when it is not there. */
static size_t copy_some(struct axvm *vm, uint64_t gpa, void *buf, size_t len, enum direction dir)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);
    uint64_t left = 0;
    uint8_t *va = ram_at(vm, gpa, dir, &left);
    size_t n = 0;

    if (va) {
        n = (size_t)axvm_min(len, left);
        if (dir == FROM_GUEST)
            memcpy(buf, va, n);
        else
            memcpy(va, buf, n);
    }
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    return n;
}

/* Is every byte there? Some 512 pages at a time. */
static bool is_present(struct axvm *vm, uint64_t gpa, uint64_t len, enum direction dir)
{
    while (len != 0) {
        unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);
        bool there = true;

        for (unsigned int n = 0; n < 512 && there && len != 0; n++) {
            uint64_t left = 0;

            there = ram_at(vm, gpa, dir, &left) != NULL;
            left = axvm_min(left, len);
            gpa += left;
            len -= left;
        }
        axvm_unlock_irqrestore(&vm->as.lock, irqs);
        if (!there)
            return false;
    }
    return true;
}

/* Any context. A single page is looked up once, more first to check and then to copy. */
static int copy_present(struct axvm *vm, uint64_t gpa, void *buf, size_t len, enum direction dir)
{
    uint8_t *at = buf;

    if (len == 0)
        return AXVM_OK;
    if (!axvm_aspace_fits(vm, gpa, len))
        return AXVM_ERR_RANGE;
    if (len > AXVM_PAGE_SIZE - gpa % AXVM_PAGE_SIZE && !is_present(vm, gpa, len, dir))
        return AXVM_ERR_RANGE;
    while (len != 0) {
        size_t n = copy_some(vm, gpa, at, len, dir);

        if (n == 0)
            return AXVM_ERR_RANGE;
        gpa += n;
        at += n;
        len -= n;
    }
    return AXVM_OK;
}

int axvm_aspace_read(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len)
{
    return copy_present(vm, gpa.v, buf, len, FROM_GUEST);
}

int axvm_aspace_write(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len)
{
    /* To the guest: the buffer is only read. */
    return copy_present(vm, gpa.v, (void *)(uintptr_t)buf, len, TO_GUEST_ON_BEHALF);
}

/* ---- where the HAL may be called ---- */

/* Bring in the page at @gpa; @want pages are fetched at a time. */
static int touch(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint32_t want)
{
    int rc = axvm_aspace_fault(vm, cache, axvm_gpa(gpa), 0);

    if (rc == AXVM_ERR_AGAIN) {
        rc = axvm_page_cache_fill(cache, &vm->hal, want);
        if (rc != AXVM_OK && cache->count < AXVM_FAULT_PAGES)
            return rc;
        rc = axvm_aspace_fault(vm, cache, axvm_gpa(gpa), 0);
    }
    return rc == AXVM_OK ? AXVM_OK : AXVM_ERR_RANGE;
}

static int copy_touching(struct axvm *vm, uint64_t gpa, void *buf, size_t len, enum direction dir)
{
    struct axvm_page_cache cache;
    uint8_t *at = buf;
    int rc = AXVM_OK;

    if (!axvm_aspace_is_ram(vm, gpa, len))
        return AXVM_ERR_RANGE;
    cache.count = 0;
    while (rc == AXVM_OK && len != 0) {
        size_t n = copy_some(vm, gpa, at, len, dir);

        if (n == 0)
            rc = touch(vm, &cache, gpa, (uint32_t)axvm_min(AXVM_PAGE_CACHE_MAX, AXVM_FAULT_PAGES + len / AXVM_PAGE_SIZE));
        gpa += n;
        at += n;
        len -= n;
    }
    axvm_page_cache_drain(&cache, &vm->hal);
    return rc;
}

int axvm_read_guest(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len)
{
    return vm ? copy_touching(vm, gpa.v, buf, len, FROM_GUEST) : AXVM_ERR_INVAL;
}

int axvm_write_guest(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len)
{
    return vm ? copy_touching(vm, gpa.v, (void *)(uintptr_t)buf, len, TO_GUEST) : AXVM_ERR_INVAL;
}
