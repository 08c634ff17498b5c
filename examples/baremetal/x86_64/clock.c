/* SPDX-License-Identifier: BSD-2-Clause */
#include "clock.h"

#include "apic.h"
#include "board.h"
#include "lib.h"
#include "pc.h"
#include "sched.h"
#include "x86.h"

#define CPUID1_C_DEADLINE (1u << 24)
#define CPUID1_C_HYPERVISOR (1u << 31)
#define LVT_DEADLINE (2u << 17)
#define DIVIDE_BY_1 0xbu

#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu /* it may have 24 bits only */
#define PIT_HZ 1193182u
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define S_IN_NS UINT64_C(1000000000)

static uint64_t tsc_hz, apic_hz, ns_per_tick_32, ticks_per_ns_32, apic_per_ns_32; /* the latter three: times 2^32 */
static bool deadline;
static const char *source;

/* ---- calibration ---- */

/* A counter that goes up at a known rate. */
struct reference {
    const char *name;
    uint32_t hz, mask;
    uint32_t (*read)(void);
};

static uint32_t read_pm_timer(void)
{
    return inl(pc.pm_timer);
}

/* Channel 0 counts down through all 16 bits; a latch command makes both halves belong together. */
static uint32_t read_pit(void)
{
    uint8_t low;

    outb(PIT_COMMAND, 0);
    low = inb(PIT_CHANNEL0);
    return -(low | (uint32_t)inb(PIT_CHANNEL0) << 8);
}

static const struct reference pm_timer = { "PM timer", PM_TIMER_HZ, PM_TIMER_MASK, read_pm_timer };
static const struct reference pit = { "PIT", PIT_HZ, 0xffff, read_pit };

struct sample {
    uint64_t tsc;
    uint32_t apic, ref;
};

/* All three at a time, as far as possible: of some attempts the quickest. */
static struct sample take_sample(const struct reference *ref)
{
    struct sample best = { 0, 0, 0 };
    uint64_t best_took = UINT64_MAX;

    for (unsigned int i = 0; i < 8; i++) {
        uint64_t before = rdtsc(), took;
        struct sample s = { before, apic_read(APIC_TIMER_CURRENT), ref->read() };

        took = rdtsc() - before;
        if (took < best_took) {
            best_took = took;
            best = s;
            best.tsc += took;
        }
    }
    return best;
}

/* @hz, unless it is so close to a multiple of a MHz that it will be that. */
static uint64_t round_hz(uint64_t hz)
{
    uint64_t mhz = (hz + 500000) / 1000000 * 1000000, off = hz > mhz ? hz - mhz : mhz - hz;

    return off < hz / 10000 ? mhz : hz;
}

/* For some 20 ms. */
static void calibrate(const struct reference *ref)
{
    struct sample start = take_sample(ref), end = start;
    uint64_t ticks = 0;

    do {
        cpu_relax();
        end = take_sample(ref);
        ticks = (end.ref - start.ref) & ref->mask;
    } while (ticks < ref->hz / 50);
    tsc_hz = round_hz((end.tsc - start.tsc) * ref->hz / ticks);
    apic_hz = round_hz((uint64_t)(start.apic - end.apic) * ref->hz / ticks);
    source = ref->name;
}

static void start_pit(void)
{
    outb(PIT_COMMAND, 0x34); /* channel 0, both bytes, mode 2 */
    outb(PIT_CHANNEL0, 0);
    outb(PIT_CHANNEL0, 0);
}

/* What a hypervisor says in kHz (leaf 0x40000010), or the CPU as a ratio to its crystal (0x15); 0: nothing. */
static uint64_t told_hz(void)
{
    struct cpuid ratio = cpuid(0, 0).a >= 0x15 ? cpuid(0x15, 0) : (struct cpuid){ 0, 0, 0, 0 };

    if ((cpuid(1, 0).c & CPUID1_C_HYPERVISOR) != 0 && cpuid(0x40000000, 0).a >= 0x40000010 && cpuid(0x40000010, 0).a != 0)
        return cpuid(0x40000010, 0).a * UINT64_C(1000);
    return ratio.a != 0 && ratio.b != 0 ? (uint64_t)ratio.c * ratio.b / ratio.a : 0;
}

/* Emulators tell what the real CPU would: it is believed only when it fits. */
static void believe(uint64_t told)
{
    uint64_t off = told > tsc_hz ? told - tsc_hz : tsc_hz - told;

    if (told != 0 && off < tsc_hz / 1000) {
        tsc_hz = told;
        source = "CPUID";
    }
}

void clock_init(void)
{
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_COUNT, UINT32_MAX);
    if (!pc.pm_timer)
        start_pit();
    calibrate(pc.pm_timer ? &pm_timer : &pit);
    believe(told_hz());
    apic_write(APIC_TIMER_COUNT, 0);
    ns_per_tick_32 = (S_IN_NS << 32) / tsc_hz;
    ticks_per_ns_32 = (tsc_hz << 32 >> 2) / (S_IN_NS >> 2);
    apic_per_ns_32 = (apic_hz << 32 >> 2) / (S_IN_NS >> 2);
    deadline = (cpuid(1, 0).c & CPUID1_C_DEADLINE) != 0;
}

void clock_cpu_init(void)
{
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (deadline ? LVT_DEADLINE : 0));
    /* The mode is to be set before the first deadline: this write may be to memory, that one is to an MSR. */
    __asm__ volatile("mfence" : : : "memory");
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

const char *clock_description(void)
{
    static char text[80];

    format(text, sizeof(text), "TSC %lu kHz by the %s, %sAPIC, timer %s", (unsigned long)(tsc_hz / 1000), source,
           apic_is_x2() ? "x2" : "x", deadline ? "TSC-deadline" : "one-shot");
    return text;
}

/* ---- time ---- */

static uint64_t scale(uint64_t a, uint64_t b_32)
{
    return (uint64_t)((unsigned __int128)a * b_32 >> 32);
}

uint64_t board_time_ns(void)
{
    return scale(rdtsc(), ns_per_tick_32);
}

/* One-shot, and all factors are rounded down: when it is early, or all that fits was too little, host_timer_irq() sets it
 * again. */
static void set_count(uint64_t ns)
{
    uint64_t now = board_time_ns(), count = ns > now ? scale(ns - now, apic_per_ns_32) + 1 : 1;

    apic_write(APIC_TIMER_COUNT, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

void board_timer_set(uint64_t ns)
{
    if (deadline)
        wrmsr(MSR_TSC_DEADLINE, ns == TIME_NEVER ? 0 : scale(ns, ticks_per_ns_32) + 1);
    else if (ns == TIME_NEVER)
        apic_write(APIC_TIMER_COUNT, 0);
    else
        set_count(ns);
}
