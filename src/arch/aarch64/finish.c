/* SPDX-License-Identifier: BSD-2-Clause */
/* The host tier of this backend: what follows an exit once it is answered. The guest's state is in memory. */
#include <axvm/err.h>

#include "arch.h"
#include "el2.h"
#include "insn.h"
#include "mem.h"
#include "psci.h"
#include "raise.h"
#include "registers.h"
#include "skip.h"

bool axvm_arch_mmio_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (mmio->space == AXVM_BUS_SYSREG) {
        if (!mmio->write && mmio->arch.reg[0] != 31)
            v->gpr[mmio->arch.reg[0]] = mmio->val[0];
    } else {
        axvm_insn_finish(v, mmio);
        /* Writeback may have changed SP_EL1. */
        if (mmio->arch.writeback)
            v->resident_on = NULL;
    }
    axvm_skip(&v->pc, &v->pstate, v->esr);
    return false;
}

bool axvm_arch_mmio_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
    if (mmio->space == AXVM_BUS_SYSREG)
        axvm_raise_undef(vcpu);
    else
        axvm_raise_abort(vcpu, vcpu->arch.esr, vcpu->arch.far, FSC_SEA);
    return false;
}

void axvm_arch_fault_refuse(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
    axvm_raise_abort(vcpu, vcpu->arch.esr, vcpu->arch.far, FSC_SEA);
}

void axvm_arch_hypercall_finish(struct axvm_vcpu *vcpu, bool answered, uint64_t value)
{
    vcpu->arch.gpr[0] = answered ? value : (uint64_t)PSCI_NOT_SUPPORTED;
}

void axvm_arch_error_deliver(struct axvm_vcpu *vcpu)
{
    vcpu->arch.hcr |= HCR_VSE;
}

/* ---- for dumps ---- */

#define REG AXVM_REGISTER
static const struct axvm_register_row registers[] = {
    REG("x0", gpr[0]),   REG("x1", gpr[1]),   REG("x2", gpr[2]),   REG("x3", gpr[3]),   REG("x4", gpr[4]),
    REG("x5", gpr[5]),   REG("x6", gpr[6]),   REG("x7", gpr[7]),   REG("x8", gpr[8]),   REG("x9", gpr[9]),
    REG("x10", gpr[10]), REG("x11", gpr[11]), REG("x12", gpr[12]), REG("x13", gpr[13]), REG("x14", gpr[14]),
    REG("x15", gpr[15]), REG("x16", gpr[16]), REG("x17", gpr[17]), REG("x18", gpr[18]), REG("x19", gpr[19]),
    REG("x20", gpr[20]), REG("x21", gpr[21]), REG("x22", gpr[22]), REG("x23", gpr[23]), REG("x24", gpr[24]),
    REG("x25", gpr[25]), REG("x26", gpr[26]), REG("x27", gpr[27]), REG("x28", gpr[28]), REG("x29", gpr[29]),
    REG("x30", gpr[30]), REG("pc", pc),       REG("pstate", pstate),
    REG("sp_el0", el0.sp_el0),           REG("sp_el1", el1.sp_el1),       REG("elr_el1", el1.elr),
    REG("spsr_el1", el1.spsr),           REG("esr_el1", el1.esr),         REG("far_el1", el1.far),
    REG("vbar_el1", el1.vbar),           REG("sctlr_el1", el1.sctlr),     REG("tcr_el1", el1.tcr),
    REG("ttbr0_el1", el1.ttbr0),         REG("ttbr1_el1", el1.ttbr1),     REG("mair_el1", el1.mair),
    REG("tpidr_el1", el1.tpidr_el1),     REG("tpidr_el0", el0.tpidr_el0), REG("cntv_ctl", vtimer.ctl),
    REG("cntv_cval", vtimer.cval),       REG("esr_el2", esr),             REG("far_el2", far),
};

int axvm_arch_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value)
{
    return axvm_register_read(vcpu, registers, AXVM_ARRAY_LEN(registers), index, name, value);
}
