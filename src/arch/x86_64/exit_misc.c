/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls, waiting, and the ends of a guest. */
#include "exit.h"

/* ---- hypercalls ---- */

static __attribute__((noinline)) enum axvm_trap_kind leave_for_host(struct axvm_vcpu *vcpu, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_exit *exit = v->exit;

    if (axvm_x86_get_cpl(vcpu) != 0) {
        v->gpr[AXVM_RAX] = UINT64_MAX;
        return axvm_x86_step_to(vcpu, next);
    }
    exit->reason = AXVM_EXIT_HYPERCALL;
    exit->u.hypercall.nr = v->gpr[AXVM_RAX];
    exit->u.hypercall.args[0] = v->gpr[AXVM_RBX];
    exit->u.hypercall.args[1] = v->gpr[AXVM_RCX];
    exit->u.hypercall.args[2] = v->gpr[AXVM_RDX];
    exit->u.hypercall.args[3] = v->gpr[AXVM_RSI];
    exit->u.hypercall.args[4] = v->gpr[AXVM_RDI];
    exit->u.hypercall.args[5] = v->gpr[AXVM_R8];
    vcpu->pending = AXVM_PENDING_HYPERCALL;
    axvm_x86_step_to(vcpu, next);
    return AXVM_TRAP_EXIT;
}

/* VMMCALL, VMCALL. Without AXVM_VM_HYPERCALLS, and for what is not the guest's kernel: -1. */
enum axvm_trap_kind axvm_x86_exit_hypercall(struct axvm_vcpu *vcpu, uint64_t next)
{
    axvm_stat_inc(vcpu, AXVM_STAT_HYPERCALL);
    if (vcpu->vm->flags & AXVM_VM_HYPERCALLS)
        return leave_for_host(vcpu, next);
    vcpu->arch.gpr[AXVM_RAX] = UINT64_MAX;
    return axvm_x86_step_to(vcpu, next);
}

/* ---- waiting ---- */

/* With nothing to wake it axvm_x86_prepare_work() says AXVM_TRAP_IDLE. */
enum axvm_trap_kind axvm_x86_exit_hlt(struct axvm_vcpu *vcpu, uint64_t next)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    axvm_stat_inc(vcpu, AXVM_STAT_WAIT);
    axvm_x86_step_to(vcpu, next);
    v->halted = (v->work & AXVM_WORK_EVENT) == 0; /* a single-step trap does not let it sleep */
    v->work |= AXVM_WORK_IRQ | AXVM_WORK_NMI;
    return AXVM_TRAP_RESUME;
}

enum axvm_trap_kind axvm_x86_exit_pause(struct axvm_vcpu *vcpu, uint64_t next)
{
    axvm_stat_inc(vcpu, AXVM_STAT_WAIT);
    axvm_x86_step_to(vcpu, next);
    if ((vcpu->vm->flags & AXVM_VM_YIELD_ON_SPIN) == 0)
        return AXVM_TRAP_RESUME;
    vcpu->arch.exit->reason = AXVM_EXIT_YIELD;
    return AXVM_TRAP_EXIT;
}

/* Caches are coherent, and the guest has no devices that look past them but those of the host. */
enum axvm_trap_kind axvm_x86_exit_wbinvd(struct axvm_vcpu *vcpu, uint64_t next)
{
    axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
    return axvm_x86_step_to(vcpu, next);
}

enum axvm_trap_kind axvm_x86_exit_ud(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
    axvm_x86_raise(vcpu, X86_UD);
    return AXVM_TRAP_RESUME;
}

/* VMCALL on AMD's CPUs, VMMCALL on Intel's: kernels that were built for KVM, which answers both, may not ask which it is. */
enum axvm_trap_kind axvm_x86_exit_invalid_opcode(struct axvm_vcpu *vcpu)
{
    const char *other = axvm_x86_is_svm(vcpu) ? "\x0f\x01\xc1" : "\x0f\x01\xd9";

    if (axvm_x86_get_cpl(vcpu) != 0 || !axvm_x86_is_opcode(vcpu, other, 3))
        return axvm_x86_exit_ud(vcpu);
    axvm_x86_end_shadow(vcpu);
    return axvm_x86_exit_hypercall(vcpu, axvm_x86_next_rip(vcpu, 3));
}

/* ---- ends ---- */

static enum axvm_trap_kind end(struct axvm_vcpu *vcpu, enum axvm_exit_reason reason, uint64_t code, uint64_t addr)
{
    struct axvm_exit *exit = vcpu->arch.exit;

    exit->reason = reason;
    exit->u.fault.code = code;
    exit->u.fault.addr = addr;
    exit->u.fault.pc = vcpu->arch.rip;
    return AXVM_TRAP_EXIT;
}

/* APM vol. 2, "Shutdown Intercept": the VMCB's state is not to be relied on; the event that could not be delivered is what
 * .event says. */
enum axvm_trap_kind axvm_x86_exit_shutdown(struct axvm_vcpu *vcpu)
{
    axvm_vm_stop(vcpu->vm);
    return end(vcpu, AXVM_EXIT_SYSTEM_CRASH, AXVM_X86_TRIPLE_FAULT, axvm_x86_get_cr2(vcpu));
}

enum axvm_trap_kind axvm_x86_exit_fail(struct axvm_vcpu *vcpu, uint64_t code, uint64_t info)
{
    axvm_log_guest(vcpu->vm, AXVM_LOG_ERROR, "the CPU refused to enter the guest; RIP", vcpu->arch.rip);
    axvm_vm_stop(vcpu->vm);
    return end(vcpu, AXVM_EXIT_FAIL_ENTRY, code, info);
}

enum axvm_trap_kind axvm_x86_exit_machine_check(struct axvm_vcpu *vcpu)
{
    vcpu->pending = AXVM_PENDING_ERROR;
    return end(vcpu, AXVM_EXIT_HOST_ERROR, X86_MC, 0);
}

enum axvm_trap_kind axvm_x86_exit_unknown(struct axvm_vcpu *vcpu, uint64_t code)
{
    axvm_log_guest(vcpu->vm, AXVM_LOG_WARN, "an exit that was not asked for; code", code);
    return axvm_x86_exit_ud(vcpu);
}

/* What kicks are for is found by axvm_x86_prepare(): requests, or translations to be dropped. */
enum axvm_trap_kind axvm_x86_exit_host_irq(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;
    enum axvm_x86_taken taken = h->take_irq ? h->take_irq(vcpu->vm->hal.ctx) : AXVM_X86_TAKEN_NONE;

    if (taken == AXVM_X86_TAKEN_KICK) {
        axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
        return AXVM_TRAP_RESUME;
    }
    h->timer_ns = 0; /* it may have been ours: to be set again */
    if (taken == AXVM_X86_TAKEN_NONE)
        return AXVM_TRAP_HOST_IRQ;
    axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
    vcpu->arch.work |= AXVM_WORK_TIMER;
    return AXVM_TRAP_RESUME;
}
