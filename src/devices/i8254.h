/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC's timer: Intel 8254 datasheet (231164), with the AT's port 0x61 around channel 2. */
#ifndef AXVM_DEVICES_I8254_H
#define AXVM_DEVICES_I8254_H

#include <axvm/device.h>

#define AXVM_I8254_PORT 0x40u
#define AXVM_I8254_CONTROL_PORT 0x61u
#define AXVM_I8254_HZ 1193182u

/* One counter. Times are ticks of its clock. */
struct axvm_i8254_channel {
    uint8_t mode;   /* 0..5 */
    uint8_t access; /* RW field of the control word: 1 low byte, 2 high byte, 3 both */
    bool bcd;
    bool gate;
    bool counting; /* the count has been loaded, in modes 1 and 5 by a trigger */
    bool paused;   /* by the gate, but in modes 1 and 5: @elapsed instead of @start counts */
    bool before;   /* OUT while the count is about to be loaded */
    bool pending;  /* modes 2 and 3: @next replaces @count at @switch_at */
    bool written;  /* modes 1 and 5: a count is there for the next trigger; all: NULL COUNT if it is not loaded yet */
    bool write_high, read_high;
    uint8_t low; /* first byte of a count of two */
    uint32_t count, next;
    uint64_t start, elapsed, switch_at;
    uint8_t latched_bytes; /* of @latch that are still to be read */
    uint16_t latch;
    bool status_latched;
    uint8_t status;
};

struct axvm_i8254 {
    struct axvm_device dev;
    struct axvm_irq_line line;
    struct axvm_i8254_channel channel[3];
    uint64_t now;      /* last time that was seen; never goes back */
    uint64_t last_irq; /* ns: when the last interrupt was made */
    uint64_t seen;     /* tick up to which rising edges of channel 0 have been made interrupts */
    uint8_t control;   /* port 0x61, bits 3:0 */
};

/* Make one, at the PC's ports. @irq: input of the interrupt controller. Errors as axvm_device_attach(), axvm_irq_line_init().
 */
int axvm_i8254_create(struct axvm *vm, uint32_t irq, bool has_irq);

/* ---- the counters by themselves; @t never goes back ---- */

void axvm_i8254_reset_channel(struct axvm_i8254_channel *c, bool gate);
void axvm_i8254_control_word(struct axvm_i8254_channel *c, uint8_t word, uint64_t t);
void axvm_i8254_read_back(struct axvm_i8254_channel *c, uint8_t word, uint64_t t);
void axvm_i8254_write(struct axvm_i8254_channel *c, uint8_t val, uint64_t t);
uint8_t axvm_i8254_read(struct axvm_i8254_channel *c, uint64_t t);
void axvm_i8254_set_gate(struct axvm_i8254_channel *c, bool gate, uint64_t t);
bool axvm_i8254_out(struct axvm_i8254_channel *c, uint64_t t);
/* The first tick after @t at which OUT rises; UINT64_MAX: never, as things are. */
uint64_t axvm_i8254_next_rise(struct axvm_i8254_channel *c, uint64_t t);

#endif
