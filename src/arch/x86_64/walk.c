/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of the guest's page tables. Intel SDM vol. 3A, "Paging": "32-Bit Paging", "PAE Paging", "4-Level Paging and 5-Level
 * Paging", "Access Rights", "Page-Fault Exceptions", "Accessed and Dirty Flags". */
#include "walk.h"

#include <axvm/err.h>

#include "vm_priv.h"
#include "walk_memo.h"

#define PTE_P AXVM_BIT(0)
#define PTE_W AXVM_BIT(1)
#define PTE_U AXVM_BIT(2)
#define PTE_A AXVM_BIT(5)
#define PTE_D AXVM_BIT(6)
#define PTE_PS AXVM_BIT(7) /* above the last level: it maps a page */
#define PTE_NX AXVM_BIT(63)
#define PTE_ADDR AXVM_BITS(51, 12)

#define CR3_PAE AXVM_BITS(31, 5) /* where the four entries are */
#define PDPTE_RSVD (AXVM_BITS(2, 1) | AXVM_BITS(8, 5))
#define PDE32_RSVD AXVM_BIT(21)      /* of a 4 MiB page */
#define PDE32_HIGH AXVM_BITS(20, 13) /* bits 39:32 of its address */

/* As often as other vCPUs may change an entry under our hands. */
#define MAX_TRIES 4u

/* A walk in progress. */
struct walk {
    struct axvm *vm;
    struct axvm_x86_walk_cache *cache;
    const struct axvm_x86_paging *p;
    uint64_t linear;
    unsigned int access;
    uint64_t all, any; /* AND and OR of the entries: permissions */
    uint64_t table;    /* gpa; in the end, of the page */
    uint64_t rsvd;     /* bits that are reserved in every entry */
    unsigned int shift;
    unsigned int depth; /* entries in path */
    struct {
        uint8_t *at; /* NULL: not in RAM */
        uint64_t gpa, val;
    } path[5];
};

unsigned long axvm_x86_walk_lock(struct axvm *vm, struct axvm_x86_walk_cache *cache)
{
    unsigned long irqs = axvm_lock_irqsave(&vm->as.lock);

    if (cache->gen != vm->as.gen)
        axvm_x86_walk_forget(vm, cache);
    return irqs;
}

void axvm_x86_walk_forget(struct axvm *vm, struct axvm_x86_walk_cache *cache)
{
    for (unsigned int i = 0; i < AXVM_X86_WALK_PAGES; i++)
        cache->page[i].key = 0;
    for (unsigned int i = 0; i < AXVM_X86_WALK_MEMOS; i++)
        cache->memo[i].depth = 0;
    cache->gen = vm->as.gen;
}

void axvm_x86_walk_unlock(struct axvm *vm, unsigned long irqs)
{
    axvm_unlock_irqrestore(&vm->as.lock, irqs);
}

/* Slots hold pages that may be read; others are not kept. */
int axvm_x86_walk_page(struct axvm *vm, struct axvm_x86_walk_cache *cache, unsigned int slot, uint64_t gpa, uint32_t prot,
                       uint8_t **va)
{
    uint64_t key = axvm_align_down(gpa, AXVM_PAGE_SIZE) | prot;
    int rc;

    if (cache->page[slot].key == key) {
        *va = cache->page[slot].va;
        return AXVM_OK;
    }
    rc = axvm_aspace_page(vm, gpa, prot, va);
    if (rc == AXVM_OK) {
        cache->page[slot].key = key;
        cache->page[slot].va = *va;
    }
    return rc;
}

/* ---- entries ---- */

static inline uint64_t load_entry(const uint8_t *at, unsigned int size)
{
    return size == 8 ? axvm_x86_load_entry(at)
                     : atomic_load_explicit((const _Atomic uint32_t *)(const void *)at, memory_order_relaxed);
}

/* Set bits of an entry that is still what it was. */
static bool set_bits(uint8_t *at, unsigned int size, uint64_t old, uint64_t bits)
{
    uint32_t old32 = (uint32_t)old;

    if (size == 8)
        return atomic_compare_exchange_strong((_Atomic uint64_t *)(void *)at, &old, old | bits);
    return atomic_compare_exchange_strong((_Atomic uint32_t *)(void *)at, &old32, old32 | (uint32_t)bits);
}

/* Read the entry at @gpa, which is aligned to its size. */
static enum axvm_x86_walk_result read_entry(struct walk *w, uint64_t gpa, unsigned int size, uint64_t *val)
{
    uint8_t *va = NULL;
    int rc = axvm_x86_walk_page(w->vm, w->cache, w->depth, gpa, AXVM_PROT_READ, &va);

    if (rc == AXVM_ERR_AGAIN) {
        w->table = gpa;
        return AXVM_X86_WALK_ABSENT;
    }
    va = va ? va + gpa % AXVM_PAGE_SIZE : NULL;
    *val = va ? load_entry(va, size) : size == 8 ? UINT64_MAX : UINT32_MAX;
    w->path[w->depth].at = va;
    w->path[w->depth].gpa = gpa;
    w->path[w->depth].val = *val;
    w->depth++;
    return AXVM_X86_WALK_OK;
}

/* ---- formats: from CR3 to the page, gathering permissions ---- */

static inline bool nx_works(const struct axvm_x86_paging *p)
{
    return (p->efer & EFER_NXE) && (p->cr4 & CR4_PAE);
}

static inline uint64_t address_mask(const struct axvm_x86_paging *p)
{
    return (UINT64_C(1) << p->phys_bits) - 1;
}

#define NOT_PRESENT 0u
#define RESERVED ((uint32_t)(X86_PF_P | X86_PF_RSVD))

static enum axvm_x86_walk_result fault(uint32_t *error, uint32_t why)
{
    *error = why;
    return AXVM_X86_WALK_FAULT;
}

/* An entry of 8 bytes that maps a page of 1 << @shift bytes. */
static bool is_bad_leaf(const struct walk *w, uint64_t e)
{
    return w->shift > 12 && (e & (AXVM_BITS(w->shift - 1, 13))) != 0;
}

/* May an entry at this level map a page? */
static bool may_be_leaf(const struct walk *w)
{
    return w->shift == 12 || w->shift == 21 || (w->shift == 30 && w->p->gbpages);
}

/* Levels of tables of 512 entries of 8 bytes, the first one for bits from w->shift on. */
static enum axvm_x86_walk_result walk_tables(struct walk *w, uint32_t *error)
{
    for (;; w->shift -= 9) {
        uint64_t e;
        enum axvm_x86_walk_result rc = read_entry(w, w->table + (w->linear >> w->shift & 511) * 8, 8, &e);
        bool leaf;

        if (rc != AXVM_X86_WALK_OK)
            return rc;
        if (!(e & PTE_P))
            return fault(error, NOT_PRESENT);
        leaf = w->shift == 12 || (e & PTE_PS);
        if ((e & w->rsvd) || (leaf && (!may_be_leaf(w) || is_bad_leaf(w, e))))
            return fault(error, RESERVED);
        w->all &= e;
        w->any |= e;
        w->table = e & PTE_ADDR;
        if (leaf)
            return AXVM_X86_WALK_OK;
    }
}

static enum axvm_x86_walk_result walk_long(struct walk *w, uint32_t *error)
{
    w->shift = (w->p->cr4 & CR4_LA57) ? 48 : 39;
    w->table = w->p->cr3 & PTE_ADDR;
    w->rsvd = (PTE_ADDR & ~address_mask(w->p)) | (nx_works(w->p) ? 0 : PTE_NX);
    return walk_tables(w, error);
}

/* The first level has four entries, which have no say in permissions and no A bit. */
static enum axvm_x86_walk_result walk_pae(struct walk *w, uint32_t *error)
{
    unsigned int i = w->linear >> 30 & 3;
    uint64_t e;

    if (w->p->pdpte) {
        e = w->p->pdpte[i];
    } else {
        enum axvm_x86_walk_result rc = read_entry(w, (w->p->cr3 & CR3_PAE) + i * 8, 8, &e);

        if (rc != AXVM_X86_WALK_OK)
            return rc;
        w->path[0].at = NULL;
    }
    if (!(e & PTE_P))
        return fault(error, NOT_PRESENT);
    if (e & (PDPTE_RSVD | ~address_mask(w->p)))
        return fault(error, RESERVED);
    w->shift = 21;
    w->table = e & PTE_ADDR;
    w->rsvd = (AXVM_BITS(62, 12) & ~address_mask(w->p)) | (nx_works(w->p) ? 0 : PTE_NX);
    return walk_tables(w, error);
}

/* A PDE that maps 4 MiB: PSE-36 gives it an address of 40 bits. "32-Bit Paging" */
static enum axvm_x86_walk_result take_4m(struct walk *w, uint64_t e, uint32_t *error)
{
    unsigned int bits = w->p->phys_bits < 40 ? w->p->phys_bits : 40;
    uint64_t high = axvm_field(e, PDE32_HIGH) << 32;

    if ((e & PDE32_RSVD) || (high >> bits) != 0)
        return fault(error, RESERVED);
    w->shift = 22;
    w->table = high | (e & AXVM_BITS(31, 22));
    return AXVM_X86_WALK_OK;
}

static enum axvm_x86_walk_result walk_32bit(struct walk *w, uint32_t *error)
{
    uint64_t e;
    enum axvm_x86_walk_result rc = read_entry(w, (w->p->cr3 & AXVM_BITS(31, 12)) + (w->linear >> 22 & 1023) * 4, 4, &e);

    if (rc != AXVM_X86_WALK_OK)
        return rc;
    if (!(e & PTE_P))
        return fault(error, NOT_PRESENT);
    w->all &= e;
    if ((e & PTE_PS) && (w->p->cr4 & CR4_PSE))
        return take_4m(w, e, error);
    rc = read_entry(w, (e & AXVM_BITS(31, 12)) + (w->linear >> 12 & 1023) * 4, 4, &e);
    if (rc != AXVM_X86_WALK_OK)
        return rc;
    if (!(e & PTE_P))
        return fault(error, NOT_PRESENT);
    w->all &= e;
    w->shift = 12;
    w->table = e & AXVM_BITS(31, 12);
    return AXVM_X86_WALK_OK;
}

/* ---- permissions ---- */

static inline bool is_user(const struct axvm_x86_paging *p, unsigned int access)
{
    return p->cpl == 3 && !(access & AXVM_X86_IMPLICIT);
}

/* "Determination of Access Rights". @all: AND of the entries, for W and U; @any: OR of them, for NX. */
static inline bool is_allowed(const struct axvm_x86_paging *p, unsigned int access, uint64_t all, uint64_t any)
{
    bool write = (access & AXVM_X86_WRITE) != 0, fetch = (access & AXVM_X86_FETCH) != 0, user_page = (all & PTE_U) != 0;

    if (fetch && (any & PTE_NX) && nx_works(p))
        return false;
    if (is_user(p, access))
        return user_page && (!write || (all & PTE_W));
    if (user_page && fetch && (p->cr4 & CR4_SMEP))
        return false;
    if (user_page && !fetch && (p->cr4 & CR4_SMAP) && !(p->ac && !(access & AXVM_X86_IMPLICIT)))
        return false;
    return !write || (all & PTE_W) || !(p->cr0 & CR0_WP);
}

/* W, U and I of the error code. I is only told if the CPU can refuse fetches. */
static uint32_t error_of_access(const struct walk *w)
{
    uint32_t error = w->access & AXVM_X86_WRITE;

    if (is_user(w->p, w->access))
        error |= X86_PF_U;
    if ((w->access & AXVM_X86_FETCH) && (nx_works(w->p) || (w->p->cr4 & CR4_SMEP)))
        error |= X86_PF_I;
    return error;
}

/* ---- accessed and dirty ---- */

static enum axvm_x86_walk_result set_accessed_slow(struct walk *w, unsigned int i, unsigned int size, uint64_t bits)
{
    uint8_t *va;

    /* The table may be in memory that cannot be written: then this is lost, as the CPU's write would be. */
    if (axvm_aspace_page(w->vm, w->path[i].gpa, AXVM_PROT_WRITE, &va) != AXVM_OK)
        return AXVM_X86_WALK_OK;
    return set_bits(w->path[i].at, size, w->path[i].val, bits) ? AXVM_X86_WALK_OK : AXVM_X86_WALK_RETRY;
}

static enum axvm_x86_walk_result set_accessed(struct walk *w, unsigned int size)
{
    for (unsigned int i = 0; i < w->depth; i++) {
        uint64_t bits = PTE_A | ((w->access & AXVM_X86_WRITE) && i + 1 == w->depth ? PTE_D : 0);
        enum axvm_x86_walk_result rc;

        if (!w->path[i].at || (w->path[i].val & bits) == bits)
            continue;
        rc = set_accessed_slow(w, i, size, bits);
        if (rc != AXVM_X86_WALK_OK)
            return rc;
    }
    return AXVM_X86_WALK_OK;
}

/* ---- all of it ---- */

static enum axvm_x86_walk_result walk_once(struct walk *w, uint64_t *gpa, uint32_t *error)
{
    bool pae = (w->p->cr4 & CR4_PAE) != 0, is_long = (w->p->efer & EFER_LMA) != 0;
    enum axvm_x86_walk_result rc = is_long ? walk_long(w, error) : pae ? walk_pae(w, error) : walk_32bit(w, error);

    if (rc == AXVM_X86_WALK_FAULT)
        *error |= error_of_access(w);
    if (rc == AXVM_X86_WALK_ABSENT)
        *gpa = w->table;
    if (rc != AXVM_X86_WALK_OK)
        return rc;
    if (!is_allowed(w->p, w->access, w->all, w->any))
        return fault(error, (uint32_t)X86_PF_P | error_of_access(w));
    rc = set_accessed(w, is_long || pae ? 8 : 4);
    *gpa = axvm_align_down(w->table, UINT64_C(1) << w->shift) | (w->linear & ((UINT64_C(1) << w->shift) - 1));
    return rc;
}

/* ---- walks of before ---- */

/* Only entries of 8 bytes that are all in RAM, which is long mode. A bit that was set is part of what is remembered. */
static void remember(struct walk *w, uint64_t gpa)
{
    struct axvm_x86_walk_memo *m = axvm_x86_memo_of(w->cache, w->linear, w->access);
    const struct axvm_x86_paging *p = w->p;

    m->depth = 0;
    for (unsigned int i = 0; i < w->depth; i++) {
        if (!w->path[i].at)
            return;
        m->entry[i].at = w->path[i].at;
        m->entry[i].val = load_entry(w->path[i].at, 8);
        /* What was used, but for A and D: anything else has changed since. */
        if ((m->entry[i].val ^ w->path[i].val) & ~(PTE_A | PTE_D))
            return;
    }
    m->linear = axvm_align_down(w->linear, AXVM_PAGE_SIZE);
    m->cr0 = p->cr0;
    m->cr3 = p->cr3;
    m->cr4 = p->cr4;
    m->efer = p->efer;
    m->who = axvm_x86_memo_who(p, w->access);
    m->page = axvm_align_down(gpa, AXVM_PAGE_SIZE);
    m->depth = w->depth;
}

__attribute__((cold, noinline)) static enum axvm_x86_walk_result walk_long_way(struct axvm *vm, struct axvm_x86_walk_cache *cache,
                                                                         const struct axvm_x86_paging *p, uint64_t linear,
                                                                         unsigned int access, uint64_t *gpa, uint32_t *error)
{
    enum axvm_x86_walk_result rc = AXVM_X86_WALK_RETRY;
    struct walk w;

    for (unsigned int n = 0; n < MAX_TRIES && rc == AXVM_X86_WALK_RETRY; n++) {
        /* All but path, which is long. */
        w.vm = vm;
        w.cache = cache;
        w.p = p;
        w.linear = linear;
        w.access = access;
        w.all = UINT64_MAX;
        w.any = 0;
        w.depth = 0;
        rc = walk_once(&w, gpa, error);
    }
    if (rc == AXVM_X86_WALK_OK && (p->efer & EFER_LMA))
        remember(&w, *gpa);
    return rc;
}

enum axvm_x86_walk_result axvm_x86_walk(struct axvm *vm, struct axvm_x86_walk_cache *cache, const struct axvm_x86_paging *p,
                                        uint64_t linear, unsigned int access, uint64_t *gpa, uint32_t *error)
{
    const struct axvm_x86_walk_memo *m = axvm_x86_memo_of(cache, linear, access);

    if (axvm_x86_recall(m, p, linear, access)) {
        *gpa = m->page | linear % AXVM_PAGE_SIZE;
        return AXVM_X86_WALK_OK;
    }
    if (!(p->efer & EFER_LMA))
        linear = (uint32_t)linear;
    if (!(p->cr0 & CR0_PG)) {
        *gpa = linear;
        return AXVM_X86_WALK_OK;
    }
    return walk_long_way(vm, cache, p, linear, access, gpa, error);
}
