/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that tries an APLIC, or an APLIC with IMSICs: what it finds of them, what it should not be able to do, and interrupts
 * in quantity. Each line is "aia: NAME ok" or "... FAIL got=..."; it ends with "aia: done FAILURES". Rows are those of
 * hostile-guest.md.
 */
#include "intc.h"
#include "report.h"

static enum intc intc;

enum { ILLEGAL = 2, LOAD_ACCESS = 5, STORE_ACCESS = 7 };
enum { DETACHED = 1, EDGE1 = 4, LEVEL1 = 6 };

#define SOURCECFG(n) (APLIC + 4ul * (n))
#define SETIPNUM (APLIC + 0x1cdc)
#define SETIE (APLIC + 0x1e00)
#define SETIENUM (APLIC + 0x1edc)
#define CLRIENUM (APLIC + 0x1fdc)
#define TARGET(n) (APLIC + 0x3000ul + 4ul * (n))
#define GENMSI (APLIC + 0x3000)
#define IDC(hart) (APLIC + 0x4000ul + 32ul * (hart))
#define PAGE(hart) (IMSIC + 0x1000ul * (hart))
#define SOURCE 20u /* nobody's */
#define SYNC 40u   /* an interrupt identity that no source has */

/* ---- what comes ---- */

static volatile uint32_t taken[MAX_CPUS], last[MAX_CPUS], spurious[MAX_CPUS];
static volatile bool echo; /* hart 1 answers */
static volatile uint32_t uart_count;
#define STORM 100u

static void answer(unsigned int to)
{
    if (intc == INTC_IMSIC)
        write32(PAGE(to), SYNC);
    else
        write32(SETIPNUM, SOURCE + to);
}

void guest_irq(uint64_t cause)
{
    unsigned int h = hart();
    uint32_t id;

    if (cause != 9)
        return;
    id = intc == INTC_IMSIC ? (uint32_t)imsic_claim() : read32(IDC(h) + 0x1c) >> 16;
    if (id == 0) {
        spurious[h]++;
        return;
    }
    if (id == UART_IRQ && ++uart_count == STORM)
        write32(CLRIENUM, UART_IRQ);
    last[h] = id;
    taken[h]++;
    if (h == 1 && echo)
        answer(0);
}

/* For as long as it takes: one that is lost is a guest that hangs here. */
static bool wait_for(unsigned int h, uint32_t count)
{
    while (taken[h] < count)
        __asm__ volatile(".4byte 0x0100000f"); /* pause */
    return taken[h] == count;
}

static void setup_hart(void)
{
    unsigned int h = hart();

    if (intc == INTC_IMSIC) {
        for (uint64_t reg = 0xc0; reg < 0xc8; reg += 2)
            imsic_write(reg, UINT64_MAX);
        imsic_write(0x72, 0);
        imsic_write(0x70, 1);
    } else {
        write32(IDC(h) + 8, 0);
        write32(IDC(h), 1);
    }
    set_csr(sie, 1ul << 9);
    irqs_on();
}

/* ---- row 69: registers of the APLIC ---- */

static void widths(uint64_t base, const char *name)
{
    uint64_t v, bad = 0;

    for (uint64_t a = base; a < base + 16; a++) {
        bad += TRY(__asm__ volatile("lbu %0, (%1)" : "=r"(v) : "r"(a) : "memory")) != LOAD_ACCESS;
        bad += TRY(__asm__ volatile("sb zero, (%0)" : : "r"(a) : "memory")) != STORE_ACCESS;
    }
    for (uint64_t a = base; a < base + 16; a += 2)
        bad += TRY(__asm__ volatile("lhu %0, (%1)" : "=r"(v) : "r"(a) : "memory")) != LOAD_ACCESS;
    for (uint64_t a = base; a < base + 16; a += 8) {
        bad += TRY(__asm__ volatile("ld %0, (%1)" : "=r"(v) : "r"(a) : "memory")) != LOAD_ACCESS;
        bad += TRY(__asm__ volatile("sd zero, (%0)" : : "r"(a) : "memory")) != STORE_ACCESS;
    }
    result(name, bad == 0, bad);
}

static void aplic_registers(void)
{
    static const uint32_t wild[] = { 0, 256, 1023, 1024, 0xffff, 0x80000000, 0xffffffff };

    widths(APLIC, "69 widths");
    result("69 domaincfg", read32(APLIC) >> 24 == 0x80, read32(APLIC));
    write32(SOURCECFG(SOURCE), 1u << 10 | 3);
    result("69 delegation to a child that is not there", read32(SOURCECFG(SOURCE)) == 0, read32(SOURCECFG(SOURCE)));
    write32(SOURCECFG(SOURCE), 2);
    result("69 reserved mode", read32(SOURCECFG(SOURCE)) != 2, read32(SOURCECFG(SOURCE)));
    write32(SOURCECFG(SOURCE), 0);
    write32(SETIENUM, SOURCE);
    write32(TARGET(SOURCE), 0xffffffff);
    result("69 inactive source has no enable", read32(SETIE) == 0, read32(SETIE));
    result("69 inactive source has no target", read32(TARGET(SOURCE)) == 0, read32(TARGET(SOURCE)));
    for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        for (uint64_t off = 0x1cdc; off <= 0x1fdc; off += 0x100)
            write32(APLIC + off, wild[i]);
        write32(APLIC + 0x2000, wild[i]);
        write32(APLIC + 0x2004, wild[i]);
    }
    result("69 wild numbers", true, 0);
    write32(APLIC, 1);
    result("69 big-endian", read32(APLIC) >> 24 != 0x80 && (read32(APLIC) & 0xff) == 0x80, read32(APLIC));
    write32(APLIC, 0);
    result("69 little-endian again", read32(APLIC) >> 24 == 0x80, read32(APLIC));
    write32(APLIC + 0x1bc0, UINT32_MAX);
    result("69 MSI addresses are machine level's", read32(APLIC + 0x1bc0) == 0, read32(APLIC + 0x1bc0));
    for (uint64_t off = 0; off < 0x4000; off += 4)
        write32(APLIC + off, UINT32_MAX);
    for (uint64_t off = 0; off < 0x4000; off += 4)
        write32(APLIC + off, 0);
    result("69 all registers written", true, 0);
}

/* Source SOURCE + @h, detached from any wire: for hart @h, or whatever number that is. */
static void route(uint32_t n, uint32_t h)
{
    write32(SOURCECFG(n), DETACHED);
    write32(TARGET(n), h << 18 | (intc == INTC_IMSIC ? n : 5));
    write32(SETIENUM, n);
}

static void to_nobody(void)
{
    uint32_t before = taken[0] + taken[1];

    for (uint32_t h = 2; h <= 0x2000; h *= 2) {
        route(SOURCE + 2, h);
        write32(SETIPNUM, SOURCE + 2);
        if (intc == INTC_IMSIC)
            write32(GENMSI, h << 18 | SYNC);
    }
    write32(CLRIENUM, SOURCE + 2);
    result("69 harts that are not there", taken[0] + taken[1] == before, taken[0]);
}

static void spurious_interrupt(void)
{
    uint32_t before = spurious[0];

    write32(IDC(0) + 4, 1);
    result("69 iforce is a spurious interrupt, once", spurious[0] == before + 1 && read32(IDC(0) + 4) == 0, spurious[0]);
    write32(IDC(99) + 4, 1);
    result("69 IDC of nobody", read32(IDC(99) + 4) == 0, 1);
}

/* ---- row 70: IMSICs ---- */

static void imsic_pages(void)
{
    static const uint32_t wild[] = { 0, 256, 257, 2048, 0xffff, 0x80000001, 0xffffffff };
    uint64_t v, before;

    imsic_write(0x70, 0);
    for (uint64_t reg = 0x80; reg < 0x88; reg += 2)
        imsic_write(reg, 0);
    for (unsigned int i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        TRY(write32(PAGE(0), wild[i]));
        TRY(write32(PAGE(0) + 4, wild[i]));
    }
    for (uint64_t off = 8; off < 0x1000; off += 4)
        TRY(write32(PAGE(0) + off, 3));
    v = imsic_read(0x80) | imsic_read(0x82) | imsic_read(0x84) | imsic_read(0x86);
    before = imsic_read(0x80);
    result("70 wild identities, other offsets", (v & ~(1ul << 1 | 1ul << 8)) == 0 || v == before, v);
    v = 0;
    for (uint64_t off = 0; off < 0x1000; off += 4)
        v |= read32(PAGE(0) + off);
    result("70 pages read as zero", v == 0, v);
    result("70 page beyond the last", TRY(write32(PAGE(2), 3)) == STORE_ACCESS, this_cpu()->cause);
    for (uint64_t reg = 0x80; reg < 0x88; reg += 2)
        imsic_write(reg, 0);
    imsic_write(0x70, 1);
}

static void imsic_registers(void)
{
    static const uint64_t none[] = { 0x81, 0xbf, 0xc1, 0xff };
    uint64_t v, cause;

    for (unsigned int i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        cause = TRY(v = imsic_read(none[i]));
        /* A guest interrupt file raises a virtual-instruction exception, which becomes this. */
        result("71 odd registers", cause == ILLEGAL, cause);
    }
    cause = TRY(v = imsic_read(0x100));
    result("71 siselect beyond", cause == ILLEGAL, cause);
    cause = TRY(v = imsic_read(0x2f));
    result("71 siselect reserved", cause == ILLEGAL, cause);
    cause = TRY(v = imsic_read(0x30));
    result("71 priorities read as zero", cause == NO_FAULT && v == 0, v);
    cause = TRY(__asm__ volatile("csrw 0xdb0, zero" : : : "memory"));
    result("71 stopi is read-only", cause == ILLEGAL, cause);
    imsic_write(0x70, 0x40000000);
    result("70 eidelivery holds 0 or 1", imsic_read(0x70) <= 1, imsic_read(0x70));
    imsic_write(0x72, 255);
    result("70 eithreshold", imsic_read(0x72) == 255, imsic_read(0x72));
    imsic_write(0x72, 0);
    imsic_write(0x80, UINT64_MAX);
    result("70 identity 0 is never pending", (imsic_read(0x80) & 1) == 0, imsic_read(0x80));
    imsic_write(0x80, 0);
    imsic_write(0x70, 1);
}

/* With interrupts off: pending, told of, claimed. */
static void top_of_both(void)
{
    uint64_t v;

    irqs_off();
    write32(PAGE(0), SYNC);
    write32(PAGE(0), SYNC + 1);
    __asm__ volatile("csrr %0, 0x15c" : "=r"(v));
    result("70 stopei", v == (SYNC << 16 | SYNC), v);
    __asm__ volatile("csrr %0, 0xdb0" : "=r"(v));
    result("70 stopi", v >> 16 == 9, v);
    result("70 claims in order", imsic_claim() == SYNC && imsic_claim() == SYNC + 1 && imsic_claim() == 0, imsic_claim());
    result("70 nothing is pending then", (read_csr(sip) & 1ul << 9) == 0, read_csr(sip));
    irqs_on();
}

/* ---- in quantity ---- */

#define ROUNDS 1000u

static void to_myself(void)
{
    uint32_t before = taken[0];

    for (uint32_t i = 0; i < ROUNDS; i++)
        answer(0);
    result("self-interrupts all arrive", wait_for(0, before + ROUNDS), taken[0] - before);
}

static void back_and_forth(void)
{
    uint32_t mine = taken[0], others = taken[1], good = 0;

    echo = true;
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        answer(1);
        good += wait_for(0, mine + i);
    }
    echo = false;
    result("ping-pong with hart 1", good == ROUNDS && taken[1] == others + ROUNDS, good);
}

/* Row 88: an interrupt that stays. The handler masks it in the end; an MSI comes once. */
static void storm(void)
{
    uint32_t want = intc == INTC_IMSIC ? 1 : STORM;

    write32(SOURCECFG(UART_IRQ), LEVEL1);
    write32(TARGET(UART_IRQ), intc == INTC_IMSIC ? UART_IRQ : 1);
    write32(SETIENUM, UART_IRQ);
    write8(UART + 1, 2); /* IER: transmitter empty, which it is */
    while (uart_count < want)
        ;
    write8(UART + 1, 0);
    write32(SOURCECFG(UART_IRQ), 0);
    result("88 an interrupt that stays", uart_count == want, uart_count);
}

static void genmsi(void)
{
    uint32_t before = taken[0];

    write32(GENMSI, SYNC);
    result("69 genmsi", wait_for(0, before + 1) && last[0] == SYNC, last[0]);
    result("69 genmsi is not busy", (read32(GENMSI) & 1u << 12) == 0, read32(GENMSI));
}

void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    (void)opaque;
    setup_hart();
    taken[1] = 0;
    spurious[2] = 1; /* ready */
    for (;;)
        __asm__ volatile("wfi");
}

void guest_main(uint64_t fdt)
{
    (void)fdt;
    intc = intc_find();
    result("there is an APLIC", intc != INTC_PLIC, intc);
    aplic_registers();
    setup_hart();
    write32(APLIC, 0x100);
    if (intc == INTC_IMSIC) {
        widths(PAGE(0), "70 widths");
        imsic_pages();
        imsic_registers();
        top_of_both();
        genmsi();
    } else {
        spurious_interrupt();
    }
    route(SOURCE, 0);
    route(SOURCE + 1, 1);
    to_nobody();
    to_myself();
    storm();
    if (start_cpu(1, 0) == 0) {
        while (spurious[2] == 0)
            ;
        back_and_forth();
    }
    report_done();
    power_off();
}
