/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug registers of guests. hostile-guest.md rows 53, 60 and I9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <axvm/aarch64.h>

#include "bits.h"
#include "debug.h"
#include "sysreg_trap.h"
#include "sysreg_world.h"

#define REG(op1, crn, crm, op2) AXVM_AARCH64_SYSREG(2, op1, crn, crm, op2)
#define MDSCR REG(0, 0, 2, 2)
#define OSLAR REG(0, 1, 0, 4)
#define OSLSR REG(0, 1, 1, 4)
#define OSDLR REG(0, 1, 3, 4)
#define CLAIMSET REG(0, 7, 8, 6)
#define CLAIMCLR REG(0, 7, 9, 6)
#define BVR(n) REG(0, 0, n, 4)
#define BCR(n) REG(0, 0, n, 5)
#define WVR(n) REG(0, 0, n, 6)
#define WCR(n) REG(0, 0, n, 7)

static uint64_t rd(uint64_t enc)
{
    uint64_t val = ~UINT64_C(0);

    assert_int_equal(axvm_sysreg_access(&world.vcpu, enc, false, &val), AXVM_SYSREG_DONE);
    return val;
}

static void wr(uint64_t enc, uint64_t val)
{
    assert_int_equal(axvm_sysreg_access(&world.vcpu, enc, true, &val), AXVM_SYSREG_DONE);
}

static void unlock(void)
{
    wr(OSLAR, 0);
}

static void each_breakpoint_has_registers_of_its_own(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 6; n++) {
        wr(BVR(n), 0x1000 * n + 4);
        wr(BCR(n), (n & 3) << 1);
    }
    for (uint64_t n = 0; n < 4; n++) {
        wr(WVR(n), 0x2000 * n + 8);
        wr(WCR(n), n << 3);
    }
    for (uint64_t n = 0; n < 6; n++) {
        assert_int_equal(rd(BVR(n)), 0x1000 * n + 4);
        assert_int_equal(rd(BCR(n)), (n & 3) << 1);
    }
    for (uint64_t n = 0; n < 4; n++) {
        assert_int_equal(rd(WVR(n)), 0x2000 * n + 8);
        assert_int_equal(rd(WCR(n)), n << 3);
    }
}

static void breakpoints_cannot_be_made_to_match_at_el2_or_on_the_vmid(void **state)
{
    (void)state;
    wr(BCR(0), UINT64_MAX);
    wr(WCR(0), UINT64_MAX);
    wr(WVR(0), UINT64_MAX);
    wr(BVR(0), UINT64_MAX);
    assert_int_equal(rd(BCR(0)), 0x7f01e7);   /* no HMC, SSC, BT<3> */
    assert_int_equal(rd(WCR(0)), 0x1f1f1fff); /* no HMC, SSC */
    assert_true(rd(WVR(0)) == ~UINT64_C(3));
    assert_true(rd(BVR(0)) == UINT64_MAX);
}

static void the_os_lock_is_held_after_a_reset_and_follows_oslar(void **state)
{
    (void)state;
    assert_int_equal(rd(OSLSR), 0xa);
    wr(OSLAR, 0);
    assert_int_equal(rd(OSLSR), 0x8);
    wr(OSLAR, UINT64_MAX);
    assert_int_equal(rd(OSLSR), 0xa);
    wr(OSLAR, ~UINT64_C(1));
    assert_int_equal(rd(OSLSR), 0x8);
}

static void the_double_lock_is_there_only_if_the_cpu_has_it(void **state)
{
    (void)state;
    wr(OSDLR, UINT64_MAX);
    assert_int_equal(rd(OSDLR), 1);
    sysreg_world_setup(state);
    world.vm.arch.id_regs[5u << 3] |= UINT64_C(0xf) << 36;
    wr(OSDLR, UINT64_MAX);
    assert_int_equal(rd(OSDLR), 0);
}

static void claim_tags_are_set_and_cleared_apart(void **state)
{
    (void)state;
    assert_int_equal(rd(CLAIMSET), 0xff);
    assert_int_equal(rd(CLAIMCLR), 0);
    wr(CLAIMSET, 0xffff0f);
    assert_int_equal(rd(CLAIMCLR), 0x0f);
    wr(CLAIMCLR, 0x05);
    assert_int_equal(rd(CLAIMCLR), 0x0a);
    assert_int_equal(rd(CLAIMSET), 0xff);
}

static void nobody_debugs_from_outside(void **state)
{
    (void)state;
    assert_int_equal(rd(REG(0, 7, 14, 6)), 0xa); /* DBGAUTHSTATUS_EL1: implemented, disabled */
    assert_int_equal(rd(REG(0, 1, 0, 0)), 0);    /* MDRAR_EL1: no ROM table */
    assert_int_equal(rd(REG(3, 0, 1, 0)), 0);    /* MDCCSR_EL0: the channel is empty, and not full */
    wr(REG(3, 0, 4, 0), UINT64_MAX);             /* DBGDTR_EL0 */
    assert_int_equal(rd(REG(3, 0, 4, 0)), 0);
}

static void mdscr_keeps_what_a_guest_may_set(void **state)
{
    (void)state;
    wr(MDSCR, UINT64_MAX);
    assert_int_equal(rd(MDSCR), 0xb001);
}

static void the_hardware_is_left_alone_until_debugging_is_enabled(void **state)
{
    (void)state;
    unlock();
    wr(BVR(0), 0x1000);
    wr(BCR(0), 0x1e5);
    wr(WCR(0), 1);
    wr(MDSCR, MDSCR_TDCC | MDSCR_KDE);
    assert_int_equal(world.debug_loads, 0);
    wr(MDSCR, MDSCR_MDE);
    assert_int_equal(world.debug_loads, 1);
    assert_true(world.vcpu.arch.debug_loaded);
}

static void a_change_while_debugging_reaches_the_hardware(void **state)
{
    (void)state;
    unlock();
    wr(MDSCR, MDSCR_SS);
    assert_int_equal(world.debug_loads, 1);
    wr(BVR(0), 0x1000);
    assert_int_equal(world.debug_loads, 2);
    (void)rd(BVR(0));
    assert_int_equal(world.debug_loads, 2);
}

static void the_host_gets_its_registers_back_when_debugging_ends(void **state)
{
    static const struct {
        uint64_t enc, val;
    } end[] = { { MDSCR, 0 }, { OSLAR, 1 }, { OSDLR, 1 } };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(end); i++) {
        sysreg_world_setup(state);
        unlock();
        wr(MDSCR, MDSCR_MDE);
        wr(end[i].enc, end[i].val);
        assert_int_equal(world.debug_puts, 1);
        assert_false(world.vcpu.arch.debug_loaded);
    }
}

static void with_a_lock_held_nothing_is_loaded(void **state)
{
    (void)state;
    wr(MDSCR, MDSCR_MDE | MDSCR_SS);
    assert_int_equal(world.debug_loads, 0);
    unlock();
    assert_int_equal(world.debug_loads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_breakpoint_has_registers_of_its_own, sysreg_world_setup),
        cmocka_unit_test_setup(breakpoints_cannot_be_made_to_match_at_el2_or_on_the_vmid, sysreg_world_setup),
        cmocka_unit_test_setup(the_os_lock_is_held_after_a_reset_and_follows_oslar, sysreg_world_setup),
        cmocka_unit_test_setup(the_double_lock_is_there_only_if_the_cpu_has_it, sysreg_world_setup),
        cmocka_unit_test_setup(claim_tags_are_set_and_cleared_apart, sysreg_world_setup),
        cmocka_unit_test_setup(nobody_debugs_from_outside, sysreg_world_setup),
        cmocka_unit_test_setup(mdscr_keeps_what_a_guest_may_set, sysreg_world_setup),
        cmocka_unit_test_setup(the_hardware_is_left_alone_until_debugging_is_enabled, sysreg_world_setup),
        cmocka_unit_test_setup(a_change_while_debugging_reaches_the_hardware, sysreg_world_setup),
        cmocka_unit_test_setup(the_host_gets_its_registers_back_when_debugging_ends, sysreg_world_setup),
        cmocka_unit_test_setup(with_a_lock_held_nothing_is_loaded, sysreg_world_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
