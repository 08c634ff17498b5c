/* SPDX-License-Identifier: BSD-2-Clause */
#include "riscv64_hostile.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "csr.h"

struct axvm *make(struct fake_hal *hal, uint32_t vcpus, uint32_t irqchip)
{
    static const struct axvm_window window = { AXVM_BUS_MMIO, DEVICE, DEVICE_LEN };
    const struct axvm_region rom = { .gpa = { ROM }, .len = MIB, .kind = AXVM_REGION_TOUCH, .prot = AXVM_PROT_READ };
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = RAM_SIZE,
        .ram_kind = AXVM_REGION_TOUCH,
        .irqchip = irqchip,
        .flags = AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN,
    };
    struct axvm *vm = native_vm(hal, &cfg);

    native_probe_attach(vm, &window, 1);
    probe.aligned = true;
    assert_int_equal(axvm_map(vm, &rom), AXVM_OK);
    return vm;
}

void leave(struct axvm_vcpu *vcpu, struct hs_trap *trap)
{
    axvm_vcpu_kick(vcpu);
    *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | 1 };
}

bool kicked(struct fake_hal *hal, struct hs_trap *trap)
{
    if (!fake_hal_take_kick(hal, fake_hal_cpu()))
        return false;
    *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | 1 };
    return true;
}

void interrupted(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    uint64_t *left = arg;

    if ((*left)-- == 0)
        leave(vcpu, trap);
    else
        *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | (*left % 13) };
}

void stop_and_reset(struct fake_hal *hal, hs_guest guest)
{
    struct native_smp smp = { .hal = hal };

    native_enable_cpus(hal, THREADS);
    smp.vm = make(hal, THREADS, AXVM_RISCV64_IRQCHIP_IMSIC);
    hs.guest = guest;
    hs.guest_arg = &smp;
    native_stop_and_reset(&smp, THREADS, 300);
}
