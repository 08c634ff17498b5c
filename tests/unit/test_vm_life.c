/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM that is suspended or stopped by one thread while others are at work on it (H8, H13). */
#include "fake_fixture.h"

#include <axvm/device.h>
#include <axvm/err.h>
#include <pthread.h>

#include "arch.h"
#include "fake_guest.h"

#define SECOND UINT64_C(1000000000)

static struct axvm *booted(struct fake_hal *hal, fake_guest_fn guest, void *arg)
{
    struct axvm *vm = fake_vm(hal, 1);

    fake_guest_set(vm, 0, guest, arg);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    return vm;
}

static void end(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static enum axvm_exit_reason run(struct axvm *vm)
{
    struct axvm_exit exit;

    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    return exit.reason;
}

/* ---- the clock ---- */

/* A device asks for the time of the guest. */
static uint64_t guest_time(struct axvm *vm)
{
    const struct axvm_device dev = { .vm = vm };

    return axvm_device_time_ns(&dev);
}

struct slow {
    struct fake_hal *hal;
    enum axvm_trap_kind kind; /* how it comes out at last */
    uint64_t seen, stops;
};

/* Somebody suspends its VM; it notices some time after that. */
static int notice_late(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct slow *slow = arg;

    if (slow->seen != 0)
        return AXVM_TRAP_IDLE;
    assert_int_equal(axvm_suspend(vcpu->vm), AXVM_OK);
    slow->stops = vcpu->vm->arch.clock_stops;
    atomic_fetch_add(&slow->hal->now_ns, 5 * SECOND);
    slow->seen = guest_time(vcpu->vm);
    exit->reason = AXVM_EXIT_YIELD;
    return slow->kind;
}

static void check_clock(struct fake_hal *hal, enum axvm_trap_kind kind, enum axvm_exit_reason reason)
{
    struct slow slow = { .hal = hal, .kind = kind };
    struct axvm *vm = booted(hal, notice_late, &slow);
    uint64_t stops;

    assert_int_equal(run(vm), reason);
    stops = vm->arch.clock_stops;
    assert_true(stops > slow.stops);
    /* Its thread is turned away: the clock stands where it stood. */
    atomic_fetch_add(&hal->now_ns, 100 * SECOND);
    assert_int_equal(run(vm), AXVM_EXIT_SUSPENDED);
    assert_int_equal(vm->arch.clock_stops, stops);
    atomic_fetch_add(&hal->now_ns, 100 * SECOND);
    assert_int_equal(axvm_resume(vm), AXVM_OK);
    assert_int_equal(guest_time(vm), slow.seen);
    assert_int_equal(run(vm), AXVM_EXIT_IDLE);
    end(vm);
}

/* A clock that went backwards is what guests cannot bear. */
static void the_clock_of_a_suspended_vm_stands_when_its_last_vcpu_has_left(void **state)
{
    check_clock(*state, AXVM_TRAP_REQUEST, AXVM_EXIT_SUSPENDED);
}

static void it_does_whatever_the_vcpu_leaves_for(void **state)
{
    check_clock(*state, AXVM_TRAP_EXIT, AXVM_EXIT_YIELD);
}

/* ---- with threads ---- */

struct other {
    struct axvm *vm;
    _Atomic bool done, failed;
};

/* Somebody stops its VM meanwhile. */
static int be_stopped(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)exit;
    (void)arg;
    assert_int_equal(axvm_shutdown(vcpu->vm), AXVM_OK);
    assert_int_equal(axvm_get_state(vcpu->vm), AXVM_STOPPING);
    return AXVM_TRAP_REQUEST;
}

static void *watch(void *arg)
{
    struct other *o = arg;

    while (!atomic_load(&o->done)) {
        if (atomic_load(&o->vm->life) == AXVM_LIFE(AXVM_STOPPING, 0))
            atomic_store(&o->failed, true);
    }
    return NULL;
}

/* Stop a VM and start it again, so many times, with another thread at it. */
static void stop_beside(struct fake_hal *hal, void *(*thread)(void *arg), bool (*stop)(struct axvm *vm), unsigned int times)
{
    struct axvm *vm = booted(hal, be_stopped, NULL);
    struct other o = { .vm = vm };
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, thread, &o), 0);
    for (unsigned int n = 0; n < times && !atomic_load(&o.failed); n++) {
        if (!stop(vm) || axvm_get_state(vm) != AXVM_STOPPED || axvm_reset(vm) != AXVM_OK || axvm_boot(vm) != AXVM_OK)
            atomic_store(&o.failed, true);
    }
    atomic_store(&o.done, true);
    pthread_join(t, NULL);
    assert_false(atomic_load(&o.failed));
    end(vm);
}

static bool run_until_stopped(struct axvm *vm)
{
    return run(vm) == AXVM_EXIT_SHUTDOWN;
}

/* With nobody inside it can be destroyed: so nobody is still to make it STOPPED then. */
static void a_vm_is_stopped_as_soon_as_its_last_vcpu_has_left(void **state)
{
    stop_beside(*state, watch, run_until_stopped, 400);
}

static void *suspend_and_resume(void *arg)
{
    struct other *o = arg;

    while (!atomic_load(&o->done)) {
        axvm_suspend(o->vm);
        axvm_resume(o->vm);
    }
    return NULL;
}

static bool shut_down(struct axvm *vm)
{
    return axvm_shutdown(vm) == AXVM_OK;
}

static void a_shutdown_while_others_suspend_and_resume_is_one(void **state)
{
    stop_beside(*state, suspend_and_resume, shut_down, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(the_clock_of_a_suspended_vm_stands_when_its_last_vcpu_has_left),
        FAKE_TEST(it_does_whatever_the_vcpu_leaves_for),
        FAKE_TEST(a_vm_is_stopped_as_soon_as_its_last_vcpu_has_left),
        FAKE_TEST(a_shutdown_while_others_suspend_and_resume_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
