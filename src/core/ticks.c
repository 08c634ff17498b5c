/* SPDX-License-Identifier: BSD-2-Clause */
#include "ticks.h"

#include <axvm/types.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t axvm_ticks_to_ns(uint64_t ticks, uint64_t freq)
{
    uint64_t secs, rest;

    /* Beyond any real counter; keeps rest * NS_PER_S within 64 bits. */
    while (freq > UINT64_C(1) << 33) {
        freq >>= 1;
        ticks >>= 1;
    }
    if (freq == 0)
        return AXVM_TIME_NEVER;
    secs = ticks / freq;
    rest = ticks % freq;
    if (secs >= AXVM_TIME_NEVER / NS_PER_S)
        return AXVM_TIME_NEVER;
    return secs * NS_PER_S + rest * NS_PER_S / freq;
}

uint64_t axvm_ns_to_ticks(uint64_t ns, uint64_t freq)
{
    uint64_t secs = ns / NS_PER_S, rest = ns % NS_PER_S, part;

    /* rest is below 2^30: their product stays within 64 bits. */
    if (freq > UINT64_C(1) << 34 || (secs != 0 && freq > UINT64_MAX / secs))
        return UINT64_MAX;
    part = rest * freq / NS_PER_S;
    return part > UINT64_MAX - secs * freq ? UINT64_MAX : secs * freq + part;
}
