/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events across harts that run, wait, sleep, stop and start. */
#include "sse.h"

/* ---- other harts ---- */

unsigned int harts;
static void (*volatile job[MAX_CPUS])(void);
volatile uint64_t busy[MAX_CPUS], alive[MAX_CPUS], reached[MAX_CPUS];

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)opaque;
    __atomic_add_fetch(&alive[cpu], 1, __ATOMIC_SEQ_CST);
    for (;;) {
        if (!__atomic_load_n(&busy[cpu], __ATOMIC_SEQ_CST))
            continue;
        job[cpu]();
        __atomic_store_n(&busy[cpu], 0, __ATOMIC_SEQ_CST);
    }
}

void begin(unsigned int cpu, void (*f)(void))
{
    job[cpu] = f;
    __atomic_store_n(&busy[cpu], 1, __ATOMIC_SEQ_CST);
}

void finished(unsigned int cpu)
{
    while (__atomic_load_n(&busy[cpu], __ATOMIC_SEQ_CST))
        ;
}

void on_hart(unsigned int cpu, void (*f)(void))
{
    if (cpu == hart()) {
        f();
        return;
    }
    begin(cpu, f);
    finished(cpu);
}

void unmask(void)
{
    expect("67 masked when started", LOCAL, sse(MASK, 0, 0, 0, 0, 0), ALREADY_STOPPED);
    is_state("UNUSED when started", LOCAL, UNUSED);
    expect("unmask", LOCAL, sse(UNMASK, 0, 0, 0, 0, 0), SUCCESS);
    expect("67 unmask twice", LOCAL, sse(UNMASK, 0, 0, 0, 0, 0), ALREADY_STARTED);
    expect("mask", LOCAL, sse(MASK, 0, 0, 0, 0, 0), SUCCESS);
    expect("67 mask twice", LOCAL, sse(MASK, 0, 0, 0, 0, 0), ALREADY_STOPPED);
    expect("unmask", LOCAL, sse(UNMASK, 0, 0, 0, 0, 0), SUCCESS);
}

static void enable_local(void)
{
    enable_for(LOCAL, NULL);
}

static void disable_local(void)
{
    disable(LOCAL);
}

void start_harts(void)
{
    for (harts = 1; harts < MAX_CPUS && sbi(SBI_HSM, 2, harts, 0, 0, 0, 0).error == 0; harts++) {
        check("a hart starts", 0, start_cpu(harts, 0) == 0 && comes(&alive[harts], 1), harts);
        on_hart(harts, unmask);
    }
}

void local_events_of_others(void)
{
    for (unsigned int cpu = 0; cpu < harts; cpu++)
        on_hart(cpu, enable_local);
    for (unsigned int cpu = 0; cpu < harts; cpu++)
        expect("inject into another hart", LOCAL, sse(INJECT, LOCAL, cpu, 0, 0, 0), SUCCESS);
    for (unsigned int cpu = 0; cpu < harts; cpu++)
        check("it comes there", LOCAL, comes(&local[cpu].count, 1) && local[cpu].hart == cpu, local[cpu].hart);
    expect("67 inject into no hart", LOCAL, sse(INJECT, LOCAL, harts, 0, 0, 0), INVALID_PARAM);
    expect("67 inject into no hart", LOCAL, sse(INJECT, LOCAL, HIGH, 0, 0, 0), INVALID_PARAM);
    expect("67 inject into no hart", LOCAL, sse(INJECT, LOCAL, ~0ul, 0, 0, 0), INVALID_PARAM);
    for (unsigned int cpu = 0; cpu < harts; cpu++)
        on_hart(cpu, disable_local);
}

void global_event_of_others(void)
{
    expect("register", GLOBAL, register_event(GLOBAL, &global, NULL), SUCCESS);
    for (unsigned int cpu = 0; cpu < harts; cpu++) {
        uint64_t before = global.count;

        expect("preferred hart", GLOBAL, write_attr(GLOBAL, PREFERRED, cpu), SUCCESS);
        expect("enable", GLOBAL, sse(ENABLE, GLOBAL, 0, 0, 0, 0), SUCCESS);
        expect("inject, whatever hart is named", GLOBAL, sse(INJECT, GLOBAL, ~0ul, 0, 0, 0), SUCCESS);
        check("it comes to the preferred hart", GLOBAL, comes(&global.count, before + 1) && global.hart == cpu, global.hart);
        check("it is enabled again", GLOBAL, becomes(GLOBAL, ENABLED), status(GLOBAL));
        expect("disable", GLOBAL, sse(DISABLE, GLOBAL, 0, 0, 0, 0), SUCCESS);
    }
    expect("unregister", GLOBAL, sse(UNREGISTER, GLOBAL, 0, 0, 0, 0), SUCCESS);
}

/* Another hart's handler goes on while we look at it. */
static volatile uint64_t handler_is_in, handler_may_end;

static void slow_handler(struct sse_context *c)
{
    (void)c;
    __atomic_store_n(&handler_is_in, 1, __ATOMIC_SEQ_CST);
    comes(&handler_may_end, 1);
}

void running_elsewhere(void)
{
    handler_is_in = handler_may_end = 0;
    register_event(GLOBAL, &global, slow_handler);
    write_attr(GLOBAL, PREFERRED, 1);
    sse(ENABLE, GLOBAL, 0, 0, 0, 0);
    sse(INJECT, GLOBAL, 0, 0, 0, 0);
    check("it runs elsewhere", GLOBAL, comes(&handler_is_in, 1) && (status(GLOBAL) & 7) == RUNNING, status(GLOBAL));
    expect("67 interrupted state of another hart", GLOBAL, write_attr(GLOBAL, A6, 1), INVALID_PARAM);
    expect("67 complete for another hart", GLOBAL, sse(COMPLETE, 0, 0, 0, 0, 0), SUCCESS);
    is_state("67 it still runs", GLOBAL, RUNNING);
    expect("67 disable of what runs elsewhere", GLOBAL, sse(DISABLE, GLOBAL, 0, 0, 0, 0), INVALID_STATE);
    expect("inject of what runs elsewhere", GLOBAL, sse(INJECT, GLOBAL, 0, 0, 0, 0), SUCCESS);
    check("it is pending there", GLOBAL, (status(GLOBAL) & 7) == (RUNNING | PENDING), status(GLOBAL));
    __atomic_store_n(&handler_may_end, 1, __ATOMIC_SEQ_CST);
    check("it comes twice", GLOBAL, comes(&global.count, 2) && becomes(GLOBAL, ENABLED), global.count);
    disable(GLOBAL);
}

/* ---- harts that wait, sleep, are in user mode ---- */

/* In a wait, or on its way there: there is nothing more to wait for. */
static void waiting_handler(struct sse_context *c)
{
    uint64_t pc = read_csr(sepc);

    (void)c;
    if (pc >= (uint64_t)sse_wait_code && pc < (uint64_t)sse_wait_out)
        write_csr(sepc, sse_wait_out);
    if (pc >= (uint64_t)sse_suspend_code && pc < (uint64_t)sse_suspend_out)
        write_csr(sepc, sse_suspend_out);
}

static void wait_for_interrupt(void)
{
    enable_for(LOCAL, waiting_handler);
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    /* No interrupt can come: sie is 0. A wait may end early, though. */
    sse_wait(&local[hart()].count);
    disable(LOCAL);
}

static void hart_suspend(void)
{
    enable_for(LOCAL, waiting_handler);
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    check("hart suspend", 0, sse_suspend(&local[hart()].count) == SUCCESS, 0);
    disable(LOCAL);
}

static void user_handler(struct sse_context *c)
{
    uint64_t pc = read_csr(sepc);

    check("user mode was interrupted", LOCAL, !(c->status & SSTATUS_SPP), c->status);
    check("in its loop", LOCAL, pc >= (uint64_t)sse_user_code && pc < (uint64_t)sse_user_out, pc);
    write_csr(sepc, sse_user_out);
    set_csr(sstatus, SSTATUS_SPP);
}

static void user_mode(void)
{
    enable_for(LOCAL, user_handler);
    sse_user_loop(&reached[hart()]);
    disable(LOCAL);
}

static void interrupt_of(const char *name, void (*f)(void))
{
    uint64_t until;

    reached[1] = 0;
    begin(1, f);
    check(name, LOCAL, comes(&reached[1], 1), 0);
    /* Most likely it is where it is to be by then; right either way. */
    until = read_csr(time) + 200000;
    while (read_csr(time) < until)
        ;
    expect(name, LOCAL, sse(INJECT, LOCAL, 1, 0, 0, 0), SUCCESS);
    finished(1);
    check(name, LOCAL, local[1].count == 1, local[1].count);
}

void waiting_harts(void)
{
    interrupt_of("an event ends a wait", wait_for_interrupt);
    interrupt_of("an event ends a suspend", hart_suspend);
    interrupt_of("an event in user mode", user_mode);
}

/* ---- harts that stop ---- */

static void stop(void)
{
    __atomic_store_n(&busy[hart()], 0, __ATOMIC_SEQ_CST);
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
}

static void stop_handler(struct sse_context *c)
{
    (void)c;
    stop();
}

static void await_stop(unsigned int cpu)
{
    while (sbi(SBI_HSM, 2, cpu, 0, 0, 0, 0).value != 1)
        ;
}

static void restart(unsigned int cpu)
{
    uint64_t before = alive[cpu];

    check("a hart starts again", 0, start_cpu(cpu, 0) == 0 && comes(&alive[cpu], before + 1), cpu);
    on_hart(cpu, unmask);
}

void stopped_harts(void)
{
    on_hart(1, enable_local);
    write_attr(GLOBAL, PREFERRED, 1);
    register_event(GLOBAL, &global, NULL);
    begin(1, stop);
    await_stop(1);
    expect("67 inject into a stopped hart", LOCAL, sse(INJECT, LOCAL, 1, 0, 0, 0), INVALID_PARAM);
    expect("67 a stopped hart as the preferred one", GLOBAL, write_attr(GLOBAL, PREFERRED, 1), INVALID_PARAM);
    /* It was preferred; others are ready. */
    sse(ENABLE, GLOBAL, 0, 0, 0, 0);
    expect("inject with the preferred hart off", GLOBAL, sse(INJECT, GLOBAL, 0, 0, 0, 0), SUCCESS);
    check("it comes to one that is on", GLOBAL, comes(&global.count, 1) && global.hart != 1, global.hart);
    check("it is enabled again", GLOBAL, becomes(GLOBAL, ENABLED), status(GLOBAL));
    disable(GLOBAL);
    restart(1);
    /* A handler that stops its hart. */
    register_event(GLOBAL, &global, stop_handler);
    write_attr(GLOBAL, PREFERRED, 1);
    sse(ENABLE, GLOBAL, 0, 0, 0, 0);
    sse(INJECT, GLOBAL, 0, 0, 0, 0);
    await_stop(1);
    check("a handler stops its hart", GLOBAL, becomes(GLOBAL, ENABLED), status(GLOBAL));
    disable(GLOBAL);
    restart(1);
}
