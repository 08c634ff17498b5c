/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANARY_H
#define CANARY_H

/* Put the values that board_canary_call() looks for into the calling CPU. */
void canary_cpu_init(void);

#endif
