/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What CPU a guest sees: its CPUID leaves, computed once per VM from the host's, and what follows from them for control
 * registers and MSRs. Pure logic. Default deny: a feature is visible only if cpuid_features.c lists it and the host has it; a
 * leaf that is not listed in cpuid.c reads as zero. Intel SDM vol. 2A, "CPUID—CPU Identification"; AMD APM vol. 3, appendix E.
 */
#ifndef AXVM_X86_64_CPUID_H
#define AXVM_X86_64_CPUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* Registers in this order everywhere: what the instruction returns. */
enum axvm_cpuid_reg { AXVM_EAX, AXVM_EBX, AXVM_ECX, AXVM_EDX };

#define AXVM_CPUID_HYPERVISOR 0x40000000u
#define AXVM_CPUID_KVM 0x40000100u
#define AXVM_CPUID_EXTENDED 0x80000000u
/* One past the last leaf of each range that a guest can find something in. */
#define AXVM_CPUID_BASIC_LEAVES 0x20u
#define AXVM_CPUID_HYPERVISOR_LEAVES 0x11u
#define AXVM_CPUID_EXTENDED_LEAVES 0x22u
#define AXVM_CPUID_KVM_LEAVES 2u
#define AXVM_CPUID_MAX_ENTRIES 64u

/* What of an entry depends on the state of the vCPU that asks: axvm_cpuid_patch(). */
enum axvm_cpuid_dynamic {
    AXVM_CPUID_STATIC = 0,
    AXVM_CPUID_DYN_LEAF1,  /* APIC id, OSXSAVE, APIC */
    AXVM_CPUID_DYN_X2APIC, /* EDX: x2APIC id; ECX[7:0]: the subleaf */
    AXVM_CPUID_DYN_XSAVE,  /* EBX: bytes for XCR0 as it is, standard format */
    AXVM_CPUID_DYN_EXT1,   /* APIC (AMD) */
    AXVM_CPUID_DYN_EXT1E,  /* EAX: APIC id; EBX[7:0]: core id */
};

struct axvm_cpuid_entry {
    uint32_t leaf, subleaf;
    uint32_t r[4];
    uint32_t dynamic; /* enum axvm_cpuid_dynamic */
};

/* Where the entries of a leaf are, in entry[]; 0 is the entry of zeros. */
struct axvm_cpuid_index {
    uint8_t first;
    uint8_t subleaves; /* entries from first on, if ECX matters; otherwise 0 */
    uint8_t beyond;    /* answers all higher subleaves */
};

#define AXVM_XSAVE_COMPONENTS 8 /* x87, SSE, AVX, (MPX: 3, 4), AVX-512: 5..7 */
struct axvm_xsave_component {
    uint32_t size, offset;
};

/* What the guest's CPU lets it put into registers. Follows from the leaves. */
struct axvm_x86_limits {
    uint64_t cr4;        /* bits that may be set */
    uint64_t efer;       /* bits that may be set, LMA among them */
    uint64_t xcr0;       /* components that may be enabled; 0: no XSAVE */
    uint64_t gpa_mask;   /* address bits below the guest's MAXPHYADDR */
    uint8_t phys_bits;   /* the guest's MAXPHYADDR */
    uint8_t linear_bits; /* 48: LA57 is not offered */
    bool amd;            /* MSRs and corner cases are AMD's (and Hygon's) */
    bool tsc_aux;        /* RDTSCP or RDPID */
    bool pv_clock;       /* MSRs of the kvmclock ABI */
    uint32_t tsc_khz;
};

/* A VM's CPU. */
struct axvm_cpuid {
    struct axvm_cpuid_index basic[AXVM_CPUID_BASIC_LEAVES];
    struct axvm_cpuid_index hypervisor[AXVM_CPUID_HYPERVISOR_LEAVES];
    struct axvm_cpuid_index extended[AXVM_CPUID_EXTENDED_LEAVES];
    struct axvm_cpuid_index kvm[AXVM_CPUID_KVM_LEAVES];
    struct axvm_cpuid_entry entry[AXVM_CPUID_MAX_ENTRIES]; /* entry[0] is all zero: what is not there */
    struct axvm_xsave_component xsave[AXVM_XSAVE_COMPONENTS];
    struct axvm_x86_limits limits;
    uint32_t count;
    struct axvm_cpuid_index out_of_range; /* answers leaves beyond the last: on Intel's CPUs as the last basic one */
};

/* The host's leaves, as its CPUID gives them: those that axvm_cpuid_host_read() finds worth keeping. */
#define AXVM_CPUID_HOST_MAX 80u
struct axvm_cpuid_host {
    uint32_t count;
    struct axvm_cpuid_entry entry[AXVM_CPUID_HOST_MAX];
};

/* What the VM and the backend decide. */
struct axvm_cpuid_config {
    uint32_t vcpu_count;     /* APIC ids are 0 .. vcpu_count - 1: one package of that many cores */
    uint32_t phys_bits;      /* of the VM's guest-physical space; the guest sees the lesser of this and the host's */
    uint64_t xcr0;           /* components the backend can switch */
    uint32_t tsc_khz;        /* the guest's TSC; 0: unknown, and no leaf tells the frequency */
    uint32_t apic_timer_khz; /* what the local APIC's timer counts before its divider */
    bool invariant_tsc;      /* the guest's TSC runs at tsc_khz always, whatever CPU it is on */
    bool pv_clock;           /* kvmclock ABI */
    bool no_rdtscp;          /* the vendor part cannot give RDTSCP, RDPID */
    bool no_invpcid;         /* ... INVPCID */
};

/* State of the vCPU that asks. Only entries with dynamic != AXVM_CPUID_STATIC need it. */
struct axvm_cpuid_state {
    uint32_t apic_id;
    bool apic_enabled; /* IA32_APIC_BASE.EN */
    uint64_t cr4;
    uint64_t xcr0;
};

/* Run CPUID for all leaves that axvm_cpuid_init() looks at. */
void axvm_cpuid_host_read(struct axvm_cpuid_host *host);
/* A host leaf; zeros when it is not there. */
const struct axvm_cpuid_entry *axvm_cpuid_host_find(const struct axvm_cpuid_host *host, uint32_t leaf, uint32_t subleaf);
/* Intel's (and Zhaoxin's) rules, or AMD's (and Hygon's)? */
bool axvm_cpuid_host_is_amd(const struct axvm_cpuid_host *host);

void axvm_cpuid_init(struct axvm_cpuid *c, const struct axvm_cpuid_host *host, const struct axvm_cpuid_config *cfg);
/* Its part that follows from the leaves: cpuid_limits.c. */
void axvm_cpuid_limit(struct axvm_cpuid *c);

/* What CPUID answers; never NULL. r[] is final if dynamic == AXVM_CPUID_STATIC, otherwise axvm_cpuid_patch() makes it so. */
const struct axvm_cpuid_entry *axvm_cpuid_find(const struct axvm_cpuid *c, uint32_t leaf, uint32_t subleaf);
/* The same, of a basic leaf that is the same for all; NULL: ask axvm_cpuid_find(). */
static inline const struct axvm_cpuid_entry *axvm_cpuid_plain(const struct axvm_cpuid *c, uint32_t leaf)
{
    const struct axvm_cpuid_index *idx = &c->basic[axvm_nospec(leaf, AXVM_CPUID_BASIC_LEAVES)];
    const struct axvm_cpuid_entry *e = &c->entry[idx->first];

    return leaf < AXVM_CPUID_BASIC_LEAVES && idx->subleaves == 0 && e->dynamic == AXVM_CPUID_STATIC ? e : NULL;
}
/* @r: copy of e->r, to be adapted to the vCPU's state. */
void axvm_cpuid_patch(const struct axvm_cpuid *c, const struct axvm_cpuid_entry *e, uint32_t subleaf,
                      const struct axvm_cpuid_state *state, uint32_t r[4]);

/* Bytes of an XSAVE area in the standard format for these components. */
uint32_t axvm_cpuid_xsave_size(const struct axvm_cpuid *c, uint64_t xcr0);

#endif
