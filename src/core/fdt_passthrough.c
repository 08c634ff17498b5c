/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passthrough devices in the guest's device tree: the host's node with its properties, but for what means the host's addresses,
 * interrupts and phandles. Children of the node do not come along.
 */
#include <libfdt.h>

#include "arch.h"
#include "bits.h"
#include "fdt_refs.h"
#include "fdt_writer.h"
#include "mem.h"

/* Rewritten, or about something that the guest has not: its bus, its IOMMU, pins, the host's memory. */
static const char *const dropped[] = {
    "reg",
    "interrupts",
    "interrupts-extended",
    "interrupt-parent",
    "interrupt-map",
    "interrupt-map-mask",
    "interrupt-affinity",
    "phandle",
    "linux,phandle",
    "ranges",
    "dma-ranges",
    "status",
    "secure-status",
    "iommus",
    "iommu-map",
    "iommu-map-mask",
    "msi-parent",
    "msi-map",
    "msi-map-mask",
    "memory-region",
    "dmas",
    "dma-names",
    "pinctrl-names",
    "assigned-clocks",
    "assigned-clock-parents",
    "assigned-clock-rates",
    "operating-points-v2",
    "interconnects",
    "interconnect-names",
    "mboxes",
    "mbox-names",
    "nvmem-cells",
    "nvmem-cell-names",
    "phy-handle",
    "wakeup-parent",
    "gpios",
    "cpu-idle-states",
    "thermal-sensors",
    "sound-dai",
    "io-channels",
    "io-channel-names",
    "pwms",
    "pwm-names",
    "hwlocks",
    "hwlock-names",
};
static const char *const dropped_endings[] = { "-gpios", "-gpio" };

static bool is_dropped(const char *name)
{
    for (size_t i = 0; i < AXVM_ARRAY_LEN(dropped); i++) {
        if (axvm_streq(name, dropped[i]))
            return true;
    }
    for (size_t i = 0; i < AXVM_ARRAY_LEN(dropped_endings); i++) {
        if (axvm_str_ends(name, dropped_endings[i]))
            return true;
    }
    return axvm_str_starts(name, "pinctrl-");
}

/* A list of strings with one string: "reg-names" still fits then, as one reg comes along. */
static bool is_one_string(const uint8_t *val, int len)
{
    for (int i = 0; i < len; i++) {
        if (val[i] == 0)
            return i == len - 1;
    }
    return false;
}

static bool is_kept(const struct axvm_fdt_closure *closure, const struct axvm_fdt_carried *from, const char *name,
                    const void *val, int len)
{
    const struct axvm_fdt_ref_kind *kind = axvm_fdt_ref_kind(name);
    const char *list = axvm_fdt_ref_named_by(name);

    if (is_dropped(name))
        return false;
    if (kind != NULL)
        return axvm_fdt_ref_is_met(closure, from->fdt, kind, val, len);
    if (list != NULL) {
        val = fdt_getprop(from->fdt, from->node, list, &len);
        return val != NULL && axvm_fdt_ref_is_met(closure, from->fdt, axvm_fdt_ref_kind(list), val, len);
    }
    if (axvm_streq(name, "reg-names") || axvm_streq(name, "interrupt-names"))
        return is_one_string(val, len);
    return true;
}

/* The list as it is, each phandle replaced by the guest's. */
static void copy_refs(struct axvm_fdt_writer *w, const struct axvm_fdt_closure *closure, const void *fdt, const char *name,
                      const uint8_t *val, int len)
{
    const struct axvm_fdt_ref_kind *kind = axvm_fdt_ref_kind(name);
    int off = 0, at = 0, node;
    void *out;

    w->err = fdt_property_placeholder(w->fdt, name, len, &out);
    if (w->err != 0)
        return;
    memcpy(out, val, (size_t)len);
    for (; axvm_fdt_ref_next(fdt, kind, val, len, &off, &node) > 0; at = off) {
        if (node != AXVM_FDT_NO_NODE)
            fdt32_st((uint8_t *)out + at, AXVM_PHANDLE_CARRIED + (uint32_t)axvm_fdt_closure_index(closure, fdt, node));
    }
}

static void copy_properties(struct axvm_fdt_writer *w, const struct axvm_fdt_closure *closure,
                            const struct axvm_fdt_carried *from)
{
    const char *name;
    const void *val;
    int prop, len;

    fdt_for_each_property_offset(prop, from->fdt, from->node)
    {
        if (w->err != 0)
            return;
        val = fdt_getprop_by_offset(from->fdt, prop, &name, &len);
        if (val == NULL || !is_kept(closure, from, name, val, len))
            continue;
        if (axvm_fdt_ref_kind(name) != NULL)
            copy_refs(w, closure, from->fdt, name, val, len);
        else
            axvm_fw_bytes(w, name, val, (size_t)len);
    }
}

/* Devicetree Specification, "Node Names": up to 31 of these characters. */
#define MAX_NODE_NAME 31

static char *put_node_name(char *out, const char *name)
{
    unsigned int len = 0;

    for (; name[len] != '\0' && name[len] != '@' && len < MAX_NODE_NAME; len++) {
        char c = name[len];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ',' || c == '.' ||
                    c == '_' || c == '+' || c == '-';

        *out++ = good ? c : '-';
    }
    if (len == 0)
        *out++ = 'x';
    *out = '\0';
    return out;
}

/* "rtc@9010000"; what has no address gets its number instead, as two nodes must not have one name. */
static void begin_device(struct axvm_fdt_writer *w, const struct axvm_passthrough *dev, uint32_t index)
{
    char name[MAX_NODE_NAME + 20];
    char *end = put_node_name(name, dev->name);

    axvm_put_hex(axvm_put_str(end, dev->len != 0 ? "@" : "-"), dev->len != 0 ? dev->base_gpa.v : index);
    axvm_fw_begin(w, name);
}

static void write_interrupt(struct axvm *vm, struct axvm_fdt_writer *w, const struct axvm_passthrough *dev)
{
    uint32_t cells[3];

    if (dev->host_irq != 0 && vm->cfg.irq_mode != AXVM_IRQ_NONE)
        axvm_fw_cells(w, "interrupts", cells, axvm_arch_irq_cells(vm, dev->guest_irq, dev->edge, cells));
}

/* Where device @index is in the closure; UINT32_MAX: the config names no host node. */
static uint32_t find_device(const struct axvm_fdt_closure *closure, uint32_t index)
{
    for (uint32_t i = 0; i < closure->count; i++) {
        if (closure->nodes[i].device == index)
            return i;
    }
    return UINT32_MAX;
}

static void write_device(struct axvm *vm, struct axvm_fdt_writer *w, const struct axvm_fdt_closure *closure, uint32_t index)
{
    const struct axvm_passthrough *dev = &vm->cfg.passthrough[index];
    uint32_t from = find_device(closure, index);

    if (dev->name == NULL)
        return;
    begin_device(w, dev, index);
    if (dev->len != 0)
        axvm_fw_reg(w, dev->base_gpa.v, dev->len);
    write_interrupt(vm, w, dev);
    if (from != UINT32_MAX) {
        axvm_fw_u32(w, "phandle", AXVM_PHANDLE_CARRIED + from);
        copy_properties(w, closure, &closure->nodes[from]);
    }
    axvm_fw_end(w);
}

static void write_dependency(struct axvm_fdt_writer *w, const struct axvm_fdt_closure *closure, uint32_t index)
{
    const struct axvm_fdt_carried *from = &closure->nodes[index];
    const char *host_name = fdt_get_name(from->fdt, from->node, NULL);
    char name[MAX_NODE_NAME + 20];

    axvm_put_hex(axvm_put_str(put_node_name(name, host_name != NULL ? host_name : ""), "-"), AXVM_PHANDLE_CARRIED + index);
    axvm_fw_begin(w, name);
    axvm_fw_u32(w, "phandle", AXVM_PHANDLE_CARRIED + index);
    copy_properties(w, closure, from);
    axvm_fw_end(w);
}

int axvm_fdt_passthrough(struct axvm *vm, const struct axvm_fdt_closure *closure, void *fdt)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    for (uint32_t i = 0; i < vm->cfg.passthrough_count; i++)
        write_device(vm, &w, closure, i);
    for (uint32_t i = 0; i < closure->count; i++) {
        if (closure->nodes[i].device == UINT32_MAX)
            write_dependency(&w, closure, i);
    }
    return w.err;
}
