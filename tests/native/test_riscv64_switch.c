/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU that comes straight back loads next to nothing: what the host finds then, and what others have left for the vCPU. */
#include <axvm/err.h>
#include <string.h>

#include "arch_irq.h"
#include "csr.h"
#include "fence.h"
#include "hs_world.h"
#include "native_fixture.h"
#include "virq.h"

#define RAM UINT64_C(0x80000000)
#define SBI_HOST 0x0a000000u /* a call that leaves for the host */
#define SBI_RFENCE 0x52464e43u
#define ROUNDS 5u

static uint8_t kernel[16];

static struct axvm *boot(struct fake_hal *hal, uint32_t vcpus)
{
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = 4 * MIB,
        .ram_kind = AXVM_REGION_TOUCH,
        .flags = AXVM_VM_HYPERCALLS,
        .image = { .kernel = { kernel, sizeof(kernel) }, .kind = AXVM_IMAGE_FLAT },
    };
    struct axvm *vm = native_vm(hal, &cfg);

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    return vm;
}

/* Until it calls the host. */
static void run_on(struct axvm *vm, unsigned int vcpu, unsigned int hart)
{
    struct axvm_exit exit = { 0 };

    fake_hal_set_cpu(hart);
    assert_int_equal(axvm_run_vcpu(vm, vcpu, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_HYPERCALL);
}

/* On the hart of its number. */
static void run(struct axvm *vm, unsigned int vcpu)
{
    run_on(vm, vcpu, vcpu);
}

/* What is exchanged each time, and the host has a use for. */
static const unsigned int shared[] = {
    CSR_STVEC, CSR_SSCRATCH, CSR_SCOUNTEREN, CSR_SENVCFG, CSR_SSTATUS, CSR_HSTATUS, CSR_HIE
};
#define SHARED (sizeof(shared) / sizeof(shared[0]))

/* Each time it finds what it has left, and leaves something else. */
static void changes_registers(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    static const unsigned int own[] = { CSR_SCOUNTEREN, CSR_SENVCFG, CSR_VSCAUSE, CSR_VSTIMECMP };
    uint64_t *csr = hs.hart[fake_hal_cpu()].csr, *round = arg;

    for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (*round != 0)
            assert_int_equal(csr[own[i]], *round + i);
        csr[own[i]] = *round + 1 + i;
    }
    (*round)++;
    hs_ecall(vcpu, trap, SBI_HOST, 0, 0, 0, 0);
}

static void the_host_has_its_own_registers_after_each_round_trip(void **state)
{
    struct axvm *vm = boot(*state, 1);
    uint64_t *csr = hs.hart[0].csr, round = 0, host[SHARED];

    hs.guest = changes_registers;
    hs.guest_arg = &round;
    for (unsigned int n = 0; n < ROUNDS; n++) {
        for (unsigned int i = 0; i < SHARED; i++)
            host[i] = csr[shared[i]] = shared[i] == CSR_HIE ? csr[CSR_HIE] : 0x1000 * n + 16 * i;
        run(vm, 0);
        for (unsigned int i = 0; i < SHARED; i++)
            assert_int_equal(csr[shared[i]], host[i]);
    }
    assert_int_equal(round, ROUNDS);
    native_destroy(vm);
}

static void calls_the_host(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    (void)arg;
    hs_ecall(vcpu, trap, SBI_HOST, 0, 0, 0, 0);
}

/* How often the next entry of vCPU 1 fences so, and the one after it. */
static void assert_fences_once(struct axvm *vm, enum axvm_test_fence what)
{
    uint64_t before = hs.fences[what];

    run(vm, 1);
    assert_int_equal(hs.fences[what], before + 1);
    run(vm, 1);
    assert_int_equal(hs.fences[what], before + 1);
}

static void fences_another(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    unsigned int *calls = arg;

    if ((*calls)++ == 0)
        hs_ecall(vcpu, trap, SBI_RFENCE, 1, 2, 0, 0); /* hart 1, all addresses */
    else
        calls_the_host(vcpu, trap, NULL);
}

/* A VM of two, both of which have run; the second starts as the first one's firmware call would have it start. */
static struct axvm *boot_two(struct fake_hal *hal)
{
    struct axvm *vm;

    native_enable_cpus(hal, 2);
    vm = boot(hal, 2);
    hs.guest = calls_the_host;
    run(vm, 0);
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], RAM, 0), AXVM_OK);
    run(vm, 1);
    return vm;
}

/* R2 and R3: no translation is used that was to be gone. */
static void a_fence_that_another_vcpu_asks_for_is_done_before_the_guest_goes_on(void **state)
{
    struct axvm *vm = boot_two(*state);
    uint64_t before = hs.fences[TEST_HFENCE_VVMA];
    unsigned int calls = 0;

    run(vm, 1);
    assert_int_equal(hs.fences[TEST_HFENCE_VVMA], before);
    hs.guest = fences_another;
    hs.guest_arg = &calls;
    run(vm, 0);
    hs.guest = calls_the_host;
    assert_fences_once(vm, TEST_HFENCE_VVMA);
    native_destroy(vm);
}

static void memory_that_was_taken_away_is_not_used_by_a_vcpu_that_was_out(void **state)
{
    struct axvm *vm = boot_two(*state);
    const struct axvm_region more = { .gpa = { RAM + 64 * MIB }, .len = MIB, .kind = AXVM_REGION_ALLOC };

    fake_hal_set_cpu(0);
    assert_int_equal(axvm_map(vm, &more), AXVM_OK);
    run(vm, 1);
    run(vm, 1);
    fake_hal_set_cpu(0);
    assert_int_equal(axvm_unmap(vm, more.gpa, more.len), AXVM_OK);
    assert_fences_once(vm, TEST_HFENCE_GVMA);
    native_destroy(vm);
}

static void looks_at_its_line(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    *(bool *)arg = (hs.hart[fake_hal_cpu()].csr[CSR_HVIP] & IRQ_VSE) != 0;
    calls_the_host(vcpu, trap, NULL);
}

/* As its controller does, with its lock held. */
static void set_line(struct axvm *vm, bool level)
{
    unsigned long irqs = axvm_irq_save();

    axvm_virq_output(vm, 0, level);
    axvm_irq_restore(irqs);
}

static void the_guest_finds_its_interrupt_as_the_controller_has_it_now(void **state)
{
    struct axvm *vm = boot(*state, 1);
    bool pending;

    hs.guest = looks_at_its_line;
    hs.guest_arg = &pending;
    for (unsigned int n = 0; n < 4 * ROUNDS; n++) {
        bool level = n / 2 % 2 != 0; /* twice each: what has not changed stays */

        set_line(vm, level);
        run(vm, 0);
        assert_int_equal(pending, level);
        run(vm, 0);
        assert_int_equal(pending, level);
    }
    native_destroy(vm);
}

/* ---- henvcfg.ADUE: a vCPU's own ---- */

#define SBI_FWFT 0x46574654u
#define AD_UPDATING 4u

struct ad_guest {
    unsigned int calls;
    int64_t error;
    bool on; /* what it has asked for */
};

/* Sets it to what its number says, looks at what the hart has then, and calls the host for ever. */
static void chooses_ad_updating(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct ad_guest *g = (struct ad_guest *)arg + vcpu->id;

    if (g->calls++ == 0) {
        hs_ecall(vcpu, trap, SBI_FWFT, 0, AD_UPDATING, g->on, 0);
        return;
    }
    if (g->calls == 2)
        g->error = (int64_t)vcpu->arch.gpr[10];
    assert_int_equal((hs.hart[fake_hal_cpu()].csr[CSR_HENVCFG] & HENVCFG_ADUE) != 0, g->on && g->error == 0);
    calls_the_host(vcpu, trap, NULL);
}

static struct axvm *boot_two_that_choose(struct fake_hal *hal, struct ad_guest g[2])
{
    struct axvm *vm = boot_two(hal);

    hs.guest = chooses_ad_updating;
    hs.guest_arg = g;
    return vm;
}

static void with_svadu(void)
{
    hs.svadu = 3;
}

static int setup_with_svadu(void **state)
{
    return native_setup_changed(state, with_svadu);
}

static void vcpus_that_share_a_hart_have_a_and_d_bits_set_as_each_has_chosen(void **state)
{
    struct ad_guest g[2] = { { .on = false }, { .on = true } };
    struct axvm *vm = boot_two_that_choose(*state, g);

    for (unsigned int n = 0; n < ROUNDS; n++) {
        run_on(vm, 0, n % 2);
        run_on(vm, 1, n % 2);
        run_on(vm, 1, n % 2);
    }
    assert_int_equal(g[0].error, 0);
    assert_int_equal(g[1].error, 0);
    native_destroy(vm);
}

/* hart_stop, and hart_start by another: "Upon hart reset, local feature values are not retained". */
static void a_vcpu_that_is_started_again_has_chosen_nothing_yet(void **state)
{
    struct ad_guest g[2] = { { .on = true }, { .on = true } };
    struct axvm *vm = boot_two_that_choose(*state, g);

    run(vm, 1);
    axvm_vcpu_power_off(vm->vcpus[1]);
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], RAM, 0), AXVM_OK);
    g[1] = (struct ad_guest){ .calls = 2 };
    run(vm, 1);
    native_destroy(vm);
}

static void with_svadu_on_one_hart(void)
{
    hs.svadu = 1;
}

static int setup_with_svadu_on_one_hart(void **state)
{
    return native_setup_changed(state, with_svadu_on_one_hart);
}

static void what_only_some_harts_can_do_no_vcpu_may_choose(void **state)
{
    struct ad_guest g[2] = { { .on = true }, { .on = true } };
    struct axvm *vm = boot_two_that_choose(*state, g);

    for (unsigned int i = 0; i < 2; i++) {
        run(vm, i);
        assert_int_equal(g[i].error, -2); /* not supported */
    }
    assert_null(strstr(vm->arch.isa, "svadu"));
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(the_host_has_its_own_registers_after_each_round_trip),
        NATIVE_TEST(a_fence_that_another_vcpu_asks_for_is_done_before_the_guest_goes_on),
        NATIVE_TEST(memory_that_was_taken_away_is_not_used_by_a_vcpu_that_was_out),
        NATIVE_TEST(the_guest_finds_its_interrupt_as_the_controller_has_it_now),
        NATIVE_TEST_AFTER(setup_with_svadu, vcpus_that_share_a_hart_have_a_and_d_bits_set_as_each_has_chosen),
        NATIVE_TEST_AFTER(setup_with_svadu, a_vcpu_that_is_started_again_has_chosen_nothing_yet),
        NATIVE_TEST_AFTER(setup_with_svadu_on_one_hart, what_only_some_harts_can_do_no_vcpu_may_choose),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
