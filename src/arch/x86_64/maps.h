/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of the HAL, and the permission maps made of them: which ports and MSRs a VM's guests reach without an exit. At first
 * none. */
#ifndef AXVM_X86_64_MAPS_H
#define AXVM_X86_64_MAPS_H

#include "arch.h"

/* 2^order zeroed pages; NULL: no memory. */
void *axvm_x86_pages_alloc(const struct axvm_hal *hal, unsigned int order, uint64_t *pa);
/* NULL is fine. */
void axvm_x86_pages_free(const struct axvm_hal *hal, void *va, uint64_t pa, unsigned int order);

/* How large the two maps are is the vendor's affair: 2^order pages each. */
int axvm_x86_maps_init(struct axvm *vm, unsigned int msrpm_order, unsigned int iopm_order);
/* Also when init failed half-way. */
void axvm_x86_maps_fini(struct axvm *vm, unsigned int msrpm_order, unsigned int iopm_order);
/* The VM's guests may use the ports [port, port + count) of the host. Before boot. A bit per port, in VMX as in SVM. */
void axvm_x86_open_ports(struct axvm *vm, uint16_t port, unsigned int count);

#endif
