/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest: interrupts, of timer, UART and PLIC. */
#include "hostile.h"

/* ---- rows 58, 59: timer and WFI ---- */

static void deadlines(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[5];

    sbi(SBI_TIME, 0, 0, 0, 0, 0, 0);
    irqs_on();
    while (cpu->count[5] == seen)
        read_csr(time);
    irqs_off();
    result("58 a deadline in the past", true, 0);
    seen = cpu->count[5];
    sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    irqs_on();
    for (unsigned int i = 0; i < 10000; i++)
        read_csr(time);
    irqs_off();
    result("58 a deadline that never comes", cpu->count[5] == seen, 0);
}

static void waits(void)
{
    uint64_t t, n;

    t = read_csr(time);
    sbi(SBI_TIME, 0, t + 20000, 0, 0, 0, 0);
    /* It may end early, but not always. (sip does not tell: QEMU 7.2 shows no STIP of Sstc there.) */
    for (n = 0; read_csr(time) - t < 20000 && n < 100; n++)
        __asm__ volatile("wfi");
    result("59 WFI ends with the timer, masked by SIE", read_csr(time) - t >= 20000 && n < 100, n);
    for (unsigned int i = 0; i < 1000; i++)
        __asm__ volatile("wfi");
    result("59 WFI with an interrupt pending", true, 0);
    t = read_csr(time);
    sbi(SBI_TIME, 0, t + 200000, 0, 0, 0, 0);
    /* So may this, but not again and again. */
    for (n = 0; read_csr(time) - t < 200000 && n < 10; n++)
        expect("65 suspend, retentive", sbi(SBI_HSM, 3, 0, 0, 0, 0, 0), 0);
    result("65 and it ends with the timer", read_csr(time) - t >= 200000, n);
}

void timers(void)
{
    set_csr(sie, 1ul << 5);
    deadlines();
    waits();
    sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    clear_csr(sie, 1ul << 5);
}

/* ---- rows 68, R3: PLIC ---- */

void plic(void)
{
    uint64_t faults = 0;

    for (uint64_t off = 0; off < 0x4000; off += 4)
        faults += TRY(write32(PLIC + off, 0xffffffff)) != NO_FAULT;
    for (uint64_t ctx = 0; ctx < 64; ctx++) {
        faults += TRY(write32(PLIC + 0x200000 + 0x1000 * ctx, 0xffffffff)) != NO_FAULT;
        faults += TRY(write32(PLIC + 0x200004 + 0x1000 * ctx, 0xffffffff)) != NO_FAULT;
        faults += TRY(read32(PLIC + 0x200004 + 0x1000 * ctx)) != NO_FAULT;
    }
    result("68 wild writes", faults == 0, faults);
    result("68 threshold is 3 bits", read32(PLIC + 0x201000) == 7, read32(PLIC + 0x201000));
    result("68 priority is 3 bits", read32(PLIC + 4 * UART_IRQ) == 7, read32(PLIC + 4 * UART_IRQ));
    result("68 source 0", read32(PLIC) == 0 && (read32(PLIC + 0x2080) & 1) == 0, read32(PLIC));
    result("68/R3 bytes", TRY(read8(PLIC + 4)) == LOAD_ACCESS, 0);
    write32(PLIC + 0x201000, 0);
}

/* The transmitter's interrupt, through the PLIC. */
void uart_irq(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint64_t seen = cpu->count[9];

    set_csr(sie, 1ul << 9);
    write32(PLIC + 4 * UART_IRQ, 1);
    write32(PLIC + 0x2080, 1u << UART_IRQ);
    irqs_on();
    write8(UART + 1, 2); /* IER: transmitter empty */
    while (cpu->count[9] == seen)
        ;
    irqs_off();
    write8(UART + 1, 0);
    result("83 the transmitter's interrupt", cpu->count[9] == seen + 1, cpu->count[9] - seen);
    clear_csr(sie, 1ul << 9);
}

/* ---- row 88: a line that is stuck ---- */

#define IGNORED 20000u
static volatile uint32_t ignored;
static volatile bool ignores;

/* The handler does nothing about it; so it comes again at once. */
void stuck_line(void)
{
    set_csr(sie, 1ul << 9);
    write32(PLIC + 4 * UART_IRQ, 1);
    write32(PLIC + 0x2080, 1u << UART_IRQ);
    ignored = 0;
    ignores = true;
    irqs_on();
    write8(UART + 1, 2); /* IER: transmitter empty */
    while (ignored < IGNORED)
        __asm__ volatile("wfi");
    irqs_off();
    ignores = false;
    write8(UART + 1, 0);
    write32(PLIC + 0x2080, 0);
    /* What was pending still is, and is nobody's. */
    write32(PLIC + 0x201004, read32(PLIC + 0x201004));
    result("88 a line that is stuck", ignored == IGNORED, ignored);
}

void guest_irq(uint64_t cause)
{
    if (cause == 9 && ignores) {
        if (++ignored == IGNORED)
            clear_csr(sie, 1ul << 9);
        return;
    }
    if (cause == 1)
        clear_csr(sip, 2);
    if (cause == 5)
        sbi(SBI_TIME, 0, -1ul, 0, 0, 0, 0);
    if (cause == 9) {
        uint32_t source = read32(PLIC + 0x201004);

        read8(UART + 2); /* IIR ends it */
        write32(PLIC + 0x201004, source);
    }
}
