/* SPDX-License-Identifier: BSD-2-Clause */
#include "gich_fake.h"

#include <stdio.h>
#include <stdlib.h>

/* Written out here, not taken from gich.h: this is the other side. */
#define LR_STATE(lr) ((unsigned int)((lr) >> 62))
#define LR_PENDING 1u
#define LR_ACTIVE 2u
#define LR_HW(lr) ((lr) >> 61 & 1)
#define LR_GROUP(lr) ((unsigned int)((lr) >> 60 & 1))
#define LR_PRIO(lr) ((unsigned int)((lr) >> 48 & 0xf8)) /* five bits are implemented */
#define LR_PINTID(lr) ((uint32_t)((lr) >> 32 & 0x1fff))
#define LR_EOI(lr) ((lr) >> 41 & 1)
#define LR_VINTID(lr) ((uint32_t)(lr))
#define HCR_EN 1u
#define HCR_UIE 2u
#define HCR_LRENPIE 4u
#define HCR_NPIE 8u
#define HCR_TDIR (UINT64_C(1) << 14)
#define HCR_EOICOUNT (UINT64_C(31) << 27)
#define VMCR_CBPR UINT64_C(0x10)
#define VMCR_EOIM UINT64_C(0x200)

/* What the hardware's users must not do. (<assert.h> is src/core's own here.) */
#define must(cond) ((cond) ? (void)0 : broken(#cond, __LINE__))

_Thread_local struct gich_fake *gich_here;

static void broken(const char *what, int line)
{
    fprintf(stderr, "gich_fake.c:%d: %s\n", line, what);
    abort();
}

static void set_state(uint64_t *lr, unsigned int state)
{
    *lr = (*lr & ~(UINT64_C(3) << 62)) | (uint64_t)state << 62;
}

static unsigned int apr_count(const struct gich_fake *cpu)
{
    return 1u << (cpu->prebits - 5);
}

/* ---- for the library ---- */

uint64_t axvm_gich_read_vtr(void)
{
    return (uint64_t)(gich_here->prebits - 1) << 26 | (gich_here->tds ? 1u << 19 : 0) | (gich_here->lr_count - 1);
}

uint64_t axvm_gich_read_hcr(void)
{
    return gich_here->hcr;
}

void axvm_gich_write_hcr(uint64_t val)
{
    gich_here->hcr = val;
}

uint64_t axvm_gich_read_vmcr(void)
{
    return gich_here->vmcr;
}

/* Binary points below the minimum become the minimum. */
void axvm_gich_write_vmcr(uint64_t val)
{
    uint64_t min0 = 7 - gich_here->prebits, min1 = min0 + 1;
    uint64_t bpr0 = val >> 21 & 7, bpr1 = val >> 18 & 7;

    bpr0 = bpr0 < min0 ? min0 : bpr0;
    bpr1 = bpr1 < min1 ? min1 : bpr1;
    gich_here->vmcr = (val & 0xff000213) | bpr0 << 21 | bpr1 << 18;
}

void axvm_gich_read_apr(unsigned int prebits, uint32_t ap0r[4], uint32_t ap1r[4])
{
    must(prebits == gich_here->prebits);
    for (unsigned int i = 0; i < apr_count(gich_here); i++) {
        ap0r[i] = gich_here->ap0r[i];
        ap1r[i] = gich_here->ap1r[i];
    }
}

void axvm_gich_write_apr(unsigned int prebits, const uint32_t ap0r[4], const uint32_t ap1r[4])
{
    must(prebits == gich_here->prebits);
    for (unsigned int i = 0; i < apr_count(gich_here); i++) {
        gich_here->ap0r[i] = ap0r[i];
        gich_here->ap1r[i] = ap1r[i];
    }
}

uint64_t axvm_gich_read_lr(unsigned int n)
{
    must(n < gich_here->lr_count);
    return gich_here->lr[n];
}

/* What a hypervisor must not write: "ICH_LR<n>_EL2". */
void axvm_gich_write_lr(unsigned int n, uint64_t val)
{
    must(n < gich_here->lr_count);
    must(!LR_HW(val) || LR_STATE(val) != (LR_PENDING | LR_ACTIVE));
    must(LR_HW(val) || (val >> 32 & 0x1fff & ~(1u << 9)) == 0);
    must(LR_STATE(val) == 0 || LR_VINTID(val) < 1020);
    gich_here->lr[n] = val;
    gich_here->lr_writes++;
}

static void deactivate_physical(struct gich_fake *cpu, uint32_t intid)
{
    bool *active = intid < 32 ? &cpu->ppi_active[intid] : &cpu->machine->spi_active[intid];

    must(intid < GICH_FAKE_HOST_INTIDS);
    if (!*active)
        cpu->machine->bad_deactivations++;
    *active = false;
}

void axvm_gich_write_dir(uint32_t intid)
{
    deactivate_physical(gich_here, intid);
}

void axvm_gich_enable_sre(void)
{
}

/* ---- the guest on this CPU ---- */

static unsigned int running(const struct gich_fake *cpu)
{
    for (unsigned int bit = 0; bit < 32 * apr_count(cpu); bit++) {
        if ((cpu->ap0r[bit / 32] | cpu->ap1r[bit / 32]) >> bit % 32 & 1)
            return bit << (8 - cpu->prebits);
    }
    return 0x100;
}

/* The part of @prio that counts for preemption. */
static unsigned int group_priority(const struct gich_fake *cpu, unsigned int prio, unsigned int group)
{
    unsigned int bpr = (unsigned int)(cpu->vmcr >> 21 & 7);

    if (group == 1 && (cpu->vmcr & VMCR_CBPR) == 0)
        bpr = (unsigned int)(cpu->vmcr >> 18 & 7) - 1;
    return prio >> (bpr + 1) << (bpr + 1);
}

/* No interrupt may be in two list registers while a guest runs. */
static void check_unique(const struct gich_fake *cpu)
{
    for (unsigned int i = 0; i < cpu->lr_count; i++) {
        for (unsigned int j = 0; j < i; j++)
            must(LR_STATE(cpu->lr[i]) == 0 || LR_STATE(cpu->lr[j]) == 0 || LR_VINTID(cpu->lr[i]) != LR_VINTID(cpu->lr[j]));
    }
}

/* Index of the list register that is signalled; -1: none. */
static int hppi_lr(const struct gich_fake *cpu)
{
    int best = -1;

    check_unique(cpu);
    if ((cpu->hcr & HCR_EN) == 0)
        return -1;
    for (unsigned int i = 0; i < cpu->lr_count; i++) {
        uint64_t lr = cpu->lr[i];

        if (LR_STATE(lr) == LR_PENDING && (cpu->vmcr >> LR_GROUP(lr) & 1) && (best < 0 || LR_PRIO(lr) < LR_PRIO(cpu->lr[best])))
            best = (int)i;
    }
    if (best >= 0) {
        unsigned int prio = LR_PRIO(cpu->lr[best]);

        if (prio >= (cpu->vmcr >> 24 & 0xff))
            return -1;
        if (running(cpu) != 0x100 &&
            group_priority(cpu, prio, LR_GROUP(cpu->lr[best])) >= group_priority(cpu, running(cpu), LR_GROUP(cpu->lr[best])))
            return -1;
    }
    return best;
}

uint32_t gich_fake_hppi(const struct gich_fake *cpu, unsigned int *group)
{
    int i = hppi_lr(cpu);

    if (i < 0)
        return GICH_FAKE_SPURIOUS;
    *group = LR_GROUP(cpu->lr[i]);
    return LR_VINTID(cpu->lr[i]);
}

uint32_t gich_fake_ack(struct gich_fake *cpu, unsigned int group)
{
    int i = hppi_lr(cpu);
    unsigned int bit;

    if (i < 0 || LR_GROUP(cpu->lr[i]) != group)
        return GICH_FAKE_SPURIOUS;
    bit = group_priority(cpu, LR_PRIO(cpu->lr[i]), group) >> (8 - cpu->prebits);
    (group == 0 ? cpu->ap0r : cpu->ap1r)[bit / 32] |= 1u << bit % 32;
    set_state(&cpu->lr[i], LR_ACTIVE);
    return LR_VINTID(cpu->lr[i]);
}

static int find_active(const struct gich_fake *cpu, uint32_t intid)
{
    for (unsigned int i = 0; i < cpu->lr_count; i++) {
        if ((LR_STATE(cpu->lr[i]) & LR_ACTIVE) && LR_VINTID(cpu->lr[i]) == intid)
            return (int)i;
    }
    return -1;
}

static void count_eoi(struct gich_fake *cpu)
{
    uint64_t count = (cpu->hcr & HCR_EOICOUNT) >> 27;

    cpu->hcr = (cpu->hcr & ~HCR_EOICOUNT) | ((count + 1) & 31) << 27;
}

static void deactivate(struct gich_fake *cpu, uint32_t intid)
{
    int i = find_active(cpu, intid);

    if (i < 0) {
        count_eoi(cpu);
        return;
    }
    if (LR_HW(cpu->lr[i]))
        deactivate_physical(cpu, LR_PINTID(cpu->lr[i]));
    set_state(&cpu->lr[i], LR_STATE(cpu->lr[i]) & ~LR_ACTIVE);
}

void gich_fake_eoi(struct gich_fake *cpu, unsigned int group, uint32_t intid)
{
    unsigned int bit;

    if (intid >= 1020)
        return;
    for (bit = 0; bit < 32 * apr_count(cpu); bit++) {
        uint32_t *ap = (group == 0 ? cpu->ap0r : cpu->ap1r) + bit / 32;

        if (*ap >> bit % 32 & 1) {
            *ap &= ~(1u << bit % 32);
            break;
        }
    }
    if (bit == 32 * apr_count(cpu))
        return;
    if ((cpu->vmcr & VMCR_EOIM) == 0)
        deactivate(cpu, intid);
    else if (cpu->counts_drops && find_active(cpu, intid) < 0)
        count_eoi(cpu);
}

bool gich_fake_dir(struct gich_fake *cpu, uint32_t intid)
{
    if (cpu->hcr & HCR_TDIR)
        return false;
    if ((cpu->vmcr & VMCR_EOIM) && intid < 1020)
        deactivate(cpu, intid);
    return true;
}

void gich_fake_set_pmr(struct gich_fake *cpu, uint8_t pmr)
{
    cpu->vmcr = (cpu->vmcr & 0x00ffffff) | (uint64_t)(pmr & 0xf8) << 24;
}

void gich_fake_set_group(struct gich_fake *cpu, unsigned int group, bool enabled)
{
    cpu->vmcr = (cpu->vmcr & ~(UINT64_C(1) << group)) | (uint64_t)enabled << group;
}

void gich_fake_set_eoimode(struct gich_fake *cpu, bool split)
{
    cpu->vmcr = (cpu->vmcr & ~VMCR_EOIM) | (split ? VMCR_EOIM : 0);
}

void gich_fake_set_bpr(struct gich_fake *cpu, unsigned int bpr0, unsigned int bpr1, bool common)
{
    struct gich_fake *was = gich_here;

    gich_here = cpu;
    axvm_gich_write_vmcr((cpu->vmcr & 0xff000203) | (uint64_t)bpr0 << 21 | (uint64_t)bpr1 << 18 | (common ? VMCR_CBPR : 0));
    gich_here = was;
}

bool gich_fake_maintenance(const struct gich_fake *cpu)
{
    unsigned int valid = 0, pending = 0, ended = 0;
    bool grp0 = cpu->vmcr & 1, grp1 = cpu->vmcr & 2;

    for (unsigned int i = 0; i < cpu->lr_count; i++) {
        valid += LR_STATE(cpu->lr[i]) != 0;
        pending += LR_STATE(cpu->lr[i]) == LR_PENDING;
        ended += LR_STATE(cpu->lr[i]) == 0 && !LR_HW(cpu->lr[i]) && LR_EOI(cpu->lr[i]);
    }
    return (cpu->hcr & HCR_EN) &&
           (ended != 0 || ((cpu->hcr & HCR_UIE) && valid <= 1) || ((cpu->hcr & HCR_LRENPIE) && (cpu->hcr & HCR_EOICOUNT)) ||
            ((cpu->hcr & HCR_NPIE) && pending == 0) || ((cpu->hcr & 0x10) && grp0) || ((cpu->hcr & 0x20) && !grp0) ||
            ((cpu->hcr & 0x40) && grp1) || ((cpu->hcr & 0x80) && !grp1));
}
