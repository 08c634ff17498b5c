/* SPDX-License-Identifier: BSD-2-Clause */
/* Images for a riscv64 guest with anything in their headers: hostile-guest.md row 84, on the riscv64 backend. */
#include "hs_world.h"
#include "native_fixture.h"
#include "native_images.h"

#include <axvm/err.h>
#include <libfdt.h>
#include <stdlib.h>

#define RAM UINT64_C(0x80000000)
#define RAM_SIZE (16 * MIB)

static uint8_t image[64 << 10], initrd[8192];
static char cmdline[65536];

/* Linux, Documentation/arch/riscv/boot-image-header.rst */
static void make_linux(void)
{
    memset(image, 0x13, sizeof(image));
    native_put_le(image + 8, 2 * MIB, 8);
    native_put_le(image + 16, MIB, 8);
    native_put_le(image + 24, 0, 8);
    native_put_le(image + 32, 2, 4);
    native_put_le(image + 36, 0, 4);
    native_put_le(image + 40, 0, 8);
    native_put_le(image + 48, UINT64_C(0x5643534952), 8);
    native_put_le(image + 56, 0x05435352, 4);
    native_put_le(image + 60, 0, 4);
}

static void make_elf(void)
{
    static const struct native_segment segments[] = {
        { 0x1000, RAM + 2 * MIB, 0x1000, 0x2000 },
        { 0x2000, RAM + 3 * MIB, 0x1000, 0x2000 },
    };

    memset(image, 0, sizeof(image));
    native_put_elf64(image, 243, segments, 2); /* EM_RISCV */
}

/* ---- what has to be so afterwards ---- */

/* Where it begins is the image's affair. The device tree is in RAM, whole and well-formed, and says where the initrd is: in
 * RAM, and not in the tree. */
static void check_loaded(struct axvm *vm)
{
    static _Alignas(8) uint8_t fdt[256 << 10];
    uint64_t at = vm->boot_arg, from, size = sizeof(initrd);
    const fdt64_t *start;
    int chosen, len;

    assert_true(at >= RAM && at < RAM + RAM_SIZE);
    assert_int_equal(axvm_read_guest(vm, axvm_gpa(at), fdt, sizeof(struct fdt_header)), AXVM_OK);
    assert_true(fdt_totalsize(fdt) <= sizeof(fdt));
    assert_int_equal(axvm_read_guest(vm, axvm_gpa(at), fdt, fdt_totalsize(fdt)), AXVM_OK);
    assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
    chosen = fdt_path_offset(fdt, "/chosen");
    start = fdt_getprop(fdt, chosen, "linux,initrd-start", &len);
    assert_non_null(start);
    from = len == 8 ? fdt64_ld(start) : fdt32_ld((const fdt32_t *)start);
    assert_true(from >= RAM && from + size <= RAM + RAM_SIZE);
    assert_true(from + size <= at || at + fdt_totalsize(fdt) <= from);
}

static const struct axvm_vcpu_config anywhere[1];
static struct axvm *make(struct fake_hal *hal, enum axvm_image_kind kind, size_t size)
{
    const struct axvm_config cfg = {
        .vcpu_count = 1,
        .vcpus = anywhere,
        .ram_size = RAM_SIZE,
        .ram_kind = AXVM_REGION_TOUCH,
        .image = { .kernel = { image, size }, .kind = kind, .initrd = { initrd, sizeof(initrd) }, .cmdline = "quiet" },
    };

    return native_vm(hal, &cfg);
}

/* It is loaded, or refused: then the guest's memory has nothing of it, and a good one can be loaded in its place. */
static bool try_load(struct fake_hal *hal, enum axvm_image_kind kind, size_t size)
{
    uint64_t before = hal->live_pages, empty;
    struct axvm *vm = make(hal, kind, size);
    int rc;

    empty = hal->live_pages;
    rc = axvm_load(vm);
    if (rc == AXVM_OK) {
        check_loaded(vm);
    } else {
        assert_true(rc == AXVM_ERR_FORMAT || rc == AXVM_ERR_RANGE || rc == AXVM_ERR_INVAL || rc == AXVM_ERR_NOSUP);
        assert_int_equal(axvm_get_state(vm), AXVM_LOADING);
        assert_int_equal(hal->live_pages, empty);
        assert_int_equal(axvm_boot(vm), rc);
    }
    native_destroy(vm);
    assert_int_equal(hal->live_pages, before);
    return rc == AXVM_OK;
}

static const uint64_t wild[] = {
    0,
    1,
    2,
    55,
    56,
    63,
    64,
    0xfff,
    0x1000,
    0x1001,
    0xffff,
    MIB,
    2 * MIB,
    RAM_SIZE - 0x1000,
    RAM_SIZE,
    RAM,
    RAM + 2 * MIB,
    RAM + RAM_SIZE - 0x1000,
    RAM + RAM_SIZE - 1,
    RAM + RAM_SIZE,
    RAM - 0x1000,
    UINT32_MAX,
    UINT64_C(1) << 32,
    UINT64_C(1) << 56,
    INT64_MAX,
    UINT64_C(1) << 63,
    UINT64_MAX - 0x1000,
    UINT64_MAX - 0xfff,
    UINT64_MAX,
};
#define WILD (sizeof(wild) / sizeof(wild[0]))

static void sweep(struct fake_hal *hal, void (*make_good)(void), const uint8_t (*fields)[2], size_t count)
{
    unsigned int loaded = 0, refused = 0;

    for (size_t f = 0; f < count; f++) {
        for (size_t i = 0; i < WILD; i++) {
            bool ok;

            make_good();
            native_put_le(image + fields[f][0], wild[i], fields[f][1]);
            ok = try_load(hal, AXVM_IMAGE_AUTO, sizeof(image));
            loaded += ok;
            refused += !ok;
        }
    }
    assert_true(loaded > 10 && refused > 10);
}

static void each_field_of_an_image_header_may_be_anything(void **state)
{
    static const uint8_t fields[][2] = { { 8, 8 }, { 16, 8 }, { 24, 8 }, { 32, 4 }, { 48, 8 }, { 56, 4 }, { 60, 4 } };

    sweep(*state, make_linux, fields, sizeof(fields) / sizeof(fields[0]));
}

static void each_field_of_an_elf_file_may_be_anything(void **state)
{
    static const uint8_t fields[][2] = {
        { 4, 1 },  { 5, 1 },  { 16, 2 }, { 18, 2 }, { 24, 8 }, { 32, 8 },  { 52, 2 },  { 54, 2 },  { 56, 2 },
        { 64, 4 }, { 72, 8 }, { 80, 8 }, { 88, 8 }, { 96, 8 }, { 104, 8 }, { 112, 8 }, { 144, 8 }, { 160, 8 },
    };

    sweep(*state, make_elf, fields, sizeof(fields) / sizeof(fields[0]));
}

/* Named in the row. */
static void wild_images_are_refused(void **state)
{
    make_linux();
    native_put_le(image + 8, UINT64_MAX - MIB, 8); /* text_offset wraps */
    assert_false(try_load(*state, AXVM_IMAGE_LINUX, sizeof(image)));
    make_linux();
    native_put_le(image + 16, UINT64_MAX, 8); /* image_size does */
    assert_false(try_load(*state, AXVM_IMAGE_LINUX, sizeof(image)));
    make_elf();
    native_put_le(image + 64 + 32, 0x3000, 8); /* p_filesz > p_memsz */
    assert_false(try_load(*state, AXVM_IMAGE_ELF, sizeof(image)));
    make_elf();
    native_put_le(image + 64 + 56 + 24, RAM + 2 * MIB, 8); /* segments over each other */
    assert_false(try_load(*state, AXVM_IMAGE_ELF, sizeof(image)));
    make_elf();
    native_put_le(image + 56, 65535, 2);
    assert_false(try_load(*state, AXVM_IMAGE_ELF, sizeof(image)));
    make_elf();
    native_put_le(image + 64 + 40, RAM_SIZE, 8); /* no room is left for tree and initrd */
    assert_false(try_load(*state, AXVM_IMAGE_ELF, sizeof(image)));
    for (size_t size = 0; size < 0x3000; size += 61) {
        make_elf();
        try_load(*state, AXVM_IMAGE_ELF, size != 0 ? size : 1);
        make_linux();
        try_load(*state, AXVM_IMAGE_LINUX, size != 0 ? size : 1);
    }
}

static void a_command_line_of_64_kib_is_passed_and_a_longer_one_refused(void **state)
{
    struct axvm_config cfg = { .ram_size = RAM_SIZE, .ram_kind = AXVM_REGION_TOUCH, .image = { .cmdline = cmdline } };
    struct axvm *vm = NULL;

    make_linux();
    cfg.image.kernel = (struct axvm_blob){ image, sizeof(image) };
    cfg.image.initrd = (struct axvm_blob){ initrd, sizeof(initrd) };
    memset(cmdline, 'x', sizeof(cmdline) - 1);
    vm = native_vm(*state, &cfg);
    assert_int_equal(axvm_load(vm), AXVM_OK);
    check_loaded(vm);
    native_destroy(vm);
}

static void random_changes_of_both_kinds_break_nothing(void **state)
{
    srand(84);
    for (unsigned int i = 0; i < 3000; i++) {
        if (i % 2)
            make_linux();
        else
            make_elf();
        for (unsigned int n = 1 + (unsigned int)rand() % 4; n != 0; n--)
            native_put_le(image + (uint32_t)rand() % 180, wild[(unsigned int)rand() % WILD], 1u << rand() % 4);
        try_load(*state, rand() % 3 == 0 ? AXVM_IMAGE_AUTO : i % 2 ? AXVM_IMAGE_LINUX : AXVM_IMAGE_ELF, sizeof(image));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(each_field_of_an_image_header_may_be_anything),
        NATIVE_TEST(each_field_of_an_elf_file_may_be_anything),
        NATIVE_TEST(wild_images_are_refused),
        NATIVE_TEST(a_command_line_of_64_kib_is_passed_and_a_longer_one_refused),
        NATIVE_TEST(random_changes_of_both_kinds_break_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
