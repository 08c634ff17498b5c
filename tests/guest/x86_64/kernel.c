/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How test kernels for QEMU come up and end: they ask fw_cfg how many CPUs there are, start them all by one INIT and one SIPI
 * with nothing between, send each some work and spin until it is done, and end by Bochs' power-off port, QEMU's debug exit not
 * being there.
 */
#include "guest.h"

#define ALL_OTHERS 0xc0000u
#define WORK 0x20u
#define MEET 0x21u
#define MET 0x22u
#define NMI 2u
#define SEND_NMI 0x4400u
#define ROUNDS 100u

extern char ap_trampoline[], ap_trampoline_end[];

static volatile uint32_t cpus_up = 1, work_done, nmis;
static volatile bool waits, goes, met;

static uint64_t fw_cfg(uint16_t key, unsigned int bytes)
{
    uint64_t v = 0;

    outw(0x510, key);
    for (unsigned int i = 0; i < bytes; i++)
        v |= (uint64_t)inb(0x511) << 8 * i;
    return v;
}

/* An NMI for CPU 0, and after it an interrupt, by which it is known to have come. */
static void meet(void)
{
    waits = true;
    while (!goes)
        ;
    apic_send(0, SEND_NMI);
    apic_send(0, 0x4000 | MET);
}

void guest_irq(unsigned int vector)
{
    if (vector == NMI) {
        nmis++;
        return;
    }
    if (vector == WORK)
        work_done++;
    else if (vector == MEET)
        meet();
    else if (vector == MET)
        met = true;
    apic_eoi();
}

void guest_secondary_main(unsigned int cpu)
{
    (void)cpu;
    apic_enable(true);
    __atomic_fetch_add(&cpus_up, 1, __ATOMIC_SEQ_CST);
    for (;;)
        wait_irq();
}

static void start_all(uint32_t cpus)
{
    for (size_t i = 0; i < (size_t)(ap_trampoline_end - ap_trampoline); i++)
        ((volatile char *)AP_PAGE)[i] = ap_trampoline[i];
    apic_send(0, ALL_OTHERS | 0x4500);
    apic_send(0, ALL_OTHERS | 0x600 | AP_PAGE >> 12);
    while (cpus_up != cpus)
        pause_cpu();
}

static void work_on_each(uint32_t cpus)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t id = 1; id < cpus; id++) {
            uint32_t before = work_done;

            apic_send(id, 0x4000 | WORK);
            while (work_done == before)
                ;
        }
    }
}

/* CPU 0 gets two NMIs, one from itself, as close as can be: it handles both. */
static uint32_t nmis_from_two(void)
{
    uint32_t wrong = 0;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        nmis = 0;
        waits = goes = met = false;
        apic_send(1, 0x4000 | MEET);
        while (!waits)
            ;
        irqs_on();
        goes = true;
        apic_send(0, SEND_NMI);
        while (!met)
            ;
        irqs_off();
        wrong += nmis != 2;
    }
    return wrong;
}

static void end(void)
{
    outl(0xf4, 0); /* nobody there */
    for (const char *s = "Shutdown"; *s; s++)
        outb(0x8900, (uint8_t)*s);
}

void guest_main(uint32_t magic, const char *cmdline)
{
    uint32_t cpus = (uint32_t)fw_cfg(5, 2);

    (void)magic;
    (void)cmdline;
    put_str("kernel: MiB ");
    put_dec(fw_cfg(3, 8) >> 20);
    put_str(", cpus ");
    put_dec(cpus);
    put_str("\n");
    apic_enable(false);
    start_all(cpus);
    apic_enable(true);
    work_on_each(cpus);
    put_str("kernel: work ");
    put_dec(work_done);
    put_str("\n");
    if (cpus > 1) {
        put_str("kernel: rounds in which an NMI was lost ");
        put_dec(nmis_from_two());
        put_str("\n");
    }
    end();
    put_str("kernel: still there\n");
}
