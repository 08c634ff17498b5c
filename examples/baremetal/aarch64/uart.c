/* SPDX-License-Identifier: BSD-2-Clause */
/* PL011 (Arm DDI 0183). The firmware has set the line up; baud rates mean nothing on emulated machines. */
#include "uart.h"

#include "board.h"
#include "machine.h"

#define UARTDR 0x00
#define UARTFR 0x18
#define UARTFR_RXFE (1u << 4)
#define UARTFR_TXFF (1u << 5)
#define UARTLCR_H 0x2c
#define UARTLCR_H_8BIT_FIFO (3u << 5 | 1u << 4)
#define UARTCR 0x30
#define UARTCR_RX_TX_ENABLE (1u << 9 | 1u << 8 | 1u)
#define UARTIMSC 0x38
#define UARTICR 0x44
#define UART_RX_INTERRUPTS (1u << 6 | 1u << 4) /* receive, and receive timeout */

static volatile uint32_t *uart;

bool uart_init(void)
{
    struct range reg;

    if (!machine_reg("arm,pl011", 0, &reg))
        return false;
    uart = (volatile uint32_t *)reg.base;
    uart[UARTIMSC / 4] = 0;
    uart[UARTLCR_H / 4] = UARTLCR_H_8BIT_FIFO;
    uart[UARTCR / 4] = UARTCR_RX_TX_ENABLE;
    return true;
}

void board_uart_putc(char c)
{
    if (!uart)
        return;
    while (uart[UARTFR / 4] & UARTFR_TXFF)
        cpu_relax();
    uart[UARTDR / 4] = (uint8_t)c;
}

int board_uart_getc(void)
{
    if (uart[UARTFR / 4] & UARTFR_RXFE) {
        uart[UARTICR / 4] = UART_RX_INTERRUPTS;
        return -1;
    }
    return (uint8_t)uart[UARTDR / 4];
}

void board_uart_rx_irq(bool enable)
{
    uart[UARTIMSC / 4] = enable ? UART_RX_INTERRUPTS : 0;
}
