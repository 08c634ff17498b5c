/* SPDX-License-Identifier: BSD-2-Clause */
/* RISC-V Advanced Interrupt Architecture: an APLIC's supervisor-level domain, with or without IMSICs. */
#include <libfdt.h>

#include "board.h"
#include "irqchip.h"
#include "machine.h"
#include "riscv.h"
#include "sched.h"

/* "Memory-mapped control region for an interrupt domain" */
#define DOMAINCFG 0x0u
#define DOMAINCFG_IE 0x100u
#define DOMAINCFG_MSI 0x4u
#define SOURCECFG 0x0u /* + 4 * source */
#define SOURCECFG_EDGE1 4u
#define SOURCECFG_LEVEL1 6u
#define IN_CLRIP 0x1d00u
#define CLRIE 0x1f00u
#define SETIENUM 0x1edcu
#define CLRIENUM 0x1fdcu
#define SETIPNUM_LE 0x2000u
#define TARGET 0x3000u /* + 4 * source */
#define TARGET_HART 18
/* Interrupt delivery control of a hart */
#define IDC 0x4000u
#define IDC_SIZE 32u
#define IDELIVERY 0x0u
#define ITHRESHOLD 0x8u
#define CLAIMI 0x1cu

/* "Indirectly accessed interrupt-file registers" */
#define SISELECT "0x150"
#define SIREG "0x151"
#define STOPEI "0x15c"
#define EIDELIVERY 0x70u
#define EITHRESHOLD 0x72u
#define EIE 0xc0u

static uintptr_t aplic;
static uint32_t sources, uart_source, boot_index;
static int imsic_node; /* 0: none */
static uint64_t imsic_base;
static uint32_t imsic_shift; /* from one hart's files to the next's */
static uint32_t ids;

static void write32(uint32_t off, uint32_t val)
{
    *(volatile uint32_t *)(aplic + off) = val;
}

static uint32_t read32(uint32_t off)
{
    return *(volatile uint32_t *)(aplic + off);
}

static uint32_t number(int node, const char *property, uint32_t otherwise)
{
    int len;
    const fdt32_t *cell = fdt_getprop(machine.fdt, node, property, &len);

    return cell && len == 4 ? fdt32_ld(cell) : otherwise;
}

/* ---- IMSIC ---- */

static void imsic_write(uint64_t reg, uint64_t val)
{
    WRITE_CSR(SISELECT, reg);
    WRITE_CSR(SIREG, val);
}

static bool imsic_init(int node)
{
    struct range reg;

    if (!machine_node_reg(node, 0, &reg))
        return false;
    imsic_node = node;
    imsic_base = reg.base;
    imsic_shift = 12 + number(node, "riscv,guest-index-bits", 0);
    ids = number(node, "riscv,num-ids", 0);
    return true;
}

uint64_t aia_imsic(void)
{
    int index = irqchip_output_of(imsic_node, cpu_self()->hwid);

    return index >= 0 ? imsic_base + ((uint64_t)index << imsic_shift) : 0;
}

uint32_t aia_imsic_ids(void)
{
    return ids;
}

bool aia_has_imsic(void)
{
    return imsic_node != 0;
}

/* The boot CPU's takes all: what comes is the APLIC's to choose. */
void aia_cpu_init(void)
{
    if (imsic_node == 0)
        return;
    imsic_write(EITHRESHOLD, 0);
    for (uint32_t word = 0; word <= ids / 64; word++)
        imsic_write(EIE + 2 * word, cpu_self()->id == 0 ? UINT64_MAX : 0);
    imsic_write(EIDELIVERY, 1);
}

/* ---- APLIC ---- */

/* The node with the supervisor external interrupts: its own, or those of its IMSICs. */
static int find_domain(int *imsic)
{
    int node = -1;

    while ((node = fdt_node_offset_by_compatible(machine.fdt, node, "riscv,aplic")) >= 0) {
        uint32_t msi = number(node, "msi-parent", 0);

        *imsic = msi != 0 ? fdt_node_offset_by_phandle(machine.fdt, msi) : 0;
        if (*imsic >= 0 && irqchip_output_of(*imsic != 0 ? *imsic : node, cpus[0].hwid) >= 0)
            return node;
    }
    return -1;
}

static void aplic_init(void)
{
    write32(DOMAINCFG, 0);
    for (uint32_t word = 0; word <= sources / 32; word++)
        write32(CLRIE + 4 * word, UINT32_MAX);
    for (uint32_t source = 1; source <= sources; source++)
        write32(SOURCECFG + 4 * source, 0);
    if (imsic_node == 0) {
        write32(IDC + IDC_SIZE * boot_index + ITHRESHOLD, 0);
        write32(IDC + IDC_SIZE * boot_index + IDELIVERY, 1);
    }
    write32(DOMAINCFG, DOMAINCFG_IE | (imsic_node != 0 ? DOMAINCFG_MSI : 0));
}

bool aia_init(uint32_t uart)
{
    int imsic, node = find_domain(&imsic);
    struct range reg;

    if (node < 0 || !machine_node_reg(node, 0, &reg) || (imsic != 0 && !imsic_init(imsic)))
        return false;
    aplic = reg.base;
    uart_source = uart;
    sources = number(node, "riscv,num-sources", 0);
    boot_index = (uint32_t)irqchip_output_of(imsic != 0 ? imsic : node, cpus[0].hwid);
    aplic_init();
    return true;
}

/* MSIs carry the source's number. */
bool aia_enable(uint32_t source, bool edge)
{
    if (source == 0 || source > sources || (imsic_node != 0 && source > ids))
        return false;
    write32(SOURCECFG + 4 * source, edge ? SOURCECFG_EDGE1 : SOURCECFG_LEVEL1);
    write32(TARGET + 4 * source, boot_index << TARGET_HART | (imsic_node != 0 ? source : 1));
    write32(SETIENUM, source);
    return true;
}

void aia_disable(uint32_t source)
{
    write32(CLRIENUM, source);
}

/* Without IMSICs it has been kept disabled; with them, no MSI has been sent since, even if its wire is still high. */
void aia_complete(uint32_t source)
{
    write32(imsic_node != 0 ? SETIPNUM_LE : SETIENUM, source);
}

static uint32_t claim(void)
{
    uint64_t topei;

    if (imsic_node == 0)
        return read32(IDC + IDC_SIZE * boot_index + CLAIMI) >> 16;
    __asm__ volatile("csrrw %0, " STOPEI ", zero" : "=r"(topei) : : "memory");
    return (uint32_t)(topei >> 16);
}

/* QEMU's APLIC keeps a level-sensitive source pending that was still high at its claim, though it has been low since. */
static bool has_gone(uint32_t source)
{
    return imsic_node == 0 && read32(SOURCECFG + 4 * source) == SOURCECFG_LEVEL1 &&
           (read32(IN_CLRIP + source / 32 * 4) >> source % 32 & 1) == 0;
}

void aia_handle_irq(void)
{
    uint32_t source = claim();

    if (source == 0 || has_gone(source))
        return;
    if (source == uart_source) {
        host_uart_irq();
        aia_complete(source);
        return;
    }
    /* A claim does not keep a level from coming again; its guest does when it ends it, perhaps before we are back here. */
    if (imsic_node == 0)
        aia_disable(source);
    if (!host_device_irq(source))
        aia_disable(source);
}
