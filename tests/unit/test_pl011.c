/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 through its registers: Arm DDI 0183. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <axvm/pl011.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "vm_priv.h"

#define BASE 0x9000000u
#define IRQ 40u

enum {
    DR = 0x00, RSR = 0x04, FR = 0x18, ILPR = 0x20, IBRD = 0x24, FBRD = 0x28, LCR_H = 0x2c, CR = 0x30, IFLS = 0x34, IMSC = 0x38,
    RIS = 0x3c, MIS = 0x40, ICR = 0x44, DMACR = 0x48,
};
enum { FR_CTS = 1, FR_DSR = 2, FR_DCD = 4, FR_BUSY = 8, FR_RXFE = 0x10, FR_TXFF = 0x20, FR_RXFF = 0x40, FR_TXFE = 0x80, FR_RI = 0x100 };
enum { INT_RX = 0x10, INT_TX = 0x20, INT_RT = 0x40, INT_BE = 0x200, INT_OE = 0x400 };
enum { FEN = 0x10, LBE = 0x80 };

struct bench {
    struct fake_hal *hal;
    struct axvm *vm;
    struct axvm_device *dev;
    struct fake_console con;
    struct axvm_chardev chardev;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    void *hal;

    if (fake_setup(&hal) != 0)
        return -1;
    b->hal = hal;
    b->vm = fake_vm(b->hal, 1);
    b->chardev = fake_console_init(&b->con);
    *state = b;
    return axvm_pl011_create(b->vm, BASE, IRQ, &b->chardev, &b->dev);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    void *hal = b->hal;
    int rc = axvm_destroy(b->vm) != AXVM_OK || fake_teardown(&hal) != 0;

    free(b);
    return rc;
}

#define UART_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int try_access(struct bench *b, uint64_t off, unsigned int size, bool write, uint64_t *val, bool host)
{
    struct axvm_access acc = { .off = BASE + off, .size = (uint8_t)size, .val = *val, .may_call_host = host, .vcpu = b->vm->vcpus[0] };
    int rc = axvm_bus_access(&b->vm->bus[AXVM_BUS_MMIO], &b->vm->vcpus[0]->hit[AXVM_BUS_MMIO], &acc, write);

    *val = acc.val;
    return rc;
}

/* As a guest: the fast tier first. */
static uint64_t rd_size(struct bench *b, uint64_t off, unsigned int size)
{
    uint64_t val = 0;
    int rc = try_access(b, off, size, false, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, size, false, &val, true);
    assert_int_equal(rc, AXVM_OK);
    return val;
}

static void wr_size(struct bench *b, uint64_t off, unsigned int size, uint64_t val)
{
    int rc = try_access(b, off, size, true, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, size, true, &val, true);
    assert_int_equal(rc, AXVM_OK);
}

static uint32_t rd(struct bench *b, uint64_t off)
{
    return (uint32_t)rd_size(b, off, 4);
}

static void wr(struct bench *b, uint64_t off, uint32_t val)
{
    wr_size(b, off, 4, val);
}

static bool line(struct bench *b)
{
    return b->vm->arch.irqs[IRQ].level;
}

static void type(struct bench *b, const char *s)
{
    assert_int_equal(axvm_pl011_receive(b->dev, (const uint8_t *)s, strlen(s)), strlen(s));
}

static void print(struct bench *b, const char *s)
{
    for (; *s; s++)
        wr(b, DR, (uint8_t)*s);
}

static void registers_have_their_reset_values(void **state)
{
    static const struct {
        uint32_t off, val;
    } after_reset[] = {
        { DR, 0 }, { RSR, 0 }, { ILPR, 0 }, { IBRD, 0 }, { FBRD, 0 }, { LCR_H, 0 }, { CR, 0x300 }, { IFLS, 0x12 }, { IMSC, 0 },
        { RIS, 0 }, { MIS, 0 }, { DMACR, 0 }, { FR, FR_CTS | FR_DSR | FR_DCD | FR_RXFE | FR_TXFE },
        { 0xfe0, 0x11 }, { 0xfe4, 0x10 }, { 0xfe8, 0x14 }, { 0xfec, 0 }, { 0xff0, 0x0d }, { 0xff4, 0xf0 }, { 0xff8, 5 }, { 0xffc, 0xb1 },
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
        { ILPR, 0xff }, { IBRD, 0xffff }, { FBRD, 0x3f }, { LCR_H, 0xff }, { CR, 0xff87 }, { IFLS, 0x3f }, { IMSC, 0x7ff }, { DMACR, 7 },
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

static void the_device_tree_describes_it(void **state)
{
    struct bench *b = *state;
    char fdt[2048];
    const fdt32_t *cells;
    int node, clock, len;

    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(b->dev->ops->describe(b->dev, fdt), 0);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    node = fdt_path_offset(fdt, "/pl011@9000000");
    assert_true(node > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, "arm,pl011"), 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, "arm,primecell"), 0);
    cells = fdt_getprop(fdt, node, "reg", &len);
    assert_int_equal(len, 16);
    assert_int_equal(fdt32_to_cpu(cells[1]), BASE);
    assert_int_equal(fdt32_to_cpu(cells[3]), 0x1000);
    cells = fdt_getprop(fdt, node, "interrupts", &len);
    assert_int_equal(len, 12);
    assert_int_equal(fdt32_to_cpu(cells[1]), IRQ - 32);
    cells = fdt_getprop(fdt, node, "clocks", &len);
    assert_int_equal(len, 8);
    clock = fdt_node_offset_by_phandle(fdt, fdt32_to_cpu(cells[0]));
    assert_true(clock > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, clock, "fixed-clock"), 0);
    for (int size = 0; size < (int)fdt_totalsize(fdt); size += 8) {
        char small[2048];

        /* Row 84: too little room is noticed at every step. */
        if (fdt_create(small, size) == 0 && fdt_finish_reservemap(small) == 0 && fdt_begin_node(small, "") == 0 &&
            b->dev->ops->describe(b->dev, small) == 0)
            assert_int_not_equal(fdt_end_node(small) | fdt_finish(small), 0);
    }
}

static void two_uarts_get_two_clocks(void **state)
{
    struct bench *b = *state;
    struct axvm_device *other;
    char fdt[4096];

    assert_int_equal(axvm_pl011_create(b->vm, 0x9001000, 41, &b->chardev, &other), 0);
    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(b->dev->ops->describe(b->dev, fdt), 0);
    assert_int_equal(other->ops->describe(other, fdt), 0);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    assert_int_not_equal(fdt_get_phandle(fdt, fdt_path_offset(fdt, "/pl011-clock-9000000")),
                         fdt_get_phandle(fdt, fdt_path_offset(fdt, "/pl011-clock-9001000")));
}

static void a_taken_address_or_interrupt_is_refused(void **state)
{
    struct bench *b = *state;
    struct axvm_device *dev;

    assert_int_equal(axvm_pl011_create(b->vm, BASE, 41, NULL, &dev), AXVM_ERR_EXIST);
    assert_int_equal(axvm_pl011_create(b->vm, 0x9002000, IRQ, NULL, &dev), AXVM_ERR_EXIST);
    assert_int_equal(axvm_pl011_create(b->vm, 0x9002000, 5000, NULL, &dev), AXVM_ERR_INVAL);
    fake_hal_fail(b->hal, FAKE_PAGE_ALLOC, 0, true);
    for (uint32_t i = 0; i < 4; i++) {
        if (axvm_pl011_create(b->vm, 0x9010000 + i * 0x1000, 50 + i, NULL, &dev) == AXVM_ERR_NOMEM)
            return;
    }
    fail_msg("four UARTs fit what was left of a page");
}

/* ---- from several threads ---- */

#define LETTERS 4000

struct writer {
    struct bench *b;
    char letter;
};

static void *write_many(void *arg)
{
    struct writer *w = arg;

    for (unsigned int i = 0; i < LETTERS; i++) {
        uint64_t val;

        do {
            val = 0;
            try_access(w->b, FR, 4, false, &val, true);
        } while (val & FR_TXFF);
        val = (uint8_t)w->letter;
        try_access(w->b, DR, 4, true, &val, true);
    }
    return NULL;
}

static size_t count_letters(void *ctx, const uint8_t *buf, size_t len)
{
    size_t *counts = ctx; /* a data race if two threads got in here */

    for (size_t i = 0; i < len; i++)
        counts[buf[i]]++;
    return len;
}

static void two_vcpus_that_print_lose_nothing_they_waited_for(void **state)
{
    struct bench *b = *state;
    static size_t counts[256];
    struct writer w[2] = { { b, 'a' }, { b, 'b' } };
    pthread_t threads[2];

    /* The UART has taken its back end over at creation, so this is another one. */
    struct axvm_chardev counter = { .write = count_letters, .ctx = counts };
    struct axvm *vm = fake_vm(b->hal, 2);
    struct bench other = { .hal = b->hal, .vm = vm };

    memset(counts, 0, sizeof(counts));
    assert_int_equal(axvm_pl011_create(vm, BASE, IRQ, &counter, &other.dev), 0);
    w[0].b = w[1].b = &other;
    wr(&other, LCR_H, FEN);
    for (unsigned int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, write_many, &w[i]);
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    axvm_pl011_resume_output(other.dev);
    assert_int_equal(counts['a'] + counts['b'] + axvm_pl011_dropped(other.dev), 2 * LETTERS);
    assert_int_equal(axvm_destroy(vm), 0);
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
        UART_TEST(what_is_typed_can_be_read_once),
        UART_TEST(nothing_typed_is_lost_before_the_buffer_is_full),
        UART_TEST(input_reaches_the_guest_through_the_console),
        UART_TEST(the_receive_interrupt_comes_at_the_trigger_level),
        UART_TEST(without_fifos_every_character_interrupts),
        UART_TEST(a_few_characters_interrupt_by_the_receive_timeout),
        UART_TEST(the_transmit_interrupt_says_that_there_is_room),
        UART_TEST(a_masked_interrupt_shows_in_ris_only),
        UART_TEST(loopback_returns_what_is_sent_and_prints_nothing),
        UART_TEST(an_overrun_is_flagged_and_cleared),
        UART_TEST(a_break_in_loopback_is_received),
        UART_TEST(modem_outputs_feed_the_inputs_in_loopback),
        UART_TEST(turning_fifos_off_flushes_what_they_hold),
        UART_TEST(the_device_tree_describes_it),
        UART_TEST(two_uarts_get_two_clocks),
        UART_TEST(a_taken_address_or_interrupt_is_refused),
        UART_TEST(two_vcpus_that_print_lose_nothing_they_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
