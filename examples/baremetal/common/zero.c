/* SPDX-License-Identifier: BSD-2-Clause */
/* For boards whose CPU has no instruction for it. Nearly all of it are stores. */
#include "board.h"

void board_zero_pages(void *va, size_t len)
{
    uint64_t *p = va, *end = p + len / 8;

    for (; p != end; p += 64) {
#pragma GCC unroll 64
        for (unsigned int i = 0; i < 64; i++)
            p[i] = 0;
    }
}
