/* SPDX-License-Identifier: BSD-2-Clause */
/* RDMSR and WRMSR: hostile-guest.md rows 77, X1, X2, I8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bits.h"
#include "msr.h"

static const struct axvm_x86_limits intel = {
    .gpa_mask = (UINT64_C(1) << 40) - 1,
    .phys_bits = 40,
    .linear_bits = 48,
    .tsc_aux = true,
    .tsc_khz = 2600000,
};
static const struct axvm_x86_limits amd = {
    .gpa_mask = (UINT64_C(1) << 40) - 1,
    .phys_bits = 40,
    .linear_bits = 48,
    .amd = true,
    .tsc_aux = true,
    .tsc_khz = 2600000,
};

/* The whole interface, range by range: 'b' both vendors, 'i' Intel, 'a' AMD. What is not here is UNKNOWN. */
static const struct {
    uint32_t first, last;
    char who;
    enum axvm_msr_result read;
} map[] = {
    { 0x10, 0x10, 'b', AXVM_MSR_TSC },
    { 0x17, 0x17, 'i', AXVM_MSR_DONE },
    { 0x1b, 0x1b, 'b', AXVM_MSR_APIC },
    { 0x3a, 0x3a, 'i', AXVM_MSR_DONE },
    { 0x3b, 0x3b, 'b', AXVM_MSR_DONE },
    { 0x79, 0x79, 'i', AXVM_MSR_DONE },
    { 0x8b, 0x8b, 'b', AXVM_MSR_DONE },
    { 0xce, 0xce, 'i', AXVM_MSR_DONE },
    { 0xfe, 0xfe, 'b', AXVM_MSR_DONE },
    { 0x174, 0x176, 'b', AXVM_MSR_HW },
    { 0x179, 0x17a, 'b', AXVM_MSR_DONE },
    { 0x1a0, 0x1a0, 'b', AXVM_MSR_DONE },
    { 0x1d9, 0x1d9, 'b', AXVM_MSR_DONE },
    { 0x200, 0x20f, 'b', AXVM_MSR_DONE },
    { 0x250, 0x250, 'b', AXVM_MSR_DONE },
    { 0x258, 0x259, 'b', AXVM_MSR_DONE },
    { 0x268, 0x26f, 'b', AXVM_MSR_DONE },
    { 0x277, 0x277, 'b', AXVM_MSR_HW },
    { 0x2ff, 0x2ff, 'b', AXVM_MSR_DONE },
    { 0x6e0, 0x6e0, 'b', AXVM_MSR_APIC },
    { 0x800, 0x8ff, 'b', AXVM_MSR_APIC },
    { 0xc0000080, 0xc0000084, 'b', AXVM_MSR_HW },
    { 0xc0000100, 0xc0000103, 'b', AXVM_MSR_HW },
    { 0xc0010000, 0xc0010007, 'a', AXVM_MSR_DONE },
    { 0xc0010010, 0xc0010010, 'a', AXVM_MSR_DONE },
    { 0xc0010015, 0xc0010015, 'a', AXVM_MSR_DONE },
    { 0xc001001a, 0xc001001a, 'a', AXVM_MSR_DONE },
    { 0xc001001d, 0xc001001d, 'a', AXVM_MSR_DONE },
    { 0xc001001f, 0xc0010020, 'a', AXVM_MSR_DONE },
    { 0xc0010055, 0xc0010055, 'a', AXVM_MSR_DONE },
    { 0xc0010058, 0xc0010058, 'a', AXVM_MSR_DONE },
    { 0xc0010112, 0xc0010112, 'a', AXVM_MSR_DONE },
    { 0xc0010114, 0xc0010114, 'a', AXVM_MSR_DONE },
    { 0xc0011022, 0xc0011022, 'a', AXVM_MSR_DONE },
    { 0xc0011029, 0xc001102a, 'a', AXVM_MSR_DONE },
};

static enum axvm_msr_result expected(const struct axvm_x86_limits *lim, uint32_t msr)
{
    for (size_t i = 0; i < AXVM_ARRAY_LEN(map); i++) {
        if (msr >= map[i].first && msr <= map[i].last && (map[i].who == 'b' || (map[i].who == 'a') == lim->amd))
            return map[i].read;
    }
    return AXVM_MSR_UNKNOWN;
}

static void check_number(const struct axvm_x86_limits *lim, uint32_t msr)
{
    struct axvm_msrs m;
    uint64_t val = 0x123456789abcdef0;
    enum axvm_msr_result r;

    axvm_msrs_reset(&m, lim);
    r = axvm_msr_read(&m, lim, msr, &val);
    assert_int_equal(r, expected(lim, msr));
    if (r != AXVM_MSR_DONE)
        assert_int_equal(val, 0x123456789abcdef0);
    /* Writing what was read is never unknown where reading is not, and the other way round. */
    val = r == AXVM_MSR_DONE ? val : 0;
    assert_int_equal(axvm_msr_write(&m, lim, msr, &val) == AXVM_MSR_UNKNOWN, r == AXVM_MSR_UNKNOWN);
}

static void no_number_is_known_but_those_listed(void **unused)
{
    uint32_t x = 12345;

    (void)unused;
    for (uint32_t n = 0; n < 0x4000; n++) {
        check_number(&intel, n);
        check_number(&amd, n);
        check_number(&intel, 0xc0000000 + n);
        check_number(&amd, 0xc0000000 + n);
        check_number(&intel, 0xc0010000 + n);
        check_number(&amd, 0xc0010000 + n);
        check_number(&intel, 0x4b564d00 - 0x2000 + n);
        check_number(&amd, 0x40000000 + n);
    }
    for (unsigned int i = 0; i < 1000000; i++) {
        x = x * 1664525 + 1013904223;
        check_number(&intel, x);
        check_number(&amd, x);
    }
    check_number(&intel, 0xffffffff);
}

/* ---- which values registers take ---- */

static enum axvm_msr_result write_msr(struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr, uint64_t val)
{
    return axvm_msr_write(m, lim, msr, &val);
}

static uint64_t read_msr(const struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr)
{
    uint64_t val = UINT64_MAX;

    assert_int_equal(axvm_msr_read(m, lim, msr, &val), AXVM_MSR_DONE);
    return val;
}

static void values_are_checked_as_the_cpu_does(void **unused)
{
    static const struct {
        const struct axvm_x86_limits *lim;
        uint32_t msr;
        uint64_t val;
        enum axvm_msr_result r;
    } t[] = {
        { &intel, 0x277, 0x0007040600070406, AXVM_MSR_HW },
        { &intel, 0x277, 0x0007010600070406, AXVM_MSR_HW }, /* WC; below: the two reserved types, and beyond */
        { &intel, 0x277, 0x0007040600020406, AXVM_MSR_GP },
        { &intel, 0x277, 0x0307040600070406, AXVM_MSR_GP },
        { &intel, 0x277, 0x0807040600070406, AXVM_MSR_GP },
        { &intel, 0x277, 0x8007040600070406, AXVM_MSR_GP },
        { &intel, 0x174, 0xffffffff, AXVM_MSR_HW },
        { &intel, 0x174, 0x100000000, AXVM_MSR_GP },
        { &intel, 0x175, 0x00007fffffffffff, AXVM_MSR_HW },
        { &intel, 0x175, 0x0000800000000000, AXVM_MSR_GP },
        { &intel, 0x176, 0xffff7fffffffffff, AXVM_MSR_GP },
        { &intel, 0xc0000081, UINT64_MAX, AXVM_MSR_HW },
        { &intel, 0xc0000082, 0xffffffff81000000, AXVM_MSR_HW },
        { &intel, 0xc0000082, 0x8000000000000000, AXVM_MSR_GP },
        { &amd, 0xc0000083, 0x1000000000000, AXVM_MSR_GP },
        { &amd, 0xc0000084, 0x47700, AXVM_MSR_HW },
        { &amd, 0xc0000084, 0x100000000, AXVM_MSR_GP },
        { &amd, 0xc0000100, 0xffff800000000000, AXVM_MSR_HW },
        { &amd, 0xc0000101, 0xffff700000000000, AXVM_MSR_GP },
        { &amd, 0xc0000102, 0x0123456789abcdef, AXVM_MSR_GP },
        { &intel, 0xc0000103, 0x100000005, AXVM_MSR_GP },
        { &amd, 0xc0000103, 0x100000005, AXVM_MSR_HW },
        { &intel, 0x17a, 7, AXVM_MSR_DONE },
        { &intel, 0x17a, 8, AXVM_MSR_GP },
        { &intel, 0x179, 0, AXVM_MSR_GP }, /* read-only */
        { &intel, 0xfe, 0, AXVM_MSR_GP },
        { &intel, 0x3a, 5, AXVM_MSR_GP }, /* locked */
        { &intel, 0x3a, 0, AXVM_MSR_GP },
        { &intel, 0xce, 0, AXVM_MSR_GP },
        { &intel, 0x1a0, 1, AXVM_MSR_DONE },
        { &intel, 0x1a0, 2, AXVM_MSR_GP },
        { &intel, 0x1d9, 3, AXVM_MSR_DONE },
        { &intel, 0x1d9, 0x40, AXVM_MSR_GP },
        { &intel, 0x8b, 0, AXVM_MSR_DONE },
        { &amd, 0x8b, 0, AXVM_MSR_DONE },
        { &amd, 0xc0010015, 0x1000000, AXVM_MSR_DONE },
        { &amd, 0xc0010015, 0x10, AXVM_MSR_GP },
        { &amd, 0xc0010010, 0x740000, AXVM_MSR_DONE },
        { &amd, 0xc0010010, 0x800000, AXVM_MSR_GP }, /* memory encryption */
        { &amd, 0xc0011029, 2, AXVM_MSR_DONE },
        { &amd, 0xc0011029, 0x200, AXVM_MSR_GP },
        { &amd, 0xc0010114, 0, AXVM_MSR_DONE },
        { &amd, 0xc0010114, 1, AXVM_MSR_GP },
        { &amd, 0xc001001a, 0, AXVM_MSR_GP },
        { &intel, 0x48, 0, AXVM_MSR_UNKNOWN }, /* SPEC_CTRL, PRED_CMD, ARCH_CAPABILITIES: not offered */
        { &intel, 0x49, 1, AXVM_MSR_UNKNOWN },
        { &intel, 0x10a, 0, AXVM_MSR_UNKNOWN },
        { &amd, 0xc0010117, 0x1000, AXVM_MSR_UNKNOWN }, /* VM_HSAVE_PA */
        { &intel, 0x480, 0, AXVM_MSR_UNKNOWN },         /* VMX capabilities */
        { &intel, 0x38f, 7, AXVM_MSR_UNKNOWN },         /* PMU */
        { &intel, 0x400, 0, AXVM_MSR_UNKNOWN },         /* banks: there are none */
    };

    (void)unused;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        struct axvm_msrs m;

        axvm_msrs_reset(&m, t[i].lim);
        assert_int_equal(write_msr(&m, t[i].lim, t[i].msr, t[i].val), t[i].r);
    }
}

static void mtrr_types_are_uc_wc_wt_wp_wb(void **unused)
{
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    for (uint64_t type = 0; type < 256; type++) {
        enum axvm_msr_result want = type == 0 || type == 1 || type == 4 || type == 5 || type == 6 ? AXVM_MSR_DONE : AXVM_MSR_GP;

        assert_int_equal(write_msr(&m, &intel, 0x2ff, 0xc00 | type), want);
        assert_int_equal(write_msr(&m, &intel, 0x200, 0x80000000 | type), want);
        for (unsigned int byte = 0; byte < 8; byte++)
            assert_int_equal(write_msr(&m, &intel, 0x26f, type << 8 * byte), want);
    }
}

static void mtrr_reserved_bits_fault(void **unused)
{
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &amd);
    for (unsigned int b = 8; b < 64; b++) {
        uint64_t v = UINT64_C(1) << b;

        assert_int_equal(write_msr(&m, &amd, 0x2ff, v | 6), b == 10 || b == 11 ? AXVM_MSR_DONE : AXVM_MSR_GP);
        assert_int_equal(write_msr(&m, &amd, 0x20e, v | 6), b >= 12 && b < 40 ? AXVM_MSR_DONE : AXVM_MSR_GP);
        assert_int_equal(write_msr(&m, &amd, 0x20f, v), b >= 11 && b < 40 ? AXVM_MSR_DONE : AXVM_MSR_GP);
    }
    for (unsigned int b = 0; b < 11; b++)
        assert_int_equal(write_msr(&m, &amd, 0x201, UINT64_C(1) << b), AXVM_MSR_GP);
}

static void each_mtrr_has_its_own_place(void **unused)
{
    static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(read_msr(&m, &intel, 0xfe), 0x508);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(write_msr(&m, &intel, 0x200 + i, (uint64_t)(i + 1) << 12), AXVM_MSR_DONE);
    for (uint64_t i = 0; i < AXVM_ARRAY_LEN(fixed); i++)
        assert_int_equal(write_msr(&m, &intel, fixed[i], UINT64_C(0x0606060606060606) & ~(UINT64_C(0xff) << (i & 7) * 8)),
                         AXVM_MSR_DONE);
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(read_msr(&m, &intel, 0x200 + i), (uint64_t)(i + 1) << 12);
    for (uint64_t i = 0; i < AXVM_ARRAY_LEN(fixed); i++)
        assert_int_equal(read_msr(&m, &intel, fixed[i]), UINT64_C(0x0606060606060606) & ~(UINT64_C(0xff) << (i & 7) * 8));
    assert_int_equal(read_msr(&m, &intel, 0x2ff), 0);
}

static void read_only_bits_survive_any_write(void **unused)
{
    struct axvm_msrs m;
    uint64_t x = 88172645463325252;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(read_msr(&m, &intel, 0x1a0), 0x1801);
    for (unsigned int i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        write_msr(&m, &intel, 0x1a0, i & 1 ? x : x & UINT64_C(0x400c51889));
        assert_int_equal(read_msr(&m, &intel, 0x1a0) & ~UINT64_C(0x400c51889), 0);
    }
    /* As test programs do. */
    assert_int_equal(write_msr(&m, &intel, 0x1a0, 0x400c51889), AXVM_MSR_DONE);
    assert_int_equal(read_msr(&m, &intel, 0x1a0), 0x400c51889);
    axvm_msrs_reset(&m, &amd);
    assert_int_equal(write_msr(&m, &amd, 0x1a0, 0x400c50809), AXVM_MSR_DONE);
    assert_int_equal(read_msr(&m, &amd, 0x1a0), 0x400c50809);
    assert_int_equal(write_msr(&m, &amd, 0xc0010015, 0x148), AXVM_MSR_DONE);
    assert_int_equal(read_msr(&m, &amd, 0xc0010015), 0x1000148);
}

/* ---- the TSC ---- */

/* Intel's revision is in the upper half; kernels clear the register before they look. */
static void the_patch_level_is_the_vendors_and_stays(void **unused)
{
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(write_msr(&m, &intel, 0x8b, 0), AXVM_MSR_DONE);
    assert_int_equal(read_msr(&m, &intel, 0x8b), UINT64_C(1) << 32);
    axvm_msrs_reset(&m, &amd);
    assert_int_equal(write_msr(&m, &amd, 0x8b, UINT64_MAX), AXVM_MSR_DONE);
    assert_int_equal(read_msr(&m, &amd, 0x8b), 0x01000065);
}

static void tsc_adjust_says_by_how_much_the_counter_moves(void **unused)
{
    struct axvm_msrs m;
    uint64_t val = 100;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(axvm_msr_write(&m, &intel, 0x3b, &val), AXVM_MSR_TSC_ADJUST);
    assert_int_equal(val, 100);
    val = 40;
    assert_int_equal(axvm_msr_write(&m, &intel, 0x3b, &val), AXVM_MSR_TSC_ADJUST);
    assert_int_equal(val, (uint64_t)-60);
    axvm_msr_tsc_moved(&m, (uint64_t)-50);
    assert_int_equal(read_msr(&m, &intel, 0x3b), (uint64_t)-10);
    val = 7;
    assert_int_equal(axvm_msr_write(&m, &intel, 0x10, &val), AXVM_MSR_TSC);
    assert_int_equal(val, 7);
}

static void tsc_aux_goes_with_rdtscp(void **unused)
{
    struct axvm_x86_limits without = intel;
    struct axvm_msrs m;
    uint64_t val = UINT64_C(0x500000007);

    (void)unused;
    axvm_msrs_reset(&m, &amd);
    assert_int_equal(axvm_msr_write(&m, &amd, 0xc0000103, &val), AXVM_MSR_HW);
    assert_int_equal(val, 7);
    without.tsc_aux = false;
    assert_int_equal(axvm_msr_read(&m, &without, 0xc0000103, &val), AXVM_MSR_GP);
    assert_int_equal(axvm_msr_write(&m, &without, 0xc0000103, &val), AXVM_MSR_GP);
}

static void platform_info_is_the_ratio_of_the_tsc(void **unused)
{
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(read_msr(&m, &intel, 0xce), 26 << 8);
}

static void the_paravirtual_clock_is_there_only_on_demand(void **unused)
{
    struct axvm_x86_limits pv = intel;
    struct axvm_msrs m;

    (void)unused;
    axvm_msrs_reset(&m, &intel);
    assert_int_equal(write_msr(&m, &intel, 0x4b564d01, 0x1001), AXVM_MSR_UNKNOWN);
    assert_int_equal(m.system_time, 0);
    pv.pv_clock = true;
    assert_int_equal(write_msr(&m, &pv, 0x4b564d01, 0x1001), AXVM_MSR_PV);
    assert_int_equal(read_msr(&m, &pv, 0x4b564d01), 0x1001);
    assert_int_equal(write_msr(&m, &pv, 0x4b564d01, 0x1003), AXVM_MSR_GP);
    assert_int_equal(write_msr(&m, &pv, 0x4b564d03, 0x1041), AXVM_MSR_PV);
    assert_int_equal(write_msr(&m, &pv, 0x4b564d03, 0x1021), AXVM_MSR_GP); /* 64-byte alignment */
    assert_int_equal(write_msr(&m, &pv, 0x4b564d00, 0x1002), AXVM_MSR_GP);
    assert_int_equal(write_msr(&m, &pv, 0x4b564d02, 0x1001), AXVM_MSR_UNKNOWN); /* asynchronous page faults */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_number_is_known_but_those_listed),
        cmocka_unit_test(values_are_checked_as_the_cpu_does),
        cmocka_unit_test(mtrr_types_are_uc_wc_wt_wp_wb),
        cmocka_unit_test(mtrr_reserved_bits_fault),
        cmocka_unit_test(each_mtrr_has_its_own_place),
        cmocka_unit_test(read_only_bits_survive_any_write),
        cmocka_unit_test(the_patch_level_is_the_vendors_and_stays),
        cmocka_unit_test(tsc_adjust_says_by_how_much_the_counter_moves),
        cmocka_unit_test(tsc_aux_goes_with_rdtscp),
        cmocka_unit_test(platform_info_is_the_ratio_of_the_tsc),
        cmocka_unit_test(the_paravirtual_clock_is_there_only_on_demand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
