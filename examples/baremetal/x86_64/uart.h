/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UART_H
#define UART_H

#define UART_IRQ 4u

void uart_init(void);
/* Until the last byte is on the line. */
void uart_drain(void);

#endif
