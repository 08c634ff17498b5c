/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of instruction emulation share. */
#ifndef AXVM_X86_64_EMUL_PRIV_H
#define AXVM_X86_64_EMUL_PRIV_H

#include <axvm/err.h>

#include "emul.h"
#include "mem.h"
#include "regs.h"
#include "vm_priv.h"

/* Slots of the cache of pages beyond those of tables. */
enum { AXVM_EMUL_SLOT_CODE = 5, AXVM_EMUL_SLOT_DATA = 6 };

/* Most elements of a repeated string instruction that are done before the guest may take interrupts again. Each needs two
 * accesses at most. */
#define AXVM_EMUL_MAX_ELEMENTS 64u

/* ---- registers ---- */

static inline uint64_t axvm_emul_get_reg(const struct axvm_vcpu *vcpu, unsigned int reg, unsigned int size)
{
    return axvm_extend(vcpu->arch.gpr[reg & 15], size, false);
}

/* A result of 4 bytes clears the upper half; of 1 or 2 leaves the rest alone. */
static inline void axvm_emul_set_reg(struct axvm_vcpu *vcpu, unsigned int reg, unsigned int size, uint64_t val)
{
    uint64_t *r = &vcpu->arch.gpr[reg & 15];

    if (size == 8)
        *r = val;
    else if (size == 4)
        *r = (uint32_t)val;
    else if (size == 2)
        *r = (*r & ~UINT64_C(0xffff)) | (uint16_t)val;
    else
        *r = (*r & ~UINT64_C(0xff)) | (uint8_t)val;
}

/* The register operand. */
static inline uint64_t axvm_emul_get_operand(const struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn)
{
    if (insn->high)
        return vcpu->arch.gpr[insn->reg & 3] >> 8 & 0xff;
    return axvm_emul_get_reg(vcpu, insn->reg, insn->reg_size);
}

static inline void axvm_emul_set_operand(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t val)
{
    uint64_t *r = &vcpu->arch.gpr[insn->reg & 3];

    if (insn->high)
        *r = (*r & ~UINT64_C(0xff00)) | (val & 0xff) << 8;
    else
        axvm_emul_set_reg(vcpu, insn->reg, insn->reg_size, val);
}

/* The effective address: within its segment. */
static inline uint64_t axvm_emul_offset(const struct axvm_vcpu *vcpu, const struct axvm_emul *e)
{
    const struct axvm_x86_insn *insn = e->insn;
    uint64_t at = (uint64_t)insn->disp;

    if (insn->base != X86_NO_REG)
        at += vcpu->arch.gpr[insn->base & 15];
    if (insn->index != X86_NO_REG)
        at += vcpu->arch.gpr[insn->index & 15] << insn->scale;
    if (insn->rip_relative)
        at += e->next_rip;
    return axvm_extend(at, insn->addr_size, false);
}

static inline void axvm_emul_set_flags(struct axvm_vcpu *vcpu, uint64_t which, uint64_t flags)
{
    axvm_x86_set_rflags(vcpu, (vcpu->arch.rflags & ~which) | (flags & which));
}

static inline uint64_t axvm_emul_mask(unsigned int size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

/* ZF, SF, and PF, which is set when the lowest byte has an even number of ones. */
static inline uint64_t axvm_emul_result_flags(uint64_t r, unsigned int size)
{
    unsigned int nibble = (unsigned int)(r ^ r >> 4) & 15;
    uint64_t f = (0x6996u >> nibble & 1) ? 0 : RFLAGS_PF;

    f |= r == 0 ? RFLAGS_ZF : 0;
    return f | (r >> (8 * size - 1) & 1 ? RFLAGS_SF : 0);
}

static inline uint64_t axvm_emul_load(const struct axvm_emul_operand *op)
{
    uint64_t v;

    __builtin_memcpy(&v, op->buf, sizeof(v));
    return axvm_extend(v, op->size > 8 ? 8 : op->size, false);
}

static inline void axvm_emul_store(struct axvm_emul_operand *op, uint64_t val)
{
    __builtin_memcpy(op->buf, &val, sizeof(val));
}

/* ---- guest memory: walk.h, but without a call where nothing has changed ---- */

static inline unsigned long axvm_emul_lock(struct axvm *vm, struct axvm_x86_walk_cache *cache)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    if (__builtin_expect(cache->gen != vm->as.gen, 0))
        axvm_x86_walk_forget(vm, cache);
    return irqs;
}

static inline int axvm_emul_page(struct axvm *vm, struct axvm_x86_walk_cache *cache, unsigned int slot, uint64_t gpa,
                                 uint32_t prot, uint8_t **va)
{
    if (cache->page[slot].key != (axvm_align_down(gpa, AXVM_PAGE_SIZE) | prot))
        return axvm_x86_walk_page(vm, cache, slot, gpa, prot, va);
    *va = cache->page[slot].va;
    return AXVM_OK;
}

/* ---- faults ---- */

static inline enum axvm_emul_result axvm_emul_fault(struct axvm_emul *e, enum axvm_x86_vector vector, uint32_t error)
{
    e->fault = (struct axvm_x86_fault){ .vector = (uint8_t)vector, .has_error = vector != X86_UD, .error = error };
    return AXVM_EMUL_FAULT;
}

/* ---- emul_fetch.c ---- */

/* Read the instruction at RIP and decode it: DONE, or what is wrong. */
enum axvm_emul_result axvm_emul_fetch(struct axvm_vcpu *vcpu, struct axvm_emul *e);

/* ---- emul_addr.c ---- */

/* May [offset, offset + size) of the segment of @op be accessed as it wants? DONE with op->linear, or FAULT. */
enum axvm_emul_result axvm_emul_segment(struct axvm_emul *e, struct axvm_emul_operand *op, uint64_t offset);
/* The same, and translate it: DONE, FAULT, PAGE, RETRY. */
enum axvm_emul_result axvm_emul_resolve(struct axvm_vcpu *vcpu, struct axvm_emul *e, struct axvm_emul_operand *op,
                                        uint64_t offset);

/* ---- emul_alu.c ---- */

/* From what was read to what is to be written, and to registers and flags. False: it has raised an exception instead. */
bool axvm_emul_compute(struct axvm_vcpu *vcpu, struct axvm_emul *e);

/* ---- emul_shift.c, emul_muldiv.c: of what @mem is. ---- */

uint64_t axvm_emul_shift(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem);
void axvm_emul_multiply(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem);
/* False: #DE. */
bool axvm_emul_divide(struct axvm_vcpu *vcpu, const struct axvm_x86_insn *insn, uint64_t mem);

/* ---- emul_operand.c ---- */

/* Does it touch anything but RAM? */
bool axvm_emul_leaves_ram(const struct axvm_emul *e);

/* Find out what the operands are and where: DONE, or what is wrong. */
enum axvm_emul_result axvm_emul_prepare(struct axvm_vcpu *vcpu, struct axvm_emul *e);
void axvm_emul_move_stack(struct axvm_vcpu *vcpu, const struct axvm_emul *e);

/* ---- emul_string.c ---- */

bool axvm_emul_string_is_empty(const struct axvm_vcpu *vcpu, const struct axvm_emul *e);
/* How many elements lie in the pages that the first is in. */
void axvm_emul_string_begin(const struct axvm_vcpu *vcpu, struct axvm_emul *e);
/* An element is done: count. False: it was the last one of these; *more: but not of the instruction. */
bool axvm_emul_string_next(struct axvm_vcpu *vcpu, struct axvm_emul *e, bool *more);

#endif
