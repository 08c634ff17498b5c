/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatting and locks: what a kernel has anyway. */
#ifndef LIB_H
#define LIB_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* %s %c %d %u %x %%, with l (64 bits), a width and a leading 0. Cuts at @size; always terminates. Returns the length. */
size_t format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_args(char *buf, size_t size, const char *fmt, va_list args);
bool str_equal(const char *a, const char *b);
/* What follows @prefix in @s; NULL when it does not start so. */
const char *str_after(const char *s, const char *prefix);

struct spinlock {
    _Atomic uint32_t held;
};

/* Lock with interrupts masked; what it returns goes to spin_unlock(). */
static inline unsigned long spin_lock(struct spinlock *lock)
{
    unsigned long irqs = irq_save();

    while (atomic_exchange_explicit(&lock->held, 1, memory_order_acquire) != 0) {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed) != 0)
            cpu_relax();
    }
    return irqs;
}

static inline void spin_unlock(struct spinlock *lock, unsigned long irqs)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
    irq_restore(irqs);
}

#endif
