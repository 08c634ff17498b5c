/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's list registers and CPU interface come to a physical CPU and leave it. Interrupts are off here. */
#include "vgic_priv.h"

/* Another vCPU was here, or this one elsewhere, where there may have been more list registers. */
static void load_all(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint64_t vtr = axvm_gich_read_vtr();

    c->lr_mask = (uint32_t)((UINT64_C(2) << (axvm_field(vtr, ICH_VTR_LISTREGS) & (AXVM_GICH_MAX_LRS - 1))) - 1);
    c->prebits = (uint8_t)(axvm_field(vtr, ICH_VTR_PREBITS) + 1);
    c->tdir = (vtr & ICH_VTR_TDS) != 0;
    c->reload = false;
    for (uint32_t lost = c->used & ~c->lr_mask; lost != 0; lost &= lost - 1)
        axvm_vgic_evict(vcpu, axvm_ctz64(lost));
    c->dirty = c->lr_mask;
    axvm_gich_enable_sre();
    axvm_gich_write_vmcr(c->vmcr);
    axvm_gich_write_apr(c->prebits, c->ap0r, c->ap1r);
}

/* A guest without an interrupt controller finds no CPU interface either, least of all what is left there of another guest. */
#define HCR_NO_GIC (ICH_HCR_TC | ICH_HCR_TALL0 | ICH_HCR_TALL1)

void axvm_vgic_load(struct axvm_vcpu *vcpu, bool resident)
{
    struct axvm_vgic *g = &vcpu->vm->arch.vgic;
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if (!g->spis) {
        axvm_gich_write_hcr(HCR_NO_GIC);
        return;
    }
    axvm_lock_raw(&g->lock);
    if (!resident || c->reload)
        load_all(vcpu);
    c->loaded = true;
    if ((c->dirty | c->ready_words | c->active_out | (c->vmcr & ICH_VMCR_VEOIM)) == 0) {
        /* All is as it was, and nothing waits. */
        c->hcr = ICH_HCR_EN;
        axvm_gich_write_hcr(ICH_HCR_EN);
    } else {
        g->caller = vcpu;
        c->refill = 1;
        axvm_vgic_flush(vcpu);
    }
    axvm_unlock_raw(&g->lock);
}

/*
 * The physical interrupt of a private timer is this CPU's, where somebody else may need it next: it is deactivated. The guest's
 * interrupt stays as it is, and becomes tied to the physical one again when that fires again, because its cause still holds.
 */
static void give_up_ppi(struct axvm_vcpu *vcpu, unsigned int n)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    axvm_vgic_complete(vcpu, (uint32_t)(c->lr[n] & ICH_LR_VINTID));
    c->lr[n] &= ~(ICH_LR_HW | ICH_LR_PINTID);
    c->dirty |= 1u << n;
}

static void put_lrs(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    axvm_vgic_fetch_all(vcpu);
    if (c->sync != 0)
        axvm_vgic_settle_all(vcpu);
    for (uint32_t used = c->used; used != 0; used &= used - 1) {
        unsigned int n = axvm_ctz64(used);
        uint64_t lr = c->lr[n];

        if ((lr & ICH_LR_STATE) == 0)
            axvm_vgic_settle(vcpu, n);
        else if ((lr & ICH_LR_HW) && axvm_vgic_is_private((uint32_t)(lr & ICH_LR_VINTID)))
            give_up_ppi(vcpu, n);
    }
}

void axvm_vgic_put(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic *g = &vcpu->vm->arch.vgic;
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if (!g->spis) {
        axvm_vgic_complete_private(vcpu, c->bank.hw);
        axvm_gich_write_hcr(0);
        return;
    }
    axvm_lock_raw(&g->lock);
    g->caller = vcpu;
    c->vmcr = (uint32_t)axvm_gich_read_vmcr();
    axvm_gich_read_apr(c->prebits, c->ap0r, c->ap1r);
    if (c->hcr & ICH_HCR_LRENPIE)
        axvm_vgic_take_eoicount(vcpu);
    if ((c->used | c->sync) != 0)
        put_lrs(vcpu);
    /* Those waiting for a list register or to be enabled. */
    if (c->bank.hw != 0)
        axvm_vgic_complete_private(vcpu, c->bank.hw);
    axvm_gich_write_hcr(0);
    c->hcr = 0;
    c->loaded = false;
    g->caller = NULL;
    axvm_unlock_raw(&g->lock);
}
