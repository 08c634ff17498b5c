/* SPDX-License-Identifier: BSD-2-Clause */
/* What brings a guest to EL2: dispatch by exception class. Memory aborts are in abort.c. */
#include "exit.h"

#include <axvm/aarch64.h>
#include <axvm/err.h>

#include "el2.h"
#include "esr.h"
#include "psci.h"
#include "raise.h"
#include "skip.h"
#include "switch.h"
#include "sysreg.h"
#include "sysreg_trap.h"
#include "timer.h"
#include "vgic.h"

/* Keeps the registers that a handler needs from being saved by those that share its caller. */
#define NOINLINE __attribute__((noinline))

#define INTID_SPECIAL 1020u /* 1020..1023: there is no interrupt; above are extended PPIs and SPIs, and LPIs */
#define INTID_SPECIAL_END 1024u

static NOINLINE uint64_t exit_hypercall(struct axvm_vcpu *vcpu, uint64_t esr)
{
    axvm_stat_inc(vcpu, AXVM_STAT_HYPERCALL);
    /* SMCCC: the immediate of a call is zero; others belong to nobody here. */
    if (axvm_field(esr, ESR_IMM16) != 0) {
        vcpu->arch.gpr[0] = (uint64_t)PSCI_NOT_SUPPORTED;
        return AXVM_TRAP_RESUME;
    }
    return axvm_smccc_call(vcpu, vcpu->arch.exit);
}

/* A trapped SMC, unlike HVC, has not been stepped over. */
static uint64_t exit_smc(struct axvm_vcpu *vcpu, uint64_t esr)
{
    axvm_skip_a64_live(vcpu);
    return exit_hypercall(vcpu, esr);
}

static uint64_t undefined(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
    axvm_raise_undef_live(vcpu);
    return AXVM_TRAP_RESUME;
}

/* A register that is neither ours nor undefined: a device of AXVM_BUS_SYSREG, or the host. */
static uint64_t sysreg_on_bus(struct axvm_vcpu *vcpu, uint64_t enc, bool write, unsigned int reg, uint64_t val)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    *mmio = (struct axvm_mmio){
        .addr = enc, .val = { val }, .space = AXVM_BUS_SYSREG, .size = 8, .count = 1, .write = write,
        .arch = { .reg = { (uint8_t)reg }, .reg_bytes = 8, .elems_per_reg = 1 },
    };
    return AXVM_TRAP_MMIO;
}

static uint64_t sysreg_done(struct axvm_vcpu *vcpu)
{
    axvm_skip_a64_live(vcpu);
    return axvm_wake_trap(vcpu->vm);
}

static NOINLINE uint64_t exit_any_sysreg(struct axvm_vcpu *vcpu, uint64_t esr)
{
    unsigned int reg = (unsigned int)axvm_field(esr, ESR_SYS_RT);
    bool write = (esr & ESR_SYS_READ) == 0;
    uint64_t enc = axvm_esr_to_sysreg(esr);
    uint64_t val = write && reg != 31 ? vcpu->arch.gpr[reg] : 0;

    switch (axvm_sysreg_access(vcpu, enc, write, &val)) {
    case AXVM_SYSREG_DONE:
        if (!write && reg != 31)
            vcpu->arch.gpr[reg] = val;
        return sysreg_done(vcpu);
    case AXVM_SYSREG_BUS:
        vcpu->arch.esr = esr; /* says how far to step over it, once it is answered */
        return sysreg_on_bus(vcpu, enc, write, reg, val);
    case AXVM_SYSREG_UNDEF:
        break;
    }
    return undefined(vcpu);
}

/* A register in the syndrome's own bits. */
#define ESR_SYS(op0, op1, crn, crm, op2)                                                                               \
    (axvm_put_field(ESR_SYS_OP0, op0) | axvm_put_field(ESR_SYS_OP1, op1) | axvm_put_field(ESR_SYS_CRN, crn) |          \
     axvm_put_field(ESR_SYS_CRM, crm) | axvm_put_field(ESR_SYS_OP2, op2))
#define ESR_SYS_REGISTER (ESR_SYS_OP0 | ESR_SYS_OP1 | ESR_SYS_CRN | ESR_SYS_CRM | ESR_SYS_OP2)
#define ESR_ID_READ (ESR_SYS(3, 0, 0, 0, 0) | ESR_SYS_READ)
#define ESR_SGI1R_WRITE ESR_SYS(3, 0, 12, 11, 5)

/* The two that are worth a short cut: ID registers, as there are so many reads of them at boot; SGIs, for their latency. */
static NOINLINE uint64_t exit_sysreg(struct axvm_vcpu *vcpu, uint64_t esr)
{
    unsigned int reg = (unsigned int)axvm_field(esr, ESR_SYS_RT);

    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if ((esr & (ESR_SYS_REGISTER | ESR_SYS_READ)) == ESR_SGI1R_WRITE && reg != 31) {
        axvm_vgic_sgi(vcpu, AXVM_SGI1R, vcpu->arch.gpr[reg]);
        return sysreg_done(vcpu);
    }
    if ((esr & ((ESR_SYS_REGISTER & ~(ESR_SYS_CRM | ESR_SYS_OP2)) | ESR_SYS_READ)) == ESR_ID_READ && reg != 31 &&
        (esr & axvm_put_field(ESR_SYS_CRM, 8)) == 0) {
        /* Masked again: the branch may have been mispredicted. */
        vcpu->arch.gpr[reg] = vcpu->vm->arch.id_regs[(axvm_field(esr, ESR_SYS_CRM) & 7) << 3 | axvm_field(esr, ESR_SYS_OP2)];
        axvm_skip_a64_live(vcpu);
        return AXVM_TRAP_RESUME;
    }
    return exit_any_sysreg(vcpu, esr);
}

/* A coprocessor access of AArch32 code at EL0. */
static uint64_t exit_cp15(struct axvm_vcpu *vcpu, uint64_t esr)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    if (axvm_cp15_access(vcpu, esr, axvm_sysreg_read(spsr_el2)) != AXVM_SYSREG_DONE)
        return undefined(vcpu);
    axvm_skip_live(esr);
    return AXVM_TRAP_RESUME;
}

/* WFI, WFE and their timeout forms, at any EL and in AArch32. */
static uint64_t exit_wfx(struct axvm_vcpu *vcpu, uint64_t esr)
{
    axvm_stat_inc(vcpu, AXVM_STAT_WAIT);
    axvm_skip_live(esr);
    if ((esr & ESR_WFX_WFE) == 0)
        return AXVM_TRAP_IDLE;
    vcpu->arch.exit->reason = AXVM_EXIT_YIELD;
    return AXVM_TRAP_EXIT;
}

static uint64_t exit_fp(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_FPU);
    axvm_fp_load(vcpu->arch.cpu, vcpu);
    return AXVM_TRAP_RESUME;
}

/* The rare classes. */
static NOINLINE uint64_t exit_other(struct axvm_vcpu *vcpu, uint64_t esr)
{
    switch (axvm_field(esr, ESR_EC)) {
    case ESR_EC_WFX:
        return exit_wfx(vcpu, esr);
    case ESR_EC_FP_ASIMD:
        return exit_fp(vcpu);
    case ESR_EC_IABT_LOWER:
        return axvm_exit_iabt(vcpu, esr);
    case ESR_EC_SMC64:
        return exit_smc(vcpu, esr);
    case ESR_EC_CP15_32:
    case ESR_EC_CP15_64:
    case ESR_EC_CP14_32:
    case ESR_EC_CP14_LDST:
    case ESR_EC_CP14_64:
    case ESR_EC_VMRS:
        return exit_cp15(vcpu, esr);
    default:
        /* What the ID registers say this CPU has not: SVE, SME, PAC, ... */
        axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
        return undefined(vcpu);
    }
}

/* Only jumps, in the order of how often they are taken: each instruction here is paid by every exit. */
uint64_t axvm_exit_sync(struct axvm_vcpu *vcpu, uint64_t esr)
{
    uint64_t ec = axvm_field(esr, ESR_EC);

    if (ec == ESR_EC_DABT_LOWER)
        return axvm_exit_dabt(vcpu, esr);
    if (ec == ESR_EC_SYSREG)
        return exit_sysreg(vcpu, esr);
    if (ec == ESR_EC_HVC64)
        return exit_hypercall(vcpu, esr);
    return exit_other(vcpu, esr);
}

/* ---- interrupts ---- */

/* Another CPU wants something, or this vCPU itself. */
static uint64_t exit_kick(struct axvm_vcpu *vcpu)
{
    if (atomic_load(&vcpu->requests) & ~AXVM_REQ_IRQ)
        return AXVM_TRAP_REQUEST;
    if (atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ) & AXVM_REQ_IRQ)
        axvm_vgic_refresh(vcpu);
    return axvm_wake_trap(vcpu->vm);
}

/* We have acknowledged an interrupt that is no guest's: the host handles it as soon as its state is back. */
static uint64_t hand_over(struct axvm_vcpu *vcpu, uint32_t intid)
{
    vcpu->arch.acked_irq = intid;
    return AXVM_TRAP_HOST_IRQ;
}

/*
 * Interrupts that are the guest's own are acknowledged here; those of the host stay pending, for the host's own vectors. They are
 * told apart by looking without acknowledging, so between the look and the acknowledge another one may get ahead: hand_over().
 */
uint64_t axvm_exit_irq(struct axvm_vcpu *vcpu, uint64_t esr)
{
    const struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;
    uint32_t next = (uint32_t)axvm_sysreg_read(ICC_HPPIR1_EL1);
    uint32_t acked;

    (void)esr;
    if (next == h->maint_intid) {
        /* Level-triggered, and its causes are in the list registers. */
        axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
        axvm_vgic_refresh(vcpu);
        return axvm_wake_trap(vcpu->vm);
    }
    if (next != h->vtimer_intid && next != h->kick_intid)
        return AXVM_TRAP_HOST_IRQ;
    acked = (uint32_t)axvm_sysreg_read(ICC_IAR1_EL1);
    if (acked != next)
        return acked >= INTID_SPECIAL && acked < INTID_SPECIAL_END ? AXVM_TRAP_RESUME : hand_over(vcpu, acked);
    axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
    axvm_sysreg_write(ICC_EOIR1_EL1, acked);
    if (acked == h->vtimer_intid)
        return axvm_vgic_forward_ppi(vcpu, AXVM_VTIMER_PPI, acked);
    axvm_sysreg_write(ICC_DIR_EL1, acked);
    return exit_kick(vcpu);
}

/* Not ours in any case: what the host does with FIQs is its business. */
uint64_t axvm_exit_fiq(struct axvm_vcpu *vcpu, uint64_t esr)
{
    (void)vcpu;
    (void)esr;
    return AXVM_TRAP_HOST_IRQ;
}

/* It is taken and gone: the host hears of it, and may say that it was not the guest's. */
uint64_t axvm_exit_serror(struct axvm_vcpu *vcpu, uint64_t esr)
{
    struct axvm_exit *exit = vcpu->arch.exit;

    axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
    vcpu->arch.esr = esr;
    exit->reason = AXVM_EXIT_HOST_ERROR;
    exit->u.fault.code = esr;
    exit->u.fault.addr = axvm_sysreg_read(far_el2);
    exit->u.fault.pc = axvm_sysreg_read(elr_el2);
    vcpu->pending = AXVM_PENDING_ERROR;
    return AXVM_TRAP_EXIT;
}
