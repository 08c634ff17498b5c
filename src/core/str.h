/* SPDX-License-Identifier: BSD-2-Clause */
/* What is needed of a C library's strings. Inline, so that nothing pulls in strlen(). */
#ifndef AXVM_CORE_STR_H
#define AXVM_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t axvm_strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0') {
        n++;
        __asm__("" : "+r"(n)); /* or the compiler makes this loop a call of strlen() */
    }
    return n;
}

static inline bool axvm_streq(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static inline bool axvm_str_starts(const char *s, const char *prefix)
{
    while (*prefix != '\0' && *s == *prefix) {
        s++;
        prefix++;
    }
    return *prefix == '\0';
}

static inline bool axvm_str_ends(const char *s, const char *suffix)
{
    size_t len = axvm_strlen(s);
    size_t end = axvm_strlen(suffix);

    return len >= end && axvm_streq(s + (len - end), suffix);
}

/* Append @s to what ends at @p; returns the new end, where a NUL is. The caller has made sure that it fits. */
static inline char *axvm_put_str(char *p, const char *s)
{
    while (*s != '\0')
        *p++ = *s++;
    *p = '\0';
    return p;
}

/* As axvm_put_str(), @v in lower-case hexadecimal without leading zeros: up to 16 characters. */
static inline char *axvm_put_hex(char *p, uint64_t v)
{
    unsigned int shift = 60;

    while (shift != 0 && v >> shift == 0)
        shift -= 4;
    for (unsigned int left = shift / 4 + 1; left != 0; left--)
        *p++ = "0123456789abcdef"[v >> (4 * (left - 1)) & 15];
    *p = '\0';
    return p;
}

/* Little-endian numbers at any alignment, of files. */
static inline uint32_t axvm_get_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint16_t axvm_get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint64_t axvm_get_le64(const uint8_t *p)
{
    return axvm_get_le32(p) | (uint64_t)axvm_get_le32(p + 4) << 32;
}

static inline void axvm_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void axvm_put_le32(uint8_t *p, uint32_t v)
{
    axvm_put_le16(p, (uint16_t)v);
    axvm_put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void axvm_put_le64(uint8_t *p, uint64_t v)
{
    axvm_put_le32(p, (uint32_t)v);
    axvm_put_le32(p + 4, (uint32_t)(v >> 32));
}

#endif
