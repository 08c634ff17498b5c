/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A working little host for tests: memory, a clock that the test moves, CPUs that are threads, a log that can be read. It fails
 * when told to, and notes down what the library does wrong. Part of the library axvm_mock.
 *
 *     struct fake_hal *hal = fake_hal_new();
 *     fake_hal_enable_cpu(hal, 0);
 *     axvm_new(&hal->ops, &cfg, &vm); ... axvm_destroy(vm);
 *     fake_hal_free(hal);            // 0: every page has come back, no contract was broken
 */
#ifndef FAKE_HAL_H
#define FAKE_HAL_H

#include <axvm/axvm.h>
#include <pthread.h>
#include <stdatomic.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_CPUS 8u
#define FAKE_VMS 4u /* whose wake-ups are told apart: ids 0..3 */

/* Physical memory: not where the host sees it, so that nobody mistakes one address for the other. */
#define FAKE_MEM_BASE UINT64_C(0x100000000)
#define FAKE_MEM_SIZE (UINT64_C(1) << 30)
#define FAKE_MEM_PAGES (FAKE_MEM_SIZE / AXVM_PAGE_SIZE)

enum fake_callback {
    FAKE_PAGE_ALLOC,
    FAKE_PAGE_FREE,
    FAKE_PHYS_TO_VIRT,
    FAKE_VIRT_TO_PHYS,
    FAKE_REGION_ALLOC_AT,
    FAKE_REGION_FREE_AT,
    FAKE_CACHE_SYNC,
    FAKE_TIME_NS,
    FAKE_TIMER_SET,
    FAKE_THIS_CPU,
    FAKE_PCPU_ID,
    FAKE_KICK_CPU,
    FAKE_WAKE_VCPU,
    FAKE_INJECT,
    FAKE_IRQ_COMPLETE,
    FAKE_IRQ_MASK,
    FAKE_LOG,
    FAKE_ENTROPY,
    FAKE_CALLBACKS
};

struct fake_hal {
    struct axvm_hal ops; /* hand this to the library; members may be set to NULL before */
    struct axvm_host host;

    /* memory */
    uint8_t *mem;
    uint8_t *page_state; /* per page */
    uint64_t next_page;  /* where the search for free pages begins */
    uint64_t page_limit; /* pages there are; lower it to run out */
    _Atomic uint64_t live_pages;
    pthread_mutex_t lock;

    /* failures; see fake_hal_fail() */
    _Atomic uint64_t calls[FAKE_CALLBACKS];
    uint64_t fail_after[FAKE_CALLBACKS];
    bool fail_for_good[FAKE_CALLBACKS];

    /* Called in every callback, before it does anything; for calling back into the library. */
    void (*hook)(struct fake_hal *hal, enum fake_callback which, void *arg);
    void *hook_arg;

    /* time */
    _Atomic uint64_t now_ns;
    _Atomic uint64_t tick_ns;             /* every reading moves the clock by so much */
    _Atomic uint64_t timer_ns[FAKE_CPUS]; /* what timer_set() asked for; AXVM_TIME_NEVER */

    /* CPUs */
    struct axvm_cpu *cpus[FAKE_CPUS];
    _Atomic uint32_t kicked[FAKE_CPUS]; /* an interrupt is pending there */
    _Atomic uint64_t kicks[FAKE_CPUS];
    _Atomic uint64_t wakes[FAKE_VMS][AXVM_MAX_VCPUS];
    bool woken[FAKE_VMS][AXVM_MAX_VCPUS]; /* the binary semaphores; guarded by lock */
    pthread_cond_t wake_cond;

    /* interrupts */
    _Atomic uint64_t injected, completed;
    _Atomic uint32_t last_injected_irq, last_completed_irq;
    _Atomic uint64_t masks;

    /* log */
    char last_line[256];
    _Atomic uint64_t log_lines;
    char *log_text; /* all lines, each ended by '\n' */
    size_t log_size;

    _Atomic uint64_t violations; /* contracts that the library broke; said on stderr */
};

/* A host with everything there, CPU 0 for the calling thread, time at one second. */
struct fake_hal *fake_hal_new(void);
/* Disables the CPUs that are still enabled. Returns how many pages were not given back, plus violations. */
uint64_t fake_hal_free(struct fake_hal *hal);

/* From its call number @n + 1 on (0: the next), @which fails: once, or for good. Only callbacks that can fail. */
void fake_hal_fail(struct fake_hal *hal, enum fake_callback which, uint64_t n, bool for_good);
/* Let @n allocations succeed, fail the next. */
void fake_hal_fail_alloc(struct fake_hal *hal, uint64_t n);
void fake_hal_fail_nothing(struct fake_hal *hal);

/* The calling thread is on CPU @pcpu from now on. */
void fake_hal_set_cpu(unsigned int pcpu);
unsigned int fake_hal_cpu(void);
/* The same, and axvm_cpu_enable() there. */
int fake_hal_enable_cpu(struct fake_hal *hal, unsigned int pcpu);
/* An interrupt for this CPU has come: take it. */
bool fake_hal_take_kick(struct fake_hal *hal, unsigned int pcpu);

/* Sleep as the thread of a vCPU does, until wake_vcpu() or so many real milliseconds have gone. False: nobody woke it. */
bool fake_hal_sleep(struct fake_hal *hal, unsigned int vm_id, unsigned int vcpu_id, unsigned int timeout_ms);

/* Does a line logged so far contain @text? */
bool fake_hal_logged(struct fake_hal *hal, const char *text);

/* A terminal. */
struct fake_console {
    char text[8192];
    size_t len;
    size_t most; /* takes at most so many bytes at a time... */
    size_t room; /* ...and so many in all, before it says 0 */
    uint64_t calls;
};
struct axvm_chardev fake_console_init(struct fake_console *con);

#ifdef __cplusplus
}
#endif
#endif
