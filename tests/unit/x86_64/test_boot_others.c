/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PVH, multiboot, ELF64, flat binaries and firmware. Xen's "x86/HVM direct boot ABI" with start_info.h; Multiboot Specification
 * 0.6.96. hostile-guest.md row 84.
 */
#include "boot_fixture.h"

static uint8_t file[MIB], initrd[MIB], other[5000];

static void refused(struct mem_fixture *f, int rc)
{
    assert_int_equal(load(f), rc);
    assert_true(strncmp(boot_log, "load: ", 6) == 0);
}

static void use(struct mem_fixture *f, size_t size)
{
    f->vm.cfg.image.kernel = (struct axvm_blob){ file, size };
}

static void use_files(struct mem_fixture *f)
{
    static const struct axvm_module modules[2] = { { { other, 4097 }, "first=1 second" }, { { other + 4097, 7 }, NULL } };

    fill(initrd, 100001, 9);
    fill(other, sizeof(other), 50);
    f->vm.cfg.image.initrd = (struct axvm_blob){ initrd, 100001 };
    f->vm.cfg.image.modules = modules;
    f->vm.cfg.image.module_count = 2;
}

/* An ELF file: header, one PT_LOAD at @paddr of 0x1000 bytes from 0x1000, twice as long in memory, and a PT_NOTE from 0x800. */
static void make_elf(bool wide, uint64_t paddr, uint64_t entry, uint64_t note_len)
{
    const unsigned int w = wide ? 8 : 4, ph_size = wide ? 56 : 32, ehsize = wide ? 64 : 52;
    const uint64_t headers[2][6] = { { 1, 0x1000, paddr, paddr, 0x1000, 0x2000 }, { 4, 0x800, 0, 0, note_len, note_len } };

    fill(file, 0x3000, 1);
    memset(file, 0, 0x1000);
    memcpy(file,
           "\x7f"
           "ELF",
           4);
    file[4] = wide ? 2 : 1;
    file[5] = file[6] = 1;
    put_le(file + 16, 2, 2);
    put_le(file + 18, wide ? 62 : 3, 2);
    put_le(file + 24, entry, w);
    put_le(file + (wide ? 32 : 28), ehsize, w);
    put_le(file + (wide ? 54 : 42), ph_size, 2);
    put_le(file + (wide ? 56 : 44), 2, 2);
    for (unsigned int i = 0; i < 2; i++) {
        uint8_t *p = file + ehsize + i * ph_size;

        put_le(p, headers[i][0], 4);
        for (unsigned int n = 1; n < 6; n++)
            put_le(p + (wide ? 8 * n : 4 * n), headers[i][n], w);
    }
}

static void put_note(unsigned int at, uint32_t type, const char *name, const void *desc, uint32_t desc_len)
{
    uint32_t len = (uint32_t)strlen(name) + 1;

    put_le(file + at, len, 4);
    put_le(file + at + 4, desc_len, 4);
    put_le(file + at + 8, type, 4);
    memcpy(file + at + 12, name, len);
    memcpy(file + at + 12 + (len + 3) / 4 * 4, desc, desc_len);
}

/* A GNU note first, with an odd name and length, then Xen's. */
static void make_pvh(bool wide, uint64_t entry, uint32_t desc_len)
{
    uint8_t desc[8];

    put_le(desc, entry, 8);
    make_elf(wide, 2 * MIB, 2 * MIB, 0x100);
    put_note(0x800, 3, "GNU", "abcde", 5);
    put_note(0x800 + 12 + 4 + 8, 18, "Xen", desc, desc_len);
}

/* ---- the memory map, as PVH has it and as multiboot has it ---- */

static const struct {
    uint64_t start, len;
    uint32_t type;
} expected_map[] = { { 0, 0x9fc00, 1 }, { 0x9fc00, 0x400, 2 }, { 0xe0000, 0x20000, 2 }, { MIB, 255 * MIB, 1 } };
#define MAP_ENTRIES 4u

static void assert_map(struct mem_fixture *f, uint64_t at, unsigned int stride)
{
    for (unsigned int i = 0; i < MAP_ENTRIES; i++, at += stride) {
        assert_int_equal(guest_le(f, at, 8), expected_map[i].start);
        assert_int_equal(guest_le(f, at + 8, 8), expected_map[i].len);
        assert_int_equal(guest_le(f, at + 16, 4), expected_map[i].type);
    }
}

/* ---- PVH ---- */

static void assert_start_info(struct mem_fixture *f, uint64_t info, unsigned int modules)
{
    assert_int_equal(guest_le(f, info, 4), 0x336ec578);
    assert_int_equal(guest_le(f, info + 4, 4), 1);
    assert_int_equal(guest_le(f, info + 8, 4), 0);
    assert_int_equal(guest_le(f, info + 12, 4), modules);
    assert_guest_has(f, guest_le(f, info + 32, 8), "RSD PTR ", 8);
    assert_int_equal(guest_le(f, info + 48, 4), MAP_ENTRIES);
    assert_map(f, guest_le(f, info + 40, 8), 24);
}

static void pvh_is_entered_where_the_note_says(void **state)
{
    struct mem_fixture *f = *state;

    for (unsigned int i = 0; i < 4; i++) {
        make_pvh(i & 1, 2 * MIB + 0x123, i & 2 ? 8 : 4);
        use(f, 0x3000);
        f->vm.cfg.image.cmdline = "hello";
        assert_int_equal(load(f), AXVM_OK);
        assert_int_equal(loaded.entry, 2 * MIB + 0x123);
        assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_PVH);
        assert_int_equal(f->vm.arch.boot.info, loaded.arg);
        assert_guest_has(f, 2 * MIB, file + 0x1000, 0x1000);
        assert_start_info(f, loaded.arg, 0);
        assert_guest_string(f, guest_le(f, loaded.arg + 24, 8), "hello");
        assert_int_equal(guest_le(f, f->vm.arch.boot.gdt + 0x10, 8), 0x00cf9b000000ffff);
    }
}

static void pvh_gets_its_modules(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t list;

    make_pvh(true, 2 * MIB, 4);
    use(f, 0x3000);
    use_files(f);
    assert_int_equal(load(f), AXVM_OK);
    assert_start_info(f, loaded.arg, 3);
    list = guest_le(f, loaded.arg + 16, 8);
    assert_guest_has(f, guest_le(f, list, 8), initrd, 100001);
    assert_int_equal(guest_le(f, list + 8, 8), 100001);
    assert_guest_has(f, guest_le(f, list + 32, 8), other, 4097);
    assert_guest_string(f, guest_le(f, list + 48, 8), "first=1 second");
    assert_guest_has(f, guest_le(f, list + 64, 8), other + 4097, 7);
    assert_int_equal(guest_le(f, list + 72, 8), 7);
    assert_int_equal(guest_le(f, list + 80, 8), 0);
    assert_int_equal(guest_le(f, list, 8) % 4096, 0);
}

static void notes_that_lie_about_their_length_are_no_notes(void **state)
{
    static const uint32_t lengths[] = { 0xffffffff, 0xfffffffc, 0x80000000, 0x100, 0xf1, 0xf0 };
    struct mem_fixture *f = *state;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (unsigned int field = 0; field < 2; field++) {
            make_pvh(true, 2 * MIB, 4);
            put_le(file + 0x800 + 4 * field, lengths[i], 4);
            use(f, 0x3000);
            f->vm.cfg.image.kind = AXVM_IMAGE_PVH;
            refused(f, AXVM_ERR_FORMAT);
        }
    }
    make_pvh(true, 4 * GIB, 8);
    use(f, 0x3000);
    refused(f, AXVM_ERR_RANGE);
}

/* ---- multiboot ---- */

static void put_multiboot(unsigned int at, uint32_t flags)
{
    put_le(file + at, 0x1badb002, 4);
    put_le(file + at + 4, flags, 4);
    put_le(file + at + 8, 0u - 0x1badb002 - flags, 4);
}

/* No ELF file: the header says where it goes. */
static void make_kludge(unsigned int at, uint32_t header_addr, uint32_t load_addr, uint32_t load_end, uint32_t bss_end,
                        uint32_t entry)
{
    const uint32_t fields[] = { header_addr, load_addr, load_end, bss_end, entry };

    fill(file, 0x4000, 5);
    put_multiboot(at, 0x10003);
    for (unsigned int i = 0; i < 5; i++)
        put_le(file + at + 12 + 4 * i, fields[i], 4);
}

static void multiboot_gets_memory_command_line_and_modules(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t info, mods;

    make_elf(false, MIB, MIB + 0x40, 0);
    put_multiboot(0x400, 3);
    use(f, 0x3000);
    use_files(f);
    f->vm.cfg.image.cmdline = "a b";
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, MIB + 0x40);
    info = loaded.arg;
    assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_MULTIBOOT);
    assert_int_equal(f->vm.arch.boot.info, info);
    assert_int_equal(guest_le(f, info, 4), 0x24d);
    assert_int_equal(guest_le(f, info + 4, 4), 639);
    assert_int_equal(guest_le(f, info + 8, 4), 255 * 1024);
    assert_guest_string(f, guest_le(f, info + 16, 4), "kernel a b");
    assert_int_equal(guest_le(f, info + 20, 4), 3);
    mods = guest_le(f, info + 24, 4);
    assert_guest_has(f, guest_le(f, mods, 4), initrd, 100001);
    assert_int_equal(guest_le(f, mods + 4, 4) - guest_le(f, mods, 4), 100001);
    assert_guest_string(f, guest_le(f, mods + 8, 4), "");
    assert_guest_has(f, guest_le(f, mods + 16, 4), other, 4097);
    assert_guest_string(f, guest_le(f, mods + 24, 4), "first=1 second");
    assert_int_equal(guest_le(f, info + 44, 4), MAP_ENTRIES * 24);
    assert_int_equal(guest_le(f, guest_le(f, info + 48, 4), 4), 20);
    assert_map(f, guest_le(f, info + 48, 4) + 4, 24);
    assert_guest_string(f, guest_le(f, info + 64, 4), "libaxvm");
}

static void multiboot_header_is_found_in_the_first_8_kib(void **state)
{
    struct mem_fixture *f = *state;

    for (unsigned int at = 0; at < 8192; at += 508) {
        make_kludge(at, MIB + at, MIB, 0, 0, MIB + 0x20);
        use(f, 0x4000);
        if (at + 32 <= 8192) {
            assert_int_equal(load(f), AXVM_OK);
            assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_MULTIBOOT);
            assert_guest_has(f, MIB, file, 0x4000);
        }
    }
    make_kludge(8192, MIB + 8192, MIB, 0, 0, MIB);
    f->vm.cfg.image.kind = AXVM_IMAGE_MULTIBOOT;
    refused(f, AXVM_ERR_FORMAT);
    make_kludge(2, MIB, MIB, 0, 0, MIB); /* not on four bytes */
    refused(f, AXVM_ERR_FORMAT);
}

static void multiboot_addresses_say_what_goes_where(void **state)
{
    struct mem_fixture *f = *state;

    memset(initrd, 0, 0x2000);
    /* From the file's byte 0x100 on, 0x300 bytes, and 0x1000 of bss. */
    make_kludge(0x180, 3 * MIB + 0x80, 3 * MIB, 3 * MIB + 0x300, 3 * MIB + 0x1300, 3 * MIB + 0x10);
    use(f, 0x4000);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(3 * MIB), file, 0x4000), AXVM_OK); /* what a guest has left there */
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, 3 * MIB + 0x10);
    assert_guest_has(f, 3 * MIB, file + 0x100, 0x300);
    assert_guest_has(f, 3 * MIB + 0x300, initrd, 0x1000);
}

static void multiboot_addresses_that_make_no_sense_are_refused(void **state)
{
    static const uint32_t bad[][5] = {
        { MIB, MIB + 4, 0, 0, MIB },                /* loaded from behind the header */
        { MIB + 0x500, MIB, 0, 0, MIB },            /* from before the file */
        { MIB + 0x100, MIB, MIB, 0, MIB },          /* nothing */
        { MIB + 0x100, MIB, MIB - 1, 0, MIB },      /* less */
        { MIB + 0x100, MIB, MIB + 0x4001, 0, MIB }, /* more than the file */
        { MIB + 0x100, MIB, 0xffffffff, 0, MIB },
        { MIB + 0x100, MIB, MIB + 0x1000, MIB + 0xfff, MIB }, /* bss ends before it begins */
        { MIB + 0x100, MIB, 0, MIB + 0x3fff, MIB },
        { 0xfffff100, 0xfffff000, 0, 0, MIB },               /* over 4 GiB */
        { MIB + 0x100, MIB, MIB + 0x1000, 0xfffffff0, MIB }, /* more than RAM */
    };
    struct mem_fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_kludge(0x100, bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4]);
        use(f, 0x4000);
        boot_log[0] = '\0';
        assert_int_not_equal(load(f), AXVM_OK);
        assert_true(boot_log[0] != '\0');
    }
}

static void multiboot_flags_that_cannot_be_honoured_are_refused(void **state)
{
    struct mem_fixture *f = *state;

    for (unsigned int bit = 0; bit < 32; bit++) {
        make_elf(false, MIB, MIB, 0);
        put_multiboot(0x400, 1u << bit);
        use(f, 0x3000);
        if (bit == 16)
            continue;
        if (bit >= 2 && bit < 16)
            refused(f, AXVM_ERR_FORMAT);
        else
            assert_int_equal(load(f), AXVM_OK);
    }
}

/* ---- the rest ---- */

static void an_elf64_file_without_either_starts_in_long_mode(void **state)
{
    struct mem_fixture *f = *state;

    make_elf(true, 4 * MIB, 4 * MIB + 8, 0);
    use(f, 0x3000);
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_ELF64);
    assert_int_equal(loaded.entry, 4 * MIB + 8);
    assert_start_info(f, loaded.arg, 0);
    assert_true(f->vm.arch.boot.cr3 != 0);
    f->vm.cfg.image.entry = axvm_gpa(4 * GIB);
    refused(f, AXVM_ERR_RANGE);
}

static void an_elf32_file_without_either_is_refused(void **state)
{
    struct mem_fixture *f = *state;

    make_elf(false, 4 * MIB, 4 * MIB, 0);
    use(f, 0x3000);
    refused(f, AXVM_ERR_FORMAT);
}

static void a_flat_binary_starts_at_1_mib(void **state)
{
    struct mem_fixture *f = *state;

    fill(file, MIB, 3);
    use(f, MIB);
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, MIB);
    assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_PVH);
    assert_guest_has(f, MIB, file, MIB);
    assert_start_info(f, loaded.arg, 0);
    f->vm.cfg.image.load = axvm_gpa(0x7c00); /* and over all that is below 1 MiB */
    assert_int_equal(load(f), AXVM_OK);
    assert_guest_has(f, 0x7c00, file, MIB);
    assert_guest_has(f, guest_le(f, loaded.arg + 32, 8), "RSD PTR ", 8);
    f->vm.cfg.image.load = axvm_gpa(0);
    f->vm.cfg.image.load_set = true;
    assert_int_equal(load(f), AXVM_OK);
    assert_guest_has(f, 0, file, MIB);
}

static void firmware_ends_at_4_gib_and_is_below_1_mib_too(void **state)
{
    static const size_t sizes[] = { 16, 65536, 131072, 200000, MIB };
    struct mem_fixture *f = *state;

    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t alias = sizes[i] < 131072 ? sizes[i] : 131072;

        fill(file, sizes[i], (uint8_t)i);
        use(f, sizes[i]);
        assert_int_equal(load(f), AXVM_OK);
        assert_int_equal(f->vm.arch.boot.mode, AXVM_X86_BOOT_RESET);
        assert_guest_has(f, 4 * GIB - sizes[i], file, sizes[i]);
        assert_guest_has(f, MIB - alias, file + sizes[i] - alias, alias);
        assert_int_equal(load(f), AXVM_OK); /* again, as after a reset */
        axvm_unmap(&f->vm, axvm_gpa(f->vm.firmware_gpa), f->vm.firmware_len);
    }
    f->vm.cfg.image.load = axvm_gpa(MIB);
    refused(f, AXVM_ERR_INVAL);
}

static void firmware_that_is_too_large_is_refused(void **state)
{
    uint8_t *large = calloc(1, 16 * MIB + 1);
    struct mem_fixture *f = *state;

    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    f->vm.cfg.image.kernel = (struct axvm_blob){ large, 16 * MIB + 1 };
    refused(f, AXVM_ERR_FORMAT);
    f->vm.cfg.image.kernel.size--;
    assert_int_equal(load(f), AXVM_OK);
    free(large);
}

static void without_a_kernel_one_is_expected_at_1_mib(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, MIB);
    assert_start_info(f, loaded.arg, 0);
}

static void a_vm_with_next_to_no_memory_is_refused(void **state)
{
    struct mem_fixture *f = *state;

    fill(file, MIB, 3);
    use(f, 4096);
    for (uint64_t size = 4096; size < 2 * MIB; size += 61440) {
        mem_map(f, AXVM_REGION_TOUCH, 0, size, 0, 0);
        f->vm.cfg.image.load = axvm_gpa(0);
        f->vm.cfg.image.load_set = true;
        if (load(f) == AXVM_OK)
            assert_true(size > 0x10000 && loaded.arg < size);
        else
            assert_true(boot_log[0] != '\0');
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(0), size), AXVM_OK);
    }
}

static void the_bios_data_area_says_where_memory_ends(void **state)
{
    struct mem_fixture *f = *state;

    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(guest_le(f, 0x40e, 2) << 4, 0x9fc00);
    assert_int_equal(guest_le(f, 0x413, 2), 639);
}

/* Whatever the bytes: an error that is logged, or a kernel whose entry is in RAM and boot data that is whole. */
static void randomly_changed_images_are_survived(void **state)
{
    struct mem_fixture *f = *state;
    unsigned int good = 0;

    srand(5);
    for (unsigned int i = 0; i < 6000; i++) {
        switch (i % 4) {
        case 0:
            make_pvh(i & 4, 2 * MIB, i & 8 ? 4 : 8);
            break;
        case 1:
            make_kludge(0x180, 3 * MIB + 0x80, 3 * MIB, 3 * MIB + 0x300, 3 * MIB + 0x1300, 3 * MIB + 0x10);
            break;
        default:
            make_elf(i & 4, MIB, MIB, 0x100);
            put_multiboot(0x400, 3);
            break;
        }
        for (unsigned int n = (unsigned int)rand() % 4; n != 0; n--)
            file[rand() % 3 == 0 ? rand() % 128 : rand() % 0x900] = (uint8_t)(rand() % 3 == 0 ? 0xff : rand());
        use(f, (size_t)(1 + rand() % 0x3000));
        if (load(f) == AXVM_OK)
            good++;
        else
            assert_true(boot_log[0] != '\0');
    }
    assert_in_range(good, 100, 5900);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, boot_setup, mem_teardown)
    const struct CMUnitTest tests[] = {
        TEST(pvh_is_entered_where_the_note_says),
        TEST(pvh_gets_its_modules),
        TEST(notes_that_lie_about_their_length_are_no_notes),
        TEST(multiboot_gets_memory_command_line_and_modules),
        TEST(multiboot_header_is_found_in_the_first_8_kib),
        TEST(multiboot_addresses_say_what_goes_where),
        TEST(multiboot_addresses_that_make_no_sense_are_refused),
        TEST(multiboot_flags_that_cannot_be_honoured_are_refused),
        TEST(an_elf64_file_without_either_starts_in_long_mode),
        TEST(an_elf32_file_without_either_is_refused),
        TEST(a_flat_binary_starts_at_1_mib),
        TEST(firmware_ends_at_4_gib_and_is_below_1_mib_too),
        TEST(firmware_that_is_too_large_is_refused),
        TEST(without_a_kernel_one_is_expected_at_1_mib),
        cmocka_unit_test_setup_teardown(a_vm_with_next_to_no_memory_is_refused, boot_setup_empty, mem_teardown),
        TEST(the_bios_data_area_says_where_memory_ends),
        TEST(randomly_changed_images_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
