/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_RISCV64_VECTOR_H
#define AXVM_RISCV64_VECTOR_H

#include <axvm/vcpu.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch_types.h"

/* Longer registers than 4096 bits are not for guests: their state would not fit where it is kept. */
#define AXVM_MAX_VLENB 512u

/* Bytes of a vector register; 0: there are none, or none that guests can be given. Interrupts off. */
uint32_t axvm_vector_probe(void);
int axvm_vector_alloc(struct axvm_vcpu *vcpu, uint32_t vlenb);
void axvm_vector_reset(struct axvm_vcpu *vcpu);
void axvm_vector_load(struct axvm_vcpu *vcpu);
void axvm_vector_put(struct axvm_vcpu *vcpu);

/* Does this instruction need sstatus.VS? "Vector Instruction Formats", "Vector Extension Programmer's Model". */
static inline bool axvm_insn_is_vector(uint32_t insn)
{
    uint32_t opcode = insn & 0x7f, funct3 = insn >> 12 & 7, csr = insn >> 20;

    switch (opcode) {
    case 0x57: /* OP-V */
        return true;
    case 0x77: /* OP-VE: vector cryptography */
        return true;
    case 0x07: /* LOAD-FP, STORE-FP: widths that are no scalar's */
    case 0x27:
        return funct3 == 0 || funct3 >= 5;
    case 0x73: /* vstart, vxsat, vxrm, vcsr; vl, vtype, vlenb */
        return (funct3 & 3) != 0 && ((csr >= 0x008 && csr <= 0x00a) || csr == 0x00f || (csr >= 0xc20 && csr <= 0xc22));
    }
    return false;
}

/* vector_regs.S */
void axvm_vector_save_regs(struct axvm_vector_regs *regs);
void axvm_vector_load_regs(const struct axvm_vector_regs *regs);
uint64_t axvm_vlenb(void);

#endif
