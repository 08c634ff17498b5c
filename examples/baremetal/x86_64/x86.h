/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions that C does not have, and numbers that C and assembly share. */
#ifndef X86_H
#define X86_H

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18
#define SEL_TSS 0x20 /* of CPU 0; each has two entries of 8 bytes */
#define GDT_ENTRIES (4 + 2 * 8)

/* Where CPUs start that get a SIPI: a page below 1 MiB that nobody else uses. */
#define AP_PAGE 0x8000

/* Interrupt vectors. The legacy PICs' are masked, but may still raise a spurious one. */
#define VECTOR_PIC 0x20
#define VECTOR_DEVICES 0x30 /* plus the input of the I/O APIC */
#define VECTOR_POKE 0xd1
#define VECTOR_TIMER 0xe1 /* these two are of priority classes of their own: apic_take_irq() */
#define VECTOR_KICK 0xf1
#define VECTOR_SPURIOUS 0xff

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

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

/* An address the compiler need not like: the BIOS' data are in page 0. */
static inline uint16_t read16(uint64_t addr)
{
    uint16_t v;

    __asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(addr) : "memory");
    return v;
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

/* All zero where the CPU has no such leaf: Intel's answer with those of another. */
static inline struct cpuid cpuid_if(uint32_t leaf)
{
    uint32_t last = cpuid(leaf & 0xc0000000, 0).a;

    return leaf <= last ? cpuid(leaf, 0) : (struct cpuid){ 0, 0, 0, 0 };
}

/* Not before what comes before it. */
static inline uint64_t rdtsc(void)
{
    uint32_t a, d;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(a), "=d"(d) : : "memory");
    return (uint64_t)d << 32 | a;
}

#define READ_REG(reg)                                                                                                          \
    __extension__({                                                                                                            \
        uint64_t v_;                                                                                                           \
        __asm__ volatile("mov %%" reg ", %0" : "=r"(v_) : : "memory");                                                         \
        v_;                                                                                                                    \
    })
#define WRITE_REG(reg, val) __asm__ volatile("mov %0, %%" reg : : "r"((uint64_t)(val)) : "memory")

#define MSR_APIC_BASE 0x1bu
#define MSR_SYSENTER_CS 0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u
#define MSR_PAT 0x277u
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

#endif
#endif
