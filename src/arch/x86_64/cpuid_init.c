/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a VM's CPUID table from the host's leaves, cpuid_features.c and the VM's configuration. Once per VM. */
#include "bits.h"
#include "cpuid.h"
#include "cpuid_features.h"
#include "cr.h"

struct build {
    struct axvm_cpuid *c;
    const struct axvm_cpuid_host *host;
    const struct axvm_cpuid_config *cfg;
    bool amd;
    uint32_t shift; /* bits of an APIC id that number cores */
};

/* ---- entries ---- */

static struct axvm_cpuid_index *index_of(struct axvm_cpuid *c, uint32_t leaf)
{
    if (leaf < AXVM_CPUID_BASIC_LEAVES)
        return &c->basic[leaf];
    if (leaf >= AXVM_CPUID_EXTENDED)
        return &c->extended[leaf - AXVM_CPUID_EXTENDED];
    return leaf >= AXVM_CPUID_KVM ? &c->kvm[leaf - AXVM_CPUID_KVM] : &c->hypervisor[leaf - AXVM_CPUID_HYPERVISOR];
}

static uint32_t *add(struct build *b, uint32_t leaf, uint32_t subleaf, enum axvm_cpuid_dynamic dynamic)
{
    struct axvm_cpuid_entry *e = &b->c->entry[b->c->count];

    if (subleaf == 0)
        index_of(b->c, leaf)->first = (uint8_t)b->c->count;
    b->c->count++;
    *e = (struct axvm_cpuid_entry){ .leaf = leaf, .subleaf = subleaf, .dynamic = dynamic };
    return e->r;
}

static void set_subleaves(struct build *b, uint32_t leaf, uint32_t count)
{
    index_of(b->c, leaf)->subleaves = (uint8_t)count;
}

static const uint32_t *host(const struct build *b, uint32_t leaf, uint32_t subleaf)
{
    return axvm_cpuid_host_find(b->host, leaf, subleaf)->r;
}

static void copy(struct build *b, uint32_t leaf)
{
    uint32_t *r = add(b, leaf, 0, AXVM_CPUID_STATIC);

    for (unsigned int i = 0; i < 4; i++)
        r[i] = host(b, leaf, 0)[i];
}

/* ---- features ---- */

static bool feature_visible(const struct build *b, const struct axvm_feature *f)
{
    const struct axvm_cpuid_config *cfg = b->cfg;
    bool has = (host(b, f->leaf, f->subleaf)[f->reg] >> f->bit & 1) != 0;

    if ((f->needs_xcr0 & ~b->c->limits.xcr0) != 0)
        return false;
    switch ((enum axvm_feature_rule)f->rule) {
    case AXVM_FEATURE_HOST:
        return has;
    case AXVM_FEATURE_ALWAYS:
        return true;
    case AXVM_FEATURE_AMD:
        return has && b->amd;
    case AXVM_FEATURE_SMP:
        return cfg->vcpu_count > 1;
    case AXVM_FEATURE_AMD_SMP:
        return b->amd && cfg->vcpu_count > 1;
    case AXVM_FEATURE_XSAVE:
        return has && b->c->limits.xcr0 != 0;
    case AXVM_FEATURE_RDTSCP:
        return has && !cfg->no_rdtscp;
    case AXVM_FEATURE_INVPCID:
        return has && !cfg->no_invpcid;
    case AXVM_FEATURE_INVTSC:
        return cfg->invariant_tsc;
    }
    return false;
}

static void add_features(struct build *b)
{
    for (unsigned int i = 0; i < axvm_feature_count; i++) {
        const struct axvm_feature *f = &axvm_features[i];
        struct axvm_cpuid_entry *e = b->c->entry + (axvm_cpuid_find(b->c, f->leaf, f->subleaf) - b->c->entry);

        /* entry[0] stays zero: the leaf is not offered. */
        if (e != b->c->entry && feature_visible(b, f))
            e->r[f->reg] |= 1u << f->bit;
    }
}

/* ---- XSAVE ---- */

/* Components that host and backend have; each feature's only together with what it needs. */
static uint64_t xcr0_offered(const struct build *b)
{
    const uint32_t *r = host(b, 0xd, 0);
    uint64_t x = (r[AXVM_EAX] | (uint64_t)r[AXVM_EDX] << 32) & b->cfg->xcr0 & XCR0_KNOWN;

    if ((host(b, 1, 0)[AXVM_ECX] >> 26 & 1) == 0 || (x & (XCR0_X87 | XCR0_SSE)) != (XCR0_X87 | XCR0_SSE))
        return 0;
    if (!(x & XCR0_AVX) || (x & XCR0_AVX512) != XCR0_AVX512)
        x &= ~XCR0_AVX512;
    return x;
}

static void add_xsave_component(struct build *b, uint32_t i)
{
    const uint32_t *h = host(b, 0xd, i);
    uint32_t *r = add(b, 0xd, i, AXVM_CPUID_STATIC);

    if ((b->c->limits.xcr0 >> i & 1) == 0)
        return;
    r[AXVM_EAX] = h[AXVM_EAX];
    r[AXVM_EBX] = h[AXVM_EBX];
    r[AXVM_ECX] = h[AXVM_ECX] & 2; /* 64-byte alignment in the compacted format; bit 0 is for IA32_XSS */
    b->c->xsave[i] = (struct axvm_xsave_component){ h[AXVM_EAX], h[AXVM_EBX] };
}

static void add_xsave(struct build *b)
{
    uint64_t xcr0 = b->c->limits.xcr0;
    uint32_t *r;

    if (xcr0 == 0)
        return;
    r = add(b, 0xd, 0, AXVM_CPUID_DYN_XSAVE);
    add(b, 0xd, 1, AXVM_CPUID_STATIC); /* XSAVEC is not offered, so EBX has nothing to say */
    for (uint32_t i = 2; i < AXVM_XSAVE_COMPONENTS; i++)
        add_xsave_component(b, i);
    set_subleaves(b, 0xd, AXVM_XSAVE_COMPONENTS);
    r[AXVM_EAX] = (uint32_t)xcr0;
    r[AXVM_ECX] = axvm_cpuid_xsave_size(b->c, xcr0);
    r[AXVM_EDX] = (uint32_t)(xcr0 >> 32);
}

/* ---- topology: one package, a core per vCPU, one thread each ---- */

#define CACHE_TYPE AXVM_BITS(4, 0)
#define CACHE_LEVEL AXVM_BITS(7, 5)
#define CACHE_GEOMETRY AXVM_BITS(9, 0) /* type, level, self initializing, fully associative */
#define CACHE_SHARING AXVM_BITS(25, 14)
#define CACHE_CORES AXVM_BITS(31, 26) /* Intel */

/* The host's caches, but shared as the guest's cores would: the first two levels are a core's own. */
static void add_caches(struct build *b, uint32_t leaf)
{
    uint32_t n = 0, ids = (1u << b->shift) - 1;

    for (; n < 4; n++) {
        const uint32_t *h = host(b, leaf, n);
        uint32_t *r;

        if (axvm_field(h[AXVM_EAX], CACHE_TYPE) == 0)
            break;
        r = add(b, leaf, n, AXVM_CPUID_STATIC);
        r[AXVM_EAX] = h[AXVM_EAX] & (uint32_t)CACHE_GEOMETRY;
        if (axvm_field(h[AXVM_EAX], CACHE_LEVEL) >= 3)
            r[AXVM_EAX] |= (uint32_t)axvm_put_field(CACHE_SHARING, ids);
        if (!b->amd)
            r[AXVM_EAX] |= (uint32_t)axvm_put_field(CACHE_CORES, axvm_min(ids, 63));
        r[AXVM_EBX] = h[AXVM_EBX];
        r[AXVM_ECX] = h[AXVM_ECX];
        r[AXVM_EDX] = h[AXVM_EDX] & 7;
    }
    if (n != 0)
        set_subleaves(b, leaf, n);
}

enum { TOPOLOGY_SMT = 1 << 8, TOPOLOGY_CORE = 2 << 8 };

static void add_topology(struct build *b)
{
    uint32_t *r = add(b, 0xb, 0, AXVM_CPUID_DYN_X2APIC);

    r[AXVM_EBX] = 1;
    r[AXVM_ECX] = TOPOLOGY_SMT;
    r = add(b, 0xb, 1, AXVM_CPUID_DYN_X2APIC);
    r[AXVM_EAX] = b->shift;
    r[AXVM_EBX] = b->cfg->vcpu_count;
    r[AXVM_ECX] = TOPOLOGY_CORE;
    b->c->basic[0xb].beyond = (uint8_t)b->c->count;
    add(b, 0xb, 2, AXVM_CPUID_DYN_X2APIC);
    set_subleaves(b, 0xb, 2);
}

/* ---- frequencies ---- */

static uint64_t distance(uint64_t tsc, uint64_t crystal, uint64_t num, uint64_t den)
{
    uint64_t x = tsc * den, y = crystal * num;

    return x > y ? x - y : y - x;
}

/*
 * The best tsc/crystal = num/den for which crystal * num, in kHz, fits 32 bits, as guests multiply before they divide: a
 * continued fraction, the last step as far as there is room. At 1 GHz it is right to 1 ppm nearly everywhere, and to 120 ppm
 * beside small whole ratios.
 */
static void ratio(uint64_t tsc, uint64_t crystal, uint32_t *num, uint32_t *den)
{
    uint64_t p0 = 0, p1 = 1, q0 = 1, q1 = 0, n = tsc, d = crystal, limit = UINT32_MAX / crystal;

    /* Quotients of Euclid's algorithm on 32-bit numbers: at most 47. */
    while (d != 0) {
        uint64_t a = n / d, rest = n % d, room = p1 != 0 ? (limit - p0) / p1 : UINT32_MAX, p2, q2;

        a = axvm_min(a, room);
        p2 = a * p1 + p0;
        q2 = a * q1 + q0;
        if (a == room) {
            /* A shortened step may be worse than none. */
            if (q1 == 0 || (q2 <= UINT32_MAX && distance(tsc, crystal, p2, q2) * q1 < distance(tsc, crystal, p1, q1) * q2)) {
                p1 = p2;
                q1 = q2;
            }
            break;
        }
        p0 = p1;
        p1 = p2;
        q0 = q1;
        q1 = q2;
        n = d;
        d = rest;
    }
    *num = (uint32_t)p1;
    *den = (uint32_t)q1;
}

static void add_frequencies(struct build *b)
{
    uint32_t tsc = b->cfg->tsc_khz, crystal = b->cfg->apic_timer_khz, *r;

    if (tsc == 0)
        return;
    if (crystal != 0 && crystal <= UINT32_MAX / 1000) {
        uint32_t num, den;

        ratio(tsc, crystal, &num, &den);
        if (num != 0 && den != 0) {
            r = add(b, 0x15, 0, AXVM_CPUID_STATIC);
            r[AXVM_EAX] = den;
            r[AXVM_EBX] = num;
            r[AXVM_ECX] = crystal * 1000;
        }
    }
    r = add(b, 0x16, 0, AXVM_CPUID_STATIC);
    r[AXVM_EAX] = r[AXVM_EBX] = (tsc + 500) / 1000;
    r[AXVM_ECX] = 100;
}

/* ---- leaf by leaf ---- */

static void add_leaf1(struct build *b)
{
    const uint32_t *h = host(b, 1, 0);
    uint32_t *r = add(b, 1, 0, AXVM_CPUID_DYN_LEAF1), n = b->cfg->vcpu_count;

    r[AXVM_EAX] = h[AXVM_EAX];
    r[AXVM_EBX] = h[AXVM_EBX] & 0xff00; /* CLFLUSH line */
    if (n > 1)
        r[AXVM_EBX] |= (uint32_t)axvm_min(b->amd ? n : 1u << b->shift, 255) << 16;
}

static void add_basic(struct build *b)
{
    const uint32_t *h = host(b, 0, 0);
    uint32_t *r = add(b, 0, 0, AXVM_CPUID_STATIC), max = h[AXVM_EAX] >= 0x1f && !b->amd ? 0x1f : 0x16;

    r[AXVM_EAX] = max;
    r[AXVM_EBX] = h[AXVM_EBX];
    r[AXVM_ECX] = h[AXVM_ECX];
    r[AXVM_EDX] = h[AXVM_EDX];
    add_leaf1(b);
    if (!b->amd) {
        copy(b, 2);
        add_caches(b, 4);
    }
    add(b, 6, 0, AXVM_CPUID_STATIC);
    add(b, 7, 0, AXVM_CPUID_STATIC)[AXVM_EAX] = 1; /* the last subleaf */
    add(b, 7, 1, AXVM_CPUID_STATIC);
    set_subleaves(b, 7, 2);
    add_topology(b);
    add_xsave(b);
    add_frequencies(b);
    if (max == 0x1f)
        b->c->basic[0x1f] = b->c->basic[0xb];
    if (b->amd)
        return;
    b->c->out_of_range = b->c->basic[max];
    for (uint32_t leaf = max + 1; leaf < AXVM_CPUID_BASIC_LEAVES; leaf++)
        b->c->basic[leaf] = b->c->out_of_range;
}

static void set_signature(uint32_t *r, const char *name)
{
    for (unsigned int i = 0; i < 12; i++)
        r[AXVM_EBX + i / 4] |= (uint32_t)(uint8_t)name[i] << 8 * (i % 4);
}

/* KVM's feature bits: "KVM CPUID bits" of Linux' documentation. The clock at its newer MSRs, stable; steal time. */
#define KVM_CLOCK_FEATURES (1u << 3 | 1u << 24 | 1u << 5)

/*
 * Linux finds KVM's signature at any multiple of 100h. Without a hypervisor that it knows it distrusts the x2APIC mode, as
 * there is no interrupt remapping, and would make an exit of several instructions' emulation of each EOI.
 */
static void add_kvm(struct build *b)
{
    uint32_t *r = add(b, AXVM_CPUID_KVM, 0, AXVM_CPUID_STATIC);

    r[AXVM_EAX] = AXVM_CPUID_KVM + AXVM_CPUID_KVM_LEAVES - 1;
    set_signature(r, "KVMKVMKVM\0\0");
    add(b, AXVM_CPUID_KVM + 1, 0, AXVM_CPUID_STATIC)[AXVM_EAX] = b->cfg->pv_clock ? KVM_CLOCK_FEATURES : 0;
}

static void add_hypervisor(struct build *b)
{
    uint32_t *r = add(b, AXVM_CPUID_HYPERVISOR, 0, AXVM_CPUID_STATIC);

    r[AXVM_EAX] = AXVM_CPUID_HYPERVISOR + AXVM_CPUID_HYPERVISOR_LEAVES - 1;
    set_signature(r, "AXVMAXVMAXVM");
    add_kvm(b);
    if (b->cfg->tsc_khz == 0)
        return;
    r = add(b, AXVM_CPUID_HYPERVISOR + 0x10, 0, AXVM_CPUID_STATIC);
    r[AXVM_EAX] = b->cfg->tsc_khz;
    r[AXVM_EBX] = b->cfg->apic_timer_khz;
}

static void add_address_sizes(struct build *b)
{
    uint32_t *r = add(b, 0x80000008, 0, AXVM_CPUID_STATIC);

    r[AXVM_EAX] = b->c->limits.phys_bits | (uint32_t)b->c->limits.linear_bits << 8;
    if (b->amd)
        r[AXVM_ECX] = (b->cfg->vcpu_count - 1) | b->shift << 12;
}

static void add_amd(struct build *b, uint32_t max)
{
    copy(b, 0x80000019);
    copy(b, 0x8000001a);
    if (host(b, 0x80000001, 0)[AXVM_ECX] >> 22 & 1) {
        add_caches(b, 0x8000001d);
        add(b, 0x8000001e, 0, AXVM_CPUID_DYN_EXT1E);
    }
    if (max >= 0x80000021)
        add(b, 0x80000021, 0, AXVM_CPUID_STATIC);
}

static void add_extended(struct build *b)
{
    const uint32_t *h = host(b, AXVM_CPUID_EXTENDED, 0);
    uint32_t last = AXVM_CPUID_EXTENDED + AXVM_CPUID_EXTENDED_LEAVES - 1;
    uint32_t max = b->amd ? (uint32_t)axvm_min(axvm_max(h[AXVM_EAX], 0x80000008), last) : 0x80000008;
    uint32_t *r = add(b, AXVM_CPUID_EXTENDED, 0, AXVM_CPUID_STATIC);

    r[AXVM_EAX] = max;
    if (b->amd) {
        for (unsigned int i = AXVM_EBX; i <= AXVM_EDX; i++)
            r[i] = host(b, 0, 0)[i];
    }
    r = add(b, 0x80000001, 0, b->amd ? AXVM_CPUID_DYN_EXT1 : AXVM_CPUID_STATIC);
    r[AXVM_EAX] = b->amd ? host(b, 0x80000001, 0)[AXVM_EAX] : 0;
    r[AXVM_EBX] = b->amd ? host(b, 0x80000001, 0)[AXVM_EBX] & 0xf0000000 : 0; /* package type */
    for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; leaf++)
        copy(b, leaf); /* the processor's name */
    if (b->amd)
        copy(b, 0x80000005);
    copy(b, 0x80000006);
    add(b, 0x80000007, 0, AXVM_CPUID_STATIC);
    add_address_sizes(b);
    if (b->amd)
        add_amd(b, max);
    for (uint32_t leaf = max + 1; leaf <= last; leaf++)
        b->c->extended[leaf - AXVM_CPUID_EXTENDED] = b->c->out_of_range;
}

/* ---- what follows for registers ---- */

/* Those that leaves depend on. */
static void set_early_limits(struct build *b)
{
    struct axvm_x86_limits *lim = &b->c->limits;
    uint32_t bits = host(b, 0x80000008, 0)[AXVM_EAX] & 0xff;

    lim->amd = b->amd;
    lim->linear_bits = 48;
    lim->phys_bits = (uint8_t)axvm_min(bits != 0 ? bits : 36, b->cfg->phys_bits != 0 ? b->cfg->phys_bits : 52);
    lim->gpa_mask = AXVM_BITS(lim->phys_bits - 1, 0);
    lim->xcr0 = xcr0_offered(b);
    lim->pv_clock = b->cfg->pv_clock;
    lim->tsc_khz = b->cfg->tsc_khz;
}

void axvm_cpuid_init(struct axvm_cpuid *c, const struct axvm_cpuid_host *host_leaves, const struct axvm_cpuid_config *cfg)
{
    struct build b = { .c = c, .host = host_leaves, .cfg = cfg, .amd = axvm_cpuid_host_is_amd(host_leaves) };

    *c = (struct axvm_cpuid){ .count = 1 };
    while (1u << b.shift < cfg->vcpu_count)
        b.shift++;
    set_early_limits(&b);
    add_basic(&b);
    add_hypervisor(&b);
    add_extended(&b);
    add_features(&b);
    axvm_cpuid_limit(c);
}
