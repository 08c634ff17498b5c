/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt masking on the calling CPU, for locks. Native unit tests of this backend's logic get harmless versions. */
#ifndef AXVM_X86_64_ARCH_IRQ_H
#define AXVM_X86_64_ARCH_IRQ_H

#include <stdbool.h>

#if defined(__x86_64__) && !__STDC_HOSTED__

#define AXVM_RFLAGS_IF (1ul << 9)

static inline unsigned long axvm_irq_save(void)
{
    unsigned long flags;

    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void axvm_irq_restore(unsigned long flags)
{
    if (flags & AXVM_RFLAGS_IF)
        __asm__ volatile("sti" : : : "memory");
}

static inline bool axvm_irqs_enabled(unsigned long flags)
{
    return (flags & AXVM_RFLAGS_IF) != 0;
}

static inline void axvm_cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#else
#include "irq_native.h"
#endif
#endif
