/* SPDX-License-Identifier: BSD-2-Clause */
#include "plic_ref.h"

#include <string.h>

struct plic_ref ref;

void ref_start(void)
{
    memset(&ref, 0, sizeof(ref));
}

/* ---- gateways ---- */

void ref_edge(uint32_t s)
{
    if (ref.gateway[s] == CLAIMED)
        ref.remembered[s] = true;
    else
        ref.gateway[s] = PENDING;
}

void ref_line(uint32_t s, bool level)
{
    bool rising = level && !ref.line[s];

    ref.line[s] = level;
    if (rising && (ref.edge[s] || ref.gateway[s] != CLAIMED))
        ref_edge(s);
}

static void complete(uint32_t ctx, uint32_t s)
{
    if (s == 0 || s >= REF_SOURCES || !ref.enabled[ctx][s] || ref.gateway[s] != CLAIMED)
        return;
    ref.gateway[s] = IDLE;
    if (ref.host[s] != 0) {
        ref.line[s] = false;
        ref.completed[ref.host[s]]++;
    }
    if (ref.remembered[s] || (!ref.edge[s] && ref.line[s]))
        ref.gateway[s] = PENDING;
    ref.remembered[s] = false;
}

/* ---- targets ---- */

static uint32_t best(uint32_t ctx, uint32_t above)
{
    uint32_t found = 0;

    for (uint32_t s = REF_SOURCES - 1; s > 0; s--) {
        if (ref.gateway[s] == PENDING && ref.enabled[ctx][s] && ref.priority[s] > above &&
            (found == 0 || ref.priority[s] >= ref.priority[found]))
            found = s;
    }
    return found;
}

bool ref_output(uint32_t ctx)
{
    return best(ctx, ref.threshold[ctx]) != 0;
}

static uint32_t claim(uint32_t ctx)
{
    uint32_t s = best(ctx, 0);

    if (s != 0)
        ref.gateway[s] = CLAIMED;
    return s;
}

/* ---- registers ---- */

static bool is_context(uint64_t ctx)
{
    return ctx < REF_CONTEXTS && ctx % 2 != 0;
}

void ref_write(uint64_t off, uint32_t val)
{
    uint64_t ctx = off >= 0x200000 ? (off - 0x200000) / 0x1000 : off >= 0x2000 ? (off - 0x2000) / 0x80 : 0;
    uint64_t in = off >= 0x200000 ? off % 0x1000 : off % 0x80;

    if (off < 0x1000) {
        if (off != 0 && off / 4 < REF_SOURCES)
            ref.priority[off / 4] = val & 7;
    } else if (off < 0x200000) {
        for (uint32_t b = 0; off >= 0x2000 && is_context(ctx) && in / 4 < REF_SOURCES / 32 && b < 32; b++)
            ref.enabled[ctx][in * 8 + b] = (val >> b & 1) && in * 8 + b != 0;
    } else if (is_context(ctx) && in == 0) {
        ref.threshold[ctx] = val & 7;
    } else if (is_context(ctx) && in == 4) {
        complete((uint32_t)ctx, val);
    }
}

static uint32_t read_bits(uint64_t first, const bool *enabled)
{
    uint32_t val = 0;

    for (uint64_t s = first; s < first + 32 && s < REF_SOURCES; s++)
        val |= (uint32_t)(enabled ? enabled[s] : ref.gateway[s] == PENDING) << (s - first);
    return val;
}

uint32_t ref_read(uint64_t off)
{
    uint64_t ctx = off >= 0x200000 ? (off - 0x200000) / 0x1000 : off >= 0x2000 ? (off - 0x2000) / 0x80 : 0;

    if (off < 0x1000)
        return off / 4 < REF_SOURCES ? ref.priority[off / 4] : 0;
    if (off < 0x2000)
        return read_bits((off - 0x1000) * 8, NULL);
    if (!is_context(ctx))
        return 0;
    if (off < 0x200000)
        return read_bits(off % 0x80 * 8, ref.enabled[ctx]);
    return off % 0x1000 == 0 ? ref.threshold[ctx] : off % 0x1000 == 4 ? claim((uint32_t)ctx) : 0;
}

/* The devices behind the lines are reset, too; what the guest has not dealt with goes back to the host. */
void ref_reset(void)
{
    struct plic_ref was = ref;

    ref_start();
    memcpy(ref.completed, was.completed, sizeof(ref.completed));
    memcpy(ref.host, was.host, sizeof(ref.host));
    memcpy(ref.edge, was.edge, sizeof(ref.edge));
    for (uint32_t s = 1; s < REF_SOURCES; s++)
        ref.completed[was.host[s]] += was.host[s] != 0 && was.gateway[s] != IDLE;
}
