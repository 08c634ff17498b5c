/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel images, good and hostile: hostile-guest.md row 84. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "arch.h"
#include "image.h"

#define RAM 0x40000000u
#define MIB (UINT64_C(1) << 20)

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)v);
    put16(p + 2, (uint16_t)(v >> 16));
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static void make_linux(uint8_t *file, uint64_t text_offset, uint64_t image_size)
{
    put64(file + 8, text_offset);
    put64(file + 16, image_size);
    put32(file + 56, axvm_arch_machine.linux_magic);
}

struct phdr {
    uint32_t type;
    uint64_t offset, vaddr, paddr, filesz, memsz;
};

/* A header, then the program headers. */
static void make_elf(uint8_t *file, uint64_t entry, const struct phdr *ph, uint16_t count)
{
    memcpy(file,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    put16(file + 16, 2);
    put16(file + 18, axvm_arch_machine.elf_machine);
    put64(file + 24, entry);
    put64(file + 32, 64);
    put16(file + 54, 56);
    put16(file + 56, count);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t *p = file + 64 + 56 * i;

        put32(p, ph[i].type);
        put64(p + 8, ph[i].offset);
        put64(p + 16, ph[i].vaddr);
        put64(p + 24, ph[i].paddr);
        put64(p + 32, ph[i].filesz);
        put64(p + 40, ph[i].memsz);
    }
}

static int parse(const void *file, size_t size, struct axvm_image *img)
{
    const struct axvm_image_config cfg = { .kernel = { .data = file, .size = size } };
    const char *why = NULL;
    int rc;

    memset(img, 0, sizeof(*img));
    rc = axvm_image_parse(&cfg, RAM, img, &why);
    assert_true((rc == AXVM_OK) == (why == NULL));
    return rc;
}

/* What every accepted image promises to the loader. */
static void assert_sane(const struct axvm_image *img, const uint8_t *file, size_t size)
{
    assert_in_range(img->count, 1, AXVM_IMAGE_MAX_SEGMENTS);
    for (uint32_t i = 0; i < img->count; i++) {
        const struct axvm_segment *s = &img->segments[i];

        assert_int_not_equal(s->len, 0);
        assert_true(s->data_len <= s->len);
        assert_true(s->len <= UINT64_MAX - s->gpa);
        assert_true(s->data >= file && s->data_len <= size - (size_t)(s->data - file));
        for (uint32_t j = 0; j < i; j++) {
            const struct axvm_segment *t = &img->segments[j];

            assert_true(s->gpa + s->len <= t->gpa || t->gpa + t->len <= s->gpa);
        }
    }
}

static void linux_image_goes_text_offset_above_ram(void **state)
{
    uint8_t file[4096] = { 0 };
    struct axvm_image img;

    (void)state;
    make_linux(file, 0x80000, 32 * MIB);
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.kind, AXVM_IMAGE_LINUX);
    assert_int_equal(img.entry, RAM + 0x80000);
    assert_int_equal(img.segments[0].gpa, RAM + 0x80000);
    assert_int_equal(img.segments[0].len, 32 * MIB);
    assert_int_equal(img.segments[0].data_len, sizeof(file));
    assert_false(img.zero_tail);
}

static void linux_image_is_aligned_when_ram_is_not(void **state)
{
    uint8_t file[64] = { 0 };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) } };
    struct axvm_image img;
    const char *why;

    (void)state;
    make_linux(file, 0, 4096);
    assert_int_equal(axvm_image_parse(&cfg, RAM + 4096, &img, &why), AXVM_OK);
    assert_int_equal(img.entry, RAM + axvm_arch_machine.image_align);
}

static void linux_image_before_3_17_has_a_fixed_text_offset(void **state)
{
    uint8_t file[128] = { 0 };
    struct axvm_image img;

    (void)state;
    make_linux(file, 0x123456789abcdef0, 0); /* of the wrong byte order, so it is not looked at */
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.entry, RAM + axvm_arch_machine.linux_old_offset);
    assert_int_equal(img.segments[0].len, sizeof(file));
}

static void linux_image_size_smaller_than_the_file_counts_as_the_file(void **state)
{
    uint8_t file[4096] = { 0 };
    struct axvm_image img;

    (void)state;
    make_linux(file, 0, 1);
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.segments[0].len, sizeof(file));
}

static void linux_header_that_wraps_is_refused(void **state)
{
    static const struct {
        uint64_t text_offset, image_size;
    } bad[] = {
        { UINT64_MAX, 1 },          { UINT64_MAX - RAM + 1, 1 },   { 0, UINT64_MAX },
        { UINT64_MAX - RAM, 4096 }, { 0x80000, UINT64_MAX - RAM },
    };
    uint8_t file[64] = { 0 };
    struct axvm_image img;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_linux(file, bad[i].text_offset, bad[i].image_size);
        assert_int_equal(parse(file, sizeof(file), &img), AXVM_ERR_RANGE);
    }
}

static void linux_image_takes_only_a_load_address_that_suits_its_header(void **state)
{
    uint8_t file[64] = { 0 };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .load = { RAM + 4 * MIB + 0x80000 } };
    struct axvm_image img;
    const char *why;

    (void)state;
    make_linux(file, 0x80000, 4096);
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_OK);
    assert_int_equal(img.entry, RAM + 4 * MIB + 0x80000);
    cfg.load.v += 4096;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_INVAL);
}

static void linux_kind_without_its_magic_is_refused(void **state)
{
    uint8_t file[64] = { 0 };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .kind = AXVM_IMAGE_LINUX };
    struct axvm_image img;
    const char *why;

    (void)state;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_FORMAT);
    make_linux(file, 0, 4096);
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_OK);
    cfg.kernel.size = 63;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_FORMAT);
}

static void anything_else_is_flat_and_starts_at_its_first_byte(void **state)
{
    static const uint8_t file[3] = { 1, 2, 3 };
    struct axvm_image img;

    (void)state;
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.kind, AXVM_IMAGE_FLAT);
    assert_int_equal(img.entry, RAM + axvm_arch_machine.image_offset);
    assert_int_equal(img.segments[0].len, 3);
}

static void flat_image_goes_where_the_config_says_also_to_zero(void **state)
{
    static const uint8_t file[3] = { 1, 2, 3 };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .load_set = true };
    struct axvm_image img;
    const char *why;

    (void)state;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_OK);
    assert_int_equal(img.entry, 0);
    cfg.load.v = UINT64_MAX - 1;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_RANGE);
}

static void firmware_goes_to_its_place_whatever_it_looks_like(void **state)
{
    uint8_t file[64] = { 0x1f, 0x8b };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .kind = AXVM_IMAGE_FIRMWARE };
    struct axvm_image img;
    const char *why;

    (void)state;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_OK);
    assert_int_equal(img.entry, axvm_arch_machine.firmware_base);
}

static void compressed_kernels_are_refused(void **state)
{
    uint8_t gzip[64] = { 0x1f, 0x8b, 8 };
    uint8_t zboot[64] = "MZ\0\0zimg";
    struct axvm_image img;

    (void)state;
    assert_int_equal(parse(gzip, sizeof(gzip), &img), AXVM_ERR_FORMAT);
    assert_int_equal(parse(zboot, sizeof(zboot), &img), AXVM_ERR_FORMAT);
    assert_int_equal(parse(gzip, 1, &img), AXVM_OK); /* a flat binary of one byte is one */
}

static void unknown_kind_and_empty_kernel_are_refused(void **state)
{
    uint8_t file[64] = { 0 };
    struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .kind = (enum axvm_image_kind)77 };
    struct axvm_image img;
    const char *why;

    (void)state;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_INVAL);
    cfg.kind = AXVM_IMAGE_FLAT;
    cfg.kernel.size = 0;
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_INVAL);
}

static void elf_segments_go_to_their_physical_addresses(void **state)
{
    const struct phdr ph[] = {
        { 1, 0x200, 0xffff000000000000, RAM, 0x100, 0x1000 },
        { 4, 0, 0, 0, UINT64_MAX, 0 }, /* PT_NOTE: not looked at */
        { 1, 0x300, 0xffff000000200000, RAM + 2 * MIB, 0, 0x3000 },
        { 1, 0, 0, 0, 0, 0 },
    };
    uint8_t file[0x400] = { 0 };
    struct axvm_image img;

    (void)state;
    make_elf(file, 0xffff000000000010, ph, 4);
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.kind, AXVM_IMAGE_ELF);
    assert_int_equal(img.count, 2);
    assert_true(img.zero_tail);
    assert_int_equal(img.segments[0].gpa, RAM);
    assert_int_equal(img.segments[0].len, 0x1000);
    assert_int_equal(img.segments[0].data_len, 0x100);
    assert_ptr_equal(img.segments[0].data, file + 0x200);
    assert_int_equal(img.segments[1].gpa, RAM + 2 * MIB);
    assert_int_equal(img.entry, RAM + 0x10); /* made physical */
}

static void elf_entry_outside_all_segments_is_taken_as_it_is(void **state)
{
    const struct phdr ph = { 1, 0, RAM, RAM, 64, 64 };
    uint8_t file[256] = { 0 };
    struct axvm_image img;

    (void)state;
    make_elf(file, 0x1234, &ph, 1);
    assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
    assert_int_equal(img.entry, 0x1234);
}

static void hostile_elf_segments_are_refused(void **state)
{
    static const struct {
        struct phdr a, b;
    } bad[] = {
        { { 1, 0, RAM, RAM, 0x11, 0x10 }, { 0 } },                                     /* p_filesz > p_memsz */
        { { 1, 0x400, RAM, RAM, 1, 1 }, { 0 } },                                       /* behind the file */
        { { 1, UINT64_MAX, RAM, RAM, 2, 2 }, { 0 } },                                  /* p_offset + p_filesz wraps */
        { { 1, 0x3ff, RAM, RAM, 2, 2 }, { 0 } },                                       /* one byte too long */
        { { 1, 0, RAM, UINT64_MAX, 2, 2 }, { 0 } },                                    /* p_paddr + p_memsz wraps */
        { { 1, 0, RAM, RAM, 0, UINT64_MAX }, { 0 } },                                  /* and by p_memsz */
        { { 1, 0, RAM, RAM, 16, 0x1000 }, { 1, 0, 0, RAM + 0xfff, 1, 1 } },            /* overlap */
        { { 1, 0, RAM, RAM + 0x10, 16, 0x1000 }, { 1, 0, 0, RAM, 0x11, UINT32_MAX } }, /* one in the other */
        { { 0 }, { 0 } },                                                              /* nothing to load */
    };
    uint8_t file[0x400];
    struct axvm_image img;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct phdr ph[2] = { bad[i].a, bad[i].b };

        memset(file, 0, sizeof(file));
        make_elf(file, RAM, ph, 2);
        assert_int_equal(parse(file, sizeof(file), &img), AXVM_ERR_FORMAT);
    }
}

static void elf_headers_of_others_are_refused(void **state)
{
    static const struct {
        unsigned int at;
        uint8_t val;
    } bad[] = {
        { 4, 1 },     /* 32 bit */
        { 5, 2 },     /* big-endian */
        { 16, 1 },    /* relocatable */
        { 19, 0x7f }, /* another CPU */
        { 54, 32 },   /* e_phentsize of 32 bit */
        { 39, 0x80 }, /* e_phoff far away */
        { 32, 0xff }, /* e_phoff + table behind the end */
    };
    const struct phdr ph = { 1, 0, RAM, RAM, 64, 64 };
    uint8_t file[128] = { 0 };
    struct axvm_image img;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_elf(file, RAM, &ph, 1);
        assert_int_equal(parse(file, sizeof(file), &img), AXVM_OK);
        file[bad[i].at] = bad[i].val;
        assert_int_equal(parse(file, sizeof(file), &img), AXVM_ERR_FORMAT);
        memset(file, 0, sizeof(file));
    }
}

/* hostile-guest.md row 84: 65,535 program headers. */
static void elf_with_very_many_headers_is_bounded(void **state)
{
    const size_t size = 64 + 56 * 65535;
    uint8_t *file = calloc(1, size);
    struct axvm_image img;

    (void)state;
    assert_non_null(file);
    make_elf(file, RAM, NULL, 0);
    put16(file + 56, 65535);
    assert_int_equal(parse(file, size, &img), AXVM_ERR_FORMAT); /* all PT_NULL */
    for (size_t i = 0; i < 65535; i++) {
        uint8_t *p = file + 64 + 56 * i;

        put32(p, 1);
        put64(p + 24, RAM + i * 4096);
        put64(p + 40, 4096);
    }
    assert_int_equal(parse(file, size, &img), AXVM_ERR_FORMAT); /* more PT_LOAD than there is room for */
    put16(file + 56, AXVM_IMAGE_MAX_SEGMENTS);
    assert_int_equal(parse(file, size, &img), AXVM_OK);
    assert_int_equal(img.count, AXVM_IMAGE_MAX_SEGMENTS);
    put16(file + 56, AXVM_IMAGE_MAX_SEGMENTS + 1);
    assert_int_equal(parse(file, size, &img), AXVM_ERR_FORMAT);
    free(file);
}

static void elf_with_a_load_address_in_the_config_is_refused(void **state)
{
    const struct phdr ph = { 1, 0, RAM, RAM, 64, 64 };
    uint8_t file[128] = { 0 };
    const struct axvm_image_config cfg = { .kernel = { file, sizeof(file) }, .load_set = true };
    struct axvm_image img;
    const char *why;

    (void)state;
    make_elf(file, RAM, &ph, 1);
    assert_int_equal(axvm_image_parse(&cfg, RAM, &img, &why), AXVM_ERR_INVAL);
}

/* The file ends in memory of its own, so that ASan sees a read past it. */
static void parse_exact(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    struct axvm_image img;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    if (parse(copy, size, &img) == AXVM_OK)
        assert_sane(&img, copy, size);
    free(copy);
}

static void images_truncated_at_every_byte_are_survived(void **state)
{
    const struct phdr ph[2] = { { 1, 0, RAM, RAM, 64, 64 }, { 1, 64, RAM, RAM + 4096, 112, 4096 } };
    uint8_t elf[64 + 2 * 56] = { 0 };
    uint8_t image[80] = { 0 };

    (void)state;
    make_elf(elf, RAM, ph, 2);
    make_linux(image, 0, 4096);
    for (size_t size = 0; size <= sizeof(elf); size++)
        parse_exact(elf, size);
    for (size_t size = 0; size <= sizeof(image); size++)
        parse_exact(image, size);
}

static void randomly_changed_images_are_survived(void **state)
{
    const struct phdr ph[3] = { { 1, 0, RAM, RAM, 64, 64 },
                                { 1, 64, RAM, RAM + 4096, 112, 4096 },
                                { 1, 0, 0, RAM + 8192, 1, 9 } };
    uint8_t elf[64 + 3 * 56], image[80];

    (void)state;
    srand(1);
    for (unsigned int round = 0; round < 50000; round++) {
        memset(elf, 0, sizeof(elf));
        memset(image, 0, sizeof(image));
        make_elf(elf, RAM, ph, 3);
        make_linux(image, 0, 4096);
        for (int changes = rand() % 4 + 1; changes != 0; changes--) {
            static const uint8_t nasty[] = { 0, 1, 0x7f, 0x80, 0xff };

            elf[(size_t)rand() % sizeof(elf)] = nasty[(size_t)rand() % sizeof(nasty)];
            image[(size_t)rand() % sizeof(image)] = (uint8_t)rand();
        }
        parse_exact(elf, sizeof(elf));
        parse_exact(image, sizeof(image));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_image_goes_text_offset_above_ram),
        cmocka_unit_test(linux_image_is_aligned_when_ram_is_not),
        cmocka_unit_test(linux_image_before_3_17_has_a_fixed_text_offset),
        cmocka_unit_test(linux_image_size_smaller_than_the_file_counts_as_the_file),
        cmocka_unit_test(linux_header_that_wraps_is_refused),
        cmocka_unit_test(linux_image_takes_only_a_load_address_that_suits_its_header),
        cmocka_unit_test(linux_kind_without_its_magic_is_refused),
        cmocka_unit_test(anything_else_is_flat_and_starts_at_its_first_byte),
        cmocka_unit_test(flat_image_goes_where_the_config_says_also_to_zero),
        cmocka_unit_test(firmware_goes_to_its_place_whatever_it_looks_like),
        cmocka_unit_test(compressed_kernels_are_refused),
        cmocka_unit_test(unknown_kind_and_empty_kernel_are_refused),
        cmocka_unit_test(elf_segments_go_to_their_physical_addresses),
        cmocka_unit_test(elf_entry_outside_all_segments_is_taken_as_it_is),
        cmocka_unit_test(hostile_elf_segments_are_refused),
        cmocka_unit_test(elf_headers_of_others_are_refused),
        cmocka_unit_test(elf_with_very_many_headers_is_bounded),
        cmocka_unit_test(elf_with_a_load_address_in_the_config_is_refused),
        cmocka_unit_test(images_truncated_at_every_byte_are_survived),
        cmocka_unit_test(randomly_changed_images_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
