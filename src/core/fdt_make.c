/* SPDX-License-Identifier: BSD-2-Clause */
/* A buffer for the guest's device tree that grows until the tree fits. */
#include <axvm/err.h>
#include <libfdt.h>

#include "arch.h"
#include "fdt_priv.h"

/* Where to begin: 16 KiB hold most trees at the first try. */
#define FIRST_ORDER 2u

void axvm_fdt_buf_free(struct axvm *vm, struct axvm_fdt_buf *buf)
{
    if (buf->owned)
        vm->hal.page_free(vm->hal.ctx, buf->hpa, buf->order);
    buf->owned = false;
}

/* One try in a buffer of 1 << order pages. AXVM_ERR_NOSPC: it is too small. */
static int try_order(struct axvm *vm, const struct axvm_fdt_boot *boot, unsigned int order, struct axvm_fdt_buf *out)
{
    size_t size = (size_t)AXVM_PAGE_SIZE << order;
    axvm_hpa_t hpa;
    void *buf;
    int rc;

    if (!vm->hal.page_alloc(vm->hal.ctx, order, &hpa))
        return AXVM_ERR_NOMEM;
    buf = vm->hal.phys_to_virt(vm->hal.ctx, hpa);
    rc = vm->cfg.image.fdt.size != 0 ? axvm_fdt_patch(vm, boot, buf, size) : axvm_fdt_generate(vm, boot, buf, size);
    if (rc != 0 || !axvm_fdt_is_valid(buf, size)) {
        vm->hal.page_free(vm->hal.ctx, hpa, order);
        return rc == -FDT_ERR_NOSPACE ? AXVM_ERR_NOSPC : AXVM_ERR_FORMAT;
    }
    *out = (struct axvm_fdt_buf){ .data = buf, .size = fdt_totalsize(buf), .hpa = hpa, .order = order, .owned = true };
    return AXVM_OK;
}

static int make_in_buffer(struct axvm *vm, const struct axvm_fdt_boot *boot, struct axvm_fdt_buf *out)
{
    int rc = AXVM_ERR_NOSPC;

    for (unsigned int order = FIRST_ORDER; rc == AXVM_ERR_NOSPC && order <= AXVM_FDT_MAX_ORDER; order++)
        rc = try_order(vm, boot, order, out);
    if (rc == AXVM_ERR_NOSPC)
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: the device tree would be larger than 2 MiB");
    else if (rc == AXVM_ERR_FORMAT)
        axvm_log(&vm->hal, AXVM_LOG_ERROR,
                 "load: the device tree cannot be made: a device describes itself wrongly, or the "
                 "given tree cannot be patched");
    else if (rc == AXVM_ERR_NOMEM)
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: no memory for the device tree");
    return rc;
}

static int generate(struct axvm *vm, struct axvm_fdt_boot *boot, struct axvm_fdt_buf *out)
{
    struct axvm_fdt_closure *closure;
    axvm_hpa_t hpa;
    int rc;

    if (!vm->hal.page_alloc(vm->hal.ctx, 0, &hpa)) {
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: no memory for the device tree");
        return AXVM_ERR_NOMEM;
    }
    closure = vm->hal.phys_to_virt(vm->hal.ctx, hpa);
    rc = axvm_fdt_closure_find(vm, closure);
    boot->closure = closure;
    if (rc == AXVM_OK)
        rc = make_in_buffer(vm, boot, out);
    vm->hal.page_free(vm->hal.ctx, hpa, 0);
    return rc;
}

int axvm_fdt_make(struct axvm *vm, uint64_t initrd, struct axvm_fdt_buf *out)
{
    const struct axvm_image_config *image = &vm->cfg.image;
    struct axvm_fdt_boot boot = { .initrd = initrd, .initrd_size = image->initrd.size };

    if (image->fdt.size == 0)
        return generate(vm, &boot, out);
    if (!axvm_fdt_is_valid(image->fdt.data, image->fdt.size) || fdt_totalsize(image->fdt.data) > AXVM_FDT_MAX_SIZE) {
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: image.fdt is not a well-formed device tree of up to 2 MiB, aligned to 8");
        return AXVM_ERR_FORMAT;
    }
    if (!image->fdt_verbatim)
        return make_in_buffer(vm, &boot, out);
    *out = (struct axvm_fdt_buf){ .data = image->fdt.data, .size = fdt_totalsize(image->fdt.data) };
    return AXVM_OK;
}
