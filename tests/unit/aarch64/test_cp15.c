/* SPDX-License-Identifier: BSD-2-Clause */
/* Coprocessor accesses of AArch32 programs: the physical timer, undefined for all else. hostile-guest.md rows 53, A4, A5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bits.h"
#include "esr.h"
#include "sysreg_trap.h"
#include "sysreg_world.h"

#define USR32 0x10u
#define ALWAYS (ESR_CV | axvm_put_field(ESR_COND, 14))
#define MRC(opc1, crn, crm, opc2, rt)                                                                                     \
    (axvm_put_field(ESR_EC, ESR_EC_CP15_32) | ESR_IL | axvm_put_field(ESR_CP_OPC1, opc1) | axvm_put_field(ESR_CP_CRN, crn) | \
     axvm_put_field(ESR_CP_CRM, crm) | axvm_put_field(ESR_CP_OPC2, opc2) | axvm_put_field(ESR_CP_RT, rt) | ESR_CP_READ)
#define MCR(opc1, crn, crm, opc2, rt) (MRC(opc1, crn, crm, opc2, rt) & ~ESR_CP_READ)
#define MRRC(opc1, crm, rt, rt2)                                                                             \
    (axvm_put_field(ESR_EC, ESR_EC_CP15_64) | ESR_IL | axvm_put_field(ESR_CP64_OPC1, opc1) |                  \
     axvm_put_field(ESR_CP_CRM, crm) | axvm_put_field(ESR_CP_RT, rt) | axvm_put_field(ESR_CP64_RT2, rt2) | ESR_CP_READ)
#define MCRR(opc1, crm, rt, rt2) (MRRC(opc1, crm, rt, rt2) & ~ESR_CP_READ)

static void the_timers_32_bit_registers_are_there(void **state)
{
    uint64_t *gpr = world.vcpu.arch.gpr;

    (void)state;
    world.timer[AXVM_PTIMER_CTL] = 5;
    gpr[3] = UINT64_MAX;
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRC(0, 14, 2, 1, 3) | ALWAYS, USR32), AXVM_SYSREG_DONE);
    assert_true(gpr[3] == 5);
    gpr[14] = UINT64_C(0xffffffff00000123);
    assert_int_equal(axvm_cp15_access(&world.vcpu, MCR(0, 14, 2, 0, 14) | ALWAYS, USR32), AXVM_SYSREG_DONE);
    assert_true(world.timer[AXVM_PTIMER_TVAL] == 0x123);
}

static void the_timers_64_bit_registers_are_pairs(void **state)
{
    uint64_t *gpr = world.vcpu.arch.gpr;

    (void)state;
    world.timer[AXVM_PTIMER_COUNT] = UINT64_C(0x0123456789abcdef);
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRRC(0, 14, 2, 3) | ALWAYS, USR32), AXVM_SYSREG_DONE);
    assert_true(gpr[2] == 0x89abcdef && gpr[3] == 0x01234567);
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRRC(0, 14, 0, 14) | ALWAYS, USR32), AXVM_SYSREG_DONE);
    assert_true(gpr[0] == 0x89abcdef && gpr[14] == 0x01234567);
    gpr[4] = UINT64_C(0xffffffff11111111);
    gpr[5] = UINT64_C(0xffffffff22222222);
    assert_int_equal(axvm_cp15_access(&world.vcpu, MCRR(2, 14, 4, 5) | ALWAYS, USR32), AXVM_SYSREG_DONE);
    assert_true(world.timer[AXVM_PTIMER_CVAL] == UINT64_C(0x2222222211111111));
}

static void the_counter_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(axvm_cp15_access(&world.vcpu, MCRR(0, 14, 4, 5) | ALWAYS, USR32), AXVM_SYSREG_UNDEF);
}

/* The condition of an A32 instruction is in the syndrome, that of a T32 one may be in ITSTATE. */
static void an_instruction_whose_condition_fails_does_nothing(void **state)
{
    /* NZCV for which a condition holds, and one for which it does not */
    static const struct {
        uint8_t cond, holds, fails;
    } t[] = {
        { 0, 4, 0 },  { 1, 0, 4 },  { 2, 2, 0 },  { 3, 0, 2 },  { 4, 8, 0 },  { 5, 0, 8 },  { 6, 1, 0 },
        { 7, 0, 1 },  { 8, 2, 6 },  { 9, 6, 2 },  { 10, 9, 8 }, { 11, 8, 9 }, { 12, 9, 4 }, { 13, 4, 9 },
    };
    uint64_t mrc = MRC(0, 14, 2, 1, 3);

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        uint64_t it = USR32 | 0x20 | (uint64_t)t[i].cond << 12 | 1u << 11; /* ITSTATE = cond, 1000 */
        uint64_t cond = mrc | ESR_CV | axvm_put_field(ESR_COND, t[i].cond);

        sysreg_world_setup(state);
        assert_int_equal(axvm_cp15_access(&world.vcpu, cond, USR32 | (uint64_t)t[i].fails << 28), AXVM_SYSREG_DONE);
        assert_int_equal(axvm_cp15_access(&world.vcpu, mrc, it | (uint64_t)t[i].fails << 28), AXVM_SYSREG_DONE);
        assert_int_equal(world.timer_reads, 0);
        assert_int_equal(axvm_cp15_access(&world.vcpu, cond, USR32 | (uint64_t)t[i].holds << 28), AXVM_SYSREG_DONE);
        assert_int_equal(world.timer_reads, 1);
        assert_int_equal(axvm_cp15_access(&world.vcpu, mrc, it | (uint64_t)t[i].holds << 28), AXVM_SYSREG_DONE);
        assert_int_equal(world.timer_reads, 2);
    }
}

static void outside_an_it_block_there_is_no_condition(void **state)
{
    (void)state;
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRC(0, 14, 2, 1, 3) | ESR_CV | ESR_COND, USR32), AXVM_SYSREG_DONE);
    assert_int_equal(world.timer_reads, 1);
    world.timer_reads = 0;
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRC(0, 14, 2, 1, 3), USR32 | 0x20), AXVM_SYSREG_DONE);
    assert_int_equal(world.timer_reads, 1);
}

/* ITSTATE 0b00000001: the first of four instructions on EQ. Its upper six bits are all zero. */
static void the_first_of_four_on_equal_has_a_condition(void **state)
{
    (void)state;
    assert_int_equal(axvm_cp15_access(&world.vcpu, MRC(0, 14, 2, 1, 3), USR32 | 0x20 | 1u << 25), AXVM_SYSREG_DONE);
    assert_int_equal(world.timer_reads, 0);
}

/* Every syndrome of these classes: the program counter as a register, too. */
static void everything_else_is_undefined_and_changes_nothing(void **state)
{
    static const uint8_t classes[] = {
        ESR_EC_CP15_32, ESR_EC_CP15_64, ESR_EC_CP14_32, ESR_EC_CP14_LDST, ESR_EC_VMRS, ESR_EC_CP14_64,
    };
    struct axvm_arch_vcpu before = world.vcpu.arch;

    (void)state;
    for (unsigned int c = 0; c < AXVM_ARRAY_LEN(classes); c++) {
        for (uint64_t iss = 0; iss < 0x100000; iss += 1) {
            uint64_t esr = axvm_put_field(ESR_EC, classes[c]) | ALWAYS | iss;
            bool timer32 = classes[c] == ESR_EC_CP15_32 && (iss & 0xdfc1e) == 0x03804;
            bool timer64 = classes[c] == ESR_EC_CP15_64 && (iss & 0xd001e) == 0x0001c;

            if (timer32 || timer64)
                continue;
            if (axvm_cp15_access(&world.vcpu, esr, USR32) != AXVM_SYSREG_UNDEF)
                fail_msg("%llx", (unsigned long long)esr);
        }
    }
    assert_memory_equal(&world.vcpu.arch, &before, sizeof(before));
    assert_int_equal(world.timer_reads + world.timer_writes, 0);
}

static void registers_beyond_r14_are_undefined(void **state)
{
    (void)state;
    for (uint64_t rt = 15; rt < 32; rt++) {
        assert_int_equal(axvm_cp15_access(&world.vcpu, MRC(0, 14, 2, 1, rt) | ALWAYS, USR32), AXVM_SYSREG_UNDEF);
        assert_int_equal(axvm_cp15_access(&world.vcpu, MRRC(0, 14, rt, 1) | ALWAYS, USR32), AXVM_SYSREG_UNDEF);
        assert_int_equal(axvm_cp15_access(&world.vcpu, MRRC(0, 14, 1, rt) | ALWAYS, USR32), AXVM_SYSREG_UNDEF);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_timers_32_bit_registers_are_there, sysreg_world_setup),
        cmocka_unit_test_setup(the_timers_64_bit_registers_are_pairs, sysreg_world_setup),
        cmocka_unit_test_setup(the_counter_cannot_be_written, sysreg_world_setup),
        cmocka_unit_test_setup(an_instruction_whose_condition_fails_does_nothing, sysreg_world_setup),
        cmocka_unit_test_setup(outside_an_it_block_there_is_no_condition, sysreg_world_setup),
        cmocka_unit_test_setup(the_first_of_four_on_equal_has_a_condition, sysreg_world_setup),
        cmocka_unit_test_setup(everything_else_is_undefined_and_changes_nothing, sysreg_world_setup),
        cmocka_unit_test_setup(registers_beyond_r14_are_undefined, sysreg_world_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
