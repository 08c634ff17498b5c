/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware calls that do something: counters that count, time that is stolen, a system that sleeps and wakes, a hart that is
 * suspended without its registers. hostile-guest.md rows 61, 65..67. It ends with "sbi: done FAILURES".
 */
#include "report.h"

#define SBI_PMU 0x504d55ul
#define SBI_STA 0x535441ul
#define SBI_FWFT 0x46574654ul
#define SBI_SSE 0x535345ul
#define SIE_TIMER (1ul << 5)
enum { INVALID_PARAM = -3, DENIED = -4, INVALID_ADDRESS = -5, ALREADY_STARTED = -7, NO_SHMEM = -9, DENIED_LOCKED = -14 };
enum { NUM_COUNTERS, GET_INFO, CONFIG, START, STOP, FW_READ, FW_READ_HI, SET_SHMEM, EVENT_INFO };

static void expect(const char *name, struct sbi_ret r, int64_t error)
{
    result(name, r.error == error, (uint64_t)r.error);
}

/* What BASE says is there answers, and the rest does not: function 0 of each with arguments that are wrong for all. */
static void probe(void)
{
    static const uint64_t there[] = { SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM,  SBI_SRST,
                                      SBI_DBCN, SBI_SUSP, SBI_PMU, SBI_STA,    SBI_FWFT, SBI_SSE };
    static const uint64_t absent[] = { 4, 9, 15, 0x43505043, 0x4e41434c, 0x44425452, 0x4d505859, 0x12345678 };

    for (unsigned int i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        result("probe of what is there", sbi(SBI_BASE, 3, there[i], 0, 0, 0, 0).value != 0, there[i]);
    for (unsigned int i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        result("probe of what is absent", sbi(SBI_BASE, 3, absent[i], 0, 0, 0, 0).value == 0, absent[i]);
        expect("call of what is absent", sbi(absent[i], 0, 1, 2, 3, 4, 5), -2);
    }
}

/* ---- PMU ---- */

static uint8_t snapshot[4096] __attribute__((aligned(4096)));

static void hardware_counters(void)
{
    uint64_t cycles, again, *values = (uint64_t *)(snapshot + 8);

    expect("66 config of cycles", sbi(SBI_PMU, CONFIG, 0, 0x7fffd, 2, 1, 0), 0);
    result("cycles stand still", read_csr(cycle) == 0 && read_csr(cycle) == 0, read_csr(cycle));
    expect("66 start with a value", sbi(SBI_PMU, START, 0, 1, 1, 1000000, 0), 0);
    cycles = read_csr(cycle);
    while ((again = read_csr(cycle)) - cycles < 1000)
        ;
    /* Not more than a CPU counts in years. */
    result("cycles count", cycles >= 1000000 && cycles < again && again < 1ul << 60, again);
    expect("66 start twice", sbi(SBI_PMU, START, 0, 1, 0, 0, 0), ALREADY_STARTED);
    expect("66 snapshot without memory", sbi(SBI_PMU, STOP, 0, 1, 2, 0, 0), NO_SHMEM);
    expect("66 snapshot memory in a device", sbi(SBI_PMU, SET_SHMEM, PLIC, 0, 0, 0, 0), INVALID_ADDRESS);
    expect("66 snapshot memory misaligned", sbi(SBI_PMU, SET_SHMEM, (uint64_t)snapshot + 8, 0, 0, 0, 0), INVALID_PARAM);
    expect("66 snapshot memory", sbi(SBI_PMU, SET_SHMEM, (uint64_t)snapshot, 0, 0, 0, 0), 0);
    expect("stop with a snapshot", sbi(SBI_PMU, STOP, 0, 1, 2, 0, 0), 0);
    result("the snapshot is the counter", values[0] >= again && values[0] == read_csr(cycle), values[0]);
    expect("config of instructions", sbi(SBI_PMU, CONFIG, 0, 0x7fffd, 6, 2, 0), 0);
    result("instructions count", read_csr(instret) < read_csr(instret), read_csr(instret));
    sbi(SBI_PMU, STOP, 0, 5, 1, 0, 0);
}

static void firmware_counters(void)
{
    struct sbi_ret r = sbi(SBI_PMU, CONFIG, 0, 0x7fffd, 6, 0xf0005, 0);

    expect("config of timer calls", r, 0);
    for (unsigned int i = 0; i < 7; i++)
        sbi(SBI_TIME, 0, UINT64_MAX, 0, 0, 0, 0);
    result("timer calls are counted", sbi(SBI_PMU, FW_READ, r.value, 0, 0, 0, 0).value == 7, r.value);
    expect("66 reading a hardware counter as firmware's", sbi(SBI_PMU, FW_READ, 0, 0, 0, 0, 0), INVALID_PARAM);
    sbi(SBI_PMU, STOP, r.value, 1, 1, 0, 0);
}

static void event_info(void)
{
    static uint32_t info[3][4] __attribute__((aligned(16))) = { { 1, ~0u }, { 9, ~0u }, { 0xf0005, ~0u } };

    expect("event info", sbi(SBI_PMU, EVENT_INFO, (uint64_t)info, 0, 3, 0, 0), 0);
    result("events that there are", info[0][1] == 1 && info[1][1] == 0 && info[2][1] == 1, info[0][1]);
    expect("66 event info of too many", sbi(SBI_PMU, EVENT_INFO, (uint64_t)info, 0, 1ul << 60, 0, 0), INVALID_ADDRESS);
    expect("66 event info misaligned", sbi(SBI_PMU, EVENT_INFO, (uint64_t)info + 8, 0, 1, 0, 0), INVALID_PARAM);
    expect("66 event info in a device", sbi(SBI_PMU, EVENT_INFO, PLIC, 0, 1, 0, 0), INVALID_ADDRESS);
}

/* ---- STA ---- */

static uint8_t stolen[128] __attribute__((aligned(64)));

static void steal_time(void)
{
    volatile uint32_t *sequence = (volatile uint32_t *)stolen;
    uint64_t until;

    for (unsigned int i = 0; i < sizeof(stolen); i++)
        stolen[i] = 0xa5;
    expect("66 steal time in a hole", sbi(SBI_STA, 0, 0xb000000, 0, 0, 0, 0), INVALID_ADDRESS);
    expect("66 steal time misaligned", sbi(SBI_STA, 0, (uint64_t)stolen + 8, 0, 0, 0, 0), INVALID_PARAM);
    expect("66 steal time with flags", sbi(SBI_STA, 0, (uint64_t)stolen, 0, 1, 0, 0), INVALID_PARAM);
    result("memory of a refused call is left alone", stolen[0] == 0xa5, stolen[0]);
    expect("steal time", sbi(SBI_STA, 0, (uint64_t)stolen, 0, 0, 0, 0), 0);
    result("64 bytes are cleared", stolen[0] == 0 && stolen[63] == 0 && stolen[64] == 0xa5, stolen[63]);
    until = read_csr(time) + 1000000;
    while (read_csr(time) < until && *sequence == 0)
        ;
    result("the sequence is even", (*sequence & 1) == 0, *sequence);
    expect("no steal time", sbi(SBI_STA, 0, UINT64_MAX, UINT64_MAX, 0, 0, 0), 0);
}

/* ---- SUSP, and HSM's suspend without registers ---- */

static volatile uint64_t resumed, resumed_hart;
uint64_t sbi_saved[16];

void sbi_resumed(uint64_t hartid, uint64_t opaque);
void sbi_resumed(uint64_t hartid, uint64_t opaque)
{
    resumed_hart = hartid;
    resumed = opaque;
}

/* int64_t sbi_sleep(eid, fid, type, opaque): 0 when it came back the long way, or the call's error. */
int64_t sbi_sleep(uint64_t eid, uint64_t fid, uint64_t type, uint64_t opaque);
__asm__(".text\n"
        "sbi_sleep:\n"
        "lla t0, sbi_saved\n"
        "sd ra, 0(t0)\n\tsd sp, 8(t0)\n\tsd gp, 16(t0)\n\tsd tp, 24(t0)\n\tsd s0, 32(t0)\n\tsd s1, 40(t0)\n\tsd s2, 48(t0)\n"
        "sd s3, 56(t0)\n\tsd s4, 64(t0)\n\tsd s5, 72(t0)\n\tsd s6, 80(t0)\n\tsd s7, 88(t0)\n\tsd s8, 96(t0)\n\tsd s9, 104(t0)\n"
        "sd s10, 112(t0)\n\tsd s11, 120(t0)\n"
        "mv a7, a0\n\tmv a6, a1\n\tmv a0, a2\n\tlla a1, 1f\n\tmv a2, a3\n"
        "ecall\n"
        "ret\n"
        ".balign 4\n"
        "1: lla t0, sbi_saved\n"
        "ld sp, 8(t0)\n\tld gp, 16(t0)\n\tld tp, 24(t0)\n\tld s0, 32(t0)\n\tld s1, 40(t0)\n\tld s2, 48(t0)\n"
        "ld s3, 56(t0)\n\tld s4, 64(t0)\n\tld s5, 72(t0)\n\tld s6, 80(t0)\n\tld s7, 88(t0)\n\tld s8, 96(t0)\n\tld s9, 104(t0)\n"
        "ld s10, 112(t0)\n\tld s11, 120(t0)\n"
        "call sbi_resumed\n"
        "lla t0, sbi_saved\n"
        "ld ra, 0(t0)\n"
        "li a0, 0\n"
        "ret\n");

static void wake_in(uint64_t ticks)
{
    sbi(SBI_TIME, 0, read_csr(time) + ticks, 0, 0, 0, 0);
    set_csr(sie, SIE_TIMER);
}

#define NAP 200000u /* ticks: time for many calls that do not wait */

/* It may end early, as WFI may, but not again and again. */
static void sleep_and_wake(const char *name, uint64_t eid, uint64_t fid, uint64_t type)
{
    uint64_t before = read_csr(time);
    unsigned int sleeps = 0;
    int64_t error;

    set_csr(sstatus, 2); /* SIE: comes back clear */
    clear_csr(sstatus, 2);
    wake_in(NAP);
    do {
        resumed = 0;
        error = sbi_sleep(eid, fid, type, 0x1234567);
        sleeps++;
    } while (error == 0 && resumed != 0 && sleeps < 10 && read_csr(time) < before + NAP);
    result(name, error == 0 && resumed == 0x1234567 && resumed_hart == hart() && sleeps < 10, (uint64_t)error);
    result("interrupts are off and satp is 0 then", (read_csr(sstatus) & 2) == 0 && read_csr(satp) == 0, read_csr(sstatus));
    clear_csr(sie, SIE_TIMER);
    sbi(SBI_TIME, 0, UINT64_MAX, 0, 0, 0, 0);
}

static volatile uint64_t second_is_up, second_may_stop;

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    (void)opaque;
    second_is_up = 1;
    while (!second_may_stop)
        ;
    sbi(SBI_HSM, 1, 0, 0, 0, 0, 0);
}

static void suspend(void)
{
    expect("65 suspend of a reserved type", sbi(SBI_SUSP, 0, 1, RAM + 0x200000, 0, 0, 0), INVALID_PARAM);
    expect("65 suspend to a resume address in a hole", sbi(SBI_SUSP, 0, 0, 0xb000000, 0, 0, 0), INVALID_ADDRESS);
    sleep_and_wake("suspend to RAM", SBI_SUSP, 0, 0);
    /* Types are 32 bits wide. */
    sleep_and_wake("suspend to RAM, high bits set", SBI_SUSP, 0, 1ul << 32);
    sleep_and_wake("65 hart suspend without registers, high bits set", SBI_HSM, 3, 1ul << 63 | 0x80000000);
    expect("65 hart suspend of a platform's type", sbi(SBI_HSM, 3, 0x10000000, 0, 0, 0, 0), INVALID_PARAM);
    sleep_and_wake("65 hart suspend without registers", SBI_HSM, 3, 0x80000000);
    if (start_cpu(1, 0) != 0)
        return;
    while (!second_is_up)
        ;
    expect("65 suspend while another hart runs", sbi(SBI_SUSP, 0, 0, RAM + 0x200000, 0, 0, 0), DENIED);
    second_may_stop = 1;
    while (sbi(SBI_HSM, 2, 1, 0, 0, 0, 0).value != 1)
        ;
    sleep_and_wake("suspend to RAM once it has stopped", SBI_SUSP, 0, 0);
}

/* ---- FWFT ---- */

static uint64_t misaligned_load(void)
{
    static const uint64_t bytes[2] __attribute__((aligned(8))) = { 0x0807060504030201, 0x09 };
    uint64_t value;

    __asm__ volatile("ld %0, 1(%1)" : "=r"(value) : "r"(bytes) : "memory");
    return value;
}

static void features(void)
{
    struct sbi_ret r = sbi(SBI_FWFT, 1, 0, 0, 0, 0, 0);

    result("67 misaligned accesses are delegated", r.error == 0 && r.value == 1, r.value);
    expect("67 an odd value", sbi(SBI_FWFT, 0, 0, 1ul << 32, 0, 0, 0), INVALID_PARAM);
    expect("67 an odd flag", sbi(SBI_FWFT, 0, 0, 0, 1ul << 32, 0, 0), INVALID_PARAM);
    /* In QEMU they are done by the CPU. */
    expect("67 they shall not be", sbi(SBI_FWFT, 0, 0, 0, 0, 0, 0), 0);
    result("67 they are not", sbi(SBI_FWFT, 1, 0, 0, 0, 0, 0).value == 0, 1);
    result("a misaligned load", misaligned_load() == 0x0908070605040302, misaligned_load());
    expect("67 they shall be, for good", sbi(SBI_FWFT, 0, 1ul << 32, 1, 1, 0, 0), 0);
    expect("67 locked", sbi(SBI_FWFT, 0, 0, 0, 0, 0, 0), DENIED_LOCKED);
    expect("67 locked as it is", sbi(SBI_FWFT, 0, 0, 1, 1, 0, 0), DENIED_LOCKED);
    result("67 they are", sbi(SBI_FWFT, 1, 0, 0, 0, 0, 0).value == 1, 0);
    expect("67 no feature", sbi(SBI_FWFT, 1, 77, 0, 0, 0, 0), DENIED);
}

/* ---- legacy extensions: one result, in a0 ---- */

static uint64_t legacy(uint64_t eid, uint64_t a, uint64_t b, uint64_t *kept)
{
    register uint64_t a0 __asm__("a0") = a;
    register uint64_t a1 __asm__("a1") = b;
    register uint64_t a2 __asm__("a2") = 0x123;
    register uint64_t a7 __asm__("a7") = eid;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(a7) : "memory");
    *kept = a1 ^ a2;
    return a0;
}

static void legacy_calls(void)
{
    static const char text[] = "sbi: legacy console ok\n";
    uint64_t kept, wrong = 0, soft = 1ul << 1;

    for (unsigned int i = 0; text[i] != '\0'; i++)
        wrong |= legacy(1, (uint8_t)text[i], 0x77, &kept) | (kept ^ 0x77 ^ 0x123);
    result("and other registers are left alone", wrong == 0, wrong);
    result("there is no input", legacy(2, 0, 0, &kept) == UINT64_MAX, 0);
    sbi(SBI_IPI, 0, 1, hart(), 0, 0, 0);
    wrong = read_csr(sip) & soft;
    legacy(3, 0, 0, &kept);
    result("an IPI is cleared", wrong == soft && (read_csr(sip) & soft) == 0, read_csr(sip));
    /* By the interrupt: sip does not show it in QEMU 7.2. */
    set_csr(sie, SIE_TIMER);
    legacy(0, 0, 0, &kept);
    wrong = this_cpu()->count[5];
    irqs_on();
    while (this_cpu()->count[5] == wrong)
        ;
    irqs_off();
    clear_csr(sie, SIE_TIMER);
    result("a timer is set, and cleared", this_cpu()->count[5] == wrong + 1, this_cpu()->count[5]);
    wrong = legacy(5, 0, 0x77, &kept) | (kept ^ 0x77 ^ 0x123);
    wrong |= legacy(6, 0, 0x2000, &kept) | (kept ^ 0x2000 ^ 0x123) | legacy(7, UINT64_MAX, 0, &kept) | (kept ^ 0x123);
    result("fences, wherever the mask is", wrong == 0, wrong);
    result("61 they can be probed, but for IPIs",
           sbi(SBI_BASE, 3, 8, 0, 0, 0, 0).value == 1 && sbi(SBI_BASE, 3, 4, 0, 0, 0, 0).value == 0, 0);
    expect("61 and those are not there", sbi(4, 0, 0, 0, 0, 0, 0), -2);
}

void guest_main(uint64_t fdt)
{
    uint64_t kept;

    (void)fdt;
    probe();
    legacy_calls();
    hardware_counters();
    firmware_counters();
    event_info();
    steal_time();
    suspend();
    features();
    report_done();
    legacy(8, 0, 0, &kept);
    power_off();
}

void guest_irq(uint64_t cause)
{
    uint64_t kept;

    (void)cause;
    legacy(0, UINT64_MAX, 0, &kept);
}
