/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a guest's linear address to a guest-physical one, through the guest's own page tables, as its CPU would. Intel SDM vol.
 * 3A, "Paging"; AMD APM vol. 2 (24593), "Page Translation and Protection".
 *
 * The tables are guest memory: what is not RAM reads as all ones, as on a bus, and cannot be written. Each entry is read once.
 */
#ifndef AXVM_X86_64_WALK_H
#define AXVM_X86_64_WALK_H

#include <axvm/types.h>

#include "cr.h"

struct axvm;

/* What decides how an address is translated. */
struct axvm_x86_paging {
    uint64_t cr0, cr3, cr4, efer;
    const uint64_t *pdpte; /* the four PAE entries that the CPU keeps in registers (VMX); NULL: they are read from memory */
    uint8_t cpl;
    uint8_t phys_bits; /* MAXPHYADDR as the guest's CPU has it: 32..52 */
    bool ac;           /* RFLAGS.AC */
    bool gbpages;      /* 1 GiB pages exist */
};

/* Kinds of access, as the bits of the error code. "Page-Fault Exceptions" */
enum axvm_x86_access {
    AXVM_X86_READ = 0,
    AXVM_X86_WRITE = 1 << 1,
    AXVM_X86_FETCH = 1 << 4,
    AXVM_X86_IMPLICIT = 1 << 8, /* of the CPU itself, to a system structure: supervisor whatever CPL is */
};
#define X86_PF_P AXVM_BIT(0)
#define X86_PF_W AXVM_BIT(1)
#define X86_PF_U AXVM_BIT(2)
#define X86_PF_RSVD AXVM_BIT(3)
#define X86_PF_I AXVM_BIT(4)

enum axvm_x86_walk_result {
    AXVM_X86_WALK_OK,     /* *gpa */
    AXVM_X86_WALK_FAULT,  /* *error is the error code of the page fault */
    AXVM_X86_WALK_ABSENT, /* a table is in RAM that nobody has touched yet, at *gpa: bring it in and come again */
    AXVM_X86_WALK_RETRY,  /* other vCPUs changed the tables again and again */
};

/*
 * What a vCPU keeps of its walks, while the generation of the address space is @gen: where the host sees pages of guest memory,
 * and the entries of tables that a translation came from. They are read again each time: the guest's INVLPG is not seen.
 */
#define AXVM_X86_WALK_PAGES 8u
#define AXVM_X86_WALK_MEMOS 8u
/* An entry of 8 bytes, where the host sees it, and what it was. */
struct axvm_x86_walk_entry {
    const uint8_t *at;
    uint64_t val;
};
struct axvm_x86_walk_memo {
    uint64_t linear, cr0, cr3, cr4, efer;
    uint32_t who;   /* access, CPL, AC */
    uint32_t depth; /* entries; 0: nothing */
    uint64_t page;  /* gpa */
    struct axvm_x86_walk_entry entry[5];
};
struct axvm_x86_walk_cache {
    uint64_t gen;
    struct {
        uint64_t key; /* gpa of the page | prot; 0: nothing */
        uint8_t *va;
    } page[AXVM_X86_WALK_PAGES];
    struct axvm_x86_walk_memo memo[AXVM_X86_WALK_MEMOS];
};

/* vm->as.lock is held around all of these: axvm_x86_walk_lock(). Any context. */
unsigned long axvm_x86_walk_lock(struct axvm *vm, struct axvm_x86_walk_cache *cache);
/* What the first does when something has been taken away since. */
void axvm_x86_walk_forget(struct axvm *vm, struct axvm_x86_walk_cache *cache);
void axvm_x86_walk_unlock(struct axvm *vm, unsigned long irqs);

/* Translate. Sets A bits, and D of a page that is written. */
enum axvm_x86_walk_result axvm_x86_walk(struct axvm *vm, struct axvm_x86_walk_cache *cache, const struct axvm_x86_paging *p,
                                        uint64_t linear, unsigned int access, uint64_t *gpa, uint32_t *error);

/* Where the host sees the page of RAM with @gpa, for slot @slot of the cache: AXVM_OK; AXVM_ERR_AGAIN: it is RAM that has not
 * been touched yet; AXVM_ERR_NOENT: no RAM, or RAM that the guest may not access with @prot. */
int axvm_x86_walk_page(struct axvm *vm, struct axvm_x86_walk_cache *cache, unsigned int slot, uint64_t gpa, uint32_t prot,
                       uint8_t **va);

#endif
