/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the machine's second serial port, given to the guest with its ports and its interrupt, in its loopback mode: each byte
 * sent comes back and raises IRQ 3, on input 3 of the I/O APIC.
 */
#include "guest.h"

#define COM2 0x2f8
#define COM2_PIN 3u
#define COM2_VECTOR 0x43u
#define ROUNDS 100u

static volatile uint32_t received, wrong;
static volatile uint8_t sent;

void guest_irq(unsigned int vector)
{
    if (vector == COM2_VECTOR) {
        while (inb(COM2 + 5) & 1) { /* LSR.DR */
            wrong += inb(COM2) != sent;
            received++;
        }
        (void)inb(COM2 + 2);
    }
    apic_eoi();
}

static void setup(void)
{
    outb(COM2 + 3, 0x83); /* 8 bits, and the divisor's registers */
    outb(COM2 + 0, 1);
    outb(COM2 + 1, 0);
    outb(COM2 + 3, 3);
    outb(COM2 + 2, 7);    /* FIFOs on and empty, an interrupt for each byte */
    outb(COM2 + 4, 0x1b); /* loop, OUT2, RTS, DTR */
    outb(COM2 + 1, 1);    /* interrupt when data are there */
}

/* What it sends comes back. */
static void round_trip(uint8_t byte)
{
    uint32_t before = received;

    sent = byte;
    outb(COM2, byte);
    while (received == before)
        irqs_window();
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    (void)cmdline;
    apic_enable(false);
    outb(COM2 + 7, 0x5a);
    if (inb(COM2 + 7) != 0x5a) {
        put_str("com2: there is none\n");
        return;
    }
    setup();
    ioapic_set(COM2_PIN, (uint64_t)apic_id() << 56 | COM2_VECTOR);
    for (unsigned int round = 0; round < ROUNDS; round++)
        round_trip((uint8_t)(round * 7 + 1));
    put_str("com2: interrupts ");
    put_dec(this_cpu()->count[COM2_VECTOR]);
    put_str(" wrong bytes ");
    put_dec(wrong);
    put_str(wrong == 0 ? " ok\n" : " FAIL\n");
}
