/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU checks when software writes a control register, and what follows from it. Pure logic: the caller reads and
 * stores. Intel SDM vol. 2B, "MOV—Move to/from Control Registers", vol. 3A, "Control Registers", "Initializing IA-32e Mode";
 * AMD APM vol. 2, "System-Control Registers", "Long-Mode Initialization and Activation".
 *
 * Functions return AXVM_OK, or AXVM_ERR_GUEST: #GP(0), nothing changed.
 */
#ifndef AXVM_X86_64_CR_H
#define AXVM_X86_64_CR_H

#include "bits.h"
#include "cpuid.h"

#define CR0_PE AXVM_BIT(0)
#define CR0_MP AXVM_BIT(1)
#define CR0_EM AXVM_BIT(2)
#define CR0_TS AXVM_BIT(3)
#define CR0_ET AXVM_BIT(4)
#define CR0_NE AXVM_BIT(5)
#define CR0_WP AXVM_BIT(16)
#define CR0_AM AXVM_BIT(18)
#define CR0_NW AXVM_BIT(29)
#define CR0_CD AXVM_BIT(30)
#define CR0_PG AXVM_BIT(31)
/* Bits software can change; ET reads as one; all others below bit 32 read as zero whatever is written. */
#define CR0_WRITABLE (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

#define CR3_PCID AXVM_BITS(11, 0) /* with CR4.PCIDE */
#define CR3_NOFLUSH AXVM_BIT(63)  /* of the operand of MOV to CR3, with CR4.PCIDE */

#define CR4_VME AXVM_BIT(0)
#define CR4_PVI AXVM_BIT(1)
#define CR4_TSD AXVM_BIT(2)
#define CR4_DE AXVM_BIT(3)
#define CR4_PSE AXVM_BIT(4)
#define CR4_PAE AXVM_BIT(5)
#define CR4_MCE AXVM_BIT(6)
#define CR4_PGE AXVM_BIT(7)
#define CR4_PCE AXVM_BIT(8)
#define CR4_OSFXSR AXVM_BIT(9)
#define CR4_OSXMMEXCPT AXVM_BIT(10)
#define CR4_UMIP AXVM_BIT(11)
#define CR4_LA57 AXVM_BIT(12)
#define CR4_VMXE AXVM_BIT(13)
#define CR4_SMXE AXVM_BIT(14)
#define CR4_FSGSBASE AXVM_BIT(16)
#define CR4_PCIDE AXVM_BIT(17)
#define CR4_OSXSAVE AXVM_BIT(18)
#define CR4_SMEP AXVM_BIT(20)
#define CR4_SMAP AXVM_BIT(21)
#define CR4_PKE AXVM_BIT(22)
#define CR4_CET AXVM_BIT(23)

#define EFER_SCE AXVM_BIT(0)
#define EFER_LME AXVM_BIT(8)
#define EFER_LMA AXVM_BIT(10)
#define EFER_NXE AXVM_BIT(11)
#define EFER_SVME AXVM_BIT(12)
#define EFER_FFXSR AXVM_BIT(14)

#define XCR0_X87 AXVM_BIT(0)
#define XCR0_SSE AXVM_BIT(1)
#define XCR0_AVX AXVM_BIT(2)
#define XCR0_AVX512 AXVM_BITS(7, 5) /* opmask, upper halves of ZMM0-15, ZMM16-31 */
/* What axvm_cpuid_init() can offer if backend and host have it. */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

#define DR6_FIXED1 0xffff0ff0u /* reads as ones: BLD and RTM are not offered */
#define DR7_FIXED1 0x00000400u
#define DR7_GD AXVM_BIT(13)

/* As the guest sees them. */
struct axvm_cr_state {
    uint64_t cr0, cr3, cr4, efer;
    bool cs_l;  /* CS.L: with EFER.LMA, 64-bit mode */
    bool tss16; /* TR holds a 16-bit TSS */
};

/* What a write comes to. */
struct axvm_cr_next {
    uint64_t cr0, cr3, cr4, efer;
    bool flush;  /* all that is cached of this vCPU's linear translations goes, global or not */
    bool pdptes; /* PAE paging is on afterwards and this write reloads the four PDPTEs: axvm_pdptes_valid() first */
};

int axvm_cr0_write(const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next);
int axvm_cr3_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next);
int axvm_cr4_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next);
int axvm_efer_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next);
/* LMSW loads CR0[3:0] and cannot clear PE. Then as axvm_cr0_write(). */
uint64_t axvm_lmsw_operand(uint64_t cr0, uint16_t msw);
/* XSETBV with ECX = @index, EDX:EAX = @val, at privilege level 0 (CPL > 0 is #GP, too) and CR4.OSXSAVE set (otherwise #UD). */
int axvm_xcr0_write(const struct axvm_x86_limits *lim, uint32_t index, uint64_t val);
/* CR8: AXVM_ERR_GUEST beyond 15. */
int axvm_cr8_write(uint64_t val);

/* "PDPTE Registers": the entries that PAE paging loads with CR3. @lim: MAXPHYADDR. */
bool axvm_pdptes_valid(const struct axvm_x86_limits *lim, const uint64_t pdpte[4]);
/* Is PAE paging (without long mode) in use? */
static inline bool axvm_cr_is_pae(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && (efer & EFER_LMA) == 0;
}

/* Is @va canonical? */
static inline bool axvm_x86_canonical(const struct axvm_x86_limits *lim, uint64_t va)
{
    unsigned int shift = 64u - lim->linear_bits;

    return (uint64_t)((int64_t)(va << shift) >> shift) == va;
}

#endif
