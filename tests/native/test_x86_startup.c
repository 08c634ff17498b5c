/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INIT and SIPI, on the x86_64 backend: from any CPU, in any order, in any state of the vCPU; hostile-guest.md rows 73, X5.
 * Intel SDM vol. 3A, "MP Initialization Protocol Algorithm for MP Systems", "Valid Interrupt Command Register Combinations".
 */
#include "x86_world.h"
#include "native_fixture.h"

#include <axvm/err.h>
#include <sched.h>

#include "exit.h"
#include "vlapic.h"

#define AP 1u
#define THREADS 3u

/* ---- one thread: what a vCPU is told, and then what it does ---- */

/* Each entry of it comes out with a call for the host. */
static void call_host(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    x86_exit(vcpu, 0x81, 0, 0, 3); /* VMMCALL */
}

#define IS_OFF UINT64_MAX
/* Run the AP: the page that it has started at if it has just done so, or IS_OFF. */
static uint64_t run_ap(struct axvm *vm)
{
    struct axvm_exit exit;

    assert_int_equal(axvm_run_vcpu(vm, AP, &exit), AXVM_OK);
    if (exit.reason == AXVM_EXIT_CPU_OFF)
        return IS_OFF;
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
    return vm->vcpus[AP]->arch.vmcb->cs.base;
}

/* It has gone on where it was. */
static void check_runs_on(struct axvm *vm, uint64_t page, uint64_t rip)
{
    assert_int_equal(run_ap(vm), page);
    assert_int_equal(vm->vcpus[AP]->arch.rip, rip + 3);
}

static void init(struct axvm *vm)
{
    axvm_x86_init(vm->vcpus[AP]);
}

static void sipi(struct axvm *vm, uint8_t vector)
{
    axvm_x86_sipi(vm->vcpus[AP], vector);
}

static void a_sipi_starts_one_that_waits_and_no_other(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);

    x86.guest = call_host;
    assert_int_equal(run_ap(vm), IS_OFF);
    sipi(vm, 0x12);
    assert_int_equal(run_ap(vm), 0x12000);
    assert_int_equal(vm->vcpus[AP]->arch.rip, 3);
    sipi(vm, 0x13); /* it runs: ignored */
    check_runs_on(vm, 0x12000, 3);
    native_destroy(vm);
}

/* "INIT, SIPI, SIPI": the second is not for one that has started. */
static void of_two_sipis_the_first_counts(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);

    x86.guest = call_host;
    init(vm); /* it waits already */
    sipi(vm, 0x12);
    sipi(vm, 0x13);
    check_runs_on(vm, 0x12000, 0);
    init(vm);
    sipi(vm, 0x14);
    sipi(vm, 0x15);
    assert_int_equal(run_ap(vm), 0x14000);
    check_runs_on(vm, 0x14000, 3);
    native_destroy(vm);
}

static void an_init_stops_one_that_runs_until_a_sipi(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);

    x86.guest = call_host;
    sipi(vm, 0x12);
    assert_int_equal(run_ap(vm), 0x12000);
    init(vm);
    init(vm);
    assert_int_equal(run_ap(vm), IS_OFF);
    assert_int_equal(run_ap(vm), IS_OFF);
    sipi(vm, 0x15);
    check_runs_on(vm, 0x15000, 0);
    native_destroy(vm);
}

/* Before its thread has come to begin where the first SIPI said. */
static void an_init_after_a_sipi_that_is_not_taken_yet_counts(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);

    x86.guest = call_host;
    sipi(vm, 0x12);
    init(vm);
    assert_int_equal(run_ap(vm), IS_OFF);
    sipi(vm, 0x13);
    init(vm);
    sipi(vm, 0x14);
    check_runs_on(vm, 0x14000, 0);
    /* And of several only what comes after the last INIT. */
    init(vm);
    sipi(vm, 0x20);
    init(vm);
    assert_int_equal(run_ap(vm), IS_OFF);
    init(vm);
    sipi(vm, 0x21);
    check_runs_on(vm, 0x21000, 0);
    native_destroy(vm);
}

/* Between the INIT that it gets and the look at it there is whatever its exit needs. */
static void wait_in_hlt(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    if (vcpu->arch.vmcb->cs.base == 0x12000)
        x86_exit_hlt(vcpu);
    else
        call_host(vcpu, NULL);
}

static void an_init_ends_a_halt(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);
    struct axvm_exit exit;

    x86.guest = wait_in_hlt;
    sipi(vm, 0x12);
    assert_int_equal(axvm_run_vcpu(vm, AP, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    assert_false(axvm_vcpu_is_runnable(vm->vcpus[AP]));
    init(vm);
    assert_true(axvm_vcpu_is_runnable(vm->vcpus[AP]));
    assert_int_equal(run_ap(vm), IS_OFF);
    sipi(vm, 0x13);
    check_runs_on(vm, 0x13000, 0);
    native_destroy(vm);
}

static void a_reset_of_the_vm_forgets_all_of_it(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);

    x86.guest = call_host;
    for (unsigned int i = 0; i < 4; i++) {
        sipi(vm, 0x12);
        if (i & 1)
            assert_int_equal(run_ap(vm), 0x12000);
        init(vm);
        if (i & 2)
            sipi(vm, 0x13);
        assert_int_equal(axvm_shutdown(vm), AXVM_OK);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        assert_int_equal(run_ap(vm), IS_OFF);
    }
    native_destroy(vm);
}

/* The boot processor, too: it waits for a SIPI then. */
static void vcpu_0_takes_an_init_as_any_other(void **state)
{
    struct axvm *vm = x86_boot(*state, THREADS);
    struct axvm_exit exit;

    x86.guest = call_host;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
    axvm_x86_init(vm->vcpus[0]);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_CPU_OFF);
    axvm_x86_sipi(vm->vcpus[0], 0x30);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
    assert_int_equal(vm->vcpus[0]->arch.vmcb->cs.base, 0x30000);
    native_destroy(vm);
}

/* As guests send them: through the local APIC, to one, to all others, and to nobody. */
static void icr(struct axvm_vcpu *vcpu, uint32_t dest, uint32_t low)
{
    axvm_lapic_mmio_write(&vcpu->arch.lapic, 0x310, 4, dest << 24);
    axvm_lapic_mmio_write(&vcpu->arch.lapic, 0x300, 4, low);
}

/* ---- threads: signals from two CPUs, while the third takes them ---- */

struct race {
    struct fake_hal *hal;
    struct axvm *vm;
    _Atomic bool stop;
    _Atomic uint32_t started[256]; /* entries by page */
    _Atomic uint64_t entries;
};

/* It is in its guest until it is interrupted. */
static void note_page(struct axvm_vcpu *vcpu, void *arg)
{
    struct race *r = arg;

    r->started[vcpu->arch.vmcb->cs.base >> 12 & 255]++;
    r->entries++;
    for (unsigned int i = 0; i < 50 && !fake_hal_take_kick(r->hal, fake_hal_cpu()); i++)
        sched_yield();
    x86_exit_interrupted(vcpu);
}

static void *ap_thread(void *arg)
{
    struct race *r = arg;
    struct axvm_exit exit;

    fake_hal_set_cpu(AP);
    while (!r->stop) {
        assert_int_equal(axvm_run_vcpu(r->vm, AP, &exit), AXVM_OK);
        if (exit.reason == AXVM_EXIT_CPU_OFF)
            fake_hal_sleep(r->hal, 0, AP, 5);
    }
    return NULL;
}

/* INIT, SIPI, and it is there: whatever it was doing. Then INIT, and it is not. */
static void a_vcpu_is_started_by_the_last_pair_whatever_was_before(void **state)
{
    struct race r = { .hal = *state };
    pthread_t thread;

    assert_int_equal(native_enable_cpu(*state, AP), AXVM_OK);
    fake_hal_set_cpu(0);
    r.vm = x86_boot(*state, THREADS);
    x86.guest = note_page;
    x86.guest_arg = &r;
    assert_int_equal(pthread_create(&thread, NULL, ap_thread, &r), 0);
    for (uint32_t round = 0; round < 3000; round++) {
        uint8_t vector = (uint8_t)(1 + round % 250);
        uint32_t before = r.started[vector];

        init(r.vm);
        if (round % 3 == 0)
            sipi(r.vm, 0xff);
        if (round % 5 == 0)
            sched_yield();
        init(r.vm);
        sipi(r.vm, vector);
        if (round % 2 == 0)
            sipi(r.vm, 0xfe);
        axvm_wake_flush(r.vm);
        while (r.started[vector] == before)
            sched_yield();
    }
    assert_int_equal(r.started[0xfe], 0);
    r.stop = true;
    init(r.vm);
    axvm_wake_flush(r.vm);
    axvm_vcpu_kick(r.vm->vcpus[AP]);
    pthread_join(thread, NULL);
    native_destroy(r.vm);
}

struct sender {
    struct race *race;
    pthread_t thread;
    uint32_t left;
    unsigned int pcpu;
};

static void *send_anything(void *arg)
{
    struct sender *s = arg;

    fake_hal_set_cpu(s->pcpu);
    while (s->left-- != 0) {
        switch ((s->left + s->pcpu) % 5) {
        case 0:
        case 1:
            init(s->race->vm);
            break;
        default:
            sipi(s->race->vm, (uint8_t)(s->left % 250 + 1));
        }
        axvm_wake_flush(s->race->vm);
    }
    return NULL;
}

/* From two CPUs at once; then it can still be started. */
static void storms_of_inits_and_sipis_leave_it_startable(void **state)
{
    struct race r = { .hal = *state };
    struct sender s[2] = { { &r, 0, 20000, 2 }, { &r, 0, 20000, 3 } };
    pthread_t thread;
    uint32_t before;

    for (unsigned int i = 1; i < 4; i++)
        assert_int_equal(native_enable_cpu(*state, i), AXVM_OK);
    fake_hal_set_cpu(0);
    r.vm = x86_boot(*state, THREADS);
    x86.guest = note_page;
    x86.guest_arg = &r;
    assert_int_equal(pthread_create(&thread, NULL, ap_thread, &r), 0);
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&s[i].thread, NULL, send_anything, &s[i]), 0);
    for (unsigned int i = 0; i < 2; i++)
        pthread_join(s[i].thread, NULL);
    before = r.started[0xfd];
    icr(r.vm->vcpus[0], AP, 0x4500); /* INIT, assert */
    icr(r.vm->vcpus[0], 77, 0x4500);
    icr(r.vm->vcpus[0], 0, 0x046fd); /* SIPI to itself, which runs */
    icr(r.vm->vcpus[0], 0, 0xc46fd); /* SIPI to all but itself */
    axvm_wake_flush(r.vm);
    while (r.started[0xfd] == before)
        sched_yield();
    r.stop = true;
    axvm_vcpu_kick(r.vm->vcpus[AP]);
    pthread_join(thread, NULL);
    native_destroy(r.vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_sipi_starts_one_that_waits_and_no_other),
        NATIVE_TEST(of_two_sipis_the_first_counts),
        NATIVE_TEST(an_init_stops_one_that_runs_until_a_sipi),
        NATIVE_TEST(an_init_after_a_sipi_that_is_not_taken_yet_counts),
        NATIVE_TEST(an_init_ends_a_halt),
        NATIVE_TEST(a_reset_of_the_vm_forgets_all_of_it),
        NATIVE_TEST(vcpu_0_takes_an_init_as_any_other),
        NATIVE_TEST(a_vcpu_is_started_by_the_last_pair_whatever_was_before),
        NATIVE_TEST(storms_of_inits_and_sipis_leave_it_startable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
