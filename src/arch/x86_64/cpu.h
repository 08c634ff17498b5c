/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions of the host's CPU, one function each. Native unit tests do not include it. */
#ifndef AXVM_X86_64_CPU_H
#define AXVM_X86_64_CPU_H

#include <stdint.h>

struct axvm_cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct axvm_cpuid_regs axvm_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct axvm_cpuid_regs r;

    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t axvm_rdmsr(uint32_t msr)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return (uint64_t)hi << 32 | lo;
}

static inline void axvm_wrmsr(uint32_t msr, uint64_t val)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline uint64_t axvm_rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

#define AXVM_MOV_REG(name, reg)                                                                                                \
    static inline uint64_t axvm_read_##name(void)                                                                              \
    {                                                                                                                          \
        uint64_t val;                                                                                                          \
                                                                                                                               \
        __asm__ volatile("mov %%" #reg ", %0" : "=r"(val) : : "memory");                                                       \
        return val;                                                                                                            \
    }                                                                                                                          \
    static inline void axvm_write_##name(uint64_t val)                                                                         \
    {                                                                                                                          \
        __asm__ volatile("mov %0, %%" #reg : : "r"(val) : "memory");                                                           \
    }
AXVM_MOV_REG(cr0, cr0)
AXVM_MOV_REG(cr2, cr2)
AXVM_MOV_REG(cr3, cr3)
AXVM_MOV_REG(cr4, cr4)
AXVM_MOV_REG(dr0, db0)
AXVM_MOV_REG(dr1, db1)
AXVM_MOV_REG(dr2, db2)
AXVM_MOV_REG(dr3, db3)
AXVM_MOV_REG(dr6, db6)
AXVM_MOV_REG(dr7, db7)

static inline uint64_t axvm_xgetbv(uint32_t index)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
    return (uint64_t)hi << 32 | lo;
}

static inline void axvm_xsetbv(uint32_t index, uint64_t val)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline void axvm_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

#endif
