/* SPDX-License-Identifier: BSD-2-Clause */
/* The PLIC of a VM: context 2n + 1 is the S-mode of vCPU n, as on QEMU's "virt". */
#ifndef AXVM_RISCV64_VPLIC_H
#define AXVM_RISCV64_VPLIC_H

#include "vm_priv.h"

int axvm_vplic_create(struct axvm *vm);

/* Phandle of the interrupt controller in each CPU. */
#define AXVM_PHANDLE_CPU_INTC 0x1000u

#endif
