/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's steal time on two vCPUs that share a CPU: when one looks, the other is preempted, unless it waits. Ends with
 * "steal: done FAILURES".
 */
#include "report.h"

#define MSR_STEAL_TIME 0x4b564d03u
#define PREEMPTED 1u
/* Longer than a test may take, whatever the TSC's rate. */
#define LONG (UINT64_C(1) << 39)
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

static bool other_runs_again(uint64_t before)
{
    uint64_t start = rdtsc();

    while (rounds == before) {
        if (rdtsc() - start > LONG)
            return false;
    }
    return true;
}

static void watch_runnable(void)
{
    /* The first time on, it has switched it on, and touched all that it needs: then it leaves for the host's interrupts only.
     */
    bool runs = other_runs_again(0) && other_runs_again(rounds);
    uint64_t stolen = steal_of[1].ns;

    for (unsigned int n = 0; runs && n < 20; n++) {
        result_if_wrong("it itself runs", steal_of[0].preempted == 0, steal_of[0].preempted);
        result_if_wrong("the other is preempted", steal_of[1].preempted == PREEMPTED, steal_of[1].preempted);
        runs = other_runs_again(rounds);
    }
    result("both run", runs, rounds);
    result("time is stolen", steal_of[1].ns > stolen && (steal_of[1].version & 1) == 0, steal_of[1].ns);
    result("flags are 0", steal_of[1].flags == 0, steal_of[1].flags);
}

static void watch_idle(void)
{
    uint64_t start = rdtsc();

    stop = true;
    while ((!idle || steal_of[1].preempted != 0) && rdtsc() - start < LONG)
        ;
    result("one that waits is not preempted", idle && steal_of[1].preempted == 0, idle);
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
    result("another CPU starts", start_cpu(1), 0);
    watch_runnable();
    watch_idle();
    report_done();
    power_off();
}
