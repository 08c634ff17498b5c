/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spin locks: fair, so that no guest can starve another vCPU of its VM. All locks are also taken in the fast tier, where
 * interrupts are off; so everybody takes them with interrupts off, or a preempted holder would hang its own CPU.
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
    _Atomic uint32_t next;    /* ticket for who comes next */
    _Atomic uint32_t serving; /* ticket of the holder */
};

/* Interrupts are off. */
static inline void axvm_lock_raw(struct axvm_lock *lock)
{
    uint32_t mine = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&lock->serving, memory_order_acquire) != mine)
        axvm_cpu_relax();
}

static inline void axvm_unlock_raw(struct axvm_lock *lock)
{
    uint32_t mine = atomic_load_explicit(&lock->serving, memory_order_relaxed);

    atomic_store_explicit(&lock->serving, mine + 1, memory_order_release);
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
