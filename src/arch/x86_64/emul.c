/* SPDX-License-Identifier: BSD-2-Clause */
/* The state machine: read, compute, write, and an exit for each access of the bus in between. */
#include "emul.h"

#include <axvm/err.h>

#include "emul_priv.h"

/* Of an instruction, or of each element of a string. */
enum stage { READ_0, READ_1, COMPUTE, WRITE_0, WRITE_1, FINISH };

static inline struct axvm_emul_operand *operand_of(struct axvm_emul *e)
{
    return &e->op[e->stage == READ_1 || e->stage == WRITE_1];
}

/* RIP and RFLAGS after an instruction. */
static enum axvm_emul_result complete(struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    vcpu->arch.rip = e->next_rip;
    if (vcpu->arch.rflags & RFLAGS_RF)
        axvm_x86_set_rflags(vcpu, vcpu->arch.rflags & ~RFLAGS_RF);
    return AXVM_EMUL_DONE;
}

/* ---- accesses ---- */

/* The largest power of two that @n bytes have room for. */
static unsigned int piece_of(unsigned int n)
{
    return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

/* Whole words, so that another vCPU sees all of one or nothing. */
static void copy_piece(uint8_t *to, const uint8_t *from, unsigned int size)
{
    if (size == 8)
        __builtin_memcpy(to, from, 8);
    else if (size == 4)
        __builtin_memcpy(to, from, 4);
    else if (size == 2)
        __builtin_memcpy(to, from, 2);
    else
        *to = *from;
}

/* RAM that the host takes away at this very moment reads as ones, and keeps nothing. */
static void access_ram(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op, uint64_t gpa,
                       unsigned int size, bool write)
{
    unsigned int slot = AXVM_EMUL_SLOT_DATA + (op == &e->op[1]);
    unsigned long irqs = axvm_x86_walk_lock(vcpu->vm, &e->cache);
    uint8_t *page, *buf = op->buf + op->done;
    int rc = axvm_x86_walk_page(vcpu->vm, &e->cache, slot, gpa, write ? AXVM_PROT_WRITE : AXVM_PROT_READ, &page);

    if (rc != AXVM_OK && !write)
        memset(buf, 0xff, size);
    else if (rc == AXVM_OK && write)
        copy_piece(page + gpa % AXVM_PAGE_SIZE, buf, size);
    else if (rc == AXVM_OK)
        copy_piece(buf, page + gpa % AXVM_PAGE_SIZE, size);
    axvm_x86_walk_unlock(vcpu->vm, irqs);
}

static void fill_mmio(struct axvm_mmio *mmio, const struct axvm_emul_operand *op, unsigned int where, uint64_t addr,
                      unsigned int size, bool write)
{
    mmio->space = where == AXVM_EMUL_PORT ? AXVM_BUS_PORT : AXVM_BUS_MMIO;
    mmio->addr = addr;
    mmio->size = (uint8_t)size;
    mmio->count = 1;
    mmio->write = write;
    mmio->val[0] = 0;
    if (write)
        copy_piece((uint8_t *)&mmio->val[0], op->buf + op->done, size);
}

/* Read or write what is left of an operand. False: *mmio has to be answered first. */
static bool transfer(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op, bool write,
                     struct axvm_mmio *mmio)
{
    while (op->done < op->size) {
        unsigned int part = op->done >= op->first, where = op->where[part];
        uint64_t gpa = op->gpa[part] + op->done - (part ? op->first : 0);
        unsigned int size = piece_of((part ? op->size : op->first) - op->done);

        if (where == AXVM_EMUL_RAM || (where == AXVM_EMUL_ROM && !write)) {
            access_ram(vcpu, e, op, gpa, size, write);
            op->done += (uint8_t)size;
        } else {
            fill_mmio(mmio, op, where, gpa, size, write);
            return false;
        }
    }
    op->done = 0;
    return true;
}

/* ---- stages ---- */

/* False: the next element begins. */
static bool finish(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    bool more = false;

    if (axvm_x86_op_is_string(e->insn->op)) {
        if (axvm_emul_string_next(vcpu, e, &more))
            return false;
    }
    if (!more)
        complete(vcpu, e);
    return true;
}

static enum axvm_emul_result run(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_mmio *mmio)
{
    for (;;) {
        struct axvm_emul_operand *op = operand_of(e);

        switch (e->stage) {
        case READ_0:
        case READ_1:
            if (op->size != 0 && op->read && !transfer(vcpu, e, op, false, mmio))
                return AXVM_EMUL_ACCESS;
            break;
        case COMPUTE:
            if (!axvm_emul_compute(vcpu, e))
                return AXVM_EMUL_DONE;
            break;
        case WRITE_0:
        case WRITE_1:
            if (op->size != 0 && op->write && !transfer(vcpu, e, op, true, mmio))
                return AXVM_EMUL_ACCESS;
            break;
        default:
            if (finish(vcpu, e))
                return AXVM_EMUL_DONE;
            e->stage = READ_0;
            continue;
        }
        e->stage++;
    }
}

/* @only_ram: not more than RAM is touched, and still it is for us to do. */
static enum axvm_emul_result begin(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_mmio *mmio, bool only_ram)
{
    bool string = axvm_x86_op_is_string(e->insn->op);
    enum axvm_emul_result rc;

    axvm_emul_env_segs(vcpu, &e->env);
    if (string && axvm_emul_string_is_empty(vcpu, e))
        return complete(vcpu, e);
    rc = axvm_emul_prepare(vcpu, e);
    if (rc != AXVM_EMUL_DONE)
        return rc;
    /* Somebody has changed something: this is for the CPU to do, which knows how to lock. */
    if (!only_ram && !axvm_emul_leaves_ram(e))
        return AXVM_EMUL_RETRY;
    if (string)
        axvm_emul_string_begin(vcpu, e);
    e->stage = READ_0;
    return run(vcpu, e, mmio);
}

/* ---- plain loads and stores ---- */

/* Within a page, where the CPU says it is: all that drivers do. */
static inline bool take_shortcut(struct axvm_vcpu *vcpu, struct axvm_emul *e, uint64_t gpa, bool write, struct axvm_mmio *mmio)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t offset;

    if (!insn->plain || (insn->store && !write))
        return false;
    offset = axvm_emul_offset(vcpu, e);
    if ((offset ^ gpa) % AXVM_PAGE_SIZE != 0 || (offset & (insn->size - 1u)) != 0)
        return false;
    e->shortcut = true;
    mmio->space = AXVM_BUS_MMIO;
    mmio->addr = gpa;
    mmio->size = insn->size;
    mmio->count = 1;
    mmio->write = insn->store;
    mmio->val[0] = 0;
    if (insn->store)
        mmio->val[0] =
            axvm_extend(insn->form == X86_FORM_MI ? insn->imm : axvm_emul_get_operand(vcpu, insn), insn->size, false);
    return true;
}

static enum axvm_emul_result finish_shortcut(struct axvm_vcpu *vcpu, const struct axvm_emul *e, const struct axvm_mmio *mmio)
{
    const struct axvm_x86_insn *insn = e->insn;

    if (!mmio->write)
        axvm_emul_set_operand(vcpu, insn, axvm_extend(mmio->val[0], insn->size, insn->op == X86_OP_MOVSX));
    return complete(vcpu, e);
}

/* ---- entries ---- */

/* An IN or OUT that nobody has checked: it was a load or store when it trapped. Where the TSS would have to be asked, the CPU
 * does. */
static bool may_use_ports(const struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    if (vcpu->arch.rflags & RFLAGS_VM)
        return false;
    return e->env.paging.cpl <= axvm_field(vcpu->arch.rflags, RFLAGS_IOPL);
}

static bool is_port_op(unsigned int op)
{
    return op >= X86_OP_INS;
}

enum axvm_emul_result axvm_emul_mmio(struct axvm_vcpu *vcpu, uint64_t gpa, bool write, struct axvm_mmio *mmio)
{
    struct axvm_emul *e = &vcpu->arch.emul;
    enum axvm_emul_result rc;

    axvm_emul_env(vcpu, &e->env);
    e->shortcut = false;
    rc = axvm_emul_fetch(vcpu, e);
    if (rc != AXVM_EMUL_DONE)
        return rc;
    if (take_shortcut(vcpu, e, gpa, write, mmio))
        return AXVM_EMUL_ACCESS;
    e->known = true;
    e->known_gpa = gpa;
    e->known_write = write;
    if (is_port_op(e->insn->op) && !may_use_ports(vcpu, e))
        return AXVM_EMUL_RETRY;
    return begin(vcpu, e, mmio, false);
}

/* The instruction at RIP, of whose access nothing is known. */
static enum axvm_emul_result look_at(struct axvm_vcpu *vcpu, struct axvm_emul *e)
{
    axvm_emul_env(vcpu, &e->env);
    e->shortcut = false;
    e->known = false;
    return axvm_emul_fetch(vcpu, e);
}

enum axvm_emul_result axvm_emul_tables(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_emul *e = &vcpu->arch.emul;
    enum axvm_emul_result rc = look_at(vcpu, e);

    if (rc != AXVM_EMUL_DONE)
        return rc;
    if (is_port_op(e->insn->op))
        return AXVM_EMUL_RETRY;
    return begin(vcpu, e, mmio, false);
}

/* What was read is what the CPU has found: nobody may get at another port, or at memory, with the permission for this one. */
static bool is_same_io(const struct axvm_vcpu *vcpu, const struct axvm_emul *e, const struct axvm_emul_io *io)
{
    return e->insn->op == (io->in ? X86_OP_INS : X86_OP_OUTS) && e->insn->size == io->size &&
           (e->insn->rep != X86_REP_NONE) == io->rep && (uint16_t)vcpu->arch.gpr[AXVM_RDX] == io->port;
}

enum axvm_emul_result axvm_emul_io(struct axvm_vcpu *vcpu, const struct axvm_emul_io *io, struct axvm_mmio *mmio)
{
    struct axvm_emul *e = &vcpu->arch.emul;
    enum axvm_emul_result rc = look_at(vcpu, e);

    if (rc != AXVM_EMUL_DONE)
        return rc;
    return is_same_io(vcpu, e, io) ? begin(vcpu, e, mmio, false) : AXVM_EMUL_RETRY;
}

enum axvm_emul_result axvm_emul_msw(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_emul *e = &vcpu->arch.emul;
    enum axvm_emul_result rc = look_at(vcpu, e);

    if (rc == AXVM_EMUL_UNHANDLED)
        return AXVM_EMUL_RETRY; /* another vCPU has changed the code */
    if (rc != AXVM_EMUL_DONE)
        return rc;
    return e->insn->op == X86_OP_SMSW || e->insn->op == X86_OP_LMSW ? begin(vcpu, e, mmio, true) : AXVM_EMUL_RETRY;
}

enum axvm_emul_result axvm_emul_continue(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_emul *e = &vcpu->arch.emul;
    struct axvm_emul_operand *op;

    if (e->shortcut)
        return finish_shortcut(vcpu, e, mmio);
    op = operand_of(e);
    if (!mmio->write)
        copy_piece(op->buf + op->done, (const uint8_t *)&mmio->val[0], mmio->size);
    op->done += mmio->size;
    return run(vcpu, e, mmio);
}

enum axvm_emul_result axvm_emul_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    if (!mmio->write)
        mmio->val[0] = axvm_extend(UINT64_MAX, mmio->size, false);
    return axvm_emul_continue(vcpu, mmio);
}
