/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controllers of a VM: a PLIC, an APLIC, or an APLIC with an IMSIC for each vCPU. */
#ifndef AXVM_RISCV64_VIRQ_H
#define AXVM_RISCV64_VIRQ_H

#include "fdt_writer.h"
#include "vm_priv.h"

/* The one that the VM's config asks for. AXVM_ERR_NOSUP, AXVM_ERR_NOMEM. */
int axvm_virq_create(struct axvm *vm);

/* vplic.c, vaplic.c */
int axvm_vplic_create(struct axvm *vm);
int axvm_vaplic_create(struct axvm *vm);

/* The external interrupt of vCPU @id has changed. Interrupts are off. */
void axvm_virq_output(struct axvm *vm, uint32_t id, bool level);
/* For both kinds of models: a passthrough interrupt has ended. @arg is the VM. */
void axvm_virq_complete(void *arg, uint32_t host_irq);

/* Phandle of the interrupt controller in each CPU, and of the IMSICs. */
#define AXVM_PHANDLE_CPU_INTC 0x1000u
#define AXVM_PHANDLE_IMSIC 0x0fffu
/* "interrupts-extended": the supervisor external interrupt of each CPU; before it, @none: that of M-mode, as nobody's. */
void axvm_virq_describe_outputs(const struct axvm *vm, struct axvm_fdt_writer *w, bool none);

#endif
