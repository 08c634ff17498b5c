/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PLIC. A source's gateway is one of: idle; pending; claimed ("in flight": until completion it forwards nothing). A level-triggered
 * gateway looks at its line again on completion; an edge-triggered one remembers one edge that comes meanwhile.
 */
#include "plic.h"

#include <axvm/err.h>

#include "bits.h"
#include "lock.h"
#include "mem.h"

#define WORDS (AXVM_PLIC_SOURCES / 32)

/* "Memory Map". */
#define PENDING_BASE UINT64_C(0x1000)
#define ENABLE_BASE UINT64_C(0x2000)
#define ENABLE_STRIDE 0x80u
#define CONTEXT_BASE UINT64_C(0x200000)
#define CONTEXT_STRIDE 0x1000u
enum { CONTEXT_THRESHOLD = 0, CONTEXT_CLAIM = 4 };

struct context {
    uint32_t enable[WORDS];
    uint8_t threshold;
    bool output;
};

struct axvm_plic {
    struct axvm_device dev;
    struct axvm_plic_config cfg;
    struct axvm_device_ops ops;
    struct axvm_lock lock;
    uint8_t priority[AXVM_PLIC_SOURCES];
    uint32_t pending[WORDS], claimed[WORDS];
    uint32_t level[WORDS];  /* of the lines */
    uint32_t latched[WORDS]; /* an edge that came while claimed */
    uint32_t edge[WORDS], connected[WORDS];
    uint32_t host_irq[AXVM_PLIC_SOURCES]; /* 0: not a passthrough one */
    struct context contexts[];
};

static bool get(const uint32_t *words, uint32_t n)
{
    return (words[n / 32] >> n % 32 & 1) != 0;
}

static void put(uint32_t *words, uint32_t n, bool bit)
{
    uint32_t mask = UINT32_C(1) << n % 32;

    words[n / 32] = bit ? words[n / 32] | mask : words[n / 32] & ~mask;
}

/* ---- outputs; the lock is held ---- */

static void set_output(struct axvm_plic *plic, uint32_t ctx, bool level)
{
    struct context *c = &plic->contexts[ctx];

    if (c->output != level) {
        c->output = level;
        plic->cfg.output(plic->cfg.arg, ctx, level);
    }
}

/* The pending source of highest priority that @ctx has enabled, the lowest number among equals; 0: none above @floor. */
static uint32_t best(const struct axvm_plic *plic, const struct context *c, uint8_t floor)
{
    uint32_t found = 0;

    for (uint32_t w = 0; w < WORDS; w++) {
        for (uint32_t set = plic->pending[w] & c->enable[w]; set != 0; set &= set - 1) {
            uint32_t source = w * 32 + axvm_ctz64(set);

            if (plic->priority[source] > floor) {
                floor = plic->priority[source];
                found = source;
            }
        }
    }
    return found;
}

static void update_context(struct axvm_plic *plic, uint32_t ctx)
{
    const struct context *c = &plic->contexts[ctx];

    set_output(plic, ctx, best(plic, c, c->threshold) != 0);
}

/* @source became pending, or is not so any more. */
static void update_source(struct axvm_plic *plic, uint32_t source, bool pending)
{
    for (uint32_t ctx = 0; ctx < plic->cfg.contexts; ctx++) {
        const struct context *c = &plic->contexts[ctx];

        if (!get(c->enable, source))
            continue;
        if (!pending)
            update_context(plic, ctx);
        else if (plic->priority[source] > c->threshold)
            set_output(plic, ctx, true);
    }
}

static void set_pending(struct axvm_plic *plic, uint32_t source)
{
    put(plic->pending, source, true);
    update_source(plic, source, true);
}

/* ---- gateways; the lock is held ---- */

static void edge_arrives(struct axvm_plic *plic, uint32_t source)
{
    if (get(plic->claimed, source))
        put(plic->latched, source, true);
    else if (!get(plic->pending, source))
        set_pending(plic, source);
}

static void set_level(struct axvm_plic *plic, uint32_t source, bool level)
{
    bool was = get(plic->level, source);

    put(plic->level, source, level);
    if (!level || was)
        return;
    if (get(plic->edge, source))
        edge_arrives(plic, source);
    else if (!get(plic->claimed, source) && !get(plic->pending, source))
        set_pending(plic, source);
}

static uint32_t claim(struct axvm_plic *plic, uint32_t ctx)
{
    /* "Interrupt Claim Process": the threshold does not matter. */
    uint32_t source = best(plic, &plic->contexts[ctx], 0);

    if (source != 0) {
        put(plic->pending, source, false);
        put(plic->claimed, source, true);
        update_source(plic, source, false);
    }
    return source;
}

/* "Interrupt Completion": silently ignored when the source is not enabled for the context. */
static void complete(struct axvm_plic *plic, uint32_t ctx, uint32_t source)
{
    if (source == 0 || source >= AXVM_PLIC_SOURCES)
        return;
    source = (uint32_t)axvm_nospec(source, AXVM_PLIC_SOURCES);
    if (!get(plic->contexts[ctx].enable, source) || !get(plic->claimed, source))
        return;
    put(plic->claimed, source, false);
    if (plic->host_irq[source] != 0) {
        /* The host looks at its own line again. */
        put(plic->level, source, false);
        plic->cfg.complete(plic->cfg.arg, plic->host_irq[source]);
    }
    if (get(plic->latched, source) || (!get(plic->edge, source) && get(plic->level, source))) {
        put(plic->latched, source, false);
        set_pending(plic, source);
    }
}

/* ---- registers; the lock is held ---- */

/* Where an offset leads. */
enum where { NOWHERE, PRIORITY, PENDING, ENABLE, THRESHOLD, CLAIM };
struct reg {
    enum where where;
    uint32_t ctx;
    uint32_t index; /* of a source, or of a word of sources */
};

static bool find_context(const struct axvm_plic *plic, uint64_t number, uint32_t *ctx)
{
    if (number >= plic->cfg.contexts || (plic->cfg.odd_only && number % 2 == 0))
        return false;
    *ctx = (uint32_t)axvm_nospec(number, plic->cfg.contexts);
    return true;
}

static inline struct reg find(const struct axvm_plic *plic, uint64_t off)
{
    struct reg reg = { NOWHERE, 0, 0 };

    if (off < PENDING_BASE) {
        if (off / 4 != 0 && off / 4 < AXVM_PLIC_SOURCES)
            reg = (struct reg){ PRIORITY, 0, (uint32_t)axvm_nospec(off / 4, AXVM_PLIC_SOURCES) };
    } else if (off < ENABLE_BASE) {
        if ((off - PENDING_BASE) / 4 < WORDS)
            reg = (struct reg){ PENDING, 0, (uint32_t)axvm_nospec((off - PENDING_BASE) / 4, WORDS) };
    } else if (off < CONTEXT_BASE) {
        uint64_t word = (off - ENABLE_BASE) % ENABLE_STRIDE / 4;

        if (word < WORDS && find_context(plic, (off - ENABLE_BASE) / ENABLE_STRIDE, &reg.ctx)) {
            reg.where = ENABLE;
            reg.index = (uint32_t)axvm_nospec(word, WORDS);
        }
    } else if (find_context(plic, (off - CONTEXT_BASE) / CONTEXT_STRIDE, &reg.ctx)) {
        uint64_t in = (off - CONTEXT_BASE) % CONTEXT_STRIDE;

        reg.where = in == CONTEXT_THRESHOLD ? THRESHOLD : in == CONTEXT_CLAIM ? CLAIM : NOWHERE;
    }
    return reg;
}

static inline uint32_t read_register(struct axvm_plic *plic, const struct reg *reg)
{
    switch (reg->where) {
    case PRIORITY:
        return plic->priority[reg->index];
    case PENDING:
        return plic->pending[reg->index];
    case ENABLE:
        return plic->contexts[reg->ctx].enable[reg->index];
    case THRESHOLD:
        return plic->contexts[reg->ctx].threshold;
    case CLAIM:
        return claim(plic, reg->ctx);
    case NOWHERE:
        break;
    }
    return 0;
}

static void write_enable(struct axvm_plic *plic, const struct reg *reg, uint32_t val)
{
    uint32_t *word = &plic->contexts[reg->ctx].enable[reg->index];
    uint32_t was = *word;

    /* Source 0 does not exist. */
    *word = reg->index == 0 ? val & ~UINT32_C(1) : val;
    if (((was ^ *word) & plic->pending[reg->index]) != 0)
        update_context(plic, reg->ctx);
}

static void write_register(struct axvm_plic *plic, const struct reg *reg, uint32_t val)
{
    switch (reg->where) {
    case PRIORITY:
        plic->priority[reg->index] = val & AXVM_PLIC_PRIORITIES;
        if (get(plic->pending, reg->index))
            update_source(plic, reg->index, false);
        break;
    case ENABLE:
        write_enable(plic, reg, val);
        break;
    case THRESHOLD:
        plic->contexts[reg->ctx].threshold = val & AXVM_PLIC_PRIORITIES;
        update_context(plic, reg->ctx);
        break;
    case CLAIM:
        complete(plic, reg->ctx, val);
        break;
    case PENDING:
    case NOWHERE:
        break;
    }
}

/* "Memory Map": registers are 32 bits wide, and so are the accesses. Others are refused, as SiFive's do. */
static bool is_word(const struct axvm_access *acc)
{
    return acc->size == 4 && acc->off % 4 == 0;
}

static int plic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_plic *plic = (struct axvm_plic *)dev;
    unsigned long flags;
    struct reg reg;

    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    reg = find(plic, acc->off);
    flags = axvm_lock_irqsave(&plic->lock);
    acc->val = read_register(plic, &reg);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

static int plic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_plic *plic = (struct axvm_plic *)dev;
    unsigned long flags;
    struct reg reg;

    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    reg = find(plic, acc->off);
    flags = axvm_lock_irqsave(&plic->lock);
    write_register(plic, &reg, (uint32_t)acc->val);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

static void plic_reset(struct axvm_device *dev)
{
    struct axvm_plic *plic = (struct axvm_plic *)dev;
    unsigned long flags = axvm_lock_irqsave(&plic->lock);

    for (uint32_t source = 1; source < AXVM_PLIC_SOURCES; source++) {
        /* What the guest had not dealt with goes back to the host, which would wait for ever. */
        if (plic->host_irq[source] != 0 && (get(plic->pending, source) || get(plic->claimed, source)))
            plic->cfg.complete(plic->cfg.arg, plic->host_irq[source]);
    }
    memset(plic->priority, 0, sizeof(plic->priority));
    memset(plic->pending, 0, sizeof(plic->pending));
    memset(plic->claimed, 0, sizeof(plic->claimed));
    memset(plic->level, 0, sizeof(plic->level));
    memset(plic->latched, 0, sizeof(plic->latched));
    for (uint32_t ctx = 0; ctx < plic->cfg.contexts; ctx++) {
        set_output(plic, ctx, false);
        memset(&plic->contexts[ctx], 0, sizeof(plic->contexts[ctx]));
    }
    axvm_unlock_irqrestore(&plic->lock, flags);
}

/* ---- for the owner ---- */

int axvm_plic_create(struct axvm *vm, const struct axvm_plic_config *cfg, struct axvm_plic **out)
{
    struct axvm_plic *plic = axvm_device_alloc(vm, sizeof(*plic) + cfg->contexts * sizeof(plic->contexts[0]));

    if (!plic)
        return AXVM_ERR_NOMEM;
    plic->cfg = *cfg;
    plic->ops = (struct axvm_device_ops){
        .name = "plic", .read = plic_read, .write = plic_write, .reset = plic_reset, .describe = cfg->describe,
    };
    plic->dev.ops = &plic->ops;
    plic->dev.windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, cfg->base, AXVM_PLIC_SIZE };
    plic->dev.window_count = 1;
    plic->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    *out = plic;
    return axvm_device_attach(vm, &plic->dev);
}

struct axvm_device *axvm_plic_device(struct axvm_plic *plic)
{
    return &plic->dev;
}

int axvm_plic_connect(struct axvm_plic *plic, uint32_t source, bool edge)
{
    return axvm_plic_bind(plic, source, 0, edge);
}

int axvm_plic_bind(struct axvm_plic *plic, uint32_t source, uint32_t host_irq, bool edge)
{
    unsigned long flags;
    int rc = AXVM_OK;

    if (source == 0 || source >= AXVM_PLIC_SOURCES)
        return AXVM_ERR_INVAL;
    flags = axvm_lock_irqsave(&plic->lock);
    if (get(plic->connected, source)) {
        rc = AXVM_ERR_EXIST;
    } else {
        put(plic->connected, source, true);
        put(plic->edge, source, edge);
        plic->host_irq[source] = host_irq;
    }
    axvm_unlock_irqrestore(&plic->lock, flags);
    return rc;
}

void axvm_plic_set(struct axvm_plic *plic, uint32_t source, bool level)
{
    unsigned long flags;

    if (source == 0 || source >= AXVM_PLIC_SOURCES)
        return;
    flags = axvm_lock_irqsave(&plic->lock);
    set_level(plic, source, level);
    axvm_unlock_irqrestore(&plic->lock, flags);
}

int axvm_plic_pulse(struct axvm_plic *plic, uint32_t source)
{
    unsigned long flags;

    if (source == 0 || source >= AXVM_PLIC_SOURCES)
        return AXVM_ERR_INVAL;
    flags = axvm_lock_irqsave(&plic->lock);
    edge_arrives(plic, source);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

int axvm_plic_forward(struct axvm_plic *plic, uint32_t host_irq)
{
    unsigned long flags = axvm_lock_irqsave(&plic->lock);
    uint32_t source = 1;

    while (source < AXVM_PLIC_SOURCES && (host_irq == 0 || plic->host_irq[source] != host_irq))
        source++;
    if (source < AXVM_PLIC_SOURCES)
        edge_arrives(plic, source);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return source < AXVM_PLIC_SOURCES ? AXVM_OK : AXVM_ERR_NOENT;
}
