/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical address space of a VM: its regions, and the stage-2 tables that carry them out.
 *
 * as.lock guards both. It is a spin lock, also taken in the fast tier, so no holder does more than some 512 table entries of
 * work, and none calls the HAL: pages are fetched before, and given back after. A call that changes much therefore lets go in
 * between. What keeps two such calls apart is the state of the regions they work on: only AXVM_REGION_LIVE ones are anybody
 * else's to see, and the range of the others is taken.
 */
#ifndef AXVM_CORE_ASPACE_H
#define AXVM_CORE_ASPACE_H

#include <axvm/memory.h>

#include "lock.h"
#include "page_cache.h"

/* Geometry of the tables; the backend chooses it in axvm_arch_s2_geometry(). */
struct axvm_s2_geometry {
    uint8_t gpa_bits;        /* input addresses are below 1 << gpa_bits */
    uint8_t hpa_bits;        /* and output addresses below 1 << hpa_bits */
    int8_t root_level;       /* Arm's numbers: 3 has entries of 4 KiB, 2 of 2 MiB, 1 of 1 GiB, 0 of 512 GiB, -1 of 256 TiB */
    uint8_t root_order;      /* the root is 1 << root_order pages (concatenation, or RISC-V's x4 root) */
    uint8_t max_block_level; /* lowest level number that may hold a block: 1 for 1 GiB pages, 2 for 2 MiB */
    uint8_t format;          /* which of the backend's table formats; passed through to s2_format.h */
};

enum axvm_region_state {
    AXVM_REGION_LIVE,   /* in use; every page of it that is not touched on demand is in the tables */
    AXVM_REGION_COMING, /* axvm_map() is filling it in */
    AXVM_REGION_GOING,  /* axvm_unmap() is emptying it */
};

/* What the library keeps beside a struct axvm_region. */
struct axvm_region_tag {
    uint32_t id; /* of the axvm_map() call it comes from; the parts of a split region share it */
    enum axvm_region_state state;
};

struct axvm_aspace {
    struct axvm_lock lock;
    /* Sorted by gpa, no overlaps. prot is never 0 here, and hpa is set for every kind but ALLOC and TOUCH. */
    struct axvm_region regions[AXVM_MAX_REGIONS];
    struct axvm_region_tag tags[AXVM_MAX_REGIONS];
    uint32_t region_count;
    uint32_t hint;    /* index of the region found last */
    uint32_t last_id; /* of a tag */
    struct axvm_s2_geometry geo;
    _Atomic uint64_t *root; /* other CPUs' table walkers read it at any time */
    axvm_hpa_t root_hpa;
    /* The level 3 table in which a page was touched last, and the address of its first page; NULL: none. */
    _Atomic uint64_t *touched;
    uint64_t touched_gpa;
    uint64_t gen; /* counted up when a page is taken away or gets other permissions: axvm_aspace_page() may say something else */
    uint64_t table_pages;           /* how many the tables below the root use */
    struct axvm_piece_page *pieces; /* memory of AXVM_REGION_ALLOC: pieces.h */
};

/* Make the root table; regions come with axvm_map(). vm->cfg says how large the space has to be. */
int axvm_aspace_init(struct axvm *vm);
/* No vCPU runs. Frees all there is; fine after a failed or omitted init. */
void axvm_aspace_fini(struct axvm *vm);
/* As axvm_map(), also where a device's window is: for hardware that serves some of its pages. */
int axvm_aspace_map_over_device(struct axvm *vm, const struct axvm_region *region);
/* Zero all RAM the VM owns (ALLOC, RESERVED) and drop touched pages: for axvm_reset(). LINEAR and IDENTITY memory is the host's
 * and stays as it is. May sleep. No vCPU runs. */
int axvm_aspace_reset(struct axvm *vm);

/*
 * A guest access to @gpa of kind @prot (one of READ, WRITE, EXEC) faulted in stage 2. Any context.
 * @cache           the vCPU's own pages, for tables and touched RAM
 * @retval AXVM_OK         it can be retried
 * @retval AXVM_ERR_AGAIN  @cache is too small: axvm_page_cache_fill() it where the HAL may be called, and come again
 * @retval AXVM_ERR_NOENT  no region there
 * @retval AXVM_ERR_GUEST  the region does not allow this access
 */
int axvm_aspace_fault(struct axvm *vm, struct axvm_page_cache *cache, axvm_gpa_t gpa, uint32_t prot);

/* How many pages one call of axvm_aspace_fault() can need: four tables below the root and the page itself. */
#define AXVM_FAULT_PAGES 5u

/* As axvm_read_guest/axvm_write_guest, in any context: does not touch new pages, AXVM_ERR_RANGE for those not there yet. These
 * are for what a guest asks for: memory that it may not read or write itself is not there either. */
int axvm_aspace_read(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len);
int axvm_aspace_write(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len);

/*
 * Where the host sees the page of RAM with @gpa that the guest may access with @prot. as.lock is held, and the page is there
 * for as long as it is, or as as.gen stays what it was when the lock is taken again. Any context.
 * @retval AXVM_ERR_AGAIN  RAM that has not been touched yet: axvm_aspace_fault()
 * @retval AXVM_ERR_NOENT  no RAM, or not with @prot
 */
int axvm_aspace_page(struct axvm *vm, uint64_t gpa, uint32_t prot, uint8_t **va);

/* Is any byte of [gpa, gpa + len) in a region, also one that is coming or going? A range that wraps: true. */
bool axvm_aspace_overlaps(struct axvm *vm, uint64_t gpa, uint64_t len);
/* Is every byte of it RAM of a region (touched or not)? */
bool axvm_aspace_is_ram(struct axvm *vm, uint64_t gpa, uint64_t len);
/* ... of regions that the guest itself may access with all of @prot (AXVM_PROT_*)? */
bool axvm_aspace_allows(struct axvm *vm, uint64_t gpa, uint64_t len, uint32_t prot);

#endif
