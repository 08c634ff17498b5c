/* SPDX-License-Identifier: BSD-2-Clause */
/* The PLIC, beside the reference model of plic_ref.h. hostile-guest.md rows 68, R3, I12. */
#include "irqchip_fixture.h"

#include "plic.h"
#include "plic_ref.h"

#define CONTEXTS REF_CONTEXTS
#define SOURCES AXVM_PLIC_SOURCES

/* ---- what the PLIC calls ---- */

static bool outputs[CONTEXTS];
static uint32_t completed[SOURCES * 2];

static void on_output(void *arg, uint32_t context, bool level)
{
    (void)arg;
    assert_true(context < CONTEXTS);
    assert_int_not_equal(outputs[context], level);
    outputs[context] = level;
}

static void on_complete(void *arg, uint32_t host_irq)
{
    (void)arg;
    completed[host_irq]++;
}

static struct axvm_plic *plic;

static int setup(void **state)
{
    const struct axvm_plic_config cfg = {
        .contexts = CONTEXTS, .odd_only = true, .output = on_output, .complete = on_complete
    };

    (void)state;
    ref_start();
    memset(outputs, 0, sizeof(outputs));
    memset(completed, 0, sizeof(completed));
    assert_int_equal(axvm_plic_create(NULL, &cfg, &plic), AXVM_OK);
    dev = axvm_plic_device(plic);
    return 0;
}

/* ---- tests ---- */

static void check(void)
{
    for (uint32_t ctx = 1; ctx < CONTEXTS; ctx += 2)
        assert_int_equal(outputs[ctx], ref_output(ctx));
    assert_memory_equal(completed, ref.completed, sizeof(completed));
}

static void write_both(uint64_t off, uint32_t v)
{
    write32(off, v);
    ref_write(off, v);
}

static void read_both(uint64_t off)
{
    uint32_t want = ref_read(off);

    assert_int_equal(read32(off), want);
}

static void step(void)
{
    uint32_t ctx = 1 + 2 * any(3), s = any_source(), v = (uint32_t)rand();

    switch (any(9)) {
    case 0:
        axvm_plic_set(plic, s, v & 1);
        ref_line(s, v & 1);
        break;
    case 1:
        write_both(4 * s, v);
        break;
    case 2:
        write_both(0x2000 + 0x80 * ctx + s / 32 * 4, v & 2 ? UINT32_MAX : v);
        break;
    case 3:
        write_both(0x200000 + 0x1000 * ctx, v & 0xff00ff01);
        break;
    case 4:
    case 5:
        read_both(0x200004 + 0x1000 * ctx);
        break;
    case 6:
    case 7:
        write_both(0x200004 + 0x1000 * ctx, s);
        break;
    case 8:
        read_both(0x1000 + s / 32 * 4);
        read_both(4 * s);
        break;
    }
}

static void behaves_as_the_specification_says_whatever_is_done(void **state)
{
    (void)state;
    for (uint32_t s = 1; s < SOURCES; s++) {
        ref.edge[s] = s % 3 == 0;
        ref.host[s] = s % 5 == 0 ? s + SOURCES : 0;
        assert_int_equal(axvm_plic_bind(plic, s, ref.host[s], ref.edge[s]), AXVM_OK);
    }
    srand(1);
    for (unsigned int i = 0; i < 200000; i++) {
        step();
        check();
    }
}

/* Rows 68, R3. */
static void what_is_not_there_reads_as_zero_and_ignores_writes(void **state)
{
    (void)state;
    axvm_plic_connect(plic, 5, false);
    axvm_plic_set(plic, 5, true);
    for (uint64_t off = 0; off < 0x4000000; off += off < 0x3000 ? 4 : off < 0x200000 ? 0x3c : 0xffc) {
        write32(off, UINT32_MAX);
        if (off >= 4 * SOURCES && off < 0x1000)
            assert_int_equal(read32(off), 0);
    }
    write32(0, 7);
    assert_int_equal(read32(0), 0);
    assert_int_equal(read32(0x2080) & 1, 0); /* source 0 is never enabled */
    assert_int_equal(read32(0x2000), 0);     /* M-mode's */
    assert_int_equal(read32(0x2000 + 0x80 * CONTEXTS), 0);
    for (uint64_t off = SOURCES / 8; off < 0x80; off += 4)
        assert_int_equal(read32(0x2080 + off), 0); /* behind the last source */
    assert_int_equal(read32(0x200004 + 0x1000 * CONTEXTS), 0);
    assert_int_equal(read32(0x3fffffc), 0);
    for (uint32_t ctx = 1; ctx < CONTEXTS; ctx += 2)
        assert_true(read32(0x200000 + 0x1000 * ctx) <= 7);
}

static void other_widths_are_refused_and_change_nothing(void **state)
{
    static const unsigned int sizes[] = { 1, 2, 8 };

    (void)state;
    for (unsigned int i = 0; i < 3; i++) {
        for (uint64_t off = 0; off < 0x3000; off += sizes[i]) {
            uint64_t val = UINT64_MAX;

            assert_int_equal(access(off, sizes[i], true, &val), AXVM_ERR_GUEST);
            assert_int_equal(access(off, sizes[i], false, &val), AXVM_ERR_GUEST);
        }
    }
    assert_int_equal(read32(4), 0);
    assert_int_equal(read32(0x2080), 0);
}

/* Row I12. */
static void completing_what_one_has_not_enabled_is_ignored(void **state)
{
    (void)state;
    axvm_plic_bind(plic, 7, 300, false);
    write32(28, 1);
    write32(0x2080, 1u << 7);
    assert_int_equal(axvm_plic_forward(plic, 300), AXVM_OK);
    assert_int_equal(axvm_plic_forward(plic, 301), AXVM_ERR_NOENT);
    assert_int_equal(axvm_plic_forward(plic, 0), AXVM_ERR_NOENT);
    assert_true(outputs[1]);
    assert_int_equal(read32(0x201004), 7);
    assert_false(outputs[1]);
    write32(0x203004, 7); /* context 3 has it not enabled */
    write32(0x201004, 0);
    write32(0x201004, 256);
    write32(0x201004, UINT32_MAX);
    assert_int_equal(completed[300], 0);
    write32(0x201004, 7);
    assert_int_equal(completed[300], 1);
    write32(0x201004, 7);
    assert_int_equal(completed[300], 1);
}

static void a_reset_gives_interrupts_back_to_the_host(void **state)
{
    (void)state;
    axvm_plic_bind(plic, 7, 300, false);
    write32(28, 1);
    write32(0x2080, 1u << 7);
    axvm_plic_forward(plic, 300);
    assert_true(outputs[1]);
    dev->ops->reset(dev);
    assert_false(outputs[1]);
    assert_int_equal(completed[300], 1);
    assert_int_equal(read32(28), 0);
    assert_int_equal(read32(0x201004), 0);
}

static void a_source_is_connected_once(void **state)
{
    (void)state;
    assert_int_equal(axvm_plic_connect(plic, 0, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_plic_connect(plic, SOURCES, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_plic_connect(plic, 9, false), AXVM_OK);
    assert_int_equal(axvm_plic_connect(plic, 9, true), AXVM_ERR_EXIST);
    assert_int_equal(axvm_plic_pulse(plic, SOURCES), AXVM_ERR_INVAL);
    assert_int_equal(axvm_plic_pulse(plic, 9), AXVM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(behaves_as_the_specification_says_whatever_is_done), TEST(what_is_not_there_reads_as_zero_and_ignores_writes),
        TEST(other_widths_are_refused_and_change_nothing),        TEST(completing_what_one_has_not_enabled_is_ignored),
        TEST(a_reset_gives_interrupts_back_to_the_host),          TEST(a_source_is_connected_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
