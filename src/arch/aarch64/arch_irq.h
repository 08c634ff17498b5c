/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt masking on the calling CPU, for locks. Native unit tests of this backend's logic get harmless versions. */
#ifndef AXVM_AARCH64_ARCH_IRQ_H
#define AXVM_AARCH64_ARCH_IRQ_H

#include <stdbool.h>

#ifdef __aarch64__

/* Mask IRQ and FIQ; returns what was masked before. */
static inline unsigned long axvm_irq_save(void)
{
    unsigned long daif;

    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(daif) : : "memory");
    return daif;
}

static inline void axvm_irq_restore(unsigned long daif)
{
    __asm__ volatile("msr daif, %0" : : "r"(daif) : "memory");
}

/* PSTATE.I is clear in what axvm_irq_save() returned. */
static inline bool axvm_irqs_enabled(unsigned long daif)
{
    return (daif & (1ul << 7)) == 0;
}

static inline void axvm_cpu_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

#else
#include "irq_native.h"
#endif
#endif
