/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of A64 loads and stores. Arm ARM (DDI 0487), "A64 instruction set encoding", "Loads and Stores"; a comment in quotes
 * is the name of the encoding group. What is CONSTRAINED UNPREDICTABLE is refused.
 */
#include "insn.h"

#include <axvm/err.h>

#include "bits.h"

#define INSN_RT AXVM_BITS(4, 0)
#define INSN_RN AXVM_BITS(9, 5)
#define INSN_RT2 AXVM_BITS(14, 10)
#define INSN_RS AXVM_BITS(20, 16)
#define INSN_SIZE AXVM_BITS(31, 30)
#define INSN_V AXVM_BIT(26) /* registers are SIMD&FP */

#define SP_OR_ZR 31u

/* With address tagging the top byte of an address is not part of it. */
#define VA_MASK AXVM_BITS(55, 0)

/* A decoded instruction. */
struct access {
    uint64_t addr;
    uint64_t base_val; /* with writeback */
    uint8_t reg[2], regs;
    uint8_t rn;
    uint8_t bytes;     /* in memory, of each register: 1, 2, 4, 8, 16 */
    uint8_t reg_bytes; /* see struct axvm_arch_mmio */
    uint8_t status_reg;
    bool load, sign, fp, writeback;
    bool aligned; /* faults on other addresses */
    bool exclusive;
};

static unsigned int field(uint32_t insn, uint64_t mask)
{
    return (unsigned int)axvm_field(insn, mask);
}

static int64_t signed_field(uint32_t insn, unsigned int hi, unsigned int lo)
{
    return (int64_t)((uint64_t)insn << (63 - hi)) >> (63 - hi + lo);
}

static uint64_t gpr_or_zero(const struct axvm_insn_regs *regs, unsigned int n)
{
    return n == SP_OR_ZR ? 0 : regs->gpr[n];
}

static uint64_t gpr_or_sp(const struct axvm_insn_regs *regs, unsigned int n)
{
    return n == SP_OR_ZR ? regs->sp : regs->gpr[n];
}

/* Rt and Rn of nearly all groups. */
static void take_registers(uint32_t insn, struct access *a)
{
    a->reg[0] = (uint8_t)field(insn, INSN_RT);
    a->rn = (uint8_t)field(insn, INSN_RN);
    a->regs = 1;
    a->fp = (insn & INSN_V) != 0;
}

/* size and opc, which most groups have in common: opc is store, load, load with sign to 64 bits, and to 32 bits. */
static bool take_width(uint32_t insn, struct access *a)
{
    unsigned int size = field(insn, INSN_SIZE), opc = field(insn, AXVM_BITS(23, 22));

    if (a->fp) {
        if ((opc & 2) && size != 0)
            return false;
        a->bytes = (uint8_t)(opc & 2 ? 16 : 1u << size);
        a->load = opc & 1;
        return true;
    }
    /* Of 8 bytes, opc 2 is a prefetch, which never faults. */
    if ((opc == 3 && size > 1) || (opc == 2 && size > 2))
        return false;
    a->bytes = (uint8_t)(1u << size);
    a->load = opc != 0;
    a->sign = opc >= 2;
    a->reg_bytes = size == 3 || opc == 2 ? 8 : 4;
    return true;
}

enum index { INDEX_OFFSET, INDEX_POST, INDEX_PRE };

static bool take_address(const struct axvm_insn_regs *regs, int64_t offset, enum index index, struct access *a)
{
    uint64_t base = gpr_or_sp(regs, a->rn);

    a->addr = index == INDEX_POST ? base : base + (uint64_t)offset;
    a->writeback = index != INDEX_OFFSET;
    a->base_val = base + (uint64_t)offset;
    if (!a->writeback || a->fp || a->rn == SP_OR_ZR)
        return true;
    return a->rn != a->reg[0] && !(a->regs == 2 && a->rn == a->reg[1]);
}

/* "Load/store register (unscaled immediate)", "(immediate post-indexed)", "(unprivileged)", "(immediate pre-indexed)" */
static bool decode_imm9(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    static const uint8_t index[] = { INDEX_OFFSET, INDEX_POST, INDEX_OFFSET, INDEX_PRE };
    unsigned int form = field(insn, AXVM_BITS(11, 10));

    take_registers(insn, a);
    if (a->fp && form == 2)
        return false;
    return take_width(insn, a) && take_address(regs, signed_field(insn, 20, 12), (enum index)index[form], a);
}

/* "Load/store register (unsigned immediate)" */
static bool decode_imm12(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    take_registers(insn, a);
    return take_width(insn, a) && take_address(regs, (int64_t)field(insn, AXVM_BITS(21, 10)) * a->bytes, INDEX_OFFSET, a);
}

/* "Load/store register (register offset)" */
static bool decode_reg_offset(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    unsigned int option = field(insn, AXVM_BITS(15, 13));
    uint64_t offset = gpr_or_zero(regs, field(insn, INSN_RS));

    take_registers(insn, a);
    if (!(option & 2) || !take_width(insn, a))
        return false;
    /* option<0>: 64 bits of the register; else 32, by option<2> signed or not */
    if (!(option & 1))
        offset = axvm_extend(offset, 4, (option & 4) != 0);
    if (insn & AXVM_BIT(12))
        offset *= a->bytes;
    return take_address(regs, (int64_t)offset, INDEX_OFFSET, a);
}

/* "Load register (literal)" */
static bool decode_literal(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    unsigned int opc = field(insn, INSN_SIZE);

    take_registers(insn, a);
    if (opc == 3)
        return false;
    a->load = true;
    /* W, X, W with sign to X; S, D, Q */
    a->bytes = (uint8_t)(a->fp ? 4u << opc : opc == 1 ? 8u : 4u);
    a->sign = !a->fp && opc == 2;
    a->reg_bytes = opc == 0 ? 4 : 8;
    a->addr = regs->pc + (uint64_t)(signed_field(insn, 23, 5) * 4);
    return true;
}

/* "Load/store no-allocate pair (offset)", "Load/store register pair (post-indexed)", "(offset)", "(pre-indexed)" */
static bool decode_pair(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    static const uint8_t index[] = { INDEX_OFFSET, INDEX_POST, INDEX_OFFSET, INDEX_PRE };
    unsigned int opc = field(insn, INSN_SIZE), form = field(insn, AXVM_BITS(24, 23));

    take_registers(insn, a);
    a->regs = 2;
    a->reg[1] = (uint8_t)field(insn, INSN_RT2);
    a->load = (insn & AXVM_BIT(22)) != 0;
    if (opc == 3 || (a->load && a->reg[0] == a->reg[1]))
        return false;
    if (a->fp) {
        a->bytes = (uint8_t)(4u << opc);
    } else {
        /* LDPSW; its store is STGP, of the tagging extension, and it has no form without allocation */
        if (opc == 1 && (!a->load || form == 0))
            return false;
        a->bytes = opc == 2 ? 8 : 4;
        a->sign = opc == 1;
        a->reg_bytes = opc == 0 ? 4 : 8;
    }
    return take_address(regs, signed_field(insn, 21, 15) * a->bytes, (enum index)index[form], a);
}

/* "Load/store exclusive register" and "Load/store ordered". Not pairs, nor compare and swap. */
static bool decode_exclusive(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    bool ordered = (insn & AXVM_BIT(23)) != 0;
    unsigned int rs = field(insn, INSN_RS);

    take_registers(insn, a);
    if ((insn & AXVM_BIT(21)) || field(insn, INSN_RT2) != SP_OR_ZR)
        return false;
    a->bytes = (uint8_t)(1u << field(insn, INSN_SIZE));
    a->reg_bytes = a->bytes == 8 ? 8 : 4;
    a->load = (insn & AXVM_BIT(22)) != 0;
    a->aligned = true;
    a->exclusive = !ordered;
    a->status_reg = (uint8_t)rs;
    if ((ordered || a->load) && rs != SP_OR_ZR)
        return false;
    if (a->exclusive && !a->load && (rs == a->reg[0] || (rs == a->rn && rs != SP_OR_ZR)))
        return false;
    return take_address(regs, 0, INDEX_OFFSET, a);
}

/* LDAPR, in "Atomic memory operations" */
static bool decode_ldapr(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    take_registers(insn, a);
    a->bytes = (uint8_t)(1u << field(insn, INSN_SIZE));
    a->reg_bytes = a->bytes == 8 ? 8 : 4;
    a->load = true;
    a->aligned = true;
    return take_address(regs, 0, INDEX_OFFSET, a);
}

/* "LDAPR/STLR (unscaled immediate)" */
static bool decode_ordered_imm9(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    take_registers(insn, a);
    a->aligned = true;
    return take_width(insn, a) && take_address(regs, signed_field(insn, 20, 12), INDEX_OFFSET, a);
}

/* Everything else among the loads and stores is refused. */
static const struct {
    uint32_t mask, value;
    bool (*decode)(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a);
} groups[] = {
    { 0x3b000000, 0x39000000, decode_imm12 },
    { 0x3a000000, 0x28000000, decode_pair },
    { 0x3b200000, 0x38000000, decode_imm9 },
    { 0x3b200c00, 0x38200800, decode_reg_offset },
    { 0x3f000000, 0x08000000, decode_exclusive },
    { 0x3ffffc00, 0x38bfc000, decode_ldapr },
    { 0x3f200c00, 0x19000000, decode_ordered_imm9 },
    { 0x3b000000, 0x18000000, decode_literal },
};

static bool decode(uint32_t insn, const struct axvm_insn_regs *regs, struct access *a)
{
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(groups); i++)
        if ((insn & groups[i].mask) == groups[i].value)
            return groups[i].decode(insn, regs, a);
    return false;
}

/* Where the access begins, as the faulting address has it. */
static bool locate(const struct access *a, uint64_t fault_va, uint64_t *addr)
{
    uint64_t total = (uint64_t)a->bytes * a->regs;
    uint64_t before = (fault_va - a->addr) & VA_MASK;

    if (before >= total || (a->aligned && !axvm_is_aligned(a->addr, a->bytes)))
        return false;
    *addr = fault_va - before;
    return (*addr & (AXVM_PAGE_SIZE - 1)) + total <= AXVM_PAGE_SIZE;
}

static void take_values(const struct access *a, const struct axvm_insn_regs *regs, struct axvm_mmio *mmio)
{
    for (unsigned int i = 0; i < mmio->count; i++) {
        unsigned int reg = a->reg[i / mmio->arch.elems_per_reg], part = i % mmio->arch.elems_per_reg;
        uint64_t v = a->fp ? regs->fp->v[reg][part] : gpr_or_zero(regs, reg);

        mmio->val[i] = a->load ? 0 : axvm_extend(v, mmio->size, false);
    }
}

int axvm_insn_decode_ldst(uint32_t insn, const struct axvm_insn_regs *regs, uint64_t fault_va, struct axvm_mmio *mmio)
{
    struct access a = { 0 };
    uint64_t addr;

    if (!decode(insn, regs, &a) || (a.fp && !regs->fp) || !locate(&a, fault_va, &addr))
        return AXVM_ERR_NOSUP;
    mmio->addr = addr;
    mmio->space = AXVM_BUS_MMIO;
    mmio->size = (uint8_t)axvm_min(a.bytes, 8);
    mmio->write = !a.load;
    mmio->arch = (struct axvm_arch_mmio){
        .reg = { a.reg[0], a.reg[1] },
        .elems_per_reg = a.bytes == 16 ? 2 : 1,
        .reg_bytes = a.reg_bytes,
        .sign_extend = a.sign,
        .fp = a.fp,
        .writeback = a.writeback,
        .base_reg = a.rn,
        .base_val = a.base_val,
        .excl_load = a.exclusive && a.load,
        .excl_store = a.exclusive && !a.load,
        .status_reg = a.status_reg,
    };
    mmio->count = (uint8_t)(a.regs * mmio->arch.elems_per_reg);
    take_values(&a, regs, mmio);
    return AXVM_OK;
}
