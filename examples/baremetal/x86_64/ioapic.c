/* SPDX-License-Identifier: BSD-2-Clause */
#include "ioapic.h"

#include <axvm/config.h>

#include "board.h"
#include "lib.h"
#include "pc.h"
#include "sched.h"
#include "x86.h"

/* 82093AA I/O APIC data sheet, "Register Description" */
#define SELECT 0x00u
#define WINDOW 0x10u
#define REG_VERSION 0x01u
#define REG_ENTRY 0x10u /* two registers each */
#define ENTRY_LOW_ACTIVE (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)

#define PIC1 0x20
#define PIC2 0xa0

static volatile uint32_t *ioapic;
static uint32_t input_count;
static struct spinlock lock; /* SELECT and WINDOW go together */

static uint32_t read_reg(uint32_t reg)
{
    ioapic[SELECT / 4] = reg;
    return ioapic[WINDOW / 4];
}

static void write_reg(uint32_t reg, uint32_t v)
{
    ioapic[SELECT / 4] = reg;
    ioapic[WINDOW / 4] = v;
}

/* Where their spurious interrupts do not look like exceptions; and none else comes. */
static void mask_pics(void)
{
    outb(PIC1, 0x11); /* ICW1: edge, cascaded, ICW4 follows */
    outb(PIC2, 0x11);
    outb(PIC1 + 1, VECTOR_PIC);
    outb(PIC2 + 1, VECTOR_PIC + 8);
    outb(PIC1 + 1, 4); /* ICW3: the second is at input 2 */
    outb(PIC2 + 1, 2);
    outb(PIC1 + 1, 1); /* ICW4: 8086 mode */
    outb(PIC2 + 1, 1);
    outb(PIC1 + 1, 0xff);
    outb(PIC2 + 1, 0xff);
}

void ioapic_init(void)
{
    mask_pics();
    ioapic = (volatile uint32_t *)pc.ioapic;
    input_count = (read_reg(REG_VERSION) >> 16 & 0xff) + 1;
    if (input_count > VECTOR_POKE - VECTOR_DEVICES)
        input_count = VECTOR_POKE - VECTOR_DEVICES;
    for (uint32_t i = 0; i < input_count; i++)
        write_reg(REG_ENTRY + 2 * i, ENTRY_MASKED);
}

uint32_t ioapic_isa_input(uint32_t irq)
{
    return pc.isa[irq].overridden ? pc.isa[irq].gsi : irq;
}

/* ISA's inputs are active high unless the firmware says otherwise, those of PCI are active low. */
static bool is_low_active(uint32_t input, bool edge)
{
    for (unsigned int i = 0; i < ISA_IRQS; i++) {
        if (pc.isa[i].overridden && pc.isa[i].gsi == input)
            return pc.isa[i].low;
    }
    return input >= ISA_IRQS && !edge;
}

bool ioapic_enable(uint32_t input, bool edge)
{
    uint32_t entry = (VECTOR_DEVICES + input) | (edge ? 0 : ENTRY_LEVEL) | (is_low_active(input, edge) ? ENTRY_LOW_ACTIVE : 0);
    unsigned long irqs;

    if (input >= input_count)
        return false;
    irqs = spin_lock(&lock);
    write_reg(REG_ENTRY + 2 * input, ENTRY_MASKED);
    write_reg(REG_ENTRY + 2 * input + 1, (uint32_t)cpus[0].hwid << 24);
    write_reg(REG_ENTRY + 2 * input, entry);
    spin_unlock(&lock, irqs);
    return true;
}

/* Of an input's entry, if it has all of @only. */
static void change(uint32_t input, uint32_t only, uint32_t clear, uint32_t set)
{
    unsigned long irqs = spin_lock(&lock);
    uint32_t entry = input < input_count ? read_reg(REG_ENTRY + 2 * input) : 0;

    if (input < input_count && (entry & only) == only)
        write_reg(REG_ENTRY + 2 * input, (entry & ~clear) | set);
    spin_unlock(&lock, irqs);
}

void ioapic_hold(uint32_t input)
{
    change(input, ENTRY_LEVEL, 0, ENTRY_MASKED);
}

bool board_device_irq_enable(const struct axvm_passthrough *dev)
{
    return ioapic_enable(dev->host_irq, dev->edge);
}

void board_device_irq_disable(uint32_t irq)
{
    change(irq, 0, 0, ENTRY_MASKED);
}

void board_device_irq_complete(uint32_t irq)
{
    change(irq, ENTRY_LEVEL, ENTRY_MASKED, 0);
}
