/* SPDX-License-Identifier: BSD-2-Clause */
#include "cr.h"

#include <axvm/err.h>

/* Not part of the address: PWT, PCD, ignored bits, or a PCID. None of them is checked. */
#define CR3_LOW AXVM_BITS(11, 0)
/* Reserved in a PDPTE besides address bits beyond MAXPHYADDR: "PDPTE Registers", table "Format of a PAE Page-Directory-Pointer-
 * Table Entry": bits 2:1 and 8:5. */
#define PDPTE_P AXVM_BIT(0)
#define PDPTE_RESERVED (AXVM_BITS(2, 1) | AXVM_BITS(8, 5))
/* A change of these bits drops cached translations, and reloads PDPTEs: "Invalidation of TLBs and Paging-Structure Caches". */
#define CR0_PAGING (CR0_PG | CR0_WP)
#define CR0_PDPTE (CR0_PG | CR0_CD | CR0_NW)
#define CR4_PAGING (CR4_PAE | CR4_PSE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
#define CR4_PDPTE (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

static void keep(const struct axvm_cr_state *s, struct axvm_cr_next *next)
{
    *next = (struct axvm_cr_next){ .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer };
}

/* Paging goes on: "Initializing IA-32e Mode" if EFER.LME is set. */
static int paging_on(const struct axvm_cr_state *s, struct axvm_cr_next *next)
{
    if ((s->efer & EFER_LME) == 0)
        return AXVM_OK;
    /* CS.L with LMA clear: the next instruction would be neither 64-bit nor compatibility mode code. */
    if ((s->cr4 & CR4_PAE) == 0 || s->cs_l || s->tss16)
        return AXVM_ERR_GUEST;
    next->efer |= EFER_LMA;
    return AXVM_OK;
}

/* Paging goes off, and with it long mode; not from 64-bit mode. */
static int paging_off(const struct axvm_cr_state *s, struct axvm_cr_next *next)
{
    if ((s->cr4 & CR4_PCIDE) || ((s->efer & EFER_LMA) && s->cs_l))
        return AXVM_ERR_GUEST;
    next->efer &= ~EFER_LMA;
    return AXVM_OK;
}

int axvm_cr0_write(const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next)
{
    uint64_t changed;
    struct axvm_cr_next n;
    int rc = AXVM_OK;

    keep(s, &n);
    if (val >> 32)
        return AXVM_ERR_GUEST;
    val = (val & CR0_WRITABLE) | CR0_ET;
    if (((val & CR0_PG) && !(val & CR0_PE)) || ((val & CR0_NW) && !(val & CR0_CD)))
        return AXVM_ERR_GUEST;
    changed = s->cr0 ^ val;
    n.cr0 = val;
    if (changed & CR0_PG)
        rc = (val & CR0_PG) ? paging_on(s, &n) : paging_off(s, &n);
    if (rc != AXVM_OK)
        return rc;
    n.flush = (changed & CR0_PAGING) != 0;
    n.pdptes = axvm_cr_is_pae(n.cr0, n.cr4, n.efer) && (changed & CR0_PDPTE);
    *next = n;
    return AXVM_OK;
}

int axvm_cr3_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next)
{
    bool pcid = (s->cr4 & CR4_PCIDE) != 0;
    struct axvm_cr_next n;

    keep(s, &n);
    /* With PCIDs bit 63 says whether translations stay, and is not stored. */
    if (pcid)
        n.flush = (val & CR3_NOFLUSH) == 0;
    else
        n.flush = true;
    val &= pcid ? ~CR3_NOFLUSH : ~AXVM_U64(0);
    if (s->efer & EFER_LMA) {
        if (val & ~(lim->gpa_mask | CR3_LOW))
            return AXVM_ERR_GUEST;
    } else if (!axvm_cr_is_pae(s->cr0, s->cr4, s->efer)) {
        /* 32-bit code has no more bits to write; with a 64-bit value the upper half is not checked outside of long mode. */
        val &= AXVM_BITS(31, 0);
    }
    n.cr3 = val;
    n.pdptes = axvm_cr_is_pae(s->cr0, s->cr4, s->efer);
    *next = n;
    return AXVM_OK;
}

/* "CR4.PCIDE": only in long mode, with a CR3 that names PCID 0. */
static bool pcide_ok(const struct axvm_cr_state *s, uint64_t val)
{
    return !(val & ~s->cr4 & CR4_PCIDE) || ((s->efer & EFER_LMA) && (s->cr3 & CR3_PCID) == 0);
}

int axvm_cr4_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next)
{
    uint64_t changed = s->cr4 ^ val;
    struct axvm_cr_next n;

    keep(s, &n);
    if ((val & ~lim->cr4) || ((s->efer & EFER_LMA) && !(val & CR4_PAE)) || !pcide_ok(s, val))
        return AXVM_ERR_GUEST;
    n.cr4 = val;
    n.flush = (changed & CR4_PAGING) != 0;
    n.pdptes = axvm_cr_is_pae(n.cr0, n.cr4, n.efer) && (changed & CR4_PDPTE);
    *next = n;
    return AXVM_OK;
}

int axvm_efer_write(const struct axvm_x86_limits *lim, const struct axvm_cr_state *s, uint64_t val, struct axvm_cr_next *next)
{
    struct axvm_cr_next n;

    keep(s, &n);
    if (val & ~lim->efer)
        return AXVM_ERR_GUEST;
    /* LMA is the CPU's: what is written there does not matter. */
    val = (val & ~EFER_LMA) | (s->efer & EFER_LMA);
    if ((s->cr0 & CR0_PG) && ((val ^ s->efer) & EFER_LME))
        return AXVM_ERR_GUEST;
    n.efer = val;
    n.flush = ((val ^ s->efer) & EFER_NXE) != 0;
    *next = n;
    return AXVM_OK;
}

uint64_t axvm_lmsw_operand(uint64_t cr0, uint16_t msw)
{
    uint64_t low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

    return (cr0 & ~(low & ~CR0_PE)) | (msw & low);
}

/* "XSAVE-Supported Features and State-Component Bitmaps", "XSETBV": each feature needs the one that it widens. */
int axvm_xcr0_write(const struct axvm_x86_limits *lim, uint32_t index, uint64_t val)
{
    uint64_t zmm = val & XCR0_AVX512;

    if (index != 0 || (val & ~lim->xcr0) || !(val & XCR0_X87))
        return AXVM_ERR_GUEST;
    if ((val & XCR0_AVX) && !(val & XCR0_SSE))
        return AXVM_ERR_GUEST;
    if (zmm && (zmm != XCR0_AVX512 || !(val & XCR0_AVX)))
        return AXVM_ERR_GUEST;
    return AXVM_OK;
}

int axvm_cr8_write(uint64_t val)
{
    return val > 15 ? AXVM_ERR_GUEST : AXVM_OK;
}

bool axvm_pdptes_valid(const struct axvm_x86_limits *lim, const uint64_t pdpte[4])
{
    uint64_t reserved = PDPTE_RESERVED | (~lim->gpa_mask & ~AXVM_BITS(11, 0));

    for (unsigned int i = 0; i < 4; i++) {
        if ((pdpte[i] & PDPTE_P) && (pdpte[i] & reserved))
            return false;
    }
    return true;
}

