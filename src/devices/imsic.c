/* SPDX-License-Identifier: BSD-2-Clause */
/* IMSIC: interrupt files. One lock each, as whoever sends an MSI and the hart that it is for meet in one only. */
#include "imsic.h"

#include <axvm/err.h>

#include "bits.h"
#include "lock.h"
#include "mem.h"

#define PAGE UINT64_C(0x1000)
enum { SETEIPNUM_LE = 0, SETEIPNUM_BE = 4 };

struct file {
    struct axvm_lock lock;
    bool output;
    bool diverted;
    struct axvm_imsic_state s;
};

struct axvm_imsic {
    struct axvm_device dev;
    struct axvm_imsic_config cfg;
    struct axvm_device_ops ops;
    struct file files[];
};

/* ---- a file; its lock is held ---- */

/* The lowest identity is the most important one. "eithreshold ... identities P and higher do not contribute". */
static uint32_t top(const struct axvm_imsic_state *s)
{
    for (uint32_t w = 0; w < AXVM_IMSIC_WORDS; w++) {
        uint64_t set = s->eip[w] & s->eie[w];

        if (set != 0) {
            uint32_t id = w * 64 + axvm_ctz64(set);

            return s->eithreshold == 0 || id < s->eithreshold ? id : 0;
        }
    }
    return 0;
}

static void update(struct axvm_imsic *imsic, uint32_t hart)
{
    struct file *f = &imsic->files[hart];
    bool level = f->s.eidelivery != 0 && top(&f->s) != 0;

    if (f->output != level) {
        f->output = level;
        imsic->cfg.output(imsic->cfg.arg, hart, level);
    }
}

void axvm_imsic_send(struct axvm_imsic *imsic, uint32_t hart, uint32_t id)
{
    struct file *f = &imsic->files[hart];
    unsigned long flags;

    if (id == 0 || id > AXVM_IMSIC_IDS)
        return;
    id = (uint32_t)axvm_nospec(id, AXVM_IMSIC_IDS + 1);
    flags = axvm_lock_irqsave(&f->lock);
    if (f->diverted)
        imsic->cfg.diverted(imsic->cfg.arg, hart, id);
    else
        f->s.eip[id / 64] |= UINT64_C(1) << id % 64;
    /* Whatever is there already counts no less than before. */
    if (!f->output)
        update(imsic, hart);
    axvm_unlock_irqrestore(&f->lock, flags);
}

void axvm_imsic_divert(struct axvm_imsic *imsic, uint32_t hart, struct axvm_imsic_state *state)
{
    struct file *f = &imsic->files[hart];
    unsigned long flags = axvm_lock_irqsave(&f->lock);

    *state = f->s;
    memset(&f->s, 0, sizeof(f->s));
    f->diverted = true;
    update(imsic, hart);
    axvm_unlock_irqrestore(&f->lock, flags);
}

/* What a write may set of a register; where it is. NULL: nothing is there. "Register numbers 0x71 and 0x73-0x7F are reserved":
 * zero. */
static uint64_t *find_word(struct axvm_imsic_state *s, uint32_t reg, uint64_t *writable)
{
    uint32_t word = (reg & 0x3f) / 2;

    *writable = word == 0 ? ~UINT64_C(1) : UINT64_MAX;
    if (word >= AXVM_IMSIC_WORDS)
        return NULL;
    word = (uint32_t)axvm_nospec(word, AXVM_IMSIC_WORDS);
    return reg < AXVM_IMSIC_EIE ? &s->eip[word] : &s->eie[word];
}

static uint64_t change(uint64_t *word, uint64_t writable, uint64_t clear, uint64_t set)
{
    uint64_t old = *word;

    *word = ((old & ~clear) | set) & writable;
    return old;
}

static uint64_t change_field(uint32_t *field, uint64_t writable, uint64_t clear, uint64_t set)
{
    uint64_t word = *field, old = change(&word, writable, clear, set);

    *field = (uint32_t)word;
    return old;
}

bool axvm_imsic_register(struct axvm_imsic *imsic, uint32_t hart, uint32_t reg, uint64_t clear, uint64_t set, uint64_t *old)
{
    struct file *f = &imsic->files[hart];
    uint64_t writable, *word;
    unsigned long flags;

    if (reg < AXVM_IMSIC_EIDELIVERY || reg >= AXVM_IMSIC_END || (reg >= AXVM_IMSIC_EIP && reg % 2 != 0))
        return false;
    *old = 0;
    flags = axvm_lock_irqsave(&f->lock);
    if (reg >= AXVM_IMSIC_EIP) {
        word = find_word(&f->s, reg, &writable);
        if (word)
            *old = change(word, writable, clear, set);
    } else if (reg == AXVM_IMSIC_EIDELIVERY) {
        *old = change_field(&f->s.eidelivery, 1, clear, set);
    } else if (reg == AXVM_IMSIC_EITHRESHOLD) {
        *old = change_field(&f->s.eithreshold, AXVM_IMSIC_IDS, clear, set);
    }
    if ((clear | set) != 0)
        update(imsic, hart);
    axvm_unlock_irqrestore(&f->lock, flags);
    return true;
}

uint32_t axvm_imsic_topei(struct axvm_imsic *imsic, uint32_t hart, bool claim)
{
    struct file *f = &imsic->files[hart];
    unsigned long flags = axvm_lock_irqsave(&f->lock);
    uint32_t id = top(&f->s);

    if (claim && id != 0) {
        f->s.eip[id / 64] &= ~(UINT64_C(1) << id % 64);
        update(imsic, hart);
    }
    axvm_unlock_irqrestore(&f->lock, flags);
    return id << 16 | id;
}

/* ---- the bus ---- */

/* "Only naturally aligned 32-bit simple reads and writes are supported". */
static bool is_word(const struct axvm_access *acc)
{
    return acc->size == 4 && acc->off % 4 == 0;
}

static int imsic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    acc->val = 0;
    return is_word(acc) ? AXVM_OK : AXVM_ERR_GUEST;
}

static uint32_t swap(uint32_t v)
{
    uint32_t pairs = (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff);

    return pairs << 16 | pairs >> 16;
}

static int imsic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_imsic *imsic = (struct axvm_imsic *)dev;
    /* The bus has checked that this is in the window. */
    uint32_t hart = (uint32_t)axvm_nospec(acc->off / PAGE, imsic->cfg.harts), val = (uint32_t)acc->val;

    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    switch (acc->off % PAGE) {
    case SETEIPNUM_LE:
        axvm_imsic_send(imsic, hart, val);
        break;
    case SETEIPNUM_BE:
        axvm_imsic_send(imsic, hart, swap(val));
        break;
    }
    return AXVM_OK;
}

static void imsic_reset(struct axvm_device *dev)
{
    struct axvm_imsic *imsic = (struct axvm_imsic *)dev;

    for (uint32_t hart = 0; hart < imsic->cfg.harts; hart++) {
        struct file *f = &imsic->files[hart];
        unsigned long flags = axvm_lock_irqsave(&f->lock);

        memset(&f->s, 0, sizeof(f->s));
        f->diverted = false;
        update(imsic, hart);
        axvm_unlock_irqrestore(&f->lock, flags);
    }
}

/* ---- for the owner ---- */

int axvm_imsic_create(struct axvm *vm, const struct axvm_imsic_config *cfg, struct axvm_imsic **out)
{
    struct axvm_imsic *imsic = axvm_device_alloc(vm, sizeof(*imsic) + cfg->harts * sizeof(imsic->files[0]));

    if (!imsic)
        return AXVM_ERR_NOMEM;
    imsic->cfg = *cfg;
    imsic->ops = (struct axvm_device_ops){
        .name = "imsics",
        .read = imsic_read,
        .write = imsic_write,
        .reset = imsic_reset,
        .describe = cfg->describe,
    };
    imsic->dev.ops = &imsic->ops;
    imsic->dev.windows[0] = (struct axvm_window){ AXVM_BUS_MMIO, cfg->base, cfg->harts * PAGE };
    imsic->dev.window_count = 1;
    imsic->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    *out = imsic;
    return axvm_device_attach(vm, &imsic->dev);
}

struct axvm_device *axvm_imsic_device(struct axvm_imsic *imsic)
{
    return &imsic->dev;
}
