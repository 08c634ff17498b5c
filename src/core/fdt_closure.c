/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which nodes of the host's tree a passthrough device needs: a fixed clock, a fixed regulator, and what those refer to. Only
 * nodes that are no hardware of their own come along; a clock controller with registers is the host's, unless it has been
 * passed through as well. A list worked off from the front, so there is no recursion, and its size bounds it.
 */
#include <axvm/err.h>
#include <libfdt.h>

#include "arch.h"
#include "bits.h"
#include "fdt_refs.h"
#include "str.h"

/* Deeper trees are not looked into. */
#define MAX_DEPTH 16
/* Longest specifier after a phandle. */
#define MAX_REF_CELLS 16

static const struct axvm_fdt_ref_kind ref_kinds[] = {
    { "clocks", "#clock-cells", "clock-names" },
    { "resets", "#reset-cells", "reset-names" },
    { "phys", "#phy-cells", "phy-names" },
    { "power-domains", "#power-domain-cells", "power-domain-names" },
};

/* "vdd-supply = <&regulator>": one phandle, nothing behind it. */
static const struct axvm_fdt_ref_kind supply_kind = { NULL, NULL, NULL };

const struct axvm_fdt_ref_kind *axvm_fdt_ref_kind(const char *property)
{
    for (size_t i = 0; i < AXVM_ARRAY_LEN(ref_kinds); i++) {
        if (axvm_streq(property, ref_kinds[i].property))
            return &ref_kinds[i];
    }
    return axvm_str_ends(property, "-supply") ? &supply_kind : NULL;
}

const char *axvm_fdt_ref_named_by(const char *property)
{
    for (size_t i = 0; i < AXVM_ARRAY_LEN(ref_kinds); i++) {
        if (axvm_streq(property, ref_kinds[i].names))
            return ref_kinds[i].property;
    }
    return NULL;
}

int axvm_fdt_ref_next(const void *fdt, const struct axvm_fdt_ref_kind *kind, const uint8_t *val, int len, int *off, int *node)
{
    uint32_t phandle, cells = 0;
    const void *count;
    int count_len;

    if (*off == len)
        return 0;
    if (len - *off < 4)
        return -1;
    phandle = fdt32_ld((const fdt32_t *)(const void *)(val + *off));
    *off += 4;
    *node = AXVM_FDT_NO_NODE;
    if (phandle == 0) /* a hole in the list: no specifier follows */
        return 1;
    *node = fdt_node_offset_by_phandle(fdt, phandle);
    if (*node < 0)
        return -1;
    if (kind->cells != NULL) {
        count = fdt_getprop(fdt, *node, kind->cells, &count_len);
        if (count == NULL || count_len != 4)
            return -1;
        cells = fdt32_ld(count);
    }
    if (cells > MAX_REF_CELLS || (int)cells * 4 > len - *off)
        return -1;
    *off += (int)cells * 4;
    return 1;
}

int axvm_fdt_closure_index(const struct axvm_fdt_closure *closure, const void *fdt, int node)
{
    for (uint32_t i = 0; i < closure->count; i++) {
        if (closure->nodes[i].fdt == fdt && closure->nodes[i].node == node)
            return (int)i;
    }
    return -1;
}

/* No registers, and no part of something that is hardware: only containers above it. */
static bool is_portable(const void *fdt, int node)
{
    if (fdt_getprop(fdt, node, "reg", NULL) != NULL)
        return false;
    for (unsigned int depth = 0; depth < MAX_DEPTH; depth++) {
        node = fdt_parent_offset(fdt, node);
        if (node == 0)
            return true;
        if (node < 0 || fdt_getprop(fdt, node, "reg", NULL) != NULL)
            return false;
        if (fdt_getprop(fdt, node, "compatible", NULL) != NULL && fdt_node_check_compatible(fdt, node, "simple-bus") != 0)
            return false;
    }
    return false;
}

/* Can every reference in this property be met? */
static bool can_resolve(const struct axvm_fdt_closure *closure, const void *fdt, const struct axvm_fdt_ref_kind *kind,
                        const uint8_t *val, int len)
{
    int off = 0, node, rc;

    while ((rc = axvm_fdt_ref_next(fdt, kind, val, len, &off, &node)) > 0) {
        if (node != AXVM_FDT_NO_NODE && axvm_fdt_closure_index(closure, fdt, node) < 0 && !is_portable(fdt, node))
            return false;
    }
    return rc == 0;
}

/* Add what this property refers to. What finds no room is left out, and with it the property: see axvm_fdt_ref_is_met(). */
static void add_refs(struct axvm_fdt_closure *closure, const void *fdt, const struct axvm_fdt_ref_kind *kind,
                     const uint8_t *val, int len)
{
    int off = 0, node;

    if (!can_resolve(closure, fdt, kind, val, len))
        return;
    while (axvm_fdt_ref_next(fdt, kind, val, len, &off, &node) > 0) {
        if (node == AXVM_FDT_NO_NODE || axvm_fdt_closure_index(closure, fdt, node) >= 0)
            continue;
        if (closure->count == AXVM_FDT_MAX_CARRIED)
            return;
        closure->nodes[closure->count++] = (struct axvm_fdt_carried){ .fdt = fdt, .node = node, .device = UINT32_MAX };
    }
}

static void add_refs_of_node(struct axvm_fdt_closure *closure, const void *fdt, int node)
{
    const struct axvm_fdt_ref_kind *kind;
    const char *name;
    const void *val;
    int prop, len;

    fdt_for_each_property_offset(prop, fdt, node)
    {
        val = fdt_getprop_by_offset(fdt, prop, &name, &len);
        kind = val != NULL ? axvm_fdt_ref_kind(name) : NULL;
        if (kind != NULL)
            add_refs(closure, fdt, kind, val, len);
    }
}

bool axvm_fdt_ref_is_met(const struct axvm_fdt_closure *closure, const void *fdt, const struct axvm_fdt_ref_kind *kind,
                         const uint8_t *val, int len)
{
    int off = 0, node, rc;

    while ((rc = axvm_fdt_ref_next(fdt, kind, val, len, &off, &node)) > 0) {
        if (node != AXVM_FDT_NO_NODE && axvm_fdt_closure_index(closure, fdt, node) < 0)
            return false;
    }
    return rc == 0;
}

/* The host's node of passthrough device @index, if the config names one. */
static int add_device(struct axvm *vm, uint32_t index, struct axvm_fdt_closure *closure)
{
    const struct axvm_passthrough *dev = &vm->cfg.passthrough[index];
    int node;

    if (dev->name == NULL || dev->fdt == NULL)
        return AXVM_OK;
    if (!axvm_fdt_is_valid(dev->fdt, dev->fdt_size)) {
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: passthrough.fdt is not a well-formed device tree, aligned to 8");
        return AXVM_ERR_FORMAT;
    }
    /* Without the slash libfdt would look up an alias, and follow one that names itself for ever. */
    node = dev->fdt_path != NULL && dev->fdt_path[0] == '/' ? fdt_path_offset(dev->fdt, dev->fdt_path) : -FDT_ERR_BADPATH;
    if (node < 0) {
        axvm_log(&vm->hal, AXVM_LOG_ERROR, "load: passthrough.fdt_path names no node");
        return AXVM_ERR_FORMAT;
    }
    closure->nodes[closure->count++] = (struct axvm_fdt_carried){ .fdt = dev->fdt, .node = node, .device = index };
    return AXVM_OK;
}

int axvm_fdt_closure_find(struct axvm *vm, struct axvm_fdt_closure *closure)
{
    _Static_assert(AXVM_MAX_PASSTHROUGH < AXVM_FDT_MAX_CARRIED, "all devices fit before their dependencies come");
    int rc = AXVM_OK;

    closure->count = 0;
    for (uint32_t i = 0; rc == AXVM_OK && i < vm->cfg.passthrough_count; i++)
        rc = add_device(vm, i, closure);
    for (uint32_t i = 0; rc == AXVM_OK && i < closure->count; i++)
        add_refs_of_node(closure, closure->nodes[i].fdt, closure->nodes[i].node);
    return rc;
}
