/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor-level interrupt domain of an APLIC, without children: RISC-V Advanced Interrupt Architecture 1.0, "Advanced
 * Platform-Level Interrupt Controller". Delivers to its harts directly, or sends MSIs, or lets the guest choose. What an output
 * or an MSI does is the owner's business: its functions are called with the controller's lock held, interrupts off, perhaps in
 * the fast tier.
 */
#ifndef AXVM_DEVICES_APLIC_H
#define AXVM_DEVICES_APLIC_H

#include <axvm/device.h>

/* Sources are 1..AXVM_APLIC_SOURCES - 1. */
#define AXVM_APLIC_SOURCES 256u

struct axvm_aplic;

struct axvm_aplic_config {
    uint64_t base;
    uint32_t harts; /**< 1..AXVM_MAX_VCPUS; hart index n is the owner's hart n. */
    bool direct;    /**< Delivery modes that there are: at least one. */
    bool msi;
    /** The output to @p hart has changed. Direct delivery mode. */
    void (*output)(void *arg, uint32_t hart, bool level);
    /** An MSI with data @p eiid, for a hart that there is. MSI delivery mode. */
    void (*send)(void *arg, uint32_t hart, uint32_t eiid);
    /** A source bound to @p host_irq by axvm_aplic_bind() has been dealt with, as far as one can see. */
    void (*complete)(void *arg, uint32_t host_irq);
    void *arg;
    int (*describe)(struct axvm_device *dev, void *fdt); /**< As in struct axvm_device_ops. */
};

/** Make one in memory of the VM, attach it. Errors as axvm_device_attach(), AXVM_ERR_NOMEM. */
int axvm_aplic_create(struct axvm *vm, const struct axvm_aplic_config *cfg, struct axvm_aplic **out);
struct axvm_device *axvm_aplic_device(struct axvm_aplic *aplic);

/** Claim a source for a line. AXVM_ERR_INVAL, AXVM_ERR_EXIST. */
int axvm_aplic_connect(struct axvm_aplic *aplic, uint32_t source);
/** The same for a passthrough interrupt. */
int axvm_aplic_bind(struct axvm_aplic *aplic, uint32_t source, uint32_t host_irq);
/** Level of the wire at @p source. Any context. */
void axvm_aplic_set(struct axvm_aplic *aplic, uint32_t source, bool level);
/** The wire goes high and low again; a source that is level-sensitive and delivered directly does not notice. AXVM_ERR_INVAL.
 */
int axvm_aplic_pulse(struct axvm_aplic *aplic, uint32_t source);
/** The host's interrupt has fired. AXVM_ERR_NOENT when no source is bound to it. Any context. */
int axvm_aplic_forward(struct axvm_aplic *aplic, uint32_t host_irq);

#endif
