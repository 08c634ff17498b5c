/* SPDX-License-Identifier: BSD-2-Clause */
/* Stepping over an instruction that has been emulated. */
#ifndef AXVM_AARCH64_SKIP_H
#define AXVM_AARCH64_SKIP_H

#include <stdint.h>

#include "bits.h"
#include "el2.h"
#include "esr.h"

#define PSR_T AXVM_BIT(5)
#define PSR_IT_7_2 AXVM_BITS(15, 10)
#define PSR_IT_1_0 AXVM_BITS(26, 25)

/* ITSTATE of a T32 IT block after one instruction: Arm ARM, "AArch32.ITAdvance". */
static inline uint64_t axvm_it_advance(uint64_t pstate)
{
    uint64_t it = axvm_field(pstate, PSR_IT_7_2) << 2 | axvm_field(pstate, PSR_IT_1_0);

    it = (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f);
    return (pstate & ~(PSR_IT_7_2 | PSR_IT_1_0)) | axvm_put_field(PSR_IT_7_2, it >> 2) | axvm_put_field(PSR_IT_1_0, it);
}

static inline uint64_t axvm_insn_len(uint64_t esr)
{
    return esr & ESR_IL ? 4 : 2;
}

/* On saved state. Software step: the instruction has completed (PSTATE.SS). */
static inline void axvm_skip(uint64_t *pc, uint64_t *pstate, uint64_t esr)
{
    *pc += axvm_insn_len(esr);
    if (*pstate & (PSR_M4_AARCH32 | PSR_SS)) {
        *pstate &= ~PSR_SS;
        if (*pstate & PSR_M4_AARCH32)
            *pstate = axvm_it_advance(*pstate);
    }
}

#ifdef __aarch64__
#include "sysreg.h"

/* On ELR_EL2 and SPSR_EL2. */
static inline void axvm_skip_live(uint64_t esr)
{
    uint64_t pc = axvm_sysreg_read(elr_el2), pstate = axvm_sysreg_read(spsr_el2);

    axvm_skip(&pc, &pstate, esr);
    axvm_sysreg_write(elr_el2, pc);
    axvm_sysreg_write(spsr_el2, pstate);
}

/* The same for an A64 instruction, cheaper: software step happens only while the guest's debug registers are loaded. */
static inline void axvm_skip_a64_live(const struct axvm_vcpu *vcpu)
{
    axvm_sysreg_write(elr_el2, axvm_sysreg_read(elr_el2) + 4);
    if (vcpu->arch.debug_loaded)
        axvm_sysreg_write(spsr_el2, axvm_sysreg_read(spsr_el2) & ~PSR_SS);
}
#endif
#endif
