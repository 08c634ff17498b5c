/* SPDX-License-Identifier: BSD-2-Clause */
/* The decoder, from raw bytes, in all three modes: hostile-guest.md rows 1, 3, 6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "insn.h"
#include "seg.h"

#define NONE X86_NO_REG
#define OP(o, f, bytes, reg_bytes) .op = X86_OP_##o, .form = X86_FORM_##f, .size = bytes, .reg_size = reg_bytes
#define AT(bytes, segment, b, i) .addr_size = bytes, .seg = segment, .base = b, .index = i
#define B(...) { __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static const struct row {
    enum axvm_x86_mode mode;
    uint8_t bytes[16];
    size_t len;
    struct axvm_x86_insn e; /* without len */
} rows[] = {
    /* mov (%rdi),%eax; mov %eax,0xfee000b0(abs); mov -0xa03000(%rdi),%eax: what APIC drivers do */
    { 8, B(0x8b, 0x07), { OP(MOV, RM, 4, 4), AT(8, 3, 7, NONE) } },
    { 8,
      B(0x89, 0x04, 0x25, 0xb0, 0x00, 0x5f, 0xff),
      { OP(MOV, MR, 4, 4), AT(8, 3, NONE, NONE), .disp = (int32_t)0xff5f00b0 } },
    { 8, B(0x8b, 0x87, 0x00, 0xd0, 0x5f, 0xff), { OP(MOV, RM, 4, 4), AT(8, 3, 7, NONE), .disp = -0xa03000 } },
    /* REX: r8 and up everywhere; movq 0x10(%r9,%r10,8),%r11 */
    { 8, B(0x4f, 0x8b, 0x5c, 0xd1, 0x10), { OP(MOV, RM, 8, 8), AT(8, 3, 9, 10), .scale = 3, .reg = 11, .disp = 16 } },
    /* Index r12 is one, rsp is none; base r12 is DS, rsp and rbp are SS; base r13 with mod 0 is none. */
    { 8, B(0x43, 0x88, 0x04, 0x24), { OP(MOV, MR, 1, 1), AT(8, 3, 12, 12) } },
    { 8, B(0x88, 0x04, 0x24), { OP(MOV, MR, 1, 1), AT(8, 2, 4, NONE) } },
    { 8, B(0x88, 0x45, 0x00), { OP(MOV, MR, 1, 1), AT(8, 2, 5, NONE) } },
    { 8, B(0x43, 0x88, 0x44, 0x05, 0x80), { OP(MOV, MR, 1, 1), AT(8, 3, 13, 8), .disp = -128 } },
    { 8, B(0x41, 0x88, 0x04, 0x05, 1, 0, 0, 0), { OP(MOV, MR, 1, 1), AT(8, 3, NONE, 0), .disp = 1 } },
    /* Relative to RIP in 64-bit mode, also with REX.B; absolute in the others. */
    { 8,
      B(0x41, 0xc6, 0x05, 0xfc, 0xff, 0xff, 0xff, 0x80),
      { OP(MOV, MI, 1, 1), AT(8, 3, NONE, NONE), .rip_relative = true, .disp = -4, .imm = UINT64_C(0xffffffffffffff80) } },
    { 4, B(0xc6, 0x05, 0xfc, 0xff, 0xff, 0xff, 0x7f), { OP(MOV, MI, 1, 1), AT(4, 3, NONE, NONE), .disp = -4, .imm = 0x7f } },
    /* AH without REX, SPL with any. */
    { 8, B(0x88, 0x20), { OP(MOV, MR, 1, 1), AT(8, 3, 0, NONE), .high = true } },
    { 8, B(0x40, 0x88, 0x20), { OP(MOV, MR, 1, 1), AT(8, 3, 0, NONE), .reg = 4 } },
    /* A REX prefix that another prefix follows does not count: size 4, not 8. The last of two counts. */
    { 8, B(0x48, 0x66, 0x89, 0x03), { OP(MOV, MR, 2, 2), AT(8, 3, 3, NONE) } },
    { 8, B(0x41, 0x48, 0x89, 0x03), { OP(MOV, MR, 8, 8), AT(8, 3, 3, NONE) } },
    /* 66 with REX.W: 8 bytes; the immediate has 4. */
    { 8, B(0x66, 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff), { OP(MOV, MI, 8, 8), AT(8, 3, 0, NONE), .imm = UINT64_MAX } },
    { 8, B(0x66, 0xc7, 0x00, 0x34, 0x12), { OP(MOV, MI, 2, 2), AT(8, 3, 0, NONE), .imm = 0x1234 } },
    /* Segments: FS and GS anywhere; the others are nothing in 64-bit mode, and do not undo FS. */
    { 8, B(0x64, 0x36, 0x8a, 0x01), { OP(MOV, RM, 1, 1), AT(8, AXVM_X86_FS, 1, NONE) } },
    { 8, B(0x36, 0x8a, 0x01), { OP(MOV, RM, 1, 1), AT(8, 3, 1, NONE) } },
    { 4, B(0x64, 0x36, 0x8a, 0x01), { OP(MOV, RM, 1, 1), AT(4, AXVM_X86_SS, 1, NONE) } },
    { 4, B(0x2e, 0x8b, 0x01), { OP(MOV, RM, 4, 4), AT(4, 1, 1, NONE) } },
    { 4, B(0x26, 0x8b, 0x01), { OP(MOV, RM, 4, 4), AT(4, 0, 1, NONE) } },
    { 4, B(0x65, 0x8b, 0x01), { OP(MOV, RM, 4, 4), AT(4, 5, 1, NONE) } },
    /* 16-bit addresses: all eight forms. */
    { 2, B(0x8b, 0x00), { OP(MOV, RM, 2, 2), AT(2, 3, 3, 6) } },
    { 2, B(0x8b, 0x41, 0xff), { OP(MOV, RM, 2, 2), AT(2, 3, 3, 7), .disp = -1 } },
    { 2, B(0x8b, 0x82, 0x34, 0x12), { OP(MOV, RM, 2, 2), AT(2, 2, 5, 6), .disp = 0x1234 } },
    { 2, B(0x8b, 0x03), { OP(MOV, RM, 2, 2), AT(2, 2, 5, 7) } },
    { 2, B(0x8b, 0x04), { OP(MOV, RM, 2, 2), AT(2, 3, 6, NONE) } },
    { 2, B(0x8b, 0x05), { OP(MOV, RM, 2, 2), AT(2, 3, 7, NONE) } },
    { 2, B(0x8b, 0x06, 0xf0, 0xff), { OP(MOV, RM, 2, 2), AT(2, 3, NONE, NONE), .disp = -16 } },
    { 2, B(0x8b, 0x46, 0x02), { OP(MOV, RM, 2, 2), AT(2, 2, 5, NONE), .disp = 2 } },
    { 2, B(0x8b, 0x07), { OP(MOV, RM, 2, 2), AT(2, 3, 3, NONE) } },
    /* Sizes the other way round with 66 and 67. */
    { 2, B(0x66, 0x67, 0x8b, 0x44, 0x24, 0x04), { OP(MOV, RM, 4, 4), AT(4, 2, 4, NONE), .disp = 4 } },
    { 4, B(0x66, 0x67, 0x8b, 0x04), { OP(MOV, RM, 2, 2), AT(2, 3, 6, NONE) } },
    { 8, B(0x67, 0x8b, 0x06), { OP(MOV, RM, 4, 4), AT(4, 3, 6, NONE) } },
    /* Addresses in the place of immediates. */
    { 8, B(0xa1, 0x20, 0, 0xe0, 0xfe, 0, 0, 0, 0), { OP(MOV, RM, 4, 4), AT(8, 3, NONE, NONE), .disp = 0xfee00020 } },
    { 4, B(0xa2, 0x20, 0, 0xe0, 0xfe), { OP(MOV, MR, 1, 1), AT(4, 3, NONE, NONE), .disp = (int32_t)0xfee00020 } },
    { 2, B(0x26, 0xa3, 0x34, 0x12), { OP(MOV, MR, 2, 2), AT(2, 0, NONE, NONE), .disp = 0x1234 } },
    /* Extension, and what is MOVSXD in 64-bit mode only. */
    { 8, B(0x0f, 0xb6, 0x0f), { OP(MOVZX, RM, 1, 4), AT(8, 3, 7, NONE), .reg = 1 } },
    { 8, B(0x0f, 0xb6, 0x27), { OP(MOVZX, RM, 1, 4), AT(8, 3, 7, NONE), .reg = 4 } },
    { 8, B(0x48, 0x0f, 0xbf, 0x0f), { OP(MOVSX, RM, 2, 8), AT(8, 3, 7, NONE), .reg = 1 } },
    { 8, B(0x48, 0x63, 0x0f), { OP(MOVSX, RM, 4, 8), AT(8, 3, 7, NONE), .reg = 1 } },
    /* Groups. */
    { 8,
      B(0xf0, 0x48, 0x83, 0x08, 0x80),
      { OP(OR, MI, 8, 8), AT(8, 3, 0, NONE), .reg = 1, .lock = true, .imm = UINT64_C(0xffffffffffffff80) } },
    { 4, B(0x66, 0x81, 0x38, 0xff, 0xff), { OP(CMP, MI, 2, 2), AT(4, 3, 0, NONE), .reg = 7, .imm = UINT64_MAX } },
    { 4, B(0xf6, 0x00, 0x12), { OP(TEST, MI, 1, 1), AT(4, 3, 0, NONE), .imm = 0x12 } },
    { 4, B(0xf7, 0x08, 1, 2, 3, 4), { OP(TEST, MI, 4, 4), AT(4, 3, 0, NONE), .reg = 1, .imm = 0x04030201 } },
    { 4, B(0xff, 0x30), { OP(PUSH, M, 4, 4), AT(4, 3, 0, NONE), .reg = 6 } },
    { 8, B(0xff, 0x30), { OP(PUSH, M, 8, 8), AT(8, 3, 0, NONE), .reg = 6 } },
    { 8, B(0x66, 0x8f, 0x00), { OP(POP, M, 2, 2), AT(8, 3, 0, NONE) } },
    { 8, B(0x0f, 0xba, 0x28, 0x41), { OP(BTS, MI, 4, 4), AT(8, 3, 0, NONE), .reg = 5, .imm = 0x41 } },
    { 8, B(0x48, 0x0f, 0xc7, 0x08), { OP(CMPXCHG8B, M, 16, 8), AT(8, 3, 0, NONE), .reg = 1 } },
    { 4, B(0x66, 0x0f, 0xc7, 0x08), { OP(CMPXCHG8B, M, 8, 2), AT(4, 3, 0, NONE), .reg = 1 } },
    { 8, B(0x0f, 0x9d, 0x00), { OP(SETCC, M, 1, 1), AT(8, 3, 0, NONE), .cond = 13 } },
    { 8, B(0x0f, 0x38, 0xf1, 0x00), { OP(MOVBE, MR, 4, 4), AT(8, 3, 0, NONE) } },
    /* The last of F2 and F3. */
    { 8, B(0xf3, 0xf2, 0xa6), { OP(CMPS, STR, 1, 1), AT(8, 3, NONE, NONE), .rep = X86_REP_NE } },
    { 8, B(0xf3, 0x48, 0xa5), { OP(MOVS, STR, 8, 8), AT(8, 3, NONE, NONE), .rep = X86_REP_E } },
    /* Ports have 4 bytes at most. */
    { 8, B(0x48, 0x6f), { OP(OUTS, STR, 4, 4), AT(8, 3, NONE, NONE) } },
    { 8, B(0x48, 0xe5, 0x80), { OP(IN, IMM, 4, 4), AT(8, 3, NONE, NONE), .imm = UINT64_C(0xffffffffffffff80) } },
    { 2, B(0xef), { OP(OUT, DX, 2, 2), AT(2, 3, NONE, NONE) } },
    /* XMM: F3 before 66. */
    { 8, B(0x66, 0xf3, 0x44, 0x0f, 0x6f, 0x01), { OP(MOVXMM, RM, 16, 2), AT(8, 3, 1, NONE), .reg = 8, .rep = X86_REP_E } },
    { 8, B(0x66, 0x48, 0x0f, 0x7e, 0x01), { OP(MOVXMM, MR, 8, 8), AT(8, 3, 1, NONE) } },
    /* 40 to 4f are prefixes in 64-bit mode only; elsewhere 89 does not follow them. */
    { 4, B(0x67, 0x66, 0x89, 0x07), { OP(MOV, MR, 2, 2), AT(2, 3, 3, NONE) } },
    /* The longest there is: 15 bytes, of which many prefixes say the same. */
    { 8,
      B(0x3e, 0x3e, 0x3e, 0x3e, 0x64, 0x67, 0xc7, 0x44, 0x88, 0x10, 1, 2, 3, 4),
      { OP(MOV, MI, 4, 4), AT(4, 4, 0, 1), .scale = 2, .disp = 16, .imm = 0x04030201 } },
};

static void assert_same(const struct row *row, const struct axvm_x86_insn *i, size_t n)
{
    const struct axvm_x86_insn *e = &row->e;

#define SAME(member)                                                                                                           \
    if ((uint64_t)i->member != (uint64_t)e->member)                                                                            \
    fail_msg("row %zu: " #member " is %llx, not %llx", n, (unsigned long long)i->member, (unsigned long long)e->member)
    assert_int_equal(i->len, row->len);
    SAME(op);
    SAME(form);
    SAME(size);
    SAME(reg_size);
    SAME(addr_size);
    SAME(seg);
    SAME(base);
    SAME(index);
    SAME(scale);
    if (e->form == X86_FORM_MR || e->form == X86_FORM_RM)
        SAME(reg);
    SAME(cond);
    SAME(rep);
    SAME(high);
    SAME(lock);
    SAME(rip_relative);
    SAME(disp);
    SAME(imm);
}

static void an_instruction_is_what_the_manual_says(void **state)
{
    (void)state;
    for (size_t n = 0; n < AXVM_ARRAY_LEN(rows); n++) {
        struct axvm_x86_insn insn;

        assert_int_equal(axvm_x86_decode(rows[n].bytes, (unsigned int)rows[n].len, rows[n].mode, &insn), AXVM_X86_DECODED);
        assert_same(&rows[n], &insn, n);
        /* What follows does not matter. */
        assert_int_equal(axvm_x86_decode(rows[n].bytes, 15, rows[n].mode, &insn), AXVM_X86_DECODED);
        assert_same(&rows[n], &insn, n);
    }
}

static void an_instruction_cut_short_wants_more_bytes_and_reads_none_beyond(void **state)
{
    (void)state;
    for (size_t n = 0; n < AXVM_ARRAY_LEN(rows); n++) {
        for (unsigned int len = 0; len < rows[n].len; len++) {
            uint8_t *exact = malloc(len + 1); /* ASan sees a read past it */
            struct axvm_x86_insn insn;

            memcpy(exact + 1, rows[n].bytes, len);
            assert_int_equal(axvm_x86_decode(exact + 1, len, rows[n].mode, &insn), AXVM_X86_DEC_MORE);
            free(exact);
        }
    }
}

static const struct refused {
    enum axvm_x86_mode mode;
    uint8_t bytes[16];
    size_t len;
    enum axvm_x86_decoded why;
} refused[] = {
    /* LOCK with what only reads, with MOV, with a register. */
    { 8, B(0xf0, 0x39, 0x00), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x89, 0x00), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x03, 0x00), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x84, 0x00), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0xf7, 0x00, 0, 0, 0, 0), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x0f, 0xa3, 0x00), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x0f, 0xba, 0x20, 0), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0xa4), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x6e), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0xff, 0x30), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0xc1, 0x20, 1), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0xf7, 0x20), AXVM_X86_DEC_UD },
    { 8, B(0xf0, 0x01, 0xc0), AXVM_X86_DEC_UD },
    /* No operand in memory. */
    { 8, B(0x89, 0xc0), AXVM_X86_DEC_REGISTER },
    { 4, B(0x0f, 0xb6, 0xc0), AXVM_X86_DEC_REGISTER },
    { 2, B(0xff, 0xf0), AXVM_X86_DEC_REGISTER },
    /* Not ours: CALL, JMP, ARPL, VEX, CRC32, MMX, JMPE, TZCNT, LES, XOP, BOUND. */
    { 8, B(0xff, 0x10), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0xff, 0x20), AXVM_X86_DEC_UNKNOWN },
    { 4, B(0x63, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0xc5, 0xf8, 0x10, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0xf2, 0x0f, 0x38, 0xf1, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x0f, 0x6f, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x0f, 0xb8, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0xf3, 0x0f, 0xbc, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 4, B(0xc4, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x8f, 0xe8, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 4, B(0x62, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x66, 0x0f, 0xc3, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x0f, 0xc7, 0x30), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0x0f, 0xba, 0x00, 0), AXVM_X86_DEC_UNKNOWN },
    { 4, B(0x40, 0x89, 0x00), AXVM_X86_DEC_UNKNOWN },
    { 8, B(0xf4), AXVM_X86_DEC_UNKNOWN },
    /* 16 bytes. */
    { 8, B(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x89, 0x00), AXVM_X86_DEC_LONG },
    { 4, B(0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0x3e, 0xc7, 0x05, 0, 0, 0, 0, 0), AXVM_X86_DEC_LONG },
    { 2, B(0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x2e), AXVM_X86_DEC_LONG },
};

static void what_is_no_access_of_memory_is_told_apart(void **state)
{
    (void)state;
    for (size_t n = 0; n < AXVM_ARRAY_LEN(refused); n++) {
        struct axvm_x86_insn insn;
        enum axvm_x86_decoded why = axvm_x86_decode(refused[n].bytes, (unsigned int)refused[n].len, refused[n].mode, &insn);

        if (why != refused[n].why)
            fail_msg("row %zu: %d, not %d", n, why, refused[n].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instruction_is_what_the_manual_says),
        cmocka_unit_test(an_instruction_cut_short_wants_more_bytes_and_reads_none_beyond),
        cmocka_unit_test(what_is_no_access_of_memory_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
