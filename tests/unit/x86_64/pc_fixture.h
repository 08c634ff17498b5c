/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM of the fake host with a device of the PC on its ports. */
#ifndef PC_FIXTURE_H
#define PC_FIXTURE_H

#include "../device_fixture.h"

#include "arch.h"
#include "fake_guest.h"

#define NS_PER_S UINT64_C(1000000000)

struct pc {
    struct fake_hal *hal;
    struct axvm *vm;
};

static inline int pc_setup(void **state)
{
    struct pc *b = calloc(1, sizeof(*b));

    if (device_setup(&b->hal, &b->vm) != 0)
        return -1;
    *state = b;
    return 0;
}

static inline int pc_teardown(void **state)
{
    struct pc *b = *state;
    int rc = device_teardown(b->hal, b->vm);

    free(b);
    return rc;
}

/* As in the host tier if @may_call_host. */
static inline int pc_port(struct pc *b, uint16_t at, unsigned int size, bool write, bool may_call_host, uint64_t *val)
{
    return device_access(b->vm, AXVM_BUS_PORT, at, size, write, may_call_host, val);
}

static inline void pc_out(struct pc *b, uint16_t at, unsigned int size, uint64_t val)
{
    assert_int_equal(pc_port(b, at, size, true, false, &val), AXVM_OK);
}

static inline uint64_t pc_in(struct pc *b, uint16_t at, unsigned int size)
{
    uint64_t val = 0;

    assert_int_equal(pc_port(b, at, size, false, false, &val), AXVM_OK);
    assert_true(size == 8 || val >> 8 * size == 0);
    return val;
}

/* Let time pass, and the timers be looked after as vCPU 0 does. */
static inline void pc_run_to(struct pc *b, uint64_t end)
{
    for (;;) {
        uint64_t next = axvm_timers_deadline(b->vm);

        b->hal->now_ns = next < end ? (next > b->hal->now_ns ? next : b->hal->now_ns) : end;
        axvm_timers_poll(b->vm, b->hal->now_ns);
        if (b->hal->now_ns >= end)
            return;
    }
}

static inline void pc_run_for(struct pc *b, uint64_t ns)
{
    pc_run_to(b, b->hal->now_ns + ns);
}

/* Is the level-triggered interrupt @irq asserted? */
static inline bool pc_irq(struct pc *b, uint32_t irq)
{
    return b->vm->arch.irqs[irq].level;
}

/* An access that ends the VM: not in the fast tier, then with an exit. */
static inline void pc_assert_ends(struct pc *b, uint16_t at, unsigned int size, uint64_t val, enum axvm_exit_reason reason)
{
    struct axvm_vcpu *vcpu = b->vm->vcpus[0];
    uint64_t v = val;

    assert_int_equal(pc_port(b, at, size, true, false, &v), AXVM_ERR_AGAIN);
    assert_int_equal(atomic_load(&vcpu->requests) & AXVM_REQ_END, 0);
    v = val;
    assert_int_equal(pc_port(b, at, size, true, true, &v), AXVM_OK);
    assert_int_equal(atomic_load(&vcpu->requests) & AXVM_REQ_END, AXVM_REQ_END);
    assert_int_equal(vcpu->end_reason, reason);
    atomic_store(&vcpu->requests, 0);
}

#endif
