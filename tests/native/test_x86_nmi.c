/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NMIs, on the x86_64 backend without vNMI: how many a guest handles of those that it is sent; hostile-guest.md rows 73, 80.
 * Intel SDM vol. 3A, "Handling Multiple NMIs": while one is handled, one more is held back.
 */
#include "svm.h"
#include "x86_world.h"
#include "native_fixture.h"

#include <axvm/err.h>

#include "exit.h"

struct nmis {
    uint32_t handled;
    uint32_t sent_inside; /* by the first handler */
    uint32_t other_events;
    uint64_t dr6; /* of the step over IRET; 0: another exit comes first */
};

/* A handler is an IRET; the rest of the guest a call for the host. */
static void guest(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    struct nmis *n = arg;

    if (x86.injected != 0 && (uint8_t)x86.injected != X86_NMI)
        n->other_events++;
    if (vcpu->arch.nmi_state == AXVM_NMI_BLOCKED) {
        n->handled++;
        for (; n->sent_inside != 0; n->sent_inside--)
            axvm_x86_nmi(vcpu);
        x86_exit(vcpu, SVM_IRET, 0, 0, 0);
    } else if (vcpu->arch.nmi_state == AXVM_NMI_AT_IRET && b->rip == vcpu->arch.nmi_iret_rip) {
        bool steps = (b->rflags & RFLAGS_TF) != 0 && n->dr6 != 0;

        b->rip += 0x100;
        b->rflags &= ~(uint64_t)RFLAGS_TF;
        b->dr6 = n->dr6;
        x86_exit(vcpu, steps ? SVM_EXCEPTION + X86_DB : SVM_INTR, 0, 0, 0);
    } else {
        x86_exit(vcpu, SVM_VMMCALL, 0, 0, 3);
    }
}

static uint32_t handled_stepping(void **state, uint32_t sent, uint32_t sent_inside, uint64_t dr6)
{
    struct nmis n = { .sent_inside = sent_inside, .dr6 = dr6 };
    struct axvm *vm = x86_boot(*state, 1);
    struct axvm_exit exit;

    x86.guest = guest;
    x86.guest_arg = &n;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK); /* its reset is over */
    for (uint32_t i = 0; i < sent; i++)
        axvm_x86_nmi(vm->vcpus[0]);
    do
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_KICKED);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
    assert_int_equal(atomic_load(&vm->vcpus[0]->arch.nmi), 0);
    native_destroy(vm);
    assert_int_equal(n.other_events, 0);
    return n.handled;
}

static uint32_t handled(void **state, uint32_t sent, uint32_t sent_inside)
{
    return handled_stepping(state, sent, sent_inside, 0);
}

static void one_is_handled_once(void **state)
{
    assert_int_equal(handled(state, 1, 0), 1);
}

/* On a CPU the first would have been on its way already. */
static void two_that_come_while_it_does_not_run_are_both_handled(void **state)
{
    assert_int_equal(handled(state, 2, 0), 2);
}

static void of_many_that_come_while_it_does_not_run_two_are_handled(void **state)
{
    assert_int_equal(handled(state, 1000, 0), 2);
}

static void of_many_that_come_while_one_is_handled_one_more_is(void **state)
{
    assert_int_equal(handled(state, 1, 1), 2);
    assert_int_equal(handled(state, 1, 10), 2);
}

/* Bochs exits for #DB before it sets DR6.BS. */
static void the_guest_sees_nothing_of_our_step_over_iret(void **state)
{
    assert_int_equal(handled_stepping(state, 2, 0, 0xffff4ff0), 2);
    assert_int_equal(handled_stepping(state, 2, 0, 0xffff0ff0), 2);
}

/* ---- one that comes together with an exception ---- */

/* The guest, and its handlers of #DB and NMI. */
enum at { IN_GUEST, IN_DB, IN_NMI };
struct together {
    struct axvm *vm;
    uint64_t own; /* RFLAGS.TF as the guest has it */
    enum at at;
    unsigned int dbs, handled;
    bool wrong_flags;
};

static void delivered(struct axvm_vmcb *b, enum at *at, enum at to)
{
    b->rflags &= ~(uint64_t)RFLAGS_TF;
    *at = to;
}

/* The delivery of an exception pushes TF as it is, and clears it. */
static void together_guest(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    struct together *t = arg;

    if ((uint8_t)x86.injected == X86_DB) {
        t->dbs++;
        t->wrong_flags |= (b->rflags & RFLAGS_TF) != t->own;
        delivered(b, &t->at, IN_DB);
        x86_exit_interrupted(vcpu); /* the host's own kick */
    } else if ((uint8_t)x86.injected == X86_NMI) {
        t->handled++;
        t->wrong_flags |= (b->rflags & RFLAGS_TF) != 0;
        delivered(b, &t->at, IN_NMI);
        x86_exit(vcpu, SVM_IRET, 0, 0, 0);
    } else {
        t->wrong_flags |= t->at != IN_GUEST && (b->rflags & RFLAGS_TF) != 0;
        b->rip += 0x100;
        x86_exit(vcpu, SVM_VMMCALL, 0, 0, 3);
    }
}

/* Our step would have been pushed with its flags, or been given to its handler. */
static void comes_before_the_first_instruction(struct fake_hal *hal, uint64_t own)
{
    struct together t = { .own = own };
    struct axvm_exit exit;
    struct axvm_vcpu *vcpu;
    uint64_t kicks;

    t.vm = x86_boot(hal, 1);
    vcpu = t.vm->vcpus[0];
    x86.guest = together_guest;
    x86.guest_arg = &t;
    assert_int_equal(axvm_run_vcpu(t.vm, 0, &exit), AXVM_OK);
    axvm_x86_set_rflags(vcpu, vcpu->arch.rflags | own);
    axvm_x86_raise(vcpu, X86_DB);
    axvm_x86_nmi(vcpu);
    kicks = hal->kicks[0];
    do
        assert_int_equal(axvm_run_vcpu(t.vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_KICKED);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
    assert_int_equal(t.dbs, 1);
    assert_int_equal(t.handled, 1);
    assert_false(t.wrong_flags);
    assert_true(hal->kicks[0] > kicks);
    native_destroy(t.vm);
}

static void one_that_comes_with_an_exception_is_handled_before_its_handler_begins(void **state)
{
    comes_before_the_first_instruction(*state, 0);
}

static void a_guest_that_single_steps_keeps_its_flags_when_one_comes(void **state)
{
    comes_before_the_first_instruction(*state, RFLAGS_TF);
}

/* The thread that sends it is moved to the CPU of the vCPU, which has just left and sleeps. */
static void move_there(struct fake_hal *hal, enum fake_callback which, void *arg)
{
    struct axvm_vcpu *vcpu = arg;

    if (which != FAKE_PCPU_ID)
        return;
    hal->hook = NULL;
    atomic_store(&vcpu->in_guest, 0);
    atomic_store(&vcpu->state, AXVM_VCPU_BLOCKED);
    fake_hal_set_cpu(0);
}

/* H8 */
static void one_that_is_sent_by_a_thread_that_changes_its_cpu_meanwhile_is_not_lost(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = x86_boot(hal, 1);
    struct axvm_vcpu *vcpu = vm->vcpus[0];
    uint64_t told;

    /* It runs, on CPU 0. */
    atomic_store(&vcpu->state, AXVM_VCPU_RUNNING);
    atomic_store(&vcpu->in_guest, 1);
    fake_hal_set_cpu(1);
    told = hal->kicks[0] + hal->wakes[0][0];
    hal->hook = move_there;
    hal->hook_arg = vcpu;
    axvm_x86_nmi(vcpu);
    axvm_wake_flush(vm);
    hal->hook = NULL;
    assert_true(hal->kicks[0] + hal->wakes[0][0] > told);
    fake_hal_set_cpu(0);
    atomic_store(&vcpu->in_guest, 0);
    atomic_store(&vcpu->state, AXVM_VCPU_FREE);
    native_destroy(vm);
}

static void without_vnmi(void)
{
    x86.svm_features &= ~(uint32_t)SVM_FEATURE_VNMI;
}

static int setup(void **state)
{
    return native_setup_changed(state, without_vnmi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST_AFTER(setup, one_that_comes_with_an_exception_is_handled_before_its_handler_begins),
        NATIVE_TEST_AFTER(setup, a_guest_that_single_steps_keeps_its_flags_when_one_comes),
        NATIVE_TEST_AFTER(setup, one_is_handled_once),
        NATIVE_TEST_AFTER(setup, two_that_come_while_it_does_not_run_are_both_handled),
        NATIVE_TEST_AFTER(setup, of_many_that_come_while_it_does_not_run_two_are_handled),
        NATIVE_TEST_AFTER(setup, of_many_that_come_while_one_is_handled_one_more_is),
        NATIVE_TEST_AFTER(setup, one_that_is_sent_by_a_thread_that_changes_its_cpu_meanwhile_is_not_lost),
        NATIVE_TEST_AFTER(setup, the_guest_sees_nothing_of_our_step_over_iret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
