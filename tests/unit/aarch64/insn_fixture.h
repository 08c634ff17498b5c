/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers for the tests of insn.c and insn_finish.c. */
#ifndef AXVM_TEST_INSN_FIXTURE_H
#define AXVM_TEST_INSN_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "bits.h"
#include "insn.h"

/* x0 and SP are addresses, x7..x9 offsets, the others hold X(n), SIMD&FP registers VLO(n) and VHI(n). */
#define BASE UINT64_C(0x40001100)
#define SP UINT64_C(0x40002200)
#define PC UINT64_C(0x40003100)
#define X(n) (UINT64_C(0xf0e1d2c3b4a59680) + (n))
#define VLO(n) (UINT64_C(0x8796a5b4c3d2e1f0) + (n))
#define VHI(n) (UINT64_C(0x1122334455667788) + (n))

static uint64_t gpr[31];
static struct axvm_fp_regs fp;
static struct axvm_insn_regs regs;

static inline int setup(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < AXVM_ARRAY_LEN(gpr); n++)
        gpr[n] = X(n);
    for (unsigned int n = 0; n < AXVM_ARRAY_LEN(fp.v); n++) {
        fp.v[n][0] = VLO(n);
        fp.v[n][1] = VHI(n);
    }
    gpr[0] = BASE;
    gpr[7] = 0x10;
    gpr[8] = (uint64_t)-16;
    gpr[9] = UINT64_C(0x100000020);
    regs = (struct axvm_insn_regs){ .gpr = gpr, .sp = SP, .pc = PC, .fp = &fp };
    return 0;
}

static inline int decode_at(uint32_t insn, uint64_t va, struct axvm_mmio *mmio)
{
    memset(mmio, 0xa5, sizeof(*mmio)); /* the decoder must not count on what was there */
    return axvm_insn_decode_ldst(insn, &regs, va, mmio);
}

#endif
