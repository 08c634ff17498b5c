/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PLIC. A source's gateway is one of: idle; pending; claimed ("in flight": until completion it forwards nothing). A
 * level-triggered gateway looks at its line again on completion; an edge-triggered one remembers one edge that comes meanwhile.
 */
#include "plic.h"

#include <axvm/err.h>

#include "bits.h"
#include "lock.h"

#define WORDS (AXVM_PLIC_SOURCES / 32)

/* Keeps the registers that a handler needs from being saved by those that share its caller. */
#define NOINLINE __attribute__((noinline))

/* "Memory Map". */
#define PENDING_BASE UINT64_C(0x1000)
#define ENABLE_BASE UINT64_C(0x2000)
#define ENABLE_STRIDE 0x80u
#define ENABLE_WORDS (ENABLE_STRIDE / 4)
#define CONTEXT_BASE UINT64_C(0x200000)
#define CONTEXT_STRIDE 0x1000u
enum { CONTEXT_THRESHOLD = 0, CONTEXT_CLAIM = 4 };

struct context {
    _Atomic uint32_t *enable; /* WORDS of them, in axvm_plic.enables */
    uint8_t threshold;
    bool output;
};

/* The lock is held by whoever writes; plain registers are read without, as one word each. */

struct axvm_plic {
    struct axvm_device dev;
    struct axvm_plic_config cfg;
    struct axvm_device_ops ops;
    struct axvm_lock lock;
    _Atomic uint32_t priority[AXVM_PLIC_SOURCES];
    _Atomic uint32_t pending[WORDS];
    uint32_t pending_words; /* bit per word of pending that is not 0 */
    _Atomic uint32_t claimed[WORDS];
    _Atomic uint32_t level[WORDS];   /* of the lines */
    _Atomic uint32_t latched[WORDS]; /* an edge that came while claimed */
    _Atomic uint32_t edge[WORDS], connected[WORDS];
    uint32_t host_irq[AXVM_PLIC_SOURCES]; /* 0: not a passthrough one */
    _Atomic uint32_t *enables; /* behind contexts, as guests find them: ENABLE_WORDS of each; 0 where there is nothing */
    uint32_t enable_words;
    struct context contexts[];
};

static inline uint32_t load(const _Atomic uint32_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void store(_Atomic uint32_t *word, uint32_t val)
{
    atomic_store_explicit(word, val, memory_order_relaxed);
}

static inline bool get(const _Atomic uint32_t *words, uint32_t n)
{
    return (load(&words[n / 32]) >> n % 32 & 1) != 0;
}

static inline void put(_Atomic uint32_t *words, uint32_t n, bool bit)
{
    uint32_t mask = UINT32_C(1) << n % 32, was = load(&words[n / 32]);

    store(&words[n / 32], bit ? was | mask : was & ~mask);
}

static void put_pending(struct axvm_plic *plic, uint32_t n, bool bit)
{
    uint32_t mask = UINT32_C(1) << n / 32;

    put(plic->pending, n, bit);
    plic->pending_words = load(&plic->pending[n / 32]) != 0 ? plic->pending_words | mask : plic->pending_words & ~mask;
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
static uint32_t best(const struct axvm_plic *plic, const struct context *c, uint32_t floor)
{
    uint32_t found = 0;

    for (uint32_t words = plic->pending_words; words != 0; words &= words - 1) {
        uint32_t w = axvm_ctz64(words);

        for (uint32_t set = load(&plic->pending[w]) & load(&c->enable[w]); set != 0; set &= set - 1) {
            uint32_t source = w * 32 + axvm_ctz64(set), priority = load(&plic->priority[source]);

            if (priority > floor) {
                floor = priority;
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
        else if (load(&plic->priority[source]) > c->threshold)
            set_output(plic, ctx, true);
    }
}

static void set_pending(struct axvm_plic *plic, uint32_t source)
{
    put_pending(plic, source, true);
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
        put_pending(plic, source, false);
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

/* ---- registers ---- */

static inline bool find_context(const struct axvm_plic *plic, uint64_t number, uint32_t *ctx)
{
    if (number >= plic->cfg.contexts || (plic->cfg.odd_only && number % 2 == 0))
        return false;
    *ctx = (uint32_t)axvm_nospec(number, plic->cfg.contexts);
    return true;
}

/* The word of enable bits at @off. NULL: nothing is there. */
static inline _Atomic uint32_t *enable_word(const struct axvm_plic *plic, uint64_t off)
{
    uint64_t index = (off - ENABLE_BASE) / 4;

    return index < plic->enable_words ? &plic->enables[axvm_nospec(index, plic->enable_words)] : NULL;
}

static NOINLINE int read_context(struct axvm_plic *plic, struct axvm_access *acc)
{
    uint64_t off = acc->off - CONTEXT_BASE, in = off % CONTEXT_STRIDE;
    unsigned long flags;
    uint32_t ctx;

    acc->val = 0;
    if (in > CONTEXT_CLAIM || !find_context(plic, off / CONTEXT_STRIDE, &ctx))
        return AXVM_OK;
    flags = axvm_lock_irqsave(&plic->lock);
    acc->val = in == CONTEXT_CLAIM ? claim(plic, ctx) : plic->contexts[ctx].threshold;
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

static inline uint32_t read_register(struct axvm_plic *plic, uint64_t off)
{
    const _Atomic uint32_t *word;
    uint32_t index;

    if (off >= ENABLE_BASE) {
        word = enable_word(plic, off);
        return word ? load(word) : 0;
    }
    if (off < PENDING_BASE) /* that of source 0 is always 0 */
        return off / 4 < AXVM_PLIC_SOURCES ? load(&plic->priority[axvm_nospec(off / 4, AXVM_PLIC_SOURCES)]) : 0;
    index = (uint32_t)(off - PENDING_BASE) / 4;
    return index < WORDS ? load(&plic->pending[axvm_nospec(index, WORDS)]) : 0;
}

static NOINLINE int write_context(struct axvm_plic *plic, uint64_t off, uint32_t val)
{
    uint64_t in = (off - CONTEXT_BASE) % CONTEXT_STRIDE;
    unsigned long flags;
    uint32_t ctx;

    if (in > CONTEXT_CLAIM || !find_context(plic, (off - CONTEXT_BASE) / CONTEXT_STRIDE, &ctx))
        return AXVM_OK;
    flags = axvm_lock_irqsave(&plic->lock);
    if (in == CONTEXT_CLAIM) {
        complete(plic, ctx, val);
    } else {
        plic->contexts[ctx].threshold = val & AXVM_PLIC_PRIORITIES;
        update_context(plic, ctx);
    }
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

/* @val: source 0 is not in it. */
static NOINLINE int change_enable(struct axvm_plic *plic, uint64_t off, uint32_t val)
{
    uint64_t word = off % ENABLE_STRIDE / 4;
    unsigned long flags;
    uint32_t ctx, changed;

    if (word >= WORDS || !find_context(plic, off / ENABLE_STRIDE, &ctx))
        return AXVM_OK;
    word = axvm_nospec(word, WORDS);
    flags = axvm_lock_irqsave(&plic->lock);
    changed = load(&plic->contexts[ctx].enable[word]) ^ val;
    store(&plic->contexts[ctx].enable[word], val);
    if ((changed & load(&plic->pending[word])) != 0)
        update_context(plic, ctx);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

static inline int write_enable(struct axvm_plic *plic, uint64_t off, uint32_t val)
{
    const _Atomic uint32_t *word = enable_word(plic, off);

    /* Source 0 does not exist. */
    val &= off % ENABLE_STRIDE == 0 ? ~UINT32_C(1) : UINT32_MAX;
    /* One that writes what is there sees it, whoever changes it at the same time. */
    return word && load(word) != val ? change_enable(plic, off - ENABLE_BASE, val) : AXVM_OK;
}
_Static_assert(ENABLE_BASE % ENABLE_STRIDE == 0, "write_enable() finds the first word of a context by its offset");

static NOINLINE int write_priority(struct axvm_plic *plic, uint32_t source, uint32_t val)
{
    unsigned long flags = axvm_lock_irqsave(&plic->lock);

    store(&plic->priority[source], val & AXVM_PLIC_PRIORITIES);
    if (get(plic->pending, source))
        update_source(plic, source, false);
    axvm_unlock_irqrestore(&plic->lock, flags);
    return AXVM_OK;
}

/* Pending bits are read-only. */
static inline int write_register(struct axvm_plic *plic, uint64_t off, uint32_t val)
{
    if (off >= CONTEXT_BASE)
        return write_context(plic, off, val);
    if (off >= ENABLE_BASE)
        return write_enable(plic, off, val);
    if (off / 4 != 0 && off / 4 < AXVM_PLIC_SOURCES)
        return write_priority(plic, (uint32_t)axvm_nospec(off / 4, AXVM_PLIC_SOURCES), val);
    return AXVM_OK;
}

/* "Memory Map": registers are 32 bits wide, and so are the accesses. Others are refused, as SiFive's do. */
static inline bool is_word(const struct axvm_access *acc)
{
    return acc->size == 4 && acc->off % 4 == 0;
}

static int plic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    if (acc->off >= CONTEXT_BASE)
        return read_context((struct axvm_plic *)dev, acc);
    acc->val = read_register((struct axvm_plic *)dev, acc->off);
    return AXVM_OK;
}

static int plic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    return write_register((struct axvm_plic *)dev, acc->off, (uint32_t)acc->val);
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
    for (uint32_t source = 0; source < AXVM_PLIC_SOURCES; source++)
        store(&plic->priority[source], 0);
    for (uint32_t w = 0; w < WORDS; w++) {
        store(&plic->pending[w], 0);
        store(&plic->claimed[w], 0);
        store(&plic->level[w], 0);
        store(&plic->latched[w], 0);
    }
    plic->pending_words = 0;
    for (uint32_t ctx = 0; ctx < plic->cfg.contexts; ctx++) {
        set_output(plic, ctx, false);
        for (uint32_t w = 0; w < WORDS; w++)
            store(&plic->contexts[ctx].enable[w], 0);
        plic->contexts[ctx].threshold = 0;
    }
    axvm_unlock_irqrestore(&plic->lock, flags);
}

/* ---- for the owner ---- */

static struct axvm_plic *alloc_plic(struct axvm *vm, uint32_t contexts)
{
    size_t head = sizeof(struct axvm_plic) + contexts * sizeof(struct context);
    struct axvm_plic *plic = axvm_device_alloc(vm, head + contexts * (size_t)ENABLE_STRIDE);

    if (!plic)
        return NULL;
    plic->enables = (_Atomic uint32_t *)(void *)((char *)plic + head);
    plic->enable_words = contexts * ENABLE_WORDS;
    for (uint32_t ctx = 0; ctx < contexts; ctx++)
        plic->contexts[ctx].enable = &plic->enables[ctx * ENABLE_WORDS];
    return plic;
}

int axvm_plic_create(struct axvm *vm, const struct axvm_plic_config *cfg, struct axvm_plic **out)
{
    struct axvm_plic *plic = alloc_plic(vm, cfg->contexts);

    if (!plic)
        return AXVM_ERR_NOMEM;
    plic->cfg = *cfg;
    plic->ops = (struct axvm_device_ops){
        .name = "plic",
        .read = plic_read,
        .write = plic_write,
        .reset = plic_reset,
        .describe = cfg->describe,
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
