/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world switch as far as both vendors share it: what neither VMRUN nor VM entry exchanges. Each vendor's axvm_*_visit() is
 * made of it, so that a short stay costs no detours.
 *
 *  - on each way from and to the host tier: XCR0 and TSC_AUX if they differ, DR6 and DR7 (VMRUN and VM entry load the guest's
 * DR7, and leave a useless one; VM exit on VMX the same);
 *  - more or less lazily: FP (fpu.c), DR0..DR3 (debug.c).
 */
#ifndef AXVM_X86_64_SWITCH_H
#define AXVM_X86_64_SWITCH_H

#include "cpu.h"
#include "exit.h"
#include "platform.h"
#include "vmid.h"

#define AXVM_DR7_RESET 0x400u
#define AXVM_DR7_ENABLED 0xffu

/* Something else ran here, or it elsewhere, or it has another number now. */
void axvm_x86_move_in(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu);

/*
 * Is it the one that ran here last, not reset since, and under the same number? Then what the CPU has cached of it is good, and
 * its timer is set for it. The vCPUs of a VM share its number for the TLB, but what each has cached is its own: when they take
 * turns on a CPU, or one comes from another CPU, it starts afresh. A VM gets another number only after a new generation has
 * begun, and that has cleared active_vmid.
 */
static inline bool axvm_x86_has_stayed(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu)
{
    bool stayed = cpu->resident == vcpu && vcpu->arch.last_cpu == cpu &&
                  atomic_load_explicit(&cpu->active_vmid, memory_order_relaxed) == vcpu->arch.last_vmid;

    return __builtin_expect(stayed, 1);
}

/* The TSC on the way, as both come from one instruction. */
static inline uint64_t axvm_x86_take_tsc_aux(struct axvm_arch_cpu *h, const struct axvm_arch_vcpu *v)
{
    uint64_t tsc;

    if (!h->has_rdtscp)
        return axvm_rdtsc();
    tsc = axvm_rdtscp(&h->host_tsc_aux);
    if (h->host_tsc_aux != v->tsc_aux)
        axvm_wrmsr32(MSR_TSC_AUX, v->tsc_aux);
    return tsc;
}

/* The host's registers for the guest's. The TSC as it was. */
static inline uint64_t axvm_x86_take_over(struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    h->host_dr6 = axvm_read_dr6();
    h->host_dr7 = axvm_read_dr7();
    if (v->osxsave && h->has_xsave) {
        h->host_xcr0 = axvm_xgetbv(0);
        if (h->host_xcr0 != v->xcr0)
            axvm_xsetbv(0, v->xcr0);
    }
    return axvm_x86_take_tsc_aux(h, v);
}

static inline void axvm_x86_give_back(struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->osxsave && h->has_xsave) {
        /* QEMU's SVM does not intercept XSETBV. */
        v->xcr0 = axvm_xgetbv(0);
        if (h->host_xcr0 != v->xcr0)
            axvm_xsetbv(0, h->host_xcr0);
    }
    if (h->has_rdtscp && h->host_tsc_aux != v->tsc_aux)
        axvm_wrmsr32(MSR_TSC_AUX, h->host_tsc_aux);
    axvm_write_dr6(h->host_dr6);
    if (h->host_dr7 != AXVM_DR7_RESET)
        axvm_write_dr7(h->host_dr7);
}

/* What is the guest's own comes with it, as far as it is not left for later, once the vendor has made it the loaded one. */
static inline void axvm_x86_unpack(struct axvm_vcpu *vcpu, uint64_t dr7)
{
    const struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->fp_loaded || v->osxsave)
        axvm_x86_fp_enter(vcpu);
    if (dr7 & AXVM_DR7_ENABLED)
        axvm_x86_dr_load(vcpu);
}

/*
 * What may have changed while this vCPU was not looking, at @tsc. That there is something to do for the guest's local APIC or
 * NMIs others have said in .attention and .nmi; windows that were open still are. Who changes the local APIC's timer says so in
 * .work; a device may have set an earlier deadline, and one that it has put off fires for nothing.
 */
static inline void axvm_x86_look_around(const struct axvm_arch_cpu *h, struct axvm_vcpu *vcpu, uint64_t tsc)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    /* One that was woken by a timer goes by the same clock: the TSC may be behind it. */
    if (__builtin_expect(v->halted, 0))
        v->work |= AXVM_WORK_IRQ | AXVM_WORK_NMI | AXVM_WORK_TIMER;
    if (__builtin_expect(atomic_load_explicit(&v->nmi, memory_order_relaxed) != 0, 0))
        v->work |= AXVM_WORK_NMI;
    if (h->timer_ns == 0 || tsc >= h->timer_tsc || (vcpu->id == 0 && axvm_x86_platform_deadline(vcpu->vm) < h->timer_ns))
        v->work |= AXVM_WORK_TIMER;
}

static inline void axvm_x86_pack(struct axvm_vcpu *vcpu)
{
    if (vcpu->arch.fp_loaded)
        axvm_x86_fp_leave(vcpu);
    if (vcpu->arch.dr_loaded)
        axvm_x86_dr_put(vcpu);
}

#endif
