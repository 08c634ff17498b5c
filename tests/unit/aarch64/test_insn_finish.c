/* SPDX-License-Identifier: BSD-2-Clause */
/* What an emulated load or store does to the registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/err.h>

#include "el2.h"
#include "insn_fixture.h"

static struct axvm_arch_vcpu vcpu;

static int setup_vcpu(void **state)
{
    setup(state);
    memset(&vcpu, 0, sizeof(vcpu));
    memcpy(vcpu.gpr, gpr, sizeof(gpr));
    vcpu.fp = fp;
    vcpu.pstate = PSR_MODE_EL1H;
    vcpu.el0.sp_el0 = UINT64_C(0x1000);
    vcpu.el1.sp_el1 = UINT64_C(0x2000);
    return 0;
}

/* Decode @insn at its own address, let the device answer @val, and finish. */
static void carry_out(uint32_t insn, uint64_t addr, const uint64_t val[4])
{
    struct axvm_mmio mmio;

    assert_int_equal(decode_at(insn, addr, &mmio), AXVM_OK);
    axvm_insn_check_exclusive(&vcpu, &mmio);
    for (unsigned int i = 0; i < mmio.count && !mmio.write; i++)
        mmio.val[i] = val[i];
    axvm_insn_finish(&vcpu, &mmio);
}

static void loads_extend_into_the_whole_register(void **state)
{
    static const struct {
        uint32_t insn;
        uint64_t val, reg;
    } t[] = {
        { 0x39400002, 0x80, 0x80 },                                              /* ldrb w2 */
        { 0x39c00002, 0x80, 0xffffff80 },                                        /* ldrsb w2 */
        { 0x39800002, 0x80, UINT64_C(0xffffffffffffff80) },                      /* ldrsb x2 */
        { 0x79400002, 0x8000, 0x8000 },                                          /* ldrh w2 */
        { 0x79c00002, 0x8000, 0xffff8000 },                                      /* ldrsh w2 */
        { 0x79800002, 0x8000, UINT64_C(0xffffffffffff8000) },                    /* ldrsh x2 */
        { 0xb9400002, 0x80000000, 0x80000000 },                                  /* ldr w2 */
        { 0xb9800002, 0x80000000, UINT64_C(0xffffffff80000000) },                /* ldrsw x2 */
        { 0xf9400002, UINT64_C(0x8000000000000001), UINT64_C(0x8000000000000001) }, /* ldr x2 */
        { 0x39400002, UINT64_C(0xffffffffffffff7f), 0x7f },                      /* more than was asked for */
    };

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        carry_out(t[i].insn, BASE, (uint64_t[4]){ t[i].val });
        assert_true(vcpu.gpr[2] == t[i].reg);
    }
}

static void a_pair_load_fills_both_registers_and_only_those(void **state)
{
    (void)state;
    carry_out(0xa9400c02, BASE, (uint64_t[4]){ 11, 22 }); /* ldp x2, x3, [x0] */
    for (unsigned int n = 0; n < 31; n++)
        assert_true(vcpu.gpr[n] == (n == 2 ? 11 : n == 3 ? 22 : gpr[n]));
}

static void a_load_of_xzr_changes_nothing(void **state)
{
    (void)state;
    carry_out(0xf940001f, BASE, (uint64_t[4]){ 1 }); /* ldr xzr, [x0] */
    assert_memory_equal(vcpu.gpr, gpr, sizeof(gpr));
    assert_int_equal(vcpu.el1.sp_el1, 0x2000);
}

static void a_store_changes_no_register(void **state)
{
    struct axvm_arch_vcpu before = vcpu;

    (void)state;
    carry_out(0xa9000c02, BASE, NULL); /* stp x2, x3, [x0] */
    assert_memory_equal(&vcpu, &before, sizeof(vcpu));
}

static void fp_loads_zero_the_rest_of_the_register(void **state)
{
    (void)state;
    carry_out(0x3d400002, BASE, (uint64_t[4]){ 0x1ff }); /* ldr b2 */
    assert_true(vcpu.fp.v[2][0] == 0xff && vcpu.fp.v[2][1] == 0);
    carry_out(0xfd400003, BASE, (uint64_t[4]){ UINT64_MAX }); /* ldr d3 */
    assert_true(vcpu.fp.v[3][0] == UINT64_MAX && vcpu.fp.v[3][1] == 0);
    carry_out(0xad401404, BASE, (uint64_t[4]){ 1, 2, 3, 4 }); /* ldp q4, q5 */
    assert_true(vcpu.fp.v[4][0] == 1 && vcpu.fp.v[4][1] == 2 && vcpu.fp.v[5][0] == 3 && vcpu.fp.v[5][1] == 4);
    assert_true(vcpu.fp.v[6][0] == VLO(6) && vcpu.fp.v[6][1] == VHI(6));
    assert_memory_equal(vcpu.gpr, gpr, sizeof(gpr));
}

static void writeback_to_sp_goes_to_the_stack_pointer_in_use(void **state)
{
    (void)state;
    carry_out(0xf84107e2, SP, (uint64_t[4]){ 5 }); /* ldr x2, [sp], #16 */
    assert_true(vcpu.el1.sp_el1 == SP + 16 && vcpu.el0.sp_el0 == 0x1000);
    setup_vcpu(state);
    vcpu.pstate = PSR_MODE_EL1T;
    carry_out(0xf84107e2, SP, (uint64_t[4]){ 5 });
    assert_true(vcpu.el1.sp_el1 == 0x2000 && vcpu.el0.sp_el0 == SP + 16);
    setup_vcpu(state);
    vcpu.pstate = PSR_MODE_EL0T;
    carry_out(0xf84107e2, SP, (uint64_t[4]){ 5 });
    assert_true(vcpu.el1.sp_el1 == 0x2000 && vcpu.el0.sp_el0 == SP + 16);
}

static void writeback_to_a_register_leaves_the_stack_pointers(void **state)
{
    (void)state;
    carry_out(0xb8004402, BASE, NULL); /* str w2, [x0], #4 */
    assert_true(vcpu.gpr[0] == BASE + 4 && vcpu.el1.sp_el1 == 0x2000 && vcpu.el0.sp_el0 == 0x1000);
}

#define LDXR_W2 0x885f7c02u /* ldxr w2, [x0] */
#define STXR_W4 0x88047c02u /* stxr w4, w2, [x0] */
#define STXRB_W4 0x08047c02u

static bool stores(uint32_t insn, uint64_t addr)
{
    struct axvm_mmio mmio;

    assert_int_equal(decode_at(insn, addr, &mmio), AXVM_OK);
    axvm_insn_check_exclusive(&vcpu, &mmio);
    axvm_insn_finish(&vcpu, &mmio);
    return mmio.count != 0;
}

static void a_store_exclusive_succeeds_once_after_a_load_exclusive(void **state)
{
    (void)state;
    carry_out(LDXR_W2, BASE, (uint64_t[4]){ 7 });
    assert_true(stores(STXR_W4, BASE));
    assert_int_equal(vcpu.gpr[4], 0);
    assert_false(stores(STXR_W4, BASE));
    assert_int_equal(vcpu.gpr[4], 1);
}

static void a_store_exclusive_fails_without_an_access_when_not_armed(void **state)
{
    (void)state;
    assert_false(stores(STXR_W4, BASE));
    assert_int_equal(vcpu.gpr[4], 1);
}

static void a_store_exclusive_to_another_address_or_of_another_size_fails(void **state)
{
    (void)state;
    carry_out(LDXR_W2, BASE, (uint64_t[4]){ 7 });
    assert_false(stores(STXRB_W4, BASE));
    carry_out(LDXR_W2, BASE, (uint64_t[4]){ 7 });
    gpr[0] = BASE + 4;
    assert_false(stores(STXR_W4, BASE + 4));
    assert_int_equal(vcpu.gpr[4], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(loads_extend_into_the_whole_register, setup_vcpu),
        cmocka_unit_test_setup(a_pair_load_fills_both_registers_and_only_those, setup_vcpu),
        cmocka_unit_test_setup(a_load_of_xzr_changes_nothing, setup_vcpu),
        cmocka_unit_test_setup(a_store_changes_no_register, setup_vcpu),
        cmocka_unit_test_setup(fp_loads_zero_the_rest_of_the_register, setup_vcpu),
        cmocka_unit_test_setup(writeback_to_sp_goes_to_the_stack_pointer_in_use, setup_vcpu),
        cmocka_unit_test_setup(writeback_to_a_register_leaves_the_stack_pointers, setup_vcpu),
        cmocka_unit_test_setup(a_store_exclusive_succeeds_once_after_a_load_exclusive, setup_vcpu),
        cmocka_unit_test_setup(a_store_exclusive_fails_without_an_access_when_not_armed, setup_vcpu),
        cmocka_unit_test_setup(a_store_exclusive_to_another_address_or_of_another_size_fails, setup_vcpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
