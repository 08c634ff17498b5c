/* SPDX-License-Identifier: BSD-2-Clause */
/* Intel SDM vol. 2, "MUL", "IMUL", "DIV", "IDIV". */
#include "emul_priv.h"

/* The two halves of a product or dividend: AX, or DX:AX and so on. */
static void set_pair(struct axvm_vcpu *vcpu, unsigned int size, uint64_t low, uint64_t high)
{
    if (size == 1) {
        axvm_emul_set_reg(vcpu, AXVM_RAX, 2, (low & 0xff) | high << 8);
        return;
    }
    axvm_emul_set_reg(vcpu, AXVM_RAX, size, low);
    axvm_emul_set_reg(vcpu, AXVM_RDX, size, high);
}

/* The upper half of a product of 64 bits each. */
static uint64_t high_product(uint64_t a, uint64_t b)
{
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t mid = ah * bl + (al * bl >> 32), low = (uint32_t)mid + al * bh;

    return ah * bh + (mid >> 32) + (low >> 32);
}

void axvm_emul_multiply(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem)
{
    unsigned int size = insn->size;
    bool is_signed = insn->op == X86_OP_IMUL, pair = insn->form == X86_FORM_M;
    uint64_t other = pair ? vcpu->arch.gpr[AXVM_RAX] : insn->cond ? insn->imm : axvm_emul_get_operand(vcpu, insn);
    uint64_t a = axvm_extend(mem, size, is_signed), b = axvm_extend(other, size, is_signed), low = a * b, high;

    if (size == 8)
        high = high_product(a, b) - (is_signed && a >> 63 ? b : 0) - (is_signed && b >> 63 ? a : 0);
    else
        high = low >> 8 * size;
    if (pair)
        set_pair(vcpu, size, low, high);
    else
        axvm_emul_set_operand(vcpu, insn, low);
    high &= axvm_emul_mask(size);
    low = is_signed && (low >> (8 * size - 1) & 1) ? axvm_emul_mask(size) : 0; /* what says nothing more */
    axvm_emul_set_flags(vcpu, RFLAGS_CF | RFLAGS_OF, high != low ? RFLAGS_CF | RFLAGS_OF : 0);
}

/* high:low of @bits each by @by; *low becomes the quotient, *high the remainder. False: it does not fit. */
static bool divide(uint64_t *high, uint64_t *low, uint64_t by, unsigned int bits)
{
    uint64_t h = *high, quotient = 0;

    if (h >= by)
        return false;
    for (unsigned int i = bits; i-- > 0;) {
        bool carry = h >> 63;

        h = h << 1 | (*low >> i & 1);
        quotient <<= 1;
        if (carry || h >= by) {
            h -= by;
            quotient |= 1;
        }
    }
    *high = h;
    *low = quotient;
    return true;
}

bool axvm_emul_divide(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem)
{
    unsigned int size = insn->size, bits = 8 * size;
    uint64_t mask = axvm_emul_mask(size), low = vcpu->arch.gpr[AXVM_RAX] & mask;
    uint64_t high = (size == 1 ? vcpu->arch.gpr[AXVM_RAX] >> 8 : vcpu->arch.gpr[AXVM_RDX]) & mask;
    bool is_signed = insn->op == X86_OP_IDIV, minus = is_signed && (high >> (bits - 1) & 1);
    bool by_minus = is_signed && (mem >> (bits - 1) & 1);

    if (minus) {
        high = (~high + (low == 0)) & mask;
        low = -low & mask;
    }
    if (!divide(&high, &low, by_minus ? -mem & mask : mem, bits))
        return false;
    if (is_signed && low > (mask >> 1) + (minus != by_minus))
        return false;
    set_pair(vcpu, size, minus != by_minus ? -low : low, (minus ? -high : high) & mask);
    return true;
}
