/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock in the public struct axvm_device, which cannot name struct axvm_lock. */
#ifndef AXVM_CORE_DEVICE_LOCK_H
#define AXVM_CORE_DEVICE_LOCK_H

#include <axvm/device.h>

#include "lock.h"

_Static_assert(sizeof(struct axvm_lock) == sizeof(((struct axvm_device *)0)->lock), "struct axvm_device has another lock");
_Static_assert(_Alignof(struct axvm_lock) <= _Alignof(uint32_t), "struct axvm_device has another lock");

static inline struct axvm_lock *axvm_device_lock_of(struct axvm_device *dev)
{
    return (struct axvm_lock *)dev->lock;
}

_Static_assert(_Alignof(_Atomic uint64_t) <= _Alignof(uint64_t), "struct axvm_device has another deadline");
static inline _Atomic uint64_t *axvm_device_deadline(struct axvm_device *dev)
{
    return (_Atomic uint64_t *)&dev->deadline;
}

/* Who is in its ops: id + 1 of the vCPU. */
static inline _Atomic uint32_t *axvm_device_busy(struct axvm_device *dev)
{
    return (_Atomic uint32_t *)&dev->busy;
}

#endif
