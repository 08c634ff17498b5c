/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APICs as their CPUs use them. */
#ifndef LAPIC_FIXTURE_H
#define LAPIC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <axvm/err.h>

#include "lapic_world.h"

#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define TSC_DEADLINE 0x40000u
#define ESR_SEND_ILLEGAL 0x20u
#define ESR_RECEIVE_ILLEGAL 0x40u
#define ESR_ILLEGAL_REGISTER 0x80u

/* ---- the guest ---- */

static inline uint32_t load(uint32_t id, uint32_t off)
{
    return (uint32_t)axvm_lapic_mmio_read(&world.apic[id], off, 4);
}

static inline void store(uint32_t id, uint32_t off, uint32_t val)
{
    axvm_lapic_mmio_write(&world.apic[id], off, 4, val);
}

static inline int wrmsr(uint32_t id, uint32_t msr, uint64_t val)
{
    return axvm_lapic_msr_write(&world.apic[id], msr, val);
}

static inline int rdmsr(uint32_t id, uint32_t msr, uint64_t *val)
{
    return axvm_lapic_msr_read(&world.apic[id], msr, val);
}

static inline uint64_t msr_of(uint32_t id, uint32_t msr)
{
    uint64_t val = 0;

    assert_int_equal(rdmsr(id, msr, &val), AXVM_OK);
    return val;
}

static inline uint32_t errors_of(uint32_t id)
{
    store(id, 0x280, 0);
    return load(id, 0x280);
}

static inline void enable(uint32_t id)
{
    store(id, 0xf0, 0x1ff);
}

static inline void enter_x2apic(uint32_t id)
{
    assert_int_equal(wrmsr(id, 0x1b, msr_of(id, 0x1b) | 0x400), AXVM_OK);
    assert_int_equal(wrmsr(id, 0x80f, 0x1ff), AXVM_OK);
}

static inline int take(uint32_t id)
{
    int what = axvm_lapic_pending(&world.apic[id]);

    if (what != AXVM_LAPIC_NONE)
        axvm_lapic_accept(&world.apic[id], what);
    return what;
}

static inline int setup(void **state)
{
    (void)state;
    lapic_world_init(4);
    return 0;
}

static inline void send(uint32_t id, uint32_t dest, uint32_t low)
{
    store(id, 0x310, dest << 24);
    store(id, 0x300, low);
}

#endif
