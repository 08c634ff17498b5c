/* SPDX-License-Identifier: BSD-2-Clause */
#include "s2_plan.h"

#include <axvm/err.h>

#include "s2_format.h"

#define MMFR0_PARANGE AXVM_BITS(3, 0)
#define MMFR0_TGRAN4 AXVM_BITS(31, 28)
#define MMFR0_TGRAN4_2 AXVM_BITS(43, 40) /* the 4 KiB granule at stage 2 */
#define MMFR1_VMIDBITS AXVM_BITS(7, 4)
#define MMFR2_FWB AXVM_BITS(43, 40)

/* VTCR_EL2 with the 4 KiB granule */
#define VTCR_T0SZ AXVM_BITS(5, 0) /* 64 - input address bits */
#define VTCR_SL0 AXVM_BITS(7, 6)  /* where the walk starts: 1 for level 1, 2 for level 0 */
#define VTCR_IRGN0 AXVM_BITS(9, 8)
#define VTCR_ORGN0 AXVM_BITS(11, 10)
#define VTCR_SH0 AXVM_BITS(13, 12)
#define VTCR_PS AXVM_BITS(18, 16)
#define VTCR_VS AXVM_BIT(19) /* VMIDs of 16 bits */
#define VTCR_RES1 AXVM_BIT(31)
enum { VTCR_RGN_WBWA = 1, VTCR_SH_INNER = 3 };

/* Bits of a physical address, by the encoding in PARange and PS. Without FEAT_LPA2, which we do not use, descriptors with a 4
 * KiB granule have no more than 48. */
static const uint8_t pa_sizes[] = { 32, 36, 40, 42, 44, 48 };

static unsigned int pa_encoding(unsigned int bits)
{
    unsigned int code = 0;

    while (code + 1 < AXVM_ARRAY_LEN(pa_sizes) && pa_sizes[code] < bits)
        code++;
    return code;
}

static unsigned int pa_bits(const struct axvm_mmfr *id)
{
    uint64_t code = axvm_field(id->mmfr0, MMFR0_PARANGE);

    return pa_sizes[axvm_min(code, AXVM_ARRAY_LEN(pa_sizes) - 1)];
}

static bool has_4k_granule(const struct axvm_mmfr *id)
{
    uint64_t stage2 = axvm_field(id->mmfr0, MMFR0_TGRAN4_2);

    /* 0: as at stage 1, where 15 means that there is none. 1: none. */
    return stage2 == 0 ? axvm_field(id->mmfr0, MMFR0_TGRAN4) != 15 : stage2 != 1;
}

int axvm_s2_plan(const struct axvm_mmfr *id, unsigned int gpa_bits, struct axvm_s2_geometry *geo)
{
    unsigned int most = pa_bits(id), bits;

    if (!has_4k_granule(id) || gpa_bits > most)
        return AXVM_ERR_NOSUP;
    /* A guest reads its size in ID_AA64MMFR0_EL1.PARange, so it is one of those that have an encoding. */
    bits = gpa_bits == 0 ? most : pa_sizes[pa_encoding(gpa_bits)];
    geo->gpa_bits = (uint8_t)bits;
    geo->hpa_bits = (uint8_t)most;
    /* Up to 16 tables side by side may stand at level 1, which makes 43 bits. */
    geo->root_level = bits <= 43 ? 1 : 0;
    geo->root_order = (uint8_t)(bits > 39 && bits <= 43 ? bits - 39 : 0);
    geo->max_block_level = 1;
    geo->format = axvm_field(id->mmfr2, MMFR2_FWB) != 0 ? AXVM_S2F_FWB : 0;
    return AXVM_OK;
}

unsigned int axvm_s2_vmid_bits(const struct axvm_mmfr *id)
{
    return axvm_field(id->mmfr1, MMFR1_VMIDBITS) == 2 ? 16 : 8;
}

uint64_t axvm_s2_vtcr_value(const struct axvm_s2_geometry *geo, unsigned int vmid_bits)
{
    uint64_t vtcr = VTCR_RES1;

    vtcr |= axvm_put_field(VTCR_T0SZ, 64u - geo->gpa_bits);
    vtcr |= axvm_put_field(VTCR_SL0, geo->root_level == 0 ? 2 : 1);
    vtcr |= axvm_put_field(VTCR_IRGN0, VTCR_RGN_WBWA) | axvm_put_field(VTCR_ORGN0, VTCR_RGN_WBWA);
    vtcr |= axvm_put_field(VTCR_SH0, VTCR_SH_INNER);
    vtcr |= axvm_put_field(VTCR_PS, pa_encoding(geo->hpa_bits));
    return vtcr | (vmid_bits == 16 ? VTCR_VS : 0);
}
