/* SPDX-License-Identifier: BSD-2-Clause */
/* Configs of a machine that has I/O ports, and a gap in its RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <axvm/err.h>

#include "arch.h"
#include "config_check.h"

#define GIB(n) (UINT64_C(n) << 30)
#define HOLE 0xa0000u
#define HOLE_END 0xc0000u

const struct axvm_machine axvm_arch_machine = {
    .ram_hole = HOLE,
    .ram_hole_end = HOLE_END,
    .ram_gap = GIB(3),
    .ram_gap_end = GIB(4),
    .uart = AXVM_EMU_NS16550,
    .uart_base = 0x3f8,
    .uart_port = true,
    .has_ports = true,
    .uart_irq = 4,
};

static void refused(const struct axvm_config *cfg, int rc, const char *field, uint32_t index)
{
    struct axvm_config_error err = { 0 };

    assert_int_equal(axvm_config_check(cfg, &err), rc);
    assert_string_equal(err.field, field);
    assert_int_equal(err.index, index);
}

static void accepted(const struct axvm_config *cfg)
{
    struct axvm_config_error err = { 0 };

    if (axvm_config_check(cfg, &err) != AXVM_OK)
        fail_msg("%s[%u]: %s", err.field, err.index, err.why);
}

static void ram_spares_the_hole_and_goes_on_behind_the_gap(void **state)
{
    static const struct {
        uint64_t size;
        uint64_t low_end, high;
    } rows[] = {
        { 0, 128u << 20, 0 },
        { 2u << 20, 2u << 20, 0 },
        { GIB(1), GIB(1), 0 },
        { GIB(3), GIB(3), 0 },
        { GIB(3) + (2u << 20), GIB(3), 2u << 20 },
        { GIB(64), GIB(3), GIB(61) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct axvm_config cfg = { .ram_size = rows[i].size, .ram_kind = AXVM_REGION_TOUCH };
        struct axvm_region ram[AXVM_DEFAULT_RAM_PIECES];
        uint32_t count = axvm_config_default_ram(&cfg, ram);

        accepted(&cfg);
        assert_int_equal(count, rows[i].high != 0 ? 3 : 2);
        assert_int_equal(ram[0].gpa.v, 0);
        assert_int_equal(ram[0].len, HOLE);
        assert_int_equal(ram[1].gpa.v, HOLE_END);
        assert_int_equal(ram[1].len, rows[i].low_end - HOLE_END);
        for (uint32_t n = 0; n < count; n++)
            assert_int_equal(ram[n].kind, AXVM_REGION_TOUCH);
        if (count == 3) {
            assert_int_equal(ram[2].gpa.v, GIB(4));
            assert_int_equal(ram[2].len, rows[i].high);
        }
    }
    refused(&(struct axvm_config){ .ram_size = (UINT64_C(1) << 52) - GIB(1) + (2u << 20) }, AXVM_ERR_INVAL, "ram_size", 0);
    refused(&(struct axvm_config){ .ram_size = UINT64_MAX - (2u << 20) + 1 }, AXVM_ERR_INVAL, "ram_size", 0);
    refused(&(struct axvm_config){ .gpa_bits = 32, .ram_size = GIB(4) }, AXVM_ERR_INVAL, "ram_size", 0);
    accepted(&(struct axvm_config){ .gpa_bits = 32, .ram_size = GIB(3) });
}

static void devices_in_the_gap_do_not_collide_with_ram(void **state)
{
    const struct axvm_passthrough in_gap = { .base_gpa = { 0xfed00000 }, .len = 0x1000 };
    const struct axvm_passthrough above = { .base_gpa = { GIB(4) }, .len = 0x1000 };

    (void)state;
    accepted(&(struct axvm_config){ .ram_size = GIB(8), .passthrough = &in_gap, .passthrough_count = 1 });
    refused(&(struct axvm_config){ .ram_size = GIB(8), .passthrough = &above, .passthrough_count = 1 }, AXVM_ERR_EXIST,
            "passthrough.base_gpa", 0);
    accepted(&(struct axvm_config){ .ram_size = GIB(3), .passthrough = &above, .passthrough_count = 1 });
}

static void the_default_uart_is_at_a_port(void **state)
{
    const struct axvm_emu_device def = { .type = AXVM_EMU_NS16550 };
    const struct axvm_emu_device mmio = { .type = AXVM_EMU_NS16550, .base = 0x10000000 };
    struct axvm_emu_device dev;

    (void)state;
    dev = axvm_config_device(&(struct axvm_config){ 0 }, 0);
    assert_true(axvm_config_device_port(&dev));
    assert_int_equal(axvm_config_device_base(&dev), 0x3f8);
    assert_true(axvm_config_device_port(&def));
    assert_false(axvm_config_device_port(&mmio));
}

static void ports_are_checked(void **state)
{
    struct axvm_emu_device d[2] = { { .type = AXVM_EMU_NS16550, .base = 0x2f8, .port = true, .irq = 3 },
                                    { .type = AXVM_EMU_NS16550 } };
    const struct axvm_config cfg = { .devices = d, .device_count = 2 };

    (void)state;
    accepted(&cfg);
    d[0].base = 0x3f8;
    refused(&cfg, AXVM_ERR_EXIST, "devices.base", 1);
    d[0].base = 0x3f4;
    refused(&cfg, AXVM_ERR_INVAL, "devices.base", 0);
    d[0].base = 0x10000;
    refused(&cfg, AXVM_ERR_INVAL, "devices.base", 0);
    d[0].base = UINT64_MAX - 7;
    refused(&cfg, AXVM_ERR_INVAL, "devices.base", 0);
    d[0].base = 0xfff8;
    accepted(&cfg);
    d[0].type = AXVM_EMU_PL011;
    refused(&cfg, AXVM_ERR_INVAL, "devices.port", 0);
}

static void passthrough_ports_are_checked(void **state)
{
    struct axvm_passthrough p[2] = { { .port = 0x2f8, .port_count = 8, .host_irq = 3, .guest_irq = 3, .acpi_hid = "PNP0501" },
                                     { .port = 0x300, .port_count = 1 } };
    const struct axvm_config cfg = { .passthrough = p, .passthrough_count = 2 };
    static const char *const bad[] = { "", "PNP050", "PNP050100", "pnp0501", "PNP 501", "PNP0501\n", "ABCDEFGHI" };

    (void)state;
    accepted(&cfg);
    p[1].port = 0x2ff;
    refused(&cfg, AXVM_ERR_EXIST, "passthrough.port", 1);
    p[1].port = 0x3fa; /* COM1 */
    refused(&cfg, AXVM_ERR_EXIST, "devices.base", 0);
    p[1].port = 0xffff;
    accepted(&cfg);
    p[1].port_count = 2;
    refused(&cfg, AXVM_ERR_INVAL, "passthrough.port_count", 1);
    p[1].port_count = 0xffff;
    refused(&cfg, AXVM_ERR_INVAL, "passthrough.port_count", 1);
    p[1].port_count = 0;
    p[1].acpi_hid = "ACPI0007";
    accepted(&cfg);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        p[1].acpi_hid = bad[i];
        refused(&cfg, AXVM_ERR_INVAL, "passthrough.acpi_hid", 1);
    }
}

static void ports_and_addresses_are_different_spaces(void **state)
{
    const struct axvm_passthrough p[2] = { { .port = 0x1000, .port_count = 0x1000 },
                                           { .base_gpa = { 0x1000 }, .base_hpa = { 0x1000 }, .len = 0x1000 } };
    const struct axvm_region ram = { .gpa = { GIB(4) }, .len = GIB(1) };

    (void)state;
    accepted(&(struct axvm_config){ .passthrough = p, .passthrough_count = 2, .regions = &ram, .region_count = 1 });
}

static void modules_are_checked(void **state)
{
    struct axvm_module m[AXVM_MAX_MODULES] = { 0 };
    struct axvm_config cfg = { .image.kernel = { "k", 1 }, .image.modules = m, .image.module_count = AXVM_MAX_MODULES };

    (void)state;
    for (unsigned int i = 0; i < AXVM_MAX_MODULES; i++)
        m[i] = (struct axvm_module){ { "m", 1 }, "command line" };
    accepted(&cfg);
    m[5].file.size = 0;
    refused(&cfg, AXVM_ERR_INVAL, "image.modules", 5);
    m[5] = (struct axvm_module){ { NULL, 1 }, NULL };
    refused(&cfg, AXVM_ERR_INVAL, "image.modules", 5);
    m[5] = m[4];
    cfg.image.module_count++;
    refused(&cfg, AXVM_ERR_INVAL, "image.module_count", 0);
    cfg.image.module_count = 1;
    cfg.image.kernel.size = 0;
    refused(&cfg, AXVM_ERR_INVAL, "image.modules", 0);
    cfg.image.kernel.size = 1;
    cfg.image.modules = NULL;
    refused(&cfg, AXVM_ERR_INVAL, "image.modules", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ram_spares_the_hole_and_goes_on_behind_the_gap),
        cmocka_unit_test(devices_in_the_gap_do_not_collide_with_ram),
        cmocka_unit_test(the_default_uart_is_at_a_port),
        cmocka_unit_test(ports_are_checked),
        cmocka_unit_test(passthrough_ports_are_checked),
        cmocka_unit_test(ports_and_addresses_are_different_spaces),
        cmocka_unit_test(modules_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
