/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second-level page-table entries: Intel's EPT and AMD's nested page tables. Intel SDM vol. 3C, "The Extended Page Table
 * Mechanism (EPT)", "EPT Translation Mechanism"; AMD APM vol. 2 (24593), "Nested Paging" and "Long-Mode Page Translation". The
 * contract is in s2.h; which of the two a VM uses is its geometry's format.
 */
#ifndef AXVM_X86_64_S2_FORMAT_H
#define AXVM_X86_64_S2_FORMAT_H

#include <axvm/types.h>

#include "bits.h"

enum { AXVM_S2F_EPT = 0, AXVM_S2F_NPT = 1 };

#define S2_ADDR AXVM_BITS(51, 12)
#define S2_BLOCK AXVM_BIT(7) /* above level 3: maps memory. EPT and NPT alike */

#define EPT_R AXVM_BIT(0)
#define EPT_W AXVM_BIT(1)
#define EPT_X AXVM_BIT(2)
#define EPT_TYPE AXVM_BITS(5, 3) /* memory type of a leaf */
#define EPT_SW AXVM_BIT(11)      /* ignored by the CPU; keeps a retired entry from being 0 */
enum ept_type { EPT_UC = 0, EPT_WB = 6 };

#define NPT_P AXVM_BIT(0)
#define NPT_W AXVM_BIT(1)
#define NPT_U AXVM_BIT(2)      /* nested walks are made as user accesses */
#define NPT_UC AXVM_BITS(4, 3) /* PCD and PWT: PAT entry 3, which is UC unless the host has changed it */
#define NPT_A AXVM_BIT(5)
#define NPT_D AXVM_BIT(6)
#define NPT_NX AXVM_BIT(63)

static inline bool axvm_s2f_valid(uint64_t e, unsigned int format)
{
    return (e & (format == AXVM_S2F_NPT ? NPT_P : EPT_R | EPT_W | EPT_X)) != 0;
}

static inline bool axvm_s2f_is_table(uint64_t e, int level, unsigned int format)
{
    (void)format;
    return level < 3 && (e & S2_BLOCK) == 0;
}

static inline uint64_t axvm_s2f_table(uint64_t hpa, unsigned int format)
{
    return hpa | (format == AXVM_S2F_NPT ? NPT_P | NPT_W | NPT_U | NPT_A : EPT_R | EPT_W | EPT_X | EPT_SW);
}

static inline uint64_t axvm_s2f_ept_leaf(uint32_t prot)
{
    uint64_t e = EPT_R | EPT_SW;

    e |= (prot & AXVM_PROT_WRITE) ? EPT_W : 0;
    e |= (prot & AXVM_PROT_EXEC) ? EPT_X : 0;
    return e | axvm_put_field(EPT_TYPE, (prot & AXVM_PROT_DEVICE) ? EPT_UC : EPT_WB);
}

static inline uint64_t axvm_s2f_npt_leaf(uint32_t prot)
{
    uint64_t e = NPT_P | NPT_U | NPT_A | NPT_D;

    e |= (prot & AXVM_PROT_WRITE) ? NPT_W : 0;
    e |= (prot & AXVM_PROT_EXEC) ? 0 : NPT_NX;
    return e | ((prot & AXVM_PROT_DEVICE) ? NPT_UC : 0);
}

static inline uint64_t axvm_s2f_leaf(uint64_t hpa, uint32_t prot, int level, unsigned int format)
{
    uint64_t e = format == AXVM_S2F_NPT ? axvm_s2f_npt_leaf(prot) : axvm_s2f_ept_leaf(prot);

    return hpa | e | (level < 3 ? S2_BLOCK : 0);
}

static inline uint64_t axvm_s2f_hpa(uint64_t e, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return e & S2_ADDR;
}

static inline uint32_t axvm_s2f_prot(uint64_t e, unsigned int format)
{
    uint32_t prot = AXVM_PROT_READ;

    if (format == AXVM_S2F_NPT) {
        prot |= (e & NPT_W) ? AXVM_PROT_WRITE : 0;
        prot |= (e & NPT_NX) ? 0 : AXVM_PROT_EXEC;
        return prot | ((e & NPT_UC) ? AXVM_PROT_DEVICE : 0);
    }
    prot |= (e & EPT_W) ? AXVM_PROT_WRITE : 0;
    prot |= (e & EPT_X) ? AXVM_PROT_EXEC : 0;
    return prot | (axvm_field(e, EPT_TYPE) == EPT_UC ? AXVM_PROT_DEVICE : 0);
}

static inline uint64_t axvm_s2f_retire(uint64_t e, unsigned int format)
{
    return e & ~(format == AXVM_S2F_NPT ? NPT_P : EPT_R | EPT_W | EPT_X);
}

#endif
