/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O APIC with 24 inputs and an EOI register (version 0x20): Intel 82093AA datasheet (290566); ICH9 datasheet (316972),
 * "Advanced Programmable Interrupt Controller (APIC)". Polarity does not matter here: a line that is set is asserted. Wherever
 * @p self is, it is as in axvm_lapics_deliver().
 */
#ifndef AXVM_DEVICES_IOAPIC_H
#define AXVM_DEVICES_IOAPIC_H

#include "lapic.h"
#include "lock.h"

#define AXVM_IOAPIC_BASE UINT64_C(0xfec00000)
#define AXVM_IOAPIC_SIZE 4096u
#define AXVM_IOAPIC_PINS 24u

struct axvm_ioapic {
    struct axvm_lock lock;
    struct axvm_lapics *lapics;
    /** The guest is done with interrupts of these inputs (a bit each), all of them of axvm_ioapic_track(). No lock is held. */
    void (*done)(void *arg, uint32_t pins);
    void *arg;
    /* guarded by lock */
    uint64_t entry[AXVM_IOAPIC_PINS];
    uint32_t level;     /**< Of the inputs. */
    uint32_t remote;    /**< Inputs whose Remote IRR is set. */
    uint32_t tracked;   /**< axvm_ioapic_track() */
    uint32_t waiting;   /**< Tracked inputs with an interrupt that has not been delivered yet. */
    uint32_t in_flight; /**< Tracked inputs with one that has, up to EOI of vector[]. */
    uint8_t vector[AXVM_IOAPIC_PINS];
    uint32_t id, select;
};

/** lapics, done and arg are set; the rest is zero, or as it was. Tracked inputs stay so, what is in flight is forgotten. */
void axvm_ioapic_reset(struct axvm_ioapic *io);

/** Tell done() of the end of each interrupt of this input, and do not lose an edge while it is masked. */
void axvm_ioapic_track(struct axvm_ioapic *io, unsigned int pin);

/** A guest's access: @p off below AXVM_IOAPIC_SIZE, @p size 1, 2, 4, 8. */
uint64_t axvm_ioapic_read(struct axvm_ioapic *io, uint32_t off, unsigned int size);
void axvm_ioapic_write(struct axvm_ioapic *io, uint32_t off, unsigned int size, uint64_t val, const struct axvm_lapic *self);

/** Level of an input. Any CPU. */
void axvm_ioapic_set(struct axvm_ioapic *io, unsigned int pin, bool level, const struct axvm_lapic *self);

/** A local APIC has seen the EOI of @p vector. */
void axvm_ioapic_eoi(struct axvm_ioapic *io, uint32_t vector, const struct axvm_lapic *self);

/** A local APIC accepts interrupts again: deliver what waits. */
void axvm_ioapic_retry(struct axvm_ioapic *io, const struct axvm_lapic *self);

#endif
