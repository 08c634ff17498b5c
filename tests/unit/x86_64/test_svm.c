/* SPDX-License-Identifier: BSD-2-Clause */
/* SVM's control block and events, as far as they are plain logic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "svm.h"

static struct axvm_vmcb vmcb;

/* ---- what a guest may not do, whatever the CPU has: hostile-guest.md rows 80, 82, I8 ---- */

static void everything_that_reaches_the_host_is_intercepted(void **state)
{
    static const uint32_t features[] = { 0, SVM_FEATURE_NP | SVM_FEATURE_NRIPS | SVM_FEATURE_VNMI | SVM_FEATURE_CLEAN,
                                         UINT32_MAX };
    static const enum svm_exit_code must[] = {
        SVM_INTR,   SVM_NMI,     SVM_INIT,  SVM_CR0_SEL_WRITE, SVM_RDPMC,           SVM_CPUID,   SVM_INVD,
        SVM_HLT,    SVM_INVLPGA, SVM_IOIO,  SVM_MSR,           SVM_SHUTDOWN,        SVM_VMRUN,   SVM_VMMCALL,
        SVM_VMLOAD, SVM_VMSAVE,  SVM_STGI,  SVM_CLGI,          SVM_SKINIT,          SVM_WBINVD,  SVM_MONITOR,
        SVM_MWAIT,  SVM_XSETBV,  SVM_RDPRU, SVM_INVLPGB,       SVM_ILLEGAL_INVLPGB, SVM_MCOMMIT, SVM_TLBSYNC,
    };

    (void)state;
    for (size_t f = 0; f < AXVM_ARRAY_LEN(features); f++) {
        memset(&vmcb, 0, sizeof(vmcb));
        axvm_svm_vmcb_init(&vmcb, features[f], false);
        for (size_t i = 0; i < AXVM_ARRAY_LEN(must); i++) {
            const uint32_t *words = &vmcb.misc1;
            unsigned int bit = must[i] - SVM_INTR;

            assert_true(words[bit / 32] >> bit % 32 & 1);
        }
        assert_int_equal(vmcb.dr_read, 0xffff);
        assert_int_equal(vmcb.dr_write, 0xffff);
        assert_int_equal(vmcb.cr_write & (1u << 4 | 1u << 0), 1u << 4 | 1u << 0);
        assert_true(vmcb.exceptions & 1u << X86_MC);
        assert_true(vmcb.np_enable & 1);
        assert_true(vmcb.int_ctl & VMCB_V_INTR_MASKING);
        assert_false(vmcb.misc1 & VMCB_I1_PAUSE);
    }
}

/* XSA-156: exceptions whose delivery raises them again. */
static void exceptions_that_never_end_are_intercepted(void **state)
{
    (void)state;
    memset(&vmcb, 0, sizeof(vmcb));
    axvm_svm_vmcb_init(&vmcb, 0, false);
    assert_true(vmcb.exceptions & 1u << X86_DB);
    assert_true(vmcb.exceptions & 1u << X86_AC);
}

static void pause_is_filtered_where_the_cpu_can(void **state)
{
    (void)state;
    memset(&vmcb, 0, sizeof(vmcb));
    axvm_svm_vmcb_init(&vmcb, 0, true);
    assert_true(vmcb.misc1 & VMCB_I1_PAUSE);
    assert_int_equal(vmcb.pause_count, 0);
    memset(&vmcb, 0, sizeof(vmcb));
    axvm_svm_vmcb_init(&vmcb, SVM_FEATURE_PAUSE_FILTER, true);
    assert_true(vmcb.pause_count != 0);
    assert_int_equal(vmcb.pause_threshold, 0);
}

/* ---- registers ---- */

static void fill(struct axvm_x86_sys *sys)
{
    uint8_t *bytes = (uint8_t *)sys;

    for (size_t i = 0; i < sizeof(*sys); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (int i = 0; i < AXVM_X86_SEGS; i++)
        sys->seg[i].attr &= 0xfff;
}

static void registers_come_back_as_they_went_in(void **state)
{
    struct axvm_x86_sys in, out;

    (void)state;
    fill(&in);
    in.cr0 |= CR0_TS; /* is set in hardware while FP registers are not loaded */
    memset(&vmcb, 0xff, sizeof(vmcb));
    memcpy(&out, &in, sizeof(out));
    axvm_svm_vmcb_set_sys(&vmcb, &in);
    axvm_svm_vmcb_get_sys(&vmcb, &out);
    assert_memory_equal(&in, &out, sizeof(in));
}

static void what_a_reset_leaves_is_seen_by_the_cpu(void **state)
{
    struct axvm_x86_sys sys;

    (void)state;
    fill(&sys);
    sys.seg[AXVM_X86_SS].attr = (uint16_t)axvm_put_field(SEG_DPL, 3) | SEG_P | SEG_S;
    sys.seg[AXVM_X86_GS].attr = SEG_UNUSABLE | SEG_P | SEG_S;
    vmcb.clean = CLEAN_ALL;
    vmcb.eventinj = EVENT_VALID;
    vmcb.int_state = VMCB_INT_SHADOW;
    axvm_svm_vmcb_set_sys(&vmcb, &sys);
    assert_int_equal(vmcb.cpl, 3);
    assert_int_equal(vmcb.gs.attr, 0);
    assert_int_equal(vmcb.clean, 0);
    assert_int_equal(vmcb.eventinj, 0);
    assert_int_equal(vmcb.int_state, 0);
    assert_true(vmcb.efer & EFER_SVME); /* "Canonicalization and Consistency Checks" */
}

/* Whoever sets EFER.LME reads it; the CPU gets it when paging makes LMA of it. */
static void long_mode_is_the_cpus_when_paging_is_on(void **state)
{
    (void)state;
    axvm_vmcb_set_efer(&vmcb, EFER_LME | EFER_NXE);
    assert_int_equal(vmcb.guest_efer, EFER_LME | EFER_NXE);
    assert_int_equal(vmcb.efer, EFER_NXE | EFER_SVME);
    axvm_vmcb_set_efer(&vmcb, EFER_LME | EFER_LMA);
    assert_int_equal(vmcb.efer, EFER_LME | EFER_LMA | EFER_SVME);
}

/* ---- the MSR permission map: hostile-guest.md row 77, "bitmap edges" ---- */

static void msrs_have_their_bits_where_the_manual_says(void **state)
{
    static const struct {
        uint32_t msr;
        int bit;
    } rows[] = {
        { 0, 0 },
        { 1, 2 },
        { 0x1fff, 0x3ffe },
        { 0x2000, -1 },
        { 0xbfffffff, -1 },
        { 0xc0000000, 8 * 0x800 },
        { MSR_EFER, 8 * 0x800 + 2 * 0x80 },
        { 0xc0001fff, 8 * 0x800 + 0x3ffe },
        { 0xc0002000, -1 },
        { 0xc000ffff, -1 },
        { 0xc0010000, 8 * 0x1000 },
        { 0xc0011fff, 8 * 0x1000 + 0x3ffe },
        { 0xc0012000, -1 },
        { UINT32_MAX, -1 },
    };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(rows); i++)
        assert_int_equal(axvm_svm_msrpm_bit(rows[i].msr), rows[i].bit);
}

/* ---- events ---- */

#define EVENT(type, vector) (EVENT_VALID | (uint64_t)(type) << 8 | (vector))
#define WITH(error) (EVENT_HAS_ERROR | (uint64_t)(error) << 32)

static void what_an_exit_interrupted_is_delivered_again(void **state)
{
    static const struct {
        uint64_t info, again;
    } rows[] = {
        { EVENT(EVENT_INTR, 0x31), EVENT(EVENT_INTR, 0x31) },
        { EVENT(EVENT_INTR, 0x31) | WITH(5), EVENT(EVENT_INTR, 0x31) },
        { EVENT(EVENT_NMI, 2), EVENT(EVENT_NMI, 2) },
        { EVENT(EVENT_EXCEPTION, X86_PF) | WITH(6), EVENT(EVENT_EXCEPTION, X86_PF) | WITH(6) },
        { EVENT(EVENT_EXCEPTION, X86_UD) | (uint64_t)7 << 32, EVENT(EVENT_EXCEPTION, X86_UD) },
        { EVENT(EVENT_EXCEPTION, X86_DB), EVENT(EVENT_EXCEPTION, X86_DB) },
        /* these happen again by themselves */
        { EVENT(EVENT_EXCEPTION, X86_BP), 0 },
        { EVENT(EVENT_EXCEPTION, X86_OF), 0 },
        { EVENT(EVENT_SOFT_INT, 0x80), 0 },
        { EVENT(1, 0x80), 0 },
        { EVENT(7, 0x80), 0 },
        /* QEMU's name for an interrupt */
        { EVENT(EVENT_EXCEPTION, 0xec), EVENT(EVENT_INTR, 0xec) },
        /* reserved bits do not come back in */
        { EVENT(EVENT_INTR, 0x31) | AXVM_BITS(30, 12), EVENT(EVENT_INTR, 0x31) },
    };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(rows); i++)
        assert_int_equal(axvm_svm_redelivery(rows[i].info), rows[i].again);
}

/* Table 6-5, "Conditions for Generating a Double Fault", over all pairs. */
static int class_of(unsigned int v)
{
    return v == X86_PF ? 2 : v == X86_DE || (v >= X86_TS && v <= X86_GP) ? 1 : 0;
}

static void two_exceptions_become_a_double_fault_as_the_table_says(void **state)
{
    const uint64_t df = EVENT(EVENT_EXCEPTION, X86_DF) | WITH(0);

    (void)state;
    for (unsigned int a = 0; a < 32; a++) {
        for (unsigned int b = 0; b < 32; b++) {
            uint64_t got = axvm_x86_merge_events(EVENT(EVENT_EXCEPTION, a), EVENT(EVENT_EXCEPTION, b));
            int ca = class_of(a), cb = class_of(b);

            if (a == X86_DF && cb != 0)
                assert_int_equal(got, EVENT(EVENT_SHUTDOWN, 0));
            else if ((ca == 1 && cb == 1) || (ca == 2 && cb != 0))
                assert_int_equal(got, df);
            else
                assert_int_equal(got, EVENT(EVENT_EXCEPTION, b));
        }
    }
}

static void an_exception_comes_before_the_interrupt_whose_delivery_raised_it(void **state)
{
    const uint64_t gp = axvm_x86_exception(X86_GP, true, 3);

    (void)state;
    assert_int_equal(axvm_x86_merge_events(EVENT(EVENT_INTR, 0x20), gp), gp);
    assert_int_equal(axvm_x86_merge_events(EVENT(EVENT_NMI, 2), gp), gp);
    assert_int_equal(axvm_x86_merge_events(0, gp), gp);
    assert_int_equal(gp, EVENT(EVENT_EXCEPTION, X86_GP) | WITH(3));
    assert_int_equal(axvm_x86_exception(X86_UD, false, 9), EVENT(EVENT_EXCEPTION, X86_UD));
}

/* ---- lengths of instructions that exit ---- */

static void exiting_instructions_are_measured_with_their_prefixes(void **state)
{
    static const struct {
        uint8_t bytes[15];
        unsigned int have, len64, len32;
    } rows[] = {
        { { 0x0f, 0xa2 }, 2, 2, 2 },       /* cpuid */
        { { 0x48, 0x0f, 0xa2 }, 3, 3, 0 }, /* rex.w cpuid; dec eax before it is another instruction */
        { { 0xf3, 0x66, 0x0f, 0xa2 }, 4, 4, 4 },
        { { 0x0f, 0x01, 0xd9 }, 3, 3, 3 }, /* vmmcall */
        { { 0x0f, 0x01, 0xd1 }, 3, 3, 3 }, /* xsetbv */
        { { 0x0f, 0x01, 0x18 }, 3, 0, 0 }, /* lidt (%rax) does not exit */
        { { 0x0f, 0x30 }, 2, 2, 2 },
        { { 0x0f, 0x32 }, 2, 2, 2 },
        { { 0x0f, 0x08 }, 2, 2, 2 },
        { { 0x0f, 0x09 }, 2, 2, 2 },
        { { 0xf4 }, 1, 1, 1 },
        { { 0xf3, 0x90 }, 2, 2, 2 },
        { { 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x67, 0xf0, 0xf2, 0xf4 }, 10, 10, 10 },
        { { 0x90 }, 1, 1, 1 },
        { { 0x0f }, 1, 0, 0 }, /* the rest is on a page that is not there */
        { { 0x0f, 0x01 }, 2, 0, 0 },
        { { 0x66, 0x66, 0x66 }, 3, 0, 0 },
        { { 0xff, 0xff }, 2, 0, 0 },
        { { 0 }, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(rows); i++) {
        assert_int_equal(axvm_x86_exiting_len(rows[i].bytes, rows[i].have, true), rows[i].len64);
        assert_int_equal(axvm_x86_exiting_len(rows[i].bytes, rows[i].have, false), rows[i].len32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_reaches_the_host_is_intercepted),
        cmocka_unit_test(exceptions_that_never_end_are_intercepted),
        cmocka_unit_test(pause_is_filtered_where_the_cpu_can),
        cmocka_unit_test(registers_come_back_as_they_went_in),
        cmocka_unit_test(what_a_reset_leaves_is_seen_by_the_cpu),
        cmocka_unit_test(long_mode_is_the_cpus_when_paging_is_on),
        cmocka_unit_test(msrs_have_their_bits_where_the_manual_says),
        cmocka_unit_test(what_an_exit_interrupted_is_delivered_again),
        cmocka_unit_test(two_exceptions_become_a_double_fault_as_the_table_says),
        cmocka_unit_test(an_exception_comes_before_the_interrupt_whose_delivery_raised_it),
        cmocka_unit_test(exiting_instructions_are_measured_with_their_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
