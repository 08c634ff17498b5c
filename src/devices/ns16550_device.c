/* SPDX-License-Identifier: BSD-2-Clause */
/* A 16550A as a device of a VM: created, reset, fed, described. */
#include <axvm/err.h>
#include <axvm/ns16550.h>

#include "fdt_writer.h"
#include "ns16550_priv.h"

#define CLOCK_HZ 3686400u

static void reset(struct axvm_device *dev)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    unsigned long flags = axvm_device_lock(dev);

    axvm_ns16550_registers_reset(uart);
    uart->rx_count = 0;
    /* What is on its way out goes out; the host has seen the guest print it. */
    axvm_ns16550_update_irq(uart);
    axvm_device_unlock(dev, flags);
}

static size_t receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    size_t taken = 0;

    while (taken < len && uart->backlog_count < NS16550_BACKLOG) {
        uart->backlog[(uart->backlog_first + uart->backlog_count) % NS16550_BACKLOG] = buf[taken++];
        uart->backlog_count++;
    }
    axvm_ns16550_refill(uart);
    axvm_ns16550_update_irq(uart);
    axvm_device_unlock(dev, flags);
    return taken;
}

/* Linux, Documentation/devicetree/bindings/serial/8250.yaml. Ports are described by ACPI, if at all. */
static int describe(struct axvm_device *dev, void *fdt)
{
    const struct axvm_ns16550 *uart = (const struct axvm_ns16550 *)dev;
    struct axvm_fdt_writer w = { .fdt = fdt };
    uint32_t cells[3];
    unsigned int count = axvm_irq_line_cells(&uart->line, cells);

    if (dev->windows[0].space != AXVM_BUS_MMIO)
        return 0;
    axvm_fw_begin_at(&w, dev->ops->name, dev->windows[0].base);
    axvm_fw_string(&w, "compatible", "ns16550a");
    axvm_fw_reg(&w, dev->windows[0].base, 0x100);
    if (count != 0)
        axvm_fw_cells(&w, "interrupts", cells, count);
    axvm_fw_u32(&w, "clock-frequency", CLOCK_HZ);
    axvm_fw_end(&w);
    return w.err;
}

static const struct axvm_device_ops ns16550_ops = {
    .name = "serial",
    .read = axvm_ns16550_read,
    .write = axvm_ns16550_write,
    .reset = reset,
    .describe = describe,
    .receive = receive,
};

int axvm_ns16550_create(struct axvm *vm, enum axvm_bus_space space, uint64_t base, uint32_t irq, const struct axvm_chardev *out,
                        struct axvm_device **dev)
{
    struct axvm_ns16550 *uart = axvm_device_alloc(vm, sizeof(*uart));
    int rc;

    if (!uart)
        return AXVM_ERR_NOMEM;
    uart->dev.ops = &ns16550_ops;
    uart->dev.windows[0] = (struct axvm_window){ .space = space, .base = base, .len = AXVM_NS16550_REGS };
    uart->dev.window_count = 1;
    uart->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    if (out)
        uart->out = *out;
    axvm_ns16550_registers_reset(uart);
    axvm_ns16550_update_irq(uart);
    rc = irq != 0 ? axvm_irq_line_init(&uart->line, vm, irq, false) : AXVM_OK;
    if (rc == AXVM_OK)
        rc = axvm_device_attach(vm, &uart->dev);
    if (rc == AXVM_OK)
        *dev = &uart->dev;
    return rc;
}

size_t axvm_ns16550_receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    size_t taken = receive(dev, buf, len);

    axvm_irq_line_flush(&uart->line);
    return taken;
}

void axvm_ns16550_resume_output(struct axvm_device *dev)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;

    axvm_ns16550_drain(uart);
    axvm_irq_line_flush(&uart->line);
}

uint64_t axvm_ns16550_dropped(struct axvm_device *dev)
{
    struct axvm_ns16550 *uart = (struct axvm_ns16550 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    uint64_t dropped = uart->dropped;

    axvm_device_unlock(dev, flags);
    return dropped;
}
