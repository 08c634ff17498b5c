/* SPDX-License-Identifier: BSD-2-Clause */
/* One interrupt of the GICv3 model: where it belongs, and whether it may be signalled. */
#include "vgic_priv.h"

unsigned long axvm_vgic_enter(struct axvm *vm, struct axvm_vcpu *vcpu)
{
    unsigned long flags = axvm_lock_irqsave(&vm->arch.vgic.lock);

    vm->arch.vgic.caller = vcpu && vcpu->arch.vgic.loaded ? vcpu : NULL;
    return flags;
}

unsigned long axvm_vgic_enter_any(struct axvm *vm)
{
    unsigned long flags = axvm_irq_save();
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);
    struct axvm_vcpu *here = cpu ? cpu->running : NULL;

    axvm_lock_raw(&vm->arch.vgic.lock);
    vm->arch.vgic.caller = here && here->vm == vm && here->arch.vgic.loaded ? here : NULL;
    return flags;
}

void axvm_vgic_leave(struct axvm *vm, unsigned long flags)
{
    struct axvm_vcpu *caller = vm->arch.vgic.caller;

    if (caller && (caller->arch.vgic.dirty | caller->arch.vgic.refill) != 0)
        axvm_vgic_flush(caller);
    axvm_unlock_irqrestore(&vm->arch.vgic.lock, flags);
}

struct axvm_vcpu *axvm_vgic_target(struct axvm_vcpu *vcpu, uint32_t intid)
{
    uint32_t id;

    if (axvm_vgic_is_private(intid))
        return vcpu;
    id = vcpu->vm->arch.vgic.spis->route[intid - AXVM_VGIC_SPI_BASE] >> 24;
    return id == AXVM_VGIC_NOBODY ? NULL : axvm_vgic_vcpu(vcpu->vm, id);
}

struct axvm_vcpu *axvm_vgic_home(struct axvm_vcpu *vcpu, uint32_t intid)
{
    uint32_t id;

    if (axvm_vgic_is_private(intid))
        return vcpu;
    id = vcpu->vm->arch.vgic.spis->home[intid - AXVM_VGIC_SPI_BASE];
    return id == AXVM_VGIC_NOBODY ? NULL : axvm_vgic_vcpu(vcpu->vm, id);
}

void axvm_vgic_set_home(struct axvm_vcpu *vcpu, uint32_t intid)
{
    if (!axvm_vgic_is_private(intid))
        vcpu->vm->arch.vgic.spis->home[intid - AXVM_VGIC_SPI_BASE] = (uint8_t)vcpu->id;
}

/* A vCPU that is not loaded finds out when it is, but may sleep; one that is has to be told; the caller does it on its way out.
 */
void axvm_vgic_notify(struct axvm_vcpu *vcpu)
{
    vcpu->arch.vgic.refill = 1;
    if (vcpu->vm->arch.vgic.caller != vcpu)
        axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

void axvm_vgic_demand_sync(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic *g = &vcpu->vm->arch.vgic;
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    c->sync |= AXVM_VGIC_SYNC_ALL;
    if ((g->rwp_mark & ~c->rwp) & AXVM_VGIC_RWP_DIST)
        g->rwp_count++;
    c->rwp |= (uint8_t)g->rwp_mark;
    axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

/* What may be signalled of a bank, were it for the bits alone. */
static uint32_t ready_bits(const struct axvm_vgic_bank *b)
{
    return (b->latch | axvm_vgic_level(b)) & b->live & ~(b->active | b->in_lr);
}

static void set_ready(struct axvm_vcpu *vcpu, unsigned int word, uint32_t bit)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if (c->ready[word] & bit)
        return;
    c->ready[word] |= bit;
    c->ready_words |= 1u << word;
    axvm_vgic_notify(vcpu);
}

static void clear_ready(struct axvm_vcpu *vcpu, unsigned int word, uint32_t bit)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    if ((c->ready[word] & bit) == 0)
        return;
    c->ready[word] &= ~bit;
    if (c->ready[word] == 0)
        c->ready_words &= ~(1u << word);
    c->refill = 1;
}

void axvm_vgic_withdraw(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vcpu *target = axvm_vgic_target(vcpu, intid);

    if (target)
        clear_ready(target, intid / 32, axvm_vgic_bit(intid));
}

void axvm_vgic_recompute(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vcpu *target = axvm_vgic_target(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    if (!target)
        return;
    if (ready_bits(axvm_vgic_bank(vcpu, intid)) & bit)
        set_ready(target, intid / 32, bit);
    else
        clear_ready(target, intid / 32, bit);
}

/* What a vCPU has in its list registers may wake it now; so may what it had found to be masked: its timers, too. Unless it is
 * the one that runs here, it is asleep perhaps. */
static void wake_other(struct axvm_vcpu *vcpu)
{
    if (vcpu->vm->arch.vgic.caller != vcpu)
        axvm_vgic_notify(vcpu);
}

void axvm_vgic_changed(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vcpu *home;
    unsigned int n;

    if ((axvm_vgic_bank(vcpu, intid)->in_lr & axvm_vgic_bit(intid)) == 0) {
        axvm_vgic_recompute(vcpu, intid);
        return;
    }
    home = axvm_vgic_home(vcpu, intid);
    if (!axvm_vgic_in_reach(home)) {
        axvm_vgic_demand_sync(home);
        return;
    }
    n = axvm_vgic_find_lr(home, intid);
    axvm_vgic_fetch(home, n);
    axvm_vgic_settle(home, n);
    wake_other(home);
}

void axvm_vgic_changed_word(struct axvm_vcpu *vcpu, unsigned int word, uint32_t bits)
{
    for (; bits != 0; bits &= bits - 1)
        axvm_vgic_changed(vcpu, word * 32 + axvm_ctz64(bits));
}

/* Where only the bits of the model count, a word is looked at once and only interrupts with something to signal singly. */
static void changed_private(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_bank *b = &vcpu->arch.vgic.bank;

    axvm_vgic_update_live(&vcpu->vm->arch.vgic, b);
    axvm_vgic_changed_word(vcpu, 0, (b->latch | axvm_vgic_level(b) | vcpu->arch.vgic.ready[0]) & ~b->in_lr);
    wake_other(vcpu);
    if (vcpu->arch.vgic.used == 0)
        return;
    if (axvm_vgic_in_reach(vcpu)) {
        axvm_vgic_fetch_all(vcpu);
        axvm_vgic_settle_all(vcpu);
    } else {
        axvm_vgic_demand_sync(vcpu);
    }
}

void axvm_vgic_changed_all(struct axvm *vm)
{
    struct axvm_vgic_spis *spis = vm->arch.vgic.spis;

    for (unsigned int word = 1; word < AXVM_VGIC_WORDS; word++)
        axvm_vgic_update_live(&vm->arch.vgic, &spis->bank[word]);
    for (unsigned int id = 0; id < vm->vcpu_count; id++)
        changed_private(vm->vcpus[id]);
    for (unsigned int word = 1; word < AXVM_VGIC_WORDS; word++) {
        struct axvm_vgic_bank *b = &spis->bank[word];

        axvm_vgic_changed_word(vm->vcpus[0], word, (b->latch | axvm_vgic_level(b)) & ~b->in_lr);
    }
}

uint32_t axvm_vgic_host_intid(struct axvm_vcpu *vcpu, uint32_t intid)
{
    const struct axvm_vgic *g = &vcpu->vm->arch.vgic;

    if (axvm_vgic_is_private(intid))
        return vcpu->arch.vgic.ppi_host[intid & 15];
    for (unsigned int i = 0; i < g->binding_count; i++) {
        if (g->bindings[i].intid == intid)
            return g->bindings[i].host;
    }
    return intid; /* AXVM_IRQ_PASSTHROUGH: under its own number */
}

void axvm_vgic_complete(struct axvm_vcpu *vcpu, uint32_t intid)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint32_t host = axvm_vgic_host_intid(vcpu, intid);

    /* Those of a private timer only that CPU itself can deactivate. */
    if (axvm_vgic_is_private(intid) && !axvm_vgic_in_reach(vcpu)) {
        axvm_vgic_demand_sync(vcpu);
        return;
    }
    axvm_vgic_bank(vcpu, intid)->hw &= ~axvm_vgic_bit(intid);
    if (hal->irq_complete && !axvm_vgic_is_private(intid))
        hal->irq_complete(hal->ctx, host);
    else
        axvm_gich_write_dir(host);
}

void axvm_vgic_complete_private(struct axvm_vcpu *vcpu, uint32_t bits)
{
    for (; bits != 0; bits &= bits - 1)
        axvm_vgic_complete(vcpu, axvm_ctz64(bits));
}

void axvm_vgic_deactivate(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    struct axvm_vcpu *home = axvm_vgic_home(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    b->active &= ~bit;
    if (home) {
        home->arch.vgic.active_out--;
        home->arch.vgic.refill = 1;
    }
    if (b->hw & ~b->latch & bit)
        axvm_vgic_complete(vcpu, intid);
    axvm_vgic_recompute(vcpu, intid);
}
