/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controllers of a VM: made, put on the bus, reset, taken down. */
#include "vintc.h"

#include <axvm/err.h>

#include "vlapic.h"

/* ---- I/O APIC and 8259s on the bus ---- */

static struct axvm_ioapic *ioapic_of(struct axvm_device *dev)
{
    return &AXVM_CONTAINER_OF(dev, struct axvm_vintc, ioapic_device)->ioapic;
}

static int ioapic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    acc->val = axvm_ioapic_read(ioapic_of(dev), (uint32_t)acc->off, acc->size);
    return AXVM_OK;
}

static int ioapic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    axvm_ioapic_write(ioapic_of(dev), (uint32_t)acc->off, acc->size, acc->val, &acc->vcpu->arch.lapic);
    return AXVM_OK;
}

static const struct axvm_device_ops ioapic_ops = { .name = "ioapic", .read = ioapic_read, .write = ioapic_write };

static struct axvm_i8259 *pic_of(struct axvm_device *dev)
{
    return &AXVM_CONTAINER_OF(dev, struct axvm_vintc, pic_device)->pic;
}

/* Each window is two ports. A wider access is one of each. */
static __attribute__((noinline)) void pic_read_wide(struct axvm_device *dev, struct axvm_access *acc)
{
    acc->val = 0;
    for (unsigned int i = 0; i < acc->size; i++)
        acc->val |= (uint64_t)axvm_i8259_read(pic_of(dev), acc->window, (acc->off + i) & 1) << 8 * i;
}

static int pic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    if (acc->size == 1)
        acc->val = axvm_i8259_read(pic_of(dev), acc->window, acc->off & 1);
    else
        pic_read_wide(dev, acc);
    return AXVM_OK;
}

static __attribute__((noinline)) void pic_write_wide(struct axvm_device *dev, const struct axvm_access *acc)
{
    for (unsigned int i = 0; i < acc->size; i++)
        axvm_i8259_write(pic_of(dev), acc->window, (acc->off + i) & 1, (uint8_t)(acc->val >> 8 * i));
}

static int pic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    if (acc->size == 1)
        axvm_i8259_write(pic_of(dev), acc->window, acc->off & 1, (uint8_t)acc->val);
    else
        pic_write_wide(dev, acc);
    return AXVM_OK;
}

static const struct axvm_device_ops pic_ops = { .name = "i8259", .read = pic_read, .write = pic_write };

/* ---- life ---- */

static int attach_lapic(struct axvm_vintc *v)
{
    struct axvm_device *dev = &v->lapic_device;

    dev->ops = &axvm_vlapic_device_ops;
    dev->flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    dev->windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, AXVM_LAPIC_BASE, AXVM_LAPIC_SIZE };
    dev->window_count = 1;
    return axvm_device_attach(v->vm, dev);
}

static int attach_ioapic(struct axvm_vintc *v)
{
    struct axvm_device *dev = &v->ioapic_device;

    v->ioapic.lapics = &v->lapics;
    v->ioapic.done = axvm_virq_ioapic_done;
    v->ioapic.arg = v;
    axvm_ioapic_reset(&v->ioapic);
    dev->ops = &ioapic_ops;
    dev->flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    dev->windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, AXVM_IOAPIC_BASE, AXVM_IOAPIC_SIZE };
    dev->window_count = 1;
    return axvm_device_attach(v->vm, dev);
}

static int attach_pic(struct axvm_vintc *v)
{
    struct axvm_device *dev = &v->pic_device;

    v->pic.output = axvm_virq_intr;
    v->pic.done = axvm_virq_pic_done;
    v->pic.arg = v;
    axvm_i8259_reset(&v->pic);
    dev->ops = &pic_ops;
    dev->flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    dev->windows[AXVM_I8259_MASTER] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_I8259_MASTER_BASE, 2 };
    dev->windows[AXVM_I8259_SLAVE] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_I8259_SLAVE_BASE, 2 };
    dev->windows[AXVM_I8259_ELCR] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_I8259_ELCR_BASE, 2 };
    dev->window_count = 3;
    return axvm_device_attach(v->vm, dev);
}

int axvm_vintc_create(struct axvm *vm)
{
    struct axvm_vintc *v = axvm_device_alloc(vm, sizeof(*v));
    int rc;

    if (!v)
        return AXVM_ERR_NOMEM;
    v->vm = vm;
    v->has_lines = vm->cfg.irq_mode != AXVM_IRQ_NONE;
    v->lapics.ops = &axvm_vlapic_ops;
    v->lapics.phys_bits = vm->as.geo.gpa_bits;
    v->lapics.x2apic = true;
    v->lapics.tsc_deadline = true;
    vm->arch.vintc = v;
    rc = attach_lapic(v);
    if (rc == AXVM_OK && v->has_lines)
        rc = attach_ioapic(v);
    if (rc == AXVM_OK && v->has_lines)
        rc = attach_pic(v);
    return rc;
}

void axvm_vintc_destroy(struct axvm *vm)
{
    if (!vm->arch.vintc)
        return;
    axvm_virq_complete_all(vm->arch.vintc);
    vm->arch.vintc = NULL;
}

/* No vCPU runs. */
void axvm_vintc_reset(struct axvm *vm)
{
    struct axvm_vintc *v = vm->arch.vintc;

    if (!v)
        return;
    if (v->has_lines) {
        axvm_ioapic_reset(&v->ioapic);
        axvm_i8259_reset(&v->pic);
    }
    for (uint32_t i = 0; i < v->lapics.count; i++)
        axvm_lapic_reset(v->lapics.apic[i]);
    axvm_virq_complete_all(v);
}

/* ---- time ---- */

void axvm_vintc_clock_stop(struct axvm *vm)
{
    struct axvm_vintc *v = vm->arch.vintc;

    v->stopped_at = vm->hal.time_ns(vm->hal.ctx);
    v->stopped = true;
}

void axvm_vintc_clock_start(struct axvm *vm)
{
    struct axvm_vintc *v = vm->arch.vintc;

    if (!v->stopped)
        return;
    v->clock_offset += vm->hal.time_ns(vm->hal.ctx) - v->stopped_at;
    v->stopped = false;
}
