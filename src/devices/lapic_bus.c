/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages between APICs: "Issuing Interprocessor Interrupts", "Determining IPI Destination"; "Message Signalled Interrupts".
 */
#include "lapic_priv.h"

/* ---- one APIC ---- */

static bool receive_fixed(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self)
{
    if (!is_software_enabled(apic))
        return false;
    if (msg->vector < FIRST_VECTOR) {
        axvm_lapic_error(apic, ESR_RECEIVE_ILLEGAL, self);
        return false;
    }
    axvm_lapic_post(apic, msg->vector, msg->level, msg->watch, self);
    return true;
}

bool axvm_lapic_receive(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self)
{
    if (!axvm_lapic_enabled(apic))
        return false;
    switch ((enum axvm_lapic_delivery)msg->delivery) {
    case AXVM_LAPIC_FIXED:
    case AXVM_LAPIC_LOWEST:
        return receive_fixed(apic, msg, self);
    case AXVM_LAPIC_NMI:
    case AXVM_LAPIC_INIT:
    case AXVM_LAPIC_SIPI:
        apic->set->ops->event(apic, (enum axvm_lapic_delivery)msg->delivery, msg->vector);
        break;
    case AXVM_LAPIC_EXTERNAL:
        if ((atomic_fetch_or(&apic->lint, LINT_EXTERNAL) & LINT_EXTERNAL) == 0)
            attend(apic, self);
        break;
    case AXVM_LAPIC_SMI:
    case AXVM_LAPIC_RESERVED:
        break;
    }
    return true;
}

/* ---- who is meant ---- */

/* "Logical Destination Mode" of xAPICs. */
static bool is_logical_xapic(const struct axvm_lapic *apic, uint32_t dest)
{
    uint32_t ldr = load32(&apic->ldr) >> 24;

    if (dest > 0xff)
        return false;
    switch (load32(&apic->dfr) >> 28) {
    case 15: /* flat */
        return (ldr & dest) != 0;
    case 0: /* cluster */
        return ldr >> 4 == dest >> 4 && (ldr & dest & 15) != 0;
    default:
        return false;
    }
}

/* "Logical Destination Mode in x2APIC Mode": LDR follows from the ID. */
static bool is_logical_x2apic(const struct axvm_lapic *apic, uint32_t dest)
{
    return dest >> 16 == apic->id >> 4 && (dest >> (apic->id & 15) & 1) != 0;
}

static bool is_meant(const struct axvm_lapic *apic, const struct axvm_lapic_msg *msg)
{
    if (msg->dest == UINT32_MAX)
        return true;
    if (!msg->logical)
        return msg->dest == apic->id;
    return axvm_lapic_is_x2apic(apic) ? is_logical_x2apic(apic, msg->dest) : is_logical_xapic(apic, msg->dest);
}

static bool is_candidate(const struct axvm_lapic *apic, const struct axvm_lapic_msg *msg, const struct axvm_lapic *except)
{
    return apic != except && axvm_lapic_enabled(apic) && is_software_enabled(apic) && is_meant(apic, msg);
}

/* Lowest priority: the lowest class of TPR counts, and among equals whose turn it is. */
static bool deliver_lowest(struct axvm_lapics *set, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self,
                           const struct axvm_lapic *except)
{
    struct axvm_lapic *best = NULL;
    uint32_t at = load32(&set->next), least = 16;

    for (uint32_t i = 0; i < set->count; i++, at++) {
        at = at < set->count ? at : 0;
        if (axvm_lapic_cr8(set->apic[at]) < least && is_candidate(set->apic[at], msg, except)) {
            best = set->apic[at];
            least = axvm_lapic_cr8(best);
        }
    }
    if (!best)
        return false;
    store32(&set->next, best->id + 1);
    return axvm_lapic_receive(best, msg, self);
}

/* To all that are meant but @except. */
static bool deliver(struct axvm_lapics *set, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self,
                    const struct axvm_lapic *except)
{
    bool accepted = false;

    if (msg->delivery == AXVM_LAPIC_LOWEST)
        return deliver_lowest(set, msg, self, except);
    for (uint32_t i = 0; i < set->count; i++) {
        struct axvm_lapic *apic = set->apic[i];

        if (apic != except && is_meant(apic, msg) && axvm_lapic_receive(apic, msg, self))
            accepted = true;
    }
    return accepted;
}

bool axvm_lapics_deliver(struct axvm_lapics *set, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self)
{
    if (msg->logical || msg->dest == UINT32_MAX)
        return deliver(set, msg, self, NULL);
    if (msg->dest >= set->count)
        return false;
    return axvm_lapic_receive(set->apic[axvm_nospec(msg->dest, set->count)], msg, self);
}

void axvm_lapic_send_others(struct axvm_lapic *apic, const struct axvm_lapic_msg *msg)
{
    deliver(apic->set, msg, apic, apic);
}

/* "Message Address Register Format", "Message Data Register Format". The redirection hint asks for lowest priority in logical
 * mode. */
bool axvm_lapics_msi(struct axvm_lapics *set, uint64_t addr, uint32_t data, const struct axvm_lapic *self)
{
    const struct axvm_lapic_msg msg = {
        .dest = axvm_lapic_dest8((uint32_t)(addr >> 12)),
        .vector = (uint8_t)data,
        .delivery = (uint8_t)(data >> 8 & 7),
        .logical = (addr & 4) != 0,
        .level = (data >> 15 & 1) != 0,
    };

    if (addr >> 20 != AXVM_LAPIC_BASE >> 20 || msg.delivery == AXVM_LAPIC_SIPI)
        return false;
    if (msg.level && (data & 1u << 14) == 0) /* de-assert */
        return true;
    return axvm_lapics_deliver(set, &msg, self);
}
