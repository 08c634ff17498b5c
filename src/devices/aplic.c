/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * APLIC: sources and delivery. "Precise effects on interrupt-pending bits" is what pending bits follow.
 *
 * A passthrough source has no wire of its own: it goes high when the host forwards its interrupt, which stays in flight at the
 * host. An APLIC is not told when a handler is done; but the guest asks again what is there, and that is when the host's
 * hardware is asked, too: the wire goes low, the host completes, and forwards again if its own line is still high. For an edge
 * that is at once.
 */
#include <axvm/err.h>

#include "aplic_priv.h"
#include "mem.h"

/* ---- outputs: direct delivery mode ---- */

static void set_output(struct axvm_aplic *a, uint32_t hart, bool level)
{
    if (a->idc[hart].output != level) {
        a->idc[hart].output = level;
        a->cfg.output(a->cfg.arg, hart, level);
    }
}

static bool delivers(const struct axvm_aplic *a, const struct aplic_idc *idc)
{
    return (a->domaincfg & (DOMAINCFG_IE | DOMAINCFG_DM)) == DOMAINCFG_IE && idc->delivery;
}

/* ithreshold: "0: all enabled interrupt sources can contribute". */
static bool passes(const struct aplic_idc *idc, uint32_t target)
{
    return idc->threshold == 0 || (target & TARGET_IPRIO) < idc->threshold;
}

/* The hart of a target register; false: there is none of that number. */
static inline bool target_hart(const struct axvm_aplic *a, uint32_t target, uint32_t *hart)
{
    uint32_t index = target >> TARGET_HART_SHIFT;

    *hart = (uint32_t)axvm_nospec(index, a->cfg.harts);
    return index < a->cfg.harts;
}

uint32_t axvm_aplic_topi(struct axvm_aplic *a, uint32_t hart)
{
    const struct aplic_idc *idc = &a->idc[hart];
    uint32_t best = idc->threshold == 0 ? TARGET_IPRIO + 1 : idc->threshold, found = 0;

    for (uint32_t busy = aplic_is_msi(a) ? 0 : a->busy; busy != 0; busy &= busy - 1) {
        uint32_t w = axvm_ctz64(busy);

        if (a->pending[w] == 0)
            a->busy &= ~(busy & -busy);
        for (uint32_t set = a->pending[w] & a->enabled[w]; set != 0; set &= set - 1) {
            uint32_t source = w * 32 + axvm_ctz64(set), target = a->target[source];

            if (target >> TARGET_HART_SHIFT == hart && (target & TARGET_IPRIO) < best) {
                best = target & TARGET_IPRIO;
                found = source;
            }
        }
    }
    return found != 0 ? found << 16 | best : 0;
}

void axvm_aplic_refresh_hart(struct axvm_aplic *a, uint32_t hart)
{
    const struct aplic_idc *idc = &a->idc[hart];

    set_output(a, hart, delivers(a, idc) && (idc->force || axvm_aplic_topi(a, hart) != 0));
}

static void raise_output(struct axvm_aplic *a, uint32_t source)
{
    uint32_t hart, target = a->target[source];

    if (target_hart(a, target, &hart) && delivers(a, &a->idc[hart]) && passes(&a->idc[hart], target))
        set_output(a, hart, true);
}

/* All outputs anew, in one pass over the sources. */
static void refresh_outputs(struct axvm_aplic *a)
{
    uint64_t top[AXVM_MAX_VCPUS / 64] = { 0 };
    uint32_t hart;

    for (uint32_t w = 0; w < APLIC_WORDS; w++) {
        for (uint32_t set = a->pending[w] & a->enabled[w]; set != 0; set &= set - 1) {
            uint32_t target = a->target[w * 32 + axvm_ctz64(set)];

            if (target_hart(a, target, &hart) && passes(&a->idc[hart], target))
                top[hart / 64] |= UINT64_C(1) << hart % 64;
        }
    }
    for (hart = 0; hart < a->cfg.harts; hart++) {
        const struct aplic_idc *idc = &a->idc[hart];

        set_output(a, hart, delivers(a, idc) && (idc->force || (top[hart / 64] >> hart % 64 & 1)));
    }
}

/* ---- MSIs ---- */

void axvm_aplic_send(struct axvm_aplic *a, uint32_t target)
{
    uint32_t hart;

    if (target_hart(a, target, &hart))
        a->cfg.send(a->cfg.arg, hart, target & TARGET_EIID);
}

/* The guest learns of a passthrough source: a level it will ask about again, an edge is done with. */
static void tell(struct axvm_aplic *a, uint32_t word, uint32_t bit)
{
    a->told[word] |= bit & a->level[word] & a->wire[word];
    a->any_told |= a->told[word] != 0;
    axvm_aplic_end(a, word, bit & ~a->level[word]);
}

static void forward_by_msi(struct axvm_aplic *a, uint32_t source)
{
    uint32_t w = source / 32, bit = UINT32_C(1) << source % 32;

    a->pending[w] &= ~bit;
    axvm_aplic_send(a, a->target[source]);
    if (a->bound[w] & bit) {
        tell(a, w, bit);
    }
}

/* ---- both ---- */

void axvm_aplic_raised(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    bool msi = aplic_is_msi(a);

    if ((a->domaincfg & DOMAINCFG_IE) == 0)
        return;
    for (; bits != 0; bits &= bits - 1) {
        uint32_t source = word * 32 + axvm_ctz64(bits);

        if (msi)
            forward_by_msi(a, source);
        else
            raise_output(a, source);
    }
}

void axvm_aplic_lowered(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    uint32_t hart;

    if (aplic_is_msi(a))
        return;
    for (; bits != 0; bits &= bits - 1) {
        if (target_hart(a, a->target[word * 32 + axvm_ctz64(bits)], &hart))
            axvm_aplic_refresh_hart(a, hart);
    }
}

void axvm_aplic_refresh(struct axvm_aplic *a)
{
    if (a->cfg.direct)
        refresh_outputs(a);
    for (uint32_t w = 0; aplic_is_msi(a) && w < APLIC_WORDS; w++)
        axvm_aplic_raised(a, w, a->pending[w] & a->enabled[w]);
}

/* ---- sources ---- */

static void make_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    bits &= ~a->pending[word];
    a->pending[word] |= bits;
    a->busy |= UINT32_C(1) << word;
    axvm_aplic_raised(a, word, bits & a->enabled[word]);
}

static void clear_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    bits &= a->pending[word];
    a->pending[word] &= ~bits;
    axvm_aplic_lowered(a, word, bits & a->enabled[word]);
}

void axvm_aplic_set_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    axvm_aplic_end(a, word, bits & a->told[word] & (aplic_is_msi(a) ? UINT32_MAX : 0));
    make_pending(a, word, bits & a->active[word] & (~a->level[word] | (aplic_is_msi(a) ? aplic_rectified(a, word) : 0)));
}

void axvm_aplic_clear_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    axvm_aplic_end(a, word, bits & a->pending[word] & ~a->level[word]);
    clear_pending(a, word, bits & (aplic_is_msi(a) ? UINT32_MAX : ~a->level[word]));
}

static void set_wire(struct axvm_aplic *a, uint32_t source, bool level)
{
    uint32_t w = source / 32, bit = UINT32_C(1) << source % 32, was = aplic_rectified(a, w) & bit;

    aplic_put(a->wire, source, level);
    if ((aplic_rectified(a, w) & bit) == was)
        return;
    if (was == 0)
        make_pending(a, w, bit);
    else
        clear_pending(a, w, bit & a->level[w]);
}

void axvm_aplic_end(struct axvm_aplic *a, uint32_t word, uint32_t bits)
{
    bits &= a->bound[word] & a->wire[word];
    if (bits == 0)
        return;
    a->told[word] &= ~bits;
    a->wire[word] &= ~bits;
    clear_pending(a, word, bits & a->level[word]);
    for (; bits != 0; bits &= bits - 1)
        a->cfg.complete(a->cfg.arg, a->host_irq[word * 32 + axvm_ctz64(bits)]);
}

/* What hart @hart has been told of and now asks about again. */
static void end_told(struct axvm_aplic *a, uint32_t hart)
{
    uint32_t left = 0;

    for (uint32_t w = 0; w < APLIC_WORDS; w++) {
        for (uint32_t told = a->told[w]; told != 0; told &= told - 1) {
            if (a->target[w * 32 + axvm_ctz64(told)] >> TARGET_HART_SHIFT == hart)
                axvm_aplic_end(a, w, told & -told);
        }
        left |= a->told[w];
    }
    a->any_told = left != 0;
}

uint32_t axvm_aplic_claim(struct axvm_aplic *a, uint32_t hart)
{
    uint32_t topi, w, bit;

    if (a->any_told)
        end_told(a, hart);
    topi = axvm_aplic_topi(a, hart);
    if (topi == 0) {
        a->idc[hart].force = 0;
        axvm_aplic_refresh_hart(a, hart);
        return 0;
    }
    w = topi >> 16 >> 5;
    bit = UINT32_C(1) << (topi >> 16 & 31);
    if (a->bound[w] & bit) {
        tell(a, w, bit);
    }
    clear_pending(a, w, bit & ~a->level[w]);
    return topi;
}

void axvm_aplic_set_mode(struct axvm_aplic *a, uint32_t source, enum source_mode mode)
{
    uint32_t w = source / 32, bit = UINT32_C(1) << source % 32;
    bool was_active = (a->active[w] & bit) != 0;

    if (mode == SM_INACTIVE) {
        clear_pending(a, w, bit);
        a->enabled[w] &= ~bit;
        a->target[source] = 0;
    } else if (!was_active) {
        a->target[source] = aplic_is_msi(a) ? 0 : 1;
    }
    a->mode[source] = (uint8_t)mode;
    aplic_put(a->active, source, mode != SM_INACTIVE);
    aplic_put(a->wired, source, mode >= SM_EDGE1);
    aplic_put(a->level, source, mode >= SM_LEVEL1);
    /* The host tells whether a passthrough interrupt is asserted, not how its wire is. */
    aplic_put(a->inverted, source, (mode == SM_EDGE0 || mode == SM_LEVEL0) && !aplic_get(a->bound, source));
    /* An edge that the new mode would wait for may have been before it. */
    if (mode != SM_INACTIVE)
        axvm_aplic_end(a, w, bit);
    if ((a->level[w] & bit) == 0)
        return;
    if (aplic_rectified(a, w) & bit)
        make_pending(a, w, bit);
    else
        clear_pending(a, w, bit);
}

void axvm_aplic_mode_changed(struct axvm_aplic *a)
{
    for (uint32_t source = 1; source < AXVM_APLIC_SOURCES; source++)
        a->target[source] = aplic_get(a->active, source) && !aplic_is_msi(a) ? 1 : 0;
    for (uint32_t w = 0; !aplic_is_msi(a) && w < APLIC_WORDS; w++)
        a->pending[w] = (a->pending[w] & ~a->level[w]) | (aplic_rectified(a, w) & a->level[w]);
    a->busy = AXVM_BITS(APLIC_WORDS - 1, 0);
}

/* ---- for the owner ---- */

static void complete_all(struct axvm_aplic *a)
{
    for (uint32_t w = 0; w < APLIC_WORDS; w++) {
        for (uint32_t left = a->bound[w] & a->wire[w]; left != 0; left &= left - 1)
            a->cfg.complete(a->cfg.arg, a->host_irq[w * 32 + axvm_ctz64(left)]);
    }
}

/* Devices, which are reset too, lower their lines. */
static void aplic_reset(struct axvm_device *dev)
{
    struct axvm_aplic *a = (struct axvm_aplic *)dev;
    unsigned long flags = axvm_lock_irqsave(&a->lock);

    complete_all(a);
    a->domaincfg = a->cfg.direct ? 0 : DOMAINCFG_DM;
    a->genmsi = 0;
    memset(a->pending, 0, sizeof(a->pending));
    memset(a->enabled, 0, sizeof(a->enabled));
    memset(a->wire, 0, sizeof(a->wire));
    memset(a->active, 0, sizeof(a->active));
    memset(a->wired, 0, sizeof(a->wired));
    memset(a->level, 0, sizeof(a->level));
    memset(a->inverted, 0, sizeof(a->inverted));
    memset(a->told, 0, sizeof(a->told));
    a->any_told = false;
    a->busy = 0;
    memset(a->mode, 0, sizeof(a->mode));
    memset(a->target, 0, sizeof(a->target));
    for (uint32_t hart = 0; hart < a->cfg.harts; hart++) {
        set_output(a, hart, false);
        memset(&a->idc[hart], 0, sizeof(a->idc[hart]));
    }
    axvm_unlock_irqrestore(&a->lock, flags);
}

/* "a multiple of 4 KiB in size ... The smallest valid control region is 16 KiB" */
static uint64_t region_size(const struct axvm_aplic_config *cfg)
{
    return cfg->direct ? axvm_align_up(0x4000 + UINT64_C(32) * cfg->harts, 0x1000) : 0x4000;
}

int axvm_aplic_create(struct axvm *vm, const struct axvm_aplic_config *cfg, struct axvm_aplic **out)
{
    struct axvm_aplic *a = axvm_device_alloc(vm, sizeof(*a) + cfg->harts * sizeof(a->idc[0]));

    if (!a)
        return AXVM_ERR_NOMEM;
    a->cfg = *cfg;
    a->domaincfg = cfg->direct ? 0 : DOMAINCFG_DM;
    a->ops = (struct axvm_device_ops){
        .name = "aplic",
        .read = axvm_aplic_read,
        .write = axvm_aplic_write,
        .reset = aplic_reset,
        .describe = cfg->describe,
    };
    a->dev.ops = &a->ops;
    a->dev.windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, cfg->base, region_size(cfg) };
    a->dev.window_count = 1;
    a->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    *out = a;
    return axvm_device_attach(vm, &a->dev);
}

struct axvm_device *axvm_aplic_device(struct axvm_aplic *aplic)
{
    return &aplic->dev;
}

int axvm_aplic_connect(struct axvm_aplic *a, uint32_t source)
{
    return axvm_aplic_bind(a, source, 0);
}

int axvm_aplic_bind(struct axvm_aplic *a, uint32_t source, uint32_t host_irq)
{
    unsigned long flags;
    int rc = AXVM_OK;

    if (source == 0 || source >= AXVM_APLIC_SOURCES)
        return AXVM_ERR_INVAL;
    flags = axvm_lock_irqsave(&a->lock);
    if (aplic_get(a->connected, source)) {
        rc = AXVM_ERR_EXIST;
    } else {
        aplic_put(a->connected, source, true);
        aplic_put(a->bound, source, host_irq != 0);
        a->host_irq[source] = host_irq;
    }
    axvm_unlock_irqrestore(&a->lock, flags);
    return rc;
}

void axvm_aplic_set(struct axvm_aplic *a, uint32_t source, bool level)
{
    unsigned long flags;

    if (source == 0 || source >= AXVM_APLIC_SOURCES)
        return;
    flags = axvm_lock_irqsave(&a->lock);
    set_wire(a, source, level);
    axvm_unlock_irqrestore(&a->lock, flags);
}

int axvm_aplic_pulse(struct axvm_aplic *a, uint32_t source)
{
    unsigned long flags;

    if (source == 0 || source >= AXVM_APLIC_SOURCES)
        return AXVM_ERR_INVAL;
    flags = axvm_lock_irqsave(&a->lock);
    set_wire(a, source, true);
    set_wire(a, source, false);
    axvm_unlock_irqrestore(&a->lock, flags);
    return AXVM_OK;
}

int axvm_aplic_forward(struct axvm_aplic *a, uint32_t host_irq)
{
    unsigned long flags = axvm_lock_irqsave(&a->lock);
    uint32_t source = 1;

    while (source < AXVM_APLIC_SOURCES && (host_irq == 0 || a->host_irq[source] != host_irq))
        source++;
    if (source < AXVM_APLIC_SOURCES)
        set_wire(a, source, true);
    axvm_unlock_irqrestore(&a->lock, flags);
    return source < AXVM_APLIC_SOURCES ? AXVM_OK : AXVM_ERR_NOENT;
}
