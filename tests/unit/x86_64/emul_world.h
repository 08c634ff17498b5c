/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What surrounds instruction emulation, for its tests: a vCPU, a memory of pages of different kinds, a bus that answers from
 * memory, and the registers. The functions that the rest of the backend and the core would provide are in emul_world.c.
 */
#ifndef EMUL_WORLD_H
#define EMUL_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef WORLD_WITHOUT_CMOCKA /* the fuzz target */
#define assert_true(cond) ((cond) ? (void)0 : __builtin_trap())
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_non_null(p) assert_true((p) != NULL)
#else
#include <cmocka.h>
#endif

#include <axvm/err.h>

#include "emul.h"
#include "rflags.h"
#include "vm_priv.h"

#define WORLD_PAGE 4096u
#define WORLD_PAGES 64u
#define WORLD_PORTS 65536u

enum world_kind { WORLD_BUS, WORLD_RAM, WORLD_ROM, WORLD_ABSENT };

struct world_access {
    uint64_t addr, val;
    unsigned int size;
    bool write, port;
};

struct world {
    struct axvm vm;
    struct axvm_vcpu vcpu;
    /* Guest-physical memory from base on; beyond it there is nothing (bus). */
    uint64_t base;
    uint8_t *mem;              /* WORLD_PAGES pages: what RAM and ROM hold, and what devices answer and keep */
    uint8_t kind[WORLD_PAGES]; /* enum world_kind */
    uint64_t xmm[16][2];
    bool no_xmm;
    uint16_t msw;     /* what LMSW has loaded */
    uint32_t raised;  /* vectors of axvm_emul_raise() */
    uint64_t port_in; /* counts up with each input */
    /* what axvm_emul_env() and _segs() say */
    struct axvm_emul_env env;
    /* what was seen */
    struct world_access log[512];
    unsigned int count;
    unsigned int lookups; /* axvm_aspace_page() */
    /* before each page look-up, with its number: another vCPU's doings */
    void (*hook)(struct world *w);
};

/* 64-bit mode, CPL 0, no paging, flat segments; all memory is on the bus. */
void world_init(struct world *w, uint64_t base, uint8_t *mem);
struct world *world_new(uint64_t base);
void world_free(struct world *w);

/* The byte of guest-physical memory at @gpa. */
uint8_t *world_at(struct world *w, uint64_t gpa);
void world_set_kind(struct world *w, uint64_t gpa, uint64_t len, enum world_kind kind);
/* Bytes of RAM for the instruction; sets RIP. */
void world_code(struct world *w, uint64_t gpa, const void *bytes, size_t len);

/* Answer accesses until it is over. */
enum axvm_emul_result world_finish(struct world *w, enum axvm_emul_result rc, struct axvm_mmio *mmio);
/* axvm_emul_mmio() and so on. */
enum axvm_emul_result world_mmio(struct world *w, uint64_t gpa, bool write);
enum axvm_emul_result world_io(struct world *w, const struct axvm_emul_io *io);
enum axvm_emul_result world_msw(struct world *w);

#endif
