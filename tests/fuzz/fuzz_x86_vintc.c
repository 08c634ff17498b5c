/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controllers of an x86-64 VM, asked anything by guest and host: what each local APIC would deliver is what its
 * registers say, nobody sleeps who is not told of more, nothing is in service twice, the host gets back what it passed through,
 * and no more.
 */
#include "fuzz.h"

#include <axvm/err.h>

#include "vintc_world.h"

/* ---- what has to hold ---- */

static int highest_in_service(const struct axvm_lapic *apic)
{
    int top = 0;

    for (unsigned int class = 0; class < 16; class ++) {
        if (apic->isr_classes >> class & 1) {
            FUZZ_CHECK(class != 0 && apic->isr_vector[class] >> 4 == class);
            top = apic->isr_vector[class];
        }
    }
    return top;
}

static int highest_requested(const struct axvm_lapic *apic)
{
    for (int v = 255; v >= 0; v--) {
        if (atomic_load(&apic->irr[v / 64]) >> v % 64 & 1)
            return v;
    }
    return -1;
}

static void check_apic(struct axvm_vcpu *vcpu)
{
    struct axvm_lapic *apic = &vcpu->arch.lapic;
    int isr = highest_in_service(apic), irr = highest_requested(apic);
    uint32_t tpr = atomic_load(&apic->tpr), ppr = tpr >> 4 >= (uint32_t)isr >> 4 ? tpr : (uint32_t)isr & 0xf0;

    FUZZ_CHECK(atomic_load(&apic->ppr) == ppr && apic->isr_top == (uint32_t)isr);
    FUZZ_CHECK(irr < 0 || irr >= 16);
    for (unsigned int w = 0; w < AXVM_LAPIC_WORDS; w++)
        FUZZ_CHECK((atomic_load(&apic->tmr[w]) & ~atomic_load(&apic->watch[w])) == 0);
    if (atomic_load(&apic->attention) == 0 && apic->deliverable != AXVM_LAPIC_EXTINT)
        FUZZ_CHECK(apic->deliverable == (axvm_lapic_enabled(apic) && irr >> 4 > (int)(ppr >> 4) ? irr : AXVM_LAPIC_NONE));
    if (axvm_lapic_deadline(apic) == AXVM_TIME_NEVER && atomic_load(&apic->attention) == 0)
        FUZZ_CHECK(axvm_vlapic_wakes(vcpu) == (apic->deliverable != AXVM_LAPIC_NONE));
}

static void check_ioapic(const struct axvm_ioapic *io)
{
    FUZZ_CHECK(((io->level | io->remote | io->waiting | io->in_flight) >> AXVM_IOAPIC_PINS) == 0);
    FUZZ_CHECK(((io->waiting | io->in_flight) & ~io->tracked) == 0);
    for (unsigned int pin = 0; pin < AXVM_IOAPIC_PINS; pin++)
        FUZZ_CHECK(!(io->remote >> pin & 1) || (io->entry[pin] & 0x8000));
}

static void check(void)
{
    for (unsigned int i = 0; i < VINTC_WORLD_VCPUS; i++)
        check_apic(&vw.vcpus[i]);
    check_ioapic(&vw.vm.arch.vintc->ioapic);
    FUZZ_CHECK(vw.violations == 0);
}

/* ---- what may happen ---- */

static void access(struct fuzz_input *in, uint32_t id, bool write)
{
    static const uint64_t bases[] = { AXVM_LAPIC_BASE, AXVM_IOAPIC_BASE };
    uint8_t how = (uint8_t)fuzz_take(in, 1);
    uint64_t addr = bases[how & 1] + (fuzz_take(in, 2) & 0xfff), val = write ? fuzz_take(in, 4) : 0;

    vintc_world_access(id, AXVM_BUS_MMIO, addr, 1u << (how >> 1 & 3), write, &val);
}

static void access_port(struct fuzz_input *in, uint32_t id, bool write)
{
    static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
    uint64_t port = ports[fuzz_take(in, 1) % 6], val = write ? fuzz_take(in, 1) : 0;

    vintc_world_access(id, AXVM_BUS_PORT, port, 1, write, &val);
}

static uint32_t take_msr(struct fuzz_input *in)
{
    uint32_t n = (uint32_t)fuzz_take(in, 1);

    return n == 0xfe ? AXVM_MSR_APIC_BASE : n == 0xff ? AXVM_MSR_TSC_DEADLINE : AXVM_MSR_X2APIC + n;
}

static void write_msr(struct fuzz_input *in, uint32_t id)
{
    uint32_t msr = take_msr(in);
    uint64_t before = 0, after = 0;

    axvm_vlapic_msr_read(&vw.vcpus[id], AXVM_MSR_APIC_BASE, &before);
    if (axvm_vlapic_msr_write(&vw.vcpus[id], msr, fuzz_take(in, 8)) != AXVM_OK) {
        axvm_vlapic_msr_read(&vw.vcpus[id], AXVM_MSR_APIC_BASE, &after);
        FUZZ_CHECK(before == after);
    }
}

static void read_msr(struct fuzz_input *in, uint32_t id)
{
    uint64_t val = 0;

    axvm_vlapic_msr_read(&vw.vcpus[id], take_msr(in), &val);
}

static void host(struct fuzz_input *in, uint32_t id)
{
    uint8_t what = (uint8_t)fuzz_take(in, 1);
    uint32_t arg = (uint32_t)fuzz_take(in, 2);

    switch (what % 8) {
    case 0:
        axvm_arch_irq_set(&vw.vm, arg & 0x1f, arg >> 8 & 1);
        break;
    case 1:
        axvm_arch_irq_forward(&vw.vm, 40 + (arg & 3));
        break;
    case 2:
        axvm_arch_irq_inject(&vw.vcpus[id], arg & 0x3ff);
        break;
    case 3:
        axvm_lapics_msi(&vw.vm.arch.vintc->lapics, 0xfee00000 | (uint64_t)(arg >> 8) << 12 | (what >> 1 & 0x7c), arg & 0xff,
                        NULL);
        break;
    case 4:
        axvm_vlapic_set_cr8(&vw.vcpus[id], arg & 15);
        break;
    case 5:
        axvm_lapic_lint(&vw.vcpus[id].arch.lapic, 1, arg & 1, &vw.vcpus[id].arch.lapic);
        break;
    case 6:
        axvm_vlapic_init_reset(&vw.vcpus[id]);
        break;
    default:
        if (arg % 8 == 0)
            axvm_vintc_reset(&vw.vm);
        break;
    }
}

static void take_interrupt(uint32_t id)
{
    int what = axvm_vlapic_pending(&vw.vcpus[id]);
    uint8_t vector;

    if (what == AXVM_VLAPIC_NONE)
        return;
    vector = axvm_vlapic_accept(&vw.vcpus[id], what);
    FUZZ_CHECK(what == AXVM_VLAPIC_EXTINT || vector == what);
}

static void pass_time(struct fuzz_input *in)
{
    vw.time_ns += fuzz_take(in, 3);
    for (unsigned int i = 0; i < VINTC_WORLD_VCPUS; i++) {
        axvm_vlapic_timer_poll(&vw.vcpus[i]);
        FUZZ_CHECK(axvm_vlapic_deadline(&vw.vcpus[i]) > vw.time_ns);
    }
}

static void step(struct fuzz_input *in)
{
    uint8_t op = (uint8_t)fuzz_take(in, 1);
    uint32_t id = (op >> 4) % VINTC_WORLD_VCPUS;

    vw.this_cpu.running = op & 0x80 ? &vw.vcpus[id] : NULL;
    switch (op & 15) {
    case 0:
    case 1:
    case 2:
        access(in, id, true);
        break;
    case 3:
        access(in, id, false);
        break;
    case 4:
    case 5:
        write_msr(in, id);
        break;
    case 6:
        read_msr(in, id);
        break;
    case 7:
        access_port(in, id, true);
        break;
    case 8:
        access_port(in, id, false);
        break;
    case 9:
    case 10:
        host(in, id);
        break;
    case 11:
        pass_time(in);
        break;
    default:
        take_interrupt(id);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    unsigned int held = 0, forwarded;

    vintc_world_start(AXVM_IRQ_EMULATED, true);
    for (unsigned int i = 0; i < 3; i++)
        axvm_arch_irq_bind(&vw.vm, 3 + 8 * i, 40 + i, i & 1);
    while (in.left != 0) {
        step(&in);
        check();
    }
    for (unsigned int pin = 0; pin < AXVM_IOAPIC_PINS; pin++)
        held += atomic_load(&vw.vm.arch.vintc->binding[pin].fired);
    forwarded = vw.completed[40] + vw.completed[41] + vw.completed[42] + held;
    axvm_vintc_destroy(&vw.vm);
    FUZZ_CHECK(vw.completed[40] + vw.completed[41] + vw.completed[42] == forwarded);
    return 0;
}
