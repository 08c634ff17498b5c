/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts, errors and loopback of the PL011: Arm DDI 0183, "Interrupts". */
#include "pl011_fixture.h"

static void the_receive_interrupt_comes_at_the_trigger_level(void **state)
{
    static const unsigned int levels[] = { 2, 4, 8, 12, 14 };
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    for (unsigned int sel = 0; sel < 5; sel++) {
        wr(b, IFLS, sel << 3);
        wr(b, IMSC, INT_RX);
        for (unsigned int n = 1; n <= 16; n++) {
            type(b, "x");
            assert_int_equal(rd(b, RIS) & INT_RX, n >= levels[sel] ? INT_RX : 0);
            assert_int_equal(line(b), n >= levels[sel]);
        }
        for (unsigned int n = 16; n-- > 0;) {
            rd(b, DR);
            assert_int_equal(rd(b, RIS) & INT_RX, n >= levels[sel] ? INT_RX : 0);
            assert_int_equal(line(b), n >= levels[sel]);
        }
    }
}

static void without_fifos_every_character_interrupts(void **state)
{
    struct bench *b = *state;

    wr(b, IMSC, INT_RX);
    type(b, "ab");
    assert_true(line(b));
    assert_true(rd(b, FR) & FR_RXFF);
    assert_int_equal(rd(b, RIS) & INT_RT, 0);
    assert_int_equal(rd(b, DR), 'a');
    assert_true(line(b)); /* the next has moved up */
    assert_int_equal(rd(b, DR), 'b');
    assert_false(line(b));
}

static void a_few_characters_interrupt_by_the_receive_timeout(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    wr(b, IMSC, INT_RX | INT_RT);
    type(b, "abc");
    assert_int_equal(rd(b, MIS), INT_RT);
    assert_true(line(b));
    /* Cleared before all is read: what is left must not wait for ever. */
    wr(b, ICR, INT_RT);
    assert_false(line(b));
    rd(b, DR);
    assert_true(line(b));
    rd(b, DR);
    rd(b, DR);
    assert_false(line(b));
    assert_int_equal(rd(b, RIS) & (INT_RX | INT_RT), 0);
}

static void the_transmit_interrupt_says_that_there_is_room(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    wr(b, IMSC, INT_TX);
    assert_false(line(b));
    print(b, "a");
    assert_true(line(b));
    wr(b, ICR, INT_TX);
    assert_false(line(b));
    b->con.room = 0;
    print(b, "0123456789"); /* above one half, where the level is */
    wr(b, ICR, INT_TX);
    assert_false(line(b));
    b->con.room = 1;
    axvm_pl011_resume_output(b->dev);
    assert_false(line(b));
    b->con.room = 1;
    axvm_pl011_resume_output(b->dev);
    assert_true(line(b));
}

static void a_masked_interrupt_shows_in_ris_only(void **state)
{
    struct bench *b = *state;

    print(b, "a");
    assert_int_equal(rd(b, RIS), INT_TX);
    assert_int_equal(rd(b, MIS), 0);
    assert_false(line(b));
    wr(b, IMSC, INT_TX);
    assert_int_equal(rd(b, MIS), INT_TX);
    assert_true(line(b));
    wr(b, IMSC, 0);
    assert_false(line(b));
}

static void loopback_returns_what_is_sent_and_prints_nothing(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    wr(b, CR, 0x301 | LBE);
    type(b, "from the host");
    print(b, "mirror");
    for (const char *s = "mirror"; *s; s++)
        assert_int_equal(rd(b, DR), *s);
    assert_true(rd(b, FR) & FR_RXFE);
    assert_int_equal(b->con.len, 0);
    /* The line is heard again. */
    wr(b, CR, 0x301);
    assert_int_equal(rd(b, DR), 'f');
}

/* Row 83: overrun. */
static void an_overrun_is_flagged_and_cleared(void **state)
{
    struct bench *b = *state;

    wr(b, LCR_H, FEN);
    wr(b, CR, 0x301 | LBE);
    wr(b, IMSC, INT_OE);
    print(b, "0123456789abcdef");
    assert_int_equal(rd(b, RIS) & INT_OE, 0);
    print(b, "XY");
    assert_int_equal(rd(b, MIS), INT_OE);
    assert_true(line(b));
    assert_int_equal(rd(b, RSR), 8);
    assert_int_equal(rd(b, DR), '0');
    print(b, "z");
    for (const char *s = "123456789abcdef"; *s; s++)
        assert_int_equal(rd(b, DR), *s);
    assert_int_equal(rd(b, DR), 0x800 | 'z');
    assert_int_equal(rd(b, RSR), 8);
    wr(b, RSR, 0);
    assert_int_equal(rd(b, RSR), 0);
    wr(b, ICR, INT_OE);
    assert_false(line(b));
}

static void a_break_in_loopback_is_received(void **state)
{
    struct bench *b = *state;

    wr(b, CR, 0x301 | LBE);
    wr(b, LCR_H, FEN | 1);
    assert_int_equal(rd(b, RIS) & INT_BE, INT_BE);
    assert_int_equal(rd(b, DR), 0x400);
    assert_int_equal(rd(b, RSR), 4);
}

static void modem_outputs_feed_the_inputs_in_loopback(void **state)
{
    struct bench *b = *state;

    wr(b, ICR, 0x7ff);
    wr(b, CR, LBE);
    assert_int_equal(rd(b, FR) & (FR_CTS | FR_DSR | FR_DCD | FR_RI), 0);
    assert_int_equal(rd(b, RIS) & 0xf, 2 | 4 | 8); /* CTS, DCD, DSR have changed */
    wr(b, ICR, 0xf);
    wr(b, CR, LBE | 0x800);
    assert_int_equal(rd(b, FR) & (FR_CTS | FR_DSR | FR_DCD | FR_RI), FR_CTS);
    assert_int_equal(rd(b, RIS) & 0xf, 2);
    wr(b, CR, LBE | 0x2000);
    assert_int_equal(rd(b, FR) & (FR_CTS | FR_DSR | FR_DCD | FR_RI), FR_RI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UART_TEST(the_receive_interrupt_comes_at_the_trigger_level),
        UART_TEST(without_fifos_every_character_interrupts),
        UART_TEST(a_few_characters_interrupt_by_the_receive_timeout),
        UART_TEST(the_transmit_interrupt_says_that_there_is_room),
        UART_TEST(a_masked_interrupt_shows_in_ris_only),
        UART_TEST(loopback_returns_what_is_sent_and_prints_nothing),
        UART_TEST(an_overrun_is_flagged_and_cleared),
        UART_TEST(a_break_in_loopback_is_received),
        UART_TEST(modem_outputs_feed_the_inputs_in_loopback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
