/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events in quantity, and any calls on all harts at once. */
#include "sse.h"

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
void storm(void)
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
    check("a storm of events", LOCAL, sent == 3000 && global.count == 3000, global.count);
    while (local[1].count == 0)
        ;
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
static void await_quiet(uint64_t event)
{
    uint64_t s;

    do
        s = status(event) & 7;
    while ((s & 3) == RUNNING || s == (ENABLED | PENDING));
}

static void settle_local(void)
{
    settle(LOCAL);
}

void random_calls(void)
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
    await_quiet(GLOBAL);
    settle(GLOBAL);
}
