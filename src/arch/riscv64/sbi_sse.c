/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Supervisor Software Events Extension" of SBI 3.0: its calls. Guests have the two events that they inject themselves; for the
 * others nothing here is a source.
 */
#include <axvm/err.h>

#include "hs.h"
#include "mem.h"
#include "sbi.h"

enum sse_function {
    SSE_READ_ATTRS,
    SSE_WRITE_ATTRS,
    SSE_REGISTER,
    SSE_UNREGISTER,
    SSE_ENABLE,
    SSE_DISABLE,
    SSE_COMPLETE,
    SSE_INJECT,
    SSE_HART_UNMASK,
    SSE_HART_MASK,
};

/* "SSE Event ID Space" */
enum sse_event_id {
    SSE_LOCAL_HIGH_RAS = 0,
    SSE_LOCAL_DOUBLE_TRAP = 1,
    SSE_GLOBAL_HIGH_RAS = 0x8000,
    SSE_LOCAL_PMU_OVERFLOW = 0x10000,
    SSE_LOCAL_LOW_RAS = 0x100000,
    SSE_GLOBAL_LOW_RAS = 0x108000,
};
#define SSE_LOCAL_SOFTWARE 0xffff0000u
#define SSE_GLOBAL_SOFTWARE 0xffff8000u

static bool is_local(const struct axvm_vcpu *vcpu, const struct axvm_sse_event *e)
{
    return e != &vcpu->vm->arch.sse.global;
}

/* Event numbers are 32 bits wide, whatever is above. */
static enum sbi_error find_event(struct axvm_vcpu *vcpu, uint64_t id, struct axvm_sse_event **e)
{
    switch ((uint32_t)id) {
    case SSE_LOCAL_SOFTWARE:
        *e = &vcpu->arch.sse.local;
        return SBI_SUCCESS;
    case SSE_GLOBAL_SOFTWARE:
        *e = &vcpu->vm->arch.sse.global;
        return SBI_SUCCESS;
    case SSE_LOCAL_HIGH_RAS:
    case SSE_LOCAL_DOUBLE_TRAP:
    case SSE_GLOBAL_HIGH_RAS:
    case SSE_LOCAL_PMU_OVERFLOW:
    case SSE_LOCAL_LOW_RAS:
    case SSE_GLOBAL_LOW_RAS:
        return SBI_ERR_NOT_SUPPORTED;
    }
    return SBI_ERR_INVALID_PARAM;
}

/* ---- attributes ---- */

/* The arguments of a call on attributes. */
struct range {
    struct axvm_sse_event *event;
    uint32_t base, count;
    axvm_gpa_t memory;
};

static enum sbi_error get_range(struct axvm_vcpu *vcpu, struct range *r)
{
    const uint64_t *gpr = vcpu->arch.gpr;
    enum sbi_error error = find_event(vcpu, gpr[10], &r->event);

    r->base = (uint32_t)gpr[11];
    r->count = (uint32_t)gpr[12];
    r->memory = axvm_gpa(gpr[13]);
    if (error != SBI_SUCCESS)
        return error;
    if (r->count == 0)
        return SBI_ERR_INVALID_PARAM;
    if (r->base >= AXVM_SSE_ATTRS || r->count > AXVM_SSE_ATTRS - r->base)
        return SBI_ERR_BAD_RANGE;
    if (!axvm_is_aligned(gpr[13], 8) || !axvm_sbi_is_shmem(vcpu->vm, gpr[13], gpr[14], 8 * (uint64_t)r->count))
        return SBI_ERR_INVALID_ADDRESS;
    r->base = (uint32_t)axvm_nospec(r->base, AXVM_SSE_ATTRS);
    return SBI_SUCCESS;
}

/* PRIORITY, CONFIG, PREFERRED_HART: while the event is UNUSED or REGISTERED. */
static enum sbi_error check_setting(struct axvm_vcpu *vcpu, const struct axvm_sse_event *e, uint32_t attr, uint64_t value)
{
    struct axvm *vm = vcpu->vm;

    if (attr == AXVM_SSE_PREFERRED_HART && is_local(vcpu, e))
        return SBI_ERR_DENIED;
    if (axvm_sse_state(e) >= AXVM_SSE_ENABLED)
        return SBI_ERR_INVALID_STATE;
    if ((attr == AXVM_SSE_PRIORITY && value > UINT32_MAX) || (attr == AXVM_SSE_CONFIG && value > AXVM_SSE_ONE_SHOT))
        return SBI_ERR_INVALID_PARAM;
    if (attr == AXVM_SSE_PREFERRED_HART &&
        (value >= vm->vcpu_count || atomic_load(&vm->vcpus[axvm_nospec(value, vm->vcpu_count)]->power) != AXVM_POWER_ON))
        return SBI_ERR_INVALID_PARAM;
    return SBI_SUCCESS;
}

/* INTERRUPTED_*: from the handler. */
static enum sbi_error check_interrupted(const struct axvm_vcpu *vcpu, const struct axvm_sse_event *e, uint32_t attr,
                                        uint64_t value)
{
    if (attr == AXVM_SSE_INTERRUPTED_FLAGS && (value & ~AXVM_SSE_FLAGS) != 0)
        return SBI_ERR_INVALID_PARAM;
    if (axvm_sse_state(e) != AXVM_SSE_RUNNING)
        return SBI_ERR_INVALID_STATE;
    return e->hart == vcpu->id ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
}

static enum sbi_error check_attr(struct axvm_vcpu *vcpu, const struct axvm_sse_event *e, uint32_t attr, uint64_t value)
{
    switch (attr) {
    case AXVM_SSE_PRIORITY:
    case AXVM_SSE_CONFIG:
    case AXVM_SSE_PREFERRED_HART:
        return check_setting(vcpu, e, attr, value);
    case AXVM_SSE_INTERRUPTED_SEPC:
    case AXVM_SSE_INTERRUPTED_FLAGS:
    case AXVM_SSE_INTERRUPTED_A6:
    case AXVM_SSE_INTERRUPTED_A7:
        return check_interrupted(vcpu, e, attr, value);
    }
    return SBI_ERR_DENIED;
}

/* "the first error encountered (based on attributes ID order) is returned": nothing is changed then. Under the lock. */
static enum sbi_error set_attrs(struct axvm_vcpu *vcpu, const struct range *r, const uint64_t *values)
{
    struct axvm_sse_event *e = r->event;

    for (uint32_t i = 0; i < r->count; i++) {
        enum sbi_error error = check_attr(vcpu, e, r->base + i, values[i]);

        if (error != SBI_SUCCESS)
            return error;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        e->attr[r->base + i] = values[i];
        e->hart_chosen |= r->base + i == AXVM_SSE_PREFERRED_HART;
    }
    return SBI_SUCCESS;
}

static enum sbi_error write_attrs(struct axvm_vcpu *vcpu, const struct range *r, const uint64_t *values)
{
    struct axvm_lock *lock = &vcpu->vm->arch.sse.lock;
    unsigned long irqs = axvm_lock_irqsave(lock);
    enum sbi_error error = set_attrs(vcpu, r, values);

    axvm_unlock_irqrestore(lock, irqs);
    return error;
}

static void read_attrs(struct axvm_vcpu *vcpu, const struct range *r, uint64_t *values)
{
    struct axvm_lock *lock = &vcpu->vm->arch.sse.lock;
    unsigned long irqs = axvm_lock_irqsave(lock);

    memcpy(values, &r->event->attr[r->base], 8 * (size_t)r->count);
    axvm_unlock_irqrestore(lock, irqs);
}

/* The value of attribute base + i is at offset 8 * i. Memory that has not been touched yet is had in the host tier only. */
static uint64_t access_attrs(struct axvm_vcpu *vcpu, bool write, bool in_host)
{
    uint64_t values[AXVM_SSE_ATTRS];
    struct range r;
    enum sbi_error error = get_range(vcpu, &r);
    size_t len = 8 * (size_t)r.count;
    int rc;

    if (error != SBI_SUCCESS)
        return axvm_sbi_reply(vcpu, error, 0);
    if (write) {
        rc = in_host ? axvm_read_guest(vcpu->vm, r.memory, values, len) : axvm_aspace_read(vcpu->vm, r.memory, values, len);
        error = rc == AXVM_OK ? write_attrs(vcpu, &r, values) : SBI_ERR_FAILED;
    } else {
        read_attrs(vcpu, &r, values);
        rc = in_host ? axvm_write_guest(vcpu->vm, r.memory, values, len) : axvm_aspace_write(vcpu->vm, r.memory, values, len);
        error = rc == AXVM_OK ? SBI_SUCCESS : SBI_ERR_FAILED;
    }
    if (rc != AXVM_OK && !in_host)
        return axvm_sbi_defer(vcpu, AXVM_SBI_SSE_ATTRS);
    return axvm_sbi_reply(vcpu, error, 0);
}

void axvm_sbi_sse_attrs(struct axvm_vcpu *vcpu)
{
    access_attrs(vcpu, vcpu->arch.gpr[16] == SSE_WRITE_ATTRS, true);
}

/* ---- states; under the lock ---- */

static enum sbi_error register_event(struct axvm_sse_event *e, uint64_t entry, uint64_t arg)
{
    if (!axvm_is_aligned(entry, 2))
        return SBI_ERR_INVALID_PARAM;
    if (axvm_sse_state(e) != AXVM_SSE_UNUSED)
        return SBI_ERR_INVALID_STATE;
    e->attr[AXVM_SSE_ENTRY_PC] = entry;
    e->attr[AXVM_SSE_ENTRY_ARG] = arg;
    axvm_sse_set_state(e, AXVM_SSE_REGISTERED);
    return SBI_SUCCESS;
}

static enum sbi_error move_event(struct axvm_sse_event *e, enum axvm_sse_state from, enum axvm_sse_state to)
{
    if (axvm_sse_state(e) != from)
        return SBI_ERR_INVALID_STATE;
    axvm_sse_set_state(e, to);
    /* For the next handler it is not. */
    if (to == AXVM_SSE_UNUSED)
        e->attr[AXVM_SSE_STATUS] &= ~AXVM_SSE_PENDING;
    return SBI_SUCCESS;
}

static enum sbi_error change_state(struct axvm_vcpu *vcpu, uint64_t fid)
{
    struct axvm_sse_event *e;
    enum sbi_error error = find_event(vcpu, vcpu->arch.gpr[10], &e);

    if (error != SBI_SUCCESS)
        return error;
    switch (fid) {
    case SSE_REGISTER:
        return register_event(e, vcpu->arch.gpr[11], vcpu->arch.gpr[12]);
    case SSE_UNREGISTER:
        return move_event(e, AXVM_SSE_REGISTERED, AXVM_SSE_UNUSED);
    case SSE_ENABLE:
        return move_event(e, AXVM_SSE_REGISTERED, AXVM_SSE_ENABLED);
    }
    return move_event(e, AXVM_SSE_ENABLED, AXVM_SSE_REGISTERED);
}

/* Of a local event: on the hart that is named, which has to be started. *target: who has to look at it. */
static enum sbi_error inject(struct axvm_vcpu *vcpu, struct axvm_vcpu **target)
{
    uint64_t id = vcpu->arch.gpr[11];
    struct axvm *vm = vcpu->vm;
    struct axvm_vcpu *on = vcpu;
    struct axvm_sse_event *e;
    enum sbi_error error = find_event(vcpu, vcpu->arch.gpr[10], &e);

    if (error != SBI_SUCCESS)
        return error;
    if (is_local(vcpu, e)) {
        if (id >= vm->vcpu_count)
            return SBI_ERR_INVALID_PARAM;
        on = vm->vcpus[axvm_nospec(id, vm->vcpu_count)];
        if (atomic_load(&on->power) != AXVM_POWER_ON)
            return SBI_ERR_INVALID_PARAM;
        e = &on->arch.sse.local;
    }
    if (axvm_sse_state(e) == AXVM_SSE_UNUSED)
        return SBI_ERR_INVALID_STATE;
    e->attr[AXVM_SSE_STATUS] |= AXVM_SSE_PENDING;
    *target = on->arch.sse.unmasked && axvm_sse_state(e) == AXVM_SSE_ENABLED ? on : NULL;
    return SBI_SUCCESS;
}

static enum sbi_error set_unmasked(struct axvm_vcpu *vcpu, bool unmasked)
{
    if (vcpu->arch.sse.unmasked == unmasked)
        return unmasked ? SBI_ERR_ALREADY_STARTED : SBI_ERR_ALREADY_STOPPED;
    vcpu->arch.sse.unmasked = unmasked;
    return SBI_SUCCESS;
}

/* ---- */

static void state_call(struct axvm_vcpu *vcpu, uint64_t fid)
{
    struct axvm_lock *lock = &vcpu->vm->arch.sse.lock;
    struct axvm_vcpu *target = NULL;
    enum sbi_error error;

    axvm_lock_raw(lock);
    if (fid == SSE_INJECT)
        error = inject(vcpu, &target);
    else if (fid == SSE_HART_UNMASK || fid == SSE_HART_MASK)
        error = set_unmasked(vcpu, fid == SSE_HART_UNMASK);
    else
        error = change_state(vcpu, fid);
    axvm_unlock_raw(lock);
    axvm_sbi_reply(vcpu, error, 0);
    if (target && target != vcpu)
        axvm_sse_post(target);
}

uint64_t axvm_sbi_sse(struct axvm_vcpu *vcpu, uint64_t fid)
{
    if (fid > SSE_HART_MASK)
        return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
    if (fid == SSE_READ_ATTRS || fid == SSE_WRITE_ATTRS)
        return access_attrs(vcpu, fid == SSE_WRITE_ATTRS, false);
    if (fid != SSE_COMPLETE)
        state_call(vcpu, fid);
    else if (!axvm_sse_complete(vcpu))
        axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    axvm_sse_dispatch(vcpu);
    return axvm_wake_trap(vcpu->vm);
}
