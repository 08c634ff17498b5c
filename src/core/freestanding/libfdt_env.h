/* SPDX-License-Identifier: BSD-2-Clause */
/* What libfdt needs of a C library, where there is none. Under the include guard of libfdt's own file, which it replaces. */
#ifndef LIBFDT_ENV_H
#define LIBFDT_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mem.h"
#include "../str.h"

/* Of <limits.h>, which a cross compiler without a C library may not have. */
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif

/* Numbers of a device tree: big-endian. The attribute is for sparse(1), which libfdt's headers expect to be told of. */
#define FDT_FORCE
#define FDT_BITWISE
typedef uint16_t fdt16_t;
typedef uint32_t fdt32_t;
typedef uint64_t fdt64_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && defined(AXVM_NO_BIT_BUILTINS)
static inline uint16_t axvm_fdt_swap16(uint16_t v)
{
    return (uint16_t)(v >> 8 | v << 8);
}

static inline uint32_t axvm_fdt_swap32(uint32_t v)
{
    return (uint32_t)axvm_fdt_swap16((uint16_t)v) << 16 | axvm_fdt_swap16((uint16_t)(v >> 16));
}

static inline uint64_t axvm_fdt_swap64(uint64_t v)
{
    return (uint64_t)axvm_fdt_swap32((uint32_t)v) << 32 | axvm_fdt_swap32((uint32_t)(v >> 32));
}
#define AXVM_FDT_SWAP(bits, v) axvm_fdt_swap##bits(v)
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AXVM_FDT_SWAP(bits, v) __builtin_bswap##bits(v)
#else
#define AXVM_FDT_SWAP(bits, v) (v)
#endif

static inline uint16_t fdt16_to_cpu(fdt16_t v)
{
    return AXVM_FDT_SWAP(16, v);
}

static inline fdt16_t cpu_to_fdt16(uint16_t v)
{
    return AXVM_FDT_SWAP(16, v);
}

static inline uint32_t fdt32_to_cpu(fdt32_t v)
{
    return AXVM_FDT_SWAP(32, v);
}

static inline fdt32_t cpu_to_fdt32(uint32_t v)
{
    return AXVM_FDT_SWAP(32, v);
}

static inline uint64_t fdt64_to_cpu(fdt64_t v)
{
    return AXVM_FDT_SWAP(64, v);
}

static inline fdt64_t cpu_to_fdt64(uint64_t v)
{
    return AXVM_FDT_SWAP(64, v);
}

/* The string functions that libfdt calls, under names of ours: the host need not have them. */
static inline void *axvm_fdt_memchr(const void *s, int c, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;

    for (size_t i = 0; i < len; i++) {
        if (p[i] == (unsigned char)c)
            return (void *)(uintptr_t)(p + i);
    }
    return NULL;
}

static inline size_t axvm_fdt_strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

static inline char *axvm_fdt_strrchr(const char *s, int c)
{
    const char *last = NULL;

    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (*s == '\0')
            return (char *)(uintptr_t)last;
    }
}

static inline int axvm_fdt_strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

#define memchr axvm_fdt_memchr
#define strnlen axvm_fdt_strnlen
#define strlen axvm_strlen
#define strrchr axvm_fdt_strrchr
#define strcmp axvm_fdt_strcmp

#endif
