/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs that wait for each other, by whatever way there is, and for as long as it takes: when a wake-up is lost, this hangs. CPU
 * 0 starts the others, which answer each SGI with one and then turn themselves off; as soon as it sees one off it starts it
 * again.
 */
#include "guest.h"
#include "report.h"

#define PSCI_CPU_SUSPEND 0xc4000001ul
#define PSCI_AFFINITY_INFO 0xc4000004ul
#define OFF 1
#define SGI 3u
#define ROUNDS 200u

static volatile uint64_t starts[MAX_CPUS], answers[MAX_CPUS], sgis_each;
static unsigned int cpus;

/* What is pending ends both, though it is masked. */
static void wait(uint64_t how)
{
    if (how % 3 == 0)
        hvc(PSCI_CPU_SUSPEND, 0, 0, 0);
    else
        __asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

/* Take what is pending; was it an SGI? */
static bool take(void)
{
    bool sgi = false;

    for (;;) {
        uint64_t intid = read_sysreg("S3_0_C12_C12_0"); /* ICC_IAR1_EL1 */

        if (intid >= 1020)
            return sgi;
        if (intid == 27)
            write_sysreg("cntv_ctl_el0", 0);
        isb();
        write_sysreg("S3_0_C12_C12_1", intid); /* ICC_EOIR1_EL1 */
        isb();
        sgi |= intid == SGI;
    }
}

void guest_secondary_main(uint64_t cpu)
{
    uint64_t sgis = sgis_each; /* of this round */

    gic_init_cpu((unsigned int)cpu);
    starts[cpu] = starts[cpu] + 1;
    gic_sgi(SGI, 0);
    for (uint64_t i = 0; i < sgis; i++) {
        while (!take())
            wait(i + cpu);
        answers[cpu] = answers[cpu] + 1;
        gic_sgi(SGI, 0);
    }
    hvc(PSCI_CPU_OFF, 0, 0, 0);
}

/* Who changes it sends an SGI after that. */
static void wait_for(volatile uint64_t *word, uint64_t value)
{
    for (;;) {
        take();
        if (*word == value)
            break;
        wait(value);
    }
}

static void start_again(unsigned int cpu)
{
    while (hvc(PSCI_AFFINITY_INFO, mpidr_of(cpu), 0, 0) != OFF) {
    }
    result_if_wrong("56 a CPU that is off is started", start_cpu(cpu) == 0, cpu);
}

static void sleep(uint64_t ticks)
{
    uint64_t end = counter() + ticks;

    write_sysreg("cntv_cval_el0", end);
    write_sysreg("cntv_ctl_el0", 1);
    while (counter() < end) {
        wait(ticks);
        take();
    }
    write_sysreg("cntv_ctl_el0", 0);
}

static void one_round(uint64_t round)
{
    uint64_t seen[MAX_CPUS];

    sgis_each = round % 3;
    for (unsigned int cpu = 1; cpu < cpus; cpu++) {
        seen[cpu] = starts[cpu];
        start_again(cpu);
    }
    for (unsigned int cpu = 1; cpu < cpus; cpu++)
        wait_for(&starts[cpu], seen[cpu] + 1);
    for (uint64_t i = 0; i < round % 3; i++) {
        for (unsigned int cpu = 1; cpu < cpus; cpu++) {
            seen[cpu] = answers[cpu];
            gic_sgi(SGI, cpu);
        }
        for (unsigned int cpu = 1; cpu < cpus; cpu++)
            wait_for(&answers[cpu], seen[cpu] + 1);
    }
    if (round % 4 == 0)
        sleep(round * 47 % 6000);
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    gic_init_distributor();
    gic_init_cpu(0);
    while (cpus < MAX_CPUS && (int64_t)hvc(PSCI_AFFINITY_INFO, mpidr_of(cpus), 0, 0) >= 0)
        cpus++;
    for (uint64_t round = 0; round < ROUNDS; round++)
        one_round(round);
    for (unsigned int cpu = 1; cpu < cpus; cpu++)
        result("56 it ran each time", starts[cpu] == ROUNDS, starts[cpu]);
    report_done();
    power_off();
}
