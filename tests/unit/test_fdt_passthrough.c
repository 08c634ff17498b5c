/* SPDX-License-Identifier: BSD-2-Clause */
/* Host devices in a guest's tree, and what they bring along. */
#include "fdt_fixture.h"

struct host {
    _Alignas(8) uint8_t fdt[8192];
    struct axvm_passthrough devices[AXVM_MAX_PASSTHROUGH];
};

/* Phandles of the host's tree. */
enum { INTC = 1, APB_CLK = 0x8000, PLL, VDD, SCMI, SCMI_CLK, SMMU, CHAIN };

static void fixed_clock(struct axvm_fdt_writer *w, const char *name, uint32_t phandle)
{
    axvm_fw_begin(w, name);
    axvm_fw_string(w, "compatible", "fixed-clock");
    axvm_fw_u32(w, "#clock-cells", 0);
    axvm_fw_u32(w, "clock-frequency", 24000000);
    axvm_fw_u32(w, "phandle", phandle);
    axvm_fw_end(w);
}

/* The PL031 as QEMU's "virt" has it. */
static void rtc(struct axvm_fdt_writer *w)
{
    static const uint32_t irq[] = { 0, 2, 4 };

    axvm_fw_begin(w, "pl031@9010000");
    axvm_fw_string(w, "clock-names", "apb_pclk");
    axvm_fw_u32(w, "clocks", APB_CLK);
    axvm_fw_cells(w, "interrupts", irq, 3);
    axvm_fw_reg(w, 0x9010000, 0x1000);
    axvm_fw_bytes(w, "compatible", "arm,pl031\0arm,primecell", 24);
    axvm_fw_u32(w, "interrupt-parent", INTC);
    axvm_fw_u32(w, "iommus", SMMU);
    axvm_fw_string(w, "status", "disabled");
    axvm_fw_empty(w, "wakeup-source");
    axvm_fw_end(w);
}

/* References of all kinds: some that can be met, some that cannot. */
static void complicated(struct axvm_fdt_writer *w)
{
    static const uint32_t clocks[] = { APB_CLK, CHAIN, 5, 0 };
    static const uint32_t resets[] = { SCMI_CLK, 3 };

    axvm_fw_begin(w, "gpu@a000000");
    axvm_fw_cells(w, "clocks", clocks, 4);
    axvm_fw_bytes(w, "clock-names", "a\0b\0c", 6);
    axvm_fw_cells(w, "resets", resets, 2);
    axvm_fw_string(w, "reset-names", "core");
    axvm_fw_u32(w, "vdd-supply", VDD);
    axvm_fw_bytes(w, "reg-names", "first\0second", 13);
    axvm_fw_string(w, "interrupt-names", "only");
    axvm_fw_u32(w, "enable-gpios", PLL);
    axvm_fw_u32(w, "pinctrl-0", PLL);
    axvm_fw_u32(w, "vendor,knob", 7);
    axvm_fw_end(w);
}

static void provider(struct axvm_fdt_writer *w)
{
    axvm_fw_begin(w, "pll@b000000");
    axvm_fw_reg(w, 0xb000000, 0x1000);
    axvm_fw_u32(w, "#clock-cells", 1);
    axvm_fw_u32(w, "phandle", PLL);
    axvm_fw_end(w);
    axvm_fw_begin(w, "user@c000000");
    axvm_fw_cells(w, "clocks", (const uint32_t[]){ PLL, 9 }, 2);
    axvm_fw_end(w);
}

/* Lists that end in the middle of something, or name nothing. */
static void malformed(struct axvm_fdt_writer *w)
{
    static const uint32_t cut[] = { CHAIN }, absent[] = { 0x7777 }, mute[] = { VDD };

    axvm_fw_begin(w, "cut");
    axvm_fw_cells(w, "clocks", cut, 1);
    axvm_fw_end(w);
    axvm_fw_begin(w, "odd");
    axvm_fw_bytes(w, "clocks", "\0\0\x80\0\0\0", 6); /* APB_CLK and half a phandle */
    axvm_fw_end(w);
    axvm_fw_begin(w, "absent");
    axvm_fw_cells(w, "clocks", absent, 1);
    axvm_fw_end(w);
    axvm_fw_begin(w, "mute"); /* VDD has no #clock-cells */
    axvm_fw_cells(w, "clocks", mute, 1);
    axvm_fw_end(w);
    axvm_fw_begin(w, "aliases");
    axvm_fw_string(w, "loop", "loop");
    axvm_fw_end(w);
}

static void others(struct axvm_fdt_writer *w)
{
    axvm_fw_begin(w, "clocks"); /* a container without registers */
    axvm_fw_begin(w, "divider");
    axvm_fw_string(w, "compatible", "fixed-factor-clock");
    axvm_fw_u32(w, "#clock-cells", 1);
    axvm_fw_u32(w, "clocks", APB_CLK);
    axvm_fw_u32(w, "phandle", CHAIN);
    axvm_fw_end(w);
    axvm_fw_end(w);
    axvm_fw_begin(w, "regulator");
    axvm_fw_string(w, "compatible", "regulator-fixed");
    axvm_fw_u32(w, "gpio", PLL);
    axvm_fw_u32(w, "phandle", VDD);
    axvm_fw_end(w);
    axvm_fw_begin(w, "scmi");
    axvm_fw_string(w, "compatible", "arm,scmi");
    axvm_fw_u32(w, "phandle", SCMI);
    axvm_fw_begin(w, "protocol");
    axvm_fw_u32(w, "#reset-cells", 1);
    axvm_fw_u32(w, "phandle", SCMI_CLK);
    axvm_fw_end(w);
    axvm_fw_end(w);
}

static void make_host(struct host *h)
{
    struct axvm_fdt_writer w = { .fdt = h->fdt };

    assert_int_equal(fdt_create(h->fdt, sizeof(h->fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(h->fdt), 0);
    axvm_fw_begin(&w, "");
    axvm_fw_u32(&w, "#address-cells", 2);
    axvm_fw_u32(&w, "#size-cells", 2);
    fixed_clock(&w, "apb-pclk", APB_CLK);
    rtc(&w);
    complicated(&w);
    provider(&w);
    others(&w);
    malformed(&w);
    axvm_fw_end(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(fdt_finish(h->fdt), 0);
}

/* Give the VM a device of the host's tree. */
static struct axvm_passthrough *give(struct fdt_fixture *f, struct host *h, const char *name, const char *path, uint64_t gpa,
                                     uint32_t irq)
{
    struct axvm_passthrough *dev = &h->devices[f->vm.cfg.passthrough_count++];

    *dev = (struct axvm_passthrough){
        .name = name,
        .base_gpa = { gpa },
        .base_hpa = { gpa },
        .len = 0x1000,
        .host_irq = irq,
        .guest_irq = irq,
        .fdt = h->fdt,
        .fdt_size = fdt_totalsize(h->fdt),
        .fdt_path = path,
    };
    f->vm.cfg.passthrough = h->devices;
    return dev;
}

static struct axvm_fdt_buf make_tree(struct fdt_fixture *f)
{
    struct axvm_fdt_buf buf = { 0 };

    assert_int_equal(axvm_fdt_make(&f->vm, 0, &buf), AXVM_OK);
    assert_int_equal(fdt_check_full(buf.data, buf.size), 0);
    return buf;
}

/* The node that the @index'th cell of a property refers to. */
static int follow(const void *fdt, const char *path, const char *property, unsigned int index)
{
    int len, node;
    const fdt32_t *val = fdt_getprop(fdt, fx_node(fdt, path), property, &len);

    assert_non_null(val);
    assert_true((unsigned int)len >= (index + 1) * 4);
    assert_true(fdt32_ld(val + index) >= AXVM_PHANDLE_CARRIED);
    node = fdt_node_offset_by_phandle(fdt, fdt32_ld(val + index));
    assert_true(node >= 0);
    return node;
}

static void assert_compatible(const void *fdt, int node, const char *compatible)
{
    assert_int_equal(fdt_node_check_compatible(fdt, node, compatible), 0);
}

/* ---- */

static void node_has_the_guests_address_and_interrupt(void **state)
{
    static const uint32_t reg[] = { 0, 0x0b000000, 0, 0x1000 };
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    uint32_t cells[3];

    make_host(&h);
    give(f, &h, "pl031@9010000", "/pl031@9010000", 0x0b000000, 0)->host_irq = 34;
    h.devices[0].guest_irq = 40;
    buf = make_tree(f);
    assert_cells(buf.data, "/pl031@b000000", "reg", reg, 4);
    assert_cells(buf.data, "/pl031@b000000", "interrupts", cells, axvm_arch_irq_cells(NULL, 40, false, cells));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void node_keeps_its_properties_but_for_what_only_the_host_has(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    static const char *const gone[] = { "iommus", "interrupt-parent", "status" };

    make_host(&h);
    give(f, &h, "rtc", "/pl031@9010000", 0x9010000, 34);
    buf = make_tree(f);
    assert_compatible(buf.data, fx_node(buf.data, "/rtc@9010000"), "arm,primecell");
    assert_non_null(fdt_getprop(buf.data, fx_node(buf.data, "/rtc@9010000"), "wakeup-source", NULL));
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_no_property(buf.data, "/rtc@9010000", gone[i]);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void clock_comes_along_under_a_new_phandle(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    int clock;

    make_host(&h);
    give(f, &h, "rtc", "/pl031@9010000", 0x9010000, 34);
    buf = make_tree(f);
    assert_string_property(buf.data, "/rtc@9010000", "clock-names", "apb_pclk");
    clock = follow(buf.data, "/rtc@9010000", "clocks", 0);
    assert_compatible(buf.data, clock, "fixed-clock");
    assert_int_equal(fx_u32(buf.data, clock, "clock-frequency"), 24000000);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void two_devices_share_their_dependency(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    make_host(&h);
    give(f, &h, "rtc", "/pl031@9010000", 0x9010000, 34);
    give(f, &h, "rtc", "/pl031@9010000", 0x9020000, 35);
    buf = make_tree(f);
    assert_int_equal(follow(buf.data, "/rtc@9010000", "clocks", 0), follow(buf.data, "/rtc@9020000", "clocks", 0));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void dependencies_of_dependencies_come_along(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    char path[64] = "/";
    int divider;

    make_host(&h);
    give(f, &h, "gpu", "/gpu@a000000", 0xa000000, 0);
    buf = make_tree(f);
    assert_compatible(buf.data, follow(buf.data, "/gpu@a000000", "clocks", 0), "fixed-clock");
    divider = follow(buf.data, "/gpu@a000000", "clocks", 1);
    assert_compatible(buf.data, divider, "fixed-factor-clock");
    strcat(path, fdt_get_name(buf.data, divider, NULL));
    assert_int_equal(follow(buf.data, path, "clocks", 0), follow(buf.data, "/gpu@a000000", "clocks", 0));
    assert_compatible(buf.data, follow(buf.data, "/gpu@a000000", "vdd-supply", 0), "regulator-fixed");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void specifiers_and_holes_stay_as_they_are(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    const fdt32_t *clocks;
    int len;

    make_host(&h);
    give(f, &h, "gpu", "/gpu@a000000", 0xa000000, 0);
    buf = make_tree(f);
    clocks = fdt_getprop(buf.data, fx_node(buf.data, "/gpu@a000000"), "clocks", &len);
    assert_int_equal(len, 16);
    assert_int_equal(fdt32_ld(clocks + 2), 5);
    assert_int_equal(fdt32_ld(clocks + 3), 0);
    axvm_fdt_buf_free(&f->vm, &buf);
}

/* The reset belongs to firmware of the host, which does not come along. */
static void reference_that_cannot_be_met_goes_with_its_names(void **state)
{
    static const char *const gone[] = { "resets", "reset-names", "reg-names", "enable-gpios", "pinctrl-0", "interrupts" };
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    make_host(&h);
    give(f, &h, "gpu", "/gpu@a000000", 0xa000000, 0);
    buf = make_tree(f);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_no_property(buf.data, "/gpu@a000000", gone[i]);
    assert_int_equal(fx_u32(buf.data, fx_node(buf.data, "/gpu@a000000"), "vendor,knob"), 7);
    assert_string_property(buf.data, "/gpu@a000000", "interrupt-names", "only");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void provider_with_registers_is_used_only_when_passed_through_itself(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    make_host(&h);
    give(f, &h, "user", "/user@c000000", 0xc000000, 0);
    buf = make_tree(f);
    assert_no_property(buf.data, "/user@c000000", "clocks");
    axvm_fdt_buf_free(&f->vm, &buf);

    give(f, &h, "pll", "/pll@b000000", 0xb000000, 0);
    buf = make_tree(f);
    assert_int_equal(follow(buf.data, "/user@c000000", "clocks", 0), fx_node(buf.data, "/pll@b000000"));
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void malformed_references_are_left_out(void **state)
{
    static const char *const paths[] = { "/cut", "/odd", "/absent", "/mute" };
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    make_host(&h);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        f->vm.cfg.passthrough_count = 0;
        give(f, &h, "dev", paths[i], 0xa000000, 0);
        buf = make_tree(f);
        assert_no_property(buf.data, "/dev@a000000", "clocks");
        axvm_fdt_buf_free(&f->vm, &buf);
    }
}

static void device_without_a_host_node_has_reg_and_interrupts_only(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    int prop, count = 0;

    give(f, &h, "thing", NULL, 0xa000000, 34)->fdt = NULL;
    buf = make_tree(f);
    fdt_for_each_property_offset(prop, buf.data, fx_node(buf.data, "/thing@a000000")) count++;
    assert_int_equal(count, 2);
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void device_without_a_name_is_not_described(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf with, without;

    make_host(&h);
    without = make_tree(f);
    give(f, &h, NULL, "/pl031@9010000", 0x9010000, 34);
    with = make_tree(f);
    assert_int_equal(with.size, without.size);
    axvm_fdt_buf_free(&f->vm, &with);
    axvm_fdt_buf_free(&f->vm, &without);
}

static void devices_without_registers_get_names_of_their_own(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    make_host(&h);
    give(f, &h, "button", "/pl031@9010000", 0, 34)->len = 0;
    give(f, &h, "button", "/pl031@9010000", 0, 35)->len = 0;
    buf = make_tree(f);
    assert_no_property(buf.data, "/button-0", "reg");
    fx_node(buf.data, "/button-1");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void odd_names_become_legal_ones(void **state)
{
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;

    give(f, &h, "a/b c", NULL, 0xa000000, 34)->fdt = NULL;
    give(f, &h, "", NULL, 0xb000000, 35)->fdt = NULL;
    give(f, &h, "a-name-that-is-far-longer-than-the-31-characters-of-the-specification", NULL, 0xc000000, 36)->fdt = NULL;
    buf = make_tree(f);
    fx_node(buf.data, "/a-b-c@a000000");
    fx_node(buf.data, "/x@b000000");
    fx_node(buf.data, "/a-name-that-is-far-longer-than-@c000000");
    axvm_fdt_buf_free(&f->vm, &buf);
}

static void wrong_blob_or_path_is_refused(void **state)
{
    static const char *const paths[] = { "/nothing", "pl031@9010000", "loop", "", NULL };
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf = { 0 };
    struct host h = { 0 };

    make_host(&h);
    give(f, &h, "rtc", "/pl031@9010000", 0x9010000, 34);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        h.devices[0].fdt_path = paths[i];
        assert_int_equal(axvm_fdt_make(&f->vm, 0, &buf), AXVM_ERR_FORMAT);
    }
    h.devices[0].fdt_path = "/pl031@9010000";
    h.devices[0].fdt_size--;
    assert_int_equal(axvm_fdt_make(&f->vm, 0, &buf), AXVM_ERR_FORMAT);
}

/* Clocks that refer to each other in a ring, and more of them than there is room for. */
static void rings_and_endless_chains_are_bounded(void **state)
{
    enum { CLOCKS = 500 };
    struct fdt_fixture *f = *state;
    struct host h = { 0 };
    struct axvm_fdt_buf buf;
    const size_t size = 128 * 1024;
    void *fdt = calloc(1, size);
    struct axvm_fdt_writer w = { .fdt = fdt };

    assert_int_equal(fdt_create(fdt, (int)size), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    axvm_fw_begin(&w, "");
    for (uint32_t i = 0; i < CLOCKS; i++) {
        axvm_fw_begin_at(&w, "clock", i);
        axvm_fw_u32(&w, "#clock-cells", 0);
        axvm_fw_u32(&w, "phandle", 1 + i);
        axvm_fw_u32(&w, "clocks", 1 + (i + 1) % CLOCKS);
        axvm_fw_end(&w);
    }
    axvm_fw_begin(&w, "self");
    axvm_fw_u32(&w, "#clock-cells", 0);
    axvm_fw_u32(&w, "phandle", 0x1000);
    axvm_fw_u32(&w, "clocks", 0x1000);
    axvm_fw_end(&w);
    axvm_fw_end(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(fdt_finish(fdt), 0);
    give(f, &h, "self", "/self", 0xa000000, 0);
    give(f, &h, "chain", "/clock@0", 0xb000000, 0);
    for (int i = 0; i < 2; i++) {
        h.devices[i].fdt = fdt;
        h.devices[i].fdt_size = fdt_totalsize(fdt);
    }
    buf = make_tree(f);
    assert_int_equal(follow(buf.data, "/self@a000000", "clocks", 0), fx_node(buf.data, "/self@a000000"));
    follow(buf.data, "/chain@b000000", "clocks", 0);
    axvm_fdt_buf_free(&f->vm, &buf);
    free(fdt);
}

static void randomly_changed_host_tree_is_survived(void **state)
{
    struct fdt_fixture *f = *state;
    struct axvm_fdt_buf buf = { 0 };
    struct host h = { 0 };
    size_t size;

    make_host(&h);
    size = fdt_totalsize(h.fdt);
    give(f, &h, "rtc", "/pl031@9010000", 0x9010000, 34);
    give(f, &h, "gpu", "/gpu@a000000", 0xa000000, 0);
    srand(4);
    for (unsigned int round = 0; round < 20000; round++) {
        uint8_t *copy = fx_changed_copy(h.fdt, size);

        h.devices[0].fdt = h.devices[1].fdt = copy;
        f->allocs_left = 1000;
        if (axvm_fdt_make(&f->vm, 0, &buf) == AXVM_OK) {
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
        TEST(node_has_the_guests_address_and_interrupt),
        TEST(node_keeps_its_properties_but_for_what_only_the_host_has),
        TEST(clock_comes_along_under_a_new_phandle),
        TEST(two_devices_share_their_dependency),
        TEST(dependencies_of_dependencies_come_along),
        TEST(specifiers_and_holes_stay_as_they_are),
        TEST(reference_that_cannot_be_met_goes_with_its_names),
        TEST(provider_with_registers_is_used_only_when_passed_through_itself),
        TEST(malformed_references_are_left_out),
        TEST(device_without_a_host_node_has_reg_and_interrupts_only),
        TEST(device_without_a_name_is_not_described),
        TEST(devices_without_registers_get_names_of_their_own),
        TEST(odd_names_become_legal_ones),
        TEST(wrong_blob_or_path_is_refused),
        TEST(rings_and_endless_chains_are_bounded),
        TEST(randomly_changed_host_tree_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
