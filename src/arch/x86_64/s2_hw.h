/* SPDX-License-Identifier: BSD-2-Clause */
/* Cached translations of guests, and how they are made to go: s2_hw.c. */
#ifndef AXVM_X86_64_S2_HW_H
#define AXVM_X86_64_S2_HW_H

#include "hw.h"

/* The tables have changed: flush with the entry. AXVM_TRAP_RESUME. */
enum axvm_trap_kind axvm_x86_catch_up(struct axvm_vcpu *vcpu, uint64_t tlb_gen);

/*
 * There is no way to make another CPU drop translations but to interrupt it. So:
 *   - vm->arch.tlb_gen counts the changes of the VM's tables that have to be seen: axvm_arch_s2_flush() counts it up, having
 * written the tables;
 *   - vcpu->arch.mode is odd while the vCPU's guest may be executing. On the way in it is first made odd, then tlb_gen is
 * looked at: if it is not what this vCPU has seen, its translations are flushed with the entry;
 *   - the flusher, having counted up tlb_gen, looks at the mode of each vCPU. Both orders are sequentially consistent, so
 * either the vCPU on its way in sees the new generation, or the flusher sees the odd mode; then it interrupts the CPU and waits
 * until the mode has changed. On the way out the mode is counted up before anything else is done, so who spins on as.lock,
 * which the flusher holds, is not waited for; and who comes in again sees the new generation. When the wait is over each vCPU
 * has either left the guest since, or will flush before it next executes one instruction. What a CPU has cached for a vCPU that
 * is not in its guest does no harm: it is used by nobody before that vCPU comes in again (the hardware may walk tables only for
 * what executes), or another vCPU of the VM on that CPU, which starts afresh (see axvm_x86_has_stayed()).
 */

/* The way in. AXVM_TRAP_RESUME, so that a caller can end with it. */
static inline enum axvm_trap_kind axvm_x86_mode_in(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    const _Atomic uint64_t *tlb_gen = &vcpu->vm->arch.tlb_gen;
    uint64_t gen;

    /* Nobody else writes it; it is a barrier between this store and the load below. */
    atomic_fetch_add(&v->mode, 1);
    gen = atomic_load(tlb_gen);
    return __builtin_expect(gen != v->tlb_seen, 0) ? axvm_x86_catch_up(vcpu, gen) : AXVM_TRAP_RESUME;
}

static inline void axvm_x86_mode_out(struct axvm_vcpu *vcpu)
{
    /* One instruction, as nobody else writes it; a CPU's stores are seen in their order. TSan does not see it. */
#if __STDC_HOSTED__
    atomic_fetch_add_explicit(&vcpu->arch.mode, 1, memory_order_release);
#else
    __asm__ volatile("addq $1, %0" : "+m"(vcpu->arch.mode) : : "cc", "memory");
#endif
}

#endif
