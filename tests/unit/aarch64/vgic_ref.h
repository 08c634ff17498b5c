/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A GICv3 as the architecture describes it, one security state, written to be obviously right: every interrupt is a struct,
 * every question a loop over all of them, and nothing is remembered that can be computed. Knows no list registers.
 */
#ifndef VGIC_REF_H
#define VGIC_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_CPUS 8u
#define REF_INTIDS 1020u
#define REF_NOBODY 0xffffffffu
#define REF_SPURIOUS 1023u

struct ref_irq {
    bool enabled, edge, line, latch, active;
    unsigned int group;
    uint8_t prio;
    uint32_t affinity;  /* SPIs: IROUTER as written */
    uint32_t active_on; /* which CPU has acknowledged it */
};

struct ref_cpu {
    struct ref_irq private[32];
    unsigned int pmr, bpr0, bpr1; /* bpr1: as in ICH_VMCR_EL2 */
    bool cbpr, group[2], eoimode;
    unsigned int depth; /* of active priorities */
    struct {
        unsigned int prio, group;
    } stack[256];
};

struct ref_gic {
    unsigned int cpus;
    bool group[2]; /* GICD_CTLR */
    struct ref_irq spi[REF_INTIDS];
    struct ref_cpu cpu[REF_CPUS];
};

void ref_reset(struct ref_gic *g, unsigned int cpus);
struct ref_irq *ref_irq(struct ref_gic *g, unsigned int cpu, uint32_t intid);
/* CPU an affinity belongs to, or REF_NOBODY */
uint32_t ref_route(const struct ref_gic *g, uint32_t affinity);
bool ref_pending(const struct ref_irq *irq);
void ref_set_line(struct ref_irq *irq, bool level);
/* Could @intid be what @cpu takes next: is it signalled, with no other of higher priority? */
bool ref_is_best(struct ref_gic *g, unsigned int cpu, uint32_t intid);
/* Is something signalled? Of several with the same priority an implementation may choose any, and the binary points of the
 * groups may let one of them preempt and not the other: then it may, and need not be. */
bool ref_must_signal(struct ref_gic *g, unsigned int cpu);
bool ref_may_signal(struct ref_gic *g, unsigned int cpu);
/* @cpu acknowledges @intid, which is signalled. */
void ref_ack(struct ref_gic *g, unsigned int cpu, uint32_t intid);
void ref_eoi(struct ref_gic *g, unsigned int cpu, unsigned int group, uint32_t intid);
void ref_dir(struct ref_gic *g, unsigned int cpu, uint32_t intid);
/* Number of interrupts that are active on @cpu. */
unsigned int ref_active_count(struct ref_gic *g, unsigned int cpu);

#endif
