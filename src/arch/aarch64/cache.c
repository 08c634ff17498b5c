/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache maintenance by address. Arm ARM (DDI 0487), "Cache maintenance instructions" and "CTR_EL0". */
#include "arch.h"
#include "bits.h"
#include "sysreg.h"

#define CTR_IMINLINE AXVM_BITS(3, 0) /* log2 of the words in the smallest line */
#define CTR_L1IP AXVM_BITS(15, 14)
#define CTR_DMINLINE AXVM_BITS(19, 16)
#define CTR_DIC AXVM_BIT(29) /* instruction fetch sees data writes without invalidation */
enum { CTR_L1IP_PIPT = 3 };

#define MMFR2_FWB AXVM_BITS(43, 40)

static uint64_t line_size(uint64_t ctr, uint64_t field)
{
    return UINT64_C(4) << axvm_field(ctr, field);
}

/* To the point of coherency: what an observer without caches sees. */
static void clean_invalidate(uint64_t va, uint64_t end, uint64_t line)
{
    /* Whole pages of memory pass here when guests touch it first: eight lines at a time, at two instructions each. */
    for (va = axvm_align_down(va, line); va < end && end - va >= 8 * line; va += line)
        __asm__ volatile("dc civac, %0\n\tadd %0, %0, %1\n\tdc civac, %0\n\tadd %0, %0, %1\n\t"
                         "dc civac, %0\n\tadd %0, %0, %1\n\tdc civac, %0\n\tadd %0, %0, %1\n\t"
                         "dc civac, %0\n\tadd %0, %0, %1\n\tdc civac, %0\n\tadd %0, %0, %1\n\t"
                         "dc civac, %0\n\tadd %0, %0, %1\n\tdc civac, %0"
                         : "+r"(va)
                         : "r"(line)
                         : "memory");
    for (; va < end; va += line)
        __asm__ volatile("dc civac, %0" : : "r"(va) : "memory");
    axvm_dsb(sy);
}

static void invalidate_icache(uint64_t va, uint64_t end, uint64_t ctr)
{
    uint64_t line = line_size(ctr, CTR_IMINLINE);

    if (ctr & CTR_DIC)
        return;
    if (axvm_field(ctr, CTR_L1IP) != CTR_L1IP_PIPT) {
        /* Lines are found by virtual address, and the guest's is another one. */
        __asm__ volatile("ic ialluis" : : : "memory");
    } else {
        for (va = axvm_align_down(va, line); va < end; va += line)
            __asm__ volatile("ic ivau, %0" : : "r"(va) : "memory");
    }
    axvm_dsb(ish);
    axvm_isb();
}

void axvm_arch_cache_sync(void *va, size_t len)
{
    uint64_t start = (uintptr_t)va, ctr = axvm_sysreg_read(ctr_el0);

    clean_invalidate(start, start + len, line_size(ctr, CTR_DMINLINE));
    invalidate_icache(start, start + len, ctr);
}

void axvm_arch_ram_publish(void *va, size_t len)
{
    uint64_t start = (uintptr_t)va;

    /* Guests run with HCR_EL2.FWB where there is one: then all their accesses to RAM go through the caches. */
    if (axvm_field(axvm_sysreg_read(S3_0_C0_C7_2), MMFR2_FWB) != 0)
        return;
    clean_invalidate(start, start + len, line_size(axvm_sysreg_read(ctr_el0), CTR_DMINLINE));
}
