/* SPDX-License-Identifier: BSD-2-Clause */
/* bzImage and the 64-bit boot protocol: Linux, Documentation/x86/boot.rst and zero-page.rst. hostile-guest.md row 84. */
#include "boot_fixture.h"

static uint8_t file[2 * MIB], initrd[MIB];

#define SETUP (5 * 512u)
#define PREF (16 * MIB)

/* A header as Linux 6 has it. */
static void use_bzimage(struct mem_fixture *f, size_t size)
{
    fill(file, size, 3);
    memset(file, 0, SETUP);
    file[0x1ef] = 0xff; /* sentinel: only the header may come along */
    file[0x1f1] = 4;
    put_le(file + 0x1f4, (size - SETUP) / 16, 4);
    put_le(file + 0x1fe, 0xaa55, 2);
    file[0x200] = 0xeb;
    file[0x201] = 0x6a;
    memcpy(file + 0x202, "HdrS", 4);
    put_le(file + 0x206, 0x20f, 2);
    file[0x211] = 1;
    put_le(file + 0x22c, 0x7fffffff, 4);
    put_le(file + 0x230, 2 * MIB, 4);
    file[0x234] = 1;
    file[0x235] = 21;
    put_le(file + 0x236, 0x2b, 2);
    put_le(file + 0x238, 2047, 4);
    put_le(file + 0x250, 0x1234, 8);
    put_le(file + 0x258, PREF, 8);
    put_le(file + 0x260, 32 * MIB, 4);
    f->vm.cfg.image.kernel = (struct axvm_blob){ file, size };
}

static void use_initrd(struct mem_fixture *f, size_t size)
{
    fill(initrd, size, 77);
    f->vm.cfg.image.initrd = (struct axvm_blob){ initrd, size };
}

static void refused(struct mem_fixture *f, int rc)
{
    assert_int_equal(load(f), rc);
    assert_true(strncmp(boot_log, "load: ", 6) == 0);
}

struct map_entry {
    uint64_t start, len;
    uint32_t type;
};

static void assert_e820(struct mem_fixture *f, const struct map_entry *expected, unsigned int count)
{
    assert_int_equal(guest_le(f, loaded.arg + 0x1e8, 1), count);
    for (unsigned int i = 0; i < count; i++) {
        uint64_t at = loaded.arg + 0x2d0 + 20 * i;

        assert_int_equal(guest_le(f, at, 8), expected[i].start);
        assert_int_equal(guest_le(f, at + 8, 8), expected[i].len);
        assert_int_equal(guest_le(f, at + 16, 4), expected[i].type);
    }
}

/* Where linear address @va is by the tables at @cr3. Large pages only. */
static uint64_t walk(struct mem_fixture *f, uint64_t cr3, uint64_t va)
{
    uint64_t e = cr3;

    for (int shift = 39; shift >= 21; shift -= 9) {
        e = guest_le(f, (e & ~0xfffull) + 8 * (va >> shift & 511), 8);
        assert_int_equal(e & 3, 3);
    }
    assert_int_equal(e & 0x80, 0x80);
    return (e & ~0x1fffffull) | (va & 0x1fffff);
}

static void linux_gets_what_the_boot_protocol_says(void **state)
{
    static const struct map_entry map[] = {
        { 0, 0x9fc00, 1 }, { 0x9fc00, 0x400, 2 }, { 0xe0000, 0x20000, 2 }, { MIB, 255 * MIB, 1 }
    };
    struct mem_fixture *f = *state;
    const struct axvm_x86_boot *boot = &f->vm.arch.boot;
    uint64_t rd;

    use_bzimage(f, MIB);
    use_initrd(f, 300001);
    f->vm.cfg.image.cmdline = "console=ttyS0 panic=-1";
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, PREF + 0x200);
    assert_guest_has(f, PREF, file + SETUP, MIB - SETUP);
    assert_int_equal(boot->mode, AXVM_X86_BOOT_LINUX);
    assert_int_equal(boot->info, loaded.arg);
    assert_int_equal(guest_le(f, loaded.arg + 0x1ef, 1), 0);
    assert_guest_has(f, loaded.arg + 0x1f1, file + 0x1f1, 0x210 - 0x1f1);
    assert_int_equal(guest_le(f, loaded.arg + 0x210, 1), 0xff);
    assert_int_equal(guest_le(f, loaded.arg + 0x250, 8), 0);
    assert_int_equal(guest_le(f, loaded.arg + 0x258, 8), PREF);
    assert_guest_string(f, guest_le(f, loaded.arg + 0x228, 4), "console=ttyS0 panic=-1");
    rd = guest_le(f, loaded.arg + 0x218, 4);
    assert_int_equal(guest_le(f, loaded.arg + 0x21c, 4), 300001);
    assert_guest_has(f, rd, initrd, 300001);
    assert_true(rd >= PREF + 32 * MIB); /* not in what init_size claims */
    assert_e820(f, map, 4);
    assert_guest_has(f, guest_le(f, loaded.arg + 0x70, 8), "RSD PTR ", 8);
    assert_guest_has(f, 0xf0000, "RSD PTR ", 8);
    assert_guest_has(f, 0xf8000, "_MP_", 4);
}

static void the_first_4_gib_are_mapped_one_to_one(void **state)
{
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    assert_int_equal(load(f), AXVM_OK);
    for (uint64_t va = 0; va < 4 * GIB; va += 2 * MIB)
        assert_int_equal(walk(f, f->vm.arch.boot.cr3, va + 0x1234), va + 0x1234);
    for (unsigned int i = 1; i < 512; i++)
        assert_int_equal(guest_le(f, f->vm.arch.boot.cr3 + 8 * i, 8), 0);
}

static void the_gdt_has_the_segments_of_the_protocol(void **state)
{
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(guest_le(f, f->vm.arch.boot.gdt, 8), 0);
    assert_int_equal(guest_le(f, f->vm.arch.boot.gdt + 0x10, 8), 0x00af9b000000ffff);
    assert_int_equal(guest_le(f, f->vm.arch.boot.gdt + 0x18, 8), 0x00cf93000000ffff);
    assert_int_equal(f->vm.arch.boot.gdt_limit, 0x2f);
}

static void setup_sects_0_stands_for_4(void **state)
{
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    file[0x1f1] = 0;
    assert_int_equal(load(f), AXVM_OK);
    assert_guest_has(f, PREF, file + SETUP, MIB - SETUP);
}

static void a_header_that_cannot_be_honoured_is_refused(void **state)
{
    static const struct {
        unsigned int at, bytes;
        uint64_t value;
    } bad[] = {
        { 0x206, 2, 0x20b },          /* an older protocol */
        { 0x236, 2, 0x2a },           /* no 64-bit entry */
        { 0x211, 1, 0 },              /* a zImage */
        { 0x1f4, 4, (MIB / 16) + 1 }, /* longer than the file */
        { 0x1f4, 4, 0xffffffff },
        { 0x230, 4, 0 }, /* kernel_alignment */
        { 0x230, 4, 3 * MIB },
        { 0x258, 8, 0 }, /* pref_address below 1 MiB */
        { 0x258, 8, 4 * GIB },
        { 0x258, 8, UINT64_MAX - 4095 },
        { 0x258, 8, 4 * GIB - MIB }, /* with init_size beyond 4 GiB */
        { 0x260, 4, 0xffffffff },
        { 0x258, 8, 255 * MIB }, /* with init_size beyond RAM */
    };
    struct mem_fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        use_bzimage(f, MIB);
        put_le(file + bad[i].at, bad[i].value, bad[i].bytes);
        boot_log[0] = '\0';
        assert_int_not_equal(load(f), AXVM_OK);
        assert_true(boot_log[0] != '\0');
    }
}

static void a_file_that_is_cut_off_is_refused(void **state)
{
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    f->vm.cfg.image.kind = AXVM_IMAGE_BZIMAGE;
    for (size_t size = 1; size < SETUP + 0x200; size += 37) {
        uint8_t *exact = malloc(size); /* ASan sees a byte too many */

        memcpy(exact, file, size);
        f->vm.cfg.image.kernel = (struct axvm_blob){ exact, size };
        refused(f, AXVM_ERR_FORMAT);
        free(exact);
    }
}

static void a_relocatable_kernel_goes_where_the_config_says(void **state)
{
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    f->vm.cfg.image.load = axvm_gpa(64 * MIB);
    assert_int_equal(load(f), AXVM_OK);
    assert_int_equal(loaded.entry, 64 * MIB + 0x200);
    assert_guest_has(f, 64 * MIB, file + SETUP, MIB - SETUP);
    f->vm.cfg.image.load = axvm_gpa(65 * MIB);
    refused(f, AXVM_ERR_INVAL);
    file[0x234] = 0;
    f->vm.cfg.image.load = axvm_gpa(64 * MIB);
    refused(f, AXVM_ERR_INVAL);
    f->vm.cfg.image.load = axvm_gpa(PREF);
    assert_int_equal(load(f), AXVM_OK);
    put_le(file + 0x230, 0, 4); /* of no interest then */
    assert_int_equal(load(f), AXVM_OK);
}

static void a_command_line_is_as_long_as_the_kernel_takes_it(void **state)
{
    struct mem_fixture *f = *state;
    char *line = calloc(1, 2049);

    use_bzimage(f, MIB);
    memset(line, 'x', 2047);
    f->vm.cfg.image.cmdline = line;
    assert_int_equal(load(f), AXVM_OK);
    assert_guest_string(f, guest_le(f, loaded.arg + 0x228, 4), line);
    line[2047] = 'x';
    refused(f, AXVM_ERR_INVAL);
    free(line);
}

static void the_initrd_ends_where_the_kernel_can_reach_it(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t rd;

    use_bzimage(f, MIB);
    use_initrd(f, MIB);
    put_le(file + 0x22c, 100 * MIB - 1, 4);
    assert_int_equal(load(f), AXVM_OK);
    rd = guest_le(f, loaded.arg + 0x218, 4);
    assert_int_equal(rd, 99 * MIB);
    put_le(file + 0x22c, 16 * MIB, 4);
    assert_int_equal(load(f), AXVM_OK);
    rd = guest_le(f, loaded.arg + 0x218, 4);
    assert_true(rd + MIB <= 16 * MIB);
    put_le(file + 0x22c, 0, 4);
    refused(f, AXVM_ERR_RANGE);
}

static void a_config_with_modules_or_a_device_tree_is_refused(void **state)
{
    const struct axvm_module module = { .file = { initrd, 10 } };
    struct mem_fixture *f = *state;

    use_bzimage(f, MIB);
    f->vm.cfg.image.modules = &module;
    f->vm.cfg.image.module_count = 1;
    refused(f, AXVM_ERR_INVAL);
    f->vm.cfg.image.module_count = 0;
    f->vm.cfg.image.fdt = (struct axvm_blob){ initrd, 10 };
    refused(f, AXVM_ERR_INVAL);
}

static void memory_above_the_gap_and_holes_are_in_the_map(void **state)
{
    static const struct map_entry map[] = {
        { 0, 0x9fc00, 1 },
        { 0x9fc00, 0x400, 2 },
        { 0xe0000, 0x20000, 2 },
        { MIB, 63 * MIB, 1 },
        { 128 * MIB, 3 * GIB - 128 * MIB, 1 },
        { 4 * GIB, GIB, 1 },
    };
    struct mem_fixture *f = *state;

    mem_map(f, AXVM_REGION_TOUCH, 0, 32 * MIB, 0, 0);
    mem_map(f, AXVM_REGION_TOUCH, 32 * MIB, 32 * MIB, 0, AXVM_PROT_READ | AXVM_PROT_WRITE); /* one entry with the first */
    mem_map(f, AXVM_REGION_TOUCH, 64 * MIB, MIB, 0, AXVM_PROT_READ);                        /* no RAM for the guest */
    mem_map(f, AXVM_REGION_TOUCH, 128 * MIB, 3 * GIB - 128 * MIB, 0, 0);
    mem_map(f, AXVM_REGION_TOUCH, 4 * GIB, GIB, 0, 0);
    use_bzimage(f, MIB);
    assert_int_equal(load(f), AXVM_OK);
    assert_e820(f, map, 6);
}

static void without_room_below_1_mib_the_tables_go_elsewhere_and_are_in_the_map(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t rsdp, count;
    bool found = false;

    mem_map(f, AXVM_REGION_TOUCH, 0, 0xf0000, 0, 0);
    mem_map(f, AXVM_REGION_TOUCH, MIB, 255 * MIB, 0, 0);
    use_bzimage(f, MIB);
    use_initrd(f, MIB);
    assert_int_equal(load(f), AXVM_OK);
    rsdp = guest_le(f, loaded.arg + 0x70, 8);
    assert_guest_has(f, rsdp, "RSD PTR ", 8);
    count = guest_le(f, loaded.arg + 0x1e8, 1);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = loaded.arg + 0x2d0 + 20 * i;

        if (guest_le(f, at + 16, 4) == 3) {
            assert_int_equal(guest_le(f, at, 8), rsdp);
            found = true;
        }
    }
    assert_true(found);
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    struct mem_fixture *f = *state;
    uint64_t idle = f->live_pages;
    long n;

    use_bzimage(f, MIB);
    use_initrd(f, 100000);
    for (n = 0;; n++) {
        int rc;

        mem_fail_alloc(f, n, true);
        rc = load(f);
        mem_fail_alloc(f, -1, false);
        if (rc == AXVM_OK)
            break;
        assert_int_equal(rc, AXVM_ERR_NOMEM);
        assert_int_equal(axvm_aspace_reset(&f->vm), AXVM_OK);
        assert_in_range(f->live_pages, idle, idle + 16); /* tables of the address space may stay */
    }
    assert_true(n > 4);
    assert_guest_has(f, PREF, file + SETUP, MIB - SETUP);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, boot_setup, mem_teardown)
#define TEST_WITHOUT_RAM(name) cmocka_unit_test_setup_teardown(name, boot_setup_empty, mem_teardown)
    const struct CMUnitTest tests[] = {
        TEST(linux_gets_what_the_boot_protocol_says),
        TEST(the_first_4_gib_are_mapped_one_to_one),
        TEST(the_gdt_has_the_segments_of_the_protocol),
        TEST(setup_sects_0_stands_for_4),
        TEST(a_header_that_cannot_be_honoured_is_refused),
        TEST(a_file_that_is_cut_off_is_refused),
        TEST(a_relocatable_kernel_goes_where_the_config_says),
        TEST(a_command_line_is_as_long_as_the_kernel_takes_it),
        TEST(the_initrd_ends_where_the_kernel_can_reach_it),
        TEST(a_config_with_modules_or_a_device_tree_is_refused),
        TEST_WITHOUT_RAM(memory_above_the_gap_and_holes_are_in_the_map),
        TEST_WITHOUT_RAM(without_room_below_1_mib_the_tables_go_elsewhere_and_are_in_the_map),
        TEST(failing_allocations_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
