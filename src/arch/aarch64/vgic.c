/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv3 of a VM: its beginning, reset and end. */
#include "vgic.h"

#include <axvm/aarch64.h>
#include <axvm/err.h>

#include "mem.h"
#include "vgic_priv.h"

/* ---- reset ---- */

/* Configuration as after power-on; what the host has set up stays. All in group 1: with one security state the specification
 * leaves it open, and it is what a guest expects that only ever uses that group. */
static void reset_bank(struct axvm_vgic_bank *b)
{
    const struct axvm_vgic_bank fresh = {
        .group = UINT32_MAX,
        .edge = b->edge_reset,
        .edge_reset = b->edge_reset,
        .bound = b->bound,
        .claimed = b->claimed,
    };

    *b = fresh;
}

/* Everything of a vCPU that is not loaded. */
static void reset_cpu(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    memset(c, 0, sizeof(*c));
    c->bank.edge_reset = 0xffff;
    reset_bank(&c->bank);
    c->reload = true;
    c->inited = true;
}

/* Physical interrupts that a guest has not finished with would otherwise stay active for ever. */
static void complete_bank(struct axvm_vcpu *vcpu, unsigned int word)
{
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, word * 32);

    for (uint32_t hw = b->hw; hw != 0; hw &= hw - 1)
        axvm_vgic_complete(vcpu, word * 32 + axvm_ctz64(hw));
}

static void complete_lrs(struct axvm_vcpu *vcpu)
{
    const struct axvm_vgic_cpu *c = &vcpu->arch.vgic;

    for (uint32_t used = c->used; used != 0; used &= used - 1) {
        uint64_t lr = c->lr[axvm_ctz64(used)];

        if ((lr & ICH_LR_HW) && (lr & ICH_LR_STATE))
            axvm_vgic_complete(vcpu, (uint32_t)(lr & ICH_LR_VINTID));
    }
}

static void quiesce_physical(struct axvm *vm)
{
    struct axvm_vgic *g = &vm->arch.vgic;

    for (unsigned int id = 0; id < vm->vcpu_count; id++)
        complete_lrs(vm->vcpus[id]);
    for (unsigned int word = 1; vm->vcpu_count != 0 && word < AXVM_VGIC_WORDS; word++)
        complete_bank(vm->vcpus[0], word);
    for (unsigned int i = 0; vm->hal.irq_mask && i < g->binding_count; i++)
        vm->hal.irq_mask(vm->hal.ctx, g->bindings[i].host, true);
}

void axvm_vgic_reset(struct axvm *vm)
{
    struct axvm_vgic *g = &vm->arch.vgic;
    unsigned long flags;

    if (!g->spis)
        return;
    flags = axvm_vgic_enter(vm, NULL);
    quiesce_physical(vm);
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(g->spis->bank); i++)
        reset_bank(&g->spis->bank[i]);
    memset(g->spis->route, 0, sizeof(g->spis->route)); /* to vCPU 0 */
    memset(g->spis->home, (int)AXVM_VGIC_NOBODY, sizeof(g->spis->home));
    g->group0 = g->group1 = 0;
    g->rwp_count = 0;
    for (unsigned int id = 0; id < vm->vcpu_count; id++)
        reset_cpu(vm->vcpus[id]);
    axvm_vgic_leave(vm, flags);
}

/*
 * The CPU is powered on: its CPU interface starts afresh. Distributor and redistributor have not been off, and keep what is
 * pending and active.
 */
void axvm_vgic_vcpu_reset(struct axvm_vcpu *vcpu)
{
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis)
        return;
    if (!c->inited) {
        reset_cpu(vcpu);
        return;
    }
    flags = axvm_vgic_enter(vcpu->vm, NULL);
    for (uint32_t used = c->used; used != 0; used &= used - 1)
        axvm_vgic_evict(vcpu, axvm_ctz64(used));
    c->vmcr = 0;
    memset(c->ap0r, 0, sizeof(c->ap0r));
    memset(c->ap1r, 0, sizeof(c->ap1r));
    c->reload = true;
    axvm_vgic_leave(vcpu->vm, flags);
}

/* ---- beginning and end ---- */

static void lay_out(struct axvm_vgic *g, uint32_t vcpu_count)
{
    uint32_t low = vcpu_count < AXVM_VGIC_REGION0_FRAMES ? vcpu_count : AXVM_VGIC_REGION0_FRAMES;

    g->gicd_base = AXVM_AARCH64_GICD_BASE;
    g->regions[0] = (struct axvm_vgic_region){ AXVM_AARCH64_GICR_BASE, (uint64_t)low * AXVM_VGIC_FRAME_SIZE };
    g->regions[1] = (struct axvm_vgic_region){ AXVM_VGIC_REGION1_BASE, (uint64_t)(vcpu_count - low) * AXVM_VGIC_FRAME_SIZE };
}

static int attach(struct axvm *vm)
{
    struct axvm_vgic *g = &vm->arch.vgic;
    int rc;

    g->gicd.ops = &axvm_vgicd_ops;
    g->gicd.flags = g->gicr.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    g->gicd.windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, g->gicd_base, AXVM_VGICD_SIZE };
    g->gicd.window_count = 1;
    g->gicr.ops = &axvm_vgicr_ops;
    for (unsigned int i = 0; i < 2 && g->regions[i].size != 0; i++)
        g->gicr.windows[g->gicr.window_count++] = (struct axvm_window){ AXVM_BUS_MMIO, g->regions[i].base, g->regions[i].size };
    rc = axvm_device_attach(vm, &g->gicd);
    return rc == AXVM_OK ? axvm_device_attach(vm, &g->gicr) : rc;
}

int axvm_vgic_init(struct axvm *vm)
{
    struct axvm_vgic *g = &vm->arch.vgic;

    g->spis = axvm_arena_alloc(&vm->arena, &vm->hal, sizeof(*g->spis));
    if (!g->spis)
        return AXVM_ERR_NOMEM;
    axvm_vgic_reset(vm);
    lay_out(g, vm->cfg.vcpu_count);
    return attach(vm);
}

void axvm_vgic_fini(struct axvm *vm)
{
    unsigned long flags;

    if (!vm->arch.vgic.spis)
        return;
    flags = axvm_vgic_enter(vm, NULL);
    quiesce_physical(vm);
    axvm_vgic_leave(vm, flags);
    vm->arch.vgic.spis = NULL;
}
