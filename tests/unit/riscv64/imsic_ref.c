/* SPDX-License-Identifier: BSD-2-Clause */
#include "imsic_ref.h"

#include <string.h>

struct ref_file ref[REF_HARTS];

void ref_start(void)
{
    memset(ref, 0, sizeof(ref));
}

void ref_send(uint32_t h, uint32_t id)
{
    if (id == 0 || id > REF_IDS)
        return;
    if (ref[h].elsewhere)
        ref[h].sent_there++;
    else
        ref[h].pending[id] = true;
}

uint32_t ref_top(uint32_t h)
{
    for (uint32_t id = 1; id <= REF_IDS; id++) {
        if (ref[h].pending[id] && ref[h].enabled[id])
            return ref[h].threshold == 0 || id < ref[h].threshold ? id : 0;
    }
    return 0;
}

bool ref_output(uint32_t h)
{
    return ref[h].delivery == 1 && ref_top(h) != 0;
}

void ref_claim(uint32_t h)
{
    ref[h].pending[ref_top(h)] = false;
}

/* 64 identities: those of register @reg. */
static uint64_t change_array(bool *bits, uint32_t reg, uint64_t clear, uint64_t set)
{
    uint64_t old = 0;

    for (uint32_t b = 0; b < 64; b++) {
        uint32_t id = (reg & 0x3f) * 32 + b;

        old |= (uint64_t)bits[id] << b;
        if (clear >> b & 1)
            bits[id] = false;
        if (set >> b & 1)
            bits[id] = id != 0 && id <= REF_IDS;
    }
    return old;
}

static uint64_t change_field(uint32_t *field, uint32_t width, uint64_t clear, uint64_t set)
{
    uint64_t old = *field;

    *field = (uint32_t)(((old & ~clear) | set) & width);
    return old;
}

bool ref_register(uint32_t h, uint32_t reg, uint64_t clear, uint64_t set, uint64_t *old)
{
    if (reg < 0x70 || reg > 0xff || (reg >= 0x80 && reg % 2 == 1))
        return false;
    *old = 0;
    if (reg == 0x70)
        *old = change_field(&ref[h].delivery, 1, clear, set);
    if (reg == 0x72)
        *old = change_field(&ref[h].threshold, 0xff, clear, set);
    if (reg >= 0x80)
        *old = change_array(reg < 0xc0 ? ref[h].pending : ref[h].enabled, reg, clear, set);
    return true;
}

void ref_write(uint64_t off, uint32_t val)
{
    if (off % 0x1000 == 0)
        ref_send((uint32_t)(off / 0x1000), val);
    if (off % 0x1000 == 4)
        ref_send((uint32_t)(off / 0x1000), __builtin_bswap32(val));
}
