/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 as a device of a VM: its place, its description, several vCPUs at once. */
#include "pl011_fixture.h"

#include <libfdt.h>

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
        UART_TEST(the_device_tree_describes_it),
        UART_TEST(two_uarts_get_two_clocks),
        UART_TEST(a_taken_address_or_interrupt_is_refused),
        UART_TEST(two_vcpus_that_print_lose_nothing_they_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
