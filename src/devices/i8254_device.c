/* SPDX-License-Identifier: BSD-2-Clause */
/* An 8254 as a device of a VM: ports, the clock, the interrupt of channel 0. */
#include <axvm/err.h>

#include "i8254.h"

#define NS_PER_S UINT64_C(1000000000)
#define CONTROL_WORD 3u /* offset of the port */
#define READ_BACK 0xc0u
/* Interrupts come no faster: a guest that programs a shorter period gets them at this one, and its CPU to itself in between. */
#define MIN_PERIOD_NS 50000u
/* Port 0x61: IBM PC/AT Technical Reference, "System Board", "Port B". */
#define PORT_B_GATE2 0x01u
#define PORT_B_WRITABLE 0x0fu
#define PORT_B_REFRESH 0x10u
#define PORT_B_OUT2 0x20u
#define REFRESH_NS 15085u

static uint64_t to_ticks(uint64_t ns)
{
    return ns / NS_PER_S * AXVM_I8254_HZ + ns % NS_PER_S * AXVM_I8254_HZ / NS_PER_S;
}

/* When tick @t has come. */
static uint64_t to_ns(uint64_t t)
{
    return t / AXVM_I8254_HZ * NS_PER_S + (t % AXVM_I8254_HZ * NS_PER_S + AXVM_I8254_HZ - 1) / AXVM_I8254_HZ;
}

/* Now, and never before what was seen before. */
static uint64_t get_time(struct axvm_i8254 *pit)
{
    uint64_t now = axvm_device_time_ns(&pit->dev);

    pit->now = now > pit->now ? now : pit->now;
    return pit->now;
}

/* Make an interrupt of a rising edge since the last look; several are one. The line stays high, as OUT does most of the time.
 */
static void sync_irq(struct axvm_i8254 *pit, uint64_t t)
{
    if (axvm_i8254_next_rise(&pit->channel[0], pit->seen) <= t) {
        axvm_irq_line_set(&pit->line, false);
        axvm_irq_line_set(&pit->line, true);
        pit->last_irq = pit->now;
    }
    pit->seen = t;
}

/* After something was written: OUT may have gone low, the next edge is another one. */
static void update(struct axvm_i8254 *pit, uint64_t t)
{
    uint64_t rise = axvm_i8254_next_rise(&pit->channel[0], t), deadline = AXVM_TIME_NEVER;

    if (pit->channel[0].mode == 0 && !axvm_i8254_out(&pit->channel[0], t))
        axvm_irq_line_set(&pit->line, false);
    if (rise != UINT64_MAX && pit->line.vm) {
        deadline = to_ns(rise);
        if (pit->last_irq != 0 && deadline < pit->last_irq + MIN_PERIOD_NS)
            deadline = pit->last_irq + MIN_PERIOD_NS;
    }
    axvm_device_set_deadline(&pit->dev, deadline);
}

/* ---- ports ---- */

static uint8_t read_port_b(struct axvm_i8254 *pit, uint64_t t)
{
    uint8_t v = pit->control;

    if (pit->now / REFRESH_NS & 1)
        v |= PORT_B_REFRESH;
    if (axvm_i8254_out(&pit->channel[2], t))
        v |= PORT_B_OUT2;
    return v;
}

static void write_port_b(struct axvm_i8254 *pit, uint8_t val, uint64_t t)
{
    pit->control = val & PORT_B_WRITABLE;
    axvm_i8254_set_gate(&pit->channel[2], val & PORT_B_GATE2, t);
}

static void write_control(struct axvm_i8254 *pit, uint8_t val, uint64_t t)
{
    if ((val & READ_BACK) != READ_BACK) {
        axvm_i8254_control_word(&pit->channel[val >> 6], val, t);
        return;
    }
    for (unsigned int i = 0; i < 3; i++) {
        if (val >> (i + 1) & 1)
            axvm_i8254_read_back(&pit->channel[i], val, t);
    }
}

static uint8_t read_byte(struct axvm_i8254 *pit, unsigned int window, uint64_t off, uint64_t t)
{
    if (window == 1)
        return read_port_b(pit, t);
    return off != CONTROL_WORD ? axvm_i8254_read(&pit->channel[off], t) : 0xff;
}

static void write_byte(struct axvm_i8254 *pit, unsigned int window, uint64_t off, uint8_t val, uint64_t t)
{
    if (window == 1)
        write_port_b(pit, val, t);
    else if (off == CONTROL_WORD)
        write_control(pit, val, t);
    else
        axvm_i8254_write(&pit->channel[off], val, t);
}

/* Wider accesses are bytes side by side, as on an ISA bus. */
static int pit_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_i8254 *pit = (struct axvm_i8254 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    uint64_t t = to_ticks(get_time(pit));

    acc->val = 0;
    for (unsigned int i = 0; i < acc->size; i++)
        acc->val |= (uint64_t)read_byte(pit, acc->window, acc->off + i, t) << 8 * i;
    axvm_device_unlock(dev, flags);
    return AXVM_OK;
}

static int pit_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_i8254 *pit = (struct axvm_i8254 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    uint64_t t = to_ticks(get_time(pit));

    sync_irq(pit, t);
    for (unsigned int i = 0; i < acc->size; i++)
        write_byte(pit, acc->window, acc->off + i, (uint8_t)(acc->val >> 8 * i), t);
    update(pit, t);
    axvm_device_unlock(dev, flags);
    return AXVM_OK;
}

static void pit_expire(struct axvm_device *dev, uint64_t now_ns)
{
    struct axvm_i8254 *pit = (struct axvm_i8254 *)dev;
    unsigned long flags = axvm_device_lock(dev);
    uint64_t t;

    pit->now = now_ns > pit->now ? now_ns : pit->now;
    t = to_ticks(pit->now);
    sync_irq(pit, t);
    update(pit, t);
    axvm_device_unlock(dev, flags);
}

static void pit_reset(struct axvm_device *dev)
{
    struct axvm_i8254 *pit = (struct axvm_i8254 *)dev;

    for (unsigned int i = 0; i < 3; i++)
        axvm_i8254_reset_channel(&pit->channel[i], i != 2);
    pit->control = 0;
    pit->last_irq = 0;
    axvm_irq_line_set(&pit->line, false);
    axvm_device_set_deadline(dev, AXVM_TIME_NEVER);
}

static const struct axvm_device_ops pit_ops = {
    .name = "i8254",
    .read = pit_read,
    .write = pit_write,
    .reset = pit_reset,
    .expire = pit_expire,
};

int axvm_i8254_create(struct axvm *vm, uint32_t irq, bool has_irq)
{
    struct axvm_i8254 *pit = axvm_device_alloc(vm, sizeof(*pit));
    int rc;

    if (!pit)
        return AXVM_ERR_NOMEM;
    pit->dev.ops = &pit_ops;
    pit->dev.windows[0] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_I8254_PORT, 4 };
    pit->dev.windows[1] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_I8254_CONTROL_PORT, 1 };
    pit->dev.window_count = 2;
    pit->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    for (unsigned int i = 0; i < 3; i++)
        axvm_i8254_reset_channel(&pit->channel[i], i != 2);
    rc = has_irq ? axvm_irq_line_init(&pit->line, vm, irq, true) : AXVM_OK;
    return rc == AXVM_OK ? axvm_device_attach(vm, &pit->dev) : rc;
}
