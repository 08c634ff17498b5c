/* SPDX-License-Identifier: BSD-2-Clause */
#include "platform.h"

#include <axvm/err.h>

#include "../../devices/acpi_pm.h"
#include "../../devices/fw_cfg.h"
#include "../../devices/i8042.h"
#include "../../devices/i8254.h"
#include "../../devices/mc146818.h"
#include "bits.h"
#include "config_check.h"

#define KIB_SHIFT 10
#define CHUNK_SHIFT 16 /* 64 KiB */
#define MIB UINT64_C(0x100000)
#define GIB4 (UINT64_C(1) << 32)

/* ---- what firmware looks for in CMOS memory: as Bochs and QEMU have it ---- */

#define CMOS_EQUIPMENT 0x14u
#define CMOS_BASE_KIB 0x15u
#define CMOS_EXTENDED_KIB 0x17u      /* above 1 MiB, up to 64 MiB */
#define CMOS_EXTENDED_KIB_POST 0x30u /* the same */
#define CMOS_ABOVE_16M_CHUNKS 0x34u
#define CMOS_ABOVE_4G_CHUNKS 0x5bu /* three bytes */
#define CMOS_OTHER_CPUS 0x5fu
#define EQUIPMENT_FPU 0x02u

static void put(uint8_t *nvram, unsigned int at, uint64_t v, unsigned int bytes)
{
    for (unsigned int i = 0; i < bytes; i++)
        nvram[at + i] = (uint8_t)(v >> 8 * i);
}

/* Where RAM ends that goes on from @from without a gap; regions may be in any order. */
static uint64_t ram_end(const struct axvm_region *ram, uint32_t count, uint64_t from)
{
    for (uint32_t i = 0; i < count;) {
        bool longer = ram[i].kind != AXVM_REGION_DEVICE && ram[i].gpa.v <= from && ram[i].gpa.v + ram[i].len > from;

        if (longer)
            from = ram[i].gpa.v + ram[i].len;
        i = longer ? 0 : i + 1;
    }
    return from;
}

struct ram_size {
    uint64_t low; /* up to 4 GiB */
    uint64_t high;
};

static struct ram_size ram_size(const struct axvm *vm)
{
    struct axvm_region fallback[AXVM_DEFAULT_RAM_PIECES];
    const struct axvm_region *ram = vm->cfg.regions;
    uint32_t count = vm->cfg.region_count;

    if (count == 0) {
        ram = fallback;
        count = axvm_config_default_ram(&vm->cfg, fallback);
    }
    return (struct ram_size){ .low = axvm_min(ram_end(ram, count, MIB), GIB4), .high = ram_end(ram, count, GIB4) - GIB4 };
}

static void describe_memory(const struct axvm *vm, uint8_t *nvram)
{
    struct ram_size ram = ram_size(vm);

    put(nvram, CMOS_BASE_KIB, 640, 2);
    put(nvram, CMOS_EXTENDED_KIB, axvm_min((ram.low - MIB) >> KIB_SHIFT, 0xffff), 2);
    put(nvram, CMOS_EXTENDED_KIB_POST, axvm_min((ram.low - MIB) >> KIB_SHIFT, 0xffff), 2);
    put(nvram, CMOS_ABOVE_16M_CHUNKS, ram.low > 16 * MIB ? axvm_min((ram.low - 16 * MIB) >> CHUNK_SHIFT, 0xffff) : 0, 2);
    put(nvram, CMOS_ABOVE_4G_CHUNKS, axvm_min(ram.high >> CHUNK_SHIFT, 0xffffff), 3);
}

static int create_rtc(struct axvm *vm, bool has_irq)
{
    struct axvm_mc146818_config cfg = { .irq = AXVM_X86_RTC_IRQ, .has_irq = has_irq };

    describe_memory(vm, cfg.nvram);
    cfg.nvram[CMOS_EQUIPMENT] = EQUIPMENT_FPU;
    cfg.nvram[CMOS_OTHER_CPUS] = (uint8_t)(vm->cfg.vcpu_count - 1);
    return axvm_mc146818_create(vm, &cfg);
}

static int create_fw_cfg(struct axvm *vm)
{
    struct ram_size ram = ram_size(vm);
    struct axvm_fw_cfg_config cfg = { .ram_size = ram.low + ram.high, .cpus = (uint16_t)vm->cfg.vcpu_count };

    return axvm_fw_cfg_create(vm, &cfg);
}

int axvm_x86_platform_create(struct axvm *vm)
{
    bool has_irq = vm->cfg.irq_mode != AXVM_IRQ_NONE;
    const struct axvm_acpi_pm_config pm = {
        .base = AXVM_X86_PM_BASE,
        .sci = AXVM_X86_SCI_IRQ,
        .has_sci = has_irq,
        .slp_typ_s5 = AXVM_X86_SLP_TYP_S5,
    };
    int rc = axvm_acpi_pm_create(vm, &pm);

    if (rc == AXVM_OK)
        rc = axvm_i8042_create(vm);
    if (rc == AXVM_OK && axvm_x86_platform_has_clocks(vm))
        rc = axvm_i8254_create(vm, AXVM_X86_PIT_IRQ, has_irq);
    if (rc == AXVM_OK && axvm_x86_platform_has_clocks(vm))
        rc = create_rtc(vm, has_irq);
    if (rc == AXVM_OK && axvm_x86_platform_has_clocks(vm))
        rc = create_fw_cfg(vm);
    return rc;
}
