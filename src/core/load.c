/* SPDX-License-Identifier: BSD-2-Clause */
/* Where kernel, initrd and device tree go in a guest's memory. They are all placed before the first byte is written. */
#include "load.h"

#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "fdt_priv.h"
#include "image.h"
#include "load_write.h"

#define LOAD_GIB (UINT64_C(1) << 30)

struct load_range {
    uint64_t start, len;
};

/* In a page of the HAL, as it is too big for a stack. */
struct load {
    struct axvm_image image;
    struct axvm_fdt_buf fdt;
    uint64_t ram_base, ram_end; /* of the guest's first RAM, all in one piece */
    uint64_t initrd, fdt_gpa;
    uint32_t taken_count;
    struct load_range taken[AXVM_IMAGE_MAX_SEGMENTS + 2];
};
_Static_assert(sizeof(struct load) <= AXVM_PAGE_SIZE, "struct load has to fit one page");

static int fail(struct axvm *vm, int err, const char *why)
{
    axvm_log(&vm->hal, AXVM_LOG_ERROR, why);
    return err;
}

static bool is_ram_region(const struct axvm_aspace *as, uint32_t index)
{
    const uint32_t rw = AXVM_PROT_READ | AXVM_PROT_WRITE;

    return as->tags[index].state == AXVM_REGION_LIVE && as->regions[index].kind != AXVM_REGION_DEVICE &&
           (as->regions[index].prot & rw) == rw;
}

/* What of [*start, *end) comes before the firmware's memory, or after it. */
static bool clip_firmware(const struct axvm *vm, uint64_t *start, uint64_t *end)
{
    if (axvm_overlap(*start, *end - *start, vm->firmware_gpa, vm->firmware_len)) {
        if (*start < vm->firmware_gpa)
            *end = vm->firmware_gpa;
        else
            *start = axvm_min(*end, vm->firmware_gpa + vm->firmware_len);
    }
    return *start < *end;
}

bool axvm_next_ram(struct axvm *vm, uint64_t *from, uint64_t *gpa, uint64_t *len)
{
    unsigned long flags = axvm_lock_irqsave(&vm->as.lock);
    bool found = false;

    for (uint32_t i = 0; i < vm->as.region_count && !found; i++) {
        const struct axvm_region *region = &vm->as.regions[i];
        uint64_t end = region->gpa.v + region->len;
        uint64_t start = axvm_max(region->gpa.v, *from);

        if (start >= end || !is_ram_region(&vm->as, i) || !clip_firmware(vm, &start, &end))
            continue;
        *gpa = start;
        *len = end - start;
        *from = end;
        found = true;
    }
    axvm_unlock_irqrestore(&vm->as.lock, flags);
    return found;
}

/* RAM around the default machine's address, else the lowest there is; as far as it goes on without a gap. */
static int find_ram(struct axvm *vm, struct load *load)
{
    uint64_t from = axvm_arch_machine.ram_base, gpa, len;
    bool found = axvm_next_ram(vm, &from, &gpa, &len);

    if (!found || gpa != axvm_arch_machine.ram_base) {
        from = 0;
        found = axvm_next_ram(vm, &from, &gpa, &len);
    }
    if (!found)
        return fail(vm, AXVM_ERR_RANGE, "load: the VM has no RAM to load into");
    load->ram_base = gpa;
    do
        load->ram_end = gpa + len;
    while (axvm_next_ram(vm, &from, &gpa, &len) && gpa == load->ram_end);
    return AXVM_OK;
}

static void take(struct load *load, uint64_t start, uint64_t len)
{
    load->taken[load->taken_count++] = (struct load_range){ start, len };
}

/*
 * The highest free place for @len bytes (not 0), aligned to @align, that ends at or below @limit. Each step goes below a range
 * that is in the way, so there are at most as many as there are ranges.
 */
static bool find_place(const struct load *load, uint64_t len, uint64_t align, uint64_t limit, uint64_t *out)
{
    uint64_t end = axvm_min(limit, load->ram_end);
    uint32_t i = 0;

    while (i < load->taken_count) {
        const struct load_range *t = &load->taken[i++];

        if (end <= load->ram_base || len > end - load->ram_base)
            return false;
        if (axvm_overlap(axvm_align_down(end - len, align), len, t->start, t->len)) {
            end = t->start;
            i = 0;
        }
    }
    if (end <= load->ram_base || len > end - load->ram_base || axvm_align_down(end - len, align) < load->ram_base)
        return false;
    *out = axvm_align_down(end - len, align);
    return true;
}

static bool is_free(const struct load *load, uint64_t start, uint64_t len)
{
    for (uint32_t i = 0; i < load->taken_count; i++) {
        if (axvm_overlap(start, len, load->taken[i].start, load->taken[i].len))
            return false;
    }
    return len <= load->ram_end - start;
}

/* @window bytes from @base, 0: no limit. */
static uint64_t window_end(uint64_t base, uint64_t window)
{
    return window == 0 || window > UINT64_MAX - base ? UINT64_MAX : base + window;
}

/* Where the windows of the boot protocol are counted from: the kernel. */
static uint64_t kernel_base(const struct load *load)
{
    return load->image.count != 0 ? load->image.segments[0].gpa : load->ram_base;
}

/* Memory of its own for a firmware image, unless the host has put RAM there. It stays over resets. */
static int map_firmware(struct axvm *vm, const struct axvm_segment *seg)
{
    const struct axvm_machine *m = &axvm_arch_machine;
    uint64_t len = axvm_max(axvm_align_up(seg->len, AXVM_PAGE_SIZE), seg->gpa == m->firmware_base ? m->firmware_size : 0);
    struct axvm_region region = { .gpa = axvm_gpa(seg->gpa), .len = len, .kind = AXVM_REGION_TOUCH };
    int rc;

    if (axvm_aspace_is_ram(vm, seg->gpa, seg->len))
        return AXVM_OK;
    rc = axvm_map(vm, &region);
    if (rc != AXVM_OK)
        return fail(vm, rc, "load: no memory can be mapped for the firmware where it goes");
    vm->firmware_gpa = seg->gpa;
    vm->firmware_len = len;
    return AXVM_OK;
}

static int place_kernel(struct axvm *vm, struct load *load)
{
    const struct axvm_image_config *cfg = &vm->cfg.image;
    const char *why = NULL;
    int rc;

    if (cfg->kernel.size == 0) { /* the host writes one itself, to where a flat one would be */
        load->image.entry = load->ram_base + axvm_arch_machine.image_offset;
        return AXVM_OK;
    }
    rc = axvm_image_parse(cfg, load->ram_base, &load->image, &why);
    if (rc != AXVM_OK)
        return fail(vm, rc, why);
    if (load->image.kind == AXVM_IMAGE_FIRMWARE)
        rc = map_firmware(vm, &load->image.segments[0]);
    for (uint32_t i = 0; rc == AXVM_OK && i < load->image.count; i++) {
        const struct axvm_segment *seg = &load->image.segments[i];

        if (!axvm_aspace_is_ram(vm, seg->gpa, seg->len))
            rc = fail(vm, AXVM_ERR_RANGE, "load: the kernel, with the memory its header asks for, does not fit in RAM");
        take(load, seg->gpa, seg->len);
    }
    return rc;
}

static int place_initrd(struct axvm *vm, struct load *load)
{
    uint64_t len = vm->cfg.image.initrd.size;
    uint64_t limit = window_end(axvm_align_down(kernel_base(load), LOAD_GIB), axvm_arch_machine.initrd_window);

    if (len == 0)
        return AXVM_OK;
    if (!find_place(load, len, AXVM_PAGE_SIZE, limit, &load->initrd))
        return fail(vm, AXVM_ERR_RANGE, "load: the initrd does not fit in RAM beside the kernel");
    take(load, load->initrd, len);
    return AXVM_OK;
}

/* Firmware looks for the tree at the start of RAM, as on QEMU's "virt". Otherwise: aligned to its size rounded up to a power of
 * two, so that it never crosses a 2 MiB boundary (which Linux before 4.2 asked for). */
static int place_fdt(struct axvm *vm, struct load *load)
{
    uint64_t limit = window_end(kernel_base(load), axvm_arch_machine.fdt_window);
    uint64_t align = AXVM_PAGE_SIZE;

    if (load->image.kind == AXVM_IMAGE_FIRMWARE) {
        load->fdt_gpa = load->ram_base;
        if (!is_free(load, load->fdt_gpa, load->fdt.size))
            return fail(vm, AXVM_ERR_RANGE, "load: the device tree does not fit at the start of RAM");
        return AXVM_OK;
    }
    while (align < load->fdt.size)
        align *= 2;
    if (!find_place(load, load->fdt.size, align, limit, &load->fdt_gpa))
        return fail(vm, AXVM_ERR_RANGE, "load: the device tree does not fit in RAM beside kernel and initrd");
    take(load, load->fdt_gpa, load->fdt.size);
    return AXVM_OK;
}

static int write_all(struct axvm *vm, const struct load *load)
{
    const struct axvm_blob *initrd = &vm->cfg.image.initrd;
    int rc = AXVM_OK;

    for (uint32_t i = 0; rc == AXVM_OK && i < load->image.count; i++) {
        const struct axvm_segment *seg = &load->image.segments[i];

        rc = axvm_load_write(vm, seg->gpa, seg->data, seg->data_len);
        if (rc == AXVM_OK && load->image.zero_tail)
            rc = axvm_load_zero(vm, seg->gpa + seg->data_len, seg->len - seg->data_len);
    }
    if (rc == AXVM_OK)
        rc = axvm_load_write(vm, load->initrd, initrd->data, initrd->size);
    if (rc == AXVM_OK)
        rc = axvm_load_write(vm, load->fdt_gpa, load->fdt.data, load->fdt.size);
    return rc == AXVM_OK ? rc : fail(vm, rc, "load: the images could not be written to guest memory");
}

static int place_and_write(struct axvm *vm, struct load *load)
{
    int rc = find_ram(vm, load);

    if (rc == AXVM_OK)
        rc = place_kernel(vm, load);
    if (rc == AXVM_OK)
        rc = place_initrd(vm, load);
    if (rc == AXVM_OK)
        rc = axvm_fdt_make(vm, load->initrd, &load->fdt);
    if (rc != AXVM_OK)
        return rc;
    rc = place_fdt(vm, load);
    if (rc == AXVM_OK)
        rc = write_all(vm, load);
    axvm_fdt_buf_free(vm, &load->fdt);
    return rc;
}

int axvm_load_images(struct axvm *vm, uint64_t *entry, uint64_t *arg)
{
    const struct axvm_image_config *cfg = &vm->cfg.image;
    struct load *load;
    axvm_hpa_t hpa;
    int rc;

    if (!vm->hal.page_alloc(vm->hal.ctx, 0, &hpa))
        return fail(vm, AXVM_ERR_NOMEM, "load: no memory to work in");
    load = vm->hal.phys_to_virt(vm->hal.ctx, hpa); /* zeroed */
    rc = place_and_write(vm, load);
    if (rc == AXVM_OK) {
        *entry = cfg->entry_set || cfg->entry.v != 0 ? cfg->entry.v : load->image.entry;
        *arg = load->fdt_gpa;
    }
    vm->hal.page_free(vm->hal.ctx, hpa, 0);
    return rc;
}
