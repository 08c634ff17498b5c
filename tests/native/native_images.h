/* SPDX-License-Identifier: BSD-2-Clause */
/* Image files for guests, byte for byte. */
#ifndef NATIVE_IMAGES_H
#define NATIVE_IMAGES_H

#include <stdint.h>

/* @v at @p, little-endian, in @bytes. */
void native_put_le(uint8_t *p, uint64_t v, unsigned int bytes);

/* One segment of an ELF file: program header @i, with @file_size bytes of the file at @at. */
struct native_segment {
    uint64_t at, gpa, file_size, size;
};
/* ELF64, "ELF Header" and "Program Header": an executable for @machine that begins where its first segment is. */
void native_put_elf64(uint8_t *file, uint16_t machine, const struct native_segment *segments, unsigned int count);

#endif
