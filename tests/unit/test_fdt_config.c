/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs out of a host's device tree: docs/fdt.md. The tree is trusted little: hostile-guest.md row 84. */
#include "fdt_config_fixture.h"

/* ---- domains ---- */

static void domain_with_a_kernel_gets_the_defaults(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_domain_with(f, NULL), AXVM_OK);
    assert_int_equal(f->b.cfg.id, 0);
    assert_string_equal(f->b.cfg.name, "domU0");
    assert_int_equal(f->b.cfg.vcpu_count, 1);
    assert_int_equal(f->b.cfg.ram_size, 0);
    assert_int_equal(f->b.cfg.flags, 0);
    assert_int_equal(f->b.cfg.passthrough_count, 0);
    assert_ptr_equal(f->b.cfg.image.kernel.data, f->ram + 0x1000);
    assert_int_equal(f->b.cfg.image.kernel.size, 0x2000);
    assert_int_equal(f->b.cfg.image.kind, AXVM_IMAGE_AUTO);
    assert_null(f->b.cfg.image.cmdline);
}

static void every_property_of_a_domain_is_honoured(void **state)
{
    struct fixture *f = *state;
    const struct axvm_config *cfg = &f->b.cfg;

    assert_int_equal(read_domain_with(f, full_domain), AXVM_OK);
    assert_int_equal(cfg->vcpu_count, 3);
    assert_int_equal(f->b.vcpus[0].pcpu_mask, 1);
    assert_true(f->b.vcpus[1].pcpu_mask == UINT64_C(1) << 63);
    assert_int_equal(f->b.vcpus[2].pcpu_mask, 0);
    assert_int_equal(cfg->ram_size, 256u << 20);
    assert_int_equal(cfg->ram_kind, AXVM_REGION_TOUCH);
    assert_int_equal(cfg->flags, AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN);
    assert_int_equal(cfg->irqchip, 2);
    assert_string_equal(cfg->image.cmdline, "console=ttyAMA0");
    assert_ptr_equal(cfg->image.initrd.data, f->ram + 0x4000);
    assert_int_equal(cfg->image.initrd.size, 0x100);
    assert_ptr_equal(cfg->image.fdt.data, f->ram + 0x5000);
    assert_false(cfg->image.fdt_verbatim);
}

static void domains_are_counted_from_zero_to_the_last(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    axvm_fw_begin(w, "chosen");
    axvm_fw_begin(w, "not-a-domain");
    axvm_fw_end(w);
    begin_domain(w, "left");
    add_module(w, "multiboot,kernel", HOST_RAM, 1);
    axvm_fw_end(w);
    begin_domain(w, "right");
    add_module(w, "multiboot,kernel", HOST_RAM, 2);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
    assert_string_equal(f->b.cfg.name, "left");
    assert_int_equal(read_vm(f, 1), AXVM_OK);
    assert_string_equal(f->b.cfg.name, "right");
    assert_int_equal(f->b.cfg.id, 1);
    assert_int_equal(read_vm(f, 2), AXVM_ERR_NOENT);
    assert_int_equal(read_vm(f, UINT32_MAX), AXVM_ERR_NOENT);
}

static void tree_without_a_domain_has_no_vm(void **state)
{
    struct fixture *f = *state;

    begin_tree(f);
    finish_tree(f);
    assert_int_equal(read_vm(f, 0), AXVM_ERR_NOENT);
    axvm_fw_begin(begin_tree(f), "chosen");
    axvm_fw_string(&f->w, "bootargs", "of the host");
    axvm_fw_end(&f->w);
    finish_tree(f);
    assert_int_equal(read_vm(f, 0), AXVM_ERR_NOENT);
}

static void kernel_modules_bootargs_win_over_the_domains(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    begin_only_domain(w, "d");
    axvm_fw_string(w, "bootargs", "old");
    begin_module(w, "multiboot,kernel", HOST_RAM, 1);
    axvm_fw_string(w, "bootargs", "new");
    axvm_fw_u64(w, "axvm,load-address", 0x40200000);
    axvm_fw_u32(w, "axvm,entry", 0);
    axvm_fw_end(w);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
    assert_string_equal(f->b.cfg.image.cmdline, "new");
    assert_true(f->b.cfg.image.load_set);
    assert_int_equal(f->b.cfg.image.load.v, 0x40200000);
    assert_true(f->b.cfg.image.entry_set);
    assert_int_equal(f->b.cfg.image.entry.v, 0);
}

static void firmware_module_is_executed_in_place(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    begin_only_domain(w, "d");
    add_module(w, "axvm,firmware", HOST_RAM, 0x800);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
    assert_int_equal(f->b.cfg.image.kind, AXVM_IMAGE_FIRMWARE);
    assert_int_equal(f->b.cfg.image.kernel.size, 0x800);
}

/* As QEMU's hw/core/guest-loader.c: no cell counts in /chosen, two cells each. */
static void add_files(struct axvm_fdt_writer *w)
{
    begin_module(w, "axvm,file", HOST_RAM + 0x4000, 0x10);
    axvm_fw_string(w, "bootargs", "first one");
    axvm_fw_end(w);
    add_module(w, "axvm,file", HOST_RAM + 0x5000, 0x20);
}

static void files_beside_the_kernel_keep_their_order_and_command_lines(void **state)
{
    struct fixture *f = *state;
    const struct axvm_image_config *image = &f->b.cfg.image;

    assert_int_equal(read_domain_with(f, add_files), AXVM_OK);
    assert_non_null(axvm_builder_config(&f->b, &f->err));
    assert_int_equal(image->module_count, 2);
    assert_ptr_equal(image->modules[0].file.data, f->ram + 0x4000);
    assert_int_equal(image->modules[0].file.size, 0x10);
    assert_string_equal(image->modules[0].cmdline, "first one");
    assert_ptr_equal(image->modules[1].file.data, f->ram + 0x5000);
    assert_null(image->modules[1].cmdline);
}

static void add_too_many_files(struct axvm_fdt_writer *w)
{
    for (uint32_t i = 0; i <= AXVM_MAX_MODULES; i++)
        add_module(w, "axvm,file", HOST_RAM + i * 16, 16);
}

static void more_files_than_a_vm_can_have_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_domain_with(f, add_too_many_files), AXVM_ERR_FORMAT);
    assert_string_equal(f->err.field, "compatible");
}

static void guest_loader_modules_in_chosen_are_vm_0(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    axvm_fw_begin(w, "chosen");
    axvm_fw_string(w, "bootargs", "of the host");
    add_module(w, "multiboot,ramdisk", HOST_RAM + 0x3000, 0x300);
    begin_module(w, "multiboot,kernel", HOST_RAM + 0x1000, 0x100);
    axvm_fw_string(w, "bootargs", "of the guest");
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
    assert_int_equal(f->b.cfg.vcpu_count, 1);
    assert_string_equal(f->b.cfg.image.cmdline, "of the guest");
    assert_ptr_equal(f->b.cfg.image.kernel.data, f->ram + 0x1000);
    assert_ptr_equal(f->b.cfg.image.initrd.data, f->ram + 0x3000);
    assert_int_equal(read_vm(f, 1), AXVM_ERR_NOENT);
}

static void cells_of_the_domain_are_used_for_its_modules(void **state)
{
    static const uint32_t reg[] = { HOST_RAM + 0x1000, 0x2000 };
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    axvm_fw_begin(w, "chosen");
    axvm_fw_begin(w, "d");
    axvm_fw_string(w, "compatible", "xen,domain");
    axvm_fw_u32(w, "#address-cells", 1);
    axvm_fw_u32(w, "#size-cells", 1);
    axvm_fw_begin(w, "module");
    axvm_fw_bytes(w, "compatible", "multiboot,kernel\0multiboot,module", 34);
    axvm_fw_cells(w, "reg", reg, 2);
    axvm_fw_end(w);
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_OK);
    assert_ptr_equal(f->b.cfg.image.kernel.data, f->ram + 0x1000);
    assert_int_equal(f->b.cfg.image.kernel.size, 0x2000);
}

/* ---- what is refused, and by which name ---- */

static void no_cpus(struct axvm_fdt_writer *w)
{
    axvm_fw_u32(w, "cpus", 0);
}

static void many_cpus(struct axvm_fdt_writer *w)
{
    axvm_fw_u64(w, "cpus", UINT64_C(0x100000001));
}

static void odd_cpus(struct axvm_fdt_writer *w)
{
    axvm_fw_bytes(w, "cpus", "abc", 3);
}

static void wild_memory(struct axvm_fdt_writer *w)
{
    axvm_fw_u64(w, "memory", UINT64_C(1) << 54);
}

static void short_affinity(struct axvm_fdt_writer *w)
{
    axvm_fw_u32(w, "cpus", 2);
    axvm_fw_u64(w, "axvm,pcpus", 1);
}

static void unterminated_bootargs(struct axvm_fdt_writer *w)
{
    axvm_fw_bytes(w, "bootargs", "abc", 3);
}

static void second_kernel(struct axvm_fdt_writer *w)
{
    add_module(w, "axvm,firmware", HOST_RAM, 16);
}

static void empty_module(struct axvm_fdt_writer *w)
{
    add_module(w, "multiboot,ramdisk", HOST_RAM, 0);
}

static void wrapping_module(struct axvm_fdt_writer *w)
{
    add_module(w, "multiboot,ramdisk", UINT64_MAX - 1, 3);
}

static void endless_module(struct axvm_fdt_writer *w)
{
    add_module(w, "multiboot,ramdisk", HOST_RAM, UINT64_MAX);
}

static void unreachable_module(struct axvm_fdt_writer *w)
{
    add_module(w, "multiboot,ramdisk", 0x1000, 3);
}

static void unterminated_passthrough(struct axvm_fdt_writer *w)
{
    axvm_fw_bytes(w, "axvm,passthrough", "/a", 2);
}

static void absent_passthrough(struct axvm_fdt_writer *w)
{
    axvm_fw_string(w, "axvm,passthrough", "/nothing@0");
}

static void root_passthrough(struct axvm_fdt_writer *w)
{
    axvm_fw_string(w, "axvm,passthrough", "/");
}

static void gpa_for_nobody(struct axvm_fdt_writer *w)
{
    axvm_fw_u64(w, "axvm,passthrough-gpa", 0);
}

static void unknown_irqchip(struct axvm_fdt_writer *w)
{
    axvm_fw_string(w, "axvm,irqchip", "fanc");
}

static void malformed_properties_are_refused_by_name(void **state)
{
    static const struct {
        void (*extra)(struct axvm_fdt_writer *w);
        const char *field;
    } bad[] = {
        { no_cpus, "cpus" },
        { many_cpus, "cpus" },
        { odd_cpus, "cpus" },
        { wild_memory, "memory" },
        { unknown_irqchip, "axvm,irqchip" },
        { short_affinity, "axvm,pcpus" },
        { unterminated_bootargs, "bootargs" },
        { second_kernel, "compatible" },
        { empty_module, "reg" },
        { wrapping_module, "reg" },
        { endless_module, "reg" },
        { unreachable_module, "reg" },
        { unterminated_passthrough, "axvm,passthrough" },
        { absent_passthrough, "axvm,passthrough" },
        { root_passthrough, "axvm,passthrough" },
        { gpa_for_nobody, "axvm,passthrough-gpa" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&f->err, 0, sizeof(f->err));
        assert_int_equal(read_domain_with(f, bad[i].extra), AXVM_ERR_FORMAT);
        assert_string_equal(f->err.field, bad[i].field);
        assert_non_null(f->err.why);
    }
}

static void error_may_be_null(void **state)
{
    struct fixture *f = *state;

    read_domain_with(f, no_cpus);
    assert_int_equal(axvm_config_from_fdt(&f->hal, f->fdt, fdt_totalsize(f->fdt), 0, &f->b, NULL), AXVM_ERR_FORMAT);
}

static void domain_without_a_kernel_is_refused(void **state)
{
    struct fixture *f = *state;
    struct axvm_fdt_writer *w = begin_tree(f);

    begin_only_domain(w, "d");
    finish_domain(f);
    assert_int_equal(read_vm(f, 0), AXVM_ERR_FORMAT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(domain_with_a_kernel_gets_the_defaults),
        TEST(every_property_of_a_domain_is_honoured),
        TEST(domains_are_counted_from_zero_to_the_last),
        TEST(tree_without_a_domain_has_no_vm),
        TEST(kernel_modules_bootargs_win_over_the_domains),
        TEST(firmware_module_is_executed_in_place),
        TEST(files_beside_the_kernel_keep_their_order_and_command_lines),
        TEST(more_files_than_a_vm_can_have_are_refused),
        TEST(guest_loader_modules_in_chosen_are_vm_0),
        TEST(cells_of_the_domain_are_used_for_its_modules),
        TEST(malformed_properties_are_refused_by_name),
        TEST(error_may_be_null),
        TEST(domain_without_a_kernel_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
