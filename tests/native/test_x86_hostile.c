/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that do what hostile-guest.md lists, on the x86_64 backend with SVM; the row's number is at each test. This file:
 * ports, memory and devices, one vCPU at a time.
 */
#include "x86_hostile.h"

#include <axvm/err.h>

#include "exit.h"
#include "svm.h"

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
        x86_leave(vcpu);
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
        x86_leave(vcpu);
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

static void touch(struct axvm_vcpu *vcpu, void *arg)
{
    struct native_touch *t = arg;

    if (t->left-- == 0) {
        x86_leave(vcpu);
        return;
    }
    x86_exit_fault(vcpu, t->next, t->left % 3 == 0 ? AXVM_PROT_READ : t->left % 3 == 1 ? AXVM_PROT_WRITE : AXVM_PROT_EXEC);
    t->next += t->step;
}

static void touching_every_page_there_could_be_costs_no_memory(void **state)
{
    struct axvm *vm = make(*state, 1);
    struct native_touch t;

    x86.guest = touch;
    x86.guest_arg = &t;
    native_touch_everything(*state, vm, &t, (struct native_touch){ MIB, 4096, (RAM_SIZE - MIB) / 4096 });
}

/* ---- row 89 ---- */

/* An instruction on a device that is not known: a line each time, if there were no limit. */
static void unknown_on_device(struct axvm_vcpu *vcpu, void *arg)
{
    uint64_t *left = arg;

    if ((*left)-- == 0) {
        x86_leave(vcpu);
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
    native_run_until_kicked(vm, 0);
    assert_true(hal->log_lines >= 1 && hal->log_lines <= 8);
    assert_true(axvm_vcpu_stat(vm->vcpus[0], AXVM_STAT_FAULT_INJECTED) >= 100000);
    hal->now_ns += UINT64_C(10000000000);
    left = 1000;
    native_run_until_kicked(vm, 0);
    assert_true(hal->log_lines <= 8 + 8 && fake_hal_logged(hal, "lines suppressed"));
    memset(code, 0, sizeof(code));
    native_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NATIVE_TEST(a_port_access_is_answered_by_one_device_or_by_the_host),
        NATIVE_TEST(a_string_that_never_ends_is_done_in_bounded_pieces),
        NATIVE_TEST(a_string_ends_with_its_segment),
        NATIVE_TEST(touching_every_page_there_could_be_costs_no_memory),
        NATIVE_TEST(a_guest_cannot_flood_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
