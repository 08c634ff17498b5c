/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch, as far as it is more than x0..x30 (those are entry.S).
 *
 * Three kinds of registers:
 *  - the host's own (HCR, VBAR, CPTR, MDCR, CNTHCTL, CNTVOFF, SP_EL0, TPIDR*_EL0, PSTATE bits): exchanged on every entry and exit;
 *  - the guest's alone (EL1, VTTBR, VTCR, VMPIDR, VPIDR): saved on exit, as the vCPU may go on elsewhere, but loaded only if
 *    somebody else was loaded here in between (cpu->resident). axvm_cpu_disable() puts back what the host had in them;
 *  - lazily exchanged: FP/SIMD (fp.c), debug registers (debug.c).
 */
#include "switch.h"

#include "debug.h"
#include "el2.h"
#include "sysreg.h"
#include "timer.h"
#include "vgic.h"
#include "vmid.h"

#define MDSCR_ENABLES (MDSCR_SS | MDSCR_KDE | MDSCR_MDE)

/* ---- the host's own ---- */

static void save_pstate(struct axvm_arch_cpu *h)
{
    if (h->pstate_bits & HAS_PAN)
        h->pan = axvm_sysreg_read(PSTATE_PAN);
    if (h->pstate_bits & HAS_UAO)
        h->uao = axvm_sysreg_read(PSTATE_UAO);
    if (h->pstate_bits & HAS_SSBS)
        h->ssbs = axvm_sysreg_read(PSTATE_SSBS);
    if (h->pstate_bits & HAS_DIT)
        h->dit = axvm_sysreg_read(PSTATE_DIT);
    if (h->pstate_bits & HAS_TCO)
        h->tco = axvm_sysreg_read(PSTATE_TCO);
}

static void restore_pstate(const struct axvm_arch_cpu *h)
{
    if (h->pstate_bits & HAS_PAN)
        axvm_sysreg_write(PSTATE_PAN, h->pan);
    if (h->pstate_bits & HAS_UAO)
        axvm_sysreg_write(PSTATE_UAO, h->uao);
    if (h->pstate_bits & HAS_SSBS)
        axvm_sysreg_write(PSTATE_SSBS, h->ssbs);
    if (h->pstate_bits & HAS_DIT)
        axvm_sysreg_write(PSTATE_DIT, h->dit);
    if (h->pstate_bits & HAS_TCO)
        axvm_sysreg_write(PSTATE_TCO, h->tco);
}

static void save_host(struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu)
{
    h->hcr = axvm_sysreg_read(hcr_el2);
    vcpu->arch.host_vbar = axvm_sysreg_read(vbar_el2);
    h->cptr = axvm_sysreg_read(cptr_el2);
    h->mdcr = axvm_sysreg_read(mdcr_el2);
    h->cnthctl = axvm_sysreg_read(cnthctl_el2);
    h->cntvoff = axvm_sysreg_read(cntvoff_el2);
    h->mdscr = axvm_sysreg_read(mdscr_el1);
    h->el0.sp_el0 = axvm_sysreg_read(sp_el0);
    h->el0.tpidr_el0 = axvm_sysreg_read(tpidr_el0);
    h->el0.tpidrro_el0 = axvm_sysreg_read(tpidrro_el0);
    if (h->pstate_bits)
        save_pstate(h);
    if (h->has_sme)
        h->el0.tpidr2_el0 = axvm_sysreg_read(TPIDR2_EL0);
    if (h->has_hcx)
        h->hcrx = axvm_sysreg_read(HCRX_EL2);
    if (h->eager_el1)
        axvm_el1_save(&h->el1, h->vhe);
}

static void restore_host(struct axvm_arch_cpu *h, const struct axvm_vcpu *vcpu)
{
    if (h->eager_el1)
        axvm_el1_load(&h->el1, h->vhe);
    if (h->has_hcx)
        axvm_sysreg_write(HCRX_EL2, h->hcrx);
    if (h->has_sme)
        axvm_sysreg_write(TPIDR2_EL0, h->el0.tpidr2_el0);
    if (h->pstate_bits)
        restore_pstate(h);
    axvm_sysreg_write(sp_el0, h->el0.sp_el0);
    axvm_sysreg_write(tpidr_el0, h->el0.tpidr_el0);
    axvm_sysreg_write(tpidrro_el0, h->el0.tpidrro_el0);
    if ((h->icc_ctlr & ICC_CTLR_EOIMODE) == 0)
        axvm_sysreg_write(ICC_CTLR_EL1, h->icc_ctlr);
    if (h->mdscr & MDSCR_ENABLES)
        axvm_sysreg_write(mdscr_el1, h->mdscr);
    axvm_sysreg_write(cntvoff_el2, h->cntvoff);
    axvm_sysreg_write(cnthctl_el2, h->cnthctl);
    axvm_sysreg_write(mdcr_el2, h->mdcr);
    axvm_sysreg_write(cptr_el2, h->cptr);
    axvm_sysreg_write(vbar_el2, vcpu->arch.host_vbar);
    axvm_sysreg_write(hcr_el2, h->hcr);
    axvm_isb();
}

/* ---- traps and controls while a guest runs ---- */

static void set_controls(const struct axvm_arch_cpu *h, const struct axvm_vcpu *vcpu)
{
    uint64_t cnthctl = h->cnthctl & ~(CNTHCTL_EL1TVT | CNTHCTL_EL1TVCT);

    if (h->vhe) {
        axvm_sysreg_write(cptr_el2, CPTR_VHE_TTA | CPTR_TAM);
        cnthctl &= ~(CNTHCTL_VHE_EL1PCTEN | CNTHCTL_VHE_EL1PTEN);
    } else {
        axvm_sysreg_write(cptr_el2, CPTR_RES1 | CPTR_TZ | CPTR_TFP | CPTR_TSM | CPTR_TTA | CPTR_TAM);
        cnthctl &= ~(CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
    }
    axvm_sysreg_write(cnthctl_el2, cnthctl);
    axvm_sysreg_write(mdcr_el2, (h->mdcr & MDCR_HPMN) | h->mdcr_traps);
    axvm_sysreg_write(cntvoff_el2, vcpu->vm->arch.cntvoff);
    /* Priority drop and deactivation apart, so that a guest's timer interrupt stays active until the guest is done with it. */
    if ((h->icc_ctlr & ICC_CTLR_EOIMODE) == 0)
        axvm_sysreg_write(ICC_CTLR_EL1, h->icc_ctlr | ICC_CTLR_EOIMODE);
    if (h->has_hcx)
        axvm_sysreg_write(HCRX_EL2, 0);
    /* A host that is being debugged: its breakpoints are not for the guest. */
    if (h->mdscr & MDSCR_ENABLES)
        axvm_sysreg_write(mdscr_el1, h->mdscr & ~MDSCR_ENABLES);
    axvm_sysreg_write(hcr_el2, vcpu->arch.hcr);
    axvm_sysreg_write(vbar_el2, axvm_vectors);
}

/*
 * Two vCPUs of a VM share its VMID, but what each of them caches with local TLB maintenance in mind is not the other's to see:
 * when they take turns on a CPU, it starts afresh.
 */
static void separate_vcpus(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    uint8_t *last = &vcpu->vm->arch.last_vcpu[cpu->pcpu];
    uint8_t me = (uint8_t)(vcpu->id + 1);

    if (*last != me) {
        if (*last != 0) {
            __asm__ volatile("tlbi vmalle1\n\tic iallu" : : : "memory");
            axvm_dsb(nsh);
        }
        *last = me;
    }
}

static void load_translation(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_cpu *h = &cpu->arch;
    uint64_t vttbr = vcpu->vm->arch.vttbr_base | axvm_put_field(VTTBR_VMID, axvm_vmid_enter(cpu, vcpu->vm));

    if (cpu->resident != vcpu || h->guest_vttbr != vttbr) {
        h->guest_vttbr = vttbr;
        axvm_sysreg_write(vttbr_el2, vttbr);
        axvm_sysreg_write(vtcr_el2, vcpu->vm->arch.vtcr);
        axvm_isb();
        separate_vcpus(cpu, vcpu);
    }
}

static void load_guest_only(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    axvm_sysreg_write(vmpidr_el2, vcpu->arch.mpidr);
    axvm_sysreg_write(vpidr_el2, axvm_sysreg_read(midr_el1));
    axvm_el1_load(&vcpu->arch.el1, cpu->arch.vhe);
    if (cpu->arch.has_ras)
        axvm_sysreg_write(VDISR_EL2, vcpu->arch.el1.vdisr);
}

void axvm_switch_to_guest(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    bool resident = cpu->resident == vcpu && v->resident_on == cpu;

    if (!resident)
        cpu->resident = NULL;
    v->cpu = cpu;
    save_host(&cpu->arch, vcpu);
    set_controls(&cpu->arch, vcpu);
    load_translation(cpu, vcpu);
    if (!resident)
        load_guest_only(cpu, vcpu);
    axvm_sysreg_write(sp_el0, v->el0.sp_el0);
    axvm_sysreg_write(tpidr_el0, v->el0.tpidr_el0);
    axvm_sysreg_write(tpidrro_el0, v->el0.tpidrro_el0);
    if (cpu->arch.has_sme)
        axvm_sysreg_write(TPIDR2_EL0, v->el0.tpidr2_el0);
    axvm_sysreg_write(elr_el2, v->pc);
    axvm_sysreg_write(spsr_el2, v->pstate);
    if (axvm_debug_wanted(&v->debug))
        axvm_debug_load(cpu, vcpu);
    axvm_vgic_load(vcpu, resident);
    axvm_timer_load(cpu, vcpu);
    cpu->resident = vcpu;
    v->resident_on = cpu;
}

void axvm_switch_to_host(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    axvm_timer_put(cpu, vcpu);
    axvm_vgic_put(vcpu);
    if (v->fp_loaded)
        axvm_fp_put(cpu, vcpu);
    if (v->debug_loaded)
        axvm_debug_put(cpu, vcpu);
    v->pc = axvm_sysreg_read(elr_el2);
    v->pstate = axvm_sysreg_read(spsr_el2);
    v->hcr = axvm_sysreg_read(hcr_el2); /* hardware clears HCR_EL2.VSE when the guest takes the SError */
    v->el0.sp_el0 = axvm_sysreg_read(sp_el0);
    v->el0.tpidr_el0 = axvm_sysreg_read(tpidr_el0);
    v->el0.tpidrro_el0 = axvm_sysreg_read(tpidrro_el0);
    if (cpu->arch.has_sme)
        v->el0.tpidr2_el0 = axvm_sysreg_read(TPIDR2_EL0);
    axvm_el1_save(&v->el1, cpu->arch.vhe);
    if (cpu->arch.has_ras)
        v->el1.vdisr = axvm_sysreg_read(VDISR_EL2);
    restore_host(&cpu->arch, vcpu);
    if (cpu->arch.eager_el1)
        cpu->resident = NULL;
}
