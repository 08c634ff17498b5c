/* SPDX-License-Identifier: BSD-2-Clause */
/* From a checked config to the VM: its own copy, and the devices that it lists. */
#include <axvm/err.h>
#include <axvm/ns16550.h>
#include <axvm/pl011.h>

#include "config_check.h"
#include "config_priv.h"
#include "mem.h"
#include "str.h"

/* *array = a copy of @count elements of @size bytes; NULL stays NULL. */
static bool copy_array(struct axvm *vm, const void *from, uint32_t count, size_t size, const void **array)
{
    void *copy;

    *array = NULL;
    if (!from || count == 0)
        return true;
    copy = axvm_arena_alloc(&vm->arena, &vm->hal, count * size);
    if (!copy)
        return false;
    memcpy(copy, from, count * size);
    *array = copy;
    return true;
}

static bool copy_string(struct axvm *vm, const char **s)
{
    const void *copy;

    if (!*s)
        return true;
    if (!copy_array(vm, *s, (uint32_t)axvm_strlen(*s) + 1, 1, &copy))
        return false;
    *s = copy;
    return true;
}

static bool copy_passthrough(struct axvm *vm, const struct axvm_config *cfg)
{
    struct axvm_passthrough *copies;
    const void *array;

    if (!copy_array(vm, cfg->passthrough, cfg->passthrough_count, sizeof(*copies), &array))
        return false;
    vm->cfg.passthrough = array;
    copies = (struct axvm_passthrough *)array;
    for (uint32_t i = 0; i < cfg->passthrough_count; i++) {
        if (!copy_string(vm, &copies[i].name) || !copy_string(vm, &copies[i].fdt_path) || !copy_string(vm, &copies[i].acpi_hid))
            return false;
    }
    return true;
}

static bool copy_modules(struct axvm *vm, const struct axvm_image_config *image)
{
    struct axvm_module *copies;
    const void *array;

    if (!copy_array(vm, image->modules, image->module_count, sizeof(*copies), &array))
        return false;
    vm->cfg.image.modules = array;
    copies = (struct axvm_module *)array;
    for (uint32_t i = 0; i < image->module_count; i++) {
        if (!copy_string(vm, &copies[i].cmdline))
            return false;
    }
    return true;
}

/* The default machine's devices are written out, with their addresses. */
static bool copy_devices(struct axvm *vm, const struct axvm_config *cfg)
{
    uint32_t count = axvm_config_device_count(cfg);
    struct axvm_emu_device *copies;

    vm->cfg.devices = NULL;
    vm->cfg.device_count = count;
    if (count == 0)
        return true;
    copies = axvm_arena_alloc(&vm->arena, &vm->hal, count * sizeof(*copies));
    if (!copies)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        copies[i] = axvm_config_device(cfg, i);
        copies[i].port = axvm_config_device_port(&copies[i]);
        copies[i].base = axvm_config_device_base(&copies[i]);
        copies[i].irq = axvm_config_device_irq(&copies[i]);
    }
    vm->cfg.devices = copies;
    return true;
}

static bool copy_arrays(struct axvm *vm, const struct axvm_config *cfg)
{
    const void *array;

    if (!copy_array(vm, cfg->vcpus, vm->cfg.vcpu_count, sizeof(*cfg->vcpus), &array))
        return false;
    vm->cfg.vcpus = array;
    if (!copy_array(vm, cfg->regions, cfg->region_count, sizeof(*cfg->regions), &array))
        return false;
    vm->cfg.regions = array;
    return copy_passthrough(vm, cfg) && copy_devices(vm, cfg) && copy_modules(vm, &cfg->image) &&
           copy_string(vm, &vm->cfg.image.cmdline);
}

static void copy_name(struct axvm *vm, const char *name)
{
    size_t n = 0;

    while (name && name[n] != '\0' && n < sizeof(vm->name) - 1) {
        vm->name[n] = name[n];
        n++;
    }
    if (n == 0)
        axvm_put_str(vm->name, "vm");
    else
        vm->name[n] = '\0';
    vm->cfg.name = vm->name;
}

int axvm_config_copy(struct axvm *vm, const struct axvm_config *cfg)
{
    vm->cfg = *cfg;
    vm->id = cfg->id;
    vm->flags = cfg->flags;
    copy_name(vm, cfg->name);
    if (cfg->vcpu_count == 0)
        vm->cfg.vcpu_count = 1;
    if (cfg->region_count == 0 && cfg->ram_size == 0)
        vm->cfg.ram_size = AXVM_DEFAULT_RAM_SIZE;
    return copy_arrays(vm, cfg) ? AXVM_OK : AXVM_ERR_NOMEM;
}

/* The types of devices that axvm_config_check() lets pass. */
static int add_device(struct axvm *vm, const struct axvm_emu_device *cfg)
{
    uint32_t irq = vm->cfg.irq_mode == AXVM_IRQ_NONE ? 0 : cfg->irq;
    struct axvm_device *dev;
    int rc = AXVM_ERR_INVAL;

    if (cfg->type == AXVM_EMU_PL011)
        rc = axvm_pl011_create(vm, cfg->base, irq, &cfg->chardev, &dev);
    else if (cfg->type == AXVM_EMU_NS16550)
        rc = axvm_ns16550_create(vm, cfg->port ? AXVM_BUS_PORT : AXVM_BUS_MMIO, cfg->base, irq, &cfg->chardev, &dev);
    if (rc == AXVM_OK && !vm->console)
        vm->console = dev;
    return rc;
}

int axvm_config_add_devices(struct axvm *vm)
{
    int rc = AXVM_OK;

    for (uint32_t i = 0; rc == AXVM_OK && i < vm->cfg.device_count; i++)
        rc = add_device(vm, &vm->cfg.devices[i]);
    return rc;
}

void axvm_config_log_error(const struct axvm_hal *hal, const struct axvm_config_error *err)
{
    char line[256];
    char *p = axvm_put_str(line, "axvm_new: config.");

    p = axvm_put_hex(axvm_put_str(axvm_put_str(p, err->field), "[0x"), err->index);
    axvm_put_str(axvm_put_str(p, "]: "), err->why);
    axvm_log(hal, AXVM_LOG_ERROR, line);
}
