/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines into I/O APIC and 8259s, those of passthrough devices among them; and messages. */
#include <axvm/err.h>

#include "vintc.h"
#include "vlapic.h"

/* axvm_arch_irq_inject(): from here on, a vector for the vCPU's local APIC rather than an input. */
#define FIRST_VECTOR_IRQ 0x100u

/* The local APIC of the vCPU whose own thread we are in, with interrupts off, if it is one of this VM; NULL: not, or not known.
 */
static struct axvm_lapic *self_of(struct axvm *vm)
{
    struct axvm_cpu *cpu = vm->hal.this_cpu(vm->hal.ctx);
    struct axvm_vcpu *vcpu = cpu ? cpu->running : NULL;

    return vcpu && vcpu->vm == vm ? &vcpu->arch.lapic : NULL;
}

/* ---- lines ---- */

static bool is_line(const struct axvm_vintc *v, uint32_t irq)
{
    return v && v->has_lines && irq < AXVM_IOAPIC_PINS;
}

static uint32_t gsi_of(uint32_t irq)
{
    return irq == 0 ? AXVM_TIMER_GSI : (uint32_t)axvm_nospec(irq, AXVM_IOAPIC_PINS);
}

static uint32_t pic_line_of(uint32_t gsi)
{
    return gsi == AXVM_TIMER_GSI ? 0 : gsi;
}

/* Interrupts are off. */
static void set_line(struct axvm_vintc *v, uint32_t gsi, bool level, const struct axvm_lapic *self)
{
    if (gsi < AXVM_I8259_LINES)
        axvm_i8259_set(&v->pic, pic_line_of(gsi), level);
    axvm_ioapic_set(&v->ioapic, gsi, level, self);
}

static void set_lines(struct axvm_vintc *v, uint32_t gsi, bool first, bool then)
{
    unsigned long flags = axvm_irq_save();
    const struct axvm_lapic *self = self_of(v->vm);

    set_line(v, gsi, first, self);
    if (then != first)
        set_line(v, gsi, then, self);
    axvm_irq_restore(flags);
}

void axvm_virq_intr(void *arg, bool level)
{
    struct axvm_vintc *v = arg;
    const struct axvm_lapic *self = self_of(v->vm);

    for (uint32_t i = 0; i < v->lapics.count; i++)
        axvm_lapic_lint(v->lapics.apic[i], 0, level, self);
}

/* ---- the host's interrupts ---- */

/*
 * The line falls first: the host may have the interrupt fire again as soon as it is told. It falls also when the host waits for
 * nothing: a guest that uses both controllers for one line ends it twice, and the second end may meet the next interrupt on its
 * way in.
 */
static void complete(struct axvm_vintc *v, uint32_t gsi)
{
    const struct axvm_hal *hal = &v->vm->hal;

    set_lines(v, gsi, false, false);
    if (atomic_exchange(&v->binding[gsi].fired, 0) != 0)
        hal->irq_complete(hal->ctx, v->binding[gsi].host_irq);
}

void axvm_virq_ioapic_done(void *arg, uint32_t pins)
{
    for (; pins != 0; pins &= pins - 1)
        complete(arg, axvm_ctz64(pins));
}

void axvm_virq_pic_done(void *arg, uint32_t lines)
{
    for (; lines != 0; lines &= lines - 1)
        complete(arg, gsi_of(axvm_ctz64(lines)));
}

void axvm_virq_complete_all(struct axvm_vintc *v)
{
    if (v->vm->hal.irq_complete)
        axvm_virq_ioapic_done(v, atomic_load(&v->bound));
}

/* ---- the contract ---- */

int axvm_arch_irq_claim(struct axvm *vm, uint32_t irq, bool edge)
{
    struct axvm_vintc *v = vm->arch.vintc;
    uint32_t bit;

    (void)edge; /* is what the guest says in its redirection entry */
    if (!v || !v->has_lines)
        return AXVM_ERR_NOSUP;
    if (irq >= AXVM_IOAPIC_PINS)
        return AXVM_ERR_INVAL;
    bit = UINT32_C(1) << gsi_of(irq);
    return (atomic_fetch_or(&v->claimed, bit) & bit) != 0 ? AXVM_ERR_EXIST : AXVM_OK;
}

void axvm_arch_irq_set(struct axvm *vm, uint32_t irq, bool level)
{
    if (is_line(vm->arch.vintc, irq))
        set_lines(vm->arch.vintc, gsi_of(irq), level, level);
}

int axvm_arch_irq_inject(struct axvm_vcpu *vcpu, uint32_t irq)
{
    struct axvm_vintc *v = vcpu->vm->arch.vintc;
    const struct axvm_lapic_msg msg = { .dest = vcpu->id, .vector = (uint8_t)irq };
    unsigned long flags;
    bool accepted;

    if (is_line(v, irq)) {
        set_lines(v, gsi_of(irq), true, false);
        return AXVM_OK;
    }
    if (!v || irq < FIRST_VECTOR_IRQ + 16 || irq > FIRST_VECTOR_IRQ + 0xff)
        return AXVM_ERR_INVAL;
    flags = axvm_irq_save();
    accepted = axvm_lapics_deliver(&v->lapics, &msg, self_of(vcpu->vm));
    axvm_irq_restore(flags);
    return accepted ? AXVM_OK : AXVM_ERR_GUEST;
}

static void track(struct axvm_vintc *v, uint32_t gsi)
{
    axvm_ioapic_track(&v->ioapic, gsi);
    if (gsi < AXVM_I8259_LINES)
        axvm_i8259_track(&v->pic, pic_line_of(gsi));
}

/* Without an end a level-triggered one would come once: the host has no other way to know. An edge needs none. */
int axvm_arch_irq_bind(struct axvm *vm, uint32_t guest_irq, uint32_t host_irq, bool edge)
{
    struct axvm_vintc *v = vm->arch.vintc;
    uint32_t gsi;
    int rc;

    if (!edge && !vm->hal.irq_complete)
        return AXVM_ERR_NOSUP;
    rc = axvm_arch_irq_claim(vm, guest_irq, edge);
    if (rc != AXVM_OK)
        return rc;
    gsi = gsi_of(guest_irq);
    v->binding[gsi].host_irq = host_irq;
    if (vm->hal.irq_complete)
        track(v, gsi);
    atomic_fetch_or(&v->bound, UINT32_C(1) << gsi);
    return AXVM_OK;
}

static void fire(struct axvm_vintc *v, uint32_t gsi)
{
    if (!v->vm->hal.irq_complete) {
        set_lines(v, gsi, true, false);
        return;
    }
    atomic_store(&v->binding[gsi].fired, 1);
    set_lines(v, gsi, true, true);
}

static bool find_binding(const struct axvm_vintc *v, uint32_t host_irq, uint32_t *gsi)
{
    for (uint32_t set = atomic_load(&v->bound); set != 0; set &= set - 1) {
        *gsi = axvm_ctz64(set);
        if (v->binding[*gsi].host_irq == host_irq)
            return true;
    }
    return false;
}

/* AXVM_IRQ_PASSTHROUGH: what is not listed comes under its own number, if no device of the guest's has that. */
int axvm_arch_irq_forward(struct axvm *vm, uint32_t host_irq)
{
    struct axvm_vintc *v = vm->arch.vintc;
    uint32_t gsi;

    if (!v || !v->has_lines)
        return AXVM_ERR_NOENT;
    if (!find_binding(v, host_irq, &gsi)) {
        if (vm->cfg.irq_mode != AXVM_IRQ_PASSTHROUGH || axvm_arch_irq_bind(vm, host_irq, host_irq, true) != AXVM_OK)
            return AXVM_ERR_NOENT;
        gsi = gsi_of(host_irq);
    }
    fire(v, gsi);
    return AXVM_OK;
}

/* Linux, Documentation/devicetree/bindings/interrupt-controller/intel,ce4100-ioapic.yaml: the input, and how it is triggered.
 */
enum { CELL_EDGE_RISING, CELL_LEVEL_LOW, CELL_LEVEL_HIGH, CELL_EDGE_FALLING };

unsigned int axvm_arch_irq_cells(const struct axvm *vm, uint32_t irq, bool edge, uint32_t cells[3])
{
    (void)vm;
    cells[0] = gsi_of(irq);
    cells[1] = edge ? CELL_EDGE_RISING : CELL_LEVEL_HIGH;
    return 2;
}

int axvm_arch_irq_from_cells(const uint32_t *cells, unsigned int count, uint32_t *irq, bool *edge)
{
    if (count != 2 || cells[0] >= AXVM_IOAPIC_PINS || cells[1] > CELL_EDGE_FALLING)
        return AXVM_ERR_NOSUP;
    *irq = cells[0];
    *edge = cells[1] == CELL_EDGE_RISING || cells[1] == CELL_EDGE_FALLING;
    return AXVM_OK;
}
