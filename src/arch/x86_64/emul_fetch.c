/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the instruction, once. */
#include <axvm/err.h>

#include "emul_priv.h"
#include "walk_memo.h"

/* The address of byte @n of the instruction. */
static uint64_t code_address(const struct axvm_vcpu *vcpu, const struct axvm_emul *e, unsigned int n)
{
    if (e->env.mode == AXVM_X86_MODE64)
        return vcpu->arch.rip + n;
    return (uint32_t)(e->env.cs.base + vcpu->arch.rip + n);
}

/* It is not where it can be read. */
static enum axvm_emul_result cannot_translate(struct axvm_emul *e, enum axvm_x86_walk_result rc, uint64_t linear, uint64_t gpa,
                                              uint32_t error)
{
    switch (rc) {
    case AXVM_X86_WALK_FAULT:
        axvm_emul_fault(e, X86_PF, error);
        e->fault.cr2 = linear;
        return AXVM_EMUL_FAULT;
    case AXVM_X86_WALK_ABSENT:
        e->page = axvm_gpa(gpa);
        e->prot = AXVM_PROT_READ;
        return AXVM_EMUL_PAGE;
    default:
        return AXVM_EMUL_RETRY;
    }
}

static enum axvm_emul_result cannot_read(struct axvm_emul *e, int why, uint64_t gpa)
{
    if (why != AXVM_ERR_AGAIN)
        return AXVM_EMUL_UNHANDLED; /* no RAM to execute */
    e->page = axvm_gpa(gpa);
    e->prot = AXVM_PROT_READ;
    return AXVM_EMUL_PAGE;
}

/* The bytes from e->have on that lie in one page. as.lock is held. */
__attribute__((noinline)) static enum axvm_emul_result fetch_some(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t linear = code_address(vcpu, e, e->have), left = AXVM_PAGE_SIZE - linear % AXVM_PAGE_SIZE, gpa = 0;
    struct axvm_x86_walk_memo *m;
    enum axvm_x86_walk_result rc;
    uint32_t error = 0;
    uint8_t *page;
    int found;

    rc = axvm_x86_walk(vcpu->vm, &e->cache, &e->env.paging, linear, AXVM_X86_FETCH, &gpa, &error);
    if (rc != AXVM_X86_WALK_OK)
        return cannot_translate(e, rc, linear, gpa, error);
    found = axvm_emul_page(vcpu->vm, &e->cache, AXVM_EMUL_SLOT_CODE, gpa, AXVM_PROT_READ, &page);
    if (found != AXVM_OK)
        return cannot_read(e, found, gpa);
    m = axvm_x86_memo_of(&e->cache, linear, AXVM_X86_FETCH);
    if (m->depth != 0 && m->page == axvm_align_down(gpa, AXVM_PAGE_SIZE))
        m->va = page;
    left = axvm_min(left, AXVM_X86_INSN_MAX - e->have);
    __builtin_memcpy(e->bytes + e->have, page + gpa % AXVM_PAGE_SIZE, left);
    e->have += (uint8_t)left;
    return AXVM_EMUL_DONE;
}

/* The short way, which most take: the page is where it was the last time, and holds all that may belong to the instruction. */
static inline bool fetch_again(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t linear = code_address(vcpu, e, 0);
    const struct axvm_x86_walk_memo *m = axvm_x86_memo_of(&e->cache, linear, AXVM_X86_FETCH);

    if (e->have != 0 || linear % AXVM_PAGE_SIZE > AXVM_PAGE_SIZE - sizeof(e->bytes))
        return false;
    if (!axvm_x86_recall(m, &e->env.paging, linear, AXVM_X86_FETCH) || m->va == NULL)
        return false;
    __builtin_memcpy(e->bytes, m->va + linear % AXVM_PAGE_SIZE, sizeof(e->bytes));
    e->have = AXVM_X86_INSN_MAX;
    return true;
}

static enum axvm_emul_result fetch_more(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    unsigned long irqs = axvm_emul_lock(vcpu->vm, &e->cache);
    enum axvm_emul_result rc = fetch_again(vcpu, e) ? AXVM_EMUL_DONE : fetch_some(vcpu, e);

    axvm_unlock_irqrestore(&vcpu->vm->as.lock, irqs);
    return rc;
}

/* ---- decoding ---- */

/* Drivers come back to the same few instructions. */
static enum axvm_x86_decoded decode(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    struct axvm_emul_decoded *d = &e->decoded[(vcpu->arch.rip ^ vcpu->arch.rip >> 3) % AXVM_EMUL_DECODED];
    enum axvm_x86_decoded rc;
    uint64_t bytes[2];

    __builtin_memcpy(bytes, e->bytes, sizeof(bytes));
    if (d->bytes[0] == bytes[0] && d->bytes[1] == bytes[1] && d->mode == e->env.mode && e->have == AXVM_X86_INSN_MAX) {
        e->insn = d->insn;
        return AXVM_X86_DECODED;
    }
    rc = axvm_x86_decode(e->bytes, e->have, e->env.mode, &e->insn);
    if (rc == AXVM_X86_DECODED && e->have == AXVM_X86_INSN_MAX) {
        __builtin_memcpy(d->bytes, bytes, sizeof(bytes));
        d->mode = e->env.mode;
        d->insn = e->insn;
    }
    return rc;
}

static enum axvm_emul_result cannot_decode(struct axvm_emul *e, enum axvm_x86_decoded why)
{
    switch (why) {
    case AXVM_X86_DEC_LONG:
        return axvm_emul_fault(e, X86_GP, 0);
    case AXVM_X86_DEC_UD:
        return axvm_emul_fault(e, X86_UD, 0);
    case AXVM_X86_DEC_REGISTER:
        return AXVM_EMUL_RETRY;
    default:
        return AXVM_EMUL_UNHANDLED;
    }
}

/* Where the next instruction is. */
static enum axvm_emul_result set_next(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    e->next_rip = vcpu->arch.rip + e->insn.len;
    if (e->env.mode == AXVM_X86_MODE64)
        return AXVM_EMUL_DONE;
    if (e->next_rip - 1 > e->env.cs.limit)
        return axvm_emul_fault(e, X86_GP, 0);
    e->next_rip = (uint32_t)e->next_rip;
    return AXVM_EMUL_DONE;
}

enum axvm_emul_result axvm_emul_fetch(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    enum axvm_x86_decoded decoded = AXVM_X86_DEC_MORE;

    e->have = e->given <= AXVM_X86_INSN_MAX ? e->given : AXVM_X86_INSN_MAX;
    e->given = 0;
    if (e->have != 0)
        decoded = axvm_x86_decode(e->bytes, e->have, e->env.mode, &e->insn);
    /* One or two pages, or what the CPU gave and one page more. */
    for (unsigned int n = 0; decoded == AXVM_X86_DEC_MORE && n < 2; n++) {
        enum axvm_emul_result rc = fetch_more(vcpu, e);

        if (rc != AXVM_EMUL_DONE)
            return rc;
        decoded = decode(vcpu, e);
    }
    return decoded == AXVM_X86_DECODED ? set_next(vcpu, e) : cannot_decode(e, decoded);
}
