/* SPDX-License-Identifier: BSD-2-Clause */
/* G-stage page-table entries. RISC-V Privileged Architecture, "Sv39: Page-Based 39-bit Virtual-Memory System" and "Guest
 * Physical Address Translation": Sv39x4, Sv48x4 and Sv57x4 have the same. The contract is in s2.h. */
#ifndef AXVM_RISCV64_S2_FORMAT_H
#define AXVM_RISCV64_S2_FORMAT_H

#include <axvm/types.h>

#include "bits.h"

#define S2_V AXVM_BIT(0)
#define S2_R AXVM_BIT(1)
#define S2_W AXVM_BIT(2)
#define S2_X AXVM_BIT(3)
#define S2_U AXVM_BIT(4) /* G-stage translation treats every access as one from U-mode */
#define S2_A AXVM_BIT(6)
#define S2_D AXVM_BIT(7)
#define S2_SW_DEVICE AXVM_BIT(8) /* RSW: ours to remember AXVM_PROT_DEVICE; the memory type is the PMAs' business */
#define S2_SW_TABLE AXVM_BIT(9)  /* RSW: keeps a retired entry for a table from being 0 */
#define S2_PPN AXVM_BITS(53, 10)

static inline bool axvm_s2f_valid(uint64_t e, unsigned int format)
{
    (void)format;
    return (e & S2_V) != 0;
}

static inline bool axvm_s2f_is_table(uint64_t e, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return (e & (S2_R | S2_W | S2_X)) == 0;
}

static inline uint64_t axvm_s2f_table(uint64_t hpa, unsigned int format)
{
    (void)format;
    return axvm_put_field(S2_PPN, hpa >> AXVM_PAGE_SHIFT) | S2_SW_TABLE | S2_V;
}

static inline uint64_t axvm_s2f_leaf(uint64_t hpa, uint32_t prot, int level, unsigned int format)
{
    uint64_t e = axvm_put_field(S2_PPN, hpa >> AXVM_PAGE_SHIFT) | S2_V | S2_R | S2_U | S2_A | S2_D;

    (void)level;
    (void)format;
    e |= (prot & AXVM_PROT_WRITE) ? S2_W : 0;
    e |= (prot & AXVM_PROT_EXEC) ? S2_X : 0;
    return e | ((prot & AXVM_PROT_DEVICE) ? S2_SW_DEVICE : 0);
}

static inline uint64_t axvm_s2f_hpa(uint64_t e, int level, unsigned int format)
{
    (void)level;
    (void)format;
    return axvm_field(e, S2_PPN) << AXVM_PAGE_SHIFT;
}

static inline uint32_t axvm_s2f_prot(uint64_t e, unsigned int format)
{
    uint32_t prot = AXVM_PROT_READ;

    (void)format;
    prot |= (e & S2_W) ? AXVM_PROT_WRITE : 0;
    prot |= (e & S2_X) ? AXVM_PROT_EXEC : 0;
    return prot | ((e & S2_SW_DEVICE) ? AXVM_PROT_DEVICE : 0);
}

static inline uint64_t axvm_s2f_retire(uint64_t e, unsigned int format)
{
    (void)format;
    return e & ~S2_V;
}

#endif
