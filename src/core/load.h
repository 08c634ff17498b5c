/* SPDX-License-Identifier: BSD-2-Clause */
/* From an image to a guest that can start. */
#ifndef AXVM_CORE_LOAD_H
#define AXVM_CORE_LOAD_H

#include "vm_priv.h"

/*
 * Place kernel, initrd and device tree of vm->cfg.image in guest memory and write them, as axvm_load() promises. May be called
 * again after a reset. No vCPU runs. May sleep.
 * @param entry  where vCPU 0 starts
 * @param arg    guest-physical address of the device tree
 * @retval AXVM_ERR_FORMAT  an image or device tree is malformed, or of a kind that cannot be started
 * @retval AXVM_ERR_RANGE   something does not fit
 * @retval AXVM_ERR_INVAL   the config asks for something its image cannot do
 * @retval AXVM_ERR_EXIST   the firmware's memory overlaps a device
 * @retval AXVM_ERR_NOMEM
 * All of them are logged with a line that says what and why.
 */
int axvm_load_images(struct axvm *vm, uint64_t *entry, uint64_t *arg);

/*
 * The guest's RAM, one piece after the other: what it can read and write, and what is not its firmware's. Start with *@from 0.
 * False: there is none at or above *@from. Pieces of one region may come one by one.
 */
bool axvm_next_ram(struct axvm *vm, uint64_t *from, uint64_t *gpa, uint64_t *len);

#endif
