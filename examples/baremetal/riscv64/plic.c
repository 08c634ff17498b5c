/* SPDX-License-Identifier: BSD-2-Clause */
#include <libfdt.h>

#include "board.h"
#include "irqchip.h"
#include "lib.h"
#include "machine.h"
#include "sched.h"

/* RISC-V PLIC Specification, "Memory Map" */
#define PRIORITY 0x0u
#define ENABLE 0x2000u
#define ENABLE_STRIDE 0x80u
#define CONTEXT 0x200000u
#define CONTEXT_STRIDE 0x1000u
#define THRESHOLD 0u
#define CLAIM 4u

static uintptr_t plic;
static uint32_t sources, uart_source, boot_context;
static struct spinlock lock;

static void write32(uintptr_t addr, uint32_t val)
{
    *(volatile uint32_t *)addr = val;
}

static uint32_t read32(uintptr_t addr)
{
    return *(volatile uint32_t *)addr;
}

bool plic_init(uint32_t uart)
{
    static const char *const names[] = { "sifive,plic-1.0.0", "riscv,plic0" };
    int node = -1, len, output;
    const fdt32_t *ndev;
    struct range reg;

    for (unsigned int i = 0; i < ARRAY_LEN(names) && node < 0; i++) {
        node = fdt_node_offset_by_compatible(machine.fdt, -1, names[i]);
        if (node >= 0 && !machine_reg(names[i], 0, &reg))
            node = -1;
    }
    output = node >= 0 ? irqchip_output_of(node, cpus[0].hwid) : -1;
    if (output < 0)
        return false;
    ndev = fdt_getprop(machine.fdt, node, "riscv,ndev", &len);
    sources = ndev && len == 4 ? fdt32_ld(ndev) + 1 : 0;
    plic = reg.base;
    uart_source = uart;
    boot_context = (uint32_t)output;
    for (uint32_t w = 0; w < (sources + 31) / 32; w++)
        write32(plic + ENABLE + boot_context * ENABLE_STRIDE + 4 * w, 0);
    write32(plic + CONTEXT + boot_context * CONTEXT_STRIDE + THRESHOLD, 0);
    return true;
}

static void set_enable(uint32_t source, bool on)
{
    unsigned long irqs = spin_lock(&lock);
    uintptr_t word = plic + ENABLE + boot_context * ENABLE_STRIDE + source / 32 * 4;
    uint32_t bit = UINT32_C(1) << source % 32;

    write32(word, on ? read32(word) | bit : read32(word) & ~bit);
    spin_unlock(&lock, irqs);
}

/* What is an edge, this controller has been built to know. */
bool plic_enable(uint32_t source, bool edge)
{
    (void)edge;
    if (source == 0 || source >= sources)
        return false;
    write32(plic + PRIORITY + 4 * source, 1);
    set_enable(source, true);
    return true;
}

void plic_disable(uint32_t source)
{
    set_enable(source, false);
}

void plic_complete(uint32_t source)
{
    write32(plic + CONTEXT + boot_context * CONTEXT_STRIDE + CLAIM, source);
}

void plic_handle_irq(void)
{
    uint32_t source = read32(plic + CONTEXT + boot_context * CONTEXT_STRIDE + CLAIM);

    if (source == 0)
        return;
    if (source == uart_source)
        host_uart_irq();
    else if (host_device_irq(source))
        return; /* in flight until its guest ends it: the PLIC does not signal it again */
    else
        plic_disable(source);
    plic_complete(source);
}
