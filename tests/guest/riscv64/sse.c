/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events of SBI 3.0: what each call answers in each state, delivery, order, and events across harts that run, wait,
 * sleep, stop and start. hostile-guest.md rows 66, 67. It ends with "sse: done FAILURES". This file: what its parts do with,
 * and their order.
 */
#include "sse.h"

struct sse_context local[MAX_CPUS], global;
volatile uint64_t calls;

void sse_event(struct sse_context *c, uint64_t hart)
{
    c->hart = hart;
    c->pc = read_csr(sepc);
    c->status = read_csr(sstatus);
    c->order = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (c->handler)
        c->handler(c);
    __atomic_add_fetch(&c->count, 1, __ATOMIC_SEQ_CST);
}

/* ---- what is reported ---- */

static unsigned int checks;
static uint32_t console;

void check(const char *name, uint64_t event, bool ok, uint64_t got)
{
    while (__atomic_exchange_n(&console, 1, __ATOMIC_ACQUIRE))
        ;
    checks++;
    report_part(event == GLOBAL ? "(global) " : event == LOCAL ? "(local) " : NULL);
    result_if_wrong(name, ok, got);
    report_part(NULL);
    __atomic_store_n(&console, 0, __ATOMIC_RELEASE);
}

struct sbi_ret sse(uint64_t fid, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return sbi(SBI_SSE, fid, a, b, c, d, e);
}

void expect(const char *name, uint64_t event, struct sbi_ret r, int64_t error)
{
    check(name, event, r.error == error, (uint64_t)r.error);
}

int64_t read_attr(uint64_t event, uint64_t attr, uint64_t *value)
{
    return sse(READ, event, attr, 1, (uint64_t)value, 0).error;
}

struct sbi_ret write_attr(uint64_t event, uint64_t attr, uint64_t value)
{
    return sse(WRITE, event, attr, 1, (uint64_t)&value, 0);
}

uint64_t status(uint64_t event)
{
    uint64_t value = ~0ul;

    read_attr(event, STATUS, &value);
    return value;
}

void is_state(const char *name, uint64_t event, uint64_t state)
{
    uint64_t s = status(event);

    check(name, event, (s & 3) == state && (s & ~7ul) == 8, s);
}

struct sbi_ret register_event(uint64_t event, struct sse_context *c, void (*handler)(struct sse_context *c))
{
    c->event = event;
    c->handler = handler;
    c->count = 0;
    c->stack_top = (uint64_t)c->stack + STACK;
    return sse(REGISTER, event, (uint64_t)sse_entry, (uint64_t)c, 0, 0);
}

struct sse_context *context_of(uint64_t event)
{
    return event == GLOBAL ? &global : &local[hart() % MAX_CPUS];
}

bool comes(volatile uint64_t *what, uint64_t value)
{
    while (__atomic_load_n(what, __ATOMIC_SEQ_CST) < value)
        ;
    return __atomic_load_n(what, __ATOMIC_SEQ_CST) == value;
}

bool becomes(uint64_t event, uint64_t state)
{
    while ((status(event) & 3) != state)
        ;
    return true;
}

void enable_for(uint64_t event, void (*handler)(struct sse_context *c))
{
    expect("register", event, register_event(event, context_of(event), handler), SUCCESS);
    if (event == GLOBAL)
        expect("hart", event, write_attr(event, PREFERRED, hart()), SUCCESS);
    expect("enable", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
}

void disable(uint64_t event)
{
    expect("disable", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    expect("unregister", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
}

/* ---- the tests ---- */

/* Sv39, everything where it is: handlers are entered at a virtual address, memory is named by its physical one. */
static void translate(bool on)
{
    static uint64_t root[512] __attribute__((aligned(4096)));

    for (uint64_t i = 0; i < 4; i++)
        root[i] = i << 28 | 0xcf; /* 1 GiB, of supervisor mode */
    write_csr(satp, on ? 8ul << 60 | (uint64_t)root >> 12 : 0);
    __asm__ volatile("sfence.vma" : : : "memory");
}

static const uint64_t events[] = { LOCAL, GLOBAL };

static void one_hart(void)
{
    unmask();
    absent_events();
    for (unsigned int i = 0; i < 2; i++) {
        wild_arguments(events[i]);
        attributes(events[i]);
        states(events[i]);
        delivery(events[i]);
        again(events[i]);
        changes(events[i]);
    }
    orders();
}

static void one_hart_with_translation(void)
{
    translate(true);
    for (unsigned int i = 0; i < 2; i++) {
        delivery(events[i]);
        changes(events[i]);
    }
    orders();
    translate(false);
}

/* Where it is, for one that hangs. */
static void part(const char *name)
{
    put_str(GUEST_NAME ": ");
    put_str(name);
    put_char('\n');
}

static void many_harts(void)
{
    part("running elsewhere");
    running_elsewhere();
    part("harts that wait");
    waiting_harts();
    part("harts that stop");
    stopped_harts();
    part("events of others again");
    local_events_of_others();
    global_event_of_others();
    part("a storm");
    storm();
    part("random calls");
    random_calls();
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    one_hart();
    one_hart_with_translation();
    part("more harts");
    start_harts();
    part("events of others");
    local_events_of_others();
    global_event_of_others();
    if (harts > 1)
        many_harts();
    report_number("checks", checks);
    report_done();
    power_off();
}
