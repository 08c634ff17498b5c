/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device as far as kernels without firmware of their own ask it: how many CPUs and how much
 * memory there are. QEMU, docs/specs/fw_cfg: the traditional interface, without DMA and without files.
 */
#ifndef AXVM_DEVICES_FW_CFG_H
#define AXVM_DEVICES_FW_CFG_H

#include <axvm/device.h>

#define AXVM_FW_CFG_BASE 0x510u

struct axvm_fw_cfg_config {
    uint64_t ram_size; /* bytes */
    uint16_t cpus;
};

/* Make one: port 0x510 selects (16 bits), port 0x511 gives one byte after the other. */
int axvm_fw_cfg_create(struct axvm *vm, const struct axvm_fw_cfg_config *cfg);

#endif
