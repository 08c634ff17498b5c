/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions for the guest: inject.c on registers in memory, or, live, on copies of those that are in the CPU. */
#include "raise.h"

#include "inject.h"
#include "switch.h"
#include "sysreg.h"

/* What inject.c looks at. */
static void fetch(struct axvm_arch_vcpu *v, bool vhe)
{
    v->pc = axvm_sysreg_read(elr_el2);
    v->pstate = axvm_sysreg_read(spsr_el2);
    v->el1.vbar = vhe ? axvm_sysreg_read(VBAR_EL12) : axvm_sysreg_read(vbar_el1);
    v->el1.sctlr = vhe ? axvm_sysreg_read(SCTLR_EL12) : axvm_sysreg_read(sctlr_el1);
    v->el1.far = vhe ? axvm_sysreg_read(FAR_EL12) : axvm_sysreg_read(far_el1);
}

/* What it changes. */
static void put(const struct axvm_arch_vcpu *v, bool vhe)
{
    axvm_sysreg_write(elr_el2, v->pc);
    axvm_sysreg_write(spsr_el2, v->pstate);
    if (vhe) {
        axvm_sysreg_write(ELR_EL12, v->el1.elr);
        axvm_sysreg_write(SPSR_EL12, v->el1.spsr);
        axvm_sysreg_write(ESR_EL12, v->el1.esr);
        axvm_sysreg_write(FAR_EL12, v->el1.far);
    } else {
        axvm_sysreg_write(elr_el1, v->el1.elr);
        axvm_sysreg_write(spsr_el1, v->el1.spsr);
        axvm_sysreg_write(esr_el1, v->el1.esr);
        axvm_sysreg_write(far_el1, v->el1.far);
    }
}

void axvm_raise_undef_live(struct axvm_vcpu *vcpu)
{
    bool vhe = vcpu->arch.cpu->arch.vhe;

    fetch(&vcpu->arch, vhe);
    axvm_inject_undef(&vcpu->arch, &vcpu->vm->arch);
    put(&vcpu->arch, vhe);
}

void axvm_raise_abort_live(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, enum axvm_fsc fsc)
{
    bool vhe = vcpu->arch.cpu->arch.vhe;

    fetch(&vcpu->arch, vhe);
    axvm_inject_abort(&vcpu->arch, &vcpu->vm->arch, esr, far, fsc);
    put(&vcpu->arch, vhe);
}

void axvm_raise_undef(struct axvm_vcpu *vcpu)
{
    axvm_inject_undef(&vcpu->arch, &vcpu->vm->arch);
    vcpu->arch.resident_on = NULL;
}

void axvm_raise_abort(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, enum axvm_fsc fsc)
{
    axvm_inject_abort(&vcpu->arch, &vcpu->vm->arch, esr, far, fsc);
    vcpu->arch.resident_on = NULL;
}
