/* SPDX-License-Identifier: BSD-2-Clause */
/** @file The life of a VM. */
#ifndef AXVM_VM_H
#define AXVM_VM_H

#include <axvm/config.h>
#include <axvm/exit.h>
#include <axvm/hal.h>
#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 *     axvm_new        axvm_load       axvm_boot        axvm_suspend
 *  -----------> LOADING -----> LOADED -----> RUNNING <-----------> SUSPENDED
 *                                 ^             |   axvm_resume        |
 *                      axvm_reset |             v axvm_shutdown, guest v
 *                              STOPPED <---- STOPPING (until the last vCPU has left)
 */
enum axvm_state {
    AXVM_LOADING,   /**< Devices and memory may be added. */
    AXVM_LOADED,    /**< Images are in place. */
    AXVM_RUNNING,
    AXVM_SUSPENDED, /**< No vCPU runs; the guest's clock stands still. */
    AXVM_STOPPING,
    AXVM_STOPPED,
};

/**
 * Make a VM. May sleep. The config may go away afterwards, but for the blobs it points to.
 * @retval AXVM_ERR_INVAL  the HAL or the config is wrong; the log says which member or field
 * @retval AXVM_ERR_EXIST  regions or devices of the config overlap
 * @retval AXVM_ERR_NOSUP  the CPU cannot do it, or no CPU has been enabled
 * @retval AXVM_ERR_NOMEM
 */
int axvm_new(const struct axvm_hal *hal, const struct axvm_config *cfg, struct axvm **out);

/**
 * Give back everything. No vCPU may be inside axvm_run_vcpu(), no vCPU reference held.
 * @retval AXVM_ERR_BUSY  a vCPU runs or is referenced; nothing was changed
 */
int axvm_destroy(struct axvm *vm);

/** Copy images, command line and device tree into guest memory: LOADING -> LOADED. May sleep. AXVM_ERR_FORMAT for a malformed
 *  image, AXVM_ERR_RANGE when it does not fit the memory. */
int axvm_load(struct axvm *vm);

/** Start vCPU 0 at the image's entry: LOADED -> RUNNING (LOADING: loads first). */
int axvm_boot(struct axvm *vm);

/** Freeze and continue. The vCPUs come back from axvm_run_vcpu() with AXVM_EXIT_SUSPENDED, and are woken by resume. */
int axvm_suspend(struct axvm *vm);
int axvm_resume(struct axvm *vm);

/**
 * Stop: every vCPU comes back with AXVM_EXIT_SHUTDOWN, also those that run on other CPUs; any context that may call the HAL.
 * The VM is STOPPED when the last one has. Fine to call twice.
 */
int axvm_shutdown(struct axvm *vm);

/** STOPPED (or LOADED) -> LOADED: devices and vCPUs as after power-on, RAM zeroed, images loaded again.
 *  @retval AXVM_ERR_BUSY  vCPUs have not yet left: call axvm_shutdown() and come again
 *  @retval others         those of axvm_load(): it is reset, but LOADING; axvm_load() can be called again */
int axvm_reset(struct axvm *vm);

/**
 * Run a vCPU until the host has to decide something. From a thread, with interrupts on: host interrupts that arrive meanwhile
 * are taken by the host's own vectors. With interrupts off it returns AXVM_EXIT_KICKED for each of them instead. The CPU must
 * be enabled. All host CPU state is as before when it returns; the vCPU may continue on another CPU.
 * @param exit  receives the reason
 * @retval AXVM_ERR_NOENT  no such vCPU
 * @retval AXVM_ERR_BUSY   another thread is running it
 * @retval AXVM_ERR_STATE  the VM has not been booted, or this CPU is not enabled
 * @retval AXVM_ERR_INVAL  this CPU is not in the vCPU's pcpu_mask
 * @retval AXVM_ERR_NOMEM  the HAL ran out of memory for the guest; the guest can be run again
 */
int axvm_run_vcpu(struct axvm *vm, unsigned int vcpu_id, struct axvm_exit *exit);

enum axvm_state axvm_get_state(const struct axvm *vm);
const char *axvm_state_name(enum axvm_state state);
uint32_t axvm_id(const struct axvm *vm);
const char *axvm_name(const struct axvm *vm);
unsigned int axvm_vcpu_count(const struct axvm *vm);

/**
 * Signal an interrupt to vCPUs. Any context, any CPU.
 * @param irq  private to a vCPU where the controller has such (Arm: INTID 0..31, one edge); otherwise one edge on that input
 * @retval AXVM_ERR_INVAL  no such interrupt or vCPU
 * @retval AXVM_ERR_NOSUP  the VM has no interrupt controller
 */
int axvm_inject(struct axvm *vm, const struct axvm_vcpu_set *vcpus, uint32_t irq);

/**
 * A host interrupt of a passthrough device has fired; the host has acknowledged it and dropped its priority, and keeps it
 * from firing again until hal->irq_complete (Arm without irq_complete: it leaves it active, EOImode 1). Any context.
 * @retval AXVM_ERR_NOENT  the VM was not given this interrupt
 */
int axvm_forward_irq(struct axvm *vm, uint32_t host_irq);

/** Bytes from the host for the console (the first UART); returns how many fitted. Any context but its own write callback. */
size_t axvm_console_input(struct axvm *vm, const uint8_t *buf, size_t len);

#ifdef __cplusplus
}
#endif
#endif
