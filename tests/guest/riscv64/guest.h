/* SPDX-License-Identifier: BSD-2-Clause */
/* What payload guests stand on: console, traps, SBI, PLIC, of the default machine. Bare S-mode, no translation. */
#ifndef AXVM_TESTS_GUEST_H
#define AXVM_TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define UART 0x10000000ul
#define UART_IRQ 10u
#define PLIC 0x0c000000ul
#define RAM 0x80000000ul
#define MAX_CPUS 8

struct frame {
    uint64_t x[32], pc;
};

/* Per hart. An exception while @c expect is set is recorded and the instruction stepped over. */
struct guest_cpu {
    volatile bool expect;
    volatile uint32_t faults;
    volatile uint64_t cause, tval, pc;
    volatile uint64_t irqs, count[16]; /* interrupts taken, by scause */
};
extern struct guest_cpu guest_cpus[MAX_CPUS];

#define read_csr(csr)                                               \
    __extension__({                                                 \
        uint64_t v_;                                                \
        __asm__ volatile("csrr %0, " #csr : "=r"(v_) : : "memory"); \
        v_;                                                         \
    })
#define write_csr(csr, val) __asm__ volatile("csrw " #csr ", %0" : : "rK"((uint64_t)(val)) : "memory")
#define set_csr(csr, val) __asm__ volatile("csrs " #csr ", %0" : : "rK"((uint64_t)(val)) : "memory")
#define clear_csr(csr, val) __asm__ volatile("csrc " #csr ", %0" : : "rK"((uint64_t)(val)) : "memory")

static inline uint32_t read32(uint64_t a)
{
    uint32_t v;

    __asm__ volatile("lwu %0, (%1)" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static inline void write32(uint64_t a, uint32_t v)
{
    __asm__ volatile("sw %0, (%1)" : : "r"(v), "r"(a) : "memory");
}

static inline uint8_t read8(uint64_t a)
{
    uint64_t v;

    __asm__ volatile("lbu %0, (%1)" : "=r"(v) : "r"(a) : "memory");
    return (uint8_t)v;
}

static inline void write8(uint64_t a, uint8_t v)
{
    __asm__ volatile("sb %0, (%1)" : : "r"(v), "r"(a) : "memory");
}

static inline uint64_t counter(void)
{
    return read_csr(time);
}

static inline unsigned int hart(void)
{
    uint64_t v;

    __asm__ volatile("mv %0, tp" : "=r"(v));
    return (unsigned int)v;
}

static inline struct guest_cpu *this_cpu(void)
{
    return &guest_cpus[hart() % MAX_CPUS];
}

static inline void irqs_on(void)
{
    __asm__ volatile("csrsi sstatus, 2" : : : "memory");
}

static inline void irqs_off(void)
{
    __asm__ volatile("csrci sstatus, 2" : : : "memory");
}

#define NO_FAULT UINT64_MAX
/* Run @insn, which may fault; the cause, or NO_FAULT. */
#define TRY(insn_and_operands)                                                                                                 \
    __extension__({                                                                                                            \
        struct guest_cpu *c_ = this_cpu();                                                                                     \
        c_->cause = NO_FAULT;                                                                                                  \
        c_->expect = true;                                                                                                     \
        insn_and_operands;                                                                                                     \
        c_->expect = false;                                                                                                    \
        c_->cause;                                                                                                             \
    })

struct sbi_ret {
    int64_t error;
    uint64_t value;
};
struct sbi_ret sbi(uint64_t eid, uint64_t fid, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
#define SBI_BASE 0x10ul
#define SBI_TIME 0x54494d45ul
#define SBI_IPI 0x735049ul
#define SBI_RFENCE 0x52464e43ul
#define SBI_HSM 0x48534dul
#define SBI_SRST 0x53525354ul
#define SBI_DBCN 0x4442434eul
#define SBI_SUSP 0x53555350ul
void power_off(void) __attribute__((noreturn));
/* Start @cpu in guest_secondary_main(); SBI's answer. */
int64_t start_cpu(unsigned int cpu, uint64_t opaque);

/* Provided by the payload. */
void guest_main(uint64_t fdt);
/* And these, if it wants to know. */
void guest_secondary_main(uint64_t cpu, uint64_t opaque);
/* An interrupt was taken; runs with interrupts off, and has to take its cause away. */
void guest_irq(uint64_t cause);

#endif
