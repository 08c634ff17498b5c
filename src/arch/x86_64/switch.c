/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch as far as both vendors share it: what neither VMRUN nor VM entry exchanges.
 *
 *  - on each way from and to the host tier: XCR0 and TSC_AUX if they differ, DR6 and DR7 (VMRUN and VM entry load the guest's
 * DR7, and leave a useless one; VM exit on VMX the same);
 *  - more or less lazily: FP (fpu.c), DR0..DR3 (debug.c).
 */
#include "cpu.h"
#include "exit.h"
#include "pvclock.h"
#include "vmid.h"

#define DR7_RESET 0x400u
#define DR7_ENABLED 0xffu

/* ---- the host's own ---- */

static void exchange_tsc_aux(struct axvm_arch_cpu *h, const struct axvm_arch_vcpu *v)
{
    h->host_tsc_aux = axvm_rdmsr(MSR_TSC_AUX);
    if (h->host_tsc_aux != v->tsc_aux)
        axvm_wrmsr(MSR_TSC_AUX, v->tsc_aux);
}

void axvm_x86_xcr0_changed(struct axvm_vcpu *vcpu)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;
    const struct axvm_arch_cpu *h = &v->cpu->arch;

    if (h->has_xsave)
        axvm_xsetbv(0, v->osxsave ? v->xcr0 : h->host_xcr0);
}

static void take_over(struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    h->host_dr6 = axvm_read_dr6();
    h->host_dr7 = axvm_read_dr7();
    if (h->has_rdtscp)
        exchange_tsc_aux(h, v);
    if (v->osxsave && h->has_xsave) {
        h->host_xcr0 = axvm_xgetbv(0);
        if (h->host_xcr0 != v->xcr0)
            axvm_xsetbv(0, v->xcr0);
    }
}

static void give_back(struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->osxsave && h->has_xsave) {
        /* QEMU's SVM does not intercept XSETBV. */
        v->xcr0 = axvm_xgetbv(0);
        if (h->host_xcr0 != v->xcr0)
            axvm_xsetbv(0, h->host_xcr0);
    }
    if (h->has_rdtscp && h->host_tsc_aux != v->tsc_aux)
        axvm_wrmsr(MSR_TSC_AUX, h->host_tsc_aux);
    axvm_write_dr6(h->host_dr6);
    if (h->host_dr7 != DR7_RESET)
        axvm_write_dr7(h->host_dr7);
}

/* ---- the guest's ---- */

/*
 * Is it the one that ran here last, not reset since, and under the same number? Then what the CPU has cached of it is good, and
 * its timer is set for it. The vCPUs of a VM share its number for the TLB, but what each has cached is its own: when they take
 * turns on a CPU, or one comes from another CPU, it starts afresh.
 */
static inline bool has_stayed(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    uint64_t generation = atomic_load_explicit(&vcpu->vm->vmid, memory_order_relaxed);

    return cpu->resident == vcpu && vcpu->arch.last_cpu == cpu && vcpu->arch.last_vmid == generation &&
           atomic_load_explicit(&cpu->active_vmid, memory_order_relaxed) == generation;
}

static __attribute__((noinline)) void move_in(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    axvm_vmid_enter(cpu, vcpu->vm);
    cpu->resident = vcpu;
    vcpu->arch.last_cpu = cpu;
    vcpu->arch.last_vmid = atomic_load_explicit(&vcpu->vm->vmid, memory_order_relaxed);
}

static inline void load(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    bool stayed = has_stayed(cpu, vcpu);

    if (__builtin_expect(!stayed, 0))
        move_in(cpu, vcpu);
    v->cpu = cpu;
    take_over(&cpu->arch, vcpu);
    axvm_x86_hw(vcpu, load_on, cpu, v->last_vmid & AXVM_VMID_MASK, !stayed);
    if (v->fp_loaded || v->osxsave)
        axvm_x86_fp_enter(vcpu);
    if (axvm_x86_get_dr7(vcpu) & DR7_ENABLED)
        axvm_x86_dr_load(vcpu);
    axvm_x86_look_around(vcpu, stayed);
}

static inline void put(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->fp_loaded)
        axvm_x86_fp_leave(vcpu);
    if (v->dr_loaded)
        axvm_x86_dr_put(vcpu);
    axvm_x86_hw(vcpu, put_from, cpu);
    give_back(&cpu->arch, vcpu);
    v->cpu = NULL;
}

enum axvm_trap_kind axvm_arch_vcpu_run(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    enum axvm_trap_kind kind;

    if (atomic_load(&vcpu->arch.startup) & AXVM_STARTUP_INIT) {
        axvm_x86_take_init(vcpu);
        return AXVM_TRAP_REQUEST;
    }
    vcpu->arch.exit = exit;
    if (vcpu->arch.msrs.steal_time)
        axvm_x86_pv_enter(vcpu);
    load(cpu, vcpu);
    kind = axvm_x86_is_svm(vcpu) ? axvm_svm_run(vcpu) : axvm_vmx_run(vcpu);
    put(cpu, vcpu);
    if (vcpu->arch.msrs.steal_time)
        axvm_x86_pv_leave(vcpu, kind == AXVM_TRAP_HOST_IRQ);
    return kind;
}
