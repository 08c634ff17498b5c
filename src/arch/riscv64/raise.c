/* SPDX-License-Identifier: BSD-2-Clause */
/* Privileged Architecture, "Trap Entry" of the hypervisor extension: a trap into VS-mode, done by hand. */
#include "bits.h"
#include "hs.h"

static void count(struct axvm_vcpu *vcpu, uint64_t cause)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
    if (cause == CAUSE_ILLEGAL)
        axvm_pmu_event(vcpu, AXVM_PMU_ILLEGAL_INSN);
    else if (cause == CAUSE_LOAD_ACCESS)
        axvm_pmu_event(vcpu, AXVM_PMU_ACCESS_LOAD);
    else if (cause == CAUSE_STORE_ACCESS)
        axvm_pmu_event(vcpu, AXVM_PMU_ACCESS_STORE);
}

void axvm_raise_live(struct axvm_vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    bool from_s = (axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0;

    count(vcpu, cause);
    axvm_csr_write(CSR_VSSTATUS, axvm_vsstatus_after_trap(axvm_csr_read(CSR_VSSTATUS), from_s));
    axvm_csr_write(CSR_VSEPC, axvm_csr_read(CSR_SEPC));
    axvm_csr_write(CSR_VSCAUSE, cause);
    axvm_csr_write(CSR_VSTVAL, tval);
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_VSTVEC) & ~UINT64_C(3));
    axvm_set_privilege(true);
}

void axvm_raise(struct axvm_vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    count(vcpu, cause);
    v->vs.vsstatus = axvm_vsstatus_after_trap(v->vs.vsstatus, (v->sstatus & SSTATUS_SPP) != 0);
    v->vs.vsepc = v->pc;
    v->vs.vscause = cause;
    v->vs.vstval = tval;
    v->pc = v->vs.vstvec & ~UINT64_C(3);
    v->sstatus |= SSTATUS_SPP;
    v->hstatus |= HSTATUS_SPVP;
    v->resident_on = NULL;
}
