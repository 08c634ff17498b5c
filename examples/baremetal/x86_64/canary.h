/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANARY_H
#define CANARY_H

/* Give the registers that board_canary_call() looks at, and nobody needs, values of their own: on each CPU. */
void canary_cpu_init(void);

#endif
