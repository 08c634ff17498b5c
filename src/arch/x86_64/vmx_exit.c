/* SPDX-License-Identifier: BSD-2-Clause */
/* What ended the guest's run, decoded, to the handlers both vendors share. Intel SDM vol. 3C, "VM Exits"; vol. 3D, appendix C.
 */
#include "cpu.h"
#include "s2_hw.h"
#include "vmx.h"

static inline unsigned int insn_len(void)
{
    return (unsigned int)axvm_vmread(VMCS_EXIT_INSN_LEN);
}

/* Of an instruction that will be done, or fault: RIP after it, where there is no shadow of STI or MOV SS any more. */
static inline uint64_t next_rip(struct axvm_vcpu *vcpu)
{
    axvm_vmx_clear_int_shadow(vcpu);
    return axvm_x86_next_rip(vcpu, insn_len());
}

static enum axvm_trap_kind general_protection(struct axvm_vcpu *vcpu)
{
    axvm_x86_raise_error(vcpu, X86_GP, 0);
    return AXVM_TRAP_RESUME;
}

/* ---- events whose delivery the exit interrupted ---- */

/* "Information for VM Exits That Occur During Event Delivery". Software interrupts and INT3, INTO, INT1 leave RIP at their
 * instruction, which is simply run again. */
void axvm_vmx_redeliver(struct axvm_vcpu *vcpu)
{
    uint64_t event = axvm_vmread(VMCS_IDT_EVENT) & (EVENT_INFO | EVENT_VALID);

    switch (axvm_field(event, EVENT_TYPE)) {
    case EVENT_NMI:
        /* It blocked NMIs when its delivery began, and has to be let in again. */
        axvm_vmwrite(VMCS_BLOCKING, axvm_vmread(VMCS_BLOCKING) & ~BLOCKING_NMI);
        break;
    case EVENT_INTR:
    case EVENT_EXCEPTION:
        break;
    default:
        return;
    }
    if (event & EVENT_HAS_ERROR)
        event |= axvm_put_field(EVENT_ERROR, axvm_vmread(VMCS_IDT_EVENT_ERROR));
    axvm_x86_redeliver(vcpu, event);
}

/* "... NMI unblocking due to IRET": it faulted, and is run again with NMIs blocked as they were. */
static void block_nmi(void)
{
    axvm_vmwrite(VMCS_BLOCKING, axvm_vmread(VMCS_BLOCKING) | BLOCKING_NMI);
}

/* ---- exceptions ---- */

/* The exit has not changed DR6 and DR7: "Debug Exceptions" in "Causes of VM Exits". */
static enum axvm_trap_kind exit_db(struct axvm_vcpu *vcpu, uint64_t event)
{
    uint64_t dr6 = axvm_read_dr6() & ~AXVM_BITS(3, 0);

    axvm_write_dr6(dr6 | (axvm_vmread(VMCS_QUALIFICATION) & QUAL_DB));
    axvm_vmwrite(VMCS_GUEST_DR7, axvm_vmread(VMCS_GUEST_DR7) & ~DR7_GD);
    /* INT1 is a trap. */
    if (axvm_field(event, EVENT_TYPE) == EVENT_PRIV_SOFT)
        vcpu->arch.rip += insn_len();
    axvm_x86_raise(vcpu, X86_DB);
    return AXVM_TRAP_RESUME;
}

/* "Delivery of Pending Debug Exceptions after VM Entry": not with an event that is injected. */
static AXVM_COLD void raise_pending_db(struct axvm_vcpu *vcpu)
{
    uint64_t pending = axvm_vmread(VMCS_GUEST_PENDING_DB);

    if ((pending & (PENDING_DB_BS | PENDING_DB_ENABLED)) == 0)
        return;
    axvm_vmwrite(VMCS_GUEST_PENDING_DB, 0);
    axvm_write_dr6((axvm_read_dr6() & ~PENDING_DB_HITS) | (pending & (PENDING_DB_HITS | PENDING_DB_BS)));
    axvm_x86_raise(vcpu, X86_DB);
}

/* Exits that come after an instruction, which may have been a step, or have met a breakpoint. */
static inline void instruction_is_done(struct axvm_vcpu *vcpu)
{
    if (__builtin_expect((vcpu->arch.rflags & RFLAGS_TF) != 0 || vcpu->arch.dr_loaded, 0))
        raise_pending_db(vcpu);
}

static enum axvm_trap_kind exit_exception(struct axvm_vcpu *vcpu)
{
    uint64_t event = axvm_vmread(VMCS_EXIT_EVENT);

    if (axvm_field(event, EVENT_TYPE) == EVENT_NMI) {
        /* The host's: it has been taken from the CPU, which blocks NMIs until the handler's IRET. */
        __asm__ volatile("int $2" : : : "memory");
        return AXVM_TRAP_RESUME;
    }
    if (__builtin_expect((axvm_vmread(VMCS_IDT_EVENT) & EVENT_VALID) != 0, 0))
        axvm_vmx_redeliver(vcpu);
    else if (event & EVENT_NMI_UNBLOCKED)
        block_nmi();
    switch (axvm_field(event, EVENT_VECTOR)) {
    case X86_UD:
        return axvm_x86_exit_invalid_opcode(vcpu);
    case X86_NM:
        return axvm_x86_exit_nm(vcpu);
    case X86_DB:
        return exit_db(vcpu, event);
    case X86_AC:
        axvm_x86_raise_error(vcpu, X86_AC, (uint32_t)axvm_vmread(VMCS_EXIT_EVENT_ERROR));
        return AXVM_TRAP_RESUME;
    case X86_MC:
        return axvm_x86_exit_machine_check(vcpu);
    default:
        return axvm_x86_exit_unknown(vcpu, event);
    }
}

/* ---- instructions ---- */

static enum axvm_trap_kind exit_cr(struct axvm_vcpu *vcpu)
{
    uint64_t q = axvm_vmread(VMCS_QUALIFICATION);
    unsigned int n = (unsigned int)axvm_field(q, QUAL_CR_NUMBER), gpr = (unsigned int)axvm_field(q, QUAL_CR_GPR);

    switch (axvm_field(q, QUAL_CR_TYPE)) {
    case QUAL_CR_CLTS:
        return axvm_x86_exit_clts(vcpu, next_rip(vcpu));
    case QUAL_CR_LMSW:
        return axvm_x86_exit_lmsw(vcpu, (uint16_t)axvm_field(q, QUAL_CR_MSW), next_rip(vcpu));
    default:
        return axvm_x86_exit_cr(vcpu, n, axvm_field(q, QUAL_CR_TYPE) == QUAL_CR_WRITE, gpr, next_rip(vcpu));
    }
}

static inline enum axvm_trap_kind exit_io(struct axvm_vcpu *vcpu, uint64_t q)
{
    uint16_t port = (uint16_t)axvm_field(q, QUAL_IO_PORT);
    unsigned int size = (unsigned int)axvm_field(q, QUAL_IO_SIZE) + 1;
    uint64_t next = next_rip(vcpu);

    return q & QUAL_IO_IN ? axvm_x86_exit_in(vcpu, port, size, next) : axvm_x86_exit_out(vcpu, port, size, next);
}

static enum axvm_trap_kind exit_io_string(struct axvm_vcpu *vcpu)
{
    uint64_t q = axvm_vmread(VMCS_QUALIFICATION);

    return axvm_x86_exit_io_string(vcpu, (uint16_t)axvm_field(q, QUAL_IO_PORT), (unsigned int)axvm_field(q, QUAL_IO_SIZE) + 1,
                                   (q & QUAL_IO_IN) != 0, (q & QUAL_IO_REP) != 0);
}

static enum axvm_trap_kind exit_ept(struct axvm_vcpu *vcpu)
{
    uint64_t q = axvm_vmread(VMCS_QUALIFICATION);
    bool walk = (q & QUAL_EPT_LINEAR) && !(q & QUAL_EPT_TRANSLATED);
    uint32_t prot = q & QUAL_EPT_FETCH ? AXVM_PROT_EXEC : q & QUAL_EPT_WRITE ? AXVM_PROT_WRITE : AXVM_PROT_READ;

    if (__builtin_expect((axvm_vmread(VMCS_IDT_EVENT) & EVENT_VALID) != 0, 0))
        axvm_vmx_redeliver(vcpu);
    else if (__builtin_expect((q & QUAL_EPT_NMI_UNBLOCKED) != 0, 0))
        block_nmi();
    return axvm_x86_exit_fault(vcpu, axvm_vmread(VMCS_GPA), prot, walk);
}

/* ---- dispatch ---- */

static enum axvm_trap_kind exit_rare(struct axvm_vcpu *vcpu, uint32_t reason)
{
    switch (reason & EXIT_REASON_BASIC) {
    case VMX_IO:
        return exit_io_string(vcpu);
    case VMX_EXCEPTION_NMI:
        return exit_exception(vcpu);
    case VMX_TRIPLE_FAULT:
        return axvm_x86_exit_shutdown(vcpu);
    case VMX_INIT:
    case VMX_SIPI:
        return AXVM_TRAP_HOST_IRQ;
    case VMX_NMI_WINDOW:
        axvm_vmx_nmi_window(vcpu, false);
        vcpu->arch.work |= AXVM_WORK_NMI;
        return AXVM_TRAP_RESUME;
    case VMX_TPR_BELOW: /* seen already */
        instruction_is_done(vcpu);
        return AXVM_TRAP_RESUME;
    case VMX_INVD: /* what it would lose is not the guest's to lose */
    case VMX_WBINVD:
        return axvm_x86_exit_wbinvd(vcpu, next_rip(vcpu));
    case VMX_RDPMC: /* no performance counters */
        return general_protection(vcpu);
    case VMX_CR:
        return exit_cr(vcpu);
    case VMX_DR:
        return axvm_x86_exit_dr(vcpu);
    case VMX_PAUSE:
        return axvm_x86_exit_pause(vcpu, next_rip(vcpu));
    case VMX_XSETBV:
        return axvm_x86_exit_xsetbv(vcpu, next_rip(vcpu));
    case VMX_EPT_MISCONFIG: /* our own tables: a bug, or broken memory */
        return axvm_x86_exit_fail(vcpu, reason, axvm_vmread(VMCS_GPA));
    case VMX_TASK_SWITCH:
        return axvm_vmx_exit_task_switch(vcpu);
    default:
        break;
    }
    /* VMX's instructions, MONITOR, MWAIT, GETSEC, ...: the guest's CPU has none of them. */
    return axvm_x86_exit_ud(vcpu);
}

static inline enum axvm_trap_kind finish(struct axvm_vcpu *vcpu, enum axvm_trap_kind kind)
{
    if (kind == AXVM_TRAP_RESUME)
        kind = axvm_x86_prepare(vcpu);
    if (kind == AXVM_TRAP_RESUME)
        axvm_vmx_mode_in(vcpu);
    return kind;
}

/* An interrupt of the host may be pending that has not ended this run, nor would end the next. */
static inline bool may_be_deaf(struct axvm_vcpu *vcpu)
{
    return __builtin_expect(axvm_vmx_of(vcpu)->caps->deaf, 0) && (vcpu->arch.rflags & RFLAGS_IF) == 0;
}

static enum axvm_trap_kind look_for_host_irq(struct axvm_vcpu *vcpu)
{
    axvm_vmx_of(vcpu)->look_tsc = 0;
    return axvm_x86_exit_host_irq(vcpu);
}

/*
 * With the registers that C may use, RIP and RFLAGS in struct axvm_arch_vcpu; the others are still the guest's in the CPU. That
 * does for the exits that come often. VMX_ALL_REGISTERS: for axvm_vmx_exit_all(), which is called when they are there.
 */
int axvm_vmx_exit(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint8_t tpr = axvm_vmx_tpr(axvm_vmx_of(vcpu));
    enum axvm_trap_kind kind;
    uint64_t q;

    axvm_x86_mode_out(vcpu);
    if (__builtin_expect(tpr != axvm_vmx_of(vcpu)->tpr, 0))
        axvm_vmx_tpr_changed(vcpu, tpr);
    switch ((uint32_t)axvm_vmread(VMCS_EXIT_REASON)) {
    case VMX_WRMSR:
        kind = axvm_x86_exit_wrmsr(vcpu, next_rip(vcpu));
        break;
    case VMX_RDMSR:
        kind = axvm_x86_exit_rdmsr(vcpu, next_rip(vcpu));
        break;
    case VMX_IO:
        q = axvm_vmread(VMCS_QUALIFICATION);
        if (q & QUAL_IO_STRING)
            return VMX_ALL_REGISTERS;
        kind = exit_io(vcpu, q);
        break;
    case VMX_VMCALL:
        kind = axvm_x86_exit_hypercall(vcpu, next_rip(vcpu));
        break;
    case VMX_EOI:
        instruction_is_done(vcpu);
        kind = axvm_vmx_exit_eoi(vcpu);
        break;
    case VMX_APIC_WRITE:
        instruction_is_done(vcpu);
        kind = axvm_vmx_exit_apic_write(vcpu);
        break;
    case VMX_CPUID:
        kind = axvm_x86_exit_cpuid(vcpu, next_rip(vcpu));
        break;
    case VMX_HLT:
        kind = axvm_x86_exit_hlt(vcpu, next_rip(vcpu));
        break;
    case VMX_EXTERNAL:
        kind = axvm_x86_exit_host_irq(vcpu);
        break;
    case VMX_TIMER:
        axvm_vmx_of(vcpu)->timer_ns = 0; /* to be set again, should it have been too early */
        v->work |= AXVM_WORK_TIMER;
        kind = may_be_deaf(vcpu) ? look_for_host_irq(vcpu) : AXVM_TRAP_RESUME;
        break;
    case VMX_IRQ_WINDOW: /* it is open */
        v->work |= AXVM_WORK_IRQ;
        kind = AXVM_TRAP_RESUME;
        break;
    default:
        return VMX_ALL_REGISTERS;
    }
    return (int)finish(vcpu, kind);
}

int axvm_vmx_exit_all(struct axvm_vcpu *vcpu)
{
    uint32_t reason = (uint32_t)axvm_vmread(VMCS_EXIT_REASON);

    if (reason == VMX_EPT_VIOLATION)
        return (int)finish(vcpu, exit_ept(vcpu));
    if (reason == VMX_APIC_ACCESS)
        return (int)finish(vcpu, axvm_vmx_exit_apic_access(vcpu));
    if (__builtin_expect((reason & EXIT_REASON_FAILED) != 0, 0))
        return axvm_vmx_exit_failed(vcpu, reason);
    return (int)finish(vcpu, exit_rare(vcpu, reason));
}
