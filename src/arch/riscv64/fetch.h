/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction at sepc, inline: for the short ways of device accesses. */
#ifndef AXVM_RISCV64_FETCH_H
#define AXVM_RISCV64_FETCH_H

#include "hs.h"

/* HLVX.HU and HLVX.WU, as axvm_hlvx_hu() and axvm_hlvx_wu() in entry.S: where it traps, execution goes on behind it. */
#define AXVM_HLVX(name, which)                                                                                                 \
    static inline bool name(uint64_t pc, uint64_t *insn)                                                                       \
    {                                                                                                                          \
        uint64_t ok = 0, stvec, val = 0;                                                                                       \
                                                                                                                               \
        __asm__ volatile("lla %[stvec], 1f\n\t"                                                                                \
                         "csrrw %[stvec], stvec, %[stvec]\n\t"                                                                 \
                         ".insn r 0x73, 0x4, " which ", %[val], %[pc], x3\n\t"                                                 \
                         "li %[ok], 1\n\t"                                                                                     \
                         ".balign 4\n"                                                                                         \
                         "1:\tcsrw stvec, %[stvec]"                                                                            \
                         : [ok] "+&r"(ok), [stvec] "=&r"(stvec), [val] "+&r"(val)                                              \
                         : [pc] "r"(pc)                                                                                        \
                         : "memory");                                                                                          \
        *insn = val;                                                                                                           \
        return ok != 0;                                                                                                        \
    }
AXVM_HLVX(axvm_fetch_half, "0x32")
AXVM_HLVX(axvm_fetch_word, "0x34")

/*
 * A trap of HLVX has overwritten what the guest's own had left. hstatus.SPVP still says where the guest was, and sstatus.SPIE
 * is clear while a guest runs: axvm_arch_vcpu_reset().
 */
static inline void axvm_fetch_undo(uint64_t pc)
{
    axvm_csr_set(CSR_HSTATUS, HSTATUS_SPV);
    axvm_csr_clear(CSR_SSTATUS, SSTATUS_SPIE | SSTATUS_SPP);
    if (axvm_csr_read(CSR_HSTATUS) & HSTATUS_SPVP)
        axvm_csr_set(CSR_SSTATUS, SSTATUS_SPP);
    axvm_csr_write(CSR_SEPC, pc);
}

/* False: not any more; the guest shall try again. */
static inline bool axvm_fetch_quick(uint64_t pc, uint64_t *insn)
{
    uint64_t low, high = 0;

    /* What follows a compressed instruction may be on a page that is not there. */
    if ((pc & 3) == 0 ? axvm_fetch_word(pc, &low)
                      : axvm_fetch_half(pc, &low) && ((low & 3) != 3 || axvm_fetch_half(pc + 2, &high))) {
        *insn = low | high << 16;
        return true;
    }
    axvm_fetch_undo(pc);
    return false;
}

#endif
