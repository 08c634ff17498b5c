/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest.h"

struct guest_cpu guest_cpus[MAX_CPUS];
volatile uint32_t guest_cpu_count = 1; /* start.S counts the others */
uint64_t guest_boot_info;
bool (*volatile guest_trap_hook)(struct frame *f);

extern char guest_vectors[], ap_trampoline[], ap_trampoline_end[], _stacks[];
extern uint64_t boot_gdt[];
_Noreturn void guest_park(void);
void guest_boot(uint32_t magic, uint64_t info);
void guest_ap_boot(unsigned int cpu);
void guest_exception(struct frame *f);

/* ---- console and power ---- */

void put_char(char c)
{
    if (c == '\n')
        put_char('\r');
    while ((inb(COM1 + 5) & 0x20) == 0) /* LSR.THRE */
        pause_cpu();
    outb(COM1, (uint8_t)c);
}

/* ACPI: SLP_EN with the sleep type of S5, 0 on this machine as on QEMU's. */
void power_off(void)
{
    while ((inb(COM1 + 5) & 0x40) == 0) /* LSR.TEMT */
        pause_cpu();
    outw(PM1A_CONTROL, 0x2000);
    guest_park();
}

/* ---- exceptions ---- */

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static struct gate idt[256] __attribute__((aligned(16)));

struct tss {
    uint32_t reserved0, rsp0[2], rsp1[2], rsp2[2], reserved1[2], ist1[2], rest[17];
};
_Static_assert(sizeof(struct tss) == 112, "a TSS has 104 bytes; the last 8 are nothing");
static struct tss tss[MAX_CPUS] __attribute__((aligned(16)));

static void fill_idt(void)
{
    for (unsigned int v = 0; v < 256; v++) {
        uint64_t a = (uint64_t)guest_vectors + 16 * v;

        /* NMI, #DF and #MC on the stack of IST 1. */
        idt[v] = (struct gate){ (uint16_t)a,         SEL_CODE64, v == 2 || v == 8 || v == 18, 0x8e, (uint16_t)(a >> 16),
                                (uint32_t)(a >> 32), 0 };
    }
}

static void setup_cpu(unsigned int cpu)
{
    uint64_t base = (uint64_t)&tss[cpu], stack = (uint64_t)_stacks + cpu * STACK_SIZE;
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } idtr = { sizeof(idt) - 1, (uint64_t)idt };

    tss[cpu].ist1[0] = (uint32_t)(stack + 4096);
    tss[cpu].rsp0[0] = (uint32_t)(stack + 8192);
    boot_gdt[SEL_TSS / 8 + 2 * cpu] = 103 | (base & 0xffffff) << 16 | UINT64_C(0x89) << 40 | (base >> 24 & 0xff) << 56;
    boot_gdt[SEL_TSS / 8 + 2 * cpu + 1] = base >> 32;
    __asm__ volatile("lidt %0\n\tltr %w1" : : "m"(idtr), "r"(SEL_TSS + 16 * cpu) : "memory");
    guest_cpus[cpu].apic_id = cpuid(1, 0).b >> 24;
}

static void die(const struct frame *f)
{
    put_str("\nGUEST EXCEPTION vector=");
    put_dec(f->vector);
    put_str(" error=");
    put_hex(f->error);
    put_str(" rip=");
    put_hex(f->rip);
    put_str(" cr2=");
    put_hex(READ_REG("cr2"));
    put_str(" cpu=");
    put_dec(this_cpu_number());
    put_str("\n");
    power_off();
}

void guest_exception(struct frame *f)
{
    struct guest_cpu *cpu = this_cpu();

    if (guest_trap_hook && guest_trap_hook(f))
        return;
    if (f->vector >= 32 || f->vector == 2) {
        cpu->count[f->vector]++;
        guest_irq((unsigned int)f->vector);
    } else if (cpu->fixup) {
        cpu->faults++;
        cpu->vector = (uint32_t)f->vector;
        cpu->error = (uint32_t)f->error;
        cpu->cr2 = READ_REG("cr2");
        cpu->rip = f->rip;
        f->rip = cpu->fixup;
    } else {
        die(f);
    }
}

unsigned int tried(void)
{
    struct guest_cpu *cpu = this_cpu();
    unsigned int vector = cpu->faults != 0 ? cpu->vector : NO_FAULT;

    cpu->faults = 0;
    return vector;
}

unsigned int try_rdmsr(uint32_t msr, uint64_t *v)
{
    uint32_t a = 0, d = 0;

    __asm__ volatile(TRY_FROM "rdmsr" TRY_TO : "+a"(a), "+d"(d), [fixup] "=m"(this_cpu()->fixup) : "c"(msr) : "memory");
    *v = (uint64_t)d << 32 | a;
    return tried();
}

unsigned int try_wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile(TRY_FROM "wrmsr" TRY_TO
                     : [fixup] "=m"(this_cpu()->fixup)
                     : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(msr)
                     : "memory");
    return tried();
}

unsigned int try_read32(uint64_t addr, uint32_t *v)
{
    uint32_t got = 0;

    __asm__ volatile(TRY_FROM "movl (%2), %0" TRY_TO : "+r"(got), [fixup] "=m"(this_cpu()->fixup) : "r"(addr) : "memory");
    *v = got;
    return tried();
}

unsigned int try_write32(uint64_t addr, uint32_t v)
{
    __asm__ volatile(TRY_FROM "movl %1, (%2)" TRY_TO : [fixup] "=m"(this_cpu()->fixup) : "r"(v), "r"(addr) : "memory");
    return tried();
}

/* ---- local APIC ---- */

static bool is_x2apic(void)
{
    return (rdmsr(MSR_APIC_BASE) & 0xc00) == 0xc00;
}

/* Kept, as reading the MSR each time would be most of what is measured. */
static volatile bool x2apic[MAX_CPUS];

void apic_enable(bool x2)
{
    if (x2 && (cpuid(1, 0).c >> 21 & 1) != 0)
        wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0xc00);
    x2apic[this_cpu_number()] = is_x2apic();
    apic_write(APIC_SVR, 0x1ff);
    apic_write(APIC_TPR, 0);
}

uint32_t apic_read(uint32_t reg)
{
    return x2apic[this_cpu_number()] ? (uint32_t)rdmsr(0x800 + (reg >> 4)) : read32(LAPIC + reg);
}

void apic_write(uint32_t reg, uint32_t v)
{
    if (x2apic[this_cpu_number()])
        wrmsr(0x800 + (reg >> 4), v);
    else
        write32(LAPIC + reg, v);
}

uint32_t apic_id(void)
{
    return x2apic[this_cpu_number()] ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void apic_send(uint32_t dest, uint32_t low)
{
    if (x2apic[this_cpu_number()]) {
        wrmsr(0x830, (uint64_t)dest << 32 | low);
    } else {
        apic_write(APIC_ICR_HIGH, dest << 24);
        apic_write(APIC_ICR, low);
    }
}

void ioapic_set(unsigned int pin, uint64_t entry)
{
    write32(IOAPIC, 0x11 + 2 * pin);
    write32(IOAPIC + 0x10, (uint32_t)(entry >> 32));
    write32(IOAPIC, 0x10 + 2 * pin);
    write32(IOAPIC + 0x10, (uint32_t)entry);
}

/* ---- CPUs ---- */

static void wait_tsc(uint64_t ticks)
{
    uint64_t start = rdtsc();

    while (rdtsc() - start < ticks)
        pause_cpu();
}

void start_cpu(uint32_t id)
{
    uint32_t before = guest_cpu_count;

    for (size_t i = 0; i < (size_t)(ap_trampoline_end - ap_trampoline); i++)
        ((volatile char *)AP_PAGE)[i] = ap_trampoline[i];
    apic_send(id, 0x4500); /* INIT, assert */
    wait_tsc(1000000);
    apic_send(id, 0x4600 | AP_PAGE >> 12);
    while (guest_cpu_count == before)
        wait_tsc(1000000);
}

void wait_count(const volatile uint64_t *count, uint64_t value)
{
    while (*count < value) {
        irqs_window();
        pause_cpu();
    }
}

void guest_ap_boot(unsigned int cpu)
{
    setup_cpu(cpu);
    guest_secondary_main(cpu);
}

__attribute__((weak)) void guest_secondary_main(unsigned int cpu)
{
    (void)cpu;
}

__attribute__((weak)) void guest_irq(unsigned int vector)
{
    (void)vector;
    apic_eoi();
}

/* ---- the boot CPU ---- */

/* multiboot_info.flags, bit 2: cmdline is there; struct hvm_start_info.cmdline_paddr */
static const char *find_cmdline(uint32_t magic, uint64_t info)
{
    const char *cmdline = NULL;

    if (magic == BOOT_PVH)
        cmdline = (const char *)*(const uint64_t *)(info + 24);
    else if (magic == BOOT_MULTIBOOT && (*(const uint32_t *)info & 4) != 0)
        cmdline = (const char *)(uint64_t) * (const uint32_t *)(info + 16);
    return cmdline ? cmdline : "";
}

void guest_boot(uint32_t magic, uint64_t info)
{
    guest_boot_info = info;
    fill_idt();
    setup_cpu(0);
    outb(0x21, 0xff); /* the PIC: all masked */
    outb(0xa1, 0xff);
    outb(COM1 + 1, 0);    /* no interrupts */
    outb(COM1 + 3, 0x83); /* 8 bits, and the divisor's registers */
    outb(COM1 + 0, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3);
    outb(COM1 + 2, 7); /* FIFOs on and empty */
    guest_main(magic, find_cmdline(magic, info));
    power_off();
}
