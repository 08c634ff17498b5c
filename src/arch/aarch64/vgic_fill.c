/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interrupts of a vCPU are in list registers. While there are more than list registers, those that are pending in list
 * registers are the ones of highest priority, and at least one is: so the CPU interface always sees the right one, and when it
 * has used up all of them ICH_HCR.NPIE brings us back.
 */
#include "vgic_priv.h"

/* A group that the guest's CPU interface does not have enabled comes after everything that can be signalled. */
#define RANK_MASKED 0x100u

struct choice {
    uint16_t intid;
    uint16_t rank; /* lower goes first */
};

/* The first @max, in order; equals by number. */
struct ranking {
    struct choice *best;
    unsigned int count, max;
};

static void consider(struct ranking *r, uint32_t intid, unsigned int rank)
{
    unsigned int i = r->count;

    if (i == r->max) {
        if (rank >= r->best[i - 1].rank)
            return;
        i--;
    } else {
        r->count++;
    }
    for (; i > 0 && r->best[i - 1].rank > rank; i--)
        r->best[i] = r->best[i - 1];
    r->best[i] = (struct choice){ .intid = (uint16_t)intid, .rank = (uint16_t)rank };
}

static unsigned int rank_of(uint64_t vmcr, unsigned int prio, bool group1)
{
    return prio | (vmcr & (group1 ? ICH_VMCR_VENG1 : ICH_VMCR_VENG0) ? 0 : RANK_MASKED);
}

static unsigned int best_ready(struct axvm_vcpu *vcpu, uint64_t vmcr, struct choice *out, unsigned int max)
{
    const struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct ranking r = { .best = out, .max = max };

    for (uint32_t words = c->ready_words; words != 0; words &= words - 1) {
        unsigned int word = axvm_ctz64(words);
        const struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, word * 32);

        for (uint32_t bits = c->ready[word]; bits != 0; bits &= bits - 1) {
            unsigned int i = axvm_ctz64(bits);

            consider(&r, word * 32 + i, rank_of(vmcr, b->prio[i], b->group >> i & 1));
        }
    }
    return r.count;
}

static unsigned int best_active(struct axvm_vcpu *vcpu, struct choice *out, unsigned int max)
{
    struct ranking r = { .best = out, .max = max };

    for (unsigned int word = 0; word < AXVM_VGIC_WORDS; word++) {
        const struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, word * 32);

        for (uint32_t bits = b->active; bits != 0; bits &= bits - 1) {
            unsigned int i = axvm_ctz64(bits);

            if (axvm_vgic_home(vcpu, word * 32 + i) == vcpu)
                consider(&r, word * 32 + i, b->prio[i]);
        }
    }
    return r.count;
}

/*
 * The guest has ended interrupts that are in no list register; the hardware counts them, and does not say which. With
 * EOImode = 0 a guest ends what it took last, that is what has the highest priority of those active. With EOImode = 1 the
 * order is free, so TDIR is set and no deactivation counts; implementations that count priority drops are not believed. (CPUs
 * without TDIR: the same guess as with EOImode = 0.)
 */
void axvm_vgic_take_eoicount(struct axvm_vcpu *vcpu)
{
    struct choice ended[AXVM_GICH_MAX_LRS];
    unsigned int count = (unsigned int)axvm_field(axvm_gich_read_hcr(), ICH_HCR_EOICOUNT);
    if (count == 0)
        return;
    vcpu->arch.vgic.hcr = 0; /* have it written, which clears the count */
    if (vcpu->arch.vgic.tdir && (axvm_gich_read_vmcr() & ICH_VMCR_VEOIM))
        return;
    count = best_active(vcpu, ended, (unsigned int)axvm_min(count, AXVM_GICH_MAX_LRS));
    for (unsigned int i = 0; i < count; i++)
        axvm_vgic_deactivate(vcpu, ended[i].intid);
}

/* Number of the list register in @state with the lowest priority, and its rank; false when there is none. */
static bool find_worst(const struct axvm_vgic_cpu *c, uint64_t vmcr, bool active, unsigned int *n, unsigned int *rank)
{
    bool found = false;

    for (uint32_t used = c->used; used != 0; used &= used - 1) {
        unsigned int i = axvm_ctz64(used);
        unsigned int r = rank_of(vmcr, (unsigned int)axvm_field(c->lr[i], ICH_LR_PRIORITY), c->lr[i] & ICH_LR_GROUP1);

        if (((c->lr[i] & ICH_LR_ACTIVE) != 0) != active || (found && r <= *rank))
            continue;
        found = true;
        *n = i;
        *rank = r;
    }
    return found;
}

/* More than one is waiting, or no list register is known to be free. */
static void fill_many(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct choice best[AXVM_GICH_MAX_LRS];
    uint64_t vmcr = axvm_gich_read_vmcr();
    unsigned int count, i, n, rank;

    axvm_vgic_fetch_all(vcpu);
    axvm_vgic_settle_all(vcpu);
    count = best_ready(vcpu, vmcr, best, AXVM_GICH_MAX_LRS);
    for (i = 0; i < count; i++) {
        uint32_t free = ~c->used & c->lr_mask;

        if (free != 0) {
            n = axvm_ctz64(free);
        } else {
            if (!find_worst(c, vmcr, false, &n, &rank) || rank <= best[i].rank)
                break;
            axvm_vgic_evict(vcpu, n);
        }
        axvm_vgic_place(vcpu, n, best[i].intid);
    }
    /* None pending means that NPIE would bring us back for ever. An active one can do without a list register. */
    if (i < count && !find_worst(c, vmcr, false, &n, &rank) && find_worst(c, vmcr, true, &n, &rank)) {
        axvm_vgic_evict(vcpu, n);
        axvm_vgic_place(vcpu, n, best[i].intid);
    }
}

static void bring_back_active(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    struct choice best[AXVM_GICH_MAX_LRS];
    unsigned int count = best_active(vcpu, best, AXVM_GICH_MAX_LRS);
    uint32_t free = ~c->used & c->lr_mask;

    for (unsigned int i = 0; i < count && free != 0; i++, free &= free - 1)
        axvm_vgic_place_active(vcpu, axvm_ctz64(free), best[i].intid);
}

static void fill(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint32_t free, words, bits;

    if (c->hcr & ICH_HCR_LRENPIE)
        axvm_vgic_take_eoicount(vcpu);
    free = ~c->used & c->lr_mask;
    words = c->ready_words;
    if (words != 0) {
        bits = c->ready[axvm_ctz64(words)];
        if (free != 0 && (words & (words - 1)) == 0 && (bits & (bits - 1)) == 0)
            axvm_vgic_place(vcpu, axvm_ctz64(free), axvm_ctz64(words) * 32 + axvm_ctz64(bits));
        else
            fill_many(vcpu);
    }
    if (c->active_out != 0 && c->ready_words == 0)
        bring_back_active(vcpu);
    c->refill = 0;
}

/* What maintenance is needed for. */
static uint32_t wanted_hcr(const struct axvm_vcpu *vcpu)
{
    const struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    bool dir_elsewhere = (c->vmcr & ICH_VMCR_VEOIM) && vcpu->vm->vcpu_count > 1; /* may deactivate another vCPU's SPI */
    uint64_t hcr = ICH_HCR_EN;

    if (c->ready_words != 0) {
        uint64_t vmcr = axvm_gich_read_vmcr();

        /* A change of the enabled groups changes who comes first. */
        hcr |= ICH_HCR_NPIE | (vmcr & ICH_VMCR_VENG0 ? ICH_HCR_VGRP0DIE : ICH_HCR_VGRP0EIE) |
               (vmcr & ICH_VMCR_VENG1 ? ICH_HCR_VGRP1DIE : ICH_HCR_VGRP1EIE);
    }
    if (c->active_out != 0)
        hcr |= ICH_HCR_LRENPIE;
    if (c->tdir && (c->active_out != 0 || dir_elsewhere))
        hcr |= ICH_HCR_TDIR;
    return (uint32_t)hcr;
}

void axvm_vgic_flush(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    uint32_t hcr = c->hcr;

    /* The guest may have enabled a group just now, and the choice depends on it: HCR only changes together with that. */
    if (c->refill != 0) {
        fill(vcpu);
        hcr = wanted_hcr(vcpu);
    }
    for (; c->dirty != 0; c->dirty &= c->dirty - 1) {
        unsigned int n = axvm_ctz64(c->dirty);

        axvm_gich_write_lr(n, c->lr[n]);
    }
    if (hcr != c->hcr) {
        c->hcr = hcr;
        axvm_gich_write_hcr(hcr);
    }
}
