/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated instructions: fetching them, and what is kept of that. hostile-guest.md rows 3 to 5, 9. */
#include "emul_fixture.h"

/* ---- fetching ---- */

static void the_instruction_is_read_only_once(void **state)
{
    struct world *w = *state;
    struct axvm_mmio mmio;

    page(w);
    CODE_IS(w, 0x00, 0x07); /* add %al,(%rdi) */
    w->vcpu.arch.gpr[RDI] = DEV;
    w->vcpu.arch.gpr[RAX] = 1;
    assert_int_equal(axvm_emul_mmio(&w->vcpu, DEV, true, &mmio), AXVM_EMUL_ACCESS);
    /* Row 4: another vCPU makes it and $0,(%rsi) while the device is asked. */
    memcpy(world_at(w, CODE), "\x80\x26\x00", 3);
    w->vcpu.arch.gpr[RSI] = RAM;
    assert_int_equal(world_finish(w, AXVM_EMUL_ACCESS, &mmio), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV, 1), 4);
    assert_int_equal(w->vcpu.arch.rip, CODE + 2);
}

static void code_that_cannot_be_fetched_is_the_page_fault_of_a_fetch(void **state)
{
    /* Row 5. */
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0x8b, 0x07);
    set_page(w, CODE, 0);
    assert_fault(w, world_mmio(w, DEV, false), X86_PF, 0x10);
    assert_int_equal(w->vcpu.arch.emul.fault.cr2, CODE);
    w->env.paging.cpl = 3;
    set_page(w, CODE, CODE | 7 | AXVM_BIT(63));
    assert_fault(w, world_mmio(w, DEV, false), X86_PF, 0x15);
}

static void code_that_is_not_there_yet_is_asked_for(void **state)
{
    struct world *w = *state;

    CODE_IS(w, 0x8b, 0x07);
    world_set_kind(w, CODE, 1, WORLD_ABSENT);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_PAGE);
    assert_int_equal(w->vcpu.arch.emul.page.v, CODE);
    assert_int_equal(w->vcpu.arch.emul.prot, AXVM_PROT_READ);
    world_set_kind(w, CODE, 1, WORLD_BUS);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_UNHANDLED);
}

static void an_instruction_may_lie_in_two_pages(void **state)
{
    static const uint8_t mov[] = { 0xc7, 0x87, 0x10, 0, 0, 0, 1, 2, 3, 4 }; /* movl $0x04030201,0x10(%rdi) */

    for (unsigned int before = 1; before < sizeof(mov); before++) {
        struct world *w = *state;

        page(w);
        world_code(w, PAGE_AT(1) - before, mov, sizeof(mov));
        w->vcpu.arch.gpr[RDI] = DEV;
        w->count = 0;
        set_page(w, PAGE_AT(1), 0);
        assert_fault(w, world_mmio(w, DEV + 0x10, true), X86_PF, 0x10);
        assert_int_equal(w->vcpu.arch.emul.fault.cr2, PAGE_AT(1));
        set_page(w, PAGE_AT(1), PAGE_AT(2) | 7);
        world_set_kind(w, PAGE_AT(2), 1, WORLD_ABSENT);
        assert_int_equal(world_mmio(w, DEV + 0x10, true), AXVM_EMUL_PAGE);
        assert_int_equal(w->vcpu.arch.emul.page.v, PAGE_AT(2));
        set_page(w, PAGE_AT(1), PAGE_AT(1) | 7);
        assert_int_equal(world_mmio(w, DEV + 0x10, true), AXVM_EMUL_DONE);
        assert_int_equal(w->log[0].val, 0x04030201);
        assert_int_equal(w->vcpu.arch.rip, PAGE_AT(1) - before + sizeof(mov));
    }
}

static void an_instruction_that_was_rewritten_means_what_it_says_now(void **state)
{
    struct world *w = *state;
    static const uint8_t mov[] = { 0xc7, 0x84, 0x27, 0, 0, 0, 0, 1, 2, 3, 4 }; /* movl $0x04030201,0(%rdi,%riz) */

    w->vcpu.arch.gpr[RDI] = DEV;
    world_code(w, CODE, mov, sizeof(mov));
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    for (unsigned int i = 3; i < sizeof(mov); i += i == 3 ? 4 : 1) {
        world_code(w, CODE, mov, sizeof(mov));
        *world_at(w, CODE + i) = 0x44;
        w->count = 0;
        assert_int_equal(world_mmio(w, DEV + (i == 3 ? 0x44 : 0), true), AXVM_EMUL_DONE);
        assert_int_equal(w->log[0].addr, DEV + (i == 3 ? 0x44 : 0));
        assert_int_equal(w->log[0].val, i == 3 ? 0x04030201 : (0x04030201 & ~(0xffu << 8 * (i - 7))) | 0x44u << 8 * (i - 7));
    }
}

static void the_same_bytes_in_another_mode_mean_something_else(void **state)
{
    struct world *w = *state;

    CODE_IS(w, 0x8a, 0x05, 0x00, 0x80, 0x00, 0x00); /* mov 0x8000(%rip),%al; mov 0x8000,%al */
    assert_int_equal(world_mmio(w, CODE + 0x8006, false), AXVM_EMUL_DONE);
    assert_int_equal(w->log[0].addr, CODE + 0x8006);
    w->vcpu.arch.rip = CODE;
    w->env.mode = AXVM_X86_MODE32;
    assert_int_equal(world_mmio(w, 0x8000, false), AXVM_EMUL_DONE);
    assert_int_equal(w->log[1].addr, 0x8000);
}

/* In long mode, where what was decoded is kept: CODE has been executed once. */
static void execute_once(struct world *w)
{
    page(w);
    w->env.paging.cpl = 3;
    CODE_IS(w, 0xc7, 0x84, 0x27, 0, 0, 0, 0, 1, 2, 3, 4); /* movl $0x04030201,0(%rdi,%riz) */
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    w->lookups = 0;
    w->vcpu.arch.rip = CODE;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(w->lookups, 0);
    w->vcpu.arch.rip = CODE;
    w->count = 0;
}

static void what_is_kept_of_code_is_not_used_when_the_code_has_changed(void **state)
{
    struct world *w = *state;

    for (unsigned int i = 7; i < 11; i++) {
        execute_once(w);
        *world_at(w, CODE + i) = 0x44;
        assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
        assert_int_equal(w->log[0].val, (0x04030201 & ~(0xffu << 8 * (i - 7))) | 0x44u << 8 * (i - 7));
    }
    execute_once(w);
    *world_at(w, CODE + 3) = 0x44;
    assert_int_equal(world_mmio(w, DEV + 0x44, true), AXVM_EMUL_DONE);
    assert_int_equal(w->log[0].addr, DEV + 0x44);
}

static void nor_when_an_entry_of_its_translation_has(void **state)
{
    struct world *w = *state;

    for (unsigned int level = 0; level < 4; level++) {
        uint64_t entry = TABLES + level * WORLD_PAGE + (level == 3 ? CODE / WORLD_PAGE * 8 : 0);

        execute_once(w);
        poke(w, entry, peek(w, entry, 8) & ~UINT64_C(1), 8);
        assert_fault(w, world_mmio(w, DEV, true), X86_PF, 0x14);
        execute_once(w);
        poke(w, entry, peek(w, entry, 8) & ~UINT64_C(4), 8); /* the supervisor's */
        assert_fault(w, world_mmio(w, DEV, true), X86_PF, 0x15);
    }
}

static void nor_when_the_cpu_is_in_another_state(void **state)
{
    struct world *w = *state;

    world_set_kind(w, PAGE_AT(30), 1, WORLD_RAM); /* empty tables */
    execute_once(w);
    w->env.paging.cpl = 0;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    w->vcpu.arch.rip = CODE;
    w->count = 0;
    w->env.paging.cr4 |= CR4_SMEP;
    assert_fault(w, world_mmio(w, DEV, true), X86_PF, 0x11);
    execute_once(w);
    w->env.paging.cr3 = PAGE_AT(30);
    assert_fault(w, world_mmio(w, DEV, true), X86_PF, 0x14);
    execute_once(w);
    w->env.paging.cr3 = PAGE_AT(20) | 8; /* PCD: the same tables */
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    execute_once(w);
    w->env.mode = AXVM_X86_MODE16; /* movw $0,0x27(%si) */
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(w->log[0].addr, 0x27);
    assert_int_equal(w->log[0].size, 2);
}

static void nor_for_code_elsewhere(void **state)
{
    struct world *w = *state;

    execute_once(w);
    memset(world_at(w, CODE + 32), 0x90, 0x400);
    for (uint64_t at = CODE + 32; at < CODE + 0x400; at += 8) {
        memcpy(world_at(w, at), "\x8a\x47\x01", 3); /* mov 1(%rdi),%al */
        w->vcpu.arch.rip = at;
        assert_int_equal(world_mmio(w, DEV + 1, false), AXVM_EMUL_DONE);
        assert_int_equal(w->vcpu.arch.rip, at + 3);
    }
}

static void nor_when_the_host_has_taken_the_memory_away(void **state)
{
    struct world *w = *state;

    execute_once(w);
    world_set_kind(w, CODE, 1, WORLD_ABSENT);
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_PAGE);
    assert_int_equal(w->vcpu.arch.emul.page.v, CODE);
}

static void bytes_that_the_cpu_gives_are_not_fetched(void **state)
{
    struct world *w = *state;

    w->vcpu.arch.rip = CODE; /* where there is nothing */
    memcpy(w->vcpu.arch.emul.bytes, "\x8a\x07", 2);
    w->vcpu.arch.emul.given = 2;
    w->vcpu.arch.gpr[RDI] = DEV + 1;
    assert_int_equal(world_mmio(w, DEV + 1, false), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RAX], peek(w, DEV + 1, 1));
    assert_int_equal(w->vcpu.arch.rip, CODE + 2);
}

static void too_few_of_them_are_added_to(void **state)
{
    struct world *w = *state;

    world_code(w, PAGE_AT(1) - 2, "\x8b\x87\x10\0\0\0", 6);
    memcpy(w->vcpu.arch.emul.bytes, "\x8b\x87", 2);
    w->vcpu.arch.emul.given = 2;
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV + 0x10, false), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RAX], peek(w, DEV + 0x10, 4));
}

static void what_is_no_access_any_more_goes_back_to_the_cpu(void **state)
{
    struct world *w = *state;

    w->vcpu.arch.gpr[RDI] = RAM;
    CODE_IS(w, 0x89, 0xc0); /* a register */
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_RETRY);
    CODE_IS(w, 0xf0, 0x01, 0x07); /* RAM: only the CPU can do this in one go */
    assert_int_equal(world_mmio(w, DEV + 1, true), AXVM_EMUL_RETRY);
    CODE_IS(w, 0xf4);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_UNHANDLED);
    CODE_IS(w, 0xf0, 0x89, 0x07);
    assert_fault(w, world_mmio(w, DEV, true), X86_UD, 0);
    assert_int_equal(w->vcpu.arch.rip, CODE);
}

static void a_port_nobody_has_allowed_is_not_reached_by_rewriting_a_load(void **state)
{
    /* Row 4, at privilege level 3: IOPL and bitmap are for the CPU to look at. */
    struct world *w = *state;

    w->env.paging.cpl = 3;
    CODE_IS(w, 0xee); /* out %al,(%dx) */
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_RETRY);
    CODE_IS(w, 0x6e); /* outsb */
    w->vcpu.arch.gpr[RSI] = DEV;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_RETRY);
    assert_int_equal(w->count, 0);
    w->vcpu.arch.rflags |= RFLAGS_IOPL;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 2);
    w->vcpu.arch.rip = CODE;
    w->vcpu.arch.rflags |= RFLAGS_VM;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_instruction_is_read_only_once),
        T(code_that_cannot_be_fetched_is_the_page_fault_of_a_fetch),
        T(code_that_is_not_there_yet_is_asked_for),
        T(an_instruction_may_lie_in_two_pages),
        T(an_instruction_that_was_rewritten_means_what_it_says_now),
        T(the_same_bytes_in_another_mode_mean_something_else),
        T(what_is_kept_of_code_is_not_used_when_the_code_has_changed),
        T(nor_when_an_entry_of_its_translation_has),
        T(nor_when_the_cpu_is_in_another_state),
        T(nor_for_code_elsewhere),
        T(nor_when_the_host_has_taken_the_memory_away),
        T(bytes_that_the_cpu_gives_are_not_fetched),
        T(too_few_of_them_are_added_to),
        T(what_is_no_access_any_more_goes_back_to_the_cpu),
        T(a_port_nobody_has_allowed_is_not_reached_by_rewriting_a_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
