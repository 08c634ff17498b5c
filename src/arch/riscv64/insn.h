/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of the RV64IMAFDC instruction set, decoded. Plain logic: unit-tested natively. */
#ifndef AXVM_RISCV64_INSN_H
#define AXVM_RISCV64_INSN_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

enum axvm_insn_kind {
    AXVM_INSN_OTHER,  /* no load or store, or one that is not decoded here */
    AXVM_INSN_LOAD,
    AXVM_INSN_STORE,
    AXVM_INSN_AMO,    /* AMO, LR, SC: I/O memory has none */
};

struct axvm_insn {
    enum axvm_insn_kind kind;
    uint8_t len;  /* bytes of the instruction: 2, 4 */
    uint8_t size; /* bytes of the access */
    uint8_t reg;  /* loaded or stored */
    uint8_t base; /* register of the address */
    bool fp;      /* reg is an FP register */
    bool sign;    /* a load extends its sign */
    bool is_lr;   /* AXVM_INSN_AMO: faults as a load, the others as a store */
    int64_t offset;
};

/* "Expanded Instruction-Length Encoding": 16 bits unless the two lowest are ones. */
static inline bool axvm_insn_is_compressed(uint32_t insn)
{
    return (insn & 3) != 3;
}

/* Decode the instruction itself; the upper half of a compressed one does not matter. */
struct axvm_insn axvm_insn_decode(uint32_t insn);

/*
 * Decode htinst, which describes the access that trapped: Privileged Architecture, "Transformed Instruction or Pseudoinstruction for
 * mtinst or htinst". Only plain loads and stores at an undisplaced address are believed; for all else AXVM_INSN_OTHER: look at the
 * instruction.
 */
struct axvm_insn axvm_insn_decode_htinst(uint64_t htinst, bool store);

/* htinst says that the access was one of the guest's own page-table walk; @write: it was to set A or D bits. */
static inline bool axvm_htinst_is_walk(uint64_t htinst, bool *write)
{
    /* 0x2000, 0x3000: reads of 32 and 64 bits; with 0x20, writes. */
    *write = (htinst & 0x20) != 0;
    return (htinst & ~UINT64_C(0x1020)) == 0x2000;
}

#endif
