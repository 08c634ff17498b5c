/* SPDX-License-Identifier: BSD-2-Clause */
/* The PC around the CPUs: PIT, RTC, ACPI power management and what else has legacy ports. The devices are portable models. */
#ifndef AXVM_X86_64_PLATFORM_H
#define AXVM_X86_64_PLATFORM_H

#include "vm_priv.h"

/* Where things are, for the devices and for the ACPI tables. */
#define AXVM_X86_PIT_IRQ 0u
#define AXVM_X86_RTC_IRQ 8u
#define AXVM_X86_SCI_IRQ 9u
#define AXVM_X86_PM_BASE 0x600u /* PM1a event block 0x600, control block 0x604, timer 0x608 */
#define AXVM_X86_RESET_PORT 0xcf9u
#define AXVM_X86_LAPIC_BASE UINT64_C(0xfee00000)
#define AXVM_X86_IOAPIC_BASE UINT64_C(0xfec00000)
#define AXVM_X86_IOAPIC_ID 0u
#define AXVM_X86_SLP_TYP_S5 0u /* SLP_TYPx of soft off: what guests without AML write to QEMU's PCs */

/* Make the default machine's devices; from axvm_arch_vm_init(), after the interrupt controllers. */
int axvm_x86_platform_create(struct axvm *vm);

/* Are there PIT, RTC and fw_cfg? Not if the config wants only what it lists. */
static inline bool axvm_x86_platform_has_clocks(const struct axvm *vm)
{
    return !(vm->flags & AXVM_VM_NO_DEFAULT_DEVICES);
}

/* vCPU 0 looks after their timers: it comes out of its guest, or is woken, at this time of hal->time_ns(), and polls. Any
 * context. */
static inline uint64_t axvm_x86_platform_deadline(struct axvm *vm)
{
    return axvm_timers_deadline(vm);
}

static inline void axvm_x86_platform_poll(struct axvm *vm, uint64_t now_ns)
{
    axvm_timers_poll(vm, now_ns);
}

#endif
