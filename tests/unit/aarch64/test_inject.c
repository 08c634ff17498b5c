/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions for guests: what EL1 finds in its registers when its handler begins. hostile-guest.md rows 13, A3, A4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bits.h"
#include "idregs.h"
#include "inject.h"

#define VBAR UINT64_C(0xffff800008010800)
#define PC UINT64_C(0xffff800008123454)
#define FAR UINT64_C(0xffff80000a000123)

#define EL0T 0x0u
#define EL1T 0x4u
#define EL1H 0x5u
#define USR32 0x10u
#define DAIF UINT64_C(0x3c0)
#define SPAN (UINT64_C(1) << 23)
#define DSSBS (UINT64_C(1) << 44)
#define PAN (UINT64_C(1) << 22)
#define SSBS (UINT64_C(1) << 12)

static struct axvm_arch_vcpu v;
static struct axvm_arch_vm vm;

static int setup(void **state)
{
    (void)state;
    memset(&v, 0, sizeof(v));
    memset(&vm, 0, sizeof(vm));
    v.pc = PC;
    v.pstate = EL1H;
    v.el1.vbar = VBAR;
    v.el1.sctlr = SPAN;
    v.el1.far = 1;
    return 0;
}

static void the_vector_follows_from_where_the_exception_comes(void **state)
{
    static const struct {
        uint64_t pstate, vector;
    } t[] = {
        { EL1T, 0x000 }, { EL1H, 0x200 }, { EL0T, 0x400 }, { USR32, 0x600 }, { USR32 | 0x20, 0x600 },
    };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        setup(state);
        v.pstate = t[i].pstate;
        v.el1.vbar |= 0x7ff; /* RES0, but a CPU may keep them */
        axvm_inject_undef(&v, &vm);
        assert_true(v.pc == VBAR + t[i].vector);
        assert_true(v.el1.elr == PC);
        assert_true(v.el1.spsr == t[i].pstate);
    }
}

static void the_handler_runs_at_el1h_with_everything_masked(void **state)
{
    (void)state;
    v.pstate = EL0T;
    axvm_inject_undef(&v, &vm);
    assert_true(v.pstate == (EL1H | DAIF));
}

static void flags_and_dit_stay_and_one_time_state_goes(void **state)
{
    (void)state;
    /* NZCV, TCO, DIT, UAO, SS, IL, SSBS, BTYPE set */
    v.pstate = UINT64_C(0xf0000000) | 1u << 25 | 1u << 24 | 1u << 23 | 1u << 21 | 1u << 20 | SSBS | 3u << 10 | EL1H;
    axvm_inject_undef(&v, &vm);
    assert_true(v.pstate == (UINT64_C(0xf1000000) | EL1H | DAIF));
}

static void what_only_aarch32_has_does_not_reach_the_handler(void **state)
{
    (void)state;
    /* N, Q, IT, DIT, GE, E, T */
    v.pstate = UINT64_C(0x8f0ffe30);
    axvm_inject_undef(&v, &vm);
    assert_true(v.el1.spsr == UINT64_C(0x8f0ffe30));
    assert_true(v.pstate == (UINT64_C(0x81000000) | EL1H | DAIF));
}

static void pan_is_set_unless_the_guest_wants_it_kept(void **state)
{
    vm.id_regs[IDREG_MMFR1] = 1u << 20;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & PAN) == 0);
    setup(state);
    vm.id_regs[IDREG_MMFR1] = 1u << 20;
    v.pstate |= PAN;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & PAN) != 0);
    setup(state);
    vm.id_regs[IDREG_MMFR1] = 1u << 20;
    v.el1.sctlr &= ~SPAN;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & PAN) != 0);
}

static void a_cpu_without_pan_and_ssbs_gets_neither(void **state)
{
    (void)state;
    v.el1.sctlr = DSSBS;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & (PAN | SSBS)) == 0);
}

static void ssbs_is_what_sctlr_says(void **state)
{
    vm.id_regs[IDREG_PFR1] = 2u << 4;
    v.pstate |= SSBS;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & SSBS) == 0);
    setup(state);
    vm.id_regs[IDREG_PFR1] = 2u << 4;
    v.el1.sctlr |= DSSBS;
    axvm_inject_undef(&v, &vm);
    assert_true((v.pstate & SSBS) != 0);
}

static void an_undefined_instruction_leaves_far_alone(void **state)
{
    (void)state;
    axvm_inject_undef(&v, &vm);
    assert_true(v.el1.esr == 0x02000000);
    assert_true(v.el1.far == 1);
}

static void an_abort_has_the_class_direction_and_address_of_the_access(void **state)
{
    static const struct {
        uint64_t pstate, esr2;
        enum axvm_fsc fsc;
        uint64_t esr1;
    } t[] = {
        { EL1H, 0x93800007, FSC_SEA, 0x96000010 },          /* load, described */
        { EL1H, 0x93830047, FSC_SEA, 0x96000050 },          /* store */
        { EL0T, 0x92000047, FSC_SEA, 0x92000050 },          /* from EL0 */
        { USR32, 0x90000007, FSC_SEA, 0x92000010 },         /* 16-bit instruction */
        { EL1T, 0x92000147, FSC_SEA, 0x96000150 },          /* cache maintenance */
        { EL1H, 0x92000087, FSC_SEA_WALK0 + 3, 0x96000017 }, /* on a walk */
        { EL1H, 0x92000007, FSC_EXCLUSIVE, 0x96000035 },
        { EL0T, 0x92000061, FSC_ALIGNMENT, 0x92000061 },
        { EL1H, 0x82000007, FSC_SEA, 0x86000010 },          /* instruction abort */
        { EL0T, 0x82000087, FSC_SEA_WALK0 + 2, 0x82000016 },
    };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        setup(state);
        v.pstate = t[i].pstate;
        axvm_inject_abort(&v, &vm, t[i].esr2, FAR, t[i].fsc);
        assert_int_equal(v.el1.esr, t[i].esr1);
        assert_true(v.el1.far == FAR);
        assert_true(v.el1.elr == PC);
    }
}

static void other_registers_stay(void **state)
{
    struct axvm_arch_vcpu before;

    (void)state;
    memset(v.gpr, 0x5a, sizeof(v.gpr));
    v.el1.sp_el1 = 0x1000;
    before = v;
    axvm_inject_abort(&v, &vm, 0x92000007, FAR, FSC_SEA);
    before.pc = v.pc;
    before.pstate = v.pstate;
    before.el1.esr = v.el1.esr;
    before.el1.far = v.el1.far;
    before.el1.elr = v.el1.elr;
    before.el1.spsr = v.el1.spsr;
    assert_memory_equal(&v, &before, sizeof(v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_vector_follows_from_where_the_exception_comes, setup),
        cmocka_unit_test_setup(the_handler_runs_at_el1h_with_everything_masked, setup),
        cmocka_unit_test_setup(flags_and_dit_stay_and_one_time_state_goes, setup),
        cmocka_unit_test_setup(what_only_aarch32_has_does_not_reach_the_handler, setup),
        cmocka_unit_test_setup(pan_is_set_unless_the_guest_wants_it_kept, setup),
        cmocka_unit_test_setup(a_cpu_without_pan_and_ssbs_gets_neither, setup),
        cmocka_unit_test_setup(ssbs_is_what_sctlr_says, setup),
        cmocka_unit_test_setup(an_undefined_instruction_leaves_far_alone, setup),
        cmocka_unit_test_setup(an_abort_has_the_class_direction_and_address_of_the_access, setup),
        cmocka_unit_test_setup(other_registers_stay, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
