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

/* A VM that is a HAL, an address space and 16 MiB of RAM; to be given to fuzz_vm_free(). */
static inline struct axvm *fuzz_vm_make(void)
{
    const struct axvm_region ram = { .gpa = { 0x40000000 }, .len = 16u << 20, .kind = AXVM_REGION_TOUCH };
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

static inline void fuzz_vm_free(struct axvm *vm)
{
    axvm_aspace_fini(vm);
    free(vm);
}

#endif
