/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers: "The Local APIC Block Diagram" (their table), "x2APIC Register Address Space". A register is its offset / 16 in
 * both. */
#include <axvm/err.h>

#include "lapic_priv.h"

enum reg {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10, /* eight of them, and so on */
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT_TIMER = 0x32, /* in the order of enum axvm_lapic_lvt */
    REG_LVT_THERMAL = 0x33,
    REG_LVT_PERF = 0x34,
    REG_LVT_LINT0 = 0x35,
    REG_LVT_LINT1 = 0x36,
    REG_LVT_ERROR = 0x37,
    REG_INITIAL_COUNT = 0x38,
    REG_CURRENT_COUNT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
    REGS = 0x40
};

#define ONE(reg) AXVM_BIT(reg)
#define VECTORS (AXVM_BITS(0x27, 0x10))
#define LVT AXVM_BITS(REG_LVT_ERROR, REG_LVT_TIMER)
#define COMMON (ONE(REG_TPR) | ONE(REG_SVR) | ONE(REG_ESR) | ONE(REG_ICR_LOW) | LVT | ONE(REG_INITIAL_COUNT) | ONE(REG_DIVIDE))
#define READ_ONLY (ONE(REG_ID) | ONE(REG_VERSION) | ONE(REG_PPR) | ONE(REG_LDR) | VECTORS | ONE(REG_CURRENT_COUNT))

#define X2APIC_READABLE (COMMON | READ_ONLY)
#define X2APIC_WRITABLE (COMMON & ~ONE(REG_ICR_LOW)) /* and ICR, EOI, self IPI, each on its own way */
#define XAPIC_THERE (COMMON | READ_ONLY | ONE(REG_APR) | ONE(REG_EOI) | ONE(REG_DFR) | ONE(REG_ICR_HIGH))

/* Version 0x14: an integrated one. Bits [23:16]: how many entries the LVT has, less one. Bit 24: EOI-broadcast suppression. */
#define VERSION (0x14u | (AXVM_LAPIC_LVTS - 1u) << 16 | 1u << 24)

_Static_assert(AXVM_LAPIC_ICR_BITS == (AXVM_BITS(63, 32) | ICR_BITS | 0x1000u), "Delivery Status is read-only, not reserved");

/* ---- reading ---- */

static uint32_t isr_word(const struct axvm_lapic *apic, uint32_t n)
{
    uint32_t word = 0;

    for (uint32_t class = 2 * n; class <= 2 * n + 1; class ++) {
        if (apic->isr_classes >> class & 1)
            word |= 1u << (apic->isr_vector[class] & 31);
    }
    return word;
}

static uint32_t half(const _Atomic uint64_t *words, uint32_t n)
{
    return (uint32_t)(load64(&words[n / 2]) >> 32 * (n & 1));
}

static uint32_t read_vectors(const struct axvm_lapic *apic, uint32_t reg)
{
    uint32_t n = reg & 7;

    if (reg < REG_TMR)
        return isr_word(apic, n);
    return half(reg < REG_IRR ? apic->tmr : apic->irr, n);
}

/* "Arbitration Priority Register (APR)" */
static uint32_t arbitration_priority(const struct axvm_lapic *apic)
{
    uint32_t tpr = load32(&apic->tpr), isrv = apic->isr_top;
    int top = irr_top(apic);
    uint32_t irrv = top < 0 ? 0 : (uint32_t)top;

    if (tpr >> 4 >= irrv >> 4 && tpr >> 4 > isrv >> 4)
        return tpr;
    return (uint32_t)axvm_max(tpr & isrv & 0xf0, irrv & 0xf0);
}

static uint32_t read_id(const struct axvm_lapic *apic)
{
    return axvm_lapic_is_x2apic(apic) ? apic->id : apic->id << 24;
}

static uint32_t read_ldr(const struct axvm_lapic *apic)
{
    return axvm_lapic_is_x2apic(apic) ? apic->id >> 4 << 16 | 1u << (apic->id & 15) : load32(&apic->ldr);
}

static uint32_t read_reg(struct axvm_lapic *apic, uint32_t reg)
{
    switch ((enum reg)reg) {
    case REG_LVT_TIMER:
    case REG_LVT_THERMAL:
    case REG_LVT_PERF:
    case REG_LVT_LINT0:
    case REG_LVT_LINT1:
    case REG_LVT_ERROR:
        return axvm_lapic_lvt_read(apic, (enum axvm_lapic_lvt)axvm_nospec(reg - REG_LVT_TIMER, AXVM_LAPIC_LVTS));
    case REG_ID:
        return read_id(apic);
    case REG_VERSION:
        return VERSION;
    case REG_TPR:
        return load32(&apic->tpr);
    case REG_APR:
        return arbitration_priority(apic);
    case REG_PPR:
        return load32(&apic->ppr);
    case REG_LDR:
        return read_ldr(apic);
    case REG_DFR:
        return load32(&apic->dfr);
    case REG_SVR:
        return load32(&apic->svr);
    case REG_ESR:
        return apic->esr;
    case REG_ICR_LOW:
        return apic->icr_low;
    case REG_ICR_HIGH:
        return apic->icr_high;
    case REG_INITIAL_COUNT:
        return apic->timer_initial;
    case REG_CURRENT_COUNT:
        return axvm_lapic_timer_count(apic);
    case REG_DIVIDE:
        return apic->timer_divide;
    default: /* vectors; EOI and what is not there */
        return reg >= REG_ISR && reg < REG_ESR ? read_vectors(apic, reg) : 0;
    }
}

uint32_t axvm_lapic_register(struct axvm_lapic *apic, uint32_t reg)
{
    return read_reg(apic, reg);
}

/* ---- writing ---- */

/* Enabled again, it takes what it has refused. */
static void write_svr(struct axvm_lapic *apic, uint32_t val)
{
    bool was = is_software_enabled(apic);

    store32(&apic->svr, val & SVR_BITS);
    if (is_software_enabled(apic) == was)
        return;
    if (was)
        axvm_lapic_lvt_mask_all(apic);
    else
        apic->set->ops->accepts(apic);
}

static void write_esr(struct axvm_lapic *apic)
{
    apic->esr = atomic_exchange(&apic->errors, 0);
}

static void write_destination(struct axvm_lapic *apic, _Atomic uint32_t *reg, uint32_t val)
{
    if (load32(reg) == val)
        return;
    store32(reg, val);
    apic->set->ops->accepts(apic);
}

static void write_icr(struct axvm_lapic *apic, uint32_t low, uint32_t dest)
{
    apic->icr_low = low & ICR_BITS;
    axvm_lapic_send(apic, apic->icr_low, dest);
}

/* What both modes have. */
static void write_reg(struct axvm_lapic *apic, uint32_t reg, uint32_t val)
{
    switch ((enum reg)reg) {
    case REG_LVT_TIMER:
    case REG_LVT_THERMAL:
    case REG_LVT_PERF:
    case REG_LVT_LINT0:
    case REG_LVT_LINT1:
    case REG_LVT_ERROR:
        axvm_lapic_lvt_write(apic, (enum axvm_lapic_lvt)axvm_nospec(reg - REG_LVT_TIMER, AXVM_LAPIC_LVTS), val);
        break;
    case REG_TPR:
        axvm_lapic_set_tpr(apic, val);
        break;
    case REG_EOI:
        axvm_lapic_eoi(apic);
        break;
    case REG_SVR:
        write_svr(apic, val);
        break;
    case REG_ESR:
        write_esr(apic);
        break;
    case REG_INITIAL_COUNT:
        axvm_lapic_timer_start(apic, val);
        break;
    case REG_DIVIDE:
        axvm_lapic_timer_set_divide(apic, val);
        break;
    default: /* not writable */
        break;
    }
}

/* ---- xAPIC ---- */

static void write_xapic(struct axvm_lapic *apic, uint32_t reg, uint32_t val)
{
    apic->changes++;
    switch ((enum reg)reg) {
    case REG_LDR:
        write_destination(apic, &apic->ldr, val & 0xff000000);
        break;
    case REG_DFR:
        write_destination(apic, &apic->dfr, val | 0x0fffffff);
        break;
    case REG_ICR_HIGH:
        apic->icr_high = val & 0xff000000;
        break;
    case REG_ICR_LOW:
        write_icr(apic, val, axvm_lapic_dest8(apic->icr_high >> 24));
        break;
    default:
        write_reg(apic, reg, val);
        break;
    }
}

/* "Error Handling", Illegal Register Address. */
static bool is_there(struct axvm_lapic *apic, uint32_t reg)
{
    if (XAPIC_THERE >> reg & 1)
        return true;
    axvm_lapic_error(apic, ESR_ILLEGAL_REGISTER, apic);
    return false;
}

/* A register is the first four of 16 bytes; the other twelve read as 0. */
uint64_t axvm_lapic_mmio_read(struct axvm_lapic *apic, uint32_t off, unsigned int size)
{
    uint32_t reg = off >> 4, at = off & 15;

    if (reg >= REGS || !is_there(apic, reg) || at >= 4)
        return 0;
    if (__builtin_expect(size == 4 && at == 0, 1))
        return read_reg(apic, reg);
    return axvm_extend((uint64_t)read_reg(apic, reg) >> 8 * at, size, false);
}

/* "all 32-bit registers should be accessed using 128-bit aligned 32-bit loads or stores": others have no effect. */
void axvm_lapic_mmio_write(struct axvm_lapic *apic, uint32_t off, unsigned int size, uint64_t val)
{
    uint32_t reg = off >> 4;

    if (reg >= REGS || !is_there(apic, reg) || (off & 15) != 0 || size != 4)
        return;
    write_xapic(apic, reg, (uint32_t)val);
}

/* ---- x2APIC ---- */

static uint64_t x2apic_allowed(uint32_t reg)
{
    switch ((enum reg)reg) {
    case REG_TPR:
        return 0xff;
    case REG_SVR:
        return SVR_BITS;
    case REG_LVT_TIMER: /* in each: Delivery Status is read-only, not reserved */
        return 0x710ff;
    case REG_LVT_THERMAL:
    case REG_LVT_PERF:
        return 0x117ff;
    case REG_LVT_LINT0:
    case REG_LVT_LINT1:
        return 0x1f7ff;
    case REG_LVT_ERROR:
        return 0x110ff;
    case REG_INITIAL_COUNT:
        return UINT32_MAX;
    case REG_DIVIDE:
        return 0xb;
    default: /* ESR */
        return 0;
    }
}

static int write_x2apic(struct axvm_lapic *apic, uint32_t reg, uint64_t val)
{
    if (reg >= REGS || !(X2APIC_WRITABLE >> reg & 1) || (val & ~x2apic_allowed(reg)) != 0)
        return AXVM_ERR_GUEST;
    apic->changes++;
    write_reg(apic, reg, (uint32_t)val);
    return AXVM_OK;
}

void axvm_lapic_write_icr(struct axvm_lapic *apic, uint64_t val)
{
    apic->icr_high = (uint32_t)(val >> 32);
    write_icr(apic, (uint32_t)val, apic->icr_high);
}

static int read_x2apic(struct axvm_lapic *apic, uint32_t reg, uint64_t *val)
{
    if (reg >= REGS || !(X2APIC_READABLE >> reg & 1))
        return AXVM_ERR_GUEST;
    *val = read_reg(apic, reg);
    if (reg == REG_ICR_LOW)
        *val |= (uint64_t)apic->icr_high << 32;
    return AXVM_OK;
}

int axvm_lapic_msr_read(struct axvm_lapic *apic, uint32_t msr, uint64_t *val)
{
    if (msr - AXVM_MSR_X2APIC < AXVM_MSR_X2APIC_END - AXVM_MSR_X2APIC)
        return axvm_lapic_is_x2apic(apic) ? read_x2apic(apic, msr - AXVM_MSR_X2APIC, val) : AXVM_ERR_GUEST;
    if (msr == AXVM_MSR_APIC_BASE)
        *val = load64(&apic->base);
    else if (msr == AXVM_MSR_TSC_DEADLINE && apic->set->tsc_deadline)
        *val = axvm_lapic_tsc_deadline(apic);
    else
        return AXVM_ERR_GUEST;
    return AXVM_OK;
}

static int write_other_msr(struct axvm_lapic *apic, uint32_t msr, uint64_t val)
{
    if (msr == AXVM_MSR_APIC_BASE)
        return axvm_lapic_base_write(apic, val);
    if (msr != AXVM_MSR_TSC_DEADLINE || !apic->set->tsc_deadline)
        return AXVM_ERR_GUEST;
    axvm_lapic_set_tsc_deadline(apic, val);
    return AXVM_OK;
}

int axvm_lapic_msr_write(struct axvm_lapic *apic, uint32_t msr, uint64_t val)
{
    if (msr - AXVM_MSR_X2APIC >= AXVM_MSR_X2APIC_END - AXVM_MSR_X2APIC)
        return write_other_msr(apic, msr, val);
    if (!axvm_lapic_is_x2apic(apic))
        return AXVM_ERR_GUEST;
    if (msr == AXVM_MSR_X2APIC_EOI && val == 0)
        axvm_lapic_eoi(apic);
    else if (msr == AXVM_MSR_X2APIC_SELF_IPI && val <= 0xff)
        axvm_lapic_self_ipi(apic, (uint32_t)val);
    else if (msr == AXVM_MSR_X2APIC_ICR && (val & ~AXVM_LAPIC_ICR_BITS) == 0)
        axvm_lapic_write_icr(apic, val);
    else
        return write_x2apic(apic, msr - AXVM_MSR_X2APIC, val);
    return AXVM_OK;
}
