/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A64 loads and stores whose abort came without a syndrome (ESR_EL2.ISV clear): pairs, writeback, exclusives, SIMD&FP. Decodes
 * one copy of the instruction into struct axvm_mmio, and applies its result. Pure logic on registers in memory.
 */
#ifndef AXVM_AARCH64_INSN_H
#define AXVM_AARCH64_INSN_H

#include "vm_priv.h"

/* Registers as they were when the access trapped. */
struct axvm_insn_regs {
    const uint64_t *gpr; /* x0..x30 */
    uint64_t sp;         /* the current one */
    uint64_t pc;
    const struct axvm_fp_regs *fp; /* NULL: SIMD&FP accesses are refused */
};

/* Is it a load or store of SIMD&FP registers? */
static inline bool axvm_insn_is_fp(uint32_t insn)
{
    return (insn & 0x0e000000) == 0x0c000000;
}

/*
 * Decode @insn. On success all of @mmio is filled in, the values of a store included; addr is the virtual address of the first
 * byte. An instruction that does not access @fault_va is refused: another vCPU has replaced it since it trapped. So is an
 * access that leaves the page: its parts may be anywhere in guest-physical memory.
 * @retval AXVM_ERR_NOSUP  not an access that can be emulated; @mmio is unspecified
 */
int axvm_insn_decode_ldst(uint32_t insn, const struct axvm_insn_regs *regs, uint64_t fault_va, struct axvm_mmio *mmio);

/* With mmio->addr physical: let a store-exclusive for which the emulated monitor is not armed fail, without an access. */
void axvm_insn_check_exclusive(const struct axvm_arch_vcpu *v, struct axvm_mmio *mmio);

/* The access has been answered: load registers, write back, set the status of a store-exclusive. PC stays. Host tier. */
void axvm_insn_finish(struct axvm_arch_vcpu *v, const struct axvm_mmio *mmio);

#endif
