/* SPDX-License-Identifier: BSD-2-Clause */
/* Text, for payload guests of every CPU: what they print, and words that they look for in what they are told. */
#ifndef AXVM_TESTS_GUEST_TEXT_H
#define AXVM_TESTS_GUEST_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* The CPU's. */
void put_char(char c);

void put_str(const char *s);
void put_dec(uint64_t v);
void put_hex(uint64_t v);

/* What follows @word in @text; NULL: it is not there. */
const char *find_word(const char *text, const char *word);
/* Anywhere in the device tree at @fdt: in /chosen/bootargs, if it is a word that nothing else has. */
bool fdt_has_word(uint64_t fdt, const char *word);

#endif
