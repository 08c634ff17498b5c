/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's device tree says of an AArch64 machine, and the constants of the default one. */
#include "arch.h"

#include <axvm/aarch64.h>
#include <axvm/err.h>

#include "bits.h"
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "vgic.h"

#define MIB (UINT64_C(1) << 20)

const struct axvm_machine axvm_arch_machine = {
    .ram_base = AXVM_AARCH64_RAM_BASE,
    .firmware_base = AXVM_AARCH64_FIRMWARE_BASE,
    /* Both flash banks of QEMU's "virt": U-Boot looks for its environment in the second. */
    .firmware_size = 128 * MIB,
    .image_align = 2 * MIB,
    .image_offset = 0,
    .uart = AXVM_EMU_PL011,
    .uart_base = AXVM_AARCH64_UART_BASE,
    .uart_irq = AXVM_AARCH64_UART_IRQ,
    .elf_machine = 183, /* EM_AARCH64: "ELF for the Arm 64-bit Architecture", "ELF Header" */
    .console_path = "/pl011@9000000",
    /* Linux, Documentation/arm64/booting.rst. */
    .linux_magic = 0x644d5241, /* "ARM\x64" */
    .linux_old_offset = 0x80000,
    .fdt_window = 512 * MIB, /* before 4.2 */
    .initrd_window = 32 * 1024 * MIB,
};

/* Linux, Documentation/devicetree/bindings/interrupt-controller/arm,gic-v3.yaml, "#interrupt-cells". */
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum { GIC_EDGE_RISING = 1, GIC_EDGE_FALLING = 2, GIC_LEVEL_HIGH = 4 };
#define GIC_FIRST_PPI 16u
#define GIC_FIRST_SPI 32u
#define GIC_SPIS 988u /* INTIDs 32..1019 */

unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3])
{
    bool spi = irq >= GIC_FIRST_SPI;

    (void)vm;
    cells[0] = spi ? GIC_SPI : GIC_PPI;
    cells[1] = irq - (spi ? GIC_FIRST_SPI : GIC_FIRST_PPI);
    cells[2] = edge ? GIC_EDGE_RISING : GIC_LEVEL_HIGH;
    return 3;
}

int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge)
{
    /* A fourth cell is about the affinity of PPIs. */
    if (count < 3 || count > 4 || cells[0] != GIC_SPI || cells[1] >= GIC_SPIS)
        return AXVM_ERR_NOSUP;
    *irq = cells[1] + GIC_FIRST_SPI;
    *edge = (cells[2] & (GIC_EDGE_RISING | GIC_EDGE_FALLING)) != 0;
    return AXVM_OK;
}

/* Linux, Documentation/devicetree/bindings/arm/cpus.yaml. reg is the affinity fields of MPIDR_EL1. */
static void write_cpus(struct axvm *vm, struct axvm_fdt_writer *w)
{
    axvm_fw_begin(w, "cpus");
    axvm_fw_u32(w, "#address-cells", 2);
    axvm_fw_u32(w, "#size-cells", 0);
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        uint64_t affinity = vm->vcpus[i]->arch.mpidr & (AXVM_BITS(39, 32) | AXVM_BITS(23, 0));

        axvm_fw_begin_at(w, "cpu", affinity);
        axvm_fw_string(w, "device_type", "cpu");
        axvm_fw_string(w, "compatible", "arm,armv8");
        axvm_fw_u64(w, "reg", affinity);
        axvm_fw_string(w, "enable-method", "psci");
        axvm_fw_end(w);
    }
    axvm_fw_end(w);
}

static void write_psci(struct axvm_fdt_writer *w)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

    axvm_fw_begin(w, "psci");
    axvm_fw_bytes(w, "compatible", compatible, sizeof(compatible));
    axvm_fw_string(w, "method", "hvc");
    axvm_fw_end(w);
}

/* Linux, Documentation/devicetree/bindings/timer/arm,arch_timer.yaml: secure, non-secure, virtual, hypervisor. */
static void write_timer(struct axvm_fdt_writer *w)
{
    static const uint32_t interrupts[] = {
        GIC_PPI, 13, GIC_LEVEL_HIGH, GIC_PPI, 14, GIC_LEVEL_HIGH, GIC_PPI, 11, GIC_LEVEL_HIGH, GIC_PPI, 10, GIC_LEVEL_HIGH,
    };

    axvm_fw_begin(w, "timer");
    axvm_fw_string(w, "compatible", "arm,armv8-timer");
    axvm_fw_cells(w, "interrupts", interrupts, AXVM_ARRAY_LEN(interrupts));
    axvm_fw_empty(w, "always-on");
    axvm_fw_end(w);
}

int axvm_arch_describe(struct axvm *vm, void *fdt)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    write_cpus(vm, &w);
    write_psci(&w);
    if (w.err != 0 || vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return w.err;
    w.err = axvm_vgic_describe(vm, fdt);
    write_timer(&w);
    return w.err;
}
