/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest gets for registers that it does not reach itself. hostile-guest.md rows 53, 60, 50, A1, A7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/aarch64.h>

#include "bits.h"
#include "sysreg_trap.h"
#include "sysreg_world.h"

#define REG(op0, op1, crn, crm, op2) (uint32_t) AXVM_AARCH64_SYSREG(op0, op1, crn, crm, op2)
#define POISON UINT64_C(0xdeadbeefdeadbeef)

static enum axvm_sysreg_result rd(uint32_t enc, uint64_t *val)
{
    *val = POISON;
    return axvm_sysreg_access(&world.vcpu, enc, false, val);
}

static enum axvm_sysreg_result wr(uint32_t enc, uint64_t val)
{
    return axvm_sysreg_access(&world.vcpu, enc, true, &val);
}

/* Everything that is answered at all: with R it can be read, with W written. The rest of the 2^16 is undefined. */
#define R 1u
#define W 2u
static const struct {
    uint32_t first, count;
    unsigned int how;
} answered[] = {
    { REG(1, 0, 7, 6, 2), 1, W },       /* DC ISW */
    { REG(1, 0, 7, 10, 2), 1, W },      /* DC CSW */
    { REG(1, 0, 7, 14, 2), 1, W },      /* DC CISW */
    { REG(2, 0, 0, 0, 2), 1, R | W },   /* OSDTRRX_EL1 */
    { REG(2, 0, 0, 2, 0), 1, R | W },   /* MDCCINT_EL1 */
    { REG(2, 0, 0, 2, 2), 1, R | W },   /* MDSCR_EL1 */
    { REG(2, 0, 0, 3, 2), 1, R | W },   /* OSDTRTX_EL1 */
    { REG(2, 0, 0, 6, 2), 1, R | W },   /* OSECCR_EL1 */
    { REG(2, 0, 0, 0, 4), 4, R | W },   /* DBGBVR0 .. DBGWCR0 */
    { REG(2, 0, 0, 1, 4), 4, R | W },
    { REG(2, 0, 0, 2, 4), 4, R | W },
    { REG(2, 0, 0, 3, 4), 4, R | W },
    { REG(2, 0, 0, 4, 4), 2, R | W },   /* breakpoints only */
    { REG(2, 0, 0, 5, 4), 2, R | W },
    { REG(2, 0, 1, 0, 0), 1, R },       /* MDRAR_EL1 */
    { REG(2, 0, 1, 0, 4), 1, W },       /* OSLAR_EL1 */
    { REG(2, 0, 1, 1, 4), 1, R },       /* OSLSR_EL1 */
    { REG(2, 0, 1, 3, 4), 1, R | W },   /* OSDLR_EL1 */
    { REG(2, 0, 1, 4, 4), 1, R | W },   /* DBGPRCR_EL1 */
    { REG(2, 0, 7, 8, 6), 1, R | W },   /* DBGCLAIMSET_EL1 */
    { REG(2, 0, 7, 9, 6), 1, R | W },   /* DBGCLAIMCLR_EL1 */
    { REG(2, 0, 7, 14, 6), 1, R },      /* DBGAUTHSTATUS_EL1 */
    { REG(2, 3, 0, 1, 0), 1, R },       /* MDCCSR_EL0 */
    { REG(2, 3, 0, 4, 0), 1, R | W },   /* DBGDTR_EL0 */
    { REG(2, 3, 0, 5, 0), 1, R | W },   /* DBGDTRRX_EL0, DBGDTRTX_EL0 */
    { REG(3, 0, 0, 0, 0), 64, R },      /* ID registers */
    { REG(3, 0, 1, 0, 1), 1, R | W },   /* ACTLR_EL1 */
    { REG(3, 0, 12, 11, 1), 1, W },     /* ICC_DIR_EL1 */
    { REG(3, 0, 12, 11, 5), 3, W },     /* ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1 */
    { REG(3, 1, 0, 0, 7), 1, R },       /* AIDR_EL1 */
    { REG(3, 3, 14, 0, 1), 1, R },      /* CNTPCT_EL0 */
    { REG(3, 3, 14, 2, 0), 3, R | W },  /* CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0 */
};

static unsigned int expected(uint32_t enc)
{
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(answered); i++)
        if (enc - answered[i].first < answered[i].count)
            return answered[i].how;
    return 0;
}

static void every_encoding_is_answered_or_undefined(void **state)
{
    uint64_t val;

    (void)state;
    for (uint32_t enc = 0; enc < 0x10000; enc++) {
        if ((rd(enc, &val) == AXVM_SYSREG_DONE) != ((expected(enc) & R) != 0))
            fail_msg("reading %04x", enc);
        if ((val == POISON) == ((expected(enc) & R) != 0))
            fail_msg("value of %04x", enc);
        if ((wr(enc, UINT64_MAX) == AXVM_SYSREG_DONE) != ((expected(enc) & W) != 0))
            fail_msg("writing %04x", enc);
    }
}

static void no_encoding_reaches_another_part_of_the_vcpu(void **state)
{
    static const uint64_t values[] = { 0, UINT64_MAX, UINT64_C(0x5555aaaa5555aaaa) };
    struct axvm_arch_vcpu before = world.vcpu.arch;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(values); i++)
        for (uint32_t enc = 0; enc < 0x10000; enc++)
            wr(enc, values[i]);
    before.debug = world.vcpu.arch.debug;
    before.debug_loaded = world.vcpu.arch.debug_loaded;
    assert_memory_equal(&world.vcpu.arch, &before, sizeof(before));
}

static void id_registers_are_those_of_the_vm(void **state)
{
    uint64_t val;

    (void)state;
    for (uint32_t i = 0; i < AXVM_ID_REGS; i++) {
        assert_int_equal(rd(REG(3, 0, 0, 0, 0) + i, &val), AXVM_SYSREG_DONE);
        assert_true(val == world.vm.arch.id_regs[i]);
    }
}

static void what_the_cpu_maker_defines_reads_as_zero_and_ignores_writes(void **state)
{
    uint64_t val;

    (void)state;
    assert_int_equal(wr(REG(3, 0, 1, 0, 1), UINT64_MAX), AXVM_SYSREG_DONE);
    assert_int_equal(rd(REG(3, 0, 1, 0, 1), &val), AXVM_SYSREG_DONE);
    assert_true(val == 0);
    assert_int_equal(rd(REG(3, 1, 0, 0, 7), &val), AXVM_SYSREG_DONE);
    assert_true(val == 0);
}

static void sgis_go_to_the_interrupt_controller(void **state)
{
    static const enum axvm_sgi_reg order[] = { AXVM_SGI1R, AXVM_ASGI1R, AXVM_SGI0R };

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(wr(REG(3, 0, 12, 11, 5) + i, 0x12340000 + i), AXVM_SYSREG_DONE);
        assert_int_equal(world.sgi_reg, order[i]);
        assert_true(world.sgi_val == 0x12340000 + i);
    }
    assert_int_equal(world.sgis, 3);
}

static void deactivations_go_to_the_interrupt_controller(void **state)
{
    uint64_t val;

    (void)state;
    assert_int_equal(wr(REG(3, 0, 12, 11, 1), 41), AXVM_SYSREG_DONE);
    assert_int_equal(world.dirs, 1);
    assert_int_equal(world.dir_val, 41);
    assert_int_equal(rd(REG(3, 0, 12, 11, 1), &val), AXVM_SYSREG_UNDEF);
}

static void without_an_interrupt_controller_its_registers_are_undefined(void **state)
{
    (void)state;
    world.vm.cfg.irq_mode = AXVM_IRQ_NONE;
    assert_int_equal(wr(REG(3, 0, 12, 11, 1), 0), AXVM_SYSREG_UNDEF);
    assert_int_equal(world.dirs, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(wr(REG(3, 0, 12, 11, 5) + i, 0), AXVM_SYSREG_UNDEF);
    assert_int_equal(world.sgis, 0);
}

static void the_physical_timer_is_the_emulated_one(void **state)
{
    static const struct {
        uint32_t enc;
        enum axvm_ptimer_reg reg;
    } t[] = {
        { REG(3, 3, 14, 2, 0), AXVM_PTIMER_TVAL },
        { REG(3, 3, 14, 2, 1), AXVM_PTIMER_CTL },
        { REG(3, 3, 14, 2, 2), AXVM_PTIMER_CVAL },
    };
    uint64_t val;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        assert_int_equal(wr(t[i].enc, 77 + i), AXVM_SYSREG_DONE);
        assert_true(world.timer[t[i].reg] == 77 + i);
        assert_int_equal(rd(t[i].enc, &val), AXVM_SYSREG_DONE);
        assert_true(val == 77 + i);
    }
    assert_int_equal(rd(REG(3, 3, 14, 0, 1), &val), AXVM_SYSREG_DONE);
    assert_true(val == world.timer[AXVM_PTIMER_COUNT]);
}

static void a_device_gets_its_registers_and_no_others(void **state)
{
    uint64_t val;

    (void)state;
    world.vm.bus[AXVM_BUS_SYSREG].count = 1;
    world.bus_base = REG(3, 1, 15, 2, 0);
    world.bus_len = 2;
    assert_int_equal(rd(REG(3, 1, 15, 1, 7), &val), AXVM_SYSREG_UNDEF);
    assert_int_equal(rd(REG(3, 1, 15, 2, 0), &val), AXVM_SYSREG_BUS);
    assert_int_equal(wr(REG(3, 1, 15, 2, 1), 1), AXVM_SYSREG_BUS);
    assert_int_equal(rd(REG(3, 1, 15, 2, 2), &val), AXVM_SYSREG_UNDEF);
}

static void a_device_cannot_take_the_librarys_registers(void **state)
{
    uint64_t val;

    (void)state;
    world.vm.bus[AXVM_BUS_SYSREG].count = 1;
    world.bus_len = 0x10000;
    for (uint32_t enc = 0; enc < 0x10000; enc++)
        assert_false(rd(enc, &val) == AXVM_SYSREG_BUS && (expected(enc) & R));
    assert_true(rd(REG(3, 3, 9, 12, 0), &val) == AXVM_SYSREG_BUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_encoding_is_answered_or_undefined, sysreg_world_setup),
        cmocka_unit_test_setup(no_encoding_reaches_another_part_of_the_vcpu, sysreg_world_setup),
        cmocka_unit_test_setup(id_registers_are_those_of_the_vm, sysreg_world_setup),
        cmocka_unit_test_setup(what_the_cpu_maker_defines_reads_as_zero_and_ignores_writes, sysreg_world_setup),
        cmocka_unit_test_setup(sgis_go_to_the_interrupt_controller, sysreg_world_setup),
        cmocka_unit_test_setup(deactivations_go_to_the_interrupt_controller, sysreg_world_setup),
        cmocka_unit_test_setup(without_an_interrupt_controller_its_registers_are_undefined, sysreg_world_setup),
        cmocka_unit_test_setup(the_physical_timer_is_the_emulated_one, sysreg_world_setup),
        cmocka_unit_test_setup(a_device_gets_its_registers_and_no_others, sysreg_world_setup),
        cmocka_unit_test_setup(a_device_cannot_take_the_librarys_registers, sysreg_world_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
