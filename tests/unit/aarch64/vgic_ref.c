/* SPDX-License-Identifier: BSD-2-Clause */
#include "vgic_ref.h"

#include <string.h>

void ref_reset(struct ref_gic *g, unsigned int cpus)
{
    memset(g, 0, sizeof(*g));
    g->cpus = cpus;
    for (uint32_t i = 0; i < REF_INTIDS; i++)
        g->spi[i].group = 1;
    for (unsigned int c = 0; c < REF_CPUS; c++) {
        for (uint32_t i = 0; i < 32; i++) {
            g->cpu[c].private[i].group = 1;
            g->cpu[c].private[i].edge = i < 16;
        }
    }
}

struct ref_irq *ref_irq(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    return intid < 32 ? &g->cpu[cpu].private[intid] : &g->spi[intid];
}

uint32_t ref_route(const struct ref_gic *g, uint32_t affinity)
{
    for (uint32_t c = 0; c < g->cpus; c++) {
        if (affinity == ((c / 16) << 8 | c % 16))
            return c;
    }
    return REF_NOBODY;
}

bool ref_pending(const struct ref_irq *irq)
{
    return irq->latch || (irq->line && !irq->edge);
}

void ref_set_line(struct ref_irq *irq, bool level)
{
    if (irq->edge && level && !irq->line)
        irq->latch = true;
    irq->line = level;
}

static bool belongs_to(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    return intid < 32 || ref_route(g, g->spi[intid].affinity) == cpu;
}

/* Sent to the CPU interface, which has its group enabled. */
static bool offered(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    const struct ref_irq *irq = ref_irq(g, cpu, intid);

    return ref_pending(irq) && !irq->active && irq->enabled && g->group[irq->group] && g->cpu[cpu].group[irq->group] &&
           belongs_to(g, cpu, intid);
}

static unsigned int group_priority(const struct ref_cpu *c, unsigned int prio, unsigned int group)
{
    unsigned int bpr = group == 0 || c->cbpr ? c->bpr0 : c->bpr1 - 1;

    return prio >> (bpr + 1) << (bpr + 1);
}

/* The highest active priority, which is the smallest number. */
static int highest_active(const struct ref_cpu *c, int group)
{
    int best = -1;

    for (unsigned int i = 0; i < c->depth; i++) {
        if ((group < 0 || c->stack[i].group == (unsigned int)group) && (best < 0 || c->stack[i].prio < c->stack[best].prio))
            best = (int)i;
    }
    return best;
}

static bool preempts(const struct ref_cpu *c, const struct ref_irq *irq)
{
    int top = highest_active(c, -1);

    if (irq->prio >= c->pmr)
        return false;
    return top < 0 || group_priority(c, irq->prio, irq->group) < group_priority(c, c->stack[top].prio, irq->group);
}

/* Nothing that is offered has a higher priority. */
static bool comes_first(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    for (uint32_t other = 0; other < REF_INTIDS; other++) {
        if (offered(g, cpu, other) && ref_irq(g, cpu, other)->prio < ref_irq(g, cpu, intid)->prio)
            return false;
    }
    return offered(g, cpu, intid);
}

bool ref_is_best(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    return comes_first(g, cpu, intid) && preempts(&g->cpu[cpu], ref_irq(g, cpu, intid));
}

bool ref_must_signal(struct ref_gic *g, unsigned int cpu)
{
    bool any = false;

    for (uint32_t intid = 0; intid < REF_INTIDS; intid++) {
        if (!offered(g, cpu, intid) || !comes_first(g, cpu, intid))
            continue;
        if (!preempts(&g->cpu[cpu], ref_irq(g, cpu, intid)))
            return false;
        any = true;
    }
    return any;
}

bool ref_may_signal(struct ref_gic *g, unsigned int cpu)
{
    for (uint32_t intid = 0; intid < REF_INTIDS; intid++) {
        if (offered(g, cpu, intid) && preempts(&g->cpu[cpu], ref_irq(g, cpu, intid)))
            return true;
    }
    return false;
}

void ref_ack(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    struct ref_cpu *c = &g->cpu[cpu];
    struct ref_irq *irq = ref_irq(g, cpu, intid);

    irq->latch = false;
    irq->active = true;
    irq->active_on = cpu;
    c->stack[c->depth].prio = group_priority(c, irq->prio, irq->group);
    c->stack[c->depth].group = irq->group;
    c->depth++;
}

/* Priority drop: the highest active priority of the group goes. */
void ref_eoi(struct ref_gic *g, unsigned int cpu, unsigned int group, uint32_t intid)
{
    struct ref_cpu *c = &g->cpu[cpu];
    int top = highest_active(c, (int)group);

    if (top < 0)
        return;
    c->stack[top] = c->stack[--c->depth];
    if (!c->eoimode)
        ref_irq(g, cpu, intid)->active = false;
}

void ref_dir(struct ref_gic *g, unsigned int cpu, uint32_t intid)
{
    if (g->cpu[cpu].eoimode)
        ref_irq(g, cpu, intid)->active = false;
}

unsigned int ref_active_count(struct ref_gic *g, unsigned int cpu)
{
    unsigned int count = 0;

    for (uint32_t intid = 0; intid < REF_INTIDS; intid++) {
        const struct ref_irq *irq = ref_irq(g, cpu, intid);

        count += irq->active && (intid < 32 || irq->active_on == cpu);
    }
    return count;
}
