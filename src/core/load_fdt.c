/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot data of guests that get a device tree: that, and nothing else. Linked where axvm_guests_have_device_tree() says so.
 */
#include <axvm/err.h>

#include "arch.h"
#include "fdt_priv.h"
#include "load.h"

/* Such CPUs have no kinds of their own. */
int axvm_arch_image_parse(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why)
{
    (void)cfg;
    (void)ram_base;
    (void)img;
    (void)why;
    return AXVM_ERR_NOENT;
}

/* Firmware looks for the tree at the start of RAM, as on QEMU's "virt". Otherwise: aligned to its size rounded up to a power of
 * two, so that it never crosses a 2 MiB boundary (which Linux before 4.2 asked for). */
static int place(struct axvm *vm, struct axvm_load *load, uint64_t size)
{
    uint64_t limit = axvm_load_window(axvm_load_kernel_base(load), axvm_arch_machine.fdt_window);
    uint64_t align = AXVM_PAGE_SIZE;

    if (load->image.kind == AXVM_IMAGE_FIRMWARE) {
        load->arg = load->ram_base;
        if (!axvm_load_is_free(load, load->arg, size))
            return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the device tree does not fit at the start of RAM");
        return AXVM_OK;
    }
    while (align < size)
        align *= 2;
    if (!axvm_load_find(load, size, align, limit, &load->arg))
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the device tree does not fit in RAM beside kernel and initrd");
    return AXVM_OK;
}

int axvm_arch_boot_data(struct axvm *vm, struct axvm_load *load)
{
    struct axvm_fdt_buf fdt = { 0 };
    int rc = axvm_fdt_make(vm, load->initrd, &fdt);

    if (rc != AXVM_OK)
        return rc;
    load->buf = (struct axvm_load_buf){ .hpa = fdt.hpa, .order = fdt.order, .owned = fdt.owned };
    rc = place(vm, load, fdt.size);
    if (rc == AXVM_OK)
        axvm_load_add(load, load->arg, fdt.data, fdt.size);
    return rc;
}
