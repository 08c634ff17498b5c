/* SPDX-License-Identifier: BSD-2-Clause */
/* What the leaves that a guest sees let it put into its control registers. */
#include "cpuid.h"
#include "cr.h"

struct limit_bit {
    uint32_t leaf;
    uint8_t reg, bit;
    uint64_t allows;
};

static const struct limit_bit cr4_bits[] = {
    { 1, AXVM_EDX, 1, CR4_VME | CR4_PVI },
    { 1, AXVM_EDX, 4, CR4_TSD | CR4_PCE }, /* PCE: RDPMC is refused, but the bit is on every CPU */
    { 1, AXVM_EDX, 2, CR4_DE },
    { 1, AXVM_EDX, 3, CR4_PSE },
    { 1, AXVM_EDX, 6, CR4_PAE },
    { 1, AXVM_EDX, 7, CR4_MCE },
    { 1, AXVM_EDX, 13, CR4_PGE },
    { 1, AXVM_EDX, 24, CR4_OSFXSR },
    { 1, AXVM_EDX, 25, CR4_OSXMMEXCPT },
    { 7, AXVM_ECX, 2, CR4_UMIP },
    { 7, AXVM_EBX, 0, CR4_FSGSBASE },
    { 1, AXVM_ECX, 17, CR4_PCIDE },
    { 1, AXVM_ECX, 26, CR4_OSXSAVE },
    { 7, AXVM_EBX, 7, CR4_SMEP },
    { 7, AXVM_EBX, 20, CR4_SMAP },
};

static const struct limit_bit efer_bits[] = {
    { 0x80000001, AXVM_EDX, 11, EFER_SCE },
    { 0x80000001, AXVM_EDX, 29, EFER_LME | EFER_LMA },
    { 0x80000001, AXVM_EDX, 20, EFER_NXE },
    { 0x80000001, AXVM_EDX, 25, EFER_FFXSR },
};

static bool guest_has(const struct axvm_cpuid *c, uint32_t leaf, enum axvm_cpuid_reg reg, unsigned int bit)
{
    return (axvm_cpuid_find(c, leaf, 0)->r[reg] >> bit & 1) != 0;
}

static uint64_t allowed(const struct axvm_cpuid *c, const struct limit_bit *t, size_t count)
{
    uint64_t v = 0;

    for (size_t i = 0; i < count; i++)
        v |= guest_has(c, t[i].leaf, (enum axvm_cpuid_reg)t[i].reg, t[i].bit) ? t[i].allows : 0;
    return v;
}

void axvm_cpuid_limit(struct axvm_cpuid *c)
{
    c->limits.cr4 = allowed(c, cr4_bits, AXVM_ARRAY_LEN(cr4_bits));
    c->limits.efer = allowed(c, efer_bits, AXVM_ARRAY_LEN(efer_bits));
    c->limits.tsc_aux = guest_has(c, 0x80000001, AXVM_EDX, 27) || guest_has(c, 7, AXVM_ECX, 22);
}
