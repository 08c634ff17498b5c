/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the hostile guest. What they report begins with the rows of hostile-guest.md. */
#ifndef AXVM_TESTS_HOSTILE_H
#define AXVM_TESTS_HOSTILE_H

#include "report.h"

enum { DB = 1, NMI = 2, UD = 6, DF = 8, GP = 13, PF = 14, AC = 17 };
#define HOLE 0xd0000000ul /* nothing there in the default machine */
#define DEAD_PORT 0x2e0
#define IPI_VECTOR 0x60u
#define TIMER_VECTOR 0x62u
#define UART_VECTOR 0x64u

/* "strict" is on the command line: the CPU checks what the manuals say it checks. QEMU's accepts addresses that are not
 * canonical in MSRs, reserved bits of CR3 and CR8, and has no DR7.GD. */
extern bool strict;

/* Run an instruction without operands, or with those that are in registers already; the vector, or NO_FAULT. */
#define TRY_INSN(text)                                                                                                         \
    __extension__({                                                                                                            \
        __asm__ volatile(TRY_FROM text TRY_TO                                                                                  \
                         : [fixup] "=m"(this_cpu()->fixup)                                                                     \
                         :                                                                                                     \
                         : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");                \
        tried();                                                                                                               \
    })

/* Call what may fault, wherever it left the stack. RAX and RBX are its operands. */
static inline unsigned int try_call(const void *code, uint64_t a, uint64_t b)
{
    __asm__ volatile("mov %%rsp, %%r14\n\t" TRY_FROM "call *%[code]\n771:\tmov %%r14, %%rsp\n\tmovq $0, %[fixup]"
                     : "+a"(a), "+b"(b), [fixup] "=m"(this_cpu()->fixup)
                     : [code] "r"(code)
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r14", "memory", "cc");
    return tried();
}

void hostile_ports(void);
void hostile_pc(void);
void hostile_memory(void);
void hostile_forms(void);
void hostile_strings(void);
void hostile_msrs(void);
void hostile_cpuid(void);
void hostile_registers(void);
void hostile_instructions(void);
void hostile_user(void);
void hostile_lapic(void);
void hostile_x2apic(void);
void hostile_ioapic(void);
void hostile_timers(void);
void hostile_cpus(void);
void hostile_race(void);

#endif
