/* SPDX-License-Identifier: BSD-2-Clause */
/* The example host's scheduler on a board of variables: test_sched.c. */
#ifndef BOARD_ARCH_H
#define BOARD_ARCH_H

#define IRQS_ENABLED 1ul
#define BOARD_COMPLETES_IRQS 0
#define BOARD_HAS_DATE 0

struct cpu;
extern struct cpu *fake_self;

static inline unsigned long irq_save(void)
{
    return 0;
}

static inline void irq_restore(unsigned long flags)
{
    (void)flags;
}

static inline struct cpu *cpu_self(void)
{
    return fake_self;
}

static inline void cpu_relax(void)
{
}

#endif
