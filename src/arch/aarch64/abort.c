/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage-2 aborts: emulated devices, memory that is not there yet, and what the guest has no business touching. */
#include <axvm/err.h>

#include "arch.h"
#include "el2.h"
#include "esr.h"
#include "exit.h"
#include "insn.h"
#include "raise.h"
#include "skip.h"
#include "switch.h"
#include "sysreg.h"

#define PAR_F AXVM_BIT(0)
#define PAR_PA AXVM_BITS(51, 12)

/*
 * Stage 1 of the guest for @va, as the CPU would translate it now. False when it faults: another vCPU changed the tables. As EL1
 * would read it, also for EL0: there may be pages that EL0 can only execute, but EL1 reads all that there are.
 */
static bool translate(uint64_t va, uint64_t *gpa)
{
    uint64_t saved = axvm_sysreg_read(par_el1), par;
    uint64_t pc = axvm_sysreg_read(elr_el2), pstate = axvm_sysreg_read(spsr_el2);

    axvm_at_s1e1r(va);
    par = axvm_sysreg_read(par_el1);
    axvm_sysreg_write(par_el1, saved);
    /* Lost when the walk met an external abort. */
    axvm_sysreg_write(elr_el2, pc);
    axvm_sysreg_write(spsr_el2, pstate);
    if (par & PAR_F)
        return false;
    *gpa = (par & PAR_PA) | (va & (AXVM_PAGE_SIZE - 1));
    return true;
}

/* HPFAR_EL2 does not hold the address of a permission fault, but of one on a stage-1 walk: Arm ARM, "HPFAR_EL2". */
static bool fault_address(uint64_t esr, uint64_t far, uint64_t *gpa)
{
    if (axvm_esr_is_permission(esr) && !(esr & ESR_ABT_S1PTW))
        return translate(far, gpa);
    *gpa = axvm_field(axvm_sysreg_read(hpfar_el2), HPFAR_FIPA) << 12 | (far & (AXVM_PAGE_SIZE - 1));
    return true;
}

static uint64_t refuse(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far)
{
    enum axvm_fsc fsc = FSC_SEA;

    /* On a walk of the guest's own tables: the level is the one the CPU was at. */
    if (esr & ESR_ABT_S1PTW)
        fsc = FSC_SEA_WALK0 + (enum axvm_fsc)(esr & 3);
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
    axvm_raise_abort_live(vcpu, esr, far, fsc);
    return AXVM_TRAP_RESUME;
}

/* Leave for the host tier, where memory can be had. */
static uint64_t leave_for_memory(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa, uint32_t prot)
{
    vcpu->arch.esr = esr;
    vcpu->arch.far = far;
    vcpu->trap.gpa = axvm_gpa(gpa);
    vcpu->trap.prot = prot;
    return AXVM_TRAP_FAULT;
}

/* The syndrome does not describe the access: read the instruction. */
static uint64_t decode_and_leave(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa)
{
    uint64_t pc = axvm_sysreg_read(elr_el2), pstate = axvm_sysreg_read(spsr_el2), pc_gpa;
    struct axvm_insn_regs regs = { .gpr = vcpu->arch.gpr, .pc = pc };
    struct axvm_mmio *mmio = &vcpu->trap.mmio;
    uint32_t insn;

    if (pstate & PSR_M4_AARCH32)
        return refuse(vcpu, esr, far);
    /* Another vCPU may change tables and code under our hands: what cannot be fetched now is tried again by the guest. */
    if (!translate(pc, &pc_gpa))
        return AXVM_TRAP_RESUME;
    if (axvm_aspace_read(vcpu->vm, axvm_gpa(pc_gpa), &insn, sizeof(insn)) != AXVM_OK)
        return refuse(vcpu, esr, far);
    regs.sp = (pstate & PSR_MODE_MASK) == PSR_MODE_EL1H ? axvm_sysreg_read(sp_el1) : axvm_sysreg_read(sp_el0);
    if (axvm_insn_is_fp(insn)) {
        /* The trapped access has used FP, so the registers are loaded; the decoder wants them in memory. */
        if (!vcpu->arch.fp_loaded)
            return refuse(vcpu, esr, far);
        axvm_fp_save_regs(&vcpu->arch.fp);
        regs.fp = &vcpu->arch.fp;
    }
    /* A store where a load had trapped: replaced, and stage 1 may not allow it. */
    if (axvm_insn_decode_ldst(insn, &regs, far, mmio) != AXVM_OK || mmio->write != ((esr & ESR_ABT_WNR) != 0))
        return refuse(vcpu, esr, far);
    /* The decoder gives the first byte of the access, as a virtual address; the fault may be on a later one of that page. */
    mmio->addr = gpa - (far - mmio->addr);
    axvm_insn_check_exclusive(&vcpu->arch, mmio);
    vcpu->arch.esr = esr;
    vcpu->arch.far = far;
    return AXVM_TRAP_MMIO;
}

/* A load or store that the syndrome describes, on something that is not RAM. */
static uint64_t leave_for_device(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa)
{
    axvm_esr_to_mmio(esr, vcpu->arch.gpr, &vcpu->trap.mmio);
    vcpu->trap.mmio.addr = gpa;
    vcpu->arch.esr = esr;
    vcpu->arch.far = far;
    return AXVM_TRAP_MMIO;
}

/* No RAM there, or RAM that does not allow this. */
static uint64_t not_ram(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa, int why)
{
    /* Cache maintenance by address means nothing to a device, and to read-only memory. */
    if ((esr & ESR_ABT_CM) && !(esr & ESR_ABT_S1PTW)) {
        axvm_skip_live(esr);
        return AXVM_TRAP_RESUME;
    }
    if (why != AXVM_ERR_NOENT || (esr & ESR_ABT_S1PTW))
        return refuse(vcpu, esr, far);
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    if (esr & ESR_ABT_ISV)
        return leave_for_device(vcpu, esr, far, gpa);
    return decode_and_leave(vcpu, esr, far, gpa);
}

/* In the same GiB as the last fault on RAM: then memory is looked for first, and only where there is none a device. */
static bool near_ram(const struct axvm_vcpu *vcpu, uint64_t gpa)
{
    return (gpa ^ vcpu->arch.ram_hint) >> 30 == 0;
}

/* Memory that is yet to be mapped, or no memory at all. */
static uint64_t exit_ram(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa)
{
    uint32_t prot = (esr & ESR_ABT_WNR) && !(esr & (ESR_ABT_S1PTW | ESR_ABT_CM)) ? AXVM_PROT_WRITE : AXVM_PROT_READ;
    int rc = axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(gpa), prot);

    if (rc == AXVM_OK) {
        vcpu->arch.ram_hint = gpa;
        axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
        return AXVM_TRAP_RESUME;
    }
    if (rc == AXVM_ERR_AGAIN)
        return leave_for_memory(vcpu, esr, far, gpa, prot);
    return not_ram(vcpu, esr, far, gpa, rc);
}

/* A load or store that may be a device's. False: it is nobody's, and nothing has happened. */
static bool try_device(struct axvm_vcpu *vcpu, uint64_t esr, uint64_t far, uint64_t gpa, uint64_t *result)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;
    int rc;

    axvm_esr_to_mmio(esr, vcpu->arch.gpr, mmio);
    mmio->addr = gpa;
    rc = axvm_core_mmio(vcpu, mmio, false);
    if (rc == AXVM_ERR_NOENT)
        return false;
    axvm_stat_inc(vcpu, AXVM_STAT_MMIO);
    if (rc == AXVM_OK) {
        if (!mmio->write && mmio->arch.reg[0] != 31)
            vcpu->arch.gpr[mmio->arch.reg[0]] = axvm_esr_load_value(esr, mmio->val[0]);
        axvm_skip_live(esr);
        *result = axvm_wake_trap(vcpu->vm);
        return true;
    }
    vcpu->arch.esr = esr;
    vcpu->arch.far = far;
    *result = rc == AXVM_ERR_AGAIN ? (uint64_t)AXVM_TRAP_MMIO : refuse(vcpu, esr, far);
    return true;
}

uint64_t axvm_exit_dabt_slow(struct axvm_vcpu *vcpu, uint64_t esr)
{
    uint64_t far = axvm_sysreg_read(far_el2), gpa, result;

    /* Parity, TLB conflict, external: not stage 2's, and for the guest to see. */
    if (!axvm_esr_is_stage2(esr)) {
        axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
        axvm_raise_abort_live(vcpu, esr, far, (enum axvm_fsc)axvm_field(esr, ESR_ABT_FSC));
        return AXVM_TRAP_RESUME;
    }
    if (!fault_address(esr, far, &gpa))
        return AXVM_TRAP_RESUME;
    if ((esr & (ESR_ABT_ISV | ESR_ABT_S1PTW)) == ESR_ABT_ISV && !axvm_esr_is_permission(esr) &&
        !near_ram(vcpu, gpa) && try_device(vcpu, esr, far, gpa, &result))
        return result;
    return exit_ram(vcpu, esr, far, gpa);
}

uint64_t axvm_exit_iabt(struct axvm_vcpu *vcpu, uint64_t esr)
{
    uint64_t far = axvm_sysreg_read(far_el2), gpa;
    uint32_t prot = esr & ESR_ABT_S1PTW ? AXVM_PROT_READ : AXVM_PROT_EXEC;
    int rc;

    if (!axvm_esr_is_stage2(esr))
        return refuse(vcpu, esr, far);
    if (!fault_address(esr, far, &gpa))
        return AXVM_TRAP_RESUME;
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT);
    rc = axvm_aspace_fault(vcpu->vm, &vcpu->pages, axvm_gpa(gpa), prot);
    if (rc == AXVM_OK)
        return AXVM_TRAP_RESUME;
    return rc == AXVM_ERR_AGAIN ? leave_for_memory(vcpu, esr, far, gpa, prot) : refuse(vcpu, esr, far);
}
