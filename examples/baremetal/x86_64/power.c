/* SPDX-License-Identifier: BSD-2-Clause */
#include "board.h"
#include "pc.h"
#include "uart.h"
#include "x86.h"

#define SLP_EN (1u << 13)
#define BOCHS_SHUTDOWN 0x8900

/* ACPI's S5; else Bochs' way. */
void board_power_off(void)
{
    uart_drain();
    if (pc.pm1a_control)
        outw(pc.pm1a_control, (uint16_t)(SLP_EN | (pc.s5_type & 7u) << 10));
    for (const char *s = "Shutdown"; *s != '\0'; s++)
        outb(BOCHS_SHUTDOWN, (uint8_t)*s);
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
