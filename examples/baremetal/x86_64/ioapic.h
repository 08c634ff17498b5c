/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC of the machine, and its two 8259s, which are put out of the way. Interrupts go to the boot CPU. */
#ifndef IOAPIC_H
#define IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

void ioapic_init(void);
/* Which input an ISA interrupt comes to. */
uint32_t ioapic_isa_input(uint32_t irq);
/* False: there is no such input. */
bool ioapic_enable(uint32_t input, bool edge);
/* A level-triggered one is masked until board_device_irq_complete(); others need nothing. */
void ioapic_hold(uint32_t input);

#endif
