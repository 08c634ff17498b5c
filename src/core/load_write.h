/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing guest memory before the guest has caches: what is written is also pushed out to where it will look. */
#ifndef AXVM_CORE_LOAD_WRITE_H
#define AXVM_CORE_LOAD_WRITE_H

#include "vm_priv.h"

/* Copy @len bytes. As axvm_write_guest(). */
int axvm_load_write(struct axvm *vm, uint64_t gpa, const void *data, uint64_t len);
/* Make @len bytes zero. Memory that nobody has touched is, and stays untouched. */
int axvm_load_zero(struct axvm *vm, uint64_t gpa, uint64_t len);

#endif
