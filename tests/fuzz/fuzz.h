/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzz targets share. Each is one file with LLVMFuzzerTestOneInput(); driver.c runs it over a corpus without
 * libFuzzer. */
#ifndef AXVM_TESTS_FUZZ_H
#define AXVM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vm_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise that was broken: the sanitizers and libFuzzer see a trap. */
#define FUZZ_CHECK(cond) ((cond) ? (void)0 : __builtin_trap())

/* What is still to be decided by: zeroes at its end. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned int size)
{
    uint64_t v = 0;

    for (; size != 0 && in->left != 0; size--, in->left--)
        v = v << 8 | *in->at++;
    return v;
}

static inline bool fuzz_page_alloc(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    size_t size = (size_t)AXVM_PAGE_SIZE << order;
    void *page = aligned_alloc(size, size);

    (void)ctx;
    if (page == NULL)
        return false;
    memset(page, 0, size);
    *out = axvm_hpa((uintptr_t)page);
    return true;
}

static inline void fuzz_page_free(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    (void)ctx;
    (void)order;
    free((void *)(uintptr_t)pa.v);
}

static inline void *fuzz_phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    (void)ctx;
    return (void *)(uintptr_t)pa.v;
}

static inline axvm_hpa_t fuzz_virt_to_phys(void *ctx, const void *va)
{
    (void)ctx;
    return axvm_hpa((uintptr_t)va);
}

/* A VM that is a HAL, an address space and RAM; to be given to fuzz_vm_free(). */
static inline struct axvm *fuzz_vm_make_at(uint64_t ram_gpa, uint64_t ram_size)
{
    const struct axvm_region ram = { .gpa = { ram_gpa }, .len = ram_size, .kind = AXVM_REGION_TOUCH };
    struct axvm *vm = calloc(1, sizeof(*vm));

    FUZZ_CHECK(vm != NULL);
    vm->hal = (struct axvm_hal){
        .size = sizeof(vm->hal),
        .page_alloc = fuzz_page_alloc,
        .page_free = fuzz_page_free,
        .phys_to_virt = fuzz_phys_to_virt,
        .virt_to_phys = fuzz_virt_to_phys,
    };
    FUZZ_CHECK(axvm_aspace_init(vm) == 0 && axvm_map(vm, &ram) == 0);
    return vm;
}

static inline struct axvm *fuzz_vm_make(void)
{
    return fuzz_vm_make_at(0x40000000, 16u << 20);
}

static inline void fuzz_vm_free(struct axvm *vm)
{
    axvm_aspace_fini(vm);
    free(vm);
}

#endif
