/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

void put_str(const char *s)
{
    while (*s)
        put_char(*s++);
}

void put_dec(uint64_t v)
{
    char buf[20];
    int n = 0;

    do
        buf[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n > 0)
        put_char(buf[--n]);
}

void put_hex(uint64_t v)
{
    put_str("0x");
    for (int i = 60; i >= 0; i -= 4)
        put_char("0123456789abcdef"[v >> i & 15]);
}

/* What follows @word where @text begins with it, and it is not longer than @len; else NULL. */
static const char *after_word(const char *text, uint64_t len, const char *word)
{
    uint64_t n = 0;

    while (n < len && word[n] != '\0' && text[n] == word[n])
        n++;
    return word[n] == '\0' ? text + n : NULL;
}

const char *find_word(const char *text, const char *word)
{
    const char *after = NULL;

    for (; *text != '\0' && !after; text++)
        after = after_word(text, UINT64_MAX, word); /* the end of @text is no part of a word */
    return after;
}

bool fdt_has_word(uint64_t fdt, const char *word)
{
    const char *tree = (const char *)fdt;
    const uint8_t *be = (const uint8_t *)fdt + 4; /* totalsize */
    uint32_t size = (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 | (uint32_t)be[2] << 8 | be[3];
    bool found = false;

    for (uint32_t i = 0; i < size && !found; i++)
        found = after_word(tree + i, size - i, word) != NULL;
    return found;
}
