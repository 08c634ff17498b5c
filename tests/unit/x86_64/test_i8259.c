/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259s against a model of another shape over long random sequences: inputs as structs, priorities by walking the order.
 * Then cases by name. hostile-guest.md rows 87, 88.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "i8259.h"

/* ---- the owner ---- */

static bool intr;
static uint32_t done_lines;

static void on_output(void *arg, bool level)
{
    (void)arg;
    assert_int_not_equal(intr, level);
    intr = level;
}

static void on_done(void *arg, uint32_t lines)
{
    (void)arg;
    done_lines |= lines;
}

static struct axvm_i8259 pic;

/* ---- the model ---- */

struct ref_input {
    bool line, latched, level, in_service, masked, tracked;
};

struct ref_chip {
    struct ref_input in[8];
    int first;        /* the input of highest priority */
    int base, expect; /* ICW: 0 none, 2, 3, 4 */
    bool icw4, single, aeoi, sfnm, rotate_aeoi, smm, poll, isr_selected;
};

static struct ref_chip ref[2];
static uint32_t ref_done;

static bool requested(const struct ref_input *in)
{
    return in->level ? in->line : in->latched;
}

/* Walk from the highest priority: whoever requests first, unless somebody in service was met. */
static int ref_request(struct ref_chip *c)
{
    for (int i = 0; i < 8; i++) {
        int n = (c->first + i) % 8;
        struct ref_input *in = &c->in[n];
        bool slave_is_transparent = c == &ref[0] && n == 2 && c->sfnm;

        if (in->in_service && !(c->smm && in->masked) && !slave_is_transparent)
            return -1;
        if (requested(in) && !in->masked)
            return n;
    }
    return -1;
}

static void ref_cascade(void)
{
    ref[0].in[2].line = ref_request(&ref[1]) >= 0;
    ref[0].in[2].level = true;
}

static void ref_end(int chip, int n)
{
    struct ref_input *in = &ref[chip].in[n];

    if (in->in_service && in->tracked)
        ref_done |= 1u << (8 * chip + n);
    in->in_service = false;
}

static void ref_service(int chip, int n)
{
    struct ref_chip *c = &ref[chip];

    c->in[n].latched = false;
    c->in[n].in_service = true;
    if (!c->aeoi)
        return;
    ref_end(chip, n);
    if (c->rotate_aeoi)
        c->first = (n + 1) % 8;
}

static int ref_ack(void)
{
    int n = ref_request(&ref[0]), m;

    if (n < 0)
        return ref[0].base + 7;
    ref_service(0, n);
    if (n != 2)
        return ref[0].base + n;
    m = ref_request(&ref[1]);
    if (m < 0)
        return ref[1].base + 7;
    ref_service(1, m);
    return ref[1].base + m;
}

static void ref_eoi(int chip, bool specific, int n, bool rotate)
{
    struct ref_chip *c = &ref[chip];

    for (int i = 0; !specific; i++) {
        if (i == 8)
            return;
        n = (c->first + i) % 8;
        if (c->in[n].in_service && !(c->smm && c->in[n].masked))
            break;
    }
    ref_end(chip, n);
    if (rotate)
        c->first = (n + 1) % 8;
}

static void ref_command(int chip, uint32_t v)
{
    struct ref_chip *c = &ref[chip];

    if (v & 0x10) { /* ICW1 */
        for (int n = 0; n < 8; n++) {
            ref_end(chip, n);
            c->in[n].latched = c->in[n].masked = false;
        }
        c->first = 0;
        c->aeoi = c->sfnm = c->rotate_aeoi = c->smm = c->poll = c->isr_selected = false;
        c->icw4 = v & 1;
        c->single = v & 2;
        c->expect = 2;
        return;
    }
    if (v & 0x08) { /* OCW3 */
        if (v & 0x40)
            c->smm = v & 0x20;
        if (v & 0x04)
            c->poll = true;
        else if (v & 0x02)
            c->isr_selected = v & 0x01;
        return;
    }
    switch (v >> 5) {
    case 0:
    case 4:
        c->rotate_aeoi = v >> 5 == 4;
        break;
    case 1:
    case 5:
        ref_eoi(chip, false, 0, v >> 5 == 5);
        break;
    case 3:
    case 7:
        ref_eoi(chip, true, v & 7, v >> 5 == 7);
        break;
    case 6:
        c->first = ((v & 7) + 1) % 8;
        break;
    default:
        break;
    }
}

static void ref_data(int chip, uint32_t v)
{
    struct ref_chip *c = &ref[chip];

    switch (c->expect) {
    case 2:
        c->base = v & 0xf8;
        c->expect = c->single ? (c->icw4 ? 4 : 0) : 3;
        break;
    case 3:
        c->expect = c->icw4 ? 4 : 0;
        break;
    case 4:
        c->aeoi = v & 2;
        c->sfnm = v & 0x10;
        c->expect = 0;
        break;
    default:
        for (int n = 0; n < 8; n++)
            c->in[n].masked = v >> n & 1;
        break;
    }
}

static void ref_elcr(int chip, uint32_t v)
{
    for (int n = 0; n < 8; n++) {
        struct ref_input *in = &ref[chip].in[n];
        bool level = (v >> n & 1) && (chip == 0 ? n >= 3 : n != 0 && n != 5);

        if (chip == 0 && n == 2)
            continue;
        if (level != in->level)
            in->latched = false;
        in->level = level;
    }
}

static void ref_line(int irq, bool level)
{
    struct ref_input *in = &ref[irq / 8].in[irq % 8];

    if (level && !in->line && !in->level)
        in->latched = true;
    if (!level && in->tracked)
        in->latched = false;
    in->line = level;
}

static uint32_t bits(int chip, int what)
{
    uint32_t v = 0;

    for (int n = 0; n < 8; n++) {
        struct ref_input *in = &ref[chip].in[n];
        bool b = what == 0   ? requested(in)
                 : what == 1 ? in->in_service
                 : what == 2 ? in->masked
                             : in->level && !(chip == 0 && n == 2);

        v |= (uint32_t)b << n;
    }
    return v;
}

static uint32_t ref_read(uint32_t port)
{
    int chip = port >= 0x4d0 ? (int)(port & 1) : port >= 0xa0;
    struct ref_chip *c = &ref[chip];

    if (port >= 0x4d0)
        return bits(chip, 3);
    if (c->poll) {
        int n = ref_request(c);

        c->poll = false;
        if (n < 0)
            return 0;
        ref_service(chip, n);
        return 0x80 | (uint32_t)n;
    }
    if (port & 1)
        return bits(chip, 2);
    return bits(chip, c->isr_selected ? 1 : 0);
}

static void ref_write(uint32_t port, uint32_t v)
{
    int chip = port >= 0x4d0 ? (int)(port & 1) : port >= 0xa0;

    if (port >= 0x4d0)
        ref_elcr(chip, v);
    else if (port & 1)
        ref_data(chip, v);
    else
        ref_command(chip, v);
}

/* ---- random ---- */

static uint64_t seed;

static uint32_t any(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };

static int setup(void **state)
{
    (void)state;
    memset(&pic, 0, sizeof(pic));
    memset(ref, 0, sizeof(ref));
    intr = false;
    done_lines = ref_done = 0;
    pic.output = on_output;
    pic.done = on_done;
    axvm_i8259_reset(&pic);
    for (int n = 0; n < 16; n++)
        ref[n / 8].in[n % 8].masked = true;
    ref[0].in[2].level = true;
    return 0;
}

static enum axvm_i8259_ports ports_of(uint32_t port)
{
    return port >= AXVM_I8259_ELCR_BASE    ? AXVM_I8259_ELCR
           : port >= AXVM_I8259_SLAVE_BASE ? AXVM_I8259_SLAVE
                                           : AXVM_I8259_MASTER;
}

static uint8_t read_port(uint32_t port)
{
    return axvm_i8259_read(&pic, ports_of(port), port & 1);
}

static void in(uint32_t port)
{
    assert_int_equal(read_port(port), ref_read(port));
    ref_cascade();
}

static void out(uint32_t port, uint8_t val)
{
    axvm_i8259_write(&pic, ports_of(port), port & 1, val);
    ref_write(port, val);
    ref_cascade();
}

static void line(uint32_t irq, bool level)
{
    axvm_i8259_set(&pic, irq, level);
    if (irq != 2)
        ref_line((int)irq, level);
    ref_cascade();
}

static int ack(void)
{
    int got = axvm_i8259_ack(&pic);

    assert_int_equal(got, ref_ack() & 0xff);
    ref_cascade();
    return got;
}

static void compare(void)
{
    assert_int_equal(intr, ref_request(&ref[0]) >= 0);
    assert_int_equal(done_lines, ref_done);
    done_lines = ref_done = 0;
}

static uint8_t any_command(void)
{
    static const uint8_t often[] = { 0x20, 0x20, 0x20, 0xa0, 0x60, 0xe0, 0xc0, 0x80, 0x00, 0x0a, 0x0b, 0x0c, 0x68, 0x48, 0x40 };
    uint8_t v = often[any(sizeof(often))];

    if (any(40) == 0)
        return (uint8_t)any(256);
    return (v & 0x18) == 0 ? v | (uint8_t)any(8) : v;
}

static void step(void)
{
    uint32_t port = ports[any(6)];

    switch (any(6)) {
    case 0:
    case 1:
        if (port >= 0x4d0 && any(8) != 0)
            break;
        out(port, (port & 1) ? (uint8_t)(any(256) & any(256)) : any_command());
        break;
    case 2:
        in(port);
        break;
    case 3:
        if (intr || any(10) == 0)
            ack();
        break;
    default:
        line(any(16), any(2));
        break;
    }
    compare();
}

static void they_do_what_the_reference_does(void **state)
{
    for (uint64_t s = 1; s <= 30; s++) {
        setup(state);
        seed = s;
        for (unsigned int n = 0; n < 16; n += 5) {
            axvm_i8259_track(&pic, n);
            ref[n / 8].in[n % 8].tracked = true;
        }
        for (int i = 0; i < 30000; i++)
            step();
    }
}

/* ---- by name ---- */

static void init(void)
{
    static const uint8_t icw[2][4] = { { 0x11, 0x30, 0x04, 0x01 }, { 0x11, 0x38, 0x02, 0x01 } };

    for (unsigned int chip = 0; chip < 2; chip++) {
        uint32_t port = chip == 0 ? 0x20 : 0xa0;

        out(port, icw[chip][0]);
        for (unsigned int i = 1; i < 4; i++)
            out(port + 1, icw[chip][i]);
    }
}

static void nothing_comes_through_before_they_are_set_up(void **state)
{
    (void)state;
    for (uint32_t irq = 0; irq < 16; irq++)
        line(irq, true);
    assert_false(intr);
}

static void an_edge_of_the_slave_comes_through_the_master(void **state)
{
    (void)state;
    init();
    line(8, true);
    line(8, false);
    assert_true(intr);
    assert_int_equal(ack(), 0x38);
    assert_false(intr);
    out(0x20, 0x0b);
    assert_int_equal(read_port(0x20), 0x04);
    out(0xa0, 0x0b);
    assert_int_equal(read_port(0xa0), 0x01);
}

static void an_acknowledge_of_nothing_is_spurious_and_leaves_nothing_in_service(void **state)
{
    (void)state;
    init();
    assert_int_equal(ack(), 0x37);
    out(0x20, 0x0b);
    assert_int_equal(read_port(0x20), 0);
}

/* The slave's request goes between its being seen by the master and its acknowledge only inside one sequence; by polling it
 * can. */
static void a_slave_that_was_polled_empty_no_longer_interrupts(void **state)
{
    (void)state;
    init();
    line(12, true);
    out(0xa0, 0x0c);
    assert_int_equal(read_port(0xa0), 0x84);
    assert_false(intr);
}

static void a_level_comes_again_after_its_eoi_until_the_line_falls(void **state) /* 88 */
{
    (void)state;
    init();
    out(0x4d0, 0x20);
    line(5, true);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ack(), 0x35);
        assert_false(intr);
        out(0x20, 0x20);
        assert_true(intr);
    }
    line(5, false);
    assert_false(intr);
}

static void only_a_higher_priority_nests(void **state)
{
    (void)state;
    init();
    line(4, true);
    assert_int_equal(ack(), 0x34);
    line(5, true);
    assert_false(intr);
    line(1, true);
    assert_true(intr);
    assert_int_equal(ack(), 0x31);
    out(0x20, 0x20); /* of 1 */
    assert_false(intr);
    out(0x20, 0x20);
    assert_true(intr);
    assert_int_equal(ack(), 0x35);
}

static void rotation_makes_the_served_one_the_last(void **state)
{
    (void)state;
    init();
    line(3, true);
    assert_int_equal(ack(), 0x33);
    out(0x20, 0xa0);
    line(3, false);
    line(3, true);
    line(7, true);
    assert_int_equal(ack(), 0x37);
}

static void edge_or_level_is_fixed_for_timer_keyboard_clock_and_coprocessor(void **state)
{
    (void)state;
    out(0x4d0, 0xff);
    out(0x4d1, 0xff);
    assert_int_equal(read_port(0x4d0), 0xf8);
    assert_int_equal(read_port(0x4d1), 0xde);
}

static void the_hosts_interrupts_end_with_the_guests_eoi_of_them(void **state)
{
    (void)state;
    axvm_i8259_track(&pic, 11);
    init();
    line(11, true);
    assert_int_equal(axvm_i8259_ack(&pic), 0x3b);
    assert_int_equal(done_lines, 0);
    axvm_i8259_write(&pic, AXVM_I8259_SLAVE, 0, 0x20);
    assert_int_equal(done_lines, 1u << 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_do_what_the_reference_does, setup),
        cmocka_unit_test_setup(nothing_comes_through_before_they_are_set_up, setup),
        cmocka_unit_test_setup(an_edge_of_the_slave_comes_through_the_master, setup),
        cmocka_unit_test_setup(an_acknowledge_of_nothing_is_spurious_and_leaves_nothing_in_service, setup),
        cmocka_unit_test_setup(a_slave_that_was_polled_empty_no_longer_interrupts, setup),
        cmocka_unit_test_setup(a_level_comes_again_after_its_eoi_until_the_line_falls, setup),
        cmocka_unit_test_setup(only_a_higher_priority_nests, setup),
        cmocka_unit_test_setup(rotation_makes_the_served_one_the_last, setup),
        cmocka_unit_test_setup(edge_or_level_is_fixed_for_timer_keyboard_clock_and_coprocessor, setup),
        cmocka_unit_test_setup(the_hosts_interrupts_end_with_the_guests_eoi_of_them, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
