/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_CORE_TICKS_H
#define AXVM_CORE_TICKS_H

#include <stdint.h>

/* Nanoseconds of @ticks at @freq Hz; AXVM_TIME_NEVER when that does not fit. Any frequency, 0 too. */
uint64_t axvm_ticks_to_ns(uint64_t ticks, uint64_t freq);

#endif
