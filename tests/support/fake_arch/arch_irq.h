/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake CPU has interrupts to mask, too: a thread-local flag, so that tests see who forgets to put it back. */
#ifndef FAKE_ARCH_IRQ_H
#define FAKE_ARCH_IRQ_H

#include <sched.h>
#include <stdbool.h>

/* True: masked. One per host thread, which stands for a CPU. */
extern _Thread_local bool fake_irqs_masked;

static inline unsigned long axvm_irq_save(void)
{
    bool was = fake_irqs_masked;

    fake_irqs_masked = true;
    return was;
}

static inline void axvm_irq_restore(unsigned long flags)
{
    fake_irqs_masked = flags != 0;
}

static inline bool axvm_irqs_enabled(unsigned long flags)
{
    return flags == 0;
}

/* More threads than cores: whoever holds the lock has to get one. */
static inline void axvm_cpu_relax(void)
{
    sched_yield();
}

#endif
