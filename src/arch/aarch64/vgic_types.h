/* SPDX-License-Identifier: BSD-2-Clause */
/* State of the GICv3 model. */
#ifndef AXVM_AARCH64_VGIC_TYPES_H
#define AXVM_AARCH64_VGIC_TYPES_H

#include <axvm/device.h>

#include "lock.h"

struct axvm_vgic {
    struct axvm_lock lock;
};

struct axvm_vgic_cpu {
    uint64_t lr[16];
};

#endif
