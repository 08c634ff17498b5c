/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spin locks. Not fair, on purpose: a fair lock is handed to whoever came first even when that CPU is not running at the moment
 * (a host that is itself a virtual machine), and then everybody waits for its next time slice. All locks are also taken in the
 * fast tier, where interrupts are off; so everybody takes them with interrupts off, or a preempted holder would hang its own CPU.
 *
 * Lock order: VM state -> device -> interrupt controller -> address space. Nothing of the HAL but its "any context" members is
 * called with one held.
 */
#ifndef AXVM_CORE_LOCK_H
#define AXVM_CORE_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "arch_irq.h" /* from the backend: axvm_irq_save(), axvm_irq_restore(), axvm_cpu_relax() */

/* All zero is unlocked. */
struct axvm_lock {
    _Atomic uint32_t held;
    uint32_t reserved; /* struct axvm_device has room for two words */
};

/* Interrupts are off. */
static inline void axvm_lock_raw(struct axvm_lock *lock)
{
    while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0) {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed) != 0)
            axvm_cpu_relax();
    }
}

static inline void axvm_unlock_raw(struct axvm_lock *lock)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}

static inline unsigned long axvm_lock_irqsave(struct axvm_lock *lock)
{
    unsigned long flags = axvm_irq_save();

    axvm_lock_raw(lock);
    return flags;
}

static inline void axvm_unlock_irqrestore(struct axvm_lock *lock, unsigned long flags)
{
    axvm_unlock_raw(lock);
    axvm_irq_restore(flags);
}

#endif
