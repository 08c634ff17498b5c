/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first thing that a new host or backend has to run, one step after the other. Command-line words: "cpus=N" starts N - 1
 * more CPUs, "x2apic" uses that mode, "print" does nothing but print and power off.
 */
#include "guest.h"

#define TIMER_VECTOR 0x41u
#define IPI_VECTOR 0x42u

static volatile bool cpus_wait = true;

void guest_secondary_main(unsigned int cpu)
{
    apic_enable((rdmsr(MSR_APIC_BASE) & 0x400) != 0);
    guest_cpus[cpu].apic_id = apic_id();
    while (cpus_wait)
        wait_irq();
}

static void print_cpu(void)
{
    struct cpuid r = cpuid(0, 0);
    uint32_t name[4] = { r.b, r.d, r.c, 0 };

    put_str("hello: ");
    put_str((const char *)name);
    r = cpuid(1, 0);
    put_str(" leaf 1 ");
    put_hex((uint64_t)r.c << 32 | r.d);
    put_str(" version ");
    put_hex(r.a);
    put_str("\n");
}

static void print_module(uint64_t addr, uint64_t size, const char *cmdline)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + *(const volatile uint8_t *)(addr + i));
    put_str("hello: module of ");
    put_dec(size);
    put_str(" bytes, sum ");
    put_dec(sum);
    put_str(", ");
    put_str(cmdline);
    put_str("\n");
}

/* struct multiboot_info and its modules; struct hvm_start_info and hvm_modlist_entry. */
static void print_modules(uint32_t magic)
{
    const uint32_t *mb = (const uint32_t *)guest_boot_info, *mods = (const uint32_t *)(uint64_t)mb[6];
    const uint64_t *pvh_mods = (const uint64_t *)*(const uint64_t *)(guest_boot_info + 16);

    if (magic == BOOT_PVH) {
        for (uint32_t i = 0; i < mb[3]; i++)
            print_module(pvh_mods[4 * i], pvh_mods[4 * i + 1], pvh_mods[4 * i + 2] ? (const char *)pvh_mods[4 * i + 2] : "");
    } else if (mb[0] & 8) {
        for (uint32_t i = 0; i < mb[5]; i++)
            print_module(mods[4 * i], mods[4 * i + 1] - mods[4 * i], (const char *)(uint64_t)mods[4 * i + 2]);
    }
}

static void test_fault(void)
{
    uint64_t v;

    put_str("hello: rdmsr 0xffff: vector ");
    put_dec(try_rdmsr(0xffff, &v));
    put_str("\n");
}

static void test_timer(void)
{
    uint64_t start = rdtsc();

    apic_write(APIC_TIMER_DIVIDE, 0xb);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
    for (unsigned int i = 1; i <= 3; i++) {
        apic_write(APIC_TIMER_COUNT, 100000);
        while (this_cpu()->count[TIMER_VECTOR] < i)
            wait_irq();
    }
    put_str("hello: 3 timer interrupts, tsc ");
    put_dec(rdtsc() - start);
    put_str("\n");
}

static void test_self_ipi(void)
{
    apic_send(apic_id(), 0x4000 | IPI_VECTOR);
    while (this_cpu()->count[IPI_VECTOR] == 0)
        wait_irq();
    put_str("hello: interrupt from myself\n");
}

static void test_cpus(unsigned int cpus)
{
    for (unsigned int id = 1; id < cpus; id++) {
        put_str("hello: cpu ");
        put_dec(id);
        start_cpu(id);
        put_str(" is up\n");
        while ((guest_cpus[id].count[IPI_VECTOR]) == 0) {
            apic_send(id, 0x4000 | IPI_VECTOR);
            pause_cpu();
        }
        put_str("hello: it takes interrupts\n");
    }
    cpus_wait = false;
}

void guest_main(uint32_t magic, const char *cmdline)
{
    const char *cpus = find_word(cmdline, "cpus=");

    put_str(magic == BOOT_PVH ? "hello: by PVH: " : "hello: by multiboot: ");
    put_str(cmdline);
    put_str("\n");
    if (find_word(cmdline, "print"))
        return;
    print_modules(magic);
    print_cpu();
    test_fault();
    apic_enable(find_word(cmdline, "x2apic") != NULL);
    put_str("hello: APIC ");
    put_hex(apic_read(APIC_VERSION));
    put_str("\n");
    test_self_ipi();
    test_timer();
    if (cpus)
        test_cpus((unsigned int)(*cpus - '0'));
    put_str("hello: done\n");
}
