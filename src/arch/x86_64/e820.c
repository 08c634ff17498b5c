/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's memory map: its RAM, less what a PC's first mebibyte is otherwise used for, less the tables. */
#include "bits.h"
#include "boot_priv.h"

/* A range that is not the RAM it may lie in. */
struct special {
    uint64_t start, end;
    bool listed;
    enum axvm_e820_type type;
};

/* The lowest one that ends above @at. */
static bool next_special(uint64_t tables, uint64_t tables_len, uint64_t at, struct special *out)
{
    const struct special all[] = {
        { LOW_EBDA, LOW_HOLE, true, AXVM_E820_RESERVED },
        { LOW_HOLE, LOW_BIOS, false, AXVM_E820_RESERVED },
        { LOW_BIOS, LOW_END, true, AXVM_E820_RESERVED },
        { tables, tables + tables_len, true, AXVM_E820_ACPI },
    };
    bool found = false;

    /* At their usual place the tables are within what is reserved anyway. */
    for (unsigned int i = 0; i < (tables == LOW_TABLES ? 3u : 4u); i++) {
        if (all[i].end > at && (!found || all[i].start < out->start)) {
            *out = all[i];
            found = true;
        }
    }
    return found;
}

/* RAM at or above *@at, as far as it goes on, up to @limit. */
static bool next_ram(struct axvm *vm, uint64_t at, uint64_t limit, uint64_t *start, uint64_t *end)
{
    uint64_t from = at, gpa, len;

    if (!axvm_next_ram(vm, &from, &gpa, &len) || gpa >= limit)
        return false;
    *start = gpa;
    do
        *end = axvm_min(gpa + len, limit);
    while (*end < limit && axvm_next_ram(vm, &from, &gpa, &len) && gpa == *end);
    return true;
}

static bool ram_entry(struct axvm *vm, uint64_t limit, uint64_t *at, struct axvm_e820 *entry)
{
    uint64_t start, end;

    if (!next_ram(vm, *at, limit, &start, &end))
        return false;
    *entry = (struct axvm_e820){ start, end - start, AXVM_E820_RAM };
    *at = end;
    return true;
}

bool axvm_e820_next(struct axvm *vm, uint64_t tables, uint64_t tables_len, uint64_t *at, struct axvm_e820 *entry)
{
    struct special special;

    while (next_special(tables, tables_len, *at, &special)) {
        if (*at < special.start && ram_entry(vm, special.start, at, entry))
            return true;
        *at = special.end;
        if (special.listed) {
            *entry = (struct axvm_e820){ special.start, special.end - special.start, special.type };
            return true;
        }
    }
    return ram_entry(vm, UINT64_MAX, at, entry);
}
