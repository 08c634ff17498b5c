/* SPDX-License-Identifier: BSD-2-Clause */
/* What payload guests stand on: console, exceptions, local APIC and power of the default machine. Ring 0, 64-bit, 4 GiB mapped
 * 1:1. */
#ifndef AXVM_TESTS_GUEST_H
#define AXVM_TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "text.h"

#define COM1 0x3f8
#define COM1_IRQ 4u
#define LAPIC 0xfee00000ul
#define IOAPIC 0xfec00000ul
#define PM1A_CONTROL 0x604

/* As start.S stores them, and the CPU. */
struct frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* A fault while @c fixup is set is recorded, and goes on there: see TRY_FROM. */
struct guest_cpu {
    volatile uint64_t fixup;
    volatile uint32_t faults, vector, error;
    volatile uint64_t cr2, rip;
    volatile uint64_t count[256]; /* interrupts and NMIs taken */
    uint32_t apic_id;
};
extern struct guest_cpu guest_cpus[MAX_CPUS];
extern volatile uint32_t guest_cpu_count;
extern uint64_t guest_boot_info; /* struct multiboot_info or hvm_start_info */
/* Sees every exception and interrupt first, if set; true: done, return to the frame. */
extern bool (*volatile guest_trap_hook)(struct frame *f);

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline void outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t v;

    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline void outw(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
    return v;
}

static inline void outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint32_t read32(uint64_t a)
{
    uint32_t v;

    __asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(a) : "memory");
    return v;
}

static inline void write32(uint64_t a, uint32_t v)
{
    __asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(a) : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t a, d;

    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msr) : "memory");
    return (uint64_t)d << 32 | a;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr) : "memory");
}

struct cpuid {
    uint32_t a, b, c, d;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid r;

    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static inline uint64_t rdtsc(void)
{
    uint32_t a, d;

    __asm__ volatile("rdtsc" : "=a"(a), "=d"(d) : : "memory");
    return (uint64_t)d << 32 | a;
}

/* What every CPU's payloads measure with. */
static inline uint64_t counter(void)
{
    return rdtsc();
}

#define READ_REG(reg)                                                                                                          \
    __extension__({                                                                                                            \
        uint64_t v_;                                                                                                           \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(v_) : : "memory");                                                         \
        v_;                                                                                                                    \
    })
#define WRITE_REG(reg, val) __asm__ volatile("mov %0, %%" reg : : "r"((uint64_t)(val)) : "memory")

static inline void irqs_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void irqs_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void pause_cpu(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* Let in what is pending. (QEMU would not during a PAUSE.) */
static inline void irqs_window(void)
{
    __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

/* With interrupts on, and off again afterwards. */
static inline void wait_irq(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

/* Number of this CPU: each has its stacks, whatever it does with its segments. */
static inline unsigned int this_cpu_number(void)
{
    extern char _stacks[];

    return (unsigned int)((READ_REG("rsp") - 1 - (uint64_t)_stacks) >> STACK_SHIFT);
}

static inline struct guest_cpu *this_cpu(void)
{
    return &guest_cpus[this_cpu_number() % MAX_CPUS];
}

/*
 * Around instructions that may fault, in inline assembly with the operand [fixup] "=m"(this_cpu()->fixup). tried() says then
 * which exception there was, NO_FAULT when none.
 */
#define TRY_FROM "movq $771f, %[fixup]\n\t"
#define TRY_TO "\n771:\tmovq $0, %[fixup]"
#define NO_FAULT 0xffu
unsigned int tried(void);
/* The vector, or NO_FAULT. */
unsigned int try_rdmsr(uint32_t msr, uint64_t *v);
unsigned int try_wrmsr(uint32_t msr, uint64_t v);
unsigned int try_read32(uint64_t addr, uint32_t *v);
unsigned int try_write32(uint64_t addr, uint32_t v);

void power_off(void) __attribute__((noreturn));

/* Local APIC: registers by their offset in the xAPIC page, in whichever mode apic_enable() has set for the calling CPU. */
#define APIC_ID 0x020
#define APIC_VERSION 0x030
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_SVR 0x0f0
#define APIC_ISR 0x100
#define APIC_IRR 0x200
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_TIMER_COUNT 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0
#define MSR_APIC_BASE 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u

/* On, with the task priority 0 and spurious interrupts at vector 255; x2APIC if asked for and the CPU has it. */
void apic_enable(bool x2);
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t v);
uint32_t apic_id(void);
void apic_eoi(void);
/* @low: the low half of the interrupt command register. */
void apic_send(uint32_t dest, uint32_t low);
/* Redirection entry @pin of the I/O APIC. */
void ioapic_set(unsigned int pin, uint64_t entry);

/* INIT and SIPI to the CPU with this APIC id, into guest_secondary_main(). What never comes, here and below, hangs the guest:
 * nobody knows how long a CPU may stand still. */
void start_cpu(uint32_t id);
/* Let interrupts in until so many have come, by a count of struct guest_cpu. */
void wait_count(const volatile uint64_t *count, uint64_t value);

/* Provided by the payload. @magic: BOOT_*; @cmdline is never NULL. */
void guest_main(uint32_t magic, const char *cmdline);
/* And these, if it wants to know. */
void guest_secondary_main(unsigned int cpu);
/* A vector from 32 on, or an NMI, was taken; runs with interrupts off, and has to end it. */
void guest_irq(unsigned int vector);

#endif
