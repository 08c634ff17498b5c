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
static enum axvm_emul_result fetch_some(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    uint64_t linear = code_address(vcpu, e, e->have), left = AXVM_PAGE_SIZE - linear % AXVM_PAGE_SIZE, gpa = 0;
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
    left = axvm_min(left, AXVM_X86_INSN_MAX - e->have);
    __builtin_memcpy(e->bytes + e->have, page + gpa % AXVM_PAGE_SIZE, left);
    e->have += (uint8_t)left;
    return AXVM_EMUL_DONE;
}

static enum axvm_emul_result fetch_more(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    unsigned long irqs = axvm_emul_lock(vcpu->vm, &e->cache);
    enum axvm_emul_result rc = fetch_some(vcpu, e);

    axvm_unlock_irqrestore(&vcpu->vm->as.lock, irqs);
    return rc;
}

/* ---- decoding ---- */

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
    e->next_rip = vcpu->arch.rip + e->insn->len;
    if (e->env.mode == AXVM_X86_MODE64)
        return AXVM_EMUL_DONE;
    if (e->next_rip - 1 > e->env.cs.limit)
        return axvm_emul_fault(e, X86_GP, 0);
    e->next_rip = (uint32_t)e->next_rip;
    return AXVM_EMUL_DONE;
}

/* A load or store that drivers use. Those with another base than 0 are left to the long way. */
static bool is_plain(const struct axvm_emul *e, const struct axvm_x86_insn *insn)
{
    return e->env.mode == AXVM_X86_MODE64 && insn->op >= X86_OP_MOV && insn->op <= X86_OP_MOVSX && insn->seg <= AXVM_X86_DS;
}

/* ---- sites ---- */

static inline uint32_t who_of(const struct axvm_emul *e)
{
    return (uint32_t)e->env.mode << 8 | e->env.paging.cpl;
}

static inline struct axvm_emul_site *site_of(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    /* The golden ratio: those of one driver do not meet. */
    return &e->site[vcpu->arch.rip * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (AXVM_EMUL_SITES - 1)];
}

/* Is it what RIP points at, still? as.lock is held. */
static inline bool is_same(const struct axvm_vcpu *vcpu, const struct axvm_emul *e, const struct axvm_emul_site *s)
{
    const struct axvm_x86_paging *p = &e->env.paging;
    uint64_t first, second;

    if (s->gen != vcpu->vm->as.gen + 1 || s->rip != vcpu->arch.rip || s->cr3 != p->cr3 || s->who != who_of(e))
        return false;
    if (s->cr0 != p->cr0 || s->cr4 != p->cr4 || s->efer != p->efer)
        return false;
    __builtin_memcpy(&first, s->code, sizeof(first));
    __builtin_memcpy(&second, s->code + sizeof(first), sizeof(second));
    if (first != s->bytes[0] || second != s->bytes[1])
        return false;
    return axvm_x86_load_entry(s->entry[0].at) == s->entry[0].val && axvm_x86_load_entry(s->entry[1].at) == s->entry[1].val &&
           axvm_x86_load_entry(s->entry[2].at) == s->entry[2].val && axvm_x86_load_entry(s->entry[3].at) == s->entry[3].val;
}

/* What was just fetched and decoded, if it was with a translation that is kept. as.lock is held. */
static void fill_site(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_site *s)
{
    uint64_t linear = code_address(vcpu, e, 0);
    const struct axvm_x86_walk_memo *m = axvm_x86_memo_of(&e->cache, linear, AXVM_X86_FETCH);
    const struct axvm_x86_paging *p = &e->env.paging;
    uint8_t *page;

    s->gen = 0;
    if (!axvm_x86_recall(m, p, linear, AXVM_X86_FETCH) || m->depth > 4 || linear % AXVM_PAGE_SIZE > AXVM_PAGE_SIZE - 16)
        return;
    if (axvm_emul_page(vcpu->vm, &e->cache, AXVM_EMUL_SLOT_CODE, m->page, AXVM_PROT_READ, &page) != AXVM_OK)
        return;
    s->code = page + linear % AXVM_PAGE_SIZE;
    __builtin_memcpy(s->bytes, s->code, 16);
    if (memcmp(s->bytes, e->bytes, AXVM_X86_INSN_MAX) != 0)
        return; /* not what was decoded, any more */
    for (unsigned int i = 0; i < 4; i++)
        s->entry[i] = m->entry[axvm_min(i, m->depth - 1)];
    s->rip = vcpu->arch.rip;
    s->next_rip = e->next_rip;
    s->cr0 = p->cr0;
    s->cr3 = p->cr3;
    s->cr4 = p->cr4;
    s->efer = p->efer;
    s->who = who_of(e);
    s->insn = e->own_insn;
    s->gen = vcpu->vm->as.gen + 1;
}

/* ---- all of it ---- */

__attribute__((cold, noinline)) static enum axvm_emul_result fetch_anew(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    enum axvm_x86_decoded decoded = AXVM_X86_DEC_MORE;
    enum axvm_emul_result rc;
    unsigned long irqs;

    e->have = e->given <= AXVM_X86_INSN_MAX ? e->given : AXVM_X86_INSN_MAX;
    e->given = 0;
    e->insn = &e->own_insn;
    if (e->have != 0)
        decoded = axvm_x86_decode(e->bytes, e->have, e->env.mode, &e->own_insn);
    /* One or two pages, or what the CPU gave and one page more. */
    for (unsigned int n = 0; decoded == AXVM_X86_DEC_MORE && n < 2; n++) {
        rc = fetch_more(vcpu, e);
        if (rc != AXVM_EMUL_DONE)
            return rc;
        decoded = axvm_x86_decode(e->bytes, e->have, e->env.mode, &e->own_insn);
    }
    rc = decoded == AXVM_X86_DECODED ? set_next(vcpu, e) : cannot_decode(e, decoded);
    if (rc != AXVM_EMUL_DONE)
        return rc;
    e->own_insn.plain = is_plain(e, &e->own_insn);
    e->own_insn.store = e->own_insn.form != X86_FORM_RM;
    if (e->have == AXVM_X86_INSN_MAX) {
        irqs = axvm_emul_lock(vcpu->vm, &e->cache);
        fill_site(vcpu, e, site_of(vcpu, e));
        axvm_unlock_irqrestore(&vcpu->vm->as.lock, irqs);
    }
    return AXVM_EMUL_DONE;
}

enum axvm_emul_result axvm_emul_fetch(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    struct axvm_emul_site *s = site_of(vcpu, e);
    bool same;

    /* In the fast tier interrupts are off. */
    axvm_lock_raw(&vcpu->vm->as.lock);
    same = e->given == 0 && is_same(vcpu, e, s);
    axvm_unlock_raw(&vcpu->vm->as.lock);
    if (!same)
        return fetch_anew(vcpu, e);
    e->insn = &s->insn;
    e->next_rip = s->next_rip;
    return AXVM_EMUL_DONE;
}
