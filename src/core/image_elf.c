/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF little-endian executables, of 64 bits and, where the machine has such, of 32: their PT_LOAD segments go to p_paddr.
 * System V ABI, "Object Files".
 */
#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "image.h"
#include "mem.h"
#include "str.h"

/* Byte offsets in the file header that both classes share, "ELF Header". */
#define ELF_CLASS 4
#define ELF_DATA 5  /* 1: little-endian */
#define ELF_TYPE 16 /* 2: executable, 3: position-independent one */
#define ELF_MACHINE 18
#define ELF_ENTRY 24
#define ELF_HEADER_SIZE 64 /* of 64 bits; a file of 32 bits with one program header is longer, too */
#define PH_TYPE 0          /* 1: PT_LOAD */

enum { ELF_PT_LOAD = 1, ELF_ET_EXEC = 2, ELF_ET_DYN = 3, ELF_CLASS32 = 1, ELF_CLASS64 = 2 };

/* Where the classes differ: offsets in the file header, and in one entry of the program header table, "Program Header". */
struct elf_class {
    bool wide; /* addresses, offsets and sizes have 64 bits */
    uint8_t phoff, phentsize, phnum;
    uint8_t ph_size, offset, vaddr, paddr, filesz, memsz;
};

static const struct elf_class class32 = { false, 28, 42, 44, 32, 4, 8, 12, 16, 20 };
static const struct elf_class class64 = { true, 32, 54, 56, 56, 8, 16, 24, 32, 40 };

static const struct elf_class *class_of(const uint8_t *header)
{
    return header[ELF_CLASS] == ELF_CLASS32 ? &class32 : &class64;
}

static uint64_t get_word(const struct elf_class *c, const uint8_t *p)
{
    return c->wide ? axvm_get_le64(p) : axvm_get_le32(p);
}

bool axvm_image_is_elf(const struct axvm_blob *file)
{
    return file->size >= 4 && memcmp(file->data,
                                     "\x7f"
                                     "ELF",
                                     4) == 0;
}

/* The entry point is a virtual address; kernels are entered with the MMU off, so it has to become a physical one. */
struct elf_entry {
    uint64_t vaddr;
    bool found;
};

/* e_machine of a file of this class; 0: no such files here. */
static uint16_t machine_for(const uint8_t *header)
{
    if (header[ELF_CLASS] == ELF_CLASS64)
        return axvm_arch_machine.elf_machine;
    return header[ELF_CLASS] == ELF_CLASS32 ? axvm_arch_machine.elf32_machine : 0;
}

static int check_header(const struct axvm_blob *file, const char **why)
{
    const uint8_t *h = file->data;
    uint16_t type;

    if (!axvm_image_is_elf(file) || file->size < ELF_HEADER_SIZE)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is not an ELF file");
    if (machine_for(h) == 0 || h[ELF_DATA] != 1)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF, but not 64-bit little-endian");
    type = axvm_get_le16(h + ELF_TYPE);
    if (type != ELF_ET_EXEC && type != ELF_ET_DYN)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF, but not an executable");
    if (axvm_get_le16(h + ELF_MACHINE) != machine_for(h))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF for another CPU");
    if (axvm_get_le16(h + class_of(h)->phentsize) != class_of(h)->ph_size)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF program headers have an unknown size");
    return AXVM_OK;
}

static int check_overlap(const struct axvm_image *img, const struct axvm_segment *seg, const char **why)
{
    for (uint32_t i = 0; i < img->count; i++) {
        if (axvm_overlap(img->segments[i].gpa, img->segments[i].len, seg->gpa, seg->len))
            return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: segments of the kernel's ELF file overlap");
    }
    return AXVM_OK;
}

/* One PT_LOAD entry at @ph. */
static int add_segment(const struct axvm_blob *file, const struct elf_class *c, const uint8_t *ph, struct elf_entry *entry,
                       struct axvm_image *img, const char **why)
{
    uint64_t offset = get_word(c, ph + c->offset);
    uint64_t vaddr = get_word(c, ph + c->vaddr);
    struct axvm_segment seg = { .gpa = get_word(c, ph + c->paddr),
                                .len = get_word(c, ph + c->memsz),
                                .data_len = get_word(c, ph + c->filesz) };
    int rc;

    if (seg.data_len > seg.len)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: an ELF segment is larger in the file than in memory");
    if (offset > file->size || seg.data_len > file->size - offset)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: an ELF segment is not within the file");
    if (seg.len == 0)
        return AXVM_OK;
    if (seg.len > UINT64_MAX - seg.gpa)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the address of an ELF segment wraps");
    if (img->count == AXVM_IMAGE_MAX_SEGMENTS)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF file has too many segments");
    rc = check_overlap(img, &seg, why);
    if (rc != AXVM_OK)
        return rc;
    if (!entry->found && entry->vaddr >= vaddr && entry->vaddr - vaddr < seg.len) {
        img->entry = seg.gpa + (entry->vaddr - vaddr);
        entry->found = true;
    }
    seg.data = (const uint8_t *)file->data + offset;
    img->segments[img->count++] = seg;
    return AXVM_OK;
}

/* The program header table; *count entries of it are within the file. */
static int find_table(const struct axvm_blob *file, const uint8_t **table, uint16_t *count, const char **why)
{
    const uint8_t *h = file->data;
    const struct elf_class *c = class_of(h);
    uint64_t off = get_word(c, h + c->phoff);

    *count = axvm_get_le16(h + c->phnum);
    if (off > file->size || (uint64_t)*count * c->ph_size > file->size - off)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF program headers are not within the file");
    *table = h + off;
    return AXVM_OK;
}

int axvm_image_parse_elf(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    const struct axvm_blob *file = &cfg->kernel;
    struct elf_entry entry = { 0 };
    const struct elf_class *c;
    const uint8_t *table = NULL;
    uint16_t headers = 0;
    int rc = check_header(file, why);

    if (rc != AXVM_OK)
        return rc;
    if (cfg->load_set || cfg->load.v != 0)
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.load is set, but an ELF file says itself where it goes");
    rc = find_table(file, &table, &headers, why);
    c = class_of(file->data);
    entry.vaddr = get_word(c, (const uint8_t *)file->data + ELF_ENTRY);
    img->entry = entry.vaddr;
    img->count = 0;
    img->zero_tail = true;
    for (uint16_t i = 0; rc == AXVM_OK && i < headers; i++) {
        const uint8_t *ph = table + (size_t)i * c->ph_size;

        if (axvm_get_le32(ph + PH_TYPE) == ELF_PT_LOAD)
            rc = add_segment(file, c, ph, &entry, img, why);
    }
    if (rc != AXVM_OK)
        return rc;
    return img->count != 0 ? AXVM_OK : axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF file has nothing to load");
}

bool axvm_image_elf_header(const struct axvm_blob *file, uint32_t type, uint16_t *index, struct axvm_blob *content)
{
    const struct elf_class *c;
    const uint8_t *table;
    const char *why;
    uint16_t headers;

    if (check_header(file, &why) != AXVM_OK || find_table(file, &table, &headers, &why) != AXVM_OK)
        return false;
    c = class_of(file->data);
    for (uint16_t i = *index; i < headers; i++) {
        const uint8_t *ph = table + (size_t)i * c->ph_size;
        uint64_t off = get_word(c, ph + c->offset), len = get_word(c, ph + c->filesz);

        if (axvm_get_le32(ph + PH_TYPE) != type || off > file->size || len > file->size - off)
            continue;
        *content = (struct axvm_blob){ (const uint8_t *)file->data + off, (size_t)len };
        *index = (uint16_t)(i + 1);
        return true;
    }
    return false;
}

bool axvm_image_elf_is_wide(const struct axvm_blob *file)
{
    return ((const uint8_t *)file->data)[ELF_CLASS] == ELF_CLASS64;
}
