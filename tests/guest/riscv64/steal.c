/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steal time of two that are never idle on one CPU: "steal.a" only takes time, the other looks at how much is taken from it,
 * and ends with "steal: done FAILURES".
 */
#include "guest.h"

#define SBI_STA 0x535441ul
#define NS_PER_TICK 100u /* the machine's clock has 10 MHz */
#define MS 1000000u
#define ENOUGH (100u * MS)

/* "Steal-time Accounting Extension", shared memory structure */
struct steal {
    volatile uint32_t sequence, flags;
    volatile uint64_t ns;
    volatile uint8_t preempted, pad[47];
};
static struct steal shared __attribute__((aligned(64)));
static unsigned int failures;

static void check(const char *name, bool ok, uint64_t got)
{
    if (ok)
        return;
    failures++;
    put_str("steal: ");
    put_str(name);
    put_str(" FAIL got=");
    put_hex(got);
    put_char('\n');
}

static bool has_word(const char *fdt, const char *word)
{
    const uint8_t *be = (const uint8_t *)fdt + 4;
    uint32_t size = (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 | (uint32_t)be[2] << 8 | be[3]; /* totalsize */

    for (uint32_t i = 0; i < size; i++) {
        uint32_t n = 0;

        while (i + n < size && word[n] != '\0' && fdt[i + n] == word[n])
            n++;
        if (word[n] == '\0')
            return true;
    }
    return false;
}

/* "sequence": even and the same before and after what is read in between. */
static uint64_t stolen(void)
{
    uint32_t before, after;
    uint64_t ns;

    do {
        before = shared.sequence;
        __asm__ volatile("fence r, r" : : : "memory");
        ns = shared.ns;
        __asm__ volatile("fence r, r" : : : "memory");
        after = shared.sequence;
    } while (before != after || (before & 1) != 0);
    return ns;
}

/* Until enough has been taken, or for two minutes. */
static void be_robbed(void)
{
    uint64_t start = read_csr(time), before = 0, now = 0, ticks;

    do {
        now = stolen();
        check("it never shrinks", now >= before, now);
        before = now;
        ticks = read_csr(time) - start;
    } while (now < ENOUGH && failures < 10 && ticks < UINT64_C(1200000000));
    check("time is stolen", now >= ENOUGH, now);
    check("no more than there was", now <= ticks * NS_PER_TICK, now - ticks * NS_PER_TICK);
    check("flags are 0", shared.flags == 0, shared.flags);
}

/* Once it is off, the memory is the guest's own. */
static void be_left_alone(void)
{
    uint64_t until = read_csr(time) + 2 * ENOUGH / NS_PER_TICK;
    uint32_t sequence;
    uint64_t ns;

    check("off", sbi(SBI_STA, 0, ~0ul, ~0ul, 0, 0, 0).error == 0, 0);
    sequence = shared.sequence;
    ns = shared.ns;
    while (read_csr(time) < until)
        ;
    check("nothing is written any more", shared.sequence == sequence && shared.ns == ns, shared.ns);
}

void guest_main(uint64_t fdt)
{
    while (has_word((const char *)fdt, "steal.a")) {
        for (volatile unsigned int i = 0; i < 1000000000; i++)
            ;
    }
    check("on", sbi(SBI_STA, 0, (uint64_t)&shared, 0, 0, 0, 0).error == 0, 0);
    be_robbed();
    be_left_alone();
    put_str("steal: done ");
    put_dec(failures);
    put_char('\n');
    power_off();
}

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    (void)opaque;
}

void guest_irq(uint64_t cause)
{
    (void)cause;
}
