/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU with virtual-interrupt delivery, from the text of Intel's SDM, "APIC Virtualization and Virtual Interrupts": what it
 * does to the virtual-APIC page while a guest runs. Shares nothing with src/devices/lapic_page.c but the layout of the page.
 */
#ifndef VAPIC_REF_H
#define VAPIC_REF_H

#include <stdbool.h>
#include <stdint.h>

struct vapic {
    uint8_t page[4096];
    uint8_t rvi, svi; /* "Guest Interrupt Status" */
};

/* VM entry: PPR virtualization. */
void vapic_enter(struct vapic *v);
/* The vector that would be delivered with interrupts on; -1: none. */
int vapic_recognized(const struct vapic *v);
void vapic_deliver(struct vapic *v);
/* The vector that is done; its bit of the EOI-exit bitmap is the caller's business. */
int vapic_eoi(struct vapic *v);
void vapic_write_tpr(struct vapic *v, uint8_t tpr);
void vapic_self_ipi(struct vapic *v, uint8_t vector);
bool vapic_is_set(const struct vapic *v, unsigned int off, int vector);

#endif
