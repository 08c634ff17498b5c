/* SPDX-License-Identifier: BSD-2-Clause */
/* Which kind of image it is; flat binaries and firmware, which have no header. */
#include "image.h"

#include <axvm/err.h>

#include "arch.h"
#include "bits.h"
#include "mem.h"

static bool starts_with(const struct axvm_blob *file, size_t off, const char *bytes, size_t len)
{
    return file->size >= off + len && memcmp((const uint8_t *)file->data + off, bytes, len) == 0;
}

/* Compressed kernels look like flat binaries; started as one they do nothing, without a word. */
static const char *compressed(const struct axvm_blob *file)
{
    if (starts_with(file, 0, "\x1f\x8b", 2))
        return "load: the kernel is compressed with gzip; unpack it first";
    if (starts_with(file, 0, "MZ", 2) && starts_with(file, 4, "zimg", 4))
        return "load: the kernel is an EFI zboot image, compressed; unpack it first";
    return NULL;
}

static enum axvm_image_kind recognise(const struct axvm_blob *file)
{
    if (axvm_image_is_linux(file))
        return AXVM_IMAGE_LINUX;
    if (axvm_image_is_elf(file))
        return AXVM_IMAGE_ELF;
    return AXVM_IMAGE_FLAT;
}

/* Without a header: as it is, at one address, entered at its first byte. */
static int parse_raw(const struct axvm_image_config *cfg, uint64_t where, struct axvm_image *img, const char **why)
{
    uint64_t size = cfg->kernel.size;
    uint64_t gpa = cfg->load_set || cfg->load.v != 0 ? cfg->load.v : where;

    if (size > UINT64_MAX - gpa)
        return axvm_image_bad(why, AXVM_ERR_RANGE, "load: the kernel's load address is too high for its size");
    img->segments[0] = (struct axvm_segment){ .gpa = gpa, .len = size, .data = cfg->kernel.data, .data_len = size };
    img->count = 1;
    img->entry = gpa;
    return AXVM_OK;
}

int axvm_image_parse(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why)
{
    const struct axvm_machine *m = &axvm_arch_machine;
    uint64_t base = m->image_align != 0 ? axvm_align_up(ram_base, m->image_align) : ram_base;
    int rc;

    if (cfg->kernel.size == 0 || cfg->kernel.data == NULL)
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: the kernel is empty");
    img->zero_tail = false;
    img->below = 0;
    rc = axvm_arch_image_parse(cfg, ram_base, img, why);
    if (rc != AXVM_ERR_NOENT)
        return rc;
    img->kind = cfg->kind == AXVM_IMAGE_AUTO ? recognise(&cfg->kernel) : cfg->kind;
    if (cfg->kind == AXVM_IMAGE_AUTO && compressed(&cfg->kernel) != NULL)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, compressed(&cfg->kernel));

    switch (img->kind) {
    case AXVM_IMAGE_LINUX:
        return axvm_image_parse_linux(cfg, base, img, why);
    case AXVM_IMAGE_ELF:
        return axvm_image_parse_elf(cfg, img, why);
    case AXVM_IMAGE_FLAT:
        return parse_raw(cfg, base + m->image_offset, img, why);
    case AXVM_IMAGE_FIRMWARE:
        return parse_raw(cfg, m->firmware_base, img, why);
    default:
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.kind is none that this CPU has");
    }
}
