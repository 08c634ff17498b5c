/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables for a guest: what its CPUs, interrupt controllers and fixed hardware are. ACPI Specification 6.5, "ACPI System
 * Description Tables". The devices are in acpi_dsdt.c. */
#include <axvm/err.h>

#include "acpi_priv.h"
#include "bits.h"
#include "boot_priv.h"
#include "mem.h"
#include "platform.h"
#include "str.h"

#define OEM_ID "AXVM  "
#define OEM_TABLE_ID "AXVMPC  "
#define RSDP_SIZE 36u
#define MAX_TABLES 8u

/* Addresses of what has been written so far. */
struct tables {
    struct axvm_aml w;
    uint64_t gpa; /* of w.va */
    uint64_t facs, dsdt;
    uint32_t count;
    uint64_t listed[MAX_TABLES]; /* in RSDT and XSDT */
};

static void fix_checksum(uint8_t *va, uint32_t len, uint32_t at)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + va[i]);
    va[at] = (uint8_t)(va[at] - sum);
}

/* "System Description Table Header". Tables begin on 16 bytes. */
static uint32_t begin_table(struct tables *t, const char signature[4], uint8_t revision)
{
    struct axvm_aml *w = &t->w;
    uint32_t begin;

    while (w->used % 16 != 0 && !w->full)
        axvm_aml_byte(w, 0);
    begin = w->used;
    axvm_aml_bytes(w, signature, 4);
    axvm_aml_le(w, 0, 4); /* length */
    axvm_aml_byte(w, revision);
    axvm_aml_byte(w, 0); /* checksum */
    axvm_aml_bytes(w, OEM_ID, 6);
    axvm_aml_bytes(w, OEM_TABLE_ID, 8);
    axvm_aml_le(w, 1, 4);
    axvm_aml_bytes(w, "AXVM", 4);
    axvm_aml_le(w, 1, 4);
    return begin;
}

/* Returns the table's address. */
static uint64_t end_table(struct tables *t, uint32_t begin)
{
    uint8_t *va = t->w.va + begin;
    uint32_t len = t->w.used - begin;

    if (!t->w.full) {
        axvm_put_le32(va + 4, len);
        fix_checksum(va, len, 9);
    }
    return t->gpa + begin;
}

static void list(struct tables *t, uint64_t gpa)
{
    t->listed[t->count++] = gpa;
}

/* ---- FACS, FADT ---- */

static void write_facs(struct tables *t)
{
    while (t->w.used % 64 != 0 && !t->w.full)
        axvm_aml_byte(&t->w, 0);
    t->facs = t->gpa + t->w.used;
    axvm_aml_bytes(&t->w, "FACS", 4);
    axvm_aml_le(&t->w, 64, 4);
    for (unsigned int i = 8; i < 64; i++)
        axvm_aml_byte(&t->w, i == 32 ? 2 : 0); /* version */
}

/* "FADT Format" */
#define FADT_SIZE 276u
#define FADT_FACS 36u
#define FADT_DSDT 40u
#define FADT_SCI 46u
#define FADT_PM1_EVENT 56u
#define FADT_PM1_CONTROL 64u
#define FADT_PM_TIMER 76u
#define FADT_PM1_EVENT_LEN 88u
#define FADT_PM1_CONTROL_LEN 89u
#define FADT_PM_TIMER_LEN 91u
#define FADT_C2_LATENCY 96u /* over 100: no C2 */
#define FADT_C3_LATENCY 98u
#define FADT_CENTURY 108u
#define FADT_BOOT_ARCH 109u
#define FADT_FLAGS 112u
#define FADT_RESET_REG 116u
#define FADT_RESET_VALUE 128u
#define FADT_MINOR 131u
#define FADT_X_FACS 132u
#define FADT_X_DSDT 140u
#define FADT_X_PM1_EVENT 148u
#define FADT_X_PM1_CONTROL 172u
#define FADT_X_PM_TIMER 208u

#define BOOT_ARCH_LEGACY AXVM_BIT(0) /* there are ISA devices */
#define BOOT_ARCH_NO_VGA AXVM_BIT(2)
/* SMI_CMD is 0: the hardware is in ACPI mode always. */
#define FADT_WBINVD AXVM_BIT(0)
#define FADT_PROC_C1 AXVM_BIT(2)
#define FADT_NO_PWR_BUTTON AXVM_BIT(4)
#define FADT_NO_SLP_BUTTON AXVM_BIT(5)
#define FADT_FIX_RTC AXVM_BIT(6) /* the RTC's wake status is not in PM1 */
#define FADT_TMR_VAL_EXT AXVM_BIT(8)
#define FADT_RESET_REG_SUP AXVM_BIT(10)

/* "Generic Address Structure", of an I/O port. */
static void put_gas(uint8_t *p, uint16_t port, unsigned int bits, uint8_t access)
{
    p[0] = 1;
    p[1] = (uint8_t)bits;
    p[2] = 0;
    p[3] = access; /* log2 of bytes, + 1 */
    axvm_put_le64(p + 4, port);
}

static void fill_fadt(const struct tables *t, uint8_t *va)
{
    axvm_put_le32(va + FADT_FACS, (uint32_t)t->facs);
    axvm_put_le32(va + FADT_DSDT, (uint32_t)t->dsdt);
    axvm_put_le16(va + FADT_SCI, AXVM_X86_SCI_IRQ);
    axvm_put_le32(va + FADT_PM1_EVENT, AXVM_X86_PM_BASE);
    axvm_put_le32(va + FADT_PM1_CONTROL, AXVM_X86_PM_BASE + 4);
    axvm_put_le32(va + FADT_PM_TIMER, AXVM_X86_PM_BASE + 8);
    va[FADT_PM1_EVENT_LEN] = 4;
    va[FADT_PM1_CONTROL_LEN] = 2;
    va[FADT_PM_TIMER_LEN] = 4;
    axvm_put_le16(va + FADT_C2_LATENCY, 0xfff);
    axvm_put_le16(va + FADT_C3_LATENCY, 0xfff);
    va[FADT_CENTURY] = 0x32;
    axvm_put_le16(va + FADT_BOOT_ARCH, BOOT_ARCH_LEGACY | BOOT_ARCH_NO_VGA);
    axvm_put_le32(va + FADT_FLAGS, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BUTTON | FADT_NO_SLP_BUTTON | FADT_FIX_RTC |
                                       FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
    put_gas(va + FADT_RESET_REG, AXVM_X86_RESET_PORT, 8, 1);
    va[FADT_RESET_VALUE] = 0x06;
    va[FADT_MINOR] = 5;
    axvm_put_le64(va + FADT_X_FACS, t->facs);
    axvm_put_le64(va + FADT_X_DSDT, t->dsdt);
    put_gas(va + FADT_X_PM1_EVENT, AXVM_X86_PM_BASE, 32, 2);
    put_gas(va + FADT_X_PM1_CONTROL, AXVM_X86_PM_BASE + 4, 16, 2);
    put_gas(va + FADT_X_PM_TIMER, AXVM_X86_PM_BASE + 8, 32, 3);
}

static void write_fadt(struct tables *t)
{
    uint32_t begin = begin_table(t, "FACP", 6);

    while (t->w.used - begin < FADT_SIZE && !t->w.full)
        axvm_aml_byte(&t->w, 0);
    if (!t->w.full)
        fill_fadt(t, t->w.va + begin);
    list(t, end_table(t, begin));
}

/* ---- MADT ---- */

/* "Interrupt Controller Structure Types" */
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_NMI = 4 };
#define MADT_PCAT_COMPAT 1u
#define MADT_LEVEL_HIGH 0x0du

static void write_override(struct axvm_aml *w, uint8_t source, uint32_t gsi, uint16_t flags)
{
    axvm_aml_byte(w, MADT_OVERRIDE);
    axvm_aml_byte(w, 10);
    axvm_aml_byte(w, 0); /* ISA */
    axvm_aml_byte(w, source);
    axvm_aml_le(w, gsi, 4);
    axvm_aml_le(w, flags, 2);
}

/* APIC ids are vCPU numbers, below 255, so none needs an x2APIC structure. */
_Static_assert(AXVM_MAX_VCPUS < 255, "the MADT needs x2APIC structures");

static void write_cpus(struct axvm_aml *w, uint32_t count)
{
    for (uint32_t id = 0; id < count; id++) {
        axvm_aml_byte(w, MADT_LAPIC);
        axvm_aml_byte(w, 8);
        axvm_aml_byte(w, (uint8_t)id); /* _UID of its device in the DSDT */
        axvm_aml_byte(w, (uint8_t)id);
        axvm_aml_le(w, 1, 4); /* enabled */
    }
}

static void write_madt(const struct axvm *vm, struct tables *t)
{
    uint32_t begin = begin_table(t, "APIC", 5);
    struct axvm_aml *w = &t->w;

    axvm_aml_le(w, AXVM_X86_LAPIC_BASE, 4);
    axvm_aml_le(w, vm->cfg.irq_mode != AXVM_IRQ_NONE ? MADT_PCAT_COMPAT : 0, 4);
    write_cpus(w, vm->cfg.vcpu_count);
    if (vm->cfg.irq_mode != AXVM_IRQ_NONE) {
        axvm_aml_byte(w, MADT_IOAPIC);
        axvm_aml_byte(w, 12);
        axvm_aml_le(w, AXVM_X86_IOAPIC_ID, 2);
        axvm_aml_le(w, AXVM_X86_IOAPIC_BASE, 4);
        axvm_aml_le(w, 0, 4);
        write_override(w, 0, 2, 0);
        write_override(w, AXVM_X86_SCI_IRQ, AXVM_X86_SCI_IRQ, MADT_LEVEL_HIGH);
        axvm_aml_byte(w, MADT_LAPIC_NMI);
        axvm_aml_byte(w, 6);
        axvm_aml_byte(w, 0xff); /* of every CPU */
        axvm_aml_le(w, 0, 2);
        axvm_aml_byte(w, 1); /* LINT1 */
    }
    list(t, end_table(t, begin));
}

/* ---- HPET ---- */

#define HID_HPET "PNP0103"
/* Of the guest's own reading of the device nothing is known here; kernels read its capabilities register. 64 bits, 3 timers,
 * Intel. */
#define HPET_BLOCK_ID 0x8086a201u

static const struct axvm_passthrough *find_hpet(const struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->cfg.passthrough_count; i++) {
        const struct axvm_passthrough *p = &vm->cfg.passthrough[i];

        if (p->acpi_hid && p->len != 0 && axvm_streq(p->acpi_hid, HID_HPET))
            return p;
    }
    return NULL;
}

/* IA-PC HPET Specification 1.0a, "The ACPI 2.0 HPET Description Table". */
static void write_hpet(const struct axvm *vm, struct tables *t)
{
    const struct axvm_passthrough *hpet = find_hpet(vm);
    uint32_t begin;

    if (!hpet)
        return;
    begin = begin_table(t, "HPET", 1);
    axvm_aml_le(&t->w, HPET_BLOCK_ID, 4);
    axvm_aml_le(&t->w, 64 << 8, 4); /* memory, 64 bits wide */
    axvm_aml_le(&t->w, hpet->base_gpa.v, 8);
    axvm_aml_byte(&t->w, 0);    /* the first */
    axvm_aml_le(&t->w, 128, 2); /* least ticks between periodic interrupts */
    axvm_aml_byte(&t->w, 0);
    list(t, end_table(t, begin));
}

/* ---- the rest ---- */

static void write_dsdt(const struct axvm *vm, struct tables *t)
{
    uint32_t begin = begin_table(t, "DSDT", 2);

    axvm_acpi_write_devices(vm, &t->w);
    t->dsdt = end_table(t, begin);
}

/* RSDT (entries of 4 bytes) or XSDT (of 8). */
static uint64_t write_root(struct tables *t, const char signature[4], unsigned int entry)
{
    uint32_t begin = begin_table(t, signature, 1);

    for (uint32_t i = 0; i < t->count; i++)
        axvm_aml_le(&t->w, t->listed[i], entry);
    return end_table(t, begin);
}

/* "Root System Description Pointer (RSDP) Structure" */
static void write_rsdp(uint8_t *va, uint64_t rsdt, uint64_t xsdt)
{
    memcpy(va, "RSD PTR ", 8);
    memcpy(va + 9, OEM_ID, 6);
    va[15] = 2;
    axvm_put_le32(va + 16, (uint32_t)rsdt);
    axvm_put_le32(va + 20, RSDP_SIZE);
    axvm_put_le64(va + 24, xsdt);
    fix_checksum(va, 20, 8);
    fix_checksum(va, RSDP_SIZE, 32);
}

bool axvm_acpi_write(struct axvm *vm, uint8_t *va, uint64_t gpa, uint32_t size)
{
    struct tables t = { .w = { .va = va, .used = RSDP_SIZE, .size = size }, .gpa = gpa };
    uint64_t rsdt, xsdt;

    write_facs(&t);
    write_dsdt(vm, &t);
    write_fadt(&t);
    write_madt(vm, &t);
    write_hpet(vm, &t);
    rsdt = write_root(&t, "RSDT", 4);
    xsdt = write_root(&t, "XSDT", 8);
    write_rsdp(va, rsdt, xsdt);
    return !t.w.full;
}
