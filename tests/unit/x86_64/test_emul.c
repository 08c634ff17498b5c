/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated instructions where comparing with a CPU does not reach: faults, other modes, parts of strings, and what other vCPUs
 * do meanwhile. hostile-guest.md rows 1, 3 to 9, 13, 79, 80. This file: operands. */
#include "emul_fixture.h"

/* ---- loads and stores ---- */

static void a_load_of_32_bits_clears_the_upper_half_and_goes_on(void **state)
{
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0x8b, 0x47, 0x20); /* mov 0x20(%rdi),%eax */
    w->vcpu.arch.gpr[RAX] = UINT64_MAX;
    w->vcpu.arch.gpr[RDI] = DEV;
    w->vcpu.arch.rflags |= RFLAGS_RF;
    assert_int_equal(world_mmio(w, DEV + 0x20, false), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RAX], peek(w, DEV + 0x20, 4));
    assert_int_equal(w->vcpu.arch.rip, CODE + 3);
    assert_int_equal(w->vcpu.arch.rflags & RFLAGS_RF, 0);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->log[0].size, 4);
}

static void the_next_one_needs_no_look_up(void **state)
{
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0x89, 0x47, 0x20, 0x0f, 0xb6, 0x0f); /* mov %eax,0x20(%rdi); movzbl (%rdi),%ecx */
    w->vcpu.arch.gpr[RAX] = 0x1122334455667788;
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV + 0x20, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV + 0x20, 4), 0x55667788);
    w->lookups = 0;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RCX], 3);
    assert_int_equal(w->lookups, 0);
}

static void a_device_elsewhere_than_the_cpu_says_is_found_by_walking(void **state)
{
    struct world *w = *state;

    page(w);
    set_page(w, RAM, DEV | 7);
    CODE_IS(w, 0x8b, 0x07);
    w->vcpu.arch.gpr[RDI] = RAM + 8;
    assert_int_equal(world_mmio(w, DEV + 0x100, false), AXVM_EMUL_DONE);
    assert_int_equal(w->log[0].addr, DEV + 8);
}

static void a_store_where_the_cpu_has_only_read_is_checked(void **state)
{
    /* Row 4: another vCPU has made a store of the load that trapped. */
    struct world *w = *state;

    page(w);
    set_page(w, DEV, DEV | 5);
    CODE_IS(w, 0x89, 0x07);
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_fault(w, world_mmio(w, DEV, false), X86_PF, 3);
    assert_int_equal(w->vcpu.arch.emul.fault.cr2, DEV);
    assert_int_equal(w->vcpu.arch.rip, CODE);
}

static void refused_reads_are_ones_and_refused_writes_are_lost(void **state)
{
    struct world *w = *state;
    struct axvm_mmio mmio;

    CODE_IS(w, 0x66, 0x87, 0x07); /* xchg %ax,(%rdi) */
    w->vcpu.arch.gpr[RAX] = 0x1234;
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(axvm_emul_mmio(&w->vcpu, DEV, true, &mmio), AXVM_EMUL_ACCESS);
    assert_false(mmio.write);
    assert_int_equal(axvm_emul_refuse(&w->vcpu, &mmio), AXVM_EMUL_ACCESS);
    assert_true(mmio.write);
    assert_int_equal(mmio.val[0], 0x1234);
    assert_int_equal(axvm_emul_refuse(&w->vcpu, &mmio), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RAX], 0xffff);
}

static void sixteen_bytes_are_two_accesses_of_eight(void **state)
{
    /* Row 7. */
    struct world *w = *state;

    CODE_IS(w, 0x0f, 0x28, 0x0f, 0x0f, 0x11, 0x4f, 0x21); /* movaps (%rdi),%xmm1; movups %xmm1,0x21(%rdi) */
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->xmm[1][0], peek(w, DEV, 8));
    assert_int_equal(w->xmm[1][1], peek(w, DEV + 8, 8));
    assert_int_equal(world_mmio(w, DEV + 0x21, true), AXVM_EMUL_DONE);
    assert_memory_equal(world_at(w, DEV + 0x21), world_at(w, DEV), 16);
    assert_int_equal(w->count, 4);
    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(w->log[i].size, 8);
}

static void xmm_registers_that_cannot_be_had_are_said_so(void **state)
{
    struct world *w = *state;

    w->no_xmm = true;
    CODE_IS(w, 0x0f, 0x10, 0x07);
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_UNHANDLED);
    assert_int_equal(w->count, 0);
}

static void a_division_that_does_not_fit_raises_and_leaves_registers_alone(void **state)
{
    struct world *w = *state;
    uint64_t *gpr = w->vcpu.arch.gpr;

    CODE_IS(w, 0xf6, 0x37); /* divb (%rdi) */
    poke(w, DEV, 16, 1);
    gpr[RDI] = DEV;
    gpr[RAX] = 0x1000;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->raised, 1u << X86_DE);
    assert_int_equal(gpr[RAX], 0x1000);
    assert_int_equal(w->vcpu.arch.rip, CODE);
    w->raised = 0;
    gpr[RAX] = 0xfff;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->raised, 0);
    assert_int_equal(gpr[RAX], 0xfff);
    assert_int_equal(w->vcpu.arch.rip, CODE + 2);
}

static const struct division {
    uint64_t rax, rdx, by;
    uint8_t code[4]; /* of (%rdi) */
    unsigned int len, size;
    bool fits;
    uint64_t quotient, remainder;
} divisions[] = {
    { 100, 0, 7, { 0xf7, 0x37 }, 2, 4, true, 14, 2 },
    { 0, 6, 7, { 0xf7, 0x37 }, 2, 4, true, 0xdb6db6db, 3 },
    { 0, 7, 7, { 0xf7, 0x37 }, 2, 4, false, 0, 0 },
    { 5, 1, 0, { 0x48, 0xf7, 0x37 }, 3, 8, false, 0, 0 },
    { 5, UINT64_MAX - 1, UINT64_MAX, { 0x48, 0xf7, 0x37 }, 3, 8, true, UINT64_MAX, 4 },
    { (uint64_t)-100, UINT64_MAX, 7, { 0x48, 0xf7, 0x3f }, 3, 8, true, (uint64_t)-14, (uint64_t)-2 },
    { (uint64_t)-100, UINT64_MAX, (uint64_t)-7, { 0x48, 0xf7, 0x3f }, 3, 8, true, 14, (uint64_t)-2 },
    { UINT64_C(1) << 63, UINT64_MAX, 1, { 0x48, 0xf7, 0x3f }, 3, 8, true, UINT64_C(1) << 63, 0 },
    { UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX, { 0x48, 0xf7, 0x3f }, 3, 8, false, 0, 0 },
    { 0x8000, 0xffff, 0xffff, { 0x66, 0xf7, 0x3f }, 3, 2, false, 0, 0 },
    { 0x8001, 0xffff, 0xffff, { 0x66, 0xf7, 0x3f }, 3, 2, true, 0x7fff, 0 },
};

static void divisions_have_the_signs_and_limits_of_the_manual(void **state)
{
    struct world *w = *state;
    uint64_t *gpr = w->vcpu.arch.gpr;

    for (size_t i = 0; i < AXVM_ARRAY_LEN(divisions); i++) {
        const struct division *d = &divisions[i];

        world_code(w, CODE, d->code, d->len);
        poke(w, DEV, d->by, 8);
        gpr[RDI] = DEV;
        gpr[RAX] = d->rax;
        gpr[RDX] = d->rdx;
        w->raised = 0;
        assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
        assert_int_equal(w->raised != 0, !d->fits);
        if (!d->fits)
            continue;
        assert_int_equal(axvm_extend(gpr[RAX], d->size, false), d->quotient);
        assert_int_equal(axvm_extend(gpr[RDX], d->size, false), d->remainder);
    }
}

/* ---- operands in two pages, in ROM, not there ---- */

static void an_operand_in_two_pages_is_part_device_and_part_ram(void **state)
{
    struct world *w = *state;
    uint64_t was = peek(w, RAM - 3, 8);

    page(w);
    CODE_IS(w, 0x48, 0x01, 0x07, 0x48, 0x89, 0x07); /* add %rax,(%rdi); mov %rax,(%rdi) */
    w->vcpu.arch.gpr[RAX] = 0x1020304050607080;
    w->vcpu.arch.gpr[RDI] = RAM - 3;
    assert_int_equal(world_mmio(w, RAM - 3, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM - 3, 8), was + 0x1020304050607080);
    /* Three bytes of the device, read and written: two and one. */
    assert_int_equal(w->count, 4);
    assert_int_equal(w->log[0].size, 2);
    assert_int_equal(w->log[1].size, 1);
    assert_int_equal(w->log[1].addr, RAM - 1);
    assert_int_equal(world_mmio(w, RAM - 3, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM - 3, 8), 0x1020304050607080);
}

static void nothing_happens_when_the_second_page_is_refused(void **state)
{
    struct world *w = *state;

    page(w);
    set_page(w, DEV + WORLD_PAGE, (DEV + WORLD_PAGE) | 1);
    CODE_IS(w, 0x89, 0x07);
    w->vcpu.arch.gpr[RDI] = DEV + WORLD_PAGE - 1;
    assert_fault(w, world_mmio(w, DEV + WORLD_PAGE - 1, true), X86_PF, 3);
    assert_int_equal(w->vcpu.arch.emul.fault.cr2, DEV + WORLD_PAGE);
}

static void a_destination_that_is_not_there_yet_is_asked_for_before_the_device_is_read(void **state)
{
    struct world *w = *state;

    world_set_kind(w, RAM, 1, WORLD_ABSENT);
    CODE_IS(w, 0xa5); /* movsl */
    w->vcpu.arch.gpr[RSI] = DEV;
    w->vcpu.arch.gpr[RDI] = RAM;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_PAGE);
    assert_int_equal(w->vcpu.arch.emul.page.v, RAM);
    assert_int_equal(w->vcpu.arch.emul.prot, AXVM_PROT_WRITE);
    assert_int_equal(w->count, 0);
    world_set_kind(w, RAM, 1, WORLD_RAM);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM, 4), peek(w, DEV, 4));
}

static void memory_that_may_only_be_read_is_not_written_by_emulation_either(void **state)
{
    struct world *w = *state;
    uint64_t was = peek(w, RAM, 4);

    world_set_kind(w, RAM, 1, WORLD_ROM);
    CODE_IS(w, 0xff, 0x07, 0xa5); /* incl (%rdi); movsl */
    w->vcpu.arch.gpr[RDI] = RAM;
    assert_int_equal(world_mmio(w, RAM, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM, 4), was);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->log[0].val, was + 1);
    w->vcpu.arch.rip = CODE;
    assert_int_equal(world_mmio(w, RAM + 5, true), AXVM_EMUL_DONE); /* it has to be translated */
    assert_int_equal(w->log[1].val, was + 1);
    w->vcpu.arch.gpr[RSI] = DEV;
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM, 4), was);
    /* ROM as a source is memory. */
    w->vcpu.arch.rip = CODE + 2;
    w->vcpu.arch.gpr[RSI] = RAM;
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV, 4), was);
}

static void ram_that_goes_away_meanwhile_reads_as_ones(void **state)
{
    struct world *w = *state;
    struct axvm_mmio mmio;

    CODE_IS(w, 0xa6); /* cmpsb: the device, then RAM */
    w->vcpu.arch.gpr[RSI] = DEV;
    w->vcpu.arch.gpr[RDI] = RAM;
    assert_int_equal(axvm_emul_mmio(&w->vcpu, DEV, false, &mmio), AXVM_EMUL_ACCESS);
    world_set_kind(w, RAM, 1, WORLD_BUS);
    mmio.val[0] = 0xff;
    assert_int_equal(axvm_emul_continue(&w->vcpu, &mmio), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.rflags & RFLAGS_ZF, RFLAGS_ZF);
}

static void push_and_pop_move_the_stack_only_when_all_is_well(void **state)
{
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0xff, 0x37, 0x8f, 0x47, 0x08); /* push (%rdi); pop 8(%rdi) */
    w->vcpu.arch.gpr[RDI] = DEV;
    w->vcpu.arch.gpr[RSP] = RAM + 64;
    set_page(w, RAM, 0);
    assert_fault(w, world_mmio(w, DEV, false), X86_PF, 2);
    assert_int_equal(w->vcpu.arch.emul.fault.cr2, RAM + 56);
    assert_int_equal(w->vcpu.arch.gpr[RSP], RAM + 64);
    set_page(w, RAM, RAM | 7);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RSP], RAM + 56);
    assert_int_equal(peek(w, RAM + 56, 8), peek(w, DEV, 8));
    assert_int_equal(world_mmio(w, DEV + 8, true), AXVM_EMUL_DONE);
    assert_int_equal(w->vcpu.arch.gpr[RSP], RAM + 64);
    assert_int_equal(peek(w, DEV + 8, 8), peek(w, DEV, 8));
}

static void of_two_operands_either_may_be_what_the_cpu_means(void **state)
{
    /* Both are at the same place of their pages, and one is RAM. */
    struct world *w = *state;
    uint64_t was = peek(w, DEV + 0x38, 8);

    CODE_IS(w, 0xff, 0x37, 0x8f, 0x07, 0x48, 0xa5, 0x48, 0xa5); /* push (%rdi); pop (%rdi); movsq, twice */
    w->vcpu.arch.gpr[RDI] = DEV + 0x38;
    w->vcpu.arch.gpr[RSP] = RAM + 0x40;
    assert_int_equal(world_mmio(w, DEV + 0x38, false), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM + 0x38, 8), was);
    poke(w, RAM + 0x38, 0x1234, 8);
    assert_int_equal(world_mmio(w, DEV + 0x38, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV + 0x38, 8), 0x1234);
    w->vcpu.arch.gpr[RSI] = RAM + 0x38;
    poke(w, RAM + 0x38, 0x5678, 8);
    assert_int_equal(world_mmio(w, DEV + 0x38, true), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, DEV + 0x38, 8), 0x5678);
    w->vcpu.arch.gpr[RSI] = DEV + 0x40;
    w->vcpu.arch.gpr[RDI] = RAM + 0x40;
    assert_int_equal(world_mmio(w, DEV + 0x40, false), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM + 0x40, 8), peek(w, DEV + 0x40, 8));
}

/* ---- SMSW, LMSW ---- */

static void smsw_stores_two_bytes_of_cr0_wherever_its_operand_is(void **state)
{
    struct world *w = *state;

    page(w);
    w->env.paging.cr0 |= CR0_CD | CR0_TS;
    CODE_IS(w, 0x0f, 0x01, 0x27, 0x48, 0x0f, 0x01, 0x26); /* smsw (%rdi); rex.w smsw (%rsi) */
    w->vcpu.arch.gpr[RDI] = RAM + 1;
    w->vcpu.arch.gpr[RSI] = DEV + 8;
    poke(w, RAM, UINT64_MAX, 8);
    assert_int_equal(world_msw(w), AXVM_EMUL_DONE);
    assert_int_equal(peek(w, RAM, 8), UINT64_C(0xffffffffff0000ff) | (w->env.paging.cr0 & 0xffff) << 8);
    assert_int_equal(w->vcpu.arch.rip, CODE + 3);
    assert_int_equal(w->count, 0);
    assert_int_equal(world_msw(w), AXVM_EMUL_DONE);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->log[0].size, 2);
    assert_int_equal(w->log[0].val, w->env.paging.cr0 & 0xffff);
    w->vcpu.arch.rip = CODE;
    set_page(w, RAM, RAM | 5);
    w->count = 0;
    assert_fault(w, world_msw(w), X86_PF, 3);
}

static void lmsw_loads_what_is_in_ram(void **state)
{
    struct world *w = *state;

    page(w);
    CODE_IS(w, 0x0f, 0x01, 0x37); /* lmsw (%rdi) */
    w->vcpu.arch.gpr[RDI] = RAM + WORLD_PAGE - 1;
    poke(w, RAM + WORLD_PAGE - 1, 0x1b, 1);
    poke(w, RAM + WORLD_PAGE, 0x2c, 1);
    assert_int_equal(world_msw(w), AXVM_EMUL_DONE);
    assert_int_equal(w->msw, 0x2c1b);
    assert_int_equal(w->vcpu.arch.rip, CODE + 3);
    /* Not from a device: the answer may come when CR0 is out of reach. Nor by a store that has been rewritten. */
    w->msw = 0;
    w->vcpu.arch.rip = CODE;
    assert_int_equal(world_mmio(w, DEV, true), AXVM_EMUL_RETRY);
    w->vcpu.arch.gpr[RDI] = DEV;
    assert_int_equal(world_msw(w), AXVM_EMUL_UNHANDLED);
    assert_int_equal(world_mmio(w, DEV, false), AXVM_EMUL_UNHANDLED);
    assert_int_equal(w->msw, 0);
    assert_int_equal(w->count, 0);
}

static void the_machine_status_word_has_its_privileges(void **state)
{
    struct world *w = *state;

    page(w);
    w->env.paging.cpl = 3;
    w->vcpu.arch.gpr[RDI] = RAM;
    CODE_IS(w, 0x0f, 0x01, 0x37);
    assert_fault(w, world_msw(w), X86_GP, 0);
    CODE_IS(w, 0x0f, 0x01, 0x27);
    assert_int_equal(world_msw(w), AXVM_EMUL_DONE);
    w->vcpu.arch.rip = CODE;
    w->env.paging.cr4 |= CR4_UMIP;
    assert_fault(w, world_msw(w), X86_GP, 0);
    w->env.paging.cpl = 0;
    assert_int_equal(world_msw(w), AXVM_EMUL_DONE);
    CODE_IS(w, 0x0f, 0x01, 0x17, 0x0f, 0x01, 0xe0); /* lgdt (%rdi); smsw %eax */
    assert_int_equal(world_msw(w), AXVM_EMUL_RETRY);
    w->vcpu.arch.rip = CODE + 3;
    assert_int_equal(world_msw(w), AXVM_EMUL_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_load_of_32_bits_clears_the_upper_half_and_goes_on),
        T(the_next_one_needs_no_look_up),
        T(a_device_elsewhere_than_the_cpu_says_is_found_by_walking),
        T(a_store_where_the_cpu_has_only_read_is_checked),
        T(refused_reads_are_ones_and_refused_writes_are_lost),
        T(sixteen_bytes_are_two_accesses_of_eight),
        T(xmm_registers_that_cannot_be_had_are_said_so),
        T(a_division_that_does_not_fit_raises_and_leaves_registers_alone),
        T(divisions_have_the_signs_and_limits_of_the_manual),
        T(an_operand_in_two_pages_is_part_device_and_part_ram),
        T(nothing_happens_when_the_second_page_is_refused),
        T(a_destination_that_is_not_there_yet_is_asked_for_before_the_device_is_read),
        T(memory_that_may_only_be_read_is_not_written_by_emulation_either),
        T(ram_that_goes_away_meanwhile_reads_as_ones),
        T(push_and_pop_move_the_stack_only_when_all_is_well),
        T(of_two_operands_either_may_be_what_the_cpu_means),
        T(smsw_stores_two_bytes_of_cr0_wherever_its_operand_is),
        T(lmsw_loads_what_is_in_ram),
        T(the_machine_status_word_has_its_privileges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
