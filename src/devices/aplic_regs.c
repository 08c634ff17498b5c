/* SPDX-License-Identifier: BSD-2-Clause */
/* APLIC: "Memory-mapped control region for an interrupt domain". */
#include <axvm/err.h>

#include "aplic_priv.h"

#define BYTE_ORDERED UINT64_C(0x2000) /* setipnum_le, and 4 further setipnum_be */
#define GENMSI UINT64_C(0x3000)       /* target[0] would be here */
#define IDC_BASE UINT64_C(0x4000)
#define IDC_SIZE 32u

/* In the page at 0x1000: four arrays of bits, 0x100 apart; at 0xdc behind each, the same for one source by its number. What is
 * before them are the addresses of MSIs, which only domains at machine level have. */
#define ARRAYS UINT64_C(0x1c00)
enum array { SETIP = 0, IN_CLRIP = 1, SETIE = 2, CLRIE = 3 };
#define BY_NUMBER 0xdcu

enum idc_register { IDELIVERY = 0x00, IFORCE = 0x04, ITHRESHOLD = 0x08, TOPI = 0x18, CLAIMI = 0x1c };

/* Not a builtin: on RISC-V without Zbb that is a call of libgcc. */
static uint32_t swap(uint32_t v)
{
    uint32_t pairs = (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff);

    return pairs << 16 | pairs >> 16;
}

static bool find_idc(const struct axvm_aplic *a, uint64_t off, uint32_t *hart)
{
    uint64_t index = (off - IDC_BASE) / IDC_SIZE;

    *hart = (uint32_t)axvm_nospec(index, a->cfg.harts);
    return index < a->cfg.harts;
}

/* ---- reading ---- */

static uint32_t read_array(struct axvm_aplic *a, uint64_t off)
{
    uint64_t word = (off & 0xff) / 4;

    if (off < ARRAYS || word >= APLIC_WORDS)
        return 0;
    word = axvm_nospec(word, APLIC_WORDS);
    switch ((off - ARRAYS) >> 8) {
    case SETIP:
        return a->pending[word];
    case IN_CLRIP:
        if (aplic_is_msi(a))
            axvm_aplic_end(a, (uint32_t)word, a->told[word]);
        return aplic_rectified(a, (uint32_t)word);
    case SETIE:
        return a->enabled[word];
    }
    return 0;
}

static uint32_t read_idc(struct axvm_aplic *a, uint64_t off)
{
    uint32_t hart;

    if (!find_idc(a, off, &hart))
        return 0;
    switch (off % IDC_SIZE) {
    case IDELIVERY:
        return a->idc[hart].delivery;
    case IFORCE:
        return a->idc[hart].force;
    case ITHRESHOLD:
        return a->idc[hart].threshold;
    case TOPI:
        return axvm_aplic_topi(a, hart);
    case CLAIMI:
        return axvm_aplic_claim(a, hart);
    }
    return 0;
}

static uint32_t read_register(struct axvm_aplic *a, uint64_t off)
{
    uint64_t index = (off & 0xfff) / 4;

    switch (off >> 12) {
    case 0:
        if (index == 0)
            return a->domaincfg | DOMAINCFG_CONSTANT;
        return index < AXVM_APLIC_SOURCES ? a->mode[axvm_nospec(index, AXVM_APLIC_SOURCES)] : 0;
    case 1:
        return read_array(a, off);
    case 2:
        return 0;
    case 3:
        if (index == 0)
            return a->genmsi;
        return index < AXVM_APLIC_SOURCES ? a->target[axvm_nospec(index, AXVM_APLIC_SOURCES)] : 0;
    }
    return read_idc(a, off);
}

/* ---- writing ---- */

static void write_bits(struct axvm_aplic *a, enum array array, uint32_t word, uint32_t bits)
{
    switch (array) {
    case SETIP:
        axvm_aplic_set_pending(a, word, bits);
        break;
    case IN_CLRIP:
        axvm_aplic_clear_pending(a, word, bits);
        break;
    case SETIE:
        bits &= a->active[word] & ~a->enabled[word];
        a->enabled[word] |= bits;
        axvm_aplic_raised(a, word, bits & a->pending[word]);
        break;
    case CLRIE:
        bits &= a->enabled[word];
        a->enabled[word] &= ~bits;
        axvm_aplic_lowered(a, word, bits & a->pending[word]);
        break;
    }
}

/* setipnum and its like: one source, if there is such. */
static void write_by_number(struct axvm_aplic *a, enum array array, uint32_t source)
{
    if (source == 0 || source >= AXVM_APLIC_SOURCES)
        return;
    source = (uint32_t)axvm_nospec(source, AXVM_APLIC_SOURCES);
    write_bits(a, array, source / 32, UINT32_C(1) << source % 32);
}

static void write_array(struct axvm_aplic *a, uint64_t off, uint32_t val)
{
    uint64_t word = (off & 0xff) / 4;

    if (off < ARRAYS)
        return;
    if (word < APLIC_WORDS)
        write_bits(a, (enum array)((off - ARRAYS) >> 8), (uint32_t)axvm_nospec(word, APLIC_WORDS), val);
    else if ((off & 0xff) == BY_NUMBER)
        write_by_number(a, (enum array)((off - ARRAYS) >> 8), val);
}

static void write_domaincfg(struct axvm_aplic *a, uint32_t val)
{
    uint32_t was = a->domaincfg, mode = a->cfg.direct && a->cfg.msi ? val & DOMAINCFG_DM : was & DOMAINCFG_DM;

    a->domaincfg = mode | (val & (DOMAINCFG_IE | DOMAINCFG_BE));
    if (mode != (was & DOMAINCFG_DM))
        axvm_aplic_mode_changed(a);
    if ((a->domaincfg ^ was) & (DOMAINCFG_IE | DOMAINCFG_DM))
        axvm_aplic_refresh(a);
}

/* "a leaf domain ... with a value that has bit 10 = 1 causes the entire register to be set to zero". Reserved modes: likewise.
 */
static void write_sourcecfg(struct axvm_aplic *a, uint32_t source, uint32_t val)
{
    uint32_t mode = val & SOURCECFG_D ? SM_INACTIVE : val & SOURCECFG_SM;

    if (mode == 2 || mode == 3)
        mode = SM_INACTIVE;
    if (mode != a->mode[source])
        axvm_aplic_set_mode(a, source, (enum source_mode)mode);
}

/* Guest Index is read-only zero, as the harts of guests have no hypervisor extension. */
static void write_target(struct axvm_aplic *a, uint32_t source, uint32_t val)
{
    uint32_t w = source / 32, bit = UINT32_C(1) << source % 32, was = a->target[source];
    uint32_t live = a->pending[w] & a->enabled[w] & bit;

    if ((a->active[w] & bit) == 0)
        return;
    if (aplic_is_msi(a)) {
        a->target[source] = val & (TARGET_HART | TARGET_EIID);
        return;
    }
    a->target[source] = (val & (TARGET_HART | TARGET_IPRIO)) | ((val & TARGET_IPRIO) == 0 ? 1 : 0);
    if (live == 0)
        return;
    if (was >> TARGET_HART_SHIFT < a->cfg.harts)
        axvm_aplic_refresh_hart(a, (uint32_t)axvm_nospec(was >> TARGET_HART_SHIFT, a->cfg.harts));
    axvm_aplic_raised(a, w, live);
}

/* The MSI is out at once: Busy is never seen set. */
static void write_genmsi(struct axvm_aplic *a, uint32_t val)
{
    if (!aplic_is_msi(a))
        return;
    a->genmsi = val & (TARGET_HART | TARGET_EIID);
    axvm_aplic_send(a, a->genmsi);
}

static void write_idc(struct axvm_aplic *a, uint64_t off, uint32_t val)
{
    uint32_t hart;

    if (!find_idc(a, off, &hart))
        return;
    switch (off % IDC_SIZE) {
    case IDELIVERY:
        a->idc[hart].delivery = val & 1;
        break;
    case IFORCE:
        a->idc[hart].force = val & 1;
        break;
    case ITHRESHOLD:
        a->idc[hart].threshold = val & TARGET_IPRIO;
        break;
    default:
        return;
    }
    axvm_aplic_refresh_hart(a, hart);
}

static void write_register(struct axvm_aplic *a, uint64_t off, uint32_t val)
{
    uint64_t index = (off & 0xfff) / 4;
    uint32_t source = (uint32_t)axvm_nospec(index, AXVM_APLIC_SOURCES);

    switch (off >> 12) {
    case 0:
        if (index == 0)
            write_domaincfg(a, val);
        else if (index < AXVM_APLIC_SOURCES)
            write_sourcecfg(a, source, val);
        break;
    case 1:
        write_array(a, off, val);
        break;
    case 2:
        if ((off & ~UINT64_C(4)) == BYTE_ORDERED)
            write_by_number(a, SETIP, val);
        break;
    case 3:
        if (index == 0)
            write_genmsi(a, val);
        else if (index < AXVM_APLIC_SOURCES)
            write_target(a, source, val);
        break;
    default:
        write_idc(a, off, val);
    }
}

/* ---- the bus ---- */

/* "Only naturally aligned 32-bit simple reads and writes are supported". */
static bool is_word(const struct axvm_access *acc)
{
    return acc->size == 4 && acc->off % 4 == 0;
}

/* Two registers have a byte order of their own. */
static bool is_swapped(const struct axvm_aplic *a, uint64_t off)
{
    return (off & ~UINT64_C(4)) == BYTE_ORDERED ? (off & 4) != 0 : (a->domaincfg & DOMAINCFG_BE) != 0;
}

/* The first words of two arrays, SETIE and CLRIE, which are 0x100 apart. */
#define ENABLES (ARRAYS + 0x100 * SETIE)
#define ENABLES_WORD (4 * (uint64_t)(APLIC_WORDS - 1))
_Static_assert((APLIC_WORDS & (APLIC_WORDS - 1)) == 0, "ENABLES_WORD is a mask");

/* In the fast tier, where interrupts are off: what is enabled. False: it is another register, or in the other byte order. */
static inline bool read_quickly(struct axvm_aplic *a, uint64_t off, uint64_t *val)
{
    bool swapped;

    if ((off & ~ENABLES_WORD) != ENABLES)
        return false;
    axvm_lock_raw(&a->lock);
    *val = a->enabled[off / 4 % APLIC_WORDS];
    swapped = (a->domaincfg & DOMAINCFG_BE) != 0;
    axvm_unlock_raw(&a->lock);
    return !swapped;
}

static __attribute__((noinline)) int read_fully(struct axvm_aplic *a, struct axvm_access *acc)
{
    unsigned long flags;
    uint32_t val;

    flags = axvm_lock_irqsave(&a->lock);
    val = read_register(a, acc->off);
    acc->val = is_swapped(a, acc->off) ? swap(val) : val;
    axvm_unlock_irqrestore(&a->lock, flags);
    return AXVM_OK;
}

int axvm_aplic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_aplic *a = (struct axvm_aplic *)dev;

    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    if (!acc->may_call_host && read_quickly(a, acc->off, &acc->val))
        return AXVM_OK;
    return read_fully(a, acc);
}

/*
 * In the fast tier, where interrupts are off: enable bits @bits of a word, or clear them, of sources that are not pending:
 * nothing follows from that, and drivers do it all the time. False: it is not so, nothing has been done.
 */
static inline bool change_enables(struct axvm_aplic *a, uint32_t word, uint32_t bits, bool clear)
{
    bool done;

    axvm_lock_raw(&a->lock);
    bits &= clear ? a->enabled[word] : a->active[word] & ~a->enabled[word];
    done = (bits & a->pending[word]) == 0 && (a->domaincfg & DOMAINCFG_BE) == 0;
    if (done)
        a->enabled[word] ^= bits;
    axvm_unlock_raw(&a->lock);
    return done;
}

static inline bool write_quickly(struct axvm_aplic *a, uint64_t off, uint32_t val)
{
    bool clear = (off & 0x100) != 0;

    if ((off & ~(ENABLES_WORD | 0x100)) == ENABLES)
        return change_enables(a, (uint32_t)(off / 4 % APLIC_WORDS), val, clear);
    if ((off & ~UINT64_C(0x100)) == ENABLES + BY_NUMBER && val != 0 && val < AXVM_APLIC_SOURCES) {
        val = (uint32_t)axvm_nospec(val, AXVM_APLIC_SOURCES);
        return change_enables(a, val / 32, UINT32_C(1) << val % 32, clear);
    }
    return false;
}

static __attribute__((noinline)) int write_fully(struct axvm_aplic *a, const struct axvm_access *acc)
{
    uint32_t val = (uint32_t)acc->val;
    unsigned long flags;

    if (!is_word(acc))
        return AXVM_ERR_GUEST;
    flags = axvm_lock_irqsave(&a->lock);
    write_register(a, acc->off, is_swapped(a, acc->off) ? swap(val) : val);
    axvm_unlock_irqrestore(&a->lock, flags);
    return AXVM_OK;
}

int axvm_aplic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_aplic *a = (struct axvm_aplic *)dev;

    if (acc->size == 4 && !acc->may_call_host && write_quickly(a, acc->off, (uint32_t)acc->val))
        return AXVM_OK;
    return write_fully(a, acc);
}
