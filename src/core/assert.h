/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AXVM_CORE_ASSERT_H
#define AXVM_CORE_ASSERT_H

/* Only for what no guest, with any bytes, and no host argument can make false: a bug of ours. */
#ifdef AXVM_NO_ASSERT
#define AXVM_ASSERT(cond) ((void)sizeof(cond))
#else
#define AXVM_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())
#endif

#endif
