/* SPDX-License-Identifier: BSD-2-Clause */
/** @file What is special about x86-64 hosts and guests. Host requirements: long mode at CPL 0; SVM with nested paging, or VMX
 * with EPT and unrestricted guest. */
#ifndef AXVM_X86_64_H
#define AXVM_X86_64_H

#include <axvm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The TSC runs at one rate in all power states, and is the same on all CPUs: guests are told so. */
#define AXVM_X86_INVARIANT_TSC (1u << 0)
/** Do without what a CPU may lack: for tests. */
#define AXVM_X86_NO_NRIPS (1u << 1)
#define AXVM_X86_NO_FLUSH_BY_ASID (1u << 2)
#define AXVM_X86_NO_CLEAN_BITS (1u << 3)
#define AXVM_X86_NO_VNMI (1u << 4)
#define AXVM_X86_NO_APICV (1u << 5)
/** Use virtual-interrupt delivery also on a CPU that is known to get it wrong, which is Bochs': for tests. */
#define AXVM_X86_TRUST_APICV (1u << 6)

/**
 * SVM: code that runs with the host's stack, code segment and tables, but with FS, GS, TR and LDTR of a guest, and GIF 0. No
 * interrupt comes here. But Bochs' CPUs keep a guest's single-step trap over #VMEXIT, and a guest can have that as often as it
 * likes: a host that is to run there has to return from a #DB whose RIP is from the first to below the second of these, with
 * RFLAGS.TF clear, at once. Its gate for #DB must have no IST, as the TSS is the guest's, and GS is not to be used before that.
 */
extern const char axvm_x86_guest_left[], axvm_x86_host_back[];

/** What axvm_x86_cpu_config.take_irq() has taken. */
enum axvm_x86_taken {
    AXVM_X86_TAKEN_NONE,  /**< Nothing: the interrupt is still pending, the host shall have it. */
    AXVM_X86_TAKEN_KICK,  /**< One of hal->kick_cpu(). */
    AXVM_X86_TAKEN_TIMER, /**< That of hal->timer_set(), which is not set any more. */
};

/** How to use a CPU. */
struct axvm_x86_cpu_config {
    uint64_t tsc_hz; /**< Of the time stamp counter; the same on all CPUs, whose counters agree. Required. */
    uint32_t flags;  /**< AXVM_X86_*. */
    /**
     * A host interrupt has ended a guest's run and is still pending. Is it one that the host has for the library alone? Then it
     * may take it, with its end of interrupt, and say which: it is dealt with in the fast tier. It may be taken by opening
     * interrupts for a moment through the host's own vector, if the handler does nothing that "any context" forbids, switching
     * threads among it, and no other interrupt can come in (CR8). A timer is set anew after its interrupt was taken, not before:
     * one that expires in between would merge with the interrupt that is pending, and be lost. Any context, first argument is
     * hal->ctx. Optional: NULL stands for AXVM_X86_TAKEN_NONE.
     */
    enum axvm_x86_taken (*take_irq)(void *ctx);
};

/** A hypercall of a guest (VMCALL or VMMCALL at CPL 0) that goes to the host: number in RAX, arguments in RBX, RCX, RDX, RSI,
 * RDI, R8; the result is RAX, ~0 where there is none. */

/** The default machine: a PC without PCI. */
#define AXVM_X86_RAM_BASE 0u
/** Video memory, which there is not: reads as all ones, unless the host answers. The rest up to 1 MiB is RAM that no memory map
 *  tells of, as if a BIOS had copied itself and its option ROMs there; at 0xf0000 there are our tables. */
#define AXVM_X86_HOLE_BASE 0xa0000u
#define AXVM_X86_HOLE_END 0xc0000u
#define AXVM_X86_RAM_LOW_END 0xc0000000u /**< RAM beyond continues at 4 GiB */
#define AXVM_X86_UART_PORT 0x3f8u
#define AXVM_X86_UART_IRQ 4u

#ifdef __cplusplus
}
#endif
#endif
