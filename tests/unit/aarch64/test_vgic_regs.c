/* SPDX-License-Identifier: BSD-2-Clause */
/* The registers of distributor and redistributors, one by one. hostile-guest.md rows 43-48; A6, I2, I4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>
#include <cmocka.h>

#include "vgic_priv.h"
#include "vgic_world.h"

#define TWO 2u /* vCPUs of most tests */

static int two_vcpus(void **state)
{
    const struct world_config cfg = { .vcpus = TWO };

    *state = world_new(&cfg);
    return 0;
}

static int most_vcpus(void **state)
{
    const struct world_config cfg = { .vcpus = AXVM_MAX_VCPUS };

    *state = world_new(&cfg);
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

/* ---- all of them ---- */

/* Which bits of the 32-bit register at @off of the distributor a guest can read back after writing ones. */
static uint32_t writable(uint32_t off)
{
    uint32_t last = off / 4 % 32 == 31 ? 0x0fffffff : 0xffffffff;

    if (off >= 0x84 && off < 0x100)
        return last;
    if (off >= 0x420 && off < 0x7fc)
        return 0xf8f8f8f8;
    if (off >= 0xc08 && off < 0xd00)
        return off == 0xcfc ? 0x00aaaaaa : 0xaaaaaaaa;
    if (off >= 0x6100 && off < 0x7fe0 && off % 8 == 0)
        return 0x00ffffff;
    return 0;
}

/* Everything that is neither that nor one of the registers with set and clear halves reads the same whatever is written. */
static bool has_set_and_clear(uint32_t off)
{
    return off >= 0x104 && off < 0x400 && off / 4 % 32 != 0;
}

static void distributor_keeps_what_it_should_and_nothing_else(void **state)
{
    struct world *w = *state;

    for (uint32_t off = 4; off < 0x10000; off += 4) {
        uint32_t before = world_read(w, 0, GICD(off));

        if (has_set_and_clear(off))
            continue;
        world_write(w, 0, GICD(off), 0xffffffff);
        if (writable(off) == 0)
            assert_int_equal(world_read(w, 0, GICD(off)), before);
        else
            assert_int_equal(world_read(w, 0, GICD(off)), writable(off));
        world_write(w, 1, GICD(off), 0);
        assert_int_equal(world_read(w, 1, GICD(off)), writable(off) == 0 ? before : 0);
    }
}

/* Offsets and widths that no register has: RAZ/WI, and no error. Row 43. */
static void every_offset_is_answered_in_every_width(void **state)
{
    static const uint64_t values[] = { UINT64_MAX, 0, UINT64_C(0x5aa5c33c5aa5c33c) };
    struct world *w = *state;
    uint64_t val;

    world_enable_all(w);
    for (unsigned int i = 0; i < 3; i++) {
        for (unsigned int size = 1; size <= 8; size *= 2) {
            for (uint64_t off = 0; off + size <= 0x10000; off++) {
                assert_int_equal(world_try_write(w, off & 1, GICD(off), size, values[i]), AXVM_OK);
                assert_int_equal(world_try_read(w, off & 1, GICD(off), size, &val), AXVM_OK);
            }
            for (uint64_t off = 0; off + size <= TWO * 0x20000; off++) {
                assert_int_equal(world_try_write(w, off & 1, GICR(0, off), size, values[i]), AXVM_OK);
                assert_int_equal(world_try_read(w, off & 1, GICR(0, off), size, &val), AXVM_OK);
            }
            world_settle_all(w);
        }
    }
}

static void other_widths_read_as_zero_and_write_nothing(void **state)
{
    struct world *w = *state;
    uint64_t val;

    world_write(w, 0, GICD(0x84), 0x12345678);
    for (unsigned int size = 1; size <= 8; size *= 2) {
        for (uint64_t off = 0x80; off < 0x88; off++) {
            if (size == 4 && off % 4 == 0)
                continue;
            world_try_write(w, 0, GICD(off), size, 0);
            world_try_read(w, 0, GICD(off), size, &val);
            assert_true(val == 0);
        }
    }
    assert_int_equal(world_read(w, 0, GICD(0x84)), 0x12345678);
    /* Halfwords and doublewords of priorities; a byte of IROUTER and of TYPER */
    world_write(w, 0, GICD(0x420), 0x50505050);
    world_try_write(w, 0, GICD(0x420), 2, 0);
    world_try_write(w, 0, GICD(0x420), 8, 0);
    world_try_read(w, 0, GICD(0x420), 2, &val);
    assert_true(val == 0);
    assert_int_equal(world_read(w, 0, GICD(0x420)), 0x50505050);
    world_try_read(w, 0, GICR(1, 8), 1, &val);
    assert_true(val == 0);
}

/* ---- distributor ---- */

static void distributor_says_what_it_is(void **state)
{
    struct world *w = *state;
    uint32_t typer = world_read(w, 0, GICD(4));

    assert_int_equal(world_read(w, 0, GICD(0)), 0x50);             /* DS, ARE; nothing enabled */
    assert_int_equal(32 * ((typer & 31) + 1), 1024);               /* ITLinesNumber */
    assert_int_equal(typer >> 17 & 1, 0);                          /* LPIS */
    assert_int_equal((typer >> 19 & 31) + 1, 10);                  /* IDbits */
    assert_int_equal(typer >> 25 & 1, 1);                          /* No1N */
    assert_int_equal(typer & (1u << 10 | 1u << 16 | 1u << 24), 0); /* SecurityExtn, MBIS, A3V */
    assert_int_equal(world_read(w, 0, GICD(0xffe8)) >> 4, 3);      /* PIDR2.ArchRev */
    assert_int_not_equal(world_read(w, 0, GICD(8)), 0);
}

static void distributor_has_one_security_state_and_affinity_routing_for_good(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0), 0xffffffff);
    assert_int_equal(world_read(w, 0, GICD(0)), 0x53);
    world_write(w, 0, GICD(0), 0);
    assert_int_equal(world_read(w, 0, GICD(0)), 0x50);
}

/* Row 46 */
static void private_interrupts_are_not_the_distributors(void **state)
{
    static const uint32_t blocks[] = { 0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };
    struct world *w = *state;

    world_enable_all(w);
    for (unsigned int i = 0; i < 7; i++) {
        world_write(w, 0, GICD(blocks[i]), 0xffffffff);
        assert_int_equal(world_read(w, 0, GICD(blocks[i])), 0);
    }
    for (uint32_t off = 0; off < 32; off += 4) {
        world_write(w, 0, GICD(0x400 + off), 0xffffffff);
        assert_int_equal(world_read(w, 0, GICD(0x400 + off)), 0);
    }
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0x200)), 0);
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0x400)), 0xa0a0a0a0);
}

/* Row 44 */
static void interrupts_1020_to_1023_do_not_exist(void **state)
{
    static const uint32_t set[] = { 0x80, 0x100, 0x200, 0x300 };
    struct world *w = *state;

    for (unsigned int i = 0; i < 4; i++) {
        world_write(w, 0, GICD(set[i] + 0x7c), 0xffffffff);
        assert_int_equal(world_read(w, 0, GICD(set[i] + 0x7c)), 0x0fffffff);
    }
    world_write(w, 0, GICD(0x7fc), 0xffffffff);
    assert_int_equal(world_read(w, 0, GICD(0x7fc)), 0);
    world_write64(w, 0, GICD(0x6000 + 8 * 1020), 1);
    assert_true(world_read64(w, 0, GICD(0x6000 + 8 * 1020)) == 0);
}

static void set_and_clear_registers_show_the_same_bits(void **state)
{
    static const uint32_t set[] = { 0x100, 0x200, 0x300 };
    struct world *w = *state;

    for (unsigned int i = 0; i < 3; i++) {
        uint64_t on = GICD(set[i] + 8), off = GICD(set[i] + 0x88);

        world_write(w, 0, on, 0x0ff00ff0);
        world_write(w, 1, on, 0);
        assert_int_equal(world_read(w, 0, on), 0x0ff00ff0);
        assert_int_equal(world_read(w, 0, off), 0x0ff00ff0);
        world_write(w, 1, off, 0x00f000f1);
        assert_int_equal(world_read(w, 0, on), 0x0f000f00);
        assert_int_equal(world_read(w, 0, off), 0x0f000f00);
        world_write(w, 0, off, 0xffffffff);
        assert_int_equal(world_read(w, 0, on), 0);
    }
}

/* I4 */
static void a_priority_is_a_byte_and_none_of_its_neighbours_business(void **state)
{
    struct world *w = *state;
    uint64_t val;

    world_write(w, 0, GICD(0x400 + 40), 0xffffffff);
    world_try_write(w, 0, GICD(0x400 + 41), 1, 0x57);
    assert_int_equal(world_read(w, 0, GICD(0x400 + 40)), 0xf8f850f8);
    world_try_read(w, 0, GICD(0x400 + 41), 1, &val);
    assert_true(val == 0x50);
    assert_int_equal(world_read(w, 0, GICD(0x400 + 36)), 0);
    assert_int_equal(world_read(w, 0, GICD(0x400 + 44)), 0);
}

/* Row 45 */
static void routes_are_written_whole_and_in_halves(void **state)
{
    struct world *w = *state;
    uint64_t router = GICD(0x6000 + 8 * 77);

    world_write64(w, 0, router, 1);
    assert_true(world_read64(w, 0, router) == 1);
    /* Aff3 is not implemented, neither is 1-of-N */
    world_write64(w, 0, router, UINT64_C(0xff80fffffe));
    assert_true(world_read64(w, 0, router) == 0x00fffffe);
    world_write(w, 0, router + 4, 0xffffffff);
    assert_int_equal(world_read(w, 0, router + 4), 0);
    world_write(w, 0, router, 0x00000100);
    assert_true(world_read64(w, 0, router) == 0x00000100);
}

static void triggers_are_two_bits_of_which_one_counts(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICD(0xc08), 0xffffffff);
    assert_int_equal(world_read(w, 0, GICD(0xc08)), 0xaaaaaaaa);
    assert_int_equal(world_read(w, 0, GICD(0xc0c)), 0);
    world_write(w, 0, GICD(0xc08), 0x00000008);
    assert_int_equal(world_read(w, 0, GICD(0xc08)), 0x00000008);
}

static void disable_of_something_that_is_nowhere_is_done_at_once(void **state)
{
    struct world *w = *state;

    world_enable_all(w);
    world_write(w, 0, GICD(0x184), 0xffffffff);
    world_write(w, 0, GICR_SGI(1, 0x180), 0xffffffff);
    assert_int_equal(world_read(w, 0, GICD(0)) >> 31, 0);
    assert_int_equal(world_read(w, 0, GICR(1, 0)), 0);
}

/* ---- redistributors ---- */

static void redistributors_say_whose_they_are(void **state)
{
    struct world *w = *state;

    for (unsigned int v = 0; v < w->vm.vcpu_count; v++) {
        uint64_t typer = world_read64(w, 0, GICR(v, 8));

        assert_int_equal(typer >> 32, v / 16 << 8 | v % 16);
        assert_int_equal(typer >> 8 & 0xffff, v);
        assert_int_equal(typer >> 4 & 1, v == 122 || v == w->vm.vcpu_count - 1); /* Last of a region */
        assert_int_equal(typer & 0xf, 0);
        assert_int_equal(world_read(w, 0, GICR(v, 8)), (uint32_t)typer);
        assert_int_equal(world_read(w, 0, GICR(v, 12)), typer >> 32);
        assert_int_equal(world_read(w, 0, GICR(v, 0xffe8)) >> 4, 3);
    }
}

/* Row 47 */
static void there_is_nothing_behind_the_last_redistributor(void **state)
{
    struct world *w = *state;
    uint64_t val;

    assert_int_equal(world_try_read(w, 0, GICR(TWO, 0), 4, &val), AXVM_ERR_NOENT);
    assert_int_equal(world_try_write(w, 0, GICR(TWO, 0), 4, 1), AXVM_ERR_NOENT);
    assert_int_equal(world_try_read(w, 0, GICR(TWO, 0) - 4, 8, &val), AXVM_ERR_NOENT);
}

/* Row 47 */
static void a_vcpu_can_use_the_redistributor_of_another(void **state)
{
    struct world *w = *state;

    world_write(w, 0, GICR_SGI(1, 0x100), 0x00ff00ff);
    world_write(w, 0, GICR_SGI(1, 0x400), 0x10203040);
    assert_int_equal(world_read(w, 1, GICR_SGI(1, 0x100)), 0x00ff00ff);
    assert_int_equal(world_read(w, 1, GICR_SGI(1, 0x400)), 0x10203040);
    assert_int_equal(world_read(w, 1, GICR_SGI(0, 0x100)), 0);
    assert_int_equal(world_read(w, 1, GICR_SGI(0, 0x400)), 0);
}

static void a_redistributor_is_asleep_until_it_is_woken(void **state)
{
    struct world *w = *state;

    assert_int_equal(world_read(w, 0, GICR(0, 0x14)), 6);
    world_write(w, 0, GICR(0, 0x14), 0);
    assert_int_equal(world_read(w, 0, GICR(0, 0x14)), 0);
    assert_int_equal(world_read(w, 0, GICR(1, 0x14)), 6);
    world_write(w, 0, GICR(0, 0x14), 2);
    assert_int_equal(world_read(w, 0, GICR(0, 0x14)), 6);
}

/* Row 48, I2, I3 */
static void there_are_no_lpis_to_break_anything_with(void **state)
{
    static const uint32_t regs[] = { 0x40, 0x48, 0x70, 0x78, 0xa0, 0xb0, 0xc0 }; /* SETLPIR .. SYNCR */
    struct world *w = *state;
    uint64_t val;

    world_write(w, 0, GICR(0, 0), 1); /* EnableLPIs */
    assert_int_equal(world_read(w, 0, GICR(0, 0)), 0);
    for (unsigned int i = 0; i < 7; i++) {
        world_write64(w, 0, GICR(0, regs[i]), UINT64_MAX);
        world_write(w, 0, GICR(0, regs[i]), 0xffffffff);
        world_write(w, 0, GICR(0, regs[i]) + 4, 0xffffffff);
        world_try_read(w, 0, GICR(0, regs[i]), 8, &val);
        assert_true(val == 0);
    }
}

static void triggers_of_private_interrupts_are_fixed(void **state)
{
    struct world *w = *state;

    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0xc00)), 0xaaaaaaaa);
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0xc04)), 0);
    world_write(w, 0, GICR_SGI(0, 0xc00), 0);
    world_write(w, 0, GICR_SGI(0, 0xc04), 0xffffffff);
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0xc00)), 0xaaaaaaaa);
    assert_int_equal(world_read(w, 0, GICR_SGI(0, 0xc04)), 0);
}

/* ---- reset, memory ---- */

static void a_reset_forgets_what_the_guest_wrote_and_keeps_what_the_host_did(void **state)
{
    struct world *w = *state;

    assert_int_equal(axvm_vgic_claim(&w->vm, 40, true), AXVM_OK);
    world_enable_all(w);
    world_write(w, 0, GICD(0x204), 0xffffffff);
    world_write(w, 0, GICD(0xc08), 0);
    world_write64(w, 0, GICD(0x6000 + 8 * 40), 1);
    world_put(w, 0);
    world_put(w, 1);
    world_host(w);
    axvm_vgic_reset(&w->vm);
    assert_int_equal(world_read(w, 0, GICD(0)), 0x50);
    assert_int_equal(world_read(w, 0, GICD(0x104)), 0);
    assert_int_equal(world_read(w, 0, GICD(0x204)), 0);
    assert_int_equal(world_read(w, 0, GICD(0x400 + 40)), 0);
    assert_int_equal(world_read(w, 0, GICD(0xc08)), 0x00020000);
    assert_true(world_read64(w, 0, GICD(0x6000 + 8 * 40)) == 0);
    assert_int_equal(world_read(w, 0, GICR_SGI(1, 0x100)), 0);
    assert_int_equal(world_read(w, 0, GICR(0, 0x14)), 6);
    world_load(w, 0, true);
    assert_int_equal(world_ack(w, 0), GICH_FAKE_SPURIOUS);
}

static void two_vcpus_take_less_than_16_kib(void **state)
{
    (void)state;
    assert_true(sizeof(struct axvm_vgic) + sizeof(struct axvm_vgic_spis) + 2 * sizeof(struct axvm_vgic_cpu) < 16384);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(distributor_keeps_what_it_should_and_nothing_else, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(every_offset_is_answered_in_every_width, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(other_widths_read_as_zero_and_write_nothing, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(distributor_says_what_it_is, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(distributor_has_one_security_state_and_affinity_routing_for_good, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(private_interrupts_are_not_the_distributors, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(interrupts_1020_to_1023_do_not_exist, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(set_and_clear_registers_show_the_same_bits, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_priority_is_a_byte_and_none_of_its_neighbours_business, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(routes_are_written_whole_and_in_halves, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(triggers_are_two_bits_of_which_one_counts, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(disable_of_something_that_is_nowhere_is_done_at_once, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(redistributors_say_whose_they_are, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(redistributors_say_whose_they_are, most_vcpus, teardown),
        cmocka_unit_test_setup_teardown(there_is_nothing_behind_the_last_redistributor, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_vcpu_can_use_the_redistributor_of_another, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_redistributor_is_asleep_until_it_is_woken, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(there_are_no_lpis_to_break_anything_with, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(triggers_of_private_interrupts_are_fixed, two_vcpus, teardown),
        cmocka_unit_test_setup_teardown(a_reset_forgets_what_the_guest_wrote_and_keeps_what_the_host_did, two_vcpus, teardown),
        cmocka_unit_test(two_vcpus_take_less_than_16_kib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
