/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's access that stage 2 did not let through. */
#include <axvm/err.h>

#include "aspace_priv.h"
#include "s2_walk.h"

static int fault_locked(struct axvm *vm, struct axvm_page_cache *cache, uint64_t gpa, uint32_t prot)
{
    struct axvm_aspace *as = &vm->as;
    uint32_t i = axvm_region_at(as, gpa);
    const struct axvm_region *r;

    if (i == AXVM_NO_REGION)
        return AXVM_ERR_NOENT;
    r = &as->regions[i];
    if ((prot & ~r->prot) != 0)
        return AXVM_ERR_GUEST;
    if (r->kind == AXVM_REGION_TOUCH)
        return axvm_s2_touch(vm, cache, gpa, r->prot);
    /* All pages of a live region are there. The CPU saw an entry that was being changed, under this lock; or it is one whose
     * permissions axvm_protect() has yet to come to. */
    return AXVM_OK;
}

int axvm_aspace_fault(struct axvm *vm, struct axvm_page_cache *cache, axvm_gpa_t gpa, uint32_t prot)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);
    int rc = fault_locked(vm, cache, gpa.v, prot);

    axvm_unlock_irqrestore(&vm->as.lock, irqs);
    return rc;
}
