/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps of the host itself: interrupts, and what it should not have had. */
#include "board.h"
#include "console.h"
#include "lib.h"
#include "irqchip.h"
#include "riscv.h"
#include "sched.h"

/* FRAME of vectors.S; x2 is sp, x0 unused */
struct trap_frame {
    uint64_t gpr[32], pc, sstatus, cause, tval;
};
_Static_assert(sizeof(struct trap_frame) == 288, "vectors.S and struct trap_frame disagree");

_Noreturn void trap_fatal(const struct trap_frame *frame);
void trap_irq(uint64_t scause);

enum { IRQ_SOFTWARE = 1, IRQ_TIMER = 5, IRQ_EXTERNAL = 9, IRQ_GUEST_EXTERNAL = 12 };

/* From vectors.S. */
void trap_irq(uint64_t scause)
{
    switch (scause & 63) {
    case IRQ_SOFTWARE:
        board_software_irq();
        break;
    case IRQ_TIMER:
        host_timer_irq();
        break;
    case IRQ_GUEST_EXTERNAL:
        host_guest_irq(IRQ_GUEST_EXTERNAL);
        break;
    case IRQ_EXTERNAL:
        irqchip_handle_irq();
        break;
    }
    host_irq_exit();
}

void trap_fatal(const struct trap_frame *frame)
{
    struct cpu *cpu = cpu_self();

    console_panic();
    host_log("axvm-host: trap on cpu%u in thread %s", cpu->id, cpu->current->name);
    for (unsigned int i = 1; i < ARRAY_LEN(frame->gpr); i++)
        host_log("  x%u%s %016lx", i, i < 10 ? " " : "", (unsigned long)frame->gpr[i]);
    host_log("  pc  %016lx  sstatus %lx", (unsigned long)frame->pc, (unsigned long)frame->sstatus);
    host_log("  cause %lx  tval %016lx", (unsigned long)frame->cause, (unsigned long)frame->tval);
    host_fail("the host itself had an exception");
}
