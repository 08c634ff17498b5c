/* SPDX-License-Identifier: BSD-2-Clause */
/* The local vector table, and the pins LINT0 and LINT1: "Local Vector Table", "Valid Interrupt Vectors". */
#include "lapic_priv.h"

/* What a guest can write of each. */
static const uint32_t writable[AXVM_LAPIC_LVTS] = {
    [AXVM_LAPIC_LVT_TIMER] = LVT_TIMER_MODE | LVT_MASKED | LVT_VECTOR,
    [AXVM_LAPIC_LVT_THERMAL] = LVT_MASKED | LVT_DELIVERY | LVT_VECTOR,
    [AXVM_LAPIC_LVT_PERF] = LVT_MASKED | LVT_DELIVERY | LVT_VECTOR,
    [AXVM_LAPIC_LVT_LINT0] = LVT_MASKED | 0xa000 | LVT_DELIVERY | LVT_VECTOR, /* and trigger mode, polarity */
    [AXVM_LAPIC_LVT_LINT1] = LVT_MASKED | 0xa000 | LVT_DELIVERY | LVT_VECTOR,
    [AXVM_LAPIC_LVT_ERROR] = LVT_MASKED | LVT_VECTOR,
};

static uint32_t delivery_of(uint32_t lvt)
{
    return (lvt & LVT_DELIVERY) >> LVT_DELIVERY_SHIFT;
}

static void fire_fixed(struct axvm_lapic *apic, uint32_t vector, bool level, const struct axvm_lapic *self)
{
    if (vector < FIRST_VECTOR)
        axvm_lapic_error(apic, ESR_RECEIVE_ILLEGAL, self);
    else if (level)
        axvm_lapic_post(apic, vector, true, false, self);
    else
        post_edge(apic, vector, self);
}

void axvm_lapic_local(struct axvm_lapic *apic, enum axvm_lapic_lvt which, const struct axvm_lapic *self)
{
    uint32_t lvt = load32(&apic->lvt[which]);

    if (lvt & LVT_MASKED)
        return;
    if (delivery_of(lvt) == AXVM_LAPIC_FIXED)
        fire_fixed(apic, lvt & LVT_VECTOR, false, self);
    else if (delivery_of(lvt) == AXVM_LAPIC_NMI)
        apic->set->ops->event(apic, AXVM_LAPIC_NMI, 0);
}

/* ---- pins ---- */

/* Only LINT0 can be level-triggered: "Local Vector Table", Trigger Mode. */
static bool is_level(uint32_t lvt, unsigned int pin)
{
    return pin == 0 && (lvt & LVT_LEVEL) != 0;
}

static void fire_pin(struct axvm_lapic *apic, unsigned int pin, uint32_t lvt, const struct axvm_lapic *self)
{
    bool level = is_level(lvt, pin);

    switch (delivery_of(lvt)) {
    case AXVM_LAPIC_FIXED:
        /* Remote IRR: once, until EOI. */
        if (!level || (atomic_fetch_or(&apic->lint, LINT_REMOTE) & LINT_REMOTE) == 0)
            fire_fixed(apic, lvt & LVT_VECTOR, level, self);
        break;
    case AXVM_LAPIC_NMI:
    case AXVM_LAPIC_INIT:
        apic->set->ops->event(apic, (enum axvm_lapic_delivery)delivery_of(lvt), 0);
        break;
    default: /* SMI: nobody has it. ExtINT: not an edge, see axvm_lapic_lint() */
        break;
    }
}

void axvm_lapic_lint(struct axvm_lapic *apic, unsigned int pin, bool level, const struct axvm_lapic *self)
{
    uint32_t bit = LINT_PIN(pin);
    uint32_t was = level ? atomic_fetch_or(&apic->lint, bit) : atomic_fetch_and(&apic->lint, ~bit);
    uint32_t lvt = load32(&apic->lvt[AXVM_LAPIC_LVT_LINT0 + pin]);

    if (((was & bit) != 0) == level)
        return;
    if (!axvm_lapic_enabled(apic)) /* the pins are INTR and NMI of the CPU */
        lvt = (pin == 0 ? AXVM_LAPIC_EXTERNAL : AXVM_LAPIC_NMI) << LVT_DELIVERY_SHIFT;
    if (lvt & LVT_MASKED)
        return;
    if (delivery_of(lvt) == AXVM_LAPIC_EXTERNAL)
        attend(apic, self);
    else if (level)
        fire_pin(apic, pin, lvt, self);
}

/* LINT0 may have to fire by its level alone. */
static void look_at_lint0(struct axvm_lapic *apic)
{
    uint32_t lvt = load32(&apic->lvt[AXVM_LAPIC_LVT_LINT0]);

    if (!(lvt & (LVT_MASKED | LVT_DELIVERY)) && (lvt & LVT_LEVEL) && (load32(&apic->lint) & LINT_PIN(0)))
        fire_pin(apic, 0, lvt, apic);
}

void axvm_lapic_lint_eoi(struct axvm_lapic *apic, uint32_t vector)
{
    uint32_t lvt = load32(&apic->lvt[AXVM_LAPIC_LVT_LINT0]);

    if (!(load32(&apic->lint) & LINT_REMOTE) || (lvt & LVT_VECTOR) != vector)
        return;
    atomic_fetch_and(&apic->lint, ~LINT_REMOTE);
    look_at_lint0(apic);
}

/* ---- registers ---- */

uint32_t axvm_lapic_lvt_read(const struct axvm_lapic *apic, enum axvm_lapic_lvt which)
{
    uint32_t lvt = load32(&apic->lvt[which]);

    return which == AXVM_LAPIC_LVT_LINT0 && (load32(&apic->lint) & LINT_REMOTE) ? lvt | LVT_REMOTE_IRR : lvt;
}

/* First this, then the look at the pin, both sequentially consistent, and axvm_lapic_lint() does it the other way round: of two
 * at the same time one at least sees what the other has done. */
static void write_lint0(struct axvm_lapic *apic, uint32_t val)
{
    atomic_store(&apic->lvt[AXVM_LAPIC_LVT_LINT0], val);
    if (!(val & LVT_LEVEL))
        atomic_fetch_and(&apic->lint, ~LINT_REMOTE);
    look_at_lint0(apic);
    attend_own(apic);
}

/* "Local APIC State After It Has Been Software Disabled": the masks are set and stay so. */
void axvm_lapic_lvt_write(struct axvm_lapic *apic, enum axvm_lapic_lvt which, uint32_t val)
{
    val &= writable[which];
    if (!is_software_enabled(apic))
        val |= LVT_MASKED;
    if (which == AXVM_LAPIC_LVT_TIMER)
        axvm_lapic_timer_set_lvt(apic, val);
    else if (which == AXVM_LAPIC_LVT_LINT0)
        write_lint0(apic, val);
    else
        store32(&apic->lvt[which], val);
}

void axvm_lapic_lvt_mask_all(struct axvm_lapic *apic)
{
    for (unsigned int i = 0; i < AXVM_LAPIC_LVTS; i++)
        store32(&apic->lvt[i], load32(&apic->lvt[i]) | LVT_MASKED);
    attend_own(apic);
}
