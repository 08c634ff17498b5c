/* SPDX-License-Identifier: BSD-2-Clause */
/* Unprivileged Architecture, "RV32/64G Instruction Set Listings", and "C" Extension, "RVC Instruction Set Listings". */
#include "insn.h"

enum opcode { OP_LOAD = 0x03, OP_LOAD_FP = 0x07, OP_STORE = 0x23, OP_STORE_FP = 0x27, OP_AMO = 0x2f };

#define RD(i) ((uint8_t)((i) >> 7 & 31))
#define RS1(i) ((uint8_t)((i) >> 15 & 31))
#define RS2(i) ((uint8_t)((i) >> 20 & 31))
#define FUNCT3(i) ((i) >> 12 & 7)

static int64_t imm_load(uint32_t i)
{
    return (int32_t)i >> 20;
}

static int64_t imm_store(uint32_t i)
{
    return (int64_t)((int32_t)(i & 0xfe000000u) >> 20) | (i >> 7 & 31);
}

static struct axvm_insn decode_load(uint32_t i, bool fp)
{
    unsigned int funct3 = FUNCT3(i);
    struct axvm_insn d = { .kind = AXVM_INSN_LOAD, .len = 4, .size = (uint8_t)(1u << (funct3 & 3)), .reg = RD(i), .base = RS1(i),
                           .fp = fp, .sign = (funct3 & 4) == 0, .offset = imm_load(i) };

    /* LB, LH, LW, LD, LBU, LHU, LWU; FLW, FLD */
    if (funct3 == 7 || (fp && funct3 != 2 && funct3 != 3))
        d.kind = AXVM_INSN_OTHER;
    return d;
}

static struct axvm_insn decode_store(uint32_t i, bool fp)
{
    unsigned int funct3 = FUNCT3(i);
    struct axvm_insn d = { .kind = AXVM_INSN_STORE, .len = 4, .size = (uint8_t)(1u << (funct3 & 3)), .reg = RS2(i), .base = RS1(i),
                           .fp = fp, .offset = imm_store(i) };

    if (funct3 > 3 || (fp && funct3 < 2))
        d.kind = AXVM_INSN_OTHER;
    return d;
}

static struct axvm_insn decode_amo(uint32_t i)
{
    unsigned int funct3 = FUNCT3(i);
    struct axvm_insn d = { .kind = AXVM_INSN_AMO, .len = 4, .size = (uint8_t)(1u << (funct3 & 3)), .reg = RD(i), .base = RS1(i),
                           .is_lr = i >> 27 == 2 };

    if (funct3 != 2 && funct3 != 3)
        d.kind = AXVM_INSN_OTHER;
    return d;
}

static struct axvm_insn decode_32(uint32_t i)
{
    switch (i & 0x7f) {
    case OP_LOAD:
        return decode_load(i, false);
    case OP_LOAD_FP:
        return decode_load(i, true);
    case OP_STORE:
        return decode_store(i, false);
    case OP_STORE_FP:
        return decode_store(i, true);
    case OP_AMO:
        return decode_amo(i);
    }
    return (struct axvm_insn){ .kind = AXVM_INSN_OTHER, .len = 4 };
}

/* ---- compressed: bits of the offset are scattered ---- */

#define C_BITS(i, hi, lo) ((i) >> (lo) & ((1u << ((hi) - (lo) + 1)) - 1))

/* CL and CS formats, words: offset[5:3] at 12:10, [2] at 6, [6] at 5. */
static int64_t c_offset_w(uint32_t i)
{
    return C_BITS(i, 12, 10) << 3 | C_BITS(i, 6, 6) << 2 | C_BITS(i, 5, 5) << 6;
}

/* doublewords: offset[5:3] at 12:10, [7:6] at 6:5. */
static int64_t c_offset_d(uint32_t i)
{
    return C_BITS(i, 12, 10) << 3 | C_BITS(i, 6, 5) << 6;
}

/* CI format from sp: words, offset[5] at 12, [4:2] at 6:4, [7:6] at 3:2. */
static int64_t c_offset_lwsp(uint32_t i)
{
    return C_BITS(i, 12, 12) << 5 | C_BITS(i, 6, 4) << 2 | C_BITS(i, 3, 2) << 6;
}

/* offset[5] at 12, [4:3] at 6:5, [8:6] at 4:2. */
static int64_t c_offset_ldsp(uint32_t i)
{
    return C_BITS(i, 12, 12) << 5 | C_BITS(i, 6, 5) << 3 | C_BITS(i, 4, 2) << 6;
}

/* CSS format: offset[5:2] at 12:9, [7:6] at 8:7. */
static int64_t c_offset_swsp(uint32_t i)
{
    return C_BITS(i, 12, 9) << 2 | C_BITS(i, 8, 7) << 6;
}

/* offset[5:3] at 12:10, [8:6] at 9:7. */
static int64_t c_offset_sdsp(uint32_t i)
{
    return C_BITS(i, 12, 10) << 3 | C_BITS(i, 9, 7) << 6;
}

/* Zcb: bytes, offset[0] at 6, [1] at 5; halfwords, [1] at 5, and bit 6 says whether a load is of a signed one. */
static struct axvm_insn decode_zcb(uint32_t i, struct axvm_insn d)
{
    unsigned int funct = C_BITS(i, 12, 10);
    bool half = (funct & 1) != 0;

    d.kind = funct & 2 ? AXVM_INSN_STORE : AXVM_INSN_LOAD;
    d.size = half ? 2 : 1;
    d.sign = half && C_BITS(i, 6, 6) != 0;
    d.offset = half ? C_BITS(i, 5, 5) << 1 : C_BITS(i, 6, 6) | C_BITS(i, 5, 5) << 1;
    if (funct > 3 || (funct == 3 && d.sign))
        d.kind = AXVM_INSN_OTHER;
    return d;
}

/* Registers x8..x15 in three bits. */
static uint8_t c_reg(uint32_t i, unsigned int at)
{
    return (uint8_t)(8 + (i >> at & 7));
}

/* Quadrant 0: the address in a register. */
static struct axvm_insn decode_c0(uint32_t i)
{
    struct axvm_insn d = { .len = 2, .reg = c_reg(i, 2), .base = c_reg(i, 7), .sign = true };
    unsigned int funct3 = C_BITS(i, 15, 13);

    d.kind = funct3 & 4 ? AXVM_INSN_STORE : AXVM_INSN_LOAD;
    switch (funct3 & 3) {
    case 1: /* C.FLD, C.FSD */
    case 3: /* C.LD, C.SD */
        d.size = 8;
        d.fp = (funct3 & 3) == 1;
        d.offset = c_offset_d(i);
        break;
    case 2: /* C.LW, C.SW */
        d.size = 4;
        d.offset = c_offset_w(i);
        break;
    default: /* C.ADDI4SPN */
        if (funct3 == 4)
            return decode_zcb(i, d);
        d.kind = AXVM_INSN_OTHER;
    }
    return d;
}

/* Quadrant 2: the address from sp. */
static struct axvm_insn decode_c2(uint32_t i)
{
    unsigned int funct3 = C_BITS(i, 15, 13);
    bool store = (funct3 & 4) != 0, word = (funct3 & 3) == 2;
    struct axvm_insn d = { .len = 2, .base = 2, .sign = true, .size = word ? 4 : 8, .fp = (funct3 & 3) == 1 };

    d.kind = store ? AXVM_INSN_STORE : AXVM_INSN_LOAD;
    d.reg = store ? (uint8_t)C_BITS(i, 6, 2) : RD(i);
    if (store)
        d.offset = word ? c_offset_swsp(i) : c_offset_sdsp(i);
    else
        d.offset = word ? c_offset_lwsp(i) : c_offset_ldsp(i);
    /* C.SLLI, C.JR and others; loads of integers to x0 are reserved. */
    if ((funct3 & 3) == 0 || (!store && !d.fp && d.reg == 0))
        d.kind = AXVM_INSN_OTHER;
    return d;
}

struct axvm_insn axvm_insn_decode(uint32_t insn)
{
    switch (insn & 3) {
    case 0:
        return decode_c0(insn & 0xffff);
    case 2:
        return decode_c2(insn & 0xffff);
    case 3:
        return decode_32(insn);
    }
    return (struct axvm_insn){ .kind = AXVM_INSN_OTHER, .len = 2 };
}

struct axvm_insn axvm_insn_decode_htinst(uint64_t htinst, bool store)
{
    struct axvm_insn d = { .kind = AXVM_INSN_OTHER };
    /* Bit 0 is set in a transformed instruction, bit 1 says that it was not a compressed one. */
    uint32_t i = (uint32_t)htinst | 2;

    if (htinst > UINT32_MAX || (htinst & 1) == 0)
        return d;
    if ((i & 0x7f) != (store ? OP_STORE : OP_LOAD))
        return d;
    /* Offsets are gone, and in place of rs1 is the distance of a misaligned access. */
    d = decode_32(i);
    if (d.offset != 0 || d.base != 0)
        d.kind = AXVM_INSN_OTHER;
    d.len = htinst & 2 ? 4 : 2;
    return d;
}
