/* SPDX-License-Identifier: BSD-2-Clause */
/* Where kernel, initrd and boot data go in a guest's memory. They are all placed before the first byte is written. */
#include "load.h"

#include <axvm/err.h>

#include "arch.h"
#include "assert.h"
#include "bits.h"
#include "load_write.h"

#define LOAD_GIB (UINT64_C(1) << 30)

int axvm_load_fail(struct axvm *vm, int err, const char *why)
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
static int find_ram(struct axvm *vm, struct axvm_load *load)
{
    uint64_t from = axvm_arch_machine.ram_base, gpa, len;
    bool found = axvm_next_ram(vm, &from, &gpa, &len);

    if (!found || gpa != axvm_arch_machine.ram_base) {
        from = 0;
        found = axvm_next_ram(vm, &from, &gpa, &len);
    }
    if (!found)
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the VM has no RAM to load into");
    load->ram_base = gpa;
    do
        load->ram_end = gpa + len;
    while (axvm_next_ram(vm, &from, &gpa, &len) && gpa == load->ram_end);
    return AXVM_OK;
}

static void take(struct axvm_load *load, uint64_t start, uint64_t len)
{
    load->taken[load->taken_count++] = (struct axvm_load_range){ start, len };
}

/* In [base, ram_end). Each step goes below a range that is in the way, so there are at most as many as there are ranges. */
static bool find_in(const struct axvm_load *load, uint64_t base, uint64_t end, uint64_t len, uint64_t align, uint64_t *out)
{
    uint32_t i = 0;

    while (i < load->taken_count) {
        const struct axvm_load_range *t = &load->taken[i++];

        if (end <= base || len > end - base)
            return false;
        if (axvm_overlap(axvm_align_down(end - len, align), len, t->start, t->len)) {
            end = t->start;
            i = 0;
        }
    }
    if (end <= base || len > end - base || axvm_align_down(end - len, align) < base)
        return false;
    *out = axvm_align_down(end - len, align);
    return true;
}

/* The next piece of RAM that may be used, as far as it goes on without a gap. */
static bool next_piece(const struct axvm_load *load, uint64_t *from, uint64_t *base, uint64_t *end)
{
    uint64_t gpa, len;

    if (!axvm_next_ram(load->vm, from, &gpa, &len))
        return false;
    *base = gpa;
    do
        *end = gpa + len;
    while (axvm_next_ram(load->vm, from, &gpa, &len) && gpa == *end);
    /* The one that was found to be beyond a gap comes again. */
    *from = *end;
    return true;
}

bool axvm_load_find(const struct axvm_load *load, uint64_t len, uint64_t align, uint64_t limit, uint64_t *out)
{
    uint64_t from = 0, base, end;
    bool found = false;

    if (!axvm_arch_machine.ram_in_pieces)
        return find_in(load, load->ram_base, axvm_min(limit, load->ram_end), len, align, out);
    /* In order of address: the last place found is the highest. */
    while (next_piece(load, &from, &base, &end))
        found |= find_in(load, base, axvm_min(limit, end), len, align, out);
    return found;
}

bool axvm_load_is_free(const struct axvm_load *load, uint64_t start, uint64_t len)
{
    for (uint32_t i = 0; i < load->taken_count; i++) {
        if (axvm_overlap(start, len, load->taken[i].start, load->taken[i].len))
            return false;
    }
    if (axvm_arch_machine.ram_in_pieces)
        return axvm_aspace_is_ram(load->vm, start, len);
    return start >= load->ram_base && start < load->ram_end && len <= load->ram_end - start;
}

void *axvm_load_alloc(struct axvm *vm, struct axvm_load *load, unsigned int order)
{
    AXVM_ASSERT(!load->buf.owned);
    if (!vm->hal.page_alloc(vm->hal.ctx, order, &load->buf.hpa))
        return NULL;
    load->buf.order = order;
    load->buf.owned = true;
    return vm->hal.phys_to_virt(vm->hal.ctx, load->buf.hpa);
}

void axvm_load_add(struct axvm_load *load, uint64_t gpa, const void *data, uint64_t len)
{
    AXVM_ASSERT(load->piece_count < AXVM_LOAD_MAX_PIECES);
    load->pieces[load->piece_count++] = (struct axvm_load_piece){ .gpa = gpa, .data = data, .len = len };
    take(load, gpa, len);
}

/* Memory of its own for a firmware image, unless the host has put RAM there. It stays over resets. */
static int map_firmware(struct axvm *vm, const struct axvm_segment *seg)
{
    const struct axvm_machine *m = &axvm_arch_machine;
    uint64_t base = axvm_align_down(seg->gpa, AXVM_PAGE_SIZE);
    uint64_t len = axvm_align_up(seg->gpa - base + seg->len, AXVM_PAGE_SIZE);
    struct axvm_region region = { .gpa = axvm_gpa(base), .kind = AXVM_REGION_TOUCH };
    int rc;

    if (axvm_aspace_is_ram(vm, seg->gpa, seg->len))
        return AXVM_OK;
    region.len = axvm_max(len, base == m->firmware_base ? m->firmware_size : 0);
    rc = axvm_map(vm, &region);
    if (rc != AXVM_OK)
        return axvm_load_fail(vm, rc, "load: no memory can be mapped for the firmware where it goes");
    vm->firmware_gpa = base;
    vm->firmware_len = region.len;
    return AXVM_OK;
}

static int place_kernel(struct axvm *vm, struct axvm_load *load)
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
        return axvm_load_fail(vm, rc, why);
    if (load->image.kind == AXVM_IMAGE_FIRMWARE)
        rc = map_firmware(vm, &load->image.segments[0]);
    for (uint32_t i = 0; rc == AXVM_OK && i < load->image.count; i++) {
        const struct axvm_segment *seg = &load->image.segments[i];

        if (!axvm_aspace_is_ram(vm, seg->gpa, seg->len))
            rc = axvm_load_fail(vm, AXVM_ERR_RANGE,
                                "load: the kernel, with the memory its header asks for, does not fit in RAM");
        take(load, seg->gpa, seg->len);
    }
    return rc;
}

/* Where initrd and modules have to end. */
static uint64_t file_limit(const struct axvm_load *load)
{
    uint64_t limit = axvm_load_window(axvm_align_down(axvm_load_kernel_base(load), LOAD_GIB), axvm_arch_machine.initrd_window);

    return load->image.below != 0 ? axvm_min(limit, load->image.below) : limit;
}

static int place_initrd(struct axvm *vm, struct axvm_load *load)
{
    uint64_t len = vm->cfg.image.initrd.size;

    if (len == 0)
        return AXVM_OK;
    if (!axvm_load_find(load, len, AXVM_PAGE_SIZE, file_limit(load), &load->initrd))
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the initrd does not fit in RAM beside the kernel");
    take(load, load->initrd, len);
    return AXVM_OK;
}

static int place_modules(struct axvm *vm, struct axvm_load *load)
{
    const struct axvm_image_config *cfg = &vm->cfg.image;

    if (cfg->module_count != 0 && load->image.kind != AXVM_IMAGE_MULTIBOOT && load->image.kind != AXVM_IMAGE_PVH)
        return axvm_load_fail(vm, AXVM_ERR_INVAL, "load: the kernel's boot protocol has no modules but the initrd");
    for (uint32_t i = 0; i < cfg->module_count; i++) {
        uint64_t len = cfg->modules[i].file.size;

        if (!axvm_load_find(load, len, AXVM_PAGE_SIZE, file_limit(load), &load->modules[i]))
            return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the modules do not fit in RAM beside the kernel");
        take(load, load->modules[i], len);
    }
    return AXVM_OK;
}

static int write_all(struct axvm *vm, const struct axvm_load *load)
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
    for (uint32_t i = 0; rc == AXVM_OK && i < vm->cfg.image.module_count; i++)
        rc = axvm_load_write(vm, load->modules[i], vm->cfg.image.modules[i].file.data, vm->cfg.image.modules[i].file.size);
    for (uint32_t i = 0; rc == AXVM_OK && i < load->piece_count; i++)
        rc = axvm_load_write(vm, load->pieces[i].gpa, load->pieces[i].data, load->pieces[i].len);
    return rc == AXVM_OK ? rc : axvm_load_fail(vm, rc, "load: the images could not be written to guest memory");
}

static int place_and_write(struct axvm *vm, struct axvm_load *load)
{
    int rc = find_ram(vm, load);

    if (rc == AXVM_OK)
        rc = place_kernel(vm, load);
    if (rc == AXVM_OK)
        rc = place_initrd(vm, load);
    if (rc == AXVM_OK)
        rc = place_modules(vm, load);
    if (rc == AXVM_OK)
        rc = axvm_arch_boot_data(vm, load);
    if (rc == AXVM_OK)
        rc = write_all(vm, load);
    if (load->buf.owned)
        vm->hal.page_free(vm->hal.ctx, load->buf.hpa, load->buf.order);
    return rc;
}

int axvm_load_images(struct axvm *vm, uint64_t *entry, uint64_t *arg)
{
    const struct axvm_image_config *cfg = &vm->cfg.image;
    struct axvm_load *load;
    axvm_hpa_t hpa;
    int rc;

    if (!vm->hal.page_alloc(vm->hal.ctx, 0, &hpa))
        return axvm_load_fail(vm, AXVM_ERR_NOMEM, "load: no memory to work in");
    load = vm->hal.phys_to_virt(vm->hal.ctx, hpa); /* zeroed */
    load->vm = vm;
    rc = place_and_write(vm, load);
    if (rc == AXVM_OK) {
        *entry = cfg->entry_set || cfg->entry.v != 0 ? cfg->entry.v : load->image.entry;
        *arg = load->arg;
    }
    vm->hal.page_free(vm->hal.ctx, hpa, 0);
    return rc;
}
