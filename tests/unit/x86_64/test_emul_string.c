/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated instructions: strings, of memory and of ports. hostile-guest.md row 6. */
#include "emul_fixture.h"

/* ---- strings ---- */

static void a_long_string_is_done_in_parts_that_can_be_interrupted(void **state)
{
    /* Row 6. */
    struct world *w = *state;

    CODE_IS(w, 0xf3, 0xaa); /* rep stosb */
    w->vcpu.arch.gpr[RAX] = 0x5a;
    w->vcpu.arch.gpr[RDI] = DEV;
    w->vcpu.arch.gpr[RCX] = UINT64_MAX;
    w->vcpu.arch.rflags |= RFLAGS_RF;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 64);
    assert_int_equal(w->vcpu.arch.rip, CODE);
    assert_int_equal(w->vcpu.arch.gpr[RDI], DEV + 64);
    assert_true(w->vcpu.arch.gpr[RCX] == UINT64_MAX - 64);
    assert_int_equal(w->vcpu.arch.rflags & RFLAGS_RF, RFLAGS_RF);
}

static void a_string_stops_at_a_page_that_faults_with_all_before_it_done(void **state)
{
    struct world *w = *state;

    page(w);
    set_page(w, DEV + WORLD_PAGE, 0);
    CODE_IS(w, 0xf3, 0x66, 0xa5); /* rep movsw */
    w->vcpu.arch.gpr[RSI] = RAM + 1;
    w->vcpu.arch.gpr[RDI] = DEV + WORLD_PAGE - 8;
    w->vcpu.arch.gpr[RCX] = 20;
    assert_int_equal(world_mmio(w, DEV + WORLD_PAGE - 8, true), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.rip, CODE);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 16);
    assert_int_equal(w->count, 4);
    w->count = 0;
    assert_fault(w, world_mmio(w, DEV + WORLD_PAGE - 2, true), X86_PF, 2);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 16);
    assert_int_equal(w->vcpu.arch.gpr[RSI], RAM + 9);
    assert_int_equal(w->vcpu.arch.gpr[RDI], DEV + WORLD_PAGE);
    set_page(w, DEV + WORLD_PAGE, (DEV + WORLD_PAGE) | 7);
    assert_int_equal(world_mmio(w, DEV + WORLD_PAGE, true), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.rip, CODE + 3);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 0);
    assert_memory_equal(world_at(w, DEV + WORLD_PAGE - 8), world_at(w, RAM + 1), 40);
}

static void a_string_that_goes_down_crosses_pages_one_element_at_a_time(void **state)
{
    struct world *w = *state;
    unsigned int parts = 0;

    CODE_IS(w, 0xf3, 0xa5); /* rep movsl */
    w->vcpu.arch.rflags |= RFLAGS_DF;
    w->vcpu.arch.gpr[RSI] = RAM + 0x100;
    w->vcpu.arch.gpr[RDI] = DEV + WORLD_PAGE + 6;
    w->vcpu.arch.gpr[RCX] = 8;
    for (; w->vcpu.arch.rip == CODE; parts++)
        assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(parts, 3); /* two above, the one in both, five below */
    assert_int_equal(w->vcpu.arch.gpr[RDI], DEV + WORLD_PAGE + 6 - 32);
    assert_memory_equal(world_at(w, DEV + WORLD_PAGE + 6 - 28), world_at(w, RAM + 0x100 - 28), 32);
}

static void nothing_is_repeated_no_times(void **state)
{
    struct world *w = *state;

    CODE_IS(w, 0x67, 0xf3, 0xa4); /* with the lower half of RCX */
    w->vcpu.arch.gpr[RCX] = UINT64_C(0x100000000);
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 0);
    assert_int_equal(w->vcpu.arch.rip, CODE + 3);
}

static void a_guest_that_single_steps_sees_each_element(void **state)
{
    struct world *w = *state;

    CODE_IS(w, 0xf3, 0xaa);
    w->vcpu.arch.gpr[RDI] = DEV;
    w->vcpu.arch.gpr[RCX] = 2;
    w->vcpu.arch.rflags |= RFLAGS_TF;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 1);
    assert_int_equal(w->vcpu.arch.rip, CODE);
    assert_int_equal(world_mmio(w, DEV + 1, true), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.rip, CODE + 2);
}

static const struct axvm_emul_io out_bytes = { .port = 0x3f8, .size = 1, .rep = true };

static void rep_outs_sends_memory_to_a_port(void **state)
{
    struct world *w = *state;

    CODE_IS(w, 0xf3, 0x6e);
    memcpy(world_at(w, RAM), "hello", 5);
    w->vcpu.arch.gpr[RSI] = RAM;
    w->vcpu.arch.gpr[RDX] = 0xffff03f8;
    w->vcpu.arch.gpr[RCX] = 5;
    assert_int_equal(world_io(w, &out_bytes), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 5);
    for (unsigned int i = 0; i < 5; i++) {
        assert_true(w->log[i].port && w->log[i].write);
        assert_int_equal(w->log[i].addr, 0x3f8);
        assert_int_equal(w->log[i].val, "hello"[i]);
    }
    assert_int_equal(w->vcpu.arch.rip, CODE + 2);
}

static void ins_at_the_last_port_of_all(void **state)
{
    struct world *w = *state;
    const struct axvm_emul_io io = { .port = 0xffff, .size = 4, .in = true, .rep = true };

    CODE_IS(w, 0xf3, 0x6d);
    w->port_in = 0x11223344;
    w->vcpu.arch.rflags |= RFLAGS_DF;
    w->vcpu.arch.gpr[RDI] = RAM + 4;
    w->vcpu.arch.gpr[RDX] = 0xffff;
    w->vcpu.arch.gpr[RCX] = 2;
    assert_int_equal(world_io(w, &io), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM + 4, 4), 0x11223344);
    assert_int_equal(peek(w, RAM, 4), 0x11223345);
}

static void a_port_instruction_that_has_become_another_is_tried_again(void **state)
{
    static const struct axvm_emul_io others[] = {
        { .port = 0x3f9, .size = 1, .rep = true },
        { .port = 0x3f8, .size = 2, .rep = true },
        { .port = 0x3f8, .size = 1, .rep = true, .in = true },
        { .port = 0x3f8, .size = 1 },
    };
    struct world *w = *state;

    CODE_IS(w, 0xf3, 0x6e);
    w->vcpu.arch.gpr[RSI] = RAM;
    w->vcpu.arch.gpr[RDX] = 0x3f8;
    w->vcpu.arch.gpr[RCX] = 1;
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(others); i++)
        assert_int_equal(world_io(w, &others[i]), AXVM_EMUL_RETRY);
    CODE_IS(w, 0xa4);
    assert_int_equal(world_io(w, &out_bytes), AXVM_EMUL_RETRY);
    assert_int_equal(w->count, 0);
}

static void the_memory_of_a_string_port_instruction_is_checked(void **state)
{
    struct world *w = *state;
    const struct axvm_emul_io in = { .port = 0x60, .size = 1, .in = true };

    page(w);
    set_page(w, RAM, RAM | 5);
    CODE_IS(w, 0x6c);
    w->vcpu.arch.gpr[RDX] = 0x60;
    w->vcpu.arch.gpr[RDI] = RAM;
    w->env.paging.cpl = 3;
    assert_fault(w, world_io(w, &in), X86_PF, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_long_string_is_done_in_parts_that_can_be_interrupted),
        T(a_string_stops_at_a_page_that_faults_with_all_before_it_done),
        T(a_string_that_goes_down_crosses_pages_one_element_at_a_time),
        T(nothing_is_repeated_no_times),
        T(a_guest_that_single_steps_sees_each_element),
        T(rep_outs_sends_memory_to_a_port),
        T(ins_at_the_last_port_of_all),
        T(a_port_instruction_that_has_become_another_is_tried_again),
        T(the_memory_of_a_string_port_instruction_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
