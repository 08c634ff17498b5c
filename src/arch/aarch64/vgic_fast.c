/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a running vCPU does most: SGIs, its virtual timer, and being asked to look by another vCPU. Straight into a list
 * register when nothing is in the way; otherwise nothing is changed and the long way is gone (vgic_sgi.c). Guest state is
 * loaded and interrupts are off in all of this file.
 */
#include "vgic_priv.h"
#include "vgic_sgir.h"

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

NOINLINE uint64_t read_any_lr(unsigned int n)
{
    return axvm_gich_read_lr(n);
}

NOINLINE void write_any_lr(unsigned int n, uint64_t val)
{
    axvm_gich_write_lr(n, val);
}

/* The first two are all that is used by a guest that has few interrupts at a time: no jump through a table for those. */
INLINE uint64_t read_lr(unsigned int n)
{
    if (n == 0)
        return axvm_gich_read_lr(0);
    return n == 1 ? axvm_gich_read_lr(1) : read_any_lr(n);
}

INLINE void write_lr(unsigned int n, uint64_t val)
{
    if (n == 0)
        axvm_gich_write_lr(0, val);
    else if (n == 1)
        axvm_gich_write_lr(1, val);
    else
        write_any_lr(n, val);
}

/* Get a list register for a private interrupt: the one it had, if it is over there, or a free one. */
INLINE bool claim_lr(struct axvm_vgic_cpu *c, uint32_t intid, unsigned int *n)
{
    uint32_t bit = axvm_vgic_bit(intid), free = ~c->used & c->lr_mask;

    if (c->bank.in_lr & bit) {
        *n = c->lr_of[intid];
        return (read_lr(*n) & ICH_LR_STATE) == 0;
    }
    if (free == 0)
        return false;
    *n = axvm_ctz64(free);
    c->used |= 1u << *n;
    c->lr_of[intid] = (uint8_t)*n;
    c->bank.in_lr |= bit;
    return true;
}

/* It becomes pending there. @fields: ICH_LR_HW and PINTID, or 0 */
INLINE void fill_lr(struct axvm_vgic_cpu *c, uint32_t intid, unsigned int n, uint64_t fields)
{
    struct axvm_vgic_bank *b = &c->bank;

    b->soft |= axvm_vgic_bit(intid);
    c->lr[n] = ICH_LR_PENDING | fields | (uint64_t)(b->prio[intid] | (b->group >> intid & 1) << 12) << 48 | intid;
    write_lr(n, c->lr[n]);
}

/* A private interrupt of the loaded vCPU is raised. False when there is more to it, or when others are waiting. */
INLINE bool raise_at_once(struct axvm_vgic_cpu *c, uint32_t intid, uint64_t fields)
{
    struct axvm_vgic_bank *b = &c->bank;
    unsigned int n;

    if ((c->ready_words | c->sync) != 0 || ((b->latch | b->line | b->active | b->hw | ~b->live) & axvm_vgic_bit(intid)) != 0 ||
        !claim_lr(c, intid, &n))
        return false;
    fill_lr(c, intid, n, fields);
    return true;
}

/* ---- SGIs ---- */

INLINE bool send_to_self(struct axvm_vcpu *vcpu, uint32_t intid)
{
    struct axvm_lock *lock = &vcpu->vm->arch.vgic.lock;
    bool done;

    axvm_lock_raw(lock);
    done = raise_at_once(&vcpu->arch.vgic, intid, 0);
    axvm_unlock_raw(lock);
    return done;
}

/* To one that runs: latch it there, and ask it to look. */
static inline bool send_to_other(struct axvm_vcpu *target, uint32_t intid)
{
    struct axvm_lock *lock = &target->vm->arch.vgic.lock;
    struct axvm_vgic_cpu *c = &target->arch.vgic;
    uint32_t bit = axvm_vgic_bit(intid);
    bool able;

    axvm_lock_raw(lock);
    able = c->loaded && ((c->bank.latch | c->bank.active | ~c->bank.live) & bit) == 0;
    if (able) {
        c->bank.latch |= bit;
        if (c->bank.in_lr & bit) {
            c->sync |= AXVM_VGIC_SYNC_AGAIN;
        } else {
            c->ready[0] |= bit;
            c->ready_words |= 1;
        }
    }
    axvm_unlock_raw(lock);
    if (able)
        axvm_vcpu_request(target, AXVM_REQ_IRQ);
    return able;
}

/* Group 1's register, and a single target. */
void axvm_vgic_sgi(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val)
{
    uint32_t intid = (uint32_t)axvm_field(val, SGIR_INTID);
    uint32_t list = (uint32_t)(val & SGIR_LIST);
    uint32_t id = (uint32_t)axvm_field(val, SGIR_AFF1) * 16 + axvm_ctz64(list | 0x10000);

    if (vcpu->arch.vgic.loaded && reg == AXVM_SGI1R && (val & (SGIR_AFF3 | SGIR_AFF2 | SGIR_RS | SGIR_IRM)) == 0 &&
        (list & (list - 1)) == 0 && list != 0 && id < vcpu->vm->vcpu_count) {
        if (id == vcpu->id ? send_to_self(vcpu, intid) : send_to_other(axvm_vgic_vcpu(vcpu->vm, id), intid))
            return;
    }
    axvm_vgic_sgi_slow(vcpu, reg, val);
}

/* ---- the virtual timer ---- */

uint64_t axvm_vgic_forward_ppi(struct axvm_vcpu *vcpu, uint32_t intid, uint32_t host_intid)
{
    struct axvm_lock *lock = &vcpu->vm->arch.vgic.lock;
    struct axvm_vgic_cpu *c = &vcpu->arch.vgic;
    bool done = false;

    if (c->loaded) {
        axvm_lock_raw(lock);
        c->ppi_host[intid & 15] = (uint16_t)host_intid;
        done = raise_at_once(c, intid, ICH_LR_HW | axvm_put_field(ICH_LR_PINTID, host_intid));
        axvm_unlock_raw(lock);
    }
    return done ? (uint64_t)AXVM_TRAP_RESUME : axvm_vgic_forward_ppi_slow(vcpu, intid, host_intid);
}

/* ---- being asked ---- */

/* The one private interrupt that waits, if that is all. */
INLINE bool take_one(struct axvm_vgic_cpu *c)
{
    struct axvm_vgic_bank *b = &c->bank;
    uint32_t one = b->latch & b->live;
    unsigned int n;

    if (one == 0 || (one & (one - 1)) != 0 || ((b->line | b->active | b->hw) & one) != 0 || (c->ready[0] & ~one) != 0 ||
        ((c->sync & AXVM_VGIC_SYNC_ALL) | (c->ready_words & ~1u)) != 0 || !claim_lr(c, axvm_ctz64(one), &n))
        return false;
    b->latch &= ~one;
    c->ready[0] = c->ready_words = c->sync = c->refill = 0;
    fill_lr(c, axvm_ctz64(one), n, 0);
    return true;
}

void axvm_vgic_refresh(struct axvm_vcpu *vcpu)
{
    struct axvm_lock *lock = &vcpu->vm->arch.vgic.lock;
    bool done = false;

    if (vcpu->arch.vgic.loaded) {
        axvm_lock_raw(lock);
        done = take_one(&vcpu->arch.vgic);
        axvm_unlock_raw(lock);
    }
    if (!done)
        axvm_vgic_refresh_slow(vcpu);
}
