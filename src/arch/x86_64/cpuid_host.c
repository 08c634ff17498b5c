/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own CPUID leaves. */
#include "bits.h"
#include "cpuid.h"

/* Subleaves are looked at from 0 up to the count here. */
static const struct {
    uint32_t leaf;
    uint8_t subleaves;
} wanted[] = {
    { 0, 1 },
    { 1, 1 },
    { 2, 1 },
    { 4, 5 },
    { 6, 1 },
    { 7, 2 },
    { 0xd, AXVM_XSAVE_COMPONENTS },
    { 0x15, 1 },
    { 0x16, 1 },
    { 0x80000000, 1 },
    { 0x80000001, 1 },
    { 0x80000002, 1 },
    { 0x80000003, 1 },
    { 0x80000004, 1 },
    { 0x80000005, 1 },
    { 0x80000006, 1 },
    { 0x80000007, 1 },
    { 0x80000008, 1 },
    { 0x8000000a, 1 },
    { 0x80000019, 1 },
    { 0x8000001a, 1 },
    { 0x8000001d, 5 },
    { 0x80000021, 1 },
};

static void run(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "0"(leaf), "2"(subleaf));
}

void axvm_cpuid_host_read(struct axvm_cpuid_host *host)
{
    uint32_t basic[4], extended[4];

    host->count = 0;
    run(0, 0, basic);
    run(AXVM_CPUID_EXTENDED, 0, extended);
    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(wanted); i++) {
        uint32_t leaf = wanted[i].leaf;

        /* Beyond the last leaf Intel's CPUs answer with that of another. */
        if (leaf > (leaf < AXVM_CPUID_EXTENDED ? basic[AXVM_EAX] : extended[AXVM_EAX]))
            continue;
        for (uint32_t s = 0; s < wanted[i].subleaves && host->count < AXVM_CPUID_HOST_MAX; s++) {
            struct axvm_cpuid_entry *e = &host->entry[host->count++];

            e->leaf = leaf;
            e->subleaf = s;
            e->dynamic = AXVM_CPUID_STATIC;
            run(leaf, s, e->r);
        }
    }
}

static const struct axvm_cpuid_entry nothing;

const struct axvm_cpuid_entry *axvm_cpuid_host_find(const struct axvm_cpuid_host *host, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < host->count; i++) {
        if (host->entry[i].leaf == leaf && host->entry[i].subleaf == subleaf)
            return &host->entry[i];
    }
    return &nothing;
}

bool axvm_cpuid_host_is_amd(const struct axvm_cpuid_host *host)
{
    const uint32_t *r = axvm_cpuid_host_find(host, 0, 0)->r;

    /* "AuthenticAMD", "HygonGenuine" */
    return (r[AXVM_EBX] == 0x68747541 && r[AXVM_EDX] == 0x69746e65 && r[AXVM_ECX] == 0x444d4163) ||
           (r[AXVM_EBX] == 0x6f677948 && r[AXVM_EDX] == 0x6e65476e && r[AXVM_ECX] == 0x656e6975);
}
