/* SPDX-License-Identifier: BSD-2-Clause */
#include "aplic_ref.h"

#include <string.h>

struct aplic_ref ref;

void ref_start(bool direct, bool msi)
{
    memset(&ref, 0, sizeof(ref));
    ref.direct = direct;
    ref.msi = msi;
    ref.dm = !direct;
}

/* ---- sources ---- */

static bool is_level(const struct ref_source *s)
{
    return s->mode == LEVEL1 || s->mode == LEVEL0;
}

/* The host tells whether a passthrough interrupt is asserted, not how its wire is. */
static bool rectified(const struct ref_source *s)
{
    if (s->mode == INACTIVE || s->mode == DETACHED)
        return false;
    return s->host == 0 && (s->mode == EDGE0 || s->mode == LEVEL0) ? !s->wire : s->wire;
}

void ref_wire(struct ref_source *s, bool wire)
{
    bool was = rectified(s), now;

    s->wire = wire;
    now = rectified(s);
    if (!was && now)
        s->pending = true;
    if (was && !now && is_level(s))
        s->pending = false;
}

/* The host's hardware is asked again. */
static void end(struct ref_source *s)
{
    if (s->host == 0 || !s->wire)
        return;
    s->told = false;
    ref_wire(s, false);
    ref.completed[s->host]++;
}

static void set_pending(struct ref_source *s)
{
    if (ref.dm && s->told)
        end(s);
    if (s->mode == INACTIVE || (is_level(s) && !(ref.dm && rectified(s))))
        return;
    s->pending = true;
}

static void clear_pending(struct ref_source *s)
{
    if (is_level(s) && !ref.dm)
        return;
    if (!is_level(s) && s->pending)
        end(s);
    s->pending = false;
}

/* ---- delivery ---- */

static void send(uint32_t target)
{
    if (target >> 18 < REF_HARTS)
        ref.sent.list[ref.sent.count++] = (struct ref_msi){ target >> 18, target & 0x7ff };
}

void ref_settle(void)
{
    for (uint32_t i = 1; i < REF_SOURCES; i++) {
        struct ref_source *s = &ref.s[i];

        if (is_level(s) && !ref.dm)
            s->pending = rectified(s);
        if (!ref.dm || !ref.ie || !s->pending || !s->enabled)
            continue;
        s->pending = false;
        send(s->target);
        if (s->host != 0 && is_level(s) && s->wire)
            s->told = true;
        else if (s->host != 0)
            end(s);
    }
}

uint32_t ref_topi(uint32_t hart)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < REF_SOURCES && !ref.dm; i++) {
        const struct ref_source *s = &ref.s[i];
        uint32_t prio = s->target & 0xff;

        if (!s->pending || !s->enabled || s->target >> 18 != hart)
            continue;
        if (ref.idc[hart].threshold != 0 && prio >= ref.idc[hart].threshold)
            continue;
        if (found == 0 || prio < (found & 0xff))
            found = i << 16 | prio;
    }
    return found;
}

bool ref_output(uint32_t hart)
{
    return ref.ie && !ref.dm && ref.idc[hart].delivery && (ref.idc[hart].force || ref_topi(hart) != 0);
}

static uint32_t claim(uint32_t hart)
{
    uint32_t topi;
    struct ref_source *s;

    for (uint32_t i = 1; i < REF_SOURCES; i++) {
        if (ref.s[i].told && ref.s[i].target >> 18 == hart)
            end(&ref.s[i]);
    }
    ref_settle();
    topi = ref_topi(hart);
    if (topi == 0) {
        ref.idc[hart].force = false;
        return 0;
    }
    s = &ref.s[topi >> 16];
    if (is_level(s)) {
        s->told = s->host != 0 && s->wire;
    } else {
        s->pending = false;
        end(s);
    }
    return topi;
}

/* ---- registers ---- */

static void write_domaincfg(uint32_t val)
{
    bool dm = ref.direct && ref.msi ? (val & 4) != 0 : ref.dm;

    ref.ie = (val & 0x100) != 0;
    ref.be = (val & 1) != 0;
    for (uint32_t i = 1; dm != ref.dm && i < REF_SOURCES; i++)
        ref.s[i].target = ref.s[i].mode == INACTIVE || dm ? 0 : 1;
    ref.dm = dm;
}

static void write_sourcecfg(struct ref_source *s, uint32_t val)
{
    int mode = val & 1u << 10 ? 0 : (int)(val & 7), was = s->mode;

    if (mode == 2 || mode == 3)
        mode = 0;
    if (mode == was)
        return;
    s->mode = mode;
    if (mode == INACTIVE) {
        s->pending = s->enabled = false;
        s->target = 0;
        return;
    }
    if (was == INACTIVE)
        s->target = ref.dm ? 0 : 1;
    end(s);
    if (is_level(s))
        s->pending = rectified(s);
}

static void write_target(struct ref_source *s, uint32_t val)
{
    if (s->mode == INACTIVE)
        return;
    if (ref.dm)
        s->target = val & 0xfffc07ff;
    else
        s->target = (val & 0xfffc0000) | ((val & 0xff) != 0 ? val & 0xff : 1);
}

static void write_genmsi(uint32_t val)
{
    if (!ref.dm)
        return;
    ref.genmsi = val & 0xfffc07ff;
    send(ref.genmsi);
}

static void write_bit(uint32_t array, struct ref_source *s)
{
    if (array == 0)
        set_pending(s);
    else if (array == 1)
        clear_pending(s);
    else if (array == 2)
        s->enabled |= s->mode != INACTIVE;
    else
        s->enabled = false;
}

static void write_number(uint32_t array, uint32_t n)
{
    if (n != 0 && n < REF_SOURCES)
        write_bit(array, &ref.s[n]);
}

static void write_array(uint32_t off, uint32_t val)
{
    uint32_t array = (off - 0x1c00) >> 8, word = (off & 0xff) / 4;

    if (off < 0x1c00)
        return;
    if ((off & 0xff) == 0xdc)
        write_number(array, val);
    for (uint32_t b = 0; word < REF_SOURCES / 32 && b < 32; b++) {
        if (val >> b & 1)
            write_number(array, word * 32 + b);
    }
}

static void write_idc(uint32_t hart, uint32_t reg, uint32_t val)
{
    if (hart >= REF_HARTS)
        return;
    if (reg == 0x00)
        ref.idc[hart].delivery = val & 1;
    if (reg == 0x04)
        ref.idc[hart].force = val & 1;
    if (reg == 0x08)
        ref.idc[hart].threshold = val & 0xff;
}

static bool swapped(uint64_t off)
{
    return off == 0x2004 || (ref.be && off != 0x2000);
}

void ref_write(uint64_t off, uint32_t val)
{
    uint32_t n = (uint32_t)(off & 0xfff) / 4;

    if (swapped(off))
        val = __builtin_bswap32(val);
    if (off == 0)
        write_domaincfg(val);
    else if (off == 0x2000 || off == 0x2004)
        write_number(0, val);
    else if (off == 0x3000)
        write_genmsi(val);
    else if (off < 0x1000 && n < REF_SOURCES)
        write_sourcecfg(&ref.s[n], val);
    else if (off >= 0x1000 && off < 0x2000)
        write_array((uint32_t)off, val);
    else if (off >= 0x3000 && off < 0x4000 && n < REF_SOURCES)
        write_target(&ref.s[n], val);
    else if (off >= 0x4000)
        write_idc((uint32_t)(off - 0x4000) / 32, off % 32, val);
}

/* in_clrip: a guest that looks at the wire asks the hardware. */
static uint32_t read_bit(uint32_t array, struct ref_source *s)
{
    if (array == 0)
        return s->pending;
    if (array == 1 && ref.dm && s->told)
        end(s);
    return array == 1 ? rectified(s) : array == 2 ? s->enabled : 0;
}

static uint32_t read_array(uint32_t off)
{
    uint32_t array = (off - 0x1c00) >> 8, word = (off & 0xff) / 4, val = 0;

    if (off < 0x1c00 || word >= REF_SOURCES / 32)
        return 0;
    for (uint32_t b = 0; b < 32; b++)
        val |= word + b != 0 ? read_bit(array, &ref.s[word * 32 + b]) << b : 0;
    return val;
}

static uint32_t read_idc(uint32_t hart, uint32_t reg)
{
    if (hart >= REF_HARTS)
        return 0;
    switch (reg) {
    case 0x00:
        return ref.idc[hart].delivery;
    case 0x04:
        return ref.idc[hart].force;
    case 0x08:
        return ref.idc[hart].threshold;
    case 0x18:
        return ref_topi(hart);
    case 0x1c:
        return claim(hart);
    }
    return 0;
}

static uint32_t read_register(uint64_t off)
{
    uint32_t n = (uint32_t)(off & 0xfff) / 4;

    if (off == 0)
        return UINT32_C(0x80000000) | (uint32_t)ref.ie << 8 | (uint32_t)ref.dm << 2 | ref.be;
    if (off == 0x3000)
        return ref.genmsi;
    if (off < 0x1000)
        return n < REF_SOURCES ? (uint32_t)ref.s[n].mode : 0;
    if (off < 0x2000)
        return read_array((uint32_t)off);
    if (off < 0x3000)
        return 0;
    if (off < 0x4000)
        return n < REF_SOURCES ? ref.s[n].target : 0;
    return read_idc((uint32_t)(off - 0x4000) / 32, off % 32);
}

uint32_t ref_read(uint64_t off)
{
    bool swap = swapped(off); /* before: reading has effects */
    uint32_t val = read_register(off);

    return swap ? __builtin_bswap32(val) : val;
}

/* The devices behind the wires are reset, too. */
void ref_reset(void)
{
    struct aplic_ref was = ref;

    ref_start(was.direct, was.msi);
    memcpy(ref.completed, was.completed, sizeof(ref.completed));
    ref.sent = was.sent;
    for (uint32_t i = 1; i < REF_SOURCES; i++) {
        ref.s[i].host = was.s[i].host;
        ref.completed[was.s[i].host] += was.s[i].host != 0 && was.s[i].wire;
    }
}
