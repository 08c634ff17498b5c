/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs: references, requests from other CPUs, power. Running them is run.c's business. */
#include <axvm/err.h>
#include <axvm/vcpu.h>

#include "arch.h"
#include "bits.h"

struct axvm_vcpu *axvm_vcpu_get(struct axvm *vm, unsigned int vcpu_id)
{
    struct axvm_vcpu *vcpu;

    if (!vm || vcpu_id >= vm->vcpu_count)
        return NULL;
    vcpu = vm->vcpus[vcpu_id];
    atomic_fetch_add_explicit(&vcpu->refs, 1, memory_order_relaxed);
    return vcpu;
}

void axvm_vcpu_put(struct axvm_vcpu *vcpu)
{
    atomic_fetch_sub_explicit(&vcpu->refs, 1, memory_order_release);
}

struct axvm *axvm_vcpu_vm(const struct axvm_vcpu *vcpu)
{
    return vcpu->vm;
}

unsigned int axvm_vcpu_id(const struct axvm_vcpu *vcpu)
{
    return vcpu->id;
}

enum axvm_vcpu_state axvm_vcpu_get_state(const struct axvm_vcpu *vcpu)
{
    return (enum axvm_vcpu_state)atomic_load(&vcpu->state);
}

uint64_t axvm_vcpu_pcpu_mask(const struct axvm_vcpu *vcpu)
{
    return vcpu->pcpu_mask;
}

uint64_t axvm_vcpu_stat(const struct axvm_vcpu *vcpu, enum axvm_stat stat)
{
    return (unsigned int)stat < AXVM_STATS ? atomic_load_explicit(&vcpu->stats[stat], memory_order_relaxed) : 0;
}

/*
 * The other side is enter() in run.c, which first says "in guest", then has a sequentially consistent fence, and then looks at
 * the requests: either it sees our bit, or we see it in the guest and kick it. A thread that sleeps in the host is found by its
 * state, which it sets to BLOCKED before it looks at the requests for the last time (leave() in run.c); READY hides that
 * (claim()).
 */
void axvm_vcpu_request(struct axvm_vcpu *vcpu, uint32_t bits)
{
    struct axvm *vm = vcpu->vm;
    uint32_t before = atomic_fetch_or(&vcpu->requests, bits);
    uint32_t where = atomic_load(&vcpu->in_guest);
    uint32_t state;

    if (where != 0) {
        if ((before & bits) != bits)
            vm->hal.kick_cpu(vm->hal.ctx, where - 1);
        return;
    }
    state = atomic_load(&vcpu->state);
    if (state != AXVM_VCPU_RUNNING) {
        atomic_fetch_or(&vm->wake[vcpu->id / 64], UINT64_C(1) << vcpu->id % 64);
        atomic_store(&vm->wake_trap, AXVM_TRAP_REQUEST);
    }
}

void axvm_wake_flush(struct axvm *vm)
{
    if (axvm_wake_trap(vm) == AXVM_TRAP_RESUME)
        return;
    /* First this, then the bits, both sequentially consistent: who adds one after we have looked sets it again. */
    atomic_store(&vm->wake_trap, AXVM_TRAP_RESUME);
    for (unsigned int w = 0; w < AXVM_MAX_VCPUS / 64; w++) {
        uint64_t set;

        if (atomic_load(&vm->wake[w]) == 0)
            continue;
        for (set = atomic_exchange(&vm->wake[w], 0); set != 0; set &= set - 1)
            vm->hal.wake_vcpu(vm->hal.ctx, vm->id, w * 64 + axvm_ctz64(set));
    }
}

int axvm_vcpu_power_on(struct axvm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    uint32_t expected = AXVM_POWER_OFF;

    if (!atomic_compare_exchange_strong(&vcpu->power, &expected, AXVM_POWER_CLAIMED))
        return expected == AXVM_POWER_ON ? AXVM_ERR_EXIST : AXVM_ERR_BUSY;
    vcpu->start_entry = entry;
    vcpu->start_arg = arg;
    atomic_store(&vcpu->power, AXVM_POWER_ON_PENDING);
    axvm_vcpu_request(vcpu, AXVM_REQ_STOP);
    return AXVM_OK;
}

void axvm_vcpu_power_off(struct axvm_vcpu *vcpu)
{
    atomic_store(&vcpu->power, AXVM_POWER_OFF);
    atomic_fetch_or(&vcpu->requests, AXVM_REQ_STOP);
}

void axvm_vcpu_kick(struct axvm_vcpu *vcpu)
{
    axvm_vcpu_request(vcpu, AXVM_REQ_KICK);
}

bool axvm_vcpu_is_runnable(struct axvm_vcpu *vcpu)
{
    uint32_t power = atomic_load(&vcpu->power);

    if (axvm_get_state(vcpu->vm) != AXVM_RUNNING)
        return false;
    return power == AXVM_POWER_ON_PENDING || (power == AXVM_POWER_ON && axvm_arch_vcpu_wakes(vcpu));
}

int axvm_vcpu_answer(struct axvm_vcpu *vcpu, uint64_t value)
{
    if (vcpu->pending == AXVM_PENDING_NONE)
        return AXVM_ERR_STATE;
    vcpu->answer = value;
    vcpu->answered = true;
    return AXVM_OK;
}

/* Nobody may be inside a run while registers are looked at: the hardware has them. */
static bool claim(struct axvm_vcpu *vcpu, uint32_t *was)
{
    *was = atomic_load(&vcpu->state);
    return *was != AXVM_VCPU_READY && *was != AXVM_VCPU_RUNNING &&
           atomic_compare_exchange_strong(&vcpu->state, was, AXVM_VCPU_READY);
}

/* A thread that wanted to run it meanwhile has left RUNNING there (bind_thread() in run.c), and who asked for something then
 * has woken nobody. */
static void release(struct axvm_vcpu *vcpu, uint32_t was)
{
    if (atomic_exchange(&vcpu->state, was) == AXVM_VCPU_RUNNING && atomic_load(&vcpu->requests) != 0)
        vcpu->vm->hal.wake_vcpu(vcpu->vm->hal.ctx, vcpu->vm->id, vcpu->id);
}

int axvm_vcpu_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value)
{
    uint32_t was;
    int rc;

    if (!claim(vcpu, &was))
        return AXVM_ERR_BUSY;
    rc = axvm_arch_get_gpr(vcpu, reg, value);
    release(vcpu, was);
    return rc;
}

int axvm_vcpu_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value)
{
    uint32_t was;
    int rc;

    if (!claim(vcpu, &was))
        return AXVM_ERR_BUSY;
    rc = axvm_arch_set_gpr(vcpu, reg, value);
    release(vcpu, was);
    return rc;
}

int axvm_vcpu_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value)
{
    uint32_t was;
    int rc;

    if (!claim(vcpu, &was))
        return AXVM_ERR_BUSY;
    rc = axvm_arch_register(vcpu, index, name, value);
    release(vcpu, was);
    return rc;
}
