/* SPDX-License-Identifier: BSD-2-Clause */
/* What a running vCPU does most: SGIs and its virtual timer, straight into a list register; and its writes of ICC_DIR_EL1. */
#include "vgic_priv.h"

/* GIC architecture specification (IHI 0069), "ICC_SGI1R_EL1" */
#define SGIR_LIST AXVM_BITS(15, 0)
#define SGIR_AFF1 AXVM_BITS(23, 16)
#define SGIR_INTID AXVM_BITS(27, 24)
#define SGIR_AFF2 AXVM_BITS(39, 32)
#define SGIR_IRM AXVM_BIT(40) /* to all but the sender */
#define SGIR_RS AXVM_BITS(47, 44)
#define SGIR_AFF3 AXVM_BITS(55, 48)

/*
 * A private interrupt of the loaded vCPU becomes pending and nothing is in its way: write a list register and be done.
 * @fields  ICH_LR_HW and PINTID, or 0
 * False: nothing was done, go the long way.
 */
static bool raise_at_once(struct axvm_vcpu *vcpu, uint32_t intid, uint64_t fields)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct axvm_vgic_bank *b = &c->bank;
    uint32_t bit = axvm_vgic_bit(intid);
    uint32_t free = ~c->used & c->lr_mask;
    unsigned int n;

    /* Not to be signalled now; or something else is waiting, for this interrupt or for a list register. */
    if ((b->enabled & axvm_vgic_groups(&vcpu->vm->arch.vgic, b) & bit) == 0 || c->ready_words != 0 ||
        ((b->active | b->latch | b->hw | b->line | b->do_unpend | b->do_deact | b->do_act) & bit) != 0)
        return false;
    if (b->in_lr & bit) {
        n = c->lr_of[intid];
        if (axvm_gich_read_lr(n) & ICH_LR_STATE)
            return false;
    } else {
        if (free == 0)
            return false;
        n = axvm_ctz64(free);
        c->used |= 1u << n;
        c->lr_of[intid] = (uint8_t)n;
        b->in_lr |= bit;
    }
    b->soft |= bit;
    c->lr[n] = ICH_LR_PENDING | fields | axvm_put_field(ICH_LR_PRIORITY, b->prio[intid]) |
               (b->group & bit ? ICH_LR_GROUP1 : 0) | intid;
    axvm_gich_write_lr(n, c->lr[n]);
    return true;
}

/* ---- SGIs ---- */

/*
 * "Forwarding an SGI to a target PE", with one security state: ICC_SGI1R generates whatever group the SGI has at its target,
 * the other two registers group 0 only.
 */
static void send(struct axvm_vcpu *sender, struct axvm_vcpu *target, uint32_t intid, enum axvm_sgi_reg reg)
{
    struct axvm_vgic_bank *b = &target->arch.vgic.bank;
    uint32_t bit = axvm_vgic_bit(intid);

    if ((reg != AXVM_SGI1R && (b->group & bit)) || (b->latch & bit))
        return;
    if (target == sender && raise_at_once(target, intid, 0))
        return;
    b->latch |= bit;
    axvm_vgic_changed(target, intid);
}

static void send_to_list(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    struct axvm *vm = vcpu->vm;
    uint32_t intid = (uint32_t)axvm_field(val, SGIR_INTID);
    uint32_t first = (uint32_t)axvm_field(val, SGIR_AFF1) * 16;

    /* No vCPU has Aff3, Aff2 or an Aff0 above 15. */
    if (val & (SGIR_AFF3 | SGIR_AFF2 | SGIR_RS))
        return;
    for (uint32_t list = val & SGIR_LIST; list != 0; list &= list - 1) {
        uint32_t id = first + axvm_ctz64(list);

        if (id >= vm->vcpu_count)
            return;
        send(vcpu, axvm_vgic_vcpu(vm, id), intid, reg);
    }
}

static void send_to_others(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint32_t intid)
{
    struct axvm *vm = vcpu->vm;

    for (uint32_t id = 0; id < vm->vcpu_count; id++) {
        if (vm->vcpus[id] != vcpu)
            send(vcpu, vm->vcpus[id], intid, reg);
    }
}

void axvm_vgic_sgi(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis)
        return;
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    if (val & SGIR_IRM)
        send_to_others(vcpu, reg, (uint32_t)axvm_field(val, SGIR_INTID));
    else
        send_to_list(vcpu, reg, val);
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

void axvm_vgic_forward_ppi(struct axvm_vcpu *vcpu, uint32_t intid, uint32_t host_intid)
{
    struct axvm_vgic_bank *b = &vcpu->arch.vgic.bank;
    uint64_t fields = ICH_LR_HW | axvm_put_field(ICH_LR_PINTID, host_intid);
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis) {
        axvm_gich_write_dir(host_intid);
        return;
    }
    flags = axvm_vgic_enter(vcpu->vm, vcpu);
    vcpu->arch.vgic.ppi_host[intid & 15] = (uint16_t)host_intid;
    if (!raise_at_once(vcpu, intid, fields) && !fires_again(vcpu, intid, fields)) {
        b->latch |= axvm_vgic_bit(intid);
        b->hw |= axvm_vgic_bit(intid);
        axvm_vgic_changed(vcpu, intid);
    }
    axvm_vgic_leave(vcpu->vm, flags);
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
