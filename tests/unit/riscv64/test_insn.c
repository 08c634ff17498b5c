/* SPDX-License-Identifier: BSD-2-Clause */
/* Decoding of loads and stores, and what is believed of htinst: hostile-guest.md rows 3 and 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn.h"

/* Words as an assembler makes them. */
static const struct {
    const char *text;
    uint32_t word;
    enum axvm_insn_kind kind;
    uint8_t len, size, reg, base;
    bool fp, sign, lr;
    int64_t offset;
} words[] = {
    { "lb a5,0(a3)", 0x00068783, AXVM_INSN_LOAD, 4, 1, 15, 13, 0, 1, 0, 0 },
    { "lbu a0,-1(a5)", 0xfff7c503, AXVM_INSN_LOAD, 4, 1, 10, 15, 0, 0, 0, -1 },
    { "lh t0,2047(s11)", 0x7ffd9283, AXVM_INSN_LOAD, 4, 2, 5, 27, 0, 1, 0, 2047 },
    { "lhu t6,-2048(sp)", 0x80015f83, AXVM_INSN_LOAD, 4, 2, 31, 2, 0, 0, 0, -2048 },
    { "lw x0,4(a0)", 0x00452003, AXVM_INSN_LOAD, 4, 4, 0, 10, 0, 1, 0, 4 },
    { "lwu s1,12(a0)", 0x00c56483, AXVM_INSN_LOAD, 4, 4, 9, 10, 0, 0, 0, 12 },
    { "ld a0,8(sp)", 0x6522, AXVM_INSN_LOAD, 2, 8, 10, 2, 0, 1, 0, 8 },
    { "sb s0,0(a4)", 0x00870023, AXVM_INSN_STORE, 4, 1, 8, 14, 0, 0, 0, 0 },
    { "sb a4,-1(a5)", 0xfee78fa3, AXVM_INSN_STORE, 4, 1, 14, 15, 0, 0, 0, -1 },
    { "sh x0,2047(t0)", 0x7e029fa3, AXVM_INSN_STORE, 4, 2, 0, 5, 0, 0, 0, 2047 },
    { "sw t6,-2048(t6)", 0x81ffa023, AXVM_INSN_STORE, 4, 4, 31, 31, 0, 0, 0, -2048 },
    { "sd ra,1024(sp)", 0x40113023, AXVM_INSN_STORE, 4, 8, 1, 2, 0, 0, 0, 1024 },
    { "flw fa0,4(a0)", 0x00452507, AXVM_INSN_LOAD, 4, 4, 10, 10, 1, 1, 0, 4 },
    { "fld f31,-8(a1)", 0xff85bf87, AXVM_INSN_LOAD, 4, 8, 31, 11, 1, 1, 0, -8 },
    { "fsw f1,12(a2)", 0x00162627, AXVM_INSN_STORE, 4, 4, 1, 12, 1, 0, 0, 12 },
    { "fsd fs0,2040(s0)", 0x7e843c27, AXVM_INSN_STORE, 4, 8, 8, 8, 1, 0, 0, 2040 },
    { "lr.w a0,(a1)", 0x1005a52f, AXVM_INSN_AMO, 4, 4, 10, 11, 0, 0, 1, 0 },
    { "lr.d.aq a0,(a1)", 0x1405b52f, AXVM_INSN_AMO, 4, 8, 10, 11, 0, 0, 1, 0 },
    { "sc.w a0,a2,(a1)", 0x18c5a52f, AXVM_INSN_AMO, 4, 4, 10, 11, 0, 0, 0, 0 },
    { "amoadd.d t0,t1,(t2)", 0x0063b2af, AXVM_INSN_AMO, 4, 8, 5, 7, 0, 0, 0, 0 },
    { "amoswap.w x0,x0,(a5)", 0x0807a02f, AXVM_INSN_AMO, 4, 4, 0, 15, 0, 0, 0, 0 },
    { "addi a0,a0,1", 0x0505, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "csrr a0,sstatus", 0x10002573, AXVM_INSN_OTHER, 4, 0, 0, 0, 0, 0, 0, 0 },
    { "fence", 0x0ff0000f, AXVM_INSN_OTHER, 4, 0, 0, 0, 0, 0, 0, 0 },
    { "c.lw a0,4(a1)", 0x41c8, AXVM_INSN_LOAD, 2, 4, 10, 11, 0, 1, 0, 4 },
    { "c.lw s1,124(s0)", 0x5c64, AXVM_INSN_LOAD, 2, 4, 9, 8, 0, 1, 0, 124 },
    { "c.ld a5,248(a4)", 0x7f7c, AXVM_INSN_LOAD, 2, 8, 15, 14, 0, 1, 0, 248 },
    { "c.ld a0,0(a0)", 0x6108, AXVM_INSN_LOAD, 2, 8, 10, 10, 0, 1, 0, 0 },
    { "c.fld fa0,8(a1)", 0x2588, AXVM_INSN_LOAD, 2, 8, 10, 11, 1, 1, 0, 8 },
    { "c.sw a0,64(a1)", 0xc1a8, AXVM_INSN_STORE, 2, 4, 10, 11, 0, 0, 0, 64 },
    { "c.sd s0,136(a5)", 0xe7c0, AXVM_INSN_STORE, 2, 8, 8, 15, 0, 0, 0, 136 },
    { "c.fsd fs1,240(s1)", 0xb8e4, AXVM_INSN_STORE, 2, 8, 9, 9, 1, 0, 0, 240 },
    { "c.lwsp ra,252(sp)", 0x50fe, AXVM_INSN_LOAD, 2, 4, 1, 2, 0, 1, 0, 252 },
    { "c.lwsp t6,4(sp)", 0x4f92, AXVM_INSN_LOAD, 2, 4, 31, 2, 0, 1, 0, 4 },
    { "c.ldsp a0,504(sp)", 0x757e, AXVM_INSN_LOAD, 2, 8, 10, 2, 0, 1, 0, 504 },
    { "c.ldsp s11,64(sp)", 0x6d86, AXVM_INSN_LOAD, 2, 8, 27, 2, 0, 1, 0, 64 },
    { "c.fldsp f10,320(sp)", 0x2516, AXVM_INSN_LOAD, 2, 8, 10, 2, 1, 1, 0, 320 },
    { "c.swsp x0,252(sp)", 0xdf82, AXVM_INSN_STORE, 2, 4, 0, 2, 0, 0, 0, 252 },
    { "c.swsp t6,4(sp)", 0xc27e, AXVM_INSN_STORE, 2, 4, 31, 2, 0, 0, 0, 4 },
    { "c.sdsp ra,504(sp)", 0xff86, AXVM_INSN_STORE, 2, 8, 1, 2, 0, 0, 0, 504 },
    { "c.sdsp s1,64(sp)", 0xe0a6, AXVM_INSN_STORE, 2, 8, 9, 2, 0, 0, 0, 64 },
    { "c.fsdsp f8,448(sp)", 0xa3a2, AXVM_INSN_STORE, 2, 8, 8, 2, 1, 0, 0, 448 },
    { "c.lbu a0,3(a1)", 0x81e8, AXVM_INSN_LOAD, 2, 1, 10, 11, 0, 0, 0, 3 },
    { "c.lbu a0,1(a1)", 0x81c8, AXVM_INSN_LOAD, 2, 1, 10, 11, 0, 0, 0, 1 },
    { "c.lhu a0,2(a1)", 0x85a8, AXVM_INSN_LOAD, 2, 2, 10, 11, 0, 0, 0, 2 },
    { "c.lh a0,2(a1)", 0x85e8, AXVM_INSN_LOAD, 2, 2, 10, 11, 0, 1, 0, 2 },
    { "c.lh s1,0(s0)", 0x8444, AXVM_INSN_LOAD, 2, 2, 9, 8, 0, 1, 0, 0 },
    { "c.sb a0,2(a1)", 0x89a8, AXVM_INSN_STORE, 2, 1, 10, 11, 0, 0, 0, 2 },
    { "c.sh a0,2(a1)", 0x8da8, AXVM_INSN_STORE, 2, 2, 10, 11, 0, 0, 0, 2 },
    { "reserved beside c.sh", 0x8de8, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "reserved in zcb", 0x91a8, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "c.addi4spn a0,sp,16", 0x0808, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "c.jr ra", 0x8082, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "c.slli a0,3", 0x050e, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "c.nop", 0x0001, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
    { "c.li a0,5", 0x4515, AXVM_INSN_OTHER, 2, 0, 0, 0, 0, 0, 0, 0 },
};

static void every_form_is_decoded_as_the_assembler_encodes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(words); i++) {
        struct axvm_insn d = axvm_insn_decode(words[i].word);

        assert_int_equal(d.len, words[i].len);
        assert_int_equal(d.kind, words[i].kind);
        if (d.kind == AXVM_INSN_OTHER)
            continue;
        assert_int_equal(d.size, words[i].size);
        assert_int_equal(d.reg, words[i].reg);
        assert_int_equal(d.base, words[i].base);
        assert_int_equal(d.offset, words[i].offset);
        assert_int_equal(d.fp, words[i].fp);
        if (d.kind == AXVM_INSN_LOAD)
            assert_int_equal(d.sign, words[i].sign);
        if (d.kind == AXVM_INSN_AMO)
            assert_int_equal(d.is_lr, words[i].lr);
    }
}

static void what_follows_a_compressed_instruction_does_not_matter(void **state)
{
    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(words); i++) {
        struct axvm_insn d = axvm_insn_decode(words[i].word | 0xffff0000u);

        if (words[i].len == 2) {
            assert_int_equal(d.kind, words[i].kind);
            assert_int_equal(d.offset, d.kind == AXVM_INSN_OTHER ? d.offset : words[i].offset);
        }
    }
}

static void no_word_makes_an_access_of_an_impossible_size_or_register(void **state)
{
    uint32_t word = 12345;

    (void)state;
    for (unsigned int i = 0; i < 2000000; i++) {
        struct axvm_insn d;

        word = word * 1664525u + 1013904223u;
        d = axvm_insn_decode(i < 0x10000 ? i : word);
        assert_true(d.len == 2 || d.len == 4);
        assert_true(d.kind == AXVM_INSN_OTHER || d.size == 1 || d.size == 2 || d.size == 4 || d.size == 8);
        assert_true(d.reg < 32 && d.base < 32);
        assert_true(d.offset >= -2048 && d.offset < 2048);
    }
}

/* A transformed instruction: no offset, no base register, bit 1 for a 32-bit one. */
static void htinst_of_a_load_or_store_is_believed(void **state)
{
    struct axvm_insn d = axvm_insn_decode_htinst(0x00002503, false); /* lw a0 */

    (void)state;
    assert_int_equal(d.kind, AXVM_INSN_LOAD);
    assert_int_equal(d.reg, 10);
    assert_int_equal(d.size, 4);
    assert_int_equal(d.len, 4);
    assert_true(d.sign);
    d = axvm_insn_decode_htinst(0x00002501, false); /* the same, of a compressed one */
    assert_int_equal(d.kind, AXVM_INSN_LOAD);
    assert_int_equal(d.len, 2);
    d = axvm_insn_decode_htinst(0x00a03023, true); /* sd a0 */
    assert_int_equal(d.kind, AXVM_INSN_STORE);
    assert_int_equal(d.reg, 10);
    assert_int_equal(d.size, 8);
}

static void htinst_that_does_not_fit_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(axvm_insn_decode_htinst(0, false).kind, AXVM_INSN_OTHER);
    assert_int_equal(axvm_insn_decode_htinst(0x00002503, true).kind, AXVM_INSN_OTHER);        /* a load for a store's trap */
    assert_int_equal(axvm_insn_decode_htinst(0x00a03023, false).kind, AXVM_INSN_OTHER);
    assert_int_equal(axvm_insn_decode_htinst(0x0000a503, false).kind, AXVM_INSN_OTHER);       /* misaligned */
    assert_int_equal(axvm_insn_decode_htinst(0x00402503, false).kind, AXVM_INSN_OTHER);       /* not transformed */
    assert_int_equal(axvm_insn_decode_htinst(0x0805252f, true).kind, AXVM_INSN_OTHER);        /* an AMO */
    assert_int_equal(axvm_insn_decode_htinst(0x1000002503, false).kind, AXVM_INSN_OTHER);     /* more than 32 bits */
    assert_int_equal(axvm_insn_decode_htinst(0x00007503, false).kind, AXVM_INSN_OTHER);       /* no such load */
}

static void accesses_of_a_table_walk_are_told_apart(void **state)
{
    bool write;

    (void)state;
    assert_true(axvm_htinst_is_walk(0x3000, &write) && !write);
    assert_true(axvm_htinst_is_walk(0x2000, &write) && !write);
    assert_true(axvm_htinst_is_walk(0x3020, &write) && write);
    assert_false(axvm_htinst_is_walk(0, &write));
    assert_false(axvm_htinst_is_walk(0x2503, &write));
    assert_false(axvm_htinst_is_walk(0x100003000, &write));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_decoded_as_the_assembler_encodes_it),
        cmocka_unit_test(what_follows_a_compressed_instruction_does_not_matter),
        cmocka_unit_test(no_word_makes_an_access_of_an_impossible_size_or_register),
        cmocka_unit_test(htinst_of_a_load_or_store_is_believed),
        cmocka_unit_test(htinst_that_does_not_fit_is_not_believed),
        cmocka_unit_test(accesses_of_a_table_walk_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
