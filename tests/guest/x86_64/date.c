/* SPDX-License-Identifier: BSD-2-Clause */
/* The date that a guest's real-time clock shows, and KVM's paravirtual wall clock if there is one: they agree. */
#include "guest.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define MSR_WALL_CLOCK 0x4b564d00u
#define MSR_SYSTEM_TIME 0x4b564d01u
#define KVM 0x40000100u /* its leaves, after the hypervisor's own */
#define KVM_FEATURE_CLOCK (1u << 3)

static uint8_t cmos(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

/* Of two digits each; the clock counts in BCD until somebody changes that. */
static uint32_t field(uint8_t reg)
{
    uint8_t v = cmos(reg);

    return (cmos(0xb) & 4) ? v : (v >> 4) * 10u + (v & 15);
}

static void put_two(uint32_t v, char before)
{
    put_char(before);
    put_char((char)('0' + v / 10 % 10));
    put_char((char)('0' + v % 10));
}

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint64_t days_until(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint8_t length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    uint64_t days = day - 1;

    for (uint32_t y = 1970; y < year; y++)
        days += is_leap(y) ? 366 : 365;
    for (uint32_t m = 1; m < month; m++)
        days += length[m - 1] + (m == 2 && is_leap(year) ? 1u : 0u);
    return days;
}

/* Seconds since 1970; not while an update is going on, nor across one. */
static uint64_t read_clock(void)
{
    uint32_t year, month, day, hour, minute, second;

    do {
        while (cmos(0xa) & 0x80)
            pause_cpu();
        second = field(0);
        minute = field(2);
        hour = field(4);
        day = field(7);
        month = field(8);
        year = field(0x32) * 100 + field(9);
    } while (second != field(0));
    put_str("date: ");
    put_dec(year);
    put_two(month, '-');
    put_two(day, '-');
    put_two(hour, ' ');
    put_two(minute, ':');
    put_char('\n');
    return ((days_until(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/* The time at which the machine's clock was 0, and that clock: "KVM-specific MSRs". */
static struct {
    uint32_t version, sec, nsec;
} wall __attribute__((aligned(16)));
static struct {
    uint32_t version, pad;
    uint64_t tsc, system_time;
    uint32_t mul;
    int8_t shift;
    uint8_t flags, pad2[2];
} clock __attribute__((aligned(32)));

static uint64_t read_wall_clock(void)
{
    uint64_t delta;

    wrmsr(MSR_SYSTEM_TIME, (uint64_t)&clock | 1);
    wrmsr(MSR_WALL_CLOCK, (uint64_t)&wall);
    cpuid(0, 0);
    delta = rdtsc() - *(volatile uint64_t *)&clock.tsc;
    delta = clock.shift < 0 ? delta >> -clock.shift : delta << clock.shift;
    return *(volatile uint32_t *)&wall.sec +
           (clock.system_time + (uint64_t)((unsigned __int128)delta * clock.mul >> 32)) / 1000000000;
}

static bool has_wall_clock(void)
{
    return cpuid(KVM, 0).b == 0x4b4d564b && (cpuid(KVM + 1, 0).a & KVM_FEATURE_CLOCK);
}

void guest_main(uint32_t magic, const char *cmdline)
{
    uint64_t before = read_clock(), wall_clock;

    (void)magic;
    (void)cmdline;
    if (has_wall_clock()) {
        wall_clock = read_wall_clock();
        /* Nobody knows how long it takes to read them. */
        if (wall_clock + 2 >= before && wall_clock <= read_clock() + 2) {
            put_str("date: both clocks agree\n");
        } else {
            put_str("date: FAIL the clocks are apart by ");
            put_hex(wall_clock - before);
            put_char('\n');
        }
    }
    put_str("date: done\n");
}
