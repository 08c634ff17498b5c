/* SPDX-License-Identifier: BSD-2-Clause */
/* One list register of the GICv3 model, and the interrupt in it. */
#include "vgic_priv.h"

unsigned int axvm_vgic_find_lr(const struct axvm_vcpu *vcpu, uint32_t intid)
{
    const struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint32_t used = c->used;

    if (axvm_vgic_is_private(intid))
        return c->lr_of[intid];
    while ((used & (used - 1)) != 0 && (c->lr[axvm_ctz64(used)] & ICH_LR_VINTID) != intid)
        used &= used - 1;
    return axvm_ctz64(used);
}

void axvm_vgic_fetch(struct axvm_vcpu *vcpu, unsigned int n)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if (c->loaded && (c->dirty & 1u << n) == 0)
        c->lr[n] = axvm_gich_read_lr(n);
}

void axvm_vgic_fetch_all(struct axvm_vcpu *vcpu)
{
    for (uint32_t used = vcpu->arch.vgic.used; used != 0; used &= used - 1)
        axvm_vgic_fetch(vcpu, axvm_ctz64(used));
}

/* ---- the fields that do not depend on the guest ---- */

static uint64_t identity(const struct axvm_vgic_bank *b, uint32_t intid)
{
    return intid | axvm_put_field(ICH_LR_PRIORITY, b->prio[intid & 31]) | (b->group & axvm_vgic_bit(intid) ? ICH_LR_GROUP1 : 0);
}

/* May the HW bit stand for the physical interrupt that is active behind it? */
static bool can_tie(const struct axvm_vcpu *vcpu, const struct axvm_vgic_bank *b, uint32_t intid)
{
    return (b->hw & axvm_vgic_bit(intid)) && (axvm_vgic_is_private(intid) || !vcpu->vm->hal.irq_complete);
}

static uint64_t tie(struct axvm_vcpu *vcpu, struct axvm_vgic_bank *b, uint32_t intid, uint64_t lr)
{
    b->hw &= ~axvm_vgic_bit(intid);
    return (lr & ~ICH_LR_PINTID) | ICH_LR_HW | axvm_put_field(ICH_LR_PINTID, axvm_vgic_host_intid(vcpu, intid));
}

/* The physical interrupt is looked after by us again. */
static uint64_t untie(struct axvm_vgic_bank *b, uint32_t bit, uint64_t lr)
{
    b->hw |= bit;
    return lr & ~(ICH_LR_HW | ICH_LR_PINTID);
}

/* ---- making list register and model agree ---- */

/* Carry out what was written while the list register was out of reach, or just now. */
static uint64_t apply_orders(struct axvm_vgic_bank *b, uint32_t bit, uint64_t lr)
{
    bool was = (lr & ICH_LR_STATE) != 0;

    if (b->do_unpend & bit)
        lr &= ~ICH_LR_PENDING;
    if (b->do_deact & bit)
        lr &= ~ICH_LR_ACTIVE;
    if (b->do_act & bit)
        lr |= ICH_LR_ACTIVE;
    b->do_unpend &= ~bit;
    b->do_deact &= ~bit;
    b->do_act &= ~bit;
    /* Not the guest's CPU interface ends it, but we: so we have to end the physical one. */
    return was && (lr & ICH_LR_STATE) == 0 && (lr & ICH_LR_HW) ? untie(b, bit, lr) : lr;
}

/* May it be signalled to this vCPU when it is pending? */
static bool deliverable(struct axvm_vcpu *vcpu, const struct axvm_vgic_bank *b, uint32_t intid)
{
    return (b->live & axvm_vgic_bit(intid)) && axvm_vgic_target(vcpu, intid) == vcpu;
}

/* Disabled, routed away, or the line has fallen: not pending here any more. */
static uint64_t retract(struct axvm_vgic_bank *b, uint32_t bit, uint64_t lr)
{
    b->latch |= b->soft & bit;
    b->soft &= ~bit;
    lr &= ~ICH_LR_PENDING;
    return (lr & ICH_LR_STATE) == 0 && (lr & ICH_LR_HW) ? untie(b, bit, lr) : lr;
}

static uint64_t settle_pending(struct axvm_vcpu *vcpu, struct axvm_vgic_bank *b, uint32_t intid, uint64_t lr)
{
    uint32_t bit = axvm_vgic_bit(intid);
    bool may = deliverable(vcpu, b, intid);

    if ((lr & ICH_LR_PENDING) && (!may || ((b->soft | b->latch | axvm_vgic_level(b)) & bit) == 0))
        lr = retract(b, bit, lr);
    if (may && (lr & ICH_LR_STATE) && (b->latch & bit)) {
        b->latch &= ~bit;
        b->soft |= bit;
        lr |= ICH_LR_PENDING;
    }
    return lr;
}

/* Fields of a list register that goes on being used. */
static uint64_t settle_fields(struct axvm_vgic_bank *b, uint32_t intid, uint64_t lr)
{
    uint32_t bit = axvm_vgic_bit(intid);

    /* The HW bit does not go with active and pending ("ICH_LR<n>_EL2", State); nor with waiting for its end, which needs EOI.
     */
    if ((lr & ICH_LR_HW) && ((b->latch & bit) || (lr & ICH_LR_STATE) == ICH_LR_STATE))
        lr = untie(b, bit, lr);
    if ((lr & ICH_LR_HW) == 0) {
        lr &= ~ICH_LR_EOI;
        /* When it becomes inactive: sample the line again, signal it elsewhere, end the physical one. */
        if ((b->latch | b->hw | axvm_vgic_level(b)) & bit)
            lr |= ICH_LR_EOI;
    }
    if ((lr & ICH_LR_ACTIVE) == 0)
        lr = (lr & ~(ICH_LR_PRIORITY | ICH_LR_GROUP1)) | identity(b, intid);
    return lr;
}

/* The list register becomes free. Its interrupt's state is in the model. */
static void release(struct axvm_vcpu *vcpu, unsigned int n, struct axvm_vgic_bank *b, uint32_t intid)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint32_t bit = axvm_vgic_bit(intid);
    uint64_t was = c->lr[n];

    c->used &= ~(1u << n);
    c->refill |= c->ready_words;
    c->lr[n] = 0;
    /* An inactive one without EOI is as good as empty to the hardware. */
    if ((was & ICH_LR_STATE) || (was & (ICH_LR_HW | ICH_LR_EOI)) == ICH_LR_EOI)
        c->dirty |= 1u << n;
    b->in_lr &= ~bit;
    if (b->hw & ~b->latch & bit)
        axvm_vgic_complete(vcpu, intid);
}

void axvm_vgic_settle(struct axvm_vcpu *vcpu, unsigned int n)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint64_t lr = c->lr[n];
    uint32_t intid = (uint32_t)(lr & ICH_LR_VINTID);
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    if ((b->do_unpend | b->do_deact | b->do_act) & bit)
        lr = apply_orders(b, bit, lr);
    lr = settle_pending(vcpu, b, intid, lr);
    if (lr & ICH_LR_STATE) {
        lr = settle_fields(b, intid, lr);
        if (lr != c->lr[n]) {
            c->lr[n] = lr;
            c->dirty |= 1u << n;
            c->refill |= c->ready_words; /* others may come first now */
        }
        return;
    }
    release(vcpu, n, b, intid);
    axvm_vgic_recompute(vcpu, intid);
}

void axvm_vgic_settle_all(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    for (uint32_t used = c->used; used != 0; used &= used - 1)
        axvm_vgic_settle(vcpu, axvm_ctz64(used));
    axvm_vgic_complete_private(vcpu, c->bank.hw & ~(c->bank.latch | c->bank.active | c->bank.in_lr));
    c->sync = 0;
    if (c->rwp & AXVM_VGIC_RWP_DIST)
        vcpu->vm->arch.vgic.rwp_count--;
    c->rwp = 0;
}

/* ---- in and out ---- */

static void occupy(struct axvm_vcpu *vcpu, unsigned int n, uint32_t intid, uint64_t lr)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);

    if (can_tie(vcpu, b, intid) && (lr & ICH_LR_STATE) != ICH_LR_STATE)
        lr = tie(vcpu, b, intid, lr);
    b->in_lr |= axvm_vgic_bit(intid);
    c->lr[n] = settle_fields(b, intid, lr);
    c->used |= 1u << n;
    c->dirty |= 1u << n;
    if (axvm_vgic_is_private(intid))
        c->lr_of[intid] = (uint8_t)n;
    else
        axvm_vgic_set_home(vcpu, intid);
}

void axvm_vgic_place(struct axvm_vcpu *vcpu, unsigned int n, uint32_t intid)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    c->ready[intid / 32] &= ~bit;
    if (c->ready[intid / 32] == 0)
        c->ready_words &= ~(1u << intid / 32);
    b->soft = (b->soft & ~bit) | (b->latch & bit);
    b->latch &= ~bit;
    occupy(vcpu, n, intid, ICH_LR_PENDING | identity(b, intid));
}

void axvm_vgic_place_active(struct axvm_vcpu *vcpu, unsigned int n, uint32_t intid)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    b->active &= ~bit;
    c->active_out--;
    occupy(vcpu, n, intid, ICH_LR_ACTIVE | identity(b, intid));
}

void axvm_vgic_evict(struct axvm_vcpu *vcpu, unsigned int n)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint64_t lr = c->lr[n];
    uint32_t intid = (uint32_t)(lr & ICH_LR_VINTID);
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    if (lr & ICH_LR_HW)
        lr = untie(b, bit, lr);
    if (lr & ICH_LR_PENDING)
        b->latch |= b->soft & bit;
    b->soft &= ~bit;
    if (lr & ICH_LR_ACTIVE) {
        b->active |= bit;
        c->active_out++;
    }
    c->used &= ~(1u << n);
    c->lr[n] = 0;
    c->dirty |= 1u << n;
    b->in_lr &= ~bit;
    axvm_vgic_recompute(vcpu, intid);
}
