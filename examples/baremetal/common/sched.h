/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: round robin from one queue for all CPUs, 4 ms each if others wait. A thread sleeps on a semaphore of its own, until
 * a time at most. There is one lock; a context switch hands it over, so nobody can run a thread whose registers are not saved
 * yet.
 */
#ifndef SCHED_H
#define SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

struct axvm_cpu;

#define TIME_NEVER UINT64_MAX
#define TIME_SLICE_NS UINT64_C(4000000)

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_SLEEPING };

struct thread {
    uintptr_t sp; /* while switched out: where board_context_switch() put the registers */
    void (*fn)(void *arg);
    void *arg;
    void *stack;         /* lowest address */
    struct thread *next; /* in the run queue, or in a CPU's list of sleepers */
    enum thread_state state;
    bool woken; /* the semaphore */
    uint64_t deadline_ns;
    uint64_t cpu_mask;
    unsigned int cpu;         /* where it runs or last ran */
    unsigned int promised;    /* while READY: the idle CPU that has been poked for it; MAX_CPUS: none */
    unsigned int passed_over; /* while READY and first in the queue: how many have been preferred */
    char name[16];
};

struct cpu {
    unsigned int id;
    uint64_t hwid;
    struct thread *current;
    struct thread idle;       /* what the CPU booted in */
    struct thread *sleepers;  /* went to sleep here with a deadline, soonest first */
    uint64_t slice_end_ns;    /* TIME_NEVER while nobody waits for this CPU */
    uint64_t library_ns;      /* hal->timer_set() */
    uint64_t look_ns;         /* sched_is_alone() has said yes, and not been asked since: when to have it asked again */
    uint64_t sched_ns;        /* the earliest of these but library_ns, as of the last timer_update() */
    uint64_t timer_ns;        /* what the timer is set to */
    bool resched;             /* switch threads when the interrupt handler returns */
    bool poked;               /* board_send_poke() is under way */
    _Atomic bool guest_waits; /* its guest may be idle: sched_is_alone() has said yes */
    _Atomic bool online;
    struct axvm_cpu *axvm; /* what axvm_cpu_enable() made */
};
extern struct cpu cpus[MAX_CPUS];
extern unsigned int cpu_count;

/* Make the calling context the CPU's idle thread. */
void sched_cpu_init(struct cpu *cpu, void *stack);
_Noreturn void sched_idle(void);

/* @thread is the caller's memory. @cpu_mask 0: any CPU. It becomes ready at once. */
void thread_create(struct thread *thread, const char *name, void (*fn)(void *arg), void *arg, uint64_t cpu_mask);
struct thread *thread_current(void);
/* Until thread_wake(), also one that came before, or @deadline_ns. */
void thread_sleep(uint64_t deadline_ns);
void thread_wake(struct thread *thread);
void thread_yield(void);

/* No thread waits for the calling CPU: its guest may idle in it until it is poked. Interrupts off. Any context. */
bool sched_is_alone(void);

/* The library's one-shot timer of the calling CPU. Any context. */
void sched_library_timer(uint64_t deadline_ns);
/* The calling CPU's timer, whose interrupt is pending: was it set for the library? Interrupts off. Any context. */
bool sched_library_timer_due(void);
/* It was, and the interrupt is no longer pending: what has become due meanwhile fires anew; the library sets it anew if it came
 * before its time. Interrupts off. Any context. */
void sched_library_timer_taken(void);

#endif
