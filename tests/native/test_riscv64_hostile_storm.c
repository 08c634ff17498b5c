/* SPDX-License-Identifier: BSD-2-Clause */
/* Anything, for long, on the riscv64 backend: hostile-guest.md rows 1 to 5, 12, 61 to 71, 85, 87, 89. */
#include "riscv64_hostile.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>
#include <stdlib.h>

#include "csr.h"
#include "sbi.h"

#define STORM_TRAPS 100000u

static uint64_t any64(void)
{
    static const uint64_t nasty[] = { 0,
                                      1,
                                      2,
                                      15,
                                      63,
                                      64,
                                      0x7f,
                                      0x80,
                                      255,
                                      256,
                                      4095,
                                      4096,
                                      UINT32_MAX,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      RAM,
                                      RAM + 8,
                                      RAM + RAM_SIZE - 4096,
                                      RAM + RAM_SIZE - 8,
                                      RAM + RAM_SIZE,
                                      ROM,
                                      DEVICE,
                                      HOLE,
                                      AXVM_RISCV64_PLIC_BASE,
                                      AXVM_RISCV64_APLIC_BASE,
                                      AXVM_RISCV64_IMSIC_BASE,
                                      AXVM_RISCV64_UART_BASE };

    return any_near(nasty, AXVM_ARRAY_LEN(nasty));
}

static uint64_t any_gpa(void)
{
    static const uint64_t bases[] = { RAM,
                                      ROM,
                                      DEVICE,
                                      HOLE,
                                      AXVM_RISCV64_PLIC_BASE,
                                      AXVM_RISCV64_PLIC_BASE + 0x200000,
                                      AXVM_RISCV64_APLIC_BASE,
                                      AXVM_RISCV64_APLIC_BASE + 0x1c00,
                                      AXVM_RISCV64_IMSIC_BASE,
                                      AXVM_RISCV64_UART_BASE };

    return (any(6) == 0 ? any64() : ANY_OF(bases) + (any(2) ? any(0x5000) : any(64) * 4)) & ((UINT64_C(1) << 50) - 1);
}

static uint32_t any_insn(void)
{
    static const uint32_t some[] = { LW,         SW,         LD,         AMOADD,     LR,         0x00a58023,
                                     0x0005c503, 0x0005f503, 0xc188,     0xe188,     0x4188,     0x6188,
                                     0x10500073, 0x00d00073, 0x30200073, 0x0005a507, 0x00a5a027, 0x02050007 };

    if (any(3) == 0)
        return (uint32_t)any(UINT64_C(1) << 32);
    return any(4) == 0 ? (uint32_t)(any(4096) << 20 | any(32) << 15 | any(8) << 12 | any(32) << 7 | 0x73) : ANY_OF(some);
}

static uint64_t any_htinst(void)
{
    static const uint32_t some[] = { WALK_READ, WALK_WRITE, 0x2000, 0x2020, 0x2503, 0xa02023, 0xa02021, 0x2501, 0x10202f };

    return any(2) == 0 ? 0 : any(3) == 0 ? any(UINT64_C(1) << 32) : ANY_OF(some);
}

static uint64_t any_eid(void)
{
    static const uint64_t some[] = { SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI,  SBI_EXT_RFNC, SBI_EXT_HSM,
                                     SBI_EXT_SRST, SBI_EXT_DBCN, SBI_EXT_SUSP, SBI_EXT_PMU,  SBI_EXT_STA,
                                     SBI_EXT_FWFT, 0x535345,     0x0a000000,   0x44425452,   0 };

    return ANY_OF(some);
}

static void anything(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    static const uint64_t causes[] = { 20, 21, 21, 21, 23, 23, 23, 22, 22, 2, 10, 10, 10, 10, 10 };
    struct hs_hart *h = &hs.hart[fake_hal_cpu()];
    uint64_t *left = arg;

    assert_int_equal(vcpu->arch.gpr[0], 0);
    if (*left == 0 || any(50) == 0) {
        leave(vcpu, trap);
        return;
    }
    --*left;
    hs.ticks += any(1000);
    for (unsigned int i = 1; i < 32; i++) {
        if (any(4) == 0)
            vcpu->arch.gpr[i] = any64();
    }
    *trap = (struct hs_trap){
        .cause = any(30) == 0 ? any(64) | (any(2) ? CAUSE_INTERRUPT : 0) : ANY_OF(causes),
        .gpa = any_gpa(),
        .htinst = any_htinst(),
        .insn = any(10) == 0 ? 0 : any_insn(),
    };
    trap->stval = trap->cause == 22 || trap->cause == 2 ? any(3) == 0 ? 0 : trap->insn : any(3) == 0 ? any64() : trap->gpa;
    vcpu->arch.gpr[11] = any(3) == 0 ? any64() : trap->stval;
    if (trap->cause == 10) {
        vcpu->arch.gpr[17] = any_eid();
        vcpu->arch.gpr[16] = any(20) == 0 ? any64() : any(9);
    }
    h->csr[CSR_SEPC] = any(8) == 0 ? any64() & ~UINT64_C(1) : RAM + any(4096) * 2;
    h->csr[CSR_SSTATUS] ^= any(8) == 0 ? SSTATUS_SPP : 0;
    h->csr[CSR_VSSTATUS] ^= any(8) == 0 ? SSTATUS_FS | SSTATUS_VS : 0;
    h->csr[CSR_VSISELECT] = any(4) == 0 ? any64() & 0xfff : h->csr[CSR_VSISELECT];
}

/* As a host that answers what it is asked, and starts again what has stopped. */
static void take_exit(struct axvm *vm, unsigned int id, const struct axvm_exit *exit)
{
    switch (exit->reason) {
    case AXVM_EXIT_MMIO:
    case AXVM_EXIT_SYSREG:
    case AXVM_EXIT_HYPERCALL:
        if (any(2))
            assert_int_equal(axvm_vcpu_answer(vm->vcpus[id], any64()), AXVM_OK);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
    case AXVM_EXIT_SYSTEM_RESET:
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        break;
    default:
        assert_true(exit->reason >= AXVM_EXIT_IDLE && exit->reason <= AXVM_EXIT_CPU_OFF);
    }
    if (native_all_are_off(vm)) /* nobody would start any */
        assert_int_equal(axvm_vcpu_power_on(vm->vcpus[0], RAM, 0), AXVM_OK);
}

static void storm(struct fake_hal *hal, uint32_t chip)
{
    struct axvm *vm = make(hal, 3, chip);
    uint64_t left = STORM_TRAPS;

    hs.guest = anything;
    hs.guest_arg = &left;
    srand(chip);
    native_storm(hal, vm, &left, (RAM_SIZE + MIB) / 4096 + 200, take_exit);
    assert_int_equal(hal->log_lines, 0);
    native_destroy(vm);
}

static void nothing_that_a_guest_does_breaks_or_floods_anything(void **state)
{
    storm(*state, AXVM_RISCV64_IRQCHIP_PLIC);
    storm(*state, AXVM_RISCV64_IRQCHIP_APLIC);
    storm(*state, AXVM_RISCV64_IRQCHIP_IMSIC);
}

/* The same on CPUs of their own, and a host that stops them: also for TSan. */
static void anything_on_threads(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct native_smp *smp = arg;
    uint64_t left = 1;

    smp->exits++;
    if (!kicked(smp->hal, trap))
        anything(vcpu, trap, &left);
}

static void nothing_that_vcpus_do_at_once_breaks_anything(void **state)
{
    srand(85);
    stop_and_reset(*state, anything_on_threads);
}

static void without_extensions(void)
{
    hs.sstc = hs.aia = hs.stateen = hs.v = false;
    hs.vmid_bits = hs.geilen = 0;
}

static int setup_old_cpu(void **state)
{
    return native_setup_changed(state, without_extensions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(nothing_that_a_guest_does_breaks_or_floods_anything),
        NATIVE_TEST(nothing_that_vcpus_do_at_once_breaks_anything),
        { "nothing_that_a_guest_does_breaks_or_floods_anything_on_a_cpu_without_extensions",
          nothing_that_a_guest_does_breaks_or_floods_anything, setup_old_cpu, native_teardown, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
