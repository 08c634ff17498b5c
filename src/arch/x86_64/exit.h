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

void axvm_x86_raise_fault(struct axvm_vcpu *vcpu, const struct axvm_x86_fault *f);
uint64_t axvm_x86_exception(uint64_t vector, bool has_error, uint32_t error);
/* What becomes of an event that was not delivered yet when an exception came: the exception, a double fault, EVENT_SHUTDOWN. */
uint64_t axvm_x86_merge_events(uint64_t first, uint64_t second);

/* ---- the instruction that exited; loaded ---- */
/*
 * Where the instruction after the one at RIP is, which has exited with @code (below 0x8000; different instructions have
 * different ones), where the CPU does not tell. AXVM_X86_NOWHERE: it cannot be known now (an exception is raised, or another
 * vCPU has changed the code): nothing of the instruction may have an effect, the guest is entered again.
 */
AXVM_COLD uint64_t axvm_x86_find_next(struct axvm_vcpu *vcpu, uint64_t code);
#define AXVM_X86_NOWHERE AXVM_BIT(63) /* not canonical */
static inline uint64_t axvm_x86_site_key(uint64_t rip, uint64_t code)
{
    return rip ^ code << 48;
}
/* The same, found out already? */
static inline bool axvm_x86_known_next(const struct axvm_vcpu *vcpu, uint64_t cr3, uint64_t code, uint64_t *next)
{
    const struct axvm_insn_sites *s = &vcpu->arch.sites;
    uint64_t rip = vcpu->arch.rip;
    unsigned int i = rip % AXVM_INSN_SITES;

    if (__builtin_expect(s->key[i] != axvm_x86_site_key(rip, code), 0) || __builtin_expect(s->cr3[i] != cr3, 0))
        return false;
    *next = s->next[i];
    return true;
}
/* RIP after an instruction of @len bytes. Beyond 4 GiB only 64-bit code goes on; other code wraps. */
uint64_t axvm_x86_wrap_rip(struct axvm_vcpu *vcpu, uint64_t rip);
static inline uint64_t axvm_x86_next_rip(struct axvm_vcpu *vcpu, unsigned int len)
{
    uint64_t next = vcpu->arch.rip + len;

    return __builtin_expect((uint32_t)next < len, 0) ? axvm_x86_wrap_rip(vcpu, next) : next;
}
/* An instruction is done: a trap if the guest single-steps. */
AXVM_COLD enum axvm_trap_kind axvm_x86_single_step(struct axvm_vcpu *vcpu);
static inline bool axvm_x86_is_stepping(const struct axvm_vcpu *vcpu)
{
    return __builtin_expect((vcpu->arch.rflags & (RFLAGS_TF | RFLAGS_RF)) != 0, 0);
}
/* No more shadow of STI or MOV SS. */
static inline void axvm_x86_end_shadow(struct axvm_vcpu *vcpu)
{
    if (axvm_x86_is_svm(vcpu))
        vcpu->arch.vmcb->int_state = 0;
    else
        axvm_vmx_clear_int_shadow(vcpu);
}
/* It is done, and RIP beyond it. */
static inline void axvm_x86_instruction_done(struct axvm_vcpu *vcpu)
{
    axvm_x86_end_shadow(vcpu);
    if (axvm_x86_is_stepping(vcpu))
        axvm_x86_single_step(vcpu);
}
/* How a handler that was given @next ends; who gave it has ended the shadow. */
static inline enum axvm_trap_kind axvm_x86_step_to(struct axvm_vcpu *vcpu, uint64_t next)
{
    vcpu->arch.rip = next;
    return axvm_x86_is_stepping(vcpu) ? axvm_x86_single_step(vcpu) : AXVM_TRAP_RESUME;
}
/* Bytes of code at RIP, @max of them or up to a page that cannot be read; 0: not even one, and an exception is raised or the
 * guest has to try again; .trap set for AXVM_TRAP_FAULT. */
unsigned int axvm_x86_fetch(struct axvm_vcpu *vcpu, uint8_t *buf, unsigned int max);
/* Are there the @len bytes of @opcode, up to 4, at RIP, as far as can be told without consequences? */
bool axvm_x86_is_opcode(struct axvm_vcpu *vcpu, const char *opcode, unsigned int len);

/*
 * ---- handlers ----
 * Of an instruction: @next is RIP after it. It has an effect, or faults; if it was in the shadow of STI or MOV SS that is over,
 * for the vendor who calls.
 */
enum axvm_trap_kind axvm_x86_exit_cpuid(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_rdmsr(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_wrmsr(struct axvm_vcpu *vcpu, uint64_t next);
/* MOV to or from CR @n with general register @reg. */
enum axvm_trap_kind axvm_x86_exit_cr(struct axvm_vcpu *vcpu, unsigned int n, bool write, unsigned int reg, uint64_t next);
/* The same, CLTS, LMSW or SMSW, where the CPU does not say which: found by decoding it. */
enum axvm_trap_kind axvm_x86_exit_cr_decode(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_clts(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_lmsw(struct axvm_vcpu *vcpu, uint16_t msw, uint64_t next);
/* SMSW or LMSW with an operand in memory. */
enum axvm_trap_kind axvm_x86_exit_msw(struct axvm_vcpu *vcpu);
/* What LMSW does to CR0. False: it would be #GP. */
bool axvm_x86_load_msw(struct axvm_vcpu *vcpu, uint16_t msw);
/* MOV to or from a debug register: they are the guest's from now on; it tries again. */
enum axvm_trap_kind axvm_x86_exit_dr(struct axvm_vcpu *vcpu);
/* IN and OUT without a string. */
enum axvm_trap_kind axvm_x86_exit_in(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_out(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, uint64_t next);
/* INS, OUTS */
enum axvm_trap_kind axvm_x86_exit_io_string(struct axvm_vcpu *vcpu, uint16_t port, unsigned int size, bool in, bool rep);
/* Second-level fault at @gpa: @prot is what was tried; @walk: by a walk of the guest's own page tables. */
enum axvm_trap_kind axvm_x86_exit_fault(struct axvm_vcpu *vcpu, uint64_t gpa, uint32_t prot, bool walk);
enum axvm_trap_kind axvm_x86_exit_hlt(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_pause(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_xsetbv(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_hypercall(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind axvm_x86_exit_wbinvd(struct axvm_vcpu *vcpu, uint64_t next);
enum axvm_trap_kind
axvm_x86_exit_ud(struct axvm_vcpu *vcpu); /* an instruction that this CPU has not, as far as the guest can tell */
/* #UD, which is intercepted for one such instruction that this CPU is to have: the other vendor's hypercall. */
enum axvm_trap_kind axvm_x86_exit_invalid_opcode(struct axvm_vcpu *vcpu);
enum axvm_trap_kind axvm_x86_exit_nm(struct axvm_vcpu *vcpu);
/* #MC: the host has to know. AXVM_EXIT_HOST_ERROR. */
enum axvm_trap_kind axvm_x86_exit_machine_check(struct axvm_vcpu *vcpu);
/* A triple fault: the VM ends with AXVM_EXIT_SYSTEM_CRASH. A PC would reset: the host may axvm_reset() it. */
enum axvm_trap_kind axvm_x86_exit_shutdown(struct axvm_vcpu *vcpu);
/* The CPU refused to enter the guest: the VM ends. */
enum axvm_trap_kind axvm_x86_exit_fail(struct axvm_vcpu *vcpu, uint64_t code, uint64_t info);
/* An exit that there should not be: #UD for the guest, one line for the host. */
enum axvm_trap_kind axvm_x86_exit_unknown(struct axvm_vcpu *vcpu, uint64_t code);

/* ---- accesses: exit_io.c ---- */
#define AXVM_X86_TRIPLE_FAULT 0x7fu /* axvm_exit.u.fault.code of AXVM_EXIT_SYSTEM_CRASH */
/* vcpu->trap.mmio has been filled in: answer it, and those that the instruction has after it. Loaded. */
enum axvm_trap_kind axvm_x86_answer(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
/* Is it a register of the vCPU's own local APIC? Then it is answered now. Any tier. */
bool axvm_x86_answer_lapic(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
/* As axvm_arch_mmio_finish(), _refuse(). Any tier. */
bool axvm_x86_finish(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
bool axvm_x86_refuse(struct axvm_vcpu *vcpu, struct axvm_mmio *mmio);
/* Registers of the local APIC that the CPU may have, or what decides whether it has, are about to be accessed. */
void axvm_x86_want_lapic_back(struct axvm_vcpu *vcpu);
static inline bool axvm_x86_has_lapic(const struct axvm_vcpu *vcpu)
{
    return vcpu->arch.lapic_cpu != 0;
}
/* The local APIC's registers were accessed: look at it before the next entry. */
void axvm_x86_lapic_touched(struct axvm_vcpu *vcpu);
/* The four PDPTEs that PAE paging would load with @cr3; false: they are not valid, #GP. Loaded. */
bool axvm_x86_read_pdptes(struct axvm_vcpu *vcpu, uint64_t cr3, uint64_t pdpte[4]);

/* An instruction that exits, with its prefixes: its length, 0 if it is none of those. Pure. */
unsigned int axvm_x86_exiting_len(const uint8_t *buf, unsigned int have, bool code64);

/* An interrupt of the host is pending: AXVM_TRAP_HOST_IRQ, or it was a kick and is done with. */
enum axvm_trap_kind axvm_x86_exit_host_irq(struct axvm_vcpu *vcpu);

/* ---- before each entry: event.c ---- */
/* Deliver what waits for the guest, or say why it cannot be entered now: also that a handler has called devices, and somebody
 * is to be woken for them. */
enum axvm_trap_kind axvm_x86_prepare_work(struct axvm_vcpu *vcpu);
static inline bool axvm_x86_has_work(struct axvm_vcpu *vcpu)
{
    /* What the vCPU itself did to its local APIC, by whatever way, is told by nothing else. */
    uint32_t attention = atomic_load_explicit(&vcpu->arch.lapic.attention, memory_order_relaxed);
    uint32_t requests = atomic_load_explicit(&vcpu->requests, memory_order_relaxed);

    return __builtin_expect((vcpu->arch.work | attention | requests | axvm_wake_trap(vcpu->vm)) != 0, 0);
}
static inline enum axvm_trap_kind axvm_x86_prepare(struct axvm_vcpu *vcpu)
{
    return axvm_x86_has_work(vcpu) ? axvm_x86_prepare_work(vcpu) : AXVM_TRAP_RESUME;
}
/* An exit interrupted the delivery of @info (EXITINTINFO, IDT-vectoring information in that format). */
void axvm_x86_redeliver(struct axvm_vcpu *vcpu, uint64_t info);

/* The guest has written CR8 without an exit: each vendor looks after each. */
void axvm_x86_cr8_changed(struct axvm_vcpu *vcpu, uint8_t cr8);
/* AXVM_STARTUP_INIT is set, and it is the vCPU's own thread, not loaded: it is off then. */
void axvm_x86_take_init(struct axvm_vcpu *vcpu);

/* ---- from other CPUs; any context ---- */
void axvm_x86_nmi(struct axvm_vcpu *vcpu);
void axvm_x86_init(struct axvm_vcpu *vcpu);
void axvm_x86_sipi(struct axvm_vcpu *vcpu, uint8_t vector);

/* ---- time: clock.c ---- */
/* The guest's TSC, now. Any tier. */
uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu);
/* When the guest's TSC will be @tsc, in hal->time_ns(); now if it has been. */
uint64_t axvm_x86_tsc_to_ns(struct axvm *vm, uint64_t tsc);
/* The guest moves its own TSC by @delta. All vCPUs of the VM share one offset, so it is kept apart for this one. */
void axvm_x86_tsc_move(struct axvm_vcpu *vcpu, uint64_t delta);

/* ---- lazily exchanged: fpu.c, debug.c. Loaded ---- */
void axvm_x86_fp_load(struct axvm_vcpu *vcpu);
void axvm_x86_fp_put(struct axvm_vcpu *vcpu);
/* From and to the host tier; enter also where a guest that uses XSAVE may have lost them meanwhile. */
void axvm_x86_fp_enter(struct axvm_vcpu *vcpu);
void axvm_x86_fp_leave(struct axvm_vcpu *vcpu);
void axvm_x86_dr_load(struct axvm_vcpu *vcpu);
void axvm_x86_dr_put(struct axvm_vcpu *vcpu);
/* CR4.OSXSAVE or XCR0 of the guest has changed. */
void axvm_x86_xcr0_changed(struct axvm_vcpu *vcpu);

int axvm_x86_fpu_cpu_init(struct axvm_cpu *cpu);
void axvm_x86_fpu_cpu_fini(struct axvm_cpu *cpu);
int axvm_x86_fpu_vcpu_init(struct axvm_vcpu *vcpu);
void axvm_x86_fpu_vcpu_fini(struct axvm_vcpu *vcpu);
void axvm_x86_fpu_reset(struct axvm_vcpu *vcpu);

#endif
