/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's interrupt controller, PLIC or AIA: all interrupts of devices go to the boot CPU. */
#ifndef IRQCHIP_H
#define IRQCHIP_H

#include <stdbool.h>
#include <stdint.h>

/* The boot CPU, once. @uart: the UART's source. */
void irqchip_init(uint32_t uart);
/* Every CPU, on itself; the boot CPU after irqchip_init(). */
void irqchip_cpu_init(void);
bool irqchip_enable(uint32_t source, bool edge);
void irqchip_disable(uint32_t source);
/* A guest has ended it. Any CPU. */
void irqchip_complete(uint32_t source);
void irqchip_handle_irq(void);
const char *irqchip_name(void);
/* The calling CPU's IMSIC: its supervisor-level interrupt file, which those for guests follow; 0: it has none. */
uint64_t irqchip_imsic(void);
/* Interrupt identities of each file. */
uint32_t irqchip_imsic_ids(void);

/* ---- what the drivers share ---- */

#define EXTERNAL_S 9u

/* Which one of the interrupts in a controller's "interrupts-extended" is the supervisor external interrupt of this hart; -1:
 * none. */
int irqchip_output_of(int node, uint64_t hart);

/* plic.c */
bool plic_init(uint32_t uart);
bool plic_enable(uint32_t source, bool edge);
void plic_disable(uint32_t source);
void plic_complete(uint32_t source);
void plic_handle_irq(void);

/* aia.c */
bool aia_init(uint32_t uart);
void aia_cpu_init(void);
bool aia_enable(uint32_t source, bool edge);
void aia_disable(uint32_t source);
void aia_complete(uint32_t source);
void aia_handle_irq(void);
bool aia_has_imsic(void);
uint64_t aia_imsic(void);
uint32_t aia_imsic_ids(void);

#endif
