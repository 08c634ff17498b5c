/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does what hostile-guest.md lists and looks at what it gets: each line is "hostile: NAME ok" or "... FAIL
 * got=...". It ends with "hostile: done FAILURES". The rows of that list are named at each check. This file: ports and memory.
 */
#include "hostile.h"

bool strict;

/* ---- rows 1, 6: ports ---- */

/* Ports whose writes print, or turn the machine off. */
static bool is_dear(uint32_t port)
{
    return (port >= COM1 - 4 && port < COM1 + 8) || (port >= 0x600 && port < 0x610) || (port >= 0xcf6 && port < 0xd00) ||
           (port >= 0x61 && port < 0x65) || (port >= 0x8d && port < 0x93);
}

/* Every port at every width, also across devices and past the last one. Interrupts stay off. */
static void sweep_ports(void)
{
    uint64_t sum = 0;

    for (uint32_t port = 0; port <= 0xffff; port++) {
        if (port >= COM1 - 4 && port < COM1 + 8)
            continue;
        sum += inb((uint16_t)port);
        if ((port & 63) < 8 || port > 0xfff0 || port < 0x100) {
            sum += inw((uint16_t)port);
            sum += inl((uint16_t)port);
        }
    }
    result("1 IN of every port", sum != 0, sum);
    for (uint32_t port = 0; port <= 0xffff; port += port < 0x800 ? 1 : 13) {
        if (is_dear(port))
            continue;
        outb((uint16_t)port, 0);
        outw((uint16_t)port, 0);
        outl((uint16_t)port, 0);
    }
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    result("1 OUT to nearly every port", true, 0);
}

void hostile_ports(void)
{
    result("1 IN of nothing, 1 byte", inb(DEAD_PORT) == 0xff, inb(DEAD_PORT));
    result("1 IN of nothing, 2 bytes", inw(DEAD_PORT) == 0xffff, inw(DEAD_PORT));
    result("1 IN of nothing, 4 bytes", inl(DEAD_PORT) == 0xffffffff, inl(DEAD_PORT));
    result("6 IN of 4 bytes at the last port", inl(0xffff) == 0xffffffff, inl(0xffff));
    outl(0xffff, 1);
    result("6 OUT of 4 bytes at the last port", true, 0);
    sweep_ports();
}

/* ---- rows 1, 2, 12, 13: memory ---- */

static void holes(void)
{
    static const uint64_t odd[] = { HOLE, HOLE + 0xffe, LAPIC - 4, LAPIC + 0x1000, IOAPIC + 0x1000, 0xfffff000 };
    uint32_t v = 0;

    for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        unsigned int fault = try_read32(odd[i], &v);

        result("1 load of nothing is all ones", fault == NO_FAULT && v == 0xffffffff, (uint64_t)fault << 32 | v);
        fault = try_write32(odd[i], 0x12345678);
        result("1 store to nothing vanishes", fault == NO_FAULT && try_read32(odd[i], &v) == NO_FAULT && v == 0xffffffff, v);
    }
}

/* What is fetched from nothing is all ones, which is no instruction; a CPU may also see it as a fault. */
static void jump_into_holes(void)
{
    static const uint64_t where[] = { HOLE, LAPIC, IOAPIC, HOLE - 1 };

    for (unsigned int i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        unsigned int vector = try_call((const void *)where[i], 0, 0);

        result("13 call into nothing", vector == UD || vector == GP || vector == PF, vector);
    }
}

extern uint64_t boot_pml4[], boot_pdpt[], boot_pd[];

/* Page tables of the guest in memory that is not there, and beyond what the guest can have. */
static void tables_in_holes(void)
{
    static const uint64_t where[] = { HOLE, LAPIC, UINT64_C(0xffffffff000), UINT64_C(0x100000000000) };
    uint64_t was = boot_pml4[1];

    for (unsigned int i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        uint32_t v = 0;
        unsigned int vector;

        boot_pml4[1] = where[i] | 7;
        WRITE_REG("cr3", READ_REG("cr3"));
        vector = try_read32(UINT64_C(1) << 39, &v);
        result("13 page tables in nothing", vector == PF || vector == GP, (uint64_t)vector << 32 | v);
    }
    boot_pml4[1] = was;
    WRITE_REG("cr3", READ_REG("cr3"));
}

/* Physical addresses far beyond RAM. */
static void beyond(void)
{
    uint64_t was = boot_pd[511];
    volatile uint32_t *window = (volatile uint32_t *)(511ul << 21);

    for (unsigned int bit = 33; bit < (cpuid(0x80000008, 0).a & 0xff); bit++) {
        uint32_t v;
        unsigned int vector;

        boot_pd[511] = UINT64_C(1) << bit | 0x87;
        WRITE_REG("cr3", READ_REG("cr3"));
        vector = try_read32((uint64_t)window, &v);
        result("2 load far beyond RAM", vector == NO_FAULT && v == 0xffffffff, (uint64_t)vector << 32 | v);
    }
    boot_pd[511] = was;
    WRITE_REG("cr3", READ_REG("cr3"));
}

extern char _end[];

static void touch_everything(void)
{
    uint64_t base = ((uint64_t)_end + 0x1fffff) & ~0x1ffffful, bad = 0;

    for (uint64_t a = base; a < base + (64ul << 20); a += 4096) {
        bad += read32(a) != 0;
        write32(a, (uint32_t)a);
    }
    for (uint64_t a = base; a < base + (64ul << 20); a += 4096)
        bad += read32(a) != (uint32_t)a;
    result("12/86 64 MiB: zeros first, then ours", bad == 0, bad);
}

void hostile_memory(void)
{
    holes();
    jump_into_holes();
    tables_in_holes();
    beyond();
    touch_everything();
}

/* ---- */

void guest_irq(unsigned int vector)
{
    /* Nobody would get on with anything else. */
    if (vector == UART_VECTOR && this_cpu()->count[UART_VECTOR] >= 300)
        outb(COM1 + 1, 0);
    if (vector != NMI)
        apic_eoi();
}

void guest_main(uint32_t magic, const char *cmdline)
{
    (void)magic;
    strict = find_word(cmdline, "strict") != NULL;
    hostile_ports();
    hostile_memory();
    hostile_forms();
    hostile_strings();
    hostile_cpuid();
    hostile_msrs();
    hostile_registers();
    hostile_instructions();
    hostile_user();
    hostile_lapic();
    hostile_ioapic();
    hostile_timers();
    hostile_pc();
    hostile_cpus();
    hostile_race();
    hostile_x2apic();
    report_done();
}
