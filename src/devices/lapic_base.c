/* SPDX-License-Identifier: BSD-2-Clause */
/* IA32_APIC_BASE: "Enabling or Disabling the Local APIC", "x2APIC State Transitions". */
#include <axvm/err.h>

#include "lapic_priv.h"

#define MODE (AXVM_LAPIC_BASE_ENABLE | AXVM_LAPIC_BASE_X2APIC)
#define MODE_X2APIC MODE
#define MODE_XAPIC AXVM_LAPIC_BASE_ENABLE
#define MODE_DISABLED UINT64_C(0)

static bool has_reserved(const struct axvm_lapics *set, uint64_t val)
{
    uint64_t allowed = AXVM_BITS(set->phys_bits - 1, 12) | AXVM_LAPIC_BASE_ENABLE | AXVM_LAPIC_BASE_BSP;

    if (set->x2apic)
        allowed |= AXVM_LAPIC_BASE_X2APIC;
    return (val & ~allowed) != 0;
}

/* Into x2APIC mode only from xAPIC mode, out of it only by disabling; what is neither is no mode. */
static bool is_legal(uint64_t from, uint64_t to)
{
    switch (to) {
    case MODE_DISABLED:
        return true;
    case MODE_XAPIC:
        return from != MODE_X2APIC;
    case MODE_X2APIC:
        return from != MODE_DISABLED;
    default:
        return false;
    }
}

int axvm_lapic_base_write(struct axvm_lapic *apic, uint64_t val)
{
    uint64_t from = load64(&apic->base) & MODE, to = val & MODE;

    if (has_reserved(apic->set, val) || !is_legal(from, to))
        return AXVM_ERR_GUEST;
    /* What was in it is lost. */
    if (from != to && (from == MODE_DISABLED || to == MODE_DISABLED))
        axvm_lapic_clear(apic);
    if (from != to && to == MODE_X2APIC)
        apic->icr_high = 0;
    apic->changes++;
    atomic_store(&apic->base, val);
    attend_own(apic);
    if (from != to)
        apic->set->ops->accepts(apic);
    return AXVM_OK;
}
