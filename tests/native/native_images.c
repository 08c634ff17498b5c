/* SPDX-License-Identifier: BSD-2-Clause */
#include "native_images.h"

#include <string.h>

#define EHDR 64u
#define PHDR 56u

void native_put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put_segment(uint8_t *ph, const struct native_segment *s)
{
    native_put_le(ph, 1, 4);     /* PT_LOAD */
    native_put_le(ph + 4, 7, 4); /* all permissions */
    native_put_le(ph + 8, s->at, 8);
    native_put_le(ph + 16, s->gpa, 8);
    native_put_le(ph + 24, s->gpa, 8);
    native_put_le(ph + 32, s->file_size, 8);
    native_put_le(ph + 40, s->size, 8);
    native_put_le(ph + 48, 0x1000, 8); /* alignment */
}

void native_put_elf64(uint8_t *file, uint16_t machine, const struct native_segment *segments, unsigned int count)
{
    static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

    memset(file, 0, EHDR + count * PHDR);
    memcpy(file, ident, sizeof(ident));
    native_put_le(file + 16, 2, 2); /* ET_EXEC */
    native_put_le(file + 18, machine, 2);
    native_put_le(file + 20, 1, 4);
    native_put_le(file + 24, segments[0].gpa, 8);
    native_put_le(file + 32, EHDR, 8);
    native_put_le(file + 52, EHDR, 2);
    native_put_le(file + 54, PHDR, 2);
    native_put_le(file + 56, count, 2);
    for (unsigned int i = 0; i < count; i++)
        put_segment(file + EHDR + i * PHDR, &segments[i]);
}
