/* SPDX-License-Identifier: BSD-2-Clause */
/* Configs: each wrong field is named, good ones are copied, the builder fills them. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <stdlib.h>
#include <string.h>

#include "vm_priv.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

static void refused(const struct axvm_config *cfg, int rc, const char *field, uint32_t index)
{
    struct axvm_config_error err = { 0 };

    assert_int_equal(axvm_config_check(cfg, &err), rc);
    assert_string_equal(err.field, field);
    assert_int_equal(err.index, index);
    assert_non_null(err.why);
    assert_int_equal(axvm_config_check(cfg, NULL), rc);
}

static void accepted(const struct axvm_config *cfg)
{
    struct axvm_config_error err = { 0 };

    if (axvm_config_check(cfg, &err) != AXVM_OK)
        fail_msg("%s[%u]: %s", err.field, err.index, err.why);
}

static void all_zero_is_a_working_config(void **state)
{
    const struct axvm_config cfg = { 0 };

    (void)state;
    accepted(&cfg);
    assert_int_equal(axvm_config_check(NULL, NULL), AXVM_ERR_INVAL);
}

static void scalars_out_of_range_are_named(void **state)
{
    (void)state;
    refused(&(struct axvm_config){ .flags = 1u << 31 }, AXVM_ERR_INVAL, "flags", 0);
    refused(&(struct axvm_config){ .vcpu_count = AXVM_MAX_VCPUS + 1 }, AXVM_ERR_INVAL, "vcpu_count", 0);
    refused(&(struct axvm_config){ .irq_mode = (enum axvm_irq_mode)3 }, AXVM_ERR_INVAL, "irq_mode", 0);
    refused(&(struct axvm_config){ .irq_mode = (enum axvm_irq_mode) - 1 }, AXVM_ERR_INVAL, "irq_mode", 0);
    refused(&(struct axvm_config){ .irqchip = 3 }, AXVM_ERR_INVAL, "irqchip", 0);
    accepted(&(struct axvm_config){ .irqchip = 2 });
    refused(&(struct axvm_config){ .gpa_bits = 31 }, AXVM_ERR_INVAL, "gpa_bits", 0);
    refused(&(struct axvm_config){ .gpa_bits = 53 }, AXVM_ERR_INVAL, "gpa_bits", 0);
    refused(&(struct axvm_config){ .ram_size = MIB(3) }, AXVM_ERR_INVAL, "ram_size", 0);
    refused(&(struct axvm_config){ .ram_size = UINT64_C(1) << 52 }, AXVM_ERR_INVAL, "ram_size", 0);
    refused(&(struct axvm_config){ .ram_kind = AXVM_REGION_DEVICE }, AXVM_ERR_INVAL, "ram_kind", 0);
    accepted(&(struct axvm_config){ .vcpu_count = AXVM_MAX_VCPUS, .ram_size = MIB(2), .gpa_bits = 40 });
}

static void regions_are_checked_one_by_one(void **state)
{
    static const struct {
        struct axvm_region region;
        const char *field; /* NULL: fine */
    } cases[] = {
        { { .gpa = { 0x1000 }, .len = 0x1000 }, NULL },
        { { .gpa = { 0x1001 }, .len = 0x1000 }, "regions.gpa" },
        { { .gpa = { 0x1000 }, .len = 0 }, "regions.len" },
        { { .gpa = { 0x1000 }, .len = 0x1001 }, "regions.len" },
        { { .gpa = { UINT64_MAX - 0xfff }, .len = 0x1000 }, "regions.len" },
        { { .gpa = { 0x1000 }, .len = UINT64_MAX - 0xfff }, "regions.len" },
        { { .gpa = { (UINT64_C(1) << 40) - 0x1000 }, .len = 0x2000 }, "regions.len" },
        { { .gpa = { (UINT64_C(1) << 40) - 0x1000 }, .len = 0x1000 }, NULL },
        { { .gpa = { 0x1000 }, .len = 0x1000, .kind = (enum axvm_region_kind)6 }, "regions.kind" },
        { { .gpa = { 0x1000 }, .len = 0x1000, .prot = 1u << 4 }, "regions.prot" },
        { { .gpa = { 0x1000 }, .len = 0x1000, .prot = AXVM_PROT_WRITE }, "regions.prot" },
        { { .gpa = { 0x1000 }, .len = 0x1000, .prot = AXVM_PROT_READ }, NULL },
        { { .gpa = { 0x1000 }, .len = 0x1000, .hpa = { 0x5000 } }, "regions.hpa" },
        { { .gpa = { 0x1000 }, .len = 0x1000, .hpa = { 0x5000 }, .kind = AXVM_REGION_IDENTITY }, "regions.hpa" },
        { { .gpa = { 0x1000 }, .len = 0x1000, .hpa = { 0x5000 }, .kind = AXVM_REGION_LINEAR }, NULL },
        { { .gpa = { 0x1000 }, .len = 0x1000, .hpa = { 0x5001 }, .kind = AXVM_REGION_DEVICE }, "regions.hpa" },
        { { .gpa = { 0x1000 }, .len = 0x2000, .hpa = { UINT64_MAX - 0xfff }, .kind = AXVM_REGION_LINEAR }, "regions.hpa" },
    };

    (void)state;
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* As the second of two, so that the index says something. */
        const struct axvm_region regions[2] = { { .gpa = { MIB(16) }, .len = 0x1000 }, cases[i].region };
        const struct axvm_config cfg = { .gpa_bits = 40, .regions = regions, .region_count = 2 };

        if (cases[i].field)
            refused(&cfg, AXVM_ERR_INVAL, cases[i].field, 1);
        else
            accepted(&cfg);
    }
}

static void arrays_without_storage_or_too_long_are_named(void **state)
{
    static const struct axvm_region regions[AXVM_MAX_REGIONS + 1];
    static const struct axvm_passthrough passthrough[AXVM_MAX_PASSTHROUGH + 1];
    static const struct axvm_emu_device devices[AXVM_MAX_EMU_DEVICES + 1];

    (void)state;
    refused(&(struct axvm_config){ .region_count = 1 }, AXVM_ERR_INVAL, "regions", 0);
    refused(&(struct axvm_config){ .passthrough_count = 1 }, AXVM_ERR_INVAL, "passthrough", 0);
    refused(&(struct axvm_config){ .device_count = 1 }, AXVM_ERR_INVAL, "devices", 0);
    refused(&(struct axvm_config){ .regions = regions, .region_count = AXVM_MAX_REGIONS + 1 }, AXVM_ERR_INVAL, "region_count",
            0);
    refused(&(struct axvm_config){ .passthrough = passthrough, .passthrough_count = AXVM_MAX_PASSTHROUGH + 1 }, AXVM_ERR_INVAL,
            "passthrough_count", 0);
    refused(&(struct axvm_config){ .devices = devices, .device_count = AXVM_MAX_EMU_DEVICES + 1 }, AXVM_ERR_INVAL,
            "device_count", 0);
    refused(&(struct axvm_config){ .regions = regions, .region_count = 1, .ram_size = MIB(2) }, AXVM_ERR_INVAL, "ram_size", 0);
}

static void overlaps_of_any_two_are_found(void **state)
{
    const struct axvm_region two[] = { { .gpa = { 0x10000 }, .len = 0x2000 }, { .gpa = { 0x11000 }, .len = 0x1000 } };
    const struct axvm_region on_uart = { .gpa = { 0x9000000 }, .len = 0x1000 };
    const struct axvm_passthrough in_ram = { .base_gpa = { 0x40100000 }, .len = 0x1000 };
    const struct axvm_emu_device uarts[] = {
        { .type = AXVM_EMU_PL011 },
        { .type = AXVM_EMU_PL011, .irq = 50 },
    };

    (void)state;
    refused(&(struct axvm_config){ .regions = two, .region_count = 2 }, AXVM_ERR_EXIST, "regions", 1);
    refused(&(struct axvm_config){ .regions = &on_uart, .region_count = 1 }, AXVM_ERR_EXIST, "devices.base", 0);
    accepted(&(struct axvm_config){ .regions = &on_uart, .region_count = 1, .flags = AXVM_VM_NO_DEFAULT_DEVICES });
    refused(&(struct axvm_config){ .passthrough = &in_ram, .passthrough_count = 1 }, AXVM_ERR_EXIST, "passthrough.base_gpa", 0);
    accepted(&(struct axvm_config){ .passthrough = &in_ram, .passthrough_count = 1, .regions = two, .region_count = 1 });
    refused(&(struct axvm_config){ .devices = uarts, .device_count = 2 }, AXVM_ERR_EXIST, "devices.base", 1);
}

static void emulated_devices_are_checked(void **state)
{
    struct axvm_emu_device d[2] = { { .type = AXVM_EMU_PL011 }, { .type = AXVM_EMU_PL011, .base = 0xa000000, .irq = 34 } };
    const struct axvm_config cfg = { .devices = d, .device_count = 2 };

    (void)state;
    accepted(&cfg);
    d[1].irq = 0; /* the default machine's, as the other one */
    refused(&cfg, AXVM_ERR_EXIST, "devices.irq", 1);
    d[1].irq = 34;
    d[1].base = 0xa000010;
    refused(&cfg, AXVM_ERR_INVAL, "devices.base", 1);
    d[1].base = UINT64_MAX - 0xfff;
    refused(&cfg, AXVM_ERR_INVAL, "devices.base", 1);
    d[1].base = 0xa000000;
    d[0].type = AXVM_EMU_NONE;
    refused(&cfg, AXVM_ERR_INVAL, "devices.type", 0);
    d[0].type = (enum axvm_emu_type)77;
    refused(&cfg, AXVM_ERR_INVAL, "devices.type", 0);
}

static void passthrough_devices_are_checked(void **state)
{
    static const uint32_t blob[4];
    struct axvm_passthrough p[2] = {
        { .base_gpa = { 0xb000000 }, .base_hpa = { 0xc000000 }, .len = 0x1000, .host_irq = 50, .guest_irq = 60 },
        { .base_gpa = { 0xb001000 }, .base_hpa = { 0xc001000 }, .len = 0x1000, .host_irq = 51, .guest_irq = 61 },
    };
    const struct axvm_passthrough good = p[1];
    const struct axvm_config cfg = { .passthrough = p, .passthrough_count = 2 };

    (void)state;
    accepted(&cfg);
#define BAD(member, value, rc, name)                                                                                           \
    do {                                                                                                                       \
        p[1].member = (value);                                                                                                 \
        refused(&cfg, rc, name, 1);                                                                                            \
        p[1] = good;                                                                                                           \
    } while (0)
    BAD(base_gpa.v, 0xb001001, AXVM_ERR_INVAL, "passthrough.base_gpa");
    BAD(base_hpa.v, 0xc001800, AXVM_ERR_INVAL, "passthrough.base_hpa");
    BAD(len, 0x1800, AXVM_ERR_INVAL, "passthrough.len");
    BAD(len, UINT64_MAX - 0xfff, AXVM_ERR_INVAL, "passthrough.len");
    BAD(base_gpa.v, 0xb000000, AXVM_ERR_EXIST, "passthrough.base_gpa");
    BAD(host_irq, 50, AXVM_ERR_EXIST, "passthrough.host_irq");
    BAD(guest_irq, 60, AXVM_ERR_EXIST, "passthrough.guest_irq");
    BAD(guest_irq, 33, AXVM_ERR_EXIST, "passthrough.guest_irq"); /* the UART's */
    BAD(fdt, blob, AXVM_ERR_INVAL, "passthrough.fdt_size");
    BAD(fdt_path, "/soc", AXVM_ERR_INVAL, "passthrough.fdt");
    BAD(fdt_size, 4, AXVM_ERR_INVAL, "passthrough.fdt");
    p[1].fdt = blob;
    p[1].fdt_size = sizeof(blob);
    refused(&cfg, AXVM_ERR_INVAL, "passthrough.fdt_path", 1);
    p[1] = good;
    p[1].len = 0; /* interrupts only */
    accepted(&cfg);
#undef BAD
}

/* Row 84: 64 KiB of command line. */
static void images_are_checked(void **state)
{
    struct axvm_config cfg = { 0 };
    char *line = malloc(65537);

    (void)state;
    assert_non_null(line);
    memset(line, 'x', 65536);
    line[65536] = '\0';
    cfg.image.cmdline = line;
    refused(&cfg, AXVM_ERR_INVAL, "image.cmdline", 0);
    line[65535] = '\0';
    accepted(&cfg);
    free(line);
    cfg.image.cmdline = NULL;
    cfg.image.kernel.size = 1;
    refused(&cfg, AXVM_ERR_INVAL, "image.kernel", 0);
    cfg.image.kernel.data = "k";
    cfg.image.initrd.size = 1;
    refused(&cfg, AXVM_ERR_INVAL, "image.initrd", 0);
    cfg.image.initrd.data = "i";
    accepted(&cfg);
    cfg.image.kernel.size = 0;
    refused(&cfg, AXVM_ERR_INVAL, "image.initrd", 0);
    cfg.image.kernel.size = 1;
    cfg.image.kind = (enum axvm_image_kind)8;
    refused(&cfg, AXVM_ERR_INVAL, "image.kind", 0);
    cfg.image.kind = AXVM_IMAGE_FLAT;
    cfg.image.fdt_verbatim = true;
    refused(&cfg, AXVM_ERR_INVAL, "image.fdt_verbatim", 0);
    cfg.image.fdt.size = 4;
    refused(&cfg, AXVM_ERR_INVAL, "image.fdt", 0);
}

static void a_refused_config_is_logged_with_its_field(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_region two[] = { { .gpa = { 0x10000 }, .len = 0x1000 }, { .gpa = { 0x20000 }, .len = 0x1001 } };
    const struct axvm_config cfg = { .regions = two, .region_count = 2 };
    struct axvm *vm = NULL;

    assert_int_equal(axvm_new(&hal->ops, &cfg, &vm), AXVM_ERR_INVAL);
    assert_null(vm);
    assert_string_equal(hal->last_line, "axvm_new: config.regions.len[0x1]: zero, or not a multiple of 4 KiB");
}

static void a_vm_keeps_its_own_copy_of_the_config(void **state)
{
    struct fake_hal *hal = *state;
    char name[] = "short-lived", line[] = "console=none", dev[] = "rtc", path[] = "/soc/rtc";
    struct axvm_vcpu_config vcpus[2] = { { 1 }, { 1 } };
    struct axvm_region regions[1] = { { .gpa = { 0x40000000 }, .len = MIB(2), .kind = AXVM_REGION_TOUCH } };
    struct axvm_passthrough pass[1] = { { .name = dev,
                                          .base_gpa = { 0xb000000 },
                                          .base_hpa = { 0xc000000 },
                                          .len = 0x1000,
                                          .fdt = path,
                                          .fdt_size = sizeof(path),
                                          .fdt_path = path } };
    struct axvm_emu_device uarts[1] = { { .type = AXVM_EMU_PL011 } };
    struct axvm_config cfg = {
        .id = 3,
        .name = name,
        .vcpu_count = 2,
        .vcpus = vcpus,
        .regions = regions,
        .region_count = 1,
        .passthrough = pass,
        .passthrough_count = 1,
        .devices = uarts,
        .device_count = 1,
        .image.cmdline = line,
    };
    struct axvm *vm = fake_vm_of(hal, &cfg);

    memset(name, '?', sizeof(name));
    memset(line, '?', sizeof(line));
    memset(dev, '?', sizeof(dev));
    memset(path, '?', sizeof(path));
    memset(vcpus, 0xff, sizeof(vcpus));
    memset(regions, 0xff, sizeof(regions));
    memset(pass, 0xff, sizeof(pass));
    memset(uarts, 0xff, sizeof(uarts));
    memset(&cfg, 0xff, sizeof(cfg));
    assert_int_equal(axvm_id(vm), 3);
    assert_string_equal(axvm_name(vm), "short-lived");
    assert_int_equal(axvm_vcpu_count(vm), 2);
    assert_int_equal(vm->cfg.vcpus[1].pcpu_mask, 1);
    assert_int_equal(vm->cfg.regions[0].len, MIB(2));
    assert_string_equal(vm->cfg.passthrough[0].name, "rtc");
    assert_string_equal(vm->cfg.passthrough[0].fdt_path, "/soc/rtc");
    assert_string_equal(vm->cfg.image.cmdline, "console=none");
    assert_int_equal(vm->cfg.devices[0].base, 0x9000000);
    assert_int_equal(vm->cfg.devices[0].irq, 33);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void the_default_machine_has_a_uart_and_128_mib(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_config cfg = { .ram_kind = AXVM_REGION_TOUCH };
    struct axvm *vm = fake_vm_of(hal, &cfg);

    assert_int_equal(axvm_vcpu_count(vm), 1);
    assert_int_equal(vm->cfg.ram_size, MIB(128));
    assert_non_null(vm->console);
    assert_ptr_equal(axvm_device_next(vm, NULL), vm->console);
    assert_int_equal(axvm_destroy(vm), 0);
    cfg.flags = AXVM_VM_NO_DEFAULT_DEVICES;
    vm = fake_vm_of(hal, &cfg);
    assert_null(axvm_device_next(vm, NULL));
    assert_int_equal(axvm_console_input(vm, (const uint8_t *)"x", 1), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void the_first_of_several_uarts_is_the_console(void **state)
{
    const struct axvm_emu_device uarts[] = {
        { .type = AXVM_EMU_PL011, .base = 0x9002000, .irq = 40 },
        { .type = AXVM_EMU_PL011, .base = 0x9001000, .irq = 41 },
    };
    const struct axvm_config cfg = { .devices = uarts, .device_count = 2, .ram_kind = AXVM_REGION_TOUCH };
    struct axvm *vm = fake_vm_of(*state, &cfg);

    assert_int_equal(vm->console->windows[0].base, 0x9002000);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void devices_that_collide_with_each_others_interrupts_leave_nothing_behind(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_emu_device uarts[] = {
        { .type = AXVM_EMU_PL011, .irq = 40 },
        { .type = AXVM_EMU_PL011, .base = 0x9001000, .irq = 5000 },
    };
    const struct axvm_config cfg = { .devices = uarts, .device_count = 2, .ram_kind = AXVM_REGION_TOUCH };
    uint64_t before = hal->live_pages;
    struct axvm *vm;

    assert_int_equal(axvm_new(&hal->ops, &cfg, &vm), AXVM_ERR_INVAL);
    assert_int_equal(hal->live_pages, before);
}

/* ---- the builder ---- */

static void the_builder_makes_what_it_is_told(void **state)
{
    static struct axvm_builder b;
    const struct axvm_config *cfg;
    struct axvm *vm;

    axvm_builder_init(&b, 2, "built");
    assert_int_equal(axvm_builder_vcpus(&b, 2), 0);
    assert_int_equal(axvm_builder_affinity(&b, 1, 1), 0);
    assert_int_equal(
        axvm_builder_region(&b, &(struct axvm_region){ .gpa = { 0x40000000 }, .len = MIB(2), .kind = AXVM_REGION_TOUCH }), 0);
    assert_int_equal(axvm_builder_device(&b, &(struct axvm_emu_device){ .type = AXVM_EMU_PL011 }), 0);
    assert_int_equal(axvm_builder_passthrough(&b, &(struct axvm_passthrough){ .host_irq = 99, .guest_irq = 99 }), 0);
    axvm_builder_image(&b, &(struct axvm_image_config){ .cmdline = "quiet" });
    cfg = axvm_builder_config(&b, NULL);
    assert_non_null(cfg);
    vm = fake_vm_of(*state, cfg);
    assert_int_equal(axvm_id(vm), 2);
    assert_string_equal(axvm_name(vm), "built");
    assert_int_equal(axvm_vcpu_pcpu_mask(vm->vcpus[1]), 1);
    assert_true(axvm_vcpu_pcpu_mask(vm->vcpus[0]) == UINT64_MAX);
    assert_string_equal(vm->cfg.image.cmdline, "quiet");
    assert_true(vm->arch.irqs[99].bound);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_full_builder_says_so_and_stays_as_it_was(void **state)
{
    static struct axvm_builder b;
    struct axvm_config_error err;

    (void)state;
    axvm_builder_init(&b, 0, NULL);
    assert_int_equal(axvm_builder_vcpus(&b, AXVM_MAX_VCPUS + 1), AXVM_ERR_NOSPC);
    assert_int_equal(axvm_builder_vcpus(&b, 0), AXVM_ERR_INVAL);
    assert_int_equal(axvm_builder_affinity(&b, AXVM_MAX_VCPUS, 1), AXVM_ERR_NOSPC);
    for (uint64_t i = 0; i < AXVM_MAX_REGIONS; i++)
        assert_int_equal(axvm_builder_region(&b, &(struct axvm_region){ .gpa = { MIB(i) }, .len = KIB(4) }), 0);
    assert_int_equal(axvm_builder_region(&b, &(struct axvm_region){ .gpa = { 0 }, .len = KIB(4) }), AXVM_ERR_NOSPC);
    for (uint32_t i = 0; i < AXVM_MAX_PASSTHROUGH; i++)
        assert_int_equal(axvm_builder_passthrough(&b, &(struct axvm_passthrough){ .host_irq = 100 + i, .guest_irq = 100 + i }),
                         0);
    assert_int_equal(axvm_builder_passthrough(&b, &(struct axvm_passthrough){ .host_irq = 1 }), AXVM_ERR_NOSPC);
    for (uint32_t i = 0; i < AXVM_MAX_EMU_DEVICES; i++) {
        const struct axvm_emu_device dev = { .type = AXVM_EMU_PL011, .base = 0x10000000 + i * 0x1000, .irq = 40 + i };

        assert_int_equal(axvm_builder_device(&b, &dev), 0);
    }
    assert_int_equal(axvm_builder_device(&b, &(struct axvm_emu_device){ .type = AXVM_EMU_PL011 }), AXVM_ERR_NOSPC);
    assert_non_null(axvm_builder_config(&b, &err));
    b.devices[3].irq = 41;
    assert_null(axvm_builder_config(&b, &err));
    assert_string_equal(err.field, "devices.irq");
    assert_int_equal(err.index, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(all_zero_is_a_working_config),
        FAKE_TEST(scalars_out_of_range_are_named),
        FAKE_TEST(regions_are_checked_one_by_one),
        FAKE_TEST(arrays_without_storage_or_too_long_are_named),
        FAKE_TEST(overlaps_of_any_two_are_found),
        FAKE_TEST(emulated_devices_are_checked),
        FAKE_TEST(passthrough_devices_are_checked),
        FAKE_TEST(images_are_checked),
        FAKE_TEST(a_refused_config_is_logged_with_its_field),
        FAKE_TEST(a_vm_keeps_its_own_copy_of_the_config),
        FAKE_TEST(the_default_machine_has_a_uart_and_128_mib),
        FAKE_TEST(the_first_of_several_uarts_is_the_console),
        FAKE_TEST(devices_that_collide_with_each_others_interrupts_leave_nothing_behind),
        FAKE_TEST(the_builder_makes_what_it_is_told),
        FAKE_TEST(a_full_builder_says_so_and_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
