/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt files, beside the reference model of imsic_ref.h. hostile-guest.md rows 70, 87. */
#include <pthread.h>
#include <stdatomic.h>
#include "irqchip_fixture.h"

#include "imsic.h"
#include "imsic_ref.h"

#define HARTS REF_HARTS
#define IDS AXVM_IMSIC_IDS

/* ---- what the IMSIC calls ---- */

static atomic_bool outputs[HARTS];

static void on_output(void *arg, uint32_t hart, bool level)
{
    (void)arg;
    assert_true(hart < HARTS);
    assert_int_not_equal(outputs[hart], level);
    outputs[hart] = level;
}

static uint32_t diverted[HARTS], last_diverted;

static void on_diverted(void *arg, uint32_t hart, uint32_t id)
{
    (void)arg;
    diverted[hart]++;
    last_diverted = id;
}

static struct axvm_imsic *imsic;
static int setup(void **state)
{
    const struct axvm_imsic_config cfg = { .harts = HARTS, .output = on_output, .diverted = on_diverted };

    (void)state;
    ref_start();
    memset((void *)outputs, 0, sizeof(outputs));
    memset(diverted, 0, sizeof(diverted));
    assert_int_equal(axvm_imsic_create(NULL, &cfg, &imsic), AXVM_OK);
    dev = axvm_imsic_device(imsic);
    return 0;
}

static uint64_t change(uint32_t h, uint32_t reg, uint64_t clear, uint64_t set)
{
    uint64_t old = 0x55;

    assert_true(axvm_imsic_register(imsic, h, reg, clear, set, &old));
    return old;
}

/* ---- tests ---- */

static void check(void)
{
    for (uint32_t h = 0; h < HARTS; h++)
        assert_int_equal(outputs[h], ref_output(h));
}

static uint64_t any64(void)
{
    return (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();
}

/* Few identities, so that they meet. */
static uint32_t any_id(void)
{
    static const uint32_t some[] = { 0, 1, 2, 63, 64, 65, 128, 200, 254, 255, 256, 1023, 2047, 65535, UINT32_MAX };

    return some[any(15)];
}

static void send(uint32_t h, uint32_t id)
{
    uint64_t off = 0x1000 * h + 4 * any(2);

    id = off % 8 != 0 ? __builtin_bswap32(id) : id;
    write32(off, id);
    ref_write(off, id);
}

static void change_both(uint32_t h, uint32_t reg, uint64_t clear, uint64_t set)
{
    uint64_t want;

    assert_true(ref_register(h, reg, clear, set, &want));
    assert_true(change(h, reg, clear, set) == want);
}

static void step(void)
{
    uint32_t h = any(HARTS), id = any_id(), top, v = any(3) == 0 ? (uint32_t)any64() : any(2);

    switch (any(8)) {
    case 0:
    case 1:
    case 2:
        send(h, id);
        break;
    case 3:
    case 4:
        change_both(h, 0x80 + 2 * any(64), any(3) == 0 ? UINT64_MAX : any64(), any(3) == 0 ? 0 : any64());
        break;
    case 5:
        change_both(h, 0x70, UINT64_MAX, v);
        break;
    case 6:
        change_both(h, 0x72, UINT64_MAX, any(2) ? 0 : any_id());
        break;
    case 7:
        top = ref_top(h);
        assert_int_equal(axvm_imsic_topei(imsic, h, false), top << 16 | top);
        assert_int_equal(axvm_imsic_topei(imsic, h, true), top << 16 | top);
        ref_claim(h);
        break;
    }
}

static void behaves_as_the_specification_says_whatever_is_done(void **state)
{
    (void)state;
    srand(1);
    for (unsigned int i = 0; i < 500000; i++) {
        step();
        check();
    }
}

/* Row 70: other widths; what is not a register; a page is one hart's only. */
static void only_two_registers_are_in_memory(void **state)
{
    static const unsigned int sizes[] = { 1, 2, 8 };
    uint64_t val = 5;

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        for (uint64_t off = 0; off < 0x1000; off += sizes[i]) {
            assert_int_equal(access(off, sizes[i], true, &val), AXVM_ERR_GUEST);
            assert_int_equal(access(off, sizes[i], false, &val), AXVM_ERR_GUEST);
        }
    }
    for (uint64_t off = 0; off < 0x1000 * HARTS; off += 4) {
        if (off % 0x1000 >= 8)
            write32(off, 5);
        assert_int_equal(read32(off), 0);
    }
    for (uint32_t h = 0; h < HARTS; h++)
        assert_true(change(h, 0x80, 0, 0) == 0);
    write32(0x1000, 5);
    assert_true(change(0, 0x80, 0, 0) == 0);
    assert_true(change(1, 0x80, 0, 0) == 1u << 5);
    assert_true(change(2, 0x80, 0, 0) == 0);
}

static void odd_registers_of_the_arrays_are_not_there(void **state)
{
    uint64_t old;

    (void)state;
    for (uint32_t reg = 0; reg < 0x300; reg++) {
        bool there = reg >= 0x70 && reg < 0x100 && (reg < 0x80 || reg % 2 == 0);

        assert_int_equal(axvm_imsic_register(imsic, 0, reg, UINT64_MAX, UINT64_MAX, &old), there);
    }
    assert_false(axvm_imsic_register(imsic, 0, UINT32_MAX, 0, 0, &old));
    assert_true(change(0, 0x71, 0, 0) == 0);
    assert_true(change(0, 0x7f, 0, 0) == 0);
    assert_true(change(0, 0x80, 0, 0) == ~UINT64_C(1));
    assert_true(change(0, 0x86, 0, 0) == UINT64_MAX);
    assert_true(change(0, 0x88, 0, 0) == 0);
    assert_true(change(0, 0xbe, 0, 0) == 0);
}

static void a_reset_forgets_everything(void **state)
{
    (void)state;
    change(1, 0x70, 0, 1);
    change(1, 0xc0, 0, UINT64_MAX);
    write32(0x1000, 3);
    assert_true(outputs[1]);
    dev->ops->reset(dev);
    assert_false(outputs[1]);
    assert_true(change(1, 0x80, 0, 0) == 0);
    assert_true(change(1, 0xc0, 0, 0) == 0);
    assert_true(change(1, 0x70, 0, 0) == 0);
}

static void a_file_that_is_elsewhere_gets_what_was_here_and_what_comes(void **state)
{
    struct axvm_imsic_state was;

    (void)state;
    change(1, 0x70, 0, 1);
    change(1, 0x72, 0, 99);
    change(1, 0xc0, 0, 1u << 3);
    write32(0x1000, 3);
    assert_true(outputs[1]);
    axvm_imsic_divert(imsic, 1, &was);
    assert_false(outputs[1]);
    assert_true(was.eip[0] == 1u << 3 && was.eie[0] == 1u << 3 && was.eidelivery == 1 && was.eithreshold == 99);
    write32(0x1000, 77);
    write32(0x1004, __builtin_bswap32(78));
    write32(0x1000, 0);
    write32(0x1000, 256);
    assert_int_equal(diverted[1], 2);
    assert_int_equal(last_diverted, 78);
    assert_true(change(1, 0x82, 0, 0) == 0);
    assert_int_equal(diverted[0] + diverted[2], 0);
    dev->ops->reset(dev);
    write32(0x1000, 77);
    assert_int_equal(diverted[1], 2);
}

/* ---- senders and the hart at once: no MSI is lost, none is seen twice ---- */

#define ROUNDS 20000u

static void *sender(void *arg)
{
    uint32_t id = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t pending;

        axvm_imsic_send(imsic, 0, id);
        do
            axvm_imsic_register(imsic, 0, 0x80 + id / 64 * 2, 0, 0, &pending);
        while (pending >> id % 64 & 1);
    }
    return NULL;
}

static void no_msi_is_lost_when_several_send(void **state)
{
    static const uint32_t ids[] = { 1, 2, 70, 255 };
    uint32_t count[IDS + 1] = { 0 }, all = 0;
    pthread_t threads[4];

    (void)state;
    change(0, 0x70, 0, 1);
    for (uint32_t reg = 0xc0; reg < 0xc8; reg += 2)
        change(0, reg, 0, UINT64_MAX);
    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sender, (void *)(uintptr_t)ids[i]), 0);
    while (all < 4 * ROUNDS) {
        uint32_t topei = outputs[0] ? axvm_imsic_topei(imsic, 0, true) : 0;

        if (topei != 0) {
            count[topei >> 16]++;
            all++;
        }
    }
    for (unsigned int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (unsigned int i = 0; i < 4; i++)
        assert_int_equal(count[ids[i]], ROUNDS);
    assert_false(outputs[0]);
    assert_int_equal(axvm_imsic_topei(imsic, 0, true), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(behaves_as_the_specification_says_whatever_is_done),
        TEST(only_two_registers_are_in_memory),
        TEST(odd_registers_of_the_arrays_are_not_there),
        TEST(a_reset_forgets_everything),
        TEST(a_file_that_is_elsewhere_gets_what_was_here_and_what_comes),
        TEST(no_msi_is_lost_when_several_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
