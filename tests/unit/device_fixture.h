/* SPDX-License-Identifier: BSD-2-Clause */
/* For fixtures with a device in a VM of one vCPU, on a fake host of its own, reached as a guest would. */
#ifndef DEVICE_FIXTURE_H
#define DEVICE_FIXTURE_H

#include "fake_fixture.h"

#include <axvm/err.h>
#include <stdlib.h>
#include <string.h>

#include "vm_priv.h"

static inline int device_setup(struct fake_hal **hal, struct axvm **vm)
{
    void *state;

    if (fake_setup(&state) != 0)
        return -1;
    *hal = state;
    *vm = fake_vm(*hal, 1);
    return 0;
}

static inline int device_teardown(struct fake_hal *hal, struct axvm *vm)
{
    void *state = hal;

    return axvm_destroy(vm) != AXVM_OK || fake_teardown(&state) != 0;
}

/* As in the host tier if @may_call_host. */
static inline int device_access(struct axvm *vm, enum axvm_bus_space space, uint64_t at, unsigned int size, bool write,
                                bool may_call_host, uint64_t *val)
{
    struct axvm_vcpu *vcpu = vm->vcpus[0];
    struct axvm_access acc = {
        .off = at, .size = (uint8_t)size, .vcpu = vcpu, .val = write ? *val : 0, .may_call_host = may_call_host
    };
    int rc = axvm_bus_access(&vm->bus[space], &vcpu->hit[space], &acc, write);

    *val = acc.val;
    return rc;
}

#endif
