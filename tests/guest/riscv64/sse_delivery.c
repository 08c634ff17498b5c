/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events: how they come to a hart, what their handlers find and may change, and in which order they come. */
#include "sse.h"

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

static void masked(uint64_t event, const struct sse_context *c)
{
    expect("mask", event, sse(MASK, 0, 0, 0, 0, 0), SUCCESS);
    expect("inject while masked", event, sse(INJECT, event, hart(), 0, 0, 0), SUCCESS);
    check("not handled while masked", event, c->count == 0 && (status(event) & 7) == (ENABLED | PENDING), status(event));
    expected_a6 = UNMASK;
    expect("unmask", event, sse(UNMASK, 0, 0, 0, 0, 0), SUCCESS);
    check("handled at once", event, c->count == 1, c->count);
    is_state("ENABLED after the handler", event, ENABLED);
}

/* Injected while it is disabled, it waits. */
static void one_shot(uint64_t event, const struct sse_context *c)
{
    expect("disable", event, sse(DISABLE, event, 0, 0, 0, 0), SUCCESS);
    expect("one shot", event, write_attr(event, CONFIG, 1), SUCCESS);
    expect("inject while disabled", event, sse(INJECT, event, hart(), 0, 0, 0), SUCCESS);
    check("not handled while disabled", event, c->count == 1 && (status(event) & 7) == (REGISTERED | PENDING), status(event));
    expected_a6 = ENABLE;
    expect("enable of a pending event", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
    check("handled at once when enabled", event, c->count == 2, c->count);
    is_state("REGISTERED after one shot", event, REGISTERED);
    expect("no more one shot", event, write_attr(event, CONFIG, 0), SUCCESS);
    expect("enable", event, sse(ENABLE, event, 0, 0, 0, 0), SUCCESS);
}

/* Interrupts that were on are on again, and registers are there. */
static void registers_are_kept(uint64_t event, const struct sse_context *c)
{
    bool sie;

    irqs_on();
    check("registers are kept", event, sse_keeps_registers(event, hart()), 0);
    sie = (read_csr(sstatus) & 2) != 0;
    irqs_off();
    check("SIE is kept", event, sie && c->count == 3 && (c->status & SSTATUS_SPIE), c->status);
}

/* sepc, SPP and SPIE of what was interrupted are back: as if in a trap handler. */
static void trap_state_is_kept(uint64_t event)
{
    write_csr(sepc, 0x12345678);
    clear_csr(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    sse(INJECT, event, hart(), 0, 0, 0);
    check("sepc is kept", event, read_csr(sepc) == 0x12345678, read_csr(sepc));
    check("SPP and SPIE are kept clear", event, !(read_csr(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE)), read_csr(sstatus));
    set_csr(sstatus, SSTATUS_SPP | SSTATUS_SPIE);
    sse(INJECT, event, hart(), 0, 0, 0);
    check("SPP and SPIE are kept set", event,
          (read_csr(sstatus) & (SSTATUS_SPP | SSTATUS_SPIE)) == (SSTATUS_SPP | SSTATUS_SPIE), read_csr(sstatus));
}

static void unregistered_while_pending(uint64_t event, struct sse_context *c)
{
    expect("register", event, register_event(event, c, NULL), SUCCESS);
    sse(INJECT, event, hart(), 0, 0, 0);
    expect("unregister of a pending event", event, sse(UNREGISTER, event, 0, 0, 0, 0), SUCCESS);
    check("an unused event is not pending", event, status(event) == 8, status(event));
}

void delivery(uint64_t event)
{
    struct sse_context *c = context_of(event);

    enable_for(event, simple_handler);
    masked(event, c);
    one_shot(event, c);
    c->handler = NULL;
    registers_are_kept(event, c);
    trap_state_is_kept(event);
    disable(event);
    unregistered_while_pending(event, c);
}

/* What the handler writes is what comes back: "If the supervisor software wishes to resume from a different location". */
static void changing_handler(struct sse_context *c)
{
    static const uint64_t state[4] = { 0x33334, 3, 0x1111, 0x2222 };

    expect("change", c->event, sse(WRITE, c->event, SEPC, 4, (uint64_t)state, 0), SUCCESS);
    write_csr(sepc, read_csr(sepc) + 4);
}

void changes(uint64_t event)
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

void again(uint64_t event)
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

void orders(void)
{
    order(GLOBAL, 0, LOCAL, 0, high_handler); /* equal: the lower number is first */
    order(LOCAL, 0, GLOBAL, 0, low_handler);
    order(GLOBAL, 5, LOCAL, 10, low_handler);
    order(LOCAL, 5, GLOBAL, 10, low_handler);
    order(LOCAL, 10, GLOBAL, 5, high_handler);
    order(LOCAL, 0xffffffff, GLOBAL, 0xfffffffe, high_handler);
    order(GLOBAL, 0x80000000, LOCAL, 0x7fffffff, high_handler);
}
