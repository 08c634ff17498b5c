/* SPDX-License-Identifier: BSD-2-Clause */
/* The default machine; which images there are, and how vCPU 0 enters them. */
#include "boot.h"

#include <axvm/err.h>
#include <axvm/x86_64.h>

#include "arch.h"
#include "bits.h"
#include "boot_priv.h"
#include "mem.h"
#include "str.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define FIRMWARE_MAX (16 * MIB) /* above are the APICs */
#define FIRMWARE_ALIAS (128u << 10)

const struct axvm_machine axvm_arch_machine = {
    .ram_base = 0,
    .ram_in_pieces = true,
    .ram_hole = AXVM_X86_HOLE_BASE,
    .ram_hole_end = AXVM_X86_HOLE_END,
    .ram_gap = 3 * GIB,
    .ram_gap_end = 4 * GIB,
    .image_align = MIB,
    .image_offset = MIB,
    .uart = AXVM_EMU_NS16550,
    .uart_base = 0x3f8,
    .uart_port = true,
    .has_ports = true,
    .uart_irq = 4,
    .elf_machine = 62,  /* EM_X86_64 */
    .elf32_machine = 3, /* EM_386 */
};

/* ---- images ---- */

/* It ends at 4 GiB, where the CPU begins. What is left of the last 128 KiB below 1 MiB is RAM with a copy, as if shadowed
 * already. */
static int parse_firmware(const struct axvm_image_config *cfg, struct axvm_image *img, const char **why)
{
    uint64_t size = cfg->kernel.size, alias = axvm_min(size, FIRMWARE_ALIAS);
    const uint8_t *data = cfg->kernel.data;

    if (size > FIRMWARE_MAX)
        return axvm_image_bad(why, AXVM_ERR_FORMAT, "load: the firmware is larger than 16 MiB");
    if (cfg->load_set || cfg->load.v != 0)
        return axvm_image_bad(why, AXVM_ERR_INVAL, "load: image.load is set, but firmware ends at 4 GiB");
    img->kind = AXVM_IMAGE_FIRMWARE;
    img->segments[0] = (struct axvm_segment){ .gpa = BOOT_4GIB - size, .len = size, .data = data, .data_len = size };
    img->segments[1] =
        (struct axvm_segment){ .gpa = LOW_END - alias, .len = alias, .data = data + (size - alias), .data_len = alias };
    img->count = 2;
    img->entry = BOOT_4GIB - 16;
    return AXVM_OK;
}

static enum axvm_image_kind recognise(const struct axvm_blob *file)
{
    if (axvm_boot_is_bzimage(file))
        return AXVM_IMAGE_BZIMAGE;
    /* What has both is started as QEMU's -kernel does it: some take PVH for a sign that Xen is there. */
    if (axvm_boot_is_multiboot(file))
        return AXVM_IMAGE_MULTIBOOT;
    if (axvm_boot_is_pvh(file))
        return AXVM_IMAGE_PVH;
    return AXVM_IMAGE_AUTO;
}

int axvm_arch_image_parse(const struct axvm_image_config *cfg, uint64_t ram_base, struct axvm_image *img, const char **why)
{
    enum axvm_image_kind kind = cfg->kind != AXVM_IMAGE_AUTO ? cfg->kind : recognise(&cfg->kernel);

    (void)ram_base;
    img->below = BOOT_4GIB;
    switch (kind) {
    case AXVM_IMAGE_BZIMAGE:
    case AXVM_IMAGE_LINUX:
        return axvm_boot_parse_bzimage(cfg, img, why);
    case AXVM_IMAGE_PVH:
        return axvm_boot_parse_pvh(cfg, img, why);
    case AXVM_IMAGE_MULTIBOOT:
        return axvm_boot_parse_multiboot(cfg, img, why);
    case AXVM_IMAGE_FIRMWARE:
        return parse_firmware(cfg, img, why);
    default:
        return AXVM_ERR_NOENT;
    }
}

static enum axvm_x86_boot_mode mode_for(enum axvm_image_kind kind)
{
    switch (kind) {
    case AXVM_IMAGE_BZIMAGE:
        return AXVM_X86_BOOT_LINUX;
    case AXVM_IMAGE_MULTIBOOT:
        return AXVM_X86_BOOT_MULTIBOOT;
    case AXVM_IMAGE_ELF:
        return AXVM_X86_BOOT_ELF64;
    case AXVM_IMAGE_FIRMWARE:
        return AXVM_X86_BOOT_RESET;
    default: /* PVH; flat, and what the host has written itself, start like it */
        return AXVM_X86_BOOT_PVH;
    }
}

/* ---- what all protocols share ---- */

uint64_t axvm_boot_string(struct axvm_boot *b, const char *prefix, const char *s)
{
    uint32_t at = BOOT_STRINGS + b->strings;
    char *end = axvm_put_str(axvm_put_str((char *)b->va + at, prefix), s);

    b->strings += (uint32_t)(end - ((char *)b->va + at)) + 1;
    return b->gpa + at;
}

bool axvm_boot_module(const struct axvm_boot *b, uint32_t i, uint64_t *gpa, uint64_t *len, const char **cmdline)
{
    const struct axvm_image_config *cfg = &b->vm->cfg.image;
    uint32_t first = cfg->initrd.size != 0 ? 1 : 0;

    if (i < first) {
        *gpa = b->load->initrd;
        *len = cfg->initrd.size;
        *cmdline = NULL;
        return true;
    }
    if (i - first >= cfg->module_count)
        return false;
    *gpa = b->load->modules[i - first];
    *len = cfg->modules[i - first].file.size;
    *cmdline = cfg->modules[i - first].cmdline;
    return true;
}

/* Room for all that axvm_boot_string() will be given. */
static uint64_t strings_size(const struct axvm_image_config *cfg)
{
    uint64_t size = 64 + (cfg->cmdline ? axvm_strlen(cfg->cmdline) : 0); /* the loader's name, the image's name */

    for (uint32_t i = 0; i < cfg->module_count; i++)
        size += cfg->modules[i].cmdline ? axvm_strlen(cfg->modules[i].cmdline) + 1 : 1;
    return size;
}

/* Intel SDM volume 3, "Segment Descriptors": flat, accessed; a busy TSS after them. */
static void write_gdt(uint8_t *va, uint64_t gpa, bool wide)
{
    uint64_t tss = gpa + BOOT_GDT + 0x40;

    axvm_put_le64(va + BOOT_GDT + AXVM_X86_BOOT_CS, wide ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff));
    axvm_put_le64(va + BOOT_GDT + AXVM_X86_BOOT_DS, UINT64_C(0x00cf93000000ffff));
    axvm_put_le64(va + BOOT_GDT + AXVM_X86_BOOT_TR,
                  0x67 | (tss & 0xffffff) << 16 | UINT64_C(0x8b) << 40 | (tss >> 24 & 0xff) << 56);
}

/* 4 GiB one to one, in pages of 2 MiB, which every CPU has. */
static void write_page_tables(uint8_t *va, uint64_t gpa)
{
    const uint64_t table = 0x3, page = 0x83; /* present, writable; a large page */

    axvm_put_le64(va, (gpa + 0x1000) | table);
    for (unsigned int i = 0; i < 4; i++)
        axvm_put_le64(va + 0x1000 + 8 * i, (gpa + 0x2000 + 0x1000 * i) | table);
    for (unsigned int i = 0; i < 2048; i++)
        axvm_put_le64(va + 0x2000 + 8 * i, (uint64_t)i << 21 | page);
}

static bool is_wide(enum axvm_x86_boot_mode mode)
{
    return mode == AXVM_X86_BOOT_LINUX || mode == AXVM_X86_BOOT_ELF64;
}

/* ---- places ---- */

/* Low memory if there is room, otherwise anywhere below 4 GiB. */
static bool place_low(const struct axvm_load *load, uint64_t len, uint64_t *gpa)
{
    uint64_t below = load->image.below != 0 ? load->image.below : BOOT_4GIB;

    return axvm_load_find(load, len, AXVM_PAGE_SIZE, LOW_BOOT_LIMIT, gpa) ||
           axvm_load_find(load, len, AXVM_PAGE_SIZE, below, gpa);
}

/* Where old kernels look for them, if the image leaves room there. */
static bool place_tables(const struct axvm_load *load, uint64_t *gpa)
{
    *gpa = LOW_TABLES;
    return axvm_load_is_free(load, *gpa, AXVM_TABLES_SIZE) ||
           axvm_load_find(load, AXVM_TABLES_SIZE, AXVM_PAGE_SIZE, BOOT_4GIB, gpa);
}

/* ---- the BIOS's data ---- */

#define BDA_SIZE 0x100u
#define BDA_COM1 0x0u
#define BDA_EBDA 0x0eu
#define BDA_EQUIPMENT 0x10u
#define BDA_MEMORY 0x13u
#define EBDA_SIZE 16u

/* What kernels look for in the BIOS data area: where base memory ends, where the first serial port is. */
static void add_bda(struct axvm *vm, struct axvm_load *load, uint8_t *va)
{
    uint8_t *ebda = va + BDA_SIZE;

    if (vm->console && vm->console->windows[0].space == AXVM_BUS_PORT) {
        axvm_put_le16(va + BDA_COM1, (uint16_t)vm->console->windows[0].base);
        axvm_put_le16(va + BDA_EQUIPMENT, 1u << 9);
    }
    axvm_put_le16(va + BDA_EBDA, LOW_EBDA >> 4);
    axvm_put_le16(va + BDA_MEMORY, LOW_EBDA >> 10);
    ebda[0] = (LOW_HOLE - LOW_EBDA) >> 10;
    if (axvm_load_is_free(load, LOW_BDA, BDA_SIZE))
        axvm_load_add(load, LOW_BDA, va, BDA_SIZE);
    if (axvm_load_is_free(load, LOW_EBDA, EBDA_SIZE))
        axvm_load_add(load, LOW_EBDA, ebda, EBDA_SIZE);
}

/* ---- all of it ---- */

static int write_info(struct axvm_boot *b, enum axvm_x86_boot_mode mode, const char **why)
{
    switch (mode) {
    case AXVM_X86_BOOT_LINUX:
        return axvm_boot_write_linux(b, why);
    case AXVM_X86_BOOT_MULTIBOOT:
        axvm_boot_write_multiboot(b);
        return AXVM_OK;
    default:
        axvm_boot_write_pvh(b);
        return AXVM_OK;
    }
}

/* In one buffer: the boot data, the tables, the BIOS's data. */
static int fill(struct axvm_boot *b, struct axvm_load *load, enum axvm_x86_boot_mode mode, uint64_t len)
{
    struct axvm_x86_boot *boot = &b->vm->arch.boot;
    uint8_t *tables = b->va + len;
    const char *why = NULL;
    int rc;

    if (!axvm_acpi_write(b->vm, tables, b->tables, AXVM_ACPI_SIZE) ||
        !axvm_mptable_write(b->vm, tables + AXVM_ACPI_SIZE, b->tables + AXVM_ACPI_SIZE, AXVM_MPTABLE_SIZE))
        return axvm_load_fail(b->vm, AXVM_ERR_RANGE, "load: the ACPI or MP tables do not fit their place");
    rc = write_info(b, mode, &why);
    if (rc != AXVM_OK)
        return axvm_load_fail(b->vm, rc, why);
    write_gdt(b->va, b->gpa, is_wide(mode));
    write_page_tables(b->va + BOOT_PAGING, b->gpa + BOOT_PAGING);
    axvm_load_add(load, b->gpa, b->va, len);
    axvm_load_add(load, b->tables, tables, AXVM_TABLES_SIZE);
    add_bda(b->vm, load, tables + AXVM_TABLES_SIZE);
    load->arg = b->gpa + (mode == AXVM_X86_BOOT_LINUX ? BOOT_PARAMS : BOOT_INFO);
    *boot = (struct axvm_x86_boot){ .mode = mode,
                                    .info = load->arg,
                                    .cr3 = is_wide(mode) ? b->gpa + BOOT_PAGING : 0,
                                    .gdt = b->gpa + BOOT_GDT,
                                    .gdt_limit = AXVM_X86_BOOT_TR + 16 - 1 };
    return AXVM_OK;
}

/* Everything but firmware, which finds out for itself. */
static int make_data(struct axvm *vm, struct axvm_load *load, enum axvm_x86_boot_mode mode)
{
    uint64_t len = axvm_align_up(BOOT_STRINGS + strings_size(&vm->cfg.image), AXVM_PAGE_SIZE);
    struct axvm_boot b = { .vm = vm, .load = load, .tables_len = AXVM_TABLES_SIZE };
    unsigned int order = 0;

    if (!place_low(load, len, &b.gpa))
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: there is no room for the boot data below 4 GiB");
    load->taken[load->taken_count++] = (struct axvm_load_range){ b.gpa, len }; /* again taken when it is added */
    if (!place_tables(load, &b.tables))
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: there is no room for the ACPI tables below 4 GiB");
    b.rsdp = b.tables;
    while ((uint64_t)AXVM_PAGE_SIZE << order < len + AXVM_TABLES_SIZE + BDA_SIZE + EBDA_SIZE)
        order++;
    b.va = axvm_load_alloc(vm, load, order);
    if (!b.va)
        return axvm_load_fail(vm, AXVM_ERR_NOMEM, "load: no memory for the boot data");
    return fill(&b, load, mode, len);
}

/* Where vCPU 0 begins has to be reachable in its mode. */
static bool is_entry_low(const struct axvm *vm, const struct axvm_load *load)
{
    const struct axvm_image_config *cfg = &vm->cfg.image;

    return (cfg->entry_set || cfg->entry.v != 0 ? cfg->entry.v : load->image.entry) < BOOT_4GIB;
}

int axvm_arch_boot_data(struct axvm *vm, struct axvm_load *load)
{
    enum axvm_x86_boot_mode mode = mode_for(load->image.kind);

    vm->arch.boot = (struct axvm_x86_boot){ .mode = mode };
    if (vm->cfg.image.fdt.size != 0)
        return axvm_load_fail(vm, AXVM_ERR_INVAL, "load: guests of this CPU get no device tree");
    if (mode == AXVM_X86_BOOT_RESET)
        return AXVM_OK;
    if (load->image.kind == AXVM_IMAGE_ELF && !axvm_image_elf_is_wide(&vm->cfg.image.kernel))
        return axvm_load_fail(vm, AXVM_ERR_FORMAT,
                              "load: a 32-bit ELF file without multiboot header or PVH note cannot be started");
    if (!is_entry_low(vm, load))
        return axvm_load_fail(vm, AXVM_ERR_RANGE, "load: the entry point is not below 4 GiB");
    return make_data(vm, load, mode);
}
