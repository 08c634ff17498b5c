/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: interrupt controllers, timers, other CPUs. hostile-guest.md rows 58, 59, 72 to 76, 88, X2 to X6. */
#include "hostile.h"

static void wait_a_moment(uint64_t ticks)
{
    uint64_t start = rdtsc();

    irqs_on();
    while (rdtsc() - start < ticks)
        pause_cpu();
    irqs_off();
}

/* ---- row 72 ---- */

static void every_width(uint64_t base, uint64_t len, const char *name)
{
    uint64_t sum = 0;

    for (uint64_t a = base; a < base + len; a++) {
        uint8_t b;
        uint16_t w;
        uint32_t l;
        uint64_t q;

        __asm__ volatile("movb (%4), %0\n\tmovw (%4), %1\n\tmovl (%4), %2\n\tmovq (%4), %3"
                         : "=&q"(b), "=&r"(w), "=&r"(l), "=&r"(q)
                         : "r"(a)
                         : "memory");
        sum += b + w + l + q;
    }
    result(name, true, sum);
}

static uint32_t read_esr(void)
{
    apic_write(APIC_ESR, 0);
    return apic_read(APIC_ESR);
}

static void esr(void)
{
    read_esr();
    read_esr();
    apic_send(apic_id(), 0x4000 | 5);
    result("73 ICR with vector 5 sets ESR", (read_esr() & 0x20) != 0 || (apic_read(APIC_ESR) & 0x20) != 0, apic_read(APIC_ESR));
    read_esr();
    /* XSA-462: an error while the error interrupt itself has an illegal vector. */
    apic_write(0x370, 3);
    for (unsigned int i = 0; i < 100; i++) {
        apic_send(apic_id(), 0x4000 | 7);
        read_esr();
    }
    apic_write(0x370, 0x10000);
    read_esr();
    result("72 an illegal vector in the error LVT", true, 0);
    apic_write(APIC_LVT_TIMER, 0);
    apic_write(APIC_TIMER_COUNT, 1);
    wait_a_moment(100000);
    result("X3 timer with vector 0", true, read_esr());
    apic_write(APIC_LVT_TIMER, 0x60000 | TIMER_VECTOR);
    apic_write(APIC_TIMER_COUNT, 100);
    result("X3 timer mode 3", apic_read(APIC_TIMER_CURRENT) <= 100, 0);
    apic_write(APIC_LVT_TIMER, 0x10000);
}

static void wild_ipis(void)
{
    uint64_t seen = this_cpu()->count[IPI_VECTOR];

    for (uint32_t dest = 2; dest < 255; dest++)
        apic_send(dest, 0x4000 | IPI_VECTOR);
    for (uint32_t mode = 0; mode < 8; mode++) {
        if (mode == 4 || mode == 5 || mode == 6) /* NMI, INIT, SIPI: to nobody only */
            apic_send(200, 0x4000 | mode << 8 | IPI_VECTOR);
        else
            apic_send(apic_id(), 0x4000 | mode << 8 | IPI_VECTOR);
    }
    apic_send(0x55, 0x4800 | IPI_VECTOR); /* logical */
    wait_a_moment(10000);
    /* Fixed and perhaps lowest priority came, which merge while interrupts are off. */
    result("73/X6 IPIs to nobody and of all modes", this_cpu()->count[IPI_VECTOR] - seen <= 2,
           this_cpu()->count[IPI_VECTOR] - seen);
}

static void self_nmis(void)
{
    uint64_t seen = this_cpu()->count[NMI];

    for (unsigned int i = 0; i < 50; i++) {
        apic_send(apic_id(), 0x4400);
        wait_a_moment(1000);
    }
    result("73 NMIs to myself", this_cpu()->count[NMI] - seen >= 25 && this_cpu()->count[NMI] - seen <= 50,
           this_cpu()->count[NMI] - seen);
}

static void apic_base(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    unsigned int vector;

    vector = try_wrmsr(MSR_APIC_BASE, (base & ~0x800ul) | 0x400);
    result("75/X1 APIC_BASE: x2APIC without enable", vector == GP, vector);
    vector = try_wrmsr(MSR_APIC_BASE, base | 1ul << 60);
    result("75 APIC_BASE: a reserved bit", vector == GP, vector);
    vector = try_wrmsr(MSR_APIC_BASE, base | 2);
    result("75 APIC_BASE: another reserved bit", vector == GP, vector);
    vector = try_wrmsr(MSR_APIC_BASE, base & ~0x800ul);
    result("75 off", vector == NO_FAULT, vector);
    vector = try_wrmsr(MSR_APIC_BASE, (base & ~0x800ul) | 0xc00);
    result("75 from off to x2APIC", vector == GP, vector);
    vector = try_wrmsr(MSR_APIC_BASE, base);
    result("75 on again", vector == NO_FAULT && rdmsr(MSR_APIC_BASE) == base, vector);
    apic_enable(false);
}

void hostile_lapic(void)
{
    uint64_t seen;

    apic_enable(false);
    result("72 version", (apic_read(APIC_VERSION) & 0xff) >= 0x10, apic_read(APIC_VERSION));
    every_width(LAPIC, 0x400, "72 xAPIC at all widths");
    for (uint64_t off = 0x400; off < 0x1000; off += 4)
        write32(LAPIC + off, 0xffffffff);
    result("72/X5 xAPIC, writes beyond its registers", true, 0);
    esr();
    wild_ipis();
    seen = this_cpu()->count[IPI_VECTOR];
    apic_send(apic_id(), 0x4000 | IPI_VECTOR);
    wait_count(&this_cpu()->count[IPI_VECTOR], seen + 1);
    result("X5 IPI to myself", this_cpu()->count[IPI_VECTOR] == seen + 1, this_cpu()->count[IPI_VECTOR] - seen);
    for (unsigned int i = 0; i < 100; i++)
        apic_eoi();
    result("X5 EOI of nothing", true, 0);
    self_nmis();
    apic_base();
}

/* ---- rows 75, X2: x2APIC ---- */

void hostile_x2apic(void)
{
    uint64_t v, seen, fine = 0;
    unsigned int vector;

    if ((cpuid(1, 0).c >> 21 & 1) == 0)
        return;
    vector = try_rdmsr(0x803, &v);
    result("X2 x2APIC registers in xAPIC mode", vector == GP, vector);
    apic_enable(true);
    vector = try_rdmsr(0x804, &v);
    result("X2 RDMSR of 0x804", vector == GP, vector);
    for (uint32_t msr = 0x800; msr < 0x900; msr++)
        fine += try_rdmsr(msr, &v) == NO_FAULT;
    result("72 RDMSR of all x2APIC registers", fine > 40 && fine < 56, fine);
    result("72 EOI of 1", try_wrmsr(0x80b, 1) == GP, 0);
    result("72 ESR of 1", try_wrmsr(0x828, 1) == GP, 0);
    result("72 TPR of 0x100", try_wrmsr(0x808, 0x100) == GP, 0);
    result("72 SVR, a reserved bit", try_wrmsr(0x80f, UINT64_C(1) << 32) == GP, 0);
    result("72 ID is read-only", try_wrmsr(0x802, 0) == GP, 0);
    result("72 LDR is read-only", try_wrmsr(0x80d, 0) == GP, 0);
    result("X6 ICR to 0x12345678", try_wrmsr(0x830, UINT64_C(0x12345678) << 32 | 0x4000 | IPI_VECTOR) == NO_FAULT, 0);
    seen = this_cpu()->count[IPI_VECTOR];
    wrmsr(0x83f, IPI_VECTOR);
    wait_count(&this_cpu()->count[IPI_VECTOR], seen + 1);
    result("72 self IPI", this_cpu()->count[IPI_VECTOR] == seen + 1, this_cpu()->count[IPI_VECTOR] - seen);
    vector = try_wrmsr(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) & ~0xc00ul) | 0x800);
    result("75 from x2APIC to xAPIC", vector == GP, vector);
}

/* ---- rows 76, 88 ---- */

static uint32_t ioapic_read(uint32_t index)
{
    write32(IOAPIC, index);
    return read32(IOAPIC + 0x10);
}

/* The UART's transmitter is empty: its level stays, whatever the guest does not do about it. */
static void storm(void)
{
    struct guest_cpu *cpu = this_cpu();

    ioapic_set(COM1_IRQ, (uint64_t)apic_id() << 56 | 0x8000 | UART_VECTOR); /* level */
    outb(COM1 + 4, 0x0b);
    outb(COM1 + 1, 2);
    while (cpu->count[UART_VECTOR] < 300) {
        /* Not PAUSE: QEMU keeps up STI's shadow over it. */
        __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
    }
    result("88 a level that stays comes again after each EOI", true, 0);
    ioapic_set(COM1_IRQ, 0x10000);
    outb(COM1 + 1, 0);
    wait_a_moment(10000);
}

void hostile_ioapic(void)
{
    every_width(IOAPIC, 0x100, "76 I/O APIC at all widths");
    for (uint32_t index = 0; index < 0x100; index++) {
        write32(IOAPIC, index);
        if (index >= 0x40 || index < 0x10)
            write32(IOAPIC + 0x10, 0xffffffff);
    }
    result("76 indexes beyond the last", true, ioapic_read(0x40) + ioapic_read(0xff));
    result("76 version", (ioapic_read(1) & 0xff) >= 0x11 && (ioapic_read(1) >> 16 & 0xff) == 23, ioapic_read(1));
    for (unsigned int pin = 0; pin < 24; pin++)
        ioapic_set(pin, 0x7700000000018700ul | (pin & 7) << 8);
    result("76 entries to nobody, of all modes", true, 0);
    for (unsigned int pin = 0; pin < 24; pin++)
        ioapic_set(pin, 0x10000);
    storm();
}

/* ---- rows 58, 74 ---- */

static void timer_storm(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[TIMER_VECTOR];

    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_LVT_TIMER, 0x20000 | TIMER_VECTOR);
    apic_write(APIC_TIMER_COUNT, 1);
    irqs_on();
    for (uint64_t spins = 0; spins < 2000 || cpu->count[TIMER_VECTOR] - seen < 10; spins++)
        pause_cpu();
    irqs_off();
    apic_write(APIC_LVT_TIMER, 0x10000);
    apic_write(APIC_TIMER_COUNT, 0);
    irqs_window(); /* the last one */
    result("74 a periodic timer of one tick leaves time to live", true, cpu->count[TIMER_VECTOR] - seen);
}

static void deadlines(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[TIMER_VECTOR], start;

    if ((cpuid(1, 0).c >> 24 & 1) == 0)
        return;
    apic_write(APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR);
    wrmsr(MSR_TSC_DEADLINE, 1);
    wait_count(&cpu->count[TIMER_VECTOR], seen + 1);
    result("58 a deadline in the past", cpu->count[TIMER_VECTOR] == seen + 1, cpu->count[TIMER_VECTOR] - seen);
    result("58 it is disarmed", rdmsr(MSR_TSC_DEADLINE) == 0, rdmsr(MSR_TSC_DEADLINE));
    wrmsr(MSR_TSC_DEADLINE, UINT64_MAX);
    wait_a_moment(20000);
    result("58 a deadline that never comes", cpu->count[TIMER_VECTOR] == seen + 1, cpu->count[TIMER_VECTOR] - seen);
    result("58 it reads back", rdmsr(MSR_TSC_DEADLINE) == UINT64_MAX, rdmsr(MSR_TSC_DEADLINE));
    apic_write(APIC_LVT_TIMER, 0x20000 | TIMER_VECTOR);
    result("58 another mode disarms it", rdmsr(MSR_TSC_DEADLINE) == 0, rdmsr(MSR_TSC_DEADLINE));
    apic_write(APIC_LVT_TIMER, 0x40000 | TIMER_VECTOR);
    for (unsigned int i = 1; i <= 1000; i++)
        wrmsr(MSR_TSC_DEADLINE, rdtsc() + UINT64_C(1000000000000) - i);
    wrmsr(MSR_TSC_DEADLINE, 0);
    irqs_window();
    result("58 a thousand of them", cpu->count[TIMER_VECTOR] == seen + 1, 0);
    start = rdtsc();
    wrmsr(MSR_TSC_DEADLINE, start + 200000);
    while (cpu->count[TIMER_VECTOR] == seen + 1)
        wait_irq();
    result("59 HLT ends with the deadline", rdtsc() - start >= 200000, rdtsc() - start);
    apic_write(APIC_LVT_TIMER, 0x10000);
}

void hostile_timers(void)
{
    uint64_t high = UINT64_C(1) << 60, tsc;

    timer_storm();
    deadlines();
    wrmsr(0x10, high);
    wait_a_moment(10000);
    tsc = rdtsc();
    result("58 TSC set to years ahead", tsc >= high + 10000 && tsc < 2 * high, tsc);
    wrmsr(0x10, 0);
    wait_a_moment(10000);
    tsc = rdtsc();
    result("58 TSC set to 0", tsc >= 10000 && tsc < high, tsc);
}

/* ---- rows 59, 73: another CPU ---- */

static volatile uint32_t second_runs, second_stays;

void guest_secondary_main(unsigned int cpu)
{
    (void)cpu;
    apic_enable((rdmsr(MSR_APIC_BASE) & 0x400) != 0);
    second_runs++;
    /* HLT with interrupts off: an NMI ends it, and INIT. */
    while (second_stays == 0)
        __asm__ volatile("cli\n\thlt" : : : "memory");
    hostile_race();
}

/* For as long as it takes: what never comes is a guest that hangs here. */
static void wait_for(volatile uint32_t *what, uint32_t value)
{
    while (*what < value)
        pause_cpu();
}

void hostile_cpus(void)
{
    uint32_t id = apic_id();
    uint64_t seen;

    start_cpu(1);
    wait_for(&second_runs, 1);
    result("73 a second CPU", second_runs == 1, second_runs);
    seen = guest_cpus[1].count[NMI];
    apic_send(1, 0x4400);
    while (guest_cpus[1].count[NMI] == seen)
        pause_cpu();
    result("59 an NMI ends HLT with interrupts off", guest_cpus[1].count[NMI] == seen + 1, guest_cpus[1].count[NMI]);
    /* SIPI to one that runs is ignored; INIT and SIPI start it anew, as often as you like. */
    apic_send(1, 0x4600 | AP_PAGE >> 12);
    wait_a_moment(100000);
    result("73 SIPI to a CPU that runs", second_runs == 1, second_runs);
    for (uint32_t round = 2; round < 6; round++) {
        guest_cpu_count = 1; /* it gets its own stack again */
        if (round == 5)
            second_stays = 1;
        start_cpu(1);
        wait_for(&second_runs, round);
        result("73 INIT and SIPI again", second_runs == round, second_runs);
    }
    for (uint32_t i = 0; i < 20; i++)
        apic_send(1, (i & 1) ? 0x4700 : 0x4300); /* reserved delivery modes */
    result("73 still here", apic_id() == id, apic_id());
}

/* ---- row 4: code that changes while it is looked at ---- */

/* mov (%rbx), %eax; ret; and INT3, whichever way it comes out of that. */
static uint8_t racing[64]
    __attribute__((aligned(64))) = { 0x8b, 0x03, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc };
static volatile uint32_t race_over;

static void change_code(void)
{
    /* MOV to and from memory, XCHG, ADD; two NOPs; ADD of an immediate, which is the RET */
    static const uint16_t forms[] = { 0x038b, 0x0389, 0x0387, 0x0301, 0x9090, 0x0383 };

    for (uint32_t i = 0; race_over == 0; i++)
        *(volatile uint16_t *)racing = forms[i % 6];
    for (;;)
        wait_irq();
}

void hostile_race(void)
{
    if (this_cpu_number() != 0)
        change_code();
    for (uint32_t i = 0; i < 20000; i++)
        try_call(racing, 0, LAPIC + APIC_TPR);
    race_over = 1;
    apic_write(APIC_TPR, 0);
    result("4/5 code that changes under the emulator", true, 0);
}
