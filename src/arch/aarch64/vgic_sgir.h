/* SPDX-License-Identifier: BSD-2-Clause */
/* GIC architecture specification (IHI 0069), "ICC_SGI1R_EL1" */
#ifndef AXVM_AARCH64_VGIC_SGIR_H
#define AXVM_AARCH64_VGIC_SGIR_H

#include "bits.h"

#define SGIR_LIST AXVM_BITS(15, 0)
#define SGIR_AFF1 AXVM_BITS(23, 16)
#define SGIR_INTID AXVM_BITS(27, 24)
#define SGIR_AFF2 AXVM_BITS(39, 32)
#define SGIR_IRM AXVM_BIT(40) /* to all but the sender */
#define SGIR_RS AXVM_BITS(47, 44)
#define SGIR_AFF3 AXVM_BITS(55, 48)

#endif
