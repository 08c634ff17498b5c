/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which features guests see: the ID registers, op0 = 3, op1 = 0, CRn = 0, CRm = 1..7, by CRm << 3 | op2. A field that is not in
 * the table of idregs.c reads as zero, so what a future CPU brings stays hidden until somebody has thought about it.
 */
#ifndef AXVM_AARCH64_IDREGS_H
#define AXVM_AARCH64_IDREGS_H

#include "bits.h"
#include "vm_priv.h"

#define IDREG(crm, op2) ((crm) << 3 | (op2))
#define IDREG_PFR0 IDREG(4, 0)
#define IDREG_PFR1 IDREG(4, 1)
#define IDREG_DFR0 IDREG(5, 0)
#define IDREG_MMFR0 IDREG(7, 0)
#define IDREG_MMFR1 IDREG(7, 1)

#define PFR0_EL0 AXVM_BITS(3, 0)
#define PFR0_GIC AXVM_BITS(27, 24)
#define PFR1_SSBS AXVM_BITS(7, 4)
#define DFR0_BRPS AXVM_BITS(15, 12)
#define DFR0_WRPS AXVM_BITS(23, 20)
#define DFR0_DOUBLELOCK AXVM_BITS(39, 36)
#define MMFR0_PARANGE AXVM_BITS(3, 0)
#define MMFR1_PAN AXVM_BITS(23, 20)

/* What of the VM is seen in its ID registers. */
struct axvm_idreg_params {
    unsigned int gpa_bits;
    bool gic; /* it has the system registers of a GICv3 */
};

/* Make of the hardware's registers the guest's. */
void axvm_idregs_limit(uint64_t regs[AXVM_ID_REGS], const struct axvm_idreg_params *params);

/* Fill in vm->arch.id_regs from the CPU this runs on. */
void axvm_idregs_init(struct axvm *vm);

/* How many breakpoints and watchpoints the guest has: up to AXVM_MAX_BREAKPOINTS. */
static inline unsigned int axvm_brp_count(const struct axvm_arch_vm *vm)
{
    return (unsigned int)axvm_field(vm->id_regs[IDREG_DFR0], DFR0_BRPS) + 1;
}

static inline unsigned int axvm_wrp_count(const struct axvm_arch_vm *vm)
{
    return (unsigned int)axvm_field(vm->id_regs[IDREG_DFR0], DFR0_WRPS) + 1;
}

#endif
