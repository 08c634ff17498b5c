/* SPDX-License-Identifier: BSD-2-Clause */
#include "lapic_ref.h"

#include <string.h>

#define PHYS_BITS 40
#define MIN_PERIOD 50000u /* what lapic.h promises */

enum { TIMER, THERMAL, PERF, LINT0, LINT1, ERROR };
enum { FIXED, LOWEST, SMI, RESERVED, NMI, INIT, SIPI, EXTINT };
enum { ONE_SHOT, PERIODIC, DEADLINE, NO_MODE };

static bool masked(uint32_t lvt)
{
    return (lvt & 0x10000) != 0;
}

static int delivery(uint32_t lvt)
{
    return lvt >> 8 & 7;
}

static bool sw_enabled(const struct ref_apic *a)
{
    return (a->svr & 0x100) != 0;
}

static int top(const bool *bits)
{
    for (int v = 255; v >= 0; v--) {
        if (bits[v])
            return v;
    }
    return REF_NONE;
}

/* ---- priorities ---- */

static uint32_t ppr(const struct ref_apic *a)
{
    int isrv = top(a->isr) < 0 ? 0 : top(a->isr);

    if (a->tpr / 16 >= (uint32_t)isrv / 16)
        return a->tpr;
    return (uint32_t)isrv / 16 * 16;
}

int ref_pending(const struct ref *r, int id)
{
    const struct ref_apic *a = &r->apic[id];
    int irrv = top(a->irr);

    if (a->mode == REF_DISABLED)
        return a->pin[0] ? REF_EXTINT : REF_NONE;
    if (a->ext_message || (a->pin[0] && !masked(a->lvt[LINT0]) && delivery(a->lvt[LINT0]) == EXTINT))
        return REF_EXTINT;
    if (irrv >= 0 && (uint32_t)irrv / 16 > ppr(a) / 16)
        return irrv;
    return REF_NONE;
}

int ref_highest(const struct ref *r, int id)
{
    return r->apic[id].mode == REF_DISABLED ? REF_NONE : top(r->apic[id].irr);
}

void ref_accept(struct ref *r, int id, int what)
{
    struct ref_apic *a = &r->apic[id];

    if (what == REF_EXTINT) {
        a->ext_message = false;
        return;
    }
    a->irr[what] = false;
    a->isr[what] = true;
}

/* ---- in ---- */

static void request(struct ref_apic *a, int vector, bool level, bool watch)
{
    a->tmr[vector] = level;
    a->watched[vector] = watch || level;
    a->irr[vector] = true;
}

static void error(struct ref_apic *a, uint32_t bit)
{
    bool news = (a->new_errors & bit) == 0;
    int vector = a->lvt[ERROR] & 0xff;

    a->new_errors |= bit;
    if (!news || masked(a->lvt[ERROR]))
        return;
    if (vector < 16)
        a->new_errors |= 1u << 6;
    else
        request(a, vector, false, false);
}

static void tell(struct ref *r, const struct ref_apic *a, int what, int vector)
{
    if (r->event_count < 64)
        r->events[r->event_count] = (struct ref_event){ a->id, what, what == SIPI ? vector : 0 };
    r->event_count++;
}

static void local(struct ref *r, struct ref_apic *a, uint32_t lvt, bool level)
{
    int vector = lvt & 0xff;

    switch (delivery(lvt)) {
    case FIXED:
        if (vector < 16)
            error(a, 1u << 6);
        else
            request(a, vector, level, false);
        break;
    case NMI:
        tell(r, a, NMI, 0);
        break;
    default:
        break;
    }
}

void ref_local(struct ref *r, int id, int which)
{
    if (!masked(r->apic[id].lvt[which]))
        local(r, &r->apic[id], r->apic[id].lvt[which], false);
}

static bool lint0_is_level(const struct ref_apic *a)
{
    return (a->lvt[LINT0] & 0x8000) != 0;
}

/* LINT0 fixed and level-triggered: as long as it is high, once per EOI. */
static void lint0_level(struct ref *r, struct ref_apic *a)
{
    if (a->mode == REF_DISABLED || masked(a->lvt[LINT0]) || delivery(a->lvt[LINT0]) != FIXED || !lint0_is_level(a))
        return;
    if (!a->pin[0] || a->remote_irr)
        return;
    a->remote_irr = true;
    local(r, a, a->lvt[LINT0], true);
}

void ref_pin(struct ref *r, int id, int pin, bool level)
{
    struct ref_apic *a = &r->apic[id];
    bool rises = level && !a->pin[pin];
    uint32_t lvt = a->lvt[pin == 0 ? LINT0 : LINT1];

    a->pin[pin] = level;
    if (!rises)
        return;
    if (a->mode == REF_DISABLED) {
        if (pin == 1)
            tell(r, a, NMI, 0);
        return;
    }
    if (masked(lvt))
        return;
    if (delivery(lvt) == INIT)
        tell(r, a, INIT, 0);
    else if (pin == 0 && lint0_is_level(a) && delivery(lvt) == FIXED)
        lint0_level(r, a);
    else if (delivery(lvt) == FIXED || delivery(lvt) == NMI)
        local(r, a, lvt, false);
}

/* ---- messages ---- */

static bool logical_match(const struct ref_apic *a, uint32_t dest)
{
    uint32_t ldr = a->ldr >> 24;

    if (a->mode == REF_X2APIC)
        return dest / 65536 == (uint32_t)a->id / 16 && (dest % 65536 & (1u << a->id % 16)) != 0;
    if (dest > 255)
        return false;
    if (a->dfr == 0xffffffff)
        return (ldr & dest) != 0;
    if (a->dfr == 0x0fffffff)
        return ldr / 16 == dest / 16 && (ldr % 16 & dest % 16) != 0;
    return false;
}

static bool matches(const struct ref_apic *a, uint32_t dest, bool logical)
{
    if (a->mode == REF_DISABLED)
        return false;
    if (dest == 0xffffffff)
        return true;
    return logical ? logical_match(a, dest) : dest == (uint32_t)a->id;
}

static bool take(struct ref *r, struct ref_apic *a, int how, int vector, bool level, bool watch)
{
    switch (how) {
    case FIXED:
    case LOWEST:
        if (!sw_enabled(a))
            return false;
        if (vector < 16) {
            error(a, 1u << 6);
            return false;
        }
        request(a, vector, level, watch);
        return true;
    case NMI:
    case INIT:
    case SIPI:
        tell(r, a, how, vector);
        return true;
    case EXTINT:
        a->ext_message = true;
        return true;
    default:
        return true;
    }
}

/* Among those that would take it: the least task priority class; among these the first from whose turn it is on. */
static struct ref_apic *arbitrate(struct ref *r, const bool *candidates)
{
    for (uint32_t class = 0; class < 16; class ++) {
        for (int i = 0; i < r->count; i++) {
            int id = (r->turn + i) % r->count;

            if (candidates[id] && r->apic[id].tpr / 16 == class) {
                r->turn = (id + 1) % r->count;
                return &r->apic[id];
            }
        }
    }
    return NULL;
}

static bool send(struct ref *r, uint32_t dest, bool logical, int how, int vector, bool level, bool watch, int except)
{
    bool candidates[REF_MAX] = { false }, any = false;
    bool single = !logical && dest != 0xffffffff;

    for (int i = 0; i < r->count; i++)
        candidates[i] = i != except && matches(&r->apic[i], dest, logical);
    if (how == LOWEST && !single) {
        struct ref_apic *winner;

        for (int i = 0; i < r->count; i++)
            candidates[i] = candidates[i] && sw_enabled(&r->apic[i]);
        winner = arbitrate(r, candidates);
        return winner && take(r, winner, how, vector, level, watch);
    }
    for (int i = 0; i < r->count; i++) {
        if (candidates[i] && take(r, &r->apic[i], how, vector, level, watch))
            any = true;
    }
    return any;
}

bool ref_message(struct ref *r, uint32_t dest, bool logical, int how, int vector, bool level, bool watch)
{
    return send(r, dest, logical, how, vector, level, watch, -1);
}

bool ref_msi(struct ref *r, uint64_t addr, uint32_t data)
{
    uint32_t dest = (uint32_t)(addr / 4096 % 256);
    bool level = (data & 0x8000) != 0;
    int how = data >> 8 & 7;

    if (addr < 0xfee00000 || addr > 0xfeefffff || how == SIPI)
        return false;
    if (level && !(data & 0x4000))
        return true;
    return ref_message(r, dest == 255 ? 0xffffffff : dest, (addr & 4) != 0, how, data & 0xff, level, false);
}

/* ---- ICR ---- */

static void icr(struct ref *r, struct ref_apic *a, uint32_t low, uint32_t dest)
{
    int how = low >> 8 & 7, vector = low & 0xff, shorthand = low >> 18 & 3;
    bool logical = (low & 0x800) != 0, deassert = (low & 0x8000) && !(low & 0x4000);

    if ((how == FIXED || how == LOWEST) && vector < 16) {
        error(a, 1u << 5);
        return;
    }
    if (deassert || how == RESERVED || how == EXTINT)
        return;
    if (shorthand == 1 && how == FIXED)
        take(r, a, FIXED, vector, false, false);
    else if (shorthand == 2 && how == FIXED)
        send(r, 0xffffffff, false, FIXED, vector, false, false, -1);
    else if (shorthand == 3)
        send(r, 0xffffffff, false, how, vector, false, false, a->id);
    else if (shorthand == 0)
        send(r, dest, logical, how, vector, false, false, -1);
}

/* ---- timer ---- */

static int timer_mode(const struct ref_apic *a)
{
    return a->lvt[TIMER] >> 17 & 3;
}

static uint64_t divisor(const struct ref_apic *a)
{
    switch (a->divide) {
    case 0x0:
        return 2;
    case 0x1:
        return 4;
    case 0x2:
        return 8;
    case 0x3:
        return 16;
    case 0x8:
        return 32;
    case 0x9:
        return 64;
    case 0xa:
        return 128;
    default: /* 0xb */
        return 1;
    }
}

static uint64_t cycle(const struct ref_apic *a)
{
    uint64_t ns = a->initial * divisor(a);

    return timer_mode(a) == PERIODIC && ns < MIN_PERIOD ? MIN_PERIOD : ns;
}

static void timer_event(struct ref *r, struct ref_apic *a)
{
    if (!masked(a->lvt[TIMER]))
        local(r, a, a->lvt[TIMER] & 0xff, false);
}

static void advance_one(struct ref *r, struct ref_apic *a, uint64_t ns)
{
    if (timer_mode(a) == DEADLINE) {
        if (a->tsc_deadline != 0 && r->now >= a->tsc_deadline) {
            a->tsc_deadline = 0;
            timer_event(r, a);
        }
        return;
    }
    while (a->left_ns != 0 && ns >= a->left_ns) {
        ns -= a->left_ns;
        a->left_ns = timer_mode(a) == PERIODIC ? cycle(a) : 0;
        timer_event(r, a);
    }
    if (a->left_ns != 0)
        a->left_ns -= ns;
}

void ref_advance(struct ref *r, uint64_t ns)
{
    r->now += ns;
    for (int i = 0; i < r->count; i++)
        advance_one(r, &r->apic[i], ns);
}

static uint32_t current_count(const struct ref_apic *a)
{
    uint64_t count = (a->left_ns + divisor(a) - 1) / divisor(a);

    if (timer_mode(a) >= DEADLINE)
        return 0;
    return count > a->initial ? a->initial : (uint32_t)count;
}

uint64_t ref_deadline(const struct ref *r, int id)
{
    const struct ref_apic *a = &r->apic[id];

    if (masked(a->lvt[TIMER]))
        return UINT64_MAX;
    if (timer_mode(a) == DEADLINE)
        return a->tsc_deadline != 0 ? a->tsc_deadline : UINT64_MAX;
    return a->left_ns != 0 ? r->now + a->left_ns : UINT64_MAX;
}

/* ---- registers ---- */

static uint32_t vectors(const bool *bits, int n)
{
    uint32_t word = 0;

    for (int i = 0; i < 32; i++) {
        if (bits[32 * n + i])
            word |= 1u << i;
    }
    return word;
}

static uint32_t apr(const struct ref_apic *a)
{
    uint32_t irrv = top(a->irr) < 0 ? 0 : (uint32_t)top(a->irr) / 16;
    uint32_t isrv = top(a->isr) < 0 ? 0 : (uint32_t)top(a->isr) / 16;
    uint32_t tpr = a->tpr / 16, both = tpr & isrv;

    if (tpr >= irrv && tpr > isrv)
        return a->tpr;
    return (both > irrv ? both : irrv) * 16;
}

static uint32_t get(const struct ref_apic *a, int reg)
{
    bool x2 = a->mode == REF_X2APIC;

    switch (reg) {
    case 0x02:
        return x2 ? (uint32_t)a->id : (uint32_t)a->id << 24;
    case 0x03:
        return 0x01050014;
    case 0x08:
        return a->tpr;
    case 0x09:
        return apr(a);
    case 0x0a:
        return ppr(a);
    case 0x0d:
        return x2 ? ((uint32_t)a->id / 16) * 65536 + (1u << a->id % 16) : a->ldr;
    case 0x0e:
        return a->dfr;
    case 0x0f:
        return a->svr;
    case 0x28:
        return a->esr;
    case 0x30:
        return a->icr_low;
    case 0x31:
        return a->icr_high;
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x36:
    case 0x37:
        return a->lvt[reg - 0x32];
    case 0x35:
        return a->lvt[LINT0] | (a->remote_irr ? 0x4000 : 0);
    case 0x38:
        return a->initial;
    case 0x39:
        return current_count(a);
    case 0x3e:
        return a->divide;
    default:
        break;
    }
    if (reg >= 0x10 && reg < 0x18)
        return vectors(a->isr, reg - 0x10);
    if (reg >= 0x18 && reg < 0x20)
        return vectors(a->tmr, reg - 0x18);
    if (reg >= 0x20 && reg < 0x28)
        return vectors(a->irr, reg - 0x20);
    return 0;
}

static void stop_timer(struct ref_apic *a)
{
    a->initial = 0;
    a->left_ns = 0;
    a->tsc_deadline = 0;
}

static void set_lvt(struct ref *r, struct ref_apic *a, int which, uint32_t val)
{
    static const uint32_t bits[6] = { 0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff };
    int mode = timer_mode(a);

    a->lvt[which] = val & bits[which];
    if (!sw_enabled(a))
        a->lvt[which] |= 0x10000;
    if (which == TIMER && mode != timer_mode(a) && (mode >= DEADLINE || timer_mode(a) >= DEADLINE))
        stop_timer(a);
    if (which == LINT0) {
        if (!lint0_is_level(a))
            a->remote_irr = false;
        lint0_level(r, a);
    }
}

static void eoi(struct ref *r, struct ref_apic *a)
{
    int vector = top(a->isr);
    bool kept;

    if (vector < 0)
        return;
    kept = a->tmr[vector] && (a->svr & 0x1000);
    a->isr[vector] = false;
    if (!a->watched[vector])
        return;
    if (a->remote_irr && (a->lvt[LINT0] & 0xff) == (uint32_t)vector) {
        a->remote_irr = false;
        lint0_level(r, a);
    }
    if (kept)
        return;
    if (r->eoi_count < 64) {
        r->eois[r->eoi_count].apic = a->id;
        r->eois[r->eoi_count].vector = vector;
    }
    r->eoi_count++;
}

static void set_svr(struct ref_apic *a, uint32_t val)
{
    bool was = sw_enabled(a);

    a->svr = val & 0x13ff;
    for (int i = 0; i < 6 && was && !sw_enabled(a); i++)
        a->lvt[i] |= 0x10000;
}

/* What both modes can write. */
static void set(struct ref *r, struct ref_apic *a, int reg, uint32_t val)
{
    switch (reg) {
    case 0x08:
        a->tpr = val & 0xff;
        break;
    case 0x0b:
        eoi(r, a);
        break;
    case 0x0f:
        set_svr(a, val);
        break;
    case 0x28:
        a->esr = a->new_errors;
        a->new_errors = 0;
        break;
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
    case 0x36:
    case 0x37:
        set_lvt(r, a, reg - 0x32, val);
        break;
    case 0x38:
        if (timer_mode(a) < DEADLINE) {
            a->initial = val;
            a->left_ns = val != 0 ? cycle(a) : 0;
        }
        break;
    case 0x3e: {
        uint32_t count = current_count(a);

        a->divide = val & 0xb;
        if (count != 0)
            a->left_ns = count * divisor(a);
        break;
    }
    default:
        break;
    }
}

static bool xapic_has(int reg)
{
    static const char map[] = /* 0x00 .. 0x3f */
        "--ww----wrrw-www"
        "rrrrrrrrrrrrrrrr"
        "rrrrrrrrw-------"
        "wwwwwwwwwr----w-";

    return map[reg] != '-';
}

uint64_t ref_mmio_read(struct ref *r, int id, uint32_t off, int size)
{
    struct ref_apic *a = &r->apic[id];
    uint8_t slot[32] = { 0 };
    uint64_t val = 0;
    uint32_t reg32;

    if (off >= 0x400)
        return 0;
    if (!xapic_has((int)(off / 16))) {
        error(a, 1u << 7);
        return 0;
    }
    reg32 = get(a, (int)(off / 16));
    memcpy(slot, &reg32, 4);
    memcpy(&val, slot + off % 16, (size_t)size);
    return val;
}

void ref_mmio_write(struct ref *r, int id, uint32_t off, int size, uint64_t val64)
{
    struct ref_apic *a = &r->apic[id];
    uint32_t val = (uint32_t)val64;

    if (off >= 0x400)
        return;
    if (!xapic_has((int)(off / 16))) {
        error(a, 1u << 7);
        return;
    }
    if (off % 16 != 0 || size != 4)
        return;
    switch (off) {
    case 0xd0:
        a->ldr = val & 0xff000000;
        break;
    case 0xe0:
        a->dfr = val | 0x0fffffff;
        break;
    case 0x300: {
        uint32_t dest = a->icr_high >> 24;

        a->icr_low = val & 0xccfff;
        icr(r, a, a->icr_low, dest == 255 ? 0xffffffff : dest);
        break;
    }
    case 0x310:
        a->icr_high = val & 0xff000000;
        break;
    default:
        set(r, a, (int)(off / 16), val);
        break;
    }
}

/* ---- MSRs ---- */

static uint64_t apic_base(const struct ref_apic *a)
{
    return a->base | (a->mode != REF_DISABLED ? 0x800 : 0) | (a->mode == REF_X2APIC ? 0x400 : 0);
}

bool ref_rdmsr(struct ref *r, int id, uint32_t msr, uint64_t *val)
{
    static const char readable[] = "--rr----r-r--r-r"
                                   "rrrrrrrrrrrrrrrr"
                                   "rrrrrrrrr-------"
                                   "r-rrrrrrrr----r-";
    struct ref_apic *a = &r->apic[id];

    if (msr == 0x1b) {
        *val = apic_base(a);
        return true;
    }
    if (msr == 0x6e0) {
        *val = timer_mode(a) == DEADLINE ? a->tsc_deadline : 0;
        return true;
    }
    if (a->mode != REF_X2APIC || msr < 0x800 || msr > 0x83f || readable[msr - 0x800] != 'r')
        return false;
    *val = get(a, (int)(msr - 0x800));
    if (msr == 0x830)
        *val |= (uint64_t)a->icr_high << 32;
    return true;
}

static void clear(struct ref_apic *a)
{
    struct ref_apic fresh = { .id = a->id, .mode = a->mode, .base = a->base, .dfr = 0xffffffff, .svr = 0xff };

    for (int i = 0; i < 6; i++)
        fresh.lvt[i] = 0x10000;
    memcpy(fresh.pin, a->pin, sizeof(fresh.pin));
    *a = fresh;
}

static bool set_base(struct ref *r, struct ref_apic *a, uint64_t val)
{
    static const bool legal[3][3] = { { true, true, false }, { true, true, true }, { true, false, true } };
    enum ref_mode to;

    if ((val & 0x2ff) != 0)
        return false;
    if (val >> PHYS_BITS != 0 || (val & 0xc00) == 0x400)
        return false;
    to = (val & 0xc00) == 0xc00 ? REF_X2APIC : (val & 0x800) ? REF_XAPIC : REF_DISABLED;
    if (!legal[a->mode][to])
        return false;
    if (a->mode != to && (a->mode == REF_DISABLED || to == REF_DISABLED))
        clear(a);
    if (a->mode == REF_XAPIC && to == REF_X2APIC)
        a->icr_high = 0;
    a->mode = to;
    a->base = val & ~UINT64_C(0xc00);
    (void)r;
    return true;
}

/* Bits that are not reserved. */
static uint64_t x2_bits(uint32_t msr)
{
    switch (msr) {
    case 0x808:
    case 0x83f:
        return 0xff;
    case 0x80f:
        return 0x13ff;
    case 0x830:
        return 0xffffffff000cdfff;
    case 0x832:
        return 0x710ff;
    case 0x833:
    case 0x834:
        return 0x117ff;
    case 0x835:
    case 0x836:
        return 0x1f7ff;
    case 0x837:
        return 0x110ff;
    case 0x838:
        return 0xffffffff;
    case 0x83e:
        return 0xb;
    default:
        return 0;
    }
}

bool ref_wrmsr(struct ref *r, int id, uint32_t msr, uint64_t val)
{
    static const char writable[] = "--------w--w---w"
                                   "----------------"
                                   "--------w-------"
                                   "w-wwwwwww-----ww";
    struct ref_apic *a = &r->apic[id];

    if (msr == 0x1b)
        return set_base(r, a, val);
    if (msr == 0x6e0) {
        if (timer_mode(a) == DEADLINE)
            a->tsc_deadline = val;
        return true;
    }
    if (a->mode != REF_X2APIC || msr < 0x800 || msr > 0x83f || writable[msr - 0x800] != 'w' || (val & ~x2_bits(msr)) != 0)
        return false;
    if (msr == 0x830) {
        a->icr_low = val & 0xccfff;
        a->icr_high = (uint32_t)(val >> 32);
        icr(r, a, a->icr_low, a->icr_high);
    } else if (msr == 0x83f) {
        if (val < 16)
            error(a, 1u << 5);
        else
            take(r, a, FIXED, (int)val, false, false);
    } else {
        set(r, a, (int)(msr - 0x800), (uint32_t)val);
    }
    return true;
}

void ref_set_cr8(struct ref *r, int id, uint32_t cr8)
{
    r->apic[id].tpr = cr8 * 16;
}

/* ---- life ---- */

void ref_init_signal(struct ref *r, int id)
{
    clear(&r->apic[id]);
}

void ref_power_on(struct ref *r, int id)
{
    struct ref_apic *a = &r->apic[id];

    clear(a);
    a->mode = REF_XAPIC;
    a->base = 0xfee00000 | (id == 0 ? 0x100 : 0);
    if (id == 0)
        a->lvt[LINT0] = 0x700;
}

void ref_init(struct ref *r, int count)
{
    memset(r, 0, sizeof(*r));
    r->count = count;
    r->now = 1000;
    for (int i = 0; i < count; i++) {
        r->apic[i].id = i;
        ref_power_on(r, i);
    }
}
