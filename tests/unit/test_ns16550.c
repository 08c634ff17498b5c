/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550A in a VM, through its registers: PC16550D data sheet. hostile-guest.md row 83. */
#include "device_fixture.h"

#include <axvm/ns16550.h>

#include "arch.h"

#define BASE 0x9000000u
#define IRQ 40u

enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { FCR = IIR, DLAB = 0x80, LOOP = 0x10 };

struct bench {
    struct fake_hal *hal;
    struct axvm *vm;
    struct axvm_device *dev;
    char out[256];
    size_t len, room;
};

static size_t sink(void *ctx, const uint8_t *buf, size_t len)
{
    struct bench *b = ctx;
    size_t n = len < b->room ? len : b->room;

    assert_true(b->len + n < sizeof(b->out));
    memcpy(b->out + b->len, buf, n);
    b->len += n;
    b->room -= n;
    return n;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    const struct axvm_chardev out = { .write = sink, .ctx = b };

    if (device_setup(&b->hal, &b->vm) != 0)
        return -1;
    b->room = SIZE_MAX;
    *state = b;
    return axvm_ns16550_create(b->vm, AXVM_BUS_MMIO, BASE, IRQ, &out, &b->dev);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    int rc = device_teardown(b->hal, b->vm);

    free(b);
    return rc;
}

static int try_access(struct bench *b, uint64_t off, unsigned int size, bool write, uint64_t *val, bool host)
{
    return device_access(b->vm, AXVM_BUS_MMIO, BASE + off, size, write, host, val);
}

/* As a guest: the fast tier first. */
static uint8_t rd(struct bench *b, uint64_t off)
{
    uint64_t val = 0;
    int rc = try_access(b, off, 1, false, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, 1, false, &val, true);
    assert_int_equal(rc, AXVM_OK);
    assert_true(val <= 0xff);
    return (uint8_t)val;
}

static void wr(struct bench *b, uint64_t off, uint8_t v)
{
    uint64_t val = v;
    int rc = try_access(b, off, 1, true, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, 1, true, &val, true);
    assert_int_equal(rc, AXVM_OK);
}

static bool line(struct bench *b)
{
    return b->vm->arch.irqs[IRQ].level;
}

static void type(struct bench *b, const char *s)
{
    assert_int_equal(axvm_ns16550_receive(b->dev, (const uint8_t *)s, strlen(s)), strlen(s));
}

/* ---- tests ---- */

static void registers_have_their_reset_values_also_after_a_reset(void **state)
{
    struct bench *b = *state;

    for (unsigned int round = 0; round < 2; round++) {
        assert_int_equal(rd(b, IER), 0);
        assert_int_equal(rd(b, IIR), 1);
        assert_int_equal(rd(b, LCR), 0);
        assert_int_equal(rd(b, MCR), 0);
        assert_int_equal(rd(b, LSR), 0x60);
        assert_int_equal(rd(b, MSR), 0xb0);
        assert_int_equal(rd(b, SCR), 0);
        for (unsigned int reg = 1; reg < 8; reg++)
            wr(b, reg, 0xff);
        axvm_bus_reset_devices(b->vm);
        assert_false(line(b));
    }
}

static void registers_keep_just_their_bits(void **state)
{
    struct bench *b = *state;

    wr(b, LCR, 0xff);
    wr(b, RBR, 0x12);
    wr(b, IER, 0x34);
    assert_int_equal(rd(b, RBR), 0x12);
    assert_int_equal(rd(b, IER), 0x34);
    wr(b, LCR, 0x7f);
    assert_int_equal(rd(b, LCR), 0x7f);
    assert_int_equal(rd(b, IER), 0);
    wr(b, IER, 0xf0);
    assert_int_equal(rd(b, IER), 0);
    wr(b, MCR, 0xef);
    assert_int_equal(rd(b, MCR), 0x0f);
    wr(b, SCR, 0xa5);
    assert_int_equal(rd(b, SCR), 0xa5);
    assert_int_equal(b->len, 0);
}

static void what_is_printed_goes_out_in_order(void **state)
{
    struct bench *b = *state;

    for (const char *s = "hello"; *s; s++)
        wr(b, RBR, (uint8_t)*s);
    assert_int_equal(b->len, 5);
    assert_memory_equal(b->out, "hello", 5);
}

static void a_back_end_without_room_fills_the_fifo_and_then_characters_are_lost(void **state)
{
    struct bench *b = *state;

    wr(b, FCR, 1);
    b->room = 0;
    for (unsigned int i = 0; i < 20; i++)
        wr(b, RBR, (uint8_t)('a' + i));
    assert_int_equal(b->len, 0);
    assert_int_equal(rd(b, LSR) & 0x60, 0);
    assert_int_equal(axvm_ns16550_dropped(b->dev), 4);
    b->room = SIZE_MAX;
    axvm_ns16550_resume_output(b->dev);
    assert_memory_equal(b->out, "abcdefghijklmnop", 16);
    assert_int_equal(rd(b, LSR) & 0x60, 0x60);
}

static void the_fast_tier_never_calls_the_host(void **state)
{
    struct bench *b = *state;
    uint64_t val = 'x';

    assert_int_equal(try_access(b, RBR, 1, true, &val, false), AXVM_ERR_AGAIN);
    assert_int_equal(b->len, 0);
    b->room = 0;
    wr(b, RBR, 'x');
    assert_int_equal(try_access(b, LSR, 1, false, &val, false), AXVM_ERR_AGAIN);
}

static void input_is_read_in_order_and_none_is_lost_while_the_fifo_is_full(void **state)
{
    struct bench *b = *state;
    char text[100];

    for (unsigned int i = 0; i < 99; i++)
        text[i] = (char)('!' + i % 90);
    text[99] = '\0';
    wr(b, FCR, 1);
    type(b, text);
    for (unsigned int i = 0; i < 99; i++) {
        assert_int_equal(rd(b, LSR) & 3, 1);
        assert_int_equal(rd(b, RBR), (uint8_t)text[i]);
    }
    assert_int_equal(rd(b, LSR) & 1, 0);
    assert_int_equal(rd(b, RBR), 0);
}

static void the_receive_interrupt_follows_what_is_there(void **state)
{
    struct bench *b = *state;

    wr(b, FCR, 0x81); /* trigger at 8 */
    type(b, "1234567");
    assert_false(line(b));
    wr(b, IER, 1);
    assert_true(line(b));
    assert_int_equal(rd(b, IIR), 0xcc); /* timeout: fewer than 8 */
    type(b, "8");
    assert_int_equal(rd(b, IIR), 0xc4);
    for (unsigned int i = 0; i < 8; i++) {
        assert_true(line(b));
        rd(b, RBR);
    }
    assert_false(line(b));
    assert_int_equal(rd(b, IIR), 0xc1);
}

static void the_transmit_interrupt_ends_with_iir_or_the_next_character(void **state)
{
    struct bench *b = *state;

    wr(b, IER, 2);
    assert_true(line(b));
    assert_int_equal(rd(b, IIR), 2);
    assert_false(line(b));
    assert_int_equal(rd(b, IIR), 1);
    wr(b, RBR, 'x'); /* gone at once: empty again */
    assert_true(line(b));
    b->room = 0;
    wr(b, RBR, 'y');
    assert_false(line(b));
    b->room = SIZE_MAX;
    axvm_ns16550_resume_output(b->dev);
    assert_true(line(b));
    wr(b, IER, 0);
    assert_false(line(b));
}

static void loopback_returns_characters_and_modem_lines_and_prints_nothing(void **state)
{
    struct bench *b = *state;

    wr(b, MCR, LOOP | 0x0a); /* RTS, OUT2: how drivers tell a 16550 */
    assert_int_equal(rd(b, MSR) & 0xf0, 0x90);
    wr(b, RBR, 'z');
    assert_int_equal(rd(b, RBR), 'z');
    assert_int_equal(b->len, 0);
    type(b, "later");
    assert_int_equal(rd(b, LSR) & 1, 0);
    wr(b, MCR, 0);
    assert_int_equal(rd(b, RBR), 'l');
}

static void overrun_in_loopback_is_reported_once(void **state)
{
    struct bench *b = *state;

    wr(b, MCR, LOOP);
    wr(b, FCR, 1);
    wr(b, IER, 4);
    for (unsigned int i = 0; i < 17; i++)
        wr(b, RBR, (uint8_t)i);
    assert_true(line(b));
    assert_int_equal(rd(b, IIR), 0xc6);
    assert_int_equal(rd(b, LSR) & 2, 2);
    assert_int_equal(rd(b, LSR) & 2, 0);
    assert_false(line(b));
    assert_int_equal(rd(b, RBR), 0);
}

/* Row 83: any access at any width, in any order, stays within the FIFOs; the sanitizers look on. */
static void whatever_a_guest_does_is_survived(void **state)
{
    struct bench *b = *state;

    srand(1);
    for (unsigned int i = 0; i < 200000; i++) {
        uint64_t val = (uint64_t)rand() << 32 ^ (uint64_t)rand();
        unsigned int size = 1u << rand() % 4, off = (unsigned int)rand() % 8 & ~(size - 1);

        b->len = 0;
        b->room = (size_t)rand() % 4;
        if (rand() % 8 == 0)
            axvm_ns16550_receive(b->dev, (const uint8_t *)"0123456789", (size_t)rand() % 11);
        assert_int_equal(try_access(b, off, size, rand() % 2, &val, true), AXVM_OK);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers_have_their_reset_values_also_after_a_reset),
        TEST(registers_keep_just_their_bits),
        TEST(what_is_printed_goes_out_in_order),
        TEST(a_back_end_without_room_fills_the_fifo_and_then_characters_are_lost),
        TEST(the_fast_tier_never_calls_the_host),
        TEST(input_is_read_in_order_and_none_is_lost_while_the_fifo_is_full),
        TEST(the_receive_interrupt_follows_what_is_there),
        TEST(the_transmit_interrupt_ends_with_iir_or_the_next_character),
        TEST(loopback_returns_characters_and_modem_lines_and_prints_nothing),
        TEST(overrun_in_loopback_is_reported_once),
        TEST(whatever_a_guest_does_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
