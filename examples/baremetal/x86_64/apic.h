/* SPDX-License-Identifier: BSD-2-Clause */
/* The calling CPU's local APIC. Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller (APIC)". */
#ifndef APIC_H
#define APIC_H

#include <axvm/x86_64.h>
#include <stdbool.h>
#include <stdint.h>

#define APIC_ID 0x020u
#define APIC_TPR 0x080u
#define APIC_EOI 0x0b0u
#define APIC_SVR 0x0f0u
#define APIC_IRR 0x200u /* 32 vectors each 16 bytes */
#define APIC_ICR 0x300u
#define APIC_ICR_HIGH 0x310u
#define APIC_LVT_TIMER 0x320u
#define APIC_LVT_THERMAL 0x330u
#define APIC_LVT_PMC 0x340u
#define APIC_LVT_LINT0 0x350u
#define APIC_LVT_LINT1 0x360u
#define APIC_LVT_ERROR 0x370u
#define APIC_TIMER_COUNT 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE 0x3e0u
#define APIC_LVT_MASKED 0x10000u

/* Once, with the registers' address; then on each CPU. x2APIC mode where the CPU has it. */
void apic_init(uint64_t base);
void apic_cpu_init(void);
bool apic_is_x2(void);
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t v);
void apic_eoi(void);
/* Is a kick pending, or the timer for the library alone? Then take it, and nothing else. Interrupts are off before and after.
 */
enum axvm_x86_taken apic_take_irq(void *ctx);
/* The timer's interrupt is being taken by that. */
bool apic_is_taking(void);
/* Of the calling CPU. */
uint32_t apic_id(void);
/* INIT and SIPI to the CPU with that number, to start at AP_PAGE. */
void apic_start_cpu(uint32_t id);

#endif
