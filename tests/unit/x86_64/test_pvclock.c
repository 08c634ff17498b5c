/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's paravirtual clock and steal time, as a guest reads them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <axvm/err.h>

#include "aspace.h"
#include "exit.h"

#define RAM_SIZE 4096u
#define HZ UINT64_C(2596000000)

static struct {
    uint8_t ram[RAM_SIZE];
    bool absent; /* a page that nobody has touched yet */
    uint64_t tsc, time_ns;
    uint32_t odd_seen; /* versions that were odd while something changed */
    struct axvm vm;
    struct axvm_vcpu vcpu;
} w;

/* ---- the world ---- */

int axvm_aspace_write(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len)
{
    assert_ptr_equal(vm, &w.vm);
    if (w.absent || gpa.v > RAM_SIZE || len > RAM_SIZE - gpa.v)
        return AXVM_ERR_RANGE;
    memcpy(w.ram + gpa.v, buf, len);
    if (len == 4 && (w.ram[gpa.v] & 1) != 0)
        w.odd_seen++;
    return AXVM_OK;
}

uint64_t axvm_vm_wall_time_s(const struct axvm *vm)
{
    (void)vm;
    return 1000000000;
}

uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu)
{
    return w.tsc + vcpu->arch.tsc_moved;
}

static uint64_t time_ns(void *ctx)
{
    (void)ctx;
    return w.time_ns;
}

static int setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.vm.hal.time_ns = time_ns;
    w.vm.arch.tsc_hz = HZ;
    w.vcpu.vm = &w.vm;
    return 0;
}

static uint64_t get(unsigned int at, unsigned int size)
{
    uint64_t v = 0;

    memcpy(&v, w.ram + at, size);
    return v;
}

/* As the documentation of the ABI has it, without the version. */
static uint64_t guest_reads_ns(unsigned int at, uint64_t tsc)
{
    uint64_t delta = tsc - get(at + 8, 8);
    int8_t shift = (int8_t)get(at + 28, 1);

    delta = shift >= 0 ? delta << shift : delta >> -shift;
    return get(at + 16, 8) + (uint64_t)((unsigned __int128)delta * (uint32_t)get(at + 24, 4) >> 32);
}

static void set(uint64_t *msr, uint32_t number, uint64_t val)
{
    *msr = val;
    axvm_x86_pv_written(&w.vcpu, number);
}

/* ---- */

static void scale_is_right_to_a_part_in_two_to_the_thirty(void **state)
{
    static const uint64_t rates[] = { 250000000, 1000000000, 999999999, 2000000001, HZ, 4294967296, 7999999999 };

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        unsigned __int128 day = (unsigned __int128)86400 * rates[i], ns;
        uint64_t exact = UINT64_C(86400000000000);
        uint32_t mul;
        int8_t shift;

        axvm_pv_scale(rates[i], &mul, &shift);
        ns = (shift >= 0 ? day << shift : day >> -shift) * mul >> 32;
        assert_true(ns <= exact);
        assert_true(exact - (uint64_t)ns <= exact >> 30);
    }
}

static void scale_of_any_rate_is_defined(void **state)
{
    uint32_t mul;
    int8_t shift;

    (void)state;
    for (uint64_t hz = 1; hz != 0; hz <<= 1) {
        axvm_pv_scale(hz, &mul, &shift);
        assert_true(shift >= -2 && shift < 32);
        axvm_pv_scale(hz - 1, &mul, &shift);
        assert_true(shift >= -2 && shift < 32);
    }
}

static void clock_counts_the_time_of_the_vm(void **state)
{
    (void)state;
    set(&w.vcpu.arch.msrs.system_time, MSR_KVM_SYSTEM_TIME_NEW, 0x40 | 1);
    assert_true(w.vcpu.arch.work & AXVM_WORK_PV);
    axvm_x86_pv_update(&w.vcpu);
    assert_false(w.vcpu.arch.work & AXVM_WORK_PV);
    assert_int_equal(get(0x40, 4) & 1, 0);
    assert_int_equal(w.odd_seen, 1);
    assert_int_equal(get(0x40 + 29, 1), 1); /* stable */
    assert_int_equal(guest_reads_ns(0x40, 0), 0);
    assert_in_range(guest_reads_ns(0x40, 100 * HZ), UINT64_C(99999999000), UINT64_C(100000000000));
}

static void vcpus_whose_tscs_differ_read_the_same_time(void **state)
{
    (void)state;
    set(&w.vcpu.arch.msrs.system_time, MSR_KVM_SYSTEM_TIME_NEW, 0x40 | 1);
    axvm_x86_pv_update(&w.vcpu);
    w.vcpu.arch.tsc_moved = 12345678;
    axvm_x86_pv_tsc_moved(&w.vcpu);
    axvm_x86_pv_update(&w.vcpu);
    assert_int_equal(guest_reads_ns(0x40, 12345678), 0);
    assert_int_equal(w.odd_seen, 2);
}

static void wall_clock_is_when_the_vm_started(void **state)
{
    (void)state;
    w.tsc = 3 * HZ + HZ / 2;
    set(&w.vcpu.arch.msrs.wall_clock, MSR_KVM_WALL_CLOCK_NEW, 0x80);
    axvm_x86_pv_update(&w.vcpu);
    assert_int_equal(get(0x84, 4), 999999996);
    assert_int_equal(get(0x88, 4), 500000000);
    assert_int_equal(get(0x80, 4) & 1, 0);
}

static void only_time_after_a_host_interrupt_is_stolen(void **state)
{
    (void)state;
    set(&w.vcpu.arch.msrs.steal_time, MSR_KVM_STEAL_TIME, 0x100 | 1);
    w.time_ns = 1000;
    axvm_x86_pv_leave(&w.vcpu, true);
    w.time_ns = 5000;
    axvm_x86_pv_enter(&w.vcpu);
    axvm_x86_pv_update(&w.vcpu);
    assert_int_equal(get(0x100, 8), 4000);
    assert_int_equal(get(0x108, 4) & 1, 0);
    axvm_x86_pv_leave(&w.vcpu, false);
    w.time_ns = 9000;
    axvm_x86_pv_enter(&w.vcpu);
    assert_false(w.vcpu.arch.work & AXVM_WORK_PV);
    assert_int_equal(get(0x100, 8), 4000);
}

/* For the guest's other vCPUs; also at time 0, and where nothing is to be seen yet. */
static void others_see_whether_the_host_has_the_cpu(void **state)
{
    (void)state;
    set(&w.vcpu.arch.msrs.steal_time, MSR_KVM_STEAL_TIME, 0x100 | 1);
    axvm_x86_pv_update(&w.vcpu);
    memset(w.ram + 0x100 + 17, 0xa5, 64);
    for (w.time_ns = 0; w.time_ns < 1000; w.time_ns += 100) {
        uint64_t stolen = w.time_ns / 2;

        axvm_x86_pv_leave(&w.vcpu, true);
        assert_int_equal(get(0x110, 1), 1);
        w.time_ns += 100;
        axvm_x86_pv_enter(&w.vcpu);
        axvm_x86_pv_update(&w.vcpu);
        assert_int_equal(get(0x110, 1), 0);
        assert_int_equal(get(0x100, 8), stolen + 100);
        assert_int_equal(get(0x108, 4), w.vcpu.arch.pv.version);
        assert_int_equal(get(0x108, 4) & 1, 0);
        assert_int_equal(get(0x10c, 4), 0);
        axvm_x86_pv_leave(&w.vcpu, false);
        assert_int_equal(get(0x110, 1), 0);
    }
    assert_int_equal(get(0x111, 8), 0xa5a5a5a5a5a5a5a5u);
    /* Switched off: not even this. */
    set(&w.vcpu.arch.msrs.steal_time, MSR_KVM_STEAL_TIME, 0x100);
    axvm_x86_pv_leave(&w.vcpu, true);
    assert_int_equal(get(0x110, 1), 0);
}

static void memory_that_is_not_there_yet_gets_it_when_it_is(void **state)
{
    (void)state;
    w.absent = true;
    set(&w.vcpu.arch.msrs.system_time, MSR_KVM_SYSTEM_TIME_NEW, 0x40 | 1);
    axvm_x86_pv_update(&w.vcpu);
    assert_true(w.vcpu.arch.work & AXVM_WORK_PV);
    w.absent = false;
    axvm_x86_pv_update(&w.vcpu);
    assert_false(w.vcpu.arch.work & AXVM_WORK_PV);
    assert_int_not_equal(get(0x40 + 24, 4), 0);
}

static void switched_off_nothing_is_written(void **state)
{
    static const uint8_t zero[RAM_SIZE];

    (void)state;
    set(&w.vcpu.arch.msrs.system_time, MSR_KVM_SYSTEM_TIME_NEW, 0x40 | 1);
    set(&w.vcpu.arch.msrs.system_time, MSR_KVM_SYSTEM_TIME_NEW, 0x40);
    axvm_x86_pv_update(&w.vcpu);
    assert_false(w.vcpu.arch.work & AXVM_WORK_PV);
    assert_memory_equal(w.ram, zero, RAM_SIZE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(scale_is_right_to_a_part_in_two_to_the_thirty),
        TEST(scale_of_any_rate_is_defined),
        TEST(clock_counts_the_time_of_the_vm),
        TEST(vcpus_whose_tscs_differ_read_the_same_time),
        TEST(wall_clock_is_when_the_vm_started),
        TEST(only_time_after_a_host_interrupt_is_stolen),
        TEST(others_see_whether_the_host_has_the_cpu),
        TEST(memory_that_is_not_there_yet_gets_it_when_it_is),
        TEST(switched_off_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
