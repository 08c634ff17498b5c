/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8259A, twice. An edge stays in IRR until it is acknowledged, also if its line falls: devices here pulse their lines. The
 * slave's output is a level at the master's input 2.
 */
#include "i8259.h"

#include "bits.h"
#include "mem.h"

#define CASCADE 2u
#define SPURIOUS 7u
#define NOTHING 8u

/* "Initialization Command Words", "Operation Command Words": by address bit 0, then bits 4 and 3. */
#define ICW1 0x10u
#define ICW1_ICW4 0x01u
#define ICW1_SINGLE 0x02u
#define ICW4_AUTO_EOI 0x02u
#define ICW4_FULLY_NESTED 0x10u
#define OCW3 0x08u
#define OCW3_READ_ISR 0x01u
#define OCW3_READ 0x02u
#define OCW3_POLL 0x04u
#define OCW3_SPECIAL_MASK 0x20u
#define OCW3_SET_MASK_MODE 0x40u
#define OCW2_ROTATE 0x80u
#define OCW2_SPECIFIC 0x40u
#define OCW2_EOI 0x20u

enum { MASTER, SLAVE };

/* "ELCR1", "ELCR2": timer, keyboard, cascade; clock and coprocessor are edges for ever. */
static const uint8_t elcr_writable[2] = { 0xf8, 0xde };

/* ---- one chip ---- */

/* The input of highest priority in @bits, which is a place in the order of priority from 0; NOTHING. */
static unsigned int first_place(const struct axvm_i8259_chip *c, uint8_t bits)
{
    unsigned int top = (c->lowest + 1u) & 7;
    uint32_t turned = ((uint32_t)bits << 8 | bits) >> top & 0xff;

    return turned != 0 ? axvm_ctz64(turned) : NOTHING;
}

static unsigned int input_at(const struct axvm_i8259_chip *c, unsigned int place)
{
    return (c->lowest + 1u + place) & 7;
}

/* What in service keeps others out. "Special Mask Mode": not what is masked; "Special Fully Nested Mode": not the slave. */
static uint8_t in_the_way(const struct axvm_i8259_chip *c, bool master)
{
    uint8_t isr = c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;

    return c->fully_nested && master ? isr & (uint8_t) ~(1u << CASCADE) : isr;
}

static uint8_t wanted(const struct axvm_i8259_chip *c)
{
    return c->irr & (uint8_t)~c->imr;
}

/* The input it would interrupt for; NOTHING. */
static unsigned int request(const struct axvm_i8259_chip *c, bool master)
{
    unsigned int place = first_place(c, wanted(c));

    return place < first_place(c, in_the_way(c, master)) ? input_at(c, place) : NOTHING;
}

/* ---- both; the lock is held ---- */

static struct axvm_i8259_chip *master(struct axvm_i8259 *pic)
{
    return &pic->chip[MASTER];
}

static struct axvm_i8259_chip *slave(struct axvm_i8259 *pic)
{
    return &pic->chip[SLAVE];
}

static void update(struct axvm_i8259 *pic)
{
    bool intr;

    if (request(slave(pic), false) != NOTHING)
        master(pic)->irr |= 1u << CASCADE;
    else
        master(pic)->irr &= (uint8_t) ~(1u << CASCADE);
    intr = request(master(pic), true) != NOTHING;
    if (intr == pic->intr)
        return;
    pic->intr = intr;
    pic->output(pic->arg, intr);
}

/* All that it does where nobody asks for anything, as in most guests, which have an I/O APIC; false: there is more to do. */
static inline bool update_if_quiet(struct axvm_i8259 *pic)
{
    master(pic)->irr &= (uint8_t) ~(1u << CASCADE);
    return (wanted(slave(pic)) | wanted(master(pic)) | pic->intr) == 0;
}

static void end_service(struct axvm_i8259 *pic, unsigned int which, uint8_t bits)
{
    struct axvm_i8259_chip *c = &pic->chip[which];

    pic->ended |= (uint32_t)(c->isr & bits) << 8 * which & pic->tracked;
    c->isr &= (uint8_t)~bits;
}

/* "Interrupt Sequence", of one input. */
static void acknowledge(struct axvm_i8259 *pic, unsigned int which, unsigned int input)
{
    struct axvm_i8259_chip *c = &pic->chip[which];
    uint8_t bit = (uint8_t)(1u << input);

    c->isr |= bit;
    c->irr &= (uint8_t) ~(bit & ~c->level);
    if (!c->auto_eoi)
        return;
    end_service(pic, which, bit);
    if (c->rotate)
        c->lowest = (uint8_t)input;
}

static uint8_t acknowledge_slave(struct axvm_i8259 *pic)
{
    unsigned int input = request(slave(pic), false);

    if (input == NOTHING)
        return slave(pic)->base + SPURIOUS;
    acknowledge(pic, SLAVE, input);
    return (uint8_t)(slave(pic)->base + input);
}

static uint8_t acknowledge_both(struct axvm_i8259 *pic)
{
    unsigned int input = request(master(pic), true);

    if (input == NOTHING)
        return master(pic)->base + SPURIOUS;
    acknowledge(pic, MASTER, input);
    return input == CASCADE ? acknowledge_slave(pic) : (uint8_t)(master(pic)->base + input);
}

/* ---- commands; the lock is held ---- */

/* "Initialization Command Words 1 and 2": also a reset, of all but the lines and ELCR. */
static void write_icw1(struct axvm_i8259 *pic, unsigned int which, uint8_t val)
{
    struct axvm_i8259_chip *c = &pic->chip[which];

    end_service(pic, which, 0xff);
    c->irr &= c->level;
    c->imr = 0;
    c->lowest = 7;
    c->icw4 = (val & ICW1_ICW4) != 0;
    c->single = (val & ICW1_SINGLE) != 0;
    c->auto_eoi = c->fully_nested = c->rotate = c->special_mask = c->poll = c->read_isr = false;
    c->next = 2;
}

static void write_icw(struct axvm_i8259_chip *c, uint8_t val)
{
    switch (c->next) {
    case 2:
        c->base = val & 0xf8;
        c->next = !c->single ? 3 : c->icw4 ? 4 : 0;
        break;
    case 3: /* who is at which input is fixed */
        c->next = c->icw4 ? 4 : 0;
        break;
    default:
        c->auto_eoi = (val & ICW4_AUTO_EOI) != 0;
        c->fully_nested = (val & ICW4_FULLY_NESTED) != 0;
        c->next = 0;
        break;
    }
}

/* EOI of the highest in service, or of the one that is named. In special mask mode the former does not see what is masked. */
static void write_eoi(struct axvm_i8259 *pic, unsigned int which, uint8_t val)
{
    struct axvm_i8259_chip *c = &pic->chip[which];
    unsigned int input = val & 7;

    if (!(val & OCW2_SPECIFIC)) {
        unsigned int place = first_place(c, in_the_way(c, false));

        if (place == NOTHING)
            return;
        input = input_at(c, place);
    }
    end_service(pic, which, (uint8_t)(1u << input));
    if (val & OCW2_ROTATE)
        c->lowest = (uint8_t)input;
}

static void write_ocw2(struct axvm_i8259 *pic, unsigned int which, uint8_t val)
{
    struct axvm_i8259_chip *c = &pic->chip[which];

    if (val & OCW2_EOI)
        write_eoi(pic, which, val);
    else if (!(val & OCW2_SPECIFIC))
        c->rotate = (val & OCW2_ROTATE) != 0;
    else if (val & OCW2_ROTATE)
        c->lowest = val & 7;
}

static void write_ocw3(struct axvm_i8259_chip *c, uint8_t val)
{
    if (val & OCW3_POLL)
        c->poll = true;
    else if (val & OCW3_READ)
        c->read_isr = (val & OCW3_READ_ISR) != 0;
    if (val & OCW3_SET_MASK_MODE)
        c->special_mask = (val & OCW3_SPECIAL_MASK) != 0;
}

static void write_chip(struct axvm_i8259 *pic, unsigned int which, unsigned int a0, uint8_t val)
{
    struct axvm_i8259_chip *c = &pic->chip[which];

    if (a0 && c->next != 0)
        write_icw(c, val);
    else if (a0)
        c->imr = val;
    else if (val & ICW1)
        write_icw1(pic, which, val);
    else if (val & OCW3)
        write_ocw3(c, val);
    else
        write_ocw2(pic, which, val);
}

/* "Poll Command": the read acknowledges. */
static uint8_t poll(struct axvm_i8259 *pic, unsigned int which)
{
    struct axvm_i8259_chip *c = &pic->chip[which];
    unsigned int input = request(c, which == MASTER);

    c->poll = false;
    if (input == NOTHING)
        return 0;
    acknowledge(pic, which, input);
    return (uint8_t)(0x80 | input);
}

static uint8_t read_chip(const struct axvm_i8259_chip *c, unsigned int a0)
{
    return a0 ? c->imr : c->read_isr ? c->isr : c->irr;
}

/* What becomes level-triggered is requested as its line says; an edge there has not been. */
static void write_elcr(struct axvm_i8259 *pic, unsigned int which, uint8_t val)
{
    struct axvm_i8259_chip *c = &pic->chip[which];
    uint8_t cascade = which == MASTER ? 1u << CASCADE : 0;
    uint8_t level = (val & elcr_writable[which]) | cascade;
    uint8_t changed = c->level ^ level;

    c->level = level;
    c->irr = (c->irr & (uint8_t)~changed) | (c->lines & level & changed);
}

/* ---- for the owner ---- */

static void finish(struct axvm_i8259 *pic, unsigned long flags)
{
    uint32_t ended = pic->ended;

    pic->ended = 0;
    axvm_unlock_irqrestore(&pic->lock, flags);
    if (ended != 0)
        pic->done(pic->arg, ended);
}

static __attribute__((noinline)) void update_and_finish(struct axvm_i8259 *pic, unsigned long flags)
{
    update(pic);
    finish(pic, flags);
}

static AXVM_COLD uint8_t read_polled(struct axvm_i8259 *pic, unsigned int which, unsigned long flags)
{
    uint8_t val = poll(pic, which);

    update_and_finish(pic, flags);
    return val;
}

uint8_t axvm_i8259_read(struct axvm_i8259 *pic, enum axvm_i8259_ports ports, unsigned int which)
{
    unsigned long flags = axvm_lock_irqsave(&pic->lock);
    uint8_t val;

    if (ports == AXVM_I8259_ELCR)
        val = pic->chip[which].level & elcr_writable[which];
    else if (pic->chip[ports].poll)
        return read_polled(pic, ports, flags);
    else
        val = read_chip(&pic->chip[ports], which);
    axvm_unlock_irqrestore(&pic->lock, flags);
    return val;
}

void axvm_i8259_write(struct axvm_i8259 *pic, enum axvm_i8259_ports ports, unsigned int which, uint8_t val)
{
    unsigned long flags = axvm_lock_irqsave(&pic->lock);

    if (ports == AXVM_I8259_ELCR)
        write_elcr(pic, which, val);
    else
        write_chip(pic, ports, which, val);
    if (update_if_quiet(pic))
        finish(pic, flags);
    else
        update_and_finish(pic, flags);
}

/* @follows: IRR of an edge-triggered input falls with the line. */
static void set_input(struct axvm_i8259_chip *c, uint8_t bit, bool level, bool follows)
{
    uint8_t was = c->lines;

    c->lines = level ? was | bit : was & (uint8_t)~bit;
    if ((c->level & bit) || (follows && !level))
        c->irr = (c->irr & (uint8_t)~bit) | (c->lines & bit);
    else
        c->irr |= c->lines & (uint8_t)~was & bit;
}

void axvm_i8259_set(struct axvm_i8259 *pic, unsigned int irq, bool level)
{
    unsigned long flags;

    if (irq == CASCADE)
        return;
    flags = axvm_lock_irqsave(&pic->lock);
    set_input(&pic->chip[irq / 8], (uint8_t)(1u << irq % 8), level, (pic->tracked >> irq & 1) != 0);
    if (!update_if_quiet(pic))
        update(pic);
    axvm_unlock_irqrestore(&pic->lock, flags);
}

void axvm_i8259_track(struct axvm_i8259 *pic, unsigned int irq)
{
    unsigned long flags = axvm_lock_irqsave(&pic->lock);

    pic->tracked |= UINT32_C(1) << irq;
    axvm_unlock_irqrestore(&pic->lock, flags);
}

uint8_t axvm_i8259_ack(struct axvm_i8259 *pic)
{
    unsigned long flags = axvm_lock_irqsave(&pic->lock);
    uint8_t vector = acknowledge_both(pic);

    update_and_finish(pic, flags);
    return vector;
}

void axvm_i8259_reset(struct axvm_i8259 *pic)
{
    unsigned long flags = axvm_lock_irqsave(&pic->lock);

    memset(pic->chip, 0, sizeof(pic->chip));
    master(pic)->level = 1u << CASCADE;
    master(pic)->lowest = slave(pic)->lowest = 7;
    /* Undefined after power-on. Nothing may come through as vector 0 before they are set up. */
    master(pic)->imr = slave(pic)->imr = 0xff;
    pic->ended = 0;
    update(pic);
    axvm_unlock_irqrestore(&pic->lock, flags);
}
