/* SPDX-License-Identifier: BSD-2-Clause */
/* I/O APIC. An input is level-triggered or not as its redirection entry says; Remote IRR keeps a level from being sent twice.
 */
#include "ioapic.h"

#include "bits.h"
#include "mem.h"

/* "Memory Mapped Registers for Accessing IOAPIC Registers" */
enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
/* "IOAPIC Registers" */
enum { REG_ID = 0x00, REG_VERSION = 0x01, REG_ARBITRATION = 0x02, REG_ENTRIES = 0x10 };
#define VERSION (0x20u | (AXVM_IOAPIC_PINS - 1) << 16)

/* "I/O Redirection Table Registers" */
#define ENTRY_DELIVERY AXVM_BITS(10, 8)
#define ENTRY_LOGICAL AXVM_BIT(11)
#define ENTRY_REMOTE_IRR AXVM_BIT(14)
#define ENTRY_LEVEL AXVM_BIT(15)
#define ENTRY_MASKED AXVM_BIT(16)
#define ENTRY_WRITABLE                                                                                                         \
    (AXVM_BITS(63, 56) | ENTRY_MASKED | ENTRY_LEVEL | AXVM_BIT(13) | ENTRY_LOGICAL | ENTRY_DELIVERY | AXVM_BITS(7, 0))

/* ---- delivery; the lock is held ---- */

static uint32_t pin_bit(unsigned int pin)
{
    return UINT32_C(1) << pin;
}

static bool has_eoi(uint64_t entry)
{
    return axvm_field(entry, ENTRY_DELIVERY) <= AXVM_LAPIC_LOWEST;
}

/* NMI, INIT, SMI and ExtINT are edges whatever the entry says: "Delivery Mode". */
static bool is_level(uint64_t entry)
{
    return (entry & ENTRY_LEVEL) != 0 && has_eoi(entry);
}

static bool send(struct axvm_ioapic *io, unsigned int pin, const struct axvm_lapic *self)
{
    uint64_t entry = io->entry[pin];
    const struct axvm_lapic_msg msg = {
        .dest = axvm_lapic_dest8((uint32_t)(entry >> 56)),
        .vector = (uint8_t)entry,
        .delivery = (uint8_t)axvm_field(entry, ENTRY_DELIVERY),
        .logical = (entry & ENTRY_LOGICAL) != 0,
        .level = is_level(entry),
        .watch = (io->tracked & pin_bit(pin)) != 0,
    };

    return msg.delivery != AXVM_LAPIC_SIPI && axvm_lapics_deliver(io->lapics, &msg, self);
}

static void deliver(struct axvm_ioapic *io, unsigned int pin, const struct axvm_lapic *self)
{
    uint64_t entry = io->entry[pin];
    uint32_t bit = pin_bit(pin);

    /* Its EOI may be here before we are back, but waits for the lock. */
    if (!send(io, pin, self))
        return;
    io->waiting &= ~bit;
    if (is_level(entry))
        io->remote |= bit;
    if ((io->tracked & bit) && has_eoi(entry)) {
        io->in_flight |= bit;
        io->vector[pin] = (uint8_t)entry;
    }
}

/* Is there something to send that is not a passing edge? Until a local APIC accepts it, it stays. */
static void look(struct axvm_ioapic *io, unsigned int pin, const struct axvm_lapic *self)
{
    uint32_t bit = pin_bit(pin);
    bool level = is_level(io->entry[pin]) && (io->level & ~io->remote & bit) != 0;

    if ((level || (io->waiting & bit)) && !(io->entry[pin] & ENTRY_MASKED))
        deliver(io, pin, self);
}

/* "Interrupt Mask": edges of a masked input are lost. Not those of the host's interrupts, which would never come again. */
static void rise(struct axvm_ioapic *io, unsigned int pin, const struct axvm_lapic *self)
{
    if (io->tracked & pin_bit(pin))
        io->waiting |= pin_bit(pin);
    if (is_level(io->entry[pin]) || (io->tracked & pin_bit(pin)))
        look(io, pin, self);
    else if (!(io->entry[pin] & ENTRY_MASKED))
        deliver(io, pin, self);
}

/* ---- EOI; the lock is held ---- */

/* Returns the tracked inputs that are done. Their lines are low until the host's interrupt fires again. */
static uint32_t end(struct axvm_ioapic *io, uint32_t vector, const struct axvm_lapic *self)
{
    uint32_t done = 0;

    for (uint32_t set = io->remote | io->in_flight; set != 0; set &= set - 1) {
        unsigned int pin = axvm_ctz64(set);
        uint32_t bit = pin_bit(pin);

        if ((io->in_flight & bit) && io->vector[pin] == vector) {
            io->in_flight &= ~bit;
            io->level &= ~bit;
            io->waiting &= ~bit;
            done |= bit;
        }
        if ((io->remote & bit) && (io->entry[pin] & 0xff) == vector) {
            io->remote &= ~bit;
            look(io, pin, self);
        }
    }
    return done;
}

/* ---- registers; the lock is held ---- */

static uint64_t read_entry(const struct axvm_ioapic *io, unsigned int pin)
{
    return io->entry[pin] | ((io->remote & pin_bit(pin)) ? ENTRY_REMOTE_IRR : 0);
}

static uint32_t read_indirect(const struct axvm_ioapic *io)
{
    uint32_t n = io->select - REG_ENTRIES;

    if (n < 2 * AXVM_IOAPIC_PINS) {
        n = (uint32_t)axvm_nospec(n, UINT64_C(2) * AXVM_IOAPIC_PINS);
        return (uint32_t)(read_entry(io, n / 2) >> 32 * (n & 1));
    }
    switch (io->select) {
    case REG_ID:
    case REG_ARBITRATION:
        return io->id;
    case REG_VERSION:
        return VERSION;
    default:
        return 0;
    }
}

/* An entry that is made edge-triggered forgets its Remote IRR: what systems did for want of an EOI register. */
static void write_entry(struct axvm_ioapic *io, unsigned int pin, unsigned int high, uint32_t val,
                        const struct axvm_lapic *self)
{
    uint64_t keep = high ? UINT32_MAX : ~(uint64_t)UINT32_MAX;

    io->entry[pin] = (io->entry[pin] & keep) | (((uint64_t)val << 32 * high) & ENTRY_WRITABLE);
    if (!is_level(io->entry[pin]))
        io->remote &= ~pin_bit(pin);
    look(io, pin, self);
}

static void write_indirect(struct axvm_ioapic *io, uint32_t val, const struct axvm_lapic *self)
{
    uint32_t n = io->select - REG_ENTRIES;

    if (io->select == REG_ID) {
        io->id = val & 0x0f000000;
    } else if (n < 2 * AXVM_IOAPIC_PINS) {
        n = (uint32_t)axvm_nospec(n, UINT64_C(2) * AXVM_IOAPIC_PINS);
        write_entry(io, n / 2, n & 1, val, self);
    }
}

static uint32_t write_register(struct axvm_ioapic *io, uint32_t off, uint32_t val, const struct axvm_lapic *self)
{
    switch (off) {
    case IOREGSEL:
        io->select = val & 0xff;
        break;
    case IOWIN:
        write_indirect(io, val, self);
        break;
    case IOEOI:
        return end(io, val & 0xff, self);
    default:
        break;
    }
    return 0;
}

/* ---- for the owner ---- */

uint64_t axvm_ioapic_read(struct axvm_ioapic *io, uint32_t off, unsigned int size)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);
    uint32_t val = off == IOREGSEL ? io->select : off == IOWIN ? read_indirect(io) : 0;

    axvm_unlock_irqrestore(&io->lock, flags);
    return axvm_extend(val, size, false);
}

static void finish(struct axvm_ioapic *io, unsigned long flags, uint32_t done)
{
    axvm_unlock_irqrestore(&io->lock, flags);
    if (done != 0)
        io->done(io->arg, done);
}

/* The index is 8 bits wide and may be written so; data only as 32 bits. */
void axvm_ioapic_write(struct axvm_ioapic *io, uint32_t off, unsigned int size, uint64_t val, const struct axvm_lapic *self)
{
    unsigned long flags;

    if (size < 4 && off != IOREGSEL)
        return;
    flags = axvm_lock_irqsave(&io->lock);
    finish(io, flags, write_register(io, off, (uint32_t)val, self));
}

void axvm_ioapic_set(struct axvm_ioapic *io, unsigned int pin, bool level, const struct axvm_lapic *self)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);
    uint32_t was = io->level;

    io->level = level ? was | pin_bit(pin) : was & ~pin_bit(pin);
    io->waiting &= io->level;
    if (io->level & ~was)
        rise(io, pin, self);
    axvm_unlock_irqrestore(&io->lock, flags);
}

void axvm_ioapic_eoi(struct axvm_ioapic *io, uint32_t vector, const struct axvm_lapic *self)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);

    finish(io, flags, end(io, vector, self));
}

void axvm_ioapic_retry(struct axvm_ioapic *io, const struct axvm_lapic *self)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);

    for (unsigned int pin = 0; pin < AXVM_IOAPIC_PINS; pin++)
        look(io, pin, self);
    axvm_unlock_irqrestore(&io->lock, flags);
}

void axvm_ioapic_track(struct axvm_ioapic *io, unsigned int pin)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);

    io->tracked |= pin_bit(pin);
    axvm_unlock_irqrestore(&io->lock, flags);
}

void axvm_ioapic_reset(struct axvm_ioapic *io)
{
    unsigned long flags = axvm_lock_irqsave(&io->lock);

    for (unsigned int pin = 0; pin < AXVM_IOAPIC_PINS; pin++)
        io->entry[pin] = ENTRY_MASKED;
    io->level = io->remote = io->waiting = io->in_flight = 0;
    io->id = io->select = 0;
    axvm_unlock_irqrestore(&io->lock, flags);
}
