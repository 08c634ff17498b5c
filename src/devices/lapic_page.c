/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU that serves TPR, EOI and the like itself keeps what is pending and in service on a page of registers of its own, in the
 * places where xAPICs have them. Only while its guest runs: in between they are here again, where they always are.
 */
#include "lapic_priv.h"

#define PAGE_TPR 0x080u
#define PAGE_PPR 0x0a0u
#define PAGE_ISR 0x100u
#define PAGE_TMR 0x180u
#define PAGE_IRR 0x200u
#define PAGE_LINT0 0x350u
#define PAGE_ICR_LOW 0x300u
#define PAGE_ICR_HIGH 0x310u
#define PAGE_STEP 0x10u /* from one register to the next */

/* By offset / 16, as everywhere. */
#define TMR AXVM_BITS(0x1f, 0x18)
/* ID, version; LDR, DFR, SVR; ESR; ICR, LVT, initial count; divide. EOI reads as zero. */
#define SHOWN (AXVM_BITS(0x03, 0x02) | AXVM_BITS(0x0f, 0x0d) | TMR | AXVM_BIT(0x28) | AXVM_BITS(0x38, 0x30) | AXVM_BIT(0x3e))

/* The 32-bit register @n of those at @off. */
static inline uint32_t *word_of(void *page, uint32_t off, uint32_t n)
{
    return (uint32_t *)((uint8_t *)page + off + PAGE_STEP * n);
}

static inline void set_words(void *page, uint32_t off, unsigned int w, uint64_t bits)
{
    *word_of(page, off, 2 * w) |= (uint32_t)bits;
    *word_of(page, off, 2 * w + 1) |= (uint32_t)(bits >> 32);
}

/* What they hold, which is none of theirs any more. */
static inline uint64_t take_words(void *page, uint32_t off, unsigned int w)
{
    uint32_t *low = word_of(page, off, 2 * w), *high = word_of(page, off, 2 * w + 1);
    uint64_t bits = *low | (uint64_t)*high << 32;

    if (bits != 0)
        *low = *high = 0;
    return bits;
}

/* ---- to the CPU ---- */

static void lend_isr(const struct axvm_lapic *apic, void *page)
{
    for (uint32_t left = apic->isr_classes; left != 0; left &= left - 1) {
        uint32_t vector = apic->isr_vector[axvm_ctz64(left) & 15];

        set_words(page, PAGE_ISR, vector_word(vector), vector_bit(vector));
    }
}

uint32_t axvm_lapic_lend(struct axvm_lapic *apic, void *page)
{
    *word_of(page, PAGE_TPR, 0) = load32(&apic->tpr);
    *word_of(page, PAGE_PPR, 0) = load32(&apic->ppr);
    lend_isr(apic, page);
    return apic->isr_top;
}

int axvm_lapic_lend_pending(struct axvm_lapic *apic, void *page)
{
    int top = AXVM_LAPIC_NONE;

    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        uint64_t bits = load64(&apic->irr[w]) != 0 ? atomic_exchange(&apic->irr[w], 0) : 0;

        if (bits == 0)
            continue;
        set_words(page, PAGE_IRR, w, bits);
        top = (int)(w * 64 + axvm_top_bit64(bits));
    }
    return top;
}

/* ---- and back ---- */

static void return_pending(struct axvm_lapic *apic, void *page)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        uint64_t bits = take_words(page, PAGE_IRR, w);

        if (bits != 0)
            atomic_fetch_or(&apic->irr[w], bits);
    }
    attend_own(apic);
}

/* One of each class, as PPR allows no more: lapic.h. */
static void return_isr(struct axvm_lapic *apic, void *page)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        for (uint64_t bits = take_words(page, PAGE_ISR, w); bits != 0; bits &= bits - 1) {
            uint32_t vector = w * 64 + axvm_ctz64(bits);

            apic->isr_classes |= 1u << (vector >> 4);
            apic->isr_vector[vector >> 4] = (uint8_t)vector;
            apic->isr_top = vector;
        }
    }
}

void axvm_lapic_return(struct axvm_lapic *apic, void *page, bool pending, bool serving)
{
    apic->isr_classes = 0;
    apic->isr_top = 0;
    if (serving)
        return_isr(apic, page);
    if (pending)
        return_pending(apic, page);
    axvm_lapic_set_tpr(apic, *word_of(page, PAGE_TPR, 0));
}

/* ---- all others ---- */

void axvm_lapic_show_one(struct axvm_lapic *apic, void *page, uint32_t reg)
{
    if (reg < 64 && (SHOWN >> reg & 1) != 0)
        *word_of(page, PAGE_STEP * reg, 0) = axvm_lapic_register(apic, reg);
}

void axvm_lapic_show(struct axvm_lapic *apic, void *page)
{
    for (uint64_t left = SHOWN; left != 0; left &= left - 1)
        axvm_lapic_show_one(apic, page, axvm_ctz64(left));
}

static void put_words(void *page, uint32_t off, unsigned int w, uint64_t bits)
{
    *word_of(page, off, 2 * w) = (uint32_t)bits;
    *word_of(page, off, 2 * w + 1) = (uint32_t)(bits >> 32);
}

void axvm_lapic_show_pending(struct axvm_lapic *apic, void *page)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++)
        put_words(page, PAGE_TMR, w, load64(&apic->tmr[w]));
    *word_of(page, PAGE_LINT0, 0) = axvm_lapic_lvt_read(apic, AXVM_LAPIC_LVT_LINT0);
}

void axvm_lapic_hide_vectors(void *page)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        put_words(page, PAGE_ISR, w, 0);
        put_words(page, PAGE_IRR, w, 0);
    }
}

void axvm_lapic_show_vectors(const struct axvm_lapic *apic, void *page)
{
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++) {
        put_words(page, PAGE_ISR, w, 0);
        put_words(page, PAGE_IRR, w, load64(&apic->irr[w]));
    }
    lend_isr(apic, page);
}

void axvm_lapic_take_icr(struct axvm_lapic *apic, const void *page)
{
    apic->icr_low = *(const uint32_t *)((const uint8_t *)page + PAGE_ICR_LOW) & ICR_BITS;
    apic->icr_high = *(const uint32_t *)((const uint8_t *)page + PAGE_ICR_HIGH) & 0xff000000;
}
