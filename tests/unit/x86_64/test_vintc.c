/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controllers of a VM together: lines, passthrough, their places on the bus, time, who is told. hostile-guest.md
 * rows 58, 59, 72, 75, 76, 88.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <axvm/err.h>

#include "vintc_world.h"

static int setup(void **state)
{
    (void)state;
    vintc_world_start(AXVM_IRQ_EMULATED, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    axvm_vintc_destroy(&vw.vm);
    assert_null(vw.vm.arch.vintc);
    return 0;
}

/* ---- the guest ---- */

static void out(uint32_t id, uint16_t port, uint8_t val)
{
    uint64_t v = val;

    assert_int_equal(vintc_world_access(id, AXVM_BUS_PORT, port, 1, true, &v), AXVM_OK);
}

static void store(uint32_t id, uint64_t addr, uint32_t val)
{
    uint64_t v = val;

    assert_int_equal(vintc_world_access(id, AXVM_BUS_MMIO, addr, 4, true, &v), AXVM_OK);
}

static uint32_t load(uint32_t id, uint64_t addr)
{
    uint64_t v = 0;

    assert_int_equal(vintc_world_access(id, AXVM_BUS_MMIO, addr, 4, false, &v), AXVM_OK);
    return (uint32_t)v;
}

static void enable(uint32_t id)
{
    store(id, 0xfee000f0, 0x1ff);
}

static void route(unsigned int gsi, uint32_t dest, uint32_t low)
{
    store(0, 0xfec00000, 0x11 + 2 * gsi);
    store(0, 0xfec00010, dest << 24);
    store(0, 0xfec00000, 0x10 + 2 * gsi);
    store(0, 0xfec00010, low);
}

static void init_pic(void)
{
    static const uint8_t icw[2][4] = { { 0x11, 0x30, 0x04, 0x01 }, { 0x11, 0x38, 0x02, 0x01 } };

    for (unsigned int i = 0; i < 4; i++) {
        out(0, (uint16_t)(0x20 + (i != 0)), icw[0][i]);
        out(0, (uint16_t)(0xa0 + (i != 0)), icw[1][i]);
    }
}

static int take(uint32_t id)
{
    int what = axvm_vlapic_pending(&vw.vcpus[id]);

    return what == AXVM_VLAPIC_NONE ? what : axvm_vlapic_accept(&vw.vcpus[id], what);
}

static void eoi(uint32_t id)
{
    store(id, 0xfee000b0, 0);
}

/* ---- lines ---- */

static void a_line_is_claimed_once_and_isa_irq_0_is_gsi_2(void **state)
{
    (void)state;
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 0, true), AXVM_OK);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 2, true), AXVM_ERR_EXIST);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 4, false), AXVM_OK);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 4, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 23, false), AXVM_OK);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 24, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, UINT32_MAX, false), AXVM_ERR_INVAL);
}

static void a_line_reaches_the_io_apic(void **state)
{
    (void)state;
    enable(1);
    route(4, 1, 0x54);
    route(2, 1, 0x52);
    axvm_arch_irq_set(&vw.vm, 4, true);
    assert_int_equal(take(1), 0x54);
    eoi(1);
    axvm_arch_irq_set(&vw.vm, 0, true);
    assert_int_equal(take(1), 0x52);
    eoi(1);
    axvm_arch_irq_set(&vw.vm, 24, true);
    axvm_arch_irq_set(&vw.vm, UINT32_MAX, true);
    assert_int_equal(take(1), AXVM_VLAPIC_NONE);
}

static void a_line_reaches_the_8259s_and_the_first_cpu(void **state)
{
    (void)state;
    init_pic();
    axvm_arch_irq_set(&vw.vm, 4, true);
    assert_int_equal(axvm_vlapic_pending(&vw.vcpus[0]), AXVM_VLAPIC_EXTINT);
    assert_true(axvm_vlapic_wakes(&vw.vcpus[0]));
    assert_int_equal(axvm_vlapic_pending(&vw.vcpus[1]), AXVM_VLAPIC_NONE);
    assert_int_equal(take(0), 0x34);
    assert_int_equal(take(0), AXVM_VLAPIC_NONE);
    out(0, 0x20, 0x20);
    axvm_arch_irq_set(&vw.vm, 2, true); /* ISA's IRQ 0 */
    assert_int_equal(take(0), 0x30);
    out(0, 0x20, 0x20);
    axvm_arch_irq_set(&vw.vm, 9, true);
    assert_int_equal(take(0), 0x39);
}

/* The guest masks it while it waits for RFLAGS.IF: no spurious interrupt. */
static void an_8259_that_takes_its_request_back_interrupts_nobody(void **state)
{
    (void)state;
    init_pic();
    axvm_arch_irq_set(&vw.vm, 4, true);
    assert_int_equal(axvm_vlapic_pending(&vw.vcpus[0]), AXVM_VLAPIC_EXTINT);
    out(0, 0x21, 0x10);
    assert_int_equal(axvm_vlapic_pending(&vw.vcpus[0]), AXVM_VLAPIC_NONE);
}

static void ports_are_accessed_byte_by_byte(void **state)
{
    uint64_t val = 0xa511; /* ICW1, then ICW2 */

    (void)state;
    assert_int_equal(vintc_world_access(0, AXVM_BUS_PORT, 0x20, 2, true, &val), AXVM_OK);
    out(0, 0x21, 0x04);
    out(0, 0x21, 0x01);
    axvm_arch_irq_set(&vw.vm, 1, true);
    assert_int_equal(take(0), 0xa1);
}

static void an_injected_input_is_an_edge_and_a_vector_is_the_cpus(void **state)
{
    (void)state;
    enable(1);
    route(5, 1, 0x55);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[0], 5), AXVM_OK);
    assert_int_equal(take(1), 0x55);
    eoi(1);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[1], 0x100 + 0x77), AXVM_OK);
    assert_int_equal(take(1), 0x77);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[2], 0x100 + 0x77), AXVM_ERR_GUEST); /* its APIC is off */
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[1], 24), AXVM_ERR_INVAL);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[1], 0x10f), AXVM_ERR_INVAL);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[1], 0x200), AXVM_ERR_INVAL);
}

static void a_vm_without_interrupt_controller_has_local_apics_only(void **state)
{
    (void)state;
    vintc_world_start(AXVM_IRQ_NONE, true);
    assert_int_equal(vw.device_count, 1);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 4, false), AXVM_ERR_NOSUP);
    axvm_arch_irq_set(&vw.vm, 4, true);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 4), AXVM_ERR_NOENT);
    assert_int_equal(axvm_arch_irq_inject(&vw.vcpus[0], 4), AXVM_ERR_INVAL);
    enable(0);
    store(0, 0xfee00300, 0x40050);
    assert_int_equal(take(0), 0x50);
    eoi(0);
}

/* ---- who is told ---- */

static void the_own_cpu_is_not_told_and_others_are_once(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < VINTC_WORLD_VCPUS; id++) {
        enable(id);
        axvm_vlapic_pending(&vw.vcpus[id]);
    }
    memset(vw.requests, 0, sizeof(vw.requests));
    route(5, 1, 0x55);
    vw.this_cpu.running = &vw.vcpus[1];
    axvm_arch_irq_set(&vw.vm, 5, true);
    axvm_arch_irq_set(&vw.vm, 5, false);
    assert_int_equal(vw.requests[1], 0);
    assert_int_equal(take(1), 0x55);
    eoi(1);
    axvm_vlapic_pending(&vw.vcpus[1]);
    vw.this_cpu.running = &vw.vcpus[0];
    axvm_arch_irq_set(&vw.vm, 5, true);
    assert_int_equal(vw.requests[1], 1);
    route(6, 1, 0x66);
    axvm_arch_irq_set(&vw.vm, 6, true);
    assert_int_equal(vw.requests[1], 1);
    assert_int_equal(take(1), 0x66);
    store(0, 0xfee00310, 1u << 24);
    store(0, 0xfee00300, 0x4044);
    assert_int_equal(vw.requests[1], 2);
    assert_int_equal(vw.requests[0] + vw.requests[2], 0);
}

static void messages_for_the_cpu_go_to_the_backend(void **state)
{
    (void)state;
    store(0, 0xfee00310, 1u << 24);
    store(0, 0xfee00300, 0x4400);
    store(0, 0xfee00300, 0xc500);
    store(0, 0xfee00300, 0x469f);
    assert_int_equal(vw.nmis, 1);
    assert_int_equal(vw.inits, 1);
    assert_int_equal(vw.last_sipi, 0x9f);
}

/* ---- the page ---- */

static void each_cpu_sees_its_own_page_as_long_as_it_is_there(void **state)
{
    uint64_t val = 0;

    (void)state;
    for (uint32_t id = 0; id < VINTC_WORLD_VCPUS; id++)
        assert_int_equal(load(id, 0xfee00020), id << 24);
    assert_int_equal(axvm_vlapic_msr_write(&vw.vcpus[1], 0x1b, 0x42000800), AXVM_OK);
    assert_int_equal(vintc_world_access(1, AXVM_BUS_MMIO, 0xfee00020, 4, false, &val), AXVM_ERR_GUEST);
    assert_int_equal(vintc_world_access(1, AXVM_BUS_MMIO, 0xfee00020, 4, true, &val), AXVM_ERR_GUEST);
    assert_true(axvm_vlapic_mmio(&vw.vcpus[1], 0x42000020));
    assert_int_equal(axvm_vlapic_mmio_read(&vw.vcpus[1], 0x20, 4), 1u << 24);
    assert_int_equal(axvm_vlapic_msr_write(&vw.vcpus[2], 0x1b, 0xfee00c00), AXVM_OK);
    assert_int_equal(vintc_world_access(2, AXVM_BUS_MMIO, 0xfee00020, 4, false, &val), AXVM_ERR_GUEST);
    assert_int_equal(load(0, 0xfee00020), 0);
}

/* ---- passthrough ---- */

static void a_hosts_level_ends_with_the_guests_eoi(void **state)
{
    (void)state;
    enable(1);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 11, 43, false), AXVM_OK);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 11, 44, false), AXVM_ERR_EXIST);
    route(11, 1, 0x805b);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 44), AXVM_ERR_NOENT);
    for (unsigned int i = 1; i <= 3; i++) {
        assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
        assert_int_equal(take(1), 0x5b);
        assert_int_equal(vw.completed[43], i - 1);
        eoi(1);
        assert_int_equal(vw.completed[43], i);
        assert_int_equal(take(1), AXVM_VLAPIC_NONE);
        eoi(1);
        assert_int_equal(vw.completed[43], i);
    }
}

/* A guest that programs an edge for it must not have the host's interrupt fire without end. */
static void a_hosts_level_that_the_guest_takes_for_an_edge_ends_with_its_eoi_too(void **state) /* 88 */
{
    (void)state;
    enable(1);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 3, 43, false), AXVM_OK);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK); /* masked still */
    route(3, 1, 0x53);
    assert_int_equal(take(1), 0x53);
    assert_int_equal(vw.completed[43], 0);
    eoi(1);
    assert_int_equal(vw.completed[43], 1);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
    assert_int_equal(take(1), 0x53);
}

static void a_hosts_interrupt_by_way_of_the_8259s(void **state)
{
    (void)state;
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 3, 43, false), AXVM_OK);
    init_pic();
    for (unsigned int i = 1; i <= 3; i++) {
        assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
        assert_int_equal(take(0), 0x33);
        assert_int_equal(vw.completed[43], i - 1);
        out(0, 0x20, 0x20);
        assert_int_equal(vw.completed[43], i);
    }
    /* Nothing of it is left in the I/O APIC. */
    enable(0);
    route(3, 0, 0x53);
    assert_int_equal(take(0), AXVM_VLAPIC_NONE);
}

/* The host's interrupt has been given back early: the next one comes all the same. */
static void a_line_that_both_controllers_serve_does_not_stick(void **state)
{
    (void)state;
    enable(1);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 3, 43, false), AXVM_OK);
    init_pic();
    route(3, 1, 0x8053);
    for (unsigned int i = 1; i <= 3; i++) {
        assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
        atomic_store(&vw.vm.arch.vintc->binding[3].fired, 0); /* as if an end had come in between */
        assert_int_equal(take(0), 0x33);
        assert_int_equal(take(1), 0x53);
        eoi(1);
        out(0, 0x20, 0x20);
        assert_int_equal(vw.vm.arch.vintc->ioapic.level, 0);
    }
}

static void without_an_end_only_edges_are_passed_through(void **state)
{
    (void)state;
    vintc_world_start(AXVM_IRQ_EMULATED, false);
    enable(1);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 11, 43, false), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 11, 43, true), AXVM_OK);
    route(11, 1, 0x5b);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
        assert_int_equal(take(1), 0x5b);
        eoi(1);
    }
}

static void reset_and_the_end_give_back_what_the_guest_holds(void **state)
{
    (void)state;
    enable(1);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 11, 43, false), AXVM_OK);
    assert_int_equal(axvm_arch_irq_bind(&vw.vm, 12, 44, true), AXVM_OK);
    route(11, 1, 0x805b);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 43), AXVM_OK);
    assert_int_equal(take(1), 0x5b);
    axvm_vintc_reset(&vw.vm);
    assert_int_equal(vw.completed[43], 1);
    assert_int_equal(vw.completed[44], 0);
    assert_int_equal(take(1), AXVM_VLAPIC_NONE);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 44), AXVM_OK);
    axvm_vintc_destroy(&vw.vm);
    assert_int_equal(vw.completed[43], 1);
    assert_int_equal(vw.completed[44], 1);
}

static void in_passthrough_mode_what_is_not_listed_comes_under_its_own_number(void **state)
{
    (void)state;
    vintc_world_start(AXVM_IRQ_PASSTHROUGH, true);
    enable(1);
    assert_int_equal(axvm_arch_irq_claim(&vw.vm, 4, false), AXVM_OK);
    route(17, 1, 0x61);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 17), AXVM_OK);
    assert_int_equal(take(1), 0x61);
    eoi(1);
    assert_int_equal(vw.completed[17], 1);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 4), AXVM_ERR_NOENT);
    assert_int_equal(axvm_arch_irq_forward(&vw.vm, 24), AXVM_ERR_NOENT);
}

static void specifiers_there_and_back(void **state)
{
    static const struct {
        uint32_t cells[2];
        bool ok, edge;
    } table[] = { { { 4, 0 }, true, true }, { { 4, 1 }, true, false },  { { 4, 2 }, true, false },
                  { { 4, 3 }, true, true }, { { 4, 4 }, false, false }, { { 24, 0 }, false, false } };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint32_t irq = 99;
        bool edge = false;

        assert_int_equal(axvm_arch_irq_from_cells(table[i].cells, 2, &irq, &edge), table[i].ok ? AXVM_OK : AXVM_ERR_NOSUP);
        assert_int_equal(axvm_arch_irq_from_cells(table[i].cells, 1, &irq, &edge), AXVM_ERR_NOSUP);
        assert_int_equal(axvm_arch_irq_from_cells(table[i].cells, 3, &irq, &edge), AXVM_ERR_NOSUP);
        assert_int_equal(irq, table[i].ok ? 4 : 99);
        assert_int_equal(edge, table[i].edge);
    }
    for (unsigned int gsi = 1; gsi < 24; gsi++) {
        for (unsigned int e = 0; e < 2; e++) {
            uint32_t cells[3], irq;
            bool edge;

            assert_int_equal(axvm_arch_irq_cells(&vw.vm, gsi, e, cells), 2);
            assert_int_equal(axvm_arch_irq_from_cells(cells, 2, &irq, &edge), AXVM_OK);
            assert_int_equal(irq, gsi);
            assert_int_equal(edge, e);
        }
    }
}

/* ---- retries ---- */

static void a_level_waits_for_a_cpu_that_accepts_it(void **state) /* 76 */
{
    (void)state;
    route(11, 1, 0x805b);
    axvm_arch_irq_set(&vw.vm, 11, true);
    assert_int_equal(take(1), AXVM_VLAPIC_NONE);
    enable(1);
    assert_int_equal(take(1), 0x5b);
}

/* ---- time ---- */

static void the_timer_is_in_the_hosts_time_and_stands_still_with_the_vm(void **state)
{
    (void)state;
    enable(0);
    store(0, 0xfee00320, 0x40);
    store(0, 0xfee003e0, 0xb);
    store(0, 0xfee00380, 10000);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 10000);
    vw.time_ns += 4000;
    axvm_vintc_clock_stop(&vw.vm);
    vw.time_ns += 1000000;
    axvm_vintc_clock_start(&vw.vm);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 6000);
    assert_int_equal(load(0, 0xfee00390), 6000);
    assert_false(axvm_vlapic_wakes(&vw.vcpus[0]) && axvm_vlapic_pending(&vw.vcpus[0]) == AXVM_VLAPIC_NONE &&
                 axvm_vlapic_wakes(&vw.vcpus[0]));
    vw.time_ns += 6000;
    assert_true(axvm_vlapic_wakes(&vw.vcpus[0]));
    axvm_vlapic_timer_poll(&vw.vcpus[0]);
    assert_int_not_equal(atomic_load(&vw.vcpus[0].arch.lapic.attention), 0);
    assert_int_equal(take(0), 0x40);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), AXVM_TIME_NEVER);
    assert_int_equal(vw.requests[0], 0);
}

static void a_deadline_follows_the_tsc_of_the_vcpu(void **state)
{
    (void)state;
    enable(0);
    store(0, 0xfee00320, 0x40040);
    assert_int_equal(axvm_vlapic_msr_write(&vw.vcpus[0], 0x6e0, 2 * vw.time_ns + 5000), AXVM_OK);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 2500);
    vw.vcpus[0].arch.tsc_moved = 1000; /* its TSC is ahead now */
    axvm_vlapic_tsc_moved(&vw.vcpus[0]);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 2000);
    assert_int_equal(axvm_vlapic_msr_write(&vw.vcpus[0], 0x6e0, 1), AXVM_OK); /* long ago */
    assert_true(axvm_vlapic_deadline(&vw.vcpus[0]) <= vw.time_ns);
    axvm_vlapic_timer_poll(&vw.vcpus[0]);
    assert_int_equal(take(0), 0x40);
    eoi(0);
    assert_int_equal(axvm_vlapic_msr_write(&vw.vcpus[0], 0x6e0, UINT64_MAX), AXVM_OK); /* never */
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), AXVM_TIME_NEVER);
    assert_false(axvm_vlapic_wakes(&vw.vcpus[0]));
}

static void before_the_first_start_the_clock_is_not_stopped(void **state)
{
    (void)state;
    axvm_vintc_clock_start(&vw.vm);
    enable(0);
    store(0, 0xfee00320, 0x40);
    store(0, 0xfee003e0, 0xb);
    store(0, 0xfee00380, 10000);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 10000);
    axvm_vintc_clock_stop(&vw.vm);
    axvm_vintc_clock_stop(&vw.vm);
    vw.time_ns += 500;
    axvm_vintc_clock_start(&vw.vm);
    axvm_vintc_clock_start(&vw.vm);
    assert_int_equal(axvm_vlapic_deadline(&vw.vcpus[0]), vw.time_ns + 10000);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_claimed_once_and_isa_irq_0_is_gsi_2),
        TEST(a_line_reaches_the_io_apic),
        TEST(a_line_reaches_the_8259s_and_the_first_cpu),
        TEST(an_8259_that_takes_its_request_back_interrupts_nobody),
        TEST(ports_are_accessed_byte_by_byte),
        TEST(an_injected_input_is_an_edge_and_a_vector_is_the_cpus),
        TEST(a_vm_without_interrupt_controller_has_local_apics_only),
        TEST(the_own_cpu_is_not_told_and_others_are_once),
        TEST(messages_for_the_cpu_go_to_the_backend),
        TEST(each_cpu_sees_its_own_page_as_long_as_it_is_there),
        TEST(a_hosts_level_ends_with_the_guests_eoi),
        TEST(a_hosts_level_that_the_guest_takes_for_an_edge_ends_with_its_eoi_too),
        TEST(a_hosts_interrupt_by_way_of_the_8259s),
        TEST(a_line_that_both_controllers_serve_does_not_stick),
        TEST(without_an_end_only_edges_are_passed_through),
        TEST(reset_and_the_end_give_back_what_the_guest_holds),
        TEST(in_passthrough_mode_what_is_not_listed_comes_under_its_own_number),
        TEST(specifiers_there_and_back),
        TEST(a_level_waits_for_a_cpu_that_accepts_it),
        TEST(the_timer_is_in_the_hosts_time_and_stands_still_with_the_vm),
        TEST(a_deadline_follows_the_tsc_of_the_vcpu),
        TEST(before_the_first_start_the_clock_is_not_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
