/* SPDX-License-Identifier: BSD-2-Clause */
/* The example host's console (examples/baremetal/common/console.c): the lines of several VMs on one UART. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <axvm/vm.h>

#include "console.h"
#include "sched.h"

struct cpu *fake_self;
static struct {
    uint64_t now;
    char text[2000];
    size_t len;
    void (*thread)(void *arg);
    jmp_buf sleeps;
} board;

/* ---- the board, threads, and the library ---- */

uint64_t board_time_ns(void)
{
    return board.now;
}

void board_uart_putc(char c)
{
    assert_true(board.len < sizeof(board.text) - 1);
    board.text[board.len++] = c;
}

int board_uart_getc(void)
{
    return -1;
}

void board_uart_rx_irq(bool enable)
{
    (void)enable;
}

void thread_create(struct thread *thread, const char *name, void (*fn)(void *arg), void *arg, uint64_t cpu_mask)
{
    (void)thread;
    (void)name;
    (void)arg;
    (void)cpu_mask;
    board.thread = fn;
}

void thread_wake(struct thread *thread)
{
    (void)thread;
}

void thread_sleep(uint64_t deadline_ns)
{
    (void)deadline_ns;
    longjmp(board.sleeps, 1);
}

size_t axvm_console_input(struct axvm *vm, const uint8_t *buf, size_t len)
{
    (void)vm;
    (void)buf;
    return len;
}

/* ---- the world ---- */

static struct axvm_chardev vms[2];

static int setup(void **state)
{
    (void)state;
    if (!board.thread)
        console_init();
    console_set_vm_count(2);
    for (unsigned int i = 0; i < 2; i++)
        vms[i] = console_vm(i);
    board.len = 0;
    memset(board.text, 0, sizeof(board.text));
    return 0;
}

static void says(unsigned int vm, const char *text)
{
    vms[vm].write(vms[vm].ctx, (const uint8_t *)text, strlen(text));
}

/* The console's thread has its turn, @ms later. */
static void time_passes(unsigned int ms)
{
    board.now += ms * UINT64_C(1000000);
    if (setjmp(board.sleeps) == 0)
        board.thread(NULL);
}

/* ---- tests ---- */

static void lines_of_two_vms_do_not_mix(void **state)
{
    (void)state;
    says(0, "one ");
    says(1, "two\n");
    says(0, "three\n");
    assert_string_equal(board.text, "[vm1] two\n[vm0] one three\n");
}

static void half_a_line_is_shown_after_a_while(void **state)
{
    (void)state;
    says(0, "login: ");
    assert_string_equal(board.text, "");
    time_passes(100);
    assert_string_equal(board.text, "[vm0] login: ");
    time_passes(100);
    says(0, "root\n");
    assert_string_equal(board.text, "[vm0] login: root\n");
}

static void a_line_that_another_one_cut_into_is_begun_again(void **state)
{
    (void)state;
    says(0, "check: P");
    time_passes(100);
    says(1, "hello\n");
    time_passes(100);
    assert_string_equal(board.text, "[vm0] check: P\n[vm1] hello\n");
    says(0, "ASS\n");
    assert_string_equal(board.text, "[vm0] check: P\n[vm1] hello\n[vm0] check: PASS\n");
    console_line("host");
    time_passes(100);
    assert_string_equal(board.text, "[vm0] check: P\n[vm1] hello\n[vm0] check: PASS\nhost\n");
}

static void a_line_without_end_is_shown_in_pieces(void **state)
{
    char text[450];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    says(1, text);
    time_passes(100);
    says(1, "\n");
    assert_int_equal(board.len, strlen("[vm1] ") + strlen(text) + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_of_two_vms_do_not_mix, setup),
        cmocka_unit_test_setup(half_a_line_is_shown_after_a_while, setup),
        cmocka_unit_test_setup(a_line_that_another_one_cut_into_is_begun_again, setup),
        cmocka_unit_test_setup(a_line_without_end_is_shown_in_pieces, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
