/* SPDX-License-Identifier: BSD-2-Clause */
/* What the world switch has to know of stage 2. */
#ifndef AXVM_AARCH64_S2_HW_H
#define AXVM_AARCH64_S2_HW_H

#include "el2.h"
#include "s2_format.h"
#include "vm_priv.h"

/* VTCR_EL2 for a VM with tables of this geometry, on the CPU this runs on. */
uint64_t axvm_s2_vtcr(const struct axvm_s2_geometry *geo);

/* What belongs into HCR_EL2 while a guest with such tables runs, beside HCR_EL2.VM. */
static inline uint64_t axvm_s2_hcr(const struct axvm_s2_geometry *geo)
{
    return (geo->format & AXVM_S2F_FWB) ? HCR_FWB : 0;
}

#endif
