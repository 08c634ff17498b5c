/* SPDX-License-Identifier: BSD-2-Clause */
/** @file VMs described in the host's device tree, as Xen's dom0less does and QEMU's guest-loader writes. */
#ifndef AXVM_FDT_H
#define AXVM_FDT_H

#include <axvm/config.h>
#include <axvm/hal.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Read VM number @p index out of @p fdt (the host's device tree, complete). VMs are the children of /chosen compatible with
 * "xen,domain"; when there is none but /chosen itself has "multiboot,kernel" modules, those are VM 0. docs/fdt.md lists the
 * properties. Images stay where the modules are: @p hal->phys_to_virt() is asked for them.
 * @param b         filled from scratch, points into @p fdt
 * @retval AXVM_ERR_NOENT   no such VM
 * @retval AXVM_ERR_FORMAT  malformed; @p err says which property
 */
int axvm_config_from_fdt(const struct axvm_hal *hal, const void *fdt, size_t fdt_size, unsigned int index,
                         struct axvm_builder *b, struct axvm_config_error *err);

#ifdef __cplusplus
}
#endif
#endif
