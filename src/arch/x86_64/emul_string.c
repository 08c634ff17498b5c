/* SPDX-License-Identifier: BSD-2-Clause */
/* Repeated string instructions: Intel SDM vol. 2B, "REP/REPE/REPZ/REPNE/REPNZ - Repeat String Operation Prefix". A part at a
 * time: elements that lie in the pages of the first, so that what was translated stays so. In between the guest takes its
 * interrupts, with the registers of an instruction that was interrupted. */
#include "emul_priv.h"

static bool uses_si(unsigned int op)
{
    return op == X86_OP_MOVS || op == X86_OP_CMPS || op == X86_OP_LODS || op == X86_OP_OUTS;
}

static bool uses_di(unsigned int op)
{
    return op != X86_OP_LODS && op != X86_OP_OUTS;
}

static int64_t step(const struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    return (vcpu->arch.rflags & RFLAGS_DF) ? -(int64_t)e->insn->size : e->insn->size;
}

bool axvm_emul_string_is_empty(const struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    return e->insn->rep != X86_REP_NONE && axvm_emul_get_reg(vcpu, AXVM_RCX, e->insn->addr_size) == 0;
}

/* From this element on, so many do not leave their page. */
static uint64_t left_in_page(const struct axvm_emul_operand *op, bool down)
{
    uint64_t at = op->linear % AXVM_PAGE_SIZE;

    if (op->size == 0 || op->where[0] == AXVM_EMUL_PORT)
        return UINT64_MAX;
    if (op->first < op->size)
        return 1;
    return down ? at / op->size + 1 : (AXVM_PAGE_SIZE - at) / op->size;
}

void axvm_emul_string_begin(const struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t n = 1;

    /* A trap follows each element when the guest single-steps. */
    if (e->insn->rep != X86_REP_NONE && !(vcpu->arch.rflags & RFLAGS_TF)) {
        bool down = (vcpu->arch.rflags & RFLAGS_DF) != 0;

        n = axvm_min(axvm_emul_get_reg(vcpu, AXVM_RCX, e->insn->addr_size), AXVM_EMUL_MAX_ELEMENTS);
        n = axvm_min(n, left_in_page(&e->op[0], down));
        n = axvm_min(n, left_in_page(&e->op[1], down));
    }
    e->left = (uint32_t)n;
}

/* Count an element. Does the instruction go on? */
static bool count(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    unsigned int size = e->insn->addr_size;
    uint64_t by = (uint64_t)step(vcpu, e), *gpr = vcpu->arch.gpr;
    bool zf = (vcpu->arch.rflags & RFLAGS_ZF) != 0;

    if (uses_si(e->insn->op))
        axvm_emul_set_reg(vcpu, AXVM_RSI, size, gpr[AXVM_RSI] + by);
    if (uses_di(e->insn->op))
        axvm_emul_set_reg(vcpu, AXVM_RDI, size, gpr[AXVM_RDI] + by);
    if (e->insn->rep == X86_REP_NONE)
        return false;
    axvm_emul_set_reg(vcpu, AXVM_RCX, size, gpr[AXVM_RCX] - 1);
    if ((e->insn->op == X86_OP_CMPS || e->insn->op == X86_OP_SCAS) && zf != (e->insn->rep == X86_REP_E))
        return false;
    return axvm_emul_get_reg(vcpu, AXVM_RCX, size) != 0;
}

/* Move an operand to the next element, which is in the same page. False: its segment ends there, or the offset has wrapped. */
static bool advance(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op, unsigned int reg)
{
    uint64_t by = (uint64_t)step(vcpu, e), linear = op->linear + by;

    if (op->size == 0 || op->where[0] == AXVM_EMUL_PORT) {
        op->done = 0;
        return true;
    }
    if (axvm_emul_segment(e, op, axvm_emul_get_reg(vcpu, reg, e->insn->addr_size)) != AXVM_EMUL_DONE || op->linear != linear)
        return false;
    op->gpa[0] += by;
    op->done = 0;
    return true;
}

bool axvm_emul_string_next(struct axvm_vcpu *vcpu, struct axvm_emul *e, bool *more)
{
    bool si = uses_si(e->insn->op);

    *more = count(vcpu, e);
    if (!*more || --e->left == 0)
        return false;
    return advance(vcpu, e, &e->op[0], si ? AXVM_RSI : AXVM_RDI) && advance(vcpu, e, &e->op[1], AXVM_RDI);
}
