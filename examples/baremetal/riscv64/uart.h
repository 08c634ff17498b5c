/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UART_H
#define UART_H

#include <stdbool.h>

/* False: the machine has none. */
bool uart_init(void);

#endif
