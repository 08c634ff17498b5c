/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 for guests: distributor and redistributors as a model in plain C, the CPU interface by the hardware's list registers.
 * "Loaded": the vCPU's list registers are in this CPU's ICH_* registers. gich.h is the only file that touches those.
 */
#ifndef AXVM_AARCH64_VGIC_H
#define AXVM_AARCH64_VGIC_H

#include "vm_priv.h"

/* Tables in the VM's arena; attaches GICD and GICR to the bus. AXVM_ERR_NOMEM, AXVM_ERR_EXIST, AXVM_ERR_NOSPC. */
int axvm_vgic_init(struct axvm *vm);
/* Physical interrupts that the guest has not finished with are completed. No vCPU is loaded; all-zero and half-made VMs are
 * fine. */
void axvm_vgic_fini(struct axvm *vm);
/* As after power-on; completes likewise. No vCPU is loaded. */
void axvm_vgic_reset(struct axvm *vm);
/* When the vCPU is made, and each time it is powered on. It is not loaded. */
void axvm_vgic_vcpu_reset(struct axvm_vcpu *vcpu);

/* Before entering the guest: put the CPU interface state in place (@resident: it still is) and fill the list registers. */
void axvm_vgic_load(struct axvm_vcpu *vcpu, bool resident);
/* After leaving it: read back what the guest did, make the hardware quiet. Interrupts of its private timers that are active at
 * the physical GIC are deactivated there; they fire again on the next entry. */
void axvm_vgic_put(struct axvm_vcpu *vcpu);
/* Loaded: take over what happened in the list registers and refill them. On AXVM_REQ_IRQ and maintenance interrupts. */
void axvm_vgic_refresh(struct axvm_vcpu *vcpu);

/* The guest wrote @val to ICC_SGI1R (group 1), ICC_ASGI1R or ICC_SGI0R. Loaded. */
enum axvm_sgi_reg { AXVM_SGI1R, AXVM_ASGI1R, AXVM_SGI0R };
void axvm_vgic_sgi(struct axvm_vcpu *vcpu, enum axvm_sgi_reg reg, uint64_t val);

/* The guest wrote @val to ICC_DIR_EL1. Traps only while ICH_HCR_EL2.TDIR is set, for interrupts that are in no list register,
 * or in another vCPU's. Loaded. */
void axvm_vgic_dir(struct axvm_vcpu *vcpu, uint64_t val);

/* Physical PPI @host_intid of the loaded vCPU's own timer has fired, and been acknowledged and priority-dropped but not
 * deactivated: deliver @intid, whose deactivation by the guest deactivates the physical one (HW bit). Returns an enum
 * axvm_trap_kind: that which was in its way may be another vCPU's now, which has to be woken. */
uint64_t axvm_vgic_forward_ppi(struct axvm_vcpu *vcpu, uint32_t intid, uint32_t host_intid);

/* Level of a private level-triggered interrupt that the library emulates (physical timer, PMU). Any context. */
void axvm_vgic_set_ppi(struct axvm_vcpu *vcpu, uint32_t intid, bool level);
void axvm_vgic_set_spi(struct axvm *vm, uint32_t intid, bool level);
int axvm_vgic_inject(struct axvm_vcpu *vcpu, uint32_t intid);
int axvm_vgic_claim(struct axvm *vm, uint32_t intid, bool edge);
int axvm_vgic_bind(struct axvm *vm, uint32_t intid, uint32_t host_intid, bool edge);
int axvm_vgic_forward(struct axvm *vm, uint32_t host_intid);
/* Would an interrupt be signalled to the PE now (enabled, above its priority mask)? Any context; when not loaded. */
bool axvm_vgic_pending(struct axvm_vcpu *vcpu);
/* If private interrupt @intid were pending, would it be signalled (enabled, its group enabled, not active, above the priority
 * mask)? For timers of a vCPU that sleeps. Any context; when not loaded. */
bool axvm_vgic_ppi_signals(struct axvm_vcpu *vcpu, uint32_t intid);

/* Its node, "interrupt-controller" with phandle 1 (AXVM_PHANDLE_INTC), into a tree open at its root. libfdt error code. */
int axvm_vgic_describe(struct axvm *vm, void *fdt);

#endif
