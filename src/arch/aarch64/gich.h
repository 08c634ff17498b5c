/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's side of the GIC's CPU interface: the only file that touches ICH_* registers, and ICC_DIR_EL1 on behalf of a
 * guest. Native tests put gich_fake.h, the same functions over a model of the hardware, in its place.
 * GIC architecture specification (IHI 0069), "AArch64 virtualization control System registers".
 */
#ifndef AXVM_AARCH64_GICH_H
#define AXVM_AARCH64_GICH_H

#include <stdint.h>

#include "bits.h"

#define ICH_LR_VINTID AXVM_BITS(31, 0)
#define ICH_LR_PINTID AXVM_BITS(44, 32) /* only with HW = 1 */
#define ICH_LR_EOI AXVM_BIT(41)         /* only with HW = 0: maintenance interrupt when it becomes inactive */
#define ICH_LR_PRIORITY AXVM_BITS(55, 48)
#define ICH_LR_GROUP1 AXVM_BIT(60)
#define ICH_LR_HW AXVM_BIT(61)      /* its deactivation also deactivates the physical interrupt PINTID */
#define ICH_LR_PENDING AXVM_BIT(62) /* both: active and pending */
#define ICH_LR_ACTIVE AXVM_BIT(63)
#define ICH_LR_STATE (ICH_LR_PENDING | ICH_LR_ACTIVE)

#define ICH_HCR_EN AXVM_BIT(0)
#define ICH_HCR_LRENPIE AXVM_BIT(2) /* maintenance while EOIcount is not 0 */
#define ICH_HCR_NPIE AXVM_BIT(3)    /* maintenance while no list register is pending */
#define ICH_HCR_VGRP0EIE AXVM_BIT(4) /* maintenance while the guest has group 0 enabled; ... */
#define ICH_HCR_VGRP0DIE AXVM_BIT(5) /* ... disabled */
#define ICH_HCR_VGRP1EIE AXVM_BIT(6)
#define ICH_HCR_VGRP1DIE AXVM_BIT(7)
#define ICH_HCR_TC AXVM_BIT(10)    /* accesses of ICC_* trap: those common to the groups, ... */
#define ICH_HCR_TALL0 AXVM_BIT(11) /* ... those of group 0 */
#define ICH_HCR_TALL1 AXVM_BIT(12) /* ... those of group 1 */
#define ICH_HCR_TDIR AXVM_BIT(14)        /* the guest's writes of ICC_DIR_EL1 trap */
#define ICH_HCR_EOICOUNT AXVM_BITS(31, 27) /* deactivations of what was in no list register */

#define ICH_VTR_LISTREGS AXVM_BITS(4, 0) /* minus one */
#define ICH_VTR_TDS AXVM_BIT(19)         /* there is ICH_HCR.TDIR */
#define ICH_VTR_PREBITS AXVM_BITS(28, 26) /* minus one */

#define ICH_VMCR_VENG0 AXVM_BIT(0)
#define ICH_VMCR_VENG1 AXVM_BIT(1)
#define ICH_VMCR_VCBPR AXVM_BIT(4)
#define ICH_VMCR_VEOIM AXVM_BIT(9)
#define ICH_VMCR_VBPR1 AXVM_BITS(20, 18)
#define ICH_VMCR_VBPR0 AXVM_BITS(23, 21)
#define ICH_VMCR_VPMR AXVM_BITS(31, 24)

#define AXVM_GICH_MAX_LRS 16u

#ifdef __aarch64__

#include "sysreg.h"

#define ICH_AP0R(n) S3_4_C12_C8_##n
#define ICH_AP1R(n) S3_4_C12_C9_##n
#define ICH_HCR_EL2 S3_4_C12_C11_0
#define ICH_VTR_EL2 S3_4_C12_C11_1
#define ICH_VMCR_EL2 S3_4_C12_C11_7
#define ICH_LR_LOW(n) S3_4_C12_C12_##n  /* ICH_LR0..7_EL2 */
#define ICH_LR_HIGH(n) S3_4_C12_C13_##n /* ICH_LR8..15_EL2 */

static inline uint64_t axvm_gich_read_vtr(void)
{
    return axvm_sysreg_read(ICH_VTR_EL2);
}

static inline uint64_t axvm_gich_read_hcr(void)
{
    return axvm_sysreg_read(ICH_HCR_EL2);
}

static inline void axvm_gich_write_hcr(uint64_t val)
{
    axvm_sysreg_write(ICH_HCR_EL2, val);
}

static inline uint64_t axvm_gich_read_vmcr(void)
{
    return axvm_sysreg_read(ICH_VMCR_EL2);
}

static inline void axvm_gich_write_vmcr(uint64_t val)
{
    axvm_sysreg_write(ICH_VMCR_EL2, val);
}

/* Active priorities of group 0 and 1; there are 1, 2 or 4 registers of each, by ICH_VTR.PREbits: 5, 6 or 7. */
static inline void axvm_gich_read_apr(unsigned int prebits, uint32_t ap0r[4], uint32_t ap1r[4])
{
    ap0r[0] = (uint32_t)axvm_sysreg_read(ICH_AP0R(0));
    ap1r[0] = (uint32_t)axvm_sysreg_read(ICH_AP1R(0));
    if (prebits < 6)
        return;
    ap0r[1] = (uint32_t)axvm_sysreg_read(ICH_AP0R(1));
    ap1r[1] = (uint32_t)axvm_sysreg_read(ICH_AP1R(1));
    if (prebits < 7)
        return;
    ap0r[2] = (uint32_t)axvm_sysreg_read(ICH_AP0R(2));
    ap1r[2] = (uint32_t)axvm_sysreg_read(ICH_AP1R(2));
    ap0r[3] = (uint32_t)axvm_sysreg_read(ICH_AP0R(3));
    ap1r[3] = (uint32_t)axvm_sysreg_read(ICH_AP1R(3));
}

static inline void axvm_gich_write_apr(unsigned int prebits, const uint32_t ap0r[4], const uint32_t ap1r[4])
{
    axvm_sysreg_write(ICH_AP0R(0), ap0r[0]);
    axvm_sysreg_write(ICH_AP1R(0), ap1r[0]);
    if (prebits < 6)
        return;
    axvm_sysreg_write(ICH_AP0R(1), ap0r[1]);
    axvm_sysreg_write(ICH_AP1R(1), ap1r[1]);
    if (prebits < 7)
        return;
    axvm_sysreg_write(ICH_AP0R(2), ap0r[2]);
    axvm_sysreg_write(ICH_AP1R(2), ap1r[2]);
    axvm_sysreg_write(ICH_AP0R(3), ap0r[3]);
    axvm_sysreg_write(ICH_AP1R(3), ap1r[3]);
}

#define AXVM_GICH_LRS(low, high)                                                                                      \
    low(0) low(1) low(2) low(3) low(4) low(5) low(6) low(7) high(8, 0) high(9, 1) high(10, 2) high(11, 3) high(12, 4) \
        high(13, 5) high(14, 6) high(15, 7)

static inline uint64_t axvm_gich_read_lr(unsigned int n)
{
#define AXVM_LOW(i) \
    case i:         \
        return axvm_sysreg_read(ICH_LR_LOW(i));
#define AXVM_HIGH(i, j) \
    case i:             \
        return axvm_sysreg_read(ICH_LR_HIGH(j));
    switch (n & (AXVM_GICH_MAX_LRS - 1)) {
        AXVM_GICH_LRS(AXVM_LOW, AXVM_HIGH)
    }
    __builtin_unreachable();
#undef AXVM_LOW
#undef AXVM_HIGH
}

static inline void axvm_gich_write_lr(unsigned int n, uint64_t val)
{
#define AXVM_LOW(i)                                \
    case i:                                        \
        axvm_sysreg_write(ICH_LR_LOW(i), val);     \
        return;
#define AXVM_HIGH(i, j)                            \
    case i:                                        \
        axvm_sysreg_write(ICH_LR_HIGH(j), val);    \
        return;
    switch (n & (AXVM_GICH_MAX_LRS - 1)) {
        AXVM_GICH_LRS(AXVM_LOW, AXVM_HIGH)
    }
    __builtin_unreachable();
#undef AXVM_LOW
#undef AXVM_HIGH
}

/* Deactivate a physical interrupt whose priority has been dropped (ICC_CTLR_EL1.EOImode = 1); a PPI: of this CPU. */
static inline void axvm_gich_write_dir(uint32_t intid)
{
    axvm_sysreg_write(ICC_DIR_EL1, intid);
}

/* Guests use the system registers. Where EL1 could choose otherwise, one guest's choice must not become the next one's, and
 * ICH_VMCR_EL2 only means what it should with SRE set. */
static inline void axvm_gich_enable_sre(void)
{
    axvm_sysreg_write(ICC_SRE_EL1, 1);
    axvm_isb();
}

#else
#include "gich_fake.h"
#endif
#endif
