/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests see of their CPU's features. hostile-guest.md rows 53 and 60. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "idregs.h"

static uint64_t regs[AXVM_ID_REGS];
static struct axvm_idreg_params params;

static int setup(void **state)
{
    (void)state;
    memset(regs, 0, sizeof(regs));
    params = (struct axvm_idreg_params){ .gpa_bits = 48, .gic = true };
    return 0;
}

static unsigned int field(unsigned int reg, unsigned int lo)
{
    return (unsigned int)(regs[reg] >> lo & 15);
}

static void a_cortex_a57_shows_through_but_for_el2_el3_and_pmu(void **state)
{
    (void)state;
    regs[IDREG_PFR0] = 0x01002222; /* EL0..EL3 in both states, GIC */
    regs[IDREG_DFR0] = 0x10305106; /* 6 breakpoints, 4 watchpoints, PMUv3 */
    regs[IDREG(6, 0)] = 0x00011120;
    regs[IDREG_MMFR0] = 0x00001124;
    regs[IDREG(2, 0)] = 0x02101110;
    regs[IDREG(3, 0)] = 0x10110222;
    axvm_idregs_limit(regs, &params);
    assert_int_equal(regs[IDREG_PFR0], 0x01000012);
    assert_int_equal(regs[IDREG_DFR0], 0x10305006);
    assert_int_equal(regs[IDREG(6, 0)], 0x00011120);
    assert_int_equal(regs[IDREG_MMFR0], 0x00000024);
    assert_int_equal(regs[IDREG(2, 0)], 0x02101110);
    assert_int_equal(regs[IDREG(3, 0)], 0x10110222);
}

/* A CPU of the future: each field at its most. 7 is the largest value that is one in signed fields, too. */
static void nothing_unknown_of_a_new_cpu_is_visible(void **state)
{
    static const struct {
        uint8_t reg, lo;
        const char *what;
    } hidden[] = {
        { IDREG_PFR0, 8, "EL2" }, { IDREG_PFR0, 12, "EL3" }, { IDREG_PFR0, 28, "RAS" }, { IDREG_PFR0, 32, "SVE" },
        { IDREG_PFR0, 36, "SEL2" }, { IDREG_PFR0, 40, "MPAM" }, { IDREG_PFR0, 44, "AMU" }, { IDREG_PFR0, 52, "RME" },
        { IDREG_PFR1, 8, "MTE" }, { IDREG_PFR1, 24, "SME" }, { IDREG_PFR1, 28, "RNDR_trap" }, { IDREG_PFR1, 36, "NMI" },
        { IDREG_PFR1, 44, "GCS" }, { IDREG_PFR1, 48, "THE" },
        { IDREG_DFR0, 4, "TraceVer" }, { IDREG_DFR0, 8, "PMUVer" }, { IDREG_DFR0, 32, "PMSVer" },
        { IDREG_DFR0, 40, "TraceFilt" }, { IDREG_DFR0, 44, "TraceBuffer" }, { IDREG_DFR0, 48, "MTPMU" },
        { IDREG_DFR0, 52, "BRBE" }, { IDREG_DFR0, 60, "HPMN0" },
        { IDREG(6, 0), 24, "TME" },
        { IDREG(6, 1), 4, "APA" }, { IDREG(6, 1), 8, "API" }, { IDREG(6, 1), 24, "GPA" }, { IDREG(6, 1), 28, "GPI" },
        { IDREG(6, 1), 56, "XS" }, { IDREG(6, 1), 60, "LS64" },
        { IDREG(6, 2), 0, "WFxT" }, { IDREG(6, 2), 8, "GPA3" }, { IDREG(6, 2), 12, "APA3" }, { IDREG(6, 2), 16, "MOPS" },
        { IDREG_MMFR0, 8, "BigEnd" }, { IDREG_MMFR0, 16, "BigEndEL0" }, { IDREG_MMFR0, 56, "FGT" }, { IDREG_MMFR0, 60, "ECV" },
        { IDREG_MMFR1, 4, "VMIDBits" }, { IDREG_MMFR1, 8, "VH" }, { IDREG_MMFR1, 16, "LO" }, { IDREG_MMFR1, 28, "XNX" },
        { IDREG_MMFR1, 32, "TWED" }, { IDREG_MMFR1, 40, "HCX" },
        { IDREG(7, 2), 24, "NV" }, { IDREG(7, 2), 40, "FWB" }, { IDREG(7, 2), 56, "EVT" },
        { IDREG(1, 0), 20, "AArch32 AMU" }, { IDREG(1, 0), 28, "AArch32 RAS" }, { IDREG(1, 1), 4, "Security" },
        { IDREG(1, 1), 12, "Virtualization" }, { IDREG(1, 2), 12, "CopTrc" }, { IDREG(1, 2), 24, "PerfMon" },
        { IDREG(1, 2), 28, "AArch32 TraceFilt" },
    };
    static const uint8_t whole[] = {
        IDREG(4, 2), IDREG(4, 3), IDREG(4, 4), IDREG(4, 5), IDREG(4, 6), IDREG(4, 7), IDREG(5, 1), IDREG(5, 2), IDREG(5, 3),
        IDREG(5, 4), IDREG(5, 5), IDREG(5, 6), IDREG(5, 7), IDREG(6, 3), IDREG(6, 4), IDREG(6, 5), IDREG(6, 6), IDREG(6, 7),
        IDREG(7, 3), IDREG(7, 4), IDREG(7, 5), IDREG(7, 6), IDREG(7, 7), IDREG(3, 3), IDREG(3, 5), IDREG(3, 7), IDREG(1, 3),
        0, 1, 2, 3, 4, 5, 6, 7,
    };
    static const uint64_t patterns[] = { UINT64_MAX, UINT64_C(0x7777777777777777) };

    (void)state;
    for (unsigned int p = 0; p < AXVM_ARRAY_LEN(patterns); p++) {
        for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
            regs[i] = patterns[p];
        axvm_idregs_limit(regs, &params);
        for (unsigned int i = 0; i < AXVM_ARRAY_LEN(hidden); i++)
            if (field(hidden[i].reg, hidden[i].lo) != 0)
                fail_msg("visible: %s", hidden[i].what);
        for (unsigned int i = 0; i < AXVM_ARRAY_LEN(whole); i++)
            assert_true(regs[whole[i]] == 0);
    }
}

/* The most there is to see: of a CPU with 7 in all fields, and of one with 15, which in signed fields is less than nothing. */
static void known_features_of_a_new_cpu_are_limited_to_what_is_known(void **state)
{
    static const uint64_t want[AXVM_ID_REGS][2] = {
        [IDREG(1, 0)] = { UINT64_C(0x0000000001010131), UINT64_C(0x0000000001010131) }, /* ID_PFR0_EL1 */
        [IDREG(1, 1)] = { UINT64_C(0x0000000000010000), UINT64_C(0x0000000000010000) }, /* ID_PFR1_EL1 */
        [IDREG(1, 2)] = { UINT64_C(0x0000000000000007), UINT64_C(0x0000000000000008) }, /* ID_DFR0_EL1 */
        [IDREG(1, 4)] = { UINT64_C(0x0000000070707705), UINT64_C(0x00000000f0f0ff05) }, /* ID_MMFR0_EL1 */
        [IDREG(1, 5)] = { UINT64_C(0x0000000070000000), UINT64_C(0x00000000f0000000) }, /* ID_MMFR1_EL1 */
        [IDREG(1, 6)] = { UINT64_C(0x0000000007777000), UINT64_C(0x000000000ffff000) }, /* ID_MMFR2_EL1 */
        [IDREG(1, 7)] = { UINT64_C(0x0000000077727777), UINT64_C(0x00000000fff2ffff) }, /* ID_MMFR3_EL1 */
        [IDREG(2, 0)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* ID_ISAR0_EL1 */
        [IDREG(2, 1)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* ID_ISAR1_EL1 */
        [IDREG(2, 2)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* ID_ISAR2_EL1 */
        [IDREG(2, 3)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* ID_ISAR3_EL1 */
        [IDREG(2, 4)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* ID_ISAR4_EL1 */
        [IDREG(2, 5)] = { UINT64_C(0x0000000011011121), UINT64_C(0x0000000011011121) }, /* ID_ISAR5_EL1 */
        [IDREG(2, 6)] = { UINT64_C(0x0000000001121000), UINT64_C(0x0000000001121000) }, /* ID_MMFR4_EL1 */
        [IDREG(2, 7)] = { UINT64_C(0x0000000001111111), UINT64_C(0x0000000001111111) }, /* ID_ISAR6_EL1 */
        [IDREG(3, 0)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* MVFR0_EL1 */
        [IDREG(3, 1)] = { UINT64_C(0x0000000077777777), UINT64_C(0x00000000ffffffff) }, /* MVFR1_EL1 */
        [IDREG(3, 2)] = { UINT64_C(0x0000000000000043), UINT64_C(0x0000000000000043) }, /* MVFR2_EL1 */
        [IDREG(3, 4)] = { UINT64_C(0x0000000000000011), UINT64_C(0x0000000000000011) }, /* ID_PFR2_EL1 */
        [IDREG(3, 6)] = { UINT64_C(0x0000000000000012), UINT64_C(0x0000000000000012) }, /* ID_MMFR5_EL1 */
        [IDREG(4, 0)] = { UINT64_C(0x1101000001110012), UINT64_C(0x1101000001ff0012) }, /* ID_AA64PFR0_EL1 */
        [IDREG(4, 1)] = { UINT64_C(0x0000000100000021), UINT64_C(0x0000000100000021) }, /* ID_AA64PFR1_EL1 */
        [IDREG(5, 0)] = { UINT64_C(0x0000000070707007), UINT64_C(0x000000f0f0f0f008) }, /* ID_AA64DFR0_EL1 */
        [IDREG(6, 0)] = { UINT64_C(0x1221111110212120), UINT64_C(0x1221111110212120) }, /* ID_AA64ISAR0_EL1 */
        [IDREG(6, 1)] = { UINT64_C(0x0011211100211002), UINT64_C(0x0011211100211002) }, /* ID_AA64ISAR1_EL1 */
        [IDREG(6, 2)] = { UINT64_C(0x0010000010100010), UINT64_C(0x0010000010100010) }, /* ID_AA64ISAR2_EL1 */
        [IDREG(7, 0)] = { UINT64_C(0x0000100000100025), UINT64_C(0x00001000ff100025) }, /* ID_AA64MMFR0_EL1 */
        [IDREG(7, 1)] = { UINT64_C(0x1001102000302002), UINT64_C(0x1001102000302002) }, /* ID_AA64MMFR1_EL1 */
        [IDREG(7, 2)] = { UINT64_C(0x1021001110100111), UINT64_C(0x1021001110100111) }, /* ID_AA64MMFR2_EL1 */
    };
    static const uint64_t hw[] = { UINT64_C(0x7777777777777777), UINT64_MAX };

    (void)state;
    for (unsigned int p = 0; p < AXVM_ARRAY_LEN(hw); p++) {
        for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
            regs[i] = hw[p];
        axvm_idregs_limit(regs, &params);
        for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
            if (regs[i] != want[i][p])
                fail_msg("CRm %u, op2 %u: %016llx", i >> 3, i & 7, (unsigned long long)regs[i]);
    }
}

static void absent_stays_absent_in_signed_fields(void **state)
{
    (void)state;
    regs[IDREG_PFR0] = 0xff0012;                /* no FP, no AdvSIMD */
    regs[IDREG_MMFR0] = 0xff000000;             /* no 64K, no 4K granule */
    regs[IDREG_DFR0] = UINT64_C(0xf000000006);  /* no double lock */
    axvm_idregs_limit(regs, &params);
    assert_int_equal(regs[IDREG_PFR0], 0xff0012);
    assert_int_equal(regs[IDREG_MMFR0], 0xff000000);
    assert_true(regs[IDREG_DFR0] == UINT64_C(0xf000000006));
}

static void the_guest_never_sees_more_than_the_hardware_has(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15, hw[AXVM_ID_REGS];

    (void)state;
    for (unsigned int round = 0; round < 1000; round++) {
        for (unsigned int i = 0; i < AXVM_ID_REGS; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            hw[i] = regs[i] = seed ^ seed >> 29;
        }
        axvm_idregs_limit(regs, &params);
        for (unsigned int i = 0; i < AXVM_ID_REGS; i++)
            for (unsigned int lo = 0; lo < 64; lo += 4)
                assert_true(field(i, lo) <= (hw[i] >> lo & 15));
    }
}

static void physical_addresses_are_as_many_as_the_vm_has(void **state)
{
    static const struct {
        unsigned int gpa_bits, hw, want;
    } t[] = {
        { 40, 5, 2 }, { 36, 5, 1 }, { 32, 5, 0 }, { 31, 5, 0 }, { 33, 5, 1 }, { 39, 5, 2 }, { 41, 5, 3 },
        { 44, 5, 4 }, { 48, 5, 5 }, { 48, 2, 2 }, { 48, 6, 5 }, { 52, 6, 5 },
    };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        setup(state);
        params.gpa_bits = t[i].gpa_bits;
        regs[IDREG_MMFR0] = t[i].hw;
        axvm_idregs_limit(regs, &params);
        assert_int_equal(field(IDREG_MMFR0, 0), t[i].want);
    }
}

static void a_vm_without_interrupt_controller_has_no_gic_registers(void **state)
{
    (void)state;
    params.gic = false;
    regs[IDREG_PFR0] = 0x01000022;
    axvm_idregs_limit(regs, &params);
    assert_int_equal(regs[IDREG_PFR0], 0x12);
}

static void a_cpu_without_aarch32_has_no_aarch32_features(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < IDREG(4, 0); i++)
        regs[i] = UINT64_C(0x1111111111111111);
    regs[IDREG_PFR0] = 0x11;
    axvm_idregs_limit(regs, &params);
    for (unsigned int i = 0; i < IDREG(4, 0); i++)
        assert_true(regs[i] == 0);
    assert_int_equal(regs[IDREG_PFR0], 0x11);
}

static void breakpoints_are_counted(void **state)
{
    static struct axvm_arch_vm vm;

    (void)state;
    vm.id_regs[IDREG_DFR0] = 0x10305106;
    assert_int_equal(axvm_brp_count(&vm), 6);
    assert_int_equal(axvm_wrp_count(&vm), 4);
    vm.id_regs[IDREG_DFR0] = UINT64_MAX;
    assert_int_equal(axvm_brp_count(&vm), AXVM_MAX_BREAKPOINTS);
    assert_int_equal(axvm_wrp_count(&vm), AXVM_MAX_BREAKPOINTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_cortex_a57_shows_through_but_for_el2_el3_and_pmu, setup),
        cmocka_unit_test_setup(nothing_unknown_of_a_new_cpu_is_visible, setup),
        cmocka_unit_test_setup(known_features_of_a_new_cpu_are_limited_to_what_is_known, setup),
        cmocka_unit_test_setup(absent_stays_absent_in_signed_fields, setup),
        cmocka_unit_test_setup(the_guest_never_sees_more_than_the_hardware_has, setup),
        cmocka_unit_test_setup(physical_addresses_are_as_many_as_the_vm_has, setup),
        cmocka_unit_test_setup(a_vm_without_interrupt_controller_has_no_gic_registers, setup),
        cmocka_unit_test_setup(a_cpu_without_aarch32_has_no_aarch32_features, setup),
        cmocka_unit_test_setup(breakpoints_are_counted, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
