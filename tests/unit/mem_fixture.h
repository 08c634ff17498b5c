/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space without the rest of a VM: a HAL with a small physical memory of its own, and a model of the TLBs, which keep
 * everything that was ever valid until it is flushed, and know when an entry was changed without break before make, or a page
 * given back that some CPU may still reach.
 */
#ifndef MEM_FIXTURE_H
#define MEM_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <axvm/err.h>
#include <axvm/memory.h>

#include "vm_priv.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define PAGE ((uint64_t)AXVM_PAGE_SIZE)

/* Physical memory of the fixture. */
#define PHYS_BASE (2 * GIB)
#define PHYS_PAGES (UINT64_C(6) << 18) /* 6 GiB, of which only what is written costs anything */

/* A table entry that a CPU may have cached. */
struct tlb_entry {
    uint64_t gpa, value;
    int level;
    bool stale; /* the table says something else by now */
};

struct tlb_list {
    struct tlb_entry *at;
    size_t count, room;
};

struct mem_fixture {
    struct axvm vm;
    struct axvm_host host;
    pthread_mutex_t mutex;
    uint8_t *phys;
    uint8_t *page_state; /* 0 free, 1 + order for the first page of an allocation, 0xff for the others, 0xfe claimed */
    uint64_t next;       /* where the search for a page starts */
    uint64_t live_pages; /* allocated */
    uint64_t claimed;    /* pages of region_alloc_at() */
    unsigned int max_order;
    long allocs_until_failure; /* -1: none fails */
    bool fails_for_good;
    bool model_tlb;
    struct tlb_list tlb;
    unsigned int flushes, flush_all, syncs, publishes, cpu_flushes, vmid_bits;
    struct axvm_s2_geometry geo; /* what axvm_arch_s2_geometry() gives */
};

extern struct mem_fixture *mem_fx;

/* cmocka setup and teardown. Teardown takes the address space down and asserts that nothing is left. */
int mem_setup(void **state);
int mem_teardown(void **state);

/* Another geometry: takes the empty address space down and makes one. */
void mem_set_geometry(struct mem_fixture *f, const struct axvm_s2_geometry *geo);

/* The address space is consistent: tables and TLBs agree, tables are counted, none is empty, blocks lie within regions. */
void mem_check(struct mem_fixture *f);
/* All that is in the tables. */
void mem_dump(struct mem_fixture *f, struct tlb_list *list);
void mem_list_free(struct tlb_list *list);

/* Fail the allocation after @n that succeed; all after it, too, with @for_good. -1: none. */
void mem_fail_alloc(struct mem_fixture *f, long n, bool for_good);

int mem_map(struct mem_fixture *f, enum axvm_region_kind kind, uint64_t gpa, uint64_t len, uint64_t hpa, uint32_t prot);
/* A guest's access: what axvm_run_vcpu() would do about the fault. */
int mem_touch(struct mem_fixture *f, uint64_t gpa, uint32_t prot);
void *mem_virt(struct mem_fixture *f, uint64_t pa);

#endif
