/* SPDX-License-Identifier: BSD-2-Clause */
/* What the firmware's tables say about the machine. */
#ifndef PC_H
#define PC_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

#define ISA_IRQS 16u

/* How an ISA interrupt reaches the I/O APIC, where that is not pin n, edge, active high. */
struct isa_irq {
    bool overridden, level, low;
    uint32_t gsi;
};

struct pc {
    uint64_t lapic, ioapic;
    uint32_t cpu_ids[MAX_CPUS]; /* local APIC ids; the boot CPU's is first */
    unsigned int cpu_count;
    struct isa_irq isa[ISA_IRQS];
    uint16_t pm_timer;     /* port of ACPI's 3.58 MHz timer; 0: none */
    uint16_t pm1a_control; /* port; 0: none */
    uint8_t s5_type;       /* SLP_TYP that powers off */
};
extern struct pc pc;

/* Fills in @pc: from ACPI, else from the MP table, else as PCs have it. */
void pc_init(void);

/* One more CPU, unless there are too many. */
void pc_add_cpu(uint32_t apic_id);
/* mptable.c: false when there is no MP table. */
bool mptable_read(void);
/* Of @len bytes, at every 16th, one with this signature and a checksum of 0 over @size bytes. NULL: none. */
const uint8_t *pc_scan(uint64_t from, uint64_t len, const char *signature, unsigned int size);
uint64_t pc_ebda(void);
uint8_t pc_sum(const uint8_t *p, uint64_t len);

#endif
