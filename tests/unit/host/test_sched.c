/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler of the example host (examples/baremetal/common/sched.c): when it sets a CPU's timer, and whom it pokes. Threads
 * do not really run here: a context switch returns at once, and what the scheduler believes is what the tests look at.
 */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "page.h"
#include "sched.h"

enum { CPUS = 2, THREADS = 3 };

struct cpu *fake_self;
static struct {
    uint64_t now;
    uint64_t timer[CPUS];    /* the comparator of each CPU */
    unsigned int sets[CPUS]; /* how often it was set */
    unsigned int pokes[CPUS];
} board;
static struct thread threads[THREADS];
static uint64_t idle_stacks[CPUS], thread_stacks[THREADS][STACK_SIZE / sizeof(uint64_t)];
static unsigned int stacks_used;

/* ---- the board ---- */

uint64_t board_time_ns(void)
{
    return board.now;
}

void board_timer_set(uint64_t ns)
{
    board.timer[fake_self->id] = ns;
    board.sets[fake_self->id]++;
}

void board_send_poke(unsigned int cpu)
{
    board.pokes[cpu]++;
}

void board_set_self(struct cpu *cpu)
{
    fake_self = cpu;
}

void board_context_switch(uintptr_t *save, uintptr_t to)
{
    (void)save;
    (void)to;
}

uintptr_t board_context_new(void *stack_top)
{
    return (uintptr_t)stack_top;
}

void board_wait_irq(void)
{
}

void host_fail(const char *reason)
{
    fail_msg("%s", reason);
    abort();
}

uint64_t page_alloc(unsigned int order)
{
    assert_int_equal(order, 2);
    assert_true(stacks_used < THREADS);
    return (uintptr_t)thread_stacks[stacks_used++];
}

/* ---- the world ---- */

/* Each test leaves its threads asleep: what is in the run queue would still be there for the next. */
static int setup(void **state)
{
    (void)state;
    memset(&board, 0, sizeof(board));
    memset(cpus, 0, sizeof(cpus));
    cpu_count = CPUS;
    stacks_used = 0;
    board.now = 1000;
    for (unsigned int i = CPUS; i-- > 0;) {
        cpus[i].id = i;
        board.timer[i] = TIME_NEVER;
        sched_cpu_init(&cpus[i], &idle_stacks[i]);
        atomic_store(&cpus[i].online, true);
    }
    return 0;
}

/* A thread that runs on CPU 0, the calling one. */
static struct thread *runs(unsigned int i)
{
    thread_create(&threads[i], "thread", NULL, NULL, 1);
    thread_yield();
    assert_ptr_equal(cpus[0].current, &threads[i]);
    board.pokes[0] = 0;
    return &threads[i];
}

/* The interrupt of CPU 0's timer. */
static void timer_fires(void)
{
    host_timer_irq();
    host_irq_exit();
}

/* ---- tests ---- */

static void a_timer_interrupt_sets_the_timer_even_when_nothing_was_due(void **state)
{
    unsigned int sets;

    (void)state;
    runs(0);
    sched_library_timer(5000);
    sets = board.sets[0];
    timer_fires();
    assert_int_equal(board.sets[0], sets + 1);
    assert_int_equal(board.timer[0], 5000);
    sched_library_timer(TIME_NEVER);
    sets = board.sets[0];
    timer_fires();
    assert_int_equal(board.sets[0], sets + 1);
    assert_int_equal(board.timer[0], TIME_NEVER);
    thread_sleep(TIME_NEVER);
}

static void a_sleeper_wakes_in_time_and_not_before(void **state)
{
    struct thread *t = runs(0);

    (void)state;
    thread_sleep(9000);
    assert_ptr_equal(cpus[0].current, &cpus[0].idle);
    assert_int_equal(board.timer[0], 9000);
    board.now = 8999;
    timer_fires();
    assert_ptr_equal(cpus[0].current, &cpus[0].idle);
    assert_int_equal(board.timer[0], 9000);
    board.now = 9000;
    timer_fires();
    assert_ptr_equal(cpus[0].current, t);
    assert_int_equal(board.timer[0], TIME_NEVER);
    thread_sleep(TIME_NEVER);
}

static void whoever_is_alone_has_no_time_slice(void **state)
{
    (void)state;
    runs(0);
    assert_int_equal(board.timer[0], TIME_NEVER);
    /* Pinned to a CPU that is busy. */
    thread_create(&threads[1], "thread", NULL, NULL, 1);
    assert_int_equal(board.timer[0], board.now + TIME_SLICE_NS);
    board.now += TIME_SLICE_NS;
    timer_fires();
    assert_ptr_equal(cpus[0].current, &threads[1]);
    assert_int_equal(board.timer[0], board.now + TIME_SLICE_NS);
    thread_sleep(TIME_NEVER);
    assert_ptr_equal(cpus[0].current, &threads[0]);
    assert_int_equal(board.timer[0], TIME_NEVER);
    thread_sleep(TIME_NEVER);
}

static void an_idle_cpu_is_poked_for_a_thread_that_wakes(void **state)
{
    struct thread *t = runs(0);

    (void)state;
    thread_sleep(TIME_NEVER);
    fake_self = &cpus[1];
    thread_wake(t);
    assert_int_equal(board.pokes[0], 1);
    assert_int_equal(board.pokes[1], 0);
    fake_self = &cpus[0];
    host_poke_irq();
    host_irq_exit();
    assert_ptr_equal(cpus[0].current, t);
    thread_sleep(TIME_NEVER);
}

static void a_wake_that_comes_before_the_sleep_is_not_lost(void **state)
{
    struct thread *t = runs(0);

    (void)state;
    thread_wake(t);
    thread_sleep(TIME_NEVER);
    assert_ptr_equal(cpus[0].current, t);
    thread_sleep(TIME_NEVER);
    assert_ptr_equal(cpus[0].current, &cpus[0].idle);
}

static void a_cpu_whose_guest_waits_is_poked_for_whoever_comes(void **state)
{
    (void)state;
    runs(0);
    assert_true(sched_is_alone());
    assert_true(board.timer[0] != TIME_NEVER); /* nor may it wait for ever */
    fake_self = &cpus[1];
    thread_create(&threads[1], "thread", NULL, NULL, 1);
    assert_int_equal(board.pokes[0], 1);
    fake_self = &cpus[0];
    host_poke_irq();
    host_irq_exit();
    assert_int_equal(board.timer[0], board.now + TIME_SLICE_NS);
    assert_false(sched_is_alone());
    thread_sleep(TIME_NEVER);
    thread_sleep(TIME_NEVER);
}

/* Its CPU may never come to it: threads of the others' are not always preferred. */
static void whoever_waits_for_another_cpu_has_its_turn_here(void **state)
{
    static struct thread busy;
    struct thread *far = &threads[2];
    unsigned int rounds = 0;

    (void)state;
    cpus[1].current = &busy;
    runs(0);
    thread_create(&threads[1], "thread", NULL, NULL, 1);
    thread_create(far, "far", NULL, NULL, 0);
    far->cpu = 1;
    while (cpus[0].current != far && rounds++ < 100) {
        board.now += TIME_SLICE_NS;
        timer_fires();
    }
    assert_in_range(rounds, 5, 20);
    assert_int_equal(far->cpu, 0);
    for (unsigned int i = 0; i < THREADS; i++)
        thread_sleep(TIME_NEVER);
}

/* One timer for both: the earlier deadline is set, and after the library's was taken the scheduler's is. */
static void the_library_and_the_scheduler_share_the_timer(void **state)
{
    (void)state;
    runs(0);
    thread_sleep(9000);
    runs(1);
    assert_int_equal(board.timer[0], 9000);
    assert_false(sched_library_timer_due());
    sched_library_timer(5000);
    assert_int_equal(board.timer[0], 5000);
    assert_true(sched_library_timer_due());
    /* Late, so that both are due. */
    board.now = 9001;
    sched_library_timer_taken();
    assert_int_equal(board.timer[0], 9000);
    assert_false(sched_library_timer_due());
    sched_library_timer(12000);
    assert_int_equal(board.timer[0], 9000);
    assert_false(sched_library_timer_due());
    timer_fires();
    assert_int_equal(threads[0].state, THREAD_READY);
    thread_sleep(TIME_NEVER);
    thread_sleep(TIME_NEVER);
    assert_int_equal(board.timer[0], 12000);
}

static void the_librarys_timer_leaves_a_time_slice_as_it_is(void **state)
{
    uint64_t end;

    (void)state;
    runs(0);
    thread_create(&threads[1], "thread", NULL, NULL, 1);
    end = board.now + TIME_SLICE_NS;
    sched_library_timer(end + 1);
    assert_int_equal(board.timer[0], end);
    sched_library_timer(end - 1);
    assert_int_equal(board.timer[0], end - 1);
    board.now = end - 1;
    sched_library_timer_taken();
    assert_int_equal(board.timer[0], end);
    sched_library_timer(end - 1);
    sched_library_timer(TIME_NEVER);
    assert_int_equal(board.timer[0], end);
    board.now = end;
    timer_fires();
    assert_ptr_equal(cpus[0].current, &threads[1]);
    thread_sleep(TIME_NEVER);
    thread_sleep(TIME_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_timer_interrupt_sets_the_timer_even_when_nothing_was_due, setup),
        cmocka_unit_test_setup(a_sleeper_wakes_in_time_and_not_before, setup),
        cmocka_unit_test_setup(whoever_is_alone_has_no_time_slice, setup),
        cmocka_unit_test_setup(an_idle_cpu_is_poked_for_a_thread_that_wakes, setup),
        cmocka_unit_test_setup(a_wake_that_comes_before_the_sleep_is_not_lost, setup),
        cmocka_unit_test_setup(a_cpu_whose_guest_waits_is_poked_for_whoever_comes, setup),
        cmocka_unit_test_setup(whoever_waits_for_another_cpu_has_its_turn_here, setup),
        cmocka_unit_test_setup(the_library_and_the_scheduler_share_the_timer, setup),
        cmocka_unit_test_setup(the_librarys_timer_leaves_a_time_slice_as_it_is, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
