/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for a guest: exceptions, interrupts, NMIs, timers; looked at before it is entered. */
#include "cpu.h"
#include "exit.h"
#include "platform.h"
#include "ticks.h"
#include "vlapic.h"

/* ---- exceptions ---- */

static void raise_event(struct axvm_vcpu *vcpu, unsigned int vector, bool has_error, uint32_t error)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    /* Real mode pushes no error code. */
    uint64_t event = axvm_x86_exception(vector, has_error && (v->cr0 & CR0_PE) != 0, error);

    v->event = axvm_x86_merge_events(v->work & AXVM_WORK_EVENT ? v->event : 0, event);
    v->work |= AXVM_WORK_EVENT;
    /* Faults push RF: a breakpoint on the instruction does not hit again. */
    if (vector != X86_DB)
        axvm_x86_set_rflags(vcpu, v->rflags | RFLAGS_RF);
    axvm_stat_inc(vcpu, AXVM_STAT_FAULT_INJECTED);
}

void axvm_x86_raise(struct axvm_vcpu *vcpu, unsigned int vector)
{
    raise_event(vcpu, vector, false, 0);
}

void axvm_x86_raise_error(struct axvm_vcpu *vcpu, unsigned int vector, uint32_t error)
{
    raise_event(vcpu, vector, true, error);
}

/* CR2 goes into the hardware with the event. */
void axvm_x86_raise_pf(struct axvm_vcpu *vcpu, uint64_t cr2, uint32_t error)
{
    vcpu->arch.cr2 = cr2;
    vcpu->arch.work |= AXVM_WORK_CR2;
    raise_event(vcpu, X86_PF, true, error);
}

void axvm_x86_raise_fault(struct axvm_vcpu *vcpu, const struct axvm_x86_fault *f)
{
    if (f->vector == X86_PF)
        axvm_x86_raise_pf(vcpu, f->cr2, f->error);
    else
        raise_event(vcpu, f->vector, f->has_error, f->error);
}

void axvm_x86_redeliver(struct axvm_vcpu *vcpu, uint64_t event)
{
    vcpu->arch.event = event;
    vcpu->arch.work |= AXVM_WORK_EVENT;
}

/* ---- timers ---- */

/* All of these in hal->time_ns(). */
static inline uint64_t lapic_deadline(struct axvm_vcpu *vcpu)
{
    bool armed = vcpu->vm->arch.vintc && axvm_lapic_deadline(&vcpu->arch.lapic) != AXVM_TIME_NEVER;

    return armed ? axvm_vlapic_deadline(vcpu) : AXVM_TIME_NEVER;
}

static inline uint64_t platform_deadline(struct axvm_vcpu *vcpu)
{
    return vcpu->id == 0 ? axvm_x86_platform_deadline(vcpu->vm) : AXVM_TIME_NEVER;
}

static uint64_t deadline(struct axvm_vcpu *vcpu)
{
    return axvm_min(lapic_deadline(vcpu), platform_deadline(vcpu));
}

/* Timers that are due. The vCPU's own thread. Returns the next deadline. */
static inline uint64_t timer_poll(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t platform = platform_deadline(vcpu);

    if (vcpu->vm->arch.vintc)
        axvm_vlapic_timer_poll(vcpu);
    if (platform != AXVM_TIME_NEVER) {
        axvm_x86_platform_poll(vcpu->vm, hal->time_ns(hal->ctx));
        platform = platform_deadline(vcpu);
    }
    return axvm_min(lapic_deadline(vcpu), platform);
}

/* A host's timer may fire so much early, and be taken by the host before we see it: set it again then. */
#define TIMER_SLACK_NS 50000u

/* The host's TSC at @ns of hal->time_ns(), less the slack. */
static uint64_t tsc_of(struct axvm_vcpu *vcpu, uint64_t ns)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t now, tsc, ticks;

    if (ns == AXVM_TIME_NEVER)
        return UINT64_MAX;
    now = hal->time_ns(hal->ctx);
    tsc = axvm_rdtsc();
    now += TIMER_SLACK_NS;
    ticks = ns > now ? axvm_ns_to_ticks(ns - now, vcpu->vm->arch.tsc_hz) : 0;
    return ticks > UINT64_MAX - tsc ? UINT64_MAX : tsc + ticks;
}

static __attribute__((noinline)) void set_timer(struct axvm_vcpu *vcpu, uint64_t ns)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;

    vcpu->arch.cpu->arch.timer_tsc = tsc_of(vcpu, ns);
    if (hal->timer_set)
        hal->timer_set(hal->ctx, ns);
}

/* Fire what is due, and have the host's timer interrupt this CPU when the next is. */
static void look_at_timers(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;
    uint64_t d = timer_poll(vcpu);

    vcpu->arch.lapic_deadline = axvm_lapic_deadline(&vcpu->arch.lapic);
    if (!axvm_x86_is_svm(vcpu) && axvm_vmx_set_timer(vcpu, d)) {
        h->timer_ns = 0; /* counts only while the guest runs: to be set with each entry */
        return;
    }
    if (d == h->timer_ns && axvm_rdtsc() < h->timer_tsc)
        return;
    h->timer_ns = d;
    /* What is due has fired, or will do so once for nothing: less than it costs to cancel it each time. */
    if (d == AXVM_TIME_NEVER && axvm_rdtsc() >= h->timer_tsc) {
        h->timer_tsc = UINT64_MAX;
        return;
    }
    set_timer(vcpu, d);
}

uint64_t axvm_arch_vcpu_deadline(struct axvm_vcpu *vcpu)
{
    uint64_t d = deadline(vcpu);

    /* With interrupts off its own timer does not wake it. */
    if (vcpu->arch.halted && (vcpu->arch.rflags & RFLAGS_IF) == 0)
        d = platform_deadline(vcpu);
    return d;
}

static bool platform_due(struct axvm_vcpu *vcpu)
{
    const struct axvm_hal *hal = &vcpu->vm->hal;
    uint64_t d = platform_deadline(vcpu);

    return d != AXVM_TIME_NEVER && hal->time_ns(hal->ctx) >= d;
}

bool axvm_arch_vcpu_wakes(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (!v->halted || (atomic_load(&v->nmi) && !v->nmi_held) || (atomic_load(&v->startup) & AXVM_STARTUP_INIT) ||
        platform_due(vcpu))
        return true;
    return (v->rflags & RFLAGS_IF) != 0 && vcpu->vm->arch.vintc && axvm_vlapic_wakes(vcpu);
}

/* ---- interrupts ---- */

static void put_event(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->work & AXVM_WORK_CR2)
        axvm_x86_set_cr2(vcpu, v->cr2);
    axvm_x86_hw(vcpu, inject, v->event);
    v->work &= ~(AXVM_WORK_EVENT | AXVM_WORK_CR2);
    v->event = 0;
}

/* One that is being handled holds back one more, as a CPU does; others that come are lost. */
static void latch_one(struct axvm_arch_vcpu *v)
{
    uint32_t two = AXVM_NMI_MAX;

    atomic_compare_exchange_strong(&v->nmi, &two, 1);
}

static void look_at_nmi(struct axvm_vcpu *vcpu, bool *busy)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    bool more = true;

    v->work &= ~AXVM_WORK_NMI;
    v->nmi_held = false;
    if (atomic_load_explicit(&v->nmi, memory_order_relaxed) == 0)
        return;
    if (axvm_x86_hw0(vcpu, nmi_blocked)) {
        latch_one(v);
        v->nmi_held = true; /* it does not wake the vCPU from a HLT in the handler */
    } else if (!*busy && axvm_x86_hw0(vcpu, nmi_allowed)) {
        more = atomic_fetch_sub(&v->nmi, 1) > 1;
        axvm_x86_hw(vcpu, inject, EVENT_VALID | axvm_put_field(EVENT_TYPE, EVENT_NMI) | X86_NMI);
        *busy = true;
        v->halted = false;
    }
    if (!more)
        return;
    axvm_x86_hw(vcpu, nmi_window, true);
    v->work |= AXVM_WORK_NMI;
}

/* Nothing to deliver: the only thing that may be in the way is TPR. */
static AXVM_COLD void watch_cr8(struct axvm_vcpu *vcpu, uint8_t cr8)
{
    int highest = cr8 != 0 ? axvm_vlapic_highest(vcpu) : AXVM_VLAPIC_NONE;

    vcpu->arch.cr8 = cr8;
    axvm_x86_hw(vcpu, set_cr8, cr8, (uint8_t)(highest == AXVM_VLAPIC_NONE ? 0 : (unsigned int)highest >> 4));
}

/*
 * STI, HLT, and the host's interrupt came between them: a CPU that keeps STI's shadow over VMRUN executes the HLT first, which
 * the guest's interrupt then ends. QEMU's forgets the shadow, and the guest would sleep having had its interrupt. So the HLT is
 * over before the interrupt comes, which no guest can tell from one that came a moment later.
 */
static void be_woken(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (__builtin_expect(v->rip == v->shadow_rip, 0) && axvm_x86_get_cpl(vcpu) == 0 && axvm_x86_is_opcode(vcpu, "\xf4", 1))
        v->rip++;
}

static inline bool takes_irq(struct axvm_vcpu *vcpu, bool busy)
{
    return !busy && (vcpu->arch.rflags & RFLAGS_IF) != 0 && !axvm_x86_hw0(vcpu, int_shadow);
}

static inline void take_irq(struct axvm_vcpu *vcpu, int what)
{
    be_woken(vcpu);
    axvm_x86_hw(vcpu, inject, EVENT_VALID | axvm_vlapic_accept(vcpu, what));
    vcpu->arch.halted = false;
}

static AXVM_COLD void switch_window(struct axvm_vcpu *vcpu)
{
    vcpu->arch.work ^= AXVM_WORK_WINDOW;
    axvm_x86_hw(vcpu, irq_window, (vcpu->arch.work & AXVM_WORK_WINDOW) != 0);
}

static inline void want_window(struct axvm_vcpu *vcpu, bool on)
{
    if (on != ((vcpu->arch.work & AXVM_WORK_WINDOW) != 0))
        switch_window(vcpu);
}

/* The CPU delivers vectors as it enters; it does not wait for them. */
static __attribute__((noinline)) void look_at_lent(struct axvm_vcpu *vcpu, bool busy)
{
    int what = axvm_vmx_refresh_lapic(vcpu);

    if (what == AXVM_VLAPIC_EXTINT && takes_irq(vcpu, busy)) {
        take_irq(vcpu, what);
        what = axvm_vmx_refresh_lapic(vcpu);
    } else if (what != AXVM_VLAPIC_NONE && what != AXVM_VLAPIC_EXTINT && (vcpu->arch.rflags & RFLAGS_IF) != 0) {
        vcpu->arch.halted = false;
    }
    want_window(vcpu, what == AXVM_VLAPIC_EXTINT);
}

static inline __attribute__((always_inline)) void look_at_own(struct axvm_vcpu *vcpu, bool busy)
{
    int what = axvm_vlapic_pending(vcpu);
    uint8_t cr8 = (uint8_t)axvm_vlapic_get_cr8(vcpu);

    /* With 0 in both, SVM has nothing to watch, and watches nothing. */
    if (!axvm_x86_is_svm(vcpu) || (cr8 | vcpu->arch.cr8) != 0)
        watch_cr8(vcpu, cr8);
    if (what != AXVM_VLAPIC_NONE && takes_irq(vcpu, busy)) {
        take_irq(vcpu, what);
        /* Another one may follow: the 8259 has no priority among the local APIC's. */
        what = axvm_vlapic_pending(vcpu);
    }
    want_window(vcpu, what != AXVM_VLAPIC_NONE);
    if (vcpu->arch.lapic_cpu & AXVM_LAPIC_SHOWN)
        axvm_vmx_show_lapic(vcpu);
}

static void look_at_lapic(struct axvm_vcpu *vcpu, bool busy)
{
    bool lent = !axvm_x86_is_svm(vcpu) && axvm_vmx_lend_lapic(vcpu);

    vcpu->arch.work &= ~AXVM_WORK_IRQ;
    if (lent)
        look_at_lent(vcpu, busy);
    else
        look_at_own(vcpu, busy);
}

void axvm_x86_want_lapic_back(struct axvm_vcpu *vcpu)
{
    axvm_vmx_return_lapic(vcpu);
    vcpu->arch.work |= AXVM_WORK_IRQ;
}

/* The local APIC hears of what the guest wrote to CR8 without an exit. */
void axvm_x86_cr8_changed(struct axvm_vcpu *vcpu, uint8_t cr8)
{
    vcpu->arch.cr8 = cr8;
    axvm_vlapic_set_cr8(vcpu, cr8);
    vcpu->arch.work |= AXVM_WORK_IRQ;
    if (cr8 == 0 && axvm_x86_is_svm(vcpu))
        axvm_svm_set_cr8(vcpu, 0, 0);
}

static __attribute__((noinline)) enum axvm_trap_kind prepare_all(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t requests;
    bool busy;

    if (v->work & AXVM_WORK_PV)
        axvm_x86_pv_update(vcpu);
    if (v->work & AXVM_WORK_TIMER) {
        v->work &= ~AXVM_WORK_TIMER;
        look_at_timers(vcpu);
    }
    requests = atomic_load(&vcpu->requests);
    if (requests & ~AXVM_REQ_IRQ)
        return AXVM_TRAP_REQUEST;
    if (requests) {
        atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ);
        v->work |= AXVM_WORK_IRQ | AXVM_WORK_NMI;
        /* A device may have set an earlier deadline. */
        if (deadline(vcpu) != v->cpu->arch.timer_ns)
            look_at_timers(vcpu);
    }
    if (v->work & AXVM_WORK_DONE) {
        v->work &= ~AXVM_WORK_DONE;
        axvm_x86_instruction_done(vcpu);
    }
    /* Before anything is handed to the hardware: it would be overwritten by what is found after the host tier. What is still to
     * come in here wakes nobody. */
    if (axvm_wake_trap(vcpu->vm) != AXVM_TRAP_RESUME)
        return AXVM_TRAP_REQUEST;
    busy = (v->work & AXVM_WORK_EVENT) != 0;
    if (busy && axvm_field(v->event, EVENT_TYPE) == EVENT_SHUTDOWN)
        return axvm_x86_exit_shutdown(vcpu);
    if (busy)
        put_event(vcpu);
    if (v->work & AXVM_WORK_NMI)
        look_at_nmi(vcpu, &busy);
    /* Timers and lines that this very look has moved are among what attention tells. */
    if (((v->work & (AXVM_WORK_IRQ | AXVM_WORK_WINDOW)) || atomic_load(&v->lapic.attention)) && vcpu->vm->arch.vintc)
        look_at_lapic(vcpu, busy);
    return v->halted ? AXVM_TRAP_IDLE : AXVM_TRAP_RESUME;
}

enum axvm_trap_kind axvm_x86_prepare_work(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;

    if (v->work == AXVM_WORK_TIMER) {
        v->work = 0;
        look_at_timers(vcpu);
    }
    /* Most often it is the local APIC alone that has something new: the guest has written to it, or its timer has fired. */
    if ((v->work | atomic_load_explicit(&vcpu->requests, memory_order_relaxed) | axvm_wake_trap(vcpu->vm)) != 0 ||
        !vcpu->vm->arch.vintc)
        return prepare_all(vcpu);
    if (axvm_x86_is_svm(vcpu))
        look_at_own(vcpu, false);
    else if (atomic_load_explicit(&v->lapic.attention, memory_order_relaxed))
        look_at_lapic(vcpu, false);
    return v->halted ? AXVM_TRAP_IDLE : AXVM_TRAP_RESUME;
}

/* ---- from other CPUs ---- */

/* A CPU would have begun to handle the first when the second comes, however close they are. */
void axvm_x86_nmi(struct axvm_vcpu *vcpu)
{
    uint32_t n = atomic_load(&vcpu->arch.nmi);

    while (n < AXVM_NMI_MAX && !atomic_compare_exchange_weak(&vcpu->arch.nmi, &n, n + 1))
        ;
    /* Also if it is the caller's own, which may have looked already: it is kicked as it enters. */
    axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

/*
 * INIT and SIPI: vcpu->arch.startup says in one word what a vCPU waits for, so that signals from several CPUs have an order. In
 * it 0 is "wait for SIPI", and then the vCPU is off. An INIT for one that is on is taken by its own thread; what comes until
 * then is noted in the word: a SIPI starts it again then, unless another INIT comes after that.
 */
void axvm_x86_init(struct axvm_vcpu *vcpu)
{
    uint32_t was = atomic_load(&vcpu->arch.startup);

    do {
        if ((was & AXVM_STARTUP_ON) == 0)
            return;
    } while (!atomic_compare_exchange_weak(&vcpu->arch.startup, &was, AXVM_STARTUP_ON | AXVM_STARTUP_INIT));
    axvm_vcpu_request(vcpu, AXVM_REQ_STOP | AXVM_REQ_IRQ);
}

static void start(struct axvm_vcpu *vcpu, uint8_t vector)
{
    axvm_vcpu_power_on(vcpu, (uint64_t)vector << 12, AXVM_X86_START_SIPI);
}

void axvm_x86_sipi(struct axvm_vcpu *vcpu, uint8_t vector)
{
    uint32_t was = atomic_load(&vcpu->arch.startup), next;

    do {
        /* Nobody waits for one: it runs, or has had one already. */
        if ((was & (AXVM_STARTUP_ON | AXVM_STARTUP_INIT)) == AXVM_STARTUP_ON || (was & AXVM_STARTUP_SIPI))
            return;
        next = was == 0 ? AXVM_STARTUP_ON : was | AXVM_STARTUP_SIPI | vector;
    } while (!atomic_compare_exchange_weak(&vcpu->arch.startup, &was, next));
    if (was == 0)
        start(vcpu, vector);
}

/* First off, then waiting for a SIPI: or one that comes in between would find it on. */
void axvm_x86_take_init(struct axvm_vcpu *vcpu)
{
    struct axvm_arch_vcpu *v = &vcpu->arch;
    uint32_t was = atomic_load(&v->startup);

    axvm_vlapic_init_reset(vcpu);
    v->halted = false;
    axvm_vcpu_power_off(vcpu);
    while (!atomic_compare_exchange_weak(&v->startup, &was, was & AXVM_STARTUP_SIPI ? AXVM_STARTUP_ON : 0))
        ;
    if (was & AXVM_STARTUP_SIPI)
        start(vcpu, (uint8_t)was);
}
