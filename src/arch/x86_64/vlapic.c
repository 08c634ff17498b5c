/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APICs of vCPUs: what the model in src/devices wants of its owner, and its page on the bus. */
#include "vlapic.h"

#include <axvm/err.h>

#include "vintc.h"

static struct axvm_vintc *vintc_of(struct axvm_vcpu *vcpu)
{
    return vcpu->vm->arch.vintc;
}

/* ---- for the model ---- */

static void notify(struct axvm_lapic *apic)
{
    axvm_vcpu_request(axvm_vlapic_vcpu(apic), AXVM_REQ_IRQ);
}

static void event(struct axvm_lapic *apic, enum axvm_lapic_delivery what, uint32_t vector)
{
    struct axvm_vcpu *vcpu = axvm_vlapic_vcpu(apic);

    switch (what) {
    case AXVM_LAPIC_NMI:
        axvm_x86_nmi(vcpu);
        break;
    case AXVM_LAPIC_INIT:
        axvm_x86_init(vcpu);
        break;
    case AXVM_LAPIC_SIPI:
        axvm_x86_sipi(vcpu, (uint8_t)vector);
        break;
    default:
        break;
    }
}

static void eoi(struct axvm_lapic *apic, uint32_t vector)
{
    struct axvm_vintc *v = vintc_of(axvm_vlapic_vcpu(apic));

    if (v->has_lines)
        axvm_ioapic_eoi(&v->ioapic, vector, apic);
}

static void accepts(struct axvm_lapic *apic)
{
    struct axvm_vintc *v = vintc_of(axvm_vlapic_vcpu(apic));

    if (v->has_lines)
        axvm_ioapic_retry(&v->ioapic, apic);
}

static uint64_t to_hal_time(const struct axvm_vintc *v, uint64_t time)
{
    return time >= AXVM_TIME_NEVER - v->clock_offset ? AXVM_TIME_NEVER : time + v->clock_offset;
}

static uint64_t from_hal_time(const struct axvm_vintc *v, uint64_t ns)
{
    if (ns == AXVM_TIME_NEVER)
        return AXVM_TIME_NEVER;
    return ns > v->clock_offset ? ns - v->clock_offset : 0;
}

static uint64_t now(struct axvm_lapic *apic)
{
    struct axvm_vcpu *vcpu = axvm_vlapic_vcpu(apic);
    const struct axvm_hal *hal = &vcpu->vm->hal;

    return from_hal_time(vintc_of(vcpu), hal->time_ns(hal->ctx));
}

/* As the guest compares them, unsigned; but the backend converts the VM's TSC, which a guest may have moved this vCPU's from.
 */
static uint64_t tsc_time(struct axvm_lapic *apic, uint64_t tsc)
{
    struct axvm_vcpu *vcpu = axvm_vlapic_vcpu(apic);
    uint64_t guest_now = axvm_x86_guest_tsc(vcpu);

    if (tsc <= guest_now)
        return 0;
    if (tsc - guest_now > INT64_MAX)
        return AXVM_TIME_NEVER;
    return from_hal_time(vintc_of(vcpu), axvm_x86_tsc_to_ns(vcpu->vm, tsc - vcpu->arch.tsc_moved));
}

const struct axvm_lapic_ops axvm_vlapic_ops = {
    .notify = notify,
    .event = event,
    .eoi = eoi,
    .accepts = accepts,
    .now = now,
    .tsc_time = tsc_time,
};

/* ---- on the bus: the page where they all are after a reset; each vCPU sees its own ---- */

static int lapic_read(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    if (!axvm_vlapic_mmio(acc->vcpu, AXVM_LAPIC_BASE))
        return AXVM_ERR_GUEST;
    acc->val = axvm_vlapic_mmio_read(acc->vcpu, (uint32_t)acc->off, acc->size);
    return AXVM_OK;
}

static int lapic_write(struct axvm_device *dev, struct axvm_access *acc)
{
    (void)dev;
    if (!axvm_vlapic_mmio(acc->vcpu, AXVM_LAPIC_BASE))
        return AXVM_ERR_GUEST;
    axvm_vlapic_mmio_write(acc->vcpu, (uint32_t)acc->off, acc->size, acc->val);
    return AXVM_OK;
}

const struct axvm_device_ops axvm_vlapic_device_ops = { .name = "lapic", .read = lapic_read, .write = lapic_write };

/* ---- for the backend ---- */

void axvm_vlapic_create(struct axvm_vcpu *vcpu)
{
    struct axvm_vintc *v = vintc_of(vcpu);

    if (vcpu->vm->arch.cpuid)
        v->lapics.phys_bits = vcpu->vm->arch.cpuid->limits.phys_bits;
    axvm_lapics_add(&v->lapics, &vcpu->arch.lapic);
}

uint8_t axvm_vlapic_accept_external(struct axvm_vcpu *vcpu)
{
    uint8_t vector = axvm_i8259_ack(&vintc_of(vcpu)->pic);

    axvm_lapic_accept(&vcpu->arch.lapic, AXVM_LAPIC_EXTINT);
    return vector;
}

void axvm_vlapic_timer_fire(struct axvm_vcpu *vcpu)
{
    axvm_lapic_timer_poll(&vcpu->arch.lapic, now(&vcpu->arch.lapic));
}

void axvm_vlapic_tsc_moved(struct axvm_vcpu *vcpu)
{
    axvm_lapic_tsc_moved(&vcpu->arch.lapic);
    vcpu->arch.work |= AXVM_WORK_TIMER;
}

uint64_t axvm_vlapic_deadline(struct axvm_vcpu *vcpu)
{
    uint64_t deadline = axvm_lapic_deadline(&vcpu->arch.lapic);

    return deadline == AXVM_TIME_NEVER ? deadline : to_hal_time(vintc_of(vcpu), deadline);
}

bool axvm_vlapic_wakes(struct axvm_vcpu *vcpu)
{
    struct axvm_lapic *apic = &vcpu->arch.lapic;
    uint64_t deadline = axvm_lapic_deadline(apic);

    return axvm_lapic_wakes(apic) || (deadline != AXVM_TIME_NEVER && now(apic) >= deadline);
}
