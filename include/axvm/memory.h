/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Guest-physical memory of a VM: regions, permissions, and the checked accessors. */
#ifndef AXVM_MEMORY_H
#define AXVM_MEMORY_H

#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum axvm_region_kind {
    AXVM_REGION_ALLOC,    /**< RAM of page_alloc(), all of it at once, in the largest contiguous pieces that can be had. */
    AXVM_REGION_TOUCH,    /**< RAM of page_alloc(), page by page, when the guest first touches it. */
    AXVM_REGION_LINEAR,   /**< RAM the host owns: gpa -> hpa at a constant distance. */
    AXVM_REGION_IDENTITY, /**< As LINEAR with hpa == gpa. */
    AXVM_REGION_RESERVED, /**< As IDENTITY, claimed with region_alloc_at() and given back at destroy. */
    AXVM_REGION_DEVICE,   /**< Passthrough device registers: gpa -> hpa, Device memory, never touched by the library. */
};

/** A range of guest-physical memory. gpa, hpa and len are multiples of 4 KiB. */
struct axvm_region {
    axvm_gpa_t gpa;
    uint64_t len;               /**< Bytes, not zero; gpa + len <= 1 << axvm_gpa_bits(). */
    axvm_hpa_t hpa;             /**< LINEAR and DEVICE only. */
    enum axvm_region_kind kind;
    /** enum axvm_prot bits; 0 means RWX (RW for DEVICE). Otherwise READ is one of them, as not every CPU can say less; DEVICE
     *  only for kind DEVICE, which has no EXEC. */
    uint32_t prot;
};

/** Most regions a VM can have at once. */
#define AXVM_MAX_REGIONS 64

/**
 * Give a VM memory. May sleep. vCPUs may be running: they see each page mapped, or not yet, and nothing between. On failure
 * the map is as it was.
 * @retval AXVM_ERR_INVAL  alignment, range, kind or prot
 * @retval AXVM_ERR_EXIST  overlaps a region or a device of the bus
 * @retval AXVM_ERR_NOMEM  no memory for the region or a table; hal->region_alloc_at() refused
 * @retval AXVM_ERR_NOSPC  AXVM_MAX_REGIONS reached
 * @retval AXVM_ERR_NOSUP  RESERVED, and the HAL has no region_alloc_at() or region_free_at()
 */
int axvm_map(struct axvm *vm, const struct axvm_region *region);

/**
 * Take back [gpa, gpa + len), which may be part of a region or span several, and free what the library had allocated for
 * it: of ALLOC memory, a piece of page_alloc() with the last part of it. When it returns no CPU can reach the memory through this
 * VM. What is not cut in two needs no memory.
 * @retval AXVM_ERR_INVAL  alignment or range
 * @retval AXVM_ERR_NOENT  some page of it belongs to no region
 * @retval AXVM_ERR_NOMEM, AXVM_ERR_NOSPC  splitting a block or a region needed more than there was; nothing changed
 */
int axvm_unmap(struct axvm *vm, axvm_gpa_t gpa, uint64_t len);

/** Change what the guest may do with [gpa, gpa + len) (enum axvm_prot bits, no AXVM_PROT_DEVICE). As axvm_unmap(). */
int axvm_protect(struct axvm *vm, axvm_gpa_t gpa, uint64_t len, uint32_t prot);

/**
 * Where a guest-physical byte is.
 * @param hpa   receives the host-physical address
 * @param len   receives how many bytes from there are contiguous and in the same region, at least (a look at 512 pages or blocks
 *              has to do); may be NULL
 * @retval AXVM_ERR_RANGE  nothing is mapped there (yet)
 */
int axvm_translate(struct axvm *vm, axvm_gpa_t gpa, axvm_hpa_t *hpa, uint64_t *len);

/**
 * Copy between host and guest memory. Refuses what is not RAM before the first byte is copied; crosses pages and regions;
 * fills AXVM_REGION_TOUCH pages as needed. Zero bytes is fine at any address. Guest permissions do not apply: this is the
 * host. May sleep.
 * @retval AXVM_ERR_RANGE  some byte of the range is not RAM, or the range wraps
 * @retval AXVM_ERR_NOMEM  a page to be touched could not be had; bytes before it may have been copied
 */
int axvm_read_guest(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len);
int axvm_write_guest(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len);

/** Host-physical address of the root of the stage-2 tables, as the hardware's base register wants it. */
axvm_hpa_t axvm_stage2_root(const struct axvm *vm);

/** Guest-physical addresses of this VM are below 1 << this. */
unsigned int axvm_gpa_bits(const struct axvm *vm);

#ifdef __cplusplus
}
#endif
#endif
