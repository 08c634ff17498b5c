/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of a guest's page tables against a model of another shape: first all entries are collected, then the rules of the
 * manual are put to them one after the other. hostile-guest.md rows 4, 11, 13, 79.
 */
#include "emul_world.h"

#include "bits.h"

#define BASE UINT64_C(0x100000)
#define PAGE_AT(n) (BASE + (n) * (uint64_t)WORLD_PAGE)

#define P AXVM_BIT(0)
#define W AXVM_BIT(1)
#define U AXVM_BIT(2)
#define A AXVM_BIT(5)
#define D AXVM_BIT(6)
#define PS AXVM_BIT(7)
#define NX AXVM_BIT(63)

static uint64_t seed = 7;

static uint32_t rnd(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33);
}

/* ---- the model ---- */

enum format { OFF, LEGACY, PAE, LONG4, LONG5 };

static enum format format_of(const struct axvm_x86_paging *p)
{
    if (!(p->cr0 & CR0_PG))
        return OFF;
    if (p->efer & EFER_LMA)
        return (p->cr4 & CR4_LA57) ? LONG5 : LONG4;
    return (p->cr4 & CR4_PAE) ? PAE : LEGACY;
}

/* Which bits of the address choose the entry, from the root on. */
static const struct level {
    uint8_t shift, bits;
} levels[][5] = {
    [LEGACY] = { { 22, 10 }, { 12, 10 } },
    [PAE] = { { 30, 2 }, { 21, 9 }, { 12, 9 } },
    [LONG4] = { { 39, 9 }, { 30, 9 }, { 21, 9 }, { 12, 9 } },
    [LONG5] = { { 48, 9 }, { 39, 9 }, { 30, 9 }, { 21, 9 }, { 12, 9 } },
};

struct entry {
    uint64_t gpa, val;
    unsigned int shift;
    bool pdpte; /* of PAE: no permissions, no A */
};

struct verdict {
    bool ok;
    uint64_t gpa;
    uint32_t error;
    struct entry entry[5];
    unsigned int count;
};

static uint64_t read_entry(struct world *w, uint64_t gpa, unsigned int size)
{
    uint64_t val = 0;

    if (gpa < BASE || gpa >= PAGE_AT(WORLD_PAGES))
        return UINT64_MAX >> (64 - 8 * size);
    memcpy(&val, world_at(w, gpa), size);
    return val;
}

static bool maps_page(const struct axvm_x86_paging *p, enum format f, const struct entry *e)
{
    if (e->shift == 12)
        return true;
    if (e->pdpte || !(e->val & PS))
        return false;
    return f != LEGACY || (p->cr4 & CR4_PSE);
}

static void collect(struct world *w, const struct axvm_x86_paging *p, enum format f, uint64_t linear, struct verdict *v)
{
    unsigned int size = f == LEGACY ? 4 : 8, last = f == LEGACY ? 1 : f == PAE ? 2 : f == LONG4 ? 3 : 4;
    uint64_t table = f == LEGACY ? p->cr3 & 0xfffff000 : f == PAE ? p->cr3 & 0xffffffe0 : p->cr3 & AXVM_BITS(51, 12);

    for (unsigned int i = 0; i <= last; i++) {
        struct entry *e = &v->entry[i];

        e->shift = levels[f][i].shift;
        e->pdpte = f == PAE && i == 0;
        e->gpa = table + (linear >> e->shift & ((1u << levels[f][i].bits) - 1)) * size;
        e->val = read_entry(w, e->gpa, size);
        v->count = i + 1;
        if (!(e->val & P) || maps_page(p, f, e))
            return;
        table = e->val & (f == LEGACY ? 0xfffff000 : AXVM_BITS(51, 12));
    }
}

/* "Reserved bits" of each figure: as a mask that must be zero. */
static uint64_t reserved(const struct axvm_x86_paging *p, enum format f, const struct entry *e)
{
    uint64_t high = AXVM_BITS(51, 0) & ~((UINT64_C(1) << p->phys_bits) - 1), mask = 0;
    bool big = e->shift != 12 && maps_page(p, f, e);

    if (f == LEGACY) {
        if (!big)
            return 0;
        mask = AXVM_BIT(21);
        for (unsigned int bit = 32; bit < 40; bit++)
            mask |= bit >= p->phys_bits ? AXVM_BIT(bit - 32 + 13) : 0;
        return mask;
    }
    if (e->pdpte)
        return high | AXVM_BITS(63, 52) | AXVM_BITS(2, 1) | AXVM_BITS(8, 5);
    mask = high | (f == PAE ? AXVM_BITS(62, 52) : 0) | ((p->efer & EFER_NXE) ? 0 : NX);
    if (e->shift == 21 && big)
        mask |= AXVM_BITS(20, 13);
    if (e->shift == 30 && big)
        mask |= p->gbpages ? AXVM_BITS(29, 13) : PS;
    if (e->shift >= 39)
        mask |= PS;
    return mask;
}

static bool permitted(const struct axvm_x86_paging *p, enum format f, const struct verdict *v, unsigned int access)
{
    bool w = true, u = true, nx = false, user = p->cpl == 3 && !(access & AXVM_X86_IMPLICIT);

    for (unsigned int i = 0; i < v->count; i++) {
        if (v->entry[i].pdpte)
            continue;
        w &= (v->entry[i].val & W) != 0;
        u &= (v->entry[i].val & U) != 0;
        nx |= f != LEGACY && (v->entry[i].val & NX) != 0 && (p->efer & EFER_NXE);
    }
    if (access & AXVM_X86_FETCH) {
        if (nx)
            return false;
        return user ? u : !(u && (p->cr4 & CR4_SMEP));
    }
    if (user)
        return u && (w || !(access & AXVM_X86_WRITE));
    if (u && (p->cr4 & CR4_SMAP) && (!p->ac || (access & AXVM_X86_IMPLICIT)))
        return false;
    return w || !(access & AXVM_X86_WRITE) || !(p->cr0 & CR0_WP);
}

static uint32_t error_code(const struct axvm_x86_paging *p, unsigned int access, uint32_t why)
{
    bool can_tell = (p->cr4 & CR4_SMEP) || ((p->cr4 & CR4_PAE) && (p->efer & EFER_NXE));

    why |= (access & AXVM_X86_WRITE) ? 2 : 0;
    why |= p->cpl == 3 && !(access & AXVM_X86_IMPLICIT) ? 4 : 0;
    return why | ((access & AXVM_X86_FETCH) && can_tell ? 16 : 0);
}

static struct verdict judge(struct world *w, const struct axvm_x86_paging *p, uint64_t linear, unsigned int access)
{
    enum format f = format_of(p);
    struct verdict v = { .ok = true, .gpa = linear };
    const struct entry *leaf;
    uint64_t span;

    if (!(p->efer & EFER_LMA))
        v.gpa = linear = (uint32_t)linear;
    if (f == OFF)
        return v;
    collect(w, p, f, linear, &v);
    v.ok = false;
    for (unsigned int i = 0; i < v.count; i++) {
        if (!(v.entry[i].val & P)) {
            v.error = error_code(p, access, 0);
            return v;
        }
        if (v.entry[i].val & reserved(p, f, &v.entry[i])) {
            v.error = error_code(p, access, 9);
            return v;
        }
    }
    if (!permitted(p, f, &v, access)) {
        v.error = error_code(p, access, 1);
        return v;
    }
    leaf = &v.entry[v.count - 1];
    span = UINT64_C(1) << leaf->shift;
    v.ok = true;
    v.gpa = (f == LEGACY ? leaf->val & 0xfffff000 : leaf->val & AXVM_BITS(51, 12)) & ~(span - 1);
    if (f == LEGACY && leaf->shift == 22)
        v.gpa |= (leaf->val >> 13 & 0xff) << 32;
    v.gpa |= linear & (span - 1);
    return v;
}

/* What the tables look like after it. */
static void mark(uint8_t *mem, const struct axvm_x86_paging *p, const struct verdict *v, unsigned int access)
{
    unsigned int size = format_of(p) == LEGACY ? 4 : 8;

    for (unsigned int i = 0; v->ok && i < v->count; i++) {
        const struct entry *e = &v->entry[i];
        uint64_t val = e->val | A | (i + 1 == v->count && (access & AXVM_X86_WRITE) ? D : 0);

        if (!e->pdpte && e->gpa >= BASE && e->gpa < PAGE_AT(WORLD_PAGES))
            memcpy(mem + (e->gpa - BASE), &val, size);
    }
}

/* ---- comparing ---- */

static struct axvm_x86_walk_cache cache;

static enum axvm_x86_walk_result walk(struct world *w, const struct axvm_x86_paging *p, uint64_t linear, unsigned int access,
                                      uint64_t *gpa, uint32_t *error)
{
    unsigned long irqs = axvm_x86_walk_lock(&w->vm, &cache);
    enum axvm_x86_walk_result rc = axvm_x86_walk(&w->vm, &cache, p, linear, access, gpa, error);

    axvm_x86_walk_unlock(&w->vm, irqs);
    return rc;
}

/* Pages from BASE on that are tables: all that a walk may write, and comparing all of memory would take too long. */
static unsigned int tables = 4;

static void compare(struct world *w, const struct axvm_x86_paging *p, uint64_t linear, unsigned int access)
{
    static uint8_t before[WORLD_PAGES * WORLD_PAGE];
    struct verdict v = judge(w, p, linear, access);
    enum axvm_x86_walk_result rc;
    uint32_t error = 0;
    uint64_t gpa = 0;

    memcpy(before, w->mem, tables * WORLD_PAGE);
    mark(before, p, &v, access);
    rc = walk(w, p, linear, access, &gpa, &error);
    assert_int_equal(rc, v.ok ? AXVM_X86_WALK_OK : AXVM_X86_WALK_FAULT);
    if (v.ok)
        assert_int_equal(gpa, v.gpa);
    else
        assert_int_equal(error, v.error);
    assert_int_equal(memcmp(before, w->mem, tables * WORLD_PAGE), 0);
}

static struct world *tables_world(void)
{
    struct world *w = world_new(BASE);

    world_set_kind(w, BASE, WORLD_PAGES * WORLD_PAGE, WORLD_RAM);
    memset(&cache, 0, sizeof(cache));
    return w;
}

static void put(struct world *w, uint64_t gpa, uint64_t val, unsigned int size)
{
    memcpy(world_at(w, gpa), &val, size);
}

/* ---- all permissions ---- */

/* Bits of @n: what the CPU is set to. */
static void set_mode(struct axvm_x86_paging *p, unsigned int n)
{
    p->cpl = (n & 1) ? 3 : 0;
    p->ac = (n & 2) != 0;
    p->cr0 = CR0_PE | CR0_PG | ((n & 4) ? CR0_WP : 0);
    p->cr4 = (p->cr4 & ~(CR4_SMEP | CR4_SMAP)) | ((n & 8) ? CR4_SMEP : 0) | ((n & 16) ? CR4_SMAP : 0);
    p->efer = (p->efer & ~EFER_NXE) | ((n & 32) ? EFER_NXE : 0);
}

static void try_all_modes(struct world *w, struct axvm_x86_paging *p, uint64_t linear)
{
    static const unsigned int accesses[] = { AXVM_X86_READ, AXVM_X86_WRITE, AXVM_X86_FETCH, AXVM_X86_READ | AXVM_X86_IMPLICIT,
                                             AXVM_X86_WRITE | AXVM_X86_IMPLICIT };

    for (unsigned int n = 0; n < 64; n++) {
        set_mode(p, n);
        for (unsigned int i = 0; i < AXVM_ARRAY_LEN(accesses); i++)
            compare(w, p, linear, accesses[i]);
    }
}

static uint64_t bits_of(unsigned int n, bool nx)
{
    return ((n & 1) ? P : 0) | ((n & 2) ? W : 0) | ((n & 4) ? U : 0) | (nx && (n & 8) ? NX : 0);
}

static void every_permission_of_two_levels_in_4_level_paging(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr3 = PAGE_AT(0), .cr4 = CR4_PAE, .efer = EFER_LMA, .phys_bits = 40, .gbpages = true };

    (void)state;
    for (unsigned int n = 0; n < 256; n++) {
        put(w, PAGE_AT(0), PAGE_AT(1) | P | W | U, 8);
        put(w, PAGE_AT(1), PAGE_AT(2) | P | W | U, 8);
        put(w, PAGE_AT(2), PAGE_AT(3) | bits_of(n & 15, true), 8);
        put(w, PAGE_AT(3), PAGE_AT(9) | bits_of(n >> 4, true), 8);
        try_all_modes(w, &p, 0x123);
    }
    world_free(w);
}

static void every_permission_of_large_pages_and_upper_levels(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = {
        .cr3 = PAGE_AT(0), .cr4 = CR4_PAE | CR4_LA57, .efer = EFER_LMA, .phys_bits = 46, .gbpages = true
    };

    (void)state;
    for (unsigned int n = 0; n < 256; n++) {
        put(w, PAGE_AT(0) + 8, PAGE_AT(1) | P | W | U, 8);
        put(w, PAGE_AT(1), PAGE_AT(2) | bits_of(n & 15, true), 8);
        put(w, PAGE_AT(2), UINT64_C(0x40000000) | PS | bits_of(n >> 4, true), 8);
        put(w, PAGE_AT(2) + 8, PAGE_AT(3) | bits_of(n >> 4, true), 8);
        put(w, PAGE_AT(3), UINT64_C(0x200000) | PS | AXVM_BIT(12) | P | W | U, 8);
        try_all_modes(w, &p, (UINT64_C(1) << 48) + 0x1234567);
        try_all_modes(w, &p, (UINT64_C(1) << 48) + 0x40012345);
        p.gbpages = !p.gbpages;
        memset(&cache, 0, sizeof(cache));
    }
    world_free(w);
}

static void every_permission_of_two_levels_in_pae_paging(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr3 = PAGE_AT(0) + 0x20, .cr4 = CR4_PAE, .phys_bits = 36 };

    (void)state;
    for (unsigned int n = 0; n < 256; n++) {
        put(w, PAGE_AT(0) + 0x20, PAGE_AT(2) | P, 8);
        put(w, PAGE_AT(2), PAGE_AT(3) | bits_of(n & 15, true), 8);
        put(w, PAGE_AT(3), PAGE_AT(9) | bits_of(n >> 4, true), 8);
        put(w, PAGE_AT(2) + 8, UINT64_C(0x600000) | PS | bits_of(n >> 4, true), 8);
        try_all_modes(w, &p, 0x123);
        try_all_modes(w, &p, 0x200000 + 0x54321);
    }
    world_free(w);
}

static void every_permission_of_two_levels_in_32_bit_paging(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr3 = PAGE_AT(0), .cr4 = CR4_PSE, .phys_bits = 36 };

    (void)state;
    for (unsigned int n = 0; n < 64; n++) {
        put(w, PAGE_AT(0), PAGE_AT(2) | bits_of(n & 7, false), 4);
        put(w, PAGE_AT(2), PAGE_AT(9) | bits_of(n >> 3, false), 4);
        put(w, PAGE_AT(0) + 4, 0x800000 | PS | bits_of(n >> 3, false), 4);
        try_all_modes(w, &p, 0x123);
        try_all_modes(w, &p, 0x400000 + 0x54321);
        p.cr4 ^= CR4_PSE;
    }
    world_free(w);
}

/* ---- anything ---- */

static const uint64_t modes[][2] = {
    /* CR4, EFER */
    { 0, 0 }, { CR4_PSE, 0 }, { CR4_PAE, 0 }, { CR4_PAE | CR4_PSE, 0 }, { CR4_PAE, EFER_LMA }, { CR4_PAE | CR4_LA57, EFER_LMA },
};

/* Mostly a table or page of ours, sometimes with bits that should not be set, or out of all memory. */
static uint64_t random_entry(unsigned int size)
{
    uint64_t e = PAGE_AT(rnd() % 8) | (rnd() & 0xfff);

    if (rnd() % 8 != 0)
        e |= P;
    if (rnd() % 2)
        e &= ~PS;
    if (rnd() % 4 != 0)
        e |= W | U;
    if (rnd() % 16 == 0)
        e |= UINT64_C(1) << rnd() % 64;
    if (rnd() % 16 == 0)
        e ^= (uint64_t)rnd() << 12;
    if (size == 8 && rnd() % 2 && (e & PS))
        e &= ~AXVM_BITS(29, 13);
    return e;
}

/* The same few addresses again and again, while entries and modes change in between: nothing that was kept may be too old. */
static void compare_some(struct world *w, struct axvm_x86_paging *p, unsigned int size)
{
    static const unsigned int accesses[] = { AXVM_X86_READ, AXVM_X86_WRITE, AXVM_X86_FETCH,
                                             AXVM_X86_WRITE | AXVM_X86_IMPLICIT };
    uint64_t linear[6];

    for (unsigned int i = 0; i < 6; i++)
        linear[i] = (uint64_t)rnd() << 31 ^ rnd();
    for (unsigned int n = 0; n < 400; n++) {
        if (rnd() % 8 == 0)
            set_mode(p, rnd());
        if (rnd() % 64 == 0)
            p->cr0 &= ~CR0_PG;
        if (rnd() % 4 == 0)
            put(w, BASE + rnd() % (8 * WORLD_PAGE / size) * size, random_entry(size), size);
        if (rnd() % 128 == 0)
            p->cr3 = PAGE_AT(rnd() % 8);
        compare(w, p, linear[rnd() % 6], accesses[rnd() % 4]);
    }
}

static void random_tables_are_walked_as_the_model_does(void **state)
{
    struct world *w = tables_world();

    (void)state;
    tables = 8;
    for (unsigned int round = 0; round < 300; round++) {
        unsigned int m = round % AXVM_ARRAY_LEN(modes), size = modes[m][0] & CR4_PAE ? 8 : 4;
        struct axvm_x86_paging p = { .cr3 = PAGE_AT(rnd() % 8) | (rnd() & 0xfff), .cr4 = modes[m][0], .efer = modes[m][1] };

        for (uint64_t at = 0; at < 8 * WORLD_PAGE; at += size)
            put(w, BASE + at, random_entry(size), size);
        /* What is the same for all of a vCPU's life. */
        p.phys_bits = (uint8_t)(32 + rnd() % 21);
        p.gbpages = rnd() & 1;
        memset(&cache, 0, sizeof(cache));
        set_mode(&p, rnd());
        compare_some(w, &p, size);
    }
    world_free(w);
}

/* ---- where tables are not ---- */

static void a_table_that_is_not_there_yet_is_asked_for(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr0 = CR0_PG, .cr3 = PAGE_AT(0), .cr4 = CR4_PAE, .efer = EFER_LMA, .phys_bits = 40 };
    uint32_t error;
    uint64_t gpa;

    (void)state;
    put(w, PAGE_AT(0), PAGE_AT(1) | P | W, 8);
    put(w, PAGE_AT(1) + 8, PAGE_AT(2) | P | W, 8);
    world_set_kind(w, PAGE_AT(1), WORLD_PAGE, WORLD_ABSENT);
    assert_int_equal(walk(w, &p, 0x40000000, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_ABSENT);
    assert_int_equal(gpa, PAGE_AT(1) + 8);
    /* Nothing is marked as used by what did not succeed. */
    assert_int_equal(*world_at(w, PAGE_AT(0)) & A, 0);
    world_free(w);
}

static void tables_outside_of_ram_are_all_ones(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = {
        .cr0 = CR0_PG, .cr3 = UINT64_C(0xfee00000), .cr4 = CR4_PAE, .efer = EFER_LMA, .phys_bits = 40
    };
    uint32_t error = 0;
    uint64_t gpa;

    (void)state;
    assert_int_equal(walk(w, &p, 0x1000, AXVM_X86_WRITE, &gpa, &error), AXVM_X86_WALK_FAULT);
    assert_int_equal(error, 1 | 2 | 8);
    /* With 32 bits that is a page table at fffff000, and so on. */
    p.cr4 = p.efer = 0;
    assert_int_equal(walk(w, &p, 0x1234, AXVM_X86_WRITE, &gpa, &error), AXVM_X86_WALK_OK);
    assert_int_equal(gpa, 0xfffff234);
    world_free(w);
}

static void tables_in_rom_are_used_and_not_marked(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr0 = CR0_PG, .cr3 = PAGE_AT(0), .phys_bits = 40 };
    uint32_t error;
    uint64_t gpa;

    (void)state;
    put(w, PAGE_AT(0), PAGE_AT(1) | P | W, 4);
    put(w, PAGE_AT(1), PAGE_AT(2) | P | W, 4);
    world_set_kind(w, PAGE_AT(0), WORLD_PAGE, WORLD_ROM);
    assert_int_equal(walk(w, &p, 0x10, AXVM_X86_WRITE, &gpa, &error), AXVM_X86_WALK_OK);
    assert_int_equal(gpa, PAGE_AT(2) + 0x10);
    assert_int_equal(*world_at(w, PAGE_AT(0)) & A, 0);
    assert_int_equal(*world_at(w, PAGE_AT(1)) & (A | D), A | D);
    world_free(w);
}

/* ---- while others write ---- */

static unsigned int change_after;
static bool keep_changing;

/* At the look-up before a bit is set: another vCPU makes the page read-only, or touches it. */
static void change(struct world *w)
{
    if (change_after > 1) {
        change_after--;
    } else if (change_after == 1) {
        uint64_t e;

        memcpy(&e, world_at(w, PAGE_AT(3)), 8);
        put(w, PAGE_AT(3), keep_changing ? e ^ AXVM_BIT(9) : e & ~W, 8);
        change_after = keep_changing;
    }
}

static void an_entry_that_changes_meanwhile_is_read_again(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr0 = CR0_PG | CR0_WP, .cr3 = PAGE_AT(0), .cr4 = CR4_PAE, .efer = EFER_LMA, .phys_bits = 40 };
    uint32_t error = 0;
    uint64_t gpa;

    (void)state;
    for (unsigned int i = 0; i < 3; i++)
        put(w, PAGE_AT(i), PAGE_AT(i + 1) | P | W | A, 8);
    put(w, PAGE_AT(3), PAGE_AT(9) | P | W, 8);
    w->hook = change;
    change_after = 5; /* four tables are looked up, then the last one for writing */
    keep_changing = false;
    assert_int_equal(walk(w, &p, 0, AXVM_X86_WRITE, &gpa, &error), AXVM_X86_WALK_FAULT);
    assert_int_equal(error, 3);
    assert_int_equal(*world_at(w, PAGE_AT(3)) & (A | D), 0);
    /* Row 11: and not for ever. */
    put(w, PAGE_AT(3), PAGE_AT(9) | P | W, 8);
    change_after = 1;
    keep_changing = true;
    assert_int_equal(walk(w, &p, 0, AXVM_X86_WRITE, &gpa, &error), AXVM_X86_WALK_RETRY);
    world_free(w);
}

static void what_was_looked_up_is_forgotten_with_its_generation(void **state)
{
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr0 = CR0_PG, .cr3 = PAGE_AT(0), .phys_bits = 40 };
    uint32_t error;
    uint64_t gpa;

    (void)state;
    put(w, PAGE_AT(0), PAGE_AT(1) | P | W | A, 4);
    put(w, PAGE_AT(1), PAGE_AT(2) | P | W | A, 4);
    assert_int_equal(walk(w, &p, 0x10, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_OK);
    w->lookups = 0;
    assert_int_equal(walk(w, &p, 0x10, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_OK);
    assert_int_equal(w->lookups, 0);
    world_set_kind(w, PAGE_AT(1), WORLD_PAGE, WORLD_ABSENT);
    assert_int_equal(walk(w, &p, 0x10, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_ABSENT);
    world_free(w);
}

static void pae_entries_that_the_cpu_keeps_are_used_if_given(void **state)
{
    static const uint64_t kept[4] = { 0, PAGE_AT(2) | P, 0, 0 };
    struct world *w = tables_world();
    struct axvm_x86_paging p = { .cr0 = CR0_PG, .cr4 = CR4_PAE, .cr3 = PAGE_AT(0), .phys_bits = 40, .pdpte = kept };
    uint32_t error = 0;
    uint64_t gpa;

    (void)state;
    put(w, PAGE_AT(2), PAGE_AT(3) | P | W, 8);
    put(w, PAGE_AT(3), PAGE_AT(9) | P | W, 8);
    assert_int_equal(walk(w, &p, 0x40000055, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_OK);
    assert_int_equal(gpa, PAGE_AT(9) + 0x55);
    assert_int_equal(walk(w, &p, 0x55, AXVM_X86_READ, &gpa, &error), AXVM_X86_WALK_FAULT);
    assert_int_equal(error, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_permission_of_two_levels_in_4_level_paging),
        cmocka_unit_test(every_permission_of_large_pages_and_upper_levels),
        cmocka_unit_test(every_permission_of_two_levels_in_pae_paging),
        cmocka_unit_test(every_permission_of_two_levels_in_32_bit_paging),
        cmocka_unit_test(random_tables_are_walked_as_the_model_does),
        cmocka_unit_test(a_table_that_is_not_there_yet_is_asked_for),
        cmocka_unit_test(tables_outside_of_ram_are_all_ones),
        cmocka_unit_test(tables_in_rom_are_used_and_not_marked),
        cmocka_unit_test(an_entry_that_changes_meanwhile_is_read_again),
        cmocka_unit_test(what_was_looked_up_is_forgotten_with_its_generation),
        cmocka_unit_test(pae_entries_that_the_cpu_keeps_are_used_if_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
