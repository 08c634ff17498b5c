/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile-guest.md rows 3 and 4: loads and stores that come without a syndrome. The words are an assembler's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/err.h>

#include "insn_fixture.h"

/* .base of an instruction that has none */
#define LITERAL 0xff

struct accepted {
    uint32_t insn;
    const char *text;
    uint64_t addr;
    uint8_t size, count, reg[2], reg_bytes;
    bool write, sign, fp, excl, back;
    uint8_t base, status;
    uint64_t val[4], base_val;
};

#define W(word, string) .insn = (word), .text = (string)
#define AT(a, s, c, bytes) .addr = (a), .size = (s), .count = (c), .reg_bytes = (bytes)
#define R(...) .reg = { __VA_ARGS__ }
#define STORES(...) .write = true, .val = { __VA_ARGS__ }
#define BACK(v) .back = true, .base_val = (v)

/* clang-format off */
static const struct accepted accepted[] = {
    /* unsigned offset: all sizes, signs and directions */
    { W(0x39401402, "ldrb w2, [x0, #5]"), AT(BASE + 5, 1, 1, 4), R(2) },
    { W(0x79400c02, "ldrh w2, [x0, #6]"), AT(BASE + 6, 2, 1, 4), R(2) },
    { W(0xb9400402, "ldr w2, [x0, #4]"), AT(BASE + 4, 4, 1, 4), R(2) },
    { W(0xf943fc02, "ldr x2, [x0, #0x7f8]"), AT(BASE + 0x7f8, 8, 1, 8), R(2) },
    { W(0x39c00002, "ldrsb w2, [x0]"), AT(BASE, 1, 1, 4), R(2), .sign = true },
    { W(0x39800002, "ldrsb x2, [x0]"), AT(BASE, 1, 1, 8), R(2), .sign = true },
    { W(0x79c00002, "ldrsh w2, [x0]"), AT(BASE, 2, 1, 4), R(2), .sign = true },
    { W(0x79800002, "ldrsh x2, [x0]"), AT(BASE, 2, 1, 8), R(2), .sign = true },
    { W(0xb9800002, "ldrsw x2, [x0]"), AT(BASE, 4, 1, 8), R(2), .sign = true },
    { W(0x39000c02, "strb w2, [x0, #3]"), AT(BASE + 3, 1, 1, 4), R(2), STORES(X(2) & 0xff) },
    { W(0x79000402, "strh w2, [x0, #2]"), AT(BASE + 2, 2, 1, 4), R(2), STORES(X(2) & 0xffff) },
    { W(0xb9000802, "str w2, [x0, #8]"), AT(BASE + 8, 4, 1, 4), R(2), STORES(X(2) & 0xffffffff) },
    { W(0xf9000402, "str x2, [x0, #8]"), AT(BASE + 8, 8, 1, 8), R(2), STORES(X(2)) },
    { W(0xb900001f, "str wzr, [x0]"), AT(BASE, 4, 1, 4), R(31), STORES(0) },
    { W(0xf9000bff, "str xzr, [sp, #16]"), AT(SP + 16, 8, 1, 8), R(31), STORES(0), .base = 31 },
    { W(0xf94003ff, "ldr xzr, [sp]"), AT(SP, 8, 1, 8), R(31), .base = 31 },
    /* unscaled */
    { W(0x385ff002, "ldurb w2, [x0, #-1]"), AT(BASE - 1, 1, 1, 4), R(2) },
    { W(0xf8500002, "ldur x2, [x0, #-256]"), AT(BASE - 256, 8, 1, 8), R(2) },
    { W(0xb88ff002, "ldursw x2, [x0, #255]"), AT(BASE + 255, 4, 1, 8), R(2), .sign = true },
    { W(0xb81fd002, "stur w2, [x0, #-3]"), AT(BASE - 3, 4, 1, 4), R(2), STORES(X(2) & 0xffffffff) },
    /* writeback */
    { W(0xb8404402, "ldr w2, [x0], #4"), AT(BASE, 4, 1, 4), R(2), BACK(BASE + 4) },
    { W(0xf85f8c02, "ldr x2, [x0, #-8]!"), AT(BASE - 8, 8, 1, 8), R(2), BACK(BASE - 8) },
    { W(0x38dff402, "ldrsb w2, [x0], #-1"), AT(BASE, 1, 1, 4), R(2), .sign = true, BACK(BASE - 1) },
    { W(0x38001402, "strb w2, [x0], #1"), AT(BASE, 1, 1, 4), R(2), STORES(X(2) & 0xff), BACK(BASE + 1) },
    { W(0xf80ffc02, "str x2, [x0, #255]!"), AT(BASE + 255, 8, 1, 8), R(2), STORES(X(2)), BACK(BASE + 255) },
    { W(0xf84107e2, "ldr x2, [sp], #16"), AT(SP, 8, 1, 8), R(2), .base = 31, BACK(SP + 16) },
    { W(0xf81f0fff, "str xzr, [sp, #-16]!"), AT(SP - 16, 8, 1, 8), R(31), STORES(0), .base = 31, BACK(SP - 16) },
    /* register offset, with all extensions */
    { W(0xb8676802, "ldr w2, [x0, x7]"), AT(BASE + 0x10, 4, 1, 4), R(2) },
    { W(0xb8677802, "ldr w2, [x0, x7, lsl #2]"), AT(BASE + 0x40, 4, 1, 4), R(2) },
    { W(0x38677802, "ldrb w2, [x0, x7, lsl #0]"), AT(BASE + 0x10, 1, 1, 4), R(2) },
    { W(0xf868c802, "ldr x2, [x0, w8, sxtw]"), AT(BASE - 16, 8, 1, 8), R(2) },
    { W(0xf868d802, "ldr x2, [x0, w8, sxtw #3]"), AT(BASE - 128, 8, 1, 8), R(2) },
    { W(0xf868f802, "ldr x2, [x0, x8, sxtx #3]"), AT(BASE - 128, 8, 1, 8), R(2) },
    { W(0x78695802, "ldrh w2, [x0, w9, uxtw #1]"), AT(BASE + 0x40, 2, 1, 4), R(2) },
    { W(0xb8a77802, "ldrsw x2, [x0, x7, lsl #2]"), AT(BASE + 0x40, 4, 1, 8), R(2), .sign = true },
    { W(0xf83f6802, "str x2, [x0, xzr]"), AT(BASE, 8, 1, 8), R(2), STORES(X(2)) },
    { W(0x78294be2, "strh w2, [sp, w9, uxtw]"), AT(SP + 0x20, 2, 1, 4), R(2), STORES(X(2) & 0xffff), .base = 31 },
    /* unprivileged */
    { W(0xb8404802, "ldtr w2, [x0, #4]"), AT(BASE + 4, 4, 1, 4), R(2) },
    { W(0x38800802, "ldtrsb x2, [x0]"), AT(BASE, 1, 1, 8), R(2), .sign = true },
    { W(0xf81f8802, "sttr x2, [x0, #-8]"), AT(BASE - 8, 8, 1, 8), R(2), STORES(X(2)) },
    /* literal */
    { W(0x18000102, "ldr w2, .+0x20"), AT(PC + 0x20, 4, 1, 4), R(2), .base = LITERAL },
    { W(0x58ffff02, "ldr x2, .-0x20"), AT(PC - 0x20, 8, 1, 8), R(2), .base = LITERAL },
    { W(0x98000022, "ldrsw x2, .+4"), AT(PC + 4, 4, 1, 8), R(2), .sign = true, .base = LITERAL },
    { W(0x1c000022, "ldr s2, .+4"), AT(PC + 4, 4, 1, 0), R(2), .fp = true, .base = LITERAL },
    { W(0x5c000042, "ldr d2, .+8"), AT(PC + 8, 8, 1, 0), R(2), .fp = true, .base = LITERAL },
    { W(0x9c000082, "ldr q2, .+16"), AT(PC + 16, 8, 2, 0), R(2), .fp = true, .base = LITERAL },
    /* pairs */
    { W(0x29410c02, "ldp w2, w3, [x0, #8]"), AT(BASE + 8, 4, 2, 4), R(2, 3) },
    { W(0xa97f0c02, "ldp x2, x3, [x0, #-16]"), AT(BASE - 16, 8, 2, 8), R(2, 3) },
    { W(0x69410c02, "ldpsw x2, x3, [x0, #8]"), AT(BASE + 8, 4, 2, 8), R(2, 3), .sign = true },
    { W(0xa8c10c02, "ldp x2, x3, [x0], #16"), AT(BASE, 8, 2, 8), R(2, 3), BACK(BASE + 16) },
    { W(0xa9c10c02, "ldp x2, x3, [x0, #16]!"), AT(BASE + 16, 8, 2, 8), R(2, 3), BACK(BASE + 16) },
    { W(0x69e00c02, "ldpsw x2, x3, [x0, #-256]!"), AT(BASE - 256, 4, 2, 8), R(2, 3), .sign = true, BACK(BASE - 256) },
    { W(0xa8c27bfd, "ldp x29, x30, [sp], #32"), AT(SP, 8, 2, 8), R(29, 30), .base = 31, BACK(SP + 32) },
    { W(0x291f8c02, "stp w2, w3, [x0, #252]"), AT(BASE + 252, 4, 2, 4), R(2, 3), STORES(X(2) & 0xffffffff, X(3) & 0xffffffff) },
    { W(0xa9000c02, "stp x2, x3, [x0]"), AT(BASE, 8, 2, 8), R(2, 3), STORES(X(2), X(3)) },
    { W(0xa9000802, "stp x2, x2, [x0]"), AT(BASE, 8, 2, 8), R(2, 2), STORES(X(2), X(2)) },
    { W(0xa8817c1f, "stp xzr, xzr, [x0], #16"), AT(BASE, 8, 2, 8), R(31, 31), STORES(0, 0), BACK(BASE + 16) },
    { W(0xa9be7bfd, "stp x29, x30, [sp, #-32]!"), AT(SP - 32, 8, 2, 8), R(29, 30), STORES(X(29), X(30)), .base = 31,
      BACK(SP - 32) },
    { W(0xa8400c02, "ldnp x2, x3, [x0]"), AT(BASE, 8, 2, 8), R(2, 3) },
    { W(0x28008c02, "stnp w2, w3, [x0, #4]"), AT(BASE + 4, 4, 2, 4), R(2, 3), STORES(X(2) & 0xffffffff, X(3) & 0xffffffff) },
    /* ordered */
    { W(0x08dffc02, "ldarb w2, [x0]"), AT(BASE, 1, 1, 4), R(2) },
    { W(0xc8dffc02, "ldar x2, [x0]"), AT(BASE, 8, 1, 8), R(2) },
    { W(0x889ffc02, "stlr w2, [x0]"), AT(BASE, 4, 1, 4), R(2), STORES(X(2) & 0xffffffff) },
    { W(0x489ffc02, "stlrh w2, [x0]"), AT(BASE, 2, 1, 4), R(2), STORES(X(2) & 0xffff) },
    { W(0x88df7c02, "ldlar w2, [x0]"), AT(BASE, 4, 1, 4), R(2) },
    { W(0xc89f7c02, "stllr x2, [x0]"), AT(BASE, 8, 1, 8), R(2), STORES(X(2)) },
    { W(0xb8bfc002, "ldapr w2, [x0]"), AT(BASE, 4, 1, 4), R(2) },
    { W(0x38bfc3e2, "ldaprb w2, [sp]"), AT(SP, 1, 1, 4), R(2), .base = 31 },
    { W(0xf8bfc002, "ldapr x2, [x0]"), AT(BASE, 8, 1, 8), R(2) },
    { W(0xd95f8002, "ldapur x2, [x0, #-8]"), AT(BASE - 8, 8, 1, 8), R(2) },
    { W(0x19c01002, "ldapursb w2, [x0, #1]"), AT(BASE + 1, 1, 1, 4), R(2), .sign = true },
    { W(0x99804002, "ldapursw x2, [x0, #4]"), AT(BASE + 4, 4, 1, 8), R(2), .sign = true },
    { W(0x99008002, "stlur w2, [x0, #8]"), AT(BASE + 8, 4, 1, 4), R(2), STORES(X(2) & 0xffffffff) },
    { W(0x19001002, "stlurb w2, [x0, #1]"), AT(BASE + 1, 1, 1, 4), R(2), STORES(X(2) & 0xff) },
    /* exclusive */
    { W(0x885f7c02, "ldxr w2, [x0]"), AT(BASE, 4, 1, 4), R(2), .excl = true, .status = 31 },
    { W(0x085ffc02, "ldaxrb w2, [x0]"), AT(BASE, 1, 1, 4), R(2), .excl = true, .status = 31 },
    { W(0x485f7c02, "ldxrh w2, [x0]"), AT(BASE, 2, 1, 4), R(2), .excl = true, .status = 31 },
    { W(0xc85fffe2, "ldaxr x2, [sp]"), AT(SP, 8, 1, 8), R(2), .excl = true, .status = 31, .base = 31 },
    { W(0x88047c02, "stxr w4, w2, [x0]"), AT(BASE, 4, 1, 4), R(2), STORES(X(2) & 0xffffffff), .excl = true, .status = 4 },
    { W(0xc804fc02, "stlxr w4, x2, [x0]"), AT(BASE, 8, 1, 8), R(2), STORES(X(2)), .excl = true, .status = 4 },
    { W(0x081f7c02, "stxrb wzr, w2, [x0]"), AT(BASE, 1, 1, 4), R(2), STORES(X(2) & 0xff), .excl = true, .status = 31 },
    { W(0x4804ffe2, "stlxrh w4, w2, [sp]"), AT(SP, 2, 1, 4), R(2), STORES(X(2) & 0xffff), .excl = true, .status = 4,
      .base = 31 },
    /* SIMD&FP */
    { W(0x3d400402, "ldr b2, [x0, #1]"), AT(BASE + 1, 1, 1, 0), R(2), .fp = true },
    { W(0x7d40041f, "ldr h31, [x0, #2]"), AT(BASE + 2, 2, 1, 0), R(31), .fp = true },
    { W(0xbc677802, "ldr s2, [x0, x7, lsl #2]"), AT(BASE + 0x40, 4, 1, 0), R(2), .fp = true },
    { W(0xfc408402, "ldr d2, [x0], #8"), AT(BASE, 8, 1, 0), R(2), .fp = true, BACK(BASE + 8) },
    { W(0xfc408c00, "ldr d0, [x0, #8]!"), AT(BASE + 8, 8, 1, 0), R(0), .fp = true, BACK(BASE + 8) },
    { W(0x3dc00802, "ldr q2, [x0, #32]"), AT(BASE + 32, 8, 2, 0), R(2), .fp = true },
    { W(0x3cdf0002, "ldur q2, [x0, #-16]"), AT(BASE - 16, 8, 2, 0), R(2), .fp = true },
    { W(0x3ce77802, "ldr q2, [x0, x7, lsl #4]"), AT(BASE + 0x100, 8, 2, 0), R(2), .fp = true },
    { W(0x3d000002, "str b2, [x0]"), AT(BASE, 1, 1, 0), R(2), STORES(VLO(2) & 0xff), .fp = true },
    { W(0x7d000002, "str h2, [x0]"), AT(BASE, 2, 1, 0), R(2), STORES(VLO(2) & 0xffff), .fp = true },
    { W(0xbd00001f, "str s31, [x0]"), AT(BASE, 4, 1, 0), R(31), STORES(VLO(31) & 0xffffffff), .fp = true },
    { W(0xfc003002, "stur d2, [x0, #3]"), AT(BASE + 3, 8, 1, 0), R(2), STORES(VLO(2)), .fp = true },
    { W(0x3c9f0fe2, "str q2, [sp, #-16]!"), AT(SP - 16, 8, 2, 0), R(2), STORES(VLO(2), VHI(2)), .fp = true, .base = 31,
      BACK(SP - 16) },
    { W(0x2d400c02, "ldp s2, s3, [x0]"), AT(BASE, 4, 2, 0), R(2, 3), .fp = true },
    { W(0x6d410c02, "ldp d2, d3, [x0, #16]"), AT(BASE + 16, 8, 2, 0), R(2, 3), .fp = true },
    { W(0xacc10c02, "ldp q2, q3, [x0], #32"), AT(BASE, 8, 4, 0), R(2, 3), .fp = true, BACK(BASE + 32) },
    { W(0xac7e0c02, "ldnp q2, q3, [x0, #-64]"), AT(BASE - 64, 8, 4, 0), R(2, 3), .fp = true },
    { W(0x2d000c02, "stp s2, s3, [x0]"), AT(BASE, 4, 2, 0), R(2, 3), STORES(VLO(2) & 0xffffffff, VLO(3) & 0xffffffff),
      .fp = true },
    { W(0x6c000c02, "stnp d2, d3, [x0]"), AT(BASE, 8, 2, 0), R(2, 3), STORES(VLO(2), VLO(3)), .fp = true },
    { W(0xad000c02, "stp q2, q3, [x0]"), AT(BASE, 8, 4, 0), R(2, 3), STORES(VLO(2), VHI(2), VLO(3), VHI(3)), .fp = true },
};

static const struct {
    uint32_t insn;
    const char *text;
} refused[] = {
    /* atomics and compare and swap */
    { 0xb8220003, "ldadd w2, w3, [x0]" },
    { 0xf8e21003, "ldclral x2, x3, [x0]" },
    { 0xf8228003, "swp x2, x3, [x0]" },
    { 0xb822001f, "stadd w2, [x0]" },
    { 0x38224003, "ldsmaxb w2, w3, [x0]" },
    { 0x88a27c03, "cas w2, w3, [x0]" },
    { 0xc8e2fc03, "casal x2, x3, [x0]" },
    { 0x48227c04, "casp x2, x3, x4, x5, [x0]" },
    /* exclusive pairs */
    { 0x887f0c02, "ldxp w2, w3, [x0]" },
    { 0xc87f8c02, "ldaxp x2, x3, [x0]" },
    { 0xc8240c02, "stxp w4, x2, x3, [x0]" },
    { 0x88248c02, "stlxp w4, w2, w3, [x0]" },
    /* structures */
    { 0x4c407000, "ld1 {v0.16b}, [x0]" },
    { 0x0d400c00, "ld1 {v0.b}[3], [x0]" },
    { 0x4c9f0800, "st4 {v0.4s-v3.4s}, [x0], #64" },
    { 0x4d40c800, "ld1r {v0.4s}, [x0]" },
    /* tags */
    { 0xd9200800, "stg x0, [x0]" },
    { 0x69000c02, "stgp x2, x3, [x0]" },
    { 0xd9600002, "ldg x2, [x0]" },
    { 0xd9a02400, "st2g x0, [x0], #32" },
    /* pointer authentication, prefetches, and what is no load or store at all */
    { 0xf8200402, "ldraa x2, [x0]" },
    { 0xf8a01c02, "ldrab x2, [x0, #8]!" },
    { 0xf9800000, "prfm pldl1keep, [x0]" },
    { 0xf8a76800, "prfm pldl1keep, [x0, x7]" },
    { 0xf89ff000, "prfum pldl1keep, [x0, #-1]" },
    { 0xd8000040, "prfm pldl1keep, .+8" },
    { 0xd50b7420, "dc zva, x0" },
    { 0xd503201f, "nop" },
    { 0x85804000, "ldr z0, [x0]" },
    { 0xe5800000, "str p0, [x0]" },
    /* CONSTRAINED UNPREDICTABLE */
    { 0xa9400802, "ldp x2, x2, [x0]" },
    { 0xf8408400, "ldr x0, [x0], #8" },
    { 0xf8008c00, "str x0, [x0, #8]!" },
    { 0xa8c10c00, "ldp x0, x3, [x0], #16" },
    { 0xa9810002, "stp x2, x0, [x0, #16]!" },
    { 0x88027c02, "stxr w2, w2, [x0]" },
    { 0x88007c02, "stxr w0, w2, [x0]" },
    { 0xc8dff802, "ldar with Rt2 != 31" },
    { 0xc8defc02, "ldar with Rs != 31" },
    /* unallocated */
    { 0xe9400c02, "pair with opc = 3" },
    { 0x68400c02, "LDNPSW" },
    { 0xf8c00002, "size 3, opc 3" },
    { 0xb8c00002, "LDURS of 4 bytes to W" },
    { 0xf8800402, "post-indexed prefetch" },
    { 0x7cc00002, "SIMD, opc 3, size 1" },
    { 0x3c400802, "SIMD, unprivileged" },
    { 0xf8602802, "register offset with option 1" },
    { 0xdc000002, "SIMD literal with opc 3" },
};
/* clang-format on */

static bool same(const struct accepted *want, const struct axvm_mmio *got)
{
    const struct axvm_arch_mmio *a = &got->arch;
    unsigned int nregs = want->count / a->elems_per_reg;

    for (unsigned int i = 0; i < want->count; i++)
        if (got->val[i] != want->val[i])
            return false;
    return got->addr == want->addr && got->size == want->size && got->count == want->count && got->write == want->write &&
           got->space == AXVM_BUS_MMIO && a->reg[0] == want->reg[0] && (nregs == 1 || a->reg[1] == want->reg[1]) &&
           (want->fp || a->reg_bytes == want->reg_bytes) && a->sign_extend == want->sign && a->fp == want->fp &&
           a->writeback == want->back && a->excl_load == (want->excl && !want->write) &&
           a->excl_store == (want->excl && want->write) && (!want->excl || a->status_reg == want->status) &&
           (!want->back || (a->base_reg == want->base && a->base_val == want->base_val));
}

static void each_load_and_store_means_what_the_manual_says(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(accepted); i++) {
        if (decode_at(accepted[i].insn, accepted[i].addr, &mmio) != AXVM_OK)
            fail_msg("refused: %s", accepted[i].text);
        if (!same(&accepted[i], &mmio))
            fail_msg("decoded wrongly: %s", accepted[i].text);
    }
}

static void what_is_no_plain_load_or_store_is_refused(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(refused); i++)
        if (decode_at(refused[i].insn, BASE, &mmio) != AXVM_ERR_NOSUP)
            fail_msg("accepted: %s", refused[i].text);
}

/* Row 4. */
static void an_instruction_that_does_not_access_the_faulting_address_is_refused(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(accepted); i++) {
        const struct accepted *a = &accepted[i];
        uint64_t len = (uint64_t)a->size * a->count;

        assert_int_equal(decode_at(a->insn, a->addr - 1, &mmio), AXVM_ERR_NOSUP);
        assert_int_equal(decode_at(a->insn, a->addr + len, &mmio), AXVM_ERR_NOSUP);
        assert_int_equal(decode_at(a->insn, a->addr + (UINT64_C(1) << 47), &mmio), AXVM_ERR_NOSUP);
    }
}

static void a_fault_on_a_later_byte_is_traced_back_to_the_first(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(accepted); i++) {
        const struct accepted *a = &accepted[i];

        assert_int_equal(decode_at(a->insn, a->addr + (uint64_t)a->size * a->count - 1, &mmio), AXVM_OK);
        assert_true(mmio.addr == a->addr);
    }
}

static void an_access_that_leaves_its_page_is_refused(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    gpr[0] = 0x40001ff8;
    assert_int_equal(decode_at(0xf9400002, 0x40001ff8, &mmio), AXVM_OK);         /* ldr x2, [x0] */
    assert_int_equal(decode_at(0xa9400c02, 0x40001ff8, &mmio), AXVM_ERR_NOSUP);  /* ldp x2, x3, [x0] */
    assert_int_equal(decode_at(0xa9400c02, 0x40002000, &mmio), AXVM_ERR_NOSUP);
    gpr[0] = 0x40001ffd;
    assert_int_equal(decode_at(0xb9400002, 0x40001ffd, &mmio), AXVM_ERR_NOSUP); /* ldr w2, [x0] */
}

static void the_tag_of_an_address_does_not_matter(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    gpr[0] = BASE | UINT64_C(0xab) << 56;
    assert_int_equal(decode_at(0xf9400002, BASE, &mmio), AXVM_OK);
    assert_true(mmio.addr == BASE);
}

static void ordered_accesses_to_unaligned_addresses_are_refused(void **state)
{
    static const uint32_t insns[] = {
        0x88dffc02 /* ldar w2, [x0] */, 0x889ffc02 /* stlr w2, [x0] */, 0x885f7c02 /* ldxr w2, [x0] */,
        0xb8bfc002 /* ldapr w2, [x0] */,
    };
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(insns); i++) {
        gpr[0] = BASE + 2;
        assert_int_equal(decode_at(insns[i], BASE + 2, &mmio), AXVM_ERR_NOSUP);
        gpr[0] = BASE;
        assert_int_equal(decode_at(insns[i], BASE, &mmio), AXVM_OK);
    }
}

static void fp_accesses_are_refused_when_the_fp_registers_are_not_at_hand(void **state)
{
    struct axvm_mmio mmio;

    (void)state;
    regs.fp = NULL;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(accepted); i++) {
        assert_int_equal(axvm_insn_is_fp(accepted[i].insn), accepted[i].fp);
        assert_int_equal(decode_at(accepted[i].insn, accepted[i].addr, &mmio), accepted[i].fp ? AXVM_ERR_NOSUP : AXVM_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_load_and_store_means_what_the_manual_says, setup),
        cmocka_unit_test_setup(what_is_no_plain_load_or_store_is_refused, setup),
        cmocka_unit_test_setup(an_instruction_that_does_not_access_the_faulting_address_is_refused, setup),
        cmocka_unit_test_setup(a_fault_on_a_later_byte_is_traced_back_to_the_first, setup),
        cmocka_unit_test_setup(an_access_that_leaves_its_page_is_refused, setup),
        cmocka_unit_test_setup(the_tag_of_an_address_does_not_matter, setup),
        cmocka_unit_test_setup(ordered_accesses_to_unaligned_addresses_are_refused, setup),
        cmocka_unit_test_setup(fp_accesses_are_refused_when_the_fp_registers_are_not_at_hand, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
