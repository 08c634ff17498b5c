/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest that debugs itself: several CPUs. CPU 1 is started again for each task, and has to come whatever it was doing. Rows
 * 4, 5, 73 and 80 of hostile-guest.md.
 */
#include "debug.h"

#define ICR_NMI 0x4400u
#define ICR_INIT 0x4500u
#define ICR_SIPI 0x4600u
#define NMI_PAUSE 20000u
#define STORM_PAGE 0x9000ul
#define STORM_SENDS 400u
#define DR7_WRITE8 (0x401ul | 9ul << 16)
#define STEPPED_ROUNDS 150u
#define RACE_ROUNDS 1500u

enum task { REST, SPIN, SPIN_MASKED, BREAK_ON_HANDLER, BREAK_ON_STACK, SEND_NMIS, SEND_STORM, MOVE_PAGES };
static volatile enum task task;
static volatile uint32_t started, begun, over, ended[MAX_CPUS];

extern char guest_vectors[], _stacks[];
extern uint64_t boot_pml4[];

/* ---- #DB whose handler's first instruction, or whose delivery, is a #DB ---- */

static void break_on_handler(void)
{
    WRITE_REG("dr0", guest_vectors + 16 * DB);
    WRITE_REG("dr7", 0x401);
    begun = 1;
    __asm__ volatile("int $1");
}

static void break_on_stack(unsigned int cpu)
{
    WRITE_REG("dr0", _stacks + cpu * STACK_SIZE + 4096 - 8);
    WRITE_REG("dr7", DR7_WRITE8);
    begun = 1;
    __asm__ volatile("int $1");
}

/* ---- nothing ---- */

/* Entered again like that, after an exit. */
static void spin(bool masked)
{
    begun = 1;
    if (!masked)
        irqs_on();
    cpuid(0, 0);
    for (;;)
        ;
}

/* ---- what other CPUs are sent ---- */

/* With time for more than handling them. */
static void send_nmis(void)
{
    uint64_t seen;

    begun = 1;
    while (over == 0) {
        seen = guest_cpus[0].count[NMI];
        apic_send(0, ICR_NMI);
        while (guest_cpus[0].count[NMI] == seen && over == 0)
            pause_cpu();
        for (uint64_t start = rdtsc(); rdtsc() - start < NMI_PAUSE && over == 0;)
            pause_cpu();
    }
}

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static void send_storm(uint32_t seed)
{
    static const uint32_t what[] = { ICR_INIT, ICR_SIPI | STORM_PAGE >> 12, ICR_SIPI | STORM_PAGE >> 12,
                                     ICR_NMI,  0x8500 /* INIT, deassert */, 0x4060 };

    for (unsigned int i = 0; i < STORM_SENDS; i++) {
        uint32_t r = next_random(&seed);

        apic_send(1, what[r % 6]);
        if (r & 0x1000)
            cpuid(r, 0);
    }
}

/* Real mode: counts, exits, steps; interrupts and NMIs return at once. */
extern char storm[], storm_iret[], storm_count[], storm_end[];
__asm__(".text\n.code16\n"
        "storm: cli\n\tmov %cs, %ax\n\tmov %ax, %ds\n\tmov %ax, %ss\n\tmov $0xf00, %sp\n\tlock incl (storm_count - storm)\n"
        "1: mov $0x2e0, %dx\n\tinb %dx, %al\n\txor %eax, %eax\n\tcpuid\n\tsti\n\tpushfw\n\tpop %ax\n\txor $0x100, %ax\n\tpush "
        "%ax\n\tpopfw\n\t"
        "cpuid\n\toutb %al, %dx\n\tmov %ax, %ss\n\tmov %cs, %ax\n\tmov %ax, %ss\n\tcpuid\n\tjmp 1b\n"
        "storm_iret: iretw\n"
        ".balign 4\nstorm_count: .long 0\n"
        "storm_end:\n.code64\n");

/* ---- page tables that change ---- */

#define MOVED (UINT64_C(3) << 39)
static uint64_t tables[3][512] __attribute__((aligned(4096)));
static uint8_t page[8192] __attribute__((aligned(4096)));

static void make_tables(void)
{
    tables[0][0] = (uint64_t)tables[1] | 7;
    tables[1][0] = (uint64_t)tables[2] | 7;
    tables[2][0] = (uint64_t)page | 7;
    tables[2][1] = (uint64_t)page | 7;
    boot_pml4[3] = (uint64_t)tables[0] | 7;
}

static void move_pages(void)
{
    static const uint64_t pages[] = { LAPIC | 7, HOLE | 7, 0, IOAPIC | 7, UINT64_C(1) << 51 | 7, HOLE | 1, LAPIC | 5 };
    static const uint64_t places[] = { HOLE | 7, LAPIC | 7, 0, HOLE | 0x87 };
    volatile uint64_t *entry = tables[2], *directory = tables[1];

    begun = 1;
    for (uint32_t i = 0; over == 0; i++) {
        entry[i & 1] = i % 3 == 0 ? (uint64_t)page | 7 : pages[i % 7];
        directory[0] = i % 5 == 0 ? places[i % 4] : (uint64_t)tables[2] | 7;
    }
}

/* ---- */

void guest_secondary_main(unsigned int cpu)
{
    enum task t = task;

    apic_enable(false);
    started++;
    if (t == BREAK_ON_HANDLER)
        break_on_handler();
    else if (t == BREAK_ON_STACK)
        break_on_stack(cpu);
    else if (t == SPIN || t == SPIN_MASKED)
        spin(t == SPIN_MASKED);
    else if (t == SEND_NMIS)
        send_nmis();
    else if (t == SEND_STORM)
        send_storm(12345 * cpu);
    else if (t == MOVE_PAGES)
        move_pages();
    ended[cpu] = 1;
    for (;;)
        __asm__ volatile("cli\n\thlt" : : : "memory");
}

/* For as long as it takes: what never comes is a guest that hangs here. */
static void wait_for(volatile uint32_t *what, uint32_t value)
{
    while (*what < value)
        pause_cpu();
}

/* False: it has come more than once. One that rests has seen so, or it would still say that it has ended when the next task
 * begins. */
static bool start(uint32_t id, enum task t)
{
    uint32_t before = started;

    task = t;
    begun = over = ended[id] = 0;
    guest_cpu_count = id; /* it gets its own stack */
    start_cpu(id);
    wait_for(&started, before + 1);
    if (t == REST)
        wait_for(&ended[id], 1);
    return started == before + 1;
}

/* Its task is over when it has seen so. */
static void end_task(uint32_t id)
{
    over = 1;
    wait_for(&ended[id], 1);
}

/* CPU 1 gets nowhere any more; CPU 0 does, and has it back by INIT. */
static void endless(const char *name, enum task t)
{
    uint64_t sum = 0;

    debug_set_ist(DB, 1);
    result(name, start(1, t), 0);
    wait_for(&begun, 1);
    for (unsigned int i = 0; i < 3000; i++)
        sum += cpuid(0, i).a + inb(DEAD_PORT);
    result("meanwhile another CPU goes on", sum != 0, sum);
    result("INIT ends that", start(1, REST), started);
    debug_set_ist(DB, 0);
}

/* The same steps as without NMIs, and none where there was none. */
static void steps_among_nmis(void)
{
    uint64_t seen = this_cpu()->count[NMI];
    unsigned int bad = 0, worst = 0;
    struct debug_regs r;

    result("a CPU that sends NMIs", start(1, SEND_NMIS), 0);
    wait_for(&begun, 1);
    for (unsigned int i = 0; i < STEPPED_ROUNDS; i++) {
        r = (struct debug_regs){ .d = DEAD_PORT, .b = LAPIC + APIC_TPR };
        RUN(RFLAGS_TF, "cpuid\n\tnop\n\tinb %%dx, %%al\n\tmov (%%r9), %%eax\n\tnop\n\tcpuid", r);
        if (trace.count != 6) {
            bad++;
            worst = trace.count;
        }
        r = (struct debug_regs){ .d = DEAD_PORT, .b = LAPIC + APIC_TPR, .c = SEL_DATA };
        RUN(0,
            "mov %%cx, %%ss\n\tnop\n\tmov %%cx, %%ss\n\tcpuid\n\tmov $0x10, %%ecx\n\tmov %%cx, %%ss\n\tmov (%%r9), "
            "%%eax\n\tsti\n\tcli",
            r);
        bad += trace.count != 0;
    }
    wait_for((volatile uint32_t *)&this_cpu()->count[NMI], (uint32_t)seen + 1);
    end_task(1);
    result("steps among NMIs", bad == 0, (uint64_t)bad << 32 | worst);
    result("NMIs came", this_cpu()->count[NMI] > seen, this_cpu()->count[NMI] - seen);
}

static void prepare_storm(void)
{
    uint32_t iret = (uint32_t)(storm_iret - storm);

    for (size_t i = 0; i < (size_t)(storm_end - storm); i++)
        ((volatile char *)STORM_PAGE)[i] = storm[i];
    for (uint64_t v = 0; v < 256; v++)
        write32(4 * v, (uint32_t)(STORM_PAGE << 12) | iret);
}

static void startup_storm(void)
{
    volatile uint32_t *count = (volatile uint32_t *)(STORM_PAGE + (uint64_t)(storm_count - storm));

    prepare_storm();
    if (!start(2, SEND_STORM) || !start(3, SEND_STORM)) {
        result("CPUs for a storm", false, started);
        return;
    }
    send_storm(6789);
    wait_for(&ended[2], 1);
    wait_for(&ended[3], 1);
    result("a storm of INIT, SIPI and NMIs", true, *count);
    /* If it was slow it has not run yet, and the last that came may have been an INIT. */
    apic_send(1, ICR_INIT);
    apic_send(1, ICR_SIPI | STORM_PAGE >> 12);
    wait_for(count, 1);
    result("the CPU ran in it", true, *count);
    result("and comes out of it", start(1, REST), started);
}

static void pages_that_move(void)
{
    struct debug_regs r;
    uint64_t sum = 0;

    make_tables();
    result("a CPU that moves pages", start(1, MOVE_PAGES), 0);
    wait_for(&begun, 1);
    for (unsigned int i = 0; i < RACE_ROUNDS; i++) {
        r = (struct debug_regs){ .b = MOVED + APIC_TPR, .S = MOVED + 4000, .D = MOVED + 64, .c = 100, .a = 0x20 };
        WRITE_REG("cr3", READ_REG("cr3"));
        if (i % 3 == 0)
            RUN(0, "mov (%%rbx), %%eax\n\tmov %%eax, 4080(%%rbx)\n\txchg %%eax, (%%rbx)\n\taddl $1, (%%rbx)", r);
        else if (i % 3 == 1)
            RUN(0, "rep movsb", r);
        else
            RUN(RFLAGS_TF, "movl $1, (%%rbx)\n\tpush (%%rbx)\n\tpop %%rax", r);
        sum += trace.count;
    }
    end_task(1);
    boot_pml4[3] = 0;
    WRITE_REG("cr3", READ_REG("cr3"));
    result("pages that move under the emulator", sum != 0, sum);
    result("and the CPU that moved them", start(1, REST), started);
}

void debug_cpus(void)
{
    endless("a loop", SPIN);
    if (!bochs_svm)
        endless("a loop with interrupts off", SPIN_MASKED);
    /* QEMU 7.2 keeps breakpoints for the CPU it plays, whoever's DR7 VMRUN loads: another vCPU would find them there. And one
     * on the stack ends it, by an assertion of its own. */
    if (strict) {
        endless("a breakpoint on the handler of breakpoints", BREAK_ON_HANDLER);
        endless("a breakpoint on the stack of the handler of breakpoints", BREAK_ON_STACK);
    }
    steps_among_nmis();
    pages_that_move();
    startup_storm();
}
