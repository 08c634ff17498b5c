/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that one thread counts up and others read. */
#ifndef AXVM_CORE_COUNT_H
#define AXVM_CORE_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch_types.h"

/* Only the calling thread writes it, so a plain read-modify-write is enough; readers see whole words. A backend whose CPU has
 * one instruction for it, which no compiler makes of atomics, says so in arch_types.h. */
static inline void axvm_count(_Atomic uint64_t *n)
{
#ifdef AXVM_ARCH_COUNT
    AXVM_ARCH_COUNT(n);
#else
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
#endif
}

#endif
