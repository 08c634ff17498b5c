/* SPDX-License-Identifier: BSD-2-Clause */
/* What ended VMRUN, decoded, to the handlers both vendors share. APM vol. 2, appendix C "SVM Intercept Exit Codes". */
#include "s2_hw.h"
#include "svm.h"

static enum axvm_trap_kind exit_npf(struct axvm_vcpu *vcpu)
{
    uint64_t info = vcpu->arch.vmcb->exitinfo1;
    bool walk = (info & NPF_WALK) != 0;
    uint32_t prot = info & NPF_FETCH ? AXVM_PROT_EXEC : info & NPF_WRITE ? AXVM_PROT_WRITE : AXVM_PROT_READ;

    /* Every access to the guest's tables is reported as a write, and those that only read them do not have to be allowed to. */
    if (walk && (info & NPF_PRESENT) == 0)
        prot = AXVM_PROT_READ;
    return axvm_x86_exit_fault(vcpu, vcpu->arch.vmcb->exitinfo2, prot, walk);
}

static inline enum axvm_trap_kind exit_ioio(struct axvm_vcpu *vcpu, struct axvm_vmcb *b)
{
    uint64_t info = b->exitinfo1;
    uint16_t port = (uint16_t)axvm_field(info, IOIO_PORT);
    unsigned int size = (unsigned int)axvm_field(info, IOIO_SIZE);

    b->int_state = 0;
    return info & IOIO_IN ? axvm_x86_exit_in(vcpu, port, size, b->exitinfo2)
                          : axvm_x86_exit_out(vcpu, port, size, b->exitinfo2);
}

/* ---- control registers ---- */

/* "MOV CRx/DRx Intercepts": what DecodeAssists say. */
#define CR_ASSIST_VALID AXVM_BIT(63)
#define CR_ASSIST_GPR AXVM_BITS(3, 0)

static enum axvm_trap_kind exit_cr(struct axvm_vcpu *vcpu, uint64_t code)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t info = b->exitinfo1;
    unsigned int n = code == SVM_CR0_SEL_WRITE ? 0 : code & 15;

    if (!axvm_svm_has(vcpu, SVM_FEATURE_DECODE_ASSISTS) || !axvm_svm_has(vcpu, SVM_FEATURE_NRIPS) || !(info & CR_ASSIST_VALID))
        return axvm_x86_exit_cr_decode(vcpu);
    b->int_state = 0;
    return axvm_x86_exit_cr(vcpu, n, code >= SVM_CR_WRITE, (unsigned int)axvm_field(info, CR_ASSIST_GPR), b->nrip);
}

/* As the CPU does when it delivers one; EVENTINJ leaves DR7 alone. "Debug Exception (#DB)", general detect. */
static void raise_debug(struct axvm_vcpu *vcpu)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    if (b->dr7 & DR7_GD) {
        b->dr7 &= ~DR7_GD;
        b->clean &= ~CLEAN_DR;
    }
    axvm_x86_raise(vcpu, X86_DB);
}

static enum axvm_trap_kind exit_exception(struct axvm_vcpu *vcpu, uint64_t code)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    switch (code - SVM_EXCEPTION) {
    case X86_DB:
        if (!axvm_svm_stepped(vcpu))
            raise_debug(vcpu);
        return AXVM_TRAP_RESUME;
    case X86_UD:
        return axvm_x86_exit_invalid_opcode(vcpu);
    case X86_NM:
        return axvm_x86_exit_nm(vcpu);
    case X86_DF:
    case X86_TS:
    case X86_NP:
    case X86_SS:
    case X86_GP:
    case X86_AC:
        axvm_x86_raise_error(vcpu, (unsigned int)(code - SVM_EXCEPTION), (uint32_t)b->exitinfo1);
        return AXVM_TRAP_RESUME;
    case X86_PF:
        axvm_x86_raise_pf(vcpu, b->exitinfo2, (uint32_t)b->exitinfo1);
        return AXVM_TRAP_RESUME;
    case X86_MC:
        return axvm_x86_exit_machine_check(vcpu);
    default:
        return axvm_x86_exit_unknown(vcpu, code);
    }
}

static enum axvm_trap_kind exit_io(struct axvm_vcpu *vcpu)
{
    uint64_t info = vcpu->arch.vmcb->exitinfo1;
    uint16_t port = (uint16_t)axvm_field(info, IOIO_PORT);

    if ((info & IOIO_STR) == 0)
        return exit_ioio(vcpu, vcpu->arch.vmcb);
    return axvm_x86_exit_io_string(vcpu, port, (unsigned int)axvm_field(info, IOIO_SIZE), (info & IOIO_IN) != 0,
                                   (info & IOIO_REP) != 0);
}

/* "Canonicalization and Consistency Checks". QEMU lets a guest load CR3 with bits that this refuses: on a CPU that would have
 * been #GP. */
static enum axvm_trap_kind exit_invalid(struct axvm_vcpu *vcpu)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t beyond = AXVM_BITS(63, 0) << vcpu->vm->as.geo.hpa_bits;

    if ((b->cr3 & beyond) == 0)
        return axvm_x86_exit_fail(vcpu, b->exitcode, b->exitinfo1);
    axvm_x86_set_cr3(vcpu, b->cr3 & ~beyond);
    axvm_x86_raise_error(vcpu, X86_GP, 0);
    return AXVM_TRAP_RESUME;
}

/* ---- instructions whose length has to be known ---- */

/* Ours: SVM_MSR with EXITINFO1 of 1. The code itself is one of task switches, for which nobody asks. */
#define SVM_MSR_WRITE (SVM_MSR + 1)

static inline int handle(struct axvm_vcpu *vcpu, uint64_t code, uint64_t next)
{
    switch (code) {
    case SVM_MSR:
        return axvm_x86_exit_rdmsr(vcpu, next);
    case SVM_MSR_WRITE:
        return axvm_x86_exit_wrmsr(vcpu, next);
    case SVM_VMMCALL:
        return axvm_x86_exit_hypercall(vcpu, next);
    case SVM_CPUID:
        return axvm_x86_exit_cpuid(vcpu, next);
    case SVM_HLT:
        return axvm_x86_exit_hlt(vcpu, next);
    case SVM_PAUSE:
        return axvm_x86_exit_pause(vcpu, next);
    case SVM_XSETBV:
        return axvm_x86_exit_xsetbv(vcpu, next);
    default: /* WBINVD; and INVD: what it would lose is not the guest's to lose */
        return axvm_x86_exit_wbinvd(vcpu, next);
    }
}

/* Whatever it takes to know it. */
static __attribute__((noinline)) int handle_any(struct axvm_vcpu *vcpu, uint64_t code)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t next = b->nrip;

    if (!vcpu->arch.nrips && !axvm_x86_known_next(vcpu, b->cr3, code, &next)) {
        next = axvm_x86_find_next(vcpu, code);
        if (next == AXVM_X86_NOWHERE)
            return AXVM_TRAP_RESUME;
    }
    b->int_state = 0;
    return handle(vcpu, code, next);
}

/* The same, short where it is known. */
static inline __attribute__((always_inline)) int handle_known(struct axvm_vcpu *vcpu, struct axvm_vmcb *b, uint64_t code)
{
    uint64_t next;

    if (__builtin_expect(vcpu->arch.nrips, 0))
        next = b->nrip;
    else if (!axvm_x86_known_next(vcpu, b->cr3, code, &next))
        return handle_any(vcpu, code);
    b->int_state = 0;
    return handle(vcpu, code, next);
}

static uint64_t msr_code(const struct axvm_vmcb *b)
{
    return b->exitinfo1 & 1 ? SVM_MSR_WRITE : SVM_MSR;
}

/* ---- */

static int exit_host_irq(struct axvm_vcpu *vcpu)
{
    if (__builtin_expect(axvm_svm_int_shadow(vcpu), 0))
        vcpu->arch.shadow_rip = vcpu->arch.rip;
    return axvm_x86_exit_host_irq(vcpu);
}

/* What needs all registers, or comes too rarely to be worth less; and all else where something unusual came with it. */
static int exit_any(struct axvm_vcpu *vcpu, uint64_t code)
{
    if (code < SVM_DR_READ)
        return exit_cr(vcpu, code);
    if (code < SVM_EXCEPTION)
        return axvm_x86_exit_dr(vcpu);
    if (code < SVM_INTR)
        return exit_exception(vcpu, code);
    switch (code) {
    case SVM_IOIO:
        return exit_io(vcpu);
    case SVM_NMI: /* the host's own vector has had it since GIF was set again */
        return AXVM_TRAP_RESUME;
    case SVM_INIT:
        return AXVM_TRAP_HOST_IRQ;
    case SVM_CR0_SEL_WRITE:
        return exit_cr(vcpu, code);
    case SVM_IRET:
        return axvm_svm_exit_iret(vcpu);
    case SVM_RDPMC: /* no performance counters */
        axvm_x86_raise_error(vcpu, X86_GP, 0);
        return AXVM_TRAP_RESUME;
    case SVM_MSR:
        return handle_any(vcpu, msr_code(vcpu->arch.vmcb));
    case SVM_VMMCALL:
    case SVM_CPUID:
    case SVM_HLT:
    case SVM_INVD:
    case SVM_WBINVD:
    case SVM_PAUSE:
    case SVM_XSETBV:
        return handle_any(vcpu, code);
    case SVM_INTR:
        return exit_host_irq(vcpu);
    case SVM_VINTR: /* the window is open */
        return AXVM_TRAP_RESUME;
    case SVM_SHUTDOWN:
        return axvm_x86_exit_shutdown(vcpu);
    case SVM_VMRUN:
    case SVM_VMLOAD:
    case SVM_VMSAVE:
    case SVM_STGI:
    case SVM_CLGI:
    case SVM_SKINIT:
    case SVM_INVLPGA:
    case SVM_RDTSCP:
    case SVM_MONITOR:
    case SVM_MWAIT:
    case SVM_MWAIT_ARMED:
    case SVM_RDPRU:
    case SVM_INVLPGB:
    case SVM_ILLEGAL_INVLPGB:
    case SVM_MCOMMIT:
    case SVM_TLBSYNC:
        return axvm_x86_exit_ud(vcpu);
    case SVM_INVALID:
        return exit_invalid(vcpu);
    default:
        return axvm_x86_exit_unknown(vcpu, code);
    }
}

/* What was true of the last entry only. */
#define OF_ONE_ENTRY (AXVM_WORK_STEP | AXVM_WORK_FLUSHED | AXVM_WORK_DF)
static void tidy(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;

    if (b->tlb_control == TLB_FLUSH_ALL)
        v->cpu->arch.flush_all = false;
    b->tlb_control = TLB_KEEP;
    if (v->work & AXVM_WORK_STEP)
        axvm_svm_step_over(vcpu);
    if (v->work & AXVM_WORK_DF)
        axvm_svm_df_over(vcpu);
    v->work &= ~AXVM_WORK_FLUSHED;
}

static void redeliver(struct axvm_vcpu *vcpu)
{
    uint64_t event = axvm_svm_redelivery(vcpu->arch.vmcb->exitintinfo);

    if (event)
        axvm_x86_redeliver(vcpu, event);
}

static inline bool is_unusual(const struct axvm_arch_vcpu *v, const struct axvm_vmcb *b)
{
    return (b->exitintinfo & EVENT_VALID) != 0 || (uint8_t)b->int_ctl != v->cr8 || (v->work & OF_ONE_ENTRY) != 0;
}

/* Besides the reason for the exit there is something to be seen to. */
static AXVM_COLD int see_to_unusual(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;

    if (b->exitintinfo & EVENT_VALID)
        redeliver(vcpu);
    if ((uint8_t)b->int_ctl != v->cr8)
        axvm_x86_cr8_changed(vcpu, (uint8_t)(b->int_ctl & 15));
    if (v->work & OF_ONE_ENTRY)
        tidy(vcpu);
    return SVM_ALL_REGISTERS;
}

/* The exits that come often; SVM_ALL_REGISTERS: it is another one. */
static inline int exit_often(struct axvm_vcpu *vcpu, struct axvm_vmcb *b)
{
    switch ((uint32_t)b->exitcode) {
    case SVM_MSR:
        return b->exitinfo1 & 1 ? handle_known(vcpu, b, SVM_MSR_WRITE) : handle_known(vcpu, b, SVM_MSR);
    case SVM_IOIO:
        return b->exitinfo1 & IOIO_STR ? SVM_ALL_REGISTERS : (int)exit_ioio(vcpu, b);
    case SVM_VMMCALL:
        return handle_known(vcpu, b, SVM_VMMCALL);
    case SVM_CPUID:
        return handle_known(vcpu, b, SVM_CPUID);
    case SVM_HLT:
        return handle_known(vcpu, b, SVM_HLT);
    case SVM_INTR:
        return exit_host_irq(vcpu);
    case SVM_VINTR: /* the window is open */
        return AXVM_TRAP_RESUME;
    default:
        return SVM_ALL_REGISTERS;
    }
}

/*
 * With the registers that C may use, RIP and RFLAGS in struct axvm_arch_vcpu; the others are still the guest's in the CPU. That
 * does for the exits that come often. SVM_ALL_REGISTERS: for axvm_svm_exit_all(), which is called when they are there. What is
 * returned is what is called last, so that nothing has to be kept in registers for later.
 */
int axvm_svm_exit(struct axvm_vcpu *vcpu, struct axvm_vmcb *b)
{
    axvm_x86_mode_out(vcpu);
    b->clean = CLEAN_ALL;
    return __builtin_expect(is_unusual(&vcpu->arch, b), 0) ? see_to_unusual(vcpu) : exit_often(vcpu, b);
}

int axvm_svm_exit_all(struct axvm_vcpu *vcpu)
{
    uint64_t code = vcpu->arch.vmcb->exitcode;

    return code == SVM_NPF ? (int)exit_npf(vcpu) : exit_any(vcpu, (uint32_t)code);
}

static __attribute__((noinline)) int prepare_and_enter(struct axvm_vcpu *vcpu)
{
    enum axvm_trap_kind kind = axvm_x86_prepare_work(vcpu);

    return (int)(kind == AXVM_TRAP_RESUME ? axvm_x86_mode_in(vcpu) : kind);
}

/* The exit has been handled, and the guest can go on; but for other reasons? */
int axvm_svm_enter_again(struct axvm_vcpu *vcpu)
{
    return axvm_x86_has_work(vcpu) ? prepare_and_enter(vcpu) : (int)axvm_x86_mode_in(vcpu);
}
