/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF files with a PVH entry point. Xen, docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/start_info.h,
 * xen/include/public/elfnote.h. */
#include <axvm/err.h>

#include "bits.h"
#include "boot_priv.h"
#include "mem.h"
#include "str.h"

#define PT_NOTE 4u
#define PHYS32_ENTRY 18u /* XEN_ELFNOTE_PHYS32_ENTRY */
/* System V ABI, "Note Section": three words, then name and descriptor, each padded to words. */
#define NOTE_HEADER 12u
/* Headers and notes of one file that are looked at; more has nobody. */
#define MAX_NOTES 256u

/* The first note in @notes: XEN_ELFNOTE_PHYS32_ENTRY? Then *entry is set. *len receives its length with padding; false: it is
 * cut off. */
static bool read_note(const uint8_t *p, uint64_t left, uint64_t *len, bool *found, uint64_t *entry)
{
    uint64_t name, desc;

    if (left < NOTE_HEADER)
        return false;
    name = axvm_get_le32(p);
    desc = axvm_get_le32(p + 4);
    *len = NOTE_HEADER + axvm_align_up(name, 4) + axvm_align_up(desc, 4);
    if (NOTE_HEADER + axvm_align_up(name, 4) + desc > left)
        return false;
    if (axvm_get_le32(p + 8) != PHYS32_ENTRY || name != 4 || memcmp(p + NOTE_HEADER, "Xen", 4) != 0 || (desc != 4 && desc != 8))
        return true;
    *entry = desc == 8 ? axvm_get_le64(p + NOTE_HEADER + 4) : axvm_get_le32(p + NOTE_HEADER + 4);
    *found = true;
    return true;
}

static bool find_entry(const struct axvm_blob *file, uint64_t *entry)
{
    struct axvm_blob notes;
    uint32_t count = 0;
    uint16_t index = 0;
    bool found = false;

    while (!found && count < MAX_NOTES && axvm_image_elf_header(file, PT_NOTE, &index, &notes)) {
        const uint8_t *p = notes.data;
        uint64_t left = notes.size, len = 0;

        while (!found && count++ < MAX_NOTES && read_note(p, left, &len, &found, entry) && len < left) {
            p += len;
            left -= len;
        }
    }
    return found;
}

bool axvm_boot_is_pvh(const struct axvm_blob *file)
{
    uint64_t entry;

    return find_entry(file, &entry);
}

int axvm_boot_parse_pvh(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    uint64_t entry = 0;
    int rc = axvm_image_parse_elf(cfg, img, why);

    if (rc != AXVM_OK)
        return rc;
    if (!find_entry(&cfg->kernel, &entry))
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the kernel has no note with a PVH entry point");
    img->kind = AXVM_IMAGE_PVH;
    img->entry = entry;
    return AXVM_OK;
}

/* ---- struct hvm_start_info, version 1 ---- */

#define SI_MAGIC 0x336ec578u
#define SI_VERSION 4u
#define SI_MODULE_COUNT 12u
#define SI_MODULES 16u
#define SI_CMDLINE 24u
#define SI_RSDP 32u
#define SI_MEMMAP 40u
#define SI_MEMMAP_COUNT 48u
#define MODULE_SIZE 32u
#define MEMMAP_SIZE 24u

static void write_modules(struct axvm_boot *b, uint8_t *info)
{
    const char *cmdline;
    uint64_t gpa, len;
    uint32_t n = 0;

    while (axvm_boot_module(b, n, &gpa, &len, &cmdline)) {
        uint8_t *p = b->va + BOOT_MODULES + n++ * MODULE_SIZE;

        axvm_put_le64(p, gpa);
        axvm_put_le64(p + 8, len);
        axvm_put_le64(p + 16, cmdline ? axvm_boot_string(b, "", cmdline) : 0);
    }
    axvm_put_le32(info + SI_MODULE_COUNT, n);
    axvm_put_le64(info + SI_MODULES, n != 0 ? b->gpa + BOOT_MODULES : 0);
}

void axvm_boot_write_pvh(struct axvm_boot *b)
{
    const char *cmdline = b->vm->cfg.image.cmdline;
    uint8_t *info = b->va + BOOT_INFO;
    struct axvm_e820 entry;
    uint64_t at = 0;
    uint32_t n = 0;

    axvm_put_le32(info, SI_MAGIC);
    axvm_put_le32(info + SI_VERSION, 1);
    write_modules(b, info);
    axvm_put_le64(info + SI_CMDLINE, cmdline ? axvm_boot_string(b, "", cmdline) : 0);
    axvm_put_le64(info + SI_RSDP, b->rsdp);
    while (n < AXVM_E820_MAX && axvm_e820_next(b->vm, b->tables, b->tables_len, &at, &entry)) {
        uint8_t *p = b->va + BOOT_PARAMS + n++ * MEMMAP_SIZE;

        axvm_put_le64(p, entry.start);
        axvm_put_le64(p + 8, entry.len);
        axvm_put_le32(p + 16, entry.type);
    }
    axvm_put_le64(info + SI_MEMMAP, b->gpa + BOOT_PARAMS);
    axvm_put_le32(info + SI_MEMMAP_COUNT, n);
}
