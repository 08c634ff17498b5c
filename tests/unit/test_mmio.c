/* SPDX-License-Identifier: BSD-2-Clause */
/* From a guest's load or store to the bus and back: elements, tiers, who refuses. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "arch.h"
#include "fake_guest.h"

#define BASE 0x1000u
#define LEN 0x40u

/* 64 bytes of memory; of which the eight from 0x30 on are refused. */
struct ram_device {
    struct axvm_device dev;
    uint8_t bytes[LEN];
    unsigned int accesses;
};

static int ram_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct ram_device *ram = (struct ram_device *)dev;

    ram->accesses++;
    if (acc->off >= 0x30 && acc->off < 0x38)
        return AXVM_ERR_GUEST;
    memcpy(&acc->val, &ram->bytes[acc->off], acc->size);
    return AXVM_OK;
}

static int ram_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct ram_device *ram = (struct ram_device *)dev;

    ram->accesses++;
    if (acc->off >= 0x30 && acc->off < 0x38)
        return AXVM_ERR_GUEST;
    memcpy(&ram->bytes[acc->off], &acc->val, acc->size);
    return AXVM_OK;
}

static const struct axvm_device_ops ram_ops = { .name = "ram", .read = ram_read, .write = ram_write };

static struct axvm *vm_with(struct fake_hal *hal, struct ram_device *ram, uint32_t flags)
{
    struct axvm *vm = fake_vm(hal, 1);

    memset(ram, 0, sizeof(*ram));
    ram->dev.ops = &ram_ops;
    ram->dev.windows[0] = (struct axvm_window){ .space = AXVM_BUS_MMIO, .base = BASE, .len = LEN };
    ram->dev.window_count = 1;
    ram->dev.flags = flags;
    for (unsigned int i = 0; i < LEN; i++)
        ram->bytes[i] = (uint8_t)(i + 1);
    assert_int_equal(axvm_device_attach(vm, &ram->dev), 0);
    return vm;
}

static struct axvm_mmio load(uint64_t addr, unsigned int size, unsigned int count)
{
    return (struct axvm_mmio){ .addr = addr, .size = (uint8_t)size, .count = (uint8_t)count, .space = AXVM_BUS_MMIO };
}

static void elements_are_read_one_after_the_other(void **state)
{
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);
    struct axvm_mmio mmio = load(BASE + 8, 4, 3);

    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_OK);
    assert_int_equal(ram.accesses, 3);
    assert_int_equal(mmio.val[0], 0x0c0b0a09);
    assert_int_equal(mmio.val[1], 0x100f0e0d);
    assert_int_equal(mmio.val[2], 0x14131211);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void every_size_transfers_just_its_bytes(void **state)
{
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, AXVM_DEVICE_FAST);

    for (unsigned int size = 1; size <= 8; size *= 2) {
        struct axvm_mmio mmio = load(BASE + 16, size, 1);
        uint64_t expected = 0;

        memcpy(&expected, &ram.bytes[16], size);
        assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, false), AXVM_OK);
        assert_true(mmio.val[0] == expected);
        mmio.write = true;
        mmio.val[0] = UINT64_C(0x8877665544332211);
        assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, false), AXVM_OK);
        assert_int_equal(ram.bytes[16 + size - 1], 0x11 * size);
        assert_int_equal(ram.bytes[16 + size], 16 + size + 1);
    }
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_pair_waits_for_the_host_tier_before_anything_is_done(void **state)
{
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, AXVM_DEVICE_FAST);
    struct axvm_mmio mmio = load(BASE, 8, 2);

    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, false), AXVM_ERR_AGAIN);
    assert_int_equal(ram.accesses, 0);
    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* Row 1: LDP and page-crossing accesses. */
static void an_access_refused_halfway_is_refused_as_a_whole(void **state)
{
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);
    struct axvm_mmio mmio = load(BASE + 0x28, 8, 2);

    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_ERR_GUEST);
    /* the second one is beyond the end of the device, where nobody is */
    ram.accesses = 0;
    mmio = load(BASE + LEN - 8, 8, 2);
    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_ERR_GUEST);
    assert_int_equal(ram.accesses, 1);
    mmio = load(BASE + LEN, 8, 2);
    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_ERR_NOENT);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* Row 2 */
static void elements_do_not_wrap_around_the_address_space(void **state)
{
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);
    struct axvm_mmio mmio = load(UINT64_MAX - 7, 8, 2);

    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_ERR_GUEST);
    assert_int_equal(ram.accesses, 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* ---- the same from inside a guest ---- */

struct script {
    uint64_t addr;
    unsigned int step;
    bool write;
};

static int access_once(struct axvm_vcpu *vcpu, struct axvm_exit *exit, void *arg)
{
    struct script *s = arg;

    (void)exit;
    if (s->step++ != 0)
        return AXVM_TRAP_IDLE;
    return s->write ? fake_guest_write(vcpu, s->addr, 4, 0xfeed) : fake_guest_read(vcpu, s->addr, 4);
}

static void run_to(struct axvm *vm, enum axvm_exit_reason reason, struct axvm_exit *exit)
{
    assert_int_equal(axvm_run_vcpu(vm, 0, exit), 0);
    assert_int_equal(exit->reason, reason);
}

static void boot(struct axvm *vm, struct script *s)
{
    fake_guest_set(vm, 0, access_once, s);
    assert_int_equal(axvm_boot(vm), 0);
}

static void stop(struct axvm *vm)
{
    assert_int_equal(axvm_shutdown(vm), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_guests_load_gets_what_the_device_says(void **state)
{
    struct script s = { .addr = BASE + 4 };
    struct axvm_exit exit;
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);

    boot(vm, &s);
    run_to(vm, AXVM_EXIT_IDLE, &exit);
    assert_int_equal(vm->vcpus[0]->arch.loaded[0], 0x08070605);
    stop(vm);
}

static void a_refused_access_is_the_guests_own_problem(void **state)
{
    struct script s = { .addr = BASE + LEN - 2 };
    struct axvm_exit exit;
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, AXVM_DEVICE_FAST);

    boot(vm, &s);
    run_to(vm, AXVM_EXIT_IDLE, &exit);
    assert_int_equal(vm->vcpus[0]->arch.mmio_refused, 1);
    assert_int_equal(ram.accesses, 0);
    stop(vm);
}

static void mmio_read_with_no_device_exits_to_host_and_takes_its_answer(void **state)
{
    struct script s = { .addr = 0x5000 };
    struct axvm_exit exit;
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);

    boot(vm, &s);
    run_to(vm, AXVM_EXIT_MMIO, &exit);
    assert_int_equal(exit.u.access.addr, 0x5000);
    assert_int_equal(exit.u.access.size, 4);
    assert_false(exit.u.access.write);
    assert_int_equal(axvm_vcpu_answer(vm->vcpus[0], UINT64_C(0x123456789)), 0);
    run_to(vm, AXVM_EXIT_IDLE, &exit);
    assert_int_equal(vm->vcpus[0]->arch.loaded[0], 0x23456789);
    stop(vm);
}

static void mmio_write_with_no_device_and_no_answer_is_refused(void **state)
{
    struct script s = { .addr = 0x5000, .write = true };
    struct axvm_exit exit;
    struct ram_device ram;
    struct axvm *vm = vm_with(*state, &ram, 0);

    boot(vm, &s);
    run_to(vm, AXVM_EXIT_MMIO, &exit);
    assert_int_equal(exit.u.access.data, 0xfeed);
    assert_true(exit.u.access.write);
    run_to(vm, AXVM_EXIT_IDLE, &exit);
    assert_int_equal(vm->vcpus[0]->arch.mmio_refused, 1);
    stop(vm);
}

static int register_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    acc->val = UINT64_C(0x0123456789abcdef) + acc->off;
    return AXVM_OK;
}

static void neighbouring_system_registers_are_whole_registers(void **state)
{
    static const struct axvm_device_ops ops = { .name = "registers", .read = register_read, .write = ram_write };
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_device dev = { .ops = &ops, .window_count = 1, .windows = { { AXVM_BUS_SYSREG, 0xc700, 2 } } };
    struct axvm_mmio mmio = { .addr = 0xc701, .size = 8, .count = 1, .space = AXVM_BUS_SYSREG };

    assert_int_equal(axvm_device_attach(vm, &dev), 0);
    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_OK);
    assert_true(mmio.val[0] == UINT64_C(0x0123456789abcdf0));
    mmio.addr = 0xc702;
    assert_int_equal(axvm_core_mmio(vm->vcpus[0], &mmio, true), AXVM_ERR_NOENT);
    assert_int_equal(axvm_destroy(vm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(elements_are_read_one_after_the_other),
        FAKE_TEST(every_size_transfers_just_its_bytes),
        FAKE_TEST(a_pair_waits_for_the_host_tier_before_anything_is_done),
        FAKE_TEST(an_access_refused_halfway_is_refused_as_a_whole),
        FAKE_TEST(elements_do_not_wrap_around_the_address_space),
        FAKE_TEST(a_guests_load_gets_what_the_device_says),
        FAKE_TEST(a_refused_access_is_the_guests_own_problem),
        FAKE_TEST(mmio_read_with_no_device_exits_to_host_and_takes_its_answer),
        FAKE_TEST(mmio_write_with_no_device_and_no_answer_is_refused),
        FAKE_TEST(neighbouring_system_registers_are_whole_registers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
