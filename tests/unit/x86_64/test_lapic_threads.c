/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs and an I/O APIC from several threads, each the own CPU of one, which sleeps as vCPUs do: nothing may get lost,
 * and under TSan nothing may race. hostile-guest.md rows 73, 76, 88.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ioapic.h"
#include "lapic.h"

#define CPUS 4u
#define TOKENS 12u
#define HOPS 3000u
#define LINE_PIN 7u
#define LINE_VECTOR 0x91u
#define LINE_COUNT 2000u
#define STORM_VECTOR 0x21u

static struct axvm_lapics set;
static struct axvm_lapic apics[CPUS];
static struct axvm_ioapic io;

static struct cpu {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool requested; /* AXVM_REQ_IRQ */
    unsigned int hops, storms;
} cpus[CPUS];
static _Atomic uint32_t hops_done, line_done, nmis, finished;

/* ---- the owner ---- */

static void notify(struct axvm_lapic *apic)
{
    struct cpu *cpu = &cpus[apic->id];

    pthread_mutex_lock(&cpu->lock);
    cpu->requested = true;
    pthread_cond_signal(&cpu->wake);
    pthread_mutex_unlock(&cpu->lock);
}

static void event(struct axvm_lapic *apic, enum axvm_lapic_delivery what, uint32_t vector)
{
    (void)apic;
    (void)what;
    (void)vector;
    atomic_fetch_add(&nmis, 1);
}

static void eoi(struct axvm_lapic *apic, uint32_t vector)
{
    axvm_ioapic_eoi(&io, vector, apic);
}

static void accepts(struct axvm_lapic *apic)
{
    axvm_ioapic_retry(&io, apic);
}

static uint64_t now(struct axvm_lapic *apic)
{
    (void)apic;
    return 0;
}

static uint64_t tsc_time(struct axvm_lapic *apic, uint64_t tsc)
{
    (void)apic;
    return tsc;
}

static const struct axvm_lapic_ops ops = {
    .notify = notify, .event = event, .eoi = eoi, .accepts = accepts, .now = now, .tsc_time = tsc_time
};

/* As block() in run.c: a request or a reason to wake seen, or sleep until told. False: nobody told us for minutes. */
static bool sleep_as_vcpus_do(uint32_t id)
{
    struct cpu *cpu = &cpus[id];
    struct timespec until;
    bool told = true;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 200;
    pthread_mutex_lock(&cpu->lock);
    if (!cpu->requested && !axvm_lapic_wakes(&apics[id])) {
        while (told && !cpu->requested && atomic_load(&finished) == 0)
            told = pthread_cond_timedwait(&cpu->wake, &cpu->lock, &until) == 0;
    }
    cpu->requested = false;
    pthread_mutex_unlock(&cpu->lock);
    return told;
}

/* ---- the guest ---- */

/* Tokens walk from CPU to CPU; each is at one place at a time, so none may coalesce with another. */
static uint32_t token_vector(uint32_t token)
{
    return 0x30 + token * 0x11;
}

static void route_line(uint32_t dest, const struct axvm_lapic *self)
{
    axvm_ioapic_write(&io, 0x00, 4, 0x10 + 2 * LINE_PIN + 1, self);
    axvm_ioapic_write(&io, 0x10, 4, dest << 24, self);
}

static void send(uint32_t from, uint32_t to, uint32_t vector)
{
    axvm_lapic_msr_write(&apics[from], 0x830, (uint64_t)to << 32 | 0x4000 | vector);
}

static void handle_token(uint32_t id, uint32_t vector)
{
    cpus[id].hops++;
    if (atomic_fetch_add(&hops_done, 1) + 1 <= TOKENS * HOPS)
        send(id, (id + 1 + vector % (CPUS - 1)) % CPUS, vector);
    if (cpus[id].hops % 7 == 0)
        axvm_lapic_msr_write(&apics[id], 0x830, 0xc0000 | STORM_VECTOR); /* to all others */
    if (cpus[id].hops % 11 == 0)
        axvm_lapic_msr_write(&apics[id], 0x83f, STORM_VECTOR);
    if (cpus[id].hops % 13 == 0)
        axvm_lapic_msr_write(&apics[id], 0x830, (uint64_t)((id + 1) % CPUS) << 32 | 0x4400);
}

static void handle(uint32_t id, uint32_t vector)
{
    if (vector == LINE_VECTOR) {
        axvm_ioapic_set(&io, LINE_PIN, false, &apics[id]);
        if (cpus[id].hops % 3 == 0)
            route_line((id + 1) % CPUS, &apics[id]);
        atomic_fetch_add(&line_done, 1);
    } else if (vector == STORM_VECTOR) {
        cpus[id].storms++;
    } else {
        handle_token(id, vector);
    }
    axvm_lapic_msr_write(&apics[id], 0x80b, 0);
}

static bool all_done(void)
{
    return atomic_load(&hops_done) >= TOKENS * (HOPS + 1) && atomic_load(&line_done) >= LINE_COUNT;
}

static void tell_all(void)
{
    atomic_store(&finished, 1);
    for (uint32_t id = 0; id < CPUS; id++)
        notify(&apics[id]);
}

static void *run_cpu(void *arg)
{
    uint32_t id = (uint32_t)(uintptr_t)arg;

    while (atomic_load(&finished) == 0) {
        int what = axvm_lapic_pending(&apics[id]);

        if (what != AXVM_LAPIC_NONE) {
            axvm_lapic_accept(&apics[id], what);
            handle(id, (uint32_t)what);
        } else if (all_done()) {
            tell_all();
        } else if (!sleep_as_vcpus_do(id)) {
            return (void *)1;
        }
    }
    return NULL;
}

/* A device whose interrupts are handled one after the other. */
static void *run_device(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < LINE_COUNT; i++) {
        axvm_ioapic_set(&io, LINE_PIN, true, NULL);
        while (atomic_load(&line_done) <= i) {
            if (atomic_load(&finished) != 0)
                return NULL;
            sched_yield();
        }
        if (i % 5 == 0)
            axvm_lapics_msi(&set, 0xfee00000 | (i % CPUS) << 12, STORM_VECTOR, NULL);
    }
    return NULL;
}

static void setup_machine(void)
{
    set.ops = &ops;
    set.phys_bits = 40;
    set.x2apic = true;
    io.lapics = &set;
    axvm_ioapic_reset(&io);
    for (uint32_t id = 0; id < CPUS; id++) {
        axvm_lapics_add(&set, &apics[id]);
        axvm_lapic_msr_write(&apics[id], 0x1b, 0xfee00c00);
        axvm_lapic_msr_write(&apics[id], 0x80f, 0x1ff);
        pthread_mutex_init(&cpus[id].lock, NULL);
        pthread_cond_init(&cpus[id].wake, NULL);
    }
    axvm_ioapic_write(&io, 0x00, 4, 0x10 + 2 * LINE_PIN, NULL);
    axvm_ioapic_write(&io, 0x10, 4, 0x8000 | LINE_VECTOR, NULL);
    for (uint32_t token = 0; token < TOKENS; token++) {
        const struct axvm_lapic_msg msg = { .dest = token % CPUS, .vector = (uint8_t)token_vector(token) };

        assert_true(axvm_lapics_deliver(&set, &msg, NULL));
    }
}

static void nothing_is_lost_between_four_cpus_and_a_device(void **state)
{
    pthread_t threads[CPUS], device;

    (void)state;
    setup_machine();
    for (uintptr_t id = 0; id < CPUS; id++)
        assert_int_equal(pthread_create(&threads[id], NULL, run_cpu, (void *)id), 0);
    assert_int_equal(pthread_create(&device, NULL, run_device, NULL), 0);
    for (uint32_t id = 0; id < CPUS; id++) {
        void *failed;

        pthread_join(threads[id], &failed);
        assert_null(failed);
    }
    pthread_join(device, NULL);
    assert_int_equal(atomic_load(&hops_done), TOKENS * (HOPS + 1));
    assert_int_equal(atomic_load(&line_done), LINE_COUNT);
    assert_int_not_equal(atomic_load(&nmis), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost_between_four_cpus_and_a_device) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
