/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of an 8254, as functions of time: what a counter holds follows from when it was loaded. Intel 8254 datasheet
 * (231164): "Programming the 8254", "Mode Definitions".
 */
#include "i8254.h"

#define NEVER UINT64_MAX

/* Counts go around here: 0 stands for this. */
static uint32_t modulus(const struct axvm_i8254_channel *c)
{
    return c->bcd ? 10000 : 0x10000;
}

static uint32_t from_bcd(uint32_t v)
{
    return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static uint32_t to_bcd(uint32_t v)
{
    return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static bool is_periodic(const struct axvm_i8254_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_triggered(const struct axvm_i8254_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* A new count of modes 2 and 3 has come into force. */
static void settle(struct axvm_i8254_channel *c, uint64_t t)
{
    if (c->pending && !c->paused && t >= c->switch_at) {
        c->start = c->switch_at;
        c->count = c->next;
        c->pending = false;
    }
}

/* Clocks since the count was loaded; on the clock that loads it, and before, 0. */
static uint64_t elapsed(const struct axvm_i8254_channel *c, uint64_t t)
{
    if (c->paused)
        return c->elapsed;
    return t > c->start ? t - c->start : 0;
}

/* ---- OUT ---- */

static bool out_after(const struct axvm_i8254_channel *c, uint64_t e)
{
    switch (c->mode) {
    case 0:
    case 1:
        return e >= c->count;
    case 2:
        return e % c->count != c->count - 1;
    case 3:
        return e % c->count < (c->count + 1) / 2;
    default: /* low for the one clock at which the count expires */
        return e != c->count;
    }
}

bool axvm_i8254_out(struct axvm_i8254_channel *c, uint64_t t)
{
    settle(c, t);
    if (!c->counting || (is_periodic(c) && !c->gate))
        return c->mode != 0;
    if (t < c->start) /* until the clock that loads the count */
        return c->before;
    return out_after(c, elapsed(c, t));
}

/* Clocks after loading at which OUT rises for the first time. */
static uint64_t rise_after(const struct axvm_i8254_channel *c)
{
    return c->mode == 4 || c->mode == 5 ? (uint64_t)c->count + 1 : c->count;
}

/* The first multiple of the period after @t, counted from where it began. */
static uint64_t next_period(const struct axvm_i8254_channel *c, uint64_t t)
{
    uint64_t e = t >= c->start ? t - c->start : 0;

    return c->start + (e / c->count + 1) * c->count;
}

uint64_t axvm_i8254_next_rise(struct axvm_i8254_channel *c, uint64_t t)
{
    settle(c, t);
    if (!c->counting || c->paused)
        return NEVER;
    if (is_periodic(c)) /* a period of 1 is none: OUT does not move */
        return c->count != 1 ? next_period(c, t) : NEVER;
    return t < c->start + rise_after(c) ? c->start + rise_after(c) : NEVER;
}

/* ---- counts written ---- */

/* On the next clock. */
static void load(struct axvm_i8254_channel *c, uint32_t count, uint64_t t)
{
    c->before = is_periodic(c) || (c->mode != 0 && axvm_i8254_out(c, t));
    c->count = count;
    c->start = t + 1;
    c->counting = true;
    c->pending = false;
    c->paused = !c->gate && !is_triggered(c);
    c->elapsed = 0;
}

/* "a new count ... written": modes 2 and 3 finish the period first, 1 and 5 wait for a trigger. */
static void new_count(struct axvm_i8254_channel *c, uint32_t raw, uint64_t t)
{
    uint32_t count = c->bcd ? from_bcd(raw) : raw;

    if (count == 0)
        count = modulus(c);
    c->written = true;
    settle(c, t);
    if (is_triggered(c)) {
        c->next = count;
        if (c->counting && t < c->start) /* the trigger has been, the clock that loads has not */
            c->count = count;
    } else if (!is_periodic(c) || !c->counting || t < c->start) {
        load(c, count, t);
    } else { /* while it is paused it waits for the trigger */
        c->next = count;
        c->pending = true;
        c->switch_at = next_period(c, t);
    }
}

/* Mode 0 stops with the first byte of two, its output low. */
static void first_byte(struct axvm_i8254_channel *c, uint8_t val)
{
    c->low = val;
    c->write_high = true;
    if (c->mode == 0)
        c->counting = false;
}

void axvm_i8254_write(struct axvm_i8254_channel *c, uint8_t val, uint64_t t)
{
    switch (c->access) {
    case 1:
        new_count(c, val, t);
        break;
    case 2:
        new_count(c, (uint32_t)val << 8, t);
        break;
    case 3:
        if (!c->write_high) {
            first_byte(c, val);
        } else {
            c->write_high = false;
            new_count(c, (uint32_t)val << 8 | c->low, t);
        }
        break;
    default: /* no control word yet */
        break;
    }
}

/* ---- counts read ---- */

/* Mode 3 counts down by two, once for each half of the period. */
static uint32_t square_count(const struct axvm_i8254_channel *c, uint64_t e)
{
    uint32_t high = (c->count + 1) / 2, pos = (uint32_t)(e % c->count);

    return (c->count & ~1u) - 2 * (pos < high ? pos : pos - high);
}

static uint16_t current(struct axvm_i8254_channel *c, uint64_t t)
{
    uint32_t m = modulus(c), v;
    uint64_t e;

    settle(c, t);
    e = elapsed(c, t);
    if (c->count == 0)
        v = 0;
    else if (c->mode == 2)
        v = c->count - (uint32_t)(e % c->count);
    else if (c->mode == 3)
        v = square_count(c, e);
    else
        v = (c->count + m - (uint32_t)(e % m)) % m;
    v %= m;
    return (uint16_t)(c->bcd ? to_bcd(v) : v);
}

/* "null count": what was written last is not in the counting element yet. */
static bool is_null(struct axvm_i8254_channel *c, uint64_t t)
{
    settle(c, t);
    return !c->counting || c->pending || (is_triggered(c) && c->written) || (!c->paused && t < c->start);
}

static void latch_count(struct axvm_i8254_channel *c, uint64_t t)
{
    if (c->latched_bytes != 0) /* "ignored until it is read" */
        return;
    c->latch = current(c, t);
    c->latched_bytes = c->access == 3 ? 2 : 1;
    c->read_high = false;
}

static void latch_status(struct axvm_i8254_channel *c, uint64_t t)
{
    if (c->status_latched)
        return;
    c->status = (uint8_t)(axvm_i8254_out(c, t) << 7 | is_null(c, t) << 6 | c->access << 4 | c->mode << 1 | c->bcd);
    c->status_latched = true;
}

void axvm_i8254_read_back(struct axvm_i8254_channel *c, uint8_t word, uint64_t t)
{
    if (!(word & 0x20))
        latch_count(c, t);
    if (!(word & 0x10))
        latch_status(c, t);
}

/* Which byte of a count of @access comes now. */
static bool reads_high(struct axvm_i8254_channel *c)
{
    bool high = c->access == 2 || (c->access == 3 && c->read_high);

    if (c->access == 3)
        c->read_high = !c->read_high;
    return high;
}

uint8_t axvm_i8254_read(struct axvm_i8254_channel *c, uint64_t t)
{
    uint16_t v;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    v = c->latched_bytes != 0 ? c->latch : current(c, t);
    if (c->latched_bytes != 0)
        c->latched_bytes--;
    return (uint8_t)(reads_high(c) ? v >> 8 : v);
}

/* ---- control ---- */

/* After power-on "the mode, count value and output are undefined": as if mode 0 had been chosen. */
void axvm_i8254_reset_channel(struct axvm_i8254_channel *c, bool gate)
{
    *c = (struct axvm_i8254_channel){ .access = 3, .gate = gate };
}

void axvm_i8254_control_word(struct axvm_i8254_channel *c, uint8_t word, uint64_t t)
{
    uint8_t access = word >> 4 & 3, mode = word >> 1 & 7;

    if (access == 0) { /* "Counter Latch Command" */
        latch_count(c, t);
        return;
    }
    axvm_i8254_reset_channel(c, c->gate);
    c->access = access;
    c->mode = mode > 5 ? mode - 4 : mode; /* bit 2 does not matter to modes 2 and 3 */
    c->bcd = word & 1;
}

static void trigger(struct axvm_i8254_channel *c, uint64_t t)
{
    if (is_triggered(c) && (c->written || c->counting)) {
        load(c, c->next, t);
        c->written = false;
    } else if (is_periodic(c) && c->counting) {
        load(c, c->pending ? c->next : c->count, t);
    } else if (c->paused) {
        c->paused = false;
        c->start = t > c->start ? t - c->elapsed : c->start;
    }
}

static void stop(struct axvm_i8254_channel *c, uint64_t t)
{
    if (c->counting && !c->paused && !is_triggered(c)) {
        c->elapsed = elapsed(c, t);
        c->paused = true;
    }
}

void axvm_i8254_set_gate(struct axvm_i8254_channel *c, bool gate, uint64_t t)
{
    bool had = c->gate;

    settle(c, t);
    c->gate = gate;
    if (gate && !had)
        trigger(c, t);
    else if (!gate && had)
        stop(c, t);
}
