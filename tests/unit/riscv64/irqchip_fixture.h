/* SPDX-License-Identifier: BSD-2-Clause */
/* An interrupt controller without a VM around it, beside its reference model: its memory, its bus, numbers to ask it with. */
#ifndef IRQCHIP_FIXTURE_H
#define IRQCHIP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <axvm/err.h>

#include "vm_priv.h"

/* ---- what the controller calls ---- */

static void *device_memory;

void *axvm_device_alloc(struct axvm *vm, size_t size)
{
    (void)vm;
    device_memory = calloc(1, size);
    return device_memory;
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    (void)vm;
    (void)dev;
    return AXVM_OK;
}

static inline int teardown(void **state)
{
    (void)state;
    free(device_memory);
    device_memory = NULL;
    return 0;
}

/* ---- accesses, as the bus makes them ---- */

static struct axvm_device *dev;

static inline int access(uint64_t off, unsigned int size, bool write, uint64_t *val)
{
    static unsigned int count;
    /* The fast tier and the host tier, as it comes. */
    struct axvm_access acc = { .off = off, .size = (uint8_t)size, .val = *val, .may_call_host = count++ % 3 == 0 };
    int rc = write ? dev->ops->write(dev, &acc) : dev->ops->read(dev, &acc);

    *val = acc.val;
    return rc;
}

static inline uint32_t read32(uint64_t off)
{
    uint64_t val = UINT64_MAX; /* to be overwritten */

    assert_int_equal(access(off, 4, false, &val), AXVM_OK);
    assert_true(val <= UINT32_MAX);
    return (uint32_t)val;
}

static inline void write32(uint64_t off, uint32_t v)
{
    uint64_t val = v;

    assert_int_equal(access(off, 4, true, &val), AXVM_OK);
}

/* ---- at random ---- */

static inline uint32_t any(uint32_t n)
{
    return (uint32_t)rand() % n;
}

/* Few sources, so that they meet. */
static inline uint32_t any_source(void)
{
    static const uint32_t some[] = { 1, 2, 3, 31, 32, 33, 64, 100, 254, 255 };

    return some[any(10)];
}

#endif
