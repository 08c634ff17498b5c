/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt masking on the calling CPU, for locks. Native unit tests of this backend's logic get harmless versions. */
#ifndef AXVM_RISCV64_ARCH_IRQ_H
#define AXVM_RISCV64_ARCH_IRQ_H

#include <stdbool.h>

#ifdef __riscv

/* sstatus.SIE: cleared; returns what it was. */
static inline unsigned long axvm_irq_save(void)
{
    unsigned long sstatus;

    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(sstatus) : : "memory");
    return sstatus & 2;
}

static inline void axvm_irq_restore(unsigned long flags)
{
    __asm__ volatile("csrs sstatus, %0" : : "r"(flags) : "memory");
}

static inline bool axvm_irqs_enabled(unsigned long flags)
{
    return flags != 0;
}

/* PAUSE of Zihintpause: a FENCE without effect where that is not there. */
static inline void axvm_cpu_relax(void)
{
    __asm__ volatile(".4byte 0x0100000f" : : : "memory");
}

#else
#include "irq_native.h"
#endif
#endif
