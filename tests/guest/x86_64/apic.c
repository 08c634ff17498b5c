/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt controllers as a guest sees them, with the CPU behind them: priorities by TPR and by CR8, nesting, timers, NMIs,
 * the 8259s' and the I/O APIC's interrupts, destinations and lost wake-ups between two CPUs. In xAPIC and in x2APIC mode.
 * --vcpus 2. hostile-guest.md rows 58, 59, 72 to 75.
 */
#include "report.h"

#define FIRST 0x30u
#define LINE_VECTOR 0x61u
#define PING_VECTOR 0x71u
#define PONG_VECTOR 0x72u
#define NMI 2u
#define PIT_GSI 2u

static void (*volatile on_irq)(unsigned int vector);
static volatile bool no_eoi; /* of the next one: it is no local APIC's */
static volatile bool partner_x2;
static volatile uint32_t partner_mode; /* 1 + x2, of what its APIC is in */

void guest_irq(unsigned int vector)
{
    if (this_cpu_number() != 0 && vector == PING_VECTOR) {
        apic_eoi();
        apic_send(guest_cpus[0].apic_id, 0x4000 | PONG_VECTOR);
        return;
    }
    if (this_cpu_number() == 0 && on_irq)
        on_irq(vector);
    if (vector == NMI)
        return;
    if (!no_eoi)
        apic_eoi();
    no_eoi = false;
}

static void self(unsigned int vector)
{
    apic_send(0, 0x44000 | vector);
}

static void drain(void)
{
    on_irq = NULL;
    apic_write(APIC_TPR, 0);
    for (unsigned int i = 0; i < 300; i++)
        irqs_window();
}

/* ---- priorities ---- */

static volatile uint32_t taken, last, out_of_order;

static void note_order(unsigned int vector)
{
    out_of_order += taken != 0 && vector >= last;
    last = vector;
    taken++;
}

static void all_vectors(void)
{
    taken = out_of_order = 0;
    on_irq = note_order;
    for (unsigned int v = FIRST; v < 0xff; v++)
        self(v);
    for (unsigned int i = 0; i < 300; i++)
        irqs_window();
    result("all vectors come once, the highest first", taken == 0xff - FIRST && out_of_order == 0, taken << 16 | out_of_order);
    drain();
}

static volatile uint32_t classes;

static void note_class(unsigned int vector)
{
    classes |= 1u << (vector >> 4);
}

static uint32_t requested(void)
{
    uint32_t set = 0;

    for (unsigned int v = FIRST; v < 0x100; v++) {
        if (apic_read(APIC_IRR + (v >> 5) * 16) >> (v & 31) & 1)
            set |= 1u << (v >> 4);
    }
    return set;
}

/* @cr8: by that, which the CPU may do without us; otherwise by the register. */
static void task_priority(const char *name, bool cr8)
{
    bool right = true;
    uint32_t p;

    on_irq = note_class;
    for (p = 0; p < 16 && right; p++) {
        uint32_t above = p < 3 ? 0xfff8 : 0xffff & ~((2u << p) - 1);

        if (cr8)
            WRITE_REG("cr8", p);
        else
            apic_write(APIC_TPR, p << 4 | 7);
        classes = 0;
        for (unsigned int c = 3; c < 16; c++)
            self(c << 4 | 5);
        for (unsigned int i = 0; i < 20; i++)
            irqs_window();
        right = classes == above && requested() == (0xfff8 & ~above) && READ_REG("cr8") == p && apic_read(APIC_TPR) >> 4 == p;
        if (cr8)
            WRITE_REG("cr8", 0);
        else
            apic_write(APIC_TPR, 0);
        for (unsigned int i = 0; i < 20; i++)
            irqs_window();
        right = right && classes == 0xfff8;
    }
    result(name, right, (uint64_t)p << 32 | classes);
    drain();
}

/* With interrupts on it comes with the very instruction that lets it. */
static void lowering_cr8_lets_it_in(void)
{
    unsigned int missed = 0;

    on_irq = note_class;
    for (unsigned int i = 0; i < 200; i++) {
        WRITE_REG("cr8", 9);
        self(0x55);
        self(0x95);
        classes = 0;
        irqs_on();
        WRITE_REG("cr8", 9);
        missed += classes != 0;
        WRITE_REG("cr8", 8);
        missed += classes != 1u << 9;
        WRITE_REG("cr8", 4);
        missed += classes != (1u << 9 | 1u << 5);
        irqs_off();
    }
    result("CR8 lowered lets in what it held back", missed == 0, missed);
    drain();
}

static volatile uint32_t depth, deepest, wrong_ppr;

static void nest(unsigned int vector)
{
    unsigned int class = vector >> 4;

    depth++;
    deepest = depth > deepest ? depth : deepest;
    wrong_ppr += apic_read(0x0a0) != class << 4;
    if ((vector & 15) == 5) {
        self(class << 4 | 9); /* of the same class: has to wait */
        if (class < 15)
            self((class + 1) << 4 | 5);
    }
    irqs_window();
    depth--;
}

static void nesting(void)
{
    deepest = depth = wrong_ppr = 0;
    on_irq = nest;
    self(0x45);
    irqs_window();
    result("each class interrupts the one below, and no other", deepest == 12 && wrong_ppr == 0,
           (uint64_t)deepest << 32 | wrong_ppr);
    drain();
}

/* ---- NMI ---- */

static volatile uint32_t nmi_inside, nmi_overlaps;

static void during_nmi(unsigned int vector)
{
    if (vector != NMI)
        return;
    nmi_overlaps += nmi_inside != 0;
    nmi_inside = 1;
    if (this_cpu()->count[NMI] % 2 == 1)
        apic_send(apic_id(), 0x4400);
    nmi_inside = 0;
}

static void nmis(void)
{
    uint64_t before = this_cpu()->count[NMI];

    on_irq = during_nmi;
    before += before % 2;
    this_cpu()->count[NMI] = before;
    apic_send(apic_id(), 0x4400);
    for (unsigned int i = 0; i < 100; i++)
        irqs_window();
    result("an NMI during an NMI comes after it", this_cpu()->count[NMI] == before + 2 && nmi_overlaps == 0,
           this_cpu()->count[NMI] - before);
    before = this_cpu()->count[NMI];
    apic_send(0, 0x44400);
    for (unsigned int i = 0; i < 100; i++)
        irqs_window();
    result("there is no NMI by short-hand to oneself", this_cpu()->count[NMI] == before, this_cpu()->count[NMI] - before);
    drain();
}

/* ---- timers ---- */

static void timers(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[LINE_VECTOR];
    uint32_t first, second;

    apic_write(APIC_TIMER_DIVIDE, 0xa); /* by 128: it takes minutes */
    apic_write(APIC_LVT_TIMER, LINE_VECTOR);
    apic_write(APIC_TIMER_COUNT, UINT32_MAX);
    first = apic_read(APIC_TIMER_CURRENT);
    second = apic_read(APIC_TIMER_CURRENT);
    result("the count goes down", second <= first && second != 0, (uint64_t)first << 32 | second);
    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_TIMER_COUNT, 300000);
    wait_count(&cpu->count[LINE_VECTOR], seen + 1);
    result("one-shot", apic_read(APIC_TIMER_CURRENT) == 0 && cpu->count[LINE_VECTOR] == seen + 1, cpu->count[LINE_VECTOR]);
    apic_write(APIC_LVT_TIMER, 0x20000 | LINE_VECTOR);
    result("periodic too late starts nothing", apic_read(APIC_TIMER_CURRENT) == 0 && apic_read(APIC_TIMER_COUNT) == 300000, 0);
    apic_write(APIC_TIMER_COUNT, 300000);
    wait_count(&cpu->count[LINE_VECTOR], seen + 6);
    result("periodic", true, 0);
    apic_write(APIC_LVT_TIMER, LINE_VECTOR);
    while (apic_read(APIC_TIMER_CURRENT) != 0)
        irqs_window();
    result("one-shot from periodic ends", true, 0);
    apic_write(APIC_LVT_TIMER, 0x10000);
    drain(); /* the last one */
}

static void deadlines(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[LINE_VECTOR], start;

    apic_write(APIC_LVT_TIMER, 0x40000 | LINE_VECTOR);
    for (unsigned int i = 0; i < 20; i++) {
        start = rdtsc() + 200000;
        wrmsr(MSR_TSC_DEADLINE, start);
        wait_irq();
        if (rdtsc() < start || cpu->count[LINE_VECTOR] != ++seen)
            break;
    }
    result("HLT until the deadline, not before", cpu->count[LINE_VECTOR] == seen, cpu->count[LINE_VECTOR] - seen);
    wrmsr(MSR_TSC_DEADLINE, rdtsc());
    wait_count(&cpu->count[LINE_VECTOR], seen + 1);
    result("a deadline that has passed", cpu->count[LINE_VECTOR] == seen + 1 && rdmsr(MSR_TSC_DEADLINE) == 0, 0);
    apic_write(APIC_LVT_TIMER, 0x10000);
}

/* ---- I/O APIC and 8259s: the 8254's interrupt ---- */

static void pit_start(unsigned int count)
{
    outb(0x43, 0x34); /* mode 2 */
    outb(0x40, (uint8_t)count);
    outb(0x40, (uint8_t)(count >> 8));
}

static void by_ioapic(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[LINE_VECTOR];

    ioapic_set(PIT_GSI, (uint64_t)apic_id() << 56 | LINE_VECTOR);
    pit_start(2000);
    wait_count(&cpu->count[LINE_VECTOR], seen + 5);
    result("the 8254 by the I/O APIC", true, 0);
    ioapic_set(PIT_GSI, 0x10000);
    drain();
    seen = cpu->count[LINE_VECTOR];
    for (unsigned int i = 0; i < 10000; i++)
        irqs_window();
    result("masked it is still", cpu->count[LINE_VECTOR] == seen, cpu->count[LINE_VECTOR] - seen);
}

static void pic_init(void)
{
    static const uint8_t icw[2][4] = { { 0x11, 0x20, 0x04, 0x01 }, { 0x11, 0x28, 0x02, 0x01 } };

    for (unsigned int i = 0; i < 4; i++) {
        outb(i == 0 ? 0x20 : 0x21, icw[0][i]);
        outb(i == 0 ? 0xa0 : 0xa1, icw[1][i]);
    }
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static volatile uint32_t external_in_service;

/* While the highest of all is in service: the 8259s do not care. */
static void wait_inside(unsigned int vector)
{
    if (vector == 0x20) {
        external_in_service++;
        outb(0x20, 0x20);
        no_eoi = true;
    } else if (vector == 0xf5) {
        outb(0x21, 0xfe);
        while (external_in_service == 0)
            irqs_window();
        outb(0x21, 0xff);
        no_eoi = false;
    }
}

static void by_8259(void)
{
    uint64_t seen;

    pic_init();
    apic_write(APIC_LVT_LINT0, 0x700);
    external_in_service = 0;
    on_irq = wait_inside;
    self(0xf5);
    irqs_window();
    result("the 8254 by the 8259, whatever is in service", external_in_service != 0, external_in_service);
    apic_write(APIC_LVT_LINT0, 0x10700);
    outb(0x21, 0xfe);
    seen = this_cpu()->count[0x20];
    for (unsigned int i = 0; i < 10000; i++)
        irqs_window();
    result("and not with LINT0 masked", this_cpu()->count[0x20] == seen, this_cpu()->count[0x20] - seen);
    outb(0x21, 0xff);
    pit_start(0);
    drain();
}

/* ---- two CPUs ---- */

void guest_secondary_main(unsigned int n)
{
    for (;;) {
        uint32_t want = 1 + partner_x2;

        if (partner_mode != want) {
            apic_enable(partner_x2);
            guest_cpus[n].apic_id = apic_id();
            if (!partner_x2)
                apic_write(0x0d0, 2u << 24);
            partner_mode = want;
        }
        wait_irq();
    }
}

static void set_ldr(uint32_t dfr, uint32_t ldr)
{
    write32(LAPIC + 0x0e0, dfr);
    write32(LAPIC + 0x0d0, ldr << 24);
}

/* A ping that the other answers, once, and that comes to myself so often in all. */
static void ping(const char *name, uint32_t dest, uint32_t low, uint64_t mine)
{
    const volatile uint64_t *count = this_cpu()->count;
    uint64_t seen = count[PONG_VECTOR];

    apic_send(dest, low | PING_VECTOR);
    wait_count(&count[PONG_VECTOR], seen + 1);
    wait_count(&count[PING_VECTOR], mine);
    result(name, count[PONG_VECTOR] == seen + 1 && count[PING_VECTOR] == mine, count[PING_VECTOR] - mine);
}

static void destinations(bool x2)
{
    uint32_t other = guest_cpus[1].apic_id, logical = x2 ? 1u << other : 2, everybody = x2 ? UINT32_MAX : 0xff;
    uint64_t mine = this_cpu()->count[PING_VECTOR];

    ping("physical", other, 0x4000, mine);
    ping("all but myself", 0, 0xc4000, mine);
    ping("logical", logical, 0x4800, mine);
    ping("lowest priority, logical", logical, 0x4900, mine);
    ping("all", 0, 0x84000, mine + 1);
    ping("broadcast", everybody, 0x4000, mine + 2);
    ping("broadcast, logical", everybody, 0x4800, mine + 3);
}

/* Both sleep until the other has sent: one that is lost is the last. */
static void ping_pong(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint32_t other = guest_cpus[1].apic_id;

    for (unsigned int i = 0; i < 300; i++) {
        uint64_t seen = cpu->count[PONG_VECTOR];

        apic_send(other, 0x4000 | PING_VECTOR);
        while (cpu->count[PONG_VECTOR] == seen)
            wait_irq();
    }
    result("300 rounds, asleep in between", true, 0);
}

static void wake_partner(bool x2)
{
    partner_x2 = x2;
    while (partner_mode != 1 + (uint32_t)x2) {
        apic_send(guest_cpus[1].apic_id, 0x4000 | LINE_VECTOR);
        pause_cpu();
    }
}

/* ---- */

static void one_cpu(void)
{
    all_vectors();
    task_priority("TPR holds back its class and those below", false);
    task_priority("so does CR8", true);
    lowering_cr8_lets_it_in();
    nesting();
    nmis();
    timers();
    deadlines();
    by_ioapic();
    by_8259();
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    (void)cmdline;
    report_part("xAPIC ");
    apic_enable(false);
    set_ldr(UINT32_MAX, 1);
    guest_cpus[0].apic_id = apic_id();
    one_cpu();
    start_cpu(1);
    result("the other CPU", true, 0);
    wake_partner(false);
    destinations(false);
    ping_pong();
    wake_partner(true);
    report_part("x2APIC ");
    apic_enable(true);
    guest_cpus[0].apic_id = apic_id();
    one_cpu();
    destinations(true);
    ping_pong();
    report_part(NULL);
    report_done();
}
