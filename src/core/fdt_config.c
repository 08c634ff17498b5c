/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs out of the host's device tree. docs/fdt.md is the vocabulary. */
#include <axvm/err.h>
#include <axvm/fdt.h>
#include <libfdt.h>

#include "arch.h"
#include "bits.h"
#include "config_check.h"
#include "fdt_priv.h"
#include "fdt_reader.h"
#include "str.h"

static int read_vcpus(struct axvm_fdt_reader *r, int node, const char *property)
{
    uint64_t count = 1;
    int rc = axvm_fdt_read_number(r, node, property, &count);

    if (rc != AXVM_OK)
        return rc;
    if (count == 0 || count > AXVM_MAX_VCPUS)
        return axvm_fdt_bad(r, property, 0, "not 1..128");
    return axvm_builder_vcpus(r->b, (uint32_t)count);
}

/* "memory" is in KiB, as Xen has it. */
static int read_memory(struct axvm_fdt_reader *r, int node)
{
    uint64_t kib = 0;
    int rc = axvm_fdt_read_number(r, node, "memory", &kib);

    if (rc != AXVM_OK)
        return rc;
    if (kib > UINT64_MAX >> 10)
        return axvm_fdt_bad(r, "memory", 0, "more than 64 bits of bytes");
    r->b->cfg.ram_size = kib << 10;
    r->b->cfg.ram_kind = axvm_fdt_has(r, node, "axvm,touch") ? AXVM_REGION_TOUCH : AXVM_REGION_ALLOC;
    return AXVM_OK;
}

static int read_affinity(struct axvm_fdt_reader *r, int node)
{
    int len, rc = AXVM_OK;
    const uint8_t *masks = fdt_getprop(r->fdt, node, "axvm,pcpus", &len);

    if (masks == NULL)
        return AXVM_OK;
    if ((uint32_t)len != r->b->cfg.vcpu_count * 8)
        return axvm_fdt_bad(r, "axvm,pcpus", 0, "not one 64-bit mask for each vCPU");
    for (uint32_t i = 0; rc == AXVM_OK && i < r->b->cfg.vcpu_count; i++)
        rc = axvm_builder_affinity(r->b, i, axvm_fdt_cells(masks + i * 8, 2));
    return rc;
}

/* By its name. */
static int read_irqchip(struct axvm_fdt_reader *r, int node)
{
    const char *name = NULL;
    int rc = axvm_fdt_read_string(r, node, "axvm,irqchip", &name);

    if (rc != AXVM_OK || name == NULL)
        return rc;
    for (uint32_t i = 0; i < axvm_config_irqchip_count(); i++) {
        if (axvm_streq(name, axvm_arch_machine.irqchips[i])) {
            r->b->cfg.irqchip = i + 1;
            return AXVM_OK;
        }
    }
    return axvm_fdt_bad(r, "axvm,irqchip", 0, "this CPU's guests have no such interrupt controller");
}

static void read_flags(struct axvm_fdt_reader *r, int node)
{
    static const struct {
        const char *property;
        uint32_t flag;
    } flags[] = {
        { "axvm,hypercalls", AXVM_VM_HYPERCALLS },
        { "axvm,yield-on-spin", AXVM_VM_YIELD_ON_SPIN },
        { "axvm,no-default-devices", AXVM_VM_NO_DEFAULT_DEVICES },
        { "axvm,pv-clock", AXVM_VM_PV_CLOCK },
        { "axvm,legacy-sbi", AXVM_VM_LEGACY_SBI },
    };

    for (size_t i = 0; i < AXVM_ARRAY_LEN(flags); i++) {
        if (axvm_fdt_has(r, node, flags[i].property))
            r->b->cfg.flags |= flags[i].flag;
    }
}

/* Where a module's bytes are: its "reg", of two cells each unless the parent says otherwise. */
static int read_module_blob(struct axvm_fdt_reader *r, int parent, int module, struct axvm_blob *blob)
{
    unsigned int ac = axvm_fdt_cell_count(r, parent, "#address-cells", 2);
    unsigned int sc = axvm_fdt_cell_count(r, parent, "#size-cells", 2);
    uint64_t addr, size;
    const uint8_t *reg;
    int len;

    if (blob->size != 0)
        return axvm_fdt_bad(r, "compatible", 0, "two modules of the same kind");
    reg = fdt_getprop(r->fdt, module, "reg", &len);
    if (reg == NULL || ac == 0 || sc == 0 || (unsigned int)len != (ac + sc) * 4)
        return axvm_fdt_bad(r, "reg", 0, "a module needs one address and one size, of the cells its parent says");
    addr = axvm_fdt_cells(reg, ac);
    size = axvm_fdt_cells(reg + ac * 4, sc);
    if (size == 0 || size > UINT64_MAX - addr || size > SIZE_MAX)
        return axvm_fdt_bad(r, "reg", 0, "the module is empty, or its address wraps");
    blob->data = r->hal->phys_to_virt(r->hal->ctx, axvm_hpa(addr));
    blob->size = (size_t)size;
    return blob->data != NULL ? AXVM_OK : axvm_fdt_bad(r, "reg", 0, "the host cannot reach the module's memory");
}

/* Of a kernel module: where it goes, where it starts, when its header does not say. */
static int read_placement(struct axvm_fdt_reader *r, int module)
{
    struct axvm_image_config *image = &r->b->cfg.image;
    int rc = axvm_fdt_read_number(r, module, "axvm,load-address", &image->load.v);

    if (rc == AXVM_OK)
        rc = axvm_fdt_read_number(r, module, "axvm,entry", &image->entry.v);
    image->load_set = axvm_fdt_has(r, module, "axvm,load-address");
    image->entry_set = axvm_fdt_has(r, module, "axvm,entry");
    return rc == AXVM_OK ? axvm_fdt_read_string(r, module, "bootargs", &image->cmdline) : rc;
}

/* A file for kernels that get several. */
static int read_file(struct axvm_fdt_reader *r, int parent, int module)
{
    struct axvm_module file = { .cmdline = NULL };
    int rc = read_module_blob(r, parent, module, &file.file);

    if (rc == AXVM_OK)
        rc = axvm_fdt_read_string(r, module, "bootargs", &file.cmdline);
    if (rc == AXVM_OK && axvm_builder_module(r->b, &file) != AXVM_OK)
        rc = axvm_fdt_bad(r, "compatible", 0, "more than 16 axvm,file modules");
    return rc;
}

static int read_module(struct axvm_fdt_reader *r, int parent, int module)
{
    struct axvm_image_config *image = &r->b->cfg.image;
    int rc = AXVM_OK;

    if (axvm_fdt_is(r, module, "axvm,firmware") || axvm_fdt_is(r, module, "multiboot,kernel")) {
        rc = read_module_blob(r, parent, module, &image->kernel);
        if (axvm_fdt_is(r, module, "axvm,firmware"))
            image->kind = AXVM_IMAGE_FIRMWARE;
        return rc == AXVM_OK ? read_placement(r, module) : rc;
    }
    if (axvm_fdt_is(r, module, "multiboot,ramdisk"))
        return read_module_blob(r, parent, module, &image->initrd);
    if (axvm_fdt_is(r, module, "axvm,file"))
        return read_file(r, parent, module);
    if (axvm_fdt_is(r, module, "multiboot,device-tree")) {
        rc = read_module_blob(r, parent, module, &image->fdt);
        image->fdt_verbatim = axvm_fdt_has(r, module, "axvm,verbatim");
    }
    return rc; /* other kinds (Xen's policies, microcode) are not for us */
}

static int read_modules(struct axvm_fdt_reader *r, int parent)
{
    int module, rc = AXVM_OK;

    fdt_for_each_subnode(module, r->fdt, parent)
    {
        if (rc == AXVM_OK && axvm_fdt_is(r, module, "multiboot,module"))
            rc = read_module(r, parent, module);
    }
    if (rc == AXVM_OK && r->b->cfg.image.kernel.size == 0)
        rc = axvm_fdt_bad(r, "compatible", 0, "no module is a multiboot,kernel or axvm,firmware");
    return rc;
}

static int read_domain(struct axvm_fdt_reader *r, int node)
{
    int rc = axvm_fdt_read_string(r, node, "bootargs", &r->b->cfg.image.cmdline);

    read_flags(r, node);
    if (rc == AXVM_OK)
        rc = read_vcpus(r, node, "cpus");
    if (rc == AXVM_OK)
        rc = read_irqchip(r, node);
    if (rc == AXVM_OK)
        rc = read_affinity(r, node);
    if (rc == AXVM_OK)
        rc = read_memory(r, node);
    if (rc == AXVM_OK)
        rc = axvm_fdt_read_passthrough(r, node);
    return rc == AXVM_OK ? read_modules(r, node) : rc;
}

/* /chosen itself, as QEMU's guest-loader writes it. Its bootargs are the host's own. */
static int read_guest_loader(struct axvm_fdt_reader *r, int chosen)
{
    int rc = read_vcpus(r, chosen, "axvm,cpus");

    read_flags(r, chosen);
    if (rc == AXVM_OK)
        rc = read_irqchip(r, chosen);
    return rc == AXVM_OK ? read_modules(r, chosen) : rc;
}

/* The @index'th domain under /chosen; 0 domains and a kernel in /chosen itself: that. @return node or -1 */
static int find_domain(const struct axvm_fdt_reader *r, int chosen, unsigned int index)
{
    unsigned int domains = 0;
    bool kernel = false;
    int node;

    fdt_for_each_subnode(node, r->fdt, chosen)
    {
        if (axvm_fdt_is(r, node, "xen,domain") && domains++ == index)
            return node;
        kernel |= axvm_fdt_is(r, node, "multiboot,kernel");
    }
    return index == 0 && kernel ? chosen : -1;
}

int axvm_config_from_fdt(const struct axvm_hal *hal, const void *fdt, size_t fdt_size, unsigned int index,
                         struct axvm_builder *b, struct axvm_config_error *err)
{
    struct axvm_fdt_reader r = { .hal = hal, .fdt = fdt, .fdt_size = fdt_size, .b = b, .err = err };
    int chosen, node;

    if (!axvm_fdt_is_valid(fdt, fdt_size))
        return axvm_fdt_bad(&r, "fdt", 0, "not a well-formed device tree, aligned to 8 bytes");
    chosen = fdt_subnode_offset(fdt, 0, "chosen");
    node = chosen >= 0 ? find_domain(&r, chosen, index) : -1;
    if (node < 0)
        return AXVM_ERR_NOENT;
    axvm_builder_init(b, index, node != chosen ? fdt_get_name(fdt, node, NULL) : NULL);
    return node != chosen ? read_domain(&r, node) : read_guest_loader(&r, chosen);
}
