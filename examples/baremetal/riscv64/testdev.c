/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The "sifive,test" device of QEMU's virt machine, with which kernels end that were written for it. Device trees of guests do
 * not tell of it: SBI's system reset is there for all others.
 */
#include "vms_priv.h"

#define TEST_DEVICE 0x100000u
#define TEST_DEVICE_SIZE 0x1000u
enum { TEST_FAIL = 0x3333, TEST_PASS = 0x5555, TEST_RESET = 0x7777 };

bool test_device(struct vcpu *vcpu, const struct axvm_exit *exit)
{
    struct vm *vm = vcpu->vm;
    uint32_t data = (uint32_t)exit->u.access.data;

    if (exit->reason != AXVM_EXIT_MMIO || exit->u.access.addr - TEST_DEVICE >= TEST_DEVICE_SIZE || exit->u.access.fetch)
        return false;
    axvm_vcpu_answer(vcpu->axvm, 0);
    if (!exit->u.access.write || exit->u.access.addr != TEST_DEVICE)
        return true;
    switch (data & 0xffff) {
    case TEST_PASS:
        vm_ends(vm, OUTCOME_OFF, "powered off");
        break;
    case TEST_FAIL:
        vm_ends(vm, OUTCOME_FAILED, "says that it failed, with code %u", data >> 16);
        break;
    case TEST_RESET:
        vm_ends(vm, OUTCOME_RESET, "reset");
        break;
    default:
        return true;
    }
    axvm_shutdown(vm->axvm);
    return true;
}
