/* SPDX-License-Identifier: BSD-2-Clause */
/* The conformance kit: does a host keep the contracts of struct axvm_hal? */
#include <axvm/err.h>
#include <axvm/hal.h>

#include "arch_irq.h"
#include "bits.h"
#include "vm_priv.h"

/* Blocks of each order that are looked at side by side. */
#define BLOCKS 4u
#define MAX_ORDER 4u /* the library wants up to 2 MiB for a guest's RAM, but takes less */

#define CLOCK_READS 1000u
/* A clock of 1 MHz moves within this many readings on any CPU. */
#define CLOCK_PATIENCE 100000000u

struct check {
    const struct axvm_hal *hal;
    struct axvm_hal_report *report;
};

static bool fault(struct check *c, const char *member, const char *problem)
{
    c->report->member = member;
    c->report->problem = problem;
    return false;
}

/* ---- memory ---- */

struct blocks {
    unsigned int order, count;
    axvm_hpa_t pa[BLOCKS];
    uint64_t *va[BLOCKS];
};

static uint64_t words(const struct blocks *b)
{
    return (uint64_t)AXVM_PAGE_SIZE / 8 << b->order;
}

static bool all_words_are(const struct blocks *b, unsigned int i, uint64_t value)
{
    for (uint64_t w = 0; w < words(b); w++) {
        if (b->va[i][w] != value)
            return false;
    }
    return true;
}

/* Both directions, for every page of the block. */
static bool check_translation(struct check *c, const struct blocks *b, unsigned int i)
{
    const struct axvm_hal *hal = c->hal;
    char *va = (char *)b->va[i];

    for (uint64_t off = 0; off < (uint64_t)AXVM_PAGE_SIZE << b->order; off += AXVM_PAGE_SIZE / 2 + 8) {
        if (hal->phys_to_virt(hal->ctx, axvm_hpa(b->pa[i].v + off)) != va + off)
            return fault(c, "phys_to_virt", "a block is not contiguous where the host sees it");
        if (hal->virt_to_phys(hal->ctx, va + off).v != b->pa[i].v + off)
            return fault(c, "virt_to_phys", "not the inverse of phys_to_virt");
    }
    return true;
}

static bool check_block(struct check *c, const struct blocks *b, unsigned int i)
{
    uint64_t size = (uint64_t)AXVM_PAGE_SIZE << b->order;

    if (!axvm_is_aligned(b->pa[i].v, size))
        return fault(c, "page_alloc", "a block is not aligned to its size");
    for (unsigned int j = 0; j < i; j++) {
        if (axvm_overlap(b->pa[i].v, size, b->pa[j].v, size))
            return fault(c, "page_alloc", "two blocks overlap");
    }
    if (!b->va[i] || !axvm_is_aligned((uintptr_t)b->va[i], 8))
        return fault(c, "phys_to_virt", "NULL, or not aligned, for memory of page_alloc()");
    if (!check_translation(c, b, i))
        return false;
    return all_words_are(b, i, 0) || fault(c, "page_alloc", "the memory is not zeroed");
}

/* Each block has what was written to it last, so none is another one seen twice. */
static bool check_contents(struct check *c, const struct blocks *b)
{
    for (unsigned int i = 0; i < b->count; i++) {
        for (uint64_t w = 0; w < words(b); w++)
            b->va[i][w] = UINT64_C(0x0101010101010101) * (i + 1);
    }
    for (unsigned int i = 0; i < b->count; i++) {
        if (!all_words_are(b, i, UINT64_C(0x0101010101010101) * (i + 1)))
            return fault(c, "page_alloc", "two blocks share memory, or it does not keep what is written");
    }
    return true;
}

static bool fill_blocks(struct check *c, struct blocks *b)
{
    const struct axvm_hal *hal = c->hal;

    while (b->count < BLOCKS && hal->page_alloc(hal->ctx, b->order, &b->pa[b->count])) {
        b->va[b->count] = hal->phys_to_virt(hal->ctx, b->pa[b->count]);
        b->count++;
        if (!check_block(c, b, b->count - 1))
            return false;
    }
    if (b->count == 0 && b->order == 0)
        return fault(c, "page_alloc", "there is not a single page");
    return check_contents(c, b);
}

static bool check_order(struct check *c, unsigned int order)
{
    const struct axvm_hal *hal = c->hal;
    struct blocks b = { .order = order };
    bool ok = fill_blocks(c, &b);

    /* Dirty, so that the next round sees whether used memory is zeroed. */
    while (b.count != 0) {
        b.count--;
        hal->page_free(hal->ctx, b.pa[b.count], order);
    }
    return ok;
}

static bool check_memory(struct check *c)
{
    if (!axvm_is_aligned((uintptr_t)c->hal->host, 8))
        return fault(c, "host", "not aligned to 8");
    for (unsigned int round = 0; round < 2; round++) {
        for (unsigned int order = 0; order <= MAX_ORDER; order++) {
            if (!check_order(c, order))
                return false;
        }
    }
    return true;
}

/* ---- the rest ---- */

static bool check_clock(struct check *c)
{
    const struct axvm_hal *hal = c->hal;
    uint64_t start = hal->time_ns(hal->ctx);
    uint64_t last = start;

    for (uint32_t i = 0; i < CLOCK_PATIENCE && (i < CLOCK_READS || last == start); i++) {
        uint64_t now = hal->time_ns(hal->ctx);

        if (now < last)
            return fault(c, "time_ns", "it runs backwards");
        last = now;
    }
    return last != start || fault(c, "time_ns", "it stands still");
}

/* With interrupts off nobody moves us to another CPU in between. */
static bool check_cpu(struct check *c)
{
    const struct axvm_hal *hal = c->hal;
    unsigned long flags = axvm_irq_save();
    unsigned int pcpu = hal->pcpu_id(hal->ctx);
    const struct axvm_cpu *cpu = hal->this_cpu(hal->ctx);
    bool same = pcpu == hal->pcpu_id(hal->ctx) && cpu == hal->this_cpu(hal->ctx);

    axvm_irq_restore(flags);
    if (pcpu >= 1024)
        return fault(c, "pcpu_id", "not below 1024");
    if (!same)
        return fault(c, "pcpu_id", "it and this_cpu() change with interrupts off");
    if (cpu && cpu->pcpu != pcpu)
        return fault(c, "this_cpu", "what axvm_cpu_enable() made for another CPU");
    hal->kick_cpu(hal->ctx, pcpu);
    return true;
}

static bool check_entropy(struct check *c)
{
    const struct axvm_hal *hal = c->hal;
    uint64_t a[2] = { 0, 0 }, b[2] = { 0, 0 };

    if (!hal->entropy || !hal->entropy(hal->ctx, a, sizeof(a)) || !hal->entropy(hal->ctx, b, sizeof(b)))
        return true;
    return a[0] != b[0] || a[1] != b[1] || fault(c, "entropy", "twice the same");
}

int axvm_hal_check(const struct axvm_hal *hal, struct axvm_hal_report *report)
{
    struct axvm_hal_report unwanted;
    struct check c = { .hal = hal, .report = report ? report : &unwanted };

    c.report->member = axvm_hal_missing(hal);
    c.report->problem = NULL;
    if (c.report->member) {
        c.report->problem = "missing, or out of range";
        return AXVM_ERR_INVAL;
    }
    return check_memory(&c) && check_clock(&c) && check_cpu(&c) && check_entropy(&c) ? AXVM_OK : AXVM_ERR_INVAL;
}
