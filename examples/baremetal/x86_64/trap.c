/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts of the host, and exceptions, which it should not have had. */
#include "apic.h"
#include "board.h"
#include "console.h"
#include "cpu.h"
#include "ioapic.h"
#include "lib.h"
#include "sched.h"
#include "uart.h"
#include "x86.h"

/* vectors.S; registers as instructions number them */
struct trap_frame {
    uint64_t gpr[16], vector, error, rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 23 * 8, "vectors.S and struct trap_frame disagree");

_Noreturn void trap_fatal(const struct trap_frame *frame);
void trap_irq(uint32_t vector);

static void device_irq(uint32_t input)
{
    if (input == ioapic_isa_input(UART_IRQ))
        host_uart_irq();
    else if (host_device_irq(input))
        ioapic_hold(input);
    else
        board_device_irq_disable(input);
}

/* From vectors.S. */
void trap_irq(uint32_t vector)
{
    switch (vector) {
    case VECTOR_KICK: /* that the guest was left is all it is for */
        apic_eoi();
        return;
    case VECTOR_POKE:
        host_poke_irq();
        break;
    case VECTOR_TIMER:
        if (apic_is_taking()) {
            apic_eoi();
            return;
        }
        host_timer_irq();
        break;
    case VECTOR_SPURIOUS:
        return; /* has no end */
    default:
        if (vector < VECTOR_DEVICES || vector >= VECTOR_POKE)
            return; /* a PIC's */
        device_irq(vector - VECTOR_DEVICES);
        break;
    }
    apic_eoi();
    host_irq_exit();
}

/* An exception between a guest's run and the return of our GS base finds the guest's: what we print with would fault again,
 * until the CPU shuts down without a word. */
static void mend_gs(void)
{
    uint64_t base = rdmsr(MSR_GS_BASE);
    bool ours = base >= (uint64_t)percpus && base < (uint64_t)(percpus + MAX_CPUS);

    if (!ours)
        wrmsr(MSR_GS_BASE, (uint64_t)percpus);
    console_panic();
    if (!ours)
        host_log("axvm-host: GS.base was %016lx; which CPU this is, is not known", (unsigned long)base);
}

void trap_fatal(const struct trap_frame *frame)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };
    struct cpu *cpu;

    mend_gs();
    cpu = cpu_self();
    host_log("axvm-host: exception %u on cpu%u in thread %s", (unsigned int)frame->vector, cpu->id, cpu->current->name);
    for (unsigned int i = 0; i < ARRAY_LEN(frame->gpr); i++)
        host_log("  %s %016lx", names[i], (unsigned long)(i == 4 ? frame->rsp : frame->gpr[i]));
    host_log("  rip %016lx  rflags %lx  cs %lx  ss %lx", (unsigned long)frame->rip, (unsigned long)frame->rflags,
             (unsigned long)frame->cs, (unsigned long)frame->ss);
    host_log("  error %lx  cr2 %016lx", (unsigned long)frame->error, (unsigned long)READ_REG("cr2"));
    host_fail("the host itself had an exception");
}
