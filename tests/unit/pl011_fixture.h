/* SPDX-License-Identifier: BSD-2-Clause */
/* A PL011 in a VM, reached as a guest would. */
#ifndef PL011_FIXTURE_H
#define PL011_FIXTURE_H

#include "device_fixture.h"

#include <axvm/pl011.h>

#include "arch.h"

#define BASE 0x9000000u
#define IRQ 40u

enum {
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,
};
enum {
    FR_CTS = 1,
    FR_DSR = 2,
    FR_DCD = 4,
    FR_BUSY = 8,
    FR_RXFE = 0x10,
    FR_TXFF = 0x20,
    FR_RXFF = 0x40,
    FR_TXFE = 0x80,
    FR_RI = 0x100
};
enum { INT_RX = 0x10, INT_TX = 0x20, INT_RT = 0x40, INT_BE = 0x200, INT_OE = 0x400 };
enum { FEN = 0x10, LBE = 0x80 };

struct bench {
    struct fake_hal *hal;
    struct axvm *vm;
    struct axvm_device *dev;
    struct fake_console con;
    struct axvm_chardev chardev;
};

static inline int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    if (device_setup(&b->hal, &b->vm) != 0)
        return -1;
    b->chardev = fake_console_init(&b->con);
    *state = b;
    return axvm_pl011_create(b->vm, BASE, IRQ, &b->chardev, &b->dev);
}

static inline int teardown(void **state)
{
    struct bench *b = *state;
    int rc = device_teardown(b->hal, b->vm);

    free(b);
    return rc;
}

#define UART_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static inline int try_access(struct bench *b, uint64_t off, unsigned int size, bool write, uint64_t *val, bool host)
{
    return device_access(b->vm, AXVM_BUS_MMIO, BASE + off, size, write, host, val);
}

/* As a guest: the fast tier first. */
static inline uint64_t rd_size(struct bench *b, uint64_t off, unsigned int size)
{
    uint64_t val = 0;
    int rc = try_access(b, off, size, false, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, size, false, &val, true);
    assert_int_equal(rc, AXVM_OK);
    return val;
}

static inline void wr_size(struct bench *b, uint64_t off, unsigned int size, uint64_t val)
{
    int rc = try_access(b, off, size, true, &val, false);

    if (rc == AXVM_ERR_AGAIN)
        rc = try_access(b, off, size, true, &val, true);
    assert_int_equal(rc, AXVM_OK);
}

static inline uint32_t rd(struct bench *b, uint64_t off)
{
    return (uint32_t)rd_size(b, off, 4);
}

static inline void wr(struct bench *b, uint64_t off, uint32_t val)
{
    wr_size(b, off, 4, val);
}

static inline bool line(struct bench *b)
{
    return b->vm->arch.irqs[IRQ].level;
}

static inline void type(struct bench *b, const char *s)
{
    assert_int_equal(axvm_pl011_receive(b->dev, (const uint8_t *)s, strlen(s)), strlen(s));
}

static inline void print(struct bench *b, const char *s)
{
    for (; *s; s++)
        wr(b, DR, (uint8_t)*s);
}

#endif
