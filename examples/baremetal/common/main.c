/* SPDX-License-Identifier: BSD-2-Clause */
/* From power on to the first thread, and the end. */
#include <axvm/err.h>
#include <axvm/vcpu.h>

#include "board.h"
#include "console.h"
#include "hal.h"
#include "lib.h"
#include "machine.h"
#include "page.h"
#include "report.h"
#include "sched.h"
#include "vms.h"

static struct thread first_thread;

static void enable_virtualization(struct cpu *cpu)
{
    unsigned long irqs = irq_save();
    int rc = axvm_cpu_enable(&host_hal, board_cpu_config(options.guest_regs), &cpu->axvm);

    irq_restore(irqs);
    if (rc != AXVM_OK) {
        host_log("axvm-host: cpu%u: axvm_cpu_enable: %s", cpu->id, axvm_err_name(rc));
        host_fail("a CPU cannot host guests");
    }
}

void cpu_main(struct cpu *cpu)
{
    sched_cpu_init(cpu, cpu->idle.stack);
    enable_virtualization(cpu);
    atomic_store(&cpu->online, true);
    sched_idle();
}

static void start_cpus(void)
{
    for (unsigned int i = 1; i < machine.cpu_count; i++) {
        struct cpu *cpu = &cpus[i];
        uint64_t stack = page_alloc(2);

        cpu->id = i;
        cpu->hwid = machine.cpu_hwid[i];
        cpu->idle.stack = (void *)stack;
        cpu_count = i + 1;
        if (stack == 0 || !board_cpu_start(cpu->hwid, cpu, (char *)stack + STACK_SIZE))
            host_fail("a CPU does not start");
        while (!atomic_load(&cpu->online))
            cpu_relax();
    }
}

static void check_hal(void)
{
    struct axvm_hal_report report = { NULL, NULL };

    if (axvm_hal_check(&host_hal, &report) == AXVM_OK)
        return;
    host_log("axvm-host: axvm_hal_check: %s: %s", report.member, report.problem);
    host_fail("axvm_hal_check");
}

static void first_main(void *arg)
{
    (void)arg;
    console_init();
    if (options.hal_check)
        check_hal();
    vms_start();
    for (;;)
        thread_sleep(TIME_NEVER);
}

void host_main(const void *fdt)
{
    extern char boot_stack[];

    sched_cpu_init(&cpus[0], boot_stack);
    if (!machine_init(fdt))
        board_power_off(); /* where would we say why? */
    board_early_init();
    if (!page_init())
        host_fail("no memory");
    board_init();
    cpus[0].hwid = machine.cpu_hwid[0];
    cpu_count = 1;
    atomic_store(&cpus[0].online, true);
    enable_virtualization(&cpus[0]);
    start_cpus();
    host_log("axvm-host: %u CPUs, %lu MiB free, %s", cpu_count, (unsigned long)(page_free_count() >> 8), board_description());
    thread_create(&first_thread, "first", first_main, NULL, 0);
    sched_idle();
}

bool host_guest_irq(uint32_t irq)
{
    return axvm_host_irq(cpu_self()->axvm, irq);
}

bool host_device_irq(uint32_t irq)
{
    return vms_forward_irq(irq);
}
