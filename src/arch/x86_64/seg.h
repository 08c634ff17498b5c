/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment register with its hidden part, as SVM's VMCB lays it out: APM vol. 2, "VMCB State Save Area". */
#ifndef AXVM_X86_64_SEG_H
#define AXVM_X86_64_SEG_H

#include <stdint.h>

#include "bits.h"

/* attr */
#define SEG_TYPE AXVM_BITS(3, 0)
#define SEG_S AXVM_BIT(4) /* code or data, not system */
#define SEG_DPL AXVM_BITS(6, 5)
#define SEG_P AXVM_BIT(7)
#define SEG_AVL AXVM_BIT(8)
#define SEG_L AXVM_BIT(9)
#define SEG_DB AXVM_BIT(10)
#define SEG_G AXVM_BIT(11)
#define SEG_UNUSABLE AXVM_BIT(12) /* only VMX knows it; for SVM P is clear then */

struct axvm_x86_seg {
    uint16_t sel;
    uint16_t attr;
    uint32_t limit; /* in bytes, whatever SEG_G says */
    uint64_t base;
};

/* In the order of instruction encodings. */
enum axvm_x86_segreg {
    AXVM_X86_ES,
    AXVM_X86_CS,
    AXVM_X86_SS,
    AXVM_X86_DS,
    AXVM_X86_FS,
    AXVM_X86_GS,
    AXVM_X86_LDTR,
    AXVM_X86_TR,
    AXVM_X86_SEGS
};

#endif
