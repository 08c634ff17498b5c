/* SPDX-License-Identifier: BSD-2-Clause */
/* RFLAGS. Intel SDM vol. 1, "EFLAGS Register". */
#ifndef AXVM_X86_64_RFLAGS_H
#define AXVM_X86_64_RFLAGS_H

#include "bits.h"

#define RFLAGS_CF AXVM_BIT(0)
#define RFLAGS_FIXED1 AXVM_BIT(1)
#define RFLAGS_PF AXVM_BIT(2)
#define RFLAGS_AF AXVM_BIT(4)
#define RFLAGS_ZF AXVM_BIT(6)
#define RFLAGS_SF AXVM_BIT(7)
#define RFLAGS_TF AXVM_BIT(8)
#define RFLAGS_IF AXVM_BIT(9)
#define RFLAGS_DF AXVM_BIT(10)
#define RFLAGS_OF AXVM_BIT(11)
#define RFLAGS_IOPL AXVM_BITS(13, 12)
#define RFLAGS_NT AXVM_BIT(14)
#define RFLAGS_RF AXVM_BIT(16)
#define RFLAGS_VM AXVM_BIT(17)
#define RFLAGS_AC AXVM_BIT(18)
#define RFLAGS_VIF AXVM_BIT(19)
#define RFLAGS_VIP AXVM_BIT(20)
#define RFLAGS_ID AXVM_BIT(21)

#endif
