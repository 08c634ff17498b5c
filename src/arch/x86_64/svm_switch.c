/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's VMCB comes to a CPU and goes; interception of what is exchanged lazily; events. */
#include "msr.h"
#include "s2_hw.h"
#include "svm.h"
#include "switch.h"

/* VMRUN loads it; but Bochs' leaves the guest what is in it. */
static void load_cr2(const struct axvm_vmcb *b)
{
    axvm_write_cr2(b->cr2);
}

static void init_vmcb(struct axvm_vcpu *vcpu)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    axvm_svm_vmcb_init(b, vcpu->arch.cpu->arch.svm_features, (vcpu->vm->flags & AXVM_VM_YIELD_ON_SPIN) != 0);
    b->iopm = vcpu->vm->arch.iopm_pa;
    b->msrpm = vcpu->vm->arch.msrpm_pa;
    b->ncr3 = vcpu->vm->as.root_hpa.v;
    if (!vcpu->vm->arch.cpuid->limits.tsc_aux)
        b->misc2 |= VMCB_I2_RDTSCP;
}

/* It is new, was reset, or something else ran here meanwhile, or it elsewhere. */
static __attribute__((noinline)) void move_in(struct axvm_vcpu *vcpu, struct axvm_cpu *cpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;

    axvm_x86_move_in(cpu, vcpu);
    if (b->np_enable == 0)
        init_vmcb(vcpu);
    if (v->sys_dirty) {
        axvm_svm_vmcb_set_sys(b, &v->sys);
        axvm_svm_set_cr0(vcpu);
        v->sys_dirty = false;
    }
    b->clean = 0;
    b->asid = (uint32_t)(v->last_vmid & AXVM_VMID_MASK);
    axvm_svm_flush(vcpu);
    if (cpu->arch.flush_all)
        b->tlb_control = TLB_FLUSH_ALL;
    v->nrips = axvm_svm_has(vcpu, SVM_FEATURE_NRIPS);
    v->host_pa = cpu->arch.host_vmcb_pa;
}

static inline void load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint64_t offset = vcpu->vm->arch.tsc_offset + v->tsc_moved, tsc;
    struct axvm_vmcb *b = v->vmcb;

    v->cpu = cpu;
    if (!axvm_x86_has_stayed(cpu, vcpu))
        move_in(vcpu, cpu);
    tsc = axvm_x86_take_over(&cpu->arch, vcpu);
    if (b->tsc_offset != offset)
        axvm_svm_set_tsc_offset(vcpu, offset);
    axvm_vmsave(v->host_pa);
    if (cpu->arch.host_xss != 0)
        axvm_wrmsr(MSR_IA32_XSS, 0);
    load_cr2(b);
    axvm_x86_unpack(vcpu, b->dr7);
    axvm_x86_look_around(&cpu->arch, vcpu, tsc);
}

/* All else but what VMSAVE took is in memory already. */
static inline void put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    axvm_x86_pack(vcpu);
    if (cpu->arch.host_xss != 0)
        axvm_wrmsr(MSR_IA32_XSS, cpu->arch.host_xss);
    axvm_x86_give_back(&cpu->arch, vcpu);
    vcpu->arch.cpu = NULL;
}

enum axvm_trap_kind axvm_svm_visit(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    int kind;

    load(cpu, vcpu);
    kind = axvm_svm_enter_again(vcpu);
    if (kind == AXVM_TRAP_RESUME)
        kind = (int)axvm_svm_enter(vcpu);
    put(cpu, vcpu);
    return (enum axvm_trap_kind)kind;
}

/* "TLB Control". Flushing by ASID spares the host's and other guests' entries. */
void axvm_svm_flush(struct axvm_vcpu *vcpu)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    if (b->tlb_control != TLB_FLUSH_ALL)
        b->tlb_control = axvm_svm_has(vcpu, SVM_FEATURE_FLUSH_BY_ASID) ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
    vcpu->arch.work |= AXVM_WORK_FLUSHED;
}

void axvm_svm_set_tsc_offset(struct axvm_vcpu *vcpu, uint64_t offset)
{
    vcpu->arch.vmcb->tsc_offset = offset;
    vcpu->arch.vmcb->clean &= ~CLEAN_INTERCEPTS;
}

/* ---- FP, debug registers ---- */

/* While the guest's FP registers are loaded it may set and clear CR0.TS by itself. */
void axvm_svm_set_cr0(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    struct axvm_vmcb *b = v->vmcb;
    bool own = v->fp_loaded && (v->cr0 & CR0_HIDDEN) == 0;

    b->cr0 = (v->cr0 & ~CR0_HIDDEN) | (v->fp_loaded ? 0 : CR0_TS);
    b->cr_read = (uint16_t)((b->cr_read & ~1u) | !own);
    b->cr_write = (uint16_t)((b->cr_write & ~1u) | !own);
    b->exceptions = (b->exceptions & ~(1u << X86_NM)) | (v->fp_loaded ? 0 : 1u << X86_NM);
    b->clean &= ~(CLEAN_CR | CLEAN_INTERCEPTS);
}

/* axvm_x86_fp_load() and _put() have changed fp_loaded; .cr0 is as the guest sees it. */
void axvm_svm_fp_access(struct axvm_vcpu *vcpu, bool on)
{
    (void)on;
    axvm_svm_set_cr0(vcpu);
}

void axvm_svm_dr_access(struct axvm_vcpu *vcpu, bool on)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;

    b->dr_read = on ? 0 : 0xffff;
    b->dr_write = on ? 0 : 0xffff;
    b->clean &= ~CLEAN_INTERCEPTS;
}

/* ---- events ---- */

/* What an exception or an NMI takes besides. */
void axvm_svm_injected(struct axvm_vcpu *vcpu, uint64_t event)
{
    if (axvm_field(event, EVENT_TYPE) == EVENT_EXCEPTION && axvm_field(event, EVENT_VECTOR) == X86_PF)
        load_cr2(vcpu->arch.vmcb);
    if (axvm_field(event, EVENT_TYPE) == EVENT_EXCEPTION && axvm_field(event, EVENT_VECTOR) == X86_DF)
        axvm_svm_df_injected(vcpu);
    if (axvm_field(event, EVENT_TYPE) == EVENT_NMI)
        axvm_svm_nmi_injected(vcpu);
}

/* A virtual interrupt of the highest priority: never delivered, as VINTR is intercepted, but noticed. "Virtual Interrupt
 * Intercept". */
void axvm_svm_irq_window(struct axvm_vcpu *vcpu, bool on)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint32_t misc1 = on ? b->misc1 | VMCB_I1_VINTR : b->misc1 & ~VMCB_I1_VINTR;

    if (misc1 == b->misc1)
        return;
    b->misc1 = misc1;
    b->int_ctl &= ~(VMCB_V_IRQ | VMCB_V_IGN_TPR | VMCB_V_INTR_PRIO);
    if (on)
        b->int_ctl |= VMCB_V_IRQ | VMCB_V_IGN_TPR | VMCB_V_INTR_PRIO;
    b->clean &= ~(CLEAN_INTERCEPTS | CLEAN_TPR);
}

/* A guest that keeps interrupts from coming by CR8 exits when it writes it. */
void axvm_svm_set_cr8(struct axvm_vcpu *vcpu, uint8_t cr8, uint8_t threshold)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint16_t cr_write = (uint16_t)((b->cr_write & ~(1u << 8)) | (threshold != 0 ? 1u << 8 : 0));

    if (cr_write != b->cr_write) {
        b->cr_write = cr_write;
        b->clean &= ~CLEAN_INTERCEPTS;
    }
    if ((b->int_ctl & VMCB_V_TPR) != cr8) {
        b->int_ctl = (b->int_ctl & ~VMCB_V_TPR) | cr8;
        b->clean &= ~CLEAN_TPR;
    }
}
