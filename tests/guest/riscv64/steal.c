/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steal time of two that are never idle on one CPU: "steal.a" only takes time, the other looks at how much is taken from it,
 * and ends with "steal: done FAILURES". "steal.pair" are two harts of one guest there: when one looks, the other is preempted.
 */
#include "report.h"

#define SBI_STA 0x535441ul
#define NS_PER_TICK 100u /* the machine's clock has 10 MHz */
#define MS 1000000u
#define ENOUGH (100u * MS)

/* "Steal-time Accounting Extension", shared memory structure */
struct steal {
    volatile uint32_t sequence, flags;
    volatile uint64_t ns;
    volatile uint8_t preempted, pad[47];
};
static struct steal shared_of[2] __attribute__((aligned(64)));
#define shared shared_of[0]

/* "sequence": even and the same before and after what is read in between. */
static uint64_t stolen(void)
{
    uint32_t before, after;
    uint64_t ns;

    do {
        before = shared.sequence;
        __asm__ volatile("fence r, r" : : : "memory");
        ns = shared.ns;
        __asm__ volatile("fence r, r" : : : "memory");
        after = shared.sequence;
    } while (before != after || (before & 1) != 0);
    return ns;
}

/* Until enough has been taken. @start: the ticks before any of it was counted. */
static void be_robbed(uint64_t start)
{
    uint64_t before = 0, now = 0, ticks;

    do {
        now = stolen();
        result_if_wrong("it never shrinks", now >= before, now);
        before = now;
        ticks = read_csr(time) - start;
    } while (now < ENOUGH && report_failures < 10);
    result_if_wrong("no more than there was", now <= ticks * NS_PER_TICK, now - ticks * NS_PER_TICK);
    result_if_wrong("flags are 0", shared.flags == 0, shared.flags);
}

/* Once it is off, the memory is the guest's own. */
static void be_left_alone(void)
{
    uint64_t until = read_csr(time) + 2 * ENOUGH / NS_PER_TICK;
    uint32_t sequence;
    uint64_t ns;

    result_if_wrong("off", sbi(SBI_STA, 0, ~0ul, ~0ul, 0, 0, 0).error == 0, 0);
    sequence = shared.sequence;
    ns = shared.ns;
    while (read_csr(time) < until)
        ;
    result_if_wrong("nothing is written any more", shared.sequence == sequence && shared.ns == ns, shared.ns);
}

/* ---- two harts, one CPU ---- */

static volatile uint64_t rounds;
static volatile bool stop, idle;

static int64_t on(void)
{
    return sbi(SBI_STA, 0, (uint64_t)&shared_of[hart() & 1], 0, 0, 0, 0).error;
}

/* Never idle; then it waits for an interrupt that does not come. */
void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    (void)opaque;
    on();
    while (!stop)
        rounds++;
    idle = true;
}

/* The other one's turn, however long it takes to come. */
static void let_other_run(void)
{
    uint64_t before = rounds;

    while (rounds == before)
        ;
}

static void watch_runnable(void)
{
    /* When it comes round again it has touched all it needs: from then on it leaves for the host's interrupts only. */
    while (rounds == 0)
        ;
    let_other_run();
    for (unsigned int n = 0; n < 20; n++) {
        result_if_wrong("it itself runs", shared_of[0].preempted == 0, shared_of[0].preempted);
        result_if_wrong("the other is preempted", shared_of[1].preempted == 1, shared_of[1].preempted);
        let_other_run();
    }
    result("both run", true, rounds);
}

static void watch_idle(void)
{
    uint64_t start;

    stop = true;
    while (!idle || shared_of[1].preempted != 0)
        ;
    result("one that waits is not preempted", true, 0);
    start = read_csr(time);
    while (read_csr(time) - start < ENOUGH / NS_PER_TICK)
        result_if_wrong("nor later", shared_of[1].preempted == 0, shared_of[1].preempted);
}

static void watch_other(void)
{
    result("on", on() == 0, 0);
    result("another hart starts", start_cpu(1, 0) == 0, 0);
    watch_runnable();
    watch_idle();
    report_done();
    power_off();
}

void guest_main(uint64_t fdt)
{
    uint64_t start;

    if (fdt_has_word(fdt, "steal.pair"))
        watch_other();
    while (fdt_has_word(fdt, "steal.a")) {
        for (volatile unsigned int i = 0; i < 1000000000; i++)
            ;
    }
    start = read_csr(time);
    result_if_wrong("on", sbi(SBI_STA, 0, (uint64_t)&shared, 0, 0, 0, 0).error == 0, 0);
    be_robbed(start);
    be_left_alone();
    report_done();
    power_off();
}
