/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events on CPUs of our own: what each call answers in each state (hostile-guest.md rows 66, 67), and against a model
 * that is written differently: with a stack of handlers for each hart, and everything delivered at once wherever it may be.
 */
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
#define RAM_SIZE 0x1000u
#define HARTS 3u

enum { READ, WRITE, REGISTER, UNREGISTER, ENABLE, DISABLE, COMPLETE, INJECT, UNMASK, MASK, FUNCTIONS };
#define LOCAL UINT64_C(0xffff0000)
#define GLOBAL UINT64_C(0xffff8000)
#define HIGH (UINT64_C(1) << 32)

/* ---- CPUs and memory ---- */

struct registers {
    uint64_t vsstatus, vsepc, sepc, sstatus, hstatus;
};
static struct registers regs[HARTS], *cpu;
static struct axvm vm;
static struct axvm_vcpu vcpus[HARTS], *vcpu_list[HARTS];
static uint8_t ram[RAM_SIZE];
static bool ram_is_untouched, ram_is_gone;
static unsigned int deferred;

static uint64_t *csr(unsigned int number)
{
    switch (number) {
    case CSR_VSSTATUS:
        return &cpu->vsstatus;
    case CSR_VSEPC:
        return &cpu->vsepc;
    case CSR_SEPC:
        return &cpu->sepc;
    case CSR_SSTATUS:
        return &cpu->sstatus;
    case CSR_HSTATUS:
        return &cpu->hstatus;
    }
    fail();
    return NULL;
}

uint64_t axvm_test_csr_read(unsigned int number)
{
    return *csr(number);
}

/* The lowest bit of program counters is not there. */
void axvm_test_csr_write(unsigned int number, uint64_t val)
{
    *csr(number) = number == CSR_SEPC || number == CSR_VSEPC ? val & ~UINT64_C(1) : val;
}

bool axvm_aspace_allows(struct axvm *of, uint64_t gpa, uint64_t len, uint32_t prot)
{
    (void)of;
    assert_int_equal(prot, AXVM_PROT_READ | AXVM_PROT_WRITE);
    return gpa >= RAM && gpa - RAM < RAM_SIZE && len <= RAM_SIZE - (gpa - RAM);
}

static int copy(uint64_t gpa, void *to, const void *from, size_t len, bool refused)
{
    assert_true(axvm_aspace_allows(NULL, gpa, len, AXVM_PROT_READ | AXVM_PROT_WRITE));
    if (refused)
        return AXVM_ERR_RANGE;
    memcpy(to, from, len);
    return AXVM_OK;
}

int axvm_aspace_read(struct axvm *of, axvm_gpa_t gpa, void *buf, size_t len)
{
    (void)of;
    return copy(gpa.v, buf, ram + (gpa.v - RAM), len, ram_is_untouched);
}

int axvm_aspace_write(struct axvm *of, axvm_gpa_t gpa, const void *buf, size_t len)
{
    (void)of;
    return copy(gpa.v, ram + (gpa.v - RAM), buf, len, ram_is_untouched);
}

int axvm_read_guest(struct axvm *of, axvm_gpa_t gpa, void *buf, size_t len)
{
    (void)of;
    return copy(gpa.v, buf, ram + (gpa.v - RAM), len, ram_is_gone);
}

int axvm_write_guest(struct axvm *of, axvm_gpa_t gpa, const void *buf, size_t len)
{
    (void)of;
    return copy(gpa.v, ram + (gpa.v - RAM), buf, len, ram_is_gone);
}

uint64_t axvm_sbi_defer(struct axvm_vcpu *vcpu, enum axvm_sbi_deferred what)
{
    assert_int_equal(what, AXVM_SBI_SSE_ATTRS);
    deferred++;
    axvm_sbi_sse_attrs(vcpu);
    return AXVM_TRAP_MMIO;
}

void axvm_vcpu_request(struct axvm_vcpu *vcpu, uint32_t bits)
{
    assert_int_equal(bits, AXVM_REQ_IRQ);
    assert_true(atomic_load(&vcpu->arch.posted) & AXVM_POSTED_SSE);
}

/* ---- harts ---- */

static void start(unsigned int h)
{
    axvm_sse_hart_reset(&vcpus[h]);
    atomic_store(&vcpus[h].arch.posted, 0);
    atomic_store(&vcpus[h].power, AXVM_POWER_ON);
    regs[h] = (struct registers){ .sepc = 0x1000 + 0x100 * h, .sstatus = SSTATUS_SPP, .hstatus = HSTATUS_SPVP };
}

static int setup(void **state)
{
    (void)state;
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(ram, 0xa5, sizeof(ram));
    ram_is_untouched = ram_is_gone = false;
    deferred = 0;
    vm.vcpus = vcpu_list;
    vm.vcpu_count = HARTS;
    axvm_sse_vm_reset(&vm);
    for (unsigned int h = 0; h < HARTS; h++) {
        vcpu_list[h] = &vcpus[h];
        vcpus[h].vm = &vm;
        vcpus[h].id = h;
        start(h);
    }
    cpu = &regs[0];
    return 0;
}

/* a0 after the call. Of the other registers only a1 may change, and a6 and a7 when a handler is entered or left. */
static int64_t call(unsigned int h, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    uint64_t *gpr = vcpus[h].arch.gpr, before[32];

    cpu = &regs[h];
    for (unsigned int i = 0; i < 32; i++)
        gpr[i] = i == 0 ? 0 : 0x1111u * i;
    gpr[10] = a0;
    gpr[11] = a1;
    gpr[12] = a2;
    gpr[13] = a3;
    gpr[14] = a4;
    gpr[16] = fid;
    gpr[17] = SBI_EXT_SSE;
    memcpy(before, gpr, sizeof(before));
    axvm_sbi_sse(&vcpus[h], fid);
    for (unsigned int i = 0; i < 32; i++)
        assert_true(before[i] == gpr[i] || i == 10 || i == 11 || i == 16 || i == 17);
    assert_int_equal(atomic_load(&vm.arch.sse.lock.held), 0);
    return (int64_t)gpr[10];
}

static int64_t sse(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return call(0, fid, a0, a1, a2, 0, 0);
}

static int64_t write_on(unsigned int h, uint64_t event, uint64_t attr, uint64_t value)
{
    memcpy(ram, &value, sizeof(value));
    return call(h, WRITE, event, attr, 1, RAM, 0);
}

static int64_t write_attr(uint64_t event, uint64_t attr, uint64_t value)
{
    return write_on(0, event, attr, value);
}

static uint64_t read_on(unsigned int h, uint64_t event, uint64_t attr)
{
    uint64_t value;

    assert_int_equal(call(h, READ, event, attr, 1, RAM, 0), SBI_SUCCESS);
    memcpy(&value, ram, sizeof(value));
    return value;
}

static uint64_t status(uint64_t event)
{
    return read_on(0, event, AXVM_SSE_STATUS);
}

static const uint64_t both[] = { LOCAL, GLOBAL };
#define FOR_BOTH(event) for (unsigned int i_ = 0; i_ < 2 && (event = both[i_], true); i_++)

/* ---- arguments: rows 66, 67 ---- */

static void events_that_have_no_source_are_not_supported_and_others_invalid(void **state)
{
    static const uint32_t missing[] = { 0, 1, 0x8000, 0x10000, 0x100000, 0x108000 };
    static const uint32_t invalid[] = {
        2,        0x3fff,   0x4000,   0x7fff,     0x8001,     0xc000,     0x10001,    0x18000,
        0x100001, 0x108001, 0x200000, 0xfffeffff, 0xffff0001, 0xffff4000, 0xffff8001, 0xffffffff
    };

    (void)state;
    for (uint64_t fid = READ; fid < FUNCTIONS; fid++) {
        if (fid == COMPLETE || fid == UNMASK || fid == MASK)
            continue;
        for (size_t i = 0; i < AXVM_ARRAY_LEN(missing); i++) {
            assert_int_equal(call(0, fid, missing[i], 1, 1, RAM, 0), SBI_ERR_NOT_SUPPORTED);
            assert_int_equal(call(0, fid, HIGH | missing[i], 1, 1, RAM, 0), SBI_ERR_NOT_SUPPORTED);
        }
        for (size_t i = 0; i < AXVM_ARRAY_LEN(invalid); i++)
            assert_int_equal(call(0, fid, invalid[i], 1, 1, RAM, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(sse(10, LOCAL, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(sse(HIGH | READ, LOCAL, 0, 1), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(sse(UINT64_MAX, LOCAL, 0, 1), SBI_ERR_NOT_SUPPORTED);
}

static void ranges_of_attributes_and_their_memory_are_checked(void **state)
{
    static const struct {
        uint64_t base, count, low, high;
        int64_t error;
    } table[] = {
        { 0, 0, RAM, 0, SBI_ERR_INVALID_PARAM },
        { 99, 0, RAM, 0, SBI_ERR_INVALID_PARAM },
        { 0, HIGH, RAM, 0, SBI_ERR_INVALID_PARAM },
        { 10, 1, RAM, 0, SBI_ERR_BAD_RANGE },
        { 9, 2, RAM, 0, SBI_ERR_BAD_RANGE },
        { 0, 11, RAM, 0, SBI_ERR_BAD_RANGE },
        { 1, 0xffffffff, RAM, 0, SBI_ERR_BAD_RANGE },
        { 0xffffffff, 1, RAM, 0, SBI_ERR_BAD_RANGE },
        { 0xffffffff, 0xffffffff, RAM, 0, SBI_ERR_BAD_RANGE },
        { 0x80000000, 0x80000000, RAM, 0, SBI_ERR_BAD_RANGE },
        { 10, 1, RAM + 1, 0, SBI_ERR_BAD_RANGE },
        { 1, 1, RAM + 1, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, RAM + 4, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, RAM, 1, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, RAM - 8, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, RAM + RAM_SIZE, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 2, RAM + RAM_SIZE - 8, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 2, UINT64_MAX - 7, 0, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, UINT64_MAX, UINT64_MAX, SBI_ERR_INVALID_ADDRESS },
        { 1, 1, 0, 0, SBI_ERR_INVALID_ADDRESS },
    };
    uint64_t event;

    (void)state;
    FOR_BOTH(event)
    {
        for (size_t i = 0; i < AXVM_ARRAY_LEN(table); i++) {
            for (uint64_t fid = READ; fid <= WRITE; fid++)
                assert_int_equal(call(0, fid, event, table[i].base, table[i].count, table[i].low, table[i].high),
                                 table[i].error);
        }
        assert_int_equal(call(0, READ, event, 1, 1, RAM + RAM_SIZE - 8, 0), SBI_SUCCESS);
    }
    for (size_t i = 0; i < RAM_SIZE - 8; i++)
        assert_int_equal(ram[i], 0xa5);
}

static void attributes_are_as_at_reset_and_read_from_offset_zero(void **state)
{
    uint64_t all[AXVM_SSE_ATTRS], event;

    (void)state;
    FOR_BOTH(event)
    {
        assert_int_equal(call(1, READ, event, 0, AXVM_SSE_ATTRS, RAM, 0), SBI_SUCCESS);
        memcpy(all, ram, sizeof(all));
        for (unsigned int i = 0; i < AXVM_SSE_ATTRS; i++) {
            assert_int_equal(read_on(1, event, i), all[i]);
            assert_int_equal(all[i], i == AXVM_SSE_STATUS ? 8u : i == AXVM_SSE_PREFERRED_HART && event == LOCAL ? 1u : 0u);
        }
        assert_int_equal(ram[sizeof(all)], 0xa5);
    }
}

static void attributes_have_their_values_and_states(void **state)
{
    uint64_t event;

    (void)state;
    FOR_BOTH(event)
    {
        int64_t global_only = event == GLOBAL ? SBI_SUCCESS : SBI_ERR_DENIED;

        assert_int_equal(write_attr(event, AXVM_SSE_STATUS, 0), SBI_ERR_DENIED);
        assert_int_equal(write_attr(event, AXVM_SSE_ENTRY_PC, 0), SBI_ERR_DENIED);
        assert_int_equal(write_attr(event, AXVM_SSE_ENTRY_ARG, 0), SBI_ERR_DENIED);
        assert_int_equal(write_attr(event, AXVM_SSE_PRIORITY, UINT32_MAX), SBI_SUCCESS);
        assert_int_equal(write_attr(event, AXVM_SSE_PRIORITY, HIGH), SBI_ERR_INVALID_PARAM);
        assert_int_equal(write_attr(event, AXVM_SSE_CONFIG, 1), SBI_SUCCESS);
        assert_int_equal(write_attr(event, AXVM_SSE_CONFIG, 2), SBI_ERR_INVALID_PARAM);
        assert_int_equal(write_attr(event, AXVM_SSE_CONFIG, HIGH | 1), SBI_ERR_INVALID_PARAM);
        assert_int_equal(write_attr(event, AXVM_SSE_PREFERRED_HART, HARTS - 1), global_only);
        assert_int_equal(write_attr(event, AXVM_SSE_PREFERRED_HART, HARTS),
                         event == GLOBAL ? SBI_ERR_INVALID_PARAM : SBI_ERR_DENIED);
        assert_int_equal(write_attr(event, AXVM_SSE_PREFERRED_HART, UINT64_MAX),
                         event == GLOBAL ? SBI_ERR_INVALID_PARAM : SBI_ERR_DENIED);
        for (uint64_t attr = AXVM_SSE_INTERRUPTED_SEPC; attr < AXVM_SSE_ATTRS; attr++)
            assert_int_equal(write_attr(event, attr, 1), SBI_ERR_INVALID_STATE);
        assert_int_equal(write_attr(event, AXVM_SSE_INTERRUPTED_FLAGS, 0x40), SBI_ERR_INVALID_PARAM);
        assert_int_equal(read_on(0, event, AXVM_SSE_PRIORITY), UINT32_MAX);
        assert_int_equal(read_on(0, event, AXVM_SSE_CONFIG), 1);
    }
}

static void the_first_wrong_attribute_counts_and_none_is_written(void **state)
{
    static const uint64_t values[] = { 7, 2, HARTS, 0 };

    (void)state;
    memcpy(ram, values, sizeof(values));
    assert_int_equal(call(0, WRITE, GLOBAL, AXVM_SSE_PRIORITY, 4, RAM, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(0, WRITE, GLOBAL, AXVM_SSE_PRIORITY, 1, RAM + 8, 0), SBI_SUCCESS);
    assert_int_equal(call(0, WRITE, GLOBAL, AXVM_SSE_ENTRY_ARG, 2, RAM, 0), SBI_ERR_DENIED);
    assert_int_equal(call(0, WRITE, GLOBAL, AXVM_SSE_INTERRUPTED_SEPC, 4, RAM, 0), SBI_ERR_INVALID_STATE);
    assert_int_equal(read_on(0, GLOBAL, AXVM_SSE_PRIORITY), 2);
}

static void memory_that_is_not_there_yet_is_had_in_the_host(void **state)
{
    uint64_t value = 5;

    (void)state;
    ram_is_untouched = true;
    memcpy(ram, &value, sizeof(value));
    assert_int_equal(call(0, WRITE, LOCAL, AXVM_SSE_PRIORITY, 1, RAM, 0), SBI_SUCCESS);
    assert_int_equal(call(0, READ, LOCAL, AXVM_SSE_PRIORITY, 1, RAM + 8, 0), SBI_SUCCESS);
    assert_memory_equal(ram + 8, &value, sizeof(value));
    assert_int_equal(deferred, 2);
    ram_is_gone = true;
    assert_int_equal(call(0, WRITE, LOCAL, AXVM_SSE_PRIORITY, 1, RAM, 0), SBI_ERR_FAILED);
    assert_int_equal(call(0, READ, LOCAL, AXVM_SSE_PRIORITY, 1, RAM, 0), SBI_ERR_FAILED);
}

/* ---- states ---- */

/* Bring @event, of hart 0, into a state. */
static void bring_to(uint64_t event, enum axvm_sse_state to)
{
    setup(NULL);
    if (to >= AXVM_SSE_REGISTERED)
        assert_int_equal(sse(REGISTER, event, 0x2000, 0xabc), SBI_SUCCESS);
    if (to >= AXVM_SSE_ENABLED)
        assert_int_equal(sse(ENABLE, event, 0, 0), SBI_SUCCESS);
    if (to == AXVM_SSE_RUNNING) {
        assert_int_equal(sse(UNMASK, 0, 0, 0), SBI_SUCCESS);
        assert_int_equal(sse(INJECT, event, 0, 0), SBI_SUCCESS);
    }
    assert_int_equal(status(event), 8u | (uint64_t)to);
}

static void calls_are_for_their_states_only(void **state)
{
    static const struct {
        uint64_t fid;
        int64_t error[4];
        enum axvm_sse_state after;
    } table[] = {
        { REGISTER, { SBI_SUCCESS, SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE }, AXVM_SSE_REGISTERED },
        { UNREGISTER, { SBI_ERR_INVALID_STATE, SBI_SUCCESS, SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE }, AXVM_SSE_UNUSED },
        { ENABLE, { SBI_ERR_INVALID_STATE, SBI_SUCCESS, SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE }, AXVM_SSE_ENABLED },
        { DISABLE, { SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE, SBI_SUCCESS, SBI_ERR_INVALID_STATE }, AXVM_SSE_REGISTERED },
    };
    uint64_t event;

    (void)state;
    FOR_BOTH(event)
    {
        for (size_t i = 0; i < AXVM_ARRAY_LEN(table); i++) {
            for (unsigned int from = AXVM_SSE_UNUSED; from <= AXVM_SSE_RUNNING; from++) {
                bring_to(event, (enum axvm_sse_state)from);
                assert_int_equal(sse(table[i].fid, event, 0x3000, 1), table[i].error[from]);
                assert_int_equal(status(event) & 3, table[i].error[from] == SBI_SUCCESS ? table[i].after : from);
            }
        }
        bring_to(event, AXVM_SSE_UNUSED);
        assert_int_equal(sse(REGISTER, event, 0x3001, 1), SBI_ERR_INVALID_PARAM);
        assert_int_equal(sse(INJECT, event, 0, 0), SBI_ERR_INVALID_STATE);
        bring_to(event, AXVM_SSE_RUNNING);
        assert_int_equal(write_attr(event, AXVM_SSE_PRIORITY, HIGH), SBI_ERR_INVALID_STATE);
        assert_int_equal(write_attr(event, AXVM_SSE_CONFIG, 0), SBI_ERR_INVALID_STATE);
        assert_int_equal(write_attr(event, AXVM_SSE_PREFERRED_HART, 0),
                         event == LOCAL ? SBI_ERR_DENIED : SBI_ERR_INVALID_STATE);
        assert_int_equal(write_attr(event, AXVM_SSE_INTERRUPTED_FLAGS, 0x3f), SBI_SUCCESS);
        assert_int_equal(read_on(0, event, AXVM_SSE_INTERRUPTED_FLAGS), 0x3f);
        assert_int_equal(write_attr(event, AXVM_SSE_INTERRUPTED_SEPC, 0xdeadbeef), SBI_SUCCESS);
        assert_int_equal(read_on(0, event, AXVM_SSE_INTERRUPTED_SEPC), 0xdeadbeef);
    }
    /* The global one's handler is hart 0's business. */
    assert_int_equal(write_on(1, GLOBAL, AXVM_SSE_INTERRUPTED_A6, 1), SBI_ERR_INVALID_PARAM);
    assert_int_equal(call(1, COMPLETE, 0, 0, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(status(GLOBAL) & 3, AXVM_SSE_RUNNING);
}

static void masks_know_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(sse(MASK, 0, 0, 0), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(sse(UNMASK, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(sse(UNMASK, 0, 0, 0), SBI_ERR_ALREADY_STARTED);
    assert_int_equal(sse(MASK, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(call(1, MASK, 0, 0, 0, 0, 0), SBI_ERR_ALREADY_STOPPED);
}

static void local_events_are_injected_into_harts_that_are_on(void **state)
{
    (void)state;
    for (unsigned int h = 0; h < HARTS; h++)
        assert_int_equal(call(h, REGISTER, LOCAL, 0x2000, 0, 0, 0), SBI_SUCCESS);
    assert_int_equal(sse(INJECT, LOCAL, 1, 0), SBI_SUCCESS);
    assert_int_equal(sse(INJECT, LOCAL, HARTS, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(sse(INJECT, LOCAL, HIGH, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(sse(INJECT, LOCAL, UINT64_MAX, 0), SBI_ERR_INVALID_PARAM);
    atomic_store(&vcpus[2].power, AXVM_POWER_OFF);
    assert_int_equal(sse(INJECT, LOCAL, 2, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(write_attr(GLOBAL, AXVM_SSE_PREFERRED_HART, 2), SBI_ERR_INVALID_PARAM);
    atomic_store(&vcpus[2].power, AXVM_POWER_ON_PENDING);
    assert_int_equal(sse(INJECT, LOCAL, 2, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(read_on(1, LOCAL, AXVM_SSE_STATUS), 8 | 4 | AXVM_SSE_REGISTERED);
    /* Those that cannot be delivered wake nobody. */
    assert_int_equal(atomic_load(&vcpus[1].arch.posted), 0);
    sse(REGISTER, GLOBAL, 0x2000, 0);
    assert_int_equal(sse(INJECT, GLOBAL, UINT64_MAX, 0), SBI_SUCCESS);
}

/* "Software Event Injection", "Software Event Completion", from VU-mode with interrupts on. */
static void a_handler_is_entered_and_left_as_the_text_says(void **state)
{
    uint64_t *gpr = vcpus[1].arch.gpr;
    uint64_t event;

    (void)state;
    FOR_BOTH(event)
    {
        setup(NULL);
        call(1, UNMASK, 0, 0, 0, 0, 0);
        write_on(1, GLOBAL, AXVM_SSE_PREFERRED_HART, 1);
        call(1, REGISTER, event, 0x4002, 0x77, 0, 0);
        call(1, ENABLE, event, 0, 0, 0, 0);
        assert_int_equal(sse(INJECT, event, 1, 0), SBI_SUCCESS);
        assert_int_equal(atomic_load(&vcpus[1].arch.posted), AXVM_POSTED_SSE);
        cpu = &regs[1];
        *cpu = (struct registers){ .vsstatus = SSTATUS_SIE | SSTATUS_SPP | SSTATUS_FS, .vsepc = 0x11110, .sepc = 0x22222 };
        gpr[16] = 0x66;
        gpr[17] = 0x99;
        axvm_sse_dispatch(&vcpus[1]);
        assert_int_equal(cpu->sepc, 0x4002);
        assert_int_equal(cpu->vsepc, 0x22222);
        assert_int_equal(cpu->vsstatus, SSTATUS_SPIE | SSTATUS_FS);
        assert_int_equal(cpu->sstatus & SSTATUS_SPP, SSTATUS_SPP);
        assert_int_equal(cpu->hstatus & HSTATUS_SPVP, HSTATUS_SPVP);
        assert_int_equal(gpr[16], 1);
        assert_int_equal(gpr[17], 0x77);
        assert_int_equal(read_on(1, event, AXVM_SSE_INTERRUPTED_SEPC), 0x11110);
        assert_int_equal(read_on(1, event, AXVM_SSE_INTERRUPTED_FLAGS), AXVM_SSE_FLAG_SPP);
        assert_int_equal(read_on(1, event, AXVM_SSE_INTERRUPTED_A6), 0x66);
        assert_int_equal(read_on(1, event, AXVM_SSE_INTERRUPTED_A7), 0x99);
        /* a0 and a1 are the handler's to restore, before it completes. */
        assert_int_equal(call(1, COMPLETE, 0x55, 0x44, 0, 0, 0), 0x55);
        assert_int_equal(gpr[11], 0x44);
        assert_int_equal(cpu->sepc, 0x22222);
        assert_int_equal(cpu->vsepc, 0x11110);
        assert_int_equal(cpu->vsstatus, SSTATUS_SIE | SSTATUS_SPP | SSTATUS_FS);
        assert_int_equal(cpu->sstatus & SSTATUS_SPP, 0);
        assert_int_equal(cpu->hstatus & HSTATUS_SPVP, 0);
        assert_int_equal(gpr[16], 0x66);
        assert_int_equal(gpr[17], 0x99);
    }
}

/* ---- the model ---- */

struct m_context {
    uint64_t pc, sepc;
    bool supervisor, spp, spie, sie;
};
struct m_event {
    unsigned int state;
    bool pending, one_shot, chosen;
    uint64_t priority, number, preferred, entry;
    struct m_context saved; /* sepc, spp, spie of it */
};
struct m_hart {
    bool on, unmasked;
    struct m_context c;
    struct m_event *stack[2];
    unsigned int depth;
    struct m_event local;
};
static struct m_hart m_harts[HARTS];
static struct m_event m_global;

static void m_reset_event(struct m_event *e, uint64_t number, uint64_t hart)
{
    *e = (struct m_event){ .number = number, .preferred = hart };
}

static void m_start(unsigned int h)
{
    m_harts[h] = (struct m_hart){ .on = true, .c = { .pc = 0x1000 + 0x100 * h, .supervisor = true } };
    m_reset_event(&m_harts[h].local, LOCAL, h);
}

static struct m_event *m_event(unsigned int h, uint64_t event)
{
    return event == GLOBAL ? &m_global : &m_harts[h].local;
}

static uint64_t m_key(const struct m_event *e)
{
    return e->priority << 32 | e->number;
}

static bool m_ready(unsigned int h)
{
    return m_harts[h].on && m_harts[h].unmasked;
}

static unsigned int m_route(void)
{
    unsigned int p = (unsigned int)m_global.preferred;

    if (m_harts[p].on && m_global.chosen)
        return p;
    for (unsigned int i = 0; i <= HARTS; i++) {
        unsigned int h = i == 0 ? p : i - 1;

        if (m_ready(h))
            return h;
    }
    return HARTS;
}

static void m_enter(struct m_hart *hart, struct m_event *e)
{
    struct m_context *c = &hart->c;

    e->state = AXVM_SSE_RUNNING;
    e->pending = false;
    e->saved = *c;
    *c = (struct m_context){ .pc = e->entry, .sepc = c->pc, .supervisor = true, .spp = c->supervisor, .spie = c->sie };
    hart->stack[hart->depth++] = e;
}

/* All that may be delivered is. */
static void m_deliver(void)
{
    for (unsigned int h = 0; h < HARTS; h++) {
        struct m_hart *hart = &m_harts[h];
        struct m_event *candidates[2] = { &hart->local, m_route() == h ? &m_global : NULL }, *best = NULL;

        for (unsigned int i = 0; i < 2 && m_ready(h); i++) {
            struct m_event *e = candidates[i];

            if (e && e->pending && e->state == AXVM_SSE_ENABLED && (!best || m_key(e) < m_key(best)))
                best = e;
        }
        if (best && (hart->depth == 0 || m_key(best) < m_key(hart->stack[hart->depth - 1])))
            m_enter(hart, best);
    }
}

static void m_end(struct m_event *e)
{
    e->state = e->one_shot ? AXVM_SSE_REGISTERED : AXVM_SSE_ENABLED;
}

static void m_complete(unsigned int h)
{
    struct m_hart *hart = &m_harts[h];
    struct m_context *c = &hart->c;
    struct m_event *e;

    if (hart->depth == 0)
        return;
    e = hart->stack[--hart->depth];
    m_end(e);
    *c = (struct m_context){
        .pc = c->sepc, .supervisor = c->spp, .sie = c->spie, .sepc = e->saved.sepc, .spp = e->saved.spp, .spie = e->saved.spie
    };
}

static void m_stop(unsigned int h)
{
    for (unsigned int i = 0; i < m_harts[h].depth; i++) {
        if (m_harts[h].stack[i] == &m_global)
            m_end(&m_global);
    }
    m_harts[h].depth = 0;
    m_harts[h].on = false;
}

/* ---- one step of both ---- */

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static void move(struct m_event *e, unsigned int from, unsigned int to, int64_t error)
{
    assert_int_equal(error, e->state == from ? SBI_SUCCESS : SBI_ERR_INVALID_STATE);
    if (e->state == from) {
        e->state = to;
        e->pending = e->pending && to != AXVM_SSE_UNUSED;
    }
}

static void step_call(unsigned int h, uint64_t event)
{
    struct m_event *e = m_event(h, event);
    uint64_t entry = 0x10000 + 16 * (uint64_t)roll(1000), priority = roll(3), target = roll(HARTS);
    bool setting = e->state < AXVM_SSE_ENABLED;

    switch (roll(9)) {
    case 0:
        move(e, AXVM_SSE_UNUSED, AXVM_SSE_REGISTERED, call(h, REGISTER, event, entry, entry + 1, 0, 0));
        e->entry = e->state == AXVM_SSE_REGISTERED && vcpus[h].arch.gpr[10] == 0 ? entry : e->entry;
        return;
    case 1:
        if (roll(4) == 0)
            move(e, AXVM_SSE_REGISTERED, AXVM_SSE_UNUSED, call(h, UNREGISTER, event, 0, 0, 0, 0));
        return;
    case 2:
        move(e, AXVM_SSE_REGISTERED, AXVM_SSE_ENABLED, call(h, ENABLE, event, 0, 0, 0, 0));
        return;
    case 3:
        if (roll(3) == 0)
            move(e, AXVM_SSE_ENABLED, AXVM_SSE_REGISTERED, call(h, DISABLE, event, 0, 0, 0, 0));
        return;
    case 4:
        assert_int_equal(write_on(h, event, AXVM_SSE_PRIORITY, priority), setting ? SBI_SUCCESS : SBI_ERR_INVALID_STATE);
        e->priority = setting ? priority : e->priority;
        return;
    case 5:
        assert_int_equal(write_on(h, event, AXVM_SSE_CONFIG, priority & 1), setting ? SBI_SUCCESS : SBI_ERR_INVALID_STATE);
        e->one_shot = setting ? (priority & 1) != 0 : e->one_shot;
        return;
    case 6:
        if (!setting || !m_harts[target].on)
            return;
        assert_int_equal(write_on(h, GLOBAL, AXVM_SSE_PREFERRED_HART, target),
                         m_global.state < AXVM_SSE_ENABLED ? SBI_SUCCESS : SBI_ERR_INVALID_STATE);
        if (m_global.state < AXVM_SSE_ENABLED) {
            m_global.preferred = target;
            m_global.chosen = true;
        }
        return;
    case 7:
        setting = roll(5) != 0;
        assert_int_equal(call(h, setting ? UNMASK : MASK, 0, 0, 0, 0, 0), setting != m_harts[h].unmasked ? SBI_SUCCESS
                                                                          : setting ? SBI_ERR_ALREADY_STARTED
                                                                                    : SBI_ERR_ALREADY_STOPPED);
        m_harts[h].unmasked = setting;
        return;
    default:
        e = event == GLOBAL ? e : &m_harts[target].local;
        if (event == LOCAL && !m_harts[target].on) {
            assert_int_equal(call(h, INJECT, event, target, 0, 0, 0), SBI_ERR_INVALID_PARAM);
            return;
        }
        assert_int_equal(call(h, INJECT, event, target, 0, 0, 0),
                         e->state == AXVM_SSE_UNUSED ? SBI_ERR_INVALID_STATE : SBI_SUCCESS);
        e->pending |= e->state != AXVM_SSE_UNUSED;
    }
}

static void step(unsigned int h)
{
    struct m_context *c = &m_harts[h].c;

    /* The guest's own state is anything. */
    regs[h].vsstatus ^= roll(2) ? SSTATUS_SIE : SSTATUS_SPIE;
    c->sie = (regs[h].vsstatus & SSTATUS_SIE) != 0;
    c->spie = (regs[h].vsstatus & SSTATUS_SPIE) != 0;
    if (roll(6) != 0) {
        step_call(h, both[roll(2)]);
        return;
    }
    call(h, COMPLETE, 0, 0, 0, 0, 0);
    m_complete(h);
}

static void stop_or_start(unsigned int h)
{
    if (m_harts[h].on) {
        atomic_store(&vcpus[h].power, AXVM_POWER_OFF);
        cpu = &regs[h];
        axvm_sse_hart_stopped(&vcpus[h]);
        m_stop(h);
    } else {
        start(h);
        m_start(h);
    }
}

static void take_posted_once(void)
{
    for (unsigned int h = 0; h < HARTS; h++) {
        if ((atomic_exchange(&vcpus[h].arch.posted, 0) & AXVM_POSTED_SSE) && m_harts[h].on) {
            cpu = &regs[h];
            axvm_sse_dispatch(&vcpus[h]);
        }
    }
}

/* Whoever was told to looks, and may have to tell one other: that one tells nobody. */
static void take_posted(void)
{
    take_posted_once();
    take_posted_once();
    for (unsigned int h = 0; h < HARTS; h++)
        assert_true(!m_harts[h].on || atomic_load(&vcpus[h].arch.posted) == 0);
}

static void assert_event(const struct m_event *m, const struct axvm_sse_event *e)
{
    assert_int_equal(e->attr[AXVM_SSE_STATUS], 8u | (m->pending ? 4u : 0u) | m->state);
    assert_int_equal(e->attr[AXVM_SSE_PRIORITY], m->priority);
    assert_int_equal(e->attr[AXVM_SSE_PREFERRED_HART], m->preferred);
}

static void assert_same(void)
{
    assert_event(&m_global, &vm.arch.sse.global);
    for (unsigned int h = 0; h < HARTS; h++) {
        const struct m_context *c = &m_harts[h].c;

        if (!m_harts[h].on)
            continue;
        assert_event(&m_harts[h].local, &vcpus[h].arch.sse.local);
        assert_int_equal(regs[h].sepc, c->pc);
        assert_int_equal(regs[h].vsepc, c->sepc);
        assert_int_equal((regs[h].sstatus & SSTATUS_SPP) != 0, c->supervisor);
        assert_int_equal((regs[h].hstatus & HSTATUS_SPVP) != 0, c->supervisor);
        assert_int_equal((regs[h].vsstatus & SSTATUS_SPP) != 0, c->spp);
        assert_int_equal((regs[h].vsstatus & SSTATUS_SPIE) != 0, c->spie);
        assert_int_equal((regs[h].vsstatus & SSTATUS_SIE) != 0, c->sie);
    }
}

static void events_come_as_in_the_model(void **state)
{
    unsigned int depth[3] = { 0 };

    (void)state;
    for (unsigned int round = 0; round < 400; round++) {
        setup(NULL);
        seed = round;
        m_reset_event(&m_global, GLOBAL, 0);
        for (unsigned int h = 0; h < HARTS; h++)
            m_start(h);
        for (unsigned int n = 0; n < 500; n++) {
            unsigned int h = roll(HARTS);

            if (roll(100) == 0 || !m_harts[h].on)
                stop_or_start(h);
            else
                step(h);
            take_posted();
            m_deliver();
            assert_same();
            depth[m_harts[h].depth]++;
        }
    }
    /* It is about handlers, and one within another. */
    assert_true(depth[1] > 10000 && depth[2] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_that_have_no_source_are_not_supported_and_others_invalid, setup),
        cmocka_unit_test_setup(ranges_of_attributes_and_their_memory_are_checked, setup),
        cmocka_unit_test_setup(attributes_are_as_at_reset_and_read_from_offset_zero, setup),
        cmocka_unit_test_setup(attributes_have_their_values_and_states, setup),
        cmocka_unit_test_setup(the_first_wrong_attribute_counts_and_none_is_written, setup),
        cmocka_unit_test_setup(memory_that_is_not_there_yet_is_had_in_the_host, setup),
        cmocka_unit_test_setup(calls_are_for_their_states_only, setup),
        cmocka_unit_test_setup(masks_know_what_they_are, setup),
        cmocka_unit_test_setup(local_events_are_injected_into_harts_that_are_on, setup),
        cmocka_unit_test_setup(a_handler_is_entered_and_left_as_the_text_says, setup),
        cmocka_unit_test_setup(events_come_as_in_the_model, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
