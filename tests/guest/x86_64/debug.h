/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest that debugs itself: what its parts share. */
#ifndef AXVM_TESTS_DEBUG_H
#define AXVM_TESTS_DEBUG_H

#include "report.h"

enum { DB = 1, NMI = 2, UD = 6, DF = 8, GP = 13, PF = 14, AC = 17 };
#define HOLE 0xd0000000ul
#define DEAD_PORT 0x2e0
#define RFLAGS_TF 0x100ul
#define RFLAGS_RF 0x10000ul
#define DR6_CLEAR 0xffff0ff0ul
#define DR6_BS 0x4000ul
#define SEND_NMI 0x4400u
#define TRACE_MAX 64u

/* "strict": the CPU does what the manuals say where QEMU's does not. "bochs-svm": #DB exits before DR6 is written, and
 * interrupts of the host wait until a guest that was entered with interrupts off sets RFLAGS.IF. */
extern bool strict, bochs_svm;

/* The exceptions of the piece of code that RUN() ran last. */
struct debug_trace {
    unsigned int count;
    uint64_t rip[TRACE_MAX], dr6[TRACE_MAX];
    uint8_t vector[TRACE_MAX];
};
extern volatile struct debug_trace trace;
extern volatile uint64_t debug_stop;
void trace_begin(void);
void trace_end(void);
void stepped(const char *name, unsigned int count);

struct debug_regs {
    uint64_t a, b, c, d, S, D;
};

/*
 * Run @text with @r in its registers, and rbx in r9, too; with @flags set in RFLAGS and @dr7 in DR7; up to label 2. Where it
 * begins is label 1.
 */
#define RUN_FROM(before, dr7, flags, text, r)                                                                                  \
    do {                                                                                                                       \
        trace_begin();                                                                                                         \
        __asm__ volatile("lea 2f(%%rip), %%r8\n\tmov %%r8, debug_stop(%%rip)\n\tmov %%rbx, %%r9\n\t" before                    \
                         "mov %[to7], %%r8d\n\tmov %%r8, %%dr7\n\t"                                                            \
                         "pushfq\n\torq %[fl], (%%rsp)\n\tpopfq\n1:\t" text "\n2:\tnop\n\tnop\n\tpushfq\n\t"                   \
                         "andq $~0x100, (%%rsp)\n\tpopfq\n\tmov $0x400, %%r8d\n\tmov %%r8, %%dr7"                              \
                         : "+a"((r).a), "+b"((r).b), "+c"((r).c), "+d"((r).d), "+S"((r).S), "+D"((r).D)                        \
                         : [fl] "i"(flags), [to7] "i"(dr7)                                                                     \
                         : "r8", "r9", "memory", "cc");                                                                        \
        trace_end();                                                                                                           \
    } while (0)
#define RUN(flags, text, r) RUN_FROM("", 0x400, flags, text, r)
#define RUN_WATCHING(dr7, flags, text, r) RUN_FROM("", dr7, flags, text, r)
/* A breakpoint at label 1. */
#define RUN_TO_1(text, r) RUN_FROM("lea 1f(%%rip), %%r8\n\tmov %%r8, %%dr0\n\t", 0x401, 0, text, r)

/* Which stack the handler of @vector gets on every CPU, 0: that of what it interrupts. */
void debug_set_ist(unsigned int vector, uint8_t ist);
void debug_nmis(void);
void debug_cpus(void);

#endif
