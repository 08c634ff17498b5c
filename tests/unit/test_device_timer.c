/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices with a timer, and devices that end their VM. hostile-guest.md row 85. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fake_guest.h"
#include "vm_priv.h"

#define BASE 0x9000000u

struct ticker {
    struct axvm_device dev;
    uint64_t period; /* 0: one shot */
    _Atomic uint64_t fired;
    uint64_t last;
};

/* Written: the deadline. Read: the VM ends. */
static int ticker_write(struct axvm_device *dev, struct axvm_access *acc)
{
    axvm_device_set_deadline(dev, acc->val);
    return AXVM_OK;
}

static int ticker_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    return axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_CRASH);
}

static void ticker_expire(struct axvm_device *dev, uint64_t now_ns)
{
    struct ticker *t = (struct ticker *)dev;

    t->last = now_ns;
    axvm_device_set_deadline(dev, t->period != 0 ? now_ns + t->period : AXVM_TIME_NEVER);
    atomic_fetch_add(&t->fired, 1); /* last: whoever waits for it sets the next deadline */
}

static const struct axvm_device_ops ticker_ops = {
    .name = "ticker",
    .read = ticker_read,
    .write = ticker_write,
    .expire = ticker_expire,
};

static void attach(struct axvm *vm, struct ticker *t, unsigned int n)
{
    memset(t, 0, sizeof(*t));
    t->dev.ops = &ticker_ops;
    t->dev.windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, BASE + n * 0x1000, 0x1000 };
    t->dev.window_count = 1;
    t->dev.flags = AXVM_DEVICE_FAST;
    assert_int_equal(axvm_device_attach(vm, &t->dev), AXVM_OK);
}

static void a_vm_without_timers_has_no_deadline(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct ticker t;

    attach(vm, &t, 0);
    assert_int_equal(axvm_timers_deadline(vm), AXVM_TIME_NEVER);
    axvm_timers_poll(vm, UINT64_MAX - 1);
    assert_int_equal(t.fired, 0);
    axvm_destroy(vm);
}

static void the_earliest_of_several_comes_first(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct ticker t[3];

    for (unsigned int i = 0; i < 3; i++)
        attach(vm, &t[i], i);
    axvm_device_set_deadline(&t[0].dev, 3000);
    axvm_device_set_deadline(&t[1].dev, 1000);
    axvm_device_set_deadline(&t[2].dev, 2000);
    assert_int_equal(axvm_timers_deadline(vm), 1000);
    axvm_timers_poll(vm, 999);
    assert_int_equal(t[0].fired + t[1].fired + t[2].fired, 0);
    axvm_timers_poll(vm, 1000);
    assert_int_equal(t[1].fired, 1);
    assert_int_equal(axvm_timers_deadline(vm), 2000);
    axvm_device_set_deadline(&t[2].dev, AXVM_TIME_NEVER);
    axvm_timers_poll(vm, 2500);
    assert_int_equal(t[2].fired, 0);
    assert_int_equal(axvm_timers_deadline(vm), 3000);
    axvm_timers_poll(vm, 4000);
    assert_int_equal(t[0].fired, 1);
    assert_int_equal(t[0].last, 4000);
    assert_int_equal(axvm_timers_deadline(vm), AXVM_TIME_NEVER);
    axvm_destroy(vm);
}

static void an_earlier_deadline_is_told_to_vcpu_0(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct ticker t;

    attach(vm, &t, 0);
    axvm_device_set_deadline(&t.dev, 5000);
    assert_int_equal(atomic_exchange(&vm->vcpus[0]->requests, 0), AXVM_REQ_IRQ);
    axvm_device_set_deadline(&t.dev, 6000);
    assert_int_equal(atomic_load(&vm->vcpus[0]->requests), 0);
    axvm_device_set_deadline(&t.dev, 4000);
    assert_int_equal(atomic_exchange(&vm->vcpus[0]->requests, 0), AXVM_REQ_IRQ);
    assert_int_equal(atomic_load(&vm->vcpus[1]->requests), 0);
    axvm_destroy(vm);
}

static void periodic_timers_tick_while_others_are_set(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct ticker t[2];

    attach(vm, &t[0], 0);
    attach(vm, &t[1], 1);
    t[0].period = 100;
    axvm_device_set_deadline(&t[0].dev, 100);
    for (uint64_t now = 0; now < 100000; now += 10) {
        if (now % 70 == 0)
            axvm_device_set_deadline(&t[1].dev, now + 30);
        axvm_timers_poll(vm, now);
    }
    assert_int_equal(t[0].fired, 999);
    assert_in_range(t[1].fired, 1427, 1429);
    axvm_destroy(vm);
}

struct racer {
    struct axvm *vm;
    struct ticker *t;
    _Atomic bool stop;
};

static void *set_deadlines(void *arg)
{
    struct racer *r = arg;

    for (unsigned int i = 0; i < 5000; i++) {
        uint64_t was = atomic_load(&r->t->fired);

        axvm_device_set_deadline(&r->t->dev, 1); /* due */
        while (atomic_load(&r->t->fired) == was)
            sched_yield(); /* it is not lost */
    }
    atomic_store(&r->stop, true);
    return NULL;
}

static void a_deadline_that_is_set_while_another_cpu_polls_is_not_lost(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct ticker t[2];
    struct racer r = { .vm = vm, .t = &t[1] };
    pthread_t thread;

    attach(vm, &t[0], 0);
    attach(vm, &t[1], 1);
    t[0].period = 1;
    axvm_device_set_deadline(&t[0].dev, 1);
    assert_int_equal(pthread_create(&thread, NULL, set_deadlines, &r), 0);
    for (uint64_t now = 1; !atomic_load(&r.stop); now++)
        axvm_timers_poll(vm, now);
    pthread_join(thread, NULL);
    axvm_destroy(vm);
}

static int read_guest_once(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)exit;
    (void)arg;
    assert_int_equal(vcpu->arch.entries, 1);
    return fake_guest_read(vcpu, BASE, 4);
}

static void a_device_ends_its_vm(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct axvm_exit exit;
    struct ticker t;

    attach(vm, &t, 0);
    fake_guest_set(vm, 0, read_guest_once, NULL);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_SYSTEM_CRASH);
    assert_int_equal(exit.u.system.type, 0);
    assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
    assert_int_equal(axvm_run_vcpu(vm, 1, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_SHUTDOWN);
    axvm_destroy(vm);
}

static void a_kick_is_not_lost_in_the_end_of_the_vm(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_exit exit;
    struct ticker t;

    attach(vm, &t, 0);
    fake_guest_set(vm, 0, read_guest_once, NULL);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    vm->vcpus[0]->end_reason = AXVM_EXIT_SYSTEM_OFF;
    atomic_store(&vm->vcpus[0]->requests, AXVM_REQ_END | AXVM_REQ_KICK);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_SYSTEM_OFF);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_SHUTDOWN);
    axvm_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_vm_without_timers_has_no_deadline),
        FAKE_TEST(the_earliest_of_several_comes_first),
        FAKE_TEST(an_earlier_deadline_is_told_to_vcpu_0),
        FAKE_TEST(periodic_timers_tick_while_others_are_set),
        FAKE_TEST(a_deadline_that_is_set_while_another_cpu_polls_is_not_lost),
        FAKE_TEST(a_device_ends_its_vm),
        FAKE_TEST(a_kick_is_not_lost_in_the_end_of_the_vm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
