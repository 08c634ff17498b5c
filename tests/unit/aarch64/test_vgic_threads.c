/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs on CPUs of their own, at once. Tokens go round as SGIs and SPIs, each handler passing its own on, while everybody also
 * reads and writes what belongs to others, leaves and sleeps: an interrupt or a wake-up that gets lost stops a token for ever.
 * hostile-guest.md A12, H8, H15.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vgic_world.h"

#define VCPUS 3u
#define SGI_TOKENS 3u /* SGIs 0..2 */
#define SPI_TOKENS 2u /* SPIs 40, 41: the handler routes it to the next vCPU and makes it pending */
#define FIRST_SPI 40u
#define HOPS 400u

struct vcpu_thread {
    struct world *w;
    unsigned int id;
    uint64_t seed;
};

static _Atomic unsigned int hops[SGI_TOKENS + SPI_TOKENS];
static _Atomic bool failed;

static bool is_over(void)
{
    for (unsigned int i = 0; i < SGI_TOKENS + SPI_TOKENS; i++) {
        if (atomic_load(&hops[i]) < HOPS)
            return atomic_load(&failed);
    }
    return true;
}

static uint32_t rnd(struct vcpu_thread *t, uint32_t limit)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return (uint32_t)(t->seed >> 20) % limit;
}

/* Exits for requests and maintenance, as the fast tier has them. */
static void exits(struct vcpu_thread *t)
{
    struct axvm_vcpu *vcpu = t->w->vcpu[t->id];

    while ((atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ) & AXVM_REQ_IRQ) || gich_fake_maintenance(gich_here))
        axvm_vgic_refresh(vcpu);
}

static void pass_on(struct vcpu_thread *t, uint32_t intid)
{
    unsigned int next = (t->id + 1) % VCPUS;

    if (intid < SGI_TOKENS) {
        if (atomic_fetch_add(&hops[intid], 1) < HOPS)
            axvm_vgic_sgi(t->w->vcpu[t->id], AXVM_SGI1R, (uint64_t)intid << 24 | 1u << next);
    } else if (atomic_fetch_add(&hops[SGI_TOKENS + intid - FIRST_SPI], 1) < HOPS) {
        world_write64(t->w, t->id, GICD(0x6000 + 8 * (uint64_t)intid), next);
        world_write(t->w, t->id, GICD(0x204), 1u << (intid - 32));
    }
}

static void take_interrupts(struct vcpu_thread *t)
{
    for (;;) {
        uint32_t intid = gich_fake_ack(gich_here, 1);

        if (intid == GICH_FAKE_SPURIOUS)
            return;
        if (intid >= SGI_TOKENS && (intid < FIRST_SPI || intid >= FIRST_SPI + SPI_TOKENS))
            atomic_store(&failed, true);
        exits(t);
        /* Passed on before or after it is over here. */
        if (rnd(t, 2)) {
            gich_fake_eoi(gich_here, 1, intid);
            exits(t);
            pass_on(t, intid);
        } else {
            pass_on(t, intid);
            exits(t);
            gich_fake_eoi(gich_here, 1, intid);
        }
        exits(t);
    }
}

/* Other things that guests and hosts do meanwhile, without effect on the tokens. */
static void disturb(struct vcpu_thread *t)
{
    unsigned int other = rnd(t, VCPUS);

    switch (rnd(t, 8)) {
    case 0:
        (void)world_read(t->w, t->id, GICD(0x304));
        (void)world_read(t->w, t->id, GICR_SGI(other, 0x200));
        break;
    case 1:
        world_write(t->w, t->id, GICD(0x184), 1u << (45 - 32));
        world_write(t->w, t->id, GICD(0x104), 1u << (45 - 32));
        break;
    case 2: /* a disable takes nothing away that is pending */
        world_write(t->w, t->id, GICR_SGI(other, 0x180), 7);
        world_write(t->w, t->id, GICR_SGI(other, 0x100), 7);
        break;
    case 3:
        axvm_vgic_set_spi(&t->w->vm, 46, rnd(t, 2)); /* not enabled */
        break;
    case 4:
        (void)world_read(t->w, t->id, GICD(0));
        (void)world_read(t->w, t->id, GICR(other, 0));
        break;
    case 5:
        world_try_write(t->w, t->id, GICR_SGI(other, 0x400 + rnd(t, 3)), 1, (uint8_t)(0x80 + 8 * rnd(t, 4)));
        break;
    default:
        break;
    }
}

/* As axvm_run_vcpu() and its host do when the guest waits for an interrupt. */
static void sleep_if_nothing_is_pending(struct vcpu_thread *t)
{
    struct axvm_vcpu *vcpu = t->w->vcpu[t->id];

    world_leave(vcpu);
    while (!is_over() && (atomic_load(&vcpu->requests) & AXVM_REQ_IRQ) == 0 && !axvm_vgic_pending(vcpu)) {
        /* Woken by a request only: looking again by oneself would hide that one got lost. */
        while (!is_over() && (atomic_load(&vcpu->requests) & AXVM_REQ_IRQ) == 0)
            sched_yield();
    }
    atomic_fetch_and(&vcpu->requests, ~AXVM_REQ_IRQ);
    world_enter(vcpu, rnd(t, 2));
}

static void *run_vcpu(void *arg)
{
    struct vcpu_thread *t = arg;

    world_be(t->w, t->id);
    world_enter(t->w->vcpu[t->id], false);
    while (!is_over()) {
        exits(t);
        take_interrupts(t);
        disturb(t);
        exits(t);
        if (rnd(t, 3) == 0)
            sleep_if_nothing_is_pending(t);
        sched_yield();
    }
    world_leave(t->w->vcpu[t->id]);
    return NULL;
}

static void set_up(struct world *w)
{
    world_enable_all(w);
    world_write(w, 0, GICD(0x184), 1u << (46 - 32));
    for (unsigned int v = 0; v < VCPUS; v++)
        world_put(w, v);
    for (unsigned int i = 0; i < SGI_TOKENS + SPI_TOKENS; i++)
        atomic_store(&hops[i], 0);
    world_host(w);
    for (uint32_t i = 0; i < SGI_TOKENS; i++)
        assert_int_equal(axvm_vgic_inject(w->vcpu[i % VCPUS], i), 0);
    for (uint32_t i = 0; i < SPI_TOKENS; i++)
        assert_int_equal(axvm_vgic_inject(w->vcpu[0], FIRST_SPI + i), 0);
}

/* For as long as it takes: one that is lost leaves all threads asleep. */
static void no_interrupt_and_no_wakeup_is_lost(void **state)
{
    const struct world_config cfg = { .vcpus = VCPUS, .lrs = 2 };
    struct vcpu_thread t[VCPUS] = { 0 };
    pthread_t threads[VCPUS];
    struct world *w = world_new(&cfg);

    (void)state;
    set_up(w);
    for (unsigned int v = 0; v < VCPUS; v++) {
        t[v] = (struct vcpu_thread){ .w = w, .id = v, .seed = 0x9e3779b9u * (v + 1) };
        assert_int_equal(pthread_create(&threads[v], NULL, run_vcpu, &t[v]), 0);
    }
    for (unsigned int v = 0; v < VCPUS; v++)
        pthread_join(threads[v], NULL);
    assert_false(atomic_load(&failed));
    for (unsigned int i = 0; i < SGI_TOKENS + SPI_TOKENS; i++)
        assert_in_range(atomic_load(&hops[i]), HOPS, HOPS + 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_interrupt_and_no_wakeup_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
