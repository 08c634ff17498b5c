/* SPDX-License-Identifier: BSD-2-Clause */
/* What a write of a control register comes to: hostile-guest.md rows 78, 79, X1. Each rule of the manuals is a row or a
 * predicate here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <axvm/err.h>

#include "cr.h"

static const struct axvm_x86_limits lim = {
    .cr4 = 0x3307ff & ~UINT64_C(0x3000),
    .efer = 0xd01,
    .xcr0 = 0xe7,
    .gpa_mask = (UINT64_C(1) << 40) - 1,
    .phys_bits = 40,
    .linear_bits = 48,
};

/* ---- CR0 ---- */

/* SDM vol. 3A "Control Registers", vol. 2B "MOV—Move to/from Control Registers", one sentence each, in numbers and not in
 * names. */
static bool cr0_faults(const struct axvm_cr_state *s, uint64_t v)
{
    bool was_pg = s->cr0 >> 31 & 1, pg = v >> 31 & 1, pe = v & 1;
    bool lme = s->efer >> 8 & 1, lma = s->efer >> 10 & 1;

    if (v > 0xffffffff || (pg && !pe) || ((v >> 29 & 1) && !(v >> 30 & 1)))
        return true;
    if (pg && !was_pg && lme)
        return !(s->cr4 >> 5 & 1) || s->cs_l || s->tss16;
    if (!pg && was_pg)
        return (s->cr4 >> 17 & 1) || (lma && s->cs_l);
    return false;
}

static void cr0_writes_fault_exactly_where_the_manual_says(void **unused)
{
    static const uint8_t bits[] = { 0, 1, 2, 3, 5, 16, 18, 29, 30, 31, 32, 63 };
    unsigned int faults = 0, fine = 0;

    (void)unused;
    for (unsigned int i = 0; i < 1u << sizeof(bits); i++) {
        uint64_t v = 0;

        for (unsigned int b = 0; b < sizeof(bits); b++)
            v |= (uint64_t)(i >> b & 1) << bits[b];
        for (unsigned int c = 0; c < 64; c++) {
            uint64_t paged = c & 1 ? 0x80000001 : c >> 1 & 1;
            uint64_t lme = c >> 2 & 1;
            struct axvm_cr_state s = { .cr0 = paged | 0x10,
                                       .cr4 = (c >> 3 & 1) << 5 | (c >> 4 & c & 1 & lme) << 17,
                                       .cs_l = c >> 5 & 1,
                                       .tss16 = (c & 0x18) == 0x18 };
            struct axvm_cr_next n = { .cr0 = 0x5555 };
            int rc;

            s.efer = lme << 8 | (lme & c & 1) << 10;
            rc = axvm_cr0_write(&s, v, &n);
            assert_int_equal(rc, cr0_faults(&s, v) ? AXVM_ERR_GUEST : AXVM_OK);
            if (rc != AXVM_OK) {
                faults++;
                assert_int_equal(n.cr0, 0x5555); /* untouched on failure */
                continue;
            }
            fine++;
            assert_int_equal(n.cr0, (v & 0xe005002f) | 0x10);
            assert_int_equal(n.cr4, s.cr4);
            /* "LMA = LME and PG" */
            assert_int_equal(n.efer >> 10 & 1, lme & v >> 31);
            assert_int_equal(n.efer & ~UINT64_C(0x400), s.efer & ~UINT64_C(0x400));
            if ((v ^ s.cr0) >> 31 & 1)
                assert_true(n.flush);
        }
    }
    assert_true(faults > 10000 && fine > 10000);
}

static void lmsw_sets_four_bits_and_cannot_clear_pe(void **unused)
{
    (void)unused;
    assert_int_equal(axvm_lmsw_operand(0x11, 0), 0x11);
    assert_int_equal(axvm_lmsw_operand(0x1f, 0xfff0), 0x11);
    assert_int_equal(axvm_lmsw_operand(0x10, 0xffff), 0x1f);
    assert_int_equal(axvm_lmsw_operand(0x80000011, 8), 0x80000019);
}

static void pae_paging_reloads_the_pdptes_when_cr0_changes_pg_cd_or_nw(void **unused)
{
    static const struct {
        uint64_t cr0, cr4, efer, val;
        bool pdptes;
    } t[] = {
        { 0x11, 0x20, 0, 0x80000011, true },       { 0x11, 0x00, 0, 0x80000011, false },
        { 0x11, 0x20, 0x100, 0x80000011, false }, /* becomes long mode */
        { 0x80000011, 0x20, 0, 0xc0000011, true }, { 0x80000011, 0x20, 0, 0x80010011, false },
        { 0x80000011, 0x20, 0, 0x11, false },
    };

    (void)unused;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        struct axvm_cr_state s = { .cr0 = t[i].cr0, .cr4 = t[i].cr4, .efer = t[i].efer };
        struct axvm_cr_next n;

        assert_int_equal(axvm_cr0_write(&s, t[i].val, &n), AXVM_OK);
        assert_int_equal(n.pdptes, t[i].pdptes);
    }
}

/* ---- CR3 ---- */

static void cr3_is_checked_in_long_mode_only(void **unused)
{
    static const struct {
        uint64_t cr0, cr4, efer, val;
        int rc;
        uint64_t cr3;
        bool flush, pdptes;
    } t[] = {
        { 0x80000011, 0x20, 0x500, UINT64_C(1) << 39, AXVM_OK, UINT64_C(1) << 39, true, false },
        { 0x80000011, 0x20, 0x500, UINT64_C(1) << 40, AXVM_ERR_GUEST, 0, false, false },
        { 0x80000011, 0x20, 0x500, UINT64_C(1) << 63, AXVM_ERR_GUEST, 0, false, false }, /* no PCIDE: reserved */
        { 0x80000011, 0x20020, 0x500, UINT64_C(1) << 63 | 0x1005, AXVM_OK, 0x1005, false, false },
        { 0x80000011, 0x20020, 0x500, 0x1005, AXVM_OK, 0x1005, true, false },
        { 0x80000011, 0x20020, 0x500, UINT64_C(1) << 62, AXVM_ERR_GUEST, 0, false, false },
        { 0x80000011, 0x20, 0x500, 0xfff, AXVM_OK, 0xfff, true, false },
        { 0x80000011, 0x20, 0, 0x1020, AXVM_OK, 0x1020, true, true }, /* PAE */
        { 0x80000011, 0x00, 0, 0x12345000, AXVM_OK, 0x12345000, true, false },
    };

    (void)unused;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        struct axvm_cr_state s = { .cr0 = t[i].cr0, .cr4 = t[i].cr4, .efer = t[i].efer };
        struct axvm_cr_next n = { 0 };

        assert_int_equal(axvm_cr3_write(&lim, &s, t[i].val, &n), t[i].rc);
        if (t[i].rc != AXVM_OK)
            continue;
        assert_int_equal(n.cr3, t[i].cr3);
        assert_int_equal(n.flush, t[i].flush);
        assert_int_equal(n.pdptes, t[i].pdptes);
    }
}

/* ---- CR4 ---- */

static void cr4_bits_beyond_the_guests_cpu_fault(void **unused)
{
    struct axvm_cr_state s = { .cr0 = 0x11 };
    struct axvm_cr_next n;

    (void)unused;
    for (unsigned int b = 0; b < 64; b++) {
        uint64_t v = UINT64_C(1) << b;
        bool pcide = b == 17;

        assert_int_equal(axvm_cr4_write(&lim, &s, v, &n) == AXVM_OK, (lim.cr4 & v) != 0 && !pcide);
    }
    /* VMXE, SMXE, LA57 and PKE are never among them. */
    assert_int_equal(lim.cr4 & 0x407000 & ~0x1000, 0);
}

static void cr4_pae_stays_set_in_long_mode(void **unused)
{
    struct axvm_cr_state s = { .cr0 = 0x80000011, .cr4 = 0x20, .efer = 0x500 };
    struct axvm_cr_next n;

    (void)unused;
    assert_int_equal(axvm_cr4_write(&lim, &s, 0, &n), AXVM_ERR_GUEST);
    assert_int_equal(axvm_cr4_write(&lim, &s, 0xa0, &n), AXVM_OK);
    assert_int_equal(n.cr4, 0xa0);
    assert_true(n.flush);
    assert_false(n.pdptes);
    s.efer = 0;
    assert_int_equal(axvm_cr4_write(&lim, &s, 0, &n), AXVM_OK);
    assert_true(n.flush);
}

static void cr4_pcide_needs_long_mode_and_pcid_0(void **unused)
{
    struct axvm_cr_state s = { .cr0 = 0x80000011, .cr4 = 0x20, .efer = 0x500, .cr3 = 0x1000 };
    struct axvm_cr_next n;

    (void)unused;
    assert_int_equal(axvm_cr4_write(&lim, &s, 0x20020, &n), AXVM_OK);
    s.cr3 = 0x1008;
    assert_int_equal(axvm_cr4_write(&lim, &s, 0x20020, &n), AXVM_ERR_GUEST);
    s.cr4 = 0x20020; /* set already: may stay with any PCID */
    assert_int_equal(axvm_cr4_write(&lim, &s, 0x200a0, &n), AXVM_OK);
    s = (struct axvm_cr_state){ .cr0 = 0x80000011, .cr4 = 0x20 };
    assert_int_equal(axvm_cr4_write(&lim, &s, 0x20020, &n), AXVM_ERR_GUEST);
}

static void pae_paging_reloads_the_pdptes_when_cr4_changes_its_paging_bits(void **unused)
{
    struct axvm_cr_state s = { .cr0 = 0x80000011, .cr4 = 0x20 };
    struct axvm_cr_next n;
    static const struct {
        uint64_t val;
        bool pdptes;
    } t[] = { { 0x20, false }, { 0xa0, true }, { 0x30, true }, { 0x100020, true }, { 0x220, false }, { 0, false } };

    (void)unused;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        assert_int_equal(axvm_cr4_write(&lim, &s, t[i].val, &n), AXVM_OK);
        assert_int_equal(n.pdptes, t[i].pdptes);
    }
}

/* ---- EFER ---- */

static void efer_checks_reserved_bits_and_lme_under_paging(void **unused)
{
    static const struct {
        uint64_t cr0, efer, val;
        int rc;
        uint64_t next;
    } t[] = {
        { 0x11, 0, 0x901, AXVM_OK, 0x901 },
        { 0x11, 0, 0xd01, AXVM_OK, 0x901 },              /* LMA is not software's */
        { 0x80000011, 0x500, 0x901, AXVM_OK, 0xd01 },    /* ... to clear, either */
        { 0x80000011, 0x500, 0x400, AXVM_ERR_GUEST, 0 }, /* LME off under paging */
        { 0x80000011, 0, 0x100, AXVM_ERR_GUEST, 0 },
        { 0x11, 0, 0x1000, AXVM_ERR_GUEST, 0 }, /* SVME */
        { 0x11, 0, 0x2000, AXVM_ERR_GUEST, 0 }, /* LMSLE */
        { 0x11, 0, 2, AXVM_ERR_GUEST, 0 },
        { 0x11, 0, UINT64_C(1) << 63, AXVM_ERR_GUEST, 0 },
    };

    (void)unused;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(t); i++) {
        struct axvm_cr_state s = { .cr0 = t[i].cr0, .efer = t[i].efer };
        struct axvm_cr_next n = { 0 };

        assert_int_equal(axvm_efer_write(&lim, &s, t[i].val, &n), t[i].rc);
        if (t[i].rc == AXVM_OK)
            assert_int_equal(n.efer, t[i].next);
    }
}

/* ---- XCR0 ---- */

static bool xcr0_ok(uint64_t v)
{
    bool x87 = v & 1, sse = v >> 1 & 1, avx = v >> 2 & 1;
    unsigned int zmm = v >> 5 & 7;

    return x87 && (!avx || sse) && (zmm == 0 || (zmm == 7 && avx)) && (v & ~UINT64_C(0xe7)) == 0;
}

static void xsetbv_takes_the_legal_combinations_and_no_other(void **unused)
{
    unsigned int good = 0;

    (void)unused;
    for (uint64_t v = 0; v < 1024; v++) {
        int rc = axvm_xcr0_write(&lim, 0, v);

        assert_int_equal(rc == AXVM_OK, xcr0_ok(v));
        good += rc == AXVM_OK;
    }
    assert_int_equal(good, 4); /* x87; + SSE; + AVX; + AVX-512 */
    for (unsigned int b = 8; b < 64; b++)
        assert_int_equal(axvm_xcr0_write(&lim, 0, 7 | UINT64_C(1) << b), AXVM_ERR_GUEST);
    assert_int_equal(axvm_xcr0_write(&lim, 1, 7), AXVM_ERR_GUEST);
    assert_int_equal(axvm_xcr0_write(&lim, 0xffffffff, 7), AXVM_ERR_GUEST);
}

static void xsetbv_never_enables_what_the_host_lacks(void **unused)
{
    struct axvm_x86_limits small = lim;

    (void)unused;
    small.xcr0 = 3;
    assert_int_equal(axvm_xcr0_write(&small, 0, 7), AXVM_ERR_GUEST);
    assert_int_equal(axvm_xcr0_write(&small, 0, 3), AXVM_OK);
}

/* ---- the others ---- */

static void cr8_has_four_bits(void **unused)
{
    (void)unused;
    assert_int_equal(axvm_cr8_write(15), AXVM_OK);
    assert_int_equal(axvm_cr8_write(16), AXVM_ERR_GUEST);
    assert_int_equal(axvm_cr8_write(UINT64_MAX), AXVM_ERR_GUEST);
}

static void present_pdptes_with_reserved_bits_are_refused(void **unused)
{
    (void)unused;
    for (unsigned int b = 1; b < 64; b++) {
        uint64_t p[4] = { 0x1001, 0, 0, 1 | UINT64_C(1) << b };
        bool reserved = b == 1 || b == 2 || (b >= 5 && b <= 8) || b >= 40;

        assert_int_equal(axvm_pdptes_valid(&lim, p), !reserved);
        p[3] &= ~UINT64_C(1); /* not present: anything goes */
        assert_true(axvm_pdptes_valid(&lim, p));
    }
}

static void canonical_addresses_repeat_bit_47(void **unused)
{
    (void)unused;
    assert_true(axvm_x86_canonical(&lim, 0x00007fffffffffff));
    assert_true(axvm_x86_canonical(&lim, 0xffff800000000000));
    assert_false(axvm_x86_canonical(&lim, 0x0000800000000000));
    assert_false(axvm_x86_canonical(&lim, 0xffff7fffffffffff));
    assert_false(axvm_x86_canonical(&lim, UINT64_C(1) << 63));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cr0_writes_fault_exactly_where_the_manual_says),
        cmocka_unit_test(lmsw_sets_four_bits_and_cannot_clear_pe),
        cmocka_unit_test(pae_paging_reloads_the_pdptes_when_cr0_changes_pg_cd_or_nw),
        cmocka_unit_test(cr3_is_checked_in_long_mode_only),
        cmocka_unit_test(cr4_bits_beyond_the_guests_cpu_fault),
        cmocka_unit_test(cr4_pae_stays_set_in_long_mode),
        cmocka_unit_test(cr4_pcide_needs_long_mode_and_pcid_0),
        cmocka_unit_test(pae_paging_reloads_the_pdptes_when_cr4_changes_its_paging_bits),
        cmocka_unit_test(efer_checks_reserved_bits_and_lme_under_paging),
        cmocka_unit_test(xsetbv_takes_the_legal_combinations_and_no_other),
        cmocka_unit_test(xsetbv_never_enables_what_the_host_lacks),
        cmocka_unit_test(cr8_has_four_bits),
        cmocka_unit_test(present_pdptes_with_reserved_bits_are_refused),
        cmocka_unit_test(canonical_addresses_repeat_bit_47),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
