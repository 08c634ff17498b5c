/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs of the GICv3 model: lines of devices, and physical interrupts that are bound to SPIs. */
#include <axvm/err.h>

#include "vgic_priv.h"

static bool is_spi(uint32_t intid)
{
    return intid >= AXVM_VGIC_SPI_BASE && intid < AXVM_VGIC_INTID_END;
}

/* ---- lines ---- */

static void set_line(struct axvm_vcpu *vcpu, uint32_t intid, bool level)
{
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);
    uint32_t bit = axvm_vgic_bit(intid);

    if (((b->line & bit) != 0) == level)
        return;
    b->line ^= bit;
    if (level)
        b->latch |= b->edge & bit;
    axvm_vgic_changed(vcpu, intid);
}

void axvm_vgic_set_ppi(struct axvm_vcpu *vcpu, uint32_t intid, bool level)
{
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis || intid < 16 || intid >= AXVM_VGIC_SPI_BASE)
        return;
    flags = axvm_vgic_enter_any(vcpu->vm);
    set_line(vcpu, intid, level);
    axvm_vgic_leave(vcpu->vm, flags);
}

void axvm_vgic_set_spi(struct axvm *vm, uint32_t intid, bool level)
{
    unsigned long flags;

    if (!vm->arch.vgic.spis || !is_spi(intid) || vm->vcpu_count == 0)
        return;
    flags = axvm_vgic_enter_any(vm);
    set_line(vm->vcpus[0], intid, level);
    axvm_vgic_leave(vm, flags);
}

int axvm_vgic_inject(struct axvm_vcpu *vcpu, uint32_t intid)
{
    unsigned long flags;

    if (!vcpu->vm->arch.vgic.spis)
        return AXVM_ERR_NOSUP;
    if (intid >= AXVM_VGIC_INTID_END)
        return AXVM_ERR_INVAL;
    flags = axvm_vgic_enter_any(vcpu->vm);
    axvm_vgic_bank(vcpu, intid)->latch |= axvm_vgic_bit(intid);
    axvm_vgic_changed(vcpu, intid);
    axvm_vgic_leave(vcpu->vm, flags);
    return AXVM_OK;
}

/* ---- who has which input; before boot ---- */

static int claim(struct axvm *vm, uint32_t intid, bool edge)
{
    struct axvm_vgic_bank *b = &vm->arch.vgic.spis->bank[intid / 32];
    uint32_t bit = axvm_vgic_bit(intid);

    if ((b->claimed | b->bound) & bit)
        return AXVM_ERR_EXIST;
    b->edge_reset = edge ? b->edge_reset | bit : b->edge_reset & ~bit;
    b->edge = edge ? b->edge | bit : b->edge & ~bit;
    return AXVM_OK;
}

int axvm_vgic_claim(struct axvm *vm, uint32_t intid, bool edge)
{
    unsigned long flags;
    int rc;

    if (!is_spi(intid))
        return AXVM_ERR_INVAL;
    if (!vm->arch.vgic.spis)
        return AXVM_ERR_NOSUP;
    flags = axvm_vgic_enter(vm, NULL);
    rc = claim(vm, intid, edge);
    if (rc == AXVM_OK)
        vm->arch.vgic.spis->bank[intid / 32].claimed |= axvm_vgic_bit(intid);
    axvm_vgic_leave(vm, flags);
    return rc;
}

static bool is_host_bound(const struct axvm_vgic *g, uint32_t host_intid)
{
    for (unsigned int i = 0; i < g->binding_count; i++) {
        if (g->bindings[i].host == host_intid)
            return true;
    }
    return false;
}

static int bind(struct axvm *vm, uint32_t intid, uint32_t host_intid, bool edge)
{
    struct axvm_vgic *g = &vm->arch.vgic;
    int rc;

    if (is_host_bound(g, host_intid))
        return AXVM_ERR_EXIST;
    if (g->binding_count == AXVM_ARRAY_LEN(g->bindings))
        return AXVM_ERR_NOSPC;
    rc = claim(vm, intid, edge);
    if (rc != AXVM_OK)
        return rc;
    g->spis->bank[intid / 32].bound |= axvm_vgic_bit(intid);
    g->bindings[g->binding_count++] = (struct axvm_vgic_binding){ .host = (uint16_t)host_intid, .intid = (uint16_t)intid };
    if (vm->hal.irq_mask)
        vm->hal.irq_mask(vm->hal.ctx, host_intid, true);
    return AXVM_OK;
}

/* SPIs, and extended SPIs: "INTIDs" */
static bool is_host_spi(uint32_t intid)
{
    return is_spi(intid) || (intid >= 4096 && intid < 5120);
}

int axvm_vgic_bind(struct axvm *vm, uint32_t intid, uint32_t host_intid, bool edge)
{
    unsigned long flags;
    int rc;

    if (!is_spi(intid) || !is_host_spi(host_intid))
        return AXVM_ERR_INVAL;
    if (!vm->arch.vgic.spis)
        return AXVM_ERR_NOSUP;
    flags = axvm_vgic_enter(vm, NULL);
    rc = bind(vm, intid, host_intid, edge);
    axvm_vgic_leave(vm, flags);
    return rc;
}

/* ---- forwarding ---- */

/* The SPI for a physical interrupt; 0: none. */
static uint32_t find_bound(const struct axvm *vm, uint32_t host_intid)
{
    const struct axvm_vgic *g = &vm->arch.vgic;

    for (unsigned int i = 0; i < g->binding_count; i++) {
        if (g->bindings[i].host == host_intid)
            return g->bindings[i].intid;
    }
    /* Under its own number, if that is not a device's or another one's. */
    if (vm->cfg.irq_mode != AXVM_IRQ_PASSTHROUGH || !is_spi(host_intid) ||
        (g->spis->bank[host_intid / 32].claimed & axvm_vgic_bit(host_intid)))
        return 0;
    for (unsigned int i = 0; i < g->binding_count; i++) {
        if (g->bindings[i].intid == host_intid)
            return 0;
    }
    return host_intid;
}

int axvm_vgic_forward(struct axvm *vm, uint32_t host_intid)
{
    struct axvm_vgic_bank *b;
    unsigned long flags;
    uint32_t intid;

    if (!vm->arch.vgic.spis || vm->vcpu_count == 0)
        return AXVM_ERR_NOENT;
    flags = axvm_vgic_enter_any(vm);
    intid = find_bound(vm, host_intid);
    if (intid != 0) {
        b = &vm->arch.vgic.spis->bank[intid / 32];
        b->bound |= axvm_vgic_bit(intid);
        b->latch |= axvm_vgic_bit(intid);
        b->hw |= axvm_vgic_bit(intid);
        axvm_vgic_changed(vm->vcpus[0], intid);
    }
    axvm_vgic_leave(vm, flags);
    return intid != 0 ? AXVM_OK : AXVM_ERR_NOENT;
}
