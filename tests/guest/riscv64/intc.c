/* SPDX-License-Identifier: BSD-2-Clause */
#include "intc.h"

enum intc intc_find(void)
{
    uint32_t v = 0;

    /* Inside the PLIC, where there is one. */
    if (TRY(v = read32(APLIC)) != NO_FAULT || v >> 24 != 0x80)
        return INTC_PLIC;
    return v & 4 ? INTC_IMSIC : INTC_APLIC;
}

void intc_enable(enum intc intc, uint32_t source)
{
    if (intc == INTC_PLIC) {
        write32(PLIC + 4 * source, 1);
        write32(PLIC + 0x2080, read32(PLIC + 0x2080) | 1u << source);
        write32(PLIC + 0x201000, 0);
    } else {
        write32(APLIC + 4 * source, 6); /* Level1 */
        write32(APLIC + 0x3000 + 4 * source, intc == INTC_IMSIC ? source : 1);
        write32(APLIC, 0x100);
        write32(APLIC + 0x1edc, source);
    }
    if (intc == INTC_APLIC)
        write32(APLIC + 0x4000, 1);
    if (intc == INTC_IMSIC) {
        imsic_write(0xc0, imsic_read(0xc0) | 1ul << source);
        imsic_write(0x72, 0);
        imsic_write(0x70, 1);
    }
    set_csr(sie, 1ul << 9);
}

uint32_t intc_claim(enum intc intc)
{
    if (intc == INTC_IMSIC)
        return (uint32_t)imsic_claim();
    return intc == INTC_APLIC ? read32(APLIC + 0x401c) >> 16 : read32(PLIC + 0x201004);
}

void intc_end(enum intc intc, uint32_t source)
{
    if (intc == INTC_PLIC)
        write32(PLIC + 0x201004, source);
    else if (intc == INTC_IMSIC)
        write32(APLIC + 0x2000, source);
}
