/* SPDX-License-Identifier: BSD-2-Clause */
#include "mc146818.h"

#include <axvm/err.h>

#include "mc146818_date.h"

#define NS_PER_S UINT64_C(1000000000)
#define NEVER UINT64_MAX

/* "Address Map". */
enum {
    R_SECOND,
    R_SECOND_ALARM,
    R_MINUTE,
    R_MINUTE_ALARM,
    R_HOUR,
    R_HOUR_ALARM,
    R_WEEKDAY,
    R_DAY,
    R_MONTH,
    R_YEAR,
    R_A,
    R_B,
    R_C,
    R_D
};
#define R_CENTURY AXVM_MC146818_CENTURY

#define A_UIP 0x80u
#define A_DIVIDER 0x70u
#define A_DIVIDER_RUN 0x20u /* from a crystal of 32768 Hz */
#define A_RATE 0x0fu
#define B_SET 0x80u
#define B_UIE 0x10u
#define B_BINARY 0x04u
#define B_24H 0x02u
/* The same bits enable in B and are set in C. */
#define F_PERIODIC 0x40u
#define F_ALARM 0x20u
#define F_UPDATE 0x10u
#define F_ALL (F_PERIODIC | F_ALARM | F_UPDATE)
#define C_IRQF 0x80u
#define D_VALID 0x80u
#define ANY 0xc0u /* an alarm register of this or more matches everything */
#define PM 0x80u

#define CRYSTAL_HZ 32768u
/* "Update Cycle": UIP is set 244 us before it, and it takes 1984 us. The new time is there when it is over. */
#define UPDATE_NS 2228000u

struct rtc {
    struct axvm_device dev;
    struct axvm_irq_line line;
    uint64_t now;                 /* last time that was seen; never goes back */
    uint64_t base_s, base_ns;     /* it was so late then; whole seconds are counted from base_ns */
    struct axvm_date held;        /* while the clock is held, the time is here */
    uint64_t seen_s, seen_period; /* up to which flags have been set */
    uint64_t alarm_s;             /* next time at which the alarm matches; NEVER */
    uint8_t index, a, b, c, weekday_shift;
    uint8_t ram[AXVM_MC146818_SIZE];
    uint8_t at_power_on[AXVM_MC146818_SIZE];
};

/* ---- what numbers look like ---- */

static uint8_t encode(const struct rtc *rtc, uint32_t v)
{
    return (uint8_t)(rtc->b & B_BINARY ? v : v / 10 << 4 | v % 10);
}

static uint8_t decode(const struct rtc *rtc, uint8_t v)
{
    return (uint8_t)(rtc->b & B_BINARY ? v : (v >> 4) * 10 + (v & 15));
}

static uint8_t encode_hour(const struct rtc *rtc, uint8_t hour)
{
    if (rtc->b & B_24H)
        return encode(rtc, hour);
    return (uint8_t)(encode(rtc, hour % 12 != 0 ? hour % 12 : 12) | (hour >= 12 ? PM : 0));
}

static uint8_t decode_hour(const struct rtc *rtc, uint8_t v)
{
    if (rtc->b & B_24H)
        return decode(rtc, v);
    return (uint8_t)(decode(rtc, v & 0x7f) % 12 + (v & PM ? 12 : 0));
}

/* ---- time ---- */

/* No updates: the time is being set, or the divider stands. */
static bool is_held(const struct rtc *rtc)
{
    return (rtc->b & B_SET) || (rtc->a & A_DIVIDER) != A_DIVIDER_RUN;
}

static uint64_t get_seconds(const struct rtc *rtc)
{
    uint64_t s = rtc->base_s + (rtc->now - rtc->base_ns) / NS_PER_S;

    return s < AXVM_DATE_END ? s : AXVM_DATE_END - 1;
}

static uint64_t get_phase(const struct rtc *rtc)
{
    return (rtc->now - rtc->base_ns) % NS_PER_S;
}

static struct axvm_date get_date(const struct rtc *rtc)
{
    return is_held(rtc) ? rtc->held : axvm_date_from_seconds(get_seconds(rtc));
}

/* What the guest has written may be no date at all. */
static uint64_t to_seconds(struct axvm_date d)
{
    uint64_t s;

    d.year = d.year < 1970 ? 1970 : d.year;
    d.month = d.month == 0 ? 1 : d.month > 12 ? 12 : d.month;
    d.day = d.day == 0 ? 1 : d.day;
    s = axvm_date_to_seconds(&d);
    return s < AXVM_DATE_END ? s : AXVM_DATE_END - 1;
}

static bool alarm_matches(const struct rtc *rtc, unsigned int reg, uint32_t v)
{
    uint8_t alarm = rtc->ram[reg];

    if (alarm >= ANY)
        return true;
    return (reg == R_HOUR_ALARM ? decode_hour(rtc, alarm) : decode(rtc, alarm)) == v;
}

/* The first second after @s at which the alarm matches. At most 24 hours, 60 minutes and 60 seconds are stepped over, twice. */
static uint64_t next_alarm(const struct rtc *rtc, uint64_t s)
{
    s++;
    for (unsigned int step = 0; step < 2 * (24 + 60 + 60); step++) {
        uint32_t second = (uint32_t)(s % 60), minute = (uint32_t)(s / 60 % 60), hour = (uint32_t)(s / 3600 % 24);

        if (!alarm_matches(rtc, R_HOUR_ALARM, hour))
            s += 3600 - s % 3600;
        else if (!alarm_matches(rtc, R_MINUTE_ALARM, minute))
            s += 60 - second;
        else if (!alarm_matches(rtc, R_SECOND_ALARM, second))
            s++;
        else
            return s;
    }
    return NEVER;
}

/* The time, or what the alarm is set to, has been changed: what has passed does not count. */
static void start_from_here(struct rtc *rtc)
{
    rtc->seen_s = get_seconds(rtc);
    rtc->alarm_s = next_alarm(rtc, rtc->seen_s);
}

static void set_time(struct rtc *rtc, uint64_t s, uint64_t phase)
{
    rtc->base_s = s;
    rtc->base_ns = rtc->now - phase; /* may wrap: only differences count */
    start_from_here(rtc);
}

/* ---- flags and the interrupt ---- */

/* Cycles of the crystal in a period of the periodic interrupt, "Periodic Interrupt Rate"; 0: there is none. */
static uint32_t get_period(const struct rtc *rtc)
{
    unsigned int rate = rtc->a & A_RATE;

    if (rate == 0 || (rtc->a & A_DIVIDER) != A_DIVIDER_RUN)
        return 0;
    return 1u << (rate > 2 ? rate - 1 : rate + 6);
}

static uint64_t get_cycles(const struct rtc *rtc)
{
    return rtc->now / NS_PER_S * CRYSTAL_HZ + rtc->now % NS_PER_S * CRYSTAL_HZ / NS_PER_S;
}

/* When this many cycles have passed. */
static uint64_t cycles_to_ns(uint64_t cycles)
{
    return cycles / CRYSTAL_HZ * NS_PER_S + (cycles % CRYSTAL_HZ * NS_PER_S + CRYSTAL_HZ - 1) / CRYSTAL_HZ;
}

static void set_flags(struct rtc *rtc)
{
    uint32_t period = get_period(rtc);
    uint64_t n = period != 0 ? get_cycles(rtc) / period : 0;
    uint64_t s = get_seconds(rtc);

    if (period != 0 && n != rtc->seen_period)
        rtc->c |= F_PERIODIC;
    rtc->seen_period = n;
    if (is_held(rtc) || s == rtc->seen_s)
        return;
    rtc->c |= F_UPDATE;
    if (rtc->alarm_s <= s) {
        rtc->c |= F_ALARM;
        rtc->alarm_s = next_alarm(rtc, s);
    }
    rtc->seen_s = s;
}

static void look_at_clock(struct rtc *rtc, uint64_t now)
{
    rtc->now = now > rtc->now ? now : rtc->now;
    set_flags(rtc);
}

static uint64_t seconds_to_ns(const struct rtc *rtc, uint64_t s)
{
    return s < AXVM_DATE_END ? rtc->base_ns + (s - rtc->base_s) * NS_PER_S : NEVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the next flag is set that makes an interrupt; one that is set already makes none. */
static uint64_t get_deadline(const struct rtc *rtc)
{
    uint32_t wanted = rtc->b & ~rtc->c & F_ALL, period = get_period(rtc);
    uint64_t deadline = NEVER;

    if (rtc->c & rtc->b & F_ALL || !rtc->line.vm)
        return NEVER;
    if ((wanted & F_PERIODIC) && period != 0)
        deadline = cycles_to_ns((rtc->seen_period + 1) * period);
    if (is_held(rtc))
        return deadline;
    if (wanted & F_UPDATE)
        deadline = earlier(deadline, seconds_to_ns(rtc, rtc->seen_s + 1));
    if (wanted & F_ALARM)
        deadline = earlier(deadline, seconds_to_ns(rtc, rtc->alarm_s));
    return deadline;
}

static void update(struct rtc *rtc)
{
    axvm_irq_line_set(&rtc->line, (rtc->c & rtc->b & F_ALL) != 0);
    axvm_device_set_deadline(&rtc->dev, get_deadline(rtc));
}

/* ---- registers ---- */

static uint8_t read_time(const struct rtc *rtc, unsigned int reg)
{
    struct axvm_date d = get_date(rtc);

    switch (reg) {
    case R_SECOND:
        return encode(rtc, d.second);
    case R_MINUTE:
        return encode(rtc, d.minute);
    case R_HOUR:
        return encode_hour(rtc, d.hour);
    case R_WEEKDAY: /* 1 is Sunday; 1970 began on a Thursday */
        return encode(rtc, (uint32_t)((to_seconds(d) / AXVM_DAY_S + 4 + rtc->weekday_shift) % 7 + 1));
    case R_DAY:
        return encode(rtc, d.day);
    case R_MONTH:
        return encode(rtc, d.month);
    case R_YEAR:
        return encode(rtc, d.year % 100);
    default:
        return encode(rtc, d.year / 100 % 100);
    }
}

static void write_field(struct rtc *rtc, struct axvm_date *d, unsigned int reg, uint8_t val)
{
    uint8_t v = decode(rtc, val);

    switch (reg) {
    case R_SECOND:
        d->second = v;
        break;
    case R_MINUTE:
        d->minute = v;
        break;
    case R_HOUR:
        d->hour = decode_hour(rtc, val);
        break;
    case R_WEEKDAY:
        rtc->weekday_shift = (uint8_t)((v + 14u - 1 - (to_seconds(*d) / AXVM_DAY_S + 4) % 7) % 7);
        break;
    case R_DAY:
        d->day = v;
        break;
    case R_MONTH:
        d->month = v;
        break;
    case R_YEAR:
        d->year = d->year / 100 * 100 + v % 100;
        break;
    default:
        d->year = v % 100u * 100 + d->year % 100;
        break;
    }
}

/* While it is held the fields are what was written, whatever date they make. */
static void write_time(struct rtc *rtc, unsigned int reg, uint8_t val)
{
    struct axvm_date d = get_date(rtc);

    write_field(rtc, &d, reg, val);
    if (is_held(rtc))
        rtc->held = d;
    else
        set_time(rtc, to_seconds(d), get_phase(rtc));
}

static bool is_time(unsigned int reg)
{
    return reg == R_CENTURY || (reg <= R_YEAR && reg != R_SECOND_ALARM && reg != R_MINUTE_ALARM && reg != R_HOUR_ALARM);
}

static bool is_divider_running(uint8_t a)
{
    return (a & A_DIVIDER) == A_DIVIDER_RUN;
}

/* A new A or B: what is held, or goes on, is the time as it is. After a reset of the divider the first update comes half a
 * second later. */
static void write_control(struct rtc *rtc, uint8_t a, uint8_t b)
{
    struct axvm_date d = get_date(rtc);
    bool was_held = is_held(rtc), starts = is_divider_running(a) && !is_divider_running(rtc->a);
    uint64_t phase = starts ? NS_PER_S / 2 : get_phase(rtc);

    rtc->a = a;
    rtc->b = b;
    if (is_held(rtc))
        rtc->held = d;
    if (starts || (was_held && !is_held(rtc)))
        set_time(rtc, to_seconds(d), phase);
    else
        start_from_here(rtc); /* the alarm may have another meaning in another format */
    rtc->seen_period = get_period(rtc) != 0 ? get_cycles(rtc) / get_period(rtc) : 0;
}

static uint8_t read_c(struct rtc *rtc)
{
    uint8_t c = rtc->c & F_ALL;

    if (c & rtc->b)
        c |= C_IRQF;
    rtc->c = 0;
    return c;
}

static uint8_t read_register(struct rtc *rtc, unsigned int reg)
{
    if (is_time(reg))
        return read_time(rtc, reg);
    switch (reg) {
    case R_A:
        return (uint8_t)(rtc->a | (!is_held(rtc) && get_phase(rtc) >= NS_PER_S - UPDATE_NS ? A_UIP : 0));
    case R_B:
        return rtc->b;
    case R_C:
        return read_c(rtc);
    case R_D:
        return D_VALID;
    default:
        return rtc->ram[reg];
    }
}

static void write_register(struct rtc *rtc, unsigned int reg, uint8_t val)
{
    if (is_time(reg)) {
        write_time(rtc, reg, val);
        return;
    }
    switch (reg) {
    case R_A:
        write_control(rtc, val & (uint8_t)~A_UIP, rtc->b);
        break;
    case R_B:
        write_control(rtc, rtc->a, val & B_SET ? val & (uint8_t)~B_UIE : val);
        break;
    case R_C:
    case R_D:
        break;
    default:
        rtc->ram[reg] = val;
        if (reg < R_A)
            start_from_here(rtc);
        break;
    }
}

/* ---- the device ---- */

/* Offset 0 is the index, which cannot be read; 1 the register it names. */
static int rtc_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct rtc *rtc = (struct rtc *)dev;
    unsigned long flags = axvm_device_lock(dev);

    look_at_clock(rtc, axvm_device_time_ns(dev));
    acc->val = acc->off == 0 ? 0xff : read_register(rtc, rtc->index);
    if (acc->size == 2)
        acc->val |= (uint64_t)read_register(rtc, rtc->index) << 8;
    update(rtc);
    axvm_device_unlock(dev, flags);
    return AXVM_OK;
}

static int rtc_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct rtc *rtc = (struct rtc *)dev;
    unsigned long flags = axvm_device_lock(dev);

    look_at_clock(rtc, axvm_device_time_ns(dev));
    if (acc->off == 0)
        rtc->index = acc->val & (AXVM_MC146818_SIZE - 1); /* bit 7 masks NMIs: there are none */
    if (acc->off == 1 || acc->size == 2)
        write_register(rtc, rtc->index, (uint8_t)(acc->off == 1 ? acc->val : acc->val >> 8));
    update(rtc);
    axvm_device_unlock(dev, flags);
    return AXVM_OK;
}

static void rtc_expire(struct axvm_device *dev, uint64_t now_ns)
{
    struct rtc *rtc = (struct rtc *)dev;
    unsigned long flags = axvm_device_lock(dev);

    look_at_clock(rtc, now_ns);
    update(rtc);
    axvm_device_unlock(dev, flags);
}

/* The battery has kept the time, and the host what is in the memory. */
static void rtc_reset(struct axvm_device *dev)
{
    struct rtc *rtc = (struct rtc *)dev;
    uint64_t s = axvm_device_wall_time_s(dev), now = axvm_device_time_ns(dev);

    for (unsigned int i = 0; i < AXVM_MC146818_SIZE; i++)
        rtc->ram[i] = rtc->at_power_on[i];
    rtc->index = 0;
    rtc->a = A_DIVIDER_RUN | 6; /* as a BIOS has it: 1024 Hz */
    rtc->b = B_24H;
    rtc->c = 0;
    rtc->weekday_shift = 0;
    rtc->now = now > rtc->now ? now : rtc->now;
    set_time(rtc, s < AXVM_DATE_END ? s : AXVM_DATE_END - 1, 0);
    rtc->seen_period = get_cycles(rtc) / get_period(rtc);
    update(rtc);
}

static const struct axvm_device_ops rtc_ops = {
    .name = "mc146818",
    .read = rtc_read,
    .write = rtc_write,
    .reset = rtc_reset,
    .expire = rtc_expire,
};

int axvm_mc146818_create(struct axvm *vm, const struct axvm_mc146818_config *cfg)
{
    struct rtc *rtc = axvm_device_alloc(vm, sizeof(*rtc));
    int rc;

    if (!rtc)
        return AXVM_ERR_NOMEM;
    rtc->dev.ops = &rtc_ops;
    rtc->dev.windows[0] = (struct axvm_window){ AXVM_BUS_PORT, AXVM_MC146818_PORT, 2 };
    rtc->dev.window_count = 1;
    rtc->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    for (unsigned int i = AXVM_MC146818_NVRAM; i < AXVM_MC146818_SIZE; i++)
        rtc->at_power_on[i] = cfg->nvram[i];
    rc = cfg->has_irq ? axvm_irq_line_init(&rtc->line, vm, cfg->irq, false) : AXVM_OK;
    if (rc == AXVM_OK)
        rc = axvm_device_attach(vm, &rtc->dev);
    if (rc == AXVM_OK)
        rtc_reset(&rtc->dev);
    return rc;
}
