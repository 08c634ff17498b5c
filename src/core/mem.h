/* SPDX-License-Identifier: BSD-2-Clause */
/* The four functions of a C library that a compiler calls by itself, and so may we. The host provides them. */
#ifndef AXVM_CORE_MEM_H
#define AXVM_CORE_MEM_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif
