/* SPDX-License-Identifier: BSD-2-Clause */
/* Bit fields in the manuals' [hi:lo] notation, in C and in assembly; and small arithmetic. */
#ifndef AXVM_CORE_BITS_H
#define AXVM_CORE_BITS_H

#ifdef __ASSEMBLER__
#define AXVM_U64(x) x
#else
#include <stdbool.h>
#include <stdint.h>
#define AXVM_U64(x) UINT64_C(x)
#endif

#define AXVM_BITS(hi, lo) ((AXVM_U64(1) << (hi) << 1) - (AXVM_U64(1) << (lo)))
#define AXVM_BIT(n) AXVM_BITS(n, n)

#ifndef __ASSEMBLER__

/* A function that is called rarely: out of the way of its callers, which then need no frame for it. */
#define AXVM_COLD __attribute__((cold, noinline))

#define AXVM_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define AXVM_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Value of the field @mask of @v, shifted down. @mask is a contiguous run of ones. */
static inline uint64_t axvm_field(uint64_t v, uint64_t mask)
{
    return (v & mask) / (mask & -mask);
}

/* @val moved to where the field @mask is; bits that do not fit are dropped. */
static inline uint64_t axvm_put_field(uint64_t mask, uint64_t val)
{
    return (val * (mask & -mask)) & mask;
}

static inline uint64_t axvm_align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

/* Wraps to 0 past the last multiple: check the size first. */
static inline uint64_t axvm_align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool axvm_is_aligned(uint64_t v, uint64_t align)
{
    return (v & (align - 1)) == 0;
}

static inline uint64_t axvm_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t axvm_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Do [a, a + alen) and [b, b + blen) share a byte? Neither wraps. */
static inline bool axvm_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen != 0 && blen != 0 && (a < b ? b - a < alen : a - b < blen);
}

/* The lowest @size bytes (1, 2, 4, 8) of @v; sign-extended when @sign. */
static inline uint64_t axvm_extend(uint64_t v, unsigned int size, bool sign)
{
    uint64_t shift = (0 - 8 * (uint64_t)size) % 64;

    return sign ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

/* Number of the lowest set bit; v is not 0. AXVM_NO_BIT_BUILTINS: here the compiler's own would be calls of libgcc
 * (AxvmFlags.cmake). */
#ifdef AXVM_NO_BIT_BUILTINS
/* By a de Bruijn sequence: the upper 6 bits of its product with 2^n are different for each n. */
static inline unsigned int axvm_ctz64(uint64_t v)
{
    static const uint8_t numbers[64] = {
        0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28, 62, 5,  39, 46, 44, 42,
        22, 9,  24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
        23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
    };

    return numbers[(v & -v) * UINT64_C(0x022fdd63cc95386d) >> 58];
}
#else
static inline unsigned int axvm_ctz64(uint64_t v)
{
    return (unsigned int)__builtin_ctzll(v);
}
#endif

/* Number of the highest set bit; v is not 0. */
#ifdef AXVM_NO_BIT_BUILTINS
static inline unsigned int axvm_top_bit64(uint64_t v)
{
    unsigned int n = 0;

    for (unsigned int step = 32; step != 0; step >>= 1) {
        if (v >> step != 0) {
            v >>= step;
            n += step;
        }
    }
    return n;
}
#else
static inline unsigned int axvm_top_bit64(uint64_t v)
{
    return 63u ^ (unsigned int)__builtin_clzll(v);
}
#endif

/**
 * An index that came from a guest, already checked to be below @limit, forced to 0 where the check was mispredicted, so that
 * it cannot read past the array under speculation (Spectre v1). The asm keeps the compiler from seeing that it is redundant.
 */
static inline uint64_t axvm_nospec(uint64_t index, uint64_t limit)
{
    uint64_t hidden = index;

    __asm__("" : "+r"(hidden));
    if (__builtin_constant_p(limit) && (limit & (limit - 1)) == 0)
        return hidden & (limit - 1);
    return index & (uint64_t)((int64_t)(hidden - limit) >> 63);
}

#endif /* __ASSEMBLER__ */
#endif
