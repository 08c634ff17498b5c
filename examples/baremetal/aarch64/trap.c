/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception that the host itself should not have had. */
#include "board.h"
#include "console.h"
#include "lib.h"
#include "sched.h"

/* FATAL_FRAME of vectors.S */
struct fatal_frame {
    uint64_t gpr[31], sp, pc, pstate, esr, far;
};
_Static_assert(sizeof(struct fatal_frame) == 288, "vectors.S and struct fatal_frame disagree");

_Noreturn void trap_fatal(const struct fatal_frame *frame, unsigned int vector);

void trap_fatal(const struct fatal_frame *frame, unsigned int vector)
{
    static const char *const sources[] = { "EL2, SP_EL0", "EL2", "EL1 or EL0, AArch64", "EL1 or EL0, AArch32" };
    static const char *const kinds[] = { "synchronous", "IRQ", "FIQ", "SError" };
    struct cpu *cpu = cpu_self();

    console_panic();
    host_log("axvm-host: %s exception from %s on cpu%u in thread %s", kinds[vector % 4], sources[vector / 4 % 4], cpu->id,
             cpu->current->name);
    for (unsigned int i = 0; i < ARRAY_LEN(frame->gpr); i++)
        host_log("  x%u%s %016lx", i, i < 10 ? " " : "", (unsigned long)frame->gpr[i]);
    host_log("  sp  %016lx", (unsigned long)frame->sp);
    host_log("  pc  %016lx  pstate %lx", (unsigned long)frame->pc, (unsigned long)frame->pstate);
    host_log("  esr %016lx  far %016lx", (unsigned long)frame->esr, (unsigned long)frame->far);
    host_fail("the host itself had an exception");
}
