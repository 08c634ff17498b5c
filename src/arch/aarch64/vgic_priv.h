/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the GICv3 model:
 *   vgic.c       a VM's and a vCPU's beginning, reset and end
 *   vgicd.c      the distributor's registers; vgicr.c the redistributors'
 *   vgic_regs.c  the registers that both have: one or more bits per interrupt
 *   vgic_irq.c   one interrupt: where it belongs, whether it may be signalled
 *   vgic_lr.c    one list register: taking over what happened in it, placing, evicting
 *   vgic_fill.c  which interrupts are in list registers; what asks for maintenance
 *   vgic_load.c  list registers come to a CPU and leave it; maintenance
 *   vgic_fast.c  SGIs, the virtual timer, requests of other vCPUs: the short ways
 *   vgic_sgi.c   their long ways; deactivation
 *   vgic_line.c  inputs, and physical interrupts bound to them
 *   vgic_wake.c  would an interrupt be signalled
 *   vgic_fdt.c   device tree
 *
 * Who may touch what. A list register that is in the hardware of another CPU is out of reach, and nobody waits for that CPU. So
 * a change is made in the model, the vCPU's "sync" is set, and it is asked to settle (AXVM_REQ_IRQ), which it does on its next
 * exit, at once. Until then a read of GICD_ISPENDR or ISACTIVER (the GICR's too) shows such an interrupt as it was when the
 * vCPU looked last, and asks it to look again: polling comes to an end. GICD_CTLR.RWP and GICR_CTLR.RWP stay set until a
 * disable has reached all list registers. List registers of a vCPU that is not loaded are in memory, and are changed there by
 * whoever holds the lock.
 */
#ifndef AXVM_AARCH64_VGIC_PRIV_H
#define AXVM_AARCH64_VGIC_PRIV_H

#include "bits.h"
#include "gich.h"
#include "vgic.h"

/* Implemented bits of a priority: 32 levels, what all list registers have at least. */
#define AXVM_VGIC_PRIO_MASK 0xf8u

#define AXVM_VGIC_REGION0_FRAMES 123u /* redistributors that fit between GICR_BASE and the UART */
#define AXVM_VGIC_REGION1_BASE 0x0e000000u
#define AXVM_VGIC_FRAME_SIZE 0x20000u
#define AXVM_VGICD_SIZE 0x10000u

/* struct axvm_vgic_cpu.rwp */
#define AXVM_VGIC_RWP_DIST 1u
#define AXVM_VGIC_RWP_REDIST 2u

/* struct axvm_vgic_cpu.sync; never set of a vCPU that is not loaded */
#define AXVM_VGIC_SYNC_ALL 1u   /* anything: settle all */
#define AXVM_VGIC_SYNC_AGAIN 2u /* private interrupts are latched again that it has in list registers */

/* Registers with a bit per interrupt: offset >> 7 in the distributor and in the SGI frame of redistributors. */
enum axvm_vgic_reg {
    VGIC_IGROUPR = 1,
    VGIC_ISENABLER,
    VGIC_ICENABLER,
    VGIC_ISPENDR,
    VGIC_ICPENDR,
    VGIC_ISACTIVER,
    VGIC_ICACTIVER,
};

#define VGIC_IIDR 0x4100043bu /* no product: none has a workaround in a guest's driver */
#define VGIC_ID_REGS 0xffd0u  /* PIDR4..7, PIDR0..3, CIDR0..3 up to the end of each frame */

/* ---- lock: vgic_irq.c ---- */

/* Take the lock. @vcpu: the one that runs on this CPU and is in our code; may or may not be loaded. May be NULL. */
unsigned long axvm_vgic_enter(struct axvm *vm, struct axvm_vcpu *vcpu);
/* Release it, after the list registers of the vCPU that is loaded here have followed what has changed. */
void axvm_vgic_leave(struct axvm *vm, unsigned long flags);
/* For callers that do not know which vCPU this CPU is running, in any context. */
unsigned long axvm_vgic_enter_any(struct axvm *vm);

/* ---- where an interrupt's state is ---- */

static inline bool axvm_vgic_is_private(uint32_t intid)
{
    return intid < AXVM_VGIC_SPI_BASE;
}

/* @vcpu: whose private interrupt it is; any of the VM for an SPI. @intid is below AXVM_VGIC_INTID_END. */
static inline struct axvm_vgic_bank *axvm_vgic_bank(struct axvm_vcpu *vcpu, uint32_t intid)
{
    return axvm_vgic_is_private(intid) ? &vcpu->arch.vgic.bank : &vcpu->vm->arch.vgic.spis->bank[intid / 32];
}

static inline uint32_t axvm_vgic_bit(uint32_t intid)
{
    return 1u << (intid & 31);
}

/* Bits that stand for an interrupt: 1020..1023 are none. */
static inline uint32_t axvm_vgic_valid(unsigned int word)
{
    return word == AXVM_VGIC_WORDS - 1 ? 0x0fffffffu : 0xffffffffu;
}

/* Which of a bank's interrupts are in a group that GICD_CTLR enables. */
static inline uint32_t axvm_vgic_groups(const struct axvm_vgic *g, const struct axvm_vgic_bank *b)
{
    return (b->group & g->group1) | (~b->group & g->group0);
}

static inline void axvm_vgic_update_live(const struct axvm_vgic *g, struct axvm_vgic_bank *b)
{
    b->live = b->enabled & axvm_vgic_groups(g, b);
}

static inline uint32_t axvm_vgic_level(const struct axvm_vgic_bank *b)
{
    return b->line & ~b->edge;
}

/* A vCPU by number, as stored in our own tables. */
static inline struct axvm_vcpu *axvm_vgic_vcpu(const struct axvm *vm, unsigned int id)
{
    return vm->vcpus[axvm_nospec(id, AXVM_MAX_VCPUS)];
}

/* Number of the vCPU with an affinity Aff2.Aff1.Aff0 (arch.mpidr: Aff1 = id / 16, Aff0 = id % 16), or AXVM_VGIC_NOBODY. */
static inline uint32_t axvm_vgic_by_affinity(const struct axvm *vm, uint32_t aff)
{
    uint32_t id = (aff >> 8) * 16 + (aff & 0xff);

    return (aff & 0xff) < 16 && id < vm->vcpu_count ? id : AXVM_VGIC_NOBODY;
}

/* May whoever holds the lock use the list registers of @vcpu? */
static inline bool axvm_vgic_in_reach(const struct axvm_vcpu *vcpu)
{
    return !vcpu->arch.vgic.loaded || vcpu->vm->arch.vgic.caller == vcpu;
}

/* ---- vgic_irq.c; lock held ---- */

/* The vCPU to which it is to be signalled; NULL when there is no such. @vcpu as for axvm_vgic_bank(). */
struct axvm_vcpu *axvm_vgic_target(struct axvm_vcpu *vcpu, uint32_t intid);
/* The vCPU that has it in a list register or active. */
struct axvm_vcpu *axvm_vgic_home(struct axvm_vcpu *vcpu, uint32_t intid);
void axvm_vgic_set_home(struct axvm_vcpu *vcpu, uint32_t intid);
/* Bring @ready up to date with the state in the model. */
void axvm_vgic_recompute(struct axvm_vcpu *vcpu, uint32_t intid);
/* It will not be signalled where it would have been; the caller changes its route and calls axvm_vgic_changed(). */
void axvm_vgic_withdraw(struct axvm_vcpu *vcpu, uint32_t intid);
/* Its state in the model has changed: list register and @ready follow, at once or when the vCPU that has it settles. */
void axvm_vgic_changed(struct axvm_vcpu *vcpu, uint32_t intid);
void axvm_vgic_changed_word(struct axvm_vcpu *vcpu, unsigned int word, uint32_t bits);
/* @vcpu has to look at its interrupts. */
void axvm_vgic_notify(struct axvm_vcpu *vcpu);
/* @vcpu has to settle all its list registers. */
void axvm_vgic_demand_sync(struct axvm_vcpu *vcpu);
/* Active in the model, and no more. */
void axvm_vgic_deactivate(struct axvm_vcpu *vcpu, uint32_t intid);
/* The guest is done with the physical interrupt behind it; those in @bits, private to @vcpu. */
void axvm_vgic_complete(struct axvm_vcpu *vcpu, uint32_t intid);
void axvm_vgic_complete_private(struct axvm_vcpu *vcpu, uint32_t bits);
/* The physical interrupt behind it. */
uint32_t axvm_vgic_host_intid(struct axvm_vcpu *vcpu, uint32_t intid);
/* GICD_CTLR has changed, or everything has. */
void axvm_vgic_changed_all(struct axvm *vm);

/* ---- vgic_lr.c; lock held, list registers of @vcpu in reach ---- */

unsigned int axvm_vgic_find_lr(const struct axvm_vcpu *vcpu, uint32_t intid);
/* Read one, or all in use, back from the hardware if it is there. */
void axvm_vgic_fetch(struct axvm_vcpu *vcpu, unsigned int n);
void axvm_vgic_fetch_all(struct axvm_vcpu *vcpu);
/* Make list register and model agree: take over what the guest did, carry out what was asked for, retract, give it free. */
void axvm_vgic_settle(struct axvm_vcpu *vcpu, unsigned int n);
void axvm_vgic_settle_all(struct axvm_vcpu *vcpu);
/* A pending interrupt of the model, or one that is active there, goes into the free list register @n. */
void axvm_vgic_place(struct axvm_vcpu *vcpu, unsigned int n, uint32_t intid);
void axvm_vgic_place_active(struct axvm_vcpu *vcpu, unsigned int n, uint32_t intid);
/* Back into the model. */
void axvm_vgic_evict(struct axvm_vcpu *vcpu, unsigned int n);

/* ---- vgic_fill.c; lock held, @vcpu loaded here ---- */

/* Choose anew what is in list registers, if something has changed, and bring the hardware up to date. */
void axvm_vgic_flush(struct axvm_vcpu *vcpu);

/* Interrupts in no list register that the guest has ended; counted while ICH_HCR.LRENPIE is set. */
void axvm_vgic_take_eoicount(struct axvm_vcpu *vcpu);

/* ---- vgic_regs.c; without the lock. @word: which 32 interrupts; word 0: private to @vcpu ---- */

struct axvm_vgic_access {
    struct axvm_vcpu *vcpu;   /* as for axvm_vgic_bank() */
    struct axvm_vcpu *caller; /* who accesses */
    unsigned int word;
};

uint32_t axvm_vgic_read_bits(const struct axvm_vgic_access *a, enum axvm_vgic_reg reg);
void axvm_vgic_write_bits(const struct axvm_vgic_access *a, enum axvm_vgic_reg reg, uint32_t val);
/* @high: the upper 16 of the word's interrupts */
uint32_t axvm_vgic_read_cfg(const struct axvm_vgic_access *a, bool high);
void axvm_vgic_write_cfg(const struct axvm_vgic_access *a, bool high, uint32_t val);
/* @first is a multiple of @size, which is 1 or 4; first + size <= 32 */
uint32_t axvm_vgic_read_prio(const struct axvm_vgic_access *a, unsigned int first, unsigned int size);
void axvm_vgic_write_prio(const struct axvm_vgic_access *a, unsigned int first, unsigned int size, uint32_t val);
/* PIDR and CIDR at @off of a frame. */
uint32_t axvm_vgic_id_reg(uint64_t off);

/* ---- the long ways, when vgic_fast.c has not done it; without the lock: vgic_sgi.c ---- */

void axvm_vgic_sgi_slow(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val);
uint64_t axvm_vgic_forward_ppi_slow(struct axvm_vcpu *vcpu, uint32_t intid, uint32_t host_intid);
void axvm_vgic_refresh_slow(struct axvm_vcpu *vcpu);

/* ---- device operations; vgicd.c, vgicr.c ---- */

extern const struct axvm_device_ops axvm_vgicd_ops;
extern const struct axvm_device_ops axvm_vgicr_ops;

#endif
