/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers with one or more bits per interrupt, alike in distributor and redistributors. IHI 0069, "The GIC Distributor
 * register descriptions" and "The GIC Redistributor register descriptions". */
#include "vgic_priv.h"

/* PIDR4..7, PIDR0..3, CIDR0..3. PIDR2: architecture revision 3, JEDEC. */
uint32_t axvm_vgic_id_reg(uint64_t off)
{
    static const uint8_t regs[] = { 0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1 };

    return regs[axvm_nospec((off - VGIC_ID_REGS) / 4, sizeof(regs))];
}

static struct axvm_vgic_bank *bank_of(const struct axvm_vgic_access *a)
{
    return axvm_vgic_bank(a->vcpu, a->word * 32);
}

/* ---- one bit per interrupt ---- */

/* Which of the bank's interrupts in list registers have @state there, as far as it is known; unknown ones are asked for. */
static uint32_t state_in_lrs(const struct axvm_vgic_access *a, uint64_t state)
{
    uint32_t set = 0;

    for (uint32_t bits = bank_of(a)->in_lr; bits != 0; bits &= bits - 1) {
        uint32_t i = axvm_ctz64(bits);
        uint32_t intid = a->word * 32 + i;
        struct axvm_vcpu *home = axvm_vgic_home(a->vcpu, intid);
        unsigned int n = axvm_vgic_find_lr(home, intid);

        if (axvm_vgic_in_reach(home))
            axvm_vgic_fetch(home, n);
        else
            axvm_vgic_demand_sync(home);
        if (home->arch.vgic.lr[n] & state)
            set |= 1u << i;
    }
    return set;
}

static uint32_t read_state(const struct axvm_vgic_access *a, enum axvm_vgic_reg reg)
{
    const struct axvm_vgic_bank *b = bank_of(a);

    switch (reg) {
    case VGIC_IGROUPR:
        return b->group;
    case VGIC_ISENABLER:
    case VGIC_ICENABLER:
        return b->enabled;
    case VGIC_ISPENDR:
    case VGIC_ICPENDR:
        return b->latch | axvm_vgic_level(b) | state_in_lrs(a, ICH_LR_PENDING);
    case VGIC_ISACTIVER:
    case VGIC_ICACTIVER:
        return b->active | state_in_lrs(a, ICH_LR_ACTIVE);
    }
    return 0;
}

uint32_t axvm_vgic_read_bits(const struct axvm_vgic_access *a, enum axvm_vgic_reg reg)
{
    unsigned long flags = axvm_vgic_enter(a->vcpu->vm, a->caller);
    uint32_t val = read_state(a, reg);

    axvm_vgic_leave(a->vcpu->vm, flags);
    return val;
}

/* Configuration of @bits has changed: those with something to signal, or in list registers, are looked at. */
static void reconsider(const struct axvm_vgic_access *a, uint32_t bits)
{
    const struct axvm_vgic_bank *b = bank_of(a);

    bits &= b->latch | axvm_vgic_level(b) | b->in_lr;
    if (bits != 0)
        axvm_vgic_changed_word(a->vcpu, a->word, bits);
}

/* Its priority or group has changed, by which it may come before or after others that wait for a list register. */
static void reorder(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vcpu *target = axvm_vgic_target(vcpu, intid);

    if (target && (target->arch.vgic.ready[intid / 32] & axvm_vgic_bit(intid)))
        axvm_vgic_notify(target);
}

/* Private interrupts of a vCPU that sleeps: whether its timers' would wake it, it has found out for itself. */
static void changed_for(const struct axvm_vgic_access *a)
{
    if (a->word == 0 && a->vcpu != a->caller)
        axvm_vgic_notify(a->vcpu);
}

static void write_group(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t changed = b->group ^ val;

    b->group = val;
    axvm_vgic_update_live(&a->vcpu->vm->arch.vgic, b);
    reconsider(a, changed);
    for (changed &= b->latch | axvm_vgic_level(b); changed != 0; changed &= changed - 1)
        reorder(a->vcpu, a->word * 32 + axvm_ctz64(changed));
}

/* Bound physical interrupts are masked as the guest masks its own. */
static void mask_physical(const struct axvm_vgic_access *a, uint32_t bits, bool masked)
{
    const struct axvm_hal *hal = &a->vcpu->vm->hal;

    if (!hal->irq_mask)
        return;
    for (bits &= bank_of(a)->bound; bits != 0; bits &= bits - 1)
        hal->irq_mask(hal->ctx, axvm_vgic_host_intid(a->vcpu, a->word * 32 + axvm_ctz64(bits)), masked);
}

static void write_enable(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t changed = val & ~b->enabled;

    if (changed == 0)
        return;
    b->enabled |= changed;
    axvm_vgic_update_live(&a->vcpu->vm->arch.vgic, b);
    mask_physical(a, changed, false);
    reconsider(a, changed);
}

static void write_disable(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic *g = &a->vcpu->vm->arch.vgic;
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t changed = val & b->enabled;

    if (changed == 0)
        return;
    b->enabled &= ~changed;
    axvm_vgic_update_live(g, b);
    mask_physical(a, changed, true);
    g->rwp_mark = a->word == 0 ? AXVM_VGIC_RWP_REDIST : AXVM_VGIC_RWP_DIST;
    reconsider(a, changed);
    g->rwp_mark = 0;
}

static void write_set_pending(const struct axvm_vgic_access *a, uint32_t val)
{
    bank_of(a)->latch |= val;
    reconsider(a, val);
}

static void write_clear_pending(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t had = val & (b->latch | b->in_lr);
    uint32_t over;

    b->latch &= ~val;
    b->do_unpend |= val & b->in_lr;
    /* Physical interrupts that were waiting for nothing else. */
    for (over = val & b->hw & ~(b->in_lr | b->active); over != 0; over &= over - 1)
        axvm_vgic_complete(a->vcpu, a->word * 32 + axvm_ctz64(over));
    axvm_vgic_changed_word(a->vcpu, a->word, had);
}

static void activate(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_vcpu *target = axvm_vgic_target(vcpu, intid);

    axvm_vgic_bank(vcpu, intid)->active |= axvm_vgic_bit(intid);
    if (target) {
        axvm_vgic_set_home(target, intid);
        target->arch.vgic.active_out++;
        axvm_vgic_notify(target);
    } else {
        vcpu->vm->arch.vgic.spis->home[intid - AXVM_VGIC_SPI_BASE] = AXVM_VGIC_NOBODY;
    }
    axvm_vgic_recompute(vcpu, intid);
}

static void write_set_active(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t outside = val & ~(b->in_lr | b->active);

    b->do_act |= val & b->in_lr;
    for (; outside != 0; outside &= outside - 1)
        activate(a->vcpu, a->word * 32 + axvm_ctz64(outside));
    axvm_vgic_changed_word(a->vcpu, a->word, val & b->do_act);
}

static void write_clear_active(const struct axvm_vgic_access *a, uint32_t val)
{
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t outside = val & b->active;

    b->do_deact |= val & b->in_lr;
    b->do_act &= ~val;
    for (; outside != 0; outside &= outside - 1)
        axvm_vgic_deactivate(a->vcpu, a->word * 32 + axvm_ctz64(outside));
    axvm_vgic_changed_word(a->vcpu, a->word, val & b->do_deact);
}

void axvm_vgic_write_bits(const struct axvm_vgic_access *a, enum axvm_vgic_reg reg, uint32_t val)
{
    unsigned long flags;

    val &= axvm_vgic_valid(a->word);
    if (val == 0 && reg != VGIC_IGROUPR)
        return;
    flags = axvm_vgic_enter(a->vcpu->vm, a->caller);
    switch (reg) {
    case VGIC_IGROUPR:
        write_group(a, val);
        break;
    case VGIC_ISENABLER:
        write_enable(a, val);
        break;
    case VGIC_ICENABLER:
        write_disable(a, val);
        break;
    case VGIC_ISPENDR:
        write_set_pending(a, val);
        break;
    case VGIC_ICPENDR:
        write_clear_pending(a, val);
        break;
    case VGIC_ISACTIVER:
        write_set_active(a, val);
        break;
    case VGIC_ICACTIVER:
        write_clear_active(a, val);
        break;
    }
    changed_for(a);
    axvm_vgic_leave(a->vcpu->vm, flags);
}

/* ---- two bits per interrupt, of which the upper one says edge-triggered ---- */

/* abcd -> 0a0b0c0d, and back */
static uint32_t spread(uint32_t x)
{
    x = (x | x << 8) & 0x00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f;
    x = (x | x << 2) & 0x33333333;
    return (x | x << 1) & 0x55555555;
}

static uint32_t gather(uint32_t x)
{
    x &= 0x55555555;
    x = (x | x >> 1) & 0x33333333;
    x = (x | x >> 2) & 0x0f0f0f0f;
    x = (x | x >> 4) & 0x00ff00ff;
    return (x | x >> 8) & 0xffff;
}

uint32_t axvm_vgic_read_cfg(const struct axvm_vgic_access *a, bool high)
{
    unsigned long flags = axvm_vgic_enter(a->vcpu->vm, a->caller);
    uint32_t edge = bank_of(a)->edge >> (high ? 16 : 0) & 0xffff;

    axvm_vgic_leave(a->vcpu->vm, flags);
    return spread(edge) << 1;
}

void axvm_vgic_write_cfg(const struct axvm_vgic_access *a, bool high, uint32_t val)
{
    unsigned int shift = high ? 16 : 0;
    unsigned long flags = axvm_vgic_enter(a->vcpu->vm, a->caller);
    struct axvm_vgic_bank *b = bank_of(a);
    uint32_t changed = (b->edge ^ gather(val >> 1) << shift) & 0xffffu << shift & axvm_vgic_valid(a->word);
    b->edge ^= changed;
    changed &= b->latch | b->line | b->in_lr;
    axvm_vgic_changed_word(a->vcpu, a->word, changed);
    axvm_vgic_leave(a->vcpu->vm, flags);
}

/* ---- eight bits per interrupt ---- */

uint32_t axvm_vgic_read_prio(const struct axvm_vgic_access *a, unsigned int first, unsigned int size)
{
    unsigned long flags = axvm_vgic_enter(a->vcpu->vm, a->caller);
    const struct axvm_vgic_bank *b = bank_of(a);
    uint32_t val = 0;

    for (unsigned int i = 0; i < size; i++)
        val |= (uint32_t)b->prio[(first + i) & 31] << 8 * i;
    axvm_vgic_leave(a->vcpu->vm, flags);
    return val;
}

static void set_prio(struct axvm_vcpu *vcpu, uint32_t intid, uint8_t prio)
{
    struct axvm_vgic_bank *b = axvm_vgic_bank(vcpu, intid);

    if (b->prio[intid & 31] == prio)
        return;
    b->prio[intid & 31] = prio;
    if (b->in_lr & axvm_vgic_bit(intid))
        axvm_vgic_changed(vcpu, intid);
    else
        reorder(vcpu, intid);
}

void axvm_vgic_write_prio(const struct axvm_vgic_access *a, unsigned int first, unsigned int size, uint32_t val)
{
    unsigned long flags = axvm_vgic_enter(a->vcpu->vm, a->caller);

    for (unsigned int i = 0; i < size; i++) {
        if (axvm_vgic_valid(a->word) >> ((first + i) & 31) & 1)
            set_prio(a->vcpu, a->word * 32 + ((first + i) & 31), (uint8_t)(val >> 8 * i & AXVM_VGIC_PRIO_MASK));
    }
    changed_for(a);
    axvm_vgic_leave(a->vcpu->vm, flags);
}
