/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking the devices of a config, emulated and passed through. */
#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "config_check.h"

/* ---- which emulated devices there are ---- */

static bool has_default_devices(const struct axvm_config *cfg)
{
    return cfg->device_count == 0 && !(cfg->flags & AXVM_VM_NO_DEFAULT_DEVICES) && axvm_arch_machine.uart != AXVM_EMU_NONE;
}

uint32_t axvm_config_device_count(const struct axvm_config *cfg)
{
    return has_default_devices(cfg) ? 1 : cfg->device_count;
}

struct axvm_emu_device axvm_config_device(const struct axvm_config *cfg, uint32_t index)
{
    if (has_default_devices(cfg))
        return (struct axvm_emu_device){ .type = axvm_arch_machine.uart, .chardev = cfg->console };
    return cfg->devices[index];
}

uint64_t axvm_config_device_base(const struct axvm_emu_device *dev)
{
    return dev->base ? dev->base : axvm_arch_machine.uart_base;
}

bool axvm_config_device_port(const struct axvm_emu_device *dev)
{
    return dev->base ? dev->port : axvm_arch_machine.uart_port;
}

uint32_t axvm_config_device_irq(const struct axvm_emu_device *dev)
{
    return dev->irq ? dev->irq : axvm_arch_machine.uart_irq;
}

/* ---- emulated ---- */

static int bad(struct axvm_config_error *err, const char *field, uint32_t index, const char *why)
{
    return axvm_config_bad(err, AXVM_ERR_INVAL, field, index, why);
}

static int check_port(const struct axvm_emu_device *dev, uint32_t i, struct axvm_config_error *err)
{
    if (!axvm_arch_machine.has_ports || dev->type != AXVM_EMU_NS16550)
        return bad(err, "devices.port", i, "this CPU or device has no I/O ports");
    if (!axvm_is_aligned(dev->base, AXVM_EMU_DEVICE_PORTS) || dev->base >= 0x10000)
        return bad(err, "devices.base", i, "not a port that is a multiple of 8");
    return AXVM_OK;
}

static int check_address(const struct axvm_emu_device *dev, uint32_t i, struct axvm_config_error *err)
{
    if (dev->port)
        return check_port(dev, i, err);
    if (!axvm_is_aligned(dev->base, AXVM_EMU_DEVICE_SIZE))
        return bad(err, "devices.base", i, "not a multiple of 4 KiB");
    if (dev->base > UINT64_MAX - AXVM_EMU_DEVICE_SIZE)
        return bad(err, "devices.base", i, "base + size wraps");
    return AXVM_OK;
}

static int check_device(const struct axvm_config *cfg, uint32_t i, struct axvm_config_error *err)
{
    const struct axvm_emu_device *dev = &cfg->devices[i];

    if (dev->type != AXVM_EMU_PL011 && dev->type != AXVM_EMU_NS16550)
        return bad(err, "devices.type", i, "not a device that there is");
    if (check_address(dev, i, err) != AXVM_OK)
        return AXVM_ERR_INVAL;
    for (uint32_t j = 0; j < i; j++) {
        if (axvm_config_device_irq(dev) == axvm_config_device_irq(&cfg->devices[j]))
            return axvm_config_bad(err, AXVM_ERR_EXIST, "devices.irq", i, "another device has it");
    }
    return AXVM_OK;
}

int axvm_config_check_devices(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    int rc = AXVM_OK;

    if (cfg->device_count > AXVM_MAX_EMU_DEVICES)
        return bad(err, "device_count", 0, "more than AXVM_MAX_EMU_DEVICES");
    if (cfg->device_count != 0 && !cfg->devices)
        return bad(err, "devices", 0, "NULL, but device_count is not 0");
    for (uint32_t i = 0; rc == AXVM_OK && i < cfg->device_count; i++)
        rc = check_device(cfg, i, err);
    return rc;
}

/* ---- passed through ---- */

/* "PNP0501" or "ACPI0007": ACPI, "_HID (Hardware ID)". */
static bool is_hid(const char *s)
{
    size_t n = 0;

    while (n < 8 && ((s[n] >= '0' && s[n] <= '9') || (s[n] >= 'A' && s[n] <= 'Z')))
        n++;
    return s[n] == '\0' && (n == 7 || n == 8);
}

static int check_registers(const struct axvm_passthrough *p, uint32_t i, struct axvm_config_error *err)
{
    if (!axvm_is_aligned(p->base_gpa.v, AXVM_PAGE_SIZE))
        return bad(err, "passthrough.base_gpa", i, "not a multiple of 4 KiB");
    if (!axvm_is_aligned(p->base_hpa.v, AXVM_PAGE_SIZE))
        return bad(err, "passthrough.base_hpa", i, "not a multiple of 4 KiB");
    if (!axvm_is_aligned(p->len, AXVM_PAGE_SIZE))
        return bad(err, "passthrough.len", i, "not a multiple of 4 KiB");
    if (p->len != 0 && (p->len - 1 > UINT64_MAX - p->base_gpa.v || p->len - 1 > UINT64_MAX - p->base_hpa.v))
        return bad(err, "passthrough.len", i, "base + len wraps");
    return AXVM_OK;
}

static int check_ports(const struct axvm_passthrough *p, uint32_t i, struct axvm_config_error *err)
{
    if (p->port_count != 0 && !axvm_arch_machine.has_ports)
        return bad(err, "passthrough.port_count", i, "this CPU has no I/O ports");
    if (p->port_count > 0x10000u - p->port)
        return bad(err, "passthrough.port_count", i, "reaches beyond port 0xffff");
    if (p->acpi_hid && !is_hid(p->acpi_hid))
        return bad(err, "passthrough.acpi_hid", i, "not 7 or 8 capital letters and digits");
    return AXVM_OK;
}

static int check_host_node(const struct axvm_passthrough *p, uint32_t i, struct axvm_config_error *err)
{
    if (p->fdt && p->fdt_size == 0)
        return bad(err, "passthrough.fdt_size", i, "zero, but there is an fdt");
    if (p->fdt && !p->fdt_path)
        return bad(err, "passthrough.fdt_path", i, "NULL: which node of fdt is it?");
    if (!p->fdt && (p->fdt_path || p->fdt_size != 0))
        return bad(err, "passthrough.fdt", i, "NULL, but fdt_path or fdt_size is set");
    return AXVM_OK;
}

/* Interrupts are one to one. */
static int check_irqs(const struct axvm_config *cfg, uint32_t i, struct axvm_config_error *err)
{
    const struct axvm_passthrough *p = &cfg->passthrough[i];

    if (p->host_irq == 0)
        return AXVM_OK;
    for (uint32_t j = 0; j < i; j++) {
        const struct axvm_passthrough *other = &cfg->passthrough[j];

        if (other->host_irq == p->host_irq)
            return axvm_config_bad(err, AXVM_ERR_EXIST, "passthrough.host_irq", i, "another device has it");
        if (other->host_irq != 0 && other->guest_irq == p->guest_irq)
            return axvm_config_bad(err, AXVM_ERR_EXIST, "passthrough.guest_irq", i, "another device has it");
    }
    for (uint32_t j = 0; j < axvm_config_device_count(cfg); j++) {
        struct axvm_emu_device dev = axvm_config_device(cfg, j);

        if (axvm_config_device_irq(&dev) == p->guest_irq)
            return axvm_config_bad(err, AXVM_ERR_EXIST, "passthrough.guest_irq", i, "an emulated device has it");
    }
    return AXVM_OK;
}

int axvm_config_check_passthrough(const struct axvm_config *cfg, struct axvm_config_error *err)
{
    int rc = AXVM_OK;

    if (cfg->passthrough_count > AXVM_MAX_PASSTHROUGH)
        return bad(err, "passthrough_count", 0, "more than AXVM_MAX_PASSTHROUGH");
    if (cfg->passthrough_count != 0 && !cfg->passthrough)
        return bad(err, "passthrough", 0, "NULL, but passthrough_count is not 0");
    for (uint32_t i = 0; rc == AXVM_OK && i < cfg->passthrough_count; i++) {
        rc = check_registers(&cfg->passthrough[i], i, err);
        if (rc == AXVM_OK)
            rc = check_ports(&cfg->passthrough[i], i, err);
        if (rc == AXVM_OK)
            rc = check_host_node(&cfg->passthrough[i], i, err);
        if (rc == AXVM_OK)
            rc = check_irqs(cfg, i, err);
    }
    return rc;
}
