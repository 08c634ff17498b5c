/* SPDX-License-Identifier: BSD-2-Clause */
/* The opcode maps, as far as memory operands and ports go. */
#ifndef AXVM_X86_64_INSN_TABLE_H
#define AXVM_X86_64_INSN_TABLE_H

#include "insn.h"

/* Beyond enum axvm_x86_form: what the decoder has to do first. */
enum {
    X86_FORM_PREFIX = X86_FORM_IMM + 1, /* op is an enum axvm_x86_prefix */
    X86_FORM_ESCAPE,                    /* 0f */
    X86_FORM_GROUP,                     /* op is an enum axvm_x86_group: what it does depends on ModRM.reg */
    X86_FORM_LOAD_OFFSET,               /* accumulator and an address in the place of an immediate */
    X86_FORM_STORE_OFFSET,
    X86_FORM_SSE, /* what it does depends on the prefixes */
};

enum axvm_x86_prefix {
    X86_PREFIX_SEG,
    X86_PREFIX_OPSIZE,
    X86_PREFIX_ADDRSIZE,
    X86_PREFIX_LOCK,
    X86_PREFIX_REP,
    X86_PREFIX_REX
};

enum axvm_x86_group {
    X86_GROUP_1,
    X86_GROUP_1A,
    X86_GROUP_2,
    X86_GROUP_3,
    X86_GROUP_4,
    X86_GROUP_5,
    X86_GROUP_7,
    X86_GROUP_8,
    X86_GROUP_9,
    X86_GROUP_11,
    X86_GROUPS
};

#define X86_BYTE (1u << 0)  /* operands are bytes */
#define X86_IMM8 (1u << 1)  /* an immediate of a byte, sign-extended */
#define X86_IMMZ (1u << 2)  /* one of the size of the operands, but 4 bytes if these are 8 */
#define X86_LOCK (1u << 3)  /* LOCK is allowed */
#define X86_DEF64 (1u << 4) /* in 64-bit mode operands are 8 bytes, or 2 */
#define X86_MAX32 (1u << 5) /* REX.W means nothing */
#define X86_SRC8 (1u << 6)  /* the memory operand is a byte, the register is not */
#define X86_SRC16 (1u << 7) /* or a word */
#define X86_PLAIN (1u << 8) /* with 66, F2 or F3 it is something else */
#define X86_COND (1u << 9)  /* the low four bits of the opcode are a condition */
#define X86_ONE (1u << 10)  /* the immediate is 1 */
#define X86_CL (1u << 11)   /* or CL */
#define X86_F3 (1u << 12)   /* it is this only with F3, without it something else */
#define X86_NO_F3 (1u << 13)

struct axvm_x86_opcode {
    uint8_t op; /* enum axvm_x86_op, if form is not one of the above */
    uint8_t form;
    uint16_t flags;
};

extern const struct axvm_x86_opcode axvm_x86_one_byte[256], axvm_x86_two_byte[256], axvm_x86_groups[X86_GROUPS][8];

#endif
