/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs that wait for each other, and for as long as it takes: when a wake-up is lost, this hangs. CPU 0 starts the others, by
 * INIT out of whatever they are at; they answer each interrupt with one, and then stop with interrupts off. Command-line words:
 * "cpus=N", "x2apic".
 */
#include "guest.h"
#include "report.h"

#define IPI_VECTOR 0x42u
#define TIMER_VECTOR 0x43u
#define ROUNDS 100u

static volatile uint64_t starts[MAX_CPUS], answers[MAX_CPUS], ipis_each;
static unsigned int cpus;
static bool x2apic;

void guest_irq(unsigned int vector)
{
    (void)vector;
    apic_eoi();
}

static void send_ipi(unsigned int to)
{
    apic_send(to, 0x4000 | IPI_VECTOR);
}

void guest_secondary_main(unsigned int cpu)
{
    volatile uint64_t *taken = &guest_cpus[cpu].count[IPI_VECTOR];
    uint64_t before = *taken, ipis = ipis_each; /* of this round */

    apic_enable(x2apic);
    starts[cpu] = starts[cpu] + 1;
    send_ipi(0);
    for (uint64_t i = 1; i <= ipis; i++) {
        while (*taken != before + i)
            wait_irq();
        answers[cpu] = answers[cpu] + 1;
        send_ipi(0);
    }
    for (;;)
        __asm__ volatile("hlt" : : : "memory");
}

/* Who changes it sends an interrupt after that. */
static void wait_for(volatile uint64_t *word, uint64_t value)
{
    while (*word != value)
        wait_irq();
}

static void sleep(uint32_t ticks)
{
    volatile uint64_t *fired = &guest_cpus[0].count[TIMER_VECTOR];
    uint64_t before = *fired;

    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    apic_write(APIC_TIMER_COUNT, ticks + 1);
    wait_for(fired, before + 1);
}

static void one_round(uint32_t round)
{
    uint64_t seen[MAX_CPUS];

    ipis_each = round % 3;
    for (unsigned int cpu = 1; cpu < cpus; cpu++) {
        seen[cpu] = starts[cpu];
        guest_cpu_count = cpu; /* it gets its own stack */
        start_cpu(cpu);
    }
    for (unsigned int cpu = 1; cpu < cpus; cpu++)
        wait_for(&starts[cpu], seen[cpu] + 1);
    for (uint64_t i = 0; i < ipis_each; i++) {
        for (unsigned int cpu = 1; cpu < cpus; cpu++) {
            seen[cpu] = answers[cpu];
            send_ipi(cpu);
        }
        for (unsigned int cpu = 1; cpu < cpus; cpu++)
            wait_for(&answers[cpu], seen[cpu] + 1);
    }
    if (round % 4 == 0)
        sleep(round * 997 % 50000);
}

void guest_main(uint32_t magic, const char *cmdline)
{
    const char *word = find_word(cmdline, "cpus=");

    (void)magic;
    cpus = word ? (unsigned int)(*word - '0') : 1;
    x2apic = find_word(cmdline, "x2apic") != NULL;
    apic_enable(x2apic);
    for (uint32_t round = 0; round < ROUNDS; round++)
        one_round(round);
    for (unsigned int cpu = 1; cpu < cpus; cpu++)
        result("74 it ran each time", starts[cpu] == ROUNDS, starts[cpu]);
    report_done();
    power_off();
}
