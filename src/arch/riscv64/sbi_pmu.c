/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Performance Monitoring Unit Extension". Counters are a vCPU's own: the two of the hardware count while it is loaded, those
 * of firmware count what this library does for it. None can overflow visibly, as guests have no Sscofpmf.
 */
#include "sbi_pmu.h"

#include <axvm/err.h>

#include "hs.h"
#include "mem.h"
#include "sbi.h"

enum pmu_function {
    PMU_NUM_COUNTERS,
    PMU_COUNTER_GET_INFO,
    PMU_COUNTER_CONFIG_MATCHING,
    PMU_COUNTER_START,
    PMU_COUNTER_STOP,
    PMU_COUNTER_FW_READ,
    PMU_COUNTER_FW_READ_HI,
    PMU_SNAPSHOT_SET_SHMEM,
    PMU_EVENT_GET_INFO,
};

#define CFG_SKIP_MATCH AXVM_BIT(0)
#define CFG_CLEAR_VALUE AXVM_BIT(1)
#define CFG_AUTO_START AXVM_BIT(2)
#define CFG_FLAGS AXVM_BITS(7, 0) /* the others are hints of modes not to count in */
#define START_SET_VALUE AXVM_BIT(0)
#define START_INIT_SNAPSHOT AXVM_BIT(1)
#define STOP_RESET AXVM_BIT(0)
#define STOP_TAKE_SNAPSHOT AXVM_BIT(1)

#define INFO_WIDTH_64 (UINT64_C(63) << 12)
#define INFO_FIRMWARE AXVM_BIT(63)

#define HARDWARE_CYCLE AXVM_BIT(0)
#define HARDWARE_INSTRET AXVM_BIT(2)
#define ALL_FIRMWARE AXVM_BITS(AXVM_PMU_COUNTERS - 1, AXVM_PMU_HARDWARE)
#define ALL_COUNTERS (HARDWARE_CYCLE | HARDWARE_INSTRET | ALL_FIRMWARE)

/* event_idx */
enum event_type { EVENT_GENERAL = 0, EVENT_CACHE = 1, EVENT_RAW = 2, EVENT_RAW_V2 = 3, EVENT_FIRMWARE = 15 };
enum { GENERAL_CYCLES = 1, GENERAL_INSTRUCTIONS = 2, GENERAL_LAST = 10, FIRMWARE_LAST = 21 };
#define FIRMWARE_EVENTS                                                                                                        \
    (AXVM_BIT(AXVM_PMU_ACCESS_LOAD) | AXVM_BIT(AXVM_PMU_ACCESS_STORE) | AXVM_BIT(AXVM_PMU_ILLEGAL_INSN) |                      \
     AXVM_BIT(AXVM_PMU_SET_TIMER) | AXVM_BIT(AXVM_PMU_IPI_SENT) | AXVM_BIT(AXVM_PMU_IPI_RECEIVED) |                            \
     AXVM_BIT(AXVM_PMU_FENCE_I_SENT) | AXVM_BIT(AXVM_PMU_SFENCE_VMA_SENT) | AXVM_BIT(AXVM_PMU_SFENCE_VMA_ASID_SENT))

#define NO_SHMEM UINT64_MAX
/* Snapshot memory: an overflow bitmap, then values, both from counter_idx_base on. */
#define SHMEM_SIZE 4096u
#define SHMEM_VALUES 8u

/* ---- the hardware's ---- */

static uint64_t hardware_now(unsigned int idx)
{
    return idx == 0 ? axvm_csr_read(CSR_CYCLE) : axvm_csr_read(CSR_INSTRET);
}

static bool has_hardware(const struct axvm_vcpu *vcpu, unsigned int idx)
{
    const struct axvm_arch_cpu *h = &vcpu->arch.cpu->arch;

    return idx == 0 ? h->has_cycle : h->has_instret;
}

static uint64_t value_now(const struct axvm_pmu *pmu, unsigned int idx)
{
    const struct axvm_pmu_counter *c = &pmu->counters[idx];

    return idx < AXVM_PMU_HARDWARE && c->started && pmu->loaded ? c->value + (hardware_now(idx) - c->mark) : c->value;
}

void axvm_pmu_load(struct axvm_pmu *pmu)
{
    for (unsigned int idx = 0; idx < AXVM_PMU_HARDWARE; idx += 2) {
        if (pmu->counters[idx].started)
            pmu->counters[idx].mark = hardware_now(idx);
    }
    pmu->loaded = true;
}

void axvm_pmu_put(struct axvm_pmu *pmu)
{
    for (unsigned int idx = 0; idx < AXVM_PMU_HARDWARE; idx += 2)
        pmu->counters[idx].value = value_now(pmu, idx);
    pmu->loaded = false;
}

bool axvm_pmu_read_csr(struct axvm_vcpu *vcpu, unsigned int idx, uint64_t *value)
{
    const struct axvm_pmu *pmu = &vcpu->arch.pmu;

    if (!has_hardware(vcpu, idx))
        return false;
    *value = pmu->counters[idx].configured ? value_now(pmu, idx) : hardware_now(idx);
    return true;
}

void axvm_pmu_reset(struct axvm_pmu *pmu)
{
    memset(pmu, 0, sizeof(*pmu));
    pmu->shmem = NO_SHMEM;
}

void axvm_pmu_count(struct axvm_pmu *pmu, enum axvm_pmu_event event)
{
    for (unsigned int idx = AXVM_PMU_HARDWARE; idx < AXVM_PMU_COUNTERS; idx++) {
        if (pmu->counters[idx].started && pmu->counters[idx].code == event)
            pmu->counters[idx].value++;
    }
}

/* What is looked at before counting: kept short for those who do not count. */
static void note_started(struct axvm_vcpu *vcpu)
{
    struct axvm_pmu *pmu = &vcpu->arch.pmu;

    pmu->used = true;
    pmu->events = 0;
    for (unsigned int idx = AXVM_PMU_HARDWARE; idx < AXVM_PMU_COUNTERS; idx++) {
        if (pmu->counters[idx].started)
            pmu->events |= UINT32_C(1) << pmu->counters[idx].code;
    }
    pmu->loaded = pmu->counters[0].started || pmu->counters[2].started;
    vcpu->arch.extra &= ~AXVM_EXTRA_COUNTERS;
    vcpu->arch.extra |= pmu->loaded ? AXVM_EXTRA_COUNTERS : 0;
}

/* ---- arguments ---- */

/* A set of counters as bits of their numbers. False: one of them does not exist, or there is none. */
static bool counter_set(const struct axvm_vcpu *vcpu, uint64_t *set)
{
    uint64_t base = vcpu->arch.gpr[10], mask = vcpu->arch.gpr[11];

    if (mask == 0 || base >= AXVM_PMU_COUNTERS || mask << base >> base != mask)
        return false;
    *set = mask << base;
    return (*set & ~ALL_COUNTERS) == 0;
}

/* Which counters can count @event; 0: none. False: there is no such event. */
static bool counters_for(const struct axvm_vcpu *vcpu, uint64_t event, uint64_t data, uint64_t *set)
{
    uint64_t type = event >> 16, code = event & 0xffff;

    *set = 0;
    switch (type) {
    case EVENT_GENERAL:
        if (code == GENERAL_CYCLES && has_hardware(vcpu, 0))
            *set = HARDWARE_CYCLE;
        else if (code == GENERAL_INSTRUCTIONS && has_hardware(vcpu, 2))
            *set = HARDWARE_INSTRET;
        return code != 0 && code <= GENERAL_LAST && data == 0;
    case EVENT_FIRMWARE:
        if (code <= FIRMWARE_LAST && (FIRMWARE_EVENTS >> code & 1) != 0)
            *set = ALL_FIRMWARE;
        return data == 0 || *set == 0;
    case EVENT_CACHE:
    case EVENT_RAW:
    case EVENT_RAW_V2:
        return true;
    }
    return false;
}

/* ---- functions ---- */

static uint64_t get_info(struct axvm_vcpu *vcpu)
{
    uint64_t idx = vcpu->arch.gpr[10];

    if (idx >= AXVM_PMU_COUNTERS || (ALL_COUNTERS >> idx & 1) == 0)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, idx < AXVM_PMU_HARDWARE ? (CSR_CYCLE + idx) | INFO_WIDTH_64 : INFO_FIRMWARE);
}

static void start(struct axvm_pmu *pmu, unsigned int idx)
{
    struct axvm_pmu_counter *c = &pmu->counters[idx];

    c->started = true;
    c->configured = true;
    if (idx < AXVM_PMU_HARDWARE)
        c->mark = hardware_now(idx);
}

static void configure(struct axvm_vcpu *vcpu, unsigned int idx, uint64_t flags, uint64_t event)
{
    struct axvm_pmu *pmu = &vcpu->arch.pmu;
    struct axvm_pmu_counter *c = &pmu->counters[idx];

    c->value = flags & CFG_CLEAR_VALUE ? 0 : value_now(pmu, idx);
    c->mapped = true;
    c->configured = true;
    c->started = false;
    c->code = (uint16_t)(event & 0xffff);
    if (flags & CFG_AUTO_START)
        start(pmu, idx);
    note_started(vcpu);
}

static uint64_t config_matching(struct axvm_vcpu *vcpu)
{
    uint64_t flags = vcpu->arch.gpr[12], event = vcpu->arch.gpr[13], set, able;
    struct axvm_pmu *pmu = &vcpu->arch.pmu;

    if ((flags & ~CFG_FLAGS) != 0 || !counter_set(vcpu, &set) || !counters_for(vcpu, event, vcpu->arch.gpr[14], &able))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    /* The first of them without looking further; it has to be able to, all the same. */
    if (flags & CFG_SKIP_MATCH)
        set &= -set;
    for (set &= able; set != 0; set &= set - 1) {
        unsigned int idx = axvm_ctz64(set);

        if (pmu->counters[idx].started || (pmu->counters[idx].mapped && !(flags & CFG_SKIP_MATCH)))
            continue;
        configure(vcpu, idx, flags, event);
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, idx);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}

/* The snapshot's value number @n. The memory was there when it was named; a guest that has given it back since reads zeroes. */
static uint64_t snapshot_value(struct axvm_vcpu *vcpu, unsigned int n)
{
    uint64_t value = 0;

    if (axvm_aspace_read(vcpu->vm, axvm_gpa(vcpu->arch.pmu.shmem + SHMEM_VALUES + 8 * n), &value, sizeof(value)) != AXVM_OK)
        return 0;
    return value;
}

static enum sbi_error start_one(struct axvm_vcpu *vcpu, unsigned int idx, uint64_t flags)
{
    struct axvm_pmu *pmu = &vcpu->arch.pmu;
    struct axvm_pmu_counter *c = &pmu->counters[idx];

    if (c->started)
        return SBI_ERR_ALREADY_STARTED;
    if (!c->mapped && (idx >= AXVM_PMU_HARDWARE || !has_hardware(vcpu, idx)))
        return SBI_ERR_INVALID_PARAM;
    if (flags & START_SET_VALUE)
        c->value = vcpu->arch.gpr[13];
    else if (flags & START_INIT_SNAPSHOT)
        c->value = snapshot_value(vcpu, idx - (unsigned int)vcpu->arch.gpr[10]);
    start(pmu, idx);
    return SBI_SUCCESS;
}

static uint64_t counter_start(struct axvm_vcpu *vcpu)
{
    uint64_t flags = vcpu->arch.gpr[12], set;
    enum sbi_error error = SBI_SUCCESS, one;

    if ((flags & ~(START_SET_VALUE | START_INIT_SNAPSHOT)) != 0 || flags == (START_SET_VALUE | START_INIT_SNAPSHOT) ||
        !counter_set(vcpu, &set))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if ((flags & START_INIT_SNAPSHOT) && vcpu->arch.pmu.shmem == NO_SHMEM)
        return axvm_sbi_reply(vcpu, SBI_ERR_NO_SHMEM, 0);
    for (; set != 0; set &= set - 1) {
        one = start_one(vcpu, axvm_ctz64(set), flags);
        error = one != SBI_SUCCESS ? one : error;
    }
    note_started(vcpu);
    return axvm_sbi_reply(vcpu, error, 0);
}

static enum sbi_error stop_one(struct axvm_vcpu *vcpu, unsigned int idx, uint64_t flags)
{
    struct axvm_pmu *pmu = &vcpu->arch.pmu;
    struct axvm_pmu_counter *c = &pmu->counters[idx];
    bool was = c->started;

    c->value = value_now(pmu, idx);
    c->started = false;
    if (flags & STOP_RESET)
        c->mapped = false;
    if (flags & STOP_TAKE_SNAPSHOT) {
        uint64_t n = idx - vcpu->arch.gpr[10], value = c->value;

        axvm_aspace_write(vcpu->vm, axvm_gpa(pmu->shmem + SHMEM_VALUES + 8 * n), &value, sizeof(value));
    }
    return was ? SBI_SUCCESS : SBI_ERR_ALREADY_STOPPED;
}

static uint64_t counter_stop(struct axvm_vcpu *vcpu)
{
    uint64_t flags = vcpu->arch.gpr[12], set, overflown = 0;
    enum sbi_error error = SBI_SUCCESS, one;

    if ((flags & ~(STOP_RESET | STOP_TAKE_SNAPSHOT)) != 0 || !counter_set(vcpu, &set))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if ((flags & STOP_TAKE_SNAPSHOT) && vcpu->arch.pmu.shmem == NO_SHMEM)
        return axvm_sbi_reply(vcpu, SBI_ERR_NO_SHMEM, 0);
    if (flags & STOP_TAKE_SNAPSHOT)
        axvm_aspace_write(vcpu->vm, axvm_gpa(vcpu->arch.pmu.shmem), &overflown, sizeof(overflown));
    for (; set != 0; set &= set - 1) {
        one = stop_one(vcpu, axvm_ctz64(set), flags);
        error = one != SBI_SUCCESS ? one : error;
    }
    note_started(vcpu);
    return axvm_sbi_reply(vcpu, error, 0);
}

static uint64_t fw_read(struct axvm_vcpu *vcpu, bool high)
{
    uint64_t idx = vcpu->arch.gpr[10];

    if (idx < AXVM_PMU_HARDWARE || idx >= AXVM_PMU_COUNTERS)
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    return axvm_sbi_reply(vcpu, SBI_SUCCESS, high ? 0 : vcpu->arch.pmu.counters[axvm_nospec(idx, AXVM_PMU_COUNTERS)].value);
}

static uint64_t set_shmem(struct axvm_vcpu *vcpu)
{
    uint64_t low = vcpu->arch.gpr[10], high = vcpu->arch.gpr[11];

    if (low == UINT64_MAX && high == UINT64_MAX && vcpu->arch.gpr[12] == 0) {
        vcpu->arch.pmu.shmem = NO_SHMEM;
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
    }
    if (vcpu->arch.gpr[12] != 0 || !axvm_is_aligned(low, SHMEM_SIZE))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (!axvm_sbi_is_shmem(vcpu->vm, low, high, SHMEM_SIZE))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
    return axvm_sbi_defer(vcpu, AXVM_SBI_PMU_SHMEM);
}

/* In the host tier, where memory that has not been touched yet can be had; from then on it is there. */
void axvm_sbi_pmu_set_shmem(struct axvm_vcpu *vcpu)
{
    uint64_t low = vcpu->arch.gpr[10], probe;

    if (axvm_read_guest(vcpu->vm, axvm_gpa(low), &probe, sizeof(probe)) != AXVM_OK) {
        axvm_sbi_reply(vcpu, SBI_ERR_FAILED, 0);
        return;
    }
    vcpu->arch.pmu.shmem = low;
    axvm_sbi_reply(vcpu, SBI_SUCCESS, 0);
}

/* ---- which events there are ---- */

/* "Event info entry format" */
struct event_info {
    uint32_t event, output;
    uint64_t data;
};
/* More than there are events. */
#define MAX_EVENT_INFO 4096u
#define EVENT_BITS AXVM_BITS(19, 0)

static bool read_info(struct axvm_vcpu *vcpu, uint64_t n, struct event_info *info)
{
    return axvm_read_guest(vcpu->vm, axvm_gpa(vcpu->arch.gpr[10] + n * sizeof(*info)), info, sizeof(*info)) == AXVM_OK;
}

static bool answer_info(struct axvm_vcpu *vcpu, uint64_t n, const struct event_info *info)
{
    uint64_t type = info->event >> 16, set, gpa = vcpu->arch.gpr[10] + n * sizeof(*info) + offsetof(struct event_info, output);
    bool has_data = type == EVENT_RAW || type == EVENT_RAW_V2 || type == EVENT_FIRMWARE;
    uint32_t output = counters_for(vcpu, info->event, has_data ? info->data : 0, &set) && set != 0;

    return axvm_write_guest(vcpu->vm, axvm_gpa(gpa), &output, sizeof(output)) == AXVM_OK;
}

/* In the host tier. Nothing is written unless all of it is right. */
void axvm_sbi_pmu_event_info(struct axvm_vcpu *vcpu)
{
    uint64_t count = vcpu->arch.gpr[12];
    struct event_info info;
    bool ok = true;

    for (uint64_t n = 0; ok && n < count; n++) {
        ok = read_info(vcpu, n, &info);
        if (ok && (info.event & ~EVENT_BITS) != 0) {
            axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
            return;
        }
    }
    for (uint64_t n = 0; ok && n < count; n++)
        ok = read_info(vcpu, n, &info) && answer_info(vcpu, n, &info);
    axvm_sbi_reply(vcpu, ok ? SBI_SUCCESS : SBI_ERR_FAILED, 0);
}

static uint64_t event_get_info(struct axvm_vcpu *vcpu)
{
    uint64_t low = vcpu->arch.gpr[10], count = vcpu->arch.gpr[12];

    if (vcpu->arch.gpr[13] != 0 || !axvm_is_aligned(low, sizeof(struct event_info)))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_PARAM, 0);
    if (count > UINT64_MAX / sizeof(struct event_info) ||
        !axvm_sbi_is_shmem(vcpu->vm, low, vcpu->arch.gpr[11], count * sizeof(struct event_info)))
        return axvm_sbi_reply(vcpu, SBI_ERR_INVALID_ADDRESS, 0);
    if (count > MAX_EVENT_INFO)
        return axvm_sbi_reply(vcpu, SBI_ERR_FAILED, 0);
    return axvm_sbi_defer(vcpu, AXVM_SBI_PMU_EVENT_INFO);
}

/* ---- */

uint64_t axvm_sbi_pmu(struct axvm_vcpu *vcpu, uint64_t fid)
{
    switch (fid) {
    case PMU_NUM_COUNTERS:
        return axvm_sbi_reply(vcpu, SBI_SUCCESS, AXVM_PMU_COUNTERS);
    case PMU_COUNTER_GET_INFO:
        return get_info(vcpu);
    case PMU_COUNTER_CONFIG_MATCHING:
        return config_matching(vcpu);
    case PMU_COUNTER_START:
        return counter_start(vcpu);
    case PMU_COUNTER_STOP:
        return counter_stop(vcpu);
    case PMU_COUNTER_FW_READ:
        return fw_read(vcpu, false);
    case PMU_COUNTER_FW_READ_HI:
        return fw_read(vcpu, true);
    case PMU_SNAPSHOT_SET_SHMEM:
        return set_shmem(vcpu);
    case PMU_EVENT_GET_INFO:
        return event_get_info(vcpu);
    }
    return axvm_sbi_reply(vcpu, SBI_ERR_NOT_SUPPORTED, 0);
}
