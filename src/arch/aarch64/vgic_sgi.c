/* SPDX-License-Identifier: BSD-2-Clause */
/* SGIs and the virtual timer, whatever is in their way; and the guest's writes of ICC_DIR_EL1. */
#include "vgic_priv.h"
#include "vgic_sgir.h"

/* ---- SGIs ---- */

/*
 * "Forwarding an SGI to a target PE", with one security state: ICC_SGI1R generates whatever group the SGI has at its target,
 * the other two registers group 0 only.
 */
static void send(struct axvm_vcpu *target, uint32_t intid, enum axvm_sgi_reg reg)
{
    struct axvm_vgic_bank *b = &target->arch.vgic.bank;
    uint32_t bit = axvm_vgic_bit(intid);

    if ((reg != AXVM_SGI1R && (b->group & bit)) || (b->latch & bit))
        return;
    b->latch |= bit;
    axvm_vgic_changed(target, intid);
}

static void send_to_list(struct axvm *vm, enum axvm_sgi_reg reg, uint64_t val)
{
    uint32_t intid = (uint32_t)axvm_field(val, SGIR_INTID);
    uint32_t first = (uint32_t)axvm_field(val, SGIR_AFF1) * 16;

    /* No vCPU has Aff3, Aff2 or an Aff0 above 15. */
    if (val & (SGIR_AFF3 | SGIR_AFF2 | SGIR_RS))
        return;
    for (uint32_t list = val & SGIR_LIST; list != 0; list &= list - 1) {
        uint32_t id = first + axvm_ctz64(list);

        if (id >= vm->vcpu_count)
            return;
        send(axvm_vgic_vcpu(vm, id), intid, reg);
    }
}

static void send_to_others(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint32_t intid)
{
    struct axvm *vm = vcpu->vm;

    for (uint32_t id = 0; id < vm->vcpu_count; id++) {
        if (vm->vcpus[id] != vcpu)
            send(vm->vcpus[id], intid, reg);
    }
}

void axvm_vgic_sgi_slow(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis)
        return;
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    if (val & SGIR_IRM)
        send_to_others(vcpu, reg, (uint32_t)axvm_field(val, SGIR_INTID));
    else
        send_to_list(vcpu->vm, reg, val);
    axvm_vgic_leave(vcpu->vm, flags);
}

/* ---- the virtual timer ---- */

/*
 * The guest has not finished with it: what fired is the same level, not a new event. False: it is new.
 * In a list register it is tied to that; otherwise it is deactivated with the guest's own, and fires again if it still has to.
 */
static bool fires_again(struct axvm_vcpu *vcpu, uint32_t intid, uint64_t fields)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint32_t bit = axvm_vgic_bit(intid);
    unsigned int n = c->lr_of[intid];
    uint64_t state;

    if ((c->bank.in_lr & bit) == 0) {
        c->bank.hw |= c->bank.active & bit;
        return (c->bank.active & bit) != 0;
    }
    axvm_vgic_fetch(vcpu, n);
    state = c->lr[n] & ICH_LR_STATE;
    if (state == ICH_LR_STATE) {
        c->bank.hw |= bit;
        axvm_vgic_changed(vcpu, intid);
    } else if (state != 0) {
        c->lr[n] = (c->lr[n] & ~ICH_LR_PINTID) | fields;
        c->dirty |= 1u << n;
    }
    return state != 0;
}

uint64_t axvm_vgic_forward_ppi_slow(struct axvm_vcpu *vcpu, uint32_t intid, uint32_t host_intid)
{
    struct axvm_vgic_bank *b = &vcpu->arch.vgic.bank;
    uint64_t fields = ICH_LR_HW | axvm_put_field(ICH_LR_PINTID, host_intid);
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis) {
        /* Nobody to tell. Active it cannot fire again and again; axvm_vgic_put() ends it. */
        vcpu->arch.vgic.ppi_host[intid & 15] = (uint16_t)host_intid;
        b->hw |= axvm_vgic_bit(intid);
        return AXVM_TRAP_RESUME;
    }
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    vcpu->arch.vgic.ppi_host[intid & 15] = (uint16_t)host_intid;
    if (!fires_again(vcpu, intid, fields)) {
        b->latch |= axvm_vgic_bit(intid);
        b->hw |= axvm_vgic_bit(intid);
        axvm_vgic_changed(vcpu, intid);
    }
    axvm_vgic_leave(vcpu->vm, flags);
    return axvm_wake_trap(vcpu->vm);
}

/* ---- deactivation ---- */

void axvm_vgic_dir(struct axvm_vcpu *vcpu, uint64_t val)
{
    uint32_t intid = (uint32_t)axvm_nospec(val & 0xffffff, AXVM_VGIC_INTID_END);
    struct axvm_vgic_bank *b;
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis || (val & 0xffffff) >= AXVM_VGIC_INTID_END)
        return;
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    b = axvm_vgic_bank(vcpu, intid);
    /* "ICC_DIR_EL1": without effect when EOIs deactivate, and on what is not active. */
    if (vcpu->arch.vgic.loaded && (axvm_gich_read_vmcr() & ICH_VMCR_VEOIM)) {
        if (b->in_lr & axvm_vgic_bit(intid)) {
            b->do_deact |= axvm_vgic_bit(intid);
            axvm_vgic_changed(vcpu, intid);
        } else if (b->active & axvm_vgic_bit(intid)) {
            axvm_vgic_deactivate(vcpu, intid);
        }
    }
    axvm_vgic_leave(vcpu->vm, flags);
}

/* ---- maintenance ---- */

void axvm_vgic_refresh_slow(struct axvm_vcpu *vcpu)
{
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis)
        return;
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    if (vcpu->arch.vgic.loaded) {
        axvm_vgic_fetch_all(vcpu);
        axvm_vgic_settle_all(vcpu);
        vcpu->arch.vgic.refill = 1;
    }
    axvm_vgic_leave(vcpu->vm, flags);
}
