/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The redistributors: per vCPU a frame of 64 KiB for itself and one for SGIs and PPIs. No LPIs (GICR_TYPER.PLPIS = 0), so their
 * registers are RAZ/WI. IHI 0069, "The GIC Redistributor register descriptions".
 */
#include <axvm/err.h>

#include "vgic_priv.h"

#define GICR_CTLR 0x0000u
#define GICR_IIDR 0x0004u
#define GICR_TYPER 0x0008u
#define GICR_WAKER 0x0014u
#define GICR_SGI_FRAME 0x10000u
/* in the SGI frame */
#define GICR_IPRIORITYR 0x0400u
#define GICR_IPRIORITYR_END 0x0420u
#define GICR_ICFGR0 0x0c00u
#define GICR_ICFGR1 0x0c04u

#define CTLR_RWP AXVM_BIT(3)
#define TYPER_LAST AXVM_BIT(4)
#define TYPER_NUMBER AXVM_BITS(23, 8)
#define TYPER_AFFINITY AXVM_BITS(63, 32)
#define WAKER_PROCESSOR_SLEEP AXVM_BIT(1)
#define WAKER_CHILDREN_ASLEEP AXVM_BIT(2)

static uint64_t typer(const struct axvm_vcpu *vcpu)
{
    uint64_t mpidr = vcpu->arch.mpidr;
    bool last = vcpu->id + 1 == vcpu->vm->vcpu_count || vcpu->id + 1 == AXVM_VGIC_REGION0_FRAMES;

    return axvm_put_field(TYPER_AFFINITY, (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff)) |
           axvm_put_field(TYPER_NUMBER, vcpu->id) | (last ? TYPER_LAST : 0);
}

static uint32_t read_ctlr(struct axvm_vcpu *vcpu, struct axvm_vcpu *caller)
{
    unsigned long flags = axvm_vgic_enter(vcpu->vm, caller);
    uint32_t val = vcpu->arch.vgic.rwp & AXVM_VGIC_RWP_REDIST ? CTLR_RWP : 0;

    axvm_vgic_leave(vcpu->vm, flags);
    return val;
}

/* Kept for the guest to see. A sleeping redistributor would hold interrupts back and ask for power: there is none to ask for.
 */
static uint32_t read_waker(struct axvm_vcpu *vcpu, struct axvm_vcpu *caller)
{
    unsigned long flags = axvm_vgic_enter(vcpu->vm, caller);
    bool awake = vcpu->arch.vgic.awake;

    axvm_vgic_leave(vcpu->vm, flags);
    return awake ? 0 : WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP;
}

static void write_waker(struct axvm_vcpu *vcpu, struct axvm_vcpu *caller, uint64_t val)
{
    unsigned long flags = axvm_vgic_enter(vcpu->vm, caller);

    vcpu->arch.vgic.awake = (val & WAKER_PROCESSOR_SLEEP) == 0;
    axvm_vgic_leave(vcpu->vm, flags);
}

static uint64_t read_rd(struct axvm_vcpu *vcpu, const struct axvm_access *acc, uint64_t off)
{
    if (off >= VGIC_ID_REGS)
        return axvm_vgic_id_reg(off);
    switch (off) {
    case GICR_CTLR:
        return read_ctlr(vcpu, acc->vcpu);
    case GICR_IIDR:
        return VGIC_IIDR;
    case GICR_TYPER:
        return (uint32_t)typer(vcpu);
    case GICR_TYPER + 4:
        return typer(vcpu) >> 32;
    case GICR_WAKER:
        return read_waker(vcpu, acc->vcpu);
    default:
        return 0;
    }
}

/* The registers with a bit per interrupt, of which this frame has the first word: offset 0x80, 0x100, ... */
static bool is_bits(uint64_t off)
{
    return off >= 0x80 && off < GICR_IPRIORITYR && (off & 0x7f) == 0;
}

static uint64_t read_sgi(const struct axvm_vgic_access *a, uint64_t off)
{
    if (is_bits(off))
        return axvm_vgic_read_bits(a, (enum axvm_vgic_reg)(off >> 7));
    if (off == GICR_ICFGR0 || off == GICR_ICFGR1)
        return axvm_vgic_read_cfg(a, off == GICR_ICFGR1);
    return off >= VGIC_ID_REGS ? axvm_vgic_id_reg(off) : 0;
}

/* Whose frame it is. The window ends with the last one. */
static struct axvm_vcpu *owner(const struct axvm_device *dev, const struct axvm_access *acc)
{
    uint64_t id = acc->off / AXVM_VGIC_FRAME_SIZE + (acc->window == 0 ? 0 : AXVM_VGIC_REGION0_FRAMES);

    return id < dev->vm->vcpu_count ? axvm_vgic_vcpu(dev->vm, (unsigned int)id) : NULL;
}

static int gicr_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic_access a = { .vcpu = owner(dev, acc), .caller = acc->vcpu, .word = 0 };
    uint64_t off = acc->off % AXVM_VGIC_FRAME_SIZE;
    uint64_t sgi = off - GICR_SGI_FRAME;

    acc->val = 0;
    if (!a.vcpu || (off & (acc->size - 1u)))
        return AXVM_OK;
    if (off >= GICR_SGI_FRAME + GICR_IPRIORITYR && off < GICR_SGI_FRAME + GICR_IPRIORITYR_END) {
        if (acc->size == 4 || acc->size == 1)
            acc->val = axvm_vgic_read_prio(&a, sgi & 31, acc->size);
    } else if (acc->size == 4) {
        acc->val = off >= GICR_SGI_FRAME ? read_sgi(&a, sgi) : read_rd(a.vcpu, acc, off);
    } else if (acc->size == 8 && off == GICR_TYPER) {
        acc->val = typer(a.vcpu);
    }
    return AXVM_OK;
}

/* ICFGR: SGIs are edge-triggered, PPIs level-triggered, for good. */
static void write_sgi(const struct axvm_vgic_access *a, uint64_t off, uint64_t val)
{
    if (is_bits(off))
        axvm_vgic_write_bits(a, (enum axvm_vgic_reg)(off >> 7), (uint32_t)val);
}

static int gicr_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct axvm_vgic_access a = { .vcpu = owner(dev, acc), .caller = acc->vcpu, .word = 0 };
    uint64_t off = acc->off % AXVM_VGIC_FRAME_SIZE;
    uint64_t sgi = off - GICR_SGI_FRAME;

    if (!a.vcpu || (off & (acc->size - 1u)))
        return AXVM_OK;
    if (off >= GICR_SGI_FRAME + GICR_IPRIORITYR && off < GICR_SGI_FRAME + GICR_IPRIORITYR_END) {
        if (acc->size == 4 || acc->size == 1)
            axvm_vgic_write_prio(&a, sgi & 31, acc->size, (uint32_t)acc->val);
    } else if (acc->size == 4 && off >= GICR_SGI_FRAME) {
        write_sgi(&a, sgi, acc->val);
    } else if (acc->size == 4 && off == GICR_WAKER) {
        write_waker(a.vcpu, acc->vcpu, acc->val);
    }
    return AXVM_OK;
}

const struct axvm_device_ops axvm_vgicr_ops = { .name = "gicr", .read = gicr_read, .write = gicr_write };
