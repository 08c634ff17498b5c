/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn.c against a second decoder, which works in another way: it reads the encoding diagrams of the Arm ARM, one letter a bit,
 * and knows nothing of masks. hostile-guest.md rows 3 and 4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/err.h>

#include "bits.h"
#include "insn.h"

/*
 * z size, v SIMD&FP, o opc, i immediate, n Rn, t Rt, u Rt2, s Rs, m Rm, k option, x shift, l load, q opc of a pair or literal,
 * . either
 */
enum shape {
    OFFSET, POST, PRE, UNSIGNED, REGISTER, LITERAL,
    PAIR, PAIR_NA, PAIR_POST, PAIR_PRE,
    STXR, LDXR, STORE_ORD, LOAD_ORD,
};

static const struct {
    const char *bits;
    enum shape shape;
} diagrams[] = {
    { "zz111v00oo0iiiiiiiii00nnnnnttttt", OFFSET },    /* unscaled */
    { "zz111v00oo0iiiiiiiii01nnnnnttttt", POST },
    { "zz111000oo0iiiiiiiii10nnnnnttttt", OFFSET },    /* unprivileged */
    { "zz111v00oo0iiiiiiiii11nnnnnttttt", PRE },
    { "zz111v00oo1mmmmmkkkx10nnnnnttttt", REGISTER },
    { "zz111v01ooiiiiiiiiiiiinnnnnttttt", UNSIGNED },
    { "zz011001oo0iiiiiiiii00nnnnnttttt", OFFSET },    /* ordered */
    { "zz11100010111111110000nnnnnttttt", LOAD_ORD },  /* LDAPR */
    { "zz00100011011111.11111nnnnnttttt", LOAD_ORD },  /* LDAR, LDLAR */
    { "zz00100010011111.11111nnnnnttttt", STORE_ORD }, /* STLR, STLLR */
    { "zz00100001011111.11111nnnnnttttt", LDXR },
    { "zz001000000sssss.11111nnnnnttttt", STXR },
    { "qq011v00iiiiiiiiiiiiiiiiiiittttt", LITERAL },
    { "qq101v000liiiiiiiuuuuunnnnnttttt", PAIR_NA },
    { "qq101v001liiiiiiiuuuuunnnnnttttt", PAIR_POST },
    { "qq101v010liiiiiiiuuuuunnnnnttttt", PAIR },
    { "qq101v011liiiiiiiuuuuunnnnnttttt", PAIR_PRE },
};

/* The value of the bits called @letter. */
static uint64_t get(const char *bits, uint32_t insn, char letter)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < 32; i++)
        if (bits[i] == letter)
            v = v << 1 | (insn >> (31 - i) & 1);
    return v;
}

static unsigned int width(const char *bits, char letter)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < 32; i++)
        n += bits[i] == letter;
    return n;
}

static int64_t get_signed(const char *bits, uint32_t insn, char letter)
{
    uint64_t v = get(bits, insn, letter), sign = UINT64_C(1) << (width(bits, letter) - 1);

    return (int64_t)((v ^ sign) - sign);
}

static bool fits(const char *bits, uint32_t insn)
{
    for (unsigned int i = 0; i < 32; i++)
        if ((bits[i] == '0' || bits[i] == '1') && (uint32_t)(bits[i] - '0') != (insn >> (31 - i) & 1))
            return false;
    return true;
}

struct meaning {
    uint64_t addr, back_val;
    unsigned int reg[2], regs, bytes, reg_bytes, base, status;
    bool load, sign, fp, back, aligned, excl;
};

/* size, V, opc of the single registers, as the tables "Load/store register (...)" list them. */
static bool single(unsigned int size, bool v, unsigned int opc, struct meaning *m)
{
    static const struct {
        uint8_t size, v, opc, bytes, load, sign, reg_bytes;
    } t[] = {
        { 0, 0, 0, 1, 0, 0, 4 }, { 0, 0, 1, 1, 1, 0, 4 }, { 0, 0, 2, 1, 1, 1, 8 }, { 0, 0, 3, 1, 1, 1, 4 },
        { 1, 0, 0, 2, 0, 0, 4 }, { 1, 0, 1, 2, 1, 0, 4 }, { 1, 0, 2, 2, 1, 1, 8 }, { 1, 0, 3, 2, 1, 1, 4 },
        { 2, 0, 0, 4, 0, 0, 4 }, { 2, 0, 1, 4, 1, 0, 4 }, { 2, 0, 2, 4, 1, 1, 8 },
        { 3, 0, 0, 8, 0, 0, 8 }, { 3, 0, 1, 8, 1, 0, 8 },
        { 0, 1, 0, 1, 0, 0, 0 }, { 0, 1, 1, 1, 1, 0, 0 }, { 0, 1, 2, 16, 0, 0, 0 }, { 0, 1, 3, 16, 1, 0, 0 },
        { 1, 1, 0, 2, 0, 0, 0 }, { 1, 1, 1, 2, 1, 0, 0 }, { 2, 1, 0, 4, 0, 0, 0 }, { 2, 1, 1, 4, 1, 0, 0 },
        { 3, 1, 0, 8, 0, 0, 0 }, { 3, 1, 1, 8, 1, 0, 0 },
    };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        if (t[i].size == size && t[i].v == v && t[i].opc == opc) {
            m->bytes = t[i].bytes;
            m->load = t[i].load;
            m->sign = t[i].sign;
            m->reg_bytes = t[i].reg_bytes;
            return true;
        }
    }
    return false;
}

static bool pair_or_literal(unsigned int opc, bool v, bool pair, bool no_allocate, struct meaning *m)
{
    static const uint8_t fp_bytes[] = { 4, 8, 16 };

    if (opc == 3)
        return false;
    if (v) {
        m->bytes = fp_bytes[opc];
        return true;
    }
    /* Pairs: W, SW, X; literals: W, X, SW */
    if (pair && opc != 0)
        opc = 3 - opc;
    m->bytes = opc == 1 ? 8 : 4;
    m->reg_bytes = opc == 0 ? 4 : 8;
    m->sign = opc == 2;
    return !(pair && m->sign && (!m->load || no_allocate));
}

static uint64_t offset_of(const char *b, uint32_t insn, const struct axvm_insn_regs *regs, const struct meaning *m, bool *ok)
{
    unsigned int rm = (unsigned int)get(b, insn, 'm');
    uint64_t v = rm == 31 ? 0 : regs->gpr[rm];

    switch (get(b, insn, 'k')) {
    case 2:
        v = (uint32_t)v;
        break;
    case 6:
        v = (uint64_t)(int64_t)(int32_t)(uint32_t)v;
        break;
    case 3:
    case 7:
        break;
    default:
        *ok = false;
    }
    return get(b, insn, 'x') ? v * m->bytes : v;
}

static bool interpret(const char *b, enum shape shape, uint32_t insn, const struct axvm_insn_regs *regs, struct meaning *m)
{
    bool pair = shape == PAIR || shape == PAIR_NA || shape == PAIR_POST || shape == PAIR_PRE, ok = true;
    unsigned int rn = (unsigned int)get(b, insn, 'n');
    uint64_t base = rn == 31 ? regs->sp : regs->gpr[rn], moved = base;

    *m = (struct meaning){ .regs = pair ? 2 : 1, .base = rn, .fp = get(b, insn, 'v') != 0, .load = get(b, insn, 'l') != 0 };
    m->reg[0] = (unsigned int)get(b, insn, 't');
    m->reg[1] = (unsigned int)get(b, insn, 'u');
    m->status = (unsigned int)get(b, insn, 's');
    switch (shape) {
    case STXR:
    case LDXR:
    case STORE_ORD:
    case LOAD_ORD:
        m->bytes = 1u << get(b, insn, 'z');
        m->reg_bytes = m->bytes == 8 ? 8 : 4;
        m->load = shape == LDXR || shape == LOAD_ORD;
        m->excl = shape == LDXR || shape == STXR;
        m->aligned = true;
        m->addr = base;
        return shape != STXR || (m->status != m->reg[0] && (m->status != rn || rn == 31));
    case LITERAL:
        m->load = true;
        m->addr = regs->pc + 4 * (uint64_t)get_signed(b, insn, 'i');
        return pair_or_literal((unsigned int)get(b, insn, 'q'), m->fp, false, false, m);
    case PAIR:
    case PAIR_NA:
    case PAIR_POST:
    case PAIR_PRE:
        ok = pair_or_literal((unsigned int)get(b, insn, 'q'), m->fp, true, shape == PAIR_NA, m);
        moved = base + m->bytes * (uint64_t)get_signed(b, insn, 'i');
        ok = ok && !(m->load && m->reg[0] == m->reg[1]);
        break;
    default:
        ok = single((unsigned int)get(b, insn, 'z'), m->fp, (unsigned int)get(b, insn, 'o'), m);
        m->aligned = b[2] == '0';
        if (shape == UNSIGNED)
            moved = base + m->bytes * get(b, insn, 'i');
        else if (shape == REGISTER)
            moved = base + offset_of(b, insn, regs, m, &ok);
        else
            moved = base + (uint64_t)get_signed(b, insn, 'i');
    }
    m->back = shape == POST || shape == PRE || shape == PAIR_POST || shape == PAIR_PRE;
    m->addr = shape == POST || shape == PAIR_POST ? base : moved;
    m->back_val = moved;
    if (m->back && !m->fp && rn != 31 && (rn == m->reg[0] || (pair && rn == m->reg[1])))
        return false;
    return ok;
}

static bool understand(uint32_t insn, const struct axvm_insn_regs *regs, struct meaning *m)
{
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(diagrams); i++)
        if (fits(diagrams[i].bits, insn))
            return interpret(diagrams[i].bits, diagrams[i].shape, insn, regs, m);
    return false;
}

static void agree_on_values(const struct meaning *m, const struct axvm_insn_regs *regs, const struct axvm_mmio *mmio)
{
    uint8_t memory[32], want[32];
    unsigned int at = 0;

    for (unsigned int r = 0; r < m->regs; r++, at += m->bytes) {
        uint64_t x = m->reg[r] == 31 || m->fp ? 0 : regs->gpr[m->reg[r]];

        memcpy(want + at, m->fp ? (const void *)regs->fp->v[m->reg[r]] : &x, m->bytes);
    }
    at = 0;
    for (unsigned int i = 0; i < mmio->count; i++, at += mmio->size) {
        assert_true(mmio->val[i] == axvm_extend(mmio->val[i], mmio->size, false));
        memcpy(memory + at, &mmio->val[i], mmio->size);
    }
    assert_memory_equal(memory, want, at);
}

static void agree(const struct meaning *m, const struct axvm_insn_regs *regs, const struct axvm_mmio *mmio)
{
    const struct axvm_arch_mmio *a = &mmio->arch;

    assert_true(mmio->addr == m->addr && mmio->write == !m->load);
    assert_int_equal(mmio->size * mmio->count, m->bytes * m->regs);
    assert_int_equal(mmio->size * a->elems_per_reg, m->bytes);
    assert_true(a->fp == m->fp && a->sign_extend == m->sign && (m->fp || a->reg_bytes == m->reg_bytes));
    assert_int_equal(a->reg[0], m->reg[0]);
    if (m->regs == 2)
        assert_int_equal(a->reg[1], m->reg[1]);
    assert_true(a->writeback == m->back && (!m->back || (a->base_reg == m->base && a->base_val == m->back_val)));
    assert_true(a->excl_load == (m->excl && m->load) && a->excl_store == (m->excl && !m->load));
    if (a->excl_store)
        assert_int_equal(a->status_reg, m->status);
    if (!m->load)
        agree_on_values(m, regs, mmio);
}

/* ---- words ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A third each: anything; a load or store; one with a bit turned round. */
static uint32_t random_word(void)
{
    const char *b = diagrams[rnd() % AXVM_ARRAY_LEN(diagrams)].bits;
    uint32_t insn = (uint32_t)rnd();
    uint64_t how = rnd() % 3;

    if (how == 0)
        return insn;
    for (unsigned int i = 0; i < 32; i++) {
        uint32_t bit = UINT32_C(1) << (31 - i);

        if (b[i] == '0' || b[i] == '1')
            insn = b[i] == '1' ? insn | bit : insn & ~bit;
    }
    return how == 1 ? insn : insn ^ (UINT32_C(1) << rnd() % 32);
}

static void random_registers(uint64_t *gpr, struct axvm_fp_regs *fp, struct axvm_insn_regs *regs)
{
    for (unsigned int n = 0; n < 31; n++)
        gpr[n] = rnd() >> (rnd() % 64);
    for (unsigned int n = 0; n < 32; n++) {
        fp->v[n][0] = rnd();
        fp->v[n][1] = rnd();
    }
    regs->sp = rnd() & ~UINT64_C(15);
    regs->pc = rnd() & ~UINT64_C(3);
}

#define VA_BITS ((UINT64_C(1) << 56) - 1)

static void a_second_decoder_agrees_on_every_word(void **state)
{
    static uint64_t gpr[31];
    static struct axvm_fp_regs fp;
    struct axvm_insn_regs regs = { .gpr = gpr, .fp = &fp };
    unsigned int accepted = 0, refused = 0;

    (void)state;
    for (unsigned int round = 0; round < 1000000; round++) {
        uint32_t insn = random_word();
        struct meaning m = { 0 };
        struct axvm_mmio mmio;
        bool known, inside;
        uint64_t va;
        int rc;

        if (round % 256 == 0)
            random_registers(gpr, &fp, &regs);
        known = understand(insn, &regs, &m);
        va = m.addr + (known ? rnd() % (m.bytes * m.regs) : 0);
        inside = known && (m.addr & 4095) + m.bytes * m.regs <= 4096 && !(m.aligned && m.addr % m.bytes != 0);
        rc = axvm_insn_decode_ldst(insn, &regs, va, &mmio);
        if ((rc == AXVM_OK) != inside)
            fail_msg("%08x: %s", insn, rc == AXVM_OK ? "accepted" : "refused");
        if (rc == AXVM_OK)
            agree(&m, &regs, &mmio);
        *(rc == AXVM_OK ? &accepted : &refused) += 1;
        va += (rnd() & VA_BITS) | 32;
        if (((va - m.addr) & VA_BITS) >= 32)
            assert_int_equal(axvm_insn_decode_ldst(insn, &regs, va, &mmio), AXVM_ERR_NOSUP);
    }
    /* It has not all been one or the other. */
    assert_true(accepted > 100000 && refused > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_decoder_agrees_on_every_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
