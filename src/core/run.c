/* SPDX-License-Identifier: BSD-2-Clause */
/* axvm_run_vcpu(): the loop between the host and the backend's fast tier. */
#include <axvm/err.h>
#include <axvm/vm.h>

#include "arch.h"
#include "assert.h"
#include "bits.h"

/* What the loop does next. Where something can fail, an error code says so in place of a step: those are negative. */
enum step {
    STEP_EXIT = AXVM_OK, /* the exit is filled in */
    STEP_RUN = 1,        /* enter the guest */
};

/* Pages fetched at a time for a guest that touches new memory; a compromise of HAL calls and memory held back. */
#define FAULT_BATCH (AXVM_FAULT_PAGES + 12)

static void set_exit(struct axvm_exit *exit, enum axvm_exit_reason reason)
{
    exit->reason = reason;
}

/* Nobody has answered: the host may. */
static void exit_for_mmio(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    const struct axvm_mmio *mmio = &vcpu->trap.mmio;

    set_exit(exit, mmio->space == AXVM_BUS_MMIO   ? AXVM_EXIT_MMIO
                   : mmio->space == AXVM_BUS_PORT ? AXVM_EXIT_IO
                                                  : AXVM_EXIT_SYSREG);
    exit->u.access.addr = mmio->addr;
    exit->u.access.data = mmio->write ? mmio->val[0] : 0;
    exit->u.access.size = mmio->size;
    exit->u.access.write = mmio->write;
    exit->u.access.fetch = false;
    vcpu->pending = AXVM_PENDING_MMIO;
}

/*
 * An access that the fast tier could not answer, and those that its instruction needs after it: now the host may be called.
 * With @more false there is none. A backend that wants more than it may is a bug of ours; its guest gets no further.
 */
static enum step answer_mmio(struct axvm_vcpu *vcpu, bool more, struct axvm_exit *exit)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;

    for (unsigned int n = 0; more && n < AXVM_MMIO_MAX_ACCESSES; n++) {
        int rc = axvm_core_mmio(vcpu, mmio, true);

        if (rc == AXVM_ERR_NOENT && mmio->count == 1) {
            exit_for_mmio(vcpu, exit);
            return STEP_EXIT;
        }
        more = rc == AXVM_OK ? axvm_arch_mmio_finish(vcpu, mmio) : axvm_arch_mmio_refuse(vcpu, mmio);
    }
    AXVM_ASSERT(!more);
    return STEP_RUN;
}

/* The host has answered an access, or has not. */
static enum step finish_mmio(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    struct axvm_mmio *mmio = &vcpu->trap.mmio;
    bool more;

    if (vcpu->answered) {
        mmio->val[0] = axvm_extend(vcpu->answer, mmio->size, false);
        more = axvm_arch_mmio_finish(vcpu, mmio);
    } else {
        more = axvm_arch_mmio_refuse(vcpu, mmio);
    }
    vcpu->answered = false;
    return answer_mmio(vcpu, more, exit);
}

/* Finish what the last exit left open, with the host's answer or the default. */
static enum step finish_pending(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    enum axvm_pending pending = vcpu->pending;
    enum step step = STEP_RUN;

    vcpu->pending = AXVM_PENDING_NONE;
    switch (pending) {
    case AXVM_PENDING_MMIO:
        step = finish_mmio(vcpu, exit);
        axvm_wake_flush(vcpu->vm);
        break;
    case AXVM_PENDING_HYPERCALL:
        axvm_arch_hypercall_finish(vcpu, vcpu->answered, vcpu->answer);
        break;
    case AXVM_PENDING_ERROR:
        if (!vcpu->answered)
            axvm_arch_error_deliver(vcpu);
        break;
    case AXVM_PENDING_NONE:
        break;
    }
    vcpu->answered = false;
    return step;
}

/* A kick asks for no more than this. */
static enum step stay_out(struct axvm_vcpu *vcpu, struct axvm_exit *exit, enum axvm_exit_reason reason)
{
    set_exit(exit, reason);
    atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_KICK);
    return STEP_EXIT;
}

/*
 * The vCPU has to stay out of its guest because of the VM's state or its own. This is what AXVM_REQ_STOP asks for; and whoever
 * stays out has no interrupts to look at, so leave() is not to find that asked for, and have the thread woken, again and again.
 */
static enum step check_state(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    uint32_t power;

    /* First this, then the look. */
    atomic_fetch_and(&vcpu->requests, ~(AXVM_REQ_STOP | AXVM_REQ_IRQ));
    switch (axvm_get_state(vcpu->vm)) {
    case AXVM_RUNNING:
        break;
    case AXVM_SUSPENDED:
        return stay_out(vcpu, exit, AXVM_EXIT_SUSPENDED);
    default:
        return stay_out(vcpu, exit, AXVM_EXIT_SHUTDOWN);
    }
    power = atomic_load(&vcpu->power);
    if (power == AXVM_POWER_ON_PENDING) {
        axvm_arch_vcpu_reset(vcpu, vcpu->start_entry, vcpu->start_arg);
        vcpu->pending = AXVM_PENDING_NONE;
        atomic_store(&vcpu->power, AXVM_POWER_ON);
    } else if (power != AXVM_POWER_ON) {
        return stay_out(vcpu, exit, AXVM_EXIT_CPU_OFF);
    }
    return STEP_RUN;
}

/* Nothing that check_state() would have to do. A vCPU that is on is turned off by its own thread only. */
static inline bool is_going(struct axvm_vcpu *vcpu, enum axvm_state vm_state)
{
    return vm_state == AXVM_RUNNING && atomic_load_explicit(&vcpu->power, memory_order_relaxed) == AXVM_POWER_ON;
}

static enum step handle_requests(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    uint32_t requests;

    /* A look without obligation: enter() looks again. */
    if (atomic_load_explicit(&vcpu->requests, memory_order_relaxed) == 0)
        return STEP_RUN;
    /* AXVM_REQ_IRQ needs nothing here: entering looks at all that is pending. */
    requests = atomic_exchange(&vcpu->requests, 0);
    if (requests & AXVM_REQ_END) {
        set_exit(exit, vcpu->end_reason);
        exit->u.system.type = 0;
        exit->u.system.code = 0;
        atomic_fetch_or(&vcpu->requests, requests & ~AXVM_REQ_END);
        axvm_vm_stop(vcpu->vm);
        axvm_wake_flush(vcpu->vm);
        return STEP_EXIT;
    }
    if (requests & AXVM_REQ_KICK) {
        set_exit(exit, AXVM_EXIT_KICKED);
        /* What else was asked for is still to be done. */
        atomic_fetch_or(&vcpu->requests, requests & ~AXVM_REQ_KICK);
        return STEP_EXIT;
    }
    if (requests & AXVM_REQ_STOP)
        return check_state(vcpu, exit);
    return STEP_RUN;
}

/* Enter on the CPU we are on; interrupts are off. */
static inline enum axvm_trap_kind enter(struct axvm_cpu *cpu, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    enum axvm_trap_kind kind = AXVM_TRAP_REQUEST;

    cpu->running = vcpu;
    /* Pairs with axvm_vcpu_request(), and with all others who leave a mark somewhere and then look whether it is in the guest.
     */
    atomic_store_explicit(&vcpu->in_guest, cpu->pcpu + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if ((atomic_load_explicit(&vcpu->requests, memory_order_relaxed) & ~AXVM_REQ_IRQ) == 0) {
        axvm_stat_inc(vcpu, AXVM_STAT_ENTRIES);
        kind = axvm_arch_vcpu_run(cpu, vcpu, exit);
    }
    atomic_store_explicit(&vcpu->in_guest, 0, memory_order_release);
    cpu->running = NULL;
    return kind;
}

/* The guest waits for an interrupt: does its thread have to sleep? Who asks for something after this look takes the vCPU for
 * running still, and wakes nobody: leave() looks again. Until then it is ours, and no other thread's to run. */
static enum step block(struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    if (atomic_load(&vcpu->requests) != 0 || axvm_arch_vcpu_wakes(vcpu))
        return STEP_RUN;
    set_exit(exit, AXVM_EXIT_IDLE);
    exit->u.idle.deadline_ns = axvm_arch_vcpu_deadline(vcpu);
    return STEP_EXIT;
}

/* A stage-2 fault that the vCPU's own pages did not suffice for, or that is the guest's fault. */
static int handle_fault(struct axvm_vcpu *vcpu)
{
    struct axvm *vm = vcpu->vm;
    int rc = axvm_aspace_fault(vm, &vcpu->pages, vcpu->trap.gpa, vcpu->trap.prot);

    if (rc == AXVM_ERR_AGAIN) {
        rc = axvm_page_cache_fill(&vcpu->pages, &vm->hal, FAULT_BATCH);
        if (rc != AXVM_OK && vcpu->pages.count < AXVM_FAULT_PAGES)
            return rc;
        rc = axvm_aspace_fault(vm, &vcpu->pages, vcpu->trap.gpa, vcpu->trap.prot);
    }
    if (rc == AXVM_ERR_NOENT || rc == AXVM_ERR_GUEST)
        axvm_arch_fault_refuse(vcpu);
    return AXVM_OK;
}

/*
 * All that ends a run but AXVM_TRAP_EXIT; interrupts are as the caller had them. Returns a step or an error. Out of line: what
 * it keeps in registers is not for the short way through run_loop() to save.
 */
static __attribute__((noinline)) int handle_trap(struct axvm_vcpu *vcpu, enum axvm_trap_kind kind, bool masked,
                                                 struct axvm_exit *exit)
{
    int rc;

    switch (kind) {
    case AXVM_TRAP_HOST_IRQ:
        axvm_stat_inc(vcpu, AXVM_STAT_HOST_IRQ);
        if (!masked)
            return STEP_RUN;
        set_exit(exit, AXVM_EXIT_KICKED);
        return STEP_EXIT;
    case AXVM_TRAP_MMIO:
        return answer_mmio(vcpu, true, exit);
    case AXVM_TRAP_FAULT:
        rc = handle_fault(vcpu);
        return rc == AXVM_OK ? STEP_RUN : rc;
    case AXVM_TRAP_IDLE:
        return block(vcpu, exit);
    case AXVM_TRAP_EXIT:
        return STEP_EXIT;
    case AXVM_TRAP_REQUEST:
        return handle_requests(vcpu, exit);
    case AXVM_TRAP_RESUME:
        break;
    }
    return STEP_RUN;
}

/* Enter once, and do what that leads to. Returns a step or an error. */
static inline int run_once(struct axvm *vm, struct axvm_vcpu *vcpu, struct axvm_exit *exit)
{
    unsigned long irqs = axvm_irq_save();
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);
    enum axvm_trap_kind kind;
    int rc = STEP_EXIT;

    if (!cpu || (cpu->mask & vcpu->pcpu_mask) == 0) {
        axvm_irq_restore(irqs);
        return cpu ? AXVM_ERR_INVAL : AXVM_ERR_STATE;
    }
    kind = enter(cpu, vcpu, exit);
    /* Here the host's own vectors take the interrupt that ended the run. */
    axvm_irq_restore(irqs);
    if (kind != AXVM_TRAP_EXIT)
        rc = handle_trap(vcpu, kind, !axvm_irqs_enabled(irqs), exit);
    if (axvm_wake_trap(vm) != AXVM_TRAP_RESUME)
        axvm_wake_flush(vm);
    return rc;
}

/* Make this thread the one that runs the vCPU: any resting state -> RUNNING. If another thread has it that one sees no
 * difference, and puts it to rest. */
static bool bind_thread(struct axvm_vcpu *vcpu)
{
    uint32_t was = atomic_exchange_explicit(&vcpu->state, AXVM_VCPU_RUNNING, memory_order_acquire);

    return was != AXVM_VCPU_READY && was != AXVM_VCPU_RUNNING;
}

/*
 * The state it rests in: CREATED if it is off, BLOCKED if it waits, and FREE if its thread has no reason to sleep. That is for
 * the exit to say: another vCPU may have started this one since, and taken it for running.
 */
static uint32_t resting_state(const struct axvm_vcpu *vcpu, const struct axvm_exit *exit)
{
    if (exit->reason == AXVM_EXIT_IDLE || exit->reason == AXVM_EXIT_SUSPENDED)
        return AXVM_VCPU_BLOCKED;
    if (exit->reason == AXVM_EXIT_CPU_OFF || atomic_load_explicit(&vcpu->power, memory_order_relaxed) == AXVM_POWER_OFF)
        return AXVM_VCPU_CREATED;
    return AXVM_VCPU_FREE;
}

static inline void put_to_rest(struct axvm *vm, struct axvm_vcpu *vcpu, const struct axvm_exit *exit)
{
    uint32_t rest = resting_state(vcpu, exit);

    atomic_store(&vcpu->state, rest);
    /* A request that came between the last look and now found nobody to kick or to wake: wake the thread ourselves. */
    if (rest != AXVM_VCPU_FREE && atomic_load(&vcpu->requests) != 0)
        vm->hal.wake_vcpu(vm->hal.ctx, vm->id, vcpu->id);
}

/* It was not let in. */
static __attribute__((noinline)) void turn_away(struct axvm *vm, struct axvm_vcpu *vcpu, const struct axvm_exit *exit)
{
    put_to_rest(vm, vcpu, exit);
    axvm_vm_leave(vm, false);
}

static inline void leave(struct axvm *vm, struct axvm_vcpu *vcpu, const struct axvm_exit *exit)
{
    uint32_t life;

    put_to_rest(vm, vcpu, exit);
    life = atomic_load_explicit(&vm->life, memory_order_relaxed);
    if (axvm_life_state(life) != AXVM_RUNNING ||
        !atomic_compare_exchange_weak_explicit(&vm->life, &life, life - 1, memory_order_release, memory_order_relaxed))
        axvm_vm_leave(vm, true);
}

int axvm_run_vcpu(struct axvm *vm, unsigned int vcpu_id, struct axvm_exit *exit)
{
    struct axvm_vcpu *vcpu;
    enum axvm_state state;
    int rc = AXVM_OK;

    if (!vm || vcpu_id >= vm->vcpu_count)
        return AXVM_ERR_NOENT;
    if (!exit)
        return AXVM_ERR_INVAL;
    vcpu = vm->vcpus[vcpu_id];
    set_exit(exit, AXVM_EXIT_NONE);
    if (!bind_thread(vcpu))
        return AXVM_ERR_BUSY;
    state = axvm_life_state(atomic_fetch_add_explicit(&vm->life, 1, memory_order_acquire));
    if (state == AXVM_LOADING || state == AXVM_LOADED) {
        turn_away(vm, vcpu, exit);
        return AXVM_ERR_STATE;
    }
    if (!is_going(vcpu, state) && check_state(vcpu, exit) != STEP_RUN) {
        turn_away(vm, vcpu, exit);
        return AXVM_OK;
    }
    if (vcpu->pending == AXVM_PENDING_NONE || finish_pending(vcpu, exit) == STEP_RUN)
        do
            rc = run_once(vm, vcpu, exit);
        while (rc > STEP_EXIT); /* STEP_RUN: errors are negative */
    leave(vm, vcpu, exit);
    return rc;
}
