/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest finds in its ACPI name space: CPUs, the PC's devices, UARTs at ports, passthrough devices. */
#include "acpi_priv.h"
#include "bits.h"
#include "platform.h"

static void put_number(char name[4], unsigned int n)
{
    static const char digits[] = "0123456789ABCDEF";

    name[2] = digits[n >> 4 & 15];
    name[3] = digits[n & 15];
}

/* "Declaring Processors": Linux's driver for C and P states wants them; the MADT is enough for all else. */
static void write_cpus(const struct axvm *vm, struct axvm_aml *w)
{
    char name[4] = { 'C', 'P', '0', '0' };

    for (uint32_t id = 0; id < vm->cfg.vcpu_count; id++) {
        uint32_t begin;

        put_number(name, id);
        begin = axvm_aml_begin_device(w, name);
        axvm_aml_name_hid(w, "ACPI0007");
        axvm_aml_name_integer(w, "_UID", id);
        axvm_aml_end(w, begin);
    }
}

/* A device at ports, with an ISA interrupt if @irq is one. */
struct isa_device {
    char name[5], hid[8];
    int irq;
    struct {
        uint16_t base;
        uint8_t len;
    } ports[4];
};

static void write_isa(struct axvm_aml *w, const struct isa_device *d, unsigned int uid)
{
    uint32_t begin = axvm_aml_begin_device(w, d->name), crs;

    axvm_aml_name_hid(w, d->hid);
    axvm_aml_name_integer(w, "_UID", uid);
    crs = axvm_aml_begin_crs(w);
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(d->ports) && d->ports[i].len != 0; i++)
        axvm_aml_ports(w, d->ports[i].base, d->ports[i].len);
    if (d->irq >= 0)
        axvm_aml_isa_irq(w, (unsigned int)d->irq);
    axvm_aml_end_crs(w, crs);
    axvm_aml_end(w, begin);
}

static void write_platform(const struct axvm *vm, struct axvm_aml *w)
{
    static const struct isa_device pic = { "PIC_", "PNP0000", 2, { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 } } };
    static const struct isa_device timer = { "TIMR", "PNP0100", 0, { { 0x40, 4 } } };
    static const struct isa_device rtc = { "RTC_", "PNP0B00", 8, { { 0x70, 2 } } };
    static const struct isa_device board = { "PWR_", "PNP0C02", -1, { { AXVM_X86_PM_BASE, 16 }, { 0x61, 1 }, { 0x92, 1 } } };

    if (vm->cfg.irq_mode != AXVM_IRQ_NONE)
        write_isa(w, &pic, 0);
    if (axvm_x86_platform_has_clocks(vm)) {
        write_isa(w, &timer, 0);
        write_isa(w, &rtc, 0);
    }
    write_isa(w, &board, 0);
}

static void write_interrupt(struct axvm_aml *w, uint32_t irq, bool edge)
{
    if (irq < 16 && edge)
        axvm_aml_isa_irq(w, irq);
    else
        axvm_aml_irq(w, irq, edge);
}

static void write_uarts(const struct axvm *vm, struct axvm_aml *w)
{
    char name[4] = { 'C', 'O', '0', '0' };

    for (uint32_t i = 0; i < vm->cfg.device_count; i++) {
        const struct axvm_emu_device *dev = &vm->cfg.devices[i];
        uint32_t begin, crs;

        if (dev->type != AXVM_EMU_NS16550)
            continue;
        put_number(name, i);
        begin = axvm_aml_begin_device(w, name);
        axvm_aml_name_hid(w, "PNP0501");
        axvm_aml_name_integer(w, "_UID", i);
        crs = axvm_aml_begin_crs(w);
        if (dev->port)
            axvm_aml_ports(w, (uint16_t)dev->base, 8);
        else
            axvm_aml_memory(w, dev->base, 8);
        if (vm->cfg.irq_mode != AXVM_IRQ_NONE)
            write_interrupt(w, dev->irq, dev->port && dev->irq < 16);
        axvm_aml_end_crs(w, crs);
        axvm_aml_end(w, begin);
    }
}

/* Descriptors of ports say up to 255. */
static void write_all_ports(struct axvm_aml *w, const struct axvm_passthrough *p)
{
    uint32_t base = p->port, left = p->port_count;

    while (left != 0 && !w->full) {
        uint8_t len = (uint8_t)(left < 128 ? left : 128);

        axvm_aml_ports(w, (uint16_t)base, len);
        base += len;
        left -= len;
    }
}

static void write_passthrough(const struct axvm *vm, struct axvm_aml *w)
{
    char name[4] = { 'P', 'T', '0', '0' };

    for (uint32_t i = 0; i < vm->cfg.passthrough_count; i++) {
        const struct axvm_passthrough *p = &vm->cfg.passthrough[i];
        uint32_t begin, crs;

        if (!p->acpi_hid)
            continue;
        put_number(name, i);
        begin = axvm_aml_begin_device(w, name);
        axvm_aml_name_hid(w, p->acpi_hid);
        axvm_aml_name_integer(w, "_UID", 0x100 + i); /* apart from ours of the same _HID */
        crs = axvm_aml_begin_crs(w);
        write_all_ports(w, p);
        if (p->len != 0)
            axvm_aml_memory(w, p->base_gpa.v, p->len);
        if (p->host_irq != 0 && vm->cfg.irq_mode != AXVM_IRQ_NONE)
            write_interrupt(w, p->guest_irq, p->edge);
        axvm_aml_end_crs(w, crs);
        axvm_aml_end(w, begin);
    }
}

void axvm_acpi_write_devices(const struct axvm *vm, struct axvm_aml *w)
{
    uint32_t scope;

    axvm_aml_name_sleep(w, "_S5_", AXVM_X86_SLP_TYP_S5);
    scope = axvm_aml_begin_scope(w, "_SB_");
    write_cpus(vm, w);
    write_platform(vm, w);
    write_uarts(vm, w);
    write_passthrough(vm, w);
    axvm_aml_end(w, scope);
}
