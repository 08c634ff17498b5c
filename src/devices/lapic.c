/* SPDX-License-Identifier: BSD-2-Clause */
/* A local APIC between its bus and its CPU: IRR, ISR and the priorities, EOI, errors, reset. */
#include "lapic.h"

#include "lapic_priv.h"

/* "Interrupt, Task, and Processor Priority": the class is bits [7:4]. A vector is of a higher class than a priority if this is
 * greater. */
static inline uint32_t class_bits(uint32_t vector)
{
    return vector & 0xf0;
}

static inline unsigned int class_of(uint32_t vector)
{
    return vector >> 4 & 15;
}

/* ---- out: what the CPU gets ---- */

/* An 8259 drives LINT0. With the APIC off its pins are the CPU's: "Presence of the Local APIC", "Enabling or Disabling the
 * Local APIC". */
static bool is_external(const struct axvm_lapic *apic, uint32_t lint)
{
    uint32_t lvt = load32(&apic->lvt[AXVM_LAPIC_LVT_LINT0]) & (LVT_MASKED | LVT_DELIVERY);

    if (!axvm_lapic_enabled(apic))
        return (lint & LINT_PIN(0)) != 0;
    return (lint & LINT_EXTERNAL) || lvt == AXVM_LAPIC_EXTERNAL << LVT_DELIVERY_SHIFT;
}

static inline int find(const struct axvm_lapic *apic)
{
    uint32_t lint = load32(&apic->lint) & (LINT_PIN(0) | LINT_EXTERNAL);
    int top;

    if (__builtin_expect(lint != 0, 0) && is_external(apic, lint))
        return AXVM_LAPIC_EXTINT;
    top = irr_top(apic);
    if (top < 0 || class_bits((uint32_t)top) <= load32(&apic->ppr) || !axvm_lapic_enabled(apic))
        return AXVM_LAPIC_NONE;
    return top;
}

void axvm_lapic_scan(struct axvm_lapic *apic)
{
    /* First this, then the bits: who sets one after we have looked sets it again. */
    atomic_exchange(&apic->attention, 0);
    apic->deliverable = find(apic);
}

bool axvm_lapic_external(struct axvm_lapic *apic)
{
    uint32_t lint;

    atomic_exchange(&apic->attention, 0);
    lint = load32(&apic->lint) & (LINT_PIN(0) | LINT_EXTERNAL);
    apic->deliverable = lint != 0 && is_external(apic, lint) ? AXVM_LAPIC_EXTINT : AXVM_LAPIC_NONE;
    return apic->deliverable == AXVM_LAPIC_EXTINT;
}

int axvm_lapic_highest(const struct axvm_lapic *apic)
{
    return axvm_lapic_enabled(apic) ? irr_top(apic) : AXVM_LAPIC_NONE;
}

/* While attention is set nobody would tell us of more, so its CPU must look before it sleeps. */
bool axvm_lapic_wakes(const struct axvm_lapic *apic)
{
    return atomic_load(&apic->attention) != 0 || find(apic) != AXVM_LAPIC_NONE;
}

/* What is accepted is of a higher class than PPR, and so becomes PPR; what else waits is not, until something changes. */
void axvm_lapic_accept(struct axvm_lapic *apic, int what)
{
    uint32_t vector = (uint32_t)what & 0xff;

    apic->deliverable = AXVM_LAPIC_NONE;
    if (what == AXVM_LAPIC_EXTINT) {
        atomic_fetch_and(&apic->lint, ~LINT_EXTERNAL);
        attend_own(apic);
        return;
    }
    atomic_fetch_and(&apic->irr[vector_word(vector)], ~vector_bit(vector));
    apic->isr_classes |= 1u << class_of(vector);
    apic->isr_vector[class_of(vector)] = (uint8_t)vector;
    apic->isr_top = vector;
    store32(&apic->ppr, class_bits(vector));
}

/* "Task and Processor Priorities": TPR or what is in service has changed. */
static inline void update_ppr(struct axvm_lapic *apic)
{
    uint32_t tpr = load32(&apic->tpr), isr = class_bits(apic->isr_top);

    store32(&apic->ppr, tpr >= isr ? tpr : isr);
    if ((load64(&apic->irr[0]) | load64(&apic->irr[1]) | load64(&apic->irr[2]) | load64(&apic->irr[3])) != 0)
        attend_own(apic);
}

void axvm_lapic_set_tpr(struct axvm_lapic *apic, uint32_t tpr)
{
    store32(&apic->tpr, tpr & 0xff);
    update_ppr(apic);
}

/* The vector in service goes; one of each lower class may still be. */
static inline void leave_service(struct axvm_lapic *apic, uint32_t vector)
{
    uint32_t classes = apic->isr_classes & ~(1u << class_of(vector));

    apic->isr_classes = classes;
    apic->isr_top = classes != 0 ? apic->isr_vector[axvm_top_bit64(classes)] : 0;
}

static inline bool is_watched(const struct axvm_lapic *apic, uint32_t vector)
{
    return (load64(&apic->watch[vector_word(vector)]) & vector_bit(vector)) != 0;
}

void axvm_lapic_tell_eoi(struct axvm_lapic *apic, uint32_t vector)
{
    bool level = (load64(&apic->tmr[vector_word(vector)]) & vector_bit(vector)) != 0;

    axvm_lapic_lint_eoi(apic, vector);
    /* "EOI-broadcast suppression" concerns level-triggered ones, which the guest then ends at the I/O APIC. Others that are
     * watched are nothing that it knows of. */
    if (!level || !(load32(&apic->svr) & SVR_NO_BROADCAST))
        apic->set->ops->eoi(apic, vector);
}

/* "Signaling Interrupt Servicing Completion" */
void axvm_lapic_eoi(struct axvm_lapic *apic)
{
    uint32_t vector = apic->isr_top;

    if (vector == 0)
        return;
    leave_service(apic, vector);
    update_ppr(apic);
    if (__builtin_expect(is_watched(apic, vector), 0))
        axvm_lapic_tell_eoi(apic, vector);
}

void axvm_lapic_eoi_seen(struct axvm_lapic *apic, uint32_t vector)
{
    if (is_watched(apic, vector & 0xff))
        axvm_lapic_tell_eoi(apic, vector & 0xff);
}

/* ---- in ---- */

static void set_to(_Atomic uint64_t *word, uint64_t bit, bool value)
{
    if (((load64(word) & bit) != 0) == value)
        return;
    if (value)
        atomic_fetch_or(word, bit);
    else
        atomic_fetch_and(word, ~bit);
}

/* "Acceptance of Interrupts": it is triggered as the newest one was. TMR is within watch. */
void axvm_lapic_post(struct axvm_lapic *apic, uint32_t vector, bool level, bool watch, const struct axvm_lapic *self)
{
    unsigned int w = vector_word(vector);
    uint64_t bit = vector_bit(vector);

    set_to(&apic->tmr[w], bit, level);
    set_to(&apic->watch[w], bit, level || watch);
    if ((atomic_fetch_or(&apic->irr[w], bit) & bit) == 0)
        attend(apic, self);
}

/* ---- errors ---- */

/*
 * "Error Handling". An error interrupt whose own vector is illegal is an error that sets another bit and ends there: nothing
 * here comes back to this function (XSA-462).
 */
void axvm_lapic_error(struct axvm_lapic *apic, uint32_t bit, const struct axvm_lapic *self)
{
    uint32_t lvt = load32(&apic->lvt[AXVM_LAPIC_LVT_ERROR]);
    uint32_t vector = lvt & LVT_VECTOR;

    if ((atomic_fetch_or(&apic->errors, bit) & bit) != 0 || (lvt & LVT_MASKED))
        return;
    if (vector >= FIRST_VECTOR)
        post_edge(apic, vector, self);
    else
        atomic_fetch_or(&apic->errors, ESR_RECEIVE_ILLEGAL);
}

/* ---- reset ---- */

static void clear_vectors(struct axvm_lapic *apic)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        store64(&apic->irr[w], 0);
        store64(&apic->tmr[w], 0);
        store64(&apic->watch[w], 0);
    }
    apic->isr_classes = 0;
    apic->isr_top = 0;
    apic->deliverable = AXVM_LAPIC_NONE;
}

/* "Local APIC State After Power-Up or Reset". */
void axvm_lapic_clear(struct axvm_lapic *apic)
{
    apic->changes++;
    clear_vectors(apic);
    atomic_fetch_and(&apic->lint, LINT_PIN(0) | LINT_PIN(1));
    store32(&apic->errors, 0);
    store32(&apic->tpr, 0);
    store32(&apic->ppr, 0);
    store32(&apic->ldr, 0);
    store32(&apic->dfr, UINT32_MAX);
    store32(&apic->svr, 0xff);
    for (unsigned int i = 0; i < AXVM_LAPIC_LVTS; i++)
        store32(&apic->lvt[i], LVT_MASKED);
    apic->esr = 0;
    apic->icr_low = apic->icr_high = 0;
    apic->timer_divide = 0;
    axvm_lapic_timer_stop(apic);
    attend_own(apic);
}

/* "Local APIC State After an INIT Reset": what it is, and where, stays. */
void axvm_lapic_init_reset(struct axvm_lapic *apic)
{
    axvm_lapic_clear(apic);
}

void axvm_lapic_reset(struct axvm_lapic *apic)
{
    bool bsp = apic->id == 0;

    axvm_lapic_clear(apic);
    store64(&apic->base, AXVM_LAPIC_BASE | AXVM_LAPIC_BASE_ENABLE | (bsp ? AXVM_LAPIC_BASE_BSP : 0));
    /* What firmware would do for a system that knows only the 8259: MultiProcessor Specification 1.4, "Virtual Wire Mode". */
    if (bsp)
        store32(&apic->lvt[AXVM_LAPIC_LVT_LINT0], AXVM_LAPIC_EXTERNAL << LVT_DELIVERY_SHIFT);
}

void axvm_lapics_add(struct axvm_lapics *set, struct axvm_lapic *apic)
{
    apic->set = set;
    apic->id = set->count;
    set->apic[set->count++] = apic;
    axvm_lapic_reset(apic);
}
