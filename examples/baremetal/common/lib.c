/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib.h"

struct out {
    char *buf;
    size_t size, len;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len++] = c;
}

static void put_number(struct out *o, uint64_t v, unsigned int base, unsigned int width, char pad)
{
    char digits[20];
    unsigned int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    for (; width > n; width--)
        put(o, pad);
    while (n != 0)
        put(o, digits[--n]);
}

static void put_string(struct out *o, const char *s, unsigned int width)
{
    unsigned int n = 0;

    for (; s[n] != '\0'; n++)
        put(o, s[n]);
    for (; n < width; n++)
        put(o, ' ');
}

/* One conversion, from after its '%'; returns where the text goes on. */
static const char *convert(struct out *o, const char *f, va_list *args)
{
    char pad = *f == '0' ? '0' : ' ';
    unsigned int width = 0, longs = 0;
    int64_t d;

    for (; *f >= '0' && *f <= '9'; f++)
        width = width * 10 + (unsigned int)(*f - '0');
    for (; *f == 'l' || *f == 'z'; f++)
        longs++;
    switch (*f) {
    case 's':
        put_string(o, va_arg(*args, const char *), width);
        break;
    case 'c':
        put(o, (char)va_arg(*args, int));
        break;
    case 'd':
        d = longs ? va_arg(*args, long) : va_arg(*args, int);
        if (d < 0)
            put(o, '-');
        put_number(o, d < 0 ? -(uint64_t)d : (uint64_t)d, 10, width, pad);
        break;
    case 'u':
        put_number(o, longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int), 10, width, pad);
        break;
    case 'x':
        put_number(o, longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int), 16, width, pad);
        break;
    default:
        put(o, *f);
        break;
    }
    return *f == '\0' ? f : f + 1;
}

size_t format_args(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = { buf, size, 0 };
    va_list copy;

    va_copy(copy, args);
    while (*fmt != '\0') {
        if (*fmt != '%')
            put(&o, *fmt++);
        else
            fmt = convert(&o, fmt + 1, &copy);
    }
    va_end(copy);
    buf[o.len] = '\0';
    return o.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    size_t len;

    va_start(args, fmt);
    len = format_args(buf, size, fmt, args);
    va_end(args);
    return len;
}

bool str_equal(const char *a, const char *b)
{
    for (; *a == *b; a++, b++) {
        if (*a == '\0')
            return true;
    }
    return false;
}

const char *str_after(const char *s, const char *prefix)
{
    for (; *prefix != '\0'; s++, prefix++) {
        if (*s != *prefix)
            return NULL;
    }
    return s;
}
