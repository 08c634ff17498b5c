/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the local APIC model:
 *   lapic.c        in and out: IRR, ISR, PPR, EOI, errors; reset
 *   lapic_bus.c    messages between APICs: who is meant
 *   lapic_icr.c    those that a guest sends
 *   lapic_lvt.c    the local vector table and the pins
 *   lapic_regs.c   registers, as xAPIC and as x2APIC
 *   lapic_base.c   IA32_APIC_BASE
 *   lapic_page.c   what hardware keeps while a guest runs
 *   lapic_timer.c
 */
#ifndef AXVM_DEVICES_LAPIC_PRIV_H
#define AXVM_DEVICES_LAPIC_PRIV_H

#include "bits.h"
#include "lapic.h"

/* Below this a vector is illegal. "Valid Interrupt Vectors". */
#define FIRST_VECTOR 16u

/* "Local Vector Table", for all of its entries */
#define LVT_VECTOR 0xffu
#define LVT_DELIVERY 0x700u
#define LVT_DELIVERY_SHIFT 8
#define LVT_REMOTE_IRR (1u << 14)
#define LVT_LEVEL (1u << 15)
#define LVT_MASKED AXVM_LAPIC_LVT_MASKED
#define LVT_TIMER_MODE (3u << 17)
enum { TIMER_ONE_SHOT = 0u << 17, TIMER_PERIODIC = 1u << 17, TIMER_TSC_DEADLINE = 2u << 17 };

/* "Spurious-Interrupt Vector Register (SVR)" */
#define SVR_ENABLED (1u << 8)
#define SVR_NO_BROADCAST (1u << 12) /* "EOI-broadcast suppression" */
#define SVR_BITS (SVR_NO_BROADCAST | 0x3ffu)

/* "Error Status Register (ESR)" */
#define ESR_SEND_ILLEGAL (1u << 5)
#define ESR_RECEIVE_ILLEGAL (1u << 6)
#define ESR_ILLEGAL_REGISTER (1u << 7)

#define ICR_BITS 0xccfffu /* without Delivery Status, which is always idle */

/* axvm_lapic.lint */
#define LINT_PIN(n) (1u << (n))
#define LINT_EXTERNAL (1u << 2) /* an ExtINT message has come */
#define LINT_REMOTE (1u << 3)   /* Remote IRR of the LVT's LINT0: level-triggered, accepted, EOI not yet seen */

/* ---- vectors in bitmaps ---- */

static inline uint64_t vector_bit(uint32_t vector)
{
    return UINT64_C(1) << (vector & 63);
}

static inline unsigned int vector_word(uint32_t vector)
{
    return vector >> 6 & (AXVM_LAPIC_WORDS - 1);
}

/* ---- registers that others read, too ---- */

static inline uint32_t load32(const _Atomic uint32_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static inline void store32(_Atomic uint32_t *p, uint32_t v)
{
    atomic_store_explicit(p, v, memory_order_relaxed);
}

static inline uint64_t load64(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static inline void store64(_Atomic uint64_t *p, uint64_t v)
{
    atomic_store_explicit(p, v, memory_order_relaxed);
}

/* "Local APIC State After It Has Been Software Disabled": it accepts no fixed interrupts. */
static inline bool is_software_enabled(const struct axvm_lapic *apic)
{
    return (load32(&apic->svr) & SVR_ENABLED) != 0;
}

/* ---- attention ---- */

/* Its own CPU looks again before it enters its guest. For what that CPU does itself. */
static inline void attend_own(struct axvm_lapic *apic)
{
    store32(&apic->attention, 1);
}

/* The same from any CPU: who finds attention set knows that whoever set it has told, or is telling. */
static inline void attend(struct axvm_lapic *apic, const struct axvm_lapic *self)
{
    if (apic == self)
        attend_own(apic);
    else if (atomic_exchange(&apic->attention, 1) == 0)
        apic->set->ops->notify(apic);
}

/* ---- IRR ---- */

/* A legal vector is accepted. TMR, and what is watched, follow it. */
void axvm_lapic_post(struct axvm_lapic *apic, uint32_t vector, bool level, bool watch, const struct axvm_lapic *self);

/* The same, of an edge that nobody watches. */
static inline void post_edge(struct axvm_lapic *apic, uint32_t vector, const struct axvm_lapic *self)
{
    unsigned int w = vector_word(vector);
    uint64_t bit = vector_bit(vector);

    if (__builtin_expect((load64(&apic->watch[w]) & bit) != 0, 0))
        axvm_lapic_post(apic, vector, false, false, self);
    else if ((atomic_fetch_or(&apic->irr[w], bit) & bit) == 0)
        attend(apic, self);
}

/* The highest vector in IRR; AXVM_LAPIC_NONE. */
static inline int irr_top(const struct axvm_lapic *apic)
{
#pragma GCC unroll 4
    for (int w = AXVM_LAPIC_WORDS - 1; w >= 0; w--) {
        uint64_t bits = load64(&apic->irr[w]);

        if (bits != 0)
            return w * 64 + (int)axvm_top_bit64(bits);
    }
    return AXVM_LAPIC_NONE;
}

/* ---- between the files ---- */

/* Own CPU: the EOI of a watched vector has been seen. */
void axvm_lapic_tell_eoi(struct axvm_lapic *apic, uint32_t vector);
/* Own CPU: what the guest reads of one; its offset / 16. */
uint32_t axvm_lapic_register(struct axvm_lapic *apic, uint32_t reg);
/* Bits of ESR; the error interrupt when one is new. */
void axvm_lapic_error(struct axvm_lapic *apic, uint32_t bit, const struct axvm_lapic *self);
/* All registers but IA32_APIC_BASE as after power-on. Own CPU. */
void axvm_lapic_clear(struct axvm_lapic *apic);
/* A message for this one. False: it does not accept it. */
bool axvm_lapic_receive(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self);
/* To all that are meant but the one that sends. */
void axvm_lapic_send_others(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg);
/* Own CPU: ICR was written, low half. @dest is wide: axvm_lapic_dest8(). */
void axvm_lapic_send(struct axvm_lapic *apic, uint32_t low, uint32_t dest);
/* Own CPU: EOI of @vector; was it LINT0's, level-triggered? */
void axvm_lapic_lint_eoi(struct axvm_lapic *apic, uint32_t vector);
uint32_t axvm_lapic_lvt_read(const struct axvm_lapic *apic, enum axvm_lapic_lvt which);
void axvm_lapic_lvt_write(struct axvm_lapic *apic, enum axvm_lapic_lvt which, uint32_t val);
void axvm_lapic_lvt_mask_all(struct axvm_lapic *apic);
int axvm_lapic_base_write(struct axvm_lapic *apic, uint64_t val);

/* Timer. Own CPU. */
uint32_t axvm_lapic_timer_count(struct axvm_lapic *apic);
void axvm_lapic_timer_start(struct axvm_lapic *apic, uint32_t initial);
void axvm_lapic_timer_set_divide(struct axvm_lapic *apic, uint32_t val);
void axvm_lapic_timer_set_lvt(struct axvm_lapic *apic, uint32_t val);
void axvm_lapic_timer_stop(struct axvm_lapic *apic);
uint64_t axvm_lapic_tsc_deadline(struct axvm_lapic *apic);
void axvm_lapic_set_tsc_deadline(struct axvm_lapic *apic, uint64_t tsc);

#endif
