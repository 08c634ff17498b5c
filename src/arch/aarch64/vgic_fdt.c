/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's device tree node. Linux, Documentation/devicetree/bindings/interrupt-controller/arm,gic-v3.yaml. No maintenance
 * interrupt: guests have no EL2. */
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "vgic.h"

static void put_range(uint32_t *cells, uint64_t base, uint64_t size)
{
    cells[0] = (uint32_t)(base >> 32);
    cells[1] = (uint32_t)base;
    cells[2] = (uint32_t)(size >> 32);
    cells[3] = (uint32_t)size;
}

int axvm_vgic_describe(struct axvm *vm, void *fdt)
{
    const struct axvm_vgic *g = &vm->arch.vgic;
    unsigned int regions = g->regions[1].size != 0 ? 2 : 1;
    struct axvm_fdt_writer w = { .fdt = fdt };
    uint32_t reg[12];

    put_range(reg, g->gicd_base, g->gicd.windows[0].len);
    put_range(reg + 4, g->regions[0].base, g->regions[0].size);
    put_range(reg + 8, g->regions[1].base, g->regions[1].size);
    axvm_fw_begin_at(&w, "interrupt-controller", g->gicd_base);
    axvm_fw_string(&w, "compatible", "arm,gic-v3");
    axvm_fw_u32(&w, "#interrupt-cells", 3);
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_u32(&w, "#redistributor-regions", regions);
    axvm_fw_cells(&w, "reg", reg, 4 + 4 * regions);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_INTC);
    axvm_fw_end(&w);
    return w.err;
}
