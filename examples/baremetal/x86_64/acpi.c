/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI's tables, as far as they say where interrupt controllers, CPUs, the PM timer and the power switch are. ACPI
 * Specification 6.5, chapter 5. */
#include "board.h"
#include "lib.h"
#include "pc.h"
#include "x86.h"

struct pc pc;

#define RSDP_SIZE 20u /* of ACPI 1.0; its checksum covers that much */
#define TABLE_MAX 0x100000u

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

uint8_t pc_sum(const uint8_t *p, uint64_t len)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum;
}

const uint8_t *pc_scan(uint64_t from, uint64_t len, const char *signature, unsigned int size)
{
    for (uint64_t at = from; at + size <= from + len; at += 16) {
        if (str_after((const char *)at, signature) && pc_sum((const uint8_t *)at, size) == 0)
            return (const uint8_t *)at;
    }
    return NULL;
}

/* The BIOS' extended data; their segment is at 0x40e. */
uint64_t pc_ebda(void)
{
    return (uint64_t)read16(0x40e) << 4;
}

/* "Finding the RSDP on IA-PC Systems": the first KiB of the EBDA, or the BIOS' ROM. */
static const uint8_t *find_rsdp(void)
{
    const uint8_t *rsdp = pc_scan(pc_ebda(), 1024, "RSD PTR ", RSDP_SIZE);

    return rsdp ? rsdp : pc_scan(0xe0000, 0x20000, "RSD PTR ", RSDP_SIZE);
}

static bool is_table(const uint8_t *table, const char *signature)
{
    return get32(table + 4) >= 36 && get32(table + 4) <= TABLE_MAX && str_after((const char *)table, signature) &&
           pc_sum(table, get32(table + 4)) == 0;
}

/* A table in the first 4 GiB, which is what is mapped. */
static const uint8_t *find_table(const uint8_t *rsdp, const char *signature)
{
    bool x = rsdp[15] >= 2 && get64(rsdp + 24) != 0 && get64(rsdp + 24) >> 32 == 0;
    const uint8_t *root = (const uint8_t *)(x ? get64(rsdp + 24) : get32(rsdp + 16));
    unsigned int entry = x ? 8 : 4;

    if (!is_table(root, x ? "XSDT" : "RSDT"))
        return NULL;
    for (uint32_t at = 36; at + entry <= get32(root + 4); at += entry) {
        uint64_t addr = x ? get64(root + at) : get32(root + at);

        if (addr != 0 && addr >> 32 == 0 && is_table((const uint8_t *)addr, signature))
            return (const uint8_t *)addr;
    }
    return NULL;
}

/* ---- MADT ---- */

/* "MPS INTI Flags": 0 is what the bus has, for ISA edge and active high. */
static void read_override(const uint8_t *entry)
{
    uint32_t flags = get16(entry + 8);

    if (entry[3] < ISA_IRQS)
        pc.isa[entry[3]] = (struct isa_irq){ true, (flags >> 2 & 3) == 3, (flags & 3) == 3, get32(entry + 4) };
}

static void read_madt_entry(const uint8_t *entry, uint8_t len)
{
    enum { LOCAL_APIC = 0, IO_APIC = 1, OVERRIDE = 2, LOCAL_X2APIC = 9 };

    if (entry[0] == LOCAL_APIC && len >= 8 && (entry[4] & 1) != 0)
        pc_add_cpu(entry[3]);
    else if (entry[0] == LOCAL_X2APIC && len >= 16 && (entry[8] & 1) != 0)
        pc_add_cpu(get32(entry + 4));
    else if (entry[0] == IO_APIC && len >= 12 && get32(entry + 8) == 0)
        pc.ioapic = get32(entry + 4);
    else if (entry[0] == OVERRIDE && len >= 10)
        read_override(entry);
}

static void read_madt(const uint8_t *madt)
{
    uint32_t end = get32(madt + 4), at = 44;

    pc.lapic = get32(madt + 36);
    while (at + 2 <= end && madt[at + 1] >= 2 && at + madt[at + 1] <= end) {
        read_madt_entry(madt + at, madt[at + 1]);
        at += madt[at + 1];
    }
}

/* ---- FADT, and the one thing we need of the DSDT ---- */

/* Name(_S5, Package { ... }): NameOp, "_S5_", PackageOp, PkgLength of one byte, NumElements, and the first of them. */
static void read_s5(const uint8_t *dsdt)
{
    uint32_t end = get32(dsdt + 4);

    for (uint32_t at = 36; at + 10 <= end; at++) {
        const uint8_t *aml = dsdt + at;

        if (str_after((const char *)aml, "\x08_S5_\x12") && aml[6] < 0x40) {
            pc.s5_type = aml[8] == 0x0a ? aml[9] : aml[8]; /* BytePrefix, or ZeroOp, OneOp */
            return;
        }
    }
}

static void read_fadt(const uint8_t *fadt)
{
    uint32_t len = get32(fadt + 4);
    const uint8_t *dsdt = (const uint8_t *)(uint64_t)(len >= 44 ? get32(fadt + 40) : 0);

    if (len < 80)
        return;
    pc.pm1a_control = (uint16_t)get32(fadt + 64);
    pc.pm_timer = (uint16_t)get32(fadt + 76);
    if (dsdt && is_table(dsdt, "DSDT"))
        read_s5(dsdt);
}

/* ---- all of it ---- */

void pc_add_cpu(uint32_t apic_id)
{
    for (unsigned int i = 0; i < pc.cpu_count; i++) {
        if (pc.cpu_ids[i] == apic_id)
            return;
    }
    if (pc.cpu_count < MAX_CPUS)
        pc.cpu_ids[pc.cpu_count++] = apic_id;
}

void pc_init(void)
{
    const uint8_t *rsdp = find_rsdp();
    const uint8_t *madt = rsdp ? find_table(rsdp, "APIC") : NULL, *fadt = rsdp ? find_table(rsdp, "FACP") : NULL;

    pc.lapic = 0xfee00000;
    pc.ioapic = 0xfec00000;
    pc.isa[0] = (struct isa_irq){ true, false, false, 2 };
    pc_add_cpu(cpuid(1, 0).b >> 24);
    if (madt)
        read_madt(madt);
    else
        mptable_read();
    if (fadt)
        read_fadt(fadt);
}
