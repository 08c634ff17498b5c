/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction at sepc, inline: for the short ways of device accesses. */
#ifndef AXVM_RISCV64_FETCH_H
#define AXVM_RISCV64_FETCH_H

#include "hs.h"

#ifdef __riscv
/* HLVX.WU, as axvm_hlvx_wu() in entry.S: where it traps, execution goes on behind it. */
static inline bool axvm_fetch_word(uint64_t pc, uint64_t *insn)
{
    uint64_t ok = 0, stvec, val = 0;

    __asm__ volatile("lla %[stvec], 1f\n\t"
                     "csrrw %[stvec], stvec, %[stvec]\n\t"
                     ".insn r 0x73, 0x4, 0x34, %[val], %[pc], x3\n\t"
                     "li %[ok], 1\n\t"
                     ".balign 4\n"
                     "1:\tcsrw stvec, %[stvec]"
                     : [ok] "+&r"(ok), [stvec] "=&r"(stvec), [val] "+&r"(val)
                     : [pc] "r"(pc)
                     : "memory");
    *insn = val;
    return ok != 0;
}
#else
#define axvm_fetch_word(pc, insn) axvm_hlvx_wu(pc, insn)
#endif

/* What a trap leaves of itself. */
struct axvm_trap_csrs {
    uint64_t sepc, scause, stval, htval;
};

/*
 * A trap of HLVX has overwritten what the guest's own had left. hstatus.SPVP still says where the guest was, and sstatus.SPIE
 * is clear while a guest runs: axvm_arch_vcpu_reset().
 */
static inline void axvm_fetch_undo(const struct axvm_trap_csrs *was)
{
    axvm_csr_set(CSR_HSTATUS, HSTATUS_SPV);
    axvm_csr_clear(CSR_SSTATUS, SSTATUS_SPIE | SSTATUS_SPP);
    if (axvm_csr_read(CSR_HSTATUS) & HSTATUS_SPVP)
        axvm_csr_set(CSR_SSTATUS, SSTATUS_SPP);
    axvm_csr_write(CSR_SEPC, was->sepc);
    axvm_csr_write(CSR_SCAUSE, was->scause);
    axvm_csr_write(CSR_STVAL, was->stval);
    axvm_csr_write(CSR_HTVAL, was->htval);
    axvm_csr_write(CSR_HTINST, 0);
}

/* The whole word at @pc is on one page. */
static inline bool axvm_is_whole_word(uint64_t pc)
{
    return (pc + 2) << (64 - AXVM_PAGE_SHIFT) != 0;
}

#endif
