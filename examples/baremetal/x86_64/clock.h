/* SPDX-License-Identifier: BSD-2-Clause */
/* The time stamp counter as clock, and the local APIC's timer. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Once, when the local APIC works: find out how fast both are. Then on each CPU. */
void clock_init(void);
void clock_cpu_init(void);
uint64_t clock_tsc_hz(void);
const char *clock_description(void);

#endif
