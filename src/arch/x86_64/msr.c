/* SPDX-License-Identifier: BSD-2-Clause */
#include "msr.h"

#include "bits.h"
#include "cr.h"

/* What is behind a number. */
enum kind {
    NOTHING, /* of the row that stands for all others: AXVM_MSR_UNKNOWN */
    CONST,   /* reads as .value; a write of the bits in .mask vanishes, of others is #GP */
    STATE,   /* the member at .offset; bits in .mask can be written, those in .ignored vanish, others are #GP */
    HW,      /* AXVM_MSR_HW; bits in .mask may be set */
    HW_VA,   /* AXVM_MSR_HW; canonical */
    PAT,     /* AXVM_MSR_HW; eight memory types */
    TSC_AUX, /* AXVM_MSR_HW if the guest has RDTSCP or RDPID; 32 bits */
    APIC,    /* AXVM_MSR_APIC */
    TSC,     /* AXVM_MSR_TSC */
    TSC_ADJUST,
    PATCH_LEVEL, /* the member; writes vanish */
    PLATFORM,    /* MSR_PLATFORM_INFO, of the TSC's frequency */
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

#define MISC_ENABLE_FAST_STRINGS AXVM_BIT(0)
#define MISC_ENABLE_UNAVAILABLE AXVM_BITS(12, 11) /* branch trace storage, PEBS */
/* All bits that some CPU has. Kept, to no effect: thermal control, counters, EIST, MONITOR, limit CPUID, xTPR, XD disable. */
#define MISC_ENABLE_KNOWN                                                                                                      \
    (AXVM_BIT(0) | AXVM_BIT(3) | AXVM_BIT(7) | AXVM_BITS(12, 11) | AXVM_BIT(16) | AXVM_BIT(18) | AXVM_BITS(23, 22) |           \
     AXVM_BIT(34))
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

/*
 * The rows: name, number, kind, vendor, member, value, mask. Two lists are found by an index of their numbers, the rest, which
 * are rare (TSC deadline apart, which has a way of its own), by halving.
 */
/* below AXVM_MSR_LOW_END */
#define LOW_ROWS(X)                                                                                                            \
    X(TSC, MSR_IA32_TSC, TSC, ANY, 0, 0, 0)                                                                                    \
    X(PLATFORM_ID, MSR_IA32_PLATFORM_ID, CONST, INTEL, 0, 0, 0)                                                                \
    X(APIC_BASE, MSR_IA32_APIC_BASE, APIC, ANY, 0, 0, 0)                                                                       \
    X(FEATURE_CONTROL, MSR_IA32_FEATURE_CONTROL, CONST, INTEL, 0, FEATURE_CONTROL_LOCK, 0)                                     \
    X(TSC_ADJUST, MSR_IA32_TSC_ADJUST, TSC_ADJUST, ANY, AT(tsc_adjust), 0, 0)                                                  \
    X(UPDT_TRIG, MSR_IA32_BIOS_UPDT_TRIG, CONST, INTEL, 0, 0, ALL)                                                             \
    X(SIGN_ID, MSR_IA32_BIOS_SIGN_ID, PATCH_LEVEL, ANY, AT(patch_level), 0, 0)                                                 \
    X(PLATFORM_INFO, MSR_PLATFORM_INFO, PLATFORM, INTEL, 0, 0, 0)                                                              \
    X(MTRRCAP, MSR_IA32_MTRRCAP, MTRR_CAP, ANY, 0, 0, 0)                                                                       \
    X(SYSENTER_CS, MSR_IA32_SYSENTER_CS, HW, ANY, 0, 0, LOW32)                                                                 \
    X(SYSENTER_ESP, MSR_IA32_SYSENTER_ESP, HW_VA, ANY, 0, 0, 0)                                                                \
    X(SYSENTER_EIP, MSR_IA32_SYSENTER_EIP, HW_VA, ANY, 0, 0, 0)                                                                \
    X(MCG_CAP, MSR_IA32_MCG_CAP, CONST, ANY, 0, 0, 0)                                                                          \
    X(MCG_STATUS, MSR_IA32_MCG_STATUS, STATE, ANY, AT(mcg_status), 0, MCG_STATUS_BITS)                                         \
    X(MISC_ENABLE, MSR_IA32_MISC_ENABLE, STATE, ANY, AT(misc_enable), 0, MISC_ENABLE_KNOWN) /* AMD: of emulators */            \
    X(DEBUGCTL, MSR_IA32_DEBUGCTL, CONST, ANY, 0, 0, DEBUGCTL_IGNORED)                                                         \
    X(MTRR_BASE0, MSR_IA32_MTRR_PHYSBASE0 + 0, MTRR_BASE, ANY, AT(mtrr_variable[0]), 0, 0)                                     \
    X(MTRR_MASK0, MSR_IA32_MTRR_PHYSBASE0 + 1, MTRR_MASK, ANY, AT(mtrr_variable[1]), 0, 0)                                     \
    X(MTRR_BASE1, MSR_IA32_MTRR_PHYSBASE0 + 2, MTRR_BASE, ANY, AT(mtrr_variable[2]), 0, 0)                                     \
    X(MTRR_MASK1, MSR_IA32_MTRR_PHYSBASE0 + 3, MTRR_MASK, ANY, AT(mtrr_variable[3]), 0, 0)                                     \
    X(MTRR_BASE2, MSR_IA32_MTRR_PHYSBASE0 + 4, MTRR_BASE, ANY, AT(mtrr_variable[4]), 0, 0)                                     \
    X(MTRR_MASK2, MSR_IA32_MTRR_PHYSBASE0 + 5, MTRR_MASK, ANY, AT(mtrr_variable[5]), 0, 0)                                     \
    X(MTRR_BASE3, MSR_IA32_MTRR_PHYSBASE0 + 6, MTRR_BASE, ANY, AT(mtrr_variable[6]), 0, 0)                                     \
    X(MTRR_MASK3, MSR_IA32_MTRR_PHYSBASE0 + 7, MTRR_MASK, ANY, AT(mtrr_variable[7]), 0, 0)                                     \
    X(MTRR_BASE4, MSR_IA32_MTRR_PHYSBASE0 + 8, MTRR_BASE, ANY, AT(mtrr_variable[8]), 0, 0)                                     \
    X(MTRR_MASK4, MSR_IA32_MTRR_PHYSBASE0 + 9, MTRR_MASK, ANY, AT(mtrr_variable[9]), 0, 0)                                     \
    X(MTRR_BASE5, MSR_IA32_MTRR_PHYSBASE0 + 10, MTRR_BASE, ANY, AT(mtrr_variable[10]), 0, 0)                                   \
    X(MTRR_MASK5, MSR_IA32_MTRR_PHYSBASE0 + 11, MTRR_MASK, ANY, AT(mtrr_variable[11]), 0, 0)                                   \
    X(MTRR_BASE6, MSR_IA32_MTRR_PHYSBASE0 + 12, MTRR_BASE, ANY, AT(mtrr_variable[12]), 0, 0)                                   \
    X(MTRR_MASK6, MSR_IA32_MTRR_PHYSBASE0 + 13, MTRR_MASK, ANY, AT(mtrr_variable[13]), 0, 0)                                   \
    X(MTRR_BASE7, MSR_IA32_MTRR_PHYSBASE0 + 14, MTRR_BASE, ANY, AT(mtrr_variable[14]), 0, 0)                                   \
    X(MTRR_MASK7, MSR_IA32_MTRR_PHYSBASE0 + 15, MTRR_MASK, ANY, AT(mtrr_variable[15]), 0, 0)                                   \
    X(MTRR_FIX64K, MSR_IA32_MTRR_FIX64K, MTRR_FIX, ANY, AT(mtrr_fixed[0]), 0, 0)                                               \
    X(MTRR_FIX16K_0, MSR_IA32_MTRR_FIX16K + 0, MTRR_FIX, ANY, AT(mtrr_fixed[1]), 0, 0)                                         \
    X(MTRR_FIX16K_1, MSR_IA32_MTRR_FIX16K + 1, MTRR_FIX, ANY, AT(mtrr_fixed[2]), 0, 0)                                         \
    X(MTRR_FIX4K_0, MSR_IA32_MTRR_FIX4K + 0, MTRR_FIX, ANY, AT(mtrr_fixed[3]), 0, 0)                                           \
    X(MTRR_FIX4K_1, MSR_IA32_MTRR_FIX4K + 1, MTRR_FIX, ANY, AT(mtrr_fixed[4]), 0, 0)                                           \
    X(MTRR_FIX4K_2, MSR_IA32_MTRR_FIX4K + 2, MTRR_FIX, ANY, AT(mtrr_fixed[5]), 0, 0)                                           \
    X(MTRR_FIX4K_3, MSR_IA32_MTRR_FIX4K + 3, MTRR_FIX, ANY, AT(mtrr_fixed[6]), 0, 0)                                           \
    X(MTRR_FIX4K_4, MSR_IA32_MTRR_FIX4K + 4, MTRR_FIX, ANY, AT(mtrr_fixed[7]), 0, 0)                                           \
    X(MTRR_FIX4K_5, MSR_IA32_MTRR_FIX4K + 5, MTRR_FIX, ANY, AT(mtrr_fixed[8]), 0, 0)                                           \
    X(MTRR_FIX4K_6, MSR_IA32_MTRR_FIX4K + 6, MTRR_FIX, ANY, AT(mtrr_fixed[9]), 0, 0)                                           \
    X(MTRR_FIX4K_7, MSR_IA32_MTRR_FIX4K + 7, MTRR_FIX, ANY, AT(mtrr_fixed[10]), 0, 0)                                          \
    X(PAT, MSR_IA32_PAT, PAT, ANY, 0, 0, 0)                                                                                    \
    X(MTRR_DEF_TYPE, MSR_IA32_MTRR_DEF_TYPE, MTRR_DEF, ANY, AT(mtrr_def_type), 0, 0)

/* HIGH_BASE to HIGH_END */
#define HIGH_ROWS(X)                                                                                                           \
    X(EFER, MSR_EFER, HW, ANY, 0, 0, ALL)                                                                                      \
    X(STAR, MSR_STAR, HW, ANY, 0, 0, ALL)                                                                                      \
    X(LSTAR, MSR_LSTAR, HW_VA, ANY, 0, 0, 0)                                                                                   \
    X(CSTAR, MSR_CSTAR, HW_VA, ANY, 0, 0, 0)                                                                                   \
    X(SFMASK, MSR_SFMASK, HW, ANY, 0, 0, LOW32)                                                                                \
    X(FS_BASE, MSR_FS_BASE, HW_VA, ANY, 0, 0, 0)                                                                               \
    X(GS_BASE, MSR_GS_BASE, HW_VA, ANY, 0, 0, 0)                                                                               \
    X(KERNEL_GS_BASE, MSR_KERNEL_GS_BASE, HW_VA, ANY, 0, 0, 0)                                                                 \
    X(TSC_AUX, MSR_TSC_AUX, TSC_AUX, ANY, 0, 0, 0)

/* Sorted by number. AMD's counters and their selectors, which every such CPU has, do not count here. */
#define OTHER_ROWS(X)                                                                                                          \
    X(KVM_WALL_CLOCK, MSR_KVM_WALL_CLOCK_NEW, PV, ANY, AT(wall_clock), 0, LOW32 & ~AXVM_BITS(1, 0))                            \
    X(KVM_SYSTEM_TIME, MSR_KVM_SYSTEM_TIME_NEW, PV, ANY, AT(system_time), 0, ~AXVM_BIT(1))                                     \
    X(KVM_STEAL_TIME, MSR_KVM_STEAL_TIME, PV, ANY, AT(steal_time), 0, ~AXVM_BITS(5, 1))                                        \
    X(PERF0, MSR_AMD_PERFEVTSEL0 + 0, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF1, MSR_AMD_PERFEVTSEL0 + 1, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF2, MSR_AMD_PERFEVTSEL0 + 2, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF3, MSR_AMD_PERFEVTSEL0 + 3, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF4, MSR_AMD_PERFEVTSEL0 + 4, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF5, MSR_AMD_PERFEVTSEL0 + 5, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF6, MSR_AMD_PERFEVTSEL0 + 6, CONST, AMD, 0, 0, ALL)                                                                   \
    X(PERF7, MSR_AMD_PERFEVTSEL0 + 7, CONST, AMD, 0, 0, ALL)                                                                   \
    X(SYSCFG, MSR_AMD_SYSCFG, CONST, AMD, 0, 0, SYSCFG_IGNORED)                                                                \
    X(HWCR, MSR_AMD_HWCR, STATE, AMD, AT(hwcr), HWCR_TSC_FREQ_SEL, HWCR_WRITABLE)                                              \
    X(TOP_MEM, MSR_AMD_TOP_MEM, CONST, AMD, 0, 0, 0)                                                                           \
    X(TOP_MEM2, MSR_AMD_TOP_MEM2, CONST, AMD, 0, 0, 0)                                                                         \
    X(NB_CFG, MSR_AMD_NB_CFG, CONST, AMD, 0, 0, ALL)                                                                           \
    X(PATCH_LOADER, MSR_AMD_PATCH_LOADER, CONST, AMD, 0, 0, ALL)                                                               \
    X(INT_PENDING, MSR_AMD_INT_PENDING, CONST, AMD, 0, 0, ALL)                                                                 \
    X(MMIO_CFG_BASE, MSR_AMD_MMIO_CFG_BASE, CONST, AMD, 0, 0, 0)                                                               \
    X(SMM_ADDR, MSR_AMD_SMM_ADDR, CONST, AMD, 0, 0, 0)                                                                         \
    X(VM_CR, MSR_AMD_VM_CR, CONST, AMD, 0, VM_CR_OFF, VM_CR_OFF)                                                               \
    X(DC_CFG, MSR_AMD_DC_CFG, CONST, AMD, 0, 0, ALL)                                                                           \
    X(DE_CFG, MSR_AMD_DE_CFG, CONST, AMD, 0, DE_CFG_LFENCE_SERIALIZE, DE_CFG_LFENCE_SERIALIZE)                                 \
    X(BU_CFG2, MSR_AMD_BU_CFG2, CONST, AMD, 0, 0, ALL)

#define HIGH_BASE 0xc0000080u
#define HIGH_END 0xc0000104u

enum {
#define NAME(id, m, k, v, o, val, msk) ROW_##id,
    ROW_NONE,
    LOW_ROWS(NAME) HIGH_ROWS(NAME) ROW_OTHERS,
    ROW_BEFORE_OTHERS = ROW_OTHERS - 1,
    OTHER_ROWS(NAME) ROWS
#undef NAME
};

static const struct row table[ROWS] = {
#define ROW(id, m, k, v, o, val, msk)                                                                                          \
    [ROW_##id] = { .msr = (m), .kind = (k), .vendor = (v), .offset = (o), .value = (val), .mask = (msk) },
    LOW_ROWS(ROW) HIGH_ROWS(ROW) OTHER_ROWS(ROW)
#undef ROW
};

#define IS_KEPT(k) ((k) == STATE || (k) == TSC_ADJUST || (k) == PATCH_LEVEL || ((k) >= MTRR_DEF && (k) <= MTRR_MASK))
#define MEMBER(k, v, o) (IS_KEPT(k) && (v) == ANY ? (o) / sizeof(uint64_t) + 1 : 0)
_Static_assert(ROWS <= 0x100 && sizeof(struct axvm_msrs) < 0xff * sizeof(uint64_t), "a byte each");

const uint16_t axvm_msr_low[AXVM_MSR_LOW_END] = {
#define INDEX(id, m, k, v, o, val, msk) [m] = (uint16_t)(ROW_##id | MEMBER(k, v, o) << 8),
    LOW_ROWS(INDEX)
#undef INDEX
};
static const uint8_t high_index[HIGH_END - HIGH_BASE] = {
#define INDEX(id, m, k, v, o, val, msk) [(m)-HIGH_BASE] = ROW_##id,
    HIGH_ROWS(INDEX)
#undef INDEX
};

static unsigned int other_index(uint32_t msr)
{
    unsigned int lo = ROW_OTHERS, hi = ROWS;

    while (lo < hi) {
        unsigned int mid = (lo + hi) / 2;

        if (table[mid].msr < msr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ROWS && table[lo].msr == msr ? lo : ROW_NONE;
}

/* All of these are the local APIC's, and the deadline is written often. */
static inline bool is_apic(uint32_t msr)
{
    return msr == MSR_IA32_TSC_DEADLINE || msr - MSR_X2APIC < 0x100;
}

static inline const struct row *lookup(const struct axvm_x86_limits *lim, uint32_t msr)
{
    unsigned int i;

    if (msr < AXVM_MSR_LOW_END)
        i = axvm_msr_low[axvm_nospec(msr, AXVM_MSR_LOW_END)] & 0xff;
    else if (msr - HIGH_BASE < HIGH_END - HIGH_BASE)
        i = high_index[axvm_nospec(msr - HIGH_BASE, HIGH_END - HIGH_BASE)];
    else
        i = is_apic(msr) ? ROW_APIC_BASE : other_index(msr);
    return table[i].vendor == ANY || (table[i].vendor == AMD) == lim->amd ? &table[i] : &table[ROW_NONE];
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
    case NOTHING:
        return AXVM_MSR_UNKNOWN;
    case CONST:
        return give(val, r->value);
    case STATE:
    case TSC_ADJUST:
    case PATCH_LEVEL:
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
    const uint64_t *kept = axvm_msr_kept(m, msr);

    return kept ? give(val, *kept) : read_row(m, lim, lookup(lim, msr), val);
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
    case NOTHING:
        return AXVM_MSR_UNKNOWN;
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
    case PATCH_LEVEL: /* read-only on AMD's CPUs, but kernels clear it before they read, as on Intel's */
        return AXVM_MSR_DONE;
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
    return write_row(m, lim, lookup(lim, msr), val);
}

void axvm_msrs_reset(struct axvm_msrs *m, const struct axvm_x86_limits *lim)
{
    *m = (struct axvm_msrs){ 0 };
    m->misc_enable = lim->amd ? 0 : MISC_ENABLE_FAST_STRINGS | MISC_ENABLE_UNAVAILABLE;
    m->patch_level = lim->amd ? PATCH_LEVEL_AMD : PATCH_LEVEL_INTEL;
    m->hwcr = lim->amd ? HWCR_TSC_FREQ_SEL : 0;
}
