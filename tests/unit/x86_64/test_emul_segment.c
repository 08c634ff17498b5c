/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated instructions: segments, canonical addresses and alignment. */
#include "emul_fixture.h"

/* ---- segments and alignment ---- */

struct segment_case {
    uint16_t attr;
    uint32_t limit;
    uint64_t offset;
    bool write, ok;
};

static void what_a_segment_allows_in_32_bit_mode(void **state)
{
    static const struct segment_case cases[] = {
        { 0x493, 0xffffffff, DEV, true, true },
        { 0x493, DEV + 3, DEV, true, true },
        { 0x493, DEV + 2, DEV, true, false },
        { 0x493, 0xffffffff, 0xfffffffd, false, false }, /* wraps */
        { 0x491, 0xffffffff, DEV, false, true },         /* read only */
        { 0x491, 0xffffffff, DEV, true, false },
        { 0x49b, 0xffffffff, DEV, false, true }, /* code, readable */
        { 0x49b, 0xffffffff, DEV, true, false },
        { 0x499, 0xffffffff, DEV, false, false }, /* code, not readable */
        { 0x497, DEV - 1, DEV, true, true },      /* expand down */
        { 0x497, DEV, DEV, true, false },
        { 0x497, 0, 0xfffffffd, true, false },
        { 0x097, 0, DEV, true, false },            /* expand down, 64 KiB */
        { 0x413, 0xffffffff, DEV, false, false },  /* not present */
        { 0x1493, 0xffffffff, DEV, false, false }, /* null */
    };
    struct world *w = *state;

    for (unsigned int i = 0; i < 2 * AXVM_ARRAY_LEN(cases); i++) {
        const struct segment_case *c = &cases[i / 2];
        unsigned int seg = i % 2 ? AXVM_X86_SS : AXVM_X86_DS;
        enum axvm_emul_result rc;

        legacy(w, AXVM_X86_MODE32);
        w->env.seg[seg].attr = c->attr;
        w->env.seg[seg].limit = c->limit;
        w->count = 0;
        CODE_IS(w, i % 2 ? 0x36 : 0x3e, c->write ? 0x89 : 0x8b, 0x07);
        w->vcpu.arch.gpr[RDI] = c->offset | UINT64_C(0xffffffff00000000);
        rc = world_mmio(w, DEV, c->write);
        if (c->ok)
            assert_int_equal(rc, AXVM_EMUL_DONE);
        else
            assert_fault(w, rc, i % 2 ? X86_SS : X86_GP, 0);
    }
}

static void real_mode_has_bases_and_limits_and_no_types(void **state)
{
    struct world *w = *state;

    legacy(w, AXVM_X86_MODE16);
    w->env.protected_mode = false;
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++)
        w->env.seg[i] = (struct axvm_x86_seg){ .attr = 0x93, .limit = 0xffff };
    w->env.seg[AXVM_X86_CS] =
        (struct axvm_x86_seg){ .attr = 0x9b, .limit = 0xffff, .base = CODE - 0x8000 }; /* below our memory */
    w->env.cs = w->env.seg[AXVM_X86_CS];
    w->env.seg[AXVM_X86_ES].base = DEV;
    CODE_IS(w, 0x26, 0x89, 0x07, 0x26, 0xa3, 0xff, 0xff, 0x2e, 0xa3, 0x00, 0x81); /* es:(bx); es:ffff; cs: is writable */
    w->vcpu.arch.gpr[RBX] = 0x12340010;
    w->vcpu.arch.gpr[RAX] = 0xaabb;
    assert_int_equal(w->vcpu.arch.rip, 0x8000);
    assert_int_equal(world_mmio(w, DEV + 0x10, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV + 0x10, 2), 0xaabb);
    assert_int_equal(w->vcpu.arch.rip, 0x8003);
    w->count = 0;
    assert_fault(w, world_mmio(w, DEV, true), X86_GP, 0); /* a word at ffff */
    w->vcpu.arch.rip = 0x8007;
    assert_int_equal(world_mmio(w, RAM + 1, true), AXVM_EMUL_RETRY); /* CS:8100 is RAM: allowed, and for the CPU */
}

static void sixteen_bit_strings_wrap_at_64_kib(void **state)
{
    struct world *w = *state;

    legacy(w, AXVM_X86_MODE16);
    w->env.seg[AXVM_X86_ES].base = DEV - 0xfffc;
    CODE_IS(w, 0xf3, 0xaa);
    w->vcpu.arch.gpr[RDI] = 0xabcdfffe;
    w->vcpu.arch.gpr[RCX] = 0x10004;
    w->vcpu.arch.gpr[RAX] = 0x77;
    assert_int_equal(world_mmio(w, DEV + 2, true), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 2);
    assert_int_equal(w->vcpu.arch.gpr[RDI], 0xabcd0000);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 0x10002);
    assert_int_equal(w->vcpu.arch.rip, CODE);
}

static void an_operand_of_32_bit_code_wraps_at_4_gib(void **state)
{
    struct world *w = *state;

    page(w);
    poke(w, TABLES + WORLD_PAGE + 3 * 8, (TABLES + 2 * WORLD_PAGE) | 7, 8);
    poke(w, TABLES + 2 * WORLD_PAGE + 511 * 8, (TABLES + 3 * WORLD_PAGE) | 7, 8);
    set_page(w, 511 * WORLD_PAGE, DEV | 7);
    set_page(w, 0, (DEV + WORLD_PAGE) | 7);
    legacy(w, AXVM_X86_MODE32); /* compatibility mode */
    w->env.seg[AXVM_X86_DS].base = 0x80000000;
    CODE_IS(w, 0x89, 0x07);
    w->vcpu.arch.gpr[RDI] = 0x7ffffffe;
    w->vcpu.arch.gpr[RAX] = 0x11223344;
    assert_int_equal(world_mmio(w, DEV + 0xffe, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV + 0xffe, 4), 0x11223344);
}

static void code_beyond_its_segment_is_a_general_protection_fault(void **state)
{
    struct world *w = *state;

    legacy(w, AXVM_X86_MODE32);
    CODE_IS(w, 0x8b, 0x07);
    w->vcpu.arch.gpr[RDI] = DEV;
    w->env.seg[AXVM_X86_CS].limit = CODE;
    assert_fault(w, world_mmio(w, DEV, false), X86_GP, 0);
    w->env.seg[AXVM_X86_CS].limit = CODE + 1;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
}

static void addresses_that_are_not_canonical_are_refused(void **state)
{
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0xff, 0x07, 0xff, 0x45, 0x00); /* incl (%rdi); incl 0(%rbp) */
    w->vcpu.arch.gpr[RDI] = UINT64_C(0x800000000000);
    assert_fault(w, world_mmio(w, DEV + 1, true), X86_GP, 0);
    w->vcpu.arch.gpr[RDI] = UINT64_C(0x7ffffffffffd);
    assert_fault(w, world_mmio(w, DEV + 1, true), X86_GP, 0);
    w->vcpu.arch.gpr[RDI] = UINT64_C(0xffff7fffffffffff);
    assert_fault(w, world_mmio(w, DEV + 1, true), X86_GP, 0);
    w->vcpu.arch.rip = CODE + 2;
    w->vcpu.arch.gpr[RBP] = UINT64_C(0x4000000000000000);
    assert_fault(w, world_mmio(w, DEV + 1, true), X86_SS, 0);
}

static void fs_and_gs_have_bases_in_64_bit_mode(void **state)
{
    struct world *w = *state;

    w->env.seg[AXVM_X86_GS].base = DEV - 8;
    w->env.seg[AXVM_X86_DS].base = 0x1234567;
    w->env.seg[AXVM_X86_DS].limit = 0;
    CODE_IS(w, 0x65, 0x8a, 0x07, 0x8a, 0x07);
    w->vcpu.arch.gpr[RDI] = 16;
    assert_int_equal(world_mmio(w, DEV + 8, false), AXVM_EMUL_DONE);
    assert_int_equal(w->log[0].addr, DEV + 8);
    w->vcpu.arch.gpr[RDI] = DEV + 9;
    assert_int_equal(world_mmio(w, DEV + 9, false), AXVM_EMUL_DONE);
    assert_int_equal(w->log[1].addr, DEV + 9);
}

static void alignment_is_checked_when_the_guest_wants_it(void **state)
{
    struct world *w = *state;

    w->env.paging.cr0 |= CR0_AM;
    w->env.paging.cpl = 3;
    w->vcpu.arch.rflags |= RFLAGS_AC;
    CODE_IS(w, 0x8b, 0x07, 0x0f, 0x28, 0x07); /* movaps: always */
    w->vcpu.arch.gpr[RDI] = DEV + 2;
    assert_fault(w, world_mmio(w, DEV + 2, false), X86_AC, 0);
    w->env.paging.cpl = 0;
    assert_int_equal(world_mmio(w, DEV + 2, false), AXVM_EMUL_DONE);
    w->count = 0;
    assert_fault(w, world_mmio(w, DEV + 2, false), X86_GP, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_a_segment_allows_in_32_bit_mode),
        T(real_mode_has_bases_and_limits_and_no_types),
        T(sixteen_bit_strings_wrap_at_64_kib),
        T(an_operand_of_32_bit_code_wraps_at_4_gib),
        T(code_beyond_its_segment_is_a_general_protection_fault),
        T(addresses_that_are_not_canonical_are_refused),
        T(fs_and_gs_have_bases_in_64_bit_mode),
        T(alignment_is_checked_when_the_guest_wants_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
