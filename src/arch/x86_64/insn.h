/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions with a memory operand, or that read and write ports, decoded: what a guest may use on devices. Intel SDM vol. 2,
 * "Instruction Format" and "Opcode Map". Plain logic: bytes in, a struct out.
 */
#ifndef AXVM_X86_64_INSN_H
#define AXVM_X86_64_INSN_H

#include <stdbool.h>
#include <stdint.h>

#define AXVM_X86_INSN_MAX 15u

/* Of the code segment; the value is the default size of an address in bytes. */
enum axvm_x86_mode { AXVM_X86_MODE16 = 2, AXVM_X86_MODE32 = 4, AXVM_X86_MODE64 = 8 };

enum axvm_x86_decoded {
    AXVM_X86_DECODED,
    AXVM_X86_DEC_MORE,     /* it is longer than the bytes given */
    AXVM_X86_DEC_LONG,     /* longer than 15 bytes: #GP(0) */
    AXVM_X86_DEC_UD,       /* the CPU would raise #UD */
    AXVM_X86_DEC_REGISTER, /* one of these instructions, but without a memory operand */
    AXVM_X86_DEC_UNKNOWN,
};

/* What it does. Those from ADD to CMP are in the order of the encoding. */
enum axvm_x86_op {
    X86_OP_NONE,
    X86_OP_ADD,
    X86_OP_OR,
    X86_OP_ADC,
    X86_OP_SBB,
    X86_OP_AND,
    X86_OP_SUB,
    X86_OP_XOR,
    X86_OP_CMP,
    X86_OP_TEST,
    X86_OP_NOT,
    X86_OP_NEG,
    X86_OP_INC,
    X86_OP_DEC,
    X86_OP_BT, /* BT to BTC are in order */
    X86_OP_BTS,
    X86_OP_BTR,
    X86_OP_BTC,
    X86_OP_ROL, /* those from here to SAR are in the order of the encoding: even ones go left; so do the two that follow */
    X86_OP_ROR,
    X86_OP_RCL,
    X86_OP_RCR,
    X86_OP_SHL,
    X86_OP_SHR,
    X86_OP_SAL,
    X86_OP_SAR,
    X86_OP_SHLD,
    X86_OP_SHRD,
    X86_OP_MUL, /* MUL to IDIV, BSF and BSR are in order */
    X86_OP_IMUL,
    X86_OP_DIV,
    X86_OP_IDIV,
    X86_OP_BSF,
    X86_OP_BSR,
    X86_OP_POPCNT,
    X86_OP_XCHG,
    X86_OP_XADD,
    X86_OP_CMPXCHG,
    X86_OP_CMPXCHG8B, /* and 16B: by size */
    X86_OP_MOV,
    X86_OP_MOVZX,
    X86_OP_MOVSX,
    X86_OP_MOVBE,
    X86_OP_SETCC,
    X86_OP_CMOVCC,
    X86_OP_PUSH,
    X86_OP_POP,
    X86_OP_MOVXMM,
    X86_OP_SMSW,
    X86_OP_LMSW,
    X86_OP_MOVS, /* from here on: strings */
    X86_OP_CMPS,
    X86_OP_STOS,
    X86_OP_LODS,
    X86_OP_SCAS,
    X86_OP_INS,
    X86_OP_OUTS,
    X86_OP_IN, /* no memory operand */
    X86_OP_OUT,
};

static inline bool axvm_x86_op_is_string(enum axvm_x86_op op)
{
    return op >= X86_OP_MOVS && op <= X86_OP_OUTS;
}

/* Where the operands are. */
enum axvm_x86_form {
    X86_FORM_NONE,
    X86_FORM_MR,  /* memory, register: memory is the destination */
    X86_FORM_RM,  /* register, memory */
    X86_FORM_MI,  /* memory, immediate */
    X86_FORM_M,   /* memory alone */
    X86_FORM_STR, /* what string instructions have */
    X86_FORM_DX,  /* a port in DX, or in imm */
    X86_FORM_IMM,
};

enum axvm_x86_rep { X86_REP_NONE, X86_REP_E, X86_REP_NE };

#define X86_NO_REG 16u /* no base, no index */

struct axvm_x86_insn {
    uint8_t len;
    uint8_t op;       /* enum axvm_x86_op */
    uint8_t form;     /* enum axvm_x86_form */
    uint8_t size;     /* bytes of the memory operand */
    uint8_t reg_size; /* bytes of the register operand: differs for MOVZX, MOVSX */
    uint8_t addr_size;
    uint8_t seg;  /* enum axvm_x86_segreg: of the memory operand, or of the source of a string */
    uint8_t base; /* 0..15 or X86_NO_REG */
    uint8_t index;
    uint8_t scale; /* 0..3 */
    uint8_t reg;
    uint8_t cond; /* of SETcc, CMOVcc; of shifts: the count is in CL; of IMUL: one factor is imm */
    uint8_t rep;  /* enum axvm_x86_rep */
    bool high;    /* reg is AH, CH, DH or BH: bits 15:8 of register 0..3 */
    bool lock;
    bool rip_relative; /* disp is from the next instruction */
    bool aligned;      /* a 16-byte operand that is not gives #GP */
    bool plain;        /* set by emulation: a load or store in 64-bit mode that needs no more than its address */
    bool store;        /* ... and which of the two */
    int64_t disp;
    uint64_t imm; /* sign-extended */
};

enum axvm_x86_decoded axvm_x86_decode(const uint8_t *bytes, unsigned int count, enum axvm_x86_mode mode,
                                      struct axvm_x86_insn *insn);

#endif
