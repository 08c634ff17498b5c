/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling in a VMCS, once for controls and addresses, and with each reset for registers. */
#include "bits.h"
#include "vmx.h"

/* PAUSE in a loop, fewer cycles than this apart, for so many cycles, is waiting for another vCPU. */
#define PLE_GAP 128
#define PLE_WINDOW 4096

#define RESET_EXCEPTIONS (1u << X86_DB | 1u << X86_UD | 1u << X86_AC | 1u << X86_MC)

static void init_cpu_controls(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    const struct axvm_vmx_caps *caps = vmx->caps;
    const struct axvm_cpuid *c = vcpu->vm->arch.cpuid;
    bool yield = (vcpu->vm->flags & AXVM_VM_YIELD_ON_SPIN) != 0;
    uint32_t cpu2 = caps->cpu2;

    vmx->cpu = caps->cpu;
    /* What the guest's CPUID hides gives #UD. */
    if (!c->limits.tsc_aux)
        cpu2 &= ~(uint32_t)CPU2_RDTSCP;
    if ((axvm_cpuid_find(c, 7, 0)->r[AXVM_EBX] >> 10 & 1) == 0)
        cpu2 &= ~(uint32_t)CPU2_INVPCID;
    if (!yield)
        cpu2 &= ~(uint32_t)CPU2_PAUSE_LOOP;
    else if (!caps->pause_loop)
        vmx->cpu |= CPU_PAUSE;
    axvm_vmwrite(VMCS_CPU_CONTROLS, vmx->cpu);
    vmx->cpu2 = cpu2;
    axvm_vmwrite(VMCS_CPU_CONTROLS2, cpu2);
    /* SGX is not for guests, whatever the host does with it. */
    if (cpu2 & CPU2_ENCLS)
        axvm_vmwrite(VMCS_ENCLS_BITMAP, UINT64_MAX);
    if (cpu2 & CPU2_PAUSE_LOOP) {
        axvm_vmwrite(VMCS_PLE_GAP, PLE_GAP);
        axvm_vmwrite(VMCS_PLE_WINDOW, PLE_WINDOW);
    }
}

static void init_controls(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    axvm_vmwrite(VMCS_PIN_CONTROLS, vmx->caps->pin);
    if (vmx->caps->timer)
        axvm_vmwrite(VMCS_TIMER, UINT32_MAX);
    vmx->timer_ns = 0; /* to be set */
    vcpu->arch.timer_tsc = AXVM_TIME_NEVER;
    init_cpu_controls(vcpu);
    axvm_vmwrite(VMCS_EXIT_CONTROLS, vmx->caps->exit);
    vmx->entry = vmx->caps->entry;
    axvm_vmwrite(VMCS_ENTRY_CONTROLS, vmx->entry);
    /* #MC is the host's; #AC and #DB can be had without end by a guest alone (XSA-156), so that no interrupt would come
     * through. */
    vmx->exceptions = RESET_EXCEPTIONS;
    axvm_vmwrite(VMCS_EXCEPTIONS, vmx->exceptions);
    axvm_vmwrite(VMCS_PF_ERROR_MASK, 0);
    axvm_vmwrite(VMCS_PF_ERROR_MATCH, 0);
    axvm_vmwrite(VMCS_CR3_TARGETS, 0);
    axvm_vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
    axvm_vmwrite(VMCS_EXIT_MSR_LOAD_COUNT, 0);
    axvm_vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
}

void axvm_vmx_vmcs_init(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    const struct axvm_arch_vm *a = &vcpu->vm->arch;

    init_controls(vcpu);
    vmx->eptp = vcpu->vm->as.root_hpa.v | EPTP_WB | EPTP_LEVELS(4);
    axvm_vmwrite(VMCS_EPTP, vmx->eptp);
    axvm_vmwrite(VMCS_IO_BITMAP_A, a->iopm_pa);
    axvm_vmwrite(VMCS_IO_BITMAP_B, a->iopm_pa + AXVM_PAGE_SIZE);
    axvm_vmwrite(VMCS_MSR_BITMAP, a->msrpm_pa);
    axvm_vmwrite(VMCS_VIRTUAL_APIC, vmx->own_pa + AXVM_PAGE_SIZE);
    axvm_vmx_apicv_init(vcpu);
    axvm_vmwrite(VMCS_LINK, UINT64_MAX);
    axvm_vmwrite(VMCS_GUEST_DEBUGCTL, 0);
    axvm_vmwrite(VMCS_HOST_RIP, (uintptr_t)axvm_vmx_exit_rip);
    axvm_vmwrite(VMCS_TSC_OFFSET, vmx->tsc_offset);
    vmx->made = true;
}

/* ---- registers ---- */

static void set_segs(struct axvm_vcpu *vcpu, const struct axvm_x86_sys *sys)
{
    for (int i = 0; i < AXVM_X86_SEGS; i++)
        axvm_vmx_set_seg(vcpu, (enum axvm_x86_segreg)i, sys->seg[i]);
    axvm_vmx_set_table(vcpu, false, sys->gdtr);
    axvm_vmx_set_table(vcpu, true, sys->idtr);
}

void axvm_vmx_vmcs_set_sys(struct axvm_vcpu *vcpu)
{
    const struct axvm_x86_sys *sys = &vcpu->arch.sys;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    set_segs(vcpu, sys);
    axvm_vmwrite(VMCS_GUEST_CR3, sys->cr3);
    axvm_vmx_set_reg(vcpu, AXVM_VMX_CR4, sys->cr4);
    vmx->syscall = (sys->efer & EFER_SCE) != 0; /* the host's are still in the CPU */
    axvm_vmx_set_reg(vcpu, AXVM_VMX_EFER, sys->efer);
    axvm_vmx_set_cr0(vcpu);
    axvm_vmwrite(VMCS_GUEST_DR7, sys->dr7);
    vmx->dr6 = sys->dr6;
    axvm_vmwrite(VMCS_GUEST_PAT, sys->pat);
    axvm_vmwrite(VMCS_GUEST_SYSENTER_CS, sys->sysenter_cs);
    axvm_vmwrite(VMCS_GUEST_SYSENTER_ESP, sys->sysenter_esp);
    axvm_vmwrite(VMCS_GUEST_SYSENTER_EIP, sys->sysenter_eip);
    vmx->msr[VMX_STAR] = sys->star;
    vmx->msr[VMX_LSTAR] = sys->lstar;
    vmx->msr[VMX_CSTAR] = sys->cstar;
    vmx->msr[VMX_SFMASK] = sys->sfmask;
    vmx->msr[VMX_KERNEL_GS] = sys->kernel_gs_base;
    axvm_vmwrite(VMCS_ACTIVITY, 0);
    axvm_vmwrite(VMCS_BLOCKING, 0);
    axvm_vmwrite(VMCS_GUEST_PENDING_DB, 0);
    axvm_vmwrite(VMCS_ENTRY_EVENT, 0);
    /* What the last life has left. */
    axvm_vmx_irq_window(vcpu, false);
    axvm_vmx_nmi_window(vcpu, false);
    axvm_vmx_set_cr8(vcpu, 0, 0);
}

void axvm_vmx_vmcs_get_sys(struct axvm_vcpu *vcpu)
{
    struct axvm_x86_sys *sys = &vcpu->arch.sys;
    const struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    for (int i = 0; i < AXVM_X86_SEGS; i++)
        sys->seg[i] = axvm_vmx_get_seg(vcpu, (enum axvm_x86_segreg)i);
    sys->gdtr = axvm_vmx_get_table(vcpu, false);
    sys->idtr = axvm_vmx_get_table(vcpu, true);
    sys->cr0 = vcpu->arch.cr0;
    sys->cr3 = axvm_vmread(VMCS_GUEST_CR3);
    sys->cr4 = axvm_vmx_get_reg(vcpu, AXVM_VMX_CR4);
    sys->efer = vmx->efer;
    sys->dr6 = vmx->dr6;
    sys->dr7 = axvm_vmread(VMCS_GUEST_DR7);
    sys->pat = axvm_vmread(VMCS_GUEST_PAT);
    sys->star = vmx->msr[VMX_STAR];
    sys->lstar = vmx->msr[VMX_LSTAR];
    sys->cstar = vmx->msr[VMX_CSTAR];
    sys->sfmask = vmx->msr[VMX_SFMASK];
    sys->kernel_gs_base = vmx->msr[VMX_KERNEL_GS];
    sys->sysenter_cs = axvm_vmread(VMCS_GUEST_SYSENTER_CS);
    sys->sysenter_esp = axvm_vmread(VMCS_GUEST_SYSENTER_ESP);
    sys->sysenter_eip = axvm_vmread(VMCS_GUEST_SYSENTER_EIP);
}
