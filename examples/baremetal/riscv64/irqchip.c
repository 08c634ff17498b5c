/* SPDX-License-Identifier: BSD-2-Clause */
#include "irqchip.h"

#include <libfdt.h>

#include "board.h"
#include "machine.h"

static bool aia;

/* The hart whose interrupt controller has this phandle. */
static bool is_intc_of(uint32_t phandle, uint64_t hart)
{
    int intc = fdt_node_offset_by_phandle(machine.fdt, phandle), cpu = fdt_parent_offset(machine.fdt, intc), len;
    const fdt32_t *reg = cpu >= 0 ? fdt_getprop(machine.fdt, cpu, "reg", &len) : NULL;

    return reg && len >= 4 && fdt32_ld((const fdt32_t *)((const char *)reg + len - 4)) == hart;
}

int irqchip_output_of(int node, uint64_t hart)
{
    int len;
    const fdt32_t *cells = fdt_getprop(machine.fdt, node, "interrupts-extended", &len);

    for (int i = 0; cells && i + 1 < len / 4; i += 2) {
        if (fdt32_ld(cells + i + 1) == EXTERNAL_S && is_intc_of(fdt32_ld(cells + i), hart))
            return i / 2;
    }
    return -1;
}

void irqchip_init(uint32_t uart)
{
    aia = aia_init(uart);
    if (!aia && !plic_init(uart))
        host_fail("there is neither a PLIC nor an APLIC");
}

void irqchip_cpu_init(void)
{
    if (aia)
        aia_cpu_init();
}

bool irqchip_enable(uint32_t source, bool edge)
{
    return aia ? aia_enable(source, edge) : plic_enable(source, edge);
}

void irqchip_disable(uint32_t source)
{
    if (aia)
        aia_disable(source);
    else
        plic_disable(source);
}

void irqchip_complete(uint32_t source)
{
    if (aia)
        aia_complete(source);
    else
        plic_complete(source);
}

void irqchip_handle_irq(void)
{
    if (aia)
        aia_handle_irq();
    else
        plic_handle_irq();
}

const char *irqchip_name(void)
{
    return !aia ? "PLIC" : aia_has_imsic() ? "IMSIC" : "APLIC";
}

uint32_t irqchip_imsic_ids(void)
{
    return aia ? aia_imsic_ids() : 0;
}

uint64_t irqchip_imsic(void)
{
    return aia && aia_has_imsic() ? aia_imsic() : 0;
}
