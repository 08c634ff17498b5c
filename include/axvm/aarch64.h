/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What is special about AArch64 hosts and guests. Host requirements: EL2, GICv3 with system registers. */
#ifndef AXVM_AARCH64_H
#define AXVM_AARCH64_H

#include <axvm/types.h>

/** How to use a CPU. handle_irq is required. Of the numbers, zero means the number in brackets, which is what the Server Base System Architecture assigns. */
struct axvm_aarch64_cpu_config {
    uint32_t vtimer_intid;      /**< PPI of the EL1 virtual timer [27]. Enabled at the GIC by the host. */
    uint32_t maintenance_intid; /**< PPI of GIC maintenance [25]. Enabled at the GIC by the host. */
    /** INTID + 1 of an SGI that hal->kick_cpu() sends and the host uses for nothing else: it is then taken in the fast tier.
     *  0: the host's own handler takes it. */
    uint32_t kick_sgi_plus_1;
    /**
     * Handle physical interrupt @p intid as the host's vector does after its own acknowledge, ICC_EOIR1_EL1 (and ICC_DIR_EL1)
     * included. The library acknowledges only what it takes for the guest's timer; this is for the rare case that something
     * more urgent came in between. Interrupts off, host state in place, first argument is hal->ctx. Must not
     * sleep or reschedule: the interrupt window that follows is the place for that.
     */
    void (*handle_irq)(void *ctx, uint32_t intid);
};

/** Address of a register in AXVM_BUS_SYSREG: op0 [15:14], op1 [13:11], CRn [10:7], CRm [6:3], op2 [2:0]. */
#define AXVM_AARCH64_SYSREG(op0, op1, crn, crm, op2) \
    ((uint64_t)(op0) << 14 | (uint64_t)(op1) << 11 | (uint64_t)(crn) << 7 | (uint64_t)(crm) << 3 | (uint64_t)(op2))

/** The default machine: the map of QEMU's "virt". */
#define AXVM_AARCH64_FIRMWARE_BASE 0x00000000u
#define AXVM_AARCH64_GICD_BASE 0x08000000u
#define AXVM_AARCH64_GICR_BASE 0x080a0000u
#define AXVM_AARCH64_UART_BASE 0x09000000u
#define AXVM_AARCH64_UART_IRQ 33u
#define AXVM_AARCH64_RAM_BASE 0x40000000u

#endif
