/* SPDX-License-Identifier: BSD-2-Clause */
/* Multiboot Specification 0.6.96. */
#include <axvm/err.h>

#include "bits.h"
#include "boot_priv.h"
#include "mem.h"
#include "str.h"

/* ---- "OS image format" ---- */

#define SEARCH 8192u
#define MB_MAGIC 0x1badb002u
#define MB_PAGE_ALIGN AXVM_BIT(0)    /* modules on pages: they always are */
#define MB_MEMORY_INFO AXVM_BIT(1)   /* mem_*: they are always there */
#define MB_ADDRESSES AXVM_BIT(16)    /* the fields below say where it goes; otherwise it is ELF */
#define MB_REQUIRED AXVM_BITS(15, 0) /* features that the image cannot do without */
#define MB_KNOWN (MB_PAGE_ALIGN | MB_MEMORY_INFO)
/* Offsets in the header. */
#define MB_FLAGS 4u
#define MB_HEADER_ADDR 12u
#define MB_LOAD_ADDR 16u
#define MB_LOAD_END 20u
#define MB_BSS_END 24u
#define MB_ENTRY 28u
#define MB_SIZE 12u
#define MB_SIZE_ADDRESSES 32u

/* All of the header within the first 8192 bytes, on a multiple of four. NULL: there is none. */
static const uint8_t *find_header(const struct axvm_blob *file)
{
    size_t end = file->size < SEARCH ? file->size : SEARCH;

    for (size_t off = 0; end >= MB_SIZE && off <= end - MB_SIZE; off += 4) {
        const uint8_t *p = (const uint8_t *)file->data + off;
        uint32_t flags = axvm_get_le32(p + MB_FLAGS);

        if (axvm_get_le32(p) != MB_MAGIC || MB_MAGIC + flags + axvm_get_le32(p + 8) != 0)
            continue;
        return (flags & MB_ADDRESSES) && end - off < MB_SIZE_ADDRESSES ? NULL : p;
    }
    return NULL;
}

bool axvm_boot_is_multiboot(const struct axvm_blob *file)
{
    return find_header(file) != NULL;
}

/* "Multiboot header", "The address fields". */
static int parse_addresses(const struct axvm_blob *file, const uint8_t *h, struct axvm_image *img, const char **why)
{
    uint32_t header = axvm_get_le32(h + MB_HEADER_ADDR), load = axvm_get_le32(h + MB_LOAD_ADDR);
    uint32_t load_end = axvm_get_le32(h + MB_LOAD_END), bss_end = axvm_get_le32(h + MB_BSS_END);
    uint64_t at = (uint64_t)(h - (const uint8_t *)file->data), start, len;

    if (header < load || header - load > at)
        return axvm_image_bad(why, AXVM_ERR_FORMAT,
                              "load: the multiboot header's addresses do not fit where it is in the file");
    start = at - (header - load);
    len = load_end != 0 ? (uint64_t)load_end - load : file->size - start;
    if ((load_end != 0 && load_end <= load) || len > file->size - start)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the multiboot header's load_end_addr is not within the file");
    if ((bss_end != 0 && bss_end < load + len) || len > BOOT_4GIB - load)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the multiboot header's bss_end_addr is wrong");
    img->segments[0] = (struct axvm_segment){ .gpa = load,
                                              .len = bss_end != 0 ? (uint64_t)bss_end - load : len,
                                              .data = (const uint8_t *)file->data + start,
                                              .data_len = len };
    img->count = 1;
    img->zero_tail = true;
    img->entry = axvm_get_le32(h + MB_ENTRY);
    return AXVM_OK;
}

int axvm_boot_parse_multiboot(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    const uint8_t *h = find_header(&cfg->kernel);
    uint32_t flags = h ? axvm_get_le32(h + MB_FLAGS) : 0;
    int rc;

    if (!h)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel has no multiboot header");
    if (flags & MB_REQUIRED & ~MB_KNOWN)
        return axvm_image_bad(why, AXVM_ERR_FORMAT,
                              "load: the multiboot kernel requires what we cannot give it (flags; a video mode?)");
    if (flags & MB_ADDRESSES && (cfg->load_set || cfg->load.v != 0))
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.load is set, but a multiboot kernel says itself where it goes");
    rc = flags & MB_ADDRESSES ? parse_addresses(&cfg->kernel, h, img, why) : axvm_image_parse_elf(cfg, img, why);
    if (rc == AXVM_OK)
        img->kind = AXVM_IMAGE_MULTIBOOT;
    return rc;
}

/* ---- "Boot information format" ---- */

#define INFO_MEMORY AXVM_BIT(0)
#define INFO_CMDLINE AXVM_BIT(2)
#define INFO_MODULES AXVM_BIT(3)
#define INFO_MMAP AXVM_BIT(6)
#define INFO_LOADER AXVM_BIT(9)
#define MBI_MEM_LOWER 4u
#define MBI_MEM_UPPER 8u
#define MBI_CMDLINE 16u
#define MBI_MODULE_COUNT 20u
#define MBI_MODULES 24u
#define MBI_MMAP_LEN 44u
#define MBI_MMAP 48u
#define MBI_LOADER 64u
#define MBI_MODULE_SIZE 16u
#define MBI_MMAP_SIZE 24u

static void write_modules(struct axvm_boot *b, uint8_t *info)
{
    const char *cmdline;
    uint64_t gpa, len;
    uint32_t n = 0;

    while (axvm_boot_module(b, n, &gpa, &len, &cmdline)) {
        uint8_t *p = b->va + BOOT_MODULES + n++ * MBI_MODULE_SIZE;

        axvm_put_le32(p, (uint32_t)gpa);
        axvm_put_le32(p + 4, (uint32_t)(gpa + len));
        axvm_put_le32(p + 8, (uint32_t)axvm_boot_string(b, "", cmdline ? cmdline : ""));
    }
    axvm_put_le32(info + MBI_MODULE_COUNT, n);
    axvm_put_le32(info + MBI_MODULES, (uint32_t)b->gpa + BOOT_MODULES);
}

/* The map, and of it KiB of RAM from 0 and from 1 MiB on. */
static void write_memory(struct axvm_boot *b, uint8_t *info)
{
    struct axvm_e820 entry;
    uint64_t at = 0, lower = 0, upper = 0;
    uint32_t n = 0;

    while (n < AXVM_E820_MAX && axvm_e820_next(b->vm, b->tables, b->tables_len, &at, &entry)) {
        uint8_t *p = b->va + BOOT_PARAMS + n++ * MBI_MMAP_SIZE;

        axvm_put_le32(p, MBI_MMAP_SIZE - 4);
        axvm_put_le64(p + 4, entry.start);
        axvm_put_le64(p + 12, entry.len);
        axvm_put_le32(p + 20, entry.type);
        if (entry.type == AXVM_E820_RAM && entry.start == 0)
            lower = entry.len;
        if (entry.type == AXVM_E820_RAM && entry.start == LOW_END)
            upper = entry.len;
    }
    axvm_put_le32(info + MBI_MEM_LOWER, (uint32_t)(axvm_min(lower, LOW_HOLE) >> 10));
    axvm_put_le32(info + MBI_MEM_UPPER, (uint32_t)(axvm_min(upper, BOOT_4GIB - LOW_END) >> 10));
    axvm_put_le32(info + MBI_MMAP_LEN, n * MBI_MMAP_SIZE);
    axvm_put_le32(info + MBI_MMAP, (uint32_t)b->gpa + BOOT_PARAMS);
}

/* The command line begins with the image's name, as GRUB legacy and QEMU have it; GRUB 2 leaves it out, and says its own name,
 * by which kernels know. */
void axvm_boot_write_multiboot(struct axvm_boot *b)
{
    const char *cmdline = b->vm->cfg.image.cmdline;
    uint8_t *info = b->va + BOOT_INFO;

    axvm_put_le32(info, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MMAP | INFO_LOADER);
    write_memory(b, info);
    axvm_put_le32(info + MBI_CMDLINE, (uint32_t)axvm_boot_string(b, cmdline ? "kernel " : "kernel", cmdline ? cmdline : ""));
    write_modules(b, info);
    axvm_put_le32(info + MBI_LOADER, (uint32_t)axvm_boot_string(b, "", "libaxvm"));
}
