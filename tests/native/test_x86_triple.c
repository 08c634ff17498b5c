/* SPDX-License-Identifier: BSD-2-Clause */
/* Double and triple faults on SVM, with a CPU that has no shutdown intercept; hostile-guest.md row 80. */
#include "svm.h"
#include "x86_world.h"
#include "native_fixture.h"

#include <axvm/err.h>

#include "exit.h"

#define NOT_THERE_ERROR 0x42u

/* What the delivery of #DF comes to: a handler, which faults itself, or an exception with @vector. */
struct df {
    unsigned int vector; /* 0: there is a handler */
    unsigned int dfs, gps;
    uint32_t exceptions; /* that were intercepted when #DF was injected, and once it had been delivered */
    uint32_t exceptions_after;
    uint64_t error;
};

static void guest(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    struct df *d = arg;

    switch ((uint8_t)x86.injected) {
    case X86_DF:
        d->dfs++;
        d->exceptions = b->exceptions;
        if (d->vector != 0)
            b->exitintinfo = x86.injected;
        x86_exit(vcpu, SVM_EXCEPTION + (d->vector != 0 ? d->vector : X86_GP), NOT_THERE_ERROR, 0x1234, 0);
        break;
    case X86_GP:
        d->gps++;
        d->error = axvm_field(x86.injected, EVENT_ERROR);
        d->exceptions_after = b->exceptions;
        x86_exit(vcpu, SVM_VMMCALL, 0, 0, 3);
        break;
    default:
        x86_exit(vcpu, SVM_EXCEPTION + X86_DF, 0, 0, 0);
        break;
    }
}

static enum axvm_exit_reason run(struct fake_hal *hal, struct df *d)
{
    struct axvm *vm = x86_boot(hal, 1);
    struct axvm_exit exit;

    vm->vcpus[0]->arch.cr0 |= CR0_PE; /* there are error codes */
    x86.guest = guest;
    x86.guest_arg = d;
    do
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_KICKED);
    native_destroy(vm);
    return exit.reason;
}

static void a_handler_of_double_faults_that_is_not_there_ends_the_vm(void **state)
{
    static const uint8_t vectors[] = { X86_TS, X86_NP, X86_SS, X86_GP, X86_PF };

    for (unsigned int i = 0; i < AXVM_ARRAY_LEN(vectors); i++) {
        struct df d = { .vector = vectors[i] };

        assert_int_equal(run(*state, &d), AXVM_EXIT_SYSTEM_CRASH);
        assert_int_equal(d.dfs, 1);
        assert_int_not_equal(d.exceptions >> vectors[i] & 1, 0);
    }
}

static void a_handler_of_double_faults_gets_its_own_faults(void **state)
{
    struct df d = { .vector = 0 };

    assert_int_equal(run(*state, &d), AXVM_EXIT_HYPERCALL);
    assert_int_equal(d.dfs, 1);
    assert_int_equal(d.gps, 1);
    assert_int_equal(d.error, NOT_THERE_ERROR);
    assert_int_equal(d.exceptions_after & (1u << X86_GP | 1u << X86_PF), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_handler_of_double_faults_that_is_not_there_ends_the_vm),
        NATIVE_TEST(a_handler_of_double_faults_gets_its_own_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
