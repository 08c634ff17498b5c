/* SPDX-License-Identifier: BSD-2-Clause */
/* 16550A. The firmware has set the line up. */
#include "uart.h"

#include "board.h"
#include "machine.h"

enum { RBR = 0, IER = 1, FCR = 2, MCR = 4, LSR = 5 };
#define IER_RX 0x01u
#define FCR_ENABLE 0x01u
#define LSR_DR 0x01u
#define LSR_THRE 0x20u

static volatile uint8_t *uart;

bool uart_init(void)
{
    struct range reg;

    if (!machine_reg("ns16550a", 0, &reg))
        return false;
    uart = (volatile uint8_t *)reg.base;
    uart[IER] = 0;
    uart[FCR] = FCR_ENABLE;
    return true;
}

void board_uart_putc(char c)
{
    if (!uart)
        return;
    while ((uart[LSR] & LSR_THRE) == 0)
        cpu_relax();
    uart[RBR] = (uint8_t)c;
}

int board_uart_getc(void)
{
    return uart[LSR] & LSR_DR ? uart[RBR] : -1;
}

void board_uart_rx_irq(bool enable)
{
    uart[IER] = enable ? IER_RX : 0;
}
