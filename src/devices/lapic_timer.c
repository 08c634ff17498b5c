/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer: "APIC Timer". Its count is what is left of the time until the deadline, never counted. Only the own CPU looks
 * whether the deadline has passed: whenever it is asked to, and before a register says or changes anything about it.
 */
#include "lapic_priv.h"

static uint32_t mode(const struct axvm_lapic *apic)
{
    return load32(&apic->lvt[AXVM_LAPIC_LVT_TIMER]) & LVT_TIMER_MODE;
}

static bool counts(const struct axvm_lapic *apic)
{
    return mode(apic) == TIMER_ONE_SHOT || mode(apic) == TIMER_PERIODIC;
}

/* "Divide Configuration Register": 0 is by 2, 1 by 4, ... 7 by 1. */
static unsigned int divide_shift(const struct axvm_lapic *apic)
{
    uint32_t code = (apic->timer_divide & 3) | (apic->timer_divide >> 1 & 4);

    return (code + 1) & 7;
}

/* Nanoseconds of @count ticks. AXVM_LAPIC_TIMER_HZ makes them the same but for the divider. */
static uint64_t duration(const struct axvm_lapic *apic, uint32_t count)
{
    return (uint64_t)count << divide_shift(apic);
}

/* From one interrupt to the next. A guest cannot have the host interrupted as often as it likes. */
static uint64_t period(const struct axvm_lapic *apic)
{
    uint64_t ns = duration(apic, apic->timer_initial);

    return mode(apic) == TIMER_PERIODIC ? axvm_max(ns, AXVM_LAPIC_MIN_PERIOD_NS) : ns;
}

static uint64_t deadline_of(const struct axvm_lapic *apic)
{
    return load64(&apic->deadline);
}

static void set_deadline(struct axvm_lapic *apic, uint64_t deadline)
{
    atomic_store_explicit(&apic->deadline, deadline, memory_order_relaxed);
}

/* Periods that have passed unseen are one interrupt. */
static uint64_t next_deadline(const struct axvm_lapic *apic, uint64_t now)
{
    uint64_t late, every;

    if (mode(apic) != TIMER_PERIODIC)
        return AXVM_TIME_NEVER;
    late = now - deadline_of(apic);
    every = period(apic);
    return now + every - (late < every ? late : late % every);
}

void axvm_lapic_timer_poll(struct axvm_lapic *apic, uint64_t now)
{
    if (now < deadline_of(apic))
        return;
    set_deadline(apic, next_deadline(apic, now));
    apic->tsc_deadline = 0;
    axvm_lapic_local(apic, AXVM_LAPIC_LVT_TIMER, apic);
}

static uint64_t now_of(struct axvm_lapic *apic)
{
    return apic->set->ops->now(apic);
}

/* What is due happens before what a register access does. */
static void settle(struct axvm_lapic *apic)
{
    if (deadline_of(apic) != AXVM_TIME_NEVER)
        axvm_lapic_timer_poll(apic, now_of(apic));
}

void axvm_lapic_timer_stop(struct axvm_lapic *apic)
{
    apic->timer_initial = 0;
    apic->tsc_deadline = 0;
    set_deadline(apic, AXVM_TIME_NEVER);
}

uint32_t axvm_lapic_timer_count(struct axvm_lapic *apic)
{
    uint64_t deadline, now, left;
    unsigned int shift = divide_shift(apic);

    if (!counts(apic) || deadline_of(apic) == AXVM_TIME_NEVER)
        return 0;
    now = now_of(apic);
    axvm_lapic_timer_poll(apic, now);
    deadline = deadline_of(apic);
    if (deadline == AXVM_TIME_NEVER)
        return 0;
    /* Rounded up: it is 0 only when it has fired. */
    left = (deadline - now + (UINT64_C(1) << shift) - 1) >> shift;
    return (uint32_t)axvm_min(left, apic->timer_initial);
}

void axvm_lapic_timer_start(struct axvm_lapic *apic, uint32_t initial)
{
    settle(apic);
    if (!counts(apic))
        return;
    apic->timer_initial = initial;
    set_deadline(apic, initial != 0 ? now_of(apic) + period(apic) : AXVM_TIME_NEVER);
}

/* The count goes on from where it is, at another pace. */
void axvm_lapic_timer_set_divide(struct axvm_lapic *apic, uint32_t val)
{
    uint32_t count = axvm_lapic_timer_count(apic);

    apic->timer_divide = val & 0xb;
    if (count != 0)
        set_deadline(apic, now_of(apic) + duration(apic, count));
}

/* One-shot and periodic differ only in what happens at 0; to and from TSC-deadline mode disarms: "TSC-Deadline Mode". */
void axvm_lapic_timer_set_lvt(struct axvm_lapic *apic, uint32_t val)
{
    uint32_t was = mode(apic);
    bool counted = counts(apic);

    if (!apic->set->tsc_deadline)
        val &= ~(uint32_t)TIMER_TSC_DEADLINE;
    settle(apic);
    store32(&apic->lvt[AXVM_LAPIC_LVT_TIMER], val);
    if (was != mode(apic) && !(counted && counts(apic)))
        axvm_lapic_timer_stop(apic);
}

uint64_t axvm_lapic_tsc_deadline(struct axvm_lapic *apic)
{
    settle(apic);
    return apic->tsc_deadline;
}

void axvm_lapic_set_tsc_deadline(struct axvm_lapic *apic, uint64_t tsc)
{
    settle(apic);
    if (mode(apic) != TIMER_TSC_DEADLINE)
        return;
    apic->tsc_deadline = tsc;
    set_deadline(apic, tsc != 0 ? apic->set->ops->tsc_time(apic, tsc) : AXVM_TIME_NEVER);
}

void axvm_lapic_tsc_moved(struct axvm_lapic *apic)
{
    if (apic->tsc_deadline != 0)
        set_deadline(apic, apic->set->ops->tsc_time(apic, apic->tsc_deadline));
}
