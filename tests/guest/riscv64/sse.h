/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest that tries software events of SBI 3.0: what its parts share. */
#ifndef AXVM_TESTS_GUEST_SSE_H
#define AXVM_TESTS_GUEST_SSE_H

#include "report.h"

#define SBI_SSE 0x535345ul
enum { READ, WRITE, REGISTER, UNREGISTER, ENABLE, DISABLE, COMPLETE, INJECT, UNMASK, MASK };
enum { STATUS, PRIORITY, CONFIG, PREFERRED, ENTRY_PC, ENTRY_ARG, SEPC, FLAGS, A6, A7, ATTRS };
enum { UNUSED, REGISTERED, ENABLED, RUNNING };
enum {
    SUCCESS = 0,
    NOT_SUPPORTED = -2,
    INVALID_PARAM = -3,
    DENIED = -4,
    INVALID_ADDRESS = -5,
    ALREADY_STARTED = -7,
    ALREADY_STOPPED = -8,
    INVALID_STATE = -10,
    BAD_RANGE = -11,
};
#define LOCAL 0xffff0000ul
#define GLOBAL 0xffff8000ul
#define PENDING 4ul
#define SSTATUS_SPIE (1ul << 5)
#define SSTATUS_SPP (1ul << 8)
#define HIGH (1ul << 32)
#define STACK 4096u
#define RAM_END (RAM + 0x20000000)

/* The first two are sse_entry.S's. */
struct sse_context {
    uint64_t interrupted_sp, stack_top;
    uint64_t event;
    void (*handler)(struct sse_context *c);
    struct sse_context *next;
    volatile uint64_t count, hart, pc, status;
    volatile uint64_t order; /* of its last call among all */
    uint8_t stack[STACK] __attribute__((aligned(16)));
};
extern struct sse_context local[MAX_CPUS], global;
extern volatile uint64_t calls; /* of handlers */

extern char sse_entry[], sse_user_code[], sse_user_out[], sse_wait_code[], sse_wait_out[], sse_suspend_code[],
    sse_suspend_out[];
void sse_user_loop(volatile uint64_t *reached);
void sse_wait(const volatile uint64_t *count);
int64_t sse_suspend(const volatile uint64_t *count);
bool sse_keeps_registers(uint64_t event, uint64_t hart);
void sse_event(struct sse_context *c, uint64_t hart);

/* ---- calls, and what they have to come to; for the event of the calling hart, or the global one ---- */

void check(const char *name, uint64_t event, bool ok, uint64_t got);
struct sbi_ret sse(uint64_t fid, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
void expect(const char *name, uint64_t event, struct sbi_ret r, int64_t error);
int64_t read_attr(uint64_t event, uint64_t attr, uint64_t *value);
struct sbi_ret write_attr(uint64_t event, uint64_t attr, uint64_t value);
uint64_t status(uint64_t event);
void is_state(const char *name, uint64_t event, uint64_t state);
struct sbi_ret register_event(uint64_t event, struct sse_context *c, void (*handler)(struct sse_context *c));
struct sse_context *context_of(uint64_t event);
/* For what another hart does, however long it takes: what never happens is a guest that hangs here. False: it was too much. */
bool comes(volatile uint64_t *what, uint64_t value);
bool becomes(uint64_t event, uint64_t state);
/* Register and enable it with @handler, for this hart; and the way back. */
void enable_for(uint64_t event, void (*handler)(struct sse_context *c));
void disable(uint64_t event);

/* sse_calls.c: one call after the other, while nothing comes. */
void absent_events(void);
void wild_arguments(uint64_t event);
void attributes(uint64_t event);
void states(uint64_t event);

/* sse_delivery.c: what comes to the hart that injects it. */
void delivery(uint64_t event);
void changes(uint64_t event);
void again(uint64_t event);
void orders(void);

/* sse_harts.c: events across harts that run, wait, sleep, stop and start. */
extern unsigned int harts;
extern volatile uint64_t busy[MAX_CPUS], alive[MAX_CPUS], reached[MAX_CPUS];
/* Have @cpu do something, and wait until it has. */
void begin(unsigned int cpu, void (*f)(void));
void finished(unsigned int cpu);
void on_hart(unsigned int cpu, void (*f)(void));
void unmask(void);
void start_harts(void);
void local_events_of_others(void);
void global_event_of_others(void);
void running_elsewhere(void);
void waiting_harts(void);
void stopped_harts(void);

/* sse_random.c: many of them, and anything. */
void storm(void);
void random_calls(void);

#endif
