/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APICs of a VM, as xAPIC and as x2APIC: Intel SDM vol. 3A (325462), "Advanced Programmable Interrupt Controller (APIC)".
 * Plain C; what the CPU behind one has to do is the owner's business (struct axvm_lapic_ops).
 *
 * Nothing here takes a lock. A local APIC has an own CPU: the thread that runs its vCPU. Only that calls what is said to be the
 * own CPU's. Everybody else posts: sets a bit of IRR, then "attention", and tells the own CPU if attention was clear. So the
 * own CPU
 *   - calls axvm_lapic_pending() before each entry into its guest, after it has become one that can be kicked out of it, and
 *   - does not sleep while axvm_lapic_wakes().
 * Self IPIs, and whatever else the own CPU does to its own APIC, tell nobody.
 */
#ifndef AXVM_DEVICES_LAPIC_H
#define AXVM_DEVICES_LAPIC_H

#include <axvm/types.h>
#include <stdatomic.h>

/** axvm_lapic_pending(): not a vector, but an interrupt whose vector the 8259 says when it is acknowledged. */
#define AXVM_LAPIC_EXTINT 256
#define AXVM_LAPIC_NONE (-1)

#define AXVM_LAPIC_BASE UINT64_C(0xfee00000) /**< Where the registers are after a reset. */
#define AXVM_LAPIC_SIZE 4096u
#define AXVM_LAPIC_TIMER_HZ UINT64_C(1000000000) /**< Of the timer's clock, before its divider: CPUID's core crystal clock. */
/** A periodic timer never fires more often than this. */
#define AXVM_LAPIC_MIN_PERIOD_NS UINT64_C(50000)

/** IA32_APIC_BASE */
#define AXVM_LAPIC_BASE_BSP (UINT64_C(1) << 8)
#define AXVM_LAPIC_BASE_X2APIC (UINT64_C(1) << 10)
#define AXVM_LAPIC_BASE_ENABLE (UINT64_C(1) << 11)

/** MSRs: the x2APIC registers are 0x800 + offset / 16. */
#define AXVM_MSR_APIC_BASE 0x1bu
#define AXVM_MSR_TSC_DEADLINE 0x6e0u
#define AXVM_MSR_X2APIC 0x800u
#define AXVM_MSR_X2APIC_EOI 0x80bu
#define AXVM_MSR_X2APIC_ICR 0x830u
#define AXVM_MSR_X2APIC_SELF_IPI 0x83fu
#define AXVM_MSR_X2APIC_END 0x900u
/** Bits that may be set in x2APIC's ICR: not bits [31:20], [17:16] and [13]. */
#define AXVM_LAPIC_ICR_BITS UINT64_C(0xffffffff000cdfff)

/** Delivery modes, as everywhere in APICs. */
enum axvm_lapic_delivery {
    AXVM_LAPIC_FIXED,
    AXVM_LAPIC_LOWEST,
    AXVM_LAPIC_SMI,
    AXVM_LAPIC_RESERVED,
    AXVM_LAPIC_NMI,
    AXVM_LAPIC_INIT,
    AXVM_LAPIC_SIPI,
    AXVM_LAPIC_EXTERNAL,
};

/** The four words of a register of 256 bits, one a vector. */
#define AXVM_LAPIC_WORDS 4

/** Entries of the local vector table, in this order. */
enum axvm_lapic_lvt {
    AXVM_LAPIC_LVT_TIMER,
    AXVM_LAPIC_LVT_THERMAL,
    AXVM_LAPIC_LVT_PERF,
    AXVM_LAPIC_LVT_LINT0,
    AXVM_LAPIC_LVT_LINT1,
    AXVM_LAPIC_LVT_ERROR,
    AXVM_LAPIC_LVTS
};
#define AXVM_LAPIC_LVT_MASKED (1u << 16)

struct axvm_lapics;

/** One of them. All zero before axvm_lapics_add(). */
struct axvm_lapic {
    /* ---- written by everybody ---- */
    _Atomic uint32_t attention; /**< Something has changed since its own CPU looked last. */
    _Atomic uint32_t errors;    /**< Of ESR: since ESR was written last. */
    _Atomic uint64_t irr[AXVM_LAPIC_WORDS];
    _Atomic uint64_t tmr[AXVM_LAPIC_WORDS];
    _Atomic uint64_t watch[AXVM_LAPIC_WORDS]; /**< Vectors whose EOI ops->eoi() is to be told; all that are in TMR are. */
    _Atomic uint32_t lint;                    /**< Levels of its pins LINT0 and LINT1, and more: lapic_priv.h */

    /* ---- written by its own CPU, read by everybody ---- */
    _Atomic uint64_t base; /**< IA32_APIC_BASE */
    _Atomic uint32_t tpr, ppr;
    _Atomic uint32_t ldr, dfr, svr; /**< LDR and DFR: of xAPIC mode */
    _Atomic uint32_t lvt[AXVM_LAPIC_LVTS];

    /* ---- its own CPU's ---- */
    int32_t deliverable;    /**< What axvm_lapic_pending() found when it looked last. */
    uint32_t isr_classes;   /**< Bit n: a vector of priority class n is in service. PPR allows one of each. */
    uint8_t isr_vector[16]; /**< Which. */
    uint32_t isr_top;       /**< The highest of them; 0: none. */
    uint32_t esr;           /**< As read. */
    uint32_t changes;       /**< Counts what may have changed registers that axvm_lapic_show() shows. */
    uint32_t icr_low, icr_high;
    uint32_t timer_initial, timer_divide;
    uint64_t tsc_deadline;     /**< 0: not armed */
    _Atomic uint64_t deadline; /**< When the timer fires, by ops->now(); AXVM_TIME_NEVER. Read by everybody. */
    struct axvm_lapics *set;
    uint32_t id; /**< APIC ID = index in the set */
};

/** What the owner does. Called in the context of whoever caused it, also with interrupts off: it may not sleep. */
struct axvm_lapic_ops {
    /** Its own CPU has to look: axvm_lapic_pending() may answer something else. Not called by what the own CPU does itself. */
    void (*notify)(struct axvm_lapic *apic);
    /** An NMI, INIT or SIPI for the CPU; @p vector of a SIPI. From any CPU, also its own. */
    void (*event)(struct axvm_lapic *apic, enum axvm_lapic_delivery what, uint32_t vector);
    /** EOI of a vector that is level-triggered or watched: for the I/O APIC. Own CPU. */
    void (*eoi)(struct axvm_lapic *apic, uint32_t vector);
    /** It may now accept what it did not accept before: who keeps interrupts for it tries again. Own CPU. */
    void (*accepts)(struct axvm_lapic *apic);
    /** The time in ns since any start; stands still while the VM is paused. */
    uint64_t (*now)(struct axvm_lapic *apic);
    /** When by now() the guest's TSC will be @p tsc; in the past if it has been. */
    uint64_t (*tsc_time)(struct axvm_lapic *apic, uint64_t tsc);
};

/** Those of a VM. */
struct axvm_lapics {
    const struct axvm_lapic_ops *ops;
    uint32_t count;
    uint32_t phys_bits;    /**< Of guest-physical addresses: IA32_APIC_BASE */
    bool x2apic;           /**< There is x2APIC mode. */
    bool tsc_deadline;     /**< There is a TSC-deadline mode. */
    _Atomic uint32_t next; /**< Lowest priority: whose turn is it among equals. */
    struct axvm_lapic *apic[AXVM_MAX_VCPUS];
};

/** A message on the bus between APICs. */
struct axvm_lapic_msg {
    uint32_t dest; /**< UINT32_MAX: all. An 8-bit 0xff is for its sender to widen: axvm_lapic_dest8() */
    uint8_t vector;
    uint8_t delivery; /**< enum axvm_lapic_delivery */
    bool logical;
    bool level; /**< Trigger mode of a fixed or lowest-priority one: goes to TMR. */
    bool watch; /**< Tell ops->eoi() of the EOI, also when it is an edge. */
};

static inline uint32_t axvm_lapic_dest8(uint32_t dest)
{
    return (dest & 0xff) == 0xff ? UINT32_MAX : dest & 0xff;
}

/** Make @p apic, all zero, the one with APIC ID set->count. Before any runs. */
void axvm_lapics_add(struct axvm_lapics *set, struct axvm_lapic *apic);

/** Power-on, and INIT. Own CPU, or none runs. LINT0 of the first one is ExtINT after power-on, as firmware leaves it. */
void axvm_lapic_reset(struct axvm_lapic *apic);
void axvm_lapic_init_reset(struct axvm_lapic *apic);

/* ---- interrupts in; any CPU ---- */

/**
 * Deliver a message of a device or an I/O APIC. False: no APIC accepted it.
 * @param self  the APIC whose own CPU calls; NULL: none, or not known
 */
bool axvm_lapics_deliver(struct axvm_lapics *set, const struct axvm_lapic_msg *msg, const struct axvm_lapic *self);
/** An MSI: @p addr 0xfeexxxxx. False: no APIC accepted it, or it is not the address of one. */
bool axvm_lapics_msi(struct axvm_lapics *set, uint64_t addr, uint32_t data, const struct axvm_lapic *self);
/** Level of pin LINT0 or LINT1. @p self as above. */
void axvm_lapic_lint(struct axvm_lapic *apic, unsigned int pin, bool level, const struct axvm_lapic *self);
/** An event of the local vector table: thermal, perf. */
void axvm_lapic_local(struct axvm_lapic *apic, enum axvm_lapic_lvt which, const struct axvm_lapic *self);

/* ---- interrupts out; own CPU unless said otherwise ---- */

void axvm_lapic_scan(struct axvm_lapic *apic);

/** What it would deliver to its CPU now: the vector, AXVM_LAPIC_EXTINT or AXVM_LAPIC_NONE. The same until something changes. */
static inline int axvm_lapic_pending(struct axvm_lapic *apic)
{
    if (atomic_load_explicit(&apic->attention, memory_order_acquire) != 0)
        axvm_lapic_scan(apic);
    return apic->deliverable;
}

/** The CPU takes what axvm_lapic_pending() said. Not for AXVM_LAPIC_NONE. */
void axvm_lapic_accept(struct axvm_lapic *apic, int what);
/** The highest vector in IRR, whatever PPR is; AXVM_LAPIC_NONE. For the threshold of a hardware TPR. Any CPU. */
int axvm_lapic_highest(const struct axvm_lapic *apic);
/** Would pending() say something, as far as can be seen from any CPU: in doubt, true. */
bool axvm_lapic_wakes(const struct axvm_lapic *apic);

/** IA32_APIC_BASE. */
static inline uint64_t axvm_lapic_base(const struct axvm_lapic *apic)
{
    return atomic_load_explicit(&apic->base, memory_order_relaxed);
}

/** CR8, also while the APIC is disabled. */
static inline uint32_t axvm_lapic_cr8(const struct axvm_lapic *apic)
{
    return atomic_load_explicit(&apic->tpr, memory_order_relaxed) >> 4;
}
void axvm_lapic_set_tpr(struct axvm_lapic *apic, uint32_t tpr);
/** While it is lent: what the others shall see of TPR. */
static inline void axvm_lapic_show_tpr(struct axvm_lapic *apic, uint32_t tpr)
{
    atomic_store_explicit(&apic->tpr, tpr, memory_order_relaxed);
}

/* ---- what a CPU's own hardware may keep while its guest runs: TPR, PPR, ISR, IRR; own CPU ---- */

/*
 * A page in the layout of an xAPIC's registers, on which ISR and IRR are zero whenever they are not lent. Between
 * axvm_lapic_lend() and axvm_lapic_return() others post as ever, and axvm_lapic_lend_pending() passes that on; calls that look
 * at or change TPR, PPR or ISR are not allowed, EOI and writes of SVR and IA32_APIC_BASE among them.
 */

/** TPR, PPR and ISR go to @p page. The highest vector in service; 0: none. */
uint32_t axvm_lapic_lend(struct axvm_lapic *apic, void *page);
/** So does what IRR has now. The highest vector of that; AXVM_LAPIC_NONE. */
int axvm_lapic_lend_pending(struct axvm_lapic *apic, void *page);
/** All of it is here again. @p pending, @p serving: are there bits in the page's IRR, ISR? False saves a search. */
void axvm_lapic_return(struct axvm_lapic *apic, void *page, bool pending, bool serving);
/*
 * xAPIC mode: hardware that also lets the guest read all other registers from there, but for PPR, APR and the timer's count,
 * and has it write the upper half of ICR there.
 */
/** All of them: when .changes is not what it was. */
void axvm_lapic_show(struct axvm_lapic *apic, void *page);
/** One, after it was written; @p reg is its offset / 16. */
void axvm_lapic_show_one(struct axvm_lapic *apic, void *page, uint32_t reg);
/** Those that others change: TMR, and Remote IRR of LINT0. */
void axvm_lapic_show_pending(struct axvm_lapic *apic, void *page);
/** While nothing is lent: ISR and IRR; and clean again, as lending wants them. */
void axvm_lapic_show_vectors(const struct axvm_lapic *apic, void *page);
void axvm_lapic_hide_vectors(void *page);
/** ICR as the guest has written it there. */
void axvm_lapic_take_icr(struct axvm_lapic *apic, const void *page);

/** The hardware has seen the EOI of a vector that is watched. Lent or not. */
void axvm_lapic_eoi_seen(struct axvm_lapic *apic, uint32_t vector);
/** Does an 8259's interrupt wait for the CPU? The hardware does not deliver that one. Clears attention. */
bool axvm_lapic_external(struct axvm_lapic *apic);

/* ---- registers; own CPU ---- */

static inline bool axvm_lapic_is_software_enabled(const struct axvm_lapic *apic)
{
    return (atomic_load_explicit(&apic->svr, memory_order_relaxed) & 1u << 8) != 0;
}

static inline bool axvm_lapic_enabled(const struct axvm_lapic *apic)
{
    return (atomic_load_explicit(&apic->base, memory_order_relaxed) & AXVM_LAPIC_BASE_ENABLE) != 0;
}

static inline bool axvm_lapic_is_x2apic(const struct axvm_lapic *apic)
{
    return (atomic_load_explicit(&apic->base, memory_order_relaxed) & AXVM_LAPIC_BASE_X2APIC) != 0;
}

/** Is @p gpa in its page of registers? Only in xAPIC mode there is one. */
static inline bool axvm_lapic_is_mmio(const struct axvm_lapic *apic, uint64_t gpa)
{
    uint64_t base = atomic_load_explicit(&apic->base, memory_order_relaxed);

    return ((base ^ gpa) & ~(uint64_t)(AXVM_LAPIC_SIZE - 1)) == 0 &&
           (base & (AXVM_LAPIC_BASE_ENABLE | AXVM_LAPIC_BASE_X2APIC)) == AXVM_LAPIC_BASE_ENABLE;
}

/** xAPIC: @p off below AXVM_LAPIC_SIZE, @p size 1, 2, 4, 8. Whatever is not a register reads as 0. */
uint64_t axvm_lapic_mmio_read(struct axvm_lapic *apic, uint32_t off, unsigned int size);
void axvm_lapic_mmio_write(struct axvm_lapic *apic, uint32_t off, unsigned int size, uint64_t val);

/** MSRs 0x800..0x8ff, IA32_APIC_BASE, IA32_TSC_DEADLINE. AXVM_ERR_GUEST: #GP(0), nothing has changed. */
int axvm_lapic_msr_read(struct axvm_lapic *apic, uint32_t msr, uint64_t *val);
int axvm_lapic_msr_write(struct axvm_lapic *apic, uint32_t msr, uint64_t val);

/** What writing the registers EOI and, of x2APIC mode, ICR and SELF IPI does. They are none that would be refused: @p val is
 * within AXVM_LAPIC_ICR_BITS, @p vector below 256. */
void axvm_lapic_eoi(struct axvm_lapic *apic);
void axvm_lapic_write_icr(struct axvm_lapic *apic, uint64_t val);
void axvm_lapic_self_ipi(struct axvm_lapic *apic, uint32_t vector);

/* ---- the timer ---- */

/** When its CPU has to poll it, by ops->now(); AXVM_TIME_NEVER, also while it would interrupt nobody. Any CPU. */
static inline uint64_t axvm_lapic_deadline(const struct axvm_lapic *apic)
{
    if (atomic_load_explicit(&apic->lvt[AXVM_LAPIC_LVT_TIMER], memory_order_relaxed) & AXVM_LAPIC_LVT_MASKED)
        return AXVM_TIME_NEVER;
    return atomic_load_explicit(&apic->deadline, memory_order_relaxed);
}

/** It is @p now: fire the timer if it is due. Own CPU. */
void axvm_lapic_timer_poll(struct axvm_lapic *apic, uint64_t now);

/** ops->tsc_time() has changed its mind about what it said. Own CPU. */
void axvm_lapic_tsc_moved(struct axvm_lapic *apic);

#endif
