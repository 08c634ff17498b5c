/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the portable part of the host needs of a CPU and its board, and the few hooks it offers in return. A new CPU is a
 * new folder beside aarch64/ that defines all of this; "board_arch.h" from there has what must be inline:
 *   irq_save(), irq_restore()   mask interrupts on this CPU; IRQS_ENABLED is what irq_save() returns when they were not
 *   cpu_self()                  this CPU's struct cpu; stays true only while interrupts are masked
 *   cpu_relax()                 in every spin loop
 *   BOARD_COMPLETES_IRQS        0 or 1
 *   BOARD_HAS_TEST_DEVICE       0 or 1: test_device(), in vms_priv.h
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "board_arch.h"

#define MAX_CPUS 9 /* eight for guests, and one that spare-boot-cpu leaves out */
#define STACK_SIZE 16384u

struct cpu;
struct axvm_cpu_config;
struct axvm_passthrough;

/* ---- boot ---- */

/* The board's addresses come from the machine's device tree; the UART works afterwards. The boot CPU, once. */
void board_early_init(void);
/* The boot CPU, once, when page_alloc() works: interrupt controller, and what every CPU needs on itself. */
void board_init(void);
/* [base, base + size) is RAM: make it accessible at the same address. */
void board_map_ram(uint64_t base, uint64_t size);
/* Make @cpu the calling CPU's own. */
void board_set_self(struct cpu *cpu);
/* Each further CPU on itself, before cpu_main(). */
void board_cpu_init(void);
/* Start the CPU with hardware number @hwid; it calls cpu_main(@cpu) on @stack_top. False when the firmware refuses. */
bool board_cpu_start(uint64_t hwid, struct cpu *cpu, void *stack_top);
/* One line about the machine for the log. */
const char *board_description(void);
_Noreturn void board_power_off(void);

/* ---- time: nanoseconds since power on ---- */

uint64_t board_time_ns(void);
/* Seconds since 1970-01-01 00:00 UTC. Only where board_arch.h says BOARD_HAS_DATE 1. */
uint64_t board_wall_time_s(void);
/* host_timer_irq() on this CPU at @ns or soon after; UINT64_MAX: never. Interrupts masked. */
void board_timer_set(uint64_t ns);

/* ---- interrupts ---- */

/* The two inter-processor interrupts: one ends a guest's run and does nothing else, one calls host_poke_irq(). */
void board_send_kick(unsigned int cpu);
void board_send_poke(unsigned int cpu);
/* Let a device's interrupt come to host_device_irq(), or not. False: there is no such interrupt. */
bool board_device_irq_enable(const struct axvm_passthrough *dev);
void board_device_irq_disable(uint32_t irq);
/* A guest has ended it. Only where board_arch.h says BOARD_COMPLETES_IRQS 1; otherwise the hardware sees that for itself. */
void board_device_irq_complete(uint32_t irq);

/* ---- UART ---- */

void board_uart_putc(char c);
int board_uart_getc(void); /* -1: nothing there */
void board_uart_rx_irq(bool enable);

/* ---- threads ---- */

/* Enable interrupts, wait for one, take it, mask again. For idle loops, with interrupts masked. */
void board_wait_irq(void);
/* Put what a function call preserves on the stack, its address in *save, and continue on stack @to. */
void board_context_switch(uintptr_t *save, uintptr_t to);
/* A stack that board_context_switch() can continue on: it calls thread_main(). */
uintptr_t board_context_new(void *stack_top);

/* ---- the rest ---- */

/* Zero memory that is a multiple of 4 KiB. */
void board_zero_pages(void *va, size_t len);
/* From the CPU's random number generator, or the firmware; false when there is none. */
bool board_entropy(void *buf, size_t len);
/* For axvm_cpu_enable(). */
const struct axvm_cpu_config *board_cpu_config(bool host_uses_guest_regs);
/*
 * Call fn(arg) with known values in the registers that it has to preserve, and compare them, and the state of the CPU that
 * belongs to the host, afterwards. Returns the name of one that changed, NULL when none did.
 */
const char *board_canary_call(int (*fn)(void *arg), void *arg, bool host_uses_guest_regs, int *result);

/* ---- hooks, called by the board ---- */

_Noreturn void host_main(const void *fdt);    /* boot CPU, first */
_Noreturn void cpu_main(struct cpu *cpu);     /* every other CPU, after board_cpu_init() */
_Noreturn void thread_main(void);             /* a new thread, interrupts masked */
_Noreturn void host_fail(const char *reason); /* power off with status 1 */
/* Interrupt handlers: masked, on the stack of the thread that was interrupted. */
void host_timer_irq(void);
void host_poke_irq(void);
void host_uart_irq(void);
bool host_device_irq(uint32_t irq); /* false: nobody's; otherwise a guest ends it */
bool host_guest_irq(uint32_t irq);  /* one that the guests' hardware raised; false: not theirs */
/* Last thing before an interrupt handler returns: may continue with another thread. */
void host_irq_exit(void);

#endif
