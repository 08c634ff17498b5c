/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

struct guest_cpu guest_cpus[MAX_CPUS];
extern char guest_secondary[];

void put_char(char c)
{
    if (c == '\n')
        put_char('\r');
    while (read32(UART + 0x18) & 0x20) /* FR.TXFF */
        ;
    write32(UART, (uint8_t)c);
}

uint64_t hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = fn, x1 __asm__("x1") = a, x2 __asm__("x2") = b, x3 __asm__("x3") = c;

    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

uint64_t smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = fn, x1 __asm__("x1") = a, x2 __asm__("x2") = b, x3 __asm__("x3") = c;

    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return x0;
}

void power_off(void)
{
    hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}

uint64_t mpidr_of(unsigned int cpu)
{
    return (uint64_t)(cpu / 16) << 8 | cpu % 16;
}

int64_t start_cpu(unsigned int cpu)
{
    return (int64_t)hvc(PSCI_CPU_ON, mpidr_of(cpu), (uint64_t)guest_secondary, cpu);
}

__attribute__((weak)) void guest_secondary_main(uint64_t cpu)
{
    (void)cpu;
}

__attribute__((weak)) void guest_irq(uint32_t intid)
{
    (void)intid;
}

/* ---- exceptions ---- */

static void die(uint64_t kind, const struct frame *f)
{
    put_str("\nGUEST EXCEPTION kind=");
    put_dec(kind);
    put_str(" esr=");
    put_hex(read_sysreg("esr_el1"));
    put_str(" far=");
    put_hex(read_sysreg("far_el1"));
    put_str(" elr=");
    put_hex(f->elr);
    put_str("\n");
    power_off();
}

static void take_irq(void)
{
    struct guest_cpu *cpu = this_cpu();
    uint32_t intid = (uint32_t)read_sysreg("S3_0_C12_C12_0"); /* ICC_IAR1_EL1 */

    cpu->last_intid = intid;
    if (intid < 1020) {
        cpu->count[intid]++;
        guest_irq(intid);
        write_sysreg("S3_0_C12_C12_1", intid); /* ICC_EOIR1_EL1 */
    }
    cpu->irqs++;
}

/* kind: 0..3 sync, IRQ, FIQ, SError of this EL; 4.. lower EL; 8.. lower EL, AArch32 */
void guest_exception(uint64_t kind, struct frame *f);
void guest_exception(uint64_t kind, struct frame *f)
{
    struct guest_cpu *cpu = this_cpu();

    if (kind % 4 == 1) {
        take_irq();
    } else if (kind % 4 == 0 && cpu->expect) {
        cpu->faults++;
        cpu->esr = read_sysreg("esr_el1");
        cpu->far = read_sysreg("far_el1");
        cpu->elr = f->elr;
        /* A prefetch abort: back to the caller. */
        f->elr = cpu->esr >> 26 == 0x21 ? f->x[30] : f->elr + 4;
    } else {
        die(kind, f);
    }
}

/* ---- GICv3 ---- */

void gic_init_distributor(void)
{
    write32(GICD, 0x13); /* ARE, group 1 and 0 on */
}

void gic_init_cpu(unsigned int cpu)
{
    uint64_t rd = GICR + cpu * GICR_STRIDE, sgi = rd + 0x10000;

    write32(rd + 0x14, read32(rd + 0x14) & ~2u); /* WAKER.ProcessorSleep */
    write32(sgi + 0x80, 0xffffffff);             /* IGROUPR0: group 1 */
    for (unsigned int i = 0; i < 32; i += 4)
        write32(sgi + 0x400 + i, 0xa0a0a0a0);
    write32(sgi + 0x100, 0x4800ffff); /* SGIs, virtual and physical timer */
    write_sysreg("S3_0_C12_C12_5", 7);    /* ICC_SRE_EL1 */
    isb();
    write_sysreg("S3_0_C4_C6_0", 0xf0);   /* ICC_PMR_EL1 */
    write_sysreg("S3_0_C12_C12_3", 0);    /* ICC_BPR1_EL1 */
    write_sysreg("S3_0_C12_C12_4", 0);    /* ICC_CTLR_EL1: EOImode 0 */
    write_sysreg("S3_0_C12_C12_7", 1);    /* ICC_IGRPEN1_EL1 */
    isb();
}

void gic_sgi(unsigned int intid, unsigned int target_cpu)
{
    uint64_t v = (uint64_t)intid << 24 | (uint64_t)(target_cpu / 16) << 16 | 1ul << target_cpu % 16;

    __asm__ volatile("dsb ish\n\tmsr S3_0_C12_C11_5, %0\n\tisb" : : "r"(v) : "memory");
}
