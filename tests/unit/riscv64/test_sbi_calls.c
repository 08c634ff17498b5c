/* SPDX-License-Identifier: BSD-2-Clause */
/* PMU, STA and FWFT calls on a CPU of our own: arguments (hostile-guest.md rows 61, 66, 67), and what counters show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "hs.h"
#include "sbi.h"

#define RAM UINT64_C(0x80000000)
#define RAM_SIZE 0x10000u

/* ---- the CPU, and memory ---- */

static uint64_t cycle, instret, henvcfg;
static unsigned int fences;
static uint8_t ram[RAM_SIZE];
static bool ram_is_gone;
static uint64_t now_ns;

uint64_t axvm_test_csr_read(unsigned int csr)
{
    assert_true(csr == CSR_CYCLE || csr == CSR_INSTRET);
    return csr == CSR_CYCLE ? cycle : instret;
}

void axvm_test_csr_write(unsigned int csr, uint64_t val)
{
    assert_int_equal(csr, CSR_HENVCFG);
    henvcfg = val;
}

void axvm_fence_guest_local(void)
{
    fences++;
}

bool axvm_aspace_allows(struct axvm *vm, uint64_t gpa, uint64_t len, uint32_t prot)
{
    (void)vm;
    assert_int_equal(prot, AXVM_PROT_READ | AXVM_PROT_WRITE);
    return gpa >= RAM && gpa - RAM < RAM_SIZE && len <= RAM_SIZE - (gpa - RAM);
}

static int copy(uint64_t gpa, void *to, const void *from, size_t len)
{
    if (ram_is_gone || !axvm_aspace_allows(NULL, gpa, len, AXVM_PROT_READ | AXVM_PROT_WRITE))
        return AXVM_ERR_RANGE;
    memcpy(to, from, len);
    return AXVM_OK;
}

int axvm_aspace_read(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len)
{
    (void)vm;
    return copy(gpa.v, buf, ram + (gpa.v - RAM) % RAM_SIZE, len);
}

int axvm_aspace_write(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len)
{
    (void)vm;
    return copy(gpa.v, ram + (gpa.v - RAM) % RAM_SIZE, buf, len);
}

int axvm_read_guest(struct axvm *vm, axvm_gpa_t gpa, void *buf, size_t len)
{
    return axvm_aspace_read(vm, gpa, buf, len);
}

int axvm_write_guest(struct axvm *vm, axvm_gpa_t gpa, const void *buf, size_t len)
{
    return axvm_aspace_write(vm, gpa, buf, len);
}

/* The host tier comes at once here. */
uint64_t axvm_sbi_defer(struct axvm_vcpu *vcpu, enum axvm_sbi_deferred what)
{
    if (what == AXVM_SBI_PMU_SHMEM)
        axvm_sbi_pmu_set_shmem(vcpu);
    else if (what == AXVM_SBI_STA_SHMEM)
        axvm_sbi_sta_set_shmem(vcpu);
    else if (what == AXVM_SBI_PMU_EVENT_INFO)
        axvm_sbi_pmu_event_info(vcpu);
    else
        fail();
    return AXVM_TRAP_MMIO;
}

static uint64_t time_ns(void *ctx)
{
    (void)ctx;
    return now_ns;
}

/* ---- a vCPU ---- */

static struct axvm vm;
static struct axvm_cpu cpu;
static struct axvm_vcpu vcpu;

static int setup(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    memset(&vcpu, 0, sizeof(vcpu));
    memset(&cpu, 0, sizeof(cpu));
    memset(ram, 0xa5, sizeof(ram));
    ram_is_gone = false;
    vm.hal.time_ns = time_ns;
    vcpu.vm = &vm;
    vcpu.arch.cpu = &cpu;
    cpu.arch.has_cycle = cpu.arch.has_instret = true;
    axvm_pmu_reset(&vcpu.arch.pmu);
    axvm_sta_reset(&vcpu.arch.sta);
    cycle = 1000;
    instret = 500;
    henvcfg = 0;
    fences = 0;
    now_ns = 1;
    return 0;
}

typedef uint64_t (*extension)(struct axvm_vcpu *vcpu, uint64_t fid);

/* a0 after the call; a1 is in the register. Nothing but these two may change. */
static int64_t call(extension ext, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    uint64_t before[32];

    for (unsigned int i = 0; i < 32; i++)
        vcpu.arch.gpr[i] = i == 0 ? 0 : 0x1111u * i;
    vcpu.arch.gpr[10] = a0;
    vcpu.arch.gpr[11] = a1;
    vcpu.arch.gpr[12] = a2;
    vcpu.arch.gpr[13] = a3;
    vcpu.arch.gpr[14] = a4;
    memcpy(before, vcpu.arch.gpr, sizeof(before));
    ext(&vcpu, fid);
    before[10] = vcpu.arch.gpr[10];
    before[11] = vcpu.arch.gpr[11];
    assert_memory_equal(before, vcpu.arch.gpr, sizeof(before));
    return (int64_t)vcpu.arch.gpr[10];
}

static uint64_t value(void)
{
    return vcpu.arch.gpr[11];
}

enum { NUM, INFO, CONFIG, START, STOP, FW_READ, FW_READ_HI, SET_SHMEM, EVENT_INFO };
#define FW_EVENT(code) (0xf0000u | (code))

static int64_t pmu(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    return call(axvm_sbi_pmu, fid, a0, a1, a2, a3, a4);
}

static uint64_t csr_value(unsigned int idx)
{
    uint64_t v = 0;

    assert_true(axvm_pmu_read_csr(&vcpu, idx, &v));
    return v;
}

/* ---- PMU ---- */

static void counters_are_listed_with_their_csrs(void **state)
{
    (void)state;
    assert_int_equal(pmu(NUM, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), AXVM_PMU_COUNTERS);
    assert_int_equal(pmu(INFO, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0xc00 | 63 << 12);
    assert_int_equal(pmu(INFO, 2, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0xc02 | 63 << 12);
    for (uint64_t idx = 3; idx < AXVM_PMU_COUNTERS; idx++) {
        assert_int_equal(pmu(INFO, idx, 0, 0, 0, 0), SBI_SUCCESS);
        assert_int_equal(value() >> 63, 1);
    }
    assert_int_equal(pmu(INFO, 1, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(INFO, AXVM_PMU_COUNTERS, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(INFO, UINT64_MAX, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(9, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
}

/* Row 66: wild sets, flags, events. */
static void wild_sets_of_counters_are_refused(void **state)
{
    static const uint64_t bad[][2] = { { 0, 0 },
                                       { 0, 2 },
                                       { 1, 1 },
                                       { AXVM_PMU_COUNTERS, 1 },
                                       { UINT64_MAX, 1 },
                                       { 3, UINT64_MAX },
                                       { 0, UINT64_C(1) << 63 },
                                       { 18, 3 },
                                       { 2, UINT64_C(1) << 63 },
                                       { 0, 0xfffff } };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(bad); i++) {
        assert_int_equal(pmu(CONFIG, bad[i][0], bad[i][1], 0, 1, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(pmu(START, bad[i][0], bad[i][1], 0, 0, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(pmu(STOP, bad[i][0], bad[i][1], 0, 0, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 0x100, 1, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(START, 0, 1, 3, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(START, 0, 1, 4, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(STOP, 0, 1, 4, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(FW_READ, 0, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(FW_READ, 2, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(FW_READ, AXVM_PMU_COUNTERS, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
}

static void events_that_nothing_counts_are_not_supported_and_those_that_are_none_invalid(void **state)
{
    static const struct {
        uint64_t event, data;
        int64_t error;
    } table[] = {
        { 3, 0, SBI_ERR_NOT_SUPPORTED }, /* cache references */
        { 10, 0, SBI_ERR_NOT_SUPPORTED },
        { 0, 0, SBI_ERR_INVALID_PARAM },
        { 11, 0, SBI_ERR_INVALID_PARAM },
        { 1, 1, SBI_ERR_INVALID_PARAM },           /* data is reserved */
        { 0x10000, 0, SBI_ERR_NOT_SUPPORTED },     /* cache */
        { 0x20000, 0xabc, SBI_ERR_NOT_SUPPORTED }, /* raw */
        { 0x40000, 0, SBI_ERR_INVALID_PARAM },
        { 0x100001, 0, SBI_ERR_INVALID_PARAM },
        { UINT64_MAX, 0, SBI_ERR_INVALID_PARAM },
        { FW_EVENT(0), 0, SBI_ERR_NOT_SUPPORTED },      /* misaligned loads: delegated */
        { FW_EVENT(14), 0, SBI_ERR_NOT_SUPPORTED },     /* fences of hypervisors */
        { FW_EVENT(0xffff), 0, SBI_ERR_NOT_SUPPORTED }, /* the platform's */
        { FW_EVENT(5), 1, SBI_ERR_INVALID_PARAM },
    };

    (void)state;
    for (size_t i = 0; i < AXVM_ARRAY_LEN(table); i++)
        assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 0, table[i].event, table[i].data), table[i].error);
}

static void put_info(unsigned int n, uint32_t event, uint64_t data)
{
    uint32_t words[2] = { event, 0xa5a5a5a5 };

    memcpy(ram + 16 * n, words, sizeof(words));
    memcpy(ram + 16 * n + 8, &data, sizeof(data));
}

static uint32_t info_output(unsigned int n)
{
    uint32_t output;

    memcpy(&output, ram + 16 * n + 4, sizeof(output));
    return output;
}

static void events_are_told_apart_in_one_call(void **state)
{
    static const struct {
        uint32_t event;
        uint64_t data;
        uint32_t output;
    } table[] = {
        { 1, 0, 1 },       { 2, 77, 1 }, /* data of general events does not count */
        { 3, 0, 0 },       { 0, 0, 0 },           { 0x10000, 0, 0 },     { 0x20000, 5, 0 },     { 0x30000, 5, 0 },
        { 0x40000, 0, 0 }, { FW_EVENT(5), 0, 1 }, { FW_EVENT(5), 1, 0 }, { FW_EVENT(0), 0, 0 }, { FW_EVENT(0xffff), 0, 0 },
    };
    const unsigned int count = AXVM_ARRAY_LEN(table);

    (void)state;
    for (unsigned int n = 0; n < count; n++)
        put_info(n, table[n].event, table[n].data);
    put_info(count, 1, 0);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, count, 0, 0), SBI_SUCCESS);
    for (unsigned int n = 0; n < count; n++)
        assert_int_equal(info_output(n), table[n].output);
    assert_int_equal(info_output(count), 0xa5a5a5a5);
    cpu.arch.has_cycle = false;
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, 1, 0, 0), SBI_SUCCESS);
    assert_int_equal(info_output(0), 0);
}

/* Row 66. */
static void memory_for_event_info_is_checked(void **state)
{
    (void)state;
    put_info(0, 1, 0);
    put_info(1, 0x100001, 0);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, 1, 1, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(EVENT_INFO, RAM + 8, 0, 1, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, 2, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(info_output(0), 0xa5a5a5a5);
    assert_int_equal(pmu(EVENT_INFO, RAM, 1, 1, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, RAM_SIZE / 16 + 1, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, UINT64_C(1) << 60, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, UINT64_MAX, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, RAM - 16, 0, 1, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, UINT64_MAX - 15, 0, 1, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, 0, 0, 0), SBI_SUCCESS);
    memset(ram, 0, sizeof(ram));
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, RAM_SIZE / 16, 0, 0), SBI_SUCCESS);
    ram_is_gone = true;
    assert_int_equal(pmu(EVENT_INFO, RAM, 0, 1, 0, 0), SBI_ERR_FAILED);
}

static void cycles_count_from_where_they_are_told_while_the_vcpu_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(csr_value(0), 1000); /* nobody has asked for more than the CPU's own yet */
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 2, 1, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0);
    assert_int_equal(csr_value(0), 0);
    cycle += 100;
    assert_int_equal(csr_value(0), 0);
    assert_int_equal(pmu(START, 0, 1, 1, 5000, 0), SBI_SUCCESS);
    cycle += 100;
    assert_int_equal(csr_value(0), 5100);
    assert_int_equal(pmu(START, 0, 1, 0, 0, 0), SBI_ERR_ALREADY_STARTED);
    axvm_pmu_put(&vcpu.arch.pmu);
    cycle = 7; /* another CPU, another count */
    axvm_pmu_load(&vcpu.arch.pmu);
    cycle += 10;
    assert_int_equal(csr_value(0), 5110);
    assert_int_equal(pmu(STOP, 0, 1, 0, 0, 0), SBI_SUCCESS);
    cycle += 10;
    assert_int_equal(csr_value(0), 5110);
    assert_int_equal(pmu(STOP, 0, 1, 1, 0, 0), SBI_ERR_ALREADY_STOPPED);
}

static void a_counter_in_use_is_not_given_twice(void **state)
{
    (void)state;
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 0, 2, 0), SBI_SUCCESS);
    assert_int_equal(value(), 2);
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 0, 2, 0), SBI_ERR_NOT_SUPPORTED);
    /* "Skip the counter matching": for whoever has it. */
    assert_int_equal(pmu(CONFIG, 0, 4, 1, 2, 0), SBI_SUCCESS);
    assert_int_equal(pmu(CONFIG, 0, 5, 1, 2, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(pmu(STOP, 0, 4, 1, 0, 0), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 0, 2, 0), SBI_SUCCESS);
    for (unsigned int i = 0; i < AXVM_PMU_FIRMWARE; i++)
        assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 4, FW_EVENT(AXVM_PMU_IPI_SENT), 0), SBI_SUCCESS);
    assert_int_equal(pmu(CONFIG, 0, 0x7fffd, 4, FW_EVENT(AXVM_PMU_IPI_SENT), 0), SBI_ERR_NOT_SUPPORTED);
}

static void firmware_counters_count_their_event_only(void **state)
{
    (void)state;
    assert_int_equal(pmu(START, 3, 1, 0, 0, 0), SBI_ERR_INVALID_PARAM); /* of no event yet */
    assert_int_equal(pmu(CONFIG, 3, 1, 2, FW_EVENT(AXVM_PMU_SET_TIMER), 0), SBI_SUCCESS);
    axvm_pmu_event(&vcpu, AXVM_PMU_SET_TIMER);
    assert_int_equal(pmu(START, 3, 1, 0, 0, 0), SBI_SUCCESS);
    for (unsigned int i = 0; i < 5; i++) {
        axvm_pmu_event(&vcpu, AXVM_PMU_SET_TIMER);
        axvm_pmu_event(&vcpu, AXVM_PMU_IPI_SENT);
    }
    assert_int_equal(pmu(FW_READ, 3, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 5);
    assert_int_equal(pmu(FW_READ_HI, 3, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0);
    assert_int_equal(pmu(STOP, 3, 1, 1, 0, 0), SBI_SUCCESS);
    axvm_pmu_event(&vcpu, AXVM_PMU_SET_TIMER);
    assert_int_equal(vcpu.arch.pmu.events, 0);
}

/* Row 66. */
static void snapshot_memory_is_checked_before_it_is_used(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(pmu(START, 0, 1, 2, 0, 0), SBI_ERR_NO_SHMEM);
    assert_int_equal(pmu(STOP, 0, 1, 2, 0, 0), SBI_ERR_NO_SHMEM);
    assert_int_equal(pmu(SET_SHMEM, RAM + 8, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(SET_SHMEM, RAM, 0, 1, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(pmu(SET_SHMEM, RAM, 1, 0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(SET_SHMEM, RAM + RAM_SIZE, 0, 0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(SET_SHMEM, UINT64_MAX - 0xfff, 0, 0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(pmu(SET_SHMEM, RAM + 0x1000, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(ram[0x1000], 0xa5); /* only read and written when they are asked to */
    v = 4242;
    memcpy(ram + 0x1008, &v, 8);
    assert_int_equal(pmu(START, 2, 1, 2, 0, 0), SBI_SUCCESS);
    instret += 8;
    assert_int_equal(pmu(STOP, 2, 1, 2, 0, 0), SBI_SUCCESS);
    memcpy(&v, ram + 0x1008, 8);
    assert_int_equal(v, 4250);
    memcpy(&v, ram + 0x1000, 8);
    assert_int_equal(v, 0);
    assert_int_equal(ram[0x1010], 0xa5);
    /* Given back since. */
    ram_is_gone = true;
    assert_int_equal(pmu(START, 2, 1, 2, 0, 0), SBI_SUCCESS);
    assert_int_equal(pmu(STOP, 2, 1, 2, 0, 0), SBI_SUCCESS);
    assert_int_equal(pmu(SET_SHMEM, UINT64_MAX, UINT64_MAX, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(pmu(START, 2, 1, 2, 0, 0), SBI_ERR_NO_SHMEM);
}

/* ---- STA ---- */

static int64_t sta(uint64_t low, uint64_t high, uint64_t flags)
{
    return call(axvm_sbi_sta, 0, low, high, flags, 0, 0);
}

static void stolen_time_is_what_the_host_has_taken(void **state)
{
    static const uint8_t zero[64];
    uint64_t steal;
    uint32_t sequence;

    (void)state;
    assert_int_equal(sta(RAM + 64, 0, 0), SBI_SUCCESS);
    assert_memory_equal(ram + 64, zero, 64);
    assert_int_equal(ram[128], 0xa5);
    now_ns = 1000;
    axvm_sta_leave(&vcpu);
    now_ns += 700;
    axvm_sta_update(&vcpu);
    memcpy(&steal, ram + 64 + 8, 8);
    memcpy(&sequence, ram + 64, 4);
    assert_int_equal(steal, 700);
    assert_int_equal(sequence, 2);
    /* A guest that writes there spoils what it reads, not what we count; a clock that runs backwards steals nothing. */
    memset(ram + 64, 0xff, 64);
    now_ns += 5;
    axvm_sta_leave(&vcpu);
    now_ns -= 5;
    axvm_sta_update(&vcpu);
    memcpy(&steal, ram + 64 + 8, 8);
    memcpy(&sequence, ram + 64, 4);
    assert_int_equal(steal, 700);
    assert_int_equal(sequence, 4);
    ram_is_gone = true;
    axvm_sta_leave(&vcpu);
    axvm_sta_update(&vcpu);
    assert_int_equal(sta(UINT64_MAX, UINT64_MAX, 0), SBI_SUCCESS);
    assert_true(vcpu.arch.sta.shmem == AXVM_STA_OFF);
}

/* "preempted": for other harts to see; also at time 0. */
static void others_see_whether_the_host_has_the_cpu(void **state)
{
    uint8_t expected[64] = { 0 };

    (void)state;
    assert_int_equal(sta(RAM, 0, 0), SBI_SUCCESS);
    for (now_ns = 0; now_ns < 1000; now_ns += 100) {
        uint64_t stolen = now_ns / 2;

        assert_false(vcpu.arch.sta.preempted);
        axvm_sta_leave(&vcpu);
        assert_true(vcpu.arch.sta.preempted);
        expected[16] = 1;
        assert_memory_equal(ram, expected, 64); /* nothing else changes before it is back */
        now_ns += 100;
        axvm_sta_update(&vcpu);
        expected[0] = (uint8_t)(now_ns / 100 + 1);
        expected[16] = 0;
        stolen += 100;
        memcpy(expected + 8, &stolen, 8);
        assert_memory_equal(ram, expected, 64);
    }
    assert_int_equal(ram[64], 0xa5);
}

/* Row 66. */
static void memory_for_stolen_time_is_checked(void **state)
{
    (void)state;
    assert_int_equal(sta(RAM + 8, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(sta(RAM, 0, 1), SBI_ERR_INVALID_PARAM);
    assert_int_equal(sta(UINT64_MAX, UINT64_MAX, 1), SBI_ERR_INVALID_PARAM);
    assert_int_equal(sta(RAM, 1, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(sta(0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(sta(RAM + RAM_SIZE, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(sta(UINT64_MAX - 63, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(call(axvm_sbi_sta, 1, RAM, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_true(vcpu.arch.sta.shmem == AXVM_STA_OFF);
}

/* ---- FWFT: row 67 ---- */

static void misaligned_accesses_are_delegated_where_there_are_some(void **state)
{
    (void)state;
    assert_int_equal(call(axvm_sbi_fwft, 1, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 1);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(call(axvm_sbi_fwft, 1, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 0, 0, 0), SBI_SUCCESS);
    cpu.arch.misaligned_traps = true;
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 0, 0, 0, 0), SBI_ERR_DENIED);
    assert_int_equal(call(axvm_sbi_fwft, 1, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(value(), 1);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 2, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 2, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 1, 0, 0), SBI_SUCCESS);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 0, 0, 0), SBI_ERR_DENIED_LOCKED);
    for (uint64_t feature = 1; feature <= 5; feature++) {
        assert_int_equal(call(axvm_sbi_fwft, 0, feature, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
        assert_int_equal(call(axvm_sbi_fwft, 1, feature, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
        assert_int_equal(value(), 0);
    }
    assert_int_equal(call(axvm_sbi_fwft, 1, 6, 0, 0, 0, 0), SBI_ERR_DENIED);
    assert_int_equal(value(), 0);
    assert_int_equal(call(axvm_sbi_fwft, 1, 0x40000000, 0, 0, 0, 0), SBI_ERR_DENIED);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0xffffffff, 0, 0, 0, 0), SBI_ERR_DENIED);
    assert_int_equal(call(axvm_sbi_fwft, 2, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
}

static int64_t ad_updating(void)
{
    assert_int_equal(call(axvm_sbi_fwft, 1, 4, 0, 0, 0, 0), SBI_SUCCESS);
    return (int64_t)value();
}

static int64_t set_ad_updating(uint64_t to, uint64_t flags)
{
    return call(axvm_sbi_fwft, 0, UINT64_C(0xabcd00000004), to, flags, 0, 0); /* 32 bits of it count */
}

/* It is the CPU's that the vCPU is on, at once; what goes by the old setting is not used any more. */
static void page_table_bits_are_set_by_the_cpu_where_it_can(void **state)
{
    (void)state;
    vm.arch.adue = true;
    vcpu.arch.henvcfg = henvcfg = HENVCFG_STCE;
    assert_int_equal(ad_updating(), 0);
    assert_int_equal(set_ad_updating(0, 0), SBI_SUCCESS);
    assert_int_equal(fences, 0);
    assert_int_equal(set_ad_updating(1, 0), SBI_SUCCESS);
    assert_int_equal(value(), 0);
    assert_true(henvcfg == (HENVCFG_STCE | HENVCFG_ADUE));
    assert_true(vcpu.arch.henvcfg == henvcfg);
    assert_int_equal(fences, 1);
    assert_int_equal(ad_updating(), 1);
    assert_int_equal(set_ad_updating(0, 0), SBI_SUCCESS);
    assert_true(henvcfg == HENVCFG_STCE);
    assert_int_equal(fences, 2);
    assert_int_equal(ad_updating(), 0);
}

/* Row 67. */
static void each_feature_has_a_lock_of_its_own(void **state)
{
    (void)state;
    vm.arch.adue = true;
    assert_int_equal(set_ad_updating(2, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set_ad_updating(UINT64_C(1) << 32, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set_ad_updating(1, 3), SBI_ERR_INVALID_PARAM);
    assert_int_equal(ad_updating(), 0);
    assert_int_equal(set_ad_updating(1, 1), SBI_SUCCESS);
    assert_int_equal(set_ad_updating(0, 0), SBI_ERR_DENIED_LOCKED);
    assert_int_equal(set_ad_updating(1, 1), SBI_ERR_DENIED_LOCKED);
    assert_int_equal(ad_updating(), 1);
    assert_true(henvcfg == HENVCFG_ADUE);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 0, 1, 0, 0), SBI_SUCCESS);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 0, 0, 0), SBI_ERR_DENIED_LOCKED);
}

/* A setting that is refused is not locked either. */
static void what_is_denied_is_not_locked(void **state)
{
    (void)state;
    cpu.arch.misaligned_traps = true;
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 0, 1, 0, 0), SBI_ERR_DENIED);
    assert_int_equal(call(axvm_sbi_fwft, 0, 0, 1, 0, 0, 0), SBI_SUCCESS);
}

/* Rows 61, 66, 67: whatever the arguments, the state stays sound. */
static void random_calls_leave_counters_sound(void **state)
{
    uint64_t x = 0x9e3779b97f4a7c15u;

    (void)state;
    for (unsigned int round = 0; round < 200000; round++) {
        uint64_t a[6];

        for (unsigned int i = 0; i < 6; i++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            a[i] = x >> (x >> 58);
        }
        a[0] = a[0] % 10;
        if (round % 3 == 0)
            a[1] %= 20;
        if (round % 5 == 0)
            a[4] = FW_EVENT(a[4] % 24);
        if (round % 7 == 0)
            a[1] = RAM + (a[1] & 0x1f000);
        pmu(a[0], a[1], a[2], a[3] % 9, a[4], a[5] % 2);
        cycle += x & 0xff;
        for (unsigned int i = 0; i < AXVM_PMU_COUNTERS; i++) {
            const struct axvm_pmu_counter *c = &vcpu.arch.pmu.counters[i];

            assert_true(i != 1 || (!c->started && !c->mapped));
            assert_true(i < AXVM_PMU_HARDWARE || !c->started || (vcpu.arch.pmu.events >> c->code & 1));
        }
        assert_true(((vcpu.arch.extra & AXVM_EXTRA_COUNTERS) != 0) ==
                    (vcpu.arch.pmu.counters[0].started || vcpu.arch.pmu.counters[2].started));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counters_are_listed_with_their_csrs, setup),
        cmocka_unit_test_setup(wild_sets_of_counters_are_refused, setup),
        cmocka_unit_test_setup(events_that_nothing_counts_are_not_supported_and_those_that_are_none_invalid, setup),
        cmocka_unit_test_setup(events_are_told_apart_in_one_call, setup),
        cmocka_unit_test_setup(memory_for_event_info_is_checked, setup),
        cmocka_unit_test_setup(cycles_count_from_where_they_are_told_while_the_vcpu_is_loaded, setup),
        cmocka_unit_test_setup(a_counter_in_use_is_not_given_twice, setup),
        cmocka_unit_test_setup(firmware_counters_count_their_event_only, setup),
        cmocka_unit_test_setup(snapshot_memory_is_checked_before_it_is_used, setup),
        cmocka_unit_test_setup(stolen_time_is_what_the_host_has_taken, setup),
        cmocka_unit_test_setup(others_see_whether_the_host_has_the_cpu, setup),
        cmocka_unit_test_setup(memory_for_stolen_time_is_checked, setup),
        cmocka_unit_test_setup(misaligned_accesses_are_delegated_where_there_are_some, setup),
        cmocka_unit_test_setup(page_table_bits_are_set_by_the_cpu_where_it_can, setup),
        cmocka_unit_test_setup(each_feature_has_a_lock_of_its_own, setup),
        cmocka_unit_test_setup(what_is_denied_is_not_locked, setup),
        cmocka_unit_test_setup(random_calls_leave_counters_sound, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
