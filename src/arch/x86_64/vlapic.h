/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controllers of a VM, for the rest of the backend: local APICs (vcpu->arch.lapic, a struct axvm_lapic of
 * src/devices/lapic.h), I/O APIC and 8259s (vm->arch.vintc).
 *
 * The vCPU's thread calls axvm_vlapic_timer_poll() when it comes from the host tier and whenever its timer may be due, and
 * axvm_vlapic_pending() before each entry, with interrupts off. If that says something and the guest can take it:
 * axvm_vlapic_accept(), whose result is injected. If the guest cannot take it now: a window, then ask again.
 * Before it returns AXVM_TRAP_IDLE for HLT it asks pending() too.
 */
#ifndef AXVM_X86_64_VLAPIC_H
#define AXVM_X86_64_VLAPIC_H

#include "../../devices/lapic.h"
#include "arch.h"

struct axvm_vintc;

#define AXVM_VLAPIC_NONE AXVM_LAPIC_NONE
#define AXVM_VLAPIC_EXTINT AXVM_LAPIC_EXTINT

/* ---- life ---- */

/* Make the VM's controllers, put them on its bus: from axvm_arch_vm_init(). AXVM_ERR_NOMEM, errors of axvm_device_attach(). */
int axvm_vintc_create(struct axvm *vm);
/* From axvm_arch_vm_fini(): passthrough interrupts the guest has not finished with go back to the host. */
void axvm_vintc_destroy(struct axvm *vm);
/* From axvm_arch_vm_reset(), beside the devices' reset: all local APICs as after power-on. */
void axvm_vintc_reset(struct axvm *vm);
/* From axvm_arch_clock_stop() and _start(): timers stand still in between. */
void axvm_vintc_clock_stop(struct axvm *vm);
void axvm_vintc_clock_start(struct axvm *vm);

/* From axvm_arch_vcpu_init(), in the order of their ids. APIC ID = vcpu->id. */
void axvm_vlapic_create(struct axvm_vcpu *vcpu);
/* The vCPU has got an INIT; its own thread. Power-on is axvm_vintc_reset(). */
static inline void axvm_vlapic_init_reset(struct axvm_vcpu *vcpu)
{
    axvm_lapic_init_reset(&vcpu->arch.lapic);
}

/* ---- the vCPU's own thread ---- */

/* The vector to be delivered now, AXVM_VLAPIC_EXTINT, or AXVM_VLAPIC_NONE. */
static inline int axvm_vlapic_pending(struct axvm_vcpu *vcpu)
{
    return axvm_lapic_pending(&vcpu->arch.lapic);
}

/* The guest takes @what, which pending() has just said: the vector to inject. */
AXVM_COLD uint8_t axvm_vlapic_accept_external(struct axvm_vcpu *vcpu);
static inline uint8_t axvm_vlapic_accept(struct axvm_vcpu *vcpu, int what)
{
    if (__builtin_expect(what == AXVM_VLAPIC_EXTINT, 0))
        return axvm_vlapic_accept_external(vcpu);
    axvm_lapic_accept(&vcpu->arch.lapic, what);
    return (uint8_t)what;
}

/* The highest vector that waits, also if TPR or PPR hold it back: for VMX's TPR threshold, SVM's V_INTR_PRIO; AXVM_VLAPIC_NONE.
 */
static inline int axvm_vlapic_highest(struct axvm_vcpu *vcpu)
{
    return axvm_lapic_highest(&vcpu->arch.lapic);
}

static inline uint64_t axvm_vlapic_get_cr8(struct axvm_vcpu *vcpu)
{
    return axvm_lapic_cr8(&vcpu->arch.lapic);
}

/* @cr8 is below 16: MOV to CR8, or what the hardware's virtual TPR was when the guest left. */
static inline void axvm_vlapic_set_cr8(struct axvm_vcpu *vcpu, uint64_t cr8)
{
    if (axvm_lapic_cr8(&vcpu->arch.lapic) != cr8)
        axvm_lapic_set_tpr(&vcpu->arch.lapic, (uint32_t)cr8 << 4);
}

/* MSRs 0x800..0x8ff, IA32_APIC_BASE, IA32_TSC_DEADLINE. AXVM_ERR_GUEST: #GP(0). */
static inline int axvm_vlapic_msr_read(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t *val)
{
    return axvm_lapic_msr_read(&vcpu->arch.lapic, msr, val);
}

static inline int axvm_vlapic_msr_write(struct axvm_vcpu *vcpu, uint32_t msr, uint64_t val)
{
    return axvm_lapic_msr_write(&vcpu->arch.lapic, msr, val);
}

/* Is it in this vCPU's page of registers? Ask before the bus: the page may have been moved. (Where the guest has RAM it has
 * RAM.) */
static inline bool axvm_vlapic_mmio(const struct axvm_vcpu *vcpu, uint64_t gpa)
{
    return axvm_lapic_is_mmio(&vcpu->arch.lapic, gpa);
}

/* @off in the page, @size 1, 2, 4, 8. Never refused; no host callback that may sleep. */
static inline uint64_t axvm_vlapic_mmio_read(struct axvm_vcpu *vcpu, uint32_t off, unsigned int size)
{
    return axvm_lapic_mmio_read(&vcpu->arch.lapic, off, size);
}

static inline void axvm_vlapic_mmio_write(struct axvm_vcpu *vcpu, uint32_t off, unsigned int size, uint64_t val)
{
    axvm_lapic_mmio_write(&vcpu->arch.lapic, off, size, val);
}

/* IA32_APIC_BASE.EN, for CPUID.1:EDX.APIC. */
static inline bool axvm_vlapic_enabled(const struct axvm_vcpu *vcpu)
{
    return axvm_lapic_enabled(&vcpu->arch.lapic);
}

/* If the timer is due: fire it. Cheap when it is not armed; otherwise one hal->time_ns(). */
void axvm_vlapic_timer_fire(struct axvm_vcpu *vcpu);
static inline void axvm_vlapic_timer_poll(struct axvm_vcpu *vcpu)
{
    if (axvm_lapic_deadline(&vcpu->arch.lapic) != AXVM_TIME_NEVER)
        axvm_vlapic_timer_fire(vcpu);
}

/* The guest has moved this vCPU's TSC: so when its deadline comes has changed. */
void axvm_vlapic_tsc_moved(struct axvm_vcpu *vcpu);

/* ---- any context ---- */

/* When the timer fires, in hal->time_ns(); AXVM_TIME_NEVER. */
uint64_t axvm_vlapic_deadline(struct axvm_vcpu *vcpu);
/* An interrupt can be delivered (whatever RFLAGS.IF is), or the timer is due. In doubt true. */
bool axvm_vlapic_wakes(struct axvm_vcpu *vcpu);

/* ---- what the backend offers to this part; any context ---- */

/* The vCPU's TSC now; and when in hal->time_ns() the VM's, which is the vCPU's less what the guest has moved it by, will be
 * @tsc. */
uint64_t axvm_x86_guest_tsc(struct axvm_vcpu *vcpu);
uint64_t axvm_x86_tsc_to_ns(struct axvm *vm, uint64_t tsc);
/* Messages for the CPU itself. The vCPU may be the caller's own. */
void axvm_x86_nmi(struct axvm_vcpu *vcpu);
void axvm_x86_init(struct axvm_vcpu *vcpu);
void axvm_x86_sipi(struct axvm_vcpu *vcpu, uint8_t vector);

#endif
