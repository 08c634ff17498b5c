/* SPDX-License-Identifier: BSD-2-Clause */
#include "vgic_world.h"

#include <axvm/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The vCPU that this thread runs; -1: the host. */
static _Thread_local int running = -1;

/* ---- what the model needs of core ---- */

static struct world *world_of(const struct axvm *vm)
{
    return (struct world *)((char *)(uintptr_t)vm - offsetof(struct world, vm));
}

struct axvm_arena_chunk {
    struct axvm_arena_chunk *next;
};

void *axvm_arena_alloc(struct axvm_arena *arena, const struct axvm_hal *hal, size_t size)
{
    struct axvm_arena_chunk *chunk = calloc(1, sizeof(*chunk) + 8 + size);

    (void)hal;
    assert_non_null(chunk);
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return (char *)chunk + 16;
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    dev->vm = vm;
    return AXVM_OK;
}

void axvm_vcpu_request(struct axvm_vcpu *vcpu, uint32_t bits)
{
    uint32_t before = atomic_fetch_or(&vcpu->requests, bits);

    if ((before & bits) != bits)
        world_of(vcpu->vm)->kicks[vcpu->id]++;
    /* It sleeps: whoever asked is to leave for the host, which wakes it. */
    if (atomic_load(&vcpu->in_guest) == 0)
        atomic_store(&vcpu->vm->wake_trap, AXVM_TRAP_REQUEST);
}

static struct axvm_cpu *this_cpu(void *ctx)
{
    struct world *w = ctx;

    return running < 0 ? NULL : &w->cpu[w->where[running]];
}

static void irq_complete(void *ctx, unsigned int host_irq)
{
    struct world *w = ctx;

    assert_true(w->machine.spi_active[host_irq]);
    w->machine.spi_active[host_irq] = false;
    w->completions++;
}

static void irq_mask(void *ctx, unsigned int host_irq, bool masked)
{
    struct world *w = ctx;

    w->masked[host_irq] = masked;
}

/* ---- making one ---- */

struct world *world_new(const struct world_config *cfg)
{
    struct world *w = calloc(1, sizeof(*w));
    unsigned int vcpus = cfg->vcpus ? cfg->vcpus : 1;

    assert_non_null(w);
    for (unsigned int i = 0; i < WORLD_CPUS; i++) {
        w->phys[i].machine = &w->machine;
        w->phys[i].lr_count = cfg->lrs ? cfg->lrs : 4;
        w->phys[i].prebits = cfg->prebits ? cfg->prebits : 5;
        w->phys[i].tds = !cfg->no_tdir;
        w->phys[i].counts_drops = cfg->counts_drops;
    }
    w->vm.hal.ctx = w;
    w->vm.hal.this_cpu = this_cpu;
    w->vm.hal.irq_complete = cfg->with_complete ? irq_complete : NULL;
    w->vm.hal.irq_mask = cfg->with_mask ? irq_mask : NULL;
    w->vm.cfg.vcpu_count = vcpus;
    w->vm.cfg.irq_mode = cfg->mode;
    w->vm.vcpus = w->vcpu;
    world_host(w);
    assert_int_equal(axvm_vgic_init(&w->vm), AXVM_OK);
    for (unsigned int i = 0; i < vcpus; i++) {
        w->vcpu[i] = aligned_alloc(_Alignof(struct axvm_vcpu), sizeof(struct axvm_vcpu));
        assert_non_null(w->vcpu[i]);
        memset(w->vcpu[i], 0, sizeof(struct axvm_vcpu));
        w->vcpu[i]->vm = &w->vm;
        w->vcpu[i]->id = i;
        w->vcpu[i]->arch.mpidr = UINT64_C(1) << 31 | i / 16 << 8 | i % 16;
        w->where[i] = i % WORLD_CPUS;
        w->vm.vcpu_count = i + 1;
        axvm_vgic_vcpu_reset(w->vcpu[i]);
    }
    return w;
}

void world_free(struct world *w)
{
    for (unsigned int i = 0; i < w->vm.vcpu_count; i++) {
        if (world_vgic(w, i)->loaded)
            world_put(w, i);
    }
    world_host(w);
    axvm_vgic_fini(&w->vm);
    for (unsigned int i = 0; i < w->vm.vcpu_count; i++)
        free(w->vcpu[i]);
    while (w->vm.arena.chunks) {
        struct axvm_arena_chunk *chunk = w->vm.arena.chunks;

        w->vm.arena.chunks = chunk->next;
        free(chunk);
    }
    free(w);
}

/* ---- who and where ---- */

void world_be(struct world *w, unsigned int vcpu)
{
    w->actor = vcpu;
    running = (int)vcpu;
    w->cpu[w->where[vcpu]].running = w->vcpu[vcpu];
    gich_here = &w->phys[w->where[vcpu]];
}

/* On a machine of eight, the host can be on the last. */
void world_host(struct world *w)
{
    running = -1;
    gich_here = &w->phys[WORLD_CPUS - 1];
}

struct gich_fake *world_gich(struct world *w, unsigned int vcpu)
{
    return &w->phys[w->where[vcpu]];
}

struct axvm_vgic_cpu *world_vgic(struct world *w, unsigned int vcpu)
{
    return &w->vcpu[vcpu]->arch.vgic;
}

void world_enter(struct axvm_vcpu *vcpu, bool resident)
{
    atomic_store(&vcpu->in_guest, 1);
    axvm_vgic_load(vcpu, resident);
}

void world_leave(struct axvm_vcpu *vcpu)
{
    axvm_vgic_put(vcpu);
    atomic_store(&vcpu->in_guest, 0);
}

void world_load(struct world *w, unsigned int vcpu, bool resident)
{
    world_be(w, vcpu);
    atomic_store(&w->vcpu[vcpu]->requests, 0);
    world_enter(w->vcpu[vcpu], resident);
}

void world_put(struct world *w, unsigned int vcpu)
{
    world_be(w, vcpu);
    world_leave(w->vcpu[vcpu]);
    /* Hardware is quiet while the host runs. */
    assert_false(gich_fake_maintenance(gich_here));
    assert_false(gich_here->ppi_active[27]);
}

void world_settle(struct world *w, unsigned int vcpu)
{
    if (!world_vgic(w, vcpu)->loaded) {
        w->looked[vcpu] |= atomic_exchange(&w->vcpu[vcpu]->requests, 0) != 0;
        return;
    }
    world_be(w, vcpu);
    for (unsigned int i = 0; i < 4; i++) {
        uint32_t requests = atomic_exchange(&w->vcpu[vcpu]->requests, 0);

        if ((requests & AXVM_REQ_IRQ) == 0 && !gich_fake_maintenance(gich_here))
            return;
        axvm_vgic_refresh(w->vcpu[vcpu]);
    }
    fail_msg("vCPU %u: maintenance does not end", vcpu);
}

void world_settle_all(struct world *w)
{
    bool again = true;

    for (unsigned int i = 0; again && i < 8; i++) {
        again = false;
        for (unsigned int v = 0; v < w->vm.vcpu_count; v++)
            world_settle(w, v);
        for (unsigned int v = 0; v < w->vm.vcpu_count; v++)
            again |= atomic_load(&w->vcpu[v]->requests) != 0 ||
                     (world_vgic(w, v)->loaded && gich_fake_maintenance(world_gich(w, v)));
    }
    assert_false(again);
}

/* ---- a guest ---- */

static struct axvm_device *find(struct world *w, uint64_t gpa, struct axvm_access *acc)
{
    struct axvm_device *devs[] = { &w->vm.arch.vgic.gicd, &w->vm.arch.vgic.gicr };

    for (unsigned int d = 0; d < 2; d++) {
        for (uint32_t i = 0; i < devs[d]->window_count; i++) {
            const struct axvm_window *win = &devs[d]->windows[i];

            if (gpa >= win->base && gpa - win->base < win->len && acc->size <= win->len - (gpa - win->base)) {
                acc->off = gpa - win->base;
                acc->window = (uint8_t)i;
                return devs[d];
            }
        }
    }
    return NULL;
}

static int access(struct world *w, unsigned int vcpu, uint64_t gpa, unsigned int size, bool write, uint64_t *val)
{
    struct axvm_access acc = { .val = write ? *val : 0xdeadbeefdeadbeef, .size = (uint8_t)size, .vcpu = w->vcpu[vcpu] };
    struct axvm_device *dev = find(w, gpa, &acc);
    int rc;

    if (!dev)
        return AXVM_ERR_NOENT;
    world_be(w, vcpu);
    rc = write ? dev->ops->write(dev, &acc) : dev->ops->read(dev, &acc);
    if (!write) {
        *val = acc.val;
        assert_true(rc != AXVM_OK || size == 8 || acc.val >> 8 * size == 0);
    }
    return rc;
}

int world_try_read(struct world *w, unsigned int vcpu, uint64_t gpa, unsigned int size, uint64_t *val)
{
    return access(w, vcpu, gpa, size, false, val);
}

int world_try_write(struct world *w, unsigned int vcpu, uint64_t gpa, unsigned int size, uint64_t val)
{
    return access(w, vcpu, gpa, size, true, &val);
}

uint32_t world_read(struct world *w, unsigned int vcpu, uint64_t gpa)
{
    uint64_t val;

    assert_int_equal(access(w, vcpu, gpa, 4, false, &val), AXVM_OK);
    return (uint32_t)val;
}

void world_write(struct world *w, unsigned int vcpu, uint64_t gpa, uint32_t val)
{
    uint64_t v = val;

    assert_int_equal(access(w, vcpu, gpa, 4, true, &v), AXVM_OK);
}

uint64_t world_read64(struct world *w, unsigned int vcpu, uint64_t gpa)
{
    uint64_t val;

    assert_int_equal(access(w, vcpu, gpa, 8, false, &val), AXVM_OK);
    return val;
}

void world_write64(struct world *w, unsigned int vcpu, uint64_t gpa, uint64_t val)
{
    assert_int_equal(access(w, vcpu, gpa, 8, true, &val), AXVM_OK);
}

void world_enable_all(struct world *w)
{
    world_write(w, 0, GICD(0), 3);
    for (unsigned int i = 1; i < 32; i++)
        world_write(w, 0, GICD(0x100 + 4 * i), 0xffffffff);
    for (unsigned int i = 32; i < 1020; i += 4)
        world_write(w, 0, GICD(0x400 + i), 0xa0a0a0a0);
    for (unsigned int v = 0; v < w->vm.vcpu_count; v++) {
        world_write(w, 0, GICR(v, 0x14), 0);
        world_write(w, 0, GICR_SGI(v, 0x100), 0xffffffff);
        for (unsigned int i = 0; i < 32; i += 4)
            world_write(w, 0, GICR_SGI(v, 0x400 + i), 0xa0a0a0a0);
    }
    for (unsigned int v = 0; v < w->vm.vcpu_count && v < WORLD_CPUS; v++) {
        world_load(w, v, false);
        gich_fake_set_pmr(world_gich(w, v), 0xf8);
        gich_fake_set_group(world_gich(w, v), 0, true);
        gich_fake_set_group(world_gich(w, v), 1, true);
    }
    world_settle_all(w);
}

uint32_t world_ack(struct world *w, unsigned int vcpu)
{
    unsigned int group = 0;

    if (gich_fake_hppi(world_gich(w, vcpu), &group) == GICH_FAKE_SPURIOUS)
        return GICH_FAKE_SPURIOUS;
    return gich_fake_ack(world_gich(w, vcpu), group);
}

void world_eoi(struct world *w, unsigned int vcpu, uint32_t intid)
{
    world_be(w, vcpu);
    gich_fake_eoi(world_gich(w, vcpu), 1, intid);
    world_settle(w, vcpu);
}
