/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree the host gives, made true: the memory this VM has, and what the kernel is told in /chosen. */
#include <axvm/err.h>
#include <libfdt.h>

#include "arch.h"
#include "fdt_priv.h"
#include "load.h"
#include "str.h"

/* More memory nodes than that are not a tree that anybody wrote. */
#define MAX_OLD_MEMORY_NODES 64

/* libfdt's own fdt_setprop_string() is a macro that calls strlen(). */
static int set_string(void *fdt, int node, const char *name, const char *val)
{
    return fdt_setprop(fdt, node, name, val, (int)axvm_strlen(val) + 1);
}

static int drop_memory(void *fdt)
{
    for (unsigned int i = 0; i < MAX_OLD_MEMORY_NODES; i++) {
        int node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", sizeof("memory"));

        if (node == -FDT_ERR_NOTFOUND)
            return 0;
        if (node < 0)
            return node;
        node = fdt_del_node(fdt, node);
        if (node != 0)
            return node;
    }
    return -FDT_ERR_BADSTRUCTURE;
}

/* Append one number of @cells cells. */
static int append_number(void *fdt, int node, const char *name, int cells, uint64_t val)
{
    if (cells == 2)
        return fdt_appendprop_u64(fdt, node, name, val);
    if (cells == 1 && val <= UINT32_MAX)
        return fdt_appendprop_u32(fdt, node, name, (uint32_t)val);
    return -FDT_ERR_BADNCELLS;
}

static int add_memory_node(void *fdt, uint64_t gpa, uint64_t len)
{
    char name[32];
    int node, rc;

    axvm_put_hex(axvm_put_str(name, "memory@"), gpa);
    node = fdt_subnode_offset(fdt, 0, name);
    if (node >= 0 && (rc = fdt_del_node(fdt, node)) != 0)
        return rc;
    node = fdt_add_subnode(fdt, 0, name);
    if (node < 0)
        return node;
    rc = set_string(fdt, node, "device_type", "memory");
    if (rc == 0)
        rc = append_number(fdt, node, "reg", fdt_address_cells(fdt, 0), gpa);
    if (rc == 0)
        rc = append_number(fdt, node, "reg", fdt_size_cells(fdt, 0), len);
    return rc;
}

static int patch_memory(struct axvm *vm, void *fdt)
{
    uint64_t from = 0, gpa, len;
    int rc = drop_memory(fdt);

    while (rc == 0 && axvm_next_ram(vm, &from, &gpa, &len))
        rc = add_memory_node(fdt, gpa, len);
    return rc;
}

/* libfdt deletes only what is there. */
static int drop_property(void *fdt, int node, const char *name)
{
    int rc = fdt_delprop(fdt, node, name);

    return rc == -FDT_ERR_NOTFOUND ? 0 : rc;
}

static int patch_initrd(void *fdt, int chosen, const struct axvm_fdt_boot *boot)
{
    int rc = drop_property(fdt, chosen, "linux,initrd-start");

    if (rc == 0)
        rc = drop_property(fdt, chosen, "linux,initrd-end");
    if (rc != 0 || boot->initrd_size == 0)
        return rc;
    rc = fdt_setprop_u64(fdt, chosen, "linux,initrd-start", boot->initrd);
    return rc == 0 ? fdt_setprop_u64(fdt, chosen, "linux,initrd-end", boot->initrd + boot->initrd_size) : rc;
}

/* Seeds that come with the file are the same at every boot: replaced, or dropped when the host has no entropy. */
static int patch_seed(struct axvm *vm, void *fdt, int chosen, const char *name, size_t len)
{
    uint8_t seed[AXVM_FDT_SEED_SIZE];

    if (!axvm_fdt_seed(vm, seed, len))
        return drop_property(fdt, chosen, name);
    return fdt_setprop(fdt, chosen, name, seed, (int)len);
}

static int patch_chosen(struct axvm *vm, const struct axvm_fdt_boot *boot, void *fdt)
{
    int chosen = fdt_subnode_offset(fdt, 0, "chosen");
    int rc = 0;

    if (chosen == -FDT_ERR_NOTFOUND)
        chosen = fdt_add_subnode(fdt, 0, "chosen");
    if (chosen < 0)
        return chosen;
    if (vm->cfg.image.cmdline != NULL)
        rc = set_string(fdt, chosen, "bootargs", vm->cfg.image.cmdline);
    if (rc == 0)
        rc = patch_initrd(fdt, chosen, boot);
    if (rc == 0)
        rc = patch_seed(vm, fdt, chosen, "kaslr-seed", 8);
    if (rc == 0)
        rc = patch_seed(vm, fdt, chosen, "rng-seed", AXVM_FDT_SEED_SIZE);
    return rc;
}

int axvm_fdt_patch(struct axvm *vm, const struct axvm_fdt_boot *boot, void *buf, size_t size)
{
    int rc = fdt_open_into(vm->cfg.image.fdt.data, buf, (int)size);

    if (rc == 0)
        rc = patch_memory(vm, buf);
    if (rc == 0)
        rc = patch_chosen(vm, boot, buf);
    return rc == 0 ? fdt_pack(buf) : rc;
}
