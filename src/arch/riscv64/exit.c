/* SPDX-License-Identifier: BSD-2-Clause */
/* What brings a guest to HS-mode: dispatch by cause. */
#include "access_quick.h"
#include "bits.h"
#include "hs.h"
#include "insn.h"
#include "sbi.h"
#include "vector.h"

/* Interrupts as scause numbers them */
enum { INTERRUPT_SSI = 1, INTERRUPT_STI = 5 };

/* Another CPU wants something: kicked, when the host sends nothing but kicks that way or says what it was. */
static uint64_t exit_software(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;

    if (!h->take_kick || !h->take_kick(vcpu->vm->hal.ctx))
        return AXVM_TRAP_HOST_IRQ;
    axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
    if (atomic_load(&vcpu->requests) & ~AXVM_REQ_IRQ)
        return AXVM_TRAP_REQUEST;
    if (atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ) & AXVM_REQ_IRQ)
        axvm_irqs_refresh(vcpu);
    return axvm_wake_trap(vcpu->vm);
}

/* What the guest waits for, or the host. */
static uint64_t exit_timer(struct axvm_vcpu *vcpu)
{
    if (!axvm_timer_fired(vcpu))
        return AXVM_TRAP_HOST_IRQ;
    axvm_stat_inc(vcpu, AXVM_STAT_GUEST_IRQ);
    return AXVM_TRAP_RESUME;
}

static bool load_fp(struct axvm_vcpu *vcpu)
{
    if (!vcpu->arch.cpu->arch.has_fp || (vcpu->arch.extra & AXVM_EXTRA_FP) || (axvm_csr_read(CSR_VSSTATUS) & SSTATUS_FS) == 0)
        return false;
    axvm_stat_inc(vcpu, AXVM_STAT_FPU);
    axvm_fp_load(vcpu->arch.cpu, vcpu);
    return true;
}

static bool load_vector(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.vlenb == 0 || (vcpu->arch.extra & AXVM_EXTRA_VECTOR) || (axvm_csr_read(CSR_VSSTATUS) & SSTATUS_VS) == 0)
        return false;
    axvm_stat_inc(vcpu, AXVM_STAT_FPU);
    axvm_vector_load(vcpu);
    return true;
}

/* The first use of registers after an entry, which the guest shall try again? Vector instructions may be of FP, too: they come
 * twice then. stval may be 0. */
static bool load_lazily(struct axvm_vcpu *vcpu)
{
    uint64_t insn = axvm_csr_read(CSR_STVAL);

    if (insn != 0 && axvm_insn_is_vector((uint32_t)insn))
        return load_vector(vcpu) || load_fp(vcpu);
    return load_fp(vcpu) || (insn == 0 && load_vector(vcpu));
}

static uint64_t exit_csr_aia(struct axvm_vcpu *vcpu, uint32_t insn)
{
    axvm_stat_inc(vcpu, AXVM_STAT_SYSREG);
    return axvm_exit_csr_aia(vcpu, insn);
}

/* First use of FP or vectors after an entry, a CSR that only guests have, or really an illegal instruction. */
static uint64_t exit_illegal(struct axvm_vcpu *vcpu)
{
    uint32_t insn;

    if (vcpu->vm->arch.hedeleg_fp == 0) {
        if (!axvm_trapped_insn(axvm_csr_read(CSR_STVAL), &insn))
            return AXVM_TRAP_RESUME;
        if (axvm_is_aia_csr(insn) && (axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0)
            return exit_csr_aia(vcpu, insn);
    }
    if (!load_lazily(vcpu))
        axvm_raise_live(vcpu, CAUSE_ILLEGAL, axvm_csr_read(CSR_STVAL));
    return AXVM_TRAP_RESUME;
}

static inline uint64_t exit_ecall(struct axvm_vcpu *vcpu)
{
    axvm_stat_inc(vcpu, AXVM_STAT_HYPERCALL);
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_SEPC) + 4);
    return axvm_sbi_call(vcpu);
}

/* A store that a device wants to have in the host tier comes again through the long way, which changes nothing before that
 * either. */
static uint64_t exit_access(struct axvm_vcpu *vcpu, uint64_t scause)
{
    uint64_t va = axvm_csr_read(CSR_STVAL), gpa = axvm_csr_read(CSR_HTVAL) << 2 | (va & 3);

    bool write;

    /* Not of a table walk: the guest's own instruction. */
    if (!axvm_htinst_is_walk(axvm_csr_read(CSR_HTINST), &write) &&
        (scause == CAUSE_LOAD_GUEST_PAGE ? axvm_short_load(vcpu, gpa, va) : axvm_short_store(vcpu, gpa, va)))
        return axvm_wake_trap(vcpu->vm);
    return axvm_exit_guest_page_fault(vcpu, scause);
}

uint64_t axvm_exit(struct axvm_vcpu *vcpu, uint64_t scause)
{
    switch (scause) {
    case CAUSE_LOAD_GUEST_PAGE:
    case CAUSE_STORE_GUEST_PAGE:
        return exit_access(vcpu, scause);
    case CAUSE_FETCH_GUEST_PAGE:
        return axvm_exit_guest_page_fault(vcpu, scause);
    case CAUSE_VIRTUAL_INSN:
        return axvm_exit_virtual_insn(vcpu, axvm_csr_read(CSR_STVAL));
    case CAUSE_ILLEGAL:
        return exit_illegal(vcpu);
    }
    /* What hardware would not delegate: the guest's own, all of it. */
    axvm_stat_inc(vcpu, AXVM_STAT_OTHER);
    axvm_raise_live(vcpu, scause, axvm_csr_read(CSR_STVAL));
    return AXVM_TRAP_RESUME;
}

/* Keeps the registers that a handler needs from being saved by those that share its caller. */
#define NOINLINE __attribute__((noinline))

static NOINLINE uint64_t quick_virtual_insn_with_imsic(struct axvm_vcpu *vcpu, uint64_t insn)
{
    if (axvm_is_aia_csr((uint32_t)insn) && (axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0)
        return exit_csr_aia(vcpu, (uint32_t)insn);
    return axvm_exit_virtual_insn(vcpu, insn);
}

/* WFI, and CSR instructions on registers that have been saved. */
static uint64_t quick_virtual_insn(struct axvm_vcpu *vcpu)
{
    uint64_t insn = axvm_csr_read(CSR_STVAL);

    /* stval may be 0, and then it is not known which registers they are. */
    if (insn == 0 || !axvm_is_caller_saved(insn >> 7 & 31) || !axvm_is_caller_saved(insn >> 15 & 31))
        return AXVM_TRAP_SAVE_ALL;
    return vcpu->arch.imsic ? quick_virtual_insn_with_imsic(vcpu, insn) : axvm_exit_virtual_insn(vcpu, insn);
}

/* Those that do not look at registers of the guest but at arguments of a call, or at none. */
static NOINLINE uint64_t quick_other(struct axvm_vcpu *vcpu, uint64_t scause)
{
    if (scause == CAUSE_VIRTUAL_INSN)
        return quick_virtual_insn(vcpu);
    if (scause == CAUSE_ILLEGAL && vcpu->vm->arch.hedeleg_fp != 0)
        return exit_illegal(vcpu);
    if (scause == (CAUSE_INTERRUPT | INTERRUPT_SSI))
        return exit_software(vcpu);
    if (scause == (CAUSE_INTERRUPT | INTERRUPT_STI))
        return exit_timer(vcpu);
    return scause & CAUSE_INTERRUPT ? (uint64_t)AXVM_TRAP_HOST_IRQ : AXVM_TRAP_SAVE_ALL;
}

static NOINLINE uint64_t quick_load(struct axvm_vcpu *vcpu)
{
    return axvm_quick_access(vcpu, false);
}

static NOINLINE uint64_t quick_store(struct axvm_vcpu *vcpu)
{
    return axvm_quick_access(vcpu, true);
}

/* Only jumps, in the order of how often they are taken: each instruction here is paid by every exit. */
uint64_t axvm_exit_quick(struct axvm_vcpu *vcpu, uint64_t scause)
{
    if (scause == CAUSE_LOAD_GUEST_PAGE)
        return quick_load(vcpu);
    if (scause == CAUSE_STORE_GUEST_PAGE)
        return quick_store(vcpu);
    if (scause == CAUSE_ECALL_VS)
        return exit_ecall(vcpu);
    return quick_other(vcpu, scause);
}
