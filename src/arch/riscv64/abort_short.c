/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way of the commonest exit: a plain load or store, not compressed, on the device that this vCPU used last, which is of the
 * fast tier. Whatever is not so, abort.c does; nothing has happened then.
 */
#include <axvm/err.h>

#include "bits.h"
#include "hs.h"

#define OP_LOAD 0x03u
#define OP_STORE 0x23u

#ifdef __riscv
/* HLVX.HU and HLVX.WU, as axvm_hlvx_hu() and axvm_hlvx_wu() in entry.S. */
#define HLVX(name, which)                                                                                                      \
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
HLVX(fetch_half, "0x32")
HLVX(fetch_word, "0x34")
#else
#define fetch_half(pc, insn) axvm_hlvx_hu(pc, insn)
#define fetch_word(pc, insn) axvm_hlvx_wu(pc, insn)
#endif

/* The instruction at sepc. False: not any more; the guest shall try again. */
static inline bool fetch(uint64_t pc, uint32_t *insn)
{
    uint64_t sstatus = axvm_csr_read(CSR_SSTATUS), hstatus = axvm_csr_read(CSR_HSTATUS);
    uint64_t low, high = 0;

    /* What follows a compressed instruction may be on a page that is not there. */
    if ((pc & 3) == 0 ? fetch_word(pc, &low) : fetch_half(pc, &low) && ((low & 3) != 3 || fetch_half(pc + 2, &high))) {
        *insn = (uint32_t)(low | high << 16);
        return true;
    }
    axvm_csr_write(CSR_HSTATUS, hstatus);
    axvm_csr_write(CSR_SSTATUS, sstatus);
    axvm_csr_write(CSR_SEPC, pc);
    return false;
}

static inline bool is_fast(const struct axvm_bus_slot *slot, uint64_t gpa)
{
    return slot && gpa - slot->base < slot->len && (slot->dev->flags & AXVM_DEVICE_FAST);
}

bool axvm_short_load(struct axvm_vcpu *vcpu, uint64_t gpa, uint64_t va)
{
    struct axvm_access acc = { .off = gpa, .vcpu = vcpu };
    uint64_t pc = axvm_csr_read(CSR_SEPC);
    unsigned int funct3;
    uint32_t insn;

    if (!is_fast(vcpu->hit[AXVM_BUS_MMIO], gpa))
        return false;
    /* The trap's registers are gone. */
    if (!fetch(pc, &insn))
        return true;
    if ((insn & 0x7f) != OP_LOAD)
        return false;
    funct3 = insn >> 12 & 7;
    acc.size = (uint8_t)(1u << (funct3 & 3));
    if (funct3 == 7 || (gpa & (acc.size - 1u)) != 0 || vcpu->arch.gpr[insn >> 15 & 31] + (uint64_t)((int64_t)(int32_t)insn >> 20) != va)
        return false;
    if (axvm_bus_access(&vcpu->vm->bus[AXVM_BUS_MMIO], &vcpu->hit[AXVM_BUS_MMIO], &acc, false) != AXVM_OK)
        return false;
    if ((insn >> 7 & 31) != 0)
        vcpu->arch.gpr[insn >> 7 & 31] = axvm_extend(acc.val, acc.size, (funct3 & 4) == 0);
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    axvm_csr_write(CSR_SEPC, pc + 4);
    return true;
}

bool axvm_short_store(struct axvm_vcpu *vcpu, uint64_t gpa, uint64_t va)
{
    struct axvm_access acc = { .off = gpa, .vcpu = vcpu };
    uint64_t pc = axvm_csr_read(CSR_SEPC), offset;
    unsigned int funct3;
    uint32_t insn;

    if (!is_fast(vcpu->hit[AXVM_BUS_MMIO], gpa))
        return false;
    /* The trap's registers are gone. */
    if (!fetch(pc, &insn))
        return true;
    if ((insn & 0x7f) != OP_STORE)
        return false;
    funct3 = insn >> 12 & 7;
    acc.size = (uint8_t)(1u << (funct3 & 3));
    offset = (uint64_t)((int64_t)(int32_t)(insn & 0xfe000000u) >> 20) | (insn >> 7 & 31);
    if (funct3 > 3 || (gpa & (acc.size - 1u)) != 0 || vcpu->arch.gpr[insn >> 15 & 31] + offset != va)
        return false;
    acc.val = axvm_extend(vcpu->arch.gpr[insn >> 20 & 31], acc.size, false);
    if (axvm_bus_access(&vcpu->vm->bus[AXVM_BUS_MMIO], &vcpu->hit[AXVM_BUS_MMIO], &acc, true) != AXVM_OK)
        return false;
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    axvm_csr_write(CSR_SEPC, pc + 4);
    return true;
}
