/* SPDX-License-Identifier: BSD-2-Clause */
/* Answering CPUID: a look-up, as guests use it all the time. cpuid_init.c makes the table. */
#include "cpuid.h"

#include "bits.h"
#include "cr.h"

static const struct axvm_cpuid_index absent;

static const struct axvm_cpuid_index *leaf_index(const struct axvm_cpuid *c, uint32_t leaf)
{
    uint32_t ext = leaf - AXVM_CPUID_EXTENDED, hyp = leaf - AXVM_CPUID_HYPERVISOR;

    if (leaf < AXVM_CPUID_BASIC_LEAVES)
        return &c->basic[axvm_nospec(leaf, AXVM_CPUID_BASIC_LEAVES)];
    if (ext < AXVM_CPUID_EXTENDED_LEAVES)
        return &c->extended[axvm_nospec(ext, AXVM_CPUID_EXTENDED_LEAVES)];
    if (hyp < AXVM_CPUID_HYPERVISOR_LEAVES)
        return &c->hypervisor[axvm_nospec(hyp, AXVM_CPUID_HYPERVISOR_LEAVES)];
    if (leaf - AXVM_CPUID_KVM < AXVM_CPUID_KVM_LEAVES)
        return &c->kvm[axvm_nospec(leaf - AXVM_CPUID_KVM, AXVM_CPUID_KVM_LEAVES)];
    /* 40000000h to 4fffffffh are software's: "CPUID Leaf 40000000H-4FFFFFFFH". */
    return leaf >> 28 == 4 ? &absent : &c->out_of_range;
}

const struct axvm_cpuid_entry *axvm_cpuid_find(const struct axvm_cpuid *c, uint32_t leaf, uint32_t subleaf)
{
    const struct axvm_cpuid_index *idx = leaf_index(c, leaf);

    if (idx->subleaves == 0)
        return &c->entry[idx->first];
    if (subleaf >= idx->subleaves)
        return &c->entry[idx->beyond];
    return &c->entry[idx->first + axvm_nospec(subleaf, idx->subleaves)];
}

/* "XSAVE-Managed State", "Standard Form". */
uint32_t axvm_cpuid_xsave_size(const struct axvm_cpuid *c, uint64_t xcr0)
{
    uint32_t size = 512 + 64; /* the legacy region and the header, used or not */

    for (unsigned int i = 2; i < AXVM_XSAVE_COMPONENTS; i++) {
        const struct axvm_xsave_component *x = &c->xsave[i];

        if ((xcr0 >> i & 1) != 0)
            size = (uint32_t)axvm_max(size, x->offset + x->size);
    }
    return size;
}

#define LEAF1_APIC_ID AXVM_BITS(31, 24) /* EBX */
#define LEAF1_OSXSAVE (1u << 27)        /* ECX */
#define LEAF1_APIC (1u << 9)            /* EDX; of 80000001h, too */
#define LEAF1E_CORE AXVM_BITS(7, 0)     /* EBX */

static void patch_leaf1(const struct axvm_cpuid_state *s, uint32_t r[4])
{
    r[AXVM_EBX] |= (uint32_t)axvm_put_field(LEAF1_APIC_ID, s->apic_id);
    r[AXVM_ECX] |= (s->cr4 & CR4_OSXSAVE) ? LEAF1_OSXSAVE : 0;
    r[AXVM_EDX] &= s->apic_enabled ? ~0u : ~LEAF1_APIC;
}

void axvm_cpuid_patch(const struct axvm_cpuid *c, const struct axvm_cpuid_entry *e, uint32_t subleaf,
                      const struct axvm_cpuid_state *state, uint32_t r[4])
{
    switch (e->dynamic) {
    case AXVM_CPUID_DYN_LEAF1:
        patch_leaf1(state, r);
        break;
    case AXVM_CPUID_DYN_X2APIC:
        r[AXVM_ECX] |= subleaf & 0xff;
        r[AXVM_EDX] = state->apic_id;
        break;
    case AXVM_CPUID_DYN_XSAVE:
        r[AXVM_EBX] = axvm_cpuid_xsave_size(c, state->xcr0);
        break;
    case AXVM_CPUID_DYN_EXT1:
        r[AXVM_EDX] &= state->apic_enabled ? ~0u : ~LEAF1_APIC;
        break;
    case AXVM_CPUID_DYN_EXT1E:
        r[AXVM_EAX] = state->apic_id;
        r[AXVM_EBX] |= (uint32_t)axvm_put_field(LEAF1E_CORE, state->apic_id);
        break;
    default:
        break;
    }
}
