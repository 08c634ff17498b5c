/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC served by the CPU: Intel SDM vol. 3C, "APIC Virtualization and Virtual Interrupts".
 *
 * With virtual-interrupt delivery the CPU keeps TPR, PPR, ISR and IRR on the virtual-APIC page while the guest runs: they are
 * lent to it (.lapic_lent), all other registers stay in the model. Others go on posting to the model; the vCPU's own thread
 * passes that on before it enters. What needs one of those registers, or changes who serves them, has them returned first, and
 * so has the way to the host tier: the model is all there is of a vCPU that no CPU has loaded. The next look at the local APIC
 * chooses anew, and lends them again. Vectors whose EOI somebody waits for are those that the model watches.
 */
#include "vlapic.h"
#include "vmx.h"

void axvm_vmx_apicv_init(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    vmx->apicv = 0;
    if (vmx->caps->apicv == 0)
        return;
    axvm_vmwrite(VMCS_GUEST_VIRTUAL_IRQS, 0);
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++)
        axvm_vmwrite(VMCS_EOI_EXITS + 2 * w, 0);
}

/* The MSRs of x2APIC mode are open only while the CPU looks for them on the page: they would be the host's. */
static void set_controls(struct axvm_vcpu *vcpu, uint32_t apicv)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (vmx->apicv == apicv)
        return;
    vmx->apicv = apicv;
    axvm_vmwrite(VMCS_CPU_CONTROLS2, vmx->cpu2 | apicv);
    axvm_vmwrite(VMCS_MSR_BITMAP, vcpu->vm->arch.msrpm_pa + (apicv & CPU2_X2APIC ? AXVM_PAGE_SIZE : 0));
}

static void set_virtual_irqs(struct axvm_vmx *vmx, uint16_t val)
{
    vmx->virtual_irqs = val;
    axvm_vmwrite(VMCS_GUEST_VIRTUAL_IRQS, val);
}

/* Only after what has been posted, whose posters watch first. */
static void refresh_eoi_exits(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        uint64_t watch = atomic_load_explicit(&vcpu->arch.lapic.watch[w], memory_order_relaxed);

        if (vmx->eoi_exits[w] == watch)
            continue;
        vmx->eoi_exits[w] = watch;
        axvm_vmwrite(VMCS_EOI_EXITS + 2 * w, watch);
    }
}

bool axvm_vmx_lend_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint16_t serving;

    if (v->lapic_lent)
        return true;
    set_controls(vcpu, axvm_vmx_apicv_choose(vmx->caps->apicv, atomic_load_explicit(&v->lapic.base, memory_order_relaxed),
                                             axvm_lapic_is_software_enabled(&v->lapic), false));
    if ((vmx->apicv & CPU2_VIRTUAL_IRQS) == 0)
        return false;
    serving = (uint16_t)axvm_put_field(VIRTUAL_IRQ_SERVED, axvm_lapic_lend(&v->lapic, axvm_vmx_vapic(vmx)));
    if (serving != 0)
        refresh_eoi_exits(vcpu);
    if (serving != vmx->virtual_irqs)
        set_virtual_irqs(vmx, serving);
    v->cr8 = (uint8_t)axvm_lapic_cr8(&v->lapic);
    v->lapic_lent = true;
    return true;
}

void axvm_vmx_return_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (!v->lapic_lent)
        return;
    v->lapic_lent = false;
    vmx->virtual_irqs = (uint16_t)axvm_vmread(VMCS_GUEST_VIRTUAL_IRQS);
    axvm_lapic_return(&v->lapic, axvm_vmx_vapic(vmx), (vmx->virtual_irqs & VIRTUAL_IRQ_PENDING) != 0,
                      (vmx->virtual_irqs & VIRTUAL_IRQ_SERVED) != 0);
    v->cr8 = (uint8_t)axvm_lapic_cr8(&v->lapic);
}

int axvm_vmx_refresh_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    struct axvm_lapic *apic = &vcpu->arch.lapic;
    bool external = axvm_lapic_external(apic); /* first: it clears attention */
    int posted = axvm_lapic_lend_pending(apic, axvm_vmx_vapic(vmx));
    uint16_t status = (uint16_t)axvm_vmread(VMCS_GUEST_VIRTUAL_IRQS);
    int top = (int)axvm_field(status, VIRTUAL_IRQ_PENDING);

    if (posted > top) {
        top = posted;
        set_virtual_irqs(vmx, (uint16_t)((status & ~VIRTUAL_IRQ_PENDING) | (uint16_t)top));
    }
    refresh_eoi_exits(vcpu);
    if (external)
        return AXVM_VLAPIC_EXTINT;
    return (uint32_t)top >> 4 > axvm_vmx_vapic_read(vmx, VMX_VAPIC_PPR) >> 4 ? top : AXVM_VLAPIC_NONE;
}

/* ---- exits; the instruction is done ---- */

enum axvm_trap_kind axvm_vmx_exit_eoi(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    axvm_lapic_eoi_seen(&vcpu->arch.lapic, (uint32_t)axvm_field(axvm_vmread(VMCS_QUALIFICATION), QUAL_EOI_VECTOR));
    return AXVM_TRAP_RESUME;
}

/* x2APIC: a self IPI with a vector that is illegal, which is an error. */
enum axvm_trap_kind axvm_vmx_exit_apic_write(struct axvm_vcpu *vcpu)
{
    uint32_t off = (uint32_t)axvm_field(axvm_vmread(VMCS_QUALIFICATION), QUAL_APIC_OFFSET);

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if (axvm_lapic_is_x2apic(&vcpu->arch.lapic) && off == VMX_VAPIC_SELF_IPI)
        axvm_vlapic_msr_write(vcpu, MSR_X2APIC_SELF_IPI, axvm_vmx_vapic_read(axvm_vmx_of(vcpu), off) & 0xff);
    return AXVM_TRAP_RESUME;
}
