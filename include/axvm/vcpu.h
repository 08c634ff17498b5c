/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Virtual CPUs, and the physical CPUs they run on. */
#ifndef AXVM_VCPU_H
#define AXVM_VCPU_H

#include <axvm/exit.h>
#include <axvm/hal.h>
#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct axvm_aarch64_cpu_config;
struct axvm_riscv64_cpu_config;
struct axvm_x86_cpu_config;

/** The host itself runs code at EL1 / uses VS CSRs / …: save and restore those registers around every run too. By default
 *  they belong to guests while a CPU is enabled, and are put back by axvm_cpu_disable(). */
#define AXVM_CPU_HOST_USES_GUEST_REGS (1u << 0)

/** How to use a CPU. NULL or all-zero: the defaults. */
struct axvm_cpu_config {
    uint32_t flags; /**< AXVM_CPU_*. */
    const struct axvm_aarch64_cpu_config *aarch64;
    const struct axvm_riscv64_cpu_config *riscv64;
    const struct axvm_x86_cpu_config *x86_64;
};

/**
 * Turn virtualization on for the calling CPU; once per CPU, before its first axvm_run_vcpu(). Interrupts off or thread pinned.
 * @param out  receives the object that hal->this_cpu() has to return on this CPU from now on
 * @retval AXVM_ERR_NOSUP  this CPU (or the privilege level) cannot host guests
 * @retval AXVM_ERR_NOMEM, AXVM_ERR_INVAL
 */
int axvm_cpu_enable(const struct axvm_hal *hal, const struct axvm_cpu_config *cfg, struct axvm_cpu **out);

/** Undo it, on the same CPU; everything is as before axvm_cpu_enable(). AXVM_ERR_BUSY while a vCPU is inside a run here,
 *  or while a VM has something of this CPU's (RISC-V: a guest interrupt file). */
int axvm_cpu_disable(struct axvm_cpu *cpu);

/** The host took an interrupt in its own handler: is it one of the guests' own (Arm virtual timer, GIC maintenance)? True: it
 *  is dealt with, the host only ends it at its controller. Interrupts off. */
bool axvm_host_irq(struct axvm_cpu *cpu, unsigned int irq);

/** CREATED: off. FREE: may run, no thread has it. READY: bound to a CPU. BLOCKED: its thread was told AXVM_EXIT_IDLE. */
enum axvm_vcpu_state {
    AXVM_VCPU_CREATED,
    AXVM_VCPU_FREE,
    AXVM_VCPU_READY,
    AXVM_VCPU_RUNNING,
    AXVM_VCPU_BLOCKED,
};

/** A counted reference; NULL when there is no such vCPU. Keeps axvm_destroy() from succeeding until axvm_vcpu_put(). */
struct axvm_vcpu *axvm_vcpu_get(struct axvm *vm, unsigned int vcpu_id);
void axvm_vcpu_put(struct axvm_vcpu *vcpu);

struct axvm *axvm_vcpu_vm(const struct axvm_vcpu *vcpu);
unsigned int axvm_vcpu_id(const struct axvm_vcpu *vcpu);
enum axvm_vcpu_state axvm_vcpu_get_state(const struct axvm_vcpu *vcpu);
const char *axvm_vcpu_state_name(enum axvm_vcpu_state state);
uint64_t axvm_vcpu_pcpu_mask(const struct axvm_vcpu *vcpu);

/** Make axvm_run_vcpu() return AXVM_EXIT_KICKED soon; when it is not running, its next call does. Any context, any CPU. */
void axvm_vcpu_kick(struct axvm_vcpu *vcpu);

/** Is there something for it to do: started, and an interrupt it would take, or its timer is due? Any context. */
bool axvm_vcpu_is_runnable(struct axvm_vcpu *vcpu);

/** Answer the last MMIO, IO, SYSREG or HYPERCALL exit before running on: @p value is what a read gets (ignored for a write). */
int axvm_vcpu_answer(struct axvm_vcpu *vcpu, uint64_t value);

/**
 * Registers, by number as the instruction set numbers them (x0..x30, x0..x31, rax..r15). Not while it runs.
 * @retval AXVM_ERR_INVAL  no such register
 * @retval AXVM_ERR_BUSY   it is running
 */
int axvm_vcpu_get_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t *value);
int axvm_vcpu_set_gpr(struct axvm_vcpu *vcpu, unsigned int reg, uint64_t value);

/** For dumps: register @p index of all there are, and its name. AXVM_ERR_NOENT past the last. */
int axvm_vcpu_register(struct axvm_vcpu *vcpu, unsigned int index, const char **name, uint64_t *value);

/** Kinds of exits that are counted. The CPUs share this list; one that a CPU has not stays zero. */
enum axvm_stat {
    AXVM_STAT_ENTRIES,   /**< World switches into the guest. */
    AXVM_STAT_HYPERCALL, /**< HVC, SMC, ecall, VMCALL. */
    AXVM_STAT_MMIO,      /**< Emulated memory accesses. */
    AXVM_STAT_FAULT,     /**< Stage-2 faults on RAM. */
    AXVM_STAT_SYSREG,
    AXVM_STAT_IO,
    AXVM_STAT_WAIT,      /**< WFI, WFE, HLT, PAUSE. */
    AXVM_STAT_FPU,       /**< First use of FP after an entry. */
    AXVM_STAT_GUEST_IRQ, /**< Timer, maintenance, doorbell: dealt with in the fast tier. */
    AXVM_STAT_HOST_IRQ,
    AXVM_STAT_FAULT_INJECTED, /**< Exceptions given to the guest. */
    AXVM_STAT_OTHER,
    AXVM_STATS
};

/** A counter of this vCPU, since creation. Any context. */
uint64_t axvm_vcpu_stat(const struct axvm_vcpu *vcpu, enum axvm_stat stat);
const char *axvm_stat_name(enum axvm_stat stat);

#ifdef __cplusplus
}
#endif
#endif
