/* SPDX-License-Identifier: BSD-2-Clause */
#include "acpi_pm.h"

#include <axvm/err.h>

#define NS_PER_S UINT64_C(1000000000)

/* "PM1 Status Registers", "PM1 Enable Registers", "PM1 Control Registers". */
#define STS_TMR 0x0001u
#define STS_KNOWN 0x8731u /* all that are defined; written ones clear */
#define EN_KNOWN 0x0721u
#define CNT_SCI_EN 0x0001u
#define CNT_KNOWN 0x1c03u /* SLP_TYPx, BM_RLD; SCI_EN is always set: SMI_CMD is 0 */
#define CNT_SLP_TYP 0x1c00u
#define CNT_SLP_TYP_SHIFT 10
#define CNT_SLP_EN 0x2000u
/* Intel ICH9 datasheet (316972), "RST_CNT - Reset Control Register". */
#define RST_OFF 1u /* 0xcf9, from 0xcf8 */
#define RST_CPU 0x04u
#define RST_KNOWN 0x0eu
/* Bochs and older QEMU: who writes this word here, letter by letter, turns the machine off. Kernels made for them do. */
#define OFF_PORT 0x8900u
static const char off_word[] = "Shutdown";

enum { WIN_PM, WIN_RESET, WIN_OFF };

struct acpi_pm {
    struct axvm_device dev;
    struct axvm_irq_line sci;
    uint64_t now;    /* last time that was seen; never goes back */
    uint64_t halves; /* of the timer's range that had passed at the last look: bit 31 has changed so often */
    uint16_t status, enable, control;
    uint8_t slp_typ_s5, reset;
    uint8_t off_letters; /* of the word so far */
};

static uint64_t to_ticks(uint64_t ns)
{
    return ns / NS_PER_S * AXVM_ACPI_PM_TIMER_HZ + ns % NS_PER_S * AXVM_ACPI_PM_TIMER_HZ / NS_PER_S;
}

static uint64_t to_ns(uint64_t t)
{
    return t / AXVM_ACPI_PM_TIMER_HZ * NS_PER_S +
           (t % AXVM_ACPI_PM_TIMER_HZ * NS_PER_S + AXVM_ACPI_PM_TIMER_HZ - 1) / AXVM_ACPI_PM_TIMER_HZ;
}

/* "Power Management Timer": TMR_STS is set when the highest bit changes. */
static void look_at_timer(struct acpi_pm *pm, uint64_t now)
{
    uint64_t halves;

    pm->now = now > pm->now ? now : pm->now;
    halves = to_ticks(pm->now) >> 31;
    if (halves != pm->halves)
        pm->status |= STS_TMR;
    pm->halves = halves;
}

static void update(struct acpi_pm *pm)
{
    bool wanted = (pm->enable & STS_TMR) && !(pm->status & STS_TMR) && pm->sci.vm;

    axvm_irq_line_set(&pm->sci, (pm->status & pm->enable) != 0);
    axvm_device_set_deadline(&pm->dev, wanted ? to_ns((pm->halves + 1) << 31) : AXVM_TIME_NEVER);
}

/* ---- registers ---- */

static uint64_t read_all(const struct acpi_pm *pm, unsigned int block)
{
    if (block != 0)
        return (uint32_t)to_ticks(pm->now);
    return pm->status | (uint32_t)pm->enable << 16 | (uint64_t)(pm->control | CNT_SCI_EN) << 32;
}

/* What an access is about: the registers of 8 bytes, two blocks. Beyond them is nothing. */
static uint64_t byte_mask(const struct axvm_access *acc)
{
    uint64_t ones = acc->size == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * acc->size) - 1;

    return ones << 8 * (acc->off % 8);
}

static bool is_soft_off(const struct acpi_pm *pm, uint64_t control)
{
    return (control & CNT_SLP_EN) && (control & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT == pm->slp_typ_s5;
}

/* Bytes that are not written stay as they are; in the status register, where ones clear, they are zero. */
static int write_block(struct acpi_pm *pm, struct axvm_access *acc)
{
    uint64_t mask = byte_mask(acc), val = acc->val << 8 * (acc->off % 8) & mask;
    uint16_t enable = (uint16_t)((val | (read_all(pm, 0) & ~mask)) >> 16);
    uint16_t control = (uint16_t)((val | (read_all(pm, 0) & ~mask)) >> 32);

    if (is_soft_off(pm, control)) {
        int rc = axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_OFF);

        if (rc != AXVM_OK)
            return rc;
    }
    pm->status &= (uint16_t) ~(val & STS_KNOWN);
    pm->enable = enable & EN_KNOWN;
    pm->control = control & CNT_KNOWN;
    return AXVM_OK;
}

/* A 0 to 1 of RST_CPU. */
static int write_reset(struct acpi_pm *pm, struct axvm_access *acc)
{
    uint8_t val;

    if (acc->off != RST_OFF || acc->size != 1)
        return AXVM_OK;
    val = (uint8_t)acc->val;
    if ((val & RST_CPU) && !(pm->reset & RST_CPU)) {
        int rc = axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_RESET);

        if (rc != AXVM_OK)
            return rc;
    }
    pm->reset = val & RST_KNOWN;
    return AXVM_OK;
}

static int write_off(struct acpi_pm *pm, struct axvm_access *acc)
{
    uint8_t letters = (uint8_t)(pm->off_letters + 1);

    if ((char)acc->val != off_word[pm->off_letters]) {
        pm->off_letters = (char)acc->val == off_word[0];
        return AXVM_OK;
    }
    if (off_word[letters] == 0) {
        int rc = axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_OFF);

        if (rc != AXVM_OK)
            return rc;
        letters = 0;
    }
    pm->off_letters = letters;
    return AXVM_OK;
}

/* PCI's ports: nobody is there. */
static uint64_t read_reset(const struct acpi_pm *pm, const struct axvm_access *acc)
{
    return acc->off == RST_OFF && acc->size == 1 ? pm->reset : UINT64_MAX >> (64 - 8 * acc->size);
}

/* ---- the device ---- */

/* Accesses across the two blocks are none that a PC's chip would answer. */
static bool crosses(const struct axvm_access *acc)
{
    return acc->off % 8 + acc->size > 8;
}

static int pm_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct acpi_pm *pm = (struct acpi_pm *)dev;
    unsigned long flags = axvm_device_lock(dev);

    look_at_timer(pm, axvm_device_time_ns(dev));
    if (acc->window == WIN_RESET)
        acc->val = read_reset(pm, acc);
    else if (acc->window == WIN_OFF)
        acc->val = UINT8_MAX;
    else if (crosses(acc))
        acc->val = UINT64_MAX >> (64 - 8 * acc->size);
    else
        acc->val = (read_all(pm, acc->off / 8) & byte_mask(acc)) >> 8 * (acc->off % 8);
    axvm_device_unlock(dev, flags);
    return AXVM_OK;
}

static int pm_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct acpi_pm *pm = (struct acpi_pm *)dev;
    unsigned long flags = axvm_device_lock(dev);
    int rc = AXVM_OK;

    look_at_timer(pm, axvm_device_time_ns(dev));
    if (acc->window == WIN_RESET)
        rc = write_reset(pm, acc);
    else if (acc->window == WIN_OFF)
        rc = write_off(pm, acc);
    else if (acc->off < 8 && !crosses(acc))
        rc = write_block(pm, acc);
    if (rc == AXVM_OK)
        update(pm);
    axvm_device_unlock(dev, flags);
    return rc;
}

static void pm_expire(struct axvm_device *dev, uint64_t now_ns)
{
    struct acpi_pm *pm = (struct acpi_pm *)dev;
    unsigned long flags = axvm_device_lock(dev);

    look_at_timer(pm, now_ns);
    update(pm);
    axvm_device_unlock(dev, flags);
}

static void pm_reset(struct axvm_device *dev)
{
    struct acpi_pm *pm = (struct acpi_pm *)dev;

    look_at_timer(pm, axvm_device_time_ns(dev));
    pm->status = pm->enable = pm->control = 0;
    pm->reset = 0;
    pm->off_letters = 0;
    update(pm);
}

static const struct axvm_device_ops pm_ops = {
    .name = "acpi-pm",
    .read = pm_read,
    .write = pm_write,
    .reset = pm_reset,
    .expire = pm_expire,
};

int axvm_acpi_pm_create(struct axvm *vm, const struct axvm_acpi_pm_config *cfg)
{
    struct acpi_pm *pm = axvm_device_alloc(vm, sizeof(*pm));
    int rc;

    if (!pm)
        return AXVM_ERR_NOMEM;
    pm->dev.ops = &pm_ops;
    pm->dev.windows[WIN_PM] = (struct axvm_window){ AXVM_BUS_PORT, cfg->base, AXVM_ACPI_PM_SIZE };
    pm->dev.windows[WIN_RESET] = (struct axvm_window){ AXVM_BUS_PORT, 0xcf8, 8 };
    pm->dev.windows[WIN_OFF] = (struct axvm_window){ AXVM_BUS_PORT, OFF_PORT, 1 };
    pm->dev.window_count = 3;
    pm->dev.flags = AXVM_DEVICE_FAST | AXVM_DEVICE_SELF_LOCKED;
    pm->slp_typ_s5 = cfg->slp_typ_s5;
    rc = cfg->has_sci ? axvm_irq_line_init(&pm->sci, vm, cfg->sci, false) : AXVM_OK;
    if (rc == AXVM_OK)
        rc = axvm_device_attach(vm, &pm->dev);
    if (rc == AXVM_OK)
        look_at_timer(pm, axvm_device_time_ns(&pm->dev));
    pm->status = 0;
    return rc;
}
