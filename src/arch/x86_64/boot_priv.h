/* SPDX-License-Identifier: BSD-2-Clause */
/* How the files that load x86 guests work together. */
#ifndef AXVM_X86_64_BOOT_PRIV_H
#define AXVM_X86_64_BOOT_PRIV_H

#include "boot.h"
#include "load.h"

#define BOOT_4GIB (UINT64_C(1) << 32)

/* The PC's first mebibyte. */
#define LOW_BDA 0x400u      /* BIOS data area */
#define LOW_EBDA 0x9fc00u   /* its extended one: base memory ends here */
#define LOW_HOLE 0xa0000u   /* video memory and option ROMs: not for the guest's allocator, RAM or not */
#define LOW_BIOS 0xe0000u   /* RSDP and MP tables are searched from here on */
#define LOW_TABLES 0xf0000u /* where we put them */
#define LOW_END 0x100000u
/* Boot data ends below this: Linux's decompressor clears two pages below the EBDA for its trampoline while our page tables are
 * in use. */
#define LOW_BOOT_LIMIT 0x90000u

/* ---- kinds of images; as axvm_image_parse() ---- */

bool axvm_boot_is_bzimage(const struct axvm_blob *file);
int axvm_boot_parse_bzimage(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why);
bool axvm_boot_is_pvh(const struct axvm_blob *file);
int axvm_boot_parse_pvh(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why);
bool axvm_boot_is_multiboot(const struct axvm_blob *file);
int axvm_boot_parse_multiboot(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why);

/* ---- the memory map ---- */

enum axvm_e820_type { AXVM_E820_RAM = 1, AXVM_E820_RESERVED = 2, AXVM_E820_ACPI = 3 };
struct axvm_e820 {
    uint64_t start, len;
    enum axvm_e820_type type;
};
/* What a struct boot_params holds; also enough for any VM: its regions, cut by what is reserved. */
#define AXVM_E820_MAX 128u
_Static_assert(2 * AXVM_MAX_REGIONS <= AXVM_E820_MAX, "a VM's memory has to fit boot_params");

/* The next entry at or above *@at, in order of address; *@at 0 at first. [tables, tables + tables_len) is where the ACPI tables
 * are. */
bool axvm_e820_next(struct axvm *vm, uint64_t tables, uint64_t tables_len, uint64_t *at, struct axvm_e820 *entry);

/* ---- the boot data ---- */

/* All of it but the tables, side by side in one buffer. Offsets: */
#define BOOT_GDT 0x0u    /* 6 entries of 8 bytes, and after them a TSS */
#define BOOT_INFO 0x100u /* struct hvm_start_info or multiboot information; the modules' list */
#define BOOT_MODULES 0x200u
#define BOOT_PARAMS 0x1000u /* struct boot_params, or the memory map of the others */
#define BOOT_PAGING 0x2000u /* PML4, PDPT, 4 page directories */
#define BOOT_STRINGS 0x8000u
_Static_assert(BOOT_MODULES + 32 * (AXVM_MAX_MODULES + 1) <= BOOT_PARAMS, "the list of modules has to fit");
_Static_assert(24 * AXVM_E820_MAX <= BOOT_PAGING - BOOT_PARAMS, "the memory map has to fit");

struct axvm_boot {
    struct axvm *vm;
    const struct axvm_load *load;
    uint8_t *va;                       /* of the buffer */
    uint64_t gpa;                      /* below 4 GiB */
    uint32_t strings;                  /* bytes at BOOT_STRINGS so far */
    uint64_t tables, tables_len, rsdp; /* 0: none */
};

/* Append a string; returns its address. @prefix may be "". */
uint64_t axvm_boot_string(struct axvm_boot *b, const char *prefix, const char *s);
/* File number @i for the guest, the initrd being number 0; false: no more. */
bool axvm_boot_module(const struct axvm_boot *b, uint32_t i, uint64_t *gpa, uint64_t *len, const char **cmdline);

/* Fill in what the protocol passes. AXVM_ERR_INVAL with *why. */
int axvm_boot_write_linux(struct axvm_boot *b, const char **why);
void axvm_boot_write_pvh(struct axvm_boot *b);
void axvm_boot_write_multiboot(struct axvm_boot *b);

/* ---- tables ---- */

/* Room that any VM's tables fit into. */
#define AXVM_ACPI_SIZE 0x8000u
#define AXVM_MPTABLE_SIZE 0x2000u
#define AXVM_TABLES_SIZE (AXVM_ACPI_SIZE + AXVM_MPTABLE_SIZE)
_Static_assert(LOW_TABLES + AXVM_TABLES_SIZE <= LOW_END, "the tables have to fit below 1 MiB");

/* Write RSDP (first of all) and ACPI tables to @va, which the guest sees at @gpa. False: they do not fit. */
bool axvm_acpi_write(struct axvm *vm, uint8_t *va, uint64_t gpa, uint32_t size);
/* The same for the MP floating pointer structure and its table. */
bool axvm_mptable_write(struct axvm *vm, uint8_t *va, uint64_t gpa, uint32_t size);

#endif
