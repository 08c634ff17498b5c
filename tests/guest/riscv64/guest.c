/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

struct guest_cpu guest_cpus[MAX_CPUS];
extern char guest_secondary[];

void put_char(char c)
{
    if (c == '\n')
        put_char('\r');
    while ((read8(UART + 5) & 0x20) == 0) /* LSR.THRE */
        ;
    write8(UART, (uint8_t)c);
}

struct sbi_ret sbi(uint64_t eid, uint64_t fid, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    register uint64_t a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e;
    register uint64_t a6 __asm__("a6") = fid, a7 __asm__("a7") = eid;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_ret){ (int64_t)a0, a1 };
}

void power_off(void)
{
    sbi(SBI_SRST, 0, 0, 0, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}

int64_t start_cpu(unsigned int cpu, uint64_t opaque)
{
    return sbi(SBI_HSM, 0, cpu, (uint64_t)guest_secondary, opaque, 0, 0).error;
}

__attribute__((weak)) void guest_secondary_main(uint64_t cpu, uint64_t opaque)
{
    (void)cpu;
    (void)opaque;
}

__attribute__((weak)) void guest_irq(uint64_t cause)
{
    (void)cause;
}

static void die(uint64_t cause, const struct frame *f)
{
    put_str("\nGUEST EXCEPTION cause=");
    put_hex(cause);
    put_str(" tval=");
    put_hex(read_csr(stval));
    put_str(" pc=");
    put_hex(f->pc);
    put_str("\n");
    power_off();
}

void guest_exception(uint64_t cause, struct frame *f);
void guest_exception(uint64_t cause, struct frame *f)
{
    struct guest_cpu *cpu = this_cpu();

    if (cause >> 63) {
        cpu->count[cause & 15]++;
        guest_irq(cause & 15);
        cpu->irqs++;
    } else if (cpu->expect) {
        cpu->faults++;
        cpu->cause = cause;
        cpu->tval = read_csr(stval);
        cpu->pc = f->pc;
        /* A fetch: back to the caller. */
        if (cause == 1 || cause == 12 || cause == 0)
            f->pc = f->x[1];
        else
            f->pc += (*(volatile uint16_t *)f->pc & 3) == 3 ? 4 : 2;
    } else {
        die(cause, f);
    }
}
