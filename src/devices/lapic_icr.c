/* SPDX-License-Identifier: BSD-2-Clause */
/* IPIs: "Interrupt Command Register (ICR)". */
#include "lapic_priv.h"

#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
#define ICR_SHORTHAND_SHIFT 18
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

/* The trigger mode is of no effect but for a level-triggered de-assert, which nobody takes. */
void axvm_lapic_send(struct axvm_lapic *apic, uint32_t low, uint32_t dest)
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
