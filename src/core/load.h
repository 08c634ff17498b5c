/* SPDX-License-Identifier: BSD-2-Clause */
/* From an image to a guest that can start. */
#ifndef AXVM_CORE_LOAD_H
#define AXVM_CORE_LOAD_H

#include "image.h"
#include "vm_priv.h"

struct axvm_load_range {
    uint64_t start, len;
};

/* Bytes of ours that go into guest memory: device tree, ACPI tables, … */
struct axvm_load_piece {
    uint64_t gpa;
    const void *data;
    uint64_t len;
};

/* Pages of the HAL that the pieces are in. */
struct axvm_load_buf {
    axvm_hpa_t hpa;
    unsigned int order;
    bool owned;
};

#define AXVM_LOAD_MAX_PIECES 8

/* The work of one axvm_load(). In a page of the HAL, as it is too big for a stack. */
struct axvm_load {
    struct axvm *vm;
    struct axvm_image image;
    uint64_t ram_base, ram_end; /* of the guest's first RAM, all in one piece */
    uint64_t initrd;            /* where it is; cfg.image.initrd.size 0: there is none */
    uint64_t modules[AXVM_MAX_MODULES];
    uint64_t arg;
    struct axvm_load_buf buf;
    uint32_t piece_count, taken_count;
    struct axvm_load_piece pieces[AXVM_LOAD_MAX_PIECES];
    struct axvm_load_range taken[AXVM_IMAGE_MAX_SEGMENTS + 1 + AXVM_MAX_MODULES + AXVM_LOAD_MAX_PIECES];
};
_Static_assert(sizeof(struct axvm_load) <= AXVM_PAGE_SIZE, "struct axvm_load has to fit one page");

/* ---- for axvm_arch_boot_data() ---- */

/* 2^order zeroed pages for the pieces, at most once. NULL: no memory. */
void *axvm_load_alloc(struct axvm *vm, struct axvm_load *load, unsigned int order);
/* The highest free place in RAM for @len bytes (not 0), aligned to @align (a power of two), that ends at or below @limit. */
bool axvm_load_find(const struct axvm_load *load, uint64_t len, uint64_t align, uint64_t limit, uint64_t *out);
/* Is [start, start + len) RAM that nothing has been placed in? */
bool axvm_load_is_free(const struct axvm_load *load, uint64_t start, uint64_t len);
/* Have @data written to @gpa, and the place taken. */
void axvm_load_add(struct axvm_load *load, uint64_t gpa, const void *data, uint64_t len);
/* Where the windows of boot protocols are counted from: the kernel. */
static inline uint64_t axvm_load_kernel_base(const struct axvm_load *load)
{
    return load->image.count != 0 ? load->image.segments[0].gpa : load->ram_base;
}
/* The end of @window bytes from @base, 0: no limit. */
static inline uint64_t axvm_load_window(uint64_t base, uint64_t window)
{
    return window == 0 || window > UINT64_MAX - base ? UINT64_MAX : base + window;
}
/* Log @why and return @err. */
int axvm_load_fail(struct axvm *vm, int err, const char *why);

/*
 * Place kernel, initrd and boot data of vm->cfg.image in guest memory and write them, as axvm_load() promises. May be called
 * again after a reset. No vCPU runs. May sleep.
 * @param entry  where vCPU 0 starts
 * @param arg    guest-physical address of the boot data: the device tree, on most CPUs
 * @retval AXVM_ERR_FORMAT  an image or device tree is malformed, or of a kind that cannot be started
 * @retval AXVM_ERR_RANGE   something does not fit
 * @retval AXVM_ERR_INVAL   the config asks for something its image cannot do
 * @retval AXVM_ERR_EXIST   the firmware's memory overlaps a device
 * @retval AXVM_ERR_NOMEM
 * All of them are logged with a line that says what and why.
 */
int axvm_load_images(struct axvm *vm, uint64_t *entry, uint64_t *arg);

/*
 * The guest's RAM, one piece after the other: what it can read and write, and what is not its firmware's. Start with *@from 0.
 * False: there is none at or above *@from. Pieces of one region may come one by one.
 */
bool axvm_next_ram(struct axvm *vm, uint64_t *from, uint64_t *gpa, uint64_t *len);

#endif
