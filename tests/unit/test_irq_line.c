/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines: who gets one, what its levels do, and that nobody sleeps through them. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "arch.h"
#include "fake_guest.h"

static void a_line_belongs_to_one_device(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_irq_line a = { 0 }, b = { 0 };

    assert_int_equal(axvm_irq_line_init(&a, vm, 40, false), 0);
    assert_int_equal(axvm_irq_line_init(&b, vm, 40, false), AXVM_ERR_EXIST);
    assert_int_equal(axvm_irq_line_init(&b, vm, 5000, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_irq_line_init(&b, vm, 3, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_irq_line_init(NULL, vm, 41, false), AXVM_ERR_INVAL);
    assert_int_equal(axvm_irq_line_init(&b, NULL, 41, false), AXVM_ERR_INVAL);
    /* a line that could not be had is not connected */
    axvm_irq_line_set(&b, true);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), UINT32_MAX);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_vm_without_interrupts_has_no_lines(void **state)
{
    const struct axvm_config cfg = { .irq_mode = AXVM_IRQ_NONE, .ram_kind = AXVM_REGION_TOUCH };
    struct axvm *vm = fake_vm_of(*state, &cfg);
    struct axvm_irq_line line = { 0 };

    assert_int_equal(axvm_irq_line_init(&line, vm, 40, false), AXVM_ERR_NOSUP);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_level_is_pending_while_it_is_high(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_irq_line line = { 0 };

    assert_int_equal(axvm_irq_line_init(&line, vm, 40, false), 0);
    axvm_irq_line_set(&line, true);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 40);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 40);
    axvm_irq_line_set(&line, false);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), UINT32_MAX);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void an_edge_is_taken_once(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_irq_line line = { 0 };

    assert_int_equal(axvm_irq_line_init(&line, vm, 40, true), 0);
    axvm_irq_line_pulse(&line);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 40);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), UINT32_MAX);
    axvm_irq_line_set(&line, true);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 40);
    axvm_irq_line_set(&line, true);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), UINT32_MAX);
    /* already high: a pulse is still an edge */
    axvm_irq_line_pulse(&line);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 40);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_line_that_is_not_connected_is_ignored(void **state)
{
    struct axvm_irq_line line;
    uint32_t cells[3];

    (void)state;
    memset(&line, 0, sizeof(line));
    axvm_irq_line_set(&line, true);
    axvm_irq_line_pulse(&line);
    axvm_irq_line_flush(&line);
    assert_int_equal(axvm_irq_line_cells(&line, cells), 0);
}

static void a_line_knows_its_cells(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_irq_line level = { 0 }, edge = { 0 };
    uint32_t cells[3];

    assert_int_equal(axvm_irq_line_init(&level, vm, 40, false), 0);
    assert_int_equal(axvm_irq_line_init(&edge, vm, 41, true), 0);
    assert_int_equal(axvm_irq_line_cells(&level, cells), 3);
    assert_int_equal(cells[1], 8);
    assert_int_equal(cells[2], 4);
    assert_int_equal(axvm_irq_line_cells(&edge, cells), 3);
    assert_int_equal(cells[2], 1);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* ---- a vCPU that sleeps ---- */

static int sleeper(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)vcpu;
    (void)exit;
    (void)arg;
    return AXVM_TRAP_IDLE;
}

static struct axvm *sleeping_vm(struct fake_hal *hal)
{
    struct axvm *vm = fake_vm(hal, 1);
    struct axvm_exit exit;

    fake_guest_set(vm, 0, sleeper, NULL);
    assert_int_equal(axvm_boot(vm), 0);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), 0);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    return vm;
}

static void stop(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* H8: no lost wake-up. */
static void a_line_raised_by_a_thread_of_the_host_wakes_the_vcpu(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm_irq_line line = { 0 };
    struct axvm *vm = fake_vm(hal, 1);
    struct axvm_exit exit;

    assert_int_equal(axvm_irq_line_init(&line, vm, 40, false), 0);
    fake_guest_set(vm, 0, sleeper, NULL);
    assert_int_equal(axvm_boot(vm), 0);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), 0);
    hal->wakes[0][0] = 0;
    axvm_irq_line_set(&line, true);
    assert_int_equal(hal->wakes[0][0], 1);
    assert_true(axvm_vcpu_is_runnable(vm->vcpus[0]));
    stop(vm);
}

static void a_line_raised_with_interrupts_off_wakes_it_when_flushed(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = sleeping_vm(hal);
    struct axvm_irq_line line = { .vm = vm, .irq = 40 };
    unsigned long flags;

    vm->arch.irqs[40].claimed = true;
    hal->wakes[0][0] = 0;
    flags = axvm_irq_save();
    axvm_irq_line_set(&line, true);
    assert_int_equal(hal->wakes[0][0], 0);
    axvm_irq_restore(flags);
    axvm_irq_line_flush(&line);
    assert_int_equal(hal->wakes[0][0], 1);
    axvm_irq_line_flush(&line);
    assert_int_equal(hal->wakes[0][0], 1);
    stop(vm);
}

static void console_input_wakes_the_vcpu(void **state)
{
    struct fake_hal *hal = *state;
    struct fake_console con;
    const struct axvm_config cfg = { .ram_kind = AXVM_REGION_TOUCH, .console = fake_console_init(&con) };
    struct axvm *vm = fake_vm_of(hal, &cfg);
    struct axvm_exit exit;
    uint64_t imsc = 0x10;
    struct axvm_access acc = { .off = 0x9000038, .size = 4, .val = imsc, .vcpu = vm->vcpus[0] };

    fake_guest_set(vm, 0, sleeper, NULL);
    assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &vm->vcpus[0]->hit[AXVM_BUS_MMIO], &acc, true), 0);
    assert_int_equal(axvm_boot(vm), 0);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), 0);
    hal->wakes[0][0] = 0;
    assert_int_equal(axvm_console_input(vm, (const uint8_t *)"x", 1), 1);
    assert_int_equal(hal->wakes[0][0], 1);
    assert_int_equal(fake_guest_take_irq(vm->vcpus[0]), 33);
    stop(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(a_line_belongs_to_one_device),
        FAKE_TEST(a_vm_without_interrupts_has_no_lines),
        FAKE_TEST(a_level_is_pending_while_it_is_high),
        FAKE_TEST(an_edge_is_taken_once),
        FAKE_TEST(a_line_that_is_not_connected_is_ignored),
        FAKE_TEST(a_line_knows_its_cells),
        FAKE_TEST(a_line_raised_by_a_thread_of_the_host_wakes_the_vcpu),
        FAKE_TEST(a_line_raised_with_interrupts_off_wakes_it_when_flushed),
        FAKE_TEST(console_input_wakes_the_vcpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
