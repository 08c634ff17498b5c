/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64-byte "Image" header that arm64 and RISC-V kernels share. Linux, Documentation/arm64/booting.rst, "Call the kernel
 * image", and Documentation/riscv/boot-image-header.rst; they differ in the magic number and in where very old ones go.
 */
#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "image.h"
#include "str.h"

/* Byte offsets; all fields are little-endian. */
#define LINUX_TEXT_OFFSET 8
#define LINUX_IMAGE_SIZE 16
#define LINUX_MAGIC 56
#define LINUX_HEADER_SIZE 64

bool axvm_image_is_linux(const struct axvm_blob *file)
{
    uint32_t magic = axvm_arch_machine.linux_magic;

    return magic != 0 && file->size >= LINUX_HEADER_SIZE && axvm_get_le32((const uint8_t *)file->data + LINUX_MAGIC) == magic;
}

/* Where it goes: text_offset above a base of the alignment the kernel was built for. */
static int place(const struct axvm_image_config *cfg, uint64_t base, uint64_t text_offset, uint64_t *gpa, const char **why)
{
    uint64_t align = axvm_arch_machine.image_align;

    if (cfg->load_set || cfg->load.v != 0) {
        if (align != 0 && !axvm_is_aligned(cfg->load.v - text_offset, align))
            return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.load is not text_offset above an aligned address");
        *gpa = cfg->load.v;
        return AXVM_OK;
    }
    if (text_offset > UINT64_MAX - base)
        return axvm_image_bad(why, AXVM_ERR_RANGE, "load: the kernel's text_offset is out of range");
    *gpa = base + text_offset;
    return AXVM_OK;
}

int axvm_image_parse_linux(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why)
{
    const uint8_t *header = cfg->kernel.data;
    uint64_t text_offset, image_size, gpa;
    int rc;

    if (!axvm_image_is_linux(&cfg->kernel))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is not a Linux Image of this CPU");
    text_offset = axvm_get_le64(header + LINUX_TEXT_OFFSET);
    image_size = axvm_get_le64(header + LINUX_IMAGE_SIZE);
    if (image_size == 0) /* before Linux 3.17: text_offset may be of either byte order, and is always the same */
        text_offset = axvm_arch_machine.linux_old_offset;
    rc = place(cfg, ram_base, text_offset, &gpa, why);
    if (rc != AXVM_OK)
        return rc;
    image_size = axvm_max(image_size, cfg->kernel.size); /* beyond the file: its BSS, which it clears itself */
    if (image_size > UINT64_MAX - gpa)
        return axvm_image_bad(why, AXVM_ERR_RANGE, "load: the kernel's image_size is out of range");
    img->segments[0] = (struct axvm_segment){
        .gpa = gpa,
        .len = image_size,
        .data = header,
        .data_len = cfg->kernel.size,
    };
    img->count = 1;
    img->entry = gpa;
    return AXVM_OK;
}
