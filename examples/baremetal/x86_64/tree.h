/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device tree out of what a PC's boot loader and firmware say, as the portable part of the host wants one. The first
 * multiboot module is a tree made by the user, with the VMs under /chosen; nodes with "axvm,module" = <N> get the "reg" of
 * module N, counted from 0 for that tree itself. Memory and CPUs are added, and the kernel's command line becomes /chosen's
 * bootargs.
 */
#ifndef TREE_H
#define TREE_H

#include <stdint.h>

struct multiboot_info;

/* NULL: not possible, and *why says why. After pc_init(). */
const void *tree_make(uint32_t magic, const struct multiboot_info *info, const char **why);

#endif
