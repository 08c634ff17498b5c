/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage-2 descriptors. Arm ARM (DDI 0487), "VMSAv8-64 translation table format descriptors", 4 KiB granule, 48-bit addresses.
 * The contract is in s2.h. */
#ifndef AXVM_AARCH64_S2_FORMAT_H
#define AXVM_AARCH64_S2_FORMAT_H

#include <axvm/types.h>

#include "bits.h"

/* struct axvm_s2_geometry.format: the CPU has FEAT_S2FWB, and guests run with HCR_EL2.FWB set. */
#define AXVM_S2F_FWB 1u

#define S2_VALID AXVM_BIT(0)
#define S2_TABLE AXVM_BIT(1) /* a table; at level 3, a page */
#define S2_MEMATTR AXVM_BITS(5, 2)
#define S2_READ AXVM_BIT(6) /* S2AP */
#define S2_WRITE AXVM_BIT(7)
#define S2_SH AXVM_BITS(9, 8)
#define S2_AF AXVM_BIT(10)
#define S2_ADDR AXVM_BITS(47, 12)
#define S2_XN AXVM_BIT(54) /* XN[1]; XN[0] is 0: neither EL1 nor EL0 */

enum s2_memattr {
    S2_DEVICE_NGNRE = 0x1,
    S2_NORMAL_WB = 0xf,     /* combined with the guest's own: the weaker of the two */
    S2_FWB_NORMAL_WB = 0x6, /* HCR_EL2.FWB: write-back whatever the guest says */
};
enum { S2_SH_INNER = 3 };

static inline bool axvm_s2f_valid(uint64_t e, unsigned int format)
{
    (void)format;
    return (e & S2_VALID) != 0;
}

static inline bool axvm_s2f_is_table(uint64_t e, int level, unsigned int format)
{
    (void)format;
    return level < 3 && (e & S2_TABLE) != 0;
}

static inline uint64_t axvm_s2f_table(uint64_t hpa, unsigned int format)
{
    (void)format;
    return hpa | S2_TABLE | S2_VALID;
}

static inline uint64_t axvm_s2f_leaf(uint64_t hpa, uint32_t prot, int level, unsigned int format)
{
    uint64_t normal = (format & AXVM_S2F_FWB) ? S2_FWB_NORMAL_WB : S2_NORMAL_WB;
    uint64_t e = hpa | S2_VALID | S2_READ | S2_AF | axvm_put_field(S2_SH, S2_SH_INNER);

    e |= axvm_put_field(S2_MEMATTR, (prot & AXVM_PROT_DEVICE) ? S2_DEVICE_NGNRE : normal);
    e |= level == 3 ? S2_TABLE : 0;
    e |= (prot & AXVM_PROT_WRITE) ? S2_WRITE : 0;
    return e | ((prot & AXVM_PROT_EXEC) ? 0 : S2_XN);
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

    (void)format;
    prot |= (e & S2_WRITE) ? AXVM_PROT_WRITE : 0;
    prot |= (e & S2_XN) ? 0 : AXVM_PROT_EXEC;
    return prot | (axvm_field(e, S2_MEMATTR) == S2_DEVICE_NGNRE ? AXVM_PROT_DEVICE : 0);
}

/* The hardware looks at no other bit of an invalid descriptor. */
static inline uint64_t axvm_s2f_retire(uint64_t e, unsigned int format)
{
    (void)format;
    return e & ~S2_VALID;
}

#endif
