/* SPDX-License-Identifier: BSD-2-Clause */
/* VMIDs on a model of CPUs whose TLBs keep every VM's translations until they are flushed. I7, I9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include <axvm/err.h>

#include "arch.h"
#include "vmid.h"

_Thread_local bool fake_irqs_masked;

#define CPUS 8u
#define VMS 700u
#define NUMBERS 65536u

/* Whose translations the CPU has cached under each number. */
struct cpu_model {
    struct axvm_cpu cpu;
    struct axvm *cached[NUMBERS];
    struct axvm *inside; /* the guest it runs */
    uint64_t number;
    unsigned int flushes;
};

static struct axvm_host host;
static struct cpu_model *cpus;
static struct axvm **vms;
static unsigned int bits;

unsigned int axvm_arch_vmid_bits(void)
{
    return bits;
}

void axvm_arch_s2_sync(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

void axvm_arch_cpu_flush_tlb(struct axvm_cpu *cpu)
{
    struct cpu_model *m = (struct cpu_model *)(void *)cpu;

    m->flushes++;
    memset(m->cached, 0, sizeof(m->cached));
}

/* The CPU enters the guest: it must not find what another VM has left. */
static void enter(struct cpu_model *m, struct axvm *vm)
{
    uint64_t number = axvm_vmid_enter(&m->cpu, vm);

    assert_true(number < NUMBERS);
    assert_true(m->cached[number] == NULL || m->cached[number] == vm);
    m->cached[number] = vm;
    m->inside = vm;
    m->number = number;
}

static int setup_bits(void **state, unsigned int vmid_bits)
{
    (void)state;
    memset(&host, 0, sizeof(host));
    bits = vmid_bits;
    cpus = calloc(CPUS, sizeof(*cpus));
    vms = calloc(VMS, sizeof(*vms));
    for (unsigned int i = 0; i < VMS; i++)
        vms[i] = calloc(1, sizeof(*vms[i]));
    for (unsigned int i = 0; i < CPUS; i++) {
        cpus[i].cpu.hal.host = &host;
        assert_int_equal(axvm_vmid_cpu_add(&cpus[i].cpu), AXVM_OK);
    }
    return 0;
}

static int setup_8(void **state)
{
    return setup_bits(state, 8);
}

static int setup_16(void **state)
{
    return setup_bits(state, 16);
}

static int setup_14(void **state)
{
    return setup_bits(state, 14);
}

static int setup_none(void **state)
{
    return setup_bits(state, 0);
}

static int setup_4(void **state)
{
    return setup_bits(state, 4);
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < VMS; i++)
        free(vms[i]);
    free(vms);
    free(cpus);
    return 0;
}

static void ordinary_entries_flush_nothing(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < CPUS; i++)
        enter(&cpus[i], vms[0]); /* the first time: what was there before us */
    for (unsigned int n = 0; n < 1000; n++) {
        for (unsigned int i = 0; i < CPUS; i++)
            enter(&cpus[i], vms[(n + i) % 50]);
    }
    for (unsigned int i = 0; i < CPUS; i++)
        assert_int_equal(cpus[i].flushes, 1);
}

static void vms_have_different_numbers_and_none_is_zero(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 200; i++) {
        enter(&cpus[0], vms[i]);
        assert_int_not_equal(cpus[0].number, 0);
        for (unsigned int j = 0; j < i; j++)
            assert_int_not_equal(atomic_load(&vms[j]->vmid), atomic_load(&vms[i]->vmid));
    }
}

static void vm_has_one_number_on_all_cpus(void **state)
{
    (void)state;
    enter(&cpus[0], vms[3]);
    for (unsigned int i = 1; i < CPUS; i++) {
        enter(&cpus[i], vms[3]);
        assert_int_equal(cpus[i].number, cpus[0].number);
    }
}

static void running_vm_keeps_its_number_when_a_generation_ends(void **state)
{
    uint64_t number;

    (void)state;
    enter(&cpus[1], vms[0]);
    number = cpus[1].number;
    for (unsigned int i = 1; i < VMS; i++) {
        enter(&cpus[0], vms[i]);
        /* The CPU that runs VM 0 has not come out since. */
        assert_int_not_equal(cpus[0].number, number);
    }
    assert_true(cpus[0].flushes >= 3);
    enter(&cpus[2], vms[0]);
    assert_int_equal(cpus[2].number, number);
    enter(&cpus[1], vms[0]);
    assert_int_equal(cpus[1].number, number);
    assert_int_equal(cpus[1].flushes, 2);
}

/* Two CPUs never run two VMs under one number at the same time, whatever comes. */
static void check_now(void)
{
    for (unsigned int i = 0; i < CPUS; i++) {
        for (unsigned int j = 0; cpus[i].inside && j < i; j++) {
            if (cpus[j].inside && bits != 0)
                assert_int_equal(cpus[i].number == cpus[j].number, cpus[i].inside == cpus[j].inside);
        }
    }
}

static void no_vm_ever_sees_anothers_translations(void **state)
{
    uint64_t seed = 88172645463325252;

    (void)state;
    for (unsigned int n = 0; n < 20000; n++) {
        struct cpu_model *m;
        unsigned int v;

        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        m = &cpus[seed % CPUS];
        v = (unsigned int)(seed >> 8) % (seed % 3 ? 20 : VMS);
        if (seed >> 40 & 1) {
            m->inside = NULL; /* the guest is left */
        } else {
            enter(m, vms[v]);
            check_now();
        }
    }
}

static void destroyed_vm_leaves_nothing_to_its_successor(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < 20000; n++) {
        struct cpu_model *m = &cpus[n % 3];

        enter(m, vms[0]);
        axvm_vmid_free(vms[0]);
        memset(vms[0], 0, sizeof(*vms[0])); /* the next one, at the same address */
        m->cached[m->number] = vms[1];      /* what the old one has left is not the new one's */
    }
}

static void cpus_come_and_go(void **state)
{
    (void)state;
    enter(&cpus[0], vms[0]);
    enter(&cpus[1], vms[1]);
    assert_int_equal(axvm_vmid_cpu_remove(&cpus[1].cpu), AXVM_OK);
    assert_int_equal(axvm_vmid_cpu_remove(&cpus[0].cpu), AXVM_OK);
    for (unsigned int i = 0; i < 300; i++)
        enter(&cpus[2], vms[i]);
    assert_int_equal(axvm_vmid_cpu_add(&cpus[1].cpu), AXVM_OK);
    enter(&cpus[1], vms[5]); /* what it had cached is gone */
    assert_int_equal(cpus[1].flushes, 2);
}

static void a_cpu_that_is_held_does_not_go(void **state)
{
    struct axvm_hal *hal = &cpus[1].cpu.hal;

    (void)state;
    cpus[1].cpu.pcpu = 1000;
    assert_null(axvm_cpu_hold(hal, 999));
    assert_ptr_equal(axvm_cpu_hold(hal, 1000), &cpus[1].cpu);
    assert_ptr_equal(axvm_cpu_hold(hal, 1000), &cpus[1].cpu);
    axvm_cpu_release(&cpus[1].cpu);
    assert_int_equal(axvm_vmid_cpu_remove(&cpus[1].cpu), AXVM_ERR_BUSY);
    enter(&cpus[1], vms[0]);
    axvm_cpu_release(&cpus[1].cpu);
    assert_int_equal(axvm_vmid_cpu_remove(&cpus[1].cpu), AXVM_OK);
    assert_null(axvm_cpu_hold(hal, 1000));
    assert_int_equal(axvm_vmid_cpu_add(&cpus[1].cpu), AXVM_OK);
}

static void more_cpus_than_numbers_are_refused(void **state)
{
    struct axvm_cpu extra[8];
    int rc = AXVM_OK;
    unsigned int n;

    (void)state;
    memset(extra, 0, sizeof(extra));
    for (n = 0; n < 8 && rc == AXVM_OK; n++) {
        extra[n].hal.host = &host;
        rc = axvm_vmid_cpu_add(&extra[n]);
    }
    assert_int_equal(rc, AXVM_ERR_NOSPC);
    assert_int_equal(CPUS + n - 1, 15); /* 14 that others run, and one for the VM that comes */
}

static void cpu_with_narrower_numbers_is_refused(void **state)
{
    struct axvm_cpu narrow;

    (void)state;
    memset(&narrow, 0, sizeof(narrow));
    narrow.hal.host = &host;
    bits = 8;
    assert_int_equal(axvm_vmid_cpu_add(&narrow), AXVM_ERR_NOSUP);
}

static void without_vmids_a_cpu_flushes_when_the_vm_changes(void **state)
{
    (void)state;
    enter(&cpus[0], vms[0]);
    enter(&cpus[0], vms[0]);
    enter(&cpus[0], vms[0]);
    assert_int_equal(cpus[0].flushes, 1);
    enter(&cpus[0], vms[1]);
    enter(&cpus[0], vms[0]);
    assert_int_equal(cpus[0].flushes, 3);
    assert_int_equal(cpus[0].number, 0);
}

/* ---- threads ---- */

static _Atomic unsigned int violations;
static _Atomic uint64_t running[CPUS]; /* number << 32 | VM's index + 1 */

static void *runs_guests(void *arg)
{
    unsigned int self = (unsigned int)(uintptr_t)arg;
    uint64_t seed = 1234567 + self;

    fake_irqs_masked = true;
    for (unsigned int n = 0; n < 4000; n++) {
        unsigned int v;

        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        v = (unsigned int)(seed >> 8) % (seed % 2 ? 6 : 40);
        enter(&cpus[self], vms[v]);
        atomic_store(&running[self], cpus[self].number << 32 | (v + 1));
        for (unsigned int i = 0; i < CPUS; i++) {
            uint64_t other = atomic_load(&running[i]);

            if (other != 0 && atomic_load(&running[self]) != 0 && other >> 32 == cpus[self].number && (uint32_t)other != v + 1)
                atomic_fetch_add(&violations, 1);
        }
        atomic_store(&running[self], 0);
    }
    return NULL;
}

static void cpus_that_enter_at_once_never_share_a_number(void **state)
{
    pthread_t threads[4];

    (void)state;
    atomic_store(&violations, 0);
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, runs_guests, (void *)i);
    for (unsigned int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&violations), 0);
    assert_true(cpus[0].flushes > 10);
}

#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ordinary_entries_flush_nothing, setup_8),
        T(ordinary_entries_flush_nothing, setup_16),
        T(vms_have_different_numbers_and_none_is_zero, setup_8),
        T(vm_has_one_number_on_all_cpus, setup_8),
        T(running_vm_keeps_its_number_when_a_generation_ends, setup_8),
        T(no_vm_ever_sees_anothers_translations, setup_4),
        T(no_vm_ever_sees_anothers_translations, setup_8),
        T(no_vm_ever_sees_anothers_translations, setup_14),
        T(no_vm_ever_sees_anothers_translations, setup_16),
        T(no_vm_ever_sees_anothers_translations, setup_none),
        T(destroyed_vm_leaves_nothing_to_its_successor, setup_8),
        T(destroyed_vm_leaves_nothing_to_its_successor, setup_16),
        T(cpus_come_and_go, setup_8),
        T(a_cpu_that_is_held_does_not_go, setup_8),
        T(more_cpus_than_numbers_are_refused, setup_4),
        T(cpu_with_narrower_numbers_is_refused, setup_16),
        T(without_vmids_a_cpu_flushes_when_the_vm_changes, setup_none),
        T(cpus_that_enter_at_once_never_share_a_number, setup_4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
