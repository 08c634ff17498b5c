/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3 of the machine. Arm GIC Architecture Specification (IHI 0069). */
#ifndef GIC_H
#define GIC_H

#include <stdbool.h>
#include <stdint.h>

/* SGIs of this host. libaxvm is told about the first one: see board_cpu_config(). */
#define SGI_KICK 1u
#define SGI_POKE 2u
/* PPIs, as the Server Base System Architecture numbers them. */
#define PPI_MAINTENANCE 25u
#define PPI_HYP_TIMER 26u
#define PPI_VIRTUAL_TIMER 27u

/* The distributor; the boot CPU, once. */
void gic_init(uint32_t uart_irq);
/* The calling CPU's redistributor and CPU interface. */
void gic_cpu_init(void);
/* For struct axvm_aarch64_cpu_config: libaxvm has read @irq from ICC_IAR1_EL1. */
void gic_handle_acknowledged(void *ctx, uint32_t irq);
/* Shared interrupts go to the boot CPU. */
bool gic_spi_enable(uint32_t irq, bool edge);
void gic_spi_disable(uint32_t irq);

#endif
