/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts that a guest never handles, and those of the host, on the riscv64 backend: hostile-guest.md rows 88, R4. */
#include "riscv64_hostile.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "csr.h"

struct unhandled {
    uint64_t left;
    bool is_pending; /* has to be, as there is no IMSIC to enable it in */
};

/* It has enabled external interrupts, and never takes one. */
static void never_handles(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct unhandled *u = arg;

    assert_true(!u->is_pending || vcpu->arch.external);
    hs.hart[0].csr[CSR_HIE] |= IRQ_VSE;
    if (u->left-- == 0)
        leave(vcpu, trap);
    else if (u->left % 2)
        hs_wfi(trap);
    else
        hs_load(vcpu, trap, DEVICE);
}

struct reg {
    uint64_t gpa;
    uint32_t val;
};

static void write_all(struct axvm *vm, const struct reg *regs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        native_write_device(vm, regs[i].gpa, regs[i].val);
}

/* Enable source 5 for hart 0, level-sensitive. */
static void enable_source(struct axvm *vm)
{
    static const struct reg plic[] = { { AXVM_RISCV64_PLIC_BASE + 0x14, 1 }, { AXVM_RISCV64_PLIC_BASE + 0x2080, 0x20 } };
    static const struct reg aplic[] = {
        { AXVM_RISCV64_APLIC_BASE, 0x100 },      { AXVM_RISCV64_APLIC_BASE + 0x14, 6 },
        { AXVM_RISCV64_APLIC_BASE + 0x3014, 5 }, { AXVM_RISCV64_APLIC_BASE + 0x1e00, 0x20 },
        { AXVM_RISCV64_APLIC_BASE + 0x4000, 1 }, /* no IMSIC: delivery by hart 0's IDC */
    };
    uint32_t chip = vm->cfg.irqchip;

    if (chip == AXVM_RISCV64_IRQCHIP_PLIC)
        write_all(vm, plic, AXVM_ARRAY_LEN(plic));
    else
        write_all(vm, aplic, AXVM_ARRAY_LEN(aplic) - (chip == AXVM_RISCV64_IRQCHIP_IMSIC));
}

static void a_line_that_is_stuck_costs_the_host_nothing(void **state)
{
    for (uint32_t chip = AXVM_RISCV64_IRQCHIP_PLIC; chip <= AXVM_RISCV64_IRQCHIP_IMSIC; chip++) {
        struct unhandled u = { .left = 20000, .is_pending = chip != AXVM_RISCV64_IRQCHIP_IMSIC };

        hs.guest = never_handles;
        hs.guest_arg = &u;
        native_line_is_stuck(*state, make(*state, 1, chip), enable_source);
    }
}

/* Nor is it ever ended for the guest. */
static void a_passthrough_interrupt_that_is_not_handled_stays_with_the_host(void **state)
{
    for (uint32_t chip = AXVM_RISCV64_IRQCHIP_PLIC; chip <= AXVM_RISCV64_IRQCHIP_IMSIC; chip++) {
        const struct axvm_config cfg = { .vcpu_count = 1, .ram_size = RAM_SIZE, .irqchip = chip };

        native_passthrough_is_stuck(*state, cfg, enable_source, 0);
    }
}

/* Row R4: interrupts of the host, whichever, while a guest runs, are the host's; it goes on. */
static void interrupts_of_the_host_are_not_the_guests(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    uint64_t left = 1000;
    struct axvm_exit exit;
    uint64_t before;

    hs.guest = interrupted;
    hs.guest_arg = &left;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    before = axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_HOST_IRQ);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_int_equal(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_HOST_IRQ) - before, 1001);
    assert_int_equal(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_FAULT_INJECTED), 0);
    assert_int_equal(vm->vcpus[0]->arch.vs.hvip, 0);
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_line_that_is_stuck_costs_the_host_nothing),
        NATIVE_TEST(a_passthrough_interrupt_that_is_not_handled_stays_with_the_host),
        NATIVE_TEST(interrupts_of_the_host_are_not_the_guests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
