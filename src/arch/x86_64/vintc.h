/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controllers of a VM, between their own files: vlapic.c (local APICs), virq.c (lines, passthrough), vintc.c
 * (life, and their places on the bus).
 *
 * Lines are numbered as inputs of the I/O APIC (GSIs). 0..15 also reach the 8259s, under the same number; but for ISA's IRQ 0,
 * the 8259's input 0, which is GSI 2, as ACPI tables say by an interrupt source override. Whoever says 0 means that one.
 */
#ifndef AXVM_X86_64_VINTC_H
#define AXVM_X86_64_VINTC_H

#include "../../devices/i8259.h"
#include "../../devices/ioapic.h"
#include "../../devices/lapic.h"
#include "arch.h"

#define AXVM_TIMER_GSI 2u

/* An input with a host's interrupt behind it. */
struct axvm_vintc_binding {
    uint32_t host_irq;
    _Atomic uint32_t fired; /* and the guest is not done with it: the host waits for irq_complete() */
};

struct axvm_vintc {
    struct axvm *vm;
    struct axvm_lapics lapics;
    struct axvm_ioapic ioapic;
    struct axvm_i8259 pic;
    struct axvm_device lapic_device, ioapic_device, pic_device;
    bool has_lines;           /* not AXVM_IRQ_NONE: there are an I/O APIC and 8259s */
    _Atomic uint32_t claimed; /* inputs; before boot */
    _Atomic uint32_t bound;   /* those with a binding; the others' are meaningless */
    struct axvm_vintc_binding binding[AXVM_IOAPIC_PINS];
    uint64_t clock_offset; /* hal->time_ns() - it is the time of the local APICs, which stands still while the VM does */
    uint64_t stopped_at;   /* hal->time_ns() of when it stopped; only while .stopped */
    bool stopped;
};

static inline struct axvm_vcpu *axvm_vlapic_vcpu(struct axvm_lapic *apic)
{
    return AXVM_CONTAINER_OF(apic, struct axvm_vcpu, arch.lapic);
}


extern const struct axvm_lapic_ops axvm_vlapic_ops;
extern const struct axvm_device_ops axvm_vlapic_device_ops;

/* virq.c: the guest is done with interrupts of these inputs. */
void axvm_virq_ioapic_done(void *arg, uint32_t pins);
void axvm_virq_pic_done(void *arg, uint32_t lines);
/* The 8259s' INTR is every local APIC's LINT0. */
void axvm_virq_intr(void *arg, bool level);
/* What the guest has not finished with goes back to the host. */
void axvm_virq_complete_all(struct axvm_vintc *v);

#endif
