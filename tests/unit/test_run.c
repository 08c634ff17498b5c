/* SPDX-License-Identifier: BSD-2-Clause */
/* axvm_run_vcpu(): what brings a guest back to its host, and what happens then (H8, H9, H13, H16, rows 12, 55, 56). */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <pthread.h>

#include "arch.h"
#include "fake_guest.h"

#define HOLE 0x0b000000u

static struct axvm *booted(struct fake_hal *hal, uint32_t vcpus, fake_guest_fn guest, void *arg)
{
    struct axvm *vm = fake_vm(hal, vcpus);

    for (uint32_t i = 0; i < vcpus; i++)
        fake_guest_set(vm, i, guest, arg);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    return vm;
}

static void end(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static enum axvm_exit_reason run(struct axvm *vm, unsigned int vcpu, struct axvm_exit *exit)
{
    assert_int_equal(axvm_run_vcpu(vm, vcpu, exit), AXVM_OK);
    assert_false(fake_irqs_masked);
    return exit->reason;
}

static int idle(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)vcpu;
    (void)exit;
    (void)arg;
    return AXVM_TRAP_IDLE;
}

static int host_irq(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    unsigned int *left = arg;

    (void)vcpu;
    (void)exit;
    return (*left)-- != 0 ? AXVM_TRAP_HOST_IRQ : AXVM_TRAP_IDLE;
}

/* Or a host's thread that sleeps until it is woken would never sleep. */
static void a_vcpu_that_is_off_is_not_woken_again_for_what_it_was_asked(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 2, idle, NULL);
    struct axvm_exit exit;
    uint64_t wakes;

    axvm_vcpu_request(vm->vcpus[1], AXVM_REQ_IRQ | AXVM_REQ_STOP);
    axvm_vcpu_kick(vm->vcpus[1]);
    wakes = hal->wakes[0][1];
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_CPU_OFF);
    assert_int_equal(hal->wakes[0][1], wakes);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(axvm_suspend(vm), AXVM_OK);
    axvm_vcpu_request(vm->vcpus[0], AXVM_REQ_IRQ);
    wakes = hal->wakes[0][0];
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SUSPENDED);
    assert_int_equal(hal->wakes[0][0], wakes);
    end(vm);
}

static void only_a_booted_vm_with_such_a_vcpu_runs(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_exit exit;

    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_STATE);
    assert_int_equal(axvm_run_vcpu(vm, 1, &exit), AXVM_ERR_NOENT);
    assert_int_equal(axvm_run_vcpu(vm, 0, NULL), AXVM_ERR_INVAL);
    assert_int_equal(axvm_run_vcpu(NULL, 0, &exit), AXVM_ERR_NOENT);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void vcpus_that_are_off_say_so_until_they_are_started(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 2, idle, NULL);
    struct axvm_exit exit;
    uint64_t wakes;

    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_CPU_OFF);
    assert_int_equal(axvm_vcpu_get_state(vm->vcpus[1]), AXVM_VCPU_CREATED);
    wakes = hal->wakes[0][1];
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], 0x1234, 7), AXVM_OK);
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], 0x5678, 8), AXVM_ERR_BUSY);
    axvm_wake_flush(vm);
    assert_int_equal(hal->wakes[0][1], wakes + 1);
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[1]->arch.entry, 0x1234);
    assert_int_equal(vm->vcpus[1]->arch.boot_arg, 7);
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], 0, 0), AXVM_ERR_EXIST);
    end(vm);
}

struct restart {
    struct axvm *vm;
    bool armed;
};

static int ask_and_stop(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)exit;
    (void)arg;
    axvm_vcpu_request(vcpu->vm->vcpus[0], AXVM_REQ_IRQ);
    return fake_guest_cpu_off(vcpu);
}

/* vCPU 1 has found itself off, and wakes vCPU 0 on its way out. */
static void restart_it(struct fake_hal *hal, enum fake_callback which, void *arg)
{
    struct restart *restart = arg;

    (void)hal;
    if (which != FAKE_WAKE_VCPU || !restart->armed)
        return;
    restart->armed = false;
    assert_int_equal(axvm_vcpu_power_on(restart->vm->vcpus[1], 0, 0), AXVM_OK);
}

/* H8: its thread goes to sleep because of this exit, so the start has to wake it. */
static void a_vcpu_started_while_it_leaves_because_it_is_off_is_woken(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 2, ask_and_stop, NULL);
    struct restart restart = { vm, false };
    struct axvm_exit exit;
    uint64_t wakes;

    hal->hook = restart_it;
    hal->hook_arg = &restart;
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], 0, 0), AXVM_OK);
    axvm_wake_flush(vm);
    wakes = hal->wakes[0][1];
    restart.armed = true;
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_CPU_OFF);
    assert_false(restart.armed);
    assert_int_equal(hal->wakes[0][1], wakes + 1);
    assert_true(axvm_vcpu_is_runnable(vm->vcpus[1]));
    hal->hook = NULL;
    end(vm);
}

static void idle_tells_the_deadline_and_an_interrupt_ends_it(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    struct axvm_vcpu_set self = { { 1 } };
    struct axvm_exit exit;
    uint64_t wakes;

    vm->vcpus[0]->arch.deadline_ns = 0;
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_true(exit.u.idle.deadline_ns == AXVM_TIME_NEVER);
    assert_int_equal(axvm_vcpu_get_state(vm->vcpus[0]), AXVM_VCPU_BLOCKED);
    assert_false(axvm_vcpu_is_runnable(vm->vcpus[0]));
    wakes = hal->wakes[0][0];
    assert_int_equal(axvm_inject(vm, &self, 40), AXVM_OK);
    assert_int_equal(hal->wakes[0][0], wakes + 1);
    assert_true(axvm_vcpu_is_runnable(vm->vcpus[0]));
    end(vm);
}

/* While somebody looks at its registers it still waits. */
static void an_interrupt_wakes_a_vcpu_whose_registers_are_being_looked_at(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    struct axvm_vcpu_set self = { { 1 } };
    struct axvm_exit exit;
    uint64_t wakes, value;

    vm->vcpus[0]->arch.deadline_ns = 0;
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    atomic_store(&vm->vcpus[0]->state, AXVM_VCPU_READY);
    assert_int_equal(axvm_vcpu_get_gpr(vm->vcpus[0], 1, &value), AXVM_ERR_BUSY);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_BUSY);
    atomic_store(&vm->vcpus[0]->state, AXVM_VCPU_READY);
    wakes = hal->wakes[0][0];
    assert_int_equal(axvm_inject(vm, &self, 40), AXVM_OK);
    assert_int_equal(hal->wakes[0][0], wakes + 1);
    atomic_store(&vm->vcpus[0]->state, AXVM_VCPU_BLOCKED);
    end(vm);
}

static void run_and_interrupt(struct axvm_vcpu *vcpu)
{
    struct axvm_vcpu_set self = { { 1 } };
    struct axvm_exit exit;

    assert_int_equal(axvm_run_vcpu(vcpu->vm, 0, &exit), AXVM_ERR_BUSY);
    assert_int_equal(axvm_inject(vcpu->vm, &self, 40), AXVM_OK);
}

/* Whoever wants to run it then gets an error; that is not to cost its thread the interrupt. */
static void an_interrupt_wakes_a_vcpu_that_another_thread_wanted_to_run(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    struct axvm_exit exit;
    uint64_t wakes, value;

    vm->vcpus[0]->arch.deadline_ns = 0;
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    fake_arch.reading = run_and_interrupt;
    wakes = hal->wakes[0][0];
    assert_int_equal(axvm_vcpu_get_gpr(vm->vcpus[0], 1, &value), AXVM_OK);
    assert_int_equal(hal->wakes[0][0], wakes + 1);
    assert_int_equal(axvm_vcpu_get_state(vm->vcpus[0]), AXVM_VCPU_BLOCKED);
    end(vm);
}

static void run_and_look(struct axvm_vcpu *vcpu)
{
    struct axvm_exit exit;
    uint64_t value;

    fake_arch.waiting = NULL;
    assert_int_equal(axvm_run_vcpu(vcpu->vm, 0, &exit), AXVM_ERR_BUSY);
    assert_int_equal(axvm_vcpu_get_gpr(vcpu, 1, &value), AXVM_ERR_BUSY);
}

/* Whoever is on its way to sleep has not left yet: two threads in one vCPU would be the end of the host. */
static void a_vcpu_that_is_about_to_sleep_is_still_its_threads(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    struct axvm_exit exit;

    fake_arch.waiting = run_and_look;
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_null(fake_arch.waiting);
    assert_int_equal(axvm_vcpu_get_state(vm->vcpus[0]), AXVM_VCPU_BLOCKED);
    end(vm);
}

static void interrupt_it(struct axvm_vcpu *vcpu)
{
    struct axvm_vcpu_set self = { { 1 } };

    fake_arch.waiting = NULL;
    assert_int_equal(axvm_inject(vcpu->vm, &self, 40), AXVM_OK);
}

/* H8 */
static void an_interrupt_wakes_a_vcpu_that_is_about_to_sleep(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    uint64_t wakes = hal->wakes[0][0];
    struct axvm_exit exit;

    fake_arch.waiting = interrupt_it;
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(hal->wakes[0][0], wakes + 1);
    end(vm);
}

/* A device with a power switch. */
static int switch_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    acc->val = 0;
    return AXVM_OK;
}

static int switch_write(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    return axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_OFF);
}

static int turn_off(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)exit;
    (void)arg;
    return vcpu->id == 0 ? fake_guest_write(vcpu, HOLE, 4, 1) : AXVM_TRAP_IDLE;
}

/* H8: no lost wake-up. */
static void a_device_that_turns_the_machine_off_wakes_vcpus_that_sleep(void **state)
{
    static const struct axvm_device_ops ops = { .name = "switch", .read = switch_read, .write = switch_write };
    struct axvm_device dev = { .ops = &ops, .window_count = 1, .windows = { { .base = HOLE, .len = 0x1000 } } };
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 2);
    struct axvm_exit exit;
    uint64_t wakes;

    assert_int_equal(axvm_device_attach(vm, &dev), AXVM_OK);
    for (uint32_t i = 0; i < 2; i++)
        fake_guest_set(vm, i, turn_off, NULL);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[1], 0, 0), AXVM_OK);
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_IDLE);
    wakes = hal->wakes[0][1];
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SYSTEM_OFF);
    assert_int_equal(hal->wakes[0][1], wakes + 1);
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_SHUTDOWN);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void kicks_are_not_lost_whenever_they_come(void **state)
{
    struct axvm *vm = booted(*state, 1, idle, NULL);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    axvm_vcpu_kick(vm->vcpus[0]);
    axvm_vcpu_kick(vm->vcpus[0]);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_KICKED);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    end(vm);
}

static void host_interrupts_return_only_to_a_caller_who_masks_them(void **state)
{
    unsigned int left = 3;
    struct axvm *vm = booted(*state, 1, host_irq, &left);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_HOST_IRQ), 3);
    left = 1;
    fake_irqs_masked = true;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_true(fake_irqs_masked);
    fake_irqs_masked = false;
    end(vm);
}

static int touch_then_idle(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)exit;
    (void)arg;
    if (vcpu->arch.entries > 3)
        return AXVM_TRAP_IDLE;
    return fake_guest_touch(vcpu, axvm_arch_machine.ram_base + 0x100000, AXVM_PROT_WRITE);
}

static void a_guest_for_which_memory_ran_out_can_go_on_later(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, touch_then_idle, NULL);
    struct axvm_exit exit;

    fake_hal_fail(hal, FAKE_PAGE_ALLOC, 0, true);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_NOMEM);
    fake_hal_fail_nothing(hal);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[0]->arch.faults_refused, 0);
    end(vm);
}

static int read_hole(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    unsigned int *step = arg;

    (void)exit;
    return (*step)++ < 2 ? fake_guest_read(vcpu, HOLE, 4) : AXVM_TRAP_IDLE;
}

static void an_unclaimed_access_is_the_hosts_to_answer_or_the_guests_fault(void **state)
{
    unsigned int step = 0;
    struct axvm *vm = booted(*state, 1, read_hole, &step);
    struct axvm_exit exit;

    assert_int_equal(axvm_vcpu_answer(vm->vcpus[0], 1), AXVM_ERR_STATE);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(exit.u.access.addr, HOLE);
    assert_int_equal(exit.u.access.size, 4);
    assert_false(exit.u.access.write);
    assert_int_equal(axvm_vcpu_answer(vm->vcpus[0], UINT64_C(0x1122334455667788)), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(vm->vcpus[0]->arch.loaded[0], 0x55667788);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[0]->arch.mmio_finished, 1);
    assert_int_equal(vm->vcpus[0]->arch.mmio_refused, 1);
    end(vm);
}

/* A device in the hole whose registers hold their offset plus one; from 0x10 on it must be able to call the host, from 0x20 on
 * it refuses. */
static int hole_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    if (acc->off >= 0x10 && !acc->may_call_host)
        return AXVM_ERR_AGAIN;
    acc->val = acc->off + 1;
    return acc->off < 0x20 ? AXVM_OK : AXVM_ERR_GUEST;
}

static int hole_write(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    (void)acc;
    return AXVM_ERR_GUEST;
}

static struct axvm *vm_with_device(struct fake_hal *hal, struct axvm_device *dev, fake_guest_fn guest, void *arg)
{
    static const struct axvm_device_ops ops = { .name = "hole", .read = hole_read, .write = hole_write };
    struct axvm *vm = fake_vm(hal, 1);

    *dev = (struct axvm_device){ .ops = &ops, .window_count = 1, .flags = AXVM_DEVICE_FAST };
    dev->windows[0] = (struct axvm_window){ .space = AXVM_BUS_MMIO, .base = HOLE, .len = 0x30 };
    assert_int_equal(axvm_device_attach(vm, dev), AXVM_OK);
    fake_guest_set(vm, 0, guest, arg);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    return vm;
}

struct long_read {
    unsigned int step;
    uint64_t addr;
    uint8_t more;
};

static int read_long(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct long_read *r = arg;

    (void)exit;
    return r->step++ == 0 ? fake_guest_read_more(vcpu, r->addr, 4, r->more) : AXVM_TRAP_IDLE;
}

static void an_instruction_may_need_several_accesses_in_both_tiers(void **state)
{
    struct long_read r = { 0, HOLE + 8, 4 };
    struct axvm_device dev;
    struct axvm *vm = vm_with_device(*state, &dev, read_long, &r);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[0]->arch.loaded[0], 9 + 13 + 17 + 21 + 25);
    assert_int_equal(vm->vcpus[0]->arch.mmio_finished, 1);
    end(vm);
}

static void each_access_of_an_instruction_may_leave_for_the_host(void **state)
{
    struct long_read r = { 0, HOLE - 8, 4 };
    struct axvm_device dev;
    struct axvm *vm = vm_with_device(*state, &dev, read_long, &r);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(exit.u.access.addr, HOLE - 8);
    assert_int_equal(axvm_vcpu_answer(vm->vcpus[0], 100), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(exit.u.access.addr, HOLE - 4);
    /* An answer is for one access, not for those that follow. */
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[0]->arch.mmio_refused, 1);
    assert_int_equal(vm->vcpus[0]->arch.loaded[0], 100 + 1 + 5 + 9);
    end(vm);
}

static void an_instruction_can_go_on_after_a_refused_access(void **state)
{
    struct long_read r = { 0, HOLE + 0x18, 5 };
    struct axvm_device dev;
    struct axvm *vm = vm_with_device(*state, &dev, read_long, &r);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(vm->vcpus[0]->arch.mmio_refused, 4);
    assert_int_equal(vm->vcpus[0]->arch.mmio_finished, 0);
    end(vm);
}

static void a_vm_may_be_stopped_between_the_accesses_of_an_instruction(void **state)
{
    struct long_read r = { 0, HOLE - 8, 1 };
    struct axvm_device dev;
    struct axvm *vm = vm_with_device(*state, &dev, read_long, &r);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(axvm_suspend(vm), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SUSPENDED);
    assert_int_equal(axvm_resume(vm), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_MMIO);
    assert_int_equal(exit.u.access.addr, HOLE - 4);
    end(vm);
}

static void a_cpu_that_is_not_enabled_or_not_allowed_is_refused(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_vcpu_config affinity[] = { { .pcpu_mask = 2 } };
    const struct axvm_config cfg = { .vcpus = affinity, .flags = AXVM_VM_NO_DEFAULT_DEVICES, .ram_size = 4 << 20 };
    struct axvm *vm = fake_vm_of(hal, &cfg);
    struct axvm_exit exit;

    fake_guest_set(vm, 0, idle, NULL);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_INVAL);
    fake_hal_set_cpu(1);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_STATE);
    assert_int_equal(fake_hal_enable_cpu(hal, 1), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    fake_hal_set_cpu(0);
    end(vm);
}

static int power(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    (void)vcpu;
    return *(int *)arg ? fake_guest_reset(vcpu, exit) : fake_guest_off(vcpu, exit);
}

static void power_off_and_reset_stop_the_vm_for_all_vcpus(void **state)
{
    int reset = 0;
    struct axvm *vm = booted(*state, 2, power, &reset);
    struct axvm_exit exit;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SYSTEM_OFF);
    assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
    assert_int_equal(run(vm, 1, &exit), AXVM_EXIT_SHUTDOWN);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SHUTDOWN);
    reset = 1;
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SYSTEM_RESET);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static void a_suspended_vm_keeps_its_vcpus_out_and_wakes_them(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = booted(hal, 1, idle, NULL);
    struct axvm_exit exit;
    uint64_t wakes;

    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    assert_int_equal(axvm_suspend(vm), AXVM_OK);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_SUSPENDED);
    wakes = hal->wakes[0][0];
    assert_int_equal(axvm_resume(vm), AXVM_OK);
    assert_true(hal->wakes[0][0] > wakes);
    assert_int_equal(run(vm, 0, &exit), AXVM_EXIT_IDLE);
    end(vm);
}

/* ---- with threads ---- */

struct runner {
    struct fake_hal *hal;
    struct axvm *vm;
    unsigned int vcpu;
    _Atomic unsigned int taken;
    _Atomic bool inside, failed;
};

static int take_all(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct runner *r = arg;

    (void)exit;
    atomic_store(&r->inside, true);
    while (fake_guest_take_irq(vcpu) != UINT32_MAX)
        atomic_fetch_add(&r->taken, 1);
    return AXVM_TRAP_IDLE;
}

static bool sleeps_after(const struct axvm_exit *exit)
{
    return exit->reason == AXVM_EXIT_IDLE || exit->reason == AXVM_EXIT_CPU_OFF;
}

static void *thread(void *arg)
{
    struct runner *r = arg;
    struct axvm_exit exit = { .reason = AXVM_EXIT_NONE };

    fake_hal_set_cpu(r->vcpu);
    while (exit.reason != AXVM_EXIT_SHUTDOWN) {
        /* What fails there, in minutes, is a wake-up that was lost. */
        if (axvm_run_vcpu(r->vm, r->vcpu, &exit) != AXVM_OK ||
            (sleeps_after(&exit) && !fake_hal_sleep(r->hal, 0, r->vcpu, 200000))) {
            atomic_store(&r->failed, true);
            return r;
        }
    }
    return NULL;
}

static void no_interrupt_for_a_sleeping_vcpu_is_lost(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 1);
    struct runner r = { .hal = hal, .vm = vm };
    struct axvm_vcpu_set self = { { 1 } };
    pthread_t t;
    void *failed;

    fake_guest_set(vm, 0, take_all, &r);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(pthread_create(&t, NULL, thread, &r), 0);
    fake_hal_set_cpu(2);
    for (unsigned int n = 1; n <= 2000; n++) {
        assert_int_equal(axvm_inject(vm, &self, 40 + n % 3), AXVM_OK);
        /* It is taken without anything else happening. */
        while (atomic_load(&r.taken) < n && !atomic_load(&r.failed))
            axvm_cpu_relax();
    }
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    pthread_join(t, &failed);
    assert_null(failed);
    fake_hal_set_cpu(0);
    assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static int count_and_stop(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct runner *r = arg;

    (void)exit;
    atomic_fetch_add(&r->taken, 1);
    return fake_guest_cpu_off(vcpu);
}

/* As a guest does that looks whether a CPU is off, and starts it at once. */
static void no_start_of_a_vcpu_that_goes_off_is_lost(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 2);
    struct runner r = { .hal = hal, .vm = vm, .vcpu = 1 };
    pthread_t t;
    void *failed;

    assert_int_equal(fake_hal_enable_cpu(hal, 1), 0);
    fake_guest_set(vm, 1, count_and_stop, &r);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(pthread_create(&t, NULL, thread, &r), 0);
    fake_hal_set_cpu(2);
    for (unsigned int n = 1; n <= 20000 && !atomic_load(&r.failed); n++) {
        while (axvm_vcpu_power_on(vm->vcpus[1], 0, 0) != AXVM_OK && !atomic_load(&r.failed))
            axvm_cpu_relax();
        axvm_wake_flush(vm);
    }
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    pthread_join(t, &failed);
    assert_null(failed);
    fake_hal_set_cpu(0);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

static int spin(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct runner *r = arg;

    (void)exit;
    atomic_store(&r->inside, true);
    return fake_guest_spin(vcpu);
}

static void a_running_vcpu_has_one_thread_and_comes_back_on_shutdown(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = fake_vm(hal, 1);
    struct runner r = { .hal = hal, .vm = vm };
    struct axvm_exit exit;
    uint64_t value;
    pthread_t t;
    void *failed;

    fake_guest_set(vm, 0, spin, &r);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(pthread_create(&t, NULL, thread, &r), 0);
    while (!atomic_load(&r.inside))
        axvm_cpu_relax();
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_ERR_BUSY);
    assert_int_equal(axvm_vcpu_get_gpr(vm->vcpus[0], 0, &value), AXVM_ERR_BUSY);
    assert_int_equal(axvm_destroy(vm), AXVM_ERR_BUSY);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    pthread_join(t, &failed);
    assert_null(failed);
    assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
    assert_int_equal(axvm_vcpu_get_gpr(vm->vcpus[0], 0, &value), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), AXVM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(only_a_booted_vm_with_such_a_vcpu_runs),
        FAKE_TEST(a_vcpu_that_is_off_is_not_woken_again_for_what_it_was_asked),
        FAKE_TEST(vcpus_that_are_off_say_so_until_they_are_started),
        FAKE_TEST(a_vcpu_started_while_it_leaves_because_it_is_off_is_woken),
        FAKE_TEST(idle_tells_the_deadline_and_an_interrupt_ends_it),
        FAKE_TEST(an_interrupt_wakes_a_vcpu_whose_registers_are_being_looked_at),
        FAKE_TEST(an_interrupt_wakes_a_vcpu_that_another_thread_wanted_to_run),
        FAKE_TEST(a_vcpu_that_is_about_to_sleep_is_still_its_threads),
        FAKE_TEST(an_interrupt_wakes_a_vcpu_that_is_about_to_sleep),
        FAKE_TEST(a_device_that_turns_the_machine_off_wakes_vcpus_that_sleep),
        FAKE_TEST(kicks_are_not_lost_whenever_they_come),
        FAKE_TEST(host_interrupts_return_only_to_a_caller_who_masks_them),
        FAKE_TEST(a_guest_for_which_memory_ran_out_can_go_on_later),
        FAKE_TEST(an_unclaimed_access_is_the_hosts_to_answer_or_the_guests_fault),
        FAKE_TEST(an_instruction_may_need_several_accesses_in_both_tiers),
        FAKE_TEST(each_access_of_an_instruction_may_leave_for_the_host),
        FAKE_TEST(an_instruction_can_go_on_after_a_refused_access),
        FAKE_TEST(a_vm_may_be_stopped_between_the_accesses_of_an_instruction),
        FAKE_TEST(a_cpu_that_is_not_enabled_or_not_allowed_is_refused),
        FAKE_TEST(power_off_and_reset_stop_the_vm_for_all_vcpus),
        FAKE_TEST(a_suspended_vm_keeps_its_vcpus_out_and_wakes_them),
        FAKE_TEST(no_interrupt_for_a_sleeping_vcpu_is_lost),
        FAKE_TEST(no_start_of_a_vcpu_that_goes_off_is_lost),
        FAKE_TEST(a_running_vcpu_has_one_thread_and_comes_back_on_shutdown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
