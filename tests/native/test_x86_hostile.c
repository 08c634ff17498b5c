/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests that do what hostile-guest.md lists, on the x86_64 backend with SVM; the row's number is at each test. */
#include "x86_world.h"
#define NATIVE_RESET() x86_world_reset()
#define NATIVE_ENABLE_CPU(hal, pcpu) x86_enable_cpu(hal, pcpu)
#include "native_fixture.h"

#include <axvm/device.h>
#include <axvm/err.h>
#include <axvm/x86_64.h>
#include <sched.h>
#include <stdlib.h>

#include "exit.h"
#include "svm.h"
#include "vintc.h"

#define MIB (UINT64_C(1) << 20)
#define RAM_SIZE (8 * MIB)
#define CODE MIB /* where a flat image is, and where it begins */
#define DEVICE UINT64_C(0xd0000000)
#define PORT 0x5000u
#define PORT_END 0xffffu /* one more port, the last */
#define HOLE UINT64_C(0xd1000000)

/* ---- a device that looks at what it is asked ---- */

struct probe {
    struct axvm_device dev;
    uint64_t accesses;
    void (*on_write)(struct axvm *vm); /* in the host tier */
};

static int probe_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct probe *p = (struct probe *)dev;
    uint64_t len = dev->windows[acc->window].len;

    p->accesses++;
    assert_true(acc->size == 1 || acc->size == 2 || acc->size == 4 || acc->size == 8);
    assert_true(acc->off < len && acc->size <= len - acc->off);
    acc->val = UINT64_MAX >> (64 - 8 * acc->size);
    return AXVM_OK;
}

static int probe_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct probe *p = (struct probe *)dev;
    uint64_t val = acc->val;

    if (p->on_write && !acc->may_call_host)
        return AXVM_ERR_AGAIN;
    assert_true(acc->size == 8 || val >> 8 * acc->size == 0);
    probe_read(dev, acc);
    if (p->on_write)
        p->on_write(dev->vm);
    return AXVM_OK;
}

static struct probe probe;
static uint8_t code[4096];

static struct axvm *make(struct fake_hal *hal, uint32_t vcpus)
{
    static const struct axvm_device_ops ops = { .name = "probe", .read = probe_read, .write = probe_write };
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = RAM_SIZE,
        .ram_kind = AXVM_REGION_TOUCH,
        .flags = AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN | AXVM_VM_PV_CLOCK,
        .image = { .kernel = { code, sizeof(code) }, .kind = AXVM_IMAGE_FLAT },
    };
    struct axvm *vm = native_vm(hal, &cfg);

    probe = (struct probe){
        .dev = { .ops = &ops,
                 .windows = { { AXVM_BUS_MMIO, DEVICE, 0x1000 }, { AXVM_BUS_PORT, PORT, 8 }, { AXVM_BUS_PORT, PORT_END, 1 } },
                 .window_count = 3,
                 .flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED },
    };
    assert_int_equal(axvm_device_attach(vm, &probe.dev), AXVM_OK);
    return vm;
}

/* The end of a guest that has nothing more to do: it is kicked out. */
static void leave(struct axvm_vcpu *vcpu)
{
    axvm_vcpu_kick(vcpu);
    x86_exit_interrupted(vcpu);
}

/* ---- rows 1, 6: ports ---- */

/* Where two meet nobody answers: a read is all ones, as the bus is. */
enum port_answer { BY_DEVICE, BY_HOST, BY_NOBODY };
struct port_case {
    const char *what;
    uint32_t port;
    unsigned int size;
    enum port_answer answer;
};
static const struct port_case ports[] = {
    { "a port", PORT, 1, BY_DEVICE },
    { "four ports", PORT + 4, 4, BY_DEVICE },
    { "across the end of a device", PORT + 6, 4, BY_NOBODY },
    { "across its beginning", PORT - 1, 2, BY_NOBODY },
    { "behind it", PORT + 8, 1, BY_HOST },
    { "nowhere", 0x7777, 4, BY_HOST },
    { "the last port", 0xffff, 1, BY_DEVICE },
    { "row 6: and what would be beyond it", 0xffff, 4, BY_NOBODY },
    { "row 6: half beyond", 0xfffe, 4, BY_NOBODY },
    { "row 6: two of it", 0xffff, 2, BY_NOBODY },
    { "row 6: nothing there, and beyond it", 0xfffd, 4, BY_NOBODY },
};

struct port_run {
    const struct port_case *c;
    bool in;
    unsigned int exits;
};

static void one_port(struct axvm_vcpu *vcpu, void *arg)
{
    struct port_run *run = arg;

    if (run->exits++ != 0) {
        leave(vcpu);
        return;
    }
    vcpu->arch.gpr[AXVM_RAX] = UINT64_C(0x1122334455667788);
    vcpu->arch.vmcb->rip = CODE;
    x86_exit_port(vcpu, run->c->port, run->c->size, run->in);
}

static void try_port(struct axvm *vm, const struct port_case *c, bool in)
{
    struct port_run run = { .c = c, .in = in };
    struct axvm_arch_vcpu *v = &vm->vcpus[0]->arch;
    uint64_t before = probe.accesses,
             read = c->size == 4 ? UINT32_MAX : UINT64_C(0x1122334455660000) | (c->size == 1 ? 0x77ff : 0xffff);
    struct axvm_exit exit;

    x86.guest_arg = &run;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(probe.accesses - before, c->answer == BY_DEVICE);
    if (c->answer == BY_HOST) {
        assert_int_equal(exit.reason, AXVM_EXIT_IO);
        assert_int_equal(exit.u.access.addr, c->port);
        assert_int_equal(exit.u.access.size, c->size);
        assert_int_equal(exit.u.access.data, in ? 0 : 0x55667788 & (UINT64_MAX >> (64 - 8 * c->size)));
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    }
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_int_equal(v->rip, CODE + 2);
    assert_true(v->gpr[AXVM_RAX] == (in ? read : UINT64_C(0x1122334455667788)));
}

/* Twice, as what has been found is remembered. */
static void a_port_access_is_answered_by_one_device_or_by_the_host(void **state)
{
    struct axvm *vm = make(*state, 1);

    x86.guest = one_port;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    for (unsigned int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
            print_message("%s\n", ports[i].what);
            try_port(vm, &ports[i], false);
            try_port(vm, &ports[i], true);
        }
    }
    native_destroy(vm);
}

/* ---- row 6: strings ---- */

#define STRING (4 * MIB)
struct string_run {
    bool down;
    uint32_t limit; /* of DS */
    unsigned int exits;
    uint64_t most, last; /* accesses for one exit; until the last one */
};

/* REP OUTSB, again and again: after each exit it is where it was, with less to do. */
static void rep_outs(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    struct string_run *run = arg;

    if (run->exits == 0) {
        b->rip = CODE;
        b->ds.limit = run->limit;
        vcpu->arch.gpr[AXVM_RCX] = UINT64_MAX;
        vcpu->arch.gpr[AXVM_RSI] = STRING;
        vcpu->arch.gpr[AXVM_RDX] = PORT;
        run->last = probe.accesses;
    }
    if (probe.accesses - run->last > run->most)
        run->most = probe.accesses - run->last;
    run->last = probe.accesses;
    if (run->exits++ == 200) {
        leave(vcpu);
        return;
    }
    b->rflags = 2 | (run->down ? 0x400 : 0);
    x86_exit(vcpu, SVM_IOIO, axvm_put_field(IOIO_PORT, PORT) | axvm_put_field(IOIO_SIZE, 1) | IOIO_STR | IOIO_REP, b->rip + 2,
             2);
}

static uint64_t run_string(struct axvm *vm, struct string_run *run)
{
    uint64_t before = probe.accesses;
    struct axvm_exit exit;

    x86.guest = rep_outs;
    x86.guest_arg = run;
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    return probe.accesses - before;
}

/* Of 2^32 - 1 bytes, up and down. */
static void a_string_that_never_ends_is_done_in_bounded_pieces(void **state)
{
    static const uint8_t rep_outsb[] = { 0xf3, 0x6e };
    struct axvm *vm;

    memcpy(code, rep_outsb, sizeof(rep_outsb));
    vm = make(*state, 1);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    for (unsigned int down = 0; down < 2; down++) {
        struct string_run run = { .down = down, .limit = UINT32_MAX };
        uint64_t done = run_string(vm, &run);
        const struct axvm_arch_vcpu *v = &vm->vcpus[0]->arch;

        assert_true(done >= 200 && run.most <= AXVM_MMIO_MAX_ACCESSES);
        assert_int_equal(v->rip, CODE);
        assert_true((uint32_t)v->gpr[AXVM_RCX] == UINT32_MAX - done);
        assert_true((uint32_t)v->gpr[AXVM_RSI] == (down ? STRING - done : STRING + done));
    }
    native_destroy(vm);
}

/* What is within the segment is done, and then it is #GP, each time. */
static void a_string_ends_with_its_segment(void **state)
{
    static const uint8_t rep_outsb[] = { 0xf3, 0x6e };
    struct string_run run = { .limit = STRING + 99 };
    struct axvm *vm;

    memcpy(code, rep_outsb, sizeof(rep_outsb));
    vm = make(*state, 1);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    assert_int_equal(run_string(vm, &run), 100);
    assert_int_equal((uint32_t)vm->vcpus[0]->arch.gpr[AXVM_RSI], STRING + 100);
    assert_true(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_FAULT_INJECTED) > 100);
    memset(code, 0, sizeof(code));
    native_destroy(vm);
}

/* ---- row 12 ---- */

struct touch {
    uint64_t next, step, left;
};

static void touch(struct axvm_vcpu *vcpu, void *arg)
{
    struct touch *t = arg;

    if (t->left-- == 0) {
        leave(vcpu);
        return;
    }
    x86_exit_fault(vcpu, t->next, t->left % 3 == 0 ? AXVM_PROT_READ : t->left % 3 == 1 ? AXVM_PROT_WRITE : AXVM_PROT_EXEC);
    t->next += t->step;
}

static void run_until_kicked(struct axvm *vm, unsigned int id)
{
    struct axvm_exit exit;

    do
        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_MMIO || exit.reason == AXVM_EXIT_IO || exit.reason == AXVM_EXIT_IDLE);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
}

/* A guest costs its RAM, the tables for that, and nothing for what it touches elsewhere. */
static void touching_every_page_there_could_be_costs_no_memory(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct touch in_ram = { MIB, 4096, (RAM_SIZE - MIB) / 4096 }, everywhere = { 0, 0x7ffff000, 100000 };
    uint64_t before;

    x86.guest = touch;
    x86.guest_arg = &in_ram;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    before = hal->live_pages;
    x86.guest_arg = &everywhere;
    run_until_kicked(vm, 0);
    assert_true(hal->live_pages <= before + 20);
    native_destroy(vm);
}

/* ---- row 85: in a device's callback ---- */

static int error_of[8];

static void end_it(struct axvm *vm)
{
    error_of[0] = axvm_destroy(vm);
    error_of[1] = axvm_reset(vm);
    error_of[2] = axvm_resume(vm);
    error_of[3] = axvm_suspend(vm);
    error_of[4] = axvm_resume(vm);
    error_of[5] = axvm_shutdown(vm);
    error_of[6] = axvm_shutdown(vm);
    error_of[7] = axvm_reset(vm);
}

static void out_to_probe(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    x86_exit_port(vcpu, PORT, 1, false);
}

static void a_device_callback_may_end_its_vm_and_nothing_else(void **state)
{
    static const int expected[8] = {
        AXVM_ERR_BUSY, AXVM_ERR_BUSY, AXVM_ERR_STATE, AXVM_OK, AXVM_ERR_BUSY, AXVM_OK, AXVM_OK, AXVM_ERR_BUSY,
    };
    struct axvm *vm = make(*state, 1);
    struct axvm_exit exit;

    probe.on_write = end_it;
    x86.guest = out_to_probe;
    for (unsigned int round = 1; round <= 3; round++) {
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
        assert_int_equal(exit.reason, AXVM_EXIT_SHUTDOWN);
        for (unsigned int i = 0; i < 8; i++)
            assert_int_equal(error_of[i], expected[i]);
        assert_int_equal(axvm_get_state(vm), AXVM_STOPPED);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
    }
    native_destroy(vm);
}

/* ---- rows 14, 85: from elsewhere, while vCPUs run, wait, start and stop each other ---- */

#define THREADS 3u

struct smp {
    struct fake_hal *hal;
    struct axvm *vm;
    _Atomic bool stop;
    _Atomic uint64_t exits;
};
struct smp_thread {
    struct smp *smp;
    pthread_t thread;
    unsigned int id;
};

static void restless(struct axvm_vcpu *vcpu, void *arg)
{
    struct smp *smp = arg;
    uint64_t n = atomic_fetch_add(&smp->exits, 1), other = (vcpu->id + 1 + n % 2) % THREADS;

    if (fake_hal_take_kick(smp->hal, fake_hal_cpu())) {
        x86_exit_interrupted(vcpu);
        return;
    }
    switch (n % 9) {
    case 0:
        x86_exit_wrmsr(vcpu, 0x1b, UINT64_C(0xfee00c00) | (vcpu->id == 0 ? 0x100 : 0));
        break;
    case 1: /* INIT, SIPI, NMI */
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | (vcpu->id == 0 ? 0x4500 : 0x4010));
        break;
    case 2:
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | 0x4610);
        break;
    case 3:
        x86_exit_wrmsr(vcpu, 0x830, other << 32 | 0x4400);
        break;
    case 4:
        x86_exit_hlt(vcpu);
        break;
    case 5:
    case 6: /* the same pages */
        x86_exit_fault(vcpu, MIB + n % 512 * 4096, AXVM_PROT_WRITE);
        break;
    case 7:
        x86_exit_wrmsr(vcpu, 0x838, n % 1000);
        break;
    default:
        vcpu->arch.gpr[AXVM_RAX] = n % 2000 == 8 ? 0x2000 : 0;
        x86_exit_port(vcpu, 0x604, 2, false);
    }
}

static void *restless_thread(void *arg)
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

/* Pause, go on, stop, reset, start, in all orders; each ends, and none is missed by a vCPU. */
static void stop_and_reset(struct fake_hal *hal, x86_guest guest)
{
    struct smp smp = { .hal = hal };
    struct smp_thread t[THREADS];

    for (unsigned int i = 1; i < THREADS; i++)
        assert_int_equal(x86_enable_cpu(hal, i), AXVM_OK);
    fake_hal_set_cpu(0);
    smp.vm = make(hal, THREADS);
    smp.hal->tick_ns = 100;
    x86.guest = guest;
    x86.guest_arg = &smp;
    for (unsigned int i = 0; i < THREADS; i++) {
        t[i] = (struct smp_thread){ .smp = &smp, .id = i };
        assert_int_equal(pthread_create(&t[i].thread, NULL, restless_thread, &t[i]), 0);
    }
    fake_hal_set_cpu(THREADS); /* no guest's */
    for (unsigned int round = 0; round < 200; round++) {
        uint64_t seen = smp.exits;

        until(smp.vm, axvm_boot, AXVM_ERR_BUSY);
        while (smp.exits == seen)
            sched_yield();
        for (unsigned int i = 0; i < round % 4; i++) {
            axvm_suspend(smp.vm);
            until(smp.vm, axvm_resume, AXVM_ERR_BUSY);
        }
        if (round % 3 == 0)
            axvm_suspend(smp.vm);
        axvm_shutdown(smp.vm);
        assert_int_equal(axvm_shutdown(smp.vm), AXVM_OK);
        until(smp.vm, axvm_reset, AXVM_ERR_BUSY);
        assert_int_equal(axvm_get_state(smp.vm), AXVM_LOADED);
    }
    smp.stop = true;
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    fake_hal_set_cpu(0);
    native_destroy(smp.vm);
}

static void a_vm_can_be_stopped_and_reset_at_any_time(void **state)
{
    stop_and_reset(*state, restless);
}

/* ---- row 88 ---- */

/* Interrupts are off, or nobody takes the one that is pending. */
static void never_handles(struct axvm_vcpu *vcpu, void *arg)
{
    uint64_t *left = arg;

    vcpu->arch.vmcb->rflags = *left % 3 == 0 ? 0x202 : 2;
    if ((*left)-- == 0)
        leave(vcpu);
    else if (*left % 2)
        x86_exit(vcpu, 0x64, 0, 0, 0); /* VINTR: a window is open */
    else
        x86_exit_port(vcpu, PORT, 1, BY_DEVICE);
}

static void write_device(struct axvm *vm, uint64_t gpa, uint32_t val)
{
    struct axvm_access acc = { .off = gpa, .val = val, .size = 4, .vcpu = vm->vcpus[0] };

    assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &vm->vcpus[0]->hit[AXVM_BUS_MMIO], &acc, true), AXVM_OK);
}

static void a_line_that_is_stuck_costs_the_host_nothing(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct axvm_irq_line line = { 0 };
    uint64_t left = 20000, kicks = hal->kicks[0], wakes = hal->wakes[0][0];
    struct axvm_exit exit;

    assert_int_equal(axvm_irq_line_init(&line, vm, 5, false), AXVM_OK);
    x86.guest = never_handles;
    x86.guest_arg = &left;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    axvm_lapic_mmio_write(&vm->vcpus[0]->arch.lapic, 0xf0, 4, 0x1ff);
    /* Redirection entry 5: vector 0x35, level-sensitive, to APIC 0. */
    write_device(vm, 0xfec00000, 0x1a);
    write_device(vm, 0xfec00010, 0x8035);
    for (unsigned int i = 0; i < 1000; i++)
        axvm_irq_line_set(&line, true);
    do
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_IDLE);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_true(hal->kicks[0] - kicks <= 2 && hal->wakes[0][0] - wakes <= 4);
    assert_int_equal(hal->log_lines, 0);
    native_destroy(vm);
}

static void a_passthrough_interrupt_that_is_not_handled_stays_with_the_host(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_passthrough dev = { .host_irq = 77, .guest_irq = 5 };
    const struct axvm_config cfg = { .vcpu_count = 1, .ram_size = RAM_SIZE, .passthrough = &dev, .passthrough_count = 1 };
    struct axvm *vm = native_vm(hal, &cfg);
    uint64_t completed = hal->completed;

    assert_int_equal(axvm_boot(vm), AXVM_OK);
    for (unsigned int i = 0; i < 10000; i++)
        assert_int_equal(axvm_forward_irq(vm, 77), AXVM_OK);
    assert_int_equal(axvm_forward_irq(vm, 78), AXVM_ERR_NOENT);
    assert_true(hal->completed - completed <= 1);
    assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(hal->completed - completed, 1);
    native_destroy(vm);
    assert_int_equal(hal->completed - completed, 1);
}

/* ---- row 59: a guest that sleeps leaves the host alone ---- */

/* Should the host go round in circles, it is kicked out. */
static void count_rounds(struct fake_hal *hal, enum fake_callback which, void *arg)
{
    static unsigned int rounds;
    struct axvm *vm = arg;

    (void)hal;
    if (which == FAKE_THIS_CPU && ++rounds % 2000 == 0)
        axvm_vcpu_kick(vm->vcpus[0]);
}

static void take_nmi_and_halt(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    vcpu->arch.vmcb->rflags = 2;
    axvm_x86_nmi(vcpu); /* another one, while this one is being handled */
    x86_exit_hlt(vcpu);
}

/* "NMI ... Blocking": the second waits for the handler's IRET, and so does whoever is in HLT there. */
static void a_halt_in_the_handler_of_an_nmi_sleeps_though_another_is_pending(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct axvm_exit exit;

    hal->hook = count_rounds;
    hal->hook_arg = vm;
    x86.guest = take_nmi_and_halt;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    axvm_x86_nmi(vm->vcpus[0]);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    /* It can still be told to go. */
    axvm_x86_init(vm->vcpus[0]);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_CPU_OFF);
    hal->hook = NULL;
    native_destroy(vm);
}

static unsigned int expired;

static void on_expire(struct axvm_device *dev, uint64_t now_ns)
{
    (void)now_ns;
    expired++;
    axvm_device_set_deadline(dev, AXVM_TIME_NEVER);
}

static void halt(struct axvm_vcpu *vcpu, void *arg)
{
    (void)arg;
    vcpu->arch.vmcb->rflags = 0x202;
    x86_exit_hlt(vcpu);
}

/* Row H6: the host's clock jumps ahead of its TSC. */
static void a_timer_that_is_due_by_the_clock_is_due(void **state)
{
    static struct axvm_device_ops ops;
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1);
    struct axvm_exit exit;

    ops = *probe.dev.ops;
    ops.expire = on_expire;
    probe.dev.ops = &ops;
    expired = 0;
    hal->hook = count_rounds;
    hal->hook_arg = vm;
    x86.guest = halt;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    axvm_device_set_deadline(&probe.dev, hal->now_ns + 1000000000);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    assert_int_equal(expired, 0);
    hal->now_ns += UINT64_C(3600000000000);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_IDLE);
    assert_int_equal(expired, 1);
    hal->hook = NULL;
    native_destroy(vm);
}

/* ---- row 89 ---- */

/* An instruction on a device that is not known: a line each time, if there were no limit. */
static void unknown_on_device(struct axvm_vcpu *vcpu, void *arg)
{
    uint64_t *left = arg;

    if ((*left)-- == 0) {
        leave(vcpu);
        return;
    }
    vcpu->arch.vmcb->rip = CODE;
    x86_exit_fault(vcpu, DEVICE, AXVM_PROT_READ);
}

static void a_guest_cannot_flood_the_log(void **state)
{
    static const uint8_t fxsave[] = { 0x0f, 0xae, 0x05, 0x00, 0x00, 0x00, 0xd0 }; /* FXSAVE [DEVICE] */
    struct fake_hal *hal = *state;
    uint64_t left = 100000;
    struct axvm *vm;

    memcpy(code, fxsave, sizeof(fxsave));
    vm = make(hal, 1);
    x86.guest = unknown_on_device;
    x86.guest_arg = &left;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    assert_true(hal->log_lines >= 1 && hal->log_lines <= 8);
    assert_true(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_FAULT_INJECTED) >= 100000);
    hal->now_ns += UINT64_C(10000000000);
    left = 1000;
    run_until_kicked(vm, 0);
    assert_true(hal->log_lines <= 8 + 8 && fake_hal_logged(hal, "lines suppressed"));
    memset(code, 0, sizeof(code));
    native_destroy(vm);
}

/* ---- rows 1 to 9, 12, 13, 72 to 83, 85, 87, X1 to X6, I8: anything, for long ---- */

#define STORM_EXITS 100000u

static uint64_t any(uint64_t n)
{
    return ((uint64_t)rand() << 31 ^ (uint64_t)rand()) % n;
}

static uint64_t any64(void)
{
    static const uint64_t nasty[] = { 0,
                                      1,
                                      2,
                                      7,
                                      63,
                                      64,
                                      0x7f,
                                      0x80,
                                      255,
                                      256,
                                      4095,
                                      4096,
                                      0xffff,
                                      0x7fffffff,
                                      UINT32_MAX,
                                      UINT64_MAX,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      UINT64_C(0x800000000000),
                                      UINT64_C(0xffff800000000000),
                                      CODE,
                                      RAM_SIZE - 1,
                                      RAM_SIZE,
                                      DEVICE,
                                      DEVICE + 0xffc,
                                      HOLE,
                                      0xfee00000,
                                      0xfee00d00,
                                      0xfee00900,
                                      0xfec00000,
                                      0xa0000 };

    if (any(4) == 0)
        return any(UINT64_MAX) << any(64);
    return nasty[any(sizeof(nasty) / sizeof(nasty[0]))] + (any(4) == 0 ? any(64) : 0);
}

static uint64_t any_gpa(void)
{
    static const uint64_t bases[] = { 0, CODE, RAM_SIZE - 4096, DEVICE, HOLE, 0xfee00000, 0xfec00000, 0xa0000 };

    return (any(6) == 0 ? any64() : bases[any(8)] + any(0x1000)) & ((UINT64_C(1) << 48) - 1);
}

static uint32_t any_msr(void)
{
    static const uint32_t bases[] = { 0,          0x10,       0x1b,       0x174,      0x200,      0x277,  0x2ff,
                                      0x6e0,      0x800,      0x810,      0x820,      0x830,      0x838,  0x83f,
                                      0x4b564d00, 0xc0000080, 0xc0000100, 0xc0010000, 0xc0010110, 0x1fff, 0xc0001fff };

    return any(5) == 0 ? (uint32_t)any64() : bases[any(21)] + (any(3) == 0 ? (uint32_t)any(32) : 0);
}

static uint64_t any_code(void)
{
    static const uint64_t codes[] = { SVM_NPF,    SVM_NPF,   SVM_NPF,  SVM_IOIO,    SVM_IOIO,  SVM_MSR,
                                      SVM_MSR,    SVM_CPUID, SVM_HLT,  SVM_VMMCALL, SVM_INTR,  SVM_XSETBV,
                                      SVM_WBINVD, SVM_PAUSE, SVM_IRET, SVM_VMRUN,   SVM_RDPMC, SVM_NMI };

    return any(8) == 0 ? any(0xa8) : codes[any(sizeof(codes) / sizeof(codes[0]))];
}

static uint64_t any_io(void)
{
    static const uint32_t some[] = { PORT, PORT + 7, PORT_END, 0x20, 0x21,  0x40,  0x43,  0x60, 0x61,
                                     0x64, 0x70,     0x71,     0x92, 0xcf9, 0x3f8, 0x600, 0x608 };
    uint32_t port = any(4) == 0 ? (uint32_t)any(0x10000) : (some[any(17)] + (any(2) ? (uint32_t)any(8) : 0)) & 0xffff;

    return axvm_put_field(IOIO_PORT, port) | axvm_put_field(IOIO_SIZE, 1u << any(3)) | any(16);
}

/* As the CPU would leave it: what an exit of this kind says of itself. */
static void any_exit(struct axvm_vcpu *vcpu)
{
    uint64_t exit = any_code();

    if (exit == SVM_MSR)
        vcpu->arch.gpr[AXVM_RCX] = any_msr();
    if (exit == SVM_IOIO)
        x86_exit(vcpu, exit, any_io(), vcpu->arch.vmcb->rip + 1 + any(4), 2);
    else if (exit == SVM_NPF)
        x86_exit(vcpu, exit, any(32) | (any(4) == 0 ? NPF_WALK : 0) | 4, any_gpa(), 0);
    else
        x86_exit(vcpu, exit, exit == SVM_MSR ? any(2) : any64(), any64(), 1 + (unsigned int)any(8));
}

static void anything(struct axvm_vcpu *vcpu, void *arg)
{
    struct axvm_vmcb *b = vcpu->arch.vmcb;
    uint64_t *left = arg;

    if (*left == 0 || any(50) == 0) {
        leave(vcpu);
        return;
    }
    --*left;
    x86.tsc += any(100000);
    for (unsigned int i = 0; i < 16; i++) {
        if (any(4) == 0)
            vcpu->arch.gpr[i] = any64();
    }
    b->rip = any(3) == 0 ? any64() : CODE + any(4000);
    b->rflags = 2 | (any(UINT64_C(1) << 22) & 0x3f7fd5);
    b->cpl = any(4) == 0 ? 3 : 0;
    if (any(16) == 0)
        b->exitintinfo = any(UINT64_C(1) << 32) | (any(2) ? AXVM_BIT(31) : 0);
    if (any(32) == 0)
        b->cr3 = any64();
    if (any(64) == 0)
        b->cs.base = any(2) ? 0 : any64();
    any_exit(vcpu);
}

static void start_again(struct axvm *vm)
{
    if (axvm_get_state(vm) == AXVM_RUNNING)
        assert_int_equal(axvm_shutdown(vm), AXVM_OK);
    assert_int_equal(axvm_reset(vm), AXVM_OK);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
}

/* As a host that answers what it is asked, and starts again what has stopped. */
static void take_exit(struct axvm *vm, unsigned int id, const struct axvm_exit *exit)
{
    switch (exit->reason) {
    case AXVM_EXIT_MMIO:
    case AXVM_EXIT_IO:
    case AXVM_EXIT_SYSREG:
    case AXVM_EXIT_HYPERCALL:
        if (any(2))
            assert_int_equal(axvm_vcpu_answer(vm->vcpus[id], any64()), AXVM_OK);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
    case AXVM_EXIT_SYSTEM_RESET:
    case AXVM_EXIT_SYSTEM_CRASH:
    case AXVM_EXIT_FAIL_ENTRY:
        start_again(vm);
        break;
    case AXVM_EXIT_IDLE: /* something wakes it, in the end */
        axvm_x86_nmi(vm->vcpus[id]);
        if (any(20) == 0)
            start_again(vm);
        break;
    default:
        assert_true(exit->reason >= AXVM_EXIT_IDLE && exit->reason <= AXVM_EXIT_HOST_ERROR);
    }
}

static bool all_are_off(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (atomic_load(&vm->vcpus[i]->power) != AXVM_POWER_OFF)
            return false;
    }
    return true;
}

static void storm(struct fake_hal *hal, unsigned int seed)
{
    uint64_t left = STORM_EXITS, before;
    struct axvm_exit exit;
    struct axvm *vm;

    srand(seed);
    for (size_t i = 0; i < sizeof(code); i++)
        code[i] = (uint8_t)rand();
    vm = make(hal, 3);
    before = hal->live_pages;
    hal->tick_ns = 10;
    x86.guest = anything;
    x86.guest_arg = &left;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    while (left != 0) {
        unsigned int id = (unsigned int)any(3);

        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
        take_exit(vm, id, &exit);
        if (all_are_off(vm))
            start_again(vm);
        assert_true(hal->live_pages <= before + RAM_SIZE / 4096 + 300);
    }
    assert_true(hal->log_lines < 200);
    assert_true(probe.accesses > 100);
    native_destroy(vm);
    memset(code, 0, sizeof(code));
}

static void nothing_that_a_guest_does_breaks_or_floods_anything(void **state)
{
    storm(*state, 1);
}

/* The same on CPUs of their own, and a host that stops them: also for TSan. */
static void anything_on_threads(struct axvm_vcpu *vcpu, void *arg)
{
    struct smp *smp = arg;
    uint64_t left = 1;

    smp->exits++;
    if (fake_hal_take_kick(smp->hal, fake_hal_cpu()))
        x86_exit_interrupted(vcpu);
    else
        anything(vcpu, &left);
}

static void nothing_that_vcpus_do_at_once_breaks_anything(void **state)
{
    srand(85);
    stop_and_reset(*state, anything_on_threads);
}

/* Without vNMI. */
static int setup_no_vnmi(void **state)
{
    NATIVE_RESET();
    x86.svm_features = SVM_FEATURE_NP | SVM_FEATURE_NRIPS;
    *state = fake_hal_new();
    return NATIVE_ENABLE_CPU(*state, 0);
}

/* What QEMU has of SVM. */
static int setup_plain(void **state)
{
    NATIVE_RESET();
    x86.svm_features = SVM_FEATURE_NP;
    *state = fake_hal_new();
    return NATIVE_ENABLE_CPU(*state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_port_access_is_answered_by_one_device_or_by_the_host),
        NATIVE_TEST(a_string_that_never_ends_is_done_in_bounded_pieces),
        NATIVE_TEST(a_string_ends_with_its_segment),
        NATIVE_TEST(touching_every_page_there_could_be_costs_no_memory),
        NATIVE_TEST(a_device_callback_may_end_its_vm_and_nothing_else),
        NATIVE_TEST(a_vm_can_be_stopped_and_reset_at_any_time),
        NATIVE_TEST(a_line_that_is_stuck_costs_the_host_nothing),
        NATIVE_TEST(a_passthrough_interrupt_that_is_not_handled_stays_with_the_host),
        NATIVE_TEST(a_timer_that_is_due_by_the_clock_is_due),
        cmocka_unit_test_setup_teardown(a_halt_in_the_handler_of_an_nmi_sleeps_though_another_is_pending, setup_no_vnmi,
                                        native_teardown),
        NATIVE_TEST(a_guest_cannot_flood_the_log),
        NATIVE_TEST(nothing_that_a_guest_does_breaks_or_floods_anything),
        NATIVE_TEST(nothing_that_vcpus_do_at_once_breaks_anything),
        { "nothing_that_a_guest_does_breaks_or_floods_anything_on_a_plain_cpu",
          nothing_that_a_guest_does_breaks_or_floods_anything, setup_plain, native_teardown, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
