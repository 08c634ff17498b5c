/* SPDX-License-Identifier: BSD-2-Clause */
/* The APLIC of a VM, and its IMSICs. Hart index n is vCPU n. */
#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "../../devices/aplic.h"
#include "../../devices/imsic.h"
#include "fdt_priv.h"
#include "guest_file.h"
#include "isa.h"
#include "virq.h"

static void output(void *arg, uint32_t hart, bool level)
{
    axvm_virq_output(arg, hart, level);
}

static void send(void *arg, uint32_t hart, uint32_t eiid)
{
    struct axvm *vm = arg;

    axvm_imsic_send(vm->arch.imsic, hart, eiid);
}

static void diverted(void *arg, uint32_t hart, uint32_t id)
{
    const struct axvm *vm = arg;

    axvm_guest_file_send(vm->vcpus[hart], id);
}

/* Linux, Documentation/devicetree/bindings/interrupt-controller/riscv,aplic.yaml: there is a machine's name before the generic
 * one, and this is the default machine's. */
static int describe_aplic(struct axvm_device *dev, void *fdt)
{
    static const char compatible[] = "qemu,aplic\0riscv,aplic";
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin_at(&w, "interrupt-controller", dev->windows[0].base);
    axvm_fw_bytes(&w, "compatible", compatible, sizeof(compatible));
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    axvm_fw_u32(&w, "#interrupt-cells", 2);
    axvm_fw_u32(&w, "#address-cells", 0);
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_u32(&w, "riscv,num-sources", AXVM_APLIC_SOURCES - 1);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_INTC);
    if (dev->vm->arch.imsic)
        axvm_fw_u32(&w, "msi-parent", AXVM_PHANDLE_IMSIC);
    else
        axvm_virq_describe_outputs(dev->vm, &w, false);
    axvm_fw_end(&w);
    return w.err;
}

/* riscv,imsics.yaml. */
static int describe_imsic(struct axvm_device *dev, void *fdt)
{
    static const char compatible[] = "qemu,imsics\0riscv,imsics";
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin_at(&w, "interrupt-controller", dev->windows[0].base);
    axvm_fw_bytes(&w, "compatible", compatible, sizeof(compatible));
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    axvm_fw_u32(&w, "#interrupt-cells", 0);
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_empty(&w, "msi-controller");
    axvm_fw_u32(&w, "#msi-cells", 0);
    axvm_fw_u32(&w, "riscv,num-ids", AXVM_IMSIC_IDS);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_IMSIC);
    axvm_virq_describe_outputs(dev->vm, &w, false);
    axvm_fw_end(&w);
    return w.err;
}

static int create_imsic(struct axvm *vm)
{
    const struct axvm_imsic_config cfg = {
        .base = AXVM_RISCV64_IMSIC_BASE,
        .harts = vm->cfg.vcpu_count,
        .output = output,
        .diverted = diverted,
        .arg = vm,
        .describe = describe_imsic,
    };

    /* The CSRs that an IMSIC is reached by are the guest's to use. */
    if (!axvm_isa_add(vm->arch.isa, vm->arch.isa_size, "ssaia"))
        return AXVM_ERR_NOSUP;
    return axvm_imsic_create(vm, &cfg, &vm->arch.imsic);
}

int axvm_vaplic_create(struct axvm *vm)
{
    bool imsic = vm->cfg.irqchip == AXVM_RISCV64_IRQCHIP_IMSIC;
    const struct axvm_aplic_config cfg = {
        .base = AXVM_RISCV64_APLIC_BASE,
        .harts = vm->cfg.vcpu_count,
        .direct = !imsic,
        .msi = imsic,
        .output = output,
        .send = send,
        .complete = axvm_virq_complete,
        .arg = vm,
        .describe = describe_aplic,
    };
    int rc = imsic ? create_imsic(vm) : AXVM_OK;

    return rc == AXVM_OK ? axvm_aplic_create(vm, &cfg, &vm->arch.aplic) : rc;
}
