/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of libaxvm: struct axvm_hal, filled in. This is all that a kernel has to write to run guests; copy it and
 * put your kernel's calls in place of ours. What a callback must and must not do is in <axvm/hal.h>. Two rules matter most:
 *
 *   - "Any context" callbacks run with interrupts masked and with locks of the library held. They must not sleep, fault, use
 *     FP/SIMD registers or call libaxvm. Spin locks are fine if everybody takes them with interrupts masked.
 *   - All others run in the thread that called libaxvm, with that thread's view of the CPU; they may sleep, and the thread
 *     may come back on another CPU.
 */
#include "hal.h"

#include <axvm/vcpu.h>
#include <axvm/vm.h>

#include "board.h"
#include "console.h"
#include "machine.h"
#include "page.h"
#include "sched.h"
#include "vms.h"

/* ---- memory ---- */

/* The library's own objects, translation tables and guest RAM all come from here. Zeroed: guests must not see old data. */
static bool hal_page_alloc(void *ctx, unsigned int order, axvm_hpa_t *out)
{
    uint64_t pa = page_alloc(order);

    (void)ctx;
    if (pa == 0)
        return false;
    *out = axvm_hpa(pa);
    return true;
}

static void hal_page_free(void *ctx, axvm_hpa_t pa, unsigned int order)
{
    (void)ctx;
    page_free(pa.v, order);
}

/* This host sees all RAM at its physical address. Elsewhere: the kernel's linear map. */
static void *hal_phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    (void)ctx;
    return (void *)pa.v;
}

static axvm_hpa_t hal_virt_to_phys(void *ctx, const void *va)
{
    (void)ctx;
    return axvm_hpa((uint64_t)va);
}

/* Only for VMs with RAM at an address of their choosing (AXVM_REGION_RESERVED). */
static bool hal_region_alloc_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    (void)ctx;
    return page_alloc_at(pa.v, len);
}

static void hal_region_free_at(void *ctx, axvm_hpa_t pa, uint64_t len)
{
    (void)ctx;
    page_free_at(pa.v, len);
}

/* ---- time ---- */

/* The clock must be the same on all CPUs. */
static uint64_t hal_time_ns(void *ctx)
{
    (void)ctx;
    return board_time_ns();
}

#if BOARD_HAS_DATE
static uint64_t hal_wall_time_s(void *ctx)
{
    (void)ctx;
    return board_wall_time_s();
}
#endif

/* Shares the CPU's timer with the scheduler, which programs whichever comes first. All that the library wants is that the
 * guest is left for an interrupt at that time; the handler has nothing to do for it. */
static void hal_timer_set(void *ctx, uint64_t deadline_ns)
{
    (void)ctx;
    sched_library_timer(deadline_ns);
}

/* ---- CPUs and threads ---- */

/* Called with interrupts masked, so the answer cannot go stale by a migration. */
static struct axvm_cpu *hal_this_cpu(void *ctx)
{
    (void)ctx;
    return cpu_self()->axvm;
}

static unsigned int hal_pcpu_id(void *ctx)
{
    (void)ctx;
    return cpu_self()->id;
}

/* The interrupt is all the message there is. It has a number of its own, told to the library in struct axvm_cpu_config, so
 * that the library can take it without a detour through our vectors. */
static void hal_kick_cpu(void *ctx, unsigned int pcpu)
{
    (void)ctx;
    board_send_kick(pcpu);
}

/* thread_wake() is a binary semaphore: one that comes before the thread sleeps is not lost. While VMs are being made their
 * vCPUs have no threads yet; those run anyway when they have. */
static void hal_wake_vcpu(void *ctx, unsigned int vm_id, unsigned int vcpu_id)
{
    struct thread *thread = vms_thread(vm_id, vcpu_id);

    (void)ctx;
    if (thread)
        thread_wake(thread);
}

/* Of the calling thread. This host asks only from threads of vCPUs. */
static unsigned int hal_current_vm_id(void *ctx)
{
    (void)ctx;
    return vms_current(NULL);
}

static unsigned int hal_current_vcpu_id(void *ctx)
{
    unsigned int vcpu_id;

    (void)ctx;
    vms_current(&vcpu_id);
    return vcpu_id;
}

static bool hal_vcpu_resides_on(void *ctx, unsigned int vm_id, unsigned int vcpu_id, unsigned int *pcpu)
{
    struct thread *thread = vms_thread(vm_id, vcpu_id);

    (void)ctx;
    if (!thread)
        return false;
    *pcpu = thread->cpu;
    return true;
}

/* ---- interrupts ---- */

/* The library keeps no list of VMs, so one that signals another asks us to find it. */
static bool hal_inject_irq_to_vcpu(void *ctx, unsigned int vm_id, unsigned int vcpu_id, unsigned int irq)
{
    (void)ctx;
    return vms_inject(vm_id, vcpu_id, irq);
}

/* A forwarded interrupt has been ended by its guest. On Arm it stays active at the GIC until then, and the hardware does the
 * rest. */
#if BOARD_COMPLETES_IRQS
static void hal_irq_complete(void *ctx, unsigned int host_irq)
{
    (void)ctx;
    board_device_irq_complete(host_irq);
}
#endif

/*
 * Not here, as the defaults suit this host:
 *   irq_mask      an interrupt that the guest has masked waits in its own controller
 *   cache_sync    the CPU's cache maintenance instructions suffice
 */

/* A thread that becomes ready pokes this CPU. */
static bool hal_may_wait_in_guest(void *ctx)
{
    (void)ctx;
    return sched_is_alone();
}

/* ---- the rest ---- */

static void hal_log(void *ctx, enum axvm_log_level level, const char *msg)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };

    (void)ctx;
    if (level <= AXVM_LOG_WARN || options.verbose)
        host_log("axvm: %s: %s", names[level], msg);
}

/* False where the machine has no source of randomness: the library then does without, rather than with something guessable. */
static bool hal_entropy(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    return board_entropy(buf, len);
}

/* State of the library that all CPUs and VMs share. It must start as zero, and is never looked into. */
static struct axvm_host library_state;

const struct axvm_hal host_hal = {
    .size = sizeof(struct axvm_hal),
    .host = &library_state,
    .page_alloc = hal_page_alloc,
    .page_free = hal_page_free,
    .phys_to_virt = hal_phys_to_virt,
    .virt_to_phys = hal_virt_to_phys,
    .region_alloc_at = hal_region_alloc_at,
    .region_free_at = hal_region_free_at,
    .time_ns = hal_time_ns,
    .timer_set = hal_timer_set,
    .this_cpu = hal_this_cpu,
    .pcpu_id = hal_pcpu_id,
    .kick_cpu = hal_kick_cpu,
    .wake_vcpu = hal_wake_vcpu,
    .current_vm_id = hal_current_vm_id,
    .current_vcpu_id = hal_current_vcpu_id,
    .vcpu_resides_on = hal_vcpu_resides_on,
    .inject_irq_to_vcpu = hal_inject_irq_to_vcpu,
#if BOARD_COMPLETES_IRQS
    .irq_complete = hal_irq_complete,
#endif
    .log = hal_log,
    .entropy = hal_entropy,
#if BOARD_HAS_DATE
    .wall_time_s = hal_wall_time_s,
#endif
    .may_wait_in_guest = hal_may_wait_in_guest,
};
