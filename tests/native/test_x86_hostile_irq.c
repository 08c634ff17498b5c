/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts that a guest never handles, and those that it sleeps through, on the x86_64 backend: hostile-guest.md rows 59, 88,
 * H6. */
#include "x86_hostile.h"

#include <axvm/err.h>
#include <axvm/x86_64.h>

#include "exit.h"
#include "svm.h"
#include "vintc.h"

/* ---- row 88 ---- */

/* Interrupts are off, or nobody takes the one that is pending. */
static void never_handles(struct axvm_vcpu *vcpu, void *arg)
{
    uint64_t *left = arg;

    vcpu->arch.vmcb->rflags = *left % 3 == 0 ? 0x202 : 2;
    if ((*left)-- == 0)
        x86_leave(vcpu);
    else if (*left % 2)
        x86_exit(vcpu, 0x64, 0, 0, 0); /* VINTR: a window is open */
    else
        x86_exit_port(vcpu, PORT, 1, false);
}

/* Redirection entry 5: vector 0x35, level-sensitive, to APIC 0. */
static void enable_line(struct axvm *vm)
{
    axvm_lapic_mmio_write(&vm->vcpus[0]->arch.lapic, 0xf0, 4, 0x1ff);
    native_write_device(vm, 0xfec00000, 0x1a);
    native_write_device(vm, 0xfec00010, 0x8035);
}

static void a_line_that_is_stuck_costs_the_host_nothing(void **state)
{
    uint64_t left = 20000;

    x86.guest = never_handles;
    x86.guest_arg = &left;
    native_line_is_stuck(*state, make(*state, 1), enable_line);
}

/* The redirection entry is masked: it is over at once, or when it is given back. */
static void a_passthrough_interrupt_that_is_not_handled_stays_with_the_host(void **state)
{
    const struct axvm_config cfg = { .vcpu_count = 1, .ram_size = RAM_SIZE };

    native_passthrough_is_stuck(*state, cfg, NULL, 1);
}

/* ---- row 59: a guest that sleeps leaves the host alone ---- */

/* Should the host go round in circles, it is kicked out. */
static void count_rounds(struct fake_hal *hal, enum fake_callback which, void *arg)
{
    static unsigned int rounds;
    struct axvm *vm = arg;

    (void)hal;
    if (which == FAKE_THIS_CPU && ++rounds % 2000 == 0)
        axvm_vcpu_kick(vm->vcpus[0]);
}

static void take_nmi_and_halt(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    vcpu->arch.vmcb->rflags = 2;
    axvm_x86_nmi(vcpu); /* another one, while this one is being handled */
    x86_exit_hlt(vcpu);
}

/* "NMI ... Blocking": the second waits for the handler's IRET, and so does whoever is in HLT there. */
static void a_halt_in_the_handler_of_an_nmi_sleeps_though_another_is_pending(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct axvm_exit exit;

    hal->hook = count_rounds;
    hal->hook_arg = vm;
    x86.guest = take_nmi_and_halt;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    axvm_x86_nmi(vm->vcpus[0]);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    /* It can still be told to go. */
    axvm_x86_init(vm->vcpus[0]);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_CPU_OFF);
    hal->hook = NULL;
    native_destroy(vm);
}

static unsigned int expired;

static void on_expire(struct axvm_device *dev, uint64_t now_ns)
{
    (void)now_ns;
    expired++;
    axvm_device_set_deadline(dev, AXVM_TIME_NEVER);
}

static void halt(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    vcpu->arch.vmcb->rflags = 0x202;
    x86_exit_hlt(vcpu);
}

/* Row H6: the host's clock jumps ahead of its TSC. */
static void a_timer_that_is_due_by_the_clock_is_due(void **state)
{
    static struct axvm_device_ops ops;
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct axvm_exit exit;

    ops = *probe.dev.ops;
    ops.expire = on_expire;
    probe.dev.ops = &ops;
    expired = 0;
    hal->hook = count_rounds;
    hal->hook_arg = vm;
    x86.guest = halt;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    axvm_device_set_deadline(&probe.dev, hal->now_ns + 1000000000);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    assert_int_equal(expired, 0);
    hal->now_ns += UINT64_C(3600000000000);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    assert_int_equal(expired, 1);
    hal->hook = NULL;
    native_destroy(vm);
}

static void without_vnmi(void)
{
    x86.svm_features = SVM_FEATURE_NP | SVM_FEATURE_NRIPS;
}

static int setup_no_vnmi(void **state)
{
    return native_setup_changed(state, without_vnmi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_line_that_is_stuck_costs_the_host_nothing),
        NATIVE_TEST(a_passthrough_interrupt_that_is_not_handled_stays_with_the_host),
        NATIVE_TEST(a_timer_that_is_due_by_the_clock_is_due),
        NATIVE_TEST_AFTER(setup_no_vnmi, a_halt_in_the_handler_of_an_nmi_sleeps_though_another_is_pending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
