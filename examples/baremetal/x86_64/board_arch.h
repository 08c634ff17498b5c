/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to be inline of common/board.h. */
#ifndef BOARD_ARCH_H
#define BOARD_ARCH_H

/* RFLAGS.IF */
#define IRQS_ENABLED 0x200ul

/* A level-triggered interrupt of a guest's device is masked until the guest has ended it: the I/O APIC has to be told. */
#define BOARD_COMPLETES_IRQS 1

/* Guests have an emulated clock that shows the date. */
#define BOARD_HAS_DATE 1

/* testdev.c */
#define BOARD_HAS_TEST_DEVICE 1

struct cpu;

static inline unsigned long irq_save(void)
{
    unsigned long flags;

    __asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags & IRQS_ENABLED;
}

static inline void irq_restore(unsigned long flags)
{
    if (flags & IRQS_ENABLED)
        __asm__ volatile("sti" : : : "memory");
    else
        __asm__ volatile("cli" : : : "memory");
}

/* GS.base is the CPU's struct percpu, which begins with this. */
static inline struct cpu *cpu_self(void)
{
    struct cpu *cpu;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

#endif
