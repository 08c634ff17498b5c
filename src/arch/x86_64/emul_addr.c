/* SPDX-License-Identifier: BSD-2-Clause */
/* From an offset in a segment to where the bytes are. */
#include <axvm/err.h>

#include "emul_priv.h"

static enum axvm_emul_result bad_segment(struct axvm_emul *e, unsigned int seg)
{
    return axvm_emul_fault(e, seg == AXVM_X86_SS ? X86_SS : X86_GP, 0);
}

static bool is_canonical(const struct axvm_emul *e, uint64_t linear)
{
    unsigned int unused = (e->env.paging.cr4 & CR4_LA57) ? 7 : 16;

    return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* In 64-bit mode there are no limits, and two bases. */
static enum axvm_emul_result segment64(struct axvm_emul *e, struct axvm_emul_operand *op, uint64_t offset)
{
    op->linear = offset;
    if (op->seg == AXVM_X86_FS || op->seg == AXVM_X86_GS)
        op->linear += e->env.seg[op->seg].base;
    if (!is_canonical(e, op->linear) || !is_canonical(e, op->linear + op->size - 1))
        return bad_segment(e, op->seg);
    return AXVM_EMUL_DONE;
}

/* "Limit Checking", for data that expands up or down. */
static bool is_within(const struct axvm_x86_seg *s, uint64_t offset, unsigned int size)
{
    uint64_t last = offset + size - 1;

    if ((s->attr & (SEG_TYPE & AXVM_BITS(3, 2))) != AXVM_BIT(2))
        return last <= s->limit;
    return offset > s->limit && last <= ((s->attr & SEG_DB) ? UINT32_MAX : UINT16_MAX);
}

/* "Type Checking": bit 1 is writable for data, readable for code. */
static bool has_type(const struct axvm_x86_seg *s, const struct axvm_emul_operand *op)
{
    bool code = (s->attr & AXVM_BIT(3)) != 0, bit1 = (s->attr & AXVM_BIT(1)) != 0;

    if ((s->attr & SEG_UNUSABLE) || !(s->attr & SEG_P))
        return false;
    return op->write ? !code && bit1 : !code || bit1;
}

enum axvm_emul_result axvm_emul_segment(struct axvm_emul *e, struct axvm_emul_operand *op, uint64_t offset)
{
    const struct axvm_x86_seg *s = &e->env.seg[op->seg];

    if (e->env.mode == AXVM_X86_MODE64)
        return segment64(e, op, offset);
    if (e->env.protected_mode && !has_type(s, op))
        return bad_segment(e, op->seg);
    if (!is_within(s, offset, op->size))
        return bad_segment(e, op->seg);
    op->linear = (uint32_t)(s->base + offset);
    return AXVM_EMUL_DONE;
}

/* ---- translation ---- */

static enum axvm_emul_result absent(struct axvm_emul *e, uint64_t gpa, uint32_t prot)
{
    e->page = axvm_gpa(gpa);
    e->prot = prot;
    return AXVM_EMUL_PAGE;
}

/* Is there RAM at op->gpa[part]? as.lock is held. */
static enum axvm_emul_result classify(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op,
                                      unsigned int part)
{
    unsigned int slot = AXVM_EMUL_SLOT_DATA + (op == &e->op[1]);
    uint64_t gpa = op->gpa[part];
    uint32_t prot = op->write ? AXVM_PROT_WRITE : AXVM_PROT_READ;
    uint8_t *va;
    int rc = axvm_x86_walk_page(vcpu->vm, &e->cache, slot, gpa, prot, &va);

    op->where[part] = rc == AXVM_OK ? AXVM_EMUL_RAM : AXVM_EMUL_BUS;
    if (rc == AXVM_ERR_NOENT && op->write && op->read) {
        prot = AXVM_PROT_READ;
        rc = axvm_x86_walk_page(vcpu->vm, &e->cache, slot, gpa, prot, &va);
        op->where[part] = rc == AXVM_OK ? AXVM_EMUL_ROM : AXVM_EMUL_BUS;
    }
    return rc == AXVM_ERR_AGAIN ? absent(e, gpa, prot) : AXVM_EMUL_DONE;
}

/* as.lock is held. */
static enum axvm_emul_result translate(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op,
                                       unsigned int part)
{
    uint64_t linear = op->linear + (part == 0 ? 0 : op->first), gpa = 0;
    uint32_t error = 0;

    if (e->env.mode != AXVM_X86_MODE64)
        linear = (uint32_t)linear;
    switch (
        axvm_x86_walk(vcpu->vm, &e->cache, &e->env.paging, linear, op->write ? AXVM_X86_WRITE : AXVM_X86_READ, &gpa, &error)) {
    case AXVM_X86_WALK_OK:
        op->gpa[part] = gpa;
        return classify(vcpu, e, op, part);
    case AXVM_X86_WALK_FAULT:
        axvm_emul_fault(e, X86_PF, error);
        e->fault.cr2 = linear;
        return AXVM_EMUL_FAULT;
    case AXVM_X86_WALK_ABSENT:
        return absent(e, gpa, AXVM_PROT_READ);
    default:
        return AXVM_EMUL_RETRY;
    }
}

static enum axvm_emul_result translate_all(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op)
{
    unsigned long irqs = axvm_x86_walk_lock(vcpu->vm, &e->cache);
    enum axvm_emul_result rc = translate(vcpu, e, op, 0);

    if (rc == AXVM_EMUL_DONE && op->first < op->size)
        rc = translate(vcpu, e, op, 1);
    axvm_x86_walk_unlock(vcpu->vm, irqs);
    return rc;
}

/* The CPU has said where this is, with the permission to do what we want to do. */
static bool is_known(const struct axvm_emul *e, const struct axvm_emul_operand *op)
{
    return e->known && op->first == op->size && (op->linear ^ e->known_gpa) % AXVM_PAGE_SIZE == 0 &&
           (e->known_write || !op->write);
}

/* What could not be written may be memory for a read before that. */
static enum axvm_emul_result take_known(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op)
{
    enum axvm_emul_result rc;
    unsigned long irqs;

    op->gpa[0] = e->known_gpa;
    op->where[0] = AXVM_EMUL_BUS;
    if (!op->read || !op->write)
        return AXVM_EMUL_DONE;
    irqs = axvm_x86_walk_lock(vcpu->vm, &e->cache);
    rc = classify(vcpu, e, op, 0);
    axvm_x86_walk_unlock(vcpu->vm, irqs);
    return rc;
}

/* Instructions that want 16 bytes aligned always, whatever AC says. */
static bool must_be_aligned(const struct axvm_emul *e, const struct axvm_emul_operand *op)
{
    return op->size == 16 && (e->insn->aligned || e->insn->op == X86_OP_CMPXCHG8B);
}

/* "Alignment Check Exception (#AC)" */
static bool is_alignment_checked(const struct axvm_emul *e, const struct axvm_emul_operand *op)
{
    const struct axvm_x86_paging *p = &e->env.paging;

    return op->size <= 8 && p->cpl == 3 && p->ac && (p->cr0 & CR0_AM);
}

enum axvm_emul_result axvm_emul_resolve(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op,
                                        uint64_t offset)
{
    enum axvm_emul_result rc = axvm_emul_segment(e, op, offset);

    if (rc != AXVM_EMUL_DONE)
        return rc;
    if (must_be_aligned(e, op) && op->linear % 16 != 0)
        return axvm_emul_fault(e, X86_GP, 0);
    op->first = (uint8_t)axvm_min(op->size, AXVM_PAGE_SIZE - op->linear % AXVM_PAGE_SIZE);
    rc = is_known(e, op) ? take_known(vcpu, e, op) : translate_all(vcpu, e, op);
    if (rc == AXVM_EMUL_DONE && is_alignment_checked(e, op) && (op->linear & (op->size - 1u)) != 0)
        return axvm_emul_fault(e, X86_AC, 0);
    return rc;
}
