/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking a config: which field is wrong, and why. Regions and devices are in config_memory.c and config_devices.c. */
#include <axvm/config.h>
#include <axvm/err.h>

#include "arch.h"
#include "config_check.h"

#define CMDLINE_MAX 65536u
#define KNOWN_FLAGS                                                                                                            \
    (AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN | AXVM_VM_NO_DEFAULT_DEVICES | AXVM_VM_PV_CLOCK | AXVM_VM_LEGACY_SBI)

int axvm_config_bad(struct axvm_config_error *err, int rc, const char *field, uint32_t index, const char *why)
{
    err->field = field;
    err->index = index;
    err->why = why;
    return rc;
}

static int inval(struct axvm_config_error *err, const char *field, const char *why)
{
    return axvm_config_bad(err, AXVM_ERR_INVAL, field, 0, why);
}

uint32_t axvm_config_irqchip_count(void)
{
    uint32_t n = 0;

    while (axvm_arch_machine.irqchips && axvm_arch_machine.irqchips[n])
        n++;
    return n;
}

static int check_scalars(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    if (cfg->flags & ~KNOWN_FLAGS)
        return inval(err, "flags", "unknown bits are set");
    if (cfg->vcpu_count > AXVM_MAX_VCPUS)
        return inval(err, "vcpu_count", "more than AXVM_MAX_VCPUS");
    if ((unsigned int)cfg->irq_mode > AXVM_IRQ_NONE)
        return inval(err, "irq_mode", "not one of enum axvm_irq_mode");
    if (cfg->irqchip > axvm_config_irqchip_count())
        return inval(err, "irqchip", "this CPU's guests have no such interrupt controller");
    if (cfg->gpa_bits != 0 && (cfg->gpa_bits < 32 || cfg->gpa_bits > 52))
        return inval(err, "gpa_bits", "neither 0 nor 32..52");
    return AXVM_OK;
}

static bool is_blob(const struct axvm_blob *blob)
{
    return blob->size == 0 || blob->data;
}

static bool is_too_long(const char *s)
{
    for (size_t n = 0; n < CMDLINE_MAX; n++) {
        if (s[n] == '\0')
            return false;
    }
    return true;
}

static int check_modules(const struct axvm_image_config *image, struct axvm_config_error *err)
{
    if (image->module_count > AXVM_MAX_MODULES)
        return inval(err, "image.module_count", "more than AXVM_MAX_MODULES");
    if (image->module_count != 0 && (!image->modules || image->kernel.size == 0))
        return inval(err, "image.modules", "NULL, or there is no kernel for them");
    for (uint32_t i = 0; i < image->module_count; i++) {
        const struct axvm_module *m = &image->modules[i];

        if (m->file.size == 0 || !m->file.data)
            return axvm_config_bad(err, AXVM_ERR_INVAL, "image.modules", i, "is empty");
        if (m->cmdline && is_too_long(m->cmdline))
            return axvm_config_bad(err, AXVM_ERR_INVAL, "image.modules", i, "cmdline is longer than 64 KiB");
    }
    return AXVM_OK;
}

static int check_image(const struct axvm_image_config *image, struct axvm_config_error *err)
{
    if (!is_blob(&image->kernel))
        return inval(err, "image.kernel", "has a size and no data");
    if ((unsigned int)image->kind > AXVM_IMAGE_MULTIBOOT)
        return inval(err, "image.kind", "not one of enum axvm_image_kind");
    if (!is_blob(&image->initrd))
        return inval(err, "image.initrd", "has a size and no data");
    if (image->initrd.size != 0 && image->kernel.size == 0)
        return inval(err, "image.initrd", "there is no kernel for it");
    if (image->cmdline && is_too_long(image->cmdline))
        return inval(err, "image.cmdline", "longer than 64 KiB");
    if (!is_blob(&image->fdt))
        return inval(err, "image.fdt", "has a size and no data");
    if (image->fdt_verbatim && image->fdt.size == 0)
        return inval(err, "image.fdt_verbatim", "there is no fdt to be used as it is");
    return check_modules(image, err);
}

int axvm_config_check(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    struct axvm_config_error unwanted;
    int rc;

    if (!err)
        err = &unwanted;
    if (!cfg)
        return inval(err, "cfg", "NULL");
    rc = check_scalars(cfg, err);
    if (rc == AXVM_OK)
        rc = axvm_config_check_memory(cfg, err);
    if (rc == AXVM_OK)
        rc = axvm_config_check_devices(cfg, err);
    if (rc == AXVM_OK)
        rc = axvm_config_check_passthrough(cfg, err);
    if (rc == AXVM_OK)
        rc = axvm_config_check_overlaps(cfg, err);
    return rc == AXVM_OK ? check_image(&cfg->image, err) : rc;
}
