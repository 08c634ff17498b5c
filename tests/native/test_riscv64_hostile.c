/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that do what hostile-guest.md lists, on the riscv64 backend; the row's number is at each test. Rows 6 and 7 are about
 * what RISC-V has not: strings, and accesses of more than 8 bytes but by vectors, which devices refuse. Rows 10 and 11 have
 * little to hold on to: calls take their arguments in registers; what they read of memory they read once.
 */
#include "hs_world.h"
#define NATIVE_RESET() hs_world_reset()
#define NATIVE_ENABLE_CPU(hal, pcpu) hs_enable_cpu(hal, pcpu)
#include "native_fixture.h"

#include <axvm/device.h>
#include <axvm/err.h>
#include <axvm/riscv64.h>
#include <sched.h>
#include <stdlib.h>

#include "csr.h"
#include "sbi.h"

#define MIB (UINT64_C(1) << 20)
#define RAM UINT64_C(0x80000000)
#define RAM_SIZE (4 * MIB)
#define ROM (RAM + 64 * MIB)
#define DEVICE UINT64_C(0x0a000000)
#define DEVICE_LEN 0x100u
#define HOLE UINT64_C(0x0b000000)
#define WALK_READ 0x3000u /* htinst: of the guest's own tables, 64-bit PTE */
#define WALK_WRITE 0x3020u

/* ---- a device that looks at what it is asked ---- */

struct probe {
    struct axvm_device dev;
    uint64_t accesses;
    void (*on_write)(struct axvm *vm, struct axvm_access *acc); /* in the host tier */
};

static int probe_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct probe *p = (struct probe *)dev;

    p->accesses++;
    assert_true(acc->size == 1 || acc->size == 2 || acc->size == 4 || acc->size == 8);
    assert_true(acc->off < DEVICE_LEN && acc->size <= DEVICE_LEN - acc->off && acc->off % acc->size == 0);
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
        p->on_write(dev->vm, acc);
    return AXVM_OK;
}

static struct probe probe;

static struct axvm *make(struct fake_hal *hal, uint32_t vcpus, uint32_t irqchip)
{
    static const struct axvm_device_ops ops = { .name = "probe", .read = probe_read, .write = probe_write };
    const struct axvm_region rom = { .gpa = { ROM }, .len = MIB, .kind = AXVM_REGION_TOUCH, .prot = AXVM_PROT_READ };
    const struct axvm_config cfg = {
        .vcpu_count = vcpus,
        .ram_size = RAM_SIZE,
        .ram_kind = AXVM_REGION_TOUCH,
        .irqchip = irqchip,
        .flags = AXVM_VM_HYPERCALLS | AXVM_VM_YIELD_ON_SPIN,
    };
    struct axvm *vm = native_vm(hal, &cfg);

    probe = (struct probe){
        .dev = { .ops = &ops,
                 .windows = { { AXVM_BUS_MMIO, DEVICE, DEVICE_LEN } },
                 .window_count = 1,
                 .flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED },
    };
    assert_int_equal(axvm_device_attach(vm, &probe.dev), AXVM_OK);
    assert_int_equal(axvm_map(vm, &rom), AXVM_OK);
    return vm;
}

/* The end of a guest that has nothing more to do: it is kicked out. */
static void leave(struct axvm_vcpu *vcpu, struct hs_trap *trap)
{
    axvm_vcpu_kick(vcpu);
    *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | 1 };
}

/* ---- rows 1, 2, 3, 4, 5, 13: one access each ---- */

struct access_case {
    const char *what;
    struct hs_trap trap;
    uint64_t a1;       /* base register of the instruction */
    uint64_t vscause;  /* what the guest gets; NONE: nothing */
    uint64_t accesses; /* of the device */
    uint64_t step;     /* of its program counter */
};
#define NONE UINT64_MAX
#define LW 0x0005a503u /* lw a0, (a1) */
#define SW 0x00a5a023u /* sw a0, (a1) */
#define LD 0x0005b503u
#define AMOADD 0x00a5a52fu /* amoadd.w a0, a0, (a1) */
#define LR 0x1005a52fu     /* lr.w a0, (a1) */
#define CASE(n, c, va, g, h, i, ...)                                                                                           \
    {                                                                                                                          \
        n, { .cause = c, .stval = va, .gpa = g, .htinst = h, .insn = i }, va, __VA_ARGS__                                      \
    }

static const struct access_case accesses[] = {
    CASE("a load", 21, DEVICE, DEVICE, 0, LW, NONE, 1, 4),
    CASE("a store", 23, DEVICE + 4, DEVICE + 4, 0, SW, NONE, 1, 4),
    CASE("row 1: across the end of a device", 21, DEVICE + 0xfc, DEVICE + 0xfc, 0, LD, 5, 0, 0),
    CASE("row 1: misaligned", 21, DEVICE + 2, DEVICE + 2, 0, LW, 5, 0, 0),
    CASE("row 2: the highest address there is", 21, UINT64_MAX - 3, (UINT64_C(1) << 56) - 4, 0, LW, NONE, 0, 0),
    CASE("row 3: AMO", 23, DEVICE, DEVICE, 0, AMOADD, 7, 0, 0),
    CASE("row 3: LR", 21, DEVICE, DEVICE, 0, LR, 5, 0, 0),
    CASE("row 3: htinst says AMO", 23, DEVICE, DEVICE, AMOADD & ~(31u << 15), AMOADD, 7, 0, 0),
    CASE("row 3: htinst is no instruction", 21, DEVICE, DEVICE, 0x12345678, LW, NONE, 1, 4),
    CASE("row 4: it is another instruction now", 21, DEVICE, DEVICE, 0, SW, 5, 0, 0),
    CASE("row 4: it has become an ADD", 23, DEVICE, DEVICE, 0, 0x00a58533, 7, 0, 0),
    CASE("row 5: it cannot be fetched any more", 21, DEVICE, DEVICE, 0, 0, NONE, 0, 0),
    CASE("row 5: nor for a hole", 23, HOLE, HOLE, 0, 0, NONE, 0, 0),
    CASE("row 13: store to a ROM", 23, ROM, ROM, 0, SW, 7, 0, 0),
    CASE("row 13: fetch from a ROM", 20, ROM, ROM, 0, 0, 1, 0, 0),
    CASE("row 13: fetch from a hole", 20, HOLE, HOLE, 0, 0, 1, 0, 0),
    CASE("row 13: fetch from a device", 20, DEVICE, DEVICE, 0, 0, 1, 0, 0),
    CASE("row 13: tables in a device, load", 21, 0x1000, DEVICE, WALK_READ, LW, 5, 0, 0),
    CASE("row 13: tables in a device, store", 23, 0x1000, DEVICE, WALK_READ, SW, 7, 0, 0),
    CASE("row 13: tables in a device, fetch", 20, 0x1000, DEVICE, WALK_READ, 0, 1, 0, 0),
    CASE("row 13: A and D bits in a ROM", 21, 0x1000, ROM, WALK_WRITE, LW, 5, 0, 0),
    CASE("row 13: tables in a hole", 23, 0x1000, HOLE, WALK_READ, SW, 7, 0, 0),
};
#undef CASE

struct access_run {
    const struct access_case *c;
    unsigned int traps;
};

#define PC UINT64_C(0x80000100)
#define VECTOR UINT64_C(0x80000800)

static void one_access(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct access_run *run = arg;
    struct hs_hart *h = &hs.hart[0];

    if (run->traps++ != 0) {
        leave(vcpu, trap);
        return;
    }
    h->csr[CSR_SEPC] = PC;
    h->csr[CSR_VSTVEC] = VECTOR;
    h->csr[CSR_VSCAUSE] = NONE;
    vcpu->arch.gpr[11] = run->c->a1;
    *trap = run->c->trap;
}

static void try_access(struct axvm *vm, const struct access_case *c)
{
    struct axvm_arch_vcpu *v = &vm->vcpus[0]->arch;
    struct access_run run = { .c = c };
    uint64_t before = probe.accesses;
    struct axvm_exit exit;

    print_message("%s\n", c->what);
    hs.guest_arg = &run;
    do
        assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_MMIO && (run.traps = 1));
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_int_equal(probe.accesses - before, c->accesses);
    if (c->vscause != NONE) {
        assert_int_equal(v->vs.vscause, c->vscause);
        assert_int_equal(v->vs.vstval, c->trap.stval);
        assert_int_equal(v->vs.vsepc, PC);
        assert_int_equal(v->pc, VECTOR);
    } else if (c->trap.gpa < RAM) {
        assert_int_equal(v->pc, PC + c->step);
    }
}

static void each_access_ends_as_the_machine_would_end_it(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);

    hs.guest = one_access;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
        try_access(vm, &accesses[i]);
    native_destroy(vm);
}

/* ---- row 12 ---- */

struct touch {
    uint64_t next, step, left;
};

static void touch(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct touch *t = arg;

    if (t->left-- == 0) {
        leave(vcpu, trap);
        return;
    }
    *trap = (struct hs_trap){ .cause = 20 + (t->left & 1), .stval = t->next, .gpa = t->next, .insn = 0x05a503 | 0x3000 };
    vcpu->arch.gpr[11] = t->next;
    t->next += t->step;
}

static void run_until_kicked(struct axvm *vm, unsigned int id)
{
    struct axvm_exit exit;

    do
        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
    while (exit.reason == AXVM_EXIT_MMIO || exit.reason == AXVM_EXIT_IDLE);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
}

/* Row 12: a guest costs its RAM, the tables for that, and nothing for what it touches elsewhere. */
static void touching_every_page_there_could_be_costs_no_memory(void **state)
{
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    struct touch in_ram = { RAM, 4096, RAM_SIZE / 4096 }, everywhere = { 0, 0x7ffff000, 100000 };
    uint64_t before;

    hs.guest = touch;
    hs.guest_arg = &in_ram;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    before = hal->live_pages;
    hs.guest_arg = &everywhere;
    run_until_kicked(vm, 0);
    assert_true(hal->live_pages <= before + 20);
    native_destroy(vm);
}

/* ---- row 14: vCPUs on CPUs of their own ---- */

#define THREADS 4u

struct smp {
    struct fake_hal *hal;
    struct axvm *vm;
    _Atomic bool stop;
    _Atomic uint64_t traps;
};
struct smp_thread {
    struct smp *smp;
    pthread_t thread;
    unsigned int id;
    uint64_t left;
};

static bool kicked(struct smp *smp, struct hs_trap *trap)
{
    if (!fake_hal_take_kick(smp->hal, fake_hal_cpu()))
        return false;
    *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | 1 };
    return true;
}

/* All touch the same pages, in the same order. */
static void touch_together(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct smp_thread *t = &((struct smp_thread *)arg)[vcpu->id];

    if (kicked(t->smp, trap))
        return;
    if (t->left-- == 0) {
        leave(vcpu, trap);
        return;
    }
    hs_store(vcpu, trap, RAM + t->left * 4096, 0);
}

static void *touch_thread(void *arg)
{
    struct smp_thread *t = arg;
    struct axvm_exit exit;

    fake_hal_set_cpu(t->id);
    do
        assert_int_equal(axvm_run_vcpu(t->smp->vm, t->id, &exit), AXVM_OK);
    while (exit.reason != AXVM_EXIT_KICKED);
    return NULL;
}

static void enable_cpus(struct fake_hal *hal)
{
    for (unsigned int i = 1; i < THREADS; i++)
        assert_int_equal(hs_enable_cpu(hal, i), AXVM_OK);
    fake_hal_set_cpu(0);
}

static void vcpus_that_touch_the_same_pages_get_one_each(void **state)
{
    struct smp smp = { .hal = *state };
    struct smp_thread t[THREADS];
    uint64_t before;

    enable_cpus(*state);
    smp.vm = make(*state, THREADS, AXVM_RISCV64_IRQCHIP_PLIC);
    hs.guest = touch_together;
    hs.guest_arg = t;
    assert_int_equal(axvm_boot(smp.vm), AXVM_OK);
    before = smp.hal->live_pages;
    for (unsigned int i = 0; i < THREADS; i++) {
        t[i] = (struct smp_thread){ .smp = &smp, .id = i, .left = RAM_SIZE / 4096 };
        if (i != 0)
            assert_int_equal(axvm_vcpu_power_on(smp.vm->vcpus[i], RAM, 0), AXVM_OK);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i].thread, NULL, touch_thread, &t[i]), 0);
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(t[i].thread, NULL);
    /* Besides tables each vCPU has a few in hand. */
    assert_true(smp.hal->live_pages - before >= RAM_SIZE / 4096);
    assert_true(smp.hal->live_pages - before <= RAM_SIZE / 4096 + 4 + THREADS * 40);
    native_destroy(smp.vm);
}

/* ---- row 85: in a device's callback, which is on the way of an exit ---- */

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

static void store_to_probe(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    (void)arg;
    hs_store(vcpu, trap, DEVICE + 8, 1);
}

static void a_device_callback_may_end_its_vm_and_nothing_else(void **state)
{
    static const int expected[8] = {
        AXVM_ERR_BUSY, AXVM_ERR_BUSY, AXVM_ERR_STATE, AXVM_OK, AXVM_ERR_BUSY, AXVM_OK, AXVM_OK, AXVM_ERR_BUSY,
    };
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_IMSIC);
    struct axvm_exit exit;

    probe.on_write = end_it;
    calls_made = 0;
    hs.guest = store_to_probe;
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

/* ---- row 85: from elsewhere, while vCPUs run, wait, start and stop each other ---- */

/* Everything that changes who runs. */
static void restless(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct smp *smp = arg;
    uint64_t n = atomic_fetch_add(&smp->traps, 1), other = (vcpu->id + 1 + n % 2) % THREADS;

    if (kicked(smp, trap))
        return;
    switch (n % 9) {
    case 0:
        hs_ecall(vcpu, trap, SBI_EXT_HSM, 0, other, RAM, n);
        break;
    case 1:
        if (vcpu->id != 0)
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 1, 0, 0, 0);
        else
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 2, other, 0, 0);
        break;
    case 2:
        hs_ecall(vcpu, trap, SBI_EXT_IPI, 0, UINT64_C(1) << other, 0, 0);
        break;
    case 3:
        hs_ecall(vcpu, trap, SBI_EXT_RFNC, 1, 15, 0, 0);
        break;
    case 4:
        hs_ecall(vcpu, trap, SBI_EXT_TIME, 0, n, 0, 0);
        break;
    case 5:
        hs_wfi(trap);
        break;
    case 6:
        hs_store(vcpu, trap, RAM + n % 512 * 4096, 1);
        break;
    case 7:
        hs_store(vcpu, trap, AXVM_RISCV64_IMSIC_BASE + other * 4096, n % 256);
        break;
    default:
        if (n % 1000 == 8)
            hs_ecall(vcpu, trap, SBI_EXT_SRST, 0, n % 3, 0, 0);
        else
            hs_ecall(vcpu, trap, SBI_EXT_HSM, 3, 0x80000000, RAM, n);
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
static void stop_and_reset(struct fake_hal *hal, hs_guest guest)
{
    struct smp smp = { .hal = hal };
    struct smp_thread t[THREADS];

    enable_cpus(hal);
    smp.vm = make(hal, THREADS, AXVM_RISCV64_IRQCHIP_IMSIC);
    smp.hal->tick_ns = 100;
    hs.guest = guest;
    hs.guest_arg = &smp;
    for (unsigned int i = 0; i < THREADS; i++) {
        t[i] = (struct smp_thread){ .smp = &smp, .id = i };
        assert_int_equal(pthread_create(&t[i].thread, NULL, restless_thread, &t[i]), 0);
    }
    fake_hal_set_cpu(THREADS); /* no guest's */
    for (unsigned int round = 0; round < 300; round++) {
        uint64_t seen = smp.traps;

        until(smp.vm, axvm_boot, AXVM_ERR_BUSY);
        while (smp.traps == seen)
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

struct storm {
    uint64_t left;
    unsigned int what;
};

/* It has enabled external interrupts, and never takes one. */
static void never_handles(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct storm *s = arg;

    hs.hart[0].csr[CSR_HIE] |= IRQ_VSE;
    if (s->left-- == 0)
        leave(vcpu, trap);
    else if (s->left % 2)
        hs_wfi(trap);
    else
        hs_load(vcpu, trap, DEVICE);
}

/* Enable source 5 for hart 0, level-sensitive. */
static void enable_source(struct axvm *vm, uint32_t irqchip)
{
    static const struct {
        uint64_t off;
        uint32_t val;
    } plic[] = { { 0x14, 1 }, { 0x2080, 0x20 } },
      aplic[] = { { 0, 0x100 }, { 0x14, 6 }, { 0x3014, 5 }, { 0x1e00, 0x20 }, { 0x4000, 1 } };
    bool is_plic = irqchip == AXVM_RISCV64_IRQCHIP_PLIC;
    uint64_t base = is_plic ? AXVM_RISCV64_PLIC_BASE : AXVM_RISCV64_APLIC_BASE;

    for (unsigned int i = 0; i < (is_plic ? 2 : irqchip == AXVM_RISCV64_IRQCHIP_APLIC ? 5 : 4); i++) {
        struct axvm_access acc = { .off = base + (is_plic ? plic[i].off : aplic[i].off),
                                   .val = is_plic ? plic[i].val : aplic[i].val,
                                   .size = 4,
                                   .vcpu = vm->vcpus[0] };

        assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &vm->vcpus[0]->hit[AXVM_BUS_MMIO], &acc, true), AXVM_OK);
    }
}

/* Row 88: the host has as much to do as for a line that is quiet, and can have its CPU back. */
static void a_line_that_is_stuck_costs_the_host_nothing(void **state)
{
    struct fake_hal *hal = *state;

    for (uint32_t chip = AXVM_RISCV64_IRQCHIP_PLIC; chip <= AXVM_RISCV64_IRQCHIP_IMSIC; chip++) {
        struct axvm *vm = make(hal, 1, chip);
        struct axvm_irq_line line = { 0 };
        struct storm s = { .left = 20000 };
        struct axvm_exit exit;
        uint64_t kicks = hal->kicks[0], wakes = hal->wakes[0][0], lines = hal->log_lines;

        assert_int_equal(axvm_irq_line_init(&line, vm, 5, false), AXVM_OK);
        hs.guest = never_handles;
        hs.guest_arg = &s;
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        enable_source(vm, chip);
        for (unsigned int i = 0; i < 1000; i++)
            axvm_irq_line_set(&line, true);
        if (chip != AXVM_RISCV64_IRQCHIP_IMSIC)
            assert_true(vm->vcpus[0]->arch.external);
        do
            assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
        while (exit.reason == AXVM_EXIT_IDLE);
        assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
        assert_true(hal->kicks[0] - kicks <= 2 && hal->wakes[0][0] - wakes <= 4);
        assert_int_equal(hal->log_lines, lines);
        native_destroy(vm);
    }
}

/* Row 88: a passthrough interrupt that the guest never ends is never ended for it, and fires no more. */
static void a_passthrough_interrupt_that_is_not_handled_stays_with_the_host(void **state)
{
    struct fake_hal *hal = *state;
    const struct axvm_passthrough dev = { .host_irq = 77, .guest_irq = 5 };

    for (uint32_t chip = AXVM_RISCV64_IRQCHIP_PLIC; chip <= AXVM_RISCV64_IRQCHIP_IMSIC; chip++) {
        const struct axvm_config cfg = {
            .vcpu_count = 1, .ram_size = RAM_SIZE, .irqchip = chip, .passthrough = &dev, .passthrough_count = 1
        };
        struct axvm *vm = native_vm(hal, &cfg);
        uint64_t completed = hal->completed;

        assert_int_equal(axvm_boot(vm), AXVM_OK);
        enable_source(vm, chip);
        for (unsigned int i = 0; i < 10000; i++)
            assert_int_equal(axvm_forward_irq(vm, 77), AXVM_OK);
        assert_int_equal(axvm_forward_irq(vm, 78), AXVM_ERR_NOENT);
        assert_int_equal(hal->completed, completed);
        /* A reset gives it back, once. */
        assert_int_equal(axvm_shutdown(vm), AXVM_OK);
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(hal->completed, completed + 1);
        native_destroy(vm);
        assert_int_equal(hal->completed, completed + 1);
    }
}

/* ---- row R4 ---- */

static void interrupted(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct storm *s = arg;

    if (s->left-- == 0)
        leave(vcpu, trap);
    else
        *trap = (struct hs_trap){ .cause = CAUSE_INTERRUPT | (s->left % 13) };
}

/* Row R4: interrupts of the host, whichever, while a guest runs, are the host's; it goes on. */
static void interrupts_of_the_host_are_not_the_guests(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    struct storm s = { .left = 1000 };
    struct axvm_exit exit;
    uint64_t before;

    hs.guest = interrupted;
    hs.guest_arg = &s;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    before = axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_HOST_IRQ);
    assert_int_equal(axvm_run_vcpu(vm, 0, &exit), AXVM_OK);
    assert_int_equal(exit.reason, AXVM_EXIT_KICKED);
    assert_int_equal(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_HOST_IRQ) - before, 1001);
    assert_int_equal(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_FAULT_INJECTED), 0);
    assert_int_equal(vm->vcpus[0]->arch.vs.hvip, 0);
    native_destroy(vm);
}

/* ---- rows 8, 9, 15: what firmware and devices are asked to read and write ---- */

struct call {
    uint64_t eid, fid, a0, a1, a2;
    int64_t error;
    uint64_t value;
};

/* One after the other; what they return is looked at by the next. */
struct calls {
    const struct call *list;
    unsigned int count, at;
};

static void make_calls(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct calls *c = arg;

    if (c->at != 0) {
        assert_int_equal((int64_t)vcpu->arch.gpr[10], c->list[c->at - 1].error);
        assert_int_equal(vcpu->arch.gpr[11], c->list[c->at - 1].value);
    }
    if (c->at == c->count) {
        c->at = 0;
        leave(vcpu, trap);
        return;
    }
    hs_ecall(vcpu, trap, c->list[c->at].eid, c->list[c->at].fid, c->list[c->at].a0, c->list[c->at].a1, c->list[c->at].a2);
    vcpu->arch.gpr[13] = 1; /* PMU: the event "cycles" */
    c->at++;
}

#define DBCN(len, addr, high, error, value)                                                                                    \
    {                                                                                                                          \
        SBI_EXT_DBCN, 0, len, addr, high, error, value                                                                         \
    }
#define STA(addr, error)                                                                                                       \
    {                                                                                                                          \
        SBI_EXT_STA, 0, addr, 0, 0, error, 0                                                                                   \
    }
#define PMU(addr, error)                                                                                                       \
    {                                                                                                                          \
        SBI_EXT_PMU, 7, addr, 0, 0, error, 0                                                                                   \
    }

static void firmware_reads_and_writes_ram_only(void **state)
{
    static const struct call calls[] = {
        DBCN(0, HOLE, 0, 0, 0), /* row 9: nothing of anywhere */
        DBCN(16, RAM + RAM_SIZE - 16, 0, 0, 16),
        DBCN(17, RAM + RAM_SIZE - 16, 0, SBI_ERR_INVALID_PARAM, 0), /* from RAM into a hole */
        DBCN(UINT64_MAX, RAM, 0, SBI_ERR_INVALID_PARAM, 0),
        DBCN(UINT64_MAX - RAM + 2, RAM, 0, SBI_ERR_INVALID_PARAM, 0), /* row 2 */
        DBCN(1, RAM, 1, SBI_ERR_INVALID_PARAM, 0),
        DBCN(4, DEVICE, 0, SBI_ERR_INVALID_PARAM, 0), /* row 8 */
        DBCN(4, AXVM_RISCV64_PLIC_BASE + 0x201004, 0, SBI_ERR_INVALID_PARAM, 0),
        DBCN(100000, RAM, 0, 0, 256), /* row R1: a piece at a time */
        STA(DEVICE, SBI_ERR_INVALID_ADDRESS),
        STA(RAM + RAM_SIZE, SBI_ERR_INVALID_ADDRESS),
        STA(UINT64_MAX - 63, SBI_ERR_INVALID_ADDRESS),
        PMU(RAM + RAM_SIZE, SBI_ERR_INVALID_ADDRESS),
        PMU(DEVICE & ~UINT64_C(4095), SBI_ERR_INVALID_ADDRESS),
        PMU(RAM + 8, SBI_ERR_INVALID_PARAM),
    };
    struct calls c = { calls, sizeof(calls) / sizeof(calls[0]), 0 };
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);

    hs.guest = make_calls;
    hs.guest_arg = &c;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    assert_int_equal(probe.accesses, 0);
    native_destroy(vm);
}

/* Row 15: the memory that a guest has named is taken away; what comes there later is not written to. */
static void firmware_forgets_memory_that_the_host_takes_away(void **state)
{
    static const struct call calls[] = {
        STA(RAM + MIB, 0), PMU(RAM + MIB + 4096, 0), { SBI_EXT_PMU, 2, 0, 1, 6, 0, 0 }, /* cycles, started */
    };
    static const struct call later[] = { { SBI_EXT_PMU, 4, 0, 1, 2, 0, 0 } }; /* stopped, with a snapshot */
    struct calls c = { calls, 3, 0 };
    struct fake_hal *hal = *state;
    struct axvm *vm = make(hal, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    struct storm interrupts = { .left = 5 };
    axvm_hpa_t pa;
    uint64_t len;
    uint8_t before[2 * 4096], *va;

    hs.guest = make_calls;
    hs.guest_arg = &c;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    assert_int_equal(axvm_translate(vm, axvm_gpa(RAM + MIB), &pa, &len), AXVM_OK);
    assert_int_equal(axvm_unmap(vm, axvm_gpa(RAM), RAM_SIZE), AXVM_OK);
    /* Whoever gets the page next. */
    hal->next_page = (pa.v - FAKE_MEM_BASE) / 4096;
    assert_true(hal->ops.page_alloc(hal, 1, &pa));
    va = hal->ops.phys_to_virt(hal, pa);
    memset(va, 0x77, sizeof(before));
    memcpy(before, va, sizeof(before));
    hs.guest = interrupted; /* time is stolen */
    hs.guest_arg = &interrupts;
    run_until_kicked(vm, 0);
    c = (struct calls){ later, 1, 0 };
    hs.guest = make_calls;
    hs.guest_arg = &c;
    run_until_kicked(vm, 0);
    assert_memory_equal(va, before, sizeof(before));
    hal->ops.page_free(hal, pa, 1);
    native_destroy(vm);
}

static int read_own_window, write_own_window;

static void reach_for_itself(struct axvm *vm, struct axvm_access *acc)
{
    uint32_t word = 0;

    (void)acc;
    read_own_window = axvm_read_guest(vm, axvm_gpa(DEVICE), &word, sizeof(word));
    write_own_window = axvm_write_guest(vm, axvm_gpa(DEVICE + 8), &word, sizeof(word));
}

/* Row 8: DMA into the device's own registers. */
static void a_device_that_reaches_for_itself_is_refused(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    struct access_case store = { .trap = { .cause = 23, .stval = DEVICE, .gpa = DEVICE, .insn = SW }, .a1 = DEVICE };
    struct access_run run = { .c = &store };

    probe.on_write = reach_for_itself;
    hs.guest = one_access;
    hs.guest_arg = &run;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    run_until_kicked(vm, 0);
    assert_int_equal(probe.accesses, 1);
    assert_int_not_equal(read_own_window, AXVM_OK);
    assert_int_not_equal(write_own_window, AXVM_OK);
    native_destroy(vm);
}

/* ---- rows 1 to 5, 12, 61 to 71, 85, 87, 89: anything, for long ---- */

#define STORM_TRAPS 100000u

static uint64_t any(uint64_t n)
{
    return ((uint64_t)rand() << 31 ^ (uint64_t)rand()) % n;
}

static uint64_t any64(void)
{
    static const uint64_t nasty[] = { 0,
                                      1,
                                      2,
                                      15,
                                      63,
                                      64,
                                      0x7f,
                                      0x80,
                                      255,
                                      256,
                                      4095,
                                      4096,
                                      UINT32_MAX,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095,
                                      INT64_MAX,
                                      UINT64_C(1) << 63,
                                      RAM,
                                      RAM + 8,
                                      RAM + RAM_SIZE - 4096,
                                      RAM + RAM_SIZE - 8,
                                      RAM + RAM_SIZE,
                                      ROM,
                                      DEVICE,
                                      HOLE,
                                      AXVM_RISCV64_PLIC_BASE,
                                      AXVM_RISCV64_APLIC_BASE,
                                      AXVM_RISCV64_IMSIC_BASE,
                                      AXVM_RISCV64_UART_BASE };

    if (any(4) == 0)
        return any(UINT64_MAX) << any(64);
    return nasty[any(sizeof(nasty) / sizeof(nasty[0]))] + (any(4) == 0 ? any(64) : 0);
}

static uint64_t any_gpa(void)
{
    static const uint64_t bases[] = { RAM,
                                      ROM,
                                      DEVICE,
                                      HOLE,
                                      AXVM_RISCV64_PLIC_BASE,
                                      AXVM_RISCV64_PLIC_BASE + 0x200000,
                                      AXVM_RISCV64_APLIC_BASE,
                                      AXVM_RISCV64_APLIC_BASE + 0x1c00,
                                      AXVM_RISCV64_IMSIC_BASE,
                                      AXVM_RISCV64_UART_BASE };

    return (any(6) == 0 ? any64() : bases[any(10)] + (any(2) ? any(0x5000) : any(64) * 4)) & ((UINT64_C(1) << 50) - 1);
}

static uint32_t any_insn(void)
{
    static const uint32_t some[] = { LW,         SW,         LD,         AMOADD,     LR,         0x00a58023,
                                     0x0005c503, 0x0005f503, 0xc188,     0xe188,     0x4188,     0x6188,
                                     0x10500073, 0x00d00073, 0x30200073, 0x0005a507, 0x00a5a027, 0x02050007 };

    if (any(3) == 0)
        return (uint32_t)any(UINT64_C(1) << 32);
    return any(4) == 0 ? (uint32_t)(any(4096) << 20 | any(32) << 15 | any(8) << 12 | any(32) << 7 | 0x73) : some[any(18)];
}

static uint64_t any_htinst(void)
{
    static const uint32_t some[] = { WALK_READ, WALK_WRITE, 0x2000, 0x2020, 0x2503, 0xa02023, 0xa02021, 0x2501, 0x10202f };

    return any(2) == 0 ? 0 : any(3) == 0 ? any(UINT64_C(1) << 32) : some[any(9)];
}

static uint64_t any_eid(void)
{
    static const uint64_t some[] = { SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI,  SBI_EXT_RFNC, SBI_EXT_HSM,
                                     SBI_EXT_SRST, SBI_EXT_DBCN, SBI_EXT_SUSP, SBI_EXT_PMU,  SBI_EXT_STA,
                                     SBI_EXT_FWFT, 0x535345,     0x0a000000,   0x44425452,   0 };

    return some[any(15)];
}

static void anything(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    static const uint64_t causes[] = { 20, 21, 21, 21, 23, 23, 23, 22, 22, 2, 10, 10, 10, 10, 10 };
    struct hs_hart *h = &hs.hart[fake_hal_cpu()];
    uint64_t *left = arg;

    assert_int_equal(vcpu->arch.gpr[0], 0);
    if (*left == 0 || any(50) == 0) {
        leave(vcpu, trap);
        return;
    }
    --*left;
    hs.ticks += any(1000);
    for (unsigned int i = 1; i < 32; i++) {
        if (any(4) == 0)
            vcpu->arch.gpr[i] = any64();
    }
    *trap = (struct hs_trap){
        .cause = any(30) == 0 ? any(64) | (any(2) ? CAUSE_INTERRUPT : 0) : causes[any(15)],
        .gpa = any_gpa(),
        .htinst = any_htinst(),
        .insn = any(10) == 0 ? 0 : any_insn(),
    };
    trap->stval = trap->cause == 22 || trap->cause == 2 ? any(3) == 0 ? 0 : trap->insn : any(3) == 0 ? any64() : trap->gpa;
    vcpu->arch.gpr[11] = any(3) == 0 ? any64() : trap->stval;
    if (trap->cause == 10) {
        vcpu->arch.gpr[17] = any_eid();
        vcpu->arch.gpr[16] = any(20) == 0 ? any64() : any(9);
    }
    h->csr[CSR_SEPC] = any(8) == 0 ? any64() & ~UINT64_C(1) : RAM + any(4096) * 2;
    h->csr[CSR_SSTATUS] ^= any(8) == 0 ? SSTATUS_SPP : 0;
    h->csr[CSR_VSSTATUS] ^= any(8) == 0 ? SSTATUS_FS | SSTATUS_VS : 0;
    h->csr[CSR_VSISELECT] = any(4) == 0 ? any64() & 0xfff : h->csr[CSR_VSISELECT];
}

/* As a host that answers what it is asked, and starts again what has stopped. */
static void take_exit(struct axvm *vm, unsigned int id, const struct axvm_exit *exit)
{
    switch (exit->reason) {
    case AXVM_EXIT_MMIO:
    case AXVM_EXIT_SYSREG:
    case AXVM_EXIT_HYPERCALL:
        if (any(2))
            assert_int_equal(axvm_vcpu_answer(vm->vcpus[id], any64()), AXVM_OK);
        break;
    case AXVM_EXIT_SYSTEM_OFF:
    case AXVM_EXIT_SYSTEM_RESET:
        assert_int_equal(axvm_reset(vm), AXVM_OK);
        assert_int_equal(axvm_boot(vm), AXVM_OK);
        break;
    default:
        assert_true(exit->reason >= AXVM_EXIT_IDLE && exit->reason <= AXVM_EXIT_CPU_OFF);
    }
}

/* All of them off: nobody would start any. */
static void start_if_all_are_off(struct axvm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (atomic_load(&vm->vcpus[i]->power) != AXVM_POWER_OFF)
            return;
    }
    assert_int_equal(axvm_vcpu_power_on(vm->vcpus[0], RAM, 0), AXVM_OK);
}

static void storm(struct fake_hal *hal, uint32_t chip)
{
    struct axvm *vm = make(hal, 3, chip);
    uint64_t left = STORM_TRAPS, before = hal->live_pages;
    struct axvm_exit exit;

    hs.guest = anything;
    hs.guest_arg = &left;
    srand(chip);
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    while (left != 0) {
        unsigned int id = (unsigned int)any(3);

        assert_int_equal(axvm_run_vcpu(vm, id, &exit), AXVM_OK);
        take_exit(vm, id, &exit);
        start_if_all_are_off(vm);
        assert_true(hal->live_pages <= before + (RAM_SIZE + MIB) / 4096 + 200);
    }
    assert_int_equal(hal->log_lines, 0);
    assert_true(probe.accesses > 100);
    native_destroy(vm);
}

static void nothing_that_a_guest_does_breaks_or_floods_anything(void **state)
{
    storm(*state, AXVM_RISCV64_IRQCHIP_PLIC);
    storm(*state, AXVM_RISCV64_IRQCHIP_APLIC);
    storm(*state, AXVM_RISCV64_IRQCHIP_IMSIC);
}

/* The same on CPUs of their own, and a host that stops them: also for TSan. */
static void anything_on_threads(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    static _Thread_local uint64_t left;
    struct smp *smp = arg;

    smp->traps++;
    left = 1;
    if (!kicked(smp, trap))
        anything(vcpu, trap, &left);
}

static void nothing_that_vcpus_do_at_once_breaks_anything(void **state)
{
    srand(85);
    stop_and_reset(*state, anything_on_threads);
}

static int setup_old_cpu(void **state)
{
    NATIVE_RESET();
    hs.sstc = hs.aia = hs.stateen = hs.v = false;
    hs.vmid_bits = hs.geilen = 0;
    *state = fake_hal_new();
    return NATIVE_ENABLE_CPU(*state, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(each_access_ends_as_the_machine_would_end_it),
        NATIVE_TEST(touching_every_page_there_could_be_costs_no_memory),
        NATIVE_TEST(vcpus_that_touch_the_same_pages_get_one_each),
        NATIVE_TEST(a_device_callback_may_end_its_vm_and_nothing_else),
        NATIVE_TEST(a_vm_can_be_stopped_and_reset_at_any_time),
        NATIVE_TEST(a_line_that_is_stuck_costs_the_host_nothing),
        NATIVE_TEST(a_passthrough_interrupt_that_is_not_handled_stays_with_the_host),
        NATIVE_TEST(interrupts_of_the_host_are_not_the_guests),
        NATIVE_TEST(firmware_reads_and_writes_ram_only),
        NATIVE_TEST(firmware_forgets_memory_that_the_host_takes_away),
        NATIVE_TEST(a_device_that_reaches_for_itself_is_refused),
        NATIVE_TEST(nothing_that_a_guest_does_breaks_or_floods_anything),
        NATIVE_TEST(nothing_that_vcpus_do_at_once_breaks_anything),
        { "nothing_that_a_guest_does_breaks_or_floods_anything_on_a_cpu_without_extensions",
          nothing_that_a_guest_does_breaks_or_floods_anything, setup_old_cpu, native_teardown, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
