/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC served by the CPU: Intel SDM vol. 3C, "APIC Virtualization and Virtual Interrupts".
 *
 * With virtual-interrupt delivery the CPU keeps TPR, PPR, ISR and IRR on the virtual-APIC page while the guest runs: they are
 * lent to it (AXVM_LAPIC_LENT), all other registers stay in the model; in xAPIC mode the guest reads them on the page, too.
 * Others go on posting to the model; the vCPU's own thread passes that on before it enters. What needs one of those registers,
 * or changes who serves them, has them returned first, and so has the way to the host tier: the model is all there is of a vCPU
 * that no CPU has loaded. The next look at the local APIC chooses anew, and lends them again. Vectors whose EOI somebody waits
 * for are those that the model watches.
 */
#include "vlapic.h"
#include "vmx.h"

void axvm_vmx_apicv_init(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    vmx->apicv = 0;
    if (vmx->caps->apicv == 0)
        return;
    axvm_vmwrite(VMCS_APIC_ACCESS, vcpu->vm->arch.apic_page_pa);
    axvm_vmwrite(VMCS_GUEST_VIRTUAL_IRQS, 0);
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++)
        axvm_vmwrite(VMCS_EOI_EXITS + 2 * w, 0);
}

/* The MSRs of x2APIC mode are open only while the CPU looks for them on the page: they would be the host's. */
static void set_controls(struct axvm_vcpu *vcpu, uint32_t apicv)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint32_t was = vmx->apicv;

    if (was == apicv)
        return;
    vmx->apicv = apicv;
    axvm_vmwrite(VMCS_CPU_CONTROLS2, vmx->cpu2 | apicv);
    axvm_vmwrite(VMCS_MSR_BITMAP, vcpu->vm->arch.msrpm_pa + (apicv & CPU2_X2APIC ? AXVM_PAGE_SIZE : 0));
    /* "Issues Pertaining to Page Size and TLB Management" */
    if ((was ^ apicv) & CPU2_APIC_ACCESSES)
        axvm_vmx_flush(vcpu);
}

static void choose(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    const struct axvm_lapic *apic = &vcpu->arch.lapic;
    bool page = axvm_vmx_apic_page_is_mapped(vcpu->vm);

    vmx->chosen_for = (struct axvm_vmx_choice){ vmx->caps, apic->changes, page };
    set_controls(vcpu, axvm_vmx_apicv_choose(vmx->caps->apicv, atomic_load_explicit(&apic->base, memory_order_relaxed),
                                             axvm_lapic_is_software_enabled(apic), page));
    if (page && (vmx->apicv & CPU2_APIC_ACCESSES) == 0)
        axvm_vmx_apic_page_unmap(vcpu->vm);
}

static void set_virtual_irqs(struct axvm_vmx *vmx, uint16_t val)
{
    vmx->virtual_irqs = val;
    axvm_vmwrite(VMCS_GUEST_VIRTUAL_IRQS, val);
}

static bool is_chosen(struct axvm_vcpu *vcpu)
{
    const struct axvm_vmx_choice *c = &axvm_vmx_of(vcpu)->chosen_for;

    return c->changes == vcpu->arch.lapic.changes && c->page == axvm_vmx_apic_page_is_mapped(vcpu->vm) &&
           c->caps == axvm_vmx_of(vcpu)->caps;
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

/* In xAPIC mode the guest reads the other registers there, too. */
static void show(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (vmx->shown == vcpu->arch.lapic.changes)
        return;
    vmx->shown = vcpu->arch.lapic.changes;
    axvm_lapic_show(&vcpu->arch.lapic, axvm_vmx_vapic(vmx));
}

static void lend(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint16_t serving;

    if (vmx->vectors_shown)
        axvm_lapic_hide_vectors(axvm_vmx_vapic(vmx));
    vmx->vectors_shown = false;
    serving = (uint16_t)axvm_put_field(VIRTUAL_IRQ_SERVED, axvm_lapic_lend(&v->lapic, axvm_vmx_vapic(vmx)));
    if (serving != 0)
        refresh_eoi_exits(vcpu);
    if (serving != vmx->virtual_irqs)
        set_virtual_irqs(vmx, serving);
    vmx->tpr = axvm_vmx_tpr(vmx);
    v->cr8 = vmx->tpr >> 4;
    if (v->lapic_cpu & AXVM_LAPIC_SHOWN)
        show(vcpu);
    v->lapic_cpu |= AXVM_LAPIC_LENT;
}

bool axvm_vmx_choose_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (v->lapic_cpu & AXVM_LAPIC_LENT)
        return true;
    if (!is_chosen(vcpu))
        choose(vcpu);
    v->lapic_plain = vmx->apicv == 0;
    v->lapic_plain_for = v->lapic.changes;
    v->lapic_cpu = vmx->apicv & CPU2_APIC_ACCESSES ? AXVM_LAPIC_SHOWN : 0;
    if (vmx->apicv & CPU2_VIRTUAL_IRQS) {
        lend(vcpu);
        return true;
    }
    if ((v->lapic_cpu & AXVM_LAPIC_SHOWN) && vmx->shown != v->lapic.changes)
        v->work |= AXVM_WORK_IRQ; /* to be shown before the guest is entered */
    return false;
}

void axvm_vmx_show_lapic(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    show(vcpu);
    axvm_lapic_show_pending(&vcpu->arch.lapic, axvm_vmx_vapic(vmx));
    axvm_lapic_show_vectors(&vcpu->arch.lapic, axvm_vmx_vapic(vmx));
    vmx->vectors_shown = true;
}

static void return_lent(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    v->lapic_cpu &= (uint8_t)~AXVM_LAPIC_LENT;
    vmx->virtual_irqs = (uint16_t)axvm_vmread(VMCS_GUEST_VIRTUAL_IRQS);
    axvm_lapic_return(&v->lapic, axvm_vmx_vapic(vmx), (vmx->virtual_irqs & VIRTUAL_IRQ_PENDING) != 0,
                      (vmx->virtual_irqs & VIRTUAL_IRQ_SERVED) != 0);
    vmx->tpr = axvm_vmx_tpr(vmx);
    v->cr8 = vmx->tpr >> 4;
}

void axvm_vmx_take_lapic_back(struct axvm_vcpu *vcpu)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);

    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_LENT)
        return_lent(vcpu);
    /* The only one of the page's other registers that is not just a copy. */
    if ((vcpu->arch.lapic_cpu & AXVM_LAPIC_SHOWN) && vmx->shown == vcpu->arch.lapic.changes)
        axvm_lapic_take_icr(&vcpu->arch.lapic, axvm_vmx_vapic(vmx));
    vcpu->arch.lapic_cpu = 0;
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
    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_SHOWN)
        axvm_lapic_show_pending(apic, axvm_vmx_vapic(vmx));
    if (external)
        return AXVM_VLAPIC_EXTINT;
    return (uint32_t)top >> 4 > axvm_vmx_vapic_read(vmx, VMX_VAPIC_PPR) >> 4 ? top : AXVM_VLAPIC_NONE;
}

/* With each exit: the guest has written TPR. While it is lent that concerns only others, who look whose is the lowest. */
void axvm_vmx_tpr_changed(struct axvm_vcpu *vcpu, uint8_t tpr)
{
    vcpu->arch.cr8 = tpr >> 4;
    axvm_vmx_of(vcpu)->tpr = tpr;
    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_LENT) {
        axvm_lapic_show_tpr(&vcpu->arch.lapic, tpr);
        return;
    }
    axvm_lapic_set_tpr(&vcpu->arch.lapic, tpr);
    vcpu->arch.work |= AXVM_WORK_IRQ;
}

/* ---- exits ---- */

enum axvm_trap_kind axvm_vmx_exit_eoi(struct axvm_vcpu *vcpu)
{
    struct axvm_lapic *apic = &vcpu->arch.lapic;

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    axvm_lapic_eoi_seen(apic, (uint32_t)axvm_field(axvm_vmread(VMCS_QUALIFICATION), QUAL_EOI_VECTOR));
    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_SHOWN)
        axvm_lapic_show_pending(apic, axvm_vmx_vapic(axvm_vmx_of(vcpu)));
    return AXVM_TRAP_RESUME;
}

static void write_shown(struct axvm_vcpu *vcpu, uint32_t off, uint32_t val)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    struct axvm_lapic *apic = &vcpu->arch.lapic;
    bool fresh = vmx->shown == apic->changes;

    axvm_vlapic_mmio_write(vcpu, off, 4, val);
    axvm_lapic_show_one(apic, axvm_vmx_vapic(vmx), off >> 4);
    if (off == VMX_VAPIC_EOI && vmx->vectors_shown)
        axvm_lapic_show_vectors(apic, axvm_vmx_vapic(vmx));
    if (fresh && off != VMX_VAPIC_SVR)
        vmx->shown = apic->changes;
}

/*
 * The guest has written it on the page. What it has written of a register that is not 32 bits counts as all of it, which no
 * manual says anything about; what is beside it, as nothing. SVR decides who serves it, and masks the local vector table.
 */
static void write_xapic(struct axvm_vcpu *vcpu, uint32_t off)
{
    struct axvm_vmx *vmx = axvm_vmx_of(vcpu);
    uint32_t val = axvm_vmx_vapic_read(vmx, off & ~15u);

    if (off == VMX_VAPIC_SVR)
        axvm_x86_want_lapic_back(vcpu);
    else if (off == VMX_VAPIC_ICR_LOW)
        axvm_lapic_take_icr(&vcpu->arch.lapic, axvm_vmx_vapic(vmx));
    if ((off & 15) == 0)
        write_shown(vcpu, off, val);
    else
        axvm_lapic_show_one(&vcpu->arch.lapic, axvm_vmx_vapic(vmx), off >> 4);
    axvm_x86_lapic_touched(vcpu);
}

/* "APIC-Write VM Exits": the instruction is done. In x2APIC mode a self IPI with an illegal vector, which is an error. */
enum axvm_trap_kind axvm_vmx_exit_apic_write(struct axvm_vcpu *vcpu)
{
    uint32_t off = (uint32_t)axvm_field(axvm_vmread(VMCS_QUALIFICATION), QUAL_APIC_OFFSET);

    if (!axvm_lapic_is_x2apic(&vcpu->arch.lapic)) {
        axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
        write_xapic(vcpu, off);
    } else if (off == VMX_VAPIC_SELF_IPI) {
        axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
        axvm_vlapic_msr_write(vcpu, MSR_X2APIC_SELF_IPI, axvm_vmx_vapic_read(axvm_vmx_of(vcpu), off) & 0xff);
    }
    return AXVM_TRAP_RESUME;
}

/*
 * "APIC-Access VM Exits": the CPU leaves it to us; the instruction has not been executed. It may be that an entry of the
 * guest's page tables is on this page, of which Bochs tells as of the access itself: so it is found out what the instruction
 * accesses.
 */
enum axvm_trap_kind axvm_vmx_exit_apic_access(struct axvm_vcpu *vcpu)
{
    uint64_t q = axvm_vmread(VMCS_QUALIFICATION), gpa = AXVM_LAPIC_BASE + axvm_field(q, QUAL_APIC_OFFSET);
    bool fetch = axvm_field(q, QUAL_APIC_TYPE) == QUAL_APIC_FETCH;

    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    if (__builtin_expect((axvm_vmread(VMCS_IDT_EVENT) & EVENT_VALID) != 0, 0))
        axvm_vmx_redeliver(vcpu);
    return axvm_x86_exit_fault(vcpu, gpa, fetch ? AXVM_PROT_EXEC : AXVM_PROT_READ, !fetch);
}
