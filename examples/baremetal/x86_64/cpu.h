/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a CPU that an operating system sets up once: descriptors, control registers, what is its own. */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board.h"

/* Intel SDM volume 3, "TSS in 64-bit Mode" */
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "TSS");

#define IST_SIZE 4096u

/* GS.base of each CPU. */
struct percpu {
    struct cpu *self; /* board_arch.h */
    struct percpu *here;
    bool taking_timer; /* apic_take_irq() */
    struct tss tss;
    uint8_t ist[2][IST_SIZE] __attribute__((aligned(16))); /* NMI and machine check; double fault */
};
extern struct percpu percpus[MAX_CPUS];

/* The calling CPU's; stays true only while interrupts are masked. */
static inline struct percpu *percpu_self(void)
{
    struct percpu *p;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(p) : "i"(offsetof(struct percpu, here)));
    return p;
}

/* The calling CPU, which is number @id. */
void cpu_setup(unsigned int id);
/* XCR0 that cpu_setup() has set; 0: the CPU has no XSAVE. */
extern uint64_t cpu_xcr0;

#endif
