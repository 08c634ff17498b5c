/* SPDX-License-Identifier: BSD-2-Clause */
/* One device without a VM around it, for the fuzz targets of interrupt controllers: its memory, its bus, the input. */
#ifndef AXVM_TESTS_FUZZ_DEVICE_H
#define AXVM_TESTS_FUZZ_DEVICE_H

#include <axvm/err.h>

#include "fuzz.h"

static struct axvm_device *fuzz_device;

void *axvm_device_alloc(struct axvm *vm, size_t size)
{
    (void)vm;
    return calloc(1, size);
}

int axvm_device_attach(struct axvm *vm, struct axvm_device *dev)
{
    (void)vm;
    fuzz_device = dev;
    return AXVM_OK;
}

/* A guest's access, of a size and a tier that @how says; at @off or, for it to fit, before. */
static inline int fuzz_access(uint8_t how, uint64_t off, bool write, uint64_t *val)
{
    static const uint8_t sizes[] = { 4, 4, 4, 4, 4, 1, 2, 8 };
    struct axvm_access acc = { .size = sizes[how % 8], .val = *val, .may_call_host = how >> 3 & 1 };
    uint64_t len = fuzz_device->windows[0].len;
    int rc;

    acc.off = off % (len - acc.size + 1);
    rc = write ? fuzz_device->ops->write(fuzz_device, &acc) : fuzz_device->ops->read(fuzz_device, &acc);
    *val = acc.val;
    return rc;
}

/* The same for words, which all of these devices take only when they are aligned: where it was, or false. */
static inline bool fuzz_access_word(uint8_t how, uint64_t *off, bool write, uint64_t *val)
{
    bool word = how % 8 < 5;
    uint64_t at = word ? *off % (fuzz_device->windows[0].len - 3) : *off;
    int rc = fuzz_access(how, at, write, val);

    FUZZ_CHECK((rc == AXVM_OK) == (word && at % 4 == 0));
    FUZZ_CHECK(rc == AXVM_OK || rc == AXVM_ERR_GUEST);
    *off = at;
    return rc == AXVM_OK;
}

#endif
