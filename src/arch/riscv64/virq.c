/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt part of src/core/arch.h, for whichever controller the VM has; and what all of them share. */
#include "virq.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "../../devices/aplic.h"
#include "../../devices/plic.h"
#include "arch.h"
#include "fdt_priv.h"
#include "hs.h"

#define EXTERNAL_S 9u

int axvm_virq_create(struct axvm *vm)
{
    if (vm->cfg.irqchip <= AXVM_RISCV64_IRQCHIP_PLIC)
        return axvm_vplic_create(vm);
    return axvm_vaplic_create(vm);
}

/* VSEIP of the vCPU that runs here changes at once; others look at it when they enter. */
void axvm_virq_output(struct axvm *vm, uint32_t id, bool level)
{
    struct axvm_vcpu *vcpu = vm->vcpus[id];
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);

    atomic_store(&vcpu->arch.external, level);
    if (cpu && cpu->running == vcpu && vcpu->arch.loaded) {
        axvm_set_external(vcpu, level);
        return;
    }
    atomic_fetch_or(&vcpu->arch.posted, AXVM_POSTED_EXTERNAL);
    if (level || atomic_load(&vcpu->in_guest) != 0)
        axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

void axvm_virq_complete(void *arg, uint32_t host_irq)
{
    struct axvm *vm = arg;

    if (vm->hal.irq_complete)
        vm->hal.irq_complete(vm->hal.ctx, host_irq);
}

void axvm_virq_describe_outputs(const struct axvm *vm, struct axvm_fdt_writer *w, bool none)
{
    uint32_t stride = none ? 16 : 8;
    void *cells;

    if (w->err == 0)
        w->err = fdt_property_placeholder(w->fdt, "interrupts-extended", (int)(vm->vcpu_count * stride), &cells);
    for (uint32_t i = 0; w->err == 0 && i < vm->vcpu_count; i++) {
        uint8_t *p = (uint8_t *)cells + i * stride;

        if (none) {
            fdt32_st(p, AXVM_PHANDLE_CPU_INTC + i);
            fdt32_st(p + 4, UINT32_MAX);
            p += 8;
        }
        fdt32_st(p, AXVM_PHANDLE_CPU_INTC + i);
        fdt32_st(p + 4, EXTERNAL_S);
    }
}

/* ---- the contract ---- */

int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge)
{
    if (vm->arch.plic)
        return axvm_plic_connect(vm->arch.plic, irq, edge);
    /* The guest tells an APLIC what is an edge. */
    return vm->arch.aplic ? axvm_aplic_connect(vm->arch.aplic, irq) : AXVM_ERR_NOSUP;
}

void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level)
{
    if (vm->arch.plic)
        axvm_plic_set(vm->arch.plic, irq, level);
    else if (vm->arch.aplic)
        axvm_aplic_set(vm->arch.aplic, irq, level);
}

int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq)
{
    const struct axvm_arch_vm *a = &vcpu->vm->arch;

    if (a->plic)
        return axvm_plic_pulse(a->plic, irq);
    return a->aplic ? axvm_aplic_pulse(a->aplic, irq) : AXVM_ERR_NOSUP;
}

int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge)
{
    /* Without an end there would be one interrupt only: the host has no other way to know. */
    if (!vm->hal.irq_complete)
        return AXVM_ERR_NOSUP;
    if (vm->arch.plic)
        return axvm_plic_bind(vm->arch.plic, guest_irq, host_irq, edge);
    return vm->arch.aplic ? axvm_aplic_bind(vm->arch.aplic, guest_irq, host_irq) : AXVM_ERR_NOSUP;
}

int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq)
{
    if (vm->arch.plic)
        return axvm_plic_forward(vm->arch.plic, host_irq);
    return vm->arch.aplic ? axvm_aplic_forward(vm->arch.aplic, host_irq) : AXVM_ERR_NOENT;
}

/* Linux, include/dt-bindings/interrupt-controller/irq.h. */
enum { EDGE_RISING = 1, EDGE_FALLING = 2, LEVEL_HIGH = 4 };

/* PLIC: the source; whether it is an edge is the controller's business. APLIC: source and trigger. */
unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3])
{
    cells[0] = irq;
    if (!vm->arch.aplic)
        return 1;
    cells[1] = edge ? EDGE_RISING : LEVEL_HIGH;
    return 2;
}

/* The host's own controller, whichever it is. */
int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge)
{
    if (count == 0 || count > 2 || cells[0] == 0 || cells[0] >= 1024)
        return AXVM_ERR_NOSUP;
    *irq = cells[0];
    *edge = count == 2 && (cells[1] & (EDGE_RISING | EDGE_FALLING)) != 0;
    return AXVM_OK;
}
