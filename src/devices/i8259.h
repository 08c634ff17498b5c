/* SPDX-License-Identifier: BSD-2-Clause */
/* The two interrupt controllers of a PC: Intel 8259A datasheet (231468), and their edge/level registers: ICH9 datasheet
 * (316972), "Interrupt Controller I/O Registers". */
#ifndef AXVM_DEVICES_I8259_H
#define AXVM_DEVICES_I8259_H

#include <axvm/device.h>

#include "lock.h"

#define AXVM_I8259_LINES 16u

/** One of the two chips. */
struct axvm_i8259_chip {
    uint8_t irr, isr, imr;
    uint8_t lines;                                               /**< Levels of the inputs. */
    uint8_t elcr;                                                /**< Inputs that are level-triggered. */
    uint8_t lowest;                                              /**< The input of lowest priority: 7, until it is rotated. */
    uint8_t base;                                                /**< ICW2: vector of input 0. */
    uint8_t init;                                                /**< Which ICW is to come: 0 none, else 2..4. */
    uint8_t read_isr;                                            /**< OCW3: reading gives ISR, not IRR. */
    bool poll;                                                   /**< OCW3: the next read is a poll. */
    bool special_mask;                                           /**< OCW3 */
    bool want_icw4, single, auto_eoi, rotate_aeoi, fully_nested; /**< ICW1, ICW4, OCW2 */
};

struct axvm_i8259 {
    struct axvm_device dev;
    struct axvm_lock lock;
    /** Level of INTR, when it changes; the lock is held. */
    void (*output)(void *arg, bool level);
    /** The guest is done with these inputs of @p tracked (one bit each). No lock is held. */
    void (*done)(void *arg, uint32_t lines);
    void *arg;
    uint32_t tracked; /**< Inputs that done() is told of; before boot. */
    /* guarded by lock */
    struct axvm_i8259_chip chip[2];
    uint32_t ended; /**< Tracked inputs whose service has ended, for done(). */
    bool intr;
};

/** Put it on @p vm's ports: 0x20, 0xa0, 0x4d0. output, done and arg are set, the rest is zero. Errors as axvm_device_attach().
 */
int axvm_i8259_attach(struct axvm_i8259 *pic, struct axvm *vm);

/** Level of an input, 0..15; 2 is the cascade and ignored. Any CPU. */
void axvm_i8259_set(struct axvm_i8259 *pic, unsigned int irq, bool level);

/** The CPU acknowledges INTR: the vector, of a spurious interrupt if there is nothing (any more). */
uint8_t axvm_i8259_ack(struct axvm_i8259 *pic);

#endif
