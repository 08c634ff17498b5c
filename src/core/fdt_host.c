/* SPDX-License-Identifier: BSD-2-Clause */
/* What the host's tree says about a device that is to be passed through. */
#include <axvm/err.h>
#include <libfdt.h>

#include "arch.h"
#include "bits.h"
#include "fdt_reader.h"
#include "str.h"

/* Buses above a device; deeper trees are refused. */
#define MAX_DEPTH 16
#define MAX_IRQ_CELLS 4

/* One line of "ranges": child address, parent address, size. */
struct bus_cells {
    unsigned int child, parent, size;
};

/* Does *addr of [*addr, *addr + len) lie in a window of this "ranges"? Then make it the parent's address. */
static bool through_ranges(const uint8_t *ranges, int prop_len, const struct bus_cells *cells, uint64_t *addr, uint64_t len)
{
    unsigned int line = (cells->child + cells->parent + cells->size) * 4;

    for (unsigned int left = (unsigned int)prop_len; left >= line; left -= line, ranges += line) {
        uint64_t child = axvm_fdt_cells(ranges, cells->child);
        uint64_t parent = axvm_fdt_cells(ranges + cells->child * 4, cells->parent);
        uint64_t size = axvm_fdt_cells(ranges + (cells->child + cells->parent) * 4, cells->size);

        if (*addr >= child && *addr - child < size && len <= size - (*addr - child)) {
            *addr = parent + (*addr - child);
            return true;
        }
    }
    return false;
}

/* @addr is of bus @bus (the parent of a device). Up to the root, whose addresses are the CPU's. */
static int to_root(const struct axvm_fdt_reader *r, int bus, uint64_t *addr, uint64_t len)
{
    for (unsigned int depth = 0; bus != 0; depth++) {
        int prop_len, parent = fdt_parent_offset(r->fdt, bus);
        const uint8_t *ranges = fdt_getprop(r->fdt, bus, "ranges", &prop_len);
        struct bus_cells cells = { .child = axvm_fdt_cell_count(r, bus, "#address-cells", 2),
                                   .size = axvm_fdt_cell_count(r, bus, "#size-cells", 1) };

        if (depth == MAX_DEPTH || parent < 0 || ranges == NULL)
            return axvm_fdt_bad(r, "ranges", 0, "the device is on a bus that the CPU does not see");
        cells.parent = axvm_fdt_cell_count(r, parent, "#address-cells", 2);
        if (prop_len != 0 &&
            (cells.child == 0 || cells.parent == 0 || cells.size == 0 || !through_ranges(ranges, prop_len, &cells, addr, len)))
            return axvm_fdt_bad(r, "ranges", 0, "the device's registers are outside its bus");
        bus = parent;
    }
    return AXVM_OK;
}

int axvm_fdt_host_reg(const struct axvm_fdt_reader *r, int node, uint64_t *addr, uint64_t *len)
{
    int prop_len, bus = fdt_parent_offset(r->fdt, node);
    const uint8_t *reg = fdt_getprop(r->fdt, node, "reg", &prop_len);
    unsigned int ac, sc;

    *addr = *len = 0;
    if (reg == NULL || bus < 0)
        return AXVM_OK;
    ac = axvm_fdt_cell_count(r, bus, "#address-cells", 2);
    sc = axvm_fdt_cell_count(r, bus, "#size-cells", 1);
    if (ac == 0 || sc == 0 || (unsigned int)prop_len < (ac + sc) * 4)
        return axvm_fdt_bad(r, "reg", 0, "not an address and a size");
    *addr = axvm_fdt_cells(reg, ac);
    *len = axvm_fdt_cells(reg + ac * 4, sc);
    if (*len == 0 || *len > UINT64_MAX - *addr)
        return axvm_fdt_bad(r, "reg", 0, "empty, or wraps");
    if (to_root(r, bus, addr, *len) != AXVM_OK)
        return AXVM_ERR_FORMAT;
    return *len <= UINT64_MAX - *addr ? AXVM_OK : axvm_fdt_bad(r, "ranges", 0, "the device's address wraps");
}

int axvm_fdt_host_ports(const struct axvm_fdt_reader *r, int node, uint16_t *port, uint16_t *count)
{
    int len, bus = fdt_parent_offset(r->fdt, node);
    const uint8_t *reg = fdt_getprop(r->fdt, node, "reg", &len);
    uint64_t first, n;

    if (reg == NULL || bus < 0 || !axvm_fdt_is(r, bus, "isa") || len < 12 || (axvm_fdt_cells(reg, 1) & 1) == 0)
        return AXVM_ERR_NOENT;
    if (axvm_fdt_cell_count(r, bus, "#address-cells", 2) != 2 || axvm_fdt_cell_count(r, bus, "#size-cells", 1) != 1)
        return axvm_fdt_bad(r, "reg", 0, "not two cells of address and one of size, as on an ISA bus");
    first = axvm_fdt_cells(reg + 4, 1);
    n = axvm_fdt_cells(reg + 8, 1);
    if (n == 0 || first > UINT16_MAX || n > UINT16_MAX - first + 1 || n > UINT16_MAX)
        return axvm_fdt_bad(r, "reg", 0, "no I/O ports, or more than there are");
    *port = (uint16_t)first;
    *count = (uint16_t)n;
    return AXVM_OK;
}

/* The node that "interrupts" of @node is about: its own interrupt-parent, or the nearest one above. -1: none. */
static int interrupt_parent(const struct axvm_fdt_reader *r, int node)
{
    for (unsigned int depth = 0; depth < MAX_DEPTH && node >= 0; depth++) {
        int len;
        const uint8_t *phandle = fdt_getprop(r->fdt, node, "interrupt-parent", &len);

        if (phandle != NULL)
            return len == 4 ? fdt_node_offset_by_phandle(r->fdt, (uint32_t)axvm_fdt_cells(phandle, 1)) : -1;
        node = node != 0 ? fdt_parent_offset(r->fdt, node) : -1;
    }
    return -1;
}

/* The first specifier, of @len bytes that follow it in the property. */
static int decode(const struct axvm_fdt_reader *r, int controller, const uint8_t *spec, int len, uint32_t *irq, bool *edge)
{
    uint32_t cells[MAX_IRQ_CELLS];
    uint64_t count = 0;

    if (controller < 0 || axvm_fdt_read_number(r, controller, "#interrupt-cells", &count) != AXVM_OK)
        return axvm_fdt_bad(r, "interrupts", 0, "no interrupt controller is named");
    if (count == 0 || count > MAX_IRQ_CELLS || (uint64_t)len < count * 4)
        return axvm_fdt_bad(r, "interrupts", 0, "not as long as #interrupt-cells says");
    for (unsigned int i = 0; i < count; i++)
        cells[i] = (uint32_t)axvm_fdt_cells(spec + i * 4, 1);
    if (axvm_arch_irq_from_cells(cells, (unsigned int)count, irq, edge) != AXVM_OK)
        return axvm_fdt_bad(r, "interrupts", 0, "not an interrupt that a guest can be given");
    return AXVM_OK;
}

int axvm_fdt_host_irq(const struct axvm_fdt_reader *r, int node, uint32_t *irq, bool *edge)
{
    int len;
    const uint8_t *spec = fdt_getprop(r->fdt, node, "interrupts-extended", &len);

    *irq = 0;
    *edge = false;
    if (spec != NULL && len >= 4)
        return decode(r, fdt_node_offset_by_phandle(r->fdt, (uint32_t)axvm_fdt_cells(spec, 1)), spec + 4, len - 4, irq, edge);
    spec = fdt_getprop(r->fdt, node, "interrupts", &len);
    if (spec == NULL)
        return AXVM_OK;
    return decode(r, interrupt_parent(r, node), spec, len, irq, edge);
}

/* Its ports or its memory. @gpa: where the guest sees the latter; all ones: where it is. */
static int read_registers(struct axvm_fdt_reader *r, int node, uint32_t index, uint64_t gpa, struct axvm_passthrough *dev)
{
    int rc = axvm_fdt_host_ports(r, node, &dev->port, &dev->port_count);

    if (rc != AXVM_ERR_NOENT)
        return rc;
    rc = axvm_fdt_host_reg(r, node, &dev->base_hpa.v, &dev->len);
    /* Rounding up would give the guest what else is in the page. */
    if (rc == AXVM_OK && !axvm_is_aligned(dev->base_hpa.v | dev->len, AXVM_PAGE_SIZE))
        return axvm_fdt_bad(r, "axvm,passthrough", index, "its registers are not whole pages of 4 KiB");
    dev->base_gpa = axvm_gpa(gpa == UINT64_MAX ? dev->base_hpa.v : gpa);
    return rc;
}

static int add_device(struct axvm_fdt_reader *r, const char *path, uint32_t index, uint64_t gpa)
{
    /* Without the slash libfdt would look up an alias, and follow one that names itself for ever. */
    int rc, node = path != NULL && path[0] == '/' ? fdt_path_offset(r->fdt, path) : -1;
    struct axvm_passthrough dev = { .fdt = r->fdt, .fdt_size = r->fdt_size, .fdt_path = path };

    if (node <= 0)
        return axvm_fdt_bad(r, "axvm,passthrough", index, "no such node");
    dev.name = fdt_get_name(r->fdt, node, NULL);
    rc = read_registers(r, node, index, gpa, &dev);
    if (rc == AXVM_OK)
        rc = axvm_fdt_read_string(r, node, "axvm,acpi-hid", &dev.acpi_hid);
    if (rc == AXVM_OK)
        rc = axvm_fdt_host_irq(r, node, &dev.host_irq, &dev.edge);
    if (rc != AXVM_OK)
        return rc;
    dev.guest_irq = dev.host_irq;
    return axvm_builder_passthrough(r->b, &dev) == AXVM_OK ? AXVM_OK
                                                           : axvm_fdt_bad(r, "axvm,passthrough", index, "too many devices");
}

int axvm_fdt_read_passthrough(struct axvm_fdt_reader *r, int node)
{
    int len, rc = AXVM_OK;
    int count = axvm_fdt_has(r, node, "axvm,passthrough") ? fdt_stringlist_count(r->fdt, node, "axvm,passthrough") : 0;
    const uint8_t *gpa = fdt_getprop(r->fdt, node, "axvm,passthrough-gpa", &len);

    if (count < 0 || count > AXVM_MAX_PASSTHROUGH)
        return axvm_fdt_bad(r, "axvm,passthrough", 0, "not a list of up to 32 strings");
    if (gpa != NULL && len != count * 8)
        return axvm_fdt_bad(r, "axvm,passthrough-gpa", 0, "not one 64-bit address for each axvm,passthrough");
    for (int i = 0; rc == AXVM_OK && i < count; i++) {
        const char *path = fdt_stringlist_get(r->fdt, node, "axvm,passthrough", i, NULL);

        rc = add_device(r, path, (uint32_t)i, gpa != NULL ? axvm_fdt_cells(gpa + i * 8, 2) : UINT64_MAX);
    }
    return rc;
}
