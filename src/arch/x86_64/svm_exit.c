/* SPDX-License-Identifier: BSD-2-Clause */
/* What ended VMRUN, decoded, to the handlers both vendors share. APM vol. 2, appendix C "SVM Intercept Exit Codes". */
#include "s2_hw.h"
#include "svm.h"

/* Instructions that exit, without prefixes: bytes, lowest first, and how many. */
#define OP_CPUID 0xa20fu, 2
#define OP_RDMSR 0x320fu, 2
#define OP_WRMSR 0x300fu, 2
#define OP_HLT 0xf4u, 1
#define OP_PAUSE 0x90u, 1
#define OP_VMMCALL 0xd9010fu, 3
#define OP_XSETBV 0xd1010fu, 3
#define OP_WBINVD 0x090fu, 2
#define OP_INVD 0x080fu, 2

/* Call @handler with the length of the instruction, if that can be had. */
typedef enum axvm_trap_kind handler_fn(struct axvm_vcpu *vcpu, unsigned int len);

static inline __attribute__((always_inline)) enum axvm_trap_kind
with_len(struct axvm_vcpu *vcpu, uint64_t code, handler_fn *handler, uint32_t opcode, unsigned int plain)
{
    const struct axvm_vmcb *b = vcpu->arch.vmcb;
    unsigned int len;

    vcpu->arch.insn_len = axvm_svm_has(vcpu, SVM_FEATURE_NRIPS) ? (uint32_t)(b->nrip - b->rip) : 0;
    len = axvm_x86_exit_len(vcpu, (uint32_t)code, opcode, plain);
    return len != 0 ? handler(vcpu, len) : AXVM_TRAP_RESUME;
}

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

static enum axvm_trap_kind exit_ioio(struct axvm_vcpu *vcpu)
{
    const struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t info = b->exitinfo1;
    uint16_t port = (uint16_t)axvm_field(info, IOIO_PORT);
    unsigned int size = (unsigned int)axvm_field(info, IOIO_SIZE);

    if (info & IOIO_STR)
        return axvm_x86_exit_io_string(vcpu, port, size, (info & IOIO_IN) != 0, (info & IOIO_REP) != 0);
    return axvm_x86_exit_io(vcpu, port, size, (info & IOIO_IN) != 0, (unsigned int)(b->exitinfo2 - b->rip));
}

static enum axvm_trap_kind exit_msr(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.vmcb->exitinfo1 & 1)
        return with_len(vcpu, SVM_MSR | 0x10000, axvm_x86_exit_wrmsr, OP_WRMSR);
    return with_len(vcpu, SVM_MSR, axvm_x86_exit_rdmsr, OP_RDMSR);
}

/* ---- control registers ---- */

/* "MOV CRx/DRx Intercepts": what DecodeAssists say. */
#define CR_ASSIST_VALID AXVM_BIT(63)
#define CR_ASSIST_GPR AXVM_BITS(3, 0)

static enum axvm_trap_kind exit_cr(struct axvm_vcpu *vcpu, uint64_t code)
{
    const struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t info = b->exitinfo1;
    unsigned int n = code & 15;

    if (code == SVM_CR0_SEL_WRITE)
        n = 0;
    if (axvm_svm_has(vcpu, SVM_FEATURE_DECODE_ASSISTS) && axvm_svm_has(vcpu, SVM_FEATURE_NRIPS) && (info & CR_ASSIST_VALID))
        return axvm_x86_exit_cr(vcpu, n, code >= SVM_CR_WRITE, (unsigned int)axvm_field(info, CR_ASSIST_GPR),
                                (unsigned int)(b->nrip - b->rip));
    return axvm_x86_exit_cr_decode(vcpu);
}

static enum axvm_trap_kind exit_exception(struct axvm_vcpu *vcpu, uint64_t code)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    switch (code - SVM_EXCEPTION) {
    case X86_DB:
        if (!axvm_svm_stepped(vcpu))
            axvm_x86_raise(vcpu, X86_DB);
        return AXVM_TRAP_RESUME;
    case X86_NM:
        return axvm_x86_exit_nm(vcpu);
    case X86_AC:
        axvm_x86_raise_error(vcpu, X86_AC, (uint32_t)b->exitinfo1);
        return AXVM_TRAP_RESUME;
    case X86_MC:
        return axvm_x86_exit_machine_check(vcpu);
    default:
        return axvm_x86_exit_unknown(vcpu, code);
    }
}

static enum axvm_trap_kind exit_rare(struct axvm_vcpu *vcpu, uint64_t code)
{
    if (code < SVM_DR_READ)
        return exit_cr(vcpu, code);
    if (code < SVM_EXCEPTION)
        return axvm_x86_exit_dr(vcpu);
    if (code < SVM_INTR)
        return exit_exception(vcpu, code);
    switch (code) {
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
    case SVM_INVD: /* what it would lose is not the guest's to lose */
        return with_len(vcpu, code, axvm_x86_exit_wbinvd, OP_INVD);
    case SVM_WBINVD:
        return with_len(vcpu, code, axvm_x86_exit_wbinvd, OP_WBINVD);
    case SVM_PAUSE:
        return with_len(vcpu, code, axvm_x86_exit_pause, OP_PAUSE);
    case SVM_XSETBV:
        return with_len(vcpu, code, axvm_x86_exit_xsetbv, OP_XSETBV);
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
        return axvm_x86_exit_fail(vcpu, code, vcpu->arch.vmcb->exitinfo1);
    default:
        return axvm_x86_exit_unknown(vcpu, code);
    }
}

static inline enum axvm_trap_kind dispatch(struct axvm_vcpu *vcpu, uint64_t code)
{
    switch (code) {
    case SVM_NPF:
        return exit_npf(vcpu);
    case SVM_IOIO:
        return exit_ioio(vcpu);
    case SVM_MSR:
        return exit_msr(vcpu);
    case SVM_VMMCALL:
        return with_len(vcpu, code, axvm_x86_exit_hypercall, OP_VMMCALL);
    case SVM_CPUID:
        return with_len(vcpu, code, axvm_x86_exit_cpuid, OP_CPUID);
    case SVM_HLT:
        return with_len(vcpu, code, axvm_x86_exit_hlt, OP_HLT);
    case SVM_INTR:
        vcpu->arch.cpu->arch.timer_ns = 0; /* it may have been ours: to be set again */
        return AXVM_TRAP_HOST_IRQ;
    case SVM_VINTR: /* the window is open */
        return AXVM_TRAP_RESUME;
    default:
        return exit_rare(vcpu, code);
    }
}

/* What was true of the last entry only. */
static inline void tidy(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;
    uint64_t event;

    b->clean = CLEAN_ALL;
    b->eventinj = 0;
    if (__builtin_expect(b->tlb_control != TLB_KEEP, 0)) {
        if (b->tlb_control == TLB_FLUSH_ALL)
            v->cpu->arch.flush_all = false;
        b->tlb_control = TLB_KEEP;
    }
    if (__builtin_expect((b->exitintinfo & EVENT_VALID) != 0, 0)) {
        event = axvm_svm_redelivery(b->exitintinfo);
        if (event)
            axvm_x86_redeliver(vcpu, event);
    }
    if (__builtin_expect((b->int_ctl & 15) != v->cr8, 0))
        axvm_x86_cr8_changed(vcpu, (uint8_t)(b->int_ctl & 15));
}

enum axvm_trap_kind axvm_svm_exit(struct axvm_vcpu *vcpu)
{
    enum axvm_trap_kind kind;

    axvm_x86_mode_out(vcpu);
    tidy(vcpu);
    if (__builtin_expect((vcpu->arch.work & AXVM_WORK_STEP) != 0, 0))
        axvm_svm_step_over(vcpu);
    kind = dispatch(vcpu, vcpu->arch.vmcb->exitcode);
    if (kind != AXVM_TRAP_RESUME)
        return kind;
    kind = axvm_x86_prepare(vcpu);
    if (kind != AXVM_TRAP_RESUME)
        return kind;
    axvm_x86_mode_in(vcpu);
    return AXVM_TRAP_RESUME;
}
