/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A platform-level interrupt controller: RISC-V Platform-Level Interrupt Controller Specification 1.0. Sources 1..AXVM_PLIC_SOURCES - 1
 * with priorities 0..7, contexts with an enable bit per source and a threshold. What an output of a context does is the owner's
 * business; it is called with the controller's lock held, interrupts off, perhaps in the fast tier.
 */
#ifndef AXVM_DEVICES_PLIC_H
#define AXVM_DEVICES_PLIC_H

#include <axvm/device.h>

#define AXVM_PLIC_SOURCES 256u
#define AXVM_PLIC_SIZE 0x4000000u
#define AXVM_PLIC_PRIORITIES 7u

struct axvm_plic;

struct axvm_plic_config {
    uint64_t base;
    uint32_t contexts;
    /* Bit 0 set: only odd contexts are there. On harts with M-mode and S-mode the even ones are M-mode's, which guests have not. */
    bool odd_only;
    /** The output of @p context has changed. */
    void (*output)(void *arg, uint32_t context, bool level);
    /** @p source, connected with @p host_irq by axvm_plic_bind(), has been completed. */
    void (*complete)(void *arg, uint32_t host_irq);
    void *arg;
    int (*describe)(struct axvm_device *dev, void *fdt); /**< As in struct axvm_device_ops. */
};

/** Make one in memory of the VM, attach it. Errors as axvm_device_attach(), AXVM_ERR_NOMEM. */
int axvm_plic_create(struct axvm *vm, const struct axvm_plic_config *cfg, struct axvm_plic **out);
struct axvm_device *axvm_plic_device(struct axvm_plic *plic);

/** Claim a source for a line. AXVM_ERR_INVAL, AXVM_ERR_EXIST. */
int axvm_plic_connect(struct axvm_plic *plic, uint32_t source, bool edge);
/** The same for a passthrough interrupt: its completion is reported. */
int axvm_plic_bind(struct axvm_plic *plic, uint32_t source, uint32_t host_irq, bool edge);
/** Level of the line at @p source; a rising one of an edge-triggered source is an edge. Any context. */
void axvm_plic_set(struct axvm_plic *plic, uint32_t source, bool level);
/** One edge, whatever the source is. AXVM_ERR_INVAL. Any context. */
int axvm_plic_pulse(struct axvm_plic *plic, uint32_t source);
/** The host's interrupt has fired. AXVM_ERR_NOENT when no source is bound to it. Any context. */
int axvm_plic_forward(struct axvm_plic *plic, uint32_t host_irq);

#endif
