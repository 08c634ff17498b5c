/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the APLIC share: aplic.c has sources and delivery, aplic_regs.c the registers. The lock is held in all of
 * it. */
#ifndef AXVM_DEVICES_APLIC_PRIV_H
#define AXVM_DEVICES_APLIC_PRIV_H

#include "aplic.h"
#include "bits.h"
#include "lock.h"

#define APLIC_WORDS (AXVM_APLIC_SOURCES / 32)

/* domaincfg, as it is kept: without the constant byte. */
#define DOMAINCFG_IE (1u << 8)
#define DOMAINCFG_DM (1u << 2) /* set: MSI delivery mode */
#define DOMAINCFG_BE (1u << 0)
#define DOMAINCFG_CONSTANT 0x80000000u

_Static_assert(APLIC_WORDS <= 32, "busy has a bit for each word");

/* sourcecfg.SM */
enum source_mode { SM_INACTIVE = 0, SM_DETACHED = 1, SM_EDGE1 = 4, SM_EDGE0 = 5, SM_LEVEL1 = 6, SM_LEVEL0 = 7 };
#define SOURCECFG_D (1u << 10)
#define SOURCECFG_SM 7u

/* target and genmsi */
#define TARGET_HART_SHIFT 18
#define TARGET_HART (0x3fffu << TARGET_HART_SHIFT)
#define TARGET_IPRIO 0xffu
#define TARGET_EIID 0x7ffu

/* Of a hart: "Interrupt delivery control (IDC) structure". */
struct aplic_idc {
    uint8_t delivery, force, threshold;
    bool output;
};

struct axvm_aplic {
    struct axvm_device dev;
    struct axvm_aplic_config cfg;
    struct axvm_device_ops ops;
    struct axvm_lock lock;
    uint32_t domaincfg, genmsi;
    uint32_t pending[APLIC_WORDS], enabled[APLIC_WORDS];
    uint32_t busy;              /* bit n clear: pending[n] is 0 */
    uint32_t wire[APLIC_WORDS]; /* what comes in */
    /* What the source modes say: SM is not Inactive; a wire is looked at; its level counts; it is inverted. */
    uint32_t active[APLIC_WORDS], wired[APLIC_WORDS], level[APLIC_WORDS], inverted[APLIC_WORDS];
    uint32_t connected[APLIC_WORDS];
    /* Passthrough sources, and those of them that are level-sensitive and the guest has been told of: the host waits for an
     * end. */
    uint32_t bound[APLIC_WORDS], told[APLIC_WORDS];
    bool any_told; /* false: told is 0 */
    uint8_t mode[AXVM_APLIC_SOURCES];
    uint32_t target[AXVM_APLIC_SOURCES];
    uint32_t host_irq[AXVM_APLIC_SOURCES];
    struct aplic_idc idc[];
};

static inline bool aplic_get(const uint32_t *words, uint32_t n)
{
    return (words[n / 32] >> n % 32 & 1) != 0;
}

static inline void aplic_put(uint32_t *words, uint32_t n, bool bit)
{
    uint32_t mask = UINT32_C(1) << n % 32;

    words[n / 32] = bit ? words[n / 32] | mask : words[n / 32] & ~mask;
}

static inline bool aplic_is_msi(const struct axvm_aplic *a)
{
    return (a->domaincfg & DOMAINCFG_DM) != 0;
}

/* "rectified input value", of 32 sources. */
static inline uint32_t aplic_rectified(const struct axvm_aplic *a, uint32_t word)
{
    return a->wired[word] & (a->wire[word] ^ a->inverted[word]);
}

/* ---- aplic.c ---- */
/* Sources of @bits in @word have become pending or enabled, or are so no more: deliver. */
void axvm_aplic_raised(struct axvm_aplic *a, uint32_t word, uint32_t bits);
void axvm_aplic_lowered(struct axvm_aplic *a, uint32_t word, uint32_t bits);
/* domaincfg or something as far-reaching has changed. */
void axvm_aplic_refresh(struct axvm_aplic *a);
void axvm_aplic_refresh_hart(struct axvm_aplic *a, uint32_t hart);
/* The value of topi. */
uint32_t axvm_aplic_topi(struct axvm_aplic *a, uint32_t hart);
uint32_t axvm_aplic_claim(struct axvm_aplic *a, uint32_t hart);
void axvm_aplic_send(struct axvm_aplic *a, uint32_t target);
void axvm_aplic_set_mode(struct axvm_aplic *a, uint32_t source, enum source_mode mode);
/* The delivery mode is another one now. */
void axvm_aplic_mode_changed(struct axvm_aplic *a);
/* The guest asks anew about sources that it has been told of: so does the host, of its own hardware. */
void axvm_aplic_end(struct axvm_aplic *a, uint32_t word, uint32_t bits);

/* Writes of setip, in_clrip: as far as the mode of each source allows. */
void axvm_aplic_set_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits);
void axvm_aplic_clear_pending(struct axvm_aplic *a, uint32_t word, uint32_t bits);

/* ---- aplic_regs.c ---- */
int axvm_aplic_read(struct axvm_device *dev, struct axvm_access *acc);
int axvm_aplic_write(struct axvm_device *dev, struct axvm_access *acc);

#endif
