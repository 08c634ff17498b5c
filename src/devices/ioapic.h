/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An I/O APIC with 24 inputs and an EOI register (version 0x20): Intel 82093AA datasheet (290566); ICH9 datasheet (316972),
 * "I/O APIC Registers". Polarity does not matter here: a line that is set is asserted.
 */
#ifndef AXVM_DEVICES_IOAPIC_H
#define AXVM_DEVICES_IOAPIC_H

#include <axvm/device.h>

#include "lapic.h"
#include "lock.h"

#define AXVM_IOAPIC_BASE UINT64_C(0xfec00000)
#define AXVM_IOAPIC_SIZE 4096u
#define AXVM_IOAPIC_PINS 24u

struct axvm_ioapic {
    struct axvm_device dev;
    struct axvm_lock lock;
    struct axvm_lapics *lapics;
    /** The guest is done with these inputs of axvm_ioapic_track() (one bit each). No lock is held. */
    void (*done)(void *arg, uint32_t pins);
    void *arg;
    /* guarded by lock */
    uint64_t entry[AXVM_IOAPIC_PINS];
    uint32_t level;  /**< Of the inputs. */
    uint32_t remote; /**< Inputs whose Remote IRR is set. */
    uint32_t
        waiting; /**< Inputs whose interrupt no local APIC accepted, or tracked edges that are masked: to be tried again. */
    uint32_t tracked;   /**< axvm_ioapic_track() */
    uint32_t in_flight; /**< Tracked inputs that were delivered, up to EOI. */
    uint32_t id, select;
};

/** Put it on @p vm's bus at AXVM_IOAPIC_BASE. lapics, done and arg are set, the rest is zero. Errors as axvm_device_attach().
 */
int axvm_ioapic_attach(struct axvm_ioapic *io, struct axvm *vm);

/** Before boot: tell done() of the end of each interrupt of this input, and do not lose an edge while it is masked. */
void axvm_ioapic_track(struct axvm_ioapic *io, unsigned int pin);

/** Level of an input. Any CPU; @p self as in axvm_lapics_deliver(). */
void axvm_ioapic_set(struct axvm_ioapic *io, unsigned int pin, bool level, struct axvm_lapic *self);

/** A local APIC has seen the EOI of @p vector. */
void axvm_ioapic_eoi(struct axvm_ioapic *io, uint32_t vector, struct axvm_lapic *self);

/** A local APIC accepts interrupts again: deliver what waits. */
void axvm_ioapic_retry(struct axvm_ioapic *io, struct axvm_lapic *self);

#endif
