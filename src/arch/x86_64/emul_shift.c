/* SPDX-License-Identifier: BSD-2-Clause */
/* Rotates and shifts, bit by bit. Intel SDM vol. 2B, "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR", "SHLD", "SHRD". */
#include "emul_priv.h"

/* What comes in at the end that becomes free; SHLD and SHRD take it from *@from. */
static bool bit_in(unsigned int op, uint64_t a, bool carry, uint64_t *from, unsigned int top)
{
    bool bit;

    switch (op) {
    case X86_OP_ROL:
    case X86_OP_SAR:
        return a >> top & 1;
    case X86_OP_ROR:
        return a & 1;
    case X86_OP_RCL:
    case X86_OP_RCR:
        return carry;
    case X86_OP_SHLD:
        bit = *from >> top & 1;
        *from <<= 1;
        return bit;
    case X86_OP_SHRD:
        bit = *from & 1;
        *from >>= 1;
        return bit;
    }
    return false;
}

uint64_t axvm_emul_shift(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem)
{
    unsigned int size = insn->size, top = 8 * size - 1;
    uint64_t from = insn->form == X86_FORM_MR ? axvm_emul_get_operand(vcpu, insn) : 0;
    unsigned int count = (unsigned int)(insn->cond ? vcpu->arch.gpr[AXVM_RCX] : insn->imm) & (size == 8 ? 63 : 31);
    bool left = ((insn->op - X86_OP_ROL) & 1) == 0, carry = (vcpu->arch.rflags & RFLAGS_CF) != 0, out;
    uint64_t flags;

    if (count == 0)
        return mem;
    for (; count != 0; count--) {
        out = mem >> (left ? top : 0) & 1;
        if (left)
            mem = (mem << 1 | bit_in(insn->op, mem, carry, &from, top)) & axvm_emul_mask(size);
        else
            mem = mem >> 1 | (uint64_t)bit_in(insn->op, mem, carry, &from, top) << top;
        carry = out;
    }
    /* Left: does the sign differ from CF; right: from the bit below it. */
    flags = (mem >> top & 1) != (left ? carry : (mem >> (top - 1) & 1)) ? RFLAGS_OF : 0;
    flags |= (carry ? RFLAGS_CF : 0) | axvm_emul_result_flags(mem, size);
    axvm_emul_set_flags(vcpu, RFLAGS_CF | RFLAGS_OF | (insn->op >= X86_OP_SHL ? RFLAGS_ZF | RFLAGS_SF | RFLAGS_PF : 0), flags);
    return mem;
}
