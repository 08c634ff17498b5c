/* SPDX-License-Identifier: BSD-2-Clause */
#include "vintc_world.h"

#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

struct vintc_world vw;

/* ---- core and backend ---- */

void axvm_vcpu_request(struct axvm_vcpu *vcpu, uint32_t bits)
{
    vw.violations += bits != AXVM_REQ_IRQ;
    vw.requests[vcpu->id]++;
}

void *axvm_device_alloc(struct axvm *vm, size_t size)
{
    (void)vm;
    vw.memory = calloc(1, size);
    return vw.memory;
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    vw.violations += vm != &vw.vm || dev->flags != (AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED);
    vw.devices[vw.device_count++] = dev;
    return AXVM_OK;
}

void axvm_x86_nmi(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    vw.nmis++;
}

void axvm_x86_init(struct axvm_vcpu *vcpu)
{
    (void)vcpu;
    vw.inits++;
}

void axvm_x86_sipi(struct axvm_vcpu *vcpu, uint8_t vector)
{
    (void)vcpu;
    vw.last_sipi = vector;
}

/* The VM's TSC runs at 2 GHz and was 0 when the host's clock was. */
uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu)
{
    return 2 * vw.time_ns + vcpu->arch.tsc_moved;
}

uint64_t axvm_x86_tsc_to_ns(struct axvm *vm, uint64_t tsc)
{
    int64_t left = (int64_t)(tsc - 2 * vw.time_ns);

    (void)vm;
    return vw.time_ns + ((uint64_t)left + 1) / 2;
}

/* ---- the host ---- */

static uint64_t hal_time(void *ctx)
{
    (void)ctx;
    return vw.time_ns;
}

static struct axvm_cpu *hal_this_cpu(void *ctx)
{
    (void)ctx;
    return &vw.this_cpu;
}

static void hal_complete(void *ctx, unsigned int host_irq)
{
    (void)ctx;
    vw.completed[host_irq]++;
}

void vintc_world_start(enum axvm_irq_mode mode, bool can_complete)
{
    struct axvm *vm = &vw.vm;

    free(vw.memory);
    memset(&vw, 0, sizeof(vw));
    vw.time_ns = 1000000;
    vm->hal.time_ns = hal_time;
    vm->hal.this_cpu = hal_this_cpu;
    vm->hal.irq_complete = can_complete ? hal_complete : NULL;
    vm->cfg.irq_mode = mode;
    vm->as.geo.gpa_bits = 40;
    vw.violations += axvm_vintc_create(vm) != AXVM_OK;
    for (uint32_t i = 0; i < VINTC_WORLD_VCPUS; i++) {
        vw.vcpus[i].vm = vm;
        vw.vcpus[i].id = i;
        axvm_vlapic_create(&vw.vcpus[i]);
    }
}

/* ---- the bus ---- */

static int access_window(uint32_t id, struct axvm_device *dev, uint32_t w, uint64_t addr, unsigned int size, bool write,
                         uint64_t *val)
{
    const struct axvm_window *win = &dev->windows[w];
    struct axvm_access acc = {
        .off = addr - win->base, .val = *val, .size = (uint8_t)size, .window = (uint8_t)w, .vcpu = &vw.vcpus[id]
    };
    int rc = write ? dev->ops->write(dev, &acc) : dev->ops->read(dev, &acc);

    *val = acc.val;
    return rc;
}

int vintc_world_access(uint32_t id, enum axvm_bus_space space, uint64_t addr, unsigned int size, bool write, uint64_t *val)
{
    for (unsigned int d = 0; d < vw.device_count; d++) {
        for (uint32_t w = 0; w < vw.devices[d]->window_count; w++) {
            const struct axvm_window *win = &vw.devices[d]->windows[w];

            if (win->space == space && addr >= win->base && addr - win->base < win->len &&
                size <= win->len - (addr - win->base))
                return access_window(id, vw.devices[d], w, addr, size, write, val);
        }
    }
    return AXVM_ERR_NOENT;
}
