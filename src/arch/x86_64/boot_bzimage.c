/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's bzImage, entered by the 64-bit boot protocol. Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header", and
 * Documentation/x86/zero-page.rst. */
#include <axvm/err.h>

#include "bits.h"
#include "boot_priv.h"
#include "mem.h"
#include "str.h"

/* Offsets in the file and in struct boot_params. */
#define HDR_START 0x1f1u
#define HDR_SETUP_SECTS 0x1f1u
#define HDR_SYSSIZE 0x1f4u
#define HDR_BOOT_FLAG 0x1feu
#define HDR_JUMP_LEN 0x201u /* of a short jump at 0x200 over the header: where the header ends, from 0x202 */
#define HDR_MAGIC 0x202u
#define HDR_VERSION 0x206u
#define HDR_LOADER_TYPE 0x210u
#define HDR_LOADFLAGS 0x211u
#define HDR_CODE32_START 0x214u
#define HDR_RAMDISK 0x218u
#define HDR_RAMDISK_SIZE 0x21cu
#define HDR_CMD_LINE 0x228u
#define HDR_INITRD_MAX 0x22cu
#define HDR_ALIGNMENT 0x230u
#define HDR_RELOCATABLE 0x234u
#define HDR_XLOADFLAGS 0x236u
#define HDR_CMDLINE_SIZE 0x238u
#define HDR_SETUP_DATA 0x250u
#define HDR_PREF_ADDRESS 0x258u
#define HDR_INIT_SIZE 0x260u
#define HDR_END 0x264u /* of what version 2.12 has, and we need */
/* In struct boot_params only. */
#define BP_RSDP 0x70u
#define BP_E820_COUNT 0x1e8u
#define BP_E820 0x2d0u
#define BP_E820_ENTRY 20u
#define BP_HDR_MAX 0x290u /* the header's space in boot_params ends here */

#define VERSION_2_12 0x20cu
#define XLF_KERNEL_64 0x01u
#define LOADED_HIGH 0x01u
#define LOADER_UNDEFINED 0xffu
#define ENTRY_64 0x200u
#define SECTOR 512u

/* axvm_image.notes */
enum { NOTE_CMDLINE_SIZE, NOTE_HEADER_END };

bool axvm_boot_is_bzimage(const struct axvm_blob *file)
{
    const uint8_t *f = file->data;

    return file->size >= HDR_END && axvm_get_le16(f + HDR_BOOT_FLAG) == 0xaa55 && memcmp(f + HDR_MAGIC, "HdrS", 4) == 0;
}

static int check_header(const struct axvm_blob *file, const char **why)
{
    const uint8_t *f = file->data;
    uint32_t align;

    if (!axvm_boot_is_bzimage(file))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is not a bzImage");
    if (axvm_get_le16(f + HDR_VERSION) < VERSION_2_12 || !(axvm_get_le16(f + HDR_XLOADFLAGS) & XLF_KERNEL_64))
        return axvm_image_bad(why, AXVM_ERR_FORMAT,
                              "load: the bzImage has no 64-bit entry point (boot protocol 2.12, XLF_KERNEL_64)");
    if (!(f[HDR_LOADFLAGS] & LOADED_HIGH))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel is a zImage, for low memory");
    align = axvm_get_le32(f + HDR_ALIGNMENT);
    if (f[HDR_RELOCATABLE] && (align == 0 || (align & (align - 1)) != 0))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the bzImage's kernel_alignment is no power of two");
    return AXVM_OK;
}

/* What is loaded: the file behind boot sector and setup sectors. */
static int find_payload(const struct axvm_blob *file, struct axvm_segment *seg, const char **why)
{
    const uint8_t *f = file->data;
    size_t setup = ((f[HDR_SETUP_SECTS] != 0 ? f[HDR_SETUP_SECTS] : 4u) + 1u) * SECTOR; /* 0 stands for 4 */

    if (file->size <= setup || file->size - setup < ENTRY_64)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the bzImage ends before its protected-mode code");
    seg->data = f + setup;
    seg->data_len = file->size - setup;
    if ((uint64_t)axvm_get_le32(f + HDR_SYSSIZE) * 16 > axvm_align_up(seg->data_len, 16))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the bzImage is shorter than its header says");
    return AXVM_OK;
}

static int place(const struct axvm_image_config *cfg, struct axvm_segment *seg, const char **why)
{
    const uint8_t *f = cfg->kernel.data;
    bool asked = cfg->load_set || cfg->load.v != 0;

    seg->gpa = asked ? cfg->load.v : axvm_get_le64(f + HDR_PREF_ADDRESS);
    seg->len = axvm_max(axvm_get_le32(f + HDR_INIT_SIZE), seg->data_len);
    if (asked && (f[HDR_RELOCATABLE] ? !axvm_is_aligned(seg->gpa, axvm_get_le32(f + HDR_ALIGNMENT))
                                     : seg->gpa != axvm_get_le64(f + HDR_PREF_ADDRESS)))
        return axvm_image_bad(why, AXVM_ERR_INVAL,
                              "load: the bzImage cannot run at image.load: it is not aligned, or not relocatable");
    if (seg->gpa < LOW_END || seg->gpa >= BOOT_4GIB || seg->len > BOOT_4GIB - seg->gpa)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the bzImage does not fit between 1 MiB and 4 GiB at its address");
    return AXVM_OK;
}

int axvm_boot_parse_bzimage(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    const uint8_t *f = cfg->kernel.data;
    struct axvm_segment *seg = &img->segments[0];
    int rc = check_header(&cfg->kernel, why);

    if (rc == AXVM_OK)
        rc = find_payload(&cfg->kernel, seg, why);
    if (rc == AXVM_OK)
        rc = place(cfg, seg, why);
    if (rc != AXVM_OK)
        return rc;
    img->kind = AXVM_IMAGE_BZIMAGE;
    img->count = 1;
    img->entry = seg->gpa + ENTRY_64;
    img->below = axvm_min(img->below, (uint64_t)axvm_get_le32(f + HDR_INITRD_MAX) + 1);
    img->notes[NOTE_CMDLINE_SIZE] = axvm_get_le32(f + HDR_CMDLINE_SIZE);
    img->notes[NOTE_HEADER_END] = axvm_min(axvm_min(HDR_MAGIC + f[HDR_JUMP_LEN], BP_HDR_MAX), cfg->kernel.size);
    return AXVM_OK;
}

/* ---- struct boot_params ---- */

static void write_e820(struct axvm_boot *b, uint8_t *params)
{
    struct axvm_e820 entry;
    uint64_t at = 0;
    uint32_t n = 0;

    while (n < AXVM_E820_MAX && axvm_e820_next(b->vm, b->tables, b->tables_len, &at, &entry)) {
        uint8_t *p = params + BP_E820 + n++ * BP_E820_ENTRY;

        axvm_put_le64(p, entry.start);
        axvm_put_le64(p + 8, entry.len);
        axvm_put_le32(p + 16, entry.type);
    }
    params[BP_E820_COUNT] = (uint8_t)n;
}

int axvm_boot_write_linux(struct axvm_boot *b, const char **why)
{
    const struct axvm_image_config *cfg = &b->vm->cfg.image;
    const struct axvm_image *img = &b->load->image;
    uint8_t *params = b->va + BOOT_PARAMS;

    if (cfg->cmdline && axvm_strlen(cfg->cmdline) > img->notes[NOTE_CMDLINE_SIZE])
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: the command line is longer than the kernel's header allows");
    memcpy(params + HDR_START, (const uint8_t *)cfg->kernel.data + HDR_START, (size_t)img->notes[NOTE_HEADER_END] - HDR_START);
    params[HDR_LOADER_TYPE] = LOADER_UNDEFINED;
    axvm_put_le64(params + HDR_SETUP_DATA, 0);
    axvm_put_le32(params + HDR_CODE32_START, (uint32_t)img->segments[0].gpa);
    axvm_put_le32(params + HDR_RAMDISK, (uint32_t)b->load->initrd);
    axvm_put_le32(params + HDR_RAMDISK_SIZE, (uint32_t)cfg->initrd.size);
    axvm_put_le32(params + HDR_CMD_LINE, (uint32_t)axvm_boot_string(b, "", cfg->cmdline ? cfg->cmdline : ""));
    axvm_put_le64(params + BP_RSDP, b->rsdp);
    write_e820(b, params);
    return AXVM_OK;
}
