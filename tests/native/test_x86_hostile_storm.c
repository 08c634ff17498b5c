/* SPDX-License-Identifier: BSD-2-Clause */
/* Anything, for long, on the x86_64 backend with SVM: hostile-guest.md rows 1 to 9, 12, 13, 72 to 83, 85, 87, X1 to X6, I8. */
#include "x86_hostile.h"

#include <axvm/err.h>
#include <axvm/x86_64.h>
#include <stdlib.h>

#include "exit.h"
#include "svm.h"

#define STORM_EXITS 100000u

static uint64_t any64(void)
{
    static const uint64_t nasty[] = { 0,
                                      1,
                                      2,
                                      7,
                                      63,
                                      64,
                                      0x7f,
                                      0x80,
                                      255,
                                      256,
                                      4095,
                                      4096,
                                      0xffff,
                                      0x7fffffff,
                                      UINT32_MAX,
                                      UINT64_MAX,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      UINT64_C(0x800000000000),
                                      UINT64_C(0xffff800000000000),
                                      CODE,
                                      RAM_SIZE - 1,
                                      RAM_SIZE,
                                      DEVICE,
                                      DEVICE + 0xffc,
                                      HOLE,
                                      0xfee00000,
                                      0xfee00d00,
                                      0xfee00900,
                                      0xfec00000,
                                      0xa0000 };

    return any_near(nasty, AXVM_ARRAY_LEN(nasty));
}

static uint64_t any_gpa(void)
{
    static const uint64_t bases[] = { 0, CODE, RAM_SIZE - 4096, DEVICE, HOLE, 0xfee00000, 0xfec00000, 0xa0000 };

    return (any(6) == 0 ? any64() : ANY_OF(bases) + any(0x1000)) & ((UINT64_C(1) << 48) - 1);
}

static uint32_t any_msr(void)
{
    static const uint32_t bases[] = { 0,          0x10,       0x1b,       0x174,      0x200,      0x277,  0x2ff,
                                      0x6e0,      0x800,      0x810,      0x820,      0x830,      0x838,  0x83f,
                                      0x4b564d00, 0xc0000080, 0xc0000100, 0xc0010000, 0xc0010110, 0x1fff, 0xc0001fff };

    return any(5) == 0 ? (uint32_t)any64() : ANY_OF(bases) + (any(3) == 0 ? (uint32_t)any(32) : 0);
}

static uint64_t any_code(void)
{
    static const uint64_t codes[] = { SVM_NPF,    SVM_NPF,   SVM_NPF,  SVM_IOIO,    SVM_IOIO,  SVM_MSR,
                                      SVM_MSR,    SVM_CPUID, SVM_HLT,  SVM_VMMCALL, SVM_INTR,  SVM_XSETBV,
                                      SVM_WBINVD, SVM_PAUSE, SVM_IRET, SVM_VMRUN,   SVM_RDPMC, SVM_NMI };

    return any(8) == 0 ? any(0xa8) : ANY_OF(codes);
}

static uint64_t any_io(void)
{
    static const uint32_t some[] = { PORT, PORT + 7, PORT_END, 0x20, 0x21,  0x40,  0x43,  0x60, 0x61,
                                     0x64, 0x70,     0x71,     0x92, 0xcf9, 0x3f8, 0x600, 0x608 };
    uint32_t port = any(4) == 0 ? (uint32_t)any(0x10000) : (ANY_OF(some) + (any(2) ? (uint32_t)any(8) : 0)) & 0xffff;

    return axvm_put_field(IOIO_PORT, port) | axvm_put_field(IOIO_SIZE, 1u << any(3)) | any(16);
}

/* As the CPU would leave it: what an exit of this kind says of itself. */
static void any_exit(struct axvm_vcpu *vcpu)
{
    uint64_t exit = any_code();

    if (exit == SVM_MSR)
        vcpu->arch.gpr[AXVM_RCX] = any_msr();
    if (exit == SVM_IOIO)
        x86_exit(vcpu, exit, any_io(), vcpu->arch.vmcb->rip + 1 + any(4), 2);
    else if (exit == SVM_NPF)
        x86_exit(vcpu, exit, any(32) | (any(4) == 0 ? NPF_WALK : 0) | 4, any_gpa(), 0);
    else
        x86_exit(vcpu, exit, exit == SVM_MSR ? any(2) : any64(), any64(), 1 + (unsigned int)any(8));
}

static void anything(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t *left = arg;

    if (*left == 0 || any(50) == 0) {
        x86_leave(vcpu);
        return;
    }
    --*left;
    x86.tsc += any(100000);
    for (unsigned int i = 0; i < 16; i++) {
        if (any(4) == 0)
            vcpu->arch.gpr[i] = any64();
    }
    b->rip = any(3) == 0 ? any64() : CODE + any(4000);
    b->rflags = 2 | (any(UINT64_C(1) << 22) & 0x3f7fd5);
    b->cpl = any(4) == 0 ? 3 : 0;
    if (any(16) == 0)
        b->exitintinfo = any(UINT64_C(1) << 32) | (any(2) ? AXVM_BIT(31) : 0);
    if (any(32) == 0)
        b->cr3 = any64();
    if (any(64) == 0)
        b->cs.base = any(2) ? 0 : any64();
    any_exit(vcpu);
}

static void start_again(struct axvm *vm)
{
    if (axvm_get_state(vm) == AXVM_RUNNING)
        assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
}

/* As a host that answers what it is asked, and starts again what has stopped. */
static void take_exit(struct axvm *vm, unsigned int id, const struct axvm_exit *exit)
{
    switch (exit->reason) {
    case AXVM_EXIT_MMIO:
    case AXVM_EXIT_IO:
    case AXVM_EXIT_SYSREG:
    case AXVM_EXIT_HYPERCALL:
        if (any(2))
            assert_int_equal(axvm_vcpu_answer(vm->vcpus[id], any64()), AXVM_OK);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
    case AXVM_EXIT_SYSTEM_RESET:
    case AXVM_EXIT_SYSTEM_CRASH:
    case AXVM_EXIT_FAIL_ENTRY:
        start_again(vm);
        break;
    case AXVM_EXIT_IDLE: /* something wakes it, in the end */
        axvm_x86_nmi(vm->vcpus[id]);
        if (any(20) == 0)
            start_again(vm);
        break;
    default:
        assert_true(exit->reason >= AXVM_EXIT_IDLE && exit->reason <= AXVM_EXIT_HOST_ERROR);
    }
    if (native_all_are_off(vm))
        start_again(vm);
}

static void nothing_that_a_guest_does_breaks_or_floods_anything(void **state)
{
    struct fake_hal *hal = *state;
    uint64_t left = STORM_EXITS;
    struct axvm *vm;

    srand(1);
    for (size_t i = 0; i < sizeof(code); i++)
        code[i] = (uint8_t)rand();
    vm = make(hal, 3);
    hal->tick_ns = 10;
    x86.guest = anything;
    x86.guest_arg = &left;
    native_storm(hal, vm, &left, RAM_SIZE / 4096 + 300, take_exit);
    assert_true(hal->log_lines < 200);
    native_destroy(vm);
    memset(code, 0, sizeof(code));
}

/* The same on CPUs of their own, and a host that stops them: also for TSan. */
static void anything_on_threads(struct axvm_vcpu *vcpu, void *arg)
{
    struct native_smp *smp = arg;
    uint64_t left = 1;

    smp->exits++;
    if (fake_hal_take_kick(smp->hal, fake_hal_cpu()))
        x86_exit_interrupted(vcpu);
    else
        anything(vcpu, &left);
}

static void nothing_that_vcpus_do_at_once_breaks_anything(void **state)
{
    srand(85);
    stop_and_reset(*state, anything_on_threads);
}

/* What QEMU has of SVM. */
static void as_qemu(void)
{
    x86.svm_features = SVM_FEATURE_NP;
}

static int setup_plain(void **state)
{
    return native_setup_changed(state, as_qemu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(nothing_that_a_guest_does_breaks_or_floods_anything),
        NATIVE_TEST(nothing_that_vcpus_do_at_once_breaks_anything),
        { "nothing_that_a_guest_does_breaks_or_floods_anything_on_a_plain_cpu",
          nothing_that_a_guest_does_breaks_or_floods_anything, setup_plain, native_teardown, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
