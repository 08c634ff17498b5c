/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_CORE_TICKS_H
#define AXVM_CORE_TICKS_H

#include <stdint.h>

/* Nanoseconds of @ticks at @freq Hz; AXVM_TIME_NEVER when that does not fit. Any frequency, 0 too. */
uint64_t axvm_ticks_to_ns(uint64_t ticks, uint64_t freq);
/* The inverse, rounded down; UINT64_MAX when that does not fit, or for a frequency beyond any real one. */
uint64_t axvm_ns_to_ticks(uint64_t ns, uint64_t freq);

#endif
