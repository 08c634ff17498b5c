/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VM entries that did not happen. Intel SDM vol. 3C, "VM-Entry Failures During or After Loading Guest State". The guest's state
 * is what the CPU itself has saved, or what passed cr.c and msr.c, so the checks hold but for a few combinations that come up
 * between instructions. These are mended when the CPU complains, rather than looked for before each entry. What is left, or
 * comes back, ends the VM.
 */
#include "s2_hw.h"
#include "vmx.h"
#include "vmx_mend.h"

static struct axvm_vmx_entry_state read_state(const struct axvm_vcpu *vcpu)
{
    return (struct axvm_vmx_entry_state){
        .rip = vcpu->arch.rip,
        .rflags = vcpu->arch.rflags,
        .blocking = axvm_vmread(VMCS_BLOCKING),
        .pending_db = axvm_vmread(VMCS_GUEST_PENDING_DB),
        .event = axvm_vmread(VMCS_ENTRY_EVENT),
        .code64 = (axvm_vmx_of(vcpu)->entry & ENTRY_LONG_MODE) != 0 && (axvm_vmread(VMCS_GUEST_CS_ATTR) & AXVM_BIT(13)) != 0,
        .long_mode = (axvm_vmx_of(vcpu)->entry & ENTRY_LONG_MODE) != 0,
        .protected_mode = (vcpu->arch.cr0 & CR0_PE) != 0,
    };
}

static void write_state(struct axvm_vcpu *vcpu, const struct axvm_vmx_entry_state *s)
{
    vcpu->arch.rip = s->rip;
    vcpu->arch.rflags = s->rflags;
    axvm_vmwrite(VMCS_BLOCKING, s->blocking);
    axvm_vmwrite(VMCS_GUEST_PENDING_DB, s->pending_db);
    axvm_vmwrite(VMCS_ENTRY_EVENT, s->event);
}

/* Nothing has been entered: an event stays where it is, to be injected by the next try. */
static bool mend(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx_entry_state s = read_state(vcpu);
    enum axvm_vmx_mended what = axvm_vmx_mend(&s);

    if (what == AXVM_VMX_HOPELESS)
        return false;
    write_state(vcpu, &s);
    if (what == AXVM_VMX_MENDED_GP)
        axvm_x86_raise_error(vcpu, X86_GP, 0);
    return true;
}

/* .mode counts entries: was the last one refused, too? */
static bool refused_again(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint64_t mode = atomic_load_explicit(&vcpu->arch.mode, memory_order_relaxed);
    bool again = vmx->refused_at + 2 == mode;

    vmx->refused_at = mode;
    return again;
}

int axvm_vmx_exit_failed(struct axvm_vcpu *vcpu, uint32_t reason)
{
    axvm_vmx_relaunch(vcpu);
    if ((reason & EXIT_REASON_BASIC) == VMX_BAD_GUEST_STATE && !refused_again(vcpu) && mend(vcpu))
        return VMX_RELAUNCH;
    axvm_vmwrite(VMCS_ENTRY_EVENT, 0);
    return axvm_x86_exit_fail(vcpu, reason, axvm_vmread(VMCS_QUALIFICATION));
}

/* VMfail: a control or a host field is wrong. "VM-Instruction Error Numbers" */
int axvm_vmx_not_entered(struct axvm_vcpu *vcpu)
{
    uint64_t error = axvm_vmread(VMCS_INSN_ERROR);

    axvm_x86_mode_out(vcpu);
    axvm_vmx_relaunch(vcpu);
    axvm_vmwrite(VMCS_ENTRY_EVENT, 0);
    return axvm_x86_exit_fail(vcpu, EXIT_REASON_FAILED, error);
}
