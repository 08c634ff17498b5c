/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to be inline of common/board.h. */
#ifndef BOARD_ARCH_H
#define BOARD_ARCH_H

/* sstatus.SIE */
#define IRQS_ENABLED 2ul

/* A guest's end of an interrupt is told to the PLIC by us. */
#define BOARD_COMPLETES_IRQS 1

/* No guest asks: those that want to know the date are given the machine\'s clock. */
#define BOARD_HAS_DATE 0

/* testdev.c */
#define BOARD_HAS_TEST_DEVICE 1

struct cpu;

static inline unsigned long irq_save(void)
{
    unsigned long sstatus;

    __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(sstatus) : : "memory");
    return sstatus & IRQS_ENABLED;
}

static inline void irq_restore(unsigned long flags)
{
    if (flags & IRQS_ENABLED)
        __asm__ volatile("csrsi sstatus, 2" : : : "memory");
    else
        __asm__ volatile("csrci sstatus, 2" : : : "memory");
}

/* tp is no thread's: it stays with the CPU. */
static inline struct cpu *cpu_self(void)
{
    struct cpu *cpu;

    __asm__ volatile("mv %0, tp" : "=r"(cpu));
    return cpu;
}

/*
 * PAUSE of Zihintpause; and WFI with a software interrupt of our own pending, so that it ends at once: an emulator that counts
 * instructions runs one CPU at a time, and only those that wait let others run. The interrupt then finds nothing to do.
 */
static inline void cpu_relax(void)
{
    unsigned long sie;

    __asm__ volatile(".4byte 0x0100000f\n\tcsrr %0, sie" : "=r"(sie) : : "memory");
    if (sie & 2)
        __asm__ volatile("csrsi sip, 2\n\twfi" : : : "memory");
}

#endif
