/* SPDX-License-Identifier: BSD-2-Clause */
#include "load_write.h"

#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "mem.h"

/* What of [gpa, gpa + len) is in the first page of it, and where the host sees that: NULL when it has not been touched yet. A
 * page at a time, as pages side by side in physical memory need not be so in the host's. */
static uint64_t next_piece(struct axvm *vm, uint64_t gpa, uint64_t len, void **va)
{
    axvm_hpa_t hpa;

    *va = NULL;
    if (axvm_translate(vm, axvm_gpa(gpa), &hpa, NULL) == AXVM_OK)
        *va = vm->hal.phys_to_virt(vm->hal.ctx, hpa);
    return axvm_min(len, AXVM_PAGE_SIZE - gpa % AXVM_PAGE_SIZE);
}

static void sync_piece(struct axvm *vm, void *va, uint64_t len)
{
    if (vm->hal.cache_sync != NULL)
        vm->hal.cache_sync(vm->hal.ctx, va, len);
    else
        axvm_arch_cache_sync(va, (size_t)len);
}

int axvm_load_write(struct axvm *vm, uint64_t gpa, const void *data, uint64_t len)
{
    int rc = axvm_write_guest(vm, axvm_gpa(gpa), data, (size_t)len);
    void *va;

    for (uint64_t piece; rc == AXVM_OK && len != 0; gpa += piece, len -= piece) {
        piece = next_piece(vm, gpa, len, &va);
        if (va != NULL)
            sync_piece(vm, va, piece);
    }
    return rc;
}

int axvm_load_zero(struct axvm *vm, uint64_t gpa, uint64_t len)
{
    void *va;

    if (len != 0 && !axvm_aspace_is_ram(vm, gpa, len))
        return AXVM_ERR_RANGE;
    for (uint64_t piece; len != 0; gpa += piece, len -= piece) {
        piece = next_piece(vm, gpa, len, &va);
        if (va == NULL)
            continue;
        memset(va, 0, (size_t)piece);
        sync_piece(vm, va, piece);
    }
    return AXVM_OK;
}
