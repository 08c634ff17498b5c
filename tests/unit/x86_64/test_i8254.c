/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer: its counters against a model that goes clock by clock, and the device on a VM's ports. hostile-guest.md rows
 * 1, 88. */
#include "pc_fixture.h"

#include "../../../src/devices/i8254.h"

/* ---- a model that has a clock input, by the datasheet's timing diagrams ---- */

struct ref {
    int mode;
    bool bcd, gate, out;
    bool have_cr, loading, triggered, loaded; /* a count was written; to be loaded by the next clock */
    uint32_t cr, ce, pos;                     /* ce counts down from what was loaded, 0 stands for the modulus; pos: mode 3 */
    uint32_t period;                          /* mode 3: what was loaded */
};

static uint32_t ref_modulus(const struct ref *r)
{
    return r->bcd ? 10000 : 65536;
}

static void ref_control(struct ref *r, int mode, bool bcd)
{
    bool gate = r->gate;

    memset(r, 0, sizeof(*r));
    r->gate = gate;
    r->mode = mode;
    r->bcd = bcd;
    r->out = mode != 0;
}

static void ref_count(struct ref *r, uint32_t n)
{
    bool first = !r->have_cr;

    r->cr = n != 0 ? n : ref_modulus(r);
    r->have_cr = true;
    if (r->mode == 0 || r->mode == 4 || ((r->mode == 2 || r->mode == 3) && (first || !r->loaded)))
        r->loading = true;
    if (r->mode == 0)
        r->out = false;
}

static void ref_gate(struct ref *r, bool gate)
{
    if (gate && !r->gate && r->have_cr && r->mode != 0 && r->mode != 4)
        r->triggered = true;
    if (!gate && (r->mode == 2 || r->mode == 3))
        r->out = true;
    r->gate = gate;
}

static void ref_load(struct ref *r)
{
    r->ce = r->period = r->cr;
    r->pos = 0;
    r->loading = r->triggered = false;
    r->loaded = true;
    r->out = r->mode != 0 && r->mode != 1;
}

static void ref_down(struct ref *r)
{
    r->ce = r->ce == 0 ? ref_modulus(r) - 1 : r->ce - 1;
}

static void ref_clock(struct ref *r)
{
    if (r->loading || r->triggered) {
        ref_load(r);
        return;
    }
    if (!r->loaded || (!r->gate && r->mode != 1 && r->mode != 5))
        return;
    switch (r->mode) {
    case 0:
    case 1:
        ref_down(r);
        if (r->ce == 0)
            r->out = true;
        break;
    case 2:
        ref_down(r);
        if (r->ce == 0)
            ref_load(r);
        else
            r->out = r->ce != 1;
        break;
    case 3:
        if (++r->pos == r->period)
            ref_load(r);
        r->out = r->pos < (r->period + 1) / 2;
        break;
    default:
        ref_down(r);
        /* Low for the clock at which it gets to zero for the first time. */
        r->out = !(r->ce == 0 && r->loaded && r->pos == 0);
        if (r->ce == 0)
            r->pos = 1;
        break;
    }
}

/* What can be read, as a plain number. */
static uint32_t ref_value(const struct ref *r)
{
    uint32_t half = (r->period + 1) / 2;

    if (r->mode == 3)
        return ((r->period & ~1u) - 2 * (r->pos < half ? r->pos : r->pos - half)) % ref_modulus(r);
    return r->ce % ref_modulus(r);
}

static uint32_t bcd(uint32_t v)
{
    return v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10;
}

static void write_count(struct axvm_i8254_channel *c, uint32_t n, bool is_bcd, uint64_t t)
{
    uint32_t raw = is_bcd ? bcd(n % 10000) : n & 0xffff;

    axvm_i8254_write(c, (uint8_t)raw, t);
    axvm_i8254_write(c, (uint8_t)(raw >> 8), t);
}

static uint32_t read_count(struct axvm_i8254_channel *c, uint64_t t)
{
    uint32_t low;

    axvm_i8254_control_word(c, 0, t); /* latch */
    low = axvm_i8254_read(c, t);
    return low | (uint32_t)axvm_i8254_read(c, t) << 8;
}

static void compare(struct axvm_i8254_channel *c, const struct ref *r, uint64_t t)
{
    uint32_t expected = r->bcd ? bcd(ref_value(r)) : ref_value(r);

    assert_int_equal(axvm_i8254_out(c, t), r->out);
    if (r->loaded && !r->loading && !r->triggered)
        assert_int_equal(read_count(c, t), expected);
}

static uint32_t pick_count(void)
{
    switch (rand() % 4) {
    case 0:
        return (uint32_t)rand() % 4; /* 0 stands for all, 1 is illegal in modes 2 and 3 */
    case 1:
        return 2 + (uint32_t)rand() % 30;
    default:
        return 2 + (uint32_t)rand() % 300;
    }
}

static bool is_legal(int mode, uint32_t n)
{
    return n != 1 || (mode != 2 && mode != 3);
}

static void every_mode_counts_as_the_datasheet_says(void **state)
{
    (void)state;
    for (unsigned int seed = 0; seed < 300; seed++) {
        struct axvm_i8254_channel c = { .gate = true };
        struct ref r = { .gate = true };
        int mode = (int)(seed % 6);
        bool is_bcd = seed / 6 % 2;
        uint64_t t = 1000;

        srand(seed);
        axvm_i8254_control_word(&c, (uint8_t)(0x30 | mode << 1 | is_bcd), t);
        ref_control(&r, mode, is_bcd);
        for (unsigned int step = 0; step < 400; step++) {
            unsigned int clocks = (unsigned int)rand() % (rand() % 8 == 0 ? 700 : 9);
            uint32_t n = pick_count();

            if (rand() % 6 == 0 && is_legal(mode, n)) {
                write_count(&c, n, is_bcd, t);
                ref_count(&r, n);
            } else if (rand() % 4 == 0) {
                bool gate = rand() % 3 != 0;

                axvm_i8254_set_gate(&c, gate, t);
                ref_gate(&r, gate);
            }
            compare(&c, &r, t);
            while (clocks-- != 0) {
                ref_clock(&r);
                t++;
                compare(&c, &r, t);
            }
        }
    }
}

static void the_next_rising_edge_is_the_one_that_comes(void **state)
{
    (void)state;
    for (unsigned int seed = 0; seed < 200; seed++) {
        struct axvm_i8254_channel c = { .gate = true };
        int mode = (int)(seed % 6);
        uint64_t t = 77, said = UINT64_MAX;

        srand(seed);
        axvm_i8254_control_word(&c, (uint8_t)(0x30 | mode << 1), t);
        write_count(&c, 2 + (uint32_t)rand() % 50, false, t);
        if (rand() % 2 == 0) {
            axvm_i8254_set_gate(&c, false, t + 3);
            axvm_i8254_set_gate(&c, true, t + 7);
            t += 7;
        }
        for (unsigned int step = 0; step < 500; step++, t++) {
            bool before = axvm_i8254_out(&c, t);

            said = axvm_i8254_next_rise(&c, t);
            assert_true(said > t);
            assert_int_equal(!before && axvm_i8254_out(&c, t + 1), said == t + 1);
        }
    }
}

static void bytes_of_a_count_go_where_the_control_word_says(void **state)
{
    struct axvm_i8254_channel c = { .gate = true };

    (void)state;
    axvm_i8254_control_word(&c, 0x10, 0); /* low byte only */
    axvm_i8254_write(&c, 0x34, 0);
    assert_int_equal(axvm_i8254_read(&c, 1), 0x34);
    assert_int_equal(axvm_i8254_read(&c, 2), 0x33);
    axvm_i8254_control_word(&c, 0x20, 10); /* high byte only */
    axvm_i8254_write(&c, 0x12, 10);
    assert_int_equal(axvm_i8254_read(&c, 11), 0x12);
    assert_int_equal(axvm_i8254_read(&c, 12), 0x11);
    axvm_i8254_control_word(&c, 0x30, 20);
    axvm_i8254_write(&c, 0x34, 20);
    axvm_i8254_write(&c, 0x12, 20);
    assert_int_equal(axvm_i8254_read(&c, 21), 0x34);
    assert_int_equal(axvm_i8254_read(&c, 21), 0x12);
}

static void a_latched_count_stays_until_it_is_read(void **state)
{
    struct axvm_i8254_channel c = { .gate = true };

    (void)state;
    axvm_i8254_control_word(&c, 0x34, 0);
    write_count(&c, 1000, false, 0);
    axvm_i8254_control_word(&c, 0x00, 101);
    axvm_i8254_control_word(&c, 0x00, 500); /* ignored */
    assert_int_equal(axvm_i8254_read(&c, 600), 900 & 0xff);
    assert_int_equal(axvm_i8254_read(&c, 700), 900 >> 8);
    assert_int_equal(axvm_i8254_read(&c, 801), 200);
}

static void read_back_gives_the_status_first(void **state)
{
    struct axvm_i8254_channel c = { .gate = true };

    (void)state;
    axvm_i8254_control_word(&c, 0x36, 0);
    axvm_i8254_read_back(&c, 0xc2 | 0x20, 0); /* status: OUT, null count, both bytes, mode 3 */
    assert_int_equal(axvm_i8254_read(&c, 0), 0x80 | 0x40 | 0x30 | 6);
    write_count(&c, 100, false, 0);
    axvm_i8254_read_back(&c, 0xc2, 11);
    assert_int_equal(axvm_i8254_read(&c, 11), 0x80 | 0x30 | 6);
    assert_int_equal(axvm_i8254_read(&c, 11), 80);
    assert_int_equal(axvm_i8254_read(&c, 11), 0);
    axvm_i8254_read_back(&c, 0xc2 | 0x20, 1 + 60);
    assert_int_equal(axvm_i8254_read(&c, 61), 0x30 | 6); /* the low half */
}

/* ---- the device ---- */

#define PIT_IRQ 40u

static int setup(void **state)
{
    if (pc_setup(state) != 0)
        return -1;
    return axvm_i8254_create(((struct pc *)*state)->vm, PIT_IRQ, true);
}

static void outb(struct pc *b, uint16_t at, uint8_t v)
{
    pc_out(b, at, 1, v);
}

static uint8_t inb(struct pc *b, uint16_t at)
{
    return (uint8_t)pc_in(b, at, 1);
}

/* Let time pass, and the timers be looked after as vCPU 0 does; returns how many interrupts came. */
static unsigned int run_for(struct pc *b, uint64_t ns)
{
    uint64_t end = b->hal->now_ns + ns;
    unsigned int irqs = 0;

    for (;;) {
        uint64_t next = axvm_timers_deadline(b->vm);

        b->hal->now_ns = next < end ? (next > b->hal->now_ns ? next : b->hal->now_ns) : end;
        axvm_timers_poll(b->vm, b->hal->now_ns);
        if (fake_guest_take_irq(b->vm->vcpus[0]) == PIT_IRQ)
            irqs++;
        if (b->hal->now_ns >= end)
            return irqs;
    }
}

static void program(struct pc *b, uint8_t word, uint16_t count)
{
    outb(b, 0x43, word);
    outb(b, 0x40, (uint8_t)count);
    outb(b, 0x40, (uint8_t)(count >> 8));
}

static void rate_generator_interrupts_periodically(void **state)
{
    struct pc *b = *state;

    program(b, 0x34, 11932); /* 100 Hz */
    assert_in_range(run_for(b, 10 * UINT64_C(1000000000)), 999, 1001);
    program(b, 0x36, 0); /* 18.2 Hz */
    run_for(b, 1);
    assert_in_range(run_for(b, 10 * UINT64_C(1000000000)), 181, 183);
}

static void terminal_count_interrupts_once(void **state)
{
    struct pc *b = *state;

    program(b, 0x30, 1193);
    assert_int_equal(run_for(b, 990000), 0);
    assert_int_equal(run_for(b, 20000), 1);
    assert_int_equal(run_for(b, UINT64_C(1000000000)), 0);
    assert_int_equal(axvm_timers_deadline(b->vm), AXVM_TIME_NEVER);
}

static void a_period_that_is_too_short_does_not_keep_the_cpu_from_its_work(void **state)
{
    struct pc *b = *state;

    for (unsigned int mode = 2; mode <= 3; mode++) {
        for (uint16_t count = 1; count < 40; count++) {
            program(b, (uint8_t)(0x30 | mode << 1), count);
            assert_true(run_for(b, 100000000) <= 2001);
        }
    }
}

static void late_interrupts_are_one(void **state)
{
    struct pc *b = *state;

    program(b, 0x34, 11932);
    b->hal->now_ns += 95 * UINT64_C(1000000);
    assert_int_equal(run_for(b, 1), 1);
    assert_int_equal(run_for(b, UINT64_C(1000000000)), 100);
}

static void port_b_gates_channel_2_and_shows_its_output(void **state)
{
    struct pc *b = *state;

    outb(b, 0x61, 0);
    outb(b, 0x43, 0xb0);
    outb(b, 0x42, 0xa9);
    outb(b, 0x42, 0x04); /* a millisecond */
    b->hal->now_ns += 5000000;
    assert_int_equal(inb(b, 0x61) & 0x20, 0); /* the gate is closed */
    outb(b, 0x61, 1);
    b->hal->now_ns += 990000;
    assert_int_equal(inb(b, 0x61) & 0x21, 1);
    b->hal->now_ns += 20000;
    assert_int_equal(inb(b, 0x61) & 0x21, 0x21);
}

static void refresh_toggles(void **state)
{
    struct pc *b = *state;
    unsigned int changes = 0;
    uint8_t was = inb(b, 0x61) & 0x10;

    for (unsigned int us = 0; us < 1000; us++) {
        uint8_t is;

        b->hal->now_ns += 1000;
        is = inb(b, 0x61) & 0x10;
        changes += is != was;
        was = is;
    }
    assert_in_range(changes, 65, 67);
}

static void any_bytes_at_any_port_are_survived(void **state)
{
    struct pc *b = *state;

    srand(1);
    for (unsigned int i = 0; i < 200000; i++) {
        uint16_t at = (uint16_t)(rand() % 8 == 0 ? 0x61 : 0x3e + rand() % 8);
        unsigned int size = 1u << rand() % 3;
        uint64_t val = (uint64_t)rand();
        int rc = pc_port(b, at, size, rand() % 2, false, &val);

        assert_true(rc == AXVM_OK || rc == AXVM_ERR_NOENT || rc == AXVM_ERR_GUEST);
        assert_true(rc != AXVM_OK || (at == 0x61 && size == 1) || (at >= 0x40 && at + size <= 0x44));
        if (rand() % 4 == 0)
            run_for(b, (uint64_t)rand() % 100000);
        if (rand() % 1000 == 0)
            b->hal->now_ns += (uint64_t)rand() << 20;
    }
}

static void a_clock_that_goes_back_a_little_is_survived(void **state)
{
    struct pc *b = *state;

    program(b, 0x34, 100);
    b->hal->now_ns += 1000000;
    inb(b, 0x40);
    b->hal->now_ns -= 500000;
    inb(b, 0x40);
    outb(b, 0x43, 0xe2);
    run_for(b, 1000000);
}

static void time_stands_still_while_the_vm_is_suspended(void **state)
{
    struct pc *b = *state;

    assert_int_equal(axvm_boot(b->vm), AXVM_OK);
    program(b, 0x30, 11932); /* 10 ms */
    run_for(b, 4000000);
    assert_int_equal(axvm_suspend(b->vm), AXVM_OK);
    b->hal->now_ns += 50000000;
    assert_int_equal(axvm_resume(b->vm), AXVM_OK);
    assert_int_equal(run_for(b, 5900000), 0);
    assert_int_equal(run_for(b, 200000), 1);
    axvm_shutdown(b->vm);
}

static void reset_stops_it(void **state)
{
    struct pc *b = *state;

    program(b, 0x34, 11932);
    run_for(b, 5000000);
    axvm_bus_reset_devices(b->vm);
    assert_int_equal(run_for(b, UINT64_C(1000000000)), 0);
    assert_int_equal(axvm_timers_deadline(b->vm), AXVM_TIME_NEVER);
}

int main(void)
{
#define PURE(name) cmocka_unit_test(name)
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pc_teardown)
    const struct CMUnitTest tests[] = {
        PURE(every_mode_counts_as_the_datasheet_says),
        PURE(the_next_rising_edge_is_the_one_that_comes),
        PURE(bytes_of_a_count_go_where_the_control_word_says),
        PURE(a_latched_count_stays_until_it_is_read),
        PURE(read_back_gives_the_status_first),
        TEST(rate_generator_interrupts_periodically),
        TEST(terminal_count_interrupts_once),
        TEST(a_period_that_is_too_short_does_not_keep_the_cpu_from_its_work),
        TEST(late_interrupts_are_one),
        TEST(port_b_gates_channel_2_and_shows_its_output),
        TEST(refresh_toggles),
        TEST(any_bytes_at_any_port_are_survived),
        TEST(a_clock_that_goes_back_a_little_is_survived),
        TEST(time_stands_still_while_the_vm_is_suspended),
        TEST(reset_stops_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
