/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Why axvm_run_vcpu() came back. */
#ifndef AXVM_EXIT_H
#define AXVM_EXIT_H

#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Unless a member says otherwise the host just calls axvm_run_vcpu() again, and the guest goes on. */
enum axvm_exit_reason {
    AXVM_EXIT_NONE,
    /** The guest waits for an interrupt (WFI, HLT). Sleep until wake_vcpu() or @c idle.deadline_ns. */
    AXVM_EXIT_IDLE,
    /** The guest spins (WFE, PAUSE), and AXVM_VM_YIELD_ON_SPIN is set: let another thread run. */
    AXVM_EXIT_YIELD,
    /** axvm_vcpu_kick(), or a host interrupt while the caller had interrupts masked. */
    AXVM_EXIT_KICKED,
    /** vCPU @c cpu_up.target has been started: something must call axvm_run_vcpu() for it (wake_vcpu() was called too). */
    AXVM_EXIT_CPU_UP,
    /** This vCPU is off. Sleep until wake_vcpu(). */
    AXVM_EXIT_CPU_OFF,
    /** axvm_suspend(). Sleep until wake_vcpu(). */
    AXVM_EXIT_SUSPENDED,
    /** The VM is stopping or stopped; this vCPU does not run again before axvm_reset() and axvm_boot(). */
    AXVM_EXIT_SHUTDOWN,
    /** The guest asked for power off; the VM is stopping. */
    AXVM_EXIT_SYSTEM_OFF,
    /** The guest asked for a reset; the VM is stopping. axvm_reset() and axvm_boot() bring it up again. */
    AXVM_EXIT_SYSTEM_RESET,
    /** The guest cannot go on (it told us, or the CPU did: @c fault). The VM is stopping. */
    AXVM_EXIT_SYSTEM_CRASH,
    /** Access to guest-physical memory that neither RAM nor a device answers. axvm_vcpu_answer() answers it; by default the
     *  guest gets what its CPU does on a bus without a device (external abort; all-ones on x86). */
    AXVM_EXIT_MMIO,
    /** The same for an x86 port. */
    AXVM_EXIT_IO,
    /** The same for a trapped system register of AXVM_BUS_SYSREG; by default undefined instruction. */
    AXVM_EXIT_SYSREG,
    /** A call for the host (AXVM_VM_HYPERCALLS). axvm_vcpu_answer() gives the result; by default "not supported". */
    AXVM_EXIT_HYPERCALL,
    /** Hardware reported an error that may be the host's (Arm SError, x86 #MC, NMI): @c fault. By default it is passed on to
     *  the guest as its own. */
    AXVM_EXIT_HOST_ERROR,
    /** The CPU refused to enter the guest: @c fault. The VM is stopping. */
    AXVM_EXIT_FAIL_ENTRY,
    AXVM_EXIT_REASONS
};

struct axvm_exit {
    enum axvm_exit_reason reason;
    union {
        struct {
            uint64_t deadline_ns; /**< When the guest's own timer fires, in time_ns(); AXVM_TIME_NEVER: it does not. */
        } idle;
        struct {
            uint32_t target;
        } cpu_up;
        struct {
            uint64_t addr; /**< Guest-physical address, port or register encoding. */
            uint64_t data; /**< What a write carries. */
            uint8_t size;  /**< Bytes: 1, 2, 4, 8. */
            bool write;
            bool fetch; /**< An instruction fetch: cannot be answered. */
        } access;           /**< MMIO, IO, SYSREG. */
        struct {
            uint64_t nr;
            uint64_t args[6];
        } hypercall;
        struct {
            uint64_t type; /**< PSCI SYSTEM_RESET2 / SBI SRST type and reason; 0 for the plain calls. */
            uint64_t code;
        } system;
        struct {
            uint64_t code; /**< The CPU's syndrome: ESR_EL2, scause, exit code. */
            uint64_t addr;
            uint64_t pc;
        } fault;
    } u;
};

/** "IDLE", "MMIO", … Never NULL. */
const char *axvm_exit_name(enum axvm_exit_reason reason);

#ifdef __cplusplus
}
#endif
#endif
