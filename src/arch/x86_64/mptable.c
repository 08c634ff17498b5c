/* SPDX-License-Identifier: BSD-2-Clause */
/* The MP configuration table, for kernels without ACPI. Intel MultiProcessor Specification 1.4, "MP Configuration Table". */
#include "aml.h"
#include "boot_priv.h"
#include "platform.h"
#include "str.h"

#define FLOATING_SIZE 16u
#define TABLE_LENGTH 4u
#define TABLE_CHECKSUM 7u
#define TABLE_ENTRIES 34u

enum { MP_CPU, MP_BUS, MP_IOAPIC, MP_INTERRUPT, MP_LOCAL };
enum { MP_INT = 0, MP_NMI = 1, MP_EXTINT = 3 };
#define ISA_BUS 0u
#define ALL_CPUS 0xffu
#define LAPIC_VERSION 0x14u
#define IOAPIC_VERSION 0x11u
#define LEVEL_HIGH 0x0du

static void fix_checksum(uint8_t *va, uint32_t len, uint32_t at)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + va[i]);
    va[at] = (uint8_t)(va[at] - sum);
}

static void write_cpu(struct axvm_aml *w, uint32_t id)
{
    axvm_aml_byte(w, MP_CPU);
    axvm_aml_byte(w, (uint8_t)id);
    axvm_aml_byte(w, LAPIC_VERSION);
    axvm_aml_byte(w, id == 0 ? 3 : 1); /* usable; the boot CPU */
    axvm_aml_le(w, 0x600, 4);          /* family 6; who wants more asks CPUID */
    axvm_aml_le(w, 0x201, 4);          /* FPU, APIC */
    axvm_aml_le(w, 0, 8);
}

/* I/O or local interrupt: both have this form. */
static void write_interrupt(struct axvm_aml *w, uint8_t entry, uint8_t type, uint16_t flags, uint8_t source, uint8_t dest,
                            uint8_t pin)
{
    axvm_aml_byte(w, entry);
    axvm_aml_byte(w, type);
    axvm_aml_le(w, flags, 2);
    axvm_aml_byte(w, ISA_BUS);
    axvm_aml_byte(w, source);
    axvm_aml_byte(w, dest);
    axvm_aml_byte(w, pin);
}

/* IRQ 0 is at input 2, where the cascade would be. */
static uint32_t write_isa(struct axvm_aml *w)
{
    uint32_t n = 0;

    for (uint8_t irq = 0; irq < 16; irq++) {
        if (irq == 2)
            continue;
        write_interrupt(w, MP_INTERRUPT, MP_INT, irq == AXVM_X86_SCI_IRQ ? LEVEL_HIGH : 0, irq, AXVM_X86_IOAPIC_ID,
                        irq == 0 ? 2 : irq);
        n++;
    }
    return n;
}

static uint32_t write_entries(struct axvm *vm, struct axvm_aml *w)
{
    uint32_t n = vm->cfg.vcpu_count;

    for (uint32_t id = 0; id < n; id++)
        write_cpu(w, id);
    axvm_aml_byte(w, MP_BUS);
    axvm_aml_byte(w, ISA_BUS);
    axvm_aml_bytes(w, "ISA   ", 6);
    n++;
    if (vm->cfg.irq_mode == AXVM_IRQ_NONE)
        return n;
    axvm_aml_byte(w, MP_IOAPIC);
    axvm_aml_byte(w, AXVM_X86_IOAPIC_ID);
    axvm_aml_byte(w, IOAPIC_VERSION);
    axvm_aml_byte(w, 1);
    axvm_aml_le(w, AXVM_X86_IOAPIC_BASE, 4);
    n += 1 + write_isa(w);
    write_interrupt(w, MP_LOCAL, MP_EXTINT, 0, 0, ALL_CPUS, 0);
    write_interrupt(w, MP_LOCAL, MP_NMI, 0, 0, ALL_CPUS, 1);
    return n + 2;
}

/* "MP Configuration Table Header" */
static void write_header(struct axvm_aml *w)
{
    axvm_aml_bytes(w, "PCMP", 4);
    axvm_aml_le(w, 0, 2); /* length */
    axvm_aml_byte(w, 4);  /* version 1.4 */
    axvm_aml_byte(w, 0);  /* checksum */
    axvm_aml_bytes(w, "AXVM    ", 8);
    axvm_aml_bytes(w, "AXVMPC      ", 12);
    axvm_aml_le(w, 0, 4); /* no OEM table */
    axvm_aml_le(w, 0, 2);
    axvm_aml_le(w, 0, 2); /* entries */
    axvm_aml_le(w, AXVM_X86_LAPIC_BASE, 4);
    axvm_aml_le(w, 0, 4); /* no extended table */
}

/* "MP Floating Pointer Structure" */
static void write_floating(uint8_t *va, uint64_t table)
{
    va[0] = '_';
    va[1] = 'M';
    va[2] = 'P';
    va[3] = '_';
    axvm_put_le32(va + 4, (uint32_t)table);
    va[8] = 1; /* its length in 16 bytes */
    va[9] = 4;
    fix_checksum(va, FLOATING_SIZE, 10);
}

bool axvm_mptable_write(struct axvm *vm, uint8_t *va, uint64_t gpa, uint32_t size)
{
    struct axvm_aml w = { .va = va + FLOATING_SIZE, .size = size - FLOATING_SIZE };
    uint32_t entries;

    write_header(&w);
    entries = write_entries(vm, &w);
    if (w.full)
        return false;
    axvm_put_le16(w.va + TABLE_LENGTH, (uint16_t)w.used);
    axvm_put_le16(w.va + TABLE_ENTRIES, (uint16_t)entries);
    fix_checksum(w.va, w.used, TABLE_CHECKSUM);
    write_floating(va, gpa + FLOATING_SIZE);
    return true;
}
