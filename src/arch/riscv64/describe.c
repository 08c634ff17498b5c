/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's device tree says of a RISC-V machine, and the constants of the default one. */
#include <axvm/riscv64.h>

#include "arch.h"
#include "bits.h"
#include "fdt_writer.h"
#include "isa.h"
#include "virq.h"

#define MIB (UINT64_C(1) << 20)

static const char *const irqchips[] = { "plic", "aplic", "imsic", NULL };

const struct axvm_machine axvm_arch_machine = {
    .ram_base = AXVM_RISCV64_RAM_BASE,
    .firmware_base = AXVM_RISCV64_FIRMWARE_BASE,
    /* Both flash banks of QEMU's "virt". */
    .firmware_size = 64 * MIB,
    .image_align = 2 * MIB,
    /* Where firmware in M-mode would have left room for itself. */
    .image_offset = 2 * MIB,
    .uart = AXVM_EMU_NS16550,
    .uart_base = AXVM_RISCV64_UART_BASE,
    .uart_irq = AXVM_RISCV64_UART_IRQ,
    .elf_machine = 243, /* EM_RISCV */
    .console_path = "/serial@10000000",
    /* Linux, Documentation/arch/riscv/boot-image-header.rst and boot.rst. */
    .linux_magic = 0x05435352, /* "RSC\x05" */
    .linux_old_offset = 2 * MIB,
    .irqchips = irqchips,
};

/* "riscv,isa-extensions": a list of strings. */
static void write_extensions(const char *isa, struct axvm_fdt_writer *w)
{
    const char *next = isa;
    char name[32], *at;
    void *list;
    int len = 0;

    while ((next = axvm_isa_next(next, name, sizeof(name))) != NULL)
        len += (int)axvm_strlen(name) + 1;
    if (w->err == 0)
        w->err = fdt_property_placeholder(w->fdt, "riscv,isa-extensions", len, &list);
    if (w->err != 0)
        return;
    for (at = list; (isa = axvm_isa_next(isa, name, sizeof(name))) != NULL; at++)
        at = axvm_put_str(at, name);
}

/* Linux, Documentation/devicetree/bindings/riscv/cpus.yaml. */
static void write_cpu(struct axvm *vm, uint32_t id, struct axvm_fdt_writer *w)
{
    axvm_fw_begin_at(w, "cpu", id);
    axvm_fw_string(w, "device_type", "cpu");
    axvm_fw_string(w, "compatible", "riscv");
    axvm_fw_u32(w, "reg", id);
    axvm_fw_string(w, "status", "okay");
    axvm_fw_string(w, "riscv,isa", vm->arch.isa);
    axvm_fw_string(w, "riscv,isa-base", "rv64i");
    write_extensions(vm->arch.isa, w);
    axvm_fw_begin(w, "interrupt-controller");
    axvm_fw_u32(w, "#interrupt-cells", 1);
    axvm_fw_empty(w, "interrupt-controller");
    axvm_fw_string(w, "compatible", "riscv,cpu-intc");
    axvm_fw_u32(w, "phandle", AXVM_PHANDLE_CPU_INTC + id);
    /* Its own: or it would inherit the PLIC, which is below it. */
    axvm_fw_u32(w, "interrupt-parent", AXVM_PHANDLE_CPU_INTC + id);
    axvm_fw_end(w);
    axvm_fw_end(w);
}

int axvm_arch_describe(struct axvm *vm, void *fdt)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin(&w, "cpus");
    axvm_fw_u32(&w, "#address-cells", 1);
    axvm_fw_u32(&w, "#size-cells", 0);
    axvm_fw_u32(&w, "timebase-frequency", (uint32_t)vm->arch.timebase_hz);
    for (uint32_t i = 0; i < vm->vcpu_count; i++)
        write_cpu(vm, i, &w);
    axvm_fw_end(&w);
    return w.err;
}
