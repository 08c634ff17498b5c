/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events of SBI 3.0: what each call answers in each state, delivery, order, and events across harts that run, wait,
 * sleep, stop and start. hostile-guest.md rows 66, 67. It ends with "sse: done FAILURES".
 */
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
static struct sse_context local[MAX_CPUS], global;
static volatile uint64_t calls;

extern char sse_entry[], sse_user_code[], sse_user_out[];
uint64_t sse_user_loop(void);
bool sse_keeps_registers(uint64_t event, uint64_t hart);
void sse_event(struct sse_context *c, uint64_t hart);

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

static void check(const char *name, uint64_t event, bool ok, uint64_t got)
{
    while (__atomic_exchange_n(&console, 1, __ATOMIC_ACQUIRE))
        ;
    checks++;
    report_part(event == GLOBAL ? "(global) " : event == LOCAL ? "(local) " : NULL);
    result_if_wrong(name, ok, got);
    report_part(NULL);
    __atomic_store_n(&console, 0, __ATOMIC_RELEASE);
}

static struct sbi_ret sse(uint64_t fid, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    return sbi(SBI_SSE, fid, a, b, c, d, e);
}

static void expect(const char *name, uint64_t event, struct sbi_ret r, int64_t error)
{
    check(name, event, r.error == error, (uint64_t)r.error);
}

static int64_t read_attr(uint64_t event, uint64_t attr, uint64_t *value)
{
    return sse(READ, event, attr, 1, (uint64_t)value, 0).error;
}

static struct sbi_ret write_attr(uint64_t event, uint64_t attr, uint64_t value)
{
    return sse(WRITE, event, attr, 1, (uint64_t)&value, 0);
}

static uint64_t status(uint64_t event)
{
    uint64_t value = ~0ul;

    read_attr(event, STATUS, &value);
    return value;
}

static void is_state(const char *name, uint64_t event, uint64_t state)
{
    uint64_t s = status(event);

    check(name, event, (s & 3) == state && (s & ~7ul) == 8, s);
}

static struct sbi_ret register_event(uint64_t event, struct sse_context *c, void (*handler)(struct sse_context *c))
{
    c->event = event;
    c->handler = handler;
    c->count = 0;
    c->stack_top = (uint64_t)c->stack + STACK;
    return sse(REGISTER, event, (uint64_t)sse_entry, (uint64_t)c, 0, 0);
}

static struct sse_context *context_of(uint64_t event)
{
    return event == GLOBAL ? &global : &local[hart() % MAX_CPUS];
}

/* For what another hart does. */
static bool comes(volatile uint64_t *what, uint64_t value)
{
    uint64_t until = read_csr(time) + 300000000; /* half a minute */

    while (__atomic_load_n(what, __ATOMIC_SEQ_CST) != value) {
        if (read_csr(time) > until)
            return false;
    }
    return true;
}

static bool becomes(uint64_t event, uint64_t state)
{
    uint64_t until = read_csr(time) + 300000000;

    while ((status(event) & 3) != state) {
        if (read_csr(time) > until)
            return false;
    }
    return true;
}

/* ---- arguments ---- */

static void one_absent_event(uint64_t event, int64_t error)
{
    expect("67 register of no event", event, sse(REGISTER, event, (uint64_t)sse_entry, 0, 0, 0), error);
    expect("67 unregister of no event", event, sse(UNREGISTER, event, 0, 0, 0, 0), error);
    expect("67 enable of no event", event, sse(ENABLE, event, 0, 0, 0, 0), error);
    expect("67 disable of no event", event, sse(DISABLE, event, 0, 0, 0, 0), error);
    expect("67 inject of no event", event, sse(INJECT, event, hart(), 0, 0, 0), error);
    expect("67 write of no event", event, write_attr(event, PRIORITY, 0), error);
    check("67 read of no event", event, read_attr(event, PRIORITY, (uint64_t[1]){ 0 }) == error, 0);
}

static void absent_events(void)
{
    static const uint32_t invalid[] = { 2,       0x3fff,  0x4000,   0x8001,   0xc000,     0xffff,     0x10001,    0x18000,
                                        0x20000, 0xfffff, 0x100001, 0x108001, 0xffff0001, 0xffff4000, 0xffff8001, 0xffffffff };
    static const uint32_t missing[] = { 0, 1, 0x8000, 0x10000, 0x100000, 0x108000 };

    for (unsigned int i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        one_absent_event(invalid[i], INVALID_PARAM);
    for (unsigned int i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        one_absent_event(missing[i], NOT_SUPPORTED);
    expect("67 function 10", 0, sse(10, LOCAL, 0, 0, 0, 0), NOT_SUPPORTED);
    expect("67 function -1", 0, sse(~0ul, LOCAL, 0, 0, 0, 0), NOT_SUPPORTED);
}

static void range(uint64_t event, uint64_t base, uint64_t count, int64_t error)
{
    static uint64_t values[ATTRS];

    expect("67 range read", event, sse(READ, event, base, count, (uint64_t)values, 0), error);
    expect("67 range written", event, sse(WRITE, event, base, count, (uint64_t)values, 0), error);
}

static void memory(uint64_t event, uint64_t low, uint64_t high)
{
    expect("66 read into wild memory", event, sse(READ, event, PRIORITY, 1, low, high), INVALID_ADDRESS);
    expect("66 write from wild memory", event, sse(WRITE, event, PRIORITY, 1, low, high), INVALID_ADDRESS);
}

static void wild_arguments(uint64_t event)
{
    static uint64_t value[2], fresh = RAM + 0x18000000;

    range(event, STATUS, 0, INVALID_PARAM);
    range(event, 77, 0, INVALID_PARAM);
    range(event, ATTRS, 1, BAD_RANGE);
    range(event, A7, 2, BAD_RANGE);
    range(event, 1, 0xffffffff, BAD_RANGE);
    range(event, 0xffffffff, 1, BAD_RANGE);
    range(event, 0xffffffff, 2, BAD_RANGE);
    range(event, 0x80000000, 0x80000000, BAD_RANGE);
    memory(event, (uint64_t)value + 1, 0);
    memory(event, (uint64_t)value + 4, 0);
    memory(event, (uint64_t)value, 1);
    memory(event, PLIC, 0);
    memory(event, 0xb000000, 0);
    memory(event, 0, 0);
    memory(event, ~7ul, 0);
    memory(event, ~0ul, ~0ul);
    expect("66 read over the end of memory", event, sse(READ, event, PRIORITY, 2, RAM_END - 8, 0), INVALID_ADDRESS);
    expect("read up to the end of memory", event, sse(READ, event, PRIORITY, 1, RAM_END - 8, 0), SUCCESS);
    /* Nobody has touched these pages yet. */
    expect("write from fresh memory", event, sse(WRITE, event, PRIORITY, 2, fresh, 0), SUCCESS);
    expect("read into fresh memory", event, sse(READ, event, STATUS, 2, fresh + 4088, 0), SUCCESS);
    check("fresh memory is written", event, *(volatile uint64_t *)(fresh + 4088) == 8, *(volatile uint64_t *)(fresh + 4088));
    fresh += 8192;
}

/* ---- attributes, in UNUSED ---- */

static void attributes(uint64_t event)
{
    static const uint32_t read_only[] = { STATUS, ENTRY_PC, ENTRY_ARG };
    uint64_t all[ATTRS + 1], value;

    for (unsigned int i = 0; i < 3; i++)
        expect("67 read-only attribute", event, write_attr(event, read_only[i], 0), DENIED);
    all[ATTRS] = 0xa5a5;
    expect("read of all", event, sse(READ, event, 0, ATTRS, (uint64_t)all, 0), SUCCESS);
    check("nothing beyond is written", event, all[ATTRS] == 0xa5a5, all[ATTRS]);
    for (unsigned int i = 0; i < ATTRS; i++) {
        check("read of one", event, read_attr(event, i, &value) == SUCCESS && value == all[i], value);
        value = i == STATUS ? value & ~8ul : i == PREFERRED ? value - (event == LOCAL ? hart() : value) : value;
        check("value at reset", event, value == 0, value);
    }
    expect("67 priority beyond 32 bits", event, write_attr(event, PRIORITY, HIGH), INVALID_PARAM);
    expect("67 reserved configuration", event, write_attr(event, CONFIG, 2), INVALID_PARAM);
    expect("67 reserved configuration, all", event, write_attr(event, CONFIG, ~1ul), INVALID_PARAM);
    expect("67 no such hart", event, write_attr(event, PREFERRED, 0xffffffff), event == LOCAL ? DENIED : INVALID_PARAM);
    expect("hart", event, write_attr(event, PREFERRED, hart()), event == LOCAL ? DENIED : SUCCESS);
    for (unsigned int i = SEPC; i <= A7; i++)
        expect("67 interrupted state of nothing", event, write_attr(event, i, 3), INVALID_STATE);
    expect("67 reserved flags", event, write_attr(event, FLAGS, 0x40), INVALID_PARAM);
    /* The first error counts, and nothing is changed. */
    all[PRIORITY] = 9;
    all[CONFIG] = 8;
    expect("67 one of several is wrong", event, sse(WRITE, event, PRIORITY, 2, (uint64_t)&all[PRIORITY], 0), INVALID_PARAM);
    check("and none is written", event, read_attr(event, PRIORITY, &value) == SUCCESS && value == 0, value);
    all[CONFIG] = 1;
    expect("67 a read-only one after them", event, sse(WRITE, event, PRIORITY, 4, (uint64_t)&all[PRIORITY], 0), DENIED);
    expect("two at once", event, sse(WRITE, event, PRIORITY, 2, (uint64_t)&all[PRIORITY], 0), SUCCESS);
    expect("read of two", event, sse(READ, event, PRIORITY, 2, (uint64_t)all, 0), SUCCESS);
    check("both are written", event, all[0] == 9 && all[1] == 1, all[0]);
    all[0] = all[1] = 0;
    expect("and back", event, sse(WRITE, event, PRIORITY, 2, (uint64_t)all, 0), SUCCESS);
}

/* ---- states ---- */

static void states(uint64_t event)
{
    struct sse_context *c = context_of(event);

    is_state("UNUSED", event, UNUSED);
    expect("67 inject of an unused event", event, sse(INJECT, event, hart(), 0, 0, 0), INVALID_STATE);
    expect("67 unregister in UNUSED", event, sse(UNREGISTER, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 enable in UNUSED", event, sse(ENABLE, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 disable in UNUSED", event, sse(DISABLE, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 misaligned entry", event, sse(REGISTER, event, (uint64_t)sse_entry + 1, 0, 0, 0), INVALID_PARAM);
    expect("register", event, register_event(event, c, NULL), SUCCESS);
    is_state("REGISTERED", event, REGISTERED);
    expect("67 register in REGISTERED", event, register_event(event, c, NULL), INVALID_STATE);
    expect("67 disable in REGISTERED", event, sse(DISABLE, event, 0, 0, 0, 0), INVALID_STATE);
    expect("enable", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
    is_state("ENABLED", event, ENABLED);
    expect("67 register in ENABLED", event, register_event(event, c, NULL), INVALID_STATE);
    expect("67 unregister in ENABLED", event, sse(UNREGISTER, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 enable in ENABLED", event, sse(ENABLE, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 priority in ENABLED", event, write_attr(event, PRIORITY, 1), INVALID_STATE);
    expect("67 configuration in ENABLED", event, write_attr(event, CONFIG, 1), INVALID_STATE);
    expect("67 hart in ENABLED", event, write_attr(event, PREFERRED, 0), event == LOCAL ? DENIED : INVALID_STATE);
    expect("67 complete outside of a handler", event, sse(COMPLETE, 0, 0, 0, 0, 0), SUCCESS);
    expect("disable", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    expect("unregister", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
    is_state("UNUSED again", event, UNUSED);
}

/* ---- delivery ---- */

static volatile uint64_t expected_a6;

/* The upper halves of 32-bit parameters do not count. */
static void aliases(uint64_t event)
{
    static const uint64_t high[4][3] = { { 0, 0, 0 }, { HIGH, 0, 0 }, { 0, HIGH, 0 }, { 0, 0, HIGH } };

    for (unsigned int w = 0; w < 4; w++) {
        uint64_t value = 0xdeadbeef + w;

        expect("67 alias written", event, sse(WRITE, event + high[w][0], A6 + high[w][1], 1 + high[w][2], (uint64_t)&value, 0),
               SUCCESS);
        for (unsigned int r = 0; r < 4; r++) {
            uint64_t back = 0;

            sse(READ, event + high[r][0], A6 + high[r][1], 1 + high[r][2], (uint64_t)&back, 0);
            check("67 alias read", event, back == value, back);
        }
    }
}

static void simple_handler(struct sse_context *c)
{
    static const uint64_t changed[4] = { 0xdeadbeef, 3, 2, 1 };
    uint64_t event = c->event, saved[4], back[4];

    check("SPP is set, SIE clear", event, (c->status & SSTATUS_SPP) && !(c->status & 2), c->status);
    check("a6 is the hart", event, c->hart == hart(), c->hart);
    is_state("RUNNING", event, RUNNING);
    check("not pending any more", event, !(status(event) & PENDING), status(event));
    expect("interrupted state", event, sse(READ, event, SEPC, 4, (uint64_t)saved, 0), SUCCESS);
    check("interrupted a6", event, saved[2] == expected_a6, saved[2]);
    check("interrupted a7", event, saved[3] == SBI_SSE, saved[3]);
    expect("interrupted state written", event, sse(WRITE, event, SEPC, 4, (uint64_t)changed, 0), SUCCESS);
    expect("interrupted state read", event, sse(READ, event, SEPC, 4, (uint64_t)back, 0), SUCCESS);
    for (unsigned int i = 0; i < 4; i++)
        check("interrupted state kept", event, back[i] == changed[i], back[i]);
    aliases(event);
    for (uint64_t flag = 1; flag < 0x40; flag <<= 1) {
        expect("a flag", event, write_attr(event, FLAGS, flag), SUCCESS);
        check("a flag kept", event, read_attr(event, FLAGS, back) == SUCCESS && back[0] == flag, back[0]);
    }
    expect("67 reserved flag", event, write_attr(event, FLAGS, 0x40), INVALID_PARAM);
    expect("67 reserved flag, high", event, write_attr(event, FLAGS, HIGH), INVALID_PARAM);
    expect("interrupted state restored", event, sse(WRITE, event, SEPC, 4, (uint64_t)saved, 0), SUCCESS);
    expect("67 priority in RUNNING", event, write_attr(event, PRIORITY, 0), INVALID_STATE);
    expect("67 configuration in RUNNING", event, write_attr(event, CONFIG, 0), INVALID_STATE);
    expect("67 hart in RUNNING", event, write_attr(event, PREFERRED, hart()), event == LOCAL ? DENIED : INVALID_STATE);
    expect("67 register in RUNNING", event, sse(REGISTER, event, (uint64_t)sse_entry, 0, 0, 0), INVALID_STATE);
    expect("67 unregister in RUNNING", event, sse(UNREGISTER, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 enable in RUNNING", event, sse(ENABLE, event, 0, 0, 0, 0), INVALID_STATE);
    expect("67 disable in RUNNING", event, sse(DISABLE, event, 0, 0, 0, 0), INVALID_STATE);
}

static void enable_for(uint64_t event, void (*handler)(struct sse_context *c))
{
    expect("register", event, register_event(event, context_of(event), handler), SUCCESS);
    if (event == GLOBAL)
        expect("hart", event, write_attr(event, PREFERRED, hart()), SUCCESS);
    expect("enable", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
}

static void disable(uint64_t event)
{
    expect("disable", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    expect("unregister", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
}

static void delivery(uint64_t event)
{
    struct sse_context *c = context_of(event);
    bool sie;

    enable_for(event, simple_handler);
    expect("mask", event, sse(MASK, 0, 0, 0, 0, 0), SUCCESS);
    expect("inject while masked", event, sse(INJECT, event, hart(), 0, 0, 0), SUCCESS);
    check("not handled while masked", event, c->count == 0 && (status(event) & 7) == (ENABLED | PENDING), status(event));
    expected_a6 = UNMASK;
    expect("unmask", event, sse(UNMASK, 0, 0, 0, 0, 0), SUCCESS);
    check("handled at once", event, c->count == 1, c->count);
    is_state("ENABLED after the handler", event, ENABLED);
    /* One shot. */
    expect("disable", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    expect("one shot", event, write_attr(event, CONFIG, 1), SUCCESS);
    /* Injected in between: it waits. */
    expect("inject while disabled", event, sse(INJECT, event, hart(), 0, 0, 0), SUCCESS);
    check("not handled while disabled", event, c->count == 1 && (status(event) & 7) == (REGISTERED | PENDING), status(event));
    expected_a6 = ENABLE;
    expect("enable of a pending event", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
    check("handled at once when enabled", event, c->count == 2, c->count);
    is_state("REGISTERED after one shot", event, REGISTERED);
    expect("no more one shot", event, write_attr(event, CONFIG, 0), SUCCESS);
    expect("enable", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
    /* Interrupts that were on are on again, and registers are there. */
    c->handler = NULL;
    irqs_on();
    check("registers are kept", event, sse_keeps_registers(event, hart()), 0);
    sie = (read_csr(sstatus) & 2) != 0;
    irqs_off();
    check("SIE is kept", event, sie && c->count == 3 && (c->status & SSTATUS_SPIE), c->status);
    /* sepc, SPP and SPIE of what was interrupted are back: as if in a trap handler. */
    write_csr(sepc, 0x12345678);
    clear_csr(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    sse(INJECT, event, hart(), 0, 0, 0);
    check("sepc is kept", event, read_csr(sepc) == 0x12345678, read_csr(sepc));
    check("SPP and SPIE are kept clear", event, !(read_csr(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE)), read_csr(sstatus));
    set_csr(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    sse(INJECT, event, hart(), 0, 0, 0);
    check("SPP and SPIE are kept set", event,
          (read_csr(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE)) == (SSTATUS_SPP | SSTATUS_SPIE), read_csr(sstatus));
    disable(event);
    expect("register", event, register_event(event, c, NULL), SUCCESS);
    sse(INJECT, event, hart(), 0, 0, 0);
    expect("unregister of a pending event", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
    check("an unused event is not pending", event, status(event) == 8, status(event));
}

/* What the handler writes is what comes back: "If the supervisor software wishes to resume from a different location". */
static void changing_handler(struct sse_context *c)
{
    static const uint64_t state[4] = { 0x33334, 3, 0x1111, 0x2222 };

    expect("change", c->event, sse(WRITE, c->event, SEPC, 4, (uint64_t)state, 0), SUCCESS);
    write_csr(sepc, read_csr(sepc) + 4);
}

static void changes(uint64_t event)
{
    register uint64_t a0 __asm__("a0"), a1 __asm__("a1"), a6 __asm__("a6"), a7 __asm__("a7");
    uint64_t skipped = 0, got6, got7;

    enable_for(event, changing_handler);
    clear_csr(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    a0 = event;
    a1 = hart();
    a6 = INJECT;
    a7 = SBI_SSE;
    __asm__ volatile(".option push\n\t.option norvc\n\tecall\n\taddi %4, %4, 1\n\t.option pop"
                     : "+r"(a0), "+r"(a1), "+r"(a6), "+r"(a7), "+r"(skipped)
                     :
                     : "memory");
    got6 = a6;
    got7 = a7;
    check("it goes on elsewhere", event, skipped == 0, skipped);
    check("a6 and a7 are the handler's", event, got6 == 0x1111 && got7 == 0x2222, got6);
    check("sepc is the handler's", event, read_csr(sepc) == 0x33334, read_csr(sepc));
    check("SPP and SPIE are the handler's", event,
          (read_csr(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE)) == (SSTATUS_SPP | SSTATUS_SPIE), read_csr(sstatus));
    disable(event);
}

/* An event that signals itself: once more after the handler, not in it. */
static void again_handler(struct sse_context *c)
{
    if (c->count != 0)
        return;
    expect("inject of a running event", c->event, sse(INJECT, c->event, hart(), 0, 0, 0), SUCCESS);
    check("it is pending while it runs", c->event, (status(c->event) & 7) == (RUNNING | PENDING), status(c->event));
    expect("mask in a handler", c->event, sse(MASK, 0, 0, 0, 0, 0), SUCCESS);
}

static void again(uint64_t event)
{
    struct sse_context *c = context_of(event);

    enable_for(event, again_handler);
    sse(INJECT, event, hart(), 0, 0, 0);
    check("masked in its handler, it waits", event, c->count == 1 && (status(event) & PENDING), c->count);
    expect("unmask", event, sse(UNMASK, 0, 0, 0, 0, 0), SUCCESS);
    check("and comes again", event, c->count == 2 && !(status(event) & PENDING), c->count);
    disable(event);
}

/* ---- order ---- */

static void high_handler(struct sse_context *c)
{
    if (!c->next)
        return;
    sse(INJECT, c->next->event, hart(), 0, 0, 0);
    check("a higher one comes at once", c->next->event, c->next->count == 1 && !(status(c->next->event) & PENDING),
          c->next->count);
}

static void low_handler(struct sse_context *c)
{
    if (!c->next)
        return;
    sse(INJECT, c->next->event, hart(), 0, 0, 0);
    check("a lower one waits", c->next->event, c->next->count == 0 && (status(c->next->event) & PENDING), c->next->count);
}

static void order(uint64_t first, uint64_t first_priority, uint64_t second, uint64_t second_priority,
                  void (*handler)(struct sse_context *c))
{
    struct sse_context *a = context_of(first), *b = context_of(second);

    expect("priority", first, write_attr(first, PRIORITY, first_priority), SUCCESS);
    expect("priority", second, write_attr(second, PRIORITY, second_priority), SUCCESS);
    enable_for(first, handler);
    enable_for(second, NULL);
    a->next = b;
    b->next = NULL;
    sse(INJECT, first, hart(), 0, 0, 0);
    check("both have come", first, a->count == 1 && b->count == 1, a->count);
    /* Both at once. */
    a->next = NULL;
    sse(MASK, 0, 0, 0, 0, 0);
    sse(INJECT, second, hart(), 0, 0, 0);
    sse(INJECT, first, hart(), 0, 0, 0);
    sse(UNMASK, 0, 0, 0, 0, 0);
    check("both come when unmasked", first, a->count == 2 && b->count == 2, a->count);
    check("in their order", first, (handler == low_handler) == (a->order < b->order), a->order);
    disable(first);
    disable(second);
    write_attr(first, PRIORITY, 0);
    write_attr(second, PRIORITY, 0);
}

/* Sv39, everything where it is: handlers are entered at a virtual address, memory is named by its physical one. */
static void translate(bool on)
{
    static uint64_t root[512] __attribute__((aligned(4096)));

    for (uint64_t i = 0; i < 4; i++)
        root[i] = i << 28 | 0xcf; /* 1 GiB, of supervisor mode */
    write_csr(satp, on ? 8ul << 60 | (uint64_t)root >> 12 : 0);
    __asm__ volatile("sfence.vma" : : : "memory");
}

static void orders(void)
{
    order(GLOBAL, 0, LOCAL, 0, high_handler); /* equal: the lower number is first */
    order(LOCAL, 0, GLOBAL, 0, low_handler);
    order(GLOBAL, 5, LOCAL, 10, low_handler);
    order(LOCAL, 5, GLOBAL, 10, low_handler);
    order(LOCAL, 10, GLOBAL, 5, high_handler);
    order(LOCAL, 0xffffffff, GLOBAL, 0xfffffffe, high_handler);
    order(GLOBAL, 0x80000000, LOCAL, 0x7fffffff, high_handler);
}

/* ---- other harts ---- */

static unsigned int harts;
static void (*volatile job[MAX_CPUS])(void);
static volatile uint64_t busy[MAX_CPUS], alive[MAX_CPUS];

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

static void begin(unsigned int cpu, void (*f)(void))
{
    job[cpu] = f;
    __atomic_store_n(&busy[cpu], 1, __ATOMIC_SEQ_CST);
}

static void finished(unsigned int cpu)
{
    check("a hart has done its work", 0, comes(&busy[cpu], 0), cpu);
}

static void on_hart(unsigned int cpu, void (*f)(void))
{
    if (cpu == hart()) {
        f();
        return;
    }
    begin(cpu, f);
    finished(cpu);
}

static void unmask(void)
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

static void start_harts(void)
{
    for (harts = 1; harts < MAX_CPUS && sbi(SBI_HSM, 2, harts, 0, 0, 0, 0).error == 0; harts++) {
        check("a hart starts", 0, start_cpu(harts, 0) == 0 && comes(&alive[harts], 1), harts);
        on_hart(harts, unmask);
    }
}

static void local_events_of_others(void)
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

static void global_event_of_others(void)
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

static void running_elsewhere(void)
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

static volatile uint64_t reached[MAX_CPUS];

static void wait_for_interrupt(void)
{
    enable_for(LOCAL, NULL);
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    /* No interrupt can come: sie is 0. A wait may end early, though. */
    while (local[hart()].count == 0)
        __asm__ volatile("wfi");
    disable(LOCAL);
}

static void hart_suspend(void)
{
    enable_for(LOCAL, NULL);
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    while (local[hart()].count == 0)
        expect("hart suspend", 0, sbi(SBI_HSM, 3, 0, 0, 0, 0, 0), SUCCESS);
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
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    sse_user_loop();
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

static bool stops(unsigned int cpu)
{
    uint64_t until = read_csr(time) + 300000000;

    while (sbi(SBI_HSM, 2, cpu, 0, 0, 0, 0).value != 1) {
        if (read_csr(time) > until)
            return false;
    }
    return true;
}

static void restart(unsigned int cpu)
{
    uint64_t before = alive[cpu];

    check("a hart starts again", 0, start_cpu(cpu, 0) == 0 && comes(&alive[cpu], before + 1), cpu);
    on_hart(cpu, unmask);
}

static void stopped_harts(void)
{
    on_hart(1, enable_local);
    write_attr(GLOBAL, PREFERRED, 1);
    register_event(GLOBAL, &global, NULL);
    begin(1, stop);
    check("a hart stops", 0, stops(1), 1);
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
    check("a handler stops its hart", GLOBAL, stops(1) && becomes(GLOBAL, ENABLED), status(GLOBAL));
    disable(GLOBAL);
    restart(1);
}

static volatile uint64_t storm_end;

static void storm_target(void)
{
    enable_for(LOCAL, NULL);
    __atomic_store_n(&reached[hart()], 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&storm_end, __ATOMIC_SEQ_CST)) {
        sse(MASK, 0, 0, 0, 0, 0);
        sse(UNMASK, 0, 0, 0, 0, 0);
    }
    disable(LOCAL);
}

/* Two that inject and mask as fast as they can: none is lost for good. */
static void storm(void)
{
    uint64_t sent = 0;

    storm_end = reached[1] = 0;
    begin(1, storm_target);
    comes(&reached[1], 1);
    enable_for(GLOBAL, NULL);
    for (unsigned int i = 0; i < 3000; i++) {
        sent += sse(INJECT, LOCAL, 1, 0, 0, 0).error == 0;
        sse(INJECT, GLOBAL, 0, 0, 0, 0);
    }
    check("a storm of events", LOCAL, sent == 3000 && local[1].count != 0 && global.count == 3000, global.count);
    sent = local[1].count;
    sse(INJECT, LOCAL, 1, 0, 0, 0);
    __atomic_store_n(&storm_end, 1, __ATOMIC_SEQ_CST);
    finished(1);
    check("the last one came", LOCAL, local[1].count > 0 && local[1].count >= sent, local[1].count);
    disable(GLOBAL);
}

/* ---- anything, on all harts at once ---- */

static volatile uint64_t calls_left;

static void random_call(uint64_t x)
{
    uint64_t event = x >> 20 & 1 ? LOCAL : GLOBAL, value = x >> 30 & 3, target = x >> 40 & 7;

    switch (x >> 56 & 15) {
    case 0:
    case 1:
        register_event(event, context_of(event), NULL);
        break;
    case 2:
    case 3:
    case 4:
        sse(ENABLE, event, 0, 0, 0, 0);
        break;
    case 5:
        sse(x >> 24 & 1 ? DISABLE : UNREGISTER, event, 0, 0, 0, 0);
        break;
    case 6:
        sse(WRITE, event, x >> 24 & 15, 1, (uint64_t)&value, 0);
        break;
    case 7:
        sse(COMPLETE, 0, 0, 0, 0, 0);
        break;
    case 8:
        sse(MASK, 0, 0, 0, 0, 0);
        break;
    case 9:
    case 10:
        sse(UNMASK, 0, 0, 0, 0, 0);
        break;
    case 11:
        start_cpu((unsigned int)target, 0);
        if (hart() != 0 && (x >> 24 & 7) == 0)
            sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
        break;
    default:
        sse(INJECT, event, target, 0, 0, 0);
    }
}

static void chaos(void)
{
    uint64_t x = hart() + alive[hart()];

    while ((int64_t)__atomic_sub_fetch(&calls_left, 1, __ATOMIC_SEQ_CST) > 0) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        random_call(x);
    }
}

/* Whatever state it is in, it can be brought back. */
static void settle(uint64_t event)
{
    sse(UNMASK, 0, 0, 0, 0, 0);
    if ((status(event) & 3) == ENABLED)
        expect("disable at last", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    if ((status(event) & 3) == REGISTERED)
        expect("unregister at last", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
    is_state("UNUSED at last", event, UNUSED);
}

/* All harts are on and unmasked: what is pending comes, wherever. */
static bool is_quiet(uint64_t event)
{
    uint64_t until = read_csr(time) + 300000000, s;

    do {
        s = status(event) & 7;
        if ((s & 3) != RUNNING && s != (ENABLED | PENDING))
            return true;
    } while (read_csr(time) < until);
    return false;
}

static void settle_local(void)
{
    settle(LOCAL);
}

static void random_calls(void)
{
    calls_left = 40000;
    for (unsigned int cpu = 1; cpu < harts; cpu++)
        begin(cpu, chaos);
    chaos();
    for (unsigned int cpu = 1; cpu < harts; cpu++) {
        /* One that has stopped comes back, and finds that there is no more to do. */
        while (__atomic_load_n(&busy[cpu], __ATOMIC_SEQ_CST))
            start_cpu(cpu, 0);
    }
    for (unsigned int cpu = 0; cpu < harts; cpu++)
        on_hart(cpu, settle_local);
    check("the last one is handled", GLOBAL, is_quiet(GLOBAL), status(GLOBAL));
    settle(GLOBAL);
}

void guest_main(uint64_t fdt)
{
    static const uint64_t events[] = { LOCAL, GLOBAL };

    (void)fdt;
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
    translate(true);
    for (unsigned int i = 0; i < 2; i++) {
        delivery(events[i]);
        changes(events[i]);
    }
    orders();
    translate(false);
    start_harts();
    local_events_of_others();
    global_event_of_others();
    if (harts > 1) {
        running_elsewhere();
        interrupt_of("an event ends a wait", wait_for_interrupt);
        interrupt_of("an event ends a suspend", hart_suspend);
        interrupt_of("an event in user mode", user_mode);
        stopped_harts();
        local_events_of_others();
        global_event_of_others();
        storm();
        random_calls();
    }
    report_number("checks", checks);
    report_done();
    power_off();
}
