/* SPDX-License-Identifier: BSD-2-Clause */
/* The AArch64 part of a guest's device tree, and interrupt specifiers of the GIC's binding both ways. */
#include "fdt_fixture.h"

static int setup_vcpus(void **state)
{
    static const uint64_t affinities[] = { 0x80000000, 0x80000001, 0x80000100, UINT64_C(0x0180000002) };
    struct fdt_fixture *f;

    fx_setup(state);
    f = *state;
    f->vm.vcpu_count = 4;
    f->vm.vcpus = calloc(4, sizeof(f->vm.vcpus[0]));
    for (unsigned int i = 0; i < 4; i++) {
        f->vm.vcpus[i] = calloc(1, sizeof(struct axvm_vcpu));
        f->vm.vcpus[i]->arch.mpidr = affinities[i];
    }
    return 0;
}

static int teardown_vcpus(void **state)
{
    struct fdt_fixture *f = *state;

    for (unsigned int i = 0; i < 4; i++)
        free(f->vm.vcpus[i]);
    free(f->vm.vcpus);
    return fx_teardown(state);
}

/* The backend's nodes in a tree of their own. */
static void describe(struct fdt_fixture *f, uint8_t *fdt, size_t size)
{
    struct axvm_fdt_writer w = { .fdt = fdt };

    assert_int_equal(fdt_create(fdt, (int)size), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    axvm_fw_begin(&w, "");
    assert_int_equal(axvm_arch_describe(&f->vm, fdt), 0);
    axvm_fw_end(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(fdt_finish(fdt), 0);
}

static void cpus_are_named_by_their_affinity(void **state)
{
    static const char *const paths[] = { "/cpus/cpu@0", "/cpus/cpu@1", "/cpus/cpu@100", "/cpus/cpu@100000002" };
    static const uint64_t reg[] = { 0, 1, 0x100, UINT64_C(0x100000002) };
    _Alignas(8) uint8_t fdt[8192];

    describe(*state, fdt, sizeof(fdt));
    for (unsigned int i = 0; i < 4; i++) {
        assert_string_property(fdt, paths[i], "device_type", "cpu");
        assert_string_property(fdt, paths[i], "enable-method", "psci");
        assert_u64_property(fdt, paths[i], "reg", reg[i]);
    }
    assert_int_equal(fx_u32(fdt, fx_node(fdt, "/cpus"), "#address-cells"), 2);
}

static void psci_is_called_by_hvc(void **state)
{
    _Alignas(8) uint8_t fdt[8192];

    describe(*state, fdt, sizeof(fdt));
    assert_string_property(fdt, "/psci", "method", "hvc");
    assert_int_equal(fdt_node_check_compatible(fdt, fx_node(fdt, "/psci"), "arm,psci-1.0"), 0);
    assert_int_equal(fdt_node_check_compatible(fdt, fx_node(fdt, "/psci"), "arm,psci-0.2"), 0);
}

/* Secure, non-secure, virtual and hypervisor timer: INTIDs 29, 30, 27, 26. */
static void timer_has_the_architected_interrupts(void **state)
{
    static const uint32_t interrupts[] = { 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4 };
    _Alignas(8) uint8_t fdt[8192];

    describe(*state, fdt, sizeof(fdt));
    assert_cells(fdt, "/timer", "interrupts", interrupts, 12);
}

static void vm_without_interrupt_controller_has_cpus_and_psci_only(void **state)
{
    _Alignas(8) uint8_t fdt[8192];
    struct fdt_fixture *f = *state;
    int node, count = 0;

    f->vm.cfg.irq_mode = AXVM_IRQ_NONE;
    describe(f, fdt, sizeof(fdt));
    fdt_for_each_subnode(node, fdt, 0) count++;
    assert_int_equal(count, 2);
}

static void interrupt_specifiers_are_those_of_the_binding(void **state)
{
    uint32_t cells[3];

    (void)state;
    assert_int_equal(axvm_arch_irq_cells(NULL, 33, false, cells), 3);
    assert_memory_equal(cells, ((const uint32_t[]){ 0, 1, 4 }), sizeof(cells));
    assert_int_equal(axvm_arch_irq_cells(NULL, 27, true, cells), 3);
    assert_memory_equal(cells, ((const uint32_t[]){ 1, 11, 1 }), sizeof(cells));
}

static void every_spi_survives_the_way_there_and_back(void **state)
{
    uint32_t cells[3], back;
    bool edge;

    (void)state;
    for (uint32_t irq = 32; irq < 1020; irq++) {
        axvm_arch_irq_cells(NULL, irq, irq % 2 != 0, cells);
        assert_int_equal(axvm_arch_irq_from_cells(cells, 3, &back, &edge), AXVM_OK);
        assert_int_equal(back, irq);
        assert_int_equal(edge, irq % 2 != 0);
    }
}

static void what_is_no_spi_is_refused(void **state)
{
    static const uint32_t ppi[] = { 1, 2, 4 }, espi[] = { 2, 2, 4 }, high[] = { 0, 988, 4 }, wild[] = { 0, UINT32_MAX, 4 };
    static const uint32_t spi[] = { 0, 2, 4, 0, 0 };
    uint32_t irq = 7;
    bool edge;

    (void)state;
    assert_int_equal(axvm_arch_irq_from_cells(ppi, 3, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_from_cells(espi, 3, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_from_cells(high, 3, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_from_cells(wild, 3, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_from_cells(spi, 2, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_from_cells(spi, 5, &irq, &edge), AXVM_ERR_NOSUP);
    assert_int_equal(irq, 7);
    assert_int_equal(axvm_arch_irq_from_cells(spi, 4, &irq, &edge), AXVM_OK);
    assert_int_equal(irq, 34);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_vcpus, teardown_vcpus)
    const struct CMUnitTest tests[] = {
        TEST(cpus_are_named_by_their_affinity),
        TEST(psci_is_called_by_hvc),
        TEST(timer_has_the_architected_interrupts),
        TEST(vm_without_interrupt_controller_has_cpus_and_psci_only),
        TEST(interrupt_specifiers_are_those_of_the_binding),
        TEST(every_spi_survives_the_way_there_and_back),
        TEST(what_is_no_spi_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
