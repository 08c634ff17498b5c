/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel, initrd and device tree in a guest's memory: hostile-guest.md row 84, "segment over DTB/initrd", "no partial VM". */
#include "fdt_fixture.h"

#include <axvm/memory.h>

#include "bits.h"
#include "load.h"

#define RAM UINT64_C(0x40000000) /* the default machine's */
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static uint8_t file[4 * MIB], initrd[4 * MIB];

static axvm_hpa_t virt_to_phys(void *ctx, const void *va)
{
    (void)ctx;
    return axvm_hpa((uintptr_t)va);
}

static int setup_empty(void **state)
{
    struct fdt_fixture *f;

    fx_setup(state);
    f = *state;
    f->allocs_left = 1000000;
    f->vm.hal.virt_to_phys = virt_to_phys;
    memset(&f->vm.as, 0, sizeof(f->vm.as));
    memset(file, 0, sizeof(file));
    assert_int_equal(axvm_aspace_init(&f->vm), AXVM_OK);
    return 0;
}

static void map(struct fdt_fixture *f, uint64_t gpa, uint64_t len, enum axvm_region_kind kind)
{
    const struct axvm_region region = { .gpa = { gpa }, .len = len, .kind = kind, .hpa = { gpa } };

    assert_int_equal(axvm_map(&f->vm, &region), AXVM_OK);
}

/* 64 MiB that cost nothing until they are touched. */
static int setup(void **state)
{
    setup_empty(state);
    map(*state, RAM, 64 * MIB, AXVM_REGION_TOUCH);
    return 0;
}

static int teardown(void **state)
{
    struct fdt_fixture *f = *state;

    axvm_aspace_fini(&f->vm);
    return fx_teardown(state);
}

/* ---- images ---- */

static void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Something that is recognised when it is found in the wrong place. */
static void fill(uint8_t *p, size_t len, uint8_t seed)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(seed + i / 7 + i / 4096);
}

static void use_flat(struct fdt_fixture *f, size_t size)
{
    fill(file, size, 1);
    f->vm.cfg.image.kernel = (struct axvm_blob){ file, size };
    f->vm.cfg.image.kind = AXVM_IMAGE_FLAT;
}

static void use_linux(struct fdt_fixture *f, size_t size, uint64_t text_offset, uint64_t image_size)
{
    use_flat(f, size);
    f->vm.cfg.image.kind = AXVM_IMAGE_AUTO;
    put_le(file + 8, text_offset, 8);
    put_le(file + 16, image_size, 8);
    put_le(file + 56, axvm_arch_machine.linux_magic, 4);
}

static void use_initrd(struct fdt_fixture *f, size_t size)
{
    fill(initrd, size, 77);
    f->vm.cfg.image.initrd = (struct axvm_blob){ initrd, size };
}

struct segment {
    uint64_t paddr, filesz, memsz;
};

/* Segments take the file's bytes from 1 MiB on. */
static void use_elf(struct fdt_fixture *f, const struct segment *seg, unsigned int count)
{
    use_flat(f, 2 * MIB);
    f->vm.cfg.image.kind = AXVM_IMAGE_AUTO;
    memset(file, 0, 64 + 56 * count);
    memcpy(file,
           "\x7f"
           "ELF\x02\x01\x01",
           7);
    put_le(file + 16, 2, 2);
    put_le(file + 18, axvm_arch_machine.elf_machine, 2);
    put_le(file + 24, seg[0].paddr + 4, 8);
    put_le(file + 32, 64, 8);
    put_le(file + 54, 56, 2);
    put_le(file + 56, count, 2);
    for (unsigned int i = 0; i < count; i++) {
        uint8_t *ph = file + 64 + 56 * i;

        put_le(ph, 1, 4);
        put_le(ph + 8, MIB, 8);
        put_le(ph + 16, seg[i].paddr, 8);
        put_le(ph + 24, seg[i].paddr, 8);
        put_le(ph + 32, seg[i].filesz, 8);
        put_le(ph + 40, seg[i].memsz, 8);
    }
}

/* ---- what came of it ---- */

static void assert_guest_has(struct fdt_fixture *f, uint64_t gpa, const void *expected, size_t len)
{
    void *copy = malloc(len);

    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(gpa), copy, len), AXVM_OK);
    assert_memory_equal(copy, expected, len);
    free(copy);
}

static void assert_guest_is_zero(struct fdt_fixture *f, uint64_t gpa, size_t len)
{
    void *zero = calloc(1, len);

    assert_guest_has(f, gpa, zero, len);
    free(zero);
}

/* The tree in guest memory at @gpa, to be freed. */
static void *guest_tree(struct fdt_fixture *f, uint64_t gpa)
{
    struct fdt_header header;
    void *fdt;

    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(gpa), &header, sizeof(header)), AXVM_OK);
    assert_int_equal(fdt_magic(&header), FDT_MAGIC);
    fdt = malloc(fdt_totalsize(&header));
    assert_int_equal(axvm_read_guest(&f->vm, axvm_gpa(gpa), fdt, fdt_totalsize(&header)), AXVM_OK);
    assert_int_equal(fdt_check_full(fdt, fdt_totalsize(&header)), 0);
    return fdt;
}

static uint64_t initrd_in_tree(const void *fdt)
{
    const fdt64_t *start = fdt_getprop(fdt, fx_node(fdt, "/chosen"), "linux,initrd-start", NULL);

    return start != NULL ? fdt64_ld(start) : 0;
}

struct placed {
    uint64_t entry, fdt, fdt_size, initrd;
};

static struct placed load(struct fdt_fixture *f)
{
    struct placed at = { 0 };
    void *fdt;

    f->log_lines = 0;
    assert_int_equal(axvm_load_images(&f->vm, &at.entry, &at.fdt), AXVM_OK);
    assert_int_equal(f->log_lines, 0);
    fdt = guest_tree(f, at.fdt);
    at.fdt_size = fdt_totalsize(fdt);
    at.initrd = initrd_in_tree(fdt);
    free(fdt);
    return at;
}

/* It fails, says why in one line, and gives nothing to run. */
static void assert_load_fails(struct fdt_fixture *f, int expected)
{
    uint64_t entry = 1234, arg = 5678;

    f->log_lines = 0;
    assert_int_equal(axvm_load_images(&f->vm, &entry, &arg), expected);
    assert_int_equal(entry, 1234);
    assert_int_equal(arg, 5678);
    assert_int_equal(f->log_lines, 1);
}

/* ---- where things go ---- */

static void linux_gets_kernel_initrd_and_tree(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;

    use_linux(f, MIB, 0x80000, 8 * MIB);
    use_initrd(f, 3 * MIB + 5);
    at = load(f);
    assert_int_equal(at.entry, RAM + 0x80000);
    assert_guest_has(f, at.entry, file, MIB);
    assert_guest_has(f, at.initrd, initrd, 3 * MIB + 5);
    assert_true(at.fdt >= at.entry + 8 * MIB); /* image_size is kept free */
    assert_true(at.initrd >= at.entry + 8 * MIB);
    assert_false(axvm_overlap(at.fdt, at.fdt_size, at.initrd, 3 * MIB + 5));
    assert_int_equal(at.fdt % 8, 0);
}

static void flat_binary_starts_at_the_start_of_ram(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;

    use_flat(f, 100);
    at = load(f);
    assert_int_equal(at.entry, RAM + axvm_arch_machine.image_offset);
    assert_guest_has(f, at.entry, file, 100);
}

static void entry_of_the_config_wins(void **state)
{
    struct fdt_fixture *f = *state;

    use_flat(f, 100);
    f->vm.cfg.image.entry = axvm_gpa(RAM + 64);
    assert_int_equal(load(f).entry, RAM + 64);
    f->vm.cfg.image.entry = axvm_gpa(0);
    f->vm.cfg.image.entry_set = true;
    assert_int_equal(load(f).entry, 0);
}

static void vm_without_a_kernel_starts_where_one_would_be(void **state)
{
    struct fdt_fixture *f = *state;

    assert_int_equal(load(f).entry, RAM + axvm_arch_machine.image_offset);
}

static void loading_again_gives_the_same(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed first, second;

    use_linux(f, MIB, 0, 2 * MIB);
    use_initrd(f, MIB);
    first = load(f);
    second = load(f);
    assert_memory_equal(&first, &second, sizeof(first));
}

/* Documentation/arm64/booting.rst: the tree in 512 MiB of the kernel before 4.2, the initrd in 32 GiB. */
static void large_ram_is_used_only_as_far_as_the_boot_protocol_reaches(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;

    map(f, RAM + 64 * MIB, 64 * GIB, AXVM_REGION_TOUCH);
    use_linux(f, 4096, 0, 2 * MIB);
    use_initrd(f, MIB);
    at = load(f);
    assert_true(at.fdt + at.fdt_size <= RAM + axvm_arch_machine.fdt_window);
    assert_true(at.initrd + MIB <= axvm_align_down(RAM, GIB) + axvm_arch_machine.initrd_window);
}

static void ram_elsewhere_is_used_from_its_start(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;

    map(f, 2 * GIB, 64 * MIB, AXVM_REGION_TOUCH);
    map(f, 3 * GIB, 64 * MIB, AXVM_REGION_TOUCH);
    use_flat(f, 100);
    at = load(f);
    assert_int_equal(at.entry, 2 * GIB + axvm_arch_machine.image_offset);
    assert_true(at.fdt > 2 * GIB && at.fdt + at.fdt_size <= 2 * GIB + 64 * MIB);
}

static void vm_without_ram_is_refused(void **state)
{
    struct fdt_fixture *f = *state;

    use_flat(f, 100);
    assert_load_fails(f, AXVM_ERR_RANGE);
    map(f, RAM, MIB, AXVM_REGION_DEVICE);
    assert_load_fails(f, AXVM_ERR_RANGE);
}

/* Room for the tree, but not where it would be aligned. */
static void tree_that_only_fits_unaligned_is_refused(void **state)
{
    struct fdt_fixture *f = *state;
    static char cmdline[10000];

    memset(cmdline, 'x', sizeof(cmdline) - 1);
    f->vm.cfg.image.cmdline = cmdline;
    map(f, RAM + 0x1000, 0x4000, AXVM_REGION_TOUCH);
    assert_load_fails(f, AXVM_ERR_RANGE);
    map(f, RAM + 0x5000, 0x3000, AXVM_REGION_TOUCH);
    assert_int_equal(load(f).fdt, RAM + 0x4000);
}

/* Random sizes: either it is refused, or everything is in RAM, aligned and apart. */
static void nothing_ever_overlaps(void **state)
{
    struct fdt_fixture *f = *state;
    static char cmdline[60000];
    unsigned int accepted = 0;

    memset(cmdline, 'x', sizeof(cmdline) - 1);
    srand(5);
    for (unsigned int round = 0; round < 300; round++) {
        uint64_t ram = (uint64_t)(rand() % 512 + 1) * 16384;
        uint64_t text_offset = rand() % 2 != 0 ? (uint64_t)rand() % (4 * MIB) : 0;
        uint64_t image_size = (uint64_t)rand() % (8 * MIB) + 1;
        size_t file_size = (size_t)rand() % MIB + 64;
        size_t initrd_size = rand() % 4 != 0 ? (size_t)rand() % (2 * MIB) : 0;
        struct placed at = { 0 };

        map(f, RAM, ram, AXVM_REGION_TOUCH);
        use_linux(f, file_size, text_offset, image_size);
        use_initrd(f, initrd_size);
        f->vm.cfg.image.cmdline = rand() % 2 != 0 ? cmdline + (size_t)rand() % sizeof(cmdline) : NULL;
        image_size = axvm_max(image_size, file_size);
        if (axvm_load_images(&f->vm, &at.entry, &at.fdt) == AXVM_OK) {
            at = load(f);
            assert_true(text_offset + image_size <= ram);
            assert_guest_has(f, at.entry, file, file_size);
            assert_true(at.fdt >= RAM && at.fdt + at.fdt_size <= RAM + ram);
            assert_int_equal(at.fdt / (2 * MIB), (at.fdt + at.fdt_size - 1) / (2 * MIB));
            assert_false(axvm_overlap(at.fdt, at.fdt_size, at.entry, image_size));
            if (initrd_size != 0) {
                assert_true(at.initrd >= RAM && at.initrd + initrd_size <= RAM + ram);
                assert_false(axvm_overlap(at.initrd, initrd_size, at.entry, image_size));
                assert_false(axvm_overlap(at.initrd, initrd_size, at.fdt, at.fdt_size));
                assert_guest_has(f, at.initrd, initrd, initrd_size);
            }
            accepted++;
        }
        assert_int_equal(axvm_unmap(&f->vm, axvm_gpa(RAM), ram), AXVM_OK);
    }
    assert_in_range(accepted, 20, 280);
}

/* ---- what does not fit ---- */

static void kernel_that_does_not_fit_is_refused_before_anything_is_written(void **state)
{
    struct fdt_fixture *f = *state;
    unsigned int pages = f->live_pages;

    use_linux(f, MIB, 0, 64 * MIB + 1);
    assert_load_fails(f, AXVM_ERR_RANGE);
    use_linux(f, MIB, 64 * MIB, 0x1000);
    assert_load_fails(f, AXVM_ERR_RANGE);
    use_linux(f, MIB, UINT64_MAX - 4, 0x1000);
    assert_load_fails(f, AXVM_ERR_RANGE);
    assert_int_equal(f->live_pages, pages); /* nothing was touched */
}

static void initrd_that_does_not_fit_is_refused_before_anything_is_written(void **state)
{
    struct fdt_fixture *f = *state;
    unsigned int pages = f->live_pages;

    use_linux(f, MIB, 0, 62 * MIB);
    use_initrd(f, 3 * MIB);
    assert_load_fails(f, AXVM_ERR_RANGE);
    use_linux(f, MIB, 0, 64 * MIB); /* and no room for the tree */
    use_initrd(f, 0);
    assert_load_fails(f, AXVM_ERR_RANGE);
    assert_int_equal(f->live_pages, pages);
}

static void malformed_image_is_refused_with_a_reason(void **state)
{
    struct fdt_fixture *f = *state;

    use_flat(f, 64);
    f->vm.cfg.image.kind = AXVM_IMAGE_ELF;
    assert_load_fails(f, AXVM_ERR_FORMAT);
}

/* ---- ELF ---- */

static void elf_segments_are_where_they_belong_and_bss_is_zero(void **state)
{
    const struct segment seg[] = { { RAM + 5, 0x3000, 0x10000 }, { RAM + 16 * MIB, 0, 0x2000 }, { RAM + 63 * MIB, 10, MIB } };
    struct fdt_fixture *f = *state;
    struct placed at;
    uint8_t dirt[0x20000];

    memset(dirt, 0xee, sizeof(dirt));
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(RAM), dirt, sizeof(dirt)), AXVM_OK);
    use_elf(f, seg, 3);
    use_initrd(f, MIB);
    at = load(f);
    assert_int_equal(at.entry, RAM + 9);
    assert_guest_has(f, RAM, dirt, 5);
    assert_guest_has(f, RAM + 5, file + MIB, 0x3000);
    assert_guest_is_zero(f, RAM + 5 + 0x3000, 0xd000);
    assert_guest_has(f, RAM + 5 + 0x10000, dirt, 0x1000);
    assert_guest_has(f, RAM + 63 * MIB, file + MIB, 10);
    for (unsigned int i = 0; i < 3; i++) {
        assert_false(axvm_overlap(seg[i].paddr, seg[i].memsz, at.fdt, at.fdt_size));
        assert_false(axvm_overlap(seg[i].paddr, seg[i].memsz, at.initrd, MIB));
    }
}

static void large_bss_leaves_untouched_memory_alone(void **state)
{
    const struct segment seg = { RAM, 4096, 32 * MIB };
    struct fdt_fixture *f = *state;
    unsigned int pages = f->live_pages;

    use_elf(f, &seg, 1);
    load(f);
    assert_true(f->live_pages - pages < 32);
    assert_guest_is_zero(f, RAM + 31 * MIB, 4096);
}

static void elf_segment_outside_ram_is_refused(void **state)
{
    static const struct segment bad[] = {
        { RAM - 1, 1, 2 }, { RAM + 64 * MIB - 1, 1, 2 }, { 0, 1, 1 }, { UINT64_MAX - 2, 1, 2 }, { RAM, 1, UINT64_C(1) << 52 },
    };
    struct fdt_fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        use_elf(f, &bad[i], 1);
        assert_load_fails(f, AXVM_ERR_RANGE);
    }
}

/* ---- firmware ---- */

static void firmware_is_executed_in_place_with_the_tree_at_the_start_of_ram(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;
    void *fdt;

    use_flat(f, MIB);
    use_initrd(f, 100);
    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    at = load(f);
    assert_int_equal(at.entry, axvm_arch_machine.firmware_base);
    assert_int_equal(at.fdt, RAM);
    assert_guest_has(f, at.entry, file, MIB);
    assert_guest_is_zero(f, axvm_arch_machine.firmware_base + axvm_arch_machine.firmware_size - 4096, 4096);
    assert_guest_has(f, at.initrd, initrd, 100);
    fdt = guest_tree(f, at.fdt);
    fx_node(fdt, "/memory@40000000");
    assert_true(fdt_path_offset(fdt, "/memory@0") < 0); /* not for the operating system */
    free(fdt);
}

static void firmware_is_loaded_again_after_a_reset(void **state)
{
    struct fdt_fixture *f = *state;
    const uint8_t dirt = 0xee;

    use_flat(f, MIB);
    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    load(f);
    assert_int_equal(axvm_write_guest(&f->vm, axvm_gpa(100), &dirt, 1), AXVM_OK);
    assert_int_equal(axvm_aspace_reset(&f->vm), AXVM_OK);
    load(f);
    assert_guest_has(f, 0, file, MIB);
}

static void firmware_may_run_in_ram_of_the_config(void **state)
{
    struct fdt_fixture *f = *state;
    struct placed at;
    void *fdt;

    use_flat(f, 4096);
    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    f->vm.cfg.image.load = axvm_gpa(RAM + 8 * MIB);
    at = load(f);
    assert_int_equal(at.entry, RAM + 8 * MIB);
    fdt = guest_tree(f, at.fdt);
    fx_node(fdt, "/memory@40000000");
    free(fdt);
    f->vm.cfg.image.load = axvm_gpa(RAM); /* on the tree */
    assert_load_fails(f, AXVM_ERR_RANGE);
}

static void firmware_whose_place_is_taken_is_refused(void **state)
{
    struct fdt_fixture *f = *state;

    map(f, axvm_arch_machine.firmware_base + MIB, MIB, AXVM_REGION_DEVICE);
    use_flat(f, 4096);
    f->vm.cfg.image.kind = AXVM_IMAGE_FIRMWARE;
    assert_load_fails(f, AXVM_ERR_EXIST);
}

/* ---- caches, and a host that runs out of memory ---- */

static uint64_t synced;

static void count_sync(void *ctx, void *va, uint64_t len)
{
    const uint8_t *bytes = va;

    (void)ctx;
    if (bytes[0] != 0) /* not the zeroed pages that are made RAM */
        synced += len;
}

static void every_byte_written_is_pushed_out_of_the_caches(void **state)
{
    struct fdt_fixture *f = *state;

    use_flat(f, 2 * MIB);
    memset(file, 1, 2 * MIB);
    load(f); /* touches the pages */
    f->vm.hal.cache_sync = count_sync;
    synced = 0;
    assert_true(2 * MIB + load(f).fdt_size <= synced + 8); /* + 8: pages that begin with a zero byte */
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    struct fdt_fixture *f = *state;
    uint64_t entry, arg;
    unsigned int n, idle = f->live_pages;

    use_flat(f, 100000);
    use_initrd(f, 100000);
    for (n = 0;; n++) {
        int rc;

        f->allocs_left = n;
        f->log_lines = 0;
        rc = axvm_load_images(&f->vm, &entry, &arg);
        if (rc == AXVM_OK)
            break;
        assert_int_equal(rc, AXVM_ERR_NOMEM);
        assert_int_equal(f->log_lines, 1);
        assert_int_equal(axvm_aspace_reset(&f->vm), AXVM_OK);
        assert_in_range(f->live_pages, idle, idle + 8); /* tables of the address space may stay */
    }
    assert_true(n > 4);
    assert_guest_has(f, entry, file, 100000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_WITHOUT_RAM(name) cmocka_unit_test_setup_teardown(name, setup_empty, teardown)
    const struct CMUnitTest tests[] = {
        TEST(linux_gets_kernel_initrd_and_tree),
        TEST(flat_binary_starts_at_the_start_of_ram),
        TEST(entry_of_the_config_wins),
        TEST(vm_without_a_kernel_starts_where_one_would_be),
        TEST(loading_again_gives_the_same),
        TEST(large_ram_is_used_only_as_far_as_the_boot_protocol_reaches),
        TEST_WITHOUT_RAM(ram_elsewhere_is_used_from_its_start),
        TEST_WITHOUT_RAM(vm_without_ram_is_refused),
        TEST_WITHOUT_RAM(tree_that_only_fits_unaligned_is_refused),
        TEST_WITHOUT_RAM(nothing_ever_overlaps),
        TEST(kernel_that_does_not_fit_is_refused_before_anything_is_written),
        TEST(initrd_that_does_not_fit_is_refused_before_anything_is_written),
        TEST(malformed_image_is_refused_with_a_reason),
        TEST(elf_segments_are_where_they_belong_and_bss_is_zero),
        TEST(large_bss_leaves_untouched_memory_alone),
        TEST(elf_segment_outside_ram_is_refused),
        TEST(firmware_is_executed_in_place_with_the_tree_at_the_start_of_ram),
        TEST(firmware_is_loaded_again_after_a_reset),
        TEST(firmware_may_run_in_ram_of_the_config),
        TEST(firmware_whose_place_is_taken_is_refused),
        TEST(every_byte_written_is_pushed_out_of_the_caches),
        TEST(failing_allocations_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
