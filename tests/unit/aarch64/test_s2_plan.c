/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage 2 on AArch64, from tables of raw register and descriptor words. Arm ARM (DDI 0487): "VTCR_EL2", "ID_AA64MMFR0_EL1". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <axvm/err.h>

#include "bits.h"
#include "s2_format.h"
#include "s2_plan.h"

#define RW (AXVM_PROT_READ | AXVM_PROT_WRITE)

/* ID_AA64MMFR0_EL1: PARange, TGran4 [31:28], TGran4_2 [43:40] */
#define MMFR0(parange, tgran4, tgran4_2) ((uint64_t)(parange) | (uint64_t)(tgran4) << 28 | (uint64_t)(tgran4_2) << 40)
#define FWB (UINT64_C(1) << 40)

static void tables_have_the_shape_that_the_size_calls_for(void **state)
{
    static const struct {
        uint64_t mmfr0, mmfr2;
        unsigned int want;
        struct axvm_s2_geometry geo;
        uint64_t vtcr; /* with 16-bit VMIDs */
    } rows[] = {
        /* Cortex-A57: 44 bits */
        { MMFR0(4, 0, 0), 0, 40, { 40, 44, 1, 1, 1, 0 }, 0x800c3558 },
        { MMFR0(4, 0, 0), 0, 0, { 44, 44, 0, 0, 1, 0 }, 0x800c3594 },
        { MMFR0(4, 0, 0), 0, 41, { 42, 44, 1, 3, 1, 0 }, 0x800c3556 },
        { MMFR0(4, 0, 0), 0, 33, { 36, 44, 1, 0, 1, 0 }, 0x800c355c },
        { MMFR0(4, 0, 0), 0, 1, { 32, 44, 1, 0, 1, 0 }, 0x800c3560 },
        /* Cortex-A53: 40 bits */
        { MMFR0(2, 0, 0), 0, 40, { 40, 40, 1, 1, 1, 0 }, 0x800a3558 },
        /* QEMU's max: 52 bits with FEAT_LPA2 and FEAT_S2FWB */
        { MMFR0(6, 1, 3), FWB, 40, { 40, 48, 1, 1, 1, AXVM_S2F_FWB }, 0x800d3558 },
        { MMFR0(6, 1, 3), FWB, 48, { 48, 48, 0, 0, 1, AXVM_S2F_FWB }, 0x800d3590 },
        { MMFR0(6, 1, 3), FWB, 0, { 48, 48, 0, 0, 1, AXVM_S2F_FWB }, 0x800d3590 },
        /* 32 and 36 bits of physical address */
        { MMFR0(0, 0, 2), 0, 32, { 32, 32, 1, 0, 1, 0 }, 0x80083560 },
        { MMFR0(1, 15, 2), 0, 0, { 36, 36, 1, 0, 1, 0 }, 0x8009355c },
    };

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(rows); i++) {
        const struct axvm_mmfr id = { .mmfr0 = rows[i].mmfr0, .mmfr2 = rows[i].mmfr2 };
        struct axvm_s2_geometry geo = { 0 };

        assert_int_equal(axvm_s2_plan(&id, rows[i].want, &geo), AXVM_OK);
        assert_int_equal(geo.gpa_bits, rows[i].geo.gpa_bits);
        assert_int_equal(geo.hpa_bits, rows[i].geo.hpa_bits);
        assert_int_equal(geo.root_level, rows[i].geo.root_level);
        assert_int_equal(geo.root_order, rows[i].geo.root_order);
        assert_int_equal(geo.max_block_level, rows[i].geo.max_block_level);
        assert_int_equal(geo.format, rows[i].geo.format);
        assert_int_equal(axvm_s2_vtcr_value(&geo, 16), rows[i].vtcr);
        assert_int_equal(axvm_s2_vtcr_value(&geo, 8), rows[i].vtcr & ~AXVM_BIT(19));
    }
}

static void cpu_that_cannot_is_refused(void **state)
{
    static const struct {
        uint64_t mmfr0;
        unsigned int want;
    } rows[] = {
        { MMFR0(4, 0, 0), 45 },  /* more than 44 bits */
        { MMFR0(6, 0, 0), 49 },  /* more than 48 need FEAT_LPA2 tables */
        { MMFR0(2, 15, 0), 40 }, /* no 4 KiB granule */
        { MMFR0(2, 0, 1), 40 },  /* none at stage 2 */
        { MMFR0(0, 0, 0), 33 },
    };
    struct axvm_s2_geometry geo;

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(rows); i++) {
        const struct axvm_mmfr id = { .mmfr0 = rows[i].mmfr0 };

        assert_int_equal(axvm_s2_plan(&id, rows[i].want, &geo), AXVM_ERR_NOSUP);
    }
}

static void every_size_asked_for_is_had_or_refused(void **state)
{
    (void)state;
    for (unsigned int parange = 0; parange < 16; parange++) {
        const struct axvm_mmfr id = { .mmfr0 = MMFR0(parange, 0, 0) };

        for (unsigned int want = 1; want < 64; want++) {
            struct axvm_s2_geometry geo;
            unsigned int reach;

            if (axvm_s2_plan(&id, want, &geo) != AXVM_OK)
                continue;
            assert_in_range(geo.gpa_bits, want, geo.hpa_bits);
            reach = 12 + 9 * (unsigned int)(4 - geo.root_level) + geo.root_order;
            assert_true(reach >= geo.gpa_bits && geo.root_order <= 4);
        }
    }
}

static void vmids_have_8_or_16_bits(void **state)
{
    const struct axvm_mmfr wide = { .mmfr1 = 0x20 }, narrow = { .mmfr1 = 0x0f };

    (void)state;
    assert_int_equal(axvm_s2_vmid_bits(&wide), 16);
    assert_int_equal(axvm_s2_vmid_bits(&narrow), 8);
}

static void descriptors_are_as_the_manual_has_them(void **state)
{
    static const struct {
        uint64_t hpa;
        uint32_t prot;
        int level;
        unsigned int format;
        uint64_t word;
    } rows[] = {
        { 0x40001000, AXVM_PROT_RWX, 3, 0, 0x00000000400017ff },
        { 0x40000000, AXVM_PROT_RWX, 2, 0, 0x00000000400007fd },
        { 0x40000000, AXVM_PROT_RWX, 1, 0, 0x00000000400007fd },
        { 0x40001000, AXVM_PROT_READ, 3, 0, 0x004000004000177f },
        { 0x40001000, AXVM_PROT_READ | AXVM_PROT_EXEC, 3, 0, 0x000000004000177f },
        { 0x09000000, RW | AXVM_PROT_DEVICE, 3, 0, 0x00400000090007c7 },
        { 0xfffffffff000, AXVM_PROT_RWX, 3, AXVM_S2F_FWB, 0x0000fffffffff7db },
        { 0x09000000, RW | AXVM_PROT_DEVICE, 2, AXVM_S2F_FWB, 0x00400000090007c5 },
    };

    (void)state;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(rows); i++)
        assert_int_equal(axvm_s2f_leaf(rows[i].hpa, rows[i].prot, rows[i].level, rows[i].format), rows[i].word);
    assert_int_equal(axvm_s2f_table(0x80003000, 0), 0x80003003);
    assert_int_equal(axvm_s2f_retire(0x80003003, 0), 0x80003002);
}

static void invalidation_names_the_page(void **state)
{
    (void)state;
    assert_int_equal(axvm_s2_tlbi_operand(0x40001000), 0x40001);
    assert_int_equal(axvm_s2_tlbi_operand(0xfffffffff000), 0xfffffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_the_shape_that_the_size_calls_for), cmocka_unit_test(cpu_that_cannot_is_refused),
        cmocka_unit_test(every_size_asked_for_is_had_or_refused),        cmocka_unit_test(vmids_have_8_or_16_bits),
        cmocka_unit_test(descriptors_are_as_the_manual_has_them),        cmocka_unit_test(invalidation_names_the_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
