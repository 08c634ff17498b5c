/* SPDX-License-Identifier: BSD-2-Clause */
/* The opcode maps. Intel SDM vol. 2D, "One-, Two-, and Three-Byte Opcode Maps", "Opcode Extensions for One-Byte and Two-byte
 * Opcodes"; where LOCK is allowed: vol. 2A, "LOCK - Assert LOCK# Signal Prefix". */
#include "insn_table.h"

#define PREFIX(kind)                                                                                                           \
    {                                                                                                                          \
        X86_PREFIX_##kind, X86_FORM_PREFIX, 0                                                                                  \
    }
#define GROUP(n, flags)                                                                                                        \
    {                                                                                                                          \
        X86_GROUP_##n, X86_FORM_GROUP, flags                                                                                   \
    }
#define OP(name, form, flags)                                                                                                  \
    {                                                                                                                          \
        X86_OP_##name, X86_FORM_##form, flags                                                                                  \
    }

/* The first four opcodes of each row of arithmetic; the other two have no memory operand. */
#define ALU(code, name, lock)                                                                                                  \
    [code] = OP(name, MR, X86_BYTE | (lock)), [(code) + 1] = OP(name, MR, lock), [(code) + 2] = OP(name, RM, X86_BYTE),        \
    [(code) + 3] = OP(name, RM, 0)
/* A pair of which the first is for bytes. */
#define PAIR(code, name, form, flags) [code] = OP(name, form, X86_BYTE | (flags)), [(code) + 1] = OP(name, form, flags)

const struct axvm_x86_opcode axvm_x86_one_byte[256] = {
    ALU(0x00, ADD, X86_LOCK),
    ALU(0x08, OR, X86_LOCK),
    [0x0f] = { 0, X86_FORM_ESCAPE, 0 },
    ALU(0x10, ADC, X86_LOCK),
    ALU(0x18, SBB, X86_LOCK),
    ALU(0x20, AND, X86_LOCK),
    [0x26] = PREFIX(SEG),
    ALU(0x28, SUB, X86_LOCK),
    [0x2e] = PREFIX(SEG),
    ALU(0x30, XOR, X86_LOCK),
    [0x36] = PREFIX(SEG),
    ALU(0x38, CMP, 0),
    [0x3e] = PREFIX(SEG),
    [0x40 ... 0x4f] = PREFIX(REX),
    [0x63] = OP(MOVSX, RM, 0), /* MOVSXD */
    [0x69] = OP(IMUL, RM, X86_IMMZ),
    [0x6b] = OP(IMUL, RM, X86_IMM8),
    [0x64 ... 0x65] = PREFIX(SEG),
    [0x66] = PREFIX(OPSIZE),
    [0x67] = PREFIX(ADDRSIZE),
    PAIR(0x6c, INS, STR, X86_MAX32),
    PAIR(0x6e, OUTS, STR, X86_MAX32),
    [0x80] = GROUP(1, X86_BYTE | X86_IMM8),
    [0x81] = GROUP(1, X86_IMMZ),
    [0x83] = GROUP(1, X86_IMM8),
    PAIR(0x84, TEST, MR, 0),
    PAIR(0x86, XCHG, MR, X86_LOCK),
    PAIR(0x88, MOV, MR, 0),
    PAIR(0x8a, MOV, RM, 0),
    [0x8f] = GROUP(1A, X86_DEF64),
    [0xa0] = { X86_OP_MOV, X86_FORM_LOAD_OFFSET, X86_BYTE },
    [0xa1] = { X86_OP_MOV, X86_FORM_LOAD_OFFSET, 0 },
    [0xa2] = { X86_OP_MOV, X86_FORM_STORE_OFFSET, X86_BYTE },
    [0xa3] = { X86_OP_MOV, X86_FORM_STORE_OFFSET, 0 },
    PAIR(0xa4, MOVS, STR, 0),
    PAIR(0xa6, CMPS, STR, 0),
    PAIR(0xaa, STOS, STR, 0),
    PAIR(0xac, LODS, STR, 0),
    PAIR(0xae, SCAS, STR, 0),
    [0xc0] = GROUP(2, X86_BYTE | X86_IMM8),
    [0xc1] = GROUP(2, X86_IMM8),
    [0xc6] = GROUP(11, X86_BYTE | X86_IMM8),
    [0xc7] = GROUP(11, X86_IMMZ),
    [0xd0] = GROUP(2, X86_BYTE | X86_ONE),
    [0xd1] = GROUP(2, X86_ONE),
    [0xd2] = GROUP(2, X86_BYTE | X86_CL),
    [0xd3] = GROUP(2, X86_CL),
    PAIR(0xe4, IN, IMM, X86_MAX32 | X86_IMM8),
    PAIR(0xe6, OUT, IMM, X86_MAX32 | X86_IMM8),
    PAIR(0xec, IN, DX, X86_MAX32),
    PAIR(0xee, OUT, DX, X86_MAX32),
    [0xf0] = PREFIX(LOCK),
    [0xf2 ... 0xf3] = PREFIX(REP),
    [0xf6] = GROUP(3, X86_BYTE),
    [0xf7] = GROUP(3, 0),
    [0xfe] = GROUP(4, X86_BYTE),
    [0xff] = GROUP(5, 0),
};

const struct axvm_x86_opcode axvm_x86_two_byte[256] = {
    [0x01] = GROUP(7, X86_SRC16),
    [0x10 ... 0x11] = { 0, X86_FORM_SSE, 0 },
    [0x28 ... 0x29] = { 0, X86_FORM_SSE, 0 },
    [0x2b] = { 0, X86_FORM_SSE, 0 },
    [0x40 ... 0x4f] = OP(CMOVCC, RM, X86_COND),
    [0x6e ... 0x6f] = { 0, X86_FORM_SSE, 0 },
    [0x7e ... 0x7f] = { 0, X86_FORM_SSE, 0 },
    [0x90 ... 0x9f] = OP(SETCC, M, X86_BYTE | X86_COND),
    [0xa3] = OP(BT, MR, 0),
    [0xa4] = OP(SHLD, MR, X86_IMM8),
    [0xa5] = OP(SHLD, MR, X86_CL),
    [0xab] = OP(BTS, MR, X86_LOCK),
    [0xac] = OP(SHRD, MR, X86_IMM8),
    [0xad] = OP(SHRD, MR, X86_CL),
    [0xaf] = OP(IMUL, RM, 0),
    PAIR(0xb0, CMPXCHG, MR, X86_LOCK),
    [0xb3] = OP(BTR, MR, X86_LOCK),
    [0xb6] = OP(MOVZX, RM, X86_SRC8),
    [0xb7] = OP(MOVZX, RM, X86_SRC16),
    [0xb8] = OP(POPCNT, RM, X86_F3),
    [0xba] = GROUP(8, X86_IMM8),
    [0xbb] = OP(BTC, MR, X86_LOCK),
    [0xbc] = OP(BSF, RM, X86_NO_F3), /* with it TZCNT, LZCNT, where the CPU has them */
    [0xbd] = OP(BSR, RM, X86_NO_F3),
    [0xbe] = OP(MOVSX, RM, X86_SRC8),
    [0xbf] = OP(MOVSX, RM, X86_SRC16),
    PAIR(0xc0, XADD, MR, X86_LOCK),
    [0xc3] = OP(MOV, MR, X86_PLAIN), /* MOVNTI */
    [0xc7] = GROUP(9, 0),
    [0xd6] = { 0, X86_FORM_SSE, 0 },
    [0xe7] = { 0, X86_FORM_SSE, 0 },
};

/* Flags are added to those of the opcode. */
const struct axvm_x86_opcode axvm_x86_groups[X86_GROUPS][8] = {
    [X86_GROUP_1] = {
        OP(ADD, MI, X86_LOCK),
        OP(OR, MI, X86_LOCK),
        OP(ADC, MI, X86_LOCK),
        OP(SBB, MI, X86_LOCK),
        OP(AND, MI, X86_LOCK),
        OP(SUB, MI, X86_LOCK),
        OP(XOR, MI, X86_LOCK),
        OP(CMP, MI, 0),
    },
    [X86_GROUP_1A] = { OP(POP, M, 0) },
    [X86_GROUP_2] = {
        OP(ROL, MI, 0),
        OP(ROR, MI, 0),
        OP(RCL, MI, 0),
        OP(RCR, MI, 0),
        OP(SHL, MI, 0),
        OP(SHR, MI, 0),
        OP(SAL, MI, 0),
        OP(SAR, MI, 0),
    },
    [X86_GROUP_3] = {
        OP(TEST, MI, X86_IMMZ), /* for bytes: see the decoder */
        OP(TEST, MI, X86_IMMZ),
        OP(NOT, M, X86_LOCK),
        OP(NEG, M, X86_LOCK),
        OP(MUL, M, 0),
        OP(IMUL, M, 0),
        OP(DIV, M, 0),
        OP(IDIV, M, 0),
    },
    [X86_GROUP_4] = { OP(INC, M, X86_LOCK), OP(DEC, M, X86_LOCK) },
    [X86_GROUP_5] = { OP(INC, M, X86_LOCK), OP(DEC, M, X86_LOCK), [6] = OP(PUSH, M, X86_DEF64) },
    [X86_GROUP_7] = { [4] = OP(SMSW, M, 0), [6] = OP(LMSW, M, 0) },
    [X86_GROUP_8] = {
        [4] = OP(BT, MI, 0),
        [5] = OP(BTS, MI, X86_LOCK),
        [6] = OP(BTR, MI, X86_LOCK),
        [7] = OP(BTC, MI, X86_LOCK),
    },
    [X86_GROUP_9] = { [1] = OP(CMPXCHG8B, M, X86_LOCK) },
    [X86_GROUP_11] = { OP(MOV, MI, 0) },
};
