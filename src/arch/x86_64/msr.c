/* SPDX-License-Identifier: BSD-2-Clause */
#include "msr.h"

#include "bits.h"
#include "cr.h"

/* What is behind a number. */
enum kind {
    CONST,   /* reads as .value; a write of the bits in .mask vanishes, of others is #GP */
    STATE,   /* the member at .offset; bits in .mask can be written, those in .ignored vanish, others are #GP */
    HW,      /* AXVM_MSR_HW; bits in .mask may be set */
    HW_VA,   /* AXVM_MSR_HW; canonical */
    PAT,     /* AXVM_MSR_HW; eight memory types */
    TSC_AUX, /* AXVM_MSR_HW if the guest has RDTSCP or RDPID; 32 bits */
    APIC,    /* AXVM_MSR_APIC */
    TSC,     /* AXVM_MSR_TSC */
    TSC_ADJUST,
    PLATFORM, /* MSR_PLATFORM_INFO, of the TSC's frequency */
    MTRR_CAP,
    MTRR_DEF,  /* the member */
    MTRR_FIX,  /* the member; eight memory types */
    MTRR_BASE, /* the member */
    MTRR_MASK,
    PV, /* the member, if the VM has the paravirtual clock; .mask as STATE */
};

enum vendor { ANY, INTEL, AMD };

struct row {
    uint32_t msr;
    uint8_t kind;
    uint8_t vendor;
    uint16_t offset;
    uint64_t value; /* CONST; STATE: bits that vanish */
    uint64_t mask;
};

#define ALL AXVM_BITS(63, 0)
#define LOW32 AXVM_BITS(31, 0)
#define AT(member) (uint16_t) offsetof(struct axvm_msrs, member)
#define R(m, k, v, o, val, msk)                                                                                                \
    {                                                                                                                          \
        .msr = (m), .kind = (k), .vendor = (v), .offset = (o), .value = (val), .mask = (msk)                                   \
    }
#define R_HW(m, msk) R(m, HW, ANY, 0, 0, msk)
#define R_VA(m) R(m, HW_VA, ANY, 0, 0, 0)
#define R_FIX(m, n) R(m, MTRR_FIX, ANY, AT(mtrr_fixed[n]), 0, 0)
#define R_VAR(n)                                                                                                               \
    R(MSR_IA32_MTRR_PHYSBASE0 + 2 * (n), MTRR_BASE, ANY, AT(mtrr_variable[2 * (n)]), 0, 0),                                    \
        R(MSR_IA32_MTRR_PHYSBASE0 + 2 * (n) + 1, MTRR_MASK, ANY, AT(mtrr_variable[2 * (n) + 1]), 0, 0)
#define R_ZERO_AMD(m) R(m, CONST, AMD, 0, 0, ALL)

#define MISC_ENABLE_FAST_STRINGS AXVM_BIT(0)
#define MISC_ENABLE_UNAVAILABLE AXVM_BITS(12, 11) /* branch trace storage, PEBS */
/* Turned off or on by firmware and kernels to no effect here: EIST, MONITOR, limit CPUID, XD disable, and what reads as one. */
#define MISC_ENABLE_IGNORED (MISC_ENABLE_UNAVAILABLE | AXVM_BIT(16) | AXVM_BIT(18) | AXVM_BIT(22) | AXVM_BIT(34))
#define DEBUGCTL_IGNORED AXVM_BITS(1, 0) /* LBR, BTF: every CPU has them; here they do nothing */
#define FEATURE_CONTROL_LOCK AXVM_BIT(0)
#define MCG_STATUS_BITS AXVM_BITS(2, 0)
#define PATCH_LEVEL_INTEL (AXVM_U64(1) << 32) /* a revision, in the upper half; guests do not patch */
#define PATCH_LEVEL_AMD AXVM_U64(0x01000065)
#define HWCR_TSC_FREQ_SEL AXVM_BIT(24) /* the TSC counts at the P0 frequency */
/* TlbCacheDis, FFDIS, IgnneEm, McStatusWrEn: kernels set them, and read them back */
#define HWCR_WRITABLE (AXVM_BIT(3) | AXVM_BIT(6) | AXVM_BIT(8) | AXVM_BIT(18))
#define DE_CFG_LFENCE_SERIALIZE AXVM_BIT(1)
#define VM_CR_OFF (AXVM_BIT(4) | AXVM_BIT(3)) /* SVMDIS, LOCK */
#define SYSCFG_IGNORED AXVM_BITS(22, 18)      /* MTRR extensions, TOM2 */
#define PV_ENABLE AXVM_BIT(0)

/* Sorted by number: found by halving. */
static const struct row table[] = {
    R(MSR_IA32_TSC, TSC, ANY, 0, 0, 0),
    R(MSR_IA32_PLATFORM_ID, CONST, INTEL, 0, 0, 0),
    R(MSR_IA32_APIC_BASE, APIC, ANY, 0, 0, 0),
    R(MSR_IA32_FEATURE_CONTROL, CONST, INTEL, 0, FEATURE_CONTROL_LOCK, 0),
    R(MSR_IA32_TSC_ADJUST, TSC_ADJUST, ANY, AT(tsc_adjust), 0, 0),
    R(MSR_IA32_BIOS_UPDT_TRIG, CONST, INTEL, 0, 0, ALL),
    R(MSR_IA32_BIOS_SIGN_ID, CONST, INTEL, 0, PATCH_LEVEL_INTEL, ALL),
    R(MSR_PLATFORM_INFO, PLATFORM, INTEL, 0, 0, 0),
    R(MSR_IA32_MTRRCAP, MTRR_CAP, ANY, 0, 0, 0),
    R_HW(MSR_IA32_SYSENTER_CS, LOW32),
    R_VA(MSR_IA32_SYSENTER_ESP),
    R_VA(MSR_IA32_SYSENTER_EIP),
    R(MSR_IA32_MCG_CAP, CONST, ANY, 0, 0, 0),
    R(MSR_IA32_MCG_STATUS, STATE, ANY, AT(mcg_status), 0, MCG_STATUS_BITS),
    R(MSR_IA32_MISC_ENABLE, STATE, INTEL, AT(misc_enable), MISC_ENABLE_IGNORED, MISC_ENABLE_FAST_STRINGS),
    R(MSR_IA32_DEBUGCTL, CONST, ANY, 0, 0, DEBUGCTL_IGNORED),
    R_VAR(0),
    R_VAR(1),
    R_VAR(2),
    R_VAR(3),
    R_VAR(4),
    R_VAR(5),
    R_VAR(6),
    R_VAR(7),
    R_FIX(MSR_IA32_MTRR_FIX64K, 0),
    R_FIX(MSR_IA32_MTRR_FIX16K, 1),
    R_FIX(MSR_IA32_MTRR_FIX16K + 1, 2),
    R_FIX(MSR_IA32_MTRR_FIX4K, 3),
    R_FIX(MSR_IA32_MTRR_FIX4K + 1, 4),
    R_FIX(MSR_IA32_MTRR_FIX4K + 2, 5),
    R_FIX(MSR_IA32_MTRR_FIX4K + 3, 6),
    R_FIX(MSR_IA32_MTRR_FIX4K + 4, 7),
    R_FIX(MSR_IA32_MTRR_FIX4K + 5, 8),
    R_FIX(MSR_IA32_MTRR_FIX4K + 6, 9),
    R_FIX(MSR_IA32_MTRR_FIX4K + 7, 10),
    R(MSR_IA32_PAT, PAT, ANY, 0, 0, 0),
    R(MSR_IA32_MTRR_DEF_TYPE, MTRR_DEF, ANY, AT(mtrr_def_type), 0, 0),
    R(MSR_IA32_TSC_DEADLINE, APIC, ANY, 0, 0, 0),
    R(MSR_KVM_WALL_CLOCK_NEW, PV, ANY, AT(wall_clock), 0, LOW32 & ~AXVM_BITS(1, 0)),
    R(MSR_KVM_SYSTEM_TIME_NEW, PV, ANY, AT(system_time), 0, ~AXVM_BIT(1)),
    R(MSR_KVM_STEAL_TIME, PV, ANY, AT(steal_time), 0, ~AXVM_BITS(5, 1)),
    R(MSR_EFER, HW, ANY, 0, 0, ALL),
    R_HW(MSR_STAR, ALL),
    R_VA(MSR_LSTAR),
    R_VA(MSR_CSTAR),
    R_HW(MSR_SFMASK, LOW32),
    R_VA(MSR_FS_BASE),
    R_VA(MSR_GS_BASE),
    R_VA(MSR_KERNEL_GS_BASE),
    R(MSR_TSC_AUX, TSC_AUX, ANY, 0, 0, 0),
    /* Four event selectors and counters that every AMD CPU has: here they do not count. */
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 1),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 2),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 3),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 4),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 5),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 6),
    R_ZERO_AMD(MSR_AMD_PERFEVTSEL0 + 7),
    R(MSR_AMD_SYSCFG, CONST, AMD, 0, 0, SYSCFG_IGNORED),
    R(MSR_AMD_HWCR, STATE, AMD, AT(hwcr), HWCR_TSC_FREQ_SEL, HWCR_WRITABLE),
    R(MSR_AMD_TOP_MEM, CONST, AMD, 0, 0, 0),
    R(MSR_AMD_TOP_MEM2, CONST, AMD, 0, 0, 0),
    R_ZERO_AMD(MSR_AMD_NB_CFG),
    R_ZERO_AMD(MSR_AMD_PATCH_LOADER),
    R_ZERO_AMD(MSR_AMD_INT_PENDING),
    R(MSR_AMD_MMIO_CFG_BASE, CONST, AMD, 0, 0, 0),
    R(MSR_AMD_SMM_ADDR, CONST, AMD, 0, 0, 0),
    R(MSR_AMD_VM_CR, CONST, AMD, 0, VM_CR_OFF, VM_CR_OFF),
    R_ZERO_AMD(MSR_AMD_DC_CFG),
    R(MSR_AMD_DE_CFG, CONST, AMD, 0, DE_CFG_LFENCE_SERIALIZE, DE_CFG_LFENCE_SERIALIZE),
    R_ZERO_AMD(MSR_AMD_BU_CFG2),
};

static const struct row *lookup(const struct axvm_x86_limits *lim, uint32_t msr)
{
    size_t lo = 0, hi = AXVM_ARRAY_LEN(table);

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;

        if (table[mid].msr < msr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == AXVM_ARRAY_LEN(table) || table[lo].msr != msr)
        return NULL;
    if (table[lo].vendor != ANY && (table[lo].vendor == AMD) != lim->amd)
        return NULL;
    return &table[lo];
}

static uint64_t load(const struct axvm_msrs *m, const struct row *r)
{
    return *(const uint64_t *)(const void *)((const char *)m + r->offset);
}

static enum axvm_msr_result store(struct axvm_msrs *m, const struct row *r, uint64_t val)
{
    *(uint64_t *)(void *)((char *)m + r->offset) = val;
    return AXVM_MSR_DONE;
}

/* ---- memory types ---- */

#define MTRR_CAP_FIX AXVM_BIT(8)
#define MTRR_CAP_WC AXVM_BIT(10)
#define MTRR_DEF_BITS (AXVM_BITS(11, 10) | AXVM_BITS(7, 0)) /* E, FE, type */
#define MTRR_MASK_VALID AXVM_BIT(11)

/* Bit n: type n exists. "Memory Types That Can Be Encoded With PAT" adds UC- to those of the MTRRs. */
enum { MTRR_TYPES = 0x73, PAT_TYPES = 0xf3 };

static bool types_valid(uint64_t val, unsigned int count, unsigned int types)
{
    for (unsigned int i = 0; i < count; i++, val >>= 8) {
        if ((val & 0xff) > 7 || (types >> (val & 7) & 1) == 0)
            return false;
    }
    return true;
}

static bool mtrr_address_valid(const struct axvm_x86_limits *lim, uint64_t val)
{
    return (val & ~lim->gpa_mask) == 0;
}

static bool mtrr_valid(const struct axvm_x86_limits *lim, const struct row *r, uint64_t val)
{
    switch ((enum kind)r->kind) {
    case MTRR_DEF:
        return (val & ~MTRR_DEF_BITS) == 0 && types_valid(val, 1, MTRR_TYPES);
    case MTRR_FIX:
        return types_valid(val, 8, MTRR_TYPES);
    case MTRR_BASE:
        return (val & AXVM_BITS(11, 8)) == 0 && types_valid(val, 1, MTRR_TYPES) && mtrr_address_valid(lim, val);
    case MTRR_MASK:
        return (val & AXVM_BITS(10, 0)) == 0 && mtrr_address_valid(lim, val);
    default:
        return false;
    }
}

/* ---- reading ---- */

static enum axvm_msr_result give(uint64_t *val, uint64_t v)
{
    *val = v;
    return AXVM_MSR_DONE;
}

/* MSR_PLATFORM_INFO[15:8]: the ratio of the TSC's frequency to 100 MHz. */
static uint64_t platform_info(const struct axvm_x86_limits *lim)
{
    return axvm_put_field(AXVM_BITS(15, 8), (lim->tsc_khz + 50000) / 100000);
}

static enum axvm_msr_result read_row(const struct axvm_msrs *m, const struct axvm_x86_limits *lim, const struct row *r,
                                     uint64_t *val)
{
    switch ((enum kind)r->kind) {
    case CONST:
        return give(val, r->value);
    case STATE:
    case TSC_ADJUST:
    case MTRR_DEF:
    case MTRR_FIX:
    case MTRR_BASE:
    case MTRR_MASK:
        return give(val, load(m, r));
    case HW:
    case HW_VA:
    case PAT:
        return AXVM_MSR_HW;
    case TSC_AUX:
        return lim->tsc_aux ? AXVM_MSR_HW : AXVM_MSR_GP;
    case APIC:
        return AXVM_MSR_APIC;
    case TSC:
        return AXVM_MSR_TSC;
    case PLATFORM:
        return give(val, platform_info(lim));
    case MTRR_CAP:
        return give(val, AXVM_MTRR_VARIABLE | MTRR_CAP_FIX | MTRR_CAP_WC);
    case PV:
        return lim->pv_clock ? give(val, load(m, r)) : AXVM_MSR_UNKNOWN;
    }
    return AXVM_MSR_GP;
}

enum axvm_msr_result axvm_msr_read(const struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr, uint64_t *val)
{
    const struct row *r;

    if (msr - MSR_X2APIC < 0x100)
        return AXVM_MSR_APIC;
    /* The one register whose reset value differs by vendor. */
    if (msr == MSR_IA32_BIOS_SIGN_ID && lim->amd)
        return give(val, PATCH_LEVEL_AMD);
    r = lookup(lim, msr);
    return r ? read_row(m, lim, r, val) : AXVM_MSR_UNKNOWN;
}

/* ---- writing ---- */

static enum axvm_msr_result write_tsc_adjust(struct axvm_msrs *m, uint64_t *val)
{
    uint64_t moved = *val - m->tsc_adjust;

    m->tsc_adjust = *val;
    *val = moved;
    return AXVM_MSR_TSC_ADJUST;
}

/* AMD's CPUs ignore the upper half, Intel's refuse it. */
static enum axvm_msr_result write_tsc_aux(const struct axvm_x86_limits *lim, uint64_t *val)
{
    if (!lim->tsc_aux || (!lim->amd && (*val & ~LOW32)))
        return AXVM_MSR_GP;
    *val &= LOW32;
    return AXVM_MSR_HW;
}

static enum axvm_msr_result write_state(struct axvm_msrs *m, const struct row *r, uint64_t val)
{
    if (val & ~(r->mask | r->value))
        return AXVM_MSR_GP;
    return store(m, r, (load(m, r) & ~r->mask) | (val & r->mask));
}

static enum axvm_msr_result write_pv(struct axvm_msrs *m, const struct axvm_x86_limits *lim, const struct row *r, uint64_t val)
{
    if (!lim->pv_clock)
        return AXVM_MSR_UNKNOWN;
    if (val & ~r->mask)
        return AXVM_MSR_GP;
    store(m, r, val);
    return AXVM_MSR_PV;
}

static enum axvm_msr_result write_row(struct axvm_msrs *m, const struct axvm_x86_limits *lim, const struct row *r,
                                      uint64_t *val)
{
    switch ((enum kind)r->kind) {
    case CONST:
        return (*val & ~r->mask) != 0 || r->mask == 0 ? AXVM_MSR_GP : AXVM_MSR_DONE;
    case STATE:
        return write_state(m, r, *val);
    case HW:
        return (*val & ~r->mask) != 0 ? AXVM_MSR_GP : AXVM_MSR_HW;
    case HW_VA:
        return axvm_x86_canonical(lim, *val) ? AXVM_MSR_HW : AXVM_MSR_GP;
    case PAT:
        return types_valid(*val, 8, PAT_TYPES) ? AXVM_MSR_HW : AXVM_MSR_GP;
    case TSC_AUX:
        return write_tsc_aux(lim, val);
    case APIC:
        return AXVM_MSR_APIC;
    case TSC:
        return AXVM_MSR_TSC;
    case TSC_ADJUST:
        return write_tsc_adjust(m, val);
    case MTRR_DEF:
    case MTRR_FIX:
    case MTRR_BASE:
    case MTRR_MASK:
        return mtrr_valid(lim, r, *val) ? store(m, r, *val) : AXVM_MSR_GP;
    case PV:
        return write_pv(m, lim, r, *val);
    case PLATFORM:
    case MTRR_CAP:
        break;
    }
    return AXVM_MSR_GP;
}

enum axvm_msr_result axvm_msr_write(struct axvm_msrs *m, const struct axvm_x86_limits *lim, uint32_t msr, uint64_t *val)
{
    const struct row *r;

    if (msr - MSR_X2APIC < 0x100)
        return AXVM_MSR_APIC;
    /* Read-only on AMD's CPUs, but kernels clear it before they read, as on Intel's. */
    if (msr == MSR_IA32_BIOS_SIGN_ID && lim->amd)
        return AXVM_MSR_DONE;
    r = lookup(lim, msr);
    return r ? write_row(m, lim, r, val) : AXVM_MSR_UNKNOWN;
}

void axvm_msrs_reset(struct axvm_msrs *m, const struct axvm_x86_limits *lim)
{
    *m = (struct axvm_msrs){ 0 };
    m->misc_enable = lim->amd ? 0 : MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_UNAVAILABLE;
    m->hwcr = lim->amd ? HWCR_TSC_FREQ_SEL : 0;
}
