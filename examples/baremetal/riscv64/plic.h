/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PLIC: all of its interrupts go to the boot CPU. */
#ifndef PLIC_H
#define PLIC_H

#include <stdbool.h>
#include <stdint.h>

/* @uart: the UART's source. */
void plic_init(uint32_t uart);
void plic_cpu_init(void);
bool plic_enable(uint32_t source);
void plic_disable(uint32_t source);
/* A guest has ended it. Any CPU. */
void plic_complete(uint32_t source);
void plic_handle_irq(void);

#endif
