/* SPDX-License-Identifier: BSD-2-Clause */
/* From a decoded load, store or port access of a guest to the bus. */
#include <axvm/err.h>

#include "arch.h"

static inline int access_element(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio, unsigned int i, bool may_call_host)
{
    struct axvm_access acc = {
        .off = mmio->addr + (uint64_t)i * mmio->size,
        .val = mmio->write ? mmio->val[i] : 0,
        .size = mmio->space == AXVM_BUS_SYSREG ? 1 : mmio->size, /* there an address is a whole register */
        .may_call_host = may_call_host,
        .vcpu = vcpu,
    };
    int rc = axvm_bus_access(&vcpu->vm->bus[mmio->space], &vcpu->hit[mmio->space], &acc, mmio->write);

    if (rc == AXVM_OK && !mmio->write)
        mmio->val[i] = acc.val;
    return rc;
}

/* One by one, as a bus would see them. What was done before an element is refused stays done, as on a bus. */
static int access_all(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    if ((uint64_t)(mmio->count - 1u) * mmio->size > UINT64_MAX - mmio->addr)
        return AXVM_ERR_GUEST;
    for (unsigned int i = 0; i < mmio->count; i++) {
        int rc = access_element(vcpu, mmio, i, true);

        if (rc != AXVM_OK)
            return i == 0 ? rc : AXVM_ERR_GUEST;
    }
    return AXVM_OK;
}

int axvm_core_mmio(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio, bool may_call_host)
{
    if (mmio->count == 1)
        return access_element(vcpu, mmio, 0, may_call_host);
    /* An element that has to come again in the host tier must not have let those before it happen already. */
    return may_call_host ? access_all(vcpu, mmio) : AXVM_ERR_AGAIN;
}
