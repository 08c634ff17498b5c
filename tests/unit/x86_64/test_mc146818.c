/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time clock: what it shows against the C library's calendar, what it interrupts for against counting. */
#include "pc_fixture.h"

#include <time.h>

#include "../../../src/devices/mc146818.h"

#define RTC_IRQ 40u
#define EPOCH_2000 946684800

static uint64_t wall;

static uint64_t wall_time_s(void *ctx)
{
    (void)ctx;
    return wall;
}

static int create(struct pc *b)
{
    struct axvm_mc146818_config cfg = { .irq = RTC_IRQ, .has_irq = true };

    cfg.nvram[0x15] = 0x80;
    cfg.nvram[0x16] = 0x02;
    return axvm_mc146818_create(b->vm, &cfg);
}

static int setup(void **state)
{
    struct pc *b;

    if (pc_setup(state) != 0)
        return -1;
    b = *state;
    /* Time begins where the host's does: at a whole second. */
    b->vm->hal.wall_time_s = wall_time_s;
    wall = 1764028800 + 12345; /* 2025-11-25 */
    return create(b);
}

static int setup_without_wall_clock(void **state)
{
    return pc_setup(state) != 0 ? -1 : create(*state);
}

static uint8_t get(struct pc *b, uint8_t reg)
{
    pc_out(b, 0x70, 1, reg);
    return (uint8_t)pc_in(b, 0x71, 1);
}

static void set(struct pc *b, uint8_t reg, uint8_t val)
{
    pc_out(b, 0x70, 1, reg);
    pc_out(b, 0x71, 1, val);
}

static unsigned int bcd(unsigned int v)
{
    return v / 10 << 4 | v % 10;
}

static void assert_shows(struct pc *b, time_t t)
{
    struct tm tm;

    gmtime_r(&t, &tm);
    assert_int_equal(get(b, 0), bcd((unsigned int)tm.tm_sec));
    assert_int_equal(get(b, 2), bcd((unsigned int)tm.tm_min));
    assert_int_equal(get(b, 4), bcd((unsigned int)tm.tm_hour));
    assert_int_equal(get(b, 6), tm.tm_wday + 1);
    assert_int_equal(get(b, 7), bcd((unsigned int)tm.tm_mday));
    assert_int_equal(get(b, 8), bcd((unsigned int)tm.tm_mon + 1));
    assert_int_equal(get(b, 9), bcd((unsigned int)tm.tm_year % 100));
    assert_int_equal(get(b, 0x32), bcd((unsigned int)(tm.tm_year + 1900) / 100));
}

static void it_shows_the_hosts_time_and_goes_on(void **state)
{
    struct pc *b = *state;

    assert_shows(b, (time_t)wall);
    b->hal->now_ns += NS_PER_S - 1;
    assert_shows(b, (time_t)wall);
    b->hal->now_ns += 1;
    assert_shows(b, (time_t)wall + 1);
    for (unsigned int i = 0; i < 20000; i++) {
        b->hal->now_ns += NS_PER_S * 7654;
        assert_shows(b, (time_t)(wall + 1 + (i + 1) * UINT64_C(7654)));
    }
}

static void dates_up_to_the_year_10000_are_shown(void **state)
{
    struct pc *b = *state;

    for (uint64_t t = 1; t < 253402300800; t += 86400 * 97 + 3607) {
        wall = t;
        axvm_bus_reset_devices(b->vm);
        assert_shows(b, (time_t)t);
    }
    wall = UINT64_MAX;
    axvm_bus_reset_devices(b->vm);
    assert_shows(b, 253402300799);
}

static void a_host_without_a_clock_starts_in_2000(void **state)
{
    struct pc *b = *state;

    assert_shows(b, EPOCH_2000 + (time_t)(b->hal->now_ns / NS_PER_S));
}

static void numbers_are_as_register_b_says(void **state)
{
    static const struct {
        uint8_t b, hour, sec;
        uint64_t at;
    } rows[] = {
        { 0x02, 0x23, 0x45, 23 * 3600 + 45 },
        { 0x06, 23, 45, 23 * 3600 + 45 },
        { 0x00, 0x91, 0x45, 23 * 3600 + 45 },
        { 0x04, 0x8b, 45, 23 * 3600 + 45 },
        { 0x00, 0x12, 0x00, 0 },
        { 0x00, 0x92, 0x00, 12 * 3600 },
        { 0x00, 0x01, 0x00, 3600 },
        { 0x04, 0x8c, 59, 12 * 3600 + 59 },
    };
    struct pc *b = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wall = 86400 * UINT64_C(20000) + rows[i].at;
        axvm_bus_reset_devices(b->vm);
        set(b, 0xb, rows[i].b);
        assert_int_equal(get(b, 4), rows[i].hour);
        assert_int_equal(get(b, 0), rows[i].sec);
    }
}

static void set_clock(struct pc *b, const struct tm *tm)
{
    set(b, 0xb, 0x82);
    set(b, 0, (uint8_t)bcd((unsigned int)tm->tm_sec));
    set(b, 2, (uint8_t)bcd((unsigned int)tm->tm_min));
    set(b, 4, (uint8_t)bcd((unsigned int)tm->tm_hour));
    set(b, 7, (uint8_t)bcd((unsigned int)tm->tm_mday));
    set(b, 8, (uint8_t)bcd((unsigned int)tm->tm_mon + 1));
    set(b, 9, (uint8_t)bcd((unsigned int)tm->tm_year % 100));
    set(b, 0x32, (uint8_t)bcd((unsigned int)(tm->tm_year + 1900) / 100));
}

static void a_guest_sets_the_time(void **state)
{
    struct pc *b = *state;

    for (unsigned int i = 0; i < 300; i++) {
        time_t t = (time_t)(1000000 + i * UINT64_C(123456789) % 8000000000);
        struct tm tm;

        gmtime_r(&t, &tm);
        set_clock(b, &tm);
        b->hal->now_ns += 3 * NS_PER_S; /* stands still meanwhile */
        assert_int_equal(get(b, 0), bcd((unsigned int)tm.tm_sec));
        set(b, 0xb, 0x02);
        assert_shows(b, t);
        b->hal->now_ns += 61 * NS_PER_S;
        assert_shows(b, t + 61);
    }
}

static void after_a_reset_of_the_divider_the_first_second_is_half_of_one(void **state)
{
    struct pc *b = *state;
    uint8_t was;

    set(b, 0xb, 0x82);
    set(b, 0xa, 0x76);
    was = get(b, 0);
    b->hal->now_ns += 5 * NS_PER_S + 1234;
    set(b, 0xa, 0x26);
    set(b, 0xb, 0x02);
    b->hal->now_ns += NS_PER_S / 2 - 10;
    assert_int_equal(get(b, 0), was);
    b->hal->now_ns += 20;
    assert_int_not_equal(get(b, 0), was);
}

static void update_in_progress_comes_right_before_the_second(void **state)
{
    struct pc *b = *state;
    uint64_t second = b->hal->now_ns + NS_PER_S;
    uint8_t was = get(b, 0);

    b->hal->now_ns = second - 2300000;
    assert_int_equal(get(b, 0xa) & 0x80, 0);
    b->hal->now_ns = second - 2200000;
    assert_int_equal(get(b, 0xa) & 0x80, 0x80);
    b->hal->now_ns = second - 1;
    assert_int_equal(get(b, 0xa) & 0x80, 0x80);
    assert_int_equal(get(b, 0), was);
    b->hal->now_ns = second;
    assert_int_equal(get(b, 0xa) & 0x80, 0);
    assert_int_not_equal(get(b, 0), was);
}

/* Interrupts taken in the time: each by reading register C. */
static unsigned int count_irqs(struct pc *b, uint64_t ns, uint8_t flag)
{
    uint64_t end = b->hal->now_ns + ns;
    unsigned int n = 0;

    while (b->hal->now_ns < end) {
        uint64_t next = axvm_timers_deadline(b->vm);

        pc_run_to(b, next < end ? next : end);
        if (pc_irq(b, RTC_IRQ)) {
            assert_int_equal(get(b, 0xc) & (0x80 | flag), 0x80 | flag);
            assert_false(pc_irq(b, RTC_IRQ));
            n++;
        }
    }
    return n;
}

static void the_periodic_interrupt_has_the_rate_of_register_a(void **state)
{
    static const unsigned int hz[] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2 };
    struct pc *b = *state;

    set(b, 0xb, 0x42);
    for (uint8_t rate = 0; rate < 16; rate++) {
        set(b, 0xa, 0x20 | rate);
        get(b, 0xc);
        assert_in_range(count_irqs(b, 4 * NS_PER_S, 0x40), hz[rate] * 4 - (hz[rate] != 0), hz[rate] * 4 + 1);
    }
}

static void the_update_interrupt_comes_each_second(void **state)
{
    struct pc *b = *state;

    set(b, 0xb, 0x12);
    get(b, 0xc);
    assert_int_equal(count_irqs(b, 100 * NS_PER_S, 0x10), 100);
    set(b, 0xb, 0x92); /* SET turns it off */
    assert_int_equal(get(b, 0xb), 0x82);
    assert_int_equal(count_irqs(b, 10 * NS_PER_S, 0x10), 0);
}

/* Against asking each second. */
static void the_alarm_comes_when_the_time_matches(void **state)
{
    struct pc *b = *state;

    srand(3);
    for (unsigned int i = 0; i < 16; i++) {
        int h = rand() % 3 == 0 ? -1 : rand() % 24, m = rand() % 3 == 0 ? -1 : rand() % 60,
            s = rand() % 4 == 0 ? -1 : rand() % 60;
        unsigned int expected = 0, seconds = 90000;
        struct tm tm;
        time_t now;

        wall = 86400 * UINT64_C(20000) + (uint64_t)(rand() % 86400);
        axvm_bus_reset_devices(b->vm);
        now = (time_t)wall;
        set(b, 1, s < 0 ? 0xff : (uint8_t)bcd((unsigned int)s));
        set(b, 3, m < 0 ? 0xc0 : (uint8_t)bcd((unsigned int)m));
        set(b, 5, h < 0 ? 0xe1 : (uint8_t)bcd((unsigned int)h));
        set(b, 0xb, 0x22);
        if (h < 0 && m < 0)
            seconds = 2000; /* there are many */
        for (unsigned int n = 1; n <= seconds; n++) {
            time_t t = now + n;

            gmtime_r(&t, &tm);
            expected += (h < 0 || tm.tm_hour == h) && (m < 0 || tm.tm_min == m) && (s < 0 || tm.tm_sec == s);
        }
        assert_int_equal(count_irqs(b, seconds * NS_PER_S, 0x20), expected);
    }
}

static void an_alarm_that_no_time_matches_never_comes(void **state)
{
    struct pc *b = *state;

    set(b, 3, 0x99);
    set(b, 0xb, 0x22);
    assert_int_equal(axvm_timers_deadline(b->vm), AXVM_TIME_NEVER);
    assert_int_equal(count_irqs(b, 100000 * NS_PER_S, 0x20), 0);
}

static void an_interrupt_that_nobody_takes_costs_no_more_time(void **state)
{
    struct pc *b = *state;

    set(b, 0xa, 0x23);
    set(b, 0xb, 0x72);
    pc_run_for(b, NS_PER_S);
    assert_true(pc_irq(b, RTC_IRQ));
    assert_int_equal(axvm_timers_deadline(b->vm), AXVM_TIME_NEVER);
}

static void memory_is_as_the_config_says_and_can_be_written(void **state)
{
    struct pc *b = *state;

    assert_int_equal(get(b, 0x15), 0x80);
    assert_int_equal(get(b, 0x16), 0x02);
    assert_int_equal(get(b, 0xd), 0x80);
    for (unsigned int i = 14; i < 128; i++) {
        if (i != 0x32)
            set(b, (uint8_t)i, (uint8_t)(i * 3));
    }
    for (unsigned int i = 14; i < 128; i++) {
        if (i != 0x32)
            assert_int_equal(get(b, (uint8_t)(i | 0x80)), (uint8_t)(i * 3)); /* bit 7 is no part of the index */
    }
    axvm_bus_reset_devices(b->vm);
    assert_int_equal(get(b, 0x15), 0x80);
    assert_int_equal(get(b, 0x20), 0);
}

static void anything_written_anywhere_is_survived(void **state)
{
    struct pc *b = *state;

    srand(7);
    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t val = (uint64_t)rand();
        uint16_t at = (uint16_t)(0x70 + rand() % 2);

        if (rand() % 2) /* mostly registers that do something */
            val &= 0x8f;
        pc_port(b, at, 1u << rand() % 2, rand() % 2, false, &val);
        if (rand() % 16 == 0)
            pc_run_for(b, (uint64_t)rand() % 10000000);
        if (rand() % 500 == 0)
            b->hal->now_ns += (uint64_t)rand() << 22;
        if (rand() % 500 == 0)
            b->hal->now_ns -= 1000;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pc_teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_shows_the_hosts_time_and_goes_on),
        TEST(dates_up_to_the_year_10000_are_shown),
        cmocka_unit_test_setup_teardown(a_host_without_a_clock_starts_in_2000, setup_without_wall_clock, pc_teardown),
        TEST(numbers_are_as_register_b_says),
        TEST(a_guest_sets_the_time),
        TEST(after_a_reset_of_the_divider_the_first_second_is_half_of_one),
        TEST(update_in_progress_comes_right_before_the_second),
        TEST(the_periodic_interrupt_has_the_rate_of_register_a),
        TEST(the_update_interrupt_comes_each_second),
        TEST(the_alarm_comes_when_the_time_matches),
        TEST(an_alarm_that_no_time_matches_never_comes),
        TEST(an_interrupt_that_nobody_takes_costs_no_more_time),
        TEST(memory_is_as_the_config_says_and_can_be_written),
        TEST(anything_written_anywhere_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
