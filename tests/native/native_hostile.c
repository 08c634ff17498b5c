/* SPDX-License-Identifier: BSD-2-Clause */
#include "native_hostile.h"

#include <axvm/err.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "vm_priv.h"

struct native_probe probe;

/* ---- the device ---- */

static int probe_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct native_probe *p = (struct native_probe *)dev;
    uint64_t len = dev->windows[acc->window].len;

    p->accesses++;
    assert_true(acc->size == 1 || acc->size == 2 || acc->size == 4 || acc->size == 8);
    assert_true(acc->off < len && acc->size <= len - acc->off && (!p->aligned || acc->off % acc->size == 0));
    acc->val = UINT64_MAX >> (64 - 8 * acc->size);
    return AXVM_OK;
}

static int probe_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct native_probe *p = (struct native_probe *)dev;
    uint64_t val = acc->val;

    if (p->on_write && !acc->may_call_host)
        return AXVM_ERR_AGAIN;
    assert_true(acc->size == 8 || val >> 8 * acc->size == 0);
    probe_read(dev, acc);
    if (p->on_write)
        p->on_write(dev->vm, acc);
    return AXVM_OK;
}

void native_probe_attach(struct axvm *vm, const struct axvm_window *windows, uint32_t count)
{
    static const struct axvm_device_ops ops = { .name = "probe", .read = probe_read, .write = probe_write };

    probe = (struct native_probe){
        .dev = { .ops = &ops, .window_count = count, .flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED },
    };
    memcpy(probe.dev.windows, windows, count * sizeof(*windows));
    assert_int_equal(axvm_device_attach(vm, &probe.dev), AXVM_OK);
}

/* ---- row 12 ---- */

void native_touch_everything(struct fake_hal *hal, struct axvm *vm, struct native_touch *t, struct native_touch in_ram)
{
    uint64_t before;

    *t = in_ram;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    native_run_until_kicked(vm, 0);
    before = hal->live_pages;
    *t = (struct native_touch){ 0, 0x7ffff000, 100000 };
    native_run_until_kicked(vm, 0);
    assert_true(hal->live_pages <= before + 20);
    native_destroy(vm);
}

/* ---- row 85: in a callback ---- */

static int error_of[8];
static unsigned int calls_made;

static void end_it(struct axvm *vm, struct axvm_access *acc)
{
    (void)acc;
    error_of[0] = axvm_destroy(vm);
    error_of[1] = axvm_reset(vm);
    error_of[2] = axvm_resume(vm);
    error_of[3] = axvm_suspend(vm);
    error_of[4] = axvm_resume(vm);
    error_of[5] = axvm_shutdown(vm);
    error_of[6] = axvm_shutdown(vm);
    error_of[7] = axvm_reset(vm);
    calls_made++;
}

void native_end_in_callback(struct axvm *vm)
{
    static const int expected[8] = {
        AXVM_ERR_BUSY, AXVM_ERR_BUSY, AXVM_ERR_STATE, AXVM_OK, AXVM_ERR_BUSY, AXVM_OK, AXVM_OK, AXVM_ERR_BUSY,
    };
    struct axvm_exit exit;

    probe.on_write = end_it;
    calls_made = 0;
    for (unsigned int round = 1; round <= 3; round++) {
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
        assert_int_equal(exit.reason, AXVM_EXIT_SHUTDOWN);
        assert_int_equal(calls_made, round);
        for (unsigned int i = 0; i < 8; i++)
            assert_int_equal(error_of[i], expected[i]);
        assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
    }
    native_destroy(vm);
}

/* ---- row 85: from elsewhere ---- */

struct smp_thread {
    struct native_smp *smp;
    pthread_t thread;
    unsigned int id;
};

static void *run_until_stopped(void *arg)
{
    struct smp_thread *t = arg;
    struct axvm_exit exit;

    fake_hal_set_cpu(t->id);
    while (!t->smp->stop) {
        int rc = axvm_run_vcpu(t->smp->vm, t->id, &exit);

        assert_true(rc == AXVM_OK || rc == AXVM_ERR_STATE);
        if (rc == AXVM_ERR_STATE || exit.reason == AXVM_EXIT_IDLE || exit.reason >= AXVM_EXIT_CPU_OFF)
            fake_hal_sleep(t->smp->hal, 0, t->id, 2);
    }
    return NULL;
}

static void until(struct axvm *vm, int (*call)(struct axvm *vm), int busy)
{
    int rc;

    while ((rc = call(vm)) == busy)
        sched_yield();
    /* The guest may have been faster. */
    assert_true(rc == AXVM_OK || rc == AXVM_ERR_STATE);
}

static void start_and_stop(struct native_smp *smp, unsigned int round)
{
    uint64_t seen = smp->exits;

    until(smp->vm, axvm_boot, AXVM_ERR_BUSY);
    while (smp->exits == seen)
        sched_yield();
    for (unsigned int i = 0; i < round % 4; i++) {
        axvm_suspend(smp->vm);
        until(smp->vm, axvm_resume, AXVM_ERR_BUSY);
    }
    if (round % 3 == 0)
        axvm_suspend(smp->vm);
    axvm_shutdown(smp->vm);
    assert_int_equal(axvm_shutdown(smp->vm), AXVM_OK);
    until(smp->vm, axvm_reset, AXVM_ERR_BUSY);
    assert_int_equal(axvm_get_state(smp->vm), AXVM_LOADED);
}

void native_stop_and_reset(struct native_smp *smp, unsigned int vcpus, unsigned int rounds)
{
    struct smp_thread t[FAKE_CPUS];

    smp->hal->tick_ns = 100;
    for (unsigned int i = 0; i < vcpus; i++) {
        t[i] = (struct smp_thread){ .smp = smp, .id = i };
        assert_int_equal(pthread_create(&t[i].thread, NULL, run_until_stopped, &t[i]), 0);
    }
    fake_hal_set_cpu(vcpus); /* no guest's */
    for (unsigned int round = 0; round < rounds; round++)
        start_and_stop(smp, round);
    smp->stop = true;
    for (unsigned int i = 0; i < vcpus; i++)
        pthread_join(t[i].thread, NULL);
    fake_hal_set_cpu(0);
    native_destroy(smp->vm);
}

/* ---- row 88 ---- */

void native_write_device(struct axvm *vm, uint64_t gpa, uint32_t val)
{
    struct axvm_access acc = { .off = gpa, .val = val, .size = 4, .vcpu = vm->vcpus[0] };

    assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &vm->vcpus[0]->hit[AXVM_BUS_MMIO], &acc, true), AXVM_OK);
}

void native_line_is_stuck(struct fake_hal *hal, struct axvm *vm, void (*enable)(struct axvm *vm))
{
    uint64_t kicks = hal->kicks[0], wakes = hal->wakes[0][0], lines = hal->log_lines;
    struct axvm_irq_line line = { 0 };
    struct axvm_exit exit;

    assert_int_equal(axvm_irq_line_init(&line, vm, 5, false), AXVM_OK);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    enable(vm);
    for (unsigned int i = 0; i < 1000; i++)
        axvm_irq_line_set(&line, true);
    do
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_IDLE);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_true(hal->kicks[0] - kicks <= 2 && hal->wakes[0][0] - wakes <= 4);
    assert_int_equal(hal->log_lines, lines);
    native_destroy(vm);
}

void native_passthrough_is_stuck(struct fake_hal *hal, struct axvm_config cfg, void (*enable)(struct axvm *vm),
                                 uint64_t at_once)
{
    const struct axvm_passthrough dev = { .host_irq = 77, .guest_irq = 5 };
    uint64_t completed;
    struct axvm *vm;

    cfg.passthrough = &dev;
    cfg.passthrough_count = 1;
    vm = native_vm(hal, &cfg);
    completed = hal->completed;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    if (enable)
        enable(vm);
    for (unsigned int i = 0; i < 10000; i++)
        assert_int_equal(axvm_forward_irq(vm, 77), AXVM_OK);
    assert_int_equal(axvm_forward_irq(vm, 78), AXVM_ERR_NOENT);
    assert_true(hal->completed - completed <= at_once);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(hal->completed - completed, 1);
    native_destroy(vm);
    assert_int_equal(hal->completed - completed, 1);
}

/* ---- anything, for long ---- */

uint64_t any(uint64_t n)
{
    return ((uint64_t)rand() << 31 ^ (uint64_t)rand()) % n;
}

uint64_t any_near(const uint64_t *nasty, size_t count)
{
    if (any(4) == 0)
        return any(UINT64_MAX) << any(64);
    return nasty[any(count)] + (any(4) == 0 ? any(64) : 0);
}

bool native_all_are_off(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (atomic_load(&vm->vcpus[i]->power) != AXVM_POWER_OFF)
            return false;
    }
    return true;
}

void native_storm(struct fake_hal *hal, struct axvm *vm, const uint64_t *left, uint64_t most_pages,
                  void (*take_exit)(struct axvm *vm, unsigned int id, const struct axvm_exit *exit))
{
    uint64_t before = hal->live_pages;
    struct axvm_exit exit;

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    while (*left != 0) {
        unsigned int id = (unsigned int)any(vm->vcpu_count);

        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
        take_exit(vm, id, &exit);
        assert_true(hal->live_pages <= before + most_pages);
    }
    assert_true(probe.accesses > 100);
}
