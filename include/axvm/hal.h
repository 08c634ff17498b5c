/* SPDX-License-Identifier: BSD-2-Clause */
/** @file All that libaxvm may ask of its host. */
#ifndef AXVM_HAL_H
#define AXVM_HAL_H

#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum axvm_log_level {
    AXVM_LOG_ERROR, /**< The host should look at this: a VM was stopped, a callback broke its contract. */
    AXVM_LOG_WARN,  /**< A guest did something odd; rate-limited per VM. */
    AXVM_LOG_INFO,
    AXVM_LOG_DEBUG,
};

/**
 * What the library keeps once per machine (the VMIDs in use). Static storage of the host, zeroed before the first use,
 * the same object in every struct axvm_hal. The library only ever touches it with its own lock held.
 */
struct axvm_host {
    uint64_t opaque[192];
};

/**
 * What libaxvm needs of its host. Zero it, set @c size, fill it in. axvm_new() and axvm_cpu_enable() copy it.
 *
 * Unless a member says otherwise it is called on the CPU that called libaxvm, in the context of that call with the host's
 * own CPU state in place; it may sleep; and no libaxvm lock is held. Members marked "any context" are also called with
 * interrupts off, with locks of the library held, and while guest system registers are loaded: they must not sleep, take a
 * page fault, touch FP/SIMD registers or call back into libaxvm.
 *
 * Required: host, page_alloc, page_free, phys_to_virt, virt_to_phys, time_ns, this_cpu, pcpu_id, kick_cpu, wake_vcpu.
 */
struct axvm_hal {
    uint32_t size;          /**< sizeof(struct axvm_hal) as the host was compiled. Newer members than that read as NULL. */
    uint32_t reserved;      /**< Zero. */
    void *ctx;              /**< First argument of every callback; never looked into. */
    struct axvm_host *host; /**< Machine-wide state of the library. Required. */

    /* Memory. */

    /** Allocate 2^order pages of 4 KiB: zeroed, contiguous, aligned to their size. False when short of memory. Required. */
    bool (*page_alloc)(void *ctx, unsigned int order, axvm_hpa_t *out);
    /** Give back what page_alloc() gave, with the same order. Required. */
    void (*page_free)(void *ctx, axvm_hpa_t pa, unsigned int order);
    /** Where the host sees @p pa; asked for memory of page_alloc() and region_alloc_at(), and for RAM the host mapped into
     *  a VM as AXVM_REGION_LINEAR. Any context. Required. */
    void *(*phys_to_virt)(void *ctx, axvm_hpa_t pa);
    /** The inverse of phys_to_virt(), for the same memory. Any context. Required. */
    axvm_hpa_t (*virt_to_phys)(void *ctx, const void *va);
    /** Claim exactly [pa, pa + len), both multiples of 4 KiB, as guest RAM, zeroed. False when any of it is taken.
     *  Optional: without it a config with AXVM_REGION_RESERVED is refused. */
    bool (*region_alloc_at)(void *ctx, axvm_hpa_t pa, uint64_t len);
    /** Give back what region_alloc_at() claimed, or part of it. Required beside region_alloc_at(). */
    void (*region_free_at)(void *ctx, axvm_hpa_t pa, uint64_t len);
    /** Make [va, va + len) coherent to a guest whose caches are off (clean and invalidate to the point of coherency) and
     *  to instruction fetch. Optional: by default the backend does it with the CPU's own instructions. */
    void (*cache_sync)(void *ctx, void *va, uint64_t len);

    /* Time. */

    /** Nanoseconds since any fixed start, never backwards. Any context. Required. */
    uint64_t (*time_ns)(void *ctx);
    /** Interrupt the calling CPU at @p deadline_ns of time_ns() (earlier is harmless, AXVM_TIME_NEVER cancels; one timer
     *  per CPU, the newest call counts). Any context. Optional: without it timers that the library emulates while their
     *  guest runs are only looked at on the guest's next exit. */
    void (*timer_set)(void *ctx, uint64_t deadline_ns);

    /* CPUs and threads. */

    /** The object that axvm_cpu_enable() made for the CPU this runs on; NULL when not enabled. Called with interrupts off.
     *  Required. */
    struct axvm_cpu *(*this_cpu)(void *ctx);
    /** Number of the CPU this runs on, below 1024. Any context. Required. */
    unsigned int (*pcpu_id)(void *ctx);
    /** Make CPU @p pcpu leave its guest soon: any interrupt will do. May be the calling CPU. Any context. Required. */
    void (*kick_cpu)(void *ctx, unsigned int pcpu);
    /** Let the thread of a vCPU that was told AXVM_EXIT_IDLE, _CPU_OFF or _SUSPENDED call axvm_run_vcpu() again. Works like
     *  a binary semaphore: a wake-up before the thread sleeps makes that sleep end at once. Required. */
    void (*wake_vcpu)(void *ctx, unsigned int vm_id, unsigned int vcpu_id);
    /** Which VM and vCPU the calling thread runs. Optional: by default what this CPU has loaded. */
    unsigned int (*current_vm_id)(void *ctx);
    unsigned int (*current_vcpu_id)(void *ctx);
    /** The CPU on which the thread of this vCPU runs or last ran; false when there is none. Any context. Optional: by
     *  default where the library last entered it. */
    bool (*vcpu_resides_on)(void *ctx, unsigned int vm_id, unsigned int vcpu_id, unsigned int *pcpu);

    /* Interrupts. */

    /** Inject @p irq into a vCPU of any VM, found by id: the library keeps no list of VMs. Optional: without it guests
     *  cannot signal other VMs. */
    bool (*inject_irq_to_vcpu)(void *ctx, unsigned int vm_id, unsigned int vcpu_id, unsigned int irq);
    /** A guest is done with passthrough interrupt @p host_irq (or its VM is gone): the host may let it fire again. Any
     *  context. Optional: by default the backend deactivates it in the interrupt controller (Arm: HW bit, ICC_DIR_EL1). */
    void (*irq_complete)(void *ctx, unsigned int host_irq);
    /** Enable or mask a passthrough interrupt as the guest does at its controller. Any context. Optional: the line stays
     *  enabled and an interrupt that the guest has masked waits in its controller. */
    void (*irq_mask)(void *ctx, unsigned int host_irq, bool masked);

    /* The rest. */

    /** One line, no newline, possibly from several CPUs at once. Any context. Optional: NULL drops it. */
    void (*log)(void *ctx, enum axvm_log_level level, const char *msg);
    /** Fill @p buf with unpredictable bytes (guest FDT seeds, virtio-rng). False when there are none. Optional. */
    bool (*entropy)(void *ctx, void *buf, size_t len);
    /** Seconds since 1970-01-01 00:00 UTC, for guests' real-time clocks. Any context. Optional: without it they start in 2000.
     */
    uint64_t (*wall_time_s)(void *ctx);
    /** Nobody but the calling thread wants this CPU at present: its guest may wait for interrupts in the CPU itself, which is what
     *  makes waking it cheap, instead of coming back with AXVM_EXIT_IDLE. Asked when the guest first waits, or enters it anew after an
     *  interrupt; when the answer changes, interrupt the CPU. Any context. Optional: by default guests that wait always come back.
     *  Used by: riscv64. */
    bool (*may_wait_in_guest)(void *ctx);
};

/** Name of the first required member that @p hal lacks, or of the first that is out of range; NULL when it is complete. */
const char *axvm_hal_missing(const struct axvm_hal *hal);

/** What axvm_hal_check() found. */
struct axvm_hal_report {
    const char *member; /**< The callback at fault; NULL when none is. */
    const char *problem;
};

/**
 * Exercise the callbacks and look for broken contracts: alignment, zeroing, overlap, phys_to_virt/virt_to_phys not inverse,
 * a clock that stands still or runs backwards. Meant to be called once inside the real kernel, from a thread, while porting.
 * @retval AXVM_OK         nothing found
 * @retval AXVM_ERR_INVAL  @p report says what
 */
int axvm_hal_check(const struct axvm_hal *hal, struct axvm_hal_report *report);

#ifdef __cplusplus
}
#endif
#endif
