/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests whose vCPUs run at once, and are stopped from anywhere, on the riscv64 backend: hostile-guest.md rows 14, 85. Also for
 * TSan. */
#include "riscv64_hostile.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>
#include <pthread.h>

#include "sbi.h"

/* ---- row 14: vCPUs on CPUs of their own ---- */

struct toucher {
    struct fake_hal *hal;
    struct axvm *vm;
    pthread_t thread;
    unsigned int id;
    uint64_t left;
};

/* All touch the same pages, in the same order. */
static void touch_together(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct toucher *t = &((struct toucher *)arg)[vcpu->id];

    if (kicked(t->hal, trap))
        return;
    if (t->left-- == 0) {
        leave(vcpu, trap);
        return;
    }
    hs_store(vcpu, trap, RAM + t->left * 4096, 0);
}

static void *touch_thread(void *arg)
{
    struct toucher *t = arg;
    struct axvm_exit exit;

    fake_hal_set_cpu(t->id);
    do
        assert_int_equal(axvm_run_vcpu(t->vm, t->id, &exit), AXVM_OK);
    while (exit.reason != AXVM_EXIT_KICKED);
    return NULL;
}

static void vcpus_that_touch_the_same_pages_get_one_each(void **state)
{
    struct fake_hal *hal = *state;
    struct toucher t[THREADS];
    struct axvm *vm;
    uint64_t before;

    native_enable_cpus(*state, THREADS);
    vm = make(*state, THREADS, AXVM_RISCV64_IRQCHIP_PLIC);
    hs.guest = touch_together;
    hs.guest_arg = t;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    before = hal->live_pages;
    for (unsigned int i = 0; i < THREADS; i++) {
        t[i] = (struct toucher){ .hal = hal, .vm = vm, .id = i, .left = RAM_SIZE / 4096 };
        if (i != 0)
            assert_int_equal(axvm_vcpu_power_on(vm->vcpus[i], RAM, 0), AXVM_OK);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i].thread, NULL, touch_thread, &t[i]), 0);
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    /* Besides tables each vCPU has a few in hand. */
    assert_true(hal->live_pages - before >= RAM_SIZE / 4096);
    assert_true(hal->live_pages - before <= RAM_SIZE / 4096 + 4 + THREADS * 40);
    native_destroy(vm);
}

/* ---- row 85 ---- */

static void store_to_probe(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    (void)arg;
    hs_store(vcpu, trap, DEVICE + 8, 1);
}

static void a_device_callback_may_end_its_vm_and_nothing_else(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_IMSIC);

    hs.guest = store_to_probe;
    native_end_in_callback(vm);
}

/* Everything that changes who runs. */
static void restless(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct native_smp *smp = arg;
    uint64_t n = atomic_fetch_add(&smp->exits, 1), other = (vcpu->id + 1 + n % 2) % THREADS;

    if (kicked(smp->hal, trap))
        return;
    switch (n % 9) {
    case 0:
        hs_ecall(vcpu, trap, SBI_EXT_HSM, 0, other, RAM, n);
        break;
    case 1:
        if (vcpu->id != 0)
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 1, 0, 0, 0);
        else
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 2, other, 0, 0);
        break;
    case 2:
        hs_ecall(vcpu, trap, SBI_EXT_IPI, 0, UINT64_C(1) << other, 0, 0);
        break;
    case 3:
        hs_ecall(vcpu, trap, SBI_EXT_RFNC, 1, 15, 0, 0);
        break;
    case 4:
        hs_ecall(vcpu, trap, SBI_EXT_TIME, 0, n, 0, 0);
        break;
    case 5:
        hs_wfi(trap);
        break;
    case 6:
        hs_store(vcpu, trap, RAM + n % 512 * 4096, 1);
        break;
    case 7:
        hs_store(vcpu, trap, AXVM_RISCV64_IMSIC_BASE + other * 4096, n % 256);
        break;
    default:
        if (n % 1000 == 8)
            hs_ecall(vcpu, trap, SBI_EXT_SRST, 0, n % 3, 0, 0);
        else
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 3, 0x80000000, RAM, n);
    }
}

static void a_vm_can_be_stopped_and_reset_at_any_time(void **state)
{
    stop_and_reset(*state, restless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(vcpus_that_touch_the_same_pages_get_one_each),
        NATIVE_TEST(a_device_callback_may_end_its_vm_and_nothing_else),
        NATIVE_TEST(a_vm_can_be_stopped_and_reset_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
