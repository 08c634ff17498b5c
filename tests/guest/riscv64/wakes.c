/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Harts that wait for each other, by whatever way there is, and for as long as it takes: when a wake-up is lost, this hangs.
 * Hart 0 starts the others, which answer each IPI with one and then stop; as soon as it sees one stopped it starts it again.
 */
#include "guest.h"
#include "report.h"

#define SSIP 2u
#define STIP 0x20u
#define ROUNDS 200u

enum { HART_STOP = 1, HART_STATUS, HART_SUSPEND };
enum { STOPPED = 1 };

static volatile uint64_t starts[MAX_CPUS], answers[MAX_CPUS];
static unsigned int harts;

/* What is pending ends both. */
static void wait(uint64_t how)
{
    if (how % 3 == 0)
        sbi(SBI_HSM, HART_SUSPEND, 0, 0, 0, 0, 0);
    else
        __asm__ volatile("wfi" : : : "memory");
}

static void send_ipi(uint64_t harts_meant)
{
    sbi(SBI_IPI, 0, harts_meant, 0, 0, 0, 0);
}

void guest_secondary_main(uint64_t cpu, uint64_t ipis)
{
    write_csr(sie, SSIP);
    starts[cpu] = starts[cpu] + 1;
    send_ipi(1);
    for (uint64_t i = 0; i < ipis; i++) {
        while ((read_csr(sip) & SSIP) == 0)
            wait(i + cpu);
        clear_csr(sip, SSIP);
        answers[cpu] = answers[cpu] + 1;
        send_ipi(1);
    }
    sbi(SBI_HSM, HART_STOP, 0, 0, 0, 0, 0);
}

/* Who changes it sends an IPI after that. */
static void wait_for(volatile uint64_t *word, uint64_t value)
{
    for (;;) {
        clear_csr(sip, SSIP);
        if (*word == value)
            break;
        wait(value);
    }
}

static void start_again(unsigned int cpu, uint64_t ipis)
{
    while (sbi(SBI_HSM, HART_STATUS, cpu, 0, 0, 0, 0).value != STOPPED) {
    }
    result_if_wrong("65 a hart that has stopped is started", start_cpu(cpu, ipis) == 0, cpu);
}

/* The interrupt ends the wait; QEMU 7.2 does not show Sstc's in sip. */
static void sleep(uint64_t ticks)
{
    uint64_t end = counter() + ticks;

    sbi(SBI_TIME, 0, end, 0, 0, 0, 0);
    while (counter() < end)
        wait(ticks);
    sbi(SBI_TIME, 0, UINT64_MAX, 0, 0, 0, 0);
}

static void one_round(uint64_t round)
{
    uint64_t ipis = round % 3, others = (UINT64_C(1) << harts) - 2, seen[MAX_CPUS];

    for (unsigned int cpu = 1; cpu < harts; cpu++) {
        seen[cpu] = starts[cpu];
        start_again(cpu, ipis);
    }
    for (unsigned int cpu = 1; cpu < harts; cpu++)
        wait_for(&starts[cpu], seen[cpu] + 1);
    for (uint64_t i = 0; i < ipis; i++) {
        for (unsigned int cpu = 1; cpu < harts; cpu++)
            seen[cpu] = answers[cpu];
        send_ipi(others);
        if (round % 5 == 0)
            sbi(SBI_RFENCE, 1, others, 0, 0, 4096, 0);
        for (unsigned int cpu = 1; cpu < harts; cpu++)
            wait_for(&answers[cpu], seen[cpu] + 1);
    }
    if (round % 4 == 0)
        sleep(round * 7 % 1000);
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    while (harts < MAX_CPUS && sbi(SBI_HSM, HART_STATUS, harts, 0, 0, 0, 0).error == 0)
        harts++;
    write_csr(sie, SSIP | STIP);
    for (uint64_t round = 0; round < ROUNDS; round++)
        one_round(round);
    for (unsigned int cpu = 1; cpu < harts; cpu++)
        result("65 it ran each time", starts[cpu] == ROUNDS, starts[cpu]);
    report_done();
    power_off();
}
