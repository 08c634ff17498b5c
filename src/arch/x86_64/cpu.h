/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions of the host's CPU, one function each. Native tests play the CPU: axvm_test_cpu_*(). */
#ifndef AXVM_X86_64_CPU_H
#define AXVM_X86_64_CPU_H

#include <stdint.h>

struct axvm_cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

#if !__STDC_HOSTED__

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

/* Of which the upper half is zero, or reserved. */
static inline void axvm_wrmsr32(uint32_t msr, uint32_t val)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"(val), "d"(0) : "memory");
}

static inline uint64_t axvm_rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/* And TSC_AUX. */
static inline uint64_t axvm_rdtscp(uint32_t *aux)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(*aux) : : "memory");
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

/* To the page at @pa. */
static inline void axvm_vmsave(uint64_t pa)
{
    __asm__ volatile("vmsave %%rax" : : "a"(pa) : "memory");
}

#else

enum axvm_test_reg {
    TEST_CR0,
    TEST_CR2,
    TEST_CR3,
    TEST_CR4,
    TEST_DR0,
    TEST_DR1,
    TEST_DR2,
    TEST_DR3,
    TEST_DR6,
    TEST_DR7,
    TEST_REGS
};
struct axvm_cpuid_regs axvm_test_cpu_cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t axvm_test_cpu_rdmsr(uint32_t msr);
void axvm_test_cpu_wrmsr(uint32_t msr, uint64_t val);
uint64_t axvm_test_cpu_rdtsc(void);
uint64_t axvm_test_cpu_rdtscp(uint32_t *aux);
uint64_t axvm_test_cpu_read(enum axvm_test_reg reg);
void axvm_test_cpu_write(enum axvm_test_reg reg, uint64_t val);
uint64_t axvm_test_cpu_xcr0(uint64_t set); /* 0: only look */
void axvm_test_cpu_vmsave(uint64_t pa);

#define axvm_cpuid(leaf, subleaf) axvm_test_cpu_cpuid(leaf, subleaf)
#define axvm_rdmsr(msr) axvm_test_cpu_rdmsr(msr)
#define axvm_wrmsr(msr, val) axvm_test_cpu_wrmsr(msr, val)
#define axvm_wrmsr32(msr, val) axvm_test_cpu_wrmsr(msr, val)
#define axvm_rdtsc() axvm_test_cpu_rdtsc()
#define axvm_rdtscp(aux) axvm_test_cpu_rdtscp(aux)
#define axvm_read_cr0() axvm_test_cpu_read(TEST_CR0)
#define axvm_read_cr2() axvm_test_cpu_read(TEST_CR2)
#define axvm_read_cr3() axvm_test_cpu_read(TEST_CR3)
#define axvm_read_cr4() axvm_test_cpu_read(TEST_CR4)
#define axvm_read_dr0() axvm_test_cpu_read(TEST_DR0)
#define axvm_read_dr1() axvm_test_cpu_read(TEST_DR1)
#define axvm_read_dr2() axvm_test_cpu_read(TEST_DR2)
#define axvm_read_dr3() axvm_test_cpu_read(TEST_DR3)
#define axvm_read_dr6() axvm_test_cpu_read(TEST_DR6)
#define axvm_read_dr7() axvm_test_cpu_read(TEST_DR7)
#define axvm_write_cr0(val) axvm_test_cpu_write(TEST_CR0, val)
#define axvm_write_cr2(val) axvm_test_cpu_write(TEST_CR2, val)
#define axvm_write_cr3(val) axvm_test_cpu_write(TEST_CR3, val)
#define axvm_write_cr4(val) axvm_test_cpu_write(TEST_CR4, val)
#define axvm_write_dr0(val) axvm_test_cpu_write(TEST_DR0, val)
#define axvm_write_dr1(val) axvm_test_cpu_write(TEST_DR1, val)
#define axvm_write_dr2(val) axvm_test_cpu_write(TEST_DR2, val)
#define axvm_write_dr3(val) axvm_test_cpu_write(TEST_DR3, val)
#define axvm_write_dr6(val) axvm_test_cpu_write(TEST_DR6, val)
#define axvm_write_dr7(val) axvm_test_cpu_write(TEST_DR7, val)
#define axvm_xgetbv(index) axvm_test_cpu_xcr0(0)
#define axvm_xsetbv(index, val) axvm_test_cpu_xcr0(val)
#define axvm_clts() axvm_test_cpu_write(TEST_CR0, axvm_test_cpu_read(TEST_CR0) & ~UINT64_C(8))
#define axvm_vmsave(pa) axvm_test_cpu_vmsave(pa)

#endif

#endif
