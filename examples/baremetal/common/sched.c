/* SPDX-License-Identifier: BSD-2-Clause */
#include "sched.h"

#include "lib.h"
#include "page.h"

struct cpu cpus[MAX_CPUS];
unsigned int cpu_count;

static struct spinlock lock;
static struct {
    struct thread *_Atomic head;
    struct thread *tail;
} ready;

/* At the bottom of each stack; gone when one has overflowed. */
#define STACK_MAGIC UINT64_C(0x57ac4ba5e0ddba11)

/*
 * While a guest waits in its CPU, the CPU is left this often. No hardware needs it; but QEMU 7.2 may lose an interrupt that
 * becomes pending just when the CPU writes another one's bit (riscv_cpu_update_mip() looks at vstimecmp's before it takes its
 * lock), and delivers it with the next such write: the guest would wait until somebody else wants something of it.
 */
#define LOOK_NS UINT64_C(100000000)

#define PATIENCE 8

static bool may_run(const struct thread *t, const struct cpu *cpu)
{
    return (t->cpu_mask >> cpu->id & 1) != 0;
}

/* An idle CPU is on its way to it: two threads that wait for each other are not to share one CPU beside an idle one. */
static bool is_promised(const struct thread *t, const struct cpu *cpu)
{
    return t->promised < MAX_CPUS && t->promised != cpu->id && cpus[t->promised].poked;
}

static void ready_add(struct thread *t)
{
    t->state = THREAD_READY;
    t->promised = MAX_CPUS;
    t->passed_over = 0;
    t->next = NULL;
    if (ready.tail)
        ready.tail->next = t;
    else
        ready.head = t;
    ready.tail = t;
}

/* The thread that @cpu should run next: the first that ran here last, as it finds its caches and TLBs warm; else the first that
 * may run here, which also gets its turn when it has been passed over for PATIENCE others. NULL: none. */
static struct thread *ready_pick(const struct cpu *cpu)
{
    struct thread *first = NULL;

    for (struct thread *t = ready.head; t; t = t->next) {
        if (!may_run(t, cpu) || is_promised(t, cpu))
            continue;
        if (!first)
            first = t;
        if (t->cpu != cpu->id)
            continue;
        if (t != first && ++first->passed_over > PATIENCE)
            break;
        return t;
    }
    return first;
}

static void ready_remove(struct thread *thread)
{
    struct thread *prev = NULL;

    for (struct thread *t = ready.head; t != thread; t = t->next)
        prev = t;
    if (prev)
        prev->next = thread->next;
    else
        ready.head = thread->next;
    if (ready.tail == thread)
        ready.tail = prev;
}

static struct thread *ready_take(const struct cpu *cpu)
{
    struct thread *t = ready_pick(cpu);

    if (t)
        ready_remove(t);
    return t;
}

static bool somebody_waits_for(const struct cpu *cpu)
{
    for (struct thread *t = ready.head; t; t = t->next) {
        if (may_run(t, cpu) && !is_promised(t, cpu))
            return true;
    }
    return false;
}

/* When the scheduler itself wants the calling CPU's timer: at the end of the slice if anybody waits for it, for its sleepers.
 * The slice begins when there is first somebody who waits: reading the clock and setting the timer cost more than the rest of a
 * switch. */
static uint64_t sched_deadline(struct cpu *cpu)
{
    uint64_t ns = cpu->look_ns;

    if (cpu->sleepers && cpu->sleepers->deadline_ns < ns)
        ns = cpu->sleepers->deadline_ns;
    if (cpu->current == &cpu->idle || !somebody_waits_for(cpu))
        cpu->slice_end_ns = TIME_NEVER;
    else if (cpu->slice_end_ns == TIME_NEVER)
        cpu->slice_end_ns = board_time_ns() + TIME_SLICE_NS;
    return cpu->slice_end_ns < ns ? cpu->slice_end_ns : ns;
}

/* The calling CPU's timer, for the scheduler and the library. Interrupts off; all this is the CPU's own and takes no lock. */
static void timer_arm(struct cpu *cpu)
{
    uint64_t ns = cpu->library_ns < cpu->sched_ns ? cpu->library_ns : cpu->sched_ns;

    if (ns != cpu->timer_ns) {
        cpu->timer_ns = ns;
        board_timer_set(ns);
    }
}

/* Lock held. Something that sched_deadline() goes by has changed for the calling CPU. */
static void timer_update(struct cpu *cpu)
{
    cpu->sched_ns = sched_deadline(cpu);
    timer_arm(cpu);
}

/* Somebody should notice that @t is ready: a CPU that idles, best the one whose caches know it; else a busy one gets a tick. */
static void poke_for(struct thread *t)
{
    struct cpu *best = NULL;

    for (unsigned int i = 0; i < cpu_count; i++) {
        struct cpu *cpu = &cpus[(t->cpu + i) % cpu_count];

        if (!atomic_load(&cpu->online) || !may_run(t, cpu) || cpu->poked)
            continue;
        if (cpu->current == &cpu->idle) {
            best = cpu;
            break;
        }
        if (!best || (atomic_load(&cpu->guest_waits) && !atomic_load(&best->guest_waits)))
            best = cpu;
    }
    if (!best || (best->current != &best->idle && best->slice_end_ns != TIME_NEVER && !atomic_load(&best->guest_waits)))
        return;
    if (best == cpu_self() && best->current != &best->idle) {
        timer_update(best);
    } else {
        best->poked = true;
        if (best->current == &best->idle && best != cpu_self())
            t->promised = best->id;
        board_send_poke(best->id);
    }
}

static void sleepers_add(struct cpu *cpu, struct thread *t)
{
    struct thread **at = &cpu->sleepers;

    while (*at && (*at)->deadline_ns <= t->deadline_ns)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

static void sleepers_remove(struct cpu *cpu, struct thread *t)
{
    struct thread **at = &cpu->sleepers;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
}

/* Lock held. Continue with the next ready thread; the current one is wherever its state says. */
static void switch_away(struct cpu *cpu)
{
    struct thread *prev = cpu->current, *next = ready_take(cpu);

    cpu->resched = false;
    cpu->poked = false;
    if (!next)
        next = prev->state == THREAD_RUNNING ? prev : &cpu->idle;
    else if (prev != &cpu->idle && prev->state == THREAD_RUNNING)
        ready_add(prev);
    next->state = THREAD_RUNNING;
    next->cpu = cpu->id;
    cpu->current = next;
    cpu->slice_end_ns = TIME_NEVER;
    timer_update(cpu);
    if (next == prev)
        return;
    if (*(uint64_t *)prev->stack != STACK_MAGIC)
        host_fail("a thread's stack overflowed");
    board_context_switch(&prev->sp, next->sp);
    /* Back, perhaps on another CPU; whoever switched to us holds the lock for us. */
}

void thread_main(void)
{
    struct thread *t = cpu_self()->current;

    spin_unlock(&lock, IRQS_ENABLED);
    t->fn(t->arg);
    host_fail("a thread returned");
}

void thread_create(struct thread *t, const char *name, void (*fn)(void *arg), void *arg, uint64_t cpu_mask)
{
    unsigned long irqs;

    *t = (struct thread){ .fn = fn, .arg = arg, .cpu_mask = cpu_mask ? cpu_mask : UINT64_MAX };
    format(t->name, sizeof(t->name), "%s", name);
    t->stack = (void *)page_alloc(2);
    _Static_assert(STACK_SIZE == PAGE_SIZE << 2, "order of the allocation");
    if (!t->stack)
        host_fail("no memory for a thread's stack");
    *(uint64_t *)t->stack = STACK_MAGIC;
    t->sp = board_context_new((char *)t->stack + STACK_SIZE);
    irqs = spin_lock(&lock);
    ready_add(t);
    poke_for(t);
    spin_unlock(&lock, irqs);
}

struct thread *thread_current(void)
{
    unsigned long irqs = irq_save();
    struct thread *t = cpu_self()->current;

    irq_restore(irqs);
    return t;
}

void thread_sleep(uint64_t deadline_ns)
{
    unsigned long irqs = spin_lock(&lock);
    struct cpu *cpu = cpu_self();
    struct thread *t = cpu->current;

    if (!t->woken) {
        t->state = THREAD_SLEEPING;
        t->deadline_ns = deadline_ns;
        if (deadline_ns != TIME_NEVER)
            sleepers_add(cpu, t);
        switch_away(cpu);
    }
    t->woken = false;
    spin_unlock(&lock, irqs);
}

void thread_wake(struct thread *t)
{
    unsigned long irqs = spin_lock(&lock);

    t->woken = true;
    if (t->state == THREAD_SLEEPING) {
        if (t->deadline_ns != TIME_NEVER)
            sleepers_remove(&cpus[t->cpu], t);
        ready_add(t);
        poke_for(t);
    }
    spin_unlock(&lock, irqs);
}

void thread_yield(void)
{
    unsigned long irqs = spin_lock(&lock);

    switch_away(cpu_self());
    spin_unlock(&lock, irqs);
}

static void look_soon(struct cpu *cpu)
{
    unsigned long irqs = spin_lock(&lock);

    cpu->look_ns = board_time_ns() + LOOK_NS;
    timer_update(cpu);
    spin_unlock(&lock, irqs);
}

/* Whoever makes a thread ready after we have looked sees guest_waits, and pokes us or another. */
bool sched_is_alone(void)
{
    struct cpu *cpu = cpu_self();
    bool alone = true;

    atomic_store(&cpu->guest_waits, true);
    if (atomic_load(&ready.head) != NULL) {
        unsigned long irqs = spin_lock(&lock);

        alone = !somebody_waits_for(cpu);
        spin_unlock(&lock, irqs);
    }
    atomic_store(&cpu->guest_waits, alone);
    if (alone && cpu->look_ns == TIME_NEVER)
        look_soon(cpu);
    return alone;
}

/* What the scheduler wants has been looked at when it changed: whoever makes a thread ready that this CPU may have to run pokes
 * it, unless the slice that is to end for it has begun. */
void sched_library_timer(uint64_t deadline_ns)
{
    unsigned long irqs = irq_save();
    struct cpu *cpu = cpu_self();

    cpu->library_ns = deadline_ns;
    timer_arm(cpu);
    irq_restore(irqs);
}

bool sched_library_timer_due(void)
{
    const struct cpu *cpu = cpu_self();

    return cpu->timer_ns == cpu->library_ns;
}

void sched_library_timer_taken(void)
{
    struct cpu *cpu = cpu_self();

    cpu->library_ns = cpu->timer_ns = TIME_NEVER;
    timer_arm(cpu);
}

/* ---- interrupts ---- */

void host_timer_irq(void)
{
    unsigned long irqs = spin_lock(&lock);
    struct cpu *cpu = cpu_self();
    uint64_t now = board_time_ns();

    /*
     * Set it again in any case. It can have come early; and QEMU 7.2's stimecmp, set to something later just when it expires,
     * lets the interrupt become pending all the same and stay so until the next write: the CPU would do nothing but take it.
     */
    cpu->timer_ns = 0;
    while (cpu->sleepers && cpu->sleepers->deadline_ns <= now) {
        struct thread *t = cpu->sleepers;

        cpu->sleepers = t->next;
        ready_add(t);
        if (cpu->current == &cpu->idle && !cpu->resched)
            cpu->resched = true;
        else
            poke_for(t);
    }
    /* Its guest has been left for this interrupt; that is all the library wants of it. */
    if (cpu->library_ns <= now)
        cpu->library_ns = TIME_NEVER;
    if (cpu->slice_end_ns <= now)
        cpu->resched = true;
    if (cpu->look_ns <= now)
        cpu->look_ns = TIME_NEVER;
    timer_update(cpu);
    spin_unlock(&lock, irqs);
}

/* Somebody is ready to run. */
void host_poke_irq(void)
{
    unsigned long irqs = spin_lock(&lock);
    struct cpu *cpu = cpu_self();

    cpu->poked = false;
    if (cpu->current == &cpu->idle)
        cpu->resched = true;
    timer_update(cpu);
    spin_unlock(&lock, irqs);
}

void host_irq_exit(void)
{
    struct cpu *cpu = cpu_self();

    if (cpu->resched) {
        unsigned long irqs = spin_lock(&lock);

        switch_away(cpu);
        spin_unlock(&lock, irqs);
    }
}

void sched_cpu_init(struct cpu *cpu, void *stack)
{
    cpu->current = &cpu->idle;
    cpu->idle.state = THREAD_RUNNING;
    cpu->idle.stack = stack;
    *(uint64_t *)stack = STACK_MAGIC;
    cpu->idle.cpu = cpu->id;
    cpu->slice_end_ns = TIME_NEVER;
    cpu->library_ns = TIME_NEVER;
    cpu->look_ns = TIME_NEVER;
    cpu->sched_ns = TIME_NEVER;
    cpu->timer_ns = TIME_NEVER;
    format(cpu->idle.name, sizeof(cpu->idle.name), "idle%u", cpu->id);
    board_set_self(cpu);
}

void sched_idle(void)
{
    (void)irq_save();
    for (;;)
        board_wait_irq();
}
