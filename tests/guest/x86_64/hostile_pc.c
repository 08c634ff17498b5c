/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest may do to the PC's legacy devices: rows 1, 85 and 88 of hostile-guest.md, on 8254, RTC, ACPI and keyboard
 * controller. */
#include "hostile.h"

#define PIT_VECTOR 0x65u
#define PIT_PIN 2u
#define PM1_CONTROL 0x604u
#define PM_TIMER 0x608u
#define MASKED 0x10000u

static uint32_t random_bits(void)
{
    static uint32_t state = 12345;

    state = state * 1664525 + 1013904223;
    return state >> 8;
}

static void program_pit(uint8_t mode, uint16_t count)
{
    outb(0x43, (uint8_t)(0x30 | mode << 1));
    outb(0x40, (uint8_t)count);
    outb(0x40, (uint8_t)(count >> 8));
}

static void pit_storm(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen;

    ioapic_set(PIT_PIN, PIT_VECTOR);
    for (uint8_t mode = 2; mode <= 3; mode++) {
        seen = cpu->count[PIT_VECTOR];
        program_pit(mode, 2);
        irqs_on();
        for (uint64_t spins = 0; spins < 2000 || cpu->count[PIT_VECTOR] - seen < 10; spins++)
            pause_cpu();
        irqs_off();
        result("88 a PIT period of two clocks leaves time to live", true, cpu->count[PIT_VECTOR] - seen);
    }
    program_pit(0, 1);
    ioapic_set(PIT_PIN, MASKED);
}

static void pit_garbage(void)
{
    for (unsigned int i = 0; i < 20000; i++) {
        uint32_t r = random_bits();
        uint16_t port = r & 7 ? (uint16_t)(0x40 + (r >> 3) % 4) : 0x61;

        if (r & 0x100)
            outb(port, (uint8_t)(r >> 10));
        else
            inb(port);
    }
    result("1 any bytes to the PIT", true, 0);
}

/* What the PM timer counts while channel 2 counts 10 ms, and nobody else has the CPU at its end. */
static uint32_t ticks_of_10_ms(void)
{
    uint32_t start;

    outb(0x61, 0);
    outb(0x43, 0xb0);
    outb(0x42, 0x9c);
    outb(0x42, 0x2e); /* 11932: 10 ms */
    start = inl(PM_TIMER);
    outb(0x61, 1);
    while ((inb(0x61) & 0x20) == 0)
        ;
    return inl(PM_TIMER) - start;
}

/* Channel 2 counts as fast as it should, by the other clock there is. On a busy machine it is seen too late now and then, or
 * often. */
static void pit_against_pm_timer(void)
{
    uint32_t ticks;

    do
        ticks = ticks_of_10_ms();
    while (ticks >= 60000);
    result("1 the PIT's 10 ms are as long as the PM timer's", ticks > 35700, ticks);
}

static void pm_timer_goes_forward(void)
{
    uint32_t last = inl(PM_TIMER);
    bool ok = true;

    for (unsigned int i = 0; i < 5000; i++) {
        uint32_t now = inl(PM_TIMER);

        ok &= now - last < 0x10000000;
        last = now;
    }
    outl(PM_TIMER, 0);
    result("1 the PM timer never goes back", ok && inl(PM_TIMER) - last < 0x10000000, last);
}

static void sleeps_that_there_are_not(void)
{
    /* All but 0, which is soft off. */
    for (uint16_t typ = 1; typ < 8; typ++)
        outw(PM1_CONTROL, (uint16_t)(0x2000 | typ << 10));
    outw(0x602, 0);
    outw(PM1_CONTROL, 0);
    result("1 sleeps that there are not", (inw(PM1_CONTROL) & 0x2001) == 1, inw(PM1_CONTROL));
}

static uint8_t rtc_get(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static void rtc_set(uint8_t reg, uint8_t v)
{
    outb(0x70, reg);
    outb(0x71, v);
}

static void rtc_garbage(void)
{
    bool valid = true;

    for (unsigned int i = 0; i < 20000; i++) {
        uint32_t r = random_bits();

        if (r & 1)
            rtc_set((uint8_t)(r >> 1 & 15), (uint8_t)(r >> 8));
        else
            rtc_get((uint8_t)(r >> 1 & 0x7f));
    }
    /* January of 1970 and before; the 31st of everything. */
    rtc_set(0xb, 0x82);
    for (uint8_t reg = 0; reg < 10; reg++)
        rtc_set(reg, reg == 7 ? 0x31 : 0);
    rtc_set(0x32, 0);
    rtc_set(0xa, 0x26);
    rtc_set(0xb, 0x02);
    for (unsigned int i = 0; i < 1000; i++)
        valid &= rtc_get(8) >= 1 && rtc_get(8) <= 0x12 && rtc_get(7) >= 1 && rtc_get(7) <= 0x31;
    result("1 any bytes to the RTC, and then a date", valid, rtc_get(8));
    rtc_get(0xc);
}

/* Every command but those that reset, each with a byte that does not. */
static void keyboard_commands(void)
{
    for (unsigned int cmd = 0; cmd < 0x100; cmd++) {
        if (cmd >= 0xf0 && (cmd & 1) == 0)
            continue;
        outb(0x64, (uint8_t)cmd);
        inb(0x60);
        outb(0x60, 0xff);
        inb(0x60);
    }
    result("1 every command to the keyboard controller", (inb(0x64) & 1) == 0, inb(0x64));
}

/* Nobody there, as a kernel finds that looks for a display: "open bus". The rest up to 1 MiB is RAM that the tables are in. */
static void video_memory(void)
{
    static const uint32_t at[] = { 0xa0000, 0xb0000, 0xb8000, 0xbfffc };
    uint64_t ones = UINT32_MAX, kept = 0;

    for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        write32(at[i], 0x55aa55aa);
        ones &= read32(at[i]);
    }
    result("1 video memory reads as ones, and keeps nothing", ones == UINT32_MAX, ones);
    __asm__ volatile("cld\n\trep stosw" : "=D"(kept) : "0"(0xb8000ul), "a"(0x0720), "c"(2000) : "memory");
    result("1 a screen is cleared that there is not", kept == 0xb8000 + 4000, kept);
    for (uint32_t a = 0x9fffc; a <= 0xc0000; a += 0x20004) {
        uint32_t was = read32(a);

        write32(a, ~was);
        kept = read32(a) ^ was;
        write32(a, was);
        result("1 RAM before and behind video memory", kept == UINT32_MAX, kept);
    }
}

void hostile_pc(void)
{
    video_memory();
    pit_garbage();
    /* A CPU of 50 MHz, as Bochs' is, has no time left between two of these. */
    if (!strict)
        pit_storm();
    pit_against_pm_timer();
    pm_timer_goes_forward();
    sleeps_that_there_are_not();
    rtc_garbage();
    keyboard_commands();
}
