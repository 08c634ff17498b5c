/* SPDX-License-Identifier: BSD-2-Clause */
#include "x86_hostile.h"

uint8_t code[4096];

struct axvm *make(struct fake_hal *hal, uint32_t vcpus)
{
    static const struct axvm_window windows[] = { { AXVM_BUS_MMIO, DEVICE, 0x1000 },
                                                  { AXVM_BUS_PORT, PORT, 8 },
                                                  { AXVM_BUS_PORT, PORT_END, 1 } };
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = RAM_SIZE,
        .ram_kind = AXVM_REGION_TOUCH,
        .flags = AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN | AXVM_VM_PV_CLOCK,
        .image = { .kernel = { code, sizeof(code) }, .kind = AXVM_IMAGE_FLAT },
    };
    struct axvm *vm = native_vm(hal, &cfg);

    native_probe_attach(vm, windows, AXVM_ARRAY_LEN(windows));
    return vm;
}

void stop_and_reset(struct fake_hal *hal, x86_guest guest)
{
    struct native_smp smp = { .hal = hal };

    native_enable_cpus(hal, THREADS);
    smp.vm = make(hal, THREADS);
    x86.guest = guest;
    x86.guest_arg = &smp;
    native_stop_and_reset(&smp, THREADS, 200);
}
