/* SPDX-License-Identifier: BSD-2-Clause */
/* The rest of common/board.h: boot, firmware, time. */
#include "board.h"

#include <axvm/aarch64.h>
#include <axvm/config.h>
#include <axvm/vcpu.h>
#include <libfdt.h>

#include "canary.h"
#include "gic.h"
#include "lib.h"
#include "machine.h"
#include "sched.h"
#include "sysreg.h"
#include "uart.h"

#define UART_SPI_DEFAULT 33u
#define GIB (UINT64_C(1) << 30)

/* PSCI (Arm DEN 0022) */
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_CPU_ON 0xc4000003u
/* SMC Calling Convention 1.0 lets the callee change these */
#define SMC_CLOBBERS "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory"

/* start.S */
extern uint64_t table[512], table_vhe[512];
extern const char secondary_start[];
void el2_setup(bool e2h);
_Noreturn void secondary_main(struct cpu *cpu);

static bool vhe, psci_hvc, zva;
static uint64_t zva_bytes;
static uint64_t ticks_per_s, ns_per_tick_32, ticks_per_ns_32; /* the latter two: times 2^32 */

/* ---- boot ---- */

void board_set_self(struct cpu *cpu)
{
    WRITE_SYSREG("tpidr_el2", cpu);
}

static bool has_vhe(void)
{
    return (READ_SYSREG("id_aa64mmfr1_el1") >> 8 & 0xf) != 0;
}

static void init_zva(void)
{
    uint64_t dczid = READ_SYSREG("dczid_el0");

    zva = (dczid & 1u << 4) == 0;
    zva_bytes = UINT64_C(4) << (dczid & 0xf);
}

void board_early_init(void)
{
    const char *method = fdt_getprop(machine.fdt, fdt_path_offset(machine.fdt, "/psci"), "method", NULL);

    psci_hvc = method && str_equal(method, "hvc");
    if (!uart_init())
        board_power_off();
    init_zva();
    vhe = options.vhe && has_vhe();
    if (vhe)
        el2_setup(true);
}

/* What start.S leaves to C, on each CPU. */
static void setup_cpu(void)
{
    WRITE_SYSREG("cnthctl_el2", vhe ? CNTHCTL_HOST_VHE : CNTHCTL_HOST);
    WRITE_SYSREG("cntvoff_el2", 0);
    WRITE_SYSREG("hstr_el2", 0);
    WRITE_SYSREG("vttbr_el2", 0);
    /* All PMU counters belong to EL1 until somebody says otherwise; nothing is trapped. */
    if ((READ_SYSREG("id_aa64dfr0_el1") >> 8 & 0xf) % 0xf != 0)
        WRITE_SYSREG("mdcr_el2", READ_SYSREG("pmcr_el0") >> 11 & 0x1f);
    else
        WRITE_SYSREG("mdcr_el2", 0);
    WRITE_SYSREG("cnthp_ctl_el2", 0);
    ISB();
    canary_cpu_init();
    gic_cpu_init();
}

static uint32_t uart_irq(void)
{
    int len, node = fdt_node_offset_by_compatible(machine.fdt, -1, "arm,pl011");
    const fdt32_t *cells = fdt_getprop(machine.fdt, node, "interrupts", &len);

    return cells && len >= 12 ? fdt32_ld(cells + 1) + 32 : UART_SPI_DEFAULT;
}

void board_init(void)
{
    ticks_per_s = READ_SYSREG("cntfrq_el0");
    ns_per_tick_32 = (UINT64_C(1000000000) << 32) / ticks_per_s;
    ticks_per_ns_32 = (ticks_per_s << 32) / UINT64_C(1000000000);
    gic_init(uart_irq());
    setup_cpu();
    gic_spi_enable(uart_irq(), false);
}

void board_cpu_init(void)
{
    setup_cpu();
}

const char *board_description(void)
{
    if (vhe)
        return "E2H=1";
    return options.vhe ? "E2H=0: this CPU has no VHE" : "E2H=0";
}

/* A new entry of level 1 needs no invalidation where there was none; walkers see it after the barriers. */
void board_map_ram(uint64_t base, uint64_t size)
{
    uint64_t end = base + size < 512 * GIB ? base + size : 512 * GIB;

    for (uint64_t gib = base & -GIB; gib < end; gib += GIB) {
        if (gib < 4 * GIB)
            continue;
        table[gib / GIB] = gib | BLOCK_NORMAL;
        table_vhe[gib / GIB] = gib | BLOCK_NORMAL_VHE;
    }
    DSB(ishst);
    ISB();
}

void secondary_main(struct cpu *cpu)
{
    board_set_self(cpu);
    setup_cpu();
    cpu_main(cpu);
}

/* ---- firmware ---- */

static uint64_t psci(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    if (psci_hvc)
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : SMC_CLOBBERS);
    else
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : SMC_CLOBBERS);
    return x0;
}

bool board_cpu_start(uint64_t hwid, struct cpu *cpu, void *stack_top)
{
    *(struct cpu **)((char *)stack_top - 16) = cpu;
    DSB(ish);
    return psci(PSCI_CPU_ON, hwid, (uint64_t)secondary_start, (uint64_t)stack_top | vhe) == 0;
}

void board_power_off(void)
{
    psci(PSCI_SYSTEM_OFF, 0, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}

/* ---- time ---- */

uint64_t board_time_ns(void)
{
    ISB(); /* or the counter may be read early */
    return (uint64_t)((unsigned __int128)READ_SYSREG("cntpct_el0") * ns_per_tick_32 >> 32);
}

/* CNTHP_*: the names work with E2H clear and set. The interrupt is level-triggered, and goes away with the condition. */
void board_timer_set(uint64_t ns)
{
    if (ns == TIME_NEVER) {
        WRITE_SYSREG("cnthp_ctl_el2", 0);
    } else {
        /* Both factors are rounded down, so this can be early; then the caller sets it again. */
        WRITE_SYSREG("cnthp_cval_el2", (uint64_t)((unsigned __int128)ns * ticks_per_ns_32 >> 32) + 1);
        WRITE_SYSREG("cnthp_ctl_el2", 1);
    }
    ISB();
}

/* ---- interrupts ---- */

bool board_device_irq_enable(const struct axvm_passthrough *dev)
{
    return gic_spi_enable(dev->host_irq, dev->edge);
}

void board_device_irq_disable(uint32_t irq)
{
    gic_spi_disable(irq);
}

void board_wait_irq(void)
{
    __asm__ volatile("dsb sy\n\twfi" : : : "memory");
    irq_restore(IRQS_ENABLED);
    ISB();
    (void)irq_save();
}

/* ---- threads ---- */

uintptr_t board_context_new(void *stack_top)
{
    uint64_t *frame = (uint64_t *)stack_top - 12; /* x19..x30, as board_context_switch() stores them */

    for (unsigned int i = 0; i < 11; i++)
        frame[i] = 0;
    frame[11] = (uint64_t)thread_main;
    return (uintptr_t)frame;
}

/* ---- the rest ---- */

void board_zero_pages(void *va, size_t len)
{
    char *p = va, *end = p + len;

    if (zva && zva_bytes == 64) {
        for (; p != end; p += 512)
            __asm__ volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3\n\t"
                             "dc zva, %4\n\tdc zva, %5\n\tdc zva, %6\n\tdc zva, %7"
                             :
                             : "r"(p), "r"(p + 64), "r"(p + 128), "r"(p + 192), "r"(p + 256), "r"(p + 320), "r"(p + 384),
                               "r"(p + 448)
                             : "memory");
    } else if (zva && zva_bytes <= 4096) {
        for (; p != end; p += zva_bytes)
            __asm__ volatile("dc zva, %0" : : "r"(p) : "memory");
    } else {
        for (; p != end; p += 16)
            __asm__ volatile("stp xzr, xzr, [%0]" : : "r"(p) : "memory");
    }
}

bool board_entropy(void *buf, size_t len)
{
    char *out = buf;

    if ((READ_SYSREG("id_aa64isar0_el1") >> 60) == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint64_t value, failed;

        /* RNDR; sets Z when it has nothing to give */
        __asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, eq" : "=r"(value), "=r"(failed) : : "cc");
        if (failed)
            return false;
        out[i] = (char)value;
    }
    return true;
}

const struct axvm_cpu_config *board_cpu_config(bool host_uses_guest_regs)
{
    static const struct axvm_aarch64_cpu_config aarch64 = {
        .vtimer_intid = PPI_VIRTUAL_TIMER,
        .maintenance_intid = PPI_MAINTENANCE,
        .kick_sgi_plus_1 = SGI_KICK + 1,
        .handle_irq = gic_handle_acknowledged,
    };
    static const struct axvm_cpu_config plain = { .aarch64 = &aarch64 };
    static const struct axvm_cpu_config careful = { .flags = AXVM_CPU_HOST_USES_GUEST_REGS, .aarch64 = &aarch64 };

    return host_uses_guest_regs ? &careful : &plain;
}
