/* SPDX-License-Identifier: BSD-2-Clause */
#include "tree.h"

#include <libfdt.h>

#include "lib.h"
#include "machine.h"
#include "pc.h"

/* Multiboot Specification 0.6.96, "Boot information format" */
#define MULTIBOOT_MAGIC 0x2badb002u
#define MULTIBOOT_CMDLINE (1u << 2)
#define MULTIBOOT_MODS (1u << 3)
#define MULTIBOOT_MMAP (1u << 6)

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

/* @c size is that of the rest. */
struct multiboot_mmap {
    uint32_t size;
    uint64_t base, len;
    uint32_t type;
} __attribute__((packed));
#define MMAP_RAM 1u

/* Below are the firmware's data, and where the other CPUs start. */
#define RAM_START 0x100000u
/* What board_map_ram() can reach. */
#define RAM_END (UINT64_C(512) << 30)

static uint64_t tree[65536 / 8];

static int set_reg(int node, uint64_t base, uint64_t size)
{
    int err = fdt_setprop_u64(tree, node, "reg", base);

    return err ? err : fdt_appendprop_u64(tree, node, "reg", size);
}

static int add_memory(const struct multiboot_mmap *m)
{
    uint64_t base = m->base > RAM_START ? m->base : RAM_START, end = m->base + m->len < RAM_END ? m->base + m->len : RAM_END;
    char name[32];
    int node, err;

    if (m->type != MMAP_RAM || m->len > RAM_END || base >= end)
        return 0;
    format(name, sizeof(name), "memory@%lx", (unsigned long)base);
    node = fdt_add_subnode(tree, 0, name);
    if (node < 0)
        return node;
    err = fdt_setprop_string(tree, node, "device_type", "memory");
    return err ? err : set_reg(node, base, end - base);
}

static int add_memories(const struct multiboot_info *info)
{
    int err = 0;

    for (uint32_t at = 0; !err && at + sizeof(struct multiboot_mmap) <= info->mmap_length;) {
        const struct multiboot_mmap *m = (const struct multiboot_mmap *)(uint64_t)(info->mmap_addr + at);

        err = add_memory(m);
        at += m->size + (uint32_t)sizeof(m->size);
    }
    return err;
}

static int add_cpu(int parent, uint32_t apic_id)
{
    char name[16];
    int node, err;

    format(name, sizeof(name), "cpu@%x", apic_id);
    node = fdt_add_subnode(tree, parent, name);
    if (node < 0)
        return node;
    err = fdt_setprop_string(tree, node, "device_type", "cpu");
    return err ? err : fdt_setprop_u32(tree, node, "reg", apic_id);
}

/* Each new node comes before the ones that are there. */
static int add_cpus(void)
{
    int parent = fdt_add_subnode(tree, 0, "cpus"), err;

    if (parent < 0)
        return parent;
    err = fdt_setprop_u32(tree, parent, "#address-cells", 1);
    if (!err)
        err = fdt_setprop_u32(tree, parent, "#size-cells", 0);
    for (unsigned int i = pc.cpu_count; !err && i-- > 0;)
        err = add_cpu(parent, pc.cpu_ids[i]);
    return err;
}

/* A node that is changed stays where it is. */
static int place_modules(const struct multiboot_info *info)
{
    const struct multiboot_module *mods = (const struct multiboot_module *)(uint64_t)info->mods_addr;
    int err = 0;

    for (int node = fdt_next_node(tree, -1, NULL); !err && node >= 0; node = fdt_next_node(tree, node, NULL)) {
        int len;
        const fdt32_t *number = fdt_getprop(tree, node, "axvm,module", &len);
        uint32_t n = number && len == 4 ? fdt32_ld(number) : UINT32_MAX;

        if (n < info->mods_count)
            err = set_reg(node, mods[n].start, mods[n].end - mods[n].start);
        else if (number)
            err = -FDT_ERR_NOTFOUND;
    }
    return err;
}

static int set_bootargs(const struct multiboot_info *info)
{
    const char *args = (const char *)(uint64_t)info->cmdline;
    int chosen = fdt_path_offset(tree, "/chosen");

    return (info->flags & MULTIBOOT_CMDLINE) && args[0] != '\0' ? fdt_setprop_string(tree, chosen, "bootargs", args) : 0;
}

static const char *fill_in(const struct multiboot_info *info)
{
    if (fdt_setprop_u32(tree, 0, "#address-cells", 2) || fdt_setprop_u32(tree, 0, "#size-cells", 2))
        return "no space for the tree";
    if (place_modules(info))
        return "the configuration names a module that there is not";
    if (set_bootargs(info))
        return "no space for the command line";
    return add_memories(info) || add_cpus() ? "no space for memory and CPUs" : NULL;
}

const void *tree_make(uint32_t magic, const struct multiboot_info *info, const char **why)
{
    const struct multiboot_module *config = (const struct multiboot_module *)(uint64_t)info->mods_addr;

    *why = "not started by a multiboot loader";
    if (magic != MULTIBOOT_MAGIC)
        return NULL;
    *why = "the boot loader gives no memory map";
    if ((info->flags & MULTIBOOT_MMAP) == 0)
        return NULL;
    *why = "the first module is no device tree";
    if ((info->flags & MULTIBOOT_MODS) == 0 || info->mods_count == 0 ||
        config->end - config->start < sizeof(struct fdt_header) ||
        fdt_open_into((const void *)(uint64_t)config->start, tree, sizeof(tree)) != 0)
        return NULL;
    *why = fill_in(info);
    return *why ? NULL : tree;
}
