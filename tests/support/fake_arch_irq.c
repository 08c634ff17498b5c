/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake CPU's interrupt controller: every input goes to vCPU 0, and is pending until fake_guest_take_irq() takes it. */
#include <axvm/err.h>
#include <string.h>

#include "arch.h"
#include "fake_arch.h"

/* An SPI and its trigger, as Arm's device trees say it: the tests of the generated tree then have familiar numbers. */
unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3])
{
    (void)vm;
    cells[0] = irq < FAKE_PRIVATE_IRQS;
    cells[1] = irq < FAKE_PRIVATE_IRQS ? irq - 16 : irq - FAKE_PRIVATE_IRQS;
    cells[2] = edge ? 1 : 4;
    return 3;
}

int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge)
{
    if (count != 3 || cells[0] != 0 || cells[1] >= FAKE_IRQS - FAKE_PRIVATE_IRQS)
        return AXVM_ERR_NOSUP;
    *irq = cells[1] + FAKE_PRIVATE_IRQS;
    *edge = (cells[2] & 3) != 0;
    return AXVM_OK;
}

void axvm_arch_vm_reset(struct axvm *vm)
{
    vm->arch.resets++;
    for (unsigned int i = 0; i < FAKE_IRQS; i++)
        vm->arch.irqs[i].level = false;
    for (uint32_t id = 0; id < vm->vcpu_count; id++) {
        for (unsigned int w = 0; w < FAKE_IRQS / 64; w++)
            vm->vcpus[id]->arch.pending[w] = 0;
    }
}

static bool is_input(uint32_t irq)
{
    return irq >= FAKE_PRIVATE_IRQS && irq < FAKE_IRQS;
}

int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge)
{
    if (vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return AXVM_ERR_NOSUP;
    if (!is_input(irq))
        return AXVM_ERR_INVAL;
    if (vm->arch.irqs[irq].claimed)
        return AXVM_ERR_EXIST;
    vm->arch.irqs[irq].claimed = true;
    vm->arch.irqs[irq].edge = edge;
    return AXVM_OK;
}

static void set_pending(struct axvm_vcpu *vcpu, uint32_t irq)
{
    atomic_fetch_or(&vcpu->arch.pending[irq / 64], UINT64_C(1) << irq % 64);
    axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level)
{
    struct fake_irq *line = &vm->arch.irqs[irq];
    unsigned long flags = axvm_lock_irqsave(&vm->arch.irq_lock);
    bool rises = level && !line->level;

    line->level = level;
    if (!line->edge && !level)
        atomic_fetch_and(&vm->vcpus[0]->arch.pending[irq / 64], ~(UINT64_C(1) << irq % 64));
    axvm_unlock_irqrestore(&vm->arch.irq_lock, flags);
    if (rises)
        set_pending(vm->vcpus[0], irq);
}

int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq)
{
    if (irq >= FAKE_IRQS)
        return AXVM_ERR_INVAL;
    set_pending(vcpu, irq);
    return AXVM_OK;
}

int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge)
{
    int rc = axvm_arch_irq_claim(vm, guest_irq, edge);

    if (rc != AXVM_OK)
        return rc;
    vm->arch.irqs[guest_irq].bound = true;
    vm->arch.irqs[guest_irq].host_irq = host_irq;
    return AXVM_OK;
}

int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq)
{
    for (uint32_t irq = 0; irq < FAKE_IRQS; irq++) {
        if (vm->arch.irqs[irq].bound && vm->arch.irqs[irq].host_irq == host_irq) {
            set_pending(vm->vcpus[0], irq);
            return AXVM_OK;
        }
    }
    return AXVM_ERR_NOENT;
}

bool axvm_arch_vcpu_wakes(struct axvm_vcpu *vcpu)
{
    uint64_t deadline = vcpu->arch.deadline_ns;

    for (unsigned int w = 0; w < FAKE_IRQS / 64; w++) {
        if (vcpu->arch.pending[w] != 0)
            return true;
    }
    return deadline != 0 && deadline <= vcpu->vm->hal.time_ns(vcpu->vm->hal.ctx);
}

uint64_t axvm_arch_vcpu_deadline(struct axvm_vcpu *vcpu)
{
    uint64_t deadline = vcpu->arch.deadline_ns;

    if (fake_arch.waiting)
        fake_arch.waiting(vcpu);
    return deadline != 0 ? deadline : AXVM_TIME_NEVER;
}
