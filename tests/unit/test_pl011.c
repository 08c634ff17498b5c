/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 through its registers, what it prints and what it reads: Arm DDI 0183. */
#include "pl011_fixture.h"

static void registers_have_their_reset_values(void **state)
{
    static const struct {
        uint32_t off, val;
    } after_reset[] = {
        { DR, 0 },
        { RSR, 0 },
        { ILPR, 0 },
        { IBRD, 0 },
        { FBRD, 0 },
        { LCR_H, 0 },
        { CR, 0x300 },
        { IFLS, 0x12 },
        { IMSC, 0 },
        { RIS, 0 },
        { MIS, 0 },
        { DMACR, 0 },
        { FR, FR_CTS | FR_DSR | FR_DCD | FR_RXFE | FR_TXFE },
        { 0xfe0, 0x11 },
        { 0xfe4, 0x10 },
        { 0xfe8, 0x14 },
        { 0xfec, 0 },
        { 0xff0, 0x0d },
        { 0xff4, 0xf0 },
        { 0xff8, 5 },
        { 0xffc, 0xb1 },
    };
    struct bench *b = *state;

    for (unsigned int round = 0; round < 2; round++) {
        for (unsigned int i = 0; i < sizeof(after_reset) / sizeof(after_reset[0]); i++)
            assert_int_equal(rd(b, after_reset[i].off), after_reset[i].val);
        /* Everything dirty, and once more. */
        type(b, "left over");
        for (uint32_t off = 4; off < 0x100; off += 4)
            wr(b, off, 0xffffffff);
        axvm_bus_reset_devices(b->vm);
        assert_false(line(b));
        while (!(rd(b, FR) & FR_RXFE))
            rd(b, DR);
        axvm_bus_reset_devices(b->vm);
    }
}

static void registers_keep_just_their_bits(void **state)
{
    static const struct {
        uint32_t off, bits;
    } writable[] = {
        { ILPR, 0xff }, { IBRD, 0xffff }, { FBRD, 0x3f },  { LCR_H, 0xff },
        { CR, 0xff87 }, { IFLS, 0x3f },   { IMSC, 0x7ff }, { DMACR, 7 },
    };
    struct bench *b = *state;

    for (unsigned int i = 0; i < sizeof(writable) / sizeof(writable[0]); i++) {
        wr(b, writable[i].off, 0xffffffff);
        assert_int_equal(rd(b, writable[i].off), writable[i].bits);
        wr(b, writable[i].off, 0);
        assert_int_equal(rd(b, writable[i].off), 0);
    }
}

/* Rows 1 and 83: every offset, every width. */
static void no_access_is_more_than_refused(void **state)
{
    struct bench *b = *state;

    for (uint64_t off = 0; off < 0x1000; off++) {
        for (unsigned int size = 1; size <= 8; size *= 2) {
            uint64_t val = UINT64_MAX;
            bool fits = off + size <= 0x1000;
            int expected = fits && off % size == 0 ? AXVM_OK : AXVM_ERR_GUEST;

            assert_int_equal(try_access(b, off, size, true, &val, true), expected);
            assert_int_equal(try_access(b, off, size, false, &val, true), expected);
            if (expected == AXVM_OK && size < 8)
                assert_int_equal(val >> 8 * size, 0);
        }
    }
    /* Offsets without a register read as zero. */
    for (uint64_t off = 0x4c; off < 0xfe0; off += 4)
        assert_int_equal(rd(b, off), 0);
}

static void narrow_and_wide_accesses_see_the_same_registers(void **state)
{
    struct bench *b = *state;

    wr(b, IBRD, 0x1234);
    wr(b, FBRD, 0x15);
    assert_int_equal(rd_size(b, IBRD, 1), 0x34);
    assert_int_equal(rd_size(b, IBRD + 1, 1), 0x12);
    assert_int_equal(rd_size(b, IBRD, 2), 0x1234);
    assert_int_equal(rd_size(b, IBRD + 2, 2), 0);
    wr_size(b, IBRD + 1, 1, 0x77);
    assert_int_equal(rd(b, IBRD), 0x1234);
    wr_size(b, IBRD, 2, 0x4321);
    assert_int_equal(rd(b, IBRD), 0x4321);
    wr_size(b, FBRD, 8, UINT64_C(0x600000002a));
    assert_int_equal(rd(b, FBRD), 0x2a);
    assert_int_equal(rd(b, LCR_H), 0x60);
    assert_true(rd_size(b, FBRD, 8) == UINT64_C(0x600000002a));
}

static void what_the_guest_prints_comes_out_in_order(void **state)
{
    struct bench *b = *state;

    print(b, "Hello, world\n");
    assert_string_equal(b->con.text, "Hello, world\n");
    assert_true(rd(b, FR) & FR_TXFE);
    assert_false(rd(b, FR) & FR_BUSY);
}

static void the_fast_tier_never_calls_the_back_end(void **state)
{
    struct bench *b = *state;
    uint64_t val = 'x';

    assert_int_equal(try_access(b, DR, 4, true, &val, false), AXVM_ERR_AGAIN);
    assert_int_equal(b->con.calls, 0);
    assert_int_equal(try_access(b, DR, 4, true, &val, true), AXVM_OK);
    assert_int_equal(b->con.calls, 1);
    assert_int_equal(try_access(b, FR, 4, false, &val, false), AXVM_OK);
}

static void without_a_back_end_output_is_dropped_at_once(void **state)
{
    struct bench *b = *state;
    struct axvm_device *dev;
    struct axvm_access acc = { .off = 0x9001000, .size = 4, .val = 'x', .vcpu = b->vm->vcpus[0] };
    const struct axvm_bus_slot *hit = &axvm_bus_no_slot;

    assert_int_equal(axvm_pl011_create(b->vm, 0x9001000, 0, NULL, &dev), 0);
    assert_int_equal(axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &hit, &acc, true), AXVM_OK);
    acc.off = 0x9001000 + FR;
    assert_int_equal(axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &hit, &acc, false), AXVM_OK);
    assert_true(acc.val & FR_TXFE);
}

/* Row 83: TX flood with a blocked sink. */
static void a_back_end_that_takes_nothing_fills_the_fifo_and_then_loses_bytes(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    b->con.room = 0;
    print(b, "0123456789abcde");
    assert_int_equal(rd(b, FR) & (FR_TXFF | FR_TXFE | FR_BUSY), FR_BUSY);
    print(b, "f");
    assert_int_equal(rd(b, FR) & (FR_TXFF | FR_TXFE | FR_BUSY), FR_BUSY | FR_TXFF);
    assert_int_equal(axvm_pl011_dropped(b->dev), 0);
    print(b, "lost");
    assert_int_equal(axvm_pl011_dropped(b->dev), 4);
    b->con.room = 3;
    axvm_pl011_resume_output(b->dev);
    assert_string_equal(b->con.text, "012");
    b->con.room = SIZE_MAX;
    axvm_pl011_resume_output(b->dev);
    assert_string_equal(b->con.text, "0123456789abcdef");
    assert_true(rd(b, FR) & FR_TXFE);
}

static void a_guest_that_polls_for_room_makes_it(void **state)
{
    struct bench *b = *state;

    b->con.room = 0;
    print(b, "a");
    assert_true(rd(b, FR) & FR_TXFF);
    b->con.room = SIZE_MAX;
    assert_false(rd(b, FR) & FR_TXFF);
    assert_string_equal(b->con.text, "a");
}

/* H12 */
static void a_back_end_that_takes_one_byte_at_a_time_gets_all(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    b->con.room = 0;
    print(b, "one by one");
    b->con.room = SIZE_MAX;
    b->con.most = 1;
    axvm_pl011_resume_output(b->dev);
    assert_string_equal(b->con.text, "one by one");
}

static size_t lying_write(void *ctx, const uint8_t *buf, size_t len)
{
    (void)ctx;
    (void)buf;
    return len + 100;
}

/* H12 */
static void a_back_end_that_claims_too_much_is_not_believed(void **state)
{
    const struct axvm_chardev liar = { .write = lying_write };
    struct bench *b = *state;
    struct axvm_device *dev;
    struct axvm_access acc = { .off = 0x9001000, .size = 4, .val = 'x', .may_call_host = true, .vcpu = b->vm->vcpus[0] };
    const struct axvm_bus_slot *hit = &axvm_bus_no_slot;

    assert_int_equal(axvm_pl011_create(b->vm, 0x9001000, 0, &liar, &dev), 0);
    assert_int_equal(axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &hit, &acc, true), AXVM_OK);
    acc.off = 0x9001000 + FR;
    assert_int_equal(axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &hit, &acc, false), AXVM_OK);
    assert_int_equal(acc.val & (FR_TXFE | FR_TXFF | FR_BUSY), FR_TXFE);
}

struct impatient {
    struct axvm_device *dev;
    struct fake_console con;
};

static size_t impatient_write(void *ctx, const uint8_t *buf, size_t len)
{
    struct impatient *i = ctx;

    axvm_pl011_resume_output(i->dev);
    return fake_console_init(&i->con).write(&i->con, buf, len);
}

/* H11, H14 */
static void a_back_end_that_calls_for_more_while_it_is_called_gets_nothing_twice(void **state)
{
    struct impatient i = { 0 };
    const struct axvm_chardev out = { .write = impatient_write, .ctx = &i };
    struct bench *b = *state;
    struct axvm_access acc = { .off = 0x9001000, .size = 4, .val = 'x', .may_call_host = true, .vcpu = b->vm->vcpus[0] };
    const struct axvm_bus_slot *hit = &axvm_bus_no_slot;

    assert_int_equal(axvm_pl011_create(b->vm, 0x9001000, 0, &out, &i.dev), 0);
    assert_int_equal(axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &hit, &acc, true), AXVM_OK);
    assert_string_equal(i.con.text, "x");
}

static void what_is_typed_can_be_read_once(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    type(b, "hi");
    assert_false(rd(b, FR) & FR_RXFE);
    assert_int_equal(rd(b, DR), 'h');
    assert_int_equal(rd(b, DR), 'i');
    assert_true(rd(b, FR) & FR_RXFE);
    assert_int_equal(rd(b, DR), 0);
}

static void nothing_typed_is_lost_before_the_buffer_is_full(void **state)
{
    struct bench *b = *state;
    uint8_t many[3000];
    size_t taken, got = 0;

    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = (uint8_t)(i * 7);
    taken = axvm_pl011_receive(b->dev, many, sizeof(many));
    assert_in_range(taken, 1000, sizeof(many) - 1);
    assert_int_equal(axvm_pl011_receive(b->dev, many, 1), 0);
    assert_true(rd(b, FR) & FR_RXFF);
    while (!(rd(b, FR) & FR_RXFE)) {
        assert_int_equal(rd(b, DR), many[got]);
        got++;
    }
    assert_int_equal(got, taken);
    assert_int_equal(rd(b, RSR), 0);
    assert_int_equal(axvm_pl011_receive(b->dev, many, 1), 1);
}

static void input_reaches_the_guest_through_the_console(void **state)
{
    struct bench *b = *state;

    b->vm->console = b->dev;
    assert_int_equal(axvm_console_input(b->vm, (const uint8_t *)"q", 1), 1);
    assert_int_equal(rd(b, DR), 'q');
    assert_int_equal(axvm_console_input(b->vm, NULL, 1), 0);
    b->vm->console = NULL;
    assert_int_equal(axvm_console_input(b->vm, (const uint8_t *)"q", 1), 0);
    assert_int_equal(axvm_console_input(NULL, (const uint8_t *)"q", 1), 0);
}

static void turning_fifos_off_flushes_what_they_hold(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    type(b, "abc");
    b->con.room = 0;
    print(b, "xyz");
    wr(b, LCR_H, 0);
    assert_int_equal(rd(b, FR) & (FR_RXFE | FR_TXFE), FR_RXFE | FR_TXFE);
    assert_int_equal(rd(b, RIS) & (INT_RX | INT_RT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UART_TEST(registers_have_their_reset_values),
        UART_TEST(registers_keep_just_their_bits),
        UART_TEST(no_access_is_more_than_refused),
        UART_TEST(narrow_and_wide_accesses_see_the_same_registers),
        UART_TEST(what_the_guest_prints_comes_out_in_order),
        UART_TEST(the_fast_tier_never_calls_the_back_end),
        UART_TEST(without_a_back_end_output_is_dropped_at_once),
        UART_TEST(a_back_end_that_takes_nothing_fills_the_fifo_and_then_loses_bytes),
        UART_TEST(a_guest_that_polls_for_room_makes_it),
        UART_TEST(a_back_end_that_takes_one_byte_at_a_time_gets_all),
        UART_TEST(a_back_end_that_claims_too_much_is_not_believed),
        UART_TEST(a_back_end_that_calls_for_more_while_it_is_called_gets_nothing_twice),
        UART_TEST(what_is_typed_can_be_read_once),
        UART_TEST(nothing_typed_is_lost_before_the_buffer_is_full),
        UART_TEST(input_reaches_the_guest_through_the_console),
        UART_TEST(turning_fifos_off_flushes_what_they_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
