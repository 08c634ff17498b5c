/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events: what each call answers, for any arguments and in each state. hostile-guest.md rows 66, 67. */
#include "sse.h"

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

void absent_events(void)
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

void wild_arguments(uint64_t event)
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

void attributes(uint64_t event)
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

void states(uint64_t event)
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
