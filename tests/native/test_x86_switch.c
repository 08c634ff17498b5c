/* SPDX-License-Identifier: BSD-2-Clause */
/* What the world switch on SVM exchanges by hand, because VMRUN does not; hostile-guest.md rows 77, 79, I8. */
#include "x86_world.h"
#include "native_fixture.h"

#include <axvm/err.h>

#include "cpu.h"
#include "exit.h"

#define MSR_XSS 0xda0u
#define VMMCALL 0x81u
#define DEBUG_EXCEPTION 0x41u
#define CET_U_AND_S 0x1800u

/* Until it calls the host. */
static void run(struct axvm *vm)
{
    struct axvm_exit exit;

    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
}

static void look_at_xss(struct axvm_vcpu *vcpu, void *arg)
{
    *(uint64_t *)arg = axvm_test_cpu_rdmsr(MSR_XSS);
    x86_exit(vcpu, VMMCALL, 0, 0, 3);
}

static void no_guest_runs_with_the_hosts_supervisor_state_components(void **state)
{
    struct axvm *vm;
    uint64_t seen = 1;

    axvm_test_cpu_wrmsr(MSR_XSS, CET_U_AND_S);
    fake_hal_set_cpu(1);
    axvm_test_cpu_wrmsr(MSR_XSS, CET_U_AND_S);
    assert_int_equal(native_enable_cpu(*state, 1), AXVM_OK);
    vm = x86_boot(*state, 1);
    x86.guest = look_at_xss;
    x86.guest_arg = &seen;
    for (unsigned int i = 0; i < 2; i++, seen = 1) {
        run(vm);
        assert_int_equal(seen, 0);
        assert_int_equal(axvm_test_cpu_rdmsr(MSR_XSS), CET_U_AND_S);
    }
    native_destroy(vm);
}

static void look_at_tsc_aux(struct axvm_vcpu *vcpu, void *arg)
{
    *(uint64_t *)arg = axvm_test_cpu_rdmsr(MSR_TSC_AUX);
    x86_exit(vcpu, VMMCALL, 0, 0, 3);
}

/* Also what the host has changed while the vCPU stayed. */
static void tsc_aux_is_the_guests_inside_and_the_hosts_outside(void **state)
{
    struct axvm *vm = x86_boot(*state, 1);
    uint64_t seen;

    x86.guest = look_at_tsc_aux;
    x86.guest_arg = &seen;
    run(vm);
    vm->vcpus[0]->arch.tsc_aux = 5;
    for (uint64_t host = 4; host < 7; host++) {
        axvm_test_cpu_wrmsr(MSR_TSC_AUX, host);
        run(vm);
        assert_int_equal(seen, 5);
        assert_int_equal(axvm_test_cpu_rdmsr(MSR_TSC_AUX), host);
    }
    native_destroy(vm);
}

static void look_at_flags(struct axvm_vcpu *vcpu, void *arg)
{
    *(uint64_t *)arg = vcpu->arch.vmcb->rflags;
    x86_exit(vcpu, VMMCALL, 0, 0, 3);
}

static void a_fault_found_in_the_host_tier_comes_with_the_resume_flag(void **state)
{
    struct axvm *vm = x86_boot(*state, 1);
    uint64_t seen;

    x86.guest = look_at_flags;
    x86.guest_arg = &seen;
    run(vm);
    assert_int_equal(seen & RFLAGS_RF, 0);
    axvm_x86_raise_error(vm->vcpus[0], X86_GP, 0);
    run(vm);
    assert_int_equal(seen & RFLAGS_RF, RFLAGS_RF);
    assert_int_equal(x86.injected & 0xff, X86_GP);
    native_destroy(vm);
}

struct page_fault {
    unsigned int entries;
    uint64_t cr2_in_cpu, event;
};

/* An exception that emulation has found is as if it had come of an instruction that exits. */
static void fault_once(struct axvm_vcpu *vcpu, void *arg)
{
    struct page_fault *f = arg;

    f->cr2_in_cpu = axvm_test_cpu_read(TEST_CR2);
    f->event = x86.cpu[fake_hal_cpu()].injected;
    if (f->entries++ == 0)
        axvm_x86_raise_pf(vcpu, 0xabc000, 2);
    x86_exit(vcpu, f->entries == 1 ? 0x72 : VMMCALL, 0, 0, f->entries == 1 ? 2 : 3); /* CPUID */
}

static void a_page_fault_comes_with_its_address_in_cr2(void **state)
{
    struct axvm *vm = x86_boot(*state, 1);
    struct page_fault f = { 0 };

    x86.guest = fault_once;
    x86.guest_arg = &f;
    run(vm);
    assert_int_equal(f.entries, 2);
    assert_int_equal(f.event, UINT64_C(2) << 32 | 0x80000b0e);
    assert_int_equal(f.cr2_in_cpu, 0xabc000);
    native_destroy(vm);
}

static void touch_a_debug_register(struct axvm_vcpu *vcpu, void *arg)
{
    struct page_fault *f = arg;

    f->event = x86.cpu[fake_hal_cpu()].injected;
    if (f->entries++ == 0)
        vcpu->arch.vmcb->dr7 |= 0x2000;
    x86_exit(vcpu, f->entries == 1 ? DEBUG_EXCEPTION : VMMCALL, 0, 0, f->entries == 1 ? 0 : 3);
}

static void a_debug_exception_clears_general_detect(void **state)
{
    struct axvm *vm = x86_boot(*state, 1);
    struct page_fault f = { 0 };

    x86.guest = touch_a_debug_register;
    x86.guest_arg = &f;
    run(vm);
    assert_int_equal(f.entries, 2);
    assert_int_equal(f.event, 0x80000301);
    assert_int_equal(vm->vcpus[0]->arch.vmcb->dr7, 0x400);
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(no_guest_runs_with_the_hosts_supervisor_state_components),
        NATIVE_TEST(tsc_aux_is_the_guests_inside_and_the_hosts_outside),
        NATIVE_TEST(a_fault_found_in_the_host_tier_comes_with_the_resume_flag),
        NATIVE_TEST(a_page_fault_comes_with_its_address_in_cr2),
        NATIVE_TEST(a_debug_exception_clears_general_detect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
