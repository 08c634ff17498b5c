/* SPDX-License-Identifier: BSD-2-Clause */
/* The PLIC of a VM: context 2n + 1 is the S-mode of vCPU n, as on QEMU's "virt". */
#include <axvm/riscv64.h>

#include "../../devices/plic.h"
#include "fdt_priv.h"
#include "virq.h"

static void output(void *arg, uint32_t context, bool level)
{
    axvm_virq_output(arg, context / 2, level);
}

/* Linux, Documentation/devicetree/bindings/interrupt-controller/sifive,plic-1.0.0.yaml. */
static int describe(struct axvm_device *dev, void *fdt)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin_at(&w, "interrupt-controller", dev->windows[0].base);
    axvm_fw_bytes(&w, "compatible", compatible, sizeof(compatible));
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    axvm_fw_u32(&w, "#interrupt-cells", 1);
    axvm_fw_u32(&w, "#address-cells", 0);
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_u32(&w, "riscv,ndev", AXVM_PLIC_SOURCES - 1);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_INTC);
    axvm_virq_describe_outputs(dev->vm, &w, true);
    axvm_fw_end(&w);
    return w.err;
}

int axvm_vplic_create(struct axvm *vm)
{
    const struct axvm_plic_config cfg = {
        .base = AXVM_RISCV64_PLIC_BASE,
        .contexts = 2 * vm->cfg.vcpu_count,
        .odd_only = true,
        .output = output,
        .complete = axvm_virq_complete,
        .arg = vm,
        .describe = describe,
    };

    return axvm_plic_create(vm, &cfg, &vm->arch.plic);
}
