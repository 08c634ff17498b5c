/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The distributor's registers. One security state (GICD_CTLR.DS = 1), affinity routing always (ARE = 1), no LPIs, no extended
 * SPIs, no message-based SPIs, no 1-of-N. IHI 0069, "The GIC Distributor register descriptions". What is not there, or accessed
 * in a width that the specification does not give it, reads as zero and ignores writes ("GIC memory-mapped register access").
 */
#include <axvm/err.h>

#include "vgic_priv.h"

#define GICD_CTLR 0x0000u
#define GICD_TYPER 0x0004u
#define GICD_IIDR 0x0008u
#define GICD_ISENABLER 0x0100u
#define GICD_IPRIORITYR 0x0400u
#define GICD_ITARGETSR 0x0800u
#define GICD_ICFGR 0x0c00u
#define GICD_IGRPMODR 0x0d00u
#define GICD_IROUTER 0x6000u
#define GICD_IROUTER_END (GICD_IROUTER + 8 * AXVM_VGIC_INTID_END)

#define CTLR_ENABLE_GRP0 AXVM_BIT(0)
#define CTLR_ENABLE_GRP1 AXVM_BIT(1)
#define CTLR_ARE AXVM_BIT(4)
#define CTLR_DS AXVM_BIT(6)
#define CTLR_RWP AXVM_BIT(31)

/* INTIDs up to 1019; 10 bits of INTID; no 1-of-N */
#define TYPER (31u | 9u << 19 | 1u << 25)

/* Keeps the short ways free of what these save on the stack. */
#define NOINLINE __attribute__((noinline))

#define ROUTE_AFFINITY 0x00ffffffu /* Aff2.Aff1.Aff0; TYPER.A3V = 0 */

/* ---- GICD_CTLR ---- */

static uint32_t read_ctlr(struct axvm *vm, struct axvm_vcpu *caller)
{
    struct axvm_vgic *g = &vm->arch.vgic;
    unsigned long flags = axvm_vgic_enter(vm, caller);
    uint64_t val = CTLR_DS | CTLR_ARE | (g->group0 & CTLR_ENABLE_GRP0) | (g->group1 & CTLR_ENABLE_GRP1) |
                   (g->rwp_count != 0 ? CTLR_RWP : 0);

    axvm_vgic_leave(vm, flags);
    return (uint32_t)val;
}

static void write_ctlr(struct axvm *vm, struct axvm_vcpu *caller, uint64_t val)
{
    struct axvm_vgic *g = &vm->arch.vgic;
    uint32_t group0 = val & CTLR_ENABLE_GRP0 ? UINT32_MAX : 0;
    uint32_t group1 = val & CTLR_ENABLE_GRP1 ? UINT32_MAX : 0;
    unsigned long flags = axvm_vgic_enter(vm, caller);

    if (group0 != g->group0 || group1 != g->group1) {
        g->group0 = group0;
        g->group1 = group1;
        g->rwp_mark = AXVM_VGIC_RWP_DIST;
        axvm_vgic_changed_all(vm);
        g->rwp_mark = 0;
    }
    axvm_vgic_leave(vm, flags);
}

/* ---- GICD_IROUTER<n> ---- */

/* INTID of the register at @off, which is in their range; 0: SGIs and PPIs have none. */
static uint32_t router_intid(uint64_t off)
{
    uint32_t intid = (uint32_t)axvm_nospec((off - GICD_IROUTER) / 8, AXVM_VGIC_INTID_END);

    return axvm_vgic_is_private(intid) ? 0 : intid;
}

static uint64_t read_router(struct axvm *vm, struct axvm_vcpu *caller, uint64_t off)
{
    uint32_t intid = router_intid(off);
    unsigned long flags;
    uint64_t val;

    if (intid == 0 || (off & 4))
        return 0;
    flags = axvm_vgic_enter(vm, caller);
    val = vm->arch.vgic.spis->route[intid - AXVM_VGIC_SPI_BASE] & ROUTE_AFFINITY;
    axvm_vgic_leave(vm, flags);
    return val;
}

static void write_router(struct axvm *vm, struct axvm_vcpu *caller, uint64_t off, uint64_t val)
{
    uint32_t intid = router_intid(off);
    uint32_t affinity = (uint32_t)val & ROUTE_AFFINITY;
    uint32_t *route;
    unsigned long flags;

    /* The upper half is Aff3 only. */
    if (intid == 0 || (off & 4))
        return;
    route = &vm->arch.vgic.spis->route[intid - AXVM_VGIC_SPI_BASE];
    flags = axvm_vgic_enter(vm, caller);
    if ((*route & ROUTE_AFFINITY) != affinity) {
        struct axvm_vgic_bank *b = axvm_vgic_bank(caller, intid);

        axvm_vgic_withdraw(caller, intid);
        *route = axvm_vgic_by_affinity(vm, affinity) << 24 | affinity;
        if ((b->latch | axvm_vgic_level(b) | b->in_lr) & axvm_vgic_bit(intid))
            axvm_vgic_changed(caller, intid);
    }
    axvm_vgic_leave(vm, flags);
}

/* ---- dispatch ---- */

/* Interrupts 0..31 are the redistributors': those registers and fields are RAZ/WI here with ARE = 1. */
static bool shared_word(struct axvm_vgic_access *a, struct axvm_access *acc, uint64_t word)
{
    a->vcpu = a->caller = acc->vcpu;
    a->word = (unsigned int)axvm_nospec(word, AXVM_VGIC_WORDS);
    return a->word != 0;
}

static uint64_t read_words(struct axvm_access *acc, struct axvm *vm)
{
    struct axvm_vgic_access a;
    uint64_t off = acc->off;

    if (off >= GICD_IROUTER && off < GICD_IROUTER_END)
        return read_router(vm, acc->vcpu, off);
    if (off >= VGIC_ID_REGS)
        return axvm_vgic_id_reg(off);
    if (off >= 0x80 && off < GICD_IPRIORITYR)
        return shared_word(&a, acc, off / 4 & 31) ? axvm_vgic_read_bits(&a, (enum axvm_vgic_reg)(off >> 7)) : 0;
    if (off >= GICD_ICFGR && off < GICD_IGRPMODR)
        return shared_word(&a, acc, off / 8 & 31) ? axvm_vgic_read_cfg(&a, off & 4) : 0;
    switch (off) {
    case GICD_CTLR:
        return read_ctlr(vm, acc->vcpu);
    case GICD_IIDR:
        return VGIC_IIDR;
    default:
        return 0;
    }
}

static NOINLINE int read_any(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic_access a;
    uint64_t off = acc->off;

    acc->val = 0;
    if (off & (acc->size - 1u))
        return AXVM_OK;
    if (off >= GICD_IPRIORITYR && off < GICD_ITARGETSR) {
        if ((acc->size == 4 || acc->size == 1) && shared_word(&a, acc, off / 32 & 31))
            acc->val = axvm_vgic_read_prio(&a, off & 31, acc->size);
    } else if (acc->size == 4) {
        acc->val = read_words(acc, dev->vm);
    } else if (acc->size == 8 && off >= GICD_IROUTER && off < GICD_IROUTER_END) {
        acc->val = read_router(dev->vm, acc->vcpu, off);
    }
    return AXVM_OK;
}

static void write_words(struct axvm_access *acc, struct axvm *vm)
{
    struct axvm_vgic_access a;
    uint64_t off = acc->off;

    if (off >= 0x80 && off < GICD_IPRIORITYR) {
        if (shared_word(&a, acc, off / 4 & 31))
            axvm_vgic_write_bits(&a, (enum axvm_vgic_reg)(off >> 7), (uint32_t)acc->val);
    } else if (off >= GICD_IROUTER && off < GICD_IROUTER_END) {
        write_router(vm, acc->vcpu, off, acc->val);
    } else if (off >= GICD_ICFGR && off < GICD_IGRPMODR) {
        if (shared_word(&a, acc, off / 8 & 31))
            axvm_vgic_write_cfg(&a, off & 4, (uint32_t)acc->val);
    } else if (off == GICD_CTLR) {
        write_ctlr(vm, acc->vcpu, acc->val);
    }
}

static NOINLINE int write_any(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic_access a;
    uint64_t off = acc->off;

    if (off & (acc->size - 1u))
        return AXVM_OK;
    if (off >= GICD_IPRIORITYR && off < GICD_ITARGETSR) {
        if ((acc->size == 4 || acc->size == 1) && shared_word(&a, acc, off / 32 & 31))
            axvm_vgic_write_prio(&a, off & 31, acc->size, (uint32_t)acc->val);
    } else if (acc->size == 4) {
        write_words(acc, dev->vm);
    } else if (acc->size == 8 && off >= GICD_IROUTER && off < GICD_IROUTER_END) {
        write_router(dev->vm, acc->vcpu, off, acc->val);
    }
    return AXVM_OK;
}

/* ---- the short ways, for what guests do all the time ---- */

/* A 32-bit register of the ISENABLER and ICENABLER blocks, but for the first word and the last one, which has a gap; where
 * interrupts are known to be off. NULL: it is not. */
static inline struct axvm_vgic_bank *enable_bank(struct axvm_vgic *g, const struct axvm_access *acc)
{
    uint64_t word = acc->off / 4 & 31;

    if (acc->size != 4 || (acc->off & ~UINT64_C(0xfc)) != GICD_ISENABLER || acc->may_call_host || word == 0 || word == 31)
        return NULL;
    return &g->spis->bank[word];
}

static int gicd_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic *g = AXVM_CONTAINER_OF(dev, struct axvm_vgic, gicd);
    struct axvm_vgic_bank *b;

    if (acc->off == GICD_TYPER && acc->size == 4) {
        acc->val = TYPER;
        return AXVM_OK;
    }
    b = enable_bank(g, acc);
    if (!b)
        return read_any(dev, acc);
    axvm_lock_raw(&g->lock);
    acc->val = b->enabled;
    axvm_unlock_raw(&g->lock);
    return AXVM_OK;
}

/* Nothing has to be done about interrupts of which nothing is known yet, nor about those that stay as they were. */
static int gicd_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic *g = AXVM_CONTAINER_OF(dev, struct axvm_vgic, gicd);
    struct axvm_vgic_bank *b = enable_bank(g, acc);
    uint32_t changed;
    bool done;

    if (!b)
        return write_any(dev, acc);
    axvm_lock_raw(&g->lock);
    changed = (uint32_t)acc->val & (acc->off & 0x80 ? b->enabled : ~b->enabled);
    done = (changed & (b->latch | b->line | b->in_lr | b->bound)) == 0;
    if (done && changed != 0) {
        b->enabled ^= changed;
        axvm_vgic_update_live(g, b);
    }
    axvm_unlock_raw(&g->lock);
    return done ? AXVM_OK : write_any(dev, acc);
}

const struct axvm_device_ops axvm_vgicd_ops = { .name = "gicd", .read = gicd_read, .write = gicd_write };
