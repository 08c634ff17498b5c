/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest that debugs itself: NMIs, in each other, whose IRET faults, and while it is stepped. Rows 73, 80. */
#include "debug.h"

void debug_set_ist(unsigned int vector, uint8_t ist)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } idtr;

    __asm__ volatile("sidt %0" : "=m"(idtr));
    *(volatile uint8_t *)(idtr.base + 16 * vector + 4) = ist;
}

static volatile unsigned int nmis, nmi_steps, iret_faults;
static volatile enum { PLAIN, TWO, TWO_AND_FAULT, STEP_AFTER, STEP_AFTER_AND_TWO } nmi_kind;

static bool nmi_hook(struct frame *f)
{
    if (this_cpu_number() != 0)
        return false;
    if (f->vector == NMI) {
        nmis++;
        if (nmis == 1 && nmi_kind != PLAIN && nmi_kind != STEP_AFTER)
            apic_send(apic_id(), SEND_NMI);
        if (nmis == 1 && nmi_kind >= STEP_AFTER)
            f->rflags |= RFLAGS_TF;
        if (nmis == 1 && nmi_kind == TWO_AND_FAULT)
            f->cs = 0x7f0; /* beyond the table: the IRET faults */
        return true;
    }
    if (f->vector == GP && nmi_kind == TWO_AND_FAULT) {
        iret_faults++;
        ((uint64_t *)f->rsp)[1] = SEL_CODE64;
        return true;
    }
    if (f->vector == DB) {
        nmi_steps++;
        f->rflags &= ~RFLAGS_TF;
        return true;
    }
    return false;
}

static void one_nmi(const char *name, int kind, unsigned int want_nmis, unsigned int want_steps, unsigned int want_faults)
{
    nmis = nmi_steps = iret_faults = 0;
    nmi_kind = kind;
    guest_trap_hook = nmi_hook;
    apic_send(apic_id(), SEND_NMI);
    while (nmis < want_nmis)
        pause_cpu();
    cpuid(0, 0);
    guest_trap_hook = NULL;
    result(name, nmis == want_nmis && nmi_steps == want_steps && iret_faults == want_faults,
           (uint64_t)nmis << 32 | nmi_steps << 16 | iret_faults);
}

/* An NMI in a traced piece of code: the steps are as without. */
static void nmi_while_stepping(void)
{
    unsigned int seen = (unsigned int)this_cpu()->count[NMI];
    struct debug_regs r = { .b = LAPIC + APIC_ICR, .a = SEND_NMI };

    apic_write(APIC_ICR_HIGH, apic_id() << 24);
    RUN(RFLAGS_TF, "mov %%eax, (%%rbx)\n\tcpuid\n\tnop\n\tcpuid\n\tnop", r);
    result("an NMI while stepping", this_cpu()->count[NMI] == seen + 1 || bochs_svm, this_cpu()->count[NMI] - seen);
    stepped("the steps around it", 5);
    r = (struct debug_regs){ .b = LAPIC + APIC_ICR, .a = SEND_NMI, .c = SEL_DATA };
    RUN(RFLAGS_TF, "mov %%eax, (%%rbx)\n\tmov %%cx, %%ss\n\tmov %%eax, (%%rbx)\n\tnop\n\tnop\n\tnop", r);
    result("NMIs in the shadow of MOV SS while stepping", this_cpu()->count[NMI] >= seen + 2 - bochs_svm,
           this_cpu()->count[NMI] - seen);
}

void debug_nmis(void)
{
    one_nmi("an NMI", PLAIN, 1, 0, 0);
    one_nmi("an NMI in an NMI", TWO, 2, 0, 0);
    /* It may come before the handler of the fault has begun: not on the stack where the first one's frame is. */
    debug_set_ist(NMI, 0);
    one_nmi("an NMI in an NMI whose IRET faults", TWO_AND_FAULT, 2, 0, 1);
    debug_set_ist(NMI, 1);
    one_nmi("an NMI that returns to a step", STEP_AFTER, 1, 1, 0);
    one_nmi("an NMI in an NMI that returns to a step", STEP_AFTER_AND_TWO, 2, 1, 0);
    nmi_while_stepping();
}
