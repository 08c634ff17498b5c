/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What is special about RISC-V hosts and guests. Host requirements: RV64 HS-mode, SBI with RFENCE. */
#ifndef AXVM_RISCV64_H
#define AXVM_RISCV64_H

#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Do not use Sstc, though the CPU has it: guests' timers are emulated with hal->timer_set(). */
#define AXVM_RISCV64_NO_SSTC (1u << 0)

/** The supervisor guest external interrupt, for axvm_host_irq(). The library enables it, in hie. */
#define AXVM_RISCV64_GUEST_IRQ 12u

/** How to use a CPU. */
struct axvm_riscv64_cpu_config {
    uint64_t hartid;      /**< Of this CPU, for the firmware's remote fences. */
    uint64_t timebase_hz; /**< Of the time CSR: /cpus/timebase-frequency. Required. */
    /** What the CPU can do, as "riscv,isa" says it: "rv64imafdch_zicsr_...". Guests are told of the extensions that a guest can
     *  have. Stays the host's while the CPU is enabled. NULL: rv64imac, and fd if sstatus.FS is there. */
    const char *isa;
    /**
     * Is the supervisor software interrupt that is pending on this CPU nothing but a kick of hal->kick_cpu()? True: it has been
     * cleared (sip.SSIP), and is dealt with in the fast tier. False: the host's own vector shall take it. Any context, first argument
     * is hal->ctx. Optional: NULL stands for false.
     */
    bool (*take_kick)(void *ctx);
    uint32_t flags; /**< AXVM_RISCV64_*. */
    /**
     * The interrupt files of this CPU's IMSIC, if guests may have its guest interrupt files: where the host sees the page of its own,
     * supervisor-level one, and the guests' pages behind it, and its physical address. vCPUs with an IMSIC that may run on this CPU
     * only then get a file each, as far as they go. The host brings interrupt 12 (AXVM_RISCV64_GUEST_IRQ) to axvm_host_irq(), and
     * leaves these files alone. NULL: guests' IMSICs are models.
     */
    volatile void *imsic;
    uint64_t imsic_hpa;
    uint32_t imsic_ids; /**< Interrupt identities of each file: "riscv,num-ids". Guest files are used if there are 255 or more. */
};

/** axvm_config.irqchip: the interrupt controller that a guest sees. In device trees: "plic", "aplic", "imsic". */
#define AXVM_RISCV64_IRQCHIP_PLIC 1u  /**< The default. */
#define AXVM_RISCV64_IRQCHIP_APLIC 2u /**< APLIC, delivering interrupts directly. Needs nothing of the host's CPU. */
#define AXVM_RISCV64_IRQCHIP_IMSIC 3u /**< An IMSIC for each vCPU, and an APLIC that sends MSIs to them. */

/** The default machine: the map of QEMU's "virt". */
#define AXVM_RISCV64_PLIC_BASE 0x0c000000u
#define AXVM_RISCV64_APLIC_BASE 0x0d000000u
#define AXVM_RISCV64_IMSIC_BASE 0x28000000u
#define AXVM_RISCV64_UART_BASE 0x10000000u
#define AXVM_RISCV64_UART_IRQ 10u
#define AXVM_RISCV64_RAM_BASE 0x80000000u
#define AXVM_RISCV64_FIRMWARE_BASE 0x20000000u

#ifdef __cplusplus
}
#endif
#endif
