/* SPDX-License-Identifier: BSD-2-Clause */
/* What a backend's arch_irq.h has for native unit tests of its logic, one unit at a time: there are no interrupts. */
#ifndef AXVM_CORE_IRQ_NATIVE_H
#define AXVM_CORE_IRQ_NATIVE_H

#include <stdbool.h>

static inline unsigned long axvm_irq_save(void)
{
    return 0;
}

static inline void axvm_irq_restore(unsigned long flags)
{
    (void)flags;
}

static inline bool axvm_irqs_enabled(unsigned long flags)
{
    return flags == 0;
}

static inline void axvm_cpu_relax(void)
{
    __asm__ volatile("" : : : "memory");
}

#endif
