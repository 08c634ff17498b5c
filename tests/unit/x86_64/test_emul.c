/* SPDX-License-Identifier: BSD-2-Clause */
/* Emulated instructions where comparing with a CPU does not reach: faults, other modes, parts of strings, and what other vCPUs
 * do meanwhile. hostile-guest.md rows 1, 3 to 9, 13, 79, 80. */
#include "emul_world.h"

#include "bits.h"

#define BASE UINT64_C(0x100000)
#define PAGE_AT(n) (BASE + (n) * (uint64_t)WORLD_PAGE)
#define CODE PAGE_AT(0)
#define DEV PAGE_AT(8)  /* and the page after it: devices */
#define RAM PAGE_AT(10) /* and the page after it */
#define TABLES PAGE_AT(20)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static int setup(void **state)
{
    struct world *w = world_new(BASE);

    world_set_kind(w, RAM, 2 * WORLD_PAGE, WORLD_RAM);
    for (unsigned int i = 0; i < 4 * WORLD_PAGE; i++)
        *world_at(w, DEV + i) = (uint8_t)(i * 7 + 3);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

#define CODE_IS(w, ...) world_code(w, CODE, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static uint64_t peek(struct world *w, uint64_t gpa, unsigned int size)
{
    uint64_t v = 0;

    memcpy(&v, world_at(w, gpa), size);
    return v;
}

static void poke(struct world *w, uint64_t gpa, uint64_t v, unsigned int size)
{
    memcpy(world_at(w, gpa), &v, size);
}

/* Tables for the first MiBs, 4 KiB pages, one to one; the page table is at TABLES + 3 pages, with entries for BASE on at 256.
 */
static void page(struct world *w)
{
    for (unsigned int i = 0; i < 3; i++)
        poke(w, TABLES + i * WORLD_PAGE, (TABLES + (i + 1) * WORLD_PAGE) | 7, 8);
    for (unsigned int i = 0; i < 512; i++)
        poke(w, TABLES + 3 * WORLD_PAGE + 8 * i, (uint64_t)i * WORLD_PAGE | 7, 8);
    world_set_kind(w, TABLES, 4 * WORLD_PAGE, WORLD_RAM);
    w->env.paging.cr0 = CR0_PE | CR0_PG | CR0_WP;
    w->env.paging.cr3 = TABLES;
    w->env.paging.cr4 = CR4_PAE;
    w->env.paging.efer = EFER_LMA | EFER_NXE;
}

static void set_page(struct world *w, uint64_t linear, uint64_t entry)
{
    poke(w, TABLES + 3 * WORLD_PAGE + 8 * (linear / WORLD_PAGE), entry, 8);
}

static void assert_fault(struct world *w, enum axvm_emul_result rc, unsigned int vector, uint32_t error)
{
    assert_int_equal(rc, AXVM_EMUL_FAULT);
    assert_int_equal(w->vcpu.arch.emul.fault.vector, vector);
    assert_int_equal(w->vcpu.arch.emul.fault.error, error);
    assert_int_equal(w->vcpu.arch.emul.fault.has_error, vector != X86_UD);
    assert_int_equal(w->count, 0);
}

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

/* ---- segments and alignment ---- */

static void legacy(struct world *w, enum axvm_x86_mode mode)
{
    w->env.mode = mode;
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++)
        w->env.seg[i] = (struct axvm_x86_seg){ .sel = 8, .attr = 0x493, .limit = 0xffffffff };
    w->env.seg[AXVM_X86_CS].attr = 0x49b;
}

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
        T(an_operand_in_two_pages_is_part_device_and_part_ram),
        T(nothing_happens_when_the_second_page_is_refused),
        T(a_destination_that_is_not_there_yet_is_asked_for_before_the_device_is_read),
        T(memory_that_may_only_be_read_is_not_written_by_emulation_either),
        T(ram_that_goes_away_meanwhile_reads_as_ones),
        T(push_and_pop_move_the_stack_only_when_all_is_well),
        T(of_two_operands_either_may_be_what_the_cpu_means),
        T(a_long_string_is_done_in_parts_that_can_be_interrupted),
        T(a_string_stops_at_a_page_that_faults_with_all_before_it_done),
        T(a_string_that_goes_down_crosses_pages_one_element_at_a_time),
        T(nothing_is_repeated_no_times),
        T(a_guest_that_single_steps_sees_each_element),
        T(rep_outs_sends_memory_to_a_port),
        T(ins_at_the_last_port_of_all),
        T(a_port_instruction_that_has_become_another_is_tried_again),
        T(the_memory_of_a_string_port_instruction_is_checked),
        T(what_a_segment_allows_in_32_bit_mode),
        T(real_mode_has_bases_and_limits_and_no_types),
        T(sixteen_bit_strings_wrap_at_64_kib),
        T(an_operand_of_32_bit_code_wraps_at_4_gib),
        T(code_beyond_its_segment_is_a_general_protection_fault),
        T(addresses_that_are_not_canonical_are_refused),
        T(fs_and_gs_have_bases_in_64_bit_mode),
        T(alignment_is_checked_when_the_guest_wants_it),
        T(smsw_stores_two_bytes_of_cr0_wherever_its_operand_is),
        T(lmsw_loads_what_is_in_ram),
        T(the_machine_status_word_has_its_privileges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
