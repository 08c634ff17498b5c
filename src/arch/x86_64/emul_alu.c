/* SPDX-License-Identifier: BSD-2-Clause */
/* What instructions compute. Intel SDM vol. 2, each instruction's "Operation" and "Flags Affected"; what is undefined there is
 * as today's CPUs leave it. */
#include "emul_priv.h"

#define ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static inline bool sign_of(uint64_t v, unsigned int size)
{
    return v >> (8 * size - 1) & 1;
}

/* @carries: of each bit into the next. */
static uint64_t carry_flags(uint64_t carries, bool overflow, unsigned int size)
{
    uint64_t f = sign_of(carries, size) ? RFLAGS_CF : 0;

    f |= (carries & AXVM_BIT(3)) ? RFLAGS_AF : 0;
    return f | (overflow ? RFLAGS_OF : 0);
}

static uint64_t add(uint64_t a, uint64_t b, bool carry, unsigned int size, uint64_t *flags)
{
    uint64_t r = (a + b + carry) & axvm_emul_mask(size);
    uint64_t carries = (a & b) | ((a | b) & ~r);

    *flags = carry_flags(carries, sign_of((a ^ r) & (b ^ r), size), size) | axvm_emul_result_flags(r, size);
    return r;
}

static uint64_t sub(uint64_t a, uint64_t b, bool borrow, unsigned int size, uint64_t *flags)
{
    uint64_t r = (a - b - borrow) & axvm_emul_mask(size);
    uint64_t borrows = (~a & b) | ((~a | b) & r);

    *flags = carry_flags(borrows, sign_of((a ^ b) & (a ^ r), size), size) | axvm_emul_result_flags(r, size);
    return r;
}

/* ADD to TEST. */
static uint64_t arithmetic(struct axvm_vcpu *vcpu, unsigned int op, uint64_t a, uint64_t b, unsigned int size)
{
    bool carry = (vcpu->arch.rflags & RFLAGS_CF) != 0;
    uint64_t r, flags = 0;

    b &= axvm_emul_mask(size);
    switch (op) {
    case X86_OP_ADD:
        r = add(a, b, false, size, &flags);
        break;
    case X86_OP_ADC:
        r = add(a, b, carry, size, &flags);
        break;
    case X86_OP_SBB:
        r = sub(a, b, carry, size, &flags);
        break;
    case X86_OP_SUB:
    case X86_OP_CMP:
        r = sub(a, b, false, size, &flags);
        break;
    default:
        r = op == X86_OP_OR ? a | b : op == X86_OP_XOR ? a ^ b : a & b;
        flags = axvm_emul_result_flags(r, size);
        break;
    }
    axvm_emul_set_flags(vcpu, ARITHMETIC, flags);
    return r;
}

/* NOT to DEC. */
static uint64_t unary(struct axvm_vcpu *vcpu, unsigned int op, uint64_t a, unsigned int size)
{
    uint64_t r, flags = 0;

    switch (op) {
    case X86_OP_NOT:
        return ~a & axvm_emul_mask(size);
    case X86_OP_NEG:
        r = sub(0, a, false, size, &flags);
        axvm_emul_set_flags(vcpu, ARITHMETIC, flags);
        return r;
    case X86_OP_INC:
        r = add(a, 1, false, size, &flags);
        break;
    default:
        r = sub(a, 1, false, size, &flags);
        break;
    }
    axvm_emul_set_flags(vcpu, ARITHMETIC & ~RFLAGS_CF, flags);
    return r;
}

/* BT to BTC. Only CF is defined; the others stay. */
static uint64_t bit_test(struct axvm_vcpu *vcpu, unsigned int op, uint64_t a, uint64_t number, unsigned int size)
{
    uint64_t bit = UINT64_C(1) << (number & (8 * size - 1));

    axvm_emul_set_flags(vcpu, RFLAGS_CF, (a & bit) ? RFLAGS_CF : 0);
    return op == X86_OP_BTS ? a | bit : op == X86_OP_BTR ? a & ~bit : op == X86_OP_BTC ? a ^ bit : a;
}

/* "EFLAGS Condition Codes": the lowest bit of the number negates. */
static bool condition(uint64_t rflags, unsigned int cond)
{
    bool of = (rflags & RFLAGS_OF) != 0, sf = (rflags & RFLAGS_SF) != 0, zf = (rflags & RFLAGS_ZF) != 0;
    bool cf = (rflags & RFLAGS_CF) != 0, pf = (rflags & RFLAGS_PF) != 0;
    const bool table[8] = { of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of };

    return table[cond >> 1 & 7] != (cond & 1);
}

/* The accumulator is compared; memory is written in any case. */
static void cmpxchg(struct axvm_vcpu *vcpu, struct axvm_emul *e, uint64_t old)
{
    unsigned int size = e->insn->size;
    bool equal = arithmetic(vcpu, X86_OP_CMP, axvm_emul_get_reg(vcpu, 0, size), old, size) == 0;

    axvm_emul_store(&e->op[0], equal ? axvm_emul_get_operand(vcpu, e->insn) : old);
    if (!equal)
        axvm_emul_set_reg(vcpu, 0, size, old);
}

/* Halves of 4 or 8 bytes: EDX:EAX is compared, ECX:EBX replaces. */
static void cmpxchg_pair(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    unsigned int half = e->insn->size / 2;
    uint64_t low = 0, high = 0, *gpr = vcpu->arch.gpr;
    uint8_t *buf = e->op[0].buf;
    bool equal;

    __builtin_memcpy(&low, buf, half);
    __builtin_memcpy(&high, buf + half, half);
    equal = low == axvm_emul_get_reg(vcpu, AXVM_RAX, half) && high == axvm_emul_get_reg(vcpu, AXVM_RDX, half);
    axvm_emul_set_flags(vcpu, RFLAGS_ZF, equal ? RFLAGS_ZF : 0);
    if (equal) {
        __builtin_memcpy(buf, &gpr[AXVM_RBX], half);
        __builtin_memcpy(buf + half, &gpr[AXVM_RCX], half);
    } else {
        axvm_emul_set_reg(vcpu, AXVM_RAX, half, low);
        axvm_emul_set_reg(vcpu, AXVM_RDX, half, high);
    }
}

static uint64_t swap_bytes(uint64_t v, unsigned int size)
{
    return __builtin_bswap64(v) >> (64 - 8 * size);
}

/* XADD and XCHG: the register gets what memory was. */
static void exchange(struct axvm_vcpu *vcpu, struct axvm_emul *e, uint64_t old)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t reg = axvm_emul_get_operand(vcpu, insn);

    if (insn->op == X86_OP_XADD)
        reg = arithmetic(vcpu, X86_OP_ADD, old, reg, insn->size);
    axvm_emul_store(&e->op[0], reg);
    axvm_emul_set_operand(vcpu, insn, old);
}

/* MOV, MOVZX, MOVSX, MOVBE: to the register, or from it, or an immediate. */
static void move(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t v = insn->form == X86_FORM_RM   ? axvm_emul_load(&e->op[0])
                 : insn->form == X86_FORM_MI ? insn->imm
                                             : axvm_emul_get_operand(vcpu, insn);

    if (insn->op == X86_OP_MOVBE)
        v = swap_bytes(v, insn->size);
    if (insn->op == X86_OP_MOVSX)
        v = axvm_extend(v, insn->size, true);
    if (insn->form == X86_FORM_RM)
        axvm_emul_set_operand(vcpu, insn, v);
    else
        axvm_emul_store(&e->op[0], v);
}

/* BSF, BSR, POPCNT */
static void count_bits(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem)
{
    uint64_t n = 0;

    axvm_emul_set_flags(vcpu, insn->op == X86_OP_POPCNT ? ARITHMETIC : RFLAGS_ZF, mem == 0 ? RFLAGS_ZF : 0);
    if (insn->op == X86_OP_POPCNT) {
        for (; mem != 0; mem &= mem - 1)
            n++;
    } else if (mem == 0) {
        return;
    } else if (insn->op == X86_OP_BSF) {
        n = axvm_ctz64(mem);
    } else {
        while (mem >> n > 1)
            n++;
    }
    axvm_emul_set_operand(vcpu, insn, n);
}

/* A load of less than 16 bytes clears the rest. */
static void move_xmm(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t val[2] = { 0, 0 };

    if (e->insn->form == X86_FORM_RM) {
        __builtin_memcpy(val, e->op[0].buf, e->insn->size);
        axvm_emul_set_xmm(vcpu, e->insn->reg, val);
    } else if (axvm_emul_get_xmm(vcpu, e->insn->reg, val)) {
        __builtin_memcpy(e->op[0].buf, val, sizeof(val));
    }
}

/* Both operands of arithmetic are known now. */
static void compute_arithmetic(struct axvm_vcpu *vcpu, struct axvm_emul *e, uint64_t mem)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t r;

    if (insn->form == X86_FORM_RM) {
        r = arithmetic(vcpu, insn->op, axvm_emul_get_operand(vcpu, insn), mem, insn->size);
        if (insn->op != X86_OP_CMP)
            axvm_emul_set_operand(vcpu, insn, r);
        return;
    }
    r = arithmetic(vcpu, insn->op, mem, insn->form == X86_FORM_MI ? insn->imm : axvm_emul_get_operand(vcpu, insn), insn->size);
    axvm_emul_store(&e->op[0], r);
}

/* What moves more than it computes, and arithmetic, which is the rest. */
static void transfer(struct axvm_vcpu *vcpu, struct axvm_emul *e, uint64_t mem)
{
    const struct axvm_x86_insn *insn = e->insn;

    switch (insn->op) {
    case X86_OP_MOVXMM:
        move_xmm(vcpu, e);
        break;
    case X86_OP_SMSW:
        axvm_emul_store(&e->op[0], e->env.paging.cr0);
        break;
    case X86_OP_LMSW:
        axvm_emul_load_msw(vcpu, (uint16_t)mem);
        break;
    case X86_OP_PUSH:
    case X86_OP_POP:
        axvm_emul_move_stack(vcpu, e);
        __builtin_memcpy(e->op[1].buf, e->op[0].buf, sizeof(e->op[1].buf));
        break;
    case X86_OP_MOVS:
    case X86_OP_INS:
    case X86_OP_OUTS:
        __builtin_memcpy(e->op[1].buf, e->op[0].buf, sizeof(e->op[1].buf));
        break;
    case X86_OP_STOS:
    case X86_OP_OUT:
        axvm_emul_store(&e->op[0], vcpu->arch.gpr[AXVM_RAX]);
        break;
    case X86_OP_LODS:
    case X86_OP_IN:
        axvm_emul_set_reg(vcpu, AXVM_RAX, insn->size, mem);
        break;
    case X86_OP_SCAS:
        arithmetic(vcpu, X86_OP_CMP, axvm_emul_get_reg(vcpu, AXVM_RAX, insn->size), mem, insn->size);
        break;
    case X86_OP_CMPS:
        arithmetic(vcpu, X86_OP_CMP, mem, axvm_emul_load(&e->op[1]), insn->size);
        break;
    default:
        compute_arithmetic(vcpu, e, mem);
        break;
    }
}

bool axvm_emul_compute(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t mem = axvm_emul_load(&e->op[0]);

    switch (insn->op) {
    case X86_OP_MOV:
    case X86_OP_MOVZX:
    case X86_OP_MOVSX:
    case X86_OP_MOVBE:
        move(vcpu, e);
        break;
    case X86_OP_NOT:
    case X86_OP_NEG:
    case X86_OP_INC:
    case X86_OP_DEC:
        axvm_emul_store(&e->op[0], unary(vcpu, insn->op, mem, insn->size));
        break;
    case X86_OP_BT:
    case X86_OP_BTS:
    case X86_OP_BTR:
    case X86_OP_BTC:
        axvm_emul_store(&e->op[0],
                        bit_test(vcpu, insn->op, mem, insn->form == X86_FORM_MI ? insn->imm : axvm_emul_get_operand(vcpu, insn),
                                 insn->size));
        break;
    case X86_OP_ROL ... X86_OP_SHRD:
        axvm_emul_store(&e->op[0], axvm_emul_shift(vcpu, insn, mem));
        break;
    case X86_OP_MUL:
    case X86_OP_IMUL:
        axvm_emul_multiply(vcpu, insn, mem);
        break;
    case X86_OP_DIV:
    case X86_OP_IDIV:
        if (axvm_emul_divide(vcpu, insn, mem))
            break;
        axvm_emul_raise(vcpu, X86_DE);
        return false;
    case X86_OP_BSF:
    case X86_OP_BSR:
    case X86_OP_POPCNT:
        count_bits(vcpu, insn, mem);
        break;
    case X86_OP_XCHG:
    case X86_OP_XADD:
        exchange(vcpu, e, mem);
        break;
    case X86_OP_CMPXCHG:
        cmpxchg(vcpu, e, mem);
        break;
    case X86_OP_CMPXCHG8B:
        cmpxchg_pair(vcpu, e);
        break;
    case X86_OP_SETCC:
        axvm_emul_store(&e->op[0], condition(vcpu->arch.rflags, insn->cond));
        break;
    case X86_OP_CMOVCC:
        /* The upper half of the register is cleared in any case. */
        axvm_emul_set_operand(vcpu, insn, condition(vcpu->arch.rflags, insn->cond) ? mem : axvm_emul_get_operand(vcpu, insn));
        break;
    default:
        transfer(vcpu, e, mem);
        break;
    }
    return true;
}
