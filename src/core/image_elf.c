/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF64 little-endian executables: their PT_LOAD segments go to p_paddr. System V ABI, "Object Files". */
#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "image.h"
#include "mem.h"
#include "str.h"

/* Byte offsets in the file header, "ELF Header". */
#define ELF_CLASS 4 /* 2: 64 bit */
#define ELF_DATA 5  /* 1: little-endian */
#define ELF_TYPE 16 /* 2: executable, 3: position-independent one */
#define ELF_MACHINE 18
#define ELF_ENTRY 24
#define ELF_PHOFF 32
#define ELF_PHENTSIZE 54
#define ELF_PHNUM 56
#define ELF_HEADER_SIZE 64

/* And in one entry of the program header table, "Program Header". */
#define PH_TYPE 0 /* 1: PT_LOAD */
#define PH_OFFSET 8
#define PH_VADDR 16
#define PH_PADDR 24
#define PH_FILESZ 32
#define PH_MEMSZ 40
#define PH_SIZE 56

enum { ELF_PT_LOAD = 1, ELF_ET_EXEC = 2, ELF_ET_DYN = 3 };

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

static int check_header(const struct axvm_blob *file, const char **why)
{
    const uint8_t *h = file->data;
    uint16_t type;

    if (!axvm_image_is_elf(file) || file->size < ELF_HEADER_SIZE)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is not an ELF file");
    if (h[ELF_CLASS] != 2 || h[ELF_DATA] != 1)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF, but not 64-bit little-endian");
    type = axvm_get_le16(h + ELF_TYPE);
    if (type != ELF_ET_EXEC && type != ELF_ET_DYN)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF, but not an executable");
    if (axvm_get_le16(h + ELF_MACHINE) != axvm_arch_machine.elf_machine)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is ELF for another CPU");
    if (axvm_get_le16(h + ELF_PHENTSIZE) != PH_SIZE)
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
static int add_segment(const struct axvm_blob *file, const uint8_t *ph, struct elf_entry *entry, struct axvm_image *img,
                       const char **why)
{
    uint64_t offset = axvm_get_le64(ph + PH_OFFSET);
    uint64_t vaddr = axvm_get_le64(ph + PH_VADDR);
    struct axvm_segment seg = { .gpa = axvm_get_le64(ph + PH_PADDR),
                                .len = axvm_get_le64(ph + PH_MEMSZ),
                                .data_len = axvm_get_le64(ph + PH_FILESZ) };
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

int axvm_image_parse_elf(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    const struct axvm_blob *file = &cfg->kernel;
    struct elf_entry entry = { 0 };
    uint64_t table;
    uint16_t headers;
    int rc = check_header(file, why);

    if (rc != AXVM_OK)
        return rc;
    if (cfg->load_set || cfg->load.v != 0)
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.load is set, but an ELF file says itself where it goes");
    table = axvm_get_le64((const uint8_t *)file->data + ELF_PHOFF);
    headers = axvm_get_le16((const uint8_t *)file->data + ELF_PHNUM);
    if (table > file->size || (uint64_t)headers * PH_SIZE > file->size - table)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF program headers are not within the file");
    entry.vaddr = axvm_get_le64((const uint8_t *)file->data + ELF_ENTRY);
    img->entry = entry.vaddr;
    img->count = 0;
    img->zero_tail = true;
    for (uint16_t i = 0; i < headers; i++) {
        const uint8_t *ph = (const uint8_t *)file->data + table + (size_t)i * PH_SIZE;

        if (axvm_get_le32(ph + PH_TYPE) == ELF_PT_LOAD)
            rc = add_segment(file, ph, &entry, img, why);
        if (rc != AXVM_OK)
            return rc;
    }
    return img->count != 0 ? AXVM_OK : axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel's ELF file has nothing to load");
}
