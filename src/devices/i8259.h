/* SPDX-License-Identifier: BSD-2-Clause */
/* The two interrupt controllers of a PC: Intel 8259A datasheet (231468), and their edge/level registers: ICH9 datasheet
 * (316972), "Interrupt Controller I/O Registers". */
#ifndef AXVM_DEVICES_I8259_H
#define AXVM_DEVICES_I8259_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

#define AXVM_I8259_LINES 16u

/** Their ports, two each: the chips', and of both chips the edge/level registers. */
enum axvm_i8259_ports { AXVM_I8259_MASTER, AXVM_I8259_SLAVE, AXVM_I8259_ELCR };
#define AXVM_I8259_MASTER_BASE 0x20u
#define AXVM_I8259_SLAVE_BASE 0xa0u
#define AXVM_I8259_ELCR_BASE 0x4d0u

/** One of the two. */
struct axvm_i8259_chip {
    uint8_t irr, isr, imr;
    uint8_t lines;                             /**< Levels of the inputs. */
    uint8_t level;                             /**< Inputs that are level-triggered: ELCR, and the cascade. */
    uint8_t lowest;                            /**< The input of lowest priority: 7, until it is rotated. */
    uint8_t base;                              /**< ICW2: vector of input 0. */
    uint8_t next;                              /**< Which ICW is to come: 2..4; 0: none. */
    bool icw4, single;                         /**< ICW1: there is an ICW4; there is no ICW3. */
    bool auto_eoi, fully_nested;               /**< ICW4; the latter: special fully nested mode */
    bool rotate, special_mask, poll, read_isr; /**< OCW2: in auto-EOI mode. OCW3; poll: the next read is one. */
};

struct axvm_i8259 {
    struct axvm_lock lock;
    /** Level of INTR, when it changes. The lock is held. */
    void (*output)(void *arg, bool level);
    /** The guest is done with interrupts of these inputs (a bit each), all of them tracked. No lock is held. */
    void (*done)(void *arg, uint32_t lines);
    void *arg;
    /* guarded by lock */
    uint32_t tracked;               /**< axvm_i8259_track() */
    struct axvm_i8259_chip chip[2]; /**< Master, slave. */
    uint32_t ended;                 /**< Inputs whose service ended under the lock. */
    bool intr;
};

/** output, done and arg are set; the rest is zero, or as it was. Tracked inputs stay so. */
void axvm_i8259_reset(struct axvm_i8259 *pic);

/** Tell done() of the end of each interrupt of this input. */
void axvm_i8259_track(struct axvm_i8259 *pic, unsigned int irq);

/** A guest's access of one byte to the first (@p which 0) or the second (1) of two ports. */
uint8_t axvm_i8259_read(struct axvm_i8259 *pic, enum axvm_i8259_ports ports, unsigned int which);
void axvm_i8259_write(struct axvm_i8259 *pic, enum axvm_i8259_ports ports, unsigned int which, uint8_t val);

/** Level of an input, 0..15; 2 is the cascade and not an input. Any CPU. */
void axvm_i8259_set(struct axvm_i8259 *pic, unsigned int irq, bool level);

/** A CPU acknowledges INTR: the vector; of the spurious interrupt if there is none any more. */
uint8_t axvm_i8259_ack(struct axvm_i8259 *pic);

#endif
