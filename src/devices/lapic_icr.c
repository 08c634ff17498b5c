/* SPDX-License-Identifier: BSD-2-Clause */
/* IPIs: "Interrupt Command Register (ICR)". */
#include "lapic_priv.h"

#define ICR_DELIVERY (7u << 8)
#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_SHORTHAND (3u << ICR_SHORTHAND_SHIFT)
#define ICR_TO_SELF (1u << ICR_SHORTHAND_SHIFT)
enum { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };

void axvm_lapic_self_ipi(struct axvm_lapic *apic, uint32_t vector)
{
    if (vector < FIRST_VECTOR)
        axvm_lapic_error(apic, ESR_SEND_ILLEGAL, apic);
    else if (is_software_enabled(apic))
        post_edge(apic, vector, apic);
}

/* "Valid Combinations for the xAPIC Local Interrupt Command Register": with these short-hands nothing else is. */
static bool is_valid(uint32_t delivery, uint32_t shorthand)
{
    switch (shorthand) {
    case TO_SELF:
    case TO_ALL:
        return delivery == AXVM_LAPIC_FIXED;
    default:
        return delivery != AXVM_LAPIC_RESERVED && delivery != AXVM_LAPIC_EXTERNAL;
    }
}

static void route(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg, uint32_t shorthand)
{
    switch (shorthand) {
    case TO_SELF:
        axvm_lapic_receive(apic, msg, apic);
        break;
    case TO_OTHERS:
        axvm_lapic_send_others(apic, msg);
        break;
    default:
        axvm_lapics_deliver(apic->set, msg, apic);
        break;
    }
}

/* A fixed interrupt for the sender or one other APIC: most of them. False: it is not that. */
static inline bool send_simple(struct axvm_lapic *apic, uint32_t low, uint32_t dest)
{
    const struct axvm_lapics *set = apic->set;
    uint32_t how = low & (ICR_DELIVERY | ICR_LOGICAL | ICR_LEVEL | ICR_SHORTHAND);
    struct axvm_lapic *to = apic;

    if ((how & ~(uint32_t)ICR_TO_SELF) != 0 || (low & 0xff) < FIRST_VECTOR)
        return false;
    if (how == 0) {
        if (dest >= set->count)
            return false;
        to = set->apic[axvm_nospec(dest, set->count)];
    }
    if (axvm_lapic_enabled(to) && is_software_enabled(to))
        post_edge(to, low & 0xff, apic);
    return true;
}

static void send_any(struct axvm_lapic *apic, uint32_t low, uint32_t dest)
{
    uint32_t shorthand = low >> ICR_SHORTHAND_SHIFT & 3;
    const struct axvm_lapic_msg msg = {
        .dest = shorthand == TO_DEST ? dest : UINT32_MAX,
        .vector = (uint8_t)low,
        .delivery = (uint8_t)(low >> 8 & 7),
        .logical = (low & ICR_LOGICAL) != 0,
    };

    if (msg.delivery <= AXVM_LAPIC_LOWEST && msg.vector < FIRST_VECTOR) {
        axvm_lapic_error(apic, ESR_SEND_ILLEGAL, apic);
        return;
    }
    if ((low & (ICR_LEVEL | ICR_ASSERT)) == ICR_LEVEL || !is_valid(msg.delivery, shorthand))
        return;
    route(apic, &msg, shorthand);
}

void axvm_lapic_send(struct axvm_lapic *apic, uint32_t low, uint32_t dest)
{
    if (!send_simple(apic, low, dest))
        send_any(apic, low, dest);
}
