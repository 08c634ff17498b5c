/* SPDX-License-Identifier: BSD-2-Clause */
/* For backends that run natively, on threads of a fake host: in the place of their own, which is for one unit at a time. */
#include "../support/fake_arch/arch_irq.h"
