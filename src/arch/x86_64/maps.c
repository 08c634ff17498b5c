/* SPDX-License-Identifier: BSD-2-Clause */
#include "maps.h"

#include <axvm/err.h>

#include "mem.h"

void *axvm_x86_pages_alloc(const struct axvm_hal *hal, unsigned int order, uint64_t *pa)
{
    axvm_hpa_t hpa;

    if (!hal->page_alloc(hal->ctx, order, &hpa))
        return NULL;
    *pa = hpa.v;
    return hal->phys_to_virt(hal->ctx, hpa);
}

void axvm_x86_pages_free(const struct axvm_hal *hal, void *va, uint64_t pa, unsigned int order)
{
    if (va)
        hal->page_free(hal->ctx, axvm_hpa(pa), order);
}

int axvm_x86_maps_init(struct axvm *vm, unsigned int msrpm_order, unsigned int iopm_order)
{
    struct axvm_arch_vm *a = &vm->arch;

    a->msrpm = axvm_x86_pages_alloc(&vm->hal, msrpm_order, &a->msrpm_pa);
    a->iopm = axvm_x86_pages_alloc(&vm->hal, iopm_order, &a->iopm_pa);
    if (!a->msrpm || !a->iopm)
        return AXVM_ERR_NOMEM;
    memset(a->msrpm, 0xff, AXVM_PAGE_SIZE << msrpm_order);
    memset(a->iopm, 0xff, AXVM_PAGE_SIZE << iopm_order);
    return AXVM_OK;
}

void axvm_x86_maps_fini(struct axvm *vm, unsigned int msrpm_order, unsigned int iopm_order)
{
    struct axvm_arch_vm *a = &vm->arch;

    axvm_x86_pages_free(&vm->hal, a->msrpm, a->msrpm_pa, msrpm_order);
    axvm_x86_pages_free(&vm->hal, a->iopm, a->iopm_pa, iopm_order);
    a->msrpm = NULL;
    a->iopm = NULL;
}

void axvm_x86_open_ports(struct axvm *vm, uint16_t port, unsigned int count)
{
    for (unsigned int p = port; p < 0x10000u && p - port < count; p++)
        vm->arch.iopm[p / 8] &= (uint8_t) ~(1u << p % 8);
}
