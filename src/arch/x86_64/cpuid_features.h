/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which feature bits a guest can see, one row a bit: the whole decision. A bit without a row reads as zero. Names are those of
 * the manuals: Intel SDM vol. 2A, "CPUID—CPU Identification"; AMD APM vol. 3, appendix E.
 */
#ifndef AXVM_X86_64_CPUID_FEATURES_H
#define AXVM_X86_64_CPUID_FEATURES_H

#include <stdint.h>

enum axvm_feature_rule {
    AXVM_FEATURE_HOST,    /* if the host has it: needs nothing of us, or what it needs is virtualized */
    AXVM_FEATURE_ALWAYS,  /* ours, on any host */
    AXVM_FEATURE_AMD,     /* if the host has it and is AMD's; there the bit means something else, or nothing, on Intel */
    AXVM_FEATURE_SMP,     /* with more than one vCPU */
    AXVM_FEATURE_AMD_SMP, /* both */
    AXVM_FEATURE_XSAVE,   /* if the host has it and the backend can switch XSAVE state */
    AXVM_FEATURE_RDTSCP,  /* if the host has it and the vendor part can give it: axvm_cpuid_config */
    AXVM_FEATURE_INVPCID,
    AXVM_FEATURE_INVTSC, /* as the configuration says */
};

struct axvm_feature {
    uint32_t leaf;
    uint8_t subleaf;
    uint8_t reg; /* enum axvm_cpuid_reg */
    uint8_t bit;
    uint8_t rule;       /* enum axvm_feature_rule */
    uint8_t needs_xcr0; /* only if the guest may enable these components of XCR0 */
};

extern const struct axvm_feature axvm_features[];
extern const unsigned int axvm_feature_count;

#endif
