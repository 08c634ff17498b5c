/* SPDX-License-Identifier: BSD-2-Clause */
/* Which operands an instruction has, and in what order the CPU looks at them. */
#include "emul_priv.h"

static void set_operand(struct axvm_emul *e, unsigned int i, unsigned int seg, unsigned int size, bool read, bool write)
{
    struct axvm_emul_operand *op = &e->op[i];

    op->seg = (uint8_t)seg;
    op->size = (uint8_t)size;
    op->done = 0;
    op->read = read;
    op->write = write;
}

/* A port is an operand that needs no translation. */
static void set_port(struct axvm_emul *e, unsigned int i, uint64_t port, bool read)
{
    struct axvm_emul_operand *op = &e->op[i];

    set_operand(e, i, 0, e->insn->size, read, !read);
    op->first = op->size;
    op->gpa[0] = (uint16_t)port;
    op->where[0] = AXVM_EMUL_PORT;
}

/* ---- one memory operand ---- */

static bool reads_memory(const struct axvm_x86_insn *insn)
{
    if (insn->op == X86_OP_SETCC || insn->op == X86_OP_SMSW)
        return false;
    return insn->form == X86_FORM_RM || (insn->op != X86_OP_MOV && insn->op != X86_OP_MOVBE && insn->op != X86_OP_MOVXMM);
}

static bool writes_memory(const struct axvm_x86_insn *insn)
{
    return insn->form != X86_FORM_RM && insn->op != X86_OP_CMP && insn->op != X86_OP_TEST && insn->op != X86_OP_BT &&
           insn->op != X86_OP_LMSW && !(insn->op >= X86_OP_MUL && insn->op <= X86_OP_IDIV);
}

/* BT and its kin with a register: its number may be anywhere in a string of bits around the address. "BT - Bit Test" */
static uint64_t bit_string_offset(const struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t offset)
{
    int64_t number = (int64_t)axvm_extend(vcpu->arch.gpr[insn->reg & 15], insn->size, true);

    number >>= insn->size == 2 ? 4 : insn->size == 4 ? 5 : 6;
    return axvm_extend(offset + (uint64_t)number * insn->size, insn->addr_size, false);
}

static enum axvm_emul_result prepare_simple(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t offset = axvm_emul_offset(vcpu, e), val[2];

    if (insn->op >= X86_OP_BT && insn->op <= X86_OP_BTC && insn->form == X86_FORM_MR)
        offset = bit_string_offset(vcpu, insn, offset);
    if (insn->op == X86_OP_MOVXMM && !axvm_emul_get_xmm(vcpu, insn->reg, val))
        return AXVM_EMUL_UNHANDLED;
    set_operand(e, 0, insn->seg, insn->size, reads_memory(insn), writes_memory(insn));
    set_operand(e, 1, 0, 0, false, false);
    return axvm_emul_resolve(vcpu, e, &e->op[0], offset);
}

bool axvm_emul_leaves_ram(const struct axvm_emul *e)
{
    for (unsigned int i = 0; i < 2; i++) {
        const struct axvm_emul_operand *op = &e->op[i];

        if (op->size != 0 && (op->where[0] != AXVM_EMUL_RAM || (op->first < op->size && op->where[1] != AXVM_EMUL_RAM)))
            return true;
    }
    return false;
}

/* "LMSW", "SMSW" with memory: their privileges come before it. LMSW from a device is not known: CR0 may be out of reach when
 * the device has answered. */
static enum axvm_emul_result prepare_msw(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_paging *p = &e->env.paging;
    bool load = e->insn->op == X86_OP_LMSW;
    enum axvm_emul_result rc;

    if (p->cpl != 0 && (load || (p->cr4 & CR4_UMIP)))
        return axvm_emul_fault(e, X86_GP, 0);
    rc = prepare_simple(vcpu, e);
    if (rc == AXVM_EMUL_DONE && load && axvm_emul_leaves_ram(e))
        return AXVM_EMUL_UNHANDLED;
    return rc;
}

/* ---- the stack ---- */

static unsigned int stack_size(const struct axvm_emul *e)
{
    if (e->env.mode == AXVM_X86_MODE64)
        return 8;
    return (e->env.seg[AXVM_X86_SS].attr & SEG_DB) ? 4 : 2;
}

/* What RSP is after PUSH or POP. */
void axvm_emul_move_stack(struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    uint64_t by = e->insn->op == X86_OP_PUSH ? -(uint64_t)e->insn->size : e->insn->size;

    axvm_emul_set_reg(vcpu, AXVM_RSP, stack_size(e), vcpu->arch.gpr[AXVM_RSP] + by);
}

/* The source of PUSH is addressed with RSP as it is before, the destination of POP as it is after it. */
static enum axvm_emul_result prepare_push_pop(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t *rsp = &vcpu->arch.gpr[AXVM_RSP], before = *rsp, after, offset = axvm_emul_offset(vcpu, e);
    bool push = e->insn->op == X86_OP_PUSH;
    unsigned int size = e->insn->size;
    enum axvm_emul_result rc;

    axvm_emul_move_stack(vcpu, e);
    after = *rsp;
    if (!push)
        offset = axvm_emul_offset(vcpu, e);
    *rsp = before;
    e->known = false;
    set_operand(e, push ? 1 : 0, AXVM_X86_SS, size, !push, push);
    set_operand(e, push ? 0 : 1, e->insn->seg, size, push, !push);
    rc = axvm_emul_resolve(vcpu, e, &e->op[0], push ? offset : axvm_extend(before, stack_size(e), false));
    if (rc != AXVM_EMUL_DONE)
        return rc;
    return axvm_emul_resolve(vcpu, e, &e->op[1], push ? axvm_extend(after, stack_size(e), false) : offset);
}

/* ---- strings ---- */

static enum axvm_emul_result prepare_string(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t si = axvm_emul_get_reg(vcpu, AXVM_RSI, insn->addr_size), di = axvm_emul_get_reg(vcpu, AXVM_RDI, insn->addr_size);
    enum axvm_emul_result rc = AXVM_EMUL_DONE;

    set_operand(e, 0, insn->seg, insn->size, true, false);
    set_operand(e, 1, AXVM_X86_ES, insn->size, false, true);
    switch (insn->op) {
    case X86_OP_INS:
        set_port(e, 0, vcpu->arch.gpr[AXVM_RDX], true);
        return axvm_emul_resolve(vcpu, e, &e->op[1], di);
    case X86_OP_OUTS:
        set_port(e, 1, vcpu->arch.gpr[AXVM_RDX], false);
        return axvm_emul_resolve(vcpu, e, &e->op[0], si);
    case X86_OP_LODS:
        e->op[1].size = 0;
        return axvm_emul_resolve(vcpu, e, &e->op[0], si);
    case X86_OP_STOS:
    case X86_OP_SCAS:
        set_operand(e, 0, AXVM_X86_ES, insn->size, insn->op == X86_OP_SCAS, insn->op == X86_OP_STOS);
        e->op[1].size = 0;
        return axvm_emul_resolve(vcpu, e, &e->op[0], di);
    default:
        e->known = false; /* it is one of two */
        set_operand(e, 1, AXVM_X86_ES, insn->size, insn->op == X86_OP_CMPS, insn->op == X86_OP_MOVS);
        rc = axvm_emul_resolve(vcpu, e, &e->op[0], si);
        return rc == AXVM_EMUL_DONE ? axvm_emul_resolve(vcpu, e, &e->op[1], di) : rc;
    }
}

enum axvm_emul_result axvm_emul_prepare(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;

    if (axvm_x86_op_is_string(insn->op))
        return prepare_string(vcpu, e);
    if (insn->op == X86_OP_PUSH || insn->op == X86_OP_POP)
        return prepare_push_pop(vcpu, e);
    if (insn->op == X86_OP_IN || insn->op == X86_OP_OUT) {
        set_port(e, 0, insn->form == X86_FORM_IMM ? (uint8_t)insn->imm : vcpu->arch.gpr[AXVM_RDX], insn->op == X86_OP_IN);
        set_operand(e, 1, 0, 0, false, false);
        return AXVM_EMUL_DONE;
    }
    if (insn->op == X86_OP_SMSW || insn->op == X86_OP_LMSW)
        return prepare_msw(vcpu, e);
    return prepare_simple(vcpu, e);
}
