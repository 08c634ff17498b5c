/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's steal time on two vCPUs that share a CPU: when one looks, the other is preempted, unless it waits. Ends with
 * "steal: done FAILURES".
 */
#include "report.h"

#define MSR_STEAL_TIME 0x4b564d03u
#define PREEMPTED 1u
#define A_WHILE (UINT64_C(1) << 28)

/* struct kvm_steal_time */
struct steal {
    volatile uint64_t ns;
    volatile uint32_t version, flags;
    volatile uint8_t preempted, pad[47];
};
static struct steal steal_of[2] __attribute__((aligned(64)));

static volatile uint64_t rounds;
static volatile bool stop, idle;

static void on(unsigned int cpu)
{
    steal_of[cpu].pad[46] = 0; /* now there is memory */
    wrmsr(MSR_STEAL_TIME, (uint64_t)&steal_of[cpu] | 1);
}

/* Never idle; then it waits for an interrupt that does not come. */
void guest_secondary_main(unsigned int cpu)
{
    on(cpu);
    while (!stop)
        rounds++;
    idle = true;
    irqs_off();
    for (;;)
        __asm__ volatile("hlt" : : : "memory");
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
    uint64_t stolen;

    while (rounds == 0)
        ;
    /* It has switched it on. When it comes again it has touched all that it needs: then it leaves for the host's interrupts
     * only. */
    let_other_run();
    stolen = steal_of[1].ns;
    for (unsigned int n = 0; n < 20; n++) {
        result_if_wrong("it itself runs", steal_of[0].preempted == 0, steal_of[0].preempted);
        result_if_wrong("the other is preempted", steal_of[1].preempted == PREEMPTED, steal_of[1].preempted);
        let_other_run();
    }
    result("both run", true, rounds);
    result("time is stolen", steal_of[1].ns > stolen && (steal_of[1].version & 1) == 0, steal_of[1].ns);
    result("flags are 0", steal_of[1].flags == 0, steal_of[1].flags);
}

static void watch_idle(void)
{
    uint64_t start;

    stop = true;
    while (!idle || steal_of[1].preempted != 0)
        ;
    result("one that waits is not preempted", true, 0);
    start = rdtsc();
    while (rdtsc() - start < A_WHILE)
        result_if_wrong("nor later", steal_of[1].preempted == 0, steal_of[1].preempted);
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    (void)cmdline;
    apic_enable(false);
    on(0);
    start_cpu(1);
    result("another CPU starts", true, 0);
    watch_runnable();
    watch_idle();
    report_done();
    power_off();
}
