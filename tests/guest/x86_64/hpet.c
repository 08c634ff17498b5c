/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the machine's HPET, given to the guest: the counter against the TSC, and one-shot interrupts of timer 0 through the
 * I/O APIC, edge- and level-triggered ("level" on the command line). IA-PC HPET Specification 1.0a, "Register Model".
 */
#include "guest.h"

#define HPET 0xfed00000ul
#define HPET_ID 0x000ul
#define HPET_CONFIG 0x010ul
#define HPET_STATUS 0x020ul
#define HPET_COUNTER 0x0f0ul
#define HPET_TIMER0 0x100ul
#define HPET_COMPARATOR0 0x108ul
#define PIN 20u
#define VECTOR 0x54u
#define ROUNDS 50u

static bool level;

void guest_irq(unsigned int vector)
{
    if (vector == VECTOR && level)
        write32(HPET + HPET_STATUS, 1);
    apic_eoi();
}

/* If the comparator is written only when its time has passed, a real one needs the whole of its range: 43 seconds at 100 MHz.
 */
static void one_shot(uint32_t ticks)
{
    uint64_t before = this_cpu()->count[VECTOR];

    write32(HPET + HPET_COMPARATOR0, read32(HPET + HPET_COUNTER) + ticks);
    wait_count(&this_cpu()->count[VECTOR], before + 1);
}

static void print_frequency(void)
{
    uint32_t period_fs = read32(HPET + 4), start = read32(HPET + HPET_COUNTER);
    uint64_t tsc = rdtsc();

    while (read32(HPET + HPET_COUNTER) - start < 100000)
        pause_cpu();
    put_str("hpet: period ");
    put_dec(period_fs);
    put_str(" fs, 100000 ticks are ");
    put_dec(rdtsc() - tsc);
    put_str(" of the TSC\n");
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    level = find_word(cmdline, "level") != NULL;
    if (read32(HPET + HPET_ID) == UINT32_MAX || (read32(HPET + HPET_ID) & 0xff) == 0) {
        put_str("hpet: there is none\n");
        return;
    }
    apic_enable(false);
    write32(HPET + HPET_CONFIG, 1); /* counts; no legacy routes */
    print_frequency();
    /* 32 bits, this input, interrupts on */
    write32(HPET + HPET_TIMER0, 1u << 8 | PIN << 9 | 1u << 2 | (level ? 1u << 1 : 0));
    ioapic_set(PIN, (uint64_t)apic_id() << 56 | (level ? 1u << 15 : 0) | VECTOR);
    for (unsigned int round = 0; round < ROUNDS; round++)
        one_shot(10000);
    write32(HPET + HPET_TIMER0, 0);
    put_str("hpet: interrupts ");
    put_dec(this_cpu()->count[VECTOR]);
    put_str(this_cpu()->count[VECTOR] == ROUNDS ? " ok\n" : " FAIL\n");
}
