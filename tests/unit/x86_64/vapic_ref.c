/* SPDX-License-Identifier: BSD-2-Clause */
#include "vapic_ref.h"

enum { TPR = 0x80, PPR = 0xa0, ISR = 0x100, IRR = 0x200 };

/* Vector n is bit n % 32 of the register n / 32, of which there is one every 16 bytes: byte by byte. */
static uint8_t *byte_of(struct vapic *v, unsigned int off, int vector)
{
    return &v->page[off + (unsigned int)vector / 32 * 16 + (unsigned int)vector % 32 / 8];
}

bool vapic_is_set(const struct vapic *v, unsigned int off, int vector)
{
    return v->page[off + (unsigned int)vector / 32 * 16 + (unsigned int)vector % 32 / 8] >> vector % 8 & 1;
}

static uint8_t highest(const struct vapic *v, unsigned int off)
{
    for (int vector = 255; vector > 0; vector--) {
        if (vapic_is_set(v, off, vector))
            return (uint8_t)vector;
    }
    return 0;
}

void vapic_enter(struct vapic *v)
{
    v->page[PPR] = v->page[TPR] >> 4 >= v->svi >> 4 ? v->page[TPR] : v->svi & 0xf0;
}

int vapic_recognized(const struct vapic *v)
{
    return v->rvi >> 4 > v->page[PPR] >> 4 ? v->rvi : -1;
}

void vapic_deliver(struct vapic *v)
{
    *byte_of(v, ISR, v->rvi) |= (uint8_t)(1u << v->rvi % 8);
    v->svi = v->rvi;
    v->page[PPR] = v->rvi & 0xf0;
    *byte_of(v, IRR, v->rvi) &= (uint8_t) ~(1u << v->rvi % 8);
    v->rvi = highest(v, IRR);
}

int vapic_eoi(struct vapic *v)
{
    int vector = v->svi;

    *byte_of(v, ISR, vector) &= (uint8_t) ~(1u << vector % 8);
    v->svi = highest(v, ISR);
    vapic_enter(v);
    return vector;
}

void vapic_write_tpr(struct vapic *v, uint8_t tpr)
{
    v->page[TPR] = tpr;
    vapic_enter(v);
}

void vapic_self_ipi(struct vapic *v, uint8_t vector)
{
    *byte_of(v, IRR, vector) |= (uint8_t)(1u << vector % 8);
    if (vector > v->rvi)
        v->rvi = vector;
}
