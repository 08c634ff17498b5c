/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that compilers call on their own, libaxvm uses, and a few more that libfdt wants. By words where both ends
 * allow it: kernels of guests go through here. Built with -fno-builtin, or the loops would become calls of themselves. */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t __attribute__((may_alias)) word;

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

static size_t copy_words(unsigned char *d, const unsigned char *s, size_t n)
{
    size_t done = 0;

    if (((uintptr_t)d | (uintptr_t)s) % sizeof(word) != 0)
        return 0;
    for (; n - done >= 4 * sizeof(word); done += 4 * sizeof(word)) {
        const word *from = (const word *)(const void *)(s + done);
        word *to = (word *)(void *)(d + done);
        word a = from[0], b = from[1], c = from[2], e = from[3];

        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = e;
    }
    return done;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    for (size_t i = copy_words(d, s, n); i < n; i++)
        d[i] = s[i];
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    /* Upwards, words are read before what they overlap is written. */
    if ((uintptr_t)d <= (uintptr_t)s || (uintptr_t)d - (uintptr_t)s >= n) {
        for (size_t i = copy_words(d, s, n); i < n; i++)
            d[i] = s[i];
    } else {
        while (n-- > 0)
            d[n] = s[n];
    }
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    unsigned char *d = dst;
    word pattern = (unsigned char)c * UINT64_C(0x0101010101010101);
    size_t i = 0;

    for (; i < n && (uintptr_t)(d + i) % sizeof(word) != 0; i++)
        d[i] = (unsigned char)c;
    for (; n - i >= 2 * sizeof(word); i += 2 * sizeof(word)) {
        word *to = (word *)(void *)(d + i);

        to[0] = pattern;
        to[1] = pattern;
    }
    for (; i < n; i++)
        d[i] = (unsigned char)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const unsigned char *p = s;

    for (size_t i = 0; i < n; i++) {
        if (p[i] == (unsigned char)c)
            return (void *)(uintptr_t)(p + i);
    }
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0')
        n++;
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i])
            return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        if (a[i] == '\0')
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c)
            found = s;
        if (*s == '\0')
            return (char *)(uintptr_t)found;
    }
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (*s == '\0')
            return NULL;
    }
    return (char *)(uintptr_t)s;
}
