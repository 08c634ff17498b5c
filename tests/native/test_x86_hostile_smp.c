/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests whose vCPUs run at once, and are stopped from anywhere, on the x86_64 backend: hostile-guest.md rows 14, 85. Also for
 * TSan. */
#include "x86_hostile.h"

#include <axvm/err.h>

#include "exit.h"

static void out_to_probe(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    x86_exit_port(vcpu, PORT, 1, false);
}

static void a_device_callback_may_end_its_vm_and_nothing_else(void **state)
{
    struct axvm *vm = make(*state, 1);

    x86.guest = out_to_probe;
    native_end_in_callback(vm);
}

/* Everything that changes who runs. */
static void restless(struct axvm_vcpu *vcpu, void *arg)
{
    struct native_smp *smp = arg;
    uint64_t n = atomic_fetch_add(&smp->exits, 1), other = (vcpu->id + 1 + n % 2) % THREADS;

    if (fake_hal_take_kick(smp->hal, fake_hal_cpu())) {
        x86_exit_interrupted(vcpu);
        return;
    }
    switch (n % 9) {
    case 0:
        x86_exit_wrmsr(vcpu, 0x1b, UINT64_C(0xfee00c00) | (vcpu->id == 0 ? 0x100 : 0));
        break;
    case 1: /* INIT, SIPI, NMI */
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | (vcpu->id == 0 ? 0x4500 : 0x4010));
        break;
    case 2:
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | 0x4610);
        break;
    case 3:
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | 0x4400);
        break;
    case 4:
        x86_exit_hlt(vcpu);
        break;
    case 5:
    case 6: /* the same pages */
        x86_exit_fault(vcpu, MIB + n % 512 * 4096, AXVM_PROT_WRITE);
        break;
    case 7:
        x86_exit_wrmsr(vcpu, 0x838, n % 1000);
        break;
    default:
        vcpu->arch.gpr[AXVM_RAX] = n % 2000 == 8 ? 0x2000 : 0;
        x86_exit_port(vcpu, 0x604, 2, false);
    }
}

static void a_vm_can_be_stopped_and_reset_at_any_time(void **state)
{
    stop_and_reset(*state, restless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_device_callback_may_end_its_vm_and_nothing_else),
        NATIVE_TEST(a_vm_can_be_stopped_and_reset_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
