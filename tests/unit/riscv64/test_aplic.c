/* SPDX-License-Identifier: BSD-2-Clause */
/* The APLIC against a model written from the specification alone, in another shape: one record per source, deliveries
 * recomputed from scratch after every step. hostile-guest.md rows 69, 87, 88. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "aplic.h"

#define HARTS 5u
#define SOURCES AXVM_APLIC_SOURCES

/* ---- what the APLIC calls ---- */

static void *aplic_memory;

void *axvm_device_alloc(struct axvm *vm, size_t size)
{
    (void)vm;
    aplic_memory = calloc(1, size);
    return aplic_memory;
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    (void)vm;
    (void)dev;
    return AXVM_OK;
}

struct msi {
    uint32_t hart, eiid;
};
struct msis {
    uint32_t count;
    struct msi list[4 * SOURCES];
};

static bool outputs[HARTS];
static uint32_t completed[2 * SOURCES];
static struct msis sent;

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
    sent.list[sent.count++] = (struct msi){ hart, eiid };
}

static void on_complete(void *arg, uint32_t host_irq)
{
    (void)arg;
    completed[host_irq]++;
}

/* ---- the model ---- */

enum { INACTIVE = 0, DETACHED = 1, EDGE1 = 4, EDGE0 = 5, LEVEL1 = 6, LEVEL0 = 7 };

struct source {
    int mode;
    bool wire, pending, enabled;
    uint32_t target, host;
    bool told;
};
static struct {
    bool direct, msi; /* what there is */
    bool ie, dm, be;
    uint32_t genmsi;
    struct source s[SOURCES];
    struct {
        bool delivery, force;
        uint32_t threshold;
    } idc[HARTS];
    uint32_t completed[2 * SOURCES];
    struct msis sent;
} ref;

static bool is_level(const struct source *s)
{
    return s->mode == LEVEL1 || s->mode == LEVEL0;
}

static bool rectified(const struct source *s)
{
    if (s->mode == INACTIVE || s->mode == DETACHED)
        return false;
    return s->host == 0 && (s->mode == EDGE0 || s->mode == LEVEL0) ? !s->wire : s->wire;
}

static void ref_wire(struct source *s, bool wire)
{
    bool was = rectified(s), now;

    s->wire = wire;
    now = rectified(s);
    if (!was && now)
        s->pending = true;
    if (was && !now && is_level(s))
        s->pending = false;
}

/* The host's hardware is asked again. */
static void ref_end(struct source *s)
{
    if (s->host == 0 || !s->wire)
        return;
    s->told = false;
    ref_wire(s, false);
    ref.completed[s->host]++;
}

static void ref_send(uint32_t target)
{
    if (target >> 18 < HARTS)
        ref.sent.list[ref.sent.count++] = (struct msi){ target >> 18, target & 0x7ff };
}

/* What follows by itself from the state. */
static void ref_settle(void)
{
    for (uint32_t i = 1; i < SOURCES; i++) {
        struct source *s = &ref.s[i];

        if (is_level(s) && !ref.dm)
            s->pending = rectified(s);
        if (!ref.dm || !ref.ie || !s->pending || !s->enabled)
            continue;
        s->pending = false;
        ref_send(s->target);
        if (s->host != 0 && is_level(s) && s->wire)
            s->told = true;
        else if (s->host != 0)
            ref_end(s);
    }
}

static uint32_t ref_topi(uint32_t hart)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i < SOURCES && !ref.dm; i++) {
        const struct source *s = &ref.s[i];
        uint32_t prio = s->target & 0xff;

        if (!s->pending || !s->enabled || s->target >> 18 != hart)
            continue;
        if (ref.idc[hart].threshold != 0 && prio >= ref.idc[hart].threshold)
            continue;
        if (found == 0 || prio < (found & 0xff))
            found = i << 16 | prio;
    }
    return found;
}

static uint32_t ref_claim(uint32_t hart)
{
    uint32_t topi;
    struct source *s;

    for (uint32_t i = 1; i < SOURCES; i++) {
        if (ref.s[i].told && ref.s[i].target >> 18 == hart)
            ref_end(&ref.s[i]);
    }
    ref_settle();
    topi = ref_topi(hart);
    if (topi == 0) {
        ref.idc[hart].force = false;
        return 0;
    }
    s = &ref.s[topi >> 16];
    if (is_level(s)) {
        s->told = s->host != 0 && s->wire;
    } else {
        s->pending = false;
        ref_end(s);
    }
    return topi;
}

static void ref_set_pending(struct source *s)
{
    if (ref.dm && s->told)
        ref_end(s);
    if (s->mode == INACTIVE || (is_level(s) && !(ref.dm && rectified(s))))
        return;
    s->pending = true;
}

static void ref_clear_pending(struct source *s)
{
    if (is_level(s) && !ref.dm)
        return;
    if (!is_level(s) && s->pending)
        ref_end(s);
    s->pending = false;
}

static void ref_sourcecfg(struct source *s, uint32_t val)
{
    int mode = val & 1u << 10 ? 0 : (int)(val & 7), was = s->mode;

    if (mode == 2 || mode == 3)
        mode = 0;
    if (mode == was)
        return;
    s->mode = mode;
    if (mode == INACTIVE) {
        s->pending = s->enabled = false;
        s->target = 0;
        return;
    }
    if (was == INACTIVE)
        s->target = ref.dm ? 0 : 1;
    ref_end(s);
    if (is_level(s))
        s->pending = rectified(s);
}

static void ref_domaincfg(uint32_t val)
{
    bool dm = ref.direct && ref.msi ? (val & 4) != 0 : ref.dm;

    ref.ie = (val & 0x100) != 0;
    ref.be = (val & 1) != 0;
    for (uint32_t i = 1; dm != ref.dm && i < SOURCES; i++)
        ref.s[i].target = ref.s[i].mode == INACTIVE || dm ? 0 : 1;
    ref.dm = dm;
}

/* ---- accesses, as the bus makes them ---- */

static struct axvm_device *dev;

static int access(uint64_t off, unsigned int size, bool write, uint64_t *val)
{
    static unsigned int count;
    /* The fast tier and the host tier, as it comes. */
    struct axvm_access acc = { .off = off, .size = (uint8_t)size, .val = *val, .may_call_host = count++ % 3 == 0 };
    int rc = write ? dev->ops->write(dev, &acc) : dev->ops->read(dev, &acc);

    *val = acc.val;
    return rc;
}

static uint32_t read32(uint64_t off)
{
    uint64_t val = 0;

    assert_int_equal(access(off, 4, false, &val), AXVM_OK);
    assert_true(val <= UINT32_MAX);
    return ref.be && off != 0x2000 && off != 0x2004 ? __builtin_bswap32((uint32_t)val) : (uint32_t)val;
}

static void write32(uint64_t off, uint32_t v)
{
    uint64_t val = ref.be && off != 0x2000 && off != 0x2004 ? __builtin_bswap32(v) : v;

    assert_int_equal(access(off, 4, true, &val), AXVM_OK);
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

    memset(&ref, 0, sizeof(ref));
    memset(outputs, 0, sizeof(outputs));
    memset(completed, 0, sizeof(completed));
    sent.count = 0;
    ref.direct = direct;
    ref.msi = msi;
    ref.dm = !direct;
    assert_int_equal(axvm_aplic_create(NULL, &cfg, &aplic), AXVM_OK);
    dev = axvm_aplic_device(aplic);
}

static int teardown(void **state)
{
    (void)state;
    free(aplic_memory);
    aplic_memory = NULL;
    return 0;
}

/* ---- at random ---- */

static void check(void)
{
    ref_settle();
    for (uint32_t h = 0; h < HARTS; h++)
        assert_int_equal(outputs[h], ref.ie && !ref.dm && ref.idc[h].delivery && (ref.idc[h].force || ref_topi(h) != 0));
    assert_memory_equal(completed, ref.completed, sizeof(completed));
    assert_int_equal(sent.count, ref.sent.count);
    assert_memory_equal(sent.list, ref.sent.list, sent.count * sizeof(sent.list[0]));
    sent.count = ref.sent.count = 0;
}

static uint32_t any(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static uint32_t any32(void)
{
    return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

/* Few sources, so that they meet. */
static uint32_t any_source(void)
{
    static const uint32_t some[] = { 1, 2, 3, 31, 32, 33, 64, 100, 254, 255 };

    return some[any(10)];
}

static uint32_t any_number(void)
{
    static const uint32_t wild[] = { 0, SOURCES, SOURCES + 1, 1023, 1024, 0xffff, 0x80000001, UINT32_MAX };

    return any(4) == 0 ? wild[any(8)] : any_source();
}

static void write_word(int array, uint32_t word, uint32_t bits)
{
    write32(0x1c00 + 0x100 * (uint64_t)array + 4 * word, bits);
    /* All of a word at once: ends first, as they may take pending bits away. */
    for (uint32_t b = 0; b < 32; b++) {
        struct source *s = &ref.s[word * 32 + b];

        if (!(bits >> b & 1) || word * 32 + b == 0)
            continue;
        switch (array) {
        case 0:
            ref_set_pending(s);
            break;
        case 1:
            ref_clear_pending(s);
            break;
        case 2:
            s->enabled |= s->mode != INACTIVE;
            break;
        case 3:
            s->enabled = false;
            break;
        }
    }
}

static void write_number(int array, uint32_t n)
{
    static const uint64_t set[] = { 0x1cdc, 0x2000, 0x2004 };
    uint64_t off = array == 0 ? set[any(3)] : 0x1cdc + 0x100 * (uint64_t)array;
    bool real = n != 0 && n < SOURCES;
    struct source *s = &ref.s[real ? n : 0];

    write32(off, off == 0x2004 ? __builtin_bswap32(n) : n);
    if (!real)
        return;
    if (array == 0)
        ref_set_pending(s);
    else if (array == 1)
        ref_clear_pending(s);
    else if (array == 2)
        s->enabled |= s->mode != INACTIVE;
    else
        s->enabled = false;
}

static void write_target(uint32_t n)
{
    struct source *s = &ref.s[n];
    uint32_t v = any(4) == 0 ? any32() : any(HARTS + 1) << 18 | any(5);

    write32(0x3000 + 4 * n, v);
    if (s->mode == INACTIVE)
        return;
    if (ref.dm)
        s->target = v & 0xfffc07ff;
    else
        s->target = (v & 0xfffc0000) | ((v & 0xff) != 0 ? v & 0xff : 1);
}

static void write_idc(void)
{
    uint32_t h = any(HARTS + 2), v = any(3) == 0 ? any32() : any(3);

    if (!ref.direct)
        return;
    switch (any(3)) {
    case 0:
        write32(0x4000 + 32 * h, v);
        if (h < HARTS)
            ref.idc[h].delivery = v & 1;
        break;
    case 1:
        write32(0x4004 + 32 * h, v);
        if (h < HARTS)
            ref.idc[h].force = v & 1;
        break;
    case 2:
        write32(0x4008 + 32 * h, v);
        if (h < HARTS)
            ref.idc[h].threshold = v & 0xff;
        break;
    }
}

static void write_genmsi(void)
{
    uint32_t v = any32();

    if (any(2))
        v = any(HARTS) << 18 | any(256);
    write32(0x3000, v);
    if (!ref.dm)
        return;
    ref.genmsi = v & 0xfffc07ff;
    ref_send(ref.genmsi);
}

static void in_clrip(uint32_t word)
{
    uint32_t want = 0;

    for (uint32_t b = 0; b < 32; b++) {
        struct source *s = &ref.s[word * 32 + b];

        if (ref.dm && s->told)
            ref_end(s);
        want |= (uint32_t)rectified(s) << b;
    }
    assert_int_equal(read32(0x1d00 + 4 * word), want);
}

static void look(uint32_t n)
{
    uint32_t w = n / 32, b = n % 32, h = any(HARTS + 2);

    assert_int_equal(read32(0x1c00 + 4 * w) >> b & 1, ref.s[n].pending);
    assert_int_equal(read32(0x1e00 + 4 * w) >> b & 1, ref.s[n].enabled);
    assert_int_equal(read32(0x1f00 + 4 * w), 0);
    assert_int_equal(read32(4 * n), ref.s[n].mode);
    assert_int_equal(read32(0x3000 + 4 * n), ref.s[n].target);
    assert_int_equal(read32(0x3000), ref.genmsi);
    assert_int_equal(read32(0), 0x80000000 | ref.ie << 8 | ref.dm << 2 | ref.be);
    if (!ref.direct)
        return;
    assert_int_equal(read32(0x4000 + 32 * h), h < HARTS && ref.idc[h].delivery);
    assert_int_equal(read32(0x4004 + 32 * h), h < HARTS && ref.idc[h].force);
    assert_int_equal(read32(0x4008 + 32 * h), h < HARTS ? ref.idc[h].threshold : 0);
    assert_int_equal(read32(0x4018 + 32 * h), h < HARTS ? ref_topi(h) : 0);
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
        write32(4 * n, v);
        ref_sourcecfg(&ref.s[n], v);
        break;
    case 4:
    case 5:
        write_word((int)any(4), n / 32, any(2) ? UINT32_MAX : any32());
        break;
    case 6:
    case 7:
    case 8:
        write_number((int)any(4), any_number());
        break;
    case 9:
    case 10:
        write_target(n);
        break;
    case 11:
        write_idc();
        break;
    case 12:
        v = any(3) == 0 ? any32() : 0x100;
        write32(0, v);
        ref_domaincfg(v);
        break;
    case 13:
        write_genmsi();
        in_clrip(n / 32);
        break;
    default:
        v = any(HARTS);
        if (ref.direct) {
            uint32_t want = ref_claim(v);

            assert_int_equal(read32(0x401c + 32 * v), want);
        }
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
