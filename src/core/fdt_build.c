/* SPDX-License-Identifier: BSD-2-Clause */
/* Generate a guest's device tree. What the CPU and each device contribute, they write themselves. */
#include <axvm/err.h>

#include "arch.h"
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "load.h"

bool axvm_fdt_seed(struct axvm *vm, uint8_t *buf, size_t len)
{
    return vm->hal.entropy != NULL && vm->hal.entropy(vm->hal.ctx, buf, len);
}

static void write_memory(struct axvm *vm, struct axvm_fdt_writer *w)
{
    uint64_t from = 0, gpa, len;

    while (axvm_next_ram(vm, &from, &gpa, &len)) {
        axvm_fw_begin_at(w, "memory", gpa);
        axvm_fw_string(w, "device_type", "memory");
        axvm_fw_reg(w, gpa, len);
        axvm_fw_end(w);
    }
}

/* By convention a device's node is called by the name of its ops and the address of its first window. */
static void write_stdout(struct axvm *vm, struct axvm_fdt_writer *w)
{
    const struct axvm_device *console = vm->console;
    char path[64];

    if (console == NULL || console->ops->describe == NULL)
        return;
    if (axvm_arch_machine.console_path != NULL && console->windows[0].base == axvm_arch_machine.uart_base) {
        axvm_fw_string(w, "stdout-path", axvm_arch_machine.console_path);
    } else if (axvm_strlen(console->ops->name) < 40) {
        char *end = axvm_put_str(axvm_put_str(axvm_put_str(path, "/"), console->ops->name), "@");

        axvm_put_hex(end, console->windows[0].base);
        axvm_fw_string(w, "stdout-path", path);
    }
}

static void write_chosen(struct axvm *vm, const struct axvm_fdt_boot *boot, struct axvm_fdt_writer *w)
{
    uint8_t seed[AXVM_FDT_SEED_SIZE];

    axvm_fw_begin(w, "chosen");
    if (vm->cfg.image.cmdline != NULL)
        axvm_fw_string(w, "bootargs", vm->cfg.image.cmdline);
    if (boot->initrd_size != 0) {
        axvm_fw_u64(w, "linux,initrd-start", boot->initrd);
        axvm_fw_u64(w, "linux,initrd-end", boot->initrd + boot->initrd_size);
    }
    write_stdout(vm, w);
    if (axvm_fdt_seed(vm, seed, 8))
        axvm_fw_bytes(w, "kaslr-seed", seed, 8);
    if (axvm_fdt_seed(vm, seed, sizeof(seed)))
        axvm_fw_bytes(w, "rng-seed", seed, sizeof(seed));
    axvm_fw_end(w);
}

static void write_root(struct axvm *vm, struct axvm_fdt_writer *w)
{
    axvm_fw_u32(w, "#address-cells", 2);
    axvm_fw_u32(w, "#size-cells", 2);
    axvm_fw_string(w, "compatible", "axvm,virt");
    axvm_fw_string(w, "model", "axvm,virt");
    if (vm->cfg.irq_mode != AXVM_IRQ_NONE)
        axvm_fw_u32(w, "interrupt-parent", AXVM_PHANDLE_INTC);
}

static int write_devices(struct axvm *vm, void *fdt)
{
    int rc = 0;

    for (struct axvm_device *dev = axvm_device_next(vm, NULL); rc == 0 && dev != NULL; dev = axvm_device_next(vm, dev)) {
        if (dev->ops->describe != NULL)
            rc = dev->ops->describe(dev, fdt);
    }
    return rc;
}

int axvm_fdt_generate(struct axvm *vm, const struct axvm_fdt_boot *boot, void *buf, size_t size)
{
    struct axvm_fdt_writer w = { .fdt = buf };

    w.err = fdt_create(buf, (int)size);
    if (w.err == 0)
        w.err = fdt_finish_reservemap(buf);
    axvm_fw_begin(&w, "");
    write_root(vm, &w);
    write_chosen(vm, boot, &w);
    write_memory(vm, &w);
    if (w.err == 0)
        w.err = axvm_arch_describe(vm, buf);
    if (w.err == 0)
        w.err = write_devices(vm, buf);
    if (w.err == 0)
        w.err = axvm_fdt_passthrough(vm, boot->closure, buf);
    axvm_fw_end(&w);
    return w.err == 0 ? fdt_finish(buf) : w.err;
}
