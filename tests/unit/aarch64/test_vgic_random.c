/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random operations on the GICv3 model and on an independent one (vgic_ref.c): what is signalled, and what registers show, has
 * to be the same at all times. hostile-guest.md rows 43-47, 51, 52, 88; A10, A12.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vgic_ref.h"
#include "vgic_world.h"

/* Few interrupts, so that things happen to the same one. */
static const uint32_t pool[] = { 0, 1, 2, 15, 20, 21, 22, 27, 30, 32, 33, 34, 35, 40, 41, 63, 64, 500, 501, 1000, 1018, 1019 };
#define POOL (sizeof(pool) / sizeof(pool[0]))
#define VTIMER 27u

/* Physical interrupts behind 41 and 1019 */
static const struct {
    uint32_t intid, host;
} bound[] = { { 41, 100 }, { 1019, 200 } };
#define BOUND 2u

struct run {
    struct world *w;
    struct ref_gic ref;
    uint64_t seed;
    unsigned int vcpus;
    bool eoimode;
    bool set_active;              /* ISACTIVER and ICACTIVER are written */
    bool calm;                    /* the guest keeps up with its interrupts: list registers are mostly free */
    bool outstanding[BOUND];      /* fired, and the guest's interrupt has been pending or active ever since */
    bool device[BOUND];           /* the physical line */
    bool timer[REF_CPUS];         /* the vCPU's virtual timer is due */
    unsigned int taken[REF_CPUS]; /* acknowledged and not ended: a stack */
    struct {
        uint32_t intid;
        unsigned int group;
    } stack[REF_CPUS][64];
    bool deactivate[REF_CPUS][REF_INTIDS]; /* EOImode 1: still to be written to DIR */
    unsigned int knows[REF_CPUS];          /* what a vCPU that sleeps has found when it looked: reasons_to_wake() */
};

/* Marsaglia's xorshift64 */
static uint32_t rnd(struct run *r, uint32_t limit)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (uint32_t)(r->seed >> 20) % limit;
}

static uint32_t some_intid(struct run *r)
{
    return pool[rnd(r, POOL)];
}

static bool is_bound(uint32_t intid)
{
    return intid == bound[0].intid || intid == bound[1].intid;
}

/* ---- hardware that happens by itself ---- */

static void run_devices(struct run *r)
{
    for (unsigned int i = 0; i < BOUND; i++) {
        if (!r->device[i] || r->w->machine.spi_active[bound[i].host] || r->w->masked[bound[i].host])
            continue;
        r->w->machine.spi_active[bound[i].host] = true;
        r->outstanding[i] = true;
        world_host(r->w);
        assert_int_equal(axvm_vgic_forward(&r->w->vm, bound[i].host), 0);
        ref_irq(&r->ref, 0, bound[i].intid)->latch = true;
    }
    for (unsigned int v = 0; v < r->vcpus; v++) {
        struct ref_irq *irq = ref_irq(&r->ref, v, VTIMER);

        if (!r->timer[v] || !world_vgic(r->w, v)->loaded || world_gich(r->w, v)->ppi_active[VTIMER])
            continue;
        world_be(r->w, v);
        gich_here->ppi_active[VTIMER] = true;
        axvm_vgic_forward_ppi(r->w->vcpu[v], VTIMER, VTIMER);
        irq->latch |= !irq->active;
    }
}

static void settle(struct run *r)
{
    for (unsigned int i = 0; i < 3; i++) {
        world_settle_all(r->w);
        run_devices(r);
    }
    world_settle_all(r->w);
}

/* ---- comparison ---- */

static void compare_signals(struct run *r)
{
    for (unsigned int v = 0; v < r->vcpus; v++) {
        unsigned int group = 0;
        uint32_t intid = GICH_FAKE_SPURIOUS;

        if (world_vgic(r->w, v)->loaded) {
            intid = gich_fake_hppi(world_gich(r->w, v), &group);
            if (intid == GICH_FAKE_SPURIOUS) {
                assert_false(ref_must_signal(&r->ref, v));
            } else {
                assert_true(ref_is_best(&r->ref, v, intid));
                assert_int_equal(group, ref_irq(&r->ref, v, intid)->group);
            }
        }
        if (world_vgic(r->w, v)->loaded)
            world_be(r->w, v);
        else
            world_host(r->w);
        if (axvm_vgic_pending(r->w->vcpu[v]))
            assert_true(ref_may_signal(&r->ref, v));
        else
            assert_false(ref_must_signal(&r->ref, v));
    }
}

static uint32_t read_bit(struct run *r, unsigned int v, unsigned int block, uint32_t intid)
{
    uint64_t gpa = intid < 32 ? GICR_SGI(v, block) : GICD(block + intid / 32 * 4);

    return world_read(r->w, rnd(r, r->vcpus), gpa) >> intid % 32 & 1;
}

static void compare_registers(struct run *r)
{
    /* A first read asks vCPUs that are loaded to say what they know; then it is exact. */
    for (unsigned int i = 0; i < POOL; i++)
        (void)read_bit(r, rnd(r, r->vcpus), 0x200, pool[i]);
    world_settle_all(r->w);
    for (unsigned int i = 0; i < POOL; i++) {
        for (unsigned int v = 0; v < (pool[i] < 32 ? r->vcpus : 1); v++) {
            const struct ref_irq *irq = ref_irq(&r->ref, v, pool[i]);

            assert_int_equal(read_bit(r, v, 0x080, pool[i]), irq->group);
            assert_int_equal(read_bit(r, v, 0x100, pool[i]), irq->enabled);
            assert_int_equal(read_bit(r, v, 0x180, pool[i]), irq->enabled);
            world_settle_all(r->w);
            assert_int_equal(read_bit(r, v, 0x200, pool[i]), ref_pending(irq));
            world_settle_all(r->w);
            assert_int_equal(read_bit(r, v, 0x300, pool[i]), irq->active);
        }
    }
    world_settle_all(r->w);
    assert_int_equal(world_read(r->w, 0, GICD(0)) >> 31, 0); /* RWP */
}

/* What is active physically is the guest's to end; what the guest has ended is not active. */
static void compare_physical(struct run *r)
{
    for (unsigned int i = 0; i < BOUND; i++) {
        const struct ref_irq *irq = ref_irq(&r->ref, 0, bound[i].intid);

        if (!irq->active && !ref_pending(irq))
            assert_false(r->w->machine.spi_active[bound[i].host]);
        else if (r->outstanding[i])
            assert_true(r->w->machine.spi_active[bound[i].host]);
    }
    for (unsigned int v = 0; v < r->vcpus; v++) {
        const struct ref_irq *irq = ref_irq(&r->ref, v, VTIMER);

        if (world_vgic(r->w, v)->loaded && !irq->active && !ref_pending(irq))
            assert_false(world_gich(r->w, v)->ppi_active[VTIMER]);
    }
    assert_int_equal(r->w->machine.bad_deactivations, 0);
}

static void note_idle(struct run *r)
{
    for (unsigned int i = 0; i < BOUND; i++) {
        const struct ref_irq *irq = ref_irq(&r->ref, 0, bound[i].intid);

        r->outstanding[i] &= irq->active || ref_pending(irq);
    }
}

/* ---- operations ---- */

static void write_bit(struct run *r, unsigned int v, unsigned int block, uint32_t intid)
{
    uint64_t gpa = intid < 32 ? GICR_SGI(v, block) : GICD(block + intid / 32 * 4);

    world_write(r->w, rnd(r, r->vcpus), gpa, 1u << intid % 32);
}

static void op_bits(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus), what = rnd(r, 9);
    uint32_t intid = some_intid(r);
    struct ref_irq *irq = ref_irq(&r->ref, v, intid);

    switch (what) {
    case 0:
    case 1:
    case 2:
        irq->enabled = true;
        write_bit(r, v, 0x100, intid);
        break;
    case 3:
        irq->enabled = false;
        write_bit(r, v, 0x180, intid);
        break;
    case 4:
    case 5:
        irq->latch = true;
        write_bit(r, v, 0x200, intid);
        break;
    case 6:
        irq->latch = false;
        write_bit(r, v, 0x280, intid);
        break;
    case 7:
        if (!r->set_active || ref_active_count(&r->ref, v) > 10)
            break;
        if (!irq->active)
            irq->active_on = ref_route(&r->ref, irq->affinity);
        irq->active = true;
        write_bit(r, v, 0x300, intid);
        break;
    case 8:
        if (!r->set_active)
            break;
        irq->active = false;
        write_bit(r, v, 0x380, intid);
        break;
    }
}

static void op_group(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    uint32_t intid = some_intid(r);
    struct ref_irq *irq = ref_irq(&r->ref, v, intid);
    uint64_t gpa = intid < 32 ? GICR_SGI(v, 0x80) : GICD(0x80 + intid / 32 * 4);

    if (irq->active)
        return;
    irq->group ^= 1;
    world_write(r->w, rnd(r, r->vcpus), gpa, world_read(r->w, v, gpa) ^ 1u << intid % 32);
}

static void op_prio(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    uint32_t intid = some_intid(r);
    struct ref_irq *irq = ref_irq(&r->ref, v, intid);
    uint8_t prio = (uint8_t)rnd(r, 256);

    if (irq->active)
        return;
    irq->prio = prio & 0xf8;
    world_try_write(r->w, rnd(r, r->vcpus), intid < 32 ? GICR_SGI(v, 0x400 + intid) : GICD(0x400 + intid), 1, prio);
}

static void op_config(struct run *r)
{
    uint32_t intid = some_intid(r);
    struct ref_irq *irq = ref_irq(&r->ref, 0, intid);
    uint64_t gpa = GICD(0xc00 + intid / 16 * 4);

    if (intid < 32 || is_bound(intid))
        return;
    irq->edge = !irq->edge;
    world_write(r->w, rnd(r, r->vcpus), gpa, world_read(r->w, 0, gpa) ^ 2u << intid % 16 * 2);
}

static void op_route(struct run *r)
{
    uint32_t intid = some_intid(r), v = rnd(r, r->vcpus + 1);
    uint64_t gpa = GICD(0x6000 + 8 * (uint64_t)intid);
    unsigned int by = rnd(r, r->vcpus);

    if (intid < 32)
        return;
    /* One too many is an affinity that nobody has: row 45. */
    ref_irq(&r->ref, 0, intid)->affinity = v;
    if (rnd(r, 2))
        world_write64(r->w, by, gpa, v);
    else
        world_write(r->w, by, gpa, v);
}

static void op_ctlr(struct run *r)
{
    uint32_t val = rnd(r, 8) == 0 ? rnd(r, 4) : 3;

    r->ref.group[0] = val & 1;
    r->ref.group[1] = val & 2;
    world_write(r->w, rnd(r, r->vcpus), GICD(0), val);
}

static void op_sgi(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    uint32_t intid = rnd(r, 3), list = rnd(r, 1u << r->vcpus);
    enum axvm_sgi_reg reg = rnd(r, 4) ? AXVM_SGI1R : AXVM_SGI0R;
    bool all = rnd(r, 8) == 0;

    if (!world_vgic(r->w, v)->loaded)
        return;
    world_settle(r->w, v);
    world_be(r->w, v);
    axvm_vgic_sgi(r->w->vcpu[v], reg, (uint64_t)all << 40 | intid << 24 | list);
    for (unsigned int t = 0; t < r->vcpus; t++) {
        struct ref_irq *irq = ref_irq(&r->ref, t, intid);

        if ((all ? t != v : list >> t & 1) && (reg == AXVM_SGI1R || irq->group == 0))
            irq->latch = true;
    }
}

static void op_line(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    uint32_t intid = some_intid(r);
    bool level = rnd(r, 2);

    if (intid < 16 || intid == VTIMER || is_bound(intid))
        return;
    if (rnd(r, 2) && world_vgic(r->w, v)->loaded)
        world_be(r->w, v);
    else
        world_host(r->w);
    ref_set_line(ref_irq(&r->ref, v, intid), level);
    if (intid < 32)
        axvm_vgic_set_ppi(r->w->vcpu[v], intid, level);
    else
        axvm_vgic_set_spi(&r->w->vm, intid, level);
}

static void op_inject(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    uint32_t intid = some_intid(r);

    world_host(r->w);
    assert_int_equal(axvm_vgic_inject(r->w->vcpu[v], intid), 0);
    ref_irq(&r->ref, v, intid)->latch = true;
}

static void op_move(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    bool resident = rnd(r, 2);

    if (world_vgic(r->w, v)->loaded) {
        world_put(r->w, v);
        r->knows[v] = 3; /* whatever there is it finds itself */
        return;
    }
    if (!resident) {
        /* Somebody else was here, and has left his own in the registers. */
        struct gich_fake *g = world_gich(r->w, v);

        memset(g->ap0r, 0xff, sizeof(g->ap0r));
        g->vmcr = rnd(r, 1u << 30);
        for (unsigned int i = 0; i < g->lr_count; i++)
            g->lr[i] = UINT64_C(0xd0a0000000000000) | (700 + i);
    }
    world_load(r->w, v, resident);
}

static void op_cpu_interface(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);
    struct gich_fake *g = world_gich(r->w, v);
    struct ref_cpu *c = &r->ref.cpu[v];

    if (!world_vgic(r->w, v)->loaded)
        return;
    switch (rnd(r, 3)) {
    case 0:
        c->pmr = rnd(r, 3) == 0 ? rnd(r, 256) & 0xf8 : 0xf8;
        gich_fake_set_pmr(g, (uint8_t)c->pmr);
        break;
    case 1:
        c->group[0] = rnd(r, 4) != 0;
        c->group[1] = rnd(r, 4) != 0;
        gich_fake_set_group(g, 0, c->group[0]);
        gich_fake_set_group(g, 1, c->group[1]);
        break;
    case 2:
        if (c->depth != 0)
            break;
        c->bpr0 = 7 - g->prebits + rnd(r, 3);
        c->bpr1 = c->bpr0 + rnd(r, 2) + (c->bpr0 == 7 - g->prebits);
        c->cbpr = rnd(r, 4) == 0;
        gich_fake_set_bpr(g, c->bpr0, c->bpr1, c->cbpr);
        break;
    }
}

static void op_device(struct run *r)
{
    unsigned int i = rnd(r, BOUND + r->vcpus);

    if (i < BOUND)
        r->device[i] = rnd(r, 2);
    else
        r->timer[i - BOUND] = rnd(r, 2);
}

static void guest_ack(struct run *r, unsigned int v)
{
    unsigned int group = 0, top = r->taken[v];
    uint32_t intid = gich_fake_hppi(world_gich(r->w, v), &group);

    if (intid == GICH_FAKE_SPURIOUS || top == 64)
        return;
    assert_true(ref_is_best(&r->ref, v, intid));
    assert_int_equal(gich_fake_ack(world_gich(r->w, v), group), intid);
    ref_ack(&r->ref, v, intid);
    r->stack[v][top].intid = intid;
    r->stack[v][top].group = group;
    r->taken[v]++;
    if (intid == VTIMER && rnd(r, 2))
        r->timer[v] = false;
}

static void guest_eoi(struct run *r, unsigned int v)
{
    unsigned int top = r->taken[v];
    struct ref_irq *irq;
    uint32_t intid;

    if (top == 0)
        return;
    r->taken[v]--;
    intid = r->stack[v][top - 1].intid;
    irq = ref_irq(&r->ref, v, intid);
    /* Somebody may have ended it, and another CPU have it now: not what a sane guest does. */
    if (intid >= 32 && irq->active && irq->active_on != v) {
        bool active = irq->active;

        ref_eoi(&r->ref, v, r->stack[v][top - 1].group, intid);
        irq->active = active;
    } else {
        ref_eoi(&r->ref, v, r->stack[v][top - 1].group, intid);
    }
    gich_fake_eoi(world_gich(r->w, v), r->stack[v][top - 1].group, intid);
    if (r->eoimode)
        r->deactivate[v][intid] = true;
}

static void guest_dir(struct run *r, unsigned int v)
{
    /* An SPI may be deactivated by any CPU. So may be what ISACTIVER has made active. */
    unsigned int of = rnd(r, r->vcpus);
    bool any = rnd(r, 4) == 0;

    for (unsigned int i = 0; i < POOL; i++) {
        uint32_t intid = pool[i];

        if ((!any && !r->deactivate[of][intid]) || (intid < 32 && of != v) || rnd(r, 2))
            continue;
        r->deactivate[of][intid] = false;
        ref_dir(&r->ref, v, intid);
        world_be(r->w, v);
        if (!gich_fake_dir(world_gich(r->w, v), intid))
            axvm_vgic_dir(r->w->vcpu[v], intid);
        return;
    }
}

static void op_guest(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);

    if (!world_vgic(r->w, v)->loaded)
        return;
    /* It has run until now, so what was asked of it has been done; what it takes must not be in other CPUs' hands. */
    world_settle_all(r->w);
    switch (rnd(r, 4)) {
    case 0:
    case 1:
        guest_ack(r, v);
        break;
    case 2:
        guest_eoi(r, v);
        break;
    case 3:
        if (r->eoimode)
            guest_dir(r, v);
        else
            guest_eoi(r, v);
        break;
    }
    world_settle(r->w, v);
}

/* Takes all there is, in order. */
static void op_guest_handles(struct run *r)
{
    unsigned int v = rnd(r, r->vcpus);

    if (!world_vgic(r->w, v)->loaded || r->eoimode)
        return;
    world_settle_all(r->w);
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int before = r->taken[v];

        guest_ack(r, v);
        if (r->taken[v] == before)
            break;
        if (rnd(r, 2))
            world_settle_all(r->w);
        guest_eoi(r, v);
        if (rnd(r, 2))
            world_settle_all(r->w);
    }
    while (r->taken[v] != 0) {
        guest_eoi(r, v);
        world_settle_all(r->w);
    }
}

static void (*const ops[])(struct run *) = {
    op_bits,          op_bits,   op_bits,  op_group, op_prio,  op_prio,   op_config, op_route,
    op_ctlr,          op_sgi,    op_sgi,   op_line,  op_line,  op_inject, op_inject, op_move,
    op_cpu_interface, op_device, op_guest, op_guest, op_guest, op_guest,  op_guest,
};

static void (*const calm_ops[])(struct run *) = {
    op_sgi,           op_sgi,           op_sgi,           op_sgi,           op_line,          op_inject,
    op_device,        op_device,        op_move,          op_bits,          op_guest,         op_guest,
    op_guest_handles, op_guest_handles, op_guest_handles, op_guest_handles, op_guest_handles, op_guest_handles,
};

/* ---- a run ---- */

static void start(struct run *r, const struct world_config *cfg)
{
    r->w = world_new(cfg);
    r->vcpus = cfg->vcpus;
    ref_reset(&r->ref, cfg->vcpus);
    for (unsigned int i = 0; i < BOUND; i++)
        assert_int_equal(axvm_vgic_bind(&r->w->vm, bound[i].intid, bound[i].host, false), 0);
    for (unsigned int v = 0; v < r->vcpus; v++) {
        struct ref_cpu *c = &r->ref.cpu[v];

        world_load(r->w, v, false);
        c->pmr = 0xf8;
        c->bpr0 = 7 - cfg->prebits;
        c->bpr1 = c->bpr0 + 1;
        c->group[0] = c->group[1] = true;
        c->eoimode = r->eoimode;
        gich_fake_set_pmr(world_gich(r->w, v), 0xf8);
        gich_fake_set_group(world_gich(r->w, v), 0, true);
        gich_fake_set_group(world_gich(r->w, v), 1, true);
        gich_fake_set_eoimode(world_gich(r->w, v), r->eoimode);
        world_put(r->w, v);
        world_load(r->w, v, true);
    }
}

/* Bit 0: an interrupt; bit 1: its timer, when it is due. */
static unsigned int reasons_to_wake(struct run *r, unsigned int v)
{
    world_host(r->w);
    return (axvm_vgic_pending(r->w->vcpu[v]) ? 1u : 0) | (axvm_vgic_ppi_signals(r->w->vcpu[v], 27) ? 2u : 0);
}

/* H8: a reason that a sleeping vCPU has not found comes with a request, by which its thread is woken. Who writes to a register
 * does not sleep. */
static void check_wakes(struct run *r)
{
    for (unsigned int v = 0; v < r->vcpus; v++) {
        unsigned int now;

        if (world_vgic(r->w, v)->loaded)
            continue;
        now = reasons_to_wake(r, v);
        if (v != r->w->actor && !r->w->looked[v] && (now & ~r->knows[v]) != 0)
            assert_true(atomic_load(&r->w->vcpu[v]->requests) & AXVM_REQ_IRQ);
        r->knows[v] = now;
        r->w->looked[v] = false;
    }
}

static void enable_pool(struct run *r)
{
    world_write(r->w, 0, GICD(0), 3);
    r->ref.group[0] = r->ref.group[1] = true;
    for (unsigned int i = 0; i < POOL; i++) {
        for (unsigned int v = 0; v < (pool[i] < 32 ? r->vcpus : 1); v++) {
            ref_irq(&r->ref, v, pool[i])->enabled = true;
            ref_irq(&r->ref, v, pool[i])->prio = 0x80;
            world_write(r->w, v, pool[i] < 32 ? GICR_SGI(v, 0x100) : GICD(0x100 + pool[i] / 32 * 4), 1u << pool[i] % 32);
            world_try_write(r->w, v, pool[i] < 32 ? GICR_SGI(v, 0x400 + pool[i]) : GICD(0x400 + pool[i]), 1, 0x80);
        }
    }
}

static void play(struct run *r, unsigned int steps)
{
    for (unsigned int i = 0; i < steps; i++) {
        r->w->actor = UINT32_MAX;
        if (r->calm)
            calm_ops[rnd(r, sizeof(calm_ops) / sizeof(calm_ops[0]))](r);
        else
            ops[rnd(r, sizeof(ops) / sizeof(ops[0]))](r);
        note_idle(r);
        check_wakes(r);
        /* Sometimes several things happen before other CPUs have noticed. */
        if (rnd(r, 4) == 0)
            continue;
        settle(r);
        check_wakes(r); /* those that have looked now know */
        compare_signals(r);
        compare_physical(r);
        if (rnd(r, 16) == 0)
            compare_registers(r);
    }
}

enum kind {
    SPLIT_EOI = 1,
    SET_ACTIVE = 2,
    CALM = 4,
};

static void run_many(const struct world_config *cfg, unsigned int kind, uint64_t seed)
{
    const char *more = getenv("VGIC_RANDOM_RUNS");
    unsigned int runs = more ? (unsigned int)atoi(more) : 12;

    for (unsigned int i = 0; i < runs; i++) {
        struct run *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        r->seed = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        r->eoimode = kind & SPLIT_EOI;
        r->set_active = kind & SET_ACTIVE;
        r->calm = kind & CALM;
        if (more)
            print_message("run %u\n", i);
        start(r, cfg);
        if (r->calm)
            enable_pool(r);
        play(r, 1500);
        world_free(r->w);
        free(r);
    }
}

static void one_vcpu_takes_its_interrupts_as_the_architecture_says(void **state)
{
    const struct world_config cfg = { .vcpus = 1, .lrs = 4, .prebits = 5 };

    (void)state;
    run_many(&cfg, 0, 1);
}

static void vcpus_take_their_interrupts_as_the_architecture_says(void **state)
{
    const struct world_config cfg = { .vcpus = 4, .lrs = 4, .prebits = 5 };

    (void)state;
    run_many(&cfg, 0, 2);
}

static void one_list_register_is_enough(void **state)
{
    const struct world_config cfg = { .vcpus = 2, .lrs = 1, .prebits = 5 };

    (void)state;
    run_many(&cfg, 0, 3);
}

static void active_state_can_be_written(void **state)
{
    const struct world_config cfg = { .vcpus = 2, .lrs = 16, .prebits = 6 };

    (void)state;
    run_many(&cfg, SET_ACTIVE, 4);
}

static void split_eoi_deactivates_in_any_order(void **state)
{
    const struct world_config cfg = { .vcpus = 3, .lrs = 4, .prebits = 7 };

    (void)state;
    run_many(&cfg, SPLIT_EOI | SET_ACTIVE, 5);
}

static void split_eoi_works_with_two_list_registers(void **state)
{
    const struct world_config cfg = { .vcpus = 1, .lrs = 2, .prebits = 5, .counts_drops = true };

    (void)state;
    run_many(&cfg, SPLIT_EOI | SET_ACTIVE, 6);
}

static void hosts_may_complete_and_mask_physical_interrupts_themselves(void **state)
{
    const struct world_config cfg = { .vcpus = 3, .lrs = 4, .prebits = 5, .with_complete = true, .with_mask = true };

    (void)state;
    run_many(&cfg, 0, 7);
}

static void hosts_may_complete_physical_interrupts_of_a_guest_with_split_eoi(void **state)
{
    const struct world_config cfg = { .vcpus = 2, .lrs = 4, .prebits = 5, .with_complete = true };

    (void)state;
    run_many(&cfg, SPLIT_EOI | SET_ACTIVE, 8);
}

static void guests_that_keep_up_go_the_short_ways(void **state)
{
    const struct world_config cfg = { .vcpus = 3, .lrs = 4, .prebits = 5 };
    const struct world_config many = { .vcpus = 2, .lrs = 16, .prebits = 5 };

    (void)state;
    run_many(&cfg, CALM, 9);
    run_many(&many, CALM | SET_ACTIVE, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_vcpu_takes_its_interrupts_as_the_architecture_says),
        cmocka_unit_test(vcpus_take_their_interrupts_as_the_architecture_says),
        cmocka_unit_test(one_list_register_is_enough),
        cmocka_unit_test(active_state_can_be_written),
        cmocka_unit_test(split_eoi_deactivates_in_any_order),
        cmocka_unit_test(split_eoi_works_with_two_list_registers),
        cmocka_unit_test(hosts_may_complete_and_mask_physical_interrupts_themselves),
        cmocka_unit_test(hosts_may_complete_physical_interrupts_of_a_guest_with_split_eoi),
        cmocka_unit_test(guests_that_keep_up_go_the_short_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
