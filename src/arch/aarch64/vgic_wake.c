/* SPDX-License-Identifier: BSD-2-Clause */
/* Would the guest's CPU interface signal an interrupt? What ends a wait for interrupt. */
#include "vgic_priv.h"

#define PRIO_IDLE 0x100u

/* Highest active priority: bit n of the active priority registers is priority n * 2^(8 - prebits). */
static unsigned int running_priority(const struct axvm_vgic_cpu *c)
{
    for (unsigned int i = 0; i < 4; i++) {
        uint32_t ap = c->ap0r[i] | c->ap1r[i];

        if (ap != 0)
            return (i * 32 + axvm_ctz64(ap)) << (8 - c->prebits);
    }
    return PRIO_IDLE;
}

/* Bits of a priority that count for preemption: "Preemption", binary points. */
static unsigned int group_mask(uint32_t vmcr, bool group1)
{
    unsigned int bpr = (unsigned int)axvm_field(vmcr, ICH_VMCR_VBPR0);

    if (group1 && (vmcr & ICH_VMCR_VCBPR) == 0) {
        bpr = (unsigned int)axvm_field(vmcr, ICH_VMCR_VBPR1);
        bpr = bpr == 0 ? 0 : bpr - 1;
    }
    return ~((2u << bpr) - 1) & 0x1ff;
}

static bool signals(const struct axvm_vgic_cpu *c, unsigned int prio, bool group1)
{
    unsigned int mask = group_mask(c->vmcr, group1);

    return (c->vmcr & (group1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0)) && prio < axvm_field(c->vmcr, ICH_VMCR_VPMR) &&
           (prio & mask) < (running_priority(c) & mask);
}

static bool any_lr_signals(const struct axvm_vgic_cpu *c)
{
    for (uint32_t used = c->used; used != 0; used &= used - 1) {
        uint64_t lr = c->lr[axvm_ctz64(used)];

        if ((lr & ICH_LR_STATE) == ICH_LR_PENDING &&
            signals(c, (unsigned int)axvm_field(lr, ICH_LR_PRIORITY), lr & ICH_LR_GROUP1))
            return true;
    }
    return false;
}

static bool any_ready_signals(struct axvm_vcpu *vcpu)
{
    const struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    for (uint32_t words = c->ready_words; words != 0; words &= words - 1) {
        unsigned int word = axvm_ctz64(words);
        const struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, word * 32);

        for (uint32_t bits = c->ready[word]; bits != 0; bits &= bits - 1) {
            unsigned int i = axvm_ctz64(bits);

            if (signals(c, b->prio[i], b->group >> i & 1))
                return true;
        }
    }
    return false;
}

/* Of a vCPU that is loaded here the hardware knows better; of one that is loaded elsewhere we say what was when it looked last.
 */
static void look(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if (vcpu->vm->arch.vgic.caller != vcpu)
        return;
    c->vmcr = (uint32_t)axvm_gich_read_vmcr();
    axvm_gich_read_apr(c->prebits, c->ap0r, c->ap1r);
    axvm_vgic_fetch_all(vcpu);
}

bool axvm_vgic_pending(struct axvm_vcpu *vcpu)
{
    unsigned long flags;
    bool pending;

    if (!vcpu->vm->arch.vgic.spis)
        return false;
    flags = axvm_vgic_enter_any(vcpu->vm);
    look(vcpu);
    pending = any_lr_signals(&vcpu->arch.vgic) || any_ready_signals(vcpu);
    axvm_vgic_leave(vcpu->vm, flags);
    return pending;
}

static bool is_active(const struct axvm_vgic_cpu *c, uint32_t intid)
{
    uint32_t bit = axvm_vgic_bit(intid);

    return (c->bank.active & bit) || ((c->bank.in_lr & bit) && (c->lr[c->lr_of[intid]] & ICH_LR_ACTIVE));
}

bool axvm_vgic_ppi_signals(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vgic_bank *b = &vcpu->arch.vgic.bank;
    uint32_t bit = axvm_vgic_bit(intid);
    unsigned long flags;
    bool would;

    if (!vcpu->vm->arch.vgic.spis)
        return false;
    flags = axvm_vgic_enter_any(vcpu->vm);
    look(vcpu);
    would = (b->live & bit) && !is_active(&vcpu->arch.vgic, intid) &&
            signals(&vcpu->arch.vgic, b->prio[intid], (b->group & bit) != 0);
    axvm_vgic_leave(vcpu->vm, flags);
    return would;
}
