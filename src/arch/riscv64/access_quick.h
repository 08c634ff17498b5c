/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shortest way of the commonest exit: a plain load or store on the device that this vCPU used last, if that is of the fast
 * tier, and with a register that entry.S has saved. For all else axvm_exit() is called with all registers; nothing has happened
 * then.
 */
#ifndef AXVM_RISCV64_ACCESS_QUICK_H
#define AXVM_RISCV64_ACCESS_QUICK_H

#include <axvm/err.h>

#include "bits.h"
#include "fetch.h"

#define OP_LOAD 0x03u
#define OP_STORE 0x23u
/* Compressed: quadrant and funct3 of C.LW, C.LD, C.SW, C.SD. */
#define C_FORM 0xe003u
enum c_form { C_LW = 0x4000, C_LD = 0x6000, C_SW = 0xc000, C_SD = 0xe000 };

/* Bits of a load or store, compressed or not, brought to one form: register [11:7], funct3 [14:12]. */
#define FORM_REG(form) ((unsigned int)((form) >> 7 & 31))
#define FORM_UNSIGNED AXVM_BIT(14)

/* False: not decoded here. */
static inline bool decode_compressed(uint64_t insn, bool store, uint64_t *form)
{
    uint64_t kind = insn & C_FORM;

    *form = (insn >> 1 & 0x3000) | ((insn >> 2 & 7) + 8) << 7;
    return kind == (store ? C_SW : C_LW) || kind == (store ? C_SD : C_LD);
}

static inline bool decode(uint64_t insn, bool store, uint64_t *form, uint64_t *len)
{
    *len = 2;
    if ((insn & 0x7f) != (store ? OP_STORE : OP_LOAD))
        return decode_compressed(insn, store, form);
    *len = 4;
    *form = store ? (insn & 0x7000) | (insn >> 13 & 0xf80) : insn;
    /* There is no load of funct3 7: had it been there when the trap came, that would have been another trap. */
    return !store || (insn & 0x4000) == 0;
}

/* htinst: "Transformed Instruction": without offset and base; bit 1 is clear for a compressed one, which it describes all the
 * same. */
static inline bool decode_htinst(uint64_t htinst, bool store, uint64_t *form, uint64_t *len)
{
    uint64_t fields = store ? 0x1f07002u : 0x7f82u;

    *len = (htinst & 2) + 2;
    *form = store ? (htinst & 0x7000) | (htinst >> 13 & 0xf80) : htinst;
    return (htinst & ~fields) == ((store ? OP_STORE : OP_LOAD) & ~2u) && (htinst & 0x7000) < (store ? 0x4000 : 0x7000);
}

/*
 * An access that goes on from one page to the next may fault at the beginning of the second: then it is misaligned, which only
 * its base register tells. Elsewhere an address that is a multiple of the size is the access's own.
 */
static inline bool may_cross(uint64_t va)
{
    return va << (64 - AXVM_PAGE_SHIFT) == 0;
}

/* Is @va what the instruction says, as far as its base register has been saved? htinst tells by itself: "addr. offset". */
static inline bool begins_at(const struct axvm_vcpu *vcpu, uint64_t insn, bool store, uint64_t va)
{
    uint64_t imm = (uint64_t)((int64_t)(int32_t)insn >> 20);

    if (store)
        imm = (imm & ~UINT64_C(31)) | (insn >> 7 & 31);
    return (insn & 3) == 3 && axvm_is_caller_saved(insn >> 15 & 31) && vcpu->arch.gpr[insn >> 15 & 31] + imm == va;
}

static inline uint64_t extend_load(uint64_t val, uint64_t form, unsigned int size)
{
    return form & FORM_UNSIGNED ? val : axvm_extend(val, size, true);
}

/* Gone, or this CPU fetches no misaligned words. */
static inline uint64_t fetch_failed(uint64_t pc, uint64_t va, uint64_t gpa, bool write)
{
    const struct axvm_trap_csrs was = {
        .sepc = pc,
        .scause = write ? CAUSE_STORE_GUEST_PAGE : CAUSE_LOAD_GUEST_PAGE,
        .stval = va,
        .htval = gpa >> 2,
    };

    axvm_fetch_undo(&was);
    return AXVM_TRAP_SAVE_ALL;
}

static uint64_t quick_page_start(struct axvm_vcpu *vcpu, bool write);

static inline __attribute__((always_inline)) uint64_t quick_access(struct axvm_vcpu *vcpu, bool write, bool page_start)
{
    const struct axvm_bus_slot *slot = vcpu->hit[AXVM_BUS_MMIO];
    uint64_t pc = axvm_csr_read(CSR_SEPC), va = axvm_csr_read(CSR_STVAL), htinst, insn, form, size, len;
    uint64_t off = (axvm_csr_read(CSR_HTVAL) << 2 | (va & 3)) - slot->base, slot_len = slot->aligned_len;
    unsigned int reg;
    struct axvm_access acc;

    if (off >= slot_len)
        return axvm_quick_ram(vcpu, off + slot->base, write);
    if (!page_start && may_cross(va))
        return quick_page_start(vcpu, write);
    htinst = axvm_csr_read(CSR_HTINST);
    if (htinst == 0) {
        if (!axvm_is_whole_word(pc))
            return AXVM_TRAP_SAVE_ALL;
        if (!axvm_fetch_word(pc, &insn))
            return fetch_failed(pc, va, off + slot->base, write);
        if (!decode(insn, write, &form, &len) || (page_start && !begins_at(vcpu, insn, write, va)))
            return AXVM_TRAP_SAVE_ALL;
    } else if (!decode_htinst(htinst, write, &form, &len)) {
        return AXVM_TRAP_SAVE_ALL;
    }
    pc += len;
    size = UINT64_C(1) << (form >> 12 & 3);
    reg = FORM_REG(form);
    if (!axvm_is_caller_saved(reg) || (off & (size - 1)) != 0)
        return AXVM_TRAP_SAVE_ALL;
    acc.off = axvm_nospec(off, slot_len);
    acc.size = (uint8_t)size;
    __asm__ volatile("" : : : "memory"); /* or compilers build a halfword of it and the next member, which takes longer */
    acc.may_call_host = false;
    acc.vcpu = vcpu;
    if (write)
        acc.val = axvm_extend(vcpu->arch.gpr[reg], (unsigned int)size, false);
    if (axvm_bus_call(slot, &acc, write) != AXVM_OK)
        return AXVM_TRAP_SAVE_ALL;
    /* From memory what is there: each register that is not needed any more makes it shorter. */
    vcpu = acc.vcpu;
    if (!write && reg != 0)
        vcpu->arch.gpr[reg] = extend_load(acc.val, form, acc.size);
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    axvm_csr_write(CSR_SEPC, pc);
    return axvm_wake_trap(vcpu->vm);
}

/* A function of its own, so that others do not pay for it: MSIs are stores there. */
static __attribute__((noinline)) uint64_t quick_page_start(struct axvm_vcpu *vcpu, bool write)
{
    return write ? quick_access(vcpu, true, true) : (uint64_t)AXVM_TRAP_SAVE_ALL;
}

static inline __attribute__((always_inline)) uint64_t axvm_quick_access(struct axvm_vcpu *vcpu, bool write)
{
    return quick_access(vcpu, write, false);
}

#endif
