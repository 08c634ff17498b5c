/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that do what hostile-guest.md lists, on the riscv64 backend; the row's number is at each test. Rows 6 and 7 are about
 * what RISC-V has not: strings, and accesses of more than 8 bytes but by vectors, which devices refuse. Rows 10 and 11 have
 * little to hold on to: calls take their arguments in registers; what they read of memory they read once. This file: memory,
 * devices, and what firmware is told of them, one vCPU at a time.
 */
#include "riscv64_hostile.h"

#include <axvm/err.h>
#include <axvm/riscv64.h>

#include "csr.h"
#include "sbi.h"

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
    CASE("row 3: AMO, its load reported", 21, DEVICE, DEVICE, 0, AMOADD, 7, 0, 0),
    CASE("row 3: AMO on nothing, its load reported", 21, HOLE, HOLE, 0, AMOADD, 7, 0, 0),
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

static void touch(struct axvm_vcpu *vcpu, struct hs_trap *trap, void *arg)
{
    struct native_touch *t = arg;

    if (t->left-- == 0) {
        leave(vcpu, trap);
        return;
    }
    *trap = (struct hs_trap){ .cause = 20 + (t->left & 1), .stval = t->next, .gpa = t->next, .insn = 0x05a503 | 0x3000 };
    vcpu->arch.gpr[11] = t->next;
    t->next += t->step;
}

static void touching_every_page_there_could_be_costs_no_memory(void **state)
{
    struct axvm *vm = make(*state, 1, AXVM_RISCV64_IRQCHIP_PLIC);
    struct native_touch t;

    hs.guest = touch;
    hs.guest_arg = &t;
    native_touch_everything(*state, vm, &t, (struct native_touch){ RAM, 4096, RAM_SIZE / 4096 });
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
    native_run_until_kicked(vm, 0);
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
    uint64_t interrupts = 5;
    axvm_hpa_t pa;
    uint64_t len;
    uint8_t before[2 * 4096], *va;

    hs.guest = make_calls;
    hs.guest_arg = &c;
    assert_int_equal(axvm_boot(vm), AXVM_OK);
    native_run_until_kicked(vm, 0);
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
    native_run_until_kicked(vm, 0);
    c = (struct calls){ later, 1, 0 };
    hs.guest = make_calls;
    hs.guest_arg = &c;
    native_run_until_kicked(vm, 0);
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
    native_run_until_kicked(vm, 0);
    assert_int_equal(probe.accesses, 1);
    assert_int_not_equal(read_own_window, AXVM_OK);
    assert_int_not_equal(write_own_window, AXVM_OK);
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(each_access_ends_as_the_machine_would_end_it),
        NATIVE_TEST(touching_every_page_there_could_be_costs_no_memory),
        NATIVE_TEST(firmware_reads_and_writes_ram_only),
        NATIVE_TEST(firmware_forgets_memory_that_the_host_takes_away),
        NATIVE_TEST(a_device_that_reaches_for_itself_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
