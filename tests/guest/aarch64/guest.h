/* SPDX-License-Identifier: BSD-2-Clause */
/* What payload guests stand on: console, exceptions, PSCI, GICv3, timer, of the default machine. Bare EL1, MMU off. */
#ifndef AXVM_TESTS_GUEST_H
#define AXVM_TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Linked at 0 and run wherever it is loaded: nothing may be reached through a table of addresses. */
#pragma GCC visibility push(hidden)

#include "text.h"

#define UART 0x09000000ul
#define GICD 0x08000000ul
#define GICR 0x080a0000ul
#define GICR_STRIDE 0x20000ul
#define MAX_CPUS 8

struct frame {
    uint64_t x[31], elr, spsr;
};

/* Per CPU. A synchronous exception while @c expect is set is recorded and the instruction stepped over. */
struct guest_cpu {
    volatile bool expect;
    volatile uint32_t faults;
    volatile uint64_t esr, far, elr;
    volatile uint64_t irqs;
    volatile uint32_t last_intid;
    volatile uint32_t count[1024]; /* interrupts taken, by INTID */
};
extern struct guest_cpu guest_cpus[MAX_CPUS];

#define read_sysreg(reg)                                           \
    __extension__({                                                \
        uint64_t v_;                                               \
        __asm__ volatile("mrs %0, " reg : "=r"(v_) : : "memory");  \
        v_;                                                        \
    })
#define write_sysreg(reg, val) __asm__ volatile("msr " reg ", %x0" : : "rZ"((uint64_t)(val)) : "memory")
#define isb() __asm__ volatile("isb" : : : "memory")
#define dsb() __asm__ volatile("dsb sy" : : : "memory")

static inline uint32_t read32(uint64_t a)
{
    uint32_t v;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static inline void write32(uint64_t a, uint32_t v)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory");
}

static inline uint64_t counter(void)
{
    uint64_t v;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(v) : : "memory");
    return v;
}

static inline struct guest_cpu *this_cpu(void)
{
    return &guest_cpus[read_sysreg("tpidr_el1") % MAX_CPUS];
}

static inline void irqs_on(void)
{
    __asm__ volatile("msr daifclr, #2\n\tisb" : : : "memory");
}

static inline void irqs_off(void)
{
    __asm__ volatile("msr daifset, #2\n\tisb" : : : "memory");
}

uint64_t hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
uint64_t smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
#define PSCI_VERSION 0x84000000ul
#define PSCI_CPU_OFF 0x84000002ul
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_AFFINITY_INFO 0xc4000004ul
#define PSCI_SYSTEM_OFF 0x84000008ul
#define PSCI_SYSTEM_RESET 0x84000009ul
void power_off(void) __attribute__((noreturn));

uint64_t mpidr_of(unsigned int cpu);
/* Start @cpu in guest_secondary_main(); PSCI's answer. */
int64_t start_cpu(unsigned int cpu);

void gic_init_distributor(void);
void gic_init_cpu(unsigned int cpu);
void gic_sgi(unsigned int intid, unsigned int target_cpu);

/* Provided by the payload. */
void guest_main(uint64_t fdt);
/* And these, if it wants to know. */
void guest_secondary_main(uint64_t cpu);
/* An interrupt was taken and will be EOIed; runs with interrupts off. */
void guest_irq(uint32_t intid);

#endif
