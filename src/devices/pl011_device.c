/* SPDX-License-Identifier: BSD-2-Clause */
/* A PL011 as a device of a VM: created, reset, fed, described. */
#include <axvm/err.h>
#include <axvm/pl011.h>

#include "fdt_writer.h"
#include "pl011_priv.h"

/* Below those that the rest of the tree uses: fdt_priv.h. */
#define FIRST_CLOCK_PHANDLE 0x100u
#define CLOCK_HZ 24000000u

static void reset(struct axvm_device *dev)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    unsigned long flags = axvm_device_lock(dev);

    axvm_pl011_registers_reset(uart);
    uart->overrun = false;
    uart->rx_count = 0;
    /* What is on its way out goes out; the host has seen the guest print it. */
    axvm_pl011_update_irq(uart);
    axvm_pl011_unlock(uart, flags);
}

static size_t receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    size_t taken = 0;

    while (taken < len && uart->backlog_count < PL011_BACKLOG) {
        uart->backlog[(uart->backlog_first + uart->backlog_count) % PL011_BACKLOG] = buf[taken++];
        uart->backlog_count++;
        axvm_pl011_refill(uart);
    }
    axvm_pl011_update_irq(uart);
    axvm_pl011_unlock(uart, flags);
    return taken;
}

/* Phandle of this UART's clock: by its place on the bus, as there may be several. */
static uint32_t clock_phandle(const struct axvm_device *dev)
{
    uint32_t n = FIRST_CLOCK_PHANDLE;

    for (const struct axvm_device *d = axvm_device_next(dev->vm, NULL); d && d != dev; d = axvm_device_next(dev->vm, d))
        n++;
    return n;
}

static void describe_clock(const struct axvm_device *dev, struct axvm_fdt_writer *w, uint32_t phandle)
{
    char name[32];

    axvm_put_hex(axvm_put_str(name, "pl011-clock-"), dev->windows[0].base);
    axvm_fw_begin(w, name);
    axvm_fw_string(w, "compatible", "fixed-clock");
    axvm_fw_u32(w, "#clock-cells", 0);
    axvm_fw_u32(w, "clock-frequency", CLOCK_HZ);
    axvm_fw_u32(w, "phandle", phandle);
    axvm_fw_end(w);
}

/* Linux, Documentation/devicetree/bindings/serial/pl011.yaml: two clocks, of the UART and of its bus. */
static int describe(struct axvm_device *dev, void *fdt)
{
    static const char compatible[] = "arm,pl011\0arm,primecell";
    static const char clock_names[] = "uartclk\0apb_pclk";
    const struct axvm_pl011 *uart = (const struct axvm_pl011 *)dev;
    const uint32_t clocks[2] = { clock_phandle(dev), clock_phandle(dev) };
    struct axvm_fdt_writer w = { .fdt = fdt };
    uint32_t cells[3];
    unsigned int count = axvm_irq_line_cells(&uart->line, cells);

    describe_clock(dev, &w, clocks[0]);
    axvm_fw_begin_at(&w, dev->ops->name, dev->windows[0].base);
    axvm_fw_bytes(&w, "compatible", compatible, sizeof(compatible));
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    if (count != 0)
        axvm_fw_cells(&w, "interrupts", cells, count);
    axvm_fw_cells(&w, "clocks", clocks, 2);
    axvm_fw_bytes(&w, "clock-names", clock_names, sizeof(clock_names));
    axvm_fw_end(&w);
    return w.err;
}

static const struct axvm_device_ops pl011_ops = {
    .name = "pl011",
    .read = axvm_pl011_read,
    .write = axvm_pl011_write,
    .reset = reset,
    .describe = describe,
    .receive = receive,
};

int axvm_pl011_create(struct axvm *vm, uint64_t base, uint32_t irq, const struct axvm_chardev *out, struct axvm_device **dev)
{
    struct axvm_pl011 *uart = axvm_device_alloc(vm, sizeof(*uart));
    int rc;

    if (!uart)
        return AXVM_ERR_NOMEM;
    uart->dev.ops = &pl011_ops;
    uart->dev.windows[0] = (struct axvm_window){ .space = AXVM_BUS_MMIO, .base = base, .len = PL011_SIZE };
    uart->dev.window_count = 1;
    uart->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    if (out)
        uart->out = *out;
    reset(&uart->dev);
    rc = irq != 0 ? axvm_irq_line_init(&uart->line, vm, irq, false) : AXVM_OK;
    if (rc == AXVM_OK)
        rc = axvm_device_attach(vm, &uart->dev);
    if (rc == AXVM_OK)
        *dev = &uart->dev;
    return rc;
}

size_t axvm_pl011_receive(struct axvm_device *dev, const uint8_t *buf, size_t len)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    size_t taken = receive(dev, buf, len);

    axvm_irq_line_flush(&uart->line);
    return taken;
}

void axvm_pl011_resume_output(struct axvm_device *dev)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;

    axvm_pl011_drain(uart);
    axvm_irq_line_flush(&uart->line);
}

uint64_t axvm_pl011_dropped(struct axvm_device *dev)
{
    struct axvm_pl011 *uart = (struct axvm_pl011 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    uint64_t dropped = uart->dropped;

    axvm_device_unlock(dev, flags);
    return dropped;
}
