/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest-physical address space of a VM: its regions, and the stage-2 tables that carry them out. */
#ifndef AXVM_CORE_ASPACE_H
#define AXVM_CORE_ASPACE_H

#include <axvm/memory.h>
#include <stdatomic.h>

#include "lock.h"

/* Geometry of the tables; the backend chooses it in axvm_arch_s2_geometry(). */
struct axvm_s2_geometry {
    uint8_t gpa_bits;   /* input addresses are below 1 << gpa_bits */
    uint8_t root_level; /* 0 is the level whose entries cover 512 GiB, 3 the one of 4 KiB pages (Arm's numbers) */
    uint8_t root_order; /* the root is 1 << root_order pages (concatenation, or x4 root) */
    uint8_t max_block_level; /* lowest level number that may hold a block: 1 for 1 GiB pages, 2 for 2 MiB */
};

/* A stack of zeroed pages, linked through their first word, from which tables and touched RAM are taken without calling the
 * HAL. Whoever owns it serialises its use. */
struct axvm_page_cache {
    void *top;
    uint32_t count;
};

struct axvm_aspace {
    struct axvm_lock lock; /* guards regions and tables; taken in the fast tier too */
    struct axvm_region regions[AXVM_MAX_REGIONS]; /* sorted by gpa, no overlaps */
    uint32_t region_count;
    struct axvm_s2_geometry geo;
    uint64_t *root;
    axvm_hpa_t root_hpa;
    struct axvm_page_cache tables; /* for map/unmap; guarded by @ref lock */
    uint64_t table_pages;          /* how many the tables use */
    /* gpa of the largest RAM region found last; see axvm_aspace_ram() */
};

int axvm_aspace_init(struct axvm *vm);
void axvm_aspace_fini(struct axvm *vm);
/* Zero all RAM the VM owns and drop touched pages: for axvm_reset(). May sleep. No vCPU runs. */
int axvm_aspace_reset(struct axvm *vm);

/*
 * A guest access to @gpa of kind @prot (one of READ, WRITE, EXEC) faulted in stage 2.
 * @cache           the vCPU's own pages, for tables and touched RAM
 * @retval AXVM_OK         it can be retried
 * @retval AXVM_ERR_AGAIN  @cache is too small: axvm_page_cache_fill() it where the HAL may be called, and come again
 * @retval AXVM_ERR_NOENT  no region there
 * @retval AXVM_ERR_GUEST  the region does not allow this access
 */
int axvm_aspace_fault(struct axvm *vm, struct axvm_page_cache *cache, axvm_gpa_t gpa, uint32_t prot);

/* How many pages one call of axvm_aspace_fault() can need; axvm_page_cache_fill() targets this or a batch. */
#define AXVM_FAULT_PAGES 4u

/* Top up to @want pages through the HAL. AXVM_ERR_NOMEM leaves what there is. */
int axvm_page_cache_fill(struct axvm_page_cache *cache, const struct axvm_hal *hal, uint32_t want);
void axvm_page_cache_drain(struct axvm_page_cache *cache, const struct axvm_hal *hal);

/* As axvm_read_guest/axvm_write_guest, in any context: does not touch new pages, AXVM_ERR_RANGE for those not there yet. */
int axvm_aspace_read(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len);
int axvm_aspace_write(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len);

/* Is any byte of [gpa, gpa + len) in a region? */
bool axvm_aspace_overlaps(struct axvm *vm, uint64_t gpa, uint64_t len);
/* Is every byte of it RAM of a region (touched or not)? */
bool axvm_aspace_is_ram(struct axvm *vm, uint64_t gpa, uint64_t len);

#endif
