/* SPDX-License-Identifier: BSD-2-Clause */
/* The APLIC, beside the reference model of aplic_ref.h. hostile-guest.md rows 69, 87, 88. */
#include "irqchip_fixture.h"

#include "aplic.h"
#include "aplic_ref.h"

#define HARTS REF_HARTS
#define SOURCES AXVM_APLIC_SOURCES

/* ---- what the APLIC calls ---- */

static bool outputs[HARTS];
static uint32_t completed[2 * SOURCES];
static struct ref_msis sent;

static void on_output(void *arg, uint32_t hart, bool level)
{
    (void)arg;
    assert_true(hart < HARTS);
    assert_int_not_equal(outputs[hart], level);
    outputs[hart] = level;
}

static void on_send(void *arg, uint32_t hart, uint32_t eiid)
{
    (void)arg;
    assert_true(hart < HARTS);
    assert_true(eiid < 2048);
    assert_true(sent.count < 4 * SOURCES);
    sent.list[sent.count++] = (struct ref_msi){ hart, eiid };
}

static void on_complete(void *arg, uint32_t host_irq)
{
    (void)arg;
    completed[host_irq]++;
}

static struct axvm_aplic *aplic;

static void make(bool direct, bool msi)
{
    const struct axvm_aplic_config cfg = {
        .harts = HARTS,
        .direct = direct,
        .msi = msi,
        .output = on_output,
        .send = on_send,
        .complete = on_complete,
    };

    ref_start(direct, msi);
    memset(outputs, 0, sizeof(outputs));
    memset(completed, 0, sizeof(completed));
    sent.count = 0;
    assert_int_equal(axvm_aplic_create(NULL, &cfg, &aplic), AXVM_OK);
    dev = axvm_aplic_device(aplic);
}

/* ---- at random ---- */

static void check(void)
{
    ref_settle();
    for (uint32_t h = 0; h < HARTS; h++)
        assert_int_equal(outputs[h], ref_output(h));
    assert_memory_equal(completed, ref.completed, sizeof(completed));
    assert_int_equal(sent.count, ref.sent.count);
    assert_memory_equal(sent.list, ref.sent.list, sent.count * sizeof(sent.list[0]));
    sent.count = ref.sent.count = 0;
}

static uint32_t any32(void)
{
    return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

static uint32_t any_number(void)
{
    static const uint32_t wild[] = { 0, SOURCES, SOURCES + 1, 1023, 1024, 0xffff, 0x80000001, UINT32_MAX };

    return any(4) == 0 ? wild[any(8)] : any_source();
}

/* To the device and to the model: @v as the bus carries it. */
static void write_both(uint64_t off, uint32_t v)
{
    uint64_t val = v;

    assert_int_equal(access(off, 4, true, &val), AXVM_OK);
    ref_write(off, v);
}

static void read_both(uint64_t off)
{
    uint64_t val = 0;
    uint32_t want = ref_read(off);

    assert_int_equal(access(off, 4, false, &val), AXVM_OK);
    assert_true(val == want);
}

static void write_number(uint32_t n)
{
    static const uint64_t by_number[] = { 0x1cdc, 0x1ddc, 0x1edc, 0x1fdc, 0x2000, 0x2004 };
    uint64_t off = by_number[any(6)];

    write_both(off, off == 0x2004 || (ref.be && off != 0x2000) ? __builtin_bswap32(n) : n);
}

static void write_idc(void)
{
    uint32_t h = any(HARTS + 2), v = any(3) == 0 ? any32() : any(3);

    if (ref.direct)
        write_both(0x4000 + 32 * h + 4 * any(3), ref.be ? __builtin_bswap32(v) : v);
}

static void write_genmsi(void)
{
    uint32_t v = any32();

    if (any(2))
        v = any(HARTS) << 18 | any(256);
    write_both(0x3000, ref.be ? __builtin_bswap32(v) : v);
}

static void look(uint32_t n)
{
    uint32_t h = any(HARTS + 2);

    for (uint64_t array = 0x1c00; array < 0x2000; array += 0x100)
        read_both(array + n / 32 * 4);
    read_both(4 * n);
    read_both(0x3000 + 4 * n);
    read_both(0x3000);
    read_both(0);
    for (uint64_t reg = 0; ref.direct && reg < 0x1c; reg += 4)
        read_both(0x4000 + 32 * h + reg);
}

static void wire(uint32_t n)
{
    bool level = any(2);

    if (ref.s[n].host != 0) {
        assert_int_equal(axvm_aplic_forward(aplic, ref.s[n].host), AXVM_OK);
        ref_wire(&ref.s[n], true);
    } else if (any(8) == 0) {
        assert_int_equal(axvm_aplic_pulse(aplic, n), AXVM_OK);
        ref_wire(&ref.s[n], true);
        ref_settle();
        ref_wire(&ref.s[n], false);
    } else {
        axvm_aplic_set(aplic, n, level);
        ref_wire(&ref.s[n], level);
    }
}

static void step(void)
{
    uint32_t n = any_source(), v;

    switch (any(16)) {
    case 0:
    case 1:
    case 2:
        wire(n);
        break;
    case 3:
        v = any(3) == 0 ? any32() : any(8);
        write_both(4 * n, ref.be ? __builtin_bswap32(v) : v);
        break;
    case 4:
    case 5:
        write_both(0x1c00 + 0x100 * any(4) + n / 32 * 4, any(2) ? UINT32_MAX : any32());
        break;
    case 6:
    case 7:
    case 8:
        write_number(any_number());
        break;
    case 9:
    case 10:
        v = any(4) == 0 ? any32() : any(HARTS + 1) << 18 | any(5);
        write_both(0x3000 + 4 * n, ref.be ? __builtin_bswap32(v) : v);
        break;
    case 11:
        write_idc();
        break;
    case 12:
        v = any(3) == 0 ? any32() : 0x100;
        write_both(0, ref.be ? __builtin_bswap32(v) : v);
        break;
    case 13:
        write_genmsi();
        read_both(0x1d00 + n / 32 * 4);
        break;
    default:
        if (ref.direct)
            read_both(0x401c + 32 * any(HARTS));
        look(n);
        break;
    }
}

static void at_random(bool direct, bool msi)
{
    make(direct, msi);
    for (uint32_t s = 1; s < SOURCES; s++) {
        ref.s[s].host = s == 3 || s == 33 || s == 254 ? s + SOURCES : 0;
        assert_int_equal(axvm_aplic_bind(aplic, s, ref.s[s].host), AXVM_OK);
    }
    srand(1);
    for (unsigned int i = 0; i < 300000; i++) {
        step();
        check();
    }
}

static void delivers_directly_as_the_specification_says_whatever_is_done(void **state)
{
    (void)state;
    at_random(true, false);
}

static void sends_msis_as_the_specification_says_whatever_is_done(void **state)
{
    (void)state;
    at_random(false, true);
}

static void changes_between_both_as_the_specification_says_whatever_is_done(void **state)
{
    (void)state;
    at_random(true, true);
}

/* ---- one by one ---- */

/* Row 69. */
static void what_is_not_there_reads_as_zero_and_ignores_writes(void **state)
{
    (void)state;
    make(true, false);
    axvm_aplic_set(aplic, 5, true);
    for (uint64_t off = 4; off < 0x5000; off += 4) {
        write32(off, UINT32_MAX);
        /* No children: "causes the entire register to be set to zero". */
        if ((off >= 0x1000 && off < 0x3000 && off != 0x1d00) || (off >= 0x4000 + 32 * HARTS))
            assert_int_equal(read32(off), 0);
    }
    for (uint64_t off = 0x1bc0; off < 0x1bd0; off += 4)
        assert_int_equal(read32(off), 0); /* of machine level */
    assert_int_equal(read32(4 * SOURCES), 0);
    assert_int_equal(read32(0x3000 + 4 * SOURCES), 0);
    assert_int_equal(read32(0x3000), 0);
    assert_int_equal(read32(0), 0x80000000);
    for (uint32_t h = 0; h < HARTS; h++)
        assert_false(outputs[h]);
}

static void other_widths_are_refused_and_change_nothing(void **state)
{
    static const unsigned int sizes[] = { 1, 2, 8 };

    (void)state;
    make(true, false);
    for (unsigned int i = 0; i < 3; i++) {
        for (uint64_t off = 0; off < 0x4000 + 32 * HARTS; off += sizes[i]) {
            uint64_t val = UINT64_MAX;

            assert_int_equal(access(off, sizes[i], true, &val), AXVM_ERR_GUEST);
            assert_int_equal(access(off, sizes[i], false, &val), AXVM_ERR_GUEST);
        }
    }
    assert_int_equal(read32(0), 0x80000000);
    assert_int_equal(read32(4), 0);
}

static void a_source_for_a_hart_that_is_not_there_goes_nowhere(void **state)
{
    static const uint32_t harts[] = { HARTS, HARTS + 1, 127, 128, 0x1fff, 0x3fff };

    (void)state;
    make(true, true);
    for (unsigned int i = 0; i < 12; i++) {
        write32(4 * 7, 0); /* a change of the mode makes targets UNSPECIFIED */
        write32(0, 0x100 | (i % 2) << 2);
        write32(4 * 7, EDGE1);
        write32(0x3000 + 4 * 7, harts[i / 2] << 18 | 9);
        write32(0x1edc, 7);
        assert_int_equal(axvm_aplic_pulse(aplic, 7), AXVM_OK);
        assert_int_equal(read32(0x3000 + 4 * 7) >> 18, harts[i / 2]);
        write32(0x3000, harts[i / 2] << 18 | 9);
    }
    assert_int_equal(sent.count, 0);
    for (uint32_t h = 0; h < HARTS; h++)
        assert_false(outputs[h]);
}

/* The guest of an MSI domain that is done with a level-sensitive source writes it to setipnum: "Special consideration". */
static void a_level_that_stays_is_sent_again_when_asked_for(void **state)
{
    (void)state;
    make(false, true);
    write32(0, 0x100);
    write32(4 * 10, LEVEL1);
    write32(0x3000 + 4 * 10, 2 << 18 | 77);
    write32(0x1edc, 10);
    axvm_aplic_set(aplic, 10, true);
    assert_int_equal(sent.count, 1);
    axvm_aplic_set(aplic, 10, true);
    assert_int_equal(sent.count, 1);
    write32(0x2000, 10);
    assert_int_equal(sent.count, 2);
    assert_int_equal(sent.list[1].hart, 2);
    assert_int_equal(sent.list[1].eiid, 77);
    axvm_aplic_set(aplic, 10, false);
    write32(0x2000, 10);
    assert_int_equal(sent.count, 2);
}

/* The order of Linux' handler: claim, handler, claim. */
static void a_passthrough_level_is_asked_for_at_the_next_claim(void **state)
{
    (void)state;
    make(true, false);
    axvm_aplic_bind(aplic, 11, 300);
    write32(0, 0x100);
    write32(4 * 11, LEVEL1);
    write32(0x3000 + 4 * 11, 1 << 18 | 1);
    write32(0x1edc, 11);
    write32(0x4020, 1);
    assert_int_equal(axvm_aplic_forward(aplic, 300), AXVM_OK);
    assert_int_equal(axvm_aplic_forward(aplic, 301), AXVM_ERR_NOENT);
    assert_int_equal(axvm_aplic_forward(aplic, 0), AXVM_ERR_NOENT);
    assert_true(outputs[1]);
    assert_int_equal(read32(0x403c), 11 << 16 | 1);
    assert_int_equal(completed[300], 0);
    assert_int_equal(read32(0x401c), 0); /* another hart's claim is no end */
    assert_int_equal(completed[300], 0);
    assert_int_equal(read32(0x403c), 0);
    assert_int_equal(completed[300], 1);
    assert_false(outputs[1]);
    assert_int_equal(axvm_aplic_forward(aplic, 300), AXVM_OK);
    assert_true(outputs[1]);
}

static void a_reset_gives_interrupts_back_to_the_host(void **state)
{
    (void)state;
    make(true, false);
    axvm_aplic_bind(aplic, 11, 300);
    write32(0, 0x100);
    write32(4 * 11, LEVEL1);
    write32(0x3000 + 4 * 11, 1);
    write32(0x1edc, 11);
    write32(0x4000, 1);
    axvm_aplic_forward(aplic, 300);
    assert_true(outputs[0]);
    dev->ops->reset(dev);
    assert_false(outputs[0]);
    assert_int_equal(completed[300], 1);
    assert_int_equal(read32(0), 0x80000000);
    assert_int_equal(read32(4 * 11), 0);
    assert_int_equal(read32(0x4000), 0);
}

static void a_source_is_connected_once(void **state)
{
    (void)state;
    make(true, false);
    assert_int_equal(axvm_aplic_connect(aplic, 0), AXVM_ERR_INVAL);
    assert_int_equal(axvm_aplic_connect(aplic, SOURCES), AXVM_ERR_INVAL);
    assert_int_equal(axvm_aplic_connect(aplic, 9), AXVM_OK);
    assert_int_equal(axvm_aplic_connect(aplic, 9), AXVM_ERR_EXIST);
    assert_int_equal(axvm_aplic_bind(aplic, 9, 300), AXVM_ERR_EXIST);
    assert_int_equal(axvm_aplic_pulse(aplic, SOURCES), AXVM_ERR_INVAL);
    axvm_aplic_set(aplic, 0, true);
    axvm_aplic_set(aplic, SOURCES, true);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(delivers_directly_as_the_specification_says_whatever_is_done),
        TEST(sends_msis_as_the_specification_says_whatever_is_done),
        TEST(changes_between_both_as_the_specification_says_whatever_is_done),
        TEST(what_is_not_there_reads_as_zero_and_ignores_writes),
        TEST(other_widths_are_refused_and_change_nothing),
        TEST(a_source_for_a_hart_that_is_not_there_goes_nowhere),
        TEST(a_level_that_stays_is_sent_again_when_asked_for),
        TEST(a_passthrough_level_is_asked_for_at_the_next_claim),
        TEST(a_reset_gives_interrupts_back_to_the_host),
        TEST(a_source_is_connected_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
