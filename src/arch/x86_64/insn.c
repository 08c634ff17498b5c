/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder. Intel SDM vol. 2A, "Instruction Format". */
#include "insn.h"

#include "bits.h"
#include "insn_table.h"
#include "seg.h"

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

struct decoder {
    const uint8_t *bytes;
    unsigned int at, count;
    enum axvm_x86_mode mode;
    uint8_t rex; /* 0: none */
    uint8_t rep; /* the last of f2 and f3; 0: none */
    uint8_t seg; /* AXVM_X86_SEGS: no override */
    bool opsize; /* 66 */
};

/* The next @size bytes (1, 2, 4, 8), sign-extended; false when there are none. */
static inline bool take(struct decoder *d, unsigned int size, uint64_t *val)
{
    const uint8_t *from = d->bytes + d->at;
    uint64_t v = 0;

    if (size > d->count - d->at)
        return false;
    for (unsigned int i = 0; i < size; i++)
        v |= (uint64_t)from[i] << 8 * i;
    d->at += size;
    *val = axvm_extend(v, size, true);
    return true;
}

static enum axvm_x86_decoded out_of_bytes(const struct decoder *d)
{
    return d->count >= AXVM_X86_INSN_MAX ? AXVM_X86_DEC_LONG : AXVM_X86_DEC_MORE;
}

/* ---- prefixes ---- */

static void take_segment(struct decoder *d, uint8_t byte)
{
    if (byte >= 0x64)
        d->seg = byte == 0x64 ? AXVM_X86_FS : AXVM_X86_GS;
    else if (d->mode != AXVM_X86_MODE64) /* there the other four are null prefixes */
        d->seg = byte >> 3 & 3;
}

/* A REX prefix counts only if the opcode follows it. */
static void take_prefix(struct decoder *d, struct axvm_x86_insn *insn, uint8_t kind, uint8_t byte)
{
    d->rex = 0;
    switch (kind) {
    case X86_PREFIX_SEG:
        take_segment(d, byte);
        break;
    case X86_PREFIX_OPSIZE:
        d->opsize = true;
        break;
    case X86_PREFIX_ADDRSIZE:
        insn->addr_size = d->mode == AXVM_X86_MODE32 ? 2 : 4;
        break;
    case X86_PREFIX_LOCK:
        insn->lock = true;
        break;
    case X86_PREFIX_REP:
        d->rep = byte;
        break;
    default:
        d->rex = byte;
        break;
    }
}

static bool take_prefixes(struct decoder *d, struct axvm_x86_insn *insn, struct axvm_x86_opcode *entry, uint8_t *opcode)
{
    while (d->at < d->count) {
        uint8_t byte = d->bytes[d->at++];

        *entry = axvm_x86_one_byte[byte];
        *opcode = byte;
        if (entry->form != X86_FORM_PREFIX)
            return true;
        /* 40 to 4f are INC and DEC of registers elsewhere. */
        if (entry->op == X86_PREFIX_REX && d->mode != AXVM_X86_MODE64) {
            entry->form = X86_FORM_NONE;
            return true;
        }
        take_prefix(d, insn, entry->op, byte);
    }
    return false;
}

/* ---- opcodes that need a closer look ---- */

/* 0f 38 f0 and f1. With F2 they are CRC32. */
static bool take_movbe(struct decoder *d, struct axvm_x86_opcode *entry)
{
    uint64_t byte;

    if (!take(d, 1, &byte))
        return false;
    *entry = (struct axvm_x86_opcode){ 0 };
    if (((uint8_t)byte == 0xf0 || (uint8_t)byte == 0xf1) && d->rep != 0xf2)
        *entry = (struct axvm_x86_opcode){ X86_OP_MOVBE, (uint8_t)byte == 0xf0 ? X86_FORM_RM : X86_FORM_MR, 0 };
    return true;
}

/* The instructions that move between memory and an XMM register, by their prefix. */
static const struct sse {
    uint8_t opcode, prefix, size;
    bool store, aligned;
} sse_moves[] = {
    { 0x10, 0, 16, false, false },   { 0x10, 0x66, 16, false, false }, { 0x10, 0xf3, 4, false, false },
    { 0x10, 0xf2, 8, false, false }, { 0x11, 0, 16, true, false },     { 0x11, 0x66, 16, true, false },
    { 0x11, 0xf3, 4, true, false },  { 0x11, 0xf2, 8, true, false },   { 0x28, 0, 16, false, true },
    { 0x28, 0x66, 16, false, true }, { 0x29, 0, 16, true, true },      { 0x29, 0x66, 16, true, true },
    { 0x2b, 0, 16, true, true },     { 0x2b, 0x66, 16, true, true },   { 0x6e, 0x66, 4, false, false },
    { 0x6f, 0x66, 16, false, true }, { 0x6f, 0xf3, 16, false, false }, { 0x7e, 0x66, 4, true, false },
    { 0x7e, 0xf3, 8, false, false }, { 0x7f, 0x66, 16, true, true },   { 0x7f, 0xf3, 16, true, false },
    { 0xd6, 0x66, 8, true, false },  { 0xe7, 0x66, 16, true, true },
};

static void choose_sse(const struct decoder *d, struct axvm_x86_insn *insn, struct axvm_x86_opcode *entry, uint8_t opcode)
{
    uint8_t prefix = d->rep ? d->rep : d->opsize ? 0x66 : 0;

    *entry = (struct axvm_x86_opcode){ 0 };
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(sse_moves); i++) {
        const struct sse *s = &sse_moves[i];

        if (s->opcode != opcode || s->prefix != prefix)
            continue;
        *entry = (struct axvm_x86_opcode){ X86_OP_MOVXMM, s->store ? X86_FORM_MR : X86_FORM_RM, 0 };
        insn->size = s->size;
        insn->aligned = s->aligned;
        /* MOVQ of general registers' and memory's eight bytes is MOVD with REX.W. */
        if (s->size == 4 && prefix == 0x66 && (d->rex & REX_W))
            insn->size = 8;
    }
}

static bool take_opcode(struct decoder *d, struct axvm_x86_insn *insn, struct axvm_x86_opcode *entry, uint8_t *opcode)
{
    uint64_t byte;

    if (!take_prefixes(d, insn, entry, opcode))
        return false;
    if (entry->form != X86_FORM_ESCAPE)
        return true;
    if (!take(d, 1, &byte))
        return false;
    *opcode = (uint8_t)byte;
    if (*opcode == 0x38)
        return take_movbe(d, entry);
    *entry = axvm_x86_two_byte[*opcode];
    if (entry->form == X86_FORM_SSE)
        choose_sse(d, insn, entry, *opcode);
    return true;
}

/* ---- ModRM ---- */

/* "16-Bit Addressing Forms with the ModR/M Byte" */
static bool take_address16(struct decoder *d, struct axvm_x86_insn *insn, unsigned int mod, unsigned int rm)
{
    static const uint8_t bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
    static const uint8_t indexes[8] = { 6, 7, 6, 7, X86_NO_REG, X86_NO_REG, X86_NO_REG, X86_NO_REG };
    unsigned int bytes = mod;
    uint64_t disp = 0;

    insn->base = bases[rm];
    insn->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        insn->base = X86_NO_REG;
        bytes = 2;
    }
    if (bytes != 0 && !take(d, bytes, &disp))
        return false;
    insn->disp = (int64_t)disp;
    insn->seg = insn->base == 5 ? AXVM_X86_SS : AXVM_X86_DS;
    return true;
}

/* "32-Bit Addressing Forms with the SIB Byte" */
static bool take_sib(struct decoder *d, struct axvm_x86_insn *insn, unsigned int *base)
{
    uint64_t sib;

    if (!take(d, 1, &sib))
        return false;
    insn->scale = sib >> 6 & 3;
    insn->index = (uint8_t)((sib >> 3 & 7) | ((d->rex & REX_X) ? 8 : 0));
    if (insn->index == 4)
        insn->index = X86_NO_REG;
    *base = sib & 7;
    return true;
}

/* "32-Bit Addressing Forms with the ModR/M Byte"; in 64-bit mode mod 0 and r/m 5 is relative to RIP. */
static bool take_address32(struct decoder *d, struct axvm_x86_insn *insn, unsigned int mod, unsigned int rm)
{
    unsigned int bytes = mod == 2 ? 4 : mod, base = rm;
    uint64_t disp = 0;

    if (rm == 4 && !take_sib(d, insn, &base))
        return false;
    insn->base = (uint8_t)(base | ((d->rex & REX_B) ? 8 : 0));
    if (mod == 0 && base == 5) {
        insn->base = X86_NO_REG;
        insn->rip_relative = rm == 5 && d->mode == AXVM_X86_MODE64;
        bytes = 4;
    }
    if (bytes != 0 && !take(d, bytes, &disp))
        return false;
    insn->disp = (int64_t)disp;
    insn->seg = insn->base == 4 || insn->base == 5 ? AXVM_X86_SS : AXVM_X86_DS;
    return true;
}

static void set_register(const struct decoder *d, struct axvm_x86_insn *insn, unsigned int reg, bool is_byte)
{
    insn->high = is_byte && d->rex == 0 && reg >= 4;
    insn->reg = (uint8_t)(insn->high ? reg - 4 : reg | ((d->rex & REX_R) ? 8 : 0));
}

static enum axvm_x86_decoded take_modrm(struct decoder *d, struct axvm_x86_insn *insn, struct axvm_x86_opcode *entry)
{
    unsigned int mod, reg, rm;
    uint64_t modrm;
    bool ok;

    if (!take(d, 1, &modrm))
        return out_of_bytes(d);
    mod = modrm >> 6 & 3;
    reg = modrm >> 3 & 7;
    rm = modrm & 7;
    if (entry->form == X86_FORM_GROUP) {
        const struct axvm_x86_opcode *member = &axvm_x86_groups[entry->op][reg];
        uint16_t flags = entry->flags | member->flags;

        *entry = *member;
        entry->flags = flags;
    }
    if (entry->form == X86_FORM_NONE)
        return AXVM_X86_DEC_UNKNOWN;
    if (mod == 3)
        return insn->lock ? AXVM_X86_DEC_UD : AXVM_X86_DEC_REGISTER;
    set_register(d, insn, reg, (entry->flags & X86_BYTE) != 0);
    ok = insn->addr_size == 2 ? take_address16(d, insn, mod, rm) : take_address32(d, insn, mod, rm);
    return ok ? AXVM_X86_DECODED : out_of_bytes(d);
}

/* ---- the rest ---- */

static void set_sizes(const struct decoder *d, struct axvm_x86_insn *insn, unsigned int flags)
{
    unsigned int size = (d->mode == AXVM_X86_MODE16) != d->opsize ? 2 : 4;

    if (d->mode == AXVM_X86_MODE64 && !(flags & X86_MAX32) && ((d->rex & REX_W) || ((flags & X86_DEF64) && !d->opsize)))
        size = 8;
    insn->reg_size = (uint8_t)((flags & X86_BYTE) ? 1 : size);
    if (insn->op == X86_OP_MOVXMM)
        return;
    insn->size = (uint8_t)((flags & X86_SRC8) ? 1 : (flags & X86_SRC16) ? 2 : insn->reg_size);
    if (insn->op == X86_OP_CMPXCHG8B)
        insn->size = (d->rex & REX_W) ? 16 : 8;
}

static bool take_offset(struct decoder *d, struct axvm_x86_insn *insn)
{
    uint64_t offset;

    if (!take(d, insn->addr_size, &offset))
        return false;
    insn->disp = (int64_t)offset;
    insn->seg = AXVM_X86_DS;
    insn->form = insn->form == X86_FORM_LOAD_OFFSET ? X86_FORM_RM : X86_FORM_MR;
    return true;
}

static bool take_immediate(struct decoder *d, struct axvm_x86_insn *insn, unsigned int flags)
{
    if ((flags & X86_IMM8) || ((flags & X86_IMMZ) && (flags & X86_BYTE)))
        return take(d, 1, &insn->imm);
    if (flags & X86_IMMZ)
        return take(d, insn->reg_size == 2 ? 2 : 4, &insn->imm);
    return true;
}

static bool has_modrm(const struct axvm_x86_opcode *entry)
{
    return (entry->form >= X86_FORM_MR && entry->form <= X86_FORM_M) || entry->form == X86_FORM_GROUP;
}

/* Bits that need more than the tables say. */
static enum axvm_x86_decoded check_opcode(const struct decoder *d, struct axvm_x86_insn *insn,
                                          const struct axvm_x86_opcode *entry, uint8_t opcode)
{
    if (entry->form == X86_FORM_NONE)
        return AXVM_X86_DEC_UNKNOWN;
    if ((entry->flags & X86_PLAIN) && (d->opsize || d->rep))
        return AXVM_X86_DEC_UNKNOWN;
    if (entry->flags & (X86_F3 | X86_NO_F3) && (d->rep == 0xf3) != ((entry->flags & X86_F3) != 0))
        return AXVM_X86_DEC_UNKNOWN;
    if (entry->op == X86_OP_MOVSX && opcode == 0x63) {
        /* MOVSXD; ARPL elsewhere. */
        if (d->mode != AXVM_X86_MODE64)
            return AXVM_X86_DEC_UNKNOWN;
        insn->size = insn->reg_size == 2 ? 2 : 4;
    }
    if (entry->flags & X86_COND)
        insn->cond = opcode & 15;
    else if ((entry->flags & X86_CL) || (insn->op == X86_OP_IMUL && (entry->flags & (X86_IMM8 | X86_IMMZ))))
        insn->cond = 1;
    insn->imm = (entry->flags & X86_ONE) != 0;
    return AXVM_X86_DECODED;
}

static enum axvm_x86_decoded decode_operands(struct decoder *d, struct axvm_x86_insn *insn, struct axvm_x86_opcode *entry,
                                             uint8_t opcode)
{
    enum axvm_x86_decoded rc = AXVM_X86_DECODED;

    if (has_modrm(entry))
        rc = take_modrm(d, insn, entry);
    if (rc != AXVM_X86_DECODED)
        return rc;
    insn->op = entry->op;
    insn->form = entry->form;
    set_sizes(d, insn, entry->flags);
    rc = check_opcode(d, insn, entry, opcode);
    if (rc != AXVM_X86_DECODED)
        return rc;
    if (insn->form > X86_FORM_IMM && !take_offset(d, insn))
        return out_of_bytes(d);
    if (!take_immediate(d, insn, entry->flags))
        return out_of_bytes(d);
    return insn->lock && !(entry->flags & X86_LOCK) ? AXVM_X86_DEC_UD : AXVM_X86_DECODED;
}

enum axvm_x86_decoded axvm_x86_decode(const uint8_t *bytes, unsigned int count, enum axvm_x86_mode mode,
                                      struct axvm_x86_insn *insn)
{
    struct decoder d = { .bytes = bytes, .count = count, .mode = mode, .seg = AXVM_X86_SEGS };
    struct axvm_x86_opcode entry;
    enum axvm_x86_decoded rc;
    uint8_t opcode;

    if (d.count > AXVM_X86_INSN_MAX)
        d.count = AXVM_X86_INSN_MAX;
    *insn = (struct axvm_x86_insn){ .addr_size = (uint8_t)mode, .base = X86_NO_REG, .index = X86_NO_REG, .seg = AXVM_X86_DS };
    if (!take_opcode(&d, insn, &entry, &opcode))
        return out_of_bytes(&d);
    rc = decode_operands(&d, insn, &entry, opcode);
    if (rc != AXVM_X86_DECODED)
        return rc;
    if (d.seg != AXVM_X86_SEGS)
        insn->seg = d.seg;
    insn->rep = d.rep == 0xf3 ? X86_REP_E : d.rep == 0xf2 ? X86_REP_NE : X86_REP_NONE;
    insn->len = (uint8_t)d.at;
    return AXVM_X86_DECODED;
}
