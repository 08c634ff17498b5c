/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CSRs of the Advanced Interrupt Architecture, of guests with an IMSIC that is a model: siselect, sireg, stopei, stopi. A CPU
 * that has them does siselect and stopi, and traps the two others, as there is no guest interrupt file (hstatus.VGEIN is 0):
 * "Control and Status Registers (CSRs) Added to Harts". On one that has not, all four are illegal instructions.
 */
#include "../../devices/imsic.h"
#include "bits.h"
#include "hs.h"

/* What an instruction does to a CSR: cleared bits, then set bits; @write even where it does not change any. */
struct change {
    uint64_t clear, set;
    bool write;
};

/* "Zicsr": CSRRW always writes; the others do unless their operand is x0 or 0. */
static struct change change_by(const struct axvm_vcpu *vcpu, uint32_t insn)
{
    uint32_t op = insn >> 12 & 3, field = insn >> 15 & 31;
    uint64_t val = insn & 0x4000 ? field : vcpu->arch.gpr[field];

    if (op == 1)
        return (struct change){ UINT64_MAX, val, true };
    if (field == 0)
        return (struct change){ 0, 0, false };
    return op == 2 ? (struct change){ 0, val, true } : (struct change){ val, 0, true };
}

/* vsiselect is the guest's siselect where there is one; elsewhere it is memory. "at least a 9-bit range". */
static uint64_t siselect(struct axvm_vcpu *vcpu, const struct change *c)
{
    uint64_t old = vcpu->arch.vs.vsiselect;

    vcpu->arch.vs.vsiselect = ((old & ~c->clear) | c->set) & 0xfff;
    return old;
}

/* False: no such register. The priorities of major interrupts (0x30..) cannot be changed: "may be read-only zeros". */
static bool sireg(struct axvm_vcpu *vcpu, const struct change *c, uint64_t *old)
{
    uint64_t reg = vcpu->vm->arch.iselect ? axvm_csr_read(CSR_VSISELECT) : vcpu->arch.vs.vsiselect;

    *old = 0;
    if (reg >= 0x30 && reg < 0x40)
        return reg % 2 == 0;
    return reg < AXVM_IMSIC_END && axvm_imsic_register(vcpu->vm->arch.imsic, vcpu->id, (uint32_t)reg, c->clear, c->set, old);
}

/* The interrupt that would be taken, in "Default priority order": external, software, timer. Not from vsip, which in QEMU 7.2
 * does not show all that is pending. */
static uint64_t stopi(const struct axvm *vm)
{
    uint64_t pending = axvm_csr_read(CSR_HVIP), id;

    if (vm->arch.sstc && axvm_guest_time(vm) >= axvm_csr_read(CSR_VSTIMECMP))
        pending |= IRQ_VST;
    pending &= axvm_csr_read(CSR_HIE);
    id = pending & IRQ_VSE ? 9 : pending & IRQ_VSS ? 1 : pending & IRQ_VST ? 5 : 0;

    return id != 0 ? id << 16 | 1 : 0;
}

uint64_t axvm_exit_csr_aia(struct axvm_vcpu *vcpu, uint32_t insn)
{
    struct change c = change_by(vcpu, insn);
    uint32_t rd = insn >> 7 & 31;
    bool there = true;
    uint64_t old = 0;

    switch (insn >> 20) {
    case CSR_STOPEI:
        old = axvm_imsic_topei(vcpu->vm->arch.imsic, vcpu->id, c.write);
        break;
    case CSR_SIREG:
        there = sireg(vcpu, &c, &old);
        break;
    case CSR_SISELECT:
        old = siselect(vcpu, &c);
        break;
    default:
        old = stopi(vcpu->vm);
        there = !c.write;
    }
    if (!there) {
        axvm_raise_live(vcpu, CAUSE_ILLEGAL, insn);
        return AXVM_TRAP_RESUME;
    }
    if (rd != 0)
        vcpu->arch.gpr[rd] = old;
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + 4);
    return AXVM_TRAP_RESUME;
}
