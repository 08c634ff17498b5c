/* SPDX-License-Identifier: BSD-2-Clause */
/* What the stage-2 tables and VTCR_EL2 of a VM look like on a CPU, from its ID registers. No system register is touched here.
 */
#ifndef AXVM_AARCH64_S2_PLAN_H
#define AXVM_AARCH64_S2_PLAN_H

#include "bits.h"
#include "vm_priv.h"

/* ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64MMFR2_EL1 */
struct axvm_mmfr {
    uint64_t mmfr0, mmfr1, mmfr2;
};

/* As axvm_arch_s2_geometry(). */
int axvm_s2_plan(const struct axvm_mmfr *id, unsigned int gpa_bits, struct axvm_s2_geometry *geo);
unsigned int axvm_s2_vmid_bits(const struct axvm_mmfr *id);
/* VTCR_EL2 for tables of this geometry. */
uint64_t axvm_s2_vtcr_value(const struct axvm_s2_geometry *geo, unsigned int vmid_bits);

/* Operand of TLBI IPAS2E1IS for the page at @gpa. */
static inline uint64_t axvm_s2_tlbi_operand(uint64_t gpa)
{
    return gpa >> AXVM_PAGE_SHIFT & AXVM_BITS(35, 0);
}

#endif
