/* SPDX-License-Identifier: BSD-2-Clause */
/* VMs out of a host's device tree: docs/fdt.md. The tree is trusted little: hostile-guest.md row 84. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>
#include <axvm/fdt.h>

#include "fdt_writer.h"

#define HOST_RAM 0x40000000u
#define HOST_RAM_SIZE 0x10000u

struct fixture {
    uint8_t ram[HOST_RAM_SIZE]; /* what the host sees at HOST_RAM */
    struct axvm_hal hal;
    struct axvm_builder b;
    struct axvm_config_error err;
    _Alignas(8) uint8_t fdt[8192];
    struct axvm_fdt_writer w;
};

static void *phys_to_virt(void *ctx, axvm_hpa_t pa)
{
    struct fixture *f = ctx;

    return pa.v >= HOST_RAM && pa.v - HOST_RAM < HOST_RAM_SIZE ? f->ram + (pa.v - HOST_RAM) : NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->hal = (struct axvm_hal){ .size = sizeof(f->hal), .ctx = f, .phys_to_virt = phys_to_virt };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* ---- a tree under construction ---- */

/* A root with an interrupt controller; open at the root. */
static struct axvm_fdt_writer *begin_tree(struct fixture *f)
{
    f->w = (struct axvm_fdt_writer){ .fdt = f->fdt };
    assert_int_equal(fdt_create(f->fdt, sizeof(f->fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(f->fdt), 0);
    axvm_fw_begin(&f->w, "");
    axvm_fw_u32(&f->w, "#address-cells", 2);
    axvm_fw_u32(&f->w, "#size-cells", 2);
    axvm_fw_u32(&f->w, "interrupt-parent", 0x8001);
    axvm_fw_begin(&f->w, "intc@8000000");
    axvm_fw_u32(&f->w, "phandle", 0x8001);
    axvm_fw_u32(&f->w, "#interrupt-cells", 3);
    axvm_fw_end(&f->w);
    return &f->w;
}

static void finish_tree(struct fixture *f)
{
    axvm_fw_end(&f->w);
    assert_int_equal(f->w.err, 0);
    assert_int_equal(fdt_finish(f->fdt), 0);
}

static void begin_domain(struct axvm_fdt_writer *w, const char *name)
{
    axvm_fw_begin(w, name);
    axvm_fw_string(w, "compatible", "xen,domain");
    axvm_fw_u32(w, "#address-cells", 2);
    axvm_fw_u32(w, "#size-cells", 2);
}

/* The only one of the tree, in /chosen; and what then is the end of all. */
static void begin_only_domain(struct axvm_fdt_writer *w, const char *name)
{
    axvm_fw_begin(w, "chosen");
    begin_domain(w, name);
}

static void finish_domain(struct fixture *f)
{
    axvm_fw_end(&f->w);
    axvm_fw_end(&f->w);
    finish_tree(f);
}

static void begin_module(struct axvm_fdt_writer *w, const char *kind, uint64_t addr, uint64_t size)
{
    char compatible[64] = { 0 };
    size_t len = strlen(kind) + 1;

    axvm_fw_begin_at(w, "module", addr);
    memcpy(compatible, kind, len);
    memcpy(compatible + len, "multiboot,module", 17);
    axvm_fw_bytes(w, "compatible", compatible, len + 17);
    axvm_fw_reg(w, addr, size);
}

static void add_module(struct axvm_fdt_writer *w, const char *kind, uint64_t addr, uint64_t size)
{
    begin_module(w, kind, addr, size);
    axvm_fw_end(w);
}

static int read_vm(struct fixture *f, unsigned int index)
{
    return axvm_config_from_fdt(&f->hal, f->fdt, fdt_totalsize(f->fdt), index, &f->b, &f->err);
}

/* One domain with a kernel and whatever @extra adds; what comes of it. */
static int read_domain_with(struct fixture *f, void (*extra)(struct axvm_fdt_writer *w))
{
    struct axvm_fdt_writer *w = begin_tree(f);

    begin_only_domain(w, "domU0");
    if (extra != NULL)
        extra(w);
    add_module(w, "multiboot,kernel", HOST_RAM + 0x1000, 0x2000);
    finish_domain(f);
    return read_vm(f, 0);
}

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

static void full_domain(struct axvm_fdt_writer *w)
{
    static const uint32_t masks[] = { 0, 1, 0x80000000, 0, 0, 0 };

    axvm_fw_u32(w, "cpus", 3);
    axvm_fw_u64(w, "memory", 0x40000);
    axvm_fw_empty(w, "vpl011");
    axvm_fw_empty(w, "axvm,touch");
    axvm_fw_empty(w, "axvm,hypercalls");
    axvm_fw_empty(w, "axvm,yield-on-spin");
    axvm_fw_string(w, "axvm,irqchip", "fancy");
    axvm_fw_cells(w, "axvm,pcpus", masks, 6);
    axvm_fw_string(w, "bootargs", "console=ttyAMA0");
    add_module(w, "multiboot,ramdisk", HOST_RAM + 0x4000, 0x100);
    add_module(w, "multiboot,device-tree", HOST_RAM + 0x5000, 0x200);
    add_module(w, "xen,xsm-policy", HOST_RAM, 0x200);
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
