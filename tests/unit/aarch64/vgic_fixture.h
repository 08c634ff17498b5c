/* SPDX-License-Identifier: BSD-2-Clause */
/* GICs of guests, with one vCPU or more. */
#ifndef VGIC_FIXTURE_H
#define VGIC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>
#include <cmocka.h>

#include "vgic_priv.h"
#include "vgic_world.h"

#define NONE GICH_FAKE_SPURIOUS
#define SGI(intid, list) ((uint64_t)(intid) << 24 | (list))
#define IRM (UINT64_C(1) << 40)

static inline struct world *enabled_world(const struct world_config *cfg)
{
    struct world *w = world_new(cfg);

    world_enable_all(w);
    return w;
}

static inline int one_vcpu(void **state)
{
    const struct world_config cfg = { .vcpus = 1 };

    *state = enabled_world(&cfg);
    return 0;
}

static inline int two_vcpus(void **state)
{
    const struct world_config cfg = { .vcpus = 2 };

    *state = enabled_world(&cfg);
    return 0;
}

static inline int all_vcpus(void **state)
{
    const struct world_config cfg = { .vcpus = AXVM_MAX_VCPUS };

    *state = enabled_world(&cfg);
    return 0;
}

static inline int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static inline void inject(struct world *w, unsigned int vcpu, uint32_t intid)
{
    world_host(w);
    assert_int_equal(axvm_vgic_inject(w->vcpu[vcpu], intid), AXVM_OK);
    world_settle_all(w);
}

static inline void set_spi(struct world *w, uint32_t intid, bool level)
{
    world_host(w);
    axvm_vgic_set_spi(&w->vm, intid, level);
    world_settle_all(w);
}

static inline void set_prio(struct world *w, uint32_t intid, uint8_t prio)
{
    assert_int_equal(world_try_write(w, 0, GICD(0x400 + intid), 1, prio), AXVM_OK);
}

static inline void route(struct world *w, uint32_t intid, uint64_t affinity)
{
    world_write64(w, 0, GICD(0x6000 + 8 * (uint64_t)intid), affinity);
}

static inline void send_sgi(struct world *w, unsigned int vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    world_be(w, vcpu);
    axvm_vgic_sgi(w->vcpu[vcpu], reg, val);
    world_settle_all(w);
}

static inline bool pending_at(struct world *w, unsigned int vcpu)
{
    if (world_vgic(w, vcpu)->loaded)
        world_be(w, vcpu);
    else
        world_host(w);
    return axvm_vgic_pending(w->vcpu[vcpu]);
}

#endif
