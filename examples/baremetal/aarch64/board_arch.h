/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to be inline of common/board.h. */
#ifndef BOARD_ARCH_H
#define BOARD_ARCH_H

/* PSTATE.D stays set: debug exceptions would only be a guest's leftovers. SError, IRQ and FIQ are taken. */
#define IRQS_ENABLED 0x200ul

/* A guest's end of an interrupt reaches the GIC by itself. */
#define BOARD_COMPLETES_IRQS 0

/* No guest asks: those that want to know the date are given the machine\'s clock. */
#define BOARD_HAS_DATE 0

/* Test kernels end by PSCI. */
#define BOARD_HAS_TEST_DEVICE 0

struct cpu;

static inline unsigned long irq_save(void)
{
    unsigned long daif;

    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #3" : "=r"(daif) : : "memory");
    return daif;
}

static inline void irq_restore(unsigned long daif)
{
    __asm__ volatile("msr daif, %0" : : "r"(daif) : "memory");
}

static inline struct cpu *cpu_self(void)
{
    struct cpu *cpu;

    __asm__ volatile("mrs %0, tpidr_el2" : "=r"(cpu));
    return cpu;
}

static inline void cpu_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

#endif
