/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction emulation of x86-64, with any bytes, registers, page tables and memory in any mode: it ends, after few accesses,
 * asks only for what an access of a bus can be, writes no memory that the guest may not write, and moves on or leaves all as it
 * was. What it keeps of one instruction makes no difference to the next, whatever has changed in between.
 */
#include "fuzz.h"

#include <axvm/err.h>

#include "emul_world.h"

#define BASE UINT64_C(0x100000)
#define TABLES (BASE + 32 * WORLD_PAGE)

/* Small numbers are offsets into memory, which is where it is interesting. */
static uint64_t take_address(struct fuzz_input *in)
{
    uint64_t v = fuzz_take(in, 4);

    return v >> 24 < 0xf0 ? BASE + v % (WORLD_PAGES * WORLD_PAGE) : v << 40 >> 8 | v << 56;
}

static void set_segments(struct world *w, struct fuzz_input *in)
{
    for (unsigned int i = 0; i < AXVM_EMUL_SEGS; i++) {
        uint8_t how = (uint8_t)fuzz_take(in, 1);

        if (how < 0x80)
            continue;
        w->env.seg[i].attr = (uint16_t)(fuzz_take(in, 2) & 0x1fff);
        w->env.seg[i].limit = (uint32_t)fuzz_take(in, 4);
        w->env.seg[i].base = how & 1 ? fuzz_take(in, 4) : 0;
    }
}

static void set_paging(struct world *w, struct fuzz_input *in)
{
    static const uint64_t cr4[] = { 0, CR4_PSE, CR4_PAE, CR4_PAE, CR4_PAE | CR4_LA57, 0, 0, 0 };
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    struct axvm_x86_paging *p = &w->env.paging;

    p->cpl = how & 8 ? 3 : 0;
    p->cr4 = cr4[how & 7] | (how & 16 ? CR4_SMEP | CR4_SMAP : 0);
    p->efer = (how & 7) >= 3 && (how & 7) <= 4 ? EFER_LMA | EFER_NXE : how & 32 ? EFER_NXE : 0;
    p->cr0 = CR0_PE | ((how & 7) < 5 ? CR0_PG : 0) | (how & 64 ? CR0_WP : 0) | (how & 128 ? CR0_AM : 0);
    p->cr3 = TABLES + (how & 1 ? 0x20 : 0);
}

/* What memory holds at first: entries that point at each other and at memory in the tables, A and D set, made once for each
 * size. */
static uint8_t pattern[2][WORLD_PAGES * WORLD_PAGE];

static void make_pattern(uint8_t *mem, unsigned int size)
{
    for (unsigned int i = 0; i < WORLD_PAGES * WORLD_PAGE; i++)
        mem[i] = (uint8_t)(i * 5 ^ i >> 8);
    for (unsigned int i = 0; i < 4; i++) {
        for (unsigned int n = 0; n < WORLD_PAGE / size; n++) {
            uint64_t e = i < 3 ? (TABLES + (i + 1) * WORLD_PAGE) | 0x67 : (n * (uint64_t)WORLD_PAGE) | 0x67;

            if (size == 4 && i == 0)
                e = (TABLES + 3 * WORLD_PAGE) | 0x67;
            memcpy(mem + TABLES - BASE + i * WORLD_PAGE + n * size, &e, size);
        }
    }
}

/* The pattern, its tables changed by what is left of the input. */
static const uint8_t *set_memory(struct world *w, struct fuzz_input *in)
{
    const uint8_t *from = pattern[w->env.paging.cr4 & CR4_PAE ? 1 : 0];

    if (pattern[0][1] == 0) {
        make_pattern(pattern[0], 4);
        make_pattern(pattern[1], 8);
    }
    memcpy(w->mem, from, WORLD_PAGES * WORLD_PAGE);
    while (in->left != 0) {
        uint64_t where = fuzz_take(in, 2) % (4 * WORLD_PAGE);

        *world_at(w, TABLES + where) ^= (uint8_t)fuzz_take(in, 1);
    }
    return from;
}

/* What another vCPU does between two instructions: bytes of the tables, or of the code, that change. */
struct changes {
    uint16_t where[3];
    uint8_t bits[3];
};

static struct changes take_changes(struct fuzz_input *in)
{
    struct changes c;

    for (unsigned int i = 0; i < 3; i++) {
        c.where[i] = (uint16_t)fuzz_take(in, 2);
        c.bits[i] = (uint8_t)fuzz_take(in, 1);
    }
    return c;
}

static void change(struct world *w, const struct changes *c)
{
    for (unsigned int i = 0; i < 3; i++) {
        if (c->where[i] & 0x8000)
            *world_at(w, w->vcpu.arch.rip + c->where[i] % 16) ^= c->bits[i];
        else
            *world_at(w, TABLES + c->where[i] % (4 * WORLD_PAGE)) ^= c->bits[i];
    }
}

static const uint8_t *make_world(struct world *w, struct fuzz_input *in, uint8_t *insn)
{
    static const enum axvm_x86_mode modes[] = { AXVM_X86_MODE64, AXVM_X86_MODE32, AXVM_X86_MODE16, AXVM_X86_MODE64 };

    for (unsigned int i = 0; i < AXVM_X86_INSN_MAX; i++)
        insn[i] = (uint8_t)fuzz_take(in, 1);
    w->env.mode = modes[fuzz_take(in, 1) & 3];
    set_paging(w, in);
    if (!(w->env.paging.efer & EFER_LMA) && w->env.mode == AXVM_X86_MODE64)
        w->env.mode = AXVM_X86_MODE32;
    w->vcpu.arch.rflags |= fuzz_take(in, 3) & 0x7fffff;
    w->env.protected_mode = w->env.mode == AXVM_X86_MODE64 || fuzz_take(in, 1) < 0xc0;
    for (unsigned int i = 0; i < 16; i++)
        w->vcpu.arch.gpr[i] = take_address(in);
    if (fuzz_take(in, 1) & 1)
        w->vcpu.arch.gpr[1] = fuzz_take(in, 1);
    for (unsigned int i = 0; i < 32; i++)
        w->kind[i] = (uint8_t)(fuzz_take(in, 1) & 3);
    set_segments(w, in);
    memset(w->kind + 32, WORLD_RAM, 4);
    return set_memory(w, in);
}

static void check_rom(const struct world *w, const uint8_t *from)
{
    for (unsigned int page = 0; page < 32; page++) {
        if (w->kind[page] == WORLD_ROM || w->kind[page] == WORLD_ABSENT)
            FUZZ_CHECK(memcmp(w->mem + page * WORLD_PAGE, from + page * WORLD_PAGE, WORLD_PAGE) == 0);
    }
}

static enum axvm_emul_result run(struct world *w, uint64_t gpa, bool write)
{
    uint64_t gpr[16], rip = w->vcpu.arch.rip, rflags = w->vcpu.arch.rflags;
    enum axvm_emul_result rc;

    w->count = 0;
    memcpy(gpr, w->vcpu.arch.gpr, sizeof(gpr));
    rc = world_mmio(w, gpa, write);
    if (rc == AXVM_EMUL_DONE) {
        FUZZ_CHECK(w->vcpu.arch.rip == rip ||
                   ((uint32_t)(w->vcpu.arch.rip - rip) >= 1 && (uint32_t)(w->vcpu.arch.rip - rip) <= 15));
        return rc;
    }
    FUZZ_CHECK(rc >= AXVM_EMUL_FAULT && rc <= AXVM_EMUL_UNHANDLED);
    FUZZ_CHECK(w->count == 0);
    FUZZ_CHECK(memcmp(gpr, w->vcpu.arch.gpr, sizeof(gpr)) == 0 && rip == w->vcpu.arch.rip && rflags == w->vcpu.arch.rflags);
    return rc;
}

/* Registers and memory, and what was seen. */
struct state {
    struct axvm_arch_vcpu arch;
    uint64_t xmm[16][2], port_in;
    struct world_access log[8];
    unsigned int count;
    uint8_t mem[WORLD_PAGES * WORLD_PAGE];
};

static void save(const struct world *w, struct state *s)
{
    s->arch = w->vcpu.arch;
    memcpy(s->xmm, w->xmm, sizeof(s->xmm));
    s->port_in = w->port_in;
    memcpy(s->log, w->log, sizeof(s->log));
    s->count = w->count;
    memcpy(s->mem, w->mem, sizeof(s->mem));
}

static void restore(struct world *w, const struct state *s)
{
    w->vcpu.arch = s->arch;
    memcpy(w->xmm, s->xmm, sizeof(s->xmm));
    w->port_in = s->port_in;
    memcpy(w->mem, s->mem, sizeof(s->mem));
}

static bool is_same(const struct state *a, const struct state *b)
{
    unsigned int logged = a->count < 8 ? a->count : 8;

    if (memcmp(a->arch.gpr, b->arch.gpr, sizeof(a->arch.gpr)) != 0 || a->arch.rip != b->arch.rip ||
        a->arch.rflags != b->arch.rflags)
        return false;
    for (unsigned int i = 0; i < logged; i++) {
        if (a->log[i].addr != b->log[i].addr || a->log[i].val != b->log[i].val || a->log[i].size != b->log[i].size)
            return false;
    }
    return a->count == b->count && memcmp(a->xmm, b->xmm, sizeof(a->xmm)) == 0 && memcmp(a->mem, b->mem, sizeof(a->mem)) == 0;
}

static bool is_same_fault(const struct axvm_x86_fault *a, const struct axvm_x86_fault *b)
{
    return a->vector == b->vector && a->error == b->error && a->cr2 == b->cr2;
}

/* The same instruction, changed, with what was kept of the first time and without. */
static void run_again(struct world *w, const struct state *first, const struct changes *c, uint64_t gpa, bool write)
{
    static struct state before, warm, cold;
    struct axvm_emul kept = w->vcpu.arch.emul;
    enum axvm_emul_result rc;

    restore(w, first);
    w->vcpu.arch.emul = kept;
    w->vcpu.arch.emul.insn = NULL;
    change(w, c);
    save(w, &before);
    rc = run(w, gpa, write);
    save(w, &warm);
    restore(w, &before);
    memset(&w->vcpu.arch.emul, 0, sizeof(kept));
    FUZZ_CHECK(run(w, gpa, write) == rc);
    save(w, &cold);
    FUZZ_CHECK(is_same(&warm, &cold));
    FUZZ_CHECK(rc != AXVM_EMUL_FAULT || is_same_fault(&warm.arch.emul.fault, &cold.arch.emul.fault));
}

/* As given by the CPU, or in memory, perhaps across pages. */
static void place(struct world *w, const uint8_t insn[16])
{
    if (insn[14] & 1) {
        memcpy(w->vcpu.arch.emul.bytes, insn, AXVM_X86_INSN_MAX);
        w->vcpu.arch.emul.given = AXVM_X86_INSN_MAX;
        w->vcpu.arch.rip = BASE;
    } else {
        uint64_t at = BASE + 40 * WORLD_PAGE - (insn[14] & 2 ? 3 : 100);

        world_code(w, at, insn, AXVM_X86_INSN_MAX - 1);
        w->vcpu.arch.rip = at;
    }
}

/* It is called for what is not RAM. */
static uint64_t fault_at(const struct world *w, uint64_t gpa)
{
    bool ram = gpa >= BASE && gpa - BASE < WORLD_PAGES * WORLD_PAGE && w->kind[(gpa - BASE) / WORLD_PAGE] != WORLD_BUS;

    return ram ? UINT64_C(0xfee00000) + gpa % WORLD_PAGE : gpa;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t mem[WORLD_PAGES * WORLD_PAGE];
    static struct world world;
    struct world *w = &world;
    struct fuzz_input in = { data, size };
    static struct state first;
    uint8_t insn[16] = { 0 };
    struct changes changes;
    const uint8_t *from;
    uint64_t gpa;
    bool write;

    world_init(w, BASE, mem);
    changes = take_changes(&in);
    from = make_world(w, &in, insn);
    place(w, insn);
    w->vm.as.gen++;
    write = insn[13] & 1;
    gpa = fault_at(w, insn[13] & 2 ? w->vcpu.arch.gpr[7] : w->vcpu.arch.gpr[0] + 1);
    save(w, &first);
    run(w, gpa, write);
    check_rom(w, from);
    if (!(insn[14] & 1))
        run_again(w, &first, &changes, gpa, write);
    return 0;
}
