/* SPDX-License-Identifier: BSD-2-Clause */
/* The world switch: what comes seldom of switch.h, and what is around it. */
#include "switch.h"

#include "pvclock.h"

void axvm_x86_xcr0_changed(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;
    const struct axvm_arch_cpu *h = &v->cpu->arch;

    if (h->has_xsave)
        axvm_xsetbv(0, v->osxsave ? v->xcr0 : h->host_xcr0);
}

void axvm_x86_move_in(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    axvm_vmid_enter(cpu, vcpu->vm);
    cpu->resident = vcpu;
    vcpu->arch.last_cpu = cpu;
    vcpu->arch.last_vmid = atomic_load_explicit(&vcpu->vm->vmid, memory_order_relaxed);
    vcpu->arch.work |= AXVM_WORK_TIMER;
}

static enum axvm_trap_kind take_init(struct axvm_vcpu *vcpu)
{
    axvm_x86_take_init(vcpu);
    return AXVM_TRAP_REQUEST;
}

static enum axvm_trap_kind visit(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    return axvm_x86_is_svm(vcpu) ? axvm_svm_visit(cpu, vcpu) : axvm_vmx_visit(cpu, vcpu);
}

static __attribute__((noinline)) enum axvm_trap_kind visit_timed(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    enum axvm_trap_kind kind;

    axvm_x86_pv_enter(vcpu);
    kind = visit(cpu, vcpu);
    if (vcpu->arch.msrs.steal_time)
        axvm_x86_pv_leave(vcpu, kind == AXVM_TRAP_HOST_IRQ);
    return kind;
}

enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    if (atomic_load(&vcpu->arch.startup) & AXVM_STARTUP_INIT)
        return take_init(vcpu);
    vcpu->arch.exit = exit;
    return vcpu->arch.msrs.steal_time ? visit_timed(cpu, vcpu) : visit(cpu, vcpu);
}
