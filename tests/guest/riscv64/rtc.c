/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that was given the machine's goldfish RTC at RTC: it sets alarms and takes their interrupts, which have to come once
 * each. Linux' driver offers no alarm to user space. QEMU, hw/rtc/goldfish_rtc.c has the registers. */
#include "intc.h"

#define RTC 0x10101000ul
#define RTC_IRQ 11u
enum { TIME_LOW = 0x00, TIME_HIGH = 0x04, ALARM_LOW = 0x08, ALARM_HIGH = 0x0c, IRQ_ENABLED = 0x10, CLEAR_INTERRUPT = 0x1c };
#define ROUNDS 20u
#define AHEAD_NS 5000000ul

static volatile unsigned int alarms, others;
static enum intc intc;

void guest_irq(uint64_t cause)
{
    uint32_t source = cause == 9 ? intc_claim(intc) : 0;

    if (source == RTC_IRQ) {
        alarms++;
        write32(RTC + CLEAR_INTERRUPT, 1);
    } else if (source != 0 || intc == INTC_PLIC) {
        others++; /* an APLIC may be spurious: "Interrupt delivery and handling" */
    }
    intc_end(intc, source);
}

static uint64_t rtc_ns(void)
{
    uint64_t low = read32(RTC + TIME_LOW); /* latches the other half */

    return (uint64_t)read32(RTC + TIME_HIGH) << 32 | low;
}

static bool one_alarm(void)
{
    uint64_t at = rtc_ns() + AHEAD_NS;
    unsigned int before = alarms;

    write32(RTC + ALARM_HIGH, (uint32_t)(at >> 32));
    write32(RTC + ALARM_LOW, (uint32_t)at);
    irqs_on();
    while (alarms == before)
        ;
    irqs_off();
    return alarms == before + 1 && rtc_ns() >= at;
}

void guest_main(uint64_t fdt)
{
    unsigned int good = 0;

    (void)fdt;
    intc = intc_find();
    intc_enable(intc, RTC_IRQ);
    write32(RTC + IRQ_ENABLED, 1);
    for (unsigned int i = 0; i < ROUNDS; i++)
        good += one_alarm();
    put_str("rtc: alarms ");
    put_dec(good);
    put_str(good == ROUNDS && others == 0 ? " ok\n" : " FAIL\n");
    power_off();
}
