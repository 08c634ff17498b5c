/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Supervisor Software Events Extension": which event is delivered where and when, "Software Event Injection" and "Software
 * Event Completion". The calls are in sbi_sse.c. A vCPU enters its handlers itself, in the fast tier: at the end of its own
 * calls, and, when it was posted one by somebody else, where it looks at its interrupts.
 */
#include "hs.h"
#include "sbi.h"

#define GPR_A6 16
#define GPR_A7 17

/* ---- under the lock ---- */

static void reset_event(struct axvm_sse_event *e, uint32_t hart)
{
    *e = (struct axvm_sse_event){ .attr = { [AXVM_SSE_STATUS] = AXVM_SSE_INJECTABLE, [AXVM_SSE_PREFERRED_HART] = hart } };
}

/* Both are of one vCPU; equals are told apart by their number, and the local event's is lower: "Software Event Priority". */
static bool global_precedes_local(const struct axvm_vcpu *vcpu)
{
    return vcpu->vm->arch.sse.global.attr[AXVM_SSE_PRIORITY] < vcpu->arch.sse.local.attr[AXVM_SSE_PRIORITY];
}

static bool runs_on(const struct axvm_sse_event *e, const struct axvm_vcpu *vcpu)
{
    return axvm_sse_state(e) == AXVM_SSE_RUNNING && e->hart == vcpu->id;
}

static bool is_waiting(const struct axvm_sse_event *e)
{
    return axvm_sse_is_pending(e) && axvm_sse_state(e) == AXVM_SSE_ENABLED;
}

static bool is_ready(struct axvm_vcpu *vcpu)
{
    return vcpu->arch.sse.unmasked && atomic_load(&vcpu->power) == AXVM_POWER_ON;
}

/*
 * Who handles the global event, now or as soon as it is ready. Whom the guest has chosen may be masked, and then it waits for
 * that one; but not for one that is off. NULL: nobody is ready.
 */
static struct axvm_vcpu *handler_of_global(struct axvm *vm)
{
    const struct axvm_sse_event *e = &vm->arch.sse.global;
    struct axvm_vcpu *preferred = vm->vcpus[axvm_nospec(e->attr[AXVM_SSE_PREFERRED_HART], vm->vcpu_count)];

    if (is_ready(preferred) || (e->hart_chosen && atomic_load(&preferred->power) == AXVM_POWER_ON))
        return preferred;
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (is_ready(vm->vcpus[i]))
            return vm->vcpus[i];
    }
    return NULL;
}

/* The event that @vcpu has to enter now; NULL: none. What runs there goes on unless the other comes before it. */
static struct axvm_sse_event *next_event(struct axvm_vcpu *vcpu)
{
    struct axvm_sse_event *local = &vcpu->arch.sse.local, *global = &vcpu->vm->arch.sse.global;
    bool has_global, has_local = is_waiting(local);

    if (!vcpu->arch.sse.unmasked)
        return NULL;
    has_global = is_waiting(global) && handler_of_global(vcpu->vm) == vcpu;
    if (has_global && ((!has_local && !runs_on(local, vcpu)) || global_precedes_local(vcpu)))
        return global;
    return has_local && (!runs_on(global, vcpu) || !global_precedes_local(vcpu)) ? local : NULL;
}

static void enter_handler(struct axvm_vcpu *vcpu, struct axvm_sse_event *e)
{
    uint64_t vsstatus = axvm_csr_read(CSR_VSSTATUS), *gpr = vcpu->arch.gpr;
    bool from_s = (axvm_csr_read(CSR_SSTATUS) & SSTATUS_SPP) != 0;

    e->attr[AXVM_SSE_STATUS] = AXVM_SSE_INJECTABLE | AXVM_SSE_RUNNING;
    e->hart = vcpu->id;
    e->attr[AXVM_SSE_INTERRUPTED_FLAGS] =
        ((vsstatus & SSTATUS_SPP) ? AXVM_SSE_FLAG_SPP : 0) | ((vsstatus & SSTATUS_SPIE) ? AXVM_SSE_FLAG_SPIE : 0);
    e->attr[AXVM_SSE_INTERRUPTED_SEPC] = axvm_csr_read(CSR_VSEPC);
    e->attr[AXVM_SSE_INTERRUPTED_A6] = gpr[GPR_A6];
    e->attr[AXVM_SSE_INTERRUPTED_A7] = gpr[GPR_A7];
    gpr[GPR_A6] = vcpu->id;
    gpr[GPR_A7] = e->attr[AXVM_SSE_ENTRY_ARG];
    axvm_csr_write(CSR_VSSTATUS, axvm_vsstatus_after_trap(vsstatus, from_s));
    axvm_csr_write(CSR_VSEPC, axvm_csr_read(CSR_SEPC));
    axvm_csr_write(CSR_SEPC, e->attr[AXVM_SSE_ENTRY_PC]);
    axvm_set_privilege(true);
}

static void leave_handler(struct axvm_vcpu *vcpu, const struct axvm_sse_event *e)
{
    uint64_t vsstatus = axvm_csr_read(CSR_VSSTATUS), flags = e->attr[AXVM_SSE_INTERRUPTED_FLAGS];
    uint64_t status = vsstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);

    status |= (vsstatus & SSTATUS_SPIE) ? SSTATUS_SIE : 0;
    status |= (flags & AXVM_SSE_FLAG_SPIE) ? SSTATUS_SPIE : 0;
    status |= (flags & AXVM_SSE_FLAG_SPP) ? SSTATUS_SPP : 0;
    axvm_csr_write(CSR_SEPC, axvm_csr_read(CSR_VSEPC));
    axvm_set_privilege((vsstatus & SSTATUS_SPP) != 0);
    axvm_csr_write(CSR_VSSTATUS, status);
    axvm_csr_write(CSR_VSEPC, e->attr[AXVM_SSE_INTERRUPTED_SEPC]);
    vcpu->arch.gpr[GPR_A6] = e->attr[AXVM_SSE_INTERRUPTED_A6];
    vcpu->arch.gpr[GPR_A7] = e->attr[AXVM_SSE_INTERRUPTED_A7];
}

static void end_event(struct axvm_sse_event *e)
{
    axvm_sse_set_state(e, (e->attr[AXVM_SSE_CONFIG] & AXVM_SSE_ONE_SHOT) ? AXVM_SSE_REGISTERED : AXVM_SSE_ENABLED);
}

/* ---- */

void axvm_sse_post(struct axvm_vcpu *vcpu)
{
    atomic_fetch_or(&vcpu->arch.posted, AXVM_POSTED_SSE);
    axvm_vcpu_request(vcpu, AXVM_REQ_IRQ);
}

void axvm_sse_dispatch(struct axvm_vcpu *vcpu)
{
    struct axvm_sse_vm *sse = &vcpu->vm->arch.sse;
    struct axvm_vcpu *other = NULL;
    struct axvm_sse_event *e;

    axvm_lock_raw(&sse->lock);
    e = next_event(vcpu);
    if (e)
        enter_handler(vcpu, e);
    if (is_waiting(&sse->global))
        other = handler_of_global(vcpu->vm);
    if (other && (other == vcpu || !is_ready(other)))
        other = NULL;
    axvm_unlock_raw(&sse->lock);
    if (other)
        axvm_sse_post(other);
}

bool axvm_sse_complete(struct axvm_vcpu *vcpu)
{
    struct axvm_sse_event *local = &vcpu->arch.sse.local, *global = &vcpu->vm->arch.sse.global, *e = NULL;

    axvm_lock_raw(&vcpu->vm->arch.sse.lock);
    if (runs_on(local, vcpu) && (!runs_on(global, vcpu) || !global_precedes_local(vcpu)))
        e = local;
    else if (runs_on(global, vcpu))
        e = global;
    if (e) {
        end_event(e);
        leave_handler(vcpu, e);
    }
    axvm_unlock_raw(&vcpu->vm->arch.sse.lock);
    return e != NULL;
}

void axvm_sse_vm_reset(struct axvm *vm)
{
    reset_event(&vm->arch.sse.global, 0);
}

void axvm_sse_hart_reset(struct axvm_vcpu *vcpu)
{
    unsigned long irqs = axvm_lock_irqsave(&vcpu->vm->arch.sse.lock);

    reset_event(&vcpu->arch.sse.local, vcpu->id);
    vcpu->arch.sse.unmasked = false;
    axvm_unlock_irqrestore(&vcpu->vm->arch.sse.lock, irqs);
}

void axvm_sse_hart_stopped(struct axvm_vcpu *vcpu)
{
    struct axvm_sse_vm *sse = &vcpu->vm->arch.sse;

    axvm_sse_hart_reset(vcpu);
    axvm_lock_raw(&sse->lock);
    if (runs_on(&sse->global, vcpu))
        end_event(&sse->global);
    axvm_unlock_raw(&sse->lock);
    /* It is off and has none itself; another may have to take over. */
    axvm_sse_dispatch(vcpu);
}
