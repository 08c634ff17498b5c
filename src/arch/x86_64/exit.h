/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the exits of a guest lead to, the same on both vendors, who call this with what they have decoded; and what the other
 * parts of the backend may do to a loaded vCPU. Interrupts are off.
 */
#ifndef AXVM_X86_64_EXIT_H
#define AXVM_X86_64_EXIT_H

#include "fault.h"
#include "regs.h"

/* ---- exceptions for the guest: event.c. Any tier, the vCPU's own thread; nothing is lost when one already waits to be
 * delivered: they become a double fault as the manuals say ("Interrupt 8—Double Fault Exception"), and that a shutdown: the
 * work then ends with it ---- */
void axvm_x86_raise(struct axvm_vcpu *vcpu, unsigned int vector);                       /* those without an error code */
void axvm_x86_raise_error(struct axvm_vcpu *vcpu, unsigned int vector, uint32_t error); /* those with one */
void axvm_x86_raise_pf(struct axvm_vcpu *vcpu, uint64_t cr2, uint32_t error);           /* host tier, too */

/* ---- the instruction that exited is done: RIP goes beyond it. Loaded ---- */
/* @len bytes. */
void axvm_x86_step_over(struct axvm_vcpu *vcpu, unsigned int len);
/* Whatever its length: of insn_len, or found out. False: it cannot be fetched any more, an exception waits, or the guest shall
 * try again: nothing of the instruction may have had an effect. @code: the vendor's exit code; @plain: its length without
 * prefixes. */
bool axvm_x86_skip(struct axvm_vcpu *vcpu, uint32_t code, unsigned int plain);

/* ---- handlers. @len: the instruction's length, known by now: axvm_x86_skip_len() ---- */
enum axvm_trap_kind axvm_x86_exit_cpuid(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_rdmsr(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_wrmsr(struct axvm_vcpu *vcpu);
/* MOV to or from CR @n, general register @reg. SVM without DecodeAssists does not tell the register: exit_cr.c finds it. */
enum axvm_trap_kind axvm_x86_exit_cr_write(struct axvm_vcpu *vcpu, unsigned int n, uint64_t val);
enum axvm_trap_kind axvm_x86_exit_cr_read(struct axvm_vcpu *vcpu, unsigned int n, unsigned int reg);
enum axvm_trap_kind axvm_x86_exit_clts(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_lmsw(struct axvm_vcpu *vcpu, uint16_t msw);
/* MOV to or from a debug register: they are the guest's from now on; it tries again. */
enum axvm_trap_kind axvm_x86_exit_dr(struct axvm_vcpu *vcpu);
/* IN and OUT without a string. @next: RIP after it. */
enum axvm_trap_kind axvm_x86_exit_io(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, bool in, unsigned int len);
/* INS, OUTS */
enum axvm_trap_kind axvm_x86_exit_io_string(struct axvm_vcpu *vcpu);
/* Second-level fault at @gpa: @prot is what was tried; @walk: by a walk of the guest's own page tables. */
enum axvm_trap_kind axvm_x86_exit_fault(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot, bool walk);
enum axvm_trap_kind axvm_x86_exit_hlt(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_pause(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_xsetbv(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_hypercall(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_wbinvd(struct axvm_vcpu *vcpu);
enum axvm_trap_kind
axvm_x86_exit_ud(struct axvm_vcpu *vcpu); /* an instruction that this CPU has not, as far as the guest can tell */
enum axvm_trap_kind axvm_x86_exit_nm(struct axvm_vcpu *vcpu);
/* A triple fault: the VM ends with AXVM_EXIT_SYSTEM_CRASH. A PC would reset: the host may axvm_reset() it. */
enum axvm_trap_kind axvm_x86_exit_shutdown(struct axvm_vcpu *vcpu);
/* The CPU refused to enter the guest: the VM ends. */
enum axvm_trap_kind axvm_x86_exit_fail(struct axvm_vcpu *vcpu, uint64_t code, uint64_t info);
/* An exit that there should not be: #UD for the guest, one line for the host. */
enum axvm_trap_kind axvm_x86_exit_unknown(struct axvm_vcpu *vcpu, uint64_t code);

/* ---- before each entry: event.c ---- */
/* Deliver what waits for the guest, or say why it cannot be entered now. */
enum axvm_trap_kind axvm_x86_prepare_work(struct axvm_vcpu *vcpu);
static inline enum axvm_trap_kind axvm_x86_prepare(struct axvm_vcpu *vcpu)
{
    /* What the vCPU itself did to its local APIC, by whatever way, is told by nothing else. */
    uint32_t attention = atomic_load_explicit(&vcpu->arch.lapic.attention, memory_order_relaxed);

    if (__builtin_expect((vcpu->arch.work | attention | atomic_load_explicit(&vcpu->requests, memory_order_relaxed)) == 0, 1))
        return (enum axvm_trap_kind)axvm_wake_trap(vcpu->vm);
    if (attention)
        vcpu->arch.work |= AXVM_WORK_IRQ;
    return axvm_x86_prepare_work(vcpu);
}
/* An exit interrupted the delivery of @info (EXITINTINFO, IDT-vectoring information in that format). */
void axvm_x86_redeliver(struct axvm_vcpu *vcpu, uint64_t info);

/* ---- from other CPUs; any context ---- */
/* An interrupt may be pending for it: have it look. Cheaper than axvm_vcpu_request() when it is the calling CPU's own vCPU. */
void axvm_x86_signal(struct axvm_vcpu *vcpu);
void axvm_x86_nmi(struct axvm_vcpu *vcpu);
void axvm_x86_init(struct axvm_vcpu *vcpu);
void axvm_x86_sipi(struct axvm_vcpu *vcpu, uint8_t vector);

/* ---- time: clock.c ---- */
uint64_t axvm_x86_rdtsc(void);
/* The guest's TSC, now. Any tier. */
uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu);
/* When the guest's TSC will be @tsc, in hal->time_ns(); now if it has been. */
uint64_t axvm_x86_tsc_to_ns(struct axvm *vm, uint64_t tsc);
/* The guest moves its own TSC by @delta. All vCPUs of the VM share one offset, so it is kept apart for this one. */
void axvm_x86_tsc_move(struct axvm_vcpu *vcpu, uint64_t delta);

/* ---- lazily exchanged: fpu.c, debug.c. Loaded ---- */
void axvm_x86_fp_load(struct axvm_vcpu *vcpu);
void axvm_x86_fp_put(struct axvm_vcpu *vcpu);
void axvm_x86_dr_load(struct axvm_vcpu *vcpu);
void axvm_x86_dr_put(struct axvm_vcpu *vcpu);

#endif
