/* SPDX-License-Identifier: BSD-2-Clause */
/* A CPU with code, RAM and devices at their places, for tests of emulated instructions. */
#ifndef EMUL_FIXTURE_H
#define EMUL_FIXTURE_H

#include "emul_world.h"

#include "bits.h"

#define BASE UINT64_C(0x100000)
#define PAGE_AT(n) (BASE + (n) * (uint64_t)WORLD_PAGE)
#define CODE PAGE_AT(0)
#define DEV PAGE_AT(8)  /* and the page after it: devices */
#define RAM PAGE_AT(10) /* and the page after it */
#define TABLES PAGE_AT(20)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

static inline int setup(void **state)
{
    struct world *w = world_new(BASE);

    world_set_kind(w, RAM, 2 * WORLD_PAGE, WORLD_RAM);
    for (unsigned int i = 0; i < 4 * WORLD_PAGE; i++)
        *world_at(w, DEV + i) = (uint8_t)(i * 7 + 3);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    world_free(*state);
    return 0;
}

#define CODE_IS(w, ...) world_code(w, CODE, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline uint64_t peek(struct world *w, uint64_t gpa, unsigned int size)
{
    uint64_t v = 0;

    memcpy(&v, world_at(w, gpa), size);
    return v;
}

static inline void poke(struct world *w, uint64_t gpa, uint64_t v, unsigned int size)
{
    memcpy(world_at(w, gpa), &v, size);
}

/* Tables for the first MiBs, 4 KiB pages, one to one; the page table is at TABLES + 3 pages, with entries for BASE on at 256.
 */
static inline void page(struct world *w)
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

static inline void set_page(struct world *w, uint64_t linear, uint64_t entry)
{
    poke(w, TABLES + 3 * WORLD_PAGE + 8 * (linear / WORLD_PAGE), entry, 8);
}

static inline void assert_fault(struct world *w, enum axvm_emul_result rc, unsigned int vector, uint32_t error)
{
    assert_int_equal(rc, AXVM_EMUL_FAULT);
    assert_int_equal(w->vcpu.arch.emul.fault.vector, vector);
    assert_int_equal(w->vcpu.arch.emul.fault.error, error);
    assert_int_equal(w->vcpu.arch.emul.fault.has_error, vector != X86_UD);
    assert_int_equal(w->count, 0);
}

static inline void legacy(struct world *w, enum axvm_x86_mode mode)
{
    w->env.mode = mode;
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++)
        w->env.seg[i] = (struct axvm_x86_seg){ .sel = 8, .attr = 0x493, .limit = 0xffffffff };
    w->env.seg[AXVM_X86_CS].attr = 0x49b;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
