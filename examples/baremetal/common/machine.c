/* SPDX-License-Identifier: BSD-2-Clause */
#include "machine.h"

#include <libfdt.h>

#include "lib.h"

struct machine machine;
struct host_options options;

static uint64_t read_cells(const fdt32_t *p, unsigned int cells)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < cells; i++)
        v = v << 32 | fdt32_ld(p + i);
    return v;
}

/* Element @index of the node's "reg". */
static bool node_reg(int parent, int node, unsigned int index, struct range *out)
{
    int len, addr_cells = fdt_address_cells(machine.fdt, parent), size_cells = fdt_size_cells(machine.fdt, parent);
    const fdt32_t *reg = fdt_getprop(machine.fdt, node, "reg", &len);
    unsigned int stride;

    if (!reg || addr_cells < 1 || addr_cells > 2 || size_cells < 0 || size_cells > 2)
        return false;
    stride = (unsigned int)(addr_cells + size_cells);
    if ((uint64_t)len < (index + 1) * (uint64_t)stride * 4)
        return false;
    reg += index * stride;
    out->base = read_cells(reg, (unsigned int)addr_cells);
    out->size = read_cells(reg + addr_cells, (unsigned int)size_cells);
    return true;
}

bool machine_node_reg(int node, unsigned int index, struct range *out)
{
    return node_reg(fdt_parent_offset(machine.fdt, node), node, index, out);
}

bool machine_reg(const char *compatible, unsigned int index, struct range *out)
{
    int node = fdt_node_offset_by_compatible(machine.fdt, -1, compatible);

    return node >= 0 && machine_node_reg(node, index, out);
}

static void read_memory(void)
{
    int node;

    fdt_for_each_subnode(node, machine.fdt, 0)
    {
        const char *type = fdt_getprop(machine.fdt, node, "device_type", NULL);
        struct range r;

        if (!type || !str_equal(type, "memory"))
            continue;
        for (unsigned int i = 0; machine.ram_count < MAX_RAM_RANGES && node_reg(0, node, i, &r); i++) {
            if (r.size != 0)
                machine.ram[machine.ram_count++] = r;
        }
    }
}

static void read_cpus(void)
{
    int node, cpus = fdt_path_offset(machine.fdt, "/cpus");

    fdt_for_each_subnode(node, machine.fdt, cpus)
    {
        const char *type = fdt_getprop(machine.fdt, node, "device_type", NULL);
        struct range r;

        if (type && str_equal(type, "cpu") && machine.cpu_count < MAX_CPUS && node_reg(cpus, node, 0, &r))
            machine.cpu_hwid[machine.cpu_count++] = r.base;
    }
}

void machine_for_each_reserved(void (*fn)(const struct range *reserved))
{
    int node, parent = fdt_path_offset(machine.fdt, "/reserved-memory");

    if (parent < 0)
        return;
    fdt_for_each_subnode(node, machine.fdt, parent)
    {
        struct range r;

        for (unsigned int i = 0; node_reg(parent, node, i, &r); i++)
            fn(&r);
    }
}

static void for_each_module_of(int parent, void (*fn)(const struct range *module))
{
    int node;

    fdt_for_each_subnode(node, machine.fdt, parent)
    {
        struct range r;
        int len;
        const fdt32_t *reg;

        if (fdt_node_check_compatible(machine.fdt, node, "multiboot,module") != 0)
            continue;
        /* QEMU's guest-loader always writes two and two cells, and leaves #address-cells of /chosen alone. */
        reg = fdt_getprop(machine.fdt, node, "reg", &len);
        if (reg && len == 16)
            r = (struct range){ read_cells(reg, 2), read_cells(reg + 2, 2) };
        else if (!node_reg(parent, node, 0, &r))
            continue;
        fn(&r);
    }
}

void machine_for_each_module(void (*fn)(const struct range *module))
{
    int node, chosen = fdt_path_offset(machine.fdt, "/chosen");

    if (chosen < 0)
        return;
    for_each_module_of(chosen, fn);
    fdt_for_each_subnode(node, machine.fdt, chosen) for_each_module_of(node, fn);
}

static const struct flag {
    const char *word;
    bool *option;
    bool value;
} flags[] = {
    { "vhe=on", &options.vhe, true },
    { "vhe=off", &options.vhe, false },
    { "on-reset=reboot", &options.reboot, true },
    { "on-reset=stop", &options.reboot, false },
    { "stats", &options.stats, true },
    { "canary", &options.canary, true },
    { "guest-regs", &options.guest_regs, true },
    { "no-sstc", &options.no_sstc, true },
    { "no-apicv", &options.no_apicv, true },
    { "trust-apicv", &options.trust_apicv, true },
    { "hypercalls", &options.hypercalls, true },
    { "test-device", &options.test_device, true },
    { "hal-check", &options.hal_check, true },
    { "spare-boot-cpu", &options.spare_boot_cpu, true },
    { "verbose", &options.verbose, true },
};

static void option(const char *word)
{
    const char *value = str_after(word, "nonce=");

    if (value)
        options.nonce = value;
    for (unsigned int i = 0; i < ARRAY_LEN(flags); i++) {
        if (str_equal(word, flags[i].word))
            *flags[i].option = flags[i].value;
    }
}

/* Cuts @args into words in place. */
static void read_options(char *args)
{
    options.nonce = "-";
    while (*args != '\0') {
        char *word = args;

        while (*args != '\0' && *args != ' ')
            args++;
        if (*args == ' ')
            *args++ = '\0';
        if (*word != '\0')
            option(word);
    }
}

bool machine_init(const void *fdt)
{
    static char args[512];
    const char *bootargs;

    if (!fdt || fdt_check_header(fdt) != 0)
        return false;
    machine.fdt = fdt;
    machine.fdt_size = fdt_totalsize(fdt);
    read_memory();
    read_cpus();
    bootargs = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", NULL);
    format(args, sizeof(args), "%s", bootargs ? bootargs : "");
    read_options(args);
    return machine.ram_count != 0;
}
