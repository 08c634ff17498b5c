/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest on the fake CPU can do. */
#include "fake_guest.h"

#include <axvm/err.h>
#include <string.h>

#include "bits.h"
#include "fake_hal.h"

void fake_guest_set(struct axvm *vm, unsigned int id, fake_guest_fn guest, void *arg)
{
    vm->vcpus[id]->arch.guest = guest;
    vm->vcpus[id]->arch.arg = arg;
}

/* The fast tier, until it cannot go on. */
static int answer(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    bool more = true;

    while (more) {
        int rc = axvm_core_mmio(vcpu, mmio, false);

        if (rc == AXVM_OK)
            more = axvm_arch_mmio_finish(vcpu, mmio);
        else if (rc == AXVM_ERR_GUEST)
            more = axvm_arch_mmio_refuse(vcpu, mmio);
        else
            return AXVM_TRAP_MMIO;
    }
    return AXVM_TRAP_RESUME;
}

int fake_guest_access(struct axvm_vcpu *vcpu, enum axvm_bus_space space, uint64_t addr, unsigned int size, unsigned int count,
                      bool write, const uint64_t *vals)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    memset(mmio, 0, sizeof(*mmio));
    mmio->space = space;
    mmio->addr = addr;
    mmio->size = (uint8_t)size;
    mmio->count = (uint8_t)count;
    mmio->write = write;
    if (write)
        memcpy(mmio->val, vals, count * sizeof(*vals));
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    return answer(vcpu, mmio);
}

int fake_guest_read_more(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size, uint8_t more)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    *mmio = (struct axvm_mmio){
        .addr = addr,
        .size = (uint8_t)size,
        .count = 1,
        .space = AXVM_BUS_MMIO,
        .arch = { .more = more },
    };
    return answer(vcpu, mmio);
}

int fake_guest_read(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size)
{
    return fake_guest_access(vcpu, AXVM_BUS_MMIO, addr, size, 1, false, NULL);
}

int fake_guest_write(struct axvm_vcpu *vcpu, uint64_t addr, unsigned int size, uint64_t val)
{
    return fake_guest_access(vcpu, AXVM_BUS_MMIO, addr, size, 1, true, &val);
}

int fake_guest_touch(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot)
{
    int rc = axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(gpa), prot);

    axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
    if (rc == AXVM_OK)
        return AXVM_TRAP_RESUME;
    vcpu->trap.gpa = axvm_gpa(gpa);
    vcpu->trap.prot = prot;
    return AXVM_TRAP_FAULT;
}

int fake_guest_spin(struct axvm_vcpu *vcpu)
{
    struct fake_hal *hal = vcpu->vm->hal.ctx;

    while (!fake_hal_take_kick(hal, fake_hal_cpu()))
        axvm_cpu_relax();
    return AXVM_TRAP_HOST_IRQ;
}

/* A level-triggered input that is still high is pending again at once. */
static void ack(struct axvm_vcpu *vcpu, uint32_t irq)
{
    struct axvm *vm = vcpu->vm;
    struct fake_irq *line = &vm->arch.irqs[irq];
    unsigned long flags = axvm_lock_irqsave(&vm->arch.irq_lock);

    if (line->edge || !line->level)
        atomic_fetch_and(&vcpu->arch.pending[irq / 64], ~(UINT64_C(1) << irq % 64));
    axvm_unlock_irqrestore(&vm->arch.irq_lock, flags);
    if (line->bound && vm->hal.irq_complete)
        vm->hal.irq_complete(vm->hal.ctx, line->host_irq);
}

uint32_t fake_guest_take_irq(struct axvm_vcpu *vcpu)
{
    for (unsigned int w = 0; w < FAKE_IRQS / 64; w++) {
        uint64_t pending = atomic_load(&vcpu->arch.pending[w]);

        if (pending != 0) {
            uint32_t irq = w * 64 + axvm_ctz64(pending);

            ack(vcpu, irq);
            return irq;
        }
    }
    return UINT32_MAX;
}

static int stop(struct axvm_vcpu *vcpu, struct axvm_exit *exit, enum axvm_exit_reason reason)
{
    memset(exit, 0, sizeof(*exit));
    exit->reason = reason;
    axvm_vm_stop(vcpu->vm);
    return AXVM_TRAP_EXIT;
}

int fake_guest_off(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    return stop(vcpu, exit, AXVM_EXIT_SYSTEM_OFF);
}

int fake_guest_reset(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    return stop(vcpu, exit, AXVM_EXIT_SYSTEM_RESET);
}

int fake_guest_cpu_off(struct axvm_vcpu *vcpu)
{
    axvm_vcpu_power_off(vcpu);
    return AXVM_TRAP_REQUEST;
}

int fake_guest_cpu_on(struct axvm_vcpu *vcpu, struct axvm_exit *exit, unsigned int target, uint64_t entry, int *rc)
{
    if (target >= vcpu->vm->vcpu_count) {
        *rc = AXVM_ERR_NOENT;
        return AXVM_TRAP_RESUME;
    }
    *rc = axvm_vcpu_power_on(vcpu->vm->vcpus[target], entry, 0);
    if (*rc != AXVM_OK)
        return AXVM_TRAP_RESUME;
    exit->reason = AXVM_EXIT_CPU_UP;
    exit->u.cpu_up.target = target;
    return AXVM_TRAP_EXIT;
}

int fake_guest_hypercall(struct axvm_vcpu *vcpu, struct axvm_exit *exit, uint64_t nr)
{
    axvm_stat_inc(vcpu, AXVM_STAT_HYPERCALL);
    memset(exit, 0, sizeof(*exit));
    exit->reason = AXVM_EXIT_HYPERCALL;
    exit->u.hypercall.nr = nr;
    vcpu->pending = AXVM_PENDING_HYPERCALL;
    return AXVM_TRAP_EXIT;
}
