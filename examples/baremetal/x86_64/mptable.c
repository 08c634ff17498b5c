/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs and the I/O APIC where there is no ACPI. Intel MultiProcessor Specification 1.4, chapter 4. */
#include <stddef.h>

#include "lib.h"
#include "pc.h"

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const uint8_t *find_pointer(void)
{
    const uint8_t *mp = pc_scan(pc_ebda(), 1024, "_MP_", 16);

    if (!mp)
        mp = pc_scan(0x9fc00, 1024, "_MP_", 16);
    return mp ? mp : pc_scan(0xf0000, 0x10000, "_MP_", 16);
}

bool mptable_read(void)
{
    enum { PROCESSOR = 0, IO_APIC = 2, HEADER = 44 };
    const uint8_t *mp = find_pointer(), *table = mp ? (const uint8_t *)(uint64_t)get32(mp + 4) : NULL;
    uint32_t at = HEADER, end;

    if (!table || !str_after((const char *)table, "PCMP"))
        return false;
    end = table[4] | (uint32_t)table[5] << 8;
    if (pc_sum(table, end) != 0)
        return false;
    pc.lapic = get32(table + 36);
    while (at + 8 <= end) {
        const uint8_t *entry = table + at;

        if (entry[0] == PROCESSOR && (entry[3] & 1) != 0)
            pc_add_cpu(entry[1]);
        else if (entry[0] == IO_APIC && (entry[3] & 1) != 0)
            pc.ioapic = get32(entry + 4);
        at += entry[0] == PROCESSOR ? 20 : 8;
    }
    return true;
}
