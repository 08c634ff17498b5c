/* SPDX-License-Identifier: BSD-2-Clause */
/* What VMs are given of the devices in a host's device tree, and trees that are broken: docs/fdt.md. hostile-guest.md row 84.
 */
#include "fdt_config_fixture.h"

/* ---- passthrough ---- */

/* At the root: one to be had, and some that cannot be passed through. */
static void add_root_devices(struct axvm_fdt_writer *w)
{
    static const uint32_t rtc_irq[] = { 0, 2, 4 };
    static const uint32_t ppi[] = { 1, 7, 4 };
    static const uint32_t short_irq[] = { 0, 3 };

    axvm_fw_begin(w, "rtc@9010000");
    axvm_fw_reg(w, 0x9010000, 0x1000);
    axvm_fw_cells(w, "interrupts", rtc_irq, 3);
    axvm_fw_end(w);
    axvm_fw_begin(w, "ppi@9020000");
    axvm_fw_cells(w, "interrupts", ppi, 3);
    axvm_fw_end(w);
    axvm_fw_begin(w, "short@9030000");
    axvm_fw_cells(w, "interrupts", short_irq, 2);
    axvm_fw_end(w);
    axvm_fw_begin(w, "wrap@fffffffffffff000");
    axvm_fw_reg(w, UINT64_MAX - 0xfff, 0x2000);
    axvm_fw_end(w);
    axvm_fw_begin(w, "virtio@a000000");
    axvm_fw_reg(w, 0xa000000, 0x200);
    axvm_fw_end(w);
}

static void add_devices_behind_two_buses(struct axvm_fdt_writer *w)
{
    static const uint32_t dma_irq[] = { 0x8001, 0, 7, 1 };
    static const uint32_t outer[] = { 0x10000, 0, 0x20000000, 0x20000 };
    static const uint32_t dma_reg[] = { 0x11000, 0x1000, 0x12000, 0x1000 };
    static const uint32_t out_reg[] = { 0x30000, 0x1000 };
    static const uint32_t over_reg[] = { 0x2f000, 0x2000 };

    axvm_fw_begin(w, "bus");
    axvm_fw_u32(w, "#address-cells", 1);
    axvm_fw_u32(w, "#size-cells", 1);
    axvm_fw_cells(w, "ranges", outer, 4);
    axvm_fw_begin(w, "inner");
    axvm_fw_u32(w, "#address-cells", 1);
    axvm_fw_u32(w, "#size-cells", 1);
    axvm_fw_empty(w, "ranges");
    axvm_fw_begin(w, "dma@11000");
    axvm_fw_cells(w, "reg", dma_reg, 4);
    axvm_fw_cells(w, "interrupts-extended", dma_irq, 4);
    axvm_fw_end(w);
    axvm_fw_begin(w, "over@2f000");
    axvm_fw_cells(w, "reg", over_reg, 2);
    axvm_fw_end(w);
    axvm_fw_begin(w, "out@30000");
    axvm_fw_cells(w, "reg", out_reg, 2);
    axvm_fw_end(w);
    axvm_fw_end(w);
    axvm_fw_end(w);
}

static void add_device_without_addresses(struct axvm_fdt_writer *w)
{
    axvm_fw_begin(w, "i2c");
    axvm_fw_u32(w, "#address-cells", 1);
    axvm_fw_u32(w, "#size-cells", 0);
    axvm_fw_begin(w, "eeprom@50");
    axvm_fw_u32(w, "reg", 0x50);
    axvm_fw_end(w);
    axvm_fw_end(w);
}

static void add_host_devices(struct axvm_fdt_writer *w)
{
    add_root_devices(w);
    add_devices_behind_two_buses(w);
    add_device_without_addresses(w);
}

/* An ISA bus, with devices whose registers are ports and memory, and whose "reg" is wrong. */
static void add_isa_bus(struct axvm_fdt_writer *w)
{
    static const struct {
        const char *name;
        uint32_t reg[3];
    } devices[] = {
        { "serial@2f8", { 1, 0x2f8, 8 } },  { "memory@a0000", { 0, 0xa0000, 0x1000 } },
        { "last@ffff", { 1, 0xffff, 1 } },  { "beyond@ffff", { 1, 0xffff, 2 } },
        { "none@100", { 1, 0x100, 0 } },    { "far@10000", { 1, 0x10000, 1 } },
        { "wrap@1", { 1, 1, UINT32_MAX } }, { "all@0", { 1, 0, 0x10000 } },
    };
    static const uint32_t ranges[] = { 0, 0, 0, 0, 0x100000 }, irq[] = { 0, 3, 1 };

    axvm_fw_begin(w, "isa");
    axvm_fw_string(w, "compatible", "isa");
    axvm_fw_u32(w, "#address-cells", 2);
    axvm_fw_u32(w, "#size-cells", 1);
    axvm_fw_cells(w, "ranges", ranges, 5);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        axvm_fw_begin(w, devices[i].name);
        axvm_fw_cells(w, "reg", devices[i].reg, 3);
        if (i == 0) {
            axvm_fw_string(w, "axvm,acpi-hid", "PNP0501");
            axvm_fw_cells(w, "interrupts", irq, 3);
        }
        axvm_fw_end(w);
    }
    axvm_fw_end(w);
}

/* @paths: a list of strings of @len bytes, the last NUL included. */
static int read_passthrough(struct fixture *f, const char *paths, size_t len, const uint32_t *gpa, unsigned int gpa_cells)
{
    struct axvm_fdt_writer *w = begin_tree(f);

    add_host_devices(w);
    add_isa_bus(w);
    begin_only_domain(w, "d");
    axvm_fw_bytes(w, "axvm,passthrough", paths, len);
    if (gpa != NULL)
        axvm_fw_cells(w, "axvm,passthrough-gpa", gpa, gpa_cells);
    add_module(w, "multiboot,kernel", HOST_RAM, 16);
    finish_domain(f);
    return read_vm(f, 0);
}

static void passthrough_device_keeps_its_address_and_interrupt(void **state)
{
    struct fixture *f = *state;
    const struct axvm_passthrough *dev = &f->b.passthrough[0];

    assert_int_equal(read_passthrough(f, "/rtc@9010000", 13, NULL, 0), AXVM_OK);
    assert_int_equal(f->b.cfg.passthrough_count, 1);
    assert_int_equal(dev->base_hpa.v, 0x9010000);
    assert_int_equal(dev->base_gpa.v, 0x9010000);
    assert_int_equal(dev->len, 0x1000);
    assert_int_equal(dev->host_irq, 34);
    assert_int_equal(dev->guest_irq, 34);
    assert_false(dev->edge);
    assert_string_equal(dev->name, "rtc@9010000");
    assert_string_equal(dev->fdt_path, "/rtc@9010000");
    assert_ptr_equal(dev->fdt, f->fdt);
    assert_int_equal(dev->fdt_size, fdt_totalsize(f->fdt));
}

static void passthrough_address_goes_through_the_buses_and_can_be_moved(void **state)
{
    static const char paths[] = "/rtc@9010000\0/bus/inner/dma@11000";
    static const uint32_t gpa[] = { UINT32_MAX, UINT32_MAX, 0, 0x0b000000 };
    struct fixture *f = *state;

    assert_int_equal(read_passthrough(f, paths, sizeof(paths), gpa, 4), AXVM_OK);
    assert_int_equal(f->b.cfg.passthrough_count, 2);
    assert_int_equal(f->b.passthrough[0].base_gpa.v, 0x9010000);
    assert_int_equal(f->b.passthrough[1].base_hpa.v, 0x20001000);
    assert_int_equal(f->b.passthrough[1].base_gpa.v, 0x0b000000);
    assert_int_equal(f->b.passthrough[1].len, 0x1000);
    assert_int_equal(f->b.passthrough[1].host_irq, 39);
    assert_true(f->b.passthrough[1].edge);
}

static void passthrough_device_of_an_isa_bus_has_ports_or_memory(void **state)
{
    static const char paths[] = "/isa/serial@2f8\0/isa/memory@a0000\0/isa/last@ffff";
    struct fixture *f = *state;
    const struct axvm_passthrough *dev = f->b.passthrough;

    assert_int_equal(read_passthrough(f, paths, sizeof(paths), NULL, 0), AXVM_OK);
    assert_int_equal(f->b.cfg.passthrough_count, 3);
    assert_int_equal(dev[0].port, 0x2f8);
    assert_int_equal(dev[0].port_count, 8);
    assert_int_equal(dev[0].len, 0);
    assert_int_equal(dev[0].host_irq, 35);
    assert_true(dev[0].edge);
    assert_string_equal(dev[0].acpi_hid, "PNP0501");
    assert_int_equal(dev[1].port_count, 0);
    assert_int_equal(dev[1].base_hpa.v, 0xa0000);
    assert_int_equal(dev[1].len, 0x1000);
    assert_null(dev[1].acpi_hid);
    assert_int_equal(dev[2].port, 0xffff);
    assert_int_equal(dev[2].port_count, 1);
}

static void devices_that_cannot_be_passed_through_are_refused(void **state)
{
    static const char *const paths[] = {
        "/ppi@9020000",    /* private to a CPU */
        "/virtio@a000000", /* half a page */
        "/short@9030000",  /* an interrupt of two cells where three are asked for */
        "/wrap@fffffffffffff000",
        "/bus/inner/over@2f000", /* ends outside its bus */
        "/bus/inner/out@30000",  /* all of it outside its bus */
        "/i2c/eeprom@50",        /* no memory of the CPU */
        "rtc",                   /* aliases are not followed */
        "/isa/beyond@ffff",      /* more ports than there are */
        "/isa/none@100",
        "/isa/far@10000",
        "/isa/wrap@1",
        "/isa/all@0",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(read_passthrough(f, paths[i], strlen(paths[i]) + 1, NULL, 0), AXVM_ERR_FORMAT);
}

/* libfdt follows an alias by calling itself. */
static void alias_that_names_itself_is_survived(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    axvm_fw_begin(w, "aliases");
    axvm_fw_string(w, "loop", "loop");
    axvm_fw_end(w);
    begin_only_domain(w, "d");
    axvm_fw_string(w, "axvm,passthrough", "loop");
    add_module(w, "multiboot,kernel", HOST_RAM, 16);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_ERR_FORMAT);
}

/* ---- broken trees ---- */

static void full_tree(struct fixture *f)
{
    static const char paths[] = "/rtc@9010000\0/bus/inner/dma@11000";
    struct axvm_fdt_writer *w = begin_tree(f);

    add_host_devices(w);
    begin_only_domain(w, "d");
    full_domain(w);
    axvm_fw_bytes(w, "axvm,passthrough", paths, sizeof(paths));
    add_module(w, "multiboot,kernel", HOST_RAM, 16);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
}

/* In memory of its own, so that ASan sees a read past it. */
static int read_exact(struct fixture *f, const uint8_t *fdt, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    int rc;

    assert_non_null(copy);
    memcpy(copy, fdt, size);
    rc = axvm_config_from_fdt(&f->hal, copy, size, 0, &f->b, &f->err);
    free(copy);
    return rc;
}

static void tree_truncated_at_every_byte_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t size;

    full_tree(f);
    size = fdt_totalsize(f->fdt);
    for (size_t n = 0; n < size; n++)
        assert_int_equal(read_exact(f, f->fdt, n), AXVM_ERR_FORMAT);
    assert_int_equal(read_exact(f, f->fdt, size), AXVM_OK);
}

static void misaligned_or_missing_tree_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t size;

    full_tree(f);
    size = fdt_totalsize(f->fdt);
    memmove(f->fdt + 4, f->fdt, size);
    assert_int_equal(axvm_config_from_fdt(&f->hal, f->fdt + 4, size, 0, &f->b, &f->err), AXVM_ERR_FORMAT);
    assert_int_equal(axvm_config_from_fdt(&f->hal, NULL, size, 0, &f->b, &f->err), AXVM_ERR_FORMAT);
}

/* Found by fuzzing: libfdt 1.6 goes back and round for ever. */
static void property_whose_length_wraps_is_refused(void **state)
{
    static const uint32_t lengths[] = {
        UINT32_MAX, UINT32_MAX - 3, UINT32_MAX - 11, 0x80000000, 0x7fffffff, 0x7ffffff0, 0x10000
    };
    struct fixture *f = *state;
    int prop;

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        full_tree(f);
        prop = fdt_first_property_offset(f->fdt, fdt_path_offset(f->fdt, "/chosen/d"));
        fdt32_st(f->fdt + fdt_off_dt_struct(f->fdt) + prop + 4, lengths[i]);
        assert_int_equal(read_vm(f, 0), AXVM_ERR_FORMAT);
    }
}

/* Found by fuzzing: libfdt 1.6 does not survive the root's name in these. */
static void tree_of_an_old_version_is_refused(void **state)
{
    struct fixture *f = *state;

    full_tree(f);
    for (uint32_t version = 1; version < 17; version++) {
        fdt_set_version(f->fdt, version);
        fdt_set_last_comp_version(f->fdt, version < 16 ? version : 16);
        assert_int_equal(read_vm(f, 0), AXVM_ERR_FORMAT);
    }
}

static void randomly_changed_tree_is_survived(void **state)
{
    struct fixture *f = *state;
    static uint8_t copy[sizeof(f->fdt)];
    unsigned int accepted = 0;
    size_t size;

    full_tree(f);
    size = fdt_totalsize(f->fdt);
    srand(2);
    for (unsigned int round = 0; round < 20000; round++) {
        memcpy(copy, f->fdt, size);
        for (int changes = rand() % 4 + 1; changes != 0; changes--)
            copy[(size_t)rand() % size] = rand() % 2 != 0 ? (uint8_t)rand() : (uint8_t)(rand() % 10);
        accepted += read_exact(f, copy, size) == AXVM_OK;
    }
    assert_int_not_equal(accepted, 0); /* or the mutations were too coarse to reach anything */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(passthrough_device_keeps_its_address_and_interrupt),
        TEST(passthrough_address_goes_through_the_buses_and_can_be_moved),
        TEST(passthrough_device_of_an_isa_bus_has_ports_or_memory),
        TEST(devices_that_cannot_be_passed_through_are_refused),
        TEST(alias_that_names_itself_is_survived),
        TEST(tree_truncated_at_every_byte_is_refused),
        TEST(misaligned_or_missing_tree_is_refused),
        TEST(property_whose_length_wraps_is_refused),
        TEST(tree_of_an_old_version_is_refused),
        TEST(randomly_changed_tree_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
