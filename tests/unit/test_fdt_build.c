/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's device tree, generated and patched; libfdt out of space at every byte: hostile-guest.md row 84. */
#define _POSIX_C_SOURCE 200809L /* popen() */
#include "fdt_fixture.h"

#include <stdio.h>
#include <unistd.h>

static int make(struct fdt_fixture *f, uint64_t initrd, struct axvm_fdt_buf *out)
{
    memset(out, 0, sizeof(*out));
    return axvm_fdt_make(&f->vm, initrd, out);
}

/* Does dtc read it? Yes, too, where there is no dtc. */
static bool dtc_accepts(const void *fdt)
{
    FILE *dtc;

    if (system("command -v dtc >/dev/null 2>&1") != 0)
        return true;
    dtc = popen("dtc -q -I dtb -O dtb -o /dev/null -", "w");
    assert_non_null(dtc);
    assert_int_equal(fwrite(fdt, 1, fdt_totalsize(fdt), dtc), fdt_totalsize(fdt));
    return pclose(dtc) == 0;
}

/* ---- devices of a VM ---- */

static int describe_uart(struct axvm_device *dev, void *fdt)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    axvm_fw_begin_at(&w, dev->ops->name, dev->windows[0].base);
    axvm_fw_string(&w, "compatible", "test,uart");
    axvm_fw_reg(&w, dev->windows[0].base, dev->windows[0].len);
    axvm_fw_end(&w);
    return w.err;
}

static int describe_without_end(struct axvm_device *dev, void *fdt)
{
    (void)dev;
    return fdt_begin_node(fdt, "left-open");
}

static int describe_never_fits(struct axvm_device *dev, void *fdt)
{
    (void)dev;
    (void)fdt;
    return -FDT_ERR_NOSPACE;
}

static const struct axvm_device_ops uart_ops = { .name = "uart", .describe = describe_uart };
static const struct axvm_device_ops silent_ops = { .name = "silent" };
static const struct axvm_device_ops open_ops = { .name = "open", .describe = describe_without_end };
static const struct axvm_device_ops huge_ops = { .name = "huge", .describe = describe_never_fits };

static void add_device(struct fdt_fixture *f, struct axvm_device *dev, const struct axvm_device_ops *ops, uint64_t base)
{
    *dev = (struct axvm_device){ .ops = ops, .windows = { { AXVM_BUS_MMIO, base, 0x1000 } }, .window_count = 1, .vm = &f->vm };
    if (f->vm.last_device != NULL)
        f->vm.last_device->next = dev;
    else
        f->vm.devices = dev;
    f->vm.last_device = dev;
}

/* ---- generated ---- */

static void generated_tree_is_well_formed(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_device uart, silent;
    struct axvm_fdt_buf buf;

    f->vm.cfg.image.cmdline = "console=ttyAMA0";
    f->vm.hal.entropy = fx_entropy;
    add_device(f, &uart, &uart_ops, 0x0a000000);
    add_device(f, &silent, &silent_ops, 0x0b000000);
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_int_equal(fdt_check_full(buf.data, buf.size), 0);
    assert_int_equal(buf.size, fdt_totalsize(buf.data));
    assert_int_equal(fx_u32(buf.data, 0, "#address-cells"), 2);
    assert_int_equal(fx_u32(buf.data, 0, "#size-cells"), 2);
    assert_int_equal(fx_u32(buf.data, 0, "interrupt-parent"), AXVM_PHANDLE_INTC);
    assert_string_property(buf.data, "/uart@a000000", "compatible", "test,uart");
    assert_int_equal(fdt_path_offset(buf.data, "/silent@b000000"), -FDT_ERR_NOTFOUND);
    assert_true(dtc_accepts(buf.data));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void memory_nodes_are_what_the_guest_can_write(void **state)
{
    static const uint32_t low[] = { 0, 0x40000000, 0, 0x08000000 };
    static const uint32_t high[] = { 8, 0, 2, 0 };
    static const uint32_t before[] = { 0, 0x6ffff000, 0, 0x1000 };
    static const uint32_t after[] = { 0, 0x70001000, 0, 0x1000 };
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    fx_add_region(f, 0x50000000, 0x1000, AXVM_REGION_DEVICE, 0);
    fx_add_region(f, 0x60000000, 0x1000, AXVM_REGION_ALLOC, AXVM_PROT_READ | AXVM_PROT_EXEC);
    fx_add_region(f, 0x6ffff000, 0x3000, AXVM_REGION_TOUCH, 0);
    fx_add_region(f, UINT64_C(0x800000000), UINT64_C(0x200000000), AXVM_REGION_LINEAR, AXVM_PROT_RWX);
    f->vm.firmware_gpa = 0x70000000; /* in the middle of a region */
    f->vm.firmware_len = 0x1000;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_string_property(buf.data, "/memory@40000000", "device_type", "memory");
    assert_cells(buf.data, "/memory@40000000", "reg", low, 4);
    assert_cells(buf.data, "/memory@800000000", "reg", high, 4);
    assert_true(fdt_path_offset(buf.data, "/memory@50000000") < 0);
    assert_true(fdt_path_offset(buf.data, "/memory@60000000") < 0);
    assert_true(fdt_path_offset(buf.data, "/memory@70000000") < 0);
    assert_cells(buf.data, "/memory@6ffff000", "reg", before, 4);
    assert_cells(buf.data, "/memory@70001000", "reg", after, 4);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void chosen_tells_of_command_line_and_initrd(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_no_property(buf.data, "/chosen", "bootargs");
    assert_no_property(buf.data, "/chosen", "linux,initrd-start");
    axvm_fdt_buf_free(&f->vm, &buf);

    f->vm.cfg.image.cmdline = "quiet";
    f->vm.cfg.image.initrd.size = 0x1234;
    assert_int_equal(make(f, 0x47000000, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "bootargs", "quiet");
    assert_u64_property(buf.data, "/chosen", "linux,initrd-start", 0x47000000);
    assert_u64_property(buf.data, "/chosen", "linux,initrd-end", 0x47001234);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void command_line_of_64_kib_fits(void **state)
{
    struct fdt_fixture *f = *state;
    char *cmdline = malloc(65537);
    struct axvm_fdt_buf buf;

    memset(cmdline, 'x', 65536);
    cmdline[65536] = '\0';
    f->vm.cfg.image.cmdline = cmdline;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "bootargs", cmdline);
    axvm_fdt_buf_free(&f->vm, &buf);
    free(cmdline);
}

static void seeds_are_fresh_and_only_there_with_entropy(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;
    uint8_t old[8];
    int len;

    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_no_property(buf.data, "/chosen", "kaslr-seed");
    assert_no_property(buf.data, "/chosen", "rng-seed");
    axvm_fdt_buf_free(&f->vm, &buf);

    f->vm.hal.entropy = fx_entropy;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    memcpy(old, fdt_getprop(buf.data, fx_node(buf.data, "/chosen"), "kaslr-seed", &len), 8);
    assert_int_equal(len, 8);
    assert_non_null(fdt_getprop(buf.data, fx_node(buf.data, "/chosen"), "rng-seed", &len));
    assert_int_equal(len, AXVM_FDT_SEED_SIZE);
    axvm_fdt_buf_free(&f->vm, &buf);
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_memory_not_equal(old, fdt_getprop(buf.data, fx_node(buf.data, "/chosen"), "kaslr-seed", &len), 8);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void stdout_path_names_the_consoles_node(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_device uart;
    struct axvm_fdt_buf buf;

    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_no_property(buf.data, "/chosen", "stdout-path");
    axvm_fdt_buf_free(&f->vm, &buf);

    add_device(f, &uart, &uart_ops, 0x0a010000);
    f->vm.console = &uart;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "stdout-path", "/uart@a010000");
    fx_node(buf.data, "/uart@a010000");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void vm_without_interrupt_controller_has_no_interrupt_parent(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    f->vm.cfg.irq_mode = AXVM_IRQ_NONE;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_no_property(buf.data, "/", "interrupt-parent");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void device_that_describes_itself_wrongly_is_an_error(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_device dev;
    struct axvm_fdt_buf buf;

    add_device(f, &dev, &open_ops, 0x0a000000);
    assert_int_equal(make(f, 0, &buf), AXVM_ERR_FORMAT);
    assert_int_equal(f->log_lines, 1);
}

static void tree_that_never_fits_is_given_up(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_device dev;
    struct axvm_fdt_buf buf;

    add_device(f, &dev, &huge_ops, 0x0a000000);
    assert_int_equal(make(f, 0, &buf), AXVM_ERR_NOSPC);
    assert_int_equal(f->log_lines, 1);
}

static void tree_gives_back_all_pages_when_an_allocation_fails(void **state)
{
    struct fdt_fixture *f = *state;
    char *cmdline = calloc(1, 40000);
    struct axvm_fdt_buf buf;
    unsigned int n = 0;
    int rc;

    memset(cmdline, 'x', 39999); /* so that the buffer has to grow */
    f->vm.cfg.image.cmdline = cmdline;
    for (;; n++) {
        f->allocs_left = n;
        rc = make(f, 0, &buf);
        if (rc == AXVM_OK)
            break;
        assert_int_equal(rc, AXVM_ERR_NOMEM);
        assert_int_equal(f->live_pages, 0);
    }
    assert_true(n > 2);
    axvm_fdt_buf_free(&f->vm, &buf);
    free(cmdline);
}

/* @write into buffers of every size: it says that they are too small until they are not, and never writes past one. */
static void sweep_sizes(struct fdt_fixture *f, int (*write)(struct axvm *, const struct axvm_fdt_boot *, void *, size_t),
                        size_t step)
{
    struct axvm_fdt_closure closure = { 0 };
    const struct axvm_fdt_boot boot = { .initrd = 0x47000000, .initrd_size = 4096, .closure = &closure };
    size_t size = 0;

    for (;; size += step) {
        void *buf = malloc(size != 0 ? size : 1); /* exact, for ASan */
        int rc;

        assert_non_null(buf);
        rc = write(&f->vm, &boot, buf, size);
        if (rc == 0)
            assert_int_equal(fdt_check_full(buf, size), 0);
        else
            assert_int_equal(rc, -FDT_ERR_NOSPACE);
        free(buf);
        if (rc == 0)
            break;
    }
    assert_true(size > 256);
}

static void generating_survives_every_buffer_size(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_device uart;

    f->vm.cfg.image.cmdline = "quiet";
    f->vm.hal.entropy = fx_entropy;
    add_device(f, &uart, &uart_ops, 0x0a000000);
    sweep_sizes(f, axvm_fdt_generate, 1);
}

/* ---- patched ---- */

/* A tree as a user gives it, in @out. */
static void given_tree(uint8_t *out, size_t size, uint32_t cells)
{
    struct axvm_fdt_writer w = { .fdt = out };

    assert_int_equal(fdt_create(out, (int)size), 0);
    assert_int_equal(fdt_finish_reservemap(out), 0);
    axvm_fw_begin(&w, "");
    axvm_fw_u32(&w, "#address-cells", cells);
    axvm_fw_u32(&w, "#size-cells", cells);
    axvm_fw_begin(&w, "memory@80000000");
    axvm_fw_string(&w, "device_type", "memory");
    axvm_fw_end(&w);
    axvm_fw_begin(&w, "memory@40000000"); /* not one by its type, but in our way */
    axvm_fw_empty(&w, "stale");
    axvm_fw_end(&w);
    axvm_fw_begin(&w, "chosen");
    axvm_fw_string(&w, "bootargs", "theirs");
    axvm_fw_string(&w, "stdout-path", "/theirs");
    axvm_fw_u64(&w, "linux,initrd-start", 1);
    axvm_fw_u64(&w, "linux,initrd-end", 2);
    axvm_fw_u64(&w, "kaslr-seed", 3);
    axvm_fw_end(&w);
    axvm_fw_begin(&w, "their-device");
    axvm_fw_end(&w);
    axvm_fw_end(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(fdt_finish(out), 0);
}

static void give(struct fdt_fixture *f, const void *fdt)
{
    f->vm.cfg.image.fdt = (struct axvm_blob){ fdt, fdt_totalsize(fdt) };
}

static void given_tree_gets_this_vms_memory(void **state)
{
    static const uint32_t reg[] = { 0, 0x40000000, 0, 0x08000000 };
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    given_tree(fdt, sizeof(fdt), 2);
    give(f, fdt);
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_int_equal(fdt_check_full(buf.data, buf.size), 0);
    assert_true(fdt_path_offset(buf.data, "/memory@80000000") < 0);
    assert_no_property(buf.data, "/memory@40000000", "stale");
    assert_string_property(buf.data, "/memory@40000000", "device_type", "memory");
    assert_cells(buf.data, "/memory@40000000", "reg", reg, 4);
    fx_node(buf.data, "/their-device");
    assert_true(dtc_accepts(buf.data));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void given_tree_keeps_what_the_config_does_not_say(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    given_tree(fdt, sizeof(fdt), 2);
    give(f, fdt);
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "bootargs", "theirs");
    assert_string_property(buf.data, "/chosen", "stdout-path", "/theirs");
    assert_no_property(buf.data, "/chosen", "linux,initrd-start"); /* there is none */
    assert_no_property(buf.data, "/chosen", "linux,initrd-end");
    assert_no_property(buf.data, "/chosen", "kaslr-seed"); /* the same at every boot is none */
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void given_tree_gets_command_line_initrd_and_seed(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    given_tree(fdt, sizeof(fdt), 2);
    give(f, fdt);
    f->vm.cfg.image.cmdline = "ours";
    f->vm.cfg.image.initrd.size = 16;
    f->vm.hal.entropy = fx_entropy;
    assert_int_equal(make(f, 0x47000000, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "bootargs", "ours");
    assert_u64_property(buf.data, "/chosen", "linux,initrd-start", 0x47000000);
    assert_u64_property(buf.data, "/chosen", "linux,initrd-end", 0x47000010);
    assert_u64_property(buf.data, "/chosen", "kaslr-seed", UINT64_C(0x0101010101010101));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void given_tree_of_one_cell_takes_only_low_memory(void **state)
{
    static const uint32_t reg[] = { 0x40000000, 0x08000000 };
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    given_tree(fdt, sizeof(fdt), 1);
    give(f, fdt);
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_cells(buf.data, "/memory@40000000", "reg", reg, 2);
    axvm_fdt_buf_free(&f->vm, &buf);
    fx_add_region(f, UINT64_C(0x800000000), 0x200000, AXVM_REGION_ALLOC, 0);
    assert_int_equal(make(f, 0, &buf), AXVM_ERR_FORMAT);
}

static void given_tree_without_chosen_gets_one(void **state)
{
    _Alignas(8) uint8_t fdt[512];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
    give(f, fdt);
    f->vm.cfg.image.cmdline = "ours";
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_string_property(buf.data, "/chosen", "bootargs", "ours");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void verbatim_tree_is_not_touched(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    given_tree(fdt, sizeof(fdt), 2);
    give(f, fdt);
    f->vm.cfg.image.cmdline = "ours";
    f->vm.cfg.image.fdt_verbatim = true;
    assert_int_equal(make(f, 0, &buf), AXVM_OK);
    assert_ptr_equal(buf.data, fdt);
    assert_int_equal(buf.size, fdt_totalsize(fdt));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void patching_survives_every_buffer_size(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;

    given_tree(fdt, sizeof(fdt), 2);
    give(f, fdt);
    f->vm.cfg.image.cmdline = "a command line that is longer than the one which was there";
    f->vm.hal.entropy = fx_entropy;
    sweep_sizes(f, axvm_fdt_patch, 1);
}

static void malformed_given_tree_is_refused(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;
    size_t size;

    given_tree(fdt, sizeof(fdt), 2);
    size = fdt_totalsize(fdt);
    for (size_t n = 1; n < size; n++) {
        void *copy = malloc(n);

        memcpy(copy, fdt, n);
        f->vm.cfg.image.fdt = (struct axvm_blob){ copy, n };
        for (int verbatim = 0; verbatim < 2; verbatim++) {
            f->vm.cfg.image.fdt_verbatim = verbatim != 0;
            assert_int_equal(make(f, 0, &buf), AXVM_ERR_FORMAT);
        }
        free(copy);
    }
}

static void tree_whose_root_is_memory_is_refused(void **state)
{
    _Alignas(8) uint8_t fdt[1024];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_setprop_string(fdt, 0, "device_type", "memory"), 0);
    give(f, fdt);
    assert_int_equal(make(f, 0, &buf), AXVM_ERR_FORMAT);
}

static void tree_with_endless_memory_nodes_is_refused(void **state)
{
    static _Alignas(8) uint8_t fdt[65536];
    struct axvm_fdt_writer w = { .fdt = fdt };
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;

    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    axvm_fw_begin(&w, "");
    for (unsigned int i = 0; i < 500; i++) {
        axvm_fw_begin_at(&w, "memory", i);
        axvm_fw_string(&w, "device_type", "memory");
        axvm_fw_end(&w);
    }
    axvm_fw_end(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(fdt_finish(fdt), 0);
    give(f, fdt);
    assert_int_equal(make(f, 0, &buf), AXVM_ERR_FORMAT);
}

static void randomly_changed_given_tree_is_survived(void **state)
{
    _Alignas(8) uint8_t fdt[2048];
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf;
    size_t size;

    srand(3);
    given_tree(fdt, sizeof(fdt), 2);
    size = fdt_totalsize(fdt);
    f->vm.cfg.image.cmdline = "ours";
    for (unsigned int round = 0; round < 20000; round++) {
        uint8_t *copy = fx_changed_copy(fdt, size);

        f->vm.cfg.image.fdt = (struct axvm_blob){ copy, size };
        f->allocs_left = 1000;
        if (make(f, 0, &buf) == AXVM_OK) {
            assert_int_equal(fdt_check_full(buf.data, buf.size), 0);
            axvm_fdt_buf_free(&f->vm, &buf);
        }
        assert_int_equal(f->live_pages, 0);
        free(copy);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
    const struct CMUnitTest tests[] = {
        TEST(generated_tree_is_well_formed),
        TEST(memory_nodes_are_what_the_guest_can_write),
        TEST(chosen_tells_of_command_line_and_initrd),
        TEST(command_line_of_64_kib_fits),
        TEST(seeds_are_fresh_and_only_there_with_entropy),
        TEST(stdout_path_names_the_consoles_node),
        TEST(vm_without_interrupt_controller_has_no_interrupt_parent),
        TEST(device_that_describes_itself_wrongly_is_an_error),
        TEST(tree_that_never_fits_is_given_up),
        TEST(tree_gives_back_all_pages_when_an_allocation_fails),
        TEST(generating_survives_every_buffer_size),
        TEST(given_tree_gets_this_vms_memory),
        TEST(given_tree_keeps_what_the_config_does_not_say),
        TEST(given_tree_gets_command_line_initrd_and_seed),
        TEST(given_tree_of_one_cell_takes_only_low_memory),
        TEST(given_tree_without_chosen_gets_one),
        TEST(verbatim_tree_is_not_touched),
        TEST(patching_survives_every_buffer_size),
        TEST(malformed_given_tree_is_refused),
        TEST(tree_whose_root_is_memory_is_refused),
        TEST(tree_with_endless_memory_nodes_is_refused),
        TEST(randomly_changed_given_tree_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
