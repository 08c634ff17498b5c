/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree that a riscv64 guest finds, beside what the bindings of Linux' Documentation/devicetree/bindings require of
 * each node, and beside the machine that it describes. hostile-guest.md row 84: a guest of ours is told no lies.
 */
#include "hs_world.h"
#include "native_fixture.h"

#include <axvm/device.h>
#include <axvm/err.h>
#include <axvm/riscv64.h>
#include <libfdt.h>
#include <stdio.h>

#define VCPUS 5u
#define S_EXTERNAL 9u
#define NOBODY 0xffffffffu

static const struct axvm_passthrough rtc = {
    .name = "rtc", .base_gpa = { 0x10101000 }, .base_hpa = { 0x101000 }, .len = 0x1000, .host_irq = 11, .guest_irq = 12
};
static uint8_t kernel[64];
static _Alignas(8) uint8_t fdt[64 << 10];

/* As the guest gets it: its address is in a1 when it starts. */
static struct axvm *boot(struct fake_hal *hal, uint32_t irqchip)
{
    const struct axvm_config cfg = {
        .vcpu_count = VCPUS,
        .ram_size = 16 << 20,
        .ram_kind = AXVM_REGION_TOUCH,
        .irqchip = irqchip,
        .passthrough = &rtc,
        .passthrough_count = 1,
        .image = { .kernel = { kernel, sizeof(kernel) }, .kind = AXVM_IMAGE_FLAT },
    };
    struct axvm *vm = native_vm(hal, &cfg);

    assert_int_equal(axvm_load(vm), AXVM_OK);
    assert_int_equal(axvm_read_guest(vm, axvm_gpa(vm->boot_arg), fdt, sizeof(struct fdt_header)), AXVM_OK);
    assert_true(fdt_totalsize(fdt) <= sizeof(fdt));
    assert_int_equal(axvm_read_guest(vm, axvm_gpa(vm->boot_arg), fdt, fdt_totalsize(fdt)), AXVM_OK);
    assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
    return vm;
}

/* ---- looking ---- */

static int node_at(const char *path)
{
    int node = fdt_path_offset(fdt, path);

    if (node < 0)
        print_error("no %s\n", path);
    assert_true(node >= 0);
    return node;
}

static uint32_t cell(int node, const char *name, int n)
{
    int len;
    const fdt32_t *val = fdt_getprop(fdt, node, name, &len);

    assert_non_null(val);
    assert_true(len >= 4 * (n + 1));
    return fdt32_ld(val + n);
}

static int cells(int node, const char *name)
{
    int len;

    assert_non_null(fdt_getprop(fdt, node, name, &len));
    assert_int_equal(len % 4, 0);
    return len / 4;
}

static bool has(int node, const char *name)
{
    return fdt_getprop(fdt, node, name, NULL) != NULL;
}

/* "compatible": exactly these, as a list. */
static void check_compatible(int node, const char *specific, const char *generic)
{
    assert_string_equal(fdt_stringlist_get(fdt, node, "compatible", 0, NULL), specific);
    assert_string_equal(fdt_stringlist_get(fdt, node, "compatible", 1, NULL), generic);
    assert_int_equal(fdt_stringlist_count(fdt, node, "compatible"), 2);
}

/* "reg": one range, two cells each, that is @base and @len; it is where the VM has a device, all of it. */
static void check_reg(struct axvm *vm, int node, uint64_t base, uint64_t len)
{
    const struct axvm_bus_slot *slot;

    assert_int_equal(cells(node, "reg"), 4);
    assert_true(((uint64_t)cell(node, "reg", 0) << 32 | cell(node, "reg", 1)) == base);
    assert_true(((uint64_t)cell(node, "reg", 2) << 32 | cell(node, "reg", 3)) == len);
    slot = axvm_bus_find(&vm->bus[AXVM_BUS_MMIO], base, 1);
    assert_non_null(slot);
    assert_true(slot->base == base && slot->len == len);
}

/* The riscv,cpu-intc of hart @hart; what makes it one. */
static uint32_t cpu_intc(uint32_t hart)
{
    char path[64];
    int node;

    snprintf(path, sizeof(path), "/cpus/cpu@%x", hart);
    assert_int_equal(cell(node_at(path), "reg", 0), hart);
    snprintf(path, sizeof(path), "/cpus/cpu@%x/interrupt-controller", hart);
    node = node_at(path);
    assert_string_equal(fdt_getprop(fdt, node, "compatible", NULL), "riscv,cpu-intc");
    assert_int_equal(cell(node, "#interrupt-cells", 0), 1);
    assert_true(has(node, "interrupt-controller"));
    assert_int_equal(fdt_node_offset_by_phandle(fdt, cell(node, "phandle", 0)), node);
    return cell(node, "phandle", 0);
}

/* "interrupts-extended": the supervisor external interrupt of each hart, in the order of their numbers, as the controllers
 * number them. A PLIC has a context of M-mode before each. */
static void check_outputs(int node, bool machine_contexts)
{
    int stride = machine_contexts ? 4 : 2;

    assert_int_equal(cells(node, "interrupts-extended"), (int)VCPUS * stride);
    for (uint32_t hart = 0; hart < VCPUS; hart++) {
        int at = (int)hart * stride;

        if (machine_contexts) {
            assert_int_equal(cell(node, "interrupts-extended", at), cpu_intc(hart));
            assert_int_equal(cell(node, "interrupts-extended", at + 1), NOBODY);
            at += 2;
        }
        assert_int_equal(cell(node, "interrupts-extended", at), cpu_intc(hart));
        assert_int_equal(cell(node, "interrupts-extended", at + 1), S_EXTERNAL);
    }
}

/* Whoever has an interrupt has it of @parent, by its number and, if there are two cells, level-sensitive and active high. */
static void check_user(const char *path, int parent, uint32_t irq)
{
    int node = node_at(path), at = node, count = (int)cell(parent, "#interrupt-cells", 0);

    while (!has(at, "interrupt-parent"))
        at = fdt_parent_offset(fdt, at);
    assert_int_equal(fdt_node_offset_by_phandle(fdt, cell(at, "interrupt-parent", 0)), parent);
    assert_int_equal(cells(node, "interrupts"), count);
    assert_int_equal(cell(node, "interrupts", 0), irq);
    if (count == 2)
        assert_int_equal(cell(node, "interrupts", 1), 4);
}

static void check_users(int parent)
{
    check_user("/serial@10000000", parent, AXVM_RISCV64_UART_IRQ);
    check_user("/rtc@10101000", parent, rtc.guest_irq);
}

/* Nobody has two phandles, or one of somebody else; every interrupt controller can be referred to. */
static void check_phandles(void)
{
    for (int node = fdt_next_node(fdt, -1, NULL); node >= 0; node = fdt_next_node(fdt, node, NULL)) {
        uint32_t phandle = fdt_get_phandle(fdt, node);

        if (has(node, "interrupt-controller"))
            assert_true(phandle != 0);
        if (phandle != 0)
            assert_int_equal(fdt_node_offset_by_phandle(fdt, phandle), node);
    }
}

/* ---- the three controllers ---- */

/* sifive,plic-1.0.0.yaml */
static void a_plic_is_described_as_its_binding_wants(void **state)
{
    struct axvm *vm = boot(*state, AXVM_RISCV64_IRQCHIP_PLIC);
    int node = node_at("/interrupt-controller@c000000");

    check_compatible(node, "sifive,plic-1.0.0", "riscv,plic0");
    check_reg(vm, node, 0x0c000000, 0x4000000);
    assert_int_equal(cell(node, "#interrupt-cells", 0), 1);
    assert_int_equal(cell(node, "#address-cells", 0), 0);
    assert_true(has(node, "interrupt-controller"));
    assert_int_equal(cell(node, "riscv,ndev", 0), 255);
    check_outputs(node, true);
    check_users(node);
    check_phandles();
    native_destroy(vm);
}

/* As far as both modes of an APLIC go: riscv,aplic.yaml. */
static int check_aplic(struct axvm *vm, uint64_t len)
{
    int node = node_at("/interrupt-controller@d000000");

    check_compatible(node, "qemu,aplic", "riscv,aplic");
    check_reg(vm, node, 0x0d000000, len);
    assert_int_equal(cell(node, "#interrupt-cells", 0), 2);
    assert_true(has(node, "interrupt-controller"));
    assert_int_equal(cells(node, "riscv,num-sources"), 1);
    assert_int_equal(cell(node, "riscv,num-sources", 0), 255); /* 1..1023 */
    /* A leaf, whose hart indexes are those of "interrupts-extended". */
    assert_false(has(node, "riscv,children") || has(node, "riscv,delegation") || has(node, "riscv,hart-indexes"));
    assert_true(fdt_path_offset(fdt, "/interrupt-controller@c000000") < 0);
    check_users(node);
    check_phandles();
    return node;
}

static void an_aplic_that_delivers_directly_is_described_as_its_binding_wants(void **state)
{
    struct axvm *vm = boot(*state, AXVM_RISCV64_IRQCHIP_APLIC);
    /* 0x4000 and an IDC structure of 32 bytes for each hart, in whole pages */
    int node = check_aplic(vm, 0x5000);

    check_outputs(node, false);
    assert_false(has(node, "msi-parent"));
    assert_true(fdt_path_offset(fdt, "/interrupt-controller@28000000") < 0);
    native_destroy(vm);
}

static uint32_t default_of(int node, const char *name, uint32_t val)
{
    return has(node, name) ? cell(node, name, 0) : val;
}

/* riscv,imsics.yaml: a driver finds the page of hart h, guest 0, in the only group, from these. */
static void check_pages(struct axvm *vm, int node)
{
    uint32_t guest_bits = default_of(node, "riscv,guest-index-bits", 0), hart_bits = 0;
    uint64_t base = (uint64_t)cell(node, "reg", 0) << 32 | cell(node, "reg", 1);

    while ((1u << hart_bits) < VCPUS)
        hart_bits++;
    hart_bits = default_of(node, "riscv,hart-index-bits", hart_bits);
    assert_true(guest_bits <= 7 && hart_bits <= 15 && (1u << hart_bits) >= VCPUS);
    assert_int_equal(default_of(node, "riscv,group-index-bits", 0), 0);
    /* Guests of ours have no guests. */
    assert_int_equal(guest_bits, 0);
    /* "the base address" is aligned for what is or-ed into it */
    assert_true((base & ((UINT64_C(1) << (12 + guest_bits + hart_bits)) - 1)) == 0);
    for (uint32_t hart = 0; hart < VCPUS; hart++) {
        uint64_t page = base | (uint64_t)hart << (12 + guest_bits);
        struct axvm_access acc = { .off = page, .val = 100 + hart, .size = 4, .vcpu = vm->vcpus[0] };
        const struct axvm_bus_slot *hit = vm->vcpus[0]->hit[AXVM_BUS_MMIO];

        assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &hit, &acc, true), AXVM_OK);
    }
}

static void imsics_and_their_aplic_are_described_as_their_bindings_want(void **state)
{
    struct axvm *vm = boot(*state, AXVM_RISCV64_IRQCHIP_IMSIC);
    int aplic = check_aplic(vm, 0x4000), node = node_at("/interrupt-controller@28000000");

    assert_false(has(aplic, "interrupts-extended"));
    assert_int_equal(cells(aplic, "msi-parent"), 1); /* #msi-cells is 0 */
    assert_int_equal(fdt_node_offset_by_phandle(fdt, cell(aplic, "msi-parent", 0)), node);
    check_compatible(node, "qemu,imsics", "riscv,imsics");
    check_reg(vm, node, 0x28000000, VCPUS * 0x1000);
    assert_int_equal(cell(node, "#interrupt-cells", 0), 0);
    assert_int_equal(cell(node, "#msi-cells", 0), 0);
    assert_true(has(node, "interrupt-controller") && has(node, "msi-controller"));
    assert_int_equal(cell(node, "riscv,num-ids", 0), 255); /* 63..2047, one less than a multiple of 64 */
    check_outputs(node, false);
    check_pages(vm, node);
    native_destroy(vm);
}

/* cpus.yaml, extensions.yaml; what is said of AIA in the ISA goes with an IMSIC only. */
static void harts_are_described_with_what_their_controller_needs(void **state)
{
    for (uint32_t chip = AXVM_RISCV64_IRQCHIP_PLIC; chip <= AXVM_RISCV64_IRQCHIP_IMSIC; chip++) {
        struct axvm *vm = boot(*state, chip);
        int node = node_at("/cpus");

        assert_int_equal(cell(node, "#address-cells", 0), 1);
        assert_int_equal(cell(node, "#size-cells", 0), 0);
        assert_int_equal(cell(node, "timebase-frequency", 0), 10000000);
        for (uint32_t hart = 0; hart < VCPUS; hart++) {
            char path[32];

            cpu_intc(hart);
            snprintf(path, sizeof(path), "/cpus/cpu@%x", hart);
            node = node_at(path);
            assert_string_equal(fdt_getprop(fdt, node, "device_type", NULL), "cpu");
            assert_string_equal(fdt_getprop(fdt, node, "riscv,isa-base", NULL), "rv64i");
            assert_int_equal(strncmp(fdt_getprop(fdt, node, "riscv,isa", NULL), "rv64ima", 7), 0);
            assert_int_equal(fdt_stringlist_search(fdt, node, "riscv,isa-extensions", "ssaia") >= 0,
                             chip == AXVM_RISCV64_IRQCHIP_IMSIC);
            assert_int_equal(strstr(fdt_getprop(fdt, node, "riscv,isa", NULL), "_ssaia") != NULL,
                             chip == AXVM_RISCV64_IRQCHIP_IMSIC);
            /* Guests have no H extension, and are not told of one. */
            assert_true(fdt_stringlist_search(fdt, node, "riscv,isa-extensions", "h") < 0);
        }
        native_destroy(vm);
    }
}

/* Much more than an ordinary CPU has: as QEMU's "max". Guests are told of most of it. */
#define LONG_ISA                                                                                                               \
    "rv64imafdcbvh_zicond_zicntr_zicsr_zifencei_zihintntl_zihintpause_zimop_zmmul_za64rs_zaamo_zabha_zacas_zama16b_zalrsc_"    \
    "zawrs_zfa_zfbfmin_zfh_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbc_zbkb_zbkc_zbkx_zbs_zknd_zkne_zknh_zksed_zksh_zkt_ztso_zvbb_"   \
    "zvbc_zve32f_zve32x_zve64f_zve64d_zve64x_zvfbfmin_zvfbfwma_zvfh_zvfhmin_zvkb_zvkg_zvkn_zvknc_zvkned_zvkng_zvknha_zvknhb_"  \
    "zvks_zvksc_zvksed_zvksg_zvksh_zvkt_zvl128b_zvl256b_zvl512b_zvl1024b_sstc_svadu_svinval_svnapot"

static void with_many_extensions(void)
{
    hs.isa = LONG_ISA;
    hs.svadu = 1;
}

static int setup_with_many_extensions(void **state)
{
    return native_setup_changed(state, with_many_extensions);
}

static void all_that_a_hart_has_is_said_twice_however_much_it_is(void **state)
{
    struct axvm *vm = boot(*state, AXVM_RISCV64_IRQCHIP_IMSIC);
    int node = node_at("/cpus/cpu@1"), count, letters = 0;
    const char *isa = fdt_getprop(fdt, node, "riscv,isa", NULL), *at = isa + 4;
    char name[32];

    assert_true(strlen(isa) > 400);
    assert_non_null(strstr(isa, "_svadu_svinval_svnapot_svade_ssaia"));
    count = fdt_stringlist_count(fdt, node, "riscv,isa-extensions");
    for (int i = 0; i < count; i++, at += strlen(name)) {
        letters = *at != '_' ? letters + 1 : letters;
        at += *at == '_';
        snprintf(name, sizeof(name), "%s", fdt_stringlist_get(fdt, node, "riscv,isa-extensions", i, NULL));
        assert_int_equal(strncmp(at, name, strlen(name)), 0);
    }
    assert_int_equal(*at, '\0');
    assert_int_equal(letters, 7); /* imafdcv */
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_plic_is_described_as_its_binding_wants),
        NATIVE_TEST(an_aplic_that_delivers_directly_is_described_as_its_binding_wants),
        NATIVE_TEST(imsics_and_their_aplic_are_described_as_their_bindings_want),
        NATIVE_TEST(harts_are_described_with_what_their_controller_needs),
        NATIVE_TEST_AFTER(setup_with_many_extensions, all_that_a_hart_has_is_said_twice_however_much_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
