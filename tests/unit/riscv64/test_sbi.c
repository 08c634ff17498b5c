/* SPDX-License-Identifier: BSD-2-Clause */
/* Hart masks of SBI calls (hostile-guest.md row 62), and which extensions guests are told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isa.h"
#include "sbi.h"
#include "str.h"
#include "vector.h"

static bool in_set(const struct axvm_vcpu_set *set, unsigned int id)
{
    return (set->bits[id / 64] >> id % 64 & 1) != 0;
}

/* Written differently: bit by bit. */
static void every_mask_names_the_harts_that_its_bits_say(void **state)
{
    uint64_t mask = 0x9e3779b97f4a7c15u;

    (void)state;
    for (unsigned int count = 1; count <= AXVM_MAX_VCPUS; count++) {
        for (unsigned int base = 0; base <= count + 1; base++) {
            struct axvm_vcpu_set set;
            uint64_t m = base % 3 == 0 ? mask : mask >> (mask & 63);
            bool valid = true;
            enum sbi_error rc;

            mask = mask * 6364136223846793005u + 1442695040888963407u;
            for (unsigned int i = 0; i < 64; i++)
                valid = valid && ((m >> i & 1) == 0 || base + i < count);
            rc = axvm_sbi_harts(m, base, count, &set);
            assert_int_equal(rc, valid ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
            for (unsigned int id = 0; valid && id < AXVM_MAX_VCPUS; id++)
                assert_int_equal(in_set(&set, id), id >= base && id - base < 64 && (m >> (id - base) & 1));
        }
    }
}

static void base_of_all_ones_is_everybody_whatever_the_mask(void **state)
{
    (void)state;
    for (unsigned int count = 1; count <= AXVM_MAX_VCPUS; count++) {
        struct axvm_vcpu_set set;

        assert_int_equal(axvm_sbi_harts(count % 2 ? 0 : UINT64_MAX, UINT64_MAX, count, &set), SBI_SUCCESS);
        for (unsigned int id = 0; id < AXVM_MAX_VCPUS; id++)
            assert_int_equal(in_set(&set, id), id < count);
    }
}

static void odd_bases_are_refused(void **state)
{
    struct axvm_vcpu_set set;

    (void)state;
    assert_int_equal(axvm_sbi_harts(1, UINT64_MAX - 1, 2, &set), SBI_ERR_INVALID_PARAM);
    assert_int_equal(axvm_sbi_harts(1, 2, 2, &set), SBI_ERR_INVALID_PARAM);
    /* "hart_mask_base does not need to be an enabled or supervisor available hartid unless the zeroth bit is set" */
    assert_int_equal(axvm_sbi_harts(0, 2, 2, &set), SBI_SUCCESS);
    assert_int_equal(axvm_sbi_harts(0, UINT64_MAX - 1, 2, &set), SBI_SUCCESS);
    assert_int_equal(set.bits[0] | set.bits[1], 0);
    assert_int_equal(axvm_sbi_harts(0, 1, 2, &set), SBI_SUCCESS);
    assert_int_equal(axvm_sbi_harts(UINT64_C(1) << 63, 1, 64, &set), SBI_ERR_INVALID_PARAM);
    assert_int_equal(axvm_sbi_harts(UINT64_C(1) << 63, 0, 64, &set), SBI_SUCCESS);
}

static void an_extension_is_added_if_it_fits(void **state)
{
    char isa[16] = "rv64ima";

    (void)state;
    assert_true(axvm_isa_add(isa, sizeof(isa), "ssaia"));
    assert_string_equal(isa, "rv64ima_ssaia");
    assert_true(axvm_isa_has(isa, "ssaia"));
    assert_false(axvm_isa_add(isa, sizeof(isa), "zz"));
    assert_string_equal(isa, "rv64ima_ssaia");
}

static const struct axvm_isa_policy all = { .sstc = true, .fp = true, .vector = true }, nothing;

static void guests_are_told_of_vectors_where_they_are_switched(void **state)
{
    const struct axvm_isa_policy no_vector = { .sstc = true, .fp = true };
    const char *host = "rv64imafdcvh_zvbb_zve64d_zvl256b_sstc";
    char isa[128];

    (void)state;
    assert_true(axvm_isa_for_guest(host, &all, isa, sizeof(isa)));
    assert_string_equal(isa, "rv64imafdcv_zvbb_zve64d_zvl256b_sstc");
    assert_true(axvm_isa_has_vector(isa));
    assert_true(axvm_isa_for_guest(host, &no_vector, isa, sizeof(isa)));
    assert_string_equal(isa, "rv64imafdc_sstc");
    assert_false(axvm_isa_has_vector(isa));
    assert_true(axvm_isa_for_guest("rv64imac_zve32x", &all, isa, sizeof(isa)));
    assert_true(axvm_isa_has_vector(isa));
}

/* "Vector Instruction Formats": one of each kind, and their scalar neighbours. */
static void instructions_of_vectors_are_told_from_others(void **state)
{
    static const struct {
        uint32_t insn;
        bool vector;
    } table[] = {
        { 0x0c0072d7, true },  /* vsetvli t0, x0, e8, m1, ta, ma */
        { 0x80737057, true },  /* vsetvl x0, t1, t2 */
        { 0x02008057, true },  /* vadd.vv v0, v0, v1 */
        { 0x02050007, true },  /* vle8.v v0, (a0) */
        { 0x02055007, true },  /* vle16.v */
        { 0x02056027, true },  /* vse32.v */
        { 0x02057027, true },  /* vse64.v */
        { 0xe2850027, true },  /* vs8r.v */
        { 0xc2202573, true },  /* csrr a0, vlenb */
        { 0x00801073, true },  /* csrw vstart, x0 */
        { 0x00052007, false }, /* flw */
        { 0x00053007, false }, /* fld */
        { 0x00051007, false }, /* flh */
        { 0x00054007, false }, /* flq */
        { 0x00053027, false }, /* fsd */
        { 0x00301073, false }, /* csrw fcsr, x0 */
        { 0xc0102573, false }, /* rdtime */
        { 0x00000073, false }, /* ecall */
        { 0x00000013, false }, /* nop */
    };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(table); i++)
        assert_int_equal(axvm_insn_is_vector(table[i].insn), table[i].vector);
}

static void guests_are_told_what_they_can_have(void **state)
{
    char isa[128];

    (void)state;
    assert_true(
        axvm_isa_for_guest("rv64imafdch_zicsr_zifencei_zihintpause_zba_smaia_ssaia_sstc_svadu", &all, isa, sizeof(isa)));
    assert_string_equal(isa, "rv64imafdc_zicsr_zifencei_zihintpause_zba_sstc_svade");
    assert_true(axvm_isa_for_guest("rv64imafdcvh_zfh_sstc", &nothing, isa, sizeof(isa)));
    assert_string_equal(isa, "rv64imac");
}

/* extensions.yaml of Linux' bindings: which of the two is on when a guest starts, and whether that can be changed. */
static void guests_are_told_who_sets_a_and_d_bits(void **state)
{
    static const struct axvm_isa_policy svadu = { .svadu = true };
    static const struct {
        const char *host, *guest, *guest_with_svadu;
    } table[] = {
        { "rv64ima_svade", "rv64ima_svade", "rv64ima_svade_svadu" },
        { "rv64ima_svadu", "rv64ima_svade", "rv64ima_svadu_svade" },
        { "rv64ima_svade_svadu", "rv64ima_svade", "rv64ima_svade_svadu" },
        { "rv64ima", "rv64ima", "rv64ima_svade_svadu" }, /* not told: then it is as the CPU says */
    };
    char isa[32];

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(table); i++) {
        assert_true(axvm_isa_for_guest(table[i].host, &nothing, isa, sizeof(isa)));
        assert_string_equal(isa, table[i].guest);
        assert_true(axvm_isa_for_guest(table[i].host, &svadu, isa, sizeof(isa)));
        assert_string_equal(isa, table[i].guest_with_svadu);
        assert_false(axvm_isa_for_guest(table[i].host, &svadu, isa, strlen(table[i].guest_with_svadu)));
    }
}

static void other_cpus_and_strings_that_do_not_fit_are_refused(void **state)
{
    char isa[16];

    (void)state;
    assert_false(axvm_isa_for_guest("rv32imac", &all, isa, sizeof(isa)));
    assert_false(axvm_isa_for_guest("rv64", &all, isa, sizeof(isa)));
    assert_false(axvm_isa_for_guest("", &all, isa, sizeof(isa)));
    assert_false(axvm_isa_for_guest("rv64i", &all, isa, sizeof(isa)));
    assert_false(axvm_isa_for_guest("rv64imac_zihintpause_zifencei", &all, isa, sizeof(isa)));
}

static void extensions_are_listed_one_by_one(void **state)
{
    static const char *const names[] = { "i", "m", "a", "c", "zicsr", "sstc" };
    const char *at = "rv64imac_zicsr_sstc";
    char name[16];

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(names); i++) {
        at = axvm_isa_next(at, name, sizeof(name));
        assert_non_null(at);
        assert_string_equal(name, names[i]);
    }
    assert_null(axvm_isa_next(at, name, sizeof(name)));
    assert_true(axvm_isa_has("rv64imac_zicsr_sstc", "sstc"));
    assert_false(axvm_isa_has("rv64imac_zicsr_sstcx", "sstc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_extension_is_added_if_it_fits),
        cmocka_unit_test(every_mask_names_the_harts_that_its_bits_say),
        cmocka_unit_test(base_of_all_ones_is_everybody_whatever_the_mask),
        cmocka_unit_test(odd_bases_are_refused),
        cmocka_unit_test(guests_are_told_of_vectors_where_they_are_switched),
        cmocka_unit_test(instructions_of_vectors_are_told_from_others),
        cmocka_unit_test(guests_are_told_what_they_can_have),
        cmocka_unit_test(guests_are_told_who_sets_a_and_d_bits),
        cmocka_unit_test(other_cpus_and_strings_that_do_not_fit_are_refused),
        cmocka_unit_test(extensions_are_listed_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
