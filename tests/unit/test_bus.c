/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices on the bus: who may be there, and who gets which access. */
#include "fake_fixture.h"

#include <axvm/err.h>
#include <string.h>

#include "vm_priv.h"

/* A device that keeps what it was asked, and answers what the test says. */
struct probe {
    struct axvm_device dev;
    unsigned int reads, writes, resets, destroys;
    struct axvm_access last;
    uint64_t answer;
    int rc;
    int (*inside)(struct probe *p, struct axvm_access *acc);
};

static int probe_access(struct probe *p, struct axvm_access *acc)
{
    p->last = *acc;
    return p->inside ? p->inside(p, acc) : p->rc;
}

static int probe_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct probe *p = (struct probe *)dev;

    p->reads++;
    acc->val = p->answer;
    return probe_access(p, acc);
}

static int probe_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct probe *p = (struct probe *)dev;

    p->writes++;
    return probe_access(p, acc);
}

static void probe_reset(struct axvm_device *dev)
{
    ((struct probe *)dev)->resets++;
}

static void probe_destroy(struct axvm_device *dev)
{
    ((struct probe *)dev)->destroys++;
}

static const struct axvm_device_ops probe_ops = {
    .name = "probe",
    .read = probe_read,
    .write = probe_write,
    .reset = probe_reset,
    .destroy = probe_destroy,
};

static void probe_init(struct probe *p, enum axvm_bus_space space, uint64_t base, uint64_t len)
{
    memset(p, 0, sizeof(*p));
    p->dev.ops = &probe_ops;
    p->dev.windows[0] = (struct axvm_window){ .space = space, .base = base, .len = len };
    p->dev.window_count = 1;
}

static int attach(struct axvm *vm, struct probe *p, uint64_t base, uint64_t len)
{
    probe_init(p, AXVM_BUS_MMIO, base, len);
    return axvm_device_attach(vm, &p->dev);
}

static int access_bus(struct axvm *vm, unsigned int vcpu, uint64_t addr, unsigned int size, bool write, uint64_t *val,
                      bool host)
{
    struct axvm_access acc = {
        .off = addr, .size = (uint8_t)size, .val = *val, .may_call_host = host, .vcpu = vm->vcpus[vcpu]
    };
    int rc = axvm_bus_access(&vm->bus[AXVM_BUS_MMIO], &vm->vcpus[vcpu]->hit[AXVM_BUS_MMIO], &acc, write);

    *val = acc.val;
    return rc;
}

static int read_bus(struct axvm *vm, uint64_t addr, unsigned int size)
{
    uint64_t val = 0;

    return access_bus(vm, 0, addr, size, false, &val, true);
}

static void an_access_goes_to_the_device_at_its_address(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a, b;
    uint64_t val = 0;

    assert_int_equal(attach(vm, &b, 0x2000, 0x1000), 0);
    assert_int_equal(attach(vm, &a, 0x1000, 0x1000), 0);
    b.answer = 0x55;
    assert_int_equal(access_bus(vm, 0, 0x2008, 4, false, &val, true), 0);
    assert_int_equal(val, 0x55);
    assert_int_equal(b.last.off, 8);
    assert_int_equal(b.last.size, 4);
    val = 0xabcd;
    assert_int_equal(access_bus(vm, 0, 0x1ffe, 2, true, &val, true), 0);
    assert_int_equal(a.writes, 1);
    assert_int_equal(a.last.off, 0xffe);
    assert_int_equal(a.last.val, 0xabcd);
    assert_int_equal(a.reads, 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

/* Rows 1 and 2. */
static void no_access_beyond_the_end_of_a_window_reaches_its_device(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a, b;

    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    assert_int_equal(attach(vm, &b, 0x1100, 0x100), 0);
    for (unsigned int size = 1; size <= 8; size *= 2) {
        for (uint64_t addr = 0xff0; addr < 0x1210; addr++) {
            unsigned int calls = a.reads + b.reads;
            int rc = read_bus(vm, addr, size);
            bool in_a = addr >= 0x1000 && addr + size <= 0x1100;
            bool in_b = addr >= 0x1100 && addr + size <= 0x1200;
            bool outside = addr + size <= 0x1000 || addr >= 0x1200;

            assert_int_equal(rc, in_a || in_b ? AXVM_OK : outside ? AXVM_ERR_NOENT : AXVM_ERR_GUEST);
            assert_int_equal(a.reads + b.reads - calls, in_a || in_b ? 1 : 0);
        }
    }
    assert_int_equal(read_bus(vm, UINT64_MAX - 3, 8), AXVM_ERR_GUEST);
    assert_int_equal(read_bus(vm, UINT64_MAX - 7, 8), AXVM_ERR_NOENT);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void every_one_of_many_devices_is_found(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe many[AXVM_BUS_MAX_WINDOWS], one_more;

    /* In an order that is neither rising nor falling. */
    for (unsigned int i = 0; i < AXVM_BUS_MAX_WINDOWS; i++) {
        unsigned int n = i * 29 % AXVM_BUS_MAX_WINDOWS;

        assert_int_equal(attach(vm, &many[n], 0x10000 + n * 0x200, 0x100), 0);
    }
    for (unsigned int n = 0; n < AXVM_BUS_MAX_WINDOWS; n++) {
        assert_int_equal(read_bus(vm, 0x10000 + n * 0x200 + 0xff, 1), AXVM_OK);
        assert_int_equal(many[n].reads, 1);
        assert_int_equal(read_bus(vm, 0x10000 + n * 0x200 + 0x100, 1), AXVM_ERR_NOENT);
    }
    assert_int_equal(attach(vm, &one_more, 0x8000, 0x100), AXVM_ERR_NOSPC);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void overlapping_and_impossible_windows_are_refused(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    uint64_t end = UINT64_C(1) << axvm_gpa_bits(vm);
    struct probe a, b;

    assert_int_equal(attach(vm, &a, 0x1000, 0x1000), 0);
    assert_int_equal(attach(vm, &b, 0x1fff, 1), AXVM_ERR_EXIST);
    assert_int_equal(attach(vm, &b, 0xfff, 2), AXVM_ERR_EXIST);
    assert_int_equal(attach(vm, &b, 0, end), AXVM_ERR_EXIST);
    assert_int_equal(attach(vm, &b, 0x3000, 0), AXVM_ERR_INVAL);
    assert_int_equal(attach(vm, &b, end - 1, 2), AXVM_ERR_INVAL);
    assert_int_equal(attach(vm, &b, end, 1), AXVM_ERR_INVAL);
    assert_int_equal(attach(vm, &b, UINT64_MAX, 2), AXVM_ERR_INVAL);
    /* RAM of the VM */
    assert_int_equal(attach(vm, &b, 0x40000000 - 4, 8), AXVM_ERR_EXIST);
    /* nothing of all that has left a trace */
    assert_int_equal(attach(vm, &b, 0x2000, 0x1000), 0);
    assert_int_equal(axvm_device_attach(vm, &b.dev), AXVM_ERR_EXIST);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_device_needs_a_name_and_answers_to_both_kinds_of_access(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_device_ops ops = probe_ops;
    struct probe a;

    probe_init(&a, AXVM_BUS_MMIO, 0x1000, 0x1000);
    a.dev.ops = &ops;
    ops.read = NULL;
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    ops = probe_ops;
    ops.write = NULL;
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    ops = probe_ops;
    ops.name = NULL;
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    ops = probe_ops;
    a.dev.window_count = AXVM_DEVICE_MAX_WINDOWS + 1;
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    a.dev.window_count = 1;
    assert_int_equal(axvm_device_attach(NULL, &a.dev), AXVM_ERR_INVAL);
    assert_int_equal(axvm_device_attach(vm, NULL), AXVM_ERR_INVAL);
    assert_int_equal(axvm_device_attach(vm, &a.dev), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_device_may_have_windows_in_several_spaces(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct axvm_access acc = { .off = 0x64, .size = 1, .may_call_host = true, .vcpu = vm->vcpus[0] };
    const struct axvm_bus_slot *hit = &axvm_bus_no_slot;
    struct probe a;

    probe_init(&a, AXVM_BUS_MMIO, 0x64, 8);
    a.dev.windows[1] = (struct axvm_window){ .space = AXVM_BUS_PORT, .base = 0x60, .len = 8 };
    a.dev.windows[2] = (struct axvm_window){ .space = AXVM_BUS_SYSREG, .base = 0xc000, .len = 1 };
    a.dev.window_count = 3;
    assert_int_equal(axvm_device_attach(vm, &a.dev), 0);
    assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_PORT], &hit, &acc, false), 0);
    assert_int_equal(a.last.window, 1);
    assert_int_equal(a.last.off, 4);
    acc.off = 0xc000;
    hit = &axvm_bus_no_slot;
    assert_int_equal(axvm_bus_access(&vm->bus[AXVM_BUS_SYSREG], &hit, &acc, false), 0);
    assert_int_equal(a.last.window, 2);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void windows_of_one_device_must_not_overlap_and_ports_end_at_64k(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a;

    probe_init(&a, AXVM_BUS_MMIO, 0x1000, 0x100);
    a.dev.windows[1] = (struct axvm_window){ .space = AXVM_BUS_MMIO, .base = 0x10ff, .len = 1 };
    a.dev.window_count = 2;
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_EXIST);
    probe_init(&a, AXVM_BUS_PORT, 0xffff, 2);
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    probe_init(&a, (enum axvm_bus_space)7, 0, 2);
    assert_int_equal(axvm_device_attach(vm, &a.dev), AXVM_ERR_INVAL);
    probe_init(&a, AXVM_BUS_PORT, 0xffff, 1);
    assert_int_equal(axvm_device_attach(vm, &a.dev), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void memory_cannot_be_mapped_over_a_device(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    const struct axvm_region region = { .gpa = { 0x1000 }, .len = 0x2000, .kind = AXVM_REGION_TOUCH };
    struct probe a;

    assert_int_equal(attach(vm, &a, 0x2000, 0x10), 0);
    assert_int_equal(axvm_map(vm, &region), AXVM_ERR_EXIST);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void a_device_that_may_call_the_host_waits_for_the_host_tier(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe slow, fast;
    uint64_t val = 0;

    assert_int_equal(attach(vm, &slow, 0x1000, 0x100), 0);
    probe_init(&fast, AXVM_BUS_MMIO, 0x2000, 0x100);
    fast.dev.flags = AXVM_DEVICE_FAST;
    assert_int_equal(axvm_device_attach(vm, &fast.dev), 0);
    assert_int_equal(access_bus(vm, 0, 0x1000, 4, false, &val, false), AXVM_ERR_AGAIN);
    assert_int_equal(slow.reads, 0);
    assert_int_equal(access_bus(vm, 0, 0x1000, 4, false, &val, true), 0);
    assert_int_equal(access_bus(vm, 0, 0x2000, 4, false, &val, false), 0);
    assert_false(fast.last.may_call_host);
    fast.rc = AXVM_ERR_AGAIN;
    assert_int_equal(access_bus(vm, 0, 0x2000, 4, false, &val, false), AXVM_ERR_AGAIN);
    /* There is no further tier to wait for. */
    assert_int_equal(access_bus(vm, 0, 0x2000, 4, false, &val, true), AXVM_ERR_GUEST);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void whatever_a_device_fails_with_is_a_refusal(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a;

    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    a.rc = AXVM_ERR_GUEST;
    assert_int_equal(read_bus(vm, 0x1000, 4), AXVM_ERR_GUEST);
    a.rc = AXVM_ERR_NOENT;
    assert_int_equal(read_bus(vm, 0x1000, 4), AXVM_ERR_GUEST);
    a.rc = AXVM_ERR_IO;
    assert_int_equal(read_bus(vm, 0x1000, 4), AXVM_ERR_GUEST);
    assert_int_equal(axvm_destroy(vm), 0);
}

static int look_at_interrupts(struct probe *p, struct axvm_access *acc)
{
    (void)acc;
    p->answer = fake_irqs_masked;
    return AXVM_OK;
}

static void ops_run_with_interrupts_off_unless_the_device_locks_itself(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe locked, self;

    assert_int_equal(attach(vm, &locked, 0x1000, 0x100), 0);
    locked.inside = look_at_interrupts;
    probe_init(&self, AXVM_BUS_MMIO, 0x2000, 0x100);
    self.dev.flags = AXVM_DEVICE_SELF_LOCKED;
    self.inside = look_at_interrupts;
    assert_int_equal(axvm_device_attach(vm, &self.dev), 0);
    assert_int_equal(read_bus(vm, 0x1000, 1), 0);
    assert_int_equal(read_bus(vm, 0x2000, 1), 0);
    assert_int_equal(locked.answer, 1);
    assert_int_equal(self.answer, 0);
    assert_false(fake_irqs_masked);
    assert_int_equal(axvm_destroy(vm), 0);
}

static int access_myself(struct probe *p, struct axvm_access *acc)
{
    uint64_t val = 0;

    return access_bus(p->dev.vm, acc->vcpu->id, 0x1000, 4, true, &val, true);
}

/* Row 8. */
static void a_device_that_comes_back_to_itself_is_refused(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a;

    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    a.inside = access_myself;
    assert_int_equal(read_bus(vm, 0x1000, 4), AXVM_ERR_GUEST);
    assert_int_equal(a.writes, 0);
    a.inside = NULL;
    assert_int_equal(read_bus(vm, 0x1000, 4), AXVM_OK);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void devices_are_listed_in_order_reset_and_destroyed_with_their_vm(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a, b;

    assert_int_equal(attach(vm, &b, 0x2000, 0x100), 0);
    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    assert_ptr_equal(axvm_device_next(vm, NULL), &b.dev);
    assert_ptr_equal(axvm_device_next(vm, &b.dev), &a.dev);
    assert_null(axvm_device_next(vm, &a.dev));
    axvm_bus_reset_devices(vm);
    assert_int_equal(a.resets + b.resets, 2);
    assert_int_equal(axvm_destroy(vm), 0);
    assert_int_equal(a.destroys + b.destroys, 2);
    assert_null(a.dev.vm);
}

static void a_device_attached_later_does_not_confuse_shortcuts(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct probe a, b;
    uint64_t val = 0;

    assert_int_equal(attach(vm, &a, 0x2000, 0x100), 0);
    assert_int_equal(access_bus(vm, 1, 0x2000, 4, false, &val, true), 0);
    assert_int_equal(attach(vm, &b, 0x1000, 0x100), 0);
    assert_int_equal(access_bus(vm, 1, 0x2000, 4, false, &val, true), 0);
    assert_int_equal(a.reads, 2);
    assert_int_equal(access_bus(vm, 1, 0x1000, 4, false, &val, true), 0);
    assert_int_equal(b.reads, 1);
    assert_int_equal(axvm_destroy(vm), 0);
}

static void no_device_is_attached_to_a_running_vm(void **state)
{
    struct axvm *vm = fake_vm(*state, 1);
    struct probe a;

    atomic_store(&vm->life, AXVM_LIFE(AXVM_RUNNING, 0));
    assert_int_equal(attach(vm, &a, 0x1000, 0x100), AXVM_ERR_STATE);
    atomic_store(&vm->life, AXVM_LIFE(AXVM_LOADED, 0));
    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    assert_int_equal(axvm_destroy(vm), 0);
}

#define ROUNDS 2000

static int count_slowly(struct probe *p, struct axvm_access *acc)
{
    (void)acc;
    p->answer++; /* a data race unless the ops are serialised */
    return AXVM_OK;
}

struct hammer {
    struct axvm *vm;
    unsigned int vcpu;
};

static void *hammer(void *arg)
{
    const struct hammer *h = arg;
    uint64_t val = 0;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        if (access_bus(h->vm, h->vcpu, 0x1000, 4, true, &val, true) != AXVM_OK)
            return arg;
    }
    return NULL;
}

static void ops_of_a_device_run_one_at_a_time(void **state)
{
    struct axvm *vm = fake_vm(*state, 2);
    struct hammer h[2] = { { vm, 0 }, { vm, 1 } };
    pthread_t threads[2];
    struct probe a;
    void *failed;

    assert_int_equal(attach(vm, &a, 0x1000, 0x100), 0);
    a.inside = count_slowly;
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &h[i]), 0);
    for (unsigned int i = 0; i < 2; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(a.answer, 2 * ROUNDS);
    assert_int_equal(axvm_destroy(vm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(an_access_goes_to_the_device_at_its_address),
        FAKE_TEST(no_access_beyond_the_end_of_a_window_reaches_its_device),
        FAKE_TEST(every_one_of_many_devices_is_found),
        FAKE_TEST(overlapping_and_impossible_windows_are_refused),
        FAKE_TEST(a_device_needs_a_name_and_answers_to_both_kinds_of_access),
        FAKE_TEST(a_device_may_have_windows_in_several_spaces),
        FAKE_TEST(windows_of_one_device_must_not_overlap_and_ports_end_at_64k),
        FAKE_TEST(memory_cannot_be_mapped_over_a_device),
        FAKE_TEST(a_device_that_may_call_the_host_waits_for_the_host_tier),
        FAKE_TEST(whatever_a_device_fails_with_is_a_refusal),
        FAKE_TEST(ops_run_with_interrupts_off_unless_the_device_locks_itself),
        FAKE_TEST(a_device_that_comes_back_to_itself_is_refused),
        FAKE_TEST(devices_are_listed_in_order_reset_and_destroyed_with_their_vm),
        FAKE_TEST(a_device_attached_later_does_not_confuse_shortcuts),
        FAKE_TEST(no_device_is_attached_to_a_running_vm),
        FAKE_TEST(ops_of_a_device_run_one_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
