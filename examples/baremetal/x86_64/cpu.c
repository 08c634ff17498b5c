/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu.h"

#include "lib.h"
#include "sched.h"
#include "x86.h"

extern uint64_t gdt[GDT_ENTRIES]; /* start.S */
extern char trap_vectors[];       /* vectors.S */

struct percpu percpus[MAX_CPUS];
uint64_t cpu_xcr0;

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static struct gate idt[256] __attribute__((aligned(16)));

#define GATE_INTERRUPT 0x8e /* present, DPL 0, interrupts masked */
#define TSS_AVAILABLE UINT64_C(0x89)

#define CR4_PAE (1u << 5)
#define CR4_PGE (1u << 7)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_OSXSAVE (1u << 18)
#define CPUID1_C_XSAVE (1u << 26)
#define XCR0_X87_SSE_AVX 7u

void board_set_self(struct cpu *cpu)
{
    percpus[cpu->id].self = cpu;
    percpus[cpu->id].here = &percpus[cpu->id];
    wrmsr(MSR_GS_BASE, (uint64_t)&percpus[cpu->id]);
}

static uint8_t gate_ist(unsigned int vector)
{
    enum { NMI = 2, DOUBLE_FAULT = 8, MACHINE_CHECK = 18 };

    return vector == DOUBLE_FAULT ? 2 : vector == NMI || vector == MACHINE_CHECK;
}

static void fill_idt(void)
{
    for (unsigned int v = 0; v < ARRAY_LEN(idt); v++) {
        uint64_t a = (uint64_t)trap_vectors + 16 * v;

        idt[v] =
            (struct gate){ (uint16_t)a, SEL_CODE64, gate_ist(v), GATE_INTERRUPT, (uint16_t)(a >> 16), (uint32_t)(a >> 32), 0 };
    }
}

static void load_tables(unsigned int id)
{
    struct tss *tss = &percpus[id].tss;
    uint64_t base = (uint64_t)tss;
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } gdtr = { GDT_ENTRIES * 8 - 1, (uint64_t)gdt }, idtr = { sizeof(idt) - 1, (uint64_t)idt };

    tss->ist[0] = (uint64_t)percpus[id].ist[1];
    tss->ist[1] = (uint64_t)percpus[id].ist[1] + IST_SIZE;
    tss->io_map = sizeof(*tss);
    gdt[SEL_TSS / 8 + 2 * id] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    gdt[SEL_TSS / 8 + 2 * id + 1] = base >> 32;
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" : : "m"(gdtr), "m"(idtr), "r"(SEL_TSS + 16 * id) : "memory");
}

/* QEMU 7.2 takes CR4.OSXSAVE for a reserved bit on a CPU that has XSAVE but nothing of leaf 0xD, sub-leaf 1 (Opteron_G5), and
 * then executes the MOV forever. */
static bool has_xsave(void)
{
    return (cpuid(1, 0).c & CPUID1_C_XSAVE) != 0 && cpuid(0xd, 1).a != 0;
}

/* As a host that uses SSE and AVX, though all that touches them here is the canary. */
static void enable_vectors(void)
{
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    static const uint32_t mxcsr = 0x1f80;

    if (has_xsave()) {
        WRITE_REG("cr4", cr4 | CR4_OSXSAVE);
        cpu_xcr0 = cpuid(0xd, 0).a & XCR0_X87_SSE_AVX;
        __asm__ volatile("xsetbv" : : "a"((uint32_t)cpu_xcr0), "d"(0), "c"(0) : "memory");
    } else {
        WRITE_REG("cr4", cr4);
    }
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

void cpu_setup(unsigned int id)
{
    if (id == 0)
        fill_idt();
    load_tables(id);
    enable_vectors();
    WRITE_REG("cr8", 0);
}
