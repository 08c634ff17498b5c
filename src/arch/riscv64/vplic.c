/* SPDX-License-Identifier: BSD-2-Clause */
#include "vplic.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "../../devices/plic.h"
#include "arch.h"
#include "fdt_priv.h"
#include "fdt_writer.h"
#include "hs.h"

/* Interrupts are off. VSEIP of the vCPU that runs here changes at once; others look at it when they enter. */
static void output(void *arg, uint32_t context, bool level)
{
    struct axvm *vm = arg;
    struct axvm_vcpu *vcpu = vm->vcpus[context / 2];
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);

    atomic_store(&vcpu->arch.external, level);
    if (cpu && cpu->running == vcpu && vcpu->arch.loaded) {
        if (level)
            axvm_csr_set(CSR_HVIP, IRQ_VSE);
        else
            axvm_csr_clear(CSR_HVIP, IRQ_VSE);
    } else if (level || atomic_load(&vcpu->in_guest) != 0) {
        axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
    }
}

static void complete(void *arg, uint32_t host_irq)
{
    struct axvm *vm = arg;

    if (vm->hal.irq_complete)
        vm->hal.irq_complete(vm->hal.ctx, host_irq);
}

/* Linux, Documentation/devicetree/bindings/interrupt-controller/sifive,plic-1.0.0.yaml. */
static int describe(struct axvm_device *dev, void *fdt)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    const struct axvm *vm = dev->vm;
    struct axvm_fdt_writer w = { .fdt = fdt };
    void *cells;

    axvm_fw_begin_at(&w, "interrupt-controller", dev->windows[0].base);
    axvm_fw_bytes(&w, "compatible", compatible, sizeof(compatible));
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    axvm_fw_u32(&w, "#interrupt-cells", 1);
    axvm_fw_u32(&w, "#address-cells", 0);
    axvm_fw_empty(&w, "interrupt-controller");
    axvm_fw_u32(&w, "riscv,ndev", AXVM_PLIC_SOURCES - 1);
    axvm_fw_u32(&w, "phandle", AXVM_PHANDLE_INTC);
    if (w.err == 0)
        w.err = fdt_property_placeholder(fdt, "interrupts-extended", (int)(vm->vcpu_count * 16), &cells);
    for (uint32_t i = 0; w.err == 0 && i < vm->vcpu_count; i++) {
        uint8_t *p = (uint8_t *)cells + i * 16;

        /* M-mode is nobody's: all ones. S-mode: external interrupt, 9. */
        fdt32_st(p, AXVM_PHANDLE_CPU_INTC + i);
        fdt32_st(p + 4, UINT32_MAX);
        fdt32_st(p + 8, AXVM_PHANDLE_CPU_INTC + i);
        fdt32_st(p + 12, 9);
    }
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
        .complete = complete,
        .arg = vm,
        .describe = describe,
    };

    return axvm_plic_create(vm, &cfg, &vm->arch.plic);
}

/* ---- the contract ---- */

int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge)
{
    return vm->arch.plic ? axvm_plic_connect(vm->arch.plic, irq, edge) : AXVM_ERR_NOSUP;
}

void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level)
{
    if (vm->arch.plic)
        axvm_plic_set(vm->arch.plic, irq, level);
}

int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq)
{
    return vcpu->vm->arch.plic ? axvm_plic_pulse(vcpu->vm->arch.plic, irq) : AXVM_ERR_NOSUP;
}

int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge)
{
    /* Without an end there would be one interrupt only: the host has no other way to know. */
    if (!vm->arch.plic || !vm->hal.irq_complete)
        return AXVM_ERR_NOSUP;
    return axvm_plic_bind(vm->arch.plic, guest_irq, host_irq, edge);
}

int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq)
{
    return vm->arch.plic ? axvm_plic_forward(vm->arch.plic, host_irq) : AXVM_ERR_NOENT;
}

/* One cell: the source. Whether it is an edge is the controller's business. */
unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3])
{
    (void)vm;
    (void)edge;
    cells[0] = irq;
    return 1;
}

int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge)
{
    if (count != 1 || cells[0] == 0 || cells[0] >= AXVM_PLIC_SOURCES)
        return AXVM_ERR_NOSUP;
    *irq = cells[0];
    *edge = false;
    return AXVM_OK;
}
