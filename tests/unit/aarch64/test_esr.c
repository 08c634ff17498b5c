/* SPDX-License-Identifier: BSD-2-Clause */
/* Syndromes: raw words as CPUs report them, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/aarch64.h>

#include "esr.h"

static void a_trapped_register_is_named_by_its_five_numbers(void **state)
{
    static const struct {
        uint64_t esr, enc;
        unsigned int rt;
        bool read;
    } t[] = {
        { 0x62300001, AXVM_AARCH64_SYSREG(3, 0, 0, 0, 0), 0, true },    /* mrs x0, midr_el1 */
        { 0x62330101, AXVM_AARCH64_SYSREG(3, 4, 0, 0, 1), 8, true },    /* mrs x8, s3_4_c0_c0_1 */
        { 0x623a3096, AXVM_AARCH64_SYSREG(3, 0, 12, 11, 5), 4, false }, /* msr icc_sgi1r_el1, x4 */
        { 0x6232fbe2, AXVM_AARCH64_SYSREG(3, 3, 14, 1, 1), 31, false }, /* msr s3_3_c14_c1_1, xzr */
        { 0x6214400d, AXVM_AARCH64_SYSREG(1, 1, 0, 6, 2), 0, true },
        { 0x6222c35f, AXVM_AARCH64_SYSREG(2, 3, 0, 15, 1), 26, true },
    };

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        assert_int_equal(axvm_field(t[i].esr, ESR_EC), ESR_EC_SYSREG);
        assert_int_equal(axvm_esr_to_sysreg(t[i].esr), t[i].enc);
        assert_int_equal(axvm_field(t[i].esr, ESR_SYS_RT), t[i].rt);
        assert_int_equal((t[i].esr & ESR_SYS_READ) != 0, t[i].read);
    }
}

/* Every encoding comes through, whatever the register and the direction. */
static void no_two_registers_have_the_same_number(void **state)
{
    (void)state;
    for (uint32_t enc = 0; enc < 0x10000; enc++) {
        uint64_t esr = axvm_put_field(ESR_SYS_OP0, enc >> 14) | axvm_put_field(ESR_SYS_OP1, enc >> 11) |
                       axvm_put_field(ESR_SYS_CRN, enc >> 7) | axvm_put_field(ESR_SYS_CRM, enc >> 3) |
                       axvm_put_field(ESR_SYS_OP2, enc) | axvm_put_field(ESR_SYS_RT, enc) | (enc & 1) | ESR_IL |
                       axvm_put_field(ESR_EC, ESR_EC_SYSREG);

        assert_int_equal(axvm_esr_to_sysreg(esr), enc);
    }
}

/* EC 0x24, IL, ISV, translation fault at level 3 */
#define DABT UINT64_C(0x93000007)
#define SAS(n) ((uint64_t)(n) << 22)
#define SSE (UINT64_C(1) << 21)
#define SRT(n) ((uint64_t)(n) << 16)
#define SF (UINT64_C(1) << 15)
#define WNR (UINT64_C(1) << 6)

static void a_described_load_has_its_size_register_and_extension(void **state)
{
    static const struct {
        uint64_t esr, val, reg;
    } t[] = {
        { DABT | SAS(0) | SRT(3), 0xff, 0xff },
        { DABT | SAS(0) | SRT(3), 0x1ff, 0xff }, /* a device that answers more than it was asked */
        { DABT | SAS(0) | SSE | SRT(3), 0x80, 0xffffff80 },
        { DABT | SAS(0) | SSE | SF | SRT(3), 0x80, UINT64_C(0xffffffffffffff80) },
        { DABT | SAS(1) | SSE | SRT(3), 0x8001, 0xffff8001 },
        { DABT | SAS(1) | SSE | SF | SRT(3), 0x7fff, 0x7fff },
        { DABT | SAS(2) | SRT(3), 0x89abcdef, 0x89abcdef },
        { DABT | SAS(2) | SSE | SF | SRT(3), 0x89abcdef, UINT64_C(0xffffffff89abcdef) },
        { DABT | SAS(3) | SF | SRT(3), UINT64_C(0x0123456789abcdef), UINT64_C(0x0123456789abcdef) },
    };
    struct axvm_mmio mmio;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        memset(&mmio, 0xa5, sizeof(mmio));
        axvm_esr_to_mmio(t[i].esr, NULL, &mmio);
        assert_true(axvm_esr_load_value(t[i].esr, t[i].val) == t[i].reg);
        assert_int_equal(mmio.space, AXVM_BUS_MMIO);
        assert_int_equal(mmio.size, 1u << axvm_field(t[i].esr, ESR_ABT_SAS));
        assert_int_equal(mmio.count, 1);
        assert_false(mmio.write);
        assert_int_equal(mmio.arch.reg[0], 3);
        assert_int_equal(mmio.arch.elems_per_reg, 1);
        assert_int_equal(mmio.arch.reg_bytes, t[i].esr & SF ? 8 : 4);
        assert_int_equal(mmio.arch.sign_extend, (t[i].esr & SSE) != 0);
        assert_false(mmio.arch.fp || mmio.arch.writeback || mmio.arch.excl_load || mmio.arch.excl_store);
    }
}

static void a_described_store_carries_as_many_bytes_as_it_has(void **state)
{
    uint64_t gpr[31] = { 0 };
    struct axvm_mmio mmio;

    (void)state;
    gpr[30] = UINT64_C(0xfedcba9876543210);
    axvm_esr_to_mmio(DABT | SAS(0) | SRT(30) | WNR, gpr, &mmio);
    assert_true(mmio.write && mmio.size == 1 && mmio.val[0] == 0x10);
    axvm_esr_to_mmio(DABT | SAS(1) | SRT(30) | WNR, gpr, &mmio);
    assert_true(mmio.write && mmio.size == 2 && mmio.val[0] == 0x3210);
    axvm_esr_to_mmio(DABT | SAS(2) | SRT(30) | WNR, gpr, &mmio);
    assert_true(mmio.write && mmio.size == 4 && mmio.val[0] == 0x76543210);
    axvm_esr_to_mmio(DABT | SAS(3) | SF | SRT(30) | WNR, gpr, &mmio);
    assert_true(mmio.write && mmio.size == 8 && mmio.val[0] == gpr[30]);
}

static void a_described_store_of_xzr_carries_zero(void **state)
{
    uint64_t gpr[31];
    struct axvm_mmio mmio;

    (void)state;
    memset(gpr, 0xff, sizeof(gpr));
    axvm_esr_to_mmio(DABT | SAS(3) | SF | SRT(31) | WNR, gpr, &mmio);
    assert_true(mmio.write && mmio.val[0] == 0);
}

static void stage_2_is_blamed_for_its_own_faults_only(void **state)
{
    static const uint8_t of_stage2[] = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x29, 0x2b,
    };

    (void)state;
    for (unsigned int fsc = 0; fsc < 64; fsc++) {
        uint64_t esr = (DABT & ~ESR_ABT_FSC) | fsc;
        bool want = memchr(of_stage2, (int)fsc, sizeof(of_stage2)) != NULL;

        assert_int_equal(axvm_esr_is_stage2(esr), want);
        assert_int_equal(axvm_esr_is_permission(esr), fsc >= 0x0c && fsc <= 0x0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trapped_register_is_named_by_its_five_numbers),
        cmocka_unit_test(no_two_registers_have_the_same_number),
        cmocka_unit_test(a_described_load_has_its_size_register_and_extension),
        cmocka_unit_test(a_described_store_carries_as_many_bytes_as_it_has),
        cmocka_unit_test(a_described_store_of_xzr_carries_zero),
        cmocka_unit_test(stage_2_is_blamed_for_its_own_faults_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
