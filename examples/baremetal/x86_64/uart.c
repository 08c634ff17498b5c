/* SPDX-License-Identifier: BSD-2-Clause */
/* COM1, a 16550A: 115200 baud, 8 bits, no parity. */
#include "uart.h"

#include "board.h"
#include "x86.h"

enum {
    COM1 = 0x3f8,
    RBR = COM1,
    DLL = COM1,
    IER = COM1 + 1,
    DLM = COM1 + 1,
    FCR = COM1 + 2,
    LCR = COM1 + 3,
    MCR = COM1 + 4,
    LSR = COM1 + 5
};
#define IER_RX 0x01u
#define FCR_ENABLE_CLEAR 0x07u
#define LCR_8N1 0x03u
#define LCR_DLAB 0x80u
#define MCR_DTR_RTS_OUT2 0x0bu /* OUT2 lets interrupts out on PCs */
#define LSR_DR 0x01u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

void uart_init(void)
{
    outb(IER, 0);
    outb(LCR, LCR_DLAB | LCR_8N1);
    outb(DLL, 1);
    outb(DLM, 0);
    outb(LCR, LCR_8N1);
    outb(FCR, FCR_ENABLE_CLEAR);
    outb(MCR, MCR_DTR_RTS_OUT2);
}

void uart_drain(void)
{
    while ((inb(LSR) & LSR_TEMT) == 0)
        cpu_relax();
}

void board_uart_putc(char c)
{
    while ((inb(LSR) & LSR_THRE) == 0)
        cpu_relax();
    outb(RBR, (uint8_t)c);
}

int board_uart_getc(void)
{
    return inb(LSR) & LSR_DR ? inb(RBR) : -1;
}

void board_uart_rx_irq(bool enable)
{
    outb(IER, enable ? IER_RX : 0);
}
