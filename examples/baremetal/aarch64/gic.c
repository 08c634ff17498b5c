/* SPDX-License-Identifier: BSD-2-Clause */
#include "gic.h"

#include "board.h"
#include "console.h"
#include "machine.h"
#include "sched.h"
#include "sysreg.h"

/* Distributor */
#define GICD_CTLR 0x0000
#define GICD_CTLR_ENABLE_GRP1 (1u << 1)
#define GICD_CTLR_ARE (1u << 4)
#define GICD_CTLR_RWP (1u << 31)
#define GICD_TYPER 0x0004
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000
/* Redistributor: a frame for the redistributor itself, and one for the private interrupts, laid out as the distributor */
#define GICR_TYPER 0x0008
#define GICR_TYPER_VLPIS (1u << 1)
#define GICR_TYPER_LAST (1u << 4)
#define GICR_WAKER 0x0014
#define GICR_WAKER_SLEEP (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)
#define GICR_SGI_BASE 0x10000
#define GICR_STRIDE 0x20000

/* CPU interface, by encoding as assemblers know the names only with the right -march. */
#define ICC_PMR_EL1 "s3_0_c4_c6_0"
#define ICC_DIR_EL1 "s3_0_c12_c11_1"
#define ICC_SGI1R_EL1 "s3_0_c12_c11_5"
#define ICC_IAR1_EL1 "s3_0_c12_c12_0"
#define ICC_EOIR1_EL1 "s3_0_c12_c12_1"
#define ICC_BPR1_EL1 "s3_0_c12_c12_3"
#define ICC_CTLR_EL1 "s3_0_c12_c12_4"
#define ICC_CTLR_EOIMODE (1u << 1)
#define ICC_IGRPEN1_EL1 "s3_0_c12_c12_7"
#define ICC_SRE_EL2 "s3_4_c12_c9_5"

/* Lower is more urgent. All of ours are the same; 0 to 0x7f may be reserved for the secure side. */
#define PRIORITY 0xa0
#define FIRST_SPI 32u
#define FIRST_SPECIAL 1020u

void gic_handle_irq(void);

static uintptr_t gicd;
static struct range gicr;
static uint32_t irq_count, uart_spi;

static uint32_t read32(uintptr_t addr)
{
    return *(volatile uint32_t *)addr;
}

static void write32(uintptr_t addr, uint32_t v)
{
    *(volatile uint32_t *)addr = v;
}

static void wait_for_write(void)
{
    while (read32(gicd + GICD_CTLR) & GICD_CTLR_RWP)
        cpu_relax();
}

/* The bits of a one-bit-per-interrupt register. */
static void write_bit(uintptr_t base, uint32_t irq)
{
    write32(base + irq / 32 * 4, 1u << irq % 32);
}

void gic_init(uint32_t uart_irq)
{
    struct range dist;

    if (!machine_reg("arm,gic-v3", 0, &dist) || !machine_reg("arm,gic-v3", 1, &gicr))
        host_fail("the machine has no GICv3");
    gicd = dist.base;
    uart_spi = uart_irq;
    write32(gicd + GICD_CTLR, 0);
    wait_for_write();
    irq_count = ((read32(gicd + GICD_TYPER) & 0x1f) + 1) * 32;
    if (irq_count > FIRST_SPECIAL)
        irq_count = FIRST_SPECIAL;
    for (uint32_t irq = FIRST_SPI; irq < irq_count; irq += 32) {
        write32(gicd + GICD_ICENABLER + irq / 8, UINT32_MAX);
        write32(gicd + GICD_ICACTIVER + irq / 8, UINT32_MAX);
        write32(gicd + GICD_IGROUPR + irq / 8, UINT32_MAX);
    }
    for (uint32_t irq = FIRST_SPI; irq < irq_count; irq += 4)
        write32(gicd + GICD_IPRIORITYR + irq, PRIORITY * 0x01010101u);
    wait_for_write();
    write32(gicd + GICD_CTLR, GICD_CTLR_ARE);
    wait_for_write();
    write32(gicd + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
    wait_for_write();
}

/* Affinity as GICR_TYPER has it: Aff3..Aff0 in one word. */
static uint32_t packed_affinity(uint64_t mpidr)
{
    return (uint32_t)(mpidr & 0xffffff) | (uint32_t)(mpidr >> 32 & 0xff) << 24;
}

static uintptr_t find_redistributor(void)
{
    uint32_t affinity = packed_affinity(READ_SYSREG("mpidr_el1"));
    uint64_t offset = 0;

    while (offset < gicr.size) {
        uintptr_t frame = gicr.base + offset;
        uint64_t type = *(volatile uint64_t *)(frame + GICR_TYPER);

        if (type >> 32 == affinity)
            return frame;
        if (type & GICR_TYPER_LAST)
            break;
        offset += type & GICR_TYPER_VLPIS ? 2 * GICR_STRIDE : GICR_STRIDE;
    }
    host_fail("a CPU has no redistributor");
}

void gic_cpu_init(void)
{
    uintptr_t rd = find_redistributor(), sgi = rd + GICR_SGI_BASE;

    write32(rd + GICR_WAKER, read32(rd + GICR_WAKER) & ~GICR_WAKER_SLEEP);
    while (read32(rd + GICR_WAKER) & GICR_WAKER_ASLEEP)
        cpu_relax();
    write32(sgi + GICD_ICENABLER, UINT32_MAX);
    write32(sgi + GICD_ICACTIVER, UINT32_MAX);
    write32(sgi + GICD_IGROUPR, UINT32_MAX);
    for (uint32_t irq = 0; irq < FIRST_SPI; irq += 4)
        write32(sgi + GICD_IPRIORITYR + irq, PRIORITY * 0x01010101u);
    write32(sgi + GICD_ICFGR + 4, 0); /* PPIs: level */
    /* The virtual timer and maintenance interrupts are for the library; it expects to find them enabled. */
    write32(sgi + GICD_ISENABLER,
            1u << SGI_KICK | 1u << SGI_POKE | 1u << PPI_MAINTENANCE | 1u << PPI_HYP_TIMER | 1u << PPI_VIRTUAL_TIMER);

    WRITE_SYSREG(ICC_SRE_EL2, 0xf); /* system registers, for EL1 too */
    ISB();
    WRITE_SYSREG(ICC_PMR_EL1, 0xff);
    WRITE_SYSREG(ICC_BPR1_EL1, 0);
    /* Dropping the priority and deactivating are two steps: so a guest's interrupt can stay active until the guest ends it. */
    WRITE_SYSREG(ICC_CTLR_EL1, ICC_CTLR_EOIMODE);
    WRITE_SYSREG(ICC_IGRPEN1_EL1, 1);
    ISB();
}

static void send_sgi(uint32_t sgi, unsigned int cpu)
{
    uint64_t mpidr = cpus[cpu].hwid, aff0 = mpidr & 0xff;

    /* What we wrote for that CPU is to be seen before the interrupt. */
    DSB(ishst);
    WRITE_SYSREG(ICC_SGI1R_EL1, (uint64_t)sgi << 24 | (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 |
                                    (mpidr >> 8 & 0xff) << 16 | (aff0 / 16) << 44 | UINT64_C(1) << aff0 % 16);
    ISB();
}

void board_send_kick(unsigned int cpu)
{
    send_sgi(SGI_KICK, cpu);
}

void board_send_poke(unsigned int cpu)
{
    send_sgi(SGI_POKE, cpu);
}

bool gic_spi_enable(uint32_t irq, bool edge)
{
    uintptr_t config = gicd + GICD_ICFGR + irq / 16 * 4;
    uint32_t bit = 2u << irq % 16 * 2;

    if (irq < FIRST_SPI || irq >= irq_count)
        return false;
    write_bit(gicd + GICD_ICENABLER, irq);
    wait_for_write();
    write32(config, edge ? read32(config) | bit : read32(config) & ~bit);
    *(volatile uint64_t *)(gicd + GICD_IROUTER + irq * 8) = cpus[0].hwid & UINT64_C(0xff00ffffff);
    write_bit(gicd + GICD_ISENABLER, irq);
    return true;
}

void gic_spi_disable(uint32_t irq)
{
    write_bit(gicd + GICD_ICENABLER, irq);
    wait_for_write();
    write_bit(gicd + GICD_ICACTIVER, irq);
}

/* True: it is ended by a guest. */
static bool dispatch(uint32_t irq)
{
    switch (irq) {
    case SGI_KICK: /* that the guest was left is all it is for */
        break;
    case SGI_POKE:
        host_poke_irq();
        break;
    case PPI_HYP_TIMER:
        host_timer_irq();
        break;
    default:
        if (irq == uart_spi)
            host_uart_irq();
        else if (host_device_irq(irq))
            return true;
        else if (irq >= FIRST_SPI)
            gic_spi_disable(irq);
        break;
    }
    return false;
}

/* An interrupt that has been acknowledged. */
static void handle(uint32_t irq)
{
    /* The library's own first, then ours. Those that were given to a guest stay active until the guest ends them. */
    bool guests = !host_guest_irq(irq) && dispatch(irq);

    WRITE_SYSREG(ICC_EOIR1_EL1, irq);
    if (!guests)
        WRITE_SYSREG(ICC_DIR_EL1, irq);
    ISB();
}

/* One interrupt; from vectors.S. */
void gic_handle_irq(void)
{
    uint64_t irq = READ_SYSREG(ICC_IAR1_EL1);

    DSB(sy);
    if (irq >= FIRST_SPECIAL)
        return;
    handle((uint32_t)irq);
    host_irq_exit();
}

void gic_handle_acknowledged(void *ctx, uint32_t irq)
{
    (void)ctx;
    handle(irq);
    /* No thread may be switched here; the interrupt that this makes is taken where one may. */
    if (cpu_self()->resched)
        board_send_poke(cpu_self()->id);
}
